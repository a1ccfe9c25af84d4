"""The file of an outbox: hand-overs of any number of workers, each with exactly one owner.

A worker owns what it took in, and holds an operating-system lock for as long as it lives. A
worker that finds the lock of another free knows that it is dead, and takes over its hand-overs;
those that had an intent are looked up, never just sent. There is no lease that could run out under
a worker that is merely slow.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
from typing import TYPE_CHECKING, TypeVar

import anyio
import msgspec

from postiz_async._concurrency import in_thread
from postiz_async._delivery.journal_file import Account, RowState
from postiz_async._delivery.matching import MillisecondMarks
from postiz_async._outbox.store import Ahead
from postiz_async._outbox.tickets import OutboxEntry, from_column, read_entry, to_column
from postiz_async._outbox.workers import Workers
from postiz_async._wire import format_date
from postiz_async.clock import SystemClock
from postiz_async.errors import BatchError, StoreError, UsageError
from postiz_async.stores import _sqlite_files as files
from postiz_async.stores._sqlite_files import explain, open_shared

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime
    from pathlib import Path

    from postiz_async._delivery.lock import FileLock
    from postiz_async.clock import Clock
    from postiz_async.models.posts import CreatePost


OUTBOX_APPLICATION_ID = 0x506F7A6F
OUTBOX_SCHEMA_VERSION = 2
_SCHEMA = f"""
{files.DEPARTURES};
CREATE TABLE entries (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    quota TEXT NOT NULL,
    owner TEXT NOT NULL,
    state TEXT NOT NULL,
    due REAL NOT NULL,
    dated INTEGER NOT NULL,
    body BLOB NOT NULL,
    post_ids BLOB NOT NULL,
    sent BLOB,
    moment INTEGER,
    sent_at REAL,
    note TEXT NOT NULL DEFAULT '',
    ended_at REAL,
    mended_at REAL
) STRICT;
CREATE INDEX entries_open ON entries (quota, due) WHERE ended_at IS NULL;
CREATE INDEX entries_moment ON entries (moment) WHERE moment IS NOT NULL
"""
SELECT = (
    "SELECT number, id, owner, state, due, dated, body, post_ids, sent, sent_at, note, mended_at "
    "FROM entries"
)


T = TypeVar("T")

_MINE = "SELECT number FROM entries WHERE quota = ? AND owner = ? AND ended_at IS NULL AND state "
_DOUBTFUL = _MINE + "!= 'planned' LIMIT ?"
_PLANNED = _MINE + "= 'planned' ORDER BY due, number LIMIT ?"

_MARKED_SECONDS = 10
"""Seconds from a date in which a mark may end up, when very many are for the same second."""


class OutboxFile:
    """Entries of one quota, as one worker sees them.

    Args:
        path: the file.
        quota: the name of the quota that the entries spend; those of others are left alone.
        worker: a name that no other worker ever has.
        clock: tells how old tickets and requests are; None: the machine's.

    Raises:
        StoreError: from its methods, when the file cannot be used.
    """

    def __init__(self, path: Path, quota: str, worker: str, *, clock: Clock | None = None) -> None:
        self.path = path
        self._clock = clock or SystemClock()
        self.worker = worker
        self.planned = 0
        self._quota = quota
        self._connection: sqlite3.Connection | None = None
        self._workers = Workers(path)
        self._lock: FileLock | None = None
        self._turn = anyio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self, keep: float) -> int:
        """Open or make the file; forget what was over so many seconds ago.

        Returns:
            How many hand-overs of other quotas have nobody who would send them.
        """
        self._loop = asyncio.get_running_loop()

        def forget(c: sqlite3.Connection) -> None:
            c.execute("DELETE FROM entries WHERE ended_at < ?", (self._now(c) - keep,))
            c.execute("DELETE FROM departures WHERE number NOT IN (SELECT number FROM entries)")

        def work() -> int:
            try:
                self._transact(forget)
                self._lock = self._workers.enter(self.worker)
                return self._unowned()
            except BaseException:
                self._leave()
                raise

        return await self._run(work, undo=lambda _: self._leave())

    def _unowned(self) -> int:
        others = "FROM entries WHERE quota != ? AND ended_at IS NULL GROUP BY owner"
        query = f"SELECT owner, count(*) {others}"
        found = self._connected().execute(query, (self._quota,)).fetchall()
        return sum(count for owner, count in found if not owner or self._workers.is_dead(owner))

    async def aclose(self) -> None:
        """Give what is not over back, for others to take, and let go of the file."""
        give_back = "UPDATE entries SET owner = '' WHERE owner = ? AND ended_at IS NULL"

        def work() -> None:
            try:
                self._transact(lambda c: c.execute(give_back, (self.worker,)))
            finally:
                self._leave()

        await self._run(work)

    def _leave(self) -> None:
        self._close()
        if self._lock is not None:
            self._workers.remove(self._lock)

    async def _run(self, work: Callable[[], T], undo: Callable[[T], None] | None = None) -> T:
        """Run `work` in a thread, one at a time and to its end."""
        if asyncio.get_running_loop() is not self._loop:
            raise UsageError(
                "This outbox was opened in another event loop, which sends what is in it. Use it "
                "there, or open a client here: they may share the file. Nothing was stored."
            )
        try:
            with anyio.CancelScope(shield=True):
                async with self._turn:
                    return await in_thread(work, undo=undo)
        except (sqlite3.Error, OSError, msgspec.MsgspecError, ValueError, OverflowError) as error:
            raise StoreError(
                f"The outbox {self.path} cannot be used: {explain(error)}\n"
                "  What was handed over before is safe in it; nothing more is taken or sent."
            ) from None
        except BatchError as error:
            raise StoreError(f"The outbox {self.path} cannot be used: {error}") from None
        raise AssertionError("a shielded block is never left by cancellation")

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._run(lambda: self._transact(work))

    def _select(self, where: str, values: tuple[object, ...]) -> list[OutboxEntry]:
        return [read_entry(row) for row in self._connected().execute(f"{SELECT} {where}", values)]

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connected()
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            self._close()  # which rolls back
            raise
        return result

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = open_shared(
                self.path, OUTBOX_APPLICATION_ID, OUTBOX_SCHEMA_VERSION, _SCHEMA
            )
        return self._connection

    def _now(self, connection: sqlite3.Connection) -> float:
        return files.set_clock(connection, self._clock)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    # -------------------------------------------------------------- taking in, looking

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
        if connection is not None:
            raise UsageError(
                "An outbox in a file has no part in a transaction of your database; nothing was "
                "stored. Leave connection= out, or give the outbox that PostgreSQL."
            )
        ids = (None,) * len(body.posts)
        owner = self.worker if owned else ""
        values = ticket, self._quota, owner, due, dated

        def work(c: sqlite3.Connection) -> tuple[OutboxEntry, Ahead]:
            where, key = "WHERE id = ? AND quota = ?", (ticket, self._quota)
            if not self._select(where, key):
                c.execute(
                    "INSERT INTO entries (id, quota, owner, state, due, dated, body, post_ids) "
                    "VALUES (?, ?, ?, 'planned', ?, ?, ?, ?)",
                    (*values, msgspec.json.encode(body), msgspec.json.encode(ids)),
                )
            [entry] = self._select(where, key)
            return entry, self._ahead(entry)

        return await self._do(work)

    async def get(self, ticket: str) -> OutboxEntry | None:
        values = (ticket, self._quota)
        found = await self._run(lambda: self._select("WHERE id = ? AND quota = ?", values))
        return found[0] if found else None

    async def ahead(self, entry: OutboxEntry) -> Ahead:
        return await self._run(lambda: self._ahead(entry))

    def _ahead(self, entry: OutboxEntry) -> Ahead:
        return Ahead(self._count_planned((entry.due, entry.number)), self._count_planned())

    def _count_planned(self, before: tuple[float, int] = (math.inf, 0)) -> int:
        cursor = self._connected().execute(
            "SELECT count(*) FROM (SELECT 1 FROM entries WHERE quota = ? AND ended_at IS NULL "
            "AND state = 'planned' AND (due, number) < (?, ?) LIMIT 1000)",
            (self._quota, *before),
        )
        return int(cursor.fetchone()[0])

    async def take_stock(self, known: Collection[int], most: int) -> tuple[int, list[OutboxEntry]]:
        """What this worker has to do: everything in doubt, and of the rest the earliest.

        Before that it takes over what nobody owns, or whose owner is dead.

        Args:
            known: numbers of what is being done already.
            most: how many planned ones to look at.

        Returns:
            How many were taken over, and the entries that are not known.
        """

        def work() -> tuple[int, list[OutboxEntry]]:
            adopted = self._adopt()
            self.planned = self._count_planned()
            numbers = self._numbers(_DOUBTFUL, -1) + self._numbers(_PLANNED, most)
            fresh = [number for number in numbers if number not in known]
            return adopted, [e for n in fresh for e in self._select("WHERE number = ?", (n,))]

        return await self._run(work)

    def _numbers(self, query: str, most: int) -> list[int]:
        cursor = self._connected().execute(query, (self._quota, self.worker, most))
        return [number for (number,) in cursor]

    async def counts(self) -> dict[RowState, int]:
        """How many hand-overs are in which state, of all workers."""

        def work() -> dict[RowState, int]:
            cursor = self._connected().execute(
                "SELECT state, count(*) FROM entries WHERE quota = ? GROUP BY state", (self._quota,)
            )
            return {RowState(state): count for state, count in cursor}

        return await self._run(work)

    def _adopt(self) -> int:
        cursor = self._connected().execute(
            "SELECT DISTINCT owner FROM entries "
            "WHERE quota = ? AND owner != ? AND ended_at IS NULL",
            (self._quota, self.worker),
        )
        return sum(self._adopt_from(owner) for (owner,) in cursor.fetchall())

    def _adopt_from(self, owner: str) -> int:
        lock = None
        if owner:
            lock = self._workers.if_dead(owner)
            if lock is None:
                return 0
        try:
            return self._transact(
                lambda c: (
                    c.execute(
                        "UPDATE entries SET owner = ? WHERE owner = ? AND quota = ? "
                        "AND ended_at IS NULL",
                        (self.worker, owner, self._quota),
                    ).rowcount
                )
            )
        finally:
            if lock is not None:
                self._workers.remove(lock)

    # -------------------------------------------------------------- sending

    async def intend(
        self, entry: OutboxEntry, at: datetime, used: Iterable[datetime], wall: float
    ) -> CreatePost | None:
        """Mark a request and write down that it is about to be sent; None: it must not be.

        Args:
            entry: what is to be sent.
            at: its date, without a mark.
            used: moments that others use in that second.
            wall: the time on the server's clock.
        """
        second = int(at.timestamp())

        def work(c: sqlite3.Connection) -> CreatePost | None:
            cursor = c.execute(
                "SELECT moment FROM entries WHERE moment BETWEEN ? AND ?",
                (second * 1000, (second + _MARKED_SECONDS) * 1000),
            )
            own = [from_column(ms) for (ms,) in cursor]
            marked = MillisecondMarks([*used, *own]).mark(at)
            body = entry.request(format_date(marked))
            done = c.execute(
                "UPDATE entries SET state = 'sending', sent = ?, moment = ?, sent_at = ?, "
                "note = '' WHERE number = ? AND owner = ? AND state = 'planned'",
                (msgspec.json.encode(body), to_column(marked), wall, entry.number, self.worker),
            )
            files.departs(c, self._clock, entry.number)
            return body if done.rowcount == 1 else None

        return await self._do(work)

    async def age(self, entry: OutboxEntry) -> float:
        return await self._run(lambda: files.age_of(self._connected(), self._clock, entry.number))

    async def repeat(self, entry: OutboxEntry, wall: float) -> None:
        """The same request is about to be sent once more."""

        def work(c: sqlite3.Connection) -> None:
            files.departs(c, self._clock, entry.number)
            again = "UPDATE entries SET sent_at = ? WHERE number = ? AND ended_at IS NULL"
            c.execute(again, (wall, entry.number))

        await self._do(work)

    async def account(self) -> Account:
        """The posts and moments that its hand-overs account for, as `Accounts`."""

        def work() -> Account:
            c = self._connected()
            ids = c.execute("SELECT post_ids FROM entries")
            known = [msgspec.json.decode(each, type=tuple[str | None, ...]) for (each,) in ids]
            marked = c.execute("SELECT moment FROM entries WHERE moment IS NOT NULL")
            return Account(
                frozenset(post_id for each in known for post_id in each if post_id is not None),
                frozenset(from_column(ms) for (ms,) in marked),
            )

        return await self._run(work)

    async def has_stored(self, post_id: str) -> bool:
        """Whether a hand-over is stored as this post, as `Accounts`."""
        query = "SELECT 1 FROM entries WHERE instr(CAST(post_ids AS TEXT), ?)"
        quoted = f'"{post_id}"'

        def work() -> bool:
            return self._connected().execute(query, (quoted,)).fetchone() is not None

        return await self._run(work)

    async def mends(self, request: int, wall: float) -> None:
        """A post of a request is about to be repaired, as `Accounts`."""
        values = (wall, request)
        await self._do(
            lambda c: c.execute("UPDATE entries SET mended_at = ? WHERE number = ?", values)
        )

    async def doubt(self, entry: OutboxEntry, note: str) -> None:
        """The answer to its request was lost."""
        await self._do(
            lambda c: c.execute(
                "UPDATE entries SET state = 'unknown', note = ? "
                "WHERE number = ? AND ended_at IS NULL",
                (note, entry.number),
            )
        )

    async def plan_again(
        self, entry: OutboxEntry, *, post_ids: tuple[str | None, ...], due: float | None = None
    ) -> None:
        """What is not stored of it was proved not stored: it is to be sent, perhaps later."""
        await self._do(
            lambda c: c.execute(
                "UPDATE entries SET state = 'planned', sent = NULL, moment = NULL, "
                "sent_at = NULL, note = '', post_ids = ?, due = ? WHERE number = ? "
                "AND ended_at IS NULL",
                (msgspec.json.encode(post_ids), entry.due if due is None else due, entry.number),
            )
        )

    async def end(
        self,
        entry: OutboxEntry,
        state: RowState,
        note: str,
        post_ids: tuple[str | None, ...],
    ) -> None:
        """Write down how it ended."""
        ending = (
            "UPDATE entries SET state = ?, note = ?, post_ids = ?, ended_at = ? "
            "WHERE number = ? AND ended_at IS NULL"
        )
        values = state.value, note, msgspec.json.encode(post_ids)
        await self._do(lambda c: c.execute(ending, (*values, self._now(c), entry.number)))

    async def withdraw(self, ticket: str) -> bool:
        """End a hand-over that has not left. Returns whether it had not."""
        withdrawing = (
            "UPDATE entries SET state = 'skipped', note = 'withdrawn', ended_at = ? "
            "WHERE id = ? AND quota = ? AND state = 'planned'"
        )

        done = self._do(lambda c: c.execute(withdrawing, (self._now(c), ticket, self._quota)))
        return (await done).rowcount == 1
