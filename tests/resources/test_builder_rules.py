"""Posts are judged before a slot is spent; what only the server knows is asked for once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from postiz_async import (
    AdvancedOptions,
    BadRequestError,
    InvalidPostError,
    NewPost,
    Postiz,
)
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.clock import JumpingClock
from postiz_async.models.channels import Channel
from postiz_async.testing import Sandbox

LONG = "word " * 100


async def test_what_the_server_would_refuse_is_not_sent() -> None:
    local = Sandbox()
    tube, x = local.add_channel("youtube"), local.add_channel("x")
    async with local.client() as postiz:
        with pytest.raises(InvalidPostError) as caught:
            await postiz.posts.schedule(
                NewPost(tube, "Watch"), NewPost(x, LONG), at=local.in_an_hour()
            )
        places = [problem.where for problem in caught.value.problems]
        assert "posts.0.settings.title" in places
        assert "posts.1.value.0.content" in places
        assert "of 280 characters on X" in str(caught.value)
        assert not local.creates


async def test_validation_can_be_switched_off_for_a_call_and_for_a_client() -> None:
    local = Sandbox()
    tube = local.add_channel("youtube")
    async with local.client() as postiz:
        with pytest.raises(BadRequestError, match="title must be longer"):
            await postiz.posts.schedule(
                NewPost(tube, "Watch"), at=local.in_an_hour(), validate=False
            )
    assert len(local.creates) == 1


async def test_a_host_that_is_behind_refuses_what_has_passed_by_the_servers_clock() -> None:
    """Also where a `Channel` is given, so that the look at the channels comes late."""
    local = Sandbox()
    known = local.add_channel("mastodon")
    channel = Channel(id=known.id, name=known.name, provider="mastodon")
    host = JumpingClock(local.clock.time() - 3_600)
    at = datetime.fromtimestamp(host.time() + 1_800, UTC)
    async with (
        local,
        Postiz(
            api_key=local.organization.api_key,
            base_url="http://sandbox.invalid",
            advanced=AdvancedOptions(clock=host, transport=local.transport()),
        ) as postiz,
    ):
        with pytest.raises(InvalidPostError, match="is in the past"):
            await postiz.posts.schedule(NewPost(channel, "Hello"), at=at)
    assert not local.creates


async def test_what_would_be_regretted_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    local = Sandbox()
    tube = local.add_channel("mastodon")
    settings = {"visiblity": "unlisted"}
    async with local.client() as postiz:
        with caplog.at_level(logging.WARNING, "postiz_async"):
            await postiz.posts.schedule(
                NewPost(tube, "Hello", settings=settings), at=local.in_an_hour()
            )
    (record,) = caplog.records
    assert "visiblity" in record.message
    assert len(local.posts) == 1


async def test_posts_are_checked_without_sending_them() -> None:
    local = Sandbox()
    x, at = local.add_channel("x"), local.in_an_hour()
    async with local.client() as postiz:
        good, long = NewPost(x, "short"), NewPost(x, "long " * 100)
        assert await postiz.posts.check(good, at=at) == []
        assert await postiz.posts.check(good, at=None) == []
        regretted = NewPost(x, "short", settings={"visiblity": "unlisted"})
        warnings = await postiz.posts.check(regretted, at=at)
        assert [each.severity for each in warnings] == ["warning"] * len(warnings) != []
        (too_long,) = await postiz.posts.check(good, long, at=at)
        assert (too_long.where, too_long.severity) == ("posts.1.value.0.content", "error")
        (past,) = await postiz.posts.check(good, at=at - timedelta(days=9))
        assert past.where == "at"
        (unknown,) = await postiz.posts.check(NewPost("nobody", "short"), at=at)
        assert unknown.where == "posts.0.channel"
        (none,) = await postiz.posts.check(at=at)
        assert none.where == "posts"
    assert not local.creates


class Server:
    """Two channels: a verified X, and one of a network that nobody knows yet."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.tells = True

    async def send(self, request: WireRequest) -> WireResponse:
        path = request.url.removeprefix("http://h/public/v1")
        self.asked.append(path)
        if path == "/integrations":
            channels = [
                {"id": "cx", "name": "X", "identifier": "x", "disabled": False},
                {"id": "cn", "name": "New", "identifier": "newnet", "disabled": False},
            ]
            return _answer(200, channels)
        if path.startswith("/integration-settings/"):
            if not self.tells:
                return _answer(404, {"msg": "no such route"})
            return _answer(200, {"output": _RULES[path.rpartition("/")[2]]})
        return _answer(201, [{"postId": "p", "integration": "cx"}])

    async def aclose(self) -> None:
        """There is nothing to close."""


_RULES: dict[str, Mapping[str, object]] = {
    "cx": {"rules": "", "maxLength": 4000, "settings": "", "tools": []},
    "cn": {
        "rules": "",
        "maxLength": 50,
        "settings": {
            "type": "object",
            "properties": {
                "place": {"type": "string"},
                "size": {"type": "number"},
                "tone": {"enum": ["loud", "soft"]},
            },
            "required": ["place"],
        },
        "tools": [],
    },
}


