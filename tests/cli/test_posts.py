"""`posts`: texts instead of HTML, threads, zones, and how long a create waits for the quota."""

from __future__ import annotations

import json
import re
import signal
import sys
from functools import partial
from pathlib import Path

import anyio.to_thread
import pytest
from cli_lab import Cli, misfits
from processes import PATIENCE, Server, ended, read_line, start

from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

KEY = "sandbox-key-5d1f0c77"
AT = ("--at", "2027-06-11T10:00Z")
RANGE = ("--from", "2027-06-11", "--to", "2027-06-12")


@pytest.fixture
def spent(narrow: Server, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server of whose hour nothing is left."""
    for name, value in narrow.environment.items():
        monkeypatch.setenv(name, value)
    for _ in range(3):
        assert cli("posts", "create", "x", "--channel", "mastodon", *AT).code == 0
    return narrow


def test_a_list_shows_texts_and_not_html(cli: Cli, server: Server) -> None:
    text = "Öffnungszeiten & <mehr>\nab morgen"
    made = cli("posts", "create", text, "--channel", "mastodon", *AT, "--json").document
    stored = cli("posts", "get", made[0]["postId"], "--json").document["content"]
    assert "&lt;mehr&gt;" in stored
    listed = cli("posts", "list", *RANGE).out.splitlines()
    assert listed[0].split() == ["date", "(UTC)", "state", "id", "channel", "text"]
    (line,) = (line for line in listed if made[0]["postId"] in line)
    assert line.endswith("Öffnungszeiten & <mehr> ab morgen")
    assert "Öffnungszeiten & <mehr>" in cli("posts", "get", made[0]["postId"]).out


def test_watching_from_a_moment_that_is_still_to_come_is_refused(cli: Cli, server: Server) -> None:
    wrong = cli("posts", "watch", "--from", "2199-01-01")
    assert wrong.code == 2
    assert "1 Jan 2199 00:00 UTC is still to come" in wrong.err


@pytest.mark.parametrize(
    "words",
    [
        ("posts", "create", "x", "--channel", "mastodon", "--at"),
        ("posts", "watch", "--from"),
        ("posts", "list", "--from"),
        ("undo", "c.csv", "--from"),
        ("sandbox", "--start"),
    ],
)
def test_what_is_no_date_is_told_how_to_write_one(cli: Cli, words: tuple[str, ...]) -> None:
    wrong = cli(*words, "gestern")
    assert wrong.code == 2
    assert f"{words[-1]}: 'gestern' is not a date. Write it like 2027-01-15" in wrong.err
    assert "2027-01-15T09:00+01:00" in wrong.err


def test_a_last_day_is_meant_whole_and_a_last_moment_is_not(cli: Cli, server: Server) -> None:
    at = ("--at", "2027-08-31T22:15Z")
    cli("posts", "create", "On the last evening", "--channel", "telegram", *at)
    for end, posts in (("2027-08-31", 1), ("2027-08-31T00:00", 0), ("2027-08-31 22:15", 1)):
        listed = cli("posts", "list", "--from", "2027-08-31", "--to", end, "--json").document
        assert len(listed) == posts, end


def test_lists_are_of_one_channel_by_any_of_its_names(cli: Cli, server: Server) -> None:
    made = cli("posts", "create", "Only here", "--channel", "telegram", *AT, "--json").document
    listed = cli("posts", "list", *RANGE, "--channel", "telegram", "--json").document
    assert made[0]["postId"] in {post["id"] for post in listed}
    assert {post["integration"]["id"] for post in listed} == {made[0]["integration"]}
    written = cli("posts", "list", *RANGE, "--channel", "Telegram", "--csv").out
    assert "Only here" in written
    wrong = cli("posts", "list", *RANGE, "--channel", "telegran")
    assert wrong.code == 2
    assert "did you mean 'telegram'?" in wrong.err


async def test_a_thread_of_several_parts(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    async with MemoryServer(api_key=KEY) as box, serve(box) as served:
        box.add_channel("mastodon")
        monkeypatch.setenv("POSTIZ_API_URL", served.url)
        monkeypatch.setenv("POSTIZ_API_KEY", KEY)
        parts = ("--thread", "Second part", "--thread", "Third part")
        how = ("--channel", "mastodon", "--at", "2100-06-11T10:00Z", *parts)
        made = await anyio.to_thread.run_sync(partial(cli, "posts", "create", "First part", *how))
        assert made.code == 0
        (post,) = box.posts
        assert post.content == "First part"
        assert [part.content for part in post.thread] == ["Second part", "Third part"]
        assert len(box.creates) == 1


@pytest.mark.parametrize("command", ["create", "replace"])
def test_a_date_without_a_zone_says_which_one_was_taken(
    cli: Cli, server: Server, command: str
) -> None:
    how = ("Zones", "--channel", "mastodon")
    made = cli("posts", "create", *how, *AT, "--json")
    assert made.err == ""
    target = [made.document[0]["postId"]] if command == "replace" else []
    yes = ["--yes"] if command == "replace" else []
    said = cli("posts", command, *target, *how, *yes, "--at", "2027-06-11T10:00", "--json")
    assert "--at is Fri 11 Jun 2027 10:00 UTC." in said.err
    assert said.document[0]["integration"]


@pytest.mark.parametrize(
    ("settings", "why"),
    [("{", "JSON object"), ('{"a":' + "[" * 500_000, "JSON object: it is nested too deeply")],
)
def test_nothing_is_uploaded_for_settings_that_cannot_be_read(
    cli: Cli, server: Server, sample: Path, settings: str, why: str
) -> None:
    picture = next(sample.glob("*.png"))
    before = server.state["uploads"]
    how = ("--channel", "mastodon", *AT, "--media", str(picture), "--settings", settings)
    refused = cli("posts", "create", "x", *how)
    assert refused.code == 2
    assert f"--settings: is not a {why}" in " ".join(refused.err.split())
    assert server.state["uploads"] == before


def test_more_than_the_wait_that_is_allowed(cli: Cli, spent: Server) -> None:
    how = ("--channel", "mastodon", *AT, "--max-wait", "30")
    refused = cli("posts", "create", "One more", *how)
    assert refused.code == 1
    assert "--max-wait allows 30 s. Nothing was sent" in refused.err
    assert "max_wait=" not in refused.err, "the words of a command, not of Python"
    assert cli("posts", "create", "x", *how, "--json").error["type"] == "QuotaWaitError"
    post = spent.posts[0]["id"]
    replaced = cli("posts", "replace", post, "x", *how, "--yes")
    assert replaced.code == 1
    assert "--max-wait allows 30 s" in replaced.err


def test_what_was_done_is_said_with_date_zone_and_channel(cli: Cli, server: Server) -> None:
    at = ("--at", "15.6.2027 09:00", "--timezone", "Europe/Berlin")
    when = "Tue 15 Jun 2027 09:00 Europe/Berlin"
    both = ("--channel", "mastodon", "--channel", "telegram")
    done = cli("posts", "create", "x", *both, *at, "--quiet").out.splitlines()
    assert len(done) == 2
    for line, provider in zip(done, ("mastodon", "telegram"), strict=True):
        said, _, post = line.rpartition(", id ")
        channel = cli("posts", "get", post, "--json").document["integration"]
        assert said == f"Scheduled for {when} on {channel['name']} ({provider})"
    post = done[0].rpartition(" ")[2]
    how = ("--channel", "mastodon", *at, "--yes", "--quiet")
    replaced = cli("posts", "replace", post, "y", *how).out
    assert replaced.startswith(f"Replaced, due {when} on ")
    draft = cli("posts", "create", "x", "--channel", "mastodon", *at, "--draft").out
    assert f"\nStored as a draft for {when} on " in draft
    now = cli("posts", "create", "x", "--channel", "mastodon", "--now").out
    assert now.startswith("Sent to be published at once on ")


@on_posix
def test_a_create_that_waits_says_how_long_and_why(spent: Server, home: Path) -> None:
    arguments = ["posts", "create", "One more", "--channel", "mastodon", *AT, "--json"]
    with ended(start(arguments, home, spent.environment)) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert line.startswith("Waiting ")
    assert "all 3 creates of this window are used. Nothing was sent yet." in line
    assert "--max-wait" in line
    assert "Waiting" not in err, "said once"
    assert "Waiting" not in out
    assert process.returncode == 130
    assert len(spent.posts) == 3


def test_a_scheduled_post_is_not_replaced_into_the_past(cli: Cli, server: Server) -> None:
    made = cli("posts", "create", "x", "--channel", "mastodon", *AT, "--json").document
    words = ("posts", "replace", made[0]["postId"], "new", "--channel", "mastodon", "--yes")
    wrong = cli(*words, "--at", "2001-01-01T00:00Z")
    assert wrong.code == 2
    assert "at: 2001-01-01 00:00:00+00:00 has passed" in wrong.err
    assert "publish_now" not in wrong.err
    assert cli("posts", "get", made[0]["postId"], "--json").document["content"] != "<p>new</p>"
    assert cli(*words, *AT).code == 0


def test_a_date_that_has_passed_names_the_option_of_the_command(cli: Cli, server: Server) -> None:
    how = ("--channel", "mastodon", "--at", "2001-01-01T00:00Z")
    wrong = cli("posts", "create", "x", *how)
    assert (wrong.code, "publish_now" in wrong.err) == (2, False)
    assert "has passed (the server would publish at once; use --now for that)" in wrong.err
    said = cli("posts", "create", "x", *how, "--json").error
    assert said["problems"][0]["hint"] == "the server would publish at once; use --now for that"


@on_posix
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_waiting_create_that_is_stopped_says_that_nothing_was_sent(
    spent: Server, home: Path, options: tuple[str, ...]
) -> None:
    arguments = ["posts", "create", "One more", "--channel", "mastodon", *AT, *options]
    with ended(start(arguments, home, spent.environment)) as process:
        assert process.stderr is not None
        assert "Nothing was sent yet." in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, "")
    text = "Stopped; nothing was sent."
    assert (json.loads(err)["error"]["message"] if options else err.rstrip()) == text
    assert len(spent.posts) == 3


def test_a_misspelled_option_is_no_id(cli: Cli, server: Server) -> None:
    for typed, meant in (("--yess", "--yes"), ("--tga", "--tag")):
        wrong = cli("posts", "delete", "x", typed)
        assert wrong.code == 2
        assert f"error: posts delete has no {typed}. Did you mean {meant}?" in wrong.err
    assert "See: postiz-async posts delete --help" in cli("posts", "delete", "--dry").err


@on_posix
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
