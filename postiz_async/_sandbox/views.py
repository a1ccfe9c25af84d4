"""What tests see of the sandbox: values that stay as they were when they were read."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from postiz_async._sandbox.rules.formats import to_datetime

if TYPE_CHECKING:
    from postiz_async._sandbox.rows import PostRow
    from postiz_async._sandbox.state import Organization, SandboxState


class CreateRecord(NamedTuple):
    """One create call that was counted.

    Attributes:
        at: Monotonic time of the answer, or of the refusal.
        status: Status of the answer.
        posts: Number of posts that it stored.
    """

    at: float
    status: int
    posts: int


class ThreadRow(msgspec.Struct, frozen=True):
    """A further entry of a post."""

    id: str
    content: str
    media: tuple[str, ...]
    """Paths."""
    delay: int
    """Minutes."""


class StoredPost(msgspec.Struct, frozen=True):
    """A post as it is stored."""

    id: str
    group: str
    integration_id: str
    provider: str
    content: str
    date: datetime
    state: str
    settings: dict[str, object]
    tags: tuple[str, ...]
    """Names."""
    media: tuple[str, ...]
    """Paths."""
    thread: tuple[ThreadRow, ...]
    interval: int | None
    creation_method: str
    release_id: str | None
    release_url: str | None
    has_job: bool
    """Whether a job waits to publish it."""


def stored_posts(state: SandboxState) -> tuple[StoredPost, ...]:
    """The live posts of all organisations."""
    return tuple(
        _stored_post(organization, post)
        for organization in state.organizations
        for post in organization.posts.live_roots()
    )


def _stored_post(organization: Organization, post: PostRow) -> StoredPost:
    return StoredPost(
        id=post.id,
        group=post.group,
        integration_id=post.integration_id,
        provider=organization.integrations[post.integration_id].provider,
        content=post.content,
        date=to_datetime(post.date),
        state=post.state,
        settings=msgspec.json.decode(post.settings, type=dict[str, object]),
        tags=tuple(organization.tags[tag_id].name for tag_id in post.tags),
        media=_paths(post),
        thread=tuple(
            ThreadRow(part.id, part.content, _paths(part), part.delay)
            for part in organization.posts.comments_of(post)
        ),
        interval=post.interval,
        creation_method=post.creation_method,
        release_id=post.release_id,
        release_url=post.release_url,
        has_job=post.has_job,
    )


def _paths(post: PostRow) -> tuple[str, ...]:
    media = msgspec.json.decode(post.image, type=list[dict[str, object]])
    return tuple(str(item.get("path", "")) for item in media)
