"""`PostizPool`: clients of many organisations in one process, on one set of connections."""

from __future__ import annotations

import asyncio
import math
import os
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Self

import anyio
from msgspec import UNSET, UnsetType

from postiz_async import _wire as wire
from postiz_async._client import Postiz, close_own
from postiz_async._quota.state import ledger_name
from postiz_async._resources.api import absent, opened
from postiz_async._resources.pool_health import NOT_LOOKED, Found, call_in_loop, look, standing
from postiz_async._scheduler.attempt import Identity
from postiz_async._scheduler.calls import USUAL_RETRIES, check_count
from postiz_async._scheduler.round_robin import FairTransport, RoundRobin
from postiz_async._settings import AdvancedOptions, ClientSettings, checked_advanced
from postiz_async._transport import Transport, make_transport
from postiz_async._transport.settings import CONNECTIONS, ConnectionSettings
from postiz_async._wire import checked_allow
from postiz_async._wire.headers import hidden_values
from postiz_async._wire.secrets import OfOneProcess, Secret, hidden
from postiz_async.errors import Scope, UsageError
from postiz_async.models._durations import read_seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import timedelta
    from ssl import SSLContext

    from postiz_async._outbox.outbox import Outbox
    from postiz_async._outbox.pool_outbox import CredentialsOf, PoolOutbox
    from postiz_async._outbox.tickets import OutboxOptions
    from postiz_async._resources.pool_health import PoolHealth
    from postiz_async._scheduler.queue import AdmissionQueue
    from postiz_async.stores import Records


_AT_ONCE = 100
"""Clients that are closed before other tasks get a turn."""

_CLOSED = "This pool is not open. Use it as `async with PostizPool() as pool:`."


class _Tenant(Postiz):
    """A client in a pool: its queues are shared by all clients of its organisation."""

    def __init__(
        self,
        pool: PostizPool,
        identity: Identity,
        settings: ClientSettings,
        connection: ConnectionSettings,
        queues: dict[str, AdmissionQueue],
        transport: Transport,
    ) -> None:
        self._set(settings, identity, connection, transport=transport, pool=queues)
        self._pool = pool

    @property
    def is_at_rest(self) -> bool:
        """Whether the client can be closed: no call is in progress, and nothing needs it open."""
        if not self.is_open:
            return True
        return not (self._client.scheduler.under_way or self._client.needed_by)

    @property
    def outbox(self) -> Outbox:
        return self._pool.outbox._of(self._client)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


