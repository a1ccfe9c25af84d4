"""How the scheduler holds one ledger, wherever it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from postiz_async._quota import Grant, Ledger, Wait


class LedgerHandle(Protocol):
    """Holds one ledger.

    All times are on its own clock, `now()`: this process's monotonic clock, or the store's time.
    """

    @property
    def ledger(self) -> Ledger:
        """The state as it was last seen."""
        ...

    def now(self) -> float:
        """Seconds of the handle's clock, the clock of all times in its ledger."""
        ...

    def look_again_in(self) -> float:
        """Seconds after which somebody else may have given a slot back; infinity: nobody can.

        Without calls in flight a state only gets worse, which the next swap finds out.
        """
        ...

    def listen(self, changed: Callable[[], object]) -> bool:
        """Call `changed` in the running event loop when somebody else changes the state.

        Returns:
            Whether that begins now: what changed just before was not told. False also where
            nobody tells, and `look_again_in` says when to look.
        """
        ...

    def unlisten(self) -> None:
        """Nobody waits for changes any more."""
        ...

    @property
    def changed_at(self) -> float | None:
        """Wall time, in seconds since the epoch, of the last change; None if there was none."""
        ...

    async def refresh(self) -> None:
        """Look at the state again."""
        ...

    def restore(self, ledger: Ledger) -> None:
        """Start from a state that was written down elsewhere, if nothing is known that holds."""
        ...

    async def take(
        self,
        ask: Callable[[Ledger, float], Grant | Wait],
        *,
        lifetime: float,
        urgent: bool = False,
    ) -> int | Wait:
        """Reserve a slot if `ask` grants it. Returns a token, or the decision to wait.

        A holder that dies keeps its slot for `lifetime` seconds; then it counts as spent. That
        an interactive call was `urgent` is remembered, for more may come.
        """
        ...

    def take_at_once(
        self,
        ask: Callable[[Ledger, float], Grant | Wait],
        /,
        *,
        lifetime: float,
        urgent: bool = False,
    ) -> int | Wait | None:
        """As `take`, where that waits for nothing; None: it would."""
        ...

    async def settle(self, event: Callable[[Ledger, float], Ledger]) -> None:
        """End a reservation: change the state by `event`."""
        ...
