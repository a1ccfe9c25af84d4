"""What an outbox in PostgreSQL costs: a hand-over, its way to Postiz, many organisations.

Claims: a hand-over in a transaction takes at most twice as long as a bare INSERT of the same row;
from the commit to the first byte of the request 100 ms at the 95th percentile while the window
has a free slot; a create with the quota in PostgreSQL costs 2 round trips without contention. One
sender serves 10,000 organisations with 100,000 tickets, 50,000 of them of one organisation, which
delays none of the others by more than one claim; all statements find their rows by an index.

Baselines in the same run: the bare INSERT through the same connection, and claims of tickets by
the plain `FOR UPDATE SKIP LOCKED` of a queue without organisations. Postiz is a transport in memory
that answers at once. The server is PostgreSQL on loopback with fsync off, so that the processor is
what counts, and not the disk. Run, from the repository:
python benchmarks/outbox_postgres.py [--organizations 10000]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import statistics
import sys
import time
from collections import Counter
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
from figures import Figure, note, skip

from postiz_async import Channel, NewPost, OutboxOptions, Postiz, PostizPool
from postiz_async._delivery.record import DeliveryPost, DeliveryRecord, write_record
from postiz_async._outbox.hand_over import columns_of
from postiz_async._outbox.sending import LEASE
from postiz_async._quota.state import ledger_name
from postiz_async._wire import WireResponse, format_date
from postiz_async._wire.secrets import Secret
from postiz_async.models.posts import ChannelRef, ContentItem, PostItem, PostRequest
from postiz_async.stores import in_micros
from postiz_async.stores._deliveries import NewDelivery
from postiz_async.stores._postgres import Database
from postiz_async.stores._postgres_deliveries import PostgresDeliveries
from postiz_async.stores.postgres import PostgresStore

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from postgres_server import fresh_database, shared_server, why_no_postgres

from postiz_async import AdvancedOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import LiteralString

    from psycopg.sql import Composed

    from postiz_async._wire import WireRequest

BASE = "http://postiz.invalid/public/v1"
CHANNEL = Channel(id="cm0000000000000000000001", name="here", provider="mastodon")
PUTS, ROUNDS = 60, 7
LIMIT = 30


class MemoryTransport:
    """A Postiz that answers at once, with a window of its own for each key."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self.spent: Counter[str] = Counter()
        self.arrived: list[tuple[str, float]] = []
        """Keys of creates, in the order of their first bytes, and when that was."""

    async def send(self, request: WireRequest) -> WireResponse:
        now = time.perf_counter()
        if request.method == "GET":
            found = b'{"posts":[]}' if "/posts" in request.url else b'{"connected":true}'
            return WireResponse(200, {"content-type": "application/json"}, found)
        key = next(
            value.reveal() if isinstance(value, Secret) else value
            for name, value in request.headers
            if name.lower() == "authorization"
        )
        self.arrived.append((key, now))
        self.spent[key] += 1
        body = msgspec.json.decode(bytes(request.body or b""), type=PostRequest)  # type: ignore[arg-type]
        made = [
            {"postId": f"{key}-{self.spent[key]}-{n}", "integration": item.channel.id}
            for n, item in enumerate(body.posts)
        ]
        headers = {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(max(0, self.limit - self.spent[key])),
            "x-ratelimit-reset": "3600",
        }
        return WireResponse(201, headers, msgspec.json.encode(made))

    async def aclose(self) -> None:
        """There is nothing to close."""


def client(url: str, transport: MemoryTransport, *, sends: bool = True) -> Postiz:
    return Postiz(
        api_key="key",
        base_url=BASE,
        validate=False,
        outbox=OutboxOptions(url, sends=sends),
        advanced=AdvancedOptions(transport=transport, politeness=None),
    )


# ------------------------------------------------------------------ a hand-over


INSERT = (
    "INSERT INTO postiz_async.deliveries (id, scope, version, state, due, is_dated, until, value, "
    "body) VALUES (%s, %s, 1, %s, %s, %s, %s, %s, %s)"
)


async def hand_over_costs(url: str) -> None:
    """A put in a transaction beside a bare INSERT of such a row, in turns."""
    at = datetime.now(UTC) + timedelta(days=7)
    ours, bare = list[float](), list[float]()
    async with (
        client(url, MemoryTransport(), sends=False) as postiz,
        await psycopg.AsyncConnection.connect(url) as connection,
    ):
        new = a_delivery("", at)
        state, _, due, is_dated, until, *_ = new.columns
        row = ("quota", state, due, is_dated, until, new.value, new.body)
        for round_ in range(ROUNDS + 1):
            taken = {"put": 0.0, "insert": 0.0}
            for number in range(PUTS):
                for kind in random.sample(("put", "insert"), 2):
                    began = time.perf_counter()
                    if kind == "put":
                        await postiz.outbox.put(
                            NewPost(CHANNEL, "hello"), at=at, connection=connection
                        )
                    else:
                        name = f"{round_}-{number}"
                        await connection.execute(INSERT, (name, *row))
                    await connection.commit()
                    taken[kind] += time.perf_counter() - began
            if round_:  # the first one warms
                ours.append(taken["put"] / PUTS)
                bare.append(taken["insert"] / PUTS)
    ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
    base = 1e6 * statistics.median(bare)
    note(
        Figure(
            name="a hand-over in a transaction",
            value=ratio * base,
            unit="us",
            baseline="bare INSERT of such a row",
            base=base,
            compared="ratio",
            target=2,
        )
    )
    print(
        f"put in a transaction      {1e6 * statistics.median(ours):8.0f} us\n"
        f"bare INSERT of such a row {1e6 * statistics.median(bare):8.0f} us   "
        f"ratio {ratio:.2f} (<= 2)"
    )


