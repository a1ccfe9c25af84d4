"""`quota`: what is left of the hour."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from postiz_async.cli.output import Output, clock_time, moment
from postiz_async.cli.settings import Connection, Json, find_target, open_client
from postiz_async.errors import describe_seconds

__all__ = ["quota"]


async def quota(
    *,
    spend_one: Annotated[
        bool,
        Parameter(
            help="Send one empty create: it is refused, costs one request, shows the headers.",
        ),
    ] = False,
    json: Json = False,
    connection: Connection = Connection(),
) -> int:
    """Show the quota as it was last seen. Reads carry no rate headers: there is no free look."""
    output = Output(as_json=json)
    target = find_target(connection)
    async with open_client(target) as postiz:
        if spend_one:
            await postiz.posts.probe()
        view = await postiz.quota()
    seen_at = view.as_of
    if json:
        when = datetime.fromtimestamp(seen_at, UTC) if seen_at is not None else None
        output.json({"quota": view, "seen_at": when, "key_from": target.source})
        return 0
    if view.blocked:
        output.say(f"locked out for {describe_seconds(view.blocked_for)}", "bold red")
    if seen_at is None or view.limit is None:
        output.say("Nothing is known yet. Look with: postiz-async quota --spend-one")
        return 0
    window = "the window has ended, a new one starts with the next create"
    if view.resets_in is not None:
        window = f"new window in {clock_time(view.resets_in)}"
    age = describe_seconds(target.clock.time() - seen_at)
    output.say(f"{view.remaining or 0:,} of {view.limit:,} requests left, {window}", "bold")
    output.say(f"last seen {age} ago ({moment(seen_at, None)}); key from {target.source}")
    return 0
