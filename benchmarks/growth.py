"""How work grows with the number of rows, organisations and waiting calls.

Claim: none of them grows faster than the size to the power of 1.1. The exponents are slopes of the
least squares through the logarithms of the last three sizes, two decades, where what a run costs
once hides nothing. Calls are Python functions that are begun, in every thread; bytes the most that
Python held at once; time that of the processor. Each is taken in a run of its own.

What is measured: reading, checking and planning a campaign; running it, on a clock that jumps,
with a server that keeps its posts in a file; organisations in a `PostizPool`, each of which makes
a call; creates that wait at once for windows of 90; and creates under way at once, of which no
more can be than a window has, so a thousand are many.

A second claim: beside ten times as many others a call takes at most 1.67 times as much of the
processor, and no callback holds the event loop for more than 20 ms of it. The garbage collector is
reported apart. Beside each scene runs plain asyncio: tasks that wait for a semaphore, or one call
of msgspec. Run:
python benchmarks/growth.py
python benchmarks/growth.py turns deadlines cancels window listed
python benchmarks/growth.py --full      (to 1,000,000 rows and 50,000 run; ten minutes, idle)
python benchmarks/growth.py rows queued --most 10000
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import math
import random
import statistics
import sys
import tempfile
import threading
import time
import tracemalloc
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from figures import Figure, note
from plan import START, OnDisk, channels_of, rows, sandbox, written

from postiz_async import AdvancedOptions, Postiz, PostizPool, PostRequest
from postiz_async._wire import WireResponse, format_date
from postiz_async._wire.endpoints import LIST_POSTS
from postiz_async.clock import JumpingClock
from postiz_async.models.posts import ChannelRef, ContentItem, PostItem
from postiz_async.testing._transport import sandbox_client

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        Callable,
        Coroutine,
        Iterable,
        Iterator,
        Sequence,
    )
    from contextlib import AbstractContextManager
    from types import FrameType

    from postiz_async._wire import WireRequest

MOST = 1.1
"""The largest exponent that is allowed."""

DECADES = 3
"""How many of the largest sizes an exponent is taken from."""

URL = "http://sandbox.invalid"


@dataclass(frozen=True)
class Subject:
    """Something that grows.

    Args:
        title: what it is, and of what there are so many.
        most: the size that ends in a fair time.
        full: the size that is measured when there is time.
        work: does it for a size, inside the given context.
    """

    title: str
    most: int
    full: int
    work: Callable[[int, AbstractContextManager[None]], Coroutine[object, None, None]]


# ------------------------------------------------------------------ meters


class Meter:
    """What a run took, once it is over."""

    value = 0.0

    @contextmanager
    def calls(self) -> Iterator[None]:
        counter = itertools.count()  # threads lose nothing of what they count with it

        def see(_: FrameType, event: str, __: object) -> None:
            if event == "call":
                next(counter)

        threading.setprofile(see)
        sys.setprofile(see)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
        self.value = next(counter)

    @contextmanager
    def bytes(self) -> Iterator[None]:
        gc.collect()
        tracemalloc.start()
        try:
            yield
            self.value = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    @contextmanager
    def seconds(self) -> Iterator[None]:
        gc.collect()
        began = time.process_time()
        yield
        self.value = time.process_time() - began


METERS = {"time": Meter.seconds, "calls": Meter.calls, "bytes": Meter.bytes}


class Watch:
    """What the processor did for an event loop: in all, and in its longest callback."""

    def __init__(self) -> None:
        self.cpu = self.longest = self.collecting = self.pause = 0.0
        """Seconds; the last two are the garbage collector's: in all, and at once."""
        self._began = 0.0

    @asynccontextmanager
    async def on(self) -> AsyncGenerator[None]:
        is_on, plain = True, asyncio.events.Handle._run  # noqa: SLF001

        def run(handle: asyncio.Handle) -> None:
            began, before = time.thread_time(), self.collecting
            plain(handle)
            took = time.thread_time() - began - (self.collecting - before)
            if is_on:
                self.longest = max(self.longest, took)

        gc.collect()
        began = time.process_time()
        asyncio.events.Handle._run = run  # type: ignore[assignment]  # noqa: SLF001
        gc.callbacks.append(self._collects)
        await asyncio.sleep(0)  # callbacks are seen from their beginning
        try:
            yield
            await asyncio.sleep(0)
        finally:
            is_on = False
            gc.callbacks.remove(self._collects)
            asyncio.events.Handle._run = plain  # type: ignore[method-assign]  # noqa: SLF001
            self.cpu += time.process_time() - began - self.collecting

    def _collects(self, phase: str, _: object) -> None:
        if phase == "start":
            self._began = time.thread_time()
        else:
            took = time.thread_time() - self._began
            self.collecting += took
            self.pause = max(self.pause, took)


