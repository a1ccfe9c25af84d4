"""What the server accepts and the network refuses or never sees. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async.validation.oddities import warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from postiz_async.errors import Problem
    from postiz_async.providers.rules import Provider
    from postiz_async.validation.body import JudgedPost
    from postiz_async.validation.media import PostMedia

__all__ = ["content_warnings"]

_MOST = {"x": 4, "instagram-standalone": 10, "tiktok": 35}
"""Media of a part that the network takes, where the server does not look."""

_TEXT_ONLY = frozenset({"kick", "twitch", "moltbook", "medium", "devto", "hashnode"})
_LARGEST_IMAGE = 10 * 1024**2
_LARGEST_VIDEO = 1024**3
_PRESET_CHARACTERS = 130


def content_warnings(post: JudgedPost) -> Iterator[Problem]:
    """Advice about what becomes of a post on its network."""
    if post.channel.disabled:
        message = f"{post.channel.name!r} is disabled in Postiz: the post will not be published"
        yield warning(f"{post.path}integration.id", message)
    if post.provider is None:
        message = f"{post.channel.provider!r} is not known: its settings and media are not checked"
        yield warning(f"{post.path}integration.id", message)
        return
    if len(post.media) > 1:
        yield from _parts(post, post.provider, post.media)
    for place, items in enumerate(post.media):
        if items:
            where = f"{post.path}value.{place}.image"
            yield from _media(post.provider, post.settings, items, where)
    yield from _own(post)


def _parts(
    post: JudgedPost, provider: Provider, entries: Sequence[Sequence[PostMedia]]
) -> Iterator[Problem]:
    if provider.parts == "none":
        message = f"has {len(entries)} parts, of which {provider.name} publishes only the first"
        yield warning(f"{post.path}value", message)
        return
    for place, items in enumerate(entries[1:], start=1):
        where = f"{post.path}value.{place}.image"
        if items and provider.part_media == "ignored":
            yield warning(where, f"{provider.name} publishes no media in further parts")
        elif len(items) > 1 and provider.part_media == "first-only":
            yield warning(where, f"{provider.name} publishes only the first medium of a part")


def _media(
    provider: Provider, settings: Mapping[str, object], items: Sequence[PostMedia], where: str
) -> Iterator[Problem]:
    videos = sum(item.path.partition("?")[0].endswith(".mp4") for item in items)
    most = _MOST.get(provider.identifier)
    if provider.identifier in _TEXT_ONLY:
        yield warning(where, f"{provider.name} publishes no media")
    elif most is not None and len(items) > most and settings.get("post_type") != "article":
        yield warning(where, f"has {len(items)} media, of which {provider.name} takes {most}")
    elif provider.identifier == "x" and videos and len(items) > 1:
        yield warning(where, "X takes one video or up to 4 pictures")
    elif provider.identifier == "mewe" and videos:
        yield warning(where, "MeWe publishes no videos")
    elif provider.identifier == "lemmy" and len(items) > 1:
        yield warning(where, "Lemmy publishes only the first picture")
    for place, item in enumerate(items):
        yield from _file(item, f"{where}.{place}.path")


def _file(item: PostMedia, where: str) -> Iterator[Problem]:
    is_video = item.path.partition("?")[0].endswith(".mp4")
    if not is_video and "mp4" in item.path:
        yield warning(where, "has `mp4` in it: the server takes this picture for a video")
    most = _LARGEST_VIDEO if is_video else _LARGEST_IMAGE
    if item.facts and item.facts.size > most:
        yield warning(where, f"has {item.facts.size:,} bytes; Postiz takes {most:,}")


def _own(post: JudgedPost) -> Iterator[Problem]:
    """What only one network is like."""
    settings = post.settings
    if settings.get("content_posting_method") == "UPLOAD":
        message = "UPLOAD publishes nothing: the media waits in the app, without its settings"
        yield warning(f"{post.path}settings.content_posting_method", message)
    if settings.get("text_format_preset_id") and post.entries:
        text = post.entries[0]["content"]
        if post.media[0] or (isinstance(text, str) and len(text) > _PRESET_CHARACTERS):
            message = f"is for posts without media of up to {_PRESET_CHARACTERS} characters"
            yield warning(f"{post.path}settings.text_format_preset_id", message)
