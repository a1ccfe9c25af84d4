"""What a waiting create and a used client of a pool take of memory, through the public calls.

Goals: a `posts.send` that waits for a slot weighs at most 3,000 bytes and a `posts.schedule`
3,500, their tasks included and each with a text of its own; a process in which 100,000 of them wait
never has more than 350 MB; a client of a pool that has sent a post, and knows ten channels, weighs
at most 40,000 bytes. Baselines in the same run: tasks that await a future, and sessions of aiohttp
that have sent the same bytes.

Bytes are those that Python holds after a collection, peaks the largest resident size of a process
of its own; a used client is what that size grows by. The server of the pool is a process of its own
on loopback. Run: python benchmarks/memory.py
"""

from __future__ import annotations

import asyncio
import gc
import resource
import subprocess
import sys
import tracemalloc
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aiohttp
from calls_per_second import headers_of
from figures import Figure, note

from postiz_async import AdvancedOptions, NewPost, Postiz, PostizPool, PostRequest
from postiz_async._wire import WireResponse
from postiz_async.models.posts import ChannelRef, ContentItem, PostItem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from postiz_async._wire import WireRequest

WAITING, WEIGHED, CLIENTS, SESSIONS = 100_000, 10_000, 10_000, 500
AT = datetime(2090, 1, 1, tzinfo=UTC)
CHANNEL = "cmwv9y2sf001xp27d1usy9a4c"
TEXT = "We are open on Sundays from now on, from nine to noon. {}"

SERVER = """
import asyncio, json
HEAD = "HTTP/1.1 %s\\r\\nContent-Type: application/json\\r\\n%sContent-Length: %d\\r\\n\\r\\n"
RATE = "X-RateLimit-Limit: 90\\r\\nX-RateLimit-Remaining: 60\\r\\nX-RateLimit-Reset: 3600\\r\\n"
CREATED = '[{"postId":"cmwv9y2sf001xp27d1usy9a4m","integration":"cmwv9y2sf001xp27d1usy9a4c"}]'
CHANNELS = json.dumps([{
    "id": "cmwv9y2sf001xp27d1usy9a4" + "cdefghijkl"[n], "name": f"Channel {n}",
    "identifier": "mastodon", "picture": f"https://uploads.example.com/{n}.png",
    "disabled": False, "profile": f"channel-{n}",
    "customer": {"id": "cmwv9y2sf001xp27d1usy9b00", "name": "A customer"},
} for n in range(10)])
created = (HEAD % ("201 Created", RATE, len(CREATED)) + CREATED).encode()
channels = (HEAD % ("200 OK", "", len(CHANNELS)) + CHANNELS).encode()
class Answering(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.got = transport, b""
    def data_received(self, data):
        self.got += data
        head, end, rest = self.got.partition(b"\\r\\n\\r\\n")
        length = head.lower().partition(b"content-length: ")[2].split(b"\\r\\n")[0]
        if end and len(rest) >= int(length or 0):
            self.got = b""
            self.transport.write(channels if head.startswith(b"GET") else created)
async def main():
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


# ------------------------------------------------------------------ creates that wait


class UsedUp:
    """A transport to a server with one channel, whose window is used up."""

    async def send(self, request: WireRequest) -> WireResponse:
        headers = {"content-type": "application/json"}
        if request.method == "GET":
            listed = f'[{{"id":"{CHANNEL}","name":"News","identifier":"mastodon"}}]'
            return WireResponse(200, headers, listed.encode())
        headers["x-ratelimit-limit"] = "30"
        headers["x-ratelimit-remaining"] = "0"
        headers["x-ratelimit-reset"] = "3600"
        return WireResponse(201, headers, f'[{{"postId":"p","integration":"{CHANNEL}"}}]'.encode())

    async def aclose(self) -> None:
        """There is nothing to close."""


def body(text: str) -> PostRequest:
    item = PostItem(
        channel=ChannelRef(id=CHANNEL),
        value=[ContentItem(content=f"<p>{text}</p>")],
        settings={"__type": "mastodon"},
    )
    return PostRequest(type="schedule", date="2090-01-01T00:00:00.000Z", posts=[item])


async def _future() -> None:
    await asyncio.get_running_loop().create_future()


async def waiting(kind: str, count: int, weigh: Callable[[], float]) -> float:
    """By how much what `weigh` says has grown when so many calls wait."""
    async with Postiz(
        api_key="key",
        base_url="http://127.0.0.1:9",
        advanced=AdvancedOptions(transport=UsedUp(), politeness=None),
    ) as postiz:
        await postiz.posts.schedule(NewPost(CHANNEL, "The first."), at=AT)
        ways: dict[str, Callable[[str], Coroutine[object, object, object]]] = {
            "create": lambda text: postiz.posts.send(body(text)),
            "schedule": lambda text: postiz.posts.schedule(NewPost(CHANNEL, text), at=AT),
            "future": lambda _: _future(),
        }
        before = 0.0 if weigh is peak else weigh()
        tasks = [asyncio.create_task(ways[kind](TEXT.format(n))) for n in range(count)]
        await asyncio.sleep(0)
        if kind != "future":
            async with aclosing(postiz.quota_changes()) as changes:
                async for quota in changes:
                    if quota.queued.interactive == count:
                        break
        found = weigh() - before
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return found


def held() -> float:
    """Bytes that Python holds."""
    gc.collect()
    if not tracemalloc.is_tracing():
        tracemalloc.start()
    return tracemalloc.get_traced_memory()[0]


def peak() -> float:
    """The largest resident size so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if _IS_MAC else 1 << 10)


