"""The blocking twin of `PostizPool`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

from postiz_async._client import IDEMPOTENCY_KEEP, POLITENESS
from postiz_async._pool import PostizPool as AsyncPostizPool
from postiz_async._scheduler.calls import USUAL_RETRIES
from postiz_async._wire.headers import hidden_values
from postiz_async._wire.secrets import hidden
from postiz_async.blocking._base import Owner, in_worker
from postiz_async.blocking._pool_outbox import PoolOutbox
from postiz_async.blocking._portal import Portal, given_store
from postiz_async.blocking._postiz import Postiz

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta
    from pathlib import Path
    from ssl import SSLContext

    from postiz_async._outbox.tickets import OutboxOptions
    from postiz_async._resources.pool_health import PoolHealth
    from postiz_async._scheduler.hooks import AttemptHook, CallHook
    from postiz_async._transport import Transport
    from postiz_async._transport.settings import Connector
    from postiz_async._wire.secrets import Secret
    from postiz_async.clock import Clock
    from postiz_async.stores import Records


class PostizPool(Owner):
    """Clients of many organisations, with one set of connections and a separate quota for each.

        with PostizPool(base_url="https://postiz.example.com/api") as pool:
            postiz = pool.client(token)
            postiz.posts.schedule(NewPost(channel, "Hello"), at=at)

    A client is opened at its first use and stays in the pool, with its quota and its list of
    channels; asking again returns the same client. An idle client has no task, no timer and no
    connection. If there are more requests than connections, the organisations take turns.

    Args:
        base_url: the server, unless `client` names another, with or without `/public/v1`; else
            `POSTIZ_API_URL`, else the cloud.
        store: where all quotas and idempotency keys are kept, so that other processes share them
            and the next one knows them: a path, an address or a store, as for `Postiz`,
            which is closed with the pool. With
            `credentials`, the address of a PostgreSQL has `pool.outbox` and the `outbox` of each
            client, too. None: they are this process's, or with an outbox in its database.
        outbox: the address of a PostgreSQL, `postgresql://...`, or `OutboxOptions`, if the outbox
            is not in `store` or is to work in another way.
        credentials: a function from the name of an organisation to its key or token, with which
            the outbox sends; it is called each time, in a worker thread, and has 30 s.
            No key is stored.
        connections: the largest number of connections, for all organisations together; None: 100.
        keep: the largest number of clients; beyond it, the least recently used is closed if it is
            idle.
        pacing: `burst` sends as many creates as the window allows at once, urgent ones first;
            `smooth` spreads them over the window.
        reserve: slots of each window that bulk work leaves for interactive calls until shortly
            before the window closes; 0: none; None: a tenth of the limit, and more if interactive
            calls were seen.
        idempotency_keep: how long `store` remembers an `idempotency_key`.
        politeness: calls per second of routes without quota, for each organisation; None: no limit.
        validate: refuse posts that the server would refuse, before a slot is spent on them.
        timeout: seconds for each whole call, as in `with_options(timeout=)`; None: each attempt has
            the time limit of its route, usually 30 s. For requests of campaigns and of the outbox
            it can only extend that limit (for creates up to 300 s).
        headers: added to each request to the server of `base_url`, for example for a gateway. Their
            values are shown nowhere, and clients of other servers are refused. The client's own,
            such as `Authorization`, are refused. None: those of `POSTIZ_HEADERS`.
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
        on_attempt: called with an `Attempt` after each request; in the client's own
            thread, where the client cannot be called.
        on_call: called with a `CallStarted` when a call starts, with a
            `CallEnded` when it ends; in the client's own thread, where it cannot be called.
        drain: seconds that closing waits for calls in progress of all clients, including those that
            wait for a slot; 0: waiting calls fail, and calls in flight are broken off.
        clock: another clock, for tests and demos.
        transport: another transport, for tests. It stays open when the pool closes.
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        store: Records | Path | Secret | str | None = None,
        outbox: OutboxOptions | Secret | str | None = None,
        credentials: Callable[[str], str | Secret] | None = None,
        connections: int | None = None,
        keep: int = 10000,
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
        on_attempt: AttemptHook | None = None,
        on_call: CallHook | None = None,
        drain: float = 0.0,
        clock: Clock | None = None,
        transport: Transport | None = None,
    ) -> None:
        store = hidden(store)
        outbox = hidden(outbox)
        headers = hidden_values(headers)
        proxy = hidden(proxy)
        client = AsyncPostizPool(
            base_url=base_url,
            store=store,
            outbox=outbox,
            credentials=in_worker(credentials),
            connections=connections,
            keep=keep,
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
            on_attempt=on_attempt,
            on_call=on_call,
            drain=drain,
            clock=clock,
            transport=transport,
        )
        super().__init__(Portal(client, given_store(store)), client)

    @property
    def _async(self) -> AsyncPostizPool:
        return cast("AsyncPostizPool", self._opened)

    def __len__(self) -> int:
        return len(self._twin)

    def client(
        self, api_key: str | Secret, *, organization: str | None = None, base_url: str | None = None
    ) -> Postiz:
        """The open client of a key; the pool closes it.

        Args:
            api_key: an organisation's key, or an OAuth token of it.
            organization: your name for the organisation. Keys and tokens with the same name share
                one quota, even after a token is renewed.
            base_url: another server than the pool's.

        Raises:
            UsageError: the pool is closed, or has headers for another server.
            ConfigurationError: the key or the URL cannot be used.
        """
        api_key = hidden(api_key)
        twin = self._portal.call(
            self._async.client, api_key, organization=organization, base_url=base_url
        )
        return Postiz._lent(self._portal, twin)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    def health(self, *, most: int = 100) -> PoolHealth:
        """The state of the pool and its organisations, for health routes. Sends nothing to Postiz.

        Quotas are as this process last saw them. Store and outbox are queried once each for all
        organisations, for at most three seconds; if they are unavailable, `trouble` says so.

            health = pool.health()
            print(health.is_ready, health.total, health.queued, health.troubles)

        Args:
            most: how many organisations and troubles are listed, those in trouble first.

        Raises:
            UsageError: the pool is not open.
        """
        return self._portal.call(self._async.health, most=most)

    def look_again(self) -> None:
        """Let every `wait_published` of every client check now, as after a webhook delivery."""
        self._portal.call_sync(self._async.look_again)

    def seen(self, *, most: int = 100) -> PoolHealth | None:
        """`health` without store and outbox, from any thread, for metrics.

        Args:
            most: how many organisations are listed.

        Returns:
            None if the pool is closed, or its thread does not answer within a second.
        """
        return self._portal.call_sync(self._async.seen, most=most)

    @property
    def is_open(self) -> bool:
        """Whether the pool is open."""
        return cast("AsyncPostizPool", self._twin).is_open

    @property
    def has_outbox(self) -> bool:
        """Whether there is an open outbox."""
        return cast("AsyncPostizPool", self._twin).has_outbox

    @property
    def outbox(self) -> PoolOutbox:
        """Hand posts over for any organisation: stored durably and sent in the background."""
        original = self._async
        twin = self._portal.call_sync(lambda: original.outbox)
        return PoolOutbox(self._portal, twin)
