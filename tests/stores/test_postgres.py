"""PostgreSQL that works: the schema, statements, transactions and notifications, and the store."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from postgres_proxy import proxy
from postgres_server import (
    PostgresServer,
    locked_folder,
    postgres_server,
    shared_server,
    why_no_postgres,
)
from processes import PATIENCE
from stores_lab import new_postgres_store

from postiz_async import NewPost
from postiz_async._quota.state import ledger_name
from postiz_async._sandbox import MemoryServer
from postiz_async.clock import JumpingClock
from postiz_async.errors import ConfigurationError, StoreError
from postiz_async.stores._postgres import Database
from postiz_async.stores.postgres import _GET, _INSERT, _REMOVE, _UPDATE, PostgresStore, ddl
from postiz_async.testing._transport import sandbox_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable
    from pathlib import Path

    from postiz_async.stores import Kept

pytestmark = pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())

QUOTA = ledger_name("https://postiz.example", "key")
LONG = 30 * 86_400.0


@pytest.fixture
def server() -> PostgresServer:
    return shared_server()


@pytest.fixture
async def database(server: PostgresServer) -> AsyncIterator[Database]:
    made = Database(server.url, schema=f"test_{secrets.token_hex(8)}")
    assert await made.init()
    yield made
    await made.aclose()


# ------------------------------------------------------------------ what tests leave behind


def test_what_killed_tests_left_is_removed_and_what_others_use_is_not(tmp_path: Path) -> None:
    with locked_folder(tmp_path) as ours:
        left = ours.with_name(f"{ours.name}-left")
        (left / "data").mkdir(parents=True)
        with locked_folder(tmp_path) as next_one:
            assert set(tmp_path.iterdir()) == {ours, next_one}
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------ the schema


async def test_the_schema_is_made_once_also_by_many_at_once(server: PostgresServer) -> None:
    schema = f"test_{secrets.token_hex(8)}"
    databases = [Database(server.url, schema=schema, connections=1) for _ in range(8)]
    made = await asyncio.gather(*(each.init() for each in databases))
    assert sorted(made) == [False] * 7 + [True]
    assert not await databases[0].init()
    for each in databases:
        await each.aclose()


@pytest.mark.parametrize(
    "schema", ["Upper", "two words", 'a"quote', "semi;colon", "dash-é", "{schema}", "x" * 63]
)
async def test_a_schema_of_any_name(server: PostgresServer, schema: str) -> None:
    schema = f"{schema[: 63 - 6]}{secrets.token_hex(2)}"
    store = PostgresStore(server.url, schema=schema)
    assert await store.init()
    assert (await store.swap("name", "", 0, b"state", keep=None))[0]
    assert (await store.swap(QUOTA, "key", 0, b"record", keep=LONG))[0]
    assert (await store.get("name", "")).value == b"state"
    await store.aclose()


@pytest.mark.parametrize(
    "schema", ["", "x" * 64, "é" * 32, "pg_mine", "a\0b", "a\nb", "\ud800", "100%", "a:b"]
)
def test_a_name_that_no_schema_can_have(schema: str) -> None:
    for use in (lambda: Database("postgresql://h/d", schema=schema), lambda: ddl(schema)):
        with pytest.raises(ConfigurationError, match="A schema cannot be called"):
            use()


@pytest.mark.parametrize("statement_by_statement", [False, True])
async def test_the_schema_can_be_made_by_a_migration(
    server: PostgresServer, *, statement_by_statement: bool
) -> None:
    schema = f"Odd {secrets.token_hex(8)}"
    text = ddl(schema)
    assert "%" not in text
    assert ":" not in text, "SQLAlchemy takes it for a parameter"
    server.run(*(text.split("\n\n") if statement_by_statement else [text]))
    store = PostgresStore(server.url, schema=schema)
    assert not await store.init()
    assert (await store.swap("name", "", 0, b"state", keep=None))[0]
    await store.aclose()


async def test_a_schema_that_is_there_and_empty_gets_its_tables(server: PostgresServer) -> None:
    """A database administrator makes it, for a role that may not."""
    schema, role = f"test_{secrets.token_hex(8)}", f"role_{secrets.token_hex(8)}"
    server.run(f"CREATE ROLE {role} LOGIN", f"CREATE SCHEMA {schema} AUTHORIZATION {role}")
    store = PostgresStore(server.address("postgres", user=role), schema=schema)
    assert await store.init()
    assert (await store.swap("name", "", 0, b"state", keep=None))[0]
    await store.aclose()


async def test_the_version_is_read_once(server: PostgresServer) -> None:
    async with proxy(server.port) as way:
        store = await new_postgres_store(server)
        schema = store._database.schema
        await store.aclose()
        again = PostgresStore(f"postgresql://postgres@127.0.0.1:{way.port}/postgres", schema=schema)
        for _ in range(3):
            await again.get("name", "")
        server.run(f"DROP TABLE {schema}.version")
        assert (await again.get("name", "")).version == 0
        await again.aclose()


# ------------------------------------------------------------------ notifications


async def test_notifications_come_in_order_from_the_beginning_of_the_block_on(
    database: Database, server: PostgresServer
) -> None:
    channel = f'odd "channel" {secrets.token_hex(4)}'
    notify = "SELECT pg_notify(%s, %s)"
    await database.fetch(notify, [channel, "too early"])
    async with database.listening(channel) as payloads:
        await database.fetch(notify, [channel, "one"])
        await database.fetch(notify, ["another channel", "not for us"])
        await database.fetch(notify, [channel, "two"])
        assert [await anext(payloads) for _ in range(2)] == ["one", "two"]
        waits = asyncio.ensure_future(anext(payloads))
        await asyncio.sleep(0)
        await database.fetch(notify, [channel, "three é"])
        assert await waits == "three é"


async def test_who_listens_is_told_when_the_connection_breaks() -> None:
    with postgres_server() as own:
        database = Database(own.url)

        async def listen() -> None:
            async with database.listening("channel") as payloads:
                own.restart()
                await anext(payloads)

        with pytest.raises(StoreError, match="the connection broke"):
            await listen()
        async with database.listening("channel") as payloads:
            await database.init()
            await database.fetch("SELECT pg_notify('channel', 'back')")
            assert await anext(payloads) == "back"
        await database.aclose()


async def test_who_cannot_listen_is_told(database: Database) -> None:
    with pytest.raises(StoreError, match="zero-length"):
        async with database.listening(""):
            raise AssertionError


async def test_who_stops_listening_leaves_no_connection(database: Database) -> None:
    name = f"listener {secrets.token_hex(4)}"
    address = shared_server().url + f"?application_name={name.replace(' ', '%20')}"
    other = Database(address, schema=database.schema)

    async def listen() -> None:
        async with other.listening("channel") as payloads, aclosing(payloads):  # type: ignore[type-var]
            async for _ in payloads:
                raise AssertionError

    for _ in range(3):
        task = asyncio.create_task(listen())
        await until_count(database, name, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until_count(database, name, 0)


async def until_count(database: Database, name: str, count: int) -> None:
    """Until a program of this name has as many connections."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
    async with asyncio.timeout(PATIENCE):
        while (await database.fetch(query, [name])) != [(count,)]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


