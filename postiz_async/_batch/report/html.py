"""A page that tells what became of a campaign: one file, without scripts and outside resources.

It works from a file, in print, in light and dark, and stays small: what would grow with the
campaign is summed up, cut at the limits below, or left to the result CSV. Whatever comes from a
post, a file or a server is escaped. PURE.
"""

from __future__ import annotations

import html
from collections import Counter
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from postiz_async._batch.report import make_report
from postiz_async._batch.report.charts import (
    MOST_BARS,
    CalendarEntry,
    calendar,
    chart,
    chip,
    cut,
    legend,
    safe,
)
from postiz_async._batch.report.data import windows
from postiz_async._batch.report.figures import figures_section
from postiz_async._batch.report.labels import KINDS, findings, kind_of
from postiz_async._delivery.journal_file import RowState
from postiz_async.errors import describe_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from postiz_async._batch.report.data import Facts, WindowUse
    from postiz_async._batch.report.labels import RowLabel
    from postiz_async._delivery.journal_file import RowRecord

__all__ = ["LISTED", "TROUBLES", "html_report"]

TROUBLES = 50
"""Rows that are listed of each kind of trouble; of the others their number is told."""

LISTED = 1_000
"""Posts up to which a campaign is listed one by one."""

_FEW, _REASONS = 12, 8
"""Rows up to which a kind of trouble is unfolded, and reasons that are counted of more."""

_TEXT, _WHY = 90, 400
"""Characters that are shown of a text of a post, and of a reason."""

_DONE = (RowState.STORED, RowState.PUBLISHED)
_OPEN = (RowState.PLANNED, RowState.SENDING, RowState.UNKNOWN)
_ALWAYS = (RowState.STORED, RowState.REFUSED, RowState.LATE, RowState.UNDECIDED)
"""Counts that are shown even when they are none."""

_URGENCY = ("bad", "doubt", "warn", "open")
"""Tones of troubles, the worst first."""


def html_report(facts: Facts) -> str:
    """The page."""
    dates = [row.date for row in facts.rows]
    parts = [_overview(facts), _troubles(facts)]
    if facts.rows:
        parts.append(_calendar(facts))
    if facts.sent:
        parts.append(_quota(facts))
    if facts.figures is not None:
        parts.append(figures_section(facts, facts.figures))
    if 0 < len(facts.rows) <= LISTED:
        parts.append(_posts(facts))
    return _page().substitute(
        title=safe(f"{facts.campaign}: campaign report"),
        style=_style(),
        campaign=safe(facts.campaign),
        server=safe(facts.server),
        range=_range(facts, min(dates), max(dates)) if dates else "no posts",
        made=facts.moment(facts.made_at),
        zone=safe(_zone_name(facts)),
        version=safe(version("postiz-async")),
        main="\n".join(parts),
    )


@cache
def _page() -> Template:
    return Template((files("postiz_async._batch") / "report.html").read_text(encoding="utf-8"))


@cache
def _style() -> str:
    return (files("postiz_async._batch") / "report.css").read_text(encoding="utf-8").strip()


# ------------------------------------------------------------------ texts


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _range(facts: Facts, first: float, last: float) -> str:
    start, end = facts.at(first), facts.at(last)
    if start.date() == end.date():
        return f"{end.day} {end:%B %Y}"
    month = "" if (start.year, start.month) == (end.year, end.month) else f" {start:%B}"
    year = "" if start.year == end.year else f" {start:%Y}"
    return f"{start.day}{month}{year} to {end.day} {end:%B %Y}"


def _zone_name(facts: Facts) -> str:
    at = facts.at(facts.made_at)
    return at.tzinfo.key if isinstance(at.tzinfo, ZoneInfo) else f"{at:%Z}"


# ------------------------------------------------------------------ at a glance


def _overview(facts: Facts) -> str:
    kinds = Counter(kind_of(row).name for row in facts.rows)
    states = Counter(row.state for row in facts.rows)
    share = "".join(
        f'<i class="{KINDS[name].tone}" style="flex:{kinds[name]}" '
        f'title="{kinds[name]:,} {name}"></i>'
        for name in KINDS
        if kinds[name]
    )
    tiles = "".join(_tiles(facts, kinds, states))
    notes = [*_moved(facts), *facts.remarks]
    remarks = "".join(f'<p class="note">{safe(note)}</p>' for note in notes)
    return (
        f'<section aria-label="At a glance"><p class="verdict">{_verdict(facts, states)}</p>'
        f'<div class="share" aria-hidden="true">{share}</div>'
        f'<div class="tiles">{tiles}</div>{remarks}</section>'
    )


