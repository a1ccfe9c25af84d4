"""`undo`: the posts of a campaign that are still to come are deleted again."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from postiz_async._cli.connection import Connection, find_target, open_client, zone_of
from postiz_async._cli.options import Json, ReadAs, Said, aware, find_reading, moment_option
from postiz_async._cli.output import Output, ask, bare_moment, count
from postiz_async._cli.progress import CountDisplay
from postiz_async.documents import post_of_row, undo_document
from postiz_async.errors import BatchError, ConfigurationError, describe_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import tzinfo

    from postiz_async import Undone
    from postiz_async.types import RowRecord


WHY = {
    "published": "published already",
    "failed": "refused by the network",
    "edited": "edited in Postiz",
    "due": "due too soon",
    "shared": "in one group with another post",
    "hidden": "on a channel that is gone",
    "gone": "deleted or moved in Postiz",
    "invalid": "the row has problems",
    "no_slot": "no create request is free before the date, so it stays on its channel",
    "late": "the new date has passed",
    "refused": "Postiz refused the change; the reason: postiz-async status",
    "now": "of type now: what was published is not changed",
    "begun": "to be deleted, and it is not certain yet that it is; postiz-async undo continues",
    "ours": "still there, though Postiz was asked to delete it; try again",
}


async def undo(
    file: Path,
    /,
    *,
    after: Annotated[
        Said | None,
        moment_option("Only posts from this time on, like '2027-01-15 09:00'."),
    ] = None,
    channel: str | None = None,
    rows: str | None = None,
    edited: bool = False,
    yes: bool = False,
    journal: Path | None = None,
    json: Json = False,
    read_as: ReadAs = ReadAs(),
    connection: Connection = Connection(),
) -> int:
    """Delete the posts of a campaign that are not published yet. Shows them first.

    Published posts are never deleted. A later run sends these rows only with --again. Stop it with
    Ctrl-C and run it again at any time.

    Args:
        file: The campaign that was run, or its journal.
        channel: Only this channel: its id, name, or provider if no other channel has it.
        rows: Only these rows of the current file, like 3-9 or 2,5,12-14.
        edited: Also delete posts that people have edited in Postiz.
        yes: Delete without asking.
        journal: The journal; by default next to the campaign.
    """
    output = Output(as_json=json)
    reading = await find_reading(file, read_as, connection)
    zone = zone_of(connection, reading.timezone)
    start = None if after is None else aware(after, "--after", zone)
    async with (
        open_client(find_target(connection)) as postiz,
        postiz.sent_campaign(file, journal=journal, reading=reading) as sent,
    ):
        undoing = partial(sent.undo, after=start, channel=channel, rows=rows, edited=edited)
        would = await undoing(dry_run=True)
        if not json:
            _show(output, would, zone)
        if not would.rows and not would.unsent:
            return _done(output, would, is_done=True)
        agreed = yes or (bool(would.rows) and not json and ask("Delete these posts?"))
        if not agreed:
            if not json:
                output.say("Nothing was deleted. --yes deletes these posts.", "yellow")
            return _done(output, would, is_done=False)
        total = len(would.rows)
        display = CountDisplay(output, "deleted", total, zone, sent.doubts, postiz.clock)
        work = undoing(on_outcome=display.saw)
        undone = await display.run(work, fatal=(BatchError, ConfigurationError))
    if not isinstance(undone, int):
        return _done(output, undone, is_done=True)
    if not json:
        output.say(f"Stopped: {display.done:,} deleted. The same command goes on.", "yellow")
    else:
        deleted = {each.ref for each in display.outcomes}
        said = undo_document(would, done=False)
        said["deleted"] = [post_of_row(row) for row in would.rows if row.ref in deleted]
        said["would_delete"] = [post_of_row(row) for row in would.rows if row.ref not in deleted]
        output.json(said)
    return undone


def _done(output: Output, undone: Undone, *, is_done: bool) -> int:
    if output.as_json:
        output.json(undo_document(undone, done=is_done))
    elif is_done and not (undone.rows or undone.left or undone.unsent):
        output.say("Nothing is left to delete.")
    elif is_done:
        output.say(f"{count(len(undone.rows), 'post')} deleted.", "bold green")
        say_left(output, _numbers(undone.left), "--edited")
        if undone.unsent:
            output.say(f"{count(undone.unsent, 'row')} not sent yet; run would send them.")
    is_left = not undone.left.keys() <= {"published", "failed"}
    return 1 if is_done and is_left else 0


def _show(output: Output, would: Undone, zone: tzinfo) -> None:
    """Which posts would be deleted, by channel, and which are left."""
    by_channel: dict[str, list[float]] = {}
    names: dict[str, str] = {}
    for row in would.rows:
        names.setdefault(row.channel, row.name or row.channel)
        by_channel.setdefault(row.channel, []).append(row.date)
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
    say_left(output, _numbers(would.left), "--edited")
    if would.unknown:
        output.say(f"not in this campaign: {describe_rows(would.unknown)}", "yellow")


def say_left(output: Output, left: Mapping[str, Iterable[int]], force: str) -> None:
    """Which posts stay as they are, and why; `force` is the option for what people edited."""
    for why, rows in left.items():
        hint = f" ({force} does it anyway)" if why in _FORCED[force] else ""
        output.say(f"left: {describe_rows(rows)}: {WHY[why]}{hint}", "yellow")


_FORCED = {"--edited": {"edited"}, "--force": {"edited", "gone"}}


def _numbers(left: Mapping[str, Sequence[RowRecord]]) -> dict[str, list[int]]:
    return {why: [row.number for row in rows] for why, rows in left.items()}
