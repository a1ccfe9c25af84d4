"""Jobs that are killed, as with `kill -9`, and started again by a process that knows nothing."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import Lab, Watched, at, rows, somewhere
from samples import PNG
from spread import spread

from postiz_async._sandbox import Fault

COUNT = 30


def campaign(channels: list[str], *, thread: bool) -> list[dict[str, Any]]:
    """Six moments, so at least six requests; some posts with media, some with a thread."""
    records = rows(channels, COUNT)
    for number, record in enumerate(records):
        if number % 7 == 0:
            record["media"] = "a.png"
        if thread and number % 5 == 0:
            record["thread"] = ["second", "third"]
        if number % 11 == 0:
            record["repeat_days"] = 30
    return records


async def survive(lab: Lab, rng: random.Random, *, kills: int, thread: bool = True) -> None:
    channels = [lab.channel(provider) for provider in ("mastodon", "telegram", "threads")]
    (lab.folder / "a.png").write_bytes(PNG)
    lab.write(campaign(channels, thread=thread))
    for _ in range(kills):
        await lab.killed(somewhere(rng, within=14))
        await lab.clock.sleep(rng.choice([0.0, 1.0, 60.0, 4_000.0]))
    lab.sandbox.faults.clear()
    report = await lab.run()
    await lab.clock.sleep(3_600)
    assert report.counts == {"stored": COUNT}
    assert {record.post_id for record in report.rows} == {post.id for post in lab.sandbox.posts}
    lab.assert_each_once(f"post {n}" for n in range(COUNT))
    for post in lab.sandbox.posts:
        number = int(post.content.split()[1])
        assert len(post.thread) == (2 if thread and number % 5 == 0 else 0)
        assert post.has_job


def seeds(first: int) -> list[int]:
    """A few in the suite; POSTIZ_KILL_SEEDS=500 for a long night."""
    return list(range(first, first + int(os.environ.get("POSTIZ_KILL_SEEDS", "25"))))


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", seeds(0))
async def test_a_job_that_is_killed_again_and_again_stores_each_row_once(
    tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311
    lab = Lab(tmp_path, latency=0.1, limit=rng.choice([5, 8, 30]), work_per_post=0.02)
    async with lab.sandbox:
        await survive(lab, rng, kills=rng.randint(1, 4))


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", seeds(1_000))
async def test_kills_and_lost_answers_together_neither_lose_nor_double_a_row(
    tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311
    release = rng.choice(["HEAD", "v2.23.0"])
    limit = rng.choice([8, 30])
    lab = Lab(tmp_path, limit=limit, work_per_post=0.02, seed=seed, release=release)
    for fault in (
        Fault("drop_answer", route="create_post", times=None, probability=0.06),
        Fault("reset", route="create_post", times=None, probability=0.05),
        Fault("stop", route="create_post", times=None, probability=0.05, after_items=1, half=True),
        Fault("stop", route="create_post", times=None, probability=0.05, after_items=4, half=True),
        Fault("late_work", route="create_post", times=None, probability=0.05, delay=200.0),
        Fault("hang", route="create_post", times=None, probability=0.03, delay=500.0),
        Fault("empty_401", route="create_post", times=None, probability=0.05),
        Fault("reset", route="change_post_status", times=None, probability=0.2),
        Fault("drop_answer", route="delete_post_group", times=None, probability=0.2),
        *(
            Fault("error_after", route="create_post", times=None, probability=0.02, status=status)
            for status in (200, 302, 502)
        ),
        Fault("reset", route="list_posts", times=None, probability=0.05),
        Fault("drop_answer", route="upload_file", times=None, probability=0.1),
    ):
        lab.sandbox.faults.add(fault)
    async with lab.sandbox:
        await survive(lab, rng, kills=rng.randint(0, 3))


@pytest.mark.parametrize("seed", spread(range(2_000, 2_010), every=2))
async def test_a_job_that_is_cancelled_anywhere_goes_on_in_the_next(
    tmp_path: Path, seed: int
) -> None:
    """As when a user presses Ctrl-C: requests in flight end, and nothing hangs."""
    rng = random.Random(seed)  # noqa: S311
    lab = Lab(tmp_path, latency=0.1, limit=8, work_per_post=0.5)
    async with lab.sandbox:
        channels = [lab.channel(provider) for provider in ("mastodon", "telegram", "threads")]
        (tmp_path / "a.png").write_bytes(PNG)
        lab.write(campaign(channels, thread=True))
        for _ in range(3):
            running = asyncio.create_task(lab.run())
            await lab.clock.sleep(rng.choice([0.0, 0.05, 0.2, 0.5, 1.0, 3.0, 3_000.0]))
            for _ in range(rng.randint(0, 200)):
                await asyncio.sleep(0)
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
        assert (await lab.run()).complete
        await lab.clock.sleep(3_600)
        lab.assert_each_once(f"post {n}" for n in range(COUNT))


async def test_the_slots_of_creates_that_a_look_finds_are_free_at_once(tmp_path: Path) -> None:
    """They were in flight at the death, and a proxy might have held them back for 12 minutes."""
    lab = Lab(tmp_path)
    async with lab.sandbox:
        channel = lab.channel("mastodon")
        lab.write({**row, "date": at(24 + n)} for n, row in enumerate(rows([channel], COUNT)))
        with_answers_on_the_way = 1.55

        def soon(_: Watched, die: Callable[[], None]) -> None:
            lab.clock.call_at(lab.clock.monotonic() + with_answers_on_the_way, die)

        assert await lab.killed(soon)
        died, stored = lab.clock.monotonic(), len(lab.sandbox.posts)
        assert stored > 3
        report = await lab.run()
        assert lab.clock.monotonic() - died < 30
        assert len(lab.creates) > stored
    assert report.counts == {"stored": COUNT}
    lab.assert_each_once(f"post {n}" for n in range(COUNT))
