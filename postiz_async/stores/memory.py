"""A store for the clients of one process."""

from __future__ import annotations

from postiz_async.stores.shared import Kept

__all__ = ["MemoryStore"]


class MemoryStore:
    """Keeps states in memory. Share one object between clients of one event loop."""

    def __init__(self) -> None:
        self._states: dict[str, Kept] = {}

    async def read(self, name: str) -> Kept:
        return self._states.get(name, Kept(None, 0, None))

    async def swap(self, name: str, version: int, value: bytes) -> tuple[bool, Kept]:
        state = self._states.get(name, Kept(None, 0, None))
        if state.version != version:
            return False, state
        state = self._states[name] = Kept(value, version + 1, None)
        return True, state

    async def aclose(self) -> None:
        """There is nothing to let go of."""
