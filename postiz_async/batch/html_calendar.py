"""The calendar of a report: days down, channels across, what became of the posts in the cells.

It stays small whatever the campaign: long spans are shown by week or month, and channels beyond
the busiest in one column. PURE.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from postiz_async.batch.html_text import cut, safe
from postiz_async.batch.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from postiz_async.batch.kinds import RowLabel

__all__ = ["LONGEST", "MOST_CHANNELS", "CalendarEntry", "calendar", "chip", "legend"]

LONGEST = 100
"""Lines of a calendar at most; what is longer is shown by week, then by month."""

MOST_CHANNELS = 24
"""Columns of channels at most; the others share one."""

_MANY = 8
"""Channels above which their names stand upright."""

_NAME = 60
"""Characters of a channel's name."""

_GAP = 3
"""Empty days in a row above which they are one line."""


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
    many = " many" if len(columns) > _MANY else ""
    many += " cut" if others else ""
    head = "".join(
        f'<th scope="col" title="{safe(name)}"><span>{cut(name, _NAME)}</span></th>'
        for name in columns
    )
    lines = "".join(_lines(cells, columns, unit, anchors))
    return (
        f'<div class="wide"><table class="cal{many}"><thead><tr><th scope="col">{unit}</th>{head}'
        f"</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """A key by which `channel 2` comes before `channel 10`."""
    parts = re.split(r"(\d{1,18})", name.casefold())
    return [
        (not place % 2, int(part) if place % 2 else 0, part) for place, part in enumerate(parts)
    ]


def _unit(days: Iterable[date]) -> str:
    first, last = min(days), max(days)
    span = (last - first).days + 1
    if span <= LONGEST:
        return "day"
    return "week" if span <= 7 * LONGEST else "month"


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
    """The days with those between them; of many the number."""
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
    return "".join(chip(kind, counts[name]) for name, kind in KINDS.items() if name in counts)


def chip(kind: RowLabel, number: int) -> str:
    """`✓ 3` in the colour of the kind."""
    what = f"{number:,} {kind.name}"
    return f'<span class="chip {kind.tone}" title="{what}">{kind.sign}&#8239;{number:,}</span>'


def legend(names: Iterable[str]) -> str:
    """The signs that are used and what they mean."""
    used = set(names)
    signs = "".join(
        f'<span><span class="chip {kind.tone}">{kind.sign}</span> {kind.name}</span>'
        for name, kind in KINDS.items()
        if name in used
    )
    return f'<p class="legend">{signs}</p>'
