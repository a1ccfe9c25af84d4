"""Make a create request with the channels of a client, check it against the rules, and send it.

`validate` knows the rules of the newest server. Only the running server knows how long a post of
a verified X account may be, and the rules of a provider that the library does not know. It is
asked only if that matters, once for each channel; the answer costs no quota.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import replace

from postiz_async._resources.channel_names import merged
from postiz_async._resources.channels import ChannelCache
from postiz_async._resources.create_body import (
    NO_POSTS,
    at_post,
    build_body,
    build_item,
    encode_create,
    input_type_problems,
    item_to_find,
    marks_of,
    media_facts,
    refuse_type_problems,
    wrong_with,
)
from postiz_async._scheduler.calls import CallOptions, CallTime
from postiz_async._scheduler.scheduler import BoundScheduler, Scheduler
from postiz_async._validation import MediaFacts, schema_problems, validate
from postiz_async._validation.messages import MISSING
from postiz_async._wire import scope_of
from postiz_async._wire.endpoints import CREATE_POST, Call
from postiz_async.errors import (
    APIConnectionError,
    APIResponseValidationError,
    BadRequestError,
    ChannelNotFoundError,
    Delivery,
    DeliveryUnknownError,
    InvalidInputError,
    InvalidPostError,
    Marks,
    PostizError,
    Problem,
    RateLimitError,
    ServerError,
    by_reader,
)
from postiz_async.models.channels import Channel, ChannelSettings
from postiz_async.models.posts import Created, NewPost, PostItem, PostRequest, PostType
from postiz_async.providers import PROVIDERS

log = logging.getLogger("postiz_async")


class NewCreate(msgspec.Struct, frozen=True):
    """The arguments of `schedule`, `publish_now`, `draft` or `build`."""

    kind: PostType
    posts: tuple[NewPost, ...]
    at: datetime
    tags: Sequence[str]
    short_link: bool


_NOW = "say so with publish_now"


def refuse_past(at: datetime, now: float, advice: str) -> None:
    """Refuse a moment at which the server would publish at once.

    Raises:
        InvalidPostError: it has passed.
    """
    if at.timestamp() <= now:
        problem = Problem(
            "at",
            f"{at.isoformat(sep=' ', timespec='seconds')} has passed",
            hint=f"the server would publish at once; {advice}",
        )
        raise InvalidPostError([problem])


# ------------------------------------------------------------------ the rules of the server


async def request_problems(
    bound: BoundScheduler,
    channels: ChannelCache,
    body: PostRequest,
    *,
    media: Mapping[str, MediaFacts] | None = None,
    dates: bool = False,
) -> list[Problem]:
    """Errors that the server would find in a request, in its order, and warnings.

    The server reports a missing field several times; here it is reported once.

    Args:
        bound: makes the look-ups.
        channels: the known channels.
        body: the request.
        media: known facts about its media, by path.
        dates: check the date too: the server would publish a past one at once.
    """
    known = await channels.of(bound, (item.channel.id for item in body.posts))
    # that answer may have been the first
    now = bound.scheduler.server_now() if dates else None
    found = validate(body, channels=known, media=media, now=now)
    asked = _worth_asking(body, known, found)
    if not asked:
        return _said_once(found)
    rules = {name: await channels.rules(bound, name) for name in asked}
    answers = {name: answer for name, answer in rules.items() if answer is not None}
    lengths = {name: answer.max_length for name, answer in answers.items() if answer.max_length}
    if lengths:
        found = validate(body, channels=known, media=media, now=now, max_lengths=lengths)
    return [*_said_once(found), *_by_schema(body, known, answers)]


def _said_once(found: list[Problem]) -> list[Problem]:
    """Drop further problems of a field that is already reported as missing."""
    missing: set[str] = set()
    kept: list[Problem] = []
    for problem in found:
        if problem.hint == MISSING:
            if problem.where in missing:
                continue
            missing.add(problem.where)
        kept.append(problem)
    return kept


def _worth_asking(
    body: PostRequest, channels: Mapping[str, Channel], found: list[Problem]
) -> list[str]:
    """The channels to ask the server about: of unknown providers, or X with too long a text."""
    asked: dict[str, None] = {}
    for place, item in enumerate(body.posts):
        channel = channels.get(item.channel.id)
        if channel is None:
            continue
        known = PROVIDERS.get(channel.provider)
        if known is None or (
            found
            and any(limit.verified for limit in known.limits)
            and any(p.where.startswith(f"posts.{place}.value.") for p in found)
        ):
            asked[channel.id] = None
    return list(asked)


def _by_schema(
    body: PostRequest,
    channels: Mapping[str, Channel],
    answers: Mapping[str, ChannelSettings],
) -> list[Problem]:
    found: list[Problem] = []
    for place, item in enumerate(body.posts):
        answer = answers.get(item.channel.id)
        if answer is None or channels[item.channel.id].provider in PROVIDERS:
            continue
        if isinstance(answer.settings, Mapping):
            path = f"posts.{place}.settings"
            found += schema_problems(path, item.settings, answer.settings)
    return found


# ------------------------------------------------------------------ sending a request


class CreateCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call in progress that creates posts: it makes their request, checks and sends it.

    What is not given is as the options of the client say; `finish`, `prepare`, `set_aside` and
    `max_retries` are among these. Within a priority, the earliest `due` goes first.
    """

    bound: BoundScheduler
    channels: ChannelCache
    validates: bool
    """Whether requests are checked against the rules of the server."""
    max_wait: float | UnsetType = UNSET
    priority: int | None = None
    due: datetime | None = None
    extra: bytes = b""
    """Further fields of the request, made by `encode_extra`."""
    finish: bool = False
    prepare: Callable[[], Awaitable[PostRequest]] | None = None
    set_aside: Callable[[], Awaitable[None]] | None = None
    max_retries: int | None = None

    async def build(self, new: NewCreate) -> PostRequest:
        """Make the request; unless checks are off, the server would accept it.

        Raises:
            InvalidPostError: the server would refuse it, or its date has passed.
        """
        refuse_type_problems(new.at, new.tags)
        is_dated = new.kind == "schedule" and new.at.utcoffset() is not None
        if is_dated and new.at.timestamp() <= self.bound.scheduler.server_time():
            await self._refuse_past(new.at)
        items = await self.items(new.posts)
        body = build_body(new.kind, new.at, items, tags=new.tags, short_link=new.short_link)
        return await self.check(body, new.posts)

    async def rebuild(self, new: NewCreate) -> PostRequest:
        """Make a request again, to look for its posts, even if its channels have gone since."""
        channels = [
            await self.channels.find(self.bound, post.channel)
            if isinstance(post.channel, str)
            else post.channel
            for post in new.posts
        ]
        items = [item_to_find(*each) for each in zip(new.posts, channels, strict=True)]
        return build_body(new.kind, new.at, items, tags=new.tags, short_link=new.short_link)

    async def items(self, posts: tuple[NewPost, ...]) -> list[PostItem]:
        """The posts in the form of a create request.

        Raises:
            InvalidPostError: there are no posts, or something is wrong with them.
        """
        if not posts:
            raise InvalidPostError([NO_POSTS])
        errors: list[InvalidPostError] = []
        items: list[PostItem] = []
        for place, post in enumerate(posts):
            try:
                items.append(await self._item(place, post))
            except InvalidPostError as error:
                errors.append(error)
        if errors:
            raise merged(errors)
        return items

    async def _item(self, place: int, post: NewPost) -> PostItem:
        wrong = next(input_type_problems(post, f"posts.{place}"), None)
        if wrong is not None:
            raise InvalidPostError([wrong])
        channel = await self.channels.meant(self.bound, post.channel, f"posts.{place}.channel")
        if isinstance(channel, ChannelNotFoundError):
            raise channel
        wrong = wrong_with(post, channel, place)
        if wrong is not None:
            raise InvalidPostError([wrong])
        try:
            return build_item(post, channel)
        except InvalidInputError as error:
            raise InvalidPostError([at_post(place, each) for each in error.problems]) from error

    async def identified(self, posts: tuple[NewPost, ...]) -> tuple[NewPost, ...]:
        """The posts, with the names and providers of channels replaced by ids.

        Raises:
            ChannelNotFoundError: no channel, or several, have this name or provider.
        """
        named: list[NewPost] = []
        for place, post in enumerate(posts):
            known = post.channel
            if isinstance(known, str):
                known = await self.channels.id_of(self.bound, known, f"posts.{place}.channel")
            named.append(replace(post, channel=known))
        return tuple(named)

    async def check(self, body: PostRequest, posts: Sequence[NewPost] = ()) -> PostRequest:
        """Return the request unless the server would refuse it, and log warnings about it.

        Raises:
            InvalidPostError: the server would refuse it.
        """
        problems = await self.problems(body, posts) if self.validates else []
        if not problems:
            return body
        errors = [problem for problem in problems if problem.severity == "error"]
        if errors:
            raise InvalidPostError(errors)
        for problem in problems:
            log.warning("%s", problem)
        return body

    async def problems(self, body: PostRequest, posts: Sequence[NewPost] = ()) -> list[Problem]:
        """Errors and warnings about a request that is made of these posts."""
        media = media_facts(posts)
        return await request_problems(self.bound, self.channels, body, media=media, dates=True)

    async def _refuse_past(self, at: datetime) -> None:
        """Refuse a past date; if the server's time is not known, ask the server for it first."""
        scheduler = self.bound.scheduler
        if not scheduler.knows_server_time():
            try:
                await self.channels.fresh(self.bound)
            except (APIConnectionError, ServerError):
                if self.validates:
                    raise
                return
        refuse_past(at, scheduler.server_time(), by_reader("use --now for that", _NOW))

    def refuse_scope(self, body: PostRequest) -> None:
        """Refuse a request that the client is not allowed to send, before it is looked at."""
        scheduler = self.bound.scheduler
        if scheduler.allowed is not None:
            call = Call(CREATE_POST, body=encode_create(body, self.extra))
            scheduler.require(scope_of(call, scheduler.server_time()))

    async def send(self, body: PostRequest) -> list[Created]:
        """Send a request, or the one that `prepare` makes of it.

        Raises:
            InvalidPostError: the server has refused one of its channels, and does not list it.
            DeliveryUnknownError: the answer was lost.
            PostizError: nothing is stored. If `may_be_stored` says otherwise, a firewall refused
                it; what is prepared is lost then, for whoever prepares it looks it up.
        """
        channels, scheduler, time = self.channels, self.bound.scheduler, self.bound.time
        call = Call(CREATE_POST, body=encode_create(body, self.extra), posts=len(body.posts))
        if channels.not_found:
            await self._refuse_gone(body)
        sent = call if self.prepare is None else _Prepared(call, self.prepare, self.extra)
        if self.due is not None:
            left = self.due.timestamp() - scheduler.server_time()
            time.due = scheduler.clock.monotonic() + left
        sending = scheduler.call(call, self._options(sent), time)
        del self, body  # many may wait, each with the bytes that it sends and little else
        try:
            created = await sending
        except PostizError as error:
            if isinstance(sent, _Prepared) and sent.is_under_way:
                raise  # it says nothing of a create
            if isinstance(error, BadRequestError):
                _note_gone(channels, sent, error)
            if surely_not_stored(error) or (sent is call and error.may_be_stored):
                raise
            raise _lost(text_of_lost(error, sent.posts), sent, scheduler, time) from error
        if len(created) != sent.posts:
            text = f"The server says it stored {len(created)} of {sent.posts} posts."
            raise _lost(text, sent, scheduler, time)
        return created

    async def _refuse_gone(self, body: PostRequest) -> None:
        """Refuse channels that the server lacks, if it has already refused a create for them."""
        if self.channels.not_found.isdisjoint(item.channel.id for item in body.posts):
            return
        problems = await request_problems(self.bound, self.channels, body)
        if gone := [problem for problem in problems if problem.stage == "channel"]:
            raise InvalidPostError(gone)

    def _options(self, sent: _Sent) -> CallOptions:
        """The options of the call; if it has none of its own, the shared ones of the client."""
        given: dict[str, object] = {
            "max_wait": None if self.max_wait is UNSET else self.max_wait,
            "priority": self.priority,
            "finish": self.finish or None,
            "prepare": sent if isinstance(sent, _Prepared) else None,
            "set_aside": self.set_aside,
            "max_retries": self.max_retries,
        }
        own = {name: value for name, value in given.items() if value is not None}
        options = self.bound.options
        return msgspec.structs.replace(options, **own) if own else options


