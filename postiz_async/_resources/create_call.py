"""How one create request is sent, and what is raised when its answer was lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING

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
)
from postiz_async.models.posts import CreatePost

if TYPE_CHECKING:
    from msgspec import Raw

    from postiz_async._scheduler.calls import CallOptions
    from postiz_async.models.posts import Created

__all__ = ["CreateCall"]


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
        sent, is_ready = body, True

        async def prepared() -> Raw:
            nonlocal sent, is_ready
            assert self.prepare is not None  # noqa: S101  (it is used only then)
            is_ready = False  # what fails meanwhile says nothing of a create
            sent = await self.prepare()
            is_ready = True
            return encode_create(sent)

        call = Call(CREATE_POST, body=encode_create(body), posts=len(body.posts))
        if self.channels.not_found:
            await self._refuse_gone(body)
        options = self._options(None if self.prepare is None else prepared)
        try:
            created = await self.bound.call(call, options)
        except PostizError as error:
            is_single = self.prepare is None
            if is_ready and isinstance(error, BadRequestError):
                self._note_gone(sent, error)
            if not is_ready or _surely_not_stored(error) or (is_single and error.may_be_stored):
                raise
            raise self._lost(_text_of_lost(error, len(sent.posts)), sent) from error
        if len(created) != len(sent.posts):
            text = f"The server says it stored {len(created)} of {len(sent.posts)} posts."
            raise self._lost(text, sent)
        return created

    async def _refuse_gone(self, body: CreatePost) -> None:
        """Refuse channels for which the server refused a create before, and that it lacks."""
        if self.channels.not_found.isdisjoint(item.integration.id for item in body.posts):
            return
        problems = await Preflight(self.bound, self.channels).problems(body)
        if gone := [problem for problem in problems if problem.stage == "channel"]:
            raise InvalidPostError(gone)

    def _note_gone(self, sent: CreatePost, error: BadRequestError) -> None:
        for item in sent.posts:
            channel = item.integration.id
            if f"Integration with id {channel} not found" in error.text:
                self.channels.forget(channel)
                self.channels.not_found.add(channel)

    def _options(self, prepare: Callable[[], Awaitable[Raw]] | None) -> CallOptions:
        bound, scheduler = self.bound, self.bound.scheduler
        left = None if self.due is None else self.due.timestamp() - scheduler.server_time()
        return msgspec.structs.replace(
            bound.options,
            max_wait=bound.options.max_wait if self.max_wait is None else self.max_wait,
            priority=bound.options.priority if self.priority is None else self.priority,
            due=None if left is None else scheduler.clock.monotonic() + left,
            finish=self.finish,
            prepare=prepare,
            set_aside=self.set_aside,
            retry=self.retry,
        )

    def _lost(self, text: str, sent: CreatePost) -> DeliveryUnknownError:
        """The last attempt was sent some time ago, and its answer was lost."""
        scheduler = self.bound.scheduler
        age = scheduler.clock.monotonic() - self.bound.time.sent_at
        return DeliveryUnknownError(text, marks=marks_of(sent, scheduler.server_time() - age))


def _text_of_lost(error: PostizError, number: int) -> str:
    why, _, hint = str(error).partition("\n")
    if isinstance(error, APIConnectionError):
        why, hint = error.message, f"  {error.hint}"
    return (
        f"The answer to a create of {number} post{'' if number == 1 else 's'} was lost "
        f"({why.rstrip('.')}). {'It' if number == 1 else 'They'} may be stored. Look with "
        f"posts.find(error.marks) before sending again.\n{hint}"
    ).rstrip()


def _surely_not_stored(error: PostizError) -> bool:
    """No byte was sent, Postiz refused it, or did not know yet whose request it was (401)."""
    if isinstance(error, APIConnectionError):
        return error.delivery is Delivery.NOT_SENT
    if isinstance(error, ServerError):
        return error.status_code == 401
    return not (error.may_be_stored or isinstance(error, RateLimitError | UnexpectedAnswerError))
