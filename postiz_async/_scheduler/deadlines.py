"""Wake waiting calls at their deadlines, and as soon as they can no longer leave in time.

A change of the quota costs the same with 100 waiting calls and with 100,000. For each call it is
noted how much later slots may come before the call is late; the *lag* says how late they come. Only
calls whose note the lag has passed are forecast again.
"""

from __future__ import annotations

import asyncio
import math
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from sortedcontainers import SortedKeyList

from postiz_async._scheduler.calls import SlotRequest
from postiz_async.clock import Clock, Timer

Key: TypeAlias = "tuple[float, float, float]"
"""Priority, due time and arrival."""


SLICE = 500
"""Calls checked in one callback, so that other tasks can run in between."""


@dataclass(slots=True, eq=False)
class WaitingCall:
    """A place in the queue."""

    key: Key
    request: SlotRequest
    is_bulk: bool
    """Whether the call must leave the held slots to others."""
    give_up_at: float
    sleep: asyncio.Future[None] | None = None
    timer: Timer | None = None
    """The timer that wakes the call while it is at the head of the queue."""
    is_watched: bool = False
    """Whether `Deadlines` watches the call."""
    noted_lag: float = 0.0
    """The lag of slots from which the call may be late; see `Deadlines`."""

    def wake(self) -> None:
        """Wake the call, so that it asks for a slot again."""
        if self.sleep is not None and not self.sleep.done():
            self.sleep.set_result(None)

    def wakes(self) -> None:
        """Note that the call is awake."""
        if self.timer is not None:
            self.timer.cancel()
        self.sleep = self.timer = None


key_of = operator.attrgetter("key")


def wake_all(calls: Iterator[WaitingCall]) -> None:
    """Wake calls, a limited number in each callback."""
    some = tuple(islice(calls, SLICE))
    for call in some:
        call.wake()
    if some:
        asyncio.get_running_loop().call_soon(wake_all, calls)


LEAST = 0.5
"""Slots by which the lag grows before a call that is just in time is forecast again."""


class Deadlines:
    """Wakes waiting calls: when their time is over, or as soon as they cannot leave in time.

    Args:
        clock: provides one timer for all calls.
        spare: the number of slots that may be lost before a call is late; below 0 it is late.
    """

    def __init__(self, clock: Clock, spare: Callable[[WaitingCall], float]) -> None:
        self._clock = clock
        self._spare = spare
        self.waiting = 0
        self._ends = SortedKeyList[WaitingCall, tuple[float, float]](key=_end_of)
        self._notes = SortedKeyList[WaitingCall, tuple[float, float]](key=_note_of)
        """Calls by the lag from which they may be late."""
        self._doubted: list[WaitingCall] = []
        """Calls that have to be forecast again."""
        self._lag = 0.0
        self._slot: float | None = None
        self._timer: Timer | None = None
        self._rings_at = math.inf
        self._checks = False

    def add(self, call: WaitingCall, lag: float, slot: float | None) -> None:
        """Watch a call that begins to wait and is in time so far; see `changed`."""
        if not self.waiting:
            self._slot = slot
        self.waiting += 1
        call.is_watched = True
        self._ends.add(call)
        self._note(call, lag, self._spare(call))
        self._set_timer()

    def left(self, call: WaitingCall) -> None:
        """Stop watching a call."""
        call.is_watched = False
        self.waiting -= 1
        self._ends.discard(call)
        self._notes.discard(call)
        if not self.waiting:
            self._doubted.clear()
            self._set_timer()

    def changed(self, lag: float, slot: float | None) -> None:
        """Wake calls that are late by now.

        Args:
            lag: how late slots come, in slots. While it does not grow, no call leaves later.
            slot: seconds of a slot. If they have changed, or are None, the lag says nothing, and
                all calls are forecast again.
        """
        self._lag = lag
        if slot is None or slot != self._slot:
            self._slot = slot
            self._doubted.extend(self._notes)
            self._notes.clear()
        if not self._checks:
            self._check()

    def _check(self) -> None:
        late: list[WaitingCall] = []
        for _ in range(SLICE):
            if self._doubted:
                call = self._doubted.pop()
            elif self._notes and self._notes[0].noted_lag < self._lag:
                call = self._notes.pop(0)
            else:
                self._checks = False
                break
            if call.is_watched:
                spare = self._spare(call)
                self._note(call, self._lag, spare)
                if spare < 0:
                    late.append(call)
        else:
            self._checks = True
            asyncio.get_running_loop().call_soon(self._check)
        for call in sorted(late, key=key_of):  # if one gives up, those behind may be in time
            call.wake()

    def _note(self, call: WaitingCall, lag: float, spare: float) -> None:
        call.noted_lag = lag + max(LEAST, spare)
        self._notes.add(call)

    def _set_timer(self) -> None:
        first = self._ends[0].give_up_at if self._ends else math.inf
        if self._timer is not None and (first < self._rings_at or first == math.inf):
            self._timer.cancel()
            self._timer = None
        if self._timer is None and first < math.inf:
            self._rings_at = first
            self._timer = self._clock.call_at(first, self._ring)

    def _ring(self) -> None:
        self._timer, now = None, self._clock.monotonic()
        for _ in range(SLICE):
            if not self._ends or self._ends[0].give_up_at > now:
                break
            self._ends.pop(0).wake()
        self._set_timer()


def _end_of(call: WaitingCall) -> tuple[float, float]:
    return call.give_up_at, call.key[2]


def _note_of(call: WaitingCall) -> tuple[float, float]:
    return call.noted_lag, call.key[2]
