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
    from collections.abc import Iterator

__all__ = ["Log", "LoggedCall"]


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

    @property
    def rules(self) -> bool:
        """Whether slots come back by the log and not with the next window."""
        return self.sliding or self.headerless

    def gone(self, now: float, window: float) -> int:
        """How many calls at the head of `calls` occupy no slot any more."""
        if not self.calls or self.calls[0].until + window + MARGIN > now:  # as nearly always
            return 0
        return bisect_right(self.calls, now, key=lambda call: call.until + window + MARGIN)

    def live(self, now: float, window: float) -> tuple[LoggedCall, ...]:
        """Calls that may still occupy a slot."""
        return self.calls[self.gone(now, window) :]

    def returned(self, now: float, window: float) -> int:
        """Slots that came back since the last reading."""
        return sum(call.sure for call in self.calls[: self.gone(now, window)])

    def returns(self, now: float, window: float) -> Iterator[float]:
        """When the slots that come back for certain do so, in this order."""
        live = islice(self.calls, self.gone(now, window), None)
        return (c.until + window + MARGIN for c in live if c.sure or self.headerless)

    def with_call(self, call: LoggedCall, now: float, window: float) -> Log:
        """One more call."""
        # a sliding log needs those that came back, until a reading knows of it
        calls = self.calls if self.sliding else self.calls[self.gone(now, window) :]
        if not calls or calls[-1].until <= call.until:  # as nearly always
            return replace(self, calls=calls + (call,))  # noqa: RUF005 (a copy less)
        place = bisect_right(calls, call.until, key=_until)
        return replace(self, calls=(*calls[:place], call, *calls[place:]))

    def opened(self, found: int, now: float, window: float, *, began: bool) -> Log:
        """A window opens with `found` hits before the first one; `began` by it for certain.

        Calls of ours that outlive a window show a sliding log. That they are gone shows that there
        is none only when it happens twice in a row: a server that was started again has lost them
        once.
        """
        ours = sum(call.sure and call.sent + window > now for call in self.calls)
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
        calls = tuple(call for call in self.calls if call.sent + window > now)
        sent = flight.sent
        over = sum(c.until <= sent if c.sure else c.sent < sent for c in calls)  # lost: perhaps
        if over > most:
            gone, calls = calls[: over - most], calls[over - most :]
            if not flight.alone:
                calls = (*(replace(call, sure=False) for call in gone), *calls)
        return replace(self, calls=calls)

    def set_back(self, now: float) -> Log:
        """The clock was set back: nothing that happened is ahead."""
        calls = (
            LoggedCall(min(call.sent, now), min(call.until, now + SILENT), call.sure)
            for call in self.calls
        )
        return replace(self, calls=tuple(calls))

    def let_in(self) -> float:
        """When the last call that the server surely let in was sent."""
        return max((call.sent for call in self.calls if call.sure), default=-math.inf)
