"""Long ranges of dates in chunks that the server can bear. PURE.

What a shorter chunk leaves out are the posts whose own date lies outside of it. The repetitions of
a post come with every answer, from its first date to the end of the chunk, whatever its start. So
only the posts that lie inside a chunk say whether it was too long: neither the length of an answer
nor the time that it takes gets less by splitting when repetitions or the network make it so.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

from postiz_async._resources.matching import stored_at

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Iterator, Sequence
    from datetime import datetime

    from postiz_async.models.posts import Post


MANY, FEW = 2_000, 500
"""Posts inside a chunk above which the next is half as long, below which twice."""

SHORTEST_CHUNK, LONGEST_CHUNK = timedelta(minutes=1), timedelta(days=62)
"""Bounds of the length of a chunk; what is too much for the shortest is read as it is."""

TICK = timedelta(milliseconds=1)
"""What the server keeps of a date."""


class Chunk(NamedTuple):
    """A range of dates, both ends included; the server keeps milliseconds."""

    start: datetime
    end: datetime


class ListPosts(Protocol):
    """`postiz.posts.list`."""

    def __call__(self, *, start: datetime, end: datetime) -> Awaitable[list[Post]]:
        """The posts of a range, both ends included."""
        ...


class Chunks:
    """Splits ranges into chunks, each as long as what was read before suggests.

        async for chunk, posts in chunks.lists(list_posts, start, end):
            ...

    Args:
        first: length of the first chunk.
    """

    def __init__(self, first: timedelta) -> None:
        self._length = first

    async def lists(
        self, list_posts: ListPosts, start: datetime, end: datetime
    ) -> AsyncGenerator[tuple[Chunk, list[Post]]]:
        """List a range chunk by chunk."""
        for chunk in self.of(start, end):
            listed = await list_posts(start=chunk.start, end=chunk.end)
            self.read(chunk, listed)
            yield chunk, listed
            del listed  # before there is a next one: a year of posts is much

    def of(self, start: datetime, end: datetime) -> Iterator[Chunk]:
        """The chunks of a range in order of date, without gaps or overlaps."""
        start, end = start.astimezone(UTC), end.astimezone(UTC)  # elsewhere an hour comes twice
        start -= timedelta(microseconds=start.microsecond % 1_000)  # which no stored date has
        while start <= end:
            until = end if end - start < self._length else start + self._length - TICK
            yield Chunk(start, until)
            if until == end:
                return
            start = until + TICK

    def read(self, chunk: Chunk, listed: Sequence[Post]) -> None:
        """Let the answer to a chunk decide how long the next one is."""
        repeated = [post for post in listed if post.actual_date is not None]
        stored = {post.id for post in repeated if chunk.start <= stored_at(post) <= chunk.end}
        inside = len(listed) - len(repeated) + len(stored)
        length = chunk.end - chunk.start + TICK
        if inside > MANY:
            self._length = max(SHORTEST_CHUNK, length / 2)
        elif inside < FEW:
            self._length = max(self._length, min(LONGEST_CHUNK, 2 * length))
