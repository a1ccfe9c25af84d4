"""What a process does that is started anew, as on macOS and Windows, where nothing is inherited."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from postiz_async import NewPost, Postiz, blocking
from postiz_async.models.posts import Created
from postiz_async.stores.sqlite import SqliteStore


def schedule(post: NewPost, key: str, url: str, quota: Path) -> list[Created]:
    """Schedule a post in an event loop of the process's own."""

    async def main() -> list[Created]:
        async with Postiz(api_key=key, base_url=url, store=SqliteStore(quota)) as postiz:
            return await postiz.posts.schedule(post, at=_tomorrow(), max_wait=0)

    return asyncio.run(main())


def schedule_blocking(post: NewPost, key: str, url: str, quota: Path) -> list[Created]:
    """The same without an event loop."""
    with blocking.Postiz(api_key=key, base_url=url, store=SqliteStore(quota)) as postiz:
        return postiz.posts.schedule(post, at=_tomorrow(), max_wait=0)


def _tomorrow() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)
