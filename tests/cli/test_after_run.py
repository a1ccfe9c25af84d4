"""What comes after sending: waiting until posts are out, and the page that tells about it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from cli_lab import Cli, write_campaign
from processes import PATIENCE, Server, ended, read_line, start

from postiz_async._campaign.journal.summary import read_summary
from postiz_async._delivery.outcomes import RowState

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

KEY = "sandbox-key-5d1f0c77"
FAR = "2031-01-20 09:00Z"


def test_run_waits_until_the_posts_are_out_and_writes_a_page(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    columns = "channel,date,content,type"
    file = write_campaign(
        tmp_path / "c.csv", ("mastodon", FAR, "Out soon <b>", "now"), columns=columns
    )
    result = cli("run", file, "--wait-published")
    assert result.code == 0, result.err
    assert "Waiting until 1 post is out" in result.out
    assert "1 published" in result.out
    assert [row.state for row in read_summary(tmp_path / "c.journal").rows] == [RowState.PUBLISHED]
    assert cli("report", file, "--html", tmp_path / "page.html").code == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert ">1 published</span>" in page
    assert "Out soon &lt;b&gt;" in page
    assert KEY not in page
    assert "1 published" in cli("status", file).out
    again = cli("run", file, "--wait-published", "--json")
    assert again.code == 0
    assert again.document["counts"] == {"published": 1}
    assert again.document["rows"][0]["link"].startswith("https://")


@on_posix
def test_a_wait_that_is_stopped_says_how_to_go_on(
    server: Server, tmp_path: Path, home: Path
) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", FAR, "Far away"))
    arguments = ["run", str(file), "--wait-published"]
    with ended(start(arguments, home, server.environment)) as process:
        read_line(process, lambda line: "next look" in line)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Stopped waiting; nothing is lost. Run the same command again to go on." in out
    assert err == ""


def test_report_writes_the_page_beside_the_campaign(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", "2031-01-20 10:00", "Hello, page"))
    nothing = cli("report", file)
    assert nothing.code == 2
    assert "has not been run" in nothing.err
    assert cli("run", file, "--timezone", "Europe/Berlin").code == 0
    result = cli("report", file, "--timezone", "Europe/Berlin", "--result", tmp_path / "r.csv")
    assert result.code == 0
    page = (tmp_path / "c.report.html").read_text(encoding="utf-8")
    assert "Hello, page" in page
    assert "Dates in Europe/Berlin" in page
    assert "Mon 20 Jan 2031 10:00" in page
    assert (
        (tmp_path / "r.csv")
        .read_text(encoding="utf-8")
        .startswith("\ufeffnumber,ref,channel,date,state,reason,link\n2,")
    )
    assert ",2031-01-20 10:00:00+01:00,stored," in (tmp_path / "r.csv").read_text(encoding="utf-8")
    nowhere = cli("report", file, "--result", tmp_path / "none" / "r.csv", "--quiet")
    assert nowhere.code == 2
    assert "r.csv: No such file or directory." in nowhere.out
    for name in ("r.ods", "r.json", "r.xlsx"):
        refused = cli("report", file, "--result", tmp_path / name)
        assert refused.code == 2
        assert "name it .csv" in refused.err
        assert not (tmp_path / name).exists()
    assert cli("report", file, "--json").document["counts"] == {"stored": 1}
    file.unlink()
    assert cli("report", tmp_path / "c.journal", "--html", tmp_path / "j.html").code == 0
    assert "Hello, page" in (tmp_path / "j.html").read_text(encoding="utf-8")


def test_a_report_has_the_rows_that_the_run_left_out(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    columns = "channel,date,content,ref"
    good = ("mastodon", FAR, f"Good {tmp_path}", "a")
    bad = [("mastodon", "20/01/2031 09:00", "No date", "b"), ("nowhere", FAR, "No channel", "c")]
    file = write_campaign(tmp_path / "c.csv", good, *bad, columns=columns)

    def reported() -> str:
        assert cli("report", file, "--result", tmp_path / "r.csv").code == 0
        return (tmp_path / "r.csv").read_text(encoding="utf-8")

    assert cli("run", file, "--skip-invalid").code == 1
    lines = reported().splitlines()
    assert "\n".join(lines) == (tmp_path / "c.result.csv").read_text(encoding="utf-8").strip()
    assert [line.split(",")[0] for line in lines[1:] if "left out" in line] == ["3", "4"]
    assert "there is no channel 'nowhere'" in lines[-1]
    assert "1 stored of 1 row, and 2 rows left out" in cli("status", file).out
    again = cli("run", file, "--skip-invalid")
    assert "Nothing is left to send: 1 stored of 1 row, and 2 rows left out" in again.out

    write_campaign(file, good, columns=columns)
    assert cli("run", file, "--skip-invalid").code == 0
    assert reported() == (tmp_path / "c.result.csv").read_text(encoding="utf-8")
    assert "left out" not in reported()


def test_what_cannot_be_done_is_said(cli: Cli, server: Server, tmp_path: Path) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", FAR, "Hello again, page"))
    assert cli("run", file).code == 0
    for options, words in (
        (("--timezone", "Mars/X"), "There is no time zone 'Mars/X'"),
        (("--html", "no/such/folder.html"), "cannot be written"),
    ):
        result = cli("report", file, *options)
        assert result.code == 2
        assert words in result.err
