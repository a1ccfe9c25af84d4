"""Admit, send and retry calls whose arguments have been checked."""

from __future__ import annotations

import asyncio
import math
import random
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn, TypeVar

import msgspec

from postiz_async import _quota as quota, _wire as wire
from postiz_async._concurrency import in_turns, run_to_completion
from postiz_async._quota import SILENT, Halt, Ledger
from postiz_async._scheduler.attempt import Attempts, Identity
from postiz_async._scheduler.calls import (
    CallOptions,
    CallTime,
    Priority,
    SlotRequest,
    answers,
    prepared,
    time_out,
)
from postiz_async._scheduler.hooks import AttemptHook, CallHook, CallStarted, HookTasks, traced
from postiz_async._scheduler.limits import ConcurrencyLimit, politeness_limiter
from postiz_async._scheduler.queue import AdmissionQueue
from postiz_async._scheduler.retry import next_wait
from postiz_async._wire import Allowed, Observation, QuotaEffect, WireResponse
from postiz_async._wire.responses import FailureKind
from postiz_async.errors import (
    APIConnectionError,
    APITimeoutError,
    Delivery,
    PostizError,
    Scope,
    UsageError,
)
from postiz_async.models._durations import describe_seconds
from postiz_async.stores._persistence import Persistence, SnapshotStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator
    from datetime import datetime

    from postiz_async._logs import Log
    from postiz_async._quota.snapshot import Snapshot
    from postiz_async._quota.view import Quota
    from postiz_async._transport import Transport
    from postiz_async._wire.endpoints import Call
    from postiz_async.clock import Clock


T = TypeVar("T")

_FAILED = {
    delivery: FailureKind.NOT_SENT if delivery is Delivery.NOT_SENT else FailureKind.NO_ANSWER
    for delivery in Delivery
}

PREPARE_SECONDS = 30.0
"""Seconds that a create may take from its slot to its first byte, and to handle its answer."""


