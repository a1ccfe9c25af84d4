"""How work grows: calls, bytes and time by the number of rows, organisations and queued calls.

Claim: none of them grows faster than the size to the power of 1.1. The exponents are slopes of the
least squares through the logarithms of the last three sizes, two decades, where what a run costs
once hides nothing. Calls are Python functions that are begun, in every thread; bytes the most that
Python held at once; time that of the processor. Each is taken in a run of its own.

What is measured: reading, checking and planning a campaign; running it, on a clock that jumps,
with a server that keeps its posts in a file; organisations in a `PostizPool`, each of which makes
a call; creates that wait at once for windows of 90; and creates under way at once, of which no
more can be than a window has, so a thousand are many. Run:
python benchmarks/growth.py
python benchmarks/growth.py --full      (to 1,000,000 rows and 50,000 run; ten minutes, idle)
python benchmarks/growth.py rows queued --most 10000
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import math
import statistics
import sys
import tempfile
import threading
import time
import tracemalloc
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from figures import Figure, note
from plan import START, OnDisk, channels_of, rows, sandbox, written

from postiz_async import CreatePost, Postiz, PostizPool
from postiz_async._wire import WireResponse, format_date
from postiz_async.clock import JumpingClock
from postiz_async.models.posts import ContentItem, IntegrationRef, PostItem
from postiz_async.testing import sandbox_client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
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
    work: Callable[[int, AbstractContextManager[None]], Awaitable[None]]


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
            threading.setprofile(None)  # type: ignore[arg-type]
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


# ------------------------------------------------------------------ what grows


async def planned(count: int, metered: AbstractContextManager[None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with sandbox() as server, sandbox_client(server) as postiz:
            path = written(Path(folder) / "c.csv", rows(channels_of(server), count))
            with metered:
                async with postiz.batch(path) as batch:
                    await batch.plan()


async def done(count: int, metered: AbstractContextManager[None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with sandbox() as server, Postiz(
            api_key=server.organization.api_key,
            base_url=URL,
            clock=JumpingClock(START.timestamp()),
            transport=OnDisk(server, Path(folder) / "posts"),
        ) as postiz:  # fmt: skip
            path = written(Path(folder) / "c.csv", rows(channels_of(server), count))
            with metered:
                async with postiz.batch(path, align="15m") as batch, batch.run() as outcomes:
                    async for _ in outcomes:
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


async def pooled(count: int, metered: AbstractContextManager[None]) -> None:
    clock = JumpingClock()
    start, end = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC)
    async with PostizPool(
        base_url=URL, clock=clock, transport=Windows(clock), keep=count
    ) as pool:  # fmt: skip
        with metered:
            for number in range(count):
                postiz = await pool.client(f"key-{number}")
                await postiz.posts.list(start=start, end=end)


async def queued(
    count: int, metered: AbstractContextManager[None], limit: int | None = None
) -> None:
    item = PostItem(
        integration=IntegrationRef(id="c"),
        value=[ContentItem(content="We are open on Sundays from now on.")],
        settings={"__type": "mastodon"},
    )
    body = CreatePost(
        type="schedule", date=format_date(datetime(2090, 1, 1, tzinfo=UTC)), posts=[item]
    )
    clock = JumpingClock()
    async with Postiz(
        api_key="key",
        base_url=URL,
        clock=clock,
        transport=Windows(clock, limit or 90),
        politeness=None,
    ) as postiz:
        with metered:
            async with asyncio.TaskGroup() as group:
                for _ in range(count):
                    group.create_task(postiz.posts.create(body, validate=False))


async def under_way(count: int, metered: AbstractContextManager[None]) -> None:
    await queued(count, metered, limit=count)


SUBJECTS = {
    "rows": Subject("rows read, checked and planned", 100_000, 1_000_000, planned),
    "run": Subject("rows run", 10_000, 50_000, done),
    "organisations": Subject("organisations in a pool", 10_000, 10_000, pooled),
    "queued": Subject("creates that wait at once", 100_000, 100_000, queued),
    "under-way": Subject("creates under way at once", 1_000, 1_000, under_way),
}


# ------------------------------------------------------------------ the table


def measured(subject: Subject, size: int, meter: str) -> float:
    made, found = Meter(), list[float]()
    again = meter == "time" and size <= subject.most  # the quicker: others are on the machine too
    for _ in range(1 + again):
        asyncio.run(subject.work(size, METERS[meter](made)))  # type: ignore[arg-type]
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
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=", ".join(SUBJECTS))
    parser.add_argument("--full", action="store_true", help="larger sizes")
    parser.add_argument("--most", type=int, default=math.inf, help="no size is larger")
    options = parser.parse_args()
    for name in options.subjects or SUBJECTS:
        subject = SUBJECTS[name]
        report(name, min(options.most, subject.full if options.full else subject.most))


if __name__ == "__main__":
    main()
