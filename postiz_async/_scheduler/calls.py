"""Options, priority, remaining time and kept answers of one call."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum
from inspect import isawaitable
from typing import Generic, TypeVar

import msgspec
from msgspec import Raw

from postiz_async._scheduler.hooks import Trace
from postiz_async._wire import WireResponse
from postiz_async._wire.endpoints import Call
from postiz_async._wire.headers import Headers
from postiz_async.clock import Clock
from postiz_async.errors import APITimeoutError, Delivery, QuotaWaitError, UsageError
from postiz_async.models._durations import describe_seconds, in_seconds


class Priority(IntEnum):
    """How urgent a create is: a smaller number overtakes a larger one.

    Any whole number will do. Those below `BULK` are interactive: they may use every free slot. Bulk
    calls leave slots to them, unless they are due before the window opens again.
    """

    INTERACTIVE = 0
    BULK = 10


class SlotRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A create that asks for a slot. Times are of the clock's `monotonic()`.

    Within a priority the earliest `due` goes first. It is refused when it cannot leave within
    `max_wait` seconds or before its `deadline`. `lifetime` is the number of seconds after which the
    holder of the slot is taken for dead.
    """

    priority: int
    posts: int
    since: float
    max_wait: float = math.inf
    due: float | None = None
    deadline: float | None = None
    lifetime: float

    @property
    def give_up_at(self) -> float:
        """The time at which the create gives up its wait for a slot; infinity: never."""
        end = self.since + max(0.0, self.max_wait)
        return end if self.deadline is None else min(end, self.deadline)

    @property
    def allowance(self) -> str:
        """The allowed wait in words."""
        if self.deadline is None or self.since + self.max_wait <= self.deadline:
            return f"you allowed {_told(self.max_wait)}"
        patience = self.deadline - self.since
        if patience < 0:
            return "your deadline has passed"
        return f"your deadline was {describe_seconds(patience)} away"

    def refused(
        self, wait: float, state: str, answer: str = "", *, ahead: int, behind: int
    ) -> QuotaWaitError:
        """The error for a create that cannot wait so long.

        Args:
            wait: seconds until the create could leave.
            state: the quota, in short.
            answer: why the answer of another call has to come first; empty: no slot is free.
            ahead: calls that wait in front of it.
            behind: bulk calls that wait behind it.
        """
        waiting = f"; {ahead} {_calls(ahead)} before yours" if ahead else ""
        if behind:
            waiting += f"; {behind} bulk {_calls(behind)} behind yours"
        why = f"the next create-post slot is free in {_told(wait)}, {self.allowance}"
        if answer:
            why = f"a create-post slot is free, but {answer}; {self.allowance}"
        seconds = in_seconds(wait) if wait < _EXACT else f"{wait:.0f} s"
        return QuotaWaitError(
            f"{why}.\n"
            f"  {state}{waiting}.\n"
            f"  Wait longer (max_wait=None), or try again after retry_after={seconds}.",
            retry_after=wait,
        )


_EXACT = 10.0
"""Seconds below which a duration is shown with fractions."""


def _told(seconds: float) -> str:
    return in_seconds(seconds) if 0 <= seconds < _EXACT else describe_seconds(seconds)


def _calls(count: int) -> str:
    return "call waits" if count == 1 else "calls wait"


T = TypeVar("T")

answers: ContextVar[list[WireResponse] | None] = ContextVar("postiz_async_answers", default=None)
"""The list for answers of calls in this context; None: they are not kept."""

CREATE_SECONDS, SECONDS_A_POST = 30.0, 0.2
"""The read time-out of a create: a base, and a share for each post."""

LONGEST_JOB_CREATE = 300.0
"""Most seconds of a create of a job or with an idempotency key, whatever the user allows. Begun
within `PREPARED_SECONDS`, it ends before others may believe that it did not arrive."""

USUAL_RETRIES = 3
MOST_RETRIES = 100
"""Further attempts after the first one: the default, and the maximum."""

PREPARED_SECONDS = 240.0
"""Seconds within which a prepared request may be begun. If the process is suspended in between,
another one takes over and believes after `SILENT` seconds that the request did not arrive; a
request begun at the last moment has had minutes to arrive by then."""


class CallOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of one call. Durations are in seconds.

    `timeout` is for the whole call but its wait for the quota; None gives each attempt the time of
    its route. `max_wait` bounds that wait. A call that cannot leave
    before its `deadline`, a moment of the clock's `monotonic()`, is refused. With `finish` a call
    whose first byte is out is not cancelled: it ends with its answer or its time-out. `prepare`
    runs after the slot is taken and before the first byte of each attempt, and returns the body to
    send, or None for that of the call; when it raises, the slot is given back and nothing is sent,
    and so when `PREPARED_SECONDS` are over. `set_aside` runs when what was
    prepared was not carried out, before the call queues or pauses to send it again; when it raises,
    the call ends. `max_retries` is the number of attempts after the first, as far as they are safe.
    `wait_timeout` is for a call that waits for something to happen in Postiz: the `timeout` of the
    client itself is not for that. `longer` allows each attempt more than the time of its route, for
    jobs; see `time_out`. `completes` is for a part of work that was allowed as a
    whole.
    """

    timeout: float | None = None
    headers: Headers = ()
    max_wait: float = math.inf
    priority: int = Priority.INTERACTIVE
    deadline: float | None = None
    finish: bool = False
    prepare: Callable[[], Awaitable[Raw | None]] | None = None
    set_aside: Callable[[], Awaitable[None]] | None = None
    trace: Trace | None = None
    max_retries: int = USUAL_RETRIES
    wait_timeout: float | None = None
    longer: float | None = None
    completes: bool = False


class CallTime(msgspec.Struct, gc=False):
    """The used and remaining time of one user call.

    `timeout` is in seconds and for all that the call does, apart from its wait for the quota; None:
    no bound. Times are of the clock's `monotonic()`.
    """

    clock: Clock
    timeout: float | None
    until: float = math.inf
    """The time at which the call has to end; infinity: no limit."""
    waited: float = 0.0
    """Seconds spent waiting for the quota, or for other calls with the same idempotency key."""
    sent_at: float = 0.0
    """The start of the last attempt."""
    due: float | None = None
    """The due time: within a priority, the earliest goes first."""

    @classmethod
    def from_now(cls, clock: Clock, timeout: float | None) -> CallTime:
        """The time of a call that begins now."""
        return cls(clock, timeout, math.inf if timeout is None else clock.monotonic() + timeout)

    @property
    def left(self) -> float:
        """Remaining seconds; infinity without a limit."""
        return self.until - self.clock.monotonic()

    async def bounded(self, work: Awaitable[T], what: str) -> T:
        """Await preparatory work, as long as the call has time left.

        Args:
            work: the work, which is cancelled when the time is over.
            what: what did not happen then, such as `the file was looked at`.

        Raises:
            APITimeoutError: the time was over; the request was not sent.
        """
        if self.timeout is None:
            return await work
        with self.clock.move_on_after(self.left):
            return await work
        raise self.over(what)

    def over(self, what: str) -> APITimeoutError:
        """The error for a call whose time ended before something happened."""
        return APITimeoutError(
            f"The call's timeout of {in_seconds(self.timeout or 0.0)} was over before {what}. "
            "The request was not sent. Allow it more with timeout=...; `postiz-async doctor` shows "
            "what is slow.",
            delivery=Delivery.NOT_SENT,
        )


async def prepared(call: Call[T], options: CallOptions, time: CallTime) -> tuple[Call[T], float]:
    """Run `prepare` of a call; return the call to send, and until when (monotonic) it may begin."""
    assert options.prepare is not None  # noqa: S101  (it is used only then)
    expires = time.clock.monotonic() + PREPARED_SECONDS
    body = await time.bounded(options.prepare(), "its body was prepared")
    return (call if body is None else msgspec.structs.replace(call, body=body)), expires


def time_out(call: Call[T], time: CallTime, longer: float | None = None) -> float | None:
    """Seconds from sending to the whole answer; None: only a stalled transfer is cut off.

    Args:
        call: the call to send.
        time: the remaining time of the call.
        longer: seconds instead of the time of the route, if they are more.
    """
    if time.timeout is not None:
        return time.left
    seconds = call.endpoint.timeout
    if call.endpoint.quota:
        seconds = CREATE_SECONDS + SECONDS_A_POST * call.posts
        longer = None if longer is None else min(longer, LONGEST_JOB_CREATE)
    return seconds if seconds is None or longer is None else max(seconds, longer)


def check_retries(value: object) -> None:
    """Refuse an invalid number of retries.

    Raises:
        UsageError: it is not a number of retries, or is too large.
    """
    check_count("max_retries", value, 0, MOST_RETRIES, meaning=", for one attempt only,")


def check_count(
    name: str, value: object, least: int, most: float = math.inf, *, meaning: str = ""
) -> None:
    """Refuse what is not a whole number in these bounds.

    Args:
        name: the argument, as its caller knows it.
        value: what was given.
        least: the smallest number.
        most: the largest number.
        meaning: what the smallest number means.

    Raises:
        UsageError: it is not such a number.
    """
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return
    bound = f" to {most}" if most < math.inf else ""
    raise UsageError(f"{name} is {value!r}. Give a whole number from {least}{meaning}{bound}.")


def check_priority(value: object) -> None:
    """Refuse an invalid priority.

    Raises:
        UsageError: it is not a whole number.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(
            f"priority is {value!r}. Give a `Priority` or another whole number; the smallest goes "
            "first."
        )


# ------------------------------------------------------------------ answers as they came


@dataclass(frozen=True, slots=True)
class RawAnswer(Generic[T]):
    """A value with the answer it was read from; the last one if there were several."""

    value: T
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def wants_answer() -> bool:
    """Whether answers of this call are kept, so that it cannot share one with other calls."""
    return answers.get() is not None


async def with_raw_answers(call: Awaitable[T]) -> RawAnswer[T]:
    """Await `call` and return its value together with its last raw answer.

    Raises:
        UsageError: the call was carried out, but there was no answer to keep.
    """
    if not isawaitable(call):
        raise UsageError(
            "Give `with_raw_response` the call of a method, not yet awaited: "
            "`await postiz.with_raw_response(postiz.channels.list())`."
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
            "task that was begun before. Give `with_raw_response` the call itself."
        )
    last = kept[-1]
    first_last = reversed(list(last.headers.items()))  # the first of a name counts, as everywhere
    headers = {name.lower(): text for name, text in first_last}
    return RawAnswer(value, last.status, headers, last.body)
