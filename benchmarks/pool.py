"""What an organisation costs in a `PostizPool`, and what its neighbours' backlog costs it.

Claims: an idle organisation takes no task, no timer and little memory; a call of one waits for at
most one call of each other organisation, whatever they have queued. Baseline in the same run: the
same calls over one shared transport without turns. On the jumping clock, so the waits are those of
the model and do not depend on the machine. Run: python benchmarks/pool.py
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
import tracemalloc
from datetime import UTC, datetime

from figures import Figure, note

from postiz_async import AdvancedOptions, Postiz, PostizPool
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.clock import JumpingClock

ORGANISATIONS = 5_000
URL = "http://localhost:1"
START, END = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC)
BACKLOG, SMALL, CONNECTIONS, SECONDS = 2_000, 20, 20, 0.2


class Narrow:
    """A server that answers each request after a fixed time, over so many connections."""

    def __init__(self, clock: JumpingClock) -> None:
        self._clock = clock
        self._room = asyncio.Semaphore(CONNECTIONS)

    async def send(self, request: WireRequest) -> WireResponse:
        del request
        async with self._room:
            await self._clock.sleep(SECONDS)
        return WireResponse(200, {}, b'{"posts":[]}')

    async def aclose(self) -> None:
        """There is nothing to close."""


async def idle() -> None:
    clock = JumpingClock()
    async with PostizPool(
        base_url=URL,
        max_clients=20_000,
        advanced=AdvancedOptions(clock=clock, transport=Narrow(clock)),
    ) as pool:
        await pool.client("warm")
        gc.collect()
        tracemalloc.start()
        for number in range(ORGANISATIONS):
            await pool.client(f"key-{number}")
        gc.collect()
        weight = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        begun = time.perf_counter()
        for number in range(ORGANISATIONS):
            await pool.client(f"key-{number}")
        found = time.perf_counter() - begun
        begun = time.perf_counter()
        for number in range(ORGANISATIONS):
            await pool.client(f"another-{number}")
        opened = time.perf_counter() - begun
        tasks = len(asyncio.all_tasks()) - 1
    note(Figure(name="an idle organisation", value=weight / ORGANISATIONS, unit="bytes"))
    note(Figure(name="tasks of idle organisations", value=tasks, unit="tasks", target=0))
    print(f"{ORGANISATIONS:,} idle organisations")
    print(f"  memory each            {weight / ORGANISATIONS:8,.0f} bytes")
    print(f"  tasks                  {tasks:8}")
    print(f"  opened                 {opened / ORGANISATIONS * 1e6:8.0f} us each")
    print(f"  found again            {found / ORGANISATIONS * 1e6:8.0f} us each")


async def waits(clock: JumpingClock, big: Postiz, small: list[Postiz]) -> list[float]:
    """Seconds that each small organisation waits for one call beside the backlog of a big one."""

    async def look(postiz: Postiz) -> float:
        begun = clock.monotonic()
        await postiz.posts.list(start=START, end=END)
        return clock.monotonic() - begun

    async with asyncio.TaskGroup() as group:
        for _ in range(BACKLOG):
            group.create_task(look(big))
        await clock.sleep(SECONDS / 2)
        calls = [group.create_task(look(postiz)) for postiz in small]
    return [call.result() for call in calls]


async def fairness() -> None:
    clock = JumpingClock()
    async with PostizPool(
        base_url=URL,
        connections=CONNECTIONS,
        advanced=AdvancedOptions(clock=clock, transport=Narrow(clock)),
    ) as pool:
        small = [await pool.client(f"small-{number}") for number in range(SMALL)]
        fair = await waits(clock, await pool.client("big"), small)
    shared = Narrow(clock)
    clients = [
        Postiz(
            api_key=f"key-{number}",
            base_url=URL,
            advanced=AdvancedOptions(clock=clock, transport=shared),
        )
        for number in range(SMALL + 1)
    ]
    for client in clients:
        await client.open()
    unfair = await waits(clock, clients[0], clients[1:])
    for client in clients:
        await client.aclose()
    note(
        Figure(
            name=f"worst wait beside a backlog of {BACKLOG:,} calls",
            value=max(fair),
            unit="s",
            baseline="first come, first served",
            base=max(unfair),
            target=(SMALL + 1 + 1) * SECONDS,
        )
    )
    print(f"\none call of each of {SMALL} organisations beside a backlog of {BACKLOG:,} calls")
    print(f"({CONNECTIONS} connections, {SECONDS} s a call)         median      worst")
    for name, times in (("PostizPool", fair), ("first come, first served", unfair)):
        print(f"  {name:32} {statistics.median(times):8.1f} s {max(times):8.1f} s")


if __name__ == "__main__":
    asyncio.run(idle())
    asyncio.run(fairness())
