"""A command for every operation of the API: what it prints, as lines and as JSON."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from cli_lab import Cli
from processes import Server

from postiz_async import AdvancedOptions
from postiz_async._cli.insights import _show, sparkline
from postiz_async._cli.output import Output
from postiz_async.models.insights import Metric, MetricPoint

AT = "2027-06-01T10:00"
RANGE = ("--from", "2027-06-01", "--to", "2027-06-02")


def channel_of(cli: Cli, provider: str) -> str:
    listed = cli("channels", "--json").document
    return next(each["id"] for each in listed if each["identifier"] == provider)


@pytest.fixture
def post(cli: Cli, server: Server) -> str:
    channel = channel_of(cli, "mastodon")
    made = cli("posts", "create", "A post", "--channel", channel, "--at", AT, "--json")
    return made.document[0]["postId"]


def test_create_needs_a_moment_and_only_one(cli: Cli, server: Server) -> None:
    channel = channel_of(cli, "mastodon")
    before = server.state["creates"]
    for wrong in ((), ("--at", AT, "--now"), ("--now", "--draft")):
        result = cli("posts", "create", "x", "--channel", channel, *wrong)
        assert result.code == 2
        assert "--at" in result.err or "--now" in result.err
    assert server.state["creates"] == before


@pytest.mark.parametrize("wait", ["nan", "inf", "-1"])
def test_a_wait_that_is_none_is_refused_before_anything_is_uploaded(
    cli: Cli, server: Server, wait: str
) -> None:
    how = ("--channel", "c", "--at", AT, f"--max-wait={wait}", "--media", "missing.png")
    before = server.state["creates"]
    result = cli("posts", "create", "x", *how)
    assert result.code == 2
    assert f"--max-wait is {float(wait)!r}, which is not a time to wait." in result.err
    assert server.state["creates"] == before


def test_the_same_command_with_a_key_stores_nothing_more(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    channel, key = channel_of(cli, "mastodon"), ("--idempotency-key", "order-1")
    how = ("--channel", channel, "--at", AT, *key, "--json")
    before = server.state["creates"]
    first, again = (cli("posts", "create", "Once", *how) for _ in range(2))
    assert first.code == again.code == 0
    assert first.document == again.document
    assert server.state["creates"] == before + 1
    other = cli("posts", "create", "Something else", *how)
    assert other.code == 2
    assert other.error["type"] == "IdempotencyError"
    assert "posts.0.content" in other.error["message"]
    assert "posts.0.content" in other.error["differs"]
    wrong = cli("posts", "create", "x", "--channel", channel, "--now", "--idempotency-key=")
    assert wrong.code == 2
    assert "--idempotency-key: has 0 characters; a key has 1 to 255" in wrong.err
    media = cli("posts", "create", "Once", *how, "--media", str(tmp_path / "a.png"))
    assert media.code == 2
    assert "--media: with a key, each repetition would upload the files anew" in media.err
    assert server.state["creates"] == before + 1


def test_list_get_replace_status_delete(cli: Cli, post: str) -> None:
    assert post in cli("posts", "list", *RANGE).out
    assert cli("posts", "get", post, "--json").document["content"] == "A post"
    refused = cli("posts", "replace", post, "x", "--channel", "c", "--at", AT)
    assert refused.code == 2, "it has to be confirmed"
    channel = channel_of(cli, "mastodon")
    how = ("--channel", channel, "--at", "2027-06-01T11:00", "--yes", "--json")
    assert cli("posts", "replace", post, "Another", *how).document[0]["postId"] == post
    assert cli("posts", "get", post, "--json").document["content"] == "Another"
    assert cli("posts", "status", post, "draft", "--json").document == "DRAFT"
    assert cli("posts", "missing", post, "--json").document == []
    assert cli("posts", "delete", post).code == 2, "it has to be confirmed"
    assert "deleted" in cli("posts", "delete", post, "--yes").out
    again = cli("posts", "delete", post, "--yes", "--quiet")
    assert again.code == 1
    assert again.out == f"There is no post {post}: gone already, or the id is wrong\n"


def test_several_posts_are_deleted_by_one_command(
    cli: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made() -> str:
        how = ("--channel", "mastodon", "--at", "2031-05-06T07:08")
        return str(cli("posts", "create", "one of several", *how, "--json").document[0]["postId"])

    first, second, third = made(), made(), made()
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{second}\n\n {third}\n{first}\n"))
    told = cli("posts", "delete", first, "-", "gone", "--yes", "--json")
    assert told.code == 1, "as far as can be known there never was one"
    assert told.document == {"deleted": [first, second, third], "gone": ["gone"]}
    assert not {first, second, third} & {post["id"] for post in server.posts}
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert cli("posts", "delete", "-", "--yes").code == 2
    told = cli("posts", "delete", made(), made(), "gone", "--yes")
    assert told.code == 1
    assert told.out.splitlines() == [
        "2 posts deleted",
        "There is no post gone: gone already, or the id is wrong",
    ]
    assert cli("posts", "delete", "never", "--yes").code == 1
    for words in (("--quiet", made()), (made(), "-q")):
        done = cli("posts", "delete", *words, "--yes")
        assert (done.code, done.out, done.err) == (0, "", ""), "an option is no id"


def test_an_end_before_the_start_is_refused(cli: Cli, server: Server) -> None:
    told = cli("posts", "list", "--from", "2031-02-01", "--to", "2031-01-01")
    assert told.code == 2
    assert "--to (2031-01-01) is before --from (2031-02-01)." in told.err
    assert (
        "is before today, which is taken without" in cli("posts", "list", "--to", "2001-01-01").err
    )


def test_settings_are_an_object(cli: Cli, post: str) -> None:
    assert cli("posts", "settings", post, '{"colour": "red"}').code == 0
    for wrong in ("[]", "{", "1"):
        result = cli("posts", "settings", post, wrong)
        assert result.code == 2
        assert "is not a JSON object" in result.err


def test_users(cli: Cli, server: Server) -> None:
    refused = cli("users", "ada")
    assert refused.code == 2
    assert "super-admin" in " ".join(refused.err.split())


def test_channels(cli: Cli, server: Server) -> None:
    channel = channel_of(cli, "mastodon")
    assert "500 characters" in cli("channels", "settings", channel).out
    assert cli("channels", "find-slot", channel, "--json").document.endswith("Z")
    assert cli("channels", "groups", "--json").document == []
    assert cli("channels", "connect", "linkedin").out.startswith("http")
    nowhere = cli("channels", "connect", "linkdin")
    assert nowhere.code == 2
    said = " ".join(nowhere.err.split())
    assert "Did you mean 'linkedin'? `postiz-async providers` lists" in said
    assert "500 characters" in cli("channels", "settings", "mastodon").out
    assert cli("analytics", "channel", "mastodon").code == 0
    assert cli("channels", "delete", channel).code == 2, "it has to be confirmed"
    by_name = cli("channels", "delete", "mastodon", "--yes")
    assert by_name.code == 2
    assert channel in by_name.err
    nothing = cli("channels", "trigger", channel, "nothing", "a=b")
    assert "Tool not found" in nothing.err
    assert cli("channels", "trigger", channel, "nothing", "novalue").code == 2


def test_media(cli: Cli, server: Server, sample: Path) -> None:
    picture = next(sample.glob("*.png"))
    assert cli("media", "upload", str(picture), "--json").document[0]["path"].endswith(".png")
    asked = cli("media", "function", "image-text-slides", "loadVoices").document
    assert asked["voices"]
    assert cli("media", "video", "a cat").code == 2, "it has to be confirmed"
    assert cli("media", "video", "a cat", "--yes", "--json").document[0]["path"].endswith(".mp4")
    assert cli("media", "upload-url", "https://example.com/a.html").code == 2


def test_where_there_are_no_notifications_it_says_so(
    cli: Cli, narrow: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in narrow.environment.items():
        monkeypatch.setenv(name, value)
    assert cli("notifications").out == "There are no notifications.\n"


def test_insights(cli: Cli, server: Server) -> None:
    assert "figure" in cli("analytics", "channel", channel_of(cli, "x")).out
    assert cli("analytics", "post", "nope", "--json").document == []
    assert isinstance(cli("notifications", "--json").document, list)
    assert cli("notifications", "--limit", "0").code == 2


def test_a_figure_that_is_no_number_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    totals = ["1", "NaN", "Infinity", 10**400, "2.5", "n/a"]
    points = [MetricPoint(total=total, date="2027-01-01") for total in totals]
    assert [point.value for point in points] == [1, None, None, None, 2.5, None]
    _show(Output(), [Metric(label="Views", data=points)])
    assert capsys.readouterr().out.split()[-3:] == ["Views", "▁█", "2.5"]


def test_a_line_of_blocks() -> None:
    assert sparkline([0.0, 5.0, 10.0], ascii_only=True) == "_+@"
    assert sparkline([3.0, 3.0]) == "▁▁"
    assert sparkline([]) == ""


def test_doctor(cli: Cli, narrow: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a server whose clock runs as the machine's: a minute of another is over too soon."""
    for name, value in narrow.environment.items():
        monkeypatch.setenv(name, value)
    found = cli("doctor", "--json").document
    assert {each["status"] for each in found} == {"fine"}


async def test_a_connection_error_says_what_to_do() -> None:
    from postiz_async import APIConnectionError, Postiz  # noqa: PLC0415
    from postiz_async.clock import AcceleratedClock  # noqa: PLC0415

    client = Postiz(
        api_key="k",
        base_url="http://127.0.0.1:9",
        advanced=AdvancedOptions(clock=AcceleratedClock(1000)),
    )
    async with client as postiz:
        with pytest.raises(APIConnectionError, match="Is it up, and its port right"):
            await postiz.channels.is_connected()
