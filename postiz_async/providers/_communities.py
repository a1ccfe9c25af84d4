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
    """A flair of a subreddit; the tool `restrictions` lists them."""

    id: Annotated[str, Meta(description="Id of the flair.")]
    name: Annotated[str, Meta(description="Name of the flair.")]


class RedditPost(Value, frozen=True, kw_only=True):
    """A submission to one subreddit."""

    subreddit: Annotated[str, Meta(description="`name` or `/r/name`.", min_length=2)]
    title: Annotated[str, Meta(description="Title of the submission.", min_length=2)]
    type: Annotated[
        str,
        Meta(description="`self` is text, `link` a URL, `media` the one medium.", min_length=2),
        Server(known=("self", "link", "media"), broken=("image", "video", "videogif")),
    ]
    url: OrUnset[
        Annotated[
            str,
            Meta(description="The URL of a `link`, with its scheme."),
            Server(
                checks=("loose_url", "is_url"),
                checked_when=Condition("type", "eq", "link"),
                advised_when=Condition("type", "eq", "link"),
                skip_reference=True,
            ),
        ]
    ] = UNSET
    is_flair_required: Annotated[bool, Meta(description="Whether a flair has to be given.")] = False
    flair: OrUnset[
        Annotated[
            RedditFlair,
            Meta(description="The flair."),
            Server(
                checks=("defined", "nested"), required_when=_WITH_FLAIR, checked_when=_WITH_FLAIR
            ),
        ]
    ] = UNSET


class RedditTarget(Value, frozen=True):
    """One of the subreddits that a post goes to."""

    value: Annotated[RedditPost, Meta(description="The submission.")]


class Reddit(ProviderSettings, frozen=True, kw_only=True, tag="reddit"):
    """Reddit: 10,000 characters, to one or more subreddits. Further parts become comments.

    `Reddit.to(RedditPost(subreddit="python", title="Hello", type="self"))` is the short form.
    """

    subreddit: Annotated[
        Sequence[RedditTarget],
        Meta(description="The submissions, one for each subreddit.", min_length=1),
        Server(checks=("min_items", "nested")),
    ]

    @classmethod
    def to(cls, *posts: RedditPost) -> Reddit:
        """The settings of a post with one submission for each subreddit."""
        return cls(subreddit=[RedditTarget(post) for post in posts])


class LemmyPost(Value, frozen=True, kw_only=True):
    """A post to one community."""

    subreddit: Annotated[str, Meta(description="Name of the community; shown only.", min_length=2)]
    id: Annotated[str, Meta(description="Id of the community, a text of digits.")]
    title: Annotated[str, Meta(description="Title of the post.", min_length=2)]
    url: OrUnset[Annotated[str, Meta(description="What the post links to."), URL_OR_EMPTY]] = UNSET


class LemmyTarget(Value, frozen=True):
    """One of the communities that a post goes to."""

    value: Annotated[LemmyPost, Meta(description="The post.")]


class Lemmy(ProviderSettings, frozen=True, kw_only=True, tag="lemmy"):
    """Lemmy: 10,000 characters, one picture as thumbnail. Further parts become comments.

    `Lemmy.to(LemmyPost(subreddit="rust", id="12", title="Hello"))` is the short form.
    """

    subreddit: Annotated[
        Sequence[LemmyTarget],
        Meta(description="The posts, one for each community.", min_length=1),
        Server(checks=("min_items", "nested")),
    ]

    @classmethod
    def to(cls, *posts: LemmyPost) -> Lemmy:
        """The settings of a post to one or more communities."""
        return cls(subreddit=[LemmyTarget(post) for post in posts])


class Discord(ProviderSettings, frozen=True, kw_only=True, tag="discord"):
    """Discord: 1,980 characters of Markdown. A further part opens a thread."""

    channel: Annotated[
        str,
        Meta(description="Id of the channel, which the tool `channels` finds.", min_length=1),
        _TYPE_FIRST,
    ]


class Slack(ProviderSettings, frozen=True, kw_only=True, tag="slack"):
    """Slack: 400,000 characters; further parts become threaded replies."""

    channel: Annotated[
        str,
        Meta(description="Id of the channel, which the tool `channels` finds.", min_length=1),
        _TYPE_FIRST,
    ]


class Kick(ProviderSettings, frozen=True, kw_only=True, tag="kick"):
    """The chat of a channel on Kick: 500 characters, no media. No settings."""


class Twitch(ProviderSettings, frozen=True, kw_only=True, tag="twitch", rename="camel"):
    """The chat of a channel on Twitch: 500 characters, no media."""

    message_type: OrUnset[
        Annotated[Literal["message", "announcement"], Meta(description="How it is shown.")]
    ] = UNSET
    announcement_color: OrUnset[
        Annotated[
            Literal["primary", "blue", "green", "orange", "purple"],
            Meta(description="Colour of an announcement."),
        ]
    ] = UNSET


class Moltbook(ProviderSettings, frozen=True, kw_only=True, tag="moltbook"):
    """Moltbook: 300 characters, of which 100 become the title; no media."""

    submolt: Annotated[
        str, Meta(description="The community to post in.", min_length=1), _TYPE_FIRST
    ]


class Whop(ProviderSettings, frozen=True, kw_only=True, tag="whop"):
    """A forum on Whop: 50,000 characters of Markdown; further parts become replies."""

    company: Annotated[
        str,
        Meta(description="Id of the company; see the tool `companies`.", min_length=1),
        _TYPE_FIRST,
    ]
    experience: Annotated[
        str,
        Meta(description="Id of the forum; see the tool `experiences`.", min_length=1),
        _TYPE_FIRST,
    ]
    title: OrUnset[Annotated[str, Meta(description="Title of the post.")]] = UNSET


class Skool(ProviderSettings, frozen=True, kw_only=True, tag="skool"):
    """A group on Skool: 5,000 characters; further parts become comments."""

    group: Annotated[
        str, Meta(description="Id of the group; see the tool `groups`.", min_length=1), _TYPE_FIRST
    ]
    label: Annotated[
        str,
        Meta(description="Id of the label, or `none`; see the tool `label`.", min_length=1),
        _TYPE_FIRST,
    ]
    title: Annotated[str, Meta(description="Title of the post.", min_length=1), _TYPE_FIRST]


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
        tools=("subreddits", "restrictions"),
        since="v0.0.1",
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
        tools=("subreddits",),
        since="v1.5.0",
    ),
    Provider(
        name="Discord",
        settings=Discord,
        limits=(Limit(1_980),),
        editor="markdown",
        parts="thread",
        part_media="allowed",
        pitfalls=("Only the first further part is posted in the thread.",),
        tools=("channels",),
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
        tools=("channels",),
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
    ),
    Provider(
        name="Whop",
        settings=Whop,
        limits=(Limit(50_000),),
        editor="markdown",
        parts="comments",
        part_media="allowed",
        tools=("companies", "experiences"),
        since="v2.16.0",
    ),
    Provider(
        name="Skool",
        settings=Skool,
        limits=(Limit(5_000),),
        parts="comments",
        part_media="allowed",
        tools=("groups", "label"),
        since="v2.15.0",
    ),
)
"""Facts about these networks."""