# ------------------------------------------------------------------ what grows


async def planned(count: int, metered: AbstractContextManager[None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with sandbox() as server, sandbox_client(server) as postiz:
            path = written(Path(folder) / "c.csv", rows(channels_of(server), count))
            with metered:
                async with postiz.campaign(path) as campaign:
                    await campaign.plan()


async def done(count: int, metered: AbstractContextManager[None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            sandbox() as server,
            Postiz(
                api_key=server.organization.api_key,
                base_url=URL,
                advanced=AdvancedOptions(
                    clock=JumpingClock(START.timestamp()),
                    transport=OnDisk(server, Path(folder) / "posts"),
                ),
            ) as postiz,
        ):
            path = written(Path(folder) / "c.csv", rows(channels_of(server), count))
            with metered:
                async with (
                    postiz.campaign(path, align="15m") as campaign,
                ):
                    async for _ in campaign.run():
                        pass


class Windows:
    """A server that counts creates in windows, and answers after a tenth of a second."""

    def __init__(self, clock: JumpingClock, limit: int = 90) -> None:
        self.limit = limit
        self._clock = clock
        self._ends, self._spent = -math.inf, 0

    async def send(self, request: WireRequest) -> WireResponse:
        await self._clock.sleep(0.1)
        if request.method == "GET":
            return WireResponse(200, {}, b'{"posts":[]}')
        now = self._clock.monotonic()
        if now >= self._ends:
            self._ends, self._spent = now + 3600, 0
        self._spent += 1
        assert self._spent <= self.limit, "more than a window has"
        headers = {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.limit - self._spent),
            "x-ratelimit-reset": str(math.ceil(self._ends - now)),
        }
        return WireResponse(201, headers, b'[{"postId":"p","integration":"c"}]')

    async def aclose(self) -> None:
        """There is nothing to close."""


BODY = PostRequest(
    type="schedule",
    date=format_date(datetime(2090, 1, 1, tzinfo=UTC)),
    posts=[
        PostItem(
            channel=ChannelRef(id="c"),
            value=[ContentItem(content="We are open on Sundays from now on.")],
            settings={"__type": "mastodon"},
        )
    ],
)


def client_of(transport: Windows | Listed, clock: JumpingClock) -> Postiz:
    return Postiz(
        api_key="key",
        base_url=URL,
        advanced=AdvancedOptions(clock=clock, transport=transport, politeness=None),
    )


async def pooled(count: int, metered: AbstractContextManager[None]) -> None:
    clock = JumpingClock()
    start, end = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC)
    async with PostizPool(
        base_url=URL,
        max_clients=count,
        advanced=AdvancedOptions(clock=clock, transport=Windows(clock)),
    ) as pool:
        with metered:
            for number in range(count):
                postiz = await pool.client(f"key-{number}")
                await postiz.posts.list(start=start, end=end)


async def queued(
    count: int, metered: AbstractContextManager[None], limit: int | None = None
) -> None:
    async with client_of(Windows(clock := JumpingClock(), limit or 90), clock) as postiz:
        with metered:
            async with asyncio.TaskGroup() as group:
                for _ in range(count):
                    group.create_task(postiz.posts.send(BODY, validate=False))


async def under_way(count: int, metered: AbstractContextManager[None]) -> None:
    await queued(count, metered, limit=count)


SUBJECTS = {
    "rows": Subject("rows read, checked and planned", 100_000, 1_000_000, planned),
    "run": Subject("rows run", 10_000, 50_000, done),
    "organisations": Subject("organisations in a pool", 10_000, 10_000, pooled),
    "queued": Subject("creates that wait at once", 100_000, 100_000, queued),
    "under-way": Subject("creates under way at once", 1_000, 1_000, under_way),
}


# ------------------------------------------------------------------ beside many, and beside few


async def begun(
    clock: JumpingClock, works: Iterable[Coroutine[object, None, object]]
) -> list[asyncio.Task[object]]:
    """Tasks that have begun, not all of them in one callback."""
    tasks = list[asyncio.Task[object]]()
    with clock.hold():
        for number, work in enumerate(works):
            tasks.append(asyncio.create_task(work))
            if number % 100 == 99:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
    return tasks


async def ended(tasks: list[asyncio.Task[object]]) -> int:
    """How many are done in the end. They are let go one by one."""
    done = 0
    tasks.reverse()
    while tasks:
        await asyncio.wait([tasks[-1]])
        task = tasks.pop()
        done += not task.cancelled() and task.exception() is None
    return done


async def turns(count: int, watch: Watch) -> None:
    start, end = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC)
    clock = JumpingClock()
    pool = PostizPool(
        base_url=URL,
        max_clients=count,
        advanced=AdvancedOptions(clock=clock, transport=Windows(clock), politeness=None),
    )
    async with PostizPool(
        base_url=URL, advanced=AdvancedOptions(transport=Windows(clock))
    ) as other:  # imports
        await other.client("key")
    async with watch.on(), pool:

        async def call(number: int) -> None:
            client = await pool.client(f"key-{number}")
            await client.posts.list(start=start, end=end)

        assert await ended(await begun(clock, map(call, range(count)))) == count


