"""The journal: one SQLite file that knows what became of every row, through any crash.

Each step is one transaction. An intent (the request's marked body) is on the disk before its
first byte is sent, the outcome after its answer. Whoever opens the journal later finds each row
either planned, or with an outcome, or inside a request whose outcome has to be looked up.
"""

from __future__ import annotations

import sqlite3
import uuid
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread
import msgspec

from postiz_async.delivery.lock import FileLock
from postiz_async.errors import BatchError
from postiz_async.models.media import Media
from postiz_async.models.posts import CreatePost
from postiz_async.quota import Kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

__all__ = ["Journal", "RowRecord", "SentRequest", "State", "Summary", "read_summary"]

T = TypeVar("T")

APPLICATION_ID = 0x506F7A6A
SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE rows (
    ref TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    channel TEXT NOT NULL,
    date REAL NOT NULL,
    state TEXT NOT NULL,
    request INTEGER,
    post_id TEXT,
    note TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX rows_by_request ON rows (request);
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    body BLOB NOT NULL,
    refs BLOB NOT NULL,
    sent_at REAL NOT NULL,
    state TEXT NOT NULL
) STRICT;
CREATE TABLE uploads (sha256 TEXT PRIMARY KEY, media BLOB NOT NULL) STRICT;
CREATE TABLE quota (id INTEGER PRIMARY KEY CHECK (id = 1), kept BLOB NOT NULL) STRICT;
"""


class State(StrEnum):
    """What became of a row."""

    PLANNED = "planned"
    """Not sent yet."""
    SENDING = "sending"
    """In a request that is about to be sent, or was sent and not answered yet."""
    STORED = "stored"
    """Stored by Postiz, exactly once."""
    REFUSED = "refused"
    """Refused by the server; the note has its words."""
    LATE = "late"
    """Not sent, because its date had passed."""
    SKIPPED = "skipped"
    """Not sent, because it is not in the campaign file any more."""
    UNKNOWN = "unknown"
    """The answer was lost; it is being looked up."""
    UNDECIDED = "undecided"
    """Whether it is stored could not be found out; not sent again."""


@dataclass(frozen=True, slots=True)
class RowRecord:
    """A row as the journal knows it. `date` is in seconds since the epoch."""

    ref: str
    number: int
    fingerprint: str
    channel: str
    date: float
    state: State = State.PLANNED
    request: int | None = None
    post_id: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class SentRequest:
    """A request whose intent was written and whose outcome is open."""

    id: int
    body: CreatePost
    refs: tuple[str, ...]
    sent_at: float


@dataclass(frozen=True, slots=True)
class Summary:
    """A journal at a glance."""

    base_url: str
    campaign: str
    rows: tuple[RowRecord, ...]
    requests: int
    kept: Kept | None


class Journal:
    """Open with `Journal.open`; only one process at a time can."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: FileLock) -> None:
        self.path = path
        self._connection = connection
        self._lock = lock
        self._turn = anyio.Lock()
        self.campaign_id, self.base_url = self._meta("campaign_id"), self._meta("base_url")

    @classmethod
    async def open(cls, path: Path, *, campaign: str, base_url: str) -> Journal:
        """Open the journal at `path`, or make it.

        Raises:
            BatchError: it is in use, damaged, no journal, of another version, or belongs to
                another server. It is never overwritten.
        """
        return await anyio.to_thread.run_sync(partial(cls._open, path, campaign, base_url))

    @classmethod
    def _open(cls, path: Path, campaign: str, base_url: str) -> Journal:
        if path.is_dir():
            raise BatchError(f"{path} is a directory, not a journal.")
        lock = FileLock(path.with_name(path.name + ".lock"))
        try:
            connection = _connect(path, campaign, base_url)
            journal = cls(path, connection, lock)
            if journal.base_url != base_url:
                connection.close()
                raise BatchError(
                    f"The journal {path} belongs to {journal.base_url}, and this run is for "
                    f"{base_url}. Use another --journal for another server."
                )
        except BaseException:
            lock.release()
            raise
        return journal

    async def aclose(self) -> None:
        """Close the file and let go of the lock."""
        with anyio.CancelScope(shield=True):
            async with self._turn:
                await anyio.to_thread.run_sync(self._connection.close)
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

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run one transaction in a thread; it is whole or not at all, also when cancelled."""

        def transaction() -> T:
            with self._connection:
                return work(self._connection)

        try:
            with anyio.CancelScope(shield=True):
                async with self._turn:
                    return await anyio.to_thread.run_sync(transaction)
        except sqlite3.Error as error:
            raise BatchError(
                f"The journal {self.path} cannot be used: {error}. Nothing more is sent."
            ) from error
        raise AssertionError("a shielded block is never left by cancellation")

    def _meta(self, key: str) -> str:
        row = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0])

    # -------------------------------------------------------------- rows

    async def rows(self) -> dict[str, RowRecord]:
        """All rows by ref."""
        return await self._do(lambda c: {row.ref: row for row in _rows(c)})

    async def put(self, rows: Iterable[RowRecord]) -> None:
        """Add rows, or replace what is known of rows that were not sent."""
        values = [
            (r.ref, r.number, r.fingerprint, r.channel, r.date, r.state.value, r.note) for r in rows
        ]
        await self._do(
            lambda c: c.executemany(
                "INSERT INTO rows (ref, number, fingerprint, channel, date, state, note) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (ref) DO UPDATE SET "
                "number = excluded.number, fingerprint = excluded.fingerprint, "
                "channel = excluded.channel, date = excluded.date, state = excluded.state, "
                "note = excluded.note",
                values,
            )
        )

    async def mark(self, refs: Iterable[str], state: State, note: str = "") -> None:
        """Give rows a state."""
        values = [(state.value, note, ref) for ref in refs]
        await self._do(
            lambda c: c.executemany("UPDATE rows SET state = ?, note = ? WHERE ref = ?", values)
        )

    # -------------------------------------------------------------- requests

    async def intend(self, body: CreatePost, refs: tuple[str, ...], wall: float) -> int:
        """Write down a request that is about to be sent. Returns its number."""

        def work(c: sqlite3.Connection) -> int:
            cursor = c.execute(
                "INSERT INTO requests (body, refs, sent_at, state) VALUES (?, ?, ?, 'open')",
                (msgspec.json.encode(body), msgspec.json.encode(refs), wall),
            )
            number = int(cursor.lastrowid or 0)
            c.executemany(
                "UPDATE rows SET state = ?, request = ?, note = '' WHERE ref = ?",
                [(State.SENDING.value, number, ref) for ref in refs],
            )
            return number

        return await self._do(work)

    async def settle(
        self, request: int, *, stored: Mapping[str, str], others: Mapping[str, tuple[State, str]]
    ) -> None:
        """Write down the outcome of a request.

        Args:
            request: its number.
            stored: ref to post id of the rows that are stored.
            others: ref to state and note of the rest.
        """

        def work(c: sqlite3.Connection) -> None:
            c.execute("UPDATE requests SET state = 'settled' WHERE id = ?", (request,))
            c.executemany(
                "UPDATE rows SET state = ?, post_id = ?, note = '' WHERE ref = ?",
                [(State.STORED.value, post_id, ref) for ref, post_id in stored.items()],
            )
            c.executemany(
                "UPDATE rows SET state = ?, note = ? WHERE ref = ?",
                [(state.value, note, ref) for ref, (state, note) in others.items()],
            )

        await self._do(work)

    async def open_requests(self) -> list[SentRequest]:
        """The requests whose outcome is not known."""

        def work(c: sqlite3.Connection) -> list[SentRequest]:
            cursor = c.execute(
                "SELECT id, body, refs, sent_at FROM requests WHERE state = 'open' ORDER BY id"
            )
            return [
                SentRequest(
                    number,
                    msgspec.json.decode(body, type=CreatePost),
                    msgspec.json.decode(refs, type=tuple[str, ...]),
                    sent_at,
                )
                for number, body, refs, sent_at in cursor
            ]

        return await self._do(work)

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

    async def load(self) -> Kept | None:
        """The quota's state, as a `QuotaStore`."""
        return await self._do(_kept)

    async def save(self, kept: Kept) -> None:
        """Keep the quota's state, as a `QuotaStore`."""
        value = msgspec.json.encode(kept)
        await self._do(lambda c: c.execute("INSERT OR REPLACE INTO quota VALUES (1, ?)", (value,)))


