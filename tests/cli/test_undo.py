"""`undo` shows what it would delete, and deletes it when that is agreed to."""

from __future__ import annotations

import re
from pathlib import Path

import anyio.to_thread
import pytest
from cli_lab import Cli, Revoking, write_campaign
from processes import Server

from postiz_async._campaign.run.undo import read_rows
from postiz_async._sandbox.http import serve
from postiz_async.errors import ConfigurationError


@pytest.fixture
def file(cli: Cli, server: Server, tmp_path: Path) -> Path:
    path = tmp_path / "c.csv"
    dates = [f"2031-04-{day:02} 09:00Z" for day in range(1, 7)]
    names = ["mastodon", "telegram"] * 3
    write_campaign(path, *((n, d, f"{tmp_path} {d}") for n, d in zip(names, dates, strict=True)))
    assert cli("run", path).code == 0
    assert len(stored(server, path)) == 6
    return path


def stored(server: Server, file: Path) -> list[str]:
    return [post["content"] for post in server.posts if str(file.parent) in post["content"]]


def test_where_nobody_can_answer_it_only_shows(cli: Cli, server: Server, file: Path) -> None:
    result = cli("undo", file)
    assert result.code == 0
    assert [line.split()[:2] for line in result.out.splitlines()[:3]] == [
        ["channel", "posts"],
        ["mastodon", "3"],
        ["telegram", "3"],
    ]
    assert "Nothing was deleted. --yes deletes these posts." in result.out
    assert len(stored(server, file)) == 6
    told = cli("undo", file, "--json").document
    assert [each["row"] for each in told["would_delete"]] == [2, 3, 4, 5, 6, 7]
    assert len(stored(server, file)) == 6


