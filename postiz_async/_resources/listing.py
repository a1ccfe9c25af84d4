"""List posts of long ranges in chunks that the server can handle; find one post by its id.

The API has one list and no other way to see a post. It has no pages and no order, and returns a
repeated post in every answer, from its first date to the end of the range, whatever its start. So
a shorter chunk only leaves out posts whose own date lies outside of it, and only the number of
posts inside a chunk says whether it was too long: splitting does not help if an answer is long
because of repetitions, or slow because of the network.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple, NotRequired, Protocol, TypeAlias, TypedDict, TypeVar, get_args

from postiz_async._resources.matching import stored_at
from postiz_async._scheduler.scheduler import BoundScheduler
from postiz_async._wire import check_id, format_date
from postiz_async._wire.endpoints import LIST_POSTS, Call
from postiz_async.errors import InvalidInputError, PostNotFoundError, Problem
from postiz_async.models.channels import Channel
from postiz_async.models.posts import Created, Post, PostState

T = TypeVar("T")


class Listing(Coroutine[Any, Any, list[T]]):
    """What the API lists: `await` it for one list, or iterate over it piece by piece.

        posts = await postiz.posts.list(start=..., end=...)
        async for post in postiz.posts.list(start=..., end=...):
            ...

    Nothing is asked before. Like a coroutine, `asyncio.create_task` and task groups take it.

    Args:
        whole: fetches the list.
        pieces: fetches it piece by piece.
    """

    def __init__(
        self,
        whole: Callable[[], Coroutine[Any, Any, list[T]]],
        pieces: Callable[[], AsyncGenerator[list[T]]],
    ) -> None:
        self._whole = whole
        self._pieces = pieces
        self._awaited: Coroutine[Any, Any, list[T]] | None = None

    async def __aiter__(self) -> AsyncGenerator[T]:
        async with aclosing(self._pieces()) as pieces:
            async for items in pieces:
                for item in items:
                    yield item
                del items  # before there are more

    def __await__(self) -> Generator[Any, Any, list[T]]:
        return self._whole().__await__()

    def _coroutine(self) -> Coroutine[Any, Any, list[T]]:
        self._awaited = self._awaited or self._whole()
        return self._awaited

    def send(self, value: Any, /) -> Any:
        """Continue, as an event loop does with a coroutine."""
        return self._coroutine().send(value)

    def throw(self, *error: Any) -> Any:
        """Raise an error inside, as an event loop does with a coroutine."""
        return self._coroutine().throw(*error)

    def close(self) -> None:
        """End it, as an event loop does with a coroutine."""
        self._coroutine().close()


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


H = TypeVar("H", bound=_HasId)
Page: TypeAlias = tuple[list[H], bool]
"""The entries of a page, and whether there are more pages."""


def listed_by_page(
    bound: BoundScheduler,
    fetch: Callable[[BoundScheduler, int], Awaitable[Page[H]]],
    first: int,
) -> Listing[H]:
    """List what has numbered pages, each once even if new ones arrive meanwhile.

    Args:
        bound: the caller's options.
        fetch: fetches a page by its number.
        first: the number of the first page.
    """

    async def pages(begun: BoundScheduler) -> AsyncGenerator[list[H]]:
        seen: set[str] = set()
        number, more = first, True
        while more:
            page, more = await fetch(begun, number)
            yield [each for each in page if each.id not in seen]
            seen.update(each.id for each in page)
            number += 1

    async def whole() -> list[H]:
        return [each async for page in pages(bound.begun()) for each in page]

    return Listing(whole, lambda: pages(bound))


# ------------------------------------------------------------------ long ranges


MANY, FEW = 2_000, 500
"""Posts inside a chunk: above `MANY` the next one is half as long, below `FEW` twice as long."""

SHORTEST_CHUNK, LONGEST_CHUNK = timedelta(minutes=1), timedelta(days=62)
"""Bounds of the length of a chunk; the shortest is read even if it has too many posts."""

TICK = timedelta(milliseconds=1)
"""The precision of dates on the server."""


def in_ticks(moment: datetime) -> datetime:
    """A moment without the microseconds that no stored date has."""
    return moment - timedelta(microseconds=moment.microsecond % 1_000)


class Chunk(NamedTuple):
    """A range of dates, both ends included; the server keeps milliseconds."""

    start: datetime
    end: datetime


class PostFilter(TypedDict):
    """Which posts are meant, as `posts.list` takes it."""

    start: datetime
    end: datetime
    state: NotRequired[PostState | None]
    channel: NotRequired[Channel | str | None]
    tag: NotRequired[str | None]
    text: NotRequired[str | None]


class ListPosts(Protocol):
    """The type of `postiz.posts.list`."""

    def __call__(self, *, start: datetime, end: datetime) -> Awaitable[list[Post]]:
        """The posts of a range, both ends included."""
        ...


class Chunks:
    """Splits ranges into chunks, whose length adapts to the answers before.

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
        start, end = in_ticks(start.astimezone(UTC)), end.astimezone(UTC)
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


_DATE = attrgetter("publish_date")
_ID = attrgetter("id")


