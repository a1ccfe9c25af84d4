"""SQLite files that several processes use at once."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from postiz_async.clock import Clock, run_of
from postiz_async.errors import StoreError
from postiz_async.stores import in_micros, in_seconds
from postiz_async.stores._files import connect, make_folder

BUSY_MS = 5000
"""Milliseconds to wait for another process's write, which usually takes about one."""

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
"""Advice by the primary code of SQLite's error."""


def explain(error: Exception) -> str:
    """Explain what is wrong with a SQLite file, and what to do."""
    advice = ""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        advice = _ADVICE.get(code, "")
    elif isinstance(error, OSError):
        advice = "Check that its folder can be made and written to, or name another file."
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    return f"{reason}. {advice}"


def open_shared(path: Path, application: int, version: int, schema: str) -> sqlite3.Connection:
    """Open a file that several processes use; create it if it does not exist.

    A transaction survives a loss of power, at the price of a disk's flush each.

    Args:
        path: the file; its folder is created too, both for their owner alone.
        application: the number that marks files of this kind.
        version: the version of its schema.
        schema: the statements that create it, separated by `;`.

    Raises:
        StoreError: the file is of another kind or version. It is left unchanged.
        sqlite3.Error: the file cannot be used; see `explain`; an OSError is possible, too.
    """
    make_folder(path.parent)
    connection = connect(path, timeout=BUSY_MS / 1000, autocommit=True)
    try:
        connection.execute("BEGIN")  # a consistent view while another process creates the file
        _is_new(connection, path, application, version)
        connection.execute("COMMIT")
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
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


CLOCK = """
CREATE TABLE clock (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    run TEXT NOT NULL, monotonic INTEGER NOT NULL, time INTEGER NOT NULL
) STRICT
"""


def set_clock(connection: sqlite3.Connection, clock: Clock, least: float = 0.0) -> float:
    """Write down and return the time of a file, in the transaction that needs the time."""
    time = read_clock(connection, clock, least)
    values = run_of(clock), in_micros(clock.monotonic()), in_micros(time)
    connection.execute("INSERT OR REPLACE INTO clock VALUES (1, ?, ?, ?)", values)
    return time


def resume_clock(connection: sqlite3.Connection, clock: Clock, least: float = 0.0) -> float:
    """The time of a file; if it was written in another boot, its clock goes on from now."""
    kept = connection.execute("SELECT run FROM clock").fetchone()
    is_of_this_run = kept is not None and kept[0] == run_of(clock)
    return (read_clock if is_of_this_run else set_clock)(connection, clock, least)


def read_clock(connection: sqlite3.Connection, clock: Clock, least: float = 0.0) -> float:
    """Seconds on the clock of a file, which is never fast: records are at least as old as it says.

    The clock runs with the host's monotonic clock. It stands still between two boots of the host,
    or between two processes where boots cannot be told apart.

    Args:
        connection: a connection to the file.
        clock: the clock of this process.
        least: the smallest result, by what this process has seen before.
    """
    kept = connection.execute("SELECT run, monotonic, time FROM clock").fetchone()
    if kept is None:
        return max(least, clock.time())
    run, monotonic, time = kept
    is_same = run == run_of(clock)
    passed = max(0, in_micros(clock.monotonic()) - monotonic) if is_same else 0
    return max(least, in_seconds(time + passed))


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL, with retries: of two simultaneous switches SQLite fails one at once."""
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
    """Whether the file is empty; a file of another application is refused."""
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
