"""Where a ledger lives.

The scheduler asks, reserves and lands through a home; the ledger itself stays pure. All times of
a home are on the home's own clock, `now()`: this process's monotonic clock, or the time of the
store.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from postiz_async import quota
from postiz_async.quota import Wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from postiz_async.clock import Clock
    from postiz_async.quota import Grant, Ledger

__all__ = ["LedgerHome", "OwnLedger"]


class LedgerHome(Protocol):
    """Holds one ledger."""

    @property
    def ledger(self) -> Ledger:
        """The state as it was last seen."""
        ...

    def now(self) -> float:
        """Seconds of the home's clock, the clock of all times in its ledger."""
        ...

    def look_again_in(self) -> float:
        """Seconds after which somebody else may have given a slot back; infinity: nobody can.

        Without calls in flight a state only gets worse, which the next swap finds out.
        """
        ...

    @property
    def changed_at(self) -> float | None:
        """Wall time, in seconds since the epoch, of the last change; None if there was none."""
        ...

    async def refresh(self) -> None:
        """Look at the state again."""
        ...

    def recall(self, ledger: Ledger) -> None:
        """Start from a state that was written down elsewhere, if nothing newer is known."""
        ...

    async def take(
        self,
        ask: Callable[[Ledger, float], Grant | Wait],
        *,
        lifetime: float,
        urgent: bool = False,
    ) -> int | Wait:
        """Reserve a slot if `ask` grants it. Returns a token, or the verdict to wait.

        A holder that dies keeps its slot for `lifetime` seconds; then it counts as spent. That
        an interactive call was `urgent` is remembered, for more may come.
        """
        ...

    async def land(self, event: Callable[[Ledger, float], Ledger]) -> None:
        """End a reservation: change the state by `event`."""
        ...


class OwnLedger:
    """The ledger of a client that shares it with nobody."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self.ledger = ledger
        self.changed_at: float | None = None
        self._clock = clock

    def now(self) -> float:
        return self._clock.monotonic()

    def look_again_in(self) -> float:
        return math.inf

    async def refresh(self) -> None:
        """There is nobody else."""

    def recall(self, ledger: Ledger) -> None:
        self.ledger = ledger

    async def take(
        self,
        ask: Callable[[Ledger, float], Grant | Wait],
        *,
        lifetime: float,
        urgent: bool = False,
    ) -> int | Wait:
        del lifetime  # this process is the only holder
        verdict = ask(self.ledger, self.now())
        if isinstance(verdict, Wait):
            return verdict
        self.ledger, token = quota.reserve(self.ledger, self.now(), urgent=urgent)
        return token

    async def land(self, event: Callable[[Ledger, float], Ledger]) -> None:
        self.ledger = event(self.ledger, self.now())
        self.changed_at = self._clock.time()
