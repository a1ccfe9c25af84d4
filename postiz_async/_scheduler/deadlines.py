"""Calls that give up some time: who cannot leave in time any more, and whose time is over.

Each change of the quota costs the same beside 100 of them and beside 100,000. When a call begins to
wait, it is noted how much later slots may come before it is late; the *lag* says how late they
come. Only calls whose note the lag has passed are forecast again.
"""

from __future__ import annotations

import asyncio
import math
from heapq import heappop, heappush
from typing import TYPE_CHECKING, TypeAlias

from postiz_async._scheduler.waiting_call import SLICE, key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from postiz_async._scheduler.waiting_call import WaitingCall
    from postiz_async.clock import Clock, Timer


LEAST = 0.5
"""Slots by which the lag grows before a call that is barely in time is forecast again."""


class Deadlines:
    """Wakes calls that wait: each when its time is over, or when it cannot leave in time any more.

    Args:
        clock: has one timer for all of them.
        spare: how many slots may be lost before a call is late; below 0, it is.
    """

    def __init__(self, clock: Clock, spare: Callable[[WaitingCall], float]) -> None:
        self._clock = clock
        self._spare = spare
        self.waiting = 0
        self._ends = _Heap()
        """By the moment at which they give up."""
        self._notes = _Heap()
        """By the lag with which they may be late."""
        self._doubted: list[WaitingCall] = []
        """Those without a note."""
        self._lag = 0.0
        self._slot: float | None = None
        self._timer: Timer | None = None
        self._rings_at = math.inf
        self._checks = False

    def add(self, call: WaitingCall, lag: float, slot: float | None) -> None:
        """A call begins to wait, in time as it is forecast now; see `changed`."""
        if not self.waiting:
            self._slot = slot
        self.waiting += 1
        call.is_watched = True
        self._ends.add(call.give_up_at, call)
        self._note(call, lag, self._spare(call))
        self._set_timer()

    def left(self, call: WaitingCall) -> None:
        """A call waits no more."""
        call.is_watched = False
        self.waiting -= 1
        if self.waiting:
            self._ends.tidy()
            self._notes.tidy()
        else:
            self._ends.emptied()
            self._notes.emptied()
            self._doubted.clear()
            self._set_timer()

    def changed(self, lag: float, slot: float | None) -> None:
        """Wake those that are late now.

        Args:
            lag: how late slots come, in slots. While it does not grow, no call leaves later.
            slot: seconds of a slot. If they are others than before, or None, the lag says nothing,
                and all calls are forecast again.
        """
        self._lag = lag
        if slot is None or slot != self._slot:
            self._slot = slot
            self._doubted.extend(self._notes.emptied())
        if not self._checks:
            self._check()

    def _check(self) -> None:
        late: list[WaitingCall] = []
        for _ in range(SLICE):
            if self._doubted:
                call = self._doubted.pop()
            elif self._notes.first() < self._lag:
                call = self._notes.pop()
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
        self._notes.add(lag + max(LEAST, spare), call)

    def _set_timer(self) -> None:
        first = self._ends.first()
        if self._timer is not None and (first < self._rings_at or first == math.inf):
            self._timer.cancel()
            self._timer = None
        if self._timer is None and first < math.inf:
            self._rings_at = first
            self._timer = self._clock.call_at(first, self._ring)

    def _ring(self) -> None:
        self._timer, now = None, self._clock.monotonic()
        for _ in range(SLICE):
            if self._ends.first() > now:
                break
            self._ends.pop().wake()
        self._set_timer()


_Entry: TypeAlias = "tuple[float, float, WaitingCall]"


class _Heap:
    """Calls by a number, the least first.

    Those that are not watched any more are taken out bit by bit: the tail of a heap can go without
    a look at the others, and what is left of it moves to a second one.
    """

    __slots__ = ("_heap", "_second")

    def __init__(self) -> None:
        self._heap: list[_Entry] = []
        self._second: list[_Entry] = []

    def add(self, number: float, call: WaitingCall) -> None:
        heappush(self._second, (number, call.key[2], call))

    def first(self) -> float:
        """The least number; infinity: there is none."""
        heap = self._with_first()
        return heap[0][0] if heap else math.inf

    def pop(self) -> WaitingCall:
        """Take out the first."""
        return heappop(self._with_first())[2]

    def _with_first(self) -> list[_Entry]:
        for heap in (self._heap, self._second):
            while heap and not heap[0][2].is_watched:
                heappop(heap)
        is_second = self._second and not (self._heap and self._heap[0] < self._second[0])
        return self._second if is_second else self._heap

    def tidy(self) -> None:
        """One call has left: look at two."""
        for _ in range(2):
            if not self._heap:
                self._heap, self._second = self._second, self._heap
            if self._heap and (entry := self._heap.pop())[2].is_watched:
                heappush(self._second, entry)

    def emptied(self) -> list[WaitingCall]:
        """All of them, which it has no more."""
        calls = [call for _, _, call in (*self._heap, *self._second)]
        self._heap.clear()
        self._second.clear()
        return calls
