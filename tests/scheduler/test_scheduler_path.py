"""How many hands a call passes: each takes time, most of it where nothing is in a cache."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import pytest

import postiz_async
from postiz_async import AdvancedOptions, NewPost, Postiz
from postiz_async._wire import WireRequest, WireResponse

PACKAGE = str(Path(postiz_async.__file__).parent)
START, END, AT = (datetime(year, 1, 1, tzinfo=UTC) for year in (2030, 2031, 2090))
CHANNELS = b'[{"id":"c1","name":"News","identifier":"mastodon","picture":"","disabled":false}]'
CREATED = b'[{"postId":"p","integration":"c1"}]'


class Answering:
    """Answers at once, as a server of today does."""

    left = 90

    async def send(self, request: WireRequest) -> WireResponse:
        headers = {"content-type": "application/json", "date": "Thu, 26 Nov 2026 19:57:03 GMT"}
        if request.method == "GET":
            body = CHANNELS if request.url.endswith("/integrations") else b'{"posts":[]}'
            return WireResponse(200, headers, body)
        self.left -= 1
        headers["x-ratelimit-limit"] = "90"
        headers["x-ratelimit-remaining"] = str(self.left)
        headers["x-ratelimit-reset"] = "3600"
        return WireResponse(201, headers, CREATED)

    async def aclose(self) -> None:
        """There is nothing to close."""


async def hands(call: Callable[[], Awaitable[object]]) -> int:
    """Functions of the package that a call enters, comprehensions left out, the second time."""
    entered = 0

    def see(frame: FrameType, event: str, _: object) -> None:
        nonlocal entered
        code = frame.f_code
        is_ours = code.co_filename.startswith(PACKAGE) and not code.co_name.startswith("<")
        entered += event == "call" and is_ours

    await call()
    before = sys.getprofile()
    sys.setprofile(see)
    try:
        await call()
    finally:
        sys.setprofile(before)
    return entered


@pytest.mark.parametrize(("name", "most"), [("list", 31), ("unchecked", 91), ("schedule", 142)])
async def test_a_call_passes_few_hands(name: str, most: int) -> None:
    post = NewPost("c1", "We open our shop at noon.")
    async with Postiz(
        api_key=f"key-of-{name}",
        base_url="http://x.invalid",
        advanced=AdvancedOptions(transport=Answering()),
    ) as postiz:
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "list": lambda: postiz.posts.list(start=START, end=END),
            "unchecked": lambda: postiz.posts.schedule(post, at=AT, validate=False),
            "schedule": lambda: postiz.posts.schedule(post, at=AT),
        }
        found = await hands(calls[name])
    assert found <= most
