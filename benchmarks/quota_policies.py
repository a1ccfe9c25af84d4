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
python benchmarks/quota_policies.py --seeds 20 --ablate               (what each statistic brings)
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import math
import os
import re
import secrets
from dataclasses import replace
from pathlib import Path

from figures import Figure, note, skip
from quota_baselines import BASELINES, baseline

# after quota_scenes, which knows the way to the tests
from quota_cases import Case, cases, missed, summary_of
from quota_costs import print_costs
from quota_differences import ablate, compare_with
from quota_play import play
from quota_runs import HERE, Children, Run
from quota_scenes import Scene, Steady

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


def _seconds(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{seconds:.1f} s"


# ------------------------------------------------------------------ beside the others


def compare(seed: int, sizes: tuple[int, ...]) -> None:
    """This client beside the usual limiters, alone on the key."""
    print("makespan/optimum: a job of one window is measured against the window")
    print(
        f"{'strategy':33} storage     N  refused  blocked h  makespan/optimum  urgent (4/h) at once"
    )
    absent = set() if importlib.util.find_spec("pyrate_limiter") else {"pyrate-limiter"}
    for name in absent:
        skip(f"{name} is not installed")
    for sliding, storage in ((False, "redis"), (True, "memory")):
        for creates in sizes:
            scene = Scene(creates=creates, storage="memory" if sliding else "redis")
            beside = replace(scene, interactive=(Steady(4.0),))
            rows = {"this client": (play(scene, seed), play(beside, seed))}
            for name in BASELINES.keys() - absent:
                rows[name] = (
                    baseline(name, creates, seed, sliding=sliding, interactive=0.0),
                    baseline(name, creates, seed, sliding=sliding, interactive=4.0),
                )
            for name in ["this client", *(name for name in BASELINES if name in rows)]:
                alone, urgent = rows[name]
                ratio = f"{alone.ratio:.3f}" if alone.makespan is not None else "stopped"
                if creates == max(sizes):
                    is_ours = name == "this client"
                    each = f"{name}, {creates} creates, counted in {storage}"
                    goal = 0 if is_ours else None
                    note(Figure(name=f"{each}: 429s", value=alone.refusals, unit="", target=goal))
                    if alone.makespan is not None:
                        bound = 1.005 if is_ours and storage == "redis" else None
                        note(
                            Figure(
                                name=f"{each}: makespan/optimum",
                                value=alone.ratio,
                                unit="",
                                target=bound,
                            )
                        )
                at_once = f"{urgent.at_once:.0%}" if urgent.waits else "-"
                print(
                    f"{name:33} {storage:7} {creates:5} {alone.refusals:8} "
                    f"{alone.blocked / 3600:10.1f} {ratio:>17} {at_once:>21}"
                )


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
        help="what each statistic brings, or only those whose name contains it",
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
        from quota_ablations import ABLATIONS  # noqa: PLC0415  (they patch what they import)

        names = [name for name in ABLATIONS if is_meant(given.ablate, name)]
        ablate(names, chosen, seeds, given.jobs)
    elif given.scenes or given.seeds:
        judge(chosen, seeds, given.jobs)
    else:
        compare(given.seed, (30, 100, 300, 1000) if given.full else (30, 100, 300))
        print()
        judge(chosen, seeds, given.jobs)
        print()
        print_costs()


def is_meant(pattern: str | None, name: str) -> bool:
    """Whether a name contains a regular expression, in whatever case."""
    return re.search(pattern or "", name, re.IGNORECASE) is not None


if __name__ == "__main__":
    main()
