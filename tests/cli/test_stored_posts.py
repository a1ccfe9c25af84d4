"""`posts delete` with a filter, `posts pause` and `resume`, `posts list --csv`."""

from __future__ import annotations

import csv
import getpass
import io
import os
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio.to_thread
import pytest
from cli_lab import Cli, Revoking, write_campaign
from processes import Server, ended, start, wait_until

from postiz_async._cli.forecasts import WHY
from postiz_async._sandbox.http import serve
from postiz_async.types import Reason

if sys.platform != "win32":
    from terminals import on_terminal

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")

DAYS = ("--from", "2033-05-01", "--to", "2033-05-31")


@pytest.fixture
def three(cli: Cli, server: Server) -> Iterator[list[str]]:
    """The ids of three posts of a month that no other test uses."""
    made = [
        cli(
            *("posts", "create", f"Spring {day}", "--channel", channel),
            *("--at", f"2033-05-0{day}T10:00Z", "--json"),
        ).document[0]["postId"]
        for day, channel in ((1, "mastodon"), (2, "mastodon"), (3, "telegram"))
    ]
    yield made
    cli("posts", "delete", *DAYS, "--yes", "--json")


def there(cli: Cli, *which: str) -> list[str]:
    return [post["id"] for post in cli("posts", "list", *DAYS, *which, "--json").document]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_where_nobody_can_answer_nothing_is_deleted(
    cli: Cli, three: list[str], options: tuple[str, ...]
) -> None:
    told = cli("posts", "delete", *DAYS, "--channel", "mastodon", *options)
    assert told.code == 1
    assert "Nothing was deleted. --yes does it." in told.out + told.err
    if options:
        assert not told.document["done"]
        assert [each["id"] for each in told.document["posts"]] == three[:2]
    else:
        lines = told.out.splitlines()
        assert lines[0].split() == ["date", "(UTC)", "state", "id", "channel", "text"]
        assert lines[1].endswith("Spring 1")
        assert (
            "2 posts to delete from 2033-05-01 to 2033-05-31 (UTC). "
            "This costs no create request and is done at once." in lines
        )
    assert there(cli) == three


def test_the_same_filter_lists_and_deletes(cli: Cli, three: list[str]) -> None:
    for which in (("--text", "SPRING 3"), ("--channel", "mastodon")):
        listed = there(cli, *which)
        done = cli("posts", "delete", *DAYS, *which, "--yes", "--json")
        assert done.code == 0
        assert [each["id"] for each in done.document["posts"]] == listed
        again = cli("posts", "delete", *DAYS, *which, "--yes")
        assert (again.code, again.out) == (
            0,
            "0 posts to delete from 2033-05-01 to 2033-05-31 (UTC).\n",
        )
    assert there(cli) == []


def test_the_posts_of_a_campaign_are_listed_paused_and_deleted(
    cli: Cli, server: Server, three: list[str], tmp_path: Path
) -> None:
    file = write_campaign(
        tmp_path / "c.csv",
        ("mastodon", "2033-05-04 10:00Z", f"One of {tmp_path}"),
        ("mastodon", "2033-11-05 10:00Z", f"Two of {tmp_path}"),
    )
    which = ("--campaign", str(file))
    unsent = cli("posts", "list", *which)
    assert (unsent.code, unsent.out) == (2, "")
    assert "There is no journal" in unsent.err
    assert cli("run", file).code == 0
    listed = cli("posts", "list", *which, "--from", "2033-05-01", "--json").document
    made = [post["id"] for post in listed]
    assert len(made) == 2
    assert not {*made} & {*three}
    paused = str(tmp_path / "paused.jsonl")
    told = cli("posts", "pause", *which, "--to", "2034-01-01", "--file", paused, "--yes", "--json")
    assert (told.code, {each["id"] for each in told.document["posts"]}) == (0, {*made})
    assert {post["id"] for post in server.posts if post["state"] == "DRAFT"} >= {*made}
    from_may = ("--from", "2033-05-01")
    told = cli("posts", "delete", *which, *from_may, "--yes", "--json")
    assert {each["id"] for each in told.document["posts"]} == {*made}
    assert {*three} <= {post["id"] for post in server.posts}


def test_without_an_end_later_posts_are_mentioned(cli: Cli, three: list[str]) -> None:
    told = cli("posts", "delete", "--from", "2033-05-02", "--text", "Spring")
    assert "2 posts to delete from 2033-05-02 to 2033-06-01 (UTC); later ones: --to." in told.out


