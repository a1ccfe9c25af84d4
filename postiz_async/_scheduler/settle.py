"""The end of a reservation: what the ledger learns of it. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async import _quota as quota
from postiz_async._wire import QuotaEffect

if TYPE_CHECKING:
    from postiz_async._quota import Ledger
    from postiz_async._wire import Observation


def settled(
    ledger: Ledger,
    now: float,
    token: int,
    seen: Observation | None,
    *,
    sent: bool,
    silent: bool = False,
) -> Ledger:
    """The ledger after the end of a reservation.

    Args:
        ledger: the state before.
        now: the time on the ledger's clock.
        token: the reservation.
        seen: what the answer says; None if there was none.
        sent: whether a byte may have reached the server.
        silent: whether the server did not answer in time, and may carry the call out yet.
    """
    if not sent:
        return quota.released(ledger, token)
    if seen is None or seen.cost is QuotaEffect.UNKNOWN:
        return quota.lost(ledger, token, now, silent=silent)
    if seen.cost in {QuotaEffect.REFUSED, QuotaEffect.TURNED_AWAY}:
        if all(flight.token != token for flight in ledger.flights.open):
            # it was taken for dead meanwhile, and the lock-out that it met holds all the same
            ledger, token = quota.acquired(ledger, now)
        ends = quota.refused if seen.cost is QuotaEffect.REFUSED else quota.turned_away
        return ends(ledger, token, now, seen.retry_after)
    if seen.cost is QuotaEffect.FREE:
        return quota.released(ledger, token)
    if seen.reading is None:
        return quota.unread(ledger, token, now)
    return quota.answered(ledger, token, now, seen.reading)


def shows_others(before: Ledger, after: Ledger) -> bool:
    """Whether an answer shows that somebody else spends this quota in the same window."""
    if after.neighbours.foreign <= before.neighbours.foreign:  # as mostly
        return False
    moved = abs(after.window.ends_before - before.window.ends_before)
    return moved < before.window.length / 2
