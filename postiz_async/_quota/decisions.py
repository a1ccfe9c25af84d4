"""Decide whether a call may leave, and if not, when to ask again. Changes nothing. PURE.

The first line that applies decides.

=========================================  =====================================================
halted by somebody                         not at all, until that is taken back
locked out                                 wait for the end, interactive calls too
nothing is known of the window that runs   one call alone reads the counter
no slot is free                            wait for the next window, or a slot that comes back
enough calls are in flight                 wait for an answer
interactive                                go
more is free than bulk holds               go
by a window, shortly before its end        one reads what is left; then what was held goes, too
else                                       wait for that, or for the moment at which less is held
=========================================  =====================================================

What bulk holds is *reserved* for interactive calls, or *left* to other clients.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import msgspec

from postiz_async._quota.log import SETTLE
from postiz_async._quota.poisson import Poisson
from postiz_async._quota.state import Ledger
from postiz_async._quota.window import MARGIN, Window

RELEASE, MAX_RELEASE = 8.0, 300.0
"""Seconds before the end of a window at which held slots are released: at least, and at most."""

ASKED_RELEASE = 12.0
"""The least such seconds if interactive calls come but no other clients do."""

EDGE, EDGE_LATENCIES = 0.5, 2.5
"""Start of the time for the last slots: seconds, and typical latencies, before a window's end."""

NOBODY = 75.0
"""Seconds before the end of a window from which unseen clients are no longer expected."""

IN_TIME = 0.9
"""The share of the remaining time after which to act, when a moment must not be missed."""

LOCK_OUT = 10.0
"""The cost of a lock-out, in windows."""

ASKED_LOCK_OUT = 100.0
"""The same in a sliding log where others and interactive calls come: people wait for its end."""


class WaitReason(Enum):
    """Why a call has to wait."""

    HALTED = "somebody halted all creates"
    BLOCKED = "the organisation is locked out"
    WINDOW = "the window is used up"
    RESERVED = "the rest of the window is kept for single posts"
    OTHERS = "the rest of the window is left to other clients that were seen"
    PROBE = "the first call of the window has not been answered yet"
    IN_FLIGHT = "enough calls are in flight"
    PACED = "the rhythm spreads the calls over the window"


class Grant(msgspec.Struct, frozen=True):
    """The call may leave now."""


class Wait(msgspec.Struct, frozen=True):
    """Wait, and ask again at `until` (monotonic seconds; infinity: after the next answer)."""

    until: float
    why: WaitReason


GRANT = Grant()


def decide(
    ledger: Ledger,
    now: float,
    *,
    urgent: bool = False,
    backlog: int | None = None,
    waiting: int = 0,
) -> Grant | Wait:
    """Decide whether one more call may leave at `now`.

    Args:
        ledger: the state.
        now: monotonic seconds.
        urgent: an interactive call, which may use the slots that are kept free for such calls.
        backlog: bulk calls still to come, this one included; None if unknown. If they all fit into
            the free slots, nothing is kept free for calls that may never come.
        waiting: bulk calls that wait, this one included; more may come if `backlog` is unknown.
    """
    window = ledger.window
    if ledger.halt.by:
        return Wait(math.inf, WaitReason.HALTED)
    if now < window.blocked_until:
        return Wait(window.blocked_until, WaitReason.BLOCKED)
    if ledger.must_read(now):
        return _probe(ledger, now)
    if ledger.log.rules:
        return _by_log(ledger, now, urgent=urgent, backlog=backlog)
    return _by_window(ledger, now, urgent=urgent, backlog=backlog, waiting=waiting)


def _probe(ledger: Ledger, now: float) -> Grant | Wait:
    """Let one call alone read the counter, however long its answer takes."""
    if ledger.flights.open:
        return Wait(math.inf, WaitReason.PROBE)
    start = probe_from(ledger, now)
    return Wait(start, WaitReason.WINDOW) if start > now else GRANT


