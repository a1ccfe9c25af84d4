"""Read `store=` and `outbox=` of a client or a pool: where quota, keys and hand-overs are kept."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from postiz_async._outbox.tickets import OutboxOptions
from postiz_async._wire.secrets import Secret
from postiz_async.errors import UsageError
from postiz_async.stores import check_store
from postiz_async.stores._addresses import open_store, place_of

if TYPE_CHECKING:
    from postiz_async._wire import Allowed
    from postiz_async.clock import Clock
    from postiz_async.stores import Records
    from postiz_async.stores._deliveries import Deliveries


@dataclass(frozen=True, slots=True)
class Places:
    """The stores of a client or a pool."""

    store: Records | None
    """The store of quotas and idempotency keys; None: the memory of this process."""
    own: Records | None
    """The same store if it was opened here from an address, and so has to be closed here."""
    outbox: OutboxOptions | None
    """Options of the outbox; None: there is no outbox."""


Address: TypeAlias = Path | Secret | str


def places_of(
    store: Records | Address | None, outbox: OutboxOptions | Address | None, clock: Clock
) -> Places:
    """The stores of a client: an outbox without a path shares `store`.

    Without a store the quota is remembered beside the outbox: a restart must not probe a window
    that is used up.

    Raises:
        UsageError: neither option names a place for the outbox, or `store` is not a store.
        ConfigurationError: an address cannot be used, or its extra is not installed.
    """
    address = place_of(store) if isinstance(store, str | Path | Secret) else None
    options = OutboxOptions(outbox) if isinstance(outbox, str | Path | Secret) else outbox
    if options is None and address is not None:
        options = OutboxOptions(address)
    if options is not None and options.path is None:
        if address is None:
            raise UsageError(
                "This outbox has no place: say OutboxOptions('outbox.sqlite') or "
                "OutboxOptions('postgresql://...'), or give one of them as store=."
            )
        options = replace(options, path=address)
    if address is None and store is not None:
        check_store(store)
        return Places(cast("Records", store), None, options)
    place = options.path if address is None and options is not None else address
    if place is None:
        return Places(None, None, None)
    own = open_store(place, clock=clock, schema=options.schema if options else "postiz_async")
    return Places(own, own, options)


def check_credentials(credentials: object) -> None:
    """Refuse what cannot be called as `credentials`; None is fine. A key is not shown.

    Raises:
        UsageError: it is not a function.
    """
    if credentials is not None and not callable(credentials):
        raise UsageError(
            "credentials= must be a function from an organisation's name to its key, not a "
            f"{type(credentials).__name__}."
        )


def places_of_many(
    store: Records | Address | None,
    outbox: OutboxOptions | Address | None,
    credentials: object,
    clock: Clock,
) -> Places:
    """The stores of a pool, whose outbox needs `credentials` and PostgreSQL.

    Raises:
        UsageError: `credentials` is missing or no function, or the place of the outbox is missing
            or a file.
    """
    check_credentials(credentials)
    places = places_of(store, outbox, clock)
    if credentials is None and outbox is None:
        return replace(places, outbox=None)
    if credentials is None or places.outbox is None:
        raise UsageError(
            "The outbox of a pool needs both: store='postgresql://...' (or outbox=...) and "
            "credentials=..., a function from an organisation's name to its key. "
            "Without an outbox leave out both, and give each key to client(...)."
        )
    if places.outbox.database is None:
        raise UsageError(
            "The outbox of a pool is in PostgreSQL (store='postgresql://...'); a file holds the "
            "posts of the organisation of one client, Postiz(store=...)."
        )
    return places


def allowed_options(outbox: OutboxOptions, allowed: Allowed | None) -> OutboxOptions:
    """The options of a client's outbox: only who may schedule sends what others handed over."""
    may_send = allowed is None or "schedule" in allowed
    return outbox if may_send else replace(outbox, sends=False)


def deliveries_of(outbox: OutboxOptions, clock: Clock) -> Deliveries:
    """Open the store of the hand-overs of an outbox.

    Raises:
        ConfigurationError: the address cannot be used, or the extra is not installed.
    """
    if outbox.database is None:
        from postiz_async.stores._sqlite_deliveries import (  # noqa: PLC0415  (not every client)
            SqliteDeliveries,
        )
        from postiz_async.stores.sqlite import SqliteStore  # noqa: PLC0415  (as above)

        return SqliteDeliveries(SqliteStore(cast("Path", outbox.path), clock=clock))
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


def speed_of(clock: Clock) -> float:
    """Seconds that pass on a clock in one second of the database's clock."""
    return clock.speed if math.isfinite(clock.speed) else 1.0
