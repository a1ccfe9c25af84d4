"""What people type who have not read the help: it works, or they are told what to type."""

from __future__ import annotations

import re

import pytest
from cli_lab import Cli
from processes import Server
from spread import spread

from postiz_async._cli.app import app

AT = "2027-07-01T10:00"


def test_the_channels_are_listed_by_both_commands(cli: Cli, server: Server) -> None:
    result = cli("channels", "list", "--json")
    assert result.code == 0
    assert result.document == cli("channels", "--json").document


@pytest.mark.parametrize("typed", ["", "run", "posts list"])
def test_help_may_be_a_word(cli: Cli, typed: str) -> None:
    result = cli("help", *typed.split())
    assert (result.code, result.out) == (0, cli(*typed.split(), "--help").out)
    assert result.out


@pytest.mark.parametrize("typed", ["posts list", "notifications list", "providers list"])
def test_a_list_that_is_asked_for_is_printed(cli: Cli, server: Server, typed: str) -> None:
    result = cli(*typed.split())
    assert (result.code, result.err) == (0, "")
    assert result.out


GUESSES = {
    "list": "postiz-async posts list, or postiz-async channels list",
    "upload a.png": "postiz-async media upload",
    "create Hello": "postiz-async posts create",
    "post": "postiz-async posts",
    "post list": "postiz-async posts list",
    "schedule": "postiz-async posts create --at",
    "publish": "postiz-async posts create --now",
    "posts publish": "postiz-async posts create --now",
    "posts update 1": "postiz-async posts edit",
    "posts show 1": "postiz-async posts get",
    "posts rm 1": "postiz-async posts delete",
    "posts ls": "postiz-async posts list",
    "delete 1": "postiz-async posts delete",
    "integrations": "postiz-async channels",
    "integrations get x": "postiz-async channels settings",
    "channels add": "postiz-async channels connect",
    "integrations create": "postiz-async channels connect",
    "accounts": "postiz-async channels",
    "whoami": "postiz-async doctor",
    "send c.csv": "postiz-async run",
    "check c.csv": "postiz-async plan",
    "validate c.csv": "postiz-async plan",
    "revert c.csv": "postiz-async undo",
    "sync c.csv": "postiz-async update",
    # as the official command line has them
    "posts:list": "postiz-async posts list",
    "posts:create": "postiz-async posts create",
    "posts:connect 1 2": "postiz-async posts release-id",
    "integrations:trigger 1": "postiz-async channels trigger",
    "analytics:platform 1": "postiz-async analytics channel",
}


@pytest.mark.parametrize("typed", spread(GUESSES, every=4))
def test_a_command_that_there_is_not_is_answered_with_the_one_that_is_meant(
    cli: Cli, typed: str
) -> None:
    result = cli(*typed.split())
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: There is no command '")
    assert f"Try: {GUESSES[typed]}" in result.err
    assert result.err.count("\n") == 1
    for name in re.findall(r"postiz-async ([a-z -]+?)(?= --|,|$)", result.err.strip()):
        assert cli(*name.split(), "--help").code == 0, "what is advised is there"
        assert app.resolved_commands()[name.split()[0]]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("media rm", "no call that deletes media"),
        ("tags list", "no call that lists or makes tags"),
        ("login", "POSTIZ_API_KEY"),
        ("auth:login", "POSTIZ_API_KEY"),
        ("version", "postiz-async --version"),
        ("run c.csv --dry-run", "plan says what run would do"),
        ("run c.csv --campaign spring", "Unknown option: --campaign. The name of a campaign is"),
        ("posts list --start 2031-01-01", "A span of dates is given with --from and --to."),
        ("plan", "postiz-async plan needs FILE. See: postiz-async plan --help"),
        ("posts create hi", "postiz-async posts create needs --channel. See: "),
        ("run c.csv --late", "--late needs a value. See: postiz-async run --help"),
        ("posts create hi --chanel x", "--channel"),
        ("posts list --integration x", "A channel is given with --channel."),
        ("run c.csv d.csv", "postiz-async run does not take 'd.csv'"),
        ("posts list now", "postiz-async posts list does not take 'now'"),
        ("channels cm1", "postiz-async channels does not take 'cm1'"),
        ("posts --limit 3", "postiz-async posts needs a command before --limit"),
        ("--limit", "postiz-async needs a command before --limit"),
        ("posts lst", 'Did you mean "list"?'),
        ("postz list", 'Did you mean "posts"?'),
        ("zzz", "Available commands"),
    ],
)
def test_what_is_not_there_at_all_is_said(cli: Cli, typed: str, words: str) -> None:
    result = cli(*typed.split())
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert result.err.count("\n") == 1


def test_a_guess_is_a_document_too(cli: Cli) -> None:
    said = cli("upload", "--json").error
    assert said["type"] == "UsageError"
    assert "media upload" in said["message"]


# ------------------------------------------------------------------ channels by name


@pytest.mark.parametrize("command", [["posts", "list"], ["posts", "watch"], ["export"]])
def test_a_channel_is_told_by_the_name_of_its_option(
    cli: Cli, server: Server, command: list[str]
) -> None:
    unknown = cli(*command, "--channel", "nope")
    assert (unknown.code, unknown.out) == (2, "")
    assert unknown.err == (
        "error: --channel: there is no channel 'nope' (postiz-async channels lists them)\n"
    )
    close = cli(*command, "--channel", "mastodn")
    assert "--channel: there is no channel 'mastodn' (did you mean 'mastodon'?)" in close.err


@pytest.mark.parametrize("word", ["mastodon", "Mastodon", "Northwind on Mastodon"])
def test_a_create_takes_a_channel_as_a_campaign_does(cli: Cli, server: Server, word: str) -> None:
    listed = cli("channels", "--json").document
    (channel,) = [each["id"] for each in listed if each["identifier"] == "mastodon"]
    result = cli("posts", "create", "Hi", "--channel", word, "--at", AT, "--json")
    assert result.code == 0
    assert [each["integration"] for each in result.document] == [channel]
    post = result.document[0]["postId"]
    how = ("--channel", word, "--at", AT, "--yes", "--json")
    assert cli("posts", "replace", post, "Ho", *how).document[0]["postId"] == post


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["myspace"], "--channel: there is no channel 'myspace' (postiz-async channels lists"),
        (["mastodn"], "error: --channel: there is no channel 'mastodn' (did you mean 'mastodon'?)"),
        (["x", "Northwind on X"], "--channel: 'Northwind on X' is named twice: 'Northwind on X'"),
        (["x", "nope", "neither"], "2 problems, nothing was sent"),
    ],
)
def test_a_channel_that_cannot_be_told_costs_nothing(
    cli: Cli, server: Server, words: list[str], told: str
) -> None:
    before = server.state["creates"], server.state["uploads"]
    options = [part for word in words for part in ("--channel", word)]
    result = cli("posts", "create", "Hi", *options, "--at", AT)
    assert result.code == 2
    assert told in result.err
    assert (server.state["creates"], server.state["uploads"]) == before


def test_several_channels_that_fit_are_listed(
    cli: Cli, odd_servers: dict[str, str], monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    monkeypatch.delenv("POSTIZ_SANDBOX_CLOCK")
    monkeypatch.setenv("POSTIZ_API_URL", odd_servers["two of a kind"])
    result = cli(
        "posts", "create", "Hi", "--channel", "mastodon", "--at", "2031-01-01 09:00", "--json"
    )
    assert result.code == 2
    (problem,) = result.error["problems"]
    assert problem["message"] == "'mastodon' fits 2 channels"
    assert "'One' (" in problem["hint"]
    assert "'Two' (" in problem["hint"]
