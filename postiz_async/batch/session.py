"""`Batch`: one campaign file, its journal, and the job between them."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from postiz_async.batch.check import (
    Checked,
    Resolver,
    channels_by_row,
    check_dates,
    check_sizes,
    inspect_media,
)
from postiz_async.batch.choices import Choices, checked_late
from postiz_async.batch.confirm import PATIENCE, wait_published
from postiz_async.batch.decisions import is_changed, is_done, is_unsent, new_records, with_changes
from postiz_async.batch.html_report import html_report, read_facts
from postiz_async.batch.outcomes import Outcome, first_error
from postiz_async.batch.plan import Limits, forecast, lower_bound, plan
from postiz_async.batch.reconcile import open_existing, reconcile, sweep_journal
from postiz_async.batch.report import make_report
from postiz_async.batch.resuming import adopt, find_existing, recorded, refuse_foreign
from postiz_async.batch.rows import keep_refs
from postiz_async.batch.runner import Job, Runner
from postiz_async.batch.source import read_campaign
from postiz_async.batch.verdicts import verdicts
from postiz_async.delivery.journal import Journal, RowRecord, State, read_summary
from postiz_async.delivery.listing import Calendar
from postiz_async.delivery.patience import patiently
from postiz_async.endpoints import LIST_POSTS
from postiz_async.errors import BatchError, InvalidPostError, PostizError

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Awaitable,
        Callable,
        Mapping,
    )
    from datetime import timedelta, tzinfo
    from types import TracebackType
    from typing import Self

    from anyio.streams.memory import MemoryObjectSendStream

    from postiz_async.batch.choices import Existing, Late, OnDoubt
    from postiz_async.batch.confirm import Waited
    from postiz_async.batch.plan import Forecast, PlannedRequest
    from postiz_async.batch.reconcile import Reconciled
    from postiz_async.batch.report import Report
    from postiz_async.batch.source import Row
    from postiz_async.client import Postiz
    from postiz_async.errors import Problem
    from postiz_async.models.integrations import Integration
    from postiz_async.models.posts import Post

__all__ = ["Batch", "journal_path"]


def journal_path(campaign: Path) -> Path:
    """Where the journal of a campaign lies unless it is named: beside it."""
    return campaign.with_suffix(".journal")


class Batch:
    """A campaign file and what became of it.

        async with postiz.batch("campaign.csv") as batch:
            print(await batch.plan())
            report = await batch.run_all()

    Entering reads and checks everything: the file, its media, the channels, the journal of an
    earlier run. Nothing is sent before all is known.

    Args:
        postiz: an open client.
        path: the campaign, CSV or JSON lines.
        journal: where it is written down what became of each row; beside the file if None.
        timezone: the zone of dates without one.
        late: what to do with a row whose date passes before a slot is free: `skip` keeps it
            unsent and reports it, `send` publishes it at once, a `timedelta` moves it to so long
            after that moment.
        skip_invalid: leave rows with problems out instead of refusing the whole campaign.
        on_doubt: what to do with a row whose answer was lost and whose date comes before its
            absence can be proved: `skip` ends it undecided, `send` sends it again as soon as
            there are signs of its absence, at the risk of publishing it twice.
        existing: what to do when there is no journal but rows are in Postiz already: `refuse`
            stops before anything is sent, `adopt` takes them over as stored, `again` sends them
            once more.

    Raises:
        ConfigurationError: `late` is no time that rows can be shifted by.
        BatchError: the file or the journal cannot be used.
        InvalidPostError: from `plan` and `run`, with all problems.
    """

    def __init__(
        self,
        postiz: Postiz,
        path: Path | str,
        *,
        journal: Path | str | None = None,
        timezone: str | None = None,
        late: Late = "skip",
        skip_invalid: bool = False,
        on_doubt: OnDoubt = "skip",
        existing: Existing = "refuse",
    ) -> None:
        self.path = Path(path)
        self.journal_path = Path(journal) if journal is not None else journal_path(self.path)
        self._postiz = postiz
        self._timezone = timezone
        self._choices = Choices(checked_late(late), on_doubt, existing)
        self._skip_invalid = skip_invalid
        self._adopted: list[RowRecord] = []
        self.remarks: list[str] = []
        """What is to be said of the run as a whole."""
        self._journal: Journal | None = None
        self._known: Checked | None = None
        self._runner: Runner | None = None

    async def __aenter__(self) -> Self:
        self._known = await self._check()
        return self

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
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the campaign; `plan` and `run` refuse while there is any."""
        return self._checked.problems

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What the server accepts and you may regret; nothing stops for it."""
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
        return plan(self._unsent(), self._checked.size_of, self._limits)

    @property
    def lower_bound(self) -> int:
        """The number of requests below which no plan can get under the same limits."""
        return lower_bound(self._unsent(), self._checked.size_of, self._limits)

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
    def _limits(self) -> Limits:
        return Limits(posts=self._postiz.scheduler.gate.budget.request_posts)

    @property
    def _checked(self) -> Checked:
        if self._known is None:
            raise BatchError("Use the batch as `async with postiz.batch(...) as batch:`.")
        return self._known

    def _unsent(self) -> list[Row]:
        """Valid rows that neither have an outcome nor are in a request with an open one."""
        records = self._checked.records
        return [r for r in self._valid() if is_unsent(r, records.get(r.ref), self._choices)]

    def _valid(self) -> list[Row]:
        """Rows without problems."""
        wrong = {problem.row for problem in self.problems}
        return [row for row in self.rows if row.number not in wrong]

    @property
    def changed(self) -> list[Row]:
        """Rows that the file gives differently than they were stored; they stay as stored."""
        records = self._checked.records
        return [row for row in self.rows if is_changed(row, records.get(row.ref))]

    async def plan(self) -> Forecast:
        """What is still to be sent, what it costs and when it is done. Sends nothing.

        Raises:
            InvalidPostError: the campaign has problems.
        """
        self._refuse_problems()
        home = self._postiz.scheduler.gate.home
        await home.refresh()
        return forecast(self.requests, home.ledger, home.now(), self._postiz.clock.time())

    def _refuse_problems(self) -> None:
        if self.problems and not self._skip_invalid:
            raise InvalidPostError(list(self.problems))

    # -------------------------------------------------------------- checking

    async def _check(self) -> Checked:
        read = partial(read_campaign, self.path, timezone=self._timezone)
        campaign = await anyio.to_thread.run_sync(read)
        records = await recorded(self.journal_path, self._postiz.base_url)
        prints = {ref: record.fingerprint for ref, record in records.items()}
        campaign = replace(campaign, rows=keep_refs(campaign.rows, prints))
        listed = await self._postiz.integrations.list()
        refuse_foreign(self.journal_path, campaign, self.path, records, listed)
        open_rows = [
            row for row in campaign.rows if not is_done(row, records.get(row.ref), self._choices)
        ]
        channels, wrong_channels = channels_by_row(open_rows, Resolver(listed))
        facts, wrong_media = await inspect_media(open_rows, self.path.parent)
        now = datetime.fromtimestamp(self._postiz.scheduler.server_time(), UTC)
        wrong_dates = check_dates([row for row in open_rows if row.ref not in records], now)
        checked = Checked(campaign, listed, channels, facts, records, ())
        usable = [
            row for row in open_rows if row.ref in channels and all(m in facts for m in row.media)
        ]
        wrong_sizes = check_sizes(usable, checked)
        too_large = {problem.row for problem in wrong_sizes}
        fitting = [row for row in usable if row.number not in too_large]
        judged = await verdicts(fitting, channels, facts, self._postiz.vetting)
        problems = [
            *campaign.problems,
            *wrong_channels,
            *wrong_dates,
            *wrong_media,
            *wrong_sizes,
        ]
        seen = {(problem.row, problem.where) for problem in problems}
        problems += [p for p in judged if p.severity == "error" and (p.row, p.where) not in seen]
        problems.sort(key=lambda problem: problem.row or 0)
        warnings = tuple(problem for problem in judged if problem.severity == "warning")
        return replace(checked, problems=tuple(problems), warnings=warnings)

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
                self._known = replace(self._checked, records=await job.journal.rows())

    async def run_all(
        self, on_outcome: Callable[[Outcome], Awaitable[None]] | None = None
    ) -> Report:
        """Send what is unsent and report. Raises what `run` raises."""
        async with self.run() as outcomes:
            async for outcome in outcomes:
                if on_outcome is not None:
                    await on_outcome(outcome)
        return await self.report()

    async def report(self) -> Report:
        """What became of each row, as the journal knows it.

        Raises:
            BatchError: the campaign was never run.
        """
        summary = await anyio.to_thread.run_sync(read_summary, self.journal_path)
        return make_report(summary.rows, summary.requests)

    async def html_report(self, *, zone: tzinfo | None = None) -> str:
        """What became of the campaign as a page that needs nothing beside itself.

        Args:
            zone: of its dates; None for the machine's.

        Raises:
            BatchError: the campaign was never run.
        """
        reading = partial(
            read_facts,
            self.journal_path,
            made_at=self._postiz.clock.time(),
            rows=self.rows,
            zone=zone,
            remarks=tuple(self.remarks),
        )
        return await anyio.to_thread.run_sync(lambda: html_report(reading()))

    async def _work(
        self,
        journal: Journal,
        runner: Runner,
        send: MemoryObjectSendStream[Outcome],
    ) -> None:
        with send:
            for record in self._adopted:
                adopted = (record.number, record.ref, record.state, record.post_id, record.note)
                await send.send(Outcome(*adopted))
            lost = await journal.open_requests()
            rows = {row.ref: row for row in self._valid()}
            await runner.run(self.requests, lost, rows)
            await self._sweep(journal)

    async def reconcile(self) -> Reconciled:
        """Hold what is stored against the server: what people moved, deleted or doubled.

        Sends no post; `report` tells what was found. Every run ends with it where reads are free.

        Raises:
            BatchError: the campaign was never run, or another process works on it.
            PostizError: the server could not be asked.
        """
        if self._journal is not None:
            return await sweep_journal(self._postiz, self._journal)
        return await reconcile(self._postiz, self.journal_path)

    async def wait_published(
        self,
        *,
        patience: timedelta = PATIENCE,
        on_outcome: Callable[[Outcome], Awaitable[None]] | None = None,
        on_look: Callable[[Waited], Awaitable[None]] | None = None,
    ) -> Waited:
        """Wait until what is stored is published or failed; to be called after a run.

        Ends when each post is out, refused by its network, deleted, or `patience` over its date.
        What was seen is in the journal, so it may be cancelled and called again; `report` tells.

        Raises:
            BatchError: the campaign was never run, or another process works on it.
            PostizError: the server could not be asked for half an hour.
        """
        waiting = partial(wait_published, patience=patience, on_outcome=on_outcome, on_look=on_look)
        if self._journal is not None:
            return await waiting(self._postiz, self._journal)
        async with await open_existing(self._postiz, self.journal_path) as journal:
            return await waiting(self._postiz, journal)

    async def _sweep(self, journal: Journal) -> None:
        """The sweep at the end of a run; that it failed does not undo the run."""
        if self._postiz.scheduler.is_counted(LIST_POSTS.name):
            self.remarks.append(
                "What people did to the posts since was not looked at, because this server "
                "counts reads. Look with: postiz-async reconcile"
            )
            return
        try:
            await sweep_journal(self._postiz, journal)
        except BatchError:
            raise
        except PostizError as error:
            self.remarks.append(
                f"What people did to the posts since could not be looked at: {error} "
                "Look later with: postiz-async reconcile"
            )

    async def _open_job(self) -> Job:
        calendar = Calendar(self._list, self._postiz.clock)
        there: Mapping[str, Post] = {}
        if not await recorded(self.journal_path, self._postiz.base_url):
            there = await find_existing(
                self._unsent(), self._checked, calendar, self._choices.existing, self.journal_path
            )
        if self._journal is None:
            self._journal = await Journal.open(
                self.journal_path, campaign=self.path.name, base_url=self._postiz.base_url
            )
        self._adopted = await adopt(self._postiz, self._journal, self._checked, there)
        # another run may have used the journal between our look at it and our lock
        self._known = replace(self._checked, records=await self._journal.rows())
        await self._write_rows(self._journal)
        self._postiz.scheduler.keepers.append(self._journal)
        try:
            await self._postiz.scheduler.recall()
        finally:
            self._postiz.scheduler.keepers.remove(self._journal)
        return Job(
            postiz=self._postiz,
            journal=self._journal,
            folder=self.path.parent,
            channels=self._checked.channels,
            facts=self._checked.facts,
            calendar=calendar,
            late=self._choices.late,
            on_doubt=self._choices.on_doubt,
            media=await self._journal.uploads(),
        )

    async def _list(self, *, start: datetime, end: datetime) -> list[Post]:
        posts = self._postiz.posts
        return await patiently(self._postiz.clock, lambda: posts.list(start=start, end=end))

    async def _write_rows(self, journal: Journal) -> None:
        """Tell the journal of new and changed rows, and of rows that are gone from the file."""
        records = self._checked.records
        fresh = new_records(self._unsent(), self._checked.channels)
        await journal.put(record for record in fresh if records.get(record.ref) != record)
        here = {row.ref: row.number for row in self.rows}
        await journal.renumber(
            {ref: here[ref] for ref, r in records.items() if here.get(ref, r.number) != r.number}
        )
        gone = [ref for ref, r in records.items() if ref not in here and r.state is State.PLANNED]
        await journal.mark(gone, State.SKIPPED, "not in the campaign file any more")
        await journal.found(with_changes(self.rows, records))
