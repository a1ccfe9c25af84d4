"""The rules of the providers about media and the number of parts. PURE."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from postiz_async._validation.javascript import as_list, as_object, holds
from postiz_async.models._base import Value
from postiz_async.providers._schema import MediaRule


class MediaFacts(Value, frozen=True, kw_only=True):
    """Known facts about an uploaded file: pixels of a picture, size in bytes. 0 is unknown."""

    width: int = 0
    height: int = 0
    size: int = 0


class PostMedia(msgspec.Struct, frozen=True, gc=False):
    """One medium of an entry."""

    path: str
    thumbnail: object
    facts: MediaFacts | None

    def is_video(self, how: str) -> bool:
        """Whether the server considers the medium a video, by its path."""
        return ".mp4" in self.path.lower() if how == "dot_mp4_ci" else "mp4" in self.path

    @property
    def pixels(self) -> tuple[int, int] | None:
        """Width and height, if they are known."""
        facts = self.facts
        return (facts.width, facts.height) if facts and facts.width and facts.height else None


Entries: TypeAlias = "Sequence[Sequence[PostMedia]]"
"""The media of each entry of a post."""


def media_of(entry: Mapping[str, object], known: Mapping[str, MediaFacts]) -> list[PostMedia]:
    """The media of an entry that the request classes accept."""
    return [_medium(as_object(image), known) for image in as_list(entry["image"])]


def _medium(image: Mapping[str, object], known: Mapping[str, MediaFacts]) -> PostMedia:
    path = str(image["path"])
    facts = known.get(path) or known.get(str(image["id"])) if known else None
    return PostMedia(path, image.get("thumbnail"), facts)


def applying(rules: Sequence[MediaRule], settings: Mapping[str, object]) -> Iterator[MediaRule]:
    """The rules that a post with such settings may break."""
    for rule in rules:
        if rule.kind == "requires_setting" and (
            rule.setting is None or holds(rule.setting, settings)
        ):
            continue
        if all(holds(condition, settings) for condition in rule.when):
            yield rule


def broken_rule(rules: Sequence[MediaRule], entries: Entries) -> tuple[MediaRule, int] | None:
    """The first rule that a post breaks, with the number of the entry; None if there is none."""
    for rule in rules:
        place = _breaking_entry(rule, entries)
        if place is not None:
            return rule, place
    return None


def _breaking_entry(rule: MediaRule, entries: Entries) -> int | None:
    if rule.kind == "requires_setting":
        return 0
    if rule.kind == "no_comments":
        return 1 if len(entries) > 1 else None
    breaks = _BREAKS[rule.kind]
    for place, media in enumerate(entries[:1] if rule.scope == "first" else entries):
        if rule.scope == "comments" and place == 0:
            continue
        if rule.media != "any" and (_videos(rule, media) > 0) != (rule.media == "has_video"):
            continue
        if breaks(rule, media):
            return place
    return None


def _videos(rule: MediaRule, media: Sequence[PostMedia]) -> int:
    return sum(medium.is_video(rule.is_video) for medium in media) if media else 0


def _only_other_than_video(rule: MediaRule, media: Sequence[PostMedia]) -> bool:
    return len(media) == 1 and not media[0].is_video(rule.is_video)


def _lacks_cover(rule: MediaRule, media: Sequence[PostMedia]) -> bool:
    return bool(media) and _videos(rule, media) == len(media) != 2


def _differ_in_size(rule: MediaRule, media: Sequence[PostMedia]) -> bool:
    pixels = [medium.pixels for medium in media if not medium.is_video(rule.is_video)]
    return len({each for each in pixels if each is not None}) > 1


def _has_other_size(rule: MediaRule, media: Sequence[PostMedia]) -> bool:
    return any(medium.pixels and medium.pixels not in rule.sizes for medium in media)


def _has_other_path(rule: MediaRule, media: Sequence[PostMedia]) -> bool:
    return bool(media) and not any(part in media[0].path for part in rule.any_of)


def _lacks_thumbnail(rule: MediaRule, media: Sequence[PostMedia]) -> bool:
    return any(medium.is_video(rule.is_video) and not medium.thumbnail for medium in media)


_BREAKS: dict[str, Callable[[MediaRule, Sequence[PostMedia]], bool]] = {
    "min_media": lambda rule, media: len(media) < rule.n,
    "max_media": lambda rule, media: len(media) > rule.n,
    "exact_media": lambda rule, media: len(media) != rule.n,
    "only_images": lambda rule, media: _videos(rule, media) > 0,
    "only_video": _only_other_than_video,
    "required_video": lambda rule, media: _videos(rule, media) == 0,
    "video_alone": lambda rule, media: len(media) > 1 and _videos(rule, media) > 0,
    "max_images": lambda rule, media: len(media) - _videos(rule, media) > rule.n,
    "max_videos": lambda rule, media: _videos(rule, media) > rule.n,
    "video_needs_cover": _lacks_cover,
    "same_dimensions": _differ_in_size,
    "image_size": _has_other_size,
    "first_media_path_contains": _has_other_path,
    "required_thumbnail": _lacks_thumbnail,
    "no_media_in_comments": lambda _, media: bool(media),
}
