"""The second check of a post, after its fields were found valid.

The messages differ slightly between creating a post and changing its settings; the caller puts
them into an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from postiz_async._sandbox.rows import ChannelRow, Release
from postiz_async._sandbox.rules.fields import is_list, is_mapping, is_truthy, nested_value, to_text
from postiz_async._sandbox.rules.media import Draft, MediaItem
from postiz_async._sandbox.rules.networks import Network
from postiz_async._sandbox.rules.settings import first_violation
from postiz_async._sandbox.text.html import has_text
from postiz_async._sandbox.text.json import read_json
from postiz_async._sandbox.text.length import plain_length, x_length

EMPTY = "Your post should have at least one character or one image."

_ARTICLE = 100_000
_VERIFIED = 4_000
_UNKNOWN = "an unknown value was passed to the validate function"


class PostEntry(NamedTuple):
    """A post, or one of its comments: sanitised content and media objects."""

    content: str
    images: Sequence[object]


def is_empty(entry: PostEntry) -> bool:
    """Whether there is nothing to publish."""
    return not entry.images and not has_text(entry.content)


class PostContext(NamedTuple):
    """The facts besides the post on which the rules depend.

    Attributes:
        channel: The channel of the post.
        network: The network of the channel.
        release: The release of the server.
        pictures: The files that the server can fetch, by path, with width and height if they
            are known.
    """

    channel: ChannelRow
    network: Network
    release: Release
    pictures: Mapping[str, tuple[int, int] | None]


def broken_rule(
    settings: Mapping[str, object],
    entries: Sequence[PostEntry],
    context: PostContext,
    too_long: str,
) -> str | None:
    """The first problem of a post, in the server's words, or None.

    Args:
        settings: The settings of the post, in their declared types.
        entries: The post and its comments.
        context: Channel, network and server.
        too_long: The message for a text that is too long; `{}` stands for the limit.
    """
    network = context.network
    if network.is_broken:
        return _UNKNOWN
    message = first_violation(settings, network.fields_in(context.release))
    if message is not None:
        return message
    media = [[_medium(image, context.pictures) for image in entry.images] for entry in entries]
    draft = Draft(settings, media)
    message = next((rule.message for rule in network.rules if rule.is_broken(draft)), None)
    if message is not None:
        return message
    limit = longest_text(network, context.channel, settings, context.release)
    count = x_length if network.is_weighted else plain_length
    is_too_long = any(count(entry.content) > limit for entry in entries)
    return too_long.replace("{}", str(limit)) if is_too_long else None


def _medium(image: object, pictures: Mapping[str, tuple[int, int] | None]) -> MediaItem:
    path = str(to_text(nested_value(image, "path")))
    thumbnail = image.get("thumbnail") if is_mapping(image) else None
    return MediaItem(path, is_truthy(thumbnail), path in pictures, pictures.get(path))


def longest_text(
    network: Network, channel: ChannelRow, settings: Mapping[str, object], release: Release
) -> int:
    """The limit of characters for a post with these settings on this channel."""
    if not network.is_weighted:
        return network.max_length
    if settings.get("post_type") == "article" and network.has_articles_in(release):
        return _ARTICLE
    return _VERIFIED if _is_verified(channel) else network.max_length


def _is_verified(channel: ChannelRow) -> bool:
    found = read_json(channel.additional_settings)
    return any(
        nested_value(each, "title") == "Verified" and is_mapping(each) and bool(each.get("value"))
        for each in (found if is_list(found) else [])
    )