class PostizPool(OfOneProcess):
    """Clients of many organisations, with one set of connections and a separate quota for each.

        async with PostizPool(base_url="https://postiz.example.com/api") as pool:
            postiz = await pool.client(token)
            await postiz.posts.schedule(NewPost(channel, "Hello"), at=at)

    A client is opened at its first use and stays in the pool, with its quota and its list of
    channels; asking again returns the same client. An idle client has no task, no timer and no
    connection. If there are more requests than connections, the organisations take turns.

    Args:
        base_url: the server, unless `client` names another, with or without `/public/v1`; else
            `POSTIZ_API_URL`, else the cloud.
        store: where all quotas and idempotency keys are kept, so that other processes share them
            and the next one knows them: a path, an address or a store, as for `Postiz`. With
            `credentials`, the address of a PostgreSQL has `pool.outbox` and the `outbox` of each
            client, too. None: they are this process's, or with an outbox in its database.
        outbox: the address of a PostgreSQL, `postgresql://...`, or `OutboxOptions`, if the outbox
            is not in `store` or is to work in another way.
        credentials: a function from the name of an organisation to its key or token, with which
            the outbox sends; it is called each time. An `async def` function has 30 s, another one
            must not block. A blocking pool calls it in a worker thread. No key is stored.
        connections: the largest number of connections, for all organisations together; None: 100.
        max_clients: the largest number of clients; beyond it, the least recently used is closed if
            it is idle.
        validate: refuse posts that the server would refuse, before a slot is spent on them.
        timeout: time for each whole call, as in `with_options(timeout=)`; None: each attempt has
            the time limit of its route, usually 30 s. For requests of campaigns and of the outbox
            it can only extend that limit (for creates up to 300 s).
        max_wait: how long a call may wait for the quota, as in `with_options(max_wait=)`; None: as
            long as necessary. Campaigns and the outbox always wait as long as necessary.
        headers: added to each request to the server of `base_url`, for example for a gateway. Their
            values are shown nowhere, and clients of other servers are refused. The client's own,
            such as `Authorization`, are refused. None: those of `POSTIZ_HEADERS`.
        max_retries: attempts after the first, for calls that are safe to repeat; 0: none. Others
            are repeated only if nothing was sent, or if it is proved that nothing was done.
        ssl: a context with the CAs to trust, and the client's certificate if the server requires
            one; None: the system's CAs, or those of `SSL_CERT_FILE`.
        proxy: the URL of a proxy for all requests, with user and password if it requires them;
            `NO_PROXY` is then ignored. Empty: no proxy; None: `POSTIZ_PROXY`, else `HTTPS_PROXY`,
            `HTTP_PROXY` and `NO_PROXY`.
        drain: time that closing waits for calls in progress of all clients, including those that
            wait for a slot; 0: waiting calls fail, and calls in flight are broken off; None: as
            long as they take.
        allow: the scopes that the client is restricted to: `read`, without which nothing works,
            and any of `draft`, `schedule`, `publish`, `update`, `delete`, `media`. What needs
            another one raises `ScopeError` before anything is sent or stored. None: everything.
        advanced: pacing, hooks and others: `AdvancedOptions`.

    Durations are in seconds or `timedelta`.
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        store: Records | Path | Secret | str | None = None,
        outbox: OutboxOptions | Secret | str | None = None,
        credentials: CredentialsOf | None = None,
        connections: int | None = None,
        max_clients: int = 10_000,
        validate: bool = True,
        timeout: float | timedelta | None = None,
        max_wait: float | timedelta | None = None,
        max_retries: int = USUAL_RETRIES,
        headers: Mapping[str, str | Secret] | None = None,
        ssl: SSLContext | None = None,
        proxy: str | Secret | None = None,
        drain: float | timedelta | None = 0.0,
        allow: Collection[Scope] | None = None,
        advanced: AdvancedOptions | None = None,
    ) -> None:
        outbox, proxy, store = hidden(outbox), hidden(proxy), hidden(store)
        headers = None if headers is None else hidden_values(headers)
        check_count("max_clients", max_clients, 1)
        if connections is not None:
            check_count("connections", connections, 1)
        advanced, clock = checked_advanced(advanced)
        self._credentials = credentials
        self._outbox_options, self._own_store = None, None
        if outbox is not None or credentials is not None or isinstance(store, Path | Secret):
            from postiz_async._outbox.places import places_of_many  # noqa: PLC0415  (not every pool)

            places = places_of_many(store, outbox, credentials, clock)
            store, self._own_store, self._outbox_options = places.store, places.own, places.outbox
        settings = ClientSettings(
            store=store,
            validate=validate,
            timeout=timeout,
            max_wait=max_wait,
            max_retries=max_retries,
            headers=headers,
            drain=drain,
            allow=checked_allow(allow, "PostizPool(allow=...)"),
            advanced=advanced,
            clock=clock,
        )
        self._settings = settings
        self._outbox: PoolOutbox | None = None
        url = base_url or os.environ.get("POSTIZ_API_URL") or wire.CLOUD_URL
        self._root = wire.api_root(url)
        self._connection = ConnectionSettings.checked(
            ssl=ssl,
            proxy=proxy,
            connections=CONNECTIONS if connections is None else connections,
            has_transport=advanced.transport is not None,
        )
        self._max_clients = max_clients
        self._transport: Transport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turns = RoundRobin(self._connection.connections)
        self._queues: dict[str, AdmissionQueue] = {}
        self._clients: dict[tuple[str, str], _Tenant] = {}

    def __repr__(self) -> str:
        state = "closed" if self._transport is None else f"open, {len(self)} clients"
        return f"<PostizPool {state}>"

    def __len__(self) -> int:
        return len(self._clients)

    async def client(
        self, api_key: str | Secret, *, organization: str | None = None, base_url: str | None = None
    ) -> Postiz:
        """The open client of a key; the pool closes it.

        Args:
            api_key: an organisation's key, or an OAuth token of it.
            organization: your name for the organisation. Keys and tokens with the same name share
                one quota, even after a token is renewed.
            base_url: another server than the pool's.

        Raises:
            UsageError: the pool is not open here, or has headers for another server.
            ConfigurationError: the key or the URL cannot be used.
        """
        api_key, transport = Secret.of(api_key), self._transport
        if transport is None:
            raise UsageError(_CLOSED)
        if asyncio.get_running_loop() is not self._loop:
            raise UsageError(
                "This pool was opened in another event loop, where its connections live. Open one "
                "pool in each event loop."
            )
        root = self._root if base_url is None else wire.api_root(base_url)
        here, there = wire.origin_of(self._root), wire.origin_of(root)
        if self._settings.options.headers and here != there:
            raise UsageError(
                f"The pool's headers are for {here} and must not go to {there}. Open a pool of its "
                "own for that server."
            )
        key = wire.clean_key(api_key)
        quota_name = ledger_name(root, organization or key.reveal())
        place = ledger_name(root, key.reveal()), quota_name
        if place not in self._clients and len(self._clients) >= self._max_clients:
            await self._let_go()
        client = self._clients.pop(place, None)  # so that it is not closed meanwhile
        if client is None or not client.is_open:
            identity = Identity(root, key, organization or "")
            fair = FairTransport(transport, self._turns, quota_name, self._settings.clock)
            client = _Tenant(self, identity, self._settings, self._connection, self._queues, fair)
            await client.open()
        self._clients[place] = client  # at the end: the most recently used
        return client

    async def health(self, *, most: int = 100) -> PoolHealth:
        """The state of the pool and its organisations, for health routes. Sends nothing to Postiz.

        Quotas are as this process last saw them. Store and outbox are queried once each for all
        organisations, for at most three seconds; if they are unavailable, `trouble` says so.

            health = await pool.health()
            print(health.is_ready, health.total, health.queued, health.troubles)

        Args:
            most: how many organisations and troubles are listed, those in trouble first.

        Raises:
            UsageError: the pool is not open.
        """
        if not self.is_open:
            raise UsageError(_CLOSED)
        found = await look(self._settings.store, self._outbox)
        return self._known(most, found)

    def _known(self, most: int, found: Found = NOT_LOOKED) -> PoolHealth:
        """The health of the pool: what this process knows, and what store and outbox answered."""
        clients = [opened(client) for client in self._clients.values() if client.is_open]
        return standing(clients, found, most=most)

    def look_again(self) -> None:
        """Let every `wait_published` of every client check now, as after a webhook delivery."""
        for client in self._clients.values():
            if client.is_open:
                client.posts.look_again()

    async def _let_go(self) -> None:
        """Close idle clients, the least recently used first: up to a tenth of `max_clients`."""
        idle = (place for place, client in self._clients.items() if client.is_at_rest)
        places = tuple(islice(idle, max(1, self._max_clients // 10)))
        for number, client in enumerate([self._clients.pop(place) for place in places], start=1):
            await client.aclose()
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        used = {quota_name for _, quota_name in self._clients}
        for name, queue in tuple(self._queues.items()):
            if queue.is_at_rest and name not in used:
                del self._queues[name]

    async def open(self) -> Self:
        """Open the pool; `async with` does it."""
        if self._transport is not None:
            raise UsageError("This pool is open already.")
        self._loop = asyncio.get_running_loop()
        self._transport = self._settings.advanced.transport or make_transport(self._connection)
        if self._outbox_options is not None and self._credentials is not None:
            from postiz_async._outbox.places import allowed_options  # noqa: PLC0415  (as below)
            from postiz_async._outbox.pool_outbox import open_pool_outbox  # noqa: PLC0415  (an extra)

            options = allowed_options(self._outbox_options, self._settings.allowed)
            try:
                self._outbox = await open_pool_outbox(
                    self, self._settings.clock, options, self._credentials, self._root
                )
            except BaseException:
                await self.aclose()
                raise
        return self

    @property
    def is_open(self) -> bool:
        """Whether the pool is open."""
        return self._transport is not None

    @property
    def outbox(self) -> PoolOutbox:
        """Hand posts over for any organisation: stored durably and sent in the background."""
        if self._outbox is None:
            raise absent(
                "This pool has no open outbox. Give it a database and a function that finds keys: "
                "`PostizPool(store='postgresql://...', credentials=key_of)`."
            )
        return self._outbox

    async def aclose(self, *, drain: float | timedelta | UnsetType | None = UNSET) -> None:
        """Close all clients and connections. No new calls are accepted meanwhile.

        Args:
            drain: seconds to wait for calls in progress of all clients; None or `math.inf`: as long
                as they take. Not given: the pool's `drain`.
        """
        seconds = self._settings.drain
        if drain is not UNSET:
            seconds = read_seconds("drain", drain, zero=True, endless=True)
        outbox, self._outbox = self._outbox, None
        until = self._settings.clock.monotonic() + seconds
        try:
            if outbox is not None:
                from postiz_async._outbox.base import close_outbox  # noqa: PLC0415  (not every pool)

                await close_outbox(outbox, drain=seconds)
        except asyncio.CancelledError:
            until = -math.inf  # do not wait for calls once cancelled
            raise
        finally:
            await self._disconnect(max(0.0, until - self._settings.clock.monotonic()))

    async def _disconnect(self, seconds: float) -> None:
        transport, self._transport = self._transport, None
        clients, self._clients = iter(self._clients.values()), {}
        try:
            async with anyio.create_task_group() as group:
                for number, client in enumerate(clients, start=1):
                    if client.is_open and opened(client).scheduler.under_way:
                        group.start_soon(partial(client.aclose, drain=seconds))
                    else:
                        await client.aclose(drain=0)
                    if number % _AT_ONCE == 0:
                        await asyncio.sleep(0)
        finally:
            for client in clients:  # left over if cancelled: do not wait
                await client.aclose(drain=0)
            for queue in self._queues.values():
                queue.close()
            self._queues.clear()
            try:
                await self._settings.hooks.end()
            finally:
                given = self._settings.advanced.transport
                await close_own(self._own_store, transport if given is None else None)

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def seen(pool: PostizPool, *, most: int = 100) -> PoolHealth | None:
    """The health of a pool without store and outbox, from any thread, for metrics.

    Args:
        pool: the pool.
        most: how many organisations are listed.

    Returns:
        None if the pool is closed, or its event loop does not answer within a second.
    """
    loop = pool._loop if pool.is_open else None  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    known = partial(pool._known, most)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return None if loop is None else call_in_loop(loop, known)
