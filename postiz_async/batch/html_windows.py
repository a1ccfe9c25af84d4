"""The chart of a report: how many create requests went into each window of the quota. PURE."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from postiz_async.delivery.history import Window

__all__ = ["MOST_BARS", "chart"]

MOST_BARS = 60
"""Bars at most; more windows are shown by day, week or 30 days."""

_WIDTH, _HEIGHT, _LEFT, _TOP, _FOOT = 1000, 190, 34, 18, 24
_OF_A_BAR, _SHORT = 90, 560
"""Width of a bar with its label in a chart of few; what of a chart fits on any screen."""

_LABELS = 10
"""Labels below the bars at most."""

_SPANS = ((1, "day"), (7, "week"), (30, "30 days"), (365, "year"))


class _Bar(NamedTuple):
    label: str
    says: str
    requests: int


def chart(found: Sequence[Window], limit: int | None, zone: tzinfo | None) -> str:
    """An SVG with a bar for each window, or for each day and more if there are many.

    Args:
        found: the windows, oldest first; at least one.
        limit: requests of a window, if it is known.
        zone: in which moments are shown; None for the machine's.
    """
    bars, per = _bars(found, zone)
    line = limit if per == "window" else None
    top = max([bar.requests for bar in bars] + ([line] if line else []))
    whole = max(300, min(_WIDTH, _LEFT + _OF_A_BAR * len(bars)))
    room, step = _HEIGHT - _TOP - _FOOT, (whole - _LEFT) / len(bars)
    width = min(60.0, step * 0.8)
    base = _TOP + room
    parts = [f'<line x1="{_LEFT}" x2="{whole}" y1="{base}" y2="{base}"/>']
    if line:
        y = base - room * line / top
        parts.append(f'<line class="limit" x1="{_LEFT}" x2="{whole}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{line}</text>')
    every = -(-len(bars) // _LABELS)
    for number, bar in enumerate(bars):
        height, x = room * bar.requests / top, _LEFT + step * (number + 0.5)
        parts.append(
            f'<g><title>{bar.says}</title><rect x="{x - width / 2:.1f}" '
            f'y="{base - height:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2"/>'
        )
        if width >= 14:
            parts.append(
                f'<text class="value" x="{x:.1f}" y="{base - height - 4:.1f}" '
                f'text-anchor="middle">{bar.requests:,}</text>'
            )
        parts.append("</g>")
        if number % every == 0:
            parts.append(
                f'<text x="{x:.1f}" y="{_HEIGHT - 7}" text-anchor="middle">{bar.label}</text>'
            )
    return (
        f'<div class="wide"><svg class="chart{"" if whole <= _SHORT else " long"}" role="img" '
        f'width="{whole}" height="{_HEIGHT}" viewBox="0 0 {whole} {_HEIGHT}" '
        f'aria-label="Create requests by {per}">{"".join(parts)}</svg></div>'
    )


def _bars(found: Sequence[Window], zone: tzinfo | None) -> tuple[list[_Bar], str]:
    if len(found) <= MOST_BARS:
        starts = [datetime.fromtimestamp(window.start, zone) for window in found]
        days = len({start.date() for start in starts})
        return [
            _Bar(
                f"{start:%H:%M}" if days == 1 else f"{start.day} {start:%b %H:%M}",
                f"{start:%a} {start.day} {start:%b %Y %H:%M}: {_says(window)}",
                window.requests,
            )
            for start, window in zip(starts, found, strict=True)
        ], "window"
    first = datetime.fromtimestamp(found[0].start, zone).date()
    ages = [(datetime.fromtimestamp(window.start, zone).date() - first).days for window in found]
    days, name = next(
        (each for each in _SPANS if ages[-1] // each[0] < MOST_BARS), (ages[-1], "campaign")
    )
    sums = [[0, 0] for _ in range(ages[-1] // days + 1)]
    for age, window in zip(ages, found, strict=True):
        sums[age // days][0] += window.requests
        sums[age // days][1] += window.rows
    return [
        _Bar(
            f"{(start := first + timedelta(days=number * days)).day} {start:%b}",
            f"{name} from {start.day} {start:%b %Y}: {requests:,} requests, {rows:,} posts",
            requests,
        )
        for number, (requests, rows) in enumerate(sums)
    ], name


def _says(window: Window) -> str:
    return f"{window.requests:,} requests, {window.rows:,} posts"
