"""The benchmark of the quota's policy still plays, judges and switches statistics off."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from world import HOUR
from world_troubles import (
    AlternatingThrottle,
    Gateway,
    NappingClock,
    ReplicaThrottle,
    StandingTransport,
)

from postiz_async._wire import WireRequest, WireResponse
from postiz_async.clock import JumpingClock

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from quota_ablations import ABLATIONS
from quota_baselines import BASELINES, MIRRORS, baseline, can_play
from quota_cases import Case, Gate, cases, missed, summary_of
from quota_differences import MEASURES, difference
from quota_runs import HERE, Children, Run
from quota_scenes import (
    Bursts,
    Result,
    Scene,
    Steady,
    best_of,
    fate_of,
    optimum_asleep,
    optimum_beside,
    optimum_of_limits,
)

ALL = {case.name: case for case in cases(full=True)}


def result(makespan: float, **options: float) -> Result:
    return Result(9 * HOUR, makespan, 0, 0.0, **options)  # type: ignore[arg-type]


# ------------------------------------------------------------------ playing


@pytest.mark.parametrize("name", ["alone, N 30, limit 30, 50 workers", "alone, limit 2, N 20"])
def test_a_cheap_scene_keeps_its_gate(name: str) -> None:
    case = ALL[name]
    came = case.run(1)
    assert came.makespan is not None
    assert missed(case.gate, [came]) == []


def test_others_and_interactive_calls_are_counted() -> None:
    scene = Scene(creates=60, others=(Steady(5.0),), interactive=(Steady(5.0),))
    came = Case(name="", scene=scene).run(1)
    assert came.others > 0
    assert len(came.waits) > 0
    assert all(map(math.isfinite, came.waits))


@pytest.mark.parametrize(
    "name",
    [
        "crash loop, state kept",
        "suspended twice, the clock goes on",
        "two processes share the state, one stands still",
        "deploys that answer 503, six a day",
    ],
)
def test_trouble_stops_nobody(name: str) -> None:
    case = ALL[name]
    came = replace(case, scene=replace(case.scene, creates=60)).run(1)
    assert came.makespan is not None
    assert came.doubled == 0


def test_a_child_plays_as_its_parent_does_and_without_a_statistic() -> None:
    name = "alone, limit 2, N 20"
    without = next(iter(ABLATIONS))
    with Children(HERE, jobs=1) as children:
        mine, other = (
            run.result() for run in children.start([Run(name, 3), Run(name, 3, without)])
        )
    assert mine == ALL[name].run(3)
    assert other.makespan is not None


def test_a_checkout_without_the_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="has no postiz_async"), Children(tmp_path, jobs=1):
        pass


@pytest.mark.parametrize("name", ABLATIONS)
def test_what_an_ablation_patches_is_there(name: str) -> None:
    with ABLATIONS[name]():
        assert ALL["alone, limit 1, N 10"].run(1).makespan is not None


# ------------------------------------------------------------------ beside libraries


@pytest.mark.parametrize("name", [*MIRRORS, *BASELINES])
def test_a_baseline_plays_the_scenes_that_it_can_meet(name: str) -> None:
    if name in BASELINES and not BASELINES[name].is_there:
        pytest.skip("the library is not installed")
    scene = Scene(creates=20, limit=15, interactive=(Steady(2.0),))
    assert can_play(scene)
    came = baseline(name, scene, 1)
    assert came.optimum <= HOUR
    assert came.makespan is None or came.makespan >= HOUR


def test_a_mirror_is_refused_where_others_come_into_a_full_window() -> None:
    scene = Scene(creates=50, limit=5, others=(Steady(1.0),))
    alone, beside = (baseline("mirror", each, 1) for each in (replace(scene, others=()), scene))
    assert (alone.refusals, alone.blocked) == (0, 0)
    assert beside.others_refused == beside.others > 0
    assert beside.blocked > 0


def test_a_baseline_cannot_be_killed() -> None:
    assert not can_play(Scene(creates=20, restarts=(60.0,)))


# ------------------------------------------------------------------ judging


def test_names_are_unique() -> None:
    assert len(ALL) == len(cases(full=True))


def test_a_gate_holds_for_each_seed_or_for_the_mean() -> None:
    runs = [result(9 * HOUR), result(10 * HOUR)]
    assert missed(Gate(utilisation=0.95), runs) == ["utilisation < 0.95"]
    assert missed(Gate(utilisation=0.94, with_any_seed=False), runs) == []


def test_others_are_shared_out_over_all_runs() -> None:
    runs = [result(HOUR, others=1, others_refused=1), result(HOUR, others=9, others_refused=0)]
    assert summary_of(runs).others_refused == pytest.approx(0.1)


def test_only_a_difference_that_is_more_than_chance_counts() -> None:
    used = MEASURES[0]
    before = [result(9 * HOUR) for _ in range(10)]
    once = [result(10 * HOUR), *before[1:]]
    always = [result(10 * HOUR) for _ in before]
    assert difference(used, before, before) is None
    assert difference(used, before, once) is None
    assert difference(used, before, always) == pytest.approx(-0.1)


# ------------------------------------------------------------------ the optimum


def test_the_same_seed_gives_the_same_fate() -> None:
    scene = Scene(creates=90, others=(Bursts(3, 8),), server_restarts=1.0, limits=((0.5, 10),))
    assert fate_of(scene, 5) == fate_of(scene, 5)
    assert fate_of(scene, 5) != fate_of(scene, 6)


def test_used_slots_cost_the_rest_of_their_window() -> None:
    scene = Scene(creates=50, used=20)
    assert best_of(scene, fate_of(scene, 1)) == 3000 + HOUR


def test_the_last_window_is_not_shared_yet() -> None:
    assert optimum_beside(30, 30, 5) == 0
    assert optimum_beside(55, 30, 5) == HOUR
    assert optimum_beside(56, 30, 5) == 2 * HOUR


def test_a_window_allows_the_most_of_the_limits_in_it() -> None:
    limits = [(0.0, 90), (1800.0, 30), (2.5 * HOUR, 60)]
    assert optimum_of_limits(90, limits) == 0
    assert optimum_of_limits(120, limits) == HOUR
    assert optimum_of_limits(180, limits) == 2.5 * HOUR


def test_no_window_opens_in_a_nap_or_just_before_one() -> None:
    assert optimum_asleep(60, 30, [(1800.0, 7200.0)]) == 9000
    assert optimum_asleep(60, 30, [(1.0, 7200.0)]) == 7201 + HOUR
    assert optimum_asleep(60, 30, [(1800.0, 60.0)]) == HOUR


# ------------------------------------------------------------------ trouble


def test_servers_in_turn_each_count_their_own() -> None:
    throttle = ReplicaThrottle(2, replicas=3)
    assert [throttle.hit("key", 0.0).allowed for _ in range(9)] == [True] * 6 + [False] * 3


def test_one_counter_of_two_limits_locks_out_by_the_lower() -> None:
    throttle = AlternatingThrottle((2, 9))
    verdicts = [throttle.hit("key", 0.0) for _ in range(4)]
    assert [dict(verdict.headers).get("X-RateLimit-Limit") for verdict in verdicts] == [
        "2",
        "9",
        None,
        None,
    ]


@pytest.mark.parametrize(("stands_still", "woken"), [(True, 7600.0), (False, 7201.0)])
async def test_no_timer_fires_in_a_nap(*, stands_still: bool, woken: float) -> None:
    base = JumpingClock()
    clock = NappingClock(base, [(1.0, 7200.0)], stands_still=stands_still)
    await clock.sleep(400)
    assert base.monotonic() == pytest.approx(woken, abs=1e-3)
    assert clock.monotonic() >= 400


class Open:
    """A way on which each request gets 200 at once."""

    def __init__(self) -> None:
        self.passed = 0

    async def send(self, _: WireRequest) -> WireResponse:
        self.passed += 1
        return WireResponse(200, {}, b"")

    async def aclose(self) -> None:
        """There is nothing to close."""


GET = WireRequest("GET", "http://sandbox.invalid/", (), None, None)


async def test_a_process_that_stands_still_gets_its_answer_later() -> None:
    base, way = JumpingClock(), Open()
    clock = NappingClock(base, [(1.0, 3600.0)], stands_still=False)
    await base.sleep(2)
    assert (await StandingTransport(way, clock).send(GET)).status == 200
    assert base.monotonic() == pytest.approx(3601)


async def test_a_gateway_refuses_what_is_too_much_for_a_minute() -> None:
    clock, way = JumpingClock(), Open()
    through = Gateway(clock, most=2).before(way)
    answers = [await through.send(GET) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    await clock.sleep(float(answers[-1].headers["retry-after"]))
    assert (await through.send(GET)).status == 200


async def test_a_gateway_answers_while_the_server_is_deployed() -> None:
    clock, way = JumpingClock(), Open()
    through = Gateway(clock, outages=[(0.0, 60.0)]).before(way)
    assert (await through.send(GET)).status == 503
    await clock.sleep(60)
    assert (await through.send(GET)).status == 200
    assert way.passed == 1
