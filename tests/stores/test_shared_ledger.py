"""One ledger for several clients: the stores, and what happens when things go wrong."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import pytest
from ledgers import ledger_of
from processes import PATIENCE
from stores_lab import KINDS, new_postgres_store
from world import OnClock, lab

from postiz_async import AdvancedOptions, NewPost, Postiz
from postiz_async._quota import Grant, Ledger, RateHeaders, Wait, answered, decide, lost
from postiz_async._quota.state import ledger_name
from postiz_async._sandbox import MemoryServer
from postiz_async.clock import JumpingClock
from postiz_async.errors import QuotaWaitError, StoreError
from postiz_async.stores import Kept
from postiz_async.stores._shared_ledger import SharedLedger
from postiz_async.stores.memory import MemoryStore
from postiz_async.stores.sqlite import SqliteStore
from postiz_async.testing._transport import SandboxTransport, sandbox_client

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from postiz_async.stores import Records
    from postiz_async.types import Attempt


# ------------------------------------------------------------------ clients that share


@asynccontextmanager
async def organisation(limit: int = 30) -> AsyncGenerator[tuple[MemoryServer, str]]:
    async with MemoryServer(clock=JumpingClock(), limit=limit) as sandbox:
        yield sandbox, sandbox.add_channel("mastodon").id


async def send(sandbox: MemoryServer, channel: str, store: Records, posts: int) -> None:
    at = datetime.fromtimestamp(sandbox.clock.time() + 30 * 86_400, UTC)
    async with (
        sandbox_client(sandbox, latency=0.2, store=store) as postiz,
        asyncio.TaskGroup() as g,
    ):
        for number in range(posts):
            g.create_task(postiz.posts.schedule(NewPost(channel, f"post {number}"), at=at))


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("clients", [1, 4, 8])
async def test_clients_that_share_never_go_over(
    kind: str, clients: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with organisation() as (sandbox, channel):
        store: Records = MemoryStore()
        if kind == "postgres":
            database = await new_postgres_store(request.getfixturevalue("postgres"))
            store = OnClock(database, sandbox.clock, sandbox.clock.hold)
        elif kind == "sqlite":
            store = SqliteStore(tmp_path / "quota.sqlite")
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(send(sandbox, channel, store, 104 // clients))
        await store.aclose()
        assert len(sandbox.posts) == 104
        assert sandbox.refusals == 0
        first, *_, last = (create.at for create in sandbox.creates)
        assert (last - first) / (3 * 3600) <= 1.005


async def test_processes_with_a_connection_each(tmp_path: Path) -> None:
    async with organisation() as (sandbox, channel):
        stores = [SqliteStore(tmp_path / "quota.sqlite") for _ in range(4)]
        async with asyncio.TaskGroup() as group:
            for each in stores:
                group.create_task(send(sandbox, channel, each, 20))
        for each in stores:
            await each.aclose()
        assert len(sandbox.posts) == 80
        assert sandbox.refusals == 0


async def test_a_successor_knows_a_window_that_is_used_up(store: Records) -> None:
    async with organisation(limit=5) as (sandbox, channel):
        await send(sandbox, channel, store, 5)
        at = datetime.fromtimestamp(sandbox.clock.time() + 86_400, UTC)
        async with sandbox_client(sandbox, store=store) as postiz:
            assert (await postiz.quota()).remaining == 0
            with pytest.raises(QuotaWaitError):
                await postiz.posts.schedule(NewPost(channel, "x"), at=at, max_wait=5)
        assert sandbox.refusals == 0


async def test_a_holder_that_dies_keeps_its_slot_and_then_it_is_spent(store: Records) -> None:
    clock = JumpingClock()
    dead = SharedLedger(store, "name", ledger_of(limit=3), clock)
    first = await dead.take(lambda *_: Grant(), lifetime=60.0)
    assert isinstance(first, int)
    heir = SharedLedger(store, "name", ledger_of(limit=3), clock)
    await heir.refresh()
    assert len(heir.ledger.flights.open) == 1
    assert heir.look_again_in() == 0.25
    clock.advance(61)
    seen: list[Ledger] = []

    def ask(ledger: Ledger, _: float) -> Grant:
        seen.append(ledger)
        return Grant()

    assert await heir.take(ask, lifetime=60.0) == first + 1
    assert seen[0].flights.open == ()
    assert seen[0].flights.pending == 1  # spent, never free
    await dead.settle(lambda ledger, now: lost(ledger, first, now))  # a late word changes nothing
    await heir.refresh()
    assert [flight.token for flight in heir.ledger.flights.open] == [first + 1]


async def test_a_taker_who_lost_the_race_asks_again(store: Records) -> None:
    clock = JumpingClock()
    one, two = (SharedLedger(store, "name", ledger_of(limit=2), clock) for _ in range(2))
    await asyncio.gather(one.refresh(), two.refresh())

    def last_slot(ledger: Ledger, _: float) -> Grant | Wait:
        from postiz_async._quota import WaitReason  # noqa: PLC0415

        return Wait(9.0, WaitReason.WINDOW) if ledger.flights.open else Grant()

    results = await asyncio.gather(
        one.take(last_slot, lifetime=9.0), two.take(last_slot, lifetime=9.0)
    )
    assert sorted(isinstance(result, Wait) for result in results) == [False, True]


# ------------------------------------------------------------------ when things go wrong


class SlowStore(MemoryStore):
    """Hangs in the next swap until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        self.reached.set()
        await self.go_on.wait()
        return await super().swap(scope, key, version, value, keep=keep)


