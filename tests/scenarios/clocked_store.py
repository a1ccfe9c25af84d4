"""A store with a clock of its own, where the time of a test is not that of the machine."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from postiz_async.clock import Clock
    from postiz_async.stores import QuotaStore, Versioned

__all__ = ["OnClock"]

AHEAD = 12_345.0
"""Seconds by which the store's clock is ahead of the clients'."""


class OnClock:
    """A store that tells the time of a test's clock in the place of its own.

    Args:
        store: keeps the states.
        clock: shared by all processes.
        hold: stops the clock while bytes are on their way.
    """

    def __init__(
        self,
        store: QuotaStore,
        clock: Clock,
        hold: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._store = store
        self._clock = clock
        self._hold = hold

    async def read(self, name: str) -> Versioned:
        with self._hold():
            return self._told(await self._store.read(name))

    async def swap(self, name: str, version: int, value: bytes) -> tuple[bool, Versioned]:
        with self._hold():
            done, state = await self._store.swap(name, version, value)
        return done, self._told(state)

    def _told(self, state: Versioned) -> Versioned:
        return state._replace(time=self._clock.monotonic() + AHEAD)

    async def aclose(self) -> None:
        await self._store.aclose()
