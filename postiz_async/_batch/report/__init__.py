"""What became of a campaign: counts, a table of rows, a CSV."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from postiz_async._batch.file_formats import csv_line
from postiz_async._delivery.journal import Finding, RowRecord, RowState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postiz_async.models.insights import Figures

__all__ = ["Report", "make_report"]


@dataclass(frozen=True, slots=True)
class Report:
    """The end of a run. `requests` counts create requests of all runs of this journal."""

    rows: tuple[RowRecord, ...]
    counts: dict[str, int]
    requests: int

    @property
    def complete(self) -> bool:
        """Whether every row is stored or withdrawn, and none was refused or stuck when due."""
        fine = {RowState.STORED, RowState.PUBLISHED, RowState.WITHDRAWN}
        return all(row.state in fine and row.finding is not Finding.STUCK for row in self.rows)

    @property
    def doubled(self) -> int:
        """Rows of which Postiz has more than one post, as far as was looked and is not undone.

        Those of which a further post bears the row's mark, and those that equal a post of somebody
        else. Doubles that were deleted, and what was sent once more on purpose, do not count.
        """
        return sum(row.finding in {Finding.DOUBLED, Finding.EQUAL} for row in self.rows)

    @property
    def open(self) -> int:
        """Rows that a further run would still work on."""
        return sum(
            self.counts.get(state.value, 0)
            for state in (RowState.PLANNED, RowState.SENDING, RowState.UNKNOWN)
        )

    def troubles(self) -> list[RowRecord]:
        """The rows that somebody has to look at.

        Those that are neither stored nor still to be sent, those that their network refused, and
        those that people or the clock moved, deleted, doubled or changed.
        """
        fine = {RowState.STORED, RowState.PUBLISHED, RowState.PLANNED, RowState.SENDING}
        fine.add(RowState.WITHDRAWN)
        return [row for row in self.rows if row.state not in fine or row.finding]

    def moved(self) -> list[RowRecord]:
        """The rows whose date moved so that they share a request."""
        return [
            row
            for row in self.rows
            if row.moved_from is not None
            and row.state is not RowState.PLANNED
            and row.finding is Finding.NOTHING
        ]

    def due(self, now: float) -> list[RowRecord]:
        """The rows whose posts are published, or should be by now, in seconds since the epoch.

        Args:
            now: the moment.
        """
        gone = {Finding.DELETED, Finding.HIDDEN, Finding.STUCK}
        return [
            row
            for row in self.rows
            if row.post_id is not None
            and row.finding not in gone
            and (
                row.state is RowState.PUBLISHED or (row.state is RowState.STORED and row.date < now)
            )
        ]

    def to_csv(self, figures: Figures | None = None) -> str:
        """One line a row: row, ref, state, post_id, channel, date, and what is to be said of it.

        `moved_from` is the date that the campaign asks for, where the post has another. A cell
        that a spreadsheet would run (it begins with `=`, `+`, `-`, `@`, a tab or a line break,
        perhaps after quotes or spaces) has an apostrophe before it.

        Args:
            figures: of the posts; each name becomes a column, `figure Likes`.
        """
        columns = ["row", "ref", "state", "post_id", "channel", "date", "note"]
        further = ["finding", "remark", "name", "moved_from", "link"]
        names = figures.names if figures is not None else []
        lines = [csv_line([*columns, *further, *(f"figure {name}" for name in names)])]
        for row in self.rows:
            date, asked = (_iso(moment) for moment in (row.date, row.moved_from))
            values = [row.number, row.ref, row.state.value, row.post_id or "", row.channel, date]
            said = [row.note, row.finding.value, row.remark, row.name, asked, row.link]
            numbers = [figures.of(row.post_id).get(name, "") for name in names] if figures else []
            lines.append(csv_line([*values, *said, *numbers]))
        return "".join(lines)


def _iso(moment: float | None) -> str:
    return "" if moment is None else datetime.fromtimestamp(moment, UTC).isoformat()


def make_report(rows: Iterable[RowRecord], requests: int) -> Report:
    """A report from what the journal knows."""
    ordered = tuple(sorted(rows, key=lambda row: row.number))
    return Report(ordered, dict(Counter(row.state.value for row in ordered)), requests)
