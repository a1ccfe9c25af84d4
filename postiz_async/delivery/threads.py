"""Work on a file in a thread, so that the event loop goes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["to_the_end"]

T = TypeVar("T")


async def to_the_end(work: Callable[[], T], *, undo: Callable[[T], None] | None = None) -> T:
    """Run `work` in a thread; a task that is cancelled meanwhile stays until it has ended.

    A thread that is left behind would go on using the connection and holding the lock.

    Args:
        work: what to run.
        undo: given the result when the task was cancelled and nobody takes it.
    """
    cancelled: asyncio.CancelledError | None = None
    running = asyncio.ensure_future(anyio.to_thread.run_sync(work))
    with anyio.CancelScope(shield=True):
        while not running.done():
            try:
                await asyncio.wait([running])
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is None:
        return running.result()
    if running.exception() is None and undo is not None:
        undo(running.result())
    raise cancelled
