"""A store in memory, for clients that shall share nothing with the rest of the process."""

from __future__ import annotations

import math
import threading
from contextlib import AbstractContextManager
from typing import NamedTuple

from postiz_async._wire.secrets import OfOneProcess
from postiz_async.clock import Clock, SystemClock
from postiz_async.stores import Kept, new_version

__all__ = ["MemoryStore"]

_FEW = 1000
"""Number of records up to which expired ones are not removed."""


class Guard:
    """The lock of all in-memory state of this process.

    It is reentrant, because a garbage collection may end a dropped call at any moment, and its slot
    is then given back by the thread that holds the lock. That change may be overwritten, so the
    slot counts as spent once its time is over.
    """

    lock: AbstractContextManager[object] = threading.RLock()


class _Record(NamedTuple):
    kept: Kept
    expires: float
    """The time of expiry on the monotonic clock."""


class MemoryStore(OfOneProcess):
    """Keeps records in memory, for the clients of one process that are given this object.

    Args:
        clock: decides when a record expires; None: the machine's clock.
    """

    are_keys_told_of: bool = False
    """Whether the log has warned that no other process knows its idempotency keys."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._records: dict[tuple[str, str], _Record] = {}
        self._tidy_at = _FEW

    async def get(self, scope: str, key: str, /) -> Kept:
        return self._kept(scope, key, self._clock.monotonic())

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        with Guard.lock:  # clients may be in several threads
            now = self._clock.monotonic()
            kept = self._kept(scope, key, now)
            if kept.version != version:
                return False, kept
            kept = Kept(value, new_version(), None)
            self._records[scope, key] = _Record(kept, math.inf if keep is None else now + keep)
            self._tidy(now)
            return True, kept

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""

    def _kept(self, scope: str, key: str, now: float) -> Kept:
        record = self._records.get((scope, key))
        return record.kept if record and record.expires > now else Kept(None, 0, None)

    def _tidy(self, now: float) -> None:
        """Remove expired records when their number has doubled since the last time."""
        if len(self._records) > self._tidy_at:
            self._records = {key: each for key, each in self._records.items() if each.expires > now}
            self._tidy_at = max(_FEW, 2 * len(self._records))
