"""The rhythm of creates. The ledger is the guarantee, the token bucket here only spreads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiolimiter import AsyncLimiter

if TYPE_CHECKING:
    from postiz_async.quota import Ledger

__all__ = ["Pacer"]


class Pacer:
    """The rhythm `smooth`: a token bucket whose burst and refill fit into one window.

    A bucket of (limit, window) would allow almost twice the limit in the first hour.

    Args:
        speed: seconds of the clock in one second of the event loop, whose time the bucket keeps.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._limit = 0
        self._bucket = AsyncLimiter(1, 1)

    def wait(self, ledger: Ledger, ahead: int = 0) -> float:
        """Seconds until the call with `ahead` others before it can leave."""
        bucket = self._bucket_of(ledger)
        missing = ahead + 1 - _room(bucket)
        return max(0.0, missing) * bucket.time_period / bucket.max_rate * self._speed

    async def use(self, ledger: Ledger) -> None:
        """Take a place in the rhythm; at once when there is nothing to wait for."""
        await self._bucket_of(ledger).acquire()

    def _bucket_of(self, ledger: Ledger) -> AsyncLimiter:
        if self._limit != ledger.limit:
            burst = max(1, min(ledger.held, ledger.limit - 1))
            refill = max(1, ledger.limit - burst)
            self._bucket = AsyncLimiter(burst, ledger.window / self._speed * burst / refill)
            self._limit = ledger.limit
        return self._bucket


def _room(bucket: AsyncLimiter) -> float:
    """Calls that a bucket lets go now, with the fraction that has come back of the next."""
    low, high = 0.0, bucket.max_rate
    if bucket.has_capacity(high):
        return high
    for _ in range(40):
        middle = (low + high) / 2
        if bucket.has_capacity(middle):
            low = middle
        else:
            high = middle
    return low
