"""Save a ledger, and restore it in another process or on another clock. PURE."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise

import msgspec
from msgspec.structs import replace

from postiz_async._quota import SILENT, WINDOW, Flights, Ledger, Log, LoggedCall, Neighbours, Window
from postiz_async._quota.neighbours import MOST_RIVALS
from postiz_async._quota.window import LONGEST

RESTART_MARGIN = 30.0
"""Seconds added to a saved window end, because the wall clock may have been set meanwhile."""

SLACK = 600.0
"""Seconds that a saved end may be further ahead than one window: restarts in a row move it."""

MOST_SLOTS = 1_000_000
"""A limit, count or window (seconds) above this is invalid."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A ledger in wall time (seconds since the epoch), so that a restart does not need a probe.

    `pending` has an entry for each call that `remaining` may not include, those in flight among
    them: a killed process's calls count as spent. `gaps` is the log of our calls, where one is
    needed. Both are whole seconds from each to the next: `pending` from `as_of` on, `gaps` back.
    """

    as_of: float
    run: str = ""
    """The boot of the machine in which it was taken, at `monotonic` seconds; see `clock.run_of`."""
    monotonic: float = 0.0
    limit: int
    limit_read: bool = False
    window: float = WINDOW
    window_end: float | None = None
    remaining: int = 0
    pending: tuple[int, ...] = ()
    blocked_until: float | None = None
    past_foreign: float = 0.0
    past_hours: float = 0.0
    past_rivals: int = 0
    asked: float = 0.0
    asked_since: float | None = None
    asked_at: float | None = None
    surge: int = 0
    surge_until: float | None = None
    over_until: float | None = None
    predecessor_until: float | None = None
    sliding: bool = False
    doubted: bool = False
    headerless: bool = False
    gaps: tuple[int, ...] = ()


# ------------------------------------------------------------------ written down


def take_snapshot(ledger: Ledger, now: float, wall: float) -> Snapshot:
    """Take a snapshot of a ledger. Its calls in flight count as spent."""
    shift = wall - now
    until = now + SILENT
    window, hits, log = ledger.window, ledger.neighbours, ledger.log

    def ahead(moment: float) -> float | None:
        return math.ceil(moment + shift) if moment > now else None

    def past(moment: float) -> float | None:
        return math.floor(moment + shift) if moment > -math.inf else None

    return Snapshot(
        as_of=wall,
        limit=window.limit,
        limit_read=window.limit_read,
        window=window.length,
        window_end=None if window.is_over(now) else window.ends_before + shift,
        remaining=window.remaining,
        pending=_pending(ledger, now, until),
        blocked_until=ahead(window.blocked_until),
        past_foreign=round(hits.past_foreign, 3),
        past_hours=round(hits.past_hours, 3),
        past_rivals=hits.past_rivals,
        asked=round(hits.asked, 3),
        asked_since=past(hits.asked_since),
        asked_at=past(hits.asked_at),
        surge=hits.surge_at(now),
        surge_until=ahead(hits.surge_until),
        over_until=ahead(hits.over_until),
        predecessor_until=ahead(hits.predecessor_until),
        sliding=log.sliding,
        doubted=log.doubted,
        headerless=log.headerless,
        gaps=_gaps(ledger, now, until),
    )


def _pending(ledger: Ledger, now: float, until: float) -> tuple[int, ...]:
    """Times of calls that a reading may not include yet; a new window's first reading does."""
    moments = (*ledger.flights.unseen, *(until for _ in ledger.flights.open))
    seconds = sorted(max(0, math.ceil(moment - now)) for moment in moments)
    if ledger.window.is_over(now):
        seconds = [each for each in seconds if each > 0]
    return _steps(seconds)


def _gaps(ledger: Ledger, now: float, until: float) -> tuple[int, ...]:
    """The log, as far as the next process needs it: for a fixed window, the calls after its end."""
    window, log = ledger.window, ledger.log
    since = -math.inf if log.rules or not window.is_known else window.ends_before
    counted = [call.until for call in log.live(now, window.length, since) if call.sent > since]
    flying = [until for flight in ledger.flights.open if flight.sent > since]
    return _steps(sorted(math.floor(now - moment) for moment in (*counted, *flying)))


