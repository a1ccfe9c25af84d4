"""Time as an object: the real clock, an accelerated one, and one that jumps.

Everything in the library that reads the time or waits does it through a `Clock`, so that a
test or a demo can let an hour pass in no time, and so that client and sandbox can share one
notion of now. Seconds everywhere, as floats.

* `SystemClock` is the real one.
* `AcceleratedClock` runs `speed` times as fast. It is fixed to the machine's wall clock by an
  anchor, so that two processes with the same anchor agree on the time.
* `JumpingClock` stands still while anybody works. When every caller waits, it jumps to the
  earliest moment anybody waits for.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import secrets
import sys
import threading
import time
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sized


class Timer(Protocol):
    """A pending callback."""

    def cancel(self) -> None:
        """Forget the callback; harmless when it ran already."""
        ...


class Clock(ABC):
    """What the library knows of time."""

    speed: float = 1.0
    """Seconds of this clock in one second of the event loop."""

    @property
    def boot_id(self) -> str:
        """What tells the run of a machine in which `monotonic()` goes on from the next.

        Clocks whose `monotonic()` is not the same have different ones; empty: nothing tells.
        """
        return ""

    @abstractmethod
    def time(self) -> float:
        """Wall time in seconds since the epoch. May step; use it for dates and shared state."""

    @abstractmethod
    def monotonic(self) -> float:
        """Seconds that never step back. Its zero means nothing."""

    @abstractmethod
    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Call `callback` in the running event loop once `monotonic()` has reached `when`.

        It is for other parts of this package.

        Args:
            when: a moment of `monotonic()`.
            callback: what is called.
        """

    async def sleep_until(self, when: float) -> None:
        """Wait until `monotonic()` has reached `when`.

        Args:
            when: a moment of `monotonic()`.

        Raises:
            ValueError: `when` is NaN, which no time ever reaches.
        """
        if math.isnan(when):
            raise ValueError("when is NaN, which no time ever reaches")
        if when <= self.monotonic():
            await asyncio.sleep(0)
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_at(when, lambda: None if done.done() else done.set_result(None))
        try:
            await done
        finally:
            timer.cancel()

    async def sleep(self, seconds: float) -> None:
        """Wait on this clock.

        Args:
            seconds: how long.
        """
        await self.sleep_until(self.monotonic() + seconds)

    @contextmanager
    def move_on_after(self, seconds: float) -> Generator[anyio.CancelScope]:
        """Cancel the block when it takes longer than `seconds`, like `anyio.move_on_after`.

        Args:
            seconds: how long, on this clock.

        Raises:
            ValueError: `seconds` is NaN, which no time ever reaches.
        """
        if math.isnan(seconds):
            raise ValueError("seconds is NaN, which no time ever reaches")
        with anyio.CancelScope() as scope:
            if seconds == math.inf:
                yield scope
                return
            timer = self.call_at(self.monotonic() + seconds, scope.cancel)
            try:
                yield scope
            finally:
                timer.cancel()


_PROCESS = secrets.token_hex(8)


def run_of(clock: Clock) -> str:
    """In which run of a machine its moments were taken; where nothing tells, in which process.

    Moments of `monotonic()` that were written down in another run say nothing: how long ago they
    were is not known then.
    """
    return clock.boot_id or _PROCESS


@cache
def _boot_id() -> str:
    """What tells one run of this machine from the next; empty where nothing does."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _sleepless_clock() -> Callable[[], float]:
    """A monotonic clock that counts the time in which the machine sleeps."""
    clock_id: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    if sys.platform == "darwin":
        clock_id = time.CLOCK_MONOTONIC
    if sys.platform != "win32" and clock_id is not None:
        return partial(time.clock_gettime, clock_id)
    return time.monotonic


_sleepless = _sleepless_clock()


class SystemClock(Clock):
    """The machine's clocks and the event loop's timers.

    Its `monotonic()` goes on while the machine sleeps, where the system has such a clock, and is
    the same in all processes of the machine. The event loop's timers stand still meanwhile, so a
    long wait looks at the clock every half minute.
    """

    if TYPE_CHECKING:

        def time(self) -> float: ...

        def monotonic(self) -> float: ...

    else:  # each call asks several times, so without a frame of Python
        time = staticmethod(time.time)
        monotonic = staticmethod(_sleepless)

    @property
    def boot_id(self) -> str:
        return _boot_id()

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        return _LongTimer(self, when, callback)


_LOOK = 30.0
"""Seconds of the event loop after which a long wait looks at the clock again."""


class _LongTimer:
    """A timer of the event loop that is set anew until the clock has come."""

    __slots__ = ("_callback", "_clock", "_handle", "_when")

    def __init__(self, clock: Clock, when: float, callback: Callable[[], object]) -> None:
        self._clock = clock
        self._when = when
        self._callback = callback
        self._handle = self._set()

    def _set(self) -> asyncio.TimerHandle:
        delay = max(0.0, self._when - self._clock.monotonic())
        return asyncio.get_running_loop().call_later(min(_LOOK, delay), self._ring)

    def _ring(self) -> None:
        if self._clock.monotonic() < self._when:
            self._handle = self._set()
        else:
            self._callback()

    def cancel(self) -> None:
        self._handle.cancel()


@dataclass(frozen=True, slots=True)
class Anchor:
    """Ties an accelerated clock to the machine's wall clock.

    At the machine's `real` seconds since the epoch the clock shows `shown`.
    """

    real: float
    shown: float


class AcceleratedClock(Clock):
    """A clock that runs `speed` times as fast as the machine's.

    Two processes of one machine with the same `speed` and `anchor` see the same time.

    Args:
        speed: How many times as fast.
        anchor: What it shows when; None: the machine's time, now.
    """

    def __init__(self, speed: float, *, anchor: Anchor | None = None) -> None:
        if not (speed > 0 and math.isfinite(speed)):
            raise ValueError(f"speed must be a positive number, not {speed!r}")
        now = time.time()
        self.speed: float = float(speed)
        self.anchor: Anchor = anchor or Anchor(real=now, shown=now)

    def time(self) -> float:
        return self.anchor.shown + (time.time() - self.anchor.real) * self.speed

    def monotonic(self) -> float:
        return _sleepless() * self.speed

    @property
    def boot_id(self) -> str:
        return _boot_id() and f"{_boot_id()}*{self.speed:g}"

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        delay = max(0.0, when - self.monotonic()) / self.speed
        return asyncio.get_running_loop().call_later(delay, callback)


_IDLE_TURNS = 64
"""Turns of the event loop without a new timer after which everybody is taken to wait."""

_QUIET = _IDLE_TURNS // 2
"""What a turn counts in which nobody else had anything to do."""

_THREAD_POLL = 0.0005
"""Real seconds between two looks while a worker thread runs."""


class _Unseen(threading.local):
    """How much work of this thread's event loop is under way that no clock sees."""

    count = 0


