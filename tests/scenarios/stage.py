"""A server on the jumping clock, clients of one key, and others whom they cannot see."""

from __future__ import annotations

import asyncio
import itertools
import random
from bisect import bisect
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from sending import date_of, send_all

from postiz_async import Priority, StoreError
from postiz_async.clock import JumpingClock
from postiz_async.sandbox import Fault, HttpRequest, Sandbox
from postiz_async.sandbox.throttle import MemoryThrottle, RedisThrottle
from postiz_async.testing import sandbox_client

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from postiz_async import Postiz
    from postiz_async.sandbox.faults import FaultKind
    from postiz_async.sandbox.throttle import Throttle
    from postiz_async.stores import QuotaStore, Versioned

__all__ = [
    "HOUR",
    "Mortal",
    "Stage",
    "Storage",
    "arrivals",
    "optimum",
    "polite_optimum",
    "stage",
]

HOUR = 3600.0
Storage = Literal["redis", "memory"]


def optimum(creates: int, limit: int) -> float:
    """Seconds from the first to the last of so many creates, alone on the key."""
    return (-(-creates // limit) - 1) * HOUR


def arrivals(rate: float, seed: int) -> list[float]:
    """Random moments of two days, `rate` an hour."""
    rng, moments = random.Random(seed), [0.0]  # noqa: S311
    while moments[-1] < 48 * HOUR:
        moments.append(moments[-1] + rng.expovariate(rate / HOUR))
    return moments[1:]


def polite_optimum(creates: int, limit: int, others: Sequence[float]) -> float:
    """The same beside others, of somebody who knows when they come and leaves them their slots."""
    for window in itertools.count():
        if creates <= limit:
            return window * HOUR
        came = bisect(others, (window + 1) * HOUR) - bisect(others, window * HOUR)
        creates -= max(0, limit - came)
    raise AssertionError


@dataclass
class Stage:
    sandbox: Sandbox
    clock: JumpingClock
    channel: str
    rng: random.Random
    others_sent: int = 0
    others_refused: int = 0
    began: float = field(default=0.0)

    # -------------------------------------------------------------- clients

    def client(self, store: QuotaStore | None = None) -> Postiz:
        """A client of the key, with a network of 0.2 s there and back on average."""
        return sandbox_client(self.sandbox, latency=self._one_way, quota=store)

    def _one_way(self) -> float:
        return 0.02 + self.rng.expovariate(1 / 0.08)

    async def work(
        self,
        clients: Sequence[Postiz],
        numbers: Sequence[int],
        *,
        workers: int = 50,
        priority: Priority = Priority.BULK,
        announced: bool = False,
    ) -> None:
        """Share the numbers among open clients; ends when all posts are stored."""
        async with asyncio.TaskGroup() as group:
            for place, postiz in enumerate(clients):
                mine = numbers[place :: len(clients)]
                each = max(1, workers // len(clients))
                work = send_all(
                    postiz, self.channel, mine, workers=each, priority=priority, announced=announced
                )
                group.create_task(work)

    async def work_until(
        self, moment: float, postiz: Postiz, *, priority: Priority, kill: Callable[[], None]
    ) -> None:
        """Send what is not stored yet; at `moment` of the clock all calls are torn off."""
        work = asyncio.create_task(self.work([postiz], self.missing, priority=priority))
        alarm = asyncio.create_task(self.clock.sleep_until(moment))
        await asyncio.wait([work, alarm], return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            kill()
        await _torn_off(work)
        await _torn_off(alarm)

    # -------------------------------------------------------------- others

    async def knock(self) -> bool:
        """A create of somebody else; says whether it was let in."""
        headers = {"authorization": "sandbox", "content-type": "application/json"}
        request = HttpRequest("POST", "/public/v1/posts", (), headers, b"{}")
        return (await self.sandbox.handle(request)).status != 429

    @asynccontextmanager
    async def neighbour(self, moments: Sequence[float]) -> AsyncGenerator[None]:
        """Somebody who creates at these moments, meanwhile."""

        async def live() -> None:
            for moment in moments:
                await self.clock.sleep_until(moment)
                self.others_sent += 1
                self.others_refused += not await self.knock()

        life = asyncio.create_task(live())
        try:
            yield
        finally:
            await _torn_off(life)

    # -------------------------------------------------------------- trouble

    @asynccontextmanager
    async def at(self, moment: float, change: Callable[[], object]) -> AsyncGenerator[None]:
        """Something happens at `moment` of the clock, if the block lasts so long."""

        async def happen() -> None:
            await self.clock.sleep_until(moment)
            change()

        coming = asyncio.create_task(happen())
        try:
            yield
        finally:
            await _torn_off(coming)

    def fault(
        self,
        kind: FaultKind,
        *,
        route: str | None = "create_post",
        times: int | None = None,
        probability: float = 1.0,
        status: int = 500,
    ) -> None:
        self.sandbox.faults.add(
            Fault(kind, route=route, times=times, probability=probability, status=status)
        )

    @property
    def throttle(self) -> Throttle:
        return self.sandbox._judge._throttle  # pyright: ignore[reportPrivateUsage]

    def restart_counter(self, limit: int, storage: Storage) -> None:
        """The counter starts anew, as one in the memory of a server's process does."""
        kind = RedisThrottle if storage == "redis" else MemoryThrottle
        self.sandbox._judge._throttle = kind(limit)  # pyright: ignore[reportPrivateUsage]

    # -------------------------------------------------------------- what came of it

    creates: int = 0
    """How many posts are to be stored; their numbers are 0, 1, 2 ..."""

    @property
    def numbers(self) -> list[int]:
        """The numbers of the stored posts, sorted, each as often as it is stored."""
        first = date_of(0)
        return sorted(int((post.date - first).total_seconds()) // 60 for post in self.sandbox.posts)

    @property
    def missing(self) -> list[int]:
        return sorted(set(range(self.creates)) - set(self.numbers))

    @property
    def refusals(self) -> int:
        """Our creates that were refused with 429."""
        return self.sandbox.refusals - self.others_refused

    @property
    def elapsed(self) -> float:
        """Seconds of the clock since the start."""
        return self.clock.monotonic() - self.began

    @property
    def is_exact(self) -> bool:
        """Nothing was lost, nothing doubled."""
        return self.numbers == list(range(self.creates))


@asynccontextmanager
async def stage(
    creates: int, *, limit: int = 30, storage: Storage = "redis", seed: int = 1
) -> AsyncGenerator[Stage]:
    """A server where so many posts are to be stored."""
    clock, rng = JumpingClock(), random.Random(seed)  # noqa: S311
    sandbox = Sandbox(clock=clock, limit=limit, storage=storage, work_per_post=0.0, seed=seed)
    async with sandbox:
        channel = sandbox.add_integration("mastodon").id
        yield Stage(sandbox, clock, channel, rng, creates=creates)


async def _torn_off(task: asyncio.Task[None]) -> None:
    """Cancel a task; if it failed by itself, so does this."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


class Mortal:
    """A process's hold of a store: once it is killed, it writes nothing any more."""

    def __init__(self, store: QuotaStore) -> None:
        self._store = store
        self.killed = False

    async def read(self, name: str) -> Versioned:
        return await self._store.read(name)

    async def swap(self, name: str, version: int, value: bytes) -> tuple[bool, Versioned]:
        if self.killed:
            raise StoreError("killed")
        return await self._store.swap(name, version, value)

    def kill(self) -> None:
        self.killed = True

    async def aclose(self) -> None:
        """The store is others' too."""
