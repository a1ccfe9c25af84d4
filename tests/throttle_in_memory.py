"""The counter of servers before v2.20.0, and of proxies that count likewise."""

from __future__ import annotations

from dataclasses import dataclass, field

from postiz_async._sandbox.throttle import Throttle, ThrottleDecision, milliseconds

__all__ = ["MemoryThrottle"]


@dataclass(slots=True)
class _Log:
    marker: int
    expiries: list[int] = field(default_factory=list[int])
    frozen: int = 0
    block_ends: int | None = None


class MemoryThrottle(Throttle):
    """The counter up to v2.19.0, one for each server process.

    It slides: each admitted hit expires on its own. Hits are not counted during a block. The first
    request after a block starts at 1 again, and as a side effect the pending hits of *all* keys
    lose their expiry.
    """

    def __init__(self, limit: float, window: float = 3600.0) -> None:
        super().__init__(limit, window)
        self._logs: dict[str, _Log] = {}

    def hit(self, key: str, now: float) -> ThrottleDecision:
        """Count one request and decide whether it is allowed."""
        at = milliseconds(now)
        log = self._logs.setdefault(key, _Log(marker=at + self.span))
        log.expiries = [moment for moment in log.expiries if moment > at]
        if log.marker <= at:
            log.marker = at + self.span
        if log.block_ends is None:
            log.expiries.append(at + self.span)
            if len(log.expiries) + log.frozen > self.limit:
                log.block_ends = at + self.span
        if log.block_ends is not None and log.block_ends <= at:
            self._restart(log, at)
        if log.block_ends is not None:
            return ThrottleDecision.refused(log.block_ends - at)
        return ThrottleDecision.admitted(
            self.limit, len(log.expiries) + log.frozen, log.marker - at
        )

    def block(self, key: str, now: float, seconds: float) -> None:
        ends = milliseconds(now + seconds)
        self._logs[key] = _Log(ends, [ends] * self.too_many(), block_ends=ends)

    def _restart(self, log: _Log, at: int) -> None:
        """Start a key again after its block, with the server's defect: hits of other keys stay."""
        for other in self._logs.values():
            other.frozen += sum(moment > at for moment in other.expiries)
            other.expiries.clear()
        log.frozen, log.block_ends = 0, None
        log.expiries.append(at + self.span)
