"""The quota through the whole client, on the jumping clock, against the sandbox.

Each scene says what has to hold: refusals of ours, everything stored exactly once, the time
against the optimum, and whether others on the key are left alone.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Literal

import pytest
from spread import spread
from world import (
    HOUR,
    Mortal,
    OnClock,
    Storage,
    World,
    arrivals,
    optimum,
    polite_optimum,
    world,
)

from postiz_async import Postiz, Priority
from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.tables import read_kept
from postiz_async._resources.api import opened
from postiz_async._sandbox import FaultKind
from postiz_async.stores import Kept, Records
from postiz_async.stores.memory import MemoryStore
from postiz_async.stores.postgres import PostgresStore
from postiz_async.stores.sqlite import SqliteStore

BULK, INTERACTIVE = Priority.BULK, Priority.INTERACTIVE
LATE = 1.005
"""Elapsed time over the optimum that passes as optimal."""


# ------------------------------------------------------------------ alone


@pytest.mark.parametrize("priority", spread([BULK, INTERACTIVE], every=2))
@pytest.mark.parametrize("workers", [1, 50])
@pytest.mark.parametrize(("creates", "limit"), [(30, 30), (100, 30), (200, 90)])
async def test_alone(creates: int, limit: int, workers: int, priority: Priority) -> None:
    async with world(creates, limit=limit) as it, it.client() as postiz:
        await it.work([postiz], range(creates), workers=workers, priority=priority, announced=True)
        assert it.is_exact
        assert it.refusals == 0
        best = optimum(creates, limit)
        assert it.elapsed <= best + 0.005 * max(best, HOUR)


@pytest.mark.exhaustive
@pytest.mark.parametrize("creates", [300, 1000])
@pytest.mark.parametrize("priority", [BULK, INTERACTIVE])
async def test_alone_on_a_server_that_counts_in_memory(priority: Priority, creates: int) -> None:
    async with world(creates, storage="memory") as it, it.client() as postiz:
        await it.work([postiz], range(creates), priority=priority)
        assert it.is_exact
        assert it.refusals == 0
        # the first window holds slots for others, for nothing shows yet that they come back alone
        spill = HOUR if (priority, creates) == (BULK, 300) else 0.0
        assert it.elapsed <= optimum(creates, 30) * LATE + spill


@pytest.mark.parametrize("storage", spread(["redis", "memory"], every=2))
@pytest.mark.parametrize(("used", "refusals"), [(20, 0), (29, 0), (30, 1)])
async def test_a_window_that_somebody_else_began(
    storage: Storage, used: int, refusals: int
) -> None:
    """One slot is left to whoever that was, in the first hour; that costs no window of its own."""
    async with world(99, storage=storage) as it, it.client() as postiz:
        await it.use_up(used)
        await it.clock.sleep(600)
        await it.work([postiz], range(99))
        assert it.is_exact
        assert it.refusals == refusals
        begins = HOUR + 600 * refusals  # the next window, or the end of the lock-out
        best = begins + optimum(99 - (30 - used), 30)
        spill = HOUR if storage == "memory" and used == 20 else 0.0  # nine slots that were held
        assert it.elapsed <= best * LATE + spill


# ------------------------------------------------------------------ beside others


def neighbours(seed: int) -> list[float]:
    """Moments of two days, five an hour."""
    return list(arrivals(5.0, random.Random(seed), 48 * HOUR))  # noqa: S311


async def beside_another(seed: int, workers: int, priority: Priority = BULK) -> World:
    """300 posts beside somebody unseen who creates 5 an hour; everything is stored once.

    After a lock-out half of each window is held for two days, so it costs its hour.
    """
    others = neighbours(seed)
    async with world(300, seed=seed) as it, it.client() as postiz, it.neighbour(others):
        await it.work([postiz], range(300), workers=workers, priority=priority)
        assert it.is_exact
        assert it.elapsed <= polite_optimum(300, 30, others) / 0.90 + HOUR * it.refusals
        return it


@pytest.mark.parametrize(("workers", "seeds"), [(20, (1, 5)), (50, (1, 7))])
async def test_beside_a_client_that_nobody_sees(workers: int, seeds: Sequence[int]) -> None:
    scenes = [await beside_another(seed, workers) for seed in seeds]
    assert max(it.refusals for it in scenes) <= 2
    refused = sum(it.others_refused for it in scenes)
    assert refused <= 0.05 * sum(it.others_sent for it in scenes)


@pytest.mark.parametrize("workers", spread([5, 1, 15], every=3))
async def test_few_workers_that_announce_nothing_beside_a_client_that_nobody_sees(
    workers: int,
) -> None:
    """Each sends its next create after an answer, so the queue is short all the time."""
    it = await beside_another(2, workers)
    assert it.refusals <= 2
    assert it.others_refused <= 0.05 * it.others_sent


async def test_processes_that_share_beside_a_client_that_nobody_sees(tmp_path: Path) -> None:
    others = neighbours(2)
    async with world(200) as it, sharing(it, "sqlite", 4, tmp_path) as clients:
        async with it.neighbour(others):
            await it.work(clients, range(200))
        assert it.is_exact
        assert it.refusals <= 2
        assert it.others_refused <= 0.05 * it.others_sent
        # who of them comes to his end takes slots that are held for others
        assert it.elapsed <= polite_optimum(200, 30, others) / 0.75


# ------------------------------------------------------------------ restarts

Memory = Literal["sqlite", "journal", "none"]
"""Where a process writes its quota down for its successor."""


@asynccontextmanager
async def process(
    it: World, memory: Memory, folder: Path
) -> AsyncGenerator[tuple[Postiz, Callable[[], None]]]:
    """A client as a process has it, and what kills it."""
    async with AsyncExitStack() as stack:
        if memory == "sqlite":
            store = SqliteStore(folder / "quota.sqlite")
            stack.push_async_callback(store.aclose)
            hold = Mortal(store)
            yield await stack.enter_async_context(it.client(hold)), hold.kill
            return
        postiz = await stack.enter_async_context(it.client())
        if memory == "journal":
            path = folder / "campaign.journal"
            journal = await Journal.open(path, campaign="c", base_url=postiz.base_url)
            await stack.enter_async_context(journal)
            opened(postiz).scheduler.persistence.stores.append(journal)
            await opened(postiz).scheduler.restore(await journal.read(read_kept))
        yield postiz, lambda: None


async def live(
    it: World,
    memory: Memory,
    folder: Path,
    *,
    kills: Sequence[float],
    priority: Priority = BULK,
    between: Callable[[], object] = lambda: None,
) -> None:
    """A process that is killed at these moments and started again five seconds later."""
    for moment in (*kills, math.inf):
        async with process(it, memory, folder) as (postiz, kill):
            await it.work_until(moment, [postiz], priority=priority, kill=kill)
        between()
        if moment < math.inf:
            await it.clock.sleep(5)


KILLS = (0.5, 1000.0, 3602.7, 7300.0)
"""In a burst, in a window that is used up, in the next burst, and once more."""


@pytest.mark.exhaustive
@pytest.mark.parametrize("storage", ["redis", "memory"])
@pytest.mark.parametrize(
    ("memory", "priority", "kills"),
    [
        ("sqlite", INTERACTIVE, KILLS),
        ("sqlite", BULK, (1000.0, 7300.0)),
        ("journal", INTERACTIVE, KILLS),
        ("journal", BULK, KILLS),
    ],
)
async def test_killed_in_mid_window_with_the_state_kept(
    memory: Memory, priority: Priority, kills: Sequence[float], storage: Storage, tmp_path: Path
) -> None:
    async with world(100, storage=storage) as it:
        await live(it, memory, tmp_path, kills=kills, priority=priority)
        assert it.is_exact
        assert it.refusals == 0
        late = 30.0 * len(kills) if memory == "journal" else 0.0  # it has wall times only
        late += HOUR if storage == "memory" else 0  # slots come back one by one
        assert it.elapsed <= optimum(100, 30) * LATE + late


async def test_a_dead_process_does_not_keep_the_others_busy(tmp_path: Path) -> None:
    looks: list[str] = []

    class Watched(MemoryStore):
        async def get(self, scope: str, key: str, /) -> Kept:
            looks.append(key)
            return await super().get(scope, key)

    async with world(100) as it:
        store = Watched()
        hold = Mortal(store)
        async with it.client(hold) as postiz:
            await it.work_until(0.5, [postiz], priority=BULK, kill=hold.kill)
        async with it.client(store) as postiz:
            await it.work_until(600.0, [postiz], priority=BULK, kill=lambda: None)
        assert it.refusals == 0
        assert 4 * 45 < len(looks) < 4 * 75  # a call is taken for dead after 60.2 s


async def test_bulk_that_is_killed_without_a_state_finds_the_slots_it_held(tmp_path: Path) -> None:
    async with world(100) as it:
        await live(it, "none", tmp_path, kills=KILLS)
        assert it.is_exact
        assert it.refusals == 0
        assert it.elapsed <= optimum(100, 30) * LATE


async def test_without_a_state_a_window_that_is_used_up_costs_one_lock_out(tmp_path: Path) -> None:
    async with world(100) as it:
        await live(it, "none", tmp_path, kills=(1000.0,), priority=INTERACTIVE)
        assert it.is_exact
        assert it.refusals == 1
        assert it.elapsed <= 1005 + HOUR + optimum(70, 30) + 20


# ------------------------------------------------------------------ one store for many


@asynccontextmanager
async def sharing(
    it: World, kind: Literal["memory", "sqlite", "postgres"], clients: int, place: Path | str
) -> AsyncGenerator[list[Postiz]]:
    """Open clients that share a quota, each with a connection of its own where there are any."""
    async with AsyncExitStack() as stack:
        opened: list[Postiz] = []
        common = MemoryStore()
        for _ in range(clients):
            store: Records = common
            if kind == "sqlite":
                store = SqliteStore(f"{place}/quota.sqlite")
            elif kind == "postgres":
                store = OnClock(PostgresStore(str(place)), it.clock, it.clock.hold)
            stack.push_async_callback(store.aclose)
            opened.append(await stack.enter_async_context(it.client(store)))
        yield opened


@pytest.mark.exhaustive
@pytest.mark.parametrize("priority", [BULK, INTERACTIVE])
@pytest.mark.parametrize(("kind", "clients"), [("memory", 4), ("sqlite", 4), ("postgres", 8)])
async def test_clients_that_share_a_store(
    kind: Literal["memory", "sqlite", "postgres"],
    clients: int,
    priority: Priority,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    place = request.getfixturevalue("postgres_url") if kind == "postgres" else tmp_path
    async with world(95) as it, sharing(it, kind, clients, place) as opened:
        await it.work(opened, range(95), priority=priority)
        assert it.is_exact
        assert it.refusals == 0
        assert it.elapsed <= optimum(95, 30) * LATE


# ------------------------------------------------------------------ lost answers


@pytest.mark.parametrize("seed", spread([1, 7], every=2))
async def test_2_percent_lost(seed: int) -> None:
    async with world(300, seed=seed) as it, it.client() as postiz:
        it.fault("drop_answer", probability=0.01)
        it.fault("reset", probability=0.01)
        await it.work([postiz], range(300))
        assert it.is_exact
        assert it.refusals == 0
        # when the very last slot of a window is lost on its way, one window of ten is
        assert it.elapsed <= optimum(300, 30) / 0.895


@pytest.mark.parametrize("kind", spread(["drop_answer", "reset"], every=2))
async def test_2_percent_lost_by_processes_that_share(kind: FaultKind, tmp_path: Path) -> None:
    async with world(130) as it, sharing(it, "sqlite", 4, tmp_path) as clients:
        it.fault(kind, probability=0.02)
        await it.work(clients, range(130))
        assert it.is_exact
        assert it.refusals == 0
        assert it.elapsed <= optimum(130, 30) / 0.90


# ------------------------------------------------------------------ what is believed of the limit


@pytest.mark.parametrize("priority", [BULK, INTERACTIVE])
async def test_believed_30_and_really_90(priority: Priority) -> None:
    async with world(200, limit=90) as it, it.client() as postiz:
        assert opened(postiz).scheduler.ledger.window.limit == 30
        await it.work([postiz], range(200), priority=priority)
        assert (await postiz.quota()).limit == 90
        assert it.is_exact
        assert it.refusals == 0
        assert it.elapsed <= optimum(200, 90) * LATE


@pytest.mark.parametrize("priority", [BULK, INTERACTIVE])
async def test_believed_90_and_really_30(priority: Priority, tmp_path: Path) -> None:
    async with world(105, limit=90) as it:
        async with process(it, "sqlite", tmp_path) as (postiz, _):
            await it.work([postiz], range(5))
        await it.clock.sleep(2 * HOUR)
        it.restart_counter(30, "redis")
        async with process(it, "sqlite", tmp_path) as (postiz, _):
            assert (await postiz.quota()).limit == 90
            await it.work([postiz], range(5, 105), priority=priority)
            assert (await postiz.quota()).limit == 30
        assert it.is_exact
        assert it.refusals == 0
        assert it.elapsed - 2 * HOUR <= optimum(100, 30) * LATE


@pytest.mark.parametrize(("priority", "windows"), [(INTERACTIVE, 2), (BULK, 3)])
async def test_a_limit_that_is_cut_below_what_is_used_costs_one_lock_out(
    priority: Priority, windows: int
) -> None:
    async with world(100, limit=90) as it, it.client() as postiz:
        await it.work([postiz], range(40), priority=priority)
        it.throttle.limit = 30
        await it.work([postiz], range(40, 100), priority=priority)
        assert it.is_exact
        refused = [create.at for create in it.sandbox.creates if create.status == 429]
        assert refused
        assert refused[-1] - refused[0] < 1, "only those that were in flight together"
        assert it.elapsed <= windows * HOUR * LATE  # bulk takes it for a sign of others


async def test_a_limit_that_is_raised_is_used_from_the_next_answer_on() -> None:
    async with world(150) as it, it.client() as postiz:
        await it.work([postiz], range(10))
        it.throttle.limit = 90
        await it.work([postiz], range(10, 150))
        assert it.is_exact
        assert it.refusals == 0
        assert it.elapsed <= optimum(150, 90) * LATE


# ------------------------------------------------------------------ without rate headers


@pytest.mark.parametrize("storage", ["redis", "memory"])
@pytest.mark.parametrize("priority", [BULK, INTERACTIVE])
async def test_headers_stripped(priority: Priority, storage: Storage) -> None:
    async with world(100, storage=storage) as it, it.client() as postiz:
        it.fault("strip_headers")
        await it.work([postiz], range(100), priority=priority)
        assert it.is_exact
        assert it.refusals == 0
        assert it.elapsed <= optimum(100, 30) * LATE


async def test_headers_stripped_now_and_then() -> None:
    async with world(100) as it, it.client() as postiz:
        it.fault("strip_headers", probability=0.3)
        await it.work([postiz], range(100))
        assert it.is_exact
        assert it.refusals == 0
        assert it.elapsed <= optimum(100, 30) * LATE


async def test_headers_stripped_and_two_processes(tmp_path: Path) -> None:
    async with world(100) as it, sharing(it, "sqlite", 2, tmp_path) as clients:
        it.fault("strip_headers")
        await it.work(clients, range(100))
        assert it.is_exact
        assert it.refusals == 0


# ------------------------------------------------------------------ interactive calls beside bulk


async def waits_of(kind: str, seed: int) -> list[float]:
    """Seconds that interactive calls took, four an hour beside a campaign of nine hours.

    Of the first hour nobody knows. Where slots come back one by one, those that wait for such a
    call are lost to the campaign.
    """
    moments = list(arrivals(4.0, random.Random(seed), 8 * HOUR))  # noqa: S311
    numbers, waits = range(270, 270 + len(moments)), list[float]()
    storage: Storage = "memory" if kind == "memory" else "redis"
    async with world(270 + len(moments), storage=storage, seed=seed) as it, it.client() as postiz:
        if kind == "stripped":
            it.fault("strip_headers")

        async def one(moment: float, number: int) -> None:
            await it.clock.sleep_until(moment)
            await it.work([postiz], [number], priority=INTERACTIVE)
            if moment > HOUR:
                waits.append(it.clock.monotonic() - moment)

        async with asyncio.TaskGroup() as group:
            group.create_task(it.work([postiz], range(270)))
            for moment, number in zip(moments, numbers, strict=True):
                group.create_task(one(moment, number))
        assert it.is_exact
        assert it.refusals == 0
        assert it.elapsed <= optimum(it.creates, 30) * (LATE if kind == "window" else 1.2)
    return waits


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", ["window", "memory", "stripped"])
async def test_interactive_calls_find_a_slot_at_once(kind: str) -> None:
    waits = [wait for seed in (1, 2, 3, 4) for wait in await waits_of(kind, seed)]
    assert len(waits) > 100
    assert sum(wait <= 1.5 for wait in waits) >= 0.9 * len(waits)


# ------------------------------------------------------------------ the server is restarted


@pytest.mark.parametrize("after", spread(["memory", "redis"], every=2))
@pytest.mark.parametrize("moment", [0.6, 1800.0, 3601.0, 3602.5])
async def test_a_counter_that_is_emptied(moment: float, after: Storage) -> None:
    """A server that counts in memory is started again, or updated to one that does not."""
    async with world(100, storage="memory") as it, it.client() as postiz:
        async with it.at(moment, lambda: it.restart_counter(30, after)):
            await it.work([postiz], range(100))
        assert it.is_exact
        assert it.refusals == 0
        assert it.elapsed <= optimum(100, 30) * LATE + HOUR


@pytest.mark.parametrize("moment", [0.5, 1800.0, 3601.5])
async def test_a_server_that_is_away_and_keeps_its_counter(moment: float) -> None:
    async with world(100) as it, it.client() as postiz:
        outage = lambda: it.fault("error_before", route=None, status=502, times=5)  # noqa: E731
        async with it.at(moment, outage):
            await it.work([postiz], range(100))
        assert it.is_exact
        assert it.refusals == 0
        assert it.elapsed <= optimum(100, 30) * 1.02


# ------------------------------------------------------------------ the wall clock is set


@pytest.mark.parametrize("step", spread([-HOUR, HOUR], every=2))
@pytest.mark.parametrize("memory", ["none", "sqlite", "journal"])
async def test_the_wall_clock_is_set_by_an_hour(
    step: float, memory: Memory, tmp_path: Path
) -> None:
    async with world(100) as it, process(it, memory, tmp_path) as (postiz, _):
        async with AsyncExitStack() as stack:
            for moment, sign in ((0.5, 1), (1800.0, 1), (3590.0, -1), (5000.0, -1)):
                change = partial(it.clock.step_wall, sign * step)
                await stack.enter_async_context(it.at(moment, change))
            await it.work([postiz], range(100))
        assert it.is_exact
        assert it.refusals == 0
        assert it.elapsed <= optimum(100, 30) * LATE


@pytest.mark.parametrize("step", spread([HOUR, -HOUR], every=2))
async def test_the_wall_clock_is_set_while_a_shared_file_keeps_the_state(
    step: float, tmp_path: Path
) -> None:
    async with world(100) as it:
        change = partial(it.clock.step_wall, step)
        await live(it, "sqlite", tmp_path, kills=(1000.0,), priority=INTERACTIVE, between=change)
        assert it.is_exact
        assert it.refusals == 0
        assert it.elapsed <= optimum(100, 30) * LATE


@pytest.mark.parametrize(("step", "refusals"), [(HOUR, 1), (-HOUR, 0)])
async def test_the_wall_clock_is_set_while_a_journal_keeps_the_state(
    step: float, refusals: int, tmp_path: Path
) -> None:
    """A journal has wall times only: what is over by the wall is over, at the price of a probe."""
    async with world(100) as it:
        change = partial(it.clock.step_wall, step)
        await live(it, "journal", tmp_path, kills=(1000.0,), priority=INTERACTIVE, between=change)
        assert it.is_exact
        assert it.refusals <= refusals
        assert it.elapsed <= 1005 + HOUR + optimum(70, 30) + 40
