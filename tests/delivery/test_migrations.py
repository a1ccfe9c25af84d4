"""Journals of earlier versions of the program."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from postiz_async._delivery.journal import Journal, RowRecord, RowState, read_summary
from postiz_async._delivery.migrations import MIGRATIONS, SCHEMA_VERSION
from postiz_async.errors import BatchError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SERVER = "http://localhost/public/v1"

VERSION_2 = """
PRAGMA application_id = 1349483114;
PRAGMA user_version = 2;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE rows (
    ref TEXT PRIMARY KEY, number INTEGER NOT NULL, fingerprint TEXT NOT NULL, channel TEXT NOT NULL,
    date REAL NOT NULL, state TEXT NOT NULL, request INTEGER, post_id TEXT,
    note TEXT NOT NULL DEFAULT '', finding TEXT NOT NULL DEFAULT '', remark TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX rows_by_request ON rows (request);
CREATE TABLE requests (
    id INTEGER PRIMARY KEY, body BLOB NOT NULL, refs BLOB NOT NULL, sent_at REAL NOT NULL,
    state TEXT NOT NULL
) STRICT;
CREATE TABLE uploads (sha256 TEXT PRIMARY KEY, media BLOB NOT NULL) STRICT;
CREATE TABLE quota (id INTEGER PRIMARY KEY CHECK (id = 1), kept BLOB NOT NULL) STRICT;
INSERT INTO meta VALUES ('campaign', 'c.csv'), ('campaign_id', 'x'), ('base_url', '{server}');
INSERT INTO rows (ref, number, fingerprint, channel, date, state, post_id)
    VALUES ('a', 2, 'f', 'ch', 1800000000.0, 'stored', 'p1'), ('b', 3, 'g', 'ch', 1800000060.0,
    'planned', NULL);
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "c.journal"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_2.format(server=SERVER))
        connection.execute("PRAGMA journal_mode = WAL")
    return path


def test_each_version_leads_to_the_next() -> None:
    assert list(MIGRATIONS) == list(range(min(MIGRATIONS), SCHEMA_VERSION))


def test_a_look_leaves_it_as_it_is(old: Path) -> None:
    before = old.read_bytes()
    rows = read_summary(old).rows
    assert [(row.ref, row.state, row.moved_from, row.name) for row in rows] == [
        ("a", RowState.STORED, None, ""),
        ("b", RowState.PLANNED, None, ""),
    ]
    assert old.read_bytes() == before


async def test_a_run_brings_it_up_to_date_and_keeps_all(old: Path) -> None:
    async with await Journal.open(old, campaign="c.csv", base_url=SERVER) as journal:
        assert journal.campaign_id == "x"
        await journal.put([RowRecord("b", 3, "g", "ch", 1800000060.0, name="Our page")])
        rows = await journal.rows()
    assert (rows["a"].post_id, rows["b"].name) == ("p1", "Our page")
    assert read_summary(old).rows == tuple(rows.values())
    assert version_of(old) == SCHEMA_VERSION
    async with await Journal.open(old, campaign="c.csv", base_url=SERVER) as journal:
        assert await journal.rows() == rows


def version_of(path: Path) -> int:
    """What the head of the file says, which other programs look at."""
    return int.from_bytes(path.read_bytes()[60:64], "big")


async def test_a_step_that_fails_leaves_the_version_before(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: Callable[[sqlite3.Connection], None] = MIGRATIONS[2]

    def fail(connection: sqlite3.Connection) -> None:
        whole(connection)
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setitem(MIGRATIONS, 2, fail)
    with pytest.raises(BatchError, match="disk I/O error"):
        await Journal.open(old, campaign="c.csv", base_url=SERVER)
    monkeypatch.undo()
    assert version_of(old) == 2
    assert len(read_summary(old).rows) == 2


@pytest.mark.parametrize("version", [1, SCHEMA_VERSION + 1])
async def test_versions_that_nobody_knows_are_refused(old: Path, version: int) -> None:
    with closing(sqlite3.connect(old)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with pytest.raises(BatchError, match=f"schema {version}, this one reads 2 to {SCHEMA_VERSION}"):
        await Journal.open(old, campaign="c.csv", base_url=SERVER)
    with pytest.raises(BatchError, match="another version"):
        read_summary(old)
