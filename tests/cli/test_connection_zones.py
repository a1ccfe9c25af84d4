"""One rule of zones: `--timezone`, what is kept beside the file, the profile's, the machine's."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from cli_lab import Cli, write_campaign

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from processes import Server

    Machine = Callable[[str], None]

CREATE = ("posts", "create", "Hi", "--channel", "mastodon", "--at")
RULE = [
    ((), "Europe/Berlin", "2027-06-05T07:00"),
    (("--profile", "tokyo"), "Asia/Tokyo", "2027-06-05T00:00"),
    (("--profile", "tokyo", "--timezone", "America/New_York"), "America/New_York", "2027-06-05T13"),
]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="TZ is of POSIX")


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """A machine in Berlin whose user has a profile in Tokyo."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    path = home / "config" / "postiz-async" / "profiles.toml"
    path.parent.mkdir(parents=True)
    path.write_text('[tokyo]\ntimezone = "Asia/Tokyo"\n', encoding="utf-8")
    path.chmod(0o600)


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(("options", "zone", "moment"), RULE)
def test_a_post_is_dated_by_the_rule_and_its_zone_is_said_before_and_after(
    cli: Cli, server: Server, options: tuple[str, ...], zone: str, moment: str
) -> None:
    made = cli(*CREATE, "2027-06-05 09:00", *options)
    assert made.code == 0
    said = " ".join(made.out.split())
    assert f"Sat 5 Jun 2027 09:00 {zone}" in said.partition(" Scheduled ")[0], "before it is sent"
    assert f"Sat 5 Jun 2027 09:00 {zone}" in said.partition(" Scheduled ")[2], "in the answer"
    assert server.posts[-1]["date"].startswith(moment)
    listed = cli("posts", "list", "--from", "2027-06-05", "--to", "2027-06-05", *options).out
    assert listed.startswith(f"date ({zone})")
    (line, *_) = (line for line in listed.splitlines() if server.posts[-1]["id"] in line)
    assert "5 Jun 2027 09:00" in line
    got = cli("posts", "get", server.posts[-1]["id"], *options).out
    assert f"5 Jun 2027 09:00 {zone}" in " ".join(got.split())


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(("options", "zone", "moment"), RULE)
def test_campaigns_are_dated_by_the_same_rule(
    cli: Cli, server: Server, tmp_path: Path, options: tuple[str, ...], zone: str, moment: str
) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", "2027-06-05 09:00", f"Hi {tmp_path}"))
    assert f"5 Jun 2027 09:00 ({zone})" in cli("plan", file, *options).out
    ran = cli("run", file, *options)
    assert ran.code == 0
    assert f"5 Jun 2027 09:00 ({zone})" in ran.out
    (post,) = (post for post in server.posts if str(tmp_path) in post["content"])
    assert post["date"].startswith(moment)


