"""Call a function for each event of an outbox, in one process at a time, and remember the place.

The place is a record beside the tickets, changed by compare-and-swap, with the holder's name. A
holder renews it; others take it over when they saw no change for the time of a lease, by their own
clocks. Whoever was suspended meanwhile cannot write it any more.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec.structs import replace

from postiz_async._concurrency import ended
from postiz_async._outbox.sending import LEASE
from postiz_async._scheduler.hooks import told
from postiz_async.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from postiz_async._outbox.events import TicketEvents
    from postiz_async._outbox.tickets import TicketEvent
    from postiz_async.clock import Clock
    from postiz_async.stores import Records

_T = TypeVar("_T")

log = logging.getLogger("postiz_async.outbox")

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0
"""Seconds between two calls of a function that fails; doubled each time."""


class _Place(msgspec.Struct, frozen=True):
    cursor: str | None = None
    holder: str = ""


class _LostError(Exception):
    """Another process has the consumer."""


class Consumer:
    """A consumer as one process has it.

    Args:
        records: keeps the place.
        scope: the scope of its record.
        name: the name of the consumer.
        clock: the clock of the clients.
    """

    def __init__(self, records: Records, scope: str, name: str, clock: Clock) -> None:
        self._records = records
        self._scope = scope
        self._name = name
        self._clock = clock
        self._holder = uuid.uuid4().hex
        self._place = _Place()
        self._version = 0

    async def run(
        self,
        events: Callable[[str | None], TicketEvents],
        handler: Callable[[TicketEvent], Awaitable[None] | None],
    ) -> None:
        """Wait for the consumer's turn here, then call `handler` for each event.

        Raises:
            StopAsyncIteration: the outbox closes.
            CursorError: the place is not known to the store any more.
        """
        while True:
            try:
                await self._take()
                try:
                    await self._consume(events(self._place.cursor), handler)
                finally:
                    await self._release()
            except _LostError:
                log.warning("another process took the consumer %r over", self._name)
            except StoreError as error:
                log.warning("the consumer %r pauses: %s", self._name, str(error).partition("\n")[0])
                await self._clock.sleep(LEASE)

    async def _take(self) -> None:
        """Wait until nobody else has the consumer."""
        seen, since = -1, 0.0
        while True:
            kept = await self._records.get(self._scope, self._name)
            place = _Place() if kept.value is None else msgspec.json.decode(kept.value, type=_Place)
            if kept.version != seen:
                seen, since = kept.version, self._clock.monotonic()
            if place.holder in {"", self._holder} or self._clock.monotonic() - since >= LEASE:
                self._version, self._place = kept.version, replace(place, holder=self._holder)
                with suppress(_LostError):
                    return await self._write()
            await self._clock.sleep(LEASE / 3)

    async def _consume(
        self, events: TicketEvents, handler: Callable[[TicketEvent], Awaitable[None] | None]
    ) -> None:
        while True:
            event = await self._holding(events.__anext__())
            await self._handle(event, handler)
            await self._write()

    async def _handle(
        self, event: TicketEvent, handler: Callable[[TicketEvent], Awaitable[None] | None]
    ) -> None:
        async def failure() -> BaseException | None:
            try:
                await told(handler, event)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  (of the user)
                return error
            self._place = replace(self._place, cursor=event.cursor)
            return None

        pause = _FIRST_PAUSE
        while (error := await self._holding(failure())) is not None:
            log.warning(
                "the consumer %r failed at ticket %s, and is called again in %g s",
                self._name,
                event.ticket.id,
                pause,
                exc_info=error,
            )
            await self._holding(self._clock.sleep(pause))
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _holding(self, work: Coroutine[object, object, _T]) -> _T:
        """Await `work` and renew the lease meanwhile; if that fails, `work` is cancelled."""
        task = asyncio.create_task(work)
        try:
            while not task.done():
                with self._clock.move_on_after(LEASE / 3):
                    await asyncio.wait([task])
                if not task.done():
                    await self._write()
        finally:
            task.cancel()
            await ended(task)
        return task.result()

    async def _write(self) -> None:
        """Write the place, to the end: the version has to be known when it is given back."""
        writing = asyncio.create_task(self._swap())
        if (cancelled := await ended(writing)) is not None:
            writing.exception()  # the consumer ends, whatever became of it
            raise cancelled
        writing.result()

    async def _swap(self) -> None:
        value = msgspec.json.encode(self._place)
        done, kept = await self._records.swap(
            self._scope, self._name, self._version, value, keep=None
        )
        if not done and kept.value != value:
            raise _LostError
        self._version = kept.version

    async def _release(self) -> None:
        """Let others go on at once."""
        self._place = replace(self._place, holder="")
        with suppress(_LostError, StoreError):
            await self._write()
