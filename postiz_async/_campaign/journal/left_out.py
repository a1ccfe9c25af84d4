"""What is wrong with rows that the last run left out, kept in the journal beside what it knows."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import msgspec

from postiz_async.errors import Problem

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable


def read_left_out(connection: sqlite3.Connection) -> tuple[Problem, ...]:
    """The problems of the rows that the last run left out; none where it is not known."""
    kept = connection.execute("SELECT value FROM meta WHERE key = 'left_out'").fetchone()
    return msgspec.convert(json.loads(kept[0]), tuple[Problem, ...]) if kept else ()


def write_left_out(connection: sqlite3.Connection, problems: Iterable[Problem]) -> None:
    """Keep them in place of those of the run before; what they quote need not be valid Unicode."""
    said = json.dumps([asdict(problem) for problem in problems])
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('left_out', ?)", (said,))
