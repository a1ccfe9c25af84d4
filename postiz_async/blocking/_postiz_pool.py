"""The blocking twin of `PostizPool`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

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
    from postiz_async._settings import AdvancedOptions
    from postiz_async._wire.secrets import Secret
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
        max_clients: the largest number of clients; beyond it, the least recently used is closed if
            it is idle.
        validate: refuse posts that the server would refuse, before a slot is spent on them.
        timeout: time for each whole call, as in `with_options(timeout=)`; None: each attempt has
            the time limit of its route, usually 30 s. For requests of campaigns and of the outbox
            it can only extend that limit (for creates up to 300 s).
        max_wait: how long a call may wait for the quota, as in `with_options(max_wait=)`; None: as
            long as necessary. Campaigns, exports and the outbox always wait as long as necessary.
        headers: added to each request to the server of `base_url`, for example for a gateway. Their
            values are shown nowhere, and clients of other servers are refused. The client's own,
            such as `Authorization`, are refused. None: those of `POSTIZ_HEADERS`.
        max_retries: attempts after the first, for calls that are safe to repeat; 0: none. Others
            are repeated only if nothing was sent, or if it is proved that nothing was done.
        ssl: the CAs to trust, and the client's certificate if the server requires one: a context,
            or a file or folder with the only CAs to trust; else `POSTIZ_CA_FILE`, else the
            system's.
        proxy: the URL of a proxy for all requests, with user and password if it requires them;
            `NO_PROXY` is then ignored. Empty: no proxy; None: `POSTIZ_PROXY`, else `HTTPS_PROXY`,
            `HTTP_PROXY` and `NO_PROXY`.
        drain: time that closing waits for calls in progress of all clients, including those that
            wait for a slot; 0: waiting calls fail, and calls in flight are broken off; None: as
            long as they take.
        advanced: pacing, hooks, connector and others: `AdvancedOptions`.

    Durations are in seconds or `timedelta`.
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        store: Records | Path | Secret | str | None = None,
        outbox: OutboxOptions | Secret | str | None = None,
        credentials: Callable[[str], str | Secret] | None = None,
        connections: int | None = None,
        max_clients: int = 10000,
        validate: bool = True,
        timeout: float | timedelta | None = None,
        max_wait: float | timedelta | None = None,
        max_retries: int = USUAL_RETRIES,
        headers: Mapping[str, str | Secret] | None = None,
        ssl: SSLContext | Path | str | None = None,
        proxy: str | Secret | None = None,
        drain: float | timedelta | None = 0.0,
        advanced: AdvancedOptions | None = None,
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
            max_clients=max_clients,
            validate=validate,
            timeout=timeout,
            max_wait=max_wait,
            max_retries=max_retries,
            headers=headers,
            ssl=ssl,
            proxy=proxy,
            drain=drain,
            advanced=advanced,
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

    @property
    def is_open(self) -> bool:
        """Whether the pool is open."""
        return cast("AsyncPostizPool", self._twin).is_open

    @property
    def outbox(self) -> PoolOutbox:
        """Hand posts over for any organisation: stored durably and sent in the background."""
        original = self._async
        twin = self._portal.call_sync(lambda: original.outbox)
        return PoolOutbox(self._portal, twin)
