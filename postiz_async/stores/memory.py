"""A store in memory, which keeps the clients that are given it apart from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async.stores import Versioned, new_version
from postiz_async.stores._local_records import Guard, LocalRecords

if TYPE_CHECKING:
    from postiz_async.clock import Clock

__all__ = ["MemoryStore"]


class MemoryStore(LocalRecords):
    """Keeps states and records in memory, for clients of one process that are given this object.

    Args:
        clock: tells when the time of a record is over; None: the machine's.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        super().__init__(clock=clock)
        self._states: dict[str, Versioned] = {}

    async def read(self, name: str) -> Versioned:
        return self._states.get(name, Versioned(None, 0, None))

    async def swap(self, name: str, version: int, value: bytes) -> tuple[bool, Versioned]:
        with Guard.lock:  # clients may be in several threads
            state = self._states.get(name, Versioned(None, 0, None))
            if state.version != version:
                return False, state
            state = self._states[name] = Versioned(value, new_version(), None)
            return True, state
