"""What goes wrong in a `world`: odd counters, gateways, machines that sleep, slow stores."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from throttle_in_memory import MemoryThrottle

from postiz_async._sandbox.throttle import Throttle, ThrottleDecision
from postiz_async._transport import Transport
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.clock import Clock, Timer
from postiz_async.errors import APIConnectionError
from postiz_async.stores import Kept, Records

# ------------------------------------------------------------------ counters


class AlternatingThrottle(Throttle):
    """One counter behind servers that are set to different limits; each request meets the next.

    Args:
        limits: of the servers, in the order in which they are met.
    """

    def __init__(self, limits: Sequence[int]) -> None:
        super().__init__(limits[0])
        self._limits = itertools.cycle(limits)

    def hit(self, key: str, now: float) -> ThrottleDecision:
        self.limit = next(self._limits)
        return super().hit(key, now)


class ReplicaThrottle(Throttle):
    """Servers behind one address, each of which counts in its own memory.

    Args:
        limit: of each server.
        replicas: how many they are.
        dice: picks the server of a request; None: they take turns.
    """

    def __init__(self, limit: int, replicas: int, dice: random.Random | None = None) -> None:
        super().__init__(limit)
        self._replicas = [MemoryThrottle(limit) for _ in range(replicas)]
        self._turns = itertools.cycle(self._replicas)
        self._dice = dice

    def hit(self, key: str, now: float) -> ThrottleDecision:
        replica = self._dice.choice(self._replicas) if self._dice else next(self._turns)
        return replica.hit(key, now)

    def block(self, key: str, now: float, seconds: float) -> None:
        for replica in self._replicas:
            replica.block(key, now, seconds)


class LyingThrottle(Throttle):
    """Counts as another throttle does, and tells something else.

    Args:
        truth: what counts.
        tell: makes the headers of an answer of the true ones and the time.
        used: hits of somebody else that came ten minutes before the first one.
    """

    def __init__(
        self,
        truth: Throttle,
        tell: Callable[[Mapping[str, str], float], Mapping[str, str]],
        *,
        used: int = 0,
    ) -> None:
        super().__init__(truth.limit, truth.window)
        self._truth = truth
        self._tell = tell
        self._used = used

    def hit(self, key: str, now: float) -> ThrottleDecision:
        self._truth.limit = self.limit
        for _ in range(self._used):
            self._truth.hit(key, now - 600)
        self._used = 0
        decision = self._truth.hit(key, now)
        told = self._tell(dict(decision.headers), now)
        return replace(decision, headers=tuple(told.items()))

    def block(self, key: str, now: float, seconds: float) -> None:
        self._truth.block(key, now, seconds)


def window_end(throttle: Throttle) -> float | None:
    """When the window of the only key ends, in seconds of the server's clock; None: there is none.

    Raises:
        TypeError: the throttle does not count in windows.
    """
    if not isinstance(throttle, Throttle):
        raise TypeError(f"{type(throttle).__name__} does not count in windows")
    ends = [window.ends for window in throttle._windows.values() if window.ends is not None]
    return max(ends) / 1000 if ends else None


# ------------------------------------------------------------------ a machine that sleeps


class NappingClock(Clock):
    """The clocks of a machine that sleeps at times. The wall clock goes on; no timer fires.

    Args:
        base: the time outside.
        naps: start and length of each, in seconds of `base.monotonic()`, ascending.
        stands_still: the monotonic clock stands still meanwhile, as it does on some systems.
    """

    def __init__(
        self, base: Clock, naps: Sequence[tuple[float, float]], *, stands_still: bool
    ) -> None:
        self._base = base
        self._naps = naps
        self._stands_still = stands_still

    def time(self) -> float:
        return self._base.time()

    def monotonic(self) -> float:
        now = self._base.monotonic()
        if not self._stands_still:
            return now
        return now - sum(min(max(0.0, now - start), length) for start, length in self._naps)

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        return self._base.call_at(self._awake_at(when), callback)

    def _awake_at(self, when: float) -> float:
        """The moment outside at which a timer for `when` of `monotonic` fires."""
        for start, length in self._naps:
            if when > start:
                when = when + length if self._stands_still else max(when, start + length)
        return when + 1e-6  # `monotonic` has surely reached it then, however it is rounded

    def slept_since(self, moment: float) -> float | None:
        """The end of a nap that began after `moment` of the base and before now, or None."""
        now = self._base.monotonic()
        ends = [start + length for start, length in self._naps if moment <= start < now]
        return max(ends, default=None)

    async def wake(self) -> None:
        """Sleep on to the end of the nap that it is in, if it is in one."""
        now = self._base.monotonic()
        for start, length in self._naps:
            if start <= now < start + length:
                await self._base.sleep_until(start + length)

    async def sleep_outside(self, until: float) -> None:
        await self._base.sleep_until(until)

    def outside(self) -> float:
        return self._base.monotonic()


class NappingTransport:
    """The connections of a machine that sleeps: an answer that comes meanwhile is lost."""

    def __init__(self, inner: Transport, clock: NappingClock) -> None:
        self._inner = inner
        self._clock = clock

    async def send(self, request: WireRequest) -> WireResponse:
        sent = self._clock.outside()
        response = await self._inner.send(request)
        woke = self._clock.slept_since(sent)
        if woke is None:
            return response
        await self._clock.sleep_outside(woke)
        raise APIConnectionError("The connection was gone when the machine woke.")

    async def aclose(self) -> None:
        await self._inner.aclose()


class StandingTransport:
    """The connections of a process that stands still at times: they last, and nothing is lost."""

    def __init__(self, inner: Transport, clock: NappingClock) -> None:
        self._inner = inner
        self._clock = clock

    async def send(self, request: WireRequest) -> WireResponse:
        await self._clock.wake()
        response = await self._inner.send(request)
        await self._clock.wake()
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


# ------------------------------------------------------------------ what stands before the server


class Gateway:
    """Answers some requests itself, with a page, and counts them by address: those of all keys.

    Args:
        clock: its time.
        most: requests that it lets through in a minute; None: all.
        outages: start and length of each time in which it answers 503 to all.
        pages: it puts a page in the place of each 429, too.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        most: int | None = None,
        outages: Sequence[tuple[float, float]] = (),
        pages: bool = False,
    ) -> None:
        self._clock = clock
        self._most = most
        self._outages = outages
        self._pages = pages
        self._minute = (0.0, 0)
        """When it began, and how many requests were let through in it."""

    def before(self, inner: Transport) -> Transport:
        """A way to the server that leads through it."""
        return _ThroughGateway(inner, self)

    async def pass_on(self, request: WireRequest, inner: Transport) -> WireResponse:
        now = self._clock.monotonic()
        if any(start <= now < start + length for start, length in self._outages):
            return _page(503)
        if self._most is not None:
            began, count = self._minute
            if now >= began + 60:
                began, count = now, 0
            if count >= self._most:
                return _page(429, retry_after=str(math.ceil(began + 60 - now)))
            self._minute = began, count + 1
        response = await inner.send(request)
        if self._pages and response.status == 429:
            return _page(429, response.headers.get("retry-after"))
        return response


class _ThroughGateway:
    def __init__(self, inner: Transport, gateway: Gateway) -> None:
        self._inner = inner
        self._gateway = gateway

    async def send(self, request: WireRequest) -> WireResponse:
        return await self._gateway.pass_on(request, self._inner)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _page(status: int, retry_after: str | None = None) -> WireResponse:
    headers = {"content-type": "text/html"}
    if retry_after is not None:
        headers["retry-after"] = retry_after
    return WireResponse(status, headers, b"<html><body>Try again later.</body></html>")


# ------------------------------------------------------------------ a slow store


class DelayedStore:
    """A store whose answers take `delay()` seconds, half of it before the work is done."""

    def __init__(self, store: Records, clock: Clock, delay: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._delay = delay

    async def get(self, scope: str, key: str, /) -> Kept:
        half = self._delay() / 2
        await self._clock.sleep(half)
        state = await self._store.get(scope, key)
        await self._clock.sleep(half)
        return state

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        half = self._delay() / 2
        await self._clock.sleep(half)
        answer = await self._store.swap(scope, key, version, value, keep=keep)
        await self._clock.sleep(half)
        return answer

    async def aclose(self) -> None:
        await self._store.aclose()
