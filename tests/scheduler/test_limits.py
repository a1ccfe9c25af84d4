"""How much bulk work may be in flight."""

from __future__ import annotations

import pytest

from postiz_async._scheduler.limits import MAX_CREATES, MAX_POSTS, MIN_POSTS, ConcurrencyLimit


def flown(budget: ConcurrencyLimit, posts: int, seconds: float | None) -> ConcurrencyLimit:
    return budget.started(posts).ended(posts, seconds)


def test_one_alone_may_always_leave() -> None:
    assert ConcurrencyLimit().admits(10_000)
    assert ConcurrencyLimit(max_posts=MIN_POSTS).admits(500)


@pytest.mark.parametrize(
    ("posts", "creates", "more", "admitted"),
    [
        (40, 1, 60, True),
        (40, 1, 61, False),
        (3, MAX_CREATES - 1, 1, True),
        (4, MAX_CREATES, 1, False),
        (0, MAX_CREATES, 0, False),
    ],
)
def test_posts_and_creates_are_bounded(
    *, posts: int, creates: int, more: int, admitted: bool
) -> None:
    assert ConcurrencyLimit(posts=posts, creates=creates).admits(more) is admitted


def test_what_lands_is_not_in_flight_any_more() -> None:
    budget = ConcurrencyLimit().started(30).started(20)
    assert (budget.posts, budget.creates) == (50, 2)
    budget = budget.ended(30, 6.0).ended(20, None)
    assert (budget.posts, budget.creates) == (0, 0)


@pytest.mark.parametrize(
    ("posts", "seconds", "most"),
    [
        (30, 4.9, 130),
        (1, 0.1, 110),
        (30, 5.0, 100),
        (30, 15.0, 100),
        (30, 15.1, 50),
        (30, None, 100),
    ],
)
def test_quick_answers_let_more_go_and_slow_ones_halve_it(
    posts: int, seconds: float | None, most: int
) -> None:
    assert flown(ConcurrencyLimit(), posts, seconds).max_posts == most


def test_the_budget_has_bounds() -> None:
    budget = ConcurrencyLimit()
    for _ in range(50):
        budget = flown(budget, 300, 1.0)
    assert budget.max_posts == MAX_POSTS
    for _ in range(50):
        budget = flown(budget, 300, 60.0)
    assert budget.max_posts == MIN_POSTS


def test_a_request_carries_what_the_server_does_in_fifteen_seconds() -> None:
    assert ConcurrencyLimit().request_posts == 300
    budget = ConcurrencyLimit()
    for _ in range(30):
        budget = flown(budget, 100, 20.0)
    assert budget.request_posts == pytest.approx(75, abs=1)
    for _ in range(30):
        budget = flown(budget, 100, 0.5)
    assert budget.request_posts == pytest.approx(3000, abs=5)


def test_few_posts_and_lost_answers_say_nothing_about_the_rate() -> None:
    budget = flown(ConcurrencyLimit(), 9, 60.0)
    assert flown(budget, 100, None).rate == ConcurrencyLimit().rate


def test_a_rate_is_never_so_low_that_nothing_could_be_sent() -> None:
    budget = ConcurrencyLimit()
    for _ in range(200):
        budget = flown(budget, 10, 10_000.0)
    assert budget.request_posts == 1


def test_an_answer_in_no_time_is_no_division_by_zero() -> None:
    assert flown(ConcurrencyLimit(), 100, 0.0).rate > 1000
