"""What a waiting call keeps in memory: its task, its place and its request, once."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from datetime import UTC, datetime

import pytest

from postiz_async import AdvancedOptions, NewPost, Postiz, PostRequest
from postiz_async._wire import WireRequest, WireResponse

AT = datetime(2090, 1, 1, tzinfo=UTC)
CHANNELS = b'[{"id":"c1","name":"News","identifier":"mastodon","picture":"","disabled":false}]'
CALLS = 300


class UsedUp:
    """A server with one channel, whose window is used up after the first create."""

    async def send(self, request: WireRequest) -> WireResponse:
        headers = {"content-type": "application/json"}
        if request.method == "GET":
            return WireResponse(200, headers, CHANNELS)
        headers["x-ratelimit-limit"] = "30"
        headers["x-ratelimit-remaining"] = "0"
        headers["x-ratelimit-reset"] = "3600"
        return WireResponse(201, headers, b'[{"postId":"p","integration":"c1"}]')

    async def aclose(self) -> None:
        """There is nothing to close."""


def body(text: str) -> PostRequest:
    return PostRequest.from_dict(
        {
            "type": "schedule",
            "date": "2090-01-01T00:00:00.000Z",
            "shortLink": False,
            "tags": [],
            "posts": [
                {
                    "integration": {"id": "c1"},
                    "value": [{"content": f"<p>{text}</p>", "image": []}],
                    "settings": {"__type": "mastodon"},
                }
            ],
        }
    )


@pytest.mark.parametrize(("name", "most"), [("create", 3_500), ("schedule", 4_000)])
async def test_a_waiting_call_keeps_little(name: str, most: int) -> None:
    async with Postiz(
        api_key=f"waiting-{name}",
        base_url="http://x.invalid",
        advanced=AdvancedOptions(transport=UsedUp()),
    ) as postiz:
        calls: dict[str, Callable[[str], Coroutine[object, object, object]]] = {
            "create": lambda text: postiz.posts.send(body(text)),
            "schedule": lambda text: postiz.posts.schedule(NewPost("c1", text), at=AT),
        }
        make = calls[name]
        await make("the one that goes")
        gc.collect()
        tracemalloc.start()
        try:
            tasks = [asyncio.create_task(make(f"We are open, {n}.")) for n in range(CALLS)]
            async with aclosing(postiz.quota_changes()) as changes:
                async for quota in changes:
                    if quota.queued.interactive == CALLS:
                        break
            gc.collect()
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert kept / CALLS <= most
