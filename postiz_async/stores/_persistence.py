"""Save a client's ledger for the next process, such as in the journal of a job."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from postiz_async._quota.snapshot import Snapshot, restore_snapshot, take_snapshot
from postiz_async.clock import Clock, run_of
from postiz_async.errors import PostizError

if TYPE_CHECKING:
    from collections.abc import Generator

    from postiz_async._logs import Log
    from postiz_async.stores._shared_ledger import LedgerHandle


class Persistence:
    """The snapshot stores in which the ledger of the create route is saved."""

    def __init__(self, clock: Clock, log: Log) -> None:
        self._clock = clock
        self._log = log
        self.stores: list[SnapshotStore] = []
        self._turn = asyncio.Lock()

    @contextmanager
    def keeping_in(self, store: SnapshotStore) -> Generator[None]:
        """Save each state in this store, too, while the block runs."""
        self.stores.append(store)
        try:
            yield
        finally:
            self.stores.remove(store)

    async def restore(self, handle: LedgerHandle, kept: Snapshot | None) -> None:
        """Offer a saved state to a handle, which takes it if it knows nothing better."""
        await handle.refresh()
        if kept is None:
            return
        now, wall = handle.now(), self._clock.time()
        if kept.run == run_of(self._clock):
            wall = kept.as_of + self._clock.monotonic() - kept.monotonic
        handle.restore(restore_snapshot(kept, now, wall, reserve_slots=handle.ledger.reserve))

    async def save(self, handle: LedgerHandle) -> None:
        """Save the state in all stores.

        Raises:
            OSError: the state could not be written; other errors of this library too.
        """
        clock = self._clock
        async with self._turn:
            for store in tuple(self.stores):
                taken = take_snapshot(handle.ledger, handle.now(), clock.time())
                await store.save(replace(taken, run=run_of(clock), monotonic=clock.monotonic()))

    async def save_answer(self, handle: LedgerHandle) -> None:
        """Save the state after an answer; errors are only logged: the answer matters more."""
        try:
            await self.save(handle)
        except (OSError, PostizError) as error:
            self._log.warning(
                "the state of the quota is not kept; the next create will try: %s", error
            )


class SnapshotStore(Protocol):
    """Saves a ledger before each create is sent and after each answer."""

    async def save(self, kept: Snapshot) -> None:
        """Save the state; once this returns, it survives a crash of this process."""
        ...
