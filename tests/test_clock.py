"""The clocks, above all the one that jumps."""

from __future__ import annotations

import asyncio
import math
import selectors
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio.to_thread
import pytest
from processes import PATIENCE

from postiz_async._concurrency import in_thread
from postiz_async._unseen import unseen_work
from postiz_async.clock import (
    AcceleratedClock,
    Anchor,
    JumpingClock,
    SystemClock,
)

# ------------------------------------------------------------------ the one that jumps


async def test_it_jumps_to_the_next_moment_that_anybody_waits_for() -> None:
    clock = JumpingClock(start=1000.0)
    seen: list[tuple[str, float]] = []

    async def sleeper(name: str, *pauses: float) -> None:
        for pause in pauses:
            await clock.sleep(pause)
            seen.append((name, clock.monotonic()))

    await asyncio.gather(sleeper("a", 3600, 3600), sleeper("b", 10, 5000), sleeper("c", 86_400))
    assert seen == [("b", 10), ("a", 3600), ("b", 5010), ("a", 7200), ("c", 86_400)]
    assert clock.time() == 1000 + 86_400


class CountingSelector(selectors.SelectSelector):
    """Of an event loop; it is asked once a turn."""

    turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.turns += 1
        return super().select(timeout)


def test_a_jump_costs_a_few_turns_of_the_event_loop() -> None:
    selector = CountingSelector()

    async def sleep_often() -> None:
        clock = JumpingClock()
        for _ in range(100):
            await clock.sleep(60)

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(sleep_often())
    assert selector.turns < 100 * 8


async def test_it_jumps_where_callbacks_are_not_taken_for_tasks() -> None:
    pytest.importorskip("sniffio", reason="anyio asks sniffio where it is installed")
    clock = JumpingClock()
    rung = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.call_soon(clock.call_at, 60.0, rung.set)
    for _ in range(1_000):
        await asyncio.sleep(0)
    assert rung.is_set()
    assert clock.monotonic() == 60


async def test_two_clocks_jump_in_one_event_loop() -> None:
    clocks = [JumpingClock(), JumpingClock()]
    await asyncio.gather(*(clock.sleep(60) for clock in clocks for _ in range(3)))
    assert [clock.monotonic() for clock in clocks] == [60, 60]


async def forty_turns() -> None:
    for _ in range(40):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "work",
    [forty_turns, partial(anyio.to_thread.run_sync, time.sleep, 0.02)],
    ids=["task", "thread"],
)
async def test_it_stands_still_while_anybody_works(work: Callable[[], Awaitable[None]]) -> None:
    clock = JumpingClock()

    async def worker() -> float:
        await work()
        return clock.monotonic()

    _, seen = await asyncio.gather(clock.sleep(60), worker())
    assert (seen, clock.monotonic()) == (0, 60)


async def test_it_can_be_held() -> None:
    clock = JumpingClock()
    sleeper = asyncio.create_task(clock.sleep(60))
    with clock.hold():
        await asyncio.sleep(0.02)
        assert clock.monotonic() == 0
    await sleeper
    assert clock.monotonic() == 60


async def test_it_waits_for_work_that_it_is_told_of() -> None:
    clock = JumpingClock()
    sleeper = asyncio.create_task(clock.sleep(60))
    with unseen_work():
        with unseen_work():
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.02)
        assert clock.monotonic() == 0
    await sleeper
    assert clock.monotonic() == 60


class TimelessLoop(asyncio.SelectorEventLoop):
    """Its timers never ring."""

    def call_later(self, *arguments: Any, **options: Any) -> asyncio.TimerHandle:
        timer = super().call_later(*arguments, **options)
        timer.cancel()
        return timer


def test_it_jumps_as_soon_as_the_work_of_this_library_is_over() -> None:
    clock = JumpingClock()

    async def work() -> None:
        for _ in range(3):
            await in_thread(partial(time.sleep, 0.02))
            await clock.sleep(60)

    async def both() -> None:
        await asyncio.gather(work(), work())

    for _ in range(2):  # one after another
        with asyncio.Runner(loop_factory=TimelessLoop) as runner:
            runner.run(both())
    assert clock.monotonic() == 360


async def test_it_does_not_wait_for_the_work_of_other_threads() -> None:
    clock, ended = JumpingClock(), threading.Event()

    def work() -> None:
        with unseen_work():
            ended.wait(PATIENCE)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        await clock.sleep(60)
        assert clock.monotonic() == 60
    finally:
        ended.set()
        thread.join(PATIENCE)


