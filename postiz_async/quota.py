"""The window ledger: how many creates may leave now, and if none, when. PURE.

What the server does
    It counts the create-post requests of one organisation in a window of one hour that starts
    with the first request, whoever sent it. Request number ``limit + 1`` does not merely fail:
    it locks the whole organisation out for one hour from that moment. Requests during the
    lock-out are refused and still counted, in the window that runs then, so a client that
    retries often enough is locked out for ever. Refusals by validation are counted like
    successes. Older servers keep a sliding log of hits in their memory instead.

What the server tells
    Each counted answer carries the limit, what remains of it, and the seconds (rounded up) to
    the end of the window. A refusal carries only the seconds to the end of the lock-out. Reads
    carry nothing, so there is no free look.

What it does not tell
    When the window started, who else used it, and whether a request whose answer was lost was
    counted.

What follows
    The ledger mirrors the server's window from the headers and never infers what can be read.
    When it knows nothing (start, new window, after a lock-out) one real call goes alone and
    reads the counter. A call whose answer is lost counts as spent until a later reading must
    have included it. At ``remaining == 0`` nothing leaves until the window is over plus a
    margin: a call too many costs an hour, a second of waiting costs a second.

The laws of this file
    No clock, no I/O, no HTTP. Time is an argument, in seconds of a monotonic clock. The state
    is one frozen value; each event is a function from state to state; `decide` asks and changes
    nothing. A reservation ends in exactly one way: `released` (proved not sent or not counted),
    `answered`, `unread` (counted, no headers), `refused`, or `lost`.
"""

from __future__ import annotations

import math
from enum import Enum

import msgspec
from msgspec.structs import replace

__all__ = [
    "Flight",
    "Grant",
    "Hit",
    "Ledger",
    "Outlook",
    "Reading",
    "Wait",
    "Why",
    "answered",
    "decide",
    "expire",
    "forecast",
    "free_slots",
    "lost",
    "outlook",
    "refused",
    "released",
    "reserve",
    "unread",
]

BELIEVED_LIMIT = 30
"""The limit assumed before any answer: the lowest that a Postiz release has by default."""

WINDOW = 3600.0
"""Seconds of the server's window and of its lock-out."""

MARGIN = 2.0
"""Seconds added to each deadline: drift of two clocks over an hour, and the exact edge."""

RELEASE, MAX_RELEASE = 8.0, 300.0
"""Seconds before the end of a window at which held slots are let go: at least, and at most."""

BURST_PAUSE = 10.0
"""After so many seconds without an answer the next calls start carefully, one by one."""

CONFIDENCE = 0.995
"""How sure we want to be that what we leave to others is enough for them."""

PRIOR, PRIOR_HOURS = 1.0, 0.5
"""Calls of others in so many hours, as good as seen before anything was."""

MEMORY = 0.9
"""What one window's experience of other clients is worth in the next."""

MOST_RIVALS = 4
"""Clients that burst beside us: more are not reckoned with."""

SETTLE = 30.0
"""Seconds for which a request can still be on its way when its sender gave up or died."""

LOCK_GUESS, LOCK_GUESS_MAX = 30.0, 900.0
"""Pause after a 429 without Retry-After: not the throttler's; doubled each time, bounded."""


class Why(Enum):
    """Why a call has to wait."""

    BLOCKED = "the organisation is locked out"
    WINDOW = "the window is used up"
    RESERVED = "the rest of the window is reserved for interactive calls"
    PROBE = "the first call of the window has not been answered yet"
    IN_FLIGHT = "enough calls are in flight"
    PACED = "the rhythm spreads the calls over the window"


class Grant(msgspec.Struct, frozen=True):
    """The call may leave now."""


class Wait(msgspec.Struct, frozen=True):
    """Ask again at `until` (monotonic seconds; infinity: after the next answer)."""

    until: float
    why: Why


