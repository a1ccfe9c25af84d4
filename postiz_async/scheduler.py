"""Admission, pacing, sending, retrying: the only module that waits for quota.

Waiting calls drive themselves. They stand in one queue, urgent first, then by deadline, then by
arrival. The head asks the ledger and sleeps until the time that it names or until an answer
changes the state; everybody else sleeps until they are the head. So there is no background
task, and an idle client costs nothing.
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
import logging
import math
import random
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING, TypeVar

import anyio
from aiolimiter import AsyncLimiter

from postiz_async import quota, wire
from postiz_async.errors import (
    APIConnectionError,
    Delivery,
    PostizError,
    QuotaWaitError,
    describe_seconds,
)
from postiz_async.events import Attempt
from postiz_async.flight import FlightBudget
from postiz_async.quota import Grant, Ledger, Queued, Quota, Wait, Why
from postiz_async.retry import Outcome, next_wait
from postiz_async.wire import Cost, WireRequest, WireResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from msgspec import Raw

    from postiz_async.clock import Clock
    from postiz_async.endpoints import Call
    from postiz_async.events import AttemptHook
    from postiz_async.stores import QuotaStore
    from postiz_async.transport import Transport

__all__ = ["CallOptions", "Identity", "Priority", "Scheduler"]

log = logging.getLogger("postiz_async")

T = TypeVar("T")

CREATE_SECONDS, SECONDS_A_POST = 30.0, 0.2
"""The read time-out of a create: a base and a share for each post."""


class Priority(IntEnum):
    """The lane of a create. Interactive calls overtake bulk calls."""

    INTERACTIVE = 0
    BULK = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """How one call is treated. Seconds everywhere.

    `max_wait` bounds the wait for a slot of the quota; None waits as long as it takes.
    `deadline` is a moment of the clock's `monotonic()` by which a create should leave; it
    orders the queue. With `finish` a call whose first byte is out is not cancelled: it ends with
    its answer or its time-out. `prepare` runs after the slot is taken and before the first byte,
    and may return a newer body; when it raises, the slot is given back and nothing is sent.
    """

    timeout: float | None = None
    headers: tuple[tuple[str, str], ...] = ()
    max_wait: float | None = None
    priority: Priority = Priority.INTERACTIVE
    deadline: float | None = None
    finish: bool = False
    prepare: Callable[[], Awaitable[Raw | None]] | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls, and where: the API root, the key (in no repr), the user agent."""

    root: str
    key: str = field(repr=False)
    user_agent: str


@dataclass(slots=True, eq=False)
class _Ticket:
    """A create that waits for its slot."""

    key: tuple[float, float, float]
    lane: Priority
    posts: int
    deadline: float
    give_up_at: float
    max_wait: float | None
    wake: asyncio.Future[None] | None = None


