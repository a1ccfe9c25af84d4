"""A journal in a SQLite file of its own, beside its campaign; one process at a time writes it.

SQLite first writes to a second file (`-wal`), which is merged into the journal with the plan and
with each outcome of a request. So the journal file alone is complete and may be moved or copied
between two runs, also after a kill. A copy that is older than what was sent does no harm: a run
looks in Postiz for the rows that its journal calls planned.

A file that is damaged, something else or of another version is refused before SQLite opens it for
writing, so that it stays byte for byte as it was.
"""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from postiz_async._campaign.journal.lock import FileLock
from postiz_async._campaign.journal.tables import Tables, read_meta
from postiz_async.clock import Clock
from postiz_async.errors import CampaignError, by_reader
from postiz_async.stores import _files
from postiz_async.stores._campaign_tables import campaign_tables_of_sqlite
from postiz_async.stores._deliveries import TakenError
from postiz_async.stores._sqlite_files import CLOCK, read_clock, set_clock

T = TypeVar("T")

_APPLICATION_ID = 0x506F7A6A
_VERSION = 15
_SCHEMA = f"{CLOCK};{campaign_tables_of_sqlite()}"


@dataclass(frozen=True, slots=True)
class _SqliteTables:
    """The tables of a campaign in SQLite; see `tables.Tables`."""

    connection: sqlite3.Connection
    clock: Clock

    def execute(self, statement: str, /, **values: object) -> sqlite3.Cursor:
        return self.connection.execute(statement.replace("{s}", ""), {"campaign": 1, **values})

    def each(self, statement: str, values: Iterable[Mapping[str, object]], /) -> int:
        named = ({"campaign": 1, **each} for each in values)
        return self.connection.executemany(statement.replace("{s}", ""), named).rowcount

    def time(self) -> float:
        return read_clock(self.connection, self.clock)

    def kept_time(self) -> float:
        return set_clock(self.connection, self.clock)


@dataclass(frozen=True, slots=True)
class JournalFile:
    """The place of a journal in a file, which need not exist yet."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def is_there(self) -> bool:
        """Whether the file exists."""
        return os.path.exists(self.path)  # noqa: PTH110  (false for what cannot be a name)

    def query(self, query: Callable[[Tables], T], clock: Clock) -> T:
        """Run a read-only query, also while a run is working on the journal.

        Raises:
            CampaignError: there is no journal, or the file cannot be read.
        """
        if not self.is_there:
            raise no_journal(self)
        try:
            _check(self.path)
            with closing(_reader(self.path)) as reader:
                return query(_SqliteTables(reader, clock))
        except _FAULTS as error:
            raise _damaged(self.path, error) from error

    def open(self, campaign: str, base_url: str, clock: Clock) -> OpenFile:
        """Open the journal for writing, or create it.

        Raises:
            CampaignError: the file is in use, damaged, no journal, of another version, or belongs
                to another server. Such a file is never overwritten.
        """
        if os.path.isdir(self.path):  # noqa: PTH112  (false for what cannot be a name)
            raise _is_folder(self.path)
        place = Path(os.path.realpath(self.path))  # a link to a journal is locked as that journal
        lock = FileLock(place.with_name(place.name + ".lock"))
        try:
            return OpenFile(self, _connect(place, campaign, base_url, clock), lock, clock)
        except BaseException:
            lock.release()
            raise


class OpenFile:
    """A journal that is open for writing.

    Args:
        place: the place of the journal.
        connection: a connection to the file.
        lock: the lock that keeps other processes out.
        clock: the clock of the client.
    """

    hold: float = 0.0
    """0: the file has one user, so that requests need no hold against others."""

    def __init__(
        self, place: JournalFile, connection: sqlite3.Connection, lock: FileLock, clock: Clock
    ) -> None:
        self._place = place
        self._connection = connection
        self._lock = lock
        self._tables = _SqliteTables(connection, clock)

    def do(self, work: Callable[[Tables], T], *, whole: bool = False) -> T:
        """Run a transaction.

        Args:
            work: what to do in it.
            whole: merge it into the journal file, so that this file alone is complete.

        Raises:
            TakenError: another request has the mark.
            CampaignError: the journal cannot be used.
        """
        try:
            with self._connection:
                # a transaction that has read cannot wait for another program's write any more
                self._connection.execute("BEGIN IMMEDIATE")
                done = work(self._tables)
            if whole:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except (sqlite3.Error, msgspec.MsgspecError, ValueError) as error:
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_CONSTRAINT_UNIQUE:
                raise TakenError from error
            raise CampaignError(
                f"The journal {self._place} cannot be used: {error}. Nothing more is sent."
            ) from error
        return done

    def close(self) -> None:
        """Close the file and release the lock."""
        self._connection.close()
        self._lock.release()


def no_journal(place: object) -> CampaignError:
    """The error for a campaign without a journal."""
    option = by_reader("--journal", "journal=")
    return CampaignError(
        f"There is no journal {place}: this campaign has not been run, or its journal lies "
        f"elsewhere ({option})."
    )


def of_another_server(place: object, its: str, ours: str) -> CampaignError:
    """The error for a journal that belongs to another server."""
    return CampaignError(
        f"The journal {place} belongs to {its}, and this run is for {ours}. Use another --journal "
        "for another server."
    )


def _connect(path: Path, campaign: str, base_url: str, clock: Clock) -> sqlite3.Connection:
    try:
        if not path.exists() or path.stat().st_size == 0:
            _create(path, campaign, base_url)
        _check(path)
        with closing(_read_only(path)) as reader:
            fault = reader.execute("PRAGMA quick_check(1)").fetchone()[0]
            if fault != "ok":
                raise _damaged(path, fault)
            meta = read_meta(_SqliteTables(reader, clock))
            if meta.base_url != base_url:
                raise of_another_server(path, meta.base_url, base_url)
        connection = _files.connect(path)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
    except _FAULTS as error:
        raise _damaged(path, error) from error
    return connection


_FAULTS = (sqlite3.Error, msgspec.MsgspecError, OSError, ValueError, KeyError, TypeError)
"""Errors that a damaged file may cause."""


def _create(path: Path, campaign: str, base_url: str) -> None:
    """Create the file under another name and rename it, so that it appears as a whole."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with closing(_files.connect(fresh)) as connection:
        connection.executescript(
            f"PRAGMA application_id = {_APPLICATION_ID}; "
            f"PRAGMA user_version = {_VERSION}; {_SCHEMA}"
        )
        with connection:
            connection.execute(
                "INSERT INTO campaigns (id, name, base_url) VALUES (1, ?, ?)", (campaign, base_url)
            )
    fresh.replace(path)


