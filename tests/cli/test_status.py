"""`status` asks Postiz, changes nothing there, and says how the file differs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_lab import Cli, write_campaign
from processes import Server

FAR = "2031-02-20 09:00Z"

FORMAT = ("--date-format", "%d/%m/%Y %H:%M", "--timezone", "UTC")


def test_status_says_why_rows_cannot_be_read(cli: Cli, server: Server, tmp_path: Path) -> None:
    rows = [("mastodon", f"0{n}/12/2031 09:00", f"Hello {n} {tmp_path}") for n in range(1, 9)]
    file = write_campaign(tmp_path / "c.csv", *rows)
    assert cli("run", file, *FORMAT).code == 0
    told = cli("status", file)
    assert "8 rows (2-9): cannot be read, so nothing counts as gone." in told.out
    assert "  row 2, date: '01/12/2031 09:00' may be 1 December or 12 January" in told.out
    assert "--date-format '%d/%m/%Y %H:%M' for 1 December" in told.out
    assert "have to be given here too, unless a campaign.toml beside it has them" in told.out
    problems = cli("status", file, "--json").document["problems"]
    assert [(each["row"], each["where"]) for each in problems] == [
        (n, "date") for n in range(2, 10)
    ]

    known = cli("status", file, *FORMAT)
    assert "cannot be read" not in known.out
    assert cli("status", file, *FORMAT, "--json").document["problems"] == []
    file.with_suffix(".toml").write_text(f'date_format = "{FORMAT[1]}"\n', encoding="utf-8")
    assert cli("status", file).out == known.out


def test_status_says_why_a_file_cannot_be_read(cli: Cli, server: Server, tmp_path: Path) -> None:
    row = ("mastodon", "2031-12-01 09:00Z", f"Hello {tmp_path}")
    file = write_campaign(tmp_path / "c.csv", row, columns="Whom,date,content")
    assert cli("run", file, "--column", "Whom=channel").code == 0
    told = cli("status", file)
    assert told.code == 0
    assert "--column NAME=channel" in told.out
    assert "have to be given here too, unless a campaign.toml beside it has them" in told.out


@pytest.fixture
def file(cli: Cli, server: Server, tmp_path: Path) -> Path:
    """A campaign of two posts that are stored."""
    rows = [("mastodon", FAR, f"{n} {tmp_path}") for n in range(2)]
    path = write_campaign(tmp_path / "c.csv", *rows)
    assert cli("run", path).code == 0
    return path


def stored(server: Server, file: Path) -> list[dict[str, Any]]:
    return [post for post in server.posts if post["content"].endswith(f" {file.parent}")]


def test_what_somebody_made_a_draft_is_a_draft(cli: Cli, server: Server, file: Path) -> None:
    file.with_suffix(".toml").write_text('timezone = "Asia/Tokyo"', encoding="utf-8")
    assert cli("posts", "status", stored(server, file)[0]["id"], "draft").code == 0
    told = cli("status", file)
    assert told.code == 0
    assert "draft  row 2" in told.out
    assert "Thu 20 Feb 2031 18:00 Asia/Tokyo: made a draft in Postiz" in told.out
    assert "1 stored, 1 draft of 2 rows" in told.out
    assert cli("status", file, "--strict").code == 1
    assert cli("report", file, "--result", file.parent / "r.csv").code == 0
    assert ",draft,made a draft in Postiz" in (file.parent / "r.csv").read_text(encoding="utf-8")
    document = cli("status", file, "--json").document
    assert document["asked_at"]
    assert [row["finding"] for row in document["rows"]] == ["draft", ""]
    again = cli("run", file)
    assert again.code == 0
    assert "Nothing is left to send: 1 stored, 1 draft of 2 rows. Why: " in again.out


def test_rows_that_came_since_are_named(cli: Cli, server: Server, file: Path) -> None:
    with file.open("a", encoding="utf-8") as out:
        out.write(f"mastodon,{FAR},new {file.parent}\n")
    assert "1 row of the file is not sent yet." in cli("status", file).out


def test_a_run_with_nothing_to_send_looks_too(cli: Cli, server: Server, file: Path) -> None:
    assert cli("posts", "delete", stored(server, file)[0]["id"], "--yes").code == 0
    again = cli("run", file)
    assert "Nothing is left to send: 1 stored, 1 deleted of 2 rows. Why: " in again.out
    assert ",deleted," in file.with_suffix(".result.csv").read_text(encoding="utf-8")


def test_a_second_post_is_named_and_left_to_the_next_run(
    cli: Cli, server: Server, file: Path
) -> None:
    first, *_ = stored(server, file)
    mark = {"client_ref": first["settings"]["client_ref"]}
    how = ("--channel", first["channel_id"], "--at", first["date"])
    made = cli("posts", "create", first["content"], *how, "--settings", json.dumps(mark), "--json")
    told = cli("status", file)
    assert told.code == 1
    assert f"as {made.document[0]['postId']} too; the next run deletes it" in told.out
    assert len(stored(server, file)) == 3
    assert cli("run", file).code == 0
    assert len(stored(server, file)) == 2
    assert cli("status", file).code == 0


def _no_key(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("POSTIZ_API_KEY")


def _wrong_key(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("POSTIZ_API_KEY", "wrong")


@pytest.mark.parametrize(
    ("hinder", "why"), [(_no_key, "There is no API key"), (_wrong_key, "API key")]
)
def test_where_postiz_cannot_be_asked_the_journal_is_shown(
    cli: Cli,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    hinder: Callable[[pytest.MonkeyPatch], None],
    why: str,
) -> None:
    hinder(monkeypatch)
    told = cli("status", file)
    assert told.code == 0
    assert "Postiz was not asked, so this is what the journal says. " in told.out
    assert why in told.out
    assert "2 stored of 2 rows" in told.out
    assert cli("status", file, "--strict").code == 1
    assert cli("status", file, "--json").document["asked_at"] is None


def test_it_waits_until_posts_are_out(cli: Cli, server: Server, tmp_path: Path) -> None:
    row = ("mastodon", FAR, f"Now {tmp_path}", "now")
    file = write_campaign(tmp_path / "c.csv", row, columns="channel,date,content,type")
    assert cli("run", file).code == 0
    told = cli("status", file, "--wait")
    assert told.code == 0
    assert "1 published of 1 row" in told.out
