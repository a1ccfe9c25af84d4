"""Clients of one process that are given no store: one quota, in all threads and event loops."""

from __future__ import annotations

import asyncio
import gc
import math
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from ledgers import ledger_of
from world import NotebookKeeper

from postiz_async import (
    AdvancedOptions,
    NewPost,
    Postiz,
    PostizPool,
    QuotaWaitError,
    _quota as quota,
)
from postiz_async._quota import Grant, Ledger, RateHeaders
from postiz_async._quota.snapshot import take_snapshot
from postiz_async._resources.api import opened
from postiz_async._sandbox import MemoryServer
from postiz_async._scheduler.calls import Priority, SlotRequest
from postiz_async._scheduler.queue import AdmissionQueue
from postiz_async.clock import JumpingClock, SystemClock
from postiz_async.stores._local_ledger import LocalLedger, LocalLedgers, ledgers_of_process
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing import Sandbox
from postiz_async.testing._transport import SandboxTransport, sandbox_client

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from postiz_async._wire import WireRequest, WireResponse
    from postiz_async.clock import Clock
    from postiz_async.testing import SandboxServer

FOR_EVER = 300.0
"""Seconds after which a thread is taken to hang."""

HOUR = 3600.0
URL = "http://sandbox.invalid"


def grant(*_: object) -> Grant:
    return Grant()


def reads(token: int, limit: int, left: int) -> Callable[[Ledger, float], Ledger]:
    """An answer to the call with this token."""
    reading = RateHeaders(limit, left, HOUR)
    return lambda ledger, now: quota.answered(ledger, token, now, reading)


def handles(clock: Clock, count: int = 2) -> list[LocalLedger]:
    ledgers = LocalLedgers()
    return [ledgers.handle("name", Ledger(), clock) for _ in range(count)]


async def taken(handle: LocalLedger, lifetime: float = 60.0) -> int:
    token = await handle.take(grant, lifetime=lifetime)
    assert isinstance(token, int)
    return token


# ------------------------------------------------------------------ a web handler


def handle(server: SandboxServer, channel: str, number: int) -> str:
    """What a handler of a synchronous framework does for each request, in a thread of its own."""

    async def work() -> str:
        async with Postiz(api_key=server.api_key, base_url=server.url) as postiz:
            at = datetime.now(UTC) + timedelta(days=2)
            try:
                await postiz.posts.draft(NewPost(channel, f"post {number}"), at=at, max_wait=0)
            except QuotaWaitError:
                return "told to wait"
            return "stored"

    return asyncio.run(work())


def test_a_handler_that_opens_a_client_for_each_request_remembers_the_window(
    postiz_sandbox_server: SandboxServer,
) -> None:
    channel = postiz_sandbox_server.add_channel("telegram").id
    said = [handle(postiz_sandbox_server, channel, number) for number in range(36)]
    assert said == ["stored"] * 30 + ["told to wait"] * 6
    assert postiz_sandbox_server.refusals == 0


def test_handlers_in_many_threads_never_go_over_together(
    postiz_sandbox_server: SandboxServer,
) -> None:
    channel = postiz_sandbox_server.add_channel("telegram").id

    async def patient(number: int) -> None:
        async with Postiz(
            api_key=postiz_sandbox_server.api_key, base_url=postiz_sandbox_server.url
        ) as postiz:
            at = datetime.now(UTC) + timedelta(days=2)
            await postiz.posts.draft(NewPost(channel, f"post {number}"), at=at)

    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(asyncio.run, patient(number)) for number in range(30)]
        for call in calls:
            call.result(FOR_EVER)
        late = [threads.submit(handle, postiz_sandbox_server, channel, n) for n in range(30, 38)]
        assert {call.result(FOR_EVER) for call in late} == {"told to wait"}
    assert len(postiz_sandbox_server.posts) == 30
    assert postiz_sandbox_server.refusals == 0


# ------------------------------------------------------------------ who shares with whom


