"""May a call leave, and if not, when? Asks a ledger and changes nothing. PURE."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from postiz_async._quota.state import (
    CONFIDENCE,
    MARGIN,
    MAX_RELEASE,
    PRIOR,
    PRIOR_HOURS,
    RELEASE,
    SETTLE,
    Grant,
    Ledger,
    LoggedCall,
    Outlook,
    Wait,
    WaitReason,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["decide", "forecast", "forecasts", "free_slots", "outlook"]


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
        return Wait(ledger.blocked_until, WaitReason.BLOCKED)
    if _must_read(ledger, now):
        return _decide_probe(ledger, now)
    if ledger.headerless or ledger.sliding:
        return _decide_by_log(ledger, now, urgent=urgent, backlog=backlog)
    free, rivals = ledger.free, ledger.rivals
    spared = rivals if urgent else 2 * rivals
    if free <= spared:
        if ledger.flights and ledger.unclaimed > spared:
            return Wait(
                math.inf, WaitReason.IN_FLIGHT
            )  # their answers tell whether there is one more
        return Wait(ledger.ends_before + MARGIN, WaitReason.WINDOW)
    most = max(1, free // (2 + 2 * rivals)) if rivals else ledger.cap
    if len(ledger.flights) >= min(most, ledger.cap):
        return Wait(math.inf, WaitReason.IN_FLIGHT)
    return Grant() if urgent else _decide_bulk(ledger, now, free, backlog)


def _must_read(ledger: Ledger, now: float) -> bool:
    """Nothing is known of the window that runs at `now`, and an answer can tell."""
    return not ledger.headerless and now >= ledger.ends_before + MARGIN


def _decide_probe(ledger: Ledger, now: float) -> Grant | Wait:
    """One call alone reads the counter."""
    if ledger.flights:
        return Wait(math.inf, WaitReason.PROBE)
    start = _probe_from(ledger, now)
    return Wait(start, WaitReason.WINDOW) if start > now else Grant()


def _probe_from(ledger: Ledger, now: float) -> float:
    """From when on a probe cannot be the call too many, as far as it depends on us.

    The end of a window that was read is enough. Calls sent since then without a reading (their
    answers were lost, or their process died) may have filled the next one.
    """
    live = ledger.live(now)
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
            return Wait(settled, WaitReason.IN_FLIGHT)
    if now >= ledger.ends_after - MARGIN:
        return Wait(ledger.ends_before + MARGIN, WaitReason.WINDOW)
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
        return Wait(closing, WaitReason.RESERVED)
    rate = _rate(ledger, _foreign(ledger))
    if ledger.read_at < closing:
        others = _quantile(rate * (now - ledger.read_at))
        if not ledger.flights and free > max(others, _last_slot(ledger)):
            return Grant()
        return Wait(
            math.inf if ledger.flights else ledger.ends_before + MARGIN, WaitReason.RESERVED
        )
    hurries = ledger.ends_after - now <= 1.5 * free * ledger.latency and not ledger.rivals
    if ledger.flights and not hurries:
        return Wait(
            math.inf, WaitReason.RESERVED
        )  # one by one while there is time: each reads exactly
    others = _quantile(rate * (ledger.ends_before - ledger.read_at))
    if free > max(others, _last_slot(ledger)):
        return Grant()
    return Wait(ledger.ends_before + MARGIN, WaitReason.RESERVED)


def _decide_by_log(
    ledger: Ledger, now: float, *, urgent: bool, backlog: int | None
) -> Grant | Wait:
    """No window to go by: our own log says when slots come back, one by one."""
    free = free_slots(ledger, now)
    if free <= 0:
        return Wait(_next_return(ledger, now), WaitReason.WINDOW)
    if len(ledger.flights) >= ledger.cap:
        return Wait(math.inf, WaitReason.IN_FLIGHT)
    if urgent or free > _kept_by_log(ledger, free, backlog):
        return Grant()
    return Wait(_next_return(ledger, now), WaitReason.RESERVED)


def _kept_by_log(ledger: Ledger, free: int, backlog: int | None) -> int:
    """Slots that bulk leaves alone; no window closes here, so they are held all the time."""
    if backlog is not None and backlog <= free:
        return 0
    return min(1 + min(3, ledger.steady), ledger.limit - 1)


def free_slots(ledger: Ledger, now: float) -> int:
    """Slots that a call could take at `now`, as far as is known; 0 or more.

    Before the first answer this is the believed limit less what is in flight.
    """
    if ledger.headerless:
        own = ledger.limit - len(ledger.flights) - len(ledger.live(now))
        if now < ledger.ends_before + MARGIN:
            own = min(own, ledger.remaining - ledger.pending)
        return max(0, own)
    if _must_read(ledger, now):
        return max(0, ledger.limit - len(ledger.flights))
    if ledger.sliding:
        back = sum(hit.sure for hit in ledger.log if not ledger.is_live(hit, now))
        return max(0, min(ledger.limit, ledger.remaining + back) - ledger.pending)
    return max(0, ledger.free)


def outlook(ledger: Ledger, now: float) -> Outlook:
    """How many calls can leave soon and when the next ones can, if nobody else uses the key."""
    start = max(now, ledger.blocked_until)
    if _must_read(ledger, now) or ledger.blocked_until > now:
        start = max(start, _probe_from(ledger, now))
        free = max(0, ledger.limit - len(ledger.flights))
        return Outlook(start, free, free, start + ledger.window, by_window=True)
    free = free_slots(ledger, now)
    if ledger.headerless or ledger.sliding:
        return Outlook(start, free, free, ledger.ends_before, by_window=False)
    free = max(0, free - ledger.rivals)
    likely = max(free, ledger.unclaimed - ledger.rivals) if ledger.flights else free
    return Outlook(start, free, likely, ledger.ends_before, by_window=True)


def forecast(ledger: Ledger, now: float, ahead: int) -> float:
    """When the call with `ahead` others before it can leave, in monotonic seconds."""
    return forecasts(ledger, now, [ahead])[0]


def forecasts(ledger: Ledger, now: float, ahead: Sequence[int]) -> list[float]:
    """When calls can leave that have so many others before them, if nobody else uses the key.

    Monotonic seconds, `now` if at once. Counts whole windows; the slots that are held back
    are taken as used within their window.

    Args:
        ledger: the quota as it is known.
        now: monotonic seconds.
        ahead: how many others are before each call, ascending.
    """
    seen = outlook(ledger, now)
    length, ends = ledger.window + MARGIN, seen.ends
    returns: list[float] = []
    if ahead and ahead[-1] >= seen.likely and not seen.by_window:
        live = [hit for hit in ledger.live(now) if hit.sure or ledger.headerless]
        returns = sorted(_returns(ledger, live))[: ledger.limit]
        ends = max(now, ends)
    moments: list[float] = []
    for others in ahead:
        beyond = others - seen.likely
        if others < seen.free:
            moment = seen.start
        elif beyond < 0:
            moment = min(seen.ends, now + ledger.latency)
        elif returns:
            rounds, place = divmod(beyond, len(returns))
            moment = max(seen.start, returns[place] + rounds * length)
        else:
            moment = ends + MARGIN + beyond // ledger.limit * length
        moments.append(moment)
    return moments


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
    return 1 if ledger.has_company else 0


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
    return ledger.past_foreign + ledger.steady


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


def _returns(ledger: Ledger, hits: list[LoggedCall]) -> list[float]:
    """When the slots of `hits` have surely come back."""
    return [hit.until + ledger.window + MARGIN for hit in hits]


def _next_return(ledger: Ledger, now: float) -> float:
    """When the next slot comes back, or the counter may be read again; infinity: an answer."""
    live = [hit for hit in ledger.live(now) if hit.sure or ledger.headerless]
    moments = _returns(ledger, live)
    if ledger.ends_before + MARGIN > now:
        moments.append(ledger.ends_before + MARGIN)
    return min(moments, default=math.inf)
