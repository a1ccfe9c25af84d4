"""Creating posts: the calls that cost a slot of the quota."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw

from postiz_async.errors import (
    APIConnectionError,
    BadRequestError,
    Delivery,
    DeliveryUnknownError,
    InvalidPostError,
    Problem,
    ServerError,
    UnexpectedAnswerError,
)
from postiz_async.models.durations import check_seconds
from postiz_async.models.posts import NewPost, ThreadPart
from postiz_async.resources.create_body import (
    build_body,
    build_item,
    encode_create,
    marks_of,
    refuse_type_problems,
    type_problem,
    wrong_with,
)
from postiz_async.resources.preflight import Preflight
from postiz_async.validation import MediaFacts
from postiz_async.wire.endpoints import CREATE_POST, Call

if TYPE_CHECKING:
    import builtins
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from postiz_async.models.posts import Created, CreatePost, PostItem, PostType
    from postiz_async.resources.channels import Channels
    from postiz_async.scheduler.bound import BoundScheduler
    from postiz_async.scheduler.calls import CallOptions

__all__ = ["Creating"]

log = logging.getLogger("postiz_async")


@dataclass(frozen=True, slots=True)
class _How:
    """What the three kinds of creating a post have in common."""

    tags: Sequence[str]
    short_link: bool
    max_wait: float | None
    priority: int | None
    validate: bool | None


class Creating:
    """The part of `postiz.posts` that creates."""

    def __init__(self, caller: BoundScheduler, channels: Channels, *, validates: bool) -> None:
        self._caller = caller
        self._channels = channels
        self._validates = validates

    async def schedule(
        self,
        *posts: NewPost,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | None = None,
        priority: int | None = None,
        validate: bool | None = None,
    ) -> builtins.list[Created]:
        """Schedule one post or several for one moment; one request, whatever their number.

        Args:
            posts: what to post, each on its channel.
            at: when, with a time zone. A moment that has passed is refused here, because the
                server would publish at once.
            tags: names of tags that exist in Postiz; the server drops unknown ones in silence.
            short_link: shorten links where the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota, 0 for not at all; None for
                what the client's options say, which is as long as it takes.
            priority: the priority; None for what the client's options say, which is interactive.
            validate: refuse what the server would refuse, before a slot is spent, and log what
                it accepts and you would regret; None for what the client says, which is True.

        Costs one of the hourly create requests. Retried: only when proved not carried out.
        Since v1.11.1.

        Raises:
            InvalidPostError: nothing was sent.
            QuotaWaitError: the wait would be longer than `max_wait`; nothing was sent.
            DeliveryUnknownError: the answer was lost; do not send again blindly.
            BadRequestError: the server refused it; that cost one request.
            ConfigurationError: `max_wait` is no number of seconds.
        """
        how = _How(tags, short_link, max_wait, priority, validate)
        return await self._new("schedule", posts, at, how)

    async def publish_now(
        self,
        *posts: NewPost,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | None = None,
        priority: int | None = None,
        validate: bool | None = None,
    ) -> builtins.list[Created]:
        """Publish at once, as soon as the quota has a slot. Otherwise like `schedule`."""
        now = datetime.fromtimestamp(self._caller.server_time(), UTC)
        how = _How(tags, short_link, max_wait, priority, validate)
        return await self._new("now", posts, now, how)

    async def draft(
        self,
        *posts: NewPost,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | None = None,
        priority: int | None = None,
        validate: bool | None = None,
    ) -> builtins.list[Created]:
        """Store drafts, which are never published by themselves. Otherwise like `schedule`."""
        how = _How(tags, short_link, max_wait, priority, validate)
        return await self._new("draft", posts, at, how)

    async def replace(
        self,
        post_id: str,
        new: NewPost,
        *,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | None = None,
        priority: int | None = None,
        validate: bool | None = None,
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
            validate: see `schedule`.

        Costs one of the hourly create requests. Retried: only when proved not carried out.
        Since v2.13.0. Raises what `schedule` raises.
        """
        check_seconds("max_wait", max_wait, zero=True, none=True)
        caller = self._caller.begun()
        item = (await self._items(caller, (new,)))[0]
        first = msgspec.structs.replace(item.value[0], id=post_id)
        item = msgspec.structs.replace(item, value=[first, *item.value[1:]])
        body = build_body("update", at, [item], tags=tags, short_link=short_link)
        await self._vet(caller, body, validate, _facts((new,)))
        options = caller.merged(max_wait=max_wait, priority=priority)
        return (await self._create(caller, body, options))[0]

    async def _new(
        self, kind: PostType, posts: tuple[NewPost, ...], at: datetime, how: _How
    ) -> builtins.list[Created]:
        check_seconds("max_wait", how.max_wait, zero=True, none=True)
        caller = self._caller.begun()
        body = await self._compose(caller, kind, posts, at, how)
        options = caller.merged(max_wait=how.max_wait, priority=how.priority)
        due = self._moment(at) if kind == "schedule" else None
        return await self._create(caller, body, msgspec.structs.replace(options, due=due))

    async def compose(
        self,
        *posts: NewPost,
        kind: PostType,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        validate: bool | None = None,
    ) -> CreatePost:
        """The request that `schedule`, `publish_now` or `draft` would send, for `create`.

        Args:
            posts: see `schedule`.
            kind: `schedule`, `now` or `draft`.
            at: see `schedule`.
            tags: see `schedule`.
            short_link: see `schedule`.
            validate: see `schedule`.

        Costs no quota; asks only for the channels, as `validate` does.

        Raises:
            InvalidPostError: the server would refuse it.
        """
        how = _How(tags, short_link, None, None, validate)
        return await self._compose(self._caller.begun(), kind, posts, at, how)

    async def _compose(
        self,
        caller: BoundScheduler,
        kind: PostType,
        posts: tuple[NewPost, ...],
        at: datetime,
        how: _How,
    ) -> CreatePost:
        refuse_type_problems(at, how.tags)
        if kind == "schedule":
            self._refuse_past(at)
        items = await self._items(caller, posts)
        body = build_body(kind, at, items, tags=how.tags, short_link=how.short_link)
        await self._vet(caller, body, how.validate, _facts(posts))
        return body

    def _refuse_past(self, at: datetime) -> None:
        if at.utcoffset() is not None and at.timestamp() <= self._caller.server_time():
            problem = Problem(
                "at",
                f"{at.isoformat(sep=' ', timespec='seconds')} has passed",
                hint="the server would publish at once; say so with publish_now",
            )
            raise InvalidPostError([problem])

    async def _vet(
        self,
        caller: BoundScheduler,
        body: CreatePost,
        wanted: bool | None,  # noqa: FBT001
        media: Mapping[str, MediaFacts] | None = None,
    ) -> None:
        """Refuse what the server would refuse; what would be regretted goes to the log."""
        if not (self._validates if wanted is None else wanted):
            return
        problems = await self._problems(caller, body, media)
        errors = [problem for problem in problems if problem.severity == "error"]
        if errors:
            raise InvalidPostError(errors)
        for problem in problems:
            log.warning("%s", problem)

    async def validate(
        self, body: CreatePost, *, media: Mapping[str, MediaFacts] | None = None
    ) -> builtins.list[Problem]:
        """What the server would refuse about a create request, in its order, and what to regret.

        Sends nothing but a look at the channels, and at the rules of a channel where the text is
        too long for an X account that is not verified or the provider is new to the library.

        Args:
            body: the request.
            media: pixels and bytes of its media by path, as far as they are known.

        Returns:
            Errors first, then warnings; see `postiz_async.validation.validate`.

        Costs no quota. Raises what `postiz.integrations.list` raises.
        """
        return await self._problems(self._caller.begun(), body, media)

    async def _problems(
        self, caller: BoundScheduler, body: CreatePost, media: Mapping[str, MediaFacts] | None
    ) -> builtins.list[Problem]:
        now = datetime.fromtimestamp(caller.server_time(), UTC)
        return await Preflight(caller, self._channels).problems(body, media=media, now=now)

    async def _items(
        self, caller: BoundScheduler, posts: tuple[NewPost, ...]
    ) -> builtins.list[PostItem]:
        problems = [] if posts else [Problem("posts", "there is none")]
        items: builtins.list[PostItem] = []
        for place, post in enumerate(posts):
            wrong = type_problem(post, place)
            if wrong is not None:
                problems.append(wrong)
                continue
            channel = post.channel
            known = (
                await self._channels.find(caller, channel) if isinstance(channel, str) else channel
            )
            wrong = wrong_with(post, known, place)
            if wrong is not None:
                problems.append(wrong)
            elif known is not None:
                try:
                    items.append(build_item(post, known))
                except InvalidPostError as error:
                    problems += [_at_post(place, problem) for problem in error.problems]
        if problems:
            raise InvalidPostError(problems)
        return items

    async def create(
        self,
        body: CreatePost,
        *,
        max_wait: float | None = None,
        priority: int | None = None,
        validate: bool | None = None,
        due: datetime | None = None,
        finish: bool = False,
        prepare: Callable[[], Awaitable[CreatePost]] | None = None,
        retry: bool = True,
    ) -> builtins.list[Created]:
        """The route itself: `POST /posts` with a body as it is.

        Args:
            body: the request.
            max_wait: see `schedule`.
            priority: see `schedule`.
            validate: see `schedule`.
            due: when it should have left: within a priority the earliest goes first.
            finish: a request whose first byte is out is not cancelled; it ends with its answer
                or its time-out.
            prepare: awaited after the slot was taken and before the first byte; returns the
                body to send in place of `body`. When it raises, the slot is given back and
                nothing is sent.
            retry: False for one attempt, when the caller repeats it by itself.

        Costs one of the hourly create requests. Retried: only when proved not carried out.
        Since v1.11.1. Raises what `schedule` raises.
        """
        check_seconds("max_wait", max_wait, zero=True, none=True)
        caller = self._caller.begun()
        await self._vet(caller, body, validate)
        options = msgspec.structs.replace(
            caller.merged(max_wait=max_wait, priority=priority),
            due=self._moment(due),
            finish=finish,
            retry=retry,
        )
        return await self._create(caller, body, options, prepare)

    async def _create(
        self,
        caller: BoundScheduler,
        body: CreatePost,
        options: CallOptions,
        prepare: Callable[[], Awaitable[CreatePost]] | None = None,
    ) -> builtins.list[Created]:
        sent_at = 0.0

        async def late_body() -> Raw | None:
            nonlocal body, sent_at
            sent_at = caller.server_time()
            if prepare is None:
                return None
            body = await prepare()
            return encode_create(body)

        call = Call(CREATE_POST, body=encode_create(body), posts=len(body.posts))
        options = msgspec.structs.replace(options, prepare=late_body)
        try:
            created = await caller.call(call, options)
        except (APIConnectionError, ServerError, UnexpectedAnswerError) as error:
            if _surely_not_stored(error):
                raise
            text = (
                f"The answer to a create of {len(body.posts)} posts was lost ({error}). They may "
                "be stored. Look with posts.find(error.marks) before sending again."
            )
            raise DeliveryUnknownError(text, marks=marks_of(body, sent_at)) from error
        if len(created) != len(body.posts):
            text = f"The server says it stored {len(created)} of {len(body.posts)} posts."
            raise DeliveryUnknownError(text, marks=marks_of(body, sent_at))
        return created

    def _moment(self, at: datetime | None) -> float | None:
        """A moment of the server's clock on ours."""
        if at is None:
            return None
        return self._caller.clock.monotonic() + at.timestamp() - self._caller.server_time()

    async def probe(self, *, retry: bool = True) -> None:
        """Spend one create request to see the quota: an empty body, which the server refuses.

        Args:
            retry: False for one attempt, when the caller repeats it by itself.

        Costs one of the hourly create requests and stores nothing; `postiz.quota()` then knows.

        Raises:
            QuotaError: there is no slot, or the organisation is locked out.
        """
        call = Call(CREATE_POST, body=Raw(b"{}"))
        with suppress(BadRequestError):
            options = self._caller.merged(max_wait=0.0, priority=None)
            await self._caller.call(call, msgspec.structs.replace(options, retry=retry))


def _at_post(place: int, problem: Problem) -> Problem:
    return replace(problem, where=f"posts.{place}.{problem.where}")


def _surely_not_stored(error: Exception) -> bool:
    """No byte was sent, or the server failed before it knew whose request it was (401)."""
    if isinstance(error, APIConnectionError):
        return error.delivery is Delivery.NOT_SENT
    return isinstance(error, ServerError) and error.status_code == 401


def _facts(posts: Sequence[NewPost]) -> dict[str, MediaFacts]:
    """What is known of the media of new posts, by path."""
    parts = [part for post in posts for part in post.thread if isinstance(part, ThreadPart)]
    carriers: list[NewPost | ThreadPart] = [*posts, *parts]
    media = [medium for carrier in carriers for medium in carrier.media]
    return {
        medium.path: MediaFacts(width=medium.width, height=medium.height, size=medium.size)
        for medium in media
        if medium.size
    }
