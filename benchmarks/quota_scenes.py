"""Circumstances of a run of this client, and what was possible in them at best.

A `Scene` says what may happen, a `Fate` when it happens in one run: the same seed gives the same
others, interactive calls and troubles whatever the client does, so that two policies can be
compared run by run. `best_of` is the optimum, a `Result` what the run came to.
"""

from __future__ import annotations

import itertools
import math
import random
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from world import HOUR, arrivals, one_way, optimum, polite_optimum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from world import Storage

    from postiz_async._sandbox.throttle import Throttle

LIMIT = 30
WORKERS = 50
AT_ONCE = 1.5
"""An interactive call that is done within so many seconds went at once."""
LATE = 90.0
"""Seconds before the end of a window in which the calls of `Scene.at_window_ends` come."""
CRASHES = 420.0
"""Seconds from one crash to the next in a crash loop."""
NAP = 2 * HOUR
FIRST_CALLS = 5.0
"""Seconds in which nobody has used up a window: a nap that begins in them takes it all."""


# ------------------------------------------------------------------ what a run came to


@dataclass
class Result:
    """What one run came to."""

    optimum: float
    makespan: float | None
    """None: it was stopped."""
    refusals: int
    blocked: float
    """Seconds in which the organisation was locked out."""
    waits: list[float] = field(default_factory=list[float])
    """Seconds that the interactive calls took."""
    others: int = 0
    others_refused: int = 0
    """Calls of others, and those of them that were refused when they first came."""
    doubled: int = 0

    @property
    def ratio(self) -> float:
        """Makespan over optimum; a job within one window is measured against the window."""
        if self.makespan is None:
            return math.inf
        return 1 + (self.makespan - self.optimum) / max(self.optimum, HOUR)

    @property
    def utilisation(self) -> float:
        return 1 / self.ratio

    @property
    def at_once(self) -> float:
        """Share of the interactive calls that went at once."""
        return statistics.fmean(wait <= AT_ONCE for wait in self.waits) if self.waits else math.nan


def patience(best: float) -> float:
    """Seconds after which a run is stopped."""
    return 4 * best + 12 * HOUR


def blocked_seconds(refused_at: Iterable[float], end: float, length: float = HOUR) -> float:
    """Seconds of the lock-outs up to `end`; each begins with a refusal and takes `length`."""
    total, until = 0.0, -math.inf
    for moment in refused_at:
        if moment >= until:
            until = moment + length
            total += min(until, end) - moment
    return total


# ------------------------------------------------------------------ calls of others


class Traffic(Protocol):
    """Calls at random moments."""

    def moments(self, dice: random.Random, until: float) -> list[float]:
        """Seconds from the start, ascending; a moment is there once for each call."""
        ...


@dataclass(frozen=True)
class Steady:
    """Calls that know nothing of each other, `rate` an hour."""

    rate: float

    def moments(self, dice: random.Random, until: float) -> list[float]:
        return list(arrivals(self.rate, dice, until))


@dataclass(frozen=True)
class Bursts:
    """`size` calls at once, so often a day, each time at any moment of its share of the day."""

    size: int
    a_day: int

    def moments(self, dice: random.Random, until: float) -> list[float]:
        share = 24 * HOUR / self.a_day
        starts = (number * share for number in range(math.ceil(until / share)))
        bursts = [start + dice.uniform(0, share) for start in starts]
        return [burst for burst in bursts for _ in range(self.size)]


def moments_of(traffic: Sequence[Traffic], dice: random.Random, until: float) -> list[float]:
    return sorted(moment for each in traffic for moment in each.moments(dice, until))


# ------------------------------------------------------------------ the circumstances


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The circumstances of a run of this client."""

    creates: int
    limit: int = LIMIT
    storage: Storage = "redis"
    stripped: bool = False
    """A proxy takes the rate headers away."""
    counter: Callable[[random.Random], Throttle] | None = None
    """Makes an odd counter in the place of that of `storage`."""
    window: float = HOUR
    """Seconds of the window of `counter`, and of its lock-outs."""
    limits: tuple[tuple[float, int], ...] = ()
    """Hours from the start at which the limit changes, give or take 24 minutes, and to what."""
    server_restarts: float = 0.0
    """How often an hour the server's counter is emptied."""

    workers: int = WORKERS
    reserve: int | None = None
    learnt: int | None = None
    """A limit that the client met two hours before."""
    used: int = 0
    """Requests of somebody else in the window that began ten minutes before the start."""
    others: tuple[Traffic, ...] = ()
    """Clients that we cannot see."""
    rude: bool = False
    """They try again each minute until they are let in."""
    interactive: tuple[Traffic, ...] = ()
    at_window_ends: int = 0
    """Interactive calls within the last `LATE` seconds of each window."""

    lost: float = 0.0
    """Share of the calls that get no answer; half of them reach the server."""
    way: Callable[[random.Random], float] = one_way
    """Seconds to the server, or back."""
    store_delay: Callable[[random.Random], float] | None = None
    """Seconds that the store takes for an answer; the state is shared then."""
    a_minute: int | None = None
    """Requests that a gateway lets through from our address in a minute."""
    deploys: float = 0.0
    """How often an hour a gateway answers 503 for some minutes, because the server is deployed."""
    pages: bool = False
    """A gateway puts a page in the place of each 429."""
    drift: float = 0.0
    wall_step: float = 0.0
    wall_ahead: float = 0.0
    """Seconds by which our wall clock is ahead of the server's."""
    naps: str | None = None
    """The machine sleeps twice for `NAP`, and its monotonic clock `stops` or `goes on`."""
    restarts: tuple[float, ...] = ()
    crash_loop: bool = False
    """The process is killed each `CRASHES` seconds."""
    keeps_state: bool = True
    processes: int = 1
    alien: bool = False
    """The processes share nothing."""
    stands_still: bool = False
    """The last process does, twice for an hour, the first time amidst its first calls."""

    @property
    def shares(self) -> bool:
        """Whether the state is in a store."""
        if self.restarts or self.crash_loop:
            return self.keeps_state
        return (self.processes > 1 and not self.alien) or self.store_delay is not None

    @property
    def horizon(self) -> float:
        """Seconds after which nothing new is planned."""
        return patience(3 * optimum(self.creates, self.limit) * self.window / HOUR)


