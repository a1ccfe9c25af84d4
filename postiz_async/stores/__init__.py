"""Stores, in which several clients and later processes share the quota and idempotency keys.

Stores keep `Records`: bytes and a version, changed by compare-and-swap. The pure ledger decides, a
store only keeps. A caller that changes a record names the version that the change was made from; if
another caller was quicker, the store returns the newer record. The scheduler reserves and settles
through a `LedgerHandle`. A `SnapshotStore` only saves the state of one client for the next one.

A record has a scope and a key: the ledger of a quota is the record of its name with an empty key,
and each idempotency key has a record beside that of its quota.

A version is never used again, even after its record was deleted, forgotten or lost: otherwise a
process that was suspended meanwhile would overwrite newer data. A counter could start again with
the store, so the stores of this library draw each version at random.
"""

from __future__ import annotations

import secrets
from typing import NamedTuple, Protocol

from postiz_async.errors import UsageError

__all__ = [
    "Kept",
    "Records",
]


class Kept(NamedTuple):
    """A record as read from a store.

    `version` is 0 while there is none, else another number for each change. `time` is the store's
    own clock in seconds, None for a store that has none, because all its users share the clocks of
    one host.
    """

    value: bytes | None
    version: int
    time: float | None


class Records(Protocol):
    """A store of records, by scope and key.

    An expired record counts as missing. Later writes remove such records, a few at a time. Its
    versions must not be used again: draw versions at random, or keep counting.
    """

    async def get(self, scope: str, key: str, /) -> Kept:
        """Read a record.

        Args:
            scope: the name of a quota, which reveals neither server nor API key.
            key: empty for the ledger of the quota, else an idempotency key as it is: 1 to 255
                characters without NUL.

        Raises:
            StoreError: the store cannot be reached or used.
        """
        ...

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        """Replace the record if it still has `version`.

        Args:
            scope: as for `get`.
            key: as for `get`.
            version: that of the record that `value` was made from; 0: there was none.
            value: the new record, not empty.
            keep: seconds from now until the record is forgotten, by the clock of the store; None:
                the record is kept for days at least after its last change.

        Returns:
            True and the new record, or False and the record that somebody else put there. A store
            that had to ask again may answer False with this very value: then the swap was done.

        Raises:
            StoreError: the store cannot be reached or used; the record is as it was, or the swap
                was done and its answer lost.
        """
        ...

    async def aclose(self) -> None:
        """Close files and connections."""
        ...


def new_version() -> int:
    """A random version, unique in practice; of at most 52 bits."""
    return secrets.randbits(52) + 1


def in_micros(seconds: float) -> int:
    """A moment or a time as databases keep it, where a float could lose digits on its way."""
    return round(seconds * 1_000_000)


def in_seconds(micros: float) -> float:
    """The opposite of `in_micros`."""
    return micros / 1_000_000


def check_store(store: object) -> None:
    """Refuse an object that is not a store.

    Raises:
        UsageError: it is neither a store nor None.
    """
    if store is not None and not hasattr(store, "swap"):
        raise UsageError(
            "store must be the path of a file, the address of a database or a store, not "
            f"{type(store).__name__}."
        )
