"""Update: change stored posts to what the campaign says now.

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
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Literal

from msgspec import UNSET, structs

from postiz_async._campaign.journal.purposes import Becomes, Changes, RowEnd
from postiz_async._campaign.journal.requests import open_requests
from postiz_async._campaign.journal.rows import Finding
from postiz_async._campaign.plan.plan import PlannedRequest
from postiz_async._campaign.plan.row_state import new_records
from postiz_async._campaign.run.already_stored import ClientRefs
from postiz_async._campaign.run.conditions import PostCondition, Standing, may_change
from postiz_async._campaign.run.job import ConcurrentChanges, Job, Outcome, ignore, task_group
from postiz_async._campaign.run.look_ups import look_up_lost
from postiz_async._campaign.run.resume import past_of
from postiz_async._campaign.run.run import Runner
from postiz_async._campaign.run.stored_posts import StoredPosts
from postiz_async._campaign.run.update_plan import NEAR, UpdatePlan, is_made, wanted, with_settings
from postiz_async._campaign.run.withdraw import DUE_NOW, Withdrawal, withdrawn
from postiz_async._delivery.listing import Calendar
from postiz_async._delivery.lookup import Fence
from postiz_async._delivery.matching import CLIENT_REF
from postiz_async._delivery.outcomes import RowState, SentRequest
from postiz_async._delivery.pauses import Outage
from postiz_async._resources.matching import stored_at
from postiz_async._wire import format_date
from postiz_async._wire.endpoints import LIST_POSTS
from postiz_async.errors import (
    APIConnectionError,
    APITimeoutError,
    BadRequestError,
    NotFoundError,
    ServerError,
)
from postiz_async.models.posts import PostRequest, TagRef

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
    from datetime import timedelta

    from anyio.abc import TaskGroup

    from postiz_async._campaign.journal.journal import Journal
    from postiz_async._campaign.journal.rows import RowRecord
    from postiz_async._campaign.options import CampaignOptions
    from postiz_async._campaign.plan.check import Checked
    from postiz_async._campaign.plan.plan import Forecast, Planner
    from postiz_async._campaign.read.rows import Row
    from postiz_async._campaign.run.edits import Edits
    from postiz_async._campaign.run.intents import SentPost
    from postiz_async._delivery.client import CampaignClient
    from postiz_async._delivery.lookup import Doubts
    from postiz_async.models.posts import Post


LOOK_SECONDS, DELETE_SECONDS = 10.0, 30.0
"""Seconds for a look, and for a deletion between two looks, while a slot is held."""


class Update:
    """Updates the posts of one journal.

    Args:
        postiz: an open client.
        journal: an open journal.
        options: the options of the campaign.
        force: also change posts that people edited or deleted in Postiz.
        on_outcome: called with the outcome of each row.
        doubts: counts the requests that are being looked up.
    """

    def __init__(
        self,
        postiz: CampaignClient,
        journal: Journal,
        options: CampaignOptions,
        *,
        force: bool,
        on_outcome: Callable[[Outcome], Awaitable[None]],
        doubts: Doubts,
    ) -> None:
        self._postiz = postiz
        self._journal = journal
        self._doubts = doubts
        self._options = replace(options, late="skip", exact_seconds=False)
        self._force = force
        self._on_outcome = on_outcome
        self._outage = Outage.of(postiz)
        self.fence: Fence = Fence(postiz, self._outage)

    async def in_doubt(self) -> frozenset[str]:
        """The refs of rows in changes whose answers were lost."""
        lost = await open_requests(self._journal, Changes())
        return frozenset(ref for each in lost for ref in each.refs)

    async def _look_up(self, refs: Collection[str]) -> None:
        """Look up changes of an earlier update whose answers were lost."""
        await look_up_lost(
            self._postiz,
            self._journal,
            Changes(),
            self._outage,
            refs,
            fence=self.fence,
            doubts=self._doubts,
        )

    # -------------------------------------------------------------- what is to be done

    async def plan(
        self, checked: Checked, edits: Edits, *, prune: bool, in_doubt: Collection[str] = ()
    ) -> UpdatePlan:
        """Plan what to do with each changed row, after a look at its post.

        Args:
            checked: the validated campaign.
            edits: the differences of the campaign.
            prune: whether to delete posts whose rows are gone.
            in_doubt: rows in earlier changes that have to be looked up first.
        """
        stored = await self._stored(NEAR)
        changes = [each for each in edits.changed if each.row.ref not in in_doubt]
        looked = await stored.look([each.record for each in changes])
        plan = UpdatePlan(checked)
        wrong = {problem.row for problem in checked.problems}
        for each, standing in zip(changes, looked, strict=True):
            if each.row.number in wrong:
                plan.leave("invalid", each.row.number)
            else:
                plan.place(each, standing, stored, now=self._now(), force=self._force)
        changed = {each.row.ref for each in edits.changed}
        for row in checked.campaign.rows:
            record = checked.records.get(row.ref)
            is_begun = record is not None and record.state is RowState.WITHDRAWING
            if is_begun and row.ref not in changed:
                plan.leave("begun", row.number)
        gone = [each for each in edits.gone if prune and each.ref not in in_doubt]
        for standing in await (await self._stored(DUE_NOW)).look(gone):
            plan.prune(standing, force=self._force)
        return plan

    # -------------------------------------------------------------- doing it

    @asynccontextmanager
    async def carried_out(
        self,
        plan: UpdatePlan,
        planner: Planner,
        coming: Callable[[], Forecast | None],
        in_doubt: Collection[str],
    ) -> AsyncGenerator[None]:
        """Change and delete posts; inside the block the caller sends what is new.

        Lost answers are looked up meanwhile; all look-ups have ended at the end of the block.

        Args:
            plan: the plan of the update.
            planner: plans the requests that change posts.
            coming: returns the forecast for posts that are sent anew.
            in_doubt: rows in changes of an earlier update whose answers were lost.

        Raises:
            PostizError: the job has to stop; call it again to go on.
        """
        async with task_group() as group:
            if in_doubt:
                group.start_soon(self._look_up, in_doubt)
            await self._carry_out(plan, planner, coming, group)
            yield

    async def _carry_out(
        self,
        plan: UpdatePlan,
        planner: Planner,
        coming: Callable[[], Forecast | None],
        group: TaskGroup,
    ) -> None:
        stored = await self._stored(NEAR)
        records = list(new_records(_rows(plan), plan.checked.channels))
        changes = Changes({record.ref: record for record in records})
        client_refs = await self._client_refs(plan)
        free = _FreeChanges(
            postiz=self._postiz,
            outage=self._outage,
            journal=self._journal,
            changes=changes,
            stored=stored,
            client_refs=client_refs,
            on_outcome=self._on_outcome,
            now=self._now,
        )
        await free.make(plan)
        await self._replace(plan, changes, stored, client_refs, planner, group)
        plan.keep_late(coming())
        await self._delete(plan)

    async def _replace(
        self,
        plan: UpdatePlan,
        changes: Changes,
        stored: StoredPosts,
        client_refs: ClientRefs,
        planner: Planner,
        group: TaskGroup,
    ) -> None:
        requests, _ = plan.requests(planner, self._options.span)
        if not requests:
            return

        async def saw(outcome: Outcome) -> None:
            if outcome.state in _NOT_MADE:
                plan.leave(_NOT_MADE[outcome.state], outcome.row)
            await self._on_outcome(outcome)

        job = Job(
            postiz=self._postiz,
            journal=self._journal,
            checked=plan.checked,
            calendar=Calendar(self._outage.wrap(self._postiz.posts.list)),
            outage=self._outage,
            options=self._options,
            others=_EditGuard(self._postiz, self._outage, plan, stored, client_refs, self._force),
            purpose=changes,
            on_left=stored.learn,
            doubts=self._doubts,
            targets=plan.targets,
        )
        runner = Runner(job, saw, self.fence)
        group.start_soon(runner.run, deque(requests))
        await runner.all_sent.wait()
        for row in (row for request in requests for row in request.rows):
            if row.ref in job.elsewhere:
                plan.leave("elsewhere", row.number)

    async def _delete(self, plan: UpdatePlan) -> None:
        await self._journal.found(_planned(record) for _, record in plan.again)
        deleting = await self._deleting(self._on_outcome, withdrawn)
        for each in await deleting.delete(plan.pruned):
            plan.leave(each.condition.value, each.record.number)
        if self._postiz.scheduler.is_counted(LIST_POSTS.name):  # no look while a slot is held
            await self._make_room(plan, plan.to_channel)

    async def make_room(self, plan: UpdatePlan, request: PlannedRequest) -> PlannedRequest:
        """Delete the posts of rows that moved to another channel, when their create may leave.

        Returns:
            The request without rows whose posts have to stay.

        Raises:
            PostizError: it is not known whether the posts are deleted, so nothing may leave.
        """
        refs = {row.ref for row in request.rows}
        moved = [(row, record) for row, record in plan.moving if row.ref in refs]
        if not moved:
            return request
        if request.deadline <= self._now().timestamp() + DUE_NOW.total_seconds():
            for row, _ in moved:
                plan.stay(row, "no_slot")
        else:
            with self._postiz.clock.move_on_after(DELETE_SECONDS) as time:
                await self._make_room(plan, moved)
            if time.cancelled_caught:
                raise APITimeoutError("Postiz is slow to delete a post.")
        stay = {row.ref for row, _ in moved} - {row.ref for row, _ in plan.to_channel}
        return PlannedRequest(tuple(row for row in request.rows if row.ref not in stay))

    async def _make_room(self, plan: UpdatePlan, moved: Sequence[tuple[Row, RowRecord]]) -> None:
        rows = {record.ref: row for row, record in moved}
        deleting = await self._deleting(ignore, _planned)
        for each in await deleting.delete([record for _, record in moved]):
            plan.stay(rows.pop(each.record.ref), each.condition.value)
        await self._journal.put(new_records(rows.values(), plan.checked.channels))
        plan.gone |= rows.keys()

    async def _deleting(
        self,
        on_outcome: Callable[[Outcome], Awaitable[None]],
        ended: Callable[[RowRecord], RowRecord],
    ) -> Withdrawal:
        stored = await self._stored(DUE_NOW)
        return Withdrawal(
            self._postiz,
            self._journal,
            self._outage,
            stored,
            edited=self._force,
            on_outcome=on_outcome,
            ended=ended,
        )

    # -------------------------------------------------------------- what it works with

    async def _stored(self, near: timedelta) -> StoredPosts:
        return await StoredPosts.of(self._postiz, self._outage, self._journal, near)

    async def _client_refs(self, plan: UpdatePlan) -> ClientRefs:
        rows, channels = plan.checked.campaign.rows, plan.checked.channels
        past = await past_of(self._journal.read, self._journal.campaign)
        return ClientRefs(past, rows, channels)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._postiz.scheduler.server_time(), UTC)


_NOT_MADE = {RowState.REFUSED: "refused", RowState.LATE: "late"}


def _rows(plan: UpdatePlan) -> list[Row]:
    return [*(row for row, _ in plan.replaced.values()), *plan.free]


def _planned(record: RowRecord) -> RowRecord:
    """The record of a row whose post is deleted, to be sent anew."""
    return replace(
        record, state=RowState.PLANNED, post_id=None, note="", finding=Finding.NOTHING, remark=""
    )


class _EditGuard(ConcurrentChanges):
    """Guards edits that people make to posts during an update."""

    def __init__(
        self,
        postiz: CampaignClient,
        outage: Outage,
        plan: UpdatePlan,
        stored: StoredPosts,
        client_refs: ClientRefs,
        force: bool,  # noqa: FBT001
    ) -> None:
        super().__init__(client_refs)
        self._postiz = postiz
        self._outage = outage
        self._plan = plan
        self._stored = stored
        self._force = force

    async def before(self, request: PlannedRequest) -> PlannedRequest:
        """The request without posts that people edited since the plan, or that are due by now."""
        if self._postiz.scheduler.is_counted(LIST_POSTS.name):
            return PlannedRequest(tuple(row for row in request.rows if self._is_in_time(row)))
        records = [self._plan.replaced[row.ref][1] for row in request.rows]
        looked: list[Standing] | None = None
        error: APIConnectionError | ServerError = APITimeoutError("The list of posts is slow.")
        try:
            with self._postiz.clock.move_on_after(LOOK_SECONDS):
                also = [stored_at(self._plan.targets[row.ref]) for row in request.rows]
                looked = await self._stored.look(records, is_patient=False, also=also)
        except (APIConnectionError, ServerError) as failure:
            error = failure
        if looked is None:
            self._outage.failed(error)  # nothing leaves before the outage is over; then look again
            return request
        return PlannedRequest(tuple(self._kept(request.rows, looked)))

    def _is_in_time(self, row: Row) -> bool:
        """Whether a post is still to come, judging by the last look at it."""
        post = self._plan.targets[row.ref]
        now = datetime.fromtimestamp(self._postiz.scheduler.server_time(), UTC)
        if post.state == "DRAFT" or stored_at(post) > now + NEAR:
            return True
        self._plan.leave(PostCondition.DUE.value, row.number)
        return False

    def _kept(self, rows: Sequence[Row], looked: Sequence[Standing]) -> Sequence[Row]:
        kept: list[Row] = []
        for row, standing in zip(rows, looked, strict=True):
            if standing.post is not None and may_change(standing.condition, edited=self._force):
                self._plan.targets[row.ref] = standing.post
                kept.append(row)
            else:
                self._plan.leave(standing.condition.value, row.number)
        return kept


# ------------------------------------------------------------------ what costs nothing


@dataclass(frozen=True, slots=True)
class _FreeChanges:
    """Makes the changes of an update that cost no quota.

    Each is written down before it leaves, so after a crash a post is known by either of its
    states, and each may be made again.

    Args:
        postiz: an open client.
        outage: the outage of the job.
        journal: an open journal.
        changes: the new state of rows.
        stored: the states in which posts were sent.
        client_refs: the marks of the campaign.
        on_outcome: called with the outcome of each row.
        now: returns the server's time.
    """

    postiz: CampaignClient
    outage: Outage
    journal: Journal
    changes: Changes
    stored: StoredPosts
    client_refs: ClientRefs
    on_outcome: Callable[[Outcome], Awaitable[None]]
    now: Callable[[], datetime]

    async def make(self, plan: UpdatePlan) -> None:
        """Make the free changes of a plan. Without a route, plan the post as a replacement."""
        for row, standing in plan.status:
            meant = wanted(plan.checked, row, {"type"}, standing, self.stored)
            call = partial(self._set_status, row, standing)
            await self._make(plan, row, standing, meant, call)
        for row, standing in plan.settings:
            meant = wanted(plan.checked, row, {"settings"}, standing, self.stored)
            if meant is not None:
                mark = {CLIENT_REF: self.client_refs(row)}
                meant = with_settings(meant, {**meant.intent.item.settings, **mark})
            call = partial(self._set_settings, standing, meant)
            await self._make(plan, row, standing, meant, call)

    async def _make(
        self,
        plan: UpdatePlan,
        row: Row,
        standing: Standing,
        meant: SentPost | None,
        call: Callable[[], Awaitable[datetime | None]],
    ) -> None:
        post = standing.post
        if post is None or meant is None:
            plan.leave(standing.condition.value, row.number)
            return
        body = _body(meant, post)
        number = await self.journal.change_freely(standing.record, body)
        self.stored.learn(SentRequest(number, body, (row.ref,), self.now().timestamp()))
        try:
            is_made_already = is_made(post, meant, self.now())
            date = stored_at(post) if is_made_already else await self.outage.read(call)
        except NotFoundError:  # an old server has no such route
            await self.journal.not_changed(number)
            plan.replace(row, standing)
            return
        except BadRequestError as error:
            await self.journal.not_changed(number)
            end = RowEnd(RowState.REFUSED, error.text)
            await self.journal.turn_away(self.changes, [row.ref], end)
            plan.leave("refused", row.number)
            await self.on_outcome(Outcome(row.number, row.ref, RowState.REFUSED, None, error.text))
            return
        if date is None:
            await self.journal.not_changed(number)
            plan.leave("due", row.number)
            return
        body = structs.replace(body, date=format_date(date))
        becomes = Becomes.of(self.changes.becoming[row.ref], standing.record.seconds)
        await self.journal.changed_freely(number, row.ref, becomes, body)
        await self.on_outcome(Outcome(row.number, row.ref, RowState.STORED, post.id))

    async def _set_status(self, row: Row, standing: Standing) -> datetime | None:
        """Set the status; None if the post is due: it would be published at once, or once more."""
        post = standing.post
        if post is None or (row.type != "draft" and stored_at(post) <= self.now() + NEAR):
            return None
        status: Literal["draft", "schedule"] = "draft" if row.type == "draft" else "schedule"
        await self.postiz.posts.set_status(post.id, status)
        return stored_at(post)

    async def _set_settings(self, standing: Standing, meant: SentPost | None) -> datetime | None:
        """Set the settings; returns the new date of the post, without milliseconds."""
        if standing.post is None or meant is None:
            return None
        settings = meant.intent.item.settings.items()
        sent = {key: value for key, value in settings if key != "__type"}
        return await self.postiz.posts.update_settings(standing.post.id, sent)


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
