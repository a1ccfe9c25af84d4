"""The blocking twins of `_clients`. Made by `python docs/make_blocking.py`."""

# Methods have no body where a decorator does the work.
# pyright: reportReturnType=false

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET, UnsetType

from postiz_async._client import Postiz as AsyncPostiz
from postiz_async._pool import PostizPool as AsyncPostizPool
from postiz_async._scheduler.calls import USUAL_RETRIES
from postiz_async.blocking._base import (
    BlockingIterator,
    Owner,
    WithRaw,
    awaited,
    called,
    iterated,
    kept,
    looked_up,
    making,
)
from postiz_async.blocking._campaigns import Campaign, PostSelection, SentCampaign
from postiz_async.blocking._outboxes import Outbox, PoolOutbox
from postiz_async.blocking._resources import Resources

if TYPE_CHECKING:
    from ssl import SSLContext

    from postiz_async._campaign.after.export import ExportResult, Naming
    from postiz_async._campaign.options import Existing, Guess
    from postiz_async._campaign.read.media_files import MediaRoot
    from postiz_async._campaign.read.read_options import ReadOptions
    from postiz_async._campaign.read.rows import CampaignSource
    from postiz_async._delivery.options import Late, OnDoubt
    from postiz_async._outbox.tickets import OutboxOptions
    from postiz_async._quota.view import Quota
    from postiz_async._resources.pool_health import PoolHealth
    from postiz_async._settings import AdvancedOptions
    from postiz_async._wire.secrets import Secret
    from postiz_async.clock import Clock
    from postiz_async.errors import Scope
    from postiz_async.models.channels import Channel
    from postiz_async.models.posts import PostState
    from postiz_async.stores import Records


