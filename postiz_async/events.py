"""What a hook sees of each attempt: no content, no key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from postiz_async.quota import Reading

__all__ = ["Attempt", "AttemptHook"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request that was sent, after its end.

    `number` counts the requests of a client, `posts` those in a create. `seconds` is the time
    from sending to the answer on the client's clock. `status` is None and `error` a class name
    when no answer came. `reading` has the rate headers, where there were any.
    """

    endpoint: str
    number: int
    posts: int
    seconds: float
    status: int | None = None
    error: str | None = None
    reading: Reading | None = None


class AttemptHook(Protocol):
    """Called after each attempt, in the event loop: be quick and do not block."""

    def __call__(self, attempt: Attempt, /) -> object:
        """Look at an attempt. What it returns is ignored, what it raises is logged."""
        ...
