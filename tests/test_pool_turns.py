"""Turns at a connection: nobody waits for the backlog of another."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Awaitable

import pytest
from hypothesis import given, strategies as st
from processes import PATIENCE

from postiz_async._scheduler.round_robin import RoundRobin


async def test_waiting_owners_take_turns() -> None:
    turns, served = RoundRobin(1), list[str]()

    async def work(owner: str) -> None:
        await turns.take(owner)
        served.append(owner)
        await asyncio.sleep(0)
        turns.give_back(owner)

    crowd = [work("big") for _ in range(100)] + [work("small"), work("other")]
    await asyncio.gather(*crowd)
    assert served.index("small") < 4
    assert served.index("other") < 5
    assert len(served) == 102


async def test_no_owner_holds_all_turns() -> None:
    turns = RoundRobin(8)
    for _ in range(6):
        await turns.take("big")
    more = asyncio.create_task(turns.take("big"))
    await asyncio.sleep(0)
    assert not more.done(), "a quarter is left to others"
    await asyncio.wait_for(turns.take("small"), PATIENCE)
    turns.give_back("big")
    await asyncio.wait_for(more, PATIENCE)


async def test_one_turn_can_be_had_even_alone() -> None:
    turns = RoundRobin(1)
    await asyncio.wait_for(turns.take("a"), PATIENCE)


@pytest.mark.parametrize("moment", ["while it waits", "in the moment of the turn"])
async def test_cancelling_a_wait_leaves_the_turn_to_the_next(moment: str) -> None:
    turns = RoundRobin(1)
    await turns.take("a")
    first, second = (asyncio.create_task(turns.take(owner)) for owner in "bc")
    await asyncio.sleep(0)
    if moment == "while it waits":
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        turns.give_back("a")
    else:
        turns.give_back("a")  # first has the turn and has not run yet
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
    await asyncio.wait_for(second, PATIENCE)


@pytest.mark.parametrize("owners", ["bbb", "bcd", "bcc"])
async def test_a_turn_that_ends_just_after_waits_were_cancelled_goes_to_the_next(
    owners: str,
) -> None:
    """Those who were cancelled have not run yet, and still stand in the line."""
    turns = RoundRobin(4)
    for _ in range(3):
        await turns.take("b")
    await turns.take("a")
    first, second, third = (asyncio.create_task(turns.take(owner)) for owner in owners)
    await asyncio.sleep(0)
    first.cancel()
    second.cancel()
    turns.give_back("b")
    turns.give_back("a")
    for task in (first, second):
        with pytest.raises(asyncio.CancelledError):
            await task
    await asyncio.wait_for(third, PATIENCE)
    await asyncio.wait_for(turns.take("e"), PATIENCE)
    last = asyncio.create_task(turns.take("f"))
    await asyncio.sleep(0)
    assert not last.done(), "no turn was lost, and none was made"
    turns.give_back("e")
    await asyncio.wait_for(last, PATIENCE)


async def test_a_turn_costs_the_same_beside_ten_times_as_many_organisations() -> None:
    """In bytes: a copy of all that wait is no call that could be counted."""
    bytes_of = dict[int, int]()
    for owners in (1_000, 10_000):
        turns = RoundRobin(1)
        await turns.take("first")
        tasks = [asyncio.create_task(turns.take(str(number))) for number in range(owners)]
        await asyncio.sleep(0)
        tracemalloc.start()
        turns.give_back("first")
        bytes_of[owners] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        await asyncio.wait_for(tasks[0], PATIENCE)
        for task in tasks:
            task.cancel()
    assert bytes_of[10_000] < bytes_of[1_000] + 1_000


@given(
    capacity=st.integers(1, 5),
    acts=st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.sampled_from(["take", "end", "cancel"]),
            st.sampled_from([0, 3]),
        )
    ),
)
def test_turns_are_neither_lost_nor_made(capacity: int, acts: list[tuple[str, str, int]]) -> None:
    async def life() -> None:
        turns, held, waiting = RoundRobin(capacity), list[str](), list[asyncio.Task[str]]()

        async def take(owner: str) -> str:
            await turns.take(owner)
            held.append(owner)
            return owner

        for owner, act, steps in acts:
            if act == "take":
                waiting.append(asyncio.create_task(take(owner)))
            elif act == "end" and held:
                turns.give_back(held.pop(0))
            elif act == "cancel" and waiting:
                waiting.pop().cancel()
            await _others_run(steps)
            assert len(held) <= capacity
        await _others_run(3)
        while held:
            turns.give_back(held.pop())
            await _others_run(2)
        await _all_end(*waiting)
        for _ in range(max(1, capacity - capacity // 4)):
            await asyncio.wait_for(turns.take("z"), PATIENCE)

    asyncio.run(life())


async def _others_run(steps: int) -> None:
    for _ in range(steps):
        await asyncio.sleep(0)


async def _all_end(*tasks: Awaitable[str]) -> None:
    every = asyncio.gather(*tasks, return_exceptions=True)
    for result in await asyncio.wait_for(every, PATIENCE):
        assert isinstance(result, str | asyncio.CancelledError)
