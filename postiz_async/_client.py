"""`Postiz`: settings, assembly, opening and closing."""

from __future__ import annotations

import asyncio
import logging
import math
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from postiz_async import _wire as wire
from postiz_async._api import Api, checked_options
from postiz_async._concurrency import run_to_completion
from postiz_async._quota import BELIEVED_LIMIT, WINDOW, Ledger, Window
from postiz_async._resources.api import RESOURCES, OpenClient, absent
from postiz_async._scheduler.attempt import Identity
from postiz_async._scheduler.calls import USUAL_RETRIES, CallOptions
from postiz_async._scheduler.hooks import check_hook
from postiz_async._scheduler.routes import QueueFactory
from postiz_async._scheduler.scheduler import BoundScheduler, Scheduler
from postiz_async._transport import make_transport
from postiz_async._transport.settings import ConnectionSettings, headers_of_environment
from postiz_async._wire.secrets import Secret, hidden
from postiz_async.clock import SystemClock
from postiz_async.errors import UsageError
from postiz_async.models._durations import check_keep, check_seconds
from postiz_async.stores import check_store, ledger_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLContext
    from typing import Self

    from postiz_async._outbox.outbox import Outbox
    from postiz_async._outbox.tickets import OutboxOptions
    from postiz_async._resources.keyed import KeyedCreates
    from postiz_async._scheduler.hooks import AttemptHook, CallHook
    from postiz_async._scheduler.queue import AdmissionQueue
    from postiz_async._transport import Transport
    from postiz_async._transport.settings import Connector
    from postiz_async.clock import Clock
    from postiz_async.stores import Records


log = logging.getLogger("postiz_async")

POLITENESS = 100.0
"""Calls per second of routes without quota, by default."""

IDEMPOTENCY_KEEP = timedelta(days=30)

_OF_OPEN = ("_client", "_bound", "_owner")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """The options of a client except key and connections; all clients of a pool share them.

    Args: see `Postiz`.

    Raises:
        UsageError: an option has a value that makes no sense.
    """

    store: Records | None
    pacing: Literal["burst", "smooth"]
    reserve: int | None
    idempotency_keep: timedelta
    politeness: float | None
    validate: bool
    options: CallOptions
    on_attempt: AttemptHook | None
    on_call: CallHook | None
    drain: float
    clock: Clock
    transport: Transport | None

    def __post_init__(self) -> None:
        if self.pacing not in {"burst", "smooth"}:
            raise UsageError(f"pacing must be 'burst' or 'smooth', not {self.pacing!r}.")
        if self.politeness is not None and not 0 < self.politeness < math.inf:
            raise UsageError(
                f"politeness must be more than 0 calls a second, or None, not {self.politeness!r}."
            )
        check_seconds("drain", self.drain, zero=True, endless=True)
        check_hook("on_attempt", self.on_attempt)
        check_hook("on_call", self.on_call)
        check_keep(self.idempotency_keep)


