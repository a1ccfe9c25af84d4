"""The scenes in which the policy is judged, and what has to hold in each."""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

from quota_play import play, play_killed, play_pool
from quota_scenes import AT_ONCE, Bursts, Scene, Steady
from world_troubles import AlternatingThrottle, LyingThrottle, ReplicaThrottle

from postiz_async._sandbox.throttle import Throttle

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from quota_scenes import Result
    from world import Storage


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What has to hold in a scene. Nothing is ever stored twice."""

    utilisation: float = 0.995
    refusals: float = 0
    """429s of ours in a run, at most."""
    blocked: float = math.inf
    """Hours of lock-outs in a run, at most."""
    others_refused: float = 1.0
    at_once: float = 0.0
    p95: float = math.inf
    """Seconds that 95 of 100 interactive calls take at most."""
    with_any_seed: bool = True
    """Else it holds for the means over many seeds."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A scene and its gate."""

    name: str
    scene: Scene
    gate: Gate = field(default_factory=Gate)
    note: str = ""
    greedy: bool = False
    """The optimum is what this client does when it holds nothing back."""
    play: Callable[[Scene, int], Result] = play

    def run(self, seed: int) -> Result:
        result = self.play(self.scene, seed)
        if not self.greedy:
            return result
        greedy = self.play(replace(self.scene, reserve=0), seed)
        return replace(result, optimum=greedy.makespan or math.inf)


@dataclass(frozen=True)
class Summary:
    """What runs of one case came to together; shares are NaN where there is nothing to share."""

    utilisation: float
    least: float
    refusals: float
    blocked: float
    """429s of ours and hours of lock-outs, in one run."""
    others_refused: float
    at_once: float
    p95: float
    doubled: int


def summary_of(results: Sequence[Result]) -> Summary:
    used = [result.utilisation for result in results]
    waits = sorted(wait for result in results for wait in result.waits)
    others = sum(result.others for result in results)
    refused = sum(result.others_refused for result in results)
    return Summary(
        utilisation=statistics.fmean(used),
        least=min(used),
        refusals=statistics.fmean(result.refusals for result in results),
        blocked=statistics.fmean(result.blocked for result in results) / 3600,
        others_refused=refused / others if others else math.nan,
        at_once=statistics.fmean(wait <= AT_ONCE for wait in waits) if waits else math.nan,
        p95=waits[math.ceil(0.95 * len(waits)) - 1] if waits else math.nan,
        doubled=sum(result.doubled for result in results),
    )


def missed(gate: Gate, results: Sequence[Result]) -> list[str]:
    """What of a gate does not hold, in words."""
    if gate.with_any_seed:
        return list(dict.fromkeys(text for each in results for text in _missed(gate, [each])))
    return _missed(gate, results)


def _missed(gate: Gate, results: Sequence[Result]) -> list[str]:
    came = summary_of(results)
    faults = {
        f"utilisation < {gate.utilisation}": came.utilisation < gate.utilisation,
        f"429s > {gate.refusals}": came.refusals > gate.refusals,
        f"blocked > {gate.blocked} h": came.blocked > gate.blocked + 1e-6,
        f"others refused > {gate.others_refused:.0%}": came.others_refused > gate.others_refused,
        f"at once < {gate.at_once:.0%}": came.at_once < gate.at_once,
        f"p95 > {gate.p95:.0f} s": came.p95 > gate.p95,
        "stored twice": came.doubled > 0,
    }
    return [text for text, is_missed in faults.items() if is_missed]


# ------------------------------------------------------------------ the cases

MANY, MORE = Scene(creates=300), Scene(creates=1000)
UNSEEN = Gate(utilisation=0.70, refusals=1.5, blocked=1.5, others_refused=0.20, with_any_seed=False)
FREE = Gate(utilisation=0.0, refusals=math.inf, with_any_seed=False)
"""Nothing has to hold; it is only printed."""


def cases(*, full: bool) -> list[Case]:
    return [
        *_alone(full=full),
        *_crashes(),
        *_without_windows(),
        *_beside_others(),
        *_interactive(),
        *_servers(),
        *_liars(),
        *_gateways(),
        *_machines(),
    ]


