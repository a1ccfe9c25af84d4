"""What a create costs above bare aiohttp, and one that stands in a long queue.

Goals: a create takes at most 40 us more than bare aiohttp that posts the same bytes and decodes
into the same type, unchecked, and at most 75 us more with its content checked. To be admitted at
once and counted takes at most 30 us of them: that much longer takes a create than the same POST
through this client to a route that costs no quota, one call after the other without a network, and
over loopback, where between two calls the processor works for others and its caches forget. To
join the queue, to be cancelled or to be let go grows no faster than the logarithm of its length.
What a create weighs that waits is in `memory.py`. Baseline in the same run: bare aiohttp.
The server is a process of its own on loopback that answers fixed bytes. Run:
python benchmarks/admission.py
"""

from __future__ import annotations

import asyncio
import gc
import math
import random
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
import msgspec
from calls_per_second import headers_of
from figures import Figure, note

from postiz_async import AdvancedOptions, Created, Postiz, PostRequest, Priority, _quota as quota
from postiz_async._quota import Ledger, RateHeaders
from postiz_async._resources.api import opened
from postiz_async._resources.create_body import encode_create
from postiz_async._scheduler.calls import SlotRequest
from postiz_async._scheduler.queue import AdmissionQueue
from postiz_async._scheduler.scheduler import BoundScheduler
from postiz_async._wire import WireRequest, WireResponse, format_date
from postiz_async._wire.endpoints import Call, Endpoint, Replay
from postiz_async.clock import SystemClock
from postiz_async.models.posts import ChannelRef, ContentItem, PostItem
from postiz_async.stores._local_ledger import LocalLedgers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

ROUNDS, CALLS, WARM = 60, 30, 15
"""Clients, and creates of each that are measured, and before; together no more than a window's."""

GOALS = {"create, validate=False": 40, "create": 75}
"""Microseconds above bare aiohttp, at the median."""

BARE, FREE = "bare aiohttp + msgspec", "POST without quota"
UNCHECKED, CHECKED = "create, validate=False", "create"
PLAIN_POST: Endpoint[list[Created]] = Endpoint(
    "plain_post", "POST", "/plain", list[Created], Replay.ONCE, "draft", "v1.11.1"
)

CREATED = b'[{"postId":"cmwv9y2sf001xp27d1usy9a4m","integration":"cmwv9y2sf001xp27d1usy9a4c"}]'
"""What is answered without a network, as by the server below."""

LENGTHS = (1_000, 10_000, 100_000)
STEPS = 300
GO_SECONDS = 3.0
TARGET_MICROS = 30.0

