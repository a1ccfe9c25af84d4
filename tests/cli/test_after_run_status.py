"""`status` of a file that cannot be read without the options that its run was given."""

from __future__ import annotations

from pathlib import Path

from cli_lab import Cli, write_campaign
from processes import Server

FORMAT = ("--date-format", "%d/%m/%Y %H:%M", "--timezone", "UTC")


def test_status_says_why_rows_cannot_be_read(cli: Cli, server: Server, tmp_path: Path) -> None:
    rows = [("mastodon", f"0{n}/12/2031 09:00", f"Hello {n} {tmp_path}") for n in range(1, 9)]
    file = write_campaign(tmp_path / "c.csv", *rows)
    assert cli("run", file, *FORMAT).code == 0
    told = cli("status", file)
    assert "8 rows (2-9): cannot be read, so nothing counts as gone." in told.out
    assert "  row 2, date: '01/12/2031 09:00' may be 1 December or 12 January" in told.out
    assert "--date-format '%d/%m/%Y %H:%M' for 1 December" in told.out
    assert "have to be given here too, unless a campaign.toml beside it has them" in told.out
    problems = cli("status", file, "--json").document["problems"]
    assert [(each["row"], each["where"]) for each in problems] == [
        (n, "date") for n in range(2, 10)
    ]

    known = cli("status", file, *FORMAT)
    assert "cannot be read" not in known.out
    assert cli("status", file, *FORMAT, "--json").document["problems"] == []
    file.with_suffix(".toml").write_text(f'date_format = "{FORMAT[1]}"\n', encoding="utf-8")
    assert cli("status", file).out == known.out


def test_status_says_why_a_file_cannot_be_read(cli: Cli, server: Server, tmp_path: Path) -> None:
    row = ("mastodon", "2031-12-01 09:00Z", f"Hello {tmp_path}")
    file = write_campaign(tmp_path / "c.csv", row, columns="Whom,date,content")
    assert cli("run", file, "--column", "Whom=channel").code == 0
    told = cli("status", file)
    assert told.code == 0
    assert "--column NAME=channel" in told.out
    assert "have to be given here too, unless a campaign.toml beside it has them" in told.out
