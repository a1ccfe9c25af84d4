"""The blocking twin of `Postiz`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

from postiz_async._client import IDEMPOTENCY_KEEP, POLITENESS, Postiz as AsyncPostiz
from postiz_async._quota import WINDOW
from postiz_async._scheduler.calls import USUAL_RETRIES
from postiz_async._wire.headers import hidden_values
from postiz_async._wire.secrets import hidden
from postiz_async.blocking._api import Api
from postiz_async.blocking._base import Owner
from postiz_async.blocking._outbox import Outbox
from postiz_async.blocking._portal import Portal, given_store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from pathlib import Path
    from ssl import SSLContext

    from postiz_async._outbox.tickets import OutboxOptions
    from postiz_async._scheduler.hooks import AttemptHook, CallHook
    from postiz_async._transport import Transport
    from postiz_async._transport.settings import Connector
    from postiz_async._wire.secrets import Secret
    from postiz_async.clock import Clock
    from postiz_async.stores import Records


class Postiz(Owner, Api):
    """A blocking client for one API key, safe from any thread.

        with Postiz() as postiz:
            channels = postiz.channels.list()

    Without `with`, its first call opens it, and `close` closes it. The connections live in a thread
    of its own.

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
            It is closed with the client, in whose thread its connections live: give each
            client its own store. None: all clients
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
        on_attempt: called with an `Attempt` after each request; in the client's own
            thread, where the client cannot be called.
        on_call: called with a `CallStarted` when a call starts, with a
            `CallEnded` when it ends; in the client's own thread, where it cannot be called.
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
        api_key = hidden(api_key)
        store = hidden(store)
        headers = hidden_values(headers)
        proxy = hidden(proxy)
        outbox = hidden(outbox)
        client = AsyncPostiz(
            api_key=api_key,
            base_url=base_url,
            organization=organization,
            store=store,
            pacing=pacing,
            reserve=reserve,
            idempotency_keep=idempotency_keep,
            politeness=politeness,
            validate=validate,
            timeout=timeout,
            headers=headers,
            retries=retries,
            ssl=ssl,
            proxy=proxy,
            connector=connector,
            outbox=outbox,
            on_attempt=on_attempt,
            on_call=on_call,
            drain=drain,
            window=window,
            clock=clock,
            transport=transport,
        )
        super().__init__(Portal(client, given_store(store)), client)

    @property
    def _async(self) -> AsyncPostiz:
        return cast("AsyncPostiz", self._opened)

    @property
    def clock(self) -> Clock:
        """The client's clock."""
        return cast("AsyncPostiz", self._twin).clock

    @property
    def base_url(self) -> str:
        """The root of the API, with `/public/v1`."""
        return cast("AsyncPostiz", self._twin).base_url

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return cast("AsyncPostiz", self._twin).is_open

    @property
    def calls_under_way(self) -> int:
        """Number of calls in progress, including those that wait for a slot."""
        return cast("AsyncPostiz", self._twin).calls_under_way

    @property
    def has_outbox(self) -> bool:
        """Whether there is an open outbox."""
        return cast("AsyncPostiz", self._twin).has_outbox

    @property
    def outbox(self) -> Outbox:
        """Hand posts over: they are stored durably and sent in the background."""
        original = self._async
        twin = self._portal.call_sync(lambda: original.outbox)
        return Outbox(self._portal, twin)
