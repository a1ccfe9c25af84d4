"""Journals of earlier versions, brought up to date step by step.

Whoever changes the tables adds one to `SCHEMA_VERSION` and a step to `MIGRATIONS`. A step and the
number of its version are one transaction, so that a journal is never between two versions.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from typing import Any

__all__ = ["CHANGES", "COPIES", "MIGRATIONS", "SCHEMA_VERSION", "migrate", "read_version"]

SCHEMA_VERSION = 7


def _link_name_and_date_asked_for(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE rows ADD COLUMN link TEXT NOT NULL DEFAULT ''")
    connection.execute("ALTER TABLE rows ADD COLUMN name TEXT NOT NULL DEFAULT ''")
    connection.execute("ALTER TABLE rows ADD COLUMN moved_from REAL")


def _copies(connection: sqlite3.Connection) -> None:
    connection.execute(COPIES)


def _changes(connection: sqlite3.Connection) -> None:
    connection.execute(CHANGES)


def _repairs(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE requests ADD COLUMN mended_at REAL NOT NULL DEFAULT 0.0")


CHANGES = (
    "CREATE TABLE changes (request INTEGER NOT NULL, ref TEXT NOT NULL, becomes TEXT NOT NULL, "
    "PRIMARY KEY (request, ref)) STRICT"
)
"""What the rows of a request become that changes their posts; see `journal_changes`."""


def _what_rows_say(connection: sqlite3.Connection) -> None:
    """What a row says is read from the request in which it was sent, as far as that tells it."""
    connection.execute("ALTER TABLE rows ADD COLUMN said TEXT NOT NULL DEFAULT ''")
    asked = {
        ref: (name or channel, moment if moved is None else moved)
        for ref, name, channel, moment, moved in connection.execute(
            "SELECT ref, name, channel, date, moved_from FROM rows"
        )
    }
    for body, refs in connection.execute("SELECT body, refs FROM requests ORDER BY id").fetchall():
        request = json.loads(body)
        connection.executemany(
            "UPDATE rows SET said = ? WHERE ref = ?",
            [
                (json.dumps(_said(*asked[ref], request, post)), ref)
                for ref, post in zip(json.loads(refs), request["posts"], strict=True)
                if ref in asked
            ],
        )


def _said(name: str, asked: float, request: dict[str, Any], post: dict[str, Any]) -> dict[str, Any]:
    """A row as `_batch.rows.SaidRow` reads it; its files were not written down."""
    first, *thread = [part["content"] for part in post["value"]]
    kept = {key: value for key, value in post["settings"].items() if key not in _ADDED}
    return {
        "integration": name,
        "date": datetime.fromtimestamp(asked, UTC).isoformat(),
        "content": first,
        "media": None,
        "settings": kept or None,
        "tags": [tag["label"] for tag in request["tags"]],
        "type": request["type"],
        "thread": thread,
        "short_link": request["shortLink"],
        "repeat_days": request.get("inter"),
    }


_ADDED = {"client_ref", "__type"}
"""Settings that no row gives."""

COPIES = (
    "CREATE TABLE copies (post_id TEXT PRIMARY KEY, ref TEXT NOT NULL, mark TEXT NOT NULL) STRICT"
)
"""Posts that equal a row's and stay beside it, because it was to be sent once more."""

MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {
    2: _link_name_and_date_asked_for,
    3: _copies,
    4: _what_rows_say,
    5: _changes,
    6: _repairs,
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
