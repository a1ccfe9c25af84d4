"""A store for the processes of one host: a SQLite file."""

from __future__ import annotations

import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio

from postiz_async._concurrency import in_thread
from postiz_async.errors import StoreError
from postiz_async.stores import Versioned
from postiz_async.stores._files import connect, make_folder

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SqliteStore", "explain", "open_shared"]

T = TypeVar("T")

_APPLICATION_ID = 0x506F7A71
_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE ledgers (name TEXT PRIMARY KEY, version INTEGER NOT NULL, value BLOB NOT NULL) STRICT
"""
_RECORDS = """
CREATE TABLE IF NOT EXISTS idempotency (
    quota TEXT NOT NULL, key TEXT NOT NULL,
    version INTEGER NOT NULL, value BLOB NOT NULL, expires REAL NOT NULL,
    PRIMARY KEY (quota, key)
) STRICT;
CREATE INDEX IF NOT EXISTS idempotency_expires ON idempotency (expires)
"""
"""Made when it is first used: earlier releases, which know one table, go on using the file."""

_REMOVED = 8
"""Records whose time is over, removed with each that is written."""

BUSY_MS = 2000
"""Milliseconds to wait for another process's write, which takes about one."""

_ADVICE = {
    sqlite3.SQLITE_BUSY: "Another program keeps it locked, such as a backup or a database browser; "
    "let that end.",
    sqlite3.SQLITE_READONLY: "Let this user write to the file and to its folder, or name another.",
    sqlite3.SQLITE_CANTOPEN: "Check that it is a file, and that this user may write to its folder.",
    sqlite3.SQLITE_PERM: "Let this user read and write it, or name another file.",
    sqlite3.SQLITE_FULL: "The disk is full: make room, or name a file on another disk.",
    sqlite3.SQLITE_IOERR: "Is the disk full, or gone? The file must be on a local disk.",
    sqlite3.SQLITE_NOTADB: "It is something else: name another file, or move this one away.",
    sqlite3.SQLITE_CORRUPT: "It is damaged: move it away; a new one is made.",
}
"""What to do, by the primary code of SQLite's error."""


