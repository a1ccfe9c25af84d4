"""The queue of creates that wait for a slot.

Waiting calls drive themselves. They stand in one queue, urgent first, then by deadline, then by
arrival. The head asks the ledger and sleeps until the time that it names or until an answer
changes the state; everybody else sleeps until they are the head. So there is no background
task, and an idle client costs nothing.
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
import math
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from aiolimiter import AsyncLimiter

from postiz_async import quota
from postiz_async.errors import ConfigurationError, QuotaWaitError, describe_seconds
from postiz_async.flight import FlightBudget
from postiz_async.quota import Grant, Ledger, Queued, Quota, Wait, Why

if TYPE_CHECKING:
    from postiz_async.clock import Clock
    from postiz_async.ledgers import LedgerHome

__all__ = ["Gate", "Pacer", "Priority", "Request"]


class Priority(IntEnum):
    """The lane of a create. Interactive calls overtake bulk calls."""

    INTERACTIVE = 0
    BULK = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A create that asks for a slot. Moments are of the clock's `monotonic()`.

    `lifetime` is the time in seconds after which its holder is taken for dead.
    """

    lane: Priority
    posts: int
    since: float
    max_wait: float | None
    deadline: float | None
    lifetime: float


@dataclass(slots=True, eq=False)
class _Ticket:
    """A place in the queue."""

    key: tuple[float, float, float]
    request: Request
    give_up_at: float
    wake: asyncio.Future[None] | None = None

    @property
    def is_bulk(self) -> bool:
        return self.request.lane is Priority.BULK


