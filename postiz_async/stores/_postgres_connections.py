"""Write in a transaction that the caller began, over the caller's connection and driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from postiz_async._unseen import unseen_work
from postiz_async.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


_WANTED = (
    "Give put(connection=...) an asynchronous connection of psycopg or asyncpg, or an "
    "AsyncConnection or AsyncSession of SQLAlchemy; nothing was handed over."
)
_AUTOCOMMIT = (
    "The connection given to put() is in no transaction, so the hand-over would be stored "
    "whatever becomes of your other changes; nothing was handed over. Begin a transaction, or "
    "leave connection= out."
)
_FAILED = (
    "The transaction of the connection given to put() has failed, so nothing more can be written "
    "in it; nothing was handed over. Roll it back."
)

_FAILED_CODE = "25P02"
"""Code (SQLSTATE) of a statement in a transaction that had failed before."""


async def write_through(
    connection: object, parts: Sequence[str], values: Sequence[object]
) -> Sequence[Any]:
    """Run one statement in the transaction of a caller's connection, and return its row.

    Args:
        connection: a connection of psycopg, asyncpg or SQLAlchemy.
        parts: the parts of the statement between the values.
        values: the values; one fewer than the parts.

    Raises:
        UsageError: the connection is of another kind, in no transaction, or in a failed one.
        StoreError: the statement failed, and with it the transaction.
    """
    writers = {"psycopg": _psycopg, "asyncpg": _asyncpg, "sqlalchemy": _sqlalchemy}
    libraries = {each.__module__.partition(".")[0] for each in type(connection).__mro__}
    writer = next((each for name, each in writers.items() if name in libraries), None)
    if writer is None:
        raise _is_no_connection(connection)
    try:
        with unseen_work():
            return await writer(connection, parts, values)
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001  (of three libraries)
        if _has_failed(error):
            raise UsageError(_FAILED) from None
        raise StoreError(
            f"The hand-over could not be written in your transaction: {_words(error)}\n"
            "  Nothing was handed over; roll the transaction back. Is the connection one to the "
            "outbox's own database, and is its schema there (postiz-async outbox init)?"
        ) from None


def _is_no_connection(given: object) -> UsageError:
    kind = type(given)
    name = f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}".removeprefix("builtins.")
    return UsageError(f"{name} is not an asynchronous connection. {_WANTED}")


def _has_failed(error: Exception) -> bool:
    """Whether an error says that the transaction had failed before."""
    code = getattr(getattr(error, "orig", error), "sqlstate", None)  # SQLAlchemy wraps
    return code == _FAILED_CODE or type(error).__name__ == "PendingRollbackError"


def _words(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    first = str(original).strip().partition("\n")[0].rstrip(".")
    return f"{first or type(original).__name__}."


async def _psycopg(
    connection: Any, parts: Sequence[str], values: Sequence[object]
) -> Sequence[Any]:
    from psycopg import AsyncConnection, AsyncCursor  # noqa: PLC0415  (an extra)
    from psycopg.pq import TransactionStatus  # noqa: PLC0415  (as above)
    from psycopg.rows import tuple_row  # noqa: PLC0415  (as above)

    if not issubclass(type(connection), AsyncConnection):
        raise _is_no_connection(connection)
    status = connection.info.transaction_status
    if status is TransactionStatus.INERROR:
        raise UsageError(_FAILED)
    if connection.autocommit and status is not TransactionStatus.INTRANS:
        raise UsageError(_AUTOCOMMIT)
    async with AsyncCursor(connection, row_factory=tuple_row) as cursor:
        await cursor.execute("%s".join(parts).encode(), values)
        return cast("Sequence[Any]", await cursor.fetchone())


async def _asyncpg(
    connection: Any, parts: Sequence[str], values: Sequence[object]
) -> Sequence[Any]:
    if not hasattr(connection, "is_in_transaction"):
        raise _is_no_connection(connection)
    if not connection.is_in_transaction():
        raise UsageError(_AUTOCOMMIT)
    text = parts[0] + "".join(f"${n}{part}" for n, part in enumerate(parts[1:], 1))
    return cast("Sequence[Any]", tuple((await connection.fetchrow(text, *values)).values()))


async def _sqlalchemy(
    connection: Any, parts: Sequence[str], values: Sequence[object]
) -> Sequence[Any]:
    from sqlalchemy import text  # noqa: PLC0415  (the caller has it)
    from sqlalchemy.ext.asyncio import (  # noqa: PLC0415  (as above)
        AsyncConnection,
        AsyncSession,
        async_scoped_session,
    )

    if isinstance(connection, AsyncSession | async_scoped_session):
        connection = await connection.connection()
    if not isinstance(connection, AsyncConnection):
        raise _is_no_connection(connection)
    raw: Any = (await connection.get_raw_connection()).dbapi_connection
    if raw.autocommit:
        raise UsageError(_AUTOCOMMIT)
    said = parts[0] + "".join(f":p{n}{part}" for n, part in enumerate(parts[1:]))
    named = {f"p{n}": value for n, value in enumerate(values)}
    return (await connection.execute(text(said), named)).one()
