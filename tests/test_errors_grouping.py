"""Rows that have something in common are named once."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from postiz_async.errors import Problem, describe_rows, group_problems, row_ranges

NUMBERS = st.lists(st.integers(1, 300), min_size=1)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([], ""),
        ([3], "3"),
        ([4, 3], "3, 4"),
        ([3, 4, *range(7, 17)], "3, 4, 7-16"),
        ([5, 5, 6, 7], "5-7"),
        (range(2, 40, 2), "2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24 and 7 more"),
    ],
)
def test_neighbours_are_a_range(numbers: list[int], said: str) -> None:
    assert row_ranges(numbers) == said


@given(NUMBERS)
def test_ranges_name_each_row_once(numbers: list[int]) -> None:
    named: list[int] = []
    for part in row_ranges(numbers, most=1000).split(", "):
        first, _, last = part.partition("-")
        named += range(int(first), int(last or first) + 1)
    assert named == sorted(set(numbers))


@given(NUMBERS, st.integers(1, 12))
def test_what_is_not_named_is_counted(numbers: list[int], most: int) -> None:
    said = row_ranges(numbers, most)
    rest = re.search(r" and ([\d,]+) more$", said)
    named = said[: rest.start()] if rest else said
    parts = [part.partition("-") for part in named.split(", ")]
    assert len(parts) <= most
    shown = sum(int(last or first) - int(first) + 1 for first, _, last in parts)
    assert shown + (int(rest.group(1)) if rest else 0) == len(set(numbers))


def test_one_row_has_no_brackets() -> None:
    assert describe_rows([7, 7]) == "row 7"
    assert describe_rows([3, 4, *range(7, 17)]) == "12 rows (3, 4, 7-16)"


def test_equal_problems_of_rows_are_one() -> None:
    late = Problem("date", "is over", hint="give a later one")
    found = group_problems(
        [
            Problem("date", "is over", row=3, hint="give a later one"),
            Problem("content", "is empty", row=3),
            Problem("date", "is over", row=4, hint="give a later one"),
            Problem("date", "is over", row=4, hint="give a later one"),
            Problem("date", "is over", row=5, severity="warning"),
            Problem("file", "has no rows"),
        ]
    )
    assert [(each.problem, each.rows) for each in found] == [
        (late, (3, 4)),
        (Problem("content", "is empty"), (3,)),
        (Problem("date", "is over", severity="warning"), (5,)),
        (Problem("file", "has no rows"), ()),
    ]
    assert list(map(str, found)) == [
        "2 rows (3, 4), date: is over (give a later one)",
        "row 3, content: is empty",
        "row 5, date: is over",
        "file: has no rows",
    ]
