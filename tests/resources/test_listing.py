"""Walking through a range of posts, piece by piece."""

from __future__ import annotations

import weakref
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from postiz_async._resources.listing import pieces
from postiz_async.models.posts import Post

START = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")


class Answer(list[Post]):
    """A list whose end can be seen."""


async def test_an_answer_is_let_go_before_the_next_is_asked_for() -> None:
    known: list[weakref.ref[Answer]] = []

    async def list_posts(*, start: datetime, end: datetime) -> list[Post]:
        assert all(ref() is None for ref in known)
        days = (START + n * DAY for n in range(100))
        inside = [day for day in days if start <= day <= end]
        answer = Answer(Post(id=f"{day:%j}", publish_date=day) for day in reversed(inside))
        known.append(weakref.ref(answer))
        return answer

    found: list[str] = []
    async for posts in pieces(list_posts, START, START + 99 * DAY, accepts=None):
        found += [post.id for post in posts]
        posts.clear()
    assert found == [f"{n:03}" for n in range(1, 101)]
    assert len(known) > 2


@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 1), (1, 1)])
async def test_an_hour_that_comes_twice_is_two_hours(first: int, last: int) -> None:
    hours = [datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=BERLIN) for fold in (0, 1)]
    stored = [Post(id=f"{n}", publish_date=hour.astimezone(UTC)) for n, hour in enumerate(hours)]

    async def list_posts(*, start: datetime, end: datetime) -> list[Post]:
        return stored

    ends = (hours[first].replace(microsecond=999), hours[last])  # the server keeps milliseconds
    found = [post.id async for posts in pieces(list_posts, *ends, accepts=None) for post in posts]
    assert found == [f"{n}" for n in range(first, last + 1)]
