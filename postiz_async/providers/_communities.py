"""Communities, chats and forums: Reddit, Lemmy, Discord, Slack, Twitch, Kick and others."""

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

_TYPE_FIRST = Server(checks=("defined", "string", "min_length"))
_WITH_FLAIR = Condition("is_flair_required", "truthy")


class RedditFlair(Value, frozen=True):
    """A flair of a subreddit; the tool `restrictions` lists them.

    Args:
        id: id of the flair.
        name: name of the flair.
    """

    id: str
    name: str


class RedditPost(Value, frozen=True, kw_only=True):
    """A submission to one subreddit.

    Args:
        subreddit: `name` or `/r/name`.
        title: title of the submission.
        type: `self` is text, `link` a URL, `media` the one medium.
        url: the URL of a `link`, with its scheme.
        is_flair_required: whether a flair has to be given.
        flair: the flair.
    """

    subreddit: Annotated[str, Meta(min_length=2)]
    title: Annotated[str, Meta(min_length=2)]
    type: Annotated[
        str,
        Meta(min_length=2),
        Server(known=("self", "link", "media"), broken=("image", "video", "videogif")),
    ]
    url: OrUnset[
        Annotated[
            str,
            Server(
                checks=("loose_url", "defined", "is_url"),
                checked_when=Condition("type", "eq", "link"),
                advised_when=Condition("type", "eq", "link"),
                skip_reference=True,
            ),
        ]
    ] = UNSET
    is_flair_required: bool = False
    flair: OrUnset[
        Annotated[
            RedditFlair,
            Server(
                checks=("defined", "nested"), required_when=_WITH_FLAIR, checked_when=_WITH_FLAIR
            ),
        ]
    ] = UNSET


class RedditTarget(Value, frozen=True):
    """One of the subreddits that a post goes to.

    Args:
        value: the submission.
    """

    value: RedditPost


class Reddit(ProviderSettings, frozen=True, kw_only=True, tag="reddit"):
    """Reddit: 10,000 characters, to one or more subreddits. Further parts become comments.

    `Reddit.to(RedditPost(subreddit="python", title="Hello", type="self"))` is the short form.

    Args:
        subreddit: the submissions, one for each subreddit.
    """

    subreddit: Annotated[
        Sequence[RedditTarget], Meta(min_length=1), Server(checks=("min_items", "nested"))
    ]

    @classmethod
    def to(cls, *posts: RedditPost) -> Reddit:
        """The settings of a post with one submission for each subreddit."""
        return cls(subreddit=[RedditTarget(post) for post in posts])


class LemmyPost(Value, frozen=True, kw_only=True):
    """A post to one community.

    Args:
        subreddit: name of the community; shown only.
        id: id of the community, a text of digits.
        title: title of the post.
        url: what the post links to.
    """

    subreddit: Annotated[str, Meta(min_length=2)]
    id: str
    title: Annotated[str, Meta(min_length=2)]
    url: OrUnset[Annotated[str, URL_OR_EMPTY]] = UNSET


class LemmyTarget(Value, frozen=True):
    """One of the communities that a post goes to.

    Args:
        value: the post.
    """

    value: LemmyPost


class Lemmy(ProviderSettings, frozen=True, kw_only=True, tag="lemmy"):
    """Lemmy: 10,000 characters, one picture as thumbnail. Further parts become comments.

    `Lemmy.to(LemmyPost(subreddit="rust", id="12", title="Hello"))` is the short form.

    Args:
        subreddit: the posts, one for each community.
    """

    subreddit: Annotated[
        Sequence[LemmyTarget], Meta(min_length=1), Server(checks=("min_items", "nested"))
    ]

    @classmethod
    def to(cls, *posts: LemmyPost) -> Lemmy:
        """The settings of a post to one or more communities."""
        return cls(subreddit=[LemmyTarget(post) for post in posts])


class Discord(ProviderSettings, frozen=True, kw_only=True, tag="discord"):
    """Discord: 1,980 characters of Markdown. A further part opens a thread.

    Args:
        channel: id of the channel, which the tool `channels` finds.
    """

    channel: Annotated[str, Meta(min_length=1), _TYPE_FIRST]


class Slack(ProviderSettings, frozen=True, kw_only=True, tag="slack"):
    """Slack: 400,000 characters; further parts become threaded replies.

    Args:
        channel: id of the channel, which the tool `channels` finds.
    """

    channel: Annotated[str, Meta(min_length=1), _TYPE_FIRST]


class Kick(ProviderSettings, frozen=True, kw_only=True, tag="kick"):
    """The chat of a channel on Kick: 500 characters, no media. No settings."""


class Twitch(ProviderSettings, frozen=True, kw_only=True, tag="twitch", rename="camel"):
    """The chat of a channel on Twitch: 500 characters, no media.

    Args:
        message_type: how it is shown.
        announcement_color: colour of an announcement.
    """

    message_type: OrUnset[Literal["message", "announcement"]] = UNSET
    announcement_color: OrUnset[Literal["primary", "blue", "green", "orange", "purple"]] = UNSET


