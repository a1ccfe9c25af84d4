"""How many calls to reckon with: against a plain sum."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, strategies as st

from postiz_async._quota.poisson import GREAT_MEAN, Poisson

LIMITS = [1, 2, 5, 30, 90, 1000]
confidences = st.sampled_from([1 - 1 / (10 * limit) for limit in LIMITS])


def chance(mean: float, most: int) -> float:
    """Of no more than `most` calls, where `mean` come on average."""
    if not mean:
        return 1.0
    logs = (k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(most + 1))
    return math.fsum(math.exp(log) for log in logs)


@given(confidences, st.floats(0, GREAT_MEAN))
def test_a_quantile_is_the_least_number_that_is_enough(confidence: float, mean: float) -> None:
    k = Poisson(confidence).quantile(mean)
    assert chance(mean * (1 - 1e-7), k) >= confidence - 1e-12
    assert k == 0 or chance(mean * (1 + 1e-7), k - 1) < confidence + 1e-12


@given(confidences, st.integers(0, 240))
def test_what_is_bearable_is_the_greatest_mean(confidence: float, k: int) -> None:
    mean = Poisson(confidence).bearable(k)
    if mean <= GREAT_MEAN:
        assert chance(mean, k) == pytest.approx(confidence, abs=1e-9)


@given(confidences, st.integers(0, 2000), st.floats(1e-6, 0.5))
def test_each_is_the_inverse_of_the_other(confidence: float, k: int, part: float) -> None:
    either = Poisson(confidence)
    mean, more = either.bearable(k), either.bearable(k + 1)
    assert mean < more
    assert either.quantile(mean * (1 - 1e-9)) == k
    assert either.quantile(mean + part * (more - mean)) == k + 1


@given(confidences, st.lists(st.integers(0, 100), max_size=8))
def test_it_does_not_depend_on_what_was_asked_before(confidence: float, asked: list[int]) -> None:
    either = Poisson(confidence)
    for number in asked:
        assert either.bearable(number) == Poisson(confidence).bearable(number)
        assert either.quantile(number / 2) == Poisson(confidence).quantile(number / 2)


@pytest.mark.parametrize("confidence", [0.9, 1 - 1 / 900, 1 - 1e-9, 1.0])
def test_great_averages_are_told_on_the_careful_side(confidence: float) -> None:
    """More than such a number would be left by the sum itself, and not much more."""
    either, sure = Poisson(confidence), min(confidence, 1 - 1e-6)
    for k in (300, 1000, 3000):
        assert chance(either.bearable(k), k) >= sure
        assert either.bearable(k) > 0.7 * k
    many = [either.quantile(mean) for mean in (GREAT_MEAN, 1000.0, 1e6, 1e300, math.inf)]
    assert all(less <= more for less, more in pairwise(many))


@pytest.mark.parametrize("confidence", [0.9, 1 - 1 / 900])
def test_the_sum_and_its_continuation_meet(confidence: float) -> None:
    most = next(k for k in range(2_000) if Poisson(confidence).bearable(k) > GREAT_MEAN)
    means = [Poisson(confidence).bearable(k) for k in range(most - 3, most + 4)]
    assert all(0.5 < more - less < 1.5 for less, more in pairwise(means))


def test_an_average_of_nothing_is_nothing() -> None:
    assert Poisson(0.99).quantile(0.0) == 0


def test_by_a_plain_sum() -> None:
    terms = [math.exp(-4) * 4**k / math.factorial(k) for k in range(20)]
    expected = next(k for k, total in enumerate(accumulate(terms)) if total >= 0.99)
    assert Poisson(0.99).quantile(4.0) == expected == 9
