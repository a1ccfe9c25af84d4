"""What becomes of a ledger: each event is a function from state to state. PURE."""

from __future__ import annotations

import math

from msgspec.structs import replace

from postiz_async._quota.state import (
    BURST_PAUSE,
    LOCK_GUESS,
    LOCK_GUESS_MAX,
    MARGIN,
    MEMORY,
    SETTLE,
    SILENT,
    Flight,
    Ledger,
    LoggedCall,
    RateHeaders,
)

__all__ = ["answered", "expire", "lost", "refused", "released", "reserve", "set_back", "unread"]


def reserve(
    ledger: Ledger, now: float, *, expires: float = math.inf, urgent: bool = False
) -> tuple[Ledger, int]:
    """Take a slot for a call that is about to be sent.

    Args:
        ledger: the state.
        now: monotonic seconds.
        expires: when its holder, not heard of again, is taken for dead.
        urgent: an interactive call; that more may come is taken into account.

    Returns:
        The new state and a token.
    """
    token = ledger.tokens
    others = tuple(
        replace(flight, alone=False) if flight.alone else flight for flight in ledger.flights
    )
    fresh = Flight(token, now, alone=not others, expires=expires)
    cap = 1 if now - ledger.answered_at > BURST_PAUSE and not others else ledger.cap
    asked = ledger.urgent + urgent
    ledger = replace(ledger, flights=(*others, fresh), tokens=token + 1, cap=cap, urgent=asked)
    return ledger, token


def released(ledger: Ledger, token: int) -> Ledger:
    """The call was proved not sent, or not counted (401, 404, 413): its slot is free again."""
    return _ended(ledger, token)[0]


def answered(ledger: Ledger, token: int, now: float, reading: RateHeaders) -> Ledger:
    """A counted answer with rate headers came back, whatever its status."""
    ledger, flight = _ended(ledger, token)
    if flight.sent > now:
        ledger, flight = set_back(ledger, now), replace(flight, sent=now)
    hit = LoggedCall(flight.sent, now)
    reset = min(reading.reset, ledger.window)  # a window that is longer than a window is none
    lo, hi = flight.sent + reset - 1.0, now + reset
    if not ledger.from_snapshot and hi < ledger.ends_after - ledger.window / 2:
        if lo <= now:
            return _noted_latency(
                _logged(ledger, hit, now), flight, now
            )  # an answer of a past window
        ledger = set_back(ledger, now)  # its window still runs, so it is ours
    is_new = lo > ledger.ends_before + ledger.window / 2
    if is_new:
        ledger = _open_window(ledger, flight, now, reading)
    else:
        ledger = _read_again(ledger, flight, now, reading)
    lo, hi = _narrow(ledger, lo, hi, fresh=is_new or ledger.from_snapshot)
    is_newest = flight.sent >= ledger.read_at
    ledger = replace(
        ledger,
        limit=reading.limit if is_newest else ledger.limit,
        limit_read=True,
        ends_after=lo,
        ends_before=hi,
        from_snapshot=False,
        read_at=max(ledger.read_at, flight.sent),
        unseen=tuple(moment for moment in ledger.unseen if moment > flight.sent),
        headerless=False,
        guesses=0,
    )
    return _noted_latency(_logged(ledger, hit, now), flight, now)


def unread(ledger: Ledger, token: int, now: float) -> Ledger:
    """A counted answer came back without rate headers: count for ourselves from now on."""
    ledger, flight = _ended(ledger, token)
    ledger = replace(
        ledger,
        own=ledger.own + 1,
        unseen=_unseen(ledger, now, now),
        headerless=True,
        guesses=0,
    )
    return _noted_latency(_logged(ledger, LoggedCall(flight.sent, now), now), flight, now)


def refused(ledger: Ledger, token: int, now: float, retry_after: float | None) -> Ledger:
    """The server answered 429: nobody on the key sends until it is over."""
    if retry_after is None or _is_impossible(ledger, now + retry_after):
        return _refused_by_proxy(ledger, token, now, retry_after)
    ledger, flight = _ended(ledger, token)
    ledger = _close_window(
        replace(ledger, foreign=ledger.foreign + _others_blocked(ledger, flight))
    )
    return replace(
        ledger,
        blocked_until=max(ledger.blocked_until, now + retry_after + MARGIN),
        guesses=0,
        ends_after=-math.inf,
        ends_before=-math.inf,
        remaining=0,
        unseen=(),
        cap=1,
        log=(),
    )


