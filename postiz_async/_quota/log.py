"""Our calls: those between reservation and outcome, and the log of those that were sent. PURE.

The log is what counts where no window can be read.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from postiz_async._quota.window import MARGIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


# ------------------------------------------------------------------ in flight


BURST_PAUSE = 10.0
"""Seconds without an answer after which the next calls start carefully, one by one."""

_MOST = 1_000
"""Calls in flight at most, however many a window has: each is looked at with each call."""

SETTLE = 30.0
"""Seconds for which a request can still be on its way after its connection broke."""

LEAST_PATIENCE, PATIENCE_LATENCIES = 5.0, 8.0
"""How long an answer is waited for: these seconds, or this many times the usual if that is more."""

SILENT = 720.0
"""The same for one that met only silence, or whose sender died: a proxy may hold it for minutes."""


class Flight(msgspec.Struct, frozen=True, gc=False):
    """A call between reservation and outcome. `alone`: no other call overlapped so far."""

    token: int
    sent: float
    alone: bool
    expires: float = math.inf
    """When a holder that was not heard of again is taken for dead."""


_expires = attrgetter("expires")


class Flights(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Calls in flight. Times are monotonic seconds."""

    open: tuple[Flight, ...] = ()
    """The oldest first."""
    tokens: int = 0
    """The token of the next reservation."""
    unseen: tuple[float, ...] = ()
    """For each call that ended without a reading, from when on a reading includes it."""
    cap: int = 1
    """Calls allowed in flight: one, then one more an answer, so a burst doubles."""
    answered_at: float = -math.inf
    latency: float = 0.5
    """Seconds from reservation to answer, smoothed; includes what the caller stores first."""

    @property
    def pending(self) -> int:
        """Calls that the last reading may not include."""
        return len(self.open) + len(self.unseen)

    @property
    def patience(self) -> float:
        """Seconds after which a call holds nobody up any more; it still counts as spent."""
        return max(LEAST_PATIENCE, PATIENCE_LATENCIES * self.latency)

    def awaited(self, now: float) -> int:
        """Calls whose answer is worth waiting for."""
        if not self.open:
            return 0
        patience = self.patience
        if self.open[0].sent + patience > now:  # the oldest
            return len(self.open)
        return sum(flight.sent + patience > now for flight in self.open)

    def answer_by(self, now: float) -> float:
        """When the next answer is given up, unless it comes before; infinity: none is awaited."""
        patience = self.patience
        for flight in self.open:
            if flight.sent + patience > now:
                return flight.sent + patience
        return math.inf

    @property
    def first_expiry(self) -> float:
        """When the next holder is taken for dead, unless it is heard of; infinity: none is."""
        return min(map(_expires, self.open), default=math.inf)

    def acquired(self, now: float, expires: float) -> Flights:
        """One more call leaves; its token is the present `tokens`."""
        others = self.open
        if others and others[0].alone:  # then there is no other
            others = (replace(others[0], alone=False),)
        fresh = Flight(self.tokens, now, alone=not others, expires=expires)
        cap = 1 if now - self.answered_at > BURST_PAUSE and not others else self.cap
        return replace(self, open=(*others, fresh), tokens=self.tokens + 1, cap=cap)

    def ended(self, token: int) -> tuple[Flights, Flight]:
        """Without one reservation, and what it was.

        Raises:
            LookupError: it is not open.
        """
        for place, flight in enumerate(self.open):
            if flight.token == token:
                rest = self.open[:place] + self.open[place + 1 :]
                return replace(self, open=rest), flight
        raise LookupError(f"reservation {token} is not open")

    def answered(self, flight: Flight, now: float, limit: int) -> Flights:
        """One more call may be in flight for each answer; remember how long answers take."""
        latency = 0.7 * self.latency + 0.3 * (now - flight.sent)
        cap = min(limit, _MOST, self.cap + 1)
        return replace(self, cap=cap, latency=latency, answered_at=now)

    def read(self, sent: float) -> Flights:
        """A call that was sent then brought a reading."""
        if not self.unseen:
            return self
        return replace(self, unseen=tuple(moment for moment in self.unseen if moment > sent))

    def ended_unread(self, until: float, now: float, window: float) -> Flights:
        """One more call without a reading; those of long ago are in no window that still runs."""
        recent = [moment for moment in self.unseen if moment + window + MARGIN > now]
        return replace(self, unseen=(*recent, until))

    def set_back(self, now: float, window: float) -> Flights:
        """The clock was set back: nothing that happened is ahead."""
        latest = now + window
        return replace(
            self,
            open=tuple(
                replace(flight, sent=min(flight.sent, now), expires=min(flight.expires, latest))
                for flight in self.open
            ),
            unseen=tuple(min(moment, now + SILENT) for moment in self.unseen),
            answered_at=min(self.answered_at, now),
        )


# ------------------------------------------------------------------ the log

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
