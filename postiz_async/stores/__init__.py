"""Where a ledger lives: the protocols of stores, of snapshots, and of the handle to one ledger.

A `QuotaStore` is shared by several clients: bytes and a version, compare-and-swap. The pure ledger
decides, a store only keeps. Whoever changes a state names the version that it was made from; when
somebody else was quicker, the store says so and hands out the newer state. A `SnapshotStore` only
writes down what one client knows, for its successor.

The scheduler reserves and settles through a `LedgerHandle`. All times of a handle are on its own
clock, `now()`: this process's monotonic clock, or the time of the store.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from postiz_async._quota import Grant, Ledger, Wait
    from postiz_async._quota.snapshot import Snapshot

__all__ = [
    "LedgerHandle",
    "QuotaStore",
    "SnapshotStore",
    "Versioned",
    "ledger_name",
]


class Versioned(NamedTuple):
    """A state as a store has it.

    `version` is 0 while there is no state. `time` is the store's own clock in seconds, None for a
    store that has none, because all its users share the clocks of one host.
    """

    value: bytes | None
    version: int
    time: float | None


class QuotaStore(Protocol):
    """Has states by name. Names are hashes: no key and no address is in them."""

    async def read(self, name: str) -> Versioned:
        """The state now.

        Args:
            name: the name of a quota, which tells neither server nor key.

        Raises:
            StoreError: the store cannot be reached or used.
        """
        ...

    async def swap(self, name: str, version: int, value: bytes) -> tuple[bool, Versioned]:
        """Put `value` in the place of the state with `version`.

        Args:
            name: the name of a quota, which tells neither server nor key.
            version: that of the state that `value` was made from; 0: there was none.
            value: the new state.

        Returns:
            True and the new state, or False and the state that somebody else put there.

        Raises:
            StoreError: the store cannot be reached or used; the state is as it was, or the swap
                was done and its answer lost.
        """
        ...

    async def aclose(self) -> None:
        """Let go of files and connections."""
        ...


class SnapshotStore(Protocol):
    """Writes a ledger down before each create is sent and after each answer."""

    async def load(self) -> Snapshot | None:
        """The state that was kept last, or None."""
        ...

    async def save(self, kept: Snapshot) -> None:
        """Keep the state; returns when it would survive a crash of this process."""
        ...


def ledger_name(root: str, key: str) -> str:
    """A name for (server, key) that tells neither."""
    return hashlib.sha256(f"{root}\n{key}".encode()).hexdigest()[:32]


class LedgerHandle(Protocol):
    """Holds one ledger."""

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

    async def settle(self, event: Callable[[Ledger, float], Ledger]) -> None:
        """End a reservation: change the state by `event`."""
        ...
