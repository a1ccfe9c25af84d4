"""How one call is treated: its time-out, its place in the queue, when it gives up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec import Raw

from postiz_async.events import Trace
from postiz_async.lanes import Priority

if TYPE_CHECKING:
    from postiz_async.endpoints import Call

__all__ = ["CallOptions", "time_out"]

T = TypeVar("T")

CREATE_SECONDS, SECONDS_A_POST = 30.0, 0.2
"""The read time-out of a create: a base and a share for each post."""


class CallOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How one call is treated. Seconds everywhere.

    `max_wait` bounds the wait for a slot of the quota; None waits as long as it takes. `due` and
    `deadline` are moments of the clock's `monotonic()`: by the first the lane is ordered, a call
    that cannot leave before the second is refused at once. With `finish` a call whose first byte
    is out is not cancelled: it ends with its answer or its time-out. `prepare` runs after the slot
    is taken and before the first byte, and may return a newer body; when it raises, the slot is
    given back and nothing is sent. Without `retry` there is one attempt, for callers that have
    pauses of their own.
    """

    timeout: float | None = None
    headers: tuple[tuple[str, str], ...] = ()
    max_wait: float | None = None
    priority: int = Priority.INTERACTIVE
    due: float | None = None
    deadline: float | None = None
    finish: bool = False
    prepare: Callable[[], Awaitable[Raw | None]] | None = None
    trace: Trace | None = None
    retry: bool = True


def time_out(call: Call[T], options: CallOptions) -> float | None:
    """Seconds from sending to the whole answer; None: only a stalled transfer ends it."""
    if options.timeout is not None:
        return options.timeout
    if call.endpoint.quota:
        return CREATE_SECONDS + SECONDS_A_POST * call.posts
    return call.endpoint.timeout
