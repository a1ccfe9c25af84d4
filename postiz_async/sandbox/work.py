"""Work that takes time, without a task that does it.

Steps wait for their time in a heap, and whoever looks at the state next carries out what is
due. So a request of a hundred posts is one wait instead of a hundred, and still stores its
posts one after another.
"""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Work"]


class Work:
    """Steps by the time at which they are due, on a clock that never steps back."""

    def __init__(self) -> None:
        self._steps: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()

    def add(self, when: float, step: Callable[[], object]) -> None:
        """Let a step wait for its time."""
        heapq.heappush(self._steps, (when, next(self._numbers), step))

    def run_due(self, now: float) -> None:
        """Carry out the steps that are due, in the order of their times."""
        while self._steps and self._steps[0][0] <= now:
            _, _, step = heapq.heappop(self._steps)
            step()
