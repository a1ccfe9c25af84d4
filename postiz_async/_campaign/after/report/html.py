"""An HTML report of a campaign: one file, without scripts and external resources.

It works offline, in print, in light and dark mode, and stays small: long tables are summed up, cut
at the limits below, or left to the result CSV. Texts of posts, files and servers are escaped. PURE.
"""

from __future__ import annotations

import html
from collections import Counter
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from itertools import compress
from string import Template
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from postiz_async._campaign.after.report import KINDS, findings, kind_of, make_report, title_of
from postiz_async._campaign.after.report.charts import (
    MOST_SPANS,
    CalendarEntry,
    calendar,
    cut,
    legend,
    requests_table,
    safe,
)
from postiz_async._campaign.after.report.data import Facts, windows
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._delivery.outcomes import RowState
from postiz_async.errors import describe_rows
from postiz_async.models._durations import describe_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from postiz_async._campaign.after.report import RowLabel
    from postiz_async.models.insights import Figures


TROUBLES = 50
"""Rows listed for each kind of trouble; of further rows only the number is shown."""

LISTED = 1_000
"""Number of posts up to which a campaign is listed post by post."""

_FEW, _REASONS = 12, 8
"""Rows up to which a table is unfolded; reasons that are shown for a group of rows."""

_TEXT, _WHY = 90, 400
"""Characters shown of a post's text, and of a reason."""

MOST_POSTS = 200
"""Posts listed with figures, those with the highest figures first."""

_FIGURES = 4
"""Figures shown, those that most posts have; the result CSV has all."""

_DONE = (RowState.STORED, RowState.PUBLISHED)
_OPEN = (RowState.PLANNED, RowState.SENDING, RowState.UNKNOWN)

_URGENCY = ("bad", "doubt", "warn", "open")
"""Tones of troubles, the most urgent first."""


def html_report(facts: Facts) -> str:
    """The HTML page of a report."""
    dates = [row.seconds for row in facts.rows]
    parts = [_overview(facts), _troubles(facts)]
    if facts.rows:
        parts.append(_calendar(facts))
    if facts.sent:
        parts.append(_quota(facts))
    if facts.figures is not None:
        parts.append(figures_section(facts, facts.figures))
    if 0 < len(facts.rows) <= LISTED:
        parts.append(_posts(facts))
    span = date_span(facts, min(dates), max(dates)) if dates else "no posts"
    made_by = f"Made by postiz-async {safe(version('postiz-async'))} from the campaign's journal. "
    return page(
        facts,
        campaign=facts.campaign,
        kind="Postiz campaign",
        about=f"{_apart(facts.server)}, {span}",
        parts=parts,
        made_by=made_by,
    )


def page(
    facts: Facts,
    *,
    campaign: str,
    kind: str,
    about: str,
    parts: Iterable[str],
    made_by: str = "",
    has_pictures: bool = False,
) -> str:
    """A page: one file without scripts and external resources.

    Args:
        facts: the data of the report.
        campaign: the name of the campaign.
        kind: what it is a report of.
        about: HTML about its posts as a whole.
        parts: the HTML of its sections; empty ones are left out.
        made_by: HTML about its origin.
        has_pictures: whether embedded pictures are allowed.
    """
    return Template(_beside("report.html")).substitute(
        title=safe(f"{campaign}: campaign report"),
        images="; img-src data:" if has_pictures else "",
        style=_beside("report.css").strip(),
        kind=kind,
        campaign=_apart(campaign),
        about=about,
        made=facts.moment(facts.made_at),
        zone=safe(_zone_name(facts)),
        made_by=made_by,
        main="\n".join(filter(None, parts)),
    )


@cache
def _beside(name: str) -> str:
    return (files("postiz_async._campaign.after.report") / name).read_text(encoding="utf-8")


# ------------------------------------------------------------------ texts


