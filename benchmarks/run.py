"""Run benchmarks: one table of figures with their baselines and targets, and the same as JSON.

python benchmarks/run.py                        (those that end in some minutes together)
python benchmarks/run.py creates plan           (these)
python benchmarks/run.py --all                  (also the long ones: kills, policies, ...)
python benchmarks/run.py --full                 (growth to a million rows; ten minutes more)
python benchmarks/run.py plan --against main    (beside the package of another commit)
python benchmarks/run.py uploads -- --mib 64    (what follows -- goes to each script)
python benchmarks/run.py --list

Each benchmark is a script of this folder and runs in a process of its own. `--json PATH` writes:

    {"date": "2026-11-26", "commit": "f25dd8d", "python": "3.11.2", "system": "Linux x86_64",
     "cpus": 2, "packages": {"aiohttp": "3.14.5", ...}, "rounds": 1,
     "benchmarks": [{"name": "plan", "title": "Campaigns measured: ...", "seconds": 40.2,
                     "skipped": ["why something was not measured"], "failed": "",
                     "figures": [...]}],
     "against": null}

with figures as `figures.Figure` describes them; members that have their default are left out. With
several rounds each number is the median. `against` has another commit, in the same form.

With `--update PATH` the benchmarks that were run take their place among those of a file, and say in
`measured` when and at which commit.

With `--against REV` the scripts of this tree run in turns with the package of this tree and with
that of REV, which git checks out in a folder for the time being; both get memory in the same way
(`STEADY`). What is compared is what a target would bound: the ratio to the baseline where there is
one, so that a slower minute of the machine slows both. A difference is told from noise when the
medians are 2 % apart and each pair of rounds says the same (five pairs do so by chance one time in
16, so one of many figures may), or when every round counts exactly the same, as counts of calls do.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import msgspec
from figures import NOTES, Figure, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HERE = Path(__file__).resolve().parent
TREE = HERE.parent

SHORT = (
    "imports",
    "calls_per_second",
    "admission",
    "call_path",
    "plan",
    "validation",
    "iter_posts",
    "uploads",
    "growth",
    "decode_posts",
    "content",
    "creates",
    "blocking",
    "pool",
    "memory",
    "web",
)
HANDS_OVER = re.compile(r"^from figures import .*\bnote\b", re.MULTILINE)
LONG = tuple(
    sorted(
        path.stem
        for path in HERE.glob("*.py")
        if path.stem not in SHORT and HANDS_OVER.search(path.read_text(encoding="utf-8"))
    )
)
"""The other scripts that hand over figures."""

FULL = ("growth", "quota_policies")
"""Those that take `--full`."""

PACKAGES = ("aiohttp", "httpx2", "msgspec", "pydantic")
ROUNDS_TO_TELL = 5
APART = 0.02
"""Medians that are closer than that are the same."""


class Benchmark(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What one script found."""

    name: str
    title: str
    seconds: float = 0.0
    skipped: list[str] = []
    failed: str = ""
    figures: list[Figure] = []
    measured: str = ""
    """When and at which commit, where that is not what the file says of all."""


class Results(msgspec.Struct, kw_only=True):
    """What the benchmarks found with the package of one commit."""

    date: str
    commit: str
    python: str
    system: str
    cpus: int
    packages: dict[str, str]
    rounds: int
    benchmarks: list[Benchmark]
    against: Results | None = None


# ------------------------------------------------------------------ running


STEADY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 20), "MALLOC_TRIM_THRESHOLD_": str(2 << 20)}
"""For processes that are compared. Larger pieces of memory glibc gets from the system, each for
itself, and what is larger it learns from what was freed before. So what was imported would decide
whether each answer, which asyncio reads into 256 KiB, costs three system calls and two page faults
more: a fifth of a create."""


def run(
    name: str, package: Path, arguments: Sequence[str], memory: Mapping[str, str] = {}
) -> Benchmark:
    """Run a script with the package that lies in a folder; `memory` is how it is allocated."""
    path = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "figures.jsonl"
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, str(HERE / f"{name}.py"), *arguments],
            env=os.environ | {"PYTHONPATH": path, NOTES: str(notes), **memory},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
        figures, skipped = read(notes)
    return Benchmark(
        name=name,
        title=title(name),
        seconds=round(time.perf_counter() - began, 1),
        skipped=skipped,
        failed=_why(done.stderr).replace(str(package), ".") if done.returncode else "",
        figures=figures,
    )


def _why(said: str) -> str:
    """The last line of what a script said as it failed."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it says that a claim does not hold"


def title(name: str) -> str:
    """The first line of a script's docstring."""
    said = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8")))
    return (said or "").partition("\n")[0]


