"""Which posts of a request are stored, judging by a list of its exact instant. PURE.

The server stores the posts of a request one after another and never rolls back, so what is
found is a prefix of the request, and ids sort in the order in which they were stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from postiz_async.delivery.marks import CLIENT_REF
from postiz_async.resources.finding import stored_at
from postiz_async.wire import parse_date

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postiz_async.models.posts import CreatePost, Post, PostItem

__all__ = ["Match", "is_post", "match_request"]


@dataclass(frozen=True, slots=True)
class Match:
    """`found`: place in the request to post id. `strange`: ids that fit no place."""

    found: Mapping[int, str]
    strange: tuple[str, ...]


def match_request(body: CreatePost, listed: Sequence[Post]) -> Match:
    """Match the posts of a request with what the list shows at its exact instant.

    A post is known by its `client_ref` where the server lists settings, else by channel, text
    and order: of equal posts on one channel the first stored is the first sent. Texts are
    compared where the server keeps them byte for byte: without a tag, with links as they are.
    """
    moment = parse_date(body.date)
    mine = {post.id: post for post in listed if stored_at(post) == moment}
    open_places = dict(enumerate(body.posts))
    found: dict[int, str] = {}
    strange: list[str] = []
    for post in sorted(mine.values(), key=lambda post: post.id):
        places = (
            n for n, item in open_places.items() if is_post(item, post, short=body.short_link)
        )
        place = next(places, None)
        if place is None:
            strange.append(post.id)
        else:
            found[place] = post.id
            del open_places[place]
    return Match(found, tuple(strange))


def is_post(item: PostItem, post: Post, *, short: bool) -> bool:
    """Whether a post that is listed at the instant of a request may be this one of its posts."""
    if post.settings is not None:
        return item.settings.get(CLIENT_REF) == _listed_ref(post.settings)
    if post.integration is None or post.integration.id != item.integration.id:
        return False
    text = item.value[0].content
    return post.content == text or short or "<" in text


def _listed_ref(settings: str) -> object:
    try:
        values = msgspec.json.decode(settings, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        return ""
    return values.get(CLIENT_REF, "")