_unseen = _Unseen()


@contextmanager
def unseen_work() -> Generator[None]:
    """Clocks that jump stand still inside: something is awaited that they cannot see.

    Such as the answer of a database. It is for what is short and whose clock is not at hand.
    """
    _unseen.count += 1
    try:
        yield
    finally:
        _unseen.count -= 1


@dataclass(slots=True)
class _Alarm:
    callback: Callable[[], object] | None

    def cancel(self) -> None:
        self.callback = None


class JumpingClock(Clock):
    """Stands still while anybody works; jumps to the next alarm when everybody waits.

    Meant for clients and sandboxes in one event loop without sockets between them: bytes on
    their way through a socket cannot be seen, so the clock would jump too early; `hold` it
    meanwhile. Worker threads started through anyio are seen and waited for, and so are the
    statements of this library to PostgreSQL.

    Args:
        start: What it shows in the beginning, in seconds since the epoch; unless said, 08:00 UTC on
            15 January 2027.
    """

    speed: float = math.inf

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._monotonic = 0.0
        self._start = start
        self._boot_id = secrets.token_hex(8)
        self._alarms: list[tuple[float, int, _Alarm]] = []
        self._ids = itertools.count()
        self._activity = 0
        self._holds = 0
        self._watched: asyncio.AbstractEventLoop | None = None
        self._start_of_watch: asyncio.Task[None] | None = None

    def time(self) -> float:
        return self._start + self._monotonic

    def monotonic(self) -> float:
        return self._monotonic

    @property
    def boot_id(self) -> str:
        return self._boot_id

    @contextmanager
    def hold(self) -> Generator[None]:
        """Time stands still inside, whoever waits."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    def step_wall(self, seconds: float) -> None:
        """Move the wall clock alone, as an administrator or a time server does.

        Args:
            seconds: How far; back, if negative.
        """
        self._start += seconds

    def advance(self, seconds: float) -> None:
        """Move both clocks by hand; alarms that are due ring.

        Where you can wait, `await clock.sleep(seconds)` does it with all that happens meanwhile.

        Args:
            seconds: How far.

        Raises:
            ValueError: They would go back.
        """
        if seconds < 0:
            raise ValueError("time does not go back")
        target = self._monotonic + seconds
        while self._alarms and self._alarms[0][0] <= target:
            self._ring()
        self._monotonic = target

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        alarm = _Alarm(callback)
        heapq.heappush(self._alarms, (when, next(self._ids), alarm))
        self._activity += 1
        loop = asyncio.get_running_loop()
        if self._watched is not loop:
            self._watched = loop
            self._start_of_watch = loop.create_task(self._begin_watch(loop))
        return alarm

    async def _begin_watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ask for the limiter of threads, of which anyio with sniffio tells tasks only."""
        threads = anyio.to_thread.current_default_thread_limiter()
        self._watch(loop, threads, self._activity, 0)

    def _watch(
        self,
        loop: asyncio.AbstractEventLoop,
        threads: anyio.CapacityLimiter,
        activity: int,
        idle: int,
    ) -> None:
        """Count idle turns of the loop; ring when there were enough."""
        while self._alarms and self._alarms[0][2].callback is None:
            heapq.heappop(self._alarms)
        if not self._alarms or self._watched is not loop:
            self._watched = None if self._watched is loop else self._watched
            return
        if self._holds or _unseen.count or threads.borrowed_tokens:
            loop.call_later(_THREAD_POLL, self._watch, loop, threads, self._activity, 0)
            return
        idle = idle + (_QUIET if _is_quiet(loop) else 1) if activity == self._activity else 0
        if idle >= _IDLE_TURNS:
            self._ring()
            idle = 0
        loop.call_soon(self._watch, loop, threads, self._activity, idle)

    def _ring(self) -> None:
        when, _, alarm = heapq.heappop(self._alarms)
        if alarm.callback is None:
            return
        self._monotonic = max(self._monotonic, when)
        callback, alarm.callback = alarm.callback, None
        callback()


def _is_quiet(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether no callback but the running one is ready; only asyncio's own loops tell."""
    ready: Sized | None = getattr(loop, "_ready", None)
    return ready is not None and not ready
