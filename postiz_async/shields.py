"""Work that goes to its end, also when the task that awaits it is cancelled.

`Task.cancel` (and so `asyncio.timeout`) goes through anyio's shields, and leaves a thread running
that nobody waits for. It would go on using a connection or a file that others use by then.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["in_thread", "run_to_completion"]

T = TypeVar("T")


async def run_to_completion(work: Coroutine[object, object, T]) -> T:
    """Await `work` to its end; a cancelled caller is let go then, with the error of `work` if any.

    Raises:
        asyncio.CancelledError: the caller was cancelled meanwhile, and `work` succeeded.
    """
    task = asyncio.get_running_loop().create_task(work)
    cancelled = await _ended(task)
    if cancelled is not None and task.exception() is None:
        raise cancelled
    return task.result()


async def in_thread(work: Callable[[], T], *, undo: Callable[[T], None] | None = None) -> T:
    """Run `work` in a thread, to its end.

    Args:
        work: what to run.
        undo: given the result when the caller was cancelled and nobody takes it.

    Raises:
        asyncio.CancelledError: the caller was cancelled meanwhile, whatever became of `work`.
    """
    task = asyncio.ensure_future(anyio.to_thread.run_sync(work))
    cancelled = await _ended(task)
    if cancelled is None:
        return task.result()
    if task.exception() is None and undo is not None:
        undo(task.result())
    raise cancelled


async def _ended(task: asyncio.Future[T]) -> asyncio.CancelledError | None:
    """Wait for `task`; the cancellation that came meanwhile, if one did."""
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancelled = error
    return cancelled
