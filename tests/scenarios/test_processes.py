"""Processes of their own on one quota, over HTTP; one of them is killed with a create in flight."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio.to_thread
import msgspec
import pytest
from processes import PATIENCE, PYTHON, ROOT, Process, child_environment, ended, launch
from worker import Job
from world import date_of

from postiz_async._sandbox import HttpRequest, MemoryServer, Response
from postiz_async._sandbox.http import serve
from postiz_async.clock import AcceleratedClock, Clock, SystemClock

LIMIT = 20
PROGRAM = Path(__file__).with_name("worker.py")
IMPORTS = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}


class Deadly(MemoryServer):
    """Kills a process while a create of it is in flight, once."""

    def __init__(self, clock: Clock, window: float) -> None:
        super().__init__(clock=clock, limit=LIMIT, window=window, work_per_post=0.0)
        self.victim: Process | None = None
        self.numbers: set[bytes] = set()
        """Of its posts. It is killed with one of them, once the window is known."""
        self.is_stored = asyncio.Event()
        """What was in flight when it was killed."""

    async def handle(self, request: HttpRequest) -> Response:
        text = re.search(rb"post (\d+)", request.body)
        is_its = text is not None and text[1] in self.numbers
        if self.victim is not None and is_its and self.creates:
            victim, self.victim = self.victim, None
            victim.kill()
            await anyio.to_thread.run_sync(victim.wait, PATIENCE)
            response = await super().handle(request)
            self.is_stored.set()
            return response
        return await super().handle(request)


@dataclass
class Fleet:
    """Processes that share a quota, and the server that they send to."""

    sandbox: Deadly
    job: Job
    folder: Path
    codes: list[int] = field(default_factory=list[int])
    said: list[str] = field(default_factory=list[str])

    def start(self, numbers: list[int]) -> Process:
        job = msgspec.json.encode(msgspec.structs.replace(self.job, numbers=numbers)).decode()
        return launch([*PYTHON, str(PROGRAM), job], child_environment(self.folder, IMPORTS))

    async def end(self, process: Process) -> int:
        """Wait until a process has ended by itself, or was killed."""
        with ended(process):
            _, said = await anyio.to_thread.run_sync(process.communicate, PATIENCE)
        self.said.append(said)
        return process.wait()

    async def run(self, numbers: list[int]) -> int:
        return await self.end(self.start(numbers))

    async def run_victim(self, numbers: list[int]) -> int:
        """A process that is killed in flight, and its successor."""
        self.sandbox.numbers = {str(number).encode() for number in numbers}
        self.sandbox.victim = process = self.start(numbers)
        assert await self.end(process) < 0
        await self.sandbox.is_stored.wait()  # its successor looks for it once
        return await self.run(numbers)

    @property
    def stored(self) -> list[int]:
        first = date_of(0)
        return sorted(int((post.date - first).total_seconds()) // 60 for post in self.sandbox.posts)

    def fullest_window(self) -> int:
        """The most creates that the server let into one of its windows, counted from outside."""
        counts: list[int] = []
        ends = 0.0
        for create in self.sandbox.creates:
            if not counts or create.at > ends:
                counts.append(0)
                ends = create.at + self.job.window
            counts[-1] += 1
        return max(counts)


@asynccontextmanager
async def fleet(store: str, folder: Path, *, speed: float, window: float) -> AsyncGenerator[Fleet]:
    clock = SystemClock() if speed == 1 else AcceleratedClock(speed)
    anchor = None
    if isinstance(clock, AcceleratedClock):
        anchor = (clock.anchor.real, clock.anchor.shown)
    sandbox = Deadly(clock, window)
    async with sandbox, serve(sandbox) as served:
        channel = sandbox.add_channel("mastodon").id
        job = Job(
            url=served.url,
            channel=channel,
            numbers=[],
            window=window,
            store=store,
            speed=speed,
            anchor=anchor,
        )
        yield Fleet(sandbox, job, folder)


@pytest.mark.exhaustive
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
@pytest.mark.parametrize(("kind", "processes"), [("sqlite", 4), ("postgres", 8)])
async def test_processes_that_share_and_one_is_killed_in_flight(
    kind: str, processes: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A window of a minute takes six seconds here; a dead call is given up after two of them."""
    store = str(tmp_path / "quota.sqlite")
    if kind == "postgres":
        store = request.getfixturevalue("postgres_url")
    async with fleet(store, tmp_path, speed=10, window=60) as it:
        shares = [list(range(24))[place::processes] for place in range(processes)]
        codes = await asyncio.gather(
            it.run_victim(shares[0]), *(it.run(share) for share in shares[1:])
        )
        assert set(codes) == {0}, it.said
        assert it.sandbox.victim is None, "it was killed in flight"
        assert it.stored == list(range(24)), it.said
        assert it.sandbox.refusals == 0, it.said
        assert it.fullest_window() <= LIMIT


async def test_processes_that_share_a_database_go_by_its_clock(
    postgres_url: str, tmp_path: Path
) -> None:
    """In real time, with windows of four seconds, of which the margin takes two."""
    async with fleet(postgres_url, tmp_path, speed=1, window=4) as it:
        codes = await asyncio.gather(*(it.run(list(range(22))[place::3]) for place in range(3)))
        assert set(codes) == {0}, it.said
        assert it.stored == list(range(22))
        assert it.sandbox.refusals == 0
        assert it.fullest_window() <= LIMIT
