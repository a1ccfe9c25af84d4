"""Make the queue in which the creates of a client wait for a slot."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postiz_async._logs import log_of
from postiz_async._scheduler.limits import Pacer
from postiz_async._scheduler.queue import AdmissionQueue
from postiz_async.stores._local_ledger import ledgers_of_process

if TYPE_CHECKING:
    from postiz_async._quota import Ledger
    from postiz_async.clock import Clock
    from postiz_async.stores import Records
    from postiz_async.stores._shared_ledger import LedgerHandle


@dataclass(slots=True, kw_only=True)
class QueueFactory:
    """Makes the queue of one client, each time the client is opened."""

    name: str
    """The name of the quota that the client's creates use."""
    fresh: Ledger
    """The assumed state of a quota of which nothing is known."""
    clock: Clock
    organization: str
    """The user's name for the organisation, for the log; empty: none."""
    store: Records | None = None
    """The store of ledgers; None: they are in the memory of this process."""
    transport: object = None
    """The transport that the client or its pool was given, if any."""
    smooth: bool = False
    pool: dict[str, AdmissionQueue] | None = None
    """The queues that all clients of a pool share, and that the pool closes; None: there is no
    pool."""

    def queue(self) -> AdmissionQueue:
        """The queue of the client, which it may share with others of its pool."""
        if self.pool is None:
            return self._made()
        if self.name not in self.pool:
            self.pool[self.name] = self._made()
        return self.pool[self.name]

    def _made(self) -> AdmissionQueue:
        paced = self.smooth and math.isfinite(self.clock.speed)
        handle = self._handle()
        handle.log = log_of(logging.getLogger("postiz_async.quota"), self.organization)
        return AdmissionQueue(handle, self.clock, Pacer(self.clock.speed) if paced else None)

    def _handle(self) -> LedgerHandle:
        if self.store is None:
            return ledgers_of_process(self.clock, self.transport).handle(
                self.name, self.fresh, self.clock
            )
        from postiz_async.stores._shared_ledger import SharedLedger  # noqa: PLC0415  (not every client)

        return SharedLedger(self.store, self.name, self.fresh, self.clock)