# ------------------------------------------------------------------ round trips


async def test_an_uncontended_create_costs_two_statements(server: PostgresServer) -> None:
    store = await new_postgres_store(server)
    sent: list[str] = []
    fetch = store._database.fetch

    async def counted(query: Any, params: Any) -> Any:
        sent.append(query.split()[0])
        return await fetch(query, params)

    store._database.fetch = counted  # type: ignore[method-assign]
    async with MemoryServer(clock=JumpingClock(), limit=30) as sandbox:
        channel = sandbox.add_channel("mastodon").id
        at = datetime.fromtimestamp(sandbox.clock.time() + 86_400, UTC)
        async with sandbox_client(sandbox, store=store) as postiz:
            await postiz.posts.schedule(NewPost(channel, "first"), at=at)
            sent.clear()
            for number in range(5):
                await postiz.posts.schedule(NewPost(channel, f"post {number}"), at=at)
        assert sent == ["UPDATE"] * 10
    await store.aclose()


async def test_a_look_and_a_change_are_one_statement_and_a_lost_race_is_two(
    server: PostgresServer,
) -> None:
    store = await new_postgres_store(server)
    trips = [0]
    run = store._database._run

    async def counted(*arguments: Any) -> Any:
        trips[0] += 1
        return await run(*arguments)

    store._database._run = counted  # type: ignore[method-assign]
    await store.get("name", "")
    costs: list[int] = []

    async def cost_of(work: Awaitable[tuple[bool, Kept]]) -> int:
        trips[0] = 0
        _, kept = await work
        costs.append(trips[0])
        return kept.version

    for key, keep in [("", None), ("key", LONG)]:
        swap = partial(store.swap, QUOTA, key, keep=keep)
        trips[0] = 0
        await store.get(QUOTA, key)
        first = trips[0]
        version = await cost_of(swap(0, b"one"))
        await cost_of(swap(version, b"two"))
        await cost_of(swap(version, b"late"))
        assert [first, *costs] == [1, 1, 1, 2]
        costs.clear()
    await store.aclose()


async def test_the_time_is_the_one_of_the_database(server: PostgresServer) -> None:
    """Also where it shows few digits."""
    store = await new_postgres_store(server)

    def now() -> float:
        [(moment,)] = server.run("SELECT clock_timestamp()")
        return float(moment.timestamp())

    times = [
        now(),
        (await store.get("name", "")).time,
        (await store.swap("name", "", 0, b"one", keep=None))[1].time,
        (await store.swap("name", "", 0, b"late", keep=None))[1].time,
        (await store.swap(QUOTA, "key", 0, b"one", keep=LONG))[1].time,
        (await store.get(QUOTA, "key")).time,
        now(),
    ]
    assert times == sorted(times)
    await store.aclose()


async def test_what_is_looked_for_is_found_by_an_index(server: PostgresServer) -> None:
    store = await new_postgres_store(server)
    database = store._database
    await database.fetch(
        "INSERT INTO {schema}.records SELECT 'q', 'k' || n, 1, '', "
        "{now} + n * 1000000::bigint FROM generate_series(-100, 20000) n"
    )
    await database.fetch(
        "INSERT INTO {schema}.records SELECT 'n' || n, '', 1, '', NULL "
        "FROM generate_series(1, 20000) n"
    )
    await database.fetch("ANALYZE {schema}.records")
    for query, params in [
        (_GET, ["n", ""]),
        (_INSERT, ["n", "", 2, b"", None]),
        (_UPDATE, [2, b"", None, "n", "", 1]),
        (_REMOVE + _INSERT, ["q", "k", 8, "q", "k", 2, b"", 1]),
        (_REMOVE + _UPDATE, ["q", "k", 8, 2, b"", 1, "q", "k", 1]),
    ]:
        rows = await database.fetch("EXPLAIN " + query, params)
        plan = "\n".join(row[0] for row in rows)
        assert "Seq Scan" not in plan, plan
    await store.aclose()
