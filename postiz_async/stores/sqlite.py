"""A store for the processes of one host: a SQLite file."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

from postiz_async.errors import StoreError
from postiz_async.stores import Versioned

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SqliteStore"]

T = TypeVar("T")

APPLICATION_ID = 0x506F7A71
SCHEMA_VERSION = 1
BUSY_MS = 250
"""Milliseconds to wait for another process's write, which takes about one."""


class SqliteStore:
    """Keeps states in a SQLite file; put it on a local disk.

    Args:
        path: the file; made when it is not there, and its folder with it.

    Raises:
        StoreError: from its methods, when the file cannot be used, or is something else.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._connection: sqlite3.Connection | None = None
        self._turn: anyio.Lock | None = None

    def __repr__(self) -> str:
        return f"SqliteStore({str(self.path)!r})"

    async def read(self, name: str) -> Versioned:
        return await self._do(lambda c: _read(c, name))

    async def swap(self, name: str, version: int, value: bytes) -> tuple[bool, Versioned]:
        return await self._do(lambda c: _swap(c, name, version, value))

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(connection.close)

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._turn is None:
            self._turn = anyio.Lock()
        with anyio.CancelScope(shield=True):
            async with self._turn:
                return await anyio.to_thread.run_sync(self._work, work)
        raise AssertionError("a shielded block is never left by cancellation")

    def _work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = _open(self.path)
            return work(self._connection)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"The quota's file {self.path} cannot be used: {error}. While the quota of the "
                "other processes is not known, nothing is sent."
            ) from error


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(
        path, timeout=BUSY_MS / 1000, check_same_thread=False, isolation_level=None
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        _prepare(connection, path)
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    mark = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if mark == 0 and tables == 0:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute(
            "CREATE TABLE ledgers (name TEXT PRIMARY KEY, version INTEGER NOT NULL, "
            "value BLOB NOT NULL) STRICT"
        )
    elif mark != APPLICATION_ID:
        raise StoreError(f"{path} is a SQLite file of another program; it was left as it is.")
    elif version != SCHEMA_VERSION:
        raise StoreError(
            f"{path} was written by another version of this library (schema {version}, this one "
            f"knows {SCHEMA_VERSION}). Use one version everywhere, or another file."
        )


def _read(connection: sqlite3.Connection, name: str) -> Versioned:
    row = connection.execute(
        "SELECT value, version FROM ledgers WHERE name = ?", (name,)
    ).fetchone()
    return Versioned(row[0], row[1], None) if row else Versioned(None, 0, None)


def _swap(
    connection: sqlite3.Connection, name: str, version: int, value: bytes
) -> tuple[bool, Versioned]:
    if version == 0:
        done = connection.execute(
            "INSERT INTO ledgers VALUES (?, 1, ?) ON CONFLICT DO NOTHING", (name, value)
        )
    else:
        done = connection.execute(
            "UPDATE ledgers SET version = version + 1, value = ? WHERE name = ? AND version = ?",
            (value, name, version),
        )
    if done.rowcount == 1:
        return True, Versioned(value, version + 1, None)
    return False, _read(connection, name)
