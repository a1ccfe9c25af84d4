"""Journals of earlier versions, brought up to date step by step.

Whoever changes the tables adds one to `SCHEMA_VERSION` and a step to `MIGRATIONS`. A step and the
number of its version are one transaction, so that a journal is never between two versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

__all__ = ["COPIES", "MIGRATIONS", "SCHEMA_VERSION", "migrate", "read_version"]

SCHEMA_VERSION = 4


def _link_name_and_date_asked_for(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE rows ADD COLUMN link TEXT NOT NULL DEFAULT ''")
    connection.execute("ALTER TABLE rows ADD COLUMN name TEXT NOT NULL DEFAULT ''")
    connection.execute("ALTER TABLE rows ADD COLUMN moved_from REAL")


def _copies(connection: sqlite3.Connection) -> None:
    connection.execute(COPIES)


COPIES = (
    "CREATE TABLE copies (post_id TEXT PRIMARY KEY, ref TEXT NOT NULL, mark TEXT NOT NULL) STRICT"
)
"""Posts that equal a row's and stay beside it, because it was to be sent once more."""

MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {
    2: _link_name_and_date_asked_for,
    3: _copies,
}
"""By the version that they start from; each leads to the next."""


def read_version(connection: sqlite3.Connection) -> int:
    """The version of the tables."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a journal up to date, if it is not. It has to be one of a known version."""
    version = read_version(connection)
    if version == SCHEMA_VERSION:
        return
    while version < SCHEMA_VERSION:
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            MIGRATIONS[version](connection)
            version += 1
            connection.execute(f"PRAGMA user_version = {version}")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the file's head tells the version
