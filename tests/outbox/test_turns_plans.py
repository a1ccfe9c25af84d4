"""No statement of a sender, or of who hands over, reads a table from its beginning to its end."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from postgres_lab import Place
from postgres_server import why_no_postgres

from postiz_async._delivery.journal_file import RowState
from postiz_async._outbox.postgres_tickets import AllTickets, HandOverTable
from postiz_async._outbox.turn_tickets import TurnTickets
from postiz_async._outbox.turns import Turns
from postiz_async.clock import SystemClock
from postiz_async.models.posts import CreatePost, PostItem
from postiz_async.stores._postgres import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from postiz_async._outbox.tickets import OutboxEntry

pytestmark = pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())

ORGANIZATIONS, TICKETS = 2_000, 20_000
AT = datetime(2099, 1, 1, tzinfo=UTC)
BODY = CreatePost(
    type="schedule",
    date="2030-01-01T00:00:00.000Z",
    posts=[
        PostItem(
            integration={"id": "channel"},  # type: ignore[arg-type]
            value=[{"content": "hello", "image": []}],  # type: ignore[list-item]
            settings={"__type": "mastodon"},
        )
    ],
)

ORGANIZATIONS_MADE = (
    "INSERT INTO organizations (quota, organization, base_url, key_name, ready_at, trouble) "
    "SELECT md5(n::text), CASE WHEN n % 20 = 0 THEN '' ELSE 'organization ' || n END, "
    "'https://postiz.example', md5('key ' || n), CASE n % 10 WHEN 0 THEN clock_timestamp() "
    "WHEN 1 THEN clock_timestamp() + interval '1 hour' ELSE 'infinity' END, "
    f"CASE WHEN n % 50 = 1 THEN 'away' ELSE '' END FROM generate_series(1, {ORGANIZATIONS}) n"
)
"""Of ten eight are idle, one waits for its slots, and one can be taken."""

TICKETS_MADE = (
    "INSERT INTO tickets "
    "(id, quota, state, due, dated, body, post_ids, sent, moment, sent_at, seen, ended_at) "
    "SELECT md5(n::text), {quota}, CASE WHEN n % 1000 = 1 THEN "
    "'sending' WHEN n % 20 = 0 THEN 'planned' ELSE 'stored' END, 1893456000 + n, TRUE, "
    "repeat('x', 700), '[\"cm' || n || '\"]', repeat('x', 700), CASE WHEN n % 20 > 0 THEN "
    "1893456000000 + {moment} END, 1893456000, {seen}, CASE WHEN n % 20 > 1 THEN "
    f"clock_timestamp() - n * interval '1 minute' END FROM generate_series(1, {TICKETS}) n"
)
"""Of twenty one waits, one in a thousand is on its way, and the others are over."""


EACH = f"md5((n % {ORGANIZATIONS} + 1)::text)"
LIVES = {
    "usual": {"seen": "n % 500 > 0", "quota": EACH, "moment": "n"},
    "a rush": {"seen": "n % 3 > 0", "quota": EACH, "moment": "n"},
    "one has half of all, at the hours of all": {
        "seen": "n % 500 > 0",
        "quota": f"CASE WHEN n % 2 = 0 THEN md5('10') ELSE {EACH} END",
        "moment": "n % 7",
    },
}
"""What the outboxes are like: few tickets are new, or many; 10 is taken first."""


@pytest.fixture(scope="module", params=LIVES.values(), ids=LIVES)
def full(request: pytest.FixtureRequest) -> Iterator[Place]:
    """An outbox that was used for a while."""
    if why_no_postgres():
        pytest.skip(why_no_postgres())
    place = Place.made()
    place.run(ORGANIZATIONS_MADE)
    tickets = TICKETS_MADE
    for name, value in request.param.items():
        tickets = tickets.replace(f"{{{name}}}", value)
    place.run(tickets)
    for table in TABLES:
        place.run(f"VACUUM ANALYZE {table}")
    yield place
    place.server.run(f"DROP SCHEMA {place.schema} CASCADE")


@pytest.fixture
async def made(
    full: Place, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Database, list[tuple[str, Any]]]]:
    """The database, and the statements that are made."""
    seen: list[tuple[str, Any]] = []
    run = Database._run

    async def noted(database: Database, connection: Any, query: Any, params: Any) -> Any:
        seen.append((query if isinstance(query, str) else query.as_string(None), params))
        return await run(database, connection, query, params)

    monkeypatch.setattr(Database, "_run", noted)
    database = full.database()
    await database.check()
    seen.clear()
    yield database, seen
    await database.aclose()


def scans(place: Place, statement: str, params: Any) -> list[str]:
    """The tables that the plan of a statement reads from their beginning to their end."""
    with psycopg.connect(place.url, cursor_factory=psycopg.ClientCursor) as connection:
        cursor = connection.execute(f"EXPLAIN (FORMAT JSON) {statement}".encode(), params or None)
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


TABLES = {"organizations", "tickets"}


def test_a_scan_is_seen(full: Place) -> None:
    table = f'"{full.schema}".tickets'
    assert scans(full, f"SELECT * FROM {table} WHERE note = 'x'", ()) == ["tickets"]
    assert scans(full, f"WITH x AS (SELECT max(note) FROM {table}) SELECT * FROM x", ()) != []
    assert scans(full, f"SELECT * FROM {table} WHERE number = %s", (1,)) == []


def check(place: Place, made: list[tuple[str, Any]]) -> None:
    assert made
    found = {statement: scans(place, statement, params) for statement, params in made}
    assert {statement: tables for statement, tables in found.items() if tables} == {}


def not_called(kind: type, called: set[str]) -> set[str]:
    """Methods that make statements and were not called."""
    methods = inspect.getmembers(kind, inspect.iscoroutinefunction)
    return {name for name, _ in methods if not name.startswith("_")} - called


class Called:
    """Calls methods by their names, and remembers those."""

    def __init__(self, what: Any) -> None:
        self.what = what
        self.names: set[str] = set()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        self.names.add(name)
        method: Callable[..., Awaitable[Any]] = getattr(self.what, name)
        return method


async def test_of_turns(full: Place, made: tuple[Database, list[tuple[str, Any]]]) -> None:
    database, seen = made
    called: set[str] = set()
    [(nameless,)] = full.run(
        "SELECT quota FROM organizations WHERE organization = '' AND ready_at < 'infinity' LIMIT 1"
    )
    for only in (None, str(nameless)):
        turns = Called(Turns(database, "me", only=only))
        await turns.register("new", "new", "https://postiz.example")
        await turns.count_new()
        claimed = await turns.claim(100)
        assert claimed
        await turns.renew(claimed)
        await turns.next_in()
        await turns.is_anybody_waiting({"none": 1})
        await turns.key_owner(claimed[0].quota, "key")
        if only is not None:
            await turns.count_abandoned()
        await turns.end(claimed[0], again_in=None)
        await turns.end(claimed[0], again_in=0.0)
        await turns.prune(timedelta(days=13))
        called |= turns.names
    assert not_called(Turns, called) == set()
    check(full, seen)


async def test_of_who_hands_over_and_asks(
    full: Place, made: tuple[Database, list[tuple[str, Any]]]
) -> None:
    database, seen = made
    [(quota,)] = full.run("SELECT quota FROM tickets WHERE state = 'planned' LIMIT 1")
    turns = Turns(database, "me")
    table = Called(
        HandOverTable(database, turns, quota=quota, organization="x", base_url="https://x")
    )
    everybody = Called(AllTickets(database))
    entry: OutboxEntry
    entry, _ = await table.put("ticket", BODY, AT.timestamp(), dated=True, owned=True)
    for each in (table, everybody):
        await each.get("ticket")
        await each.withdraw("ticket")
    await table.ahead(entry)
    await table.counts()
    await everybody.whose(entry)
    await everybody.troubles()
    assert not_called(HandOverTable, table.names) == set()
    assert not_called(AllTickets, everybody.names) == {"counts"}, "which counts all there are"
    check(full, seen)


async def test_of_a_turn(full: Place, made: tuple[Database, list[tuple[str, Any]]]) -> None:
    database, seen = made
    full.run(
        "UPDATE organizations SET holder = NULL, ready_at = clock_timestamp() - "
        "CASE WHEN quota = md5('10') THEN interval '1 hour' ELSE '0' END "
        "WHERE ready_at < 'infinity'"
    )
    turns = Turns(database, "me")
    [turn] = await turns.claim(1)
    for number in range(3):
        table = HandOverTable(
            database, turns, quota=turn.quota, organization="x", base_url="https://x"
        )
        await table.put(f"t {number}", BODY, AT.timestamp(), dated=True, owned=True)
    seen.clear()
    tickets = Called(TurnTickets(database, turn, turns, SystemClock(), lambda: None, most=100))
    [(share,)] = full.run(f"SELECT count(*) FROM tickets WHERE quota = '{turn.quota}'")
    full.run(f"DELETE FROM tickets WHERE quota = '{turn.quota}' AND body LIKE 'x%'")
    _, [entry, other, _] = await tickets.take_stock((), 100)
    await tickets.stock()
    await tickets.get(entry.id)
    assert await tickets.intend(entry, AT, [], 1.0) is not None
    later = Called(TurnTickets(database, turn, turns, SystemClock(), lambda: None))
    assert await later.intend(other, AT, [], 1.0) is not None, "after a look at what is used"
    await tickets.repeat(entry, 1.0)
    await tickets.doubt(entry, "its answer was lost")
    await tickets.mends(entry.number, 1.0)
    await tickets.plan_again(entry, post_ids=(None,))
    await tickets.end(entry, RowState.STORED, "", ("id",))
    check(full, seen)
    seen.clear()
    await tickets.account()
    await tickets.has_stored("id")
    assert await tickets.age(entry) >= 0
    assert not_called(TurnTickets, tickets.names) == set()
    if share < TICKETS / 4:  # what reads a quarter of a table may as well read all of it
        check(full, seen)
