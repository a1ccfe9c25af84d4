"""Find out from answers which routes count their calls.

Today only the create-post route does. Older servers counted others too, each with a counter of
its own. So a route is taken to be free until an answer of it carries rate headers; from then on
its calls wait in a queue with a ledger of their own, until an answer comes without.
"""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postiz_async import _quota as quota
from postiz_async._logs import log_of
from postiz_async._scheduler.limits import Pacer
from postiz_async._scheduler.queue import AdmissionQueue
from postiz_async.stores._local_ledger import ledgers_of_process

if TYPE_CHECKING:
    from collections.abc import Callable

    from postiz_async._quota import Ledger, RateHeaders
    from postiz_async.clock import Clock
    from postiz_async.stores import Records
    from postiz_async.stores._shared_ledger import LedgerHandle


class RouteState:
    """What is known about the counter of one route."""

    def __init__(self) -> None:
        self.queue: AdmissionQueue | None = None
        """The queue of the route's calls; None while calls seem to cost no quota."""
        self.loose = 0
        """Calls in flight that were sent without a reservation; each ends with `call_ended`."""
        self._all_back: asyncio.Event | None = None

    def call_ended(self) -> None:
        """Count the end of a call that was sent without a reservation."""
        self.loose -= 1
        if self._all_back is not None and not self.loose:
            self._all_back.set()

    async def settled(self) -> AdmissionQueue | None:
        """The queue, once all calls have ended that left before the route had one."""
        self._all_back = self._all_back or asyncio.Event()
        while self.queue is not None and self.loose:
            self._all_back.clear()
            await self._all_back.wait()
        return self.queue

    async def counts(
        self, sent: float, reading: RateHeaders, make_queue: Callable[[], AdmissionQueue]
    ) -> None:
        """Count the route's calls from now on: an answer carried rate headers.

        Args:
            sent: when the call was sent, in monotonic seconds of the ledger's clock.
            reading: its rate headers.
            make_queue: makes the queue with the route's ledger.
        """
        queue = self.queue = self.queue or make_queue()
        await queue.handle.settle(lambda ledger, now: _read(ledger, sent, now, reading))
        queue.state_changed()

    def mark_free(self) -> None:
        """Stop counting: an answer had no rate headers, so all waiting calls may go."""
        queue, self.queue = self.queue, None
        if queue is not None:
            queue.release_all()


def _read(ledger: Ledger, sent: float, now: float, reading: RateHeaders) -> Ledger:
    """The ledger after an answer to a call that had no reservation, and perhaps was not alone."""
    ledger, first = quota.acquired(ledger, sent)
    ledger, other = quota.acquired(ledger, sent)
    return quota.released(quota.answered(ledger, first, now, reading), other)


@dataclass(slots=True, kw_only=True)
class QueueFactory:
    """Makes the queues of one client, each time the client is opened."""

    name: str
    """The name of the quota that the client's creates use."""
    fresh: Ledger
    """The assumed state of a route of which nothing is known."""
    clock: Clock
    organization: str
    """The user's name for the organisation, for the log; empty: none."""
    store: Records | None = None
    """The store of ledgers; None: they are in the memory of this process."""
    transport: object = None
    """The transport that the client or its pool was given, if any."""
    smooth: bool = False
    pool: dict[str, AdmissionQueue] | None = None
    """The queues that all clients of a pool share, and that the pool closes; None: there is no
    pool."""

    def queue(self, route: str) -> AdmissionQueue:
        """The queue of a route; "" is the create route."""
        if self.pool is None:
            return self._made(route)
        name = f"{self.name}.{route}"
        if name not in self.pool:
            self.pool[name] = self._made(route)
        return self.pool[name]

    def _made(self, route: str) -> AdmissionQueue:
        paced = self.smooth and not route and math.isfinite(self.clock.speed)
        handle = self._handle(route)
        handle.log = log_of(logging.getLogger("postiz_async.quota"), self.organization)
        return AdmissionQueue(handle, self.clock, Pacer(self.clock.speed) if paced else None)

    def _handle(self, route: str) -> LedgerHandle:
        name = f"{self.name}.{route}" if route else self.name
        if self.store is None:
            return ledgers_of_process(self.clock, self.transport).handle(
                name, self.fresh, self.clock
            )
        from postiz_async.stores._shared_ledger import SharedLedger  # noqa: PLC0415  (not every client)

        return SharedLedger(self.store, name, self.fresh, self.clock)
