"""Our own calls: those in flight, and a log of those that were sent. PURE.

The log decides when no window can be read.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import chain, islice
from operator import attrgetter

import msgspec
from msgspec.structs import replace

from postiz_async._quota.window import MARGIN

# ------------------------------------------------------------------ in flight


BURST_PAUSE = 10.0
"""Seconds without an answer after which the next calls start slowly, one by one."""

_MOST = 1_000
"""Most calls in flight, however large a window is: each call looks at all of them."""

SETTLE = 30.0
"""Seconds for which a request can still be on its way after its connection broke."""

LEAST_PATIENCE, PATIENCE_LATENCIES = 5.0, 8.0
"""How long to wait for an answer: these seconds, or this many typical latencies if that is more."""

SILENT = 720.0
"""The same limit for a call without any answer or with a dead sender, as a proxy may hold it."""


class Flight(msgspec.Struct, frozen=True, gc=False):
    """A call between reservation and outcome. `alone`: no other call has overlapped with it."""

    token: int
    sent: float
    alone: bool
    expires: float = math.inf
    """The time at which a holder that did not report is taken for dead."""


_expires = attrgetter("expires")


class Flights(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Calls in flight. Times are monotonic seconds."""

    open: tuple[Flight, ...] = ()
    """The calls in flight, the oldest first."""
    tokens: int = 0
    """The token of the next reservation."""
    unseen: tuple[float, ...] = ()
    """For each call that ended without a reading: the time from which a reading includes it."""
    cap: int = 1
    """Calls allowed in flight: one, plus one for each answer, so that a burst doubles."""
    answered_at: float = -math.inf
    latency: float = 0.5
    """Smoothed seconds from reservation to answer; includes the time the caller takes to save
    state."""

    @property
    def pending(self) -> int:
        """Calls that the last reading may not include."""
        return len(self.open) + len(self.unseen)

    @property
    def patience(self) -> float:
        """Seconds after which a call does not delay others any more; it still counts as spent."""
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
        """The time at which the next expected answer is given up; infinity: none is expected."""
        patience = self.patience
        for flight in self.open:
            if flight.sent + patience > now:
                return flight.sent + patience
        return math.inf

    @property
    def first_expiry(self) -> float:
        """The time at which the next silent holder is taken for dead; infinity: there is none."""
        return min(map(_expires, self.open), default=math.inf)

    def acquired(self, now: float, expires: float) -> Flights:
        """Add a call that leaves; its token is the current value of `tokens`."""
        others = self.open
        if others and others[0].alone:  # then no other calls are in flight
            others = (replace(others[0], alone=False),)
        fresh = Flight(self.tokens, now, alone=not others, expires=expires)
        cap = 1 if now - self.answered_at > BURST_PAUSE and not others else self.cap
        return replace(self, open=(*others, fresh), tokens=self.tokens + 1, cap=cap)

    def ended(self, token: int) -> tuple[Flights, Flight]:
        """Remove one reservation, and return it too.

        Raises:
            LookupError: the reservation is not open.
        """
        for place, flight in enumerate(self.open):
            if flight.token == token:
                rest = self.open[:place] + self.open[place + 1 :]
                return replace(self, open=rest), flight
        raise LookupError(f"reservation {token} is not open")

    def answered(self, flight: Flight, now: float, limit: int) -> Flights:
        """Allow one more call in flight for an answer, and update the latency."""
        latency = 0.7 * self.latency + 0.3 * (now - flight.sent)
        cap = min(limit, _MOST, self.cap + 1)
        return replace(self, cap=cap, latency=latency, answered_at=now)

    def read(self, sent: float) -> Flights:
        """Drop calls that a reading by a call sent at this time includes."""
        if not self.unseen:
            return self
        return replace(self, unseen=tuple(moment for moment in self.unseen if moment > sent))

    def ended_unread(self, until: float, now: float, window: float) -> Flights:
        """Add a call that ended without a reading; drop those too old for the current window."""
        recent = [moment for moment in self.unseen if moment + window + MARGIN > now]
        return replace(self, unseen=(*recent, until))

    def arrived(self, until: float, now: float) -> Flights:
        """Let a reading from `now` on include a call that could arrive until some later time."""
        if until not in self.unseen:
            return self
        place = self.unseen.index(until)
        return replace(self, unseen=(*self.unseen[:place], now, *self.unseen[place + 1 :]))

    def set_back(self, now: float, window: float) -> Flights:
        """Clamp all times to `now`, because the clock was set back."""
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

REPEATS = 5
"""Answers in a row that leave the same number of calls; four servers that count each for itself
may leave the same four times."""

_MANY = 500
"""Calls in the part of a log that is copied for each new call, at most."""


