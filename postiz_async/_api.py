"""`Api`: the calls of an open client, and the options of calls."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import UNSET, UnsetType
from msgspec.structs import asdict, replace

from postiz_async._resources.api import OpenClient, Resources
from postiz_async._scheduler.calls import CallOptions, RawAnswer, check_retries, with_raw_answers
from postiz_async._wire.headers import checked_headers, merged_headers
from postiz_async._wire.secrets import OfOneProcess, Secret
from postiz_async.errors import UsageError
from postiz_async.models._durations import read_seconds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Collection, Mapping, Sequence
    from datetime import datetime, timedelta

    from postiz_async._campaign.campaign import Campaign
    from postiz_async._campaign.options import Existing
    from postiz_async._campaign.read.media_files import MediaRoot
    from postiz_async._campaign.read.read_options import ReadOptions
    from postiz_async._campaign.read.rows import CampaignSource
    from postiz_async._campaign.selection import PostSelection
    from postiz_async._campaign.sent import SentCampaign
    from postiz_async._delivery.options import Late, OnDoubt
    from postiz_async._quota.view import Quota
    from postiz_async.models.channels import Channel
    from postiz_async.models.posts import PostState


T = TypeVar("T")

STORE_LOOK = 5.0
"""Seconds between checks of `quota_changes` for changes by other processes in the store."""

_NOT_FOR_JOBS = ("max_wait", "deadline", "priority")


class Api(OfOneProcess, Resources):
    """The calls of an open client; the base of `Postiz`."""

    _usual: CallOptions
    """The options for which campaigns and the outbox are meant."""

    def _for_jobs(self, what: str) -> OpenClient:
        """The client that makes the requests of a campaign.

        Raises:
            UsageError: `with_options` was given options that such jobs do not support.
        """
        usual, options = asdict(self._usual), asdict(self._bound.options)
        if options["max_wait"] == math.inf:  # as jobs wait anyway
            options["max_wait"] = usual["max_wait"]
        wrong = [name for name in _NOT_FOR_JOBS if options[name] != usual[name]]
        if wrong:
            raise UsageError(
                f"{what} cannot obey {' and '.join(wrong)}: its creates wait for the quota as long "
                "as that takes, behind interactive calls. Ask a client without "
                f"{'it' if len(wrong) == 1 else 'them'}."
            )
        return self._client.viewed(self._bound.options)

    # -------------------------------------------------------------- calls and the quota

    async def with_raw_response(self, call: Awaitable[T]) -> RawAnswer[T]:
        """The result of a call together with the status, headers and body of the answer.

            answer = await postiz.with_raw_response(postiz.posts.list(start=..., end=...))

        Args:
            call: the call of a method of this client, not yet awaited.

        Raises:
            UsageError: there was no answer, because the result was already known.
        """
        return await with_raw_answers(call)

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, object] | Sequence[object] | None = None,
        params: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
    ) -> Any:
        """Call a route that this library does not know; the decoded JSON of its answer.

            await postiz.request("PUT", "/posts/tags", json={"name": "news"}, idempotent=True)

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
        from postiz_async._resources.any_route import answer_of, call_of  # noqa: PLC0415  (rarely used)

        call = call_of(method, path, json=json, params=params, idempotent=idempotent)
        return await answer_of(self._bound, call)

    async def quota(self, *, refresh: bool = True) -> Quota:
        """The quota of create requests as the client knows it. Sends nothing.

        Args:
            refresh: whether to read what other processes did from the store first.

        Raises:
            StoreError: the store cannot be read.
        """
        if refresh:
            await self._client.scheduler.refresh()
        return self._client.scheduler.view()

    async def explain_quota(self) -> list[str]:
        """Sentences about the quota: why bulk work waits, and which slots are kept for whom.

        Raises:
            StoreError: the store cannot be read.
        """
        from postiz_async._quota.explanation import explain  # noqa: PLC0415  (rarely asked)

        scheduler = self._client.scheduler
        await scheduler.refresh()
        return explain(scheduler.ledger, scheduler.ledger_time())

    def quota_changes(self) -> AsyncGenerator[Quota]:
        """Yield the quota now and after each change, such as an answer or the end of a window.

            async for quota in postiz.quota_changes():
                print(quota.remaining, quota.queued)

        A slow reader gets the newest state and misses intermediate ones. Changes by other processes
        in a shared store are seen within five seconds. Ends when the client is closed. Sends
        nothing.
        """
        poll = STORE_LOOK if self._client.has_store else None
        return self._client.scheduler.queue.changes(poll=poll)

    # -------------------------------------------------------------- campaigns

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
    ) -> Campaign:
        """A campaign: a job that can be planned, run, killed and resumed.

        Arguments that are not given are taken from a `campaign.toml` beside the file.

        Args:
            source: a file (CSV, a spreadsheet, or JSON), or an iterable or async iterable of
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
            reading: how to read the file: columns, defaults, dates and zones.
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

        Raises:
            ConfigurationError: rows cannot move by `late` or `align`, rows from a program have no
                journal, a media root is not a folder, or the campaign's name is empty.
            CampaignError: the campaign or the journal cannot be used.
            InvalidPostError: from `plan` and `run`, with all problems.
        """
        # not every client needs them
        from postiz_async._campaign.campaign import Campaign  # noqa: PLC0415
        from postiz_async._campaign.options import CampaignOptions  # noqa: PLC0415
        from postiz_async._campaign.read.media_files import roots_of  # noqa: PLC0415
        from postiz_async._campaign.read.read_options import reading_of  # noqa: PLC0415

        options = CampaignOptions(
            journal=journal,
            schema=schema,
            name=name,
            reading=reading_of(timezone, reading),
            media_root=roots_of(media_root),
            align=align,
            late=late,
            skip_invalid=skip_invalid,
            on_doubt=on_doubt,
            existing=existing,
        )
        return Campaign(self._for_jobs("A campaign"), source, options)

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
        # not every client needs them
        from postiz_async._campaign.options import CampaignOptions  # noqa: PLC0415
        from postiz_async._campaign.origin import sent_place  # noqa: PLC0415
        from postiz_async._campaign.read.read_options import ReadOptions  # noqa: PLC0415
        from postiz_async._campaign.sent import SentCampaign  # noqa: PLC0415

        file = Path(path)
        options = CampaignOptions(reading=reading or ReadOptions())
        client = self._for_jobs("A campaign")
        place = sent_place(file, journal, name, schema, client.base_url)
        return SentCampaign(client, file, place, options)

    def stored_posts(
        self,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        state: PostState | None = None,
        channel: Channel | str | None = None,
        tag: str | None = None,
        text: str | None = None,
        ids: Collection[str] | None = None,
    ) -> PostSelection:
        """Stored posts that match a filter, to delete, pause or resume many at once.

        Args:
            start: the start of the range, with a time zone; None: now. `delete` needs it.
            end: the end of the range, inclusive; None: a year after the start. `delete` needs it.
            state: only posts in this state: `QUEUE`, `PUBLISHED`, `ERROR` or `DRAFT`.
            channel: only this channel: its id, name or provider.
            tag: only posts with this tag, by name.
            text: only posts whose text has this in it, in upper or lower case.
            ids: only these posts, such as those of a campaign: `{row.post_id for row in
                CampaignStatus.read("campaign.csv").report.rows if row.post_id}`.

        Raises:
            InvalidInputError: there is no such state, or a part of the filter is blank.
            UsageError: `ids` is a text.
        """
        from postiz_async._campaign.selection import PostSelection  # noqa: PLC0415  (as with `campaign`)

        return PostSelection(
            self._for_jobs("A selection of posts"),
            start=start,
            end=end,
            state=state,
            channel=channel,
            tag=tag,
            text=text,
            ids=ids,
        )


def changed_options(
    before: CallOptions,
    *,
    timeout: float | timedelta | UnsetType | None = UNSET,
    max_wait: float | timedelta | UnsetType | None = UNSET,
    headers: Mapping[str, str | Secret] | UnsetType = UNSET,
    max_retries: int | UnsetType = UNSET,
) -> CallOptions:
    """A copy of `before` with the given options replaced.

    Raises:
        UsageError: a duration or the number of retries makes no sense.
        ConfigurationError: a header cannot be sent.
    """
    if timeout is not UNSET:
        before = replace(before, timeout=read_seconds("timeout", timeout, none=True))
    if max_wait is not UNSET:
        seconds = read_seconds("max_wait", max_wait, zero=True, endless=True)
        before = replace(before, max_wait=seconds)
    if headers is not UNSET:
        before = replace(before, headers=merged_headers(before.headers, checked_headers(headers)))
    if max_retries is not UNSET:
        check_retries(max_retries)
        before = replace(before, max_retries=max_retries)
    return before
