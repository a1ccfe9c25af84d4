"""What tests of all stores share: the stores, and records that grow old."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from postgres_server import FEW_DIGITS

from postiz_async.clock import JumpingClock
from postiz_async.stores import in_micros
from postiz_async.stores.memory import MemoryStore
from postiz_async.stores.postgres import PostgresStore
from postiz_async.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from postgres_server import PostgresServer

    from postiz_async.stores import Records

__all__ = [
    "KINDS",
    "count_records",
    "grow_older",
    "new_postgres_store",
    "version_of",
]

KINDS = ["memory", "sqlite", "postgres"]


async def new_postgres_store(server: PostgresServer, **options: Any) -> PostgresStore:
    """A store in a schema of its own."""
    store = PostgresStore(server.url + FEW_DIGITS, schema=f"test_{secrets.token_hex(8)}", **options)
    assert await store.init()
    return store


async def grow_older(store: Records, seconds: float) -> None:
    """Let the store's clock go on, for what records are kept."""
    if isinstance(store, PostgresStore):
        older = "UPDATE {schema}.records SET expires = expires - %s"
        await store._database.fetch(older, [in_micros(seconds)])
    else:
        assert isinstance(store, MemoryStore | SqliteStore)
        assert isinstance(store._clock, JumpingClock)
        store._clock.advance(seconds)


async def version_of(store: Records) -> int:
    """The version of the state that tests change."""
    return (await store.get("name", "")).version


async def count_records(store: Records) -> int:
    """How many records take up room, those whose time is over as well."""
    if isinstance(store, SqliteStore):
        assert store._connection is not None
        return int(store._connection.execute("SELECT count(*) FROM records").fetchone()[0])
    if isinstance(store, PostgresStore):
        count = "SELECT count(*) FROM {schema}.records"
        return int((await store._database.fetch(count))[0][0])
    assert isinstance(store, MemoryStore)
    return len(store._records)
