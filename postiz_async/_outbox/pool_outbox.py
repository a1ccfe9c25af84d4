"""`pool.outbox`: one outbox in PostgreSQL for all organisations of a pool."""

from __future__ import annotations

import logging
import re
import reprlib
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast
from weakref import WeakSet

from postiz_async._concurrency import StrayCancellationError, in_own_task
from postiz_async._outbox.base import OutboxBase, open_outbox
from postiz_async._outbox.courier import Courier
from postiz_async._outbox.outbox import Outbox
from postiz_async._outbox.places import deliveries_of, speed_of
from postiz_async._quota.state import ledger_name
from postiz_async._resources.api import absent, opened
from postiz_async._scheduler.hooks import told
from postiz_async._wire.secrets import Secret
from postiz_async.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Awaitable,
        Callable,
        Mapping,
        Sequence,
    )
    from datetime import datetime

    from postiz_async._outbox.hand_over import HandOver
    from postiz_async._outbox.tickets import OutboxOptions, Ticket, TicketEvent
    from postiz_async._resources.api import OpenClient, Resources
    from postiz_async.clock import Clock
    from postiz_async.models.posts import NewPost
    from postiz_async.stores._deliveries import Deliveries, Scope


log = logging.getLogger("postiz_async.outbox")

_LONGEST_NAME = 255
"""Characters of an organisation's name, at most."""

ASKER_SECONDS = 3.0
"""Seconds that `credentials` may take while a user waits for a ticket."""

CALLBACK_SECONDS = 30.0
"""Seconds that `credentials` may take at other times."""

CredentialsOf: TypeAlias = "Callable[[str], Awaitable[str | Secret] | str | Secret]"
"""From the name of an organisation to its key or token, sync or async; called whenever a key is
needed. A sync one must not block: the event loop waits for it."""


class ClientPool(Protocol):
    """The part of a pool that an outbox uses."""

    async def client(
        self, api_key: str | Secret, *, organization: str | None = None, base_url: str | None = None
    ) -> Resources:
        """Open the client of a key."""
        ...


