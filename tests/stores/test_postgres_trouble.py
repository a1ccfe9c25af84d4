"""PostgreSQL that cannot be used: what is said, that it is no secret, and what goes on after it."""

from __future__ import annotations

import asyncio
import secrets
import socket
import sys
import traceback
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from leak_lab import leaks
from postgres_proxy import proxy
from postgres_server import PostgresServer, postgres_server, shared_server, why_no_postgres
from processes import PATIENCE, until
from spread import spread
from stores_lab import new_postgres_store, version_of

from postiz_async._quota.state import ledger_name
from postiz_async.contrib.web import open_store
from postiz_async.errors import ConfigurationError, StoreError
from postiz_async.stores import _connection_slots, _postgres, _postgres_pool
from postiz_async.stores._postgres import Database
from postiz_async.stores.postgres import PostgresStore, ddl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PASSWORD = "hunter2-is-secret"
QUOTA = ledger_name("https://postiz.example", "key")
LONG = 30 * 86_400.0

needs_postgres = pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())


async def refusal(store: PostgresStore, version: int = 0) -> str:
    """What a change is refused with; whatever is shown of it to a user is one of ours."""
    try:
        with pytest.raises(StoreError) as caught:
            await store.swap("name", "", version, b"state", keep=None)
    finally:
        await store.aclose()
    shown = "".join(traceback.format_exception(caught.value))
    assert "direct cause" not in shown
    assert "another exception" not in shown
    assert "Nothing is sent" in shown
    assert leaks(caught.value, PASSWORD) == []
    return str(caught.value)


@pytest.fixture
def server() -> PostgresServer:
    return shared_server()


@pytest.fixture
def role(server: PostgresServer) -> str:
    """A role that may log in, and nothing else."""
    name = f"role_{secrets.token_hex(8)}"
    server.run(f"CREATE ROLE {name} LOGIN")
    return name


async def made(server: PostgresServer) -> str:
    """The name of a schema that is there."""
    store = await new_postgres_store(server)
    await store.aclose()
    return store._database.schema


# ------------------------------------------------------------------ who, where, what


@needs_postgres
async def test_a_password_that_is_wrong_or_missing_and_a_role_that_is_not_there() -> None:
    with postgres_server(password="the right one") as server:
        wrong = PostgresStore(server.address("postgres", password=PASSWORD))
        assert "it refuses this user or password" in await refusal(wrong)
        missing = PostgresStore(f"postgresql://postgres@127.0.0.1:{server.port}/postgres")
        assert "it refuses this user or password" in await refusal(missing)
        nobody = PostgresStore(server.address("postgres", user="nobody", password=PASSWORD))
        assert "it refuses this user or password" in await refusal(nobody)
        right = f"postgresql://postgres:the%20right%20one@127.0.0.1:{server.port}/postgres"
        store = PostgresStore(right)
        assert await store.init()
        assert (await store.swap("name", "", 0, b"state", keep=None))[0]
        await store.aclose()


@needs_postgres
async def test_a_database_that_is_not_there_or_not_for_this_role(
    server: PostgresServer, role: str
) -> None:
    assert "no database of that name" in await refusal(PostgresStore(server.address("nowhere")))
    stranger = PostgresStore(server.address("postgres", user=f"{role}_too"))
    assert "it refuses this user or password" in await refusal(stranger)
    server.run(f"CREATE DATABASE {role}", f"REVOKE CONNECT ON DATABASE {role} FROM public")
    shut_out = PostgresStore(server.address(role, user=role))
    assert "may not use this database. Let it CONNECT" in await refusal(shut_out)


@needs_postgres
async def test_a_role_that_may_not(server: PostgresServer, role: str) -> None:
    schema = await made(server)
    url = server.address("postgres", user=role)
    assert "its role may not do this" in await refusal(PostgresStore(url, schema=schema))
    server.run(
        f"GRANT USAGE ON SCHEMA {schema} TO {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}",
    )
    said = await refusal(PostgresStore(url, schema=schema))
    assert f'To use the schema "{schema}" takes USAGE on it and SELECT, INSERT, UPDATE and' in said
    reader = PostgresStore(url, schema=schema)
    assert (await reader.get("name", "")).version == 0
    server.run(f"GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}")
    assert (await reader.swap("name", "", 0, b"state", keep=None))[0], "what is said is enough"
    done, kept = await reader.swap(QUOTA, "key", 0, b"record", keep=LONG)
    assert done
    assert (await reader.swap(QUOTA, "key", kept.version, b"record", keep=LONG))[0]
    new = PostgresStore(url, schema=f"{schema}_new")
    with pytest.raises(StoreError, match="to make it takes CREATE on the database"):
        await new.init()
    await new.aclose()
    await reader.aclose()


