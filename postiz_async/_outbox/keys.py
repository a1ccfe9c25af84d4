"""Hand-overs with an idempotency key. PURE.

The id of the ticket follows from the key, so that there is one. The marks of its posts follow from
key and arguments, so that none of another call is taken for one of them when the key was forgotten.
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
    """A hand-over as its caller means it: the ticket of its key, and a mark for each post.

    Args:
        key: the caller's key.
        quota: the name of the quota that it belongs to.
        new: the arguments, with channels by their ids.

    Raises:
        InvalidPostError: JSON has no word for something in settings.
    """

    key: str
    quota: str
    new: NewCreate

    @property
    def ticket(self) -> str:
        """The id of its ticket."""
        return hashlib.sha256(f"{self.quota}\n{self.key}".encode()).hexdigest()[:32]

    @property
    def fingerprint(self) -> dict[str, str]:
        """A short hash for each part of the arguments; posts that go at once have no date."""
        said = said_of(self.new)
        request = {name: value for name, value in said.request.items() if name != "kind"}
        return fingerprint_of(Said(request, said.posts))

    def refs(self) -> list[str]:
        """What marks its posts, in order; another content has another mark."""
        return [
            client_ref(self.ticket, repr((place, fingerprint_of(Said({}, [post])))))
            for place, post in enumerate(said_of(self.new).posts)
        ]

    def check(self, kept: DeliveryRecord) -> None:
        """See that the hand-over that has its ticket is this one.

        Raises:
            IdempotencyError: it is another one.
        """
        differs = differing(kept.fingerprint, self.fingerprint)
        if differs:
            raise IdempotencyError(self.key, differs)
