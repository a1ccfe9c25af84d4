"""What the quota weighs: a place in the queue, a decision in each mode, a snapshot."""

from __future__ import annotations

import asyncio
import gc
import math
import time
import tracemalloc
from typing import TYPE_CHECKING

import msgspec
from world import lab, torn_off

from postiz_async import Priority, _quota as quota
from postiz_async._quota.snapshot import take_snapshot
from postiz_async._resources.api import opened
from postiz_async._scheduler.calls import SlotRequest

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 90
NOW = 1_000.0


async def weigh(tickets: int) -> tuple[float, float]:
    """Bytes and seconds for each of many creates that wait, their tasks included."""
    async with lab(limit=1) as it:
        await it.create(0)
        queue = opened(it.postiz).scheduler.queue
        gc.collect()
        tracemalloc.start()
        begun = time.perf_counter()
        waiting = [
            asyncio.ensure_future(
                queue.admit(
                    SlotRequest(
                        priority=Priority.BULK,
                        posts=1,
                        since=0.0,
                        due=float(number),
                        lifetime=60.0,
                    )
                )
            )
            for number in range(tickets)
        ]
        await asyncio.sleep(0)
        seconds = time.perf_counter() - begun
        weight = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        await torn_off(*waiting)
        return weight / tickets, seconds / tickets


# ------------------------------------------------------------------ ledgers that know much


def _experienced(log: quota.Log) -> quota.Ledger:
    """Others and interactive calls were seen, and some came in numbers."""
    neighbours = quota.Neighbours(
        past_foreign=3.0,
        past_hours=5.0,
        asked=4.0,
        asked_since=NOW - 9_000.0,
        asked_at=NOW - 2_000.0,
        surge=12,
        surge_until=NOW + 9_000.0,
    )
    return quota.Ledger(window=quota.Window(limit=LIMIT), neighbours=neighbours, log=log)


def _after(calls: int, seconds: float, log: quota.Log) -> quota.Ledger:
    """So many calls were answered, in the last so many seconds before `NOW`."""
    ledger = _experienced(log)
    for number in range(calls):
        sent = NOW - seconds + seconds * number / calls
        ledger, token = quota.acquired(ledger, sent)
        if log.headerless:
            ledger = quota.unread(ledger, token, sent + 0.2)
            continue
        reset = math.ceil(NOW - seconds + 3_600.0 - sent)
        reading = quota.RateHeaders(LIMIT, LIMIT - 1 - number, float(reset))
        ledger = quota.answered(ledger, token, sent + 0.2, reading)
    return ledger


def ledgers() -> dict[str, tuple[quota.Ledger, float]]:
    """A ledger of limit 90 in each mode, and a moment at which to ask it."""
    fixed, sliding, headerless = quota.Log(), quota.Log(sliding=True), quota.Log(headerless=True)
    busy, _ = _after(20, 20.0, fixed), None
    for _ in range(30):
        busy, _ = quota.acquired(busy, NOW)
    return {
        "probe": (_experienced(fixed), NOW),
        "window, free": (_after(20, 900.0, fixed), NOW),
        "window, 30 in flight": (busy, NOW),
        "window, held": (_after(80, 900.0, fixed), NOW),
        "window, closing": (_after(80, 900.0, fixed), NOW - 900.0 + 3_595.0),
        "sliding log, free": (_after(60, 900.0, sliding), NOW),
        "sliding log, held": (_after(86, 900.0, sliding), NOW),
        "no headers, free": (_after(40, 900.0, headerless), NOW),
        "no headers, held": (_after(80, 900.0, headerless), NOW),
    }


def _least(work: Callable[[], object], rounds: int) -> float:
    """Microseconds of one call, at the quietest of seven times."""
    best = math.inf
    for _ in range(7):
        begun = time.perf_counter()
        for _ in range(rounds):
            work()
        best = min(best, time.perf_counter() - begun)
    return best / rounds * 1e6


def print_costs() -> None:
    weight, seconds = asyncio.run(weigh(100_000))
    print(f"100,000 places in the queue: {weight:,.0f} bytes each, with their tasks, but")
    print("  without the public call (see memory.py);")
    print(f"  {seconds * 1e6:.0f} us each to stand in the queue, memory being traced")
    print("a decision at limit 90 (at most 5 us), the way of a call through the ledger with its")
    print("answer, and a snapshot (at most 600 bytes):")
    print(f"{'mode':22} bulk, us  interactive, us  with its answer, us  snapshot, bytes")
    for name, (ledger, now) in ledgers().items():
        print(
            f"{name:22} {_least(lambda: quota.decide(ledger, now, backlog=500), 10_000):8.1f} "  # noqa: B023
            f"{_least(lambda: quota.decide(ledger, now, urgent=True), 10_000):16.1f} "  # noqa: B023
            f"{_least(lambda: _whole_way(ledger, now), 3_000):20.1f} "  # noqa: B023
            f"{len(msgspec.json.encode(take_snapshot(ledger, now, 1.8e9 + now))):16}"
        )


def _whole_way(ledger: quota.Ledger, now: float) -> quota.Ledger:
    quota.decide(ledger, now, urgent=True)
    ledger, token = quota.acquired(ledger, now)
    if ledger.log.headerless:
        return quota.unread(ledger, token, now + 0.2)
    return quota.answered(ledger, token, now + 0.2, quota.RateHeaders(LIMIT, 3, 2_000.0))