def _steps(seconds: list[int]) -> tuple[int, ...]:
    return tuple(later - sooner for sooner, later in pairwise((0, *seconds)))


# ------------------------------------------------------------------ taken up again


def restore_snapshot(
    kept: Snapshot, now: float, wall: float, *, reserve_slots: int | None = None
) -> Ledger:
    """Restore a ledger from the snapshot of an earlier process.

    A window end or lock-out much further ahead than one window is nonsense and taken as unknown,
    like NaN; one a little further, as restarts in a row make it, is taken as a window ahead. The
    wall clock may have been set meanwhile, so each moment is moved to the careful side; a clock
    that was set back to before the state was kept is taken to stand at that moment. No logged call
    is sure any more: that its slot came back, the next reading tells.
    """
    as_of = kept.as_of if math.isfinite(kept.as_of) else wall
    wall = max(wall, as_of)
    length = kept.window if 0 < kept.window <= LONGEST else WINDOW
    early, late = now - wall, now - wall + RESTART_MARGIN
    furthest, nonsense = wall + length, wall + length + SLACK
    limit = min(max(1, kept.limit), MOST_SLOTS)
    unseen = tuple(
        min(moment, wall + SILENT) + (late if moment > as_of else early)
        for moment in _newest(_moments(as_of, kept.pending), limit)
    )
    usual = WINDOW if length > WINDOW else 0.0
    window = Window(length=length, usual_length=usual, limit=limit, limit_read=kept.limit_read)
    hits = _neighbours(kept, early)
    if kept.blocked_until is not None and wall - RESTART_MARGIN < kept.blocked_until < nonsense:
        window = replace(window, blocked_until=min(kept.blocked_until, furthest) + late)
    if kept.window_end is not None and wall - RESTART_MARGIN < kept.window_end < nonsense:
        end = min(kept.window_end, furthest)
        remaining = min(max(0, kept.remaining), limit)
        window = replace(
            window,
            ends_after=end + early - RESTART_MARGIN,
            ends_before=end + late,
            from_snapshot=True,
            remaining=remaining,
            read_at=as_of + early,
        )
        hits = replace(hits, own=limit - remaining + len(unseen))
    calls = (
        LoggedCall(min(moment, wall) + early, min(moment, wall) + late, sure=False)
        for moment in _newest(_moments(as_of, (-gap for gap in kept.gaps)), limit)
    )
    return Ledger(
        window=window,
        flights=Flights(unseen=unseen),
        neighbours=hits.set_back(now),
        log=Log(
            sliding=kept.sliding,
            doubted=kept.doubted,
            headerless=kept.headerless,
            calls=tuple(calls),
        ),
        reserve=reserve_slots,
    )


def _moments(as_of: float, steps: Iterable[int]) -> Iterator[float]:
    return (as_of + max(-LONGEST, min(LONGEST, seconds)) for seconds in accumulate(steps))


def _newest(moments: Iterable[float], most: int) -> list[float]:
    """The latest of these times, at most as many as matter, in order."""
    return sorted(moment for moment in moments if math.isfinite(moment))[-most:]


def _neighbours(kept: Snapshot, early: float) -> Neighbours:
    """The experience of an earlier process with other clients and interactive calls."""

    def then(moment: float | None) -> float:
        return moment + early if moment is not None and math.isfinite(moment) else -math.inf

    asked_at = then(kept.asked_at)
    return Neighbours(
        past_foreign=_count(kept.past_foreign),
        past_hours=_count(kept.past_hours),
        past_rivals=min(max(0, kept.past_rivals), MOST_RIVALS),
        asked=_count(kept.asked) if asked_at > -math.inf else 0.0,
        asked_since=min(asked_at, then(kept.asked_since)),
        asked_at=asked_at,
        surge=min(max(0, kept.surge), MOST_SLOTS),
        surge_until=then(kept.surge_until),
        over_until=then(kept.over_until),
        predecessor_until=then(kept.predecessor_until),
    )


def _count(value: float) -> float:
    return min(max(0.0, value), float(MOST_SLOTS)) if math.isfinite(value) else 0.0
