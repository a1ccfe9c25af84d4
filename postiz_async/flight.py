"""How much bulk work may be in flight at once. PURE.

What loads the server are posts, not requests: it stores them one after another, the answers of
simultaneous requests arrive together, and proxies cut a request after about a minute.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

__all__ = ["ConcurrencyLimit"]

MAX_CREATES = 4
"""Bulk creates in flight at once."""

QUICK, SLOW = 5.0, 15.0
"""Answers under QUICK seconds let the budget grow, over SLOW seconds they halve it."""

MIN_POSTS, MAX_POSTS = 10, 2_000

REQUEST_SECONDS = 15.0
"""A request carries at most what the server does in so many seconds."""

BELIEVED_RATE = 20.0
"""Posts a second of one request, assumed before anything was measured."""


class ConcurrencyLimit(msgspec.Struct, frozen=True):
    """What bulk may have in flight: posts and creates, and what one request may carry."""

    max_posts: int = 100
    rate: float = BELIEVED_RATE
    posts: int = 0
    creates: int = 0

    def admits(self, posts: int) -> bool:
        """Whether a create with `posts` posts may leave now; one alone always may."""
        if self.creates == 0:
            return True
        return self.creates < MAX_CREATES and self.posts + posts <= self.max_posts

    def started(self, posts: int) -> ConcurrencyLimit:
        """A create with `posts` posts leaves."""
        return replace(self, posts=self.posts + posts, creates=self.creates + 1)

    def ended(self, posts: int, seconds: float | None) -> ConcurrencyLimit:
        """A create came back after `seconds`; None when it was lost or never sent."""
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