class PoolOutbox(OutboxBase):
    """Posts of many organisations that were handed over durably, and the task that sends them.

        async with PostizPool(store="postgresql://...", credentials=key_of) as pool:
            ticket = await pool.outbox.put(NewPost(channel, "Hello"), organization="acme", at=at)

    The pool makes, opens and closes it. Keys are not stored: each sender calls `credentials`.

    Args:
        pool: provides the clients.
        clock: the clock of the pool.
        options: how the outbox works.
        deliveries: the store of the hand-overs; it is closed with the outbox.
        credentials: from an organisation's name to its key or token.
        root: the root of the API of the pool's server.
    """

    def __init__(
        self,
        pool: ClientPool,
        clock: Clock,
        options: OutboxOptions,
        deliveries: Deliveries,
        credentials: CredentialsOf,
        root: str,
    ) -> None:
        super().__init__(deliveries, clock, sends=options.sends)
        self._pool = pool
        self._options = options
        self._credentials = credentials
        self._root = root
        self._outboxes: WeakSet[Outbox] = WeakSet()
        self._courier = Courier(deliveries, self._client_of, options, clock, self._waiters.notify)

    # -------------------------------------------------------------- clients

    async def _key_of(self, organization: str) -> Secret:
        """Get the key of an organisation from the user's `credentials`.

        Raises:
            ConfigurationError: the organisation has no key, or `credentials` fails or takes too
                long.
        """
        seconds = CALLBACK_SECONDS * speed_of(self._clock)
        try:
            asked = told(self._credentials, organization)
            key = cast("object", await in_own_task(asked, self._clock, seconds))
        except TimeoutError:
            raise ConfigurationError(
                f"credentials({organization!r}) did not answer within {CALLBACK_SECONDS:g} s, so "
                "nothing is sent for this organisation."
            ) from None
        except StrayCancellationError:
            raise ConfigurationError(
                f"credentials({organization!r}) was cancelled, but not by this library, so nothing "
                "is sent for this organisation. Does it await a task that others cancel?"
            ) from None
        except Exception as error:
            log.warning("credentials(%r) failed", organization, exc_info=error)
            raise ConfigurationError(
                f"credentials({organization!r}) failed with {type(error).__name__}, so nothing is "
                "sent for this organisation. The log has the whole error."
            ) from None
        if not isinstance(key, str | Secret) or not key:
            raise ConfigurationError(
                f"credentials({organization!r}) returned no key but {type(key).__name__}, so "
                "nothing is sent for this organisation."
            )
        return Secret.of(key)

    @asynccontextmanager
    async def _client(
        self, organization: str, base_url: str | None = None
    ) -> AsyncGenerator[OpenClient]:
        """The client of an organisation, kept open for the length of the block.

        Raises:
            ConfigurationError: `credentials` fails, or returns the key of another organisation.
        """
        _check_name(organization)
        key = await self._key_of(organization)
        client = opened(await self._pool.client(key, organization=organization, base_url=base_url))
        client.needed_by += 1
        try:
            await self._see_that_the_key_is_its_own(client)
            yield client
        finally:
            client.needed_by -= 1

    async def _see_that_the_key_is_its_own(self, client: OpenClient) -> None:
        name, quota = client.organization, client.quota_name
        await self._deliveries.register(quota, name, client.base_url)
        key_name = ledger_name(client.base_url, client.scheduler.identity.key.reveal())
        other = await self._deliveries.key_owner(quota, key_name)
        if other is not None:
            raise ConfigurationError(
                f"credentials({name!r}) returned the key of {other!r}, so nothing is sent for "
                f"{name!r} (quota {quota}): its posts would appear there. One organisation has "
                "one name."
            )

    @asynccontextmanager
    async def _client_of(self, scope: Scope) -> AsyncGenerator[OpenClient]:
        async with self._client(scope.organization, scope.base_url) as client:
            yield client

    def _of(self, client: OpenClient) -> Outbox:
        """The outbox of one organisation, for its client.

        Args:
            client: a client that was given an organisation name.

        Raises:
            UsageError: the client has no organisation name, which `credentials` needs.
        """
        _check_name(client.organization or "-")
        if not client.organization:
            raise absent(
                "This client of the pool has no organization=, by which the outbox could ask for "
                "its key later: pool.client(key, organization='...')."
            )
        self._refuse_closed()
        outbox = Outbox(
            client, self._deliveries, self._options, courier=self._courier, waiters=self._waiters
        )
        self._outboxes.add(outbox)
        return outbox

    def _stop_taking(self) -> None:
        super()._stop_taking()
        for outbox in self._outboxes:
            outbox._stop_taking()  # noqa: SLF001  (of the same class)

    # -------------------------------------------------------------- tickets

    async def put(
        self,
        *posts: NewPost,
        organization: str,
        at: datetime | None = None,
        tags: Sequence[str] = (),
        short_link: bool = False,
        idempotency_key: str | None = None,
        connection: object = None,
    ) -> Ticket:
        """Hand over posts of an organisation, as `Outbox.put` does.

        Args:
            posts: what to post, each on its channel.
            organization: whose posts they are, as `credentials` knows it.
            at: when to publish, with a time zone; None: as soon as they are sent.
            tags: names of tags that exist in Postiz.
            short_link: shorten links if the server has a shortener.
            idempotency_key: the same call of this organisation again returns the same ticket.
            connection: a PostgreSQL connection whose transaction includes them: they are sent if
                it commits, and only then. An asynchronous one of psycopg, asyncpg or SQLAlchemy
                (connection or session) to the database of the outbox.

        Raises the errors of `Outbox.put`.
        """
        self._refuse_closed()
        async with self._client(organization) as client:
            return await self._of(client).put(
                *posts,
                at=at,
                tags=tags,
                short_link=short_link,
                idempotency_key=idempotency_key,
                connection=connection,
            )

    async def look_again(self, organization: str) -> None:
        """End the pause of an organisation whose key was refused, as soon as it has a new one.

        Without this, the new key is used when the pause ends, which may be an hour later.

        Args:
            organization: the organisation, as `credentials` knows it.

        Raises:
            ConfigurationError: `credentials` fails, or returns the key of another organisation.
        """
        async with self._client(organization) as client:
            await self._deliveries.rouse(client.quota_name, failed=True)
            self._courier.wake(client.quota_name)

    def events(
        self, *, after: str | None = None, organization: str | None = None
    ) -> AsyncIterator[TicketEvent]:
        """Iterate over the tickets that ended, as `Outbox.events` does.

        Args:
            after: the cursor of the last event that you have seen; None: from the oldest one kept.
            organization: whose tickets, on the pool's server; None: those of all organisations. A
                cursor is only valid for the same choice.

        Raises the errors of `Outbox.events`.
        """
        if organization is None:
            return super().events(after=after)
        _check_name(organization)
        return self._events(ledger_name(self._root, organization), after)

    async def troubles(self) -> Mapping[str, str]:
        """Reasons why organisations cannot send (key, server, credentials), by their names."""
        found = await self._deliveries.overview()
        return {each.organization: each.trouble for each in found if each.trouble}

    async def _told(self, found: HandOver) -> Ticket:
        """The ticket with a forecast: by the organisation's client, or by its next turn."""
        if found.record.state != "planned":
            return found.ticket()
        ahead = await self._deliveries.ahead(found.scope, found.number, found.record.due)
        if ahead.organization and not ahead.trouble:
            seconds = ASKER_SECONDS * speed_of(self._clock)
            with suppress(ConfigurationError), self._clock.move_on_after(seconds):
                async with self._client(ahead.organization, ahead.base_url) as client:
                    return await self._of(client).get(found.id)
        return found.ticket(ahead.rests, ahead.trouble)


def _check_name(organization: object) -> None:
    """Refuse a name that a table cannot store.

    Raises:
        UsageError: the name is empty, too long, or not storable.
    """
    is_name = isinstance(organization, str) and 1 <= len(organization) <= _LONGEST_NAME
    if is_name and not re.search("[\0\ud800-\udfff]", str(organization)):
        return
    raise UsageError(
        f"The name of an organisation has 1 to {_LONGEST_NAME} characters, none of them NUL or a "
        f"lone surrogate; this one is {reprlib.repr(organization)}."
    )


async def open_pool_outbox(
    pool: ClientPool, clock: Clock, options: OutboxOptions, credentials: CredentialsOf, root: str
) -> PoolOutbox:
    """Open the outbox of a pool for the length of the block.

    Raises:
        StoreError: its database cannot be used.
        ConfigurationError: its address cannot be used, or the extra is not installed.
    """
    outbox = PoolOutbox(pool, clock, options, deliveries_of(options, clock), credentials, root)
    await open_outbox(outbox)
    return outbox
