"""Move dates a little, so that more posts share a request. PURE.

The problem
    Each row has a span in which its date may lie, a channel and a size. A request has
    one date, which lies in the spans of all its rows. Rows of one channel share a request only if
    they have one date anyway. Wanted are the fewest requests.

What is optimal
    `_cover` serves the span that ends first and takes with it what ends next in each channel.
    An exchange of rows shows that nothing needs fewer requests, as long as either the channels or
    the number of posts is what limits a request. With sizes it is bin packing, which is hard;
    `benchmarks/plan.py` compares with the optimum.

Seconds since the epoch, whole ones, throughout.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import TypeAlias

import msgspec

from postiz_async._campaign.plan.packing import Limits, pack

_MAX_SKIPPED = 64
"""Rows in a row that do not fit before a request counts as full."""

_MINUTE = 60
_MINUTES_AROUND = 10
"""Minutes around the best date in which a date is searched that is free on each channel."""


_Taken: TypeAlias = defaultdict[str, dict[int, int]]
"""The campaign's date of the row at a minute, by channel and minute."""


class Span(msgspec.Struct, frozen=True, order=True, gc=False):
    """The range of dates of a row, ordered by urgency.

    `number` is the row's place among those of a plan, `date` its present date.
    """

    last: int
    date: int
    number: int
    first: int
    size: int
    channel: str


_by_date = attrgetter("date", "number")


def tightened(spans: Iterable[Span]) -> list[Span]:
    """Give rows of one channel and date the intersection of their spans, to keep them together."""
    # one key after the other: tuples of them, or a dict of groups, would take more than the spans
    ordered = sorted(spans, key=attrgetter("date"))
    ordered.sort(key=attrgetter("channel"))
    groups = itertools.groupby(ordered, attrgetter("channel", "date"))
    tight: list[Span] = []
    for _, found in groups:
        group = list(found)
        if len(group) > 1:
            first, last = _window(group)
            group = [msgspec.structs.replace(span, first=first, last=last) for span in group]
        tight += group
    return tight


def arrange(spans: Iterable[Span], limits: Limits) -> list[list[Span]]:
    """Group spans (tightened) into requests; the spans of a request overlap."""
    requests: list[list[Span]] = []
    for cluster in _clusters(spans):
        requests += _packed(cluster, limits) if _is_fixed(cluster) else _cover(cluster, limits)
    return requests


# ------------------------------------------------------------------ clusters


