"""No statement of a sender, or of who puts, reads a table from its beginning to its end."""

from __future__ import annotations

import inspect
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from deliveries_lab import HOLD, columns_of, new, postgres_deliveries
from postgres_server import PostgresServer, shared_server, why_no_postgres

from postiz_async.stores._postgres import Database
from postiz_async.stores._postgres_deliveries import PostgresDeliveries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from postiz_async.stores._deliveries import KeptDelivery

pytestmark = pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())

SCOPES, DELIVERIES = 2_000, 20_000
TABLES = {"scopes", "deliveries", "delivered"}

SCOPES_MADE = (
    "INSERT INTO scopes (name, organization, base_url, key_name, served_at, ready_at, holder, "
    "seen, trouble) SELECT md5(n::text), CASE WHEN n % 20 = 0 THEN '' ELSE 'org ' || n END, "
    "'https://postiz.example', md5('key ' || n), n, "
    "(extract(epoch FROM clock_timestamp()) + CASE n % 4 WHEN 1 THEN 3600 ELSE -60 END) * 1000000, "
    "CASE WHEN n % 9 = 0 THEN 'me' END, pg_current_snapshot(), "
    f"CASE WHEN n % 50 = 1 THEN 'away' ELSE '' END FROM generate_series(1, {SCOPES}) n"
)
"""Of four one rests, and of nine one is held."""

DELIVERIES_MADE = (
    "INSERT INTO deliveries (id, scope, version, state, due, is_dated, until, mark, ended_at, "
    "ending, value, body) SELECT md5(n::text), {scope}, n, CASE WHEN n % 1000 = 1 THEN 'leaving' "
    "WHEN {open} THEN 'planned' ELSE 'stored' END, (1893456000 + n) * 1000000::bigint, TRUE, "
    "CASE WHEN n % 100 = 0 THEN 1893456000000000 ELSE 0 END, CASE WHEN NOT {open} THEN n END, "
    "CASE WHEN NOT {open} AND n % 1000 <> 1 "
    "THEN (extract(epoch FROM clock_timestamp()) - n * 60) * 1000000 END, "
    "CASE WHEN NOT {open} AND n % 1000 <> 1 THEN n END, "
    "decode(repeat('00', 400), 'hex'), decode(repeat('00', 700), 'hex') "
    f"FROM generate_series(1, {DELIVERIES}) n"
)
"""One in a thousand is on its way, some wait, and the others are over."""

DELIVERED_MADE = (
    "INSERT INTO delivered SELECT scope, 'post ' || number, number FROM deliveries "
    "WHERE state = 'stored'"
)

EACH = f"md5((n / {DELIVERIES // SCOPES} % {SCOPES} + 1)::text)"
LIVES = {
    "usual": {"open": "n % 20 = 0", "scope": EACH},
    "a rush": {"open": "n % 3 > 0", "scope": EACH},
    "one has half of all": {
        "open": "n % 20 < 2",
        "scope": f"CASE WHEN n % 2 = 0 THEN md5('11') ELSE {EACH} END",
    },
}


class Place:
    """A schema that was used for a while."""

    def __init__(self, server: PostgresServer, life: dict[str, str]) -> None:
        self.server = server
        self.schema = postgres_deliveries(server)._database.schema
        deliveries = DELIVERIES_MADE
        for name, value in life.items():
            deliveries = deliveries.replace(f"{{{name}}}", value)
        counted = f"UPDATE endings SET last = {DELIVERIES}"
        for statement in (SCOPES_MADE, deliveries, DELIVERED_MADE, counted):
            self.run(statement)
        for table in TABLES:
            self.run(f"VACUUM ANALYZE {table}")

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        return self.server.run(f'SET search_path TO "{self.schema}"', statement)

    def scans(self, statement: str, params: Any) -> list[str]:
        """The tables that the plan of a statement reads from their beginning to their end."""
        with psycopg.connect(self.server.url, cursor_factory=psycopg.ClientCursor) as connection:
            cursor = connection.execute(
                f"EXPLAIN (FORMAT JSON) {statement}".encode(), params or None
            )
            [(plan,)] = cursor.fetchall()
            connection.rollback()
        return list(_scans(json.loads(plan) if isinstance(plan, str) else plan))


