"""Where a client's ledger is written down for its successor, such as a job's journal."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio

from postiz_async.errors import PostizError
from postiz_async.quota import snapshot as keeping

if TYPE_CHECKING:
    from postiz_async.clock import Clock
    from postiz_async.stores import LedgerHandle, SnapshotStore

__all__ = ["Persistence"]

log = logging.getLogger("postiz_async")


class Persistence:
    """Those who write the ledger of the create route down, one state after the other."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keepers: list[SnapshotStore] = []
        self._turn = anyio.Lock()

    def append(self, keeper: SnapshotStore) -> None:
        """Write each state down there too."""
        self._keepers.append(keeper)

    def remove(self, keeper: SnapshotStore) -> None:
        """Write nothing more down there."""
        self._keepers.remove(keeper)

    async def restore(self, home: LedgerHandle) -> None:
        """Offer a home the newest state that was kept; it takes it if it knows nothing better."""
        states = [await keeper.load() for keeper in self._keepers]
        kept = [state for state in states if state is not None]
        await home.refresh()
        if not kept:
            return
        newest = max(kept, key=lambda state: state.as_of)
        now, wall = home.now(), self._clock.time()
        home.restore(keeping.restore_snapshot(newest, now, wall, reserve_slots=home.ledger.reserve))

    async def save(self, home: LedgerHandle) -> None:
        """Write the state down, the newest last.

        Raises:
            OSError: it could not be written; or one of the tree's errors.
        """
        if not self._keepers:
            return
        async with self._turn:
            for keeper in tuple(self._keepers):
                await keeper.save(
                    keeping.take_snapshot(home.ledger, home.now(), self._clock.time())
                )

    async def save_answer(self, home: LedgerHandle) -> None:
        """Keep what an answer said. The answer itself matters more than a failing keeper."""
        try:
            await self.save(home)
        except (OSError, PostizError) as error:
            log.warning("the state of the quota is not kept; the next create will try: %s", error)
