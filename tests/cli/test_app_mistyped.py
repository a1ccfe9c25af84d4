"""What is mistyped is told in one line."""

from __future__ import annotations

import pytest
from cli_lab import Cli
from processes import Server

AT = "2027-07-01T10:00"


def test_the_channels_are_listed_by_both_commands(cli: Cli, server: Server) -> None:
    result = cli("channels", "list", "--json")
    assert result.code == 0
    assert result.document == cli("channels", "--json").document


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("plan", "postiz-async plan needs FILE. See: postiz-async plan --help"),
        ("posts create hi", "postiz-async posts create needs --channel. See: "),
        ("run c.csv --late", "--late needs a value. See: postiz-async run --help"),
        ("posts create hi --chanel x", "--channel"),
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


def test_a_mistyped_command_is_an_error_for_programs_too(cli: Cli) -> None:
    said = cli("posts", "lst", "--json").error
    assert said["type"] == "UsageError"
    assert "list" in said["message"]


# ------------------------------------------------------------------ channels by name


@pytest.mark.parametrize("command", [["posts", "list"], ["posts", "watch"]])
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