def _apart(text: str) -> str:
    """A name or an address that cannot change the direction of writing after itself."""
    return f'<bdi dir="ltr">{safe(text)}</bdi>'


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 post`, `2,480 posts`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def date_span(facts: Facts, first: float, last: float) -> str:
    """Two dates as text: `3 January to 28 February 2027`."""
    start, end = facts.at(first), facts.at(last)
    if start.date() == end.date():
        return f"{end.day} {end:%B %Y}"
    month = "" if (start.year, start.month) == (end.year, end.month) else f" {start:%B}"
    year = "" if start.year == end.year else f" {start:%Y}"
    return f"{start.day}{month}{year} to {end.day} {end:%B %Y}"


def _zone_name(facts: Facts) -> str:
    at = facts.at(facts.made_at)
    return at.tzinfo.key if isinstance(at.tzinfo, ZoneInfo) else f"{at:%Z}"


# ------------------------------------------------------------------ tables


class CardColumn(NamedTuple):
    """A column of `cards`: its name, and its CSS class, which sets the width."""

    name: str
    kind: str


_ROW, _DATE = CardColumn("row", "n"), CardColumn("date", "d")
_CHANNEL, _TEXT_OF = CardColumn("channel", "c"), CardColumn("text", "t")


def cards(
    title: str, columns: Sequence[CardColumn], lines: Iterable[tuple[str, Sequence[str]]]
) -> str:
    """A table as HTML, without empty columns.

    The roles keep it a table for screen readers: some browsers drop this when cells are blocks.

    Args:
        title: the contents of the table, for screen readers.
        columns: the columns from left to right.
        lines: attributes of each row, and the HTML of its cells.
    """
    lines = list(lines)
    used = [any(cells[n] for _, cells in lines) for n in range(len(columns))]
    columns = list(compress(columns, used))
    heads = "".join(
        f'<th scope="col" role="columnheader" class="{kind}">{safe(name)}</th>'
        for name, kind in columns
    )
    starts = [
        f'<td role="cell" data-label="{safe(name)}" class="{kind}">' for name, kind in columns
    ]
    body = "".join(
        f'<tr role="row"{attributes}>'
        + "".join(map("{}{}</td>".format, starts, compress(cells, used)))
        + "</tr>"
        for attributes, cells in lines
    )
    return (
        f'<table class="cards" role="table" aria-label="{safe(title)}"><thead role="rowgroup">'
        f'<tr role="row">{heads}</tr></thead><tbody role="rowgroup">{body}</tbody></table>'
    )


# ------------------------------------------------------------------ at a glance


def _overview(facts: Facts) -> str:
    kinds = Counter(kind_of(row).name for row in facts.rows)
    states = Counter(row.state for row in facts.rows)
    bar = share((kind, kinds[name]) for name, kind in KINDS.items() if kinds[name])
    glance = f'{bar}<div class="tiles">{"".join(_tiles(facts, kinds))}</div>'
    notes = [*_not_here(facts), *_moved(facts), *facts.remarks]
    remarks = "".join(f'<p class="note"><bdi>{safe(note)}</bdi></p>' for note in notes)
    return (
        f'<section aria-label="At a glance"><p class="verdict">{_verdict(facts, kinds, states)}</p>'
        f"{glance if facts.rows else ''}{remarks}</section>"
    )


def share(parts: Iterable[tuple[RowLabel, int]]) -> str:
    """A bar with a part for each kind of post, as long as their number."""
    inner = "".join(
        f'<i class="{kind.tone}" style="flex:{number}" title="{number:,} {kind.name}"></i>'
        for kind, number in parts
    )
    return f'<div class="share" aria-hidden="true">{inner}</div>'


def _not_here(facts: Facts) -> Iterator[str]:
    """Why the file and the report have different numbers of rows, if that is known."""
    here = {row.ref for row in facts.rows}
    known = here & facts.names.keys()
    if not known:  # no file, or one read with other options than in the run
        return
    rows = len(facts.names) + facts.unread
    if new := rows - len(known):
        are = "is" if new == 1 else "are"
        yield (
            f"The file has {counted(rows, 'row')}. {new:,} of them {are} not in this "
            "report: added or edited since the last run, or left out because of problems."
        )
    if gone := len(here) - len(known):
        are = "is" if gone == 1 else "are"
        yield f"{counted(gone, 'row')} of this report {are} not in the file any more."


def _moved(facts: Facts) -> Iterator[str]:
    """The effect of aligning dates, if there is any."""
    moved = make_report(facts.rows, 0).moved
    if moved:
        by = max(abs(row.seconds - (row.asked_seconds or row.seconds)) for row in moved)
        posts = counted(len(moved), "post")
        yield f"{posts} moved to share requests, by {describe_seconds(by)} at most."


def _verdict(facts: Facts, kinds: Mapping[str, int], states: Mapping[RowState, int]) -> str:
    total, deleted = len(facts.rows), kinds.get(Finding.DELETED, 0)
    if not total:
        return "The campaign has no rows yet."
    if deleted == total:
        was = "The post was" if total == 1 else f"All {total:,} posts were"
        return f"{was} deleted in Postiz after being stored."
    done = sum(states[state] for state in _DONE) - deleted
    if done == total:
        said = "The post is stored" if total == 1 else f"All {total:,} posts are stored"
    else:
        said = f"{done:,} of {counted(total, 'post')} stored"
    out = kinds.get(RowState.PUBLISHED, 0)
    said += f", {out:,} of them published." if 0 < out < total else "."
    if out == total:
        said = "The post is published." if total == 1 else f"All {total:,} posts are published."
    if deleted:
        said += f" {deleted:,} stored, but deleted in Postiz since."
    if waiting := sum(states[state] for state in _OPEN):
        said += f" {waiting:,} still to be sent: run the same command again to go on."
    needing = sum(bool(findings(row)) for row in facts.rows)
    return said + (f" {counted(needing, 'post')} to look at." if needing else "")


def _tiles(facts: Facts, kinds: Mapping[str, int]) -> Iterator[str]:
    """The tiles with counts; after the first one, each row counts in one tile."""
    yield tile("", len(facts.rows), "row" if len(facts.rows) == 1 else "rows")
    for name in dict.fromkeys((RowState.STORED.value, *KINDS)):
        kind, number = KINDS[name], kinds.get(name, 0)
        waits = name == RowState.STORED and kinds.get(RowState.PUBLISHED)
        if number:
            what = "stored, not out yet" if waits else name
            leads_to = kind.name if kind.advice else ""
            yield tile(kind.tone, number, f"{kind.sign} {what}", leads_to)
    if facts.sent:
        yield tile("", len(facts.sent), "request" if len(facts.sent) == 1 else "requests")


def tile(tone: str, value: int | str, what: str, leads_to: str = "") -> str:
    """A number in a box; `what` is HTML, and `leads_to` an anchor in the page."""
    shown = value if isinstance(value, str) else f"{value:,}"
    inner = f'class="tile {tone}"><b>{shown}</b> <span>{what}</span>'
    return f'<a href="#{leads_to}" {inner}</a>' if leads_to else f"<div {inner}</div>"


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
    """A section on one kind of trouble; a reason that rows share is shown once."""
    reasons: dict[str, list[RowRecord]] = {}
    for row in rows:
        reasons.setdefault(_why(kind, row), []).append(row)
    shared = sorted(
        (why for why in reasons if len(reasons[why]) > 1), key=lambda w: -len(reasons[w])
    )
    told, room = shared[:_REASONS], TROUBLES
    blocks: list[str] = []
    for why in told:
        blocks.append(_shared(facts, kind, why, reasons[why], room))
        room = max(0, room - len(reasons[why]))
    alone = [row for row in rows if _why(kind, row) not in told]
    if alone:
        blocks += ['<p class="why">Other reasons:</p>'] if told else []
        blocks.append(_folded(facts, kind, alone, room, with_why=True))
    return (
        f'<div class="trouble {kind.tone}"><h3 id="{kind.name}">'
        f'<span class="chip {kind.tone}" aria-hidden="true">{kind.sign}</span> '
        f"{title_of(kind, len(rows))}</h3><p>{html.escape(kind.advice)}</p>{''.join(blocks)}</div>"
    )


def _shared(facts: Facts, kind: RowLabel, why: str, rows: Sequence[RowRecord], room: int) -> str:
    """A reason that several rows share."""
    which = describe_rows(row.number for row in rows)
    said = f"{which}: {cut(why, _WHY)}" if why else f"{which}."
    return f'<p class="why">{said}</p>{_folded(facts, kind, rows, room)}'


def _folded(
    facts: Facts, kind: RowLabel, rows: Sequence[RowRecord], room: int, *, with_why: bool = False
) -> str:
    """A table of rows, folded if there are many, with or without their remarks."""
    shown = rows[:room]
    if not shown:
        return ""
    columns = [_ROW, _DATE, _CHANNEL, _TEXT_OF]
    lines = [[str(row.number), facts.moment(row.seconds), *_says(facts, row)] for row in shown]
    if with_why:
        columns.append(CardColumn("why", "t"))
        for row, line in zip(shown, lines, strict=True):
            line.append(cut(_why(kind, row), _WHY))
    table = cards(title_of(kind, len(rows)), columns, (("", line) for line in lines))
    if len(rows) <= min(_FEW, room):
        return table
    name = f"The {len(rows)} posts" if len(rows) == len(shown) else f"The first {len(shown)} posts"
    rest = "" if len(rows) == len(shown) else '<p class="note">The result CSV has all.</p>'
    return f"<details><summary>{name}</summary>{table}{rest}</details>"


def _says(facts: Facts, row: RowRecord) -> tuple[str, str]:
    """Channel and text of a row."""
    return cut(facts.channel(row), _TEXT), cut(facts.texts.get(row.ref, ""), _TEXT)


def _why(kind: RowLabel, row: RowRecord) -> str:
    return row.note if kind.name == row.state else row.remark


# ------------------------------------------------------------------ calendar, quota, posts


def _calendar(facts: Facts) -> str:
    entries = [
        CalendarEntry(facts.at(row.seconds).date(), facts.channel(row), kind_of(row))
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
    line = " The dashed line is the limit." if facts.limit and len(found) <= MOST_SPANS else ""
    said = (
        f"{counted(len(facts.sent), 'create request')} with {counted(posts, 'post')} "
        f"({posts / len(facts.sent):.1f} each) in {counted(len(found), 'window')} of "
        f"{facts.window / 60:g} minutes, at most {most:,}{limit} in one; "
        f"{f'from {first} to {last}' if first != last else f'at {first}'}."
        f"{_other_count(facts, posts)}"
    )
    return (
        f"<section><h2>Requests by window of the quota</h2><p>{said}</p>"
        f"{requests_table(found, facts.limit, facts.zone)}"
        '<p class="note">Windows begin with the first request after the one before; requests of '
        f"others on the same quota are not known here.{line}</p></section>"
    )


def _other_count(facts: Facts, posts: int) -> str:
    """Why the number of sent posts differs from the number of rows, if it does."""
    if posts == len(facts.rows):
        return ""
    return (
        f" The report has {counted(len(facts.rows), 'row')}: a post counts here each time that it "
        "was sent, also if it was refused, and not while it is still to be sent."
    )


def _posts(facts: Facts) -> str:
    lines: list[tuple[str, list[str]]] = []
    before = None
    for row in facts.rows:
        day = facts.at(row.seconds).date()
        anchor = "" if day == before else f' id="d-{day.isoformat()}"'
        before = day
        cells = [
            facts.moment(row.seconds),
            *_says(facts, row),
            state_chip(kind_of(row), row.link, f" row {row.number}"),
            str(row.number),
        ]
        lines.append((anchor, cells))
    columns = [_DATE, _CHANNEL, _TEXT_OF, CardColumn("state", "s"), _ROW]
    table = cards("All posts by date", columns, lines)
    return (
        "<section><details><summary><h2>All posts by date</h2></summary>"
        f"{table}</details></section>"
    )


def state_chip(kind: RowLabel, link: str, which: str) -> str:
    """The state of a post, with a link to it; `which` tells links apart for screen readers."""
    state = f'<span class="chip {kind.tone}">{kind.sign} {kind.name}</span>'
    link = link.partition(",")[0].strip()
    if link.startswith(("https://", "http://")):
        state += f' <a href="{safe(link)}" rel="noopener noreferrer">open<i>{safe(which)}</i></a>'
    return state


# ------------------------------------------------------------------ figures


def figures_section(facts: Facts, figures: Figures) -> str:
    """A section with the posts that have the highest figures, and why others have none."""
    names = figures.names[:_FIGURES]
    rows = [row for row in facts.rows if row.post_id in figures.by_post]
    rows.sort(key=lambda row: [-figures.of(row.post_id).get(name, -1) for name in names])
    notes = figures.notes
    if len(rows) > MOST_POSTS:
        notes.append(f"The {MOST_POSTS} posts with the highest; the result CSV has all.")
    if len(figures.names) > _FIGURES:
        others = ", ".join(figures.names[_FIGURES:])
        notes.append(f"The result CSV has others too: {others}.")
    said = "".join(f'<p class="note">{cut(note, 400)}</p>' for note in notes)
    table = _figures(facts, figures, rows, names) if rows else ""
    if not table and not said:
        said = '<p class="note">No post is due yet, so there are no figures.</p>'
    return f"<section><h2>Figures</h2>{table}{said}</section>"


def number(value: float) -> str:
    """A figure as text: `1,250`, `3.5`."""
    return f"{value:,.6g}" if isinstance(value, float) else f"{value:,}"


def figure_total(figures: Figures, rows: Sequence[RowRecord], name: str) -> str:
    """The sum of a figure that counts something; rates have no sum."""
    values = [figures.of(row.post_id)[name] for row in rows if name in figures.of(row.post_id)]
    return number(sum(values)) if all(value % 1 == 0 for value in values) else ""


def _figures(
    facts: Facts, figures: Figures, rows: Sequence[RowRecord], names: Sequence[str]
) -> str:
    columns = [_ROW, _CHANNEL, _TEXT_OF, *(CardColumn(name, "n f") for name in names)]
    lines: list[tuple[str, list[str]]] = []
    for row in rows[:MOST_POSTS]:
        found = figures.of(row.post_id)
        figures_of = (number(found[name]) if name in found else "" for name in names)
        lines.append(("", [str(row.number), *_says(facts, row), *figures_of]))
    if len(rows) > 1:
        totals = [figure_total(figures, rows, name) for name in names]
        lines.append((' class="total"', ["", f"All {len(rows):,} posts", "", *totals]))
    return cards("Figures", columns, lines)
