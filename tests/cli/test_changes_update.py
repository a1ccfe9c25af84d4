"""`update` shows what it would do and cost, and does it when that is agreed to."""

from __future__ import annotations

import shlex
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


AFTER = [
    "mastodon 2031-05-01T09 number 1, corrected",
    "mastodon 2031-05-03T09 number 3",
    "telegram 2031-05-02T10 number 2",
    "telegram 2031-05-05T09 number 5",
    "telegram 2031-05-09T09 new",
]


def test_where_nobody_can_answer_it_only_shows(cli: Cli, server: Server, file: Path) -> None:
    before = stored(server, file)
    result = cli("update", file)
    assert result.code == 1
    assert "2 changes, 1 deleted and sent again, 1 new: 4 create requests, done about" in result.out
    assert "1 post whose row is gone is to come: --prune deletes it, --keep keeps it." in result.out
    assert "Nothing was changed. --yes does it." in result.out
    told = cli("update", file, "--json", "--prune").document
    assert (told["changed"], told["resent"], told["new"]) == ([2, 3], [4], [6])
    assert (told["done"], told["requests"], told["requests_that_change"]) == (False, 4, 2)
    assert [each["row"] for each in told["pruned"]] == [5]
    assert stored(server, file) == before


def test_yes_does_it_and_then_nothing_is_left(cli: Cli, server: Server, file: Path) -> None:
    result = cli("update", file, "--prune", "--yes")
    assert result.code == 0
    assert "2 changes, 1 deleted and sent again, 1 deleted, 1 new: " in result.out
    assert stored(server, file) == AFTER
    assert "5 stored, 1 withdrawn of 6 rows" in result.out
    again = cli("update", file)
    assert (again.code, again.out) == (0, "Nothing is left to do.\n")
    status = cli("status", file, "--json").document
    nothing = {"new": [], "changed": [], "gone": [], "unread": []}
    assert (status["edits"], status["complete"]) == (nothing, True)


def test_a_refused_row_is_no_success(cli: Cli, server: Server, file: Path) -> None:
    """An update cannot help it, and says so in the way of a run."""
    del server  # it is there
    assert cli("update", file, "--prune", "--yes").code == 0
    with closing(sqlite3.connect(file.with_suffix(".journal"))) as journal:
        journal.execute(
            "UPDATE campaign_rows SET state = 'refused', post_id = NULL WHERE number = 2"
        )
        journal.commit()
    again = cli("update", file, "--yes")
    assert again.code == 1
    assert again.out.startswith("Nothing is left to do: ")
    assert (
        f" 1 refused, 1 withdrawn of 6 rows. Why: postiz-async status {shlex.quote(str(file))}"
        in again.out
    )
    assert cli("update", file, "--yes", "--json").code == 1


def test_what_was_edited_in_postiz_is_named(cli: Cli, server: Server, file: Path) -> None:
    (post,) = (p for p in server.posts if p["content"] == f"{file.parent} number 1")
    how = ("--channel", "mastodon", "--at", post["date"][:19], "--yes")
    assert cli("posts", "replace", post["id"], f"{file.parent} by hand", *how).code == 0
    result = cli("update", file, "--yes", "--keep")
    assert result.code == 1
    assert "left: row 2: edited in Postiz (--force does it anyway)" in result.out
    assert any(text.endswith("by hand") for text in stored(server, file))
    assert cli("update", file, "--yes", "--force", "--prune").code == 0
    assert stored(server, file) == AFTER


def test_bad_input_is_told(cli: Cli, server: Server, tmp_path: Path) -> None:
    del server
    path = write_campaign(tmp_path / "c.csv", ("mastodon", "2031-05-01 09:00Z", "x" * 9000))
    assert "500" in cli("update", path).err
    path = write_campaign(tmp_path / "c.csv", ("mastodon", "2031-05-01 09:00Z", "fine"))
    result = cli("update", path)
    assert (result.code, "has not been run" in result.err) == (2, True)


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
        stopped = await anyio.to_thread.run_sync(cli, "update", file, "--yes", "--json")
        assert stopped.code == 2
        assert stopped.error["status_code"] == 401
        told = stopped.document
        assert (told["done"], told["changed"]) == (False, [2, 3, 4, 5, 6, 7])
        changed = sum(post.content.endswith("!") for post in box.posts)
        assert 1 <= len(told["finished"]) <= changed < 6


def test_what_is_free_is_said_to_be_so(cli: Cli, server: Server, tmp_path: Path) -> None:
    def written(*types: str) -> Path:
        rows = [
            ("telegram", f"2031-06-0{day} 09:00Z", f"{tmp_path} {day}", kind)
            for day, kind in enumerate(types, 1)
        ]
        columns = "channel,date,content,type"
        return write_campaign(tmp_path / "d.csv", *rows, columns=columns)

    assert cli("run", written(*["schedule"] * 3)).code == 0
    told = cli("update", written(*["draft"] * 3))
    assert "\n3 changes, none costs a request\n" in told.out
    assert (
        "\n1 change, which costs no request\n"
        in cli("update", written("draft", "schedule", "schedule")).out
    )
