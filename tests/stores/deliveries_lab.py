"""Each store of deliveries, empty, and a way to let its time go on."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from postgres_server import FEW_DIGITS

from postiz_async.clock import JumpingClock
from postiz_async.stores import in_micros, in_seconds
from postiz_async.stores._deliveries import PLANNED, DeliveryColumns, NewDelivery
from postiz_async.stores._postgres import Database
from postiz_async.stores._postgres_deliveries import PostgresDeliveries
from postiz_async.stores._postgres_schema import ddl
from postiz_async.stores._sqlite_deliveries import SqliteDeliveries
from postiz_async.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

    from postgres_server import PostgresServer

from postiz_async.stores._deliveries import Ahead, Deliveries, KeptDelivery, Scope

HOLD = 100.0
"""Seconds for which scopes are held, unless a test says so."""

NOISE = 50.0
"""Seconds that a test may take, by the clock of a real database."""


class DeliveriesLab:
    """A store, called as a courier calls it."""

    def __init__(self, store: Deliveries) -> None:
        self.store = store

    async def advance(self, seconds: float) -> None:
        """Let time go on; in a database all that is written down grows older."""
        if isinstance(self.store, SqliteDeliveries):
            assert isinstance(self.store._clock, JumpingClock)
            self.store._clock.advance(seconds)
            return
        await self.run(
            "WITH a AS (UPDATE {schema}.scopes SET ready_at = ready_at - %s, "
            "served_at = served_at - %s), "
            "b AS (UPDATE {schema}.deliveries SET until = until - %s, ended_at = ended_at - %s, "
            "put_at = put_at - %s) SELECT 1",
            *(in_micros(seconds),) * 5,
        )

    async def now(self) -> float:
        """The time of the store."""
        if isinstance(self.store, SqliteDeliveries):
            return self.store._clock.time()
        [(now,)] = await self.run("SELECT {clock}")
        return in_seconds(now)

    async def run(self, statement: Any, *values: object) -> Any:
        assert isinstance(self.store, PostgresDeliveries)
        database = self.store._database
        return await database.fetch(statement, values)

    async def put(self, scope: str = "acme", name: str = "", **columns: Any) -> KeptDelivery:
        return (await self.put_ahead(scope, name, **columns))[0]

    async def put_ahead(
        self, scope: str = "acme", name: str = "", **columns: Any
    ) -> tuple[KeptDelivery, Ahead]:
        await self.store.register(scope, f"{scope} & sons", "https://postiz.example")
        return await self.store.put(scope, new(name, **columns))

    async def swap(self, kept: KeptDelivery, **columns: Any) -> KeptDelivery:
        done, now = await self.store.swap(
            kept.number, kept.version, b"swapped", columns_of(**columns)
        )
        assert done
        assert now is not None
        return now

    async def end(self, kept: KeptDelivery, **columns: Any) -> KeptDelivery:
        return await self.swap(kept, state="stored", is_over=True, **columns)

    async def line(self, holder: str = "me", limit: int = 100, **options: Any) -> list[Scope]:
        return await self.store.line(holder, HOLD, limit, **options)

    async def names(self, holder: str = "me", **options: Any) -> list[str]:
        return [scope.name for scope in await self.line(holder, **options)]

    async def taken(
        self, scope: str = "acme", holder: str = "me", limit: int = 100, **options: Any
    ) -> list[str] | None:
        """The ids of what is to be done."""
        taken = await self.store.take(scope, holder, HOLD, limit, **options)
        return None if taken is None else [each.id for each in taken.deliveries]

    async def rest(self, seconds: float, scope: str = "acme", **options: Any) -> None:
        """Take a scope, see what it has, and let go of it."""
        assert await self.names("rests", only=scope) == [scope]
        await self.taken(scope, "rests")
        await self.store.rest(scope, "rests", seconds, **options)


def columns_of(
    state: str = PLANNED,
    *,
    is_over: bool = False,
    due: float = 1.0,
    is_dated: bool = True,
    **others: Any,
) -> DeliveryColumns:
    return DeliveryColumns(state, is_over, due, is_dated, **others)


def new(name: str = "", **columns: Any) -> NewDelivery:
    name = name or secrets.token_hex(8)
    return NewDelivery(name, b"body", b"value", columns_of(**columns))


def sqlite_deliveries(path: Path, clock: JumpingClock | None = None) -> SqliteDeliveries:
    return SqliteDeliveries(SqliteStore(path, clock=clock or JumpingClock()))


def postgres_deliveries(
    server: PostgresServer, schema: str = "", speed: float = 1.0
) -> PostgresDeliveries:
    """In a schema of its own, unless one is named."""
    if not schema:
        schema = f"test_{secrets.token_hex(8)}"
        server.run(ddl(schema))
    return PostgresDeliveries(Database(server.url + FEW_DIGITS, schema=schema), speed)
