"""Repeating posts are in every list, however short its range: they must not multiply the lists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from campaign_lab import START, Lab, lists_of, rows
from msgspec.structs import replace

from postiz_async import Channel, NewPost, PostNotFoundError
from postiz_async._client import Postiz
from postiz_async._resources.create_body import build_body, build_item

YEAR = timedelta(days=365)

MOST = 100
"""Requests after which a test ends that would go on for hours."""


async def repeat_daily(lab: Lab, count: int, age: timedelta) -> None:
    """Posts that are repeated every day since a while before the start."""
    if not count:
        return
    channel = Channel(id=lab.channel("mastodon"), name="daily", provider="mastodon")
    items = [build_item(NewPost(channel, f"daily {n}"), channel) for n in range(count)]
    body = replace(build_body("draft", START - age, items), inter=1)
    async with lab.client() as postiz:
        await postiz.posts.send(body, validate=False)


def enough() -> None:
    raise AssertionError(f"more than {MOST} requests")


async def a_year(lab: Lab, postiz: Postiz) -> None:
    found = [post.id async for post in postiz.posts.list(start=START, end=START + YEAR)]
    assert len(found) == 366 * len(set(found))


async def an_unknown_id(lab: Lab, postiz: Postiz) -> None:
    with pytest.raises(PostNotFoundError):
        await postiz.posts.get("nope")


async def a_campaign(lab: Lab, postiz: Postiz) -> None:
    async with lab.campaign(postiz) as campaign:
        assert (await campaign.run()).complete


@pytest.mark.exhaustive
@pytest.mark.parametrize("work", [a_year, an_unknown_id, a_campaign])
async def test_as_many_lists_with_repeating_posts_as_without(
    tmp_path: Path, work: Callable[[Lab, Postiz], Awaitable[object]]
) -> None:
    counts: list[int] = []
    for repeating in (0, 6):
        folder = tmp_path / str(repeating)
        folder.mkdir()
        lab = Lab(folder, limit=1_000)
        async with lab.sandbox:
            await repeat_daily(lab, repeating, 3 * YEAR)
            lab.write(rows([lab.channel("telegram")], 20, step=24))
            async with lab.client() as postiz:
                lab.transport.before[MOST] = enough
                await work(lab, postiz)
            counts.append(lists_of(lab))
    without, with_repeating = counts
    assert with_repeating <= without
    assert without <= 40, "a list a day, and one before each request"
