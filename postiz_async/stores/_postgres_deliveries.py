"""Deliveries in PostgreSQL, for senders on any number of hosts; see `_sql_deliveries`.

Each change is one statement, and each method one round trip.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import aclosing, asynccontextmanager
from functools import cache
from string import Template
from typing import TYPE_CHECKING, Any

from postiz_async.stores._postgres_connections import write_through
from postiz_async.stores._sql_deliveries import PUT, READ_PUT, SqlDeliveries
from postiz_async.stores.postgres import PostgresRecords

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

    from postiz_async.errors import StoreError
    from postiz_async.stores._deliveries import Topic
    from postiz_async.stores._postgres import Database
    from postiz_async.stores._sql_deliveries import Rows

_LONGEST_NAME = 63
"""Bytes of a name in PostgreSQL, at most."""

_FIRST = "(SELECT d.scope, d.until FROM {schema}.deliveries d WHERE d.ended_at IS NULL"

_WORDS = {
    "scopes": "{schema}.scopes",
    "deliveries": "{schema}.deliveries",
    "delivered": "{schema}.delivered",
    "endings": "{schema}.endings",
    "now": "{now}",
    "greatest": "greatest",
    "json_array": "json_build_array",
    "json_object": "json_object_agg",
    "by_open": "",
    "lock": "FOR NO KEY UPDATE",
    "lock_free": "FOR NO KEY UPDATE SKIP LOCKED",
    "put": "put",
    "put_returning": "RETURNING *, xmax = 0 AS is_unseen,"
    " CAST(pg_notify(:deliveries, scope) AS text)",
    "is_unseen": "is_unseen",
    "is_serializable": "current_setting('transaction_isolation') = 'serializable'",
    "counted": "counted",
    "each_post": "unnest(CAST(:post_ids AS text[])) AS post_id",
    "seen": "pg_current_snapshot()",
    "is_new": "d.put_in >= pg_snapshot_xmin(s.seen)"
    " AND d.put_in < pg_snapshot_xmax(pg_current_snapshot())"
    " AND NOT pg_visible_in_snapshot(d.put_in, s.seen) ORDER BY d.put_in LIMIT 1",
    "first_of_each": f"{_FIRST} ORDER BY scope, until LIMIT 1) UNION ALL"
    " SELECT next.* FROM open, LATERAL"
    f" {_FIRST} AND d.scope > open.scope ORDER BY scope, until LIMIT 1) AS next",
    "tell_ending": ", CAST(pg_notify(:endings, (SELECT scope FROM {schema}.deliveries"
    " WHERE number = :number)) AS text)",
    "tell_scope": "pg_notify(:deliveries, :scope)",
}
"""Snapshots show what is new. Numbers do not: the transaction with the lower number may end later;
and transactions of the future come from a dump of another database."""


@cache
def _translated(last: str, **parts: str) -> Any:  # for the driver a literal string
    """A statement of parts, with `%(name)s` for each value."""
    named = ", ".join(f"{name} AS ({part})" for name, part in parts.items())
    text = Template(f"WITH {named} {last}" if parts else last).substitute(_WORDS)
    text = re.sub(r"IN \(:found_(\w+)\)", r"= ANY (ARRAY(SELECT \1 FROM found))", text)
    text = re.sub(r"IN \((:\w+)\)", r"= ANY (\1)", text)
    return re.sub(r":(\w+)", r"%(\1)s", text)


class PostgresDeliveries(SqlDeliveries):
    """Deliveries in PostgreSQL; implements `Deliveries`.

    Args:
        database: the database with the tables.
        speed: seconds of the client's clock in one of the database's; infinite: one.
    """

    def __init__(self, database: Database, speed: float = 1.0) -> None:
        super().__init__(speed)
        self._database = database
        self._channels = {
            topic: channel_of(database.schema, topic) for topic in ("deliveries", "endings")
        }
        self._registered: set[str] = set()
        self._keys: dict[str, str] = {}
        """The names of keys that are known to belong to organisations, by scope."""

    @property
    def where(self) -> str:
        return self._database.where

    @property
    def records(self) -> PostgresRecords:
        return PostgresRecords(self._database)

    async def open(self) -> None:
        await self._database.check()

    async def aclose(self) -> None:
        await self._database.aclose()

    def _trouble(self, reason: str) -> StoreError:
        return self._database.trouble(reason)

    async def _read(self, statement: str, values: Mapping[str, object]) -> Rows:
        return await self._database.fetch(_translated(statement), values)

    async def _change(self, values: Mapping[str, object], last: str = "", /, **parts: str) -> Rows:
        last = last or ("SELECT * FROM found" if "found" in parts else "SELECT 1")
        return await self._database.fetch(_translated(last, **parts), {**values, **self._channels})

    async def _put_through(self, connection: object, values: Mapping[str, object]) -> Sequence[Any]:
        values = {**values, **self._channels}
        statement = self._database.statement(_translated(READ_PUT, put=PUT))
        parts = re.split(r"%\((\w+)\)s", statement.as_string(None))
        return await write_through(connection, parts[::2], [values[name] for name in parts[1::2]])

    async def register(self, scope: str, organization: str, base_url: str) -> None:
        if scope not in self._registered:
            await super().register(scope, organization, base_url)
            self._registered.add(scope)

    async def key_owner(self, scope: str, key_name: str) -> str | None:
        if self._keys.get(scope) == key_name:
            return None
        other = await super().key_owner(scope, key_name)
        if other is None:
            self._keys[scope] = key_name
        return other

    @asynccontextmanager
    async def changes(
        self, topic: Topic = "deliveries"
    ) -> AsyncGenerator[AsyncIterator[Sequence[str]]]:
        async with (
            self._database.listening(self._channels[topic]) as names,
            aclosing((name,) async for name in names) as changes,
        ):
            yield changes


def channel_of(schema: str, topic: str) -> str:
    """The NOTIFY channel of changes; the payload is the name of the scope."""
    name = f"{schema}_{topic}"
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    return f"postiz_async_{hashlib.sha256(schema.encode()).hexdigest()[:32]}_{topic}"
