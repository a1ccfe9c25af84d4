"""What the commands say when all is well."""

from __future__ import annotations

import asyncio
import csv
import math
import re
import shlex
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli_lab import Cli, write_campaign
from processes import Server, until
from spread import spread

from postiz_async._campaign.run.job import Outcome
from postiz_async._cli import progress
from postiz_async._cli.app import app
from postiz_async._cli.output import Output, clock_time, count, date_range, moment
from postiz_async._cli.progress import RunDisplay
from postiz_async._delivery.outcomes import RowState
from postiz_async.errors import StoreError
from postiz_async.stores import Kept
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing import Sandbox

LATER = "2027-01-20 09:00Z"


@pytest.fixture
def file(sample: Path, tmp_path: Path) -> Path:
    shutil.copy(sample / "steam.gif", tmp_path / "p.gif")
    return write_campaign(
        tmp_path / "c.csv",
        ("mastodon", LATER, f"Hello {tmp_path}", "p.gif"),
        ("Northwind News", LATER, f"Hello {tmp_path}", "p.gif"),
        ("bluesky", "2027-01-21 09:00Z", f"Hello {tmp_path}", ""),
        columns="channel,date,content,media",
    )


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def commands() -> list[list[str]]:
    names = [name for name in app if not name.startswith("-")]
    deeper = [[name, sub] for name in names for sub in app[name] if not sub.startswith("-")]
    return [[], *([name] for name in names), *deeper]


@pytest.mark.parametrize("words", spread(commands(), every=4), ids=" ".join)
def test_help(cli: Cli, words: list[str]) -> None:
    result = cli(*words, "--help")
    assert result.code == 0
    assert result.err == ""
    assert f"Usage: {' '.join(['postiz-async', *words])}" in result.out
    assert "[default: False]" not in result.out
    assert all(len(line) <= 80 for line in result.out.splitlines())


def test_version(cli: Cli) -> None:
    result = cli("--version")
    assert result.code == 0
    assert result.out.startswith("postiz-async 0")
    assert result.out.count("\n") == 1


def test_plan_run_status(cli: Cli, calm: Server, file: Path) -> None:
    before = calm.state
    planned = cli("plan", file)
    assert planned.code == 0
    assert planned.err == ""
    assert planned.out.splitlines() == [
        f"{calm.url}, 3 channels, 20 Jan 09:00 to 21 Jan 2027 09:00 (UTC)",
        "3 posts in 2 create requests, 1 media file",
        "channel                in Postiz  to send  first              last",
        "Northwind on Bluesky           0        1  21 Jan 2027 09:00  21 Jan 2027 09:00",
        "Northwind on Mastodon          0        1  20 Jan 2027 09:00  20 Jan 2027 09:00",
        "Northwind News                 0        1  20 Jan 2027 09:00  20 Jan 2027 09:00",
        "1 window of 30 requests (assumed until the first answer)",
        "done at once",
    ]
    assert calm.state["creates"] == before["creates"]

    ran = cli("run", file)
    assert ran.code == 0
    assert ran.err == ""
    assert ran.out.splitlines() == [
        f"{calm.url}, 3 channels, 20 Jan 09:00 to 21 Jan 2027 09:00 (UTC)",
        "3 posts in 2 create requests, 1 media file",
        "3 stored of 3 rows; 2 create requests spent.",
        f"What became of each row: {file.with_suffix('.result.csv')}",
    ]
    after = calm.state
    assert after["creates"] - before["creates"] == 2
    assert after["posts"] - before["posts"] == 3
    assert after["uploads"] - before["uploads"] == 1

    told = cli("status", file)
    assert told.code == 0
    assert told.out.splitlines()[:7] == [
        f"c.csv at {calm.url}",
        "channel         stored",
        "mastodon             1",
        "Northwind News       1",
        "bluesky              1",
        "",
        "3 stored of 3 rows; 2 create requests spent.",
    ]
    quota = r"Quota: 99,\d{3} of 100,000 requests left when last seen, Thu 14 Jan 2027 .*"
    assert re.fullmatch(quota, told.out.splitlines()[7])

    again = cli("run", file)
    assert (again.code, again.err) == (0, "")
    assert again.out.splitlines()[0] == "Nothing is left to send: 3 stored of 3 rows."
    assert cli("plan", file).out.splitlines()[-1] == "Nothing is left to send."
    assert calm.state["creates"] == after["creates"]


def test_the_result_file(cli: Cli, server: Server, file: Path) -> None:
    cli("run", file)
    with file.with_suffix(".result.csv").open(encoding="utf-8-sig", newline="") as result:
        rows = list(csv.DictReader(result))
    assert [(row["number"], row["state"]) for row in rows] == [(n, "stored") for n in "234"]