class Outlook(msgspec.Struct, frozen=True):
    """`free` calls can leave from `start` on, the next ones after `ends`.

    Monotonic seconds. `by_window`: then a limit more each window; else slots come back one by one.
    """

    start: float
    free: int
    ends: float
    by_window: bool


class Reading(msgspec.Struct, frozen=True):
    """What a counted answer says: calls per window, calls left, seconds to its end."""

    limit: int
    remaining: int
    reset: float


class Flight(msgspec.Struct, frozen=True):
    """A call between reservation and outcome. `alone`: no other call overlapped so far."""

    token: int
    sent: float
    alone: bool
    expires: float = math.inf
    """When a holder that was not heard of again is taken for dead."""


class Hit(msgspec.Struct, frozen=True, array_like=True):
    """A call of ours that the server counted between `sent` and `until`; if not `sure`, maybe."""

    sent: float
    until: float
    sure: bool = True


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one (server, key, route). Times are monotonic seconds."""

    window: float = WINDOW
    limit: int = BELIEVED_LIMIT
    limit_read: bool = False
    """Whether `limit` was read from an answer."""
    reserve: int | None = None
    """Slots of each window held back for interactive calls; None: a tenth of the limit."""

    ends_after: float = -math.inf
    ends_before: float = -math.inf
    """The window ends between these two moments; -inf: unknown."""
    hearsay: bool = False
    """An earlier process read the window, and the wall clock may have been set since."""
    remaining: int = 0
    """Calls left in the window when last read."""
    unseen: tuple[float, ...] = ()
    """For each call that ended without a reading, from when on a reading includes it."""
    read_at: float = -math.inf
    """When the call that brought the last reading was sent."""
    blocked_until: float = -math.inf
    guesses: int = 0
    """429s without Retry-After in a row."""

    flights: tuple[Flight, ...] = ()
    tokens: int = 0
    cap: int = 1
    """Calls allowed in flight: one, then one more an answer, so a burst doubles."""
    answered_at: float = -math.inf
    latency: float = 0.5
    """Seconds from reservation to answer, smoothed; includes what the caller stores first."""

    own: int = 0
    foreign: int = 0
    hidden: int = 0
    """Hits in this window: ours, of others, and of others but no sign of steady traffic."""
    sudden: int = 0
    """Those of others that came while we were bursting."""
    past_rivals: int = 0
    """Clients that burst with us in the window before."""
    urgent: int = 0
    """Our interactive calls in this window."""
    past_foreign: float = 0.0
    past_urgent: float = 0.0
    past_hours: float = 0.0
    """What earlier windows taught: hits of others, interactive calls, and in how many hours."""

    sliding: bool = False
    """The server keeps a sliding log (older releases): slots come back one by one."""
    headerless: bool = False
    """Answers carry no rate headers (a proxy strips them): only our own log is known."""
    log: tuple[Hit, ...] = ()
    """Our calls of the last window length."""

    @property
    def window_known(self) -> bool:
        return self.ends_before > -math.inf

    @property
    def held(self) -> int:
        """Slots that bulk leaves to interactive calls until the window closes."""
        return max(1, math.ceil(self.limit / 10)) if self.reserve is None else self.reserve

    @property
    def pending(self) -> int:
        """Calls that the last reading may not include."""
        return len(self.flights) + len(self.unseen)


# ------------------------------------------------------------------ asking


def decide(
    ledger: Ledger, now: float, *, urgent: bool = False, backlog: int | None = None
) -> Grant | Wait:
    """Say whether one more call may leave at `now`.

    Args:
        ledger: the state.
        now: monotonic seconds.
        urgent: an interactive call; may use the slots that are held back for such.
        backlog: bulk calls still to come, this one included; None if unknown. When they all
            fit into what is free, nothing is held back for callers who may never come.
    """
    if now < ledger.blocked_until:
        return Wait(ledger.blocked_until, Why.BLOCKED)
    if _must_read(ledger, now):
        return _decide_probe(ledger, now)
    if ledger.headerless or ledger.sliding:
        return _decide_by_log(ledger, now, urgent=urgent, backlog=backlog)
    free, rivals = ledger.remaining - ledger.pending, _rivals(ledger)
    if free <= (rivals if urgent else 2 * rivals):
        return Wait(ledger.ends_before + MARGIN, Why.WINDOW)
    most = max(1, free // (2 + 2 * rivals)) if rivals else ledger.cap
    if len(ledger.flights) >= min(most, ledger.cap):
        return Wait(math.inf, Why.IN_FLIGHT)
    return Grant() if urgent else _decide_bulk(ledger, now, free, backlog)


def _must_read(ledger: Ledger, now: float) -> bool:
    """Nothing is known of the window that runs at `now`, and an answer can tell."""
    return not ledger.headerless and now >= ledger.ends_before + MARGIN


def _decide_probe(ledger: Ledger, now: float) -> Grant | Wait:
    """One call alone reads the counter."""
    if ledger.flights:
        return Wait(math.inf, Why.PROBE)
    start = _probe_from(ledger, now)
    return Wait(start, Why.WINDOW) if start > now else Grant()


def _probe_from(ledger: Ledger, now: float) -> float:
    """From when on a probe cannot be the call too many, as far as it depends on us.

    The end of a window that was read is enough. Calls sent since then without a reading (their
    answers were lost, or their process died) may have filled the next one.
    """
    live = _live(ledger, now)
    if len(live) < ledger.limit:
        return now
    if not ledger.sliding and all(hit.sent <= ledger.ends_before for hit in live):
        return now
    return sorted(_returns(ledger, live))[len(live) - ledger.limit]


def _decide_bulk(ledger: Ledger, now: float, free: int, backlog: int | None) -> Grant | Wait:
    """Bulk leaves slots to others and to interactive calls, and stays clear of the edge."""
    if ledger.pending and free <= 1 + len(ledger.unseen):
        settled = _settled_at(ledger, now)
        if settled > now:
            return Wait(settled, Why.IN_FLIGHT)
    if now >= ledger.ends_after - MARGIN:
        return Wait(ledger.ends_before + MARGIN, Why.WINDOW)
    if free > _kept(ledger, free, backlog):
        return Grant()
    return _decide_held(ledger, now, free)


def _settled_at(ledger: Ledger, now: float) -> float:
    """When the last slots may go: an answer should tell what became of the calls before them.

    Sent any earlier, they leave none to read with, and the slot of a call that was lost on its
    way to the server cannot be found again.
    """
    if ledger.flights:
        return math.inf
    settled = max(ledger.unseen)
    return settled if settled < ledger.ends_after - ledger.latency else now


def _decide_held(ledger: Ledger, now: float, free: int) -> Grant | Wait:
    """A bulk call asks for a slot that is held back: only shortly before the window closes."""
    closing = ledger.ends_after - _release(ledger)
    if now < closing:
        return Wait(closing, Why.RESERVED)
    rate = _rate(ledger, _foreign(ledger))
    if ledger.read_at < closing:
        others = _quantile(rate * (now - ledger.read_at))
        if not ledger.flights and free > max(others, _last_slot(ledger)):
            return Grant()
        return Wait(math.inf if ledger.flights else ledger.ends_before + MARGIN, Why.RESERVED)
    hurries = ledger.ends_after - now <= 1.5 * free * ledger.latency and not _rivals(ledger)
    if ledger.flights and not hurries:
        return Wait(math.inf, Why.RESERVED)  # one by one while there is time: each reads exactly
    others = _quantile(rate * (ledger.ends_before - ledger.read_at))
    if free > max(others, _last_slot(ledger)):
        return Grant()
    return Wait(ledger.ends_before + MARGIN, Why.RESERVED)


def _decide_by_log(
    ledger: Ledger, now: float, *, urgent: bool, backlog: int | None
) -> Grant | Wait:
    """No window to go by: our own log says when slots come back, one by one."""
    free = free_slots(ledger, now)
    if free <= 0:
        return Wait(_next_return(ledger, now), Why.WINDOW)
    if len(ledger.flights) >= ledger.cap:
        return Wait(math.inf, Why.IN_FLIGHT)
    if urgent or free > _kept_by_log(ledger, free, backlog):
        return Grant()
    return Wait(_next_return(ledger, now), Why.RESERVED)


def _kept_by_log(ledger: Ledger, free: int, backlog: int | None) -> int:
    """Slots that bulk leaves alone; no window closes here, so they are held all the time."""
    if backlog is not None and backlog <= free:
        return 0
    return min(1 + min(3, _steady(ledger)), ledger.limit - 1)


def free_slots(ledger: Ledger, now: float) -> int:
    """Slots that a call could take at `now`, as far as is known; 0 or more.

    Before the first answer this is the believed limit less what is in flight.
    """
    if ledger.headerless:
        own = ledger.limit - len(ledger.flights) - len(_live(ledger, now))
        if now < ledger.ends_before + MARGIN:
            own = min(own, ledger.remaining - ledger.pending)
        return max(0, own)
    if _must_read(ledger, now):
        return max(0, ledger.limit - len(ledger.flights))
    if ledger.sliding:
        back = sum(hit.sure for hit in ledger.log if not _is_live(ledger, hit, now))
        return max(0, min(ledger.limit, ledger.remaining + back) - ledger.pending)
    return max(0, ledger.remaining - ledger.pending)


def outlook(ledger: Ledger, now: float) -> Outlook:
    """How many calls can leave soon and when the next ones can, if nobody else uses the key."""
    start = max(now, ledger.blocked_until)
    if _must_read(ledger, now) or ledger.blocked_until > now:
        start = max(start, _probe_from(ledger, now))
        free = max(0, ledger.limit - len(ledger.flights))
        return Outlook(start, free, start + ledger.window, by_window=True)
    by_window = not (ledger.headerless or ledger.sliding)
    free = free_slots(ledger, now)
    if by_window:
        free = max(0, free - _rivals(ledger))
    return Outlook(start, free, ledger.ends_before, by_window=by_window)


def forecast(ledger: Ledger, now: float, ahead: int) -> float:
    """When the call with `ahead` others before it can leave, if nobody else uses the key.

    Monotonic seconds, `now` if at once. Counts whole windows; the slots that are held back
    are taken as used within their window.
    """
    seen = outlook(ledger, now)
    if ahead < seen.free:
        return seen.start
    beyond, length, ends = ahead - seen.free, ledger.window + MARGIN, seen.ends
    if not seen.by_window:
        live = [hit for hit in _live(ledger, now) if hit.sure or ledger.headerless]
        returns = sorted(_returns(ledger, live))[: ledger.limit]
        if returns:
            rounds, place = divmod(beyond, len(returns))
            return max(seen.start, returns[place] + rounds * length)
        ends = max(now, ends)
    return ends + MARGIN + beyond // ledger.limit * length


def _kept(ledger: Ledger, free: int, backlog: int | None) -> int:
    """Slots that bulk leaves alone before the window closes.

    Until others were looked out for long enough, they are taken to be there, and interactive
    calls are taken to go on coming. To hold too much costs nothing, for what is held is let go
    before the window closes.
    """
    rest = ledger.ends_before - ledger.read_at
    others = max(_quantile(_rate(ledger, _foreign(ledger)) * rest), _last_slot(ledger))
    if backlog is not None and backlog <= free + len(ledger.unseen):
        return others
    if ledger.reserve is None:
        likely = PRIOR + _foreign(ledger) + ledger.past_urgent + ledger.urgent
        others = _quantile(_rate(ledger, likely) * rest)
    return ledger.held + others


def _last_slot(ledger: Ledger) -> int:
    """Beside other clients the very last slot is never taken: the edge costs an hour."""
    return 1 if _steady(ledger) or ledger.past_foreign >= 0.5 else 0


def _rivals(ledger: Ledger) -> int:
    """Clients that seem to do as we do, such as processes of ours that share nothing.

    All may have read the same counter, and each may have a call on its way: interactive calls
    leave each a slot, bulk two.
    """
    return max(ledger.past_rivals, _bursting(ledger))


def _bursting(ledger: Ledger) -> int:
    if ledger.sudden < 2:  # one is chance
        return 0
    return min(MOST_RIVALS, math.ceil(ledger.sudden / max(1, ledger.own)))


def _steady(ledger: Ledger) -> int:
    """Hits of others in this window that are a sign of steady traffic."""
    return max(0, ledger.foreign - ledger.hidden)


def _release(ledger: Ledger) -> float:
    """Seconds before the end of the window at which held slots are let go.

    Alone, early enough to find out what became of a call that is lost then. Others may come in
    between, so beside them it is as late as the latency allows.
    """
    needed = 2.0 + 1.5 * (ledger.remaining + 1) * ledger.latency
    least = RELEASE if _last_slot(ledger) else SETTLE + RELEASE
    return min(MAX_RELEASE, max(least, needed))


def _foreign(ledger: Ledger) -> float:
    """Hits of other clients that are worth remembering."""
    return ledger.past_foreign + _steady(ledger)


def _rate(ledger: Ledger, seen: float) -> float:
    """Hits a second to count on when so many were seen; 0 while none was ever."""
    if seen <= 0:
        return 0.0
    observed = max(0.0, ledger.read_at - (ledger.ends_before - ledger.window))
    hours = ledger.past_hours + observed / 3600.0 + PRIOR_HOURS
    return (seen + math.sqrt(seen)) / hours / 3600.0


def _quantile(mean: float) -> int:
    """Least k with P(Poisson(mean) <= k) >= CONFIDENCE."""
    if mean <= 0:
        return 0
    mean = min(mean, 500.0)
    term = total = math.exp(-mean)
    k = 0
    while total < CONFIDENCE:
        k += 1
        term *= mean / k
        total += term
    return k


def _is_live(ledger: Ledger, hit: Hit, now: float) -> bool:
    return hit.until + ledger.window + MARGIN > now


def _live(ledger: Ledger, now: float) -> list[Hit]:
    """Our calls that may still occupy a slot at `now`."""
    return [hit for hit in ledger.log if _is_live(ledger, hit, now)]


def _returns(ledger: Ledger, hits: list[Hit]) -> list[float]:
    """When the slots of `hits` have surely come back."""
    return [hit.until + ledger.window + MARGIN for hit in hits]


def _next_return(ledger: Ledger, now: float) -> float:
    """When the next slot comes back, or the counter may be read again; infinity: an answer."""
    live = [hit for hit in _live(ledger, now) if hit.sure or ledger.headerless]
    moments = _returns(ledger, live)
    if ledger.ends_before + MARGIN > now:
        moments.append(ledger.ends_before + MARGIN)
    return min(moments, default=math.inf)


# ------------------------------------------------------------------ events


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
    return _land(ledger, token)[0]


def answered(ledger: Ledger, token: int, now: float, reading: Reading) -> Ledger:
    """A counted answer with rate headers came back, whatever its status."""
    ledger, flight = _land(ledger, token)
    hit = Hit(flight.sent, now)
    reset = min(reading.reset, ledger.window)  # a window that is longer than a window is none
    lo, hi = flight.sent + reset - 1.0, now + reset
    if not ledger.hearsay and hi < ledger.ends_after - ledger.window / 2:
        return _pace(_logged(ledger, hit, now), flight, now)  # an answer of a past window
    is_new = not ledger.window_known or lo > ledger.ends_before + ledger.window / 2
    if is_new:
        ledger = _open_window(ledger, flight, now, reading)
    else:
        ledger = _read_again(ledger, flight, now, reading)
    lo, hi = _narrow(ledger, lo, hi, fresh=is_new or ledger.hearsay)
    is_newest = flight.sent >= ledger.read_at
    ledger = replace(
        ledger,
        limit=reading.limit if is_newest else ledger.limit,
        limit_read=True,
        ends_after=lo,
        ends_before=hi,
        hearsay=False,
        read_at=max(ledger.read_at, flight.sent),
        unseen=tuple(moment for moment in ledger.unseen if moment > flight.sent),
        headerless=False,
        guesses=0,
    )
    return _pace(_logged(ledger, hit, now), flight, now)


def unread(ledger: Ledger, token: int, now: float) -> Ledger:
    """A counted answer came back without rate headers: count for ourselves from now on."""
    ledger, flight = _land(ledger, token)
    ledger = replace(
        ledger,
        own=ledger.own + 1,
        unseen=_unseen(ledger, now, now),
        headerless=True,
        guesses=0,
    )
    return _pace(_logged(ledger, Hit(flight.sent, now), now), flight, now)


def refused(ledger: Ledger, token: int, now: float, retry_after: float | None) -> Ledger:
    """The server answered 429: nobody on the key sends until it is over."""
    if retry_after is None or _is_impossible(ledger, now + retry_after):
        return _refused_elsewhere(ledger, token, now, retry_after)
    ledger, flight = _land(ledger, token)
    ledger = _fold(replace(ledger, foreign=ledger.foreign + _others_blocked(ledger, flight)))
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


def _refused_elsewhere(ledger: Ledger, token: int, now: float, retry_after: float | None) -> Ledger:
    """A 429 that is not the throttler's: a pause, and what is known of the window stays."""
    guess = min(LOCK_GUESS_MAX, LOCK_GUESS * 2.0**ledger.guesses)
    pause = guess if retry_after is None else retry_after
    guesses = ledger.guesses + 1 if retry_after is None else 0
    ledger = lost(ledger, token, now)
    until = max(ledger.blocked_until, now + pause + MARGIN)
    return replace(ledger, blocked_until=until, guesses=guesses, cap=1)


