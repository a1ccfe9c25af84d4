"""Waiting for the quota, sending, and what becomes of calls that fail."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from world import Lab, LoopClock, NotebookKeeper, VirtualLoop, date_of, lab

from postiz_async import AdvancedOptions, Postiz
from postiz_async._quota.snapshot import Snapshot
from postiz_async._resources.api import opened
from postiz_async._sandbox import MemoryServer
from postiz_async._scheduler.calls import PREPARED_SECONDS, Priority
from postiz_async.clock import JumpingClock
from postiz_async.errors import (
    APIConnectionError,
    APITimeoutError,
    ConfigurationError,
    Delivery,
    DeliveryUnknownError,
    PostizError,
    QuotaWaitError,
)
from postiz_async.models.posts import PostRequest
from postiz_async.testing._transport import SandboxTransport

BULK = Priority.BULK


def at(lab: Lab, seconds: float) -> datetime:
    return datetime.fromtimestamp(lab.clock.time() + seconds, UTC)


# ------------------------------------------------------------------ the order


async def test_interactive_calls_overtake_bulk() -> None:
    async with lab(limit=3, reserve=0) as it:
        for number in range(3):
            await it.create(number)
        bulk = [it.start(number, priority=BULK) for number in (10, 11, 12)]
        await it.clock.sleep(60)
        urgent = [it.start(number) for number in (20, 21)]
        await asyncio.gather(*bulk, *urgent)
        assert it.minutes == [0, 1, 2, 20, 21, 10, 11, 12]
        assert it.sandbox.refusals == 0


async def test_within_a_priority_deadlines_and_then_arrival_decide() -> None:
    async with lab(limit=1, reserve=0) as it:
        await it.create(0)
        hours = {1: None, 2: 90, 3: 50, 4: None, 5: 70}
        calls = [
            it.start(
                number,
                priority=BULK,
                due=None if hour is None else at(it, hour * 3600),
            )
            for number, hour in hours.items()
        ]
        await asyncio.gather(*calls)
        assert it.minutes == [0, 3, 5, 2, 1, 4]


async def test_bulk_leaves_the_reserve_to_interactive_calls() -> None:
    async with lab(limit=10, reserve=3) as it:
        bulk = [it.start(number, priority=BULK) for number in range(20)]
        await it.clock.sleep(600)
        assert len(it.left) == 7
        begun = it.clock.monotonic()
        await it.create(50)
        assert it.clock.monotonic() - begun == pytest.approx(0.2)
        await asyncio.gather(*bulk)
        assert it.clock.monotonic() < 2 * 3610 + 60
        assert it.sandbox.refusals == 0


async def test_a_bulk_call_that_would_be_late_may_use_the_reserve() -> None:
    async with lab(limit=10, reserve=3) as it:
        bulk = [it.start(number, priority=BULK) for number in range(20)]
        await it.clock.sleep(60)
        begun = it.clock.monotonic()
        await it.create(50, priority=BULK, due=at(it, 600))
        assert it.clock.monotonic() - begun == pytest.approx(0.2)
        await asyncio.gather(*bulk)


async def test_when_the_announced_work_shrinks_the_rest_need_not_wait() -> None:
    async with lab(limit=10, reserve=3) as it:
        queue = opened(it.postiz).scheduler.queue
        queue.announcers += 1
        queue.expect(20)
        bulk = [it.start(number, priority=BULK) for number in range(9)]
        await it.clock.sleep(60)
        assert len(it.left) == 7
        queue.expect(-20)
        await asyncio.gather(*bulk)
        assert it.clock.monotonic() < 62


@pytest.mark.parametrize(("posts", "creates"), [(1, 4), (30, 3), (60, 1), (200, 1)])
async def test_bulk_begins_with_four_creates_or_a_hundred_posts_in_flight(
    posts: int, creates: int
) -> None:
    async with lab(latency=6.0) as it:
        await it.create(0)
        most: list[int] = []

        async def look() -> None:
            most.append(opened(it.postiz).scheduler.queue.budget.creates)

        it.way.say = look
        await asyncio.gather(*(it.start(n, posts=posts, priority=BULK) for n in range(1, 13)))
        assert max(most) == creates
        assert opened(it.postiz).scheduler.queue.budget.creates == 0


async def test_an_idle_client_has_no_tasks() -> None:
    async with lab() as it:
        await it.create(1)
        assert asyncio.all_tasks() == {asyncio.current_task()}


# ------------------------------------------------------------------ refusing to wait


async def test_max_wait_raises_at_once_and_says_when() -> None:
    async with lab(limit=3) as it:
        for number in range(3):
            await it.create(number)
        sent, now = it.sandbox.requests, it.clock.monotonic()
        with pytest.raises(QuotaWaitError) as caught:
            await it.create(9, max_wait=5)
        assert (it.sandbox.requests, it.clock.monotonic()) == (sent, now)
        await it.clock.sleep(caught.value.retry_after)
        await it.create(9, max_wait=0)
        assert it.sandbox.refusals == 0


async def test_what_the_error_says() -> None:
    async with lab(limit=3) as it:
        for number in range(3):
            await it.create(number)
        bulk = [it.start(number, priority=BULK) for number in (10, 11)]
        await it.clock.sleep(59.4)
        with pytest.raises(QuotaWaitError) as caught:
            await it.create(9, max_wait=5)
        assert str(caught.value) == (
            "the next create-post slot is free in 59 min 02 s, you allowed 5 s.\n"
            "  3 of 3 used in this window; 2 bulk calls wait behind yours.\n"
            "  Wait longer (max_wait=None), or try again after retry_after=3542 s."
        )
        with pytest.raises(QuotaWaitError, match="3 of 3 used in this window; 2 calls wait before"):
            await it.create(9, max_wait=5, priority=BULK)
        for call in bulk:
            call.cancel()
        await asyncio.gather(*bulk, return_exceptions=True)


class WorkingClock(JumpingClock):
    """A microsecond passes between two looks at it, as on a machine that has something to do."""

    looks = 0

    def monotonic(self) -> float:
        self.looks += 1
        return super().monotonic() + self.looks * 1e-6


async def test_who_does_not_wait_for_an_answer_is_told_so_and_when_to_come_back() -> None:
    async with lab(latency=4.0, clock=WorkingClock()) as it:
        first = it.start(0)
        await it.clock.sleep(1)
        with pytest.raises(QuotaWaitError) as caught:
            await it.create(1, max_wait=0)
        assert str(caught.value) == (
            "a create-post slot is free, but the first call of the window has not been answered "
            "yet; you allowed 0 s.\n"
            "  1 of 30 used in this window (believed, nothing was read yet).\n"
            "  Wait longer (max_wait=None), or try again after retry_after=0.5 s."
        )
        assert caught.value.retry_after == 0.5
        await first
        await it.create(1, max_wait=0)
        others = [it.start(number) for number in (2, 3, 6)]
        await it.clock.sleep(1)
        behind = it.start(4, priority=BULK)
        await it.clock.sleep(0)
        with pytest.raises(QuotaWaitError, match=r"but enough calls are in flight") as caught:
            await it.create(5, max_wait=0)
        assert "5 of 30 used in this window; 1 bulk call waits behind yours." in str(caught.value)
        assert caught.value.retry_after > 0.5
        await asyncio.gather(*others, behind)


async def test_those_who_wait_already_are_told_when_the_window_turns_out_used_up() -> None:
    async with lab(limit=3, latency=4.0) as it:
        await it.use_up(2)
        probe = it.start(0)
        waiting = [it.start(number, max_wait=60) for number in range(1, 6)]
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert it.clock.monotonic() == pytest.approx(8.0)
        assert all(isinstance(result, QuotaWaitError) for result in results)
        await probe
        assert it.sandbox.refusals == 0


async def test_those_who_can_leave_in_time_stay() -> None:
    async with lab(limit=3, latency=4.0) as it:
        calls = [it.start(number, max_wait=60) for number in range(5)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [isinstance(result, QuotaWaitError) for result in results] == [False] * 3 + [
            True
        ] * 2
        assert it.clock.monotonic() < 30


async def test_those_who_are_overtaken_for_too_long_are_told() -> None:
    async with lab(limit=5, latency=4.0, reserve=0) as it:
        await it.create(0)
        bulk = [it.start(number, max_wait=600, priority=BULK) for number in range(1, 5)]
        await it.clock.sleep(1)
        assert opened(it.postiz).scheduler.queue.view().queued.bulk == 2
        urgent = [it.start(number) for number in (11, 12)]
        results = await asyncio.gather(*bulk, return_exceptions=True)
        assert [isinstance(result, QuotaWaitError) for result in results] == [False] * 2 + [
            True
        ] * 2
        await asyncio.gather(*urgent)
        assert it.clock.monotonic() < 60


async def test_max_wait_ends_a_wait_for_somebody_elses_answer() -> None:
    async with lab(latency=10.0) as it:
        probe = it.start(0)
        await it.clock.sleep(1)
        with pytest.raises(QuotaWaitError) as caught:
            await it.create(1, max_wait=5)
        assert it.clock.monotonic() == pytest.approx(6.0)
        assert caught.value.retry_after > 0
        with pytest.raises(QuotaWaitError):
            await it.create(1, max_wait=0)
        assert it.clock.monotonic() == pytest.approx(6.0)
        await probe


# ------------------------------------------------------------------ failures


async def test_a_refused_create_waits_out_the_lock_and_is_sent_again() -> None:
    async with lab(limit=3) as it:
        await it.use_up(3)
        await asyncio.gather(*(it.start(number) for number in range(3)))
        assert it.sandbox.refusals == 1, "one found out, nobody else tried"
        assert sorted(it.minutes) == [0, 1, 2]
        assert it.clock.monotonic() == pytest.approx(3602, abs=3)


async def test_during_a_lock_out_max_wait_tells_how_long_it_takes() -> None:
    async with lab(limit=3) as it:
        await it.use_up(3)
        with pytest.raises(QuotaWaitError, match="locked out after a 429") as caught:
            await it.create(0, max_wait=60)
        assert caught.value.retry_after == pytest.approx(3602, abs=1)
        assert it.clock.monotonic() == pytest.approx(0.2)


def unreachable(times: int) -> Callable[[], Awaitable[None]]:
    left = itertools.count(times, -1)

    async def say() -> None:
        await asyncio.sleep(0)
        if next(left) > 0:
            raise APIConnectionError("nobody listens", delivery=Delivery.NOT_SENT)

    return say


async def test_a_server_that_cannot_be_reached_costs_nothing_and_is_tried_again() -> None:
    async with lab(limit=2) as it:
        it.way.say = unreachable(3)
        await it.create(0)
        assert it.free == 1


async def test_a_server_that_can_never_be_reached_costs_nothing() -> None:
    async with lab(limit=2) as it:
        await it.create(0)
        it.way.say = unreachable(4)
        with pytest.raises(APIConnectionError, match="nobody listens"):
            await it.create(1)
        assert it.free == 1
        await it.create(2, max_wait=0)


async def test_a_lost_answer_is_not_sent_again_and_tells_what_to_look_for() -> None:
    async with lab(limit=3) as it:
        await it.create(0)
        it.fault("drop_answer", times=1)
        with pytest.raises(DeliveryUnknownError) as caught:
            await it.create(7, posts=2)
        assert caught.value.marks.date == date_of(7)
        assert caught.value.marks.channels == (it.channel, it.channel)
        assert it.free == 1
        assert it.minutes == [0, 7, 7]


async def test_a_server_that_hangs_is_given_up_after_its_time() -> None:
    async with lab(limit=3) as it:
        it.fault("late_answer", times=1, delay=500.0)
        with pytest.raises(DeliveryUnknownError, match="did not answer within 34"):
            await it.create(7, posts=20)
        assert it.clock.monotonic() == pytest.approx(34.0)
        await it.create(8)
        assert it.sandbox.refusals == 0


async def test_without_rate_headers_our_own_log_keeps_the_limit() -> None:
    async with lab(limit=30) as it:
        it.fault("strip_headers")
        await asyncio.gather(*(it.start(number, priority=BULK) for number in range(70)))
        assert it.sandbox.refusals == 0
        assert len(it.left) == 70
        assert it.clock.monotonic() < 3 * 3602


# ------------------------------------------------------------------ keeping


def with_snapshots(it: Lab, notes: list[object], *, broken: int = 0) -> NotebookKeeper:
    store = NotebookKeeper(notes, broken=broken)
    opened(it.postiz).scheduler.persistence.stores.append(store)

    async def note() -> None:
        await asyncio.sleep(0)
        notes.append("sent")

    it.way.say = note
    return store


async def test_the_state_is_kept_before_each_create_and_after_each_answer() -> None:
    async with lab(limit=3) as it:
        notes: list[object] = []
        with_snapshots(it, notes)
        await it.create(0)
        await it.create(1)
        kept = [note for note in notes if isinstance(note, Snapshot)]
        assert [isinstance(note, Snapshot) for note in notes] == [True, False, True] * 2
        assert [len(note.pending) for note in kept] == [1, 0, 1, 0]
        assert [note.remaining for note in kept] == [0, 2, 2, 1]


async def test_what_cannot_be_kept_is_not_sent() -> None:
    async with lab(limit=3) as it:
        await it.create(0)
        notes: list[object] = []
        with_snapshots(it, notes, broken=1)
        with pytest.raises(OSError, match="disk is full"):
            await it.create(1)
        assert notes == []
        assert it.free == 2
        await it.create(2, max_wait=0)


async def test_an_answer_is_returned_even_if_it_cannot_be_kept() -> None:
    async with lab(limit=3) as it:
        notes: list[object] = []
        store = with_snapshots(it, notes)

        async def break_it() -> PostRequest:
            store.broken = 1
            return it.body(5)

        created = await it.create(5, prepare=break_it)
        assert len(created) == 1
        assert it.free == 2


async def test_the_next_process_does_not_probe_a_window_that_is_used_up() -> None:
    async with lab(limit=3) as it:
        notes: list[object] = []
        store = with_snapshots(it, notes)
        for number in range(3):
            await it.create(number)
        heir = Postiz(
            api_key="sandbox",
            base_url="http://sandbox.invalid",
            advanced=AdvancedOptions(clock=it.clock, transport=SandboxTransport(it.sandbox)),
        )
        async with heir:
            opened(heir).scheduler.persistence.stores.append(store)
            await opened(heir).scheduler.restore(await store.load())
            with pytest.raises(QuotaWaitError, match="3 of 3 used"):
                await heir.posts.send(it.body(9), max_wait=60)
            await heir.posts.send(it.body(9))
        assert it.sandbox.refusals == 0


async def test_prepare_may_change_its_mind() -> None:
    async with lab(limit=3) as it:
        await it.create(0)

        async def refuse() -> PostRequest:
            await asyncio.sleep(0)
            raise PostizError("too late")

        with pytest.raises(PostizError, match="too late"):
            await it.create(1, prepare=refuse)
        assert it.free == 2

        async def unreachable_too() -> PostRequest:
            raise APIConnectionError("of another call")

        with pytest.raises(APIConnectionError, match="of another call"):
            await it.create(1, prepare=unreachable_too)
        assert it.free == 2, "the create itself was not sent"

        async def newer() -> PostRequest:
            return it.body(5)

        await it.create(1, prepare=newer)
        assert it.minutes == [0, 5]


async def test_what_was_prepared_long_ago_does_not_leave() -> None:
    """Of a process that was stopped meanwhile: whoever took over believes that it never left."""
    async with lab(limit=3) as it:
        await it.create(0)

        halts = [PREPARED_SECONDS, PREPARED_SECONDS, 0.0, PREPARED_SECONDS / 2]

        async def prepare_and_halt() -> PostRequest:
            await it.clock.sleep(halts.pop(0))
            return it.body(len(halts))

        with pytest.raises(APITimeoutError, match="was not sent") as caught:
            await it.create(1, prepare=prepare_and_halt, max_retries=0)
        assert caught.value.delivery is Delivery.NOT_SENT
        assert (it.minutes, it.free) == ([0], 2)
        await it.create(1, prepare=prepare_and_halt)  # prepared anew it leaves
        await it.create(1, prepare=prepare_and_halt)
        assert (it.minutes, it.free) == ([0, 1, 0], 0)


# ------------------------------------------------------------------ the rhythm `smooth`


def smoothly(scene: Callable[[Lab], Awaitable[None]]) -> None:
    """Play a scene with a smooth client; its bucket keeps the time of the event loop."""

    async def play() -> None:
        async with lab(limit=30, clock=LoopClock(), pacing="smooth") as it:
            await scene(it)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(play())


@pytest.mark.parametrize(
    ("politeness", "calls", "seconds"),
    [(None, 300, 0.0), (100.0, 250, 1.5), (1.0, 5, 4.0), (0.5, 5, 8.0)],
)
def test_routes_without_quota_go_at_the_pace_that_is_polite(
    politeness: float | None, calls: int, seconds: float
) -> None:
    async def play() -> None:
        clock = LoopClock()
        async with (
            MemoryServer(clock=clock) as sandbox,
            Postiz(
                api_key="sandbox",
                base_url="http://sandbox.invalid",
                advanced=AdvancedOptions(
                    clock=clock, transport=SandboxTransport(sandbox), politeness=politeness
                ),
            ) as postiz,
        ):
            begun = clock.monotonic()
            await asyncio.gather(*(postiz.channels.is_connected() for _ in range(calls)))
            assert clock.monotonic() - begun == pytest.approx(seconds, abs=0.05)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(play())


@pytest.mark.parametrize("politeness", [0, -1.0])
def test_no_call_at_all_is_no_politeness(politeness: float) -> None:
    with pytest.raises(ConfigurationError, match="politeness must be more than 0 calls a second"):
        Postiz(api_key="k", advanced=AdvancedOptions(politeness=politeness))


@pytest.mark.parametrize("reserve", [-1, 2.5, True, "3"])
def test_a_reserve_is_a_number_of_slots(reserve: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"reserve is {reserve!r}. Give a whole number"):
        AdvancedOptions(reserve=reserve)


def test_smooth_spreads_the_creates_over_the_window() -> None:
    async def scene(it: Lab) -> None:
        await asyncio.gather(*(it.start(number, priority=BULK) for number in range(70)))
        moments = [create.at for create in it.sandbox.creates]
        gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
        assert max(gaps[:2]) < 1, "a burst of a tenth of the limit, and then one by one"
        even = [gap for gap in gaps if gap == pytest.approx(3600 / 27, abs=3)]
        assert len(even) >= 50, "but for the slots that bulk leaves alone until a window closes"
        assert it.sandbox.refusals == 0

    smoothly(scene)


def test_interactive_calls_overtake_bulk_in_a_smooth_rhythm_too() -> None:
    async def scene(it: Lab) -> None:
        bulk = [it.start(number, priority=BULK) for number in range(20)]
        await asyncio.sleep(300)
        begun = it.clock.monotonic()
        await it.create(99)
        assert it.clock.monotonic() - begun < 3600 / 27 + 1
        for call in bulk:
            call.cancel()
        await asyncio.gather(*bulk, return_exceptions=True)

    smoothly(scene)


def test_a_smooth_rhythm_tells_at_once_how_long_it_takes() -> None:
    async def scene(it: Lab) -> None:
        for number in range(3):
            await it.create(number)
        waiting = it.start(3)
        await asyncio.sleep(10)
        begun = it.clock.monotonic()
        with pytest.raises(QuotaWaitError) as caught:
            await it.create(4, max_wait=200)
        assert it.clock.monotonic() == begun
        assert caught.value.retry_after == pytest.approx(2 * 3600 / 27 - 10, abs=1)
        await waiting
        await it.create(4, max_wait=200)
        assert len(it.sandbox.creates) == 5

    smoothly(scene)


def test_a_cancelled_call_leaves_the_rhythm_as_it_was() -> None:
    async def scene(it: Lab) -> None:
        for number in range(3):
            await it.create(number)
        for _ in range(5):
            call = it.start(9)
            await asyncio.sleep(1)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        await it.create(3)
        assert it.clock.monotonic() == pytest.approx(3600 / 27, abs=2)

    smoothly(scene)
