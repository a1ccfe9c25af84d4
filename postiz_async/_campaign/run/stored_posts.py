"""Find the posts of a journal in Postiz, and whether they may be changed or deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from msgspec.structs import replace

from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._campaign.journal.tables import each_request
from postiz_async._campaign.run.conditions import (
    Reason,
    SentPost,
    Standing,
    condition_of,
    is_as_sent,
    sent_posts,
)
from postiz_async._campaign.run.job import JobContext
from postiz_async._campaign.run.resume import ReadJournal
from postiz_async._delivery.listing import Calendar
from postiz_async._delivery.outcomes import SentRequest
from postiz_async._delivery.pauses import Outage
from postiz_async._resources.api import OpenClient
from postiz_async._resources.listing import SEARCHED
from postiz_async._resources.matching import stored_at
from postiz_async.models.posts import Post


@dataclass(frozen=True, slots=True)
class StoredPosts:
    """Finds the posts of rows.

    Args:
        postiz: an open client.
        outage: the outage of the job.
        by_ref: the states in which the post of each row was sent, by ref.
        near: how long before its date a post is left alone.
    """

    postiz: OpenClient
    outage: Outage
    by_ref: dict[str, list[SentPost]]
    near: timedelta

    @classmethod
    async def of(cls, job: JobContext, near: timedelta) -> StoredPosts:
        """Make one with the requests of the journal of a job."""
        return await cls.read(job.postiz, job.outage, job.journal.read, near)

    @classmethod
    async def read(
        cls, postiz: OpenClient, outage: Outage, journal: ReadJournal, near: timedelta
    ) -> StoredPosts:
        """Make one with the requests of a journal."""
        sent = await journal(lambda t: list(each_request(t)))
        return cls(postiz, outage, sent_posts(sent), near)

    def learn(self, request: SentRequest) -> None:
        """Note a further state in which a post may be."""
        for ref, posts in sent_posts([request]).items():
            self.by_ref.setdefault(ref, []).extend(posts)

    def sent(self, ref: str) -> SentPost | None:
        """The last state in which the post of a row was sent; None: unknown."""
        return next(reversed(self.by_ref.get(ref, ())), None)

    async def look(
        self,
        records: Sequence[RowRecord],
        *,
        is_patient: bool = True,
        also: Iterable[datetime] = (),
    ) -> list[Standing]:
        """The condition of the posts of these rows, in their order.

        A post that is not at its date is searched for a year before and after.

        Args:
            records: the records of the journal.
            is_patient: False raises an error at once while Postiz is away, and treats a post that
                is at none of its known dates as gone.
            also: further dates at which the posts may be.
        """
        if not records:
            return []
        posts, list_channels = self.postiz.posts.list, self.postiz.channels.list
        listed = await (self.outage.read(list_channels) if is_patient else list_channels())
        channels = {channel.id for channel in listed}
        calendar = Calendar(self.outage.wrap(posts) if is_patient else posts)
        moments = [*also, *(at for record in records for at in self._moments(record))]
        await calendar.look(moments)
        ids = {
            record.post_id
            for record in records
            if record.post_id is not None and record.channel in channels
        }
        if is_patient:
            await calendar.search(ids, min(moments) - SEARCHED, max(moments) + SEARCHED)
        shared = self._shared_groups(calendar.posts.values())
        now = self.postiz.scheduler.server_now()
        found: list[Standing] = []
        for record in records:
            post = calendar.posts.get(record.post_id or "")
            if post is None and record.channel not in channels:
                found.append(Standing(record, Reason.HIDDEN))
                continue
            is_shared = post is not None and post.group in shared
            is_ours = partial(self._is_ours, record)
            condition = condition_of(post, is_ours, now=now, near=self.near, is_shared=is_shared)
            found.append(Standing(record, condition, post, is_shared))
        return found

    def _is_ours(self, record: RowRecord, post: Post) -> bool:
        return is_as_sent(self.by_ref.get(record.ref, ()), post)

    def _shared_groups(self, posts: Iterable[Post]) -> AbstractSet[str]:
        """Groups of which a part has to stay, of the listed posts."""
        groups = Counter(post.group for post in posts)
        return {group for group, count in groups.items() if group is not None and count > 1}

    def _moments(self, record: RowRecord) -> list[datetime]:
        put = [each.intent.moment for each in self.by_ref.get(record.ref, ())]
        return [datetime.fromtimestamp(record.seconds, UTC), *put]


@dataclass(frozen=True, slots=True)
class ListedPosts(StoredPosts):
    """Finds posts that no journal knows: each is a row that has the id of the post as its ref.

    Such a post is edited if it differs from how it was listed before.

    Args:
        listed: the posts by id, as they were listed.
        shared: groups that also have other posts, as far as they are known.
    """

    listed: Mapping[str, Post]
    shared: AbstractSet[str]

    def _is_ours(self, record: RowRecord, post: Post) -> bool:
        return _stored(post) == _stored(self.listed[record.ref])

    def _shared_groups(self, posts: Iterable[Post]) -> AbstractSet[str]:
        return self.shared | groups_beside(self.listed, posts)


def groups_beside(listed: Mapping[str, Post], posts: Iterable[Post]) -> AbstractSet[str]:
    """The groups of posts that are not among the listed ones."""
    return {post.group for post in posts if post.group is not None and post.id not in listed}


def _stored(post: Post) -> Post:
    """A post without the dates of its repetitions."""
    return replace(post, publish_date=stored_at(post), actual_date=None)
