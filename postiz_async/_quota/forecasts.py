"""Forecast when calls can leave, assuming that nobody else uses the key. PURE."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import msgspec

from postiz_async._quota.decisions import probe_from
from postiz_async._quota.state import Ledger
from postiz_async._quota.window import MARGIN


class Outlook(msgspec.Struct, frozen=True):
    """A forecast: `free` calls can leave from `start` on, the next ones after `ends`.

    Times are monotonic seconds. `by_window`: later windows have a full limit each; else slots come
    back one by one. `likely`, at least `free`, are the calls that could leave in this window if no
    others than those in flight were counted; their answers will tell.
    """

    start: float
    free: int
    likely: int
    ends: float
    by_window: bool


def outlook(ledger: Ledger, now: float) -> Outlook:
    """How many calls can leave soon and when the next ones can, if nobody else uses the key."""
    window, flights = ledger.window, ledger.flights
    start = max(now, window.blocked_until)
    if ledger.must_read(now) or window.blocked_until > now:
        start = max(start, probe_from(ledger, now))
        free = max(0, window.limit - len(flights.open))
        if start == now:
            free = ledger.free_slots(now)
        return Outlook(start, free, free, start + window.length, by_window=True)
    free = ledger.free_slots(now)
    if ledger.log.rules:
        return Outlook(start, free, free, window.ends_before, by_window=False)
    rivals = ledger.neighbours.rivals
    free = max(0, free - rivals)
    likely = max(free, ledger.unclaimed - rivals) if flights.open else free
    return Outlook(start, free, likely, window.ends_before, by_window=True)


def forecast(ledger: Ledger, now: float, ahead: int) -> float:
    """The time, in monotonic seconds, at which the call with `ahead` others before it can leave."""
    return forecasts(ledger, now, [ahead])[0]


def forecasts(ledger: Ledger, now: float, ahead: Sequence[int]) -> list[float]:
    """The times at which calls can leave, given how many calls are before each of them.

    Times are monotonic seconds, `now` if at once, and assume that nobody else uses the key. Slots
    that are kept free count as used within their window.

    Args:
        ledger: the quota as it is known.
        now: monotonic seconds.
        ahead: the number of calls before each call, ascending.
    """
    seen, window = outlook(ledger, now), ledger.window
    length, ends = window.length + MARGIN, seen.ends
    returns: list[float] = []
    if ahead and ahead[-1] >= seen.likely and not seen.by_window:
        returns = [*islice(ledger.log.returns(now, window.length), window.limit)]
        # a lost call may keep its slot for longer than it takes the first one to come back twice
        returns = [min(moment, returns[0] + length) for moment in returns]
        ends = max(now, ends)
    moments: list[float] = []
    for others in ahead:
        beyond = others - seen.likely
        if others < seen.free:
            moment = seen.start
        elif beyond < 0:
            moment = max(seen.start, min(seen.ends, now + ledger.flights.latency))
        elif returns:
            rounds, place = divmod(beyond, len(returns))
            moment = max(seen.start, returns[place] + rounds * length)
        else:
            moment = ends + MARGIN + beyond // window.limit * length
        same = bool(moments) and moments[-1] == moment  # one shared number saves memory
        moments.append(moments[-1] if same else moment)
    return moments
