"""Days are listed once, in pieces that the server can bear."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from postiz_async.clock import JumpingClock
from postiz_async.delivery.listing import DAY, LONGEST, SHORTEST, Calendar
from postiz_async.models.posts import Post

if TYPE_CHECKING:
    from postiz_async.clock import Clock

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
MIDNIGHT = NOON.replace(hour=0)


class Server:
    """Lists posts, each answer in so many seconds, and remembers what it was asked."""

    def __init__(self, clock: Clock, posts: list[Post], seconds: float = 0.0) -> None:
        self.asked: list[tuple[datetime, datetime]] = []
        self._clock = clock
        self._posts = posts
        self._seconds = seconds

    async def __call__(self, *, start: datetime, end: datetime) -> list[Post]:
        self.asked.append((start, end))
        await self._clock.sleep(self._seconds)
        return [post for post in self._posts if start <= post.publish_date <= end]


def spread(count: int, over: timedelta) -> list[Post]:
    return [Post(id=f"p{n}", publish_date=MIDNIGHT + over * n / count) for n in range(count)]


async def test_a_day_is_asked_for_once_whatever_its_moments() -> None:
    clock = JumpingClock()
    server = Server(clock, spread(48, DAY))
    calendar = Calendar(server, clock)
    await calendar.look([NOON, MIDNIGHT, NOON + timedelta(hours=11, minutes=59)])
    await calendar.look([NOON])
    assert server.asked == [(MIDNIGHT, MIDNIGHT + DAY - timedelta(milliseconds=1))]
    assert len(calendar.posts) == len(calendar.moments()) == 48


@pytest.mark.parametrize(("count", "seconds"), [(9_000, 0.0), (48, 1.5)])
async def test_pieces_get_shorter_where_answers_are_large_or_slow(
    count: int, seconds: float
) -> None:
    clock = JumpingClock()
    server = Server(clock, spread(count, 3 * DAY), seconds)
    calendar = Calendar(server, clock)
    await calendar.look(MIDNIGHT + n * DAY for n in range(3))
    assert len(calendar.posts) == count
    lengths = [end - start for start, end in server.asked]
    assert lengths[0] > lengths[-1] >= SHORTEST - timedelta(milliseconds=1)
    ends = [end for _, end in server.asked]
    starts = [start for start, _ in server.asked]
    assert all(b - a == timedelta(milliseconds=1) for a, b in zip(ends, starts[1:], strict=False))


async def test_a_search_grows_its_pieces_and_stops_when_all_is_found() -> None:
    clock = JumpingClock()
    wanted = Post(id="wanted", publish_date=MIDNIGHT + 200 * DAY)
    server = Server(clock, [wanted])
    calendar = Calendar(server, clock)
    await calendar.search(["wanted"], MIDNIGHT, MIDNIGHT + 3_000 * DAY)
    assert calendar.posts == {"wanted": wanted}
    assert len(server.asked) < 12
    assert max(end - start for start, end in server.asked) <= LONGEST
    await calendar.search(["wanted"], MIDNIGHT, MIDNIGHT + 3_000 * DAY)
    assert len(server.asked) < 12
