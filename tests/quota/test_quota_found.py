"""Examples that random lives and whole windows of a ledger have found."""

from __future__ import annotations

import math

import pytest
from ledgers import ledger_of

from postiz_async import _quota as quota
from postiz_async._quota import Flight, Grant, LoggedCall, RateHeaders, Wait

NOW = 10_000.0
WEEK = 7 * 24 * 3600.0


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_without_headers_one_call_may_go_whoever_was_seen_before(limit: int) -> None:
    """Nothing is out, so no slot comes back, and no answer will tell that the others are gone."""
    beside = ledger_of(headerless=True, limit=limit, past_foreign=90.0, past_hours=1.0)
    asked = ledger_of(headerless=True, limit=limit, asked=9.0, asked_since=NOW - 9, asked_at=NOW)
    for ledger in (beside, asked):
        assert isinstance(quota.decide(ledger, NOW), Grant)


def test_a_held_slot_of_a_log_is_asked_for_when_one_comes_back() -> None:
    """Not again and again before, when nothing can have changed."""
    calls = tuple(LoggedCall(NOW - 60 + n, NOW - 60 + n) for n in range(2))
    ledger = ledger_of(
        headerless=True, limit=5, calls=calls, asked=3.0, asked_since=NOW - 9, asked_at=NOW - 9
    )
    verdict, asks, now = quota.decide(ledger, NOW), 0, NOW
    while isinstance(verdict, Wait):
        asks, now = asks + 1, verdict.until
        verdict = quota.decide(ledger, now)
    assert asks <= 1 + len(calls)
    assert now <= calls[-1].until + 3602


@pytest.mark.parametrize("latency", [0.1, 1.1, 7.7, 33.3])
def test_patience_ends_at_the_very_moment_that_was_told(latency: float) -> None:
    """Though floats beyond a power of two are coarser, so that a difference is not exact."""
    for number in range(200):
        sent = 2.0**14 - number / 70
        ledger = ledger_of(
            limit=9,
            remaining=9,
            ends_after=sent + 3000,
            ends_before=sent + 3001,
            read_at=sent - 1,
            reserve=0,
            latency=latency,
            open=(Flight(1, sent, alone=True),),
        )
        verdict = quota.decide(ledger, sent)
        assert isinstance(verdict, Wait)
        assert verdict.until < math.inf
        assert isinstance(quota.decide(ledger, verdict.until), Grant)


def test_a_call_that_ends_before_it_was_sent_takes_no_negative_time() -> None:
    ledger, token = quota.acquired(ledger_of(latency=0.0), NOW)
    assert quota.unread(ledger, token, NOW - 2).flights.latency >= 0
    assert quota.lost(ledger, token, NOW - 2).log.calls[0].sent <= NOW - 2


def test_forecasts_ascend_where_a_lost_call_keeps_its_slot_for_longer() -> None:
    calls = (LoggedCall(NOW - 3590, NOW - 3590), LoggedCall(NOW, NOW + 30, sure=False))
    ledger = ledger_of(headerless=True, limit=2, calls=calls)
    moments = quota.forecasts(ledger, NOW, list(range(9)))
    assert moments == sorted(moments)


def test_forecasts_ascend_after_the_end_of_a_window_while_its_last_answers_are_out() -> None:
    ledger = ledger_of(
        limit=30,
        remaining=20,
        limit_read=True,
        ends_after=NOW - 1.5,
        ends_before=NOW - 1,
        own=5,
        open=tuple(Flight(token, NOW - 9, alone=False) for token in range(5)),
    )
    moments = quota.forecasts(ledger, NOW, list(range(40)))
    assert moments == sorted(moments)
    assert moments[0] == NOW


def test_what_is_forgotten_is_asked_for_at_that_moment() -> None:
    """A slot that is left to others only because of what was seen two days ago."""
    ledger = ledger_of(
        limit=9,
        remaining=3,
        limit_read=True,
        ends_after=NOW + 3000,
        ends_before=NOW + 3001,
        read_at=NOW,
        reserve=0,
        past_hours=99.0,
        surge=5,
        surge_until=NOW + 50,
    )
    assert quota.decide(ledger, NOW).until == NOW + 50
    assert isinstance(quota.decide(ledger, NOW + 50), Grant)


def test_a_call_of_ours_that_goes_while_the_answer_is_on_its_way_is_no_stranger() -> None:
    """The server counted it when the request came, a moment before the answer did."""
    ledger = ledger_of(
        sliding=True,
        limit=90,
        remaining=80,
        ends_after=NOW + 3000,
        ends_before=NOW + 3001,
        read_at=NOW - 9,
        calls=(LoggedCall(NOW - 3599.9, NOW - 3599.8), LoggedCall(NOW - 50, NOW - 49)),
    )
    ledger, token = quota.acquired(ledger, NOW)
    ledger = quota.answered(ledger, token, NOW + 0.3, RateHeaders(90, 87, 3000))
    assert ledger.neighbours.foreign == 0


def test_a_window_that_was_over_is_over_on_a_clock_that_was_set_back() -> None:
    """Else the call that opened the next one seems to be of the old one, and another may go."""
    ledger = ledger_of(
        limit=1, limit_read=True, ends_after=NOW - 3, ends_before=NOW - 2, read_at=NOW - 3603
    )
    ledger, token = quota.acquired(ledger, NOW)
    ledger = quota.lost(quota.set_back(ledger, NOW - 6), token, NOW)
    verdict = quota.decide(ledger, NOW + 900, urgent=True)
    assert isinstance(verdict, Wait)
    assert verdict.until > NOW + 3600


def test_a_lost_call_may_be_what_an_emptied_log_contains() -> None:
    """So the slot of an older one does not come back by itself."""
    ledger = ledger_of(
        sliding=True,
        limit=3,
        remaining=0,
        limit_read=True,
        ends_after=NOW + 3000,
        ends_before=NOW + 3001,
        read_at=NOW - 99,
        calls=(LoggedCall(NOW - 900, NOW - 899), LoggedCall(NOW - 80, NOW - 50, sure=False)),
    )
    ledger, token = quota.acquired(ledger, NOW)
    ledger = quota.answered(ledger, token, NOW + 1, RateHeaders(3, 1, 3000))
    assert ledger.free_slots(NOW + 2800) == 1


def test_stamps_that_an_emptied_log_lost_do_not_come_back_among_calls_that_overlap() -> None:
    """They would seem to give slots back before those that the log contains."""
    calls = (LoggedCall(NOW - 9, NOW - 8.5), LoggedCall(NOW - 5, NOW - 4.5))
    ledger = ledger_of(
        sliding=True,
        limit=4,
        remaining=2,
        limit_read=True,
        ends_after=NOW + 3590,
        ends_before=NOW + 3591,
        read_at=NOW - 5,
        calls=calls,
        cap=4,
    )
    tokens = []
    for _ in range(2):
        ledger, token = quota.acquired(ledger, NOW)
        tokens.append(token)
    for token, remaining in zip(tokens, (3, 2), strict=True):
        ledger = quota.answered(ledger, token, NOW + 0.1, RateHeaders(4, remaining, 3600.0))
    assert ledger.free_slots(NOW + 3600) == ledger.free_slots(NOW + 1) == 2
