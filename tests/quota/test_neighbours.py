"""What is learnt of others and of interactive calls, and how long it is remembered."""

from __future__ import annotations

import math

import pytest
from ledgers import changed, ledger_of

from postiz_async import _quota as quota
from postiz_async._quota import Ledger, Neighbours, RateHeaders

HOUR = 3600.0
TWO_DAYS = 48 * HOUR
NEVER = -math.inf


def call(ledger: Ledger, now: float, remaining: int, *, limit: int = 30) -> Ledger:
    """A lone call in the window that began at 0."""
    ledger, token = quota.acquired(ledger, now)
    return quota.answered(ledger, token, now, RateHeaders(limit, remaining, HOUR - now))


def asked_at(*moments: float) -> Neighbours:
    seen = Neighbours()
    for moment in moments:
        seen = seen.with_asked(moment)
    return seen


# ------------------------------------------------------------------ interactive calls


def test_only_interactive_calls_are_remembered_as_such() -> None:
    ledger, _ = quota.acquired(Ledger(), 5.0)
    assert ledger.neighbours == Neighbours()
    ledger, _ = quota.acquired(ledger, 7.0, urgent=True)
    seen = ledger.neighbours
    assert (seen.asked, seen.asked_since, seen.asked_at) == (1.0, 7.0, 7.0)


def test_after_six_hours_an_interactive_call_counts_1_e() -> None:
    seen = asked_at(0.0, 6 * HOUR)
    assert seen.asked == pytest.approx(1 + math.exp(-1))
    assert (seen.asked_since, seen.asked_at) == (0.0, 6 * HOUR)


def test_who_comes_after_a_day_is_the_first() -> None:
    seen = asked_at(0.0, 24 * HOUR)
    assert seen.asked == pytest.approx(1 + math.exp(-4))
    assert seen.asked_since == 24 * HOUR


def test_a_call_after_the_clock_was_set_back_by_years_counts_as_at_once() -> None:
    seen = Neighbours().with_asked(1e9).with_asked(0.0)
    assert (seen.asked, seen.asked_at) == (2.0, 0.0)


def test_nobody_asked_nobody_is_expected() -> None:
    assert Neighbours().asked_rate(5.0) == 0


@pytest.mark.parametrize("an_hour", [0.5, 2, 10])
def test_who_came_for_a_day_is_expected_to_come_as_often(an_hour: float) -> None:
    seen = asked_at(*(number * HOUR / an_hour for number in range(int(24 * an_hour))))
    assert seen.asked_rate(seen.asked_at) * HOUR == pytest.approx(an_hour, rel=0.1)


def test_the_first_of_them_may_be_one_of_many() -> None:
    """One in half an hour, as good as seen before."""
    assert asked_at(5.0).asked_rate(5.0) * HOUR == pytest.approx(2)


def test_who_does_not_come_again_is_expected_less_and_less() -> None:
    seen = asked_at(5.0)
    rates = [seen.asked_rate(hours * HOUR) * HOUR for hours in (0, 1, 6, 12, 48)]
    assert rates == sorted(rates, reverse=True)
    assert rates[2] < 0.1
    assert rates[-1] < 0.0001


@pytest.mark.parametrize(("limit", "many"), [(1, 1), (5, 2), (30, 12), (90, 36)])
def test_for_two_days_two_fifths_of_the_limit_may_come_at_once(limit: int, many: int) -> None:
    seen = asked_at(5.0)
    assert seen.asked_surge(5.0 + TWO_DAYS - 1, limit) == many
    assert seen.asked_surge(5.0 + TWO_DAYS, limit) == 0
    assert Neighbours().asked_surge(5.0, limit) == 0


# ------------------------------------------------------------------ many at once


def test_of_two_surges_the_greater_one_is_reckoned_with_and_both_keep_it_alive() -> None:
    seen = Neighbours().with_surge(9, 0.0).with_surge(5, HOUR)
    assert (seen.surge, seen.surge_until) == (9, HOUR + TWO_DAYS)
    late = seen.with_surge(5, HOUR + TWO_DAYS)
    assert (late.surge, late.surge_until) == (5, HOUR + 2 * TWO_DAYS)
    assert [seen.surge_at(HOUR + TWO_DAYS - 1), seen.surge_at(HOUR + TWO_DAYS)] == [9, 0]


