"""The command `reconcile`: compare posts in Postiz with a campaign."""

from __future__ import annotations

from pathlib import Path

from postiz_async._cli.after_run import read_status, show_report
from postiz_async._cli.connection import zone_of
from postiz_async._cli.options import (
    ApiOptions,
    JournalOptions,
    ReadAs,
    Yes,
)
from postiz_async._cli.output import Output, ask, count
from postiz_async._cli.results import reconcile_result
from postiz_async.types import ReconcileResult


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
