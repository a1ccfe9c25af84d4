"""The report of a campaign as an HTML page: one file, without scripts and external resources.

It works offline, in print, in light and dark mode, and stays small: of a large campaign it lists
the rows that need attention. Texts of posts, files and servers are escaped.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from importlib.resources import files
from string import Template
from typing import NamedTuple
from zoneinfo import ZoneInfo

from postiz_async._campaign.after.report import KINDS, Report, results_of
from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._campaign.read.rows import SaidRow
from postiz_async._content import plain_text
from postiz_async._content.split import safe_cuts

MOST_ROWS = 1_000
"""Rows that are listed; of a larger campaign only those that need attention."""

MOST_CHANNELS = 40
"""Channels with a line of their own in the timeline."""

_STEPS = 60
"""Bars of a line in the timeline, at most."""

_TEXT, _WHY = 90, 300
"""Characters shown of a text, and of a reason."""

_TONES = ("bad", "doubt", "warn", "good", "out", "open")
"""The most urgent first; a bar has the one of its most urgent post."""

_BEGINNING = 1_000
"""Characters of a text that are looked at."""


class _Shown(NamedTuple):
    """A row, with its date in the zone of the page. `kinds` are its state and its finding."""

    number: int | None
    date: datetime | None
    channel: str
    kinds: list[str]
    reason: str
    link: str
    record: RowRecord | None

    @property
    def needs_attention(self) -> bool:
        return any(KINDS[kind].advice for kind in self.kinds)


def html_page(
    report: Report,
    *,
    campaign: str,
    server: str,
    made_at: datetime,
    zone: tzinfo | None = None,
    remarks: Iterable[str] = (),
) -> str:
    """Make the page of a report.

    Args:
        report: the outcome of the campaign.
        campaign: its name.
        server: the address of Postiz.
        made_at: now, with a time zone.
        zone: the time zone of the dates; None for the machine's.
        remarks: remarks about the run as a whole.
    """
    made_at = made_at.astimezone(zone)
    named = made_at.tzinfo.key if isinstance(made_at.tzinfo, ZoneInfo) else f"{made_at:%Z}"
    entries = list(_entries(report, zone))
    found = Counter(kind for entry in entries for kind in entry.kinds)
    page = files("postiz_async._campaign.after.report") / "report.html"
    return Template(page.read_text(encoding="utf-8")).substitute(
        title=_safe(f"{campaign}: campaign report"),
        campaign=_safe(campaign),
        server=_safe(server),
        made=_moment(made_at),
        zone=_safe(named),
        counts=_counts(entries) or "The campaign has no rows yet.",
        requests=_counted(report.requests, "create request"),
        remarks="".join(f"<p><bdi>{_safe(remark)}</bdi></p>" for remark in remarks),
        advice="".join(_advice(found)) or "<p>Nothing: every row is as it should be.</p>",
        timeline=_timeline(entries) if entries else "",
        rows=_rows(entries) if entries else "",
    )


def _entries(report: Report, zone: tzinfo | None) -> Iterator[_Shown]:
    records = {row.ref: row for row in report.rows}
    names: dict[str, str] = {}  # rows may write one channel in different ways
    for row in results_of(report):
        date = None if row.date is None else row.date.astimezone(zone)
        record = records.get(row.ref)
        channel, kinds = row.channel, [row.state]
        if record is not None:
            channel = names.setdefault(record.channel, channel)
            kinds += {record.finding.value} - {"", row.state}
        yield _Shown(row.number, date, channel, kinds, row.reason, row.link, record)


def _counts(entries: Iterable[_Shown]) -> str:
    """The number of rows in each state."""
    found = Counter(entry.kinds[0] for entry in entries)
    return " ".join(_chip(kind, found[kind]) for kind in KINDS if kind in found)


def _advice(found: Mapping[str, int]) -> Iterator[str]:
    """What to do about each kind of trouble, the most urgent first."""
    for kind in sorted(KINDS, key=lambda kind: _TONES.index(KINDS[kind].tone)):
        if kind in found and KINDS[kind].advice:
            yield f"<p>{_chip(kind, found[kind])} {_safe(KINDS[kind].advice)}</p>"


# ------------------------------------------------------------------ timeline


def _timeline(entries: Sequence[_Shown]) -> str:
    """A table with a line for each channel: its numbers, and a bar for each part of the time."""
    dated = [(entry.date, entry) for entry in entries if entry.date is not None]
    if not dated:
        return ""
    first, last = min(date for date, _ in dated), max(date for date, _ in dated)
    per_step = (last - first) / _STEPS
    busiest = dict(Counter(entry.channel for _, entry in dated).most_common(MOST_CHANNELS))
    lanes: dict[str, dict[int, list[_Shown]]] = {}
    for date, entry in dated:
        step = min(int((date - first) / per_step), _STEPS - 1) if per_step else 0
        lane = lanes.setdefault(entry.channel if entry.channel in busiest else "", {})
        lane.setdefault(step, []).append(entry)
    most = max(len(each) for lane in lanes.values() for each in lane.values())
    lines = "".join(
        f'<tr><th scope="row">{_cut(name, _TEXT) or "all other channels"}</th><td>'
        f'<div class="bars">{"".join(_bars(lane, most))}</div>'
        f"{_counts(entry for step in lane.values() for entry in step)}</td></tr>"
        for name, lane in sorted(lanes.items(), key=lambda each: -busiest.get(each[0], 0))
    )
    span = " to ".join(dict.fromkeys(f"{date.day} {date:%B %Y}" for date in (first, last)))
    return (
        '<section><h2>Timeline</h2><table class="lanes"><thead><tr><th scope="col">channel</th>'
        f'<th scope="col">{span}</th></tr></thead><tbody>{lines}</tbody></table></section>'
    )


def _bars(lane: Mapping[int, Sequence[_Shown]], most: int) -> Iterator[str]:
    for step, entries in sorted(lane.items()):
        tone = min((KINDS[entry.kinds[0]].tone for entry in entries), key=_TONES.index)
        place = f"left:{step / _STEPS:.1%};height:{max(len(entries) / most, 0.15):.0%}"
        yield f'<i class="{tone}" style="{place}"></i>'


# ------------------------------------------------------------------ rows

_COLUMNS = ("row", "date", "channel", "text", "state")


def _rows(entries: Sequence[_Shown]) -> str:
    """A table of the rows by date.

    The roles keep it a table for screen readers: some browsers drop this when cells are blocks.
    """
    shown, title = list(entries), "Rows by date"
    if len(shown) > MOST_ROWS:
        shown, title = [entry for entry in shown if entry.needs_attention], "Rows to look at"
    shown.sort(key=lambda entry: (entry.date is None, entry.date, entry.number or 0))
    heads = "".join(
        f'<th scope="col" role="columnheader" class="{name}">{name}</th>' for name in _COLUMNS
    )
    lines = "".join(map(_line, shown[:MOST_ROWS]))
    note = "" if len(shown) == len(entries) else "<p>The result CSV has all rows.</p>"
    return (
        f'<section><h2>{title}</h2><table class="rows" role="table"><thead role="rowgroup">'
        f'<tr role="row">{heads}</tr></thead><tbody role="rowgroup">{lines}</tbody></table>'
        f"{note}</section>"
    )


def _line(entry: _Shown) -> str:
    state = " ".join(map(_chip, entry.kinds))
    link = entry.link.partition(",")[0].strip()
    if link.startswith(("https://", "http://")):
        of = f'<i class="unseen"> row {entry.number}</i>'
        state += f' <a href="{_safe(link)}" rel="noopener noreferrer">open{of}</a>'
    cells = (
        "" if entry.number is None else str(entry.number),
        "" if entry.date is None else _moment(entry.date),
        _cut(entry.channel, _TEXT),
        "" if entry.record is None else _cut(_text(entry.record), _TEXT),
        f"{state} {_cut(entry.reason, _WHY)}",
    )
    shown = "".join(
        f'<td role="cell" data-label="{name}">{cell}</td>'
        for name, cell in zip(_COLUMNS, cells, strict=True)
    )
    return f'<tr role="row">{shown}</tr>'


def _text(row: RowRecord) -> str:
    """The beginning of what was sent of a row, or would be, as readers see it."""
    if not row.said:
        return ""
    said = SaidRow.read(row.said)
    text = said.content[:_BEGINNING]
    return plain_text(text) if said.format == "html" else text


# ------------------------------------------------------------------ texts


def _chip(kind: str, number: int | None = None) -> str:
    shown = kind if number is None else f"{number:,} {kind}"
    return f'<span class="chip {KINDS[kind].tone}">{shown}</span>'


def _counted(number: int, noun: str) -> str:
    """A number with its noun: `1 post`, `2,480 posts`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _moment(at: datetime) -> str:
    return f"{at:%a} {at.day} {at:%b %Y %H:%M}"


_CONTROL = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160), 0xFFFE, 0xFFFF], "\ufffd")


def _safe(text: str) -> str:
    """Escape a text for an element or a quoted attribute."""
    return html.escape(text.translate(_CONTROL))


def _cut(text: str, length: int) -> str:
    """Escape a text for an element, on one line of at most `length` characters.

    The text cannot change the direction of writing after itself.
    """
    line = " ".join(text.split())
    if len(line) > length:
        cuts = (each for each in safe_cuts(line[: length + 1]) if each < length)
        line = line[: max(cuts, default=length - 1)].rstrip() + "…"
    return f"<bdi>{_safe(line)}</bdi>" if line else ""