class Api(WithRaw, Resources):
    """The calls of an open client; the base of `Postiz`."""

    @awaited
    def request(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, object] | Sequence[object] | None = None,
        params: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
    ) -> Any:
        """Call a route that this library does not know; the decoded JSON of its answer.

            postiz.request("PUT", "/posts/tags", json={"name": "news"}, idempotent=True)

        It is sent like any other call. `POST /posts` waits for the quota and costs one of the
        hourly create requests; its body is not checked.

        Args:
            method: `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
            path: the path below the root of the API, such as `/posts/tags`.
            json: the body.
            params: the query.
            idempotent: whether the call may be repeated when it is not known whether it was carried
                out; None: only a `GET`.

        Returns:
            The decoded JSON; None if the answer is empty.

        Raises:
            UsageError: `method`, `path` or `params` makes no sense, or a create is said to be
                idempotent.
            DeliveryUnknownError: the answer to a create was lost.
            PostizError: what any call raises.
        """

    @awaited
    def quota(self, *, refresh: bool = True) -> Quota:
        """The quota of create requests as the client knows it. Sends nothing.

        Args:
            refresh: whether to read what other processes did from the store first.

        Raises:
            StoreError: the store cannot be read.
        """

    @awaited
    def explain_quota(self) -> list[str]:
        """Sentences about the quota: why bulk work waits, and which slots are kept for whom.

        Raises:
            StoreError: the store cannot be read.
        """

    @iterated
    def quota_changes(self) -> BlockingIterator[Quota]:
        """Yield the quota now and after each change, such as an answer or the end of a window.

            for quota in postiz.quota_changes():
                print(quota.remaining, quota.queued)

        A slow reader gets the newest state and misses intermediate ones. Changes by other processes
        in a shared store are seen within five seconds. Ends when the client is closed. Sends
        nothing.
        """

    @called
    def campaign(
        self,
        source: CampaignSource,
        *,
        journal: Path | Secret | str | None = None,
        schema: str = "postiz_async",
        name: str | None = None,
        timezone: str | None = None,
        slots: str | Mapping[str, str] = "",
        reading: ReadOptions | None = None,
        media_root: MediaRoot = (),
        align: float | timedelta | str | None = None,
        late: Late = "skip",
        skip_invalid: bool = False,
        on_doubt: OnDoubt = "skip",
        existing: Existing = "refuse",
        exact_seconds: bool = False,
        as_new: bool = False,
        guess: Guess = False,
    ) -> Campaign:
        """A campaign: a job that can be planned, run, killed and resumed.

        Arguments that are not given are taken from the options that `Campaign.save_options` saved
        next to the file.

        Args:
            source: a file (CSV, a spreadsheet, or JSON), or an iterable of
                `CampaignRow` or mappings, which is read once. To continue after a crash, pass the
                same rows and the same journal again.
            journal: where the result of each row is recorded: a file, or the address of a
                PostgreSQL database, with which several hosts run one campaign together; None: a
                file next to the campaign file. Rows from a program need a journal: without one, a
                killed run could neither continue nor be repeated without storing posts twice.
            schema: the schema of the tables in PostgreSQL; `postiz-async outbox init` creates it.
            name: the name that marks the campaign's posts, the same on every host that runs
                it; None: the name of the file without its folder, or for rows from a program the
                name of the journal. A journal keeps the name that it was created with.
            timezone: the zone of dates without one; None: such dates are refused.
            slots: when rows without a date are published, like "mon-fri 9:00 13:00; sat 11:00":
                each in the next free slot of its channel. By channel as a mapping, with `default`
                for the others.
            reading: how to read the file: columns, defaults, dates, zones and templates.
            media_root: one or more folders from which the campaign may take media, besides its own
                folder (for rows from a program: the working directory). Cells cannot refer to other
                files, neither with `..` nor through a symbolic link; a `Path` from a program can.
            align: how far dates may move so that more posts share a request: a text like `"15m"`,
                a `timedelta` or seconds; a row's `tolerance` overrides it.
            late: what to do with a row whose date passes before a slot is free: `skip` does not
                send it and reports it, `send` publishes it at once, a `timedelta` or seconds
                move it to that long after a slot is free.
            skip_invalid: leave rows with problems out instead of refusing the whole campaign.
            on_doubt: what to do with a row whose answer was lost and whose date comes before it is
                certain that it is not stored: `skip` leaves it undecided, `send` sends it again as
                soon as it seems to be absent, at the risk of publishing it twice.
            existing: what to do with rows that are in Postiz already but not in the journal, and
                with equal posts that do not have the mark of a row: `refuse` stops before they are
                sent, `adopt` adopts them as stored, `again` sends the rows once more, and also
                those that `undo` has withdrawn. Posts that an earlier run or another host stored
                for a row in the journal are always adopted.
            exact_seconds: send dates without milliseconds. `remarks` says what does not work then.
            as_new: send rows without a `ref` that look like edits of sent rows as new posts. By
                default they are not sent; `update` changes the existing posts.
            guess: read a table whose columns have other names as is most likely meant; what cannot
                be recognised is not sent. `Campaign.understood` tells how, and
                `Campaign.save_options` keeps it. A function decides: it is called with an
                `Understood` if anything was guessed, before anything else is done.

        Raises:
            ConfigurationError: rows cannot move by `late` or `align`, `slots` are unreadable, rows
                from a program have no journal, a media root is not a folder, or the campaign's name
                is empty.
            CampaignError: the campaign or the journal cannot be used.
            InvalidPostError: from `plan` and `run`, with all problems.
        """

    @called
    def sent_campaign(
        self,
        path: Path | str,
        *,
        journal: Path | Secret | str | None = None,
        name: str | None = None,
        schema: str = "postiz_async",
        reading: ReadOptions | None = None,
    ) -> SentCampaign:
        """A campaign that was run, for work on its posts; its file may be missing or invalid.

        Args:
            path: the campaign, or its journal (`.journal`).
            journal: the journal: a path, or the address of a PostgreSQL database; None: next to
                the campaign.
            name: the campaign's name in a database; None: the name saved next to the file, else
                the name of the file.
            schema: the schema of the tables in PostgreSQL.
            reading: how to read the file, besides what is saved next to it; only `undo` of numbered
                rows reads it.

        Raises:
            CampaignError: there is no journal, another process uses it, or it belongs to another
                server; raised on entering the campaign.
            ConfigurationError: `journal` is an address of something else.
        """

    @called
    def stored_posts(
        self,
        *,
        start: datetime,
        end: datetime,
        state: PostState | None = None,
        channel: Channel | str | None = None,
        tag: str | None = None,
        text: str | None = None,
    ) -> PostSelection:
        """Stored posts that match a filter, to delete, edit or check many at once.

        Args:
            start: the start of the range, with a time zone.
            end: the end of the range, inclusive.
            state: only posts in this state: `QUEUE`, `PUBLISHED`, `ERROR` or `DRAFT`.
            channel: only this channel: its id, name or provider.
            tag: only posts with this tag, by name.
            text: only posts whose text has this in it, in upper or lower case.

        Raises:
            InvalidInputError: there is no such state, or a part of the filter is blank.
        """

    @awaited
    def export(
        self,
        path: Path | str | None = None,
        *,
        start: datetime,
        end: datetime,
        state: PostState | None = None,
        channel: Channel | str | None = None,
        tag: str | None = None,
        text: str | None = None,
        naming: Naming = "id",
        analytics: bool = False,
        excel: bool = False,
        timezone: str | None = None,
        overwrite: bool = False,
        format: Literal["csv", "jsonl"] | None = None,
    ) -> ExportResult:
        """Write posts that are in Postiz to a campaign file, which you can complete and run.

        Postiz returns neither media nor thread parts, and up to v2.23.0 no settings: because of
        `needs_media`, `campaign` refuses each row until they are filled in. Costs no quota since
        v2.19.0.

        Args:
            path: JSON lines or `.xlsx` depending on its name, else CSV; None: no file is written,
                and `content` of the result has it.
            start: the start of the range, with a time zone.
            end: the end of the range, inclusive.
            state: only `QUEUE`, `PUBLISHED`, `ERROR` or `DRAFT`.
            channel: only this channel: its id, name or provider.
            tag: only posts with this tag, by name.
            text: only posts whose text has this in it, in upper or lower case.
            naming: how the file names channels: `id`, or `name` if it is unique.
            analytics: whether to include figures of published posts, such as views and likes.
            excel: CSV in the form that spreadsheets expect, with local dates and names; `.xlsx`
                files always have it.
            timezone: the zone of dates for spreadsheets; None: UTC.
            overwrite: whether to replace an existing file.
            format: the format of `content` if no file is written; None: CSV.

        Raises:
            CampaignError: the file exists already, or cannot be written.
            InvalidInputError: `format` contradicts the file's name, or does not go with `excel`.
            ConfigurationError: there is no such zone, or the extra `xlsx` is missing.
        """


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

    @making(AsyncPostiz)
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
    ) -> None: ...

    @property
    @kept
    def clock(self) -> Clock:
        """The client's clock."""

    @property
    @kept
    def base_url(self) -> str:
        """The root of the API, with `/public/v1`."""

    @property
    @kept
    def is_open(self) -> bool:
        """Whether calls can be made."""

    @called
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

    @property
    @looked_up
    def outbox(self) -> Outbox:
        """Hand posts over: they are stored durably and sent in the background."""


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
        ssl: a context with the CAs to trust, and the client's certificate if the server requires
            one; None: the system's CAs, or those of `SSL_CERT_FILE`.
        proxy: the URL of a proxy for all requests, with user and password if it requires them;
            `NO_PROXY` is then ignored. Empty: no proxy; None: `POSTIZ_PROXY`, else `HTTPS_PROXY`,
            `HTTP_PROXY` and `NO_PROXY`.
        drain: time that closing waits for calls in progress of all clients, including those that
            wait for a slot; 0: waiting calls fail, and calls in flight are broken off; None: as
            long as they take.
        allow: the scopes that the client is restricted to: `read`, without which nothing works,
            and any of `draft`, `schedule`, `publish`, `update`, `delete`, `media`. What needs
            another one raises `ScopeError` before anything is sent or stored. None: everything.
        advanced: pacing, hooks and others: `AdvancedOptions`.

    Durations are in seconds or `timedelta`.
    """

    @making(AsyncPostizPool)
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
        ssl: SSLContext | None = None,
        proxy: str | Secret | None = None,
        drain: float | timedelta | None = 0.0,
        allow: Collection[Scope] | None = None,
        advanced: AdvancedOptions | None = None,
    ) -> None: ...

    def __len__(self) -> int:
        return len(self._twin)

    @awaited
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

    @awaited
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

    @called
    def look_again(self) -> None:
        """Let every `wait_published` of every client check now, as after a webhook delivery."""

    @property
    @kept
    def is_open(self) -> bool:
        """Whether the pool is open."""

    @property
    @looked_up
    def outbox(self) -> PoolOutbox:
        """Hand posts over for any organisation: stored durably and sent in the background."""
