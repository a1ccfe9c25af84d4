"""Who asks for a slot, how urgently, and how long it may take. PURE."""

from __future__ import annotations

import math
from enum import IntEnum

import msgspec

from postiz_async.errors import describe_seconds

__all__ = ["Priority", "SlotRequest"]


class Priority(IntEnum):
    """The lane of a create: a smaller number overtakes a larger one.

    Any whole number is a lane. Those below `BULK` may use the slots that are held back for
    interactive calls.
    """

    INTERACTIVE = 0
    BULK = 10


class SlotRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A create that asks for a slot. Moments are of the clock's `monotonic()`.

    Within a lane the earliest `due` goes first. It is refused when it cannot leave within
    `max_wait` seconds or before its `deadline`. `lifetime` is the time in seconds after which its
    holder is taken for dead.
    """

    lane: int
    posts: int
    since: float
    max_wait: float | None = None
    due: float | None = None
    deadline: float | None = None
    lifetime: float

    @property
    def is_bulk(self) -> bool:
        """Whether it leaves the held slots to others."""
        return self.lane >= Priority.BULK

    @property
    def give_up_at(self) -> float:
        """When it no longer wants a slot; infinity: never."""
        patience = math.inf if self.max_wait is None else max(0.0, self.max_wait)
        return min(self.since + patience, math.inf if self.deadline is None else self.deadline)

    @property
    def allowance(self) -> str:
        """How long it may wait, for people."""
        patience = self.give_up_at - self.since
        if self.max_wait is not None and self.max_wait <= patience:
            return f"you allowed {describe_seconds(self.max_wait)}"
        if patience < 0:
            return "your deadline has passed"
        return f"your deadline was {describe_seconds(patience)} away"
