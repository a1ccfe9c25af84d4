"""`Postiz`: settings, assembly, opening and closing."""

from __future__ import annotations

import asyncio
import logging
import math
import os
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal

from postiz_async import _wire as wire
from postiz_async._concurrency import run_to_completion
from postiz_async._quota import BELIEVED_LIMIT, WINDOW, Ledger, Window
from postiz_async._resources.api import Api, OpenClient
from postiz_async._resources.keyed import check_keep
from postiz_async._scheduler.attempt import Identity, user_agent
from postiz_async._scheduler.bound import BoundScheduler
from postiz_async._scheduler.routes import QueueFactory
from postiz_async._scheduler.scheduler import Scheduler
from postiz_async._wire.secrets import Secret
from postiz_async.clock import SystemClock
from postiz_async.errors import ConfigurationError
from postiz_async.models._durations import check_seconds
from postiz_async.stores import ledger_name

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from postiz_async._batch.batch import Batch
    from postiz_async._batch.export import Exported, Naming
    from postiz_async._batch.media_files import MediaRoot
    from postiz_async._batch.options import Existing, Late, OnDoubt
    from postiz_async._batch.read_options import ReadOptions
    from postiz_async._batch.source import CampaignSource
    from postiz_async._outbox.outbox import Outbox
    from postiz_async._outbox.tickets import OutboxOptions
    from postiz_async._resources.keyed import KeyedCreates
    from postiz_async._scheduler.hooks import AttemptHook, CallHook
    from postiz_async._transport import Transport
    from postiz_async.clock import Clock
    from postiz_async.stores import QuotaStore

__all__ = ["POLITENESS", "Postiz", "make_transport"]

log = logging.getLogger("postiz_async")

POLITENESS = 100.0
"""Calls a second of routes without quota."""

IDEMPOTENCY_KEEP = timedelta(days=30)


