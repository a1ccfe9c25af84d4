"""A limit of connections to a database, lowered while the server refuses further ones."""

from __future__ import annotations

import asyncio
import random
import time

import anyio

WAIT = 20.0
"""Seconds to wait for a connection while all are in use."""

NO_ROOM_FOR = 5.0
"""Seconds after which a call fails while the server has no room and no connection is free.

For this long a connection that was refused is not asked for again.
"""

NO_ROOM_PAUSE = 0.2
"""Seconds until such a call tries again, at most."""


class ConnectionSlots:
    """A limit of connections in use at once, for one event loop.

    Slots of connections that the server refused stay taken for a while. So calls share the existing
    connections, and one slot is always left to try again.

    Args:
        most: connections at the same time; further callers wait.
    """

    def __init__(self, most: int) -> None:
        self._free = anyio.Semaphore(most, fast_acquire=True)
        self._usable = most
        self.refusal: str = ""
        """The server's words when it had no room; empty once it has room again."""

    async def acquire(self, began: float) -> bool:
        """Wait for a slot, first come, first served. Returns False if there was none in time.

        Args:
            began: when the call began, on the monotonic clock.
        """
        with anyio.move_on_after(began + WAIT - time.monotonic()):
            await self._free.acquire()
            return True
        return False

    def release(self) -> None:
        """Give a slot back."""
        self._free.release()

    def release_refused(self) -> None:
        """Give back the slot of a connection that the server had no room for."""
        if self._usable == 1:
            self._free.release()
            return
        self._usable -= 1
        asyncio.get_running_loop().call_later(NO_ROOM_FOR, self._usable_again)

    def _usable_again(self) -> None:
        self._usable += 1
        self._free.release()

    async def wait_for_room(self, began: float, refusal: str) -> bool:
        """Pause before a call tries again; returns False at once if it has tried for long enough.

        Args:
            began: when the call began, on the monotonic clock.
            refusal: what the server said.
        """
        if time.monotonic() >= began + NO_ROOM_FOR:
            return False
        self.refusal = refusal
        await asyncio.sleep(random.uniform(0.5, 1.0) * NO_ROOM_PAUSE)  # noqa: S311
        return True
