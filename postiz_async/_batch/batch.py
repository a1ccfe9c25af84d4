"""`Batch`: a campaign, its journal, and the job between them."""

from __future__ import annotations

import math
import os
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from postiz_async._batch.already_stored import ClientRefs
from postiz_async._batch.file_options import kept_options, merged_reading, save_options
from postiz_async._batch.job import Job, Outcome, first_error, outcome_of
from postiz_async._batch.options import BatchOptions, checked_late, read_span
from postiz_async._batch.other_runs import OtherRuns
from postiz_async._batch.plan import AHEAD, Limits, Moment, Planner
from postiz_async._batch.preflight import Origin, check_campaign, journal_path, reading_of
from postiz_async._batch.reconcile import sweep_journal
from postiz_async._batch.results import RunResults
from postiz_async._batch.resume import past_of, write_rows
from postiz_async._batch.row_state import as_sent, is_changed, is_unsent, is_unstored, with_changes
from postiz_async._batch.run import Runner
from postiz_async._concurrency import in_thread
from postiz_async._delivery.journal import Journal, RowRecord, RowState
from postiz_async._delivery.listing import Calendar
from postiz_async._delivery.pauses import Outage
from postiz_async._wire.endpoints import LIST_POSTS
from postiz_async.errors import BatchError, InvalidPostError, PostizError
from postiz_async.models._durations import write_duration

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Awaitable,
        Callable,
        Mapping,
    )
    from types import TracebackType
    from typing import Self

    from anyio.streams.memory import MemoryObjectSendStream

    from postiz_async._batch.check import Checked
    from postiz_async._batch.media_files import MediaRoot
    from postiz_async._batch.options import Existing, Late, OnDoubt
    from postiz_async._batch.plan import Arrangement, Forecast, PlannedRequest
    from postiz_async._batch.read_options import ReadOptions
    from postiz_async._batch.report import Report
    from postiz_async._batch.source import CampaignSource, Row
    from postiz_async._delivery.client import BatchClient
    from postiz_async.errors import Problem
    from postiz_async.models.integrations import Integration

__all__ = ["Batch", "journal_path"]


_EXACT = (
    "Dates go without the milliseconds that mark a request (exact seconds). If an answer is lost, "
    "posts are known by their client_ref where the server lists settings (after v2.23.0), "
    "elsewhere by channel, text and count alone: an equal post that somebody else makes in the "
    "same second may be taken for yours, and dates moved by milliseconds are not noticed."
)


