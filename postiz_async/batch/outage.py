"""A server that loses answers is left in peace for growing times, by all senders of a job."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from postiz_async.delivery.patience import PAUSES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from postiz_async.clock import Clock

__all__ = ["Outage"]

log = logging.getLogger("postiz_async.batch")


class Outage:
    """Pauses after requests whose answers were lost, one after the other."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rounds = 0
        self._until = clock.monotonic()
        self._alone = anyio.Lock()

    @property
    def is_lasting(self) -> bool:
        """Whether the longest pause did not help."""
        return self._rounds > len(PAUSES)

    @asynccontextmanager
    async def passed(self) -> AsyncGenerator[None]:
        """Enter to send a request: when the pause is over, and alone until one is answered."""
        await self._pause()
        if not self._rounds:
            yield
            return
        async with self._alone:
            await self._pause()
            yield

    async def _pause(self) -> None:
        while (left := self._until - self._clock.monotonic()) > 0:
            await self._clock.sleep(left)

    def lost(self, sent_at: float) -> None:
        """The answer to a request that was sent at `sent_at` (monotonic) was lost.

        Those that were lost together, because all had left before, count as one.
        """
        if sent_at < self._until:
            return
        self._rounds += 1
        pause = PAUSES[min(self._rounds, len(PAUSES)) - 1]
        self._until = self._clock.monotonic() + pause
        log.warning("an answer was lost; nothing is sent for %.0f s", pause)

    def answered(self) -> None:
        """The server answered."""
        self._rounds = 0
