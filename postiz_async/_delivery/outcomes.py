"""The states of a post on its way into Postiz, as users see them. PURE."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from postiz_async.models.posts import Post, PostRequest


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
    """The ids of posts that no lost request stored, and the moments of the requests of a job."""

    post_ids: frozenset[str]
    moments: frozenset[datetime]


class Accounts(Protocol):
    """The record of what a job sent: a journal, or the store of an outbox."""

    async def account(self, posts: Iterable[Post]) -> Account:
        """The stored posts and the moments of requests that the record knows.

        Args:
            posts: the listed posts; the answer may leave out other posts and other moments.
        """
        ...

    async def has_stored(self, post_id: str) -> bool:
        """Whether this post is recorded as stored."""
        ...

    async def mends(self, request: int, wall: float) -> None:
        """Write down that a post of a request is about to be repaired; see `SentRequest`.

        Args:
            request: the number of the request.
            wall: the present time on the clock of `sent_at`.

        Raises:
            StoreError: another process has the request now.
        """
        ...
