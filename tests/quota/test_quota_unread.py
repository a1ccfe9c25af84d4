"""Calls that no reading shows: lost answers, posts found by a look, counters that tell nothing."""

from __future__ import annotations

import math

import pytest
from ledgers import changed, ledger_of

from postiz_async import _quota as quota
from postiz_async._quota import Grant, Ledger, RateHeaders, Wait, WaitReason
from postiz_async._quota.explanation import in_short
from postiz_async._quota.snapshot import restore_snapshot, take_snapshot
from postiz_async._quota.view import Queued, show

HOUR = 3600.0
LIMIT = 20


def lost_calls(count: int, **known: object) -> Ledger:
    """So many calls, one a second from 0 on, each of which lost its connection."""
    ledger = ledger_of(**{"limit": LIMIT, "limit_read": True, **known})
    for number in range(count):
        ledger, token = quota.acquired(ledger, number)
        ledger = quota.lost(ledger, token, number + 0.5)
    return ledger


# ------------------------------------------------------------------ what is shown


@pytest.mark.parametrize("lost", [0, 1, LIMIT - 1, LIMIT, LIMIT + 1])
@pytest.mark.parametrize("sliding", [False, True])
def test_lost_calls_of_an_unread_window_are_shown_as_spent(lost: int, *, sliding: bool) -> None:
    """The number, the sentence and the forecast are one: whoever sees a free slot may go."""
    ledger, now = lost_calls(lost, sliding=sliding), 40.0
    free = ledger.free_slots(now)
    assert free == max(0, LIMIT - lost)
    assert in_short(ledger, now).startswith(f"{LIMIT - free} of {LIMIT} used")
    next_in = quota.forecast(ledger, now, 0) - now
    shown = show(ledger, now, queued=Queued(), next_in=next_in, backlog=None, as_of=None)
    assert shown.remaining == free
    assert (shown.next_in == 0) is (shown.bulk_waits_for is None) is (free > 0)
    assert isinstance(quota.decide(ledger, now, urgent=True), Grant) is (free > 0)


def test_a_slot_is_shown_when_the_first_lost_call_cannot_be_in_the_window_any_more() -> None:
    ledger = lost_calls(LIMIT)
    verdict = quota.decide(ledger, 40.0, urgent=True)
    assert isinstance(verdict, Wait)
    assert quota.forecast(ledger, 40.0, 0) == verdict.until == 0.5 + 30 + HOUR + 2
    assert ledger.free_slots(verdict.until) == 1


def test_calls_of_the_window_before_take_nothing_from_the_next_one() -> None:
    ledger = lost_calls(LIMIT, ends_after=50.0, ends_before=51.0, remaining=LIMIT)
    assert ledger.free_slots(60.0) == LIMIT
    assert quota.decide(ledger, 60.0) == Grant()


# ------------------------------------------------------------------ counters that tell nothing


def many_calls(ledger: Ledger, told: list[RateHeaders], *, start: float = 0.0) -> Ledger:
    """Calls one after the other, each answered within a second by the next of these readings."""
    for number, reading in enumerate(told):
        ledger, token = quota.acquired(ledger, start + number)
        ledger = quota.answered(ledger, token, start + number + 0.2, reading)
    return ledger


@pytest.mark.parametrize("told", [LIMIT, LIMIT + 9, LIMIT - 1, 7, 3])
def test_a_remaining_that_never_moves_is_not_believed(told: int) -> None:
    """Our own log decides, as it does where answers have no rate headers: no call is too many."""
    ledger = many_calls(Ledger(), [RateHeaders(LIMIT, told, HOUR)] * LIMIT)
    assert ledger.free_slots(LIMIT) == 0
    verdict = quota.decide(ledger, LIMIT, urgent=True)
    assert isinstance(verdict, Wait)
    assert verdict.until == 0.2 + HOUR + 2
    assert ledger.window.limit == LIMIT


def test_a_remaining_that_is_the_limit_is_not_believed_from_the_first_answer_on() -> None:
    ledger = many_calls(Ledger(), [RateHeaders(90, 90, HOUR)])
    assert ledger.log.headerless
    assert ledger.free_slots(1) == 89
    ledger = many_calls(ledger, [RateHeaders(90, 87, HOUR)], start=1.0)
    assert not ledger.log.headerless, "an answer that counts its call is believed again"
    assert ledger.free_slots(2) == 87