async def test_a_key_at_one_server_is_one_quota_and_a_store_of_its_own_is_another() -> None:
    clock = JumpingClock()
    async with MemoryServer(clock=clock, limit=5) as sandbox:
        channel = sandbox.add_channel("mastodon").id
        way = SandboxTransport(sandbox)
        key = sandbox.organization.api_key
        client = partial(Postiz, advanced=AdvancedOptions(clock=clock, transport=way))
        async with (
            client(api_key=key, base_url=URL) as one,
            client(api_key=f" Bearer {key}", base_url=f"{URL}/public/v1/") as same,
            client(api_key="another", base_url=URL) as key_of_another,
            client(api_key=key, base_url="http://elsewhere.invalid") as elsewhere,
            client(api_key=key, base_url=URL, organization="acme") as named,
            client(api_key="another", base_url=URL, organization="acme") as namesake,
            client(api_key=key, base_url=URL, store=MemoryStore()) as apart,
            sandbox_client(sandbox) as another_way,
            PostizPool(base_url=URL, advanced=AdvancedOptions(clock=clock, transport=way)) as pool,
        ):
            for each in (one, named):
                await each.posts.draft(NewPost(channel, "x"), at=Sandbox().in_an_hour())
            views = {
                "same": await same.quota(),
                "key of another": await key_of_another.quota(),
                "elsewhere": await elsewhere.quota(),
                "namesake": await namesake.quota(),
                "apart": await apart.quota(),
                "another way": await another_way.quota(),
                "pool": await (await pool.client(key)).quota(),
                "pool, by name": await (await pool.client("third", organization="acme")).quota(),
            }
        assert {name: view.remaining for name, view in views.items()} == {
            "same": 4,
            "key of another": None,
            "elsewhere": None,
            "namesake": 3,
            "apart": None,
            "another way": None,
            "pool": 4,
            "pool, by name": 3,
        }


def test_each_clock_and_each_transport_has_ledgers_of_its_own() -> None:
    clocks, ways = (JumpingClock(), JumpingClock(), SystemClock()), (None, Canned(), Canned())
    different = {id(ledgers_of_process(clock, way)) for clock in clocks for way in ways}
    assert len(different) == 9
    again = {id(ledgers_of_process(clock, way)) for clock in clocks for way in ways}
    assert again == different
    assert ledgers_of_process(SystemClock()) is ledgers_of_process(SystemClock())


class Canned:
    """A transport; nothing is sent by it."""

    async def send(self, _: WireRequest) -> WireResponse:
        raise AssertionError

    async def aclose(self) -> None:
        """Nothing is open."""


async def test_with_a_clock_its_ledgers_go() -> None:
    for _ in range(3):  # each may stand where the one before stood
        clock = JumpingClock()
        handle = ledgers_of_process(clock).handle("name", Ledger(), clock)
        assert handle.ledger == Ledger()
        await taken(handle)
        del clock, handle
        gc.collect()


def test_a_transport_whose_end_cannot_be_seen_shares_with_nobody() -> None:
    class Slotted:
        __slots__ = ()

    way, clock = Slotted(), SystemClock()
    assert ledgers_of_process(clock, way) is not ledgers_of_process(clock, way)


async def test_each_client_leaves_its_own_reserve() -> None:
    ledgers, clock = LocalLedgers(), JumpingClock()
    careful = ledgers.handle("name", ledger_of(reserve=9), clock)
    greedy = ledgers.handle("name", ledger_of(reserve=0), clock)
    await careful.settle(reads(await taken(greedy), 10, 9))
    assert (careful.ledger.reserve, greedy.ledger.reserve) == (9, 0)
    assert careful.ledger.window.remaining == greedy.ledger.window.remaining == 9
    for handle, granted in ((careful, False), (greedy, True)):
        decision = await handle.take(partial(quota.decide, urgent=False), lifetime=60.0)
        assert isinstance(decision, int) is granted


# ------------------------------------------------------------------ waiting


