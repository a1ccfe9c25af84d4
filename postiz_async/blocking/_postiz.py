"""The blocking twin of `Postiz`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from msgspec import UNSET

from postiz_async._client import Postiz as AsyncPostiz
from postiz_async._scheduler.calls import USUAL_RETRIES
from postiz_async._wire.headers import hidden_values
from postiz_async._wire.secrets import hidden
from postiz_async.blocking._api import Api
from postiz_async.blocking._base import Owner
from postiz_async.blocking._outbox import Outbox
from postiz_async.blocking._portal import Portal, given_store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta
    from pathlib import Path
    from ssl import SSLContext

    from msgspec import UnsetType

    from postiz_async._outbox.tickets import OutboxOptions
    from postiz_async._settings import AdvancedOptions
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
        validate: refuse posts that the server would refuse, before a slot is spent on them.
        timeout: time for each whole call, as in `with_options(timeout=)`; None: each attempt has
            the time limit of its route, usually 30 s. For requests of campaigns and of the outbox
            it can only extend that limit (for creates up to 300 s).
        max_wait: how long a call may wait for the quota, as in `with_options(max_wait=)`; None: as
            long as necessary. Campaigns, exports and the outbox always wait as long as necessary.
        headers: added to each request to the server, for example for a gateway. Their values are
            shown nowhere and sent to no other server. The client's own, such as `Authorization`,
            are refused. None: those of `POSTIZ_HEADERS`.
        max_retries: attempts after the first, for calls that are safe to repeat; 0: none. Others
            are repeated only if nothing was sent, or if it is proved that nothing was done.
        ssl: the CAs to trust, and the client's certificate if the server requires one: a context,
            or a file or folder with the only CAs to trust; else `POSTIZ_CA_FILE`, else the
            system's.
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
        advanced: pacing, hooks, connector and others: `AdvancedOptions`.

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
        ssl: SSLContext | Path | str | None = None,
        proxy: str | Secret | None = None,
        drain: float | timedelta | None = 0.0,
        advanced: AdvancedOptions | None = None,
    ) -> None:
        api_key = hidden(api_key)
        store = hidden(store)
        outbox = hidden(outbox)
        headers = hidden_values(headers)
        proxy = hidden(proxy)
        client = AsyncPostiz(
            api_key=api_key,
            base_url=base_url,
            organization=organization,
            store=store,
            outbox=outbox,
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

            postiz.with_options(timeout=5).posts.list(start=..., end=...)

        Options that are not given are kept: `with_options(priority=3).with_options(timeout=5)` has
        both. If a header is given twice, the later value is used. The result has no connections of
        its own: closing it does nothing, and it ends with this client.

        Campaigns use headers, retries and the time-out (as described at `Postiz`). The `outbox`
        uses no options, because other processes may send its posts. Using `campaign`, `export` or
        `outbox` with options that do not apply raises `UsageError`.

        Args:
            timeout: seconds for the whole call, including look-ups, attempts and the pauses between
                them; then `APITimeoutError`. Waiting for the quota is not included. Each piece of
                an `iter` is a call. None: each attempt has the time limit of its route, usually 30
                s.
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
        twin = self._portal.call_sync(
            self._async.with_options,
            timeout=timeout,
            max_wait=max_wait,
            deadline=deadline,
            priority=priority,
            headers=headers,
            max_retries=max_retries,
        )
        return Postiz._lent(self._portal, twin)

    @property
    def outbox(self) -> Outbox:
        """Hand posts over: they are stored durably and sent in the background."""
        original = self._async
        twin = self._portal.call_sync(lambda: original.outbox)
        return Outbox(self._portal, twin)