def honest(*remaining: int, reset: float = HOUR) -> list[RateHeaders]:
    return [RateHeaders(LIMIT, left, reset) for left in remaining]


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(honest(19, 18, 17, 16), id="alone"),
        pytest.param(honest(19, 19, 19, 19, 18, 18, 18, 18, 17), id="four servers in turn"),
        pytest.param(honest(3, 3, 4, 3, 3, 3, 4, 4), id="slots of others come back one by one"),
        pytest.param(honest(19, 15, 18, 12, 17), id="the counter is lost now and then"),
    ],
)
def test_a_counter_that_moves_is_believed(told: list[RateHeaders]) -> None:
    assert not many_calls(Ledger(), told).log.headerless


def test_a_counter_is_believed_where_each_window_is_read_once() -> None:
    ledger = Ledger()
    for window in range(9):
        ledger = many_calls(ledger, honest(19), start=window * (HOUR + 5))
        assert not ledger.log.headerless


def test_a_counter_is_believed_though_answers_come_in_another_order() -> None:
    ledger, tokens = Ledger(), []
    for _ in range(8):
        ledger, token = quota.acquired(ledger, 0.0)
        tokens.append(token)
    for token, reading in zip(tokens, honest(12, 19, 13, 18, 14, 17, 15, 16), strict=True):
        ledger = quota.answered(ledger, token, 1.0, reading)
        assert not ledger.log.headerless


def test_a_steady_sliding_log_is_believed_though_it_always_leaves_the_same() -> None:
    """One slot comes back for each call that leaves."""
    ledger = Ledger()
    for number in range(30):
        told = max(14, LIMIT - 1 - number)
        ledger = many_calls(ledger, honest(told, reset=HOUR - 600), start=number * 601.0)
        assert not ledger.log.headerless


# ------------------------------------------------------------------ others whom no answer shows


def bare_calls(count: int, start: float = 0.0, ledger: Ledger | None = None) -> Ledger:
    """Calls one after the other, whose answers have no rate headers."""
    ledger = ledger or ledger_of(limit=LIMIT)
    for number in range(count):
        ledger, token = quota.acquired(ledger, start + number)
        ledger = quota.unread(ledger, token, start + number + 0.2)
    return ledger


def locked_out(ledger: Ledger, now: float, retry_after: float = HOUR) -> Ledger:
    ledger, token = quota.acquired(ledger, now)
    return quota.refused(ledger, token, now + 0.2, retry_after)


def burst(ledger: Ledger, now: float) -> int:
    """How many bulk calls leave at `now`, each after the answer of the one before."""
    for count in range(LIMIT + 1):
        if isinstance(quota.decide(ledger, now + count), Wait):
            return count
        ledger = bare_calls(1, now + count, ledger)
    raise AssertionError


@pytest.mark.parametrize(
    ("calls", "at", "retry_after"),
    [
        pytest.param(LIMIT - 4, LIMIT, HOUR, id="with our call"),
        pytest.param(LIMIT, HOUR + 9, 900.0, id="with a call of theirs, after ours"),
        pytest.param(LIMIT, HOUR + 3, HOUR, id="a sliding log, when ours come back"),
    ],
)
def test_after_a_lock_out_that_our_calls_do_not_explain_others_have_room(
    calls: int, at: float, retry_after: float
) -> None:
    ledger = locked_out(bare_calls(calls), at, retry_after)
    assert 0 < burst(ledger, ledger.window.blocked_until) < LIMIT - 3


def test_the_sooner_others_exceed_the_limit_the_more_room_they_have() -> None:
    soon, late = (locked_out(bare_calls(LIMIT), HOUR + 9, rest) for rest in (60.0, 1700.0))
    assert burst(soon, HOUR * 3) < burst(late, HOUR * 3)


def test_others_whom_no_answer_shows_are_forgotten_after_two_days() -> None:
    ledger = locked_out(bare_calls(LIMIT - 4), LIMIT)
    for hour in range(1, 40):
        assert burst(ledger, hour * (HOUR + 60)) < LIMIT - 3
        ledger = bare_calls(1, hour * (HOUR + 60), ledger)
    assert burst(bare_calls(1, 50 * HOUR, ledger), 52 * HOUR) == LIMIT


@pytest.mark.parametrize(
    ("calls", "retry_after"),
    [
        pytest.param(0, HOUR, id="the window was used up before we looked"),
        pytest.param(LIMIT, 3 * HOUR, id="the window is longer than we know"),
    ],
)
def test_a_lock_out_for_another_reason_shows_nobody(calls: int, retry_after: float) -> None:
    ledger = locked_out(bare_calls(calls), HOUR + 9, retry_after)
    assert burst(ledger, 9 * HOUR) == LIMIT


# ------------------------------------------------------------------ posts found by a look

