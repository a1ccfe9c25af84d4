"""`reconcile` deletes what is stored twice, and nothing that nobody agreed to."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from cli_lab import Cli, write_campaign
from processes import Server

FAR = "2031-02-20 09:00Z"


class Person(io.StringIO):
    """Somebody at a terminal, who types this."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def file(cli: Cli, server: Server, tmp_path: Path) -> Path:
    """A campaign whose one post is stored twice, as by a request that was carried out twice."""
    path = write_campaign(tmp_path / "c.csv", ("mastodon", FAR, f"{tmp_path}"))
    assert cli("run", path).code == 0
    (post,) = stored(server, path)
    mark = {"client_ref": post["settings"]["client_ref"]}
    how = ("--channel", post["channel_id"], "--at", post["date"])
    made = cli("posts", "create", post["content"], *how, "--settings", json.dumps(mark))
    assert made.code == 0
    return path


def stored(server: Server, file: Path) -> list[dict[str, object]]:
    return [post for post in server.posts if post["content"] == str(file.parent)]


def test_where_nobody_can_answer_it_deletes_nothing_and_says_so(
    cli: Cli, server: Server, file: Path
) -> None:
    file.with_suffix(".toml").write_text('timezone = "Asia/Tokyo"', encoding="utf-8")
    result = cli("reconcile", file)
    assert result.code == 1
    assert "Thu 20 Feb 2031 18:00 Asia/Tokyo" in result.out
    assert "1 post of this campaign was stored twice. Nothing was deleted" in result.out
    assert "--yes" in result.out
    assert len(stored(server, file)) == 2
    result = cli("reconcile", file, "--json")
    assert (result.document["doubles_left"], result.document["found"]["doubled"]) == (1, 1)
    assert "Nothing was deleted" in result.err
    assert len(stored(server, file)) == 2


def test_who_says_so_is_not_asked(cli: Cli, server: Server, file: Path) -> None:
    first = stored(server, file)[0]["id"]
    result = cli("reconcile", file, "--yes", "--json")
    assert result.document["doubles_left"] == 0
    assert [post["id"] for post in stored(server, file)] == [first]
    assert cli("reconcile", file).code == 0


@pytest.mark.parametrize(("answer", "left"), [("y", 1), ("n", 2), ("", 2)])
def test_a_person_is_asked(
    cli: Cli,
    server: Server,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    left: int,
) -> None:
    monkeypatch.setattr("sys.stdin", Person(f"{answer}\n"))
    result = cli("reconcile", file)
    assert "1 post of this campaign was stored twice. Delete what is one too many?" in result.err
    assert ("Nothing was deleted." in result.out) is (left == 2)
    assert len(stored(server, file)) == left


def test_nobody_is_asked_where_nothing_is_to_be_deleted(
    cli: Cli, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_campaign(tmp_path / "c.csv", ("mastodon", FAR, f"{tmp_path}"))
    assert cli("run", path).code == 0
    monkeypatch.setattr("sys.stdin", Person(""))
    done = cli("reconcile", path)
    assert done.err == ""
    assert done.out.endswith("\nNothing was moved, edited, deleted or duplicated in Postiz.\n")


def test_the_help_says_that_it_deletes(cli: Cli) -> None:
    assert "asks whether to delete the duplicate" in " ".join(
        cli("reconcile", "--help").out.split()
    )
