"""Those in this process who wait for changes of an outbox, and what wakes them."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio

from postiz_async._outbox.turn import LONGEST_LOOK
from postiz_async.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Sequence
    from contextlib import AbstractAsyncContextManager

    from postiz_async.clock import Clock
    from postiz_async.stores._deliveries import Deliveries


log = logging.getLogger("postiz_async.outbox")

ENDINGS = ""
"""In the place of a ticket: all tickets, for those who wait for endings."""


class Waiters:
    """Waits for tickets, which the outboxes of a pool have in common.

    Args:
        deliveries: the store of the tickets.
        clock: the clock of the clients.
    """

    def __init__(self, deliveries: Deliveries, clock: Clock) -> None:
        self._deliveries = deliveries
        self._clock = clock
        self._changes = defaultdict[str, set[anyio.Event]](set)
        self._listener: asyncio.Task[None] | None = None
        self._blocks = set[anyio.CancelScope]()
        self._is_left = anyio.Event()
        self.is_closing: bool = False

    @contextmanager
    def waiting(self, ticket_id: str) -> Generator[anyio.Event]:
        """An event that is set when the ticket changes in this process.

        For `ENDINGS`, changes in others are told too.
        """
        changed = anyio.Event()
        self._changes[ticket_id].add(changed)
        try:
            yield changed
        finally:
            self._changes[ticket_id].discard(changed)
            if not self._changes[ticket_id]:
                del self._changes[ticket_id]

    def notify(self, ticket_id: str) -> None:
        """Wake everybody who waits for a ticket, because it has changed."""
        for waiters in (ticket_id, ENDINGS):
            for changed in self._changes.get(waiters, ()):
                changed.set()

    def notify_all(self) -> None:
        """Wake everybody."""
        for ticket_id in [*self._changes]:
            self.notify(ticket_id)

    def listen(self) -> None:
        """Follow the endings that other processes write, from the first call on."""
        if self._listener is None:
            endings = partial(self._deliveries.changes, "endings")
            listening = follow(endings, self._clock, lambda _: self.notify(ENDINGS))
            self._listener = asyncio.create_task(listening, name="postiz_async.outbox.endings")

    @contextmanager
    def until_closed(self) -> Generator[None]:
        """Cancel the block when the outbox closes, which waits for its end."""
        with anyio.CancelScope() as scope:
            self._blocks.add(scope)
            try:
                yield
            finally:
                self._blocks.discard(scope)
                self._is_left.set()

    def stop(self) -> None:
        """Cancel the blocks of `until_closed`."""
        self.is_closing = True
        for scope in self._blocks:
            scope.cancel()

    async def aclose(self) -> None:
        """Wait until nobody uses the store here any more."""
        self.stop()
        while self._blocks:
            self._is_left = anyio.Event()
            await self._is_left.wait()
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait([self._listener])


async def follow(
    changes: Callable[[], AbstractAsyncContextManager[AsyncIterator[Sequence[str]]]],
    clock: Clock,
    wake: Callable[[Sequence[str]], None],
) -> None:
    """Call `wake` at each hint of a store, and again when hints may have been missed.

    Args:
        changes: `Deliveries.changes`.
        clock: the clock of the clients.
        wake: called with names of scopes; with none, any scope may have changed.
    """
    while True:
        try:
            async with changes() as hints:
                wake(())
                async for scopes in hints:
                    wake(scopes)
        except StoreError as error:
            log.debug("nobody tells of changes in the outbox: %s", error)
        await clock.sleep(LONGEST_LOOK)