class Postiz(Api):
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
            `SqliteStore`, `RedisStore` or `PostgresStore`. It stays open when the client closes.
            None: all clients of this process that are given none share it, in all threads and
            event loops, also one after the other; `MemoryStore()` keeps those apart that are given
            it. When a store is away, nothing is spent (`StoreError`); an `outbox` keeps posts
            meanwhile.
        pacing: `burst` sends at once what the window allows, urgent calls first; `smooth`
            spreads creates over the window.
        reserve: slots that bulk work leaves to interactive calls, until shortly before a window
            closes; 0 for none, None for a tenth of the limit and what experience asks for.
        idempotency_keep: for how long `quota` remembers what became of an `idempotency_key`.
        politeness: calls a second of routes without quota; None for no bound.
        validate: refuse posts that the server would refuse, before a slot is spent on them.
        outbox: the file of `postiz.outbox`, the address of a PostgreSQL (`postgresql://...`) for
            many hosts, or `OutboxOptions`; None: there is no outbox. Without `quota` the quota is
            shared and remembered beside it: in a file named `*.quota`, or in that database.
        on_attempt: called with an `Attempt` after each request that was sent.
        on_call: called with a `CallStarted` when a call is made, with a `CallEnded` when it ends.
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
        idempotency_keep: timedelta = IDEMPOTENCY_KEEP,
        politeness: float | None = POLITENESS,
        validate: bool = True,
        outbox: OutboxOptions | Path | Secret | str | None = None,
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
        self._quota_name = ledger_name(self._identity.root, organization or key.reveal())
        self._organization = organization or ""
        options, self._own_store = None, None
        if outbox is not None:
            from postiz_async._outbox import places  # noqa: PLC0415  (not every client)

            options = places.options_of(outbox)
            self._own_store = places.store_beside(options, quota)
        self._clock = clock if clock is not None else SystemClock()
        self._queues = QueueFactory(
            name=self._quota_name,
            fresh=Ledger(window=Window(length=window, limit=BELIEVED_LIMIT), reserve=reserve),
            clock=self._clock,
            store=quota if self._own_store is None else self._own_store,
            transport=transport,
            smooth=pacing == "smooth",
        )
        self._keep = check_keep(idempotency_keep)
        self._open: OpenClient | None = None
        self._politeness = politeness
        self._validate = validate
        self._outbox_options = options
        self._outbox: Outbox | None = None
        self._on_attempt = on_attempt
        self._on_call = on_call
        self._drain = drain
        self._given_transport = transport
        self._transport: Transport | None = None

    if not TYPE_CHECKING:  # what an open client has, a closed one misses

        def __getattr__(self, name: str) -> object:
            if name in Api.__annotations__ or name == "_client":
                raise ConfigurationError(
                    "This client is not open. Use it as `async with Postiz() as postiz:`."
                )
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        if self._open is None:
            return f"<Postiz {self.base_url} closed>"
        return f"<Postiz {self.base_url} open, {self._open.scheduler.view()}>"

    @property
    def clock(self) -> Clock:
        """The client's notion of time."""
        return self._clock

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
        """Calls that were made and have not ended, those that wait for a slot among them."""
        return 0 if self._open is None else self._open.scheduler.under_way

    async def open(self) -> Self:
        """Open the client; `async with` does it."""
        if self._open is not None:
            raise ConfigurationError("This client is open already.")
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise ConfigurationError(
                "postiz_async runs on asyncio (aiohttp does), and no asyncio loop is running here."
            ) from None
        self._transport = self._given_transport or make_transport()
        try:
            self._open = client = self._assembled(self._transport)
            super().__init__(client, BoundScheduler(client.scheduler))
            if self._outbox_options is not None:
                from postiz_async._outbox.outbox import (  # noqa: PLC0415  (not every client)
                    Outbox,
                    backend_of,
                )

                outbox = Outbox(client, partial(backend_of, client, self._outbox_options))
                await outbox.open()
                self._outbox = outbox
        except BaseException:
            await self.aclose()
            raise
        return self

    def _assembled(self, transport: Transport) -> OpenClient:
        identity = Identity(self._identity.root, self._identity.key, user_agent())
        scheduler = Scheduler(
            transport=transport,
            clock=self._clock,
            identity=identity,
            queue_of=self._queues.queue,
            politeness=self._politeness,
            on_attempt=self._on_attempt,
            on_call=self._on_call,
        )
        return OpenClient(
            scheduler,
            base_url=identity.root,
            quota_name=self._quota_name,
            validates=self._validate,
            has_store=self._queues.store is not None,
            organization=self._organization,
            make_keyed=self._keyed_creates,
        )

    def _keyed_creates(self, client: OpenClient) -> KeyedCreates:
        from postiz_async._delivery.idempotency import keyed_creator  # noqa: PLC0415  (not every client)

        queues = self._queues
        return keyed_creator(client, queues.store, keep=self._keep, transport=queues.transport)

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
        client = self._open
        try:
            if client is not None:
                await client.scheduler.drain(drain)
        finally:
            if self._open is client:  # nobody in more of a hurry did it meanwhile
                await self._let_go(client)

    async def _let_go(self, client: OpenClient | None) -> None:
        """Close what is the client's own, also when the closing is cancelled."""
        transport, self._transport, self._open = self._transport, None, None
        for name in ("_client", *Api.__annotations__):
            self.__dict__.pop(name, None)
        if client is not None and self._queues.pool is None:  # a pool closes what is shared
            client.scheduler.close()
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
        as_new: bool = False,
    ) -> Batch:
        """A campaign as a job that can be planned, run, killed and resumed.

        Args:
            source: the campaign: a file (CSV or JSON lines), or an iterable or async iterable of
                `CampaignRow` or mappings, which is read once. To go on after a crash, give the
                same rows and the same journal again.
            journal: where it is written down what became of each row; beside the file if None.
                Rows that come from no file need one, because without it a run that was killed
                could neither go on nor be started again without storing posts twice.
            campaign: its name, with which its posts are marked, the same on every host that runs
                it; that of the file, without its folder, if None, and that of the journal for
                rows that come from no file. A journal keeps the name that it was made with.
            timezone: the zone of dates without one; None: such dates are refused.
            reading: columns, defaults, dates, zones and templates, where they are not the usual.
            media_root: a folder, or several, from which the campaign may take media beside its own
                folder (rows of a program: the working directory). What a cell says leads nowhere
                else, neither by `..` nor by a symbolic link; a `Path` that a program gives may.
            align: how far dates may move so that more posts share a request, like `"15m"`; a row's
                `tolerance` comes before it.
            late: what to do with a row whose date passes before a slot is free: `skip` keeps it
                unsent and reports it, `send` publishes it at once, a `timedelta` moves it to
                that long after that moment.
            skip_invalid: leave rows with problems out instead of refusing the whole campaign.
            on_doubt: what to do with a row whose answer was lost and whose date comes before its
                absence can be proved: `skip` ends it undecided, `send` sends it again as soon as
                there are signs of its absence, at the risk of publishing it twice.
            existing: what to do with rows that no journal knows and that are in Postiz already, and
                with equal posts that do not bear the mark of a row: `refuse` stops before they are
                sent, `adopt` takes them over as stored, `again` sends the rows once more, and those
                that `undo` has withdrawn. What an
                earlier run or another host stored of a row that the journal knows is taken over
                without a word.
            exact_seconds: send dates without milliseconds. What is lost is in `remarks`.
            as_new: rows without a `ref` that look like edits of rows that were sent are posts of
                their own. Without it they are not sent; `update` changes the posts that are there.

        Raises:
            ConfigurationError: rows cannot move by `late` or `align`, rows that come from no file
                have no journal, a media root is not a folder, or the campaign's name is empty.
            BatchError: the campaign or the journal cannot be used.
            InvalidPostError: from `plan` and `run`, with all problems.
        """
        from postiz_async._batch.batch import Batch  # noqa: PLC0415  (not every client needs it)

        return Batch(
            self._client,
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
            as_new=as_new,
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
        says `needs_media`, and `batch` refuses it until they are filled in.

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
        from postiz_async._batch.export import export_posts  # noqa: PLC0415  (as with `batch`)

        return await export_posts(
            self._client,
            path,
            start=start,
            end=end,
            state=state,
            integration=integration,
            tag=tag,
            naming=naming,
            overwrite=overwrite,
        )


def make_transport(connections: int = 100, *, speed: float = 1.0) -> Transport:
    """The real way to the server; `speed` is of the clock that its time-outs are meant on."""
    from postiz_async._transport import AiohttpTransport  # noqa: PLC0415  (aiohttp is slow)

    return AiohttpTransport(connections=connections, speed=speed)
