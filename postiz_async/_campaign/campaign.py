"""`Campaign`: a campaign with its journal, and the job that sends it."""

from __future__ import annotations

import logging
import math
import uuid
from collections import Counter, defaultdict, deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio

from postiz_async._campaign.after.ics import calendar_file, event_of
from postiz_async._campaign.after.reconcile import open_existing, sweep_journal
from postiz_async._campaign.after.report import make_report
from postiz_async._campaign.after.report.data import read_facts
from postiz_async._campaign.after.report.html import html_report
from postiz_async._campaign.journal.journal import TAKES_PART, Journal
from postiz_async._campaign.journal.purposes import NewPosts
from postiz_async._campaign.journal.requests import RequestHandle, open_requests
from postiz_async._campaign.journal.rows import OPEN_STATES
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._campaign.origin import Origin, check_campaign
from postiz_async._campaign.outcomes import ActiveRun, CampaignRun, Outcomes
from postiz_async._campaign.plan.check import check_rows
from postiz_async._campaign.plan.doubles import repeated_posts
from postiz_async._campaign.plan.packing import Limits
from postiz_async._campaign.plan.plan import AHEAD, ChannelPlan, Moment, Planner
from postiz_async._campaign.plan.row_state import (
    as_sent,
    is_there,
    is_unsent,
    is_unstored,
    with_changes,
)
from postiz_async._campaign.read.read_options import FileOptions, save_options
from postiz_async._campaign.run.already_stored import ClientRefs
from postiz_async._campaign.run.edits import find_edits
from postiz_async._campaign.run.job import (
    Job,
    Outcome,
    RunProgress,
    checked_hook,
    outcome_of,
    task_group,
)
from postiz_async._campaign.run.other_runs import OtherRuns
from postiz_async._campaign.run.resume import RecordsOnDemand, contents_of, past_of, write_rows
from postiz_async._campaign.run.run import Runner
from postiz_async._campaign.run.update import Update
from postiz_async._campaign.run.update_plan import joined
from postiz_async._campaign.sent import SentCampaign
from postiz_async._concurrency import in_thread
from postiz_async._delivery.listing import Calendar
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.pauses import Outage, trouble_of
from postiz_async._resources.channel_names import Resolver
from postiz_async._wire.endpoints import LIST_POSTS
from postiz_async.errors import (
    CampaignError,
    InvalidPostError,
    PostizError,
    Problem,
    UsageError,
    by_reader,
)
from postiz_async.models._durations import write_duration

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        Awaitable,
        Callable,
        Collection,
        Mapping,
        Sequence,
    )
    from datetime import tzinfo
    from typing import Self

    from anyio.streams.memory import MemoryObjectSendStream

    from postiz_async._campaign.after.report import Report
    from postiz_async._campaign.journal.rows import RowRecord
    from postiz_async._campaign.journal.tables import Tables
    from postiz_async._campaign.options import CampaignOptions
    from postiz_async._campaign.plan.check import Checked
    from postiz_async._campaign.plan.plan import Arrangement, Forecast, PlannedRequest
    from postiz_async._campaign.read.read_options import ReadOptions
    from postiz_async._campaign.read.rows import CampaignSource, Row
    from postiz_async._campaign.run.edits import Edits
    from postiz_async._campaign.run.resume import ReadJournal
    from postiz_async._campaign.run.update_plan import UpdatePlan, UpdateResult
    from postiz_async._delivery.client import CampaignClient
    from postiz_async.models.channels import Channel
    from postiz_async.models.posts import Post


T = TypeVar("T")

TOGETHER = 5.0
"""Seconds between two looks at the last rows that other hosts are sending."""

_IN_FLIGHT = {RowState.SENDING, RowState.UNKNOWN}

OUTAGE_LOG = logging.getLogger("postiz_async.campaign.outage")
"""The logger that reports the beginning and the end of pauses while Postiz is away."""

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
_FRESH = 60.0
"""Seconds after which a plan is made anew before anything is sent."""


@dataclass(frozen=True, slots=True)
class UpdateBeside:
    """An update that runs together with the sending of new rows.

    `moving` are refs of rows whose posts are deleted right before their create leaves, `changing`
    are refs of rows in changes whose answers were lost.
    """

    work: Update
    plan: UpdatePlan
    moving: frozenset[str]
    changing: frozenset[str]


