"""What a client of a pool keeps after it was used: a pool may have ten thousand."""

from __future__ import annotations

import gc
import json
import tracemalloc
from datetime import UTC, datetime

from postiz_async import AdvancedOptions, NewPost, PostizPool
from postiz_async._wire import WireRequest, WireResponse

CLIENTS = 200
AT = datetime(2090, 1, 1, tzinfo=UTC)
CHANNELS = [
    {
        "id": f"cmwv9y2sf001xp27d1usy9a{number:02}",
        "name": f"Channel {number}",
        "identifier": "mastodon",
        "picture": f"https://uploads.example.com/{number}.png",
        "disabled": False,
        "profile": f"channel-{number}",
        "customer": {"id": "cmwv9y2sf001xp27d1usy9c01", "name": "A customer"},
    }
    for number in range(10)
]


class Server:
    """Ten channels in each organisation."""

    async def send(self, request: WireRequest) -> WireResponse:
        headers = {"content-type": "application/json"}
        if request.method == "GET":
            return WireResponse(200, headers, json.dumps(CHANNELS).encode())
        rate = {"limit": "30", "remaining": "20", "reset": "3600"}
        headers |= {f"x-ratelimit-{name}": value for name, value in rate.items()}
        answer = b'[{"postId":"p","integration":"cmwv9y2sf001xp27d1usy9a00"}]'
        return WireResponse(201, headers, answer)

    async def aclose(self) -> None:
        """There is nothing to close."""


async def test_a_used_client_keeps_little() -> None:
    async with PostizPool(
        base_url="http://x.invalid", advanced=AdvancedOptions(transport=Server())
    ) as pool:

        async def use(number: int) -> None:
            postiz = await pool.client(f"key-of-organisation-{number}")
            await postiz.posts.schedule(NewPost("Channel 0", "We are open."), at=AT)

        await use(-1)
        gc.collect()
        tracemalloc.start()
        try:
            for number in range(CLIENTS):
                await use(number)
            gc.collect()
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert kept / CLIENTS <= 16_000
