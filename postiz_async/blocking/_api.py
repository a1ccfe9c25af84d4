"""The blocking twin of `Api`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from msgspec import UNSET

from postiz_async._wire.headers import hidden_values
from postiz_async.blocking._base import BlockingIterator, WithRaw, iterate, rows_of
from postiz_async.blocking._batch import Batch
from postiz_async.blocking._outbox import Outbox
from postiz_async.blocking._resources import Resources

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta
    from pathlib import Path

    from msgspec import UnsetType

    from postiz_async._api import Api as AsyncApi
    from postiz_async._batch.export import Exported, Naming
    from postiz_async._batch.media_files import MediaRoot
    from postiz_async._batch.options import Existing, Late, OnDoubt
    from postiz_async._batch.read_options import ReadOptions
    from postiz_async._batch.source import CampaignSource
    from postiz_async._quota.view import Quota
    from postiz_async._wire.secrets import Secret
    from postiz_async.clock import Clock

__all__ = ["Api"]


class Api(WithRaw, Resources):
    """What can be done with an open client: `Postiz` is one, and what its `with_options` returns.

        def announce(postiz: Api) -> None: ...

        announce(postiz)
        announce(postiz.with_options(timeout=5))

    Code that only makes calls takes an `Api`. It needs no closing; the `Postiz` that it came from
    does.
    """

    @property
    def _async(self) -> AsyncApi:
        return cast("AsyncApi", self._twin)

    @property
    def clock(self) -> Clock:
        """The client's notion of time."""
        original = self._async
        return self._portal.call_sync(lambda: original.clock)

    @property
    def base_url(self) -> str:
        """The root of the API, with `/public/v1`."""
        original = self._async
        return self._portal.call_sync(lambda: original.base_url)

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        original = self._async
        return self._portal.call_sync(lambda: original.is_open)

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

            postiz.with_options(timeout=5).posts.list(start=..., end=...)

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
        twin = self._portal.call_sync(
            self._async.with_options,
            timeout=timeout,
            max_wait=max_wait,
            deadline=deadline,
            priority=priority,
            headers=headers,
            retries=retries,
        )
        return Api(self._portal, twin)

    def quota(self) -> Quota:
        """The quota of create requests as the client knows it. Sends nothing."""
        return self._portal.call(self._async.quota)

    def quota_changes(self) -> BlockingIterator[Quota]:
        """The quota now and after each change: a call queued, left or answered, a window over.

            for quota in postiz.quota_changes():
                print(quota.remaining, quota.queued)

        A slow reader gets the newest state, not each one. What other processes do to a shared
        store is seen within five seconds. Ends when the client is closed. Sends nothing.
        """
        return iterate(self._portal, self._async.quota_changes)

    def leaves_in(self, place: int) -> float:
        """Seconds until the waiting create at this place of the queue leaves; 1 is the next one.

        Counts on nobody else using the key; the place behind the last is that of a new call.

        Args:
            place: its place in the queue, from 1.
        """
        return self._portal.call_sync(self._async.leaves_in, place)

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
            source: a file (CSV, a spreadsheet, or JSON), or an iterable of
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
        twin = self._portal.call_sync(
            self._async.batch,
            rows_of(source),
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
        return Batch(self._portal, twin)

    def export(
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
        return self._portal.call(
            self._async.export,
            path,
            start=start,
            end=end,
            state=state,
            integration=integration,
            tag=tag,
            naming=naming,
            analytics=analytics,
            excel=excel,
            timezone=timezone,
            overwrite=overwrite,
        )

    @property
    def has_outbox(self) -> bool:
        """Whether there is an open outbox."""
        original = self._async
        return self._portal.call_sync(lambda: original.has_outbox)

    @property
    def outbox(self) -> Outbox:
        """Durable hand-over: posts that are stored here and sent in the background.

        Raises:
            UsageError: there is none, or it is asked for with options of `with_options`.
        """
        original = self._async
        twin = self._portal.call_sync(lambda: original.outbox)
        return Outbox(self._portal, twin)