def test_for_programs(cli: Cli, server: Server, file: Path) -> None:
    planned = cli("plan", file, "--json")
    assert planned.err == ""
    assert datetime.fromisoformat(planned.document["finish"]).tzinfo is not None
    expected = {
        "problems": [],
        "warnings": [],
        "rows": 3,
        "posts": 3,
        "requests": 2,
        "limit": 30,
        "limit_known": False,
        "windows": 1,
        "late_rows": [],
        "media_files": 1,
        "adopted_rows": [],
        "resumed": False,
        "moved": 0,
        "edits": {"new": [2, 3, 4], "changed": [], "gone": [], "unread": []},
        "changes": {
            **{
                name: [] for name in ("changed", "free", "if_stored", "pruned", "resent", "unclear")
            },
            "left": {},
            "requests": 0,
        },
    }
    document = planned.document
    finish, estimates = document.pop("finish"), document.pop("estimates")
    channels = document.pop("channels")
    assert [(each["in_postiz"], each["posts"]) for each in channels] == [(0, 1)] * 3
    assert channels[0]["first"] == channels[0]["last"] == "2027-01-21T09:00:00Z"
    assert document == expected
    assert [(each["align"], each["limit"], each["requests"]) for each in estimates] == [
        (None, 30, 2),
        ("15m", 30, 2),
    ]
    assert all(each["finish"] == finish for each in estimates)

    ran = cli("run", file, "--json")
    assert ran.code == 0
    assert ran.err.startswith(f"{server.url}, 3 channels")
    document = ran.document
    assert document["complete"] is True
    assert document["counts"] == {"stored": 3}
    assert document["requests"] == 2
    assert [row["row"] for row in document["rows"]] == [2, 3, 4]
    assert document["rows"][0]["date"] == "2027-01-20T09:00:00Z"

    told = cli("status", file, "--json")
    assert told.document["rows"] == document["rows"]
    assert told.document["server"] == f"{server.url}/public/v1"
    assert told.document["quota"]["limit"] == 100000

    again = cli("run", file, "--json")
    assert again.document == document


def test_dates_are_shown_in_the_zone_of_the_machine_or_of_the_option(
    cli: Cli, server: Server, file: Path, in_berlin: None
) -> None:
    assert "20 Jan 10:00 to 21 Jan 2027 10:00 (Europe/Berlin)" in cli("plan", file).out
    tokyo = cli("plan", file, "--timezone", "Asia/Tokyo").out
    assert "20 Jan 18:00 to 21 Jan 2027 18:00 (Asia/Tokyo)" in tokyo


def test_rows_that_are_refused(cli: Cli, server: Server, tmp_path: Path) -> None:
    file = write_campaign(
        tmp_path / "my posts.csv",
        ("mastodon", LATER, f"Hello {tmp_path}"),
        ("bluesky", LATER, "more than a request may carry " * 4000),
    )
    result = cli("run", file)
    if result.code == 2:  # found before it was sent, which is better
        assert "row 3, content" in result.err
        return
    assert result.code == 1
    lines = result.out.splitlines()
    assert lines[2].split() == ["row", "state", "channel", "date", "why"]
    assert lines[3].startswith("  3  refused  bluesky  Wed 20 Jan 2027 09:00 UTC  ")
    assert lines[4] == "1 stored, 1 refused of 2 rows; 2 create requests spent."
    assert cli("status", file).code == 1
    again = cli("run", file)
    assert again.code == 1
    assert again.out.splitlines()[0] == (
        "Nothing is left to send: 1 stored, 1 refused of 2 rows. "
        f"Why: postiz-async status {shlex.quote(str(file))}"
    )


def test_rows_that_are_left_out(cli: Cli, server: Server, tmp_path: Path) -> None:
    file = write_campaign(
        tmp_path / "c.csv",
        ("mastodon", LATER, f"Hello {tmp_path}"),
        ("bluesky", "15/01/2027 09:00", "Hello"),
    )
    planned = cli("plan", file, "--skip-invalid")
    assert planned.code == 1
    assert planned.out.splitlines()[0] == "1 row left out:"
    assert "row 3, date" in planned.out
    ran = cli("run", file, "--skip-invalid", "--json")
    assert ran.code == 1
    assert ran.document["counts"] == {"stored": 1}
    assert [problem["row"] for problem in ran.document["problems"]] == [3]
    again = cli("run", file, "--skip-invalid")
    assert again.code == 1
    assert cli("report", file, "--html", tmp_path / "c.html").code == 0
    assert "Nothing is left to send: 1 stored of 1 row, and 1 row left out." in again.out
    page = (tmp_path / "c.html").read_text("utf-8")
    assert ">1 left out</span> The row has a problem." in page


