"""An agency on one Redis: many organisations that create at once, from several processes.

Claim: with the default connections of `RedisStore` (a bounded number, for which calls wait) all
creates of 200 organisations in each of two processes end, none of them is refused by Postiz (429)
and none by Redis. Baseline in the same run: a connection for each call that has none, as redis-py
does it by itself, on a server with the usual `maxclients` and on one that takes few.

The sandbox is a process of its own and answers at once, so most of the time is ours. Needs a
redis-server as the tests find one. Run: python benchmarks/redis_tenants.py
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import multiprocessing
import resource
import statistics
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from figures import Figure, note, skip

from postiz_async import NewPost, PostizError, PostizPool
from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve
from postiz_async.stores.redis import RedisStore

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from redis_server import redis_server, why_no_redis

from postiz_async import AdvancedOptions

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

CREATES = 4
UNBOUNDED = "?max_connections=1000000"
SCARCE = 40
"""Clients that a small Redis takes."""


class Way(NamedTuple):
    """How a store connects, and to which server."""

    name: str
    query: str
    """At the end of the address of Redis."""
    options: tuple[str, ...] = ()
    """Of the server."""


WAYS = (
    Way("default connections", ""),
    Way("unbounded connections", UNBOUNDED),
    Way(f"default, maxclients {SCARCE}", "", ("--maxclients", str(SCARCE))),
    Way(f"unbounded, maxclients {SCARCE}", UNBOUNDED, ("--maxclients", str(SCARCE))),
)


class Share(NamedTuple):
    """What one process did."""

    seconds: list[float]
    failed: dict[str, int]
    peak: float
    """Memory, MB."""


# ------------------------------------------------------------------ the server


async def _served(organizations: int, pipe: Connection) -> None:
    async with MemoryServer(work_per_post=0.0) as sandbox, serve(sandbox) as served:
        channels = []
        for number in range(organizations):
            each = sandbox.add_organization(api_key=f"key-{number}")
            channels.append(sandbox.add_channel("mastodon", organization=each).id)
        pipe.send((served.url, served.api_url, channels))
        await asyncio.to_thread(pipe.recv)
        pipe.send((len(sandbox.creates), sandbox.refusals))


def serve_sandbox(organizations: int, pipe: Connection) -> None:
    asyncio.run(_served(organizations, pipe))


# ------------------------------------------------------------------ a process of the agency


async def _created(api_url: str, redis: str, channels: list[str], pipe: Connection) -> Share:
    store = RedisStore(redis)
    at = datetime.now(UTC) + timedelta(days=1)
    seconds, failed = list[float](), Counter[str]()
    async with PostizPool(
        base_url=api_url, store=store, advanced=AdvancedOptions(politeness=None)
    ) as pool:

        async def create(number: int) -> None:
            begun = time.perf_counter()
            try:
                postiz = await pool.client(f"key-{number}", organization=f"organization {number}")
                await postiz.posts.schedule(NewPost(channels[number], "hello"), at=at)
            except PostizError as error:
                failed[f"{type(error).__name__}: {str(error).splitlines()[0][:110]}"] += 1
            seconds.append(time.perf_counter() - begun)

        pipe.send("ready")
        await asyncio.to_thread(pipe.recv)
        await asyncio.gather(*(create(n) for n in range(len(channels)) for _ in range(CREATES)))
    await store.aclose()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Share(seconds, dict(failed), peak)


def create_all(api_url: str, redis: str, channels: list[str], pipe: Connection) -> None:
    pipe.send(asyncio.run(_created(api_url, redis, channels, pipe)))


# ------------------------------------------------------------------ a run


def started(work: Any, *arguments: object) -> tuple[Connection, Any]:
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=work, args=(*arguments, there))
    process.start()
    return here, process


def run(way: Way, organizations: int, processes: int) -> bool:
    """One line of the table; whether everything ended well."""
    with redis_server(*way.options) as redis:
        server, serving = started(serve_sandbox, organizations)
        _, api_url, channels = server.recv()
        arguments = (api_url, redis.url + way.query, channels)
        shares = [started(create_all, *arguments) for _ in range(processes)]
        for pipe, _ in shares:
            pipe.recv()
        begun = time.perf_counter()
        for pipe, _ in shares:
            pipe.send("go")
        done: list[Share] = [pipe.recv() for pipe, _ in shares]
        took = time.perf_counter() - begun
        server.send("end")
        creates, refusals = server.recv()
        for process in (serving, *(each for _, each in shares)):
            process.join()
    every = sorted(second for share in done for second in share.seconds)
    failed = sum((Counter(share.failed) for share in done), Counter[str]())
    print(
        f"{way.name:26}{len(every):8,}{creates:9,}{failed.total():8,}{refusals:6}{took:8.1f}"
        f"{statistics.median(every):9.1f}{every[-1]:8.1f}{max(s.peak for s in done):9.0f}"
    )
    goal = 0 if way is WAYS[0] else None
    for what, value in (("failed calls", failed.total()), ("429s", refusals)):
        note(Figure(name=f"{way.name}: {what}", value=value, unit="calls", target=goal))
    note(Figure(name=f"{way.name}: a call, median", value=statistics.median(every), unit="s"))
    for said, count in failed.most_common(3):
        print(f"    {count:,} x {said}")
    return not failed and not refusals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--organizations", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    if why_no_redis():
        skip(why_no_redis())
        return
    logging.disable(logging.WARNING)
    what = f"{options.organizations} organisations x {CREATES} creates"
    print(f"{what} x {options.processes} processes")
    print(f"{'':26}{'calls':>8}{'stored':>9}{'failed':>8}{'429s':>6}{'s':>8}", end="")
    print(f"{'median':>9}{'worst':>8}{'MB each':>9}")
    well = [run(way, options.organizations, options.processes) for way in WAYS]
    sys.exit(0 if well[0] else 1)


if __name__ == "__main__":
    main()
