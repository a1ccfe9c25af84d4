"""Days are listed once, in pieces that the server can bear."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import cycle, pairwise

from hypothesis import given, settings, strategies as st

from postiz_async._delivery.listing import DAY, Calendar
from postiz_async._resources.listing import FEW, LONGEST_CHUNK, MANY, SHORTEST_CHUNK, Chunk, Chunks
from postiz_async.clock import Clock, JumpingClock
from postiz_async.models.posts import Post

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
MIDNIGHT = NOON.replace(hour=0)
TICK = timedelta(milliseconds=1)


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
    calendar = Calendar(server)
    await calendar.look([NOON, MIDNIGHT, NOON + timedelta(hours=11, minutes=59)])
    await calendar.look([NOON])
    assert server.asked == [(MIDNIGHT, MIDNIGHT + DAY - timedelta(milliseconds=1))]
    assert len(calendar.posts) == len(calendar.moments()) == 48


async def test_chunks_get_shorter_where_many_posts_lie_inside() -> None:
    server = Server(JumpingClock(), spread(27_000, 9 * DAY))
    calendar = Calendar(server)
    await calendar.look(MIDNIGHT + n * DAY for n in range(9))
    assert len(calendar.posts) == 27_000
    lengths = [end - start for start, end in server.asked]
    assert lengths[0] > lengths[-1] >= SHORTEST_CHUNK - TICK
    assert_seamless(server.asked)


async def test_a_slow_answer_is_not_split_since_its_time_does_not_get_less() -> None:
    server = Server(JumpingClock(), spread(48, 9 * DAY), seconds=20.0)
    await Calendar(server).look(MIDNIGHT + n * DAY for n in range(9))
    assert len(server.asked) == 2


async def test_days_near_each_other_are_asked_for_together() -> None:
    server = Server(JumpingClock(), spread(400, 365 * DAY))
    calendar = Calendar(server)
    await calendar.look(MIDNIGHT + n * DAY for n in range(0, 365, 7))
    assert len(server.asked) == 10
    assert_seamless(server.asked)
    await calendar.look([MIDNIGHT + 14 * DAY])
    assert len(server.asked) == 10
    await calendar.look([MIDNIGHT + 1_000 * DAY, MIDNIGHT + 2_000 * DAY])
    assert len(server.asked) == 12


def assert_seamless(asked: list[tuple[datetime, datetime]]) -> None:
    assert all(b[0] - a[1] == TICK for a, b in pairwise(asked))


def daily(count: int, first: datetime, end: datetime) -> list[Post]:
    """Repetitions as the server lists them, from the first date to the end of the range."""
    days = range((end - first) // DAY + 1)
    return [
        Post(id=f"d{n}", publish_date=first + day * DAY, actual_date=first, interval_in_days=1)
        for n in range(count)
        for day in days
    ]


def test_repetitions_never_shorten_a_chunk() -> None:
    chunks = Chunks(first=DAY)
    lengths: list[timedelta] = []
    for chunk in chunks.of(MIDNIGHT, MIDNIGHT + 100 * DAY - TICK):
        lengths.append(chunk.end - chunk.start + TICK)
        chunks.read(chunk, daily(60, NOON - 100 * DAY, chunk.end))
    assert lengths == [n * DAY for n in (1, 2, 4, 8, 16, 32, 37)]


def test_a_repeating_post_counts_once_where_its_own_date_lies() -> None:
    chunks = Chunks(first=30 * DAY)
    first = next(chunks.of(MIDNIGHT, MIDNIGHT + 400 * DAY))
    chunks.read(first, daily(MANY // 30 + 10, NOON, first.end))
    second = next(chunks.of(first.end + TICK, MIDNIGHT + 400 * DAY))
    assert second.end - second.start + TICK == 60 * DAY


def test_what_is_too_much_for_the_shortest_chunk_is_read_as_it_is_and_chunks_grow_again() -> None:
    chunks = Chunks(first=DAY)
    crowd = [Post(id=f"p{n}", publish_date=NOON) for n in range(10_000)]
    asked: list[Chunk] = []
    for chunk in chunks.of(NOON, NOON + DAY - TICK):
        asked.append(chunk)
        listed = [each for each in crowd if chunk.start <= each.publish_date <= chunk.end]
        chunks.read(chunk, listed)
    assert len(asked) == 1
    for _ in range(20):
        chunks.read(Chunk(NOON, NOON + SHORTEST_CHUNK - TICK), crowd)
    asked = list(chunks.of(NOON, NOON + 10 * SHORTEST_CHUNK - TICK))
    assert [chunk.end - chunk.start + TICK for chunk in asked] == [SHORTEST_CHUNK] * 10
    chunks.read(asked[-1], [])
    assert next(chunks.of(NOON, NOON + DAY)) == (NOON, NOON + 2 * SHORTEST_CHUNK - TICK)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([0, FEW, MANY + 1]), min_size=1, max_size=30),
    st.integers(0, 10**10),
    st.integers(1, 10**9),
)
def test_chunks_cover_a_range_without_gaps_or_overlaps(
    counts: list[int], milliseconds: int, first: int
) -> None:
    """The server keeps milliseconds, and what is shorter is not sent."""
    end = MIDNIGHT + milliseconds * TICK
    chunks = Chunks(first=first * TICK)
    asked: list[Chunk] = []
    for chunk, count in zip(chunks.of(MIDNIGHT, end), cycle(counts), strict=False):
        asked.append(chunk)
        chunks.read(chunk, [Post(id=f"p{n}", publish_date=chunk.start) for n in range(count)])
        if len(asked) == 40:
            break
    assert asked[0].start == MIDNIGHT
    assert_seamless([(chunk.start, chunk.end) for chunk in asked])
    assert all(MIDNIGHT <= chunk.start <= chunk.end <= end for chunk in asked)
    assert len(asked) == 40 or asked[-1].end == end


async def test_a_search_grows_its_pieces_and_stops_when_all_is_found() -> None:
    clock = JumpingClock()
    wanted = Post(id="wanted", publish_date=MIDNIGHT + 200 * DAY)
    server = Server(clock, [wanted])
    calendar = Calendar(server)
    await calendar.search(["wanted"], MIDNIGHT, MIDNIGHT + 3_000 * DAY)
    assert calendar.posts == {"wanted": wanted}
    assert len(server.asked) < 12
    assert max(end - start for start, end in server.asked) <= LONGEST_CHUNK
    await calendar.search(["wanted"], MIDNIGHT, MIDNIGHT + 3_000 * DAY)
    assert len(server.asked) < 12
