"""A signal stops the work, and nothing else."""

from __future__ import annotations

import asyncio
import signal

import pytest

from postiz_async._cli.signals import run_until_stopped

pytestmark = pytest.mark.usefixtures("interrupts")


@pytest.mark.parametrize(
    ("seconds", "stopped", "said"),
    [(0, None, []), (3600, signal.SIGINT, ["stopping"])],
    ids=["at the very end", "during the work"],
)
def test_a_signal_cancels_the_work_after_a_notice_and_nothing_after_it(
    seconds: float, stopped: int | None, said: list[str]
) -> None:
    noticed: list[str] = []

    async def work() -> None:
        signal.raise_signal(signal.SIGINT)
        if seconds:
            await asyncio.sleep(seconds)

    async def main() -> int | None:
        stopped = await run_until_stopped(work(), lambda: noticed.append("stopping"))
        await asyncio.sleep(0)
        return stopped

    assert (asyncio.run(main()), noticed) == (stopped, said)
