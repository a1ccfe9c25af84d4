"""A call's place in the queue for slots."""

from __future__ import annotations

import asyncio
import operator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postiz_async._scheduler.calls import SlotRequest
    from postiz_async.clock import Timer


Key: TypeAlias = "tuple[float, float, float]"
"""Priority, due time and arrival."""


SLICE = 500
"""Calls that are looked at in one callback; others may want to run."""


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
    """Wakes it, if it is the head of the queue."""
    is_watched: bool = False
    """Whether it is woken when it gives up."""
    noted_lag: float = 0.0
    """With which lag of the slots it may be late; see `Deadlines`."""

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


def wake_all(calls: Iterator[WaitingCall]) -> None:
    """Wake calls, a slice at a time."""
    some = tuple(islice(calls, SLICE))
    for call in some:
        call.wake()
    if some:
        asyncio.get_running_loop().call_soon(wake_all, calls)
