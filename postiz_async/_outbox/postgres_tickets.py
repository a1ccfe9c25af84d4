"""The tickets of an outbox in PostgreSQL, as those see them who hand over and ask."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple, cast

import msgspec

from postiz_async._delivery.journal_file import RowState
from postiz_async._outbox.connections import write_through
from postiz_async._outbox.store import Ahead
from postiz_async._outbox.tickets import read_entry
from postiz_async.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from postiz_async._outbox.tickets import EntryRow, OutboxEntry
    from postiz_async._outbox.turns import Turns
    from postiz_async.models.posts import CreatePost
    from postiz_async.stores._postgres import Database


_LONGEST_NAME = 63
"""Bytes of a name in PostgreSQL."""

TICKET_COLUMNS: LiteralString = (
    "t.number, t.id, '' AS owner, t.state, t.due, t.dated, t.body, t.post_ids, t.sent, t.sent_at, "
    "t.note, t.mended_at"
)
"""Of `tickets t`, as `read_ticket` reads them."""

_AHEAD: LiteralString = (
    "(SELECT (SELECT count(*) FROM (SELECT FROM {schema}.tickets p WHERE p.quota = t.quota"
    " AND p.state = 'planned' AND (p.due, p.number) < (t.due, t.number) LIMIT 1000) sooner)"
    " AS before, (SELECT count(*) FROM (SELECT FROM {schema}.tickets p WHERE p.quota = t.quota"
    " AND p.state = 'planned' LIMIT 1000) waiting) AS planned,"
    " CASE WHEN o.holder IS NULL AND o.failures > 0 AND o.trouble <> '' THEN"
    " extract(epoch FROM o.ready_at - statement_timestamp())::float8 ELSE 0.0 END AS rests,"
    " o.trouble FROM {schema}.organizations o WHERE o.quota = t.quota) ahead"
)
"""What a ticket `t` waits for."""

_PUT: LiteralString = (
    "INSERT INTO {schema}.tickets AS t (id, quota, due, dated, body, post_ids) "
    "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO UPDATE SET id = excluded.id "
    "RETURNING pg_notify(%s, t.quota), CASE current_setting('transaction_isolation')"
    " WHEN 'serializable' THEN NULL"
    " ELSE (SELECT ARRAY[before::text, planned::text, rests::text, trouble] FROM " + _AHEAD + ")"
    " END, " + TICKET_COLUMNS
)
"""Carried out again, when the answer was lost or the ticket is there, it comes to the same.

In a transaction that must not have read what others write, what it waits for is not read.
"""


_WHOSE: LiteralString = (
    "SELECT organization, base_url, trouble, CASE WHEN holder IS NULL AND ready_at < 'infinity' "
    "THEN greatest(0, extract(epoch FROM ready_at - statement_timestamp()))::float8 ELSE 0.0 END "
    "FROM {schema}.organizations WHERE quota = "
    "(SELECT quota FROM {schema}.tickets WHERE number = %s)"
)


class Whose(NamedTuple):
    """The organisation of a ticket."""

    organization: str
    base_url: str
    trouble: str
    """What holds it up; empty: nothing."""
    turn_in: float
    """Seconds of the database until its next turn; 0 in one."""


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
    ) -> tuple[OutboxEntry, Ahead]:
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
        before, planned, rests, trouble = row[1] or (0, 0, 0, "")
        ahead = self._ahead(int(before), int(planned) + 1, float(rests), trouble)
        return read_ticket(self._database, cast("EntryRow", tuple(row[2:]))), ahead

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

    async def ahead(self, entry: OutboxEntry) -> Ahead:
        found = await self._database.fetch(
            self._database.statement(
                "SELECT ahead.* FROM {schema}.tickets t, LATERAL " + _AHEAD + " WHERE t.number = %s"
            ),
            (entry.number,),
        )
        return self._ahead(*found[0]) if found else Ahead(0, 0)

    def _ahead(self, before: int, planned: int, rests: float, trouble: str) -> Ahead:
        return Ahead(before, planned, max(0.0, rests) * self._turns.speed, trouble)

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
                "UPDATE {schema}.tickets SET state = 'skipped', note = 'withdrawn', seen = FALSE, "
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
                "UPDATE {schema}.tickets SET state = 'skipped', note = 'withdrawn', seen = FALSE, "
                "ended_at = statement_timestamp() WHERE id = %s AND state = 'planned' RETURNING 1"
            ),
            (ticket,),
        )
        return bool(done)

    async def whose(self, entry: OutboxEntry) -> Whose:
        """The organisation of a ticket."""
        [found] = await self._database.fetch(self._database.statement(_WHOSE), (entry.number,))
        return Whose(*found)

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
