"""A signal stops the work, and nothing else."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest

from postiz_async._cli.signals import run_until_stopped

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def interrupts_are_heard() -> Iterator[None]:
    """Also where the tests run in the background of a script, which ignores them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


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