async def test_without_stored_posts_it_offers_no_deletion(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Revoking("POST") as box, serve(box) as served:
        box.add_channel("mastodon")
        monkeypatch.setenv("POSTIZ_API_URL", served.url)
        monkeypatch.setenv("POSTIZ_API_KEY", box.organization.api_key)
        days = (f"2099-04-{day:02} 09:00Z" for day in range(1, 7))
        file = write_campaign(tmp_path / "c.csv", *(("mastodon", day, day) for day in days))
        key = box.organization.api_key
        box.begin()
        assert (await anyio.to_thread.run_sync(cli, "run", file)).code == 2
        box.organization.api_key = key
        box.begin()
        assert (await anyio.to_thread.run_sync(cli, "undo", file, "--yes")).code == 0
        shown = await anyio.to_thread.run_sync(cli, "undo", file)
    assert shown.out == "Nothing was deleted. No post is stored.\n"


def test_rows_dates_and_channels_are_chosen(cli: Cli, server: Server, file: Path) -> None:
    done = cli("undo", file, "--rows", "2-4,7", "--channel", "mastodon", "--yes", "--json").document
    assert [each["row"] for each in done["deleted"]] == [2, 4]
    result = cli("undo", file, "--from", "2031-04-05", "--yes")
    assert result.out.splitlines()[-1] == "2 posts deleted."
    assert len(stored(server, file)) == 2
    status = cli("status", file)
    assert (status.code, "2 stored, 4 withdrawn of 6 rows" in status.out) == (0, True)
    for command in ("plan", "run"):
        told = cli(command, file).out
        assert "4 rows withdrawn by undo: --again sends them once more." in told, command
    assert cli("run", file, "--again").code == 0
    assert len(stored(server, file)) == 6


def test_rows_that_there_are_not_are_said(cli: Cli, server: Server, file: Path) -> None:
    for name in (file, file.with_suffix(".journal")):
        none = cli("undo", name, "--rows", "99,120-121", "--yes")
        assert none.code == 2
        said = " ".join(none.err.split())
        assert "--rows: 3 rows (99, 120, 121) are not in this campaign: it has 6 rows (2-7)" in said
    some = cli("undo", file, "--rows", "7-9", "--yes")
    assert (some.code, "1 post deleted." in some.out + some.err) == (0, True)
    assert "not in this campaign: 2 rows (8, 9)" in some.out + some.err
    assert len(stored(server, file)) == 5


async def test_one_that_is_stopped_says_what_it_did(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Revoking("DELETE") as box, serve(box) as served:
        box.add_channel("mastodon")
        monkeypatch.setenv("POSTIZ_API_URL", served.url)
        monkeypatch.setenv("POSTIZ_API_KEY", box.organization.api_key)
        days = (f"2099-04-{day:02} 09:00Z" for day in range(1, 7))
        file = write_campaign(tmp_path / "c.csv", *(("mastodon", day, day) for day in days))
        assert (await anyio.to_thread.run_sync(cli, "run", file)).code == 0
        box.begin()
        stopped = await anyio.to_thread.run_sync(cli, "undo", file, "--yes", "--json")
        assert stopped.code == 2
        assert stopped.error["status_code"] == 401
        told = stopped.document
        rows = [each["row"] for each in (*told["deleted"], *told["would_delete"])]
        assert sorted(rows) == [2, 3, 4, 5, 6, 7]
        there = {post.id for post in box.posts}
        assert len(there) < 6, "the key was taken away on the way"
        assert not there & {each["post_id"] for each in told["deleted"]}
        assert there <= {each["post_id"] for each in told["would_delete"]}


def test_rows_are_counted_as_the_file_has_them_now(cli: Cli, server: Server, file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([lines[0].replace("content", "Text"), *lines[2:]]), encoding="utf-8")
    options = ("--rows", "2", "--column", "Text=content")
    told = cli("undo", file, *options, "--yes", "--json").document
    assert [each["row"] for each in told["deleted"]] == [2]
    assert not any("2031-04-02" in content for content in stored(server, file))
    assert len(stored(server, file)) == 5


def test_rows_that_cannot_be_read_are_not_guessed(cli: Cli, server: Server, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("2031-04-01 09:00Z", "on the first"), encoding="utf-8")
    refused = cli("undo", file, "--rows", "2", "--yes")
    assert refused.code == 2
    assert "--rows: row 2 of" in " ".join(refused.err.split())
    assert "Say --timezone, --column" in " ".join(refused.err.split())
    file.write_text(text, encoding="utf-8")
    assert cli("undo", file, "--rows", "2", "--yes").code == 0
    assert len(stored(server, file)) == 5


def test_the_journal_is_enough(cli: Cli, server: Server, file: Path) -> None:
    file.unlink()
    assert cli("undo", file.with_suffix(".journal"), "--yes").code == 0
    assert stored(server, file) == []
    again = cli("undo", file.with_suffix(".journal"))
    assert (again.code, again.out) == (0, "Nothing is left to delete.\n")


@pytest.mark.parametrize(
    ("text", "rows"), [("3", {3}), ("3-5", {3, 4, 5}), (" 2, 5-6,9", {2, 5, 6, 9})]
)
def test_rows_are_read(text: str, rows: set[int]) -> None:
    assert read_rows(text) == rows


@pytest.mark.parametrize("text", ["", "x", "5-3", "1-", "-2", "3;4", "99999999"])
def test_what_are_no_rows_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="say rows like 3-9"):
        read_rows(text)


def test_dates_are_those_of_the_zone_that_is_kept(cli: Cli, file: Path) -> None:
    file.with_suffix(".toml").write_text('timezone = "Asia/Tokyo"\n', encoding="utf-8")
    shown = cli("undo", file, "--from", "2031-04-06 18:00")
    head, line = shown.out.splitlines()[:2]
    assert "from (Asia/Tokyo)" in head
    assert line.split()[-5:] == ["Sun", "6", "Apr", "2031", "18:00"]
    assert "Nothing is left to delete." in cli("undo", file, "--from", "2031-04-06 18:01").out
    assert re.search(r"when last seen, .* Asia/Tokyo$", cli("status", file).out, re.MULTILINE)


def test_all_dates_of_a_command_are_of_one_zone(cli: Cli, server: Server, file: Path) -> None:
    file.with_suffix(".toml").write_text('timezone = "Asia/Tokyo"\n', encoding="utf-8")
    lost = next(post["id"] for post in server.posts if str(file.parent) in post["content"])
    cli("posts", "delete", lost, "--yes")
    assert "18:00 Asia/Tokyo" in cli("status", file).out


@pytest.mark.parametrize("command", ["undo", "status"])
def test_a_time_zone_that_does_not_exist_is_refused(cli: Cli, file: Path, command: str) -> None:
    result = cli(command, file, "--timezone", "Mars/X")
    assert (result.code, "There is no time zone 'Mars/X'" in result.err) == (2, True)


def test_a_command_that_is_shown_can_be_pasted(cli: Cli, server: Server, file: Path) -> None:
    spaced = file.with_name("c d.csv")
    for text in ("one", "two"):
        write_campaign(spaced, ("mastodon", "2031-05-01 09:00Z", f"{file.parent} {text}"))
        cli("run", spaced)
    assert f"postiz-async plan '{spaced}'" in cli("status", spaced).out
