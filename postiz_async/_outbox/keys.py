"""Hand-overs with an idempotency key. PURE.

The id of the ticket is derived from the key, so that one key has one ticket. The marks of the posts
are derived from key and arguments, so that after the key was forgotten no post of another call is
taken for one of these.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postiz_async._delivery.matching import client_ref
from postiz_async._delivery.record import differing, fingerprint_of
from postiz_async._resources.keyed import Said, said_of
from postiz_async.errors import IdempotencyError

if TYPE_CHECKING:
    from postiz_async._delivery.record import DeliveryRecord
    from postiz_async._resources.builder import NewCreate


@dataclass(frozen=True, slots=True)
class KeyedHandOver:
    """A hand-over with an idempotency key: the id of its ticket, and the marks of its posts.

    Args:
        key: the caller's key.
        quota: the name of the quota of the hand-over.
        new: the arguments, with channels by their ids.

    Raises:
        InvalidInputError: settings contain a value that JSON cannot express.
    """

    key: str
    quota: str
    new: NewCreate

    @property
    def ticket(self) -> str:
        """The id of the ticket of this key."""
        return ticket_of(self.quota, self.key)

    @property
    def fingerprint(self) -> dict[str, str]:
        """A short hash for each part of the arguments; posts that go at once have no date."""
        said = said_of(self.new)
        request = {name: value for name, value in said.request.items() if name != "kind"}
        return fingerprint_of(Said(request, said.posts))

    def refs(self) -> list[str]:
        """The marks of the posts, in order; different content has different marks."""
        return [
            client_ref(self.ticket, repr((place, fingerprint_of(Said({}, [post])))))
            for place, post in enumerate(said_of(self.new).posts)
        ]

    def check(self, kept: DeliveryRecord) -> None:
        """Check that the stored hand-over of this key has the same arguments.

        Raises:
            IdempotencyError: it has others.
        """
        differs = differing(kept.fingerprint, self.fingerprint)
        if differs:
            raise IdempotencyError(self.key, differs)


def ticket_of(quota: str, key: str) -> str:
    """The id of the ticket of a key.

    Args:
        quota: the name of the quota of the hand-over.
        key: the caller's key.
    """
    return hashlib.sha256(f"{quota}\n{key}".encode()).hexdigest()[:32]
