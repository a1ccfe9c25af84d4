"""`status`: how far a campaign is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio.to_thread

from postiz_async._campaign.after.report import make_report
from postiz_async._campaign.origin import journal_path
from postiz_async._campaign.plan.grouping import group_problems
from postiz_async._campaign.run.resume import file_now
from postiz_async._cli.after_run import channel_table, show_report
from postiz_async._cli.campaigns import CampaignFile, JournalOption
from postiz_async._cli.connection import Connection, zone_of
from postiz_async._cli.edits import say_edits
from postiz_async._cli.options import Json, ReadAs, find_reading
from postiz_async._cli.output import Output, moment
from postiz_async._cli.waiting import doubt_text
from postiz_async._delivery.journal_file import read_summary
from postiz_async._delivery.journal_requests import read_unanswered
from postiz_async._quota import SILENT
from postiz_async.documents import (
    DoubtObject,
    QuotaSeen,
    StatusDocument,
    edits_object,
    problem_objects,
    report_document,
)
from postiz_async.errors import BatchError
from postiz_async.types import Doubts

if TYPE_CHECKING:
    from pathlib import Path

    from postiz_async import ReadOptions
    from postiz_async._campaign.run.resume import FileNow
    from postiz_async._delivery.journal_file import Summary
    from postiz_async._quota.snapshot import Snapshot


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
    path = journal or (file if file.suffix == ".journal" else journal_path(file))
    summary = await anyio.to_thread.run_sync(read_summary, path)
    doubts = await anyio.to_thread.run_sync(_doubts, path)
    report = make_report(summary.rows, summary.requests, summary.left_out)
    code = 0 if report.complete and not report.doubled else 1
    reading = await find_reading(file, read_as, connection)
    zone = zone_of(connection, reading.timezone)
    now = await anyio.to_thread.run_sync(_file_now, file, summary, reading)
    if json:
        said: StatusDocument = {
            **report_document(report),
            "server": summary.base_url,
            "campaign": summary.campaign,
            "in_doubt": _doubt_object(doubts),
            "quota": _quota_object(summary.kept),
            "edits": None if isinstance(now, str) else edits_object(now.edits),
            "problems": [] if isinstance(now, str) else problem_objects(now.problems),
        }
        output.json(said)
        return code
    output.say(f"{summary.campaign} at {summary.base_url.removesuffix('/public/v1')}")
    if report.rows:
        channel_table(output, report.rows)
        output.say("")
    show_report(output, report, zone)
    if isinstance(now, str):
        output.say(now, "yellow")
    else:
        say_edits(output, now.edits, file, zone)
        lines = group_problems(now.problems)
        for line in lines[:_NAMED]:
            output.say(f"  {line}", "yellow")
        if len(lines) > _NAMED:
            output.say(f"  ... and {len(lines) - _NAMED:,} more (--json has all)")
        if lines:
            output.say(_SAVED)
    if doubt := doubt_text(doubts, datetime.now(UTC).timestamp(), zone):
        output.say(f"In doubt until a run or an update has looked: {doubt}", "yellow")
    if summary.kept is not None and summary.kept.limit_read:
        output.say(
            f"Quota: {summary.kept.remaining:,} of {summary.kept.limit:,} requests left when last "
            f"seen, {moment(summary.kept.as_of, zone)}"
        )
    return code


def _doubts(path: Path) -> Doubts:
    """The requests without an answer, as those are that look them up."""
    doubts = Doubts()
    for posts, sent_at in read_unanswered(path):
        doubts.add(posts, sent_at + SILENT)
    return doubts


def _doubt_object(doubts: Doubts) -> DoubtObject | None:
    if not doubts.requests:
        return None
    certain_at = datetime.fromtimestamp(doubts.certain_at, UTC)
    return {"requests": doubts.requests, "posts": doubts.posts, "certain_at": certain_at}


def _file_now(file: Path, summary: Summary, reading: ReadOptions) -> FileNow | str:
    """What the file says differently than the journal, or why that cannot be told."""
    if file.suffix == ".journal":
        return f"{file} is the journal, so it is not known what the file says now."
    try:
        return file_now(file, summary.rows, reading=reading, now=datetime.now(UTC))
    except BatchError as error:
        return f"The file cannot be compared with what was sent: {error}\n{_SAVED}"


def _quota_object(kept: Snapshot | None) -> QuotaSeen | None:
    if kept is None or not kept.limit_read:
        return None
    as_of = datetime.fromtimestamp(kept.as_of, UTC)
    return {"limit": kept.limit, "remaining": kept.remaining, "as_of": as_of}
