"""`status`: how far a campaign is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio.to_thread

from postiz_async._cli.after_run import channel_table, read_status, show_report
from postiz_async._cli.campaigns import CampaignFile, JournalOption
from postiz_async._cli.connection import Connection, zone_of
from postiz_async._cli.edits import say_edits
from postiz_async._cli.options import Json, ReadAs, find_reading
from postiz_async._cli.output import Output, moment
from postiz_async._cli.waiting import doubt_text
from postiz_async.documents import status_document
from postiz_async.errors import BatchError, group_problems

if TYPE_CHECKING:
    from postiz_async import CampaignStatus, ReadOptions
    from postiz_async.types import FileComparison


_NAMED = 5
"""Problems that are said."""

_SAVED = (
    "Options of run that say how the file is read have to be given here too, unless --save has "
    "kept them."
)


async def status(
    file: CampaignFile,
    /,
    *,
    journal: JournalOption = None,
    json: Json = False,
    read_as: ReadAs = ReadAs(),
    connection: Connection = Connection(),
) -> int:
    """Show the progress of a campaign, even while it runs, and changes in its file.

    Contacts no server.
    """
    output = Output(as_json=json, says_results=True)
    status = await read_status(file, journal)
    report = status.report
    code = 0 if report.complete and not report.doubled else 1
    reading = await find_reading(file, read_as, connection)
    zone = zone_of(connection, reading.timezone)
    now = await anyio.to_thread.run_sync(_file_now, status, reading)
    if json:
        output.json(status_document(status, None if isinstance(now, str) else now))
        return code
    output.say(f"{status.campaign} at {status.base_url.removesuffix('/public/v1')}")
    if report.rows:
        channel_table(output, report.rows)
        output.say("")
    show_report(output, report, zone)
    if isinstance(now, str):
        output.say(now, "yellow")
    else:
        say_edits(output, now.edits, file, zone)
        output.say_some(list(map(str, group_problems(now.problems))), _NAMED, "yellow")
        if now.problems:
            output.say(_SAVED)
    if doubt := doubt_text(status.doubts, datetime.now(UTC).timestamp(), zone):
        output.say(f"In doubt until a run or an update has looked: {doubt}", "yellow")
    if (quota := status.quota) is not None:
        output.say(
            f"Quota: {quota.remaining:,} of {quota.limit:,} requests left when last seen, "
            f"{moment(quota.as_of, zone)}"
        )
    return code


def _file_now(status: CampaignStatus, reading: ReadOptions) -> FileComparison | str:
    """What the file says differently than the journal, or why that cannot be told."""
    if status.path.suffix == ".journal":
        return f"{status.path} is the journal, so it is not known what the file says now."
    try:
        return status.compare(reading=reading)
    except BatchError as error:
        return f"The file cannot be compared with what was sent: {error}\n{_SAVED}"
