"""Writes what was measured into its pages: python docs/make_performance.py.

The figures of `performance.md` are those of `benchmarks/results.json`, which `benchmarks/run.py`
writes; those of `comparison.md` are in `benchmarks/comparison.json`, of `benchmarks/comparison.py`;
those of `quota-policy.md` in `benchmarks/quota.json`, of `benchmarks/quota_policies.py`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks"
PART = re.compile(r"(?<=<!-- measured -->\n).*(?=<!-- end -->)", re.DOTALL)
"""What is written anew of a page."""


def pages() -> dict[Path, str]:
    """The pages with figures, as they should be."""
    made: dict[Path, str] = {}
    for name, source, lines in (
        ("performance.md", "results.json", _performance),
        ("comparison.md", "comparison.json", _comparison),
        ("quota-policy.md", "quota.json", _policy),
    ):
        found = json.loads((RESULTS / source).read_text(encoding="utf-8"))
        text = "\n" + "\n".join(lines(found)) + "\n\n"
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
    for benchmark in found["benchmarks"]:
        if not benchmark.get("figures"):
            continue
        yield ""
        yield f"### {benchmark['title'].rstrip('.')}"
        yield ""
        if "measured" in benchmark:
            yield f"Measured on {benchmark['measured']}."
            yield ""
        head = (f"`{benchmark['name']}`", "Measured", "Baseline", "Goal")
        yield from _table(head, map(_figure, benchmark["figures"]))


def _figure(figure: dict[str, Any]) -> tuple[str, ...]:
    value, base, unit = figure["value"], figure.get("base"), figure["unit"]
    baseline = "" if base is None else f"{figure['baseline']}: {_number(base)} {unit}"
    return figure["name"], f"{_number(value)} {unit}".strip(), baseline, _goal(figure, value, base)


def _goal(figure: dict[str, Any], value: float, base: float | None) -> str:
    target = figure.get("target")
    if target is None:
        return ""
    compared, better = figure.get("compared", "alone"), figure.get("better", "less")
    bound = f"{'at most' if better == 'less' else 'at least'} {_number(target, 4)}"
    if base is not None and compared == "ratio":
        value /= base
        bound += f" times the baseline, is {_number(value, 4)}"
    elif base is not None and compared == "above":
        value -= base
        bound += f" above the baseline, is {_number(value)}"
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


# ------------------------------------------------------------------ the policy of the quota


def _policy(found: dict[str, Any]) -> Iterator[str]:
    rules, libraries = found["rules"], found["libraries"]
    yield f"Measured on {found['date']}."
    yield ""
    yield "### Each rule, switched off by itself"
    yield ""
    yield (
        "Runs: in how many scenes in which the rule could matter, and how often each. The figures "
        "are those with the rule less those without it."
    )
    yield ""
    yield from _table(
        ("Rule", "Runs", "What it brings", "What it costs"),
        (
            (
                row["rule"],
                row["runs"],
                *(_effects(row["effects"], is_gain=is_gain) for is_gain in (True, False)),
            )
            for row in rules
        ),
    )
    yield ""
    yield "### Beside libraries"
    yield ""
    yield (
        f"{libraries['runs']} runs of each scene. Of each library, the algorithm that was fastest "
        "is shown."
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


SHOWN = 3
"""Effects of a rule that are shown, those that are greatest of their kind first."""


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
    words = [f"{row['scene']}: {row['measure']} {row['text']}" for row in some[:SHOWN]]
    if len(some) > SHOWN:
        words.append(f"and {len(some) - SHOWN} more")
    return "<br>".join(words) or "-"


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
