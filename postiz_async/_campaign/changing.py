"""Plan how stored posts become what the rows of a campaign say, and do it as a part of a run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from postiz_async._campaign.journal.requests import refs_in_doubt
from postiz_async._campaign.journal.rows import IN_FLIGHT
from postiz_async._campaign.known import Known
from postiz_async._campaign.plan.check import check_rows
from postiz_async._campaign.plan.plan import Forecast, PlannedRequest
from postiz_async._campaign.run.conditions import DUE_NOW, Reason
from postiz_async._campaign.run.edits import Edits
from postiz_async._campaign.run.job import JobContext
from postiz_async._campaign.run.stored_posts import StoredPosts
from postiz_async._campaign.run.update import Update
from postiz_async._campaign.run.update_plan import (
    NEAR,
    NO_CHANGES,
    CampaignChanges,
    ChangeOptions,
    UpdatePlan,
)
from postiz_async._concurrency import in_thread
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.pauses import Outage
from postiz_async._resources.api import OpenClient


@dataclass(slots=True)
class Changing:
    """Changes of the stored posts of a campaign, from their plan to what was made of it.

    Args:
        postiz: an open client.
        known: what is known of the campaign.
        how: how posts are changed.
    """

    postiz: OpenClient
    known: Known
    how: ChangeOptions
    planned: CampaignChanges = NO_CHANGES
    """The changes as they were planned."""
    requests: Sequence[PlannedRequest] = ()
    """The requests that change posts."""
    plan: UpdatePlan | None = None
    """What to do with each row; None: nothing is to be changed."""
    in_doubt: frozenset[str] = frozenset()
    """Refs of rows in changes whose answers were lost."""
    unclear: frozenset[str] = frozenset()
    """Refs of all rows in requests without an answer before."""

    async def look(self, outage: Outage) -> None:
        """Plan the changes, after a look at the posts. Changes nothing.

        Args:
            outage: waits while Postiz is away.

        Raises:
            InvalidPostError: a changed row has problems.
        """
        known, how = self.known, self.how
        edits = await in_thread(lambda: known.edits)
        self.in_doubt = await known.journal.read(refs_in_doubt)
        records = known.checked.records
        here = {row.ref: row.number for row in known.rows}

        def numbers(refs: Collection[str]) -> tuple[int, ...]:
            return tuple(sorted(here.get(ref, records[ref].number) for ref in refs))

        in_flight = (ref for ref, record in records.items() if record.state in IN_FLIGHT)
        self.unclear = frozenset({*in_flight, *self.in_doubt})
        other = {each.ref for each in edits.unclear if how.prune or each.ref in here}
        self.planned = CampaignChanges(
            unclear=numbers(self.unclear), if_stored=numbers(self.in_doubt | other)
        )
        has_begun = any(each.state is RowState.WITHDRAWING for each in records.values())
        if edits.changed or self.in_doubt or has_begun or (how.prune and edits.gone):
            await self._plan(edits, outage)

    async def _plan(self, edits: Edits, outage: Outage) -> None:
        known, options = self.known, self.known.options
        rows = [each.row for each in edits.changed]
        folder = known.origin.folder
        known.know(await check_rows(self.postiz, known.checked, rows, folder, options))
        known.refuse_problems()
        self.plan = plan = await self._placed(edits, outage)
        self.requests = plan.requests(known.planner, options.span)
        plan.keep_late(self._coming(self.requests))
        unclear, if_stored = self.planned.unclear, self.planned.if_stored
        planned = plan.changes(len(self.requests))
        self.planned = replace(planned, unclear=unclear, if_stored=if_stored)

    async def _placed(self, edits: Edits, outage: Outage) -> UpdatePlan:
        """Decide what to do with each changed row, and with each post whose row is gone."""
        known, read, checked = self.known, self.known.journal.read, self.known.checked
        stored = await StoredPosts.read(self.postiz, outage, read, NEAR)
        changes = [each for each in edits.changed if each.row.ref not in self.in_doubt]
        looked = await stored.look([each.record for each in changes])
        wrong = frozenset(problem.row for problem in checked.problems if problem.row is not None)
        plan = UpdatePlan(checked, self.how, invalid=wrong)
        for each, standing in zip(changes, looked, strict=True):
            if each.row.number in wrong and not each.names <= {"type"}:
                plan.leave(Reason.INVALID, each.row.number)
            else:
                plan.place(each, standing, stored, now=known.now)
        changed = {each.row.ref for each in edits.changed}
        for row in checked.campaign.rows:
            record = checked.records.get(row.ref)
            is_begun = record is not None and record.state is RowState.WITHDRAWING
            if is_begun and row.ref not in changed:
                plan.leave(Reason.BEGUN, row.number)
        gone = [each for each in edits.gone if self.how.prune and each.ref not in self.in_doubt]
        for standing in await replace(stored, near=DUE_NOW).look(gone):
            plan.prune(standing)
        return plan

    @property
    def made(self) -> CampaignChanges:
        """The changes as they were made."""
        if self.plan is None:
            return self.planned
        now = self.plan.changes(len(self.requests))
        return replace(self.planned, resent=now.resent, left=now.left)

    @property
    def is_open(self) -> bool:
        """Whether rows whose outcome was unknown may say something else than their posts now."""
        changed = {each.row.ref for each in self.known.edits.changed}
        gone = {record.ref for record in self.known.edits.gone if self.how.prune}
        return bool(self.in_doubt or self.unclear & (changed | gone))

    @asynccontextmanager
    async def carried_out(self, job: JobContext, plan: UpdatePlan) -> AsyncGenerator[Update]:
        """Change and delete posts; inside the block the caller sends what is new."""
        known = self.known
        work = Update(job, known.options, self.how, plan)
        coming = partial(self._coming, ())
        async with work.carried_out(known.planner, coming, self.in_doubt):
            known.know(replace(known.checked, records=await job.journal.rows()))
            known.moving = frozenset(row.ref for row, _ in plan.moving)
            try:
                yield work
            finally:
                known.moving = frozenset()

    def _coming(self, changes: Sequence[PlannedRequest]) -> Forecast | None:
        """The cost of changes and of what is sent after them; None if nothing is."""
        planner, anew = self.known.planner, self.plan.sent_anew if self.plan is not None else []
        sent = planner.arrange([*self.known.unsent(), *anew], self.known.options.span).requests
        coming = sorted([*changes, *sent], key=lambda request: request.deadline)
        return planner.moment.forecast(coming) if coming else None
