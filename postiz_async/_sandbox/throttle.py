"""PURE: the counter behind the hourly limit, moment by moment.

It takes the time as an argument, in seconds of any clock that never steps back, and works in whole
milliseconds as the original does.

The original is outside of the server's process and counts in fixed windows. Two entries with an
expiry belong to a key, *hits* and *block*:

======================================  ====================================================
a request arrives                       then
======================================  ====================================================
always                                  hits + 1; without an expiry, hits lives one window
block exists                            refused; block is not prolonged
no block, hits above the limit          block for one window from now; refused
block exists with no time left          block forgotten, hits = 1 with a new window; admitted
======================================  ====================================================

Hits go on counting during a block and are not cleared when it ends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ThrottleDecision:
    """The decision about one request, with the headers that are added to the answer."""

    allowed: bool
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def admitted(cls, limit: float, hits: int, left: int) -> ThrottleDecision:
        """A request within the limit; `left` are milliseconds until the window ends."""
        remaining = limit if math.isnan(limit) else max(0, limit - hits)
        said = {"Limit": _number(limit), "Remaining": _number(remaining), "Reset": seconds(left)}
        headers = tuple((f"X-RateLimit-{name}", said[name]) for name in said)
        return cls(allowed=True, headers=headers)

    @classmethod
    def refused(cls, left: int) -> ThrottleDecision:
        """A request above the limit; `left` are milliseconds until the block ends."""
        return cls(allowed=False, headers=(("Retry-After", seconds(left)),))


def _number(value: float) -> str:
    return "NaN" if math.isnan(value) else str(int(value))


def seconds(milliseconds: int) -> str:
    """Milliseconds in whole seconds, rounded up."""
    return str(-(-milliseconds // 1000))


def milliseconds(now: float) -> int:
    """A time in whole milliseconds."""
    # the small addend compensates for the binary rounding of a decimal time
    return math.floor(now * 1000 + 1e-3)


@dataclass(slots=True)
class _Window:
    hits: int = 0
    ends: int | None = None
    block_ends: int | None = None


class Throttle:
    """Counts requests by key.

    Args:
        limit: Requests in a window. NaN switches the limit off, like a malformed setting on the
            server.
        window: Length of a window and of a block, in seconds.
    """

    def __init__(self, limit: float, window: float = 3600.0) -> None:
        self.limit = limit
        self.window = window
        self.span = round(window * 1000)
        self._windows: dict[str, _Window] = {}

    def hit(self, key: str, now: float) -> ThrottleDecision:
        """Count one request and decide whether it is allowed."""
        at = milliseconds(now)
        window = self._windows.setdefault(key, _Window())
        if window.ends is not None and window.ends < at:
            window.hits, window.ends = 0, None
        if window.block_ends is not None and window.block_ends < at:
            window.block_ends = None
        window.hits += 1
        # in the very millisecond of its expiry an entry still exists and is given a new life
        if window.ends is None or window.ends <= at:
            window.ends = at + self.span
        if window.block_ends is None and window.hits > self.limit:
            window.block_ends = at + self.span
        if window.block_ends is not None and window.block_ends <= at:
            window.hits, window.ends, window.block_ends = 1, at + self.span, None
        if window.block_ends is not None:
            return ThrottleDecision.refused(window.block_ends - at)
        return ThrottleDecision.admitted(self.limit, window.hits, window.ends - at)

    def block(self, key: str, now: float, seconds: float) -> None:
        """Count as if all requests that led to a block had come at once, a while ago.

        Args:
            key: The key of the requests.
            now: The time.
            seconds: How long the block lasts from now.
        """
        ends = milliseconds(now + seconds)
        self._windows[key] = _Window(self.too_many(), ends, ends)

    def too_many(self) -> int:
        """The first number of hits that is refused.

        Raises:
            ValueError: There is no limit that could be exceeded.
        """
        if not math.isfinite(self.limit):
            raise ValueError("nobody is locked out where there is no limit")
        return math.floor(self.limit) + 1
