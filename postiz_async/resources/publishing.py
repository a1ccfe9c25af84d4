"""What became of a post when it was due: how often to look, and why a network refused it.

The list tells the state and nothing else. The reason is in a message to the organisation, which
names the channel or its network in words, but not the post.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from postiz_async.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from postiz_async.models.notifications import Notification
    from postiz_async.models.posts import Post

__all__ = ["FIRST_POLL", "LONGEST_POLL", "messages_since", "next_pause", "reason"]

FIRST_POLL, LONGEST_POLL = 2.0, 30.0
"""Seconds between looks at posts that are about to be published; doubled while nothing happens."""

_BEFORE = timedelta(minutes=1)
"""How much earlier than a post's date its message may be written; clocks differ."""

UNTOLD = "the network refused it; no notification says why"


def next_pause(pause: float) -> float:
    """How long to wait after a look that showed nothing new."""
    return min(LONGEST_POLL, pause * 2)


async def messages_since(
    notifications: AsyncIterator[Notification], posts: Iterable[Post]
) -> list[Notification]:
    """The messages that may be about these posts, newest first.

    Servers before v2.18.0 show none, which is no error.
    """
    since = min((post.publish_date for post in posts), default=None)
    found: list[Notification] = []
    if since is None:
        return found
    try:
        async for message in notifications:
            if message.created_at < since - _BEFORE:
                break
            found.append(message)
    except NotFoundError:
        return []
    return found


def reason(post: Post, messages: Iterable[Notification]) -> str:
    """Why a network refused a post, in the words of the message that came first after its date.

    Args:
        post: in the state `ERROR`.
        messages: see `messages_since`.
    """
    channel = post.integration
    names = [channel.name, channel.provider] if channel is not None else []
    words = [name.casefold() for name in names if name]
    about = [
        message
        for message in messages
        if message.created_at >= post.publish_date - _BEFORE and _is_refusal(message, words)
    ]
    return min(about, key=lambda message: message.created_at).content if about else UNTOLD


def _is_refusal(message: Notification, names: Iterable[str]) -> bool:
    text = message.content.casefold()
    return "has been published" not in text and any(name in text for name in names)
