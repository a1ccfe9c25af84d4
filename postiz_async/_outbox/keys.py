"""Hand-overs with an idempotency key. PURE.

The id of the ticket follows from the key, so that there is one, and the marks of its posts from
key and arguments, so that another call can be told from the same one without anything that would
have to be kept beside the ticket.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postiz_async._delivery.matching import CLIENT_REF, client_ref
from postiz_async._delivery.record import fingerprint_of
from postiz_async._resources.create_body import build_item
from postiz_async._resources.keyed import Said, said_of
from postiz_async._wire import format_date
from postiz_async.errors import IdempotencyError
from postiz_async.models.integrations import Integration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postiz_async._outbox.tickets import OutboxEntry
    from postiz_async._resources.builder import NewCreate
    from postiz_async.models.posts import PostItem


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

    def refs(self) -> list[str]:
        """What marks its posts, in order; another content has another mark."""
        return [
            client_ref(self.ticket, repr((place, fingerprint_of(Said({}, [post])))))
            for place, post in enumerate(said_of(self.new).posts)
        ]

    def check(self, entry: OutboxEntry) -> None:
        """See that the hand-over that has its ticket is this one.

        Raises:
            IdempotencyError: it is another one.
        """
        new, body = self.new, entry.body
        at = format_date(new.at, "at") if new.kind == "schedule" else None
        same = {
            "at": at == (body.date if entry.is_dated else None),
            "tags": list(new.tags) == [tag.value for tag in body.tags],
            "short_link": new.short_link == body.short_link,
        }
        ours = dict(enumerate(self.refs()))
        theirs = {place: item.settings.get(CLIENT_REF) for place, item in enumerate(body.posts)}
        differs = [path for path, is_same in same.items() if not is_same]
        for place in ours | theirs:
            if ours.get(place) != theirs.get(place):
                differs += self._differing(place, body.posts)
        if differs:
            raise IdempotencyError(self.key, tuple(differs))

    def _differing(self, place: int, kept: Sequence[PostItem]) -> list[str]:
        """The paths of what differs in a post; its own path where only one has it."""
        path = f"posts.{place}"
        if not place < min(len(kept), len(self.new.posts)):
            return [path]
        post, theirs = self.new.posts[place], kept[place]
        provider = str(theirs.settings.get("__type", ""))
        channel = Integration(id=post.channel_id, name="", provider=provider)
        ours = _parts(build_item(post, channel))
        changed = [name for name, part in _parts(theirs).items() if ours[name] != part]
        return [f"{path}.{name}" for name in changed] or [path]


def _parts(item: PostItem) -> dict[str, object]:
    """A post of a request, by the names that the arguments of a call have."""
    first, *thread = item.value
    settings = {name: value for name, value in item.settings.items() if name != CLIENT_REF}
    return {
        "channel": item.integration.id,
        "content": first.content,
        "media": first.image,
        "settings": settings,
        "thread": thread,
    }
