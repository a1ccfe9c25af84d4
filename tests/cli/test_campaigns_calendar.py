"""`plan --ics`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cli_lab import Cli, write_campaign
from processes import Server


def test_a_plan_is_written_as_a_calendar(cli: Cli, server: Server, tmp_path: Path) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", "2027-01-20 09:00Z", "Hi, all"))
    planned = cli("plan", file, "--ics", tmp_path / "c.ics")
    assert planned.code == 0
    assert planned.out.endswith(f"The calendar: {tmp_path / 'c.ics'}\n")
    lines = (tmp_path / "c.ics").read_bytes().split(b"\r\n")
    assert b"DTSTART:20270120T090000Z" in lines
    assert b"SUMMARY:Northwind on Mastodon: Hi\\, all" in lines
    told = cli("plan", file, "--ics", tmp_path / "c.ics", "--json")
    assert told.document["posts"] == 1


@pytest.mark.skipif(os.name != "posix", reason="a folder that is a file")
def test_a_calendar_that_cannot_be_written(cli: Cli, server: Server, tmp_path: Path) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", "2027-01-20 09:00Z", "Hi"))
    refused = cli("plan", file, "--ics", file / "c.ics")
    assert refused.code == 2
    assert refused.err.startswith(f"error: {file / 'c.ics'} cannot be written: Not a directory")