def _alone(*, full: bool) -> Iterator[Case]:
    sizes = (30, 100, 300, 1000) if full else (30, 300)
    for size, limit, workers in itertools.product(sizes, (30, 90), (1, 50)):
        scene = Scene(creates=size, limit=limit, workers=workers)
        yield Case(name=f"alone, N {size}, limit {limit}, {workers} workers", scene=scene)
    yield Case(name="alone, limit 1, N 10", scene=Scene(creates=10, limit=1))
    yield Case(name="alone, limit 2, N 20", scene=Scene(creates=20, limit=2))
    yield Case(name="believed 30, is 90", scene=replace(MANY, limit=90, learnt=30))
    yield Case(name="believed 90, is 30", scene=replace(MANY, learnt=90))
    yield Case(name="20 of 30 used at the start", scene=replace(MANY, used=20))
    yield Case(
        name="30 of 30 used at the start",
        scene=replace(MANY, used=30),
        gate=Gate(utilisation=0.90, refusals=1, blocked=1.0),
        note="there is no free look: one block",
    )
    yield Case(
        name="2 % lost",
        scene=replace(MANY, lost=0.02),
        gate=Gate(utilisation=0.90, with_any_seed=False),
        note="no answer tells whether the last request of a window arrived; if it did not, "
        "the slot costs a window (0.8994): 10 windows at 1 % each hold in 0.90 of all seeds",
    )

    yield Case(
        name="20 % lost, limit 10, N 60",
        scene=Scene(creates=60, limit=10, lost=0.2),
        gate=Gate(utilisation=0.80, with_any_seed=False),
    )


def _crashes() -> Iterator[Case]:
    yield Case(
        name="killed four times, state kept",
        scene=replace(MANY, restarts=(1000.0, 5000.0, 7201.0, 14000.0)),
    )
    loop = replace(MANY, crash_loop=True)
    yield Case(name="crash loop, state kept", scene=loop, gate=Gate(utilisation=0.99))
    yield Case(
        name="crash loop with calls in flight, keys and state kept",
        scene=MANY,
        gate=Gate(utilisation=0.99),
        play=play_killed,
    )
    yield Case(
        name="crash loop, without state",
        scene=replace(loop, keeps_state=False),
        gate=Gate(utilisation=0.89),
    )
    yield Case(
        name="pool, the other organisation in a crash loop",
        scene=MANY,
        play=play_pool,
    )
    yield Case(name="4 processes that share the state", scene=replace(MORE, processes=4))
    yield Case(
        name="(no gate) 4 processes that share nothing",
        scene=replace(MANY, processes=4, alien=True),
        gate=FREE,
    )


def _without_windows() -> Iterator[Case]:
    storages: tuple[Storage, ...] = ("redis", "memory")
    for storage, scene in itertools.product(storages, (MANY, MORE)):
        yield Case(
            name=f"no rate headers, {storage}, N {scene.creates}",
            scene=replace(scene, storage=storage, stripped=True),
            gate=Gate(utilisation=0.985),
        )
    yield Case(
        name="no rate headers, interactive 4/h",
        scene=replace(MANY, stripped=True, interactive=(Steady(4.0),)),
        gate=Gate(utilisation=0.90, at_once=0.90, with_any_seed=False),
    )
    many, more = replace(MANY, storage="memory"), replace(MORE, storage="memory")
    yield Case(
        name="in-memory, N 300",
        scene=many,
        gate=Gate(utilisation=0.89),
        note="one held first window at most",
    )
    yield Case(name="in-memory, N 1000", scene=more, gate=Gate(utilisation=0.99))
    yield Case(
        name="in-memory, interactive 4/h",
        scene=replace(many, interactive=(Steady(4.0),)),
        gate=Gate(utilisation=0.90, at_once=0.90, with_any_seed=False),
    )
    yield Case(
        name="in-memory, the server restarts each 2 h",
        scene=replace(many, server_restarts=0.5),
        gate=Gate(utilisation=0.89, with_any_seed=False),
        note="one held first window at most: an empty counter is none",
    )
    yield Case(
        name="in-memory, another client, 5/h",
        scene=replace(many, others=(Steady(5.0),)),
        gate=Gate(utilisation=0.75, refusals=2, blocked=1.0, with_any_seed=False),
        note="politeness costs throughput in a log",
    )

    yield Case(
        name="in-memory, another client, 2/h, interactive 2/h",
        scene=replace(more, others=(Steady(2.0),), interactive=(Steady(2.0),)),
        gate=Gate(
            utilisation=0.84,
            refusals=2,
            blocked=1.0,
            others_refused=0.05,
            at_once=0.95,
            with_any_seed=False,
        ),
    )


