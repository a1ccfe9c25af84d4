"""Calls that give up some time: all are told in time, and none of it costs more beside many."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable

import pytest
from work import counted_calls
from world import lab

from postiz_async._resources.api import opened
from postiz_async.clock import JumpingClock, Timer
from postiz_async.errors import ConfigurationError, QuotaWaitError

HOUR = 3600.0


class CountingClock(JumpingClock):
    """Counts the timers that are set."""

    timers = 0

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        self.timers += 1
        return super().call_at(when, callback)


async def test_one_timer_does_for_all_calls_that_wait() -> None:
    clock = CountingClock()
    async with lab(limit=1, clock=clock) as it:
        await it.create(0)
        with clock.hold():
            before = clock.timers
            calls = [it.start(n, max_wait=(200 + n) * HOUR) for n in range(1, 101)]
            await _turns(20)
            assert clock.timers - before <= 10
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_call_that_waits_costs_the_same_beside_four_times_as_many() -> None:
    few, many = await _work_of_a_day(300), await _work_of_a_day(1200)
    assert many < 1.2 * few


async def _work_of_a_day(waiting: int) -> int:
    """Function calls for some windows, with so many who wait behind those who leave in them."""
    async with lab(limit=10) as it:
        await it.create(0)
        calls = [it.start(n, max_wait=(n / 9 + 3) * HOUR) for n in range(1, waiting)]
        await it.clock.sleep(HOUR / 2)
        with counted_calls() as counted:
            await it.clock.sleep(12 * HOUR)
        assert len(it.left) == pytest.approx(130, abs=1)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    return counted.count


async def test_cancelling_costs_the_same_beside_ten_times_as_many() -> None:
    few, many = await _work_of_cancelling(200), await _work_of_cancelling(2000)
    assert many < 1.2 * few


async def _work_of_cancelling(waiting: int) -> int:
    async with lab(limit=1) as it:
        await it.create(0)
        with it.clock.hold():
            calls = [it.start(n, max_wait=(n + 5) * HOUR) for n in range(1, waiting)]
            await _turns(20)
            some = calls[:: -(waiting // 100)]
            with counted_calls() as counted:
                for call in some:
                    call.cancel()
                await asyncio.wait(some)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
    return counted.count


async def test_all_are_told_at_once_when_the_window_turns_out_used_up() -> None:
    async with lab(limit=30, latency=4.0) as it:
        await it.use_up(29)
        probe = it.start(0)
        calls = [it.start(n, max_wait=1000.0) for n in range(1, 30)]
        later = [it.start(n, max_wait=1000 * HOUR) for n in range(30, 1200)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(result) for result in results} == {QuotaWaitError}
        assert it.clock.monotonic() == pytest.approx(8.0)
        await probe
        await asyncio.sleep(0)
        assert not any(call.done() for call in later)
        for call in later:
            call.cancel()
        await asyncio.gather(*later, return_exceptions=True)


@pytest.mark.parametrize("seed", range(6))
async def test_whoever_waits_can_leave_in_time_as_it_is_forecast(seed: int) -> None:
    """Whatever others do; within half of the time of a slot, for which nobody is asked again."""
    dice = random.Random(seed)  # noqa: S311
    limit = dice.choice([2, 5, 10])
    async with lab(limit=limit) as it:
        await it.create(0)
        begun = it.clock.monotonic()
        ends = {n: begun + dice.uniform(1, 2.5 * 60 / limit) * HOUR for n in range(1, 61)}
        calls = {n: it.start(n, max_wait=end - begun) for n, end in ends.items()}
        for _ in range(100):
            await it.clock.sleep(dice.expovariate(1 / 500))
            if dice.random() < 0.2:
                await it.use_up(dice.choice([1, 1, 2, limit]))
            if dice.random() < 0.1:
                calls[dice.choice([*calls])].cancel()
            await _turns(20)
            waiting = [n for n, call in calls.items() if not call.done()]
            places = len(waiting) - (await it.postiz.quota()).queued.interactive
            for place, number in enumerate(waiting[places:], start=1):
                at_least = place - it.sandbox.refusals  # who was refused waits behind the others
                leaves = it.clock.monotonic() + opened(it.postiz).scheduler.leaves_in(at_least)
                assert leaves <= ends[number] + HOUR / limit / 2 + 1
        done = [call for call in calls.values() if call.done() and not call.cancelled()]
        kinds = Counter(type(call.exception()) for call in done)
        assert set(kinds) <= {type(None), QuotaWaitError}
        for call in calls.values():
            call.cancel()
        await asyncio.gather(*calls.values(), return_exceptions=True)


async def test_closing_lets_others_run_while_many_are_told() -> None:
    async with lab(limit=1) as it:
        await it.create(0)
        calls = [it.start(n) for n in range(1, 2001)]
        await it.clock.sleep(1)
        turn, ended_in = 0, Counter[int]()
        for call in calls:
            call.add_done_callback(lambda _: ended_in.update([turn]))
        await it.postiz.aclose()
        while sum(ended_in.values()) < len(calls):
            turn += 1
            await asyncio.sleep(0)
        assert max(ended_in.values()) <= 500
        assert {type(call.exception()) for call in calls} == {ConfigurationError}
        await it.postiz.open()