def _scans(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if node.get("Node Type") == "Seq Scan" and node["Relation Name"] in TABLES:
            yield node["Relation Name"]
        for value in node.values():
            yield from _scans(value)
    elif isinstance(node, list):
        for value in node:
            yield from _scans(value)


@pytest.fixture(scope="module", params=LIVES.values(), ids=LIVES)
def full(request: pytest.FixtureRequest) -> Iterator[Place]:
    if why_no_postgres():
        pytest.skip(why_no_postgres())
    place = Place(shared_server(), request.param)
    yield place
    place.server.run(f'DROP SCHEMA "{place.schema}" CASCADE')


@pytest.fixture
async def made(
    full: Place, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[PostgresDeliveries, list[tuple[str, Any]]]]:
    """The store, and the statements that are made."""
    seen: list[tuple[str, Any]] = []
    fetch = Database.fetch

    async def noted(database: Database, query: Any, params: Any) -> Any:
        seen.append((database.statement(query).as_string(None), params))
        return await fetch(database, query, params)

    monkeypatch.setattr(Database, "fetch", noted)
    store = postgres_deliveries(full.server, full.schema)
    await store.open()
    seen.clear()
    yield store, seen
    await store.aclose()


def test_a_scan_is_seen(full: Place) -> None:
    table = f'"{full.schema}".deliveries'
    assert full.scans(f"SELECT * FROM {table} WHERE body = ''", ()) == ["deliveries"]
    assert full.scans(f"WITH x AS (SELECT max(until) FROM {table}) SELECT * FROM x", ()) != []
    assert full.scans(f"SELECT * FROM {table} WHERE number = %s", (1,)) == []


async def test_each_method_is_one_statement_that_uses_indexes(
    full: Place, made: tuple[PostgresDeliveries, list[tuple[str, Any]]]
) -> None:
    store, seen = made
    called: set[str] = set()

    async def call(name: str, *values: Any, **options: Any) -> Any:
        called.add(name)
        before = len(seen)
        answer = await getattr(store, name)(*values, **options)
        assert len(seen) == before + 1 or name == "prune", f"{name} is one round trip"
        return answer

    [(nameless,)] = full.run("SELECT name FROM scopes WHERE organization = '' LIMIT 1")
    kept: KeptDelivery
    for only in (None, str(nameless)):
        await call("line", "me", HOLD, 3, only)
        await call("next_in", only)
        await call("has_work", "me", only, [1, 2])
    scopes = await call("line", "me", HOLD, 8)
    assert len(scopes) == 8
    scope = scopes[0].name
    await call("hold", [each.name for each in scopes], "me", HOLD)
    await call("register", "new", "new", "https://postiz.example")
    await call("key_owner", scope, "key")
    kept, _ = await call("put", scope, new("one"))
    taken = await call("take", scope, "me", HOLD, 100, [1, 2, 3])
    assert taken.deliveries
    await call("get", "one")
    await call("get", "one", scope)
    await call("ahead", kept.scope, kept.number, 1.0)
    columns = columns_of("leaving", mark=1, post_ids=("p", "q"))
    done, _ = await call("swap", kept.number, kept.version, b"value", columns)
    assert done
    await call("known", scope, ["p", "q"], [1, 2])
    await call("rouse", scope)
    await call("rest", scope, "me", 1.0)
    await call("abandoned", str(nameless))
    for only in (None, scope, str(nameless)):
        await call("endings", 1_000, 3, only)
        await call("endings", DELIVERIES, 500, only)
    await call("prune", timedelta(days=13))
    found = {statement: full.scans(statement, params) for statement, params in seen}
    assert {statement: tables for statement, tables in found.items() if tables} == {}

    seen.clear()
    await call("overview")
    await call("overview", scope)
    assert [full.scans(*each) for each in seen] == [["scopes"], []]
    await call("counts")
    seen.clear()
    await call("counts", scope)
    [(share,)] = full.run(f"SELECT count(*) FROM deliveries WHERE scope = '{scope}'")
    if share < DELIVERIES / 4:  # what reads a quarter of a table may as well read all of it
        assert full.scans(*seen[0]) == []
    methods = inspect.getmembers(PostgresDeliveries, inspect.iscoroutinefunction)
    assert {name for name, _ in methods if not name.startswith("_")} - called == {"open", "aclose"}
