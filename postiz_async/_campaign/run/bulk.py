"""Delete many listed posts, whoever stored them.

Nothing is recorded, because a deletion may be made again and the list shows whether it was made:
the same command, given again after a crash or a lost answer, does what is left.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._campaign.run.conditions import DUE_NOW, Reason, condition_of, may_change
from postiz_async._campaign.run.job import Outcome
from postiz_async._campaign.run.stored_posts import ListedPosts, groups_beside
from postiz_async._campaign.run.undo import Withdrawal
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.pauses import Outage
from postiz_async._resources.api import OpenClient
from postiz_async._resources.listing import SEARCHED
from postiz_async._resources.matching import stored_at
from postiz_async.models.posts import Post

_EXPECTED = {Reason.PUBLISHED, Reason.FAILED, Reason.GONE, Reason.NO_DRAFT}
"""Reasons for which posts are left although all is done."""


@dataclass(frozen=True, slots=True)
class PostChanges:
    """Posts that were deleted, paused or resumed, or would be, as listed before, and those left.

    `left` has the posts that stay as they are, by the reason. `notes` say more about posts
    that are left, by id.
    """

    posts: tuple[Post, ...]
    left: Mapping[Reason, tuple[Post, ...]]
    notes: Mapping[str, str]

    @property
    def complete(self) -> bool:
        """Whether all is done, but for what networks or people did: see `in_the_way`."""
        return not self.in_the_way

    @property
    def in_the_way(self) -> set[Reason]:
        """The reasons in `left` but `published`, `failed`, `gone` and `no_draft`."""
        return self.left.keys() - _EXPECTED


def sorted_posts(
    posts: Iterable[Post], why: Mapping[str, Reason], notes: Mapping[str, str]
) -> PostChanges:
    """Sort posts by the reason why they stay; those without one are changed."""
    left: defaultdict[Reason, list[Post]] = defaultdict(list)
    changed: list[Post] = []
    for post in posts:
        (left[why[post.id]] if post.id in why else changed).append(post)
    return PostChanges(tuple(changed), {why: tuple(each) for why, each in left.items()}, notes)


def _after(
    planned: PostChanges, why: Mapping[str, Reason], notes: Mapping[str, str]
) -> PostChanges:
    """The changes that were made as planned, except to posts that stayed for a reason."""
    known = {post.id: reason for reason, posts in planned.left.items() for post in posts}
    posts = [*planned.posts, *(post for each in planned.left.values() for post in each)]
    return sorted_posts(posts, {**known, **why}, {**planned.notes, **notes})


def _condition(postiz: OpenClient, post: Post, near: timedelta) -> Reason:
    """The condition of a post that was listed just now."""
    return condition_of(
        post, lambda _: True, now=postiz.scheduler.server_now(), near=near, is_shared=False
    )


async def plan_deletion(postiz: OpenClient, posts: Sequence[Post], *, failed: bool) -> PostChanges:
    """Plan which posts to delete, and which stay.

    Args:
        postiz: an open client.
        posts: the chosen posts.
        failed: also delete posts that their network refused.
    """
    why: dict[str, Reason] = {}
    notes: dict[str, str] = {}
    for post in posts:
        condition = _condition(postiz, post, DUE_NOW)
        if _repeats(post):
            why[post.id] = Reason.REPEATS
        elif not may_change(condition, edited=False, failed=failed):
            why[post.id] = condition
    staying = {post.group or "": post for post in posts if post.id in why}
    beside = {**await _beside(postiz, posts), **staying}
    for post in posts:
        if post.id not in why and post.group and (other := beside.get(post.group)):
            why[post.id] = Reason.SHARED
            note = f"its group, which is deleted as a whole, also has the post {other.id}"
            notes[post.id] = note
    return sorted_posts(posts, why, notes)


async def delete_posts(
    postiz: OpenClient,
    planned: PostChanges,
    *,
    failed: bool,
    on_outcome: Callable[[Outcome], Awaitable[None]],
) -> PostChanges:
    """Delete posts as planned, except those that somebody changed meanwhile.

    Raises:
        PostizError: the job has to stop; plan and call it again to go on.
    """
    outage, records = Outage.of(postiz), records_of(planned.posts)
    listed = {post.id: post for post in planned.posts}
    shared = groups_beside(listed, (await _beside(postiz, planned.posts)).values())
    withdrawal = Withdrawal(
        _Unrecorded(records),
        ListedPosts(postiz, outage, {}, DUE_NOW, listed, shared),
        edited=False,
        failed=failed,
        on_outcome=on_outcome,
        ended=lambda record: dataclasses.replace(record, state=RowState.WITHDRAWN),
        groups={post.id: post.group for post in planned.posts},
    )
    left = await withdrawal.delete(records)
    return _after(planned, {each.record.ref: each.condition for each in left}, {})


async def _beside(postiz: OpenClient, posts: Sequence[Post]) -> Mapping[str, Post]:
    """Other posts in the groups of these, by group, from a year before to a year after them."""
    ids, groups = {post.id for post in posts}, {post.group for post in posts} - {None}
    if not groups:
        return {}
    dates = [stored_at(post) for post in posts]
    listing = postiz.posts.list(start=min(dates) - SEARCHED, end=max(dates) + SEARCHED)
    return {
        post.group: post
        async for post in listing
        if post.group is not None and post.group in groups and post.id not in ids
    }


class _Unrecorded:
    """Rows that no journal has: a look at the posts shows how far a deletion came."""

    def __init__(self, records: Iterable[RowRecord]) -> None:
        self._rows = {row.ref: row for row in records}

    async def rows(self, refs: Iterable[str]) -> Mapping[str, RowRecord]:
        """Rows by ref."""
        return {ref: self._rows[ref] for ref in refs}

    async def found(self, rows: Iterable[RowRecord]) -> list[RowRecord]:
        """Note the rows."""
        given = list(rows)
        self._rows |= {row.ref: row for row in given}
        return given


def _repeats(post: Post) -> bool:
    return post.interval_in_days is not None


def records_of(posts: Iterable[Post]) -> list[RowRecord]:
    """The rows that stand for posts."""
    return [
        RowRecord(
            ref=post.id,
            number=number,
            fingerprint="",
            channel="" if post.channel is None else post.channel.id,
            seconds=stored_at(post).timestamp(),
            state=RowState.STORED,
            post_id=post.id,
        )
        for number, post in enumerate(posts, 1)
    ]
