"""A campaign's plan with its dates as they are written or moved, and what either costs. PURE.

Where dates may move, they move less rather than make a post late: a post that would miss its new
date, and not the one that was asked for, is planned again so that it moves to later dates only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from postiz_async.batch.plan import Estimate, Leeway, forecast, lower_bound, plan
from postiz_async.quota import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from postiz_async.batch.plan import Forecast, Limits, PlannedRequest
    from postiz_async.batch.rows import Row
    from postiz_async.models.integrations import Integration

__all__ = ["SUGGESTED", "Arrangement", "Moment", "Planner"]

AHEAD = timedelta(minutes=10)
"""To a date that is nearer than this no post moves."""

SUGGESTED = timedelta(minutes=15)
"""What a plan shows the gain of when nothing was said about moving dates."""

SUGGESTED_UP_TO = 20_000
"""Rows beyond which that takes too long for a question that nobody asked."""

USUAL_LIMIT = 30
"""Requests an hour of a server whose owner never set another limit."""

_ROUNDS = 3
"""How often is planned again for posts that would be late at their new date."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Now: the quota as it is known, and the same moment on its clock and in wall time."""

    ledger: Ledger
    now: float
    wall: float

    def forecast(self, requests: Sequence[PlannedRequest], limit: int | None = None) -> Forecast:
        """What the requests cost, under the limit of the key or under an unused one."""
        own = limit is None or limit == self.ledger.limit
        ledger = self.ledger if own or limit is None else Ledger(limit=limit)
        return forecast(requests, ledger, self.now, self.wall)


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Requests, the most urgent first, the leeway that their dates had, and those without it."""

    requests: list[PlannedRequest]
    leeway: Leeway | None = None
    written: list[PlannedRequest] | None = None


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans rows under the same limits.

    Args:
        size_of: bytes that a row adds to a body.
        limits: what a request may carry.
        channels: of the rows, by ref.
        not_before: a date before which no other moves.
        moment: now.
    """

    size_of: Callable[[Row], int]
    limits: Limits
    channels: Mapping[str, Integration]
    not_before: datetime
    moment: Moment

    def arrange(self, rows: Sequence[Row], align: timedelta) -> Arrangement:
        """The fewest requests, dates moving by `align` or by what a row says itself."""
        written = Arrangement(plan(rows, self.size_of, self.limits))
        if not align and not any(row.tolerance for row in rows):
            return written
        late = self._late(written.requests)
        held: frozenset[str] = frozenset()
        moved = written
        for _ in range(_ROUNDS):
            leeway = self._leeway(align, held)
            requests = plan(rows, self.size_of, self.limits, leeway)
            moved = Arrangement(requests, leeway, written.requests)
            worse = self._late(requests) - late
            if not worse:
                return moved
            held |= worse
        return min(written, moved, key=lambda a: (len(self._late(a.requests)), len(a.requests)))

    def lower_bound(self, rows: Sequence[Row], arrangement: Arrangement) -> int:
        """The number of requests below which no plan with the same leeway can get."""
        return lower_bound(rows, self.size_of, self.limits, arrangement.leeway)

    def forecast(self, rows: Sequence[Row], chosen: Arrangement, align: timedelta) -> Forecast:
        """What a plan costs, and what moving dates gains."""
        if chosen.written is not None:
            ways = [(Arrangement(chosen.written), None), (chosen, align)]
        elif align or len(rows) > SUGGESTED_UP_TO:
            ways = [(chosen, None)]
        else:
            ways = [(chosen, None), (self.arrange(rows, SUGGESTED), SUGGESTED)]
        own = self.moment.forecast(chosen.requests)
        limits = sorted({USUAL_LIMIT, own.limit})
        estimates: list[Estimate] = []
        for arrangement, by in ways:
            for limit in limits:
                is_own = arrangement is chosen and limit == own.limit
                said = own if is_own else self.moment.forecast(arrangement.requests, limit)
                estimates.append(_estimate(said, by, limit))
        return replace(own, estimates=tuple(estimates))

    def _leeway(self, align: timedelta, held: frozenset[str]) -> Leeway:
        return Leeway(
            channel_of=lambda row: self.channels[row.ref].id,
            align=align,
            not_before=self.not_before,
            held=held,
        )

    def _late(self, requests: Sequence[PlannedRequest]) -> frozenset[str]:
        return frozenset(row.ref for row in self.moment.forecast(requests).late)


def _estimate(said: Forecast, align: timedelta | None, limit: int) -> Estimate:
    return Estimate(align, limit, said.requests, said.windows, said.finish, len(said.late))