@pytest.mark.usefixtures("in_berlin")
def test_what_is_kept_beside_the_file_comes_before_the_profile_and_the_machine(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", "2027-06-05 09:00", f"Hi {tmp_path}"))
    file.with_suffix(".toml").write_text('timezone = "America/New_York"\n', encoding="utf-8")
    assert "09:00 (America/New_York)" in cli("plan", file, "--profile", "tokyo").out
    assert "09:00 (Europe/London)" in cli("plan", file, "--timezone", "Europe/London").out
    del server  # it is there


@pytest.mark.usefixtures("server")
def test_utc_has_one_name(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Etc/UTC")  # as Debian names it
    time.tzset()
    file = write_campaign(tmp_path / "c.csv", ("mastodon", "2031-06-05 09:00", "Hi"))
    assert "5 Jun 2031 09:00 (UTC)" in cli("plan", file).out


@pytest.mark.usefixtures("in_berlin")
def test_a_campaign_that_goes_on_in_another_zone_stores_nothing_twice(
    cli: Cli, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_campaign(
        tmp_path / "c.csv",
        ("mastodon", "2027-06-05 09:00", f"One {tmp_path}"),
        ("mastodon", "2031-06-06 09:00", f"Two {tmp_path}"),
    )
    assert cli("run", file).code == 0
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    again = cli("run", file)
    assert "2 rows" in again.out, "they are told as changed"
    assert len([post for post in server.posts if str(tmp_path) in post["content"]]) == 2


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("24.12.2031 18:30", "2031-12-24T17:30"),
        ("4.2.2031 8:05", "2031-02-04T07:05"),
        ("2031-12-24T18:30", "2031-12-24T17:30"),
        ("2031-12-24 18:30 Asia/Tokyo", "2031-12-24T09:30"),
        ("24.12.2031 18:30 UTC", "2031-12-24T18:30"),
        ("24 Dec 2031 18:30 Europe/Berlin", "2031-12-24T17:30"),
        ("Wed 24 Dec 2031 18:30 UTC", "2031-12-24T18:30"),
        ("2031-12-24 18:30+03:00", "2031-12-24T15:30"),
    ],
)
def test_a_date_is_read_as_campaigns_and_the_program_write_it(
    cli: Cli, server: Server, text: str, moment: str
) -> None:
    assert cli(*CREATE, text).code == 0
    assert server.posts[-1]["date"].startswith(moment)


@pytest.mark.usefixtures("in_berlin")
def test_a_campaign_reads_dates_with_dots_as_day_month_year(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    file = write_campaign(
        tmp_path / "c.csv",
        ("mastodon", "24.12.2031 18:30", f"One {tmp_path}"),
        ("telegram", "5.12.2031 09:00", f"Two {tmp_path}"),
    )
    assert cli("run", file).code == 0
    made = {post["date"][:16] for post in server.posts if str(tmp_path) in post["content"]}
    assert made == {"2031-12-24T17:30", "2031-12-05T08:00"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2031-12-24", "has no time"),
        ("24.12.2031", "has no time"),
        ("31.11.2031 09:00", "November 2031 has no day 31"),
        ("12/24/2031 18:30", "is not a date"),
        ("2031-10-26 02:30 Europe/Berlin", "exists twice in Europe/Berlin"),
        ("2031-12-24 18:30 Mars/X", "is not a date"),
        ("2031-12-24 18:30 Factory", "is not a date"),
    ],
)
def test_a_date_that_cannot_be_meant_is_refused(
    cli: Cli, server: Server, text: str, said: str
) -> None:
    before = len(server.posts)
    refused = cli(*CREATE, text)
    assert (refused.code, refused.out) == (2, "")
    assert said in " ".join(refused.err.split())
    assert "--at" in refused.err
    assert len(server.posts) == before


@pytest.mark.usefixtures("in_berlin")
def test_a_slot_is_printed_as_a_date_is_read(cli: Cli, server: Server) -> None:
    slot = cli("channels", "find-slot", "mastodon")
    at = slot.out.strip()
    assert at.endswith("Europe/Berlin")
    assert cli(*CREATE, at).code == 0
    told = cli("channels", "find-slot", "mastodon", "--json").document
    assert server.posts[-1]["date"][:16] <= told[:16]


@pytest.mark.usefixtures("in_berlin")
def test_a_day_is_the_day_of_the_zone(cli: Cli, server: Server) -> None:
    made = cli(*CREATE, "2031-08-01 00:15", "--json").document[0]["postId"]
    day = ("--from", "2031-08-01", "--to", "2031-08-01", "--json")
    assert made in {post["id"] for post in cli("posts", "list", *day).document}
    there = {post["id"] for post in cli("posts", "list", *day, "--timezone", "UTC").document}
    assert made not in there
    del server  # it is there


@pytest.mark.parametrize("name", ["Mars/X", "Factory"])
def test_a_zone_that_does_not_exist_is_refused_before_anything_else(
    cli: Cli, server: Server, name: str
) -> None:
    before = len(server.posts)
    refused = cli(*CREATE, "2027-06-05 09:00", "--timezone", name)
    assert refused.code == 2
    assert f"There is no time zone {name!r}" in refused.err
    assert len(server.posts) == before


@pytest.mark.usefixtures("in_berlin")
def test_a_date_that_has_just_passed_is_told_in_the_zone(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    there = (server.now - timedelta(hours=1)).astimezone(ZoneInfo("Europe/Berlin"))
    file = write_campaign(tmp_path / "c.csv", ("mastodon", f"{there:%d.%m.%Y %H:%M}", "Late"))
    told = cli("plan", file)
    assert f"row 2, date: {there:%Y-%m-%d %H:%M} Europe/Berlin has passed" in told.err
