"""The command `status`: what became of a campaign, as Postiz has it today."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import Annotated

import anyio.to_thread
from cyclopts import Parameter

from postiz_async import CampaignStatus, ReadOptions
from postiz_async._cli.after_run import channel_table, read_status, show_report
from postiz_async._cli.connection import find_target, open_client, zone_of
from postiz_async._cli.forecasts import say_edits, say_in_the_way
from postiz_async._cli.help import JOURNAL
from postiz_async._cli.options import CampaignFile, JournalOptions, Json, ReadAs
from postiz_async._cli.output import Output, command_on, count, moment
from postiz_async._cli.results import status_result
from postiz_async._cli.sending import wait_until_published
from postiz_async._cli.waiting import doubt_text
from postiz_async.errors import CampaignError, ConfigurationError, group_problems
from postiz_async.types import FileComparison

_NAMED = 5
"""Most problems that are shown."""
_SAVED = (
    "Options of run that say how the file is read have to be given here too, unless a "
    "campaign.toml beside it has them."
)


async def status(
    file: CampaignFile,
    /,
    *,
    wait: bool = False,
    strict: bool = False,
    journal: Annotated[JournalOptions, Parameter(name="*", group=JOURNAL)] = JournalOptions(),
    json: Json = False,
    read_as: ReadAs = ReadAs(),
) -> int:
    """Ask Postiz what became of each post, even during a run. Changes nothing there.

    Shows what people did to the posts, and how the file differs from what was sent. Without a
    server, it shows what the journal says.

    Args:
        wait: First wait until each post is published, has failed, or is a quarter of an hour late.
        strict: Also exit with 1 if people changed posts in Postiz, or if it could not be asked.
    """
    output = Output(as_json=json, says_results=True)
    reading = await read_as.options(file)
    zone = zone_of(read_as.connection, reading.timezone)
    try:
        target = find_target(read_as.connection)
    except ConfigurationError as error:
        if wait:
            raise
        status = replace(await read_status(file, journal), remarks=(str(error),))
    else:
        async with open_client(target) as postiz:
            sent = postiz.sent_campaign(
                file, journal=journal.place, schema=journal.schema, name=journal.name
            )
            if wait and (stopped := await wait_until_published(output, sent, zone)) is not None:
                return stopped
            status = await sent.status()
    report = status.report
    is_fine = report.complete and not report.doubled
    is_fine &= not strict or (status.asked_at is not None and not report.touched)
    now = await anyio.to_thread.run_sync(_file_now, status, reading)
    if json:
        output.json(status_result(status, None if isinstance(now, str) else now))
    else:
        _show_status(output, status, now, zone)
    return 0 if is_fine else 1


def _show_status(
    output: Output, status: CampaignStatus, now: FileComparison | str, zone: tzinfo
) -> None:
    output.say(f"{status.name} at {status.base_url.removesuffix('/public/v1')}")
    asked = "" if status.asked_at else "Postiz was not asked, so this is what the journal says. "
    for remark in status.remarks:
        output.say(f"{asked}{remark}", "yellow")
    if status.report.rows:
        channel_table(output, status.report.rows)
        output.say("")
    show_report(output, status.report, zone)
    if isinstance(now, str):
        output.say(now, "yellow")
    else:
        say_edits(output, now.edits, zone)
        say_in_the_way(output, now.edits)
        if now.edits.is_open:
            output.say(f"What a run would do: {command_on(status.path, 'plan')}")
        if (new := len(now.edits.new)) and not now.edits.is_open:
            output.say(
                f"{count(new, 'row')} of the file {'are' if new > 1 else 'is'} not sent yet."
            )
        output.say_some(list(map(str, group_problems(now.problems))), _NAMED, "yellow")
        if now.problems:
            output.say(_SAVED)
    if doubt := doubt_text(status.doubts, datetime.now(UTC).timestamp(), zone):
        output.say(f"In doubt until a run has looked: {doubt}", "yellow")
    if (quota := status.quota) is not None:
        output.say(
            f"Quota: {quota.remaining:,} of {quota.limit:,} requests left when last seen, "
            f"{moment(quota.as_of, zone)}"
        )


def _file_now(status: CampaignStatus, reading: ReadOptions) -> FileComparison | str:
    """Compare the campaign's file with the journal; a text says why if that is not possible."""
    try:
        return status.compare(reading=reading)
    except CampaignError as error:
        saved = "" if status.path == status.journal_path else f" {_SAVED}"
        return f"The file cannot be compared with what was sent: {error}{saved}"
