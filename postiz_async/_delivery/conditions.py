"""Whether the post of a row may be changed or deleted, by what the list shows of it. PURE.

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

from postiz_async._delivery.matching import CLIENT_REF, listed_ref
from postiz_async._delivery.sweep import intents
from postiz_async._resources.matching import stored_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta

    from postiz_async._delivery.journal_file import RowRecord, SentRequest
    from postiz_async._delivery.sweep import Intent
    from postiz_async.models.posts import Post

__all__ = ["LastSent", "PostCondition", "Standing", "condition_of", "last_sent", "may_change"]


class PostCondition(StrEnum):
    """What became of the post of a row, as the list shows it."""

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
    """A row, its post as it is listed now, and what may be done with it."""

    record: RowRecord
    condition: PostCondition
    post: Post | None = None


@dataclass(frozen=True, slots=True)
class LastSent:
    """How a post was put where it should be."""

    intent: Intent
    is_draft: bool


def last_sent(
    requests: Iterable[SentRequest], rows: Mapping[str, RowRecord]
) -> dict[str, LastSent]:
    """How each row was sent at last, by ref."""
    found: dict[str, LastSent] = {}
    for sent in requests:
        for intent in intents([sent]):
            row = rows.get(intent.ref)
            known = found.get(intent.ref)
            if row is None or (known is not None and known.intent.request == row.request):
                continue
            found[intent.ref] = LastSent(intent, sent.body.type == "draft")
    return found


def may_change(condition: PostCondition, *, edited: bool) -> bool:
    """Whether a post may be changed or deleted.

    Args:
        condition: of the post.
        edited: what people edited may be, too.
    """
    return condition is PostCondition.OURS or (edited and condition is PostCondition.EDITED)


def condition_of(
    post: Post | None, sent: LastSent | None, *, now: datetime, near: timedelta, is_shared: bool
) -> PostCondition:
    """What became of a post.

    Args:
        post: as it is listed; None: nowhere.
        sent: how it was put; None: nobody knows, so it counts as edited.
        now: the time of the server.
        near: how long before its date it is left alone.
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
        PostCondition.OURS if sent is not None and _is_as_sent(post, sent) else PostCondition.EDITED
    )


_ENDS = {"PUBLISHED": PostCondition.PUBLISHED, "ERROR": PostCondition.FAILED}


def _is_as_sent(post: Post, sent: LastSent) -> bool:
    """Whether nobody changed a post, as far as the list shows it.

    The web page keeps no milliseconds, so a post that still has them was not saved there.
    """
    intent = sent.intent
    at, mark = stored_at(post), intent.item.settings.get(CLIENT_REF)
    is_anothers = (  # stored by another host, with milliseconds of its own
        at.microsecond > 0
        and mark is not None
        and mark == listed_ref(post.settings)
        and at.replace(microsecond=0) == intent.moment.replace(microsecond=0)
    )
    return (
        (at == intent.moment or is_anothers)
        and intent.equals(post)
        and post.state == ("DRAFT" if sent.is_draft else "QUEUE")
        and {tag.tag.name for tag in post.tags} <= set(intent.tags)
        and _has_settings(post, intent)
    )


def _has_settings(post: Post, intent: Intent) -> bool:
    """Whether the settings are those that were sent, where they are listed."""
    if post.settings is None:
        return True
    try:
        listed = msgspec.json.decode(post.settings, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        return False
    sent = msgspec.to_builtins(intent.item.settings)
    return all(
        listed[key] == value
        for key, value in sent.items()
        if key in listed and type(listed[key]) is type(value)
    )