def _is_impossible(ledger: Ledger, lock_ends: float) -> bool:
    """A lock-out up to then would have begun before a call that the server let in."""
    let_in = max((hit.sent for hit in ledger.log if hit.sure), default=-math.inf)
    return let_in > lock_ends - ledger.window


def _refused_by_proxy(ledger: Ledger, token: int, now: float, retry_after: float | None) -> Ledger:
    """A 429 that is not the throttler's: a pause, and what is known of the window stays."""
    guess = min(LOCK_GUESS_MAX, LOCK_GUESS * 2.0**ledger.guesses)
    pause = guess if retry_after is None else retry_after
    guesses = ledger.guesses + 1 if retry_after is None else 0
    ledger = lost(ledger, token, now)
    until = max(ledger.blocked_until, now + pause + MARGIN)
    return replace(ledger, blocked_until=until, guesses=guesses, cap=1)


def lost(ledger: Ledger, token: int, now: float, *, silent: bool = False) -> Ledger:
    """The call was sent and nothing came back: it counts as spent, for it may still arrive.

    Args:
        ledger: the state.
        token: of the reservation.
        now: monotonic seconds.
        silent: the connection did not break; whoever holds the call may let it go much later.
    """
    ledger, flight = _ended(ledger, token)
    until = now + (SILENT if silent else SETTLE)
    ledger = replace(ledger, own=ledger.own + 1, unseen=_unseen(ledger, until, now))
    return _logged(ledger, LoggedCall(flight.sent, until, sure=False), now)


def expire(ledger: Ledger, now: float) -> Ledger:
    """Calls whose holder died without a word count as spent."""
    for flight in ledger.flights:
        if flight.expires <= now:
            ledger = lost(ledger, flight.token, now)
    return ledger


def set_back(ledger: Ledger, now: float) -> Ledger:
    """The clock was set back, so `now` is what it had shown for later than it was.

    Nothing that happened is ahead, and no end is further away than it can be. When exactly the
    window ends, the next answer tells.
    """
    latest = now + ledger.window
    return replace(
        ledger,
        ends_after=min(ledger.ends_after, now),
        ends_before=min(ledger.ends_before, latest),
        from_snapshot=ledger.window_known,
        read_at=min(ledger.read_at, now),
        answered_at=min(ledger.answered_at, now),
        blocked_until=min(ledger.blocked_until, latest + MARGIN),
        unseen=tuple(min(moment, now + SILENT) for moment in ledger.unseen),
        flights=tuple(
            replace(flight, sent=min(flight.sent, now), expires=min(flight.expires, latest))
            for flight in ledger.flights
        ),
        log=tuple(
            LoggedCall(min(h.sent, now), min(h.until, now + SILENT), h.sure) for h in ledger.log
        ),
    )


def _unseen(ledger: Ledger, until: float, now: float) -> tuple[float, ...]:
    """One more call without a reading; those of long ago are in no window that still runs."""
    recent = [moment for moment in ledger.unseen if moment + ledger.window + MARGIN > now]
    return (*recent, until)


def _ended(ledger: Ledger, token: int) -> tuple[Ledger, Flight]:
    for flight in ledger.flights:
        if flight.token == token:
            rest = tuple(other for other in ledger.flights if other.token != token)
            return replace(ledger, flights=rest), flight
    raise LookupError(f"reservation {token} is not open")


def _open_window(ledger: Ledger, flight: Flight, now: float, reading: RateHeaders) -> Ledger:
    """The first reading of a window we knew nothing of."""
    found = max(0, reading.limit - reading.remaining - 1)
    ours = sum(hit.sure and hit.sent + ledger.window > now for hit in ledger.log)
    sliding = ledger.sliding
    if found < ours:
        sliding = False
    elif ours and found >= max(2, ours) and _began(ledger, flight, reading):
        sliding = True
    log = _unexpired(ledger, now) if sliding else ledger.log
    own = 1 + sum(moment > flight.sent for moment in ledger.unseen)  # those may come in it yet
    ledger = replace(
        _close_window(ledger), own=own, foreign=found, ignored_hits=found, sliding=sliding, log=log
    )
    return replace(ledger, remaining=reading.remaining, accounted=True)


