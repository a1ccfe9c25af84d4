"""`Postiz`: settings, assembly, opening and closing."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal, TypeVar

from postiz_async import wire
from postiz_async.caller import Caller, with_raw_answers
from postiz_async.channels import Channels
from postiz_async.clock import SystemClock
from postiz_async.errors import ConfigurationError
from postiz_async.ledgers import OwnLedger, SharedLedger
from postiz_async.quota import BELIEVED_LIMIT, WINDOW, Ledger, lost
from postiz_async.resources.analytics import Analytics
from postiz_async.resources.integrations import Integrations
from postiz_async.resources.media import Media
from postiz_async.resources.notifications import Notifications
from postiz_async.resources.posts import Posts
from postiz_async.scheduler import CallOptions, Identity, Priority, Scheduler
from postiz_async.stores import ledger_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from postiz_async.batch.session import Batch
    from postiz_async.caller import RawAnswer
    from postiz_async.clock import Clock
    from postiz_async.events import AttemptHook
    from postiz_async.ledgers import LedgerHome
    from postiz_async.quota import Quota
    from postiz_async.stores import QuotaStore
    from postiz_async.transport import Transport

__all__ = ["Api", "Postiz"]

T = TypeVar("T")

POLITENESS = 100.0
"""Calls a second of routes without quota."""


class Api:
    """The resources of the API, each call made with the same options."""

    def __init__(self, caller: Caller, channels: Channels) -> None:
        self.caller = caller
        self._channels = channels
        self.notifications = Notifications(caller)
        self.posts = Posts(caller, channels, self.notifications)
        self.media = Media(caller)
        self.integrations = Integrations(caller, channels)
        self.analytics = Analytics(caller)

    def with_options(self, options: CallOptions) -> Api:
        """The same with other options."""
        return Api(Caller(self.caller.scheduler, options), self._channels)


class Postiz:
    """A client for one API key.

        async with Postiz() as postiz:
            channels = await postiz.integrations.list()

    Args:
        api_key: the organisation's key or an OAuth token; else `POSTIZ_API_KEY`.
        base_url: the server, with or without `/public/v1`; else `POSTIZ_API_URL`, else the cloud.
        quota: a store that shares the quota with other clients of the key and remembers it:
            `MemoryStore`, `SqliteStore` or `RedisStore`. It stays open when the client closes.
        pacing: `burst` sends at once what the window allows, urgent calls first; `smooth`
            spreads creates over the window.
        reserve: slots of each window that bulk work leaves to interactive calls until shortly
            before the window closes; None for a tenth of the limit.
        politeness: calls a second of routes without quota; None for no bound.
        on_attempt: called after each request that was sent, see `Attempt`.
        window: seconds of the server's quota window.
        clock: another notion of time, for tests and demos.
        transport: another way to the server, for tests.

    Raises:
        ConfigurationError: the key or the URL cannot be used.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        quota: QuotaStore | None = None,
        pacing: Literal["burst", "smooth"] = "burst",
        reserve: int | None = None,
        politeness: float | None = POLITENESS,
        on_attempt: AttemptHook | None = None,
        window: float = WINDOW,
        clock: Clock | None = None,
        transport: Transport | None = None,
    ) -> None:
        key = api_key if api_key is not None else os.environ.get("POSTIZ_API_KEY", "")
        url = base_url or os.environ.get("POSTIZ_API_URL") or wire.CLOUD_URL
        if pacing not in {"burst", "smooth"}:
            raise ConfigurationError(f"pacing is 'burst' or 'smooth', not {pacing!r}.")
        self._identity = Identity(wire.api_root(url), wire.clean_key(key), "")
        self._quota = quota
        self._smooth = pacing == "smooth"
        self._politeness = politeness
        self._on_attempt = on_attempt
        self._ledger = Ledger(window=window, limit=BELIEVED_LIMIT, reserve=reserve)
        self._clock = clock if clock is not None else SystemClock()
        self._given_transport = transport
        self._transport: Transport | None = None
        self._api: Api | None = None

    def __repr__(self) -> str:
        state = "open" if self._api is not None else "closed"
        return f"<Postiz {self._identity.root} {state}>"

    @property
    def base_url(self) -> str:
        """The root of the API, with `/public/v1`."""
        return self._identity.root

    @property
    def clock(self) -> Clock:
        """The client's notion of time."""
        return self._clock

    async def open(self) -> Self:
        """Open the client; `async with` does it."""
        if self._api is not None:
            raise ConfigurationError("This client is open already.")
        self._transport = self._given_transport or _make_transport()
        identity = Identity(self._identity.root, self._identity.key, _user_agent())
        scheduler = Scheduler(
            transport=self._transport,
            clock=self._clock,
            identity=identity,
            home=self._home(),
            keepers=[],
            smooth=self._smooth,
            politeness=self._politeness,
            on_attempt=self._on_attempt,
        )
        caller = Caller(scheduler)
        self._api = Api(caller, Channels(caller))
        return self

    def _home(self) -> LedgerHome:
        if self._quota is None:
            return OwnLedger(self._ledger, self._clock)
        name = ledger_name(self._identity.root, self._identity.key)
        return SharedLedger(self._quota, name, self._ledger, self._clock)

    async def aclose(self) -> None:
        """Close all connections. Calls that wait for the quota fail; those in flight break."""
        if self._api is not None:
            self.scheduler.gate.close()
        if self._api is not None and self._quota is None:
            self._ledger = _at_rest(self.scheduler.ledger, self._clock.monotonic())
        self._api = None
        transport, self._transport = self._transport, None
        if transport is not None and transport is not self._given_transport:
            await transport.aclose()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    # -------------------------------------------------------------- the API

    @property
    def posts(self) -> Posts:
        """Create, list, change and delete posts."""
        return self._opened.posts

    @property
    def media(self) -> Media:
        """Upload pictures and videos, generate videos."""
        return self._opened.media

    @property
    def integrations(self) -> Integrations:
        """The connected social accounts."""
        return self._opened.integrations

    @property
    def analytics(self) -> Analytics:
        """Figures from the networks."""
        return self._opened.analytics

    @property
    def notifications(self) -> Notifications:
        """What Postiz told the organisation."""
        return self._opened.notifications

    def with_options(
        self,
        *,
        timeout: float | None = None,
        max_wait: float | None = None,
        priority: Priority = Priority.INTERACTIVE,
        headers: Mapping[str, str] | None = None,
    ) -> Api:
        """The same client with other options for each call that is made through the result.

            await postiz.with_options(timeout=5).posts.list(start=..., end=...)

        Args:
            timeout: seconds from sending to the whole answer; None for the route's own.
            max_wait: seconds that a create may wait for a slot of the quota.
            priority: the lane of creates.
            headers: added to each request; the client's own cannot be replaced.
        """
        options = CallOptions(
            timeout=timeout,
            max_wait=max_wait,
            priority=priority,
            headers=tuple((headers or {}).items()),
        )
        return self._opened.with_options(options)

    async def raw(self, call: Awaitable[T]) -> RawAnswer[T]:
        """Status, headers and body beside the value of a call.

        answer = await postiz.raw(postiz.posts.list(start=..., end=...))
        """
        return await with_raw_answers(call)

    @property
    def scheduler(self) -> Scheduler:
        """What admits and sends the calls; for `batch` and other parts of this package."""
        return self._opened.caller.scheduler

    @property
    def _opened(self) -> Api:
        if self._api is None:
            raise ConfigurationError(
                "This client is not open. Use it as `async with Postiz() as postiz:`."
            )
        return self._api

    def batch(
        self,
        path: Path | str,
        *,
        journal: Path | str | None = None,
        timezone: str | None = None,
        late: Literal["skip", "send"] = "skip",
        skip_invalid: bool = False,
    ) -> Batch:
        """A campaign file as a job that can be planned, run, killed and resumed; see `Batch`."""
        from postiz_async.batch.session import Batch  # noqa: PLC0415  (not every client needs it)

        return Batch(
            self,
            path,
            journal=journal,
            timezone=timezone,
            late=late,
            skip_invalid=skip_invalid,
        )

    async def quota(self) -> Quota:
        """The quota of create requests as the client knows it. Sends nothing."""
        scheduler = self.scheduler
        await scheduler.gate.home.refresh()
        return scheduler.gate.view()


def _at_rest(ledger: Ledger, now: float) -> Ledger:
    """A ledger for the next time: what is still in flight counts as spent."""
    for flight in ledger.flights:
        ledger = lost(ledger, flight.token, now)
    return ledger


def _make_transport() -> Transport:
    from postiz_async.transport import AiohttpTransport  # noqa: PLC0415  (aiohttp is slow)

    return AiohttpTransport()


def _user_agent() -> str:
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return f"postiz-async/{version('postiz-async')} Python/{python} aiohttp/{version('aiohttp')}"
