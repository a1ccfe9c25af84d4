"""Which posts of a request are stored, judging by a list of its exact instant. PURE.

The server stores the posts of a request one after another and never rolls back, so what is
found is a prefix of the request, and ids sort in the order in which they were stored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postiz_async.delivery.marks import CLIENT_REF, listed_ref
from postiz_async.resources.finding import same_text, stored_at
from postiz_async.wire import parse_date

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from postiz_async.delivery.records import SentRequest
    from postiz_async.models.posts import CreatePost, Post, PostItem

__all__ = ["Match", "is_post", "made_at", "match_moved", "match_request", "says"]

_ID = re.compile(r"c[0-9a-z]{24}")

SKEW = 60.0
"""Seconds by which a moment of ours and one of the server may be apart."""


@dataclass(frozen=True, slots=True)
class Match:
    """`found`: place in the request to post id. `strange`: ids that fit no place."""

    found: Mapping[int, str]
    strange: tuple[str, ...]


def match_request(body: CreatePost, listed: Sequence[Post]) -> Match:
    """Match the posts of a request with what the list shows at its exact instant.

    A post is known by its `client_ref` where the server lists settings, else by channel, text
    and order: of equal posts on one channel the first stored is the first sent. A text that the
    server may have rewritten, with markup or shortened links, counts as any text of its channel
    when no other place takes that as its own.
    """
    moment = parse_date(body.date)
    mine = {post.id: post for post in listed if stored_at(post) == moment}
    places = dict(enumerate(body.posts))
    found: dict[int, str] = {}

    def settle(fits: Callable[[PostItem, Post], bool]) -> None:
        for post_id in sorted(mine):
            place = next((n for n, item in places.items() if fits(item, mine[post_id])), None)
            if place is not None:
                found[place] = post_id
                del places[place], mine[post_id]

    settle(lambda item, post: is_post(item, post, short=body.short_link) and says(item, post, body))
    settle(lambda item, post: is_post(item, post, short=body.short_link))
    return Match(found, tuple(sorted(mine)))


def says(item: PostItem, post: Post, body: CreatePost) -> bool:
    """Whether a listed text is what the server makes of one that was sent."""
    return same_text(item.value[0].content, post.content, short_link=body.short_link)


def match_moved(
    sent: SentRequest,
    places: Iterable[int],
    listed: Iterable[Post],
    *,
    taken: Collection[str],
    moments: Collection[datetime],
) -> dict[int, Post]:
    """Posts of a request that somebody moved to another date, by their place in it.

    A post is known by its `client_ref` where the server lists settings. Where it does not, by
    channel and text, when it was made since the request was sent and nothing else accounts for it.

    Args:
        sent: the request.
        places: the posts of it that are not where they were put.
        listed: posts of other dates.
        taken: ids of posts that are known as those of other rows.
        moments: of all requests of the job; a post that is at one of them belongs there.
    """
    moved: dict[int, Post] = {}
    free = {post.id: post for post in listed if post.id not in taken}
    for place in places:
        item = sent.body.posts[place]
        fits = (
            post
            for post in sorted(free.values(), key=lambda post: post.id)
            if _is_moved(item, post, sent, moments)
        )
        post = next(fits, None)
        if post is not None:
            moved[place] = free.pop(post.id)
    return moved


def _is_moved(item: PostItem, post: Post, sent: SentRequest, moments: Collection[datetime]) -> bool:
    if post.settings is not None:
        mark = item.settings.get(CLIENT_REF)
        return mark is not None and mark == listed_ref(post.settings)
    made = made_at(post.id)
    return (
        made is not None
        and made >= sent.sent_at - SKEW
        and stored_at(post) not in moments
        and post.integration is not None
        and post.integration.id == item.integration.id
        and says(item, post, sent.body)
    )


def made_at(post_id: str) -> float | None:
    """When a post was made, in seconds since the epoch: its id begins with that moment."""
    return int(post_id[1:9], 36) / 1000 if _ID.fullmatch(post_id) else None


def is_post(item: PostItem, post: Post, *, short: bool) -> bool:
    """Whether a post that is listed at the instant of a request may be this one of its posts."""
    if post.settings is not None:
        return item.settings.get(CLIENT_REF) == listed_ref(post.settings)
    if post.integration is None or post.integration.id != item.integration.id:
        return False
    text = item.value[0].content
    return post.content == text or short or "<" in text
