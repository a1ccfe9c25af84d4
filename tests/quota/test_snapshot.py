"""A ledger written down and taken up again: each field, and each edge."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import example, given, strategies as st
from ledgers import changed, ledger_of

from postiz_async import _quota as quota
from postiz_async._quota import Flight, Grant, Ledger, LoggedCall, RateHeaders, Wait, WaitReason
from postiz_async._quota.snapshot import Snapshot, restore_snapshot, take_snapshot

NOW, WALL = 5000.0, 1_800_000_000.0
"""When it is written down, on both clocks."""
HOUR = 3600.0
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
    ledger_of,
    limit=st.integers(1, 200),
    limit_read=st.booleans(),
    reserve=st.none() | st.integers(0, 9),
    ends_after=ahead,
    ends_before=st.just(-math.inf) | ahead,
    remaining=st.integers(0, 200),
    unseen=st.lists(around, max_size=3).map(tuple),
    read_at=around,
    blocked_until=st.just(-math.inf) | ahead,
    refusals=st.integers(0, 3),
    open=st.lists(st.builds(Flight, st.just(1), around, st.booleans()), max_size=2).map(tuple),
    cap=st.integers(1, 9),
    latency=experience,
    answered_at=around,
    accounted=st.booleans(),
    own=st.integers(0, 9),
    foreign=st.integers(0, 9),
    ignored=st.integers(0, 9),
    burst=st.integers(0, 9),
    past_rivals=st.integers(0, 4),
    past_foreign=experience,
    asked=experience,
    asked_since=around,
    asked_at=around,
    surge=st.integers(0, 99),
    surge_until=ahead,
    over_until=ahead,
    predecessor_until=ahead,
    past_hours=experience,
    sliding=st.booleans(),
    doubted=st.booleans(),
    headerless=st.booleans(),
    calls=st.lists(past_hits, max_size=3).map(
        lambda hits: tuple(sorted(hits, key=lambda hit: hit.until))
    ),
)


def moved(moment: float) -> float:
    """A moment of the first process on the clock of the next one."""
    return moment - NOW + LATER


def whole(moment: float) -> float:
    """What is written down as whole seconds from then is never too early."""
    return moved(NOW + math.ceil(moment - NOW))


def written_calls(ledger: Ledger) -> list[float]:
    """When the calls that the next process needs in its log ended, the oldest first."""
    window = ledger.window
    is_fixed = window.is_known and not ledger.log.rules
    calls = [hit for hit in ledger.log.calls if hit.until + 3602 > NOW]
    calls += [LoggedCall(flight.sent, NOW + 720) for flight in ledger.flights.open]
    return sorted(hit.until for hit in calls if not is_fixed or hit.sent > window.ends_before)


@given(ledgers, st.integers(0, 16_000), st.none() | st.integers(0, 9))
def test_of_every_field_the_next_process_knows_what_it_may_rely_on(
    ledger: Ledger, elapsed: int, reserve: int | None
) -> None:
    now = LATER + elapsed / 4
    kept = msgspec.json.decode(msgspec.json.encode(take_snapshot(ledger, NOW, WALL)), type=Snapshot)
    restored = restore_snapshot(kept, now, WALL + elapsed / 4, reserve_slots=reserve)

    window, seen, log = ledger.window, ledger.neighbours, ledger.log
    pending = sorted([*ledger.flights.unseen, *(NOW + 720 for _ in ledger.flights.open)])
    if window.ends_before + 2 <= NOW:
        pending = [moment for moment in pending if moment > NOW]
    unseen = [
        min(whole(moment), now + 720) + LATE if moment > NOW else moved(NOW) for moment in pending
    ][-window.limit :]
    asked_at = min(moved(math.floor(seen.asked_at)), now)
    surges, inherits = seen.surge_until > NOW, seen.predecessor_until > NOW
    ended = [min(whole(moment), now) for moment in written_calls(ledger)][-window.limit :]
    expected = {
        "limit": window.limit,
        "limit_read": window.limit_read,
        "reserve": reserve,
        "unseen": tuple(unseen),
        "past_foreign": seen.past_foreign,
        "past_hours": seen.past_hours,
        "past_rivals": seen.past_rivals,
        "asked": seen.asked,
        "asked_since": min(moved(math.floor(seen.asked_since)), asked_at),
        "asked_at": asked_at,
        "surge": seen.surge if surges else 0,
        "surge_until": min(whole(seen.surge_until), now + 48 * HOUR) if surges else -math.inf,
        "over_until": (
            min(whole(seen.over_until), now + 48 * HOUR) if seen.over_until > NOW else -math.inf
        ),
        "predecessor_until": min(whole(seen.predecessor_until), now + HOUR)
        if inherits
        else -math.inf,
        "sliding": log.sliding,
        "doubted": log.doubted,
        "headerless": log.headerless,
        "calls": tuple(LoggedCall(moment, moment + LATE, sure=False) for moment in ended),
    }
    if window.blocked_until > NOW and now < whole(window.blocked_until) + LATE:
        expected["blocked_until"] = whole(window.blocked_until) + LATE
    if window.ends_before + 2 > NOW and now < moved(window.ends_before) + LATE:
        remaining = min(window.remaining, window.limit)
        expected |= {
            "ends_after": moved(window.ends_before) - LATE,
            "ends_before": moved(window.ends_before) + LATE,
            "from_snapshot": True,
            "remaining": remaining,
            "own": window.limit - remaining + len(unseen),
            "read_at": moved(NOW),
        }
    assert restored == ledger_of(**expected)


def test_what_was_not_written_down_is_not_known() -> None:
    kept = msgspec.json.decode(b'{"as_of":1800000000.0,"limit":90}', type=Snapshot)
    restored = restore_snapshot(kept, NOW, WALL)
    assert changed(restored, asked_since=-math.inf) == ledger_of(limit=90)
    assert restored.neighbours.asked_rate(0.0) == 0
    kept = msgspec.structs.replace(kept, window_end=WALL)
    assert restore_snapshot(kept, NOW, WALL).window.remaining == 0


@pytest.mark.parametrize(("now", "known"), [(5001.75, True), (5002.0, False)])
def test_a_window_is_over_when_a_call_could_leave(now: float, *, known: bool) -> None:
    ledger = ledger_of(ends_after=5000.0, ends_before=5000.0)
    assert (take_snapshot(ledger, now, WALL).window_end is not None) is known


@pytest.mark.parametrize(
    ("end", "holds"),
    [(-LATE, False), (-LATE + 0.25, True), (3600.0, True), (4199.75, True), (4200.0, False)],
)
def test_an_end_much_further_ahead_than_a_window_is_nonsense(end: float, *, holds: bool) -> None:
    """So is one that is over; of a window that was just read and a fresh lock-out neither is."""
    kept = Snapshot(as_of=WALL, limit=30, window_end=WALL + end, blocked_until=WALL + end)
    window = restore_snapshot(kept, NOW, WALL).window
    assert window.is_known is holds
    assert (window.blocked_until == NOW + min(end, 3600.0) + LATE) is holds


def test_restarts_in_a_row_neither_forget_a_window_nor_prolong_it_for_ever() -> None:
    ledger = ledger_of(
        limit_read=True, remaining=0, ends_after=NOW + 3599, ends_before=NOW + 3600, read_at=NOW
    )
    for restart in range(20):
        kept = take_snapshot(ledger, NOW + restart, WALL + restart)
        ledger = restore_snapshot(kept, NOW + restart + 1, WALL + restart + 1)
        assert ledger.window.is_known
        assert ledger.window.ends_before <= NOW + restart + 1 + 3600 + LATE
    assert ledger.window.ends_before >= NOW + 3600


# ------------------------------------------------------------------ how much is written down

LEARNT = {
    "past_foreign": 12.34567,
    "past_hours": 7.65432,
    "past_rivals": 2,
    "asked": 3.45678,
    "asked_since": 100.25,
    "asked_at": 4999.75,
    "surge": 45,
    "surge_until": 100_000.25,
    "predecessor_until": 6000.25,
}
LOGGED = tuple(LoggedCall(moment - 1.5, moment) for moment in range(1410, 5010, 40))
KNOWN = {"limit_read": True, "ends_after": 8000.25, "ends_before": 8001.5, "remaining": 12}
MODES = {
    "window": KNOWN,
    "sliding log": {**KNOWN, "sliding": True, "doubted": True},
    "no headers": {"headerless": True, "unseen": tuple(hit.until for hit in LOGGED)},
    "no headers, locked out": {"headerless": True, "blocked_until": 8001.5},
    "nothing known": {"limit_read": True},
}


@pytest.mark.parametrize("mode", MODES)
def test_ninety_calls_are_written_down_in_600_bytes(mode: str) -> None:
    ledger = ledger_of(limit=90, calls=LOGGED, **MODES[mode], **LEARNT)
    assert len(LOGGED) == 90
    written = msgspec.json.encode(take_snapshot(ledger, NOW, WALL + 0.123))
    assert len(written) <= 600
    needed = 0 if mode == "window" else 90
    restored = restore_snapshot(msgspec.json.decode(written, type=Snapshot), NOW, WALL)
    assert len(restored.log.calls) == needed


def test_ninety_calls_in_flight_are_written_down_in_600_bytes() -> None:
    flying = tuple(Flight(token, 4990.0, alone=False) for token in range(90))
    ledger = ledger_of(limit=90, open=flying, **KNOWN, **LEARNT)
    assert len(msgspec.json.encode(take_snapshot(ledger, NOW, WALL + 0.123))) <= 600


# ------------------------------------------------------------------ other forms


def test_what_a_newer_form_adds_is_passed_over() -> None:
    written = msgspec.json.encode(take_snapshot(ledger_of(**KNOWN, **LEARNT), NOW, WALL))
    newer = written[:-1] + b',"mood":{"of":["the server",7]},"schema":99}'
    assert msgspec.json.decode(newer, type=Snapshot) == msgspec.json.decode(written, type=Snapshot)


# ------------------------------------------------------------------ nonsense


odd = st.sampled_from(
    [math.nan, math.inf, -math.inf, 0.0, -1.0, 1e-300, 1e300, -1e300, WALL, WALL + 60, WALL + 1e9]
)
odd_count = st.sampled_from([0, 1, -1, 30, 10**6, 10**9, -(10**30), 10**400])
nonsense = st.builds(
    Snapshot,
    as_of=odd,
    limit=odd_count,
    limit_read=st.booleans(),
    window=st.sampled_from([HOUR, math.nan, math.inf, -1.0, 0.0, 1e300]),
    window_end=st.none() | odd,
    remaining=odd_count,
    pending=st.lists(odd_count, max_size=3).map(tuple),
    blocked_until=st.none() | odd,
    past_foreign=odd,
    past_hours=odd,
    past_rivals=odd_count,
    asked=odd,
    asked_since=st.none() | odd,
    asked_at=st.none() | odd,
    surge=odd_count,
    surge_until=st.none() | odd,
    predecessor_until=st.none() | odd,
    sliding=st.booleans(),
    doubted=st.booleans(),
    headerless=st.booleans(),
    gaps=st.lists(odd_count, max_size=3).map(tuple),
)


@example(Snapshot(as_of=WALL, limit=30, window=1e300, window_end=WALL + 1e9))
@example(Snapshot(as_of=WALL, limit=30, asked=1.0, asked_at=WALL - 1e9, asked_since=WALL))
@example(Snapshot(as_of=WALL, limit=30, headerless=True, gaps=(10**400,)))
@example(Snapshot(as_of=WALL, limit=0, window_end=WALL + 60, remaining=1, asked=1e-300))
@given(nonsense)
def test_whatever_is_written_down_somebody_may_leave_in_an_hour(kept: Snapshot) -> None:
    ledger = restore_snapshot(kept, NOW, WALL)
    assert ledger.free_slots(NOW) <= max(1, kept.limit)
    for urgent in (True, False):
        verdict = quota.decide(ledger, NOW, urgent=urgent)
        assert isinstance(verdict, Grant) or verdict.until <= NOW + HOUR + 100
        assert quota.decide(ledger, NOW + HOUR + 100, urgent=urgent) == Grant()
    assert quota.forecast(ledger, NOW, 3) <= NOW + 5 * HOUR
    again = restore_snapshot(take_snapshot(ledger, NOW, WALL), NOW, WALL)
    assert again.window.limit == ledger.window.limit


@pytest.mark.parametrize("value", [10**400, -(10**400), 1 << 64])
@pytest.mark.parametrize("field", ["limit", "remaining", "surge", "past_rivals"])
def test_counts_that_no_machine_word_holds_are_bounded(field: str, value: int) -> None:
    written = f'{{"as_of":{WALL},"limit":30,"window_end":{WALL + 60},"{field}":{value}}}'.encode()
    ledger = restore_snapshot(msgspec.json.decode(written, type=Snapshot), NOW, WALL)
    assert 1 <= ledger.window.limit <= 10**6
    assert 0 <= ledger.window.remaining <= ledger.window.limit


@pytest.mark.exhaustive
@pytest.mark.parametrize("limit", [30, 1])
def test_of_a_million_stamps_no_more_than_the_limit_are_kept(limit: int) -> None:
    million = 1_000_000
    seconds = (0, *(1,) * (million - 1))
    kept = Snapshot(as_of=WALL, limit=limit, gaps=seconds, pending=seconds)
    ledger = restore_snapshot(kept, NOW, WALL)
    assert len(ledger.log.calls) == len(ledger.flights.unseen) == limit
    assert ledger.log.calls[-1].until == NOW + LATE, "the newest"


def test_a_limit_that_falls_below_what_is_in_flight_leaves_nothing() -> None:
    flying = tuple(Flight(token, NOW - 1, alone=False) for token in range(50))
    ledger = ledger_of(**{**KNOWN, "remaining": 60}, limit=90, open=flying, tokens=50, cap=90)
    ledger = quota.answered(ledger, 0, NOW, RateHeaders(30, 0, 3000))
    for each in (ledger, restore_snapshot(take_snapshot(ledger, NOW, WALL), NOW, WALL)):
        assert (each.window.limit, each.free_slots(NOW)) == (30, 0)
        assert quota.outlook(each, NOW).free == 0
        verdict = quota.decide(each, NOW, urgent=True)
        assert isinstance(verdict, Wait)
        assert verdict.why is WaitReason.WINDOW
        assert verdict.until == each.window.reopens
    assert len(restore_snapshot(take_snapshot(ledger, NOW, WALL), NOW, WALL).flights.unseen) == 30
