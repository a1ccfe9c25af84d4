"""What a run holds and reads does not grow with what it has sent."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from campaign_lab import Lab, rows

import postiz_async
from postiz_async._campaign.journal import tables
from postiz_async._campaign.plan.plan import Arrangement, Planner
from postiz_async._campaign.read.rows import Row
from postiz_async.models.posts import PostRequest

PACKAGE = Path(postiz_async.__file__).parent
BYTES_A_ROW = 300
"""An id, by which the post is known if it turns up elsewhere, and the moments that are taken."""

_LOOKS = 3


def held() -> int:
    """Bytes that the package holds, its server in memory left out."""
    gc.collect()
    ours, servers = f"{PACKAGE}/", (f"{PACKAGE}/_sandbox/", f"{PACKAGE}/testing/")
    return sum(
        each.size
        for each in tracemalloc.take_snapshot().traces
        if (file := each.traceback[0].filename).startswith(ours) and not file.startswith(servers)
    )


def forget() -> None:
    """Empty the caches of functions, which in a process of many tests grow in large steps."""
    for name, module in tuple(sys.modules.items()):
        if name.startswith("postiz_async"):
            for each in vars(module).values():
                if hasattr(each, "cache_info") and each.cache_info().maxsize:
                    each.cache_clear()


def written(lab: Lab, count: int) -> None:
    names = [lab.channel(name) for name in ("mastodon", "telegram", "threads", "bluesky")]
    lab.write(rows(names, count, hours=200.0))


async def test_what_was_sent_takes_no_memory(lab: Lab, tmp_path: Path) -> None:
    forget()
    (tmp_path / "before").mkdir()
    before = Lab(tmp_path / "before")
    async with before.sandbox:  # so that nothing is imported or remembered for the first time
        written(before, 8)
        async with before.client() as postiz, before.campaign(postiz) as campaign:
            await campaign.run()
    count, first = 160, 60
    written(lab, count)
    sizes: dict[int, int] = {}  # the least of some looks: what is on its way comes and goes
    tracemalloc.start()
    try:
        async with lab.client() as postiz, lab.campaign(postiz) as campaign:
            seen = 0
            async for _ in campaign.run():
                seen += 1
                for at in (first, count):
                    if at - _LOOKS < seen <= at:
                        sizes[at] = min(held(), sizes.get(at, sys.maxsize))
            after = held()
    finally:
        tracemalloc.stop()
    grown = (sizes[count] - sizes[first]) / (count - first)
    assert grown < BYTES_A_ROW
    assert after < sizes[first]  # the plan is gone, and nothing came in its place


@pytest.mark.parametrize(("pause", "times"), [(5.0, 1), (300.0, 2)])
async def test_a_run_goes_by_a_plan_that_was_just_made(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, pause: float, times: int
) -> None:
    calls: list[int] = []
    arrange = Planner.arrange

    def counting(self: Planner, given: Sequence[Row], align: timedelta) -> Arrangement:
        calls.append(len(given))
        return arrange(self, given, align)

    monkeypatch.setattr(Planner, "arrange", counting)
    written(lab, 24)
    async with lab.client() as postiz, lab.campaign(postiz, align="15m") as campaign:
        await campaign.plan()
        await lab.clock.sleep(pause)
        report = await campaign.run()
    assert report.counts == {"stored": 24}
    assert calls == [24] * times


@pytest.mark.parametrize("count", [160, pytest.param(480, marks=pytest.mark.exhaustive)])
async def test_each_request_is_read_a_few_times_however_many_there_are(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    class Counting:
        times = 0

        def decode(self, body: bytes) -> PostRequest:
            self.times += 1
            return decoder.decode(body)

    decoder, counting = tables._body, Counting()
    monkeypatch.setattr(tables, "_body", counting)
    written(lab, count)
    report = await lab.run()
    assert report.counts == {"stored": count}
    assert counting.times <= 4 * report.requests
