"""`export`: posts that are in Postiz as a campaign file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from postiz_async.batch.dialects import is_json
from postiz_async.batch.exporting import Form, Naming, Which, export_posts, gathered
from postiz_async.cli.output import Output, count
from postiz_async.cli.ranges import EndOption, Start, StateOption, day_range
from postiz_async.cli.settings import Connection, find_target, open_client
from postiz_async.errors import InvalidPostError, Problem

__all__ = ["export"]


async def export(
    *,
    start: Start = None,
    end: EndOption = None,
    state: StateOption = None,
    integration: Annotated[str | None, Parameter(help="Only this channel, by id.")] = None,
    tag: Annotated[str | None, Parameter(help="Only with this tag.")] = None,
    channels: Annotated[
        Naming, Parameter(help="What the file calls the channels; names are read elsewhere too.")
    ] = "id",
    format: Annotated[  # noqa: A002
        Form | None, Parameter(help="The form; as the name of the file says, else CSV.")
    ] = None,
    to: Annotated[Path | None, Parameter(help="A file; standard output if not given.")] = None,
    force: Annotated[bool, Parameter(help="Overwrite the file.")] = False,
    connection: Connection = Connection(),
) -> int:
    """Write posts as a campaign, to be filled in and run: Postiz returns no media and threads."""
    output = Output(as_json=True)
    if to is not None and format is not None and is_json(to) != (format == "jsonl"):
        raise InvalidPostError([Problem("--format", f"{to.name} would not be read as {format}")])
    async with open_client(find_target(connection)) as postiz:
        first, last = day_range(postiz, start, end)
        which = Which(
            start=first, end=last, state=state, integration=integration, tag=tag, naming=channels
        )
        if to is not None:
            done = await export_posts(postiz, to, overwrite=force, **which)
        else:
            done = (await gathered(postiz, **which))(sys.stdout, format or "csv")
    output.say(f"{count(done.posts, 'post')} from {first:%Y-%m-%d} to {last:%Y-%m-%d}")
    for note in done.notes if done.posts else ():
        output.say(note, "yellow")
    return 0
