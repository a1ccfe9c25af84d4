"""Calls and attempts, told to the log and to hooks; a broken hook loses no answer."""

from __future__ import annotations

import logging
import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from postiz_async.events import CallEnded, CallStarted, Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from postiz_async.clock import Clock
    from postiz_async.endpoints import Call
    from postiz_async.events import Attempt, AttemptHook, CallHook

__all__ = ["tell_attempt", "traced"]

log = logging.getLogger("postiz_async")

_T = TypeVar("_T")
_Event = TypeVar("_Event")


@contextmanager
def traced(
    hook: CallHook, call: Call[_T], *, root: str, clock: Clock, queued: Callable[[], int]
) -> Generator[Trace]:
    """Tell of the beginning and the end of what happens inside.

    Args:
        hook: is told.
        call: what is made inside; note on the trace how long it waits.
        root: the API's.
        clock: measures.
        queued: says how many creates wait.
    """
    trace, name, error = Trace(random.getrandbits(62)), call.endpoint.name, None
    began = clock.monotonic()
    _tell(hook, CallStarted(trace.call, name, root, call.posts, queued()))
    try:
        yield trace
    except BaseException as caught:
        error = type(caught).__name__
        raise
    finally:
        seconds = clock.monotonic() - began
        sent = (call.file.size or 0) if call.file is not None and error is None else 0
        _tell(hook, CallEnded(trace.call, name, seconds, trace.waited, error, sent, queued()))


def tell_attempt(hook: AttemptHook | None, attempt: Attempt) -> None:
    """Tell of a request that was sent."""
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
        _tell(hook, attempt)


def _tell(hook: Callable[[_Event], object], event: _Event) -> None:
    try:
        hook(event)
    except Exception:
        log.exception("a hook failed")
