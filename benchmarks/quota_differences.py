"""Two policies on the same seeds, run by run: how far apart, and whether that is more than chance.

A difference counts when its mean over the seeds is larger than two standard errors. Of a hundred
differences that are nothing but chance, about five still count: more seeds tell.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quota_cases import summary_of
from quota_runs import HERE, Children, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from quota_cases import Case, Summary
    from quota_scenes import Result


@dataclass(frozen=True)
class Measure:
    """One thing that policies are compared by."""

    name: str
    of_run: Callable[[Result], float]
    """NaN where the run says nothing of it."""
    of_all: Callable[[Summary], float]
    negligible: float
    """Smaller differences never count."""
    form: str
    more_is_better: bool = True


MEASURES = (
    Measure("utilisation", lambda run: run.utilisation, lambda all_: all_.utilisation, 5e-4, ".4f"),
    Measure(
        "blocked h",
        lambda run: run.blocked / 3600,
        lambda all_: all_.blocked,
        0.01,
        ".2f",
        more_is_better=False,
    ),
    Measure(
        "others refused",
        lambda run: run.others_refused / run.others if run.others else math.nan,
        lambda all_: all_.others_refused,
        1e-3,
        ".1%",
        more_is_better=False,
    ),
    Measure("at once", lambda run: run.at_once, lambda all_: all_.at_once, 2e-3, ".1%"),
)


def difference(measure: Measure, before: Sequence[Result], after: Sequence[Result]) -> float | None:
    """The mean of after less before over the seeds; None if it does not count."""
    pairs = zip(map(measure.of_run, before), map(measure.of_run, after), strict=True)
    apart = [new - old for old, new in pairs if not math.isnan(new - old)]
    if len(apart) < 2:
        return None
    mean = statistics.fmean(apart)
    error = statistics.stdev(apart) / math.sqrt(len(apart))
    return mean if abs(mean) > max(2 * error, measure.negligible) else None


# ------------------------------------------------------------------ another checkout


def compare_with(checkout: Path, chosen: Sequence[Case], seeds: range, jobs: int) -> None:
    """Each scene with the package of another checkout (before) and that of this one (after)."""
    print(
        f"{len(seeds)} runs of each scene, before ({checkout}) -> after: "
        "* is more than two standard errors better, ! worse"
    )
    print(f"{'scene':46}" + "".join(f"  {measure.name:22}" for measure in MEASURES))
    each = max(1, jobs // 2)
    with Children(checkout, each) as olds, Children(HERE, each) as news:
        runs = [[Run(case.name, seed) for seed in seeds] for case in chosen]
        started = [(olds.start(of_case), news.start(of_case)) for of_case in runs]
        for case, (old, new) in zip(chosen, started, strict=True):
            before, after = [run.result() for run in old], [run.result() for run in new]
            cells = (_cell(measure, before, after) for measure in MEASURES)
            print(f"{case.name:46}" + "".join(f"  {cell:22}" for cell in cells), flush=True)


def _cell(measure: Measure, before: Sequence[Result], after: Sequence[Result]) -> str:
    old, new = measure.of_all(summary_of(before)), measure.of_all(summary_of(after))
    if math.isnan(old) and math.isnan(new):
        return "-"
    apart = difference(measure, before, after)
    mark = "" if apart is None else " *" if _is_better(measure, apart) else " !"
    return f"{old:{measure.form}} -> {new:{measure.form}}{mark}"


def _is_better(measure: Measure, apart: float) -> bool:
    return (apart > 0) == measure.more_is_better


# ------------------------------------------------------------------ without a statistic


def ablate(statistics_: Sequence[str], chosen: Sequence[Case], seeds: range, jobs: int) -> None:
    """What each statistic of the policy brings: with it less without it."""
    print(f"what a statistic brings, {len(seeds)} runs of each scene: with it less without it,")
    print("where that is more than two standard errors; ! where it does harm")
    idle: list[str] = []
    with Children(HERE, jobs) as children:
        started = {
            (without, case.name): children.start([Run(case.name, seed, without) for seed in seeds])
            for without in (None, *statistics_)
            for case in chosen
        }
        results = {key: [run.result() for run in runs] for key, runs in started.items()}
        for name in statistics_:
            lines = [
                f"  {case.name:46}  {text}"
                for case in chosen
                if (text := ", ".join(_gains(results[name, case.name], results[None, case.name])))
            ]
            if lines:
                print(f"{name}:", *lines, sep="\n", flush=True)
            else:
                idle.append(name)
    print("brings nothing: " + ("; ".join(idle) or "none of them"))


def _gains(without: Sequence[Result], with_it: Sequence[Result]) -> Iterator[str]:
    for measure in MEASURES:
        apart = difference(measure, without, with_it)
        if apart is not None:
            mark = "" if _is_better(measure, apart) else " !"
            yield f"{measure.name} {apart:+{measure.form}}{mark}"
