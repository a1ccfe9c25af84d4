"""Creating posts: the calls that cost a slot of the quota."""

from __future__ import annotations

import builtins
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec
from msgspec import UNSET, Raw, UnsetType

from postiz_async._resources.builder import CreateCall, NewCreate, refuse_past
from postiz_async._resources.channels import ChannelCache
from postiz_async._resources.create_body import (
    build_body,
    encode_extra,
    refuse_other_body,
    refuse_type_problems,
    refuse_wrong_types,
    refusing_posts,
)
from postiz_async._resources.keyed import KeyedCreate, KeyedCreates, check_key, keyed_body, said_of
from postiz_async._resources.listing import group_of, list_posts, post_id_of
from postiz_async._scheduler.calls import Priority
from postiz_async._scheduler.scheduler import BoundScheduler
from postiz_async._wire import format_date
from postiz_async._wire.endpoints import CREATE_POST, Call
from postiz_async._wire.secrets import OfOneProcess
from postiz_async.errors import BadRequestError, InvalidPostError, Problem
from postiz_async.models._durations import read_seconds
from postiz_async.models.posts import Created, NewPost, Post, PostRequest, PostType

log = logging.getLogger("postiz_async")


class PostCreation(OfOneProcess):
    """The methods of `postiz.posts` that create posts."""

    def __init__(
        self,
        bound: BoundScheduler,
        channels: ChannelCache,
        keyed: Callable[[], KeyedCreates],
        *,
        validates: bool,
    ) -> None:
        self._bound = bound
        self._channels = channels
        self._keyed = keyed
        self._validates = validates

    async def schedule(
        self,
        *posts: NewPost,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | timedelta | UnsetType | None = UNSET,
        priority: int | None = None,
        validate: bool | None = None,
        idempotency_key: str | None = None,
        extra_body: Mapping[str, object] | None = None,
    ) -> builtins.list[Created]:
        """Schedule one or more posts for the same time, with one request.

        Args:
            posts: what to post, each on its channel.
            at: when to publish, with a time zone. A time in the past is refused here, because the
                server would publish at once.
            tags: names of tags that exist in Postiz; the server silently drops unknown ones.
            short_link: shorten links if the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota; 0: do not wait; None or
                `math.inf`: as long as necessary. Not given: as the client's options say.
            priority: smaller numbers go first; None: as the client's options say, by default
                `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse before a slot is spent, and log warnings
                about what it accepts but is probably a mistake; None: as the client says, by
                default True.
            idempotency_key: a text of 1 to 255 characters, such as an order number. The posts are
                stored once, however often and from wherever the same call is made; repeated calls
                return the answer of the first, for which they wait no longer than `max_wait`.
            extra_body: fields to add to the JSON of the request, for those that the library does
                not have.

        Costs one of the hourly create requests. Retried only if it is proved that it was not
        carried out. Since v1.11.1.

        Raises:
            InvalidPostError: nothing was sent.
            IdempotencyError: the key was used with other arguments; nothing was sent.
            QuotaWaitError: the wait would be longer than `max_wait`; nothing was sent.
            DeliveryUnknownError: the answer was lost; do not send again blindly.
            BadRequestError: the server refused it; that cost one request.
            UsageError: `max_wait` is not a number of seconds.
        """
        call = self._begun(max_wait, priority, validate, extra_body, due=at)
        new = NewCreate("schedule", posts, at, tags, short_link)
        sending = await self._made(call, new, idempotency_key)
        del call, new, posts  # they wait as bytes
        return await sending

    async def publish_now(
        self,
        *posts: NewPost,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | timedelta | UnsetType | None = UNSET,
        priority: int | None = None,
        validate: bool | None = None,
        idempotency_key: str | None = None,
        extra_body: Mapping[str, object] | None = None,
    ) -> builtins.list[Created]:
        """Publish as soon as the quota has a slot; one request for all posts.

        Args:
            posts: what to post, each on its channel.
            tags: names of tags that exist in Postiz; the server silently drops unknown ones.
            short_link: shorten links if the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota; 0: do not wait; None or
                `math.inf`: as long as necessary. Not given: as the client's options say.
            priority: smaller numbers go first; None: as the client's options say, by default
                `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse before a slot is spent, and log warnings
                about what it accepts but is probably a mistake; None: as the client says, by
                default True.
            idempotency_key: a text of 1 to 255 characters, such as an order number. The posts are
                stored once, however often and from wherever the same call is made; repeated calls
                return the answer of the first, for which they wait no longer than `max_wait`.
            extra_body: fields to add to the JSON of the request, for those that the library does
                not have.

        Costs one of the hourly create requests. Retried only if it is proved that it was not
        carried out. Since v1.11.1. Raises what `schedule` raises.
        """
        call = self._begun(max_wait, priority, validate, extra_body)
        now = call.bound.scheduler.server_now()
        new = NewCreate("now", posts, now, tags, short_link)
        sending = await self._made(call, new, idempotency_key)
        del call, new, posts  # they wait as bytes
        return await sending

    async def draft(
        self,
        *posts: NewPost,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | timedelta | UnsetType | None = UNSET,
        priority: int | None = None,
        validate: bool | None = None,
        idempotency_key: str | None = None,
        extra_body: Mapping[str, object] | None = None,
    ) -> builtins.list[Created]:
        """Store drafts, which are not published until you schedule them; one request for all.

        Args:
            posts: what to post, each on its channel.
            at: the date of the drafts, with a time zone; it may be in the past.
            tags: names of tags that exist in Postiz; the server silently drops unknown ones.
            short_link: shorten links if the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota; 0: do not wait; None or
                `math.inf`: as long as necessary. Not given: as the client's options say.
            priority: smaller numbers go first; None: as the client's options say, by default
                `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse before a slot is spent, and log warnings
                about what it accepts but is probably a mistake; None: as the client says, by
                default True.
            idempotency_key: a text of 1 to 255 characters, such as an order number. The posts are
                stored once, however often and from wherever the same call is made; repeated calls
                return the answer of the first, for which they wait no longer than `max_wait`.
            extra_body: fields to add to the JSON of the request, for those that the library does
                not have.

        Costs one of the hourly create requests. Retried only if it is proved that it was not
        carried out. Since v1.11.1. Raises what `schedule` raises.
        """
        call = self._begun(max_wait, priority, validate, extra_body)
        new = NewCreate("draft", posts, at, tags, short_link)
        sending = await self._made(call, new, idempotency_key)
        del call, new, posts  # they wait as bytes
        return await sending

    async def replace(
        self,
        post: Post | Created | str,
        new: NewPost,
        *,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        max_wait: float | timedelta | UnsetType | None = UNSET,
        priority: int | None = None,
        validate: bool | None = None,
        extra_body: Mapping[str, object] | None = None,
    ) -> Created:
        """Replace the whole content of a post, which keeps its id and its state.

        What you leave out is removed: media, thread parts, tags, settings and repetition. The list
        returns neither media nor thread parts, so they cannot be kept; to change only settings, use
        `update_settings`. This publishes nothing, so a scheduled post is given no past date.

        The post is first looked up in the list: the server only removes the old parts of its thread
        if it is given the group, and creates a new post if it does not know the id. If another post
        has the same group, which only the web page can cause, the old parts stay, and the log says
        so.

        Args:
            post: the post to replace, or its id. For a `Post` from the list, the look-up is one
                request.
            new: the complete new content, on the same channel.
            at: its new date, with a time zone; in the past only for a draft, or for a post that
                is out.
            tags: names of tags that exist in Postiz; the server silently drops unknown ones.
            short_link: shorten links if the server has a shortener.
            max_wait: seconds to wait for a slot of the hourly quota; 0: do not wait; None or
                `math.inf`: as long as necessary. Not given: as the client's options say.
            priority: smaller numbers go first; None: as the client's options say, by default
                `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse before a slot is spent, and log warnings
                about what it accepts but is probably a mistake; None: as the client says, by
                default True.
            extra_body: fields to add to the JSON of the request, for those that the library does
                not have.

        Costs one of the hourly create requests. Retried only if it is proved that it was not
        carried out. Since v2.13.0. Raises what `schedule` raises, and:

        Raises:
            InvalidPostError: also if the post is on another channel than `new`.
            PostNotFoundError: it is not listed from a year before to a year after today or `at`.
        """
        call = self._begun(max_wait, priority, validate, extra_body)
        bound = call.bound
        bound.scheduler.require("update")
        options = msgspec.structs.replace(bound.options, completes=True)  # with any date
        bound = msgspec.structs.replace(bound, options=options)
        call = msgspec.structs.replace(call, bound=bound)
        refuse_type_problems(at, tags)
        item = (await call.items((new,)))[0]
        with refusing_posts():  # a date without a zone, before anything is asked
            format_date(at, "at")
        first = msgspec.structs.replace(item.value[0], id=post_id_of(post))
        item = msgspec.structs.replace(
            item,
            value=[first, *item.value[1:]],
            group=await _group_to_replace(call.bound, post, at, item.channel.id),
        )
        body = build_body("update", at, [item], tags=tags, short_link=short_link)
        await call.check(body, (new,))
        return (await call.send(body))[0]

    async def build(
        self,
        *posts: NewPost,
        kind: PostType,
        at: datetime,
        tags: Sequence[str] = (),
        short_link: bool = False,
        validate: bool | None = None,
    ) -> PostRequest:
        """The request that `schedule`, `publish_now` or `draft` would send, for `send`.

        Args:
            posts: what to post, each on its channel.
            kind: `schedule`, `now` or `draft`.
            at: when, with a time zone.
            tags: names of tags that exist in Postiz; the server silently drops unknown ones.
            short_link: shorten links if the server has a shortener.
            validate: refuse what the server would refuse; None: as the client says, by default
                True.

        Costs no quota; asks only for the channels, as `check` does.

        Raises:
            InvalidPostError: the server would refuse it.
        """
        call = self._begun(UNSET, None, validate)
        return await call.build(NewCreate(kind, posts, at, tags, short_link))

    def _begun(
        self,
        max_wait: float | timedelta | UnsetType | None,
        priority: int | None,
        validate: bool | None,  # noqa: FBT001
        extra_body: Mapping[str, object] | None = None,
        *,
        due: datetime | None = None,
    ) -> CreateCall:
        if max_wait is not UNSET:
            max_wait = read_seconds("max_wait", max_wait, zero=True, endless=True)
        return CreateCall(
            bound=self._bound.begun(),
            channels=self._channels,
            validates=self._validates if validate is None else validate,
            max_wait=max_wait,
            priority=priority,
            due=due,
            extra=encode_extra(extra_body),
        )

    async def _made(
        self, call: CreateCall, new: NewCreate, key: str | None
    ) -> Coroutine[object, None, builtins.list[Created]]:
        """Make a request; the result is to be awaited and sends it, once if there is a key.

        It is not awaited here, where it would keep more in memory while it waits for a slot.
        """
        call.bound.scheduler.require("publish" if new.kind == "now" else new.kind)
        if key is None:
            return call.send(await call.build(new))
        refuse_wrong_types(new.at, new.tags, new.posts)
        check_key(key)
        new = msgspec.structs.replace(new, posts=await call.identified(new.posts))
        keyed = KeyedCreate(
            key=key,
            call=call,
            kind=new.kind,
            channels=tuple(post.channel_id for post in new.posts),
            short_link=new.short_link,
            said=said_of(new, call.extra),
            build=partial(call.build, new),
            rebuild=partial(call.rebuild, new),
        )
        return self._keyed().create(keyed)

    async def check(
        self,
        *posts: NewPost,
        at: datetime | None,
        tags: Sequence[str] = (),
        short_link: bool = False,
    ) -> builtins.list[Problem]:
        """Return what the server would refuse in posts, and warnings; nothing is sent.

        Only fetches the list of channels, and the rules of a channel if the text is too long for an
        unverified X account or the library does not know the provider. For the body of a request,
        and without a client, there is `postiz_async.validate`.

        Args:
            posts: what to post, each on its channel.
            at: when to publish, with a time zone; None: at once.
            tags: names of tags that exist in Postiz.
            short_link: shorten links if the server has a shortener.

        Returns:
            Errors first, then warnings; empty if all is fine.

        Costs no quota. Raises what `postiz.channels.list` raises.
        """
        call = self._begun(UNSET, None, validate=False)
        now = call.bound.scheduler.server_now()
        new = NewCreate("now" if at is None else "schedule", posts, at or now, tags, short_link)
        try:
            body = await call.build(new)
        except InvalidPostError as error:
            return error.problems
        return await call.problems(body, posts)

    async def send(
        self,
        body: PostRequest,
        *,
        max_wait: float | timedelta | UnsetType | None = UNSET,
        priority: int | None = None,
        validate: bool | None = None,
        idempotency_key: str | None = None,
        extra_body: Mapping[str, object] | None = None,
    ) -> builtins.list[Created]:
        """Send a request body as it is to `POST /posts`.

        Args:
            body: the request.
            max_wait: seconds to wait for a slot of the hourly quota; 0: do not wait; None or
                `math.inf`: as long as necessary. Not given: as the client's options say.
            priority: smaller numbers go first; None: as the client's options say, by default
                `Priority.INTERACTIVE`.
            validate: refuse what the server would refuse before a slot is spent, and log warnings
                about what it accepts but is probably a mistake; None: as the client says, by
                default True.
            idempotency_key: a text of 1 to 255 characters, such as an order number. The posts are
                stored once, however often and from wherever the same call is made; repeated calls
                return the answer of the first, for which they wait no longer than `max_wait`.
            extra_body: fields to add to the JSON of the request, for those that the library does
                not have.

        Costs one of the hourly create requests. Retried only if it is proved that it was not
        carried out. Since v1.11.1. Raises what `schedule` raises.
        """
        refuse_other_body(body)
        call = self._begun(max_wait, priority, validate, extra_body)
        call.refuse_scope(body)
        if idempotency_key is None:
            sending = call.send(await call.check(body))
            del call, body  # it waits as bytes
            return await sending
        keyed = keyed_body(idempotency_key, call, body, partial(call.check, body))
        return await self._keyed().create(keyed)

    async def probe(self) -> None:
        """Spend one create request to see the quota: an empty body, which the server refuses.

        Costs one of the hourly create requests and stores nothing; `postiz.quota()` then knows.

        Raises:
            QuotaError: there is no slot, or the organisation is locked out.
        """
        await self._probe(self._bound.options.priority)

    async def _probe(self, priority: int, due: float | None = None) -> None:
        call, bound = Call(CREATE_POST, body=Raw(b"{}")), self._bound
        options = msgspec.structs.replace(bound.options, max_wait=0.0, priority=priority)
        time = msgspec.structs.replace(bound.time, due=due)
        try:
            await bound.scheduler.call(call, options, time)
        except BadRequestError as error:
            if error.may_be_stored:  # it is not Postiz that refused it
                raise


