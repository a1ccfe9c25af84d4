"""The file of a journal: its tables, its records, and how it is made, checked and read.

A file that is not ours, is damaged or was written by another version is refused before SQLite
opens it for writing, so that it stays byte for byte as it was.
"""

from __future__ import annotations

import sqlite3
import struct
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from postiz_async._campaign.journal.left_out import read_left_out
from postiz_async._campaign.journal.rows import Copy, Finding, RowRecord
from postiz_async._delivery.outcomes import RowState
from postiz_async._quota.snapshot import Snapshot
from postiz_async.errors import BatchError, by_reader
from postiz_async.stores import _files, _sqlite_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from postiz_async.errors import Problem

T = TypeVar("T")


SENT_DATE = 'substr(body, instr(body, CAST(\'"date":"\' AS BLOB)) + 8, 24)'
"""The date of a request, which stands in its body before all that is anybody's text."""

_APPLICATION_ID = 0x506F7A6A
_VERSION = 8
_SCHEMA = f"""
{_sqlite_files.DEPARTURES};
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
    note TEXT NOT NULL DEFAULT '',
    finding TEXT NOT NULL DEFAULT '',
    remark TEXT NOT NULL DEFAULT '',
    link TEXT NOT NULL DEFAULT '',
    name TEXT NOT NULL DEFAULT '',
    moved_from REAL,
    said TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX rows_by_request ON rows (request);
CREATE INDEX rows_by_post ON rows (post_id);
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    body BLOB NOT NULL,
    refs BLOB NOT NULL,
    sent_at REAL NOT NULL,
    state TEXT NOT NULL,
    mended_at REAL NOT NULL DEFAULT 0.0
) STRICT;
CREATE INDEX requests_by_date ON requests ({SENT_DATE});
CREATE TABLE uploads (sha256 TEXT PRIMARY KEY, media BLOB NOT NULL) STRICT;
CREATE TABLE quota (id INTEGER PRIMARY KEY CHECK (id = 1), kept BLOB NOT NULL) STRICT;
CREATE TABLE copies (post_id TEXT PRIMARY KEY, ref TEXT NOT NULL, mark TEXT NOT NULL) STRICT;
CREATE TABLE changes (
    request INTEGER NOT NULL, ref TEXT NOT NULL, becomes TEXT NOT NULL,
    PRIMARY KEY (request, ref)
) STRICT;
"""
"""`copies` are posts that equal a row's and stay beside it, because it was to be sent once more;
`changes` is what the rows of a request become that changes their posts (`journal_changes`)."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A journal at a glance. `left_out`: what is wrong with rows that the last run left out."""

    base_url: str
    campaign: str
    rows: tuple[RowRecord, ...]
    requests: int
    kept: Snapshot | None
    left_out: tuple[Problem, ...]


def connect(path: Path, campaign: str, base_url: str) -> sqlite3.Connection:
    """Open a journal for writing, or make it.

    Raises:
        BatchError: it is damaged, no journal, of another version, or of another server.
    """
    try:
        if not path.exists() or path.stat().st_size == 0:
            _create(path, campaign, base_url)
        _check(path)
        with closing(_read_only(path)) as reader:
            fault = reader.execute("PRAGMA quick_check(1)").fetchone()[0]
            if fault != "ok":
                raise _damaged(path, fault)
            meta = read_meta(reader)
            if meta["base_url"] != base_url:
                raise BatchError(
                    f"The journal {path} belongs to {meta['base_url']}, and this run is for "
                    f"{base_url}. Use another --journal for another server."
                )
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


def no_journal(path: Path) -> BatchError:
    """What is said of a campaign whose journal is not there."""
    option = by_reader("--journal", "journal=")
    return BatchError(
        f"There is no journal {path}: this campaign has not been run, or its journal lies "
        f"elsewhere ({option})."
    )


def read_summary(path: Path) -> Summary:
    """Look into a journal, also while a run is working on it. Changes nothing.

    Raises:
        BatchError: there is none, or it cannot be read.
    """
    return query_journal(path, _summary)


def _summary(reader: sqlite3.Connection) -> Summary:
    meta = read_meta(reader)
    counting = "SELECT count(*) FROM requests WHERE state != 'adopted'"
    requests = int(reader.execute(counting).fetchone()[0])
    known = (tuple(read_rows(reader)), requests, read_kept(reader), read_left_out(reader))
    return Summary(meta["base_url"], meta["campaign"], *known)


