"""Answers that are not recorded, but were seen on the running server (contract/additions.md)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sandbox_calls import MASTODON, Send, create, item, png, request

from postiz_async._sandbox import HttpRequest, MemoryServer, Response
from postiz_async.clock import JumpingClock
from postiz_async.providers import PROVIDERS

ADVISED = {
    *("x", "linkedin", "linkedin-page", "facebook", "instagram", "instagram-standalone"),
    *("pinterest", "youtube", "tiktok", "tiktok-business", "bluesky", "gmb", "wrapcast"),
}
INTERNAL = {"statusCode": 500, "message": "Internal server error"}
JSON = {"content-type": "application/json"}


def picture(name: str) -> dict[str, str]:
    return {"id": name, "path": f"https://cdn.example.com/{name}.png"}


async def described(sandbox: MemoryServer, provider: str) -> dict[str, Any]:
    channel = sandbox.add_channel(provider)
    response = await sandbox.handle(request("GET", f"/integration-settings/{channel.id}"))
    output: dict[str, Any] = msgspec.json.decode(response.body)["output"]
    return output


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_rules_in_words_are_told_for_some_networks(
    sandbox: MemoryServer, provider: str
) -> None:
    rules = (await described(sandbox, provider))["rules"]
    assert rules.strip() if provider in ADVISED else rules == ""


@pytest.mark.parametrize("provider", ["instagram", "instagram-standalone"])
async def test_a_trial_reel_has_no_type(sandbox: MemoryServer, provider: str) -> None:
    properties = (await described(sandbox, provider))["settings"]["properties"]
    assert properties["is_trial_reel"] == {}
    assert all(schema for name, schema in properties.items() if name != "is_trial_reel")


@pytest.mark.parametrize(
    ("settings", "messages"),
    [
        (
            {},
            [
                "title should not be null or undefined",
                "Title is required",
                "title must be a string",
            ],
        ),
        ({"title": ""}, ["Title is required"]),
        ({"title": ["t"]}, ["Title is required", "title must be a string"]),
    ],
)
async def test_own_words_replace_those_of_one_rule(
    sandbox: MemoryServer, settings: dict[str, object], messages: list[str]
) -> None:
    channel = sandbox.add_channel("dribbble")
    body = create(item(to=channel.id, image=[picture("a")], settings=settings))
    response = await sandbox.handle(request("POST", "/posts", body))
    assert response.status == 400
    assert response.json()["message"] == [f"posts.0.settings.{each}" for each in messages]


@pytest.mark.parametrize(("given", "status"), [(["p1"], 400), (None, 201), (7, 201), ("", 201)])
async def test_the_id_of_a_part_is_a_text_or_nothing(
    sandbox: MemoryServer, given: object, status: int
) -> None:
    channel = sandbox.add_channel("mastodon")
    response = await sandbox.handle(
        request("POST", "/posts", create(item(to=channel.id, first={"id": given})))
    )
    assert response.status == status
    if status == 400:
        assert response.json()["message"] == ["posts.0.value.0.id must be a string"]


async def test_a_page_that_is_no_number(send: Send) -> None:
    response = await send("GET", "/notifications", page="abc")
    assert response.status == 400
    assert response.json()["message"] == [
        "page must not be less than 0",
        "page must be a number conforming to the specified constraints",
    ]
    for low in ("-1", "-1.5"):
        response = await send("GET", "/notifications", page=low)
        assert response.json()["message"] == ["page must not be less than 0"]


@pytest.mark.parametrize(
    ("path", "query", "message"),
    [
        ("/public/v1/posts", "startDate", "startDate must be a valid ISO 8601 date string"),
        ("/public/v1/posts", "endDate", "endDate must be a valid ISO 8601 date string"),
        ("/public/v1/posts", "customer", "customer must be a string"),
        ("/oauth/authorize", "client_id", "client_id must be a string"),
        (
            "/oauth/authorize",
            "response_type",
            "response_type must be one of the following values: code",
        ),
    ],
)
async def test_a_repeated_parameter_is_a_list(
    sandbox: MemoryServer, path: str, query: str, message: str
) -> None:
    given = {"startDate": "2030-01-01T00:00:00Z", "endDate": "2030-01-02T00:00:00Z"}
    given |= {"customer": "c1", "client_id": "x", "response_type": "code"}
    pairs = ((query, given[query]), *given.items())
    response = await sandbox.handle(HttpRequest("GET", path, pairs, {"authorization": "sandbox"}))
    assert response.status == 400
    assert response.json()["message"] == [message]


async def test_parameters_whose_repetition_is_not_looked_at(sandbox: MemoryServer) -> None:
    headers = {"authorization": "sandbox"}
    pages = HttpRequest("GET", "/public/v1/notifications", (("page", "1"), ("page", "x")), headers)
    assert (await sandbox.handle(pages)).json()["page"] == 1
    days = (("date", "7"), ("date", "7"))
    numbers = HttpRequest("GET", f"/public/v1/analytics/{MASTODON}", days, headers)
    assert (await sandbox.handle(numbers)).json() == []


# ------------------------------------------------------------------ methods


async def ask(sandbox: MemoryServer, method: str, path: str, **headers: str) -> Response:
    return await sandbox.handle(HttpRequest(method, path, (), headers))


@pytest.mark.parametrize(
    ("path", "key"),
    [("integrations", "sandbox"), ("integrations", "wrong"), ("nope", "sandbox")],
)
async def test_head_is_a_get_without_its_body(sandbox: MemoryServer, path: str, key: str) -> None:
    asked = await ask(sandbox, "GET", f"/public/v1/{path}", authorization=key)
    head = await ask(sandbox, "HEAD", f"/public/v1/{path}", authorization=key)
    assert asked.body
    assert head.body == b""
    assert head.status == asked.status
    different = {"Content-Length"} if path == "nope" else set[str]()  # it names the method
    for name in dict(asked.headers).keys() - different:
        assert head.header(name) == asked.header(name), name
    assert head.header("Content-Length") is not None


# ------------------------------------------------------------------ OAuth of public clients


async def registered(sandbox: MemoryServer) -> str:
    body = {"client_name": "CLI", "redirect_uris": ["http://127.0.0.1:8123/cb"]}
    call = HttpRequest("POST", "/oauth/register", (), JSON, msgspec.json.encode(body))
    return str((await sandbox.handle(call)).json()["client_id"])


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, None),
        ({"code_challenge": None}, "code_challenge is required for this client"),
        ({"redirect_uri": "http://127.0.0.1:8123/other"}, "Invalid redirect_uri"),
        ({"redirect_uri": "https://evil.example/cb"}, "Invalid redirect_uri"),
    ],
)
async def test_what_a_public_client_has_to_say(
    sandbox: MemoryServer, method: str, changes: dict[str, str | None], message: str | None
) -> None:
    asked = {"client_id": await registered(sandbox), "response_type": "code", "state": "s"}
    asked |= {"redirect_uri": "http://127.0.0.1:8123/cb", "code_challenge": "w" * 43} | changes
    said = {name: value for name, value in asked.items() if value is not None}
    if method == "GET":
        call = HttpRequest("GET", "/oauth/authorize", tuple(said.items()))
    else:
        headers = JSON | {"auth": sandbox.organization.session}
        body = msgspec.json.encode(said | {"action": "approve"})
        call = HttpRequest("POST", "/oauth/authorize", (), headers, body)
    response = await sandbox.handle(call)
    if message is None:
        assert response.status == (200 if method == "GET" else 201)
    else:
        assert response.status == 400
        assert response.json() == {"statusCode": 400, "message": message}


async def test_an_app_with_a_secret_needs_neither(sandbox: MemoryServer) -> None:
    app = sandbox.add_oauth_app("Reader", "https://app.example/callback")
    query = (("client_id", app.client_id), ("response_type", "code"), ("redirect_uri", "https://x"))
    response = await sandbox.handle(HttpRequest("GET", "/oauth/authorize", query))
    assert response.json()["app"]["redirectUrl"] == "https://app.example/callback"


# ------------------------------------------------------------------ 500 and 400 without much said


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/posts/{}/release-id", {"releaseId": "7"}),
        ("GET", "/analytics/{}", None),
        ("DELETE", "/integrations/{}", None),
    ],
)
@pytest.mark.parametrize("is_foreign", [False, True], ids=["unknown", "foreign"])
async def test_bare_500s_that_mean_not_found(
    sandbox: MemoryServer, send: Send, method: str, path: str, body: object, *, is_foreign: bool
) -> None:
    wanted = "unknown"
    if is_foreign:
        other = sandbox.add_organization(api_key="other")
        channel = sandbox.add_channel("x", organization=other)
        made = create(item(to=channel.id, settings={"who_can_reply_post": "everyone"}))
        response = await sandbox.handle(request("POST", "/posts", made, key="other"))
        wanted = response.json()[0]["postId"] if path.startswith("/posts") else channel.id
    response = await send(method, path.format(wanted), body)
    assert (response.status, response.json()) == (500, INTERNAL)


@pytest.mark.parametrize("posts", [{}, {"0": item()}, "posts", 1, True])
async def test_posts_that_are_no_list(send: Send, posts: object) -> None:
    response = await send("POST", "/posts", create() | {"posts": posts})
    assert (response.status, response.json()) == (500, INTERNAL)
    assert response.header("X-RateLimit-Limit"), "it is counted"


@pytest.mark.parametrize("body", [{}, create() | {"posts": None}])
async def test_no_posts_at_all(send: Send, body: object) -> None:
    response = await send("POST", "/posts", body)
    assert response.status == 400
    assert response.json()["message"] == "All posts must have an integration id"


async def test_a_server_without_video_generators() -> None:
    async with MemoryServer(clock=JumpingClock(), video_types=()) as sandbox:
        body = {"type": "veo3", "output": "vertical", "customParams": {"prompt": "p", "images": []}}
        response = await sandbox.handle(request("POST", "/generate-video", body))
        assert response.status == 400
        assert response.json()["message"] == ["type must be any of: "]

        asked = {"identifier": "image-text-slides", "functionName": "loadVoices", "params": {}}
        response = await sandbox.handle(request("POST", "/video/function", asked))
        assert (response.status, response.json()) == (500, INTERNAL)


# ------------------------------------------------------------------ pictures


@pytest.mark.parametrize(("size", "status"), [((800, 600), 201), ((100, 100), 400)])
async def test_an_uploaded_picture_is_measured(
    sandbox: MemoryServer, size: tuple[int, int], status: int
) -> None:
    sandbox.add_remote_file("https://cdn.example.com/a.png", png(*size))
    body = {"url": "https://cdn.example.com/a.png"}
    uploaded = (await sandbox.handle(request("POST", "/upload-from-url", body))).json()
    channel = sandbox.add_channel("dribbble")
    media = [{"id": uploaded["id"], "path": uploaded["path"]}]
    made = create(item(to=channel.id, image=media, settings={"title": "t"}))
    assert (await sandbox.handle(request("POST", "/posts", made))).status == status