def median(rounds: Sequence[Benchmark]) -> Benchmark:
    """What several rounds of one benchmark found."""
    first = rounds[0]
    return Benchmark(
        name=first.name,
        title=first.title,
        seconds=round(statistics.median(each.seconds for each in rounds), 1),
        skipped=first.skipped,
        failed=next((each.failed for each in rounds if each.failed), ""),
        figures=[
            _median([of for each in rounds for of in each.figures if of.name == figure.name])
            for figure in first.figures
        ],
    )


def _median(found: Sequence[Figure]) -> Figure:
    """The round whose judged number is in the middle, whole: its baseline belongs to it."""
    return sorted(found, key=lambda figure: figure.judged)[(len(found) - 1) // 2]


# ------------------------------------------------------------------ another commit


@contextmanager
def checkout(revision: str) -> Iterator[tuple[str, Path]]:
    """The short name of a commit and a folder with its files, for the time being."""
    commit = git("rev-parse", "--short", "--verify", "--quiet", f"{revision}^{{commit}}")
    if not commit:
        _stop(f"git knows no commit {revision!r} in {TREE}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "tree"
        git("worktree", "add", "--detach", str(place), commit)
        try:
            yield commit, place
        finally:
            git("worktree", "remove", "--force", str(place))


def git(*arguments: str) -> str:
    """What git says; nothing where it knows no answer, or where there is no git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(TREE), *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def verdict(now: Sequence[Figure], before: Sequence[Figure]) -> str:
    """Whether a difference is more than noise, and for the better."""
    pairs = [(new.judged, old.judged) for new, old in zip(now, before, strict=True)]
    news, olds = {new for new, _ in pairs}, {old for _, old in pairs}
    if news == olds and len(news) == 1:
        return "same"
    exact = len(news) == len(olds) == 1 < len(pairs)
    if not exact:
        if len(pairs) < ROUNDS_TO_TELL:
            return "too few rounds"
        new, old = (statistics.median(side) for side in zip(*pairs, strict=True))
        signs = {(a > b) - (a < b) for a, b in pairs}
        if len(signs) > 1 or abs(new - old) <= APART * abs(old):
            return "noise"
    is_more = pairs[0][0] > pairs[0][1]
    return "better" if is_more == (now[0].better == "more") else "WORSE"


# ------------------------------------------------------------------ the table


def shown(number: float) -> str:
    """A number with three digits that say something."""
    if number == round(number):
        return f"{number:,.0f}"
    if not 0.001 <= abs(number) < 100:
        return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.2g}"
    return f"{number:.{2 if abs(number) >= 0.1 else 4}f}" if abs(number) < 10 else f"{number:.1f}"


def judged(figure: Figure) -> str:
    if figure.base is None or figure.compared == "alone":
        return f"{shown(figure.value)} {figure.unit}"
    if figure.compared == "ratio":
        return f"{shown(figure.judged)} x"
    return f"{'+' if figure.judged >= 0 else ''}{shown(figure.judged)} {figure.unit}"


def table(found: Benchmark) -> Iterator[str]:
    """Lines for one benchmark: each figure, with its baseline below it."""
    yield f"{found.name} ({found.seconds:.0f} s): {found.title}"
    for figure in found.figures:
        compared = judged(figure) if figure.compared != "alone" else ""
        value = f"{shown(figure.value)} {figure.unit}"
        yield f"  {figure.name:38} {value:>14} {compared:>9}  {figure.goal}".rstrip()
        if figure.base is not None:
            yield f"    {figure.baseline:36} {f'{shown(figure.base)} {figure.unit}':>14}"
    yield from _troubles(found)


def _troubles(found: Benchmark) -> Iterator[str]:
    yield from (f"  skipped: {reason}" for reason in found.skipped)
    if found.failed:
        yield f"  FAILED: {found.failed}"


def beside(now: Sequence[Benchmark], before: Sequence[Benchmark]) -> Iterator[str]:
    """Lines that compare the rounds of one benchmark with two packages."""
    yield f"{now[0].name}: {now[0].title}"
    olds = [{figure.name: figure for figure in each.figures} for each in before]
    news = [{figure.name: figure for figure in each.figures} for each in now]
    for name, figure in news[0].items():
        pairs = [
            (new[name], old[name])
            for new, old in zip(news, olds, strict=True)
            if name in new and name in old
        ]
        if not pairs:
            yield f"  {name:38} {judged(figure):>14} {'-':>14}"
            continue
        these, those = zip(*pairs, strict=True)
        new, old = _median(these), _median(those)
        ratio = f"{new.judged / old.judged:.3f}" if old.judged > 0 else "-"
        said = verdict(these, those)
        yield f"  {name:38} {judged(new):>14} {judged(old):>14} {ratio:>7} {said}"
    yield from _troubles(median(now))
    if median(before).failed:
        yield f"  the other commit FAILED: {median(before).failed}"


# ------------------------------------------------------------------ the command line


def results(benchmarks: list[Benchmark], commit: str, rounds: int) -> Results:
    packages = {name: metadata.version(name) for name in PACKAGES if _is_installed(name)}
    return Results(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        commit=commit,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        cpus=os.cpu_count() or 1,
        packages=packages,
        rounds=rounds,
        benchmarks=benchmarks,
    )


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="a benchmark (see --list)")
    parser.add_argument("--all", action="store_true", help="the long ones too")
    parser.add_argument("--full", action="store_true", help="larger sizes, where there are some")
    parser.add_argument("--list", action="store_true", help="what there is")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there")
    parser.add_argument("--update", type=Path, metavar="PATH", help="replace figures there")
    parser.add_argument("--against", metavar="REV", help="beside the package of this commit")
    parser.add_argument("--rounds", type=int, metavar="N", help="1, with --against 5")
    rest: list[str] = []
    own = list(arguments)
    if "--" in own:
        own, rest = own[: own.index("--")], own[own.index("--") + 1 :]
    given = parser.parse_args(own)
    given.rest = rest
    given.names = given.names or [*SHORT, *(LONG if given.all else ())]
    given.rounds = given.rounds or (ROUNDS_TO_TELL if given.against else 1)
    if given.rounds < 1:
        _stop(f"--rounds is at least 1, not {given.rounds}")
    if given.json and not given.json.absolute().parent.is_dir():
        _stop(f"--json: there is no folder {given.json.absolute().parent}")
    for name in given.names:
        _refuse_unknown(name)
    return given


def _refuse_unknown(name: str) -> None:
    known = (*SHORT, *LONG)
    if name in known:
        return
    close = difflib.get_close_matches(name.removesuffix(".py"), known, 1, 0.5)
    meant = f"; did you mean {close[0]!r}?" if close else "."
    _stop(f"there is no benchmark {name!r}{meant} All of them: python benchmarks/run.py --list")


def _stop(problem: str) -> NoReturn:
    print(f"run.py: {problem}", file=sys.stderr)
    sys.exit(2)


def main(arguments: Sequence[str]) -> int:
    given = options(arguments)
    if given.list:
        for name in (*SHORT, *LONG):
            print(f"{name:18} {'(long) ' if name in LONG else ''}{title(name)}")
        return 0
    made = compared(given) if given.against else measured(given)
    if given.json:
        write(made, given.json)
    if given.update:
        kept = msgspec.json.decode(given.update.read_bytes(), type=Results)
        write(updated(kept, made), given.update)
    return 1 if any(each.failed for each in made.benchmarks) else 0


def write(made: Results, path: Path) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")


def updated(kept: Results, made: Results) -> Results:
    """What a file has, with what was measured in the place of the same benchmarks."""
    for each in made.benchmarks:
        each.measured = f"{made.date} at commit {made.commit}"
    known = {each.name: each for each in (*kept.benchmarks, *made.benchmarks)}
    names = sorted(known, key=lambda name: (*SHORT, *LONG, name).index(name))
    kept.benchmarks = [known[name] for name in names]
    return kept


def more(name: str, given: argparse.Namespace) -> list[str]:
    """The arguments of a script."""
    return [*given.rest, *(["--full"] if given.full and name in FULL else [])]


def measured(given: argparse.Namespace) -> Results:
    """Run with the package of this tree."""
    found: list[Benchmark] = []
    for name in given.names:
        found.append(median([run(name, TREE, more(name, given)) for _ in range(given.rounds)]))
        print("\n".join(table(found[-1])), flush=True)
    figures = [figure for each in found for figure in each.figures]
    targets = [figure.holds for figure in figures if figure.holds is not None]
    print(f"{len(figures)} figures; of {len(targets)} targets {sum(targets)} held")
    return results(found, _commit(), given.rounds)


def compared(given: argparse.Namespace) -> Results:
    """Run with the package of this tree and that of another commit, in turns."""
    news, olds = list[Benchmark](), list[Benchmark]()
    with checkout(given.against) as (commit, place):
        print(f"{'':40} {'this tree':>14} {commit:>14} {'ratio':>7}   {given.rounds} rounds")
        for name in given.names:
            now, before = list[Benchmark](), list[Benchmark]()
            for number in range(given.rounds):
                ways = [(now, TREE), (before, place)]
                for found, package in ways if number % 2 else reversed(ways):
                    found.append(run(name, package, more(name, given), STEADY))
                if now[-1].failed and before[-1].failed:
                    break
            print("\n".join(beside(now, before)), flush=True)
            news.append(median(now))
            olds.append(median(before))
    made = results(news, _commit(), given.rounds)
    made.against = results(olds, commit, given.rounds)
    return made


def _commit() -> str:
    changed = "+" if git("status", "--porcelain", "--untracked-files=no") else ""
    return git("rev-parse", "--short", "HEAD") + changed


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
