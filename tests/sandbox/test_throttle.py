"""The counters, against the numbers of the contract and a worked example of each edge."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st
from throttle_in_memory import MemoryThrottle

from postiz_async._sandbox.throttle import Throttle, ThrottleDecision


def values(verdict: ThrottleDecision) -> tuple[int, ...] | int:
    """Remaining and reset of an admission, the wait of a refusal."""
    headers = dict(verdict.headers)
    if not verdict.allowed:
        assert list(headers) == ["Retry-After"]
        return int(headers["Retry-After"])
    assert list(headers) == ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"]
    return int(headers["X-RateLimit-Remaining"]), int(headers["X-RateLimit-Reset"])


def hits(throttle: Throttle, *times: float, key: str = "org") -> list[tuple[int, ...] | int]:
    return [values(throttle.hit(key, time)) for time in times]


def test_redis_counts_down_and_blocks_for_a_window_of_its_own() -> None:
    throttle = Throttle(30)
    assert hits(throttle, *[0.0] * 30) == [(left, 3600) for left in range(29, -1, -1)]
    assert hits(throttle, 1) == [3600]
    assert hits(throttle, 3000) == [601]
    assert hits(throttle, 3600.5) == [1]
    assert hits(throttle, 3601.001) == [(28, 3600)]


def test_redis_gives_the_full_limit_after_silence() -> None:
    throttle = Throttle(30)
    hits(throttle, *[0.0] * 30, 1)
    assert hits(throttle, 3602) == [(29, 3600)]


def test_redis_locks_out_for_ever_who_retries_as_fast_as_the_quota_was_used_up() -> None:
    throttle = Throttle(30)
    times = [60.0 * count for count in range(31)]
    times += [1800 + 49.9 * count for count in range(1, 1000)]
    admitted = [not isinstance(value, int) for value in hits(throttle, *times)]
    assert admitted == [True] * 30 + [False] * 1000


def test_redis_in_the_very_millisecond_of_an_expiry() -> None:
    throttle = Throttle(2)
    assert hits(throttle, 0, 3600) == [(1, 3600), (0, 3600)], "hits live on with a new life"
    throttle = Throttle(1)
    hits(throttle, 0, 0)
    assert hits(throttle, 3600) == [(0, 3600)], "the block has no time left and all starts anew"


def test_redis_rounds_up() -> None:
    throttle = Throttle(2, window=20)
    assert hits(throttle, 0, 0.001) == [(1, 20), (0, 20)]
    assert hits(throttle, 0.999, 1.0, 20.998) == [20, 20, 1]


def test_keys_do_not_share_a_window() -> None:
    throttle = Throttle(1)
    assert hits(throttle, 0, key="a") == hits(throttle, 0, key="b")


def test_memory_slides() -> None:
    throttle = MemoryThrottle(3, window=100)
    assert hits(throttle, 0, 50, 60) == [(2, 100), (1, 50), (0, 40)]
    assert hits(throttle, 100, 150) == [(0, 100), (0, 50)], "one hit expired before each"


def test_memory_blocks_for_exactly_a_window_however_often_one_retries() -> None:
    throttle = MemoryThrottle(2, window=100)
    hits(throttle, 0, 10)
    assert hits(throttle, 20) == [100]
    assert hits(throttle, *range(21, 120)) == list(range(99, 0, -1))
    assert hits(throttle, 120)[0] == (1, 80), "full again; the marker goes on from 100"


def test_memory_restart_of_one_key_freezes_the_hits_of_all_others() -> None:
    throttle = MemoryThrottle(2, window=100)
    hits(throttle, 0, 0, 0, key="noisy")
    hits(throttle, 90, key="quiet")
    assert values(throttle.hit("noisy", 101)) == (1, 100)
    assert hits(throttle, 500, key="quiet") == [(0, 100)], "the hit of 90 never expired"
    assert hits(throttle, 501, key="quiet") == [100]
    assert hits(throttle, 601, key="quiet") == [(1, 100)], "until the key itself was blocked"


@pytest.mark.parametrize("kind", [Throttle, MemoryThrottle])
def test_a_malformed_limit_switches_the_limit_off(kind: type[Throttle]) -> None:
    throttle = kind(math.nan)
    for _ in range(5):
        verdict = throttle.hit("org", 0)
    assert verdict.allowed
    assert [value for _, value in verdict.headers] == ["NaN", "NaN", "3600"]


@pytest.mark.parametrize("kind", [Throttle, MemoryThrottle])
@given(
    limit=st.integers(1, 4),
    left=st.floats(1, 3600).map(lambda seconds: round(seconds, 3)),
    later=st.lists(st.floats(0, 9000).map(lambda seconds: round(seconds, 3)), max_size=12),
)
def test_a_block_on_demand_is_one_that_a_burst_of_others_led_to(
    kind: type[Throttle], limit: int, left: float, later: list[float]
) -> None:
    others, demanded = kind(limit), kind(limit)
    hits(others, *[10_000 + left - 3600] * (limit + 1))
    demanded.block("org", 10_000, left)
    times = [10_000 + after for after in sorted(later)]
    assert hits(demanded, *times) == hits(others, *times)


@pytest.mark.parametrize("limit", [math.nan, math.inf])
def test_without_a_limit_nobody_is_locked_out(limit: float) -> None:
    with pytest.raises(ValueError, match="there is no limit"):
        Throttle(limit).block("org", 0, 1)
