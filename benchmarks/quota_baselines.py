"""Common limiters and retry loops in the scenes, on the same models of the server.

Each has 50 workers and a network of 0.2 s there and back on average. A run that takes longer than
four times the optimum and twelve hours, or too many requests, is stopped.
"""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import math
import random
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, fields
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from aiolimiter import AsyncLimiter
from quota_scenes import (
    LIMIT,
    WORKERS,
    Result,
    best_of,
    blocked_seconds,
    fate_of,
    patience,
    stream,
)

# after quota_scenes, which knows the way to the tests
from throttle_in_memory import MemoryThrottle
from world import HOUR, VirtualLoop, meanwhile, one_way, torn_off

from postiz_async._sandbox.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from quota_scenes import Scene

    from postiz_async._sandbox.throttle import ThrottleDecision

Pass: TypeAlias = "Callable[[], Awaitable[object]]"
"""Lets a call go."""

MOST_REQUESTS = 20_000
BEGAN = 1_000.0
"""What the server's clock shows at the start; its wall clock is that of `world`."""
WALL = 1_800_000_000.0


class Server:
    """The throttle of a scene behind a network."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self._scene = scene
        self._rng = random.Random(seed)
        self.throttle: Throttle = (Throttle if scene.storage == "redis" else MemoryThrottle)(
            scene.limit
        )
        for _ in range(scene.used):
            self.throttle.hit("key", BEGAN - 600)
        if scene.counter:
            self.throttle = scene.counter(stream(seed, "odds"))
        self.requests = 0
        self.refusals = 0
        self.refused_at: list[float] = []
        """When a request was refused, whoever sent it."""

    async def create(self) -> dict[str, str]:
        """Send one create; the headers that its answer has, `Retry-After` if it was refused."""
        await asyncio.sleep(one_way(self._rng))
        self.requests += 1
        verdict = self._hit()
        self.refusals += not verdict.allowed
        await asyncio.sleep(one_way(self._rng))
        told = dict(verdict.headers)
        if self._scene.stripped:
            told = {name: text for name, text in told.items() if "RateLimit" not in name}
        return told if verdict.allowed else {"Retry-After": "", **told}

    def knock(self) -> bool:
        """A create of somebody else; says whether it was let in."""
        return self._hit().allowed

    def _hit(self) -> ThrottleDecision:
        now = asyncio.get_running_loop().time()
        verdict = self.throttle.hit("key", BEGAN + now)
        if not verdict.allowed:
            self.refused_at.append(now)
        return verdict

    def seconds(self, text: str) -> float | None:
        """What is said in seconds, or by a moment, if our clock is right; None: nothing."""
        with suppress(ValueError):
            if "," in text:
                moment = parsedate_to_datetime(text).replace(tzinfo=UTC).timestamp()
            elif float(text) < WALL / 2:
                return float(text)
            else:
                moment = float(text)
            now = WALL + BEGAN + asyncio.get_running_loop().time() + self._scene.wall_ahead
            return max(0.0, moment - now)
        return None


# ------------------------------------------------------------------ the clients


def open_gate() -> Pass:
    async def limiter() -> None:
        """There is nothing to wait for."""

    return limiter


def bucket(burst: int, seconds: float) -> Pass:
    return AsyncLimiter(burst, seconds).acquire


def local_guard(limit: int) -> Pass:
    """At most `limit` calls in the last hour by our own clock, stamped when they are sent."""
    sent: list[float] = []

    async def limiter() -> None:
        loop = asyncio.get_running_loop()
        while len(sent) >= limit and sent[-limit] + HOUR > loop.time():
            await asyncio.sleep(sent[-limit] + HOUR - loop.time() + 0.001)
        sent.append(loop.time())

    return limiter


def pyrate(limit: int = LIMIT) -> Pass:
    from pyrate_limiter import (  # noqa: PLC0415  (may be absent)
        InMemoryBucket,
        Limiter,
        Rate,
        SingleBucketFactory,
    )

    class Bucket(InMemoryBucket):  # type: ignore[misc]  # it may be absent
        def now(self) -> int:
            return int(asyncio.get_running_loop().time() * 1000)

    limiter = Limiter(
        SingleBucketFactory(Bucket([Rate(limit, int(HOUR * 1000))]), schedule_leak=False)
    )
    return lambda: limiter.try_acquire_async("key")


def throttled(algorithm: str, limit: int) -> Pass:
    from throttled import utils  # noqa: PLC0415  (may be absent)
    from throttled.asyncio import (  # noqa: PLC0415
        MemoryStore,
        Throttled,
        rate_limiter,
    )

    loop = asyncio.get_running_loop()
    utils.now_mono_f = loop.time  # the clocks of all its algorithms
    utils.now_sec = lambda: int(WALL + loop.time())
    quota = rate_limiter.per_hour(limit, burst=limit)
    limiter = Throttled("key", using=algorithm, quota=quota, store=MemoryStore())

    async def acquire() -> None:
        while (result := await limiter.limit()).limited:
            await asyncio.sleep(max(result.state.retry_after, 0.001))

    return acquire


async def persist(server: Server, limiter: Pass, rng: random.Random, *, honour: bool) -> None:
    """Send until it is accepted, with exponential back-off or as `Retry-After` says."""
    for attempt in itertools.count():
        await limiter()
        refused = (await server.create()).get("Retry-After")
        if refused is None:
            return
        wait = server.seconds(refused) if honour else None
        if wait is None:
            wait = min(60.0, 0.5 * 2.0 ** min(attempt, 10)) * rng.uniform(0.5, 1.0)
        await asyncio.sleep(wait)


class Mirror:
    """A client that believes the last answer: one call at a time, none while nothing remains.

    Args:
        server: of the scene.
        keeps: the share of the limit that it leaves until shortly before the window ends.
    """

    def __init__(self, server: Server, keeps: float = 0.0) -> None:
        self._server = server
        self._keeps = keeps
        self._turn = asyncio.Lock()
        self._opens = -math.inf

    async def send(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            async with self._turn:
                await asyncio.sleep(max(0.0, self._opens - loop.time()))
                told = await self._server.create()
                reset = told.get("Retry-After", told.get("X-RateLimit-Reset", ""))
                end = loop.time() + (self._server.seconds(reset) or 0.0)
                # without rate headers nothing tells what is left
                unknown = "0" if "Retry-After" in told else "inf"
                remaining = float(told.get("X-RateLimit-Remaining", unknown))
                if remaining == 0:
                    self._opens = end + 2
                elif remaining <= math.ceil(self._keeps * int(told.get("X-RateLimit-Limit", "0"))):
                    self._opens = end - 8
            if "Retry-After" not in told:
                return


@dataclass(frozen=True)
class Baseline:
    """One way to use a library, whose module it `needs`; its user knows the limit of an hour."""

    limiter: Callable[[int], Pass]
    honours: bool = True
    library: str = ""
    needs: str = "aiolimiter"

    @property
    def is_there(self) -> bool:
        return importlib.util.find_spec(self.needs) is not None


BASELINES = {
    "AsyncLimiter(30, 3600)": Baseline(lambda limit: bucket(limit, HOUR), library="aiolimiter"),
    "AsyncLimiter(1, 120)": Baseline(lambda limit: bucket(1, HOUR / limit), library="aiolimiter"),
    "back-off, ignores Retry-After": Baseline(lambda _: open_gate(), honours=False),
    "back-off, honours Retry-After": Baseline(lambda _: open_gate()),
    "pyrate-limiter": Baseline(pyrate, library="pyrate-limiter", needs="pyrate_limiter"),
    "local guard, 30 in the last hour": Baseline(local_guard),
} | {
    f"throttled-py, {algorithm.replace('_', ' ')}": Baseline(
        partial(throttled, algorithm), library="throttled-py", needs="throttled"
    )
    for algorithm in ("fixed_window", "sliding_window", "token_bucket", "gcra")
}
MIRRORS = {"mirror": 0.0, "mirror, 2/5 kept": 0.4}
"""Clients that only mirror the window, and the share of it that they keep until its end."""


# ------------------------------------------------------------------ one run


def can_play(scene: Scene) -> bool:
    """Whether nothing happens in a scene but what a baseline can meet here."""
    met = ("counter", "window", "stripped", "storage", "limits", "wall_ahead", "pages", "used")
    who = ("creates", "limit", "others", "rude", "interactive", "reserve")
    plain = {field.name: field.default for field in fields(scene)}
    return all(
        getattr(scene, name) == default
        for name, default in plain.items()
        if name not in {*met, *who}
    )


def baseline(name: str, scene: Scene, seed: int) -> Result:
    """One of them in a scene: what its server does, who else comes, and interactive calls."""
    with asyncio.Runner(loop_factory=partial(VirtualLoop, turn=1e-6)) as runner:
        return runner.run(_Run(name, scene, seed).to_its_end())


class _Run:
    def __init__(self, name: str, scene: Scene, seed: int) -> None:
        self._scene = scene
        self._fate = fate_of(scene, seed)
        self._best = best_of(scene, self._fate)
        self._server = Server(scene, seed)
        self._name, self._dice = name, random.Random(seed)
        self._waits: list[float] = []
        self._others = self._others_refused = 0

    async def to_its_end(self) -> Result:
        loop, fate = asyncio.get_running_loop(), self._fate
        send, todo = self._client(), iter(range(self._scene.creates))

        async def worker() -> None:
            for _ in todo:
                await send()

        async def person() -> None:
            began = loop.time()
            await send()
            self._waits.append(loop.time() - began)

        async with AsyncExitStack() as stack:
            for moment in fate.interactive:
                await stack.enter_async_context(meanwhile(_at(moment, person)))
            for moment in fate.others:
                await stack.enter_async_context(meanwhile(_at(moment, self._other)))
            for moment, limit in fate.limits:
                change = partial(self._change, limit)
                await stack.enter_async_context(meanwhile(_at(moment, change)))
            work: asyncio.Future[list[None]] = asyncio.gather(*(worker() for _ in range(WORKERS)))
            watch = asyncio.create_task(self._watch())
            await asyncio.wait((work, watch), return_when=asyncio.FIRST_COMPLETED)
            end, is_done = loop.time(), work.done()
            await torn_off(work, watch)
        came = sum(moment <= end for moment in fate.interactive)
        refused = self._server.refused_at
        return Result(
            self._best,
            end if is_done else None,
            self._server.refusals,
            blocked_seconds(refused, end, self._scene.window),
            self._waits + [math.inf] * (came - len(self._waits)),
            self._others,
            self._others_refused,
        )

    def _client(self) -> Pass:
        if self._name in MIRRORS:
            return Mirror(self._server, MIRRORS[self._name]).send
        entry = BASELINES[self._name]
        limiter = entry.limiter(self._scene.limit)
        return partial(persist, self._server, limiter, self._dice, honour=entry.honours)

    async def _other(self) -> None:
        self._others += 1
        if self._server.knock():
            return
        self._others_refused += 1
        while self._scene.rude:
            await asyncio.sleep(60)
            if self._server.knock():
                return

    async def _change(self, limit: int) -> None:
        self._server.throttle.limit = limit

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while self._server.requests < MOST_REQUESTS and loop.time() < patience(self._best):
            await asyncio.sleep(60)


async def _at(moment: float, what: Callable[[], Awaitable[object]]) -> None:
    await asyncio.sleep(moment)
    await what()
