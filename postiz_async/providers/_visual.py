"""Networks of videos and pictures: YouTube, TikTok, Pinterest, Dribbble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, field

from postiz_async.models._base import Value
from postiz_async.models.media import Media
from postiz_async.models.settings import ProviderSettings
from postiz_async.providers._schema import (
    STRING,
    URL_OR_EMPTY,
    Limit,
    MediaRule,
    OrUnset,
    Provider,
    Server,
)

_BOOLEAN = Server(checks=("boolean",))


class YouTubeTag(Value, frozen=True):
    """A tag of a video; only the label is published.

    Args:
        value: the tag as the web page keeps it.
        label: the tag as it is published.
    """

    value: Annotated[str, STRING]
    label: Annotated[str, STRING]


class YouTube(ProviderSettings, frozen=True, kw_only=True, tag="youtube", rename="camel"):
    """YouTube: exactly one video, and up to 5,000 characters.

    The text is the description of the video.

    Args:
        title: title of the video.
        type: who can find the video.
        self_declared_made_for_kids: whether it is made for children.
        thumbnail: picture of the video.
        tags: labels of 500 characters in all; one with a space counts 2 more.
    """

    title: Annotated[str, Meta(min_length=2, max_length=100)]
    type: Literal["public", "private", "unlisted"] = "public"
    self_declared_made_for_kids: OrUnset[Literal["yes", "no"]] = UNSET
    thumbnail: OrUnset[Media] = UNSET
    tags: OrUnset[
        Annotated[
            Sequence[YouTubeTag],
            Server(
                total=500,
                message="The maximum allowed is 500 characters in total for all tags.",
                message_of=("total",),
            ),
        ]
    ] = UNSET


class TikTokMusic(Value, frozen=True, kw_only=True):
    """Music of a post; the tool `musicSearch` finds it. Volumes are 0 to 100.

    Args:
        id: id of the track.
        title: title of the track.
        artist: who plays it.
        image: address of its cover.
        audio_volume: volume of the track.
        video_volume: volume of the video.
    """

    id: str
    title: OrUnset[str] = UNSET
    artist: OrUnset[str] = UNSET
    image: OrUnset[str] = UNSET
    audio_volume: OrUnset[Annotated[float, Meta(ge=0, le=100)]] = UNSET
    video_volume: OrUnset[Annotated[float, Meta(ge=0, le=100)]] = UNSET


class TikTokLocation(Value, frozen=True, kw_only=True):
    """A place; the tool `locationSearch` finds it.

    Args:
        id: id of the place.
        name: name of the place.
        address: address of the place.
    """

    id: str
    name: str
    address: OrUnset[str] = UNSET


class _TikTok(ProviderSettings, frozen=True, kw_only=True):
    """The settings of TikTok.

    Args:
        title: title of a post of pictures.
        privacy_level: who can see the post.
        duet: whether others may make a duet.
        stitch: whether others may stitch it.
        comment: whether others may comment.
        auto_add_music: whether TikTok adds music to pictures.
        brand_content_toggle: advertises somebody else.
        video_made_with_ai: says so under the video.
        brand_organic_toggle: advertises yourself.
        music: music; only for TikTok Business.
        location: a place; only for TikTok Business.
        content_posting_method: publish it, or put it into the inbox of the account's app.
    """

    title: OrUnset[
        Annotated[str, Meta(max_length=90), Server(checks=("max_length",), skip_empty=True)]
    ] = UNSET
    privacy_level: Annotated[
        Literal["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "FOLLOWER_OF_CREATOR", "SELF_ONLY"],
        Server(checks=("string", "enum")),
    ] = "PUBLIC_TO_EVERYONE"
    duet: Annotated[bool, _BOOLEAN] = False
    stitch: Annotated[bool, _BOOLEAN] = False
    comment: Annotated[bool, _BOOLEAN] = True
    auto_add_music: Annotated[Literal["yes", "no"], Server(checks=("enum",))] = field(
        name="autoAddMusic", default="no"
    )
    brand_content_toggle: Annotated[bool, _BOOLEAN] = False
    video_made_with_ai: OrUnset[bool] = UNSET
    brand_organic_toggle: Annotated[bool, _BOOLEAN] = False
    music: OrUnset[Annotated[TikTokMusic, Server(unreleased=True)]] = UNSET
    location: OrUnset[Annotated[TikTokLocation, Server(unreleased=True)]] = UNSET
    content_posting_method: Annotated[
        Literal["DIRECT_POST", "UPLOAD"], Server(checks=("string", "enum"))
    ] = "DIRECT_POST"


class TikTok(_TikTok, frozen=True, kw_only=True, tag="tiktok"):
    """TikTok: 2,000 characters; pictures, or one video. No further parts.

    The server wants most settings for every post, even where they have no effect.
    """


class TikTokBusiness(_TikTok, frozen=True, kw_only=True, tag="tiktok-business"):
    """TikTok for businesses: 2,200 characters; up to 35 pictures, or one video.

    The server wants most settings for every post, even where they have no effect.
    """


class Pinterest(ProviderSettings, frozen=True, kw_only=True, tag="pinterest"):
    """Pinterest: 500 characters; up to 5 pictures of one size, or a video with its cover.

    Args:
        title: title of the pin.
        link: where the pin leads.
        dominant_color: colour of the pin, such as #a1b2c3.
        board: id of the board, which the tool `boards` finds.
    """

    title: OrUnset[Annotated[str, Meta(max_length=100), Server(skip_empty=True)]] = UNSET
    link: OrUnset[Annotated[str, URL_OR_EMPTY]] = UNSET
    dominant_color: OrUnset[str] = UNSET
    board: Annotated[str, Meta(min_length=1), Server(message="Board is required")]


class Dribbble(ProviderSettings, frozen=True, kw_only=True, tag="dribbble"):
    """Dribbble: exactly one picture of 400x300 or 800x600 pixels, 40,000 characters.

    Args:
        title: title of the shot.
        team: a URL; has no effect. Leave it out rather than empty.
    """

    title: Annotated[
        str, Meta(min_length=1), Server(message="Title is required", message_of=("min_length",))
    ]
    team: OrUnset[Annotated[str, Server(checks=("is_url",))]] = UNSET


_TIKTOK_RULES = (
    MediaRule("min_media", "No video / images selected", n=1),
    MediaRule("video_alone", "Only pictures are supported when selecting multiple items"),
)
_INBOX = "UPLOAD publishes nothing: only media and text reach the inbox of the account's app."

AnyVisual: TypeAlias = YouTube | TikTok | TikTokBusiness | Pinterest | Dribbble

VISUAL = (
    Provider(
        name="YouTube",
        settings=YouTube,
        limits=(Limit(5_000),),
        rules=(
            MediaRule("exact_media", "You need one media", n=1),
            MediaRule("only_video", "Item must be a video"),
        ),
        since="v1.0.0",
        analytics=("channel", "post"),
    ),
    Provider(
        name="Tiktok",
        settings=TikTok,
        limits=(Limit(2_000),),
        rules=_TIKTOK_RULES,
        pitfalls=(
            _INBOX,
            "More pictures than TikTok takes are stored; it takes 35.",
            "Music and location have no effect here.",
        ),
        since="v0.0.1",
        analytics=("channel", "post"),
    ),
    Provider(
        name="TikTok",
        settings=TikTokBusiness,
        limits=(Limit(2_200),),
        rules=(
            *_TIKTOK_RULES,
            MediaRule("max_media", "You can select up to 35 pictures", n=35),
        ),
        pitfalls=(
            _INBOX,
            "TikTok fetches media itself: from a public URL of a domain the operator has verified.",
        ),
        tools={"musicSearch": ("genre",), "locationSearch": ("q",)},
        analytics=("channel", "post"),
    ),
    Provider(
        name="Pinterest",
        settings=Pinterest,
        limits=(Limit(500),),
        rules=(
            MediaRule("min_media", "Requires at least one media", n=1),
            MediaRule("max_media", "You can only have up to 5 media items", n=5),
            MediaRule(
                "video_needs_cover",
                "If posting a video you have to also include a cover image as second media",
            ),
            MediaRule(
                "max_media",
                "If posting a video you can only have two media items",
                n=2,
                media="has_video",
            ),
            MediaRule(
                "same_dimensions",
                "Requires all images to have the same width and height",
                media="all_images",
            ),
        ),
        tools={"boards": ()},
        since="v1.0.0",
        analytics=("channel", "post"),
    ),
    Provider(
        name="Dribbble",
        settings=Dribbble,
        limits=(Limit(40_000),),
        rules=(
            MediaRule("exact_media", "Requires one item", n=1),
            MediaRule("only_images", "Does not support mp4 files"),
            MediaRule(
                "image_size",
                "Invalid image size. Requires 400x300 or 800x600 px images.",
                sizes=((400, 300), (800, 600)),
            ),
        ),
        pitfalls=("The ids that the tool `teams` finds are refused as `team`.",),
        tools={"teams": ()},
        since="v1.0.0",
        analytics=("post",),
        described=("settings",),
    ),
)
"""Facts about these networks."""