@pytest.mark.parametrize(
    ("limit", "found", "surge"), [(30, 1, 0), (30, 2, 12), (90, 50, 36), (5, 2, 2), (1, 0, 0)]
)
def test_who_finds_a_used_window_may_be_the_heir_of_many(
    limit: int, found: int, surge: int
) -> None:
    seen = call(ledger_of(), 100.0, limit - found - 1, limit=limit).neighbours
    assert (seen.surge_at(100.0), seen.surge_at(100.0 + TWO_DAYS)) == (surge, 0)
    assert seen.predecessor_until == (100.0 + HOUR if surge else NEVER)
    assert not seen.are_there, "that is no sign of steady traffic"


def test_a_window_that_opens_later_is_no_first_sight() -> None:
    ledger = call(ledger_of(), 100.0, 29)
    ledger, token = quota.acquired(ledger, 4000.0)
    ledger = quota.answered(ledger, token, 4000.0, RateHeaders(30, 10, 3300.0))
    assert (ledger.neighbours.surge, ledger.neighbours.predecessor_until) == (0, NEVER)
    known = call(ledger_of(limit_read=True), 100.0, 10)
    assert known.neighbours.predecessor_until == NEVER, "a predecessor's snapshot knew the limit"


@pytest.mark.parametrize("others", [7, 20])
def test_hits_between_two_readings_are_steady_traffic_however_many(others: int) -> None:
    ledger = call(call(ledger_of(), 100.0, 29), 1000.0, 28 - others)
    assert ledger.neighbours.steady == others
    assert ledger.neighbours.surge == 0


def test_those_who_burst_while_we_do_are_no_surge() -> None:
    ledger = changed(call(ledger_of(), 100.0, 29), cap=8)
    ledger = call(ledger, 101.0, 15)
    assert (ledger.neighbours.burst, ledger.neighbours.surge) == (13, 0)


@pytest.mark.parametrize(("left", "surge"), [(5, 15), (0, 0)])
def test_after_a_lock_out_by_others_half_of_the_limit_may_come_at_once(
    left: int, surge: int
) -> None:
    ledger, token = quota.acquired(call(ledger_of(), 100.0, 29), 200.0)
    ledger = quota.refused(changed(ledger, remaining=left), token, 201.0, 3600.0)
    assert ledger.neighbours.surge_at(201.0) == surge


# ------------------------------------------------------------------ traffic


def test_others_are_there_when_one_was_seen_or_not_long_ago() -> None:
    assert not Neighbours(foreign=3, ignored=3).are_there
    assert Neighbours(foreign=4, ignored=3).are_there
    assert Neighbours(past_foreign=0.5).are_there
    assert not Neighbours(past_foreign=0.49).are_there


def test_the_rate_of_others_is_what_was_seen_and_a_deviation_more() -> None:
    seen = Neighbours(past_foreign=6.0, foreign=5, ignored=2, past_hours=3.5)
    assert seen.rate(1.0) * HOUR == pytest.approx((9 + 3) / 5)
    assert Neighbours().rate(0.0) == 0
    assert Neighbours().rate(0.0, prior=True) * HOUR == pytest.approx(2 / 0.5)
    assert Neighbours(past_hours=9.5).rate(0.0, prior=True) * HOUR == pytest.approx(0.2)


def test_experience_fades_by_a_tenth_each_window() -> None:
    seen = Neighbours(past_foreign=10.0, past_hours=5.0, own=7, foreign=3, ignored=1, burst=4)
    assert seen.closed(0.5) == Neighbours(past_foreign=11.0, past_hours=5.0, past_rivals=1)


def test_rivals_are_remembered_through_a_window_in_which_we_hardly_called() -> None:
    assert Neighbours(past_rivals=2, own=2).closed(1.0).past_rivals == 2
    assert Neighbours(past_rivals=2, own=3).closed(1.0).past_rivals == 0


def test_when_the_clock_is_set_back_nothing_is_remembered_longer() -> None:
    seen = Neighbours(asked=1.0, asked_since=500.0, asked_at=900.0, surge=9)
    later = changed(ledger_of(), surge_until=1e9, predecessor_until=1e9).neighbours
    assert seen.set_back(700.0) == changed(Ledger(neighbours=seen), asked_at=700.0).neighbours
    assert (later.set_back(700.0).surge_until, later.set_back(700.0).predecessor_until) == (
        700.0 + TWO_DAYS,
        700.0 + HOUR,
    )