class Moltbook(ProviderSettings, frozen=True, kw_only=True, tag="moltbook"):
    """Moltbook: 300 characters, of which 100 become the title; no media.

    Args:
        submolt: the community to post in.
    """

    submolt: Annotated[str, Meta(min_length=1), _TYPE_FIRST]


class Whop(ProviderSettings, frozen=True, kw_only=True, tag="whop"):
    """A forum on Whop: 50,000 characters of Markdown; further parts become replies.

    Args:
        company: id of the company; see the tool `companies`.
        experience: id of the forum; see the tool `experiences`.
        title: title of the post.
    """

    company: Annotated[str, Meta(min_length=1), _TYPE_FIRST]
    experience: Annotated[str, Meta(min_length=1), _TYPE_FIRST]
    title: OrUnset[str] = UNSET


class Skool(ProviderSettings, frozen=True, kw_only=True, tag="skool"):
    """A group on Skool: 5,000 characters; further parts become comments.

    Args:
        group: id of the group; see the tool `groups`.
        label: id of the label, or `none`; see the tool `label`.
        title: title of the post.
    """

    group: Annotated[str, Meta(min_length=1), _TYPE_FIRST]
    label: Annotated[str, Meta(min_length=1), _TYPE_FIRST]
    title: Annotated[str, Meta(min_length=1), _TYPE_FIRST]


_NO_MEDIA = "All media is silently dropped, even that of the first part."

AnyCommunity: TypeAlias = Reddit | Lemmy | Discord | Slack | Kick | Twitch | Moltbook | Whop | Skool

COMMUNITIES = (
    Provider(
        name="Reddit",
        settings=Reddit,
        limits=(Limit(10_000),),
        parts="comments",
        rules=(
            MediaRule(
                "exact_media",
                "When posting a media post, you must attached exactly one media file.",
                n=1,
                when=(Condition("subreddit.*.value.type", "any_eq", "media"),),
            ),
            MediaRule(
                "required_thumbnail",
                "You must attach a thumbnail to your video post.",
                scope="every",
            ),
        ),
        pitfalls=(
            "Only the type `media` sends the medium; `image`, `video` and `videogif` are refused.",
            "A `link` without a url is stored.",
            "Media of a comment is dropped, and a video there needs a thumbnail all the same.",
        ),
        tools={"subreddits": ("word",), "restrictions": ("subreddit",)},
        since="v0.0.1",
        described=("settings",),
    ),
    Provider(
        name="Lemmy",
        settings=Lemmy,
        limits=(Limit(10_000),),
        parts="comments",
        rules=(
            MediaRule(
                "first_media_path_contains",
                "You can set only one picture for a cover",
                any_of=("png", "jpg", "jpef", "gif"),
            ),
        ),
        pitfalls=(
            "Only the first medium is used, as the thumbnail.",
            "A picture whose name ends in .jpeg or .webp is refused.",
        ),
        tools={"subreddits": ("word",)},
        since="v1.5.0",
        connected_by="form",
        described=("settings",),
    ),
    Provider(
        name="Discord",
        settings=Discord,
        limits=(Limit(1_980),),
        editor="markdown",
        parts="thread",
        part_media="allowed",
        pitfalls=("Only the first further part is posted in the thread.",),
        tools={"channels": ()},
        mentions=True,
        since="v1.5.0",
    ),
    Provider(
        name="Slack",
        settings=Slack,
        limits=(Limit(400_000),),
        parts="thread",
        part_media="allowed",
        pitfalls=("A video is embedded as if it were a picture.",),
        tools={"channels": ()},
        since="v1.5.0",
    ),
    Provider(
        name="Kick",
        settings=Kick,
        limits=(Limit(500),),
        parts="comments",
        pitfalls=(
            _NO_MEDIA,
            "Servers since v2.21.9 refuse all but drafts; release the draft with its status.",
        ),
        since="v2.13.0",
        defect="an unknown value was passed to the validate function",
    ),
    Provider(
        name="Twitch",
        settings=Twitch,
        limits=(Limit(500),),
        parts="comments",
        pitfalls=(_NO_MEDIA,),
        since="v2.13.0",
    ),
    Provider(
        name="Moltbook",
        settings=Moltbook,
        limits=(Limit(300),),
        parts="comments",
        pitfalls=(_NO_MEDIA, "The first 100 characters become the title."),
        since="v2.15.0",
        connected_by="form",
        described=("rules",),
    ),
    Provider(
        name="Whop",
        settings=Whop,
        limits=(Limit(50_000),),
        editor="markdown",
        parts="comments",
        part_media="allowed",
        tools={"companies": (), "experiences": ()},
        since="v2.16.0",
    ),
    Provider(
        name="Skool",
        settings=Skool,
        limits=(Limit(5_000),),
        parts="comments",
        part_media="allowed",
        tools={"groups": (), "label": ()},
        since="v2.15.0",
        connected_by="form",
    ),
)
"""Facts about these networks."""
