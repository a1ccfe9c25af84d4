"""What `outbox=` of a client or a pool may be, and where its quota is kept beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from postiz_async._outbox.tickets import OutboxOptions
from postiz_async._wire.secrets import Secret
from postiz_async.errors import UsageError

if TYPE_CHECKING:
    from postiz_async.stores import Records


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


def store_beside(outbox: OutboxOptions, quota: Records | None) -> Records | None:
    """Where an outbox remembers the quota: a restart must not probe a window that is used up.

    Args:
        outbox: the outbox.
        quota: the store that the user gave; then there is none beside it.
    """
    if quota is not None:
        return None
    if outbox.database is not None:
        from postiz_async.stores.postgres import PostgresStore  # noqa: PLC0415  (an extra)

        return PostgresStore(outbox.database, schema=outbox.schema)
    from postiz_async.stores.sqlite import SqliteStore  # noqa: PLC0415  (not every client)

    return SqliteStore(f"{outbox.path}.quota")
