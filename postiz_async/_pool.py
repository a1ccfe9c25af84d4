"""`PostizPool`: clients of many organisations in one process, on one set of connections.

When more calls want to go than there are connections, the organisations take turns, one call
each; within one the calls go in the order in which they came. One organisation never holds all
connections, however slow its uploads are.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections import Counter, OrderedDict, deque
from functools import partial
from typing import TYPE_CHECKING, Literal

import anyio
from msgspec.structs import replace

from postiz_async import _wire as wire
from postiz_async._client import IDEMPOTENCY_KEEP, POLITENESS, Postiz, make_transport
from postiz_async._concurrency import run_to_completion
from postiz_async._resources.keyed import check_keep
from postiz_async._wire.secrets import Secret
from postiz_async.clock import SystemClock
from postiz_async.errors import APITimeoutError, ConfigurationError, Delivery
from postiz_async.models._durations import check_seconds
from postiz_async.stores import ledger_name

if TYPE_CHECKING:
    from datetime import timedelta
    from types import TracebackType
    from typing import Self

    from postiz_async._outbox.outbox import Outbox
    from postiz_async._scheduler.hooks import AttemptHook, CallHook
    from postiz_async._scheduler.queue import AdmissionQueue
    from postiz_async._transport import Transport
    from postiz_async._wire import WireRequest, WireResponse
    from postiz_async.clock import Clock
    from postiz_async.stores import QuotaStore

__all__ = [
    "FairTransport",
    "PostizPool",
    "Turns",
]


class Turns:
    """So many turns at once, given to waiting owners in rotation.

    Args:
        capacity: turns that can be held at once, at least 1; a quarter is out of reach of any
            single owner.
    """

    def __init__(self, capacity: int) -> None:
        self._free = capacity
        self._most = max(1, capacity - capacity // 4)
        self._held: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def take(self, owner: str) -> None:
        """Wait for a turn. Cancelling gives it to the next."""
        if self._free and self._held[owner] < self._most and owner not in self._waiting:
            self._hand_to(owner)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(owner)
            else:
                self._forget(owner, turn)
            raise

    def give_back(self, owner: str) -> None:
        """End a turn; the next owner in rotation gets it."""
        self._free += 1
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
        self._serve()

    def _serve(self) -> None:
        for owner in tuple(self._waiting):
            if not self._free:
                return
            if self._held[owner] >= self._most:
                continue
            turn = self._waiting[owner].popleft()
            self._waiting.move_to_end(owner)
            if not self._waiting[owner]:
                del self._waiting[owner]
            self._hand_to(owner)
            turn.set_result(None)

    def _hand_to(self, owner: str) -> None:
        self._free -= 1
        self._held[owner] += 1

    def _forget(self, owner: str, turn: asyncio.Future[None]) -> None:
        self._waiting[owner].remove(turn)
        if not self._waiting[owner]:
            del self._waiting[owner]


class FairTransport:
    """One organisation's way to a transport that many share. Does not close it."""

    def __init__(self, shared: Transport, turns: Turns, owner: str, clock: Clock) -> None:
        self._shared = shared
        self._turns = turns
        self._owner = owner
        self._clock = clock

    async def send(self, request: WireRequest) -> WireResponse:
        """As `Transport.send`, after a turn."""
        expires = request.expires
        if expires is None:
            await self._turns.take(self._owner)
        else:
            with self._clock.move_on_after(expires - self._clock.monotonic()) as patience:
                await self._turns.take(self._owner)
            if patience.cancelled_caught:
                raise self._too_late()
        try:
            if expires is not None:
                left = expires - self._clock.monotonic()
                if left <= 0:
                    raise self._too_late()
                request = replace(request, timeout=left)
            return await self._shared.send(request)
        finally:
            self._turns.give_back(self._owner)

    def _too_late(self) -> APITimeoutError:
        return APITimeoutError(
            "All connections of the pool were taken by other calls until the call's timeout was "
            "over; it was not sent. Allow it more, or the pool more connections=.",
            delivery=Delivery.NOT_SENT,
        )

    async def aclose(self) -> None:
        """The pool closes what is shared."""


class _Tenant(Postiz):
    """A client in a pool: its queues are shared by all clients of its organisation."""

    def __init__(
        self,
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

    @property
    def outbox(self) -> Outbox:
        raise ConfigurationError(
            "A client of a pool has no outbox. Give the organisation a Postiz of its own, with "
            "outbox=... and organization=..., or hand its posts to a task queue."
        )


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
            None: they are this process's.
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
        url = base_url or os.environ.get("POSTIZ_API_URL") or wire.CLOUD_URL
        self._root = wire.api_root(url)
        self._connections = connections
        self._keep = keep
        self._drain = drain
        self._given_transport = transport
        self._transport: Transport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turns = Turns(connections)
        self._queues: dict[str, AdmissionQueue] = {}
        self._clients: dict[tuple[str, str], _Tenant] = {}
        self._clock = clock if clock is not None else SystemClock()
        self._make = partial(
            _Tenant,
            self._queues,
            transport,
            quota=quota,
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
        client = self._clients.pop(place, None)
        if client is None or not client.is_open:
            fair = FairTransport(transport, self._turns, quota_name, self._clock)
            client = self._make(
                api_key=key, base_url=root, organization=organization, transport=fair
            )
            await client.open()
        self._clients[place] = client  # at the end: the most recently used
        if len(self._clients) > self._keep:
            await self._let_go()
        return client

    def look_again(self) -> None:
        """Let every `wait_published` of every client look now, after a webhook for example."""
        for client in self._clients.values():
            if client.is_open:
                client.posts.look_again()

    async def _let_go(self) -> None:
        """Close the longest unused tenth of the clients, as far as they are at rest."""
        idle = [place for place, client in self._clients.items() if not client.calls_under_way]
        for place in idle[: max(1, self._keep // 10)]:
            await self._clients.pop(place).aclose()
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
        return self

    async def aclose(self, *, drain: float | None = None) -> None:
        """Close all clients and connections. No new call is taken meanwhile.

        Args:
            drain: seconds to wait for the calls under way of all clients, `math.inf` for as
                long as they take; None: what the pool was made with.
        """
        check_seconds("drain", drain, zero=True, endless=True, none=True)
        transport, self._transport = self._transport, None
        clients, self._clients = self._clients, {}
        seconds = self._drain if drain is None else drain
        try:
            async with anyio.create_task_group() as group:
                for client in clients.values():
                    group.start_soon(_close, client, seconds)
        finally:
            for queue in self._queues.values():
                queue.close()
            self._queues.clear()
            if transport is not None and transport is not self._given_transport:
                await run_to_completion(transport.aclose())

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
