"""Work that is counted, where a time would say how busy the machine is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

__all__ = ["Calls", "calls_of", "counted_calls", "grows_with_its_input"]


@dataclass
class Calls:
    """How many functions were called, Python's and C's; what one of C's does is not seen."""

    count: int = 0

    def see(self, _: FrameType, event: str, __: object) -> None:
        self.count += event in {"call", "c_call"}


@contextmanager
def counted_calls() -> Iterator[Calls]:
    """Count the calls of a block."""
    calls, before = Calls(), sys.getprofile()
    sys.setprofile(calls.see)
    try:
        yield calls
    finally:
        sys.setprofile(before)


def calls_of(work: Callable[[], object]) -> int:
    """How many calls it takes."""
    with counted_calls() as calls:
        work()
    return calls.count


def grows_with_its_input(work: Callable[[int], object], size: int) -> bool:
    """Whether four times the input is at most five times the work, as a square would not be."""
    work(size)  # caches
    few, many = calls_of(lambda: work(size)), calls_of(lambda: work(4 * size))
    return many <= 5 * few + 100
