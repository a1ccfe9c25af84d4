"""Networks of people and businesses: LinkedIn, Facebook, Instagram, Google, VK, MeWe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from postiz_async.models._base import Value
from postiz_async.models.settings import ProviderSettings
from postiz_async.providers._schema import Condition, Limit, MediaRule, Provider, Server


class _LinkedIn(ProviderSettings, frozen=True, kw_only=True):
    post_as_images_carousel: (
        Annotated[bool, Meta(description="Two or more pictures as a carousel, without video.")]
        | UnsetType
    ) = UNSET
    carousel_name: Annotated[str, Meta(description="Title of the carousel.")] | UnsetType = UNSET


class LinkedIn(_LinkedIn, frozen=True, kw_only=True, tag="linkedin"):
    """LinkedIn: 3,000 characters. Further parts become comments, which hold text only."""


class LinkedInPage(_LinkedIn, frozen=True, kw_only=True, tag="linkedin-page"):
    """A page on LinkedIn: 3,000 characters. Further parts become comments of text only."""


class Facebook(ProviderSettings, frozen=True, kw_only=True, tag="facebook"):
    """A page on Facebook: 63,206 characters. Further parts become comments with one medium."""

    url: (
        Annotated[
            str,
            Meta(description="Link below the text."),
            Server(checks=("is_url",), skip_empty=True),
        ]
        | UnsetType
    ) = UNSET
    post_type: (
        Annotated[Literal["post", "story"], Meta(description="A story needs media.")] | UnsetType
    ) = UNSET
    text_format_preset_id: (
        Annotated[
            str,
            Meta(description="Id of a coloured background for a text of at most 130 characters."),
        ]
        | UnsetType
    ) = UNSET


class Collaborator(Value, frozen=True):
    """An account that is invited to share a post on Instagram."""

    label: Annotated[str, Meta(description="User name of the account.")]


class InstagramAudio(Value, frozen=True, kw_only=True):
    """Music of a reel; the tool `audioSearch` finds it. Volumes are 0 to 100."""

    id: Annotated[str, Meta(description="Id of the sound.")]
    title: Annotated[str, Meta(description="Title of the sound.")] | UnsetType = UNSET
    artist: Annotated[str, Meta(description="Who plays it.")] | UnsetType = UNSET
    image: Annotated[str, Meta(description="Address of its cover.")] | UnsetType = UNSET
    audio_volume: (
        Annotated[float, Meta(description="Volume of the sound.", ge=0, le=100)] | UnsetType
    ) = UNSET
    video_volume: (
        Annotated[float, Meta(description="Volume of the video.", ge=0, le=100)] | UnsetType
    ) = UNSET


class _Instagram(ProviderSettings, frozen=True, kw_only=True):
    post_type: Annotated[
        Literal["post", "story"], Meta(description="A story vanishes after a day.")
    ] = "post"
    is_trial_reel: (
        Annotated[
            bool,
            Meta(description="A single video that is shown to strangers first."),
            Server(checks=()),
        ]
        | UnsetType
    ) = UNSET
    graduation_strategy: (
        Annotated[
            Literal["MANUAL", "SS_PERFORMANCE"],
            Meta(description="When a trial reel is shown to all: by hand, or if it does well."),
        ]
        | UnsetType
    ) = UNSET
    collaborators: (
        Annotated[
            Sequence[Collaborator], Meta(description="Accounts that share the post; not a story.")
        ]
        | UnsetType
    ) = UNSET
    audio: Annotated[InstagramAudio, Meta(description="Music of a reel.")] | UnsetType = UNSET


class Instagram(_Instagram, frozen=True, kw_only=True, tag="instagram"):
    """Instagram through a Facebook page: 2,200 characters, 1 to 10 media.

    Further parts become comments of text only.
    """


class InstagramStandalone(_Instagram, frozen=True, kw_only=True, tag="instagram-standalone"):
    """Instagram on its own: 2,200 characters, at least one medium. `audio` has no effect."""


class GoogleBusiness(ProviderSettings, frozen=True, kw_only=True, tag="gmb", rename="camel"):
    """A Google Business Profile: 1,500 characters, one picture, no video, no further parts."""

    topic_type: (
        Annotated[
            Literal["STANDARD", "EVENT", "OFFER"],
            Meta(description="What the post is; an event needs a title."),
        ]
        | UnsetType
    ) = UNSET
    call_to_action_type: (
        Annotated[
            Literal["NONE", "BOOK", "ORDER", "SHOP", "LEARN_MORE", "SIGN_UP", "GET_OFFER", "CALL"],
            Meta(description="The button below the post."),
        ]
        | UnsetType
    ) = UNSET
    call_to_action_url: (
        Annotated[
            str,
            Meta(description="Where the button leads; leave it out rather than empty."),
            Server(checks=("is_url",), checked_when=Condition("callToActionType", "truthy")),
        ]
        | UnsetType
    ) = UNSET
    event_title: Annotated[str, Meta(description="Title of the event.")] | UnsetType = UNSET
    event_start_date: (
        Annotated[str, Meta(description="First day of the event, YYYY-MM-DD.")] | UnsetType
    ) = UNSET
    event_end_date: (
        Annotated[str, Meta(description="Last day of the event, YYYY-MM-DD.")] | UnsetType
    ) = UNSET
    event_start_time: (
        Annotated[str, Meta(description="When the event starts, HH:MM.")] | UnsetType
    ) = UNSET
    event_end_time: Annotated[str, Meta(description="When the event ends, HH:MM.")] | UnsetType = (
        UNSET
    )
    offer_coupon_code: Annotated[str, Meta(description="Code of the offer.")] | UnsetType = UNSET
    offer_redeem_url: (
        Annotated[
            str,
            Meta(description="Where the offer is redeemed."),
            Server(checks=("is_url",), skip_empty=True),
        ]
        | UnsetType
    ) = UNSET
    offer_terms: Annotated[str, Meta(description="Terms of the offer.")] | UnsetType = UNSET


class VK(ProviderSettings, frozen=True, kw_only=True, tag="vk"):
    """VK: 2,048 characters; further parts become comments. No settings."""


_IN_A_GROUP = Condition("postType", "eq", "group")


class MeWe(ProviderSettings, frozen=True, kw_only=True, tag="mewe", rename="camel"):
    """MeWe: 63,206 characters, pictures only, no further parts."""

    post_type: Annotated[
        Literal["timeline", "group"],
        Meta(description="Where the post goes."),
        Server(checks=("enum",)),
    ] = "timeline"
    group: (
        Annotated[
            str,
            Meta(description="Id of the group, which the tool `groups` finds.", min_length=1),
            Server(checked_when=_IN_A_GROUP, advised_when=_IN_A_GROUP),
        ]
        | UnsetType
    ) = UNSET


_CAROUSEL = (Condition("post_as_images_carousel", "flag"),)
_CAROUSEL_TEXT = "Carousel can only be created with 2 or more images and no videos."
_LINKEDIN_RULES = (
    MediaRule(kind="min_media", message=_CAROUSEL_TEXT, n=2, when=_CAROUSEL),
    MediaRule(kind="only_images", message=_CAROUSEL_TEXT, when=_CAROUSEL),
    MediaRule(kind="video_alone", message="Can have maximum 1 media when selecting a video."),
    MediaRule(
        kind="no_media_in_comments", message="Comments can only contain text.", scope="comments"
    ),
)

_TRIAL = (Condition("is_trial_reel", "flag"),)
_AUDIO = (Condition("audio.id", "truthy"),)
_ANY_MEDIA = MediaRule(kind="min_media", message="Should have at least one media", n=1)
_TRIAL_RULES = (
    MediaRule(kind="max_media", message="Trial Reels can only have one video", n=1, when=_TRIAL),
    MediaRule(kind="required_video", message="Trial Reels must be a video", when=_TRIAL),
)

SOCIAL = (
    Provider(
        identifier="linkedin",
        name="LinkedIn",
        settings=LinkedIn,
        limits=(Limit(3_000),),
        parts="comments",
        part_media="forbidden",
        rules=_LINKEDIN_RULES,
        mentions=True,
        since="v0.0.1",
    ),
    Provider(
        identifier="linkedin-page",
        name="LinkedIn Page",
        settings=LinkedInPage,
        limits=(Limit(3_000),),
        parts="comments",
        part_media="forbidden",
        rules=_LINKEDIN_RULES,
        mentions=True,
        since="v1.0.0",
    ),
    Provider(
        identifier="facebook",
        name="Facebook Page",
        settings=Facebook,
        limits=(Limit(63_206),),
        parts="comments",
        part_media="first-only",
        rules=(
            MediaRule(
                kind="min_media",
                message="Story should have at least one media",
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
    ),
    Provider(
        identifier="instagram",
        name="Instagram (Facebook Business)",
        settings=Instagram,
        limits=(Limit(2_200),),
        parts="comments",
        rules=(
            _ANY_MEDIA,
            MediaRule(
                kind="max_media",
                message="Instagram carousel only supports up to 10 media attachments",
                n=10,
            ),
            *_TRIAL_RULES,
            MediaRule(
                kind="requires_setting",
                message="Audio can only be added to Reels, not to Stories",
                setting=Condition("post_type", "ne", "story"),
                when=_AUDIO,
            ),
            MediaRule(
                kind="max_media",
                message="Audio can only be added to a single video Reel",
                n=1,
                when=_AUDIO,
            ),
            MediaRule(
                kind="required_video",
                message="Audio can only be added to a video Reel",
                when=_AUDIO,
            ),
        ),
        pitfalls=(
            "Each item of a story becomes a story of its own.",
            "Media of comments is silently dropped.",
        ),
        tools=("audioSearch",),
        since="v1.0.0",
    ),
    Provider(
        identifier="instagram-standalone",
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
    ),
    Provider(
        identifier="gmb",
        name="Google My Business",
        settings=GoogleBusiness,
        limits=(Limit(1_500),),
        rules=(
            MediaRule(
                kind="max_media", message="Google My Business posts can only have one image", n=1
            ),
            MediaRule(
                kind="only_images",
                message="Google My Business posts do not support video attachments",
            ),
            MediaRule(
                kind="requires_setting",
                message="Event posts require an event title",
                setting=Condition("eventTitle", "truthy"),
                when=(Condition("topicType", "eq", "EVENT"),),
            ),
        ),
        pitfalls=("An event needs its dates and a button its address; neither is checked.",),
        since="v2.9.0",
    ),
    Provider(
        identifier="vk",
        name="VK",
        settings=VK,
        limits=(Limit(2_048),),
        parts="comments",
        part_media="allowed",
        since="v1.40.0",
    ),
    Provider(
        identifier="mewe",
        name="MeWe",
        settings=MeWe,
        limits=(Limit(63_206),),
        pitfalls=(
            "Videos are silently dropped.",
            "A post in a group without the group's id is stored and cannot be published.",
        ),
        tools=("groups",),
        since="v2.20.0",
    ),
)
"""Facts about these networks."""
