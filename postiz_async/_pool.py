"""`PostizPool`: clients of many organisations in one process, on one set of connections."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import os
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Literal

import anyio

from postiz_async import _wire as wire
from postiz_async._client import IDEMPOTENCY_KEEP, POLITENESS, Postiz, make_transport
from postiz_async._concurrency import run_to_completion
from postiz_async._resources.keyed import check_keep
from postiz_async._scheduler.round_robin import FairTransport, RoundRobin
from postiz_async._wire.secrets import Secret
from postiz_async.clock import SystemClock
from postiz_async.errors import ConfigurationError
from postiz_async.models._durations import check_seconds
from postiz_async.stores import ledger_name

if TYPE_CHECKING:
    from datetime import timedelta
    from types import TracebackType
    from typing import Self

    from postiz_async._outbox.outbox import Outbox
    from postiz_async._outbox.pool_outbox import CredentialsOf, PoolOutbox
    from postiz_async._outbox.tickets import OutboxOptions
    from postiz_async._scheduler.hooks import AttemptHook, CallHook
    from postiz_async._scheduler.queue import AdmissionQueue
    from postiz_async._transport import Transport
    from postiz_async.clock import Clock
    from postiz_async.stores import QuotaStore

__all__ = ["PostizPool"]


class _Tenant(Postiz):
    """A client in a pool: its queues are shared by all clients of its organisation."""

    def __init__(
        self,
        pool: PostizPool,
        queues: dict[str, AdmissionQueue],
        given_transport: Transport | None,
        *,
        api_key: Secret,
        base_url: str,
        organization: str | None,
        quota: QuotaStore | None,
        pacing: Literal["burst", "smooth"],
        reserve: int | None,
        idempotency_keep: timedelta,
        politeness: float | None,
        validate: bool,
        on_attempt: AttemptHook | None,
        on_call: CallHook | None,
        clock: Clock,
        transport: Transport,
    ) -> None:
        super().__init__(
            api_key=api_key,
            base_url=base_url,
            organization=organization,
            quota=quota,
            pacing=pacing,
            reserve=reserve,
            idempotency_keep=idempotency_keep,
            politeness=politeness,
            validate=validate,
            on_attempt=on_attempt,
            on_call=on_call,
            clock=clock,
            transport=transport,
        )
        self._queues = dataclasses.replace(self._queues, pool=queues, transport=given_transport)
        self._pool = pool

    @property
    def is_at_rest(self) -> bool:
        """Whether nobody would miss it."""
        return not self.calls_under_way and not (self.is_open and self._client.users)

    @property
    def has_outbox(self) -> bool:
        return self._pool.has_outbox and bool(self._client.organization)

    @property
    def outbox(self) -> Outbox:
        return self._pool.outbox.of(self._client)


class PostizPool:
    """Clients of many organisations: one set of connections, one ledger for each organisation.

        async with PostizPool(base_url="https://postiz.example.com/api") as pool:
            postiz = await pool.client(token)
            await postiz.posts.schedule(NewPost(channel, "Hello"), at=at)

    A client is opened when it is first asked for and stays in the pool, with its ledger and its
    list of channels; asking again returns the same one. An idle client has no task, no timer and
    no connection. When more requests want to go than there are connections, the organisations
    take turns.

    Args:
        base_url: the server of clients that name no other, with or without `/public/v1`; else
            `POSTIZ_API_URL`, else the cloud.
        quota: a store that shares all quotas with other processes and remembers them:
            `SqliteStore`, `RedisStore` or `PostgresStore`. It stays open when the pool closes.
            None: they are this process's, or with an outbox in its database.
        outbox: the address of a PostgreSQL, `postgresql://...`, or `OutboxOptions` with one, for
            `pool.outbox` and the `outbox` of each client; None: there is none.
        credentials: an asynchronous function from the name of an organisation to its key or token,
            with which the outbox sends; it is asked each time, and keys are in no table.
        connections: connections kept at most, for all organisations together.
        keep: clients kept at most; beyond it, the longest unused is closed, if it is at rest.
        pacing: `burst` sends at once what the window allows, urgent calls first; `smooth`
            spreads creates over the window.
        reserve: slots of each window that bulk work leaves to interactive calls until shortly
            before the window closes; None for a tenth of the limit.
        idempotency_keep: for how long `quota` remembers what became of an `idempotency_key`.
        politeness: calls a second of routes without quota, for each organisation; None for no
            bound.
        validate: refuse posts that the server would refuse, before a slot is spent on them.
        on_attempt: called with an `Attempt` after each request that was sent.
        on_call: called with a `CallStarted` when a call is made, with a `CallEnded` when it ends.
        drain: seconds that closing waits for the calls under way of all clients, those that wait
            for a slot among them; 0: calls that wait fail, and those in flight break.
        clock: another notion of time, for tests and demos.
        transport: another way to the server, for tests. It stays open when the pool closes.
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        quota: QuotaStore | None = None,
        outbox: OutboxOptions | Secret | str | None = None,
        credentials: CredentialsOf | None = None,
        connections: int = 100,
        keep: int = 10_000,
        pacing: Literal["burst", "smooth"] = "burst",
        reserve: int | None = None,
        idempotency_keep: timedelta = IDEMPOTENCY_KEEP,
        politeness: float | None = POLITENESS,
        validate: bool = True,
        on_attempt: AttemptHook | None = None,
        on_call: CallHook | None = None,
        drain: float = 0.0,
        clock: Clock | None = None,
        transport: Transport | None = None,
    ) -> None:
        if connections < 1 or keep < 1:
            raise ConfigurationError("A pool needs at least 1 connection and keeps 1 client.")
        check_seconds("drain", drain, zero=True, endless=True)
        self._credentials = credentials
        self._outbox_options, self._own_store = None, None
        if outbox is not None or credentials is not None:
            from postiz_async._outbox import places  # noqa: PLC0415  (not every pool)

            options = self._outbox_options = places.options_of_many(outbox, credentials)
            self._own_store = places.store_beside(options, quota)
        self._outbox: PoolOutbox | None = None
        url = base_url or os.environ.get("POSTIZ_API_URL") or wire.CLOUD_URL
        self._root = wire.api_root(url)
        self._connections = connections
        self._keep = keep
        self._drain = drain
        self._given_transport = transport
        self._transport: Transport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turns = RoundRobin(connections)
        self._queues: dict[str, AdmissionQueue] = {}
        self._clients: dict[tuple[str, str], _Tenant] = {}
        self._clock = clock if clock is not None else SystemClock()
        self._make = partial(
            _Tenant,
            self,
            self._queues,
            transport,
            quota=quota if self._own_store is None else self._own_store,
            pacing=pacing,
            reserve=reserve,
            idempotency_keep=check_keep(idempotency_keep),
            politeness=politeness,
            validate=validate,
            on_attempt=on_attempt,
            on_call=on_call,
            clock=self._clock,
        )

    def __repr__(self) -> str:
        state = "closed" if self._transport is None else f"open, {len(self)} clients"
        return f"<PostizPool {state}>"

    def __len__(self) -> int:
        return len(self._clients)

    async def client(
        self, api_key: str | Secret, *, organization: str | None = None, base_url: str | None = None
    ) -> Postiz:
        """The open client of a key. The pool closes it.

        Args:
            api_key: an organisation's key, or an OAuth token of it.
            organization: a name of yours for the organisation. A key and a token with one name
                spend one quota and so share one ledger, also when a token is renewed.
            base_url: another server than the pool's.

        Raises:
            ConfigurationError: the pool is not open in this event loop, or the key or the URL
                cannot be used.
        """
        api_key, transport = Secret.of(api_key), self._transport
        if transport is None:
            raise ConfigurationError(
                "This pool is not open. Use it as `async with PostizPool() as pool:`."
            )
        if asyncio.get_running_loop() is not self._loop:
            raise ConfigurationError(
                "This pool was opened in another event loop, where its connections live. Open one "
                "pool in each event loop."
            )
        root = self._root if base_url is None else wire.api_root(base_url)
        key = wire.clean_key(api_key)
        quota_name = ledger_name(root, organization or key.reveal())
        place = ledger_name(root, key.reveal()), quota_name
        if place not in self._clients and len(self._clients) >= self._keep:
            await self._let_go()
        client = self._clients.pop(place, None)  # from here on nobody closes it meanwhile
        if client is None or not client.is_open:
            fair = FairTransport(transport, self._turns, quota_name, self._clock)
            client = self._make(
                api_key=key, base_url=root, organization=organization, transport=fair
            )
            await client.open()
        self._clients[place] = client  # at the end: the most recently used
        return client

    def look_again(self) -> None:
        """Let every `wait_published` of every client look now, after a webhook for example."""
        for client in self._clients.values():
            if client.is_open:
                client.posts.look_again()

    async def _let_go(self) -> None:
        """Close the longest unused tenth of the clients, as far as they are at rest."""
        idle = [place for place, client in self._clients.items() if client.is_at_rest]
        gone = [self._clients.pop(place) for place in idle[: max(1, self._keep // 10)]]
        for client in gone:
            await client.aclose()
        used = {quota_name for _, quota_name in self._clients}
        for name, queue in tuple(self._queues.items()):
            if queue.is_at_rest and name.partition(".")[0] not in used:
                del self._queues[name]

    async def open(self) -> Self:
        """Open the pool; `async with` does it."""
        if self._transport is not None:
            raise ConfigurationError("This pool is open already.")
        self._loop = asyncio.get_running_loop()
        self._transport = self._given_transport or make_transport(self._connections)
        if self._outbox_options is not None and self._credentials is not None:
            from postiz_async._outbox.pool_outbox import open_outbox  # noqa: PLC0415  (an extra)

            try:
                self._outbox = await open_outbox(
                    self, self._clock, self._outbox_options, self._credentials
                )
            except BaseException:
                await self.aclose()
                raise
        return self

    @property
    def has_outbox(self) -> bool:
        """Whether there is an open outbox."""
        return self._outbox is not None

    @property
    def outbox(self) -> PoolOutbox:
        """Durable hand-over for all organisations, which is sent in the background."""
        if self._outbox is None:
            raise ConfigurationError(
                "This pool has no open outbox. Give it a database and a function that finds keys: "
                "`PostizPool(outbox='postgresql://...', credentials=key_of)`."
            )
        return self._outbox

    async def aclose(self, *, drain: float | None = None) -> None:
        """Close all clients and connections. No new call is taken meanwhile.

        Args:
            drain: seconds to wait for the calls under way of all clients, `math.inf` for as
                long as they take; None: what the pool was made with.
        """
        check_seconds("drain", drain, zero=True, endless=True, none=True)
        seconds = self._drain if drain is None else drain
        outbox, self._outbox = self._outbox, None
        until = self._clock.monotonic() + seconds
        try:
            if outbox is not None:
                await outbox.aclose(drain=seconds)
        except asyncio.CancelledError:
            until = -math.inf  # whoever cancels does not wait for calls
            raise
        finally:
            await self._disconnect(max(0.0, until - self._clock.monotonic()))

    async def _disconnect(self, seconds: float) -> None:
        transport, self._transport = self._transport, None
        clients, self._clients = self._clients, {}
        try:
            async with anyio.create_task_group() as group:
                for client in clients.values():
                    group.start_soon(_close, client, seconds)
        finally:
            for queue in self._queues.values():
                queue.close()
            self._queues.clear()
            async with AsyncExitStack() as stack:
                if self._own_store is not None:
                    stack.push_async_callback(run_to_completion, self._own_store.aclose())
                if transport is not None and transport is not self._given_transport:
                    stack.push_async_callback(run_to_completion, transport.aclose())

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


async def _close(client: Postiz, drain: float) -> None:
    await client.aclose(drain=drain)
