"""One call: made by a thread that waits, carried out by a task of the client's event loop."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from functools import partial
from itertools import islice
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast, overload

from postiz_async._scheduler.hooks import check_hook
from postiz_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator

    P = ParamSpec("P")


T = TypeVar("T")

CLOSED = "This client was closed while this call was under way, so it came to no end."

_LOOK = 0.2 if sys.platform == "win32" else 1.0
"""Seconds between two looks for signals such as Ctrl-C. Windows wakes no thread that waits for a
lock; elsewhere it is not woken by a signal that comes just before, or that another thread got."""


class ThreadCall:
    """A call of the thread that makes it, which waits for the end and serves it meanwhile.

    Functions that were given to the call are called in that thread: what is bound to it, such as
    the request of Flask or the database connection of Django, is there.

    Args:
        loop: the event loop in which the work is done, as a task with the context of the thread.
        under_way: the calls of the loop that have not ended.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, under_way: set[ThreadCall]) -> None:
        self._loop = loop
        self._under_way = under_way
        self._inbox: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        """What the waiting thread is to do; None: it need not wait any more."""
        self._task: asyncio.Task[None] | None = None
        self._value: Any = None
        self._error: BaseException | None = None
        self._is_leaving = False
        self.is_ended: bool = False

    # -------------------------------------------------------------- in the thread that calls

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Carry `work` out and wait for its result.

        Whatever interrupts the waiting, such as Ctrl-C, cancels the work and is raised when that
        has ended; a second one does not wait.
        """
        self.begin(work)
        return cast("T", self.result())

    def begin(self, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Carry `work` out, and wait until it has ended or says `let_go`."""
        self._under_way.add(self)
        try:
            self._soon(partial(self._start, work))
            self._serve()
        except BaseException:
            self.settle()
            raise

    def go_on(self, function: Callable[[], object]) -> None:
        """Call a function in the loop that lets the work come to its end, and wait for that."""
        if self._is_inside():
            function()
            return
        try:
            if not self.is_ended:
                self._soon(function)
                self._serve()
        except BaseException:
            self.settle()
            raise

    def settle(self) -> None:
        """Cancel the work, and wait until it has ended."""
        if self.is_ended:
            return
        self._is_leaving = True
        if self._is_inside():
            self.cancel()
            return
        self._soon(self.cancel)
        while not self.is_ended:
            self._serve()

    @property
    def is_cancelled(self) -> bool:
        """Whether it ended because it was cancelled, as closing the client does."""
        return isinstance(self._error, asyncio.CancelledError)

    def result(self) -> Any:
        """What the work gave; raises what it raised."""
        error, self._error = self._error, None
        try:
            if isinstance(error, asyncio.CancelledError):
                raise ConfigurationError(CLOSED)
            if error is not None:
                raise error
        finally:
            del error  # which would hold this frame, and that the error
        return self._value

    def _is_inside(self) -> bool:
        """Whether this is the thread of the loop, which must not wait for itself.

        Garbage is collected in any thread: a generator that is dropped leaves its block there.
        """
        with suppress(RuntimeError):  # no loop runs here
            return asyncio.get_running_loop() is self._loop
        return False

    def _serve(self) -> None:
        while True:
            try:
                work = self._inbox.get(timeout=_LOOK)
            except Empty:
                continue
            if work is None:
                return
            work()

    # -------------------------------------------------------------- functions of the caller

    @overload
    def told(self, function: None) -> None: ...

    @overload
    def told(self, function: Callable[P, object]) -> Callable[P, None]: ...

    def told(self, function: Callable[..., object] | None) -> Callable[..., None] | None:
        """A function that the waiting thread calls, without anybody waiting for it.

        When it fails, the call is cancelled and ends with its error.
        """
        check_hook("progress", function, is_awaited=False)
        if function is None:
            return None

        def tell(*args: object, **kwargs: object) -> None:
            self._inbox.put(partial(self._tell, partial(function, *args, **kwargs)))

        return tell

    def _tell(self, function: Callable[[], object]) -> None:
        if not self._is_leaving:
            function()

    @overload
    def awaited(self, function: None) -> None: ...

    @overload
    def awaited(self, function: Callable[P, object]) -> Callable[P, Coroutine[Any, Any, Any]]: ...

    def awaited(
        self, function: Callable[..., object] | None
    ) -> Callable[..., Coroutine[Any, Any, Any]] | None:
        """A function that the waiting thread calls while the work waits for what it returns."""
        check_hook("A function given to this call", function, is_awaited=False)
        if function is None:
            return None

        async def ask(*args: object, **kwargs: object) -> object:
            answer: asyncio.Future[object] = self._loop.create_future()
            self._inbox.put(partial(self._answer, answer, partial(function, *args, **kwargs)))
            return await answer

        return ask

    async def taken(self, items: Iterable[T], at_once: int = 1) -> AsyncIterator[T]:
        """What an iterable gives, taken by the waiting thread when the work wants it.

        Args:
            items: of the caller.
            at_once: how many are taken before the first of them is given.
        """
        begun: list[Iterator[T]] = []

        def take() -> list[T]:
            if not begun:
                begun.append(iter(items))
            return list(islice(begun[0], at_once))

        wanted = self.awaited(take)
        while block := await wanted():
            for item in block:
                yield item

    def _answer(self, answer: asyncio.Future[object], function: Callable[[], object]) -> None:
        try:
            value = function()
        except StopIteration as error:  # which no future takes
            told = RuntimeError("a function given to this call raised StopIteration")
            self._soon(partial(_set, answer, None, told.with_traceback(error.__traceback__)))
        except Exception as error:  # noqa: BLE001  (the work raises it, and so it comes back)
            self._soon(partial(_set, answer, None, error))
        else:
            self._soon(partial(_set, answer, value, None))

    def _soon(self, function: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:  # the loop is closed
            self.abandon()

    # -------------------------------------------------------------- in the event loop

    def _start(self, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        self._task = self._loop.create_task(self._carry_out(work))
        self._task.add_done_callback(lambda _: self.abandon())  # cancelled before its first step

    async def _carry_out(self, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        try:
            self._value = await work()
        except BaseException as error:  # noqa: BLE001  (the thread that waits raises it)
            self._error = error
        self._end()

    def let_go(self) -> None:
        """Let the thread go on, although the work has not ended."""
        self._inbox.put(None)

    def cancel(self) -> asyncio.Task[None] | None:
        """Cancel the work, which may take its time to end; its task, if it has begun."""
        if self._task is None:
            self.abandon()
        else:
            self._task.cancel()
        return self._task

    def abandon(self) -> None:
        """It has ended, with or without an event loop that says so."""
        if not self.is_ended:
            self._error = asyncio.CancelledError()
            self._end()

    def _end(self) -> None:
        self.is_ended = True
        self._under_way.discard(self)
        self._inbox.put(None)


def _set(answer: asyncio.Future[object], value: object, error: Exception | None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(value)
    else:
        answer.set_exception(error)
