"""Figures: what a benchmark found, beside its baseline and its target.

A benchmark prints what it likes and notes each number that is claimed. `run.py` names a file in
the environment; there each note becomes a line of JSON. By itself a benchmark only prints.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec

import postiz_async

NOTES = "POSTIZ_ASYNC_FIGURES"
"""The variable with the path of the file for notes."""

CHILD_ENVIRONMENT = os.environ | {
    "PYTHONPATH": os.pathsep.join(
        filter(None, [str(Path(postiz_async.__file__).parents[1]), os.environ.get("PYTHONPATH")])
    ),
    "PYTHONDONTWRITEBYTECODE": "",
}
"""For processes of a benchmark: they import the package that it imports, compiled once."""


class Figure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One number.

    Args:
        name: what was measured; unique in its benchmark.
        value: what was found.
        unit: of the value: `s`, `us`, `MB`, `/s`, `calls`, ...
        baseline: what stands beside it, measured in the same run.
        base: what was found there.
        compared: what is judged: the value alone, or as a ratio to the baseline or above it.
        target: the bound of what is judged.
        better: whether less or more of it is better.
        points: values by size, where the figure is an exponent of growth.
    """

    name: str
    value: float
    unit: str
    baseline: str = ""
    base: float | None = None
    compared: Literal["alone", "ratio", "above"] = "alone"
    target: float | None = None
    better: Literal["less", "more"] = "less"
    points: list[tuple[float, float]] = []

    @property
    def judged(self) -> float:
        """What the target bounds, and what two commits are compared by."""
        if self.compared == "alone" or self.base is None:
            return self.value
        return self.value / self.base if self.compared == "ratio" else self.value - self.base

    @property
    def holds(self) -> bool | None:
        """Whether the target is met; None: there is none."""
        if self.target is None:
            return None
        return self.judged <= self.target if self.better == "less" else self.judged >= self.target

    @property
    def goal(self) -> str:
        """The target and whether it is met, as text."""
        if self.target is None:
            return ""
        sign, verdict = "<=" if self.better == "less" else ">=", "held" if self.holds else "MISSED"
        return f"{sign} {self.target:g}: {verdict}"


class Skipped(msgspec.Struct, frozen=True):
    """Something that was not measured, and why."""

    skipped: str


def note(figure: Figure) -> Figure:
    """Hand a figure to `run.py`, if that is who asks."""
    _write(figure)
    return figure


def skip(reason: str) -> None:
    """Say that something is not measured here."""
    _write(Skipped(reason))
    print(f"skipped: {reason}")


def _write(entry: Figure | Skipped) -> None:
    path = os.environ.get(NOTES)
    if path:
        with Path(path).open("ab") as file:
            file.write(msgspec.json.encode(entry) + b"\n")


def read(path: Path) -> tuple[list[Figure], list[str]]:
    """The figures and the reasons of what was skipped, from a file of notes."""
    figures, skipped = list[Figure](), list[str]()
    for line in path.read_bytes().splitlines() if path.exists() else ():
        if b'"skipped"' in line[:10]:
            skipped.append(msgspec.json.decode(line, type=Skipped).skipped)
        else:
            figures.append(msgspec.json.decode(line, type=Figure))
    return figures, skipped
