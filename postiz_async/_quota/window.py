"""The server's window, as its answers tell of it, and its lock-out. PURE."""

from __future__ import annotations

import math
from enum import Enum

import msgspec
from msgspec.structs import replace

BELIEVED_LIMIT = 30
"""The limit assumed before any answer: the lowest that a Postiz release has by default."""

WINDOW = 3600.0
"""Seconds of the server's window and of its lock-out."""

MARGIN = 2.0
"""Seconds added to each deadline: drift of two clocks over an hour, and the exact edge."""

REFUSED_PAUSES = (30.0, 60.0, 120.0, 240.0, 480.0, 900.0)
"""Seconds after the first 429 in a row that names no time, and at least after each further one."""

LONGEST = 86_400.0
"""Seconds: no window is believed to be longer."""

RAISED_BY = 3
"""Answers in a row by which a limit that was lowered is believed to be raised again."""


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
    usual_length: float = 0.0
    """What it was before a lock-out taught that windows are longer; 0: none did."""
    limit: int = BELIEVED_LIMIT
    limit_read: bool = False
    """Whether `limit` was read from an answer."""
    higher_limit: int = 0
    raises: int = 0
    lowered_at: float = -math.inf
    """The limit before it was lowered, how many answers in a row have named a higher one since, and
    when the lower one was read last."""
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
    refusals: int = 0
    """429s in a row, each after the end of the pause before it."""
    refused_at: float = -math.inf
    let_in: float = -math.inf
    """When the first of these was sent, and the last call before it that was let in."""
    is_doubted: bool = False
    """An answer left more than there was, so our own count bounds `remaining`."""
    agrees: bool = False
    """The last answer of this window that could tell agrees with our own count."""

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

        So do servers of two releases behind one address. A limit that is raised back to what it was
        is believed when three answers in a row, or all of a quarter of a window, name it; any other
        one at once.
        """
        if sent < self.read_at or not self.limit_read:
            return self, reading
        if reading.limit < self.limit:
            lowered = replace(self, higher_limit=self.limit, raises=0, lowered_at=now)
            return lowered, reading
        if reading.limit == self.limit:
            window = replace(self, raises=0, lowered_at=now) if self.higher_limit else self
            return window, reading
        raises = self.raises + 1
        is_back = raises >= RAISED_BY or now > self.lowered_at + self.length / 4
        if is_back or reading.limit != self.higher_limit:
            return replace(self, higher_limit=0, raises=0), reading
        used = reading.limit - reading.remaining
        told = RateHeaders(self.limit, max(0, self.limit - used), reading.reset)
        return replace(self, raises=raises), told

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

    def compared(self, told: int, left: int, *, alone: bool, is_new: bool) -> Window:
        """Compare what a doubted answer tells with what our own count leaves.

        Args:
            told: what remains as the answer says.
            left: the same by our own count.
            alone: no other call was in flight, so that the answer must have seen all before it.
            is_new: it opens a window; if the one before agreed to its end, doubt ends.
        """
        if is_new:
            return replace(self, is_doubted=not self.agrees, agrees=False)
        if alone and 2 * left <= self.limit:
            return replace(self, agrees=told <= left)
        return self

    def with_usual_length(self) -> Window:
        """Answers have rate headers again, which tell when a window ends."""
        length = self.usual_length or self.length
        return replace(self, length=length, usual_length=0.0)

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
        )

    def refused(
        self, sent: float, retry_after: float | None, let_in: float, *, headerless: bool
    ) -> Window:
        """A call that was sent then was refused, and `let_in` was the last that was let in.

        A lock-out lasts as long as a window. Without rate headers nothing else tells how long that
        is, so one that outlasts a window teaches a longer one.
        """
        if not self.refusals:
            return replace(self, refusals=1, refused_at=sent, let_in=let_in)
        if sent < self.blocked_until:  # it was under way then
            return self
        window = replace(self, refusals=self.refusals + 1)
        lasted = sent - self.refused_at
        if not headerless or lasted <= self.length:
            return window
        length = min(LONGEST, lasted + (retry_after or 0.0))
        return replace(window, length=length, usual_length=self.usual_length or self.length)

    def let_in_again(self, sent: float) -> Window:
        """A call that was sent then was let in: the lock-out lasted until now at most."""
        if not self.refusals or sent < self.blocked_until:
            return self
        length = self.length
        if self.usual_length:
            length = max(length, min(LONGEST, sent - self.refused_at))
            length = max(self.usual_length, min(length, sent - self.let_in))
        return replace(self, refusals=0, length=length)

    def pause(self, retry_after: float | None) -> float:
        """Seconds for which nobody sends after a 429 that names these, or none.

        The first one is believed, up to a window: then one call asks again. If that is refused too,
        the pauses grow, whatever the answers say: each refused call may keep a lock-out alive.
        """
        guess = REFUSED_PAUSES[min(max(1, self.refusals), len(REFUSED_PAUSES)) - 1]
        if retry_after is None:
            return guess
        told = min(retry_after, self.length)
        return told if self.refusals <= 1 else max(told, guess)

    def paused(self, now: float, pause: float) -> Window:
        """Nobody sends for a while; what is known of the window stays."""
        return replace(self, blocked_until=max(self.blocked_until, now + pause + MARGIN))

    def locked(self, now: float, pause: float) -> Window:
        """The server refuses everybody; what runs after it, nobody knows."""
        return replace(
            self.paused(now, pause),
            ends_after=-math.inf,
            ends_before=-math.inf,
            remaining=0,
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
            refused_at=min(self.refused_at, now),
            let_in=min(self.let_in, now),
        )
