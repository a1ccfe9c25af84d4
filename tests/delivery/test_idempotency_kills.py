"""Processes that die and callers that are cancelled at each of their steps: one post of a key."""

from __future__ import annotations

import asyncio
import os
import random
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from cancelling import CancelledAt
from key_lab import START, KeyLab, Process, ids, in_the_end

from postiz_async import DeliveryUnknownError, NewPost, PostizError
from postiz_async._resources.api import opened
from postiz_async.models.posts import Created

pytestmark = pytest.mark.exhaustive

FAULTS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "none": [],
    "answer lost": [("drop_answer", {})],
    "late": [("late_work", {"delay": 300.0})],
    "never": [("reset", {})],
    "half": [("stop", {"after_items": 0, "half": True})],
    "key look-up": [("empty_401", {})],
}


async def steps_of(fault: str, release: str, **options: Any) -> int:
    """How many steps a call takes that nothing ends."""
    lab = made(fault, release)
    async with lab.sandbox, lab.process() as process:
        await lab.schedule(process, "a", "b", **options)
        return process.steps


def made(fault: str, release: str) -> KeyLab:
    lab = KeyLab(release=release)
    for kind, options in FAULTS[fault]:
        lab.fault(kind, **options)
    return lab


async def assert_whole(lab: KeyLab, answer: list[Created] | None) -> None:
    """Each post once, all with their jobs, in the order of the call."""
    assert [len(lab.of_key(place=place)) for place in (0, 1)] == [1, 1]
    assert ids(answer) == [lab.of_key(place=place)[0].id for place in (0, 1)]
    assert len(lab.sandbox.posts) == 2
    assert all(post.has_job for post in lab.sandbox.posts)
    assert (await lab.record()).state == "stored"


# ------------------------------------------------------------------ processes that die


