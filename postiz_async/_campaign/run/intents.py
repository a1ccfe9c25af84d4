"""What was sent of a campaign, post by post. PURE."""

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
    """One post of a request of this job, as it was sent."""

    ref: str
    request: int
    moment: datetime
    item: PostItem
    short_link: bool
    tags: tuple[str, ...] = ()

    def says(self, post: Post) -> bool:
        """Whether a listed text is what the server makes of its own."""
        return says(self.item, post, short=self.short_link)

    def equals(self, post: Post) -> bool:
        """Whether a listed post says that on the same channel."""
        return is_on(self.item.integration.id, post) and self.says(post)


def intents(requests: Iterable[SentRequest]) -> list[Intent]:
    """All posts that were ever sent, oldest first."""
    return [
        Intent(ref, sent.id, moment, item, sent.body.short_link, tags)
        for sent in requests
        for moment in [parse_date(sent.body.date)]
        for tags in [tuple(tag.label for tag in sent.body.tags)]
        for ref, item in zip(sent.refs, sent.body.posts, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class SentPost:
    """How a post was put where it should be."""

    intent: Intent
    is_draft: bool


def sent_posts(requests: Iterable[SentRequest]) -> dict[str, list[SentPost]]:
    """All the ways in which the post of each row was put, by ref, oldest first."""
    found: dict[str, list[SentPost]] = {}
    for sent in requests:
        for intent in intents([sent]):
            post = SentPost(intent, sent.body.type == "draft")
            found.setdefault(intent.ref, []).append(post)
    return found


def are_whole(listed: Iterable[Post], own: Collection[str | None] = ()) -> frozenset[str]:
    """Ids of posts of other runs that are certainly whole, with their thread and publishing job.

    The server makes the posts of a request one after another, and those of a request share an
    instant; so all are whole but the last.

    Args:
        listed: posts.
        own: ids of those that this run stored; they say nothing of the requests of others.
    """
    by_instant: defaultdict[datetime, list[str]] = defaultdict(list)
    for post in listed:
        if post.id not in own:
            by_instant[stored_at(post)].append(post.id)
    return frozenset(each for ids in by_instant.values() for each in sorted(ids)[:-1])