class Campaign(SentCampaign):
    """A campaign: its plan, its run, and its report.

        async with postiz.campaign("campaign.csv") as campaign:
            print(await campaign.plan())
            report = await campaign.run()

    Entering reads and checks everything: the rows, their media, the channels, the journal of an
    earlier run. Nothing is sent before all is known.

    After a run, `requests`, `changed`, `is_resumed` and what else depends on the journal read it
    again. `plan` does that in a thread; without it the first of them does, in the event loop, which
    it holds up where the rows are many.

    `Postiz.campaign` makes one, and says what the arguments mean.
    """

    def __init__(
        self, postiz: CampaignClient, source: CampaignSource, options: CampaignOptions
    ) -> None:
        self._origin = Origin.of(source, options, postiz.base_url)
        super().__init__(postiz, self._origin.path, self._origin.journal, options)
        self.remarks: list[str] = [_EXACT] if options.exact_seconds else []
        """Notes on the run as a whole."""
        self._run = uuid.uuid4().hex
        self._known: Checked | None = None
        self._edits: Edits | None = None
        self._arranged: Arrangement | None = None
        self._arranged_at = -math.inf
        self._runner: Runner | None = None
        self._outage: Outage | None = None
        self._active: ActiveRun | None = None
        self._update: UpdateBeside | None = None
        self._adopted: list[RowRecord] = []
        self._adopting: frozenset[str] = frozenset()
        """Refs of rows that the last plan found in Postiz, so that a run adopts them."""
        self._repeated: list[Problem] = []
        """Warnings about rows whose text is in Postiz within a day, from the last look."""
        self._seen: Calendar | None = None
        """The posts that the last plan saw in Postiz."""

    async def open(self) -> Self:
        """Open the campaign, as `async with` does: read and check everything.

        Raises:
            CampaignError: the campaign or the journal cannot be used.
        """
        kept = await in_thread(partial(FileOptions.saved, self._origin.source))
        self._options = self._options.with_kept(kept)
        self._origin = Origin.of(self._origin.source, self._options, self._postiz.base_url)
        self._place = self._origin.journal
        self._know(await check_campaign(self._postiz, self._origin, self._options))
        return self

    async def aclose(self) -> None:
        """End a run that was left, then close the journal. Closing twice does no harm."""
        try:
            if self._active is not None:
                self._active.stop()
                await self._active.end()
        finally:
            await super().aclose()

    async def _settle(self) -> None:
        if self._active is not None and self._active.is_stopping:
            await self._active.end()

    async def save_options(self) -> Path:
        """Save the options of a file next to it, as `campaign.toml`, which every command reads.

        Returns:
            The path of the saved file.

        Raises:
            CampaignError: the campaign is not a file, or the file next to it cannot be written.
        """
        if not isinstance(self._origin.source, str | Path):
            raise CampaignError("Rows that do not come from a file have no options to save.")
        options, align = self._options, self._options.align
        span = align if align is None or isinstance(align, str) else write_duration(options.span)
        saving = partial(save_options, self.path, options.reading, name=options.name)
        return await in_thread(partial(saving, align=span, media_root=options.media_root))

    # -------------------------------------------------------------- what is known

    @property
    def reading(self) -> ReadOptions:
        """How the file is read, as given and as saved next to it."""
        return self._options.reading

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the campaign; `plan` and `run` refuse if there is any problem."""
        return self._checked.problems

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Warnings: accepted by the server, but probably mistakes; nothing stops for them."""
        return (*self._checked.warnings, *self._repeated)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows that could be read."""
        return self._checked.campaign.rows

    @property
    def adopted(self) -> list[Row]:
        """Rows that the last `plan` found in Postiz: a run adopts them and does not send them.

        These are rows that the journal knows; with `existing="adopt"`, all rows.
        """
        return [row for row in self.rows if row.ref in self._adopting]

    @property
    def channels(self) -> list[Channel]:
        """The channels that the campaign uses."""
        return list({c.id: c for c in self._checked.channels.values()}.values())

    @property
    def by_channel(self) -> list[ChannelPlan]:
        """For each channel of the file, what is in Postiz and what has still to be sent."""
        checked = self._checked
        dates: defaultdict[str, list[datetime]] = defaultdict(list)
        for request in self.requests:
            for row in request.rows:
                dates[checked.channels[row.ref].id].append(row.date)
        there: Counter[str] = Counter()
        for row in self.rows:
            record = checked.records.get(row.ref)
            if row.ref in self._adopting:
                there[checked.channels[row.ref].id] += 1
            elif record is not None and is_there(record):
                there[record.channel] += 1
        return [
            ChannelPlan(
                channel=each,
                in_postiz=there[each.id],
                posts=len(dates[each.id]),
                first=min(dates[each.id], default=None),
                last=max(dates[each.id], default=None),
            )
            for each in checked.listed
            if each.id in there or each.id in dates
        ]

    @property
    def requests(self) -> list[PlannedRequest]:
        """The requests that have still to be sent, the most urgent first."""
        return list(self._arrangement.requests)

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier run left a journal."""
        return bool(self._checked.records)

    @property
    def progress(self) -> RunProgress:
        """What a run is doing, besides the outcomes of its rows."""
        uploads = self._runner.uploads_done if self._runner is not None else 0
        return RunProgress(uploads, self._outage.trouble if self._outage is not None else "")

    @property
    def changed(self) -> list[Row]:
        """Rows that differ in the file from what was stored; the posts stay as stored."""
        return [each.row for each in self.edits.changed]

    @property
    def edits(self) -> Edits:
        """The differences between the campaign and what was sent of it; `update` applies them."""
        if self._edits is None:
            checked = self._checked
            self._edits = find_edits(
                checked.campaign.rows,
                checked.records,
                channel_of=Resolver(checked.listed).ids(),
                now=datetime.fromtimestamp(self._postiz.scheduler.server_time(), UTC),
                unsure=checked.unsure,
                unread=checked.campaign.unread,
            )
        return self._edits

    @property
    def is_done(self) -> bool:
        """Whether a run has nothing to send, to look up or to write down."""
        records = self._checked.records
        return not (
            self.requests
            or any(record.state in OPEN_STATES for record in records.values())
            or self._checked.left_out != self.problems
            or with_changes(self.rows, records, self._changed_refs)
        )

    @property
    def _changed_refs(self) -> set[str]:
        return {each.row.ref for each in self.edits.changed}

    def icalendar(self) -> str:
        """The planned and stored posts as a calendar file (RFC 5545).

        Rows with problems, refused ones and those that were deleted in Postiz are left out.
        """
        checked = self._checked
        by_id = {channel.id: channel for channel in checked.listed}
        events = [
            event_of(row, checked.channels[row.ref])
            for request in self.requests
            for row in request.rows
        ]
        for row in self._valid():
            record = checked.records.get(row.ref)
            if record is not None and is_there(record) and record.channel in by_id:
                date = datetime.fromtimestamp(record.seconds, UTC)
                events.append(event_of(row.at(date), by_id[record.channel]))
        made_at = datetime.fromtimestamp(self._postiz.clock.time(), UTC)
        return calendar_file(self._origin.campaign, events, made_at=made_at)

    def _refuse_problems(self) -> None:
        if self.problems and not self._options.skip_invalid:
            raise InvalidPostError(list(self.problems))

    # -------------------------------------------------------------- running

    async def plan(self) -> Forecast:
        """Plan what has still to be sent, with its cost and its end. Sends nothing.

        Looks in Postiz for the rows as a run does, unless the server counts reads.

        Raises:
            InvalidPostError: the campaign has problems.
            CampaignError: rows are in Postiz already, and `existing` is "refuse".
        """
        await self._settle()
        self._refuse_problems()
        self._adopting = frozenset()
        rows = await anyio.to_thread.run_sync(self._unsent)  # which reads the journal after a run
        await self._look_in_postiz(rows)
        if self._adopting:
            rows = [row for row in rows if row.ref not in self._adopting]
        await self._postiz.scheduler.refresh()
        planner, align = self._planner, self._options.span
        arranged = await self._arrange(planner, rows)
        facts = self._checked.facts
        media = len({facts[name].sha256 for row in rows for name in row.media})
        work = partial(planner.forecast, rows, arranged, align, media_files=media)
        return await anyio.to_thread.run_sync(work)

    def run(
        self, on_outcome: Callable[[Outcome], Awaitable[None] | None] | None = None
    ) -> CampaignRun:
        """Send what is unsent: to await for the report, or to iterate over as outcomes come.

            report = await campaign.run()

            async for outcome in campaign.run():
                print(outcome.row, outcome.state)

        Leaving the loop, or cancelling, stops sending; requests in flight end first, and the next
        run goes on.

        Args:
            on_outcome: called with each `Outcome` once it is known; may be asynchronous. What it
                raises stops the run and is raised here.

        Raises:
            InvalidPostError: the campaign has problems; nothing was sent.
            CampaignError: rows are in Postiz already, and `existing` is "refuse".
            PostizError: the job had to stop; run it again to go on.
            UsageError: `on_outcome` is not a function of one argument, or a run is under way.
        """
        saw = checked_hook("on_outcome", on_outcome)
        return CampaignRun(Outcomes(self._begin, saw), self.report)

    async def _begin(self) -> ActiveRun:
        await self._settle()
        if self._active is not None and not self._active.is_over:
            raise UsageError("This campaign is being run already. Wait for the end of that run.")
        self._refuse_problems()
        self._active = ActiveRun(self._carry_out)
        return self._active

    async def _carry_out(self, send: MemoryObjectSendStream[Outcome]) -> None:
        """Run until all is sent, or until it is cancelled."""
        job = await self._open_job()
        fence = None if self._update is None else self._update.work.fence
        self._runner = Runner(job, send.send, fence)
        try:
            async with self._taking_part(job.journal), task_group():
                await self._work(job, self._runner, send)
        finally:
            known = RecordsOnDemand(self._place)
            self._know(replace(self._checked, records=known, left_out=self.problems))

    async def update(
        self,
        *,
        prune: bool = False,
        force: bool = False,
        dry_run: bool = False,
        on_outcome: Callable[[Outcome], Awaitable[None] | None] | None = None,
    ) -> UpdateResult:
        """Change stored posts to what the campaign says now, and send new rows.

        What people changed in Postiz meanwhile is left and reported, unless `force` is given. A row
        that moved to another channel is deleted and sent anew, so that there are never two posts.
        An update may be killed and called again.

        Args:
            prune: delete posts whose row is not in the campaign any more.
            force: overwrite what people edited in Postiz, and send anew what they deleted.
            dry_run: change nothing, and return what would be done and what it costs.
            on_outcome: called with each `Outcome` once it is known; may be asynchronous.

        Raises:
            CampaignError: the campaign was never run, or another process works on it.
            InvalidPostError: the campaign has problems; nothing was changed.
            PostizError: the job had to stop; call it again to go on.
        """
        saw = checked_hook("on_outcome", on_outcome)
        await self._settle()
        self._refuse_problems()
        if self._journal is None:
            self._journal = await open_existing(self._postiz, self._place)
        journal = self._journal
        await self._postiz.scheduler.restore(journal)
        work = Update(
            self._postiz, journal, self._options, force=force, on_outcome=saw, doubts=self._doubts
        )
        in_doubt = await work.in_doubt()
        self._know(replace(self._checked, records=await journal.rows()))
        folder, options = self._origin.folder, self._options
        self._know(await check_rows(self._postiz, self._checked, self.changed, folder, options))
        self._refuse_problems()
        plan = await work.plan(self._checked, self.edits, prune=prune, in_doubt=in_doubt)
        changes, _ = plan.requests(self._planner, self._options.span)
        plan.keep_late(self._coming(plan, changes))
        done = self._updated(plan, in_doubt)
        if dry_run:
            return done
        coming = partial(self._coming, plan, [])
        async with work.carried_out(plan, self._planner, coming, in_doubt):
            changing = await work.in_doubt()
            self._know(replace(self._checked, records=await journal.rows()))
            self._update = UpdateBeside(
                work, plan, frozenset(row.ref for row, _ in plan.moving), changing
            )
            try:
                await self.run(saw)
            finally:
                self._update = None
        done = replace(done, resent=tuple(plan.sent_anew), left=plan.numbers_left)
        if not in_doubt:
            return done
        then = await self.update(prune=prune, force=force, on_outcome=saw)
        return joined(done, then)

    async def report(self) -> Report:
        """The outcome of each row, as recorded in the journal.

        Raises:
            CampaignError: the campaign was never run, or its journal is gone since.
        """
        await self._settle()
        if self._journal is not None and not await self.has_journal():
            adopt = by_reader("--adopt", 'existing="adopt"')
            raise CampaignError(
                f"{self._place} was removed or moved while the campaign was run, so what "
                "became of each row cannot be told. What was sent is in Postiz. Put the journal "
                f"back, or run the campaign again with {adopt}: it takes over what is there."
            )
        summary = await in_thread(partial(read_summary, self._place))
        return make_report(summary.rows, summary.requests, self.problems)

    async def html_report(self, *, zone: tzinfo | None = None) -> str:
        """The outcome of the campaign as an HTML page without external resources.

        Args:
            zone: the time zone of its dates; None for the machine's.

        Raises:
            CampaignError: the campaign was never run.
        """
        await self._settle()
        reading = partial(
            read_facts,
            self._place,
            made_at=self._postiz.clock.time(),
            rows=self.rows,
            problems=self.problems,
            zone=zone,
            remarks=tuple(self.remarks),
        )
        return await in_thread(lambda: html_report(reading()))

    @property
    def _rows_read(self) -> Sequence[Row]:
        return self.rows

    # -------------------------------------------------------------- the plan

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
        """The plan; made anew if the quota or the rows have changed."""
        if self._arranged is None:
            return self._plan_is(self._planner.arrange(self._unsent(), self._options.span))
        return self._arranged

    async def _arrange(self, planner: Planner, rows: list[Row]) -> Arrangement:
        """Plan rows in a thread."""
        work = partial(planner.arrange, rows, self._options.span)
        return self._plan_is(await anyio.to_thread.run_sync(work))

    def _plan_is(self, arranged: Arrangement) -> Arrangement:
        self._arranged, self._arranged_at = arranged, self._postiz.clock.monotonic()
        return arranged

    @property
    def _is_just_planned(self) -> bool:
        """Whether the plan is recent enough for a run."""
        age = self._postiz.clock.monotonic() - self._arranged_at
        return self._arranged is not None and age <= _FRESH

    @property
    def _checked(self) -> Checked:
        if self._known is None:
            raise UsageError(
                "Use the campaign as `async with postiz.campaign(...) as campaign:`, in "
                "synchronous code as `with postiz.campaign(...) as campaign:`, or open it first: "
                "`await campaign.open()`."
            )
        return self._known

    def _know(self, checked: Checked) -> None:
        self._known, self._arranged, self._edits = checked, None, None

    def _unsent(self) -> list[Row]:
        """Valid rows that have no outcome and are in no request with an unknown one."""
        records = self._checked.records
        moving = self._update.moving if self._update is not None else frozenset[str]()
        return [
            row
            for row in self._valid()
            if row.ref not in self._adopting
            and (row.ref in moving or is_unsent(row, records.get(row.ref), self._options))
        ]

    def _valid(self) -> list[Row]:
        """Rows without problems."""
        wrong = {problem.row for problem in self.problems}
        return [row for row in self.rows if row.number not in wrong]

    def _updated(self, plan: UpdatePlan, in_doubt: Collection[str]) -> UpdateResult:
        """The result of a planned update, with what a run sends after it."""
        planner, align = self._planner, self._options.span
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
        """The cost of changes and of what is sent after them; None if nothing is."""
        planner, rows = self._planner, [*self._unsent(), *plan.sent_anew]
        sent = planner.arrange(rows, self._options.span).requests
        coming = sorted([*changes, *sent], key=lambda request: request.deadline)
        return planner.moment.forecast(coming) if coming else None

    # -------------------------------------------------------------- the job

    async def _work(self, job: Job, runner: Runner, send: MemoryObjectSendStream[Outcome]) -> None:
        journal = job.journal
        for record in self._adopted:
            await send.send(outcome_of(record))
        if self._arranged is None:
            await self._arrange(self._planner, self._unsent())
        try:
            await self._send(job, runner, self._arrangement.requests)
        finally:
            self.remarks += runner.remarks()
        self._arranged = None  # the plan has been carried out
        if journal.is_shared:
            await self._end_together(job, runner, send)
        await self._sweep(journal)

    @asynccontextmanager
    async def _taking_part(self, journal: Journal) -> AsyncGenerator[None]:
        """Keep other hosts from running the campaign with other rows while the block lasts."""
        if not journal.is_shared:
            yield
            return
        run, contents = self._run, contents_of(self.rows)

        async def go_on() -> None:
            while True:
                await self._postiz.clock.sleep(TAKES_PART / 3)
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
        known = self._checked.channels  # channels of rows that are not done
        rows = {row.ref: row for row in self._valid() if row.ref in known} if lost else {}
        for each in lost:
            rows |= as_sent(each.sent, rows, self._checked.records)
        await runner.run(requests, lost, rows)

    async def _end_together(
        self, job: Job, runner: Runner, send: MemoryObjectSendStream[Outcome]
    ) -> None:
        """Wait for rows that other hosts are sending; send what they leave."""
        left = job.elsewhere
        while left:
            await self._postiz.clock.sleep(TOGETHER)
            now = {**self._checked.records, **await job.journal.rows(left)}
            self._know(replace(self._checked, records=now))
            rows = [row for row in self._unsent() if row.ref in left]
            again = {row.ref for row in rows}
            for ref in left - again:
                if ref not in now or now[ref].state not in _IN_FLIGHT:
                    left.discard(ref)
                    if ref in now:
                        await send.send(outcome_of(now[ref]))
            left -= again
            planner = self._planner
            arranged = await in_thread(partial(planner.arrange, rows, self._options.span))
            await self._send(job, runner.another(), arranged.requests)

    async def _sweep(self, journal: Journal) -> None:
        """Sweep at the end of a run; a failure does not affect the result of the run."""
        if self._postiz.scheduler.is_counted(LIST_POSTS.name):
            self.remarks.append(
                "What people did to the posts since was not looked at, because this server "
                "counts reads. Look with: postiz-async reconcile"
            )
            return
        try:
            found = await sweep_journal(self._postiz, journal)
            self.remarks.extend(found.remarks)
        except CampaignError:
            raise
        except PostizError as error:
            self.remarks.append(
                "What people did to the posts since could not be looked at; look later with "
                f"postiz-async reconcile. The reason: {trouble_of(error)}"
            )

    async def _open_job(self) -> Job:
        self._outage = outage = Outage.of(self._postiz, log=OUTAGE_LOG)
        lists = outage.wrap(self._postiz.posts.list)
        is_shared = self._place.path is None  # posts seen then may have been deleted since
        seen = self._seen if self._is_just_planned and not is_shared else None
        calendar = Calendar(lists) if seen is None else seen
        calendar.lists = lists
        if await anyio.to_thread.run_sync(lambda: self._place.is_there):
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
        update, refs = self._update, self._changed_refs
        if update is not None:
            others.make_room = partial(update.work.make_room, update.plan)
        if journal.is_shared:
            await journal.join(self._run, contents_of(self.rows))
        apart = () if update is None else update.changing
        await write_rows(journal, self._checked, self._unsent(), refs, apart=apart)
        await self._postiz.scheduler.restore(journal)
        return Job(
            postiz=self._postiz,
            journal=journal,
            checked=self._checked,
            calendar=calendar,
            outage=outage,
            options=self._options,
            others=others,
            doubts=self._doubts,
        )

    async def _open_journal(self) -> Journal:
        """The journal, created if it does not exist."""
        if self._journal is None:
            self._journal = await Journal.open(
                self._place,
                campaign=self._origin.campaign,
                base_url=self._postiz.base_url,
                clock=self._postiz.clock,
            )
        return self._journal

    async def _ask(self, query: Callable[[Tables], T]) -> T:
        return await in_thread(partial(self._place.query, query, self._postiz.clock))

    async def _look_for_rows(
        self, unsent: list[Row], calendar: Calendar, outage: Outage
    ) -> OtherRuns:
        """Look in Postiz for the rows that the journal does not call stored."""
        checked = self._checked
        by_id = {channel.id: channel for channel in checked.listed}
        recorded = {ref: by_id.get(record.channel) for ref, record in checked.records.items()}
        channels: Mapping[str, Channel] = checked.channels
        if recorded:  # avoid a needless copy: it is large for many rows
            there = {ref: channel for ref, channel in recorded.items() if channel is not None}
            channels = {**there, **channels}
        here = {row.ref for row in checked.campaign.rows} if recorded else None  # free a large set
        read: ReadJournal | None = self._ask if recorded else None
        read = self._journal.read if self._journal is not None else read
        past = await past_of(read, self._origin.campaign)
        refs = ClientRefs(past, checked.campaign.rows, channels)
        others = OtherRuns(self._postiz, outage, self._options, past, refs, self._place, here)
        to_send = {row.ref for row in unsent}
        rows = unsent
        if recorded:
            rows = [
                row
                for row in self._valid()
                if row.ref in channels
                and (row.ref in to_send or is_unstored(checked.records.get(row.ref)))
            ]
        records = checked.records
        strangers = await others.at_start(rows, calendar, read, records=records, to_send=to_send)
        adopted, again = {row.ref for row in others.adopted}, others.sent_again
        self._repeated = [
            Problem("row", _AGAIN, row.number, severity="warning")
            for row in rows
            if row.ref in again
        ]
        if strangers and "doubles" not in self._options.reading.ignore:
            sent = [row for row in rows if row.ref in to_send and row.ref not in adopted | again]
            self._repeated += repeated_posts(sent, strangers, channels)
        return others

    async def _look_in_postiz(self, unsent: list[Row]) -> None:
        """Look in Postiz for rows before a plan, if this costs no quota."""

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
    """The server counts list requests, so that looking would cost quota."""
