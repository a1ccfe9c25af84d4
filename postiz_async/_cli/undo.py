"""The command `undo`: delete the posts of a campaign that are still to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Annotated

from postiz_async._cli.connection import zone_of
from postiz_async._cli.forecasts import say_left
from postiz_async._cli.options import (
    JournalOptions,
    Json,
    ReadAs,
    Said,
    Yes,
    aware,
    moment_option,
)
from postiz_async._cli.output import Output, ask, bare_moment, count
from postiz_async._cli.progress import CountDisplay
from postiz_async._cli.results import row_and_post, undo_result
from postiz_async.errors import CampaignError, ConfigurationError, describe_rows
from postiz_async.types import Reason, RowRecord, UndoResult


async def undo(
    file: Path,
    /,
    *,
    after: Annotated[
        Said | None,
        moment_option(
            "Only from this date on, like 2027-01-15 or '2027-01-15 09:00'.", name="--from"
        ),
    ] = None,
    channel: str | None = None,
    rows: str | None = None,
    force: bool = False,
    yes: Yes = False,
    journal: JournalOptions = JournalOptions(),
    json: Json = False,
    read_as: ReadAs = ReadAs(),
) -> int:
    """Delete the posts that are not published yet. Shows them first.

    Published posts are never deleted. A later run sends these rows with --again, or once they say
    something else. Stop it with Ctrl-C and run it again at any time.

    Args:
        file: The campaign that was run, or its journal.
        channel: Only this channel: its id, name, or provider if no other channel has it.
        rows: Only these rows of the current file, like 3-9 or 2,5,12-14.
        force: Also delete posts that people have edited in Postiz.
    """
    output = Output(as_json=json)
    reading = await read_as.options(file)
    zone = zone_of(read_as.connection, reading.timezone)
    start = None if after is None else aware(after, "--from", zone)
    async with (
        journal.client(read_as.connection) as postiz,
        postiz.sent_campaign(
            file,
            journal=journal.place,
            schema=journal.schema,
            name=journal.name,
            reading=reading,
        ) as sent,
    ):
        undoing = partial(sent.undo, after=start, channel=channel, rows=rows, force=force)
        would = await undoing(dry_run=True)
        if not json:
            _show_undo(output, would, zone)
        if not would.rows and not would.unsent:
            return _undone(output, would, is_done=True)
        agreed = yes or (bool(would.rows) and not json and ask("Delete these posts?"))
        if not agreed:
            if not json:
                deletes = "--yes deletes these posts" if would.rows else "No post is stored"
                output.say(f"Nothing was deleted. {deletes}.", "yellow")
            return _undone(output, would, is_done=False)
        total = len(would.rows)
        display = CountDisplay(output, "deleted", total, zone, sent.doubts, postiz.clock)
        work = undoing(on_outcome=display.saw)
        undone = await display.run(work, fatal=(CampaignError, ConfigurationError))
    if not isinstance(undone, int):
        return _undone(output, undone, is_done=True)
    if not json:
        output.say(f"Stopped: {display.done:,} deleted. The same command goes on.", "yellow")
    else:
        deleted = {each.ref for each in display.outcomes}
        said = undo_result(would, done=False)
        said["deleted"] = [row_and_post(row) for row in would.rows if row.ref in deleted]
        said["would_delete"] = [row_and_post(row) for row in would.rows if row.ref not in deleted]
        output.json(said)
    return undone


def _undone(output: Output, undone: UndoResult, *, is_done: bool) -> int:
    if output.as_json:
        output.json(undo_result(undone, done=is_done))
    elif is_done and not (undone.rows or undone.left or undone.unsent):
        output.say("Nothing is left to delete.")
    elif is_done:
        output.say(f"{count(len(undone.rows), 'post')} deleted.", "bold green")
        say_left(output, _numbers(undone.left))
        if undone.unsent:
            output.say(f"{count(undone.unsent, 'row')} not sent yet; run would send them.")
    is_left = not undone.left.keys() <= {Reason.PUBLISHED, Reason.FAILED}
    return 1 if is_done and is_left else 0


def _show_undo(output: Output, would: UndoResult, zone: tzinfo) -> None:
    """Show which posts would be deleted, by channel, and which are left."""
    by_channel: dict[str, list[float]] = {}
    names: dict[str, str] = {}
    for row in would.rows:
        names.setdefault(row.channel, row.name or row.channel)
        by_channel.setdefault(row.channel, []).append(row.seconds)
    if by_channel:
        output.table(
            ["channel", "posts", f"from ({zone})", "to"],
            [
                (
                    names[channel],
                    f"{len(dates):,}",
                    bare_moment(min(dates), zone),
                    bare_moment(max(dates), zone),
                )
                for channel, dates in by_channel.items()
            ],
            numbers=["posts"],
        )
    say_left(output, _numbers(would.left))
    if would.unknown:
        output.say(f"not in this campaign: {describe_rows(would.unknown)}", "yellow")


def _numbers(left: Mapping[Reason, Sequence[RowRecord]]) -> dict[Reason, list[int]]:
    return {why: [row.number for row in rows] for why, rows in left.items()}
