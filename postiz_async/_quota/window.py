"""The server's window and lock-out, as its answers describe them. PURE."""

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
"""Seconds added to each deadline, for the drift between two clocks and the exact edge."""

REFUSED_PAUSES = (30.0, 60.0, 120.0, 240.0, 480.0, 900.0)
"""Pauses after 429s in a row, in seconds: for answers without a time; after the first, minima."""

LONGEST = 86_400.0
"""Longest window that is believed, in seconds."""

RAISED_BY = 3
"""Answers in a row after which a raised limit is believed again."""


class RateHeaders(msgspec.Struct, frozen=True, gc=False):
    """The rate headers of a counted answer: calls per window, calls left, seconds to its end."""

    limit: int
    remaining: int
    reset: float


class Place(Enum):
    """The window that an answer is about, compared with the known one."""

    PAST = "one that is over"
    SAME = "the one that we know"
    NEW = "one that we knew nothing of"


class Window(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The last reading of the current window. Times are monotonic seconds."""

    length: float = WINDOW
    usual_length: float = 0.0
    """The length before a lock-out showed that windows are longer; 0: none has."""
    limit: int = BELIEVED_LIMIT
    limit_read: bool = False
    """Whether `limit` was read from an answer."""
    higher_limit: int = 0
    raises: int = 0
    lowered_at: float = -math.inf
    """The limit before it was lowered, the answers in a row that have named a higher one since, and
    when the lower one was last read."""
    ends_after: float = -math.inf
    ends_before: float = -math.inf
    """The earliest and latest time at which the window ends; -inf: unknown."""
    from_snapshot: bool = False
    """Whether an earlier process read the window; the wall clock may have been set since."""
    remaining: int = 0
    """Calls left at the last reading."""
    read_at: float = -math.inf
    """The time at which the call that brought the last reading was sent."""
    blocked_until: float = -math.inf
    refusals: int = 0
    """The number of 429s in a row, each after the pause of the one before."""
    refused_at: float = -math.inf
    let_in: float = -math.inf
    """The times at which the first of these was sent, and the last accepted call before it."""
    is_doubted: bool = False
    """Whether an answer left more calls than possible, so that our own count bounds `remaining`."""
    agrees: bool = False
    """Whether the last conclusive answer of this window agrees with our own count."""

    @property
    def is_known(self) -> bool:
        return self.ends_before > -math.inf

    @property
    def reopens(self) -> float:
        """The time from which the next window can certainly be opened."""
        return self.ends_before + MARGIN

    def is_over(self, now: float) -> bool:
        return now >= self.ends_before + MARGIN

    def agreed(self, sent: float, now: float, reading: RateHeaders) -> tuple[Window, RateHeaders]:
        """Choose the lower of two limits that answers name alternately, and read all answers by it.

        Servers of two releases behind one address answer like this. A limit that is raised back to
        what it was is believed when three answers in a row, or all of a quarter of a window, name
        it; any other one at once.
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
        """The earliest and latest end of a reading's window: its seconds are rounded up."""
        reset = min(reading.reset, self.length)  # a longer reset is invalid
        return sent + reset - 1.0, now + reset

    def place(self, lo: float, hi: float) -> Place:
        """The window that a reading is about if its end lies between two times."""
        if lo > self.ends_before + self.length / 2:
            return Place.NEW
        if hi < self.ends_after - self.length / 2 and not self.from_snapshot:
            return Place.PAST
        return Place.SAME

    def compared(self, told: int, left: int, *, alone: bool, is_new: bool) -> Window:
        """Compare the calls left by a doubted answer with those left by our own count.

        Args:
            told: the calls left according to the answer.
            left: the calls left by our own count.
            alone: no other call was in flight, so that the answer must include all earlier calls.
            is_new: the answer opens a window; if the previous one agreed until its end, doubt ends.
        """
        if is_new:
            return replace(self, is_doubted=not self.agrees, agrees=False)
        if alone and 2 * left <= self.limit:
            return replace(self, agrees=told <= left)
        return self

    def with_usual_length(self) -> Window:
        """Restore the usual length, because answers have rate headers again."""
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
        """Take over a reading of a window that ends between two times, and its remaining slots."""
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
        """Note the refusal of a call; `let_in` is when the last accepted call was sent.

        A lock-out lasts as long as a window. Without rate headers nothing else tells how long that
        is, so one that outlasts a window teaches a longer one.
        """
        if not self.refusals:
            return replace(self, refusals=1, refused_at=sent, let_in=let_in)
        if sent < self.blocked_until:  # it was in flight when the lock-out was noticed
            return self
        window = replace(self, refusals=self.refusals + 1)
        lasted = sent - self.refused_at
        if not headerless or lasted <= self.length:
            return window
        length = min(LONGEST, lasted + (retry_after or 0.0))
        return replace(window, length=length, usual_length=self.usual_length or self.length)

    def let_in_again(self, sent: float) -> Window:
        """Note that a call was accepted: the lock-out has ended by now."""
        if not self.refusals or sent < self.blocked_until:
            return self
        length = self.length
        if self.usual_length:
            length = max(length, min(LONGEST, sent - self.refused_at))
            length = max(self.usual_length, min(length, sent - self.let_in))
        return replace(self, refusals=0, length=length)

    def pause(self, retry_after: float | None) -> float:
        """Seconds in which nobody sends after a 429 that names this time, or none.

        The first 429 is believed, up to one window; then one call tries again. If it is refused
        too, the pauses grow, whatever the answers say: each refused call may prolong a lock-out.
        """
        guess = REFUSED_PAUSES[min(max(1, self.refusals), len(REFUSED_PAUSES)) - 1]
        if retry_after is None:
            return guess
        told = min(retry_after, self.length)
        return told if self.refusals <= 1 else max(told, guess)

    def paused(self, now: float, pause: float) -> Window:
        """Pause sending for a while; the known window stays."""
        return replace(self, blocked_until=max(self.blocked_until, now + pause + MARGIN))

    def locked(self, now: float, pause: float) -> Window:
        """Note a lock-out; the window that runs after it is unknown."""
        return replace(
            self.paused(now, pause),
            ends_after=-math.inf,
            ends_before=-math.inf,
            remaining=0,
        )

    def set_back(self, now: float) -> Window:
        """Clamp all times, because the clock was set back."""
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
