"""An outbox in PostgreSQL, for one client or for all of a pool."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from postiz_async._outbox.postgres_sender import PostgresSender
from postiz_async._outbox.postgres_tickets import HandOverTable
from postiz_async.stores._postgres import Database

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from postiz_async._delivery.client import OutboxClient
    from postiz_async._delivery.pauses import Outage
    from postiz_async._outbox.tickets import OutboxOptions
    from postiz_async._outbox.turns import Turn
    from postiz_async._wire.secrets import Secret


log = logging.getLogger("postiz_async.outbox")


class PostgresBackend:
    """The database of an outbox and the sender of one process; as `Backend`.

    Args:
        database: has the tickets; it is closed with the backend.
        sender: sends.
        sends: whether it is run.
        quota: whose troubles are told; None: those that all organisations have.
    """

    def __init__(
        self, database: Database, sender: PostgresSender, *, sends: bool, quota: str | None = None
    ) -> None:
        self.sends = sends
        self._database = database
        self._sender = sender
        self._quota = quota

    @property
    def _outage(self) -> Outage | None:
        sender = None if self._quota is None else self._sender.sender_of(self._quota)
        return None if sender is None else sender.outage

    @property
    def trouble(self) -> str:
        outage = self._outage
        forbidden = "" if self._quota is None else self._sender.forbids(self._quota)
        return self._sender.trouble or (outage.trouble if outage else "") or forbidden

    @property
    def pauses_for(self) -> float:
        outage = self._outage
        return 0.0 if outage is None else outage.pauses_for

    async def open(self) -> None:
        try:
            await self._database.check()
            abandoned = 0 if self._quota is None else await self._sender.turns.count_abandoned()
        except BaseException:
            await self._database.aclose()
            raise
        if abandoned:
            log.warning(
                "hand-overs with %d other keys wait in %s, and nobody sends them: start a client "
                "for each. If a key was renewed, say organization= as before",
                abandoned,
                self._database.where,
            )

    async def run(self) -> None:
        await self._sender.run()

    def wake(self) -> None:
        self._sender.wake(self._quota)

    async def until_idle(self) -> None:
        await self._sender.until_idle()

    async def aclose(self) -> None:
        await self._database.aclose()


def open_database(address: Secret, options: OutboxOptions) -> Database:
    """The database of an outbox."""
    return Database(
        address,
        schema=options.schema,
        without="What was handed over before is safe in it; nothing more is taken or sent.",
    )


def backend_for(
    postiz: OutboxClient, options: OutboxOptions, database: Database, on_step: Callable[[str], None]
) -> tuple[HandOverTable, PostgresBackend]:
    """The outbox of one client: any process of its organisation sends.

    Args:
        postiz: the client.
        options: what is done in doubt.
        database: has the tickets; it is closed with the backend.
        on_step: is called with each ticket whose state changed.
    """

    @asynccontextmanager
    async def client_of(turn: Turn) -> AsyncGenerator[OutboxClient]:
        del turn
        yield postiz

    sender = PostgresSender(
        database, client_of, options, postiz.clock, on_step, only=postiz.quota_name
    )
    table = HandOverTable(
        database,
        sender.turns,
        quota=postiz.quota_name,
        organization=postiz.organization,
        base_url=postiz.base_url,
    )
    backend = PostgresBackend(database, sender, sends=options.sends, quota=postiz.quota_name)
    return table, backend