def test_a_filter_and_ids_do_not_go_together(cli: Cli, three: list[str]) -> None:
    wrong = cli("posts", "delete", three[0], "--tag", "launch", "--yes")
    assert (wrong.code, wrong.err) == (2, "error: posts delete takes either ids or a filter.\n")
    none = cli("posts", "delete", "--yes")
    assert (none.code, none.err) == (
        2,
        "error: post-ids: none was given (or a filter, such as --tag)\n",
    )
    assert there(cli) == three


def test_an_empty_shell_variable_does_not_mean_all_posts(cli: Cli, three: list[str]) -> None:
    for command in (("delete", "--yes"), ("pause", "--yes"), ("list",)):
        for option in ("--channel", "--tag", "--text"):
            wrong = cli("posts", *command, *DAYS, option, "")
            said = f"error: {option}: is blank (leave it out for all)\n"
            assert (wrong.code, wrong.err) == (2, said), command
    assert there(cli, "--state", "QUEUE") == three


@on_posix
@pytest.mark.parametrize("answer", ["y", "n"])
def test_on_a_terminal_it_asks_once(
    server: Server, cli: Cli, three: list[str], answer: str
) -> None:
    told = on_terminal(["posts", "delete", *DAYS], os.environ | {"TERM": "dumb"}, answer)
    assert (told.asked, told.code) == (1, 0 if answer == "y" else 1)
    text = told.text
    assert text.count("Delete them?") == 1
    assert ("3 posts deleted." in text) is (answer == "y")
    assert there(cli) == ([] if answer == "y" else three)


