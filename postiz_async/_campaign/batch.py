"""`Batch`: a campaign, its journal, and the job between them."""

from __future__ import annotations

import logging
import math
import os
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio

from postiz_async._campaign.after.reconcile import sweep_journal
from postiz_async._campaign.checked_batch import CheckedBatch
from postiz_async._campaign.options import BatchOptions, read_span
from postiz_async._campaign.plan.doubles import repeated_posts
from postiz_async._campaign.plan.preflight import (
    Origin,
    check_campaign,
    check_rows,
    reading_of,
)
from postiz_async._campaign.plan.row_state import as_sent, is_unstored
from postiz_async._campaign.read.file_options import (
    kept_options,
    merged_reading,
    save_options,
)
from postiz_async._campaign.run.already_stored import ClientRefs
from postiz_async._campaign.run.job import Job, Outcome, first_error, outcome_of
from postiz_async._campaign.run.other_runs import OtherRuns
from postiz_async._campaign.run.resume import RecordsOnDemand, past_of, write_rows
from postiz_async._campaign.run.run import Runner
from postiz_async._campaign.run.update import Update
from postiz_async._campaign.run.update_plan import joined
from postiz_async._concurrency import in_thread
from postiz_async._delivery.journal import Journal
from postiz_async._delivery.journal_file import RowRecord, RowState, no_journal, query_journal
from postiz_async._delivery.listing import Calendar
from postiz_async._delivery.lookup import Doubts
from postiz_async._delivery.options import checked_late
from postiz_async._delivery.pauses import Outage, trouble_of
from postiz_async._wire.endpoints import LIST_POSTS
from postiz_async.errors import BatchError, PostizError, Problem
from postiz_async.models._durations import write_duration

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Awaitable,
        Callable,
        Collection,
        Mapping,
        Sequence,
    )
    from types import TracebackType
    from typing import Self

    from anyio.streams.memory import MemoryObjectSendStream

    from postiz_async._campaign.after.report import Report
    from postiz_async._campaign.options import Existing
    from postiz_async._campaign.plan.plan import Forecast, PlannedRequest
    from postiz_async._campaign.read.media_files import MediaRoot
    from postiz_async._campaign.read.read_options import ReadOptions
    from postiz_async._campaign.read.rows import Row
    from postiz_async._campaign.read.source import CampaignSource
    from postiz_async._campaign.run.resume import ReadJournal
    from postiz_async._campaign.run.update_plan import Updated, UpdatePlan
    from postiz_async._delivery.client import BatchClient
    from postiz_async._delivery.options import Late, OnDoubt
    from postiz_async.models.integrations import Integration
    from postiz_async.models.posts import Post

T = TypeVar("T")


OUTAGE_LOG = logging.getLogger("postiz_async.batch.outage")
"""Is told when a run pauses until Postiz is back, and when it goes on."""

_EXACT = (
    "Dates go without the milliseconds that mark a request (exact seconds). If an answer is lost, "
    "posts are known by their client_ref where the server lists settings (after v2.23.0), "
    "elsewhere by channel, text and count alone: an equal post that somebody else makes in the "
    "same second may be taken for yours, and dates moved by milliseconds are not noticed."
)


_AGAIN = "is in Postiz already, and is sent once more as --again says"
_NOT_LOOKED = Problem(
    "Postiz",
    "was not searched for these rows, because this server counts reads; run searches it",
    severity="warning",
)


