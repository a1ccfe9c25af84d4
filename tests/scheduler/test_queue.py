"""Priorities, deadlines, what is seen of the queue, and how a client closes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace
from processes import PATIENCE
from world import lab

from postiz_async import _quota as quota
from postiz_async._quota import Grant, Ledger, RateHeaders
from postiz_async._resources.api import opened
from postiz_async._scheduler.calls import SlotRequest
from postiz_async._scheduler.queue import OVERTAKES, AdmissionQueue
from postiz_async._scheduler.scheduler import Priority
from postiz_async.clock import JumpingClock
from postiz_async.errors import ConfigurationError, QuotaWaitError
from postiz_async.stores._local_ledger import LocalLedgers

BULK = Priority.BULK


# ------------------------------------------------------------------ priorities


async def test_any_whole_number_is_a_priority() -> None:
    async with lab(limit=1, reserve=0) as it:
        await it.create(0)
        calls = [it.start(priority, priority=priority) for priority in (20, 10, 5, 0, -1)]
        await asyncio.gather(*calls)
        assert it.left == [0, -1, 0, 5, 10, 20]


async def test_bulk_is_not_starved_by_interactive_calls() -> None:
    async with lab(limit=5) as it:
        bulk = it.start(1000, priority=BULK)

        async def user(number: int) -> None:
            for turn in range(20):
                await it.create(100 * number + turn)

        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(user(number))
        await bulk
        assert it.left.index(1000) <= OVERTAKES + 1
        assert it.sandbox.refusals == 0


async def test_bulk_that_is_overtaken_gets_one_slot_of_ten() -> None:
    async with lab(limit=10, reserve=2) as it:
        await it.create(0)
        bulk = [it.start(1000 + number, priority=BULK) for number in range(6)]
        users = [it.start(number) for number in range(60)]
        await asyncio.gather(*users, *bulk)
        places = [place for place, number in enumerate(it.left) if number >= 1000]
        assert all(later - earlier <= 10 for earlier, later in pairwise(places))
        assert it.sandbox.refusals == 0


@given(since=st.floats(0, 1e9), max_wait=st.floats(0, 1e6))
def test_a_wait_that_was_allowed_is_named_so_however_its_end_is_rounded(
    since: float, max_wait: float
) -> None:
    asked = SlotRequest(priority=0, posts=1, since=since, max_wait=max_wait, lifetime=60.0)
    assert asked.allowance.startswith("you allowed ")
    assert replace(asked, deadline=asked.give_up_at).allowance == asked.allowance
    assert replace(asked, deadline=since - 1).allowance == "your deadline has passed"


async def test_bulk_that_is_due_before_the_window_reopens_goes_by_its_date() -> None:
    async with lab(limit=2, reserve=0) as it:
        await asyncio.gather(it.start(0), it.start(1))
        now = datetime.fromtimestamp(it.clock.time(), UTC)
        due = {10: 5, 11: 200, 12: 20, 13: 300}  # minutes; the window reopens in 60
        calls = [
            it.start(number, priority=BULK if number < 12 else 0, due=now + timedelta(minutes=left))
            for number, left in due.items()
        ]
        await asyncio.gather(*calls)
        assert it.left == [0, 1, 10, 12, 13, 11]


async def test_a_deadline_that_cannot_be_met_fails_at_once() -> None:
    async with lab(limit=1) as it:
        await it.create(0)
        now = datetime.fromtimestamp(it.clock.time(), UTC)
        soon = it.postiz.with_options(deadline=now + timedelta(minutes=10))
        with pytest.raises(QuotaWaitError, match="your deadline was 10 min away") as caught:
            await soon.posts.send(it.body(1))
        assert it.clock.monotonic() < 5
        assert caught.value.retry_after == pytest.approx(3600, abs=5)
        later = it.postiz.with_options(deadline=now + timedelta(hours=2))
        await later.posts.send(it.body(1))
        with pytest.raises(QuotaWaitError, match="your deadline has passed"):
            await soon.posts.send(it.body(2))
        with pytest.raises(ConfigurationError, match="with a time zone"):
            it.postiz.with_options(deadline=datetime(2030, 1, 1))  # noqa: DTZ001


async def test_bulk_is_told_at_once_how_long_slots_are_held_for_interactive_calls() -> None:
    async with lab(limit=5, reserve=3, latency=0.1) as it:
        await it.create(0)
        await it.create(1, priority=BULK)
        with pytest.raises(QuotaWaitError) as caught:
            await it.create(2, priority=BULK, max_wait=60.0)
        assert it.clock.monotonic() < 1, "it did not wait in vain"
        closes = 3600 - 12  # where interactive calls come
        assert caught.value.retry_after == pytest.approx(closes, abs=3)
        await it.create(3, max_wait=0)


async def test_a_job_that_announces_nothing_has_ended_when_no_create_follows_for_ten_seconds() -> (
    None
):
    async with lab(limit=5, reserve=3, latency=0.1) as it:
        await it.create(0)
        last = it.start(1, priority=BULK), it.start(2, priority=BULK)
        await last[0]
        ended = it.clock.monotonic()
        await last[1]
        assert it.clock.monotonic() == pytest.approx(ended + 10.2), "slots are held until then"


# ------------------------------------------------------------------ seeing


async def test_the_end_of_a_window_is_a_change_though_nobody_calls() -> None:
    async with lab(limit=3) as it:
        await it.create(0)
        changes = it.postiz.quota_changes()
        assert (await anext(changes)).remaining == 2
        closing = await anext(changes)
        assert (closing.bulk_waits_for, closing.bulk_in) == (None, 0.0), "held slots are let go"
        later = await anext(changes)
        assert (later.remaining, later.resets_in) == (2, None), "what it leaves is not known yet"
        assert it.clock.monotonic() == pytest.approx(3600, abs=5)
        await changes.aclose()


async def test_the_stream_of_changes_tells_what_happens() -> None:
    async with lab(limit=2) as it:
        seen: list[tuple[int | None, int, int]] = []

        async def watch() -> None:
            async for quota in it.postiz.quota_changes():
                state = (quota.remaining, quota.in_flight, quota.queued.interactive)
                seen.append(state)

        watching = asyncio.create_task(watch())
        await it.clock.sleep(1)
        assert seen == [(None, 0, 0)]
        await it.create(0)
        await it.clock.sleep(1)
        assert (1, 0, 0) in seen
        await it.create(1)
        waiting = it.start(2)
        await it.clock.sleep(1)
        assert seen[-1] == (0, 0, 1)
        await waiting
        await it.clock.sleep(1)
        assert seen[-1] == (1, 0, 0), "a new window"
        await it.clock.sleep(4000)
        before = len(seen)
        await it.clock.sleep(4000)
        assert len(seen) == before, "time alone says nothing new after the window's end"
        await it.postiz.aclose()
        await asyncio.wait_for(watching, PATIENCE)
        await it.postiz.open()


async def test_a_slow_reader_of_changes_gets_the_newest() -> None:
    async with lab(limit=30) as it:
        changes = it.postiz.quota_changes()
        first = await anext(changes)
        for number in range(5):
            await it.create(number)
        second = await anext(changes)
        assert (first.remaining, second.remaining) == (None, 25)
        await changes.aclose()


async def test_the_forecast_of_a_place_in_the_queue_comes_true() -> None:
    async with lab(limit=2, reserve=0) as it:
        await it.create(0)
        calls = [it.start(number) for number in range(1, 8)]
        await it.clock.sleep(10)
        waits = [opened(it.postiz).scheduler.leaves_in(place) for place in range(1, 7)]
        begun = it.clock.monotonic()
        for call, wait in zip(calls[1:], waits, strict=True):
            await call
            assert it.clock.monotonic() - begun == pytest.approx(wait, abs=10)
        assert (await it.postiz.quota()).next_in == opened(it.postiz).scheduler.leaves_in(1)


async def test_the_view_reserves_nothing_for_an_outbox_that_comes_to_its_end() -> None:
    async with lab(limit=10) as it:
        await asyncio.gather(*(it.create(number, priority=BULK) for number in range(9)))
        assert (await it.postiz.quota()).bulk_waits_for == "reserved"
        opened(it.postiz).scheduler.plan(1)
        assert (await it.postiz.quota()).bulk_waits_for is None
        opened(it.postiz).scheduler.plan(2)
        assert (await it.postiz.quota()).bulk_waits_for == "reserved"


async def test_the_quota_and_the_client_show_themselves() -> None:
    async with lab(limit=30) as it:
        assert "limit=None, remaining=None" in repr(it.postiz)
        await it.create(0)
        shown = repr(await it.postiz.quota())
        assert shown.startswith("Quota(limit=30, remaining=29, resets_in=36")
        assert "queued=Queued(interactive=0, bulk=0), blocked=no" in shown
        assert repr(it.postiz).startswith("<Postiz http://sandbox.invalid/public/v1 open, Quota(")


async def test_that_others_spend_the_quota_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async with lab(limit=30) as it:
        await it.create(0)
        await it.create(1)
        assert not caplog.records
        await it.use_up(2)
        await it.create(2)
        await it.use_up(2)
        await it.create(3)
        (record,) = caplog.records
        assert "others spend the create requests" in record.message
        assert "2 in this window beside our 3" in record.message


async def test_an_own_call_whose_answer_was_lost_is_nobody_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with lab(limit=30, latency=5.0) as it:
        with it.clock.move_on_after(7.0):
            await it.create(0)
        caplog.clear()
        for number in range(1, 4):
            await it.create(number)
        assert it.minutes == [0, 1, 2, 3]
        assert not caplog.records


# ------------------------------------------------------------------ closing


async def test_who_is_refused_with_others_does_not_count_those_before_it() -> None:
    """The first that arrived is the last in the queue, and all give up at the same news."""
    clock = JumpingClock()
    handle = LocalLedgers().handle("name", Ledger(), clock)
    probe = await handle.take(lambda *_: Grant(), lifetime=60.0)
    queue = AdmissionQueue(handle, clock)
    calls = [
        asyncio.create_task(
            queue.admit(
                SlotRequest(
                    priority=Priority.INTERACTIVE,
                    posts=1,
                    since=clock.monotonic(),
                    max_wait=10.0,
                    due=1000.0 - number,
                    lifetime=60.0,
                )
            )
        )
        for number in range(70)
    ]
    await asyncio.sleep(0)
    assert queue.waiting == len(calls)
    assert isinstance(probe, int)
    used_up = RateHeaders(30, 0, 3600.0)
    await handle.settle(lambda ledger, now: quota.answered(ledger, probe, now, used_up))
    queue.state_changed()
    told = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(error) for error in told} == {QuotaWaitError}
    waits = [error.retry_after for error in told if isinstance(error, QuotaWaitError)]
    assert 3600 < min(waits) <= max(waits) < 3610, "not a window for each 30 that were before it"


async def test_closing_can_wait_for_what_is_under_way() -> None:
    async with lab(limit=1) as it:
        await it.create(0)
        calls = [it.start(1), it.start(2)]
        await it.clock.sleep(1)
        closing = asyncio.create_task(it.postiz.aclose(drain=4000))
        await it.clock.sleep(1)
        with pytest.raises(ConfigurationError, match="closed or closing; nothing was sent"):
            await it.create(3)
        await calls[0]
        await closing
        with pytest.raises(ConfigurationError, match="closed while this call waited"):
            await calls[1]
        assert it.clock.monotonic() == pytest.approx(4001, abs=2)
        assert len(it.sandbox.posts) == 2
        await it.postiz.open()


async def test_closing_without_calls_waits_for_nobody() -> None:
    async with lab(limit=1) as it:
        await it.create(0)
        begun = it.clock.monotonic()
        await it.postiz.aclose(drain=1000)
        assert it.clock.monotonic() == begun
        await it.postiz.open()


async def test_after_a_closing_that_was_cancelled_a_client_can_be_opened_again() -> None:
    async with lab(limit=1) as it:
        await it.create(0)
        call = it.start(1)
        await it.clock.sleep(1)
        closing = asyncio.create_task(it.postiz.aclose(drain=9000))
        await it.clock.sleep(1)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        with pytest.raises(ConfigurationError, match="closed while this call waited"):
            await call
        await it.postiz.aclose()
        await it.postiz.open()
        assert await it.postiz.channels.list()
