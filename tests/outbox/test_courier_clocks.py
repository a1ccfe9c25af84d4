"""An outbox whose wall clock jumps, or whose machine is started again."""

from __future__ import annotations

import asyncio
import math
import shutil
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from postiz_async import InvalidPostError, NewPost
from postiz_async._sandbox import Fault
from postiz_async.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from outbox_lab import OutboxLab

    from postiz_async import Postiz

HOUR, DAY = 3_600.0, 86_400.0


async def killed(lab: OutboxLab, work: Callable[[Postiz], Awaitable[object]], after: float) -> None:
    """A worker that works so long and dies: its file is as it was then, and its lock free."""
    before = lab.path

    async def worker() -> None:
        async with lab.client() as postiz:
            await work(postiz)
            await lab.clock.sleep(30 * DAY)

    task = asyncio.create_task(worker())
    await lab.clock.sleep(after)
    lab.path = before.with_name(f"after-{before.name}")
    for file in before.parent.glob(f"{before.name}*"):
        if not file.name.endswith((".lock", "-shm")):
            shutil.copy(file, before.with_name(f"after-{file.name}"))
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("ahead", [6 * HOUR, -6 * HOUR])
async def test_no_ticket_that_waits_is_late_because_the_wall_clock_was_set(
    lab: OutboxLab, ahead: float
) -> None:
    async with lab.client() as postiz:
        tickets = await lab.put(postiz, 40, hours=5)
        await lab.clock.sleep(600)
        lab.host.ahead = ahead
        for ticket in tickets:
            assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once(range(40))
    assert lab.clock.monotonic() < 3 * HOUR


async def test_a_late_ticket_is_late_on_a_host_whose_wall_clock_was_set_back(
    lab: OutboxLab,
) -> None:
    async with lab.client(store=MemoryStore()) as postiz:
        await lab.put(postiz, 30, hours=5)
        late = await postiz.outbox.put(lab.post("late"), at=lab.at(0.5))
        lab.host.ahead = -DAY
        assert (await postiz.outbox.wait(late.id)).state in {"stored", "late"}
        assert not [post for post in lab.sandbox.posts if post.state == "PUBLISHED"]


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
async def test_a_ticket_in_flight_is_as_old_as_it_is_whatever_the_wall_clock_says(
    file_lab: OutboxLab, ahead: float
) -> None:
    """It left while its clock was wrong, its sender died, and the server works on it."""
    lab = file_lab

    async def work(postiz: Postiz) -> None:
        lab.sandbox.faults.clear()
        await lab.put(postiz, 31)
        await lab.clock.sleep(600)
        lab.host.ahead = ahead
        lab.lose("late_work", delay=650.0)

    await killed(lab, work, after=HOUR + 60)
    lab.host.ahead = 0.0
    assert len(lab.statuses) == 30, "the last one is on its way"
    async with lab.client(drain=math.inf):
        await lab.clock.sleep(30)
    await lab.clock.sleep(HOUR)
    lab.assert_each_once(range(31))


@pytest.mark.parametrize("uptime", [60.0, 1e9])
@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
async def test_after_another_start_of_the_machine_certainty_waits_anew(
    file_lab: OutboxLab, ahead: float, uptime: float
) -> None:
    lab = file_lab

    async def work(postiz: Postiz) -> None:
        await postiz.channels.list()
        lab.lose("late_work", delay=700.0)
        await lab.put(postiz, 1)

    await killed(lab, work, after=300)
    lab.host.start_again(uptime)
    lab.host.ahead = ahead
    async with lab.client(drain=math.inf):
        await lab.clock.sleep(30)
    assert lab.clock.monotonic() >= 720
    lab.assert_each_once(range(1))


async def test_no_ticket_is_forgotten_early(file_lab: OutboxLab) -> None:
    lab = file_lab
    async with lab.client() as postiz:
        await postiz.outbox.wait((await lab.put(postiz, 1))[0].id)
    for step in (400 * DAY, -400 * DAY):
        lab.host.start_again()
        lab.host.ahead = step
        async with lab.client(keep=timedelta(hours=3)) as postiz:
            assert await postiz.outbox.counts() == {"stored": 1}
            await lab.clock.sleep(HOUR)
    async with lab.client(keep=3 * HOUR) as postiz:
        await lab.clock.sleep(3 * HOUR)
    async with lab.client(keep=timedelta(hours=3)) as postiz:
        assert await postiz.outbox.counts() == {}


# ------------------------------------------------------------------ before the first answer


async def test_a_date_is_held_against_the_servers_clock(lab: OutboxLab) -> None:
    """Not against that of a host which has not heard from the server yet."""
    lab.host.ahead = 6 * HOUR
    post = NewPost(lab.channel, "post soon")
    async with lab.client() as postiz:
        await postiz.posts.schedule(post, at=lab.at(1))
    async with lab.client(validate=False) as postiz:
        await postiz.posts.schedule(post, at=lab.at(2))
    async with lab.client() as postiz:
        ticket = await postiz.outbox.put(post, at=lab.at(3))
        assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    async with lab.client() as postiz:
        with pytest.raises(InvalidPostError, match="has passed"):
            await postiz.posts.schedule(post, at=lab.at(-1))
    assert len(lab.sandbox.posts) == 3


async def test_what_is_handed_over_while_postiz_is_away_is_not_called_late(
    lab: OutboxLab,
) -> None:
    async with lab.client(sends=False) as postiz:
        [channel] = await postiz.channels.list()
    lab.host.ahead = 6 * HOUR
    lab.sandbox.faults.add(Fault("reset", times=None))
    async with lab.client() as postiz:
        ticket = await postiz.outbox.put(NewPost(channel, "post 0"), at=lab.at(1))
        lab.sandbox.faults.clear()
        assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once(range(1))
