"""Plan the requests for rows, and forecast when they leave. PURE.

The scarce thing is the request, and one request carries many posts. Posts that share type, date,
tags, link shortening and repetition travel together, as far as a body of 100 KiB and the time of
one request allow. Where dates may move, posts share a date that all of them can have, and move less
if a post would otherwise be late. The **lower bound** is a number of requests that no plan under
these rules can undercut.
"""

from __future__ import annotations

import itertools
import math
from array import array
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter

import msgspec

from postiz_async import _quota as quota
from postiz_async._campaign.plan.align import Span, arrange, date_all, tightened
from postiz_async._campaign.plan.packing import Limits, pack
from postiz_async._campaign.read.rows import Row
from postiz_async._quota import Ledger, Window
from postiz_async.models._base import DateTime, Value
from postiz_async.models.channels import Channel


class PlannedRequest(msgspec.Struct, frozen=True, gc=False):
    """Rows that are sent in one create request."""

    rows: tuple[Row, ...]

    @property
    def date(self) -> datetime:
        """The date of all its rows."""
        return self.rows[0].date

    @property
    def deadline(self) -> float:
        """The time by which it has to leave, since the epoch; drafts can wait."""
        first = self.rows[0]
        can_wait = first.type == "draft"
        return math.inf if can_wait else first.date.timestamp()


class Forecast(Value, frozen=True):
    """The cost of a plan, if nobody else uses the key.

    `windows` counts the server's windows, the current one included. `finish` is when the last
    request leaves. `late` are the rows whose request cannot leave before their date.
    """

    requests: int
    posts: int
    limit: int
    limit_known: bool
    windows: int
    finish: DateTime
    late: tuple[Row, ...]
    moved: tuple[Row, ...] = ()
    """The rows whose date is moved so that they share a request."""
    estimates: tuple[Estimate, ...] = ()
    """Costs with unmoved and moved dates, at the usual limit and at that of the key."""
    media_files: int = 0
    """The number of distinct media files."""


class ChannelPlan(Value, frozen=True):
    """The posts of one channel: how many are in Postiz, and how many will be sent, and when."""

    channel: Channel
    in_postiz: int
    posts: int
    first: DateTime | None = None
    """The earliest date of unsent posts; None if there are none."""
    last: DateTime | None = None


class Estimate(Value, frozen=True):
    """The cost of a plan; `align` is how far dates may move, None if they stay as written.

    With 0 only rows with their own tolerance move. `late` is the number of posts whose request
    could not leave before their date.
    """

    align: timedelta | None
    limit: int
    requests: int
    windows: int
    finish: DateTime
    late: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leeway:
    """How far dates may move so that posts share a request.

    Attributes:
        channel_of: returns the channel of a row; posts of one channel with different dates never
            share a request.
        align: the tolerance of rows that have none of their own.
        not_before: dates before this moment do not move, and no date moves there.
        held: refs of rows that may move to later dates only.
    """

    channel_of: Callable[[Row], str]
    align: timedelta = timedelta(0)
    not_before: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    held: frozenset[str] = frozenset()

    def span(self, row: Row) -> tuple[int, int, int]:
        """The earliest, the own and the latest date of a row, in seconds since the epoch."""
        date, floor = int(row.date.timestamp()), math.ceil(self.not_before.timestamp())
        tolerance = self.align if row.tolerance is None else row.tolerance
        if row.type != "schedule" or not tolerance or date < floor:
            return date, date, date
        by = int(tolerance.total_seconds())
        earliest = date if row.ref in self.held else max(date - by, floor)
        return earliest, date, min(date + by, _END)


_END = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())


