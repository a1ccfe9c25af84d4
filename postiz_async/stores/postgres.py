"""A store for many hosts: PostgreSQL. Needs the extra `postgres`."""

from __future__ import annotations

from typing import Any

from postiz_async._wire.secrets import OfOneProcess, Secret
from postiz_async.stores import Versioned, new_version
from postiz_async.stores._postgres import Database
from postiz_async.stores._postgres_schema import ddl

__all__ = ["PostgresStore", "ddl"]

_REMOVED = 8
"""Records whose time is over, removed with each that is written."""

_READ = """
SELECT value, version, time
FROM (SELECT extract(epoch FROM clock_timestamp())::float8 AS time) AS clock
LEFT JOIN {schema}.ledgers ON name = %s
"""

_INSERT = """
INSERT INTO {schema}.ledgers (name, version, value) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
RETURNING extract(epoch FROM clock_timestamp())::float8
"""

_UPDATE = """
UPDATE {schema}.ledgers SET version = %s, value = %s WHERE name = %s AND version = %s
RETURNING extract(epoch FROM clock_timestamp())::float8
"""

_READ_KEY = """
SELECT value, version, time
FROM (SELECT extract(epoch FROM clock_timestamp())::float8 AS time) AS clock
LEFT JOIN {schema}.idempotency ON quota = %s AND key = %s AND expires > statement_timestamp()
"""

_REMOVE = """
WITH removed AS (
    DELETE FROM {schema}.idempotency WHERE (quota, key) IN (
        SELECT quota, key FROM {schema}.idempotency
        WHERE expires <= statement_timestamp() AND (quota, key) <> (%s, %s)
        ORDER BY expires LIMIT %s FOR UPDATE SKIP LOCKED
    )
)
"""

_INSERT_KEY = (
    _REMOVE
    + """
INSERT INTO {schema}.idempotency AS kept (quota, key, version, value, expires)
VALUES (%s, %s, %s, %s, statement_timestamp() + make_interval(secs => %s))
ON CONFLICT (quota, key) DO UPDATE
SET version = excluded.version, value = excluded.value, expires = excluded.expires
WHERE kept.expires <= statement_timestamp()
RETURNING extract(epoch FROM clock_timestamp())::float8
"""
)

_UPDATE_KEY = (
    _REMOVE
    + """
UPDATE {schema}.idempotency SET version = %s, value = %s,
    expires = statement_timestamp() + make_interval(secs => %s)
WHERE quota = %s AND key = %s AND version = %s AND expires > statement_timestamp()
RETURNING extract(epoch FROM clock_timestamp())::float8
"""
)


class PostgresStore(OfOneProcess):
    """Keeps states and records in PostgreSQL; each look and each change is one round trip.

    A second one, to look, follows when somebody else was quicker. The time is the time of the
    database, so that the clocks of the hosts do not matter.

    Its tables are made once, by `init`, by `postiz-async outbox init`, or by a migration with
    `ddl`. On Windows its driver needs another event loop than the one that Python takes there:
    `asyncio.Runner(loop_factory=asyncio.SelectorEventLoop)`.

    Args:
        url: such as `postgresql://user:password@host:5432/database`; the password is in no
            representation.
        schema: the schema that has the tables.
        connections: at most; calls wait while all are in use.

    Raises:
        ConfigurationError: the extra is not installed, or the URL or the schema cannot be used.
        StoreError: from its methods, when the database cannot be reached or used.
    """

    def __init__(
        self, url: str | Secret, *, schema: str = "postiz_async", connections: int = 10
    ) -> None:
        url = Secret.of(url)
        self._database = database = Database(url, schema=schema, connections=connections)
        self._read = database.statement(_READ)
        self._insert = database.statement(_INSERT)
        self._update = database.statement(_UPDATE)
        self._read_key = database.statement(_READ_KEY)
        self._insert_key = database.statement(_INSERT_KEY)
        self._update_key = database.statement(_UPDATE_KEY)

    def __repr__(self) -> str:
        return f"PostgresStore({self._database.where!r}, schema={self._database.schema!r})"

    async def init(self) -> bool:
        """Make the schema and its tables, if they are not there.

        Returns:
            Whether they were made.

        Raises:
            StoreError: the database cannot be used, or has the schema in another version.
        """
        return await self._database.init()

    async def read(self, name: str) -> Versioned:
        return _versioned(await self._database.fetch(self._read, [name]))

    async def swap(self, name: str, version: int, value: bytes) -> tuple[bool, Versioned]:
        new = new_version()
        if version == 0:
            rows = await self._database.fetch(self._insert, [name, new, value])
        else:
            rows = await self._database.fetch(self._update, [new, value, name, version])
        if rows:
            return True, Versioned(value, new, rows[0][0])
        return False, await self.read(name)

    async def read_key(self, quota: str, key: str) -> Versioned:
        return _versioned(await self._database.fetch(self._read_key, [quota, key]))

    async def swap_key(
        self, quota: str, key: str, version: int, value: bytes, *, keep: float
    ) -> tuple[bool, Versioned]:
        remove, new = [quota, key, _REMOVED], new_version()
        if version == 0:
            row = [quota, key, new, value, keep]
            rows = await self._database.fetch(self._insert_key, [*remove, *row])
        else:
            row = [new, value, keep, quota, key, version]
            rows = await self._database.fetch(self._update_key, [*remove, *row])
        if rows:
            return True, Versioned(value, new, rows[0][0])
        return False, await self.read_key(quota, key)

    async def aclose(self) -> None:
        await self._database.aclose()


def _versioned(rows: list[tuple[Any, ...]]) -> Versioned:
    value, version, time = rows[0]
    return Versioned(value, version or 0, time)
