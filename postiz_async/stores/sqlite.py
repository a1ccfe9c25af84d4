"""A store for the processes of one host: a SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TypeVar
from weakref import WeakKeyDictionary

import anyio

from postiz_async._concurrency import in_thread
from postiz_async._wire.secrets import OfOneProcess
from postiz_async.clock import Clock, SystemClock
from postiz_async.errors import StoreError
from postiz_async.stores import Kept, in_micros, new_version
from postiz_async.stores._delivery_tables import delivery_tables_of_sqlite
from postiz_async.stores._sqlite_files import CLOCK, explain, open_shared, read_clock, set_clock

__all__ = ["SqliteStore"]

_T = TypeVar("_T")

_APPLICATION_ID = 0x506F7A71
_SCHEMA_VERSION = 7

_REMOVED = 8
"""Expired records removed with each write."""


_UNUSABLE = (
    "The quota's file {} cannot be used: {}\n"
    "  Nothing is sent: without the file, what other processes spent and sent is not known."
)
"""The message about a file that cannot be used, with placeholders for path and reason."""


class SqliteStore(OfOneProcess):
    """Keeps ledgers and records in a SQLite file; put it on a local disk.

    One object may serve the clients of several threads and event loops.

    Args:
        path: the file; created with its folder if it does not exist, for its owner alone.
        clock: decides when a record expires; None: the machine's clock. Its monotonic time is used:
            setting the machine's clock changes nothing.

    Raises:
        StoreError: from its methods, when the file cannot be used, or is something else.
    """

    def __init__(self, path: Path | str, *, clock: Clock | None = None) -> None:
        self.path: Path = Path(path)
        self._clock = clock or SystemClock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, anyio.Lock] = WeakKeyDictionary()
        """A lock for each event loop, so that callers wait there and not in a thread each."""
        self._in_use = Lock()

    def __repr__(self) -> str:
        return f"SqliteStore({str(self.path)!r})"

    async def get(self, scope: str, key: str, /) -> Kept:
        return await self._do(lambda c: self._kept(c, scope, key))

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        return await self._do(lambda c: self._swapped(c, scope, key, version, value, keep))

    def _kept(self, c: sqlite3.Connection, scope: str, key: str) -> Kept:
        row = c.execute(
            "SELECT value, version, expires FROM records WHERE scope = ? AND key = ?", (scope, key)
        ).fetchone()
        if row is None or (row[2] is not None and row[2] <= in_micros(read_clock(c, self._clock))):
            return Kept(None, 0, None)
        return Kept(row[0], row[1], None)

    def _swapped(
        self,
        c: sqlite3.Connection,
        scope: str,
        key: str,
        version: int,
        value: bytes,
        keep: float | None,
    ) -> tuple[bool, Kept]:
        with c:
            c.execute("BEGIN IMMEDIATE")
            now = 0 if keep is None else in_micros(set_clock(c, self._clock))
            new, expires = new_version(), None if keep is None else now + in_micros(keep)
            if version == 0:
                done = c.execute(
                    "INSERT INTO records VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                    "version = excluded.version, value = excluded.value, "
                    "expires = excluded.expires WHERE expires <= ? RETURNING 1",
                    (scope, key, new, value, expires, now),
                )
            else:
                done = c.execute(
                    "UPDATE records SET version = ?, value = ?, expires = ? WHERE scope = ? "
                    "AND key = ? AND version = ? AND (expires IS NULL OR expires > ?) RETURNING 1",
                    (new, value, expires, scope, key, version, now),
                )
            if not done.fetchall():
                return False, self._kept(c, scope, key)
            if keep is not None:
                c.execute(
                    "DELETE FROM records WHERE rowid IN "
                    "(SELECT rowid FROM records WHERE expires <= ? ORDER BY expires LIMIT ?)",
                    (now, _REMOVED),
                )
            return True, Kept(value, new, None)

    async def aclose(self) -> None:
        await self._in_turn(self._close)

    async def _do(self, work: Callable[[sqlite3.Connection], _T], unusable: str = _UNUSABLE) -> _T:
        """Run `work` with the connection in a thread; `unusable` is the message for errors."""
        return await self._in_turn(partial(self._work, work, unusable))

    async def _in_turn(self, work: Callable[[], _T]) -> _T:
        """Run `work` while no other thread uses the connection, even if the caller is cancelled."""

        def alone() -> _T:
            with self._in_use:
                return work()

        turn = self._turns.setdefault(asyncio.get_running_loop(), anyio.Lock())
        with anyio.CancelScope(shield=True):
            async with turn:
                return await in_thread(alone)
        raise AssertionError("a shielded block is never left by cancellation")

    def _work(self, work: Callable[[sqlite3.Connection], _T], unusable: str) -> _T:
        try:
            return work(self._connected())
        except (sqlite3.Error, OSError) as error:
            self._close()
            raise StoreError(unusable.format(self.path, explain(error))) from None

    def _connected(self) -> sqlite3.Connection:
        """A connection to the file now at the path; reconnects if the file was replaced."""
        if self._connection is None or _inode(self.path) != self._inode:
            self._close()
            self._connection = open_shared(
                self.path,
                _APPLICATION_ID,
                _SCHEMA_VERSION,
                f"{CLOCK};{delivery_tables_of_sqlite()}",
            )
            self._inode = _inode(self.path)
        return self._connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _inode(path: Path) -> int:
    """The inode of the file at the path; 0 if there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