def request(clock: Clock, max_wait: float = math.inf) -> SlotRequest:
    since = clock.monotonic()
    return SlotRequest(
        priority=Priority.INTERACTIVE, posts=1, since=since, max_wait=max_wait, lifetime=60.0
    )


def test_who_waits_in_another_event_loop_is_woken_by_an_answer() -> None:
    clock = SystemClock()
    one, two = handles(clock)
    waits = threading.Event()

    async def waiting() -> int:
        queue = AdmissionQueue(two, clock)
        call = asyncio.create_task(queue.admit(request(clock)))
        for _ in range(10):
            await asyncio.sleep(0)
        assert queue.waiting == 1
        waits.set()
        return await asyncio.wait_for(call, FOR_EVER)

    async def answered() -> None:
        token = await taken(one, lifetime=10 * FOR_EVER)
        with ThreadPoolExecutor(1) as threads:
            call = threads.submit(asyncio.run, waiting())
            assert waits.wait(FOR_EVER)
            await one.settle(reads(token, 30, 29))
            assert call.result(FOR_EVER) == token + 1

    asyncio.run(answered())


async def test_a_slot_given_back_by_another_client_is_taken_without_looking_for_it() -> None:
    clock = JumpingClock()
    one, two = handles(clock)
    token = await taken(one)
    queue = AdmissionQueue(two, clock)
    call = asyncio.create_task(queue.admit(request(clock)))
    await clock.sleep(20)
    await one.settle(lambda ledger, _: quota.released(ledger, token))
    assert await call == token + 1
    assert clock.monotonic() == 20


async def test_who_waits_is_refused_when_another_client_finds_the_window_used_up() -> None:
    clock = JumpingClock()
    one, two = handles(clock)
    token = await taken(one)
    queue = AdmissionQueue(two, clock)
    call = asyncio.create_task(queue.admit(request(clock, max_wait=50)))
    await clock.sleep(20)
    await one.settle(reads(token, 30, 0))
    with pytest.raises(QuotaWaitError) as caught:
        await call
    assert clock.monotonic() == 20
    assert caught.value.retry_after == pytest.approx(HOUR + 2, abs=1)


async def test_a_call_whose_client_is_gone_is_spent_when_its_time_is_over() -> None:
    clock = JumpingClock()
    gone, handle = handles(clock)
    await taken(gone, lifetime=60.0)
    queue = AdmissionQueue(handle, clock)
    assert isinstance(await queue.admit(request(clock)), int)
    assert clock.monotonic() == 60
    assert len(handle.ledger.flights.unseen) == 1
    clock.advance(60)
    decision = await handle.take(quota.decide, lifetime=60.0)
    assert decision == 2, "nobody looked meanwhile"
    clock.advance(60)
    await handle.refresh()
    assert handle.ledger.flights.open == ()


async def test_an_answer_after_that_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    clock = JumpingClock()
    slow, handle = handles(clock)
    token = await taken(slow, lifetime=60.0)
    clock.advance(61)
    await handle.refresh()
    before = handle.ledger
    await slow.settle(reads(token, 30, 29))
    assert handle.ledger == before
    assert "took longer than its reservation" in caplog.text


async def test_changes_of_another_client_are_seen_at_once() -> None:
    clock = JumpingClock()
    one, two = handles(clock)
    queue = AdmissionQueue(two, clock)
    changes = queue.changes(poll=None)
    assert (await anext(changes)).in_flight == 0
    token = await taken(one)
    assert (await anext(changes)).in_flight == 1
    await one.settle(reads(token, 30, 29))
    seen = await anext(changes)
    assert (seen.in_flight, seen.remaining) == (0, 29)
    assert clock.monotonic() == 0
    await changes.aclose()


