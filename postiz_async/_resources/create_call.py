"""How one create request is sent, and what is raised when its answer was lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from postiz_async._resources.channel_list import Channels
from postiz_async._resources.create_body import encode_create, marks_of
from postiz_async._resources.preflight import Preflight
from postiz_async._scheduler.bound import BoundScheduler
from postiz_async._wire.endpoints import CREATE_POST, Call
from postiz_async.errors import (
    APIConnectionError,
    BadRequestError,
    Delivery,
    DeliveryUnknownError,
    InvalidPostError,
    PostizError,
    RateLimitError,
    ServerError,
    UnexpectedAnswerError,
    by_reader,
)
from postiz_async.models.posts import CreatePost

if TYPE_CHECKING:
    from msgspec import Raw

    from postiz_async._scheduler.calls import CallOptions, CallTime
    from postiz_async._scheduler.scheduler import Scheduler
    from postiz_async.errors import Marks
    from postiz_async.models.posts import Created


class CreateCall(msgspec.Struct, frozen=True, kw_only=True):
    """A begun call that creates posts, and how it is to be sent.

    What is None is as the options of the client say. `due`, `finish`, `prepare`, `set_aside` and
    `retry` are those of `posts.create`.
    """

    bound: BoundScheduler
    channels: Channels
    max_wait: float | None = None
    priority: int | None = None
    due: datetime | None = None
    finish: bool = False
    prepare: Callable[[], Awaitable[CreatePost]] | None = None
    set_aside: Callable[[], Awaitable[None]] | None = None
    retry: bool = True

    async def send(self, body: CreatePost) -> list[Created]:
        """Send a request, or what `prepare` makes of it.

        Raises:
            InvalidPostError: the server has refused one of its channels, and does not list it.
            DeliveryUnknownError: the answer was lost.
            PostizError: nothing is stored. If `may_be_stored` says otherwise, a firewall refused
                it; what is prepared is lost then, for whoever prepares it looks it up.
        """
        channels, scheduler, time = self.channels, self.bound.scheduler, self.bound.time
        call = Call(CREATE_POST, body=encode_create(body), posts=len(body.posts))
        if channels.not_found:
            await self._refuse_gone(body)
        sent = call if self.prepare is None else _Prepared(call, self.prepare)
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
            if _surely_not_stored(error) or (sent is call and error.may_be_stored):
                raise
            raise _lost(_text_of_lost(error, sent.posts), sent, scheduler, time) from error
        if len(created) != sent.posts:
            text = f"The server says it stored {len(created)} of {sent.posts} posts."
            raise _lost(text, sent, scheduler, time)
        return created

    async def _refuse_gone(self, body: CreatePost) -> None:
        """Refuse channels for which the server refused a create before, and that it lacks."""
        if self.channels.not_found.isdisjoint(item.integration.id for item in body.posts):
            return
        problems = await Preflight(self.bound, self.channels).problems(body)
        if gone := [problem for problem in problems if problem.stage == "channel"]:
            raise InvalidPostError(gone)

    def _options(self, sent: _Sent) -> CallOptions:
        """How it is sent; without options of its own those of the client, which all calls share."""
        given: dict[str, object] = {
            "max_wait": self.max_wait,
            "priority": self.priority,
            "finish": self.finish or None,
            "prepare": sent if isinstance(sent, _Prepared) else None,
            "set_aside": self.set_aside,
            "retry": None if self.retry else False,
        }
        own = {name: value for name, value in given.items() if value is not None}
        options = self.bound.options
        return msgspec.structs.replace(options, **own) if own else options


class _Prepared:
    """What `prepare` made last; before that, what it makes it of."""

    def __init__(
        self, call: Call[list[Created]], prepare: Callable[[], Awaitable[CreatePost]]
    ) -> None:
        self.body, self.posts = call.body, call.posts
        self.is_under_way = False
        self._prepare = prepare

    async def __call__(self) -> Raw:
        self.is_under_way = True
        made = await self._prepare()
        self.body, self.posts = body, _ = encode_create(made), len(made.posts)
        self.is_under_way = False
        return body


_Sent: TypeAlias = "Call[list[Created]] | _Prepared"


def _note_gone(channels: Channels, sent: _Sent, error: BadRequestError) -> None:
    for channel in _marks(sent).channels:
        if f"Integration with id {channel} not found" in error.text:
            channels.forget(channel)
            channels.not_found |= {channel}


def _lost(text: str, sent: _Sent, scheduler: Scheduler, time: CallTime) -> DeliveryUnknownError:
    """The last attempt was sent some time ago, and its answer was lost."""
    age = scheduler.clock.monotonic() - time.sent_at
    return DeliveryUnknownError(text, marks=_marks(sent, scheduler.server_time() - age))


def _marks(sent: _Sent, sent_at: float = 0.0) -> Marks:
    assert sent.body is not None  # noqa: S101  (creates have one)
    return marks_of(sent.body, sent_at)


def _text_of_lost(error: PostizError, number: int) -> str:
    why, _, hint = str(error).partition("\n")
    if isinstance(error, APIConnectionError):
        why, hint = error.message, f"  {error.hint}"
    look = by_reader("Look", "Look with posts.find(error.marks)")
    return (
        f"The answer to a create of {number} post{'' if number == 1 else 's'} was lost "
        f"({why.rstrip('.')}). {'It' if number == 1 else 'They'} may be stored. {look} "
        f"before sending again.\n{hint}"
    ).rstrip()


def _surely_not_stored(error: PostizError) -> bool:
    """No byte was sent, Postiz refused it, or did not know yet whose request it was (401)."""
    if isinstance(error, APIConnectionError):
        return error.delivery is Delivery.NOT_SENT
    if isinstance(error, ServerError):
        return error.status_code == 401
    return not (error.may_be_stored or isinstance(error, RateLimitError | UnexpectedAnswerError))
