"""Match posts that were sent with posts that are listed. PURE.

The server filters texts before it stores them, and may replace links with short ones.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from operator import attrgetter

from postiz_async._content import sanitise
from postiz_async.errors import InvalidInputError, Marks
from postiz_async.models.posts import Post

_TAG = re.compile(r"<[^<>]*>")
_LINK = re.compile(r"https?://\S+")

_NOW_LASTS = timedelta(minutes=15)
"""Longest time after its request at which a post of type `now` may be stored: a lost request
settles in 12 minutes, and such posts are dated to whole minutes."""


def stored_at(post: Post) -> datetime:
    """The stored date of a post; a repeated one is listed with the dates of its repetitions."""
    return post.actual_date or post.publish_date


def same_text(sent: str, listed: str, *, short_link: bool = False) -> bool:
    """Whether a listed content is what the server makes of one that was sent.

    Args:
        sent: as it stood in the request.
        listed: as the list returns it.
        short_link: links may have been replaced, so they are not compared.
    """
    return sent == listed or (
        sent_text(sent, short_link=short_link) == seen_text(listed, short_link=short_link)
    )


def sent_text(sent: str, *, short_link: bool = False) -> str:
    """The visible text of a content that is sent; see `same_text`."""
    try:
        kept = sanitise(sent)
    except InvalidInputError:  # it is longer than anything a server reads
        kept = sent
    return seen_text(kept, short_link=short_link)


def seen_text(listed: str, *, short_link: bool = False) -> str:
    """The visible text of a listed content; see `same_text`."""
    if short_link:
        listed = _LINK.sub("", listed)
    return " ".join(html.unescape(_TAG.sub(" ", listed)).split())


def is_on(channel_id: str, post: Post) -> bool:
    """Whether a listed post is on this channel."""
    return post.channel is not None and post.channel.id == channel_id


def assign(
    places: Iterable[int], posts: Iterable[Post], fits: Callable[[int, Post], bool]
) -> dict[int, Post]:
    """Match listed posts with the places of a request, each post with one place at most.

    If several posts fit equally, the first place gets the one that was stored first: ids sort in
    the order in which posts were stored.
    """
    free = sorted({post.id: post for post in posts}.values(), key=attrgetter("id"))
    found: dict[int, Post] = {}
    for place in places:
        at = next((n for n, post in enumerate(free) if fits(place, post)), None)
        if at is not None:
            found[place] = free.pop(at)
    return found


def span_of(marks: Marks) -> tuple[datetime, datetime]:
    """The range of dates in which the posts of a lost request are listed."""
    if marks.kind == "now":  # the server takes the minute in which it stores them
        start = marks.date.replace(second=0, microsecond=0)
        return start, start + _NOW_LASTS
    return marks.date, marks.date


def find_posts(marks: Marks, listed: Iterable[Post]) -> list[Post | None]:
    """The listed post for each post of a request, in request order; None where there is none."""
    start, end = span_of(marks)
    there = (post for post in listed if start <= stored_at(post) <= end)
    places = range(len(marks.channels))
    found = assign(places, there, lambda place, post: _fits(marks, place, post))
    return [found.get(place) for place in places]


def _fits(marks: Marks, place: int, post: Post) -> bool:
    if not is_on(marks.channels[place], post):
        return False
    if not marks.contents:
        return True
    return same_text(marks.contents[place], post.content, short_link=marks.short_link)
