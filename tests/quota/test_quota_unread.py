"""Calls that no reading shows: lost answers, posts found by a look, counters that tell nothing."""

from __future__ import annotations

import pytest
from ledgers import ledger_of

from postiz_async import _quota as quota
from postiz_async._quota import Grant, Ledger, Wait
from postiz_async._quota.explanation import in_short
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
