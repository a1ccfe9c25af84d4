"""Calls with the options of a client or of a view of it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from msgspec.structs import replace

from postiz_async.errors import ConfigurationError
from postiz_async.scheduler.calls import CallOptions, CallTime

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from postiz_async.clock import Clock
    from postiz_async.scheduler.scheduler import Scheduler
    from postiz_async.wire import WireResponse
    from postiz_async.wire.endpoints import Call

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


class BoundScheduler:
    """Makes calls with the options of a client or a view of it.

    Args:
        scheduler: sends them.
        options: how each is treated.
        time: what all of them have together; None: each has the time that the options give.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        options: CallOptions | None = None,
        time: CallTime | None = None,
    ) -> None:
        self.scheduler = scheduler
        self.options = options or CallOptions()
        self._time = time

    @property
    def clock(self) -> Clock:
        """The client's notion of time."""
        return self.scheduler.clock

    def server_time(self) -> float:
        """The server's wall clock, as far as its last answer tells it."""
        return self.scheduler.server_time()

    @property
    def time(self) -> CallTime:
        """What a call has that begins now, or all of those that share it."""
        return self._time or CallTime(self.clock, self.options.timeout)

    def begun(self, *, timeout: float | None = None) -> BoundScheduler:
        """For one call of the user: all that it causes shares one time, which runs from now.

        Args:
            timeout: its seconds; None: those of the options, or what others left of them.
        """
        if self._time is not None and timeout is None:
            return self
        seconds = self.options.timeout if timeout is None else timeout
        return BoundScheduler(self.scheduler, self.options, CallTime(self.clock, seconds))

    async def call(self, call: Call[T], options: CallOptions | None = None) -> T:
        """Make a call, with other options than the client's if given."""
        value, answer = await self.scheduler.call(call, options or self.options, self.time)
        answers = _answers.get()
        if answers is not None:
            answers.append(answer)
        return value

    def merged(self, *, max_wait: float | None, priority: int | None) -> CallOptions:
        """The options with what a create says of its own."""
        options = self.options
        if max_wait is not None:
            options = replace(options, max_wait=max_wait)
        return options if priority is None else replace(options, priority=priority)


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