def a_body(text: str, at: datetime) -> bytes:
    item = PostItem(
        channel=ChannelRef(id=CHANNEL.id),
        value=[ContentItem(content=text)],
        settings={"client_ref": "abcdefghijkl", "__type": "mastodon"},
    )
    body = PostRequest(type="schedule", date=format_date(at), posts=[item])
    return msgspec.json.encode(body)


def a_delivery(name: str, at: datetime) -> NewDelivery:
    record = DeliveryRecord(
        state="planned", posts=(DeliveryPost(CHANNEL.id),), due=at.timestamp(), is_dated=True
    )
    return NewDelivery(name, a_body("hello", at), write_record(record), columns_of(record))


# ------------------------------------------------------------------ its way


async def way_to_postiz(url: str) -> None:
    """From the commit to the first byte of the create, one after the other."""
    transport, waits = MemoryTransport(limit=100_000), list[float]()
    at = datetime.now(UTC) + timedelta(days=7)
    async with (
        client(url, transport) as postiz,
        await psycopg.AsyncConnection.connect(url) as connection,
    ):
        for _ in range(200):
            await postiz.outbox.put(NewPost(CHANNEL, "hello"), at=at, connection=connection)
            await connection.commit()
            committed, before = time.perf_counter(), len(transport.arrived)
            while len(transport.arrived) == before:
                await asyncio.sleep(0.0005)
            waits.append(1e3 * (transport.arrived[-1][1] - committed))
            await asyncio.sleep(random.uniform(0.0, 0.1))
    cut = statistics.quantiles(waits, n=20)
    late = "from commit to first byte, of 100 the 95th"
    note(Figure(name=late, value=cut[18], unit="ms", target=100))
    print(
        f"commit to first byte      {statistics.median(waits):8.1f} ms   "
        f"95th percentile {cut[18]:.1f} ms (<= 100)"
    )


async def round_trips(url: str) -> None:
    """Statements for each create whose quota, and whose key where it has one, are in PostgreSQL."""
    count = 0
    fetch = Database.fetch

    async def counted(self: Database, *args: Any, **kwargs: Any) -> list[tuple[Any, ...]]:
        nonlocal count
        count += 1
        return await fetch(self, *args, **kwargs)

    async with (
        aclosing(PostgresStore(url)) as store,
        Postiz(
            api_key="another-key",
            base_url=BASE,
            validate=False,
            store=store,
            advanced=AdvancedOptions(transport=MemoryTransport(limit=1_000)),
        ) as postiz,
    ):
        at = datetime.now(UTC) + timedelta(days=7)
        await postiz.posts.schedule(NewPost(CHANNEL, "first"), at=at)
        Database.fetch = counted  # type: ignore[method-assign]
        for name, target in (("a create", 2), ("a create with a key", 4)):
            count = 0
            for number in range(20):
                key = f"{name} {number}" if target == 4 else None
                await postiz.posts.schedule(NewPost(CHANNEL, "hello"), at=at, idempotency_key=key)
            value = count / 20
            note(
                Figure(
                    name=f"round trips of {name}", value=value, unit="round trips", target=target
                )
            )
            print(f"round trips of {name:20} {value:6.2f}   (<= {target})")
        Database.fetch = fetch  # type: ignore[method-assign]


# ------------------------------------------------------------------ many organisations


def fill(url: str, organizations: int, tickets: int) -> None:
    """Half of the tickets are of one organisation; the others have about the same number each."""
    names = [f"org-{number}" for number in range(organizations)]
    new = a_delivery("", datetime.now(UTC) + timedelta(days=7))
    state, _, due, is_dated, until, *_ = new.columns
    moments = in_micros(due), is_dated, in_micros(until)
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        with cursor.copy(
            "COPY postiz_async.scopes (name, organization, base_url) FROM STDIN"
        ) as copy:
            for name in names:
                copy.write_row((ledger_name(BASE, name), name, BASE))
        with cursor.copy(
            "COPY postiz_async.deliveries (id, scope, version, state, due, is_dated, until, value, "
            "body) FROM STDIN"
        ) as copy:
            for number in range(tickets):
                of = 0 if number < tickets // 2 else 1 + number % (organizations - 1)
                row = (f"t{number}", ledger_name(BASE, names[of]), 1, state, *moments)
                copy.write_row((*row, new.value, new.body))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


