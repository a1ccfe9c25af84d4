"""The blocking twin of `Api`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from postiz_async._wire.secrets import hidden
from postiz_async.blocking._base import BlockingIterator, WithRaw, iterate, rows_of
from postiz_async.blocking._campaign import Campaign
from postiz_async.blocking._resources import Resources
from postiz_async.blocking._sent_campaign import SentCampaign

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta
    from pathlib import Path

    from postiz_async._api import Api as AsyncApi
    from postiz_async._campaign.after.export import ExportResult, Naming
    from postiz_async._campaign.options import Existing
    from postiz_async._campaign.read.media_files import MediaRoot
    from postiz_async._campaign.read.read_options import ReadOptions
    from postiz_async._campaign.read.rows import CampaignSource
    from postiz_async._delivery.options import Late, OnDoubt
    from postiz_async._quota.view import Quota
    from postiz_async._wire.secrets import Secret
    from postiz_async.models.channels import Channel
    from postiz_async.models.posts import PostState


class Api(WithRaw, Resources):
    """The calls of an open client; the base of `Postiz`."""

    @property
    def _async(self) -> AsyncApi:
        return cast("AsyncApi", self._twin)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, object] | None = None,
        params: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
    ) -> Any:
        """Call a route that this library does not know; the decoded JSON of its answer.

            postiz.request("PUT", "/posts/tags", json={"name": "news"}, idempotent=True)

        It is sent like any other call. `POST /posts` waits for the quota and costs one of the
        hourly create requests; its body is not checked, and if its answer is lost, the posts may
        be stored.

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
            UsageError: `method` or `path` makes no sense, or a create is said to be idempotent.
            PostizError: what any call raises.
        """
        return self._portal.call(
            self._async.request, method, path, json=json, params=params, idempotent=idempotent
        )

    def quota(self, *, refresh: bool = True) -> Quota:
        """The quota of create requests as the client knows it. Sends nothing.

        Args:
            refresh: whether to read what other processes did from the store first.

        Raises:
            StoreError: the store cannot be read.
        """
        return self._portal.call(self._async.quota, refresh=refresh)

    def explain_quota(self) -> list[str]:
        """Sentences about the quota: why bulk work waits, and which slots are kept for whom.

        Raises:
            StoreError: the store cannot be read.
        """
        return self._portal.call(self._async.explain_quota)

    def quota_changes(self) -> BlockingIterator[Quota]:
        """Yield the quota now and after each change, such as an answer or the end of a window.

            for quota in postiz.quota_changes():
                print(quota.remaining, quota.queued)

        A slow reader gets the newest state and misses intermediate ones. Changes by other processes
        in a shared store are seen within five seconds. Ends when the client is closed. Sends
        nothing.
        """
        return iterate(self._portal, self._async.quota_changes)

    def campaign(
        self,
        source: CampaignSource,
        *,
        journal: Path | Secret | str | None = None,
        schema: str = "postiz_async",
        name: str | None = None,
        timezone: str | None = None,
        reading: ReadOptions | None = None,
        media_root: MediaRoot = (),
        align: float | timedelta | str | None = None,
        late: Late = "skip",
        skip_invalid: bool = False,
        on_doubt: OnDoubt = "skip",
        existing: Existing = "refuse",
        exact_seconds: bool = False,
        as_new: bool = False,
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

        Raises:
            ConfigurationError: rows cannot move by `late` or `align`, rows from a program have no
                journal, a media root is not a folder, or the campaign's name is empty.
            CampaignError: the campaign or the journal cannot be used.
            InvalidPostError: from `plan` and `run`, with all problems.
        """
        journal = hidden(journal)
        twin = self._portal.call_sync(
            self._async.campaign,
            rows_of(source),
            journal=journal,
            schema=schema,
            name=name,
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
        return Campaign(self._portal, twin)

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
        journal = hidden(journal)
        twin = self._portal.call_sync(
            self._async.sent_campaign,
            path,
            journal=journal,
            name=name,
            schema=schema,
            reading=reading,
        )
        return SentCampaign(self._portal, twin)

    def export(
        self,
        path: Path | str | None = None,
        *,
        start: datetime,
        end: datetime,
        state: PostState | None = None,
        channel: Channel | str | None = None,
        tag: str | None = None,
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
        return self._portal.call(
            self._async.export,
            path,
            start=start,
            end=end,
            state=state,
            channel=channel,
            tag=tag,
            naming=naming,
            analytics=analytics,
            excel=excel,
            timezone=timezone,
            overwrite=overwrite,
            format=format,
        )
