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
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path
    from typing import TypeAlias

    from quota_cases import Case, Summary
    from quota_scenes import Result

    Started: TypeAlias = Sequence[Future[Result]]


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
        "429s",
        lambda run: run.refusals,
        lambda all_: all_.refusals,
        0.1,
        ".1f",
        more_is_better=False,
    ),
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
    return mean if abs(mean) > max(2 * _error(apart), measure.negligible) else None


def _error(values: Sequence[float]) -> float:
    """The standard error of their mean."""
    known = [value for value in values if not math.isnan(value)]
    return statistics.stdev(known) / math.sqrt(len(known)) if len(known) > 1 else math.nan


# ------------------------------------------------------------------ another checkout


def compare_with(checkout: Path, chosen: Sequence[Case], seeds: range, jobs: int) -> None:
    """Each scene with the package of another checkout (before) and that of this one (after)."""
    print(
        f"{len(seeds)} runs of each scene, before ({checkout}) -> after: "
        "means and their\nstandard errors; * is more than two of these better, ! worse"
    )
    print(f"{'scene':46}" + "".join(f"  {measure.name:36}" for measure in MEASURES))
    each = max(1, jobs // 2)
    with Children(checkout, each) as olds, Children(HERE, each) as news:
        runs = [[Run(case.name, seed) for seed in seeds] for case in chosen]
        started = [(olds.start(of_case), news.start(of_case)) for of_case in runs]
        for case, (old, new) in zip(chosen, started, strict=True):
            before, after = [run.result() for run in old], [run.result() for run in new]
            cells = (_cell(measure, before, after) for measure in MEASURES)
            print(f"{case.name:46}" + "".join(f"  {cell:36}" for cell in cells), flush=True)


def _cell(measure: Measure, before: Sequence[Result], after: Sequence[Result]) -> str:
    old, new = measure.of_all(summary_of(before)), measure.of_all(summary_of(after))
    if math.isnan(old) and math.isnan(new):
        return "-"
    apart = difference(measure, before, after)
    mark = "" if apart is None else " *" if _is_better(measure, apart) else " !"
    errors = [_error([measure.of_run(run) for run in runs]) for runs in (before, after)]
    form = measure.form
    both = (
        f"{mean:{form}} ± {error:{form}}" for mean, error in zip((old, new), errors, strict=True)
    )
    return " -> ".join(both) + mark


def _is_better(measure: Measure, apart: float) -> bool:
    return (apart > 0) == measure.more_is_better


# ------------------------------------------------------------------ without a rule


@dataclass(frozen=True)
class Effect:
    """What one rule does in one scene: with it less without it."""

    rule: str
    scene: str
    measure: str
    apart: float
    is_gain: bool
    text: str


def ablate(
    rules: Mapping[str, Sequence[Case]], seeds: range, jobs: int
) -> Iterator[tuple[str, list[Effect]]]:
    """What each rule of the policy brings in some scenes: with it less without it."""
    print(f"what a rule brings, {len(seeds)} runs of each scene: with it less without it,")
    print("where that is more than two standard errors; ! where it does harm")
    with Children(HERE, jobs) as children:

        def start(rule: str | None, case: Case) -> Started:
            return children.start([Run(case.name, seed, rule) for seed in seeds])

        played: dict[Case, Started] = {}
        for rule, chosen in rules.items():
            started = {case: start(rule, case) for case in chosen}
            played |= {case: start(None, case) for case in chosen if case not in played}
            effects = [
                effect
                for case, runs in started.items()
                for effect in _effects(
                    rule,
                    case,
                    [run.result() for run in runs],
                    [run.result() for run in played[case]],
                )
            ]
            print(f"{rule}:" + ("" if effects else f" nothing in {len(chosen)} scenes"))
            for effect in effects:
                mark = "" if effect.is_gain else "  !"
                print(f"  {effect.scene:46}  {effect.measure} {effect.text}{mark}", flush=True)
            yield rule, effects


def _effects(
    rule: str, case: Case, without: Sequence[Result], with_it: Sequence[Result]
) -> Iterator[Effect]:
    for measure in MEASURES:
        apart = difference(measure, without, with_it)
        if apart is not None:
            text = f"{apart:+{measure.form}}"
            is_gain = _is_better(measure, apart)
            yield Effect(rule, case.name, measure.name, apart, is_gain, text)