async def claims(url: str) -> None:
    """Claims a second of one sender, beside the bare claim of a ticket in one queue."""
    database = Database(url)
    deliveries = PostgresDeliveries(database)
    bare = (
        "UPDATE {schema}.deliveries SET version = 2 WHERE number = (SELECT number "
        "FROM {schema}.deliveries WHERE scope = %s AND state = 'planned' AND version = 1 "
        "ORDER BY due, number LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING number"
    )
    big = ledger_name(BASE, "org-0")
    taken: dict[str, list[float]] = {"claim": [], "bare": []}
    for _ in range(500):
        began = time.perf_counter()
        [scope] = await deliveries.line("benchmark", LEASE, 1)
        middle = time.perf_counter()
        await database.fetch(bare, (big,))
        taken["claim"].append(middle - began)
        taken["bare"].append(time.perf_counter() - middle)
        await deliveries.rest(scope.name, "benchmark", 0.0)
    ours, theirs = (statistics.median(taken[kind]) for kind in ("claim", "bare"))
    note(
        Figure(
            name="claims",
            value=1 / ours,
            unit="/s",
            baseline="bare SKIP LOCKED of one ticket",
            base=1 / theirs,
            better="more",
        )
    )
    print(
        f"claims a second           {1 / ours:8,.0f}      bare SKIP LOCKED of one ticket "
        f"{1 / theirs:,.0f}"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE postiz_async.scopes SET served_at = 0, seen = NULL")
        connection.execute("VACUUM ANALYZE")
    await database.aclose()


async def one_sender(url: str, organizations: int) -> None:
    """Send until each organisation has had its first ticket sent."""
    transport = MemoryTransport()
    statements: dict[str, tuple[Composed, Sequence[object] | Mapping[str, object]]] = {}
    fetch = Database.fetch

    async def noted(
        self: Database,
        query: LiteralString,
        params: Sequence[object] | Mapping[str, object] = (),
    ) -> list[tuple[Any, ...]]:
        statements.setdefault(query, (self.statement(query), params))
        return await fetch(self, query, params)

    async def key_of(organization: str) -> str:
        return organization

    before, began, worked = rss(), time.perf_counter(), time.process_time()
    Database.fetch = noted  # type: ignore[method-assign]
    async with PostizPool(
        base_url=BASE,
        outbox=OutboxOptions(url),
        credentials=key_of,
        validate=False,
        advanced=AdvancedOptions(transport=transport, politeness=None),
    ):
        while len(transport.spent) < organizations:
            await asyncio.sleep(0.5)
        seconds, worked = time.perf_counter() - began, time.process_time() - worked
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    Database.fetch = fetch  # type: ignore[method-assign]
    print(
        f"{organizations:,} organisations: each had its first ticket sent after {seconds:.0f} s, "
        f"{len(transport.arrived):,} creates ({len(transport.arrived) / seconds:,.0f} a second), "
        f"{worked:.0f} s of a processor\n"
        f"  of the organisation with half of all tickets {transport.spent['org-0']} "
        f"(its window has {LIMIT})\n"
        f"  memory of the sender {before:.0f} MB before, {peak:.0f} MB at most"
    )
    first = f"the first of each of {organizations:,} organisations"
    note(Figure(name=first, value=seconds, unit="s", target=60))
    each = f"creates a second, {organizations:,} organisations"
    note(Figure(name=each, value=len(transport.arrived) / seconds, unit="/s", better="more"))
    note(Figure(name="memory of the sender", value=peak - before, unit="MB"))
    scans = await sequential(url, statements)
    note(Figure(name="statements that scan a table", value=len(scans), unit="", target=0))
    print(f"  {len(statements)} kinds of statements, with a sequential scan: {scans or 'none'}")


async def sequential(
    url: str, statements: dict[str, tuple[Composed, Sequence[object] | Mapping[str, object]]]
) -> list[str]:
    """The statements whose plan reads a large table from end to end."""
    found: list[str] = []
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("VACUUM ANALYZE")
        for query, params in statements.values():
            text = query.as_string(connection)
            if text.split()[0] not in {"SELECT", "WITH", "INSERT", "UPDATE", "DELETE"}:
                continue
            cursor = await connection.execute(f"EXPLAIN {text}".encode(), params or None)
            plan = "\n".join(line for (line,) in await cursor.fetchall())
            if any(
                f"Seq Scan on {name}" in plan
                for name in ("scopes", "deliveries", "delivered", "records")
            ):
                found.append(" ".join(text.split())[:70])
    return found


def rss() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--organizations", type=int, default=10_000)
    parser.add_argument("--tickets", type=int, default=100_000)
    asked = parser.parse_args()
    if why_no_postgres():
        skip(why_no_postgres())
        return
    print(f"PostgreSQL {shared_server().version} on loopback, fsync off")
    await hand_over_costs(fresh_database())
    await way_to_postiz(fresh_database())
    await round_trips(fresh_database())
    many = fresh_database()
    fill(many, asked.organizations, asked.tickets)
    await claims(many)
    await one_sender(many, asked.organizations)


if __name__ == "__main__":
    asyncio.run(main())
