"""How the end of a call that held a reservation changes the ledger."""

from __future__ import annotations

import pytest

from postiz_async import _quota as quota
from postiz_async._quota import Ledger, RateHeaders, Wait
from postiz_async._scheduler.scheduler import settled
from postiz_async._wire import Observation, QuotaEffect

SENT, NOW = 100.0, 101.0
READING = RateHeaders(30, 20, 1800.0)


def reserved() -> tuple[Ledger, int]:
    """A ledger in the middle of a window of which 25 slots are left, and one of them taken."""
    ledger, first = quota.acquired(Ledger(), SENT - 10)
    ledger = quota.answered(ledger, first, SENT - 9, RateHeaders(30, 25, 1810.0))
    return quota.acquired(ledger, SENT)


def free_after(seen: Observation | None, *, sent: bool = True) -> int:
    ledger, token = reserved()
    after = settled(ledger, NOW, token, seen, sent=sent)
    assert not after.flights.open, "a reservation ends in exactly one way"
    return after.free_slots(NOW)


def test_what_was_not_sent_costs_nothing() -> None:
    assert free_after(None, sent=False) == 25


@pytest.mark.parametrize(
    "seen",
    [None, Observation(QuotaEffect.UNKNOWN), Observation(QuotaEffect.TURNED_AWAY, None, 60.0)],
    ids=["none", "of a proxy", "of a proxy that wants no more"],
)
def test_a_lost_answer_counts_as_spent(seen: Observation | None) -> None:
    assert free_after(seen) == 24


def test_what_is_refused_before_it_is_counted_costs_nothing() -> None:
    assert free_after(Observation(QuotaEffect.FREE)) == 25


def test_an_answer_with_headers_is_believed() -> None:
    assert free_after(Observation(QuotaEffect.COUNTED, READING)) == 20


def test_a_counted_answer_without_headers_counts_as_spent() -> None:
    assert free_after(Observation(QuotaEffect.COUNTED)) == 24


def test_after_a_429_nothing_goes_until_its_time_is_over() -> None:
    ledger, token = reserved()
    refused = Observation(QuotaEffect.REFUSED, None, 600.0)
    after = settled(ledger, NOW, token, refused, sent=True)
    assert not after.flights.open
    verdict = quota.decide(after, NOW, urgent=True, backlog=None)
    assert isinstance(verdict, Wait)
    assert verdict.until >= NOW + 600


def test_a_429_that_comes_after_its_reservation_was_over_locks_out_too() -> None:
    ledger, token = quota.acquired(Ledger(), SENT, expires=SENT + 60)
    late = SENT + 61
    ledger = quota.expire(ledger, late)
    assert not ledger.flights.open
    after = settled(ledger, late, token, Observation(QuotaEffect.REFUSED, None, 600.0), sent=True)
    assert not after.flights.open
    assert after.window.blocked_until >= late + 600


def test_a_silent_server_may_carry_the_call_out_yet() -> None:
    ledger, token = reserved()
    broken = settled(ledger, NOW, token, None, sent=True)
    silent = settled(ledger, NOW, token, None, sent=True, silent=True)
    assert max(silent.flights.unseen) > max(broken.flights.unseen)
