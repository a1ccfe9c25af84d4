"""Common limiters and retry loops, on the same model of the server.

Each has 50 workers and a network of 0.2 s there and back on average. A run that takes longer than
four times the optimum and twelve hours, or too many requests, is stopped.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from aiolimiter import AsyncLimiter
from quota_scenes import LIMIT, WORKERS, Result, blocked_seconds, patience

# after quota_scenes, which knows the way to the tests
from world import HOUR, VirtualLoop, arrivals, one_way, optimum

from postiz_async._sandbox.throttle import MemoryThrottle, RedisThrottle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from postiz_async._sandbox.throttle import Throttle

Pass: TypeAlias = "Callable[[], Awaitable[object]]"
"""Lets a call go."""

MOST_REQUESTS = 20_000


class Server:
    """The throttle behind a network."""

    def __init__(self, throttle: Throttle, rng: random.Random) -> None:
        self._throttle = throttle
        self._rng = rng
        self.requests = 0
        self.refused_at: list[float] = []

    async def create(self) -> float | None:
        """Send one create; returns None, or the seconds of `Retry-After`."""
        await asyncio.sleep(one_way(self._rng))
        now = asyncio.get_running_loop().time()
        self.requests += 1
        verdict = self._throttle.hit("key", now)
        await asyncio.sleep(one_way(self._rng))
        if verdict.allowed:
            return None
        self.refused_at.append(now)
        return float(dict(verdict.headers)["Retry-After"])


def open_gate() -> Pass:
    async def limiter() -> None:
        """There is nothing to wait for."""

    return limiter


def bucket(burst: int, seconds: float) -> Pass:
    return AsyncLimiter(burst, seconds).acquire


def local_guard() -> Pass:
    """At most LIMIT calls in the last hour by our own clock, stamped when they are sent."""
    sent: list[float] = []

    async def limiter() -> None:
        loop = asyncio.get_running_loop()
        while len(sent) >= LIMIT and sent[-LIMIT] + HOUR > loop.time():
            await asyncio.sleep(sent[-LIMIT] + HOUR - loop.time() + 0.001)
        sent.append(loop.time())

    return limiter


def pyrate() -> Pass:
    from pyrate_limiter import (  # noqa: PLC0415  (may be absent)
        InMemoryBucket,
        Limiter,
        Rate,
        SingleBucketFactory,
    )

    class Bucket(InMemoryBucket):
        def now(self) -> int:
            return int(asyncio.get_running_loop().time() * 1000)

    limiter = Limiter(
        SingleBucketFactory(Bucket([Rate(LIMIT, int(HOUR * 1000))]), schedule_leak=False)
    )
    return lambda: limiter.try_acquire_async("key")


async def persist(server: Server, limiter: Pass, rng: random.Random, *, honour: bool) -> None:
    """Send until it is accepted, with exponential back-off or as `Retry-After` says."""
    for attempt in itertools.count():
        await limiter()
        wait = await server.create()
        if wait is None:
            return
        if not honour:
            wait = min(60.0, 0.5 * 2.0 ** min(attempt, 10)) * rng.uniform(0.5, 1.0)
        await asyncio.sleep(wait)


BASELINES: dict[str, tuple[Callable[[], Pass], bool]] = {
    "AsyncLimiter(30, 3600)": (lambda: bucket(30, HOUR), True),
    "AsyncLimiter(1, 120)": (lambda: bucket(1, 120.0), True),
    "back-off, ignores Retry-After": (open_gate, False),
    "back-off, honours Retry-After": (open_gate, True),
    "pyrate-limiter": (pyrate, True),
    "local guard, 30 in the last hour": (local_guard, True),
}


def baseline(name: str, creates: int, seed: int, *, sliding: bool, interactive: float) -> Result:
    limiter_of, honour = BASELINES[name]
    throttle = (MemoryThrottle if sliding else RedisThrottle)(LIMIT)
    best = optimum(creates, LIMIT)
    waits: list[float] = []
    rng = random.Random(seed)

    async def run() -> Result:
        loop = asyncio.get_running_loop()
        server, limiter, todo = Server(throttle, rng), limiter_of(), iter(range(creates))

        async def worker() -> None:
            for _ in todo:
                await persist(server, limiter, rng, honour=honour)

        async def person(at: float) -> None:
            await asyncio.sleep(at)
            await persist(server, limiter, rng, honour=honour)
            waits.append(loop.time() - at)

        async def watch() -> None:
            while server.requests < MOST_REQUESTS and loop.time() < patience(best):
                await asyncio.sleep(60)

        people = [asyncio.create_task(person(a)) for a in arrivals(interactive, rng, best + HOUR)]
        work = asyncio.gather(*(worker() for _ in range(WORKERS)))
        tasks: list[asyncio.Future[Any]] = [work, asyncio.create_task(watch())]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        end = loop.time()
        for task in (*tasks, *people):
            task.cancel()
        await asyncio.gather(*tasks, *people, return_exceptions=True)
        missed = len(people) - len(waits)
        makespan = end if work in done else None
        refused = server.refused_at
        return Result(
            best,
            makespan,
            len(refused),
            blocked_seconds(refused, end),
            waits + [math.inf] * missed,
        )

    with asyncio.Runner(loop_factory=partial(VirtualLoop, turn=1e-6)) as runner:
        return runner.run(run())
