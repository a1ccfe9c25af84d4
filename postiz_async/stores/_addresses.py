"""Open stores by address, and tell the kinds of addresses apart."""

from __future__ import annotations

import re
from pathlib import Path

from postiz_async._wire.secrets import Secret
from postiz_async.clock import Clock
from postiz_async.errors import ConfigurationError
from postiz_async.stores import Records, check_store

_POSTGRES = ("postgresql://", "postgres://")

_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")


def open_store(
    where: Records | Path | Secret | str,
    *,
    clock: Clock | None = None,
    schema: str = "postiz_async",
) -> Records:
    """Open the store at an address: PostgreSQL for many hosts, a file for one host.

    Args:
        where: an address, `postgresql://...`; the path of an SQLite file, with or without
            `sqlite:` before it; or a store, which is returned.
        clock: the clock of clients that use a file; None: the machine's.
        schema: the schema of the tables in PostgreSQL.

    Raises:
        ConfigurationError: the address cannot be used, or its extra is not installed.
        UsageError: it is neither an address nor a store.
    """
    if not isinstance(where, str | Path | Secret):
        check_store(where)
        return where
    where = place_of(where)
    if isinstance(where, Path):
        from postiz_async.stores.sqlite import SqliteStore  # noqa: PLC0415  (not every client)

        return SqliteStore(where, clock=clock)
    from postiz_async.stores.postgres import PostgresStore  # noqa: PLC0415  (an extra)

    return PostgresStore(where, schema=schema)


def place_of(where: Path | Secret | str) -> Path | Secret:
    """The path of a place that is a file, else the address, which may have a password.

    Raises:
        ConfigurationError: the address is of another kind.
    """
    if isinstance(where, Path):
        return where
    where = Secret.of(where)  # an address may have a password
    if where.reveal().startswith(_POSTGRES):
        return where
    scheme = next(iter(_SCHEME.findall(where.reveal())), "")
    if scheme:
        raise ConfigurationError(
            f"A store cannot be at {scheme}...: it is the path of a file, or an address that "
            "begins with postgresql://."
        )
    return Path(where.reveal().removeprefix("sqlite:"))