def _moved(facts: Facts) -> Iterator[str]:
    """What aligning dates did, if it did anything."""
    moved = make_report(facts.rows, 0).moved()
    if moved:
        by = max(abs(row.date - (row.moved_from or row.date)) for row in moved)
        posts = _count(len(moved), "post")
        yield f"{posts} moved to share requests, by {describe_seconds(by)} at most."


def _verdict(facts: Facts, states: Mapping[RowState, int]) -> str:
    total, done = len(facts.rows), sum(states[state] for state in _DONE)
    waiting = sum(states[state] for state in _OPEN)
    if not total:
        return "The campaign has no rows yet."
    if done == total:
        said = "The post is stored" if total == 1 else f"All {total:,} posts are stored"
    else:
        said = f"{done:,} of {_count(total, 'post')} stored"
    out = states[RowState.PUBLISHED]
    said += f", {out:,} of them published." if 0 < out < total else "."
    if out == total:
        said = "The post is published." if total == 1 else f"All {total:,} posts are published."
    if waiting:
        said += f" {waiting:,} still to be sent: run the same command again to go on."
    needing = sum(bool(findings(row)) for row in facts.rows)
    return said + (f" {_count(needing, 'post')} to look at." if needing else "")


def _tiles(facts: Facts, kinds: Mapping[str, int], states: Mapping[RowState, int]) -> Iterator[str]:
    yield _tile("", len(facts.rows), "rows")
    for name in dict.fromkeys((RowState.STORED.value, *KINDS)):
        kind, number = KINDS[name], kinds.get(name, 0)
        if name == RowState.STORED:  # what is published is stored as well
            yield _tile(kind.tone, sum(states[state] for state in _DONE), f"{kind.sign} stored")
        elif number or name in _ALWAYS:
            yield _tile(kind.tone, number, f"{kind.sign} {name}")
    if facts.sent:
        yield _tile("", len(facts.sent), "requests")


def _tile(tone: str, number: int, what: str) -> str:
    tone = tone if number else "zero"
    return f'<div class="tile {tone}"><b>{number:,}</b><span>{what}</span></div>'


# ------------------------------------------------------------------ what to do


def _troubles(facts: Facts) -> str:
    rows: dict[str, list[RowRecord]] = {}
    for row in facts.rows:
        for kind in findings(row):
            rows.setdefault(kind.name, []).append(row)
    if not rows:
        return ""
    kinds = sorted((KINDS[name] for name in rows), key=lambda kind: _URGENCY.index(kind.tone))
    groups = "".join(_trouble(facts, kind, rows[kind.name]) for kind in kinds)
    return f"<section><h2>What to look at</h2>{groups}</section>"


def _trouble(facts: Facts, kind: RowLabel, rows: Sequence[RowRecord]) -> str:
    return (
        f'<div class="trouble {kind.tone}"><h3>{chip(kind, len(rows))} {kind.name}</h3>'
        f"<p>{html.escape(kind.advice)}</p>{_reasons(kind, rows)}{_trouble_rows(facts, kind, rows)}"
        "</div>"
    )


def _reasons(kind: RowLabel, rows: Sequence[RowRecord]) -> str:
    """What many rows have in common."""
    counts = Counter(_why(kind, row) for row in rows)
    if len(rows) <= _FEW or len(counts) == len(rows):
        return ""
    common = "".join(
        f'<tr><td class="n">{number:,}</td><td class="t">{cut(why or "no reason told", _WHY)}</td>'
        "</tr>"
        for why, number in counts.most_common(_REASONS)
    )
    rest = len(counts) - _REASONS
    more = f'<p class="note">and {_count(rest, "other reason")}</p>' if rest > 0 else ""
    return (
        '<table class="reasons"><thead><tr><th scope="col" class="n">posts</th>'
        f'<th scope="col">why</th></tr></thead><tbody>{common}</tbody></table>{more}'
    )


def _trouble_rows(facts: Facts, kind: RowLabel, rows: Sequence[RowRecord]) -> str:
    shown = rows[:TROUBLES]
    lines = "".join(_trouble_line(facts, kind, row) for row in shown)
    text = (
        '<th scope="col">text</th>' if any(row.ref in facts.texts for row in shown) else "<td></td>"
    )
    table = (
        '<div class="wide"><table class="troubles"><thead><tr><th scope="col" class="n">row</th>'
        f'<th scope="col">date</th><th scope="col">channel</th>{text}<th scope="col">why</th>'
        f"</tr></thead><tbody>{lines}</tbody></table></div>"
    )
    if len(rows) <= _FEW:
        return table
    name = f"The {len(rows)} posts" if len(rows) == len(shown) else f"The first {len(shown)} posts"
    rest = "" if len(rows) == len(shown) else '<p class="note">The result CSV has all.</p>'
    return f"<details><summary>{name}</summary>{table}{rest}</details>"


