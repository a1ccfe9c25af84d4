"""A ledger written down, and taken up again by another process or on another clock. PURE."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from postiz_async._quota import MARGIN, SETTLE, SILENT, WINDOW, Ledger, LoggedCall

__all__ = ["Snapshot", "restore_snapshot", "take_snapshot"]

RESTART_MARGIN = 30.0
"""Seconds added to a kept window end, because the wall clock may have been set meanwhile."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A ledger on disk, in wall time (seconds since the epoch), so that a restart is not a probe.

    `unseen` has an entry for each call that `remaining` may not include, those in flight among
    them: a killed process's calls count as spent.
    """

    as_of: float
    limit: int
    limit_read: bool = False
    window: float = WINDOW
    window_end: float | None = None
    remaining: int = 0
    unseen: tuple[float, ...] = ()
    blocked_until: float | None = None
    past_foreign: float = 0.0
    past_urgent: float = 0.0
    past_hours: float = 0.0
    sliding: bool = False
    headerless: bool = False
    log: tuple[LoggedCall, ...] = ()


def take_snapshot(ledger: Ledger, now: float, wall: float) -> Snapshot:
    """The ledger as a value that can be written down. Its calls in flight count as spent."""
    shift = wall - now
    until = now + SETTLE
    flying = tuple(LoggedCall(flight.sent, until, sure=False) for flight in ledger.flights)
    unseen = (*ledger.unseen, *(until for _ in flying))
    known = now < ledger.ends_before + MARGIN
    return Snapshot(
        as_of=wall,
        limit=ledger.limit,
        limit_read=ledger.limit_read,
        window=ledger.window,
        window_end=ledger.ends_before + shift if known else None,
        remaining=ledger.remaining,
        unseen=tuple(moment + shift for moment in unseen),
        blocked_until=ledger.blocked_until + shift if ledger.blocked_until > now else None,
        past_foreign=ledger.past_foreign,
        past_urgent=ledger.past_urgent,
        past_hours=ledger.past_hours,
        sliding=ledger.sliding,
        headerless=ledger.headerless,
        log=tuple(_moved(hit, shift) for hit in (*ledger.log, *flying)),
    )


def restore_snapshot(
    kept: Snapshot, now: float, wall: float, *, reserve_slots: int | None = None
) -> Ledger:
    """A ledger from what an earlier process wrote down.

    A window end or lock-out further ahead than one window is nonsense and taken as unknown.
    The wall clock may have been set meanwhile, so each moment is moved to the careful side; a
    clock that was set back to before the keeping is taken to stand there. No logged call is
    sure any more: that its slot came back, the next reading tells.
    """
    wall = max(wall, kept.as_of)
    early, late = now - wall, now - wall + RESTART_MARGIN
    latest = wall + kept.window + 2 * RESTART_MARGIN
    limit = max(1, kept.limit)
    ledger = Ledger(
        window=kept.window,
        limit=limit,
        limit_read=kept.limit_read,
        reserve=reserve_slots,
        unseen=tuple(min(moment, wall + SILENT) + late for moment in kept.unseen),
        past_foreign=max(0.0, kept.past_foreign),
        past_urgent=max(0.0, kept.past_urgent),
        past_hours=max(0.0, kept.past_hours),
        sliding=kept.sliding,
        headerless=kept.headerless,
        log=tuple(
            LoggedCall(min(hit.sent, wall) + early, min(hit.until, wall) + late, sure=False)
            for hit in kept.log
        ),
    )
    if kept.blocked_until is not None and wall < kept.blocked_until + RESTART_MARGIN < latest:
        ledger = replace(ledger, blocked_until=kept.blocked_until + late)
    if kept.window_end is None or not wall < kept.window_end + RESTART_MARGIN < latest:
        return ledger
    remaining = min(max(0, kept.remaining), limit)
    return replace(
        ledger,
        ends_after=kept.window_end + early - RESTART_MARGIN,
        ends_before=kept.window_end + late,
        from_snapshot=True,
        remaining=remaining,
        own=limit - remaining + len(kept.unseen),
        read_at=kept.as_of + early,
    )


def _moved(hit: LoggedCall, shift: float) -> LoggedCall:
    return LoggedCall(hit.sent + shift, hit.until + shift, hit.sure)
