"""Figures of published posts, as a section of the report for the browser. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async._campaign.after.report.charts import cut
from postiz_async._campaign.after.report.tables import CardColumn, cards

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postiz_async._campaign.after.report.data import Facts
    from postiz_async._delivery.journal_file import RowRecord
    from postiz_async.models.insights import Figures


MOST_POSTS = 200
"""Posts that are listed, those with the highest figures first."""

_COLUMNS = 4
"""Figures that are shown, those that the most posts have; the result CSV has all."""

_TEXT = 90


def figures_section(facts: Facts, figures: Figures) -> str:
    """The posts with the highest figures first, and why others have none."""
    names = figures.names[:_COLUMNS]
    rows = [row for row in facts.rows if row.post_id in figures.by_post]
    rows.sort(key=lambda row: [-figures.of(row.post_id).get(name, -1) for name in names])
    notes = figures.notes
    if len(rows) > MOST_POSTS:
        notes.append(f"The {MOST_POSTS} posts with the highest; the result CSV has all.")
    if len(figures.names) > _COLUMNS:
        others = ", ".join(figures.names[_COLUMNS:])
        notes.append(f"The result CSV has others too: {others}.")
    said = "".join(f'<p class="note">{cut(note, 400)}</p>' for note in notes)
    table = _table(facts, figures, rows, names) if rows else ""
    if not table and not said:
        said = '<p class="note">No post is due yet, so there are no figures.</p>'
    return f"<section><h2>Figures</h2>{table}{said}</section>"


def number(value: float) -> str:
    """A figure for people: `1,250`, `3.5`."""
    return f"{value:,.6g}" if isinstance(value, float) else f"{value:,}"


def _total(figures: Figures, rows: Sequence[RowRecord], name: str) -> str:
    """The sum of a figure, where it counts something: the sum of rates says nothing."""
    values = [figures.of(row.post_id)[name] for row in rows if name in figures.of(row.post_id)]
    return number(sum(values)) if all(value % 1 == 0 for value in values) else ""


def _table(facts: Facts, figures: Figures, rows: Sequence[RowRecord], names: Sequence[str]) -> str:
    columns = [CardColumn("row", "n"), CardColumn("channel", "c"), CardColumn("text", "t")]
    columns += [CardColumn(name, "n f") for name in names]
    lines: list[tuple[str, list[str]]] = []
    for row in rows[:MOST_POSTS]:
        found = figures.of(row.post_id)
        cells = [
            str(row.number),
            cut(facts.channel(row), _TEXT),
            cut(facts.texts.get(row.ref, ""), _TEXT),
            *(number(found[name]) if name in found else "" for name in names),
        ]
        lines.append(("", cells))
    if len(rows) > 1:
        totals = [_total(figures, rows, name) for name in names]
        lines.append((' class="total"', ["", f"All {len(rows):,} posts", "", *totals]))
    return cards("Figures", columns, lines)