async def test_an_idle_client_is_not_told_of_anything() -> None:
    clock = JumpingClock()
    one, two = handles(clock)
    told: list[str] = []
    assert two.listen(lambda: told.append("changed"))
    assert not two.listen(lambda: told.append("again")), "it is told already"
    token = await taken(one)
    await asyncio.sleep(0)
    assert told == ["changed"]
    two.unlisten()
    await one.settle(reads(token, 30, 29))
    await asyncio.sleep(0)
    assert told == ["changed"]
    queue = AdmissionQueue(two, clock)
    call = asyncio.create_task(queue.admit(request(clock)))
    changes = queue.changes(poll=None)
    await anext(changes)
    await call
    assert two.listen(lambda: None) is False, "somebody watches yet"
    await changes.aclose()
    assert two.listen(lambda: None), "nobody waits or watches any more"


def test_an_event_loop_that_ended_is_told_nothing() -> None:
    one, two, three = handles(SystemClock(), 3)
    told: list[str] = []

    async def listening(handle: LocalLedger) -> None:
        handle.listen(lambda: told.append("changed"))

    async def changing() -> None:
        await listening(three)
        await one.settle(reads(await taken(one), 30, 29))
        await asyncio.sleep(0)
        assert two.listen(lambda: None), "its entry is gone"

    asyncio.run(listening(two))
    asyncio.run(changing())
    assert set(told) == {"changed"}


async def test_a_call_that_the_garbage_collector_ends_stops_nobody() -> None:
    """It runs in whatever thread allocates memory, also in one that takes a slot just now."""
    clock = JumpingClock()
    dropped, handle = handles(clock)
    token = await taken(dropped)

    def collects(*_: object) -> Grant:
        with pytest.raises(StopIteration):
            dropped.settle(lambda ledger, _: quota.released(ledger, token)).send(None)
        return Grant()

    assert isinstance(await handle.take(collects, lifetime=60.0), int)
    clock.advance(60)
    await handle.refresh()
    assert handle.ledger.flights.open == ()


# ------------------------------------------------------------------ remembering


async def test_what_a_journal_knows_does_not_replace_what_is_known() -> None:
    clock = JumpingClock()
    one, two = handles(clock)
    kept = ledger_of(limit=7, ends_after=HOUR, ends_before=HOUR, remaining=3)
    two.restore(kept)
    assert one.ledger.window.limit == 7, "nothing was known"
    token = await taken(one)
    await one.settle(lambda ledger, now: quota.refused(ledger, token, now, HOUR))
    assert not one.ledger.window.is_known
    two.restore(kept)
    assert one.ledger.window.blocked_until > HOUR


async def test_what_a_journal_knew_is_remembered_when_its_client_is_gone() -> None:
    ledgers, clock = LocalLedgers(), JumpingClock()
    handle = ledgers.handle("name", Ledger(), clock)
    told: list[str] = []
    other = ledgers.handle("name", Ledger(), clock)
    other.listen(lambda: told.append("changed"))
    handle.restore(ledger_of(ends_after=HOUR, ends_before=HOUR, remaining=3))
    await asyncio.sleep(0)
    assert told == ["changed"]
    other.unlisten()
    del handle, other
    gc.collect()
    assert ledgers.handle("name", Ledger(), clock).ledger.window.remaining == 3


async def test_what_a_client_does_is_in_the_state_and_it_is_not_told_of_it_itself() -> None:
    clock = JumpingClock()
    (handle,) = handles(clock, 1)
    told: list[str] = []
    handle.listen(lambda: told.append("changed"))
    assert handle.changed_at is None
    clock.advance(5)
    token = await handle.take(grant, lifetime=60.0, urgent=True)
    assert token == 0
    assert handle.ledger.neighbours.asked == 1
    await handle.settle(reads(token, 30, 29))
    assert handle.changed_at == clock.time()
    await asyncio.sleep(0)
    assert told == []


