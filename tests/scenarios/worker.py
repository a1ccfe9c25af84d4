"""A process that schedules posts; what it has to do is JSON, its only argument.

It may be started again after a crash: first it looks up what is stored already.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec
from world import OnClock, date_of, send_all

from postiz_async import AdvancedOptions, Postiz, Priority
from postiz_async.clock import AcceleratedClock, Anchor, Clock, SystemClock
from postiz_async.stores import Records
from postiz_async.stores.postgres import PostgresStore
from postiz_async.stores.sqlite import SqliteStore

__all__ = ["Job"]


class Job(msgspec.Struct, kw_only=True):
    """`store` is the address of a server or the path of a file; `anchor` None: the real clock."""

    url: str
    channel: str
    numbers: list[int]
    window: float
    store: str
    speed: float = 1.0
    anchor: tuple[float, float] | None = None

    def clock(self) -> Clock:
        if self.anchor is None:
            return SystemClock()
        return AcceleratedClock(self.speed, anchor=Anchor(*self.anchor))


def open_store(job: Job, clock: Clock) -> Records:
    if not job.store.startswith("postgresql:"):
        return SqliteStore(job.store)
    store = PostgresStore(job.store, connections=2)
    return store if job.anchor is None else OnClock(store, clock)


async def run(job: Job) -> None:
    clock = job.clock()
    store = open_store(job, clock)
    client = Postiz(
        api_key="sandbox",
        base_url=job.url,
        store=store,
        advanced=AdvancedOptions(window=job.window, clock=clock),
    )
    async with client as postiz:
        first, last = date_of(min(job.numbers)), date_of(max(job.numbers))
        stored = {post.publish_date for post in await postiz.posts.list(start=first, end=last)}
        missing = [number for number in job.numbers if date_of(number) not in stored]
        await send_all(postiz, job.channel, missing, workers=8, priority=Priority.BULK)
    await store.aclose()


if __name__ == "__main__":
    asyncio.run(run(msgspec.json.decode(sys.argv[1], type=Job)))
