"""Two small throttle storages of our own, independent of those of the sandbox."""

from __future__ import annotations

from dataclasses import dataclass, field

from postiz_async._quota import RateHeaders

__all__ = ["HOUR", "FixedWindow", "SlidingLog", "Throttle"]

HOUR = 3600.0


@dataclass
class FixedWindow:
    """Counts in windows that begin with their first hit; one hit too many blocks for an hour.

    Hits during a block count on. A deadline is over only after its very moment.
    """

    limit: int
    hits: int = 0
    ends: float = -1.0
    block_ends: float = -1.0

    def hit(self, at: float) -> RateHeaders | float:
        """What the answer says: a reading, or after how many seconds to come again."""
        if at > self.ends:
            self.hits, self.ends = 0, at + HOUR
        self.hits += 1
        if at > self.block_ends and self.hits > self.limit:
            self.block_ends = at + HOUR
        if at <= self.block_ends:
            return _whole(self.block_ends - at)
        return RateHeaders(self.limit, self.limit - self.hits, _whole(self.ends - at))

    def used(self, at: float) -> int:
        """Hits that count at this moment."""
        return self.hits if at <= self.ends else 0

    def empty(self) -> None:
        """All is forgotten, as when the server was started again."""
        self.hits, self.ends, self.block_ends = 0, -1.0, -1.0


@dataclass
class SlidingLog:
    """Each hit counts for an hour; the reset header belongs to a mark of its own."""

    limit: int
    log: list[float] = field(default_factory=list)
    mark: float = -1.0
    block_ends: float = -1.0

    def hit(self, at: float) -> RateHeaders | float:
        """What the answer says: a reading, or after how many seconds to come again."""
        if at > self.mark:
            self.mark = at + HOUR
        if at <= self.block_ends:
            return _whole(self.block_ends - at)
        if self.block_ends >= 0:
            self.log, self.block_ends = [], -1.0
        self.log = [moment for moment in self.log if at <= moment + HOUR]
        self.log.append(at)
        if len(self.log) > self.limit:
            self.block_ends = at + HOUR
            return HOUR
        return RateHeaders(self.limit, self.limit - len(self.log), _whole(self.mark - at))

    def used(self, at: float) -> int:
        """Hits that count at this moment."""
        return sum(at <= moment + HOUR for moment in self.log)

    def empty(self) -> None:
        """All is forgotten, as when the server was started again."""
        self.log, self.mark, self.block_ends = [], -1.0, -1.0


Throttle = FixedWindow | SlidingLog


def _whole(seconds: float) -> float:
    return float(-(-seconds // 1))
