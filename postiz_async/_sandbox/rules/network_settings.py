"""The settings of posts, network by network."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from postiz_async._sandbox.rows import NEXT, UNRELEASED
from postiz_async._sandbox.rules.fields import (
    BOOLEAN,
    DEFINED,
    LIST,
    NUMBER,
    NUMBERS,
    TEXT,
    TOTAL_OF_LABELS,
    URL,
    FieldCheck,
    FieldRule,
    at_least,
    at_most,
    is_truthy,
    matches,
    max_items,
    max_length,
    min_items,
    min_length,
    one_of,
)
from postiz_async._sandbox.rules.formats import LOOSE_URL


def _text(name: str, *checks: FieldCheck) -> FieldRule:
    """A field with an optional text."""
    return FieldRule(name, (*checks, TEXT), optional=True)


def _required(name: str, *checks: FieldCheck) -> FieldRule:
    """A field with a text whose absence has a message of its own."""
    return FieldRule(name, (DEFINED, *checks, TEXT))


def _choice(name: str, *values: str) -> FieldRule:
    return FieldRule(name, (one_of(*values),), optional=True)


def _flag(name: str) -> FieldRule:
    return FieldRule(name, (BOOLEAN,), "boolean")


def _optional_flag(name: str) -> FieldRule:
    return FieldRule(name, (BOOLEAN,), "boolean", optional=True)


def _media(name: str) -> FieldRule:
    return FieldRule(name, type="media", optional=True)


def _volume(name: str) -> FieldRule:
    return FieldRule(name, (at_most(100), at_least(0), NUMBER), "number", optional=True)


def _equals(name: str, value: str) -> Callable[[Mapping[str, object]], bool]:
    return lambda settings: settings.get(name) == value


def _given(name: str) -> Callable[[Mapping[str, object]], bool]:
    return lambda settings: is_truthy(settings.get(name))


def _is_link(settings: Mapping[str, object]) -> bool:
    url = settings.get("url")
    return settings.get("type") == "link" and isinstance(url, str) and "(post:" not in url


def _has_canonical(settings: Mapping[str, object]) -> bool:
    url = settings.get("canonical")
    return is_truthy(url) and not (isinstance(url, str) and "(post:" in url)


def _url_if_given(name: str) -> FieldRule:
    return FieldRule(name, (URL,), when=_given(name))


_LOOSE_URL = matches(LOOSE_URL, "Invalid URL")
_CANONICAL = FieldRule("canonical", (_LOOSE_URL,), when=_has_canonical)
_WORD_TAG = (FieldRule("value", (TEXT,)), FieldRule("label", (TEXT,)))


def _tags(*checks: FieldCheck, optional: bool = False) -> FieldRule:
    return FieldRule("tags", checks, "list", optional=optional, fields=_WORD_TAG, is_many=True)


_IS_ARTICLE = _equals("post_type", "article")
_COMMUNITY = matches(
    re.compile(r"^(https://x\.com/i/communities/\d+)?$", re.ASCII),
    "Invalid X community URL. It should be in the format: "
    "https://x.com/i/communities/1493446837214187523",
)
_WHO = one_of("everyone", "following", "mentionedUsers", "subscribers", "verified")

_X = (
    FieldRule("community", (_COMMUNITY,), optional=True),
    FieldRule("who_can_reply_post", (_WHO,), until=UNRELEASED),
    FieldRule(
        "who_can_reply_post", (_WHO,), when=lambda each: not _IS_ARTICLE(each), since=UNRELEASED
    ),
    FieldRule("post_type", (one_of("post", "article"),), optional=True, since=UNRELEASED),
    FieldRule(
        "article_title",
        (min_length(1, "Article title is required"), TEXT),
        when=_IS_ARTICLE,
        since=UNRELEASED,
    ),
    FieldRule(
        "article_status", (one_of("draft", "published"),), when=_IS_ARTICLE, since=UNRELEASED
    ),
    FieldRule("article_cover", type="media", optional=True, since=UNRELEASED),
    _optional_flag("made_with_ai"),
    _optional_flag("paid_partnership"),
)

_LINKEDIN = (_optional_flag("post_as_images_carousel"), _text("carousel_name"))

_KIND = FieldRule("type", (DEFINED, one_of("self", "link", "media")))
_SUBREDDIT = (
    _required("subreddit", min_length(2)),
    _required("title", min_length(2)),
    _required("type", min_length(2)),
    FieldRule("url", (_LOOSE_URL, DEFINED, URL), when=_is_link),
    FieldRule("is_flair_required", (DEFINED, BOOLEAN), "boolean"),
    FieldRule(
        "flair",
        (DEFINED,),
        "object",
        when=_given("is_flair_required"),
        fields=(_required("id"), _required("name")),
    ),
)
_COMMUNITY_OF_LEMMY = (
    _required("subreddit", min_length(2)),
    _required("id"),
    _required("title", min_length(2)),
    _url_if_given("url"),
)


def _communities(fields: tuple[FieldRule, ...]) -> FieldRule:
    value = FieldRule("value", (DEFINED,), "object", fields=fields)
    return FieldRule("subreddit", (min_items(1),), "list", fields=(value,), is_many=True)


_CHANNEL_OF_FARCASTER = FieldRule("value", type="object", fields=(FieldRule("id", (TEXT,)),))

_INSTAGRAM = (
    FieldRule("post_type", (DEFINED, one_of("post", "story"))),
    FieldRule("is_trial_reel", type="boolean", optional=True),
    _choice("graduation_strategy", "MANUAL", "SS_PERFORMANCE"),
    FieldRule(
        "collaborators",
        (LIST,),
        "list",
        optional=True,
        fields=(_required("label"),),
        is_many=True,
    ),
    FieldRule(
        "audio",
        type="object",
        optional=True,
        fields=(
            FieldRule("id", (TEXT, DEFINED)),
            _text("title"),
            _text("artist"),
            _text("image"),
            _volume("audio_volume"),
            _volume("video_volume"),
        ),
    ),
)

_MUSIC = FieldRule(
    "music", type="object", optional=True, since=UNRELEASED, fields=_INSTAGRAM[-1].fields
)
_LOCATION = FieldRule(
    "location",
    type="object",
    optional=True,
    since=UNRELEASED,
    fields=(FieldRule("id", (TEXT, DEFINED)), FieldRule("name", (TEXT, DEFINED)), _text("address")),
)
_AUDIENCES = ("PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "FOLLOWER_OF_CREATOR", "SELF_ONLY")

_TIKTOK = (
    FieldRule("title", (max_length(90),), when=_given("title")),
    FieldRule("privacy_level", (TEXT, one_of(*_AUDIENCES))),
    _flag("duet"),
    _flag("stitch"),
    _flag("comment"),
    FieldRule("autoAddMusic", (one_of("yes", "no"),)),
    _flag("brand_content_toggle"),
    _optional_flag("video_made_with_ai"),
    _flag("brand_organic_toggle"),
    _MUSIC,
    _LOCATION,
    FieldRule("content_posting_method", (TEXT, one_of("DIRECT_POST", "UPLOAD"))),
)

_CALLS = ("NONE", "BOOK", "ORDER", "SHOP", "LEARN_MORE", "SIGN_UP", "GET_OFFER", "CALL")

_GMB = (
    _choice("topicType", "STANDARD", "EVENT", "OFFER"),
    _choice("callToActionType", *_CALLS),
    FieldRule("callToActionUrl", (URL,), optional=True, when=_given("callToActionType")),
    *map(_text, ("eventTitle", "eventStartDate", "eventEndDate")),
    *map(_text, ("eventStartTime", "eventEndTime", "offerCouponCode")),
    _url_if_given("offerRedeemUrl"),
    _text("offerTerms"),
)


_BOARD = tuple(
    replace(check, words="Board is required") for check in (DEFINED, TEXT, min_length(1))
)


_CHAT_CHANNEL = (FieldRule("channel", (TEXT, DEFINED, min_length(1))),)


def _id(name: str) -> FieldRule:
    """A field with a text that must not be empty, as in the newest networks."""
    return FieldRule(name, (TEXT, min_length(1), DEFINED))


FIELDS: dict[str, tuple[FieldRule, ...]] = {
    "x": _X,
    "linkedin": _LINKEDIN,
    "linkedin-page": _LINKEDIN,
    "reddit": (
        replace(_communities(_SUBREDDIT), until=NEXT),
        replace(
            _communities(tuple(_KIND if f.name == "type" else f for f in _SUBREDDIT)), since=NEXT
        ),
    ),
    "instagram": _INSTAGRAM,
    "instagram-standalone": _INSTAGRAM,
    "facebook": (
        _url_if_given("url"),
        _choice("post_type", "post", "story"),
        _text("text_format_preset_id"),
    ),
    "youtube": (
        _required("title", max_length(100), min_length(2)),
        FieldRule("type", (DEFINED, one_of("public", "private", "unlisted"))),
        _choice("selfDeclaredMadeForKids", "yes", "no"),
        _media("thumbnail"),
        _tags(LIST, TOTAL_OF_LABELS, optional=True),
    ),
    "gmb": _GMB,
    "tiktok": _TIKTOK,
    "tiktok-business": _TIKTOK,
    "pinterest": (
        FieldRule("title", (max_length(100), TEXT), when=_given("title")),
        _url_if_given("link"),
        _text("dominant_color"),
        FieldRule("board", _BOARD),
    ),
    "dribbble": (
        _required("title", min_length(1, "Title is required")),
        FieldRule("team", (URL,), optional=True),
    ),
    "discord": _CHAT_CHANNEL,
    "slack": _CHAT_CHANNEL,
    "twitch": (
        _choice("messageType", "message", "announcement"),
        _choice("announcementColor", "primary", "blue", "green", "orange", "purple"),
    ),
    "lemmy": (_communities(_COMMUNITY_OF_LEMMY),),
    "wrapcast": (
        FieldRule("subreddit", type="list", fields=(_CHANNEL_OF_FARCASTER,), is_many=True),
    ),
    "medium": (
        _required("title", min_length(2)),
        _required("subtitle", min_length(2)),
        _CANONICAL,
        _text("publication"),
        _tags(max_items(4), LIST, optional=True),
    ),
    "devto": (
        _required("title", min_length(2)),
        _media("main_image"),
        _CANONICAL,
        _text("organization"),
        FieldRule(
            "tags",
            (max_items(4), LIST),
            "list",
            fields=(FieldRule("value", (NUMBER,), "number"), FieldRule("label", (TEXT,))),
            is_many=True,
            default=[],
        ),
    ),
    "hashnode": (
        _required("title", min_length(6)),
        _text("subtitle", min_length(2)),
        _media("main_image"),
        _CANONICAL,
        _required("publication"),
        _tags(min_items(1), LIST),
    ),
    "wordpress": (
        _required("title", min_length(2)),
        _media("main_image"),
        _required("type"),
        FieldRule("categories", (NUMBERS, LIST), "any", optional=True),
        FieldRule("tags", (NUMBERS, LIST), "any", optional=True),
        _choice("status", "publish", "draft", "pending", "private"),
    ),
    "listmonk": (
        FieldRule("subject", (min_length(1), TEXT)),
        FieldRule("preview", (TEXT,)),
        FieldRule("list", (TEXT,)),
        _text("template"),
    ),
    "moltbook": (_id("submolt"),),
    "whop": (_id("company"), _id("experience"), _text("title")),
    "skool": (_id("group"), _id("label"), _id("title")),
    "mewe": (
        FieldRule("postType", (one_of("timeline", "group"),)),
        FieldRule("group", (min_length(1), TEXT), optional=True, when=_equals("postType", "group")),
    ),
    "tumblr": (
        _text("title", max_length(4096), min_length(1)),
        FieldRule("link", (_LOOSE_URL,), when=_given("link")),
        FieldRule("sourceUrl", (_LOOSE_URL,), when=_given("sourceUrl")),
        _text("tags", max_length(4096)),
    ),
}
"""Fields by network; a network that is not listed has no settings of its own."""
