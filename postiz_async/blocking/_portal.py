"""The thread of an event loop in which a client lives, and the ways into it.

It is what `anyio.from_thread.start_blocking_portal` does, written out. That one answers a cancelled
call before its work has ended, goes to the loop twice for a call, and waits in a finalizer.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
import warnings
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar
from weakref import WeakSet

from msgspec import UNSET, UnsetType

from postiz_async._resources.api import absent
from postiz_async._wire.secrets import Secret
from postiz_async.blocking._calls import ThreadCall
from postiz_async.errors import ConfigurationError, UsageError
from postiz_async.models._durations import read_seconds
from postiz_async.stores import Records

T = TypeVar("T")
P = ParamSpec("P")

log = logging.getLogger("postiz_async")

_EXIT = 5.0
"""Seconds that the end of the process waits for a client that nobody closed."""

_FROM_INSIDE = (
    "A blocking client cannot be called from the thread of its own event loop, which would wait "
    "for itself. Hooks such as on_attempt run there: hand the work to another thread, or use the "
    "asynchronous `postiz_async.Postiz`."
)
_FORKED = (
    "This client was opened before the process was forked, and its thread lives in the parent "
    "only. Open it after the fork: made without `open()` and `with`, its first call opens it."
)
_CLOSED = "This client is closed or closing; nothing was sent. `open()` opens it again."


class Shared(Protocol):
    """What lives in the loop: a client or a pool."""

    async def open(self) -> object:
        """Open it."""
        ...

    async def aclose(self, *, drain: float | timedelta | UnsetType | None = UNSET) -> None:
        """Close it."""
        ...


class _Thread(NamedTuple):
    """A thread with a running event loop."""

    thread: threading.Thread
    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event
    under_way: set[ThreadCall]
    process: int


def given_store(store: Records | Path | Secret | str | None) -> Records | None:
    """The store of a user's own, which a client does not close by itself; None: there is none."""
    return None if isinstance(store, str | Path | Secret) else store


