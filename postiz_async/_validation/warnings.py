"""Warnings: what the server accepts although it is probably a mistake. PURE."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set as AbstractSet
from datetime import UTC, datetime
from typing import Literal

import msgspec

from postiz_async._validation.constraints import crashes, has_zone, is_clear, is_iso_date, moment
from postiz_async._validation.javascript import as_list, as_object, is_list, is_number, is_object
from postiz_async._validation.media import Entries, PostMedia
from postiz_async._validation.messages import did_you_mean, read_as_true, shown, warning
from postiz_async._validation.settings import SettingsVerdict, settings_warnings
from postiz_async.errors import Problem
from postiz_async.models.channels import Channel
from postiz_async.providers._schema import Provider


class JudgedPost(msgspec.Struct, frozen=True, gc=False):
    """A post whose channel is known, with its values in their declared types.

    `given` is the post as given. `entries` and their `media` are empty unless the request
    classes accept the post. `verdict` is the one on its settings, for a known provider.
    """

    path: str
    channel: Channel
    provider: Provider | None
    given: Mapping[str, object]
    settings: Mapping[str, object]
    verdict: SettingsVerdict | None
    entries: Sequence[Mapping[str, object]]
    media: Entries


class Body(msgspec.Struct, frozen=True, gc=False):
    """A request that was checked by the request classes."""

    given: Mapping[str, object]
    values: Mapping[str, object]
    posts: Sequence[JudgedPost]
    problems: Sequence[Problem]


_POST_KEYS = frozenset({"integration", "value", "group", "settings", "type"})
_ENTRY_KEYS = frozenset({"content", "image", "delay", "id"})
_PLAIN_POST = frozenset({"integration", "value", "settings"})
_PLAIN_ENTRY = frozenset({"content", "image"})
_TURNS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def unknown_keys(
    given: Mapping[str, object], known: AbstractSet[str], path: str, of: str
) -> Iterator[Problem]:
    """Warnings about keys that the server ignores."""
    for name in given:
        if name not in known:
            yield warning(
                f"{path}{name}" or shown(name),
                f"is not a key of {of}: ignored",
                did_you_mean(name, known),
            )


def unknown_key_warnings(post: JudgedPost, *, is_update: bool) -> Iterator[Problem]:
    """Warnings about the keys and the settings of a post."""
    given = post.given
    if not _PLAIN_POST.issuperset(given):
        yield from _post_keys(given, post.path, is_update=is_update)
    yield from _entries(post, is_update=is_update)
    settings = given.get("settings")
    if not is_object(settings):
        if settings is not None:
            message = f"{shown(settings)} is not an object: the server takes it for none"
            yield warning(f"{post.path}settings", message)
    elif post.provider is not None and post.verdict is not None and not post.verdict.is_quiet:
        yield from settings_warnings(post.provider, settings, f"{post.path}settings.")


def _post_keys(given: Mapping[str, object], path: str, *, is_update: bool) -> Iterator[Problem]:
    yield from unknown_keys(given, _POST_KEYS, path, "a post")
    if given.get("group") is not None and not is_update:
        message = "names a group of posts, which are deleted when this one is stored"
        yield warning(f"{path}group", message, "leave it out; copied from a listed post?")
    if given.get("type") is not None:
        yield warning(f"{path}type", "belongs to the request, not to a post")


def _entries(post: JudgedPost, *, is_update: bool) -> Iterator[Problem]:
    given = as_list(post.given.get("value"))
    for place, entry in enumerate(post.entries):
        if entry is given[place] and _PLAIN_ENTRY.issuperset(entry):
            content = entry["content"]
            if isinstance(content, str) and content.isascii():
                continue  # as nearly always
        where = f"{post.path}value.{place}"
        if not _ENTRY_KEYS.issuperset(entry):
            yield from unknown_keys(entry, _ENTRY_KEYS, f"{where}.", "a part")
        if entry.get("id") and not is_update:
            message = "is the id of a stored post, which this one replaces"
            yield warning(f"{where}.id", message, "leave it out; copied from a listed post?")
        content = entry["content"]
        sent = content if entry is given[place] else as_object(given[place]).get("content")
        if content != sent:
            message = f"{shown(sent)} is not text: the server takes it for {shown(content)}"
            yield warning(f"{where}.content", message)
        if isinstance(content, str) and not content.isascii() and _TURNS.search(content):
            message = "has characters that turn the direction of the text"
            yield warning(f"{where}.content", message)
        if entry.get("delay"):
            yield from _delay(entry["delay"], f"{where}.delay", is_first=place == 0)


def _delay(delay: object, where: str, *, is_first: bool) -> Iterator[Problem]:
    if not isinstance(delay, int | float):
        return
    if is_first:
        yield warning(where, "of the first part is ignored", "the date says when it is published")
    elif delay < 0:
        yield warning(where, "is negative, which counts as 0")
    elif delay != int(delay):
        yield warning(where, "is not a number of whole minutes")


# ------------------------------------------------------------------ networks

_MOST_MEDIA = {"x": 4, "instagram-standalone": 10, "tiktok": 35}
"""Largest number of media of a part, for networks whose limit the server does not check."""

_TEXT_ONLY = frozenset({"kick", "twitch", "moltbook", "medium", "devto", "hashnode"})
_LARGEST_IMAGE = 10 * 1024**2
_LARGEST_VIDEO = 1024**3
_PRESET_CHARACTERS = 130


def content_warnings(post: JudgedPost) -> Iterator[Problem]:
    """Warnings about how the network will publish a post."""
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
    if not _OWN_SETTINGS.isdisjoint(post.settings):
        yield from _own(post)


def _parts(
    post: JudgedPost, provider: Provider, entries: Sequence[Sequence[PostMedia]]
) -> Iterator[Problem]:
    if provider.parts == "none":
        for place in range(1, len(entries)):
            message = f"{provider.name} does not publish comments"
            yield warning(f"{post.path}value.{place}.content", message)
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
    most = _MOST_MEDIA.get(provider.identifier)
    if provider.identifier in _TEXT_ONLY:
        yield warning(where, f"{provider.name} publishes no media")
    elif most is not None and len(items) > most and settings.get("post_type") != "article":
        yield warning(where, f"has {len(items)} media, of which {provider.name} takes {most}")
    elif provider.identifier == "x" and len(items) > 1 and any(map(_is_video, items)):
        yield warning(where, "X takes one video or up to 4 pictures")
    elif provider.identifier == "mewe" and any(map(_is_video, items)):
        yield warning(where, "MeWe publishes no videos")
    elif provider.identifier == "lemmy" and len(items) > 1:
        yield warning(where, "Lemmy publishes only the first picture")
    for place, item in enumerate(items):
        if item.facts or "mp4" in item.path:
            yield from _file(item, f"{where}.{place}.path")


def _is_video(item: PostMedia) -> bool:
    return item.path.partition("?")[0].endswith(".mp4")


def _file(item: PostMedia, where: str) -> Iterator[Problem]:
    is_video = _is_video(item)
    if not is_video and "mp4" in item.path:
        yield warning(where, "has `mp4` in it: the server takes this picture for a video")
    most = _LARGEST_VIDEO if is_video else _LARGEST_IMAGE
    if item.facts and item.facts.size > most:
        yield warning(where, f"has {item.facts.size:,} bytes; Postiz takes {most:,}")


_OWN_SETTINGS = frozenset({"content_posting_method", "text_format_preset_id"})


def _own(post: JudgedPost) -> Iterator[Problem]:
    """Warnings about settings that only one network has."""
    settings = post.settings
    if settings.get("content_posting_method") == "UPLOAD":
        message = "UPLOAD publishes nothing: the media waits in the app, without its settings"
        yield warning(f"{post.path}settings.content_posting_method", message)
    if settings.get("text_format_preset_id") and post.entries:
        text = post.entries[0]["content"]
        if post.media[0] or (isinstance(text, str) and len(text) > _PRESET_CHARACTERS):
            message = f"is for posts without media of up to {_PRESET_CHARACTERS} characters"
            yield warning(f"{post.path}settings.text_format_preset_id", message)


_TYPES = ("draft", "schedule", "now", "update")
_KEYS = frozenset(
    {
        *("type", "date", "shortLink", "tags", "posts"),
        *("order", "inter", "republish", "creationMethod"),
    }
)


def request_warnings(
    body: Body, now: datetime | None, past: Literal["error", "warning"]
) -> Iterator[Problem]:
    """Warnings about a request and each of its posts."""
    given = body.given
    if not _KEYS.issuperset(given):
        yield from unknown_keys(given, _KEYS, "", "a request")
    kind = given.get("type")
    if given and kind not in _TYPES:
        yield from _type(given)
    yield from _date(body, now, past)
    if body.values is not given:  # a text was converted
        yield from read_as_true(given.get("shortLink"), "shortLink")
        yield from read_as_true(given.get("republish"), "republish")
    if "inter" in given:
        yield from _repeat(body.values["inter"])
    if given.get("tags"):
        yield from _tags(given["tags"])
    for post in body.posts:
        yield from unknown_key_warnings(post, is_update=kind == "update")
        yield from content_warnings(post)


def _type(given: Mapping[str, object]) -> Iterator[Problem]:
    what = f"{shown(given['type'])} is not a type" if "type" in given else "is missing"
    hint = did_you_mean(given["type"], _TYPES) if "type" in given else f"one of {', '.join(_TYPES)}"
    yield warning("type", f"{what}: the server schedules the post", hint)


def _date(body: Body, now: datetime | None, past: Literal["error", "warning"]) -> Iterator[Problem]:
    date = body.values.get("date")
    if not isinstance(date, str):
        return
    at = moment(date)
    if at is None and (not is_iso_date(date) or crashes(date)):
        return
    if at is None and not is_clear(date):
        message = f"{shown(date)} is read in the server's own way"
        yield warning("date", message, "write it as 2030-03-01T10:00:00Z")
    elif at is None:
        message = f"{shown(date)} is not in the calendar: the server takes a later day"
        yield warning("date", message)
    elif not has_zone(date):
        yield warning("date", f"{shown(date)} has no zone: the server takes it for UTC", "add Z")
    is_published_at_date = body.given.get("type") not in ("draft", "now", "update")
    if (
        at
        and now
        and is_published_at_date
        and at < (now if now.tzinfo else now.replace(tzinfo=UTC))
    ):
        message = "is in the past: the server publishes at once"
        yield Problem("date", message, hint="type now says so openly", severity=past)


def _repeat(days: object) -> Iterator[Problem]:
    if is_number(days) and (days < 1 or days != int(days)):
        yield warning("inter", f"{days} is not a number of whole days")


def _tags(tags: object) -> Iterator[Problem]:
    if is_object(tags):
        yield warning("tags", "is an object where a list belongs: the server takes it for none")
    for place, tag in enumerate(as_list(tags)):
        if is_list(tag) or (is_object(tag) and not isinstance(tag.get("label"), str)):
            message = "has no text as label, by which tags are found: the server ignores it"
            yield warning(f"tags.{place}.label", message)
