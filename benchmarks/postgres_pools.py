"""Connections to PostgreSQL: this library's `Database` beside psycopg_pool, the driver's pool.

Why `Database` keeps its connections by itself. What is asked of a pool here: a server that is away,
or a wrong password, is an error at once that says so; what was idle over a restart costs no call;
a server that is back is used at once; and all that at the price of one round trip a statement.
psycopg_pool connects in tasks in the background, so a caller learns by a time-out that there is no
connection, and never why. The column `checks` is the same with `check=`, a round trip more a
statement. `helped` is the same with what this library would have to add: the first attempt to
connect that fails ends the waiting of a call, no attempt waits for the next one, and a statement
whose connection broke is repeated after the idle ones were checked. That is as much code as the
pool that it would replace, in which nothing happens in the background.

Needs psycopg_pool beside the extra `postgres`, and a PostgreSQL as the tests start it:
python -m pip install psycopg-pool && python benchmarks/postgres_pools.py
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from figures import Figure, note, skip
from psycopg import AsyncConnection, Error
from psycopg_pool import AsyncConnectionPool

from postiz_async.errors import StoreError
from postiz_async.stores._postgres import Database

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from postgres_server import PostgresServer, postgres_server, why_no_postgres

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    Fetch = Callable[[], Awaitable[object]]

MOST = 10
"""Connections at most."""

WAIT = 20.0
"""Seconds that a call waits for one; `Database` has the same."""

OUTAGE = 12.0
"""Seconds that a server is away while calls come."""

STATEMENTS = 3000


class Way(NamedTuple):
    """A pool, by the heading of its column."""

    name: str
    open: Callable[[str], Any]


@asynccontextmanager
async def ours(url: str) -> AsyncGenerator[Fetch]:
    database = Database(url, connections=MOST)
    try:
        yield lambda: database.fetch("SELECT 1")
    finally:
        await database.aclose()


@asynccontextmanager
async def theirs(url: str, *, checks: bool = False) -> AsyncGenerator[Fetch]:
    pool = AsyncConnectionPool(
        url,
        min_size=1,
        max_size=MOST,
        timeout=WAIT,
        open=False,
        kwargs={"autocommit": True, "prepare_threshold": None, "connect_timeout": 5},
        check=AsyncConnectionPool.check_connection if checks else None,
    )

    async def fetch() -> object:
        async with pool.connection() as connection:
            return await (await connection.execute("SELECT 1")).fetchall()

    await pool.open()
    try:
        yield fetch
    finally:
        await pool.close()


@asynccontextmanager
async def helped(url: str) -> AsyncGenerator[Fetch]:
    failed = asyncio.Event()
    failures: list[Exception] = []

    class Told(AsyncConnection[Any]):
        @classmethod
        async def connect(cls, *arguments: Any, **options: Any) -> Any:
            try:
                return await super().connect(*arguments, **options)
            except Error as error:
                failures.append(error)
                failed.set()
                raise

    pool = AsyncConnectionPool[Any](
        url,
        connection_class=Told,
        min_size=0,
        max_size=MOST,
        timeout=WAIT,
        reconnect_timeout=0.0,
        open=False,
        kwargs={"autocommit": True, "prepare_threshold": None, "connect_timeout": 5},
    )

    async def lent() -> Any:
        failed.clear()
        getting = asyncio.ensure_future(pool.getconn())
        failing = asyncio.ensure_future(failed.wait())
        await asyncio.wait({getting, failing}, return_when=asyncio.FIRST_COMPLETED)
        failing.cancel()
        if getting.done():
            return getting.result()
        getting.cancel()
        raise failures[-1]

    async def fetch() -> object:
        for attempt in range(5):
            connection = await lent()
            try:
                return await (await connection.execute("SELECT 1")).fetchall()
            except Error:
                if attempt == 4 or not connection.closed:
                    raise
            finally:
                await pool.putconn(connection)
            await pool.check()
        raise AssertionError

    await pool.open()
    try:
        yield fetch
    finally:
        await pool.close()


WAYS = [
    Way("Database", ours),
    Way("psycopg_pool", theirs),
    Way("checks", lambda url: theirs(url, checks=True)),
    Way("helped", helped),
]


async def attempt(fetch: Fetch) -> str:
    """What a call fails with; empty when it succeeds."""
    try:
        await fetch()
    except (Error, StoreError) as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:90]}"
    return ""


async def timed(fetch: Fetch) -> tuple[float, str]:
    begun = time.perf_counter()
    said = await attempt(fetch)
    return time.perf_counter() - begun, said


async def speed(way: Way, url: str) -> tuple[float, float]:
    """Microseconds a statement, one after the other and 32 at once."""
    async with way.open(url) as fetch:
        await asyncio.gather(*(fetch() for _ in range(32)))
        begun = time.perf_counter()
        for _ in range(STATEMENTS):
            await fetch()
        alone = time.perf_counter() - begun
        left = iter(range(STATEMENTS))

        async def worker() -> None:
            for _ in left:
                await fetch()

        begun = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(32)))
        return alone / STATEMENTS * 1e6, (time.perf_counter() - begun) / STATEMENTS * 1e6


async def refused(way: Way, url: str) -> tuple[float, str]:
    async with way.open(url) as fetch:
        return await timed(fetch)


async def restarted(way: Way, server: PostgresServer) -> int:
    """How many of 30 calls fail after a restart, with all connections idle before it."""
    async with way.open(server.url) as fetch:
        await asyncio.gather(*(fetch() for _ in range(64)))
        server.restart()
        return sum([bool(await attempt(fetch)) for _ in range(30)])


async def back(way: Way, server: PostgresServer) -> float:
    """Seconds from the server's return to the first answer, after an outage with calls."""
    async with way.open(server.url) as fetch:
        await fetch()
        server.stop()
        call = asyncio.create_task(attempt(fetch))
        await asyncio.sleep(OUTAGE)
        server.start()
        begun = time.perf_counter()
        await call
        while await attempt(fetch):
            await asyncio.sleep(0.01)
        return time.perf_counter() - begun


