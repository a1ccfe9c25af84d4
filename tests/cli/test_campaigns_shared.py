"""One campaign from several hosts: its journal is in PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_lab import Cli, write_campaign
from postgres_server import shared_server, why_no_postgres
from processes import Server

pytestmark = pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())

LATER = "2027-01-20 09:00Z"


@pytest.fixture
def files(cli: Cli, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The same file on two hosts, which share a database with tables."""
    del server  # it is there
    monkeypatch.setenv("POSTIZ_STORE", shared_server().new_database())
    assert cli("outbox", "init").code == 0
    rows = [("mastodon", LATER, f"Hello {n} {tmp_path}") for n in range(4)]
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    return [write_campaign(folder / "c.csv", *rows) for folder in folders]


def test_what_one_host_began_the_other_goes_on_with(cli: Cli, files: list[Path]) -> None:
    one, other = files
    assert cli("run", one).code == 0
    assert not one.with_suffix(".journal").exists()
    again = cli("run", other)
    assert (again.code, again.out.splitlines()[0]) == (
        0,
        "Nothing is left to send: 4 stored of 4 rows.",
    )
    assert cli("status", other, "--json").document["complete"]
    assert cli("report", other).code == 0
    assert other.with_suffix(".report.html").exists()
    undone = cli("undo", other, "--yes")
    assert (undone.code, undone.out.splitlines()[-1]) == (0, "4 posts deleted.")
    assert cli("status", one, "--json").document["counts"] == {"withdrawn": 4}


def test_a_file_that_says_something_else_is_asked_about(cli: Cli, files: list[Path]) -> None:
    one, other = files
    assert cli("run", one).code == 0
    other.write_text(other.read_text().replace("Hello 3", "Goodbye"))
    for verb in ("plan", "run"):
        refused = cli(verb, other)
        assert refused.code == 2
        assert "3 of the 4 rows" in refused.err
        assert "--name 'c.csv'" in refused.err
    changed = cli("run", other, "--name", "c.csv", "--yes")
    assert changed.code == 0
    assert cli("status", one, "--name", "c.csv", "--json").document["complete"]


def test_a_journal_that_is_named_is_a_file(cli: Cli, files: list[Path], tmp_path: Path) -> None:
    journal = tmp_path / "own.journal"
    assert cli("run", files[0], "--journal", journal).code == 0
    assert journal.exists()
    missing = cli("status", files[0])
    assert missing.code == 2
    assert "There is no journal of 'c.csv' in PostgreSQL at 127.0.0.1:" in missing.err


def test_what_is_no_journal_of_a_database_is_said(
    cli: Cli, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTIZ_STORE", shared_server().new_database())
    for verb in ("plan", "run", "status"):
        refused = cli(verb, files[0])
        assert refused.code == 2
        assert 'the schema "postiz_async" is not there' in refused.err
        assert "postiz-async outbox init" in refused.err