async def test_cancelled_while_a_reservation_is_written_gives_it_back() -> None:
    store = SlowStore()
    handle = SharedLedger(store, "name", ledger_of(limit=2), JumpingClock())
    before = handle.ledger.flights.tokens
    taking = asyncio.create_task(handle.take(lambda *_: Grant(), lifetime=60.0))
    await store.reached.wait()
    taking.cancel()
    store.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await taking
    await handle.refresh()
    flights = handle.ledger.flights
    assert (flights.tokens, flights.open, flights.pending) == (before + 1, (), 0)


class TimedStore(MemoryStore):
    """Has a clock of its own, which can be set."""

    def __init__(self, clock: JumpingClock) -> None:
        super().__init__()
        self._clock = clock
        self.ahead = 1e9

    async def get(self, scope: str, key: str, /) -> Kept:
        return self._told(await super().get(scope, key))

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        done, state = await super().swap(scope, key, version, value, keep=keep)
        return done, self._told(state)

    def _told(self, state: Kept) -> Kept:
        return state._replace(time=self._clock.monotonic() + self.ahead)


@pytest.mark.parametrize("used", [5, 30])
@pytest.mark.parametrize("step", [-1e6, -3600.0, -1000.0, -120.0, 120.0, 3600.0, 1e6])
async def test_the_clock_of_the_store_is_set(step: float, used: int) -> None:
    """Processes that saw it before and one that begins afterwards; none is over, none waits on."""
    clock = JumpingClock()
    store = TimedStore(clock)
    async with lab(limit=30, store=store, clock=clock) as it:
        for number in range(used):
            await it.create(number)
        in_flight = asyncio.create_task(it.create(used)) if used < 30 else None
        await clock.sleep(0.15)
        store.ahead += step
        if in_flight is not None:
            await in_flight
        await clock.sleep(600)
        for number in range(100, 140):
            await it.create(number)
        async with sandbox_client(it.sandbox, store=store, validate=False) as newcomer:
            await newcomer.posts.send(it.body(200), max_wait=4000)
        assert it.sandbox.refusals == 0
        assert clock.monotonic() < 2 * 3602 + 60


class FastClock(JumpingClock):
    """Sixty times as fast as the clock of a store."""

    speed = 60.0


async def test_a_look_at_the_store_turns_no_fast_clock_back() -> None:
    class RealStore(TimedStore):
        def _told(self, state: Kept) -> Kept:
            return state._replace(time=clock.monotonic() / clock.speed + 1e6)

    clock = FastClock()
    handle = SharedLedger(RealStore(clock), "name", ledger_of(limit=2), clock)
    await handle.refresh()
    began = handle.now()
    clock.advance(3600.0)
    await handle.refresh()
    assert handle.now() - began == pytest.approx(3600.0, abs=0.001)


class BeatenStore(MemoryStore):
    """Others are quicker as often as wanted; takes a turn of the event loop before each change."""

    def __init__(self) -> None:
        super().__init__()
        self.beaten = self.swaps = 0
        self.reached = asyncio.Event()

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        self.swaps += 1
        self.reached.set()
        await asyncio.sleep(0)
        if self.beaten and version:
            self.beaten -= 1
            now = await self.get(scope, key)
            assert now.value is not None
            await super().swap(scope, key, now.version, now.value, keep=keep)
        return await super().swap(scope, key, version, value, keep=keep)


