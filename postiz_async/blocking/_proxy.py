"""Blocking classes, made of the asynchronous ones, and the event loop in which their objects live.

One thread has the loop of all clients of a process and never ends it, so no call comes too late.
`anyio.from_thread.BlockingPortal` does not fit: its callers wait without a time limit for the loop
to begin a call, and a signal that comes in that moment leaves the call behind.
"""

from __future__ import annotations

import asyncio
import atexit
import inspect
import os
import re
import threading
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from contextvars import ContextVar
from functools import cache, partial, wraps
from itertools import islice
from pathlib import Path
from pkgutil import resolve_name
from queue import Empty, SimpleQueue
from typing import Any
from weakref import WeakSet

import anyio.to_thread

from postiz_async._client import Postiz
from postiz_async._pool import PostizPool
from postiz_async._resources.api import absent
from postiz_async._resources.listing import Listing
from postiz_async._scheduler.hooks import check_hook
from postiz_async._wire.headers import hidden_values
from postiz_async._wire.secrets import OfOneProcess, hidden
from postiz_async.errors import ConfigurationError, UsageError

_INSIDE = "A hook runs in the event loop of the clients, which cannot wait there: use a thread."
_FORKED = "This client was opened before the fork, and its thread is in the parent. Open it after."
_CLOSED = "This client is closed or closing; nothing was sent. `open()` opens it again."
_ENDED = "This client was closed while this call was under way, so it came to no end."
_ASYNC = re.compile(
    r"\bawait |\basync (?=(with|for|def)\b)|\ba(?=close\b)| or async iterable"
    r"|;\s+may be\s+asynchronous|\n +connection: .*(\n {8,}.*)*|\n +UsageError: the connection .*"
)
"""Words that a docstring does not have in synchronous code."""

_inbox: ContextVar[SimpleQueue[Callable[[], object]]] = ContextVar("_inbox")
"""What the thread that waits for the work at hand is to do meanwhile."""


# ------------------------------------------------------------------ one call


_loops: dict[int, asyncio.AbstractEventLoop] = {}
"""By process, since a forked one has no thread yet."""


def _loop_of(process: int) -> asyncio.AbstractEventLoop:
    if process not in _loops:
        loop = asyncio.new_event_loop()
        if _loops.setdefault(process, loop) is loop:  # else another thread was first
            threading.Thread(target=_live, args=(loop,), name=__package__, daemon=True).start()
        else:
            loop.close()
    return _loops[process]


def _live(loop: asyncio.AbstractEventLoop) -> None:
    while True:
        with suppress(SystemExit):  # which a hook raised; its call raises it
            loop.run_forever()


def _is_inside() -> bool:
    return threading.current_thread().name == __package__


def _wait(work: Callable[[], Any]) -> Any:
    """Carry `work` out in the loop, and wait for its end.

    Whatever interrupts the waiting, such as Ctrl-C, cancels the work and is raised when that has
    ended; a second one does not wait.
    """
    loop, inbox = _loop_of(os.getpid()), SimpleQueue[Callable[[], object]]()
    tasks: list[asyncio.Future[Any]] = []

    def start() -> None:
        _inbox.set(inbox)
        tasks.append(loop.create_task(work()))
        tasks[0].add_done_callback(lambda _: inbox.put(bool))  # wakes the thread

    def cancel() -> None:
        tasks.append(loop.create_future())  # if it was never begun
        tasks[0].cancel()

    def serve() -> None:
        while not (tasks and tasks[0].done()):
            with suppress(Empty):  # a look for signals: some wake no thread that waits for a lock
                inbox.get(timeout=0.5)()

    try:
        loop.call_soon_threadsafe(start)
        serve()
    except BaseException:
        loop.call_soon_threadsafe(loop.call_soon, cancel)  # after its first step
        serve()
        raise
    try:
        return tasks.pop().result()
    except asyncio.CancelledError:
        raise ConfigurationError(_ENDED) from None