def _clusters(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """Clusters of spans that overlap, directly or through others; clusters are independent.

    The spans of a cluster are in order of their beginning.
    """
    cluster: list[Span] = []
    until = -math.inf
    ordered = sorted(spans, key=attrgetter("number"))
    ordered.sort(key=attrgetter("first"))
    for span in ordered:
        if cluster and span.first > until:
            yield cluster
            cluster = []
        until = max(until, span.last) if cluster else span.last
        cluster.append(span)
    if cluster:
        yield cluster


def _is_fixed(cluster: Sequence[Span]) -> bool:
    """Whether all rows of a cluster have one date, so that no date has to be chosen."""
    return len({span.date for span in cluster}) == 1


def _packed(spans: Sequence[Span], limits: Limits) -> list[list[Span]]:
    ordered = sorted(spans, key=_by_date)
    places = pack([span.size for span in ordered], limits)
    return [[ordered[place] for place in request] for request in places]


# ------------------------------------------------------------------ covering


def _cover(spans: Sequence[Span], limits: Limits) -> list[list[Span]]:
    """Serve the span that ends first, together with the next to end on each other channel.

    Args:
        spans: the spans of a cluster, in order of their beginning.
        limits: the limits of a request.
    """
    waiting = _Waiting(spans)
    requests: list[list[Span]] = []
    for span in sorted(spans):
        if not waiting.was_served(span):
            waiting.release(span.last)
            requests.append(waiting.serve(limits))
            while not waiting.was_served(span):
                requests.append(waiting.serve(limits))
    return requests


class _Waiting:
    """Spans that have begun, by channel, the most urgent first.

    Args:
        spans: the spans of a cluster, in order of their beginning.
    """

    def __init__(self, spans: Sequence[Span]) -> None:
        self._coming = [*reversed(spans)]
        self._channels: defaultdict[str, list[Span]] = defaultdict(list)
        self._heads: list[Span] = []
        """A heap with the first span of each channel; it may contain outdated entries."""
        self._served: set[int] = set()
        """Numbers of served spans that `was_served` has not reported yet."""

    def was_served(self, span: Span) -> bool:
        """Whether a span was served; reported only once, to free memory."""
        if span.number not in self._served:
            return False
        self._served.remove(span.number)
        return True

    def release(self, moment: int) -> None:
        """Add the spans that have begun at a moment."""
        while self._coming and self._coming[-1].first <= moment:
            span = self._coming.pop()
            channel = self._channels[span.channel]
            heapq.heappush(channel, span)
            if channel[0] is span:
                heapq.heappush(self._heads, span)

    def serve(self, limits: Limits) -> list[Span]:
        """Form one request: rows of one date from each channel, as many as fit."""
        request: list[Span] = []
        room, skipped = limits.body, 0
        seen: dict[str, list[Span]] = {}
        while self._heads and len(request) < limits.posts and skipped < _MAX_SKIPPED:
            head = heapq.heappop(self._heads)
            channel = self._channels[head.channel]
            if head.channel in seen or not channel or channel[0] is not head:
                continue
            seen[head.channel] = channel
            taken = _take(channel, room, limits.posts - len(request), is_first=not request)
            skipped = 0 if taken else skipped + 1
            room -= sum(span.size for span in taken)
            request.extend(taken)
        for channel in seen.values():
            if channel:
                heapq.heappush(self._heads, channel[0])
        self._served.update(span.number for span in request)
        return request


def _take(channel: list[Span], room: int, most: int, *, is_first: bool) -> list[Span]:
    """Rows of a channel's first date that fit; the first row of a request always fits."""
    taken: list[Span] = []
    date = channel[0].date
    while channel and channel[0].date == date and len(taken) < most:
        if channel[0].size > room and not (is_first and not taken):
            break
        span = heapq.heappop(channel)
        room -= span.size
        taken.append(span)
    return taken


# ------------------------------------------------------------------ where in its spans


def _window(spans: Sequence[Span]) -> tuple[int, int]:
    """The intersection of all spans: first and last moment."""
    return max(span.first for span in spans), min(span.last for span in spans)


def _middle(spans: Sequence[Span]) -> int:
    """The date that moves rows least: the date of one of the rows, if all can move there."""
    if len(spans) == 1:
        return spans[0].date
    first, last = _window(spans)
    dates = sorted(span.date for span in spans)
    median = dates[len(dates) // 2]
    real = [date for date in dates if first <= date <= last]
    if real:
        return min(real, key=lambda date: abs(date - median))
    return min(max(median, first), last)


def date_all(requests: Sequence[list[Span]]) -> list[int]:
    """Choose the date of each request.

    Rows of one channel with different dates get different minutes, if there is such a minute in
    their spans near the date that moves them least.
    """
    dates = [_middle(spans) for spans in requests]
    taken: _Taken = defaultdict(dict)
    free: list[int] = []
    for n, spans in enumerate(requests):
        if all(span.date == dates[n] for span in spans):
            _take_minute(taken, spans, dates[n])
        else:
            free.append(n)
    for n in sorted(free, key=dates.__getitem__):
        options = _options(requests[n], dates[n])
        fits = (date for date in options if _is_free(taken, requests[n], date))
        dates[n] = next(fits, dates[n])
        _take_minute(taken, requests[n], dates[n])
    return dates


def _options(spans: Sequence[Span], best: int) -> Iterator[int]:
    """Possible dates of a request, the best first."""
    yield best
    first, last = _window(spans)
    real = {span.date for span in spans if first <= span.date <= last}
    yield from sorted(real, key=lambda date: (abs(date - best), date))
    for step in range(1, _MINUTES_AROUND + 1):
        for date in (best - step * _MINUTE, best + step * _MINUTE):
            if first <= date <= last:
                yield date
    yield first
    yield last


def _is_free(taken: _Taken, spans: Sequence[Span], date: int) -> bool:
    minute = date // _MINUTE
    return all(taken[span.channel].get(minute, span.date) == span.date for span in spans)


def _take_minute(taken: _Taken, spans: Sequence[Span], date: int) -> None:
    minute = date // _MINUTE
    for span in spans:
        taken[span.channel].setdefault(minute, span.date)