async def test_what_stays_is_named_with_the_reason(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Revoking("DELETE") as box, serve(box) as served:
        box.add_channel("mastodon", name="News")
        monkeypatch.setenv("POSTIZ_API_URL", served.url)
        monkeypatch.setenv("POSTIZ_API_KEY", box.organization.api_key)
        for day in (1, 2, 3):
            at = ("--channel", "News", "--at", f"2099-04-0{day} 09:00Z")
            assert (await anyio.to_thread.run_sync(cli, "posts", "create", "x", *at)).code == 0
        weekly, out, other = (post.id for post in box.posts)
        box.change_post(weekly, interval=7)
        box.change_post(out, state="PUBLISHED")
        days = ("--from", "2099-04-01", "--to", "2099-04-02")
        told = await anyio.to_thread.run_sync(cli, "posts", "delete", *days, "--yes")
        assert told.code == 1
        assert told.out.splitlines() == [
            "left: 1 post: repeating: delete it by its id, for all of its dates",
            f"  {weekly}, News, Wed 1 Apr 2099 09:00",
            "left: 1 post: published already",
            "0 posts to delete from 2099-04-01 to 2099-04-02 (UTC).",
        ]
        box.change_post(other, group=next(p.group for p in box.posts if p.id == weekly))
        box.change_post(weekly, interval=None)
        told = await anyio.to_thread.run_sync(cli, "posts", "delete", *days, "--yes")
        why = f"its group, which is deleted as a whole, also has the post {other}"
        assert f"  {weekly}, News, Wed 1 Apr 2099 09:00: {why}" in told.out.splitlines()
        assert len(box.posts) == 3


async def test_one_that_is_stopped_says_what_it_did(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Revoking("DELETE") as box, serve(box) as served:
        box.add_channel("mastodon")
        monkeypatch.setenv("POSTIZ_API_URL", served.url)
        monkeypatch.setenv("POSTIZ_API_KEY", box.organization.api_key)
        for day in range(1, 7):
            at = ("--channel", "mastodon", "--at", f"2099-04-0{day} 09:00Z")
            made = await anyio.to_thread.run_sync(cli, "posts", "create", f"{day}", *at)
            assert made.code == 0
        box.begin()
        command = ("posts", "delete", "--from", "2099-04-01", "--yes", "--json")
        stopped = await anyio.to_thread.run_sync(cli, *command)
        assert stopped.code == 2
        assert stopped.error["status_code"] == 401
        left = {post.id for post in box.posts}
        assert len(left) < 6
        assert len(stopped.document["posts"]) == 6
        assert not left & {*stopped.document["finished"]}


# ------------------------------------------------------------------ pause and resume


def test_posts_are_paused_and_resumed(cli: Cli, three: list[str], tmp_path: Path) -> None:
    file = tmp_path / "paused.jsonl"
    pause = ("posts", "pause", *DAYS, "--text", "spring", "--file", file)
    told = cli(*pause)
    assert (told.code, file.exists()) == (1, False)
    lines = told.out.splitlines()
    assert lines[0].split() == ["channel", "posts", "from", "(UTC)", "to"]
    assert [line.split()[-11] for line in lines[1:3]] == ["2", "1"]
    assert lines[3] == "3 queued posts to pause from 2033-05-01 to 2033-05-31 (UTC)."
    assert "Nothing was paused. --yes does it." in told.out + told.err
    done = cli(*pause, "--yes")
    assert (done.code, there(cli, "--state", "DRAFT")) == (0, three)
    assert done.out.endswith(
        f"3 posts paused. To schedule them again: postiz-async posts resume {file}\n"
    )
    again = cli(*pause, "--yes", "--json")
    assert (again.code, again.document["posts"]) == (0, [])
    gone, edited, back = three
    cli("posts", "delete", gone, "--yes")
    cli("posts", "status", edited, "schedule", "--yes")
    would = cli("posts", "resume", file)
    assert would.code == 1
    assert "Nothing was scheduled. --yes does it." in would.out + would.err
    for line in (
        "left: 1 post: deleted in Postiz",
        "left: 1 post: no draft any more",
        "1 paused post to schedule.",
    ):
        assert line in would.out.splitlines()
    assert f"  {gone}, " in would.out
    done = cli("posts", "resume", file, "--yes", "--json")
    assert (done.code, [each["id"] for each in done.document["posts"]]) == (0, [back])
    assert [*done.document["left"]] == ["gone", "no_draft"]
    assert there(cli, "--state", "DRAFT") == []


@on_posix
@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_pause_without_a_filter_asks_for_the_whole_account(
    cli: Cli, narrow: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: str
) -> None:
    for name, value in narrow.environment.items():
        monkeypatch.setenv(name, value)
    at = (datetime.now(UTC) + timedelta(days=300)).isoformat(timespec="minutes")
    made = cli("posts", "create", "Far away", "--channel", "mastodon", "--at", at, "--json")
    [post] = [each["postId"] for each in made.document]
    words = ["posts", "pause", "--file", str(tmp_path / "p.jsonl")]
    told = on_terminal(words, os.environ | {"TERM": "dumb"}, answer)
    assert (told.asked, told.code) == (1, 0 if answer == "y" else 1)
    assert "Pause all queued posts of the account?" in told.text
    assert cli("posts", "get", post, "--json").document["state"] == (
        "DRAFT" if answer == "y" else "QUEUE"
    )
    cli("posts", "delete", post, "--yes")


@pytest.mark.parametrize("has_store", [True, False])
def test_the_whole_account_is_halted_until_it_is_resumed(
    cli: Cli, calm: Server, tmp_path: Path, *, has_store: bool
) -> None:
    """Also where there is no post to pause."""
    file, table = tmp_path / "paused.jsonl", tmp_path / "plan.csv"
    place = ("--store", tmp_path / "shared.sqlite") if has_store else ()
    at = (calm.now + timedelta(days=30)).isoformat(timespec="minutes")
    write_campaign(table, ("mastodon", at, "Of a run"))
    pause, resume = ("posts", "pause", "--file", file, *place), ("posts", "resume", file, *place)
    told = cli(*pause)
    assert told.code == 1
    assert "0 queued posts to pause" in told.out
    few = "Without --store this halts only creates by commands of this user on this machine"
    assert (few in told.out) is not has_store
    done = cli(*pause, "--yes")
    assert (done.code, "0 posts paused." in done.out, file.read_text()) == (0, True, "")
    who = f" by {getpass.getuser()}@{socket.gethostname()}"
    stopped = cli("run", table, *place, "--json")
    assert (stopped.code, stopped.error["type"]) == (1, "HaltedError")
    assert who in stopped.error["message"]
    assert (who in cli("quota").out) is not has_store
    assert calm.posts == []
    would = cli(*resume)
    assert would.code == 1
    assert f"All creates have been halted since {calm.now:%Y-%m-}" in would.out
    assert f"{who}; they go on, too." in would.out
    assert (cli(*resume, "--yes").code, cli(*resume).code) == (0, 0)
    assert cli("run", table, *place).code == 0
    assert [post["content"] for post in calm.posts] == ["Of a run"]


@on_posix
def test_a_pause_that_is_killed_is_taken_back_by_its_file(
    cli: Cli, calm: Server, tmp_path: Path, home: Path
) -> None:
    """Killed in another process, between the halt and the end of its first draft."""
    at = (calm.now + timedelta(days=30)).isoformat(timespec="minutes")
    create = ("posts", "create", "Later", "--channel", "mastodon", "--at", at, "--json")
    [post] = [each["postId"] for each in cli(*create).document]
    file, table = tmp_path / "paused.jsonl", tmp_path / "plan.csv"
    write_campaign(table, ("mastodon", at, "Of a run"))
    place = ("--store", str(tmp_path / "shared.sqlite"))
    calm.add_fault("late_answer:delay=20:route=change_post_status:times=9")
    words = ["posts", "pause", "--file", str(file), "--yes", *place]
    with ended(start(words, home, calm.environment)) as killed:
        wait_until(lambda: "halted since" in cli("posts", "resume", file, *place).out, "a halt")
        killed.kill()
    assert cli("run", table, *place, "--json").code == 1
    assert cli("posts", "resume", file, "--yes", *place).code == 0
    assert cli("posts", "get", post, "--json").document["state"] == "QUEUE"
    assert cli("run", table, *place, "--json").code == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("pause", "--state", "DRAFT"), "--state: is DRAFT (leave it out; only queued posts can"),
        (("pause", "--from", "2033-05-02", "--to", "2033-05-01"), "is before --from"),
        (("pause", "--channel", "nobody"), "--channel: there is no channel 'nobody'"),
        (("resume",), "FILE"),
        (("resume", "missing.jsonl"), "There is no file missing.jsonl."),
        (("resume", __file__), ", line 1, is not of posts pause. Nothing was changed."),
    ],
)
def test_what_cannot_be_paused_or_resumed(
    cli: Cli, three: list[str], words: tuple[str, ...], why: str
) -> None:
    wrong = cli("posts", *words, "--yes")
    assert wrong.code == 2
    assert why in wrong.err
    assert there(cli, "--state", "QUEUE") == three


