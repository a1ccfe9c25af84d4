"""`outbox`: the tables of an outbox in PostgreSQL, and how it stands."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from postiz_async import Secret
from postiz_async._cli.connection import Connection, zone_of
from postiz_async._cli.options import Json
from postiz_async._cli.output import Output, confirm, count, moment
from postiz_async.documents import VERSION, OutboxDocument
from postiz_async.errors import ConfigurationError
from postiz_async.models._durations import read_duration

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from postiz_async.stores._postgres import Database
    from postiz_async.stores._postgres_deliveries import PostgresDeliveries


app = App(name="outbox", help="Make, watch and clear an outbox in PostgreSQL.")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class OutboxPlace:
    """Which outbox.

    Args:
        database: Its address, postgresql://user:password@host:5432/name; else POSTIZ_DATABASE_URL,
            which other users of this machine cannot read.
        schema: The schema of its tables.
    """

    database: Annotated[Secret | None, Parameter(accepts_keys=False)] = None
    schema: str = "postiz_async"


@app.command
async def init(
    *,
    sql: bool = False,
    place: OutboxPlace = OutboxPlace(),
) -> int:
    """Create the tables for outbox, quota and idempotency keys if they are missing.

    Args:
        sql: Only print the statements, for example for Alembic.
    """
    from postiz_async.stores.postgres import ddl  # noqa: PLC0415  (an extra)

    output = Output()
    if sql:
        print(ddl(place.schema), end="")
        return 0
    async with _opened(place) as database:
        is_new = await database.init()
        done = "was made" if is_new else "is there already, in this version"
        output.say(f'The schema "{database.schema}" in {database.where} {done}.')
    return 0


@app.command
async def status(*, json: Json = False, place: OutboxPlace = OutboxPlace()) -> int:
    """Show the tickets by state, and the organisations that cannot send, with the reason."""
    output = Output(as_json=json, says_results=True)
    async with _opened(place) as database:
        found = await _deliveries(database).overview()
    oldest = None if found.oldest is None else datetime.fromtimestamp(found.oldest, UTC)
    if json:
        said: OutboxDocument = {
            "version": VERSION,
            "outbox": {
                "tickets": dict(found.states),
                "organizations": found.organizations,
                "in_turn": found.held,
                "waiting": found.waiting,
                "oldest": oldest,
                "troubles": dict(found.troubles),
            },
        }
        output.json(said)
        return 0
    rows = [(state, f"{number:,}") for state, number in sorted(found.states.items())]
    if not rows:
        output.say("No tickets.")
        return 0
    output.table(["state", "tickets"], rows, numbers={"tickets"})
    output.say(
        f"{count(found.organizations, 'organisation')}: {found.held:,} being sent for, "
        f"{found.waiting:,} waiting for their turn"
    )
    if oldest is not None:
        output.say(f"the first waiting ticket is for {moment(oldest, zone_of(Connection()))}")
    for organization, trouble in found.troubles.items():
        output.say(f"{organization or '(no name)'}: {trouble}", "yellow")
    return 0


@app.command
async def prune(
    *,
    keep: str = "30d",
    yes: bool = False,
    place: OutboxPlace = OutboxPlace(),
) -> int:
    """Remove old finished tickets. Senders do so every hour by themselves.

    Args:
        keep: How long finished tickets are kept, like 12h or 30d.
        yes: Do not ask.
    """
    age = read_duration(keep)
    if age is None:
        raise ConfigurationError(f"--keep is {keep!r}; write it like 12h or 30d.")
    output = Output()
    async with _opened(place) as database:
        await database.check()
        confirm(
            f"Remove tickets in {database.where} that were finished more than {keep} ago?", yes=yes
        )
        removed = await _deliveries(database).prune(age)
    output.say(f"Removed {count(removed, 'ticket')}.")
    return 0


def _deliveries(database: Database) -> PostgresDeliveries:
    from postiz_async.stores._postgres_deliveries import (  # noqa: PLC0415  (an extra)
        PostgresDeliveries,
    )

    return PostgresDeliveries(database)


@asynccontextmanager
async def _opened(place: OutboxPlace) -> AsyncGenerator[Database]:
    from postiz_async.stores._postgres import Database  # noqa: PLC0415  (an extra)

    address = place.database or Secret(os.environ.get("POSTIZ_DATABASE_URL", ""))
    if not address:
        raise ConfigurationError(
            "Say which database: export POSTIZ_DATABASE_URL=postgresql://user:password@host/name "
            "(or --database)."
        )
    database = Database(address, schema=place.schema, connections=1, without="Nothing was changed.")
    try:
        yield database
    finally:
        await database.aclose()
