"""The journal: one SQLite file that knows what became of every row, through any crash.

Each step is one transaction. An intent (the request's marked body) is on the disk before its
first byte is sent, the outcome after its answer. Whoever opens the journal later finds each row
either planned, or with an outcome, or inside a request whose outcome has to be looked up.

SQLite writes to a file beside it first (`-wal`). That is moved into the journal with the plan and
with each outcome of a request, so that the journal alone is whole and may be moved or copied
between two runs, also after a kill. A copy that is older than what was sent does no harm: a run
looks in Postiz for the rows that its journal calls planned.
"""

from __future__ import annotations

import os
import sqlite3
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread
import msgspec

from postiz_async._campaign.journal.left_out import write_left_out
from postiz_async._campaign.journal.lock import FileLock
from postiz_async._campaign.journal.requests import each_request, read_requests
from postiz_async._campaign.journal.rows import UNSTORED, Copy, Finding, RowRecord
from postiz_async._campaign.journal.tables import (
    connect,
    read_copies,
    read_kept,
    read_meta,
    read_rows,
)
from postiz_async._concurrency import in_thread, run_to_completion
from postiz_async._delivery.outcomes import Account, RowState, SentRequest
from postiz_async._wire import parse_date
from postiz_async.clock import SystemClock
from postiz_async.errors import BatchError
from postiz_async.models.media import Media
from postiz_async.stores._sqlite_files import age_of, departs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from postiz_async._quota.snapshot import Snapshot
    from postiz_async.clock import Clock
    from postiz_async.errors import Problem
    from postiz_async.models.posts import CreatePost, Post


T = TypeVar("T")