async def test_a_campaign_does_not_recall_over_a_lock_out_that_another_client_met() -> None:
    clock = JumpingClock()
    async with MemoryServer(clock=clock, limit=5) as sandbox:
        way = SandboxTransport(sandbox)
        async with sandbox_client(sandbox, transport=way) as postiz:
            scheduler = opened(postiz).scheduler
            token = await scheduler.queue.handle.take(grant, lifetime=60.0)
            assert isinstance(token, int)
            await scheduler.queue.handle.settle(
                lambda ledger, now: quota.refused(ledger, token, now, HOUR)
            )
        async with sandbox_client(sandbox, transport=way) as postiz:
            store = NotebookKeeper([])
            open_window = ledger_of(ends_after=HOUR, ends_before=HOUR, remaining=3)
            await store.save(take_snapshot(open_window, clock.monotonic(), clock.time()))
            opened(postiz).scheduler.persistence.stores.append(store)
            await opened(postiz).scheduler.restore(await store.load())
            assert (await postiz.quota()).blocked


async def test_organisations_whose_window_is_over_are_forgotten_unless_they_are_used() -> None:
    ledgers, clock = LocalLedgers(), JumpingClock()
    used = ledgers.handle("used", Ledger(), clock)
    await used.settle(reads(await taken(used), 90, 89))
    for number in range(5_000):
        handle = ledgers.handle(f"{number}", Ledger(), clock)
        await handle.settle(reads(await taken(handle), 30, 29))
    del handle
    gc.collect()
    assert len(ledgers) == 5_001
    clock.advance(HOUR + 10)
    still = ledgers.handle("still", Ledger(), clock)
    await still.settle(reads(await taken(still), 30, 29))
    gc.collect()
    assert len(ledgers) == 2
    assert ledgers.handle("used", Ledger(), clock).ledger.window.limit == 90
    del still
    gc.collect()
    assert ledgers.handle("still", Ledger(), clock).ledger.window.remaining == 29, "its window runs"


def test_others_who_came_in_numbers_are_remembered_though_nobody_uses_the_ledger() -> None:
    """Also when a window of the organisation is over, for two days."""
    ledgers, clock = LocalLedgers(), JumpingClock()
    seen = ledger_of(surge=12, surge_until=clock.monotonic() + 48 * HOUR)
    burst, other = (ledgers.handle(name, Ledger(), clock) for name in ("burst", "other"))
    burst.restore(seen)
    assert burst.ledger.is_at_rest(clock.monotonic()), "what a journal says of a window is taken"
    del burst
    for hours, known in ((47, seen), (3, Ledger())):
        clock.advance(hours * HOUR)
        other.restore(Ledger())  # an occasion to forget
        gc.collect()
        assert ledgers.handle("burst", Ledger(), clock).ledger == known


@pytest.mark.parametrize(
    "ledger",
    [
        ledger_of(ends_after=HOUR, ends_before=HOUR),
        ledger_of(blocked_until=HOUR),
        ledger_of(calls=(quota.LoggedCall(0.0, 0.0),), headerless=True),
        ledger_of(open=(quota.Flight(1, 0.0, alone=True),)),
    ],
)
def test_what_holds_yet_is_not_at_rest(ledger: Ledger) -> None:
    assert not ledger.is_at_rest(HOUR - 1)
    assert ledger.is_at_rest(HOUR + quota.MARGIN) is not bool(ledger.flights.open)


async def test_what_was_forgotten_is_what_nobody_uses() -> None:
    ledgers, clock = LocalLedgers(), JumpingClock()
    used, unused = (ledgers.handle(name, Ledger(), clock) for name in ("used", "unused"))
    for handle in (used, unused):
        await handle.settle(reads(await taken(handle), 30, 29))
    del handle, unused
    ledgers.forget()
    gc.collect()
    assert ledgers.handle("unused", Ledger(), clock).ledger == Ledger()
    assert ledgers.handle("used", Ledger(), clock).ledger is used.ledger


TWICE = """
import asyncio
import pytest
from postiz_async.clock import SystemClock
from postiz_async._quota import Grant, Ledger
from postiz_async.stores._local_ledger import ledgers_of_process

@pytest.mark.parametrize("number", [1, 2])
def test_it(number):
    clock = SystemClock()
    handle = ledgers_of_process(clock).handle("name", Ledger(), clock)
    assert handle.ledger == Ledger()
    asyncio.run(handle.take(lambda *_: Grant(), lifetime=60.0))
    assert handle.ledger != Ledger()
"""


