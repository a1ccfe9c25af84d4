"""A journal that does not belong here is refused, and left as it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cli_lab import Cli, Result, write_campaign
from network_lab import needs_own_name
from processes import Server

from postiz_async._campaign.journal.lock import FileLock

LATER = "2027-01-20 09:00Z"


@pytest.fixture
def file(cli: Cli, server: Server, tmp_path: Path) -> Path:
    """A campaign that was run: it has a journal."""
    path = write_campaign(
        tmp_path / "c.csv", *(("mastodon", LATER, f"Hello {n} {tmp_path}") for n in range(30))
    )
    assert cli("run", path).code == 0
    return path


def refused_and_untouched(
    cli: Cli, server: Server, journal: Path, *words: str | Path, told: tuple[str, ...]
) -> Result:
    before, state = journal.read_bytes(), server.state
    result = cli(*words)
    assert result.code == 2
    assert result.err.startswith("error: ")
    assert str(journal) in result.err
    for text in told:
        assert text in result.err
    assert journal.read_bytes() == before
    after = server.state
    assert (after["creates"], after["uploads"]) == (state["creates"], state["uploads"])
    return result


def test_of_another_campaign(cli: Cli, server: Server, file: Path, tmp_path: Path) -> None:
    other = write_campaign(
        tmp_path / "other.csv", ("mastodon", "2027-01-21 09:00Z", "Something else")
    )
    journal = file.with_suffix(".journal")
    for verb in ("plan", "run"):
        refused_and_untouched(
            cli, server, journal, verb, other, "--journal", journal, told=("another campaign",)
        )


@needs_own_name
def test_of_another_server(
    cli: Cli, server: Server, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_campaign(
        file, *[("mastodon", LATER, "New")], ("mastodon", LATER, f"Hello 0 {file.parent}")
    )
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    monkeypatch.setenv("POSTIZ_API_URL", elsewhere)
    refused_and_untouched(
        cli, server, file.with_suffix(".journal"), "run", file, told=(server.url, elsewhere)
    )


def test_of_another_organisation(
    cli: Cli,
    server: Server,
    tmp_path: Path,
    odd_servers: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", "2031-01-20 09:00Z", "Hello"))
    both = Server(odd_servers["two organisations"], server.api_key)
    monkeypatch.setenv("POSTIZ_API_URL", both.url)
    assert cli("run", file).code == 0
    (mine,) = both.posts
    write_campaign(
        file, *(("mastodon", "2031-01-20 09:00Z", text) for text in ("Hello", "Hello again"))
    )
    monkeypatch.setenv("POSTIZ_API_KEY", "the-key-of-somebody-else")
    journal = file.with_suffix(".journal")
    told = ("another organisation", str(mine["channel_id"]))
    for verb in ("plan", "run"):
        refused_and_untouched(cli, both, journal, verb, file, told=told)


def damage(journal: Path, how: str) -> None:
    data = journal.read_bytes()
    if how == "garbage":
        journal.write_bytes(b"garbage" * 1000)
    elif how == "cut":
        journal.write_bytes(data[: len(data) // 2 // 4096 * 4096 + 100])
    elif how == "overwritten":
        middle = len(data) // 2
        journal.write_bytes(data[:4096] + b"\xa5" * (middle - 4096) + data[middle:])
    elif how == "newer":
        with sqlite3.connect(journal) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
    else:
        journal.unlink()
        with sqlite3.connect(journal) as connection:
            connection.execute("CREATE TABLE somebody_elses (id INTEGER)")
        connection.close()


@pytest.mark.exhaustive
@pytest.mark.parametrize("how", ["garbage", "cut", "overwritten", "newer", "no journal"])
@pytest.mark.parametrize("verb", ["plan", "run", "status"])
def test_damaged(cli: Cli, server: Server, file: Path, how: str, verb: str) -> None:
    journal = file.with_suffix(".journal")
    for rest in file.parent.glob("c.journal-*"):
        rest.unlink()
    damage(journal, how)
    refused_and_untouched(cli, server, journal, verb, file, told=())


@pytest.mark.parametrize("verb", ["plan", "run", "status"])
def test_a_folder_instead(cli: Cli, server: Server, tmp_path: Path, verb: str) -> None:
    path = write_campaign(tmp_path / "d.csv", ("mastodon", LATER, "Hello"))
    (tmp_path / "d.journal").mkdir()
    result = cli(verb, path)
    assert result.code == 2
    assert "d.journal" in result.err


def test_in_use(cli: Cli, server: Server, file: Path) -> None:
    write_campaign(file, ("mastodon", LATER, "New"), ("mastodon", LATER, f"Hello 0 {file.parent}"))
    journal = file.with_suffix(".journal")
    lock = FileLock(journal.with_name(journal.name + ".lock"))
    try:
        told = ("Another process", "postiz-async status")
        refused_and_untouched(cli, server, journal, "run", file, "--yes", told=told)
        assert cli("status", file).code == 0
        assert cli("plan", file).code == 0
    finally:
        lock.release()
    assert cli("run", file, "--keep", "--yes").code == 0


def test_the_key_is_in_no_file(server: Server, file: Path) -> None:
    paths = [path for path in file.parent.rglob("*") if path.is_file()]
    assert file.with_suffix(".journal") in paths
    assert any(path.name.startswith("quota") for path in paths)
    for path in paths:
        assert server.api_key.encode() not in path.read_bytes()


def test_of_a_campaign_of_another_name(
    cli: Cli, server: Server, file: Path, tmp_path: Path
) -> None:
    """A journal keeps the name with which its posts are marked."""
    journal = file.with_suffix(".journal")
    told = (
        "is of the campaign 'c.csv', and this run says 'spring'",
        "leave --name away to go on with it",
    )
    for verb in ("plan", "run"):
        refused_and_untouched(cli, server, journal, verb, file, "--name", "spring", told=told)
    assert cli("run", file, "--name", "c.csv").code == 0
    moved = file.rename(tmp_path / "d.csv")
    assert cli("run", moved, "--journal", journal).code == 0
    named = write_campaign(tmp_path / "e.csv", ("mastodon", LATER, f"Another {tmp_path}"))
    assert cli("run", named, "--name", "spring").code == 0
    assert cli("status", named).out.startswith("spring at ")


def test_what_is_late_here_and_stored_elsewhere_is_no_failure(cli: Cli, file: Path) -> None:
    """Another host stored it in time; there is nothing to send, and the run looks all the same."""
    with closing(sqlite3.connect(file.with_suffix(".journal"))) as connection, connection:
        forget = (
            "UPDATE campaign_rows SET state = 'late', post_id = NULL, request = NULL"
            " WHERE number = 3"
        )
        connection.execute(forget)
        connection.execute("DELETE FROM campaign_requests")
    assert cli("status", file).code == 1
    result = cli("run", file)
    assert (result.code, result.out.splitlines()[0]) == (
        0,
        "Nothing is left to send: 30 stored of 30 rows.",
    )
    assert cli("status", file).code == 0


BOTH = ("--ignore", "doubles")
"""Rows that say the same are meant."""


def test_an_equal_post_that_the_run_cannot_account_for_is_no_success(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    row = ("mastodon", LATER, f"Good morning {tmp_path}")
    assert cli("run", write_campaign(tmp_path / "theirs.csv", row, row), *BOTH).code == 0
    ours = write_campaign(tmp_path / "ours.csv", row)
    refused = cli("run", ours)  # it is there already, and nobody said what to do
    assert refused.code == 3
    assert "over as stored with --adopt, or send it once more with --again." in refused.err
    result = cli("run", ours, "--adopt", "--json")
    assert result.code == 1
    assert (result.document["complete"], result.document["doubled"]) == (True, 1)
    assert result.document["rows"][0]["finding"] == "equal"
    assert cli("status", ours).code == 1
    assert cli("run", ours).code == 1
    on_purpose = write_campaign(tmp_path / "on-purpose.csv", row)
    assert cli("run", on_purpose, "--again").code == 0
    assert cli("run", on_purpose).code == 0
    assert cli("status", on_purpose).code == 0
