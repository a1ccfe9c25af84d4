"""Which posts of a request are stored, judging by a list of its exact instant. PURE.

The server stores the posts of a request one after another and never rolls back, so what is
found is a prefix of the request, and ids sort in the order in which they were stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from postiz_async.delivery.marks import CLIENT_REF

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postiz_async.models.posts import Post, PostItem

__all__ = ["Match", "match_request"]


@dataclass(frozen=True, slots=True)
class Match:
    """`found`: place in the request to post id. `strange`: ids that fit no place."""

    found: Mapping[int, str]
    strange: tuple[str, ...]


def match_request(items: Sequence[PostItem], listed: Sequence[Post]) -> Match:
    """Match the posts of a request with what the list shows at its exact instant.

    A post is known by its `client_ref` where the server lists settings, else by channel and
    order: of the posts on one channel the first stored is the first sent.
    """
    posts = sorted((post for post in listed if post.actual_date is None), key=lambda p: p.id)
    open_places = dict(enumerate(items))
    found: dict[int, str] = {}
    strange: list[str] = []
    for post in posts:
        place = next((p for p, item in open_places.items() if _is(item, post)), None)
        if place is None:
            strange.append(post.id)
        else:
            found[place] = post.id
            del open_places[place]
    return Match(found, tuple(strange))


def _is(item: PostItem, post: Post) -> bool:
    if post.settings is not None:
        return item.settings.get(CLIENT_REF) == _listed_ref(post.settings)
    return post.integration is not None and post.integration.id == item.integration.id


def _listed_ref(settings: str) -> object:
    try:
        values = msgspec.json.decode(settings, type=dict[str, object])
    except msgspec.DecodeError:
        return ""
    return values.get(CLIENT_REF, "")
