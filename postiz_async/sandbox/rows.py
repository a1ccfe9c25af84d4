"""The rows that the sandbox stores. All are values: a change makes a new row."""

from __future__ import annotations

import msgspec

__all__ = ["CustomerRow", "IntegrationRow", "MediaRow", "NotificationRow", "PostRow", "TagRow"]


class CustomerRow(msgspec.Struct, frozen=True):
    """A group of channels."""

    id: str
    name: str


class TagRow(msgspec.Struct, frozen=True):
    """A label that posts may carry; only existing ones can be attached."""

    id: str
    name: str
    color: str
    created_at: int


class IntegrationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A channel; times in milliseconds since the epoch, posting times in minutes after midnight."""

    id: str
    provider: str
    name: str
    picture: str | None
    profile: str | None
    internal_id: str
    created_at: int
    updated_at: int
    disabled: bool = False
    customer: CustomerRow | None = None
    posting_times: tuple[int, ...] = (120, 400, 700)
    refresh_needed: bool = False
    additional_settings: str = "[]"
    deleted_at: int | None = None
    failure: str | None = None
    """Why publishing on this channel fails, if it does."""


class PostRow(msgspec.Struct, frozen=True, kw_only=True):
    """A post or, with `parent_id`, one of its comments; times in milliseconds since the epoch."""

    id: str
    integration_id: str
    content: str
    image: str
    """The media as JSON text."""
    settings: str
    """The provider's settings as JSON text."""
    date: int
    state: str
    group: str
    created_at: int
    updated_at: int
    parent_id: str | None = None
    delay: int = 0
    interval: int | None = None
    tags: tuple[str, ...] = ()
    """Ids of tags."""
    creation_method: str = "API"
    release_id: str | None = None
    release_url: str | None = None
    error: str | None = None
    deleted_at: int | None = None
    has_job: bool = False
    """Whether a job waits to publish it."""


class MediaRow(msgspec.Struct, frozen=True):
    """An uploaded file."""

    id: str
    name: str
    path: str
    size: int
    sha256: str


class NotificationRow(msgspec.Struct, frozen=True):
    """A line in the list of what happened."""

    id: str
    content: str
    link: str | None
    created_at: int
