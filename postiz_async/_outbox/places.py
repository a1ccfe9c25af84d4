"""What `outbox=` of a client or a pool may be, and where its quota is kept beside it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from postiz_async._outbox.tickets import OutboxOptions
from postiz_async._wire.secrets import Secret
from postiz_async.errors import UsageError

if TYPE_CHECKING:
    from postiz_async.clock import Clock
    from postiz_async.stores import Records
    from postiz_async.stores._deliveries import Deliveries
    from postiz_async.stores.sqlite import SqliteStore


def options_of(outbox: OutboxOptions | Path | Secret | str) -> OutboxOptions:
    """How an outbox works of which nothing more may be said than where it is."""
    return OutboxOptions(outbox) if isinstance(outbox, str | Path | Secret) else outbox


def options_of_many(
    outbox: OutboxOptions | Secret | str | None, credentials: object
) -> OutboxOptions:
    """How the outbox of a pool works.

    Raises:
        UsageError: one of the two is missing, or it is a file.
    """
    if outbox is None or credentials is None:
        raise UsageError(
            "The outbox of a pool needs both: outbox='postgresql://...' and credentials=..., an "
            "asynchronous function from an organisation's name to its key."
        )
    options = options_of(outbox)
    if options.database is None:
        raise UsageError(
            "The outbox of a pool is in PostgreSQL (outbox='postgresql://...'); a file holds the "
            "posts of the organisation of one client, Postiz(outbox=...)."
        )
    return options


def store_beside(outbox: OutboxOptions, quota: Records | None, clock: Clock) -> Records | None:
    """Where an outbox remembers the quota: a restart must not probe a window that is used up.

    Args:
        outbox: the outbox.
        quota: the store that the user gave; then there is none beside it.
        clock: of the clients.
    """
    if quota is not None:
        return None
    if outbox.database is not None:
        from postiz_async.stores.postgres import PostgresStore  # noqa: PLC0415  (an extra)

        return PostgresStore(outbox.database, schema=outbox.schema)
    return _file(outbox, clock)


def deliveries_of(outbox: OutboxOptions, clock: Clock) -> Deliveries:
    """What has the hand-overs of an outbox.

    Raises:
        ConfigurationError: its address cannot be used, or the extra is not installed.
    """
    if outbox.database is None:
        from postiz_async.stores._sqlite_deliveries import (  # noqa: PLC0415  (not every client)
            SqliteDeliveries,
        )

        return SqliteDeliveries(_file(outbox, clock))
    from postiz_async.stores._postgres import Database  # noqa: PLC0415  (an extra)
    from postiz_async.stores._postgres_deliveries import (  # noqa: PLC0415  (as above)
        PostgresDeliveries,
    )

    database = Database(
        outbox.database,
        schema=outbox.schema,
        without="What was handed over before is safe in it; nothing more is taken or sent.",
    )
    return PostgresDeliveries(database, speed_of(clock))


def _file(outbox: OutboxOptions, clock: Clock) -> SqliteStore:
    from postiz_async.stores.sqlite import SqliteStore  # noqa: PLC0415  (not every client)

    return SqliteStore(str(outbox.path), clock=clock)


def speed_of(clock: Clock) -> float:
    """Seconds of a clock in one of the database's."""
    return clock.speed if math.isfinite(clock.speed) else 1.0
