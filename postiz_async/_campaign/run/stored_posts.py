"""Find the posts of a journal in Postiz, and whether they may be changed or deleted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from postiz_async._campaign.run.conditions import PostCondition, Standing, condition_of
from postiz_async._campaign.run.intents import sent_posts
from postiz_async._delivery.listing import Calendar
from postiz_async._resources.listing import SEARCHED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from postiz_async._campaign.journal.journal import Journal
    from postiz_async._campaign.journal.rows import RowRecord
    from postiz_async._campaign.run.intents import SentPost
    from postiz_async._delivery.client import CampaignClient
    from postiz_async._delivery.outcomes import SentRequest
    from postiz_async._delivery.pauses import Outage


@dataclass(frozen=True, slots=True)
class StoredPosts:
    """Finds the posts of rows.

    Args:
        postiz: an open client.
        outage: the outage of the job.
        by_ref: the states in which the post of each row was sent, by ref.
        near: how long before its date a post is left alone.
    """

    postiz: CampaignClient
    outage: Outage
    by_ref: dict[str, list[SentPost]]
    near: timedelta

    @classmethod
    async def of(
        cls, postiz: CampaignClient, outage: Outage, journal: Journal, near: timedelta
    ) -> StoredPosts:
        """Make one with the requests of a journal."""
        return cls(postiz, outage, sent_posts(await journal.requests()), near)

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
        groups = Counter(post.group for post in calendar.posts.values())
        now = datetime.fromtimestamp(self.postiz.scheduler.server_time(), UTC)
        found: list[Standing] = []
        for record in records:
            post = calendar.posts.get(record.post_id or "")
            if post is None and record.channel not in channels:
                found.append(Standing(record, PostCondition.HIDDEN))
                continue
            condition = condition_of(
                post,
                self.by_ref.get(record.ref, ()),
                now=now,
                near=self.near,
                is_shared=post is not None and post.group is not None and groups[post.group] > 1,
            )
            found.append(Standing(record, condition, post))
        return found

    def _moments(self, record: RowRecord) -> list[datetime]:
        put = [each.intent.moment for each in self.by_ref.get(record.ref, ())]
        return [datetime.fromtimestamp(record.seconds, UTC), *put]