class Pacer:
    """The rhythm `smooth`: a token bucket whose burst and refill fit into one window.

    A bucket of (limit, window) would allow almost twice the limit in the first hour.

    Args:
        speed: seconds of the clock in one second of the event loop, whose time the bucket keeps.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._limit = 0
        self._bucket = AsyncLimiter(1, 1)

    def wait(self, ledger: Ledger, ahead: int = 0) -> float:
        """Seconds until the call with `ahead` others before it can leave."""
        bucket = self._bucket_of(ledger)
        missing = ahead + 1 - _room(bucket)
        return max(0.0, missing) * bucket.time_period / bucket.max_rate * self._speed

    async def use(self, ledger: Ledger) -> None:
        """Take a place in the rhythm; at once when there is nothing to wait for."""
        await self._bucket_of(ledger).acquire()

    def _bucket_of(self, ledger: Ledger) -> AsyncLimiter:
        if self._limit != ledger.limit:
            burst = max(1, min(ledger.held, ledger.limit - 1))
            refill = max(1, ledger.limit - burst)
            self._bucket = AsyncLimiter(burst, ledger.window / self._speed * burst / refill)
            self._limit = ledger.limit
        return self._bucket


def _room(bucket: AsyncLimiter) -> float:
    """Calls that a bucket lets go now, with the fraction that has come back of the next."""
    low, high = 0.0, bucket.max_rate
    if bucket.has_capacity(high):
        return high
    for _ in range(40):
        middle = (low + high) / 2
        if bucket.has_capacity(middle):
            low = middle
        else:
            high = middle
    return low


class Gate:
    """Lets creates go, one by one, as the ledger and the pacer allow."""

    def __init__(self, home: LedgerHome, clock: Clock, pacer: Pacer | None = None) -> None:
        self.home = home
        self.budget = FlightBudget()
        self.expected = 0
        """Bulk creates announced and not yet queued; see `expect`."""
        self._clock = clock
        self._pacer = pacer
        self._stirred = 0
        self._queue: list[_Ticket] = []
        self._bounded: set[_Ticket] = set()
        self._arrivals = itertools.count()
        self._is_closed = False

    def expect(self, creates: int) -> None:
        """Announce bulk creates (or, negative, that they came): the ledger sees the backlog."""
        self.expected = max(0, self.expected + creates)
        self.wake_head()

    def view(self) -> Quota:
        """The quota as users see it."""
        now, ledger = self.home.now(), self.home.ledger
        current = ledger.window_known and now < ledger.ends_before
        bulk = sum(1 for ticket in self._queue if ticket.is_bulk)
        return Quota(
            limit=ledger.limit if ledger.limit_read else None,
            remaining=quota.free_slots(ledger, now) if ledger.limit_read else None,
            resets_in=max(0.0, ledger.ends_before - now) if current else None,
            in_flight=len(ledger.flights),
            queued=Queued(interactive=len(self._queue) - bulk, bulk=bulk),
            blocked=now < ledger.blocked_until,
            blocked_for=max(0.0, ledger.blocked_until - now),
            as_of=self.home.changed_at,
        )

    # -------------------------------------------------------------- waiting

    async def admit(self, request: Request) -> int:
        """Wait for a slot and take it. Cancelling gives the place to the next.

        Returns:
            The token of the reservation.

        Raises:
            QuotaWaitError: it cannot leave within its `max_wait`.
            StoreError: the shared quota cannot be used.
        """
        ticket = self._ticket(request)
        bisect.insort(self._queue, ticket, key=_key)
        if ticket.give_up_at < math.inf:
            self._bounded.add(ticket)
        try:
            while True:
                if self._is_closed:
                    raise ConfigurationError(
                        "The client was closed while this create waited for the quota; "
                        "nothing was sent."
                    )
                stirred = self._stirred
                verdict = await self._take(ticket)
                if isinstance(verdict, int):
                    return verdict
                self._refuse_long_wait(ticket, verdict)
                if self._stirred == stirred:
                    await self._wait(ticket, verdict)
        finally:
            del self._queue[bisect.bisect_left(self._queue, ticket.key, key=_key)]
            self._bounded.discard(ticket)
            self.wake_head()

    def _ticket(self, request: Request) -> _Ticket:
        deadline = request.deadline if request.deadline is not None else math.inf
        order = (-float(request.lane), -deadline, -float(next(self._arrivals)))
        give_up_at = math.inf
        if request.max_wait is not None:
            give_up_at = request.since + max(0.0, request.max_wait)
        return _Ticket(order, request, give_up_at)

    async def _take(self, ticket: _Ticket) -> int | Wait:
        """A slot for the head of the queue, or how long to wait; others wait for their turn."""
        if self._queue[-1] is not ticket:
            return Wait(math.inf, Why.IN_FLIGHT)
        if ticket.is_bulk and not self.budget.admits(ticket.request.posts):
            return Wait(math.inf, Why.IN_FLIGHT)
        if self._pacer is not None:
            verdict = self._verdict(ticket, self.home.ledger, self.home.now())
            pause = self._pacer.wait(self.home.ledger)
            if isinstance(verdict, Wait) or pause > 0:
                paced = Wait(self.home.now() + pause, Why.PACED)
                return paced if isinstance(verdict, Grant) else verdict
            await self._pacer.use(self.home.ledger)
        return await self.home.take(
            lambda ledger, now: self._verdict(ticket, ledger, now),
            lifetime=ticket.request.lifetime,
            urgent=not ticket.is_bulk,
        )

    def _verdict(self, ticket: _Ticket, ledger: Ledger, now: float) -> Grant | Wait:
        urgent = not ticket.is_bulk
        deadline = ticket.request.deadline
        if deadline is not None and ledger.window_known:
            urgent |= self._at_home(deadline) < ledger.ends_before + quota.MARGIN
        backlog = self.expected + len(self._queue) if ticket.is_bulk else None
        return quota.decide(ledger, now, urgent=urgent, backlog=backlog)

    def _at_home(self, moment: float) -> float:
        """A moment of our clock on the clock of the ledger."""
        return moment - self._clock.monotonic() + self.home.now()

    async def _wait(self, ticket: _Ticket, verdict: Wait) -> None:
        """Sleep until something may have changed; then the head looks at a shared state."""
        now = self._clock.monotonic()
        until = verdict.until - self.home.now() + now
        is_head = self._queue[-1] is ticket
        look = now + self.home.look_again_in() if is_head else math.inf
        await self._sleep(ticket, min(until, look, ticket.give_up_at))
        if is_head and look < math.inf:
            await self.home.refresh()

    async def _sleep(self, ticket: _Ticket, until: float) -> None:
        """Sleep until somebody wakes the ticket or the clock has reached `until`."""
        ticket.wake = asyncio.get_running_loop().create_future()
        timer = None
        if until < math.inf:
            timer = self._clock.call_at(until, lambda: _wake(ticket))
        try:
            await ticket.wake
        finally:
            ticket.wake = None
            if timer is not None:
                timer.cancel()

    def close(self) -> None:
        """Let everybody who waits fail."""
        self._is_closed = True
        for ticket in self._queue:
            _wake(ticket)

    def wake_head(self) -> None:
        """Let the head of the queue ask again, also when it is asking a store just now."""
        self._stirred += 1
        if self._queue:
            _wake(self._queue[-1])

    def stir(self) -> None:
        """The state changed: the head may go, and whoever waits too long is told."""
        self.wake_head()
        for ticket in self._bounded:
            if self._leaves_at(ticket) > ticket.give_up_at:
                _wake(ticket)

    # -------------------------------------------------------------- refusing

    def _leaves_at(self, ticket: _Ticket) -> float:
        """When a ticket can leave, as far as is known, on our clock."""
        ahead, now = self._ahead_of(ticket), self.home.now()
        wait = quota.forecast(self.home.ledger, now, ahead) - now
        if self._pacer is not None:
            wait = max(wait, self._pacer.wait(self.home.ledger, ahead))
        return wait + self._clock.monotonic()

    def _ahead_of(self, ticket: _Ticket) -> int:
        return len(self._queue) - 1 - bisect.bisect_left(self._queue, ticket.key, key=_key)

    def _refuse_long_wait(self, ticket: _Ticket, verdict: Wait) -> None:
        """Raise at once when the ticket cannot leave before it would give up."""
        if ticket.give_up_at == math.inf:
            return
        now = self._clock.monotonic()
        expected = self._leaves_at(ticket)
        if self._queue[-1] is ticket and verdict.until < math.inf:
            expected = max(expected, verdict.until - self.home.now() + now)
        if expected <= ticket.give_up_at and now < ticket.give_up_at:
            return
        latency = self.home.ledger.latency if expected <= now else 0.0
        retry_after = max(expected - now, latency)
        raise QuotaWaitError(self._long_wait_message(ticket, retry_after), retry_after=retry_after)

    def _long_wait_message(self, ticket: _Ticket, wait: float) -> str:
        ledger, now = self.home.ledger, self.home.now()
        free = quota.free_slots(ledger, now)
        if now < ledger.blocked_until:
            state = "The organisation is locked out after a 429"
        else:
            used = max(0, ledger.limit - free)
            believed = "" if ledger.limit_read else " (believed, nothing was read yet)"
            state = f"{used} of {ledger.limit} used in this window{believed}"
        waiting, ahead = "", self._ahead_of(ticket)
        behind = sum(other.is_bulk for other in self._queue[: len(self._queue) - 1 - ahead])
        if ahead:
            waiting += f"; {ahead} calls wait before yours"
        if behind:
            waiting += f"; {behind} bulk calls wait behind yours"
        return (
            f"the next create-post slot is free in {describe_seconds(wait)}, "
            f"you allowed {describe_seconds(ticket.request.max_wait or 0)}.\n"
            f"  {state}{waiting}.\n"
            f"  Wait longer (max_wait=None), or try again after retry_after={wait:.0f} s."
        )


def _key(ticket: _Ticket) -> tuple[float, float, float]:
    return ticket.key


def _wake(ticket: _Ticket) -> None:
    if ticket.wake is not None and not ticket.wake.done():
        ticket.wake.set_result(None)
