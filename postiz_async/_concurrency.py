"""Work that is not cancelled half-way, or on many items; uploads that stall; a signal for many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypeVar

import anyio
import anyio.to_thread

from postiz_async._unseen import unseen_work
from postiz_async.errors import APITimeoutError, UploadError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterable

    from postiz_async.clock import Clock


T = TypeVar("T")


async def run_to_completion(work: Coroutine[object, object, T]) -> T:
    """Await `work` to its end; a cancelled caller is let go then, with the error of `work` if any.

    Raises:
        asyncio.CancelledError: the caller was cancelled meanwhile, and `work` succeeded.
    """
    task = asyncio.get_running_loop().create_task(work)
    cancelled = await ended(task)
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
    with unseen_work():
        task = asyncio.ensure_future(_in_thread(work))
        cancelled = await ended(task)
    if cancelled is None:
        return task.result()
    if task.exception() is None and undo is not None:
        undo(task.result())
    raise cancelled


async def _in_thread(work: Callable[[], T]) -> T:
    try:
        return await anyio.to_thread.run_sync(work)
    except RuntimeError as error:
        if "at interpreter shutdown" not in str(error):
            raise
        return work()  # Python 3.12 starts no thread for a client that is closed by `atexit`


async def in_turns(work: Generator[None, None, T]) -> T:
    """Do `work`; others run whenever it pauses."""
    with unseen_work():
        while True:
            try:
                next(work)
            except StopIteration as end:
                value: T = end.value
                return value
            await asyncio.sleep(0)


class StrayCancellationError(Exception):
    """Something that was awaited was cancelled, and nobody here had asked for that."""


async def in_own_task(work: Coroutine[object, object, T], clock: Clock, seconds: float) -> T:
    """Await code of the user's, which may hang, ignore its cancellation, or be cancelled by others.

    Raises:
        TimeoutError: it did not end within `seconds`; it is cancelled and not waited for.
        StrayCancellationError: it was cancelled, or something that it awaits.
        asyncio.CancelledError: the caller was cancelled meanwhile.
    """
    task = asyncio.get_running_loop().create_task(work)
    try:
        with clock.move_on_after(seconds):
            await asyncio.wait([task])
    finally:
        if not task.done():
            task.add_done_callback(lambda it: None if it.cancelled() else it.exception())
            task.cancel()
    if not task.done():
        raise TimeoutError
    if task.cancelled():
        raise StrayCancellationError
    return task.result()


async def ended(task: asyncio.Future[T]) -> asyncio.CancelledError | None:
    """Wait for `task`; the cancellation that came meanwhile, if one did."""
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancelled = error
    return cancelled


async def for_each(
    items: Iterable[T] | AsyncIterable[T],
    work: Callable[[int, T], Awaitable[None]],
    *,
    at_once: int,
) -> None:
    """Do something for each of many items, in their order, so many at a time.

    An item is taken when there is room for it. If none can be taken, what is under way ends first.

    Args:
        items: taken once, in the event loop.
        work: given the place of an item, from 0, and the item.
        at_once: one or more.

    Raises:
        Exception: taking an item raised it.
        ExceptionGroup: work raised its errors, and what else was under way is cancelled.
    """
    room = anyio.Semaphore(at_once, fast_acquire=True)
    failed: Exception | None = None

    async def do(place: int, item: T) -> None:
        await work(place, item)
        room.release()

    async with anyio.create_task_group() as group, aclosing(_taken(items)) as taken:
        place = 0
        while True:
            await room.acquire()
            try:
                item = await anext(taken)
            except StopAsyncIteration:
                break
            except Exception as error:  # noqa: BLE001  (raised when the others have ended)
                failed = error
                break
            group.start_soon(do, place, item)
            place += 1
    try:
        if failed is not None:
            raise failed
    finally:
        del failed  # which would hold this frame, and that the error


async def _taken(items: Iterable[T] | AsyncIterable[T]) -> AsyncGenerator[T]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


STORE_RATE = 1024 * 1024
"""Bytes a second that a server is trusted to store: so long is the answer to an upload awaited."""


Phase: TypeAlias = Literal["source", "server", "answer"]
"""Who has to do something next."""


class Writer(Protocol):
    """What is watched; `output_size` counts the bytes that were handed over."""

    output_size: int


class StallWatchdog:
    """Ends an upload in which no byte moves, from its source or to the server.

    aiohttp's own time-outs do not run while a body is written. What counts is not what was
    handed over but what left the buffers, so that a slow line is not taken for a dead one.
    """

    def __init__(self, seconds: float) -> None:
        self.phase: Phase = "source"
        self._seconds = seconds
        self._writer: Writer | None = None
        self._scope = anyio.CancelScope()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._seen: tuple[str, int] = ("", 0)
        self._moved_at = 0.0

    @contextmanager
    def over(self) -> Generator[None]:
        """Watch over the block; it is left at once when nothing moves any more."""
        try:
            with self._scope:
                yield
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def began(self, writer: Writer) -> None:
        """The connection is made and the body begins."""
        self._writer = writer
        self._moved_at = self._loop.time()
        self._look()

    def _look(self) -> None:
        seen = (self.phase, self._moved())
        if seen != self._seen:
            self._seen, self._moved_at = seen, self._loop.time()
        if self._loop.time() - self._moved_at >= self._patience():
            self._scope.cancel()
        else:
            self._timer = self._loop.call_later(self._seconds / 4, self._look)

    def _moved(self) -> int:
        """Bytes that left this process."""
        if self._writer is None:
            return 0
        transport: asyncio.WriteTransport | None = getattr(self._writer, "transport", None)
        waiting = transport.get_write_buffer_size() if transport is not None else 0
        return self._writer.output_size - waiting

    def _patience(self) -> float:
        """Seconds without a moved byte that are too many."""
        return self._seconds + (self._moved() / STORE_RATE if self.phase == "answer" else 0.0)

    def verdict(self, host: str) -> APITimeoutError | UploadError:
        """Whose fault it was."""
        return stalled(self.phase, host, self._patience(), self._moved())


def stalled(phase: Phase, host: str, patience: float, moved: int) -> APITimeoutError | UploadError:
    """What is raised after `patience` seconds in which no byte moved."""
    after = f"for {patience:g} s after {moved:,} bytes"
    if phase == "source":
        return UploadError(
            f"The source of the upload gave nothing {after}. Look at what makes it wait, or allow "
            "it more with stall_timeout=..."
        )
    what = "took no byte" if phase == "server" else "did not answer"
    return APITimeoutError(
        f"{host} {what} {after} of an upload.",
        hint="`postiz-async doctor` looks for the cause; stall_timeout=... allows more.",
    )


class WakeSignal:
    """Wakes all that wait for a publication."""

    def __init__(self) -> None:
        self.given: int = 0
        """How many signals there were."""
        self._news: asyncio.Event | None = None

    def give(self) -> None:
        """Something was published, perhaps."""
        self.given += 1
        news, self._news = self._news, None
        if news is not None:
            news.set()

    async def wait(self, seen: int) -> None:
        """Wait for a signal after the first `seen`."""
        if self.given > seen:
            return
        if self._news is None:
            self._news = asyncio.Event()
        await self._news.wait()
