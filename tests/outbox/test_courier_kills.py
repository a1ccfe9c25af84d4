"""Workers that die at random moments while answers get lost: every hand-over once, none twice."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from outbox_lab import OutboxLab

from postiz_async import AdvancedOptions, OutboxOptions, Postiz
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from postiz_async._wire import WireRequest, WireResponse

COUNT = 12
SEEDS = int(os.environ.get("OUTBOX_SEEDS", "4"))


class Mortal(SandboxTransport):
    """Dies before or after the answer to a certain request; a dead process sends nothing."""

    def __init__(self, lab: OutboxLab, at: float, die: Callable[[], None]) -> None:
        super().__init__(lab.sandbox, latency=0.5)
        self._left, self._die, self._is_dead = at, die, False

    async def send(self, request: WireRequest) -> WireResponse:
        if self._is_dead:
            raise asyncio.CancelledError
        self._step()
        response = await super().send(request)
        self._step()
        return response

    def _step(self) -> None:
        self._left -= 0.5
        if self._left <= 0 and not self._is_dead:
            self._is_dead = True
            self._die()


class Worker:
    """One life of a worker, which ends as with `kill -9`: the disk stays as it was then."""

    def __init__(self, lab: OutboxLab, dice: random.Random) -> None:
        self.lab = lab
        self.frozen = lab.path.with_name("frozen")
        self.transport = Mortal(lab, dice.randrange(2, 30) / 2, self._dies)
        self.task: asyncio.Task[None] | None = None

    async def live(self, numbers: range) -> bool:
        """Returns whether it died."""
        self.task = asyncio.create_task(self._work(numbers))
        with suppress(asyncio.CancelledError):
            await self.task
        if not self.frozen.exists():
            return False
        for path in self.lab.path.parent.glob("outbox.sqlite*"):
            path.unlink()
        for path in self.frozen.iterdir():
            shutil.move(path, self.lab.path.parent / path.name)
        self.frozen.rmdir()
        return True

    async def _work(self, numbers: range) -> None:
        options = OutboxOptions(self.lab.path)
        async with Postiz(
            api_key="sandbox",
            base_url="http://sandbox.invalid",
            outbox=options,
            advanced=AdvancedOptions(clock=self.lab.clock, transport=self.transport),
        ) as postiz:
            for number in numbers:
                await postiz.outbox.put(self.lab.post(number), at=self.lab.at(72))
            while set(await postiz.outbox.counts()) - {"stored"}:
                await self.lab.clock.sleep(600)

    def _dies(self) -> None:
        self.frozen.mkdir()
        for path in self.lab.path.parent.glob("outbox.sqlite*"):
            if not path.name.endswith((".lock", "-shm")):
                shutil.copy(path, self.frozen / path.name)
        assert self.task is not None
        self.task.cancel()


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_whatever_dies_whenever(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)  # noqa: S311
    lab = OutboxLab(tmp_path, limit=8)
    lab.lose("drop_answer", times=None, probability=0.15)
    lab.lose("reset", times=None, probability=0.1)
    lab.lose("late_work", times=None, probability=0.1, delay=300.0)
    async with lab.sandbox:
        handed = 0
        for _ in range(4):
            before = handed
            handed = min(COUNT, handed + 4)
            await Worker(lab, dice).live(range(before, handed))
            handed = before + await known(lab, before)
        async with lab.client() as postiz:
            for number in range(handed, COUNT):
                await postiz.outbox.put(lab.post(number), at=lab.at(72))
            while set(await postiz.outbox.counts()) - {"stored"}:
                await lab.clock.sleep(600)
    stored = Counter(post.content for post in lab.sandbox.posts)
    assert stored == Counter(f"post {number}" for number in range(COUNT))


async def known(lab: OutboxLab, before: int) -> int:
    """How many hand-overs of the last worker are on the disk."""
    async with lab.client(sends=False) as postiz:
        return sum((await postiz.outbox.counts()).values()) - before
