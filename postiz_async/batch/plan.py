"""Rows to requests, and when they will be done. PURE.

The scarce thing is the request, and one request carries many posts. Posts that share type,
date, tags, link shortening and repetition travel together, as far as a body of 100 KiB and the
time of one request allow. **Lower bound** means: the fewest requests under exactly these rules.
"""

from __future__ import annotations

import bisect
import heapq
import math
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from postiz_async import quota

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from postiz_async.batch.source import Row
    from postiz_async.quota import Ledger

__all__ = [
    "Forecast",
    "Limits",
    "PlannedRequest",
    "forecast",
    "limits_for",
    "lower_bound",
    "plan",
]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may carry: bytes of its body, and posts (the time it takes)."""

    body: int = 100_000
    """The server reads 102,400; the rest is a margin."""
    posts: int = 300


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """Rows that travel in one create request."""

    rows: tuple[Row, ...]

    @property
    def date(self) -> datetime:
        """The moment that all its rows share."""
        return self.rows[0].date

    @property
    def deadline(self) -> float:
        """When it has to have left, in seconds since the epoch; drafts can wait."""
        return math.inf if self.rows[0].type == "draft" else self.date.timestamp()


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a plan costs, if nobody else uses the key.

    `windows` counts the server's windows, the current one included. `finish` is when the last
    request leaves. `late` are the rows whose request cannot leave before their date.
    """

    requests: int
    posts: int
    limit: int
    limit_known: bool
    windows: int
    finish: datetime
    late: tuple[Row, ...]


_DEALS = 4
"""Numbers of requests, from the fewest on, that are tried when packing took more."""

_Key = tuple[object, ...]


def plan(
    rows: Iterable[Row], size_of: Callable[[Row], int], limits: Limits
) -> list[PlannedRequest]:
    """Put rows into the fewest requests, the most urgent request first.

    Args:
        rows: what is to be sent.
        size_of: bytes that a row adds to a body.
        limits: what a request may carry.
    """
    groups: defaultdict[_Key, list[Row]] = defaultdict(list)
    for row in rows:
        groups[_shared(row)].append(row)
    requests = [
        PlannedRequest(tuple(packed))
        for group in groups.values()
        for packed in _pack(group, size_of, limits_for(limits, group[0]))
    ]
    return sorted(requests, key=lambda r: (r.deadline, r.date, r.rows[0].number))


def lower_bound(rows: Iterable[Row], size_of: Callable[[Row], int], limits: Limits) -> int:
    """The number of requests below which no plan under the same limits can get."""
    groups: defaultdict[_Key, list[Row]] = defaultdict(list)
    for row in rows:
        groups[_shared(row)].append(row)
    return sum(
        _fewest([size_of(row) for row in group], limits_for(limits, group[0]))
        for group in groups.values()
    )


def _fewest(sizes: Sequence[int], limits: Limits) -> int:
    """Requests below which the posts of one group do not fit; what is too large goes alone."""
    body = max(1, limits.body)
    total = sum(min(size, body) for size in sizes)
    halves = sum(1 for size in sizes if size * 2 > body)
    most = max(1, min(limits.posts, body // max(1, min(sizes))))
    return max(math.ceil(total / body), math.ceil(len(sizes) / most), halves)


def limits_for(limits: Limits, row: Row) -> Limits:
    """Limits for the posts of the requests in which a row travels: they share its tags."""
    tags = sum(2 * len(msgspec.json.encode(tag)) + 24 for tag in row.tags)
    return replace(limits, body=limits.body - tags)


def _shared(row: Row) -> _Key:
    """What all posts of a request have in common."""
    return (row.type, row.date, row.short_link, frozenset(row.tags), row.repeat_days)


def _pack(rows: Sequence[Row], size_of: Callable[[Row], int], limits: Limits) -> list[list[Row]]:
    """Rows of one group into requests; the order of the file within each."""
    largest_first = sorted(rows, key=size_of, reverse=True)
    sizes = [size_of(row) for row in largest_first]
    packs = _best_fit(sizes, limits)
    fewest = _fewest(sizes, limits)
    for count in range(fewest, min(len(packs), fewest + _DEALS)):
        dealt = _deal(sizes, limits, count)
        if dealt is not None:
            packs = dealt
            break
    return [
        sorted((largest_first[place] for place in pack), key=lambda row: row.number)
        for pack in packs
    ]


def _best_fit(sizes: Sequence[int], limits: Limits) -> list[list[int]]:
    """Places of `sizes`, which fall, each into the fullest request that has room for it."""
    full: list[list[int]] = []
    packs: list[tuple[int, list[int]]] = []
    """Room left and places of those that can take more, the fullest first."""
    for place, size in enumerate(sizes):
        n = bisect.bisect_left(packs, size, key=_room)
        room, pack = packs.pop(n) if n < len(packs) else (limits.body, [])
        pack.append(place)
        if len(pack) < limits.posts and room - size >= sizes[-1]:
            bisect.insort(packs, (room - size, pack), key=_room)
        else:
            full.append(pack)
    return full + [pack for _, pack in packs]


def _room(pack: tuple[int, list[int]]) -> int:
    return pack[0]


def _deal(sizes: Sequence[int], limits: Limits, count: int) -> list[list[int]] | None:
    """Places of `sizes`, which fall, each into the emptiest of `count` requests, if all fit."""
    packs: list[list[int]] = [[] for _ in range(count)]
    emptiest = [(0, n) for n in range(count)]
    for place, size in enumerate(sizes):
        used, n = emptiest[0]
        if used + size > limits.body:
            return None
        packs[n].append(place)
        if len(packs[n]) < limits.posts:
            heapq.heapreplace(emptiest, (used + size, n))
            continue
        heapq.heappop(emptiest)
        if not emptiest:
            return packs if place == len(sizes) - 1 else None
    return packs


def forecast(
    requests: Sequence[PlannedRequest], ledger: Ledger, now: float, wall: float
) -> Forecast:
    """When a plan will be done and what will be late.

    Args:
        requests: in the order in which they will be sent.
        ledger: the quota as it is known.
        now: monotonic seconds.
        wall: the same moment in seconds since the epoch.
    """
    leaves = [quota.forecast(ledger, now, place) for place in range(len(requests))]
    late = tuple(
        row
        for request, moment in zip(requests, leaves, strict=True)
        if moment - now + wall > request.deadline and request.rows[0].type != "now"
        for row in request.rows
    )
    finish = leaves[-1] - now + wall if leaves else wall
    return Forecast(
        requests=len(requests),
        posts=sum(len(request.rows) for request in requests),
        limit=ledger.limit,
        limit_known=ledger.limit_read,
        windows=len({round(moment) for moment in leaves}),
        finish=datetime.fromtimestamp(finish, UTC),
        late=late,
    )