class Scheduler:
    """Sends the calls of one key. Created and used in one running event loop.

    Args:
        transport: sends requests.
        clock: tells the time and waits.
        identity: root URL and key.
        queue: where creates wait for a slot.
        politeness: calls per second of routes without quota; None: no limit.
        allowed: the scopes of calls that may be made; None: all.
        on_attempt: called after every attempt.
        on_call: called when a call is made and when it ends.
        hooks: calls both, and has the tasks of async ones; None: its own.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        clock: Clock,
        identity: Identity,
        queue: AdmissionQueue,
        politeness: float | None = None,
        allowed: Allowed | None = None,
        on_attempt: AttemptHook | None = None,
        on_call: CallHook | None = None,
        hooks: HookTasks | None = None,
    ) -> None:
        self.clock = clock
        self.identity = identity
        self.allowed: Allowed | None = allowed
        self.queue: AdmissionQueue = queue
        self.leaves_in: Callable[[int], float] = self.queue.leaves_in
        self.bulk_in: Callable[[float, int], float] = self.queue.bulk_in
        hooks = hooks or HookTasks()
        self._attempts = Attempts(
            transport, clock, identity, hooks.called(on_attempt, identity.organization)
        )
        self.server_time: Callable[[], float] = self._attempts.server_time
        self.server_now: Callable[[], datetime] = self._attempts.server_now
        self.knows_server_time: Callable[[], bool] = self._attempts.knows_server_time
        self.key_refusal: Callable[[], str] = self._attempts.key_refusal
        self.is_hidden: Callable[[], bool] = self._attempts.is_hidden
        self.has_answered: bool = False
        """Whether the API has answered at this address, so that it is right; see `_is_right`."""
        self.witness: Callable[[], Awaitable[bool]] | None = None
        """Tells whether another store than the ledger's has what only the API can have answered."""
        self._on_call = hooks.called(on_call, identity.organization)
        self.persistence: Persistence = Persistence(clock, self._attempts.log)
        """Saves the state of the create route outside this process."""
        self._polite = politeness_limiter(politeness, clock.speed)
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._under_way = 0
        self.is_closing: bool = False
        self._is_idle: asyncio.Event | None = None
        self._knows_of_others = False
        self._knows_of_counted_reads = False

    # -------------------------------------------------------------- state

    @property
    def ledger(self) -> Ledger:
        """The last known state of the create route."""
        return self.queue.handle.ledger

    def ledger_time(self) -> float:
        """The present time on the clock of the ledger."""
        return self.queue.handle.now()

    async def refresh(self) -> None:
        """Read changes that other processes made to the ledger."""
        await self.queue.handle.refresh()

    async def found(self, ago: float) -> None:
        """Note that a create without an answer, sent `ago` seconds ago, was counted."""
        await self.queue.handle.settle(lambda ledger, now: quota.found(ledger, now - ago, now))
        self.queue.state_changed()

    async def halt(self, by: str) -> None:
        """Let no create of any client of the store leave any more.

        Raises:
            StoreError: the store cannot be used; do it again.
        """
        wall = self.clock.time()
        await self.queue.handle.change(lambda ledger, _: quota.halted(ledger, by, wall))
        self.queue.state_changed()

    async def end_halt(self, halt: Halt) -> None:
        """Take a halt back, unless somebody has halted creates again since.

        Raises:
            StoreError: the store cannot be used; do it again.
        """
        wall = self.clock.time()

        def event(ledger: Ledger, _: float) -> Ledger:
            return quota.halted(ledger, "", wall) if ledger.halt == halt else ledger

        await self.queue.handle.change(event)

    async def refuse_if_halted(self) -> None:
        """Raise a `HaltedError` if creates are halted now, for any client of the store."""
        await self.refresh()
        self.ledger.halt.check()

    async def until_landed(self, seconds: float) -> None:
        """Wait until no create of any client is under way, for these seconds at most."""
        until = self.clock.monotonic() + seconds
        while self.ledger.flights.open and self.clock.monotonic() < until:
            await self.clock.sleep(1.0)
            await self.refresh()

    async def restore(self, kept: Snapshot | None) -> None:
        """Take over the state of the quota from a journal, if it says more than ours."""
        await self.persistence.restore(self.queue.handle, kept)

    @property
    def budget(self) -> ConcurrencyLimit:
        """The limits of bulk work: posts in flight, and posts in one request."""
        return self.queue.budget

    def view(self) -> Quota:
        """The quota as users see it."""
        return self.queue.view()

    def plan(self, creates: int) -> None:
        """Set the number of bulk creates that an outbox holds, queued ones included."""
        self.queue.planned = creates
        self.queue.wake_head()

    @contextmanager
    def job(self, journal: SnapshotStore) -> Generator[Callable[[int], None]]:
        """Announce the creates of a job and keep the quota in its journal while the block runs.

        Yields the function that announces creates, or takes announced ones back (negative); see
        `expect`.
        """
        with self.persistence.keeping_in(journal), self.queue.announced() as expect:
            yield expect

    @property
    def under_way(self) -> int:
        """The number of calls that were made and have not ended."""
        return self._under_way

    async def drain(self, seconds: float) -> None:
        """Take no more calls, and wait up to `seconds` for those under way."""
        self.is_closing = True
        if self._under_way and seconds > 0:
            idle = self._is_idle = self._is_idle or asyncio.Event()
            idle.clear()
            timer = None
            if seconds < math.inf:
                timer = self.clock.call_at(self.clock.monotonic() + seconds, idle.set)
            try:
                await idle.wait()
            finally:
                if timer is not None:
                    timer.cancel()

    def close(self) -> None:
        """Let every call fail that waits for a slot."""
        self.queue.close()

    # -------------------------------------------------------------- calls

    def call(
        self, call: Call[T], options: CallOptions, time: CallTime
    ) -> Coroutine[object, None, T]:
        """Send a call, and retry it where that is safe.

        Args:
            call: the call to send.
            options: options of the call.
            time: the remaining time, which other calls of the same user call share.

        Raises:
            PostizError: any error of this library.
        """
        if self.is_closing or asyncio.get_running_loop() is not self.loop:
            raise self._unusable()
        if self.allowed is not None and not options.completes:
            self._refuse(call, options)
        if self._on_call is None:
            return self._answered(call, options, time)
        return self._told_of(self._on_call, call, options, time)

    async def _told_of(
        self, hook: CallHook, call: Call[T], options: CallOptions, time: CallTime
    ) -> T:
        number, name, queue = random.getrandbits(62), call.endpoint.name, self.queue
        root, whose = self.identity.root, self.identity.organization
        started = CallStarted(number, name, root, call.posts, queue.waiting, whose)
        with traced(hook, started, call, self.clock, lambda: queue.waiting) as trace:
            options = msgspec.structs.replace(options, trace=trace)
            return await self._answered(call, options, time)

    async def _answered(self, call: Call[T], options: CallOptions, time: CallTime) -> T:
        """Wait for a slot, send, and retry where that is safe.

        This is one coroutine, because each further one would take memory for every waiting call.
        """
        attempt = 0
        trouble: tuple[FailureKind, PostizError] | None
        self._under_way += 1
        try:
            while True:
                try:
                    if not call.endpoint.quota:
                        response = await self._send_uncounted(call, options, time)
                    else:
                        began = self.clock.monotonic()
                        slot = _slot_request(call, options, time, began)
                        try:
                            token = await self.queue.admit(slot)
                        finally:
                            waited = self.clock.monotonic() - began
                            time.waited += waited
                            time.until += waited
                            if options.trace is not None:
                                options.trace.waited += waited
                        response = await self._send_reserved(call, options, time, token)
                        if response.status == 429 and wire.proves_nothing_stored(response):
                            await self._set_aside(options)
                            continue  # not carried out, so queue again
                except APIConnectionError as error:
                    trouble, retry_after = (_FAILED[error.delivery], error), None
                else:
                    trouble = await self._trouble(call, response)
                    if trouble is None:
                        is_right = self.has_answered
                        value = (
                            await in_turns(wire.decoding(call.endpoint, response))
                            if len(response.body) > wire.LONG
                            else wire.decode(call.endpoint, response, has_answered=is_right)
                        )
                        self.has_answered = is_right or wire.is_answer(response)
                        if (kept := answers.get()) is not None:
                            kept.append(response)
                        return value
                    retry_after = wire.observe(response, now=self.clock.time()).retry_after
                attempt += 1
                await self._pause(call, options, time, trouble, attempt, retry_after)
        finally:
            self.call_ended()

    async def _is_right(self) -> bool:
        """Whether the address is right: the API has answered there, to this process or another.

        Raises:
            StoreError: a store that may know it cannot be read.
        """
        if not self.has_answered:
            await self.refresh()
            ledger = self.ledger
            self.has_answered = ledger.window.limit_read or ledger.log.headerless
        if not self.has_answered and self.witness is not None:
            self.has_answered = await self.witness()
        return self.has_answered

    async def _trouble(
        self, call: Call[T], response: WireResponse
    ) -> tuple[FailureKind, PostizError] | None:
        """How an attempt failed; None: it did not, or a repetition cannot help."""
        if response.status < 400 and response.body[:1] in wire.JSON:  # the usual case
            return None
        if response.status < 500 and wire.hides(call.endpoint, response) and await self._is_right():
            return FailureKind.BUSY, wire.in_front(response)
        if response.status < 400:
            return None
        free_in = None
        if response.status == 429:
            seen = wire.observe(response, now=self.clock.time()).retry_after
            free_in = max(1.0, self.queue.leaves_in(1) if seen is None else seen)
        return wire.transient(response, call.endpoint.meanings, free_in)

    def call_began(self) -> None:
        """Count a call as under way, until `call_ended`."""
        self._under_way += 1

    def call_ended(self) -> None:
        """Count the end of a call that began."""
        self._under_way -= 1
        if not self._under_way and self._is_idle is not None:
            self._is_idle.set()

    def require(self, *scopes: Scope) -> None:
        """Refuse work that is not allowed, before any of it is done.

        Raises:
            ScopeError: a scope is missing.
        """
        wire.require(self.allowed, *scopes)

    def _refuse(self, call: Call[T], options: CallOptions) -> None:
        """Refuse a call that is not allowed; a prepared one was dated when it was handed over."""
        now = None if options.prepare is not None else self.server_time()
        self.require(wire.scope_of(call, now))

    def _unusable(self) -> UsageError:
        if self.is_closing:
            return UsageError("This client is closed or closing; nothing was sent.")
        return UsageError(
            "This client was opened in another event loop, where its connections live. Open it in "
            "the loop that uses it: one `async with Postiz()` inside of one `asyncio.run`."
        )

    async def _pause(
        self,
        call: Call[T],
        options: CallOptions,
        time: CallTime,
        trouble: tuple[FailureKind, PostizError],
        attempt: int,
        retry_after: float | None,
    ) -> None:
        """Wait before the next attempt, or raise the error if there is none."""
        failed, cause = trouble
        wait = next_wait(
            failed,
            attempt=attempt,
            retries=options.max_retries,
            replay=call.endpoint.replay,
            jitter=random.random(),  # noqa: S311
            retry_after=retry_after,
        )
        if wait is None or wait >= time.left or not call.can_repeat():
            raise cause
        if options.set_aside is not None:
            await options.set_aside()
        self._attempts.log.info(
            "%s failed (%s), again in %.1f s", call.endpoint.name, failed.value, wait
        )
        await self.clock.sleep(wait)

    # -------------------------------------------------------------- routes without quota

    async def _send_uncounted(
        self, call: Call[T], options: CallOptions, time: CallTime
    ) -> WireResponse:
        """Send a call of a route that costs no quota."""
        if self._polite is not None:
            await time.bounded(self._polite.acquire(), "it was its turn (politeness)")
        expires = math.inf
        if options.prepare is not None:
            call, expires = await prepared(call, options, time)
        response, seen = await self._attempts.send(call, options, time, expires=expires)
        if seen.reading is not None and not self._knows_of_counted_reads:
            self._knows_of_counted_reads = True
            self._attempts.log.warning(
                "this server counts %s too, as Postiz did before v2.19.0: update it, or calls that "
                "should be free are refused",
                call.endpoint.name,
            )
        return response

    # -------------------------------------------------------------- creates

    async def _set_aside(self, options: CallOptions) -> None:
        """Take back what was prepared for a call that met a lock-out."""
        if options.set_aside is not None:
            await options.set_aside()
        left = self.ledger.window.blocked_until - self.ledger_time()
        self._attempts.log.warning("429: calls of this key pause for %s", describe_seconds(left))

    async def _send_reserved(
        self, call: Call[T], options: CallOptions, time: CallTime, token: int
    ) -> WireResponse:
        """Send a call with the reservation `token`, which ends here in exactly one way."""
        queue, bulk = self.queue, options.priority >= Priority.BULK
        if bulk:
            queue.bulk_left(call.posts)
        started = self.clock.monotonic()
        seconds: float | None = None
        try:
            if self.persistence.stores:
                await self._keep_or_release(token)
            sent = self._send_and_settle(call, options, time, token)
            response = await (run_to_completion(sent) if options.finish else sent)
            seconds = self.clock.monotonic() - started
            return response
        finally:
            if bulk:
                queue.bulk_ended(call.posts, seconds)
            queue.state_changed()

    async def _keep_or_release(self, token: int) -> None:
        """Save the reservation before anything is sent; if that fails, nothing is sent."""
        try:
            await self.persistence.save(self.queue.handle)
        except BaseException:
            await self._settle(token, None, sent=False)
            raise

    async def _send_and_settle(
        self, call: Call[T], options: CallOptions, time: CallTime, token: int
    ) -> WireResponse:
        """Prepare and send; the ledger learns the outcome, whatever happens."""
        sent, expires = False, math.inf
        try:
            if options.prepare is not None:
                call, expires = await prepared(call, options, time)
            sent = True
            response, seen = await self._attempts.send(call, options, time, expires=expires)
        except APIConnectionError as error:
            reached = sent and error.delivery is not Delivery.NOT_SENT
            silent = isinstance(error, APITimeoutError)
            await self._settle(token, None, sent=reached, silent=silent)
            raise
        except BaseException:
            await self._settle(token, None, sent=sent)
            raise
        await self._settle(token, seen, sent=True)
        if self.persistence.stores:
            await self.persistence.save_answer(self.queue.handle)
        return response

    async def _settle(
        self,
        token: int,
        seen: Observation | None,
        *,
        sent: bool,
        silent: bool = False,
    ) -> None:
        """Write the end of a reservation to the ledger."""
        others = False

        def event(ledger: Ledger, now: float) -> Ledger:
            nonlocal others
            after = settled(ledger, now, token, seen, sent=sent, silent=silent)
            others = shows_others(ledger, after)
            return after

        await self.queue.handle.settle(event)
        if others and not self._knows_of_others:
            self._knows_of_others = True
            _warn_of_others(self.ledger, self._attempts.log)


