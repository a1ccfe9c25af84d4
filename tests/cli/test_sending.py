"""`run --watch` and `posts watch`: a line for each post that is out or failed, as it happens."""

from __future__ import annotations

import io
import json
import re
import shlex
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_lab import Cli, misfits, write_campaign
from processes import PATIENCE, Server, ended, read_line, start
from rich.console import Console

from postiz_async import CampaignRow, NewPost
from postiz_async._cli.output import Output
from postiz_async._cli.sending import PublishLines
from postiz_async.testing import Fault, Sandbox


def out_lines(text: str) -> list[str]:
    return [
        line[18:] for line in text.splitlines() if re.match(r"\w{3} \d+ \w{3} \d\d:\d\d  ", line)
    ]


def campaign(tmp_path: Path) -> Path:
    later = (datetime.now(UTC) + timedelta(days=400)).isoformat(timespec="seconds")
    rows = [(channel, later, f"Now {tmp_path}", "now") for channel in ("x", "mastodon")]
    return write_campaign(tmp_path / "c.csv", *rows, columns="channel,date,content,type")


def test_a_run_says_what_is_out_and_where(cli: Cli, server: Server, tmp_path: Path) -> None:
    file = campaign(tmp_path)
    ran = cli("run", file, "--watch", "--name", str(tmp_path))
    assert ran.code == 0
    said = [line.split() for line in out_lines(ran.out)]
    assert sorted(line[:4] for line in said) == [
        ["published", "row", "2,", "x"],
        ["published", "row", "3,", "mastodon"],
    ]
    assert all(line[4].startswith("https://") for line in said)
    assert "\n2 published of 2 rows" in ran.out
    again = cli("run", file, "--watch", "--name", str(tmp_path))
    assert out_lines(again.out) == [], "nothing is said twice"


def test_a_run_tells_a_few_of_what_may_be_regretted_and_a_plan_all(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    days = [f"2028-01-{n:02} 09:00Z" for n in range(1, 8)]
    twice = [("mastodon", day, text) for text in ("Hello", "hello") for day in days]
    file = write_campaign(tmp_path / "my posts.csv", *twice)
    assert cli("plan", file).out.count("says the same") == 7
    out = cli("run", file).out
    assert out.count("says the same") == 5
    assert f"... and 2 warnings more: postiz-async plan {shlex.quote(str(file))}" in out


def test_a_run_for_programs_says_it_beside_the_document(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    ran = cli("run", campaign(tmp_path), "--watch", "-q", "--json", "--name", str(tmp_path))
    assert ran.document["counts"] == {"published": 2}
    assert len(out_lines(ran.err)) == len(ran.err.splitlines()) == 2


async def test_posts_are_told_while_the_campaign_is_still_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    local = Sandbox(limit=3)
    channel = local.add_channel("mastodon")
    failing = local.add_channel("x")
    local.change_channel(failing.id, failure="no money left")
    first = local.in_an_hour()
    soon = [
        ("mastodon", timedelta(0)),
        ("x", timedelta(minutes=1)),
        ("mastodon", timedelta(minutes=2)),
    ]
    late = [("mastodon", timedelta(days=day)) for day in range(1, 13)]
    rows = [
        CampaignRow(channel=name, at=first + after, content="Hi") for name, after in [*soon, *late]
    ]
    async with (
        local.client() as postiz,
        postiz.campaign(rows, journal=tmp_path / "c.journal") as campaign,
    ):
        lines = PublishLines(Output(), postiz, campaign, UTC)
        async with lines.watching():
            await postiz.posts.schedule(NewPost(channel, "Of others"), at=first)
            await campaign.run(on_outcome=lines.stored)
        during = capsys.readouterr().out
        await campaign.wait_published(on_outcome=lines.ended)
        after = capsys.readouterr().out
    assert [re.sub(r" +https.*", "", line) for line in out_lines(during)] == [
        "published  row 1, mastodon",
        "failed     row 2, x  Your post could not be published on My x: no money left",
        "published  row 3, mastodon",
    ]
    assert len(out_lines(after)) == 12, "each of the others, and none again"


async def test_watching_that_fails_does_not_stop_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    local = Sandbox()
    local.add_channel("mastodon")
    row = CampaignRow(channel="mastodon", at=local.in_an_hour(), content="Hi")
    async with (
        local.client() as postiz,
        postiz.campaign([row], journal=tmp_path / "c.journal") as campaign,
    ):
        lines = PublishLines(Output(), postiz, campaign, UTC)
        local.add_fault(Fault("html", route="list_posts", times=None))
        async with lines.watching():
            await local.clock.sleep(60)
            local.clear_faults()
            report = await campaign.run(on_outcome=lines.stored)
    assert report.counts == {"stored": 1}
    assert "Posts are not watched any more: " in capsys.readouterr().out


class ClosedWindow(io.StringIO):
    def write(self, text: str) -> int:
        del text
        raise OSError(5, "Input/output error")


async def test_what_cannot_be_shown_is_told_once_and_as_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    local = Sandbox()
    local.add_channel("mastodon")
    rows = [CampaignRow(channel="mastodon", at=local.in_an_hour(), content=text) for text in "ab"]
    output = Output()
    output.out = output.notes = Console(file=ClosedWindow())
    async with (
        local.client() as postiz,
        postiz.campaign(rows, journal=tmp_path / "c.journal") as campaign,
    ):
        lines = PublishLines(output, postiz, campaign, UTC)
        await campaign.run()
        await campaign.wait_published(on_outcome=lines.ended)
        assert (await campaign.report()).counts == {"published": 2}
    told = [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "postiz_async.cli"]
    why = "(OSError: [Errno 5] Input/output error); the work goes on"
    assert told == [("ERROR", f"what is published is not shown any more {why}")]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_posts_are_watched_until_it_is_interrupted(
    cli: Cli, server: Server, home: Path, options: tuple[str, ...]
) -> None:
    made = cli("posts", "create", "Out", "--channel", "x", "--now", "--json").document
    post = made[0]["postId"]
    command = ["posts", "watch", "--from", "2020-01-01", *options]
    with ended(start(command, home, server.environment)) as process:
        line = read_line(process, lambda line: post in line)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    if options:
        said = json.loads(line)
        assert misfits("posts watch", said) == []
        assert (said["post"]["state"], said["reason"]) == ("PUBLISHED", "")
        assert json.loads(err)["error"] == {
            "type": "Interrupted",
            "message": "Stopped.",
            "exit_code": 130,
        }
    else:
        assert re.search(rf"published  {post}, Northwind on X  https://", line)
        assert err == "Stopped.\n"