class _Prepared:
    """The body that `prepare` made last; before that, the original one."""

    def __init__(
        self,
        call: Call[list[Created]],
        prepare: Callable[[], Awaitable[PostRequest]],
        extra: bytes,
    ) -> None:
        self.body, self.posts = call.body, call.posts
        self.is_under_way = False
        self._prepare = prepare
        self._extra = extra

    async def __call__(self) -> Raw:
        self.is_under_way = True
        made = await self._prepare()
        self.body, self.posts = body, _ = encode_create(made, self._extra), len(made.posts)
        self.is_under_way = False
        return body


_Sent: TypeAlias = "Call[list[Created]] | _Prepared"


def _note_gone(channels: ChannelCache, sent: _Sent, error: BadRequestError) -> None:
    for channel in _marks(sent).channels:
        if f"Integration with id {channel} not found" in error.text:
            channels.forget(channel)
            channels.not_found |= {channel}


def _lost(text: str, sent: _Sent, scheduler: Scheduler, time: CallTime) -> DeliveryUnknownError:
    """The error for a lost answer, with marks for the time at which the last attempt was sent."""
    age = scheduler.clock.monotonic() - time.sent_at
    return DeliveryUnknownError(text, marks=_marks(sent, scheduler.server_time() - age))


def _marks(sent: _Sent, sent_at: float = 0.0) -> Marks:
    assert sent.body is not None  # noqa: S101  (creates have one)
    return marks_of(sent.body, sent_at)


def text_of_lost(error: PostizError, number: int) -> str:
    why, _, hint = str(error).partition("\n")
    if isinstance(error, APIConnectionError):
        why, hint = error.message, f"  {error.hint}"
    look = by_reader("Look", "Look with posts.find(error.marks)")
    return (
        f"The answer to a create of {number} post{'' if number == 1 else 's'} was lost "
        f"({why.rstrip('.')}). {'It' if number == 1 else 'They'} may be stored. {look} "
        f"before sending again.\n{hint}"
    ).rstrip()


def surely_not_stored(error: PostizError) -> bool:
    """Whether an error proves that nothing is stored: not sent, refused, or key not checked."""
    if isinstance(error, APIConnectionError):
        return error.delivery is Delivery.NOT_SENT
    if isinstance(error, ServerError):
        return error.status_code == 401
    return not (
        error.may_be_stored or isinstance(error, RateLimitError | APIResponseValidationError)
    )
