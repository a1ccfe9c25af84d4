"""The results of a campaign, and the command `report`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from functools import partial
from pathlib import Path

import anyio.to_thread
from rich.text import Text

from postiz_async import CampaignStatus
from postiz_async._campaign.read.file_formats import check_csv_name
from postiz_async._cli.connection import zone_of
from postiz_async._cli.options import JournalOptions, Json, ReadAs
from postiz_async._cli.output import Output, count, date_range, moment, print_hanging
from postiz_async._cli.results import report_result
from postiz_async.errors import CampaignError, describe_rows
from postiz_async.models._durations import describe_seconds
from postiz_async.stores._files import replace_file
from postiz_async.types import Finding, Report, RowRecord, RowState

MAX_TROUBLES = 30
"""Most kinds of trouble that are listed with their rows."""
_SINGLY = 5
"""Most rows whose findings in Postiz are listed one by one."""
_APART = (Finding.DRAFT, Finding.DELETED, Finding.HIDDEN)
"""Findings with which a row does not count as stored or published."""
_ORDER = {fate.value: place for place, fate in enumerate((*RowState, *_APART))}


def show_report(output: Output, report: Report, zone: tzinfo) -> None:
    """Show the rows that need attention, and the summary.

    Args:
        output: where to show them.
        report: the results of the rows.
        zone: the zone of the dates.
    """
    troubles = _troubles(report)
    for why, rows in troubles[:MAX_TROUBLES]:
        print_hanging(output.notes, _trouble(rows, why, zone))
    if more := sum(len(rows) for _, rows in troubles[MAX_TROUBLES:]):
        output.result(f"... and {count(more, 'row')} more (--json has all)")
    states = dict.fromkeys(rows[0].state for _, rows in troubles)
    for advice in filter(None, (report.advice(state) for state in states)):
        output.say(advice, "yellow")
    if report.unsure:
        output.say("The next run looks at posts that may lack a part, and repairs them.", "yellow")
    moved = report.moved
    if moved:
        furthest = max(abs(row.seconds - (row.asked_seconds or row.seconds)) for row in moved)
        by = describe_seconds(furthest)
        output.say(f"{count(len(moved), 'post')} moved to share requests, by {by} at most.")
    style = "bold green" if report.complete and not report.left_out else "bold yellow"
    output.result(f"{standing(report)}; {count(report.requests, 'create request')} spent.", style)


def _troubles(report: Report) -> list[tuple[str, list[RowRecord]]]:
    """The rows that need attention, by the text about them.

    Findings in Postiz differ for each post, such as the id of its duplicate. For many rows they are
    described in general.
    """
    by_reason: dict[tuple[str, ...], list[RowRecord]] = {}
    for row in report.troubles():
        why = "; ".join(text for text in (row.note, row.remark) if text)
        by_reason.setdefault((row.state.value, row.finding.value, why), []).append(row)
    reasons = Counter((state, finding) for state, finding, _ in by_reason)
    told: dict[tuple[str, ...], list[RowRecord]] = {}
    for (state, finding, why), rows in by_reason.items():
        is_general = finding and reasons[state, finding] > _SINGLY
        general = f"{report.advice(Finding(finding))} (--json has each)" if is_general else why
        told.setdefault((state, finding, general), []).extend(rows)
    return [(why, rows) for (_, _, why), rows in told.items()]


def _trouble(rows: Sequence[RowRecord], why: str, zone: tzinfo) -> Text:
    """Rows of one state with the same reason, on one line: `refused  12 rows (3, 4, 7-16): ...`."""
    first, last = rows[0], max(rows, key=lambda row: row.seconds)
    fate = _fate(first)
    if first.finding and first.finding not in _APART:
        fate = f"{fate}, {first.finding.value}"
    line = Text().append(f"{fate}  ", "yellow" if first.state is RowState.STORED else "red")
    channels = {row.channel for row in rows}
    where = first.name or first.channel if len(channels) == 1 else f"{len(channels):,} channels"
    if len(rows) == 1:
        when = moment(first.seconds, zone)
    else:
        earliest = min(row.seconds for row in rows)
        when = date_range(_utc(earliest), _utc(last.seconds), zone)
    line.append(f"{describe_rows(row.number for row in rows)}, {where}, {when}")
    line.append(f": {why}" if why else "")
    return line


def standing(report: Report) -> str:
    """A summary: `220 stored, 3 refused, 2 deleted of 225 rows, and 3 rows left out; 1 edited`.

    Each row counts once before "of": those whose post is gone count as that.
    """
    fates = Counter(map(_fate, report.rows))
    names = sorted(fates, key=_ORDER.__getitem__)
    stored = RowState.STORED.value
    if stored in fates or RowState.PUBLISHED.value not in fates:
        names = [stored, *(name for name in names if name != stored)]
    counts = ", ".join(f"{fates[name]:,} {name}" for name in names)
    found = Counter(row.finding.value for row in report.rows if row.finding not in _APART)
    found.pop(Finding.NOTHING.value, None)
    findings = "".join(f"; {number:,} {finding}" for finding, number in sorted(found.items()))
    wrong = len({problem.row for problem in report.left_out})
    left_out = f", and {count(wrong, 'row')} left out" if wrong else ""
    return f"{counts} of {count(len(report.rows), 'row')}{left_out}{findings}"


def _fate(row: RowRecord) -> str:
    """The state as which a row counts: its own, or that its post is gone."""
    return row.finding.value if row.finding in _APART else row.state.value


def _utc(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)


def channel_table(output: Output, rows: Sequence[RowRecord]) -> None:
    """Show a table with the number of rows of each channel by state."""
    by_channel: dict[str, Counter[str]] = {}
    names: dict[str, str] = {}  # rows may write one channel in different ways
    for row in rows:
        names.setdefault(row.channel, row.name or row.channel)
        by_channel.setdefault(row.channel, Counter())[_fate(row)] += 1
    fates = [fate for fate in _ORDER if any(fate in c for c in by_channel.values())]
    output.table(
        ["channel", *fates],
        [(names[c], *(str(counts[f] or "-") for f in fates)) for c, counts in by_channel.items()],
        numbers=fates,
    )


def write_result(path: Path, report: Report, zone: tzinfo) -> str:
    """Write the result as CSV; returns why not, else ""."""
    try:
        replace_file(path, report.to_csv(zone=zone, excel=True))
    except OSError as error:
        return error.strerror or str(error)
    return ""


def say_written(output: Output, path: Path, fault: str) -> None:
    """Say where the result CSV is, or why it could not be written."""
    if fault:
        output.result(f"The result could not be written to {path}: {fault}.", "yellow")
    else:
        output.say(f"What became of each row: {path}")


async def read_status(file: Path, journal: JournalOptions) -> CampaignStatus:
    """Read the progress of a campaign from its journal."""
    reading = partial(
        CampaignStatus.read,
        file,
        journal=journal.place,
        schema=journal.schema,
        name=journal.name,
    )
    return await anyio.to_thread.run_sync(reading)


async def report(
    file: Path,
    /,
    *,
    html: Path | None = None,
    result: Path | None = None,
    journal: JournalOptions = JournalOptions(),
    json: Json = False,
    read_as: ReadAs = ReadAs(),
) -> int:
    """Write a report as an HTML page, even while the campaign runs. Contacts no server.

    Args:
        file: The campaign that was run, or its journal.
        html: The page; by default campaign.report.html next to the campaign.
        result: Also write what became of each row, as CSV.
    """
    output = Output(as_json=json)
    status = await read_status(file, journal)
    found = status.report
    if not (found.rows or found.left_out):
        raise CampaignError(
            f"The campaign {status.name} has not been run, only planned, so there is nothing to "
            "report yet. postiz-async run sends it."
        )
    reading = await read_as.options(file)
    zone = zone_of(read_as.connection, reading.timezone)
    fault = ""
    if result is not None:
        check_csv_name(result)
        fault = write_result(result, found, zone)
        say_written(output, result, fault)
    page = await anyio.to_thread.run_sync(partial(status.html_report, zone=zone))
    await write_page(output, html or file.with_suffix(".report.html"), page)
    if json:
        output.json(report_result(found))
    else:
        output.result(standing(found))
    return 2 if fault else 0


async def write_page(output: Output, to: Path, page: str) -> None:
    """Write the page of a report that the user asked for, and say where it is.

    Raises:
        CampaignError: it cannot be written.
    """
    try:
        await anyio.to_thread.run_sync(replace_file, to, page)
    except OSError as error:
        raise CampaignError(f"{to} cannot be written: {error.strerror}.") from error
    output.say(f"The report for the browser: {to}")
