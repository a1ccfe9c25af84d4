"""Sizes into requests: the bound below which nothing gets, and packing that keeps both limits."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from postiz_async._campaign.plan.packing import Limits, fewest, pack


@pytest.mark.parametrize(
    ("sizes", "requests"),
    [
        ([50, 50], 1),
        ([60, 60, 60, 1], 3),  # of which no two fit together
        ([40] * 5, 3),  # two in each, however well the bytes would fit
        ([1] * 300, 3),
        ([1] * 301, 4),  # or posts, where bytes are no matter
        ([200], 1),
        ([0, 0], 1),
    ],
)
def test_below_which_number_nothing_fits(sizes: list[int], requests: int) -> None:
    assert fewest(sizes, Limits(body=100, posts=100)) == requests


def test_the_largest_go_first() -> None:
    assert pack([10, 1, 2], Limits(body=10)) == [[0], [1, 2]]


def test_requests_that_are_dealt_keep_the_limit_of_posts() -> None:
    assert pack([1, 3, 6, 10], Limits(body=10, posts=2)) == [[3], [1, 2], [0]]


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=12),
    st.builds(Limits, body=st.sampled_from([10, 20, 30]), posts=st.integers(1, 4)),
)
def test_all_travel_once_within_both_limits_and_not_below_the_bound(
    sizes: list[int], limits: Limits
) -> None:
    packs = pack(sizes, limits)
    assert sorted(place for places in packs for place in places) == list(range(len(sizes)))
    for places in packs:
        assert places == sorted(places)
        assert 0 < len(places) <= limits.posts
        assert sum(sizes[place] for place in places) <= limits.body or len(places) == 1
    assert len(packs) >= fewest(sizes, limits)
