"""What is listed on some days: asked for in pieces that the server can bear, each day once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from postiz_async.resources.finding import stored_at

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from postiz_async.clock import Clock
    from postiz_async.models.posts import Post
    from postiz_async.resources.browse import ListPosts

__all__ = ["Calendar"]

MANY, FEW = 2_000, 500
"""Entries in an answer above which the next piece is half as long, below which twice."""

SLOW = 1.0
"""Seconds that an answer may take before the next piece is half as long."""

DAY, LONGEST, SHORTEST = timedelta(days=1), timedelta(days=62), timedelta(minutes=15)

_TICK = timedelta(milliseconds=1)


class Calendar:
    """The posts of the days that were looked at, by id.

    Args:
        list_posts: `postiz.posts.list`, or one that is more patient.
        clock: of the client.
    """

    def __init__(self, list_posts: ListPosts, clock: Clock) -> None:
        self.posts: dict[str, Post] = {}
        self._list = list_posts
        self._clock = clock
        self._days: set[datetime] = set()
        self._piece = DAY

    async def look(self, moments: Iterable[datetime]) -> None:
        """List the days of these moments that were not listed before."""
        days = {moment.replace(hour=0, minute=0, second=0, microsecond=0) for moment in moments}
        for day in sorted(days - self._days):
            await self._pieces(day, day + DAY - _TICK, longest=DAY)
            self._days.add(day)

    def forget(self) -> None:
        """Know nothing of the days that were listed, so that they are listed anew."""
        self.posts.clear()
        self._days.clear()

    async def search(self, ids: Iterable[str], start: datetime, end: datetime) -> None:
        """List a long range until all these posts were seen, or it is over."""
        missing = set(ids) - set(self.posts)
        if missing:
            await self._pieces(start, end, longest=LONGEST, until_seen=missing)

    async def span(self, start: datetime, end: datetime) -> None:
        """List a long range."""
        await self._pieces(start, end, longest=LONGEST)

    def moments(self) -> list[datetime]:
        """The exact dates of the posts that were seen."""
        return [stored_at(post) for post in self.posts.values()]

    async def _pieces(
        self,
        start: datetime,
        end: datetime,
        *,
        longest: timedelta,
        until_seen: set[str] | None = None,
    ) -> None:
        self._piece = min(self._piece, longest)
        cursor = start
        while cursor <= end:
            until = min(end, cursor + self._piece - _TICK)
            began = self._clock.monotonic()
            listed = await self._list(start=cursor, end=until)
            self.posts.update((post.id, post) for post in listed)
            if until_seen is not None and until_seen <= self.posts.keys():
                return
            self._adapt(len(listed), self._clock.monotonic() - began, longest)
            cursor = until + _TICK

    def _adapt(self, entries: int, seconds: float, longest: timedelta) -> None:
        if entries > MANY or seconds > SLOW:
            self._piece = max(SHORTEST, self._piece / 2)
        elif entries < FEW:
            self._piece = min(longest, self._piece * 2)
