"""The states of a post on its way into Postiz, as users see them. PURE."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from postiz_async.models.posts import PostRequest


class RowState(StrEnum):
    """The state of a row."""

    PLANNED = "planned"
    """Not sent yet."""
    SENDING = "sending"
    """In a request that is about to be sent, or was sent and not answered yet."""
    STORED = "stored"
    """Stored by Postiz, exactly once."""
    REFUSED = "refused"
    """Refused by the server; the note has its words."""
    LATE = "late"
    """Not sent, because its date had passed."""
    SKIPPED = "skipped"
    """Not sent, because it is not in the campaign file any more."""
    UNKNOWN = "unknown"
    """The answer was lost; it is being looked up."""
    UNDECIDED = "undecided"
    """It could not be found out whether it is stored; not sent again."""
    PUBLISHED = "published"
    """Stored, and out on its network."""
    FAILED = "failed"
    """Stored, and refused by its network when it was due; the note has the reason."""
    WITHDRAWING = "withdrawing"
    """About to be deleted, or deleted and not looked at yet; never sent."""
    WITHDRAWN = "withdrawn"
    """Withdrawn on request: deleted after it was stored, or from the outbox before it was sent."""


LACKS = "it may lack its thread or not be published"
FOUND = "found in Postiz afterwards"
FOUND_UNSURE = f"{FOUND}; {LACKS}"


@dataclass(frozen=True, slots=True)
class SentRequest:
    """A request as sent, and the time of its last repair, on the same clock."""

    id: int
    body: PostRequest
    refs: tuple[str, ...]
    sent_at: float
    mended_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Account:
    """The ids of the posts that a job stored, and the moments of its requests."""

    post_ids: frozenset[str]
    moments: frozenset[datetime]
