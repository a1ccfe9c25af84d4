"""Transitions of a ledger: each event is a function from state to state. PURE.

Each part has its own transitions; this module combines them for each event.
"""

from __future__ import annotations

import math

from msgspec.structs import replace

from postiz_async._quota.log import BURST_PAUSE, REPEATS, SETTLE, SILENT, Flight, Log, LoggedCall
from postiz_async._quota.neighbours import Neighbours
from postiz_async._quota.state import Halt, Ledger
from postiz_async._quota.window import MARGIN, Place, RateHeaders, Window

SAME_MOMENT = 60.0
"""Seconds by which two clocks may differ about when a call left; a restart may move it by 30."""


def acquired(
    ledger: Ledger, now: float, *, expires: float = math.inf, urgent: bool = False
) -> tuple[Ledger, int]:
    """Take a slot for a call that is about to be sent.

    Args:
        ledger: the state.
        now: monotonic seconds.
        expires: when its holder is taken for dead if it does not report.
        urgent: an interactive call, so that more are expected.

    Returns:
        The new state and a token.
    """
    flights, neighbours = ledger.flights.acquired(now, expires), ledger.neighbours
    if urgent:
        neighbours = neighbours.with_asked(now)
    return replace(ledger, flights=flights, neighbours=neighbours), ledger.flights.tokens


def halted(ledger: Ledger, by: str, wall: float) -> Ledger:
    """Halt all creates; empty `by`: take that back. It is later than what was said before."""
    return replace(ledger, halt=Halt(max(wall, ledger.halt.at + 0.001), by))


def released(ledger: Ledger, token: int) -> Ledger:
    """Return the slot of a call that was not sent, or not counted (401, 404, 413)."""
    return replace(ledger, flights=ledger.flights.ended(token)[0])


def answered(ledger: Ledger, token: int, now: float, reading: RateHeaders) -> Ledger:
    """Note a counted answer with rate headers, whatever its status."""
    ledger, flight = _came_back(ledger, token, now)
    ledger = replace(ledger, log=ledger.log.heard(reading.remaining))
    window = ledger.window
    if _tells_nothing(ledger, flight, reading):
        window = replace(window, limit=reading.limit, limit_read=True)
        return _counted(replace(ledger, window=window), flight, now)
    if window.refusals:
        window = window.let_in_again(flight.sent)
    window, reading = window.agreed(flight.sent, now, reading)
    if window is not ledger.window:
        ledger = replace(ledger, window=window)
    lo, hi = window.end_told(flight.sent, now, reading)
    place = ledger.window.place(lo, hi)
    if place is Place.PAST and lo > now:  # that window still runs, so it is ours
        ledger = set_back(ledger, now)
        place = ledger.window.place(lo, hi)
    if place is Place.PAST:
        return _landed(ledger, flight, now)
    is_new = place is Place.NEW
    found = _open_window if is_new else _read_again
    neighbours, log, remaining = found(ledger, flight, now, reading)
    window = ledger.window
    if log.headerless:
        log, window = replace(log, headerless=False), window.with_usual_length()
    if window.is_doubted:
        left = max(0, reading.limit - neighbours.own)
        window = window.compared(reading.remaining, left, alone=flight.alone, is_new=is_new)
        if window.is_doubted:
            remaining = min(remaining, left + len(ledger.flights.unseen))
    window = window.read(lo, hi, flight.sent, reading, remaining, is_new=is_new)
    return replace(
        ledger,
        window=window,
        flights=ledger.flights.read(flight.sent).answered(flight, now, window.limit),
        neighbours=neighbours,
        log=log.with_call(LoggedCall(flight.sent, now), now, window.length),
    )


def unread(ledger: Ledger, token: int, now: float) -> Ledger:
    """Note a counted answer without rate headers: from now on our own log decides."""
    return _counted(*_came_back(ledger, token, now), now)


