"""How a hand-over lies in the file: its table, its columns, and back. PURE."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from postiz_async.delivery.records import RowState
from postiz_async.models.posts import CreatePost
from postiz_async.outbox.tickets import OutboxEntry

__all__ = [
    "APPLICATION_ID",
    "SCHEMA",
    "SCHEMA_VERSION",
    "SELECT",
    "encode",
    "from_column",
    "read_entry",
    "to_column",
]

APPLICATION_ID = 0x506F7A6F
SCHEMA_VERSION = 1
SCHEMA = """
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
    ended_at REAL
) STRICT;
CREATE INDEX entries_open ON entries (quota, due) WHERE ended_at IS NULL;
CREATE INDEX entries_moment ON entries (moment) WHERE moment IS NOT NULL
"""
SELECT = (
    "SELECT number, id, owner, state, due, dated, body, post_ids, sent, sent_at, note FROM entries"
)


def to_column(moment: datetime) -> int:
    """A moment as a column has it: whole milliseconds since the epoch."""
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def from_column(milliseconds: int) -> datetime:
    """A moment from its column."""
    second, rest = divmod(milliseconds, 1000)
    return datetime.fromtimestamp(second, UTC).replace(microsecond=rest * 1000)


def encode(value: object) -> bytes:
    """A value as a column has it."""
    return msgspec.json.encode(value)


_Row = tuple[int, str, str, str, float, int, bytes, bytes, bytes | None, float | None, str]


def read_entry(row: _Row) -> OutboxEntry:
    """The hand-over in a row of `SELECT`."""
    number, ticket, owner, state, due, dated, body, ids, sent, sent_at, note = row
    return OutboxEntry(
        number,
        ticket,
        owner,
        RowState(state),
        due,
        bool(dated),
        msgspec.json.decode(body, type=CreatePost),
        msgspec.json.decode(ids, type=tuple[str | None, ...]),
        msgspec.json.decode(sent, type=CreatePost) if sent is not None else None,
        sent_at,
        note,
    )
