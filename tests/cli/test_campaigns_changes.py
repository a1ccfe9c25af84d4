"""`run` shows what it would change and what that costs, and does it when that is agreed to."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import anyio.to_thread
import pytest
from cli_lab import Cli, Revoking, write_campaign
from processes import Server

from postiz_async._sandbox.http import serve


@pytest.fixture
def file(cli: Cli, server: Server, tmp_path: Path) -> Path:
    """A campaign that was run and edited: a text, a date, a channel, one gone, one new."""
    path, home = tmp_path / "c.csv", str(tmp_path)
    names = ("mastodon", "telegram", "threads", "bluesky", "telegram")
    before = [
        (name, f"2031-05-0{n} 09:00Z", f"{home} number {n}", f"r{n}")
        for n, name in enumerate(names, start=1)
    ]
    columns = "channel,date,content,ref"
    write_campaign(path, *before, columns=columns)
    assert cli("run", path).code == 0
    assert len(stored(server, path)) == 5
    return write_campaign(
        path,
        (*before[0][:2], f"{home} number 1, corrected", "r1"),
        ("telegram", "2031-05-02 10:00Z", *before[1][2:]),
        ("mastodon", *before[2][1:]),
        before[4],
        ("telegram", "2031-05-09 09:00Z", f"{home} new", "r9"),
        columns=columns,
    )


def stored(server: Server, file: Path) -> list[str]:
    home = str(file.parent)
    posts = [post for post in server.posts if home in post["content"]]
    return sorted(
        f"{p['provider']} {p['date'][:13]} {p['content'][len(home) + 1 :]}" for p in posts
    )


def said(text: str) -> str:
    return " ".join(text.split())


AFTER = [
    "mastodon 2031-05-01T09 number 1, corrected",
    "mastodon 2031-05-03T09 number 3",
    "telegram 2031-05-02T10 number 2",
    "telegram 2031-05-05T09 number 5",
    "telegram 2031-05-09T09 new",
]


def test_where_nobody_can_answer_nothing_is_done(cli: Cli, server: Server, file: Path) -> None:
    before = stored(server, file)
    result = cli("run", file, "--prune")
    assert result.code == 3
    told = "2 posts changed for 2 create requests, 1 deleted and sent again, 1 deleted"
    assert f"A run changes stored posts: {told}" in said(result.out)
    assert f"The file differs from stored posts: {told}. Nothing was changed" in said(result.err)
    error = cli("run", file, "--prune", "--json").error
    assert (error["type"], error["rows"]) == ("CampaignConflictError", [2, 3, 4, 5])
    kept = cli("run", file, "--yes")
    assert kept.code == 3
    assert "Delete it with --prune, or keep it with --keep." in said(kept.err)
    assert stored(server, file) == before


def test_a_plan_shows_it(cli: Cli, server: Server, file: Path) -> None:
    before = stored(server, file)
    lines = said(cli("plan", file).out)
    assert "2 posts changed for 2 create requests, 1 deleted and sent again" in lines
    assert "1 post whose row is gone is to come, and stop a run: --prune deletes it" in lines
    assert "still to send: 4 posts in 4 create requests" in lines
    told = cli("plan", file, "--json", "--prune").document
    assert (told["requests"], told["posts"]) == (4, 4)
    changes = told["changes"]
    assert (changes["changed"], changes["resent"], changes["requests"]) == ([2, 3], [4], 2)
    assert [each["row"] for each in changes["pruned"]] == [5]
    assert stored(server, file) == before


def test_a_row_whose_answer_was_lost_is_asked_about_if_it_says_something_else(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    del server  # it is there
    row = ("mastodon", "2031-05-01 09:00Z", f"{tmp_path} first")
    path = write_campaign(tmp_path / "d.csv", (*row, "a"), columns="channel,date,content,ref")
    assert cli("run", path).code == 0
    with closing(sqlite3.connect(path.with_suffix(".journal"))) as journal, journal:
        journal.execute("UPDATE campaign_rows SET state = 'unknown'")
    assert "whose answer was lost" not in cli("plan", path).out
    other = (*row[:2], f"{tmp_path} second", "a")
    write_campaign(path, other, columns="channel,date,content,ref")
    told = "1 post whose answer was lost, if it is stored"
    assert f"A run changes stored posts: {told}" in said(cli("plan", path).out)
    asked = cli("run", path)
    assert (asked.code, told in said(asked.err)) == (3, True)


def test_yes_does_it_and_then_nothing_is_left(cli: Cli, server: Server, file: Path) -> None:
    result = cli("run", file, "--prune", "--yes")
    assert result.code == 0
    assert stored(server, file) == AFTER
    assert "5 stored, 1 withdrawn of 6 rows" in result.out
    again = cli("run", file)
    assert (again.code, "Nothing is left to send: " in again.out) == (0, True)
    status = cli("status", file, "--json").document
    nothing = {"new": [], "changed": [], "gone": [], "unread": []}
    assert (status["edits"], status["complete"]) == (nothing, True)


def test_what_was_edited_in_postiz_is_named_and_is_no_failure(
    cli: Cli, server: Server, file: Path
) -> None:
    (post,) = (p for p in server.posts if p["content"] == f"{file.parent} number 1")
    how = ("--channel", "mastodon", "--at", post["date"][:19], "--yes")
    assert cli("posts", "replace", post["id"], f"{file.parent} by hand", *how).code == 0
    result = cli("run", file, "--yes", "--keep")
    assert result.code == 0
    assert "left: row 2: edited in Postiz (--force does it anyway)" in result.out
    assert any(text.endswith("by hand") for text in stored(server, file))
    again = cli("run", file, "--json").document
    assert again["changes"]["left"] == {"edited": [2]}
    assert cli("run", file, "--yes", "--force", "--prune").code == 0
    assert stored(server, file) == AFTER


def test_a_changed_row_with_a_problem_is_refused_before_anything(
    cli: Cli, server: Server, file: Path
) -> None:
    before = stored(server, file)
    file.write_text(file.read_text("utf-8").replace("corrected", "x" * 9000), encoding="utf-8")
    for verb in ("plan", "run"):
        result = cli(verb, file, "--prune")
        assert (result.code, "500" in result.err) == (2, True)
    assert stored(server, file) == before
    left_out = cli("run", file, "--prune", "--yes", "--skip-invalid")
    assert (left_out.code, "left: row 2: the row has problems" in left_out.out) == (1, True)


async def test_one_that_is_stopped_says_what_it_did(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Revoking("POST") as box, serve(box) as served:
        box.add_channel("mastodon")
        monkeypatch.setenv("POSTIZ_API_URL", served.url)
        monkeypatch.setenv("POSTIZ_API_KEY", box.organization.api_key)
        days = [f"2099-04-{day:02} 09:00Z" for day in range(1, 7)]
        file = write_campaign(tmp_path / "c.csv", *(("mastodon", day, day) for day in days))
        assert (await anyio.to_thread.run_sync(cli, "run", file)).code == 0
        write_campaign(file, *(("mastodon", day, f"{day}!") for day in days))
        box.begin()
        stopped = await anyio.to_thread.run_sync(cli, "run", file, "--yes", "--json")
        assert stopped.code == 2
        assert json.loads(stopped.err.splitlines()[-2])["error"]["status_code"] == 401
        assert "6 stored of 6 rows, and " in stopped.err
        left = stopped.document["edits"]["changed"]
        changed = sum(post.content.endswith("!") for post in box.posts)
        assert 1 <= 6 - len(left) <= changed < 6


def test_what_is_free_is_said_to_be_so(cli: Cli, server: Server, tmp_path: Path) -> None:
    def written(*types: str) -> Path:
        rows = [
            ("telegram", f"2031-06-0{day} 09:00Z", f"{tmp_path} {day}", kind)
            for day, kind in enumerate(types, 1)
        ]
        columns = "channel,date,content,type"
        return write_campaign(tmp_path / "d.csv", *rows, columns=columns)

    assert cli("run", written(*["schedule"] * 3)).code == 0
    told = cli("plan", written(*["draft"] * 3))
    assert "A run changes stored posts: 3 posts changed for no request\n" in told.out
    assert "Nothing is left to send.\n" in told.out