def _beside_others() -> Iterator[Case]:
    quiet = Gate(utilisation=0.90, refusals=2, others_refused=0.05, with_any_seed=False)
    yield Case(
        name="another client, 5/h, N 300",
        scene=replace(MANY, others=(Steady(5.0),)),
        gate=quiet,
        note="the last slot of each window is left to the other; ten of them can cost a window",
    )
    yield Case(
        name="another client, 5/h, N 1000",
        scene=replace(MORE, others=(Steady(5.0),)),
        gate=replace(quiet, utilisation=0.95),
        note="the last slot of 25 a window is left to the other",
    )
    yield Case(
        name="another client, 10/h, N 300",
        scene=replace(MANY, others=(Steady(10.0),)),
        gate=replace(quiet, utilisation=0.85),
    )
    yield Case(
        name="another client, 15/h, limit 90, N 1000",
        scene=replace(MORE, limit=90, others=(Steady(15.0),)),
        gate=replace(quiet, utilisation=0.93),
    )
    yield Case(
        name="another client, 1/h, limit 5, N 50",
        scene=Scene(creates=50, limit=5, others=(Steady(1.0),)),
        gate=replace(quiet, utilisation=0.60),
    )
    yield Case(
        name="two quiet clients, 1/h each, N 1000",
        scene=replace(MORE, others=(Steady(1.0), Steady(1.0))),
        gate=replace(quiet, utilisation=0.96, refusals=1, blocked=0.5),
    )
    yield Case(
        name="another, 12 at once, twice a day, N 1000",
        scene=replace(MORE, others=(Bursts(12, 2),)),
        gate=replace(quiet, utilisation=0.96, blocked=1.5, others_refused=0.20),
    )
    yield Case(
        name="a rude neighbour, 2/h, N 1000",
        scene=replace(MORE, others=(Steady(2.0),), rude=True),
        gate=replace(quiet, utilisation=0.95, blocked=1.0),
        note="refused, it tries again each minute and so can lock everybody out for ever",
    )
    yield Case(
        name="a rude neighbour, 1/h, limit 5, N 50",
        scene=Scene(creates=50, limit=5, others=(Steady(1.0),), rude=True),
        gate=replace(quiet, utilisation=0.60, blocked=1.0),
    )


def _interactive() -> Iterator[Case]:
    calls = (Steady(4.0),)
    yield Case(
        name="interactive calls, 4/h, against greedy",
        scene=replace(MANY, interactive=calls),
        gate=Gate(utilisation=0.99, at_once=0.90, p95=600.0, with_any_seed=False),
        greedy=True,
    )
    yield Case(
        name="interactive calls, 4/h, N 1000",
        scene=replace(MORE, interactive=calls),
        gate=Gate(utilisation=0.97, at_once=0.90, p95=600.0, with_any_seed=False),
    )
    yield Case(
        name="interactive calls, 1/h, N 305",
        scene=replace(MANY, creates=305, interactive=(Steady(1.0),)),
        gate=Gate(utilisation=0.99, at_once=0.90, with_any_seed=False),
        note="the tail of a job is done in the optimal window",
    )
    yield Case(
        name="10 interactive at once, thrice a day, N 1000",
        scene=replace(MORE, interactive=(Bursts(10, 3),)),
        gate=Gate(utilisation=0.95, p95=60.0, with_any_seed=False),
    )
    yield Case(
        name="5 interactive calls at each window's end",
        scene=replace(MANY, at_window_ends=5),
        gate=Gate(utilisation=0.90, at_once=0.85, with_any_seed=False),
    )


