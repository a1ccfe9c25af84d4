"""Every rule of the ledger, one by one."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import msgspec
import pytest
from msgspec.structs import replace

from postiz_async import _quota as quota
from postiz_async._quota import (
    Flight,
    Grant,
    Ledger,
    LoggedCall,
    Outlook,
    RateHeaders,
    Wait,
    WaitReason,
    snapshot,
)
from postiz_async._quota.shared_state import SharedState, reunited, written_again
from postiz_async._quota.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

INF = math.inf
GRANT = Grant()
HOUR = 3600.0
OVER = 3602.0
"""The window of `known` and its margin are over."""
CLOSING, LATE = 3561.0, 3591.0
"""When held slots are let go: alone on the key, and beside others."""


def known(remaining: int = 20, **changes: object) -> Ledger:
    """A window of 30 that was read at 0 and ends between 3599 and 3600; 3 slots are held."""
    values: dict[str, object] = {
        "limit": 30,
        "limit_read": True,
        "reserve": 3,
        "ends_after": 3599.0,
        "ends_before": 3600.0,
        "remaining": remaining,
        "own": max(0, 30 - remaining),
        "read_at": 0.0,
        "answered_at": 0.0,
        "cap": 30,
    }
    return Ledger(**{**values, **changes})  # type: ignore[arg-type]


def flying(count: int, *, alone: bool = False) -> tuple[Flight, ...]:
    return tuple(Flight(token, 0.0, alone=alone) for token in range(count))


def by_log(*, headerless: bool = True, **changes: object) -> Ledger:
    values: dict[str, object] = {"headerless": headerless, "sliding": not headerless, "cap": 30}
    return Ledger(**{**values, **changes})  # type: ignore[arg-type]


def hits(*moments: float, sure: bool = True) -> tuple[LoggedCall, ...]:
    return tuple(LoggedCall(moment - 0.5, moment, sure) for moment in moments)


def call(ledger: Ledger, sent: float, now: float, reading: RateHeaders) -> Ledger:
    """A lone call."""
    ledger, token = quota.reserve(ledger, sent)
    return quota.answered(ledger, token, now, reading)


def take(ledger: Ledger, now: float, count: int) -> tuple[Ledger, list[int]]:
    tokens: list[int] = []
    for _ in range(count):
        ledger, token = quota.reserve(ledger, now)
        tokens.append(token)
    return ledger, tokens


# ------------------------------------------------------------------ decide

HELD = Wait(CLOSING, WaitReason.RESERVED)
READS = Wait(INF, WaitReason.RESERVED)
AFTER_AN_ANSWER = Wait(INF, WaitReason.IN_FLIGHT)
ASKED = {"past_urgent": 20.0, "urgent": 2}
"""Interactive calls, two an hour."""
BUSY = {"past_foreign": 5.0, "past_hours": 1.0, "latency": 0.1}
"""Others that make five calls an hour or a few more."""

RULES = [
    # what, ledger, now, urgent, backlog, verdict
    ("locked out", known(blocked_until=50), 49.9, True, 1, Wait(50, WaitReason.BLOCKED)),
    ("lock-out over", known(blocked_until=50), 50, False, None, GRANT),
    ("nothing known", Ledger(), 0, False, None, GRANT),
    ("probe out", Ledger(flights=flying(1)), 0, True, 1, Wait(INF, WaitReason.PROBE)),
    ("window over, margin not", known(0), 3601.9, True, 1, Wait(OVER, WaitReason.WINDOW)),
    ("margin over", known(0), OVER, False, None, GRANT),
    (
        "margin over, probe out",
        known(9, flights=flying(1)),
        OVER,
        True,
        1,
        Wait(INF, WaitReason.PROBE),
    ),
    ("used up", known(0), 10, True, 1, Wait(OVER, WaitReason.WINDOW)),
    ("used up in flight", known(2, flights=flying(2)), 10, True, 1, Wait(OVER, WaitReason.WINDOW)),
    ("one more, perhaps", known(2, own=27, flights=flying(2)), 10, True, 1, AFTER_AN_ANSWER),
    ("perhaps used up", known(2, unseen=(9, 9)), 10, True, 1, Wait(OVER, WaitReason.WINDOW)),
    ("surely not used up", known(2, own=29, unseen=(9, 9), accounted=True), 10, True, 1, GRANT),
    ("not so sure", known(2, own=29, unseen=(9, 9)), 10, True, 1, Wait(OVER, WaitReason.WINDOW)),
    (
        "perhaps others",
        known(2, own=29, unseen=(9, 9), accounted=True, past_foreign=1.0),
        10,
        True,
        1,
        Wait(OVER, WaitReason.WINDOW),
    ),
    (
        "one may come yet",
        known(2, own=29, unseen=(9, 9), accounted=True, flights=flying(1)),
        10,
        True,
        1,
        Wait(OVER, WaitReason.WINDOW),
    ),
    ("burst starts", known(cap=2, flights=flying(2)), 10, True, 1, Wait(INF, WaitReason.IN_FLIGHT)),
    ("a held slot, urgent", known(1), 10, True, None, GRANT),
    ("a held slot, bulk", known(3), 10, False, None, HELD),
    ("no held slot", known(4), 10, False, None, GRANT),
    ("the tail of a job fits", known(3), 10, False, 3, GRANT),
    ("the tail does not fit", known(3), 10, False, 4, HELD),
    ("nothing held on wish", known(1, reserve=0), 10, False, None, GRANT),
    (
        "more held on wish",
        known(9, reserve=9, latency=0.1),
        10,
        False,
        None,
        Wait(CLOSING, WaitReason.RESERVED),
    ),
    ("nobody is known: more is held", known(13, reserve=None), 10, False, None, HELD),
    ("nobody is known: the rest goes", known(14, reserve=None), 10, False, None, GRANT),
    ("nobody is known, the tail fits", known(13, reserve=None), 10, False, 13, GRANT),
    ("nobody came for long", known(6, reserve=None, past_hours=9), 10, False, None, GRANT),
    ("interactive calls came", known(9, reserve=None, past_hours=9, **ASKED), 9, False, None, HELD),
    ("a tail that fits if the lost was not counted", known(4, unseen=(5,)), 40, False, 4, GRANT),
    ("the last slot waits", known(2, flights=flying(1)), 10, False, 1, AFTER_AN_ANSWER),
    ("the last slot of an urgent call does not", known(2, flights=flying(1)), 10, True, 1, GRANT),
    ("what was lost settles", known(3, unseen=(40,)), 10, False, 2, Wait(40, WaitReason.IN_FLIGHT)),
    ("what was lost is settled", known(3, unseen=(40,)), 40, False, 2, GRANT),
    ("what was lost settles too late", known(2, unseen=(3599,)), 3595, False, 1, GRANT),
    ("closing: one reads", known(3), CLOSING, False, None, GRANT),
    ("closing: the reader is out", known(3, flights=flying(1)), CLOSING, False, None, READS),
    ("closing: the next", known(2, read_at=CLOSING), 3563, False, None, GRANT),
    ("closing: one by one", known(3, flights=flying(1), read_at=3561), 3562, False, None, READS),
    (
        "closing: no time left for one by one",
        known(12, flights=flying(1), read_at=3561, reserve=30),
        3592,
        False,
        None,
        GRANT,
    ),
    (
        "beside others, later",
        known(2, foreign=1),
        CLOSING,
        False,
        None,
        Wait(LATE, WaitReason.RESERVED),
    ),
    (
        "beside others, the last but one",
        known(2, foreign=1, read_at=3580),
        LATE,
        False,
        None,
        GRANT,
    ),
    (
        "beside others, the last",
        known(1, foreign=1, read_at=3580),
        LATE,
        False,
        None,
        Wait(OVER, WaitReason.RESERVED),
    ),
    (
        "beside others, the last, read",
        known(1, foreign=1, read_at=LATE),
        3593,
        False,
        None,
        Wait(OVER, WaitReason.RESERVED),
    ),
    ("beside others, read", known(2, **BUSY, read_at=LATE), 3593, False, 9, GRANT),
    (
        "hidden hits are no neighbour",
        known(1, foreign=5, ignored_hits=5),
        CLOSING,
        False,
        None,
        GRANT,
    ),
    ("no headers, free", by_log(log=hits(*range(28))), 100, False, None, GRANT),
    (
        "no headers, the last is kept",
        by_log(log=hits(*range(29))),
        100,
        False,
        None,
        Wait(OVER, WaitReason.RESERVED),
    ),
    ("no headers, the last, urgent", by_log(log=hits(*range(29))), 100, True, None, GRANT),
    ("no headers, the tail", by_log(log=hits(*range(29))), 100, False, 1, GRANT),
    (
        "no headers, used up",
        by_log(log=hits(*range(30))),
        100,
        True,
        None,
        Wait(OVER, WaitReason.WINDOW),
    ),
    ("no headers, one came back", by_log(log=hits(*range(30))), OVER, True, None, GRANT),
    (
        "no headers, all in flight",
        by_log(limit=1, flights=flying(1)),
        0,
        True,
        None,
        Wait(INF, WaitReason.WINDOW),
    ),
    (
        "no headers, a burst starts",
        by_log(cap=1, flights=flying(1)),
        0,
        True,
        None,
        Wait(INF, WaitReason.IN_FLIGHT),
    ),
    ("no headers, a limit of one", by_log(limit=1), 0, False, None, GRANT),
    (
        "no headers, but a reading before",
        known(1, headerless=True, unseen=(5,)),
        10,
        True,
        None,
        Wait(OVER, WaitReason.WINDOW),
    ),
    ("no headers, that window over", known(0, headerless=True), OVER, True, None, GRANT),
]


@pytest.mark.parametrize(
    ("ledger", "now", "urgent", "backlog", "verdict"),
    [pytest.param(*rule[1:], id=rule[0]) for rule in RULES],
)
def test_decide(
    *, ledger: Ledger, now: float, urgent: bool, backlog: int | None, verdict: Grant | Wait
) -> None:
    assert quota.decide(ledger, now, urgent=urgent, backlog=backlog) == verdict


@pytest.mark.parametrize(
    ("latency", "seconds"), [(0.1, 38.0), (5.0, 38.0), (10.0, 62.0), (20.0, 122.0), (200.0, 300.0)]
)
def test_held_slots_are_let_go_early_enough_for_slow_calls(latency: float, seconds: float) -> None:
    verdict = quota.decide(known(3, latency=latency), 10)
    assert verdict == Wait(3599 - seconds, WaitReason.RESERVED)


def poisson_quantile(mean: float) -> int:
    terms = [math.exp(-mean) * mean**k / math.factorial(k) for k in range(60)]
    return next(k for k, total in enumerate(itertools.accumulate(terms)) if total >= 0.995)


@pytest.mark.parametrize("read_at", [0.0, 1800.0, 3000.0])
def test_beside_others_bulk_leaves_what_they_are_likely_to_use(read_at: float) -> None:
    hours = 1.0 + read_at / HOUR + 0.5
    rate = (5 + math.sqrt(5)) / hours / HOUR
    kept = 3 + max(1, poisson_quantile(rate * (3600 - read_at)))
    now = read_at + 1
    assert quota.decide(known(kept + 1, read_at=read_at, **BUSY), now) == GRANT
    held = quota.decide(known(kept, read_at=read_at, **BUSY), now)
    assert held == Wait(LATE, WaitReason.RESERVED)
    assert quota.decide(known(kept - 2, read_at=read_at, **BUSY), now, urgent=True) == GRANT


def test_a_rate_without_bounds_does_not_hang() -> None:
    assert quota.decide(known(30, past_foreign=1e300, latency=0.1), 10) == Wait(
        LATE, WaitReason.RESERVED
    )


def test_one_alone_reads_the_first_counter_and_then_the_burst_doubles() -> None:
    ledger, now, rounds = Ledger(), 0.0, []
    server = 30
    while server:
        tokens: list[int] = []
        while quota.decide(ledger, now, urgent=True) == GRANT:
            ledger, token = quota.reserve(ledger, now)
            tokens.append(token)
        rounds.append(len(tokens))
        now += 0.4
        for token in tokens:
            server -= 1
            ledger = quota.answered(ledger, token, now, RateHeaders(30, server, 3600.0 - now // 1))
    assert rounds == [1, 2, 4, 8, 15]
    assert quota.decide(ledger, now, urgent=True) == Wait(OVER, WaitReason.WINDOW)


def test_after_a_pause_the_next_burst_starts_with_one() -> None:
    ledger, _ = quota.reserve(known(), 10.5)
    assert quota.decide(ledger, 10.5, urgent=True) == Wait(INF, WaitReason.IN_FLIGHT)
    ledger, _ = quota.reserve(known(), 9.5)
    assert quota.decide(ledger, 9.5, urgent=True) == GRANT


# ------------------------------------------------------------------ answers


def test_an_answer_bounds_the_end_of_the_window() -> None:
    ledger = call(Ledger(), 100.0, 100.4, RateHeaders(30, 29, 3600.0))
    assert (ledger.ends_after, ledger.ends_before) == (3699.0, 3700.4)
    ledger = call(ledger, 200.3, 200.5, RateHeaders(30, 28, 3500.0))
    assert (ledger.ends_after, ledger.ends_before) == (pytest.approx(3699.3), 3700.4)


def test_no_window_ends_later_than_a_window_from_now() -> None:
    ledger = call(Ledger(), 5.0, 5.4, RateHeaders(30, 0, 50_000.0))
    assert (ledger.ends_after, ledger.ends_before) == (3604.0, 3605.4)


def test_bounds_that_contradict_give_way_to_the_newest() -> None:
    ledger = call(known(20), 1000.0, 1000.1, RateHeaders(30, 19, 2605.0))
    assert (ledger.ends_after, ledger.ends_before) == (3604.0, 3605.1)
    assert ledger.remaining == 19


def test_a_lone_answer_says_exactly_what_remains() -> None:
    assert call(known(20), 10, 11, RateHeaders(30, 25, 3589.0)).remaining == 25
    assert call(known(20), 10, 11, RateHeaders(30, 3, 3589.0)).remaining == 3


@pytest.mark.parametrize("order", list(itertools.permutations([27, 26, 25])))
def test_answers_out_of_order(order: Iterable[int]) -> None:
    ledger, tokens = take(known(28, own=0), 10, 3)
    for token, remaining in zip(tokens, order, strict=True):
        ledger = quota.answered(ledger, token, 11, RateHeaders(30, remaining, 3590.0))
        assert quota.free_slots(ledger, 11) <= 25
    assert quota.free_slots(ledger, 11) == 25
    assert ledger.own == 3
    assert ledger.foreign == 2, "the two that were used before"


def test_an_answer_of_a_past_window_says_nothing_about_this_one() -> None:
    ledger, (old,) = take(known(5), 3590, 1)
    ledger, (fresh,) = take(ledger, 3650, 1)
    ledger = quota.answered(ledger, fresh, 3650.2, RateHeaders(30, 29, 3600.0))
    before = ledger
    ledger = quota.answered(ledger, old, 3655, RateHeaders(30, 4, 9.0))
    assert quota.free_slots(ledger, 3655) == 29
    assert (ledger.ends_after, ledger.ends_before) == (before.ends_after, before.ends_before)
    assert [hit.sent for hit in ledger.log] == [3650, 3590]


def test_a_new_window_is_seen_and_the_old_one_becomes_experience() -> None:
    ledger = known(20, own=5, foreign=7, ignored_hits=2, read_at=1800.0)
    ledger = call(ledger, 3700, 3700.2, RateHeaders(30, 27, 3550.0))
    assert (ledger.remaining, ledger.own, ledger.foreign, ledger.ignored_hits) == (27, 1, 2, 2)
    assert (ledger.past_foreign, ledger.past_hours) == (5.0, 0.5)
    ledger = call(ledger, 7400, 7400.2, RateHeaders(30, 29, 3600.0))
    assert ledger.past_foreign == pytest.approx(4.5)


def test_hits_of_others_are_seen_between_our_calls() -> None:
    ledger = call(known(20, own=10), 1000, 1000.1, RateHeaders(30, 16, 2600.0))
    assert (ledger.own, ledger.foreign, ledger.ignored_hits) == (11, 3, 0)


def test_others_that_burst_with_us_slow_our_burst_and_are_no_steady_traffic() -> None:
    ledger, tokens = take(known(20, own=3, cap=8), 1.0, 4)
    ledger = quota.answered(ledger, tokens[0], 1.4, RateHeaders(30, 16, 3599.0))
    assert (ledger.own, ledger.foreign, ledger.ignored_hits, ledger.burst_hits) == (4, 7, 7, 7)
    assert quota.decide(ledger, 1.5, urgent=True) == Wait(INF, WaitReason.IN_FLIGHT)
    for number in (1, 2, 3):
        ledger = quota.answered(ledger, tokens[number], 1.5, RateHeaders(30, 16 - number, 3599.0))
    assert quota.decide(ledger, 1.6, urgent=True) == GRANT
    ledger = quota.reserve(ledger, 1.6)[0]
    ledger = quota.reserve(ledger, 1.6)[0]
    assert quota.decide(ledger, 1.6, urgent=True) == Wait(INF, WaitReason.IN_FLIGHT), (
        "11 // (2 + 2 * 1)"
    )


def test_the_last_slots_are_left_to_those_who_burst_with_us() -> None:
    ledger = known(4, own=4, foreign=9, ignored_hits=9, burst_hits=9)
    assert quota.decide(ledger, 5.0) == Wait(OVER, WaitReason.WINDOW)
    assert quota.decide(ledger, 5.0, urgent=True) == GRANT
    assert quota.decide(known(3, own=4, burst_hits=9), 5.0, urgent=True) == Wait(
        OVER, WaitReason.WINDOW
    )
    assert quota.forecast(ledger, 5.0, 1) == OVER
    ledger = call(ledger, 7400, 7400.2, RateHeaders(30, 29, 3600.0))
    assert (ledger.past_rivals, ledger.burst_hits) == (3, 0)


def test_the_limit_may_change_both_ways() -> None:
    ledger = call(Ledger(), 0, 0.1, RateHeaders(30, 29, 3600.0))
    assert (ledger.limit, ledger.held) == (30, 3)
    ledger = call(ledger, 10, 10.1, RateHeaders(90, 88, 3590.0))
    assert (ledger.limit, ledger.held, quota.free_slots(ledger, 11)) == (90, 9, 88)
    ledger = call(ledger, 20, 20.1, RateHeaders(30, 27, 3580.0))
    assert (ledger.limit, ledger.held, quota.free_slots(ledger, 21)) == (30, 3, 27)


def test_an_older_answer_does_not_bring_an_older_limit_back() -> None:
    ledger, (first,) = take(known(20), 10, 1)
    ledger, (second,) = take(ledger, 11, 1)
    ledger = quota.answered(ledger, second, 12, RateHeaders(90, 78, 3588.0))
    ledger = quota.answered(ledger, first, 13, RateHeaders(30, 19, 3588.0))
    assert ledger.limit == 90
    assert quota.free_slots(ledger, 13) == 19


def test_a_limit_that_was_cut_leaves_nothing() -> None:
    ledger = call(known(60, limit=90), 10, 10.1, RateHeaders(30, 0, 3590.0))
    assert quota.decide(ledger, 11, urgent=True) == Wait(OVER, WaitReason.WINDOW)


def test_latency_is_learned() -> None:
    ledger = Ledger()
    for moment in range(30):
        ledger = call(ledger, moment * 10, moment * 10 + 4, RateHeaders(30, 29 - moment, 3000.0))
    assert ledger.latency == pytest.approx(4, abs=0.1)


# ------------------------------------------------------------------ other ends of a reservation


def test_a_reservation_ends_once() -> None:
    ledger, token = quota.reserve(known(), 10)
    ledger = quota.released(ledger, token)
    for end in (
        lambda: quota.released(ledger, token),
        lambda: quota.lost(ledger, token, 11),
        lambda: quota.unread(ledger, token, 11),
        lambda: quota.refused(ledger, token, 11, 5.0),
        lambda: quota.refused(ledger, token, 11, None),
        lambda: quota.answered(ledger, token, 11, RateHeaders(30, 1, 1.0)),
    ):
        with pytest.raises(LookupError, match="reservation 0 is not open"):
            end()


def test_a_released_call_gives_its_slot_back() -> None:
    ledger, token = quota.reserve(known(5), 10)
    assert quota.free_slots(ledger, 10) == 4
    assert quota.free_slots(quota.released(ledger, token), 10) == 5


def test_a_lost_call_counts_until_a_later_lone_answer_must_have_seen_it() -> None:
    ledger, token = quota.reserve(known(5), 10)
    ledger = quota.lost(ledger, token, 15)
    assert quota.free_slots(ledger, 15) == 4
    ledger = call(ledger, 44.9, 45.0, RateHeaders(30, 4, 3555.0))
    assert quota.free_slots(ledger, 46) == 3, "it may still be on its way"
    ledger = call(ledger, 45.0, 45.1, RateHeaders(30, 3, 3555.0))
    assert quota.free_slots(ledger, 46) == 3, "it never arrived"


def test_a_lost_call_is_not_forgotten_by_answers_of_calls_that_overlapped() -> None:
    ledger, (first, second) = take(known(5), 10, 2)
    ledger = quota.lost(ledger, first, 15)
    ledger = quota.answered(ledger, second, 16, RateHeaders(30, 4, 3590.0))
    assert quota.free_slots(ledger, 16) == 3


def test_a_lost_call_does_not_weigh_on_the_next_windows_for_ever() -> None:
    ledger, token = quota.reserve(known(5), 3590)
    ledger = quota.lost(ledger, token, 3595)
    ledger = call(ledger, OVER, OVER + 0.1, RateHeaders(30, 29, 3600.0))
    assert quota.free_slots(ledger, OVER + 1) == 28, "it may arrive in this one"
    ledger = call(ledger, OVER + 60, OVER + 60.1, RateHeaders(30, 28, 3540.0))
    assert quota.free_slots(ledger, OVER + 61) == 28


def test_lost_probes_do_not_probe_the_window_to_its_end() -> None:
    ledger, now = Ledger(limit=3), 0.0
    for _ in range(3):
        assert quota.decide(ledger, now, urgent=True) == GRANT
        ledger, token = quota.reserve(ledger, now)
        now += 60
        ledger = quota.lost(ledger, token, now)
    first_back = 60 + 30 + HOUR + 2
    assert quota.decide(ledger, now, urgent=True) == Wait(first_back, WaitReason.WINDOW)
    assert quota.forecast(ledger, now, 0) == first_back
    assert quota.decide(ledger, first_back) == GRANT


def test_probes_lost_after_the_end_of_a_window_are_counted_too() -> None:
    ledger = known(0, limit=2, log=hits(3000, 3000.5))
    ledger, token = quota.reserve(ledger, OVER)
    ledger = quota.lost(ledger, token, OVER + 5)
    assert quota.decide(ledger, OVER + 5) == Wait(3000.5 + HOUR + 2, WaitReason.WINDOW)
    assert quota.decide(known(0, limit=2, log=hits(3000, 3000.5)), OVER) == GRANT


# ------------------------------------------------------------------ answers without headers


def test_without_headers_our_own_log_is_a_rolling_window() -> None:
    ledger, now = Ledger(limit=3), 0.0
    for _ in range(3):
        assert quota.decide(ledger, now, urgent=True) == GRANT
        ledger, token = quota.reserve(ledger, now)
        now += 5
        ledger = quota.unread(ledger, token, now)
    backs = [answer + HOUR + 2 for answer in (5.0, 10.0, 15.0)]
    assert quota.decide(ledger, now, urgent=True) == Wait(backs[0], WaitReason.WINDOW)
    assert [quota.free_slots(ledger, back) for back in backs] == [1, 2, 3]


def test_headers_that_vanish_in_the_middle_of_a_window_do_not_refill_it() -> None:
    ledger, (first, second) = take(known(3), 10, 2)
    ledger = quota.unread(ledger, first, 11)
    assert ledger.headerless
    assert quota.free_slots(ledger, 11) == 1
    ledger = quota.answered(ledger, second, 12, RateHeaders(30, 2, 3590.0))
    assert not ledger.headerless
    assert quota.free_slots(ledger, 12) == 1, "whether it saw the call without headers is unknown"
    ledger = call(ledger, 13, 13.5, RateHeaders(30, 0, 3587.0))
    assert quota.free_slots(ledger, 14) == 0


def test_the_log_has_no_more_than_a_window_of_calls() -> None:
    ledger = known(20, log=hits(*range(20)))
    ledger = call(ledger, 3500, 3500.1, RateHeaders(30, 9, 100.0))
    assert len(ledger.log) == 21
    ledger = call(ledger, 3700, 3700.1, RateHeaders(30, 29, HOUR))
    assert [hit.sent for hit in ledger.log] == [3500, 3700]


@pytest.mark.parametrize(("lost_until", "own"), [(3610.0, 1), (3611.0, 2)])
def test_a_lost_call_is_ours_in_a_new_window_while_a_reading_may_not_include_it(
    lost_until: float, own: int
) -> None:
    ledger = known(0, unseen=(lost_until,))
    ledger = call(ledger, 3610, 3610.1, RateHeaders(30, 29, HOUR))
    assert ledger.own == own
    assert ledger.unseen == ((lost_until,) if own == 2 else ())


def test_a_lost_call_takes_a_place_in_the_log() -> None:
    ledger, token = quota.reserve(by_log(limit=1), 0)
    ledger = quota.lost(ledger, token, 5)
    assert quota.decide(ledger, 6, urgent=True) == Wait(5 + 30 + HOUR + 2, WaitReason.WINDOW)


# ------------------------------------------------------------------ the sliding log of old servers


def old_server(*moments: float, limit: int = 30, until: float) -> RateHeaders:
    """What a sliding log answers to the call at `until` after calls at `moments`."""
    live = [moment for moment in moments if moment + HOUR > until]
    marks = [moments[0]] if moments else [until]
    for moment in (*moments, until):
        if moment >= marks[-1] + HOUR:
            marks.append(moment)
    return RateHeaders(limit, limit - len(live) - 1, math.ceil(marks[-1] + HOUR - until))


def lived(*moments: float, limit: int = 30) -> Ledger:
    """A ledger after lone calls at these moments, answered within a tenth of a second."""
    ledger = Ledger(limit=limit)
    for place, moment in enumerate(moments):
        reading = old_server(*moments[:place], limit=limit, until=moment)
        ledger = call(ledger, moment, moment + 0.1, reading)
    return ledger


def test_hits_that_outlive_the_window_show_a_sliding_log() -> None:
    assert lived(0, 3000, 3100, 3605).sliding
    assert not lived(0, 3000, 3605).sliding, "one may be a neighbour's"
    assert not lived(0, 10, 3700).sliding


def test_a_neighbour_in_a_new_window_is_not_taken_for_a_sliding_log() -> None:
    ledger = call(lived(0, 3000, 3100), 3700, 3700.1, RateHeaders(30, 25, 3550.0))
    assert not ledger.sliding


def test_a_call_that_may_have_begun_the_window_is_not_taken_for_a_sliding_log() -> None:
    ledger, token = quota.reserve(lived(0, 3000, 3100), 3605)
    ledger = quota.lost(ledger, token, 3606)
    assert not call(ledger, 3606, 3606.1, RateHeaders(30, 27, 3600.0)).sliding


def test_slots_of_a_sliding_log_come_back_one_by_one() -> None:
    ledger = lived(0, 3000, 3100, 3605, limit=4)
    assert ledger.sliding
    assert ledger.remaining == 1
    ledger = call(ledger, 3606, 3606.1, RateHeaders(4, 0, 3599.0))
    back = 3000.1 + HOUR + 2
    assert quota.decide(ledger, 3607, urgent=True) == Wait(back, WaitReason.WINDOW)
    assert quota.forecast(ledger, 3607, 0) == back
    assert quota.forecast(ledger, 3607, 1) == 3100.1 + HOUR + 2
    assert quota.decide(ledger, back, urgent=True) == GRANT
    assert quota.free_slots(ledger, 3100.1 + HOUR + 2) == 2


def test_a_slot_that_a_reading_has_seen_come_back_is_not_counted_twice() -> None:
    ledger = lived(0, 3000, 3100, 3605, limit=4)
    ledger = call(ledger, 6600.05, 6600.2, RateHeaders(4, 1, 605.0))
    assert quota.free_slots(ledger, 6603) == 1


def test_of_calls_that_overlap_each_reading_of_a_sliding_log_gives_back_what_came_back() -> None:
    ledger = known(0, limit=4, sliding=True, own=1, log=hits(0.5, 3000), ends_before=9000.0)
    ledger, tokens = take(replace(ledger, ends_after=8999.0), 3700, 2)
    ledger = quota.answered(ledger, tokens[0], 3701, RateHeaders(4, 1, 4000.0))
    assert ledger.remaining == 1, "that of 0 came back, and the reading says as much"
    ledger = quota.answered(ledger, tokens[1], 3702, RateHeaders(4, 1, 4000.0))
    assert ledger.remaining == 1, "and it came back once"
    assert [hit.sent for hit in ledger.log] == [2999.5, 3700, 3700]


@pytest.mark.parametrize(("now", "left"), [(99.75, True), (100.0, False)])
def test_a_reading_has_seen_those_go_that_were_sent_a_window_before(
    now: float, *, left: bool
) -> None:
    old = LoggedCall(100 - HOUR, 101 - HOUR)
    ledger = known(1, limit=4, sliding=True, log=(old,), ends_after=700.0, ends_before=800.0)
    assert (old in call(ledger, now, now, RateHeaders(4, 1, 700.0)).log) is left


def test_a_lost_call_does_not_come_back_in_a_sliding_log() -> None:
    ledger, token = quota.reserve(lived(0, 3000, limit=4), 3010)
    ledger = quota.lost(ledger, token, 3011)  # it never arrived
    ledger = call(ledger, 3100, 3100.1, RateHeaders(4, 1, 500.0))
    ledger = call(ledger, 3605, 3605.1, RateHeaders(4, 1, 3600.0))
    assert ledger.sliding
    assert quota.free_slots(ledger, 6650) == 2, "that of 3000, not the lost one"


def test_a_sliding_log_with_nothing_known_is_read_again() -> None:
    ledger = by_log(headerless=False)
    assert quota.decide(ledger, 0) == GRANT
    ledger = by_log(headerless=False, flights=flying(1))
    assert quota.decide(ledger, 0) == Wait(INF, WaitReason.PROBE)


def test_a_used_up_sliding_log_is_read_again_when_its_mark_runs_out() -> None:
    ledger = known(0, sliding=True)
    assert quota.decide(ledger, 10, urgent=True) == Wait(OVER, WaitReason.WINDOW)
    assert quota.decide(ledger, OVER) == GRANT


def test_a_probe_of_a_full_sliding_log_waits_for_the_first_slot() -> None:
    ledger = known(0, limit=2, sliding=True, log=hits(3000, 3500))
    assert quota.decide(ledger, OVER) == Wait(3000 + HOUR + 2, WaitReason.WINDOW)


def test_a_sliding_log_never_drains() -> None:
    ledger = known(1, sliding=True, log=hits(3000))
    assert quota.decide(ledger, 3595) == Wait(OVER, WaitReason.RESERVED)
    assert quota.decide(known(2, sliding=True, log=hits(3000)), 3595) == GRANT
    beside = known(4, sliding=True, foreign=9, ignored_hits=6)
    assert quota.decide(beside, 10) == Wait(OVER, WaitReason.RESERVED)


def test_a_server_that_forgot_our_calls_slides_no_more() -> None:
    ledger = lived(0, 3000, 3100, 3605, 5000)
    assert ledger.sliding
    assert not call(ledger, 7300, 7300.1, RateHeaders(30, 29, 3600.0)).sliding


# ------------------------------------------------------------------ 429


def test_a_refusal_stops_everybody_until_it_is_over() -> None:
    ledger, token = quota.reserve(known(5, log=hits(0, 1)), 10)
    ledger = quota.refused(ledger, token, 11, 3600.0)
    for urgent in (True, False):
        assert quota.decide(ledger, 12, urgent=urgent) == Wait(3613, WaitReason.BLOCKED)
    assert quota.forecast(ledger, 12, 0) == 3613
    assert quota.forecast(ledger, 12, 30) == 3613 + HOUR + 2
    assert quota.decide(ledger, 3613) == GRANT
    ledger, _ = quota.reserve(ledger, 3613)
    assert quota.decide(ledger, 3613, urgent=True) == Wait(INF, WaitReason.PROBE)


def test_a_second_refusal_prolongs_and_never_shortens() -> None:
    ledger, tokens = take(known(5), 10, 2)
    ledger = quota.refused(ledger, tokens[0], 11, 3600.0)
    ledger = quota.refused(ledger, tokens[1], 11.5, 3599.0)
    assert ledger.blocked_until == 3613


def test_a_refusal_with_slots_left_shows_that_somebody_else_went_over() -> None:
    ledger, token = quota.reserve(known(5), 10)
    assert quota.refused(ledger, token, 11, 3600.0).past_foreign == 1
    ledger, token = quota.reserve(known(0), OVER)
    assert quota.refused(ledger, token, 3603, 3600.0).past_foreign == 0


def test_a_refusal_without_retry_after_pauses_longer_and_longer() -> None:
    ledger, now, pauses = known(20), 10.0, []
    for _ in range(7):
        ledger, token = quota.reserve(ledger, now)
        ledger = quota.refused(ledger, token, now, None)
        pauses.append(ledger.blocked_until - now)
        now = ledger.blocked_until
    assert pauses == [32, 62, 122, 242, 482, 902, 902]
    ledger = call(ledger, now, now + 1, RateHeaders(30, 12, 1000.0))
    assert ledger.guesses == 0


def test_after_a_refusal_all_that_is_left_of_the_window_is_experience() -> None:
    ledger = known(
        5,
        foreign=4,
        ignored_hits=1,
        burst_hits=2,
        urgent=3,
        own=5,
        unseen=(7, 8),
        log=hits(1, 2),
        guesses=2,
        past_foreign=10.0,
        past_urgent=20.0,
        past_hours=1.0,
        read_at=1800.0,
    )
    ledger, token = quota.reserve(ledger, 1900)
    assert quota.refused(ledger, token, 1901, 3600.0) == Ledger(
        limit=30,
        limit_read=True,
        reserve=3,
        blocked_until=1901 + HOUR + 2,
        read_at=1800.0,
        answered_at=0.0,
        tokens=1,
        accounted=ledger.accounted,
        past_foreign=10 * 0.9 + (4 + 1 - 1),  # one more: somebody else went over
        past_urgent=20 * 0.9 + 3,
        past_hours=1 * 0.9 + 0.5,
        past_rivals=1,
    )


def test_the_first_answer_after_a_lock_out_opens_a_window() -> None:
    ledger, token = quota.reserve(known(5), 10)
    ledger = quota.refused(ledger, token, 11, 3600.0)
    ledger = call(ledger, 3613, 3613.2, RateHeaders(30, 29, HOUR))
    assert (ledger.ends_after, ledger.ends_before) == (3613 + HOUR - 1, 3613.2 + HOUR)
    assert quota.free_slots(ledger, 3614) == 29


def test_a_pause_that_is_a_proxys_changes_the_pace_and_nothing_else() -> None:
    ledger, token = quota.reserve(known(5, own=2), 10, expires=99.0)
    paused = quota.refused(ledger, token, 11, None)
    spent = quota.lost(ledger, token, 11)
    assert paused == replace(spent, blocked_until=11 + 30 + 2, guesses=1, cap=1)
    ledger, _ = quota.reserve(paused, 43)
    assert quota.decide(paused, 43, urgent=True) == GRANT, "one goes"
    assert quota.decide(ledger, 43, urgent=True) == Wait(INF, WaitReason.IN_FLIGHT), "alone"


def test_a_refusal_that_is_not_the_throttlers_leaves_the_window_as_it_was() -> None:
    ledger, token = quota.reserve(known(1, log=hits(0)), 10)
    ledger = quota.refused(ledger, token, 11, None)
    assert quota.decide(ledger, 12, urgent=True) == Wait(43, WaitReason.BLOCKED)
    assert quota.decide(ledger, 43, urgent=True) == Wait(OVER, WaitReason.WINDOW)


def test_a_lock_out_that_would_have_begun_before_an_answered_call_is_a_proxys() -> None:
    ledger, token = quota.reserve(known(5, log=hits(100)), 200)
    ledger = quota.refused(ledger, token, 201, 10.0)
    assert quota.decide(ledger, 202, urgent=True) == Wait(213, WaitReason.BLOCKED)
    assert quota.free_slots(ledger, 213) == 4
    ledger, token = quota.reserve(known(5, log=hits(100)), 200)
    ledger = quota.refused(ledger, token, 201, 3500.0)
    assert not ledger.window_known, "it may have begun at 101"


# ------------------------------------------------------------------ keeping


WALL = 1_800_000_000.0


def reborn(ledger: Ledger, now: float, *, after: float = 0.0, step: float = 0.0) -> Ledger:
    """The ledger of the next process, `after` seconds later; its monotonic clock starts at 0."""
    kept = snapshot.take_snapshot(ledger, now, WALL)
    text = msgspec.json.encode(kept)
    assert msgspec.json.decode(text, type=Snapshot) == kept
    return snapshot.restore_snapshot(
        msgspec.json.decode(text, type=Snapshot), 0.0, WALL + after + step
    )


def test_a_killed_process_does_not_probe_a_window_that_is_used_up() -> None:
    ledger = reborn(known(0), 1000, after=600)
    assert quota.decide(ledger, 0, urgent=True) == Wait(2000 + 30 + 2, WaitReason.WINDOW)
    assert ledger.limit_read


def test_calls_in_flight_of_a_killed_process_count_as_spent() -> None:
    ledger, _ = take(known(5), 1000, 3)
    ledger = reborn(ledger, 1000, after=1)
    assert quota.free_slots(ledger, 0) == 2
    ledger = call(ledger, 40, 40.1, RateHeaders(30, 4, 2559.0))
    assert quota.free_slots(ledger, 41) == 1, "they may still be on their way"
    ledger = call(ledger, 100, 100.1, RateHeaders(30, 3, 2499.0))
    assert quota.free_slots(ledger, 101) == 3


def test_a_call_that_met_silence_may_arrive_minutes_later() -> None:
    ledger, (token,) = take(known(5), 1000, 1)
    ledger = quota.lost(ledger, token, 1060, silent=True)
    ledger = call(ledger, 1100, 1100.1, RateHeaders(30, 4, 2500.0))
    assert quota.free_slots(ledger, 1101) == 3, "it is in no reading yet"
    ledger = reborn(ledger, 1200, after=1)
    assert quota.free_slots(ledger, 0) == 3, "a successor knows it too"


def test_a_call_that_met_silence_is_in_a_reading_in_the_end() -> None:
    ledger, (token,) = take(known(5), 1000, 1)
    ledger = quota.lost(ledger, token, 1060, silent=True)
    ledger = call(ledger, 1800, 1800.1, RateHeaders(30, 3, 1800.0))
    assert quota.free_slots(ledger, 1801) == 3


def test_processes_that_die_before_each_answer_do_not_use_up_the_window() -> None:
    ledger, wall, sent = Ledger(limit=3), WALL, 0
    for _ in range(9):
        if quota.decide(ledger, 0.0, urgent=True) == GRANT:
            ledger, _ = quota.reserve(ledger, 0.0)
            sent += 1
        kept = snapshot.take_snapshot(ledger, 0.0, wall)
        wall += 60
        ledger = snapshot.restore_snapshot(kept, 0.0, wall)
    assert sent == 3


def test_calls_of_a_killed_process_that_arrived_are_no_sign_of_others() -> None:
    ledger, _ = take(known(29), 1000, 4)
    ledger = reborn(ledger, 1000, after=5)
    for sent, remaining in ((60.0, 24), (61.0, 23)):
        ledger = call(ledger, sent, sent + 0.2, RateHeaders(30, remaining, 2595 - sent))
    assert (ledger.foreign, ledger.steady, ledger.remaining) == (0, 0, 23)


def test_a_call_that_was_lost_before_the_window_may_be_counted_in_it() -> None:
    ledger, (first, second) = take(known(2, own=28), 3590, 2)
    ledger = quota.lost(quota.lost(ledger, first, 3600), second, 3600)
    ledger = call(ledger, 3605, 3605.2, RateHeaders(3, 2, HOUR))
    assert quota.free_slots(ledger, 3606) == 0


def test_lost_states_are_in_nobody_s_account() -> None:
    ledger = known(2, own=29, unseen=(9, 9), accounted=True)
    state = SharedState(ledger=ledger, lineage=0)
    assert quota.free_slots(ledger, 10) == 1
    assert quota.free_slots(written_again(state, 7).ledger, 10) == 0
    assert quota.free_slots(reunited(state, state, set()).ledger, 10) == 0


@pytest.mark.parametrize("blocked", [-INF, 1e6])
def test_after_the_clock_was_set_back_nobody_waits_longer_than_a_window(blocked: float) -> None:
    ledger = known(
        0,
        ends_after=1e6,
        ends_before=1e6,
        read_at=1e6,
        unseen=(1e6,),
        log=hits(1e6, 1e6),
        flights=flying(1),
        blocked_until=blocked,
    )
    ledger = quota.released(quota.set_back(ledger, 50), ledger.flights[0].token)
    verdict = quota.decide(ledger, 50, urgent=True)
    assert verdict == Wait(50 + HOUR + 2, WaitReason.WINDOW if blocked < 0 else WaitReason.BLOCKED)
    assert quota.decide(ledger, 50 + HOUR + 2, urgent=True) == GRANT


def test_when_the_clock_is_set_back_nothing_is_ahead_of_it() -> None:
    """By 1,000 seconds: what was at 1,500 was at 500, and what was at 900 stays."""
    ledger = known(
        7,
        ends_after=5000.0,
        ends_before=5001.0,
        read_at=1500.0,
        answered_at=1501.0,
        blocked_until=6000.0,
        unseen=(900.0, 2400.0),
        flights=(Flight(0, 1400.0, alone=False, expires=6000.0), Flight(1, 400.0, alone=True)),
        log=(LoggedCall(900.0, 901.0), LoggedCall(1400.0, 2400.0, sure=False)),
    )
    assert quota.set_back(ledger, 1000.0) == replace(
        ledger,
        ends_after=1000.0,
        ends_before=1000 + HOUR,
        from_snapshot=True,
        read_at=1000.0,
        answered_at=1000.0,
        blocked_until=1000 + HOUR + 2,
        unseen=(900.0, 1720.0),
        flights=(
            Flight(0, 1000.0, alone=False, expires=1000 + HOUR),
            Flight(1, 400.0, alone=True, expires=1000 + HOUR),
        ),
        log=(LoggedCall(900.0, 901.0), LoggedCall(1000.0, 1720.0, sure=False)),
    )
    assert not quota.set_back(Ledger(), 0).from_snapshot, "there is no window to doubt"


def test_an_answer_of_a_window_that_still_runs_is_believed_though_the_clock_was_set_back() -> None:
    ledger = call(
        known(20, ends_after=9000.0, ends_before=9001.0), 100, 100.2, RateHeaders(30, 7, 600)
    )
    assert (quota.free_slots(ledger, 101), ledger.ends_before) == (7, 700.2)


def test_a_lock_out_survives() -> None:
    ledger, token = quota.reserve(known(5), 1000)
    ledger = reborn(quota.refused(ledger, token, 1000, 3600.0), 1000, after=100)
    assert quota.decide(ledger, 0, urgent=True) == Wait(3502 + 30, WaitReason.BLOCKED)


def test_experience_and_wishes_survive() -> None:
    kept = snapshot.take_snapshot(
        known(20, past_foreign=3.0, past_hours=2.0, sliding=True), 0, WALL
    )
    ledger = snapshot.restore_snapshot(kept, 0, WALL, reserve_slots=7)
    assert (ledger.past_foreign, ledger.past_hours, ledger.sliding) == (3.0, 2.0, True)
    assert (ledger.held, ledger.window) == (7, HOUR)


def test_the_log_survives() -> None:
    ledger = reborn(by_log(limit=2, log=hits(500, 1000)), 1000, after=100)
    assert quota.decide(ledger, 0, urgent=True) == Wait(-600 + 30 + HOUR + 2, WaitReason.WINDOW)


def test_slots_of_a_sliding_log_do_not_come_back_by_what_a_former_process_wrote() -> None:
    ledger = reborn(known(0, sliding=True, log=hits(500, 1000)), 1000, after=100)
    assert quota.decide(ledger, 0, urgent=True) == Wait(2500 + 32, WaitReason.WINDOW)


@pytest.mark.parametrize("after", [2650.0, 3000.0, 1e7])
def test_a_window_that_is_over_is_read_again(after: float) -> None:
    assert quota.decide(reborn(known(0), 1000, after=after), 0) == GRANT


@pytest.mark.parametrize("now", [3599.0, 3601.9])
def test_a_window_that_ends_while_nobody_lives_is_not_probed_on_its_edge(now: float) -> None:
    verdict = quota.decide(reborn(known(0), now, after=1), 0, urgent=True)
    assert verdict == Wait(pytest.approx(3600 - now - 1 + 30 + 2), WaitReason.WINDOW)


@pytest.mark.parametrize("step", [-29.0, -5.0, 5.0, 29.0])
def test_a_wall_clock_that_was_corrected_a_little(step: float) -> None:
    ledger = reborn(known(0), 1000, after=100, step=step)
    verdict = quota.decide(ledger, 0, urgent=True)
    assert isinstance(verdict, Wait)
    assert 2500 + 2 < verdict.until < 2500 + 62


def test_a_wall_clock_that_was_set_back_by_days_costs_one_window_at_most() -> None:
    ledger = reborn(known(0), 1000, after=100, step=-1e6)
    verdict = quota.decide(ledger, 0, urgent=True)
    assert verdict == Wait(2600 + 32, WaitReason.WINDOW)


@pytest.mark.parametrize("reset", [600.0, 1700.0, 3600.0])
def test_the_first_answer_after_a_restart_is_believed_more_than_the_wall_clock(
    reset: float,
) -> None:
    ledger = reborn(known(20), 1000, after=1800, step=-1750)
    ledger = call(ledger, 0, 0.1, RateHeaders(30, 29, reset))
    assert quota.free_slots(ledger, 1) == 29
    assert (ledger.ends_after, ledger.ends_before) == (reset - 1, reset + 0.1)


NONSENSE = [
    Snapshot(as_of=WALL, limit=30, window_end=WALL + 1e9, remaining=5),
    Snapshot(as_of=WALL, limit=30, blocked_until=WALL + 1e9),
    Snapshot(as_of=WALL, limit=0, limit_read=True),
    Snapshot(as_of=WALL, limit=-5, remaining=-7, window_end=WALL + 60),
    Snapshot(as_of=WALL, limit=30, past_foreign=-9.0, past_hours=-9.0, window_end=WALL + 60),
    Snapshot(as_of=WALL, limit=30, remaining=10**9, window_end=WALL + 60),
    Snapshot(as_of=WALL, limit=1, log=(LoggedCall(WALL + 1e9, WALL + 1e9),), headerless=True),
    Snapshot(as_of=WALL, limit=1, log=(LoggedCall(WALL + 1e9, WALL + 1e9),)),
    Snapshot(as_of=WALL, limit=1, unseen=(WALL + 1e9,), remaining=1, window_end=WALL + 60),
    Snapshot(as_of=-1e9, limit=30, window_end=-1e9 + 60),
    Snapshot(as_of=1e12, limit=30, window_end=1e12 + 60),
]


@pytest.mark.parametrize("kept", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_locks_nobody_out(kept: Snapshot) -> None:
    ledger = snapshot.restore_snapshot(kept, 0.0, WALL)
    assert quota.free_slots(ledger, 0.0) <= max(1, kept.limit)
    verdict = quota.decide(ledger, 0.0, urgent=True)
    assert isinstance(verdict, Grant) or verdict.until <= HOUR + 100
    assert quota.decide(ledger, HOUR + 100) == GRANT
    assert quota.forecast(ledger, 0.0, 3) < 5 * HOUR


# ------------------------------------------------------------------ what a state says


@pytest.mark.parametrize(
    ("limit", "held"), [(1, 1), (10, 1), (11, 2), (30, 3), (90, 9), (100, 10), (1000, 100)]
)
def test_a_tenth_of_the_limit_is_held_unless_it_is_told_otherwise(limit: int, held: int) -> None:
    assert Ledger(limit=limit).held == held
    assert [Ledger(limit=limit, reserve=number).held for number in (0, 5)] == [0, 5]


@pytest.mark.parametrize(
    ("burst_hits", "own", "rivals"),
    [(0, 3, 0), (1, 3, 0), (1, 0, 0), (2, 3, 1), (3, 3, 1), (4, 3, 2), (2, 0, 2), (99, 3, 4)],
)
def test_others_burst_as_we_do_when_more_than_one_call_comes(
    burst_hits: int, own: int, rivals: int
) -> None:
    assert known(20, burst_hits=burst_hits, own=own).rivals == rivals
    assert known(20, burst_hits=burst_hits, own=own, past_rivals=3).rivals == max(3, rivals)


# ------------------------------------------------------------------ forecast, free slots


@pytest.mark.parametrize(
    ("ledger", "now", "ahead", "moment"),
    [
        (Ledger(), 5, 0, 5),
        (Ledger(), 5, 29, 5),
        (Ledger(), 5, 30, 5 + 3602),
        (Ledger(), 5, 90, 5 + 3 * 3602),
        (known(20), 5, 19, 5),
        (known(20), 5, 20, OVER),
        (known(20), 5, 49, OVER),
        (known(20), 5, 50, OVER + 3602),
        (known(20, own=11, flights=flying(2), unseen=(1,)), 5, 17, OVER),
        (known(2, own=27, flights=flying(2)), 5, 0, 5.5),
        (known(2, own=27, flights=flying(2)), 5, 1, OVER),
        (known(2, own=20, flights=flying(2)), 5, 1, 5.5),
        (known(2, own=20, flights=flying(2)), 5, 2, OVER),
        (known(0), 3601, 0, OVER),
        (known(0), OVER, 0, OVER),
        (known(0), OVER, 30, OVER + 3602),
        (known(0, blocked_until=50), 5, 0, 50),
        (known(0, blocked_until=50), 5, 30, 50 + 3602),
        (by_log(log=hits(1, 2, 3)), 5, 26, 5),
        (by_log(log=hits(1, 2, 3)), 5, 27, 1 + 3602),
        (by_log(log=hits(1, 2, 3)), 5, 29, 3 + 3602),
        (by_log(log=hits(1, 2, 3)), 5, 30, 1 + 2 * 3602),
        (by_log(limit=1, flights=flying(1)), 5, 0, 5 + 2),
    ],
)
def test_forecast(ledger: Ledger, now: float, ahead: int, moment: float) -> None:
    assert quota.forecast(ledger, now, ahead) == pytest.approx(moment)


@pytest.mark.parametrize(
    ("ledger", "now", "outlook"),
    [
        (Ledger(), 5, Outlook(5, 30, 30, 5 + HOUR, by_window=True)),
        (Ledger(flights=flying(1)), 5, Outlook(5, 29, 29, 5 + HOUR, by_window=True)),
        (known(7), 5, Outlook(5, 7, 7, 3600, by_window=True)),
        (known(7, past_rivals=2), 5, Outlook(5, 5, 5, 3600, by_window=True)),
        (known(2, own=20, flights=flying(2)), 5, Outlook(5, 0, 2, 3600, by_window=True)),
        (known(0, blocked_until=50), 5, Outlook(50, 30, 30, 50 + HOUR, by_window=True)),
        (by_log(log=hits(1, 2, 3)), 5, Outlook(5, 27, 27, -INF, by_window=False)),
        (known(7, sliding=True), 5, Outlook(5, 7, 7, 3600, by_window=False)),
    ],
)
def test_outlook(ledger: Ledger, now: float, outlook: Outlook) -> None:
    assert quota.outlook(ledger, now) == outlook


@pytest.mark.parametrize(
    "ledger", [Ledger(), known(7), known(0, blocked_until=99), by_log(log=hits(1, 2, 3))]
)
def test_nobody_is_forecast_to_overtake(ledger: Ledger) -> None:
    moments = [quota.forecast(ledger, 5, ahead) for ahead in range(200)]
    assert moments == sorted(moments)


@pytest.mark.parametrize(
    ("ledger", "now", "free"),
    [
        (Ledger(), 0, 30),
        (Ledger(flights=flying(1)), 0, 29),
        (known(20), 5, 20),
        (known(20, flights=flying(3), unseen=(9, 9)), 5, 15),
        (known(1, flights=flying(3)), 5, 0),
        (known(1), OVER, 30),
        (by_log(log=hits(1, 2, 3), flights=flying(1)), 5, 26),
        (by_log(log=hits(1, 2, 3)), 2 + 3602, 29),
        (known(3, sliding=True, log=hits(1, 2)), 2 + 3602, 30),
    ],
)
def test_free_slots(ledger: Ledger, now: float, free: int) -> None:
    assert quota.free_slots(ledger, now) == free
