"""The tickets of an outbox in PostgreSQL, as those see them who hand over and ask."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, LiteralString, cast

import msgspec

from postiz_async._delivery.journal_file import RowState
from postiz_async._outbox.connections import write_through
from postiz_async._outbox.tickets import read_entry
from postiz_async.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from postiz_async._outbox.tickets import EntryRow, OutboxEntry
    from postiz_async._outbox.turns import Turns
    from postiz_async.models.posts import CreatePost
    from postiz_async.stores._postgres import Database

__all__ = [
    "TICKET_COLUMNS",
    "AllTickets",
    "HandOverTable",
    "as_json",
    "channel_of",
    "read_ticket",
    "unreadable",
]

_LONGEST_NAME = 63
"""Bytes of a name in PostgreSQL."""

TICKET_COLUMNS: LiteralString = (
    "t.number, t.id, '' AS owner, t.state, t.due, t.dated, t.body, t.post_ids, t.sent, t.sent_at, "
    "t.note, t.mended_at"
)
"""Of `tickets t`, as `read_ticket` reads them."""

_PUT: LiteralString = (
    "INSERT INTO {schema}.tickets AS t (id, quota, due, dated, body, post_ids) "
    "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO UPDATE SET id = excluded.id "
    "RETURNING pg_notify(%s, t.quota), "
    "CASE current_setting('transaction_isolation') WHEN 'serializable' THEN 0 ELSE"
    " (SELECT count(*) FROM (SELECT FROM {schema}.tickets p WHERE p.quota = t.quota"
    " AND p.state = 'planned' AND p.due < t.due LIMIT 1000) before) END, " + TICKET_COLUMNS
)
"""Carried out again, when the answer was lost or the ticket is there, it comes to the same.

