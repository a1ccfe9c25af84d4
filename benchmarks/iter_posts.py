"""`posts.list` over a year of 50,000 posts, beside reading and decoding the same bytes.

Goals: at least 0.9 of the speed of bare aiohttp that asks for the same ranges, one after the other,
and decodes them with msgspec into the same types; the first post is there after one answer. The two
take turns. The server is a process of its own on loopback with its answers made before. Run:
python benchmarks/iter_posts.py [--posts 50000] [--rounds 7]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
import msgspec
from figures import Figure, note

from postiz_async import AdvancedOptions, Postiz
from postiz_async.models.posts import PostList

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

KEY = "4f9c02e7d1b8a3650f4c1e97b2d8a6035e71c94f2a08d6b34f9c02e7d1b8a365"
"""As long as real keys are: an answer is searched for it."""

START, END = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 12, 31, 23, 59, tzinfo=UTC)
HEADERS = {"Authorization": KEY}

SERVER = """
import asyncio, json, sys
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta
from functools import cache
from aiohttp import web
count = int(sys.argv[1])
start, each = datetime(2030, 1, 1, tzinfo=UTC), timedelta(days=364.9) / count
dates = [(start + n * each).isoformat(timespec="milliseconds")[:23] + "Z" for n in range(count)]
def entry(n):
    text = f"<p>Post number {n}, with a text of some length and a link https://example.com/{n}.</p>"
    return json.dumps({
        "id": f"cmwv9y2sf{n:05d}p27d1usy9a4m", "content": text * 2, "publishDate": dates[n],
        "releaseURL": None, "releaseId": None, "state": "QUEUE", "intervalInDays": None,
        "group": f"53c61b97-f276-4b06-816b-{n:012d}", "creationMethod": "API",
        "settings": '{"__type":"mastodon","client_ref":"abcdefghijkl"}',
        "tags": [{"tag": {"id": "t1", "name": "promo", "color": "#ff0000", "orgId": "o1"}}],
        "integration": {"id": "cmmastodon000000000000001", "providerIdentifier": "mastodon",
                        "name": "northwind@mastodon.social", "picture": "https://example.com/m.png"}})
entries = [entry(n) for n in range(count)]
asked = []
@cache
def body(first, last):
    low, high = bisect_left(dates, first), bisect_right(dates, last)
    return ('{"posts": [' + ",".join(entries[low:high]) + "]}").encode()
async def answer(request):
    asked.append(str(request.rel_url))
    data = body(request.query["startDate"], request.query["endDate"])
    return web.Response(body=data, content_type="application/json")
async def tell(request):
    told = asked[:]
    asked.clear()
    return web.json_response(told)
async def main():
    app = web.Application()
    app.router.add_get("/public/v1/posts", answer)
    app.router.add_get("/asked", tell)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def walked(postiz: Postiz) -> int:
    count = 0
    async for _ in postiz.posts.list(start=START, end=END):
        count += 1
    return count


async def first(postiz: Postiz) -> None:
    posts = aiter(postiz.posts.list(start=START, end=END))
    await anext(posts)
    await posts.aclose()


async def read(session: aiohttp.ClientSession, urls: list[str]) -> int:
    decoder, count = msgspec.json.Decoder(PostList), 0
    for url in urls:
        async with session.get(url, headers=HEADERS) as response:
            for _ in decoder.decode(await response.read()).posts:
                count += 1
    return count


async def asked(session: aiohttp.ClientSession, url: str) -> list[str]:
    """What the server was asked for since the last time."""
    async with session.get(f"{url}/asked") as response:
        return [url + path for path in await response.json()]


async def timed(work: Callable[[], Coroutine[object, object, int]], count: int) -> float:
    began = time.perf_counter()
    assert await work() == count
    return time.perf_counter() - began


async def compare(url: str, count: int, rounds: int) -> None:
    async with (
        Postiz(api_key=KEY, base_url=url, advanced=AdvancedOptions(politeness=None)) as postiz,
        aiohttp.ClientSession() as session,
    ):
        await first(postiz)
        before_first = len(await asked(session, url))
        assert await walked(postiz) == count
        urls = await asked(session, url)
        ours, bare = list[float](), list[float]()
        ways = [(ours, partial(walked, postiz)), (bare, partial(read, session, urls))]
        for number in range(rounds + 1):
            for times, work in ways if number % 2 else reversed(ways):
                times.append(await timed(work, count))
    ours, bare = ours[1:], bare[1:]  # the first round warms up
    base = count / statistics.median(bare)
    ratio = statistics.median(b / a for a, b in zip(ours, bare, strict=True))
    speed = Figure(
        name="posts of a year by posts.list",
        value=ratio * base,
        unit="/s",
        baseline="bare aiohttp + msgspec, same ranges",
        base=base,
        compared="ratio",
        target=0.9,
        better="more",
    )
    answers = Figure(
        name="answers until the first post", value=before_first, unit="answers", target=1
    )
    print(f"{count:,} posts of a year in {len(urls)} answers, median of {rounds}")
    print(f"  bare aiohttp + msgspec {base:10,.0f} posts a second")
    print(f"  posts.list             {speed.value:10,.0f}   {ratio:.2f} x bare ({speed.goal})")
    print(f"  answers until the first post: {before_first} ({answers.goal})")
    note(speed)
    note(answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    command = [sys.executable, "-c", SERVER, str(options.posts)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            asyncio.run(compare(f"http://127.0.0.1:{port}", options.posts, options.rounds))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