@dataclass(frozen=True)
class Fate:
    """What happens in one run whatever the client does, in seconds from the start."""

    others: list[float]
    interactive: list[float]
    limits: list[tuple[float, int]]
    server_restarts: list[float]
    naps: list[tuple[float, float]]
    deploys: list[tuple[float, float]]
    stops: list[tuple[float, float]]


def stream(seed: int, what: str) -> random.Random:
    """Chance for one purpose."""
    return random.Random(f"{what} {seed}")


def fate_of(scene: Scene, seed: int) -> Fate:
    until, dice = scene.horizon, stream(seed, "trouble")
    naps = []
    if scene.naps:
        # one amidst the first calls, the other at any time of the third window or its pause
        naps = [(dice.uniform(0.3, 1.5), NAP), (NAP + dice.uniform(1.2, 2.2) * HOUR, NAP)]
    stops = []
    if scene.stands_still:
        stops = [(dice.uniform(0.3, 1.5), HOUR), (dice.uniform(2.0, 5.0) * HOUR, HOUR)]
    deploys = stream(seed, "deploys")
    return Fate(
        others=moments_of(scene.others, stream(seed, "others"), until),
        interactive=moments_of(scene.interactive, stream(seed, "interactive"), until),
        limits=[((hour + dice.uniform(-0.4, 0.4)) * HOUR, limit) for hour, limit in scene.limits],
        server_restarts=list(arrivals(scene.server_restarts, dice, until)),
        naps=naps,
        deploys=[(m, deploys.uniform(30, 180)) for m in arrivals(scene.deploys, deploys, until)],
        stops=stops,
    )


# ------------------------------------------------------------------ what was possible


def best_of(scene: Scene, fate: Fate) -> float:
    """Seconds from the first create to the last of somebody who knows what is to come.

    In windows and in a log alike, k hours and a moment allow (k + 1) times the limit. Of odd
    counters one server's limit counts: to use more is a bet on which one a call meets.
    """
    if scene.used:
        left = scene.creates - (scene.limit - scene.used)
        return 0.0 if left <= 0 else 3000.0 + optimum(left, scene.limit)
    if fate.limits:
        return optimum_of_limits(scene.creates, [(0.0, scene.limit), *fate.limits])
    if fate.naps:
        return optimum_asleep(scene.creates, scene.limit, fate.naps)
    if scene.at_window_ends:
        return optimum_beside(scene.creates, scene.limit, scene.at_window_ends)
    if taken := sorted([*fate.others, *fate.interactive]):
        return polite_optimum(scene.creates, scene.limit, taken)
    return optimum(scene.creates, scene.limit) * scene.window / HOUR


def optimum_beside(creates: int, limit: int, each: int) -> float:
    """Beside so many calls at the end of each window: the last window is not theirs yet."""
    return max(0, math.ceil((creates - limit) / (limit - each))) * HOUR


def optimum_of_limits(creates: int, limits: Sequence[tuple[float, int]]) -> float:
    """With limits that change: a window allows the most of those that hold in it."""
    for window in itertools.count():
        start, end = window * HOUR, (window + 1) * HOUR
        now = [limit for moment, limit in limits if moment <= start][-1]
        if creates <= now:
            return start
        rises = [(moment, limit) for moment, limit in limits if start < moment < end]
        for moment, limit in rises:
            if creates <= limit:
                return moment
        creates -= max([now, *(limit for _, limit in rises)])
    raise AssertionError


def optimum_asleep(creates: int, limit: int, naps: Sequence[tuple[float, float]]) -> float:
    """With naps: a window opens when the last one is over and the machine is, and stays, awake."""
    moment = 0.0
    while True:
        for start, length in naps:
            if start - FIRST_CALLS < moment < start + length:
                moment = start + length
        creates -= limit
        if creates <= 0:
            return moment
        moment += HOUR
