"""Change a campaign that was run: update, pause and resume it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from msgspec import structs

from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.rows import IN_FLIGHT
from postiz_async._campaign.journal.state import CampaignState, require_revision
from postiz_async._campaign.known import Known
from postiz_async._campaign.plan.check import Checked, check_rows
from postiz_async._campaign.plan.plan import Forecast, PlannedRequest
from postiz_async._campaign.run.edits import Edits
from postiz_async._campaign.run.job import JobContext
from postiz_async._campaign.run.pause import paused, resumed
from postiz_async._campaign.run.update import Update
from postiz_async._campaign.run.update_plan import (
    ENDED,
    ChangeOptions,
    UpdatePlan,
    UpdateResult,
    joined,
)
from postiz_async._campaign.running import Running, UpdateBeside
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
    _shown: int | None = None
    """The revision of the last dry run, which is what its user agreed to."""

    # -------------------------------------------------------------- what users ask for

    async def update(self, how: ChangeOptions) -> UpdateResult:
        """Carry out `Campaign.update`."""
        if how.prune and not how.dry_run:
            self.postiz.scheduler.require("delete")
        self.known.refuse_problems()
        journal = await self._begin(how)
        if not (how.prune or how.dry_run):
            await self.known.decide(journal, keep=how.keep)
        done = await self._change(journal, how)
        if not how.dry_run:
            await self.known.read(journal)
        return done

    async def pause(self, how: ChangeOptions) -> UpdateResult:
        """Carry out `Campaign.pause`."""
        journal = await self._begin(how)
        checked, now = self.known.checked, self.postiz.scheduler.server_time()
        state = paused(checked.state, checked.records, now)
        return await self._change_types(journal, state, how)

    async def resume(self, how: ChangeOptions) -> UpdateResult:
        """Carry out `Campaign.resume`."""
        journal = await self._begin(how)
        state = resumed(self.known.checked.state)
        if state.pause is None:
            return UpdateResult((), (), (), (), (), {}, 0)
        done = await self._change_types(journal, state, how)
        if not how.dry_run:
            await self._end(journal, done)
        return done

    # -------------------------------------------------------------- their steps

    async def _begin(self, how: ChangeOptions) -> Journal:
        """The journal of a campaign that is to be changed, just read."""
        if not how.dry_run:
            self.postiz.scheduler.require("update")
        await self.running.settle()
        journal = await self.known.journal.existing()
        await self.postiz.scheduler.restore(journal)
        shown, self._shown = self._shown, None
        if shown is not None and not how.dry_run:
            await journal.do(lambda t: require_revision(t, shown), whole=True)
        await self.known.read(journal)
        if how.dry_run:
            self._shown = self.known.checked.state.revision
        return journal

    async def _change_types(
        self, journal: Journal, state: CampaignState, how: ChangeOptions
    ) -> UpdateResult:
        """Make drafts of posts, or schedule them again, as the new state says."""
        if not how.dry_run and state != self.known.checked.state:
            await journal.change_state(state)
        return await self._change(journal, replace(how, types_only=True), state)

    async def _end(self, journal: Journal, done: UpdateResult) -> None:
        """End a resumption that was carried out; what it left stays written down."""
        known = self.known
        await known.read(journal)
        state = known.checked.state
        if state.is_paused:  # once more, by another process
            return
        over = {n for why in ENDED for n in done.left.get(why, ())}
        drafts = frozenset(
            each.record.ref
            for each in known.type_changes.changed
            if each.fields[0].before != each.fields[0].after and each.row.number not in over
        )
        if (after := resumed(state, drafts)) != state:
            await journal.change_state(after)
            await known.read(journal)

    # -------------------------------------------------------------- one change

    async def _change(
        self,
        journal: Journal,
        how: ChangeOptions,
        state: CampaignState | None = None,
    ) -> UpdateResult:
        """Change stored posts, and send what is unsent.

        Args:
            journal: the open journal.
            how: how they are changed.
            state: the state that the campaign would have; for a dry run.
        """
        known = self.known
        context = JobContext.of(self.postiz, journal, self.doubts)
        work = Update(context, known.options, how)
        in_doubt = await work.in_doubt()
        with ExitStack() as stack:
            if how.dry_run:
                stack.callback(known.know, known.checked)
                await known.read(journal, state)
            else:
                await known.read(journal)
            edits = self._edits(how)
            plan = await work.plan(await self._check(edits, how), edits, in_doubt=in_doubt)
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
        again = self._edits(how).changed
        if not in_doubt and not any(each.row.number in done.unclear for each in again):
            return done
        return joined(done, await self._change(journal, how))

    def _edits(self, how: ChangeOptions) -> Edits:
        return self.known.type_changes if how.types_only else self.known.edits

    async def _check(self, edits: Edits, how: ChangeOptions) -> Checked:
        """Check the rows that are to be changed.

        If only types change, nothing is wrong for what the file says or what channels are called.

        Raises:
            InvalidPostError: there are problems.
        """
        known, base = self.known, self.known.checked
        folder, options = known.origin.folder, known.options
        rows = [each.row for each in edits.changed]
        if not how.types_only:
            known.know(await check_rows(self.postiz, base, rows, folder, options))
            known.refuse_problems()
            return known.checked
        by_id = {channel.id: channel for channel in base.listed}
        ids = {each.row.ref: each.record.channel for each in edits.changed}
        there = {ref: by_id[id_] for ref, id_ in ids.items() if id_ in by_id}
        rows = [structs.replace(row, channel=ids[row.ref]) for row in rows]
        bare = replace(base, problems=(), warnings=(), sizes={})
        checked = await check_rows(self.postiz, bare, rows, folder, options)
        checked = replace(checked, channels={**checked.channels, **there})
        known.know(replace(base, channels=checked.channels, facts=checked.facts))
        return checked

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
