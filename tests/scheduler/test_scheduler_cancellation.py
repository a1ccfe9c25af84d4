"""A create that is cancelled, at each of its awaits: its slot comes back or is spent."""

from __future__ import annotations

import asyncio

import anyio
import pytest
from cancelling import CancelledAt
from world import Lab, NotebookKeeper, lab

from postiz_async._resources.api import opened
from postiz_async._scheduler.scheduler import Priority
from postiz_async.errors import StoreError
from postiz_async.models.posts import PostRequest
from postiz_async.stores import Kept
from postiz_async.stores.memory import MemoryStore


class SlowStore(MemoryStore):
    """A shared store that takes a turn of the event loop, before and after."""

    async def get(self, scope: str, key: str, /) -> Kept:
        await asyncio.sleep(0)
        return await super().get(scope, key)

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        await asyncio.sleep(0)
        result = await super().swap(scope, key, version, value, keep=keep)
        await asyncio.sleep(0)
        return result


async def victim(it: Lab, number: int, *, finish: bool) -> None:
    async def prepare() -> PostRequest:
        await asyncio.sleep(0)
        return it.body(number)

    await it.create(number, prepare=prepare, finish=finish)


async def run_to(it: Lab, stop: int, *, finish: bool) -> bool:
    """Cancel a create at its `stop`-th await; False when it has fewer."""
    work = CancelledAt(victim(it, 1, finish=finish), stop)

    async def run() -> None:
        await work

    outcome = (await asyncio.gather(asyncio.create_task(run()), return_exceptions=True))[0]
    if not work.reached:
        assert outcome is None
        return False
    assert isinstance(outcome, asyncio.CancelledError) or it.left[-1:] == [1]
    return True


@pytest.mark.parametrize("finish", [False, True], ids=["", "finish"])
@pytest.mark.parametrize("shared", [False, True], ids=["own", "shared"])
@pytest.mark.parametrize("place", ["probe", "later"])
async def test_cancelled_at_any_await(*, finish: bool, shared: bool, place: str) -> None:
    stop = 0
    while True:
        stop += 1
        async with lab(limit=6, store=SlowStore() if shared else None) as it:
            opened(it.postiz).scheduler.persistence.stores.append(NotebookKeeper([]))
            if place == "later":
                await it.create(0)
            was_cancelled = asyncio.create_task(run_to(it, stop, finish=finish))
            await asyncio.sleep(0)
            behind = [it.start(number) for number in (10, 11)]
            if not await was_cancelled:
                await asyncio.gather(*behind)
                break
            await asyncio.gather(*behind)
            ledger = opened(it.postiz).scheduler.ledger
            assert not ledger.flights.open, f"a reservation is left (await {stop})"
            view = opened(it.postiz).scheduler.queue.view()
            assert (view.queued.interactive, view.in_flight) == (0, 0)
            assert it.sandbox.refusals == 0
            counted = len(it.sandbox.creates)
            assert view.remaining is not None
            assert 6 - counted - 1 <= view.remaining <= 6 - counted, f"await {stop}"
            if finish and 1 in it.minutes:
                assert ledger.flights.unseen == (), "it ended with its answer"
            await it.clock.sleep(60)
            await it.create(20, max_wait=0)
            assert it.free == 6 - counted - 1
    assert stop > (2 if finish else 6), "there are more awaits than that"


async def test_the_place_of_a_waiting_call_goes_to_the_next() -> None:
    async with lab(limit=1) as it:
        await it.create(0)
        first, second, third = (it.start(number) for number in (1, 2, 3))
        await it.clock.sleep(10)
        first.cancel()
        third.cancel()
        await second
        assert it.left == [0, 2]
        assert it.clock.monotonic() == pytest.approx(3602, abs=2)
        assert (first.cancelled(), third.cancelled()) == (True, True)
        assert (await it.postiz.quota()).queued.interactive == 0


