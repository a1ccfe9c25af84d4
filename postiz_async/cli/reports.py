"""What became of a campaign, for people and for programs."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.text import Text

from postiz_async.cli.output import Output, count, moment
from postiz_async.delivery.journal import RowState
from postiz_async.delivery.replacing import replace_file
from postiz_async.errors import describe_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo
    from pathlib import Path

    from postiz_async.batch.report import Report
    from postiz_async.delivery.journal import RowRecord

__all__ = ["channel_table", "report_object", "show_report", "standing", "write_result"]

MAX_TROUBLES = 30
_ORDER = {state.value: place for place, state in enumerate(RowState)}


def show_report(
    output: Output,
    report: Report,
    zone: tzinfo | None = None,
) -> None:
    """The rows that somebody has to look at, and the last line.

    Args:
        output: where to.
        report: what became of the rows.
        zone: of the dates; None for the machine's.
    """
    troubles = report.troubles()
    if troubles:
        output.table(
            ["row", "state", "channel", "date", "why"],
            [_trouble(row, zone) for row in troubles[:MAX_TROUBLES]],
            numbers=["row"],
        )
    if len(troubles) > MAX_TROUBLES:
        output.say(f"... and {len(troubles) - MAX_TROUBLES:,} more (--json has all)")
    moved = report.moved()
    if moved:
        furthest = max(abs(row.date - (row.moved_from or row.date)) for row in moved)
        by = describe_seconds(furthest)
        output.say(f"{count(len(moved), 'post')} moved to share requests, by {by} at most.")
    style = "bold green" if report.complete else "bold yellow"
    output.say(f"{standing(report)}; {count(report.requests, 'create request')} spent.", style)


def _trouble(row: RowRecord, zone: tzinfo | None) -> tuple[str | Text, ...]:
    fate = Text(f"{row.state.value}, {row.finding.value}" if row.finding else row.state.value)
    fate.stylize("yellow" if row.state is RowState.STORED else "red")
    why = "; ".join(text for text in (row.note, row.remark) if text)
    return str(row.number), fate, row.name or row.channel, moment(row.date, zone), why


def standing(report: Report) -> str:
    """`220 stored, 3 refused, 2 planned of 225 rows`."""
    states = sorted(report.counts, key=lambda state: _ORDER.get(state, len(_ORDER)))
    stored = RowState.STORED.value
    states = [stored, *(state for state in states if state != stored)]
    counts = ", ".join(f"{report.counts.get(state, 0):,} {state}" for state in states)
    found = Counter(row.finding.value for row in report.rows if row.finding)
    findings = "".join(f"; {number:,} {finding}" for finding, number in sorted(found.items()))
    return f"{counts} of {count(len(report.rows), 'row')}{findings}"


def report_object(report: Report) -> dict[str, object]:
    """A report for programs."""
    return {
        "rows": [
            {
                "row": row.number,
                "ref": row.ref,
                "state": row.state.value,
                "post_id": row.post_id,
                "channel": row.channel,
                "name": row.name,
                "date": datetime.fromtimestamp(row.date, UTC),
                "moved_from": _date(row.moved_from),
                "request": row.request,
                "note": row.note,
                "finding": row.finding.value,
                "remark": row.remark,
                "link": row.link,
            }
            for row in report.rows
        ],
        "counts": report.counts,
        "requests": report.requests,
        "complete": report.complete,
        "doubled": report.doubled,
    }


def _date(moment: float | None) -> datetime | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC)


def channel_table(output: Output, rows: Sequence[RowRecord]) -> None:
    """How many rows of each channel are in which state."""
    by_channel: dict[str, Counter[str]] = {}
    for row in rows:
        by_channel.setdefault(row.name or row.channel, Counter())[row.state.value] += 1
    states = [
        state.value for state in RowState if any(state.value in c for c in by_channel.values())
    ]
    output.table(
        ["channel", *states],
        [(name, *(str(counts[s] or "-") for s in states)) for name, counts in by_channel.items()],
        numbers=states,
    )


def write_result(output: Output, path: Path, report: Report) -> None:
    """Write what became of each row beside the campaign."""
    try:
        replace_file(path, report.to_csv())
    except OSError as error:
        output.say(f"The result could not be written to {path}: {error.strerror}.", "yellow")
    else:
        output.say(f"What became of each row: {path}")
