"""What a hook sees of each attempt: no content, no key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from postiz_async.quota import RateHeaders

__all__ = ["Attempt", "AttemptHook", "CallEnded", "CallHook", "CallStarted", "Trace"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request that was sent, after its end.

    `number` counts the requests of a client, `posts` those in a create. `seconds` is the time
    from sending to the answer on the client's clock. `status` is None and `error` a class name
    when no answer came. `reading` has the rate headers, where there were any. `call` is that of
    its `CallStarted`; 0 when nobody listens to calls.
    """

    endpoint: str
    number: int
    posts: int
    seconds: float
    status: int | None = None
    error: str | None = None
    reading: RateHeaders | None = None
    call: int = 0


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A call of the library was made; it may wait for the quota before it is sent.

    `call` tells calls apart, also those of several clients. `server` is the root of the API,
    `queued` the number of creates that wait for the quota, before this one.
    """

    call: int
    endpoint: str
    server: str
    posts: int
    queued: int


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call has its answer or its error.

    `waited` is the time in seconds that it waited for the quota, `seconds` all of its time.
    `error` is a class name, None for success, `uploaded` the bytes of its file (0: unknown),
    `queued` the number of creates that wait for the quota, after this one.
    """

    call: int
    endpoint: str
    seconds: float
    waited: float
    error: str | None
    uploaded: int
    queued: int


@dataclass(slots=True)
class Trace:
    """What is noted of a call while it lives, for its `CallEnded`."""

    call: int
    waited: float = 0.0


class AttemptHook(Protocol):
    """Called after each attempt, in the event loop: be quick and do not block."""

    def __call__(self, attempt: Attempt, /) -> object:
        """Look at an attempt. What it returns is ignored, what it raises is logged."""
        ...


class CallHook(Protocol):
    """Called when a call is made and when it ends, in the event loop and in the caller's context.

    Be quick and do not block.
    """

    def __call__(self, event: CallStarted | CallEnded, /) -> object:
        """Look at a call. What it returns is ignored, what it raises is logged."""
        ...