class Postiz(Api):
    """A client for one API key.

        async with Postiz() as postiz:
            channels = await postiz.channels.list()

    Args:
        api_key: the organisation's key or an OAuth token; else `POSTIZ_API_KEY`. If you pass a
            `Secret`, tracebacks of your own code do not show it either.
        base_url: the server, with or without `/public/v1`; else `POSTIZ_API_URL`, else the cloud.
        organization: your name for the organisation. Keys and tokens of one organisation count
            against one quota; give them the same name, and they share it. None: the key is the
            name.
        store: where quota, idempotency keys and the outbox are kept, so that other processes share
            them and the next one knows them: the path of a file for one host, or the address of a
            PostgreSQL (`postgresql://...`) or a Redis (`redis://...`, without outbox) for many; or
            a store of quota and keys alone, such as `SqliteStore`.
            It stays open when the client closes. None: all clients
            of this process without a store share the quota, in all threads and event loops, even
            one after the other; a `MemoryStore()` separates the clients that use it. If a store is
            unavailable, no create is sent (`StoreError`); an outbox elsewhere keeps posts
            meanwhile.
        pacing: `burst` sends as many creates as the window allows at once, urgent ones first;
            `smooth` spreads them over the window.
        reserve: slots that bulk work leaves for interactive calls until shortly before a window
            closes; 0: none; None: a tenth of the limit, and more if interactive calls were seen.
        idempotency_keep: how long `store` remembers an `idempotency_key`.
        politeness: calls per second of routes without quota; None: no limit.
        validate: refuse posts that the server would refuse, before a slot is spent on them.
        timeout: seconds for each whole call, as in `with_options(timeout=)`; None: each attempt has
            the time limit of its route, usually 30 s. For requests of campaigns and of the outbox
            it can only extend that limit (for creates up to 300 s).
        headers: added to each request to the server, for example for a gateway. Their values are
            shown nowhere and sent to no other server. The client's own, such as `Authorization`,
            are refused. None: those of `POSTIZ_HEADERS`.
        retries: attempts after the first, for calls that are safe to repeat; 0: none. Others are
            repeated only if nothing was sent, or if it is proved that nothing was done.
        ssl: the CAs to trust, and the client's certificate if the server requires one: a context,
            or a file or folder with the only CAs to trust; else `POSTIZ_CA_FILE`, else the
            system's.
        proxy: the URL of a proxy for all requests, with user and password if it requires them;
            `NO_PROXY` is then ignored. Empty: no proxy; None: `POSTIZ_PROXY`, else `HTTPS_PROXY`,
            `HTTP_PROXY` and `NO_PROXY`.
        connector: an `aiohttp` connector of your own, which stays open. Give it a
            `keepalive_timeout` below 5 s, after which Postiz closes idle connections.
        outbox: where `postiz.outbox` is if not in `store`: a file, the address of a PostgreSQL,
            or `OutboxOptions`, which also say how it works. None: it is in `store`, if that is
            the path of a file or the address of a PostgreSQL. Without `store`, the quota is also
            shared and remembered there.
        on_attempt: called with an `Attempt` after each request.
        on_call: called with a `CallStarted` when a call starts, with a `CallEnded` when it ends.
        drain: seconds that closing waits for calls in progress, including those that wait for a
            slot; 0: waiting calls fail, and calls in flight are broken off.
        window: seconds of the server's quota window.
        clock: another clock, for tests and demos. Without `store`, clients with the same clock
            share the quota only with each other.
        transport: another transport, for tests; clients with the same one share the quota likewise.

    Raises:
        ConfigurationError: the key, the URL or another setting cannot be used.
    """

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        organization: str | None = None,
        store: Records | Path | Secret | str | None = None,
        pacing: Literal["burst", "smooth"] = "burst",
        reserve: int | None = None,
        idempotency_keep: timedelta = IDEMPOTENCY_KEEP,
        politeness: float | None = POLITENESS,
        validate: bool = True,
        timeout: float | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        retries: int = USUAL_RETRIES,
        ssl: SSLContext | Path | str | None = None,
        proxy: str | Secret | None = None,
        connector: Connector | None = None,
        outbox: OutboxOptions | Path | Secret | str | None = None,
        on_attempt: AttemptHook | None = None,
        on_call: CallHook | None = None,
        drain: float = 0.0,
        window: float = WINDOW,
        clock: Clock | None = None,
        transport: Transport | None = None,
    ) -> None:
        api_key = Secret.of(os.environ.get("POSTIZ_API_KEY", "") if api_key is None else api_key)
        outbox, proxy, store = hidden(outbox), hidden(proxy), hidden(store)
        headers = headers_of_environment(headers)
        check_seconds("window", window)
        clock = clock or SystemClock()
        if outbox is not None or isinstance(store, Path | Secret):
            from postiz_async._outbox.places import places_of  # noqa: PLC0415  (not every client)

            places = places_of(store, outbox, clock)
            store, self._own_store, self._outbox_options = places.store, places.own, places.outbox
        check_store(store)
        settings = ClientSettings(
            store=store,
            pacing=pacing,
            reserve=reserve,
            idempotency_keep=idempotency_keep,
            politeness=politeness,
            validate=validate,
            options=checked_options(CallOptions(), timeout, headers, retries),
            on_attempt=on_attempt,
            on_call=on_call,
            drain=drain,
            clock=clock,
            transport=transport,
        )
        url = base_url or os.environ.get("POSTIZ_API_URL") or wire.CLOUD_URL
        root, key = wire.api_root(url), wire.clean_key(api_key)
        connection = ConnectionSettings.checked(
            ssl=ssl, proxy=proxy, connector=connector, has_transport=transport is not None
        )
        identity = Identity(root, key, organization or "")
        self._set(settings, identity, connection, transport=transport, window=window)

    def _set(
        self,
        settings: ClientSettings,
        identity: Identity,
        connection: ConnectionSettings,
        *,
        transport: Transport | None,
        window: float = WINDOW,
        pool: dict[str, AdmissionQueue] | None = None,
    ) -> None:
        """Initialise the client from arguments that were checked.

        Args:
            settings: shared by all clients of a pool.
            identity: the server, key and name of the organisation.
            connection: how the client connects, if it makes its own transport.
            transport: one that stays open when the client closes; None: the client makes its own.
            window: seconds of the server's quota window.
            pool: the queues of the pool that the client belongs to; None: it belongs to none.
        """
        self._settings = settings
        self._given_transport = transport
        self._identity = identity
        self._connection = connection
        key = identity.organization or identity.key.reveal()
        self._quota_name = ledger_name(identity.root, key)
        fresh = Window(length=window, limit=BELIEVED_LIMIT)
        self._queues = QueueFactory(
            name=self._quota_name,
            fresh=Ledger(window=fresh, reserve=settings.reserve),
            clock=settings.clock,
            store=settings.store,
            transport=settings.transport,
            smooth=settings.pacing == "smooth",
            pool=pool,
        )

    _outbox_options: OutboxOptions | None = None
    _own_store: Records | None = None
    _outbox: Outbox | None = None
    _transport: Transport | None = None
    _open: OpenClient | None = None

    if not TYPE_CHECKING:  # attributes of an open client are missing on a closed one

        def __getattr__(self, name: str) -> object:
            if self._open is None and (name in RESOURCES or name in _OF_OPEN):
                raise absent("This client is not open. Use it as `async with Postiz() as postiz:`.")
            return object.__getattribute__(self, name)  # or a property: raise its own error

    def __repr__(self) -> str:
        if self._open is None:
            return f"<Postiz {self.base_url} closed>"
        return f"<Postiz {self.base_url} open, {self._open.scheduler.view()}>"

    @property
    def clock(self) -> Clock:
        """The client's clock."""
        return self._settings.clock

    @property
    def base_url(self) -> str:
        """The root of the API, with `/public/v1`."""
        return self._identity.root

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return self._open is not None

    @property
    def calls_under_way(self) -> int:
        """Number of calls in progress, including those that wait for a slot."""
        return 0 if self._open is None else self._open.scheduler.under_way

    async def open(self) -> Self:
        """Open the client; `async with` does it."""
        if self._open is not None:
            raise UsageError("This client is open already.")
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise UsageError(
                "postiz_async runs on asyncio (aiohttp does), and no asyncio loop is running here."
            ) from None
        self._transport = self._given_transport or make_transport(self._connection)
        try:
            self._open = client = self._assembled(self._transport)
            super().__init__(client, BoundScheduler(client.scheduler, self._settings.options), self)
            if self._outbox_options is not None:
                from postiz_async._outbox import outbox, places  # noqa: PLC0415  (not every client)

                deliveries = places.deliveries_of(self._outbox_options, self.clock)
                made = outbox.Outbox(client, deliveries, self._outbox_options)
                await made.open()
                self._outbox = made
        except BaseException:
            await self.aclose()
            raise
        return self

    def _assembled(self, transport: Transport) -> OpenClient:
        identity, settings = self._identity, self._settings
        scheduler = Scheduler(
            transport=transport,
            clock=settings.clock,
            identity=identity,
            queue_of=self._queues.queue,
            politeness=settings.politeness,
            on_attempt=settings.on_attempt,
            on_call=settings.on_call,
        )
        return OpenClient(
            scheduler,
            base_url=identity.root,
            quota_name=self._quota_name,
            validates=settings.validate,
            has_store=self._queues.store is not None,
            organization=identity.organization,
            make_keyed=self._keyed_creates,
            options=settings.options,
        )

    def _keyed_creates(self, client: OpenClient) -> KeyedCreates:
        from postiz_async._delivery.idempotency import keyed_creator  # noqa: PLC0415  (not every client)

        settings = self._settings
        keep, transport = settings.idempotency_keep, settings.transport
        return keyed_creator(client, settings.store, keep=keep, transport=transport)

    async def aclose(self, *, drain: float | None = None) -> None:
        """Close all connections.

        Args:
            drain: seconds to wait for calls in progress, `math.inf` for as long as they take; None:
                the client's `drain`. No new calls are accepted meanwhile. After that, calls that
                wait for the quota fail unsent, and calls in flight are broken off.

        Raises:
            UsageError: `drain` is not a number of seconds, or the client is open in another event
                loop.
        """
        check_seconds("drain", drain, zero=True, endless=True, none=True)
        if self._open is not None:
            _refuse_other_loop(self._open.scheduler.loop)
        outbox, self._outbox = self._outbox, None
        clock, settings = self.clock, self._settings
        until = clock.monotonic() + (settings.drain if drain is None else drain)
        try:
            if outbox is not None:
                await outbox.aclose(drain=until - clock.monotonic())
        except asyncio.CancelledError:
            until = -math.inf  # do not wait for calls once cancelled
            raise
        finally:
            await self._disconnect(max(0.0, until - clock.monotonic()))

    async def _disconnect(self, drain: float) -> None:
        client = self._open
        try:
            if client is not None:
                await client.scheduler.drain(drain)
        finally:
            if self._open is client:  # not closed by another call meanwhile
                await self._let_go(client)

    async def _let_go(self, client: OpenClient | None) -> None:
        """Close the store and the transport that the client made, even if closing is cancelled."""
        transport, self._transport, self._open = self._transport, None, None
        for name in (*_OF_OPEN, *RESOURCES):
            self.__dict__.pop(name, None)
        if client is not None and self._queues.pool is None:  # a pool closes what is shared
            client.scheduler.close()
        await close_own(self._own_store, transport if self._given_transport is None else None)

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # -------------------------------------------------------------- what is imported when used

    @property
    def has_outbox(self) -> bool:
        """Whether there is an open outbox."""
        return self._outbox is not None

    @property
    def outbox(self) -> Outbox:
        """Hand posts over: they are stored durably and sent in the background."""
        if self._outbox is None:
            raise absent(
                "This client has no open outbox. Give it the path of a file or the address of a "
                "PostgreSQL, `Postiz(store='postiz.sqlite')`, or with another store `outbox=`."
            )
        return self._outbox


async def close_own(*owned: Records | Transport | None) -> None:
    """Close what a client or a pool made, in reverse order, even after errors or cancellation."""
    async with AsyncExitStack() as stack:
        for each in owned:
            if each is not None:
                stack.push_async_callback(run_to_completion, each.aclose())


def _refuse_other_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Refuse to continue in another event loop than the client's, unless that is closed.

    Raises:
        UsageError: another event loop is running.
    """
    if asyncio.get_running_loop() is not loop and not loop.is_closed():
        raise UsageError(
            "This client is open in another event loop, which has its connections and its calls. "
            "Close it there."
        )
