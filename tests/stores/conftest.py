"""Each store of the library, empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from deliveries_lab import DeliveriesLab, postgres_deliveries, sqlite_deliveries
from postgres_server import PostgresServer, shared_server, why_no_postgres
from stores_lab import KINDS, new_postgres_store

from postiz_async.clock import JumpingClock
from postiz_async.stores.memory import MemoryStore
from postiz_async.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from postiz_async.stores import Records


@pytest.fixture(scope="session")
def postgres() -> PostgresServer:
    """A real PostgreSQL."""
    if why_no_postgres():
        pytest.skip(why_no_postgres())
    return shared_server()


@pytest.fixture(params=KINDS)
async def new_store(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Callable[[], Awaitable[Records]]]:
    """Makes stores of one kind, each of them empty."""
    made: list[Records] = []

    async def new() -> Records:
        store: Records
        if request.param == "postgres":
            store = await new_postgres_store(request.getfixturevalue("postgres"))
        elif request.param == "sqlite":
            store = SqliteStore(tmp_path / f"quota{len(made)}.sqlite", clock=JumpingClock())
        else:
            store = MemoryStore(clock=JumpingClock())
        made.append(store)
        return store

    yield new
    for store in made:
        await store.aclose()


@pytest.fixture
async def store(new_store: Callable[[], Awaitable[Records]]) -> Records:
    return await new_store()


@pytest.fixture(params=["sqlite", "postgres"])
async def lab(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DeliveriesLab]:
    """A store of deliveries, empty."""
    if request.param == "sqlite":
        made = DeliveriesLab(sqlite_deliveries(tmp_path / "outbox.sqlite"))
    else:
        made = DeliveriesLab(postgres_deliveries(request.getfixturevalue("postgres")))
    await made.store.open()
    yield made
    await made.store.aclose()
