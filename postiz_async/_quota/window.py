"""The server's window, as its answers tell of it, and its lock-out. PURE."""

from __future__ import annotations

import math
from enum import Enum

import msgspec
from msgspec.structs import replace

__all__ = ["BELIEVED_LIMIT", "MARGIN", "WINDOW", "Place", "RateHeaders", "Window"]

BELIEVED_LIMIT = 30
"""The limit assumed before any answer: the lowest that a Postiz release has by default."""

WINDOW = 3600.0
"""Seconds of the server's window and of its lock-out."""

MARGIN = 2.0
"""Seconds added to each deadline: drift of two clocks over an hour, and the exact edge."""

LOCK_GUESSES = (30.0, 60.0, 120.0, 240.0, 480.0, 900.0)
"""Pauses after 429s without Retry-After in a row, which are not the throttler's; then the last."""


class RateHeaders(msgspec.Struct, frozen=True, gc=False):
    """What a counted answer says: calls per window, calls left, seconds to its end."""

    limit: int
    remaining: int
    reset: float


class Place(Enum):
    """Of which window an answer tells."""

    PAST = "one that is over"
    SAME = "the one that we know"
    NEW = "one that we knew nothing of"


class Window(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was read of the window that runs. Times are monotonic seconds."""

    length: float = WINDOW
    limit: int = BELIEVED_LIMIT
    limit_read: bool = False
    """Whether `limit` was read from an answer."""
    higher_limit: int = 0
    lowered_at: float = -math.inf
    """The limit before it was lowered, and when the lower one was read last."""
    ends_after: float = -math.inf
    ends_before: float = -math.inf
    """The window ends between these two moments; -inf: unknown."""
    from_snapshot: bool = False
    """An earlier process read the window, and the wall clock may have been set since."""
    remaining: int = 0
    """Calls left when last read."""
    read_at: float = -math.inf
    """When the call that brought the last reading was sent."""
    blocked_until: float = -math.inf
    guesses: int = 0
    """429s without Retry-After in a row."""

    @property
    def is_known(self) -> bool:
        return self.ends_before > -math.inf

    @property
    def reopens(self) -> float:
        """When the next window can surely be opened."""
        return self.ends_before + MARGIN

    def is_over(self, now: float) -> bool:
        return now >= self.ends_before + MARGIN

    def agreed(self, sent: float, now: float, reading: RateHeaders) -> tuple[Window, RateHeaders]:
        """Keep to the lower of two limits that answers name in turn, and read them all by it.

        So do servers of two releases behind one address. A limit that is raised, and not back to
        what it was within two windows, is believed at once.
        """
        if sent < self.read_at or not self.limit_read:
            return self, reading
        if reading.limit < self.limit:
            return replace(self, higher_limit=self.limit, lowered_at=now), reading
        if reading.limit == self.limit:
            window = replace(self, lowered_at=now) if self.higher_limit else self
            return window, reading
        if reading.limit != self.higher_limit or now > self.lowered_at + 2 * self.length:
            return replace(self, higher_limit=0), reading
        used = reading.limit - reading.remaining
        return self, RateHeaders(self.limit, max(0, self.limit - used), reading.reset)

    def end_told(self, sent: float, now: float, reading: RateHeaders) -> tuple[float, float]:
        """Between which moments the window of a reading ends: its seconds are rounded up."""
        reset = min(reading.reset, self.length)  # a window that is longer than a window is none
        return sent + reset - 1.0, now + reset

    def place(self, lo: float, hi: float) -> Place:
        """Of which window a reading tells that puts its end between two moments."""
        if lo > self.ends_before + self.length / 2:
            return Place.NEW
        if hi < self.ends_after - self.length / 2 and not self.from_snapshot:
            return Place.PAST
        return Place.SAME

    def read(
        self,
        lo: float,
        hi: float,
        sent: float,
        reading: RateHeaders,
        remaining: int,
        *,
        is_new: bool,
    ) -> Window:
        """A reading of a window that ends between two moments, with what it leaves to us."""
        fresh = self.from_snapshot or is_new
        both = max(lo, self.ends_after), min(hi, self.ends_before)
        if not fresh and both[0] <= both[1]:  # else the newest wins the conflict
            lo, hi = both
        return replace(
            self,
            limit=reading.limit if sent >= self.read_at else self.limit,
            limit_read=True,
            ends_after=lo,
            ends_before=hi,
            from_snapshot=False,
            remaining=remaining,
            read_at=max(self.read_at, sent),
            guesses=0,
        )

    def locked(self, until: float) -> Window:
        """The server refuses everybody; what runs after it, nobody knows."""
        return replace(
            self,
            blocked_until=max(self.blocked_until, until + MARGIN),
            guesses=0,
            ends_after=-math.inf,
            ends_before=-math.inf,
            remaining=0,
        )

    def paused(self, now: float, retry_after: float | None) -> Window:
        """A 429 that is not the throttler's: what is known of the window stays."""
        guess = LOCK_GUESSES[min(self.guesses, len(LOCK_GUESSES) - 1)]
        pause = guess if retry_after is None else retry_after
        return replace(
            self,
            blocked_until=max(self.blocked_until, now + pause + MARGIN),
            guesses=self.guesses + 1 if retry_after is None else 0,
        )

    def set_back(self, now: float) -> Window:
        """The clock was set back: no end is further away than it can be."""
        latest = now + self.length
        return replace(
            self,
            ends_after=min(self.ends_after, now),
            ends_before=min(self.ends_before, latest),
            from_snapshot=self.is_known,
            read_at=min(self.read_at, now),
            lowered_at=min(self.lowered_at, now),
            blocked_until=min(self.blocked_until, latest + MARGIN),
        )
