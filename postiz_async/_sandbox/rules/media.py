"""The networks' rules about the media of a post, and other rules checked before it is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from postiz_async._sandbox.rules.fields import is_list, is_truthy, nested_value


class MediaItem(NamedTuple):
    """One medium of an entry; `pixels` is its width and height if they are known."""

    path: str
    has_thumbnail: bool
    can_be_fetched: bool
    pixels: tuple[int, int] | None

    @property
    def is_video(self) -> bool:
        """Whether the path has `mp4` anywhere, as most networks test for a video."""
        return "mp4" in self.path

    @property
    def is_mp4_file(self) -> bool:
        """Whether the path has `.mp4` anywhere, as some networks test for a video."""
        return ".mp4" in self.path.lower()


@dataclass(frozen=True, slots=True)
class Draft:
    """A post for the rules: its settings in their declared types, and the media of each entry."""

    settings: Mapping[str, object]
    entries: Sequence[Sequence[MediaItem]]

    def setting(self, path: str) -> object:
        """The setting at dotted keys."""
        return nested_value(self.settings, *path.split("."))


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, which is broken if `fails` holds and `when` does too."""

    message: str
    fails: Callable[[Draft], bool]
    when: Callable[[Draft], bool] | None = None

    def is_broken(self, draft: Draft) -> bool:
        """Whether the post has to be refused."""
        return (self.when is None or self.when(draft)) and self.fails(draft)


