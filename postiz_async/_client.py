"""`Postiz`: settings, assembly, opening and closing."""

from __future__ import annotations

import asyncio
import logging
import math
import os
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from postiz_async import _wire as wire
from postiz_async._api import Api, changed_options
from postiz_async._concurrency import run_to_completion
from postiz_async._quota import BELIEVED_LIMIT, Ledger, Window
from postiz_async._quota.state import ledger_name
from postiz_async._resources.api import RESOURCES, OpenClient, absent, opened, options_of
from postiz_async._scheduler.attempt import Identity
from postiz_async._scheduler.calls import USUAL_RETRIES, CallOptions, check_priority
from postiz_async._scheduler.queues import QueueFactory
from postiz_async._scheduler.scheduler import BoundScheduler, Scheduler
from postiz_async._settings import AdvancedOptions, ClientSettings, checked_advanced
from postiz_async._transport import Transport, make_transport
from postiz_async._transport.settings import ConnectionSettings
from postiz_async._wire.headers import hidden_values
from postiz_async._wire.secrets import Secret, hidden
from postiz_async.errors import ConfigurationError, Scope, UsageError
from postiz_async.models._durations import read_keep, read_seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from ssl import SSLContext

    from postiz_async._outbox.outbox import Outbox
    from postiz_async._outbox.tickets import OutboxOptions
    from postiz_async._resources.keyed import KeyedCreates
    from postiz_async._scheduler.queue import AdmissionQueue
    from postiz_async.clock import Clock
    from postiz_async.stores import Records


log = logging.getLogger("postiz_async")

