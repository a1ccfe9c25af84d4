"""Policies for the hourly quota of creates, side by side, in virtual time.

Claim: this client, alone on its key, gets no 429, and on a server that counts in windows (since
v2.20.0) it is done within 0.5 % of the optimum. What holds beside others and in trouble is
printed, scene by scene, an x where the gate is missed; not every one holds. That processes take
fixed shares of a limit is not offered, so not measured.

Baselines in the same run: common limiters and retry loops, on the same model of the server, with
50 workers and a network of 0.2 s there and back on average. A run that takes longer than four
times the optimum and twelve hours is stopped. Then what a queued call weighs and what a decision
costs. Run:
python benchmarks/quota_policies.py                 (about a minute)
python benchmarks/quota_policies.py --full          (with 1,000 creates and more seeds)
python benchmarks/quota_policies.py --seed 7        (else a fresh seed, which is printed)
Only the scenes, which are played in a process for each core:
python benchmarks/quota_policies.py --list
python benchmarks/quota_policies.py --scenes crash --seeds 20
python benchmarks/quota_policies.py --seeds 20 --against ../before    (beside another checkout)
python benchmarks/quota_policies.py --seeds 20 --ablate               (what each rule brings)
python benchmarks/quota_policies.py --seeds 20 --libraries --scenes lim    (beside libraries)
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import math
import os
import re
import secrets
import statistics
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from figures import Figure, note, skip
from quota_baselines import BASELINES, MIRRORS, baseline, can_play

# after quota_scenes, which knows the way to the tests
from quota_cases import Case, cases, missed, summary_of
from quota_costs import print_costs
from quota_differences import ablate, compare_with
from quota_play import play
from quota_runs import HERE, Children, Run
from quota_scenes import Scene, Steady

if TYPE_CHECKING:
    from quota_cases import Summary
    from quota_scenes import Result
    from world import Storage

# ------------------------------------------------------------------ the scenes


def judge(chosen: list[Case], seeds: range, jobs: int) -> None:
    """The gates of the policy, each with all seeds."""
    print(
        f"{len(seeds)} runs of each scene: utilisation (mean, least), 429s of ours and hours of "
        f"lock-outs in a run,\nshare of others' calls that were refused, interactive calls: share "
        f"at once and p95, stored twice\n"
        f"{'scene':46}   mean  least   429s blocked others at once      p95  2x"
    )
    notes: list[str] = []
    with Children(HERE, jobs) as children:
        futures = [children.start([Run(case.name, seed) for seed in seeds]) for case in chosen]
        for case, runs in zip(chosen, futures, strict=True):
            results = [run.result() for run in runs]
            came, faults = summary_of(results), missed(case.gate, results)
            print(
                f"{case.name:46} {came.utilisation:.4f} {came.least:.4f} {came.refusals:6.2f} "
                f"{came.blocked:5.2f} h {_share(came.others_refused):>6} {_share(came.at_once):>7} "
                f"{_seconds(came.p95):>8} {came.doubled:3}"
                + "".join(f"  x {fault}" for fault in faults),
                flush=True,
            )
            if faults and case.note:
                notes.append(f"  {case.name}: {case.note}")
    print("\n".join(notes))


def _share(share: float) -> str:
    return "-" if math.isnan(share) else f"{share:.1%}"


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number


def _seconds(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{seconds:.1f} s"


# ------------------------------------------------------------------ beside the others


def compare(seed: int, sizes: tuple[int, ...]) -> None:
    """This client beside the usual limiters, alone on the key."""
    print("makespan/optimum: a job of one window is measured against the window")
    print(
        f"{'strategy':33} storage     N  refused  blocked h  makespan/optimum  urgent (4/h) at once"
    )
    names = [name for name, entry in BASELINES.items() if entry.is_there]
    for name in BASELINES.keys() - names:
        skip(f"{name} is not installed")
    storages: tuple[Storage, ...] = ("redis", "memory")
    for storage, creates in itertools.product(storages, sizes):
        scene = Scene(creates=creates, storage=storage)
        beside = replace(scene, interactive=(Steady(4.0),))
        rows = {"this client": (play(scene, seed), play(beside, seed))}
        for name in names:
            rows[name] = (baseline(name, scene, seed), baseline(name, beside, seed))
        for name, (alone, urgent) in rows.items():
            ratio = f"{alone.ratio:.3f}" if alone.makespan is not None else "stopped"
            if creates == max(sizes):
                _note(name, scene, alone)
            at_once = f"{urgent.at_once:.0%}" if urgent.waits else "-"
            print(
                f"{name:33} {storage:7} {creates:5} {alone.refusals:8} "
                f"{alone.blocked / 3600:10.1f} {ratio:>17} {at_once:>21}"
            )


def _note(name: str, scene: Scene, alone: Result) -> None:
    is_ours = name == "this client"
    each = f"{name}, {scene.creates} creates, counted in {scene.storage}"
    goal = 0 if is_ours else None
    note(Figure(name=f"{each}: 429s", value=alone.refusals, unit="", target=goal))
    if alone.makespan is not None:
        bound = 1.005 if is_ours and scene.storage == "redis" else None
        note(Figure(name=f"{each}: makespan/optimum", value=alone.ratio, unit="", target=bound))


def beside_libraries(chosen: list[Case], seeds: range, jobs: int) -> dict[str, object]:
    """This client in some scenes, the best way to use each library, and a mirror of the window."""
    print(
        f"{len(seeds)} runs of each scene: the optimum of who knows what will come, in hours; then "
        "utilisation,\n429s and hours of lock-outs in a run, share of others' calls refused"
    )
    ways = {name: entry.library for name, entry in BASELINES.items() if entry.is_there}
    ways = {name: library for name, library in ways.items() if library}
    ways |= dict.fromkeys(MIRRORS, "a mirror of the window")
    columns, rows = ["this client", *dict.fromkeys(ways.values())], list[dict[str, object]]()
    with Children(HERE, jobs) as children:
        for case in filter(lambda case: can_play(case.scene), chosen):
            started = {
                way: children.start([Run(case.name, seed, by=way) for seed in seeds])
                for way in (None, *ways)
            }
            runs = {way: [run.result() for run in of_way] for way, of_way in started.items()}
            came = {way: summary_of(of_way) for way, of_way in runs.items()}
            best: dict[str, Summary] = {"this client": came.pop(None)}
            for way, one in came.items():
                column = ways[way or ""]
                if column not in best or one.utilisation > best[column].utilisation:
                    best[column] = one
            optimum = statistics.fmean(run.optimum for run in runs[None]) / 3600
            rows.append(
                {
                    "scene": case.name,
                    "optimum": optimum,
                    "columns": {
                        name: {
                            "utilisation": one.utilisation,
                            "refusals": one.refusals,
                            "blocked": one.blocked,
                            "others_refused": _known(one.others_refused),
                        }
                        for name, one in best.items()
                    },
                }
            )
            print(f"{case.name}: {optimum:.1f} h")
            for name in columns:
                one = best[name]
                print(
                    f"  {name:24} {one.utilisation:.3f} {one.refusals:9.1f} {one.blocked:6.2f} h "
                    f"{_share(one.others_refused):>6}",
                    flush=True,
                )
    return {"libraries": {"runs": len(seeds), "rows": rows}}


# ------------------------------------------------------------------ the command line


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true", help="more sizes, 20 seeds")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="the first")
    parser.add_argument("--seeds", type=int, metavar="K", help="runs of each scene")
    parser.add_argument("--scenes", metavar="PATTERN", help="only those whose name contains it")
    parser.add_argument("--list", action="store_true", help="the names of the scenes")
    parser.add_argument(
        "--against", type=Path, metavar="DIR", help="beside the postiz_async of another checkout"
    )
    parser.add_argument(
        "--ablate",
        nargs="?",
        const="",
        metavar="PATTERN",
        help="what each rule brings, or only those whose name contains it",
    )
    parser.add_argument(
        "--libraries", action="store_true", help="beside libraries, in scenes that they can play"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="where to add what --ablate or --libraries found"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    return parser.parse_args()


def main() -> None:
    logging.disable()
    given = options()
    chosen = [case for case in cases(full=given.full) if is_meant(given.scenes, case.name)]
    if given.list:
        print("\n".join(case.name for case in chosen))
        return
    print(f"seed {given.seed}")
    count = given.seeds or (20 if given.full else 3)
    seeds = range(given.seed, given.seed + count)
    if given.against:
        compare_with(given.against.resolve(), chosen, seeds, given.jobs)
    elif given.ablate is not None:
        from quota_ablations import ABLATIONS, SCENES  # noqa: PLC0415  (they patch what they import)

        rules = {
            name: [case for case in chosen if given.scenes or is_meant(SCENES[name], case.name)]
            for name in ABLATIONS
            if is_meant(given.ablate, name)
        }
        rows: list[dict[str, object]] = []
        for rule, effects in ablate(rules, seeds, given.jobs):
            shown = [asdict(effect) for effect in effects]
            runs = f"{len(rules[rule])} x {len(seeds)}"
            rows.append({"rule": rule, "runs": runs, "effects": shown})
            _keep(given.json, {"rules": rows})
    elif given.libraries:
        _keep(given.json, beside_libraries(chosen, seeds, given.jobs))
    elif given.scenes or given.seeds:
        judge(chosen, seeds, given.jobs)
    else:
        compare(given.seed, (30, 100, 300, 1000) if given.full else (30, 100, 300))
        print()
        judge(chosen, seeds, given.jobs)
        print()
        print_costs()


def _keep(path: Path | None, found: dict[str, object]) -> None:
    if path is None:
        return
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    new = old | {"date": datetime.now(UTC).date().isoformat()} | found
    path.write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8")


def is_meant(pattern: str | None, name: str) -> bool:
    """Whether a name contains a regular expression, in whatever case."""
    return re.search(pattern or "", name, re.IGNORECASE) is not None


if __name__ == "__main__":
    main()