class LoggedCall(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One of our calls, which the server counts between `sent` and `until`; `sure` if certainly."""

    sent: float
    until: float
    sure: bool = True


def _until(call: LoggedCall) -> float:
    return call.until


class Log(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Our calls within the last window length, and whether slots come back by them."""

    sliding: bool = False
    """Whether the server keeps a sliding log (older releases): slots come back one by one."""
    doubted: bool = False
    """Whether the last window that opened contained fewer hits than a sliding log would."""
    headerless: bool = False
    """Whether answers lack rate headers (a proxy strips them) or do not count our calls in them:
    only our own log is known."""
    told: int = -1
    repeats: int = 0
    """What the last answer left of the limit, and how many answers in a row left as much."""
    calls: tuple[LoggedCall, ...] = ()
    """Logged calls in the order of `until`."""
    newest: tuple[LoggedCall, ...] = ()
    """Calls after `calls` if there are very many: adding a call copies only these."""

    @property
    def every(self) -> tuple[LoggedCall, ...]:
        """All logged calls, in the order of `until`."""
        return self.calls + self.newest

    @property
    def rules(self) -> bool:
        """Whether slots come back by the log, and not with the next window."""
        return self.sliding or self.headerless

    def gone(self, now: float, window: float) -> int:
        """The number of calls at the head of the log that occupy no slot any more."""
        if not self.calls or self.calls[0].until + window + MARGIN > now:  # the usual case
            return 0
        return self._before(now, lambda call: call.until + window + MARGIN)

    def _before(self, moment: float, of: Callable[[LoggedCall], float]) -> int:
        """The number of calls whose `until` is at or before a time."""
        place = bisect_right(self.calls, moment, key=of)
        if place == len(self.calls):
            place += bisect_right(self.newest, moment, key=of)
        return place

    def alive(self, now: float, window: float) -> int:
        """The number of calls that may still occupy a slot."""
        return len(self.calls) + len(self.newest) - self.gone(now, window)

    def live(self, now: float, window: float, after: float = -math.inf) -> tuple[LoggedCall, ...]:
        """Calls that may still occupy a slot and had not ended by a given time."""
        first = max(self.gone(now, window), self._before(after, _until))
        return self.calls[first:] + self.newest[max(0, first - len(self.calls)) :]

    def sure(self, now: float, window: float) -> int:
        """The number of calls that a sliding log certainly contains."""
        calls = chain(self.calls, self.newest)
        return sum(call.sure and call.sent + window > now for call in calls)

    def returned(self, now: float, window: float) -> int:
        """The number of slots that came back since the last reading."""
        return sum(call.sure for call in islice(self.every, self.gone(now, window)))

    def returns(self, now: float, window: float) -> Iterator[float]:
        """The times at which slots certainly come back, ascending."""
        live = islice(self.every, self.gone(now, window), None)
        return (c.until + window + MARGIN for c in live if c.sure or self.headerless)

    def with_call(self, call: LoggedCall, now: float, window: float) -> Log:
        """Add a call to the log."""
        is_long = len(self.calls) >= _MANY > len(self.newest)
        if is_long and (self.newest or self.calls)[-1].until <= call.until:
            return replace(self, newest=self.newest + (call,))  # noqa: RUF005 (a copy less)
        calls = self.every if self.newest else self.calls
        if not self.sliding:  # a sliding log keeps returned calls until a reading
            calls = calls[self.gone(now, window) :]
        if not calls or calls[-1].until <= call.until:  # the usual case
            return replace(self, calls=calls + (call,), newest=())  # noqa: RUF005 (the same)
        place = bisect_right(calls, call.until, key=_until)
        return replace(self, calls=(*calls[:place], call, *calls[place:]), newest=())

    def without(self, call: LoggedCall) -> Log:
        """Remove a call, if it is there."""
        calls = self.every
        if call not in calls:
            return self
        place = calls.index(call)
        return replace(self, calls=calls[:place] + calls[place + 1 :], newest=())

    def opened(self, found: int, now: float, window: float, *, began: bool) -> Log:
        """Note that a window opened with `found` hits before the first reading.

        If calls of ours outlive a window, the server keeps a sliding log. If they are gone twice in
        a row, it does not; once is not enough, because a restarted server has lost them too.
        """
        ours = self.sure(now, window)
        if found < ours:
            return replace(self, sliding=self.sliding and not self.doubted, doubted=self.sliding)
        is_sign = ours > 0 and found >= max(2, ours) and began
        return replace(self, sliding=self.sliding or is_sign, doubted=False)

    def read(self, flight: Flight, now: float, window: float, most: int) -> Log:
        """Drop older calls that a reading at `now` includes, as they would count twice.

        Of the calls that ended before, the reading contains at most the `most` newest: a restarted
        server has forgotten the rest. After a lone call they are dropped; among overlapping calls,
        only their return becomes uncertain.

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
        """Clamp all times to `now`, because the clock was set back."""
        calls = (
            LoggedCall(min(call.sent, now), min(call.until, now + SILENT), call.sure)
            for call in self.every
        )
        return replace(self, calls=tuple(calls), newest=())

    def heard(self, remaining: int) -> Log:
        """Note how many calls an answer leaves."""
        repeats = self.repeats + 1 if remaining == self.told else 1
        return replace(self, told=remaining, repeats=repeats)

    def let_in(self) -> float:
        """When the last call that the server certainly accepted was sent."""
        return max((call.sent for call in self.every if call.sure), default=-math.inf)