def _slot_request(call: Call[T], options: CallOptions, time: CallTime, began: float) -> SlotRequest:
    return SlotRequest(
        priority=options.priority,
        posts=call.posts,
        since=began - time.waited if time.waited else began,
        max_wait=options.max_wait,
        due=time.due,
        deadline=options.deadline,
        lifetime=_lifetime(time_out(call, time, options.longer) or SILENT),
    )


@lru_cache(maxsize=256)
def _lifetime(seconds: float) -> float:
    """Seconds for which a slot may be held; cached, so that waiting calls share the number."""
    return PREPARE_SECONDS + seconds


def _warn_of_others(ledger: Ledger, log: Log) -> None:
    """Log that others use this quota; a shared store would help."""
    log.warning(
        "others spend the create requests of this organisation: %d in this window beside our "
        "%d. Processes of yours should share one store (store='postiz.sqlite', or "
        "'postgresql://...'), or they run into lock-outs.",
        ledger.neighbours.foreign,
        ledger.neighbours.own,
    )


# ------------------------------------------------------------------ the end of a reservation


def settled(
    ledger: Ledger,
    now: float,
    token: int,
    seen: Observation | None,
    *,
    sent: bool,
    silent: bool = False,
) -> Ledger:
    """The ledger after the end of a reservation.

    Args:
        ledger: the state before the end.
        now: the time on the ledger's clock.
        token: the reservation.
        seen: what was read from the answer; None if there was none.
        sent: whether a byte may have reached the server.
        silent: whether the server did not answer in time, and may still carry out the call.
    """
    if not sent:
        return quota.released(ledger, token)
    if seen is None or seen.cost is QuotaEffect.UNKNOWN:
        return quota.lost(ledger, token, now, silent=silent)
    if seen.cost in {QuotaEffect.REFUSED, QuotaEffect.TURNED_AWAY}:
        if all(flight.token != token for flight in ledger.flights.open):
            # taken for dead meanwhile, but its lock-out counts
            ledger, token = quota.acquired(ledger, now)
        ends = quota.refused if seen.cost is QuotaEffect.REFUSED else quota.turned_away
        return ends(ledger, token, now, seen.retry_after)
    if seen.cost is QuotaEffect.FREE:
        return quota.released(ledger, token)
    if seen.reading is None:
        return quota.unread(ledger, token, now)
    return quota.answered(ledger, token, now, seen.reading)