_OF_OPEN = ("_client", "_bound")


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
            PostgreSQL (`postgresql://...`) for many; or a store of quota and keys alone, such as
            `SqliteStore`. It stays open when the client closes; that of a blocking client is closed
            with it, and serves no other. None: all clients of this process without a store share
            the quota, in all threads and event loops, even one after the other; a `MemoryStore()`
            separates the clients that use it. If a store is unavailable, no create is sent
            (`StoreError`); an outbox elsewhere keeps posts meanwhile.
        validate: refuse posts that the server would refuse, before a slot is spent on them.
        timeout: time for each whole call, as in `with_options(timeout=)`; None: each attempt has
            the time limit of its route, usually 30 s. For requests of campaigns and of the outbox
            it can only extend that limit (for creates up to 300 s).
        max_wait: how long a call may wait for the quota, as in `with_options(max_wait=)`; None: as
            long as necessary. Campaigns and the outbox always wait as long as necessary.
        headers: added to each request to the server, for example for a gateway. Their values are
            shown nowhere and sent to no other server. The client's own, such as `Authorization`,
            are refused. None: those of `POSTIZ_HEADERS`.
        max_retries: attempts after the first, for calls that are safe to repeat; 0: none. Others
            are repeated only if nothing was sent, or if it is proved that nothing was done.
        ssl: a context with the CAs to trust, and the client's certificate if the server requires
            one; None: the system's CAs, or those of `SSL_CERT_FILE`.
        proxy: the URL of a proxy for all requests, with user and password if it requires them;
            `NO_PROXY` is then ignored. Empty: no proxy; None: `POSTIZ_PROXY`, else `HTTPS_PROXY`,
            `HTTP_PROXY` and `NO_PROXY`.
        outbox: where `postiz.outbox` is if not in `store`: a file, the address of a PostgreSQL,
            or `OutboxOptions`, which also say how it works. None: it is in `store`, if that is
            the path of a file or the address of a PostgreSQL. Without `store`, the quota is also
            shared and remembered there.
        drain: time that closing waits for calls in progress, including those that wait for a
            slot; 0: waiting calls fail, and calls in flight are broken off; None: as long as they
            take.
        allow: the scopes that the client is restricted to: `read`, without which nothing works,
            and any of `draft`, `schedule`, `publish`, `update`, `delete`, `media`. What needs
            another one raises `ScopeError` before anything is sent or stored. None: everything.
        advanced: pacing, hooks and others: `AdvancedOptions`.

    Durations are in seconds or `timedelta`.

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
        outbox: OutboxOptions | Path | Secret | str | None = None,
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
        api_key = Secret.of(os.environ.get("POSTIZ_API_KEY", "") if api_key is None else api_key)
        outbox, proxy, store = hidden(outbox), hidden(proxy), hidden(store)
        headers = None if headers is None else hidden_values(headers)
        advanced, clock = checked_advanced(advanced)
        if outbox is not None or isinstance(store, Path | Secret):
            from postiz_async._outbox.places import places_of  # noqa: PLC0415  (not every client)

            places = places_of(store, outbox, clock)
            store, self._own_store, self._outbox_options = places.store, places.own, places.outbox
        settings = ClientSettings(
            store=store,
            validate=validate,
            timeout=timeout,
            max_wait=max_wait,
            max_retries=max_retries,
            headers=headers,
            drain=drain,
            allow=allow,
            advanced=advanced,
            clock=clock,
        )
        url = base_url or os.environ.get("POSTIZ_API_URL") or wire.CLOUD_URL
        root, key = wire.api_root(url), wire.clean_key(api_key)
        connection = ConnectionSettings.checked(
            ssl=ssl,
            proxy=proxy,
            has_transport=advanced.transport is not None,
        )
        identity = Identity(root, key, organization or "")
        self._set(settings, identity, connection, transport=advanced.transport)

    def _set(
        self,
        settings: ClientSettings,
        identity: Identity,
        connection: ConnectionSettings,
        *,
        transport: Transport | None,
        pool: dict[str, AdmissionQueue] | None = None,
    ) -> None:
        """Initialise the client from arguments that were checked.

        Args:
            settings: shared by all clients of a pool.
            identity: the server, key and name of the organisation.
            connection: how the client connects, if it makes its own transport.
            transport: one that stays open when the client closes; None: the client makes its own.
            pool: the queues of the pool that the client belongs to; None: it belongs to none.
        """
        self._settings, self._usual = settings, settings.options
        self._given_transport = transport
        self._identity = identity
        self._connection = connection
        advanced = settings.advanced
        key = identity.organization or identity.key.reveal()
        self._quota_name = ledger_name(identity.root, key)
        fresh = Window(length=settings.window, limit=BELIEVED_LIMIT)
        self._queues = QueueFactory(
            name=self._quota_name,
            fresh=Ledger(window=fresh, reserve=advanced.reserve),
            clock=settings.clock,
            organization=identity.organization,
            store=settings.store,
            transport=advanced.transport,
            smooth=advanced.pacing == "smooth",
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
            super().__init__(client, BoundScheduler(client.scheduler, self._usual))
            if self._outbox_options is not None:
                from postiz_async._outbox import base, outbox, places  # noqa: PLC0415  (not every client)

                options = places.allowed_options(self._outbox_options, self._settings.allowed)
                deliveries = places.deliveries_of(options, self.clock)
                made = outbox.Outbox(client, deliveries, options)
                await base.open_outbox(made)
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
            queue=self._queues.queue(),
            politeness=settings.advanced.politeness,
            allowed=settings.allowed,
            on_attempt=settings.advanced.on_attempt,
            on_call=settings.advanced.on_call,
            hooks=settings.hooks,
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

        store, advanced = self._settings.store, self._settings.advanced
        keep = read_keep(advanced.idempotency_keep)
        return keyed_creator(client, store, keep=keep, transport=advanced.transport)

    async def aclose(self, *, drain: float | timedelta | UnsetType | None = UNSET) -> None:
        """Close all connections. Of a view made by `with_options`: do nothing.

        Args:
            drain: seconds to wait for calls in progress; None or `math.inf`: as long as they take.
                Not given: the client's `drain`. No new calls are accepted meanwhile. After that,
                calls that wait for the quota fail unsent, and calls in flight are broken off.

        Raises:
            UsageError: `drain` is not a number of seconds, or the client is open in another event
                loop.
        """
        seconds = self._settings.drain
        if drain is not UNSET:
            seconds = read_seconds("drain", drain, zero=True, endless=True)
        if self._open is not None:
            _refuse_other_loop(self._open.scheduler.loop)
        outbox, self._outbox = self._outbox, None
        clock = self.clock
        until = clock.monotonic() + seconds
        try:
            if outbox is not None:
                from postiz_async._outbox.base import close_outbox  # noqa: PLC0415  (not every client)

                await close_outbox(outbox, drain=until - clock.monotonic())
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
        try:
            if client is not None and self._queues.pool is None:  # a pool closes what is shared
                client.scheduler.close()
                await self._settings.hooks.end()
        finally:
            await close_own(self._own_store, transport if self._given_transport is None else None)

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # -------------------------------------------------------------- options

    def with_options(
        self,
        *,
        timeout: float | timedelta | UnsetType | None = UNSET,
        max_wait: float | timedelta | UnsetType | None = UNSET,
        deadline: datetime | UnsetType | None = UNSET,
        priority: int | UnsetType = UNSET,
        headers: Mapping[str, str | Secret] | UnsetType = UNSET,
        max_retries: int | UnsetType = UNSET,
    ) -> Postiz:
        """The same client with other options, for all calls on the result.

            await postiz.with_options(timeout=5).posts.list(start=..., end=...)

        Options that are not given are kept: `with_options(priority=3).with_options(timeout=5)` has
        both. If a header is given twice, the later value is used. The result has no connections of
        its own: closing it does nothing, and it ends with this client.

        Campaigns use headers, retries and the time-out (as described at `Postiz`). The `outbox`
        uses no options, because other processes may send its posts. Using `campaign` or `outbox`
        with options that do not apply raises `UsageError`.

        Args:
            timeout: seconds for the whole call, including look-ups, attempts and the pauses between
                them; then `APITimeoutError`. Waiting for the quota is not included. Each piece
                of a list that is iterated over is a call. None: each attempt has the time limit of
                its route, usually 30 s.
            max_wait: seconds that the call may wait for the quota; 0: do not wait; None or
                `math.inf`: as long as necessary.
            deadline: when a create must be sent at the latest, with a time zone; if that is
                impossible, it raises `QuotaWaitError` at once.
            priority: the priority of creates: `Priority`, or another whole number.
            headers: added to each request that the call causes. The client's own, such as
                `Authorization`, are refused.
            max_retries: attempts after the first, for calls that are safe to repeat; 0: none.

        Raises:
            UsageError: an option has a value that makes no sense.
        """
        headers = hidden_values(headers)
        try:
            options = changed_options(
                self._bound.options,
                timeout=timeout,
                max_wait=max_wait,
                headers=headers,
                max_retries=max_retries,
            )
        except ConfigurationError as error:  # of headers, which operators give too, but not here
            raise UsageError(str(error)) from None
        if timeout is not UNSET:
            options = replace(options, wait_timeout=options.timeout)
        if deadline is not UNSET:
            options = replace(options, deadline=self._moment(deadline))
        if priority is not UNSET:
            check_priority(priority)
            options = replace(options, priority=priority)
        return self._view(options)

    def _moment(self, deadline: object) -> float | None:
        """The deadline in seconds of the client's monotonic clock; None if there is none."""
        if deadline is None:
            return None
        if not isinstance(deadline, datetime) or deadline.utcoffset() is None:
            raise UsageError(
                f"deadline is {deadline!r}. Give a datetime with a time zone, or None."
            )
        clock = self._client.clock
        return clock.monotonic() + deadline.timestamp() - clock.time()

    def _view(self, options: CallOptions) -> Postiz:
        return View(self, options, self._usual)

    # -------------------------------------------------------------- what is imported when used

    @property
    def outbox(self) -> Outbox:
        """Hand posts over: they are stored durably and sent in the background."""
        if self._outbox is None:
            raise absent(
                "This client has no open outbox. Give it the path of a file or the address of a "
                "PostgreSQL, `Postiz(store='postiz.sqlite')`, or with another store `outbox=`."
            )
        return self._outbox


class View(Postiz):
    """A client with other options, on the connections of its owner, which alone closes them."""

    def __init__(self, owner: Postiz, options: CallOptions, usual: CallOptions) -> None:
        client = opened(owner)
        self._owner = owner
        self._settings = owner._settings  # noqa: SLF001  (of the same class)
        self._identity = owner._identity  # noqa: SLF001  (of the same class)
        self._open, self._usual = client, usual
        Api.__init__(self, client, BoundScheduler(client.scheduler, options))

    def __repr__(self) -> str:
        return f"<Postiz {self.base_url} with options>"

    @property
    def is_open(self) -> bool:
        return opened(self).is_open

    async def open(self) -> Self:
        if not self.is_open:
            raise UsageError("The client that these options were given to is closed.")
        return self

    async def aclose(self, *, drain: float | timedelta | UnsetType | None = UNSET) -> None:
        """Do nothing: only the client that was opened closes the connections."""

    def _view(self, options: CallOptions) -> Postiz:
        return View(self._owner, options, self._usual)

    @property
    def outbox(self) -> Outbox:
        asked = replace(self._bound.options, wait_timeout=None)
        if asked != self._usual:
            raise absent(
                "The outbox cannot obey options of with_options: what is handed over is sent "
                "later, maybe by another process. Take postiz.outbox without them; timeout, "
                "headers and max_retries can be given to Postiz(...) itself."
            )
        return self._owner.outbox


def limited(client: Postiz, max_wait: float | timedelta | None) -> Postiz:
    """A client with a `max_wait` that its campaigns and outbox do not have to obey."""
    options = options_of(client.with_options(max_wait=max_wait))
    return View(client, options, options)


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
