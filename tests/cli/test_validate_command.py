"""`postiz-async validate FILE`: every problem with its row and the text it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli_lab import write_campaign

if TYPE_CHECKING:
    from pathlib import Path

    from cli_lab import Cli
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
    shown = cli("validate", file)
    assert shown.code == 2
    assert "3 rows: 2 problems" in shown.out
    assert long[:30] in shown.out, "the text that is too long"
    assert "soon" in shown.out
    document = cli("validate", file, "--json").document
    assert document["rows"] == 3
    assert [each["row"] for each in document["problems"]] == [3, 4]
    assert server.state["creates"] == before


def test_nothing_wrong(cli: Cli, server: Server, tmp_path: Path) -> None:
    file = write_campaign(tmp_path / "good.csv", ["mastodon", WHEN, "Fine"])
    shown = cli("validate", file)
    assert (shown.code, shown.err) == (0, "")
    assert "1 row: 0 problems, 0 warnings" in shown.out
    assert cli("validate", file, "--json").document["problems"] == []