SERVER = """
import asyncio
HEAD = "HTTP/1.1 %s\\r\\nContent-Type: application/json\\r\\n%sContent-Length: %d\\r\\n\\r\\n"
RATE = "X-RateLimit-Limit: 90\\r\\nX-RateLimit-Remaining: 60\\r\\nX-RateLimit-Reset: 3600\\r\\n"
CREATED = '[{"postId":"cmwv9y2sf001xp27d1usy9a4m","integration":"cmwv9y2sf001xp27d1usy9a4c"}]'
CHANNELS = ('[{"id":"cmwv9y2sf001xp27d1usy9a4c","name":"n","identifier":"mastodon","picture":"",'
            '"disabled":false,"profile":"p","customer":null}]')
created = (HEAD % ("201 Created", RATE, len(CREATED)) + CREATED).encode()
plain = (HEAD % ("201 Created", "", len(CREATED)) + CREATED).encode()
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
            if head.startswith(b"GET"):
                self.transport.write(channels)
            else:
                self.transport.write(plain if b"/plain" in head else created)
async def main():
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


# ------------------------------------------------------------------ a create that need not wait


def create_body() -> PostRequest:
    item = PostItem(
        channel=ChannelRef(id="cmwv9y2sf001xp27d1usy9a4c"),
        value=[ContentItem(content="<p>We are open on Sundays from now on.</p>")],
        settings={"__type": "mastodon"},
    )
    date = format_date(datetime(2035, 1, 1, tzinfo=UTC))
    return PostRequest(type="schedule", date=date, posts=[item])


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    """Microseconds of one call."""
    begun = time.perf_counter()
    await call()
    return (time.perf_counter() - begun) * 1e6


async def compare(url: str) -> dict[str, list[float]]:
    """Microseconds of each call, in four ways by turns."""
    body, dice = create_body(), random.Random(1)
    data = bytes(encode_create(body))
    decoder = msgspec.json.Decoder(list[Created])
    headers = headers_of("key") | {"Content-Type": "application/json"}
    times: dict[str, list[float]] = {name: [] for name in (BARE, FREE, UNCHECKED, CHECKED)}
    async with aiohttp.ClientSession() as session:

        async def post() -> object:
            target = f"{url}/public/v1/posts"
            async with session.post(target, data=data, headers=headers) as response:
                return decoder.decode(await response.read())

        for number in range(ROUNDS):
            key = f"key-{number}"  # with one key all rounds would be in one window
            async with Postiz(
                api_key=key, base_url=url, advanced=AdvancedOptions(politeness=None)
            ) as postiz:
                free = Call(PLAIN_POST, body=encode_create(body), posts=1)
                create = postiz.posts.send
                ways: dict[str, Callable[[], Awaitable[object]]] = {
                    BARE: post,
                    FREE: partial(BoundScheduler(opened(postiz).scheduler).call, free),
                    UNCHECKED: partial(create, body, validate=False),
                    CHECKED: partial(create, body),
                }
                for call in range(WARM + CALLS):
                    for name in dice.sample(list(ways), len(ways)):
                        taken = await timed(ways[name])
                        if call >= WARM:
                            times[name].append(taken)
    return times


class Canned:
    """A transport that answers at once: a POST that is counted, or one that is not."""

    def __init__(self) -> None:
        self._left = 90_000

    async def send(self, request: WireRequest) -> WireResponse:
        headers = {"content-type": "application/json"}
        if request.url.endswith("/posts"):
            self._left -= 1
            headers["x-ratelimit-limit"] = "90000"
            headers["x-ratelimit-remaining"] = str(self._left)
            headers["x-ratelimit-reset"] = "3600"
        return WireResponse(201, headers, CREATED)

    async def aclose(self) -> None:
        """There is nothing to close."""


async def warm_overhead() -> float:
    """Microseconds that the quota takes of each call, median of rounds of a window's calls."""
    body = create_body()
    rounds: list[float] = []
    for _ in range(ROUNDS):
        async with Postiz(
            api_key="key",
            base_url="http://127.0.0.1:9",
            advanced=AdvancedOptions(politeness=None, transport=Canned()),
        ) as postiz:
            free = Call(PLAIN_POST, body=encode_create(body), posts=1)
            plain = partial(BoundScheduler(opened(postiz).scheduler).call, free)
            create = partial(postiz.posts.send, body, validate=False)
            for _ in range(WARM):
                await create()
            counted = [await timed(create) for _ in range(CALLS)]
            uncounted = [await timed(plain) for _ in range(CALLS)]
            rounds.append(statistics.median(counted) - statistics.median(uncounted))
    return statistics.median(rounds)


def report_overhead() -> None:
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            times = asyncio.run(compare(f"http://127.0.0.1:{port}"))
        finally:
            server.terminate()
    print(f"one create at a time, {len(times[BARE]):,} of each by turns; us, and above bare")
    print(f"{'':28} {'least':>14} {'quarter':>14} {'median':>14}")
    base = spread(times[BARE])
    for name, taken in times.items():
        pairs = zip(spread(taken), base, strict=True)
        print(f"{name:28} {' '.join(f'{each:7.0f} {each - bare:+6.0f}' for each, bare in pairs)}")
    more = statistics.median(times[UNCHECKED]) - statistics.median(times[FREE])
    print("the quota, the create (unchecked) above the POST without quota, at the median")
    for name, micros in (
        ("over loopback", more),
        ("without a network", asyncio.run(warm_overhead())),
    ):
        figure = Figure(name=f"the quota, {name}", value=micros, unit="us", target=TARGET_MICROS)
        print(f"  {name:26} {micros:+.0f} us ({note(figure).goal})")
    for name, goal in GOALS.items():
        figure = Figure(
            name=name,
            value=statistics.median(times[name]),
            unit="us",
            baseline=BARE,
            base=base[2],
            compared="above",
            target=goal,
        )
        print(f"{name}: {figure.judged:+.0f} us above bare ({note(figure).goal})")
    print()


def spread(times: list[float]) -> tuple[float, float, float]:
    return min(times), statistics.quantiles(times)[0], statistics.median(times)


# ------------------------------------------------------------------ a create in a long queue


def used_up(now: float) -> Ledger:
    """A window without a free slot."""
    ledger, token = quota.acquired(Ledger(), now)
    return quota.answered(ledger, token, now, RateHeaders(30, 0, 3600.0))


def wide_open(now: float) -> Ledger:
    """A window in which all may go that are measured."""
    ledger, token = quota.acquired(Ledger(), now)
    return quota.answered(ledger, token, now, RateHeaders(10 * STEPS, 9 * STEPS, 3600.0))


