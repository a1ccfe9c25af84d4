"""`Batch`: one campaign file, its journal, and the job between them."""

from __future__ import annotations

import math
import os
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
from postiz_async.batch.plan import Limits, forecast, lower_bound, plan
from postiz_async.batch.report import make_report
from postiz_async.batch.rows import keep_refs
from postiz_async.batch.runner import Job, Outcome, Runner, first_error
from postiz_async.batch.source import read_campaign
from postiz_async.delivery.journal import Journal, RowRecord, State, read_summary
from postiz_async.errors import BatchError, InvalidPostError

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Awaitable,
        Callable,
        Mapping,
        Sequence,
    )
    from types import TracebackType
    from typing import Literal, Self

    from anyio.streams.memory import MemoryObjectSendStream

    from postiz_async.batch.plan import Forecast, PlannedRequest
    from postiz_async.batch.report import Report
    from postiz_async.batch.source import Campaign, Row
    from postiz_async.client import Postiz
    from postiz_async.errors import Problem
    from postiz_async.models.integrations import Integration

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
            unsent and reports it, `send` publishes it at once.
        skip_invalid: leave rows with problems out instead of refusing the whole campaign.

    Raises:
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
        late: Literal["skip", "send"] = "skip",
        skip_invalid: bool = False,
    ) -> None:
        self.path = Path(path)
        self.journal_path = Path(journal) if journal is not None else journal_path(self.path)
        self._postiz = postiz
        self._timezone = timezone
        self._late: Literal["skip", "send"] = late
        self._skip_invalid = skip_invalid
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
        checked = self._checked
        return [row for row in self._valid() if self._is_unsent(row, checked.records)]

    def _valid(self) -> list[Row]:
        """Rows without problems."""
        wrong = {problem.row for problem in self.problems}
        return [row for row in self.rows if row.number not in wrong]

    def _is_unsent(self, row: Row, records: Mapping[str, RowRecord]) -> bool:
        """Whether a row of the file is to be sent, given what is known of its ref."""
        record = records.get(row.ref)
        if record is None or record.state in {State.PLANNED, State.SKIPPED}:
            return True
        if record.state is State.LATE and self._late == "send":
            return True
        is_changed = record.fingerprint != row.fingerprint
        return is_changed and record.state in {State.REFUSED, State.LATE}

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
        records = await self._recorded()
        prints = {ref: record.fingerprint for ref, record in records.items()}
        campaign = replace(campaign, rows=keep_refs(campaign.rows, prints))
        listed = await self._postiz.integrations.list()
        self._refuse_foreign(campaign, records, listed)
        open_rows = [row for row in campaign.rows if not self._is_done(row, records)]
        channels, wrong_channels = channels_by_row(open_rows, Resolver(listed))
        facts, wrong_media = await inspect_media(open_rows, self.path.parent)
        now = datetime.fromtimestamp(self._postiz.scheduler.server_time(), UTC)
        wrong_dates = check_dates([row for row in open_rows if row.ref not in records], now)
        checked = Checked(campaign, listed, channels, facts, records, ())
        wrong_sizes = check_sizes([row for row in open_rows if row.ref in channels], checked)
        problems = [
            *campaign.problems,
            *wrong_channels,
            *wrong_dates,
            *wrong_media,
            *wrong_sizes,
        ]
        problems.sort(key=lambda problem: problem.row or 0)
        return replace(checked, problems=tuple(problems))

    async def _recorded(self) -> dict[str, RowRecord]:
        """What the journal of an earlier run says, if there is one."""
        if not await anyio.to_thread.run_sync(os.path.exists, self.journal_path):
            return {}
        summary = await anyio.to_thread.run_sync(read_summary, self.journal_path)
        if summary.base_url != self._postiz.base_url:
            raise BatchError(
                f"The journal {self.journal_path} belongs to {summary.base_url}, and this client "
                f"calls {self._postiz.base_url}. Use another --journal for another server."
            )
        return {record.ref: record for record in summary.rows}

    def _is_done(self, row: Row, records: Mapping[str, RowRecord]) -> bool:
        """Nothing of this row has to be read again."""
        record = records.get(row.ref)
        in_flight = record is not None and record.state in {State.SENDING, State.UNKNOWN}
        return not in_flight and not self._is_unsent(row, records)

    def _refuse_foreign(
        self,
        campaign: Campaign,
        records: Mapping[str, RowRecord],
        listed: Sequence[Integration],
    ) -> None:
        """A journal of another campaign or another organisation is never touched."""
        if not records:
            return
        if campaign.rows and not any(row.ref in records for row in campaign.rows):
            raise BatchError(
                f"The journal {self.journal_path} belongs to another campaign: it knows none of "
                f"the rows of {self.path}. Use another --journal, or move it away."
            )
        known = {channel.id for channel in listed}
        used = {record.channel for record in records.values()}
        if not used & known:
            raise BatchError(
                f"The journal {self.journal_path} belongs to another organisation: its channels "
                f"({', '.join(sorted(used)[:3])} ...) are not among those of this key "
                f"({', '.join(sorted(known)[:3])} ...). Use the key of that organisation, or "
                "another --journal."
            )

    # -------------------------------------------------------------- running

    @asynccontextmanager
    async def run(self) -> AsyncGenerator[AsyncIterator[Outcome]]:
        """Send what is unsent; yields the outcomes as they come.

        Leaving the block stops sending; requests in flight end first.

        Raises:
            InvalidPostError: the campaign has problems; nothing was sent.
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

    async def _work(
        self,
        journal: Journal,
        runner: Runner,
        send: MemoryObjectSendStream[Outcome],
    ) -> None:
        with send:
            lost = await journal.open_requests()
            rows = {row.ref: row for row in self._valid()}
            await runner.run(self.requests, lost, rows)

    async def _open_job(self) -> Job:
        if self._journal is None:
            self._journal = await Journal.open(
                self.journal_path, campaign=self.path.name, base_url=self._postiz.base_url
            )
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
            late=self._late,
            media=await self._journal.uploads(),
        )

    async def _write_rows(self, journal: Journal) -> None:
        """Tell the journal of new and changed rows, and of rows that are gone from the file."""
        records = self._checked.records
        fresh = [
            RowRecord(
                row.ref,
                row.number,
                row.fingerprint,
                self._checked.channels[row.ref].id,
                row.date.timestamp(),
            )
            for row in self._unsent()
        ]
        await journal.put(record for record in fresh if records.get(record.ref) != record)
        here = {row.ref: row.number for row in self.rows}
        await journal.renumber(
            {ref: here[ref] for ref, r in records.items() if here.get(ref, r.number) != r.number}
        )
        gone = [ref for ref, r in records.items() if ref not in here and r.state is State.PLANNED]
        await journal.mark(gone, State.SKIPPED, "not in the campaign file any more")