def test_each_test_begins_with_an_unknown_quota(tmp_path: Path) -> None:
    (tmp_path / "test_twice.py").write_text(TWICE, encoding="utf-8")
    (tmp_path / "pytest.ini").touch()
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "postiz_async.pytest_plugin"],
        cwd=tmp_path,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=FOR_EVER,
        check=False,
    )
    assert "2 passed" in run.stdout, run.stdout


# ------------------------------------------------------------------ threads and processes


def test_of_many_threads_that_take_together_each_gets_its_own_slot() -> None:
    clock = SystemClock()
    everybody = handles(clock, 8)
    together = threading.Barrier(len(everybody))

    async def work(handle: LocalLedger) -> list[int]:
        together.wait(FOR_EVER)
        return [await taken(handle) for _ in range(200)]

    before = sys.getswitchinterval()
    with ExitStack() as stack:
        stack.callback(sys.setswitchinterval, before)
        sys.setswitchinterval(1e-6)
        threads = stack.enter_context(ThreadPoolExecutor(len(everybody)))
        calls = [threads.submit(asyncio.run, work(handle)) for handle in everybody]
        tokens = [token for call in calls for token in call.result(FOR_EVER)]
    assert sorted(tokens) == list(range(1600))
    assert len(everybody[0].ledger.flights.open) == 1600


def test_of_many_threads_that_swap_in_a_memory_store_one_wins() -> None:
    store = MemoryStore()
    together = threading.Barrier(8)

    async def work(mine: bytes) -> int:
        together.wait(FOR_EVER)
        won = 0
        for _ in range(500):
            there = await store.get("a", "")
            done, _ = await store.swap(
                "a", "", there.version, (there.value or b"") + mine, keep=None
            )
            won += done
        return won

    before = sys.getswitchinterval()
    with ExitStack() as stack:
        stack.callback(sys.setswitchinterval, before)
        sys.setswitchinterval(1e-6)
        threads = stack.enter_context(ThreadPoolExecutor(8))
        calls = [threads.submit(asyncio.run, work(bytes([number]))) for number in range(8)]
        won = sum(call.result(FOR_EVER) for call in calls)
    assert won == len(asyncio.run(store.get("a", "")).value or b"")


FORK = """
import asyncio, os, signal, sys, threading
from postiz_async.clock import SystemClock
from postiz_async._quota import Flight, Grant, Ledger
from postiz_async.stores.memory import MemoryStore
from postiz_async.stores._local_ledger import ledgers_of_process

clock = SystemClock()
handle = ledgers_of_process(clock).handle("name", Ledger(), clock)
store = MemoryStore()
holds, go = threading.Event(), threading.Event()

def slow(*_):
    holds.set()
    go.wait()
    return Grant()

thread = threading.Thread(target=asyncio.run, args=(handle.take(slow, lifetime=60.0),))

async def child():
    token = await handle.take(lambda *_: Grant(), lifetime=60.0)
    assert token == 1, token
    assert not handle._entry.listeners, "who listens is in the parent"
    assert (await store.swap("a", "", 0, b"x", keep=None))[0]

async def parent():
    told = []
    handle.listen(lambda: told.append(1))
    assert await handle.take(lambda *_: Grant(), lifetime=60.0) == 0
    thread.start()
    holds.wait()
    pid = os.fork()
    if not pid:
        signal.alarm(200)
        await child()
        os._exit(0)
    return pid

pid = asyncio.run(parent())
status = os.waitpid(pid, 0)[1]
go.set()
thread.join()
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_process_does_not_wait_for_a_lock_that_a_thread_of_its_parent_held() -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK]
    run = subprocess.run(command, capture_output=True, text=True, timeout=FOR_EVER, check=False)
    assert run.returncode == 0, run.stderr
