"""Posts: create, list, delete."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import UNSET, Raw

from postiz_async.content import is_blank, render
from postiz_async.endpoints import (
    CREATE_POST,
    DELETE_POST,
    DELETE_POST_GROUP,
    LIST_POSTS,
    Call,
)
from postiz_async.errors import (
    APIConnectionError,
    BadRequestError,
    DeliveryUnknownError,
    InvalidPostError,
    Marks,
    Problem,
    ServerError,
    UnexpectedAnswerError,
)
from postiz_async.models.posts import (
    ContentItem,
    CreatePost,
    Html,
    IntegrationRef,
    MediaRef,
    PostItem,
    TagRef,
    ThreadPart,
)
from postiz_async.scheduler import CallOptions, Priority
from postiz_async.wire import encode_body, format_date, parse_date

if TYPE_CHECKING:
    import builtins
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from postiz_async.channels import Channels
    from postiz_async.models.integrations import Integration
    from postiz_async.models.media import Media
    from postiz_async.models.posts import Created, NewPost, Post, PostType
    from postiz_async.scheduler import Scheduler

__all__ = ["MAX_BODY", "Posts", "build_item"]

MAX_BODY = 102_400
"""Bytes of a create request that the server reads."""


class Posts:
    """`postiz.posts`: the scheduled, drafted and published posts."""

    def __init__(self, scheduler: Scheduler, channels: Channels) -> None:
        self._scheduler = scheduler
        self._channels = channels

    async def schedule(
        self,
        *posts: NewPost,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | None = None,
        priority: Priority = Priority.INTERACTIVE,
    ) -> list[Created]:
        """Schedule one post or several for one moment; one request, whatever their number.

        Args:
            posts: what to post, each on its channel.
            at: when, with a time zone. A moment that has passed is refused here, because the
                server would publish at once.
            tags: names of tags that exist in Postiz; the server drops unknown ones in silence.
            short_link: shorten links where the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota; None for as long as needed.
            priority: the lane.

        Costs one of the hourly create requests. Retried: only when proved not sent.

        Raises:
            InvalidPostError: nothing was sent.
            QuotaWaitError: the wait would be longer than `max_wait`; nothing was sent.
            DeliveryUnknownError: the answer was lost; do not send again blindly.
            BadRequestError: the server refused it; that cost one request.
        """
        if at.utcoffset() is not None and at.timestamp() <= self._scheduler.server_time():
            problem = Problem(
                "at",
                f"{at.isoformat(sep=' ', timespec='seconds')} has passed",
                hint="the server would publish at once; say so with publish_now",
            )
            raise InvalidPostError([problem])
        return await self._new("schedule", posts, at, tags, short_link, max_wait, priority)

    async def publish_now(
        self,
        *posts: NewPost,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | None = None,
        priority: Priority = Priority.INTERACTIVE,
    ) -> list[Created]:
        """Publish at once, as soon as the quota has a slot. Otherwise like `schedule`."""
        now = datetime.fromtimestamp(self._scheduler.server_time(), UTC)
        return await self._new("now", posts, now, tags, short_link, max_wait, priority)

    async def draft(
        self,
        *posts: NewPost,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | None = None,
        priority: Priority = Priority.INTERACTIVE,
    ) -> list[Created]:
        """Store drafts, which are never published by themselves. Otherwise like `schedule`."""
        return await self._new("draft", posts, at, tags, short_link, max_wait, priority)

    async def _new(
        self,
        kind: PostType,
        posts: tuple[NewPost, ...],
        at: datetime,
        tags: Sequence[str],
        short_link: bool,  # noqa: FBT001
        max_wait: float | None,
        priority: Priority,
    ) -> list[Created]:
        body = CreatePost(
            type=kind,
            date=format_date(at),
            posts=await self._items(posts),
            short_link=short_link,
            tags=[TagRef(value=tag, label=tag) for tag in tags],
        )
        return await self.create(body, max_wait=max_wait, priority=priority)

    async def _items(self, posts: tuple[NewPost, ...]) -> list[PostItem]:
        problems: list[Problem] = []
        items: list[PostItem] = []
        if not posts:
            problems.append(Problem("posts", "there is none"))
        for number, post in enumerate(posts):
            channel = await self._channel(post)
            if channel is None:
                problems.append(
                    Problem(f"posts.{number}.channel", f"there is no channel {post.channel_id!r}")
                )
            elif channel.disabled:
                problems.append(
                    Problem(f"posts.{number}.channel", f"{channel.name!r} is disabled in Postiz")
                )
            elif is_blank(post):
                problems.append(Problem(f"posts.{number}", "has neither text nor media"))
            else:
                items.append(build_item(post, channel))
        if problems:
            raise InvalidPostError(problems)
        return items

    async def _channel(self, post: NewPost) -> Integration | None:
        if isinstance(post.channel, str):
            return await self._channels.find(post.channel)
        return post.channel

    async def create(
        self,
        body: CreatePost,
        *,
        max_wait: float | None = None,
        priority: Priority = Priority.INTERACTIVE,
        deadline: datetime | None = None,
        finish: bool = False,
        prepare: Callable[[], Awaitable[CreatePost]] | None = None,
    ) -> list[Created]:
        """The route itself: `POST /posts` with a body as it is.

        Args:
            body: the request.
            max_wait: see `schedule`.
            priority: the lane.
            deadline: when it should have left; earlier ones go first within a lane.
            finish: a request whose first byte is out is not cancelled; it ends with its answer
                or its time-out.
            prepare: awaited after the slot was taken and before the first byte; returns the
                body to send in place of `body`. When it raises, the slot is given back and
                nothing is sent.

        Costs one of the hourly create requests. Retried: only when proved not sent.
        Since v1.11.1. Raises what `schedule` raises.
        """

        async def late_body() -> Raw | None:
            nonlocal body
            if prepare is None:
                return None
            body = await prepare()
            return _encoded(body)

        call = Call(CREATE_POST, body=_encoded(body), posts=len(body.posts))
        options = CallOptions(
            max_wait=max_wait,
            priority=priority,
            deadline=self._moment(deadline),
            finish=finish,
            prepare=late_body,
        )
        try:
            created, _ = await self._scheduler.call(call, options)
        except (APIConnectionError, ServerError, UnexpectedAnswerError) as error:
            if _surely_not_stored(error):
                raise
            raise DeliveryUnknownError(
                f"The answer to a create of {len(body.posts)} posts was lost ({error}). They may "
                f"be stored. Look at {body.date} before sending again.",
                marks=_marks(body),
            ) from error
        if len(created) != len(body.posts):
            raise DeliveryUnknownError(
                f"The server says it stored {len(created)} of {len(body.posts)} posts.",
                marks=_marks(body),
            )
        return created

    async def probe(self) -> None:
        """Spend one create request to see the quota: an empty body, which the server refuses.

        Costs one of the hourly create requests and stores nothing; `postiz.quota()` then knows.

        Raises:
            QuotaError: there is no slot, or the organisation is locked out.
        """
        call = Call(CREATE_POST, body=Raw(b"{}"))
        with suppress(BadRequestError):
            await self._scheduler.call(call, CallOptions(max_wait=0.0))

    def _moment(self, deadline: datetime | None) -> float | None:
        if deadline is None:
            return None
        clock = self._scheduler.clock
        return clock.monotonic() + deadline.timestamp() - clock.time()

    async def list(
        self, *, start: datetime, end: datetime, customer: str | None = None
    ) -> builtins.list[Post]:
        """The posts from `start` to `end`, both included, in no order.

        A repeated post comes once for each occurrence up to `end`, all with the same id, also
        for occurrences before `start`. Media, thread parts and posts of deleted channels are not
        returned.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.
        """
        query = [("startDate", format_date(start)), ("endDate", format_date(end))]
        if customer is not None:
            query.append(("customer", customer))
        answer, _ = await self._scheduler.call(Call(LIST_POSTS, query=tuple(query)), CallOptions())
        return answer.posts

    async def delete(self, post_id: str) -> None:
        """Delete a post with its thread. What is published already stays on the network.

        The server answers 500 for an id that it does not know, so for one deleted before.

        Costs no quota since v2.19.0. Retried: after lost connections. Since v1.26.1.

        Raises:
            ServerError: also for an unknown id.
        """
        await self._scheduler.call(Call(DELETE_POST, params={"id": post_id}), CallOptions())

    async def delete_group(self, group: str) -> None:
        """Delete the posts of a group; an unknown group is no error.

        Costs no quota. Retried: yes. Since v2.18.0.
        """
        await self._scheduler.call(Call(DELETE_POST_GROUP, params={"group": group}), CallOptions())


def build_item(
    post: NewPost, channel: Integration, *, extra_settings: Iterable[tuple[str, str]] = ()
) -> PostItem:
    """A post as it stands in a create request. `extra_settings` are kept by the server."""
    parts = [part if isinstance(part, ThreadPart) else ThreadPart(part) for part in post.thread]
    value = [_content(post.content, post.media), *(_part(part) for part in parts)]
    settings = {**(post.settings or {}), **dict(extra_settings), "__type": channel.provider}
    return PostItem(integration=IntegrationRef(id=channel.id), value=value, settings=settings)


def _content(content: str | Html, media: Sequence[Media]) -> ContentItem:
    return ContentItem(content=render(content), image=[_media(item) for item in media])


def _part(part: ThreadPart) -> ContentItem:
    return ContentItem(
        content=render(part.content),
        image=[_media(item) for item in part.media],
        delay=part.delay or UNSET,
    )


def _media(media: Media) -> MediaRef:
    return MediaRef(
        id=media.id,
        path=media.path,
        alt=media.alt if media.alt is not None else UNSET,
        thumbnail=media.thumbnail if media.thumbnail is not None else UNSET,
    )


def _encoded(body: CreatePost) -> Raw:
    raw = encode_body(body)
    if len(bytes(raw)) > MAX_BODY:
        problem = Problem("body", f"has {len(bytes(raw)):,} bytes; the server reads {MAX_BODY:,}")
        raise InvalidPostError([problem])
    return raw


def _surely_not_stored(error: Exception) -> bool:
    """No byte was sent, or the server failed before it knew whose request it was (401)."""
    if isinstance(error, APIConnectionError):
        return error.delivery is not error.delivery.UNKNOWN
    return isinstance(error, ServerError) and error.status_code == 401


def _marks(body: CreatePost) -> Marks:
    channels = tuple(item.integration.id for item in body.posts)
    return Marks(parse_date(body.date), channels)