class Batch(CheckedBatch):
    """A campaign and what became of it.

        async with postiz.batch("campaign.csv") as batch:
            print(await batch.plan())
            report = await batch.run_all()

    Entering reads and checks everything: the rows, their media, the channels, the journal of an
    earlier run. Nothing is sent before all is known.

    After a run, `requests`, `changed`, `is_resumed` and what else depends on the journal read it
    again. `plan` does that in a thread; without it the first of them does, in the event loop, which
    it holds up where the rows are many.

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
        as_new: bool = False,
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
            as_new=as_new,
        )
        self._align = align
        self._skip_invalid = skip_invalid
        self._adopted: list[RowRecord] = []
        self.remarks: list[str] = [_EXACT] if exact_seconds else []
        """Notes on the run as a whole."""
        self._doubts = Doubts()
        self._journal: Journal | None = None
        self._repeated = []
        self._seen: Calendar | None = None
        """What the last plan saw in Postiz."""

    async def __aenter__(self) -> Self:
        await self._take_kept_options()
        self._know(await check_campaign(self._postiz, self._origin, self._reading, self._options))
        return self

    async def _take_kept_options(self) -> None:
        """Take what is kept beside the campaign, where nothing else was said."""
        kept = await in_thread(partial(kept_options, self._origin.source))
        self._reading = merged_reading(self._reading, kept)
        self._origin = self._origin.with_kept(kept)
        if self._align is None:
            self._align = kept.align
            self._options = replace(self._options, align=read_span(kept.align))

    async def save_options(self) -> Path:
        """Save what describes the file next to it, as `campaign.toml`, which every command reads.

        Returns:
            Where it is kept.

        Raises:
            BatchError: the campaign is not a file, or the file next to it cannot be written.
        """
        origin, align = self._origin, self._align
        if not isinstance(origin.source, str | Path):
            raise BatchError("Rows that do not come from a file have no options to save.")
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

    # -------------------------------------------------------------- running

    async def plan(self) -> Forecast:
        """What is still to be sent, what it costs and when it is done. Sends nothing.

        Looks in Postiz for the rows as a run does, unless the server counts reads.

        Raises:
            InvalidPostError: the campaign has problems.
            BatchError: rows are in Postiz already, and `existing` is "refuse".
        """
        self._refuse_problems()
        self._adopting = frozenset()
        rows = await anyio.to_thread.run_sync(self._unsent)  # which reads the journal after a run
        await self._look_in_postiz(rows)
        if self._adopting:
            rows = [row for row in rows if row.ref not in self._adopting]
        await self._postiz.scheduler.refresh()
        planner, align = self._planner, self._options.align
        arranged = self._plan_is(await anyio.to_thread.run_sync(planner.arrange, rows, align))
        return await anyio.to_thread.run_sync(planner.forecast, rows, arranged, align)

    @asynccontextmanager
    async def run(self) -> AsyncGenerator[AsyncIterator[Outcome]]:
        """Send what is unsent; yields the outcomes as they come.

        Leaving the block stops sending; requests in flight end first.

        Raises:
            InvalidPostError: the campaign has problems; nothing was sent.
            BatchError: rows are in Postiz already, and `existing` is "refuse".
            PostizError: the job had to stop; run it again to go on.
        """
        self._refuse_problems()
        job = await self._open_job()
        send, receive = anyio.create_memory_object_stream[Outcome](math.inf)
        self._runner = Runner(job, send.send, self._fence)
        try:
            async with anyio.create_task_group() as group, receive:
                group.start_soon(self._work, job.journal, self._runner, send)
                yield receive
                group.cancel_scope.cancel()
        except BaseExceptionGroup as errors:
            raise first_error(errors) from errors
        finally:
            send.close()
            known = RecordsOnDemand(self.journal_path)
            self._know(replace(self._checked, records=known, left_out=self.problems))

    async def run_all(
        self, on_outcome: Callable[[Outcome], Awaitable[None]] | None = None
    ) -> Report:
        """Send what is unsent and report. Raises what `run` raises.

        Args:
            on_outcome: called with each `Outcome` once it is known; None: no calls. What it
                raises stops the run and is raised here; the next run goes on.
        """
        async with self.run() as outcomes:
            async for outcome in outcomes:
                if on_outcome is not None:
                    await on_outcome(outcome)
        return await self.report()

    async def update(
        self,
        *,
        prune: bool = False,
        force: bool = False,
        dry_run: bool = False,
        on_outcome: Callable[[Outcome], Awaitable[None]] | None = None,
    ) -> Updated:
        """Let Postiz have what the campaign says now: stored posts are changed, new ones sent.

        What people changed in Postiz meanwhile is left and named, unless `force` says otherwise.
        A row that moved to another channel is deleted and sent anew, so that there are never two.
        It may be killed and called again.

        Args:
            prune: delete posts whose row is not in the campaign any more.
            force: overwrite what people edited in Postiz, and send anew what they deleted.
            dry_run: do nothing, and say what would be done and what it costs.
            on_outcome: called with each `Outcome` once it is known; None: no calls.

        Raises:
            BatchError: the campaign was never run, or another process works on it.
            InvalidPostError: the campaign has problems; nothing was changed.
            PostizError: the job had to stop; call it again to go on.
        """
        self._refuse_problems()
        journal = await self._open_existing()
        await self._postiz.scheduler.restore(journal)
        saw = on_outcome or _nobody
        work = Update(
            self._postiz, journal, self._options, force=force, on_outcome=saw, doubts=self._doubts
        )
        in_doubt = await work.in_doubt()
        self._know(replace(self._checked, records=await journal.rows()))
        changed = [each.row for each in self.edits.changed]
        reading = self._reading
        self._know(await check_rows(self._postiz, self._origin, self._checked, changed, reading))
        self._refuse_problems()
        plan = await work.plan(self._checked, self.edits, prune=prune, in_doubt=in_doubt)
        changes, _ = plan.requests(self._planner, self._options.align)
        plan.keep_late(self._coming(plan, changes))
        done = self._updated(plan, in_doubt)
        if dry_run:
            return done
        coming = partial(self._coming, plan, [])
        async with work.carried_out(plan, self._planner, coming, in_doubt):
            self._changing = await work.in_doubt()
            self._know(replace(self._checked, records=await journal.rows()))
            self._moving, self._make_room = plan.moving, partial(work.make_room, plan)
            self._fence = work.fence
            try:
                await self.run_all(on_outcome)
            finally:
                self._moving, self._make_room, self._changing = (), None, frozenset()
                self._fence = None
        done = replace(done, moved=tuple(plan.sent_anew), left=plan.numbers_left)
        if not in_doubt:
            return done
        then = await self.update(prune=prune, force=force, on_outcome=on_outcome)
        return joined(done, then)

    def _updated(self, plan: UpdatePlan, in_doubt: Collection[str]) -> Updated:
        """What a plan of an update does and costs, and what a run sends after it."""
        planner, align = self._planner, self._options.align
        requests, bound = plan.requests(planner, align)
        forecast = self._coming(plan, requests)
        updated = plan.updated(tuple(self._unsent()), len(requests), bound, forecast)
        in_flight = {RowState.SENDING, RowState.UNKNOWN}
        records = self._checked.records.values()
        unclear = sorted(
            record.number
            for record in records
            if record.state in in_flight or record.ref in in_doubt
        )
        return replace(updated, unclear=tuple(unclear))

    def _coming(self, plan: UpdatePlan, changes: Sequence[PlannedRequest]) -> Forecast | None:
        """What changes cost with what is sent after them; None where nothing is."""
        planner, rows = self._planner, [*self._unsent(), *plan.sent_anew]
        sent = planner.arrange(rows, self._options.align).requests
        coming = sorted([*changes, *sent], key=lambda request: request.deadline)
        return planner.moment.forecast(coming) if coming else None

    async def _open_existing(self) -> Journal:
        if not await anyio.to_thread.run_sync(os.path.exists, self.journal_path):
            raise no_journal(self.journal_path)
        return await self._open_journal()

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
            rows = {row.ref: row for row in self._valid() if row.ref in known} if lost else {}
            for sent in lost:
                rows |= as_sent(sent, rows, self._checked.records)
            if self._arranged is None:
                planner, align = self._planner, self._options.align
                self._plan_is(
                    await anyio.to_thread.run_sync(planner.arrange, self._unsent(), align)
                )
            try:
                await runner.run(self._arrangement.requests, lost, rows)
            finally:
                self.remarks += runner.remarks()
            self._arranged = None  # it is carried out
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
                "What people did to the posts since could not be looked at; look later with "
                f"postiz-async reconcile. The reason: {trouble_of(error)}"
            )

    async def _open_job(self) -> Job:
        self._outage = outage = Outage.of(self._postiz, log=OUTAGE_LOG)
        lists = outage.wrap(self._postiz.posts.list)
        seen = self._seen if self._is_just_planned else None
        calendar = Calendar(lists) if seen is None else seen
        calendar.lists = lists
        if await anyio.to_thread.run_sync(os.path.exists, self.journal_path):
            journal = await self._open_journal()
            records = await journal.rows()
            if any(record.state is RowState.UNDECIDED for record in records.values()):
                await sweep_journal(self._postiz, journal, with_open=False)
                records = await journal.rows()
            self._know(replace(self._checked, records=records))
        self._seen, self._adopting = None, frozenset()
        others = await self._look_for_rows(self._unsent(), calendar, outage)
        journal = await self._open_journal()
        self._adopted = await others.write_down(journal)
        # another run may have made the journal between our look for it and our lock
        records = await journal.rows()
        if records or self._checked.records or not self._is_just_planned:
            self._know(replace(self._checked, records=records))
        if records:
            others.here = {row.ref for row in self._checked.campaign.rows}
        if self._make_room is not None:
            others.make_room = self._make_room
        refs = self._changed_refs
        await write_rows(journal, self._checked, self._unsent(), refs, apart=self._changing)
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
            doubts=self._doubts,
            media=await journal.uploads(),
        )

    async def _open_journal(self) -> Journal:
        """The journal, made if it is not there."""
        if self._journal is None:
            self._journal = await Journal.open(
                self.journal_path,
                campaign=self._origin.campaign,
                base_url=self._postiz.base_url,
                clock=self._postiz.clock,
            )
        return self._journal

    async def _look_for_rows(
        self, unsent: list[Row], calendar: Calendar, outage: Outage
    ) -> OtherRuns:
        """Look in Postiz for the rows that the journal does not call stored."""
        checked = self._checked
        by_id = {channel.id: channel for channel in checked.listed}
        recorded = {ref: by_id.get(record.channel) for ref, record in checked.records.items()}
        channels: Mapping[str, Integration] = checked.channels
        if recorded:  # of many rows it is large: no copy of it is made for nothing
            there = {ref: channel for ref, channel in recorded.items() if channel is not None}
            channels = {**there, **channels}
        here = {row.ref for row in checked.campaign.rows} if recorded else None  # a large set
        read: ReadJournal | None = partial(_read_journal, self.journal_path) if recorded else None
        read = self._journal.read if self._journal is not None else read
        past = await past_of(read, self._origin.campaign)
        refs = ClientRefs(past, checked.campaign.rows, channels)
        others = OtherRuns(self._postiz, outage, self._options, past, refs, self.journal_path, here)
        to_send = {row.ref for row in unsent}
        rows = unsent
        if recorded:
            rows = [
                row
                for row in self._valid()
                if row.ref in channels
                and (row.ref in to_send or is_unstored(checked.records.get(row.ref)))
            ]
        known = checked.records.keys()
        strangers = await others.at_start(rows, calendar, read, known=known, to_send=to_send)
        adopted, again = {row.ref for row in others.adopted}, others.sent_again
        self._repeated = [
            Problem("row", _AGAIN, row.number, severity="warning")
            for row in rows
            if row.ref in again
        ]
        if strangers and "doubles" not in self._reading.ignore:
            sent = [row for row in rows if row.ref in to_send and row.ref not in adopted | again]
            self._repeated += repeated_posts(sent, strangers, channels)
        return others

    async def _look_in_postiz(self, unsent: list[Row]) -> None:
        """Look for rows before a plan, as long as that costs nothing."""

        async def lists(*, start: datetime, end: datetime) -> list[Post]:
            if self._postiz.scheduler.is_counted(LIST_POSTS.name):
                raise _ReadsCountError
            return await self._postiz.posts.list(start=start, end=end)

        calendar = Calendar(lists)
        try:
            outage = Outage.of(self._postiz, log=OUTAGE_LOG)
            others = await self._look_for_rows(unsent, calendar, outage)
        except _ReadsCountError:
            self._repeated = [_NOT_LOOKED]
            return
        calendar.lists = self._postiz.posts.list  # no cycle that would keep all rows for a while
        self._seen, self._adopting = calendar, frozenset(row.ref for row in others.adopted)
        self._arranged = None


class _ReadsCountError(Exception):
    """Lists cost quota."""


async def _read_journal(path: Path, query: Callable[[sqlite3.Connection], T]) -> T:
    return await in_thread(partial(query_journal, path, query))


async def _nobody(_: Outcome) -> None:
    """Nobody has to be told."""
