from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from postiz_async.clock import JumpingClock
from postiz_async.sandbox import Request, Response, Sandbox

Send = Callable[..., Any]


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock(start=1_795_500_000.0)


@pytest.fixture
async def sandbox(clock: JumpingClock) -> AsyncIterator[Sandbox]:
    async with Sandbox(clock=clock, tags=["launch"]) as made:
        made.add_integration("mastodon", id="cmmastodon000000000000001")
        made.add_integration("telegram", id="cmtelegram000000000000001", customer="Acme")
        yield made


def request(
    method: str, path: str, body: object = None, *, key: str | None = "sandbox", **query: str
) -> Request:
    headers = {} if key is None else {"authorization": key}
    if body is not None:
        headers["content-type"] = "application/json"
    data = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
    return Request(method, f"/public/v1{path}", tuple(query.items()), headers, data)


def new_post(content: str = "hello", **changes: Any) -> dict[str, Any]:
    """The body of a create call; `integration` and `entries` go to its one post."""
    integration = changes.pop("integration", "cmmastodon000000000000001")
    texts = [content, *changes.pop("thread", [])]
    post: dict[str, Any] = {
        "integration": {"id": integration},
        "value": [{"content": text, "image": []} for text in texts],
    }
    for name in ("settings", "group"):
        if name in changes:
            post[name] = changes.pop(name)
    body = {"type": "schedule", "date": "2030-01-15T10:00:00.000Z", "shortLink": False}
    return body | {"tags": [], "posts": [post]} | changes


@pytest.fixture
def send(sandbox: Sandbox) -> Send:
    async def call(method: str, path: str, body: object = None, **options: Any) -> Response:
        return await sandbox.handle(request(method, path, body, **options))

    return call