class SqliteStore:
    """Keeps states and records in a SQLite file; put it on a local disk.

    Args:
        path: the file; made when it is not there, and its folder with it, for its owner alone.

    Raises:
        StoreError: from its methods, when the file cannot be used, or is something else.
    """

    def __init__(self, path: Path | str) -> None:
        self.path: Path = Path(path)
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._has_records = False
        self._turn: anyio.Lock | None = None

    def __repr__(self) -> str:
        return f"SqliteStore({str(self.path)!r})"

    async def read(self, name: str) -> Versioned:
        return await self._do(lambda c: _read(c, name))

    async def swap(self, name: str, version: int, value: bytes) -> tuple[bool, Versioned]:
        return await self._do(lambda c: _swap(c, name, version, value))

    async def read_key(self, quota: str, key: str) -> Versioned:
        return await self._do(lambda c: _read_key(self._with_records(c), quota, key))

    async def swap_key(
        self, quota: str, key: str, version: int, value: bytes, *, keep: float
    ) -> tuple[bool, Versioned]:
        return await self._do(
            lambda c: _swap_key(self._with_records(c), quota, key, version, value, keep)
        )

    async def aclose(self) -> None:
        await self._in_turn(self._close)

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._in_turn(partial(self._work, work))

    async def _in_turn(self, work: Callable[[], T]) -> T:
        """One thread at a time uses the connection, also when callers are cancelled."""
        if self._turn is None:
            self._turn = anyio.Lock()
        with anyio.CancelScope(shield=True):
            async with self._turn:
                return await in_thread(work)
        raise AssertionError("a shielded block is never left by cancellation")

    def _work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return work(self._connected())
        except (sqlite3.Error, OSError) as error:
            self._close()
            raise StoreError(_message(self.path, error)) from None

    def _connected(self) -> sqlite3.Connection:
        """A connection to the file that is at the path now: one that was deleted is nobody's."""
        if self._connection is None or _inode(self.path) != self._inode:
            self._close()
            self._connection = open_shared(self.path, _APPLICATION_ID, _SCHEMA_VERSION, _SCHEMA)
            self._inode = _inode(self.path)
        return self._connection

    def _with_records(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        if not self._has_records:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                for statement in _RECORDS.split(";"):
                    connection.execute(statement)
            self._has_records = True
        return connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        self._has_records = False
        if connection is not None:
            connection.close()


def _inode(path: Path) -> int:
    """Which file is at the path; 0 for none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _message(path: Path, error: Exception) -> str:
    return (
        f"The quota's file {path} cannot be used: {explain(error)}\n"
        "  Nothing is sent: without the file, what other processes spent and sent is not known."
    )


def explain(error: Exception) -> str:
    """What is wrong with a SQLite file, and what to do."""
    advice = ""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        advice = _ADVICE.get(code, "")
    elif isinstance(error, OSError):
        advice = "Check that its folder can be made and written to, or name another file."
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    return f"{reason}. {advice}"


def open_shared(
    path: Path, application: int, version: int, schema: str, *, durable: bool = False
) -> sqlite3.Connection:
    """Open a file that several processes use, or make it.

    Args:
        path: the file; its folder is made too, both for their owner alone.
        application: the number that marks files of this kind.
        version: of its schema.
        schema: the statements that make it, with `;` between them.
        durable: a transaction survives a loss of power, at the price of a disk's flush each.

    Raises:
        StoreError: it is something else, or of another version. It is left as it is.
        sqlite3.Error: it cannot be used; see `explain`. So does an OSError.
    """
    make_folder(path.parent)
    connection = connect(path, timeout=BUSY_MS / 1000, autocommit=True)
    try:
        connection.execute("BEGIN")  # all of it as of one moment, while another makes the file
        _is_new(connection, path, application, version)
        connection.execute("COMMIT")
        _use_wal(connection)
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        connection.execute("BEGIN IMMEDIATE")
        if _is_new(connection, path, application, version):
            connection.execute(f"PRAGMA application_id = {application}")
            connection.execute(f"PRAGMA user_version = {version}")
            for statement in schema.split(";"):
                connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL; of two that switch a new file at once SQLite fails one without waiting."""
    ends = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > ends:
                raise
            time.sleep(0.01)
        else:
            return


def _is_new(connection: sqlite3.Connection, path: Path, application: int, version: int) -> bool:
    """Whether the file is empty; one that is not ours is refused."""
    mark = connection.execute("PRAGMA application_id").fetchone()[0]
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if mark == 0 and tables == 0:
        return True
    if mark != application:
        raise StoreError(
            f"{path} is a SQLite file of another program or for another purpose; it was left as "
            "it is. Name another file."
        )
    if found != version:
        raise StoreError(
            f"{path} was written by another version of this library (schema {found}, this one "
            f"knows {version}). Use one version everywhere, or another file."
        )
    return False


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


# ------------------------------------------------------------------ idempotency keys


def _read_key(connection: sqlite3.Connection, quota: str, key: str) -> Versioned:
    row = connection.execute(
        "SELECT value, version FROM idempotency WHERE quota = ? AND key = ? AND expires > ?",
        (quota, key, time.time()),
    ).fetchone()
    return Versioned(row[0], row[1], None) if row else Versioned(None, 0, None)


def _swap_key(
    connection: sqlite3.Connection, quota: str, key: str, version: int, value: bytes, keep: float
) -> tuple[bool, Versioned]:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        now = time.time()
        if version == 0:
            done = connection.execute(
                "INSERT INTO idempotency VALUES (?, ?, 1, ?, ?) ON CONFLICT DO UPDATE "
                "SET version = 1, value = excluded.value, expires = excluded.expires "
                "WHERE expires <= ?",
                (quota, key, value, now + keep, now),
            )
        else:
            done = connection.execute(
                "UPDATE idempotency SET version = version + 1, value = ?, expires = ? "
                "WHERE quota = ? AND key = ? AND version = ? AND expires > ?",
                (value, now + keep, quota, key, version, now),
            )
        if done.rowcount != 1:
            return False, _read_key(connection, quota, key)
        connection.execute(
            "DELETE FROM idempotency WHERE rowid IN "
            "(SELECT rowid FROM idempotency WHERE expires <= ? ORDER BY expires LIMIT ?)",
            (now, _REMOVED),
        )
        return True, Versioned(value, version + 1, None)