def _answered(ledger: Ledger, now: float, *, token: int, left: RateHeaders) -> Ledger:
    return quota.answered(ledger, token, now, left)


class Queue:
    """A queue with many creates before it.

    Args:
        max_wait: of each create; infinite: as long as it takes.
    """

    def __init__(self, max_wait: float) -> None:
        self.clock = SystemClock()
        now = self.clock.monotonic()
        self.handle = LocalLedgers().handle("organisation", used_up(now), self.clock)
        self.queue = AdmissionQueue(self.handle, self.clock)
        self.waiting: list[asyncio.Task[int]] = []
        self._max_wait = max_wait

    def join(self) -> None:
        self.waiting.append(asyncio.create_task(self._admit()))

    def _admit(self) -> Coroutine[object, object, int]:
        request = SlotRequest(
            priority=Priority.BULK,
            posts=1,
            since=self.clock.monotonic(),
            max_wait=self._max_wait,
            lifetime=60.0,
        )
        return self.queue.admit(request)

    async def fill(self, length: int) -> None:
        for _ in range(length):
            self.join()
        await asyncio.sleep(0)

    async def join_more(self) -> list[float]:
        """Seconds that each of some more takes to join the long queue."""
        times: list[float] = []
        for _ in range(STEPS):
            begun = time.perf_counter()
            self.join()
            await asyncio.sleep(0)
            times.append(time.perf_counter() - begun)
        return times

    async def leave(self) -> list[float]:
        """Seconds that each of some in the middle takes to be cancelled."""
        dice, times = random.Random(1), list[float]()
        for _ in range(STEPS):
            task = self.waiting.pop(dice.randrange(1, len(self.waiting)))
            begun = time.perf_counter()
            task.cancel()
            while not task.done():
                await asyncio.sleep(0)
            times.append(time.perf_counter() - begun)
        return times

    async def go(self) -> list[float]:
        """Seconds from an answer to the next one's admission, and until its answer is noted."""
        await self.handle.settle(lambda _, now: wide_open(now))
        times: list[float] = []
        until = time.perf_counter() + GO_SECONDS
        while len(times) < STEPS and time.perf_counter() < until:
            begun = time.perf_counter()
            self.queue.state_changed()
            token = await self.waiting[len(times)]
            left = RateHeaders(10 * STEPS, 9 * STEPS - len(times) - 1, 3600.0)
            await self.handle.settle(partial(_answered, token=token, left=left))
            times.append(time.perf_counter() - begun)
        await self.handle.settle(lambda _, now: used_up(now))
        return times

    async def end(self) -> None:
        self.queue.close()
        await asyncio.gather(*self.waiting, return_exceptions=True)


async def measure(length: int, max_wait: float) -> list[float]:
    """Median microseconds to join, to leave, to go."""
    queue = Queue(max_wait)
    await queue.fill(length)
    gc.collect()
    gc.freeze()
    times = [await queue.join_more(), await queue.leave(), await queue.go()]
    gc.unfreeze()
    await queue.end()
    return [statistics.median(each) * 1e6 for each in times]


def report_queue() -> None:
    print("us for each create, median, by the length of the queue")
    print(f"{'':24} {'queued':>9} {'join':>8} {'cancel':>8} {'go':>8}")
    growth: list[float] = []
    for name, max_wait in (("no max_wait", math.inf), ("all with a max_wait", 1e9)):
        rows = {length: asyncio.run(measure(length, max_wait)) for length in LENGTHS}
        for length, times in rows.items():
            print(f"{name:24} {length:9,} {' '.join(f'{each:8.1f}' for each in times)}")
        last, first = rows[LENGTHS[-1]], rows[LENGTHS[0]]
        growth.append(max(b / a for a, b in zip(first, last, strict=True)))
    logarithm = math.log(LENGTHS[-1]) / math.log(LENGTHS[0])
    print(f"growth from {LENGTHS[0]:,} to {LENGTHS[-1]:,}, beside that of the logarithm:")
    for name, factor in zip(("no max_wait", "all with a max_wait"), growth, strict=True):
        figure = Figure(
            name=f"{LENGTHS[-1]:,} in the queue beside {LENGTHS[0]:,}, {name}",
            value=factor,
            unit="times",
            target=round(logarithm, 2),
        )
        print(f"  {name:20} {factor:.1f} times ({note(figure).goal})")


def main() -> None:
    report_overhead()
    report_queue()


if __name__ == "__main__":
    main()
