"""Quantiles of the Poisson distribution: how many calls to expect, given their mean. PURE."""

from __future__ import annotations

import math
from bisect import bisect_left

GREAT_MEAN = 200.0
"""Means above this are approximated by a straight line, which errs on the safe side."""

SUREST = 1.0 - 1e-6
"""Greater confidences are reduced to this one: floating-point sums are not that exact."""


class Poisson:
    """Quantiles of the Poisson distribution for one confidence.

    `bearable(k)` grows with k and `quantile(mean)` is its inverse, so both come from one list.
    """

    def __init__(self, confidence: float) -> None:
        self._confidence = min(confidence, SUREST)
        self._bearable: list[float] = []

    def quantile(self, mean: float) -> int:
        """Least k with P(Poisson(mean) <= k) >= confidence; more above `GREAT_MEAN`."""
        known = self._known(0, mean)
        if mean <= known[-1]:
            return bisect_left(known, mean)
        return len(known) - 1 + math.ceil((min(mean, 1e9) - known[-1]) / _slope(known))

    def bearable(self, k: int) -> float:
        """The greatest mean with P(Poisson(mean) <= k) >= confidence; less above `GREAT_MEAN`."""
        known = self._known(k, 0.0)
        return known[k] if k < len(known) else known[-1] + (k + 1 - len(known)) * _slope(known)

    def _known(self, k: int, mean: float) -> list[float]:
        """The bearable means for 0, 1, 2, ..., up to `k` and the mean, or to `GREAT_MEAN`.

        A longer list replaces the previous one as a whole, because other threads may read it.
        """
        known = self._bearable
        if len(known) > k and known[-1] >= mean:
            return known
        known = list(known)
        while not known or (known[-1] < GREAT_MEAN and (len(known) <= k or known[-1] < mean)):
            known.append(self._solve(known))
        self._bearable = known
        return known

    def _solve(self, known: list[float]) -> float:
        """The next mean, by Newton's method; the chance falls ever faster until it is one half."""
        mean = known[-1] if known else 0.0
        while True:
            term = total = math.exp(-mean)
            for number in range(1, len(known) + 1):
                term *= mean / number
                total += term
            step = (total - self._confidence) / term if term > 0 else 0.25
            mean += min(step, 1.0)
            if abs(step) < 1e-9 * max(1.0, mean):
                return mean


def _slope(known: list[float]) -> float:
    """The difference between the last two means; it grows towards 1."""
    return known[-1] - known[-2]
