"""Calls a second of `posts.list` with a small answer, one and fifty at a time.

Goal: at least 0.97 of bare aiohttp that sends the same bytes and decodes with msgspec, one at a
time, and 0.88 of it at fifty. Baselines in the same run: bare aiohttp + msgspec, and httpx2 where
it is installed. The server is a process of its own on loopback that answers with fixed bytes.
Politeness is off. Run: python benchmarks/calls_per_second.py
"""

from __future__ import annotations

import asyncio
import importlib.util
import statistics
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aiohttp
import msgspec
from figures import Figure, note

from postiz_async import AdvancedOptions, Postiz
from postiz_async._scheduler.attempt import user_agent
from postiz_async.models.posts import PostList

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ROUNDS = 7
CALLS = 600
GOALS = {1: 0.97, 50: 0.88}
"""Of bare aiohttp, by how many calls there are at once."""

BARE, OURS = "bare aiohttp + msgspec", "this client"
KEY = "4f9c02e7d1b8a3650f4c1e97b2d8a6035e71c94f2a08d6b34f9c02e7d1b8a365"
"""As long as real keys are: an answer is searched for it."""

START = datetime(2030, 1, 1, tzinfo=UTC)
END = datetime(2030, 1, 2, tzinfo=UTC)
QUERY = "?startDate=2030-01-01T00:00:00.000Z&endDate=2030-01-02T00:00:00.000Z"

SERVER = """
import asyncio, json
from aiohttp import web
post = {"id": "cmwv9y2sf001xp27d1usy9a4m", "content": "Hello", "state": "QUEUE",
        "publishDate": "2030-01-15T10:00:00.000Z", "tags": [], "group": "g",
        "integration": {"id": "c", "providerIdentifier": "mastodon", "name": "n"}}
body = json.dumps({"posts": [post] * 2}).encode()
async def answer(request):
    return web.Response(body=body, content_type="application/json")
async def main():
    app = web.Application()
    app.router.add_get("/public/v1/posts", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def headers_of(key: str) -> dict[str, str]:
    """What the client sends with each request: a baseline sends the same bytes."""
    return {"Authorization": key, "User-Agent": user_agent(), "Accept": "application/json"}


async def rate(call: Callable[[], Awaitable[object]], at_once: int) -> float:
    """Calls a second with `at_once` callers."""
    left = iter(range(CALLS))

    async def caller() -> None:
        for _ in left:
            await call()

    start = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(at_once)))
    return CALLS / (time.perf_counter() - start)


def main() -> None:
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            asyncio.run(compare(f"http://127.0.0.1:{port}"))
        finally:
            server.terminate()


async def compare(url: str) -> None:
    async with AsyncExitStack() as stack:
        postiz = await stack.enter_async_context(
            Postiz(api_key=KEY, base_url=url, advanced=AdvancedOptions(politeness=None))
        )
        session = await stack.enter_async_context(aiohttp.ClientSession())
        decoder = msgspec.json.Decoder(PostList)
        target = f"{url}/public/v1/posts{QUERY}"
        headers = headers_of(KEY)

        async def with_aiohttp() -> object:
            async with session.get(target, headers=headers) as response:
                return decoder.decode(await response.read())

        ways: dict[str, Callable[[], Awaitable[object]]] = {
            BARE: with_aiohttp,
            OURS: lambda: postiz.posts.list(start=START, end=END),
        }
        if importlib.util.find_spec("httpx2") is not None:
            import httpx2  # noqa: PLC0415

            client = await stack.enter_async_context(httpx2.AsyncClient())

            async def with_httpx2() -> object:
                return decoder.decode((await client.get(target, headers=headers)).content)

            ways["httpx2 + msgspec"] = with_httpx2
        for at_once, goal in GOALS.items():
            rates: dict[str, list[float]] = {name: [] for name in ways}
            for number in range(ROUNDS + 1):
                for name, way in ways.items():
                    measured = await rate(way, at_once)
                    if number:  # the first round warms up
                        rates[name].append(measured)
            print(f"{at_once} at a time, {CALLS} calls, median of {ROUNDS}")
            base = rates[BARE]
            for name, found in rates.items():
                ratio = statistics.median(a / b for a, b in zip(found, base, strict=True))
                print(f"  {name:24} {statistics.median(found):8.0f} /s   {ratio:5.2f} x bare")
            ratio = statistics.median(a / b for a, b in zip(rates[OURS], base, strict=True))
            bare = statistics.median(base)
            figure = note(
                Figure(
                    name=f"posts.list, {at_once} at a time",
                    value=ratio * bare,
                    unit="/s",
                    baseline=BARE,
                    base=bare,
                    compared="ratio",
                    target=goal,
                    better="more",
                )
            )
            print(f"  goal {figure.goal}")


if __name__ == "__main__":
    main()