NOW = 100.0
"""Three calls have left at 1, 2 and 3; nobody answers. At 5 the counter was read."""
FOUND = (1.01, 2.01, 3.01)
"""When the records say that they left."""


def killed(**changes: object) -> Ledger:
    """The process died with three calls in flight, and another one reads the counter."""
    ledger = Ledger()
    for number in range(4):
        ledger, token = quota.acquired(ledger, number, expires=number + 60)
        if not number:
            ledger = quota.answered(ledger, token, 0.5, RateHeaders(LIMIT, LIMIT - 1, HOUR))
    return changed(read(ledger, 5.0, LIMIT - 5), **changes)


def read(ledger: Ledger, now: float, remaining: int) -> Ledger:
    ledger, token = quota.acquired(ledger, now)
    reading = RateHeaders(LIMIT, remaining, HOUR - math.floor(now))
    return quota.answered(ledger, token, now + 0.1, reading)


def found(ledger: Ledger, now: float, *moments: float) -> Ledger:
    for moment in moments:
        ledger = quota.found(ledger, moment, now)
    return ledger


def holds(ledger: Ledger, now: float) -> int:
    """How many slots are held for calls that the next reading may not include."""
    later = read(ledger, now, 8)
    return 8 - (later.window.remaining - later.flights.pending)


@pytest.mark.parametrize("expired", [False, True])
def test_the_hold_of_a_call_ends_where_a_look_finds_it(*, expired: bool) -> None:
    ledger = quota.expire(killed(), NOW) if expired else killed()
    assert holds(ledger, NOW) == 3
    assert holds(found(ledger, NOW, FOUND[0]), NOW) == 2
    ledger = found(ledger, NOW, *FOUND)
    assert holds(ledger, NOW) == 0
    assert ledger.neighbours.own == 5, "each is counted once"
    assert [call.sure for call in ledger.log.every] == [True] * 5


def test_what_is_found_is_spent_until_it_is_read() -> None:
    ledger = killed(remaining=3, accounted=False)
    assert found(ledger, NOW, *FOUND).free_slots(NOW) == ledger.free_slots(NOW) == 0


def test_the_last_slots_do_not_wait_for_what_is_found() -> None:
    ledger = changed(quota.expire(killed(), NOW), own=LIMIT - 5, reserve=0)
    ledger, known = (read(each, NOW, 4) for each in (ledger, found(ledger, NOW, *FOUND)))
    assert quota.decide(ledger, NOW + 1) == Wait(NOW + 720, WaitReason.IN_FLIGHT)
    assert quota.decide(known, NOW + 1) == Grant()


def test_a_call_that_was_sent_at_another_time_keeps_its_hold() -> None:
    ledger = killed()
    assert found(ledger, NOW, 70.0) == quota.expire(ledger, NOW)
    assert quota.found(Ledger(), 1.0, NOW) == Ledger()


def test_a_call_that_may_be_answered_yet_is_not_ended() -> None:
    ledger, token = quota.acquired(killed(), NOW - 1, expires=NOW + 60)
    ledger = found(ledger, NOW, NOW - 1)
    assert quota.released(ledger, token).flights.unseen == ledger.flights.unseen


def test_a_lost_call_that_was_read_already_gives_its_find_to_no_other() -> None:
    """Its connection broke, and it is settled; that of another has been silent since."""
    ledger, (broken, silent) = Ledger(), (0, 1)
    for sent in (1.0, 1.5):
        ledger, _ = quota.acquired(ledger, sent)
    ledger = quota.lost(ledger, broken, 2.0)
    ledger = quota.lost(ledger, silent, 31.5, silent=True)
    ledger = found(read(ledger, 40.0, LIMIT - 2), 41.0, 1.01)
    assert holds(ledger, 42.0) == 1


def test_what_a_look_finds_after_a_restart_was_in_flight_at_the_death() -> None:
    before = killed()
    ledger = restore_snapshot(take_snapshot(before, 5.2, 1e9), NOW, 1e9 + NOW - 5.2)
    assert holds(ledger, NOW) == 3
    assert holds(found(ledger, NOW, FOUND[0]), NOW) == 2
    assert holds(found(ledger, NOW, *FOUND), NOW) == 0


def test_without_headers_a_found_call_gives_its_slot_back_a_window_after_the_look() -> None:
    ledger, token = quota.acquired(bare_calls(LIMIT - 1, start=50.0), 1.0)
    ledger = found(quota.lost(ledger, token, 31.0, silent=True), NOW, 1.01)
    assert ledger.free_slots(NOW + HOUR + 1) == LIMIT - 1
    assert ledger.free_slots(NOW + HOUR + 2) == LIMIT
