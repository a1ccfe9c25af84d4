"""Everything that belongs to one organisation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postiz_async.sandbox.publishing import Webhook
    from postiz_async.sandbox.rows import (
        CustomerRow,
        IntegrationRow,
        MediaRow,
        NotificationRow,
        PostRow,
        TagRow,
    )

__all__ = ["Organization", "PostTable"]


class PostTable:
    """The posts, found by id, group and date."""

    def __init__(self) -> None:
        self._rows: dict[str, PostRow] = {}
        self._by_group: dict[str, dict[str, None]] = {}
        self._by_date: dict[int, dict[str, None]] = {}
        self._repeated: dict[str, None] = {}

    def __iter__(self) -> Iterator[PostRow]:
        return iter(self._rows.values())

    def get(self, post_id: str) -> PostRow | None:
        """Any row, deleted ones too."""
        return self._rows.get(post_id)

    def put(self, post: PostRow) -> None:
        """Insert a row, or put it in the place of its former value."""
        former = self._rows.get(post.id)
        if former is not None:
            del self._by_group[former.group][post.id]
            del self._by_date[former.date][post.id]
            self._repeated.pop(post.id, None)
        self._rows[post.id] = post
        self._by_group.setdefault(post.group, {})[post.id] = None
        self._by_date.setdefault(post.date, {})[post.id] = None
        if post.interval is not None:
            self._repeated[post.id] = None

    def live_in_group(self, group: str) -> list[PostRow]:
        """Posts and comments with this group that are not deleted."""
        rows = (self._rows[post_id] for post_id in self._by_group.get(group, ()))
        return [post for post in rows if post.deleted_at is None]

    def live_at(self, date: int) -> bool:
        """Whether any post has exactly this date."""
        rows = (self._rows[post_id] for post_id in self._by_date.get(date, ()))
        return any(post.deleted_at is None for post in rows)

    def live_roots_between(self, start: int, end: int) -> list[PostRow]:
        """Posts without their comments, both ends included, by date and id."""
        dates = sorted(date for date in self._by_date if start <= date <= end)
        rows = (self._rows[post_id] for date in dates for post_id in sorted(self._by_date[date]))
        return [post for post in rows if _is_live_root(post)]

    def live_repeated(self) -> list[PostRow]:
        """Posts that are repeated for ever."""
        rows = (self._rows[post_id] for post_id in sorted(self._repeated))
        return [post for post in rows if _is_live_root(post)]

    def live_roots(self) -> list[PostRow]:
        """All posts without their comments, in the order of their making."""
        return [self._rows[post_id] for post_id in sorted(self._rows) if self._is_root(post_id)]

    def comments_of(self, post: PostRow) -> list[PostRow]:
        """The live further entries of a post, in order."""
        rows = self.live_in_group(post.group)
        return sorted((row for row in rows if row.parent_id), key=lambda row: row.id)

    def _is_root(self, post_id: str) -> bool:
        return _is_live_root(self._rows[post_id])


def _is_live_root(post: PostRow) -> bool:
    return post.deleted_at is None and post.parent_id is None


@dataclass(slots=True)
class Organization:
    """One organisation with its key and its rows."""

    id: str
    name: str
    api_key: str
    posts_per_month: int | None = None
    """What the plan allows; None without billing."""
    subscribed: bool = True
    """False where billing is on and nobody pays: the key is then refused."""
    channels_allowed: int | None = None
    """What the plan allows; None without billing."""
    video_credits: int | None = None
    """Videos that can still be made; None without billing."""
    session: str = ""
    """What the `auth` header of a signed-in user holds."""
    posts: PostTable = field(default_factory=PostTable)
    integrations: dict[str, IntegrationRow] = field(default_factory=dict[str, "IntegrationRow"])
    customers: dict[str, CustomerRow] = field(default_factory=dict[str, "CustomerRow"])
    tags: dict[str, TagRow] = field(default_factory=dict[str, "TagRow"])
    media: dict[str, MediaRow] = field(default_factory=dict[str, "MediaRow"])
    webhooks: list[Webhook] = field(default_factory=list["Webhook"])
    notifications: list[NotificationRow] = field(default_factory=list["NotificationRow"])

    def live_integrations(self) -> list[IntegrationRow]:
        """Channels that are not deleted."""
        return [each for each in self.integrations.values() if each.deleted_at is None]

    def live_integration(self, integration_id: str) -> IntegrationRow | None:
        """A channel that is not deleted."""
        found = self.integrations.get(integration_id)
        return found if found is not None and found.deleted_at is None else None
