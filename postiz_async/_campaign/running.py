"""A campaign at work: look for its rows in Postiz, plan the others, send them, and sweep."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import anyio
from msgspec import structs

from postiz_async._campaign.after.mend import sweep_journal
from postiz_async._campaign.changing import Changing
from postiz_async._campaign.journal.journal import TAKES_PART, Journal
from postiz_async._campaign.journal.purposes import NewPosts
from postiz_async._campaign.journal.requests import RequestHandle, open_requests, refs_in_doubt
from postiz_async._campaign.journal.rows import IN_FLIGHT, RowRecord
from postiz_async._campaign.journal.tables import read_kept
from postiz_async._campaign.known import Known
from postiz_async._campaign.outcomes import ActiveRun
from postiz_async._campaign.plan.doubles import explain_older, older_versions, repeated_posts
from postiz_async._campaign.plan.plan import PlannedRequest
from postiz_async._campaign.plan.row_state import as_sent, is_unstored
from postiz_async._campaign.read.rows import Row
from postiz_async._campaign.run.already_stored import ClientRefs
from postiz_async._campaign.run.edits import explain_drafts, made_drafts
from postiz_async._campaign.run.job import (
    Job,
    JobContext,
    Outcome,
    RunProgress,
    outcome_of,
    task_group,
)
from postiz_async._campaign.run.other_runs import OtherRuns
from postiz_async._campaign.run.resume import (
    ReadJournal,
    RecordsOnDemand,
    contents_of,
    past_of,
    write_rows,
)
from postiz_async._campaign.run.run import Runner
from postiz_async._campaign.run.update import Update
from postiz_async._campaign.run.update_plan import (
    NO_CHANGES,
    CampaignChanges,
    ChangeOptions,
    Plan,
    joined,
)
from postiz_async._concurrency import in_thread
from postiz_async._delivery.listing import Calendar
from postiz_async._delivery.lookup import Doubts
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.pauses import Outage, trouble_of
from postiz_async._resources.api import OpenClient
from postiz_async.errors import (
    CampaignConflictError,
    CampaignError,
    PostizError,
    Problem,
    Scope,
    UsageError,
)
from postiz_async.models.channels import Channel

if TYPE_CHECKING:
    from collections import deque

    from anyio.streams.memory import MemoryObjectSendStream

TOGETHER = 5.0
"""Seconds between two looks at the last rows that other hosts are sending."""

OUTAGE_LOG = logging.getLogger("postiz_async.campaign.outage")
"""The logger that reports the beginning and the end of pauses while Postiz is away."""

_IS_DRAFT = (
    "the post that was scheduled is a draft in Postiz now: a run stops before it sends others"
)
_AGAIN = "is in Postiz already, and is sent once more as --again says"


@dataclass(slots=True)
class Running:
    """The plan of a campaign, and its runs, one at a time.

    Args:
        postiz: an open client.
        known: what is known of the campaign.
        doubts: counts the requests that are being looked up.
        remarks: takes notes on each run as a whole.
    """

    postiz: OpenClient
    known: Known
    doubts: Doubts
    remarks: list[str]
    changes: CampaignChanges = NO_CHANGES
    """What the last run changed."""
    _run: str = field(default_factory=lambda: uuid.uuid4().hex)
    _runner: Runner | None = None
    _outage: Outage | None = None
    _active: ActiveRun | None = None

    @property
    def progress(self) -> RunProgress:
        """What a run is doing, besides the outcomes of its rows."""
        uploads = self._runner.uploads_done if self._runner is not None else 0
        return RunProgress(uploads, self._outage.trouble if self._outage is not None else "")

    async def stop(self) -> None:
        """End a run that was left."""
        if self._active is not None:
            self._active.stop()
            await self._active.end()

    async def settle(self) -> None:
        """Wait for the end of a run that stops."""
        if self._active is not None and self._active.is_stopping:
            await self._active.end()

    async def plan(self, how: ChangeOptions) -> Plan:
        """See `Campaign.plan`."""
        await self.settle()
        known = self.known
        known.refuse_problems()
        known.adopting = frozenset()
        changing = Changing(self.postiz, known, how)
        if await known.journal.is_there():
            await self.postiz.scheduler.restore(await known.journal.read(read_kept))
            await changing.look(Outage.of(self.postiz))
        # which reads the journal after a run
        rows = await anyio.to_thread.run_sync(known.unsent)
        await self._look_in_postiz(rows)
        if known.adopting:
            rows = await anyio.to_thread.run_sync(known.unsent)
        rows = [*rows, *changing.planned.resent]
        await self.postiz.scheduler.refresh()
        planner, align = known.planner, known.options.span
        arranged = await known.arrange(planner, rows)
        facts = known.checked.facts
        sent = [*rows, *(row for request in changing.requests for row in request.rows)]
        media = len({facts[name].sha256 for row in sent for name in row.media})
        work = partial(planner.forecast, rows, arranged, align, media_files=media)
        forecast = await anyio.to_thread.run_sync(partial(work, beside=changing.requests))
        return Plan(**structs.asdict(forecast), changes=changing.planned)

    async def begin(self, how: ChangeOptions) -> ActiveRun:
        """Begin a run."""
        await self.settle()
        if self._active is not None and not self._active.is_over:
            raise UsageError("This campaign is being run already. Wait for the end of that run.")
        self.known.refuse_problems()
        self.postiz.scheduler.require(*self._scopes())
        self._active = ActiveRun(partial(self._make_so, how))
        return self._active

    def _scopes(self) -> set[Scope]:
        """The scopes that a run of these rows takes."""
        rows = self.known.rows
        scopes: set[Scope] = {"schedule" if row.type == "now" else row.type for row in rows}
        if any(row.type == "now" for row in rows):
            scopes.add("publish")
        if any(row.media for row in rows):
            scopes.add("media")
        if self.known.options.late == "send" and "schedule" in scopes:
            scopes.add("publish")
        return scopes

    async def _make_so(self, how: ChangeOptions, send: MemoryObjectSendStream[Outcome]) -> None:
        """Change and send until Postiz has what the campaign says, or until it is cancelled."""
        known, how = self.known, replace(how, on_outcome=send.send)
        self.changes = NO_CHANGES
        is_open = True
        while is_open:
            changing = Changing(self.postiz, known, how)
            await self._carry_out(changing, send)
            self.changes = joined(self.changes, changing.made)
            is_open = bool(changing.unclear)
            if is_open:  # the answers are known by now
                await known.read(await known.journal.made(known.origin.campaign))
                is_open = changing.is_open

    async def _carry_out(self, changing: Changing, send: MemoryObjectSendStream[Outcome]) -> None:
        """Change what differs, and send what is new."""
        known, how = self.known, changing.how
        self._outage = outage = Outage.of(self.postiz, log=OUTAGE_LOG)
        if known.unsent():
            await self.postiz.scheduler.refuse_if_halted()
        calendar = self._calendar(outage)
        async with AsyncExitStack() as stack:
            stack.callback(self._forget)
            if await known.journal.is_there():
                await self._resume(stack)
            others = await self._adopt(calendar, stack, keep=how.keep)
            journal = await known.journal.made(known.origin.campaign)
            if not how.prune:
                await known.decide(journal, keep=how.keep)
            await self.stop_before_drafts(journal, calendar, keep=how.keep)
            if known.checked.records:
                await changing.look(outage)
            context = JobContext.of(self.postiz, journal, self.doubts, outage)
            update = None
            if (plan := changing.plan) is not None:
                await self._require(changing.planned)
                update = await stack.enter_async_context(changing.carried_out(context, plan))
                adopted, calendar = others.unreported, self._calendar(outage)
                others = await self._adopt(calendar, stack, keep=True)
                others.unreported += adopted
            job = await self._open_job(context, calendar, others, update)
            left_out = known.problems
            stack.callback(lambda: known.know(replace(known.checked, left_out=left_out)))
            self._runner = Runner(job, send.send)
            async with task_group():
                await self._work(job, self._runner, send)

    def _forget(self) -> None:
        """Forget the records that were known before a run; the journal has them."""
        known = self.known
        if known.journal.opened is not None:
            records = RecordsOnDemand(known.journal.place)
            known.know(replace(known.checked, records=records))

    async def _work(self, job: Job, runner: Runner, send: MemoryObjectSendStream[Outcome]) -> None:
        journal = job.journal
        await runner.report_adopted()
        if self.known.arranged is None:
            await self.known.arrange(self.known.planner, self.known.unsent())
        try:
            await self._send(job, runner, self.known.arrangement.requests)
        finally:
            self.remarks += runner.remarks()
        self.known.arranged = None  # the plan has been carried out
        if journal.is_shared:
            await self._end_together(job, runner, send)
        await self._sweep(journal)

    @asynccontextmanager
    async def _taking_part(self, journal: Journal) -> AsyncGenerator[None]:
        """Keep other hosts from running the campaign with other rows while the block lasts."""
        run, contents = self._run, contents_of(self.known.rows)

        async def go_on() -> None:
            while True:
                await self.postiz.clock.sleep(TAKES_PART / 3)
                await journal.join(run, contents)

        await journal.join(run, contents)
        async with task_group() as group:
            group.start_soon(go_on)
            try:
                yield
            finally:
                group.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await journal.part(run)

    async def _send(self, job: Job, runner: Runner, requests: deque[PlannedRequest]) -> None:
        """Send requests, and look up lost ones of this or another run."""
        lost: list[RequestHandle] = []
        for each in await open_requests(job.journal, NewPosts()):
            if each.is_free:
                lost.append(each)
            else:
                job.elsewhere.update(each.refs)
        if not requests and not lost:
            return
        known = self.known.checked.channels  # channels of rows that are not done
        rows = {row.ref: row for row in self.known.valid() if row.ref in known} if lost else {}
        records = await job.journal.rows({ref for each in lost for ref in each.refs})
        for each in lost:
            rows |= as_sent(each.sent, rows, records)
        await runner.run(requests, lost, rows)

    async def _end_together(
        self, job: Job, runner: Runner, send: MemoryObjectSendStream[Outcome]
    ) -> None:
        """Wait for rows that other hosts are sending; send what they leave."""
        left = job.elsewhere
        while left:
            await self.postiz.clock.sleep(TOGETHER)
            now = {**self.known.checked.records, **await job.journal.rows(left)}
            self.known.know(replace(self.known.checked, records=now))
            rows = [row for row in self.known.unsent() if row.ref in left]
            again = {row.ref for row in rows}
            for ref in left - again:
                if ref not in now or now[ref].state not in IN_FLIGHT:
                    left.discard(ref)
                    if ref in now:
                        await send.send(outcome_of(now[ref]))
            left -= again
            planner = self.known.planner
            arranged = await in_thread(partial(planner.arrange, rows, self.known.options.span))
            await self._send(job, runner.another(), arranged.requests)

    async def _sweep(self, journal: Journal) -> None:
        """Sweep at the end of a run; a failure does not affect the result of the run."""
        try:
            await sweep_journal(self.postiz, journal)
        except CampaignError:
            raise
        except PostizError as error:
            self.remarks.append(
                "What people did to the posts since could not be looked at; look later with "
                f"postiz-async status. The reason: {trouble_of(error)}"
            )

    async def _require(self, changes: CampaignChanges) -> None:
        """Stop before changes that this client may not make, or nobody at present."""
        if changes.is_something:
            await self.postiz.scheduler.refuse_if_halted()
        if changes.changed:
            self.postiz.scheduler.require("update")
        if changes.resent or changes.pruned:
            self.postiz.scheduler.require("delete")

    def _calendar(self, outage: Outage) -> Calendar:
        """A list of posts that waits while Postiz is away, with what a plan just saw."""
        lists = outage.wrap(self.postiz.posts.list)
        is_shared = self.known.journal.place.path is None  # what a plan saw may be deleted since
        seen = self.known.seen if self.known.is_just_planned and not is_shared else None
        calendar = Calendar(lists) if seen is None else seen
        calendar.lists = lists
        return calendar

    async def _resume(self, stack: AsyncExitStack) -> None:
        """Open and read the journal of an earlier run."""
        journal = await self.known.journal.made(self.known.origin.campaign)
        await self._take_part(journal, stack)
        records = await journal.rows()
        if any(record.state is RowState.UNDECIDED for record in records.values()):
            await sweep_journal(self.postiz, journal)
        await self.known.read(journal)

    async def _take_part(self, journal: Journal, stack: AsyncExitStack) -> None:
        """Take over the quota of a journal, and keep others from sending other rows."""
        await self.postiz.scheduler.restore(await journal.read(read_kept))
        if journal.is_shared:
            await stack.enter_async_context(self._taking_part(journal))

    async def _adopt(self, calendar: Calendar, stack: AsyncExitStack, *, keep: bool) -> OtherRuns:
        """Look in Postiz for unsent rows, and write down what is found."""
        known = self.known
        known.seen, known.adopting = None, frozenset()
        others = await self._look_for_rows(known.unsent(), calendar)
        if others.older and not keep:
            rows = tuple(each.row or 0 for each in others.older)
            raise CampaignConflictError(explain_older(others.older), rows=rows)
        is_new = known.journal.opened is None
        journal = await known.journal.made(known.origin.campaign)
        if is_new:
            await self._take_part(journal, stack)
        await others.write_down(journal)
        # another run may have made the journal between our look for it and our lock
        await known.read(journal)
        return others

    async def _open_job(
        self, context: JobContext, calendar: Calendar, others: OtherRuns, update: Update | None
    ) -> Job:
        known, journal = self.known, context.journal
        if known.checked.records:
            others.here = {row.ref for row in known.checked.campaign.rows}
        refs, apart = known.changed_refs, await journal.read(refs_in_doubt)
        await write_rows(journal, known.checked, known.unsent(), refs, apart=apart)
        return Job(
            postiz=self.postiz,
            journal=journal,
            checked=known.checked,
            calendar=calendar,
            outage=context.outage,
            fence=context.fence,
            options=known.options,
            client_refs=others.client_refs,
            looks=[others.without_stored, *([] if update is None else [update.make_room])],
            adopted=others.unreported,
            doubts=self.doubts,
        )

    async def _look_for_rows(self, unsent: list[Row], calendar: Calendar) -> OtherRuns:
        """Look in Postiz for the rows that the journal does not call stored."""
        checked = self.known.checked
        by_id = {channel.id: channel for channel in checked.listed}
        recorded = {ref: by_id.get(record.channel) for ref, record in checked.records.items()}
        channels: Mapping[str, Channel] = checked.channels
        if recorded:  # avoid a needless copy: it is large for many rows
            there = {ref: channel for ref, channel in recorded.items() if channel is not None}
            channels = {**there, **channels}
        here = {row.ref for row in checked.campaign.rows} if recorded else None  # free a large set
        journal = self.known.journal
        is_there = bool(recorded) or journal.opened is not None
        read: ReadJournal | None = journal.read if is_there else None
        past = await past_of(read, self.known.origin.campaign)
        refs = ClientRefs(past, checked.campaign.rows, channels)
        others = OtherRuns(
            client_refs=refs,
            postiz=self.postiz,
            options=self.known.options,
            past=past,
            place=journal.place,
            here=here,
        )
        to_send = {row.ref for row in unsent}
        rows = unsent
        if recorded:
            rows = [
                row
                for row in self.known.valid()
                if row.ref in channels
                and (row.ref in to_send or is_unstored(checked.records.get(row.ref)))
            ]
        records = checked.records
        strangers = await others.at_start(rows, calendar, read, records=records, to_send=to_send)
        adopted, again = {row.ref for row in others.adopted}, others.sent_again
        self.known.repeated = [
            Problem("row", _AGAIN, row.number, severity="warning")
            for row in rows
            if row.ref in again
        ]
        sent = [row for row in rows if row.ref in to_send and row.ref not in adopted | again]
        if strangers and "doubles" not in self.known.options.reading.ignore:
            self.known.repeated += repeated_posts(sent, strangers, channels)
        if adopted and not records:
            others.older = older_versions(sent, strangers, channels)
            self.known.repeated += others.older
        return others

    async def stop_before_drafts(self, journal: Journal, calendar: Calendar, *, keep: bool) -> None:
        """Write down that drafts stay that somebody made of posts, or stop before others are sent.

        Raises:
            CampaignConflictError: there are some, and they are not to be kept.
        """
        drafts, others = await self._look_for_drafts(calendar)
        if drafts and not keep:
            rows = tuple(record.number for record in drafts)
            raise CampaignConflictError(explain_drafts(drafts), rows=rows)
        await journal.keep((record.ref for record in drafts), "draft")
        await journal.keep((record.ref for record in others), "")

    async def _look_for_drafts(self, calendar: Calendar) -> tuple[list[RowRecord], list[RowRecord]]:
        """Look for drafts that somebody made of the next posts, and if there are, of the others.

        Nothing is looked for if nothing is to be sent.

        Returns:
            See `made_drafts`.
        """
        if not self.known.unsent():
            return [], []
        now, records = self.known.now, self.known.checked.records.values()
        stored = [each for each in records if each.state is RowState.STORED and each.at > now]
        stored.sort(key=lambda record: record.seconds, reverse=True)
        await calendar.look({record.channel: record.at for record in stored}.values())
        if made_drafts(stored, calendar.posts)[0]:
            await calendar.look(record.at for record in stored)
        return made_drafts(stored, calendar.posts)

    async def _look_in_postiz(self, unsent: list[Row]) -> None:
        """Look in Postiz for rows before a plan."""
        calendar = Calendar(self.postiz.posts.list)
        others = await self._look_for_rows(unsent, calendar)
        drafts, _ = await self._look_for_drafts(calendar)
        self.known.repeated += [
            Problem("row", _IS_DRAFT, record.number, severity="warning") for record in drafts
        ]
        self.known.seen, self.known.adopting = (
            calendar,
            frozenset(row.ref for row in others.adopted),
        )
        self.known.arranged = None