def is_flag(value: object) -> bool:
    """Whether a value is true, or the text "true"."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _first(fails: Callable[[Sequence[MediaItem]], bool]) -> Callable[[Draft], bool]:
    return lambda draft: fails(draft.entries[0])


def _every(fails: Callable[[Sequence[MediaItem]], bool]) -> Callable[[Draft], bool]:
    return lambda draft: any(map(fails, draft.entries))


def _setting(path: str, value: str) -> Callable[[Draft], bool]:
    return lambda draft: draft.setting(path) == value


def _flagged(path: str) -> Callable[[Draft], bool]:
    return lambda draft: is_flag(draft.setting(path))


def _given(path: str) -> Callable[[Draft], bool]:
    return lambda draft: is_truthy(draft.setting(path))


def _fewer_than(count: int) -> Callable[[Sequence[MediaItem]], bool]:
    return lambda media: len(media) < count


def _more_than(count: int) -> Callable[[Sequence[MediaItem]], bool]:
    return lambda media: len(media) > count


def _other_than(count: int) -> Callable[[Sequence[MediaItem]], bool]:
    return lambda media: len(media) != count


def _has_video(media: Sequence[MediaItem]) -> bool:
    return any(each.is_video for each in media)


def _has_no_video(media: Sequence[MediaItem]) -> bool:
    return not _has_video(media)


def _has_mp4_file(media: Sequence[MediaItem]) -> bool:
    return any(each.is_mp4_file for each in media)


def _begins_with_picture(media: Sequence[MediaItem]) -> bool:
    return not media[0].is_video


def _video_has_company(media: Sequence[MediaItem]) -> bool:
    return len(media) > 1 and _has_video(media)


def _lacks_cover(media: Sequence[MediaItem]) -> bool:
    return bool(media) and all(each.is_video for each in media) and len(media) != 2


def _video_and_more_than_two(media: Sequence[MediaItem]) -> bool:
    return _has_video(media) and len(media) > 2


def _lacks_thumbnail(media: Sequence[MediaItem]) -> bool:
    return any(each.is_video and not each.has_thumbnail for each in media)


def _cannot_be_fetched(media: Sequence[MediaItem]) -> bool:
    return not all(each.can_be_fetched for each in media)


def _several_cannot_be_fetched(media: Sequence[MediaItem]) -> bool:
    """Whether one of several pictures cannot be fetched; a single one is not fetched."""
    return len(media) > 1 and _has_no_video(media) and _cannot_be_fetched(media)


def _differs_in_size(media: Sequence[MediaItem]) -> bool:
    """Whether the known sizes of the pictures differ."""
    known = {each.pixels for each in media if each.pixels is not None}
    return _has_no_video(media) and len(known) > 1


def _has_odd_size(media: Sequence[MediaItem]) -> bool:
    return any(each.pixels not in {None, (400, 300), (800, 600)} for each in media)


def _is_no_cover(media: Sequence[MediaItem]) -> bool:
    # one of the kinds is misspelt on the server
    return bool(media) and not any(kind in media[0].path for kind in ("png", "jpg", "jpef", "gif"))


def _more_pictures_than_30(media: Sequence[MediaItem]) -> bool:
    return sum(not each.is_mp4_file for each in media) > 30


def _more_videos_than_1(media: Sequence[MediaItem]) -> bool:
    return sum(each.is_mp4_file for each in media) > 1


def _has_comments(draft: Draft) -> bool:
    return len(draft.entries) > 1


def _has_media_in_comments(draft: Draft) -> bool:
    return any(draft.entries[1:])


def _posts_media(draft: Draft) -> bool:
    subreddits = draft.setting("subreddit")
    items = subreddits if is_list(subreddits) else []
    return any(nested_value(item, "value", "type") == "media" for item in items)


def _is_unpublished_article(draft: Draft) -> bool:
    return _IS_ARTICLE(draft) and draft.setting("article_status") != "published"


_IS_ARTICLE = _setting("post_type", "article")
_CAROUSEL = _flagged("post_as_images_carousel")
_TRIAL = _flagged("is_trial_reel")
_AUDIO = _given("audio.id")

_NOT_FETCHED = "Request failed with status code 404"
"""The message about a picture that the server cannot fetch to measure it."""

_CAROUSEL_WORDS = "Carousel can only be created with 2 or more images and no videos."

_LINKEDIN = (
    Rule(_CAROUSEL_WORDS, _first(_fewer_than(2)), _CAROUSEL),
    Rule(_CAROUSEL_WORDS, _first(_has_video), _CAROUSEL),
    Rule("Can have maximum 1 media when selecting a video.", _first(_video_has_company)),
    Rule("Comments can only contain text.", _has_media_in_comments),
)
_TRIAL_REELS = (
    Rule("Trial Reels can only have one video", _first(_more_than(1)), _TRIAL),
    Rule("Trial Reels must be a video", _first(_has_no_video), _TRIAL),
)
_TIKTOK = (
    Rule("No video / images selected", _first(_fewer_than(1))),
    Rule("Only pictures are supported when selecting multiple items", _first(_video_has_company)),
)

RULES: dict[str, tuple[Rule, ...]] = {
    "x": (
        Rule("X articles only support images", _every(_has_mp4_file), _IS_ARTICLE),
        Rule(
            "A draft article cannot have thread replies, remove them or publish the article",
            _has_comments,
            _is_unpublished_article,
        ),
    ),
    "linkedin": _LINKEDIN,
    "linkedin-page": _LINKEDIN,
    "reddit": (
        Rule(
            "When posting a media post, you must attached exactly one media file.",
            _first(_other_than(1)),
            _posts_media,
        ),
        Rule("You must attach a thumbnail to your video post.", _every(_lacks_thumbnail)),
    ),
    "instagram": (
        Rule("Should have at least one media", _first(_fewer_than(1))),
        Rule("Instagram carousel only supports up to 10 media attachments", _first(_more_than(10))),
        *_TRIAL_REELS,
        Rule(
            "Audio can only be added to Reels, not to Stories",
            _setting("post_type", "story"),
            _AUDIO,
        ),
        Rule("Audio can only be added to a single video Reel", _first(_more_than(1)), _AUDIO),
        Rule("Audio can only be added to a video Reel", _first(_has_no_video), _AUDIO),
    ),
    "instagram-standalone": (
        Rule("Should have at least one media", _first(_fewer_than(1))),
        *_TRIAL_REELS,
    ),
    "facebook": (
        Rule(
            "Story should have at least one media",
            _first(_fewer_than(1)),
            _setting("post_type", "story"),
        ),
    ),
    "youtube": (
        Rule("You need one media", _first(_other_than(1))),
        Rule("Item must be a video", _first(_begins_with_picture)),
    ),
    "gmb": (
        Rule("Google My Business posts can only have one image", _first(_more_than(1))),
        Rule("Google My Business posts do not support video attachments", _first(_has_video)),
        Rule(
            "Event posts require an event title",
            lambda draft: not _given("eventTitle")(draft),
            _setting("topicType", "EVENT"),
        ),
    ),
    "tiktok": _TIKTOK,
    "tiktok-business": (
        *_TIKTOK,
        Rule("You can select up to 35 pictures", _first(_more_than(35))),
    ),
    "pinterest": (
        Rule("Requires at least one media", _first(_fewer_than(1))),
        Rule("You can only have up to 5 media items", _first(_more_than(5))),
        Rule(
            "If posting a video you have to also include a cover image as second media",
            _first(_lacks_cover),
        ),
        Rule(
            "If posting a video you can only have two media items",
            _first(_video_and_more_than_two),
        ),
        Rule(_NOT_FETCHED, _first(_several_cannot_be_fetched)),
        Rule("Requires all images to have the same width and height", _first(_differs_in_size)),
    ),
    "dribbble": (
        Rule("Requires one item", _first(_other_than(1))),
        Rule("Does not support mp4 files", _first(_has_video)),
        Rule(_NOT_FETCHED, _first(_cannot_be_fetched)),
        Rule("Invalid image size. Requires 400x300 or 800x600 px images.", _first(_has_odd_size)),
    ),
    "bluesky": (
        Rule("You can only upload one video per post.", _every(_video_has_company)),
        Rule("There can be maximum 4 pictures in a post.", _every(_more_than(4))),
    ),
    "lemmy": (Rule("You can set only one picture for a cover", _first(_is_no_cover)),),
    "wrapcast": (Rule("Can only accept images", _every(_has_video)),),
    "tumblr": (
        Rule("Tumblr supports up to 30 images in one post.", _first(_more_pictures_than_30)),
        Rule("Tumblr supports one uploaded video in one post.", _first(_more_videos_than_1)),
    ),
}
"""Rules by network, in the server's order: the first broken rule gives the message."""
