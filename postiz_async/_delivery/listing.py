"""List the posts of some days, in chunks that the server can handle, each day only once."""

from __future__ import annotations

from collections.abc import Iterable, Set as AbstractSet
from datetime import datetime, timedelta
from itertools import pairwise

from postiz_async._resources.listing import TICK, Chunks, ListPosts
from postiz_async._resources.matching import stored_at
from postiz_async.models.posts import Post

DAY = timedelta(days=1)

_GAP = timedelta(days=7)
"""Days at most this far apart are listed in one request: it costs more than a few empty days."""


class Calendar:
    """The posts of the days that were looked at, by id.

    Args:
        list_posts: `postiz.posts.list`, or a wrapper that repeats the call after outages.
    """

    def __init__(self, list_posts: ListPosts) -> None:
        self.posts: dict[str, Post] = {}
        self.lists = list_posts
        self._days: set[datetime] = set()
        self._chunks = Chunks(first=3 * DAY)

    async def look(self, moments: Iterable[datetime]) -> None:
        """List the days of these moments, unless they were listed before."""
        days = {moment.replace(hour=0, minute=0, second=0, microsecond=0) for moment in moments}
        missing = sorted(days - self._days)
        gaps = (n for n in range(1, len(missing)) if missing[n] - missing[n - 1] > _GAP)
        for first, end in pairwise((0, *gaps, len(missing)) if missing else ()):
            await self.span(missing[first], missing[end - 1] + DAY - TICK)
            self._days.update(missing[first:end])

    def forget(self) -> None:
        """Forget the listed days, so that they are listed anew."""
        self.posts.clear()
        self._days.clear()

    async def search(self, ids: Iterable[str], start: datetime, end: datetime) -> None:
        """List a long range in chunks until all these posts were seen, or the range ends."""
        missing = set(ids) - self.posts.keys()
        if missing:
            await self.span(start, end, until_seen=missing)

    async def span(
        self, start: datetime, end: datetime, *, until_seen: AbstractSet[str] = frozenset()
    ) -> None:
        """List a long range in chunks; stop early once these posts were seen."""
        async for _, listed in self._chunks.lists(self.lists, start, end):
            self.posts.update((post.id, post) for post in listed)
            if until_seen and until_seen <= self.posts.keys():
                return

    def moments(self) -> list[datetime]:
        """The exact dates of the posts seen."""
        return [stored_at(post) for post in self.posts.values()]