async def idle_tasks(way: Way, url: str) -> int:
    before = len(asyncio.all_tasks())
    async with way.open(url) as fetch:
        await fetch()
        return len(asyncio.all_tasks()) - before


async def report(server: PostgresServer) -> None:
    database = Database(server.url)
    await database.init()
    await database.aclose()
    print(f"PostgreSQL {server.version}, {MOST} connections at most, {STATEMENTS} statements")
    print(f"{'':44}" + "".join(f"{way.name:>14}" for way in WAYS))
    speeds = [await speed(way, server.url) for way in WAYS]
    row("us a statement, one after the other", [f"{alone:.0f}" for alone, _ in speeds])
    row("us a statement, 32 at once", [f"{many:.0f}" for _, many in speeds])
    row("tasks in the background", [str(await idle_tasks(way, server.url)) for way in WAYS])
    wrong = [await refused(way, server.address("postgres", password="wrong")) for way in WAYS]
    row("s until a wrong password is an error", [f"{seconds:.2f}" for seconds, _ in wrong])
    away = [await refused(way, "postgresql://me@127.0.0.1:1/d") for way in WAYS]
    row("s until a server that is away is an error", [f"{seconds:.2f}" for seconds, _ in away])
    row(
        "calls of 30 that fail after a restart",
        [str(await restarted(way, server)) for way in WAYS],
    )
    row(
        f"s until an answer after {OUTAGE:.0f} s without a server",
        [f"{await back(way, server):.2f}" for way in WAYS],
    )
    for name, said in (("a wrong password", wrong), ("a server that is away", away)):
        print(f"\nwhat is said of {name}:")
        for way, (_, text) in zip(WAYS, said, strict=True):
            print(f"  {way.name:13} {text}")


def row(name: str, cells: list[str]) -> None:
    ours, theirs = map(float, cells[:2])
    note(Figure(name=name, value=ours, unit="", baseline=WAYS[1].name, base=theirs))
    print(f"{name:44}" + "".join(f"{cell:>14}" for cell in cells))


def main() -> None:
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    if why_no_postgres():
        skip(why_no_postgres())
        return
    with postgres_server(password="right") as server:
        asyncio.run(report(server))


if __name__ == "__main__":
    main()
