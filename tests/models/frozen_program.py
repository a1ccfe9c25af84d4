"""A program whose first calls find `datetime` replaced in all modules, as by freezegun."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys
from datetime import timedelta
from pathlib import Path

from postiz_async import CampaignRow, NewPost, Post
from postiz_async.testing import Sandbox

REAL = dt.datetime


class _Frozen(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, REAL)


class FrozenDatetime(REAL, metaclass=_Frozen):
    """Real dates are of it, and what is made with it is of no other type."""


def replace(old: type, new: type) -> None:
    """What a module imports later is replaced too."""
    dt.datetime = new  # type: ignore[misc]
    for module in list(sys.modules.values()):
        if module.__name__.startswith("postiz_async"):
            for name, value in list(vars(module).items()):
                if value is old:
                    setattr(module, name, new)


async def work(folder: Path) -> None:
    """Send and read dates by all ways."""
    local = Sandbox()
    channel = local.add_channel("mastodon")
    at = dt.datetime.fromtimestamp(local.clock.time() + 7_200, dt.UTC)
    async with local.client() as postiz:
        await postiz.posts.schedule(NewPost(channel, "Hello"), at=at)
        await postiz.posts.schedule(NewPost(channel, "Hello"), at=at, idempotency_key="k")
        rows = [CampaignRow(channel=channel.id, at=at, content="A row")]
        async with postiz.campaign(
            rows, journal=folder / f"{type(at).__name__}.journal"
        ) as campaign:
            assert (await campaign.run()).complete
        day = timedelta(days=1)
        listed = await postiz.posts.list(start=at - day, end=at + day)
        assert [post.publish_date.replace(microsecond=0) for post in listed] == [at] * 3
        await postiz.notifications.list()
    mine = Post(id="1", publish_date=at)
    assert Post.from_dict(json.loads(mine.to_json())) == mine
    from postiz_async import webhooks  # noqa: PLC0415 - while `datetime` is replaced

    assert webhooks.parse('[{"id":"1","publishDate":"2030-01-01T00:00:00Z"}]')[0].publish_date


if __name__ == "__main__":
    home = Path(sys.argv[1])
    replace(REAL, FrozenDatetime)
    asyncio.run(work(home))
    replace(FrozenDatetime, REAL)
    asyncio.run(work(home))