def _answer(status: int, body: object) -> WireResponse:
    return WireResponse(status, {"content-type": "application/json"}, msgspec.json.encode(body))


def client_of(server: Server) -> Postiz:
    return Postiz(
        api_key="k",
        base_url="http://h",
        advanced=AdvancedOptions(clock=JumpingClock(), transport=server),
    )


X = Channel(id="cx", name="X", provider="x")
NEW = Channel(id="cn", name="New", provider="newnet")


async def test_a_verified_x_may_say_more_and_is_asked_once() -> None:
    server, at = Server(), Sandbox().in_an_hour()
    async with client_of(server) as postiz:
        await postiz.posts.schedule(NewPost(X, "short"), at=at)
        assert server.asked == ["/integrations", "/posts"], "nothing to ask for a short text"
        for _ in range(3):
            await postiz.posts.schedule(NewPost(X, LONG), at=at)
        assert server.asked.count("/integration-settings/cx") == 1
        with pytest.raises(InvalidPostError, match="of 4,000 characters"):
            await postiz.posts.schedule(NewPost(X, LONG * 10), at=at)


async def test_a_server_that_does_not_tell_leaves_the_usual_limit() -> None:
    server, at = Server(), Sandbox().in_an_hour()
    server.tells = False
    async with client_of(server) as postiz:
        for _ in range(2):
            with pytest.raises(InvalidPostError, match="of 280 characters"):
                await postiz.posts.schedule(NewPost(X, LONG), at=at)
        assert server.asked.count("/integration-settings/cx") == 1


async def test_a_provider_newer_than_the_library_is_judged_by_the_servers_schema(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, at = Server(), Sandbox().in_an_hour()
    settings = {"size": "5", "tone": "shrill"}
    async with client_of(server) as postiz:
        with caplog.at_level(logging.WARNING, "postiz_async"):
            await postiz.posts.schedule(NewPost(NEW, "Hello", settings=settings), at=at)
        said = "\n".join(record.message for record in caplog.records)
        assert "posts.0.settings.place: is required by the server's schema" in said
        assert "posts.0.settings.size: is a number in the server's schema" in said
        assert "posts.0.settings.tone: is one of ['loud', 'soft'], not 'shrill'" in said
        with pytest.raises(InvalidPostError, match="of 50 characters"):
            await postiz.posts.schedule(NewPost(NEW, "x" * 51, settings={"place": "a"}), at=at)


async def test_what_is_missing_is_said_once() -> None:
    local = Sandbox()
    reddit, devto = local.add_channel("reddit"), local.add_channel("devto")
    tags = [{"value": "javascript", "label": "JS"}]
    async with local.client() as postiz:
        with pytest.raises(InvalidPostError) as caught:
            await postiz.posts.schedule(
                NewPost(reddit, "Hello", settings={"subreddit": [{"value": {}}]}),
                NewPost(devto, "Hello", settings={"title": "T", "tags": tags}),
                at=local.in_an_hour(),
            )
    path = "posts.0.settings.subreddit.0.value."
    needed = ["subreddit", "title", "type", "is_flair_required"]
    assert [(each.where, each.hint) for each in caught.value.problems] == [
        *((path + name, "is missing") for name in needed),
        ("posts.1.settings.title", "has 1"),
        ("posts.1.settings.tags.0.value", "'javascript' was given"),
    ]


def to_reddit(kind: str) -> dict[str, object]:
    target = {"subreddit": "/r/x", "title": "tt", "type": kind, "is_flair_required": False}
    return {"subreddit": [{"value": target}]}


@pytest.mark.parametrize("kind", ["image", "video", "videogif"])
async def test_what_reddit_never_publishes_costs_nothing(kind: str) -> None:
    local = Sandbox()
    channel, at = local.add_channel("reddit"), local.in_an_hour()
    async with local.client() as postiz:
        with pytest.raises(InvalidPostError) as caught:
            await postiz.posts.schedule(NewPost(channel, "Hello", settings=to_reddit(kind)), at=at)
        (problem,) = caught.value.problems
        assert problem.where == "posts.0.settings.subreddit.0.value.type"
        assert problem.message == f"'{kind}' is never published: the network refuses it"
        assert problem.hint == "one of self, link, media"
        await postiz.posts.schedule(NewPost(channel, "Hello", settings=to_reddit("self")), at=at)
    assert len(local.creates) == 1


async def test_a_type_that_only_old_servers_take_is_advised_against(
    caplog: pytest.LogCaptureFixture,
) -> None:
    local = Sandbox()
    post = NewPost(local.add_channel("reddit"), "Hello", settings=to_reddit("selff"))
    async with local.client() as postiz:
        await postiz.posts.schedule(post, at=local.in_an_hour())
    (said,) = caplog.messages
    assert "type: 'selff' is not known: newer servers refuse it (did you mean 'self'?)" in said


@pytest.mark.parametrize("validate", [True, False])
async def test_a_body_that_is_no_struct_is_a_problem(*, validate: bool) -> None:
    local = Sandbox()
    body: Any = {"type": "now", "posts": []}
    async with local.client() as postiz:
        with pytest.raises(InvalidPostError, match=r"body: is a dict \(a PostRequest is expected"):
            await postiz.posts.send(body, validate=validate)
