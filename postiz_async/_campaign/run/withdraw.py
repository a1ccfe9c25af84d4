"""Delete exactly the posts of a journal's rows, and none that somebody else has changed.

| step     | what happens                                             | the journal says       |
|----------|----------------------------------------------------------|------------------------|
| look     | the post is listed as it was put, and still to come      | stored                 |
| intent   | it is about to be deleted                                | withdrawing, on disk   |
| delete   | by its group. Saving a post in Postiz gives it another   |                        |
|          | group, so what was edited since the look is not deleted  |                        |
| look     | it is listed nowhere, whoever deleted it: that proves it | withdrawn              |
|          | it is still there: deleted once more, or left if edited  | stored                 |

Deleting twice does no harm, so a lost answer needs no more than the second look. Whoever comes
after a crash finds rows that are withdrawing, and goes on with the first look.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import anyio

from postiz_async._campaign.journal.rows import Finding
from postiz_async._campaign.run.conditions import PostCondition, may_change
from postiz_async._campaign.run.job import outcome_of, task_group
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.repair import delete_whole

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from postiz_async._campaign.journal.journal import Journal
    from postiz_async._campaign.journal.rows import RowRecord
    from postiz_async._campaign.run.conditions import Standing
    from postiz_async._campaign.run.job import Outcome
    from postiz_async._campaign.run.stored_posts import StoredPosts
    from postiz_async._delivery.client import CampaignClient
    from postiz_async._delivery.pauses import Outage
    from postiz_async.models.posts import Post


DUE_NOW = timedelta(minutes=1)
"""How long before its date a post is not deleted any more, because it is being published."""

THERE = {RowState.STORED, RowState.WITHDRAWING}
"""States of rows whose posts may exist."""

WITHDRAWN = "deleted from Postiz; run with --again to send it"

_AT_ONCE = 100
"""Posts deleted between two looks."""

_DELETERS = 4
_TRIES = 3


def withdrawn(record: RowRecord) -> RowRecord:
    """The record of a row whose post is deleted."""
    return replace(
        record, state=RowState.WITHDRAWN, note=WITHDRAWN, finding=Finding.NOTHING, remark=""
    )


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Deletes posts of one journal.

    Args:
        postiz: an open client.
        journal: an open journal.
        outage: the outage of the job.
        stored: finds posts.
        edited: also delete posts that people edited in Postiz.
        on_outcome: called with the outcome of each row.
        ended: returns the record of a row whose post is deleted.
    """

    postiz: CampaignClient
    journal: Journal
    outage: Outage
    stored: StoredPosts
    _: KW_ONLY
    edited: bool
    on_outcome: Callable[[Outcome], Awaitable[None]]
    ended: Callable[[RowRecord], RowRecord] = withdrawn

    async def delete(self, records: Sequence[RowRecord]) -> list[Standing]:
        """Delete the posts of rows.

        Returns:
            The rows whose posts were left, and why.

        Raises:
            PostizError: the job has to stop; the journal says how far it came.
        """
        left: list[Standing] = []
        known = await self.journal.rows([record.ref for record in records])
        now = (replace(known[each.ref], number=each.number) for each in records)
        ordered = sorted(
            (each for each in now if each.state in THERE), key=lambda each: each.seconds
        )
        for first in range(0, len(ordered), _AT_ONCE):
            rows = ordered[first : first + _AT_ONCE]
            for _ in range(_TRIES):
                rows, standing = await self._delete_some(rows)
                left += standing
                if not rows:
                    break
            else:
                left += await self.stored.look(rows)
        return left

    async def _delete_some(
        self, records: Sequence[RowRecord]
    ) -> tuple[list[RowRecord], list[Standing]]:
        """Delete posts that may be; returns those to look at again, and those left for good."""
        looked = await self.stored.look(records)
        await self._end([each.record for each in looked if each.condition is PostCondition.GONE])
        doomed = [each for each in looked if may_change(each.condition, edited=self.edited)]
        left = [
            each
            for each in looked
            if each.condition is not PostCondition.GONE
            and not may_change(each.condition, edited=self.edited)
        ]
        await self.journal.found(
            replace(each.record, state=RowState.STORED)
            for each in left
            if each.record.state is RowState.WITHDRAWING
        )
        posts = {each.record.ref: each.post for each in doomed}
        begun = await self.journal.found(_withdrawing(each.record) for each in doomed)
        limiter = anyio.CapacityLimiter(_DELETERS)
        async with task_group() as group:
            for record in begun:
                group.start_soon(self._delete_one, posts[record.ref], limiter)
        return begun, left

    async def _delete_one(self, post: Post | None, limiter: anyio.CapacityLimiter) -> None:
        assert post is not None  # noqa: S101  (only a listed one is doomed)
        async with limiter:
            await self.outage.read(partial(delete_whole, self.postiz.posts, post))

    async def _end(self, gone: Sequence[RowRecord]) -> None:
        for record in await self.journal.found(map(self.ended, gone)):
            await self.on_outcome(outcome_of(record))


def _withdrawing(record: RowRecord) -> RowRecord:
    return replace(record, state=RowState.WITHDRAWING)
