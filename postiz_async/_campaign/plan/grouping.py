"""Rows that have something in common, said once: `12 rows (3, 4, 7-16)`. PURE."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count as count_from
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postiz_async.errors import Problem


_PARTS = 12
"""Numbers and ranges that are named; of further rows only how many they are."""


def row_ranges(numbers: Iterable[int], most: int = _PARTS) -> str:
    """Numbers of rows in order, neighbours as ranges: `3, 4, 7-16`.

    Args:
        numbers: of the rows; one that comes twice is named once.
        most: numbers and ranges that are named; of the rows after them the number is told.
    """
    ordered = sorted(set(numbers))
    steps = count_from()
    runs = [list(run) for _, run in groupby(ordered, key=lambda number: number - next(steps))]
    parts: list[tuple[str, int]] = []
    for run in runs:
        if len(run) > 2:
            parts.append((f"{run[0]}-{run[-1]}", len(run)))
        else:
            parts += [(str(number), 1) for number in run]
    named = ", ".join(text for text, _ in parts[:most])
    more = sum(size for _, size in parts[most:])
    return f"{named} and {more:,} more" if more else named


def these_rows(numbers: Iterable[int], most: int = _PARTS) -> str:
    """`row 3`, or `12 rows (3, 4, 7-16)`."""
    found = set(numbers)
    if len(found) == 1:
        return f"row {found.pop()}"
    return f"{len(found):,} rows ({row_ranges(found, most)})"


@dataclass(frozen=True, slots=True)
class ProblemGroup:
    """A problem that rows have in common. `rows` is empty if it is not one of rows."""

    problem: Problem
    rows: tuple[int, ...]

    def __str__(self) -> str:
        said = str(replace(self.problem, row=None))
        if not self.rows:
            return said
        which = these_rows(self.rows)
        whole = self.problem.where == "row"
        return f"{which}{said.removeprefix('row')}" if whole else f"{which}, {said}"


def group_problems(problems: Iterable[Problem]) -> list[ProblemGroup]:
    """Equal problems of several rows as one, in the order in which they are met first."""
    rows: dict[Problem, list[int]] = {}
    for problem in problems:
        found = rows.setdefault(replace(problem, row=None), [])
        if problem.row is not None:
            found.append(problem.row)
    return [ProblemGroup(problem, tuple(sorted(set(each)))) for problem, each in rows.items()]