def _tells_nothing(ledger: Ledger, flight: Flight, reading: RateHeaders) -> bool:
    """Whether `remaining` does not count our calls: it is the limit, or stays at some number.

    It may stay where servers count each for itself, and in a sliding log one slot may come back for
    each call. But neither leaves room for more calls than we have not made.
    """
    log, used = ledger.log, reading.limit - reading.remaining
    if used <= 0 or log.repeats < min(REPEATS, reading.limit):
        return used <= 0
    if log.headerless:
        return True
    return used <= min(ledger.neighbours.own, log.sure(flight.sent, ledger.window.length))


def _counted(ledger: Ledger, flight: Flight, now: float) -> Ledger:
    """Note a counted call whose answer tells nothing."""
    ledger = replace(
        ledger,
        window=ledger.window.let_in_again(flight.sent),
        flights=ledger.flights.ended_unread(now, now, ledger.window.length),
        neighbours=ledger.neighbours.remembered(now).counted(),
        log=replace(ledger.log, headerless=True),
    )
    return _landed(ledger, flight, now)


def refused(ledger: Ledger, token: int, now: float, retry_after: float | None) -> Ledger:
    """Note a 429 of the throttler: nobody on the key sends until its lock-out is over."""
    ledger, flight = _came_back(ledger, token, now)
    before, neighbours = ledger.window, ledger.neighbours
    window, pause = _refusal(ledger, flight, retry_after)
    if retry_after is None or _is_impossible(ledger, now + pause):
        return _turned_away(ledger, flight, now, window.paused(now, pause))
    is_news = window.refusals > before.refusals  # else it was in flight at the lock-out
    if is_news and window.is_known and flight.sent < window.ends_before and window.remaining > 0:
        if neighbours.own + len(ledger.flights.open) + 1 < window.limit:
            neighbours = neighbours.went_over(now, window.limit)
        window = replace(window, is_doubted=True, agrees=False)
    if is_news and ledger.log.headerless:
        neighbours = _exceeded(ledger, now, retry_after)
    ledger = _close_window(replace(ledger, window=window, neighbours=neighbours))
    return replace(
        ledger,
        window=window.locked(now, pause),
        flights=replace(ledger.flights, unseen=(), cap=1),
        log=replace(ledger.log, calls=(), newest=()),
    )


