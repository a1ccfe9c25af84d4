"""How many lists it takes where posts are repeated daily, which every list shows from their start.

Claim: with 6 or 60 of them, a year or five years old, a 20-row campaign, `posts.list` over a month
and `posts.get` of an unknown id take at most one list a chunk more than without any. The last
columns show why: chunks whose length follows the length of the answer, between the same bounds as
before (an hour for iter and get, 15 minutes for a campaign) and up to 100,000 lists, over the
same ranges. Run: python benchmarks/listing.py
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlsplit

from figures import Figure, note
from msgspec.structs import replace

from postiz_async import AdvancedOptions, Channel, NewPost, Postiz, PostNotFoundError
from postiz_async._resources.create_body import build_body, build_item
from postiz_async._sandbox import MemoryServer
from postiz_async.clock import JumpingClock
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from postiz_async._wire import WireRequest, WireResponse

START = datetime(2027, 1, 1, 8, tzinfo=UTC)
DAY, YEAR = timedelta(days=1), timedelta(days=365)
TICK = timedelta(milliseconds=1)
ROWS = 20
QUERY = ("startDate", "endDate")

MOST = 100_000
"""Lists up to which the other way is followed."""


class Counting(SandboxTransport):
    """Remembers the ranges that were listed."""

    def __init__(self, sandbox: MemoryServer) -> None:
        super().__init__(sandbox)
        self.ranges: list[tuple[datetime, datetime]] = []

    async def send(self, request: WireRequest) -> WireResponse:
        url = urlsplit(request.url)
        if request.method == "GET" and url.path.endswith("/posts"):
            query = parse_qs(url.query)
            start, end = (datetime.fromisoformat(query[name][0]) for name in QUERY)
            self.ranges.append((start, end))
        return await super().send(request)


class World(NamedTuple):
    """A number of daily posts and their age."""

    repeating: int
    age: timedelta

    def entries(self, end: datetime) -> int:
        """How long an answer is that ends then, apart from posts that are not repeated."""
        return self.repeating * max(0, (end - START + self.age) // DAY + 1)


async def campaign(postiz: Postiz) -> None:
    """20 rows, one a day."""
    rows = [
        {"channel": "telegram", "date": (START + n * DAY).isoformat(), "content": f"post {n}"}
        for n in range(1, ROWS + 1)
    ]
    with TemporaryDirectory() as folder:
        async with postiz.campaign(rows, journal=Path(folder) / "journal") as campaign:
            assert (await campaign.run()).complete


async def month(postiz: Postiz) -> None:
    async for _ in postiz.posts.list(start=START, end=START + 30 * DAY):
        pass


async def unknown(postiz: Postiz) -> None:
    try:
        await postiz.posts.get("nope")
    except PostNotFoundError:
        return
    raise AssertionError("it was found")


class Work(NamedTuple):
    """Something that lists, and the chunks that it used: first, shortest, longest."""

    do: Callable[[Postiz], Awaitable[None]]
    first: timedelta
    shortest: timedelta
    longest: timedelta


WORK = {
    "campaign": Work(campaign, DAY, DAY / 96, DAY),
    "iter, a month": Work(month, 7 * DAY, DAY / 24, 62 * DAY),
    "get, unknown": Work(unknown, 7 * DAY, DAY / 24, 62 * DAY),
}


async def lists_of(world: World, work: Work) -> list[tuple[datetime, datetime]]:
    """The ranges that are listed for some work."""
    async with MemoryServer(clock=JumpingClock(START.timestamp()), limit=1_000) as sandbox:
        telegram = sandbox.add_channel("telegram")
        channel = Channel(id=telegram.id, name="us", provider="telegram")
        transport = Counting(sandbox)
        async with Postiz(
            api_key=sandbox.organization.api_key,
            base_url="http://sandbox.invalid",
            advanced=AdvancedOptions(clock=sandbox.clock, transport=transport),
        ) as postiz:
            if world.repeating:
                new = [NewPost(channel, f"daily {n}") for n in range(world.repeating)]
                items = [build_item(each, channel) for each in new]
                body = replace(build_body("draft", START - world.age, items), inter=1)
                await postiz.posts.send(body, validate=False)
            await work.do(postiz)
        return transport.ranges


def by_length(world: World, work: Work, ranges: list[tuple[datetime, datetime]]) -> int:
    """Lists over the same ranges when chunks follow the length of the answers."""
    count, chunk = 0, work.first
    for start, end in _joined(ranges):
        cursor = start
        while cursor <= end and count < MOST:
            until = min(end, cursor + chunk - TICK)
            count += 1
            if world.entries(until) > 2_000:
                chunk = max(work.shortest, chunk / 2)
            elif world.entries(until) < 500:
                chunk = min(work.longest, chunk * 2)
            cursor = until + TICK
    return count


def _joined(ranges: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Ranges of which one begins where the one before it ends, as one."""
    joined: list[tuple[datetime, datetime]] = []
    for start, end in ranges:
        if joined and joined[-1][1] + TICK == start:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined


async def main() -> None:
    print(f"{'work':15}{'repeating':>10}{'years':>7}{'lists':>7}{'without':>9}{'by length':>11}")
    for name, work in WORK.items():
        without = len(await lists_of(World(0, YEAR), work))
        for world in [World(n, age) for n in (0, 6, 60) for age in (YEAR, 5 * YEAR)]:
            ranges = await lists_of(world, work)
            old = by_length(world, work, ranges)
            years = world.age // YEAR
            print(
                f"{name:15}{world.repeating:10}{years:7}{len(ranges):7}{without:9}{old:11,}",
                flush=True,
            )
            what = f"lists for {name}, {world.repeating} repeating, {years} years"
            note(Figure(name=what, value=len(ranges), unit="lists", baseline="without repeating",
                        base=without, compared="ratio", target=2))  # fmt: skip
            assert len(ranges) <= 2 * without, "more than one list a chunk more"


if __name__ == "__main__":
    asyncio.run(main())
