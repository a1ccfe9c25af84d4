"""The common part of all outboxes: the store of hand-overs, the sending task, reads of tickets."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import anyio

from postiz_async._concurrency import StrayCancellationError, run_to_completion
from postiz_async._delivery import transitions
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.transitions import OvertakenError
from postiz_async._logs import log_of, whose
from postiz_async._outbox.consumer import Consumer
from postiz_async._outbox.events import TicketEvents
from postiz_async._outbox.hand_over import HandOver
from postiz_async._outbox.tickets import Ticket
from postiz_async._outbox.waiters import Waiters
from postiz_async._wire import check_id
from postiz_async._wire.secrets import OfOneProcess
from postiz_async.errors import PostNotFoundError, StoreError, UsageError
from postiz_async.models._durations import read_seconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from concurrent.futures import Future
    from datetime import timedelta

    from postiz_async._outbox.courier import Courier
    from postiz_async._outbox.tickets import TicketEvent
    from postiz_async.clock import Clock
    from postiz_async.stores._deliveries import Deliveries, ScopeOverview


log = logging.getLogger("postiz_async.outbox")

FIRST_TICKET_LOOK, LAST_TICKET_LOOK = 0.25, 8.0
"""Seconds between two looks at a ticket that another process works on; doubled each time."""

OWN_TICKET_LOOK = 60.0
"""Seconds between two looks at a ticket that this process sends; others may change it, too."""

_BROKE_OFF = "sending broke off, and the log says why; what waits is sent after the next start"


class OutboxBase(OfOneProcess, ABC):
    """The common part of all outboxes: open and close, get, wait for and withdraw tickets.

    Args:
        deliveries: the store of the hand-overs; it is closed with the outbox.
        clock: the clock of the clients.
        sends: whether this process sends, or only hands over.
    """

    _courier: Courier
    """The task that sends."""

    def __init__(self, deliveries: Deliveries, clock: Clock, *, sends: bool) -> None:
        self._deliveries = deliveries
        self._clock = clock
        self._sends = sends
        self._scope: str | None = None
        """The quota that all hand-overs here belong to; None: hand-overs of all quotas."""
        self._organization = ""
        """The name of its organisation; empty: it has none."""
        self._waiters = Waiters(deliveries, clock)
        self._cancel_scope = anyio.CancelScope()
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closing = False

    async def _open(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            await self._deliveries.open()
            abandoned = 0 if self._scope is None else await self._deliveries.abandoned(self._scope)
        except BaseException:
            await self._deliveries.aclose()
            raise
        if abandoned:
            log.warning(
                "%s has hand-overs of other keys or servers, which nobody sends: %d. Start a "
                "client for each. If a key was renewed, say organization= as before",
                self._deliveries.where,
                abandoned,
            )
        if self._sends:
            self._task = asyncio.create_task(self._run(), name="postiz_async.outbox")

    async def _run(self) -> None:
        with self._cancel_scope:
            try:
                await self._courier.run()
            except Exception as error:
                stopped = "the outbox stopped; what it holds is sent after the next start"
                log_of(log, self._organization).exception(stopped)
                self._waiters.notify_all()
                if not isinstance(error, StrayCancellationError):  # which is of no use when closing
                    raise

    async def _aclose(self, *, drain: float) -> None:
        self._stop_taking()
        try:
            if self._task is not None and drain > 0 and not self._task.done():
                with self._clock.move_on_after(drain):
                    await self._courier.until_idle(drain)
        finally:
            self._cancel_scope.cancel()
            try:
                await run_to_completion(self._ended())
            finally:
                await self._deliveries.aclose()

    def _stop_taking(self) -> None:
        """Refuse further hand-overs, and end the iteration over events."""
        self._is_closing = True
        self._waiters.stop()

    def _refuse_closed(self) -> None:
        self._refuse_other_loop()
        if self._is_closing:
            raise UsageError("The outbox is closed or closing; nothing was stored.")

    def _refuse_other_loop(self) -> None:
        if self._loop not in {None, asyncio.get_running_loop()}:
            raise UsageError(
                "This outbox was opened in another event loop, which sends what is in it. Use it "
                "there, or open a client here: they may share the outbox. Nothing was stored."
            )

    async def _ended(self) -> None:
        try:
            if self._task is not None:
                await self._task
        finally:
            await self._waiters.aclose()

    # -------------------------------------------------------------- asking

    async def get(self, ticket: Ticket | str) -> Ticket:
        """Return the current state of a hand-over, whichever process works on it.

        Args:
            ticket: the ticket or its id.

        Raises:
            PostNotFoundError: there is no such ticket, or it was over too long ago.
        """
        return await self._told(await self._found(ticket))

    async def wait(
        self, ticket: Ticket | str, *, timeout: float | timedelta | None = None
    ) -> Ticket:
        """Wait until a hand-over is over: stored, refused, late, withdrawn or undecided.

        Args:
            ticket: the ticket or its id.
            timeout: seconds after which the ticket is returned in any state, 0 for at once; None
                for as long as it takes.

        Raises:
            PostNotFoundError: there is no such ticket.
            StoreError: this process had to send the posts, and its sending task failed.
            UsageError: `timeout` is not a number of seconds, or `ticket` is not one.
        """
        seconds = read_seconds("timeout", timeout, zero=True, endless=True)
        ticket_id = _id_of(ticket)
        give_up = self._clock.monotonic() + seconds
        look = FIRST_TICKET_LOOK
        while True:
            with self._waiters.waiting(ticket_id) as changed:
                found = await self._found(ticket_id)
                left = give_up - self._clock.monotonic()
                if found.record.is_over or left <= 0:
                    return await self._told(found)
                is_mine = self._courier.turn_of(found.scope) is not None
                if self._broke_off and self._scope is not None:
                    state = found.ticket().state
                    raise StoreError(f"ticket {ticket_id} is {state}: {self.trouble}")
                with self._clock.move_on_after(min(left, OWN_TICKET_LOOK if is_mine else look)):
                    await changed.wait()
                look = min(2 * look, LAST_TICKET_LOOK)

    def events(self, *, after: str | None = None) -> AsyncIterator[TicketEvent]:
        """Iterate over the tickets that ended, in any process, in the order in which they did.

            async for event in postiz.outbox.events(after=cursor):
                print(event.ticket.id, event.ticket.state)
                cursor = event.cursor  # store it when you are done with the event

        It waits for further ones, and ends when the client closes. After an error or a cancellation
        the same iterator goes on where it was. Tickets are kept for `OutboxOptions(keep=...)` after
        their end: whoever is away for longer is told, by a `CursorError`.

        Args:
            after: the cursor of the last event that you have seen; None: from the oldest one kept.

        Raises:
            CursorError: `after` is not a cursor of these events, or some after it were removed;
                also from the iterator.
            StoreError: from the iterator, when the store cannot be read.
        """
        return self._events(self._scope, after)

    def _events(self, scope: str | None, after: str | None) -> TicketEvents:
        self._refuse_other_loop()
        return TicketEvents(self._deliveries, self._waiters, self._clock, scope, after)

    async def consume(
        self, handler: Callable[[TicketEvent], Awaitable[None] | None], *, name: str
    ) -> None:
        """Call a function for each ticket that ended, in order, until the client closes.

        The place is stored in the outbox after each call, so the next process goes on from there:
        each event is handled at least once. Of all processes that do this under the same name one
        works at a time; if it dies, another one takes over after half a minute at most. If the
        function raises an error, it is called again with the same event after a second, then twice
        as long each time, up to five minutes; later events wait. What it has not done when the
        client closes, the next process does again.

        Args:
            handler: the function; may be asynchronous.
            name: a name for what the function does, such as `billing`. A new name begins with the
                oldest event that is kept.

        Raises:
            CursorError: some events after the place were removed. Choose another name to go on.
            UsageError: `handler` is no function, or `name` is no text.
        """
        if not callable(handler):
            raise UsageError(f"handler must be a function, not {handler!r}.")
        check_id("name", name)
        self._refuse_other_loop()
        scope = f"consumer of {self._scope or 'all'}"
        consumer = Consumer(self._deliveries.records, scope, name, self._clock)
        with self._waiters.until_closed(), suppress(StopAsyncIteration):
            await consumer.run(partial(self._events, self._scope), handler)

    async def withdraw(self, ticket: Ticket | str) -> bool:
        """Withdraw a hand-over that has not left yet. Returns False if it has left.

        Args:
            ticket: the ticket or its id.

        Raises:
            PostNotFoundError: there is no such ticket.
        """
        found = await self._found(ticket)
        try:
            await found.move(transitions.withdrawn)
        except OvertakenError:
            return False
        await self._deliveries.rouse(found.scope)
        self._waiters.notify(found.id)
        self._courier.forget(found)
        return True

    async def counts(self) -> Mapping[RowState, int]:
        """Count the tickets in each state, of all processes that share store and quota.

        Raises:
            StoreError: the outbox cannot be used, or has tickets of another version.
        """
        self._refuse_other_loop()
        counts = await self._deliveries.counts(self._scope)
        try:
            return {RowState(state): count for state, count in counts.items()}
        except ValueError as error:
            raise StoreError(
                f"The tickets in {self._deliveries.where} cannot be counted: {error}. Were some "
                "written by another version of this library?"
            ) from None

    @property
    def trouble(self) -> str:
        """The reason why this process cannot send (server, key or disk); empty if it can.

        It begins with the name of the organisation, if the client has one.
        """
        return self._trouble and whose(self._organization) + self._trouble

    @property
    def _trouble(self) -> str:
        return _BROKE_OFF if self._broke_off else self._courier.trouble_of(self._scope)

    @property
    def _broke_off(self) -> bool:
        return self._task is not None and self._task.done() and not self._is_closing

    def _ask_overview(self) -> Future[Sequence[ScopeOverview]] | None:
        if self._loop is None or self._loop.is_closed() or self._is_closing:
            return None
        asked = self._deliveries.overview(self._scope)
        return asyncio.run_coroutine_threadsafe(asked, self._loop)

    @abstractmethod
    async def _told(self, found: HandOver) -> Ticket:
        """Return the ticket that the user gets for a hand-over."""
        ...

    async def _found(self, ticket: Ticket | str) -> HandOver:
        self._refuse_other_loop()
        ticket_id = _id_of(ticket)
        kept = await self._deliveries.get(ticket_id, self._scope)
        if kept is None:
            raise PostNotFoundError(
                f"There is no ticket {ticket_id!r} in this outbox.", id=ticket_id
            )
        return HandOver(self._deliveries, kept, self._clock)


async def open_outbox(outbox: OutboxBase) -> None:
    """Open the store of the hand-overs, and begin to send its contents.

    Raises:
        StoreError: the store cannot be used.
    """
    await outbox._open()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


async def close_outbox(outbox: OutboxBase, *, drain: float = 0.0) -> None:
    """Stop sending. Unsent posts stay in the outbox, for other processes or for the next start.

    Args:
        outbox: the outbox.
        drain: seconds to wait for the hand-overs that this process can send in this time. Requests
            whose first byte is out are waited for in any case.
    """
    await outbox._aclose(drain=drain)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def ask_overview(outbox: OutboxBase) -> Future[Sequence[ScopeOverview]] | None:
    """Ask for the open tickets of an outbox by organisation, from any thread, for metrics.

    Args:
        outbox: the outbox of a client, for its own organisation, or that of a pool.

    Returns:
        None if the outbox is closed.
    """
    return outbox._ask_overview()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def _id_of(ticket: Ticket | str) -> str:
    """The id of a ticket that is given as a `Ticket` or as an id.

    Raises:
        UsageError: the argument is neither.
    """
    ticket_id = ticket.id if isinstance(ticket, Ticket) else ticket
    check_id("ticket", ticket_id)
    return ticket_id
