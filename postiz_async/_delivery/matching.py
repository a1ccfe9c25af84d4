"""Recognise the posts of a request in the server's list, to find out which are stored. PURE.

The server has no idempotency key. But it keeps the milliseconds of a date, which people and the
web page never set, and unknown keys inside `settings`. So a request is marked by the
milliseconds of its date, unique within its second, and a post by its `client_ref`. The server
stores the posts of a request one after another and never rolls back, so what is found is a prefix
of the request, and ids sort in the order in which they were stored.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import UNSET

from postiz_async._delivery.outcomes import SentRequest
from postiz_async._resources.matching import assign, is_on, same_text, stored_at
from postiz_async._wire import parse_date
from postiz_async.models.posts import Post, PostItem, PostRequest

CLIENT_REF = "client_ref"
"""The key inside a post's settings that names the row it came from."""


def client_ref(campaign: str, ref: str) -> str:
    """The 12 characters that mark one post of a campaign."""
    digest = hashlib.sha256(f"{campaign}\n{ref}".encode()).digest()
    return base64.b32encode(digest)[:12].decode().lower()


def row_ref(
    campaign: str, ref: str, *, channel: str, date: str, texts: Sequence[str], copy: int = 1
) -> str:
    """The `client_ref` of a row, equal on every host.

    Args:
        campaign: the name of the campaign.
        ref: the ref of the row.
        channel: the id of the row's channel.
        date: what the campaign says for the date, even if the post is moved.
        texts: the content and the parts of its thread, as the campaign gives them.
        copy: 2 or more if the row is stored once more on purpose.
    """
    said = (ref, channel, date, tuple(texts))
    return client_ref(campaign, repr(said if copy == 1 else (*said, copy)))


def listed_ref(settings: str | None) -> str:
    """The `client_ref` in the listed settings; empty if there is none."""
    if settings is None or CLIENT_REF not in settings:
        return ""
    value = listed_settings(settings).get(CLIENT_REF)
    return value if isinstance(value, str) else ""


