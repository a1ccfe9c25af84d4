"""A store for the clients of one process."""

from __future__ import annotations

from postiz_async.stores import Versioned

__all__ = ["MemoryStore"]


class MemoryStore:
    """Keeps states in memory. Share one object between clients of one event loop."""

    def __init__(self) -> None:
        self._states: dict[str, Versioned] = {}

    async def read(self, name: str) -> Versioned:
        return self._states.get(name, Versioned(None, 0, None))

    async def swap(self, name: str, version: int, value: bytes) -> tuple[bool, Versioned]:
        state = self._states.get(name, Versioned(None, 0, None))
        if state.version != version:
            return False, state
        state = self._states[name] = Versioned(value, version + 1, None)
        return True, state

    async def aclose(self) -> None:
        """There is nothing to let go of."""