class Journal:
    """Open with `Journal.open`; only one process at a time can."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, lock: FileLock, clock: Clock
    ) -> None:
        self.path = path
        self._clock = clock
        self._connection = connection
        self._lock = lock
        self._turn = anyio.Lock()
        meta = read_meta(connection)
        self.campaign = meta["campaign"]
        """Its name, with which the posts of its rows are marked."""

    @classmethod
    async def open(
        cls, path: Path, *, campaign: str, base_url: str, clock: Clock | None = None
    ) -> Journal:
        """Open the journal at `path`, or make it.

        Args:
            path: the file.
            campaign: its name.
            base_url: the server's.
            clock: tells how old requests are; None: the machine's.

        Raises:
            BatchError: it is in use, damaged, no journal, of another version, or belongs to
                another server. It is never overwritten.
        """
        opening = partial(cls._open, path, campaign, base_url, clock or SystemClock())
        return await in_thread(opening, undo=lambda journal: journal.close())

    @classmethod
    def _open(cls, path: Path, campaign: str, base_url: str, clock: Clock) -> Journal:
        if os.path.isdir(path):  # noqa: PTH112  (false for what cannot be a name)
            raise BatchError(f"{path} is a directory, not a journal.")
        place = Path(os.path.realpath(path))  # a link to a journal is locked as that journal
        lock = FileLock(place.with_name(place.name + ".lock"))
        try:
            return cls(path, connect(place, campaign, base_url), lock, clock)
        except BaseException:
            lock.release()
            raise

    async def aclose(self) -> None:
        """Close the file and let go of the lock."""
        await run_to_completion(self._close_in_turn())

    async def _close_in_turn(self) -> None:
        async with self._turn:
            await anyio.to_thread.run_sync(self.close)

    def close(self) -> None:
        """The same, blocking."""
        self._connection.close()
        self._lock.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _do(self, work: Callable[[sqlite3.Connection], T], *, whole: bool = False) -> T:
        """Run one transaction in a thread; it is whole or not at all, also when cancelled.

        Args:
            work: what is done in it.
            whole: move it into the journal's own file, so that the file alone tells of it.
        """

        def transaction() -> T:
            with self._connection:
                self._connection.execute("BEGIN")  # Python does not see each INSERT as a beginning
                done = work(self._connection)
            if whole:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return done

        try:
            with anyio.CancelScope(shield=True):
                async with self._turn:
                    return await in_thread(transaction)
        except (sqlite3.Error, msgspec.MsgspecError, ValueError) as error:
            raise BatchError(
                f"The journal {self.path} cannot be used: {error}. Nothing more is sent."
            ) from error
        raise AssertionError("a shielded block is never left by cancellation")

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """What a query of `journal_requests` finds."""
        return await self._do(query)

    # -------------------------------------------------------------- rows

    async def rows(self) -> dict[str, RowRecord]:
        """All rows by ref."""
        return await self._do(lambda c: {row.ref: row for row in read_rows(c)})

    async def put(self, rows: Iterable[RowRecord]) -> None:
        """Add rows, or replace what is known of rows that were not sent; others stay."""
        values = ((*_head(r), r.state.value, r.note) for r in rows)
        await self._do(lambda c: c.executemany(_PUT, values), whole=True)

    async def renumber(self, numbers: Mapping[str, int]) -> None:
        """Note where rows stand in the campaign file now, whatever their state."""
        values = [(number, ref) for ref, number in numbers.items()]
        await self._do(lambda c: c.executemany("UPDATE rows SET number = ? WHERE ref = ?", values))

    async def mark(self, refs: Iterable[str], state: RowState, note: str = "") -> None:
        """Give rows a state; those that are stored stay so."""
        values = [(state.value, note, ref) for ref in refs]
        await self._do(
            lambda c: c.executemany(
                "UPDATE rows SET state = ?, note = ? WHERE ref = ? AND state != 'stored'", values
            )
        )

    async def leave_out(self, problems: Iterable[Problem]) -> None:
        """Note what is wrong with the rows that this run leaves out."""
        await self._do(lambda c: write_left_out(c, problems))

    # -------------------------------------------------------------- requests

    async def intend(
        self, body: CreatePost, refs: tuple[str, ...], wall: float, *, date: float | None = None
    ) -> int:
        """Write down a request that is about to be sent. Returns its number.

        Args:
            body: what is sent.
            refs: its rows, in its order.
            wall: now on the server's clock, in seconds since the epoch.
            date: the date of its rows, the mark left out; None if it is what they have anyway.

        Raises:
            BatchError: one of its rows is not planned, so sending it could double a post.
        """

        def work(c: sqlite3.Connection) -> int:
            for ref in refs:
                row = c.execute("SELECT state FROM rows WHERE ref = ?", (ref,)).fetchone()
                if row is None or row[0] != RowState.PLANNED.value:
                    what = row[0] if row else "unknown"
                    raise BatchError(f"Row {ref} is {what}, not planned; it is not sent again.")
            cursor = c.execute(
                "INSERT INTO requests (body, refs, sent_at, state) VALUES (?, ?, ?, 'open')",
                (msgspec.json.encode(body), msgspec.json.encode(refs), wall),
            )
            number = int(cursor.lastrowid or 0)
            departs(c, self._clock, number)
            c.executemany(
                "UPDATE rows SET state = ?, request = ?, note = '' WHERE ref = ?",
                [(RowState.SENDING.value, number, ref) for ref in refs],
            )
            if date is not None:
                c.executemany(_MOVE, [{"date": date, "ref": ref} for ref in refs])
            return number

        return await self._do(work)

    async def repeat(self, request: int, wall: float) -> None:
        """Write down that a request is about to be sent again, as it is: its age counts anew."""

        def work(c: sqlite3.Connection) -> None:
            c.execute("UPDATE requests SET sent_at = ? WHERE id = ?", (wall, request))
            departs(c, self._clock, request)

        await self._do(work)

    async def age(self, request: int) -> float:
        """For how many seconds at least a request has been gone."""
        return await self._do(lambda c: age_of(c, self._clock, request))

    async def settle(
        self,
        request: int,
        *,
        stored: Mapping[str, str],
        others: Mapping[str, tuple[RowState, str]],
        notes: Mapping[str, str] | None = None,
    ) -> None:
        """Write down the outcome of a request. A second one is not believed.

        Args:
            request: its number.
            stored: ref to post id of the rows that are stored.
            others: ref to state and note of the rest.
            notes: ref to what is to be said of rows that are stored.
        """
        said = notes or {}

        def work(c: sqlite3.Connection) -> None:
            settling = "UPDATE requests SET state = 'settled' WHERE id = ? AND state = 'open'"
            if not c.execute(settling, (request,)).rowcount:
                return
            c.executemany(
                "UPDATE rows SET state = ?, post_id = ?, note = ? WHERE ref = ?",
                [
                    (RowState.STORED.value, post_id, said.get(ref, ""), ref)
                    for ref, post_id in stored.items()
                ],
            )
            c.executemany(
                "UPDATE rows SET state = ?, note = ? WHERE ref = ?",
                [(state.value, note, ref) for ref, (state, note) in others.items()],
            )

        await self._do(work, whole=True)

    async def open_requests(self) -> list[SentRequest]:
        """The requests whose outcome is not known."""
        return await self._do(partial(read_requests, only_open=True))

    async def open_changes(self) -> list[SentRequest]:
        """The requests that change posts and whose outcome is not known."""
        return await self._do(partial(read_requests, only_open=True, open_as="changing"))

    async def requests(self, *, adopted: bool = True) -> list[SentRequest]:
        """All requests that may have been sent, oldest first.

        Args:
            adopted: also what stands for posts that were taken over.
        """
        return await self._do(partial(read_requests, only_open=False, adopted=adopted))

    async def account(self, posts: Iterable[Post]) -> Account:
        """The posts and moments that this job accounts for; see `client.Accounts`."""
        del posts

        def work(c: sqlite3.Connection) -> Account:
            ids = c.execute("SELECT post_id FROM rows WHERE post_id IS NOT NULL")
            return Account(
                frozenset(post_id for (post_id,) in ids),
                frozenset(parse_date(request.body.date) for request in each_request(c)),
            )

        return await self._do(work)

    async def has_stored(self, post_id: str) -> bool:
        """Whether a row is stored as this post; see `lookup.Accounts`."""
        query = "SELECT 1 FROM rows WHERE post_id = ?"
        return await self._do(lambda c: c.execute(query, (post_id,)).fetchone() is not None)

    async def mends(self, request: int, wall: float) -> None:
        """Write down that a post of a request is about to be repaired; see `lookup.Accounts`."""
        await self._do(
            lambda c: c.execute("UPDATE requests SET mended_at = ? WHERE id = ?", (wall, request))
        )

    async def adopt(self, rows: Iterable[RowRecord], bodies: Iterable[CreatePost]) -> None:
        """Take over what is stored already: rows with their post ids, each with a body like one.

        The bodies count as requests in which the rows were sent, though this job never sent them.
        A row that was known as one of these posts gives way; one that is stored, or in a request
        whose outcome is not known, stays as it is.
        """

        def work(c: sqlite3.Connection) -> None:
            for row, body in zip(rows, bodies, strict=True):
                known = c.execute("SELECT state FROM rows WHERE ref = ?", (row.ref,)).fetchone()
                if known is not None and known[0] not in UNSTORED:
                    continue
                c.execute("DELETE FROM rows WHERE post_id = ? OR ref = ?", (row.post_id, row.ref))
                values = (msgspec.json.encode(body), msgspec.json.encode((row.ref,)), row.date)
                cursor = c.execute(
                    "INSERT INTO requests (body, refs, sent_at, state) VALUES (?, ?, ?, 'adopted')",
                    values,
                )
                c.execute(
                    "INSERT INTO rows (ref, number, fingerprint, channel, date, name, said, state, "
                    "request, post_id, note, moved_from) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, 'stored', ?, ?, ?, ?)",
                    (*_head(row), cursor.lastrowid, row.post_id, row.note, row.moved_from),
                )

        await self._do(work, whole=True)

    async def copies(self) -> list[Copy]:
        """Posts that equal those of rows and are meant to stay beside them."""
        return await self._do(read_copies)

    async def leave(self, copies: Iterable[Copy]) -> None:
        """Note posts that equal those of rows and are meant to stay beside them."""
        values = [(copy.post_id, copy.ref, copy.mark) for copy in copies]
        await self._do(
            lambda c: c.executemany("INSERT OR IGNORE INTO copies VALUES (?, ?, ?)", values)
        )

    # -------------------------------------------------------------- what happened beside it

    async def shift(self, refs: Iterable[str], date: float, remark: str) -> None:
        """Give unsent rows a later date."""
        values = [(Finding.SHIFTED.value, remark, ref) for ref in refs]
        moves = [{"date": date, "ref": ref} for _, _, ref in values]

        def work(c: sqlite3.Connection) -> None:
            c.executemany("UPDATE rows SET finding = ?, remark = ? WHERE ref = ?", values)
            c.executemany(_MOVE, moves)

        await self._do(work)

    async def found(self, rows: Iterable[RowRecord]) -> None:
        """Write down what a look at the server showed: state, post, date, finding of rows."""
        values = [
            (r.state.value, r.post_id, r.date, r.note, r.finding.value, r.remark, r.link, r.ref)
            for r in rows
        ]
        await self._do(
            lambda c: c.executemany(
                "UPDATE rows SET state = ?, post_id = ?, date = ?, note = ?, finding = ?, "
                "remark = ?, link = ? WHERE ref = ?",
                values,
            )
        )

    # -------------------------------------------------------------- uploads and quota

    async def uploads(self) -> dict[str, Media]:
        """What was uploaded by this job: content hash to medium."""

        def work(c: sqlite3.Connection) -> dict[str, Media]:
            cursor = c.execute("SELECT sha256, media FROM uploads")
            return {sha: msgspec.json.decode(media, type=Media) for sha, media in cursor}

        return await self._do(work)

    async def uploaded(self, sha256: str, media: Media) -> None:
        """Note an upload."""
        value = msgspec.json.encode(media)
        await self._do(
            lambda c: c.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?)", (sha256, value))
        )

    async def load(self) -> Snapshot | None:
        """The state of the quota, as a `SnapshotStore`."""
        return await self._do(read_kept)

    async def save(self, kept: Snapshot) -> None:
        """Keep the state of the quota, as a `SnapshotStore`."""
        value = msgspec.json.encode(kept)
        await self._do(lambda c: c.execute("INSERT OR REPLACE INTO quota VALUES (1, ?)", (value,)))


_REPLACED = ", ".join(f"'{state}'" for state in sorted((*UNSTORED, RowState.WITHDRAWN)))
"""States of rows that a plan may replace."""

_PUT = (
    "INSERT INTO rows (ref, number, fingerprint, channel, date, name, said, state, note) "  # noqa: S608
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (ref) DO UPDATE SET "
    "number = excluded.number, fingerprint = excluded.fingerprint, "
    "channel = excluded.channel, date = excluded.date, name = excluded.name, "
    "said = excluded.said, state = excluded.state, note = excluded.note, "
    "finding = '', remark = '', moved_from = NULL, post_id = NULL, link = '' "
    f"WHERE rows.state IN ({_REPLACED})"
)

_MOVE = (
    "UPDATE rows SET moved_from = nullif(coalesce(moved_from, date), :date), date = :date "
    "WHERE ref = :ref AND date != :date"
)


def _head(row: RowRecord) -> tuple[str, int, str, str, float, str, str]:
    return (row.ref, row.number, row.fingerprint, row.channel, row.date, row.name, row.said)