async def test_a_create_that_is_cancelled_on_its_way_is_told_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with lab(limit=2) as it:
        await it.create(0)
        with caplog.at_level("INFO", "postiz_async"):
            sent = it.start(1)
            it.fault("late_answer", times=1, delay=50.0)
            await it.clock.sleep(10)
            sent.cancel()
            await asyncio.wait([sent])
            waits = it.start(2)
            await it.clock.sleep(10)
            waits.cancel()
            await asyncio.wait([waits])
        seen = [
            (record.levelname, record.getMessage().partition(":")[0]) for record in caplog.records
        ]
        assert seen == [
            ("INFO", "request 2 create_post posts=1 CancelledError remaining=-"),
            ("WARNING", "request 2, a create of 1 posts, was cancelled on its way"),
        ]
        assert len(it.sandbox.posts) == 2, "it is stored, though nobody has its answer"


async def test_an_interactive_call_that_is_cancelled_lets_bulk_go_on() -> None:
    async with lab(limit=1) as it:
        await it.create(0)
        bulk = it.start(1, priority=Priority.BULK)
        await it.clock.sleep(10)
        urgent = it.start(2)
        await it.clock.sleep(10)
        urgent.cancel()
        await bulk
        assert it.left == [0, 1]


async def test_a_probe_that_is_cancelled_does_not_hold_up_the_others() -> None:
    async with lab(latency=5.0) as it:
        probe = it.start(0)
        others = [it.start(number) for number in (1, 2)]
        await it.clock.sleep(2)
        probe.cancel()
        await asyncio.gather(*others)
        assert it.clock.monotonic() == pytest.approx(22)
        assert it.minutes == [1, 2]


async def test_a_time_out_around_a_create_in_flight_counts_it_as_spent() -> None:
    async with lab(limit=3, latency=5.0) as it:
        await it.create(0)
        with it.clock.move_on_after(7.0):
            await it.create(1)
        assert it.minutes == [0, 1]
        assert it.free == 1


async def cancelled_with_finish(it: Lab, cancel: str) -> None:
    """Cancel a create that is asked to finish, two seconds after another one."""
    await it.create(0)
    scope = anyio.CancelScope()

    async def work() -> None:
        with scope:
            await it.create(1, finish=True)

    task = asyncio.create_task(work())
    await it.clock.sleep(2)
    scope.cancel() if cancel == "scope" else task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("cancel", ["task", "scope"])
async def test_with_finish_a_create_in_flight_ends_with_its_answer(cancel: str) -> None:
    async with lab(limit=3, latency=5.0) as it:
        await cancelled_with_finish(it, cancel)
        assert it.clock.monotonic() == pytest.approx(20)
        assert opened(it.postiz).scheduler.ledger.flights.unseen == ()
        assert (it.minutes, it.free) == ([0, 1], 1)


@pytest.mark.parametrize("cancel", ["task", "scope"])
async def test_with_finish_a_create_that_waits_for_its_slot_is_cancelled(cancel: str) -> None:
    async with lab(limit=1) as it:
        await cancelled_with_finish(it, cancel)
        assert it.clock.monotonic() < 3
        assert it.minutes == [0]


async def test_bulk_that_is_cancelled_in_flight_leaves_the_budget() -> None:
    async with lab(latency=5.0) as it:
        calls = [it.start(number, priority=Priority.BULK) for number in range(8)]
        await it.clock.sleep(35)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        budget = opened(it.postiz).scheduler.queue.budget
        assert (budget.creates, budget.posts) == (0, 0)


class ForgetfulStore(MemoryStore):
    """A shared store that fails at one swap."""

    def __init__(self, fails_at: int) -> None:
        super().__init__()
        self._left = fails_at

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        self._left -= 1
        if self._left == 0:
            raise StoreError("the store is away")
        return await super().swap(scope, key, version, value, keep=keep)


async def test_a_create_whose_end_could_not_be_noted_holds_up_nobody_for_ever() -> None:
    async with lab(store=ForgetfulStore(fails_at=2)) as it:
        await it.create(0)
        await it.create(1)
        assert it.minutes == [0, 1]
        assert it.clock.monotonic() < 70
