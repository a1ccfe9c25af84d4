"""Hand-overs that a firewall or gateway in front of Postiz refuses (403).

Usually a firewall objects to words of one hand-over, which then waits alone, for longer each time,
while others are sent. When several in a row are refused, none of them is to blame, and all wait as
in an outage.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postiz_async._delivery import transitions
from postiz_async._delivery.pauses import pause_after, trouble_of
from postiz_async.models._durations import describe_seconds

if TYPE_CHECKING:
    from collections.abc import Collection

    from postiz_async._delivery.record import DeliveryRecord
    from postiz_async._logs import Log
    from postiz_async._outbox.hand_over import HandOver
    from postiz_async.clock import Clock
    from postiz_async.errors import PermissionDeniedError


log = logging.getLogger("postiz_async.outbox")

MOST_ALONE = 2
"""Hand-overs in a row that may be refused, each for its own words, before all of them wait."""

WITHDRAWN_AFTER = 3_600.0
"""Seconds after its pause at which a hand-over not taken up again was withdrawn elsewhere."""


@dataclass(slots=True)
class _Pause:
    error: PermissionDeniedError
    until: float
    """The time of the next attempt, on the clock of the store."""
    over_at: float
    """The same time on the monotonic clock."""


class ForbiddenHandOvers:
    """The refused hand-overs of one quota that wait alone, as far as this process knows.

    Args:
        clock: the clock of the client.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pauses: dict[str, _Pause] = {}
        """The pauses by ticket id."""
        self._in_a_row: set[str] = set()
        """Hand-overs that were refused since Postiz last answered a create."""

    def __len__(self) -> int:
        return len(self._pauses)

    def waits_alone(
        self, hand_over: HandOver, error: PermissionDeniedError, now: float, log: Log = log
    ) -> bool:
        """Note a refused hand-over. Returns True if only this one waits.

        Args:
            hand_over: the hand-over.
            error: the refusal by the firewall or gateway.
            now: on the server's clock. The pause ends at the date of the post, so that it is found
                late in time.
            log: the logger for messages about the organisation.
        """
        self._in_a_row.add(hand_over.id)
        if len(self._in_a_row) > MOST_ALONE:
            return False
        kept = hand_over.record
        pause = pause_after(error, kept.forbidden + 1)
        if kept.is_dated and kept.due > now:
            pause = min(pause, kept.due - now)
        over_at = self._clock.monotonic() + pause
        self._pauses[hand_over.id] = _Pause(error, hand_over.now() + pause, over_at)
        log.warning(
            "hand-over %s waits while others are sent: %s Next try in %s.",
            hand_over.id,
            trouble_of(error),
            describe_seconds(pause),
        )
        return True

    def rested(self, ticket: str, planned: DeliveryRecord) -> DeliveryRecord:
        """Return the planned record of a hand-over, with its pause if it was refused."""
        pause = self._pauses.get(ticket)
        if pause is None:
            return planned
        return transitions.rests(planned, pause.until, trouble_of(pause.error))

    def answered(self) -> None:
        """Note that Postiz answered a create: creates are let through."""
        self._in_a_row.clear()

    def keep(self, at_work: Collection[str]) -> None:
        """Forget hand-overs whose pause ended long ago and that are not being worked on."""
        now = self._clock.monotonic() - WITHDRAWN_AFTER
        self._pauses = {
            ticket: pause
            for ticket, pause in self._pauses.items()
            if pause.over_at > now or ticket in at_work
        }

    def forget(self, ticket: str) -> None:
        """Forget a hand-over that has ended."""
        self._pauses.pop(ticket, None)

    @property
    def trouble(self) -> str:
        """One line on what is refused and what to do about it; empty: nothing is refused."""
        if not self._pauses:
            return ""
        (ticket, pause), *others = self._pauses.items()
        more = f" and {len(others)} more" if others else ""
        return (
            f"{trouble_of(pause.error)} Others are sent meanwhile; withdraw what should not wait "
            f"for that: ticket {ticket}{more}."
        )
