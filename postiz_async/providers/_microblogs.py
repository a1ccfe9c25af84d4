"""Networks of short posts and threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta

from postiz_async.models._base import Value
from postiz_async.models.media import Media
from postiz_async.models.settings import ProviderSettings
from postiz_async.providers._schema import (
    STRING,
    Condition,
    Limit,
    MediaRule,
    OrUnset,
    Provider,
    Server,
)

_ARTICLE = Condition("post_type", "eq", "article")
_POST = Condition("post_type", "ne", "article")


class X(ProviderSettings, frozen=True, kw_only=True, tag="x"):
    """X: 280 characters, 4,000 for a verified account, 100,000 for an article.

    The server counts the larger of the weighted length and the UTF-16 units. Further parts become
    replies, which a draft article cannot have; an article cannot carry a video.

    Args:
        community: address of the community to post in.
        who_can_reply_post: who may reply; the server wants it for every post.
        post_type: an article has a title and a status.
        article_title: title of the article.
        article_status: whether X publishes the article or keeps it as a draft.
        article_cover: picture above the article.
        made_with_ai: says so under the post.
        paid_partnership: marks the post as a paid partnership.
    """

    community: OrUnset[
        Annotated[
            str,
            Meta(pattern="^(https://x\\.com/i/communities/\\d+)?$"),
            Server(
                message="Invalid X community URL. It should be in the format: https://x.com/i/communities/1493446837214187523",
                message_of=("pattern",),
                checks=("pattern",),
            ),
        ]
    ] = UNSET
    who_can_reply_post: Annotated[
        Literal["everyone", "following", "mentionedUsers", "subscribers", "verified"],
        Server(required_when=_POST, checked_when=_POST),
    ] = "everyone"
    post_type: OrUnset[Annotated[Literal["post", "article"], Server(unreleased=True)]] = UNSET
    article_title: OrUnset[
        Annotated[
            str,
            Meta(min_length=1),
            Server(
                required_when=_ARTICLE,
                checked_when=_ARTICLE,
                message="Article title is required",
                message_of=("min_length",),
                unreleased=True,
            ),
        ]
    ] = UNSET
    article_status: OrUnset[
        Annotated[
            Literal["draft", "published"],
            Server(required_when=_ARTICLE, checked_when=_ARTICLE, unreleased=True),
        ]
    ] = UNSET
    article_cover: OrUnset[Annotated[Media, Server(unreleased=True)]] = UNSET
    made_with_ai: OrUnset[bool] = UNSET
    paid_partnership: OrUnset[bool] = UNSET


class Threads(ProviderSettings, frozen=True, kw_only=True, tag="threads"):
    """Threads: 500 characters; further parts become replies. No settings."""


class Mastodon(ProviderSettings, frozen=True, kw_only=True, tag="mastodon"):
    """Mastodon: 500 characters even if the instance allows more; further parts become replies."""


class Bluesky(ProviderSettings, frozen=True, kw_only=True, tag="bluesky"):
    """Bluesky: 300 characters, up to 4 pictures or 1 video a part; further parts are replies."""


class FarcasterChannel(Value, frozen=True):
    """A channel of Farcaster; the tool `subreddits` finds its id.

    Args:
        id: id of the channel.
    """

    id: Annotated[str, STRING]


class FarcasterTarget(Value, frozen=True):
    """The target of a cast: a channel, or without a value the main feed.

    Args:
        value: a channel of Farcaster.
    """

    value: OrUnset[Annotated[FarcasterChannel, Server(nullable=False)]] = UNSET


class Farcaster(ProviderSettings, frozen=True, kw_only=True, tag="wrapcast"):
    """Farcaster, which the server spells `wrapcast`: 800 characters, pictures only.

    `Farcaster.to("channel")` posts to channels; without any, to the main feed.

    Args:
        subreddit: channels to post to; none for the main feed.
    """

    subreddit: OrUnset[
        Annotated[Sequence[FarcasterTarget], Server(checks=("nested",), nullable=False)]
    ] = UNSET

    @classmethod
    def to(cls, *channels: str) -> Farcaster:
        """The settings of a cast to some channels, given by their ids."""
        return cls(subreddit=[FarcasterTarget(FarcasterChannel(each)) for each in channels])


class Telegram(ProviderSettings, frozen=True, kw_only=True, tag="telegram"):
    """Telegram: 4,096 characters; further parts become replies. No settings."""


class Nostr(ProviderSettings, frozen=True, kw_only=True, tag="nostr"):
    """Nostr: 100,000 characters; further parts become replies. No settings."""


AnyMicroblog: TypeAlias = X | Threads | Mastodon | Bluesky | Farcaster | Telegram | Nostr

MICROBLOGS = (
    Provider(
        name="X",
        settings=X,
        limits=(Limit(100_000, when=_ARTICLE), Limit(4_000, verified=True), Limit(280)),
        counts="x-weighted",
        editor="html",
        parts="thread",
        part_media="allowed",
        rules=(
            MediaRule(
                "only_images",
                "X articles only support images",
                scope="every",
                when=(_ARTICLE,),
                is_video="dot_mp4_ci",
            ),
            MediaRule(
                "no_comments",
                "A draft article cannot have thread replies, remove them or publish the article",
                scope="posts",
                when=(_ARTICLE, Condition("article_status", "ne", "published")),
            ),
        ),
        pitfalls=(
            "More than 4 pictures, or a picture beside a video, are stored; X may refuse them.",
            "Formatting is lost in a post; only an article keeps headings, lists and links.",
        ),
        mentions=True,
        since="v0.0.1",
        analytics=("channel", "post"),
    ),
    Provider(
        name="Threads",
        settings=Threads,
        limits=(Limit(500),),
        parts="thread",
        part_media="allowed",
        pitfalls=("The server does not check media before the post is published.",),
        since="v1.0.0",
        analytics=("channel", "post"),
        described=("rules",),
    ),
    Provider(
        name="Mastodon",
        settings=Mastodon,
        limits=(Limit(500),),
        parts="thread",
        part_media="allowed",
        pitfalls=("500 characters even where the instance allows more.",),
        since="v1.5.0",
        described=("rules",),
    ),
    Provider(
        name="Bluesky",
        settings=Bluesky,
        limits=(Limit(300),),
        parts="thread",
        part_media="allowed",
        rules=(
            MediaRule("video_alone", "You can only upload one video per post.", scope="every"),
            MediaRule(
                "max_media", "There can be maximum 4 pictures in a post.", scope="every", n=4
            ),
        ),
        pitfalls=("The server counts UTF-16 units, so an emoji takes more than one of the 300.",),
        mentions=True,
        since="v1.5.0",
        connected_by="form",
        described=("rules",),
    ),
    Provider(
        name="Farcaster",
        settings=Farcaster,
        limits=(Limit(800),),
        parts="thread",
        part_media="allowed",
        rules=(MediaRule("only_images", "Can only accept images", scope="every"),),
        tools={"subreddits": ("word",)},
        since="v1.27.1",
        connected_by="form",
    ),
    Provider(
        name="Telegram",
        settings=Telegram,
        limits=(Limit(4_096),),
        editor="html",
        parts="thread",
        part_media="allowed",
        pitfalls=(
            "More than 10 items leave in groups of ten; the text goes with the first group.",
            "Telegram itself allows less text beside media than the server does.",
        ),
        since="v1.28.1",
        connected_by="form",
        described=("rules",),
    ),
    Provider(
        name="Nostr",
        settings=Nostr,
        limits=(Limit(100_000),),
        parts="thread",
        part_media="allowed",
        since="v1.31.1",
        connected_by="form",
        described=("rules",),
    ),
)
"""Facts about these networks."""