async def job_probe(posts: PostCreation) -> None:
    """A probe that takes any free slot now, and lets no interactive calls be expected."""
    now = posts._bound.scheduler.clock.monotonic()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    await posts._probe(Priority.BULK, now)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def job_call(posts: PostCreation, due: datetime | None) -> CreateCall:
    """A call of a job: bulk work, one attempt that is not cut off, of a request that was checked.

    Args:
        posts: the resource.
        due: when it should be sent; within a priority the earliest goes first.
    """
    call = posts._begun(UNSET, Priority.BULK, validate=False, due=due)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return msgspec.structs.replace(call, finish=True, max_retries=0)


async def _group_to_replace(
    bound: BoundScheduler, post: Post | Created | str, at: datetime, channel: str
) -> str | UnsetType:
    """The group that makes the server remove the old thread of a post.

    Raises:
        InvalidPostError: the post is on another channel, from which the server would take it, or
            it would be published at once.
    """
    scheduler, advice = bound.scheduler, "give it a date to come"
    found = await group_of(partial(list_posts, bound), post, at, scheduler.server_time())
    if found.post.state == "QUEUE":
        refuse_past(at, scheduler.server_time(), advice)
    of_post = found.post.channel
    if of_post is not None and of_post.id != channel:
        message = f"the post {found.post.id} is on the channel {of_post.name!r}"
        hint = "name that; for another channel make a new post"
        raise InvalidPostError([Problem("posts.0.integration.id", message, hint=hint)])
    if found.is_shared:
        log.warning("parts of its old thread stay at a post whose group another post has, too")
    return UNSET if found.is_shared or found.group is None else found.group