def _servers() -> Iterator[Case]:
    yield Case(
        name="the limit changes, 90 -> 30 -> 60",
        scene=replace(MANY, limit=90, limits=((0.5, 30), (3.5, 60))),
        gate=Gate(utilisation=0.70, refusals=5, blocked=1.0),
        note="a cut below what is used costs a lock-out, a rise is met with the next answer",
    )
    yield Case(
        name="answers of two limits in turn, 30 and 90",
        scene=replace(MANY, counter=lambda _: AlternatingThrottle((30, 90))),
        gate=Gate(utilisation=0.85, refusals=5, blocked=1.0, with_any_seed=False),
        note="one counter: the lower limit holds, which one lock-out tells",
    )
    yield Case(
        name="3 in-memory servers in turn",
        scene=replace(MANY, storage="memory", counter=lambda _: ReplicaThrottle(30, 3)),
        gate=Gate(utilisation=0.89),
        note="measured against one server's limit",
    )
    yield Case(
        name="3 in-memory servers at random",
        scene=replace(MANY, storage="memory", counter=lambda dice: ReplicaThrottle(30, 3, dice)),
        gate=Gate(utilisation=0.89, refusals=2, with_any_seed=False),
        note="measured against one server's limit",
    )
    yield Case(
        name="slow answers, 2 to 25 s",
        scene=replace(MANY, way=lambda dice: dice.uniform(1, 12.5)),
        gate=Gate(utilisation=0.96),
    )


def _liars() -> Iterator[Case]:
    """Servers, or what stands before them, that tell what is not so."""
    for word in ("0", "1", "5", "86400"):
        yield Case(
            name=f"all used at the start, Retry-After {word}",
            scene=replace(MANY, used=30, counter=_telling(used=30, retry_after=word)),
            gate=Gate(utilisation=0.89, refusals=30, blocked=1.0),
        )
    yield Case(
        name="all used at the start, Retry-After 0, in a page",
        scene=replace(MANY, used=30, pages=True, counter=_telling(used=30, retry_after="0")),
        gate=Gate(utilisation=0.89, refusals=30, blocked=1.0),
    )
    still = replace(MANY, counter=_telling(x_ratelimit_remaining="30"))
    yield Case(name="Remaining is always the limit", scene=still)
    yield Case(
        name="Remaining is always 29",
        scene=replace(MANY, counter=_telling(x_ratelimit_remaining="29")),
    )
    bare = replace(MANY, stripped=True)
    for what, scene in {"Remaining is always the limit": still, "no rate headers": bare}.items():
        for rate in (2, 3, 5):
            yield Case(
                name=f"{what}, another client, {rate}/h",
                scene=replace(scene, others=(Steady(float(rate)),)),
                gate=UNSEEN,
                note="a lock-out tells that others are there, and no answer how many they are",
            )
    yield Case(
        name="Reset and Retry-After are moments, our clock is 1 h ahead",
        scene=replace(MANY, counter=_moments, wall_ahead=3600.0),
        gate=Gate(utilisation=0.98),
    )
    yield Case(
        name="Reset and Retry-After are moments, another client, 3/h",
        scene=replace(MANY, counter=_moments, wall_ahead=-1800.0, others=(Steady(3.0),)),
        gate=Gate(utilisation=0.90, refusals=2, with_any_seed=False),
    )
    yield Case(
        name="the limit changes, 30 -> 90 -> 30 -> 90 -> 30, another client, 2/h",
        scene=replace(
            MORE,
            others=(Steady(2.0),),
            limits=((4.0, 90), (8.0, 30), (12.0, 90), (16.0, 30)),
        ),
        gate=Gate(utilisation=0.82, refusals=10, with_any_seed=False),
    )
    hidden: Mapping[str, None]
    for words, hidden in (("", {}), (", no Retry-After", {"retry_after": None})):
        yield Case(
            name=f"a window of 3 h, no rate headers{words}",
            scene=replace(
                MANY,
                window=3 * 3600.0,
                stripped=True,
                counter=_telling(3 * 3600.0, used=0, **hidden),
            ),
            gate=Gate(utilisation=0.80, refusals=40, blocked=6.0),
            note="two lock-outs, of three hours each, teach it",
        )
    yield Case(
        name="a window of 20 minutes",
        scene=replace(MANY, window=1200.0, counter=_telling(1200.0)),
        gate=Gate(utilisation=0.99),
    )


