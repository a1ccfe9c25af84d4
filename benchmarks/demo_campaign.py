"""The sample campaign of `postiz-async demo`: requests, refusals, makespan against the optimum.

Claim: requests / lower bound = 1.00, no 429, makespan / optimum <= 1.01, each post stored once;
(a) over HTTP on a clock that runs 600 times as fast, as in the demo, and (b) in memory on a clock
that jumps. The optimum is that of the server's window: N requests at L an hour cannot take less
than (ceil(N / L) - 1) hours from the first to the last. Run: python benchmarks/demo_campaign.py
"""

from __future__ import annotations

import asyncio
import math
import shutil
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from figures import Figure, note

from postiz_async import AdvancedOptions
from postiz_async._client import Postiz
from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve
from postiz_async.clock import AcceleratedClock, Anchor, JumpingClock
from postiz_async.testing._transport import sandbox_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from postiz_async.clock import Clock

START = datetime(2027, 1, 14, 9, tzinfo=UTC).timestamp()
LIMIT = 30
SPEED = 600.0
LATENCY = 0.05
"""Seconds each way in memory."""


class Numbers(NamedTuple):
    """What one run took."""

    requests: int
    bound: int
    refusals: int
    makespan: float
    rows: int
    stored_once: int
    seconds: float

    @property
    def optimum(self) -> float:
        return (math.ceil(self.bound / LIMIT) - 1) * 3600.0

    def is_good(self) -> bool:
        return (
            self.requests == self.bound
            and self.refusals == 0
            and self.makespan / self.optimum <= 1.01
            and self.stored_once == self.rows
        )


def sandbox(clock: Clock, sample: Path) -> MemoryServer:
    """A sandbox with the channels and tags of the sample."""
    tags = msgspec.json.decode((sample / "tags.json").read_bytes(), type=list[str])
    box = MemoryServer(api_key="demo", clock=clock, limit=LIMIT, tags=tags)
    for channel in msgspec.json.decode((sample / "channels.json").read_bytes()):
        box.add_channel(channel["provider"], id=channel["id"], name=channel["name"])
    return box


@asynccontextmanager
async def over_http(sample: Path) -> AsyncIterator[tuple[MemoryServer, Postiz]]:
    clock = AcceleratedClock(SPEED, anchor=Anchor(time.time(), START))
    async with (
        sandbox(clock, sample) as box,
        serve(box) as served,
        Postiz(
            api_key="demo", base_url=served.url, advanced=AdvancedOptions(clock=clock)
        ) as postiz,
    ):
        yield box, postiz


@asynccontextmanager
async def in_memory(sample: Path) -> AsyncIterator[tuple[MemoryServer, Postiz]]:
    box = sandbox(JumpingClock(START), sample)
    async with box, sandbox_client(box, latency=LATENCY) as postiz:
        yield box, postiz


async def measure(*, http: bool) -> Numbers:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        source = stack.enter_context(as_file(files("postiz_async._sandbox") / "sample"))
        shutil.copytree(source, folder, dirs_exist_ok=True)
        place = over_http(folder) if http else in_memory(folder)
        box, postiz = await stack.enter_async_context(place)
        began = time.perf_counter()
        campaign = await stack.enter_async_context(postiz.campaign(folder / "campaign.csv"))
        bound = len({(row.date, row.shared) for row in campaign.rows})  # each fits into one
        rows = len(campaign.rows)
        await campaign.run()
        seconds = time.perf_counter() - began
        refs = Counter(str(post.settings.get("client_ref")) for post in box.posts)
        return Numbers(
            requests=len(box.creates),
            bound=bound,
            refusals=box.refusals,
            makespan=box.creates[-1].at - box.creates[0].at,
            rows=rows,
            stored_once=sum(1 for times in refs.values() if times == 1),
            seconds=seconds,
        )


def show(name: str, n: Numbers) -> None:
    requests = Figure(name=f"{name}: requests", value=n.requests, unit="requests",
                      baseline="lower bound", base=n.bound, compared="ratio", target=1)  # fmt: skip
    makespan = Figure(name=f"{name}: makespan", value=n.makespan / 3600, unit="h",
                      baseline="optimum", base=n.optimum / 3600, compared="ratio",
                      target=1.01)  # fmt: skip
    once = Figure(name=f"{name}: stored once", value=n.stored_once, unit="rows",
                  baseline="rows", base=n.rows, compared="ratio", target=1,
                  better="more")  # fmt: skip
    refusals = Figure(name=f"{name}: 429s", value=n.refusals, unit="refusals", target=0)
    for figure in (requests, makespan, once, refusals):
        note(figure)
    print(
        f"{name:22}  {n.requests:3} / {n.bound:3} = {n.requests / n.bound:.2f}  {n.refusals:4}  "
        f"{n.makespan:9,.0f} / {n.optimum:6,.0f} s = {n.makespan / n.optimum:.4f}  "
        f"{n.stored_once:4} of {n.rows}  {n.seconds:7.1f}"
    )


def main() -> int:
    print(f"{'':22}  requests / bound  429s  makespan / optimum           stored once  seconds")
    good = True
    for name, http in (
        (f"HTTP, {SPEED:.0f} times as fast", True),
        ("memory, jumping clock", False),
    ):
        numbers = asyncio.run(measure(http=http))
        show(name, numbers)
        good = good and numbers.is_good()
    print("targets: 1.00, 0, <= 1.01, all:", "reached" if good else "MISSED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
