"""`postiz-async export`: the same file as `postiz.export` writes, said on the terminal too."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from cli_lab import Cli, Result, write_campaign
from processes import Server

RANGE = ("--from", "2028-03-01", "--to", "2028-03-02")


@pytest.fixture(autouse=True)
def stored(cli: Cli, server: Server, tmp_path: Path) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", "2028-03-01 09:00Z", "To export"))
    cli("run", file)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("# ")))


def test_to_standard_output(cli: Cli) -> None:
    result = cli("export", *RANGE, "--naming", "name")
    rows = rows_of(result.out)
    assert {row["content"] for row in rows} == {"To export"}
    assert {row["needs_media"] for row in rows} == {"yes"}
    assert not rows[0]["channel"].startswith("c")
    assert "media and thread parts" in result.out, "in the head of the file"
    assert "media and thread parts" in result.err, "and for who looks at the terminal"


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_a_file_that_run_refuses_until_it_is_filled_in(cli: Cli, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert cli("export", *RANGE, path).code == 0
    for verb in ("plan", "run"):
        refused = cli(verb, path)
        assert refused.code == 2
        assert "needs_media: is set" in refused.err
    again = cli("export", *RANGE, path)
    assert again.code == 2
    assert "is there already" in again.err
    assert "--overwrite writes over it" in again.err
    assert cli("export", *RANGE, path, "--overwrite").code == 0
    if name == "out.jsonl":
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert lines[0].keys() == {"#"}
        assert lines[-1]["format"] == "html"


def test_a_name_that_would_be_read_otherwise(cli: Cli, tmp_path: Path) -> None:
    def tried(*more: str) -> Result:
        return cli("export", *RANGE, tmp_path / "a.csv", *more)

    assert "a.csv would not be read as jsonl" in tried("--format", "jsonl").err
    assert tried("--format", "csv").code == 0


def test_nothing_to_export_says_only_that(cli: Cli) -> None:
    result = cli("export", "--from", "2029-01-01", "--to", "2029-01-02")
    assert result.err.splitlines() == ["0 posts from 2029-01-01 to 2029-01-02 (UTC)"]


def test_a_file_for_a_spreadsheet_is_read_without_options(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    done = cli("export", *RANGE, "--excel", "--timezone", "Europe/Berlin", path)
    assert done.code == 0
    refused = cli("plan", path)
    assert "needs_media: is set" in refused.err
    assert len(refused.err.splitlines()) == 2, "nothing else is wrong with it"
    wrong = cli("export", *RANGE, "--excel", tmp_path / "out.jsonl")
    assert wrong.code == 2
    assert "name it .csv for a spreadsheet" in wrong.err
