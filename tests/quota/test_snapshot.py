"""A ledger written down and taken up again: each field, and each edge."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postiz_async._quota import Flight, Ledger, LoggedCall
from postiz_async._quota.snapshot import Snapshot, restore_snapshot, take_snapshot

NOW, WALL = 5000.0, 1_800_000_000.0
"""When it is written down, on both clocks."""
LATER = -300_000.0
"""What the monotonic clock of the next process shows at that moment."""
LATE = 30.0
"""What is added to each end, because the wall clock may have been set."""

around = st.integers(-8000, 8000).map(lambda seconds: NOW + seconds / 4)
ahead = st.integers(-8, 14_400).map(lambda quarters: NOW + quarters / 4)
experience = st.integers(0, 99).map(lambda number: number / 8)
past_hits = st.builds(
    lambda sent, took, sure: LoggedCall(sent, sent + took, sure),
    around,
    st.sampled_from([0.0, 0.25, 30.0, 720.0]),
    st.booleans(),
)
ledgers = st.builds(
    Ledger,
    limit=st.integers(1, 200),
    limit_read=st.booleans(),
    reserve=st.none() | st.integers(0, 9),
    ends_after=ahead,
    ends_before=st.just(-math.inf) | ahead,
    remaining=st.integers(0, 200),
    unseen=st.lists(around, max_size=3).map(tuple),
    read_at=around,
    blocked_until=st.just(-math.inf) | ahead,
    guesses=st.integers(0, 3),
    flights=st.lists(st.builds(Flight, st.just(1), around, st.booleans()), max_size=2).map(tuple),
    cap=st.integers(1, 9),
    latency=experience,
    answered_at=around,
    accounted=st.booleans(),
    own=st.integers(0, 9),
    foreign=st.integers(0, 9),
    ignored_hits=st.integers(0, 9),
    burst_hits=st.integers(0, 9),
    past_rivals=st.integers(0, 4),
    urgent=st.integers(0, 9),
    past_foreign=experience,
    past_urgent=experience,
    past_hours=experience,
    sliding=st.booleans(),
    headerless=st.booleans(),
    log=st.lists(past_hits, max_size=3).map(tuple),
)


def moved(moment: float) -> float:
    """A moment of the first process on the clock of the next one."""
    return moment - NOW + LATER


@given(ledgers, st.integers(0, 16_000), st.none() | st.integers(0, 9))
def test_of_every_field_the_next_process_knows_what_it_may_rely_on(
    ledger: Ledger, elapsed: int, reserve: int | None
) -> None:
    now = LATER + elapsed / 4
    kept = msgspec.json.decode(msgspec.json.encode(take_snapshot(ledger, NOW, WALL)), type=Snapshot)
    restored = restore_snapshot(kept, now, WALL + elapsed / 4, reserve_slots=reserve)

    flying = [LoggedCall(flight.sent, NOW + 30, sure=False) for flight in ledger.flights]
    unseen = [*ledger.unseen, *(hit.until for hit in flying)]
    expected = {
        "limit": ledger.limit,
        "limit_read": ledger.limit_read,
        "reserve": reserve,
        "unseen": tuple(min(moved(moment), now + 720) + LATE for moment in unseen),
        "past_foreign": ledger.past_foreign,
        "past_urgent": ledger.past_urgent,
        "past_hours": ledger.past_hours,
        "sliding": ledger.sliding,
        "headerless": ledger.headerless,
        "log": tuple(
            LoggedCall(min(moved(hit.sent), now), min(moved(hit.until), now) + LATE, sure=False)
            for hit in (*ledger.log, *flying)
        ),
    }
    if ledger.blocked_until > NOW and now < moved(ledger.blocked_until) + LATE:
        expected["blocked_until"] = moved(ledger.blocked_until) + LATE
    if ledger.ends_before + 2 > NOW and now < moved(ledger.ends_before) + LATE:
        remaining = min(ledger.remaining, ledger.limit)
        expected |= {
            "ends_after": moved(ledger.ends_before) - LATE,
            "ends_before": moved(ledger.ends_before) + LATE,
            "from_snapshot": True,
            "remaining": remaining,
            "own": ledger.limit - remaining + len(unseen),
            "read_at": moved(NOW),
        }
    assert restored == Ledger(**expected)  # type: ignore[arg-type]


def test_what_was_not_written_down_is_not_known() -> None:
    kept = msgspec.json.decode(b'{"as_of":1800000000.0,"limit":90}', type=Snapshot)
    assert restore_snapshot(kept, NOW, WALL) == Ledger(limit=90)
    assert (
        restore_snapshot(msgspec.structs.replace(kept, window_end=WALL), NOW, WALL).remaining == 0
    )


@pytest.mark.parametrize(("now", "known"), [(5001.75, True), (5002.0, False)])
def test_a_window_is_over_when_a_call_could_leave(now: float, *, known: bool) -> None:
    ledger = Ledger(ends_after=5000.0, ends_before=5000.0)
    assert (take_snapshot(ledger, now, WALL).window_end is not None) is known


@pytest.mark.parametrize(
    ("end", "holds"),
    [(-LATE, False), (-LATE + 0.25, True), (3600.0, True), (3629.75, True), (3630.0, False)],
)
def test_an_end_further_ahead_than_a_window_is_nonsense(end: float, *, holds: bool) -> None:
    """So is one that is over; of a window that was just read and a fresh lock-out neither is."""
    kept = Snapshot(as_of=WALL, limit=30, window_end=WALL + end, blocked_until=WALL + end)
    restored = restore_snapshot(kept, NOW, WALL)
    assert restored.window_known is holds
    assert (restored.blocked_until == NOW + end + LATE) is holds
