"""Every rule of the ledger, one by one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

import msgspec
import pytest
from ledgers import changed, ledger_of
from work import calls_of

from postiz_async import _quota as quota
from postiz_async._quota import (
    Flight,
    Grant,
    Ledger,
    LoggedCall,
    Neighbours,
    RateHeaders,
    Wait,
    WaitReason,
    snapshot,
)
from postiz_async._quota.forecasts import Outlook
from postiz_async._quota.shared_state import SharedState, reunited, written_again
from postiz_async._quota.snapshot import Snapshot

INF = math.inf
GRANT = Grant()
HOUR = 3600.0
OVER = 3602.0
"""The window of `known` and its margin are over."""
NOBODY, CLOSING = 3524.0, 3561.0
"""Who was never seen is not reckoned with any more, and held slots are let go: alone on the key,"""
ASKED_CLOSING, LATE = 3587.0, 3591.0
"""where interactive calls come, and beside others."""
FULL, LEFT = Wait(OVER, WaitReason.WINDOW), Wait(OVER, WaitReason.OTHERS)
TWO_DAYS = 48 * HOUR
HEIR = {"predecessor_until": 4000.0, "reserve": 0}
"""The successor of a process that was killed, perhaps."""


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
    return ledger_of(**{**values, **changes})


def flying(count: int, sent: float = 0.0) -> tuple[Flight, ...]:
    return tuple(Flight(token, sent, alone=False) for token in range(count))


def by_log(*, headerless: bool = True, **changes: object) -> Ledger:
    values: dict[str, object] = {"headerless": headerless, "sliding": not headerless, "cap": 30}
    return ledger_of(**{**values, **changes})


def hits(*moments: float, sure: bool = True) -> tuple[LoggedCall, ...]:
    return tuple(LoggedCall(moment - 0.5, moment, sure) for moment in moments)


def call(ledger: Ledger, sent: float, now: float, reading: RateHeaders) -> Ledger:
    """A lone call."""
    ledger, token = quota.acquired(ledger, sent)
    return quota.answered(ledger, token, now, reading)


def take(ledger: Ledger, now: float, count: int) -> tuple[Ledger, list[int]]:
    tokens: list[int] = []
    for _ in range(count):
        ledger, token = quota.acquired(ledger, now)
        tokens.append(token)
    return ledger, tokens


# ------------------------------------------------------------------ decide

HELD, HELD_MORE = Wait(CLOSING, WaitReason.RESERVED), Wait(NOBODY, WaitReason.RESERVED)
AFTER_AN_ANSWER = Wait(14, WaitReason.IN_FLIGHT)
"""Until then one waits for the answer to what was sent at 9."""
ASKED = {"reserve": None, "past_hours": 999.0, "asked": 1.0, "asked_since": 0.0, "asked_at": 0.0}
"""An interactive call has just left, and nobody else was ever seen."""
LONG = known(10, reserve=None)
"""In the middle of a job that does not fit; nobody was seen so far."""
OFTEN_ASKED = {**ASKED, "asked": 65.0, "asked_since": -1e7, "latency": 0.1}
"""They come ten times an hour."""
BUSY = {"past_foreign": 5.0, "past_hours": 1.0, "latency": 0.1}
"""Others that make five calls an hour or a few more."""
SURGE = {"surge": 15, "surge_until": 99.0}
"""Others sent fifteen at once, not long ago."""

RULES = [
    # what, ledger, now, urgent, backlog, verdict
    (
        "an answer that is awaited beyond the end of the window",
        known(10, cap=1, open=flying(1, sent=3599.0)),
        3599.5,
        True,
        None,
        Wait(OVER, WaitReason.IN_FLIGHT),
    ),
    ("locked out", known(blocked_until=50), 49.9, True, 1, Wait(50, WaitReason.BLOCKED)),
    ("lock-out over", known(blocked_until=50), 50, False, None, GRANT),
    # nothing is known
    ("nothing known", Ledger(), 0, False, None, GRANT),
    ("probe out", ledger_of(open=flying(1)), 0, True, 1, Wait(INF, WaitReason.PROBE)),
    ("probe out for long", ledger_of(open=flying(1)), 1e5, True, 1, Wait(INF, WaitReason.PROBE)),
    ("window over, margin not", known(0), 3601.9, True, 1, FULL),
    ("margin over", known(0), OVER, False, None, GRANT),
    (
        "margin over, probe out",
        known(9, open=flying(1)),
        OVER,
        True,
        1,
        Wait(INF, WaitReason.PROBE),
    ),
    # no slot is free
    ("used up", known(0), 10, True, 1, FULL),
    ("used up in flight", known(2, open=flying(2)), 1, True, 1, FULL),
    ("one more, perhaps", known(2, own=27, open=flying(2, 9)), 10, True, 1, AFTER_AN_ANSWER),
    ("one more, but no answer comes", known(2, own=27, open=flying(2, 9)), 14, True, 1, FULL),
    ("perhaps used up", known(2, unseen=(9, 9)), 10, True, 1, FULL),
    ("surely not used up", known(2, own=29, unseen=(9, 9), accounted=True), 10, True, 1, GRANT),
    ("not so sure", known(2, own=29, unseen=(9, 9)), 10, True, 1, FULL),
    (
        "perhaps others",
        known(2, own=29, unseen=(9, 9), accounted=True, past_foreign=1.0),
        10,
        True,
        1,
        FULL,
    ),
    (
        "one may come yet",
        known(2, own=29, unseen=(9, 9), accounted=True, open=flying(1)),
        10,
        True,
        1,
        FULL,
    ),
    # enough are in flight
    ("burst starts", known(cap=2, open=flying(2, 9)), 10, True, 1, AFTER_AN_ANSWER),
    ("no answer for 5 s: the burst goes on", known(cap=2, open=flying(2, 9)), 14, True, 1, GRANT),
    (
        "where answers take 2 s one waits for 16",
        known(cap=1, latency=2.0, open=flying(1)),
        15.9,
        True,
        1,
        Wait(16, WaitReason.IN_FLIGHT),
    ),
    ("and not longer", known(cap=1, latency=2.0, open=flying(1)), 16, True, 1, GRANT),
    (
        "one is given up, one is awaited",
        known(cap=2, open=(*flying(1), *flying(1, 9))),
        10,
        True,
        1,
        GRANT,
    ),
    ("given up, still spent", known(1, open=flying(1)), 99, True, 1, FULL),
    # held for interactive calls
    ("a held slot, urgent", known(1), 10, True, None, GRANT),
    ("a held slot, bulk", known(3), 10, False, None, HELD),
    ("no held slot", known(4), 10, False, None, GRANT),
    ("the tail of a job fits", known(3), 10, False, 3, GRANT),
    ("the tail does not fit", known(3), 10, False, 4, HELD),
    ("nothing held on wish", known(1, reserve=0), 10, False, None, GRANT),
    ("more held on wish", known(9, reserve=9, latency=0.1), 10, False, None, HELD),
    ("nobody is known: a tenth is held", known(3, reserve=None), 10, False, None, HELD),
    ("nobody is known: the rest goes", known(4, reserve=None), 10, False, None, GRANT),
    ("nobody is known, a long job holds more", known(13, reserve=None), 10, False, 99, HELD_MORE),
    ("nobody is known, of a long job the rest goes", known(14, reserve=None), 10, False, 99, GRANT),
    ("nobody is known, the tail fits", known(13, reserve=None), 10, False, 13, GRANT),
    ("nobody came for long", known(6, reserve=None, past_hours=9), 10, False, None, GRANT),
    (
        "an interactive call came: more may come at once",
        known(12, **ASKED),
        9,
        False,
        None,
        Wait(ASKED_CLOSING, WaitReason.RESERVED),
    ),
    ("an interactive call came: the rest goes", known(13, **ASKED), 9, False, None, GRANT),
    (
        "ten interactive calls an hour: twenty may come",
        known(23, **OFTEN_ASKED),
        9,
        False,
        None,
        Wait(ASKED_CLOSING, WaitReason.RESERVED),
    ),
    (
        "ten interactive calls an hour: the rest goes",
        known(24, **OFTEN_ASKED),
        9,
        False,
        None,
        GRANT,
    ),
    ("an interactive call came, the tail fits", known(12, **ASKED), 9, False, 12, GRANT),
    (
        "an interactive call came two days ago",
        known(12, **{**ASKED, "asked_since": -TWO_DAYS, "asked_at": -TWO_DAYS}),
        0,
        False,
        None,
        GRANT,
    ),
    (
        "they came, and three are held on wish",
        known(4, **{**ASKED, "reserve": 3}),
        9,
        False,
        9,
        GRANT,
    ),
    (
        "they came, and none is held on wish",
        known(1, **{**ASKED, "reserve": 0}),
        9,
        False,
        9,
        GRANT,
    ),
    # left to others
    ("others sent many at once", known(15, **SURGE), 98, False, None, Wait(99, WaitReason.OTHERS)),
    (
        "beside it the reserve is held",
        known(18, **SURGE),
        98,
        False,
        None,
        Wait(99, WaitReason.RESERVED),
    ),
    ("others may send many, and the rest goes", known(19, **SURGE), 98, False, None, GRANT),
    ("others sent many, the tail fits", known(15, **SURGE), 98, False, 15, GRANT),
    ("others sent many two days ago", known(4, **SURGE), 99, False, None, GRANT),
    (
        "one leaves for many is enough for all",
        known(16, **SURGE, reserve=None),
        98,
        False,
        99,
        GRANT,
    ),
    ("left to others is not for interactive calls", known(1, **SURGE), 98, True, None, GRANT),
    ("an heir leaves the last slot", known(1, **HEIR), 10, False, 9, Wait(LATE, WaitReason.OTHERS)),
    ("an heir leaves it to the end", known(1, **HEIR, read_at=3592), 3593, False, 9, LEFT),
    ("an heir for whom all fits", known(1, **HEIR), 10, False, 1, GRANT),
    ("an heir no more", known(1, **{**HEIR, "predecessor_until": 10.0}), 10, False, 9, GRANT),
    ("hidden hits are no neighbour", known(1, foreign=5, ignored=5), CLOSING, False, None, GRANT),
    ("rivals may have read the same", known(2, past_rivals=2), 10, True, 1, FULL),
    ("an interactive call leaves each a slot", known(3, past_rivals=2), 10, True, 1, GRANT),
    ("bulk leaves one more", known(3, past_rivals=2), 10, False, 1, FULL),
    ("bulk leaves no more", known(4, past_rivals=2), 10, False, 1, GRANT),
    # the last slots
    ("a tail that fits if the lost was not counted", known(4, unseen=(5,)), 40, False, 4, GRANT),
    ("the last slot waits", known(2, open=flying(1, 9)), 10, False, 1, AFTER_AN_ANSWER),
    ("the last slot does not wait for ever", known(2, open=flying(1, 9)), 14, False, 1, GRANT),
    ("the last slot of an urgent call does not", known(2, open=flying(1, 9)), 10, True, 1, GRANT),
    ("what was lost settles", known(3, unseen=(40,)), 10, False, 2, Wait(40, WaitReason.IN_FLIGHT)),
    ("what was lost is settled", known(3, unseen=(40,)), 40, False, 2, GRANT),
    ("what was lost settles too late", known(2, unseen=(3599,)), 3595, False, 1, GRANT),
    # the end of the window
    ("a long job, who was never seen is not reckoned with", LONG, NOBODY, False, 99, GRANT),
    ("but a tenth is still held", changed(LONG, remaining=3), NOBODY, False, 99, HELD),
    ("closing: one reads", known(3), CLOSING, False, None, GRANT),
    (
        "closing: the reader is out",
        known(3, open=flying(1, CLOSING)),
        CLOSING + 1,
        False,
        None,
        Wait(CLOSING + 5, WaitReason.RESERVED),
    ),
    ("closing: it is given up", known(3, open=flying(1, CLOSING)), CLOSING + 5, False, None, GRANT),
    ("closing: the next", known(2, read_at=CLOSING), 3563, False, None, GRANT),
    (
        "closing: one by one",
        known(3, open=flying(1, CLOSING), read_at=CLOSING),
        3562,
        False,
        None,
        Wait(CLOSING + 5, WaitReason.RESERVED),
    ),
    ("the edge", known(9, read_at=3590), 3597, False, 1, FULL),
    (
        "interactive calls came: later",
        known(3, **ASKED),
        3500,
        False,
        None,
        Wait(3587, WaitReason.RESERVED),
    ),
    (
        "beside others, later",
        known(2, foreign=1),
        CLOSING,
        False,
        None,
        Wait(LATE, WaitReason.OTHERS),
    ),
    (
        "beside others, the last but one",
        known(2, foreign=1, read_at=3580),
        LATE,
        False,
        None,
        GRANT,
    ),
    ("beside others, the last", known(1, foreign=1, read_at=3580), LATE, False, None, LEFT),
    ("beside others, the last, read", known(1, foreign=1, read_at=LATE), 3593, False, None, LEFT),
    ("beside others, read", known(2, **BUSY, read_at=LATE), 3593, False, 9, GRANT),
    # no headers
    ("no headers: nothing is held", by_log(calls=hits(*range(29))), 100, False, None, GRANT),
    ("no headers, used up", by_log(calls=hits(*range(30))), 100, True, None, FULL),
    ("no headers, one came back", by_log(calls=hits(*range(30))), OVER, True, None, GRANT),
    (
        "no headers, held on wish until enough came back",
        by_log(calls=hits(*range(29)), reserve=3),
        100,
        False,
        None,
        Wait(OVER + 2, WaitReason.RESERVED),
    ),
    (
        "no headers, enough came back",
        by_log(calls=hits(*range(29)), reserve=3),
        OVER + 2,
        False,
        None,
        GRANT,
    ),
    ("no headers, held, urgent", by_log(calls=hits(*range(29)), reserve=3), 100, True, None, GRANT),
    ("no headers, held, the tail", by_log(calls=hits(*range(29)), reserve=3), 100, False, 1, GRANT),
    (
        "no headers, interactive calls came, none is held on wish",
        by_log(calls=hits(*range(29)), **{**ASKED, "reserve": 0}),
        100,
        False,
        None,
        GRANT,
    ),
    ("no headers, a limit of one", by_log(limit=1, reserve=5), 0, False, None, GRANT),
    (
        "no headers, all in flight",
        by_log(limit=1, open=flying(1)),
        0,
        True,
        None,
        Wait(INF, WaitReason.WINDOW),
    ),
    (
        "no headers, a burst starts",
        by_log(cap=1, open=flying(1)),
        0,
        True,
        None,
        Wait(5, WaitReason.IN_FLIGHT),
    ),
    ("no headers, no answer for 5 s", by_log(cap=1, open=flying(1)), 5, True, None, GRANT),
    (
        "no headers, but a reading before",
        known(1, headerless=True, unseen=(5,)),
        10,
        True,
        None,
        FULL,
    ),
    ("no headers, that window over", known(0, headerless=True), OVER, True, None, GRANT),
    (
        "no headers, others came before",
        by_log(calls=hits(*range(18)), **BUSY),
        100,
        False,
        None,
        Wait(OVER, WaitReason.OTHERS),
    ),
    (
        "no headers, others came before, urgent",
        by_log(calls=hits(*range(18)), **BUSY),
        100,
        True,
        None,
        GRANT,
    ),
    (
        "no headers, more others than slots: the first goes",
        by_log(limit=5, **BUSY),
        100,
        False,
        None,
        GRANT,
    ),
    (
        "no headers, more others than slots: no second",
        by_log(limit=5, calls=hits(9), **BUSY),
        100,
        False,
        None,
        Wait(9 + 3602, WaitReason.OTHERS),
    ),
    (
        "no headers, more interactive calls than slots: the first",
        by_log(limit=5, **ASKED),
        1,
        False,
        None,
        GRANT,
    ),
    (
        "no headers, more interactive calls than slots: no second",
        by_log(limit=5, calls=hits(9), **ASKED),
        10,
        False,
        None,
        Wait(9 + 3602, WaitReason.RESERVED),
    ),
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
    read = known(3, latency=latency, read_at=3599 - seconds - 90)
    assert quota.decide(read, 3599 - seconds - 1) == Wait(3599 - seconds, WaitReason.RESERVED)


def chance(mean: float, most: int) -> float:
    """Of no more than `most` calls, where `mean` come on average."""
    terms = (math.exp(-mean) * mean**k / math.factorial(k) for k in range(most + 1))
    return math.fsum(terms)


CONFIDENCE = 1 - 1 / (10 * 30)
"""What is left to others is enough so surely, at a limit of 30."""


def likely(mean: float) -> int:
    return next(k for k in range(99) if chance(mean, k) >= CONFIDENCE)


@pytest.mark.parametrize("read_at", [0.0, 1800.0, 3000.0])
def test_beside_others_bulk_leaves_what_they_are_likely_to_use(read_at: float) -> None:
    hours = 1.0 + read_at / HOUR + 0.5
    rate = (5 + math.sqrt(5)) / hours / HOUR
    left = likely(rate * (3600 - read_at))
    now = read_at + 1
    assert quota.decide(known(left + 4, read_at=read_at, **BUSY), now) == GRANT
    for free, why in ((left + 3, WaitReason.RESERVED), (left, WaitReason.OTHERS)):
        verdict = quota.decide(known(free, read_at=read_at, **BUSY), now)
        assert isinstance(verdict, Wait)
        assert verdict.why is why
    assert quota.decide(known(left, read_at=read_at, **BUSY), now, urgent=True) == GRANT
    fits = known(left + 1, read_at=read_at, **BUSY)
    assert quota.decide(fits, now, backlog=left + 1) == GRANT, "nothing is reserved then"


@pytest.mark.parametrize("free", [4, 5, 8, 11])
def test_beside_others_one_reads_before_the_next_reading_could_be_the_call_too_many(
    free: int,
) -> None:
    ledger = known(free, **BUSY)
    rate = (5 + math.sqrt(5)) / 1.5 / HOUR
    verdict = quota.decide(ledger, 10)
    assert isinstance(verdict, Wait)
    assert verdict.until < LATE
    assert chance(rate * verdict.until, free - 1) >= CONFIDENCE, "it is one itself"
    assert chance(rate * verdict.until / 0.9 * 1.0001, free - 1) < CONFIDENCE, "and not too early"
    assert quota.decide(ledger, verdict.until) == GRANT
    reader = changed(ledger, open=flying(1, verdict.until))
    assert quota.decide(reader, verdict.until) == Wait(verdict.until + 5, verdict.why)


def test_who_has_nothing_to_read_with_waits_for_the_end_of_the_window() -> None:
    """Of two slots one is left to others, and a reading would take the other one."""
    assert quota.decide(known(2, **BUSY), 10) == Wait(LATE, WaitReason.OTHERS)


def test_a_rate_without_bounds_does_not_hang() -> None:
    verdict = quota.decide(known(30, past_foreign=1e300, latency=0.1), 10)
    assert verdict == Wait(LATE, WaitReason.OTHERS), "nothing can be read in time"


@pytest.mark.parametrize("headerless", [False, True])
@pytest.mark.parametrize("limit", [900, 10_000, 10**6, 10**18])
def test_of_a_limit_of_any_size_one_can_decide(limit: int, *, headerless: bool) -> None:
    """The chance that others take more than is left to them is ever smaller, and never zero."""
    busy = {**BUSY, "reserve": None, "asked": 9.0, "asked_since": -HOUR, "asked_at": 0.0}
    ledger = known(limit - 1, limit=limit, headerless=headerless, **busy)
    assert quota.decide(ledger, 10) == GRANT


@pytest.mark.parametrize("limit", [900, 10_000, 10**6])
def test_beside_others_that_use_up_a_great_limit_one_can_decide(limit: int) -> None:
    ledger = known(limit * 7 // 10, limit=limit, past_foreign=float(limit), past_hours=1.0)
    verdict = quota.decide(ledger, 10)
    assert isinstance(verdict, Wait)
    assert verdict.why is WaitReason.OTHERS
    assert HOUR / 2 < verdict.until < LATE


def test_one_alone_reads_the_first_counter_and_then_the_burst_doubles() -> None:
    ledger, now, rounds = Ledger(), 0.0, []
    server = 30
    while server:
        tokens: list[int] = []
        while quota.decide(ledger, now, urgent=True) == GRANT:
            ledger, token = quota.acquired(ledger, now)
            tokens.append(token)
        rounds.append(len(tokens))
        now += 0.4
        for token in tokens:
            server -= 1
            ledger = quota.answered(ledger, token, now, RateHeaders(30, server, 3600.0 - now // 1))
    assert rounds == [1, 2, 4, 8, 15]
    assert quota.decide(ledger, now, urgent=True) == Wait(OVER, WaitReason.WINDOW)


def test_after_a_pause_the_next_burst_starts_with_one() -> None:
    ledger, _ = quota.acquired(known(), 10.5)
    assert quota.decide(ledger, 10.5, urgent=True) == Wait(15.5, WaitReason.IN_FLIGHT)
    ledger, _ = quota.acquired(known(), 9.5)
    assert quota.decide(ledger, 9.5, urgent=True) == GRANT


# ------------------------------------------------------------------ answers


def test_an_answer_bounds_the_end_of_the_window() -> None:
    ledger = call(Ledger(), 100.0, 100.4, RateHeaders(30, 29, 3600.0))
    assert (ledger.window.ends_after, ledger.window.ends_before) == (3699.0, 3700.4)
    ledger = call(ledger, 200.3, 200.5, RateHeaders(30, 28, 3500.0))
    assert (ledger.window.ends_after, ledger.window.ends_before) == (pytest.approx(3699.3), 3700.4)


def test_no_window_ends_later_than_a_window_from_now() -> None:
    ledger = call(Ledger(), 5.0, 5.4, RateHeaders(30, 0, 50_000.0))
    assert (ledger.window.ends_after, ledger.window.ends_before) == (3604.0, 3605.4)


def test_bounds_that_contradict_give_way_to_the_newest() -> None:
    ledger = call(known(20), 1000.0, 1000.1, RateHeaders(30, 19, 2605.0))
    assert (ledger.window.ends_after, ledger.window.ends_before) == (3604.0, 3605.1)
    assert ledger.window.remaining == 19


def test_a_lone_answer_says_exactly_what_remains() -> None:
    assert call(known(20), 10, 11, RateHeaders(30, 25, 3589.0)).window.remaining == 25
    assert call(known(20), 10, 11, RateHeaders(30, 3, 3589.0)).window.remaining == 3


@pytest.mark.parametrize("order", list(itertools.permutations([27, 26, 25])))
def test_answers_out_of_order(order: Iterable[int]) -> None:
    ledger, tokens = take(known(28, own=0), 10, 3)
    for token, remaining in zip(tokens, order, strict=True):
        ledger = quota.answered(ledger, token, 11, RateHeaders(30, remaining, 3590.0))
        assert ledger.free_slots(11) <= 25
    assert ledger.free_slots(11) == 25
    assert ledger.neighbours.own == 3
    assert ledger.neighbours.foreign == 2, "the two that were used before"


def test_an_answer_of_a_past_window_says_nothing_about_this_one() -> None:
    ledger, (old,) = take(known(5), 3590, 1)
    ledger, (fresh,) = take(ledger, 3650, 1)
    ledger = quota.answered(ledger, fresh, 3650.2, RateHeaders(30, 29, 3600.0))
    before = ledger.window
    ledger = quota.answered(ledger, old, 3655, RateHeaders(30, 4, 9.0))
    assert ledger.free_slots(3655) == 29
    assert ledger.window == before
    assert [hit.sent for hit in ledger.log.calls] == [3650, 3590]


def test_a_new_window_is_seen_and_the_old_one_becomes_experience() -> None:
    ledger = known(20, own=5, foreign=7, ignored=2, read_at=1800.0)
    ledger = call(ledger, 3700, 3700.2, RateHeaders(30, 27, 3550.0))
    seen = ledger.neighbours
    assert ledger.window.remaining == 27
    assert (seen.own, seen.foreign, seen.ignored) == (1, 2, 2)
    assert (seen.past_foreign, seen.past_hours) == (5.0, 0.5)
    ledger = call(ledger, 7400, 7400.2, RateHeaders(30, 29, 3600.0))
    assert ledger.neighbours.past_foreign == pytest.approx(4.5)


def test_hits_of_others_are_seen_between_our_calls() -> None:
    seen = call(known(20, own=10), 1000, 1000.1, RateHeaders(30, 16, 2600.0)).neighbours
    assert (seen.own, seen.foreign, seen.ignored) == (11, 3, 0)


def test_others_that_burst_with_us_slow_our_burst_and_are_no_steady_traffic() -> None:
    ledger, tokens = take(known(20, own=3, cap=8), 1.0, 4)
    ledger = quota.answered(ledger, tokens[0], 1.4, RateHeaders(30, 16, 3599.0))
    seen = ledger.neighbours
    assert (seen.own, seen.foreign, seen.ignored, seen.burst) == (4, 7, 7, 7)
    assert quota.decide(ledger, 1.5, urgent=True) == Wait(6, WaitReason.IN_FLIGHT)
    for number in (1, 2, 3):
        ledger = quota.answered(ledger, tokens[number], 1.5, RateHeaders(30, 16 - number, 3599.0))
    assert quota.decide(ledger, 1.6, urgent=True) == GRANT
    ledger = quota.acquired(ledger, 1.6)[0]
    ledger = quota.acquired(ledger, 1.6)[0]
    verdict = quota.decide(ledger, 1.6, urgent=True)
    assert verdict == Wait(1.6 + 5, WaitReason.IN_FLIGHT), "11 // (2 + 2 * 1)"


def test_the_last_slots_are_left_to_those_who_burst_with_us() -> None:
    ledger = known(4, own=4, foreign=9, ignored=9, burst=9)
    assert quota.decide(ledger, 5.0) == FULL
    assert quota.decide(ledger, 5.0, urgent=True) == GRANT
    assert quota.decide(known(3, own=4, burst=9), 5.0, urgent=True) == FULL
    assert quota.forecast(ledger, 5.0, 1) == OVER
    ledger = call(ledger, 7400, 7400.2, RateHeaders(30, 29, 3600.0))
    assert (ledger.neighbours.past_rivals, ledger.neighbours.burst) == (3, 0)


def test_the_limit_may_change_both_ways() -> None:
    ledger = call(Ledger(), 0, 0.1, RateHeaders(30, 29, 3600.0))
    assert (ledger.window.limit, ledger.least_reserve) == (30, 3)
    ledger = call(ledger, 10, 10.1, RateHeaders(90, 88, 3590.0))
    assert (ledger.window.limit, ledger.least_reserve, ledger.free_slots(11)) == (90, 9, 88)
    ledger = call(ledger, 20, 20.1, RateHeaders(30, 27, 3580.0))
    assert (ledger.window.limit, ledger.least_reserve, ledger.free_slots(21)) == (30, 3, 27)


def test_an_older_answer_does_not_bring_an_older_limit_back() -> None:
    ledger, (first,) = take(known(20), 10, 1)
    ledger, (second,) = take(ledger, 11, 1)
    ledger = quota.answered(ledger, second, 12, RateHeaders(90, 78, 3588.0))
    ledger = quota.answered(ledger, first, 13, RateHeaders(30, 19, 3588.0))
    assert (ledger.window.limit, ledger.window.higher_limit) == (90, 0)
    assert ledger.free_slots(13) == 19


def test_a_limit_that_was_cut_leaves_nothing() -> None:
    ledger = call(known(60, limit=90), 10, 10.1, RateHeaders(30, 0, 3590.0))
    assert quota.decide(ledger, 11, urgent=True) == FULL


def test_of_two_limits_in_turn_the_lower_one_holds() -> None:
    """So do servers of two releases behind one address, that share a counter."""
    ledger = call(known(80, limit=90), 10, 10.1, RateHeaders(30, 19, 3590.0))
    ledger = call(ledger, 20, 20.1, RateHeaders(90, 78, 3580.0))
    assert (ledger.window.limit, ledger.free_slots(21)) == (30, 18), "12 of 30 are used"
    ledger = call(ledger, 30, 30.1, RateHeaders(90, 50, 3570.0))
    assert ledger.free_slots(31) == 0, "40 of 30 are used"
    ledger = call(ledger, 40, 40.1, RateHeaders(30, 0, 3560.0))
    ledger = call(ledger, 3700, 3700.1, RateHeaders(30, 29, 3600.0))
    ledger = call(ledger, 3710, 3710.1, RateHeaders(90, 88, 3590.0))
    assert (ledger.window.limit, ledger.free_slots(3711)) == (30, 28), "in a later window too"


def test_a_limit_that_three_answers_in_a_row_name_is_raised_again() -> None:
    ledger = call(known(80, limit=90), 10, 10.1, RateHeaders(30, 19, 3590.0))
    for moment in (20, 30):
        ledger = call(ledger, moment, moment + 0.1, RateHeaders(90, 70, 3600.0 - moment))
        assert ledger.window.limit == 30
    ledger = call(ledger, 40, 40.1, RateHeaders(90, 69, 3560.0))
    assert (ledger.window.limit, ledger.free_slots(41)) == (90, 69)


def test_a_lower_limit_that_nobody_named_for_a_quarter_of_a_window_is_over() -> None:
    ledger = call(known(80, limit=90), 10, 10.1, RateHeaders(30, 19, 3590.0))
    ledger = call(ledger, 800, 800.1, RateHeaders(30, 18, 2800.0))
    ledger = call(ledger, 1_690, 1_690.1, RateHeaders(90, 77, 1_910.0))
    assert ledger.window.limit == 30
    ledger = call(ledger, 1_710, 1_710.1, RateHeaders(90, 76, 1_890.0))
    assert (ledger.window.limit, ledger.free_slots(1_711)) == (90, 76)


def test_a_limit_that_is_raised_to_another_one_is_believed_at_once() -> None:
    ledger = call(known(80, limit=90), 10, 10.1, RateHeaders(30, 19, 3590.0))
    ledger = call(ledger, 20, 20.1, RateHeaders(60, 48, 3580.0))
    assert (ledger.window.limit, ledger.free_slots(21)) == (60, 48)


def test_latency_is_learned() -> None:
    ledger = Ledger()
    for moment in range(30):
        ledger = call(ledger, moment * 10, moment * 10 + 4, RateHeaders(30, 29 - moment, 3000.0))
    assert ledger.flights.latency == pytest.approx(4, abs=0.1)


# ------------------------------------------------------------------ other ends of a reservation


def test_a_reservation_ends_once() -> None:
    ledger, token = quota.acquired(known(), 10)
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
    ledger, token = quota.acquired(known(5), 10)
    assert ledger.free_slots(10) == 4
    assert quota.released(ledger, token).free_slots(10) == 5


def test_a_lost_call_counts_until_a_later_lone_answer_must_have_seen_it() -> None:
    ledger, token = quota.acquired(known(5), 10)
    ledger = quota.lost(ledger, token, 15)
    assert ledger.free_slots(15) == 4
    ledger = call(ledger, 44.9, 45.0, RateHeaders(30, 4, 3555.0))
    assert ledger.free_slots(46) == 3, "it may still be on its way"
    ledger = call(ledger, 45.0, 45.1, RateHeaders(30, 3, 3555.0))
    assert ledger.free_slots(46) == 3, "it never arrived"


def test_a_lost_call_is_not_forgotten_by_answers_of_calls_that_overlapped() -> None:
    ledger, (first, second) = take(known(5), 10, 2)
    ledger = quota.lost(ledger, first, 15)
    ledger = quota.answered(ledger, second, 16, RateHeaders(30, 4, 3590.0))
    assert ledger.free_slots(16) == 3


def test_a_lost_call_does_not_weigh_on_the_next_windows_for_ever() -> None:
    ledger, token = quota.acquired(known(5), 3590)
    ledger = quota.lost(ledger, token, 3595)
    ledger = call(ledger, OVER, OVER + 0.1, RateHeaders(30, 29, 3600.0))
    assert ledger.free_slots(OVER + 1) == 28, "it may arrive in this one"
    ledger = call(ledger, OVER + 60, OVER + 60.1, RateHeaders(30, 28, 3540.0))
    assert ledger.free_slots(OVER + 61) == 28


def test_lost_probes_do_not_probe_the_window_to_its_end() -> None:
    ledger, now = ledger_of(limit=3), 0.0
    for _ in range(3):
        assert quota.decide(ledger, now, urgent=True) == GRANT
        ledger, token = quota.acquired(ledger, now)
        now += 60
        ledger = quota.lost(ledger, token, now)
    first_back = 60 + 30 + HOUR + 2
    assert quota.decide(ledger, now, urgent=True) == Wait(first_back, WaitReason.WINDOW)
    assert quota.forecast(ledger, now, 0) == first_back
    assert quota.decide(ledger, first_back) == GRANT


def test_probes_lost_after_the_end_of_a_window_are_counted_too() -> None:
    ledger = known(0, limit=2, calls=hits(3000, 3000.5))
    ledger, token = quota.acquired(ledger, OVER)
    ledger = quota.lost(ledger, token, OVER + 5)
    assert quota.decide(ledger, OVER + 5) == Wait(3000.5 + HOUR + 2, WaitReason.WINDOW)
    assert quota.decide(known(0, limit=2, calls=hits(3000, 3000.5)), OVER) == GRANT


# ------------------------------------------------------------------ answers without headers


def test_without_headers_our_own_log_is_a_rolling_window() -> None:
    ledger, now = ledger_of(limit=3), 0.0
    for _ in range(3):
        assert quota.decide(ledger, now, urgent=True) == GRANT
        ledger, token = quota.acquired(ledger, now)
        now += 5
        ledger = quota.unread(ledger, token, now)
    backs = [answer + HOUR + 2 for answer in (5.0, 10.0, 15.0)]
    assert quota.decide(ledger, now, urgent=True) == Wait(backs[0], WaitReason.WINDOW)
    assert [ledger.free_slots(back) for back in backs] == [1, 2, 3]


def test_headers_that_vanish_in_the_middle_of_a_window_do_not_refill_it() -> None:
    ledger, (first, second) = take(known(3), 10, 2)
    ledger = quota.unread(ledger, first, 11)
    assert ledger.log.headerless
    assert ledger.free_slots(11) == 1
    ledger = quota.answered(ledger, second, 12, RateHeaders(30, 2, 3590.0))
    assert not ledger.log.headerless
    assert ledger.free_slots(12) == 1, "whether it saw the call without headers is unknown"
    ledger = call(ledger, 13, 13.5, RateHeaders(30, 0, 3587.0))
    assert ledger.free_slots(14) == 0


def test_the_log_has_no_more_than_a_window_of_calls() -> None:
    ledger = known(20, calls=hits(*range(20)))
    ledger = call(ledger, 3500, 3500.1, RateHeaders(30, 9, 100.0))
    assert len(ledger.log.calls) == 21
    ledger = call(ledger, 3700, 3700.1, RateHeaders(30, 29, HOUR))
    assert [hit.sent for hit in ledger.log.calls] == [3500, 3700]


@pytest.mark.parametrize(("lost_until", "own"), [(3610.0, 1), (3611.0, 2)])
def test_a_lost_call_is_ours_in_a_new_window_while_a_reading_may_not_include_it(
    lost_until: float, own: int
) -> None:
    ledger = known(0, unseen=(lost_until,))
    ledger = call(ledger, 3610, 3610.1, RateHeaders(30, 29, HOUR))
    assert ledger.neighbours.own == own
    assert ledger.flights.unseen == ((lost_until,) if own == 2 else ())


def test_a_lost_call_takes_a_place_in_the_log() -> None:
    ledger, token = quota.acquired(by_log(limit=1), 0)
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
    ledger = ledger_of(limit=limit)
    for place, moment in enumerate(moments):
        reading = old_server(*moments[:place], limit=limit, until=moment)
        ledger = call(ledger, moment, moment + 0.1, reading)
    return ledger


def test_hits_that_outlive_the_window_show_a_sliding_log() -> None:
    assert lived(0, 3000, 3100, 3605).log.sliding
    assert not lived(0, 3000, 3605).log.sliding, "one may be a neighbour's"
    assert not lived(0, 10, 3700).log.sliding


def test_a_neighbour_in_a_new_window_is_not_taken_for_a_sliding_log() -> None:
    ledger = call(lived(0, 3000, 3100), 3700, 3700.1, RateHeaders(30, 25, 3550.0))
    assert not ledger.log.sliding


def test_a_call_that_may_have_begun_the_window_is_not_taken_for_a_sliding_log() -> None:
    ledger, token = quota.acquired(lived(0, 3000, 3100), 3605)
    ledger = quota.lost(ledger, token, 3606)
    assert not call(ledger, 3606, 3606.1, RateHeaders(30, 27, 3600.0)).log.sliding


def test_slots_of_a_sliding_log_come_back_one_by_one() -> None:
    ledger = lived(0, 3000, 3100, 3605, limit=4)
    assert ledger.log.sliding
    assert ledger.window.remaining == 1
    ledger = call(ledger, 3606, 3606.1, RateHeaders(4, 0, 3599.0))
    back = 3000.1 + HOUR + 2
    assert quota.decide(ledger, 3607, urgent=True) == Wait(back, WaitReason.WINDOW)
    assert quota.forecast(ledger, 3607, 0) == back
    assert quota.forecast(ledger, 3607, 1) == 3100.1 + HOUR + 2
    assert quota.decide(ledger, back, urgent=True) == GRANT
    assert ledger.free_slots(3100.1 + HOUR + 2) == 2


def test_a_slot_that_a_reading_has_seen_come_back_is_not_counted_twice() -> None:
    ledger = lived(0, 3000, 3100, 3605, limit=4)
    ledger = call(ledger, 6600.05, 6600.2, RateHeaders(4, 1, 605.0))
    assert ledger.free_slots(6603) == 1


def test_of_calls_that_overlap_each_reading_of_a_sliding_log_gives_back_what_came_back() -> None:
    ledger = known(0, limit=4, sliding=True, own=1, calls=hits(0.5, 3000), ends_before=9000.0)
    ledger, tokens = take(changed(ledger, ends_after=8999.0), 3700, 2)
    ledger = quota.answered(ledger, tokens[0], 3701, RateHeaders(4, 1, 4000.0))
    assert ledger.window.remaining == 1, "that of 0 came back, and the reading says as much"
    ledger = quota.answered(ledger, tokens[1], 3702, RateHeaders(4, 1, 4000.0))
    assert ledger.window.remaining == 1, "and it came back once"
    assert [hit.sent for hit in ledger.log.calls] == [2999.5, 3700, 3700]


@pytest.mark.parametrize(("now", "left"), [(99.75, True), (100.0, False)])
def test_a_reading_has_seen_those_go_that_were_sent_a_window_before(
    now: float, *, left: bool
) -> None:
    old = LoggedCall(100 - HOUR, 101 - HOUR)
    ledger = known(1, limit=4, sliding=True, calls=(old,), ends_after=700.0, ends_before=800.0)
    assert (old in call(ledger, now, now, RateHeaders(4, 1, 700.0)).log.calls) is left


def test_slots_that_came_back_stay_free_when_a_call_is_lost() -> None:
    ledger = known(0, limit=4, sliding=True, calls=hits(50, 100, 3000), ends_before=9000.0)
    ledger, token = quota.acquired(changed(ledger, ends_after=8999.0), 3705)
    assert ledger.free_slots(3705) == 1
    assert quota.lost(ledger, token, 3706).free_slots(3706) == 1


def test_a_lost_call_does_not_come_back_in_a_sliding_log() -> None:
    ledger, token = quota.acquired(lived(0, 3000, limit=4), 3010)
    ledger = quota.lost(ledger, token, 3011)  # it never arrived
    ledger = call(ledger, 3100, 3100.1, RateHeaders(4, 1, 500.0))
    ledger = call(ledger, 3605, 3605.1, RateHeaders(4, 1, 3600.0))
    assert ledger.log.sliding
    assert ledger.free_slots(6650) == 1, "the server may have been restarted after 3000"
    ledger = call(ledger, 6651, 6651.1, RateHeaders(4, 1, 500.0))
    assert ledger.free_slots(6652) == 1, "the next reading knows"
    assert ledger.free_slots(6720) == 2, "then that of 3100 comes back"


def test_a_sliding_log_with_nothing_known_is_read_again() -> None:
    ledger = by_log(headerless=False)
    assert quota.decide(ledger, 0) == GRANT
    ledger = by_log(headerless=False, open=flying(1))
    assert quota.decide(ledger, 0) == Wait(INF, WaitReason.PROBE)


def test_a_used_up_sliding_log_is_read_again_when_its_mark_runs_out() -> None:
    ledger = known(0, sliding=True)
    assert quota.decide(ledger, 10, urgent=True) == FULL
    assert quota.decide(ledger, OVER) == GRANT


def test_a_probe_of_a_full_sliding_log_waits_for_the_first_slot() -> None:
    ledger = known(0, limit=2, sliding=True, calls=hits(3000, 3500))
    assert quota.decide(ledger, OVER) == Wait(3000 + HOUR + 2, WaitReason.WINDOW)


def test_a_sliding_log_holds_nothing_while_nobody_came() -> None:
    assert quota.decide(known(1, sliding=True, reserve=None, calls=hits(3000)), 3500) == GRANT


def test_a_sliding_log_never_drains() -> None:
    ledger = known(3, sliding=True, calls=hits(3000))
    assert quota.decide(ledger, 3595) == Wait(OVER, WaitReason.RESERVED)
    assert quota.decide(known(4, sliding=True, calls=hits(3000)), 3595) == GRANT
    beside = known(4, sliding=True, reserve=None, foreign=9, ignored=6)
    assert quota.decide(beside, 10) == Wait(OVER, WaitReason.OTHERS)


def test_a_sliding_log_leaves_slots_to_those_who_may_have_come_since_it_was_read() -> None:
    """Two calls in the last hour may be three; in three minutes one may come, hardly two."""
    ledger = known(2, sliding=True, foreign=2)
    hours = 1.0 + 0.5
    assert likely((2 + math.sqrt(2)) / hours * 180 / HOUR) == 2
    assert quota.decide(ledger, 180, backlog=1) == Wait(OVER, WaitReason.OTHERS)
    assert quota.decide(ledger, 180, urgent=True) == GRANT
    assert quota.decide(changed(ledger, remaining=3), 180, backlog=1) == GRANT


def test_others_in_a_sliding_log_are_who_is_in_it_beside_us() -> None:
    ledger = known(20, sliding=True, own=99, foreign=7, calls=hits(-500, -300, 300, 3000))
    ledger = call(ledger, 3400, 3400.1, RateHeaders(30, 20, 200.0))
    assert ledger.neighbours.foreign == 10 - 3, "those of 300 and 3000, and this one"
    ledger = call(ledger, 3500, 3500.1, RateHeaders(30, 26, 100.0))
    assert ledger.neighbours.foreign == 0, "those of an hour ago are gone"


def test_a_call_in_flight_is_not_taken_for_another_client_in_a_sliding_log() -> None:
    ledger, tokens = take(known(29, sliding=True, own=1, calls=hits(3000)), 3100, 2)
    ledger = quota.answered(ledger, tokens[0], 3100.1, RateHeaders(30, 27, 500.0))
    assert ledger.neighbours.foreign == 0
    ledger = quota.answered(ledger, tokens[1], 3100.2, RateHeaders(30, 26, 500.0))
    assert ledger.neighbours.foreign == 1


def test_of_a_sliding_log_that_opens_only_others_are_foreign() -> None:
    ledger = call(
        known(0, sliding=True, calls=hits(3000, 3100)), OVER, OVER, RateHeaders(30, 25, HOUR)
    )
    assert ledger.neighbours.foreign == 2
    assert ledger.neighbours.ignored == 0, "who is in the last hour is steady traffic"


def test_calls_that_the_counter_cannot_contain_come_back_no_more() -> None:
    """A server that was started again has lost them; the newest are those that it may have."""
    ledger = known(0, limit=4, sliding=True, calls=hits(1000, 2000, 3000))
    ledger = call(ledger, 3100, 3100.1, RateHeaders(4, 2, 500.0))
    assert [hit.sent for hit in ledger.log.calls] == [2999.5, 3100]


def test_among_calls_that_overlap_none_is_dropped() -> None:
    ledger, tokens = take(known(0, limit=4, sliding=True, calls=hits(1000, 2000, 3000)), 3100, 2)
    ledger = quota.answered(ledger, tokens[0], 3100.1, RateHeaders(4, 3, 500.0))
    assert len(ledger.log.calls) == 4


def forgotten(ledger: Ledger, now: float) -> Ledger:
    """The server was started again: a window opens, and none of our calls is in it."""
    return call(ledger, now, now + 0.1, RateHeaders(30, 29, HOUR))


def test_a_sliding_log_that_forgot_our_calls_once_is_doubted_and_goes_on() -> None:
    ledger = forgotten(lived(0, 3000, 3100, 3605, 5000), 7300)
    assert (ledger.log.sliding, ledger.log.doubted) == (True, True)
    assert [hit.sent for hit in ledger.log.calls] == [7300]


@pytest.mark.parametrize(("found", "sliding"), [(1, False), (2, True)])
def test_a_server_that_forgot_our_calls_twice_in_a_row_slides_no_more(
    found: int, *, sliding: bool
) -> None:
    ledger = forgotten(lived(0, 3000, 3100, 3605, 5000), 7300)
    for moment, used in ((9000, 2), (9100, 3)):
        ledger = call(ledger, moment, moment, RateHeaders(30, 30 - used, 10_900.0 - moment))
    ledger = call(ledger, 10_905, 10_905, RateHeaders(30, 30 - found - 1, HOUR))
    assert ledger.log.sliding is sliding


def test_a_window_that_a_rival_may_have_begun_is_no_sign_of_a_sliding_log() -> None:
    ledger, reading = lived(0, 3000, 3100), old_server(0, 3000, 3100, until=3605)
    assert call(ledger, 3605, 3605.1, reading).log.sliding
    assert not call(changed(ledger, past_rivals=1), 3605, 3605.1, reading).log.sliding


# ------------------------------------------------------------------ 429


def test_a_refusal_stops_everybody_until_it_is_over() -> None:
    ledger, token = quota.acquired(known(5, calls=hits(0, 1)), 10)
    ledger = quota.refused(ledger, token, 11, 3600.0)
    for urgent in (True, False):
        assert quota.decide(ledger, 12, urgent=urgent) == Wait(3613, WaitReason.BLOCKED)
    assert quota.forecast(ledger, 12, 0) == 3613
    assert quota.forecast(ledger, 12, 30) == 3613 + HOUR + 2
    assert quota.decide(ledger, 3613) == GRANT
    ledger, _ = quota.acquired(ledger, 3613)
    assert quota.decide(ledger, 3613, urgent=True) == Wait(INF, WaitReason.PROBE)


def test_a_second_refusal_prolongs_and_never_shortens() -> None:
    ledger, tokens = take(known(5), 10, 2)
    ledger = quota.refused(ledger, tokens[0], 11, 3600.0)
    ledger = quota.refused(ledger, tokens[1], 11.5, 3599.0)
    assert ledger.window.blocked_until == 3613


def test_a_refusal_with_slots_left_shows_that_somebody_else_went_over() -> None:
    ledger, token = quota.acquired(known(5), 10)
    assert quota.refused(ledger, token, 11, 3600.0).neighbours.past_foreign == 1
    ledger, token = quota.acquired(known(0), OVER)
    assert quota.refused(ledger, token, 3603, 3600.0).neighbours.past_foreign == 0


def test_a_refusal_without_retry_after_pauses_longer_and_longer() -> None:
    ledger, now, pauses = known(20), 10.0, []
    for _ in range(7):
        ledger, token = quota.acquired(ledger, now)
        ledger = quota.refused(ledger, token, now, None)
        pauses.append(ledger.window.blocked_until - now)
        now = ledger.window.blocked_until
    assert pauses == [32, 62, 122, 242, 482, 902, 902]
    ledger = call(ledger, now, now + 1, RateHeaders(30, 12, 1000.0))
    assert ledger.window.refusals == 0


def test_a_proxy_that_refuses_for_weeks_is_waited_for_as_on_the_first_day() -> None:
    ledger, now = known(5), 100.0
    for _ in range(1_100):
        ledger, token = quota.acquired(ledger, now)
        ledger = quota.refused(ledger, token, now, None)
        pause, now = ledger.window.blocked_until - now, ledger.window.blocked_until
    assert pause == 902


def test_after_a_refusal_all_that_is_left_of_the_window_is_experience() -> None:
    ledger = known(
        5,
        foreign=4,
        ignored=1,
        burst=2,
        own=5,
        unseen=(7, 8),
        calls=hits(1, 2),
        past_foreign=10.0,
        past_hours=1.0,
        asked=2.0,
        asked_since=3.0,
        asked_at=4.0,
        read_at=1800.0,
    )
    ledger, token = quota.acquired(ledger, 1900)
    assert quota.refused(ledger, token, 1901, 3600.0) == ledger_of(
        limit=30,
        limit_read=True,
        reserve=3,
        blocked_until=1901 + HOUR + 2,
        read_at=1800.0,
        answered_at=0.0,
        tokens=1,
        accounted=ledger.neighbours.accounted,
        past_foreign=10 * 0.9 + (4 + 1 - 1),  # one more: somebody else went over
        asked=2.0,
        asked_since=3.0,
        asked_at=4.0,
        surge=15,
        surge_until=1901 + TWO_DAYS,
        past_hours=1 * 0.9 + 0.5,
        past_rivals=1,
        refusals=1,
        refused_at=1900,
        let_in=1.5,
        over_until=1901 + TWO_DAYS,
        is_doubted=True,
    )


def test_the_first_answer_after_a_lock_out_opens_a_window() -> None:
    ledger, token = quota.acquired(known(5), 10)
    ledger = quota.refused(ledger, token, 11, 3600.0)
    ledger = call(ledger, 3613, 3613.2, RateHeaders(30, 29, HOUR))
    assert (ledger.window.ends_after, ledger.window.ends_before) == (3613 + HOUR - 1, 3613.2 + HOUR)
    assert ledger.free_slots(3614) == 29


def test_a_pause_that_is_a_proxys_changes_the_pace_and_nothing_else() -> None:
    ledger, token = quota.acquired(known(5, own=2), 10, expires=99.0)
    paused = quota.refused(ledger, token, 11, None)
    spent = quota.lost(ledger, token, 11)
    assert paused == changed(spent, blocked_until=11 + 30 + 2, refusals=1, refused_at=10, cap=1)
    ledger, _ = quota.acquired(paused, 43)
    assert quota.decide(paused, 43, urgent=True) == GRANT, "one goes"
    assert quota.decide(ledger, 43, urgent=True) == Wait(48, WaitReason.IN_FLIGHT), "alone"


def test_a_refusal_that_is_not_the_throttlers_leaves_the_window_as_it_was() -> None:
    ledger, token = quota.acquired(known(1, calls=hits(0)), 10)
    ledger = quota.refused(ledger, token, 11, None)
    assert quota.decide(ledger, 12, urgent=True) == Wait(43, WaitReason.BLOCKED)
    assert quota.decide(ledger, 43, urgent=True) == FULL


def test_a_lock_out_that_would_have_begun_before_an_answered_call_is_a_proxys() -> None:
    ledger, token = quota.acquired(known(5, calls=hits(100)), 200)
    ledger = quota.refused(ledger, token, 201, 10.0)
    assert quota.decide(ledger, 202, urgent=True) == Wait(213, WaitReason.BLOCKED)
    assert ledger.free_slots(213) == 4
    ledger, token = quota.acquired(known(5, calls=hits(100)), 200)
    ledger = quota.refused(ledger, token, 201, 3500.0)
    assert not ledger.window.is_known, "it may have begun at 101"


# ------------------------------------------------------------------ the edge


def closing(remaining: int, read_at: float, **changes: object) -> Ledger:
    """A window that ends at about 3600, beside others who come five times an hour."""
    values = {"past_foreign": 50.0, "past_hours": 10.0, "reserve": None, "latency": 0.2}
    return known(remaining, read_at=read_at, answered_at=read_at, **values | changes)


def test_beside_others_the_last_two_slots_go_at_the_very_end() -> None:
    edge = pytest.approx(3599 - 0.5 - 2.5 * 0.2)
    verdict = quota.decide(closing(2, 3593), 3594)
    assert isinstance(verdict, Wait)
    assert verdict.until == edge
    assert quota.decide(closing(2, 3593), 3598.1) == GRANT, "it reads what is left"
    assert quota.decide(closing(1, 3598.1), 3598.3) == GRANT, "right after its answer"


def test_the_last_slot_is_not_taken_on_an_old_reading() -> None:
    assert isinstance(quota.decide(closing(1, 3580), 3598.3), Wait)


@pytest.mark.parametrize("careful", [{"reserve": 1}, {"over_until": 9_999.0}])
def test_the_last_slot_stays_where_somebody_went_over_or_on_wish(careful: dict[str, float]) -> None:
    assert isinstance(quota.decide(closing(1, 3598.1, **careful), 3598.3), Wait)


# ------------------------------------------------------------------ servers that lie


def refusals(ledger: Ledger, told: float | None, until: float, now: float = 10.0) -> list[float]:
    """When calls leave that are refused again and again, each as soon as it may."""
    moments: list[float] = []
    while now < until:
        moments.append(now)
        ledger, token = quota.acquired(ledger, now)
        ledger = quota.refused(ledger, token, now + 0.5, told)
        now = ledger.window.blocked_until
    return moments


@pytest.mark.parametrize("told", [0.0, 1.0, 5.0, None])
def test_a_known_lock_out_is_asked_once_a_minute_at_most_whatever_it_says(
    told: float | None,
) -> None:
    moments = refusals(known(20), told, HOUR)
    assert len(moments) <= 9
    assert all(later - sooner > 60 for sooner, later in itertools.pairwise(moments[1:]))


def test_no_retry_after_is_believed_beyond_a_window() -> None:
    assert refusals(known(0), 86_400.0, 3 * HOUR) == pytest.approx([10, 3612.5, 7215], abs=1)


def test_the_first_retry_after_of_a_lock_out_is_believed() -> None:
    ledger, token = quota.acquired(known(0), 10)
    assert quota.refused(ledger, token, 11, 7.0).window.blocked_until == 11 + 7 + 2


def test_refusals_of_calls_that_left_together_are_one_lock_out() -> None:
    ledger, tokens = known(20), list[int]()
    for _ in range(5):
        ledger, token = quota.acquired(ledger, 10)
        tokens.append(token)
    for token in tokens:
        ledger = quota.refused(ledger, token, 11, 0.0)
    assert ledger.window.refusals == 1
    assert ledger.window.blocked_until == 13


def without_headers(length: float, told: float | None) -> tuple[Ledger, float, int]:
    """The ledger after the lock-out of a server with such windows, when it ended, and 429s."""
    ledger, token = quota.acquired(Ledger(), 0)
    ledger = quota.unread(ledger, token, 0.5)
    began = now = HOUR + 10
    count = 0
    while now < began + length:
        ledger, token = quota.acquired(ledger, now)
        seconds = began + length - now if told is None else None
        ledger = quota.refused(ledger, token, now + 0.5, seconds)
        now, count = ledger.window.blocked_until, count + 1
    ledger, token = quota.acquired(ledger, now)
    return quota.unread(ledger, token, now + 0.5), now, count


def test_a_lock_out_that_outlasts_a_window_teaches_a_longer_one() -> None:
    ledger, _, count = without_headers(3 * HOUR, None)
    assert count == 2, "the word of the second one is believed to its end"
    assert 3 * HOUR <= ledger.window.length <= 3 * HOUR + 5
    ledger, end, count = without_headers(3 * HOUR, 0.0)
    assert 3 * HOUR <= ledger.window.length <= end - HOUR, "no shorter than it was"
    assert count <= 20


def test_a_lock_out_of_one_window_teaches_nothing() -> None:
    for told in (None, 0.0):
        assert without_headers(HOUR - 5, told)[0].window.length == HOUR


def test_rate_headers_end_what_a_lock_out_taught() -> None:
    ledger, now, _ = without_headers(3 * HOUR, None)
    ledger = call(ledger, now + 5, now + 6, RateHeaders(30, 28, 1800.0))
    assert (ledger.window.length, ledger.window.usual_length) == (HOUR, 0.0)


def test_a_later_lock_out_that_was_shorter_ends_what_was_taught() -> None:
    ledger, now, _ = without_headers(3 * HOUR, None)
    ledger, token = quota.acquired(ledger, now + 600)
    ledger = quota.refused(ledger, token, now + 601, 1800.0)
    now = ledger.window.blocked_until
    ledger, token = quota.acquired(ledger, now)
    ledger = quota.unread(ledger, token, now + 1)
    assert ledger.window.length == HOUR, "it began after a call that was let in 40 minutes ago"


def test_after_a_429_beside_slots_our_own_count_bounds_what_answers_tell() -> None:
    told = RateHeaders(30, 30, 3600.0)
    ledger, token = quota.acquired(known(30, own=29, accounted=True), 10)
    ledger = quota.refused(ledger, token, 11, 3600.0)
    assert ledger.neighbours.past_foreign == 0, "we were all: nobody else went over"
    for number, place in enumerate(range(4000, 4020)):
        ledger = call(ledger, place, place + 0.1, told)
        assert ledger.free_slots(place + 1) == 30 - (number + 1)


def test_answers_that_agree_with_our_own_count_for_a_window_are_believed_again() -> None:
    ledger, token = quota.acquired(known(30, own=29, accounted=True), 10)
    ledger = quota.refused(ledger, token, 11, 3600.0)
    for number in range(20):
        now = 4000.0 + number
        ledger = call(ledger, now, now + 0.1, RateHeaders(30, 29 - number, 3600.0 - number))
        assert ledger.window.is_doubted
    ledger = call(ledger, 8000, 8000.1, RateHeaders(30, 29, 3600.0))
    assert not ledger.window.is_doubted


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


def test_a_call_that_met_silence_may_arrive_minutes_later() -> None:
    ledger, (token,) = take(known(5), 1000, 1)
    ledger = quota.lost(ledger, token, 1060, silent=True)
    ledger = call(ledger, 1100, 1100.1, RateHeaders(30, 4, 2500.0))
    assert ledger.free_slots(1101) == 3, "it is in no reading yet"
    ledger = reborn(ledger, 1200, after=1)
    assert ledger.free_slots(0) == 3, "a successor knows it too"


def test_a_call_that_met_silence_is_in_a_reading_in_the_end() -> None:
    ledger, (token,) = take(known(5), 1000, 1)
    ledger = quota.lost(ledger, token, 1060, silent=True)
    ledger = call(ledger, 1800, 1800.1, RateHeaders(30, 3, 1800.0))
    assert ledger.free_slots(1801) == 3


def test_calls_of_a_killed_process_that_arrived_are_no_sign_of_others() -> None:
    ledger, _ = take(known(29), 1000, 4)
    ledger = reborn(ledger, 1000, after=5)
    for sent, remaining in ((60.0, 24), (61.0, 23)):
        ledger = call(ledger, sent, sent + 0.2, RateHeaders(30, remaining, 2595 - sent))
    assert (ledger.neighbours.foreign, ledger.neighbours.steady) == (0, 0)
    assert ledger.window.remaining == 23


def test_a_call_that_was_lost_before_the_window_may_be_counted_in_it() -> None:
    ledger, (first, second) = take(known(2, own=28), 3590, 2)
    ledger = quota.lost(quota.lost(ledger, first, 3600), second, 3600)
    ledger = call(ledger, 3605, 3605.2, RateHeaders(3, 2, HOUR))
    assert ledger.free_slots(3606) == 0


def test_lost_states_are_in_nobody_s_account() -> None:
    ledger = known(2, own=29, unseen=(9, 9), accounted=True)
    state = SharedState(ledger=ledger, lineage=0)
    assert ledger.free_slots(10) == 1
    assert written_again(state, 7).ledger.free_slots(10) == 0
    assert reunited(state, state, set()).ledger.free_slots(10) == 0


@pytest.mark.parametrize("blocked", [-INF, 1e6])
def test_after_the_clock_was_set_back_nobody_waits_longer_than_a_window(blocked: float) -> None:
    ledger = known(
        0,
        ends_after=1e6,
        ends_before=1e6,
        read_at=1e6,
        unseen=(1e6,),
        calls=hits(1e6, 1e6),
        open=flying(1),
        blocked_until=blocked,
    )
    ledger = quota.released(quota.set_back(ledger, 50), ledger.flights.open[0].token)
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
        open=(Flight(0, 1400.0, alone=False, expires=6000.0), Flight(1, 400.0, alone=True)),
        calls=(LoggedCall(900.0, 901.0), LoggedCall(1400.0, 2400.0, sure=False)),
    )
    assert quota.set_back(ledger, 1000.0) == changed(
        ledger,
        ends_after=1000.0,
        ends_before=1000 + HOUR,
        from_snapshot=True,
        read_at=1000.0,
        answered_at=1000.0,
        blocked_until=1000 + HOUR + 2,
        unseen=(900.0, 1720.0),
        open=(
            Flight(0, 1000.0, alone=False, expires=1000 + HOUR),
            Flight(1, 400.0, alone=True, expires=1000 + HOUR),
        ),
        calls=(LoggedCall(900.0, 901.0), LoggedCall(1000.0, 1720.0, sure=False)),
    )
    assert not quota.set_back(Ledger(), 0).window.from_snapshot, "there is no window to doubt"


def test_an_answer_of_a_window_that_still_runs_is_believed_though_the_clock_was_set_back() -> None:
    ledger = known(20, ends_after=9000.0, ends_before=9001.0)
    ledger = call(ledger, 100, 100.2, RateHeaders(30, 7, 600))
    assert (ledger.free_slots(101), ledger.window.ends_before) == (7, 700.2)


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
    assert ledger.free_slots(1) == 29
    assert (ledger.window.ends_after, ledger.window.ends_before) == (reset - 1, reset + 0.1)


# ------------------------------------------------------------------ what a state says


@pytest.mark.parametrize(
    ("limit", "held"), [(1, 1), (10, 1), (11, 2), (30, 3), (90, 9), (100, 10), (1000, 100)]
)
def test_a_tenth_of_the_limit_is_held_unless_it_is_told_otherwise(limit: int, held: int) -> None:
    assert ledger_of(limit=limit).least_reserve == held
    assert [ledger_of(limit=limit, reserve=number).least_reserve for number in (0, 5)] == [0, 5]


@pytest.mark.parametrize(
    ("burst", "own", "rivals"),
    [(0, 3, 0), (1, 3, 0), (1, 0, 0), (2, 3, 1), (3, 3, 1), (4, 3, 2), (2, 0, 2), (99, 3, 4)],
)
def test_others_burst_as_we_do_when_more_than_one_call_comes(
    burst: int, own: int, rivals: int
) -> None:
    assert Neighbours(burst=burst, own=own).rivals == rivals
    assert Neighbours(burst=burst, own=own, past_rivals=3).rivals == max(3, rivals)


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
        (known(20, own=11, open=flying(2), unseen=(1,)), 5, 17, OVER),
        (known(2, own=27, open=flying(2)), 5, 0, 5.5),
        (known(2, own=27, open=flying(2)), 5, 1, OVER),
        (known(2, own=20, open=flying(2)), 5, 1, 5.5),
        (known(2, own=20, open=flying(2)), 5, 2, OVER),
        (known(0), 3601, 0, OVER),
        (known(0), OVER, 0, OVER),
        (known(0), OVER, 30, OVER + 3602),
        (known(0, blocked_until=50), 5, 0, 50),
        (known(0, blocked_until=50), 5, 30, 50 + 3602),
        (by_log(calls=hits(1, 2, 3)), 5, 26, 5),
        (by_log(calls=hits(1, 2, 3)), 5, 27, 1 + 3602),
        (by_log(calls=hits(1, 2, 3)), 5, 29, 3 + 3602),
        (by_log(calls=hits(1, 2, 3)), 5, 30, 1 + 2 * 3602),
        (by_log(limit=1, open=flying(1)), 5, 0, 5 + 2),
    ],
)
def test_forecast(ledger: Ledger, now: float, ahead: int, moment: float) -> None:
    assert quota.forecast(ledger, now, ahead) == pytest.approx(moment)


@pytest.mark.parametrize(
    ("ledger", "now", "outlook"),
    [
        (Ledger(), 5, Outlook(5, 30, 30, 5 + HOUR, by_window=True)),
        (ledger_of(open=flying(1)), 5, Outlook(5, 29, 29, 5 + HOUR, by_window=True)),
        (known(7), 5, Outlook(5, 7, 7, 3600, by_window=True)),
        (known(7, past_rivals=2), 5, Outlook(5, 5, 5, 3600, by_window=True)),
        (known(2, own=20, open=flying(2)), 5, Outlook(5, 0, 2, 3600, by_window=True)),
        (known(0, blocked_until=50), 5, Outlook(50, 30, 30, 50 + HOUR, by_window=True)),
        (by_log(calls=hits(1, 2, 3)), 5, Outlook(5, 27, 27, -INF, by_window=False)),
        (known(7, sliding=True), 5, Outlook(5, 7, 7, 3600, by_window=False)),
    ],
)
def test_outlook(ledger: Ledger, now: float, outlook: Outlook) -> None:
    assert quota.outlook(ledger, now) == outlook


@pytest.mark.parametrize(
    ("ledger", "now", "free"),
    [
        (Ledger(), 0, 30),
        (ledger_of(open=flying(1)), 0, 29),
        (known(20), 5, 20),
        (known(20, open=flying(3), unseen=(9, 9)), 5, 15),
        (known(1, open=flying(3)), 5, 0),
        (known(1), OVER, 30),
        (by_log(calls=hits(1, 2, 3), open=flying(1)), 5, 26),
        (by_log(calls=hits(1, 2, 3)), 2 + 3602, 29),
        (known(3, sliding=True, calls=hits(1, 2)), 2 + 3602, 30),
    ],
)
def test_free_slots(ledger: Ledger, now: float, free: int) -> None:
    assert ledger.free_slots(now) == free


# ------------------------------------------------------------------ the work it is


def test_a_create_is_no_more_work_while_many_are_under_way() -> None:
    def work(under_way: int) -> int:
        ledger = known(900, limit=1_000, cap=1_000, open=flying(under_way), tokens=under_way)
        reading = RateHeaders(1_000, 900, HOUR)

        def create() -> None:
            now = quota.expire(ledger, 1.0)
            assert quota.decide(now, 1.0) == GRANT
            taken, _ = quota.acquired(now, 1.0, expires=60.0)
            assert taken.flights.answer_by(1.0) == 5.0
            assert quota.answered(taken, 0, 1.0, reading).flights.pending == under_way

        create()  # caches
        return calls_of(create)

    assert work(500) == work(5)


def test_no_more_than_a_thousand_calls_are_in_flight_however_large_the_window() -> None:
    ledger, now = Ledger(), 0.0
    for number in range(1_500):
        ledger, token = quota.acquired(ledger, now)
        ledger = quota.answered(ledger, token, now + 0.1, RateHeaders(9_000, 8_999 - number, HOUR))
    granted = 0
    while quota.decide(ledger, now + 0.2, urgent=True) == GRANT:
        ledger, _ = quota.acquired(ledger, now + 0.2)
        granted += 1
    assert granted == 1_000
