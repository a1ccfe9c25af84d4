"""A store for many hosts: PostgreSQL. Needs the extra `postgres`."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from postiz_async._wire.secrets import OfOneProcess, Secret
from postiz_async.stores import Kept, in_micros, in_seconds, new_version
from postiz_async.stores._postgres import Database
from postiz_async.stores._postgres_schema import ddl

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PostgresStore", "ddl"]

_REMOVED = 8
"""Expired records removed with each write."""

_GET: LiteralString = """
SELECT value, version, time FROM (SELECT {clock} AS time) AS clock
LEFT JOIN {schema}.records ON scope = %s AND key = %s AND (expires IS NULL OR expires > {now})
"""

_INSERT: LiteralString = """
INSERT INTO {schema}.records AS kept (scope, key, version, value, expires)
VALUES (%s, %s, %s, %s, {now} + %s)
ON CONFLICT (scope, key) DO UPDATE
SET version = excluded.version, value = excluded.value, expires = excluded.expires
WHERE kept.expires <= {now}
RETURNING {clock}
"""

_UPDATE: LiteralString = """
UPDATE {schema}.records SET version = %s, value = %s, expires = {now} + %s
WHERE scope = %s AND key = %s AND version = %s AND (expires IS NULL OR expires > {now})
RETURNING {clock}
"""

_REMOVE: LiteralString = """
WITH removed AS (
    DELETE FROM {schema}.records WHERE (scope, key) IN (
        SELECT scope, key FROM {schema}.records WHERE expires <= {now}
        AND (scope, key) <> (%s, %s)
        ORDER BY expires LIMIT %s FOR UPDATE SKIP LOCKED
    )
)
"""


class PostgresRecords:
    """Records in a database; implements `Records`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, scope: str, key: str, /) -> Kept:
        [(value, version, time)] = await self._database.fetch(_GET, [scope, key])
        return Kept(value, version or 0, in_seconds(time))

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        new, kept_for = new_version(), None if keep is None else in_micros(keep)
        statement = _INSERT
        values: Sequence[object] = [scope, key, new, value, kept_for]
        if version:
            statement, values = _UPDATE, [new, value, kept_for, scope, key, version]
        if keep is not None:
            statement, values = _REMOVE + statement, [scope, key, _REMOVED, *values]
        rows = await self._database.fetch(statement, values)
        if rows:
            return True, Kept(value, new, in_seconds(rows[0][0]))
        return False, await self.get(scope, key)

    async def aclose(self) -> None:
        await self._database.aclose()


class PostgresStore(PostgresRecords, OfOneProcess):
    """Keeps ledgers and records in PostgreSQL; each read and each change is one round trip.

    A second round trip, to read, follows if another client was quicker. The time is the time of the
    database, so that the clocks of the hosts do not matter.

    Its tables are made once, by `init`, by `postiz-async outbox init`, or by a migration with
    `ddl`. On Windows its driver needs another event loop than the one that Python takes there:
    `asyncio.Runner(loop_factory=asyncio.SelectorEventLoop)`.

    Args:
        url: such as `postgresql://user:password@host:5432/database`; the password is not shown by
            `repr`.
        schema: the schema with the tables.
        connections: at most; calls wait while all are in use.

    Raises:
        ConfigurationError: the extra is not installed, or the URL or the schema cannot be used.
        StoreError: from its methods, when the database cannot be reached or used.
    """

    def __init__(
        self, url: str | Secret, *, schema: str = "postiz_async", connections: int = 10
    ) -> None:
        url = Secret.of(url)
        super().__init__(Database(url, schema=schema, connections=connections))
        self.schema: str = self._database.schema
        self.where: str = self._database.where
        """Host, port and name of the database, without the password."""

    def __repr__(self) -> str:
        return f"PostgresStore({self.where!r}, schema={self.schema!r})"

    async def init(self) -> bool:
        """Create the schema and its tables, if they do not exist.

        Returns:
            Whether they were created.

        Raises:
            StoreError: the database cannot be used, or has the schema in another version.
        """
        return await self._database.init()