def _check(path: Path) -> None:
    """Refuse a file whose first bytes show that it is not a journal."""
    if path.is_dir():
        raise _is_folder(path)
    with path.open("rb") as file:
        head = file.read(100)
    if len(head) < 100 or not head.startswith(b"SQLite format 3\x00"):
        raise _damaged(path, "it does not begin like a journal")
    version, application = struct.unpack(">I4xI", head[60:72])
    if application != _APPLICATION_ID:
        raise CampaignError(f"{path} is not a journal of this program; it was left as it is.")
    if version != _VERSION:
        raise CampaignError(
            f"The journal {path} was written by another version of this program "
            f"(schema {version}, this one reads {_VERSION}). Use that version to finish it."
        )


def _is_folder(path: Path) -> CampaignError:
    return CampaignError(f"{path} is a directory, not a journal.")


def _reader(path: Path) -> sqlite3.Connection:
    """Open a read-only connection, also while a run is working on the journal.

    SQLite creates two files beside a journal to read it; if it cannot, the journal is read without
    them.
    """
    place = path.resolve()
    if place.with_name(place.name + "-wal").exists():  # a run is at work, or was killed
        return _read_only(path)
    try:
        return _read_only(path, "mode=rw")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
            raise
        return _read_only(path, "mode=ro&immutable=1")


def _read_only(path: Path, how: str = "mode=ro") -> sqlite3.Connection:
    with ExitStack() as opened:
        reader = sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True)
        opened.callback(reader.close)
        reader.execute("PRAGMA query_only = ON")
        reader.execute("SELECT 1 FROM sqlite_master")
        opened.pop_all()
    return reader


_OF_THE_DISK = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
}
"""Errors that do not indicate a damaged file; extended codes have these in the last byte."""


def _damaged(path: Path, why: object) -> CampaignError:
    code = getattr(why, "sqlite_errorcode", -1) & 0xFF
    if isinstance(why, OSError) or code in _OF_THE_DISK:
        return CampaignError(
            f"The journal {path} cannot be used now: {why}. It is as it was, and nothing was "
            "sent. See whether the disk is full, or the folder read-only, and run again."
        )
    return CampaignError(
        f"The journal {path} is damaged or no journal ({why}); it was left as it is. Move it and "
        "the files beside it (-wal, -shm) away, put an older copy in its place if there is one, "
        "and run again with --adopt: rows that were sent since are looked for in Postiz."
    )