@needs_postgres
async def test_a_database_that_is_read_only(server: PostgresServer) -> None:
    schema = await made(server)
    for option in ("default_transaction_read_only%3Don", "default_transaction_read_only%3Dtrue"):
        store = PostgresStore(f"{server.url}?options=-c%20{option}", schema=schema)
        assert (await store.get("name", "")).version == 0
        said = await refusal(store)
        assert "it is read-only, such as a replica" in said
    new = PostgresStore(f"{server.url}?options=-c%20{option}", schema="not_there")
    with pytest.raises(StoreError, match="it is read-only"):
        await new.init()
    await new.aclose()


@needs_postgres
async def test_an_address_that_leads_to_another_server_after_a_change_of_roles(
    server: PostgresServer,
) -> None:
    """What was the primary is read-only now: the next attempt connects anew."""
    schema = await made(server)
    async with proxy(server.port) as way:
        store = PostgresStore(f"postgresql://postgres@127.0.0.1:{way.port}/postgres", schema=schema)
        version = (await store.swap("name", "", 0, b"state", keep=None))[1].version
        async with store._database._pool.connection() as connection:
            await connection.execute("SET default_transaction_read_only = on")
        with pytest.raises(StoreError, match="it is read-only"):
            await store.swap("name", "", version, b"state", keep=None)
        assert way.connections == 1
        assert (await store.swap("name", "", version, b"state", keep=None))[0]
        assert way.connections == 2
        await store.aclose()


# ------------------------------------------------------------------ the schema


@needs_postgres
async def test_a_schema_that_is_missing_in_whole_or_in_part(server: PostgresServer) -> None:
    said = await refusal(PostgresStore(server.url, schema="not_there"))
    assert 'the schema "not_there" is not there, or not whole. `postiz-async outbox init' in said
    schema = await made(server)
    server.run(f"DROP TABLE {schema}.records")
    assert "is not there, or not whole" in await refusal(PostgresStore(server.url, schema=schema))
    server.run(f"DROP SCHEMA {schema} CASCADE")
    assert "is not there, or not whole" in await refusal(PostgresStore(server.url, schema=schema))


@needs_postgres
async def test_a_schema_that_goes_while_it_is_used(server: PostgresServer) -> None:
    store = await new_postgres_store(server)
    assert (await store.swap("name", "", 0, b"state", keep=None))[0]
    server.run(f"DROP SCHEMA {store._database.schema} CASCADE")
    assert "is not there, or not whole" in await refusal(store, 1)


@needs_postgres
@pytest.mark.parametrize(("change", "age"), [("version - 2", "older"), ("version + 1", "newer")])
async def test_a_schema_of_another_version(server: PostgresServer, change: str, age: str) -> None:
    schema = await made(server)
    server.run(f"UPDATE {schema}.version SET version = {change}")
    said = await refusal(PostgresStore(server.url, schema=schema))
    assert f"is {age} than this library" in said
    assert "Use one version of postiz-async everywhere" in said
    store = PostgresStore(server.url, schema=schema)
    with pytest.raises(StoreError, match=f"is {age} than this library"):
        await store.init()
    server.run(f"DELETE FROM {schema}.version")
    assert "is older than this library: it has version 0" in await refusal(store)


@needs_postgres
@pytest.mark.parametrize(
    "table",
    [
        "version (number text)",
        "version (version text)",
        "records (key text)",
        "records (key int)",
    ],
)
async def test_a_schema_with_tables_of_another_program(server: PostgresServer, table: str) -> None:
    schema = f"test_{secrets.token_hex(8)}"
    server.run(f"CREATE SCHEMA {schema}", f"CREATE TABLE {schema}.{table}")
    store = PostgresStore(server.url, schema=schema)
    with pytest.raises(StoreError, match="another program has tables of these names"):
        await store.init()
    tables = f"SELECT count(*) FROM pg_tables WHERE schemaname = '{schema}'"
    assert server.run(tables) == [(1,)], "none is made beside it"
    await store.aclose()


