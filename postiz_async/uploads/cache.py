"""A small SQLite file of what was uploaded in the last day, for the next run. Blocking."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

import msgspec

from postiz_async.models.media import Media
from postiz_async.private_files import connect, make_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["find", "put"]

T = TypeVar("T")

_BUSY = 2.0
"""Seconds to wait for another process's write."""

_TABLE = (
    "CREATE TABLE IF NOT EXISTS media (owner TEXT, sha256 TEXT, at REAL NOT NULL, "
    "medium BLOB NOT NULL, PRIMARY KEY (owner, sha256))"
)
_FIND = "SELECT at, medium FROM media WHERE owner = ? AND sha256 = ?"


def find(path: Path, owner: str, sha256: str) -> tuple[float, Media] | None:
    """When a content was uploaded (seconds since the epoch), and what it became.

    Raises:
        OSError: the file cannot be used.
    """

    def look(file: sqlite3.Connection) -> tuple[float, Media] | None:
        row = file.execute(_FIND, (owner, sha256)).fetchone()
        return (row[0], msgspec.json.decode(row[1], type=Media)) if row is not None else None

    return _with_file(path, look)


def put(path: Path, owner: str, sha256: str, medium: Media, now: float, *, oldest: float) -> None:
    """Note what a content became, and forget what is older than `oldest`.

    Raises:
        OSError: the file cannot be used.
    """

    def change(file: sqlite3.Connection) -> None:
        file.execute("DELETE FROM media WHERE at < ?", (oldest,))
        row = (owner, sha256, now, msgspec.json.encode(medium))
        file.execute("INSERT OR REPLACE INTO media VALUES (?, ?, ?, ?)", row)

    _with_file(path, change)


def _with_file(path: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    try:
        make_folder(path.parent)
        with closing(connect(path, timeout=_BUSY)) as file, file:
            file.execute(_TABLE)
            return work(file)
    except (sqlite3.Error, OSError, msgspec.DecodeError) as error:
        raise OSError(
            f"The upload cache {path} cannot be used: {error}. Make room on its disk, let this "
            "user write to it, or name another file."
        ) from error