@pytest.mark.parametrize("release", ["HEAD", "v2.23.0"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_whoever_comes_after_a_process_that_died_anywhere_has_one_answer(
    fault: str, release: str
) -> None:
    last = await steps_of(fault, release)
    died_with: set[str] = set()
    for step in range(1, last + 1):
        lab = made(fault, release)
        async with lab.sandbox, lab.process(dies_at=step) as victim, lab.process() as heir:
            assert await victim.run(lab.schedule(victim, "a", "b")) is None
            died_with.add((await lab.record()).state)
            await assert_whole(
                lab, await in_the_end(lab.clock, partial(lab.schedule, heir, "a", "b"))
            )
            assert lab.statuses.count(201) <= 2, "a create, or the rest of one"
    assert died_with >= {"planned", "leaving", "stored"}


@pytest.mark.parametrize("seed", range(int(os.environ.get("KEY_SEEDS", "40"))))
async def test_processes_that_die_one_after_the_other(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    lab = KeyLab(release=dice.choice(["HEAD", "v2.23.0"]), limit=dice.choice([8, 30]))
    for kind, share, options in (
        ("drop_answer", 0.3, {}),
        ("reset", 0.2, {}),
        ("late_work", 0.2, {"delay": 400.0}),
        ("stop", 0.2, {"after_items": 1, "half": True}),
        ("empty_401", 0.2, {}),
    ):
        lab.fault(kind, times=None, probability=share, **options)
    answers: list[list[Created]] = []
    async with lab.sandbox:
        for _ in range(dice.randint(1, 6)):
            async with lab.process(dies_at=dice.randint(1, 60)) as victim:
                try:
                    answer = await victim.run(lab.schedule(victim, "a", "b"))
                except PostizError:
                    answer = None
                answers += [answer] if answer else []
            await lab.clock.sleep(dice.choice([0.0, 1.0, 60.0, 4_000.0]))
        lab.sandbox.faults.clear()
        await lab.clock.sleep(500)  # what is late comes
        async with lab.process() as heir:
            answer = await lab.schedule(heir, "a", "b")
        await assert_whole(lab, answer)
        assert all(each == answer for each in answers)


# ------------------------------------------------------------------ callers that are cancelled


def leftovers(process: Process) -> list[object]:
    """What a call that is over must not leave behind."""
    client = opened(process.postiz)
    tasks = [task for task in asyncio.all_tasks() if "idempotency" in task.get_name()]
    turns = client.keyed()._turns  # type: ignore[attr-defined]
    return [*tasks, *turns, *([client.scheduler.queue] if client.scheduler.queue.waiting else [])]


async def is_cancelled(process: Process, lab: KeyLab, stop: int) -> bool:
    """Whether a caller was cancelled at this await."""
    victim = CancelledAt(lab.schedule(process, "a", "b"), stop)

    async def work() -> None:
        await victim

    task = asyncio.create_task(work())
    await asyncio.wait([task])
    assert task.cancelled() == victim.reached
    return victim.reached


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_caller_that_is_cancelled_at_any_await_leaves_nothing_behind(fault: str) -> None:
    for stop in range(1, 200):
        lab = made(fault, "HEAD")
        async with lab.sandbox, lab.process() as process, lab.process() as other:
            reached = await is_cancelled(process, lab, stop)
            assert leftovers(process) == []
            record = await lab.record()
            assert not record.is_leaving_at(lab.clock.time()), "what left has come to its end"
            assert not record.holder
            await assert_whole(
                lab, await in_the_end(lab.clock, partial(lab.schedule, other, "a", "b"))
            )
        if not reached:
            assert stop > 3
            return
    raise AssertionError("it never ends")


@pytest.mark.parametrize("fault", ["none", "answer lost", "half", "key look-up"])
async def test_so_does_one_that_is_cancelled_while_others_work_for_it(fault: str) -> None:
    """In the middle of what the store or Postiz does."""
    last = await steps_of(fault, "HEAD")
    states: set[str] = set()
    for step in range(1, last + 1):
        lab = made(fault, "HEAD")
        async with lab.sandbox, lab.process() as process, lab.process() as other:
            process.cancels_at = step
            assert await process.run(lab.schedule(process, "a", "b")) is None or step == last
            process.cancels_at = None
            assert leftovers(process) == []
            record = await lab.record()
            assert not record.is_leaving_at(lab.clock.time()), "what left has come to its end"
            assert not record.holder
            states.add(record.state)
            await assert_whole(
                lab, await in_the_end(lab.clock, partial(lab.schedule, other, "a", "b"))
            )
    assert "stored" in states


async def test_a_slot_is_given_back_by_who_is_cancelled_while_it_waits() -> None:
    lab = KeyLab(limit=1)
    async with lab.sandbox, lab.process() as one:
        await lab.schedule(one, key="first")
        waiting = [asyncio.create_task(lab.schedule(one)) for _ in range(3)]
        await lab.clock.sleep(60)
        for task in waiting:
            task.cancel()
            await asyncio.wait([task])
        assert leftovers(one) == []
        assert (await lab.record()).is_bare
        assert opened(one.postiz).scheduler.ledger.flights.open == ()
    assert lab.statuses == [201]


@pytest.mark.parametrize("later", [0.0, 30.0])
async def test_who_is_cancelled_after_a_429_does_not_wait_for_the_window(later: float) -> None:
    lab = KeyLab(limit=1)
    async with lab.sandbox, lab.process() as one:
        async with lab.process(store=KeyLab().store) as stranger:
            await lab.schedule(stranger, key="stranger")
        waiting = asyncio.create_task(lab.schedule(one))
        while 429 not in lab.statuses:
            await lab.clock.sleep(0.05)
        await lab.clock.sleep(later)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert lab.clock.monotonic() < 60
        assert leftovers(one) == []
        assert (await lab.record()).is_bare
    assert lab.statuses == [201, 429]


async def test_who_is_cancelled_again_and_again_still_waits_for_what_left() -> None:
    lab = KeyLab(work_per_post=2.0)
    async with lab.sandbox, lab.process() as one:
        call = asyncio.create_task(lab.schedule(one))
        await lab.clock.sleep(1.0)
        assert (await lab.record()).state == "leaving"
        for _ in range(5):
            call.cancel()
            await lab.clock.sleep(0.1)
            assert not call.done()
        await asyncio.wait([call])
        assert call.cancelled()
        assert (await lab.record()).state == "stored"
        assert ids(await lab.schedule(one)) == [post.id for post in lab.sandbox.posts]


async def test_a_body_that_is_cancelled_anywhere_is_planned_or_stored() -> None:
    lab = KeyLab()
    async with lab.sandbox, lab.process() as one:
        body = await one.postiz.posts.build(
            NewPost(lab.channel, "x"), kind="schedule", at=START + timedelta(hours=1)
        )
        for stop in range(1, 20):
            call = CancelledAt(one.postiz.posts.send(body, idempotency_key=f"k{stop}"), stop)
            await asyncio.wait([asyncio.create_task(_awaited(call))])
            assert (await lab.record(f"k{stop}")).state in {"planned", "stored"}
            if not call.reached:
                break
        assert stop < 19


async def _awaited(call: CancelledAt) -> None:
    await call


async def test_an_answer_that_was_lost_while_its_caller_was_cancelled_is_looked_up_later() -> None:
    lab = KeyLab(work_per_post=2.0)
    lab.fault("drop_answer")
    async with lab.sandbox, lab.process() as one:
        call = asyncio.create_task(lab.schedule(one))
        await lab.clock.sleep(1.0)
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled()
        record = await lab.record()
        assert (record.state, record.holder) == ("lost", "")
        assert not record.is_leaving_at(lab.clock.time()), "the next need not wait for its time-out"
        assert len(await lab.schedule(one)) == 1
    assert lab.statuses == [201]


async def test_the_time_of_a_scope_of_anyio_is_kept_to() -> None:
    """As for `CancelOnDisconnect`: before it leaves at once, afterwards at its end."""
    lab = KeyLab(limit=1)
    async with lab.sandbox, lab.process() as one:
        await lab.schedule(one, key="first")
        with lab.clock.move_on_after(5) as scope:
            await lab.schedule(one)
        assert scope.cancelled_caught
        assert lab.clock.monotonic() < 6
        assert leftovers(one) == []
        await lab.clock.sleep(3_700)
        with lab.clock.move_on_after(0.5) as scope:  # two lists come first
            await lab.schedule(one)
        assert scope.cancelled_caught
        assert (await lab.record()).state == "stored"
        assert leftovers(one) == []


async def test_a_holder_that_is_gone_is_waited_for_no_longer_than_its_time_out() -> None:
    lab = KeyLab()
    async with lab.sandbox, lab.process(latency=3.0) as one, lab.process() as two:
        call = asyncio.create_task(one.run(lab.schedule(one)))
        await lab.until_sent()
        one.die()
        await call
        with pytest.raises(DeliveryUnknownError) as caught:
            await lab.schedule(two, max_wait=1)
        assert caught.value.retry_after is not None
        assert caught.value.retry_after < 46
        began = lab.clock.monotonic()
        assert len(await lab.schedule(two)) == 1
        assert lab.clock.monotonic() - began < 46
    assert lab.statuses == [201]
