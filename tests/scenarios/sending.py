"""The recipe of a careful user: what became of a lost answer is looked up, and then sent again."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from postiz_async import NewPost, Priority
from postiz_async.client import opened
from postiz_async.errors import DeliveryUnknownError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postiz_async import Postiz

__all__ = ["date_of", "send_all", "text_of"]

FIRST = datetime(2035, 1, 1, tzinfo=UTC)


def date_of(number: int) -> datetime:
    """When post `number` is due: each has a minute of its own."""
    return FIRST + timedelta(minutes=number)


def text_of(number: int) -> str:
    return f"post {number}"


async def send_all(
    postiz: Postiz,
    channel: str,
    numbers: Iterable[int],
    *,
    workers: int,
    priority: Priority,
    announced: bool = False,
) -> None:
    """Schedule a post for each number, `workers` at once; returns when all are stored.

    `announced`: it says how many are to come, as a batch does.
    """
    todo, queue = deque(numbers), opened(postiz).scheduler.queue

    async def worker() -> None:
        while todo:
            if announced:
                queue.expect(-1)
            await _store(postiz, channel, todo.popleft(), priority)

    if announced:
        queue.announcers += 1
        queue.expect(len(todo))
    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    queue.announcers -= announced


async def _store(postiz: Postiz, channel: str, number: int, priority: Priority) -> None:
    post, at = NewPost(channel, text_of(number)), date_of(number)
    while True:
        try:
            await postiz.posts.schedule(post, at=at, priority=priority)
        except DeliveryUnknownError:
            if await _is_stored(postiz, at):
                return
        else:
            return


async def _is_stored(postiz: Postiz, at: datetime) -> bool:
    return any(post.publish_date == at for post in await postiz.posts.list(start=at, end=at))