def probe_from(ledger: Ledger, now: float) -> float:
    """The time from which a probe cannot exceed the limit, as far as our own calls are concerned.

    The end of a window that was read is enough. Calls sent since then without a reading (their
    answers were lost, or their process died) may have filled the next one.
    """
    window, calls = ledger.window, ledger.unread_calls(now)
    if len(calls) < window.limit:
        return now
    return calls[len(calls) - window.limit].until + window.length + MARGIN


# ------------------------------------------------------------------ by the window


def _by_window(
    ledger: Ledger, now: float, *, urgent: bool, backlog: int | None, waiting: int
) -> Grant | Wait:
    """Decide when all slots come back together, at the end of the window."""
    window, flights = ledger.window, ledger.flights
    free, rivals = ledger.free, ledger.neighbours.rivals
    awaited = flights.awaited(now)
    spared = rivals if urgent or not rivals else rivals + 1
    if free <= spared:
        if awaited and ledger.unclaimed > spared:  # answers may show a free slot
            return _answer(ledger, now, WaitReason.IN_FLIGHT)
        return Wait(window.reopens, WaitReason.WINDOW)
    most = max(1, free // (2 + 2 * rivals)) if rivals else flights.cap
    if awaited >= min(most, flights.cap):
        return _answer(ledger, now, WaitReason.IN_FLIGHT)
    if urgent:
        return GRANT
    if flights.pending and free <= 1 + len(flights.unseen):
        settled = _settled_at(ledger, now)
        if settled > now:
            return Wait(settled, WaitReason.IN_FLIGHT)
    edge = _edge(ledger, now)
    if now >= window.ends_after - (MARGIN if edge == math.inf else flights.latency):
        return Wait(window.reopens, WaitReason.WINDOW)
    held = held_of_window(ledger, now, backlog, waiting)
    if free > held.reserved + held.left:
        return GRANT
    why = WaitReason.RESERVED if free > held.left else WaitReason.OTHERS
    verdict = _drain(ledger, now, free, why, held)
    is_sooner = isinstance(verdict, Wait) and held.until < verdict.until
    return Wait(held.until, why) if is_sooner else verdict


def _answer(ledger: Ledger, now: float, why: WaitReason) -> Wait:
    until, reopens = ledger.flights.answer_by(now), ledger.window.reopens
    return Wait(min(until, reopens) if now < reopens else until, why)


def _settled_at(ledger: Ledger, now: float) -> float:
    """The time from which the last slots may go: earlier calls should have been answered by then.

    If they went earlier, no call would be left to read the counter, and the slot of a call that was
    lost on its way to the server could not be recovered.
    """
    flights = ledger.flights
    if flights.awaited(now):
        return flights.answer_by(now)
    settled = max(flights.unseen, default=now)
    return settled if settled < ledger.window.ends_after - flights.latency else now


class Held(NamedTuple):
    """Slots of a window that bulk work does not take until shortly before its end.

    `reserved` are for interactive calls, `left` for other clients, which send `others` calls a
    second. The `last` of the slots left to others is not taken at the end of the window either.
    From `until` on fewer are held.
    """

    reserved: int
    left: int
    last: int
    others: float
    until: float


def held_of_window(
    ledger: Ledger, now: float, backlog: int | None = None, waiting: int = 0
) -> Held:
    """The slots that bulk work leaves free until the window closes; see `decide`.

    Holding much costs a long job little, for what is held is let go before the window closes. So
    beside a long job other clients are expected until the window was watched for long enough, or is
    about to end (slots held for nobody have to pass a gateway that counts by the minute); else only
    what experience asks for is held, and a tenth. Clients that sent many calls at once may do so
    again. When all that is still to come fits, only what others are likely to use is left.
    """
    fits = backlog is not None and backlog <= ledger.free + len(ledger.flights.unseen)
    window, hits, hours = ledger.window, ledger.neighbours, ledger.watched
    last = 1 if hits.are_there or (now < hits.predecessor_until and not fits) else 0
    others, likely = hits.rate(hours), _likely(window.limit)
    rest = window.ends_before - window.read_at
    left = max(likely.quantile(others * rest), last) if others else last
    until = hits.forgets_at(now)
    if fits:
        return Held(0, left, last, others, until)
    left = max(left, hits.surge_at(now))
    if ledger.reserve is not None:
        return Held(ledger.reserve, left, last, others, until)
    is_long = (waiting if backlog is None else backlog) > ledger.free - ledger.least_reserve
    prior = is_long and now < window.ends_after - NOBODY
    if prior:
        until = min(until, window.ends_after - NOBODY)
    rate = hits.rate(hours, prior=prior) + hits.asked_rate(ledger.flights.answered_at)
    most = ledger.least_reserve + likely.quantile(rate * rest)
    most = min(window.limit, max(most, hits.asked_surge(now, window.limit)))
    return Held(max(0, most - left), left, last, others, until)


def others_rate(ledger: Ledger) -> float:
    """Calls a second to expect from other clients, by what was seen of them."""
    return ledger.neighbours.rate(ledger.watched)


@lru_cache(maxsize=64)
def _likely(limit: int, cost: float = LOCK_OUT) -> Poisson:
    """Quantiles for calls of others, so certain that one more slot is not worth a lock-out."""
    return Poisson(1.0 - 1.0 / (cost * limit))


def _drain(ledger: Ledger, now: float, free: int, why: WaitReason, held: Held) -> Grant | Wait:
    """Release held slots shortly before the window closes, after the counter was read again."""
    window, flights = ledger.window, ledger.flights
    likely = _likely(window.limit)
    closing = window.ends_after - _release(ledger, now, held)
    reader = closing
    if held.others and free > held.last + 1:  # else it would take what is left to others
        # later, others may have taken so much that the next reading is the call too many: a client
        # that waits until then reads nothing, learns nothing, and goes on expecting the worst
        readable = likely.bearable(free - 1) / held.others
        reader = min(reader, window.read_at + IN_TIME * readable)
    for moment in (reader, closing):
        if now < moment:
            return Wait(moment, why)
        if window.read_at < moment:
            if flights.awaited(now):
                return _answer(ledger, now, why)
            if free > max(likely.quantile(held.others * (now - window.read_at)), held.last):
                return GRANT
    if flights.awaited(now):  # one by one, so that each reading is exact
        return _answer(ledger, now, why)
    return _last_slots(ledger, now, free, why, held)


def _last_slots(ledger: Ledger, now: float, free: int, why: WaitReason, held: Held) -> Grant | Wait:
    """Right after a reading: use the remaining slots, except for those that others may take."""
    window, edge, last = ledger.window, _edge(ledger, now), held.last
    if last and now < edge < math.inf and free <= last + 1:
        return Wait(edge, why)
    if now >= edge:
        last = 0
    rest = window.ends_before - window.read_at
    if free > max(_likely(window.limit).quantile(held.others * rest), last):
        return GRANT
    return Wait(window.reopens, why)


def _edge(ledger: Ledger, now: float) -> float:
    """From when on the last slots of a window go, too; infinity: one stays for other clients.

    The last but one reads what is left, and the last one follows its answer, so that other calls
    rarely come in between: the risk costs less than the slot is worth. It is not taken where others
    went over within two days, or where the user said what to keep free.
    """
    window, flights, hits = ledger.window, ledger.flights, ledger.neighbours
    if ledger.reserve is not None or now < hits.over_until:
        return math.inf
    return window.ends_after - EDGE - EDGE_LATENCIES * flights.latency


def _release(ledger: Ledger, now: float, held: Held) -> float:
    """Seconds before the end of the window at which held slots are released.

    Other clients may use them, so beside others this is as late as the latency allows. Alone it is
    early enough to find out what became of a call that is lost then.
    """
    least = SETTLE + RELEASE
    if held.last:
        least = RELEASE
    elif ledger.neighbours.asked_surge(now, ledger.window.limit):
        least = ASKED_RELEASE
    needed = 2.0 + 1.5 * (ledger.window.remaining + 1) * ledger.flights.latency
    return min(MAX_RELEASE, max(least, needed))


# ------------------------------------------------------------------ by the log


def _by_log(ledger: Ledger, now: float, *, urgent: bool, backlog: int | None) -> Grant | Wait:
    """Decide when slots come back one by one: a held slot is lost, so only likely calls get one."""
    window, free = ledger.window, ledger.free_slots(now)
    moments = ledger.log.returns(now, window.length)
    first = next(moments, math.inf)
    reopens = math.inf if window.is_over(now) else window.reopens
    returns = min(first, reopens)
    if free <= 0:
        return Wait(returns, WaitReason.WINDOW)
    if ledger.flights.awaited(now) >= ledger.flights.cap:
        return _answer(ledger, now, WaitReason.IN_FLIGHT)
    if urgent or (ledger.log.headerless and free >= window.limit):
        return GRANT  # the first, like a probe: no reading would ever tell that others are gone
    others, asked = others_rate(ledger), 0.0
    if ledger.reserve is None:
        asked = ledger.neighbours.asked_rate(ledger.flights.answered_at)
    likely = _likely(window.limit, ASKED_LOCK_OUT if others and asked else LOCK_OUT)
    is_clear = free > likely.quantile(others * _unread(window, now))
    if is_clear and backlog is not None and backlog <= free:
        return GRANT
    reserved = min(ledger.reserve or 0, window.limit - 1)
    moments = chain((first,), moments)
    enough = _enough_at(window, now, free - reserved, others + asked, moments, likely)
    if is_clear and enough <= now:
        return GRANT
    until = max(enough, now if is_clear else _clear_at(ledger, now, free, others, likely))
    if backlog is not None and backlog <= window.limit:
        until = min(until, _clear_at(ledger, now, free, others, likely, least=backlog))
    until = min(until, reopens)
    is_reserved = is_clear and (reserved > 0 or asked > others)
    why = WaitReason.RESERVED if is_reserved else WaitReason.OTHERS
    return Wait(until if until < math.inf else returns, why)


def _unread(window: Window, now: float) -> float:
    """Seconds in the last window length that no reading covers."""
    return min(now - window.read_at, window.length)


def _clear_at(
    ledger: Ledger, now: float, free: int, rate: float, likely: Poisson, least: int = 1
) -> float:
    """The first time at which more slots are back than other clients may have taken.

    Args:
        ledger: the state.
        now: monotonic seconds.
        free: slots that are free now.
        rate: calls of other clients a second.
        likely: how many these come to.
        least: slots that have to be free then.
    """
    window = ledger.window
    for slots, moment in enumerate(ledger.log.returns(now, window.length), start=free + 1):
        if slots >= least and slots > likely.quantile(rate * _unread(window, moment)):
            return moment
    return math.inf


def _enough_at(
    window: Window, now: float, free: int, rate: float, moments: Iterable[float], likely: Poisson
) -> float:
    """The time from which returning slots keep up with calls at a rate, if one more call goes then.

    Before slot number j + 1 comes back, free - 1 + j calls may come, and most likely no more do.
    That holds from the moment on at which the time until then is short enough. The slot of the call
    that goes comes back last, after a whole window. Infinity: the slots before it do not last that
    long.

    Args:
        window: the window of the server.
        now: monotonic seconds.
        free: free slots, less those that are reserved in any case.
        rate: calls a second that have to find a slot.
        moments: times at which slots come back, ascending.
        likely: how many calls these come to.
    """
    length, enough = window.length, now
    for slots, moment in enumerate(chain(moments, (math.inf,)), start=free - 1):
        seconds = 0.0
        if slots >= 0:
            seconds = likely.bearable(slots) / rate if rate else math.inf
        if seconds >= length:
            break
        enough = max(enough, moment - seconds)
    return enough