def lost(ledger: Ledger, token: int, now: float) -> Ledger:
    """The call was sent and nothing came back: it counts as spent, for it may still arrive."""
    ledger, flight = _land(ledger, token)
    until = now + SETTLE
    ledger = replace(ledger, own=ledger.own + 1, unseen=_unseen(ledger, until, now))
    return _logged(ledger, Hit(flight.sent, until, sure=False), now)


def expire(ledger: Ledger, now: float) -> Ledger:
    """Calls whose holder died without a word count as spent."""
    for flight in ledger.flights:
        if flight.expires <= now:
            ledger = lost(ledger, flight.token, now)
    return ledger


def _unseen(ledger: Ledger, until: float, now: float) -> tuple[float, ...]:
    """One more call without a reading; those of long ago are in no window that still runs."""
    recent = [moment for moment in ledger.unseen if moment + ledger.window + MARGIN > now]
    return (*recent, until)


def _land(ledger: Ledger, token: int) -> tuple[Ledger, Flight]:
    for flight in ledger.flights:
        if flight.token == token:
            rest = tuple(other for other in ledger.flights if other.token != token)
            return replace(ledger, flights=rest), flight
    raise LookupError(f"reservation {token} is not open")


def _open_window(ledger: Ledger, flight: Flight, now: float, reading: Reading) -> Ledger:
    """The first reading of a window we knew nothing of."""
    found = max(0, reading.limit - reading.remaining - 1)
    ours = sum(hit.sure and hit.sent + ledger.window > now for hit in ledger.log)
    sliding = ledger.sliding
    if found < ours:
        sliding = False
    elif ours and found >= max(2, ours) and _began(ledger, flight, reading):
        sliding = True
    log = _unexpired(ledger, now) if sliding else ledger.log
    ledger = replace(_fold(ledger), own=1, foreign=found, hidden=found, sliding=sliding, log=log)
    return replace(ledger, remaining=reading.remaining)


