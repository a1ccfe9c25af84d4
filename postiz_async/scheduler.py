"""Sending, retrying, keeping: the life of a call after its arguments are known."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import anyio
import msgspec
from aiolimiter import AsyncLimiter
from msgspec import Raw

from postiz_async import keeping, quota, wire
from postiz_async.admission import GateOpenError, Priority, Request
from postiz_async.errors import (
    APIConnectionError,
    APITimeoutError,
    ConfigurationError,
    Delivery,
    PostizError,
    describe_seconds,
)
from postiz_async.events import Attempt, CallEnded, CallStarted
from postiz_async.retry import Outcome, next_wait
from postiz_async.routes import Route
from postiz_async.shields import to_the_end
from postiz_async.wire import Cost, Observation, WireRequest, WireResponse

if TYPE_CHECKING:
    from postiz_async.admission import Gate
    from postiz_async.clock import Clock
    from postiz_async.endpoints import Call
    from postiz_async.events import AttemptHook, CallHook
    from postiz_async.quota import Ledger
    from postiz_async.stores import Keeper
    from postiz_async.transport import Transport

__all__ = ["CallOptions", "Identity", "Priority", "Scheduler"]

log = logging.getLogger("postiz_async")

T = TypeVar("T")

PREPARE_SECONDS = 30.0
"""What a create may take between its slot and its first byte, and for the look at its answer."""

CREATE_SECONDS, SECONDS_A_POST = 30.0, 0.2
"""The read time-out of a create: a base and a share for each post."""


@dataclass(slots=True)
class Trace:
    """What is noted of a call while it lives, for whoever listens."""

    call: int
    waited: float = 0.0


class CallOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How one call is treated. Seconds everywhere.

    `max_wait` bounds the wait for a slot of the quota; None waits as long as it takes. `due` and
    `deadline` are moments of the clock's `monotonic()`: by the first the lane is ordered, a call
    that cannot leave before the second is refused at once. With `finish` a call whose first byte
    is out is not cancelled: it ends with its answer or its time-out. `prepare` runs after the slot
    is taken and before the first byte, and may return a newer body; when it raises, the slot is
    given back and nothing is sent.
    """

    timeout: float | None = None
    headers: tuple[tuple[str, str], ...] = ()
    max_wait: float | None = None
    priority: int = Priority.INTERACTIVE
    due: float | None = None
    deadline: float | None = None
    finish: bool = False
    prepare: Callable[[], Awaitable[Raw | None]] | None = None
    trace: Trace | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls, and where: the API root, the key (in no repr), the user agent."""

    root: str
    key: str = field(repr=False)
    user_agent: str


class Scheduler:
    """Sends the calls of one key. Made and used in one running event loop.

    Args:
        transport: moves the bytes.
        clock: tells the time and waits.
        identity: root URL, key, user agent.
        gate_of: makes or finds the gate of a route; "" is the create route.
        politeness: calls a second of routes without quota; None for no bound.
        on_attempt: sees every attempt.
        on_call: sees every call, when it is made and when it ends.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        clock: Clock,
        identity: Identity,
        gate_of: Callable[[str], Gate],
        politeness: float | None = None,
        on_attempt: AttemptHook | None = None,
        on_call: CallHook | None = None,
    ) -> None:
        self.clock = clock
        self.identity = identity
        self.keepers: list[Keeper] = []
        """Where the state of the create route is written down beyond this process."""
        self.gate = gate_of("")
        self.server_offset = 0.0
        """Seconds by which the server's clock is ahead of ours, from its last answer."""
        self._gate_of = gate_of
        self._routes: dict[str, Route] = {}
        self._transport = transport
        self._on_attempt = on_attempt
        self._on_call = on_call
        self._keeping = anyio.Lock()
        self._requests = itertools.count(1)
        has_politeness = politeness is not None and math.isfinite(clock.speed)
        self._polite = (
            AsyncLimiter(max(1.0, politeness or 1.0), 1.0 / clock.speed) if has_politeness else None
        )
        self._loop = asyncio.get_running_loop()
        self._under_way = 0
        self._is_closing = False
        self._is_idle = asyncio.Event()
        self._knows_of_others = False

    # -------------------------------------------------------------- state

    @property
    def ledger(self) -> Ledger:
        """The state of the create route as it was last seen."""
        return self.gate.home.ledger

    async def recall(self) -> None:
        """Take over the newest state that the keepers have, when it says more than ours."""
        kept = [state for keeper in self.keepers if (state := await keeper.load()) is not None]
        home = self.gate.home
        await home.refresh()
        ledger = home.ledger
        if not kept or ledger.window_known or ledger.flights:
            return
        newest = max(kept, key=lambda state: state.as_of)
        now, wall = home.now(), self.clock.time()
        home.recall(keeping.restore(newest, now, wall, reserve_slots=ledger.reserve))

    def server_time(self) -> float:
        """The server's wall clock, as far as its last answer tells it."""
        return self.clock.time() + self.server_offset

    def is_counted(self, route: str) -> bool:
        """Whether the server counts the calls of a route of this name, as far as it was seen."""
        known = self._routes.get(route)
        return known is not None and known.gate is not None

    @property
    def is_stranded(self) -> bool:
        """Whether the event loop in which its connections live has ended."""
        return self._loop.is_closed()

    @property
    def under_way(self) -> int:
        """Calls that were made and have not ended."""
        return self._under_way

    async def drain(self, seconds: float) -> None:
        """Take no more calls, and give those under way so many seconds to end."""
        self._is_closing = True
        if self._under_way and seconds > 0:
            self._is_idle.clear()
            timer = None
            if seconds < math.inf:
                timer = self.clock.call_at(self.clock.monotonic() + seconds, self._is_idle.set)
            try:
                await self._is_idle.wait()
            finally:
                if timer is not None:
                    timer.cancel()

    def close(self) -> None:
        """Let every call fail that waits for a slot."""
        for gate in (self.gate, *(route.gate for route in self._routes.values())):
            if gate is not None:
                gate.close()

    # -------------------------------------------------------------- calls

    async def call(self, call: Call[T], options: CallOptions) -> tuple[T, WireResponse]:
        """Send a call, again where that is safe, and return its value and the raw answer.

        Raises:
            PostizError: one of the tree's errors.
        """
        self._check_in()
        try:
            if self._on_call is not None:
                return await self._watched(call, options, self._on_call)
            return await self._call(call, options)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._is_idle.set()

    async def _watched(
        self, call: Call[T], options: CallOptions, hook: CallHook
    ) -> tuple[T, WireResponse]:
        """Make a call and tell of its beginning and its end."""
        trace, name, error = Trace(random.getrandbits(62)), call.endpoint.name, None
        began, root = self.clock.monotonic(), self.identity.root
        _tell(hook, CallStarted(trace.call, name, root, call.posts, self.gate.waiting))
        try:
            return await self._call(call, msgspec.structs.replace(options, trace=trace))
        except BaseException as caught:
            error = type(caught).__name__
            raise
        finally:
            seconds = self.clock.monotonic() - began
            sent = (call.file.size or 0) if call.file is not None and error is None else 0
            queued = self.gate.waiting
            ended = CallEnded(trace.call, name, seconds, trace.waited, error, sent, queued)
            _tell(hook, ended)

    def _check_in(self) -> None:
        if asyncio.get_running_loop() is not self._loop:
            raise ConfigurationError(
                "This client was opened in another event loop, where its connections live. Open "
                "it in the loop that uses it: one `async with Postiz()` inside of one "
                "`asyncio.run`."
            )
        if self._is_closing:
            raise ConfigurationError("This client is closed or closing; nothing was sent.")
        self._under_way += 1

    async def _call(self, call: Call[T], options: CallOptions) -> tuple[T, WireResponse]:
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
                jitter=random.random(),  # noqa: S311
                retry_after=retry_after,
            )
            if wait is None or not call.can_repeat():
                raise cause
            log.info("%s failed (%s), again in %.1f s", call.endpoint.name, failed.value, wait)
            await self.clock.sleep(wait)
        raise AssertionError("itertools.count ended")

    async def _attempt(self, call: Call[T], options: CallOptions, since: float) -> WireResponse:
        """Send a call of a route that costs no quota, as far as is known."""
        route = self._routes.setdefault(call.endpoint.name, Route())
        while route.gate is not None:
            await route.settled()
            try:
                return await self._counted(route.gate, call, options, since)
            except GateOpenError:
                continue
        if self._polite is not None:
            await self._polite.acquire()
        sent = self.clock.monotonic()
        route.sets_out()
        try:
            response, seen = await self._send(call, options)
            if seen.reading is not None:
                await route.counts(sent, seen.reading, lambda: self._found_counter(call))
        finally:
            route.is_back()
        return response

    def _found_counter(self, call: Call[T]) -> Gate:
        name = call.endpoint.name
        log.warning(
            "%s is counted by this server too, as by old releases: its calls wait for its quota",
            name,
        )
        return self._gate_of(name)

    async def _send(self, call: Call[T], options: CallOptions) -> tuple[WireResponse, Observation]:
        request = self._encode(call, options)
        number = next(self._requests)
        started = self.clock.monotonic()
        try:
            response = await self._transport.send(request)
        except APIConnectionError as error:
            self._report(number, call, options, started, None, error)
            raise
        seen = wire.observe(response, now=self.clock.time())
        if seen.server_time is not None:
            self.server_offset = seen.server_time - self.clock.time()
        self._report(number, call, options, started, response, None, seen.reading)
        return response, seen

    def _report(
        self,
        number: int,
        call: Call[T],
        options: CallOptions,
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
            call=options.trace.call if options.trace is not None else 0,
        )
        log.info(
            "request %d %s posts=%d %s remaining=%s",
            attempt.number,
            attempt.endpoint,
            attempt.posts,
            attempt.error or f"status={attempt.status}",
            reading.remaining if reading is not None else "-",
            extra={"postiz": attempt},
        )
        if self._on_attempt is not None:
            _tell(self._on_attempt, attempt)

    def _encode(self, call: Call[T], options: CallOptions) -> WireRequest:
        return wire.encode(
            call,
            root=self.identity.root,
            key=self.identity.key,
            user_agent=self.identity.user_agent,
            timeout=self._time_out(call, options),
            headers=options.headers,
        )

    @staticmethod
    def _time_out(call: Call[T], options: CallOptions) -> float | None:
        if options.timeout is not None:
            return options.timeout
        if call.endpoint.quota:
            return CREATE_SECONDS + SECONDS_A_POST * call.posts
        return call.endpoint.timeout

    # -------------------------------------------------------------- counted routes

    async def _create(self, call: Call[T], options: CallOptions, since: float) -> WireResponse:
        return await self._counted(self.gate, call, options, since)

    async def _counted(
        self, gate: Gate, call: Call[T], options: CallOptions, since: float
    ) -> WireResponse:
        """Send a call under a quota; after a 429 it queues again, for it was not carried out."""
        while True:
            request = Request(
                lane=options.priority,
                posts=call.posts,
                since=since,
                max_wait=options.max_wait,
                due=options.due,
                deadline=options.deadline,
                lifetime=PREPARE_SECONDS + (self._time_out(call, options) or 0.0),
            )
            token = await self._admitted(gate, request, options.trace)
            response = await self._fly(gate, call, options, token)
            if response.status != 429:
                return response
            left = gate.home.ledger.blocked_until - gate.home.now()
            log.warning("429: calls of this key pause for %s", describe_seconds(left))

    async def _admitted(self, gate: Gate, request: Request, trace: Trace | None) -> int:
        asked = self.clock.monotonic()
        try:
            return await gate.admit(request)
        finally:
            if trace is not None:
                trace.waited += self.clock.monotonic() - asked

    async def _fly(
        self, gate: Gate, call: Call[T], options: CallOptions, token: int
    ) -> WireResponse:
        """Use the reservation `token`; it ends here, in exactly one way."""
        bulk = options.priority >= Priority.BULK
        if bulk:
            gate.bulk_left(call.posts)
        started = self.clock.monotonic()
        seconds: float | None = None
        try:
            await self._keep_or_release(gate, token)
            sent = self._sent(gate, call, options, token)
            response = await (to_the_end(sent) if options.finish else sent)
            seconds = self.clock.monotonic() - started
            return response
        finally:
            if bulk:
                gate.bulk_ended(call.posts, seconds)
            gate.stir()

    async def _keep_or_release(self, gate: Gate, token: int) -> None:
        """Write the reservation down before anything is sent; without that nothing is sent."""
        try:
            await self._keep(gate)
        except BaseException:
            await self._land(gate, token, None, sent=False)
            raise

    async def _sent(
        self, gate: Gate, call: Call[T], options: CallOptions, token: int
    ) -> WireResponse:
        """Prepare and send; whatever happens, the ledger learns it."""
        sent = False
        try:
            call = await _prepared(call, options)
            sent = True
            response, seen = await self._send(call, options)
        except APIConnectionError as error:
            reached = sent and error.delivery is not Delivery.NOT_SENT
            silent = isinstance(error, APITimeoutError)
            await self._land(gate, token, None, sent=reached, silent=silent)
            raise
        except BaseException:
            await self._land(gate, token, None, sent=sent)
            raise
        await self._land(gate, token, seen, sent=True)
        if gate is self.gate:
            await self._keep_answer()
        elif seen.reading is None and response.status < 400:
            self._routes[call.endpoint.name].is_free()
        return response

    async def _land(
        self,
        gate: Gate,
        token: int,
        seen: Observation | None,
        *,
        sent: bool,
        silent: bool = False,
    ) -> None:
        """Tell the ledger how a reservation ended."""

        def event(ledger: Ledger, now: float) -> Ledger:
            if not sent:
                return quota.released(ledger, token)
            if seen is None or seen.cost is Cost.UNKNOWN:
                return quota.lost(ledger, token, now, silent=silent)
            if seen.cost is Cost.REFUSED:
                return quota.refused(ledger, token, now, seen.retry_after)
            if seen.cost is Cost.FREE:
                return quota.released(ledger, token)
            if seen.reading is None:
                return quota.unread(ledger, token, now)
            return quota.answered(ledger, token, now, seen.reading)

        before = gate.home.ledger
        await gate.home.land(event)
        self._look_for_others(before, gate.home.ledger)

    def _look_for_others(self, before: Ledger, after: Ledger) -> None:
        """Say once that somebody else spends this quota, whom sharing a store would help."""
        in_one_window = after.own > before.own > 0
        if self._knows_of_others or not in_one_window or after.foreign <= before.foreign:
            return
        self._knows_of_others = True
        log.warning(
            "others spend the create requests of this organisation: %d in this window beside our "
            "%d. Clients and processes of yours should share one quota store (quota=SqliteStore("
            "...) or RedisStore(...), or one PostizPool), or they run into lock-outs.",
            after.foreign,
            after.own,
        )

    async def _keep(self, gate: Gate) -> None:
        """Write the ledger's state down wherever it is kept, the newest last."""
        if gate is not self.gate or not self.keepers:
            return
        async with self._keeping:
            for keeper in tuple(self.keepers):
                kept = keeping.keep(gate.home.ledger, gate.home.now(), self.clock.time())
                await keeper.save(kept)

    async def _keep_answer(self) -> None:
        """Keep what an answer said. The answer itself matters more than a failing store."""
        try:
            await self._keep(self.gate)
        except (OSError, PostizError) as error:
            log.warning("the state of the quota is not kept; the next create will try: %s", error)


async def _prepared(call: Call[T], options: CallOptions) -> Call[T]:
    body = await options.prepare() if options.prepare is not None else None
    return call if body is None else replace(call, body=body)


_Event = TypeVar("_Event")


def _tell(hook: Callable[[_Event], object], event: _Event) -> None:
    """An answer must not get lost because somebody's hook is broken."""
    try:
        hook(event)
    except Exception:
        log.exception("a hook failed")
