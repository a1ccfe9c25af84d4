"""New posts to the body of a create request. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, Raw

from postiz_async.content import faults, render
from postiz_async.errors import InvalidPostError, Marks, Problem, UnexpectedAnswerError
from postiz_async.models.posts import (
    ContentItem,
    CreatePost,
    Html,
    IntegrationRef,
    MediaRef,
    PostItem,
    TagRef,
    ThreadPart,
)
from postiz_async.wire import encode_body, format_date, parse_date

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from postiz_async.models.integrations import Integration
    from postiz_async.models.media import Media
    from postiz_async.models.posts import NewPost, PostType

__all__ = ["MAX_BODY", "build_body", "build_item", "encode_create", "marks_of", "wrong_with"]

MAX_BODY = 102_400
"""Bytes of a create request that the server reads."""


def build_body(
    kind: PostType,
    at: datetime,
    items: list[PostItem],
    *,
    tags: Sequence[str] = (),
    short_link: bool = False,
) -> CreatePost:
    """The create request of posts that share type, moment and tags.

    Raises:
        InvalidPostError: the moment has no time zone.
    """
    return CreatePost(
        type=kind,
        date=format_date(at),
        posts=items,
        short_link=short_link,
        tags=[TagRef(value=tag, label=tag) for tag in tags],
    )


def wrong_with(post: NewPost, channel: Integration | None, place: int) -> Problem | None:
    """What is known to be wrong with a new post for a channel, or None."""
    if channel is None:
        return Problem(f"posts.{place}.channel", f"there is no channel {post.channel_id!r}")
    if channel.disabled:
        return Problem(f"posts.{place}.channel", f"{channel.name!r} is disabled in Postiz")
    return next((Problem(f"posts.{place}{part}", message) for part, message in faults(post)), None)


def build_item(
    post: NewPost, channel: Integration, *, extra_settings: Iterable[tuple[str, str]] = ()
) -> PostItem:
    """A post as it stands in a create request. `extra_settings` are kept by the server."""
    parts = [part if isinstance(part, ThreadPart) else ThreadPart(part) for part in post.thread]
    value = [_content(post.content, post.media), *(_part(part) for part in parts)]
    settings = {**(post.settings or {}), **dict(extra_settings), "__type": channel.provider}
    return PostItem(integration=IntegrationRef(id=channel.id), value=value, settings=settings)


def _content(content: str | Html, media: Sequence[Media]) -> ContentItem:
    return ContentItem(content=render(content), image=[_media(item) for item in media])


def _part(part: ThreadPart) -> ContentItem:
    return ContentItem(
        content=render(part.content),
        image=[_media(item) for item in part.media],
        delay=part.delay or UNSET,
    )


def _media(media: Media) -> MediaRef:
    return MediaRef(
        id=media.id,
        path=media.path,
        alt=media.alt if media.alt is not None else UNSET,
        thumbnail=media.thumbnail if media.thumbnail is not None else UNSET,
    )


def encode_create(body: CreatePost) -> Raw:
    """The bytes of a create request.

    Raises:
        InvalidPostError: the server would not read so many, or the date is none.
    """
    try:
        parse_date(body.date)
    except UnexpectedAnswerError:
        problem = Problem("date", f"{body.date[:40]!r} is no date", hint="2027-01-15T09:00:00Z")
        raise InvalidPostError([problem]) from None
    raw = encode_body(body)
    if len(bytes(raw)) > MAX_BODY:
        problem = Problem("body", f"has {len(bytes(raw)):,} bytes; the server reads {MAX_BODY:,}")
        raise InvalidPostError([problem])
    return raw


def marks_of(body: CreatePost) -> Marks:
    """By what the posts of a request can be found when its answer was lost."""
    channels = tuple(item.integration.id for item in body.posts)
    return Marks(parse_date(body.date), channels)
