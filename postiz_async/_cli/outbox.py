"""The command `outbox`: create its tables in PostgreSQL, show its state, remove old tickets."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from postiz_async import OutboxOptions, Secret
from postiz_async._cli.connection import Connection, zone_of
from postiz_async._cli.help import COMMON
from postiz_async._cli.options import Json, Yes, store_of
from postiz_async._cli.output import Output, confirm, count, moment
from postiz_async.clock import SystemClock
from postiz_async.errors import ConfigurationError
from postiz_async.models._durations import read_duration

app = App(name="outbox", help="Make, watch and clear an outbox.", group_parameters=COMMON)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class OutboxPlace:
    """Options for the place of an outbox.

    Args:
        store: Its address, postgresql://user:password@host:5432/name, or its file; else
            POSTIZ_STORE, which other users of this machine cannot read.
        schema: The schema of its tables in PostgreSQL.
    """

    store: Annotated[Secret | None, Parameter(accepts_keys=False)] = None
    schema: str = "postiz_async"

    def options(self) -> OutboxOptions:
        """The options with the place of the outbox.

        Raises:
            ConfigurationError: no place was given, or there is no outbox.
        """
        address = store_of(self.store)
        if address is None:
            raise ConfigurationError(
                "Say which outbox: export POSTIZ_STORE=postgresql://user:password@host/name, or "
                "the path of its file (or --store)."
            )
        options = OutboxOptions(address, schema=self.schema)
        if isinstance(options.path, Path) and not options.path.exists():
            raise ConfigurationError(f"There is no outbox {options.path}.")
        return options


@app.command
async def init(*, sql: bool = False, place: OutboxPlace = OutboxPlace()) -> None:
    """Create the tables for campaigns, outbox, quota and keys in PostgreSQL.

    Args:
        sql: Only print the statements, for example for Alembic.
    """
    from postiz_async.stores.postgres import PostgresStore, ddl  # noqa: PLC0415  (an extra)

    output = Output()
    if sql:
        print(ddl(place.schema), end="")
        return
    options = place.options()
    if options.database is None:
        output.say(f"{options.path} is a file, which has its tables.")
        return
    async with aclosing(PostgresStore(options.database, schema=place.schema)) as store:
        is_new = await store.init()
        done = "was made" if is_new else "is there already, in this version"
        output.say(f'The schema "{store.schema}" in {store.where} {done}.')


@app.command
async def status(*, json: Json = False, place: OutboxPlace = OutboxPlace()) -> None:
    """Show tickets by state, and why organisations cannot send."""
    from postiz_async._outbox.places import deliveries_of  # noqa: PLC0415  (an extra)

    output = Output(as_json=json, says_results=True)
    async with aclosing(deliveries_of(place.options(), SystemClock())) as deliveries:
        await deliveries.open()
        tickets, found = await deliveries.counts(), await deliveries.overview()
    troubles = {each.organization: each.trouble for each in found if each.trouble}
    held = sum(each.is_held for each in found)
    waiting = sum(bool(each.states) and not each.is_held for each in found)
    due = min((each.due for each in found if each.due is not None), default=None)
    oldest = None if due is None else datetime.fromtimestamp(due, UTC)
    if json:
        output.json(
            {
                "tickets": tickets,
                "organizations": len(found),
                "in_turn": held,
                "waiting": waiting,
                "oldest": oldest,
                "troubles": troubles,
            }
        )
        return
    rows = [(state, f"{number:,}") for state, number in sorted(tickets.items())]
    if not rows:
        output.say("No tickets.")
        return
    output.table(["state", "tickets"], rows, numbers={"tickets"})
    output.say(
        f"{count(len(found), 'organisation')}: {held:,} being sent for, "
        f"{waiting:,} waiting for their turn"
    )
    if oldest is not None:
        output.say(f"the first waiting ticket is for {moment(oldest, zone_of(Connection()))}")
    for organization, trouble in troubles.items():
        output.say(f"{organization or '(no name)'}: {trouble}", "yellow")


@app.command
async def prune(
    *,
    keep: str = "30d",
    yes: Yes = False,
    json: Json = False,
    place: OutboxPlace = OutboxPlace(),
) -> None:
    """Remove old finished tickets. Senders do so every hour by themselves.

    Args:
        keep: How long finished tickets are kept, like 12h or 30d.
    """
    from postiz_async._outbox.places import deliveries_of  # noqa: PLC0415  (an extra)

    age = read_duration(keep)
    if age is None:
        raise ConfigurationError(f"--keep is {keep!r}; write it like 12h or 30d.")
    async with aclosing(deliveries_of(place.options(), SystemClock())) as deliveries:
        await deliveries.open()
        confirm(
            f"Remove tickets in {deliveries.where} that were finished more than {keep} ago?",
            yes=yes,
        )
        removed = await deliveries.prune(age)
    Output(as_json=json).answer(removed, f"Removed {count(removed, 'ticket')}.")