def _began(ledger: Ledger, flight: Flight, reading: Reading) -> bool:
    """Whether this very call began the window, so that none of a fixed window is in it.

    A call in the millisecond in which a window ends prolongs it with all its hits.
    """
    clear = ledger.window_known and not ledger.hearsay and not ledger.unseen
    return clear and reading.reset >= ledger.window and flight.sent >= ledger.ends_before + MARGIN


def _read_again(ledger: Ledger, flight: Flight, now: float, reading: Reading) -> Ledger:
    """A further reading of the window we are in."""
    remaining, log = ledger.remaining, ledger.log
    if ledger.sliding:
        remaining += sum(hit.sure for hit in log if not _is_live(ledger, hit, now))
        log = _unexpired(ledger, now)
    remaining = reading.remaining if flight.alone else min(remaining, reading.remaining)
    own = ledger.own + 1
    used = reading.limit - reading.remaining
    foreign = max(ledger.foreign, used - own - len(ledger.flights))
    sudden = foreign - ledger.foreign
    ledger = replace(ledger, remaining=remaining, log=log, own=own, foreign=foreign)
    if sudden <= 0 or now - ledger.answered_at > BURST_PAUSE or ledger.cap <= 1:
        return ledger
    # others burst with us: no steady traffic
    return replace(ledger, hidden=ledger.hidden + sudden, sudden=ledger.sudden + sudden)


