"""`status` and `report`: what became of a campaign, for people, programs and the browser."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio.to_thread
from cyclopts import Parameter
from rich.text import Text

from postiz_async._batch.file_options import kept_options, merged_reading
from postiz_async._batch.preflight import journal_path
from postiz_async._batch.report import make_report
from postiz_async._batch.report.data import read_facts
from postiz_async._batch.report.html import html_report
from postiz_async._batch.source import read_campaign
from postiz_async._batch.values import find_zone
from postiz_async._cli.options import Json, ReadAs, find_reading
from postiz_async._cli.output import Output, count, moment
from postiz_async._delivery.journal import RowState, read_summary
from postiz_async.errors import BatchError, ConfigurationError, describe_seconds
from postiz_async.stores._files import replace_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postiz_async._batch.read_options import ReadOptions
    from postiz_async._batch.report import Report
    from postiz_async._batch.rows import Row
    from postiz_async._delivery.journal import RowRecord

__all__ = [
    "HtmlOption",
    "channel_table",
    "report",
    "report_object",
    "show_report",
    "standing",
    "write_html",
    "write_result",
]


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


HtmlOption = Annotated[
    Path | None, Parameter(help="Write what became of the campaign as a page for the browser.")
]


async def report(
    file: Annotated[Path, Parameter(help="The campaign that was run, or its journal.")],
    /,
    *,
    html: Annotated[
        Path | None,
        Parameter(help="The page; campaign.report.html beside the campaign unless named."),
    ] = None,
    csv: Annotated[Path | None, Parameter(help="Also write the result CSV.")] = None,
    journal: Annotated[
        Path | None, Parameter(help="The journal; beside the campaign unless named.")
    ] = None,
    json: Json = False,
    read_as: ReadAs = ReadAs(),
) -> int:
    """Write a page that tells what became of a campaign, also while it runs. Asks no server."""
    output = Output(as_json=json)
    path = journal or (file if file.suffix == ".journal" else journal_path(file))
    summary = await anyio.to_thread.run_sync(read_summary, path)
    found = make_report(summary.rows, summary.requests)
    kept = await anyio.to_thread.run_sync(kept_options, file)
    reading = merged_reading(find_reading(read_as), kept)
    zone = _zone(reading.timezone)
    rows = await anyio.to_thread.run_sync(_rows, file, reading)
    await write_html(output, path, rows, html or file.with_suffix(".report.html"), zone)
    if csv is not None:
        write_result(output, csv, found)
    if json:
        output.json(report_object(found))
    else:
        output.say(standing(found))
    return 0


def _zone(name: str | None) -> tzinfo | None:
    """The zone in which dates are shown; None for the machine's.

    Raises:
        ConfigurationError: there is no such zone.
    """
    if name is None:
        return None
    zone = find_zone(name)
    if zone is None:
        raise ConfigurationError(f"There is no time zone {name!r}. Write it like Europe/Berlin.")
    return zone


async def write_html(
    output: Output,
    journal: Path,
    rows: Sequence[Row],
    to: Path,
    zone: tzinfo | None,
    *,
    made_at: float | None = None,
    remarks: Sequence[str] = (),
) -> None:
    """Write the page of a campaign.

    Args:
        output: where it is said.
        journal: of the campaign.
        rows: of the campaign, for names and texts.
        to: where the page goes.
        zone: of the dates; None for the machine's.
        made_at: now, in seconds since the epoch, if it is not what the machine says.
        remarks: of the run as a whole.

    Raises:
        BatchError: the journal cannot be read, or the page cannot be written.
    """

    def work() -> None:
        facts = read_facts(
            journal, made_at=made_at or time.time(), rows=rows, zone=zone, remarks=remarks
        )
        try:
            replace_file(to, html_report(facts))
        except OSError as error:
            raise BatchError(f"{to} cannot be written: {error.strerror}.") from error

    await anyio.to_thread.run_sync(work)
    output.say(f"The report for the browser: {to}")


def _rows(file: Path, reading: ReadOptions) -> tuple[Row, ...]:
    """The rows of the campaign; none if the file is gone or is the journal."""
    try:
        return read_campaign(file, reading=reading).rows
    except BatchError:
        return ()