def query_journal(path: Path, query: Callable[[sqlite3.Connection], T]) -> T:
    """Ask a journal something, also while a run is working on it. Changes nothing.

    Raises:
        BatchError: there is none, or it cannot be read.
    """
    if not (path.is_file() or path.is_dir()):
        raise no_journal(path)
    try:
        _check(path)
        with closing(open_reader(path)) as reader:
            return query(reader)
    except _FAULTS as error:
        raise _damaged(path, error) from error


def read_copies(connection: sqlite3.Connection) -> list[Copy]:
    """Posts that equal those of rows and are meant to stay beside them."""
    query = "SELECT post_id, ref, mark FROM copies ORDER BY post_id"
    return [Copy(*values) for values in connection.execute(query)]


def read_meta(connection: sqlite3.Connection) -> dict[str, str]:
    """What a journal is about: `campaign`, whose name marks its posts, and `base_url`.

    Raises:
        KeyError: one of them is not there.
    """
    meta: dict[str, str] = dict(connection.execute("SELECT key, value FROM meta"))
    return {key: meta[key] for key in ("campaign", "base_url")}


_ROWS = (
    "SELECT ref, number, fingerprint, channel, date, state, request, post_id, note, finding, "
    "remark, link, name, moved_from, said FROM rows"
)


def read_rows(
    connection: sqlite3.Connection, where: str = "", *values: object
) -> Iterator[RowRecord]:
    """Rows, in the order of the campaign: all, or those of a condition with its values."""
    cursor = connection.execute(f"{_ROWS} {where} ORDER BY number", values)
    return (_row(*each) for each in cursor)


def _row(*values: Any) -> RowRecord:
    """A record of its columns, which are in its order."""
    named: dict[str, Any] = dict(zip(RowRecord.__slots__, values, strict=True))
    named |= {"state": RowState(named["state"]), "finding": Finding(named["finding"])}
    return RowRecord(**named)


def read_kept(connection: sqlite3.Connection) -> Snapshot | None:
    """The state of the quota, if it was ever kept."""
    row = connection.execute("SELECT kept FROM quota WHERE id = 1").fetchone()
    return msgspec.json.decode(row[0], type=Snapshot) if row else None


_FAULTS = (sqlite3.Error, msgspec.MsgspecError, OSError, ValueError, KeyError, TypeError)
"""What a damaged file may raise."""


def _create(path: Path, campaign: str, base_url: str) -> None:
    """Make the file beside its place and move it there, so that it is whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with closing(_files.connect(fresh)) as connection:
        connection.executescript(
            f"PRAGMA application_id = {_APPLICATION_ID}; "
            f"PRAGMA user_version = {_VERSION}; {_SCHEMA}"
        )
        values = {"campaign": campaign, "base_url": base_url}
        with connection:
            connection.executemany("INSERT INTO meta VALUES (?, ?)", values.items())
    fresh.replace(path)


def _check(path: Path) -> None:
    """Refuse what the first bytes show to be something else."""
    if path.is_dir():
        raise BatchError(f"{path} is a directory, not a journal.")
    with path.open("rb") as file:
        head = file.read(100)
    if len(head) < 100 or not head.startswith(b"SQLite format 3\x00"):
        raise _damaged(path, "it does not begin like a journal")
    version, application = struct.unpack(">I4xI", head[60:72])
    if application != _APPLICATION_ID:
        raise BatchError(f"{path} is not a journal of this program; it was left as it is.")
    if version != _VERSION:
        raise BatchError(
            f"The journal {path} was written by another version of this program "
            f"(schema {version}, this one reads {_VERSION}). Use that version to finish it."
        )


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, also while a run is working on the journal.

    SQLite reads a journal at rest with two files beside it; where none can be made, without.
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
"""Errors that say nothing against the file itself; an extended code has these in its last byte."""


def _damaged(path: Path, why: object) -> BatchError:
    code = getattr(why, "sqlite_errorcode", -1) & 0xFF
    if isinstance(why, OSError) or code in _OF_THE_DISK:
        return BatchError(
            f"The journal {path} cannot be used now: {why}. It is as it was, and nothing was "
            "sent. See whether the disk is full, or the folder read-only, and run again."
        )
    return BatchError(
        f"The journal {path} is damaged or no journal ({why}); it was left as it is. Move it and "
        "the files beside it (-wal, -shm) away, put an older copy in its place if there is one, "
        "and run again with --adopt: rows that were sent since are looked for in Postiz."
    )
