"""The state of the quota at one moment: a frozen value of four parts. PURE."""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime

import msgspec

from postiz_async._quota.log import Flights, Log, LoggedCall
from postiz_async._quota.neighbours import Neighbours
from postiz_async._quota.window import Window
from postiz_async.errors import HaltedError

LAST_MOMENT = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""The wall time of a broken clock is shown as this at most."""


class Halt(msgspec.Struct, frozen=True, gc=False):
    """The last word on whether creates are halted: who said it, and when (wall seconds).

    `by` is empty if nobody has halted them, or if that was taken back.
    """

    at: float = 0.0
    by: str = ""

    def __str__(self) -> str:
        return f"since {self.since:%Y-%m-%d %H:%M} UTC by {self.by}" if self.by else ""

    @property
    def since(self) -> datetime:
        """The moment of the word."""
        return datetime.fromtimestamp(min(self.at, LAST_MOMENT), UTC)

    def check(self) -> None:
        """Raise a `HaltedError` if creates are halted."""
        if self.by:
            raise HaltedError(by=self.by, at=self.since)

    def latest(self, other: Halt) -> Halt:
        """The later one of two; of the same moment, the one that halts."""
        return max(self, other, key=lambda each: (each.at, each.by))


class Ledger(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The state of the quota of one server and key."""

    window: Window = Window()
    flights: Flights = Flights()
    neighbours: Neighbours = Neighbours()
    log: Log = Log()
    halt: Halt = Halt()
    """Nothing leaves while it has a name."""
    reserve: int | None = None
    """Slots that bulk work leaves to interactive calls; None: as experience suggests."""

    @property
    def least_reserve(self) -> int:
        """Fewest slots that bulk work leaves to interactive calls while a window runs."""
        return max(1, math.ceil(self.window.limit / 10)) if self.reserve is None else self.reserve

    @property
    def watched(self) -> float:
        """Hours of this window (sliding log: of the last window length) that readings cover."""
        window = self.window
        if self.log.headerless:
            return 0.0
        if self.log.sliding:
            return window.length / 3600.0
        return max(0.0, window.read_at - (window.ends_before - window.length)) / 3600.0

    def expects_calls(self, now: float) -> bool:
        """Whether interactive calls came, or the user reserves slots for them."""
        return bool(self.reserve) or self.neighbours.asked_surge(now, self.window.limit) > 0

    @property
    def unclaimed(self) -> int:
        """Slots that neither answers nor calls in flight account for.

        Never less than what a later reading leaves beside them, while all of them arrive. A reading
        of `remaining` may include calls in flight already, so `remaining` less the pending calls
        may be too small.
        """
        hits = self.neighbours
        accounted = hits.own + hits.foreign + len(self.flights.open)
        return max(0, min(self.window.remaining, self.window.limit - accounted))

    @property
    def free(self) -> int:
        """Free slots of the window, as far as is known; below 0, this says little."""
        flights, hits = self.flights, self.neighbours
        free = self.window.remaining - len(flights.open) - len(flights.unseen)
        if not flights.unseen or flights.open:
            return free
        # the reading may include what was lost before it; alone, our own count says more
        alone = hits.accounted and not (hits.burst or hits.are_there)
        return max(free, self.unclaimed) if alone else free

    def is_at_rest(self, now: float) -> bool:
        """Whether nothing known about the server still applies, so that a fresh ledger would do."""
        window = self.window
        over = now >= max(window.reopens, window.blocked_until)
        return (
            over
            and not self.halt.by
            and not self.flights.open
            and not self.log.alive(now, window.length)
        )

    def is_forgettable(self, now: float) -> bool:
        """Whether the ledger is at rest and no burst by other clients is expected again."""
        return self.is_at_rest(now) and now >= self.neighbours.surge_until

    def must_read(self, now: float) -> bool:
        """Whether nothing is known of the window that runs at `now`, but an answer can tell."""
        return not self.log.headerless and self.window.is_over(now)

    def unread_calls(self, now: float) -> tuple[LoggedCall, ...]:
        """Calls that the window of `now` may contain, while no answer has told of that window.

        Where they are as many as the limit together with earlier ones, those are among them.
        """
        window, log = self.window, self.log
        since = -math.inf if log.sliding else window.ends_before
        calls = tuple(c for c in log.live(now, window.length, since) if c.sent > since)
        if calls and log.alive(now, window.length) >= window.limit:
            return log.live(now, window.length)
        return calls

    def free_slots(self, now: float) -> int:
        """Slots that a call could take at `now`, as far as is known; at least 0.

        Before the first answer this is the believed limit less our calls.
        """
        window, flights, log = self.window, self.flights, self.log
        if log.headerless:
            own = window.limit - len(flights.open) - log.alive(now, window.length)
            if not window.is_over(now):
                own = min(own, window.remaining - flights.pending)
            return max(0, own)
        if self.must_read(now):
            return max(0, window.limit - len(flights.open) - len(self.unread_calls(now)))
        if log.sliding:
            back = log.returned(now, window.length)
            return max(0, min(window.limit, window.remaining + back) - flights.pending)
        return max(0, self.free)


def ledger_name(root: str, key: str) -> str:
    """A name for server and key that reveals neither."""
    return hashlib.sha256(f"{root}\n{key}".encode()).hexdigest()[:32]
