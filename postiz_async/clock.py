"""Time as an object: the real clock, an accelerated one, and one that jumps.

Everything in the library that reads the time or waits does it through a `Clock`, so that a
test or a demo can let an hour pass in no time, and so that client and sandbox can share one
notion of now. Seconds everywhere, as floats.

* `SystemClock` is the real one.
* `AcceleratedClock` runs `speed` times as fast. It is fixed to the machine's wall clock by an
  anchor, so that two processes with the same anchor agree on the time.
* `JumpingClock` stands still while any task works. When all tasks wait, it jumps to the
  earliest moment that one of them waits for.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import secrets
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import anyio
import anyio.to_thread

from postiz_async._unseen import unseen


class Timer(Protocol):
    """A pending callback."""

    def cancel(self) -> None:
        """Cancel the callback; has no effect if it has already run."""
        ...


class Clock(ABC):
    """Tells the time and waits; the library uses no other source of time."""

    speed: float = 1.0
    """Seconds of this clock in one second of the event loop."""

    @property
    def boot_id(self) -> str:
        """An id of the machine's boot, after which `monotonic()` starts anew; empty if unknown.

        Clocks whose `monotonic()` cannot be compared have different ids.
        """
        return ""

    @abstractmethod
    def time(self) -> float:
        """Wall time in seconds since the epoch. May step; use it for dates and shared state."""

    @abstractmethod
    def monotonic(self) -> float:
        """Seconds that never step back, counted from an arbitrary moment."""

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
        """Wait for some seconds of this clock.

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
    """The machine's boot in which a clock's moments are valid; if unknown, an id of this process.

    A stored moment of `monotonic()` from another boot does not tell how long ago it was.
    """
    return clock.boot_id or _PROCESS


@cache
def _boot_id() -> str:
    """The id of the machine's current boot; empty if the system does not tell it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _sleepless_clock() -> Callable[[], float]:
    """A monotonic clock that also counts the time while the machine is suspended."""
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
    """A timer of the event loop that is set again until the clock has reached its moment."""

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
    """The connection between an accelerated clock and the machine's wall clock.

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
"""Turns of the event loop without a new timer after which all tasks are assumed to wait."""

_QUIET = _IDLE_TURNS // 2
"""The number of turns for which one counts if no other callback was ready."""

_THREAD_POLL = 0.0005
"""Real seconds between two checks while a worker thread of somebody else runs."""


@dataclass(slots=True)
class _Alarm:
    callback: Callable[[], object] | None

    def cancel(self) -> None:
        self.callback = None


class JumpingClock(Clock):
    """A clock that stands still while any task works, and jumps to the next timer when all wait.

    Meant for clients and sandboxes in one event loop without sockets between them: bytes on
    their way through a socket cannot be seen, so the clock would jump too early; `hold` it
    meanwhile. Worker threads started through anyio are seen and waited for, and so are the
    statements of this library to PostgreSQL.

    Args:
        start: The initial time, in seconds since the epoch; by default 08:00 UTC on 15 January
            2027.
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
        """Keep the time still in the block, even while all tasks wait."""
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
        """Move wall and monotonic time forward; timers that are due run.

        In async code, `await clock.sleep(seconds)` also runs everything that happens in between.

        Args:
            seconds: How far.

        Raises:
            ValueError: The time would go back.
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
        """Get the thread limiter in a task, as anyio with sniffio requires, and start watching."""
        threads = anyio.to_thread.current_default_thread_limiter()
        self._watch(loop, threads, self._activity, 0)

    def _watch(
        self,
        loop: asyncio.AbstractEventLoop,
        threads: anyio.CapacityLimiter,
        activity: int,
        idle: int,
    ) -> None:
        """Count idle turns of the loop; jump to the next timer after enough of them."""
        unseen.when_over = None
        while self._alarms and self._alarms[0][2].callback is None:
            heapq.heappop(self._alarms)
        if not self._alarms or self._watched is not loop:
            self._watched = None if self._watched is loop else self._watched
            return
        if self._holds or unseen.count or threads.borrowed_tokens:
            again = partial(self._watch, loop, threads, self._activity, 0)
            timer = loop.call_later(_THREAD_POLL, again)
            unseen.when_over = partial(_hasten, loop, timer, again)
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


def _hasten(
    loop: asyncio.AbstractEventLoop, timer: asyncio.TimerHandle, work: Callable[[], object]
) -> None:
    """Do in the loop's next turn what a timer would do later."""
    unseen.when_over = None
    timer.cancel()
    if not loop.is_closed():
        loop.call_soon(work)


def _is_quiet(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether no callback but the running one is ready; only asyncio's own loops tell."""
    ready: Sized | None = getattr(loop, "_ready", None)
    return ready is not None and not ready
