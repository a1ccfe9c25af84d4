"""What clients that share a quota may do when the store fails, forgets, or is of another clock."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import math
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, event, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from ledgers import ledger_of

from postiz_async import _quota as quota
from postiz_async._quota import RateHeaders, Wait
from postiz_async.clock import JumpingClock
from postiz_async.errors import StoreError
from postiz_async.stores._shared_ledger import SharedLedger
from postiz_async.stores.memory import MemoryStore
from postiz_async.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from postiz_async.stores import Kept

HOUR = 3600.0
LIFETIME = 60.0


class TroubledStore:
    """One process's way to a store.

    `fine`; `down`; `full`: it refuses changes; `mute`: it makes them, and its answers are lost.
    """

    def __init__(self, inner: MemoryStore) -> None:
        self.inner = inner
        self.way = "fine"

    async def get(self, scope: str, key: str, /) -> Kept:
        if self.way == "down":
            raise StoreError("the store is away")
        return await self.inner.get(scope, key)

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        if self.way in {"down", "full"}:
            raise StoreError("the store is away")
        answer = await self.inner.swap(scope, key, version, value, keep=keep)
        if self.way == "mute":
            raise StoreError("the store is away")
        return answer

    async def aclose(self) -> None:
        await self.inner.aclose()


class Server:
    """Counts in windows that begin with their first hit. One too many is one too many."""

    def __init__(self, limit: int) -> None:
        self.limit, self.hits, self.ends = limit, 0, -1.0

    def hit(self, at: float) -> RateHeaders:
        if at > self.ends:
            self.hits, self.ends = 0, at + HOUR
        self.hits += 1
        assert self.hits <= self.limit, "429, and nobody else uses the key"
        return RateHeaders(self.limit, self.limit - self.hits, math.ceil(self.ends - at))


class Machine(JumpingClock):
    """The clock of a machine that was started once, under a name for that start."""

    def __init__(self, boot_id: str = "boot", start: float = 1_800_000_000.0) -> None:
        super().__init__(start)
        self._name = boot_id

    @property
    def boot_id(self) -> str:
        return self._name


class Process:
    """A client of the shared quota, as far as the quota goes."""

    def __init__(
        self,
        store: MemoryStore,
        clock: JumpingClock,
        *,
        limit: int = 5,
    ) -> None:
        self.way = TroubledStore(store)
        self.handle = SharedLedger(self.way, "name", ledger_of(limit=limit), clock)

    async def take(self, *, urgent: bool = True) -> int | Wait:
        ask = partial(quota.decide, urgent=urgent)
        return await self.handle.take(ask, lifetime=LIFETIME, urgent=urgent)

    async def answered(self, token: int, reading: RateHeaders) -> None:
        await self.handle.settle(lambda ledger, now: quota.answered(ledger, token, now, reading))

    async def call(self, server: Server, clock: JumpingClock) -> None:
        token = await self.take()
        assert isinstance(token, int), token
        await self.answered(token, server.hit(clock.monotonic()))


class Lab:
    def __init__(self, processes: int, limit: int = 30) -> None:
        self.clock, self.store, self.server = JumpingClock(), MemoryStore(), Server(limit)
        self.clock.advance(1000)
        self.processes = [Process(self.store, self.clock) for _ in range(processes)]

    async def call(self, number: int, calls: int = 1) -> None:
        for _ in range(calls):
            await self.processes[number].call(self.server, self.clock)
            self.clock.advance(0.5)


# ------------------------------------------------------------------ the store fails


async def test_who_slept_while_the_store_was_emptied_overwrites_nothing() -> None:
    """It knows the version of a state that was lost; another one was written anew since."""
    lab = Lab(processes=2, limit=2)
    await lab.call(0)  # it reserves and settles: two changes
    empty = MemoryStore()
    for process in lab.processes:
        process.way.inner = empty
    await lab.call(1)  # so does this one
    assert isinstance(await lab.processes[0].take(), Wait)
    assert isinstance(await lab.processes[1].take(), Wait)
    assert lab.server.hits == 2


async def test_a_lock_out_that_could_not_be_told_holds_all_the_same() -> None:
    lab = Lab(processes=2)
    one, two = lab.processes
    await lab.call(0, 2)
    token = await one.take()
    assert isinstance(token, int)
    one.way.way = "full"
    await one.handle.settle(lambda ledger, now: quota.refused(ledger, token, now, 600.0))
    decision = await one.take()
    assert isinstance(decision, Wait)
    assert decision.why is quota.WaitReason.BLOCKED
    one.way.way = "fine"
    lab.clock.advance(1000)
    assert isinstance(await one.take(), int)
    await two.handle.refresh()
    assert two.handle.ledger.window.blocked_until > 1000


async def test_a_cancelled_caller_gets_no_slot_from_a_store_that_fails() -> None:
    lab = Lab(processes=1)
    await lab.call(0, 2)
    process, reached, go_on = lab.processes[0], asyncio.Event(), asyncio.Event()

    class Hanging(TroubledStore):
        async def swap(
            self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
        ) -> tuple[bool, Kept]:
            reached.set()
            await go_on.wait()
            return await super().swap(scope, key, version, value, keep=keep)

    hanging = Hanging(lab.store)
    hanging.way = "down"
    process.handle._store = hanging
    taking = asyncio.create_task(process.take())
    await reached.wait()
    taking.cancel()
    go_on.set()
    with pytest.raises((asyncio.CancelledError, StoreError)):
        await taking
    assert process.handle.ledger.flights.open == ()


async def test_the_same_change_of_two_processes_is_made_twice() -> None:
    lab = Lab(processes=2)
    await lab.call(0)
    for process in lab.processes:
        await process.handle.refresh()
    tokens = [await process.take() for process in lab.processes]
    await lab.processes[0].handle.refresh()
    open_calls = [flight.token for flight in lab.processes[0].handle.ledger.flights.open]
    assert sorted(open_calls) == sorted(tokens), "equal bytes, and one swap that was refused"
    assert len(open_calls) == 2


async def test_a_change_that_the_store_made_and_then_denies_is_known() -> None:
    """A store asks again when a connection breaks, and finds its own change."""

    class Repeating(TroubledStore):
        async def swap(
            self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
        ) -> tuple[bool, Kept]:
            await super().swap(scope, key, version, value, keep=keep)
            return await super().swap(scope, key, version, value, keep=keep)

    lab = Lab(processes=1)
    [process] = lab.processes
    process.handle._store = Repeating(lab.store)
    await lab.call(0, 3)
    assert process.handle.ledger.flights.open == ()
    assert process.handle.ledger.flights.unseen == ()
    assert process.handle.ledger.neighbours.own == 3


# ------------------------------------------------------------------ any trouble at all


class Troubles(RuleBasedStateMachine):
    """Processes with a way of their own to one store, over a network with delays."""

    delays = st.sampled_from([0.01, 0.3, 0.3, 2.0, 9.0, 27.0])
    ways = st.sampled_from(["fine", "down", "full", "mute"])
    who = st.integers(0, 2)

    @initialize(limit=st.integers(3, 20))
    def begin(self, *, limit: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.clock, self.store, self.server = JumpingClock(), MemoryStore(), Server(limit)
        self.clock.advance(1000)
        self.processes = [self.process() for _ in range(3)]
        self.events: list[tuple[float, int, Process, int, str, object]] = []
        self.ids = itertools.count()

    def process(self) -> Process:
        return Process(self.store, self.clock, limit=self.server.limit)

    def run(self, work: Coroutine[object, object, object]) -> object:
        return self.loop.run_until_complete(work)

    @rule(
        who=who,
        urgent=st.booleans(),
        calls=st.integers(1, 9),
        up=delays,
        down=delays,
        fate=st.sampled_from(["answer", "answer", "answer", "lost", "never", "unsent"]),
    )
    def calls(
        self, *, who: int, urgent: bool, calls: int, up: float, down: float, fate: str
    ) -> None:
        self.some_calls(who, calls, urgent=urgent, up=up, down=down, fate=fate)

    def some_calls(
        self,
        who: int,
        calls: int,
        *,
        up: float,
        urgent: bool = True,
        down: float = 0.01,
        fate: str = "answer",
    ) -> None:
        process = self.processes[who]
        for _ in range(calls):
            try:
                token = self.run(process.take(urgent=urgent))
            except StoreError:
                assert process.way.way != "fine"
                event("refused without the store")
                return
            if isinstance(token, Wait):
                self.run_until(self.clock.monotonic() + up)
                continue
            assert isinstance(token, int)
            if fate == "unsent":
                self.later(down, process, token, "unsent")
            elif fate == "never":
                self.later(up + down, process, token, "lost")
            else:
                self.later(up, process, token, "arrive", (fate, down))

    @rule(who=who, way=ways)
    def trouble(self, *, who: int, way: str) -> None:
        self.processes[who].way.way = way

    @rule(who=who, way=ways, calls=st.integers(1, 5), up=delays)
    def outage(self, *, who: int, way: str, calls: int, up: float) -> None:
        """One loses the store and has it back, and the others spend what they can."""
        self.all_at_once(way="fine")
        self.run_until(max(self.server.ends + 60, self.clock.monotonic() + 6))
        self.some_calls(who, calls, up=0.01)
        self.processes[who].way.way = way
        self.some_calls(who, 1, up=0.01)
        self.run_until(self.clock.monotonic() + 1)
        self.some_calls((who + 1) % 3, 20, up=0.01)
        self.some_calls(who, 5, up=up)
        self.run_until(self.clock.monotonic() + 6)
        self.processes[who].way.way = "fine"
        self.some_calls(who, 5, up=0.01)

    @rule(who=who, up=delays, after=st.sampled_from([-1.0, 2.5, 40.0]))
    def outage_at_the_end(self, *, who: int, up: float, after: float) -> None:
        """What was sent at the end may arrive in the next window, which others began."""
        self.all_at_once(way="fine")
        self.run_until(max(self.server.ends + 60, self.clock.monotonic() + 6))
        self.some_calls(who, 2, up=0.01)
        self.window_closes()
        self.processes[who].way.way = "down"
        self.some_calls(who, 4, up=up)
        self.run_until(self.server.ends + after)
        for number in range(3):
            self.some_calls((who + number) % 3, 20, up=0.01)

    @rule(way=st.sampled_from(["fine", "down"]))
    def all_at_once(self, *, way: str) -> None:
        for process in self.processes:
            process.way.way = way

    @rule(who=who)
    def dies(self, *, who: int) -> None:
        way = self.processes[who].way.way
        self.processes[who] = self.process()
        self.processes[who].way.way = way

    @rule(pause=st.sampled_from([0.1, 1.0, 6.0, 31.0, 120.0, 600.0, 1700.0, HOUR - 40, HOUR]))
    def pass_time(self, *, pause: float) -> None:
        self.run_until(self.clock.monotonic() + pause)

    def run_until(self, end: float) -> None:
        while self.events and self.events[0][0] <= end:
            at, _, process, token, kind, what = heapq.heappop(self.events)
            self.clock.advance(max(0.0, at - self.clock.monotonic()))
            self.happens(process, token, kind, what)
        self.clock.advance(max(0.0, end - self.clock.monotonic()))

    @rule()
    def window_closes(self) -> None:
        """The moments around the end of a window are the ones that matter."""
        if self.server.ends > 0:
            self.run_until(self.server.ends - 5)

    def later(self, wait: float, process: Process, token: int, kind: str, what: object = 0) -> None:
        at = self.clock.monotonic() + wait
        heapq.heappush(self.events, (at, next(self.ids), process, token, kind, what))

    def happens(self, process: Process, token: int, kind: str, what: object) -> None:
        if kind == "arrive":
            assert isinstance(what, tuple)
            fate, down = what
            reading = self.server.hit(self.clock.monotonic())
            self.later(down, process, token, "lost" if fate == "lost" else "answer", reading)
        elif process not in self.processes:
            return  # it died meanwhile
        elif kind == "answer":
            assert isinstance(what, RateHeaders)
            self.run(process.answered(token, what))
        elif kind == "lost":
            self.run(process.handle.settle(lambda ledger, now: quota.lost(ledger, token, now)))
        else:
            self.run(process.handle.settle(lambda ledger, _: quota.released(ledger, token)))

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.loop.close()


def test_whatever_each_sees_of_the_store_together_they_never_go_over() -> None:
    logging.getLogger("postiz_async.quota").setLevel(logging.CRITICAL)
    try:
        run_state_machine_as_test(
            Troubles,
            settings=settings(
                stateful_step_count=40,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        logging.getLogger("postiz_async.quota").setLevel(logging.NOTSET)


# ------------------------------------------------------------------ the store forgets


async def test_a_state_that_vanished_is_written_again(caplog: pytest.LogCaptureFixture) -> None:
    lab = Lab(processes=1, limit=5)
    await lab.call(0, 5)
    lab.store._records.clear()
    decision = await lab.processes[0].take()
    assert isinstance(decision, Wait), "the window is used up, whatever the store says"
    lab.clock.advance(HOUR + 10)
    await lab.call(0)
    lab.store._records.clear()
    await lab.call(0)
    assert [r.message for r in caplog.records if "written again" in r.message]
    heir = Process(lab.store, lab.clock)
    await heir.handle.refresh()
    assert heir.handle.ledger.window.remaining == 3


async def test_after_a_loss_the_first_call_goes_alone_and_reads() -> None:
    """Somebody else spent while we did not look, and what he wrote is gone."""
    lab = Lab(processes=2, limit=20)
    await lab.call(0, 4)
    await lab.call(1, 12)
    lab.store._records.clear()
    one, other = lab.processes
    token = await one.take()
    assert isinstance(token, int)
    assert isinstance(await one.take(), Wait)
    await one.answered(token, lab.server.hit(lab.clock.monotonic()))
    assert one.handle.ledger.window.remaining == 3
    await other.handle.refresh()
    assert other.handle.ledger.window.remaining == 3


async def test_calls_in_flight_survive_a_state_that_others_made_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lab = Lab(processes=1, limit=20)
    await lab.call(0, 4)
    [one] = lab.processes
    tokens = [await one.take() for _ in range(3)]
    lab.store._records.clear()
    newcomer = Process(lab.store, lab.clock)
    probe = await newcomer.take()
    assert isinstance(probe, int)
    assert probe not in tokens
    lab.clock.advance(0.3)
    await newcomer.answered(probe, lab.server.hit(lab.clock.monotonic()))
    for token in tokens:
        assert isinstance(token, int)
        await one.answered(token, lab.server.hit(lab.clock.monotonic()))
    assert "another process wrote it anew" in caplog.text
    assert "took longer" not in caplog.text
    await newcomer.handle.refresh()
    assert newcomer.handle.ledger.flights.open == ()
    assert newcomer.handle.ledger.window.remaining == 12


async def test_a_deleted_file_is_written_again(tmp_path: Path) -> None:
    lab, store = Lab(processes=1, limit=5), SqliteStore(tmp_path / "quota.sqlite")
    lab.processes[0].handle._store = store
    await lab.call(0, 3)
    _empty(tmp_path)
    await lab.call(0, 2)
    assert isinstance(await lab.processes[0].take(), Wait)
    await store.aclose()


def _empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


# ------------------------------------------------------------------ another clock


async def _used_up(clock: JumpingClock) -> tuple[MemoryStore, Server]:
    store, server = MemoryStore(), Server(5)
    process = Process(store, clock)
    for _ in range(5):
        await process.call(server, clock)
        clock.advance(1)
    return store, server


@pytest.mark.parametrize(("boot", "next_boot"), [("", ""), ("a", "b"), ("a", ""), ("", "b")])
@pytest.mark.parametrize("uptime", [1_000.0, 500_000.0])
async def test_a_machine_that_was_started_again(boot: str, next_boot: str, uptime: float) -> None:
    clock = Machine(boot)
    clock.advance(uptime)
    store, _ = await _used_up(clock)
    ends = clock.time() - 5 + HOUR
    after = Machine(next_boot, start=clock.time() + 60)
    process = Process(store, after)
    await process.handle.refresh()
    ledger = process.handle.ledger
    assert ledger.window.from_snapshot
    assert ends <= ledger.window.ends_before + after.time() - after.monotonic() <= ends + 31
    assert ledger.free_slots(process.handle.now()) == 0
    decision = await process.take()
    assert isinstance(decision, Wait)
    assert decision.until - process.handle.now() > HOUR - 70
    after.advance(decision.until - process.handle.now())
    assert isinstance(await process.take(), int)


async def test_processes_of_one_start_share_its_clock_without_a_name_for_it() -> None:
    clock = Machine(boot_id="")
    store, _ = await _used_up(clock)
    clock.advance(600)
    process = Process(store, clock)
    await process.handle.refresh()
    assert not process.handle.ledger.window.from_snapshot
    assert process.handle.ledger.window.ends_before == HOUR


async def test_a_wall_clock_that_was_set_is_taken_for_a_new_start() -> None:
    clock = Machine(boot_id="")
    store, server = await _used_up(clock)
    clock.step_wall(-HOUR * 24)
    process = Process(store, clock)
    await process.handle.refresh()
    decision = await process.take()
    assert isinstance(decision, Wait)
    assert decision.until >= server.ends
