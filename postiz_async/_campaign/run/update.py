"""Change stored posts to what the campaign says now, as a part of a run.

| what changed                         | how                                       | costs       |
|--------------------------------------|-------------------------------------------|-------------|
| type alone (schedule, draft)         | the status route                          | nothing     |
| settings alone, none of them left out| the settings route, where there is one    | nothing     |
| text, media, date, tags, the rest    | a create request that names the posts     | as a create |
| channel                              | deleted (`withdraw`) when its create may  | as a create |
|                                      | leave, then sent as a post                |             |
| the row is gone, with `prune`        | deleted (`withdraw`)                      | nothing     |

Requests that change posts are planned, packed, sent, looked up and taken apart by the code that
sends a campaign; what becomes of their rows is told by `journal.requests.Changes`. Before each
leaves, its posts are looked at once more: what people changed meanwhile is left, unless that is
asked for. While a lost answer is looked up, all that does not depend on it goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from anyio.abc import TaskGroup
from msgspec import UNSET, structs

from postiz_async._campaign.journal.purposes import Becomes, Changes, RowEnd
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._campaign.options import CampaignOptions
from postiz_async._campaign.plan.plan import Forecast, PlannedRequest, Planner
from postiz_async._campaign.plan.row_state import new_records
from postiz_async._campaign.read.rows import Row
from postiz_async._campaign.run.already_stored import ClientRefs
from postiz_async._campaign.run.conditions import DUE_NOW, Reason, SentPost, Standing, may_change
from postiz_async._campaign.run.job import Job, JobContext, Outcome, ignore, task_group
from postiz_async._campaign.run.look_ups import look_up_lost
from postiz_async._campaign.run.resume import past_of
from postiz_async._campaign.run.run import Runner
from postiz_async._campaign.run.stored_posts import StoredPosts
from postiz_async._campaign.run.undo import Withdrawal, withdrawn
from postiz_async._campaign.run.update_plan import (
    NEAR,
    ChangeOptions,
    UpdatePlan,
    is_made,
    wanted,
    with_settings,
)
from postiz_async._delivery.listing import Calendar
from postiz_async._delivery.matching import CLIENT_REF
from postiz_async._delivery.outcomes import RowState, SentRequest
from postiz_async._resources.matching import stored_at
from postiz_async._resources.posts import Posts
from postiz_async._wire import format_date
from postiz_async.errors import APITimeoutError, BadRequestError, NotFoundError
from postiz_async.models.posts import Post, PostRequest, StoredType, TagRef

LOOK_SECONDS, DELETE_SECONDS = 10.0, 30.0
"""Seconds for a look, and for a deletion between two looks, while a slot is held."""


@dataclass(frozen=True, slots=True)
class Update:
    """Updates the posts of one journal.

    Args:
        job: what the parts of the job have in common.
        options: the options of the campaign.
        how: how posts are changed.
        plan: what to do with each row.
    """

    job: JobContext
    options: CampaignOptions
    how: ChangeOptions
    plan: UpdatePlan

    @asynccontextmanager
    async def carried_out(
        self,
        planner: Planner,
        coming: Callable[[], Forecast | None],
        in_doubt: Collection[str],
    ) -> AsyncGenerator[None]:
        """Change and delete posts; inside the block the caller sends what is new.

        Lost answers are looked up meanwhile; all look-ups have ended at the end of the block.

        Args:
            planner: plans the requests that change posts.
            coming: returns the forecast for posts that are sent anew.
            in_doubt: rows in changes of an earlier run whose answers were lost.

        Raises:
            PostizError: the job has to stop; a run goes on with it.
        """
        async with task_group() as group:
            if in_doubt:
                group.start_soon(look_up_lost, self.job, Changes(), in_doubt)
            plan, checked = self.plan, self.plan.checked
            stored = await StoredPosts.of(self.job, NEAR)
            rows = [*(row for row, _ in plan.replaced.values()), *plan.free]
            records = new_records(rows, checked.channels)
            changes = Changes({record.ref: record for record in records})
            past = await past_of(self.job.journal.read, self.job.journal.campaign)
            client_refs = ClientRefs(past, checked.campaign.rows, checked.channels)
            await _FreeChanges(self.job, plan, changes, stored, client_refs).make()
            await self._replace(changes, stored, client_refs, planner, group)
            plan.keep_late(coming())
            await self._delete()
            yield

    async def _replace(
        self,
        changes: Changes,
        stored: StoredPosts,
        client_refs: ClientRefs,
        planner: Planner,
        group: TaskGroup,
    ) -> None:
        plan, requests = self.plan, self.plan.requests(planner, self.options.span)
        if not requests:
            return

        async def saw(outcome: Outcome) -> None:
            if outcome.state in _NOT_MADE:
                plan.leave(_NOT_MADE[outcome.state], outcome.row)
            await self.how.on_outcome(outcome)

        context = self.job
        job = Job(
            postiz=context.postiz,
            journal=context.journal,
            outage=context.outage,
            fence=context.fence,
            doubts=context.doubts,
            checked=plan.checked,
            calendar=Calendar(context.outage.wrap(context.postiz.posts.list)),
            options=replace(self.options, late="skip"),
            client_refs=client_refs,
            looks=[_EditGuard(plan, stored).look],
            purpose=changes,
            on_left=stored.learn,
            targets=plan.targets,
        )
        runner = Runner(job, saw)
        group.start_soon(runner.run, deque(requests))
        await runner.all_sent.wait()
        for row in (row for request in requests for row in request.rows):
            if row.ref in job.elsewhere:
                plan.leave(Reason.ELSEWHERE, row.number)

    async def _delete(self) -> None:
        plan = self.plan
        await self.job.journal.found(_planned(record) for _, record in plan.again)
        deleting = await self._deleting(self.how.on_outcome, withdrawn)
        for each in await deleting.delete(plan.pruned):
            plan.leave(each.condition, each.record.number)

    async def make_room(self, request: PlannedRequest) -> PlannedRequest:
        """Delete the posts of rows that moved to another channel, when their create may leave.

        Returns:
            The request without rows whose posts have to stay.

        Raises:
            PostizError: it is not known whether the posts are deleted, so nothing may leave.
        """
        plan, refs = self.plan, {row.ref for row in request.rows}
        moved = [(row, record) for row, record in plan.moving if row.ref in refs]
        if not moved:
            return request
        if request.deadline <= self.job.now.timestamp() + DUE_NOW.total_seconds():
            for row, _ in moved:
                plan.stay(row, Reason.NO_SLOT)
        else:
            with self.job.postiz.clock.move_on_after(DELETE_SECONDS) as time:
                await self._make_room(moved)
            if time.cancelled_caught:
                raise APITimeoutError("Postiz is slow to delete a post.")
        stay = {row.ref for row, _ in moved} - {row.ref for row, _ in plan.to_channel}
        return PlannedRequest(tuple(row for row in request.rows if row.ref not in stay))

    async def _make_room(self, moved: Sequence[tuple[Row, RowRecord]]) -> None:
        plan = self.plan
        rows = {record.ref: row for row, record in moved}
        deleting = await self._deleting(ignore, _planned)
        for each in await deleting.delete([record for _, record in moved]):
            plan.stay(rows.pop(each.record.ref), each.condition)
        records = new_records(rows.values(), plan.checked.channels)
        await self.job.journal.put(records)
        plan.gone |= rows.keys()

    async def _deleting(
        self,
        on_outcome: Callable[[Outcome], Awaitable[None]],
        ended: Callable[[RowRecord], RowRecord],
    ) -> Withdrawal:
        return Withdrawal(
            self.job.journal,
            await StoredPosts.of(self.job, DUE_NOW),
            edited=self.how.force,
            on_outcome=on_outcome,
            ended=ended,
        )


_NOT_MADE = {RowState.REFUSED: Reason.REFUSED, RowState.LATE: Reason.LATE}


def _planned(record: RowRecord) -> RowRecord:
    """The record of a row whose post is deleted, to be sent anew."""
    return replace(
        record, state=RowState.PLANNED, post_id=None, note="", finding=Finding.NOTHING, remark=""
    )


@dataclass(frozen=True, slots=True)
class _EditGuard:
    """Guards edits that people make to posts during a run."""

    plan: UpdatePlan
    stored: StoredPosts

    async def look(self, request: PlannedRequest) -> PlannedRequest:
        """The request without posts that people edited since the plan, or that are due by now."""
        records = [self.plan.replaced[row.ref][1] for row in request.rows]
        also = [stored_at(self.plan.targets[row.ref]) for row in request.rows]
        looked: list[Standing] = []
        with self.stored.postiz.clock.move_on_after(LOOK_SECONDS) as time:
            looked = await self.stored.look(records, is_patient=False, also=also)
        if time.cancelled_caught:
            raise APITimeoutError("The list of posts is slow.")
        return PlannedRequest(tuple(self._kept(request.rows, looked)))

    def _kept(self, rows: Sequence[Row], looked: Sequence[Standing]) -> Sequence[Row]:
        kept: list[Row] = []
        edited = self.plan.how.force
        for row, standing in zip(rows, looked, strict=True):
            if standing.post is not None and may_change(standing.condition, edited=edited):
                self.plan.targets[row.ref] = standing.post
                kept.append(row)
            else:
                self.plan.leave(standing.condition, row.number)
        return kept


# ------------------------------------------------------------------ what costs nothing


@dataclass(frozen=True, slots=True)
class _FreeChanges:
    """Makes the changes that cost no quota.

    Each is written down before it leaves, so after a crash a post is known by either of its
    states, and each may be made again.

    Args:
        job: what the parts of the job have in common.
        plan: what to do with each row.
        changes: the new state of rows.
        stored: the states in which posts were sent.
        client_refs: the marks of the campaign.
    """

    job: JobContext
    plan: UpdatePlan
    changes: Changes
    stored: StoredPosts
    client_refs: ClientRefs

    async def make(self) -> None:
        """Make the free changes of a plan. Without a route, plan the post as a replacement."""
        plan = self.plan
        for row, standing in plan.status:
            meant = wanted(plan.checked, row, {"type"}, standing, self.stored)
            kind: StoredType = "draft" if row.type == "draft" else "schedule"
            change = partial(set_type, kind=kind, now=self.job.postiz.scheduler.server_now)
            await self._make(row, standing, meant, change)
        for row, standing in plan.settings:
            meant = wanted(plan.checked, row, {"settings"}, standing, self.stored)
            if meant is not None:
                mark = {CLIENT_REF: self.client_refs(row)}
                meant = with_settings(meant, {**meant.intent.item.settings, **mark})
            settings: Mapping[str, object] = {} if meant is None else meant.intent.item.settings
            await self._make(row, standing, meant, partial(set_settings, settings=settings))

    async def _make(
        self,
        row: Row,
        standing: Standing,
        meant: SentPost | None,
        change: Callable[[Posts, Post], Awaitable[datetime | None]],
    ) -> None:
        plan, journal, post = self.plan, self.job.journal, standing.post
        if post is None or meant is None:
            plan.leave(standing.condition, row.number)
            return
        body = _body(meant, post)
        number = await journal.change_freely(standing.record, row.said.write(), body)
        self.stored.learn(SentRequest(number, body, (row.ref,), self.job.now.timestamp()))
        try:
            is_made_already = is_made(post, meant, self.job.now)
            call = partial(change, self.job.postiz.posts, post)
            date = stored_at(post) if is_made_already else await self.job.outage.read(call)
        except NotFoundError:  # an old server has no such route
            await journal.not_changed(number, row.ref)
            plan.replace(row, standing)
            return
        except BadRequestError as error:
            await journal.not_changed(number, row.ref)
            end = RowEnd(RowState.REFUSED, error.text)
            await journal.turn_away(self.changes, [row.ref], end)
            plan.leave(Reason.REFUSED, row.number)
            await plan.how.on_outcome(
                Outcome(row.number, row.ref, RowState.REFUSED, None, error.text)
            )
            return
        if date is None:
            await journal.not_changed(number, row.ref)
            plan.leave(Reason.DUE, row.number)
            return
        body = structs.replace(body, date=format_date(date))
        becomes = Becomes.of(self.changes.becoming[row.ref], standing.record.seconds)
        await journal.changed_freely(number, row.ref, becomes, body)
        await plan.how.on_outcome(Outcome(row.number, row.ref, RowState.STORED, post.id))


async def set_type(
    posts: Posts, post: Post, kind: StoredType, *, now: Callable[[], datetime]
) -> datetime | None:
    """Make a post a draft or schedule it; returns its date.

    None if it is to be scheduled and is due: it would be published at once, or once more.
    """
    if kind == "schedule" and stored_at(post) <= now() + NEAR:
        return None
    await posts.set_status(post.id, kind)
    return stored_at(post)


async def set_settings(posts: Posts, post: Post, settings: Mapping[str, object]) -> datetime:
    """Set settings; returns the new date of the post, without milliseconds.

    The settings have to include the `client_ref` of the post, which goes otherwise.
    """
    sent = {key: value for key, value in settings.items() if key != "__type"}
    return await posts.update_settings(post.id, sent)


def _body(meant: SentPost, post: Post) -> PostRequest:
    """The equivalent create request of the changed post, in its present group."""
    intent = meant.intent
    first, *others = intent.item.value
    item = structs.replace(
        intent.item,
        value=[structs.replace(first, id=UNSET), *others],
        group=UNSET if post.group is None else post.group,
    )
    return PostRequest(
        type="draft" if meant.is_draft else "schedule",
        date=format_date(intent.moment),
        posts=[item],
        short_link=intent.short_link,
        tags=[TagRef(value=tag, label=tag) for tag in intent.tags],
    )
