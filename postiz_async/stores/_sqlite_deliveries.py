"""Deliveries in the file of a `SqliteStore`, beside its ledgers; see `_sql_deliveries`."""

from __future__ import annotations

import asyncio
import json
import math
import re
import sqlite3
from contextlib import aclosing, asynccontextmanager, contextmanager
from functools import cache
from string import Template
from typing import TYPE_CHECKING, Any, TypeVar

from postiz_async.errors import StoreError, UsageError
from postiz_async.stores import in_micros
from postiz_async.stores._deliveries import TakenError
from postiz_async.stores._sql_deliveries import SqlDeliveries
from postiz_async.stores._sqlite_files import explain, read_clock, resume_clock, set_clock

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Callable,
        Generator,
        Mapping,
        Sequence,
    )

    from postiz_async.stores._deliveries import Topic
    from postiz_async.stores._sql_deliveries import Rows
    from postiz_async.stores.sqlite import SqliteStore

_T = TypeVar("_T")

_UNUSABLE = (
    "The outbox {} cannot be used: {}\n"
    "  What was handed over before is safe in it; nothing more is taken or sent."
)

_LOOK = 1.0
"""Seconds between two looks for changes by other processes, as SQLite sends no notifications."""

_WORDS = {
    "scopes": "scopes",
    "deliveries": "deliveries",
    "delivered": "delivered",
    "endings": "endings",
    "now": ":now",
    "greatest": "max",
    "json_array": "json_array",
    "json_object": "json_group_object",
    "by_open": "INDEXED BY deliveries_open",
    "lock": "",
    "lock_free": "",
    "put": "deliveries",
    "put_returning": "",
    "is_unseen": "FALSE",
    "is_serializable": "FALSE",
    "counted": "endings",
    "each_post": "(SELECT value AS post_id FROM json_each(:post_ids))",
    "seen": "(SELECT coalesce(max(number), 0) FROM deliveries)",
    "is_new": "d.number > s.seen LIMIT 1",
    "first_of_each": "SELECT name, (SELECT until FROM deliveries WHERE scope = name"
    " AND ended_at IS NULL ORDER BY until LIMIT 1) FROM scopes",
    "tell_ending": "",
    "tell_scope": "NULL",
}

_TAKEN = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}


@cache
def _translated(statement: str) -> str:
    text = Template(statement).substitute(_WORDS)
    return re.sub(r"IN \((:\w+)\)", r"IN (SELECT value FROM json_each(\1))", text)


class SqliteDeliveries(SqlDeliveries):
    """Deliveries in a SQLite file; implements `Deliveries`.

    Args:
        store: the store that uses the file.
    """

    def __init__(self, store: SqliteStore) -> None:
        super().__init__()
        self._store = store
        self._clock = store._clock  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        self._do_in_store = store._do  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        self._ahead_by = -math.inf
        """Seconds by which the file's clock was ahead of the monotonic one when last read."""

    @property
    def where(self) -> str:
        return str(self._store.path)

    @property
    def records(self) -> SqliteStore:
        return self._store

    async def open(self) -> None:
        await self._do(lambda _: None)

    async def aclose(self) -> None:
        """Write down the time and close: the file's clock may stand still until the next use."""

        def keep(c: sqlite3.Connection) -> None:
            with _transaction(c):
                self._time(c, set_clock)

        try:
            await self._do(keep)
        finally:
            await self._store.aclose()

    async def _do(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            return await self._do_in_store(work, _UNUSABLE)
        except (ValueError, OverflowError) as error:  # a value that SQLite cannot store
            raise self._trouble(explain(error)) from None

    def _trouble(self, reason: str) -> StoreError:
        return StoreError(_UNUSABLE.format(self.where, reason))

    def _time(self, c: sqlite3.Connection, tell: Callable[..., float]) -> int:
        """The time of the file in microseconds; it never goes back while this process lives."""
        monotonic = self._clock.monotonic()
        time = tell(c, self._clock, monotonic + self._ahead_by)
        self._ahead_by = time - monotonic
        return in_micros(time)

    async def _read(self, statement: str, values: Mapping[str, object]) -> Rows:
        def read(c: sqlite3.Connection) -> Rows:
            now = self._time(c, read_clock)
            return c.execute(_translated(statement), {**_bound(values), "now": now}).fetchall()

        return await self._do(read)

    async def _change(self, values: Mapping[str, object], last: str = "", /, **parts: str) -> Rows:
        def change(c: sqlite3.Connection) -> Rows:
            with _transaction(c):
                now = self._time(c, resume_clock)  # else it stands still for idle senders
                given = {**_bound(values), "now": now}
                changes = c.total_changes
                found: Rows = []
                for name, part in parts.items():
                    cursor = c.execute(_translated(part), given)
                    if name == "found":
                        found = cursor.fetchall()
                        columns = [column for column, *_ in cursor.description]
                        for n, column in enumerate(columns):
                            given[f"found_{column}"] = json.dumps([row[n] for row in found])
                    cursor.close()
                if last:
                    found = c.execute(_translated(last), given).fetchall()
                if c.total_changes > changes:
                    self._time(c, set_clock)
                return found

        return await self._do(change)

    async def _put_through(self, connection: object, values: Mapping[str, object]) -> Sequence[Any]:
        del connection, values
        raise UsageError(
            "An outbox in a file has no part in a transaction of your database; nothing was "
            "stored. Leave connection= out, or give the outbox that PostgreSQL."
        )

    @asynccontextmanager
    async def changes(
        self, topic: Topic = "deliveries"
    ) -> AsyncGenerator[AsyncIterator[Sequence[str]]]:
        del topic  # other connections only tell that something changed
        async with aclosing(self._changes(await self._do(_seen))) as changes:
            yield changes

    async def _changes(self, seen: object) -> AsyncGenerator[Sequence[str]]:
        while True:
            await asyncio.sleep(_LOOK)
            before, seen = seen, await self._do(_seen)
            if seen != before:
                yield ()


def _bound(values: Mapping[str, object]) -> dict[str, Any]:
    """Values as SQLite takes them: a list is JSON."""
    return {n: json.dumps(each) if isinstance(each, list) else each for n, each in values.items()}


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Generator[None]:
    try:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode not in _TAKEN:
            raise
        raise TakenError from None


def _seen(connection: sqlite3.Connection) -> object:
    """A value that differs after a change by another connection."""
    return connection, connection.execute("PRAGMA data_version").fetchone()