def _unexpired(ledger: Ledger, now: float) -> tuple[Hit, ...]:
    """The hits that a reading at `now` has not yet seen go; the others would count twice."""
    return tuple(hit for hit in ledger.log if hit.sent + ledger.window > now)


def _narrow(ledger: Ledger, lo: float, hi: float, *, fresh: bool) -> tuple[float, float]:
    """Intersect the old bounds of the window's end with new ones; the newest wins a conflict."""
    if fresh:
        return lo, hi
    both = max(lo, ledger.ends_after), min(hi, ledger.ends_before)
    return both if both[0] <= both[1] else (lo, hi)


def _pace(ledger: Ledger, flight: Flight, now: float) -> Ledger:
    """One more call may be in flight for each answer; remember how long answers take."""
    latency = 0.7 * ledger.latency + 0.3 * (now - flight.sent)
    cap = min(ledger.limit, ledger.cap + 1)
    return replace(ledger, cap=cap, latency=latency, answered_at=now)


def _logged(ledger: Ledger, hit: Hit, now: float) -> Ledger:
    recent = ledger.log  # a sliding log needs those that came back, until a reading includes them
    if recent and not ledger.sliding and not _is_live(ledger, recent[0], now):
        recent = tuple(_live(ledger, now))
    return replace(ledger, log=(*recent, hit))


def _fold(ledger: Ledger) -> Ledger:
    """The window is over: what was seen of others becomes experience."""
    if not ledger.window_known:
        return ledger
    start = ledger.ends_before - ledger.window
    hours = max(0.0, ledger.read_at - start) / 3600.0
    return replace(
        ledger,
        past_foreign=ledger.past_foreign * MEMORY + _steady(ledger),
        past_urgent=ledger.past_urgent * MEMORY + ledger.urgent,
        past_hours=ledger.past_hours * MEMORY + hours,
        past_rivals=_bursting(ledger) if ledger.own >= 3 else ledger.past_rivals,
        own=0,
        foreign=0,
        hidden=0,
        sudden=0,
        urgent=0,
    )


def _others_blocked(ledger: Ledger, flight: Flight) -> int:
    """1 when a refusal in a window with slots left shows that somebody else went over."""
    known = ledger.window_known and flight.sent < ledger.ends_before
    return 1 if known and ledger.remaining > 0 else 0
