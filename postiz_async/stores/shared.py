"""Stores for a ledger that several clients share: bytes and a version, compare-and-swap.

The pure ledger decides, a store only keeps. Whoever changes a state names the version that it was
made from; when somebody else was quicker, the store says so and hands out the newer state.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

__all__ = ["Kept", "SharedStore"]


class Kept(NamedTuple):
    """A state as a store keeps it.

    `version` is 0 while there is no state. `time` is the store's own clock in seconds, None for a
    store that has none, because all its users share the clock of one host.
    """

    value: bytes | None
    version: int
    time: float | None


class SharedStore(Protocol):
    """Keeps states by name. Names are hashes: no key and no address is in them."""

    async def read(self, name: str) -> Kept:
        """The state now.

        Raises:
            StoreError: the store cannot be reached or used.
        """
        ...

    async def swap(self, name: str, version: int, value: bytes) -> tuple[bool, Kept]:
        """Put `value` in the place of the state with `version`.

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
