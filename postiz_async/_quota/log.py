"""The log of our calls: what counts where no window can be read. PURE."""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import islice
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from postiz_async._quota.flights import SILENT, Flight
from postiz_async._quota.window import MARGIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


_MANY = 500
"""Calls of a log that are copied for one more."""


class LoggedCall(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One of our calls, counted between `sent` and `until`; if not `sure`, perhaps."""

    sent: float
    until: float
    sure: bool = True


def _until(call: LoggedCall) -> float:
    return call.until


class Log(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Our calls of the last window length, and whether slots come back by them."""

    sliding: bool = False
    """The server keeps a sliding log (older releases): slots come back one by one."""
    doubted: bool = False
    """The last window that opened held less than a sliding log would."""
    headerless: bool = False
    """Answers carry no rate headers (a proxy strips them): only our own log is known."""
    calls: tuple[LoggedCall, ...] = ()
    """In the order of `until`."""
    newest: tuple[LoggedCall, ...] = ()
    """Those after them, if there are very many: one more then copies only these."""

    @property
    def every(self) -> tuple[LoggedCall, ...]:
        """All of them, in the order of `until`."""
        return self.calls + self.newest

    @property
    def rules(self) -> bool:
        """Whether slots come back by the log and not with the next window."""
        return self.sliding or self.headerless

    def gone(self, now: float, window: float) -> int:
        """How many calls at the head of the log occupy no slot any more."""
        if not self.calls or self.calls[0].until + window + MARGIN > now:  # as nearly always
            return 0
        return self._before(now, lambda call: call.until + window + MARGIN)

    def _before(self, moment: float, of: Callable[[LoggedCall], float]) -> int:
        """How many calls have their moment before or at this one."""
        place = bisect_right(self.calls, moment, key=of)
        if place == len(self.calls):
            place += bisect_right(self.newest, moment, key=of)
        return place

    def alive(self, now: float, window: float) -> int:
        """How many calls may still occupy a slot."""
        return len(self.calls) + len(self.newest) - self.gone(now, window)

    def live(self, now: float, window: float, after: float = -math.inf) -> tuple[LoggedCall, ...]:
        """Calls that may still occupy a slot, and were not over by a moment."""
        first = max(self.gone(now, window), self._before(after, _until))
        return self.calls[first:] + self.newest[max(0, first - len(self.calls)) :]

    def returned(self, now: float, window: float) -> int:
        """Slots that came back since the last reading."""
        return sum(call.sure for call in islice(self.every, self.gone(now, window)))

    def returns(self, now: float, window: float) -> Iterator[float]:
        """When the slots that come back for certain do so, in this order."""
        live = islice(self.every, self.gone(now, window), None)
        return (c.until + window + MARGIN for c in live if c.sure or self.headerless)

    def with_call(self, call: LoggedCall, now: float, window: float) -> Log:
        """One more call."""
        is_long = len(self.calls) >= _MANY > len(self.newest)
        if is_long and (self.newest or self.calls)[-1].until <= call.until:
            return replace(self, newest=self.newest + (call,))  # noqa: RUF005 (a copy less)
        calls = self.every if self.newest else self.calls
        if not self.sliding:  # which needs those that came back, until a reading knows of it
            calls = calls[self.gone(now, window) :]
        if not calls or calls[-1].until <= call.until:  # as nearly always
            return replace(self, calls=calls + (call,), newest=())  # noqa: RUF005 (the same)
        place = bisect_right(calls, call.until, key=_until)
        return replace(self, calls=(*calls[:place], call, *calls[place:]), newest=())

    def opened(self, found: int, now: float, window: float, *, began: bool) -> Log:
        """A window opens with `found` hits before the first one; `began` by it for certain.

        Calls of ours that outlive a window show a sliding log. That they are gone shows that there
        is none only when it happens twice in a row: a server that was started again has lost them
        once.
        """
        ours = sum(call.sure and call.sent + window > now for call in self.every)
        if found < ours:
            return replace(self, sliding=self.sliding and not self.doubted, doubted=self.sliding)
        is_sign = ours > 0 and found >= max(2, ours) and began
        return replace(self, sliding=self.sliding or is_sign, doubted=False)

    def read(self, flight: Flight, now: float, window: float, most: int) -> Log:
        """A reading at `now` has seen the older ones go; they would count twice.

        Of those that were over before its call was sent it contains no more than `most`, the
        newest: a server that was started again has forgotten the rest. A lone call has seen them
        go; among calls that overlap, their slots just do not come back for certain.

        Args:
            flight: the call that brought the reading.
            now: when its answer came.
            window: its length in seconds.
            most: hits before this one that the counter contains.
        """
        calls = tuple(call for call in self.every if call.sent + window > now)
        sent = flight.sent
        over = sum(c.until <= sent if c.sure else c.sent < sent for c in calls)  # lost: perhaps
        if over > most:
            gone, calls = calls[: over - most], calls[over - most :]
            if not flight.alone:
                calls = (*(replace(call, sure=False) for call in gone), *calls)
        return replace(self, calls=calls, newest=())

    def set_back(self, now: float) -> Log:
        """The clock was set back: nothing that happened is ahead."""
        calls = (
            LoggedCall(min(call.sent, now), min(call.until, now + SILENT), call.sure)
            for call in self.every
        )
        return replace(self, calls=tuple(calls), newest=())

    def let_in(self) -> float:
        """When the last call that the server surely let in was sent."""
        return max((call.sent for call in self.every if call.sure), default=-math.inf)
