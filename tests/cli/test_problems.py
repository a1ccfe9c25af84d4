"""`postiz-async plan FILE`: every problem with its row and the text it is about."""

from __future__ import annotations

from pathlib import Path

from cli_lab import Cli, write_campaign
from processes import Server

WHEN = "2030-01-15T09:00:00Z"


def test_problems_and_warnings_with_their_rows(cli: Cli, server: Server, tmp_path: Path) -> None:
    long = "Far too long " * 50
    file = write_campaign(
        tmp_path / "bad.csv",
        ["mastodon", WHEN, "Fine"],
        ["mastodon", WHEN, long],
        ["mastodon", "soon", "No date"],
    )
    before = server.state["creates"]
    shown = cli("plan", file)
    assert shown.code == 2
    assert "2 problems, nothing was sent:" in shown.err
    assert long[:30] in shown.err, "the text that is too long"
    assert "soon" in shown.err
    told = cli("plan", file, "--json")
    document = told.document
    assert document["rows"] == 3
    assert told.error["problems"] == document["problems"]
    assert [each["row"] for each in document["problems"]] == [3, 4]
    assert server.state["creates"] == before


def test_a_tag_that_a_warning_names_is_not_shown_again(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    columns = "channel,date,content,tags"
    file = write_campaign(tmp_path / "t.csv", ["mastodon", WHEN, "x", "Nowhere"], columns=columns)
    assert cli("plan", file).out.count("Nowhere") == 1


def test_nothing_wrong(cli: Cli, server: Server, tmp_path: Path) -> None:
    file = write_campaign(tmp_path / "good.csv", ["mastodon", WHEN, "Fine"])
    shown = cli("plan", file)
    assert (shown.code, shown.err) == (0, "")
    document = cli("plan", file, "--json").document
    assert (document["rows"], document["problems"], document["warnings"]) == (1, [], [])


def test_the_text_of_a_deep_setting(cli: Cli, server: Server, tmp_path: Path) -> None:
    place = '{"subreddit": "y", "title": "Hello", "type": "self", "is_flair_required": false}'
    deep = f'{{"subreddit": [{{"value": {place}}}]}}'
    foreign = '{"__type": "x", "who_can_reply_post": "everyone"}'
    file = write_campaign(
        tmp_path / "deep.csv",
        ["reddit", WHEN, "Hello", deep],
        ["mastodon", WHEN, "Hello", foreign],
        columns="channel,date,content,settings",
    )
    shown = cli("plan", file).err.splitlines()
    (line,) = (each for each in shown if "settings.subreddit.0.value.subreddit" in each)
    assert line.split("  ")[-1] == "y"
    (line,) = (each for each in shown if "are those of 'x'" in each)
    assert line.endswith('{"__type":"x","who_can_reply_post":"e...')


def test_a_missing_medium_names_the_network(cli: Cli, server: Server, tmp_path: Path) -> None:
    file = write_campaign(tmp_path / "bare.csv", ["instagram", WHEN, "Hello"])
    (_, line) = cli("plan", file).err.splitlines()
    assert "row 2, media: " in line
    assert "(has 0 media; see postiz-async providers instagram)" in line


def test_a_missing_setting_shows_no_text(cli: Cli, server: Server, tmp_path: Path) -> None:
    settings = '{"subreddit": [{"value": {"title": "Hello"}}]}'
    file = write_campaign(
        tmp_path / "missing.csv",
        ["reddit", WHEN, "Hello", settings],
        columns="channel,date,content,settings",
    )
    shown = cli("plan", file).err.splitlines()
    (line,) = (each for each in shown if "settings.subreddit.0.value.type" in each)
    assert line.endswith("(is missing; see postiz-async providers reddit)")


def test_what_is_wrong_with_many_rows_is_said_once(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    rows = [["mastodon", WHEN, f"Row {n}", "pictures/nowhere.png"] for n in range(2, 10)]
    rows += [["mastodon", WHEN, "Row 10", ""], ["mastodon", WHEN, "Row 11", "pictures/nowhere.png"]]
    columns = "channel,date,content,media"
    file = write_campaign(tmp_path / "missing.csv", *rows, columns=columns)
    shown = cli("plan", file).err
    assert shown.count("nowhere.png") == 1, "not beside itself either"
    assert "  9 rows (2-9, 11), media: pictures/nowhere.png does not exist" in shown
    assert "9 problems, nothing was sent:" in shown
    document = cli("plan", file, "--json").document
    assert document["rows"] == 10
    assert [each["row"] for each in document["problems"]] == [*range(2, 10), 11]
