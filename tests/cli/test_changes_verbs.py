"""`pause` and `resume` show what they would do, and do it when that is agreed to."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_lab import Cli, write_campaign
from processes import Server


@pytest.fixture
def file(cli: Cli, server: Server, tmp_path: Path) -> Path:
    path = tmp_path / "c.csv"
    dates = [f"2031-04-{day:02} 09:00Z" for day in range(1, 5)]
    names = ["mastodon", "telegram"] * 2
    write_campaign(path, *((n, d, f"{tmp_path} {d}") for n, d in zip(names, dates, strict=True)))
    assert cli("run", path).code == 0
    return path


def stored(server: Server, file: Path) -> list[str]:
    posts = [post for post in server.posts if str(file.parent) in post["content"]]
    return sorted(f"{post['date'][:10]} {post['state']}" for post in posts)


def days(state: str = "QUEUE") -> list[str]:
    return [f"2031-04-{day:02} {state}" for day in range(1, 5)]


def test_a_pause_holds_until_it_is_resumed(cli: Cli, server: Server, file: Path) -> None:
    result = cli("pause", file)
    assert (result.code, stored(server, file)) == (1, days())
    assert "4 posts made drafts, none costs a request" in result.out
    result = cli("pause", file, "--yes")
    assert (result.code, stored(server, file)) == (0, days("DRAFT"))
    assert f"Nothing is sent until postiz-async resume {file}" in result.out.replace("\n", " ")
    result = cli("run", file)
    assert result.code == 1
    assert "Paused since" in result.out
    assert cli("run", file, "--json").document["paused"] is not None
    assert "Paused since" in cli("plan", file).out
    assert cli("status", file, "--json").document["paused"] is not None
    result = cli("resume", file)
    assert "4 posts scheduled again, none costs a request" in result.out
    assert stored(server, file) == days("DRAFT")
    result = cli("resume", file, "--yes")
    assert (result.code, stored(server, file)) == (0, days())
    result = cli("resume", file)
    assert (result.code, "This campaign is not paused." in result.out) == (0, True)
    assert cli("run", file).code == 0


def test_what_was_left_is_named_with_what_to_do(cli: Cli, server: Server, file: Path) -> None:
    assert cli("pause", file, "--yes").code == 0
    [post, edited, *_] = [each for each in server.posts if str(file.parent) in each["content"]]
    assert cli("posts", "delete", post["id"], "--yes").code == 0
    assert cli("posts", "settings", edited["id"], '{"by": "hand"}').code == 0
    result = cli("resume", file, "--yes")
    assert result.code == 1
    assert "deleted or moved in Postiz\n" in result.out  # no --force sends it anew
    for verb in ("status", "plan"):
        told = cli(verb, file).out.replace("\n", " ")
        assert f"Not all posts are scheduled again: postiz-async resume {file} goes on." in told
    assert cli("resume", file, "--force", "--yes").code == 0
    assert "Not all posts" not in cli("status", file).out


@pytest.mark.usefixtures("server")
def test_of_a_campaign_that_was_never_run_nothing_is_said_about_a_pause(
    cli: Cli, tmp_path: Path
) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", "2031-04-01 09:00Z", "a"))
    result = cli("resume", file)
    assert (result.code, result.out) == (2, "")
    assert "has not been run" in result.err


def test_a_file_with_problems_can_be_paused(cli: Cli, server: Server, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("2031-04-04 09:00Z", "soon"), encoding="utf-8")
    assert cli("pause", file, "--yes").code == 0
    assert stored(server, file) == days("DRAFT")
    assert cli("resume", file, "--yes").code == 2
