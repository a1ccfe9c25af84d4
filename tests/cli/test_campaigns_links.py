"""Links that lead to files of others: not written through, and read only where that is allowed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cli_lab import Cli, write_campaign
from processes import Server

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links of POSIX")

RANGE = ("--from", "2027-01-20", "--to", "2027-01-21")


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "victim"
    path.write_text("precious")
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_campaign(tmp_path / "c.csv", ("mastodon", "2027-01-20 09:00Z", f"{tmp_path}"))


def test_in_the_place_of_the_result(cli: Cli, server: Server, file: Path, victim: Path) -> None:
    result = file.with_suffix(".result.csv")
    result.symlink_to(victim)
    assert cli("run", file).code == 0
    assert victim.read_text(encoding="utf-8") == "precious"
    assert not result.is_symlink()
    assert ",stored," in result.read_text(encoding="utf-8")


def test_in_the_place_of_a_report(cli: Cli, server: Server, file: Path, victim: Path) -> None:
    assert cli("run", file).code == 0
    page, table = file.with_suffix(".report.html"), file.with_name("other.csv")
    for path in (page, table):
        path.symlink_to(victim)
    assert cli("report", file, "--result", table).code == 0
    assert victim.read_text(encoding="utf-8") == "precious"
    assert page.read_text(encoding="utf-8").lower().startswith("<!doctype html>")
    assert ",stored," in table.read_text(encoding="utf-8")


@pytest.mark.parametrize("leads", ["victim", "nowhere"])
def test_in_the_place_of_the_lock(
    cli: Cli, server: Server, file: Path, victim: Path, leads: str
) -> None:
    lock = file.with_name("c.journal.lock")
    lock.symlink_to(victim.with_name(leads))
    before = server.state["creates"]
    result = cli("run", file)
    assert (result.code, server.state["creates"]) == (2, before)
    assert f"{lock} is a symbolic link" in result.err
    assert "Remove it" in result.err
    assert victim.read_text(encoding="utf-8") == "precious"
    assert not victim.with_name("nowhere").exists()
    lock.unlink()
    assert cli("run", file).code == 0


def test_a_file_that_is_replaced_keeps_its_permissions(
    cli: Cli, server: Server, file: Path
) -> None:
    result = file.with_suffix(".result.csv")
    result.write_text("of an earlier run")
    result.chmod(0o640)
    assert cli("run", file).code == 0
    assert result.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.iterdir() if ".tmp" in path.name] == []


def test_a_result_that_cannot_be_written_can_be_had_later(
    cli: Cli, server: Server, file: Path
) -> None:
    place = file.with_suffix(".result.csv")
    place.mkdir()
    result = cli("run", file)
    assert result.code == 1
    assert f"The result could not be written to {place}: " in result.out
    assert "1 stored of 1 row" in result.out
    assert "What was sent is in Postiz, and the journal knows it." in result.out
    assert f"postiz-async report {file} --result FOLDER/c.result.csv --html FOLDER/" in result.out
    assert [path.name for path in file.parent.iterdir() if ".tmp" in path.name] == []

    elsewhere = file.with_name("elsewhere")
    elsewhere.mkdir()
    csv, html = elsewhere / "c.result.csv", elsewhere / "c.html"
    assert cli("report", file, "--result", csv, "--html", html).code == 0
    before = server.state["creates"]
    assert cli("run", file).code == 1
    place.rmdir()
    again = cli("run", file)
    assert (again.code, server.state["creates"]) == (0, before)
    assert again.out.startswith("Nothing is left to send: 1 stored of 1 row.")
    assert place.read_text(encoding="utf-8") == csv.read_text(encoding="utf-8")


def test_the_result_is_written_also_where_the_page_cannot_be(
    cli: Cli, server: Server, file: Path
) -> None:
    assert cli("run", file).code == 0
    csv = file.with_name("elsewhere.csv")
    file.with_suffix(".report.html").mkdir()
    refused = cli("report", file, "--result", csv)
    assert refused.code == 2
    assert "c.report.html cannot be written" in refused.err
    assert ",stored," in csv.read_text(encoding="utf-8")


def test_media_behind_a_link_run_with_their_folder_allowed(
    cli: Cli, server: Server, sample: Path, tmp_path: Path
) -> None:
    (tmp_path / "pictures").symlink_to(sample)
    name = f"pictures/{next(sample.glob('*.png')).name}"
    row = ("mastodon", "2027-01-20 09:00Z", f"{tmp_path}", name)
    file = write_campaign(tmp_path / "c.csv", row, columns="channel,date,content,media")
    assert "is a link to" in cli("run", file).err
    assert cli("run", file, "--media-root", tmp_path, "--media-root", sample).code == 0