@pytest.mark.parametrize("again", range(1, 9))
async def test_cancelled_again_while_a_reservation_is_given_back(again: int) -> None:
    store = BeatenStore()
    handle = SharedLedger(store, "name", ledger_of(limit=2), JumpingClock())
    taking = asyncio.create_task(handle.take(lambda *_: Grant(), lifetime=60.0))
    await store.reached.wait()
    store.beaten = 2
    taking.cancel()
    for _ in range(again):
        await asyncio.sleep(0)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    await handle.refresh()
    assert store.swaps == 4, "one to reserve, three to give it back"
    assert handle.ledger.flights.open == ()


async def test_answers_that_come_together_are_noted_together() -> None:
    store = BeatenStore()
    handle = SharedLedger(store, "name", ledger_of(limit=9), JumpingClock())
    tokens = [await handle.take(lambda *_: Grant(), lifetime=60.0) for _ in range(5)]
    store.swaps = 0

    async def end(token: int | Wait) -> None:
        assert isinstance(token, int)
        await handle.settle(lambda ledger, now: lost(ledger, token, now))

    async with anyio.create_task_group() as group:
        for token in tokens[:4]:
            group.start_soon(end, token)
        group.start_soon(partial(handle.take, lambda *_: Grant(), lifetime=60.0))
    assert store.swaps == 1, "the answers and one more reservation"
    await handle.refresh()
    flights = handle.ledger.flights
    assert (len(flights.open), len(flights.unseen)) == (2, 4)