def list_query(
    start: datetime, end: datetime, group: str | None = None
) -> tuple[tuple[str, str], ...]:
    """The query of `GET /posts`."""
    query = (("startDate", format_date(start, "start")), ("endDate", format_date(end, "end")))
    return query if group is None else (*query, ("customer", group))


async def list_posts(
    bound: BoundScheduler, group: str | None = None, *, start: datetime, end: datetime
) -> list[Post]:
    """The posts of a range, both ends included, of a group of channels or of all."""
    return (await bound.call(Call(LIST_POSTS, query=list_query(start, end, group)))).posts


def check_filter(state: str | None, **others: object) -> None:
    """Refuse a state that no post has, and blank texts, which would match every post or none.

    Raises:
        InvalidInputError: there is no such state, or another part of the filter is blank.
    """
    for name, given in others.items():
        if isinstance(given, str) and not given.strip():
            raise InvalidInputError([Problem(name, "is blank", hint="leave it out for all")])
    if state is not None and state not in get_args(PostState):
        hint = f"the states are {', '.join(get_args(PostState))}"
        raise InvalidInputError([Problem("state", f"there is no {state!r}", hint=hint)])


class GroupOf(NamedTuple):
    """The group of a post, None if the server does not tell it, and the post as it is listed."""

    group: str | None
    post: Post
    is_shared: bool
    """Whether another post of the same date is in the group."""


FIRST_CHUNK = timedelta(days=7)
"""The length of the first list; the others adapt to the answers."""

SEARCHED = timedelta(days=366)
"""How far before and after today, or a given date, to look for a post by its id."""


async def pieces(
    list_posts: ListPosts,
    start: datetime,
    end: datetime,
    *,
    accepts: Callable[[Post], bool] | None,
) -> AsyncGenerator[list[Post]]:
    """The posts of a range in order of date, asked for in chunks of a size that fits.

    A list for each chunk; a reader that lets one go before the next never has two in memory.
    """
    list_query(start, end)  # refuses what is no moment
    async for chunk, listed in Chunks(FIRST_CHUNK).lists(list_posts, start, end):
        posts = inside(listed, *chunk, accepts)
        del listed
        yield posts
        del posts


def inside(
    listed: list[Post],
    start: datetime,
    end: datetime,
    accepts: Callable[[Post], bool] | None,
) -> list[Post]:
    """The posts of an answer that are inside of its range and accepted, in order of date.

    A repeated post is also listed with its dates before the range.
    """
    listed.sort(key=_ID)
    listed.sort(key=_DATE)  # of one date by id; quicker than by both at once
    first = bisect_left(listed, in_ticks(start), key=_DATE)
    posts = listed[first : bisect_right(listed, end, lo=first, key=_DATE)]
    return posts if accepts is None else [post for post in posts if accepts(post)]


def first_occurrences(posts: Iterable[Post], seen: set[str]) -> Iterator[Post]:
    """The posts, each repeated one only at its first occurrence.

    Args:
        posts: in order of date.
        seen: ids of repeated posts that came before; new ones are added.
    """
    for post in posts:
        if post.interval_in_days is not None:
            if post.id in seen:
                continue
            seen.add(post.id)
        yield post


def post_id_of(post: Post | Created | str) -> str:
    """The id of a post that is given as a listed post, as one that was created, or by its id.

    Raises:
        UsageError: it is something else.
    """
    if isinstance(post, Post):
        return post.id
    if isinstance(post, Created):
        return post.post_id
    check_id("post", post)
    return post


async def find_post(list_posts: ListPosts, post_id: str, start: datetime, end: datetime) -> Post:
    """The post with this id.

    Raises:
        PostNotFoundError: it is not listed in the range.
    """
    found = pieces(list_posts, start, end, accepts=lambda post: post.id == post_id)
    async for posts in found:
        if posts:
            return posts[0]
    raise PostNotFoundError(
        f"There is no post {post_id!r} from {start:%Y-%m-%d} to {end:%Y-%m-%d}.\n"
        "  The list has no deleted posts, no parts of threads and no posts of deleted channels.",
        id=post_id,
    )


async def group_of(
    list_posts: ListPosts, post: Post | Created | str, at: datetime, now: float
) -> GroupOf:
    """The group of a post as it is listed now.

    Args:
        list_posts: lists the posts of a range.
        post: the post, or its id.
        at: where to look first for a post without a date; then a year around it and around today.
        now: the server's time, in seconds since the epoch.

    Raises:
        PostNotFoundError: it is not listed there.
    """
    post_id, moment = post_id_of(post), stored_at(post) if isinstance(post, Post) else at
    listed = await list_posts(start=moment, end=moment)
    found = next((each for each in listed if each.id == post_id), None)
    if found is None:
        first, last = around(now)
        start, end = min(first, moment - SEARCHED), max(last, moment + SEARCHED)
        found = await find_post(list_posts, post_id, start, end)
        listed = await list_posts(start=stored_at(found), end=stored_at(found))
    others = {each.id for each in listed if each.group == found.group} - {post_id}
    return GroupOf(found.group, found, is_shared=bool(others))


def around(moment: float) -> tuple[datetime, datetime]:
    """The range in which to look for a post whose date is not known."""
    today = datetime.fromtimestamp(moment, UTC)
    return today - SEARCHED, today + SEARCHED
