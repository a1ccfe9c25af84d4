"""Hooks and log messages about calls and attempts, without content or keys.

Neither an error in a hook nor a slow one loses an answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable, iscoroutinefunction
from typing import ParamSpec, Protocol, TypeVar, cast

from postiz_async._logs import Log, log_of
from postiz_async._quota import RateHeaders
from postiz_async._wire.endpoints import Call
from postiz_async.clock import Clock
from postiz_async.errors import UsageError


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request, reported after it ended.

    `number` counts the requests of a client, `posts` those in a create. `seconds` is the time from
    sending to the answer on the client's clock. `status` is None and `error` a class name when no
    answer came. `reading` has the rate headers, where there were any. `call` is the number of its
    `CallStarted`; 0 without a hook for calls. `organization` is the name that the client was given,
    empty if none.
    """

    endpoint: str
    number: int
    posts: int
    seconds: float
    status: int | None = None
    error: str | None = None
    reading: RateHeaders | None = None
    call: int = 0
    organization: str = ""


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A call of the library was made; it may wait for the quota before it is sent.

    `call` tells calls apart, also those of several clients. `server` is the root of the API,
    `queued` the number of creates that wait for the quota, before this one. `organization` is the
    name that the client was given, empty if none.
    """

    call: int
    endpoint: str
    server: str
    posts: int
    queued: int
    organization: str = ""


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call has its answer or its error.

    `waited` is the time in seconds that it waited for the quota, `seconds` all of its time.
    `error` is a class name, None for success, `uploaded` the bytes of its file (0: unknown),
    `queued` the number of creates that wait for the quota, after this one, `organization` the name
    that the client was given, empty if none.
    """

    call: int
    endpoint: str
    seconds: float
    waited: float
    error: str | None
    uploaded: int
    queued: int
    organization: str = ""


@dataclass(slots=True)
class Trace:
    """Notes on a running call, for its `CallEnded`."""

    call: int
    waited: float = 0.0


class AttemptHook(Protocol):
    """Called after each attempt, in the event loop: be quick and do not block.

    It may be an `async def` function, which runs as a task; no call waits for it.
    """

    def __call__(self, attempt: Attempt, /) -> object:
        """Look at an attempt. What it returns is ignored, what it raises is logged."""
        ...


class CallHook(Protocol):
    """Called when a call is made and when it ends, in the event loop and in the caller's context.

    Be quick and do not block. It may be an `async def` function, which runs as a task; no call
    waits for it.
    """

    def __call__(self, event: CallStarted | CallEnded, /) -> object:
        """Look at a call. What it returns is ignored, what it raises is logged."""
        ...


def check_hook(name: str, hook: object, *, is_awaited: bool = True) -> None:
    """Refuse a hook that cannot be called; None is fine.

    Args:
        name: the argument, as its caller knows it.
        hook: what was given.
        is_awaited: whether it may be an `async def` function.

    Raises:
        UsageError: it is not a function, or nobody would await it.
    """
    if hook is None:
        return
    if not callable(hook):
        raise UsageError(f"{name} must be a function, not {hook!r}.")
    call: object = getattr(hook, "__call__", None)  # noqa: B004  (of an object that has one)
    if not is_awaited and (iscoroutinefunction(hook) or iscoroutinefunction(call)):
        raise UsageError(f"{name} is an `async def` function, but here nobody would await it.")


log = logging.getLogger("postiz_async")

HOOK_SECONDS = 5.0
"""Seconds that closing a client waits for its async hooks."""

_T = TypeVar("_T")
_P = ParamSpec("_P")
_Event = TypeVar("_Event")


@contextmanager
def traced(
    hook: CallHook, started: CallStarted, call: Call[_T], clock: Clock, queued: Callable[[], int]
) -> Generator[Trace]:
    """Report the beginning and the end of the call made in the block.

    Args:
        hook: the hook to call.
        started: the report of the beginning.
        call: the call made in the block, which notes its waiting time on the trace.
        clock: measures.
        queued: says how many creates wait.
    """
    trace, error, began = Trace(started.call), None, clock.monotonic()
    name, whose = started.endpoint, started.organization
    hook(started)
    try:
        yield trace
    except BaseException as caught:
        error = type(caught).__name__
        raise
    finally:
        seconds = clock.monotonic() - began
        sent = (call.file.size or 0) if call.file is not None and error is None else 0
        hook(CallEnded(trace.call, name, seconds, trace.waited, error, sent, queued(), whose))


def tell_attempt(hook: AttemptHook | None, attempt: Attempt, log: Log) -> None:
    """Report a request that was sent."""
    log.info(
        "request %d %s posts=%d %s remaining=%s",
        attempt.number,
        attempt.endpoint,
        attempt.posts,
        attempt.error or f"status={attempt.status}",
        attempt.reading.remaining if attempt.reading is not None else "-",
        extra={"postiz": attempt},
    )
    if hook is not None:
        hook(attempt)


async def told(hook: Callable[_P, Awaitable[_T] | _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call a function of the user, sync or async, and return its result."""
    result = hook(*args, **kwargs)
    if isawaitable(result):
        return await cast("Awaitable[_T]", result)
    return result


class HookTasks:
    """Calls hooks, and runs what async ones return as tasks, for which no call waits."""

    def __init__(self) -> None:
        self._tasks = set[asyncio.Future[object]]()

    def called(
        self, hook: Callable[[_Event], object] | None, organization: str
    ) -> Callable[[_Event], None] | None:
        """A hook that raises nothing and never has to be awaited; a failure names whose it is."""
        return None if hook is None else partial(self._call, hook, log_of(log, organization))

    def _call(self, hook: Callable[[_Event], object], log: Log, event: _Event) -> None:
        try:
            result = hook(event)
        except (Exception, asyncio.CancelledError):  # it awaits nothing: that one is its own
            log.exception("a hook failed")
            return
        if isawaitable(result):
            task = asyncio.ensure_future(result)
            self._tasks.add(task)
            task.add_done_callback(partial(self._ended, log))

    def _ended(self, log: Log, task: asyncio.Future[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a hook failed", exc_info=error)

    async def end(self) -> None:
        """Wait a few seconds for the tasks of async hooks, then cancel them."""
        tasks = [*self._tasks]
        if not tasks:
            return
        try:
            await asyncio.wait(tasks, timeout=HOOK_SECONDS)
        finally:
            left = [task for task in tasks if task.cancel()]
            if left:
                log.warning("async hooks that did not end in time, cancelled: %d", len(left))
        if left:
            await asyncio.wait(left, timeout=1.0)