async def test_a_moment_in_the_past_costs_one_turn_and_no_time() -> None:
    clock = JumpingClock()
    await clock.sleep(5)
    await clock.sleep(0)
    await clock.sleep(-3)
    await clock.sleep_until(2)
    assert clock.monotonic() == 5


async def test_a_timer_that_was_cancelled_does_not_ring_and_is_not_jumped_to() -> None:
    clock = JumpingClock()
    rung: list[float] = []
    timer = clock.call_at(10, lambda: rung.append(clock.monotonic()))
    clock.call_at(20, lambda: rung.append(clock.monotonic()))
    timer.cancel()
    timer.cancel()
    await clock.sleep(30)
    assert rung == [20]


async def test_a_cancelled_sleep_leaves_no_timer() -> None:
    clock = JumpingClock()
    sleeper = asyncio.create_task(clock.sleep(1000))
    await asyncio.sleep(0)
    sleeper.cancel()
    await asyncio.gather(sleeper, return_exceptions=True)
    await clock.sleep(1)
    assert clock.monotonic() == 1


async def test_timers_of_one_moment_ring_in_the_order_in_which_they_were_set() -> None:
    clock = JumpingClock()
    rung: list[int] = []
    for number in range(5):
        clock.call_at(10, lambda number=number: rung.append(number))  # type: ignore[misc]
    await clock.sleep(11)
    assert rung == [0, 1, 2, 3, 4]


async def test_both_clocks_can_be_moved_by_hand() -> None:
    clock = JumpingClock(start=100.0)
    rung: list[float] = []
    clock.call_at(10, lambda: rung.append(clock.monotonic()))
    clock.advance(9)
    assert rung == []
    clock.advance(20)
    assert rung == [10]
    assert (clock.monotonic(), clock.time()) == (29, 129)
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-1)


async def test_the_wall_clock_can_be_set_alone() -> None:
    clock = JumpingClock(start=100.0)
    clock.step_wall(-30)
    assert (clock.monotonic(), clock.time()) == (0, 70)


def test_it_works_in_one_event_loop_after_another() -> None:
    clock = JumpingClock()

    async def wait(seconds: float) -> None:
        await asyncio.wait(
            [asyncio.create_task(clock.sleep(seconds)), asyncio.create_task(clock.sleep(10_000))],
            return_when=asyncio.FIRST_COMPLETED,
        )

    for _ in range(3):
        asyncio.run(wait(60))
    assert clock.monotonic() == 180


# ------------------------------------------------------------------ a bounded block


async def test_a_block_is_left_when_its_time_is_over() -> None:
    clock = JumpingClock()
    with clock.move_on_after(5) as scope:
        await clock.sleep(60)
    assert scope.cancelled_caught
    assert clock.monotonic() == 5
    with clock.move_on_after(5) as scope:
        await clock.sleep(3)
    assert not scope.cancelled_caught
    with clock.move_on_after(math.inf) as scope:
        await clock.sleep(100_000)
    assert not scope.cancelled_caught


# ------------------------------------------------------------------ the others


async def test_the_real_clock_waits() -> None:
    clock = SystemClock()
    began, wall = clock.monotonic(), time.time()
    await clock.sleep(0.01)
    assert clock.monotonic() - began >= 0.0099
    assert wall <= clock.time() <= time.time()
    assert clock.speed == 1


async def test_a_timer_of_the_real_clock_can_be_cancelled() -> None:
    clock = SystemClock()
    rung: list[int] = []
    clock.call_at(clock.monotonic() + 0.001, lambda: rung.append(1)).cancel()
    clock.call_at(clock.monotonic() - 1, lambda: rung.append(2))
    await clock.sleep(0.01)
    assert rung == [2]


async def test_an_accelerated_clock_runs_faster() -> None:
    clock = AcceleratedClock(3_600_000)
    began = clock.monotonic()
    await clock.sleep(36_000)  # ten hours, if it were not
    assert clock.monotonic() - began >= 35_900
    earliest = time.time()
    shown = clock.time()
    latest = time.time()
    passed = (shown - clock.anchor.shown) / 3_600_000
    assert earliest - 1e-3 <= clock.anchor.real + passed <= latest + 1e-3


def test_processes_with_one_anchor_agree() -> None:
    first = AcceleratedClock(100, anchor=Anchor(real=1000.0, shown=5000.0))
    second = AcceleratedClock(100, anchor=first.anchor)
    before = first.time()
    assert before <= second.time() <= first.time()


@pytest.mark.parametrize("speed", [0.0, -1.0, math.inf, math.nan])
def test_a_speed_is_a_positive_number(speed: float) -> None:
    with pytest.raises(ValueError, match="positive number"):
        AcceleratedClock(speed)
