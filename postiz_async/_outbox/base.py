"""What all outboxes have: a place for hand-overs, a task that sends, tickets to ask for."""

from __future__ import annotations

import asyncio
import logging
import math
from abc import ABC, abstractmethod
from collections import defaultdict
from typing import TYPE_CHECKING

import anyio

from postiz_async._concurrency import StrayCancellationError, run_to_completion
from postiz_async._outbox.tickets import OVER, Ticket
from postiz_async._wire import check_id
from postiz_async._wire.secrets import OfOneProcess
from postiz_async.errors import NotFoundError, StoreError, UsageError
from postiz_async.models._durations import check_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postiz_async._delivery.journal_file import RowState
    from postiz_async._outbox.store import Asked, Backend
    from postiz_async._outbox.tickets import OutboxEntry
    from postiz_async.clock import Clock


log = logging.getLogger("postiz_async.outbox")

FIRST_TICKET_LOOK, LAST_TICKET_LOOK = 0.25, 8.0
"""Seconds between two looks at a ticket that another process works on; doubled each time."""

_BROKE_OFF = "sending broke off, and the log says why; what waits is sent after the next start"


class OutboxBase(OfOneProcess, ABC):
    """An outbox: its opening and closing, and its tickets.

    Args:
        clock: of its clients.
        waiters: the events of those who wait, by ticket, where several outboxes share them.
    """

    _asked: Asked
    """Its tickets."""
    _backend: Backend
    """What keeps and sends them."""

    def __init__(
        self, clock: Clock, waiters: defaultdict[str, set[anyio.Event]] | None = None
    ) -> None:
        self._clock = clock
        self._waiters = defaultdict[str, set[anyio.Event]](set) if waiters is None else waiters
        self._scope = anyio.CancelScope()
        self._task: asyncio.Task[None] | None = None
        self._is_closing = False

    async def open(self) -> None:
        """Open what keeps the hand-overs and begin to send what is in it.

        Raises:
            StoreError: it cannot be used.
        """
        await self._backend.open()
        if self._backend.sends:
            self._task = asyncio.create_task(self._run(), name="postiz_async.outbox")

    async def _run(self) -> None:
        with self._scope:
            try:
                await self._backend.run()
            except Exception as error:
                log.exception("the outbox stopped; what it holds is sent after the next start")
                for ticket_id in [*self._waiters]:
                    self.notify(ticket_id)
                if not isinstance(error, StrayCancellationError):  # which closing has no use for
                    raise

    async def aclose(self, *, drain: float = 0.0) -> None:
        """Stop sending. What was not sent stays in the file, for others or for the next start.

        Args:
            drain: seconds to wait for what this process has to send. Requests whose first byte
                is out are waited for in any case.
        """
        self.stop_taking()
        try:
            if self._task is not None and drain > 0 and not self._task.done():
                with self._clock.move_on_after(drain):
                    await self._backend.until_idle()
        finally:
            self._scope.cancel()
            try:
                await run_to_completion(self._ended())
            finally:
                await self._backend.aclose()

    def stop_taking(self) -> None:
        """Nothing more is handed over."""
        self._is_closing = True

    def _refuse_closed(self) -> None:
        if self._is_closing:
            raise UsageError("The outbox is closed or closing; nothing was stored.")

    async def _ended(self) -> None:
        if self._task is not None:
            await self._task

    # -------------------------------------------------------------- asking

    async def get(self, ticket_id: Ticket | str) -> Ticket:
        """The state of a hand-over, whichever process works on it.

        Args:
            ticket_id: the ticket, or its id, `Ticket.id`.

        Raises:
            NotFoundError: there is no such ticket, or it was over too long ago.
        """
        return await self._told(await self._entry(ticket_id))

    async def wait(self, ticket_id: Ticket | str, *, timeout: float | None = None) -> Ticket:
        """Wait until a hand-over is over: stored, refused, late, withdrawn or undecided.

        Args:
            ticket_id: the ticket, or its id, `Ticket.id`.
            timeout: seconds after which it returns the ticket in any state, 0 for at once; None for
                as long as it takes.

        Raises:
            NotFoundError: there is no such ticket.
            StoreError: this process was to send it, and its sending broke off.
            UsageError: `timeout` is not a number of seconds, or `ticket_id` is not an id.
        """
        check_seconds("timeout", timeout, zero=True, none=True)
        ticket_id = _id_of(ticket_id)
        give_up = math.inf if timeout is None else self._clock.monotonic() + timeout
        look = FIRST_TICKET_LOOK
        while True:
            changed = anyio.Event()
            self._waiters[ticket_id].add(changed)
            try:
                entry = await self._entry(ticket_id)
                left = give_up - self._clock.monotonic()
                if entry.state in OVER or left <= 0:
                    return await self._told(entry)
                is_mine = entry.owner == self._asked.worker
                if is_mine and self._broke_off:
                    raise StoreError(f"ticket {ticket_id} is {entry.state}: {_BROKE_OFF}")
                with self._clock.move_on_after(left if is_mine else min(left, look)):
                    await changed.wait()
                look = min(2 * look, LAST_TICKET_LOOK)
            finally:
                self._forget(ticket_id, changed)

    async def withdraw(self, ticket_id: Ticket | str) -> bool:
        """End a hand-over that has not left yet. Returns whether it had not.

        Args:
            ticket_id: the ticket, or its id, `Ticket.id`.

        Raises:
            NotFoundError: there is no such ticket.
        """
        ticket_id = (await self._entry(ticket_id)).id
        done = await self._asked.withdraw(ticket_id)
        self.notify(ticket_id)
        return done

    async def counts(self) -> Mapping[RowState, int]:
        """How many tickets are in which state, of all processes that share file and quota."""
        return await self._asked.counts()

    @property
    def trouble(self) -> str:
        """What holds this process's sending up: the server, the key, the disk; empty: nothing."""
        return _BROKE_OFF if self._broke_off else self._backend.trouble

    @property
    def _broke_off(self) -> bool:
        return self._task is not None and self._task.done() and not self._is_closing

    @abstractmethod
    async def _told(self, entry: OutboxEntry) -> Ticket:
        """A hand-over as its user sees it."""
        ...

    async def _entry(self, ticket_id: Ticket | str) -> OutboxEntry:
        ticket_id = _id_of(ticket_id)
        entry = await self._asked.get(ticket_id)
        if entry is None:
            raise NotFoundError(f"there is no ticket {ticket_id!r} in this outbox", status_code=404)
        return entry

    # -------------------------------------------------------------- waiting

    def notify(self, ticket_id: str) -> None:
        """A ticket has changed: whoever waits for it looks.

        Args:
            ticket_id: the id of the ticket.
        """
        for changed in self._waiters.get(ticket_id, ()):
            changed.set()

    def _forget(self, ticket_id: str, changed: anyio.Event) -> None:
        waiters = self._waiters[ticket_id]
        waiters.discard(changed)
        if not waiters:
            del self._waiters[ticket_id]


def _id_of(ticket: Ticket | str) -> str:
    """The id of a ticket that is given by itself or by its id.

    Raises:
        UsageError: it is neither.
    """
    ticket_id = ticket.id if isinstance(ticket, Ticket) else ticket
    check_id("ticket_id", ticket_id)
    return ticket_id
