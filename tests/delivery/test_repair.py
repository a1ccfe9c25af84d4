"""Repairs of half made posts that arrive late: nobody is told "stored" of what they delete."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from key_lab import KEY, START, KeyLab, Process, ids

from postiz_async import DeliveryUnknownError, NewPost, PostizError
from postiz_async.models.posts import Created

SOON, LATER = 740.0, 800.0
"""Seconds until the post is due: a repair may still leave, and a minute after that none may. What
it deleted can be sent again before the second only."""


@pytest.fixture(params=[False, True], ids=["one host", "several hosts"])
def lab(request: pytest.FixtureRequest) -> KeyLab:
    """Half of a thread is stored, and the server says that it failed."""
    made = KeyLab(with_clock=request.param)
    made.fault("stop", after_items=0, half=True)
    return made


async def call(
    lab: KeyLab, process: Process, *, seconds: float = SOON, max_wait: float | None = None
) -> list[Created]:
    return await process.postiz.posts.schedule(
        NewPost(lab.channel, "first", thread=("second",)),
        at=START + timedelta(seconds=seconds),
        idempotency_key=KEY,
        max_wait=max_wait,
    )


async def told(lab: KeyLab, process: Process, *, seconds: float = SOON) -> list[str] | None:
    """The ids that a caller is told; None: it is not told that it is stored."""
    try:
        return ids(await process.run(call(lab, process, seconds=seconds)))
    except PostizError:
        return None


def assert_true(lab: KeyLab, answer: list[str] | None) -> None:
    """Whoever is told that it is stored finds it there, once."""
    assert len(lab.sandbox.posts) <= 1
    if answer is not None:
        assert [post.id for post in lab.sandbox.posts] == answer


async def until_it_repairs(lab: KeyLab, process: Process) -> None:
    """Until the request that deletes the half is at the server, which takes its time."""
    while not any(request.method == "DELETE" for request in process.sent):
        await lab.clock.sleep(0.5)
    await lab.clock.sleep(0.5)


@pytest.mark.parametrize("seconds", [SOON, LATER])
async def test_what_a_dead_process_is_deleting_is_not_called_stored(
    lab: KeyLab, seconds: float
) -> None:
    lab.fault("late_work", route="delete_post_group", delay=400.0)
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        repairing = asyncio.create_task(one.run(call(lab, one, seconds=seconds)))
        await until_it_repairs(lab, one)
        one.die()
        await repairing
        await lab.clock.sleep_until(250)
        answer = await told(lab, two, seconds=seconds)
        await lab.clock.sleep(1_000)
    assert_true(lab, answer)
    assert (answer is not None) == (seconds == LATER)


async def test_who_cannot_wait_for_a_repair_to_settle_is_told_when_to_come_again(
    lab: KeyLab,
) -> None:
    lab.fault("late_work", route="delete_post_group", delay=400.0)
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        repairing = asyncio.create_task(one.run(call(lab, one, seconds=86_400)))
        await until_it_repairs(lab, one)
        one.die()
        await repairing
        await lab.clock.sleep_until(250)
        with pytest.raises(DeliveryUnknownError) as caught:
            await call(lab, two, seconds=86_400, max_wait=60)
        assert caught.value.retry_after == pytest.approx(480, abs=30)
        await lab.clock.sleep(caught.value.retry_after)
        answer = await call(lab, two, seconds=86_400)
    assert_true(lab, ids(answer))
    assert lab.statuses.count(201) == 1


@pytest.mark.parametrize("stopped_for", [200.0, 1_200.0])
async def test_a_process_that_is_stopped_anywhere_deletes_nothing_that_others_called_stored(
    stopped_for: float,
) -> None:
    """Stopped between its last look and its repair, it may be too late for that."""
    step, was_stopped = 0, True
    while was_stopped:
        step += 1
        lab = KeyLab()
        lab.fault("stop", after_items=0, half=True)
        async with lab.sandbox, lab.process() as one, lab.process() as two:
            one.stops_at, one.stops_for = step, stopped_for
            first = asyncio.create_task(told(lab, one))
            await lab.clock.sleep(150)
            second = await told(lab, two)
            answers = [await first, second]
            await lab.clock.sleep(2 * stopped_for)
            was_stopped = one.stops_at is None
            for answer in answers:
                assert_true(lab, answer)
    assert step > 15