# ------------------------------------------------------------------ CSV


async def test_a_list_is_csv_for_a_spreadsheet(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    async with Revoking("DELETE") as box, serve(box) as served:
        box.add_channel("mastodon", name="@News")
        box.add_tag("launch"), box.add_tag("summer")
        monkeypatch.setenv("POSTIZ_API_URL", served.url)
        monkeypatch.setenv("POSTIZ_API_KEY", box.organization.api_key)
        text, day = f"=1+1; Grüße\n{'x' * 90}", ("--from", "2099-04-01", "--to", "2099-04-01")
        words = ("posts", "create", text, "--channel", "@News", "--at", "2099-04-01 09:00Z")
        tags = ("--tag", "launch", "--tag", "summer")
        assert (await anyio.to_thread.run_sync(cli, *words, *tags)).code == 0
        (post,) = box.posts
        box.change_post(post.id, state="PUBLISHED", release_url="https://news.example/1")
        zone = ("--timezone", "Europe/Berlin")
        told = await anyio.to_thread.run_sync(cli, "posts", "list", *day, *zone, "--csv")
        none = await anyio.to_thread.run_sync(
            cli, "posts", "list", *day, "--channel", "@News", "--state", "DRAFT", "--csv"
        )
        both = await anyio.to_thread.run_sync(cli, "posts", "list", "--csv", "--json")
    assert (told.code, told.err, told.out[0]) == (0, "", "\ufeff")
    assert told.out.startswith("\ufeffid;date;channel;provider;state;text;link;tags;group\n")
    (line,) = csv.DictReader(io.StringIO(told.out[1:], newline=""), delimiter=";")
    assert line == {
        "id": post.id,
        "date": "2099-04-01 11:00:00+02:00",
        "channel": "'@News",
        "provider": "mastodon",
        "state": "PUBLISHED",
        "text": f"'{text}",
        "link": "https://news.example/1",
        "tags": "launch; summer",
        "group": post.group,
    }
    assert len(none.out.splitlines()) == 1
    assert (both.code, both.error["message"]) == (2, "--csv and --json do not go together.")


def test_each_reason_has_words() -> None:
    assert WHY.keys() == set(Reason)
