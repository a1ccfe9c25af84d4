"""A call's place in the queue for slots."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import asyncio

    from postiz_async._scheduler.calls import SlotRequest
    from postiz_async.clock import Timer

__all__ = ["Key", "WaitingCall", "end_of", "key_of"]

Key: TypeAlias = "tuple[float, float, float]"
"""Priority, due time and arrival."""


@dataclass(slots=True, eq=False)
class WaitingCall:
    """A place in the queue."""

    key: Key
    request: SlotRequest
    is_bulk: bool
    """Whether it leaves the held slots to others."""
    give_up_at: float
    sleep: asyncio.Future[None] | None = None
    timer: Timer | None = None
    """Wakes it."""

    def wake(self) -> None:
        """Let it ask again."""
        if self.sleep is not None and not self.sleep.done():
            self.sleep.set_result(None)

    def wakes(self) -> None:
        """It sleeps no longer."""
        if self.timer is not None:
            self.timer.cancel()
        self.sleep = self.timer = None


key_of = operator.attrgetter("key")


def end_of(call: WaitingCall) -> tuple[float, float]:
    """By which those that give up are sorted."""
    return call.give_up_at, call.key[2]
