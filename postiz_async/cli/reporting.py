"""`report`: what became of a campaign as a page for the browser, and as the result CSV."""

from __future__ import annotations

import time
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio.to_thread
from cyclopts import Parameter

from postiz_async.batch.checking import journal_path
from postiz_async.batch.dates import find_zone
from postiz_async.batch.facts import read_facts
from postiz_async.batch.html_report import html_report
from postiz_async.batch.report import make_report
from postiz_async.batch.source import read_campaign
from postiz_async.cli.output import Output
from postiz_async.cli.reading import ReadAs, find_reading
from postiz_async.cli.reports import report_object, standing, write_result
from postiz_async.cli.settings import Json
from postiz_async.delivery.journal import read_summary
from postiz_async.delivery.replacing import replace_file
from postiz_async.errors import BatchError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postiz_async.batch.reading import ReadOptions
    from postiz_async.batch.rows import Row

__all__ = ["HtmlOption", "report", "write_html"]

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
    zone = _zone(read_as.timezone)
    rows = await anyio.to_thread.run_sync(_rows, file, find_reading(read_as))
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