def listed_settings(settings: str | None) -> Mapping[str, object]:
    """The settings as the server lists them; empty if they are missing or unreadable."""
    try:
        return msgspec.json.decode(settings or "{}", type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        return {}


def with_marks(listed: Iterable[Post], marks: Mapping[int, str]) -> dict[int, Post]:
    """The listed posts that have one of these marks, by place."""
    by_ref = {listed_ref(post.settings): post for post in listed}
    return {place: by_ref[mark] for place, mark in marks.items() if mark in by_ref}


class MillisecondMarks:
    """Hands out dates with milliseconds from 1 to 999 that are unique within their second.

    Args:
        used: exact moments in use.
        first: the milliseconds to begin with. Hosts with different ones do not choose the same
            instant.
    """

    def __init__(self, used: Iterable[datetime] = (), *, first: int = 1) -> None:
        self._order = (*range(first, 1000), *range(1, first))
        self._used: dict[datetime, set[int]] = {}
        for moment in used:
            self.take(moment)

    def take(self, moment: datetime) -> None:
        """Note that an exact moment is in use."""
        second = moment.replace(microsecond=0)
        self._used.setdefault(second, set()).add(moment.microsecond // 1000)

    def mark(self, moment: datetime) -> datetime:
        """Add unused milliseconds to a moment; if its second is full, take a later second."""
        second = moment.replace(microsecond=0)
        while True:
            taken = self._used.setdefault(second, set())
            free = next((ms for ms in self._order if ms not in taken), None)
            if free is not None:
                taken.add(free)
                return second.replace(microsecond=free * 1000)
            second += timedelta(seconds=1)


def in_milliseconds(moment: datetime) -> int:
    """A moment as a mark is stored: whole milliseconds since the epoch."""
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def from_milliseconds(mark: int) -> datetime:
    """The moment of a stored mark."""
    second, rest = divmod(mark, 1000)
    return datetime.fromtimestamp(second, UTC).replace(microsecond=rest * 1000)


_ID = re.compile(r"c[0-9a-z]{24}")

SKEW = 60.0
"""Seconds by which our clock and the server's may differ."""


@dataclass(frozen=True, slots=True)
class Match:
    """Matched posts: `found` maps place to post id, `unmatched` are ids without a place."""

    found: Mapping[int, str]
    unmatched: tuple[str, ...]


def match_request(body: PostRequest, listed: Sequence[Post]) -> Match:
    """Match the posts of a request with the posts listed at its exact instant.

    A post is known by its `client_ref` where the server lists settings, else by channel, text and
    order: of equal posts on one channel the first stored is the first sent. A text that the server
    may have rewritten (markup, shortened links) matches any text of its channel that no other place
    claims.
    """
    moment, short = parse_date(body.date), body.short_link
    mine = {post.id: post for post in listed if stored_at(post) == moment}

    def may_be(place: int, post: Post) -> bool:
        return is_post(body.posts[place], post, short=short)

    def is_certain(place: int, post: Post) -> bool:
        return may_be(place, post) and says(body.posts[place], post, short=short)

    places = range(len(body.posts))
    found = assign(places, mine.values(), is_certain)
    for post in found.values():
        del mine[post.id]
    rest = assign([place for place in places if place not in found], mine.values(), may_be)
    ids = {place: post.id for place, post in (found | rest).items()}
    return Match(ids, tuple(sorted(mine.keys() - ids.values())))


def changed_ids(body: PostRequest) -> frozenset[str]:
    """The ids of the posts that a request changes; empty if it creates new ones."""
    ids = (item.value[0].id for item in body.posts)
    return frozenset(post_id for post_id in ids if post_id is not UNSET)


def says(item: PostItem, post: Post, *, short: bool) -> bool:
    """Whether a listed text is the server's form of a text that was sent.

    Args:
        item: the post as sent.
        post: the post as listed.
        short: the request asked for shortened links.
    """
    return same_text(item.value[0].content, post.content, short_link=short)


def may_be_moved(
    item: PostItem,
    post: Post,
    sent: SentRequest,
    moments: Collection[datetime],
    *,
    is_one_of_many: bool,
) -> bool:
    """Whether a post at another date may be one that was sent, where the server lists no settings.

    It has the channel and the text, was created after the request was sent, and belongs to no other
    request that is known.

    Args:
        item: the post as sent.
        post: the post as listed.
        sent: the request.
        moments: the dates of all requests of the job.
        is_one_of_many: others send equal posts at unknown moments; posts with the milliseconds of
            another request belong to that one.
    """
    made = made_at(post.id)
    return (
        post.settings is None
        and made is not None
        and made >= sent.sent_at - SKEW
        and stored_at(post) not in moments
        and not (is_one_of_many and is_of_another_run(sent, post))
        and is_on(item.channel.id, post)
        and says(item, post, short=sent.body.short_link)
    )


def is_of_another_run(sent: SentRequest, post: Post) -> bool:
    """Whether the milliseconds of a moved post show that another request created it.

    People move a post to a date without milliseconds, or with those that it has.
    """
    put, at = parse_date(sent.body.date), stored_at(post)
    return at.microsecond not in {0, put.microsecond}


def made_at(post_id: str) -> float | None:
    """The time at which a post was created, in seconds since the epoch, taken from its id."""
    return int(post_id[1:9], 36) / 1000 if _ID.fullmatch(post_id) else None


def is_post(item: PostItem, post: Post, *, short: bool) -> bool:
    """Whether a post listed at the instant of a request may be this one of its posts."""
    if item.value[0].id is not UNSET:
        return post.id == item.value[0].id
    if post.settings is not None:
        return item.settings.get(CLIENT_REF) == listed_ref(post.settings)
    if not is_on(item.channel.id, post):
        return False
    text = item.value[0].content
    return post.content == text or short or "<" in text
