"""Creating posts: the calls that cost a slot of the quota."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw

from postiz_async._resources.create_body import (
    build_body,
    build_item,
    encode_create,
    marks_of,
    media_facts,
    refuse_type_problems,
    type_problem,
    wrong_with,
)
from postiz_async._resources.preflight import Preflight
from postiz_async._wire.endpoints import CREATE_POST, Call
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
from postiz_async.models._durations import check_seconds

if TYPE_CHECKING:
    import builtins
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from postiz_async._resources.channels import Channels
    from postiz_async._scheduler.bound import BoundScheduler
    from postiz_async._validation import MediaFacts
    from postiz_async.models.posts import Created, CreatePost, NewPost, PostItem, PostType

__all__ = ["PostCreation"]

log = logging.getLogger("postiz_async")


class PostCreation:
    """The part of `postiz.posts` that creates."""

    def __init__(self, bound: BoundScheduler, channels: Channels, *, validates: bool) -> None:
        self._bound = bound
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
            priority: the smaller, the sooner it goes; None for what the client's options say,
                which is `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse, before a slot is spent, and log what
                it accepts and you would regret; None for what the client says, which is True.

        Costs one of the hourly create requests. Retried: only when proved not carried out.
        Since v1.11.1.

        Raises:
            InvalidPostError: nothing was sent.
            QuotaWaitError: the wait would be longer than `max_wait`; nothing was sent.
            DeliveryUnknownError: the answer was lost; do not send again blindly.
            BadRequestError: the server refused it; that cost one request.
            ConfigurationError: `max_wait` is not a number of seconds.
        """
        bound = self._begun(max_wait)
        body = await self._body(bound, "schedule", posts, at, tags, short_link, validate)
        return await self._send(bound, body, max_wait, priority, due=at)

    async def publish_now(
        self,
        *posts: NewPost,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | None = None,
        priority: int | None = None,
        validate: bool | None = None,
    ) -> builtins.list[Created]:
        """Publish at once, as soon as the quota has a slot; one request, whatever their number.

        Args:
            posts: what to post, each on its channel.
            tags: names of tags that exist in Postiz; the server drops unknown ones in silence.
            short_link: shorten links where the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota, 0 for not at all; None for
                what the client's options say, which is as long as it takes.
            priority: the smaller, the sooner it goes; None for what the client's options say,
                which is `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse, before a slot is spent, and log what
                it accepts and you would regret; None for what the client says, which is True.

        Costs one of the hourly create requests. Retried: only when proved not carried out.
        Since v1.11.1. Raises what `schedule` raises.
        """
        bound = self._begun(max_wait)
        now = datetime.fromtimestamp(bound.scheduler.server_time(), UTC)
        body = await self._body(bound, "now", posts, now, tags, short_link, validate)
        return await self._send(bound, body, max_wait, priority)

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
        """Store drafts, which are never published by themselves; one request for all.

        Args:
            posts: what to post, each on its channel.
            at: the moment they are stored with, with a time zone; it may have passed.
            tags: names of tags that exist in Postiz; the server drops unknown ones in silence.
            short_link: shorten links where the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota, 0 for not at all; None for
                what the client's options say, which is as long as it takes.
            priority: the smaller, the sooner it goes; None for what the client's options say,
                which is `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse, before a slot is spent, and log what
                it accepts and you would regret; None for what the client says, which is True.

        Costs one of the hourly create requests. Retried: only when proved not carried out.
        Since v1.11.1. Raises what `schedule` raises.
        """
        bound = self._begun(max_wait)
        body = await self._body(bound, "draft", posts, at, tags, short_link, validate)
        return await self._send(bound, body, max_wait, priority)

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
        and only `update_settings` edits a part of it. Nothing is published by it.

        Args:
            post_id: the post to replace.
            new: all of its new content, on the channel it has.
            at: its new moment, with a time zone.
            tags: names of tags that exist in Postiz; the server drops unknown ones in silence.
            short_link: shorten links where the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota, 0 for not at all; None for
                what the client's options say, which is as long as it takes.
            priority: the smaller, the sooner it goes; None for what the client's options say,
                which is `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse, before a slot is spent, and log what
                it accepts and you would regret; None for what the client says, which is True.

        Costs one of the hourly create requests. Retried: only when proved not carried out.
        Since v2.13.0. Raises what `schedule` raises.
        """
        bound = self._begun(max_wait)
        refuse_type_problems(at, tags)
        item = (await self._items(bound, (new,)))[0]
        first = msgspec.structs.replace(item.value[0], id=post_id)
        item = msgspec.structs.replace(item, value=[first, *item.value[1:]])
        body = build_body("update", at, [item], tags=tags, short_link=short_link)
        await self._check(bound, body, validate, (new,))
        return (await self._send(bound, body, max_wait, priority))[0]

    async def build(
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
            posts: what to post, each on its channel.
            kind: `schedule`, `now` or `draft`.
            at: when, with a time zone.
            tags: names of tags that exist in Postiz; the server drops unknown ones in silence.
            short_link: shorten links where the server has a shortener.
            validate: refuse what the server would refuse; None for what the client says, which
                is True.

        Costs no quota; asks only for the channels, as `validate` does.

        Raises:
            InvalidPostError: the server would refuse it.
        """
        bound = self._bound.begun()
        return await self._body(bound, kind, posts, at, tags, short_link, validate)

    def _begun(self, max_wait: float | None) -> BoundScheduler:
        if max_wait is not None:
            check_seconds("max_wait", max_wait, zero=True, none=True)
        return self._bound.begun()

    async def _body(
        self,
        bound: BoundScheduler,
        kind: PostType,
        posts: tuple[NewPost, ...],
        at: datetime,
        tags: Sequence[str],
        short_link: bool,  # noqa: FBT001
        validate: bool | None,  # noqa: FBT001
    ) -> CreatePost:
        refuse_type_problems(at, tags)
        if kind == "schedule" and at.utcoffset() is not None:
            _refuse_past(at, bound.scheduler.server_time())
        items = await self._items(bound, posts)
        body = build_body(kind, at, items, tags=tags, short_link=short_link)
        await self._check(bound, body, validate, posts)
        return body

    async def _check(
        self,
        bound: BoundScheduler,
        body: CreatePost,
        wanted: bool | None,  # noqa: FBT001
        posts: Sequence[NewPost] = (),
    ) -> None:
        """Refuse what the server would refuse; what would be regretted goes to the log."""
        if not (self._validates if wanted is None else wanted):
            return
        now = datetime.fromtimestamp(bound.scheduler.server_time(), UTC)
        preflight = Preflight(bound, self._channels)
        problems = await preflight.problems(body, media=media_facts(posts), now=now)
        if not problems:
            return
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
            Errors first, then warnings, like `postiz_async.validate` with the channels looked up.

        Costs no quota. Raises what `postiz.integrations.list` raises.
        """
        bound = self._bound.begun()
        now = datetime.fromtimestamp(bound.scheduler.server_time(), UTC)
        return await Preflight(bound, self._channels).problems(body, media=media, now=now)

    async def _items(
        self, bound: BoundScheduler, posts: tuple[NewPost, ...]
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
                await self._channels.find(bound, channel) if isinstance(channel, str) else channel
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
            max_wait: seconds to wait for a slot of the hourly quota, 0 for not at all; None for
                what the client's options say, which is as long as it takes.
            priority: the smaller, the sooner it goes; None for what the client's options say,
                which is `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse, before a slot is spent, and log what
                it accepts and you would regret; None for what the client says, which is True.
            due: when it should have left: of equal priority the earliest goes first.
            finish: a request whose first byte is out is not cancelled; it ends with its answer
                or its time-out.
            prepare: awaited after the slot was taken and before the first byte; returns the
                body to send in place of `body`. When it raises, the slot is given back and
                nothing is sent.
            retry: False for one attempt, when the caller repeats it by itself.

        Costs one of the hourly create requests. Retried: only when proved not carried out.
        Since v1.11.1. Raises what `schedule` raises.
        """
        bound = self._begun(max_wait)
        await self._check(bound, body, validate)
        return await self._send(
            bound, body, max_wait, priority, due=due, finish=finish, prepare=prepare, retry=retry
        )

    async def _send(
        self,
        bound: BoundScheduler,
        body: CreatePost,
        max_wait: float | None,
        priority: int | None,
        *,
        due: datetime | None = None,
        finish: bool = False,
        prepare: Callable[[], Awaitable[CreatePost]] | None = None,
        retry: bool = True,
    ) -> builtins.list[Created]:
        async def prepared() -> Raw:
            nonlocal body
            assert prepare is not None  # noqa: S101  (it is used only then)
            body = await prepare()
            return encode_create(body)

        scheduler = bound.scheduler
        left = None if due is None else due.timestamp() - scheduler.server_time()
        options = msgspec.structs.replace(
            bound.options,
            max_wait=bound.options.max_wait if max_wait is None else max_wait,
            priority=bound.options.priority if priority is None else priority,
            due=None if left is None else scheduler.clock.monotonic() + left,
            finish=finish,
            prepare=None if prepare is None else prepared,
            retry=retry,
        )
        call = Call(CREATE_POST, body=encode_create(body), posts=len(body.posts))
        try:
            created = await bound.call(call, options)
        except (APIConnectionError, ServerError, UnexpectedAnswerError) as error:
            if _surely_not_stored(error):
                raise
            text = (
                f"The answer to a create of {len(body.posts)} posts was lost ({error}). They may "
                "be stored. Look with posts.find(error.marks) before sending again."
            )
            raise DeliveryUnknownError(text, marks=marks_of(body, _sent_at(bound))) from error
        if len(created) != len(body.posts):
            text = f"The server says it stored {len(created)} of {len(body.posts)} posts."
            raise DeliveryUnknownError(text, marks=marks_of(body, _sent_at(bound)))
        return created

    async def probe(self, *, retry: bool = True) -> None:
        """Spend one create request to see the quota: an empty body, which the server refuses.

        Args:
            retry: False for one attempt, when the caller repeats it by itself.

        Costs one of the hourly create requests and stores nothing; `postiz.quota()` then knows.

        Raises:
            QuotaError: there is no slot, or the organisation is locked out.
        """
        call = Call(CREATE_POST, body=Raw(b"{}"))
        options = msgspec.structs.replace(self._bound.options, max_wait=0.0, retry=retry)
        with suppress(BadRequestError):
            await self._bound.call(call, options)


def _refuse_past(at: datetime, now: float) -> None:
    if at.timestamp() <= now:
        problem = Problem(
            "at",
            f"{at.isoformat(sep=' ', timespec='seconds')} has passed",
            hint="the server would publish at once; say so with publish_now",
        )
        raise InvalidPostError([problem])


def _sent_at(bound: BoundScheduler) -> float:
    """When the last attempt of a begun call was sent, on the server's wall clock."""
    scheduler = bound.scheduler
    return scheduler.server_time() - (scheduler.clock.monotonic() - bound.time.sent_at)


def _at_post(place: int, problem: Problem) -> Problem:
    return replace(problem, where=f"posts.{place}.{problem.where}")


def _surely_not_stored(error: Exception) -> bool:
    """No byte was sent, or the server failed before it knew whose request it was (401)."""
    if isinstance(error, APIConnectionError):
        return error.delivery is Delivery.NOT_SENT
    return isinstance(error, ServerError) and error.status_code == 401
