"""Hand-overs that a firewall or gateway in front of Postiz does not let through (403).

Mostly it forbids words, so one hand-over waits alone, for longer each time, while others are sent.
Where several in a row are forbidden, the fault is in none of them, and all wait as in an outage.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postiz_async._delivery.pauses import pause_after, trouble_of
from postiz_async.errors import describe_seconds

if TYPE_CHECKING:
    from collections.abc import Collection

    from postiz_async._outbox.tickets import OutboxEntry
    from postiz_async.clock import Clock
    from postiz_async.errors import PermissionDeniedError


log = logging.getLogger("postiz_async.outbox")

MOST_ALONE = 2
"""Hand-overs in a row that may be forbidden, each for its own words, before all wait."""


@dataclass(slots=True)
class _Pause:
    ticket: str
    error: PermissionDeniedError
    failures: int
    until: float
    """When it is tried again, by the monotonic clock."""


class ForbiddenHandOvers:
    """Those of one quota that wait alone.

    Args:
        clock: of the client.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pauses: dict[int, _Pause] = {}
        self._in_a_row: set[int] = set()
        """Those that were forbidden since Postiz last answered a create."""

    def __len__(self) -> int:
        return len(self._pauses)

    def waits_alone(self, entry: OutboxEntry, error: PermissionDeniedError, now: float) -> bool:
        """Note that one was forbidden. Returns whether it alone waits.

        Args:
            entry: the hand-over.
            error: what was answered in the place of Postiz.
            now: on the server's clock. It does not wait beyond its date, to be told late in time.
        """
        self._in_a_row.add(entry.number)
        if len(self._in_a_row) > MOST_ALONE:
            return False
        before = self._pauses.get(entry.number)
        failures = 1 if before is None else before.failures + 1
        pause = pause_after(error, failures)
        if entry.is_dated and entry.due > now:
            pause = min(pause, entry.due - now)
        until = self._clock.monotonic() + pause
        self._pauses[entry.number] = _Pause(entry.id, error, failures, until)
        log.warning(
            "hand-over %s waits while others are sent: %s Next try in %s.",
            entry.id,
            trouble_of(error),
            describe_seconds(pause),
        )
        return True

    def answered(self) -> None:
        """Postiz answered a create: creates are let through."""
        self._in_a_row.clear()

    def is_waiting(self, number: int) -> bool:
        """Whether a hand-over is not to be tried yet."""
        pause = self._pauses.get(number)
        return pause is not None and pause.until > self._clock.monotonic()

    @property
    def waiting(self) -> list[int]:
        """Those that are not to be tried yet."""
        return [number for number in self._pauses if self.is_waiting(number)]

    def keep(self, numbers: Collection[int]) -> None:
        """Forget all but these: the others are over."""
        self._pauses = {n: pause for n, pause in self._pauses.items() if n in numbers}

    @property
    def trouble(self) -> str:
        """What is forbidden and what to do, in one line; empty: nothing."""
        if not self._pauses:
            return ""
        first, *others = self._pauses.values()
        more = f" and {len(others)} more" if others else ""
        return (
            f"{trouble_of(first.error)} Others are sent meanwhile; withdraw what should not wait "
            f"for that: ticket {first.ticket}{more}."
        )