async def plain_turns(count: int, watch: Watch) -> None:
    clock, connections = JumpingClock(), asyncio.Semaphore(100)

    async def call() -> None:
        async with connections:
            await clock.sleep(0.1)

    async with watch.on():
        assert await ended(await begun(clock, (call() for _ in range(count)))) == count


HOURS = timedelta(hours=1).total_seconds()
SEED = 7


async def deadlines(count: int, watch: Watch) -> None:
    dice, clock = random.Random(SEED), JumpingClock()
    async with client_of(Windows(clock), clock) as postiz:

        def call(number: int) -> Coroutine[object, None, object]:
            hours = 1.01 * (number // 90 + 1) + dice.uniform(1, 48)
            return postiz.posts.send(BODY, validate=False, max_wait=hours * HOURS)

        await postiz.posts.send(BODY, validate=False)  # tells the limit, for the forecasts
        async with watch.on():
            assert await ended(await begun(clock, map(call, range(count)))) == count


async def plain_deadlines(count: int, watch: Watch) -> None:
    clock, slots = JumpingClock(), asyncio.Semaphore(1)

    async def call() -> None:
        async with asyncio.timeout(HOURS), slots:
            await clock.sleep(0.1)

    async with watch.on():
        assert await ended(await begun(clock, (call() for _ in range(count)))) == count


CANCELLED = 1_000


async def cancels(count: int, watch: Watch) -> None:
    clock = JumpingClock()
    async with client_of(Windows(clock), clock) as postiz:
        create = partial(postiz.posts.send, BODY, validate=False, max_wait=count * HOURS)
        with clock.hold():
            await cancelled(await begun(clock, (create() for _ in range(count))), watch)


async def plain_cancels(count: int, watch: Watch) -> None:
    clock, loop = JumpingClock(), asyncio.get_running_loop()

    async def call() -> None:
        async with asyncio.timeout(HOURS):
            await loop.create_future()

    await cancelled(await begun(clock, (call() for _ in range(count))), watch)


async def cancelled(tasks: Sequence[asyncio.Task[object]], watch: Watch) -> None:
    """Cancel some, one by one, and then the others."""
    some = random.Random(SEED).sample(tasks, min(CANCELLED, len(tasks) // 2))
    async with watch.on():
        for task in some:
            task.cancel()
            await asyncio.wait([task])
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def window(count: int, watch: Watch) -> None:
    clock = JumpingClock()
    async with client_of(Windows(clock, count), clock) as postiz, watch.on():
        for _ in range(count):
            await postiz.posts.send(BODY, validate=False)


async def plain_window(count: int, watch: Watch) -> None:
    clock = JumpingClock()
    async with watch.on():
        for _ in range(count):
            await clock.sleep(0.1)


class Listed:
    """A server that lists so many posts."""

    def __init__(self, count: int) -> None:
        post: dict[str, object] = {
            "id": "cm3k8qpxk0001l708d5f8h2zq",
            "content": "We open our new shop at noon, with coffee and cake. Come by and say hello!",
            "publishDate": "2030-01-01T09:00:00.000Z",
            "releaseURL": None,
            "state": "QUEUE",
            "group": "n3kq8d5f8h",
            "tags": [],
            "intervalInDays": None,
            "integration": {
                "id": "cm3k8qpxk0000l708a1b2c3d4",
                "providerIdentifier": "mastodon",
                "name": "Bakery",
                "picture": "https://cdn.example.com/p.png",
            },
        }
        one = msgspec.json.encode(post)
        self.body = b'{"posts":[' + b",".join([one] * count) + b"]}"

    async def send(self, _: WireRequest) -> WireResponse:
        return WireResponse(200, {}, self.body)

    async def aclose(self) -> None:
        """There is nothing to close."""


async def listed(count: int, watch: Watch) -> None:
    start, end = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC)
    async with client_of(Listed(count), JumpingClock()) as postiz:
        async with watch.on():
            posts = await postiz.posts.list(start=start, end=end)
        assert len(posts) == count  # they are let go of unwatched


async def plain_listed(count: int, watch: Watch) -> None:
    body, decoder = Listed(count).body, msgspec.json.Decoder(LIST_POSTS.reply)
    async with watch.on():
        posts = decoder.decode(body)
    assert len(posts.posts) == count


@dataclass(frozen=True)
class Scene:
    """A call beside many others.

    Args:
        title: what is done, and beside what.
        most: beside so many, and beside a tenth of them.
        work: does it, watched.
        plain: the like without this package.
        each: how many calls are made; None: as many as there are.
    """

    title: str
    most: int
    work: Callable[[int, Watch], Coroutine[object, None, None]]
    plain: Callable[[int, Watch], Coroutine[object, None, None]]
    each: int | None = None


SCENES = {
    "turns": Scene("calls of organisations in a pool", 10_000, turns, plain_turns),
    "deadlines": Scene("creates that wait with deadlines", 100_000, deadlines, plain_deadlines),
    "cancels": Scene("cancelled of creates that wait", 100_000, cancels, plain_cancels, CANCELLED),
    "window": Scene("creates of one window", 100_000, window, plain_window),
    "listed": Scene("posts listed at once", 250_000, listed, plain_listed),
}

RATIO, LONGEST = 1.67, 0.020
"""Of a call beside ten times as many; seconds of a callback."""


def watched(work: Callable[[int, Watch], Coroutine[object, None, None]], size: int) -> Watch:
    """The quicker of two runs: others are on the machine too."""
    runs = list[Watch]()
    for _ in range(2):
        runs.append(Watch())
        asyncio.run(work(size, runs[-1]))
    quicker = min(runs, key=lambda run: run.cpu)
    quicker.longest = min(run.longest for run in runs)
    return quicker


def compare(name: str, most: int) -> None:
    scene = SCENES[name]
    few, many = most // 10, most
    print(f"{scene.title:>36}  {'us each':>8} {'longest ms':>10} {'collector ms':>12}")
    ratios, longest = dict[str, float](), dict[str, float]()
    for kind, work in (("plain", scene.plain), ("", scene.work)):
        costs = list[float]()
        for size in (few, many):
            run = watched(work, size)
            costs.append(run.cpu / (min(scene.each, size // 2) if scene.each else size) * 1e6)
            print(
                f"{kind:>20} {size:15,}  {costs[-1]:8.1f} {run.longest * 1e3:10.1f} "
                f"{run.pause * 1e3:12.1f}",
                flush=True,
            )
            longest[kind] = run.longest
        ratios[kind] = costs[1] / costs[0]
        print(f"{kind:>20} {'times':>15}  {ratios[kind]:8.2f}")
    note(
        Figure(
            name=f"{scene.title}: {many:,} beside a tenth",
            value=ratios[""],
            unit="times",
            baseline="plain asyncio",
            base=ratios["plain"],
            target=RATIO,
        )
    )
    note(
        Figure(
            name=f"{scene.title}: longest callback",
            value=longest[""] * 1e3,
            unit="ms",
            baseline="plain asyncio",
            base=longest["plain"] * 1e3,
            target=LONGEST * 1e3,
        )
    )


# ------------------------------------------------------------------ the table


def measured(subject: Subject, size: int, meter: str) -> float:
    made, found = Meter(), list[float]()
    again = meter == "time" and size <= subject.most  # the quicker: others are on the machine too
    for _ in range(1 + again):
        asyncio.run(subject.work(size, METERS[meter](made)))
        found.append(made.value)
    return min(found)


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The slope through the logarithms of the last points."""
    last = points[-DECADES:]
    if len(last) < 2:
        return math.nan
    sizes, values = zip(*last, strict=True)
    logarithms = partial(map, math.log)
    return statistics.linear_regression([*logarithms(sizes)], [*logarithms(values)]).slope


def report(name: str, most: int) -> None:
    subject = SUBJECTS[name]
    sizes = sorted({most, *(10**power for power in range(7) if 10**power < most)})
    asyncio.run(subject.work(1, Meter().seconds()))  # what is imported and compiled once
    print(
        f"{subject.title:>34}  {'calls':>14} {'each':>7} {'MB':>8} {'bytes':>8} {'s':>8} {'us':>7}"
    )
    points: dict[str, list[tuple[float, float]]] = {meter: [] for meter in METERS}
    for size in sizes:
        for meter, known in points.items():
            known.append((size, measured(subject, size, meter)))
        calls, weight, taken = (points[meter][-1][1] for meter in ("calls", "bytes", "time"))
        print(
            f"{size:34,}  {calls:14,.0f} {calls / size:7,.0f} {weight / 1e6:8.1f} "
            f"{weight / size:8,.0f} {taken:8.2f} {taken / size * 1e6:7,.0f}",
            flush=True,
        )
    slopes = {meter: exponent(known) for meter, known in points.items()}
    print(
        f"{'exponent':>34}  {slopes['calls']:14.2f} {slopes['bytes']:16.2f} {slopes['time']:17.2f}"
    )
    for meter, known in points.items():
        note(
            Figure(
                name=f"{subject.title}: {meter}",
                value=slopes[meter],
                unit="exponent",
                target=MOST,
                points=known,
            )
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    names = [*SUBJECTS, *SCENES]
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=", ".join(names))
    parser.add_argument("--full", action="store_true", help="larger sizes")
    parser.add_argument("--most", type=int, default=math.inf, help="no size is larger")
    options = parser.parse_args()
    for name in options.subjects or names:
        if name in SCENES:
            compare(name, min(options.most, SCENES[name].most))
            continue
        subject = SUBJECTS[name]
        report(name, min(options.most, subject.full if options.full else subject.most))


if __name__ == "__main__":
    main()
