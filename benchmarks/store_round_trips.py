"""Round trips of one create to the store that processes share, alone and among eight.

Claim: without contention 2 (one to reserve, one to note the answer). A round trip is one look or
one change: one transaction in SQLite, one statement in PostgreSQL, where a change that came too
late costs a second one. Each process sends creates without a pause to a sandbox on loopback that
takes 20 ms for each, with a limit that is never reached; so the contention is the worst that there
can be. PostgreSQL is started as for the tests. Run: python benchmarks/store_round_trips.py
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from contextvars import ContextVar
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import TYPE_CHECKING, Any

import msgspec
from figures import Figure, note, skip

from postiz_async import NewPost, Postiz, Priority
from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve
from postiz_async.stores.postgres import PostgresStore, ddl
from postiz_async.stores.sqlite import SqliteStore
from postiz_async.testing import Sandbox

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from postgres_server import postgres_server, why_no_postgres

if TYPE_CHECKING:
    from postiz_async.stores import Kept, Records

CREATES = 160
"""In each row of the table, shared among its processes."""

NO_LIMIT = 100_000
ROWS = ((1, 1), (1, 8), (4, 1), (8, 1), (8, 4))
"""Processes, and creates at once in each."""

_trips: ContextVar[list[int]] = ContextVar("trips")


class Job(msgspec.Struct, kw_only=True):
    """What a process has to do. `store` is the address of a server or the path of a file."""

    url: str
    channel: str
    store: str
    creates: int
    at_once: int
    begin: float
    """Wall time at which all processes begin."""


class Told(msgspec.Struct):
    """What a process tells: the round trips of each create, and how long it took, in seconds."""

    trips: list[int]
    seconds: list[float]


class Counting:
    """A store that counts round trips for the create in whose context they are made."""

    def __init__(self, store: Records) -> None:
        self._store = store

    async def get(self, scope: str, key: str, /) -> Kept:
        _count()
        return await self._store.get(scope, key)

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        _count()
        return await self._store.swap(scope, key, version, value, keep=keep)

    async def aclose(self) -> None:
        await self._store.aclose()


def _count() -> None:
    _trips.get()[0] += 1


def opened(where: str) -> Records:
    """A store whose round trips are counted."""
    if not where.startswith("postgresql"):
        return Counting(SqliteStore(where))
    store = PostgresStore(where)
    database = store._database  # noqa: SLF001
    run = database._run  # noqa: SLF001

    async def counted(*arguments: Any) -> Any:
        _count()
        return await run(*arguments)

    database._run = counted  # type: ignore[method-assign, assignment]  # noqa: SLF001
    return store


# ------------------------------------------------------------------ a process


async def work(job: Job) -> Told:
    store = opened(job.store)
    told = Told([], [])
    at = Sandbox().in_an_hour()
    _trips.set([0])
    async with Postiz(api_key="sandbox", base_url=job.url, store=store) as postiz:
        await postiz.quota()
        await postiz.channels.list()
        await asyncio.sleep(job.begin - time.time())

        async def create() -> None:
            _trips.set([0])
            begun = time.perf_counter()
            post = NewPost(job.channel, "We are open on Sundays from now on.")
            await postiz.posts.schedule(post, at=at, priority=Priority.BULK)
            told.seconds.append(time.perf_counter() - begun)
            told.trips.append(_trips.get()[0])

        left = iter(range(job.creates))

        async def worker() -> None:
            for _ in left:
                await asyncio.create_task(create())

        await asyncio.gather(*(worker() for _ in range(job.at_once)))
    await store.aclose()
    return told


async def start(job: Job) -> Told:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "--work", msgspec.json.encode(job).decode()),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return msgspec.json.decode(said, type=Told)


# ------------------------------------------------------------------ all of them


async def measure(store: str, processes: int, at_once: int) -> str:
    """One row of the table."""
    async with MemoryServer(limit=NO_LIMIT) as sandbox, serve(sandbox) as served:
        channel = sandbox.add_channel("mastodon").id
        job = Job(
            url=served.url,
            channel=channel,
            store=store,
            creates=1,
            at_once=1,
            begin=time.time(),
        )
        await start(job)  # the window is known when the others begin
        job = msgspec.structs.replace(
            job,
            creates=CREATES // processes,
            at_once=at_once,
            begin=time.time() + 0.5 + 0.5 * processes,
        )
        told = await asyncio.gather(*(start(job) for _ in range(processes)))
        assert sandbox.refusals == 0
        assert len(sandbox.posts) == 1 + CREATES
    trips = [trip for each in told for trip in each.trips]
    taken = [second for each in told for second in each.seconds]
    kind = store.partition(":")[0] if ":" in store else "sqlite"
    if processes == at_once == 1 or processes == 8:
        each = f"{processes} processes, {at_once} at once each" if processes > 1 else "alone"
        goal = 2 if processes == 1 else None
        value = fmean(trips) if processes == 1 else median(trips)
        note(Figure(name=f"{kind}, {each}", value=value, unit="round trips", target=goal))
    return (
        f"{kind:10} {processes:9} {at_once:7} {len(trips):8}"
        f" {fmean(trips):6.2f} {median(trips):6.1f} {quantiles(trips, n=20)[-1]:6.1f}"
        f" {max(trips):5} {median(taken) * 1000:8.0f}   {2 if processes == at_once == 1 else ''}"
    )


async def report() -> None:
    print(f"round trips of a create; {CREATES} creates a row, {NO_LIMIT:,} an hour allowed")
    print("store      processes at once  creates   mean median    p95   max  ms each   target")
    if why_no_postgres():
        skip(why_no_postgres())
    else:
        with postgres_server() as server:
            for processes, at_once in ROWS:
                print(await measure(server.new_database(ddl()), processes, at_once))
    with tempfile.TemporaryDirectory() as folder:
        for number, (processes, at_once) in enumerate(ROWS):
            print(await measure(f"{folder}/{number}.sqlite", processes, at_once))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        told = asyncio.run(work(msgspec.json.decode(options.work, type=Job)))
        print(msgspec.json.encode(told).decode())
        return
    asyncio.run(report())


if __name__ == "__main__":
    main()
