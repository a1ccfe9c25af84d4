"""Change the stored posts of a campaign that was run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.rows import IN_FLIGHT
from postiz_async._campaign.known import Known
from postiz_async._campaign.plan.check import Checked, check_rows
from postiz_async._campaign.plan.plan import Forecast, PlannedRequest
from postiz_async._campaign.run.edits import Edits
from postiz_async._campaign.run.job import JobContext
from postiz_async._campaign.run.update import Update
from postiz_async._campaign.run.update_plan import (
    ChangeOptions,
    UpdatePlan,
    UpdateResult,
    joined,
)
from postiz_async._campaign.running import Running, UpdateBeside
from postiz_async._delivery.listing import Calendar
from postiz_async._delivery.lookup import Doubts
from postiz_async._resources.api import OpenClient


@dataclass(slots=True)
class Changing:
    """Changes the stored posts of a campaign, and sends its new rows with them.

    Args:
        postiz: an open client.
        known: what is known of the campaign.
        running: sends rows.
        doubts: counts the requests that are being looked up.
    """

    postiz: OpenClient
    known: Known
    running: Running
    doubts: Doubts

    async def update(self, how: ChangeOptions) -> UpdateResult:
        """Carry out `Campaign.update`."""
        if how.prune and not how.dry_run:
            self.postiz.scheduler.require("delete")
        self.known.refuse_problems()
        journal = await self._begin(how)
        if not (how.prune or how.dry_run):
            await self.known.decide(journal, keep=how.keep)
        if not how.dry_run:
            calendar = Calendar(self.postiz.posts.list)
            await self.running.stop_before_drafts(journal, calendar, keep=how.keep)
        done = await self._change(journal, how)
        if not how.dry_run:
            await self.known.read(journal)
        return done

    async def _begin(self, how: ChangeOptions) -> Journal:
        """The journal of a campaign that is to be changed, just read."""
        if not how.dry_run:
            self.postiz.scheduler.require("update")
        await self.running.settle()
        journal = await self.known.journal.existing()
        await self.postiz.scheduler.restore(journal)
        await self.known.read(journal)
        return journal

    async def _change(self, journal: Journal, how: ChangeOptions) -> UpdateResult:
        """Change stored posts, and send what is unsent."""
        known = self.known
        context = JobContext.of(self.postiz, journal, self.doubts)
        work = Update(context, known.options, how)
        in_doubt = await work.in_doubt()
        with ExitStack() as stack:
            if how.dry_run:
                stack.callback(known.know, known.checked)
            await known.read(journal)
            edits = known.edits
            plan = await work.plan(await self._check(edits), edits, in_doubt=in_doubt)
            changes = plan.requests(known.planner, known.options.span)
            plan.keep_late(self._coming(plan, changes))
            done = replace(self._updated(plan, in_doubt), edits=edits)
        if how.dry_run:
            return done
        coming = partial(self._coming, plan, [])
        async with work.carried_out(plan, known.planner, coming, in_doubt):
            changing = await work.in_doubt()
            known.know(replace(known.checked, records=await journal.rows()))
            known.moving = frozenset(row.ref for row, _ in plan.moving)
            self.running.beside = UpdateBeside(work, plan, changing)
            try:
                await self.running.run(how.on_outcome)
            finally:
                self.running.beside, known.moving = None, frozenset()
        done = replace(done, resent=tuple(plan.sent_anew), left=plan.numbers_left)
        if not done.unclear:
            return done
        again = known.edits.changed
        if not in_doubt and not any(each.row.number in done.unclear for each in again):
            return done
        return joined(done, await self._change(journal, how))

    async def _check(self, edits: Edits) -> Checked:
        """Check the rows that are to be changed.

        Raises:
            InvalidPostError: there are problems.
        """
        known, rows = self.known, [each.row for each in edits.changed]
        folder, options = known.origin.folder, known.options
        known.know(await check_rows(self.postiz, known.checked, rows, folder, options))
        known.refuse_problems()
        return known.checked

    def _updated(self, plan: UpdatePlan, in_doubt: Collection[str]) -> UpdateResult:
        """The result of a planned update, with what a run sends after it."""
        known = self.known
        requests = plan.requests(known.planner, known.options.span)
        forecast = self._coming(plan, requests)
        updated = plan.updated(tuple(known.unsent()), len(requests), forecast)
        here = {row.ref: row.number for row in known.rows}
        unclear = sorted(
            here.get(record.ref, record.number)
            for record in known.checked.records.values()
            if record.state in IN_FLIGHT or record.ref in in_doubt
        )
        return replace(updated, unclear=tuple(unclear))

    def _coming(self, plan: UpdatePlan, changes: Sequence[PlannedRequest]) -> Forecast | None:
        """The cost of changes and of what is sent after them; None if nothing is."""
        planner, rows = self.known.planner, [*self.known.unsent(), *plan.sent_anew]
        sent = planner.arrange(rows, self.known.options.span).requests
        coming = sorted([*changes, *sent], key=lambda request: request.deadline)
        return planner.moment.forecast(coming) if coming else None
