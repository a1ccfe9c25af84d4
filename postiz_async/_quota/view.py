"""The quota as a value for users. PURE."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from postiz_async._quota import Ledger, Wait, WaitReason, decide
from postiz_async._quota.state import LAST_MOMENT
from postiz_async.models._base import DateTime, Value


class Queued(Value, frozen=True):
    """The numbers of calls that wait for a slot, by priority."""

    interactive: int = 0
    bulk: int = 0


class Quota(Value, frozen=True, kw_only=True):
    """The quota of create requests as the client knows it at one moment.

    `limit`, `remaining` and `resets_in` (seconds) are None until a create was answered: reads
    carry no rate headers, so there is no free look. Calls in flight are not part of `remaining`.
    `next_in` is the time in seconds after which a new interactive call could leave, 0 if at once.
    `blocked` says that the organisation is locked out for `blocked_for` seconds. `as_of` is
    the moment of the last change, None if there was none.

    `bulk_waits_for` says why bulk work has to wait for the quota, None if it need not: "halted",
    "lock-out", "used up", "reserved" (for interactive calls), "others" (clients that were seen on
    the key), "reading" (the first call of a window has to come back) or "answers" (enough are in
    flight).
    `bulk_in` is in how many seconds that may change, None if with an answer.

    `halted` says since when and by whom all creates are halted, interactive ones too; empty if
    they are not. See `PostSelection.pause`.
    """

    limit: int | None
    remaining: int | None
    resets_in: float | None
    next_in: float
    bulk_waits_for: str | None
    bulk_in: float | None
    in_flight: int
    queued: Queued
    blocked: bool
    blocked_for: float
    as_of: DateTime | None
    halted: str = ""

    def __repr__(self) -> str:
        parts = [f"limit={self.limit}", f"remaining={self.remaining}"]
        parts += [f"resets_in={_seconds(self.resets_in)}", f"next_in={_seconds(self.next_in)}"]
        if self.bulk_waits_for is not None:
            parts += [
                f"bulk_waits_for={self.bulk_waits_for!r}",
                f"bulk_in={_seconds(self.bulk_in)}",
            ]
        parts += [f"in_flight={self.in_flight}", f"queued={self.queued}"]
        blocked = f"{_seconds(self.blocked_for)} s" if self.blocked else "no"
        parts += [f"blocked={blocked}", f"as_of={_moment(self.as_of)}"]
        parts += [f"halted={self.halted!r}"] * bool(self.halted)
        return f"Quota({', '.join(parts)})"


def show(
    ledger: Ledger,
    now: float,
    *,
    queued: Queued,
    next_in: float,
    backlog: int | None,
    as_of: float | None,
) -> Quota:
    """The view of a ledger at `now` on its clock."""
    window, bulk = ledger.window, decide(ledger, now, backlog=backlog, waiting=queued.bulk)
    waits_for, until = None, now
    if isinstance(bulk, Wait):
        waits_for, until = _WAITS_FOR[bulk.why], bulk.until
    current = window.is_known and now < window.ends_before
    return Quota(
        limit=window.limit if window.limit_read else None,
        remaining=ledger.free_slots(now) if window.limit_read else None,
        resets_in=window.ends_before - now if current else None,
        next_in=next_in,
        bulk_waits_for=waits_for,
        bulk_in=until - now if until < math.inf else None,
        in_flight=len(ledger.flights.open),
        queued=queued,
        blocked=now < window.blocked_until,
        blocked_for=max(0.0, window.blocked_until - now),
        as_of=None if as_of is None else datetime.fromtimestamp(min(as_of, LAST_MOMENT), UTC),
        halted=str(ledger.halt),
    )


_WAITS_FOR = {
    WaitReason.HALTED: "halted",
    WaitReason.BLOCKED: "lock-out",
    WaitReason.WINDOW: "used up",
    WaitReason.RESERVED: "reserved",
    WaitReason.OTHERS: "others",
    WaitReason.PROBE: "reading",
    WaitReason.IN_FLIGHT: "answers",
}


def essence(quota: Quota) -> tuple[object, ...]:
    """What differs between two views unless only time has passed."""
    window = quota.resets_in is None
    seen = (quota.limit, quota.remaining, window, quota.in_flight, quota.queued, quota.blocked)
    return (*seen, quota.bulk_waits_for)


def _seconds(value: float | None) -> str:
    return "None" if value is None else f"{value:.1f}"


def _moment(value: datetime | None) -> str:
    return "None" if value is None else value.isoformat(timespec="seconds")
