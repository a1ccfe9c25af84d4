"""Where a ledger lives, so that several clients can share it and the next process knows of it.

A `QuotaStore` is shared by several clients: bytes and a version, compare-and-swap. The pure ledger
decides, a store only keeps. Whoever changes a state names the version that it was made from; when
somebody else was quicker, the store says so and hands out the newer state. The scheduler reserves
and settles through a `LedgerHandle`. A `SnapshotStore` only writes down what one client knows, for
its successor.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple, Protocol

__all__ = [
    "QuotaStore",
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


def ledger_name(root: str, key: str) -> str:
    """A name for (server, key) that tells neither."""
    return hashlib.sha256(f"{root}\n{key}".encode()).hexdigest()[:32]
