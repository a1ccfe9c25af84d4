"""`Postiz`: settings, assembly, opening and closing."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import sys
from contextlib import AsyncExitStack
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from postiz_async import wire
from postiz_async.clock import SystemClock
from postiz_async.concurrency import run_to_completion
from postiz_async.errors import ConfigurationError
from postiz_async.models.durations import check_seconds
from postiz_async.quota import BELIEVED_LIMIT, WINDOW, Ledger
from postiz_async.resources.api import Api, OpenClient
from postiz_async.resources.channels import Channels
from postiz_async.resources.listing import WakeSignal
from postiz_async.scheduler.attempt import Identity
from postiz_async.scheduler.bound import BoundScheduler
from postiz_async.scheduler.routes import QueueFactory
from postiz_async.scheduler.scheduler import Scheduler
from postiz_async.stores import ledger_name
from postiz_async.uploads import UploadCache
from postiz_async.wire.secrets import Secret

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from types import TracebackType
    from typing import Self

    from postiz_async.batch.batch import Batch
    from postiz_async.batch.export import Exported, Naming
    from postiz_async.batch.media_files import MediaRoot
    from postiz_async.batch.options import Existing, Late, OnDoubt
    from postiz_async.batch.read_options import ReadOptions
    from postiz_async.batch.source import CampaignSource
    from postiz_async.clock import Clock
    from postiz_async.outbox.outbox import Outbox
    from postiz_async.outbox.tickets import OutboxOptions
    from postiz_async.scheduler.hooks import AttemptHook, CallHook
    from postiz_async.stores import QuotaStore
    from postiz_async.transport import Transport

__all__ = ["POLITENESS", "Postiz", "make_transport"]

log = logging.getLogger("postiz_async")

POLITENESS = 100.0
"""Calls a second of routes without quota."""


class Postiz(OpenClient):
    """A client for one API key.

        async with Postiz() as postiz:
            channels = await postiz.integrations.list()

    Args:
        api_key: the organisation's key or an OAuth token; else `POSTIZ_API_KEY`. As a `Secret`
            it is not shown among the local variables of your own frames either.
        base_url: the server, with or without `/public/v1`; else `POSTIZ_API_URL`, else the cloud.
        organization: a name of yours for the organisation. Keys and tokens of one organisation
            spend one quota, and with one name they share one ledger; None: the key is the name.
        quota: a store that shares the quota with other processes and remembers it:
            `SqliteStore` or `RedisStore`. It stays open when the client closes. None: all
            clients of this process that are given none share it, in all threads and event loops,
            also one after the other; `MemoryStore()` keeps those apart that are given it. When a
            store is away, nothing is spent (`StoreError`); an `outbox` keeps posts meanwhile.
        pacing: `burst` sends at once what the window allows, urgent calls first; `smooth`
            spreads creates over the window.
        reserve: slots of each window that bulk work leaves to interactive calls until shortly
            before the window closes; None for a tenth of the limit.
        politeness: calls a second of routes without quota; None for no bound.
        validate: refuse posts that the server would refuse, before a slot is spent on them.
        outbox: the file of `postiz.outbox`, or `OutboxOptions`; None: there is no outbox. Without
            `quota` the quota is shared and remembered in a file beside it, named `*.quota`.
        on_attempt: called after each request that was sent, see `Attempt`.
        on_call: called when a call is made and when it ends, see `events.CallStarted`.
        drain: seconds that closing waits for the calls under way, those that wait for a slot
            among them; 0: calls that wait fail, and those in flight break.
        window: seconds of the server's quota window.
        clock: another notion of time, for tests and demos. Without `quota`, clients on one such
            clock share the quota with each other only.
        transport: another way to the server, for tests; those that are given it share likewise.

    Raises:
        ConfigurationError: the key, the URL or another setting cannot be used.
    """

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        organization: str | None = None,
        quota: QuotaStore | None = None,
        pacing: Literal["burst", "smooth"] = "burst",
        reserve: int | None = None,
        politeness: float | None = POLITENESS,
        validate: bool = True,
        outbox: OutboxOptions | Path | str | None = None,
        on_attempt: AttemptHook | None = None,
        on_call: CallHook | None = None,
        drain: float = 0.0,
        window: float = WINDOW,
        clock: Clock | None = None,
        transport: Transport | None = None,
    ) -> None:
        api_key = Secret.of(os.environ.get("POSTIZ_API_KEY", "") if api_key is None else api_key)
        url = base_url or os.environ.get("POSTIZ_API_URL") or wire.CLOUD_URL
        if pacing not in {"burst", "smooth"}:
            raise ConfigurationError(f"pacing is 'burst' or 'smooth', not {pacing!r}.")
        if politeness is not None and not 0 < politeness < math.inf:
            raise ConfigurationError(
                f"politeness is more than 0 calls a second, or None, not {politeness!r}."
            )
        check_seconds("drain", drain, zero=True, endless=True)
        check_seconds("window", window)
        self._identity = Identity(wire.api_root(url), wire.clean_key(api_key), "")
        key = self._identity.key
        self.quota_name = ledger_name(self._identity.root, organization or key.reveal())
        """The name of the quota that its creates spend, which tells neither server nor key."""
        options = _outbox_options(outbox)
        self._own_store = _store_beside(options) if options and quota is None else None
        clock = clock if clock is not None else SystemClock()
        queues = QueueFactory(
            name=self.quota_name,
            fresh=Ledger(window=window, limit=BELIEVED_LIMIT, reserve=reserve),
            clock=clock,
            store=quota if self._own_store is None else self._own_store,
            transport=transport,
            smooth=pacing == "smooth",
        )
        super().__init__(clock, queues)
        self._politeness = politeness
        self._validate = validate
        self._outbox_options = options
        self._outbox: Outbox | None = None
        self._on_attempt = on_attempt
        self._on_call = on_call
        self._drain = drain
        self._given_transport = transport
        self._transport: Transport | None = None

    def __repr__(self) -> str:
        if self._api is None:
            return f"<Postiz {self._identity.root} closed>"
        return f"<Postiz {self._identity.root} open, {self.scheduler.view()}>"

    @property
    def base_url(self) -> str:
        """The root of the API, with `/public/v1`."""
        return self._identity.root

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return self._api is not None

    @property
    def calls_under_way(self) -> int:
        """Calls that were made and have not ended, those that wait for a slot among them."""
        return self.scheduler.under_way if self._api is not None else 0

    async def open(self) -> Self:
        """Open the client; `async with` does it."""
        if self._api is not None:
            raise ConfigurationError("This client is open already.")
        _need_asyncio()
        self._transport = self._given_transport or make_transport()
        try:
            self._api = self._assembled(self._transport)
            if self._outbox_options is not None:
                self._outbox = await self._opened_outbox(self._outbox_options)
        except BaseException:
            await self.aclose()
            raise
        return self

    def _assembled(self, transport: Transport) -> Api:
        identity = Identity(self._identity.root, self._identity.key, _user_agent())
        scheduler = Scheduler(
            transport=transport,
            clock=self._clock,
            identity=identity,
            queue_of=self._queues.queue,
            politeness=self._politeness,
            on_attempt=self._on_attempt,
            on_call=self._on_call,
        )
        bound = BoundScheduler(scheduler)
        uploads = UploadCache(self._clock, ledger_name(identity.root, identity.key.reveal()))
        return Api(bound, Channels(), uploads, WakeSignal(), validates=self._validate)

    async def _opened_outbox(self, options: OutboxOptions) -> Outbox:
        from postiz_async.outbox.outbox import Outbox  # noqa: PLC0415  (not every client needs it)

        outbox = Outbox(self, options)
        await outbox.open()
        return outbox

    async def aclose(self, *, drain: float | None = None) -> None:
        """Close all connections.

        Args:
            drain: seconds to wait for the calls under way, `math.inf` for as long as they take;
                None: what the client was made with. No new call is taken meanwhile. What then
                still waits for the quota fails, unsent; what is in flight breaks.
        """
        check_seconds("drain", drain, zero=True, endless=True, none=True)
        outbox, self._outbox = self._outbox, None
        until = self._clock.monotonic() + (self._drain if drain is None else drain)
        try:
            if outbox is not None:
                await outbox.aclose(drain=until - self._clock.monotonic())
        except asyncio.CancelledError:
            until = -math.inf  # whoever cancels does not wait for calls
            raise
        finally:
            await self._disconnect(max(0.0, until - self._clock.monotonic()))

    async def _disconnect(self, drain: float) -> None:
        api = self._api
        try:
            if api is not None:
                await api.bound.scheduler.drain(drain)
        finally:
            if self._api is api:  # nobody in more of a hurry did it meanwhile
                await self._let_go(api)

    async def _let_go(self, api: Api | None) -> None:
        """Close what is the client's own, also when the closing is cancelled."""
        transport, self._transport, self._api = self._transport, None, None
        if api is not None and self._queues.pool is None:  # a pool closes what its clients share
            api.bound.scheduler.close()
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

    # -------------------------------------------------------------- what is imported when used

    @property
    def has_outbox(self) -> bool:
        """Whether there is an open outbox."""
        return self._outbox is not None

    @property
    def outbox(self) -> Outbox:
        """Durable hand-over: posts that are stored here and sent in the background."""
        if self._outbox is None:
            raise ConfigurationError(
                "This client has no open outbox. Give it a file: "
                "`async with Postiz(outbox='outbox.sqlite') as postiz:`."
            )
        return self._outbox

    def batch(
        self,
        source: CampaignSource,
        *,
        journal: Path | str | None = None,
        campaign: str | None = None,
        timezone: str | None = None,
        reading: ReadOptions | None = None,
        media_root: MediaRoot = (),
        align: timedelta | str = "0",
        late: Late = "skip",
        skip_invalid: bool = False,
        on_doubt: OnDoubt = "skip",
        existing: Existing = "refuse",
        exact_seconds: bool = False,
    ) -> Batch:
        """A campaign as a job that can be planned, run, killed and resumed; see `Batch`."""
        from postiz_async.batch.batch import Batch  # noqa: PLC0415  (not every client needs it)

        return Batch(
            self,
            source,
            journal=journal,
            campaign=campaign,
            timezone=timezone,
            reading=reading,
            media_root=media_root,
            align=align,
            late=late,
            skip_invalid=skip_invalid,
            on_doubt=on_doubt,
            existing=existing,
            exact_seconds=exact_seconds,
        )

    async def export(
        self,
        path: Path | str,
        *,
        start: datetime,
        end: datetime,
        state: str | None = None,
        integration: str | None = None,
        tag: str | None = None,
        naming: Naming = "id",
        overwrite: bool = False,
    ) -> Exported:
        """Write posts that are in Postiz into a campaign file, to be filled in and run.

        Postiz returns neither media nor thread parts, and up to v2.23.0 no settings: each row
        says `needs_media`, and `batch` refuses it until they are filled in. See `posts.iter` for
        the arguments.

        Args:
            path: JSON lines by its name, else CSV.
            start: the first moment, with a time zone.
            end: the last moment.
            state: only `QUEUE`, `PUBLISHED`, `ERROR` or `DRAFT`.
            integration: only this channel, by id.
            tag: only posts with this tag, by name.
            naming: what the file calls channels: their `id`, or their `name` where it is theirs
                alone.
            overwrite: whether the file may be there already.

        Costs no quota since v2.19.0.

        Raises:
            BatchError: the file is there already, or cannot be written.
        """
        from postiz_async.batch.export import export_posts  # noqa: PLC0415  (as with `batch`)

        return await export_posts(
            self,
            path,
            start=start,
            end=end,
            state=state,
            integration=integration,
            tag=tag,
            naming=naming,
            overwrite=overwrite,
        )


def _outbox_options(outbox: OutboxOptions | Path | str | None) -> OutboxOptions | None:
    if not isinstance(outbox, str | Path):
        return outbox
    from postiz_async.outbox.tickets import OutboxOptions  # noqa: PLC0415  (not every client)

    return OutboxOptions(outbox)


def _store_beside(outbox: OutboxOptions) -> QuotaStore:
    """Where an outbox remembers the quota: a restart must not probe a window that is used up."""
    from postiz_async.stores.sqlite import SqliteStore  # noqa: PLC0415  (not every client)

    return SqliteStore(f"{outbox.path}.quota")


def _need_asyncio() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise ConfigurationError(
            "postiz_async runs on asyncio (aiohttp does), and no asyncio loop is running here."
        ) from None


def make_transport(connections: int = 100, *, speed: float = 1.0) -> Transport:
    """The real way to the server; `speed` is of the clock that its time-outs are meant on."""
    from postiz_async.transport import AiohttpTransport  # noqa: PLC0415  (aiohttp is slow)

    return AiohttpTransport(connections=connections, speed=speed)


@cache
def _user_agent() -> str:
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return f"postiz-async/{version('postiz-async')} Python/{python} aiohttp/{version('aiohttp')}"
