"""Campaign files that are read as the command line says, and plans whose dates may move."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from cli_lab import Cli, write_campaign
from processes import Server

FOREIGN = (
    "--column", "Kanal=channel", "--column", "Wann=date", "--column", "Text=content",
    "--column", "Notiz=", "--default", "tags=news", "--date-format", "%d.%m.%Y %H:%M",
    "--timezone", "Europe/Berlin",
)  # fmt: skip


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    rows = [
        ("mastodon", "20.01.2027 18:00", "Hallo Berlin", "intern"),
        ("bluesky", "20.01.2027 09:00", "Hallo Wien", ""),
    ]
    zones = '[timezones]\nmastodon = "Asia/Tokyo"\n'
    (tmp_path / "f.toml").write_text(zones, encoding="utf-8")
    return write_campaign(tmp_path / "f.csv", *rows, columns="Kanal,Wann,Text,Notiz")


def test_columns_dates_zones_and_defaults(cli: Cli, server: Server, foreign: Path) -> None:
    planned = cli("plan", foreign, *FOREIGN, "--json")
    assert planned.document["posts"] == 2
    ran = cli("run", foreign, *FOREIGN)
    assert (ran.code, ran.err) == (0, "")
    found = {post["content"]: post["date"] for post in server.posts}
    assert found["Hallo Berlin"].startswith("2027-01-20T09:00:00")
    assert found["Hallo Wien"].startswith("2027-01-20T08:00:00")
    told = cli("status", foreign)  # the journal knows the channels' names
    assert told.code == 0
    assert "mastodon" in told.out


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_line_ends_of_windows_change_no_post(
    cli: Cli, server: Server, tmp_path: Path, suffix: str
) -> None:
    """A campaign that went through git or an editor there is still the same campaign."""
    path = tmp_path / f"c.{suffix}"
    posts = {
        f"{suffix}: one\n\nand two": "2027-01-21T09:00:00Z",
        f"{suffix}: three": "2027-01-21T10:00:00Z",
    }
    rows = [{"channel": "mastodon", "date": at, "content": text} for text, at in posts.items()]
    if suffix == "csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            table.writeheader()
            table.writerows(rows)
    else:
        path.write_bytes("".join(json.dumps(row) + "\n" for row in rows).encode())
    assert cli("run", path).code == 0
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    before = server.posts
    assert cli("run", path).code == 0
    assert cli("plan", path, "--json").document["requests"] == 0, "nothing was edited"
    assert server.posts == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--column", "Text"), "--column is 'Text'; write it like --column Text=content"),
        (("--default", "=x"), "--default is '=x'; write it like --default tags=news"),
        (("--column", "A=ref", "--column", "A=date"), "--column names 'A' twice"),
        (("--column", "Text=contnet"), "Did you mean 'content'?"),
        (("--default", "colour=red"), "'colour' is not a column of a campaign"),
        (("--date-format", "%H:%M"), "does not say the year"),
        (("--timezone", "Mars"), "There is no time zone 'Mars'"),
        (("--align", "soon"), "--align (align=) is 'soon'; say how far, like 15m"),
        (("--align", "9d"), "(--align, align=); say whole seconds from 0 to 7 days"),
    ],
)
def test_what_cannot_be_meant(
    cli: Cli, server: Server, foreign: Path, words: tuple[str, ...], expected: str
) -> None:
    result = cli("plan", foreign, *words)
    assert result.code == 2
    assert expected in result.err
    assert result.out == ""


@pytest.fixture
def staggered(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    rows = [
        (provider, f"2027-01-{20 + day} 09:{5 * n:02}Z", f"{request.node.name} {day} {n}")
        for day in range(3)
        for n, provider in enumerate(("mastodon", "bluesky"))
    ]
    return write_campaign(tmp_path / "s.csv", *rows)


def test_a_plan_shows_what_moving_dates_gains(cli: Cli, server: Server, staggered: Path) -> None:
    planned = cli("plan", staggered, "--timezone", "UTC")
    assert planned.code == 0
    lines = planned.out.splitlines()
    assert lines[1] == "6 posts in 6 create requests, 0 media files"
    table = lines[lines.index("") + 1 :]
    assert table[0].split()[:2] == ["dates", "requests"]
    assert table[1].startswith("as written")
    assert re.search(r"  6  \d+ \w+ [\d:]+, 1 window", table[1])
    assert table[2].startswith("moved by 15m")
    assert re.search(r"  3  \d+ \w+ [\d:]+, 1 window", table[2])
    assert table[3] == "To let dates move by up to 15m: --align 15m"


def test_a_run_that_moves_dates_says_so(cli: Cli, server: Server, staggered: Path) -> None:
    planned = cli("plan", staggered, "--align", "15m", "--timezone", "UTC")
    assert "3 posts move so that they share requests." in planned.out
    ran = cli("run", staggered, "--align", "15m", "--timezone", "UTC")
    assert (ran.code, ran.err) == (0, "")
    assert "3 posts moved to share requests, by 5 min at most." in ran.out
    assert "6 stored of 6 rows; 3 create requests spent." in ran.out
    with staggered.with_suffix(".result.csv").open(encoding="utf-8-sig", newline="") as file:
        dates = {row["date"] for row in csv.DictReader(file)}
    assert len(dates) == 3