def _trouble_line(facts: Facts, kind: RowLabel, row: RowRecord) -> str:
    return (
        f'<tr><td class="n">{row.number}</td><td class="d">{facts.moment(row.date)}</td>'
        f"<td>{cut(facts.channel(row), _TEXT)}</td>"
        f'<td class="t">{cut(facts.texts.get(row.ref, ""), _TEXT)}</td>'
        f'<td class="t">{cut(_why(kind, row), _WHY)}</td></tr>'
    )


def _why(kind: RowLabel, row: RowRecord) -> str:
    return row.note if kind.name == row.state else row.remark


# ------------------------------------------------------------------ calendar, quota, posts


def _calendar(facts: Facts) -> str:
    entries = [
        CalendarEntry(facts.at(row.date).date(), facts.channel(row), kind_of(row))
        for row in facts.rows
    ]
    signs = legend(entry.kind.name for entry in entries)
    table = calendar(entries, anchors=len(facts.rows) <= LISTED)
    return f"<section><h2>Calendar</h2>{signs}{table}</section>"


def _quota(facts: Facts) -> str:
    found = windows(facts.sent, facts.window)
    posts = sum(sent.rows for sent in facts.sent)
    most = max(window.requests for window in found)
    limit = "" if facts.limit is None else f" of the {facts.limit:,} allowed"
    first, last = facts.moment(facts.sent[0].at), facts.moment(facts.sent[-1].at)
    line = " The dashed line is the limit." if facts.limit and len(found) <= MOST_BARS else ""
    said = (
        f"{_count(len(facts.sent), 'create request')} for {_count(posts, 'post')} "
        f"({posts / len(facts.sent):.1f} each) in {_count(len(found), 'window')} of "
        f"{facts.window / 60:g} minutes, at most {most:,}{limit} in one; "
        f"{f'from {first} to {last}' if first != last else f'at {first}'}."
    )
    return (
        f"<section><h2>Requests by window of the quota</h2><p>{said}</p>"
        f"{chart(found, facts.limit, facts.zone)}{_numbers(facts, found)}"
        '<p class="note">Windows begin with the first request after the one before; requests of '
        f"others on the same quota are not known here.{line}</p></section>"
    )


def _numbers(facts: Facts, found: Sequence[WindowUse]) -> str:
    """The numbers behind the bars, for who cannot see them; the newest if there are many."""
    shown = found[-TROUBLES:]
    lines = "".join(
        f'<tr><td class="d">{facts.moment(window.start)}</td>'
        f'<td class="n">{window.requests:,}</td><td class="n">{window.rows:,}</td></tr>'
        for window in shown
    )
    name = "The numbers" if len(shown) == len(found) else f"The newest {len(shown)} windows"
    return (
        f'<details><summary>{name}</summary><table><thead><tr><th scope="col">window '
        'from</th><th scope="col" class="n">requests</th><th scope="col" class="n">posts</th></tr>'
        f"</thead><tbody>{lines}</tbody></table></details>"
    )


def _posts(facts: Facts) -> str:
    lines: list[str] = []
    before = None
    for row in facts.rows:
        day = facts.at(row.date).date()
        anchor = "" if day == before else f' id="d-{day.isoformat()}"'
        before = day
        lines.append(_post(facts, row, anchor))
    return (
        "<section><details><summary>All posts by date</summary>"
        '<div class="wide"><table><thead><tr><th scope="col">date</th>'
        '<th scope="col">channel</th><th scope="col">state</th><th scope="col">text</th>'
        f'<th scope="col" class="n">row</th></tr></thead><tbody>{"".join(lines)}</tbody></table>'
        "</div></details></section>"
    )


def _post(facts: Facts, row: RowRecord, anchor: str) -> str:
    kind = kind_of(row)
    state = f'<span class="chip {kind.tone}">{kind.sign} {kind.name}</span>'
    link = row.link.partition(",")[0].strip()
    if link.startswith(("https://", "http://")):
        state += f' <a href="{safe(link)}" rel="noopener noreferrer">open</a>'
    return (
        f'<tr{anchor}><td class="d">{facts.moment(row.date)}</td>'
        f'<td>{cut(facts.channel(row), _TEXT)}</td><td class="d">{state}</td>'
        f'<td class="t">{cut(facts.texts.get(row.ref, ""), _TEXT)}</td>'
        f'<td class="n">{row.number}</td></tr>'
    )
