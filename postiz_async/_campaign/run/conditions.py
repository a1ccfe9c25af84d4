"""The posts that were sent, and whether the post of a row may be changed or deleted now. PURE.

The list of the server decides: a post that is listed as it was put and is still to come (`OURS`)
may be changed, an edited one only if that is asked for, and a failed one by some deletions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import UNSET

from postiz_async._campaign.journal.rows import RowRecord
from postiz_async._campaign.read.rows import SaidRow
from postiz_async._delivery.matching import CLIENT_REF, listed_ref, says
from postiz_async._delivery.outcomes import SentRequest
from postiz_async._resources.matching import is_on, stored_at
from postiz_async._wire import parse_date
from postiz_async.models.posts import Post, PostItem

DUE_NOW = timedelta(minutes=1)
"""How long before its date a post is not deleted any more, because it is being published."""


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


class Reason(StrEnum):
    """Why a post stays as it is, though it was to be changed, deleted, paused or resumed."""

    EDITED = "edited"
    """Somebody moved it, or changed its text, state or tags."""
    DUE = "due"
    """It is about to be published."""
    PUBLISHED = "published"
    """It is out, and stays on its network whatever is deleted."""
    FAILED = "failed"
    """Its network refused it."""
    SHARED = "shared"
    """Another post has its group, which is deleted as a whole."""
    HIDDEN = "hidden"
    """It is on a channel that is gone: nothing of it is listed."""
    GONE = "gone"
    """It is listed nowhere: somebody deleted it."""
    LATE = "late"
    """The new date of its row has passed, or the date of a paused post."""
    NO_SLOT = "no_slot"
    """Its row moved to another channel, and no create request is free before the date."""
    REFUSED = "refused"
    """The server refused the change."""
    INVALID = "invalid"
    """Its row has problems, and `skip_invalid` is set."""
    NOW = "now"
    """Its row is of type `now`: what was published is not changed."""
    BEGUN = "begun"
    """An undo that did not come to its end was to delete it."""
    ELSEWHERE = "elsewhere"
    """Another host is working on its row."""
    REPEATS = "repeats"
    """It repeats, and only a part of its repetitions is meant, or it was published before."""
    NO_DRAFT = "no_draft"
    """It was paused, and is no draft any more."""
    OURS = "ours"
    """Nothing stands against a change; as a reason: the server did not carry out the deletion."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A row, its post as listed now, its condition, and whether another post has its group."""

    record: RowRecord
    condition: Reason
    post: Post | None = None
    is_shared: bool = False


def may_change(condition: Reason, *, edited: bool, failed: bool = False) -> bool:
    """Whether a post may be changed or deleted.

    Args:
        condition: the condition of the post.
        edited: whether posts that people edited may be, too.
        failed: whether posts that their network refused may be, too.
    """
    return (
        condition is Reason.OURS
        or (edited and condition is Reason.EDITED)
        or (failed and condition is Reason.FAILED)
    )


def condition_of(
    post: Post | None,
    is_ours: Callable[[Post], bool],
    *,
    now: datetime,
    near: timedelta,
    is_shared: bool,
) -> Reason:
    """The condition of a post.

    Args:
        post: the post as listed; None: it is not.
        is_ours: whether a listed post is as it was put; see `is_as_sent`.
        now: the server's time.
        near: how long before its date the post is left alone.
        is_shared: another post has its group.
    """
    if post is None:
        return Reason.GONE
    if post.state in _ENDS:
        return _ENDS[post.state]
    if post.state != "DRAFT" and stored_at(post) <= now + near:
        return Reason.DUE
    if is_shared:
        return Reason.SHARED
    return Reason.OURS if is_ours(post) else Reason.EDITED


_ENDS = {"PUBLISHED": Reason.PUBLISHED, "ERROR": Reason.FAILED}


def was_made_draft(row: RowRecord, post: Post) -> bool:
    """Whether somebody made a draft of a post that was to be published."""
    return post.state == "DRAFT" and SaidRow.read(row.said).type != "draft"


STATES = {"schedule": "QUEUE", "draft": "DRAFT"}
"""The states in which posts are stored, by the type of the request."""


def is_as_sent(sent: Iterable[SentPost], post: Post) -> bool:
    """Whether a post is in one of the states in which it was sent, as far as the list shows."""
    return any(_is_as_sent(post, each) for each in sent)


def _is_as_sent(post: Post, sent: SentPost) -> bool:
    """Whether nobody changed a post, as far as the list shows.

    The web page keeps no milliseconds, so a post that still has them was not saved there; nor was
    one that still has the group in which its settings were changed.
    """
    intent = sent.intent
    at, mark = stored_at(post), intent.item.settings.get(CLIENT_REF)
    by_another_host = (  # stored by another host, with milliseconds of its own
        at.microsecond > 0
        and mark is not None
        and mark == listed_ref(post.settings)
        and at.replace(microsecond=0) == intent.moment.replace(microsecond=0)
    )
    is_new = intent.item.value[0].id is UNSET  # else it is the group that was replaced
    return (
        (at == intent.moment or by_another_host)
        and (not is_new or intent.item.group in {UNSET, post.group})
        and intent.equals(post)
        and post.state == STATES["draft" if sent.is_draft else "schedule"]
        and set(post.tags) <= set(intent.tags)
        and (post.settings is None or has_settings(post.settings, intent.item.settings))
    )


def has_settings(listed: str, sent: Mapping[str, object], *, all_of_them: bool = False) -> bool:
    """Whether the listed settings are those that were sent.

    The server adds some, leaves some out and turns others into another type.

    Args:
        listed: the listed settings, as JSON.
        sent: the settings in a request.
        all_of_them: whether the list must have all of them.
    """
    try:
        there = msgspec.json.decode(listed, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        return False
    wanted: dict[str, object] = msgspec.to_builtins(sent)
    if all_of_them and not wanted.keys() <= there.keys():
        return False
    return all(
        there[key] == value
        for key, value in wanted.items()
        if key in there and type(there[key]) is type(value)
    )
