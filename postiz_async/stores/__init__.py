"""Where a ledger lives, so that several clients can share it and the next process knows of it.

Stores keep `Records`: bytes and a version, changed by compare-and-swap. The pure ledger decides, a
store only keeps. Whoever changes a record names the version that it was made from; when somebody
else was quicker, the store says so and hands out the newer one. The scheduler reserves and settles
through a `LedgerHandle`. A `SnapshotStore` only writes down what one client knows, for its
successor.

A record has a scope and a key: the ledger of a quota is the record of its name with an empty key,
and each idempotency key has a record beside that of its quota.

A version never comes again, also after its record was deleted, forgotten or lost: a process that
was suspended meanwhile would overwrite what was written anew. A counter in the store starts again
with it, so the stores of this library draw each version at random.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import NamedTuple, Protocol

from postiz_async.errors import UsageError

__all__ = [
    "Kept",
    "Records",
    "ledger_name",
]


class Kept(NamedTuple):
    """A record as a store has it.

    `version` is 0 while there is none, else another number for each change. `time` is the store's
    own clock in seconds, None for a store that has none, because all its users share the clocks of
    one host.
    """

    value: bytes | None
    version: int
    time: float | None


class Records(Protocol):
    """Has records by scope and key.

    A record whose time is over is as good as none. Later writes remove such records, a few at a
    time. No version of a record may come again after that: draw versions at random, or count on.
    """

    async def get(self, scope: str, key: str, /) -> Kept:
        """The record now.

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
        """Put `value` in the place of the record with `version`.

        Args:
            scope: as for `get`.
            key: as for `get`.
            version: that of the record that `value` was made from; 0: there was none.
            value: the new record, not empty.
            keep: seconds from now until the record is forgotten, by the clock of the store; None:
                it is kept, for days at least after its last change.

        Returns:
            True and the new record, or False and the record that somebody else put there. A store
            that had to ask again may answer False with this very value: then the swap was done.

        Raises:
            StoreError: the store cannot be reached or used; the record is as it was, or the swap
                was done and its answer lost.
        """
        ...

    async def aclose(self) -> None:
        """Let go of files and connections."""
        ...


def new_version() -> int:
    """A version that no other change has; Redis counts exactly up to 53 bits."""
    return secrets.randbits(52) + 1


def ledger_name(root: str, key: str) -> str:
    """A name for (server, key) that reveals neither."""
    return hashlib.sha256(f"{root}\n{key}".encode()).hexdigest()[:32]


def check_store(store: object) -> None:
    """Refuse what keeps no records.

    Raises:
        UsageError: it is neither a store nor None.
    """
    if store is not None and not hasattr(store, "swap"):
        raise UsageError(
            "store must be the path of a file, the address of a database or a store, not "
            f"{type(store).__name__}."
        )
