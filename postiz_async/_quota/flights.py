"""Our calls between reservation and outcome, and those that ended without a reading. PURE."""

from __future__ import annotations

import math
from operator import attrgetter

import msgspec
from msgspec.structs import replace

from postiz_async._quota.window import MARGIN

BURST_PAUSE = 10.0
"""Seconds without an answer after which the next calls start carefully, one by one."""

_MOST = 1_000
"""Calls in flight at most, however many a window has: each is looked at with each call."""

SETTLE = 30.0
"""Seconds for which a request can still be on its way after its connection broke."""

LEAST_PATIENCE, PATIENCE_LATENCIES = 5.0, 8.0
"""How long an answer is waited for: these seconds, or this many times the usual if that is more."""

SILENT = 720.0
"""The same for one that met only silence, or whose sender died: a proxy may hold it for minutes."""


class Flight(msgspec.Struct, frozen=True, gc=False):
    """A call between reservation and outcome. `alone`: no other call overlapped so far."""

    token: int
    sent: float
    alone: bool
    expires: float = math.inf
    """When a holder that was not heard of again is taken for dead."""


_expires = attrgetter("expires")


class Flights(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Calls in flight. Times are monotonic seconds."""

    open: tuple[Flight, ...] = ()
    """The oldest first."""
    tokens: int = 0
    """The token of the next reservation."""
    unseen: tuple[float, ...] = ()
    """For each call that ended without a reading, from when on a reading includes it."""
    cap: int = 1
    """Calls allowed in flight: one, then one more an answer, so a burst doubles."""
    answered_at: float = -math.inf
    latency: float = 0.5
    """Seconds from reservation to answer, smoothed; includes what the caller stores first."""

    @property
    def pending(self) -> int:
        """Calls that the last reading may not include."""
        return len(self.open) + len(self.unseen)

    @property
    def patience(self) -> float:
        """Seconds after which a call holds nobody up any more; it still counts as spent."""
        return max(LEAST_PATIENCE, PATIENCE_LATENCIES * self.latency)

    def awaited(self, now: float) -> int:
        """Calls whose answer is worth waiting for."""
        if not self.open:
            return 0
        patience = self.patience
        if self.open[0].sent + patience > now:  # the oldest
            return len(self.open)
        return sum(flight.sent + patience > now for flight in self.open)

    def answer_by(self, now: float) -> float:
        """When the next answer is given up, unless it comes before; infinity: none is awaited."""
        patience = self.patience
        for flight in self.open:
            if flight.sent + patience > now:
                return flight.sent + patience
        return math.inf

    @property
    def first_expiry(self) -> float:
        """When the next holder is taken for dead, unless it is heard of; infinity: none is."""
        return min(map(_expires, self.open), default=math.inf)

    def acquired(self, now: float, expires: float) -> Flights:
        """One more call leaves; its token is the present `tokens`."""
        others = self.open
        if others and others[0].alone:  # then there is no other
            others = (replace(others[0], alone=False),)
        fresh = Flight(self.tokens, now, alone=not others, expires=expires)
        cap = 1 if now - self.answered_at > BURST_PAUSE and not others else self.cap
        return replace(self, open=(*others, fresh), tokens=self.tokens + 1, cap=cap)

    def ended(self, token: int) -> tuple[Flights, Flight]:
        """Without one reservation, and what it was.

        Raises:
            LookupError: it is not open.
        """
        for place, flight in enumerate(self.open):
            if flight.token == token:
                rest = self.open[:place] + self.open[place + 1 :]
                return replace(self, open=rest), flight
        raise LookupError(f"reservation {token} is not open")

    def answered(self, flight: Flight, now: float, limit: int) -> Flights:
        """One more call may be in flight for each answer; remember how long answers take."""
        latency = 0.7 * self.latency + 0.3 * (now - flight.sent)
        cap = min(limit, _MOST, self.cap + 1)
        return replace(self, cap=cap, latency=latency, answered_at=now)

    def read(self, sent: float) -> Flights:
        """A call that was sent then brought a reading."""
        if not self.unseen:
            return self
        return replace(self, unseen=tuple(moment for moment in self.unseen if moment > sent))

    def ended_unread(self, until: float, now: float, window: float) -> Flights:
        """One more call without a reading; those of long ago are in no window that still runs."""
        recent = [moment for moment in self.unseen if moment + window + MARGIN > now]
        return replace(self, unseen=(*recent, until))

    def set_back(self, now: float, window: float) -> Flights:
        """The clock was set back: nothing that happened is ahead."""
        latest = now + window
        return replace(
            self,
            open=tuple(
                replace(flight, sent=min(flight.sent, now), expires=min(flight.expires, latest))
                for flight in self.open
            ),
            unseen=tuple(min(moment, now + SILENT) for moment in self.unseen),
            answered_at=min(self.answered_at, now),
        )
