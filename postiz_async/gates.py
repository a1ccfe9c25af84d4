"""The gates of one client's routes: which ledger, kept where, and the rhythm of its calls."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from postiz_async.admission import Gate
from postiz_async.ledgers import OwnLedger, SharedLedger
from postiz_async.pacing import Pacer
from postiz_async.quota import lost

if TYPE_CHECKING:
    from postiz_async.clock import Clock
    from postiz_async.ledgers import LedgerHome
    from postiz_async.quota import Ledger
    from postiz_async.scheduler import Scheduler
    from postiz_async.stores import QuotaStore

__all__ = ["Gates"]


@dataclass(slots=True, kw_only=True)
class Gates:
    """Makes the gates of one client, each time that it is opened."""

    name: str
    """The name of the quota that its creates spend."""
    fresh: Ledger
    """What is believed of a route of which nothing is known."""
    clock: Clock
    store: QuotaStore | None = None
    """Where ledgers are kept; None: in this client."""
    slots_without_store: int = 0
    smooth: bool = False
    pool: dict[str, Gate] | None = None
    """The gates of all clients of a pool, which closes them; None: it is in none."""
    _last: Ledger | None = field(default=None, init=False)
    """What was known of the create route when the client was closed."""

    def gate(self, route: str) -> Gate:
        """The gate of a route; "" is the create route."""
        if self.pool is None:
            return self._made(route)
        name = f"{self.name}.{route}"
        if name not in self.pool:
            self.pool[name] = self._made(route)
        return self.pool[name]

    def _made(self, route: str) -> Gate:
        paced = self.smooth and not route and math.isfinite(self.clock.speed)
        return Gate(self._home(route), self.clock, Pacer(self.clock.speed) if paced else None)

    def _home(self, route: str) -> LedgerHome:
        ledger = self.fresh if route else self._last or self.fresh
        if self.store is None:
            return OwnLedger(ledger, self.clock)
        name = f"{self.name}.{route}" if route else self.name
        slots = 0 if route else self.slots_without_store
        return SharedLedger(self.store, name, ledger, self.clock, slots_without_store=slots)

    def shares_with(self, other: Gates) -> bool:
        """Whether both spend their quota by one ledger."""
        if self.pool is not None and self.pool is other.pool:
            return True
        return self.store is not None and self.store == other.store

    def shut(self, scheduler: Scheduler) -> None:
        """Let calls fail that wait, unless others wait there too, and remember the quota."""
        if self.pool is None:
            scheduler.close()
        if self.store is None:
            self._last = _at_rest(scheduler.ledger, self.clock.monotonic())


def _at_rest(ledger: Ledger, now: float) -> Ledger:
    """A ledger for the next time: what is still in flight counts as spent."""
    for flight in ledger.flights:
        ledger = lost(ledger, flight.token, now)
    return ledger
