"""Calls with the options of a client or of a view of it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from postiz_async._scheduler.calls import CallOptions, CallTime
from postiz_async._scheduler.scheduler import Scheduler
from postiz_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from postiz_async._wire import WireResponse
    from postiz_async._wire.endpoints import Call

__all__ = ["BoundScheduler", "RawAnswer", "with_raw_answers"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RawAnswer(Generic[T]):
    """A value with the answer that it was read from; the last one, if there were several."""

    value: T
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


_answers: ContextVar[list[WireResponse] | None] = ContextVar("postiz_async_answers", default=None)


class BoundScheduler(msgspec.Struct):
    """A scheduler with the options that a client or a view of it makes its calls with.

    `shared_time` is for all that one call of a user causes; None: each call has the time that the
    options give.
    """

    scheduler: Scheduler
    options: CallOptions = CallOptions()
    shared_time: CallTime | None = None

    @property
    def time(self) -> CallTime:
        """What a call has that begins now, or all of those that share it."""
        return self.shared_time or CallTime.from_now(self.scheduler.clock, self.options.timeout)

    def begun(self, *, timeout: float | None = None) -> BoundScheduler:
        """For one call of the user: all that it causes shares one time, which runs from now.

        Args:
            timeout: its seconds; None: those of the options, or what others left of them.
        """
        if self.shared_time is not None and timeout is None:
            return self
        seconds = self.options.timeout if timeout is None else timeout
        time = CallTime.from_now(self.scheduler.clock, seconds)
        return BoundScheduler(self.scheduler, self.options, time)

    async def call(self, call: Call[T], options: CallOptions | None = None) -> T:
        """Make a call, with other options than the client's if given."""
        time = self.shared_time or self.time
        value, answer = await self.scheduler.call(call, options or self.options, time)
        answers = _answers.get()
        if answers is not None:
            answers.append(answer)
        return value


async def with_raw_answers(call: Awaitable[T]) -> RawAnswer[T]:
    """Await `call` and keep its last answer beside its value.

    Raises:
        ConfigurationError: it was carried out, but there was no answer to keep.
    """
    answers: list[WireResponse] = []
    token = _answers.set(answers)
    try:
        value = await call
    finally:
        _answers.reset(token)
    if not answers:
        raise ConfigurationError(
            "There is no answer to show: what was asked for was known already, or the call is a "
            "task that was begun before. Give `raw` the call itself."
        )
    last = answers[-1]
    return RawAnswer(value, last.status, last.headers, last.body)
