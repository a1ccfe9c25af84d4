"""Posts: create, list, change, delete."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Raw

from postiz_async.compose import build_body, build_item, encode_create, marks_of, wrong_with
from postiz_async.endpoints import (
    CREATE_POST,
    DELETE_POST,
    DELETE_POST_GROUP,
    LIST_POSTS,
    MISSING,
    SET_RELEASE_ID,
    SET_STATUS,
    UPDATE_SETTINGS,
    Call,
)
from postiz_async.errors import (
    APIConnectionError,
    BadRequestError,
    Delivery,
    DeliveryUnknownError,
    InvalidPostError,
    NotFoundError,
    Problem,
    ServerError,
    UnexpectedAnswerError,
)
from postiz_async.resources.browse import Watch, around, find_post, walk
from postiz_async.wire import encode_body, format_date, parse_date

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from postiz_async.caller import Caller
    from postiz_async.channels import Channels
    from postiz_async.models.posts import (
        Created,
        CreatePost,
        MissingRelease,
        NewPost,
        Post,
        PostItem,
        PostType,
    )
    from postiz_async.resources.notifications import Notifications
    from postiz_async.scheduler import Priority

__all__ = ["Posts"]


class _Status(msgspec.Struct):
    status: str


class _ReleaseId(msgspec.Struct, rename="camel"):
    release_id: str


class _Settings(msgspec.Struct):
    settings: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _How:
    """What the three kinds of creating a post have in common."""

    tags: Sequence[str]
    short_link: bool
    max_wait: float | None
    priority: Priority | None


class Posts:
    """`postiz.posts`: the scheduled, drafted and published posts."""

    def __init__(self, caller: Caller, channels: Channels, notifications: Notifications) -> None:
        self._caller = caller
        self._channels = channels
        self._notifications = notifications

    # -------------------------------------------------------------- creating

    async def schedule(
        self,
        *posts: NewPost,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | None = None,
        priority: Priority | None = None,
    ) -> builtins.list[Created]:
        """Schedule one post or several for one moment; one request, whatever their number.

        Args:
            posts: what to post, each on its channel.
            at: when, with a time zone. A moment that has passed is refused here, because the
                server would publish at once.
            tags: names of tags that exist in Postiz; the server drops unknown ones in silence.
            short_link: shorten links where the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota; None for what the client's
                options say, which is as long as it takes.
            priority: the lane; None for what the client's options say, which is interactive.

        Costs one of the hourly create requests. Retried: only when proved not carried out.
        Since v1.11.1.

        Raises:
            InvalidPostError: nothing was sent.
            QuotaWaitError: the wait would be longer than `max_wait`; nothing was sent.
            DeliveryUnknownError: the answer was lost; do not send again blindly.
            BadRequestError: the server refused it; that cost one request.
        """
        if at.utcoffset() is not None and at.timestamp() <= self._caller.server_time():
            problem = Problem(
                "at",
                f"{at.isoformat(sep=' ', timespec='seconds')} has passed",
                hint="the server would publish at once; say so with publish_now",
            )
            raise InvalidPostError([problem])
        return await self._new("schedule", posts, at, _How(tags, short_link, max_wait, priority))

    async def publish_now(
        self,
        *posts: NewPost,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | None = None,
        priority: Priority | None = None,
    ) -> builtins.list[Created]:
        """Publish at once, as soon as the quota has a slot. Otherwise like `schedule`."""
        now = datetime.fromtimestamp(self._caller.server_time(), UTC)
        return await self._new("now", posts, now, _How(tags, short_link, max_wait, priority))

    async def draft(
        self,
        *posts: NewPost,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | None = None,
        priority: Priority | None = None,
    ) -> builtins.list[Created]:
        """Store drafts, which are never published by themselves. Otherwise like `schedule`."""
        return await self._new("draft", posts, at, _How(tags, short_link, max_wait, priority))

    async def replace(
        self,
        post_id: str,
        new: NewPost,
        *,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | None = None,
        priority: Priority | None = None,
    ) -> Created:
        """Put a complete new content in the place of a post; it keeps its id and its state.

        What is not given is removed: media, thread parts, tags, settings and repetition. The
        list returns neither media nor thread parts, so nothing can fill in what you leave out,
        and there is no partial edit (but see `update_settings`). Nothing is published by it.

        Args:
            post_id: the post to replace.
            new: all of its new content, on the channel it has.
            at: its new moment, with a time zone.
            tags: see `schedule`.
            short_link: see `schedule`.
            max_wait: see `schedule`.
            priority: see `schedule`.

        Costs one of the hourly create requests. Retried: only when proved not carried out.
        Since v2.13.0. Raises what `schedule` raises.
        """
        item = (await self._items((new,)))[0]
        first = msgspec.structs.replace(item.value[0], id=post_id)
        item = msgspec.structs.replace(item, value=[first, *item.value[1:]])
        body = build_body("update", at, [item], tags=tags, short_link=short_link)
        return (await self.create(body, max_wait=max_wait, priority=priority))[0]

    async def _new(
        self, kind: PostType, posts: tuple[NewPost, ...], at: datetime, how: _How
    ) -> builtins.list[Created]:
        items = await self._items(posts)
        body = build_body(kind, at, items, tags=how.tags, short_link=how.short_link)
        return await self.create(body, max_wait=how.max_wait, priority=how.priority)

    async def _items(self, posts: tuple[NewPost, ...]) -> builtins.list[PostItem]:
        problems = [] if posts else [Problem("posts", "there is none")]
        items: builtins.list[PostItem] = []
        for place, post in enumerate(posts):
            channel = post.channel
            known = await self._channels.find(channel) if isinstance(channel, str) else channel
            wrong = wrong_with(post, known, place)
            if wrong is not None:
                problems.append(wrong)
            elif known is not None:
                items.append(build_item(post, known))
        if problems:
            raise InvalidPostError(problems)
        return items

    async def create(
        self,
        body: CreatePost,
        *,
        max_wait: float | None = None,
        priority: Priority | None = None,
        deadline: datetime | None = None,
        finish: bool = False,
        prepare: Callable[[], Awaitable[CreatePost]] | None = None,
    ) -> builtins.list[Created]:
        """The route itself: `POST /posts` with a body as it is.

        Args:
            body: the request.
            max_wait: see `schedule`.
            priority: see `schedule`.
            deadline: when it should have left; earlier ones go first within a lane.
            finish: a request whose first byte is out is not cancelled; it ends with its answer
                or its time-out.
            prepare: awaited after the slot was taken and before the first byte; returns the
                body to send in place of `body`. When it raises, the slot is given back and
                nothing is sent.

        Costs one of the hourly create requests. Retried: only when proved not carried out.
        Since v1.11.1. Raises what `schedule` raises.
        """

        async def late_body() -> Raw | None:
            nonlocal body
            if prepare is None:
                return None
            body = await prepare()
            return encode_create(body)

        call = Call(CREATE_POST, body=encode_create(body), posts=len(body.posts))
        options = replace(
            self._caller.merged(max_wait=max_wait, priority=priority),
            deadline=self._moment(deadline),
            finish=finish,
            prepare=late_body,
        )
        try:
            created = await self._caller.call(call, options)
        except (APIConnectionError, ServerError, UnexpectedAnswerError) as error:
            if _surely_not_stored(error):
                raise
            raise DeliveryUnknownError(
                f"The answer to a create of {len(body.posts)} posts was lost ({error}). They may "
                f"be stored. Look at {body.date} before sending again.",
                marks=marks_of(body),
            ) from error
        if len(created) != len(body.posts):
            raise DeliveryUnknownError(
                f"The server says it stored {len(created)} of {len(body.posts)} posts.",
                marks=marks_of(body),
            )
        return created

    def _moment(self, deadline: datetime | None) -> float | None:
        if deadline is None:
            return None
        clock = self._caller.clock
        return clock.monotonic() + deadline.timestamp() - clock.time()

    async def probe(self) -> None:
        """Spend one create request to see the quota: an empty body, which the server refuses.

        Costs one of the hourly create requests and stores nothing; `postiz.quota()` then knows.

        Raises:
            QuotaError: there is no slot, or the organisation is locked out.
        """
        call = Call(CREATE_POST, body=Raw(b"{}"))
        with suppress(BadRequestError):
            await self._caller.call(call, self._caller.merged(max_wait=0.0, priority=None))

    # -------------------------------------------------------------- looking

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
        return (await self._caller.call(Call(LIST_POSTS, query=tuple(query)))).posts

    def iter(
        self,
        *,
        start: datetime,
        end: datetime,
        state: str | None = None,
        integration: str | None = None,
        tag: str | None = None,
        collapse_repeats: bool = False,
    ) -> AsyncIterator[Post]:
        """The posts of a range of any length, in order of date, listed in pieces.

        Args:
            start: the first moment, with a time zone.
            end: the last moment.
            state: only `QUEUE`, `PUBLISHED`, `ERROR` or `DRAFT`.
            integration: only this channel, by id.
            tag: only posts with this tag, by name.
            collapse_repeats: a repeated post once, at its first occurrence in the range.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.
        """

        def accepts(post: Post) -> bool:
            channel = post.integration.id if post.integration is not None else None
            return (
                (state is None or post.state == state)
                and (integration is None or channel == integration)
                and (tag is None or any(each.tag.name == tag for each in post.tags))
            )

        return walk(self.list, start, end, accepts=accepts, collapse_repeats=collapse_repeats)

    async def get(
        self, post_id: str, *, start: datetime | None = None, end: datetime | None = None
    ) -> Post:
        """The post with this id, found by listing; the server has no other way.

        Args:
            post_id: the id of the post, not of a part of its thread.
            start: where to begin to look; a year ago if None.
            end: where to stop; in a year if None.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            NotFoundError: it is not listed there.
        """
        first, last = around(self._caller.clock.time())
        return await find_post(self.list, post_id, start or first, end or last)

    async def wait_published(
        self, post_id: str, *, at: datetime, timeout: float | None = None
    ) -> Post:
        """Wait until a post is published on its network.

        Args:
            post_id: the post.
            at: the moment it is scheduled for, exactly as it was sent.
            timeout: seconds to wait; None for as long as it takes.

        Costs no quota since v2.19.0.

        Raises:
            PublishError: the network refused it; with the reason, as far as a notification of
                that time tells it.
            NotFoundError: it was deleted or moved.
            APITimeoutError: it was not published within `timeout`.
        """
        watch = Watch(self.list, self._notifications.iter, self._caller.clock)
        return await watch.until_published(post_id, at, timeout)

    # -------------------------------------------------------------- changing

    async def set_status(self, post_id: str, status: Literal["draft", "schedule"]) -> str:
        """Turn a scheduled post into a draft or back. Returns the new state.

        `schedule` publishes at once when the date has passed, and publishes a published post
        again: the server has no guard. Give the id of the post, not of a part of its thread.

        Costs no quota. Retried: only when proved not carried out. Since v2.21.7.

        Raises:
            BadRequestError: there is no such post.
        """
        call = Call(SET_STATUS, params={"id": post_id}, body=encode_body(_Status(status)))
        return (await self._caller.call(call)).state

    async def update_settings(self, post_id: str, settings: Mapping[str, object]) -> datetime:
        """Merge keys into the settings of a post that is not published. Returns its date.

        A repetition of the post is removed by it. Costs no quota. Retried: yes. Since a release
        after v2.23.0.

        Raises:
            NotFoundError: there is no such post, or the server is older.
            BadRequestError: it is published or part of a thread, or the settings are refused.
        """
        body = encode_body(_Settings(settings))
        answer = await self._caller.call(Call(UPDATE_SETTINGS, params={"id": post_id}, body=body))
        return parse_date(answer.publish_date)

    async def missing(self, post_id: str) -> builtins.list[MissingRelease]:
        """Recent items of the channel, to choose which one a post with unknown id became.

        Costs no quota. Retried: yes. Since v2.19.0.
        """
        return await self._caller.call(Call(MISSING, params={"id": post_id}))

    async def set_release_id(self, post_id: str, release_id: str) -> None:
        """Tell Postiz which item on the network a post became; see `missing`.

        Costs no quota. Retried: only when proved not carried out. Since v2.19.0.

        Raises:
            InvalidPostError: `release_id` is empty.
            ServerError: there is no such post, or its id on the network is known already.
        """
        if not release_id:
            raise InvalidPostError([Problem("release_id", "is empty")])
        body = encode_body(_ReleaseId(release_id))
        await self._caller.call(Call(SET_RELEASE_ID, params={"id": post_id}, body=body))

    # -------------------------------------------------------------- deleting

    async def delete(self, post_id: str) -> bool:
        """Delete a post with its thread. What is published already stays on the network.

        The server answers 500 for a post that is gone already. That is no error when the list
        of the year before and after today confirms it.

        Costs no quota since v2.19.0. Retried: yes. Since v1.26.1.

        Returns:
            True when it was deleted now, False when it was gone already.

        Raises:
            ServerError: the server failed and the post is still listed.
        """
        try:
            await self._caller.call(Call(DELETE_POST, params={"id": post_id}))
        except (ServerError, NotFoundError):
            if await self._is_listed(post_id):
                raise
            return False
        return True

    async def _is_listed(self, post_id: str) -> bool:
        try:
            await self.get(post_id)
        except NotFoundError:
            return False
        return True

    async def delete_group(self, group: str) -> None:
        """Delete the posts of a group; an unknown group is no error.

        Costs no quota. Retried: yes. Since v2.18.0.
        """
        await self._caller.call(Call(DELETE_POST_GROUP, params={"group": group}))


def _surely_not_stored(error: Exception) -> bool:
    """No byte was sent, or the server failed before it knew whose request it was (401)."""
    if isinstance(error, APIConnectionError):
        return error.delivery is Delivery.NOT_SENT
    return isinstance(error, ServerError) and error.status_code == 401
