"""Networks of people and businesses: LinkedIn, Facebook, Instagram, Google, VK, MeWe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta

from postiz_async.models._base import Value
from postiz_async.models.settings import ProviderSettings
from postiz_async.providers._schema import (
    URL_OR_EMPTY,
    Condition,
    Limit,
    MediaRule,
    OrUnset,
    Provider,
    Server,
)


class _LinkedIn(ProviderSettings, frozen=True, kw_only=True):
    """The settings of LinkedIn.

    Args:
        post_as_images_carousel: two or more pictures as a carousel, without video.
        carousel_name: title of the carousel.
    """

    post_as_images_carousel: OrUnset[bool] = UNSET
    carousel_name: OrUnset[str] = UNSET


class LinkedIn(_LinkedIn, frozen=True, kw_only=True, tag="linkedin"):
    """LinkedIn: 3,000 characters. Further parts become comments, which hold text only."""


class LinkedInPage(_LinkedIn, frozen=True, kw_only=True, tag="linkedin-page"):
    """A page on LinkedIn: 3,000 characters. Further parts become comments of text only."""


class Facebook(ProviderSettings, frozen=True, kw_only=True, tag="facebook"):
    """A page on Facebook: 63,206 characters. Further parts become comments with one medium.

    Args:
        url: link below the text.
        post_type: a story needs media.
        text_format_preset_id: id of a coloured background for a text of at most 130 characters.
    """

    url: OrUnset[Annotated[str, URL_OR_EMPTY]] = UNSET
    post_type: OrUnset[Literal["post", "story"]] = UNSET
    text_format_preset_id: OrUnset[str] = UNSET


class Collaborator(Value, frozen=True):
    """An account that is invited to share a post on Instagram.

    Args:
        label: user name of the account.
    """

    label: str


class InstagramAudio(Value, frozen=True, kw_only=True):
    """Music of a reel; the tool `audioSearch` finds it. Volumes are 0 to 100.

    Args:
        id: id of the sound.
        title: title of the sound.
        artist: who plays it.
        image: address of its cover.
        audio_volume: volume of the sound.
        video_volume: volume of the video.
    """

    id: str
    title: OrUnset[str] = UNSET
    artist: OrUnset[str] = UNSET
    image: OrUnset[str] = UNSET
    audio_volume: OrUnset[Annotated[float, Meta(ge=0, le=100)]] = UNSET
    video_volume: OrUnset[Annotated[float, Meta(ge=0, le=100)]] = UNSET


class _Instagram(ProviderSettings, frozen=True, kw_only=True):
    """The settings of Instagram.

    Args:
        post_type: a story vanishes after a day.
        is_trial_reel: a single video that is shown to strangers first.
        graduation_strategy: when a trial reel is shown to all: by hand, or if it does well.
        collaborators: accounts that share the post; not a story.
        audio: music of a reel.
    """

    post_type: Literal["post", "story"] = "post"
    is_trial_reel: OrUnset[Annotated[bool, Server(checks=())]] = UNSET
    graduation_strategy: OrUnset[Literal["MANUAL", "SS_PERFORMANCE"]] = UNSET
    collaborators: OrUnset[Sequence[Collaborator]] = UNSET
    audio: OrUnset[InstagramAudio] = UNSET


class Instagram(_Instagram, frozen=True, kw_only=True, tag="instagram"):
    """Instagram through a Facebook page: 2,200 characters, 1 to 10 media.

    Further parts become comments of text only.
    """


class InstagramStandalone(_Instagram, frozen=True, kw_only=True, tag="instagram-standalone"):
    """Instagram on its own: 2,200 characters, at least one medium. `audio` has no effect."""


class GoogleBusiness(ProviderSettings, frozen=True, kw_only=True, tag="gmb", rename="camel"):
    """A Google Business Profile: 1,500 characters, one picture, no video, no further parts.

    Args:
        topic_type: what the post is; an event needs a title.
        call_to_action_type: the button below the post.
        call_to_action_url: where the button leads; leave it out rather than empty.
        event_title: title of the event.
        event_start_date: first day of the event, YYYY-MM-DD.
        event_end_date: last day of the event, YYYY-MM-DD.
        event_start_time: when the event starts, HH:MM.
        event_end_time: when the event ends, HH:MM.
        offer_coupon_code: code of the offer.
        offer_redeem_url: where the offer is redeemed.
        offer_terms: terms of the offer.
    """

    topic_type: OrUnset[Literal["STANDARD", "EVENT", "OFFER"]] = UNSET
    call_to_action_type: OrUnset[
        Literal["NONE", "BOOK", "ORDER", "SHOP", "LEARN_MORE", "SIGN_UP", "GET_OFFER", "CALL"]
    ] = UNSET
    call_to_action_url: OrUnset[
        Annotated[
            str, Server(checks=("is_url",), checked_when=Condition("callToActionType", "truthy"))
        ]
    ] = UNSET
    event_title: OrUnset[str] = UNSET
    event_start_date: OrUnset[str] = UNSET
    event_end_date: OrUnset[str] = UNSET
    event_start_time: OrUnset[str] = UNSET
    event_end_time: OrUnset[str] = UNSET
    offer_coupon_code: OrUnset[str] = UNSET
    offer_redeem_url: OrUnset[Annotated[str, URL_OR_EMPTY]] = UNSET
    offer_terms: OrUnset[str] = UNSET


class VK(ProviderSettings, frozen=True, kw_only=True, tag="vk"):
    """VK: 2,048 characters; further parts become comments. No settings."""


_IN_A_GROUP = Condition("postType", "eq", "group")


class MeWe(ProviderSettings, frozen=True, kw_only=True, tag="mewe", rename="camel"):
    """MeWe: 63,206 characters, pictures only, no further parts.

    Args:
        post_type: where the post goes.
        group: id of the group, which the tool `groups` finds.
    """

    post_type: Annotated[Literal["timeline", "group"], Server(checks=("enum",))] = "timeline"
    group: OrUnset[
        Annotated[
            str, Meta(min_length=1), Server(checked_when=_IN_A_GROUP, advised_when=_IN_A_GROUP)
        ]
    ] = UNSET


_CAROUSEL = (Condition("post_as_images_carousel", "flag"),)
_CAROUSEL_TEXT = "Carousel can only be created with 2 or more images and no videos."
_LINKEDIN_RULES = (
    MediaRule("min_media", _CAROUSEL_TEXT, n=2, when=_CAROUSEL),
    MediaRule("only_images", _CAROUSEL_TEXT, when=_CAROUSEL),
    MediaRule("video_alone", "Can have maximum 1 media when selecting a video."),
    MediaRule("no_media_in_comments", "Comments can only contain text.", scope="comments"),
)

_TRIAL = (Condition("is_trial_reel", "flag"),)
_AUDIO = (Condition("audio.id", "truthy"),)
_ANY_MEDIA = MediaRule("min_media", "Should have at least one media", n=1)
_TRIAL_RULES = (
    MediaRule("max_media", "Trial Reels can only have one video", n=1, when=_TRIAL),
    MediaRule("required_video", "Trial Reels must be a video", when=_TRIAL),
)

AnySocial: TypeAlias = (
    LinkedIn
    | LinkedInPage
    | Facebook
    | Instagram
    | InstagramStandalone
    | GoogleBusiness
    | VK
    | MeWe
)

SOCIAL = (
    Provider(
        name="LinkedIn",
        settings=LinkedIn,
        limits=(Limit(3_000),),
        parts="comments",
        part_media="forbidden",
        rules=_LINKEDIN_RULES,
        mentions=True,
        since="v0.0.1",
        described=("rules",),
    ),
    Provider(
        name="LinkedIn Page",
        settings=LinkedInPage,
        limits=(Limit(3_000),),
        parts="comments",
        part_media="forbidden",
        rules=_LINKEDIN_RULES,
        mentions=True,
        since="v1.0.0",
        analytics=("channel", "post"),
        described=("rules",),
    ),
    Provider(
        name="Facebook Page",
        settings=Facebook,
        limits=(Limit(63_206),),
        parts="comments",
        part_media="first-only",
        rules=(
            MediaRule(
                "min_media",
                "Story should have at least one media",
                n=1,
                when=(Condition("post_type", "eq", "story"),),
            ),
        ),
        pitfalls=(
            "Each item of a story becomes a story of its own.",
            "A comment keeps only its first medium.",
            "A background allows at most 130 characters and no media, which is not checked.",
        ),
        since="v0.0.1",
        analytics=("channel", "post"),
    ),
    Provider(
        name="Instagram (Facebook Business)",
        settings=Instagram,
        limits=(Limit(2_200),),
        parts="comments",
        rules=(
            _ANY_MEDIA,
            MediaRule(
                "max_media", "Instagram carousel only supports up to 10 media attachments", n=10
            ),
            *_TRIAL_RULES,
            MediaRule(
                "requires_setting",
                "Audio can only be added to Reels, not to Stories",
                setting=Condition("post_type", "ne", "story"),
                when=_AUDIO,
            ),
            MediaRule(
                "max_media", "Audio can only be added to a single video Reel", n=1, when=_AUDIO
            ),
            MediaRule("required_video", "Audio can only be added to a video Reel", when=_AUDIO),
        ),
        pitfalls=(
            "Each item of a story becomes a story of its own.",
            "Media of comments is silently dropped.",
        ),
        tools={"audioSearch": ("q", "type")},
        since="v1.0.0",
        analytics=("channel", "post"),
    ),
    Provider(
        name="Instagram (Standalone)",
        settings=InstagramStandalone,
        limits=(Limit(2_200),),
        parts="comments",
        rules=(_ANY_MEDIA, *_TRIAL_RULES),
        pitfalls=(
            "More than 10 items are stored; Instagram may refuse them.",
            "Media of comments is silently dropped.",
            "Music has no effect here.",
        ),
        since="v1.23.1",
        analytics=("channel", "post"),
    ),
    Provider(
        name="Google My Business",
        settings=GoogleBusiness,
        limits=(Limit(1_500),),
        rules=(
            MediaRule("max_media", "Google My Business posts can only have one image", n=1),
            MediaRule("only_images", "Google My Business posts do not support video attachments"),
            MediaRule(
                "requires_setting",
                "Event posts require an event title",
                setting=Condition("eventTitle", "truthy"),
                when=(Condition("topicType", "eq", "EVENT"),),
            ),
        ),
        pitfalls=("An event needs its dates and a button its address; neither is checked.",),
        since="v2.9.0",
        analytics=("channel", "post"),
    ),
    Provider(
        name="VK",
        settings=VK,
        limits=(Limit(2_048),),
        parts="comments",
        part_media="allowed",
        since="v1.40.0",
        described=("rules",),
    ),
    Provider(
        name="MeWe",
        settings=MeWe,
        limits=(Limit(63_206),),
        pitfalls=(
            "Videos are silently dropped.",
            "A post in a group without the group's id is stored and cannot be published.",
        ),
        tools={"groups": ()},
        since="v2.20.0",
    ),
)
"""Facts about these networks."""