def shows_others(before: Ledger, after: Ledger) -> bool:
    """Whether an answer shows that other clients use this quota in the same window."""
    if after.neighbours.foreign <= before.neighbours.foreign:  # the usual case
        return False
    moved = abs(after.window.ends_before - before.window.ends_before)
    return moved < before.window.length / 2


# ------------------------------------------------------------------ with options


class BoundScheduler(msgspec.Struct):
    """A scheduler with the default options of a client, or of a view of a client.

    `shared_time` is the time for all requests of one user call; None: each request has the time of
    the options.
    """

    scheduler: Scheduler
    options: CallOptions = CallOptions()
    shared_time: CallTime | None = None

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "What belongs to a client is neither pickled nor copied, nor is the client. Let the "
            "other process make one of its own."
        )

    @property
    def time(self) -> CallTime:
        """The time of a request that begins now; requests of one user call may share it."""
        return self.shared_time or CallTime.from_now(self.scheduler.clock, self.options.timeout)

    def begun(self, *, timeout: float | None = None) -> BoundScheduler:
        """A scheduler for one user call, whose requests share one time from now on.

        Args:
            timeout: seconds; None: those of the options, or the rest of a shared time.
        """
        if self.shared_time is not None and timeout is None:
            return self
        seconds = self.options.timeout if timeout is None else timeout
        time = CallTime.from_now(self.scheduler.clock, seconds)
        return BoundScheduler(self.scheduler, self.options, time)

    def call(self, call: Call[T], options: CallOptions | None = None) -> Coroutine[object, None, T]:
        """Make a call, with options that may differ from the client's."""
        time = self.shared_time or CallTime.from_now(self.scheduler.clock, self.options.timeout)
        return self.scheduler.call(call, options or self.options, time)