class FailingStore(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.fails = False

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        if self.fails:
            raise StoreError("the store is gone")
        return await super().swap(scope, key, version, value, keep=keep)


async def test_without_its_store_a_client_spends_nothing() -> None:
    store = FailingStore()
    async with organisation() as (sandbox, channel):
        at = datetime.fromtimestamp(sandbox.clock.time() + 86_400, UTC)
        async with sandbox_client(sandbox, store=store) as postiz:
            await postiz.posts.schedule(NewPost(channel, "one"), at=at)
            store.fails = True
            with pytest.raises(StoreError, match="the store is gone"):
                await postiz.posts.schedule(NewPost(channel, "two"), at=at)
            store.fails = False
            await postiz.posts.schedule(NewPost(channel, "three"), at=at)
        assert [post.content for post in sandbox.posts] == ["one", "three"]


@pytest.mark.parametrize("name", ["acme", None])
async def test_the_log_says_whose_quota_it_is_about(
    name: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    store = FailingStore()

    def fails(attempt: Attempt) -> None:
        store.fails = attempt.posts > 0

    async with organisation() as (sandbox, channel):
        at = datetime.fromtimestamp(sandbox.clock.time() + 86_400, UTC)
        async with Postiz(
            api_key=sandbox.organization.api_key,
            base_url="http://sandbox.invalid",
            organization=name,
            store=store,
            advanced=AdvancedOptions(
                clock=sandbox.clock, transport=SandboxTransport(sandbox), on_attempt=fails
            ),
        ) as postiz:
            await postiz.posts.schedule(NewPost(channel, "one"), at=at)
    [said] = [each for each in caplog.messages if "counts as spent for now" in each]
    assert said.startswith("'acme': a create could" if name else "a create could")


async def test_an_answer_that_cannot_be_noted_is_told_when_the_store_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, clock = FailingStore(), JumpingClock()
    handle, other = (SharedLedger(store, "name", ledger_of(limit=3), clock) for _ in range(2))
    token = await handle.take(lambda *_: Grant(), lifetime=60.0)
    assert isinstance(token, int)
    store.fails = True
    reading = RateHeaders(limit=9, remaining=8, reset=3600.0)
    await handle.settle(lambda ledger, now: answered(ledger, token, now, reading))
    assert "counts as spent for now" in caplog.text
    store.fails = False
    await other.refresh()
    assert len(other.ledger.flights.open) == 1
    clock.advance(5)
    assert isinstance(await handle.take(partial(decide, urgent=True), lifetime=60.0), int)
    await other.refresh()
    assert [flight.sent for flight in other.ledger.flights.open] == [5.0]
    window = other.ledger.window
    assert (window.limit, window.remaining) == (9, 8)
    assert window.ends_before == 3600.0, "by the time of the answer, not of the telling"


def _write(path: Path, value: bytes) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE records SET value = ?, version = version + 1", (value,))
    connection.close()


@pytest.mark.parametrize("value", [b"", b"garbage", b"\xff", b"\x81\xa6schema\xcd\x03\xe7"])
async def test_a_state_that_is_no_ledger_is_refused_and_left_alone(
    tmp_path: Path, value: bytes
) -> None:
    path = tmp_path / "quota.sqlite"
    async with organisation() as (sandbox, channel):
        store = SqliteStore(path)
        await send(sandbox, channel, store, 1)
        _write(path, value)
        handle = SharedLedger(store, _name(path), Ledger(), sandbox.clock)
        for _ in range(3):
            with pytest.raises(StoreError, match="Nothing is sent"):
                await handle.take(decide, lifetime=60.0)
        assert (await store.get(_name(path), "")).value == value
        with pytest.raises(ExceptionGroup) as caught:
            await send(sandbox, channel, store, 1)
        assert caught.group_contains(StoreError, match="Nothing is sent")
        await store.aclose()
        assert len(sandbox.posts) == 1


def _name(path: Path) -> str:
    connection = sqlite3.connect(path)
    [(name,)] = connection.execute("SELECT scope FROM records WHERE key = ''").fetchall()
    connection.close()
    return str(name)


def _other_program(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE precious (data)")
    connection.close()


def _newer_version(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (
            lambda path: path.write_bytes(b"no database, but long enough to be one" * 40),
            "not a data",
        ),
        (_other_program, "another program"),
        (lambda path: path.mkdir(), "unable to open"),
    ],
)
async def test_a_file_that_is_something_else_is_left_alone(
    tmp_path: Path, spoil: Callable[[Path], object], says: str
) -> None:
    path = tmp_path / "quota.sqlite"
    spoil(path)
    store = SqliteStore(path)
    with pytest.raises(StoreError, match=says):
        await store.get("a", "")
    await store.aclose()


async def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "quota.sqlite"
    store = SqliteStore(path)
    await store.get("a", "")
    await store.aclose()
    _newer_version(path)
    with pytest.raises(StoreError, match="another version of this library"):
        await SqliteStore(path).get("a", "")


def test_names_tell_neither_key_nor_server() -> None:
    name = ledger_name("https://postiz.example.com/public/v1", "a-secret-key")
    assert name != ledger_name("https://postiz.example.com/public/v1", "another-key")
    assert "secret" not in name
    assert "example" not in name


def test_many_that_make_a_file_at_once_all_get_it(tmp_path: Path) -> None:
    async def look(path: Path) -> Kept:
        together.wait()
        store = SqliteStore(path)
        try:
            return await store.get("a", "")
        finally:
            await store.aclose()

    together = threading.Barrier(6)
    with ThreadPoolExecutor(6) as threads:
        for number in range(20):
            path = tmp_path / f"{number}.sqlite"
            for seen in [threads.submit(asyncio.run, look(path)) for _ in range(6)]:
                assert seen.result() == Kept(None, 0, None)


async def test_a_caller_who_is_cancelled_leaves_no_thread_on_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`asyncio.timeout` goes through shields: its thread would still be in a transaction."""
    store = SqliteStore(tmp_path / "quota.sqlite")
    writing, go = threading.Event(), threading.Event()
    seen: list[str] = []

    def slow_swap(*arguments: object) -> object:
        seen.append("begun")
        writing.set()
        assert go.wait(PATIENCE)
        seen.append("ended")
        return swap(*arguments)  # type: ignore[arg-type]

    def noted_read(*arguments: object) -> object:
        seen.append("read")
        return read(*arguments)  # type: ignore[arg-type]

    swap, read = store._swapped, store._kept
    monkeypatch.setattr(store, "_swapped", slow_swap)
    monkeypatch.setattr(store, "_kept", noted_read)
    writer = asyncio.create_task(store.swap("a", "", 0, b"state", keep=None))
    await anyio.to_thread.run_sync(writing.wait, PATIENCE)
    writer.cancel()
    asyncio.get_running_loop().call_later(0.05, go.set)
    kept = await store.get("a", "")
    assert seen == ["begun", "ended", "read"]
    assert kept.value == b"state", "it is done, though nobody hears of it"
    with pytest.raises(asyncio.CancelledError):
        await writer
    await store.aclose()


def test_event_loops_take_turns_with_a_file(tmp_path: Path) -> None:
    """A transaction is one piece, also where threads with loops of their own share the store."""
    store, together = SqliteStore(tmp_path / "quota.sqlite"), threading.Barrier(4)

    async def write(name: str) -> None:
        kept = await store.get("quota", name)
        for _ in range(300):
            done, kept = await store.swap("quota", name, kept.version, b"value", keep=3_600)
            assert done

    def work(name: str) -> None:
        together.wait()
        asyncio.run(write(name))

    with ThreadPoolExecutor(4) as threads:
        for each in [threads.submit(work, name) for name in "abcd"]:
            each.result()
    asyncio.run(store.aclose())