def _exceeded(ledger: Ledger, now: float, retry_after: float) -> Neighbours:
    """What a lock-out without readings tells of others: what our own calls do not explain.

    If there were none, the window was used before we looked; if it lasts for more than a window,
    windows are longer than we know. A window contains our last burst, a sliding log all our calls.
    """
    hits, limit, length = ledger.neighbours, ledger.window.limit, ledger.window.length
    began = now + retry_after - length
    ours = [call.sent for call in ledger.log.every if began - length < call.sent <= began]
    if not ours or retry_after > length + MARGIN:
        return hits
    burst = [sent for sent in ours if sent > began - length / 2]
    if 2 * len(burst) >= limit:
        ours = burst
    found = max(1, min(limit - len(ours), limit // 4))
    seconds = began - min(ours) if found == 1 else length
    return hits.exceeded(found, seconds / 3600.0, now)


def turned_away(ledger: Ledger, token: int, now: float, retry_after: float | None) -> Ledger:
    """Note a 429 from elsewhere: nobody on the key sends for a while, and the call is lost."""
    ledger, flight = _came_back(ledger, token, now)
    window, pause = _refusal(ledger, flight, retry_after)
    return _turned_away(ledger, flight, now, window.paused(now, pause))


def _refusal(ledger: Ledger, flight: Flight, retry_after: float | None) -> tuple[Window, float]:
    """Count one more 429, and pause sending."""
    log = ledger.log
    window = ledger.window.refused(
        flight.sent, retry_after, log.let_in(), headerless=log.headerless
    )
    return window, window.pause(retry_after)


def _turned_away(ledger: Ledger, flight: Flight, now: float, window: Window) -> Ledger:
    ledger = _unseen(replace(ledger, window=window), flight, now, SETTLE)
    return replace(ledger, flights=replace(ledger.flights, cap=1))


def lost(ledger: Ledger, token: int, now: float, *, silent: bool = False) -> Ledger:
    """Note a call without an answer: it counts as spent, because it may still arrive.

    Args:
        ledger: the state.
        token: the token of the reservation.
        now: monotonic seconds.
        silent: the connection did not break, so that a proxy may deliver the call much later.
    """
    return _unseen(*_came_back(ledger, token, now), now, SILENT if silent else SETTLE)


def found(ledger: Ledger, left: float, now: float) -> Ledger:
    """Note that a call without an answer was counted, because a look shows what it stored.

    The first reading after the look includes it, so its slot is no longer held until it has surely
    arrived. Which call it is, only the time tells: the nearest one that nobody waits for.

    Args:
        ledger: the state.
        left: when it left, in monotonic seconds.
        now: monotonic seconds.
    """
    ledger = expire(ledger, now)
    flights, patience = ledger.flights, ledger.flights.patience
    unsure = [call for call in ledger.log.every if not call.sure]
    logged = {call.until for call in unsure}
    restored = (moment for moment in flights.unseen if moment > now and moment not in logged)
    calls: list[tuple[LoggedCall, Flight | None]] = [
        *((call, None) for call in unsure),
        *((LoggedCall(moment - SILENT, moment, sure=False), None) for moment in restored),
        *(
            (LoggedCall(flight.sent, now, sure=False), flight)
            for flight in flights.open
            if flight.sent + patience <= now
        ),
    ]
    near, dead = min(calls, key=lambda each: abs(each[0].sent - left), default=(None, None))
    if near is None or abs(near.sent - left) > SAME_MOMENT:
        return ledger
    if dead is not None:
        ledger = _unseen(*_came_back(ledger, dead.token, now), now, 0.0)
    by = LoggedCall(near.sent, min(near.until, now))
    return replace(
        ledger,
        flights=ledger.flights.arrived(near.until, by.until),
        log=ledger.log.without(near).with_call(by, now, ledger.window.length),
    )


def _unseen(ledger: Ledger, flight: Flight, now: float, seconds: float) -> Ledger:
    """Note that no reading includes the call, which may be on its way for some seconds yet."""
    until, length = now + seconds, ledger.window.length
    return replace(
        ledger,
        flights=ledger.flights.ended_unread(until, now, length),
        neighbours=ledger.neighbours.counted(),
        log=ledger.log.with_call(LoggedCall(flight.sent, until, sure=False), now, length),
    )


def expire(ledger: Ledger, now: float) -> Ledger:
    """Count calls as spent whose holder died without reporting."""
    if ledger.flights.first_expiry > now:  # the usual case
        return ledger
    for flight in ledger.flights.open:
        if flight.expires <= now:
            ledger = lost(ledger, flight.token, now, silent=True)
    return ledger


def set_back(ledger: Ledger, now: float) -> Ledger:
    """Adjust all times to a clock that was set back to `now`.

    The next answer tells when exactly the window ends.
    """
    window, end = ledger.window.set_back(now), ledger.window.ends_before
    sent = [flight.sent for flight in ledger.flights.open]
    sent += [call.sent for call in ledger.log.every]
    if window.is_known and max(sent, default=end) > end:  # the window was over, and stays so
        over = min(end, now - MARGIN)
        window = replace(window, ends_after=min(window.ends_after, over), ends_before=over)
    return replace(
        ledger,
        window=window,
        flights=ledger.flights.set_back(now, ledger.window.length),
        neighbours=ledger.neighbours.set_back(now),
        log=ledger.log.set_back(now),
    )


def _came_back(ledger: Ledger, token: int, now: float) -> tuple[Ledger, Flight]:
    """End a flight; if that is before it was sent, the clock was set back, so adjust all times."""
    flights, flight = ledger.flights.ended(token)
    ledger = replace(ledger, flights=flights)
    if flight.sent <= now:
        return ledger, flight
    return set_back(ledger, now), replace(flight, sent=now)


def _landed(ledger: Ledger, flight: Flight, now: float) -> Ledger:
    """Note that an answer came: one more call may be in flight, and the log gets an entry."""
    window = ledger.window
    return replace(
        ledger,
        flights=ledger.flights.answered(flight, now, window.limit),
        log=ledger.log.with_call(LoggedCall(flight.sent, now), now, window.length),
    )


def _is_impossible(ledger: Ledger, lock_ends: float) -> bool:
    """Whether a lock-out until then would have begun before a call that the server accepted."""
    return ledger.log.let_in() > lock_ends - ledger.window.length


def _open_window(
    ledger: Ledger, flight: Flight, now: float, reading: RateHeaders
) -> tuple[Neighbours, Log, int]:
    """The first reading of an unknown window, and the slots it leaves to us."""
    window, length = ledger.window, ledger.window.length
    found = max(0, reading.limit - reading.remaining - 1)
    log = ledger.log.opened(found, now, length, began=_began(ledger, flight, reading))
    if log.sliding:
        log = log.read(flight, now, length, found)
    own = 1 + sum(moment > flight.sent for moment in ledger.flights.unseen)  # may come in it yet
    ours = ledger.log.alive(flight.sent, length)  # the server counted before the answer came
    others, ignored = (max(0, found - ours), 0) if log.sliding else (found, found)
    neighbours = _close_window(ledger).neighbours.opened(own, others, ignored)
    if not (window.is_known or window.limit_read):
        neighbours = neighbours.first_seen(found, now, reading.limit)
    elif not window.is_known and reading.limit < window.limit:  # the believed limit was too high
        neighbours = neighbours.without_overrun()
    return neighbours, log, reading.remaining


def _began(ledger: Ledger, flight: Flight, reading: RateHeaders) -> bool:
    """Whether this very call began the window, so that a fixed window contains no earlier call.

    A call in the millisecond in which a window ends prolongs it with all its hits. Seconds are
    rounded up, so who bursts as we do may have begun it.
    """
    window = ledger.window
    clear = window.is_known and not window.from_snapshot and not ledger.flights.unseen
    clear = clear and not ledger.neighbours.rivals
    return clear and reading.reset >= window.length and window.is_over(flight.sent)


def _read_again(
    ledger: Ledger, flight: Flight, now: float, reading: RateHeaders
) -> tuple[Neighbours, Log, int]:
    """A further reading of the known window, and the slots it leaves to us."""
    window, log, flights = ledger.window, ledger.log, ledger.flights
    used, remaining = reading.limit - reading.remaining, window.remaining
    foreign, bursting = _foreign(ledger, flight, used), False
    if log.sliding:
        remaining += log.returned(now, window.length)
        log = log.read(flight, now, window.length, used - 1)
    else:
        bursting = now - flights.answered_at <= BURST_PAUSE and flights.cap > 1
    remaining = reading.remaining if flight.alone else min(remaining, reading.remaining)
    neighbours = ledger.neighbours.read(foreign, bursting=bursting)
    return neighbours, log, remaining


def _foreign(ledger: Ledger, flight: Flight, used: int) -> int:
    """Hits of others that a reading shows, apart from overlapping calls of ours."""
    hits, log, flying = ledger.neighbours, ledger.log, len(ledger.flights.open)
    if not log.sliding:
        return max(hits.foreign, used - 1 - hits.own - flying)
    ours = log.alive(flight.sent, ledger.window.length)  # a sliding log drops all old hits
    return max(0 if flight.alone else hits.foreign, used - 1 - ours - flying)


def _close_window(ledger: Ledger) -> Ledger:
    """Close the window: its hits of other clients become experience."""
    if not ledger.window.is_known:
        return ledger
    return replace(ledger, neighbours=ledger.neighbours.closed(ledger.watched))