class Batch(RunResults):
    """A campaign and what became of it.

        async with postiz.batch("campaign.csv") as batch:
            print(await batch.plan())
            report = await batch.run_all()

    Entering reads and checks everything: the rows, their media, the channels, the journal of an
    earlier run. Nothing is sent before all is known.

    `Postiz.batch` makes one, and says what the arguments mean.
    """

    def __init__(
        self,
        postiz: BatchClient,
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
    ) -> None:
        self._postiz = postiz
        self._origin = Origin.of(source, journal, campaign, media_root)
        self.path: Path = self._origin.name
        self.journal_path: Path = self._origin.journal
        self._reading = reading_of(timezone, reading)
        self._options = BatchOptions(
            late=checked_late(late),
            on_doubt=on_doubt,
            existing=existing,
            align=read_span(align),
            exact_seconds=exact_seconds,
        )
        self._align = align
        self._skip_invalid = skip_invalid
        self._adopted: list[RowRecord] = []
        self.remarks: list[str] = [_EXACT] if exact_seconds else []
        """Notes on the run as a whole."""
        self._journal: Journal | None = None
        self._known: Checked | None = None
        self._arranged: Arrangement | None = None
        self._runner: Runner | None = None

    async def __aenter__(self) -> Self:
        await self._take_kept_options()
        self._know(await check_campaign(self._postiz, self._origin, self._reading, self._options))
        return self

    async def _take_kept_options(self) -> None:
        """Take what is kept beside the campaign, where nothing else was said."""
        kept = await in_thread(partial(kept_options, self._origin.source))
        self._reading = merged_reading(self._reading, kept)
        self._origin = self._origin.with_kept(kept.campaign, kept.media_root)
        if self._align is None:
            self._align = kept.align
            self._options = replace(self._options, align=read_span(kept.align))

    async def save_options(self) -> Path:
        """Keep what describes the file beside it, as `campaign.toml`: every command reads it.

        Returns:
            Where it is kept.

        Raises:
            BatchError: the campaign is not a file, or what is beside it cannot be written.
        """
        origin, align = self._origin, self._align
        if not isinstance(origin.source, str | Path):
            raise BatchError("Rows that come from no file have no options to keep.")
        name = origin.campaign if origin.is_named else None
        span = write_duration(align) if isinstance(align, timedelta) else align
        saving = partial(save_options, origin.name, self._reading, name=name, align=span)
        return await in_thread(partial(saving, media_root=origin.media_root))

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        journal, self._journal = self._journal, None
        if journal is not None:
            await journal.aclose()

    # -------------------------------------------------------------- looking

    @property
    def timezone(self) -> str | None:
        """The zone of dates that have none."""
        return self._reading.timezone

    @property
    def labels(self) -> Mapping[str, str]:
        """What the file calls columns of a campaign, where it calls them something else."""
        return self._checked.campaign.labels

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the campaign; `plan` and `run` refuse while there is any."""
        return self._checked.problems

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What the server accepts but probably is not meant; nothing stops for it."""
        return self._checked.warnings

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows that could be read."""
        return self._checked.campaign.rows

    @property
    def channels(self) -> list[Integration]:
        """The channels that the campaign uses."""
        return list({c.id: c for c in self._checked.channels.values()}.values())

    @property
    def requests(self) -> list[PlannedRequest]:
        """What is still to be sent, the most urgent first."""
        return self._arrangement.requests

    @property
    def lower_bound(self) -> int:
        """The number of requests below which no plan can get under the same limits."""
        return self._planner.lower_bound(self._unsent(), self._arrangement)

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier run left a journal."""
        return bool(self._checked.records)

    @property
    def media_files(self) -> int:
        """Distinct media contents of the rows that are still to be sent."""
        facts = self._checked.facts
        return len({facts[name].sha256 for row in self._unsent() for name in row.media})

    @property
    def uploads_done(self) -> int:
        """Media of this run that are uploaded."""
        return self._runner.uploads_done if self._runner is not None else 0

    @property
    def _planner(self) -> Planner:
        scheduler, clock = self._postiz.scheduler, self._postiz.clock
        return Planner(
            size_of=self._checked.size_of,
            limits=Limits(posts=scheduler.budget.request_posts),
            channels=self._checked.channels,
            not_before=datetime.fromtimestamp(scheduler.server_time(), UTC) + AHEAD,
            moment=Moment(scheduler.ledger, scheduler.ledger_time(), clock.time()),
        )

    @property
    def _arrangement(self) -> Arrangement:
        """The plan; made anew when something else is known."""
        if self._arranged is None:
            self._arranged = self._planner.arrange(self._unsent(), self._options.align)
        return self._arranged

    @property
    def _checked(self) -> Checked:
        if self._known is None:
            raise BatchError("Use the batch as `async with postiz.batch(...) as batch:`.")
        return self._known

    def _know(self, checked: Checked) -> None:
        self._known, self._arranged = checked, None

    def _unsent(self) -> list[Row]:
        """Valid rows that neither have an outcome nor are in a request with an open one."""
        records = self._checked.records
        return [r for r in self._valid() if is_unsent(r, records.get(r.ref), self._options)]

    def _valid(self) -> list[Row]:
        """Rows without problems."""
        wrong = {problem.row for problem in self.problems}
        return [row for row in self.rows if row.number not in wrong]

    @property
    def changed(self) -> list[Row]:
        """Rows that the file gives differently than they were stored; they stay as stored."""
        records = self._checked.records
        return [row for row in self.rows if is_changed(row, records.get(row.ref))]

    @property
    def has_news(self) -> bool:
        """Whether the journal does not know yet which stored rows the file gives differently."""
        return bool(with_changes(self.rows, self._checked.records))

    async def plan(self) -> Forecast:
        """What is still to be sent, what it costs and when it is done. Sends nothing.

        Raises:
            InvalidPostError: the campaign has problems.
        """
        self._refuse_problems()
        await self._postiz.scheduler.refresh()
        planner, rows, align = self._planner, self._unsent(), self._options.align
        self._arranged = await anyio.to_thread.run_sync(planner.arrange, rows, align)
        return await anyio.to_thread.run_sync(planner.forecast, rows, self._arranged, align)

    def _refuse_problems(self) -> None:
        if self.problems and not self._skip_invalid:
            raise InvalidPostError(list(self.problems))

    # -------------------------------------------------------------- running

    @asynccontextmanager
    async def run(self) -> AsyncGenerator[AsyncIterator[Outcome]]:
        """Send what is unsent; yields the outcomes as they come.

        Leaving the block stops sending; requests in flight end first.

        Raises:
            InvalidPostError: the campaign has problems; nothing was sent.
            BatchError: rows are in Postiz already, and nobody said what to do with them.
            PostizError: the job had to stop; run it again to go on.
        """
        self._refuse_problems()
        job = await self._open_job()
        send, receive = anyio.create_memory_object_stream[Outcome](math.inf)
        self._runner = Runner(job, send.send)
        try:
            async with anyio.create_task_group() as group, receive:
                group.start_soon(self._work, job.journal, self._runner, send)
                yield receive
                group.cancel_scope.cancel()
        except BaseExceptionGroup as errors:
            raise first_error(errors) from errors
        finally:
            send.close()
            with suppress(BatchError):  # what stopped the job matters more
                self._know(replace(self._checked, records=await job.journal.rows()))

    async def run_all(
        self, on_outcome: Callable[[Outcome], Awaitable[None]] | None = None
    ) -> Report:
        """Send what is unsent and report. Raises what `run` raises.

        Args:
            on_outcome: called with each `Outcome` once it is known; None: nobody is told.
        """
        async with self.run() as outcomes:
            async for outcome in outcomes:
                if on_outcome is not None:
                    await on_outcome(outcome)
        return await self.report()

    async def _work(
        self,
        journal: Journal,
        runner: Runner,
        send: MemoryObjectSendStream[Outcome],
    ) -> None:
        with send:
            for record in self._adopted:
                await send.send(outcome_of(record))
            lost = await journal.open_requests()
            known = self._checked.channels  # of rows that are not done
            rows = {row.ref: row for row in self._valid() if row.ref in known}
            for sent in lost:
                rows |= as_sent(sent, rows, self._checked.records)
            if self._arranged is None:
                planner, align = self._planner, self._options.align
                self._arranged = await anyio.to_thread.run_sync(
                    planner.arrange, self._unsent(), align
                )
            try:
                await runner.run(self.requests, lost, rows)
            finally:
                self.remarks += runner.remarks()
            await self._sweep(journal)

    async def _sweep(self, journal: Journal) -> None:
        """The sweep at the end of a run; that it failed does not undo the run."""
        if self._postiz.scheduler.is_counted(LIST_POSTS.name):
            self.remarks.append(
                "What people did to the posts since was not looked at, because this server "
                "counts reads. Look with: postiz-async reconcile"
            )
            return
        try:
            found = await sweep_journal(self._postiz, journal)
            self.remarks.extend(found.remarks)
        except BatchError:
            raise
        except PostizError as error:
            self.remarks.append(
                f"What people did to the posts since could not be looked at: {error} "
                "Look later with: postiz-async reconcile"
            )

    async def _open_job(self) -> Job:
        outage = Outage.of(self._postiz)
        calendar = Calendar(outage.wrap(self._postiz.posts.list))
        if await anyio.to_thread.run_sync(os.path.exists, self.journal_path):
            journal = await self._open_journal()
            records = await journal.rows()
            if any(record.state is RowState.UNDECIDED for record in records.values()):
                await sweep_journal(self._postiz, journal, with_open=False)
                records = await journal.rows()
            self._know(replace(self._checked, records=records))
        others = await self._look_for_rows(calendar, outage)
        journal = await self._open_journal()
        self._adopted = await others.write_down(journal)
        # another run may have made the journal between our look for it and our lock
        self._know(replace(self._checked, records=await journal.rows()))
        await write_rows(journal, self._checked, self._unsent())
        await self._postiz.scheduler.restore(journal)
        return Job(
            postiz=self._postiz,
            journal=journal,
            channels=self._checked.channels,
            facts=self._checked.facts,
            calendar=calendar,
            outage=outage,
            size_of=self._checked.size_of,
            options=self._options,
            others=others,
            media=await journal.uploads(),
        )

    async def _open_journal(self) -> Journal:
        """The journal, made if it is not there."""
        if self._journal is None:
            self._journal = await Journal.open(
                self.journal_path, campaign=self._origin.campaign, base_url=self._postiz.base_url
            )
        return self._journal

    async def _look_for_rows(self, calendar: Calendar, outage: Outage) -> OtherRuns:
        """Look in Postiz for the rows that the journal does not call stored."""
        checked = self._checked
        by_id = {channel.id: channel for channel in checked.listed}
        recorded = {ref: by_id.get(record.channel) for ref, record in checked.records.items()}
        channels = {ref: channel for ref, channel in recorded.items() if channel is not None}
        channels |= checked.channels
        here = {row.ref for row in checked.campaign.rows}
        past = await past_of(self._journal, self._origin.campaign, here)
        refs = ClientRefs(past, checked.campaign.rows, channels)
        others = OtherRuns(self._postiz, outage, self._options, past, refs, self.journal_path, here)
        to_send = {row.ref for row in self._unsent()}
        rows = [
            row
            for row in self._valid()
            if row.ref in channels
            and (row.ref in to_send or is_unstored(checked.records.get(row.ref)))
        ]
        await others.at_start(rows, calendar, known=checked.records.keys(), to_send=to_send)
        return others