def _telling(
    window: float = 3600.0, *, used: int = 0, **headers: str | None
) -> Callable[[random.Random], Throttle]:
    """A counter whose answers have these values in the place of the true ones; None: not at all.

    Args:
        window: its length in seconds.
        used: hits of somebody else ten minutes before the start.
        headers: by their names in lower case, with underscores.
    """

    def tell(told: Mapping[str, str], _: float) -> Mapping[str, str]:
        new = {name: headers.get(name.lower().replace("-", "_"), told[name]) for name in told}
        return {name: text for name, text in new.items() if text is not None}

    return lambda _: LyingThrottle(Throttle(30, window), tell, used=used)


def _moments(_: random.Random) -> Throttle:
    """A counter that names moments of the server's clock where others name seconds."""

    def tell(told: Mapping[str, str], now: float) -> Mapping[str, str]:
        new = dict(told)
        if "Retry-After" in new:
            new["Retry-After"] = format_datetime(moment_after(now, new["Retry-After"]), usegmt=True)
        if "X-RateLimit-Reset" in new:
            new["X-RateLimit-Reset"] = str(
                int(moment_after(now, new["X-RateLimit-Reset"]).timestamp())
            )
        return new

    def moment_after(now: float, seconds: str) -> datetime:
        return datetime.fromtimestamp(math.ceil(1_800_000_000 + now + int(seconds)), UTC)

    return LyingThrottle(Throttle(30), tell)


def _gateways() -> Iterator[Case]:
    """What stands between us and the server."""
    yield Case(
        name="a gateway lets 10 requests a minute through",
        scene=replace(MANY, a_minute=10),
        gate=Gate(utilisation=0.98),
    )
    yield Case(
        name="deploys that answer 503, six a day",
        scene=replace(MANY, deploys=0.25),
        gate=Gate(utilisation=0.90, with_any_seed=False),
        note="50 workers lose a call each, and what was lost counts as spent: where a window "
        "begins in a deploy, that is all of it",
    )


def _machines() -> Iterator[Case]:
    yield Case(
        name="two processes share the state, one stands still",
        scene=replace(MANY, processes=2, stands_still=True),
        gate=Gate(utilisation=0.98, with_any_seed=False),
    )
    yield Case(name="wall clock set by an hour, to and fro", scene=replace(MANY, wall_step=3600.0))
    yield Case(name="clock 400 ppm fast", scene=replace(MANY, drift=4e-4))
    yield Case(name="clock 400 ppm slow", scene=replace(MANY, drift=-4e-4))
    yield Case(
        name="suspended twice, the clock stands still",
        scene=replace(MANY, naps="stops"),
        gate=Gate(utilisation=0.98, with_any_seed=False),
        note="what is held when the machine falls asleep is lost",
    )
    yield Case(
        name="suspended twice, the clock goes on",
        scene=replace(MANY, naps="goes on"),
        gate=Gate(utilisation=0.98, with_any_seed=False),
        note="what is held when the machine falls asleep is lost",
    )
    yield Case(
        name="1 of 100 answers of the store takes 20 s",
        scene=replace(MANY, store_delay=lambda dice: 20.0 if dice.random() < 0.01 else 0.0),
        gate=Gate(utilisation=0.98, with_any_seed=False),
    )
    yield Case(
        name="slow store, 5 to 200 ms, two processes",
        scene=replace(MANY, processes=2, store_delay=lambda dice: dice.uniform(0.005, 0.2)),
        gate=Gate(utilisation=0.99),
    )