In a transaction that must not have read what others write, what leaves before is not counted.
"""


def channel_of(schema: str) -> str:
    """The channel of NOTIFY on which new tickets are told, with the name of their quota."""
    name = f"{schema}_tickets"
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    return f"postiz_async_{hashlib.sha256(schema.encode()).hexdigest()[:32]}_tickets"


class HandOverTable:
    """The hand-overs of one quota, as those see them who hand over; as `HandOvers`.

    Args:
        database: has the tickets.
        turns: knows the organisations.
        quota: the name of the quota that the tickets spend.
        organization: what the user calls it.
        base_url: its server.
    """

    worker = "anybody"

    def __init__(
        self, database: Database, turns: Turns, *, quota: str, organization: str, base_url: str
    ) -> None:
        self._database = database
        self._turns = turns
        self._quota = quota
        self._organization = organization
        self._base_url = base_url
        self._put = database.statement(_PUT)
        self._put_parts = self._put.as_string(None).split("%s")

    async def put(
        self,
        ticket: str,
        body: CreatePost,
        due: float,
        *,
        dated: bool,
        owned: bool,
        connection: object = None,
    ) -> tuple[OutboxEntry, int]:
        del owned
        await self._turns.register(self._quota, self._organization, self._base_url)
        ids = (None,) * len(body.posts)
        encoded, encoded_ids = as_json(body), as_json(ids)
        channel = channel_of(self._database.schema)
        values = (ticket, self._quota, due, dated, encoded, encoded_ids, channel)
        if connection is None:
            row = await self._written(values)
        else:
            row = await write_through(connection, self._put_parts, values)
        return read_ticket(self._database, cast("EntryRow", tuple(row[2:]))), int(row[1])

    async def _written(self, values: tuple[object, ...]) -> Sequence[Any]:
        try:
            [row] = await self._database.fetch(self._put, values)
        except StoreError as error:
            if not error.may_be_done:
                raise
            raise StoreError(
                f"{str(error).partition(chr(10))[0]}\n  This hand-over may have been taken "
                f"nevertheless, as ticket {values[0]}: ask for it when the database is back, "
                "before you hand it over again."
            ) from None
        return row

    async def get(self, ticket: str) -> OutboxEntry | None:
        if not _may_be(ticket):
            return None
        found = await self._database.fetch(
            self._database.statement(
                "SELECT " + TICKET_COLUMNS + " FROM {schema}.tickets t WHERE id = %s AND quota = %s"
            ),
            (ticket, self._quota),
        )
        return read_ticket(self._database, found[0]) if found else None

    async def ahead(self, entry: OutboxEntry) -> int:
        [(count,)] = await self._database.fetch(
            self._database.statement(
                "SELECT count(*) FROM (SELECT FROM {schema}.tickets WHERE quota = %s "
                "AND state = 'planned' AND (due, number) < (%s, %s) LIMIT 1000) before"
            ),
            (self._quota, entry.due, entry.number),
        )
        return int(count)

    async def held_up(self, entry: OutboxEntry) -> tuple[float, str]:
        """By when its organisation has its next turn."""
        wait, why = await _next_turn(self._database, entry)
        return wait * self._turns.speed, why

    async def counts(self) -> dict[RowState, int]:
        found = await self._database.fetch(
            self._database.statement(
                "SELECT state, count(*) FROM {schema}.tickets WHERE quota = %s GROUP BY state"
            ),
            (self._quota,),
        )
        return _counts(self._database, found)

    async def withdraw(self, ticket: str) -> bool:
        done = await self._database.fetch(
            self._database.statement(
                "UPDATE {schema}.tickets SET state = 'skipped', note = 'withdrawn', "
                "ended_at = statement_timestamp() "
                "WHERE id = %s AND quota = %s AND state = 'planned' RETURNING 1"
            ),
            (ticket, self._quota),
        )
        return bool(done)


class AllTickets:
    """The hand-overs of all organisations, as those see them who ask; as `Asked`.

    Args:
        database: has the tickets.
    """

    worker = "anybody"

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, ticket: str) -> OutboxEntry | None:
        if not _may_be(ticket):
            return None
        found = await self._database.fetch(
            self._database.statement(
                "SELECT " + TICKET_COLUMNS + " FROM {schema}.tickets t WHERE id = %s"
            ),
            (ticket,),
        )
        return read_ticket(self._database, found[0]) if found else None

    async def counts(self) -> dict[RowState, int]:
        found = await self._database.fetch(
            self._database.statement("SELECT state, count(*) FROM {schema}.tickets GROUP BY state")
        )
        return _counts(self._database, found)

    async def withdraw(self, ticket: str) -> bool:
        done = await self._database.fetch(
            self._database.statement(
                "UPDATE {schema}.tickets SET state = 'skipped', note = 'withdrawn', "
                "ended_at = statement_timestamp() WHERE id = %s AND state = 'planned' RETURNING 1"
            ),
            (ticket,),
        )
        return bool(done)

    async def next_turn(self, entry: OutboxEntry) -> tuple[float, str]:
        """When the next turn of a ticket's organisation is, and what holds it up.

        Returns:
            Seconds of the database, 0 in a turn, and a reason; empty: nothing.
        """
        return await _next_turn(self._database, entry)

    async def troubles(self) -> dict[str, str]:
        """What holds organisations up, by their names; a thousand at most."""
        found = await self._database.fetch(
            self._database.statement(
                "SELECT organization, trouble FROM {schema}.organizations WHERE trouble <> '' "
                "ORDER BY organization LIMIT 1000"
            )
        )
        return {str(organization): str(trouble) for organization, trouble in found}


def as_json(value: object) -> str:
    """A struct as a column has it."""
    return msgspec.json.encode(value).decode()


def read_ticket(database: Database, row: EntryRow) -> OutboxEntry:
    """The ticket in a row of `TICKET_COLUMNS`.

    Raises:
        StoreError: another version wrote it.
    """
    try:
        return read_entry(row)
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise unreadable(database, row[1], error) from None


def unreadable(database: Database, ticket: str, error: Exception) -> StoreError:
    """What is said of a ticket that cannot be read."""
    return StoreError(
        f"Ticket {ticket} in {database.where} cannot be read: {error}. Was it written by another "
        "version of this library? It is left as it is."
    )


def _counts(database: Database, found: Iterable[tuple[str, int]]) -> dict[RowState, int]:
    try:
        return {RowState(state): int(count) for state, count in found}
    except ValueError as error:
        raise StoreError(
            f"The tickets in {database.where} cannot be counted: {error}. Were some written by "
            "another version of this library?"
        ) from None


def _may_be(ticket: str) -> bool:
    """Whether a text may be the id of a ticket; others cannot even be asked for."""
    return ticket.isprintable()


_NEXT_TURN: LiteralString = (
    "SELECT CASE WHEN holder IS NULL AND ready_at < 'infinity' THEN greatest(0, "
    "extract(epoch FROM ready_at - statement_timestamp()))::float8 ELSE 0.0 END, "
    "trouble FROM {schema}.organizations WHERE quota = "
    "(SELECT quota FROM {schema}.tickets WHERE number = %s)"
)


async def _next_turn(database: Database, entry: OutboxEntry) -> tuple[float, str]:
    """When the next turn of a ticket's organisation is, and what holds it up.

    Returns:
        Seconds of the database, 0 in a turn, and a reason; empty: nothing.
    """
    found = await database.fetch(database.statement(_NEXT_TURN), (entry.number,))
    return (float(found[0][0]), str(found[0][1])) if found else (0.0, "")