class Scheduler:
    """Sends the calls of one key.

    Args:
        transport: moves the bytes.
        clock: tells the time and waits.
        identity: root URL, key, user agent.
        stores: where the ledger's state is kept beyond this process.
        ledger: the state to start with.
        smooth: spread creates over the window instead of sending what it allows at once.
        politeness: calls a second of routes without quota; None for no bound.
        on_attempt: sees every attempt.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        clock: Clock,
        identity: Identity,
        stores: list[QuotaStore],
        ledger: Ledger,
        smooth: bool = False,
        politeness: float | None = None,
        on_attempt: AttemptHook | None = None,
    ) -> None:
        self.clock = clock
        self.identity = identity
        self.stores = stores
        self.budget = FlightBudget()
        self.expected = 0
        """Bulk creates announced and not yet queued; see `expect`."""
        self.server_offset = 0.0
        """Seconds by which the server's clock is ahead of ours, from its last answer."""
        self._transport = transport
        self._on_attempt = on_attempt
        self._ledger = ledger
        self._keeping = anyio.Lock()
        self._queue: list[_Ticket] = []
        self._bounded: set[_Ticket] = set()
        self._arrivals = itertools.count()
        self._requests = itertools.count(1)
        self._smooth = smooth
        self._pacer: AsyncLimiter | None = None
        self._pacer_limit = 0
        has_politeness = politeness is not None and math.isfinite(clock.speed)
        self._polite = (
            AsyncLimiter(max(1.0, politeness or 1.0), 1.0 / clock.speed) if has_politeness else None
        )
        self._random = random.Random()  # noqa: S311  (jitter)

    # -------------------------------------------------------------- state

    @property
    def ledger(self) -> Ledger:
        """The state of the create route."""
        return self._ledger

    async def recall(self) -> None:
        """Take over the newest state that the stores kept, when it says more than ours."""
        kept = [state for store in self.stores if (state := await store.load()) is not None]
        if not kept or self._ledger.window_known or self._ledger.flights:
            return
        newest = max(kept, key=lambda state: state.as_of)
        self._ledger = quota.restore(
            newest,
            self.clock.monotonic(),
            self.clock.time(),
            reserve_slots=self._ledger.reserve,
        )

    def server_time(self) -> float:
        """The server's wall clock, as far as its last answer tells it."""
        return self.clock.time() + self.server_offset

    def view(self) -> Quota:
        """The quota as users see it."""
        now, ledger = self.clock.monotonic(), self._ledger
        known = ledger.limit_read
        current = ledger.window_known and now < ledger.ends_before
        bulk = sum(1 for ticket in self._queue if ticket.lane is Priority.BULK)
        remaining = quota.free_slots(ledger, now)
        return Quota(
            limit=ledger.limit if known else None,
            remaining=remaining if known else None,
            resets_in=max(0.0, ledger.ends_before - now) if current else None,
            in_flight=len(ledger.flights),
            queued=Queued(interactive=len(self._queue) - bulk, bulk=bulk),
            blocked=now < ledger.blocked_until,
            blocked_for=max(0.0, ledger.blocked_until - now),
            as_of=self.clock.time(),
        )

    def expect(self, creates: int) -> None:
        """Announce bulk creates (or, negative, that they came): the ledger sees the backlog."""
        self.expected = max(0, self.expected + creates)

    # -------------------------------------------------------------- calls

    async def call(self, call: Call[T], options: CallOptions) -> tuple[T, WireResponse]:
        """Send a call, again where that is safe, and return its value and the raw answer.

        Raises:
            PostizError: one of the tree's errors.
        """
        send = self._create if call.endpoint.quota else self._attempt
        since = self.clock.monotonic()
        for attempt in itertools.count(1):
            retry_after = None
            try:
                response = await send(call, options, since)
            except APIConnectionError as error:
                cause: Exception = error
                never_sent = error.delivery is Delivery.NOT_SENT
                failed = Outcome.NOT_SENT if never_sent else Outcome.NO_ANSWER
            else:
                trouble = wire.transient(response)
                if trouble is None:
                    return wire.decode(call.endpoint, response), response
                failed, cause = trouble
                retry_after = wire.observe(response, now=self.clock.time()).retry_after
            wait = next_wait(
                failed,
                attempt=attempt,
                replay=call.endpoint.replay,
                jitter=self._random.random(),
                retry_after=retry_after,
            )
            if wait is None:
                raise cause
            log.info("%s failed (%s), again in %.1f s", call.endpoint.name, failed.value, wait)
            await self.clock.sleep(wait)
        raise AssertionError("itertools.count ended")

    async def _attempt(self, call: Call[T], options: CallOptions, _since: float) -> WireResponse:
        """Send a call that costs no quota."""
        if self._polite is not None:
            await self._polite.acquire()
        return await self._send(call, options)

    async def _send(self, call: Call[T], options: CallOptions) -> WireResponse:
        request = self._encode(call, options)
        number = next(self._requests)
        started = self.clock.monotonic()
        try:
            response = await self._transport.send(request)
        except APIConnectionError as error:
            self._report(number, call, started, None, error)
            raise
        seen = wire.observe(response, now=self.clock.time())
        if seen.server_time is not None:
            self.server_offset = seen.server_time - self.clock.time()
        self._report(number, call, started, response, None, seen.reading)
        return response

    def _report(
        self,
        number: int,
        call: Call[T],
        started: float,
        response: WireResponse | None,
        error: Exception | None,
        reading: quota.Reading | None = None,
    ) -> None:
        """Tell the log and the hook of an attempt; cheap when nobody listens."""
        if self._on_attempt is None and not log.isEnabledFor(logging.INFO):
            return
        attempt = Attempt(
            endpoint=call.endpoint.name,
            number=number,
            posts=call.posts,
            seconds=self.clock.monotonic() - started,
            status=response.status if response is not None else None,
            error=type(error).__name__ if error is not None else None,
            reading=reading,
        )
        log.info(
            "request %d %s posts=%d %s remaining=%s",
            attempt.number,
            attempt.endpoint,
            attempt.posts,
            attempt.error or f"status={attempt.status}",
            reading.remaining if reading is not None else "-",
        )
        if self._on_attempt is None:
            return
        try:
            self._on_attempt(attempt)
        except Exception:
            # The answer of a create must not get lost because somebody's hook is broken.
            log.exception("on_attempt failed")

    def _encode(self, call: Call[T], options: CallOptions) -> WireRequest:
        timeout = options.timeout if options.timeout is not None else call.endpoint.timeout
        if options.timeout is None and call.endpoint.quota:
            timeout = CREATE_SECONDS + SECONDS_A_POST * call.posts
        return wire.encode(
            call,
            root=self.identity.root,
            key=self.identity.key,
            user_agent=self.identity.user_agent,
            timeout=timeout,
            headers=options.headers,
        )

    # -------------------------------------------------------------- creates

    async def _create(self, call: Call[T], options: CallOptions, since: float) -> WireResponse:
        """Send a create under the quota; a 429 goes back to the queue, for it was not stored."""
        while True:
            await self._pace(options, since)
            token = await self._admit(call, options, since)
            response = await self._fly(call, options, token)
            if response.status != 429:
                return response
            log.warning("429: creates of this key pause, %s", self._why_and_when())

    async def _fly(self, call: Call[T], options: CallOptions, token: int) -> WireResponse:
        """Use the reservation `token`; it ends here, in exactly one way."""
        bulk = options.priority is Priority.BULK
        if bulk:
            self.budget = self.budget.took_off(call.posts)
        started = self.clock.monotonic()
        seconds: float | None = None
        try:
            await self._keep_or_release(token)
            with anyio.CancelScope(shield=options.finish):
                response = await self._sent(call, options, token)
                seconds = self.clock.monotonic() - started
                await self._keep_answer()
                return response
            raise AssertionError("the scope is never cancelled itself")
        finally:
            if bulk:
                self.budget = self.budget.landed(call.posts, seconds)
            self._stir()

    async def _keep_or_release(self, token: int) -> None:
        """Write the reservation down before anything is sent; without that nothing is sent."""
        try:
            await self._keep()
        except BaseException:
            self._land(token, None, sent=False)
            raise

    async def _sent(self, call: Call[T], options: CallOptions, token: int) -> WireResponse:
        """Prepare and send; whatever happens, the ledger learns it."""
        sent = False
        try:
            call = await _prepared(call, options)
            sent = True
            response = await self._send(call, options)
        except APIConnectionError as error:
            self._land(token, None, sent=error.delivery is not Delivery.NOT_SENT)
            raise
        except BaseException:
            self._land(token, None, sent=sent)
            raise
        self._land(token, response, sent=True)
        return response

    def _land(self, token: int, response: WireResponse | None, *, sent: bool) -> None:
        """Tell the ledger how a reservation ended."""
        now = self.clock.monotonic()
        if response is None:
            self._ledger = (
                quota.lost(self._ledger, token, now)
                if sent
                else quota.released(self._ledger, token)
            )
            return
        seen = wire.observe(response, now=self.clock.time())
        if seen.cost is Cost.REFUSED:
            self._ledger = quota.refused(self._ledger, token, now, seen.retry_after)
        elif seen.cost is Cost.FREE:
            self._ledger = quota.released(self._ledger, token)
        elif seen.cost is Cost.UNKNOWN:
            self._ledger = quota.lost(self._ledger, token, now)
        elif seen.reading is not None:
            self._ledger = quota.answered(self._ledger, token, now, seen.reading)
        else:
            self._ledger = quota.unread(self._ledger, token, now)

    async def _keep(self) -> None:
        """Write the ledger's state down wherever it is kept, the newest last."""
        async with self._keeping:
            for store in tuple(self.stores):
                kept = quota.keep(self._ledger, self.clock.monotonic(), self.clock.time())
                await store.save(kept)

    async def _keep_answer(self) -> None:
        """Keep what an answer said. The answer itself matters more than a failing store."""
        try:
            await self._keep()
        except (OSError, PostizError):
            log.exception("the state of the quota could not be kept; the next create will try")

    # -------------------------------------------------------------- waiting

    async def _admit(self, call: Call[T], options: CallOptions, since: float) -> int:
        """Wait for a slot and take it. Cancelling gives the place to the next."""
        ticket = self._ticket(call, options, since)
        bisect.insort(self._queue, ticket, key=_key)
        if ticket.give_up_at < math.inf:
            self._bounded.add(ticket)
        try:
            while True:
                verdict = self._ask(ticket)
                if isinstance(verdict, Grant):
                    self._ledger, token = quota.reserve(self._ledger, self.clock.monotonic())
                    return token
                self._refuse_long_wait(ticket, verdict)
                await self._sleep(ticket, min(verdict.until, ticket.give_up_at))
        finally:
            del self._queue[bisect.bisect_left(self._queue, ticket.key, key=_key)]
            self._bounded.discard(ticket)
            self._wake_head()

    def _ticket(self, call: Call[T], options: CallOptions, since: float) -> _Ticket:
        deadline = options.deadline if options.deadline is not None else math.inf
        order = (-float(options.priority), -deadline, -float(next(self._arrivals)))
        give_up_at = math.inf if options.max_wait is None else since + max(0.0, options.max_wait)
        return _Ticket(order, options.priority, call.posts, deadline, give_up_at, options.max_wait)

    def _ask(self, ticket: _Ticket) -> Grant | Wait:
        """The ledger's verdict for the head of the queue; others wait for their turn."""
        if self._queue[-1] is not ticket:
            return Wait(math.inf, Why.IN_FLIGHT)
        bulk = ticket.lane is Priority.BULK
        if bulk and not self.budget.admits(ticket.posts):
            return Wait(math.inf, Why.IN_FLIGHT)
        ledger = self._ledger
        pressing = ledger.window_known and ticket.deadline < ledger.ends_before + quota.MARGIN
        return quota.decide(
            ledger,
            self.clock.monotonic(),
            urgent=not bulk or pressing,
            backlog=self.expected + len(self._queue) if bulk else None,
        )

    def _refuse_long_wait(self, ticket: _Ticket, verdict: Wait) -> None:
        """Raise at once when the ticket cannot leave before it would give up."""
        if ticket.give_up_at == math.inf:
            return
        now = self.clock.monotonic()
        expected = quota.forecast(self._ledger, now, self._ahead_of(ticket))
        if self._queue[-1] is ticket and verdict.until < math.inf:
            expected = max(expected, verdict.until)
        if expected <= ticket.give_up_at and now < ticket.give_up_at:
            return
        retry_after = max(expected - now, self._ledger.latency if expected <= now else 0.0)
        raise QuotaWaitError(self._long_wait_message(ticket, retry_after), retry_after=retry_after)

    def _ahead_of(self, ticket: _Ticket) -> int:
        return len(self._queue) - 1 - bisect.bisect_left(self._queue, ticket.key, key=_key)

    def _long_wait_message(self, ticket: _Ticket, wait: float) -> str:
        ledger, now = self._ledger, self.clock.monotonic()
        free = quota.free_slots(ledger, now)
        if now < ledger.blocked_until:
            state = "The organisation is locked out after a 429"
        else:
            used = max(0, ledger.limit - free)
            believed = "" if ledger.limit_read else " (believed, nothing was read yet)"
            state = f"{used} of {ledger.limit} used in this window{believed}"
        others = len(self._queue) - 1
        waiting = f"; {others} other calls wait" if others else ""
        return (
            f"the next create-post slot is free in {describe_seconds(wait)}, "
            f"you allowed {describe_seconds(ticket.max_wait or 0)}.\n"
            f"  {state}{waiting}.\n"
            f"  Wait longer (max_wait=None), or try again after retry_after={wait:.0f} s."
        )

    async def _sleep(self, ticket: _Ticket, until: float) -> None:
        """Sleep until somebody wakes the ticket or the clock has reached `until`."""
        ticket.wake = asyncio.get_running_loop().create_future()
        timer = None
        if until < math.inf:
            timer = self.clock.call_at(until, lambda: _wake(ticket))
        try:
            await ticket.wake
        finally:
            ticket.wake = None
            if timer is not None:
                timer.cancel()

    def _wake_head(self) -> None:
        if self._queue:
            _wake(self._queue[-1])

    def _stir(self) -> None:
        """The state changed: the head may go, and whoever waits too long is told."""
        self._wake_head()
        now = self.clock.monotonic()
        for ticket in self._bounded:
            if quota.forecast(self._ledger, now, self._ahead_of(ticket)) > ticket.give_up_at:
                _wake(ticket)

    def _why_and_when(self) -> str:
        left = self._ledger.blocked_until - self.clock.monotonic()
        return f"locked out for {describe_seconds(left)}"

    async def _pace(self, options: CallOptions, since: float) -> None:
        """The rhythm `smooth`: a token bucket whose burst and refill fit into one window.

        A bucket of (limit, window) would allow almost twice the limit in the first hour.
        """
        speed = self.clock.speed
        if not self._smooth or not math.isfinite(speed):
            return
        ledger = self._ledger
        if self._pacer is None or self._pacer_limit != ledger.limit:
            burst = min(ledger.held, max(1, ledger.limit - 1))
            refill = max(1, ledger.limit - burst)
            self._pacer = AsyncLimiter(burst, ledger.window / speed * burst / refill)
            self._pacer_limit = ledger.limit
        left = math.inf
        if options.max_wait is not None:
            left = max(0.0, since + options.max_wait - self.clock.monotonic())
        with self.clock.move_on_after(left) as scope:
            await self._pacer.acquire()
        if scope.cancelled_caught:
            interval = self._pacer.time_period / self._pacer.max_rate * speed
            raise QuotaWaitError(
                f"the smooth rhythm lets the next create leave later than "
                f"{describe_seconds(options.max_wait or 0)}, which is what you allowed.",
                retry_after=interval,
            )


async def _prepared(call: Call[T], options: CallOptions) -> Call[T]:
    body = await options.prepare() if options.prepare is not None else None
    return call if body is None else replace(call, body=body)


def _key(ticket: _Ticket) -> tuple[float, float, float]:
    return ticket.key


def _wake(ticket: _Ticket) -> None:
    if ticket.wake is not None and not ticket.wake.done():
        ticket.wake.set_result(None)
