"""Deliveries in PostgreSQL: in callers' transactions, over connections that break, side by side."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from callers_lab import CALLERS, caller_of
from deliveries_lab import HOLD, NOISE, DeliveriesLab, columns_of, new, postgres_deliveries
from postgres_proxy import proxy
from postgres_server import PostgresServer, shared_server, why_no_postgres
from processes import PATIENCE, until
from spread import spread

from postiz_async.errors import StoreError
from postiz_async.stores._postgres import Database
from postiz_async.stores._postgres_deliveries import PostgresDeliveries, channel_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())

DRIVERS = [
    "psycopg, usual",
    "asyncpg",
    "sqlalchemy, psycopg, connection",
    "sqlalchemy, asyncpg, session",
]
USUAL = DRIVERS[0]
_NO_TIME = timedelta(0)


class PostgresLab(DeliveriesLab):
    """A schema, and further stores on it."""

    def __init__(self, server: PostgresServer) -> None:
        self.made = postgres_deliveries(server)
        super().__init__(self.made)
        self.server = server
        self.schema = self.made._database.schema

    def other(self, **options: Any) -> PostgresDeliveries:
        return postgres_deliveries(self.server, self.schema, **options)

    def caller(self, name: str = USUAL) -> Any:
        return caller_of(name, self.server.url)

    async def put_through(self, caller: Any, name: str, scope: str = "acme") -> Any:
        await self.store.register(scope, f"{scope} & sons", "https://postiz.example")
        return await self.store.put(scope, new(name), connection=caller.connection)


@pytest.fixture
async def lab() -> AsyncIterator[PostgresLab]:
    made = PostgresLab(shared_server())
    yield made
    await made.store.aclose()


# ------------------------------------------------------------------ in transactions of callers


@pytest.mark.parametrize("name", spread(CALLERS, every=4))
async def test_what_is_committed_is_there(lab: PostgresLab, name: str) -> None:
    async with lab.caller(name) as caller:
        await caller.begin()
        kept, ahead = await lab.put_through(caller, "one")
        assert (kept.id, kept.scope, kept.value, kept.body) == ("one", "acme", b"value", b"body")
        assert ahead == (0, 1, 0.0, "", "acme & sons", "https://postiz.example")
        assert await lab.store.get("one") is None
        assert await lab.names() == []
        again, _ = await lab.put_through(caller, "one")
        assert again[1:2] + again[3:] == kept[1:2] + kept[3:]
        await caller.commit()
    assert await lab.names() == ["acme"]
    assert await lab.taken() == ["one"]


@pytest.mark.parametrize("name", DRIVERS)
async def test_what_is_rolled_back_never_was(lab: PostgresLab, name: str) -> None:
    async with lab.caller(name) as caller:
        await caller.begin()
        await lab.put_through(caller, "one")
        await caller.rollback()
    assert await lab.store.get("one") is None
    assert await lab.store.counts() == {}


async def test_an_open_transaction_holds_nobody_up(lab: PostgresLab) -> None:
    """Nor does a sender hold one up that is at work on the same scope."""
    first = await lab.put("acme", "first")
    async with lab.caller() as slow, lab.caller() as quick, asyncio.timeout(PATIENCE):
        await lab.put_through(slow, "slow")
        await lab.put_through(quick, "quick")
        await quick.commit()
        other = lab.other()
        await other.register("acme", "acme", "url")
        await other.aclose()
        assert await lab.names() == ["acme"]
        assert await lab.taken() == ["first", "quick"]
        assert await lab.store.hold(["acme"], "me", HOLD) == {"acme"}
        assert await lab.store.key_owner("acme", "key") is None
        await lab.end(first, mark=1, post_ids=("p",))
        await lab.store.rest("acme", "me", 1_000.0)
        await lab.store.rouse("acme")
        async with lab.caller() as sender:
            table = f'"{lab.schema}".scopes'
            await sender.execute(f"SELECT FROM {table} FOR UPDATE")
            await lab.put_through(slow, "beside a sender")
            await lab.put("acme", "outside")
        await slow.commit()
    assert await lab.store.counts() == {"planned": 4, "stored": 1}


COMMITS_LATE = """
CREATE FUNCTION {schema}.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext(NEW.id)); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER wait AFTER UPDATE ON {schema}.deliveries DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION {schema}.wait()
"""
"""A commit that changes a delivery waits while somebody has the lock of its id."""


def are_waiting(lab: PostgresLab, count: int) -> bool:
    """Whether so many statements wait for a lock."""
    waiting = "SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return sum(lab.schema in query for (query,) in lab.server.run(waiting)) >= count


async def test_an_ending_that_commits_late_is_not_skipped(lab: PostgresLab) -> None:
    """A number that was drawn first becomes visible first: a sequence would not care."""
    early, late = await lab.put("acme", "early"), await lab.put("globex", "late")
    lab.server.run(COMMITS_LATE.format(schema=f'"{lab.schema}"'))
    seen: list[str] = []
    last = 0

    async def read() -> None:
        nonlocal last
        for each in (await lab.store.endings(last + 1, 100)).endings:
            seen.append(each.delivery.id)
            last = each.number

    async with lab.caller() as locker, asyncio.timeout(PATIENCE):
        await locker.begin()
        await locker.execute("SELECT pg_advisory_xact_lock(hashtext('early'))")
        first = asyncio.create_task(lab.end(early))
        await until(lambda: are_waiting(lab, 1))
        second = asyncio.create_task(lab.end(late))
        await until(lambda: second.done() or are_waiting(lab, 2))
        await read()
        await locker.commit()
        await asyncio.gather(first, second)
    await read()
    assert sorted(seen) == ["early", "late"]


async def test_a_delivery_that_a_caller_holds_holds_up_no_other_ending(lab: PostgresLab) -> None:
    mine, other = await lab.put("acme", "mine"), await lab.put("acme", "other")
    async with lab.caller() as caller, asyncio.timeout(PATIENCE):
        await caller.begin()
        await lab.put_through(caller, "mine")  # with the same key again
        waiting = asyncio.create_task(lab.end(mine))
        await until(lambda: are_waiting(lab, 1))
        await lab.end(other)
        await caller.commit()
        await waiting
    found = await lab.store.endings(0, 100)
    assert [each.delivery.id for each in found.endings] == ["other", "mine"]


async def test_many_end_side_by_side_and_readers_miss_none(lab: PostgresLab) -> None:
    count, scopes = 240, ["acme", "globex", "initech"]
    stores = [lab.other() for _ in range(4)]
    kept = [await lab.put(scopes[n % 3], str(n)) for n in range(count)]
    order: dict[str, list[str]] = {scope: [] for scope in scopes}

    async def end(n: int) -> None:
        """One after the other in a scope, and now and then one that comes too late."""
        for each in kept[n::3]:
            store = stores[int(each.id) % 4]
            columns = columns_of("stored", is_over=True, post_ids=(each.id,))
            late = store.swap(each.number, each.version + 1, b"", columns)
            done, _ = await store.swap(each.number, each.version, b"", columns)
            assert done
            order[each.scope].append(each.id)
            assert not (await late)[0]

    async def read(store: PostgresDeliveries, only: str | None, wanted: int) -> list[str]:
        seen: list[str] = []
        last = 0
        while len(seen) < wanted:
            for each in (await store.endings(last + 1, 7, only)).endings:
                assert each.number > last
                last = each.number
                seen.append(each.delivery.id)
        return seen

    async with asyncio.timeout(PATIENCE):
        readers = [asyncio.create_task(read(stores[n], None, count)) for n in range(2)]
        one = asyncio.create_task(read(stores[2], "acme", count // 3))
        await asyncio.gather(*(end(n) for n in range(3)))
        assert await one == order["acme"]
        for seen in await asyncio.gather(*readers):
            for scope in scopes:
                assert [each for each in seen if each in order[scope]] == order[scope]
    for store in stores:
        await store.aclose()


async def test_a_transaction_that_ends_late_ends_a_rest_though_its_number_is_lower(
    lab: PostgresLab,
) -> None:
    async with lab.caller() as slow:
        kept, _ = await lab.put_through(slow, "slow")
        quick = await lab.put("acme", "quick")
        assert kept.number < quick.number
        await lab.rest(1_000.0)
        assert await lab.names() == []
        await slow.commit()
    assert await lab.store.next_in() == 0.0
    assert await lab.names() == ["acme"]
    assert await lab.taken() == ["slow", "quick"]


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
async def test_transactions_that_see_one_state_do_not_conflict(
    lab: PostgresLab, level: str
) -> None:
    await lab.put("acme", "before")
    async with AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(lab.caller()) for _ in range(4)]
        for caller in callers:
            await caller.execute(
                f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {level}"
            )
            await caller.commit()
        for number, caller in enumerate(callers):
            _, ahead = await lab.put_through(caller, f"{number}")
            is_read = level == "REPEATABLE READ"
            assert ahead[:2] == ((1, 2) if is_read else (0, 1))
        for caller in callers:
            await caller.commit()
    assert await lab.store.counts() == {"planned": 5}


# ------------------------------------------------------------------ side by side


async def test_what_others_have_locked_is_passed_over(lab: PostgresLab) -> None:
    for scope in ("acme", "globex"):
        await lab.end(await lab.put(scope, f"old of {scope}"))
        await lab.put(scope)
    await lab.advance(1_000.0)
    async with lab.caller() as sender, asyncio.timeout(PATIENCE):
        for table, key in (("scopes", "name"), ("deliveries", "scope")):
            lock = f"SELECT FROM \"{lab.schema}\".{table} WHERE {key} = 'acme' FOR UPDATE"
            await sender.execute(lock)
        other = lab.other()
        assert [scope.name for scope in await other.line("me", HOLD, 10)] == ["globex"]
        assert await other.prune(keep=_NO_TIME) == 1
        await other.aclose()
    assert await lab.names() == ["acme"]
    assert await lab.store.prune(_NO_TIME) == 1


async def test_a_swap_that_waited_for_a_quicker_one_tells_what_that_one_wrote(
    lab: PostgresLab,
) -> None:
    kept = await lab.put()
    async with lab.caller() as quicker:
        statement = f"UPDATE \"{lab.schema}\".deliveries SET version = 7, value = 'quicker'"
        await quicker.execute(statement)
        swap = lab.store.swap(kept.number, kept.version, b"slower", columns_of())
        slower = asyncio.ensure_future(swap)
        waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
        await until(lambda: lab.server.run(waits.replace("%s", f"'%{lab.schema}%'")))
        await quicker.commit()
    done, found = await slower
    assert not done
    assert found is not None
    assert (found.version, found.value) == (7, b"quicker")


async def test_many_who_hold_and_take_run_into_no_deadlock(lab: PostgresLab) -> None:
    names = [f"scope {n}" for n in range(20)]
    for name in names:
        await lab.put(name)
    assert await lab.names() == sorted(names)
    calls = [lab.store.hold(names[::way], "me", HOLD) for way in (1, -1) * 10]
    held = await asyncio.gather(*calls, *(lab.taken(name) for name in names))
    assert held[:20] == [{*names}] * 20


# ------------------------------------------------------------------ connections that break


async def test_what_was_done_though_its_answer_was_lost_is_told_as_done(lab: PostgresLab) -> None:
    async with proxy(lab.server.port) as way:
        url = f"postgresql://postgres@127.0.0.1:{way.port}/postgres"
        store = PostgresDeliveries(Database(url, schema=lab.schema))
        await store.register("acme", "acme", "url")
        way.break_after = b"INSERT INTO"
        kept, ahead = await store.put("acme", new("one"))
        assert (kept.id, ahead[:2]) == ("one", (0, 1))
        way.break_after = b"SET version"
        columns = columns_of("leaving", mark=7, post_ids=("p",))
        done, swapped = await store.swap(kept.number, kept.version, b"two", columns)
        assert done
        assert swapped is not None
        assert (swapped.value, swapped.number) == (b"two", kept.number)
        assert way.connections == 3
        done, again = await store.swap(kept.number, kept.version, b"three", columns)
        assert not done
        assert again is not None
        assert again.version == swapped.version
        await store.aclose()
    assert await lab.store.counts() == {"leaving": 1}


async def test_a_database_that_is_gone_is_told() -> None:
    store = PostgresDeliveries(Database("postgresql://postgres:hidden@127.0.0.1:1/postgres"))
    assert store.where == "127.0.0.1:1/postgres"
    for call in (store.open(), store.put("acme", new()), store.changes().__aenter__()):
        with pytest.raises(StoreError, match=r"PostgreSQL at 127.0.0.1:1/postgres cannot"):
            await call
    await store.aclose()


# ------------------------------------------------------------------ changes


async def test_changes_are_told_when_they_are_committed(lab: PostgresLab) -> None:
    other = lab.other()
    async with asyncio.timeout(PATIENCE), other.changes() as changes, lab.caller() as caller:
        await lab.put("acme")
        assert await anext(changes) == ("acme",)
        await lab.put_through(caller, "later", "globex")
        await lab.put("initech")
        assert await anext(changes) == ("initech",)
        await caller.commit()
        assert await anext(changes) == ("globex",)
        await lab.store.rouse("nobody's")
        assert await anext(changes) == ("nobody's",)
        lab.server.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE query LIKE 'LISTEN%{lab.schema}%'"
        )
        with pytest.raises(StoreError, match="cannot be used"):
            await anext(changes)
    async with asyncio.timeout(PATIENCE), other.changes() as changes:
        await lab.put("acme")
        assert await anext(changes) == ("acme",)
    await other.aclose()


def test_schemas_have_channels_of_their_own() -> None:
    names = ["a", "b", "ü" * 31, "x" * 63, "x" * 62 + "y"]
    channels = {channel_of(name, of) for name in names for of in ("deliveries", "endings")}
    assert len(channels) == 2 * len(names)
    assert max(len(channel.encode()) for channel in channels) <= 63


# ------------------------------------------------------------------ clocks, rights, dumps


async def test_seconds_of_a_clock_that_runs_faster_are_fewer_of_the_database(
    lab: PostgresLab,
) -> None:
    fast = lab.other(speed=100.0)
    kept = await lab.put("acme", "one")
    found = await fast.get("one")
    assert found is not None
    assert 0 <= found.time - kept.time * 100 <= NOISE * 100
    assert len(await fast.line("me", 100_000.0, 1)) == 1
    assert 900.0 < await lab.store.next_in() <= 1_000.0
    assert 90_000.0 < await fast.next_in() <= 100_000.0
    until = found.time + 300_000.0
    done, _ = await fast.swap(found.number, found.version, b"", columns_of(until=until))
    assert done
    assert 2_900.0 < await lab.store.next_in() <= 3_000.0
    await fast.rest("acme", "me", 500_000.0, failures=1, trouble="away")
    assert 4_900.0 < (await lab.store.ahead(kept.scope, kept.number, 1.0)).rests <= 5_000.0
    assert 490_000.0 < (await fast.ahead(kept.scope, kept.number, 1.0)).rests <= 500_000.0
    await fast.aclose()
    endless = lab.other(speed=float("inf"))
    assert 4_900.0 < await endless.next_in() <= 5_000.0
    await endless.aclose()


async def test_rights_to_read_and_write_are_enough(lab: PostgresLab) -> None:
    role = f"role_{secrets.token_hex(4)}"
    lab.server.run(
        f"CREATE ROLE {role} LOGIN",
        f"GRANT USAGE ON SCHEMA {lab.schema} TO {role}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {lab.schema} TO {role}",
    )
    url = lab.server.address("postgres", user=role)
    least = DeliveriesLab(PostgresDeliveries(Database(url, schema=lab.schema)))
    kept = await least.put("acme", "one")
    assert await least.names() == ["acme"]
    assert await least.taken() == ["one"]
    await least.end(kept, mark=1, post_ids=("p",))
    await least.store.rest("acme", "me", 1.0)
    await least.store.rouse("acme")
    await least.advance(1_000.0)
    assert await least.store.prune(_NO_TIME) == 1
    async with least.store.changes():
        pass
    await least.store.aclose()


async def test_what_came_with_a_dump_is_not_new_for_ever(lab: PostgresLab) -> None:
    """The numbers of transactions begin anew in the database into which it is read."""
    await lab.put("acme", "one")
    await lab.run("UPDATE {schema}.deliveries SET put_in = '99999999999' RETURNING 1")
    await lab.rest(1_000.0)
    assert await lab.names() == [], "it rests"
    await lab.put("acme", "two")
    assert await lab.names() == ["acme"]


async def test_text_that_a_database_cannot_keep_is_told_or_cleaned(lab: PostgresLab) -> None:
    await lab.store.register("acme", "a\0\ud800b", "url")
    await lab.store.put("acme", new())
    [scope] = await lab.line()
    assert scope.organization == "a?b"
    with pytest.raises(StoreError):
        await lab.store.put("acme", new("\0"))
    assert await lab.store.counts() == {"planned": 1}


async def test_a_delivery_may_be_put_for_a_scope_that_nobody_registered(lab: PostgresLab) -> None:
    """As when its table was emptied by hand: it waits until a client registers it."""
    kept, ahead = await lab.store.put("acme", new("one"))
    assert ahead == (0, 1, 0.0, "", "", "")
    assert await lab.names() == []
    assert await lab.store.next_in() == float("inf")
    await lab.store.register("acme", "acme", "url")
    assert await lab.names() == ["acme"]
    assert (await lab.store.ahead(kept.scope, kept.number, 1.0))[:2] == (0, 1)
