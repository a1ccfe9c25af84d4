"""What a file says differently than what was sent of it, as a person reads it at 80 columns."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from cli_lab import Cli, write_campaign
from processes import Server

LONG = "Our new opening hours from next week on: Monday to Friday from nine to five"


def day(number: int, hour: int = 9) -> str:
    return f"2031-03-{number:02} {hour:02}:00Z"


@pytest.fixture
def edited(cli: Cli, server: Server, tmp_path: Path) -> Path:
    """A campaign that was run and then edited in every way."""
    del server  # it is there
    path, home = tmp_path / "c.csv", str(tmp_path)
    same = [("mastodon", day(n), f"{home} offer {n}") for n in range(1, 5)]
    hours = ("telegram", day(9), f"{home} {LONG}")
    gone = ("telegram", day(10), f"{home} is gone")
    other = ("telegram", day(11), f"{home} elsewhere")
    columns = "channel,date,content,ref"
    write_campaign(
        path, *((*row, "") for row in (*same, hours, gone)), (*other, "o"), columns=columns
    )
    assert cli("run", path).code == 0
    later = [("mastodon", day(n, 10), f"{home} offer {n}") for n in range(1, 5)]
    new = ("telegram", day(20), f"{home} quite new")
    hours = (*hours[:2], hours[2].replace("five", "six"))
    moved = ("threads", *other[1:], "o")
    rows = [(*row, "") for row in (*later, hours)]
    return write_campaign(path, *rows, moved, (*new, ""), columns=columns)


def test_plan_and_status_name_old_beside_new(cli: Cli, edited: Path) -> None:
    for command in ("plan", "status"):
        said = cli(command, edited).out
        lines = said.splitlines()
        start = lines.index("The file differs from what was sent: 1 new, 6 changed, 1 gone")
        assert lines[start + 1 : start + 4] == [
            "  4 rows (2-5): date 1 h later",
            '  row 6: text "…nine to five" -> "…nine to six"',
            '  row 7: channel "telegram" -> "threads"',
        ]
        assert lines[start + 4].startswith("  gone (was row 7): Mon 10 Mar 2031 09:00 ")
        assert "1 post whose row is gone is to come, and stop a run: --prune" in " ".join(lines)
    assert f"What a run would do: {shlex.join(['postiz-async', 'plan', str(edited)])}" in said


def test_all_of_it_is_there_for_programs(cli: Cli, edited: Path) -> None:
    told = cli("status", edited, "--json").document["edits"]
    assert [each["row"] for each in told["changed"]] == [2, 3, 4, 5, 6, 7]
    assert told["changed"][0]["fields"] == [
        {"field": "date", "before": "2031-03-01T09:00:00Z", "after": "2031-03-01T10:00:00Z"}
    ]
    assert (told["new"], len(told["gone"])) == ([8], 1)
    assert cli("plan", edited, "--json").document["edits"] == told


def test_run_stops_before_what_is_gone(cli: Cli, edited: Path) -> None:
    before = cli("posts", "list", "--json").document
    stopped = cli("run", edited, "--yes")
    assert stopped.code == 3
    assert "1 post is still to come, but not in the campaign any more (row 7 before)" in stopped.err
    assert "Delete it with --prune, or keep it with --keep." in " ".join(stopped.err.split())
    assert "Stopped" not in stopped.out
    assert cli("posts", "list", "--json").document == before
    ran = cli("run", edited, "--keep", "--yes", "--json").document
    assert ran["counts"] == {"stored": 8}
    assert cli("status", edited, "--json").document["edits"]["new"] == []
    again = cli("run", edited)
    assert again.code == 0  # it was said
    assert "  kept (was row 7): " in again.out
    assert "--keep" not in again.out
    assert "--keep" not in cli("plan", edited).out


def test_each_post_that_would_be_deleted_is_named(cli: Cli, server: Server, tmp_path: Path) -> None:
    del server  # it is there
    rows = [("mastodon", day(n), f"{tmp_path} number {n}") for n in range(1, 26)]
    path = write_campaign(tmp_path / "c.csv", *rows)
    assert cli("run", path).code == 0
    write_campaign(path, rows[0])
    shown = cli("plan", path, "--prune").out
    assert shown.count("gone (was row ") == 20
    assert "... and 4 more (--json has all)" in shown
