"""PURE: the two counters behind the hourly limit, moment by moment.

Both take the time as an argument, in seconds of any clock that never steps back, and work in
whole milliseconds as the originals do.

Redis storage, kept outside the process, counts in fixed windows. Two entries with an expiry
belong to a key, *hits* and *block*:

======================================  ====================================================
a request arrives                       then
======================================  ====================================================
always                                  hits + 1; without an expiry, hits lives one window
block exists                            refused; block is not prolonged
no block, hits above the limit          block for one window from now; refused
block exists with no time left          block forgotten, hits = 1 with a new window; admitted
======================================  ====================================================

Hits go on counting during a block and are not cleared when it ends.

Memory storage slides: each admitted hit expires on its own. Hits are not counted during a
block. The first request after a block starts at 1 again, and as a side effect the pending
hits of *all* keys lose their expiry.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ThrottleDecision:
    """The decision about one request, with the headers that are added to the answer."""

    allowed: bool
    headers: tuple[tuple[str, str], ...]


class Throttle(ABC):
    """Counts requests by key.

    Args:
        limit: Requests in a window. NaN switches the limit off, like a malformed setting on the
            server.
        window: Length of a window and of a block, in seconds.
    """

    def __init__(self, limit: float, window: float = 3600.0) -> None:
        self.limit = limit
        self.window = window
        self._span = round(window * 1000)

    @abstractmethod
    def hit(self, key: str, now: float) -> ThrottleDecision:
        """Count one request and decide whether it is allowed."""

    @abstractmethod
    def block(self, key: str, now: float, seconds: float) -> None:
        """Count as if all requests that led to a block had come at once, a while ago.

        Args:
            key: The key of the requests.
            now: The time.
            seconds: How long the block lasts from now.
        """

    def _too_many(self) -> int:
        """The first number of hits that is refused.

        Raises:
            ValueError: There is no limit that could be exceeded.
        """
        if not math.isfinite(self.limit):
            raise ValueError("nobody is locked out where there is no limit")
        return math.floor(self.limit) + 1

    def _admitted(self, hits: int, left: int) -> ThrottleDecision:
        remaining = self.limit if math.isnan(self.limit) else max(0, self.limit - hits)
        names = ("Limit", "Remaining", "Reset")
        values = (_number(self.limit), _number(remaining), _seconds(left))
        headers = tuple(
            (f"X-RateLimit-{name}", value) for name, value in zip(names, values, strict=True)
        )
        return ThrottleDecision(allowed=True, headers=headers)


def _refused(left: int) -> ThrottleDecision:
    return ThrottleDecision(allowed=False, headers=(("Retry-After", _seconds(left)),))


def _number(value: float) -> str:
    return "NaN" if math.isnan(value) else str(int(value))


def _seconds(milliseconds: int) -> str:
    return str(-(-milliseconds // 1000))


def _milliseconds(now: float) -> int:
    # the small addend compensates for the binary rounding of a decimal time
    return math.floor(now * 1000 + 1e-3)


@dataclass(slots=True)
class _Window:
    hits: int = 0
    ends: int | None = None
    block_ends: int | None = None


class RedisThrottle(Throttle):
    """The counter since v2.20.0."""

    def __init__(self, limit: float, window: float = 3600.0) -> None:
        super().__init__(limit, window)
        self._windows: dict[str, _Window] = {}

    def hit(self, key: str, now: float) -> ThrottleDecision:
        """Count one request and decide whether it is allowed."""
        at = _milliseconds(now)
        window = self._windows.setdefault(key, _Window())
        _expire(window, at)
        window.hits += 1
        # in the very millisecond of its expiry an entry still exists and is given a new life
        if window.ends is None or window.ends <= at:
            window.ends = at + self._span
        if window.block_ends is None and window.hits > self.limit:
            window.block_ends = at + self._span
        if window.block_ends is not None and window.block_ends <= at:
            window.hits, window.ends, window.block_ends = 1, at + self._span, None
        if window.block_ends is not None:
            return _refused(window.block_ends - at)
        return self._admitted(window.hits, window.ends - at)

    def block(self, key: str, now: float, seconds: float) -> None:
        ends = _milliseconds(now + seconds)
        self._windows[key] = _Window(self._too_many(), ends, ends)


def _expire(window: _Window, at: int) -> None:
    if window.ends is not None and window.ends < at:
        window.hits, window.ends = 0, None
    if window.block_ends is not None and window.block_ends < at:
        window.block_ends = None


@dataclass(slots=True)
class _Log:
    marker: int
    expiries: list[int] = field(default_factory=list[int])
    frozen: int = 0
    block_ends: int | None = None


class MemoryThrottle(Throttle):
    """The counter up to v2.19.0, one for each server process."""

    def __init__(self, limit: float, window: float = 3600.0) -> None:
        super().__init__(limit, window)
        self._logs: dict[str, _Log] = {}

    def hit(self, key: str, now: float) -> ThrottleDecision:
        """Count one request and decide whether it is allowed."""
        at = _milliseconds(now)
        log = self._logs.setdefault(key, _Log(marker=at + self._span))
        log.expiries = [moment for moment in log.expiries if moment > at]
        if log.marker <= at:
            log.marker = at + self._span
        if log.block_ends is None:
            log.expiries.append(at + self._span)
            if len(log.expiries) + log.frozen > self.limit:
                log.block_ends = at + self._span
        if log.block_ends is not None and log.block_ends <= at:
            self._restart(log, at)
        if log.block_ends is not None:
            return _refused(log.block_ends - at)
        return self._admitted(len(log.expiries) + log.frozen, log.marker - at)

    def block(self, key: str, now: float, seconds: float) -> None:
        ends = _milliseconds(now + seconds)
        self._logs[key] = _Log(ends, [ends] * self._too_many(), block_ends=ends)

    def _restart(self, log: _Log, at: int) -> None:
        """Start a key again after its block, with the server's defect: hits of other keys stay."""
        for other in self._logs.values():
            other.frozen += sum(moment > at for moment in other.expiries)
            other.expiries.clear()
        log.frozen, log.block_ends = 0, None
        log.expiries.append(at + self._span)