_IS_MAC = sys.platform == "darwin"


# ------------------------------------------------------------------ clients that were used


async def used_clients(url: str) -> None:
    """Bytes of each client, and the peak of the process."""
    async with PostizPool(base_url=url, max_clients=CLIENTS + 1) as pool:

        async def use(number: int) -> None:
            postiz = await pool.client(f"cmwv9y2sf001xp27d1us{number:06}")
            await postiz.posts.schedule(NewPost("Channel 0", TEXT.format(number)), at=AT)

        await grown(use, CLIENTS)


async def used_sessions(url: str) -> None:
    """The same of sessions of aiohttp."""
    sessions: list[aiohttp.ClientSession] = []

    async def use(number: int) -> None:
        session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        sessions.append(session)
        data = PostRequest.to_json(body(TEXT.format(number)))
        async with session.post(f"{url}/posts", data=data, headers=headers_of("key")) as answer:
            await answer.read()
        session.connector._close()  # type: ignore[union-attr]  # noqa: SLF001

    await grown(use, SESSIONS)


async def grown(use: Callable[[int], Awaitable[None]], count: int) -> None:
    for number in range(20):  # what is made once
        await use(-1 - number)
    gc.collect()
    before = peak()
    for number in range(count):
        await use(number)
    print((peak() - before) * (1 << 20) / count, peak())


# ------------------------------------------------------------------ the report


def in_own_process(*arguments: str) -> list[float]:
    """Numbers that this script prints as a process of its own."""
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return [float(each) for each in done.stdout.split()]


def part(name: str, *arguments: str) -> None:
    if name == "clients":
        asyncio.run(used_clients(*arguments))
    elif name == "sessions":
        asyncio.run(used_sessions(*arguments))
    elif name == "peak":
        print(asyncio.run(waiting(arguments[0], WAITING, peak)))
    else:
        print(asyncio.run(waiting(arguments[0], WEIGHED, held)) / WEIGHED)


def told(name: str, value: float, unit: str, baseline: str, base: float, target: float) -> None:
    figure = note(
        Figure(name=name, value=value, unit=unit, baseline=baseline, base=base, target=target)
    )
    print(f"{name:44} {value:9,.0f} {unit:5} ({figure.goal}); {baseline}: {base:,.0f} {unit}")


def main() -> None:
    (task,), (peak_of_tasks,) = in_own_process("weight", "future"), in_own_process("peak", "future")
    bare = "a task that awaits a future"
    for kind, most in (("create", 3_000), ("schedule", 3_500)):
        (weight,) = in_own_process("weight", kind)
        told(f"a posts.{kind} that waits", weight, "bytes", bare, task, most)
    for kind in ("create", "schedule"):
        (largest,) = in_own_process("peak", kind)
        name = f"{WAITING:,} posts.{kind} that wait: peak"
        told(name, largest, "MB", f"{WAITING:,} such tasks", peak_of_tasks, 350)
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{int(server.stdout.readline())}"
            client, largest = in_own_process("clients", url)
            session, _ = in_own_process("sessions", url)
        finally:
            server.terminate()
    bare = "a session of aiohttp for each"
    told("a used client of a pool", client, "bytes", bare, session, 40_000)
    note(Figure(name=f"{CLIENTS:,} used clients of a pool: peak", value=largest, unit="MB"))
    print(f"{CLIENTS:,} used clients of a pool: peak {largest:,.0f} MB")


if __name__ == "__main__":
    if sys.argv[1:]:
        part(*sys.argv[1:])
    else:
        main()
