"""What a refusal means is said where the server's words do not tell it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

import postiz_async
from postiz_async import (
    AdvancedOptions,
    DeliveryUnknownError,
    Postiz,
    PostRequest,
    ServerError,
    _wire as wire,
)
from postiz_async._sandbox import Fault
from postiz_async._wire import WireResponse, endpoints
from postiz_async._wire.endpoints import Endpoint
from postiz_async.clock import JumpingClock
from postiz_async.errors import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ChannelTokenError,
    ConfigurationError,
    PostizError,
)
from postiz_async.testing import Sandbox

CRASH = {"statusCode": 500, "message": "Internal server error"}


def refusal(endpoint: Endpoint[Any], status: int, body: object) -> PostizError:
    response = WireResponse(status, {"content-type": "application/json"}, json.dumps(body).encode())
    with pytest.raises(PostizError) as caught:
        wire.decode(endpoint, response)
    return caught.value


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SET_RELEASE_ID", "no post with this id, and when the post has an id on its network"),
        ("CHANNEL_ANALYTICS", "no channel with this id: `postiz-async channels` lists"),
        ("DELETE_CHANNEL", "no channel with this id: `postiz-async channels` lists"),
        ("VIDEO_FUNCTION", "lacks the key of the service that the generator asks"),
        ("CREATE_POST", "when `posts` is not a list"),
        ("CHANNEL_SETTINGS", "no channel with this id: `postiz-async channels` lists"),
    ],
)
def test_a_bare_500_says_what_it_means_on_its_route(name: str, words: str) -> None:
    endpoint: Endpoint[Any] = getattr(endpoints, name)
    error = refusal(endpoint, 500, CRASH)
    assert isinstance(error, ServerError)
    assert words in " ".join(str(error).split())
    told = refusal(endpoint, 500, {"statusCode": 500, "message": "AI generation failed"})
    assert words not in " ".join(str(told).split()), "what has words of its own keeps them"


def test_a_bare_500_of_another_route_means_nothing_more() -> None:
    assert str(refusal(endpoints.LIST_POSTS, 500, CRASH)) == "500: Internal server error"


def test_a_server_without_the_keys_of_a_network_says_so() -> None:
    error = refusal(endpoints.CONNECT_URL, 500, {"msg": "Failed to generate auth URL"})
    assert isinstance(error, ServerError)
    assert error.hint == (
        "Mostly this server lacks the keys of an application on this network: whoever runs it has "
        "to set them up."
    )


def test_no_generator_is_enabled() -> None:
    said = {"message": ["type must be any of: "], "error": "Bad Request", "statusCode": 400}
    assert "has no video generator" in str(refusal(endpoints.GENERATE_VIDEO, 400, said))
    said["message"] = ["type must be any of: veo3"]
    assert "no video generator" not in str(refusal(endpoints.GENERATE_VIDEO, 400, said))


@pytest.mark.parametrize(
    ("endpoint", "status", "said", "kind", "words"),
    [
        (
            endpoints.OAUTH_TOKEN,
            401,
            {"error": "invalid_client"},
            AuthenticationError,
            "client id (pca_...) or the client secret (pcs_...)",
        ),
        (
            endpoints.OAUTH_TOKEN,
            400,
            {"error": "invalid_grant"},
            BadRequestError,
            "used before or is older than ten minutes",
        ),
        (
            endpoints.IS_CONNECTED,
            401,
            {"msg": "Invalid OAuth token"},
            AuthenticationError,
            "replaced or revoked: each new approval ends the one before",
        ),
        (
            endpoints.IS_CONNECTED,
            401,
            {"msg": "No API Key found"},
            AuthenticationError,
            "may remove the Authorization header",
        ),
        (
            endpoints.TRIGGER_TOOL,
            401,
            {"msg": "Channel disconnected due to expired token"},
            ChannelTokenError,
            "Connect the channel again in Postiz. The API key is fine",
        ),
    ],
)
def test_a_401_that_is_not_about_the_api_key_does_not_send_to_it(
    endpoint: Endpoint[Any], status: int, said: object, kind: type[APIStatusError], words: str
) -> None:
    error = refusal(endpoint, status, said)
    assert type(error) is kind
    text = " ".join(str(error).split())
    assert words in text
    assert "Check the API key" not in text


def test_a_wrong_key_is_still_a_wrong_key() -> None:
    assert "Check the API key" in str(
        refusal(endpoints.IS_CONNECTED, 401, {"msg": "Invalid API key"})
    )


@pytest.mark.parametrize(
    ("kind", "body"), [("application/json", b'{"message": "Forbidden"}'), ("text/html", b"<html>")]
)
def test_a_403_comes_from_something_in_front_of_postiz(kind: str, body: bytes) -> None:
    error = wire.failure(WireResponse(403, {"content-type": kind}, body))
    assert isinstance(error, APIStatusError)
    assert not isinstance(error, BadRequestError)
    assert type(error) is postiz_async.PermissionDeniedError
    assert "firewall or proxy in front of it" in str(error)


def test_a_304_is_no_redirect() -> None:
    error = wire.failure(WireResponse(304, {}, b""))
    assert isinstance(error, ConfigurationError)
    assert "304 (not modified)" in str(error)
    assert "cache" in str(error)
    assert "redirect" not in str(error)
    assert "base URL" not in str(error)


# ------------------------------------------------------------------ through a client


@pytest.fixture
async def local() -> AsyncIterator[Postiz]:
    made = Sandbox()
    async with made.client() as postiz:
        yield postiz


CALLS: dict[str, Callable[[Postiz], Awaitable[object]]] = {
    "release id": lambda postiz: postiz.posts.set_release_id("nope", "7"),
    "analytics": lambda postiz: postiz.analytics.channel("c" * 25),
    "delete": lambda postiz: postiz.channels.delete("c" * 25),
}


@pytest.mark.parametrize("call", CALLS)
async def test_an_unknown_id_is_told_also_after_the_repetitions(local: Postiz, call: str) -> None:
    with pytest.raises(ServerError, match=r"(?s)500: Internal server error\n.*with this id"):
        await CALLS[call](local)


async def test_a_create_that_crashes_the_server_says_how_that_comes_about() -> None:
    made = Sandbox()
    made.add_fault(Fault("error_before", route="create_post"))
    body = PostRequest(
        type="draft", date="2031-01-15T09:00:00.000Z", posts=[], short_link=False, tags=[]
    )
    async with made.client() as postiz:
        with pytest.raises(DeliveryUnknownError, match="when `posts` is not a list"):
            await postiz.posts.send(body, validate=False)


async def test_a_tool_whose_network_fails_says_so() -> None:
    made = Sandbox()
    channel = made.add_channel("discord")
    made.change_channel(channel.id, failure="unreachable")
    async with made.client() as postiz:
        with pytest.raises(ServerError, match="500: Unexpected error") as caught:
            await postiz.channels.trigger(channel, "channels")
    assert caught.value.hint == (
        "The network refused what the tool asked, or did not answer. `postiz-async channels "
        "settings` shows what the tool takes; else try again later."
    )


async def test_https_on_a_port_without_tls_suggests_http() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response([])

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host = f"127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with Postiz(
            api_key="k", base_url=f"https://{host}", advanced=AdvancedOptions(clock=JumpingClock())
        ) as postiz:
            with pytest.raises(postiz_async.APIConnectionError) as caught:
                await postiz.channels.list()
    finally:
        await runner.cleanup()
    assert f"If that is intended, use http://{host}" in str(caught.value)


CONTAINER = "Your base URL probably lacks /api"
NGINX = "<html><head><title>400 {0}</title></head><center>{0}</center><hr>nginx</html>"


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (400, {}, NGINX.format("No required SSL certificate was sent"), "ssl= takes"),
        (400, {}, NGINX.format("The SSL certificate error"), "does not accept the client cert"),
        (400, {}, NGINX.format("The plain HTTP request was sent to HTTPS port"), "Use https://"),
        (401, {"www-authenticate": "Basic"}, "<title>401 Authorization</title>", "POSTIZ_HEADERS"),
        (302, {"location": "https://acme.example.com/cdn-cgi/access/login"}, "", "POSTIZ_HEADERS"),
    ],
)
def test_what_a_gateway_wants_is_said_in_place_of_a_base_url_that_is_wrong(
    status: int, headers: dict[str, str], body: str, said: str
) -> None:
    response = WireResponse(status, {"content-type": "text/html", **headers}, body.encode())
    error = wire.failure(response)
    assert isinstance(error, postiz_async.ConfigurationError)
    assert said in str(error)
    assert CONTAINER not in str(error)
    own = WireResponse(302, {"location": "https://postiz.example.com/auth"}, b"")
    assert CONTAINER in str(wire.failure(own)), "so Postiz itself sends people to log in"


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (
            b"<html><TITLE lang=en>\n Access\tdenied &amp; logged\n</TITLE>",
            "Access denied & logged",
        ),
        (b"<title>\x1b[31mOops\xff</title>", "[31mOops\ufffd"),
        (b"<title>" + b"a" * 500 + b"</title>", "a" * 100),
        (b"<title>  </title>", "(HTTP 403 without a text)"),
    ],
)
def test_the_title_of_a_page_is_what_it_says(page: bytes, said: str) -> None:
    error = wire.failure(WireResponse(403, {"content-type": "text/html"}, page))
    assert isinstance(error, APIStatusError)
    assert error.text == said
    assert "POSTIZ_HEADERS" in error.hint
    wrong = wire.failure(WireResponse(404, {"content-type": "text/html"}, page))
    assert "a web page (404" in str(wrong)
