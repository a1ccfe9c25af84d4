"""Which cases of one law run in the suite, and which beside it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

__all__ = ["spread"]


def spread(cases: Iterable[object], *, every: int) -> list[object]:
    """Cases for `parametrize`, of which the first of each `every` runs in the suite.

    Args:
        cases: like cases; a tuple has the values of several arguments.
        every: how many are for one that runs; the others are exhaustive.
    """
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            marks=() if number % every == 0 else pytest.mark.exhaustive,
        )
        for number, case in enumerate(cases)
    ]
