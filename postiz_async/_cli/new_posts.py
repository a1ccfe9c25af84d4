"""What `posts create` and `posts replace` are given: channels, posts, their moment."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from postiz_async._cli.options import Said, aware
from postiz_async._cli.output import Output, moment
from postiz_async._resources.channel_names import Resolver
from postiz_async.errors import InvalidPostError, Problem
from postiz_async.models.posts import NewPost

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from postiz_async._client import Postiz
    from postiz_async.models.integrations import Integration
    from postiz_async.models.media import Media


async def find_channels(postiz: Postiz, words: list[str]) -> list[Integration]:
    """The channels that are meant, as a campaign means them.

    Raises:
        InvalidPostError: one is not there, could be several, or is named twice.
    """
    resolver = Resolver(await postiz.integrations.list())
    problems: list[Problem] = []
    meant: dict[str, Integration] = {}
    for word in words:
        found = resolver.find(word)
        if isinstance(found, Problem):
            problems.append(Problem("--channel", found.message, hint=found.hint))
        elif found.id in meant:
            problems.append(Problem("--channel", f"{word!r} is named twice: {found.name!r}"))
        else:
            meant[found.id] = found
    if problems:
        raise InvalidPostError(problems)
    return list(meant.values())


def new_posts(
    channels: list[Integration],
    content: str,
    media: list[Media],
    settings: Mapping[str, object] | None,
    thread: list[str] | None,
) -> list[NewPost]:
    """The same post on each channel."""
    parts = tuple(thread or ())
    return [NewPost(channel, content, media, settings, parts) for channel in channels]


def meant_moment(output: Output, at: Said, zone: ZoneInfo) -> datetime:
    """The moment that is meant; if the date has no zone, it is said which one was taken.

    Raises:
        InvalidPostError: it is a day without a time, or the clocks skip or repeat it.
    """
    if not isinstance(at, datetime):
        raise InvalidPostError([Problem("--at", f"{at} has no time", hint=f"like {at} 09:00")])
    when = aware(at, "--at", zone)
    if at.tzinfo is None:
        output.say(f"--at is {moment(when, zone)}.")
    return when