def plan(
    rows: Iterable[Row],
    size_of: Callable[[Row], int],
    limits: Limits,
    leeway: Leeway | None = None,
) -> list[PlannedRequest]:
    """Plan the fewest requests for rows, the most urgent request first.

    Args:
        rows: the rows to send.
        size_of: returns the bytes that a row adds to a body.
        limits: the limits of a request.
        leeway: how far dates may move; None: not at all. Rows come back with their new dates.
    """
    requests: list[PlannedRequest] = []
    if leeway is not None:
        requests = _aligned(list(rows), size_of, limits, leeway)
    else:
        for group in _at_each_date(rows):
            if len(group) == 1:  # the usual case
                requests.append(PlannedRequest((*group,)))
                continue
            places = pack([size_of(row) for row in group], limits_for(limits, group[0]))
            requests += [PlannedRequest(tuple(group[n] for n in request)) for request in places]
    # one key after the other: tuples of them would take more memory than the requests
    requests.sort(key=lambda request: request.rows[0].number)
    requests.sort(key=lambda request: request.rows[0].date)
    requests.sort(key=lambda request: request.rows[0].type == "draft")
    return requests


def _at_each_date(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Groups of rows that may share a request with their own dates, date by date."""
    date = attrgetter("date")
    for _, same in itertools.groupby(sorted(rows, key=date), date):
        here = list(same)
        yield from [here] if len(here) == 1 else _groups(here)


def _groups(rows: Iterable[Row]) -> list[list[Row]]:
    """Rows grouped by the values that posts of a request share, in the order of the file."""
    groups: defaultdict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in sorted(rows, key=attrgetter("number")):
        groups[row.shared].append(row)
    return list(groups.values())


def _aligned(
    rows: Sequence[Row], size_of: Callable[[Row], int], limits: Limits, leeway: Leeway
) -> list[PlannedRequest]:
    """Requests in which rows share dates that they may move to."""
    ordered: list[Row] = []
    requests: list[list[Span]] = []
    for group in _groups(rows):
        spans = _spans(group, size_of, leeway, len(ordered))
        requests += arrange(spans, limits_for(limits, group[0]))
        ordered += group
    # numbers without their objects, some of which would keep each block of memory of the spans
    dates = array("q", date_all(requests))
    numbers_of = [array("I", sorted(span.number for span in spans)) for spans in requests]
    del requests  # spans of many rows are large
    return [
        PlannedRequest(_moved((ordered[n] for n in numbers), date))
        for numbers, date in zip(numbers_of, dates, strict=True)
    ]


def _spans(
    rows: Iterable[Row], size_of: Callable[[Row], int], leeway: Leeway, start: int
) -> list[Span]:
    """The spans of rows, numbered from `start`."""
    spans: list[Span] = []
    for number, row in enumerate(rows, start):
        first, date, last = leeway.span(row)
        spans.append(Span(last, date, number, first, size_of(row), leeway.channel_of(row)))
    return tightened(spans)


def _moved(rows: Iterable[Row], date: int) -> tuple[Row, ...]:
    """Move rows to one date."""
    moment = datetime.fromtimestamp(date, UTC)
    return tuple(row if date == int(row.date.timestamp()) else row.at(moment) for row in rows)


def limits_for(limits: Limits, row: Row) -> Limits:
    """The limits for a row's request, less the bytes of the tags that its posts share."""
    if not row.tags:
        return limits
    tags = sum(2 * len(msgspec.json.encode(tag)) + 24 for tag in row.tags)
    return replace(limits, body=limits.body - tags)


AHEAD = timedelta(minutes=10)
"""No date is moved to a moment that is nearer than this."""

SUGGESTED = timedelta(minutes=15)
"""The tolerance for which a plan shows the gain if the user gave none."""

SUGGESTED_UP_TO = 20_000
"""Number of rows above which this suggestion takes too long to compute."""

USUAL_LIMIT = 30
"""Requests an hour on a server with the default limit."""

_REPLANS = 3
"""How often the plan is repeated for posts that would be late at their new date."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The present: the known quota, and the same moment on its clock and in wall time."""

    ledger: Ledger
    now: float
    wall: float

    def forecast(self, requests: Sequence[PlannedRequest], limit: int | None = None) -> Forecast:
        """Forecast when a plan ends, and which rows are late.

        Args:
            requests: the requests in order of sending.
            limit: the limit of an unused window; None: the known quota.
        """
        own = limit is None or limit == self.ledger.window.limit
        ledger = self.ledger if own or limit is None else Ledger(window=Window(limit=limit))
        leaves = quota.forecasts(ledger, self.now, range(len(requests)))
        last = leaves[-1] if leaves else self.now
        late = tuple(
            row
            for request, moment in zip(requests, leaves, strict=True)
            if moment - self.now + self.wall > request.deadline and request.rows[0].type != "now"
            for row in request.rows
        )
        return Forecast(
            requests=len(requests),
            posts=sum(len(request.rows) for request in requests),
            limit=ledger.window.limit,
            limit_known=ledger.window.limit_read,
            windows=len({round(moment) for moment in leaves}),
            finish=datetime.fromtimestamp(last - self.now + self.wall, UTC),
            late=late,
            moved=tuple(
                row for each in requests for row in each.rows if row.moved_from is not None
            ),
        )


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Planned requests, the most urgent first, with their leeway and the cost without it."""

    requests: deque[PlannedRequest]
    """The requests; a run removes them as it sends them."""
    leeway: Leeway | None = None
    as_written: tuple[Estimate, ...] = ()


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans rows under fixed limits.

    Args:
        size_of: returns the bytes that a row adds to a body.
        limits: the limits of a request.
        channels: the channels of the rows, by ref.
        not_before: no date moves to a moment before this.
        moment: the present.
    """

    size_of: Callable[[Row], int]
    limits: Limits
    channels: Mapping[str, Channel]
    not_before: datetime
    moment: Moment

    def arrange(self, rows: Sequence[Row], align: timedelta) -> Arrangement:
        """Plan the fewest requests; dates move by `align` or by the tolerance of a row."""
        written = plan(rows, self.size_of, self.limits)
        if not align and not any(row.tolerance for row in rows):
            return Arrangement(deque(written))
        late = self._late(written)
        cost, as_written = (len(late), len(written)), tuple(self._estimates(written, None))
        del written  # large for many rows
        held: frozenset[str] = frozenset()
        moved = Arrangement(deque())
        for _ in range(_REPLANS):
            leeway = self._leeway(align, held)
            requests = plan(rows, self.size_of, self.limits, leeway)
            moved = Arrangement(deque(requests), leeway, as_written)
            worse = self._late(requests) - late
            if not worse:
                return moved
            held |= worse
        if cost <= (len(self._late(moved.requests)), len(moved.requests)):
            return Arrangement(deque(plan(rows, self.size_of, self.limits)))
        return moved

    def forecast(
        self,
        rows: Sequence[Row],
        chosen: Arrangement,
        align: timedelta,
        *,
        media_files: int,
        beside: Sequence[PlannedRequest] = (),
    ) -> Forecast:
        """The cost of a plan with requests beside it, and the gain of moving dates in the plan."""
        own = self.moment.forecast(chosen.requests)
        by = align if chosen.as_written else None
        estimates = [*chosen.as_written, *self._estimates(chosen.requests, by, own)]
        if beside:
            coming = sorted([*beside, *chosen.requests], key=lambda request: request.deadline)
            own = self.moment.forecast(coming)
        if not chosen.as_written and not align and len(rows) <= SUGGESTED_UP_TO:
            suggested = self.arrange(rows, SUGGESTED).requests
            estimates += self._estimates(suggested, SUGGESTED)
        return msgspec.structs.replace(
            own,
            estimates=tuple(estimates),
            media_files=media_files,
        )

    def _estimates(
        self, requests: Sequence[PlannedRequest], by: timedelta | None, own: Forecast | None = None
    ) -> Iterator[Estimate]:
        """The cost of requests at the usual limit and, if known, at that of the key (`own`)."""
        limit_of_key = self.moment.ledger.window.limit
        for limit in sorted({USUAL_LIMIT, limit_of_key}):
            said = own if own and limit == limit_of_key else self.moment.forecast(requests, limit)
            yield Estimate(by, limit, said.requests, said.windows, said.finish, len(said.late))

    def _leeway(self, align: timedelta, held: frozenset[str]) -> Leeway:
        return Leeway(
            channel_of=lambda row: self.channels[row.ref].id,
            align=align,
            not_before=self.not_before,
            held=held,
        )

    def _late(self, requests: Sequence[PlannedRequest]) -> frozenset[str]:
        return frozenset(row.ref for row in self.moment.forecast(requests).late)