def ask(function: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
    """Let the thread that waits for the work at hand call a function."""
    answer = Future[Any]()
    _inbox.get().put(partial(_answer, answer, partial(function, *args)))
    return asyncio.wrap_future(answer)


def _answer(answer: Future[Any], function: Callable[[], Any]) -> None:
    if answer.set_running_or_notify_cancel():
        try:
            answer.set_result(function())
        except StopIteration as error:  # which no asyncio future takes
            answer.set_exception(RuntimeError(f"A function given to this call raised {error!r}"))
        except Exception as error:  # noqa: BLE001  (the work raises it, and so it comes back)
            answer.set_exception(error)


class Portal:
    """The way from threads to a client, and to all that it gives, in the loop.

    Args:
        client: the first call opens it.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self.entered: set[Any] = set()
        """What is open and is closed with the client, such as campaigns."""
        self.process, self.is_closed = 0, False
        self._calls, self._opening = WeakSet[Any](), asyncio.Lock()
        _portals.add(self)

    def run(self, work: Callable[[], Any]) -> Any:
        """Carry `work` out, and wait for its result, which is blocking too."""
        if _is_inside():
            raise UsageError(_INSIDE)
        if self.process not in {0, os.getpid()}:
            raise UsageError(_FORKED)
        return blocking(_wait(partial(self._carry_out, work)), self)

    async def _carry_out(self, work: Callable[[], Any]) -> Any:
        async with self._opening:
            if not self.process and not self.is_closed:
                await self.client.open()
                self.process = os.getpid()
        if self.is_closed:
            raise absent(_CLOSED)
        self._calls.add(asyncio.current_task())
        value = work()
        if isinstance(value, Listing):
            return [each async for each in value]  # pyright: ignore[reportUnknownVariableType]
        return await value if inspect.isawaitable(value) else value

    def finish(self, work: Callable[[], Any]) -> None:
        """Carry out what ends something; a forked process leaves that to its parent."""
        if _is_inside():  # garbage is collected in any thread
            self._calls.add(asyncio.ensure_future(work()))
        elif self.process in {0, os.getpid()}:
            _wait(work)

    async def aclose(self, **options: Any) -> None:
        """Close the client, and end all calls."""
        async with self._opening:  # whoever opens it at this moment has done so then
            self.is_closed = True
        try:
            await self.client.aclose(**options)
        finally:
            self.is_closed = not self.client.is_open  # else `drain` was refused
            if self.is_closed:
                self.process = 0
                for call in (calls := tuple(self._calls - {asyncio.current_task()})):
                    call.cancel()
                await asyncio.gather(*calls, return_exceptions=True)
                while self.entered:
                    await self.entered.pop().aclose()

    def __del__(self, seconds: float = 0.0) -> None:
        if self.process == os.getpid():
            warnings.warn(f"{self.client!r} was not closed", ResourceWarning, 2, source=self)
            work = self.aclose(drain=0.0)
            closed = asyncio.run_coroutine_threadsafe(work, _loop_of(self.process))
            closed.add_done_callback(lambda it: it.result())  # logs its error
            with suppress(TimeoutError):
                closed.result(seconds)


_portals = WeakSet[Portal]()


@atexit.register
def _at_exit() -> None:
    for portal in tuple(_portals):
        portal.__del__(5.0)


# ------------------------------------------------------------------ arguments


class _Taken:
    """An iterable that the thread of a call takes, some items at once."""

    def __init__(self, items: Any, at_once: int = 1) -> None:
        self._items, self._at_once = items, at_once

    async def __aiter__(self) -> AsyncGenerator[Any]:
        items: Iterator[Any] = await ask(iter, self._items)
        while block := await ask(list[Any], islice(items, self._at_once)):
            for item in block:
                yield item


def _rows(given: Any) -> Any:
    from postiz_async._campaign.read.source import rows_given  # noqa: PLC0415  (rarely needed)

    return given if isinstance(given, str | Path) else _Taken(rows_given(given), 500)


def _asking(function: Any) -> Any:
    check_hook("A function given to this call", function, is_awaited=False)
    return None if function is None else partial(ask, function)


def _in_worker(function: Any) -> Any:
    return partial(anyio.to_thread.run_sync, function) if callable(function) else function


def _hidden(value: Any) -> Any:
    return hidden_values(hidden(value))  # from tracebacks


_WAYS: dict[str, Callable[[Any], Any]] = {
    "Secret": _hidden,
    "Callable[": _asking,
    "Progress": _asking,
    "AsyncIterable[": _Taken,
    "CampaignSource": _rows,
    "CredentialsOf": _in_worker,
}
"""What becomes of an argument on its way to the loop, by what its annotation has."""


# ------------------------------------------------------------------ results


def blocking(value: Any, portal: Portal) -> Any:
    """What an asynchronous method gives, as a blocking one gives it."""
    if isinstance(value, AsyncIterator):
        return _iterated(value, portal)
    kind = class_of(Postiz if isinstance(value, Postiz) else value.__class__)
    if kind is not None:
        Twin.__init__(proxy := kind.__new__(kind), portal, value)
        return proxy
    return value


def _iterated(items: Any, portal: Portal) -> Iterator[Any]:
    end = object()
    try:
        while (item := portal.run(partial(anext, items, end))) is not end:
            yield item
    finally:
        if hasattr(items, "aclose"):
            portal.finish(items.aclose)


class Twin(OfOneProcess):
    """Something asynchronous as something blocking."""

    def __init__(self, portal: Portal, target: Any) -> None:
        self._portal, self._target = portal, target

    def __repr__(self) -> str:
        return repr(self._target).replace("<", "<blocking ", 1)


def _make(self: Any, _: str, **given: Any) -> None:
    client, store = self._kind(**given), given.get("store")
    if hasattr(store, "aclose"):
        client._own_store = store  # noqa: SLF001  (its connections live in the loop, too)
    Twin.__init__(self, Portal(client), client)


def _open(self: Any, *_: object) -> Any:
    portal, target = self._portal, self._target
    is_new = target is portal.client and not portal.process
    portal.is_closed = portal.is_closed and not is_new
    portal.run(bool if is_new else target.open)
    portal.entered.add(target)
    return self


def _close(self: Any, *_: object, **options: Any) -> None:
    self._portal.entered.discard(self._target)
    closes = self._portal if self._target is self._portal.client else self._target
    self._portal.finish(partial(closes.aclose, **options))


def _call(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    return self._portal.run(partial(getattr(self._target, name), *args, **kwargs))


def _read(name: str, self: Any) -> Any:
    if name in vars(self._target) or name in {"base_url", "clock", "is_open"}:
        return blocking(getattr(self._target, name), self._portal)
    return self._portal.run(partial(getattr, self._target, name))


def _length(self: Any) -> int:
    return len(self._target)


def outcomes(self: Any) -> Any:
    """Send what is unsent, as `run`; yields each outcome as it comes.

        for outcome in campaign.outcomes():
            print(outcome.row, outcome.state)

    Leaving the loop stops sending; requests in flight end first.
    """
    return self._portal.run(lambda: aiter(self._target.run()))


def with_raw_response(self: Any, call: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: D417
    """Status, headers and body along with the value of a call.

        answer = postiz.with_raw_response(postiz.posts.list, start=..., end=...)

    Args:
        call: a method of this client.
        args: its arguments.
        kwargs: its arguments by name.

    Raises:
        UsageError: there was no answer, because the result was already known.
    """
    if not hasattr(call, "taken"):
        raise UsageError("Give `with_raw_response` a method and its arguments, not its result.")
    args, kwargs = call.taken(args, kwargs)
    work = partial(getattr(call.__self__._target, call.__name__), *args, **kwargs)  # noqa: SLF001
    return self._portal.run(lambda: self._target.with_raw_response(work()))


# ------------------------------------------------------------------ classes

_THROUGH: dict[str, Callable[..., Any]] = {"open": _open, "aclose": _close}


def __getattr__(name: str) -> Any:
    if name not in {"Campaign", "Outbox", "Postiz", "PostizPool"}:
        raise AttributeError(f"module {__package__!r} has no attribute {name!r}")
    module = "postiz_async.types" if name == "Outbox" else "postiz_async"
    return class_of(resolve_name(f"{module}:{name}"))


def _method(function: Any, through: Callable[..., Any]) -> Any:
    shown = inspect.signature(function).parameters.values()
    ways = {p.name: way for p in shown for text, way in _WAYS.items() if text in str(p.annotation)}
    secrets = {name for name, way in ways.items() if way is _hidden}
    places = [each.name for each in shown if each.kind is each.POSITIONAL_OR_KEYWORD][1:]

    def taken(args: Any, kwargs: Any) -> Any:
        kwargs.update((name, _hidden(kwargs[name])) for name in secrets & kwargs.keys())
        given = dict(**dict(zip(places, args, strict=False)), **kwargs)
        given = {
            name: ways[name](value) if name in ways else value for name, value in given.items()
        }
        return args[len(places) :], given

    @wraps(function)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = taken(args, kwargs)
        return through(self, function.__name__, *args, **kwargs)

    known = [each.replace(annotation=each.empty) for each in shown if each.name != "connection"]
    call.__doc__ = said(inspect.getdoc(function))
    vars(call).update(taken=taken, __signature__=inspect.Signature(known))
    return call


def said(text: str | None) -> str:
    """A docstring for synchronous code."""
    return re.sub(_ASYNC, "", text or "")


@cache
def class_of(kind: Any) -> type[Twin] | None:
    """The blocking class of an asynchronous one; None: it is not."""
    if not issubclass(kind, OfOneProcess):
        return None
    hints = {name for each in kind.__mro__ for name in getattr(each, "__annotations__", ())}
    found = {name: inspect.getattr_static(kind, name, None) for name in {*dir(kind), *hints}}
    members: dict[str, Any] = {
        "__doc__": said(kind.__doc__),
        "__module__": __package__,
        "_kind": kind,
    }
    for name, each in found.items():
        if not name.startswith("_") and inspect.isfunction(each):
            members[said(name)] = _method(each, _THROUGH.get(name, _call))
        elif not name.startswith("_") and (isinstance(each, property) or name in hints):
            members[name] = property(partial(_read, name), doc=said(each and each.__doc__))
    if kind in {Postiz, PostizPool}:
        members["__init__"] = _method(kind.__init__, _make)
    if "aclose" in found:
        members |= {"__enter__": _open, "__exit__": _close}
    if "run" in found:
        members["outcomes"] = outcomes
    if "with_raw_response" in found:
        members["with_raw_response"] = with_raw_response
    if "__len__" in found:
        members["__len__"] = _length
    return type(kind.__name__, (Twin,), members)
