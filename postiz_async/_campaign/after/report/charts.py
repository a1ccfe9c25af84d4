"""Tables of a report as charts: a calendar of posts, and the requests of each window. PURE.

The calendar stays small whatever the campaign: long spans are shown by week or month, and channels
beyond the busiest in one column.
"""

from __future__ import annotations

import html
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

from postiz_async._campaign.after.report import KINDS, RowLabel
from postiz_async._campaign.after.report.data import WindowUse
from postiz_async._content.split import safe_cuts

MOST_SPANS = 31
"""Lines of requests at most; if there are more windows, a line is a day, a week or longer."""

_SPANS = ((1, "day"), (7, "week"), (30, "30 days"), (365, "year"))


class _Span(NamedTuple):
    label: str
    requests: int
    posts: int


def requests_table(found: Sequence[WindowUse], limit: int | None, zone: tzinfo | None) -> str:
    """An HTML table with a bar for each window, or for longer spans if there are many.

    Args:
        found: the windows, oldest first; at least one.
        limit: requests of a window, if it is known.
        zone: in which moments are shown; None for the machine's.
    """
    spans, per = _spans(found, zone)
    limit = limit if per == "window" else None
    top = max(limit or 0, *(span.requests for span in spans))
    line = f' style="--limit:{limit / top:.1%}"' if limit else ""
    lines = "".join(
        f'<tr><th scope="row">{span.label}</th><td class="n">{span.requests:,}</td>'
        f'<td class="n">{span.posts:,}</td>'
        f'<td><i style="width:{span.requests / top:.1%}"></i></td></tr>'
        for span in spans
    )
    return (
        f'<table class="uses"{line} aria-label="Requests by {per}"><thead><tr>'
        f'<th scope="col">{per}</th><th scope="col" class="n">requests</th>'
        f'<th scope="col" class="n">posts</th><td></td></tr></thead><tbody>{lines}</tbody></table>'
    )


