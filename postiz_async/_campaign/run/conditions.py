"""Decide by the list whether the post of a row may be changed or deleted. PURE.

| condition | the post                                                | may be changed           |
|-----------|---------------------------------------------------------|--------------------------|
| OURS      | is listed as it was put, and still to come              | yes                      |
| EDITED    | somebody moved it, or changed its text, state or tags   | only if that is asked for|
| DUE       | is about to be published                                | no                       |
| PUBLISHED | is out, and stays on its network whatever is deleted    | no                       |
| FAILED    | was refused by its network                              | no                       |
| SHARED    | another post has its group, which is deleted as a whole | no                       |
| HIDDEN    | is on a channel that is gone: nothing of it is listed   | no                       |
| GONE      | is listed nowhere                                       | there is nothing to do   |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from postiz_async._delivery.matching import CLIENT_REF, listed_ref
from postiz_async._resources.matching import stored_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from postiz_async._campaign.journal.rows import RowRecord
    from postiz_async._campaign.run.intents import SentPost
    from postiz_async.models.posts import Post


class PostCondition(StrEnum):
    """The condition of the post of a row, by the list."""

    OURS = "ours"
    EDITED = "edited"
    DUE = "due"
    PUBLISHED = "published"
    FAILED = "failed"
    SHARED = "shared"
    HIDDEN = "hidden"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Standing:
    """A row, its post as listed now, and the condition of the post."""

    record: RowRecord
    condition: PostCondition
    post: Post | None = None


def may_change(condition: PostCondition, *, edited: bool) -> bool:
    """Whether a post may be changed or deleted.

    Args:
        condition: the condition of the post.
        edited: whether posts that people edited may be, too.
    """
    return condition is PostCondition.OURS or (edited and condition is PostCondition.EDITED)


def condition_of(
    post: Post | None, sent: Sequence[SentPost], *, now: datetime, near: timedelta, is_shared: bool
) -> PostCondition:
    """The condition of a post.

    Args:
        post: the post as listed; None: it is not.
        sent: the states in which the post was sent.
        now: the server's time.
        near: how long before its date the post is left alone.
        is_shared: another post has its group.
    """
    if post is None:
        return PostCondition.GONE
    if post.state in _ENDS:
        return _ENDS[post.state]
    if post.state != "DRAFT" and stored_at(post) <= now + near:
        return PostCondition.DUE
    if is_shared:
        return PostCondition.SHARED
    return (
        PostCondition.OURS
        if any(_is_as_sent(post, each) for each in sent)
        else PostCondition.EDITED
    )


_ENDS = {"PUBLISHED": PostCondition.PUBLISHED, "ERROR": PostCondition.FAILED}


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
        and post.state == ("DRAFT" if sent.is_draft else "QUEUE")
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
