"""Writes what was measured into its pages: python docs/make_performance.py.

The figures of `performance.md` are those of `benchmarks/results.json`, which `benchmarks/run.py`
writes; those of `comparison.md` are in `benchmarks/comparison.json`, of `benchmarks/comparison.py`;
those of `quota-policy.md` in `benchmarks/quota.json`, of `benchmarks/quota_policies.py`. The page
`deciding.md` has some of each.
"""

from __future__ import annotations

import json
import re
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks"
PART = re.compile(r"(?<=<!-- measured -->\n).*?(?=<!-- end -->)", re.DOTALL)
"""What is written anew of a page."""


def pages() -> dict[Path, str]:
    """The pages with figures, as they should be."""
    results, compared, quota = (
        json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("results", "comparison", "quota")
    )
    made: dict[Path, str] = {}
    for name, lines in (
        ("performance.md", _performance(results)),
        ("comparison.md", _comparison(compared)),
        ("quota-policy.md", _policy(quota)),
        ("deciding.md", _deciding(results, compared)),
    ):
        text = "\n" + "\n".join(lines) + "\n\n"
        page = (DOCS / name).read_text(encoding="utf-8")
        made[DOCS / name] = PART.sub(lambda _, text=text: text, page)
    return made


# ------------------------------------------------------------------ performance


def _performance(found: dict[str, Any]) -> Iterator[str]:
    packages = ", ".join(f"{name} {version}" for name, version in found["packages"].items())
    rounds = f"; medians of {found['rounds']} rounds" if found["rounds"] > 1 else ""
    yield (
        f"Measured on {found['date']} at commit {found['commit']}, on {found['system']} with "
        f"{found['cpus']} cores, Python {found['python']}, {packages}{rounds}."
    )
    yield ""
    yield from _table(("What", "Measured", "Baseline", "Goal"), _benchmarks(found["benchmarks"]))


