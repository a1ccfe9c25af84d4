"""`Api`: what can be done with an open client, with the options of the client or others."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from msgspec import UNSET, UnsetType
from msgspec.structs import asdict, replace

from postiz_async._resources.api import Resources
from postiz_async._scheduler.bound import BoundScheduler, with_raw_answers
from postiz_async._scheduler.calls import CallOptions, check_priority, check_retries
from postiz_async._wire.headers import checked_headers, hidden_values, merged_headers
from postiz_async.errors import ConfigurationError, UsageError
from postiz_async.models._durations import check_seconds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Mapping
    from datetime import timedelta
    from pathlib import Path

    from postiz_async._batch.batch import Batch
    from postiz_async._batch.export import Exported, Naming
    from postiz_async._batch.media_files import MediaRoot
    from postiz_async._batch.options import Existing, Late, OnDoubt
    from postiz_async._batch.read_options import ReadOptions
    from postiz_async._batch.source import CampaignSource
    from postiz_async._outbox.outbox import Outbox
    from postiz_async._quota.view import Quota
    from postiz_async._resources.api import OpenClient
    from postiz_async._scheduler.bound import RawAnswer
    from postiz_async._wire.secrets import Secret
    from postiz_async.clock import Clock

__all__ = ["Api", "checked_options"]

T = TypeVar("T")

STORE_LOOK = 5.0
"""Seconds between two looks of `quota_changes` at a store that other processes change."""

_NOT_FOR_JOBS = ("max_wait", "deadline", "priority")


class Api(Resources):
    """What can be done with an open client: `Postiz` is one, and what its `with_options` returns.

        async def announce(postiz: Api) -> None: ...

        await announce(postiz)
        await announce(postiz.with_options(timeout=5))

    Code that only makes calls takes an `Api`. It needs no closing; the `Postiz` that it came from
    does.
    """

    def __init__(self, client: OpenClient, bound: BoundScheduler, owner: Api) -> None:
        super().__init__(client, bound)
        self._owner = owner

    def __repr__(self) -> str:
        return f"<Api {self.base_url} with options>"

    @property
    def clock(self) -> Clock:
        """The client's notion of time."""
        return self._owner.clock

    @property
    def base_url(self) -> str:
        """The root of the API, with `/public/v1`."""
        return self._owner.base_url

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return self._client.is_open

    # -------------------------------------------------------------- options

    def with_options(
        self,
        *,
        timeout: float | UnsetType | None = UNSET,
        max_wait: float | UnsetType | None = UNSET,
        deadline: datetime | UnsetType | None = UNSET,
        priority: int | UnsetType = UNSET,
        headers: Mapping[str, str | Secret] | UnsetType = UNSET,
        retries: int | UnsetType = UNSET,
    ) -> Api:
        """The same client with other options for each call that is made through the result.

            await postiz.with_options(timeout=5).posts.list(start=..., end=...)

        What is not given stays as it is, so options add up: `with_options(timeout=5)` of what
        `with_options(priority=3)` returned has both, and of two headers with one name the later.

        Campaigns take headers, retries and the time-out (as `Postiz` says), and the `outbox`
        takes no options, because others may send what is in it. Asking for `batch`, `export` or
        `outbox` with options that they cannot obey raises `UsageError`.

        Args:
            timeout: seconds for the whole call and all that it causes: look-ups, attempts and
                the pauses between them; then `APITimeoutError`. Waiting for the quota is not
                part of it. Each piece of an `iter` is a call. None: each attempt has the time of
                its route, mostly 30 s.
            max_wait: seconds that the call may wait for slots of the quota; 0: not at all; None:
                as long as it takes.
            deadline: when a create must have left, with a time zone; one that cannot raises
                `QuotaWaitError` at once.
            priority: the priority of creates: `Priority`, or another whole number.
            headers: added to each request that the call causes. They cannot be the client's own,
                such as `Authorization`.
            retries: attempts after the first, of calls that can be repeated safely; 0: none.

        Raises:
            UsageError: one of them makes no sense.
        """
        headers = hidden_values(headers)
        try:
            options = checked_options(self._bound.options, timeout, headers, retries)
        except ConfigurationError as error:  # of headers, which operators give too, but not here
            raise UsageError(str(error)) from None
        if timeout is not UNSET:
            options = replace(options, wait_timeout=timeout)
        if max_wait is not UNSET:
            check_seconds("max_wait", max_wait, zero=True, none=True)
            options = replace(options, max_wait=max_wait)
        if deadline is not UNSET:
            options = replace(options, deadline=self._moment(deadline))
        if priority is not UNSET:
            check_priority(priority)
            options = replace(options, priority=priority)
        return Api(self._client, BoundScheduler(self._client.scheduler, options), self._owner)

    def _moment(self, deadline: object) -> float | None:
        """A deadline on our monotonic clock."""
        if deadline is None:
            return None
        if not isinstance(deadline, datetime) or deadline.utcoffset() is None:
            raise UsageError(
                f"deadline is {deadline!r}. Give a datetime with a time zone, or None."
            )
        clock = self._client.clock
        return clock.monotonic() + deadline.timestamp() - clock.time()

    def _for_jobs(self, what: str) -> OpenClient:
        """The client with which a job makes its requests.

        Raises:
            UsageError: there are options that no job can obey.
        """
        plain, options = asdict(CallOptions()), asdict(self._bound.options)
        wrong = [name for name in _NOT_FOR_JOBS if options[name] != plain[name]]
        if wrong:
            raise UsageError(
                f"{what} cannot obey {' and '.join(wrong)}: its creates wait for the quota as long "
                "as that takes, behind interactive calls. Ask a client without "
                f"{'it' if len(wrong) == 1 else 'them'}."
            )
        return self._client.viewed(self._bound.options)

    # -------------------------------------------------------------- calls and the quota

    async def raw(self, call: Awaitable[T]) -> RawAnswer[T]:
        """The value of a call with the status, headers and body of its answer.

            answer = await postiz.raw(postiz.posts.list(start=..., end=...))

        Args:
            call: the call of a method of this client, not yet awaited.

        Raises:
            UsageError: there was no answer, because the value was known already.
        """
        return await with_raw_answers(call)

    async def quota(self) -> Quota:
        """The quota of create requests as the client knows it. Sends nothing."""
        await self._client.scheduler.refresh()
        return self._client.scheduler.view()

    def quota_changes(self) -> AsyncGenerator[Quota]:
        """The quota now and after each change: a call queued, left or answered, a window over.

            async for quota in postiz.quota_changes():
                print(quota.remaining, quota.queued)

        A slow reader gets the newest state, not each one. What other processes do to a shared
        store is seen within five seconds. Ends when the client is closed. Sends nothing.
        """
        poll = STORE_LOOK if self._client.has_store else None
        return self._client.scheduler.queue.changes(poll=poll)

    def leaves_in(self, place: int) -> float:
        """Seconds until the waiting create at this place of the queue leaves; 1 is the next one.

        Counts on nobody else using the key; the place behind the last is that of a new call.

        Args:
            place: its place in the queue, from 1.
        """
        return self._client.scheduler.leaves_in(place)

    # -------------------------------------------------------------- campaigns

    def batch(
        self,
        source: CampaignSource,
        *,
        journal: Path | str | None = None,
        campaign: str | None = None,
        timezone: str | None = None,
        reading: ReadOptions | None = None,
        media_root: MediaRoot = (),
        align: timedelta | str | None = None,
        late: Late = "skip",
        skip_invalid: bool = False,
        on_doubt: OnDoubt = "skip",
        existing: Existing = "refuse",
        exact_seconds: bool = False,
        as_new: bool = False,
    ) -> Batch:
        """A campaign as a job that can be planned, run, killed and resumed.

        What `Batch.save_options` kept beside the file holds where nothing else is said here.

        Args:
            source: a file (CSV, a spreadsheet, or JSON), or an iterable or async iterable of
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
            media_root: a folder, or several, from which the campaign may take media besides its own
                folder (rows of a program: the working directory). What a cell says leads nowhere
                else, neither by `..` nor by a symbolic link; a `Path` that a program gives may.
            align: how far dates may move so that more posts share a request, like `"15m"`; a row's
                `tolerance` comes before it.
            late: what to do with a row whose date passes before a slot is free: `skip` keeps it
                unsent and reports it, `send` publishes it at once, a `timedelta` moves it to
                that long after a slot is free.
            skip_invalid: leave rows with problems out instead of refusing the whole campaign.
            on_doubt: what to do with a row whose answer was lost and whose date comes before its
                absence can be proved: `skip` ends it undecided, `send` sends it again as soon as
                there are signs of its absence, at the risk of publishing it twice.
            existing: what to do with rows that no journal knows and that are in Postiz already, and
                with equal posts that do not bear the mark of a row: `refuse` stops before they are
                sent, `adopt` takes them over as stored, `again` sends the rows once more, and those
                that `undo` has withdrawn. What an earlier run or another host stored of a row that
                the journal knows is taken over without a word.
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
            self._for_jobs("A campaign"),
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
        analytics: bool = False,
        excel: bool = False,
        timezone: str | None = None,
        overwrite: bool = False,
    ) -> Exported:
        """Write posts that are in Postiz into a campaign file, to be filled in and run.

        Postiz returns neither media nor thread parts, and up to v2.23.0 no settings: `batch`
        refuses each row, by `needs_media`, until they are filled in. Costs no quota since v2.19.0.

        Args:
            path: JSON lines or an `.xlsx` by its name, else CSV.
            start: the first moment, with a time zone.
            end: the last moment.
            state: only `QUEUE`, `PUBLISHED`, `ERROR` or `DRAFT`.
            integration: only this channel, by id.
            tag: only posts with this tag, by name.
            naming: what the file calls channels: `id`, or `name` where it is theirs alone.
            analytics: whether to ask for figures of published posts, such as views and likes.
            excel: as spreadsheets want CSV, with local dates and names; an `.xlsx` always is.
            timezone: of the dates for spreadsheets; UTC if None.
            overwrite: whether the file may be there already.

        Raises:
            BatchError: the file is there already, or cannot be written.
            ConfigurationError: there is no such zone, or the extra `xlsx` is missing.
        """
        from postiz_async._batch.export import Which, export_posts  # noqa: PLC0415  (as with `batch`)

        client = self._for_jobs("An export")
        which = Which(start=start, end=end, state=state, integration=integration, tag=tag)
        which["naming"], which["timezone"], which["analytics"] = naming, timezone, analytics
        return await export_posts(client, path, overwrite=overwrite, excel=excel, **which)

    # -------------------------------------------------------------- the outbox

    @property
    def has_outbox(self) -> bool:
        """Whether there is an open outbox."""
        return self._owner.has_outbox

    @property
    def outbox(self) -> Outbox:
        """Durable hand-over: posts that are stored here and sent in the background.

        Raises:
            UsageError: there is none, or it is asked for with options of `with_options`.
        """
        asked = replace(self._bound.options, wait_timeout=None)
        if asked != self._owner._bound.options:  # noqa: SLF001
            raise UsageError(
                "The outbox cannot obey options of with_options: what is handed over is sent "
                "later, maybe by another process. Take postiz.outbox without them; timeout, "
                "headers and retries can be given to Postiz(...) itself."
            )
        return self._owner.outbox


def checked_options(
    before: CallOptions,
    timeout: float | UnsetType | None = UNSET,
    headers: Mapping[str, str | Secret] | UnsetType = UNSET,
    retries: int | UnsetType = UNSET,
) -> CallOptions:
    """Options with what was given of these in place of what they had.

    Raises:
        UsageError: the time-out or the retries make no sense.
        ConfigurationError: a header cannot be sent.
    """
    if timeout is not UNSET:
        check_seconds("timeout", timeout, none=True)
        before = replace(before, timeout=timeout)
    if headers is not UNSET:
        before = replace(before, headers=merged_headers(before.headers, checked_headers(headers)))
    if retries is not UNSET:
        check_retries(retries)
        before = replace(before, retries=retries)
    return before
