"""Idempotency keys whose wall clock jumps, or whose machine is started again."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from key_lab import KEY, START, KeyLab, Process, ids
from processes import PATIENCE, child_environment
from world import HostClock

from postiz_async import DeliveryUnknownError
from postiz_async._quota import SILENT
from postiz_async.clock import JumpingClock
from postiz_async.stores.memory import MemoryStore
from postiz_async.stores.sqlite import SqliteStore

HOUR, DAY = 3_600.0, 86_400.0


@pytest.fixture(params=["memory", "sqlite"])
async def lab(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[KeyLab]:
    lab = KeyLab()
    if request.param == "sqlite":
        lab.store = SqliteStore(tmp_path / "quota.sqlite")
    async with lab.sandbox:
        yield lab
    await lab.store.aclose()


async def lost(lab: KeyLab, after: float = 10.0, **fault: Any) -> None:
    """A process dies while its create is on its way; the server carries it out late."""
    lab.fault("late_work", **{"delay": 400.0} | fault)
    async with lab.process() as one:
        sending = asyncio.create_task(one.run(lab.schedule(one)))
        await lab.clock.sleep(after)
        one.die()
        await sending


async def answer(lab: KeyLab, process: Process) -> list[str]:
    return ids(await lab.schedule(process))


@pytest.mark.parametrize("ahead", [HOUR, 30 * DAY, -DAY])
async def test_a_wall_clock_that_was_set_changes_nothing(lab: KeyLab, ahead: float) -> None:
    """An hour ahead, absence was believed at once; a day back, the key stayed taken for a day."""
    await lost(lab)
    lab.host.ahead = ahead
    async with lab.process() as two:
        stored = await answer(lab, two)
    assert stored == [post.id for post in lab.of_key()]
    assert 400 < lab.clock.monotonic() < HOUR
    assert lab.statuses == [201]


@pytest.mark.parametrize("ahead", [HOUR, -DAY])
async def test_a_wall_clock_that_is_set_while_a_call_looks(lab: KeyLab, ahead: float) -> None:
    await lost(lab)
    async with lab.process() as two:
        looking = asyncio.create_task(answer(lab, two))
        await lab.clock.sleep(30)
        lab.host.ahead = ahead
        assert await looking == [post.id for post in lab.of_key()]
    assert 400 < lab.clock.monotonic() < HOUR
    assert lab.statuses == [201]


@pytest.mark.parametrize("ahead", [HOUR, -DAY])
async def test_a_call_waits_for_one_that_sends_whatever_the_wall_clock_says(
    lab: KeyLab, ahead: float
) -> None:
    lab.fault("hang", delay=100.0)
    async with lab.process() as one, lab.process() as two:
        first = asyncio.create_task(answer(lab, one))
        await lab.clock.sleep(5)
        lab.host.ahead = ahead
        assert await answer(lab, two) == await first
    assert lab.clock.monotonic() < HOUR
    assert len(lab.of_key()) == 1


@pytest.mark.parametrize("uptime", [60.0, 1e9])
@pytest.mark.parametrize("ahead", [HOUR, -DAY])
async def test_after_another_start_of_the_machine_certainty_waits_anew(
    lab: KeyLab, ahead: float, uptime: float
) -> None:
    """How long the machine was off is not known: it may have been a moment."""
    await lost(lab, delay=650.0)
    await lab.clock.sleep(200)
    lab.host.start_again(uptime)
    lab.host.ahead = ahead
    async with lab.process() as two:
        with pytest.raises(DeliveryUnknownError):
            await lab.schedule(two, max_wait=0)
    async with lab.process() as three:
        stored = await answer(lab, three)
    assert stored == [post.id for post in lab.of_key()]
    assert lab.statuses == [201]
    assert lab.clock.monotonic() < 2 * HOUR


async def test_after_another_start_what_is_absent_is_sent_once_it_is_certain(lab: KeyLab) -> None:
    lab.fault("reset")
    async with lab.process() as one:
        with pytest.raises(DeliveryUnknownError):
            await lab.schedule(one, max_wait=0)
    for _ in range(3):
        lab.host.start_again()
        began = lab.clock.monotonic()
        async with lab.process() as two:
            with pytest.raises(DeliveryUnknownError):
                await lab.schedule(two, max_wait=SILENT - 60)
    async with lab.process() as three:
        assert len(await answer(lab, three)) == 1
    assert SILENT <= lab.clock.monotonic() - began < SILENT + HOUR
    assert lab.statuses.count(201) == 1


async def test_a_machine_that_stands_still_knows_how_long(lab: KeyLab) -> None:
    """The clock goes on while it sleeps: nothing waits anew."""
    await lost(lab)
    await lab.clock.sleep(HOUR)
    began = lab.clock.monotonic()
    async with lab.process() as two:
        assert await answer(lab, two) == [post.id for post in lab.of_key()]
    assert lab.clock.monotonic() - began < 60


LOSES_AN_ANSWER = """
import asyncio, sys
sys.path[:0] = sys.argv[2:]
from test_idempotency_clocks import nameless, unanswered
asyncio.run(unanswered(nameless(sys.argv[1])))
"""


def nameless(path: Path | str) -> KeyLab:
    """A lab on a host where nothing tells one run from the next, with a file of this path."""
    lab = KeyLab(seed=1)
    lab.store = SqliteStore(path)
    lab.host = HostClock(lab.clock, has_boot_id=False)
    return lab


async def unanswered(lab: KeyLab) -> None:
    lab.fault("reset")
    async with lab.sandbox, lab.process() as one:
        with pytest.raises(DeliveryUnknownError):
            await lab.schedule(one, max_wait=0)
    await lab.store.aclose()


async def test_without_a_boot_id_another_process_does_not_know_how_long_ago_it_was(
    tmp_path: Path,
) -> None:
    path = tmp_path / "quota.sqlite"
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    command = [sys.executable, "-c", LOSES_AN_ANSWER, str(path), *folders]
    subprocess.run(command, check=True, env=child_environment(tmp_path), timeout=PATIENCE)  # noqa: ASYNC221
    lab = nameless(path)
    lab.host.ahead = HOUR
    lab.clock.advance(HOUR)
    began = lab.clock.monotonic()
    async with lab.sandbox, lab.process() as two:
        assert len(await answer(lab, two)) == 1
    assert SILENT <= lab.clock.monotonic() - began < HOUR
    assert lab.statuses.count(201) == 1
    await lab.store.aclose()


async def test_without_a_boot_id_one_process_knows_how_long_ago_it_was(tmp_path: Path) -> None:
    lab = nameless(tmp_path / "quota.sqlite")
    async with lab.sandbox:
        await lost(lab)
        await lab.clock.sleep(HOUR)
        lab.host.ahead = -DAY
        began = lab.clock.monotonic()
        async with lab.process() as two:
            assert await answer(lab, two) == [post.id for post in lab.of_key()]
        assert lab.clock.monotonic() - began < 60
    await lab.store.aclose()


# ------------------------------------------------------------------ what is forgotten


@pytest.fixture(params=["memory", "sqlite"])
async def aging(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[KeyLab]:
    """A lab whose store has the clock of the host."""
    lab = KeyLab()
    path = tmp_path / "quota.sqlite"
    is_file = request.param == "sqlite"
    lab.store = SqliteStore(path, clock=lab.host) if is_file else MemoryStore(clock=lab.host)
    async with lab.sandbox:
        yield lab
    await lab.store.aclose()


async def kept_for(lab: KeyLab, seconds: float) -> bool:
    """Whether a key that was answered is still known so many seconds later."""
    async with lab.process(keep=timedelta(hours=2)) as process:
        await lab.schedule(process)
        await lab.clock.sleep(seconds)
        return (await lab.store.get(lab.quota, KEY)).version > 0


async def test_a_record_is_forgotten_when_its_time_is_over(aging: KeyLab) -> None:
    assert await kept_for(aging, 7_000)
    assert not await kept_for(aging, 7_300)


async def test_no_record_is_forgotten_before_its_time_whatever_the_wall_clock_says(
    lab: KeyLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with lab.process() as one:
        first = await lab.schedule(one)
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 400 * DAY)
        await lab.schedule(one, "another", key="another")
        assert await lab.schedule(one) == first
    assert lab.statuses == [201, 201]


async def test_no_record_is_forgotten_early_after_another_start_of_the_machine(
    tmp_path: Path,
) -> None:
    clock = JumpingClock(START.timestamp())
    host = HostClock(clock)
    path = tmp_path / "quota.sqlite"
    store = SqliteStore(path, clock=host)
    assert (await store.swap("q", "key", 0, b"kept", keep=HOUR))[0]
    for _ in range(3):
        clock.advance(1_000)
        host.start_again(uptime=1e9)
        host.ahead += DAY
        assert (await store.get("q", "key")).value == b"kept"
        await store.swap("q", "other", 0, b"x", keep=HOUR)
    clock.advance(HOUR - 10)
    assert (await store.get("q", "key")).value == b"kept"
    clock.advance(20)
    assert (await store.get("q", "key")).value is None
    await store.aclose()
