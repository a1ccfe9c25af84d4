"""Rows without a date on the command line: slots from an option, a file or a profile."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_lab import Cli, write_campaign
from processes import Server

ZONE = ("--timezone", "Europe/Berlin")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [("mastodon", f"slot {n}") for n in range(3)]
    return write_campaign(
        tmp_path / "c.csv", *rows, ("bluesky", "other"), columns="channel,content"
    )


def test_slots_are_planned_kept_and_sent(cli: Cli, calm: Server, file: Path) -> None:
    said = ("--slots", "daily 9:00 13:00", "--slots", "bluesky=sat 11:00")
    planned = cli("plan", file, *said, *ZONE)
    assert planned.code == 0
    assert "mastodon: 3 rows have slots, " in planned.out
    assert "bluesky: 1 row has a slot, " in planned.out
    kept = '[slots]\ndefault = "daily 9:00 13:00"\nbluesky = "sat 11:00"\n'
    file.with_suffix(".toml").write_text(kept, encoding="utf-8")
    found = cli("plan", file, *ZONE, "--json").document
    assert [(each["row"], each["written"]) for each in found["chosen"]] == [
        (2, ""), (3, ""), (4, ""), (5, ""),
    ]  # fmt: skip
    told = cli("status", file, *ZONE, "--json").document
    assert told["chosen"] == found["chosen"]
    assert "mastodon: 3 rows have slots, " in cli("status", file, *ZONE).out
    early = cli("report", file, *ZONE)
    assert early.code == 2
    assert "has not been run, only planned" in " ".join(early.err.split())
    assert not file.with_name("c.report.html").exists()
    assert cli("run", file, *ZONE, "--slots", "bluesky=mon 10:00").code == 0
    dates = {post["content"]: post["date"][:16] for post in calm.posts}
    assert {dates[f"slot {n}"] for n in range(3)} | {dates["other"]} == {
        each["date"][:16] for each in found["chosen"]
    }
    result = file.with_name("c.result.csv").read_text(encoding="utf-8-sig")
    assert result.count("stored") == 4
    assert cli("status", file, *ZONE).out.count("have slots") == 0


def test_a_profile_has_the_usual_slots(
    cli: Cli, server: Server, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_campaign(tmp_path / "usual.csv", ("mastodon", "", "usual"))
    monkeypatch.setattr("sys.platform", "linux")
    path = home / "config" / "postiz-async" / "profiles.toml"
    path.parent.mkdir(parents=True)
    path.touch(mode=0o600)
    profile = f'[work]\nurl = "{server.url}"\nkey = "{server.api_key}"\n'
    path.write_text(f'{profile}slots = "daily 7:00"\n', encoding="utf-8")
    planned = cli("plan", file, *ZONE, "--profile", "work", "--json")
    hours = {each["date"][11:16] for each in planned.document["chosen"]}
    assert hours <= {"05:00", "06:00"}  # 7:00 in Berlin
    path.write_text(f'{profile}slots = "daily 77:00"\n', encoding="utf-8")
    wrong = cli("plan", file, *ZONE, "--profile", "work")
    assert (wrong.code, wrong.out) == (2, "")
    assert "'77:00' at character 7" in wrong.err


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), 'date: is missing (--slots "mon-fri 9:00 13:00; sat 11:00"'),
        (("--slots", "mon-fri"), "'mon-fri' ends without a time of day"),
        (("--slots", "9:00", "--slots", "10:00"), "--slots names 'default' twice"),
        (("--slots", "=9:00"), "--slots is '=9:00'"),
        (("--slots", "nobody=9:00"), "no row for 'nobody'"),
    ],
)
def test_slots_that_cannot_be_meant_are_refused(
    cli: Cli, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", "", "a"))
    refused = cli("plan", file, *ZONE, *options)
    assert refused.code == 2
    assert said in refused.err
    assert not file.with_suffix(".journal").exists()
