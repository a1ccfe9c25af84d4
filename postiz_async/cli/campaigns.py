"""`plan`, `run`, `status`: campaign files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.text import Text

from postiz_async.batch.report import make_report
from postiz_async.batch.session import journal_path
from postiz_async.cli.output import Output, count, date_range, moment
from postiz_async.cli.progress import RunDisplay
from postiz_async.cli.settings import Connection, find_target, open_client
from postiz_async.delivery.journal import read_summary
from postiz_async.errors import describe_seconds

if TYPE_CHECKING:
    from postiz_async.batch.plan import Forecast
    from postiz_async.batch.report import Report
    from postiz_async.batch.session import Batch
    from postiz_async.client import Postiz

__all__ = ["plan", "run", "run_batch", "show_report", "status"]

Campaign = Annotated[Path, Parameter(help="The campaign: a CSV or JSON lines file.")]
JournalOption = Annotated[
    Path | None, Parameter(help="The journal; beside the campaign unless named.")
]
Zone = Annotated[str | None, Parameter(help="The time zone of dates that have none.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON for programs.")]
SkipInvalid = Annotated[
    bool, Parameter(negative="", help="Leave rows with problems out instead of stopping.")
]

MAX_TROUBLES = 30


async def plan(
    file: Campaign,
    *,
    journal: JournalOption = None,
    timezone: Zone = None,
    skip_invalid: SkipInvalid = False,
    json: Json = False,
    connection: Connection = Connection(),  # noqa: B008
) -> int:
    """Check a campaign and say what it costs and when it is done. Sends nothing."""
    output = Output(as_json=json)
    async with (
        open_client(find_target(connection)) as postiz,
        postiz.batch(file, journal=journal, timezone=timezone, skip_invalid=skip_invalid) as batch,
    ):
        if batch.problems and not skip_invalid:
            return _problems(output, batch)
        forecast = await batch.plan()
        if json:
            output.json(_plan_json(batch, forecast))
        else:
            _show_plan(output, postiz, batch, forecast)
        return 1 if forecast.late else 0


def _problems(output: Output, batch: Batch) -> int:
    if output.as_json:
        output.json({"problems": batch.problems})
    else:
        output.problems(batch.problems)
    return 2


def _plan_json(batch: Batch, forecast: Forecast) -> dict[str, object]:
    return {
        "problems": batch.problems,
        "rows": len(batch.rows),
        "posts": forecast.posts,
        "requests": forecast.requests,
        "lower_bound": batch.lower_bound,
        "limit": forecast.limit,
        "limit_known": forecast.limit_known,
        "windows": forecast.windows,
        "finish": forecast.finish,
        "late_rows": [row.number for row in forecast.late],
        "media_files": batch.media_files,
        "resumed": batch.is_resumed,
    }


def _show_plan(output: Output, postiz: Postiz, batch: Batch, forecast: Forecast) -> None:
    for line in _headline(postiz, batch, forecast):
        output.say(line)
    if not forecast.requests:
        output.say("Nothing is left to send.")
        return
    believed = "" if forecast.limit_known else " (assumed; the first answer will tell)"
    wait = forecast.finish.timestamp() - postiz.clock.time()
    output.say(
        f"{count(forecast.windows, 'window')} of {forecast.limit} requests{believed}, "
        f"done {moment(forecast.finish)}, in {describe_seconds(wait)}."
    )
    if forecast.late:
        rows = ", ".join(str(row.number) for row in forecast.late[:12])
        more = " ..." if len(forecast.late) > 12 else ""
        output.say(
            f"{count(len(forecast.late), 'post')} would be late (rows {rows}{more}): the quota "
            "has no slot before their date. Move them, or run with --late send.",
            "bold yellow",
        )


def _headline(postiz: Postiz, batch: Batch, forecast: Forecast) -> list[str]:
    """Server, channels, first and last date, cost: what a person has to see before sending."""
    server = postiz.base_url.removesuffix("/public/v1")
    pending = [row for request in batch.requests for row in request.rows]
    lines = [f"{server}, {count(len(batch.channels), 'channel')}"]
    if pending:
        dates = [row.date for row in pending]
        lines[0] += f", {date_range(min(dates), max(dates))}"
        resumed = "still to send: " if batch.is_resumed else ""
        lines.append(
            f"{resumed}{count(forecast.posts, 'post')} in "
            f"{count(forecast.requests, 'create request')}, "
            f"{count(batch.media_files, 'media file')}"
        )
    return lines


async def run(
    file: Campaign,
    *,
    journal: JournalOption = None,
    timezone: Zone = None,
    late: Annotated[
        Literal["skip", "send"],
        Parameter(help="A post whose date passes before a slot is free: skip it, or send it."),
    ] = "skip",
    skip_invalid: SkipInvalid = False,
    json: Json = False,
    connection: Connection = Connection(),  # noqa: B008
) -> int:
    """Send a campaign, or go on with it. Ctrl-C when you like; run again to go on."""
    output = Output(as_json=json)
    async with (
        open_client(find_target(connection)) as postiz,
        postiz.batch(
            file, journal=journal, timezone=timezone, late=late, skip_invalid=skip_invalid
        ) as batch,
    ):
        if batch.problems and not skip_invalid:
            return _problems(output, batch)
        report = await run_batch(output, postiz, batch)
    show_report(output, report)
    _write_result(output, file.with_suffix(".result.csv"), report)
    return 0 if report.complete and not batch.problems else 1


def _write_result(output: Output, path: Path, report: Report) -> None:
    try:
        path.write_text(report.to_csv(), encoding="utf-8")
    except OSError as error:
        output.say(f"The result could not be written to {path}: {error.strerror}.", "yellow")
    else:
        output.say(f"What became of each row: {path}")


async def run_batch(output: Output, postiz: Postiz, batch: Batch) -> Report:
    """Run a checked batch with everything that a person wants to see meanwhile."""
    forecast = await batch.plan()
    for line in _headline(postiz, batch, forecast):
        output.say(line)
    async with RunDisplay(output, postiz, batch, forecast) as display:
        return await batch.run_all(on_outcome=display.saw)


def show_report(output: Output, report: Report) -> None:
    """The final table, or the report as JSON."""
    if output.as_json:
        output.json(_report_json(report))
        return
    troubles = report.troubles()
    if troubles:
        output.table(
            ["row", "state", "channel", "date", "why"],
            [
                (
                    str(row.number),
                    Text(row.state.value, "red"),
                    row.channel,
                    moment(row.date),
                    row.note,
                )
                for row in troubles[:MAX_TROUBLES]
            ],
        )
        if len(troubles) > MAX_TROUBLES:
            output.say(f"... and {len(troubles) - MAX_TROUBLES} more")
    counts = ", ".join(f"{number:,} {state}" for state, number in sorted(report.counts.items()))
    style = "bold green" if report.complete else "bold yellow"
    output.say(
        f"{counts} of {count(len(report.rows), 'row')}; "
        f"{count(report.requests, 'create request')} spent.",
        style,
    )


def _report_json(report: Report) -> dict[str, object]:
    return {
        "rows": report.rows,
        "counts": report.counts,
        "requests": report.requests,
        "complete": report.complete,
    }


async def status(
    file: Campaign,
    *,
    journal: JournalOption = None,
    json: Json = False,
) -> int:
    """Say how far a campaign is, also while it runs. Asks no server."""
    output = Output(as_json=json)
    path = journal or (file if file.suffix == ".journal" else journal_path(file))
    summary = read_summary(path)
    report = make_report(summary.rows, summary.requests)
    if json:
        output.json({"server": summary.base_url, **_report_json(report)})
        return 0 if report.complete else 1
    by_channel: dict[str, Counter[str]] = {}
    for row in report.rows:
        by_channel.setdefault(row.channel, Counter())[row.state.value] += 1
    states = sorted(report.counts)
    output.say(f"{summary.campaign} at {summary.base_url.removesuffix('/public/v1')}")
    output.table(
        ["channel", *states],
        [(name, *(str(counts[s] or "-") for s in states)) for name, counts in by_channel.items()],
    )
    show_report(output, report)
    if summary.kept is not None:
        output.say(
            f"quota: {summary.kept.remaining} of {summary.kept.limit} left when last seen, "
            f"{moment(summary.kept.as_of)}"
        )
    return 0 if report.complete else 1