# ------------------------------------------------------------------ away and back


@needs_postgres
async def test_a_server_that_is_away_goes_and_comes_back() -> None:
    with postgres_server() as server:
        server.stop()
        store = PostgresStore(server.url)
        assert "Connection refused" in await refusal(store)
        server.start()
        assert await store.init()
        assert (await store.swap("name", "", 0, b"state", keep=None))[0]
        server.stop()
        assert "Is it running, and is the address right?" in await refusal(store, 1)
        with pytest.raises(StoreError, match="Is it running"):
            await store.init()
        server.start()
        assert (await store.get("name", "")).value == b"state"
        assert (await store.swap("name", "", await version_of(store), b"again", keep=None))[0]
        await store.aclose()


@needs_postgres
@pytest.mark.parametrize("mode", spread(["immediate", "fast"], every=2))
async def test_a_server_that_is_started_again_is_used_without_an_error(mode: str) -> None:
    """All that was idle is broken then, and is thrown away at the first sign of it."""
    with postgres_server() as server:
        store = PostgresStore(server.url)
        await store.init()
        database = store._database
        for work in (store.get, store.get, lambda *_: store.init()):
            await asyncio.gather(*(store.get(f"{n}", "") for n in range(30)))
            assert len(database._pool._idle) == 10
            server.restart(mode)
            await work("name", "")
            assert len(database._pool._idle) == 1
        await store.aclose()


@needs_postgres
async def test_a_change_whose_answer_was_lost_is_known_by_its_value(server: PostgresServer) -> None:
    schema = await made(server)
    async with proxy(server.port) as way:
        store = PostgresStore(f"postgresql://postgres@127.0.0.1:{way.port}/postgres", schema=schema)
        state, record = await store.get("name", ""), await store.get(QUOTA, "key")
        for value in (b"first", b"second"):
            way.break_after = b"records"
            done, state = await store.swap("name", "", state.version, value, keep=None)
            assert (done, state.value) == (False, value)
            way.break_after = b"records"
            done, record = await store.swap(QUOTA, "key", record.version, value, keep=LONG)
            assert (done, record.value) == (False, value)
        assert way.connections == 5
        await store.aclose()


