"""The commands `reconcile` and `export`: compare posts in Postiz with a campaign, or write one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from postiz_async._cli.after_run import read_status, show_report
from postiz_async._cli.connection import Connection, said_zone, zone_of
from postiz_async._cli.options import (
    ApiOptions,
    JournalOptions,
    ReadAs,
    WhichPosts,
    Yes,
    said_as_options,
)
from postiz_async._cli.output import Output, ask, count
from postiz_async._cli.results import reconcile_result
from postiz_async._cli.stored_posts import span_text
from postiz_async.types import Naming, ReconcileResult


async def reconcile(
    file: Path,
    /,
    *,
    journal: JournalOptions = JournalOptions(),
    yes: Yes = False,
    api: ApiOptions = ApiOptions(),
) -> int:
    """Find posts that were moved, edited, deleted or stored twice.

    If the campaign's own runs stored a post twice, it asks whether to delete the duplicate. Posts
    that people made or edited are left alone.

    Args:
        file: The campaign that was run, or its journal.
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
        found = await sent.reconcile(delete_doubles=yes)
        if found.doubles and not yes:
            agreed = ask(f"{_doubles(found)}. Delete what is one too many?")
            if agreed:  # compare again: the answer may have taken a while
                found = await sent.reconcile(delete_doubles=True)
            else:
                why = "" if agreed is False else ": there is no terminal to ask on; say --yes"
                output.result(f"{_doubles(found)}. Nothing was deleted{why}.", "yellow")
    report = (await read_status(file, journal)).report
    if api.json:
        output.json(reconcile_result(report, found))
    else:
        show_report(output, report, zone)
        if found.is_fine and not found.doubles and not found.hidden:
            output.result("Nothing was moved, edited, deleted or duplicated in Postiz.")
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
    file: Path | None = None,
    /,
    *,
    which: WhichPosts = WhichPosts(),
    naming: Naming = "id",
    format: Literal["csv", "jsonl"] | None = None,  # noqa: A002
    excel: bool = False,
    analytics: bool = False,
    overwrite: bool = False,
    connection: Connection = Connection(),
) -> None:
    """Write posts to a campaign file, without media and threads.

    Args:
        file: The file; by default standard output.
        naming: How to name channels; names also work in another organisation.
        format: The format; by default from the name of the file, else CSV.
        excel: CSV as the Excel of your country opens it: channels by name, no comments, dates in
            the zone of --timezone or the profile, else in UTC.
        analytics: Include figures of published posts, such as views and likes.
        overwrite: Replace the file, if there is one.
    """
    output = Output(as_json=True)
    async with connection.client() as postiz, said_as_options():
        zone, said = zone_of(connection), said_zone(connection)
        wanted = which.filter(postiz, zone)
        done = await postiz.export(
            file,
            **wanted,
            naming=naming,
            analytics=analytics,
            excel=excel,
            timezone=None if said is None else said.key,
            overwrite=overwrite,
            format=format,
        )
    if file is None:
        output.file(done.content)
    output.say(f"{count(done.posts, 'post')} {span_text(wanted, zone)}")
    for note in done.notes if done.posts else ():
        output.say(note, "yellow")
