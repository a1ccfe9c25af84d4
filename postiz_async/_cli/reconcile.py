"""The commands `reconcile` and `export`: compare posts in Postiz with a campaign, or write one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from postiz_async._cli.after_run import read_status, show_report
from postiz_async._cli.connection import Connection, said_zone, zone_of
from postiz_async._cli.options import (
    ApiOptions,
    EndOption,
    JournalOptions,
    OnlyChannel,
    ReadAs,
    Start,
    StateOption,
    day_range,
    said_as_options,
)
from postiz_async._cli.output import Output, ask, count
from postiz_async.documents import reconcile_document
from postiz_async.types import Naming, ReconcileResult


async def reconcile(
    file: Path,
    /,
    *,
    journal: JournalOptions = JournalOptions(),
    delete_doubles: Annotated[bool, Parameter(negative="")] = False,
    api: ApiOptions = ApiOptions(),
) -> int:
    """Find posts of a campaign that were moved, deleted or duplicated. Sends no post.

    If the campaign's own runs stored a post twice, it asks whether to delete the duplicate. Posts
    that people made or edited are left alone.

    Args:
        file: The campaign that was run, or its journal.
        delete_doubles: Delete duplicates without asking.
    """
    output = Output(as_json=api.json)
    reading = await ReadAs(connection=api.connection).options(file)
    zone = zone_of(api.connection, reading.timezone)
    async with (
        journal.client(api.connection) as postiz,
        postiz.sent_campaign(
            file,
            journal=journal.place,
            schema=journal.schema,
            name=journal.name,
        ) as sent,
    ):
        found = await sent.reconcile(delete_doubles=delete_doubles)
        if found.doubles and not delete_doubles:
            agreed = ask(f"{_doubles(found)}. Delete what is one too many?")
            if agreed:  # compare again: the answer may have taken a while
                found = await sent.reconcile(delete_doubles=True)
            else:
                why = (
                    ""
                    if agreed is False
                    else ": there is no terminal to ask on; say --delete-doubles"
                )
                output.result(f"{_doubles(found)}. Nothing was deleted{why}.", "yellow")
    report = (await read_status(file, journal)).report
    if api.json:
        output.json(reconcile_document(report, found))
    else:
        show_report(output, report, zone)
        if found.is_fine and not found.doubles and not found.hidden:
            output.result("Nothing was moved, edited, deleted or duplicated in Postiz.")
        for remark in found.remarks:
            output.result(remark, "yellow")
        if found.hidden:
            output.result(
                f"{count(len(found.hidden), 'channel')} gone from Postiz, so nothing is known of "
                f"what is stored there: {', '.join(found.hidden)}",
                "yellow",
            )
    return 0 if found.is_fine and report.complete else 1


def _doubles(found: ReconcileResult) -> str:
    were = "was" if found.doubles == 1 else "were"
    return f"{count(found.doubles, 'post')} of this campaign {were} stored twice"


async def export(
    *,
    start: Start = None,
    end: EndOption = None,
    state: StateOption = None,
    channel: OnlyChannel = None,
    tag: str | None = None,
    naming: Naming = "id",
    format: Literal["csv", "jsonl"] | None = None,  # noqa: A002
    excel: Annotated[bool, Parameter(negative="")] = False,
    to: Path | None = None,
    analytics: bool = False,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    connection: Connection = Connection(),
) -> None:
    """Write posts to a campaign file; Postiz returns no media and threads.

    Args:
        tag: Only with this tag.
        naming: How to name channels; names also work in another organisation.
        format: The format; by default from the name of the file, else CSV.
        excel: For a spreadsheet: .xlsx depending on the name, else CSV with semicolons; channels
            by name, no comments, dates in the zone of --timezone or the profile, else in UTC.
        to: The file; by default standard output.
        analytics: Include figures of published posts, such as views and likes.
        overwrite: Replace the file, if there is one.
    """
    output = Output(as_json=True)
    async with connection.client() as postiz, said_as_options():
        zone, said = zone_of(connection), said_zone(connection)
        first, last = day_range(postiz, start, end, zone)
        done = await postiz.export(
            to,
            start=first,
            end=last,
            state=state,
            channel=channel,
            tag=tag,
            naming=naming,
            analytics=analytics,
            excel=excel,
            timezone=None if said is None else said.key,
            overwrite=overwrite,
            format=format,
        )
    if to is None:
        output.file(done.content)
    output.say(f"{count(done.posts, 'post')} from {first:%Y-%m-%d} to {last:%Y-%m-%d} ({zone})")
    for note in done.notes if done.posts else ():
        output.say(note, "yellow")