def test_rows_that_would_be_late(
    cli: Cli, narrow: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in narrow.environment.items():
        monkeypatch.setenv(name, value)
    rows = [("mastodon", f"2027-01-14 09:{minute}Z", f"Hello {minute}") for minute in range(40, 49)]
    file = write_campaign(tmp_path / "c.csv", *rows)
    assert cli("quota", "--spend-one").out.startswith("2 of 3 requests left")
    planned = cli("plan", file)
    assert planned.code == 1
    said = (
        r"\d posts would be late \(rows .*10\): the quota has no slot before their date\. "
        r"Move them, or run with --late send or --late 15m\."
    )
    assert re.fullmatch(said, planned.out.splitlines()[4])
    assert "4 windows of 3 requests" in planned.out
    document = cli("plan", file, "--json").document
    assert document["late_rows"][-1] == 10
    assert document["limit_known"] is True


def test_integrations(cli: Cli, server: Server) -> None:
    lines = cli("channels").out.splitlines()
    assert lines[0].split() == ["provider", "name", "id"]
    assert len(lines) == 14
    assert all(line == line.rstrip() for line in lines)
    document = cli("channels", "--json").document
    assert {channel["identifier"] for channel in document} >= {"mastodon", "telegram", "x"}


def test_quota(cli: Cli, calm: Server) -> None:
    assert "--spend-one" in cli("quota").out
    assert cli("quota", "--json").document["limit"] is None
    before = calm.state
    spent = cli("quota", "--spend-one")
    assert spent.out.startswith("99,")
    after = calm.state
    assert after["creates"] - before["creates"] == 1
    assert after["posts"] == before["posts"]
    kept = cli("quota")
    assert "of 100,000 requests left, new window in" in kept.out
    assert "last seen" in kept.out
    assert "key from POSTIZ_API_KEY" in kept.out
    explained = cli("quota", "--explain").out
    assert explained.startswith(kept.out.splitlines()[0].split(",")[0])
    assert "Bulk work can go on now." in explained
    assert "kept for single posts" in explained
    document = cli("quota", "--json").document
    assert document["limit"] == 100000
    assert document["bulk_waits_for"] is None
    assert len(cli("quota", "--explain", "--json").document) > 3
    assert datetime.fromisoformat(document["as_of"]).year == 2027


def test_numbers_and_dates_for_people() -> None:
    first = datetime(2026, 12, 31, 23, 0, tzinfo=UTC)
    last = datetime(2027, 1, 2, 8, 30, tzinfo=UTC)
    assert date_range(first, last, UTC) == "31 Dec 2026 23:00 to 2 Jan 2027 08:30 (UTC)"
    assert date_range(last, last, UTC) == "2 Jan 2027 08:30 (UTC)"
    assert moment(last, UTC) == "Sat 2 Jan 2027 08:30 UTC"
    assert clock_time(1880) == "31:20"
    assert clock_time(3723) == "1:02:03"
    assert clock_time(-1) == "00:00"
    assert count(1, "post") == "1 post"
    assert count(2480, "post") == "2,480 posts"


async def test_lines_where_there_is_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "RARER", math.inf)
    file = write_campaign(
        tmp_path / "c.csv", *(("mastodon", f"2027-02-1{n} 09:00Z", "Hello") for n in range(9))
    )
    local = Sandbox(limit=3)
    local.add_channel("mastodon")
    async with local.client() as postiz, postiz.campaign(file) as campaign:
        display = RunDisplay(Output(), postiz, campaign, open_rows=9, zone=UTC, line_every=0.01)
        async with display:
            await asyncio.sleep(0.05)
            assert capsys.readouterr().out == ""  # nothing happens
            await campaign.run(on_outcome=display.saw)
            said: list[str] = []
            await until(lambda: said.append(capsys.readouterr().out) or "all sent" in said[-1])
        display.stopping()
    *lines, last = "".join([*said, capsys.readouterr().out]).splitlines()
    assert re.fullmatch(
        r"9/9 requests, 9 posts stored; quota: \d of 3 left(, next window in [0-9:]+)?; all sent",
        lines[-1],
    )
    assert last == "Stopping: requests in flight end first. Ctrl-C again ends at once."


class Away(MemoryStore):
    is_away = False

    async def get(self, scope: str, key: str, /) -> Kept:
        if self.is_away:
            raise StoreError("the store is away")
        return await super().get(scope, key)


async def test_progress_is_shown_while_the_store_of_the_quota_is_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", LATER, "Hello"))
    local, store = Sandbox(), Away()
    local.add_channel("mastodon")
    async with local.client(store=store) as postiz, postiz.campaign(file) as campaign:
        display = RunDisplay(Output(), postiz, campaign, open_rows=1, zone=UTC, line_every=0.01)
        async with display:
            store.is_away = True
            await display.saw(Outcome(1, "ref", RowState.STORED, "id", ""))
            await until(lambda: "1 post stored; quota: not read yet" in capsys.readouterr().out)
