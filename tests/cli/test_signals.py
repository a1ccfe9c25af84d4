"""A signal stops the work, and nothing else."""

from __future__ import annotations

import asyncio
import signal

import pytest

from postiz_async._cli.signals import run_until_stopped

pytestmark = pytest.mark.usefixtures("interrupts")


def test_a_signal_at_the_very_end_of_the_work_cancels_nothing_after_it() -> None:
    noticed: list[str] = []

    async def work() -> None:
        signal.raise_signal(signal.SIGINT)

    async def main() -> int | None:
        stopped = await run_until_stopped(work(), lambda: noticed.append("stopping"))
        await asyncio.sleep(0)
        return stopped

    assert (asyncio.run(main()), noticed) == (None, [])


def test_a_signal_during_the_work_cancels_it_after_a_notice() -> None:
    noticed: list[str] = []

    async def work() -> None:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(3600)

    async def main() -> int | None:
        stopped = await run_until_stopped(work(), lambda: noticed.append("stopping"))
        await asyncio.sleep(0)
        return stopped

    assert (asyncio.run(main()), noticed) == (signal.SIGINT, ["stopping"])
