"""Calls with the options of a client or of a view of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from inspect import isawaitable
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

import msgspec

from postiz_async._scheduler.calls import CallOptions, CallTime, answers
from postiz_async._scheduler.scheduler import Scheduler
from postiz_async.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Mapping

    from postiz_async._wire import WireResponse
    from postiz_async._wire.endpoints import Call


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RawAnswer(Generic[T]):
    """A value with the answer that it was read from; the last one, if there were several."""

    value: T
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class BoundScheduler(msgspec.Struct):
    """A scheduler with the options that a client or a view of it makes its calls with.

    `shared_time` is for all that one call of a user causes; None: each call has the time that the
    options give.
    """

    scheduler: Scheduler
    options: CallOptions = CallOptions()
    shared_time: CallTime | None = None

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "What belongs to a client is neither pickled nor copied, nor is the client. Let the "
            "other process make one of its own."
        )

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

    def call(self, call: Call[T], options: CallOptions | None = None) -> Coroutine[object, None, T]:
        """Make a call, with other options than the client's if given."""
        time = self.shared_time or CallTime.from_now(self.scheduler.clock, self.options.timeout)
        return self.scheduler.call(call, options or self.options, time)


def wants_answer() -> bool:
    """Whether the answers of this call are kept, so that it needs its own."""
    return answers.get() is not None


async def with_raw_answers(call: Awaitable[T]) -> RawAnswer[T]:
    """Await `call` and return its value together with its last answer.

    Raises:
        UsageError: it was carried out, but there was no answer to keep.
    """
    if not isawaitable(call):
        raise UsageError(
            "Give `raw` the call of a method, not yet awaited: "
            "`await postiz.raw(postiz.integrations.list())`."
        )
    kept: list[WireResponse] = []
    token = answers.set(kept)
    try:
        value = await call
    finally:
        answers.reset(token)
    if not kept:
        raise UsageError(
            "There is no answer to show: what was asked for was known already, or the call is a "
            "task that was begun before. Give `raw` the call itself."
        )
    last = kept[-1]
    first_last = reversed(list(last.headers.items()))  # the first of a name counts, as everywhere
    headers = {name.lower(): text for name, text in first_last}
    return RawAnswer(value, last.status, headers, last.body)
