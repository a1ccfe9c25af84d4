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
from postiz_async.blocking._portal import Portal
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
    from postiz_async.stores import QuotaStore

__all__ = ["PostizPool"]


class PostizPool(Owner):
    """Clients of many organisations: one set of connections, one ledger for each organisation.

        with PostizPool(base_url="https://postiz.example.com/api") as pool:
            postiz = pool.client(token)
            postiz.posts.schedule(NewPost(channel, "Hello"), at=at)

    A client is opened when it is first asked for and stays in the pool, with its ledger and its
    list of channels; asking again returns the same one. An idle client has no task, no timer and
    no connection. When more requests want to go than there are connections, the organisations
    take turns.

    Args:
        base_url: the server of clients that name no other, with or without `/public/v1`; else
            `POSTIZ_API_URL`, else the cloud.
        quota: a store that shares all quotas with other processes and remembers them:
            `SqliteStore`, `RedisStore` or `PostgresStore`. It is closed with the pool, in
            whose thread its connections live.
            None: they are this process's, or with an outbox in its database.
        outbox: the address of a PostgreSQL, `postgresql://...`, or `OutboxOptions` with one, for
            `pool.outbox` and the `outbox` of each client; None: there is none.
        credentials: a function from the name of an organisation to its key or token, with which
            the outbox sends; it is asked each time, in a worker thread, and keys are in no table.
        connections: connections kept at most, for all organisations together; 100 if None.
        keep: clients kept at most; beyond it, the longest unused is closed, if it is at rest.
        pacing: `burst` sends at once what the window allows, urgent calls first; `smooth`
            spreads creates over the window.
        reserve: slots of each window that bulk work leaves to interactive calls until shortly
            before the window closes; None for a tenth of the limit.
        idempotency_keep: for how long `quota` remembers what became of an `idempotency_key`.
        politeness: calls a second of routes without quota, for each organisation; None for no
            bound.
        validate: refuse posts that the server would refuse, before a slot is spent on them.
        timeout: seconds for each whole call, as `with_options(timeout=)` has it; None: each attempt
            has the time of its route, mostly 30 s. Requests of campaigns and of the outbox may take
            longer than their routes' time by it (creates up to 300 s), and are never cut short.
        headers: added to each request to the server of `base_url`, such as a gateway's. Their
            values are shown nowhere, and clients of other servers are refused. They cannot be the
            client's own, such as `Authorization`. None: those of `POSTIZ_HEADERS`.
        retries: attempts after the first, of calls that can be repeated safely; 0: none. Others are
            repeated only when nothing was sent, or when it is proved that nothing was done.
        ssl: whom to trust with the key, and the client's own certificate if the server wants one:
            a context, or a file or folder of the only authorities to trust; else `POSTIZ_CA_FILE`,
            else the system's.
        proxy: the URL of a proxy for all requests, whatever `NO_PROXY` says, with user and password
            where it wants them; empty: none; None: `POSTIZ_PROXY`, else `HTTPS_PROXY`, `HTTP_PROXY`
            and `NO_PROXY`.
        connector: an `aiohttp` connector of your own, which stays open. Give it a
            `keepalive_timeout` below 5 s, after which Postiz closes idle connections.
        on_attempt: called with an `Attempt` after each request that was sent;
            in the client's own thread, from where it cannot be called.
        on_call: called with a `CallStarted` when a call is made, with a
            `CallEnded` when it ends; in the client's own thread, from where it cannot be called.
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
        outbox = hidden(outbox)
        headers = hidden_values(headers)
        proxy = hidden(proxy)
        client = AsyncPostizPool(
            base_url=base_url,
            quota=quota,
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
        super().__init__(Portal(client, quota), client)

    @property
    def _async(self) -> AsyncPostizPool:
        return cast("AsyncPostizPool", self._opened)

    def __len__(self) -> int:
        return len(self._twin)

    def client(
        self, api_key: str | Secret, *, organization: str | None = None, base_url: str | None = None
    ) -> Postiz:
        """The open client of a key. The pool closes it.

        Args:
            api_key: an organisation's key, or an OAuth token of it.
            organization: a name of yours for the organisation. A key and a token with one name
                spend one quota and so share one ledger, also when a token is renewed.
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
        """How the pool and its organisations stand: for health routes. Asks Postiz nothing.

        Quotas are as this process saw them last. Store and outbox are looked at once each, for
        all organisations together, and for three seconds at most; when they are away, `trouble`
        says so.

            health = pool.health()
            print(health.is_ready, health.total, health.queued, health.troubles)

        Args:
            most: organisations that are listed, and troubles that are told: those in trouble first.

        Raises:
            UsageError: the pool is not open.
        """
        return self._portal.call(self._async.health, most=most)

    def look_again(self) -> None:
        """Let every `wait_published` of every client look now, after a webhook for example."""
        self._portal.call_sync(self._async.look_again)

    def seen(self, *, most: int = 100) -> PoolHealth | None:
        """`health` without a look at store and outbox, in whatever thread, for metrics.

        Args:
            most: organisations that are listed.

        Returns:
            None when it is closed, or its thread does not answer within a second.
        """
        return self._portal.call_sync(self._async.seen, most=most)

    @property
    def is_open(self) -> bool:
        """Whether clients can be asked for."""
        return cast("AsyncPostizPool", self._twin).is_open

    @property
    def has_outbox(self) -> bool:
        """Whether there is an open outbox."""
        return cast("AsyncPostizPool", self._twin).has_outbox

    @property
    def outbox(self) -> PoolOutbox:
        """Durable hand-over for all organisations, which is sent in the background."""
        original = self._async
        twin = self._portal.call_sync(lambda: original.outbox)
        return PoolOutbox(self._portal, twin)