def _benchmarks(found: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """The figures of each benchmark below its title."""
    for benchmark in found:
        if benchmark.get("figures"):
            measured = f", {benchmark['measured']}" if "measured" in benchmark else ""
            title = benchmark["title"].rstrip(".")
            yield f"**{title}** (`{benchmark['name']}`{measured})", "", "", ""
            yield from map(_row, _alike(benchmark["figures"]))


def _alike(figures: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Figures of one thing with one goal, such as its time and its calls, together."""

    def kind(figure: dict[str, Any]) -> tuple[Any, ...]:
        named = figure["name"].rpartition(": ")[0] or figure["name"]
        return named, *map(figure.get, ("unit", "target", "baseline", "base"))

    for _, group in groupby(figures, kind):
        yield list(group)


def _row(figures: list[dict[str, Any]]) -> tuple[str, ...]:
    rows = [_figure(figure) for figure in figures]
    if len(rows) == 1:
        return rows[0]
    thing = figures[0]["name"].rpartition(": ")[0]
    names = ", ".join(figure["name"].removeprefix(f"{thing}: ") for figure in figures)
    found = ", ".join(_number(figure["value"]) for figure in figures)
    bound = rows[0][-1].rpartition(": ")[0]
    verdicts = [row[-1].removeprefix(f"{bound}: ") for row in rows]
    goal = f"{bound}: {', '.join(verdicts)}" if len(set(verdicts)) > 1 else rows[0][-1]
    return f"{thing}: {names}", f"{found} {figures[0]['unit']}".strip(), rows[0][2], goal


def _figure(figure: dict[str, Any]) -> tuple[str, ...]:
    value, base, unit = figure["value"], figure.get("base"), figure["unit"]
    baseline = "" if base is None else f"{figure['baseline']}: {_number(base)} {unit}"
    return figure["name"], f"{_number(value)} {unit}".strip(), baseline, _goal(figure, value, base)


def _goal(figure: dict[str, Any], value: float, base: float | None) -> str:
    target = figure.get("target")
    if target is None:
        return ""
    compared, better = figure.get("compared", "alone"), figure.get("better", "less")
    bound = f"{'≤' if better == 'less' else '≥'} {_number(target, 4)}"
    if base is not None and compared == "ratio":
        value /= base
        bound += f" times, is {_number(value, 4)}"
    elif base is not None and compared == "above":
        value -= base
        bound += f" above, is {_number(value)}"
    holds = value <= target if better == "less" else value >= target
    return f"{bound}: {'met' if holds else '**missed**'}"


def _number(value: float, digits: int = 3) -> str:
    if value == int(value) or abs(value) >= 10**digits:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


# ------------------------------------------------------------------ comparison


def _comparison(found: dict[str, Any]) -> Iterator[str]:
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    yield (
        f"Measured on {found['date']} with {versions}: {found['posts']} posts and one more; for "
        f"Python the means of {found['seeds']} runs, for the official command one run."
    )
    yield ""
    yield from _table(
        ("Way", "Stored", "Doubled", "Lost", "429s", "Create requests", "Hours", "A person waits"),
        (
            (
                row["way"],
                *(f"{row[name]:,.3g}" for name in ("stored", "doubled", "lost")),
                *(f"{row[name]:,.0f}" for name in ("refused", "requests")),
                f"{row['hours']:.1f}",
                "" if row["waited"] is None else f"{row['waited']:.1f} min",
            )
            for row in found["rows"]
        ),
    )


# ------------------------------------------------------------------ for decision makers


def _deciding(results: dict[str, Any], compared: dict[str, Any]) -> Iterator[str]:
    figures = {
        (benchmark["name"], figure["name"]): figure
        for benchmark in results["benchmarks"]
        for figure in benchmark.get("figures", ())
    }

    def value(benchmark: str, name: str, digits: int = 3) -> str:
        return _number(figures[benchmark, name]["value"], digits)

    def base(benchmark: str, name: str) -> str:
        return _number(figures[benchmark, name]["base"])

    ways = {row["way"]: row for row in compared["rows"]}
    ours, loop = ways["postiz_async, a campaign"], ways["retry loop, as Retry-After says"]
    size = ("first_minute", "installed")
    breaking = f"{compared['posts']} posts while a tenth of the connections break"
    needed = value("plan", "requests for 5,000 rows, align 15m")
    planned = value("plan", "plan of 100,000 rows")
    memory = value("plan", "plan of 100,000 rows: memory")
    rows = [
        (
            f"{breaking}, mean of {compared['seeds']} runs ([comparison](comparison.md))",
            _fate(ours),
            f"a retry loop: {_fate(loop)}",
        ),
        (
            "5,000 posts at 30 create requests an hour, dates aligned to 15 minutes",
            f"{needed} requests, {value('plan', 'a job of 5,000 rows', 4)} hours",
            f"the shortest possible time: {base('plan', 'a job of 5,000 rows')} hours",
        ),
        ("reading and checking a file of 100,000 posts", f"{planned} s, {memory} MB", ""),
        (
            "memory of an idle organisation in a server for many",
            f"{value('pool', 'an idle organisation')} bytes",
            "",
        ),
        ("what is installed", f"{value(*size)} MB", f"the official command: {base(*size)} MB"),
    ]
    yield from _table(("What", "postiz_async", "Compared with"), rows)


def _fate(row: dict[str, Any]) -> str:
    """What became of the posts of one way."""
    return (
        f"{_number(row['doubled'])} duplicated, {_number(row['lost'])} lost, "
        f"{_number(row['refused'])} refusals, {_number(row['hours'])} hours"
    )


# ------------------------------------------------------------------ the policy of the quota


def _policy(found: dict[str, Any]) -> Iterator[str]:
    rules, libraries = found["rules"], found["libraries"]
    yield f"Measured on {found['date']}."
    yield ""
    yield "### Each rule, switched off by itself"
    yield ""
    yield (
        "The figure is the greatest difference: with the rule less without it. In brackets is the "
        "number of further ones."
    )
    yield ""
    yield from _table(
        ("Rule", "What it brings", "What it costs"),
        (
            (
                row["rule"],
                *(_effects(row["effects"], is_gain=is_gain) for is_gain in (True, False)),
            )
            for row in rules
            if row["effects"]
        ),
    )
    yield ""
    without = (row["rule"] for row in rules if not row["effects"])
    yield f"No difference was found for: {'; '.join(without)}."
    yield ""
    yield "### Beside libraries"
    yield ""
    yield (
        f"{libraries['runs']} runs of each scene, of each library with the algorithm that was "
        "fastest. Shown are utilisation, 429s, hours blocked, and others refused."
    )
    yield ""
    columns = list(libraries["rows"][0]["columns"])
    yield from _table(
        ("Scene", "Optimum", *columns),
        (
            (
                row["scene"],
                f"{row['optimum']:.1f} h",
                *(_came(row["columns"].get(name)) for name in columns),
            )
            for row in libraries["rows"]
        ),
    )


def _effects(rows: list[dict[str, Any]], *, is_gain: bool) -> str:
    weights = {
        "utilisation": 1.0,
        "blocked h": 0.1,
        "429s": 0.05,
        "others refused": 0.5,
        "at once": 0.5,
    }
    some = [row for row in rows if row["is_gain"] == is_gain]
    some.sort(key=lambda row: -abs(row["apart"]) * weights[row["measure"]])
    if not some:
        return ""
    further = f" ({len(some) - 1})" if len(some) > 1 else ""
    return f"{some[0]['scene']}: {some[0]['measure']} {some[0]['text']}{further}"


def _came(one: dict[str, Any] | None) -> str:
    if one is None:
        return ""
    others = one["others_refused"]
    refused = "" if others is None else f"; others {others:.0%}"
    return f"{one['utilisation']:.3f}; {one['refusals']:,.1f}; {one['blocked']:.1f} h{refused}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