class Portal:
    """The event loop of a client, from its first call until it is closed; safe from any thread.

    Args:
        client: what lives in the loop.
        store: of its quota, whose connections live there too; it is closed with it.
    """

    def __init__(self, client: Shared, store: Records | None) -> None:
        self._client = client
        self._store = store
        self._lock = threading.Lock()
        self._open: _Thread | None = None
        self._is_closed = False
        self._under_way: set[ThreadCall] = set()

    def __del__(self) -> None:
        self.let_go()

    # -------------------------------------------------------------- calling

    def new_call(self) -> ThreadCall:
        """A call that this thread is to make.

        Raises:
            UsageError: the client is closed, or cannot be used from here.
        """
        opened = self.opened()
        return ThreadCall(opened.loop, opened.under_way)

    def call(
        self, work: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Carry `work` out in the loop and wait for its result."""
        opened = self.opened()
        return ThreadCall(opened.loop, opened.under_way).run(partial(work, *args, **kwargs))

    def call_sync(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in the loop, which alone touches the state of the client."""
        return self.call(_plainly, partial(work, *args, **kwargs))

    # -------------------------------------------------------------- opening and closing

    @property
    def is_open(self) -> bool:
        """Whether calls can be made, from other threads than its own."""
        opened = self._open
        return opened is not None and opened.process == os.getpid() and not self._is_closed

    def open(self) -> None:
        """Start the thread, and open the client there.

        Raises:
            UsageError: it is open already.
        """
        self._refuse_inside()
        with self._lock:
            if self._open is not None:
                self._refuse_forked(self._open)
                raise UsageError("This client is open already.")
            self._is_closed = False
            self._open = self._started()

    def opened(self) -> _Thread:
        """The thread; the first call opens the client.

        Raises:
            UsageError: it is closed, or cannot be used from here.
        """
        self._refuse_inside()
        opened = self._open
        if opened is None and not self._is_closed:
            with self._lock:
                if self._open is None and not self._is_closed:
                    self._open = self._started()
                opened = self._open
        if opened is not None:
            self._refuse_forked(opened)
        if opened is None or self._is_closed:
            raise absent(_CLOSED)
        return opened

    def _refuse_inside(self) -> None:
        if getattr(_inside, "under_way", None) is self._under_way:
            raise UsageError(_FROM_INSIDE)

    def _refuse_forked(self, opened: _Thread) -> None:
        if opened.process != os.getpid():
            raise UsageError(_FORKED)

    def _started(self) -> _Thread:
        made: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        thread = threading.Thread(
            target=_live, args=(made, self._under_way), name="postiz_async.blocking", daemon=True
        )
        thread.start()
        try:
            loop, stop = made.result()
        except OSError as error:
            raise ConfigurationError(
                f"The event loop of this client could not be made: {error}. Are too many files or "
                "connections open in this process?"
            ) from error
        opened = _Thread(thread, loop, stop, self._under_way, os.getpid())
        try:
            ThreadCall(opened.loop, self._under_way).run(self._client.open)
        except BaseException:
            _stop(opened)
            raise
        _portals.add(self)
        return opened

    def close(self, *, drain: float | timedelta | UnsetType | None = UNSET) -> None:
        """Close the client, end all calls and the thread. Closing twice does no harm.

        Raises:
            UsageError: `drain` is not a number of seconds, or it is closed from inside.
        """
        if drain is not UNSET:
            drain = read_seconds("drain", drain, zero=True, endless=True)
        self._refuse_inside()
        with self._lock:  # whoever opens it at this moment has done so then
            self._is_closed = True
            opened = self._open
        if opened is None or opened.process != os.getpid():  # forked: the parent closes it
            return
        try:
            closing = ThreadCall(opened.loop, opened.under_way)
            closing.begin(partial(self._client.aclose, drain=drain))
            if not closing.is_cancelled:  # by a thread in more of a hurry
                closing.result()
        finally:
            with self._lock:
                if self._open is opened:
                    self._open = None
                    _portals.discard(self)
                    ending = partial(_end_all, self._client, self._store, opened.under_way)
                    try:
                        ThreadCall(opened.loop, set()).run(ending)
                    finally:
                        _stop(opened)

    def let_go(self) -> threading.Thread | None:
        """Have an open client closed that nobody closed; its thread, which then ends."""
        opened, self._open = self._open, None
        self._is_closed = True
        if opened is None or opened.process != os.getpid():
            return None
        warnings.warn(
            f"{self._client!r} was not closed", ResourceWarning, source=self, stacklevel=2
        )
        with suppress(RuntimeError):  # the loop is closed
            work = partial(_wind_up, self._client, self._store, opened)
            opened.loop.call_soon_threadsafe(_keep, work)
        return opened.thread


_portals: WeakSet[Portal] = WeakSet()
"""Those that are open."""


@atexit.register
def _at_exit() -> None:
    threads = [portal.let_go() for portal in tuple(_portals)]
    for thread in threads:
        if thread is not None:
            thread.join(_EXIT)


# ------------------------------------------------------------------ in the thread of the loop


_inside = threading.local()
"""Of a loop's thread: the calls that are under way there, by which its portal knows it."""


def _live(
    made: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]], under_way: set[ThreadCall]
) -> None:
    _inside.under_way = under_way
    try:
        with asyncio.Runner() as runner:
            runner.run(_until_stopped(made))
    except OSError as error:
        if made.done():
            raise
        made.set_exception(error)  # whoever starts it waits for its loop
    finally:
        for call in tuple(under_way):  # whoever waits must not wait for ever
            call.abandon()


async def _until_stopped(
    made: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]],
) -> None:
    stop = asyncio.Event()
    made.set_result((asyncio.get_running_loop(), stop))
    await stop.wait()


def _stop(opened: _Thread) -> None:
    with suppress(RuntimeError):  # it is closed already
        opened.loop.call_soon_threadsafe(opened.stop.set)
    opened.thread.join()


async def _plainly(work: Callable[[], T]) -> T:
    return work()


async def _end_all(client: Shared, store: Records | None, under_way: set[ThreadCall]) -> None:
    await client.aclose(drain=0.0)  # Ctrl-C may have come before
    tasks = [task for call in tuple(under_way) if (task := call.cancel()) is not None]
    if tasks:
        await asyncio.wait(tasks)
    if store is not None:
        await store.aclose()


async def _wind_up(client: Shared, store: Records | None, opened: _Thread) -> None:
    try:
        await _end_all(client, store, opened.under_way)
    except Exception:
        log.exception("%r, which was not closed, could not be closed", client)
    finally:
        opened.stop.set()


_kept: set[asyncio.Task[object]] = set()
"""Tasks that nobody waits for; an event loop keeps none of them."""


def _keep(work: Callable[[], Coroutine[Any, Any, object]]) -> None:
    task = asyncio.get_running_loop().create_task(work())
    _kept.add(task)
    task.add_done_callback(_kept.discard)
