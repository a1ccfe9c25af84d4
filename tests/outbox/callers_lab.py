"""Transactions as users of the outbox begin them, with each driver that `put` takes."""

from __future__ import annotations

import importlib.util
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    Opened = Callable[[str], AbstractAsyncContextManager["Caller"]]

__all__ = ["CALLERS", "Caller", "caller_of"]


class Caller(Protocol):
    """A connection or session with which a user works."""

    connection: Any
    """What is given to `put`."""

    async def begin(self) -> None:
        """Begin a transaction, where that is not done by itself."""

    async def execute(self, statement: str) -> None:
        """Do something else."""

    async def commit(self) -> None: ...

    async def rollback(self) -> None: ...

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        """A part of the transaction, which an error rolls back."""


@dataclass
class PsycopgCaller:
    connection: Any

    async def begin(self) -> None:
        """The first statement does."""

    async def execute(self, statement: str) -> None:
        await self.connection.execute(statement)

    async def commit(self) -> None:
        await self.connection.commit()

    async def rollback(self) -> None:
        await self.connection.rollback()

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        return self.connection.transaction()


class AutocommitCaller(PsycopgCaller):
    """In autocommit, with a transaction that was begun by a statement."""

    async def begin(self) -> None:
        await self.connection.execute("BEGIN")


@dataclass
class AsyncpgCaller:
    connection: Any
    transaction: Any = None

    async def begin(self) -> None:
        self.transaction = self.connection.transaction()
        await self.transaction.start()

    async def execute(self, statement: str) -> None:
        await self.connection.execute(statement)

    async def commit(self) -> None:
        await self.transaction.commit()

    async def rollback(self) -> None:
        await self.transaction.rollback()

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        return self.connection.transaction()


@dataclass
class SqlalchemyCaller:
    """Of a connection or a session."""

    connection: Any

    async def begin(self) -> None:
        """The first statement does."""

    async def execute(self, statement: str) -> None:
        from sqlalchemy import text  # noqa: PLC0415  (may be missing)

        await self.connection.execute(text(statement))

    async def commit(self) -> None:
        await self.connection.commit()

    async def rollback(self) -> None:
        await self.connection.rollback()

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        return self.connection.begin_nested()


def psycopg_caller(kind: str) -> Opened:
    @asynccontextmanager
    async def opened(url: str) -> AsyncGenerator[Caller]:
        import psycopg  # noqa: PLC0415  (may be missing)
        from psycopg import rows  # noqa: PLC0415

        options: dict[str, Any] = {
            "dict rows": {"row_factory": rows.dict_row},
            "named rows": {"row_factory": rows.namedtuple_row},
            "scalars": {"row_factory": rows.scalar_row},
            "client cursors": {"cursor_factory": psycopg.AsyncClientCursor},
            "raw cursors": {"cursor_factory": psycopg.AsyncRawCursor},
            "autocommit": {"autocommit": True},
        }.get(kind, {})
        made = (
            await OwnConnection.connect(url, **options)
            if kind == "subclass"
            else (await psycopg.AsyncConnection.connect(url, **options))
        )
        async with made as connection:
            yield (AutocommitCaller if kind == "autocommit" else PsycopgCaller)(connection)

    if importlib.util.find_spec("psycopg") is None:
        return opened
    from psycopg import AsyncConnection  # noqa: PLC0415  (may be missing)

    class OwnConnection(AsyncConnection[Any]):
        """As programs have that add something."""

    return opened


@asynccontextmanager
async def psycopg_pool_caller(url: str) -> AsyncGenerator[Caller]:
    from psycopg_pool import AsyncConnectionPool  # noqa: PLC0415  (may be missing)

    async with AsyncConnectionPool(url, min_size=1, open=False) as pool, pool.connection() as made:
        yield PsycopgCaller(made)


@asynccontextmanager
async def asyncpg_caller(url: str) -> AsyncGenerator[Caller]:
    import asyncpg  # noqa: PLC0415  (may be missing)

    connection = await asyncpg.connect(url)
    try:
        yield AsyncpgCaller(connection)
    finally:
        await connection.close()


@asynccontextmanager
async def asyncpg_pool_caller(url: str) -> AsyncGenerator[Caller]:
    import asyncpg  # noqa: PLC0415  (may be missing)

    async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool, pool.acquire() as made:
        yield AsyncpgCaller(made)


def sqlalchemy_caller(driver: str, kind: str) -> Opened:
    @asynccontextmanager
    async def opened(url: str) -> AsyncIterator[Caller]:
        from sqlalchemy.ext.asyncio import (  # noqa: PLC0415  (may be missing)
            AsyncSession,
            create_async_engine,
        )

        class OwnSession(AsyncSession):
            """As SQLModel has one."""

        engine = create_async_engine(url.replace("postgresql:", f"postgresql+{driver}:"))
        try:
            if kind == "connection":
                async with engine.connect() as connection:
                    yield SqlalchemyCaller(connection)
            else:
                session = AsyncSession if kind == "session" else OwnSession
                async with session(engine) as made:
                    yield SqlalchemyCaller(made)
        finally:
            await engine.dispose()

    return opened


CALLERS: dict[str, tuple[str, Opened]] = {
    **{
        f"psycopg, {kind}": ("psycopg", psycopg_caller(kind))
        for kind in (
            *("usual", "dict rows", "named rows", "scalars", "client cursors", "raw cursors"),
            *("autocommit", "subclass"),
        )
    },
    "psycopg, pool": ("psycopg_pool", psycopg_pool_caller),
    "asyncpg": ("asyncpg", asyncpg_caller),
    "asyncpg, pool": ("asyncpg", asyncpg_pool_caller),
    **{
        f"sqlalchemy, {driver}, {kind}": (driver, sqlalchemy_caller(driver, kind))
        for driver in ("psycopg", "asyncpg")
        for kind in ("connection", "session", "own session")
    },
}
"""What it needs, and how it is opened."""


def caller_of(name: str, url: str) -> AbstractAsyncContextManager[Caller]:
    """A user's way to a database; the test is skipped where a package is missing."""
    module, opened = CALLERS[name]
    for needed in (module, "sqlalchemy" if name.startswith("sqlalchemy") else module):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    return opened(url)