@needs_postgres
async def test_a_server_that_breaks_each_connection_is_given_up(server: PostgresServer) -> None:
    broken = [0]

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broken[0] += 1
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        said = await refusal(PostgresStore(f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/d"))
        assert "the connection broke" in said
    assert 1 <= broken[0] <= 6  # libpq asks twice where the first question was for encryption


# ------------------------------------------------------------------ slow


@contextmanager
def deaf() -> Iterator[int]:
    """The port of a server that answers nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


async def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with deaf() as port:
        url = f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/d"
        assert "no answer in time" in await refusal(PostgresStore(url + "?connect_timeout=2"))
        monkeypatch.setattr(_postgres_pool, "WAIT", 0.05)
        assert "no answer in time" in await refusal(PostgresStore(url))


@needs_postgres
async def test_a_lock_of_another_program(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await new_postgres_store(server)
    assert (await store.swap("name", "", 0, b"state", keep=None))[0]
    monkeypatch.setattr(_postgres, "STATEMENT_TIMEOUT", 0.2)
    with psycopg.connect(server.url) as other:
        other.execute(f"LOCK TABLE {store._database.schema}.records".encode())
        said = await refusal(store, 1)
        assert "no answer in time" in said
        assert "does another program hold a lock" in said
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        await until(lambda: server.run(waiting) == [(0,)])  # it was told to give it up
    monkeypatch.undo()
    assert (await store.swap("name", "", await version_of(store), b"free", keep=None))[0]
    await store.aclose()


@needs_postgres
async def test_a_network_that_swallows_everything(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also the request to end the statement comes to nothing."""
    schema = await made(server)
    async with proxy(server.port) as way:
        url = f"postgresql://postgres@127.0.0.1:{way.port}/postgres"
        store = PostgresStore(url, schema=schema)
        assert (await store.swap("name", "", 0, b"state", keep=None))[0]
        monkeypatch.setattr(_postgres, "STATEMENT_TIMEOUT", 0.1)
        monkeypatch.setattr(_postgres, "GRACE", 0.1)
        way.is_frozen = True
        with pytest.raises(StoreError, match="no answer in time"):
            await store.swap("name", "", 1, b"state", keep=None)
        way.is_frozen = False
        monkeypatch.undo()
        assert (await store.swap("name", "", await version_of(store), b"again", keep=None))[0]
        await store.aclose()


# ------------------------------------------------------------------ many at once


@needs_postgres
@pytest.mark.parametrize(("most", "count"), [(1, 320), (10, 800)])
async def test_many_calls_at_once_wait_for_a_connection(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch, most: int, count: int
) -> None:
    monkeypatch.setattr(_postgres, "STATEMENT_TIMEOUT", PATIENCE)
    monkeypatch.setattr(_postgres_pool, "WAIT", PATIENCE)
    monkeypatch.setattr(_connection_slots, "WAIT", PATIENCE)
    monkeypatch.setitem(_postgres_pool.OPTIONS, "connect_timeout", f"{PATIENCE:.0f}")
    schema = await made(server)
    async with proxy(server.port) as way:
        store = PostgresStore(
            f"postgresql://postgres@127.0.0.1:{way.port}/postgres", schema=schema, connections=most
        )
        swaps = await asyncio.gather(
            *(store.swap(f"{n}", "", 0, b"state", keep=None) for n in range(count))
        )
        assert all(done for done, _ in swaps)
        assert way.connections == most
        await store.aclose()


async def test_nobody_waits_for_a_connection_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    with deaf() as port:
        store = PostgresStore(f"postgresql://me@127.0.0.1:{port}/d", connections=1)
        first = asyncio.create_task(store.get("first", ""))
        await asyncio.sleep(0)  # it has the only connection now
        monkeypatch.setattr(_connection_slots, "WAIT", 0.05)
        with pytest.raises(StoreError, match="none of its connections was free within"):
            await store.swap("name", "", 0, b"state", keep=None)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await store.aclose()


@needs_postgres
async def test_who_came_first_has_a_connection_first(server: PostgresServer) -> None:
    store = PostgresStore(server.url, schema=await made(server), connections=1)
    served = list[int]()

    async def read(number: int) -> None:
        await store.get("name", "")
        served.append(number)

    await read(0)
    await asyncio.gather(*(read(number) for number in range(1, 50)))
    assert served == list(range(50))
    await store.aclose()


@needs_postgres
@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
async def test_changes_that_run_into_each_other_are_tried_again(
    server: PostgresServer, level: str
) -> None:
    option = f"?options=-c%20default_transaction_isolation%3D{level.replace(' ', '%5C%20')}"
    schema = await made(server)
    store = PostgresStore(server.url + option, schema=schema)
    assert await store._database.fetch("SHOW transaction_isolation") == [(level,)]
    for _ in range(10):
        version = (await store.get("name", "")).version
        swaps = (store.swap("name", "", version, b"%d" % n, keep=None) for n in range(10))
        results = await asyncio.gather(*swaps)
        assert sum(done for done, _ in results) == 1
        version = (await store.get(QUOTA, "k")).version
        swaps = (store.swap(QUOTA, "k", version, b"%d" % n, keep=LONG) for n in range(10))
        results = await asyncio.gather(*swaps)
        assert sum(done for done, _ in results) == 1
    await store.aclose()


@needs_postgres
async def test_a_server_whose_connections_are_all_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    with postgres_server(max_connections="4", superuser_reserved_connections="0") as server:
        server.run(ddl())
        others = [connected_when_there_is_room(server.url) for _ in range(3)]
        store = PostgresStore(server.url)
        calls = (store.swap(f"{n:032x}", "", 0, b"state", keep=None) for n in range(60))
        assert all(done for done, _ in await asyncio.gather(*calls)), "they share the one there is"
        await store.aclose()
        others.append(connected_when_there_is_room(server.url))
        waits = asyncio.create_task(store.get("0" * 32, ""))
        await asyncio.sleep(0.1)
        others.pop().close()
        assert (await waits).value == b"state", "there is room again"
        await store.aclose()
        others.append(connected_when_there_is_room(server.url))
        monkeypatch.setattr(_connection_slots, "NO_ROOM_FOR", 0.1)
        said = await refusal(PostgresStore(server.url))
        assert "all its connections are in use. Raise its max_connections" in said
        for each in others:
            each.close()


def connected_when_there_is_room(url: str) -> psycopg.Connection[Any]:
    """The server takes a moment to notice that a connection is closed."""
    while True:
        with suppress(psycopg.OperationalError):
            return psycopg.connect(url)


@needs_postgres
async def test_a_connection_that_nobody_needs_is_closed(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await new_postgres_store(server)
    await asyncio.gather(*(store.get(f"{n}", "") for n in range(30)))
    pool = store._database._pool
    assert len(pool._idle) == 10
    monkeypatch.setattr(_postgres_pool, "IDLE", -1.0)
    for left in (9, 8, 7):
        await store.get("name", "")
        assert len(pool._idle) == left - 0
    await store.aclose()
    assert not pool._idle


# ------------------------------------------------------------------ cancelled, another loop


@needs_postgres
async def test_who_is_cancelled_takes_no_connection_with_it(server: PostgresServer) -> None:
    schema = await made(server)
    name = f"cancelled_{secrets.token_hex(4)}"
    store = PostgresStore(f"{server.url}?application_name={name}", schema=schema, connections=2)
    for round_ in range(30):
        calls = [asyncio.create_task(store.get(f"{n}", "")) for n in range(10)]
        for _ in range(round_ * 2):
            await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert not [each for each in done[1::2] if isinstance(each, BaseException)]
    count = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'"
    await until(lambda: server.run(count) <= [(2,)])
    await store.aclose()
    await until(lambda: server.run(count) == [(0,)])


@needs_postgres
async def test_who_is_cancelled_in_the_middle_ends_its_statement(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(server.url, schema=await made(server))
    await database.check()
    mark = secrets.token_hex(8)
    active = (
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
        f"AND query LIKE '%{mark}%' AND pid <> pg_backend_pid()"
    )
    seconds = 0.5
    while True:  # again, with more time, where it was over before anybody saw the statement
        seconds *= 2
        monkeypatch.setattr(_postgres, "STATEMENT_TIMEOUT", seconds)
        call = asyncio.create_task(database.fetch(f"SELECT pg_sleep(1000), '{mark}'"))  # type: ignore[arg-type]
        await until(lambda call=call: call.done() or server.run(active) == [(1,)])
        if not call.done():
            break
        assert isinstance(call.exception(), StoreError)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(lambda: server.run(active) == [(0,)])
    assert await database.fetch("SELECT 1") == [(1,)]
    await database.aclose()


async def test_who_is_cancelled_while_it_connects_leads_to_no_password() -> None:
    with deaf() as port:
        store = PostgresStore(f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/d")
        call = asyncio.create_task(store.get("name", ""))
        for _ in range(20):
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await call
        assert leaks(caught.value, PASSWORD) == []
        await store.aclose()


@needs_postgres
def test_a_store_in_a_second_event_loop(server: PostgresServer) -> None:
    async def make() -> PostgresStore:
        return await new_postgres_store(server)

    async def look(store: PostgresStore) -> None:
        assert (await store.get("loops", "")).version == 0

    with asyncio.Runner() as first:
        store = first.run(make())
        first.run(look(store))
        with (
            asyncio.Runner() as second,
            pytest.raises(ConfigurationError, match="one store or outbox for each event loop"),
        ):
            second.run(look(store))
        first.run(look(store))
    with asyncio.Runner() as third:
        third.run(look(store))
        third.run(store.aclose())


@needs_postgres
async def test_a_store_can_be_closed_twice_and_used_again(server: PostgresServer) -> None:
    store = await new_postgres_store(server)
    async with store._database._pool.connection():
        await store.aclose()
        await store.aclose()
    assert not store._database._pool._idle, "what was in use is closed when it comes back"
    assert (await store.get("name", "")).version == 0
    await store.aclose()


# ------------------------------------------------------------------ secrets, odd addresses


def as_error(text: bytes) -> bytes:
    """An error as a server says it."""
    fields = b"SFATAL\0VFATAL\0CXX000\0M" + text + b"\0\0"
    return b"E" + (len(fields) + 4).to_bytes(4, "big") + fields


async def test_a_server_that_repeats_what_it_was_sent_reaches_nobody() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4_000)
        writer.write(b"N")  # no encryption
        await reader.read(4_000)
        writer.write(b"R\0\0\0\x08\0\0\0\x03")  # the password, please
        heard = await reader.read(4_000)
        writer.write(as_error(b"odd: " + heard[5:].replace(b"\0", b"")))
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        said = await refusal(PostgresStore(f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/d"))
        assert "odd: ***" in said
        assert f"127.0.0.1:{port}/d" in said


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\xff" * 50, b"N"])
async def test_a_server_that_is_none_of_postgres(answer: bytes) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4_000)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(other, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        said = await refusal(PostgresStore(f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/d"))
        assert "what answers there is not PostgreSQL" in said or "the connection broke" in said


@pytest.mark.parametrize(
    "place", ["127.0.0.1:1", "nowhere.invalid", "[::1]:1", "a.invalid,b.invalid"]
)
async def test_a_server_that_is_nowhere(place: str) -> None:
    said = await refusal(PostgresStore(f"postgresql://me:{PASSWORD}@{place}/d"))
    assert "Is it running, and is the address right?" in said
    assert said.startswith(f"PostgreSQL at {place.split(':1', maxsplit=1)[0]}")


@needs_postgres
async def test_encryption_that_is_asked_for_and_not_there(server: PostgresServer) -> None:
    said = await refusal(PostgresStore(f"{server.url}?sslmode=require"))
    assert "no secure connection as the address asks for it" in said


@needs_postgres
async def test_a_database_that_cannot_keep_all_characters(server: PostgresServer) -> None:
    name = f"latin_{secrets.token_hex(8)}"
    server.run(f"CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0")
    store = PostgresStore(server.address(name))
    assert await store.init()
    assert (await store.swap(QUOTA, "café", 0, b"record", keep=LONG))[0]
    assert (await store.get(QUOTA, "café")).value == b"record"
    with pytest.raises(StoreError, match="Use a database with the encoding UTF8"):
        await store.swap(QUOTA, "\N{PILE OF POO}", 0, b"record", keep=LONG)
    await store.aclose()


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{PASSWORD}/with-slash@host:5432/d",
        f"postgresql://me:12/{PASSWORD}@host/d",
        f"postgresql://me:{PASSWORD}@host:port/d",
        f"postgresql://me:{PASSWORD}@host/d?nonsense={PASSWORD}",
        f"postgresql://me:{PASSWORD}%@host/d",
        f"postgresql://me:{PASSWORD}%00@host/d",
        f"postgresql+asyncpg://me:{PASSWORD}@host/d",
        f"host=h password={PASSWORD}",
        f"{PASSWORD}@host:5432",
        "",
    ],
)
def test_an_address_that_cannot_be_used_stays_untold(url: str) -> None:
    makers: list[Callable[[str], object]] = [PostgresStore, Database]
    if url.startswith("postgresql://"):
        makers.append(open_store)
    for make in makers:
        with pytest.raises(ConfigurationError, match="postgresql://user:password@host") as caught:
            make(url)
        assert leaks(caught.value, PASSWORD) == []


@pytest.mark.parametrize(
    ("rest", "where"),
    [
        ("host/d", "host:5432/d"),
        ("host:1234/d", "host:1234/d"),
        ("[::1]:1234/d", "[::1]:1234/d"),
        ("host", "host:5432"),
        ("a,b/d", "a,b:5432/d"),
        ("/d?host=/run/postgresql", "/run/postgresql:5432/d"),
        ("a:1,b:2/d", "a,b:1,2/d"),
        (f"host/d?password={PASSWORD}", "host:5432/d"),
    ],
)
def test_no_login_is_in_a_representation(rest: str, where: str) -> None:
    store = PostgresStore(f"postgres://me:{PASSWORD}@{rest}", schema="mine")
    assert repr(store) == f"PostgresStore({where!r}, schema='mine')"
    assert repr(store._database) == f"Database({where!r}, schema='mine')"
    assert PASSWORD not in f"{vars(store._database)} {vars(store._database.login)}"


def test_without_the_extra_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in sys.modules if each.partition(".")[0] == "psycopg"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigurationError, match=r"pip install .*\[postgres\]"):
        PostgresStore("postgresql://host/d")


def test_the_event_loop_of_windows_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise psycopg.InterfaceError(
            "Psycopg cannot use the 'ProactorEventLoop' to run in async mode."
        )

    monkeypatch.setattr(psycopg.AsyncConnection, "connect", fails)
    said = asyncio.run(refusal(PostgresStore("postgresql://host/d")))
    assert "asyncio.Runner(loop_factory=asyncio.SelectorEventLoop)" in said
