"""`copy` writes another campaign file, and needs neither a key nor a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_lab import Cli


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "c.csv"
    rows = "x,2026-11-02 09:00,first\nx,2026-11-30 09:00,fifth\n"
    path.write_text(f"channel,date,content\n{rows}", encoding="utf-8")
    return path


def test_a_copy_is_named_with_its_dates_and_what_moved_on(cli: Cli, file: Path) -> None:
    result = cli("copy", file, "--to", "2027-01", "--timezone", "Europe/Berlin")
    copied = file.with_name("c-2027-01.csv")
    assert (result.code, copied.exists()) == (0, True)
    assert "2 rows in" in result.out
    assert "4 Jan 09:00 to 1 Feb 2027 09:00 (Europe/Berlin)" in result.out
    assert "row 3: its month has no fifth Monday, so it is Mon 1 Feb 2027 09:00" in " ".join(
        result.out.split()
    )
    again = cli("copy", file, "--to", "2027-01")
    assert again.code == 2
    assert "--overwrite" in again.err


def test_a_program_gets_its_dates(cli: Cli, file: Path) -> None:
    result = cli("copy", file, "--by", "-1w", "--as", file.with_name("n.jsonl"), "--json")
    said = json.loads(result.out)
    assert (said["rows"], said["path"], said["fifth"]) == (2, str(file.with_name("n.jsonl")), [])
    assert said["first"].startswith("2026-10-26")


@pytest.mark.parametrize("options", [[], ["--to", "2027-01", "--by", "1d"], ["--to", "x"]])
def test_where_it_goes_is_said_once(cli: Cli, file: Path, options: list[str]) -> None:
    result = cli("copy", file, *options)
    assert (result.code, result.out) == (2, "")
    assert "2027-01" in result.err
