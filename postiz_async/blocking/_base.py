"""What the blocking twins of asynchronous classes have in common: views, iterators, blocks."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextvars import ContextVar
from functools import partial, update_wrapper
from inspect import signature
from pathlib import Path
from types import FunctionType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    Literal,
    ParamSpec,
    Self,
    TypeAlias,
    TypeVar,
    cast,
    overload,
)

from msgspec import UNSET, UnsetType

from postiz_async._concurrency import in_thread
from postiz_async._scheduler.calls import RawAnswer, with_raw_answers
from postiz_async._wire.headers import hidden_values
from postiz_async._wire.secrets import OfOneProcess, hidden
from postiz_async.blocking._portal import Portal, given_store
from postiz_async.errors import UsageError

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from datetime import timedelta
    from types import TracebackType

    from postiz_async._campaign.read.rows import CampaignSource, Given
    from postiz_async._resources.listing import Listing
    from postiz_async.blocking._calls import ThreadCall


T = TypeVar("T")
P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., Any])

_END = object()

_ROWS_AT_ONCE = 500
"""Rows of a campaign that are taken in the thread of the caller before they are read."""


class Twin(OfOneProcess):
    """The blocking twin of something asynchronous.

    Args:
        portal: the way to the loop in which that lives.
        twin: that.
    """

    def __init__(self, portal: Portal, twin: object) -> None:
        self._portal = portal
        self._twin: Any = twin

    @property
    def _async(self) -> Any:
        """The asynchronous object, as calls need it."""
        return self._twin


class Owner(Twin):
    """What has a thread of its own, or is lent by what has one, as a pool lends its clients."""

    def __init__(self, portal: Portal, twin: object, *, is_lent: bool = False) -> None:
        super().__init__(portal, twin)
        self._is_lent = is_lent

    @classmethod
    def _lent(cls, portal: Portal, twin: object) -> Self:
        """One that lives in the loop of another."""
        made = cls.__new__(cls)
        Owner.__init__(made, portal, twin, is_lent=True)
        return made

    def __repr__(self) -> str:
        return repr(self._twin).replace("<", "<blocking ", 1)

    @property
    def _async(self) -> Any:
        """The asynchronous client, opened."""
        self._portal.opened()
        return self._twin

    def open(self) -> Self:
        """Open it now, with its thread; else the first call does. `with` does it too."""
        if self._is_lent:
            self._portal.call(self._twin.open)
        else:
            self._portal.open()
        return self

    def close(self, *, drain: float | timedelta | UnsetType | None = UNSET) -> None:
        """Close all connections, the store that was given, and the thread; nothing of a view.

        Args:
            drain: seconds to wait for the calls under way; None or `math.inf`: as long as they
                take. Not given: what was said when it was made. No new call is taken meanwhile.
                What then still waits fails, in whichever thread; what is in flight breaks.

        Raises:
            UsageError: `drain` is not a number of seconds, or a hook closes its own client.
        """
        if self._is_lent:
            self._portal.call(self._twin.aclose, drain=drain)
        else:
            self._portal.close(drain=drain)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()


class WithRaw:
    """The part of a client that shows answers as they came."""

    def with_raw_response(
        self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> RawAnswer[T]:
        """Status, headers and body along with the value of a call.

            answer = postiz.with_raw_response(postiz.posts.list, start=..., end=...)

        Args:
            call: a method of this client.
            args: its arguments.
            kwargs: its arguments by name.

        Raises:
            UsageError: there was no answer, because the result was already known.
        """
        if not callable(call):
            raise UsageError(
                "Give `with_raw_response` a method and its arguments, not what it returns: "
                "`postiz.with_raw_response(postiz.posts.get, post_id)`."
            )

        async def called() -> T:
            value = call(*args, **kwargs)
            _fetch(value)
            return value

        work = with_raw_answers(called())  # kept in a context variable, which the loop gets
        try:
            work.send(None)  # never suspended, so it runs to its end
        except StopIteration as ended:
            return cast("RawAnswer[T]", ended.value)
        raise AssertionError("there is nothing to wait for")


class BlockingIterator(Iterator[T]):
    """The items of an asynchronous iterator, for one thread at a time.

    It is closed when it is dropped, as at the end of a `for` that was left early; `close`, or
    `with`, waits for that.
    """

    def __init__(self, portal: Portal, items: AsyncIterator[T]) -> None:
        self._portal = portal
        self._items = items
        self._turn = threading.Lock()

    def __next__(self) -> T:
        if not self._turn.acquire(blocking=False):
            raise UsageError(
                "Another thread waits for the next item of this iterator. Give each thread its own."
            )
        try:
            item = self._portal.call(_next, self._items)
        finally:
            self._turn.release()
        if item is _END:
            raise StopIteration
        return cast("T", item)

    def close(self) -> None:
        """End it, and wait until it has ended. Closing twice does no harm."""
        if self._portal.is_open:
            self._portal.call(_close, self._items)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class BlockingListing(Sequence[T]):
    """What the API lists: nothing is asked before it is used.

    `for` fetches it piece by piece; all else, such as `len` or an index, fetches and keeps it.
    """

    def __init__(self, portal: Portal, listing: Listing[T]) -> None:
        self._portal = portal
        self._listing = listing
        self._items: list[T] | None = None

    def fetch(self) -> list[T]:
        """All items; asked for once, and kept."""
        if self._items is None:
            self._items = self._portal.call(_all, self._listing)
        return self._items

    def __iter__(self) -> Iterator[T]:
        # `list` asks for the length between this call and the first item: then all is there
        if self._items is not None:
            yield from self._items
        else:
            yield from BlockingIterator(self._portal, aiter(self._listing))

    def __repr__(self) -> str:
        return "<a list that was not asked for yet>" if self._items is None else repr(self._items)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> list[T]: ...

    def __getitem__(self, index: int | slice) -> T | list[T]:
        return self.fetch()[index]

    def __len__(self) -> int:
        return len(self.fetch())

    def __eq__(self, other: object) -> bool:
        return self.fetch() == (other.fetch() if isinstance(other, BlockingListing) else other)

    __hash__: ClassVar[None]  # type: ignore[assignment]  # as that of a list


def _fetch(value: object) -> None:
    if isinstance(value, BlockingListing):
        cast("BlockingListing[object]", value).fetch()


async def _all(listing: Listing[T]) -> list[T]:
    return await listing


def listed(
    portal: Portal, make: Callable[P, Listing[T]], *args: P.args, **kwargs: P.kwargs
) -> BlockingListing[T]:
    """What `make` lists."""
    return BlockingListing(portal, portal.call_sync(make, *args, **kwargs))


async def _next(items: AsyncIterator[T]) -> T | object:
    return await anext(items, _END)


async def _close(items: AsyncIterator[object]) -> None:
    close = getattr(items, "aclose", None)  # as generators and the outcomes of a run have
    if close is not None:
        await close()


def iterate(
    portal: Portal, make: Callable[P, AsyncIterator[T]], *args: P.args, **kwargs: P.kwargs
) -> BlockingIterator[T]:
    """The items of what `make` makes."""
    return BlockingIterator(portal, portal.call_sync(make, *args, **kwargs))


# ------------------------------------------------------------------ methods without a body
#
# They say arguments, types and words; the asynchronous method of the same name does the work.


def _in_place_of(method: F, work: FunctionType) -> F:
    """A function in the place of a method, also in tracebacks."""
    work.__code__ = work.__code__.replace(co_name=method.__name__)
    return cast("F", update_wrapper(work, method))


_Ways: TypeAlias = Mapping[str, Callable[[Any], object]]


def _conversions(method: Callable[..., Any]) -> Sequence[_Ways]:
    """What hides secrets from tracebacks, and then takes rows and credentials to their thread."""
    hiding: dict[str, Callable[[Any], object]] = {}
    taking: dict[str, Callable[[Any], object]] = {}
    for name, parameter in signature(method).parameters.items():
        kind = str(parameter.annotation)
        if kind == "CampaignSource":
            taking[name] = rows_of
        elif name == "credentials":
            taking[name] = in_worker
        elif "str" in kind and "Secret" in kind:
            hiding[name] = hidden_values if "Mapping" in kind else hidden
    return hiding, taking


def _convert(ways: _Ways, given: dict[str, Any]) -> None:
    for name, way in ways.items():
        if name in given:
            given[name] = way(given[name])


def _twin_of(value: object, portal: Portal, method: FunctionType) -> object:
    """What a method gives: a twin, if it says so."""
    kind = method.__globals__.get(method.__annotations__["return"])
    if not isinstance(kind, type) or not issubclass(kind, Twin):
        return value
    return kind._lent(portal, value) if issubclass(kind, Owner) else kind(portal, value)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def _forwarding(method: F, through: Callable[..., Any]) -> F:
    conversions = _conversions(method)
    names = tuple(signature(method).parameters)[1:]

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        first = dict(zip(names, args, strict=False))
        for ways in conversions:
            _convert(ways, first)
            _convert(ways, kwargs)
        args = (*first.values(), *args[len(first) :])
        method(self, *args, **kwargs)  # refuses arguments that it does not have
        value = through(self._portal, getattr(self._async, method.__name__), *args, **kwargs)
        return _twin_of(value, self._portal, cast("FunctionType", method))

    return _in_place_of(method, cast("FunctionType", call))


def awaited(method: F) -> F:
    """Await the asynchronous method in the loop."""
    return _forwarding(method, Portal.call)


def called(method: F) -> F:
    """Call the method, which is not asynchronous, in the loop."""
    return _forwarding(method, Portal.call_sync)


def iterated(method: F) -> F:
    """Iterate over what the method gives."""
    return _forwarding(method, iterate)


def listing(method: F) -> F:
    """List what the method gives, when it is used."""
    return _forwarding(method, listed)


def serving(**ways: Literal["awaited", "taken", "told"]) -> Callable[[F], F]:
    """Await the method, and use arguments in the thread that calls; see `ThreadCall`."""

    def decorated(method: F) -> F:
        names = tuple(signature(method).parameters)[1:]

        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            method(self, *args, **kwargs)
            call = self._portal.new_call()
            given = dict(zip(names, args, strict=False)) | kwargs
            for name in ways.keys() & given.keys():
                given[name] = getattr(call, ways[name])(given[name])
            return call.run(partial(getattr(self._async, method.__name__), **given))

        return _in_place_of(method, cast("FunctionType", call))

    return decorated


def looked_up(method: F) -> F:
    """Read the attribute of this name in the loop."""

    def read(self: Any) -> Any:
        value = self._portal.call_sync(getattr, self._async, method.__name__)
        return _twin_of(value, self._portal, cast("FunctionType", method))

    return _in_place_of(method, cast("FunctionType", read))


def kept(method: F) -> F:
    """Read the attribute of this name, which needs no loop."""

    def read(self: Any) -> Any:
        return getattr(self._twin, method.__name__)

    return _in_place_of(method, cast("FunctionType", read))


def making(kind: Callable[..., Any]) -> Callable[[F], F]:
    """Make the asynchronous client of the same arguments, and the way to its loop."""

    def decorated(method: F) -> F:
        conversions = _conversions(method)

        def make(self: Any, **given: Any) -> None:
            for ways in conversions:
                _convert(ways, given)
            method(self, **given)
            client = kind(**given)
            Owner.__init__(self, Portal(client, given_store(given.get("store"))), client)

        return _in_place_of(method, cast("FunctionType", make))

    return decorated


# ------------------------------------------------------------------ blocks

_entering: ContextVar[ThreadCall] = ContextVar("entering")
"""The call of a block, whose thread waits until the block is entered."""


class Entered(Generic[T]):
    """A block whose task enters an asynchronous context manager, holds it and leaves it."""

    def __init__(self, portal: Portal, manager: AbstractAsyncContextManager[T]) -> None:
        self._call = portal.new_call()
        self._manager = manager
        self._entered: list[T] = []
        self._leave = asyncio.Event()
        self._error: Exception | None = None
        self._process = os.getpid()

    def enter(self) -> T:
        """Enter it; what it gave."""
        self._call.begin(self._hold)
        if not self._entered:
            self._call.result()
            raise AssertionError("a manager that is not entered raises")
        return self._entered[0]

    async def _hold(self) -> None:
        _entering.set(self._call)
        async with self._manager as value:
            self._entered.append(value)
            self._call.let_go()
            await self._leave.wait()
            if self._error is not None:
                raise self._error

    def leave(self, error: BaseException | None) -> bool | None:
        """Leave it as the block was left; whether its error goes no further."""
        call = self._call
        if self._process != os.getpid():  # forked: the parent leaves it
            return False
        if error is not None and not isinstance(error, Exception):
            call.settle()  # as a cancelled task leaves it
            return False
        self._error = error
        if error is None:
            call.go_on(self._leave.set)
            call.result()
            return None
        if call.is_cancelled:  # the client was closed, of which the error tells
            return False
        before = error.__traceback__, error.__cause__, error.__context__, error.__suppress_context__
        call.go_on(self._leave.set)
        try:
            call.result()
        except BaseException as raised:
            if raised is not error:
                raise
            error.__traceback__, error.__cause__, error.__context__ = before[:3]
            error.__suppress_context__ = before[3]
            return False
        return True


class EnteredTwin(Twin):
    """The twin of what is entered and left, such as a campaign."""

    _block: Entered[Any] | None = None

    def open(self) -> Self:
        """Open it, as `with` does."""
        self._block = Entered(self._portal, self._twin)
        self._block.enter()
        return self

    def close(self) -> None:
        """Close it, as the end of a `with` does. Closing twice does no harm."""
        self.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        block, self._block = self._block, None
        return None if block is None else block.leave(error)


def in_worker(function: Callable[P, T] | None) -> Callable[P, Coroutine[Any, Any, T]] | None:
    """A function that is called in a thread of its own kind while the loop goes on."""
    if function is None or not callable(function):
        return function

    async def called(*args: P.args, **kwargs: P.kwargs) -> T:
        return await in_thread(partial(function, *args, **kwargs))

    return called


def rows_of(source: CampaignSource) -> CampaignSource:
    """A campaign whose rows are taken in the thread that enters it, a block at a time."""
    if isinstance(source, Path | str):
        return source
    from postiz_async._campaign.read.source import rows_given  # noqa: PLC0415  (rarely needed)

    rows = rows_given(source)
    return _RowsOfCaller(rows) if isinstance(rows, Iterable) else rows


class _RowsOfCaller:
    def __init__(self, source: Iterable[Given]) -> None:
        self._source = source

    def __aiter__(self) -> AsyncIterator[Given]:
        return _entering.get().taken(self._source, _ROWS_AT_ONCE)
