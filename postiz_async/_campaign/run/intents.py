"""The posts that were sent of a campaign. PURE."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postiz_async._delivery.matching import says
from postiz_async._resources.matching import is_on, stored_at
from postiz_async._wire import parse_date

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from postiz_async._delivery.outcomes import SentRequest
    from postiz_async.models.posts import Post, PostItem


@dataclass(frozen=True, slots=True)
class Intent:
    """One post of a request of this job, as sent."""

    ref: str
    request: int
    moment: datetime
    item: PostItem
    short_link: bool
    tags: tuple[str, ...] = ()

    def says(self, post: Post) -> bool:
        """Whether a listed text is the server's form of the sent one."""
        return says(self.item, post, short=self.short_link)

    def equals(self, post: Post) -> bool:
        """Whether a listed post is on the same channel with the same text."""
        return is_on(self.item.channel.id, post) and self.says(post)


def intents(requests: Iterable[SentRequest]) -> list[Intent]:
    """All posts that were ever sent, the oldest first."""
    return [
        Intent(ref, sent.id, moment, item, sent.body.short_link, tags)
        for sent in requests
        for moment in [parse_date(sent.body.date)]
        for tags in [tuple(tag.label for tag in sent.body.tags)]
        for ref, item in zip(sent.refs, sent.body.posts, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class SentPost:
    """A state in which a post was sent: the post, its date and its tags."""

    intent: Intent
    is_draft: bool


def sent_posts(requests: Iterable[SentRequest]) -> dict[str, list[SentPost]]:
    """All states in which the post of each row was sent, by ref, the oldest first."""
    found: dict[str, list[SentPost]] = {}
    for sent in requests:
        for intent in intents([sent]):
            post = SentPost(intent, sent.body.type == "draft")
            found.setdefault(intent.ref, []).append(post)
    return found


def are_whole(listed: Iterable[Post], own: Collection[str | None] = ()) -> frozenset[str]:
    """Ids of posts of other runs that are certainly complete, with their thread and publishing job.

    The server creates the posts of a request one after another, and they share an instant; so all
    but the last are complete.

    Args:
        listed: posts.
        own: ids of the posts that this run stored; they tell nothing about requests of others.
    """
    by_instant: defaultdict[datetime, list[str]] = defaultdict(list)
    for post in listed:
        if post.id not in own:
            by_instant[stored_at(post)].append(post.id)
    return frozenset(each for ids in by_instant.values() for each in sorted(ids)[:-1])