def _began(ledger: Ledger, flight: Flight, reading: RateHeaders) -> bool:
    """Whether this very call began the window, so that none of a fixed window is in it.

    A call in the millisecond in which a window ends prolongs it with all its hits.
    """
    clear = ledger.window_known and not ledger.from_snapshot and not ledger.unseen
    return clear and reading.reset >= ledger.window and flight.sent >= ledger.ends_before + MARGIN


def _read_again(ledger: Ledger, flight: Flight, now: float, reading: RateHeaders) -> Ledger:
    """A further reading of the window we are in."""
    remaining, log = ledger.remaining, ledger.log
    if ledger.sliding:
        remaining += sum(hit.sure for hit in log if not ledger.is_live(hit, now))
        log = _unexpired(ledger, now)
    remaining = reading.remaining if flight.alone else min(remaining, reading.remaining)
    own = ledger.own + 1
    used = reading.limit - reading.remaining
    foreign = max(ledger.foreign, used - own - len(ledger.flights))
    burst = foreign - ledger.foreign
    ledger = replace(ledger, remaining=remaining, log=log, own=own, foreign=foreign)
    if burst <= 0 or now - ledger.answered_at > BURST_PAUSE or ledger.cap <= 1:
        return ledger
    # others burst with us: no steady traffic
    return replace(
        ledger, ignored_hits=ledger.ignored_hits + burst, burst_hits=ledger.burst_hits + burst
    )


def _unexpired(ledger: Ledger, now: float) -> tuple[LoggedCall, ...]:
    """The hits that a reading at `now` has not yet seen go; the others would count twice."""
    return tuple(hit for hit in ledger.log if hit.sent + ledger.window > now)


def _narrow(ledger: Ledger, lo: float, hi: float, *, fresh: bool) -> tuple[float, float]:
    """Intersect the old bounds of the window's end with new ones; the newest wins a conflict."""
    if fresh:
        return lo, hi
    both = max(lo, ledger.ends_after), min(hi, ledger.ends_before)
    return both if both[0] <= both[1] else (lo, hi)


def _noted_latency(ledger: Ledger, flight: Flight, now: float) -> Ledger:
    """One more call may be in flight for each answer; remember how long answers take."""
    latency = 0.7 * ledger.latency + 0.3 * (now - flight.sent)
    cap = min(ledger.limit, ledger.cap + 1)
    return replace(ledger, cap=cap, latency=latency, answered_at=now)


def _logged(ledger: Ledger, hit: LoggedCall, now: float) -> Ledger:
    recent = ledger.log  # a sliding log needs those that came back, until a reading includes them
    if recent and not ledger.sliding and not ledger.is_live(recent[0], now):
        recent = tuple(ledger.live(now))
    return replace(ledger, log=(*recent, hit))


def _close_window(ledger: Ledger) -> Ledger:
    """The window is over: what was seen of others becomes experience."""
    if not ledger.window_known:
        return ledger
    start = ledger.ends_before - ledger.window
    hours = max(0.0, ledger.read_at - start) / 3600.0
    return replace(
        ledger,
        past_foreign=ledger.past_foreign * MEMORY + ledger.steady,
        past_urgent=ledger.past_urgent * MEMORY + ledger.urgent,
        past_hours=ledger.past_hours * MEMORY + hours,
        past_rivals=ledger.bursting if ledger.own >= 3 else ledger.past_rivals,
        own=0,
        foreign=0,
        ignored_hits=0,
        burst_hits=0,
        urgent=0,
    )


def _others_blocked(ledger: Ledger, flight: Flight) -> int:
    """1 when a refusal in a window with slots left shows that somebody else went over."""
    known = ledger.window_known and flight.sent < ledger.ends_before
    return 1 if known and ledger.remaining > 0 else 0
