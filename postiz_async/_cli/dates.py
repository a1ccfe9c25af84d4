"""The command `dates`: fill the empty dates of a campaign's table."""

from __future__ import annotations

import os
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import anyio.to_thread
from cyclopts import Parameter

from postiz_async._campaign.fill_dates import fill_dates
from postiz_async._cli.connection import zone_of
from postiz_async._cli.help import FILE
from postiz_async._cli.options import Json, ReadAs, Said, aware, moment_option, pairs
from postiz_async._cli.output import Output, command_on, count, moment
from postiz_async.errors import CampaignError
from postiz_async.stores._files import replace_file


async def dates(
    file: Annotated[Path, Parameter(help="The table: a CSV file or a spreadsheet.")],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    slots: str | None = None,
    channel_slots: list[str] | None = None,
    start: Annotated[
        Said | None,
        moment_option("No earlier date, like 2027-01-15 or '2027-01-15 09:00'; by default now."),
    ] = None,
    json: Json = False,
    read_as: Annotated[ReadAs, Parameter(name="*", group=FILE)] = ReadAs(),
) -> None:
    """Fill the empty dates of a table, and write it to a new file.

    Each row gets the next time at which its channel has neither a row nor a post in Postiz. Filled
    cells stay as they are.

    Args:
        output: The new file, a .csv; there must be none of this name.
        slots: When posts are published, like 'mon-fri 9:00 13:00; sat 11:00'. Times without days
            are for each day.
        channel_slots: The same for one channel, like 'mastodon=daily 18:00'; can be repeated.
    """
    shown = Output(as_json=json, says_results=True)
    if output.suffix.lower() != ".csv":
        raise CampaignError(f"{output} would be no CSV file; name it .csv.")
    if await anyio.to_thread.run_sync(os.path.lexists, output):
        raise CampaignError(f"{output} is there already. Name a new file.")
    said = pairs("--channel-slots", channel_slots, "'mastodon=daily 18:00'", str.partition)
    if slots is not None:
        said[""] = slots
    reading = await read_as.options(file)
    zone = zone_of(read_as.connection, reading.timezone)
    async with read_as.connection.client() as postiz:
        done = await fill_dates(
            file,
            reading,
            said,
            list_channels=postiz.channels.list,
            list_posts=postiz.posts.list,
            now=datetime.fromtimestamp(postiz.clock.time(), UTC),
            start=None if start is None else aware(start, "--start", zone),
        )
    try:
        await anyio.to_thread.run_sync(replace_file, output, done.csv)
    except OSError as error:
        raise CampaignError(f"{output} cannot be written: {error.strerror}.") from error
    if json:
        shown.json({"file": str(output), "rows": [each._asdict() for each in done.rows]})
        return
    for warning in done.warnings:
        shown.say(f"warning: {warning}", "yellow")
    shown.result(f"{count(len(done.rows), 'date')} filled in, in {output}")
    shown.say_some(
        [f"row {n}: {channel}, {moment(at, at.tzinfo or zone)}" for n, channel, at in done.rows]
    )
    shown.say(f"Next: {command_on(output, 'plan')} --timezone {shlex.quote(zone.key)}")
    kept, beside = file.with_suffix(".toml"), output.with_suffix(".toml")
    if kept != beside and await anyio.to_thread.run_sync(kept.exists):
        shown.say(f"Copy {kept} to {beside} before: it says how the table is read.")
