"""The gates of one client's routes: which ledger, kept where, and the rhythm of its calls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postiz_async.admission import AdmissionQueue
from postiz_async.ledgers import SharedLedger
from postiz_async.pacing import Pacer
from postiz_async.stores.memory import ledgers_of_process

if TYPE_CHECKING:
    from postiz_async.clock import Clock
    from postiz_async.homes import LedgerHandle
    from postiz_async.quota import Ledger
    from postiz_async.scheduler import Scheduler
    from postiz_async.stores import QuotaStore

__all__ = ["QueueFactory"]


@dataclass(slots=True, kw_only=True)
class QueueFactory:
    """Makes the gates of one client, each time that it is opened."""

    name: str
    """The name of the quota that its creates spend."""
    fresh: Ledger
    """What is believed of a route of which nothing is known."""
    clock: Clock
    store: QuotaStore | None = None
    """Where ledgers are kept; None: in this process, with those of its other clients."""
    transport: object = None
    """The way to the server that the client or its pool was given, if one was."""
    slots_without_store: int = 0
    smooth: bool = False
    pool: dict[str, AdmissionQueue] | None = None
    """The gates of all clients of a pool, which closes them; None: it is in none."""

    def queue(self, route: str) -> AdmissionQueue:
        """The gate of a route; "" is the create route."""
        if self.pool is None:
            return self._made(route)
        name = f"{self.name}.{route}"
        if name not in self.pool:
            self.pool[name] = self._made(route)
        return self.pool[name]

    def _made(self, route: str) -> AdmissionQueue:
        paced = self.smooth and not route and math.isfinite(self.clock.speed)
        return AdmissionQueue(
            self._handle(route), self.clock, Pacer(self.clock.speed) if paced else None
        )

    def _handle(self, route: str) -> LedgerHandle:
        name = f"{self.name}.{route}" if route else self.name
        if self.store is None:
            return ledgers_of_process(self.clock, self.transport).home(name, self.fresh, self.clock)
        slots = 0 if route else self.slots_without_store
        return SharedLedger(self.store, name, self.fresh, self.clock, slots_without_store=slots)

    def shut(self, scheduler: Scheduler) -> None:
        """Let calls fail that wait, unless others wait there too."""
        if self.pool is None:
            scheduler.close()
