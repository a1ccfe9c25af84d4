"""The plan of a marketing department as it is: one question, and it is read as it is meant."""

from __future__ import annotations

import os
import shlex
import sys
import time as clock
import tomllib
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cli_lab import Cli, write_campaign
from manager_workbook import HEADER, POSTS, write_plan
from processes import ROOT, Server
from spread import spread
from spreadsheet_files import Noted, write_xlsx

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")

if sys.platform != "win32":
    from terminals import Told, on_terminal

WHEN = "2031-05-01T09:00Z"
NOTED = ("channel,date,content,Notiz", ("mastodon", WHEN, "Hi", "intern"))


@pytest.fixture(autouse=True)
def in_berlin(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    del server  # it is there
    monkeypatch.setenv("TZ", "Europe/Berlin")
    clock.tzset()


def person(*arguments: str | Path, answers: tuple[str, ...] = ()) -> Told:
    return on_terminal(arguments, os.environ, *answers)


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.parametrize("name", spread(["plan.xlsx", "plan.ods", "plan.csv"], every=3))
def test_a_manager_needs_two_commands_and_one_answer(
    server: Server, tmp_path: Path, name: str
) -> None:
    before = len(server.posts)
    path = write_plan(tmp_path, name, picture="bilder/sonne.png")
    first = person("plan", path, "--again", answers=("",))  # the other files say the same
    second = person("run", path, "--again")
    assert (first.code, first.asked, second.code, second.asked) == (0, 1, 0, 0), first.text
    table = lines(first.text)
    assert "Kanäle channel Northwind on X + Northwind on Mastodon" in table
    assert "Datum date Sat 15 Mar 2031 09:00" in table
    assert "Reddit-Titel Reddit: title Wir rösten, fragt uns" in table
    assert "Notiz not sent Link folgt" in table
    is_csv = name.endswith(".csv")
    assert ("header: row 5" if is_csv else "header: sheet Plan, row 5") in first.text
    assert f"Keptforthenexttime:{tmp_path / 'plan.toml'}" in "".join(first.text.split())

    posts = server.posts[before:]
    assert len(posts) == POSTS
    berlin = ZoneInfo("Europe/Berlin")
    dates = sorted(
        f"{datetime.fromisoformat(p['date']).astimezone(berlin):%d %H:%M}" for p in posts
    )
    expected = ["15 09:00"] * 2 + ["16 14:30"] * 3 + ["16 15:30", "16 18:00"] + ["18 09:00"] * 2
    assert dates == [*expected, "18 12:15", "18 12:15"]
    contents = " ".join(post["content"] for post in posts)
    assert contents.count("Unsere Röstung des Monats") == 4
    assert contents.count("https://example.com/roestung") == 1
    assert not any(word in contents for word in ("Anna", "intern", "Kürzen", "freigegeben"))
    assert sum(len(post["media"]) for post in posts) == 6


def test_what_the_page_shows_is_what_is_shown(tmp_path: Path) -> None:
    page = (ROOT / "docs/spreadsheets.md").read_text("utf-8")
    head = ["Network", "When", "Hour", "Text", "YouTube title", "Status"]
    when = "15 March 2031", "9:00"
    rows = [
        ["X, Mastodon", *when, Noted("Spring is here", "Shorter?"), "", "approved"],
        ["youtube", *when, "A film", "Brewing in three minutes", "draft"],
    ]
    path = write_xlsx(tmp_path / "plan.xlsx", sheets={"Plan": [["Titel"], [], head, *rows]})
    said = person("plan", path, answers=("n",)).text
    shown = page[page.index("column         meaning") : page.index("Is this right? [Y/n]:")]
    told = " ".join(said.partition("Is this right?")[0].split())
    assert " ".join(shown.split()) == told


def test_no_is_no(server: Server, tmp_path: Path) -> None:
    before = server.state
    path = write_plan(tmp_path, "plan.xlsx")
    said = person("run", path, answers=("n",))
    assert (said.code, said.asked) == (2, 1)
    assert server.state["creates"] == before["creates"]
    assert not (tmp_path / "plan.toml").exists()
    options = shlex.split(said.text[said.text.rindex("--sheet Plan") :].replace("\n", " "))
    assert "Notiz=" in options
    assert f"{HEADER[0]}=channel" in options


def test_without_a_person_nothing_is_guessed_unless_it_is_said(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    path = write_campaign(tmp_path / "c.csv", NOTED[1], columns=NOTED[0])
    refused = cli("run", path)
    assert refused.code == 2
    assert "row 2, Notiz: is not a column of a campaign" in refused.err
    assert cli("plan", path, "--json").document["problems"]
    assert person("plan", path, "--json").asked == 0
    assert not (tmp_path / "c.toml").exists()
    told = cli("run", path, "--yes")
    assert told.code == 0, told.err
    assert "Notiz not sent intern" in lines(told.out)
    assert server.posts[-1]["content"] == "Hi"
    assert 'Notiz = ""' in (tmp_path / "c.toml").read_text("utf-8")


def test_a_file_with_the_right_names_is_neither_shown_nor_asked_about(tmp_path: Path) -> None:
    path = write_campaign(tmp_path / "c.csv", ("mastodon", WHEN, "Right", ""), columns=NOTED[0])
    said = person("plan", path)
    assert (said.code, said.asked) == (0, 0)
    assert "meaning" not in said.text
    assert not (tmp_path / "c.toml").exists()


def test_what_is_new_in_a_file_is_named_and_asked_about_once(tmp_path: Path) -> None:
    path = write_campaign(tmp_path / "c.csv", NOTED[1], columns=NOTED[0])
    assert person("plan", path, answers=("",)).asked == 1
    assert person("plan", path).asked == 0
    write_campaign(path, ("mastodon", WHEN, "Hi", "ja"), columns="channel,date,content,Freigabe")
    said = person("update", path, answers=("y",))
    assert said.asked == 1
    assert "Since the last time, new: Freigabe" in said.text
    assert "Since the last time, not there any more: Notiz" in said.text
    kept = (tmp_path / "c.toml").read_text("utf-8")
    assert "Freigabe" in kept
    assert "Notiz" not in kept


def test_yes_keeps_what_was_guessed_and_no_option_of_one_run(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    row = ("mastodon", WHEN, f"Once {tmp_path}", "intern")
    path = write_campaign(tmp_path / "c.csv", row, columns=NOTED[0])
    (tmp_path / "c.toml").write_text('align = "15m"', "utf-8")
    given = ["--align", "1h", "--name", "once", "--ignore", "repeats", "--media-root", tmp_path]
    assert cli("plan", path, "--yes", *given).code == 0
    kept = tomllib.loads((tmp_path / "c.toml").read_text("utf-8"))
    assert kept.keys() <= {"align", "columns", "timezone"}
    assert (kept["align"], kept["columns"]["Notiz"]) == ("15m", "")
    assert cli("plan", path, "--save", *given).code == 0
    kept = tomllib.loads((tmp_path / "c.toml").read_text("utf-8"))
    assert (kept["align"], kept["name"]) == ("1h", "once")