def _spans(found: Sequence[WindowUse], zone: tzinfo | None) -> tuple[list[_Span], str]:
    starts = [datetime.fromtimestamp(window.start, zone) for window in found]
    if len(found) <= MOST_SPANS:
        return [
            _Span(f"{start.day} {start:%b %H:%M}", window.requests, window.rows)
            for start, window in zip(starts, found, strict=True)
        ], "window"
    first = starts[0].date()
    ages = [(start.date() - first).days for start in starts]
    days, name = next(
        (each for each in _SPANS if ages[-1] // each[0] < MOST_SPANS), (ages[-1], "campaign")
    )
    sums = [[0, 0] for _ in range(ages[-1] // days + 1)]
    for age, window in zip(ages, found, strict=True):
        sums[age // days][0] += window.requests
        sums[age // days][1] += window.rows
    return [
        _Span(f"{(start := first + timedelta(days=number * days)).day} {start:%b %Y}", *both)
        for number, both in enumerate(sums)
    ], name


_CONTROL = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160), 0xFFFE, 0xFFFF], "\ufffd")


def safe(text: str) -> str:
    """Escape a text for an element or a quoted attribute."""
    return html.escape(text.translate(_CONTROL))


def cut(text: str, length: int) -> str:
    """Escape a text for an element, on one line of at most `length` characters.

    The text cannot change the direction of writing after itself.
    """
    line = _short(text, length)
    return f"<bdi>{line}</bdi>" if line else ""


def _short(text: str, length: int) -> str:
    line = " ".join(text.split())
    if len(line) <= length:
        return safe(line)
    most, cuts = length - 1, (0, *safe_cuts(line[: length + 1]))
    end = max((each for each in cuts if most - _LONGEST_SIGN < each <= most), default=most)
    space = line.rfind(" ", end - _LONGEST_WORD, end + 1)
    return safe(line[: space if space > 0 else end].rstrip() + "…")


_LONGEST_WORD = 20
"""Characters that a line may lose so that it is not cut within a word."""
_LONGEST_SIGN = 30
"""Characters of an emoji at most; longer sequences are cut anywhere."""


MOST_LINES = 100
"""Lines of a calendar at most; longer spans are shown by week, then by month."""

MOST_CHANNELS = 24
"""Columns of channels at most; the others share one."""

_MANY, _FEW = 8, 2
"""Numbers of channels: above the first their names are vertical; the second is for telephones."""

_NAME = 60
"""Characters of a channel's name, at most."""

_GAP = 3
"""Empty days in a row above which they become one line."""


class CalendarEntry(NamedTuple):
    """A post in the calendar."""

    day: date
    channel: str
    kind: RowLabel


_Cells = dict[date, dict[str, Counter[str]]]


def calendar(entries: Sequence[CalendarEntry], *, anchors: bool) -> str:
    """A calendar as an HTML table.

    Args:
        entries: the posts.
        anchors: whether days are links to `#d-2027-01-15`.
    """
    unit = _unit({entry.day for entry in entries})
    busiest = Counter(entry.channel for entry in entries).most_common(MOST_CHANNELS)
    shown = sorted((channel for channel, _ in busiest), key=_natural)
    others = len({entry.channel for entry in entries}) - len(shown)
    columns = [*shown, f"{others:,} others"] if others else shown
    kept = set(shown)
    cells: _Cells = defaultdict(lambda: defaultdict(Counter))
    for entry in entries:
        column = entry.channel if entry.channel in kept else columns[-1]
        cells[_start(entry.day, unit)][column][entry.kind.name] += 1
    many = " many" if len(columns) > _MANY else " some" if len(columns) > _FEW else ""
    many += " cut" if others else ""
    head = "".join(
        f'<th scope="col" title="{safe(name)}"><span dir="auto">{_short(name, _NAME)}</span></th>'
        for name in columns
    )
    lines = "".join(_lines(cells, columns, unit, anchors))
    return (
        f'<div class="wide"{_scrolls(columns)}><table class="cal{many}" '
        f'aria-label="Posts by {unit} and channel"><thead><tr><th scope="col">{unit}</th>{head}'
        f"</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _scrolls(columns: Sequence[str]) -> str:
    """HTML attributes that let a keyboard scroll an element sideways, where needed."""
    return ' role="region" aria-label="Calendar" tabindex="0"' if len(columns) > _FEW else ""


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """A sort key that puts `channel 2` before `channel 10`."""
    parts = re.split(r"(\d{1,18})", name.casefold())
    return [
        (not place % 2, int(part) if place % 2 else 0, part) for place, part in enumerate(parts)
    ]


def _unit(days: Iterable[date]) -> str:
    first, last = min(days), max(days)
    span = (last - first).days + 1
    if span <= MOST_LINES:
        return "day"
    return "week" if span <= 7 * MOST_LINES else "month"


def _start(day: date, unit: str) -> date:
    if unit == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if unit == "week" else day


def _lines(cells: _Cells, columns: Sequence[str], unit: str, anchors: bool) -> Iterator[str]:  # noqa: FBT001
    if unit != "day":
        for start in sorted(cells):
            label = f"{start:%B %Y}" if unit == "month" else f"{start.day} {start:%b %Y}"
            yield _line(label, cells[start], columns)
        return
    month = ""
    for day in _with_gaps(sorted(cells)):
        if isinstance(day, int):
            yield _span(f"{day} days without posts", "gap", columns)
            continue
        if f"{day:%B %Y}" != month:
            month = f"{day:%B %Y}"
            yield _span(month, "month", columns)
        label = f"{day:%a} {day.day} {day:%b}"
        if anchors and day in cells:
            label = f'<a href="#d-{day.isoformat()}">{label}</a>'
        yield _line(label, cells.get(day, {}), columns, is_rest=day.weekday() > 4)


def _with_gaps(days: Sequence[date]) -> Iterator[date | int]:
    """The days with the gaps between them; a long gap is a number."""
    before = days[0] - timedelta(days=1)
    for day in days:
        missing = (day - before).days - 1
        if missing > _GAP:
            yield missing
        else:
            yield from (before + timedelta(days=n) for n in range(1, missing + 1))
        yield day
        before = day


def _line(
    label: str,
    counts: Mapping[str, Counter[str]],
    columns: Sequence[str],
    *,
    is_rest: bool = False,
) -> str:
    inner = "".join(f"<td>{_chips(counts.get(name))}</td>" for name in columns)
    rest = ' class="rest"' if is_rest else ""
    return f'<tr{rest}><th scope="row">{label}</th>{inner}</tr>'


def _span(text: str, kind: str, columns: Sequence[str]) -> str:
    return f'<tr class="{kind}"><th colspan="{len(columns) + 1}">{text}</th></tr>'


def _chips(counts: Mapping[str, int] | None) -> str:
    if not counts:
        return ""
    return "".join(_chip(kind, counts[name]) for name, kind in KINDS.items() if name in counts)


def _chip(kind: RowLabel, number: int) -> str:
    """A sign with a number, `✓ 3`, in the colour of its kind; its name for screen readers."""
    what = f"{number:,} {kind.name}"
    said = f"{kind.sign}&#8239;{number:,}<i> {kind.name}</i>"
    return f'<span class="chip {kind.tone}" title="{what}">{said}</span>'


def legend(names: Iterable[str]) -> str:
    """The signs that are used and what they mean."""
    used = set(names)
    signs = "".join(
        f'<span><span class="chip {kind.tone}" aria-hidden="true">{kind.sign}</span> '
        f"{kind.name}</span>"
        for name, kind in KINDS.items()
        if name in used
    )
    return f'<p class="legend">{signs}</p>'
