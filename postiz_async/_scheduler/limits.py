"""Limits besides the quota: bulk creates in flight at once, and the pace of creates.

Posts load the server, not requests: it stores them one after another, the answers of simultaneous
requests arrive together, and proxies cut a request after about a minute. The pacer is a token
bucket, which only spreads the creates: the ledger guarantees the quota.
"""

from __future__ import annotations

import math

import msgspec
from aiolimiter import AsyncLimiter
from msgspec.structs import replace

from postiz_async._quota import Ledger

MAX_CREATES = 4
"""Bulk creates in flight at once."""

QUICK, SLOW = 5.0, 15.0
"""Answers within QUICK seconds raise the limit of posts in flight, answers after SLOW halve it."""

MIN_POSTS, MAX_POSTS = 10, 2_000

REQUEST_SECONDS = 15.0
"""Seconds that the server may take for one request, which limits the posts in a request."""

BELIEVED_RATE = 20.0
"""Posts stored per second, assumed before anything was measured."""


class ConcurrencyLimit(msgspec.Struct, frozen=True):
    """Limits of bulk work: posts and creates in flight, and posts in one request."""

    max_posts: int = 100
    rate: float = BELIEVED_RATE
    posts: int = 0
    creates: int = 0

    def admits(self, posts: int) -> bool:
        """Whether a create with `posts` posts may leave now; always if none is in flight."""
        if self.creates == 0:
            return True
        return self.creates < MAX_CREATES and self.posts + posts <= self.max_posts

    def started(self, posts: int) -> ConcurrencyLimit:
        """Count a create that leaves."""
        return replace(self, posts=self.posts + posts, creates=self.creates + 1)

    def ended(self, posts: int, seconds: float | None) -> ConcurrencyLimit:
        """Count the end of a create after `seconds`; None: it was lost or never sent."""
        down = replace(self, posts=self.posts - posts, creates=self.creates - 1)
        if seconds is None:
            return down
        if seconds > SLOW:
            down = replace(down, max_posts=max(MIN_POSTS, down.max_posts // 2))
        elif seconds < QUICK:
            down = replace(down, max_posts=min(MAX_POSTS, down.max_posts + max(10, posts)))
        if posts < 10:  # the latency of the network says little about the rate
            return down
        measured = posts / max(seconds, 0.001)
        return replace(down, rate=0.7 * down.rate + 0.3 * measured)

    @property
    def request_posts(self) -> int:
        """Posts that one request may carry."""
        return max(1, int(self.rate * REQUEST_SECONDS))


class Pacer:
    """The pace `smooth`: a token bucket whose burst and refill fit into one window.

    A bucket of (limit, window) would allow almost twice the limit in the first hour.

    Args:
        speed: seconds of the clock in one second of the event loop, on whose time the bucket runs.
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
        """Take a token; wait for one if there is none."""
        await self._bucket_of(ledger).acquire()

    def _bucket_of(self, ledger: Ledger) -> AsyncLimiter:
        window = ledger.window
        if self._limit != window.limit:
            burst = max(1, min(ledger.least_reserve, window.limit - 1))
            refill = max(1, window.limit - burst)
            self._bucket = AsyncLimiter(burst, window.length / self._speed * burst / refill)
            self._limit = window.limit
        return self._bucket


def politeness_limiter(politeness: float | None, speed: float) -> AsyncLimiter | None:
    """A limiter for `politeness` calls a second, which may come all at once."""
    if politeness is None or not math.isfinite(speed):
        return None
    burst = max(1.0, politeness)
    return AsyncLimiter(burst, burst / politeness / speed)


def _room(bucket: AsyncLimiter) -> float:
    """Tokens in a bucket, fractions included."""
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