def read_summary(path: Path) -> Summary:
    """Look into a journal, also while a run is working on it. Changes nothing.

    Raises:
        BatchError: there is none, or it cannot be read.
    """
    if not path.is_file():
        raise BatchError(f"There is no journal {path}: this campaign has not been run.")
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            _check(connection, path)
            meta = dict(connection.execute("SELECT key, value FROM meta"))
            rows = tuple(_rows(connection))
            requests = int(connection.execute("SELECT count(*) FROM requests").fetchone()[0])
            kept = _kept(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise _damaged(path, error) from error
    return Summary(meta["base_url"], meta["campaign"], rows, requests, kept)


def _connect(path: Path, campaign: str, base_url: str) -> sqlite3.Connection:
    is_new = not path.exists() or path.stat().st_size == 0
    try:
        connection = sqlite3.connect(path, check_same_thread=False)
        try:
            if is_new:
                _create(connection, campaign, base_url)
            else:
                _check(connection, path)
                fault = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
                if fault != "ok":
                    raise _damaged(path, fault)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise _damaged(path, error) from error
    return connection


def _create(connection: sqlite3.Connection, campaign: str, base_url: str) -> None:
    connection.executescript(
        f"BEGIN; PRAGMA application_id = {APPLICATION_ID}; "
        f"PRAGMA user_version = {SCHEMA_VERSION}; {_SCHEMA} COMMIT;"
    )
    with connection:
        connection.executemany(
            "INSERT INTO meta VALUES (?, ?)",
            [
                ("campaign", campaign),
                ("campaign_id", uuid.uuid4().hex),
                ("base_url", base_url),
            ],
        )


def _check(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise BatchError(f"{path} is not a journal of this program; it was left as it is.")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        raise BatchError(
            f"The journal {path} was written by another version of this program "
            f"(schema {version}, this one reads {SCHEMA_VERSION}). Use that version to finish it."
        )


def _damaged(path: Path, why: object) -> BatchError:
    return BatchError(
        f"The journal {path} is damaged or no journal ({why}); it was left as it is. "
        "Restore it from a backup. Without it nobody knows which rows were sent."
    )


def _rows(connection: sqlite3.Connection) -> list[RowRecord]:
    cursor = connection.execute(
        "SELECT ref, number, fingerprint, channel, date, state, request, post_id, note "
        "FROM rows ORDER BY number"
    )
    return [
        RowRecord(ref, number, fingerprint, channel, date, State(state), request, post_id, note)
        for ref, number, fingerprint, channel, date, state, request, post_id, note in cursor
    ]


def _kept(connection: sqlite3.Connection) -> Kept | None:
    row = connection.execute("SELECT kept FROM quota WHERE id = 1").fetchone()
    return msgspec.json.decode(row[0], type=Kept) if row else None
