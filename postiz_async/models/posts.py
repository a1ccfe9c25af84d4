"""Posts: what is sent (`NewPost`, `PostRequest`) and what a list returns (`Post`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias
from urllib.parse import quote

from msgspec import UNSET, Meta, UnsetType, field
from msgspec.structs import force_setattr, replace

from postiz_async.models._base import DateTime, Model, Value
from postiz_async.models._plain_text import plain_text_of
from postiz_async.models.channels import Channel
from postiz_async.models.media import Media
from postiz_async.models.settings import ProviderSettings, RawSettings

_MARKDOWN_SIGN = re.compile(r"[\\`*_\[\]<>&!#~|]")

PostType = Literal["draft", "schedule", "now", "update"]
"""What the server does with a post: keep it, publish it at its date, at once, or edit it."""


StoredType = Literal["schedule", "draft"]
"""What a stored post is: scheduled, or a draft."""


class Mention(Value, frozen=True, forbid_unknown_fields=True):
    """A mention of a person or account of the network.

    Becomes a real mention on x, linkedin, linkedin-page, bluesky and discord, and the name
    elsewhere. `id` is the network's, `name` without an `@`. As a string it is its Markdown:
    `Markdown(f"Thanks {mention}")`.
    """

    id: str
    name: str

    @property
    def shown(self) -> str:
        """The visible text: the name after an `@`."""
        return f"@{self.name}"

    def __str__(self) -> str:
        name = _MARKDOWN_SIGN.sub(r"\\\g<0>", self.shown)
        return f"[{name}](mention:{quote(self.id, safe=':')})"


class Text(Value, frozen=True, tag_field="type", tag="text", forbid_unknown_fields=True):
    """Plain text like a `str`, in which each `@name` of a mention becomes that mention."""

    source: str
    mentions: tuple[Mention, ...] = ()


class Markdown(Value, frozen=True, tag_field="type", tag="markdown", forbid_unknown_fields=True):
    """CommonMark, as far as the server keeps it.

    Paragraphs, hard line breaks, headings, links, bold text and mentions are kept. Emphasis and
    code become plain text. Lists are lines of text except where the network takes HTML.
    """

    source: str


class Html(Value, frozen=True, tag_field="type", tag="html", forbid_unknown_fields=True):
    """Content that is HTML already; a plain `str` is plain text."""

    source: str


Content: TypeAlias = str | Text | Markdown | Html
"""The content of a post as a program gives it; a `str` is plain text."""


class ThreadPart(Value, frozen=True, tag_field="type", tag="part", forbid_unknown_fields=True):
    """A further part of a thread, or a comment below the post.

    `delay_minutes` is how long after the part before it is published.
    """

    content: Content
    media: tuple[Media, ...] = ()
    delay_minutes: int = 0


if TYPE_CHECKING:
    MediaList: TypeAlias = Sequence[Media]
    Thread: TypeAlias = Sequence[Content | ThreadPart]
    Settings: TypeAlias = ProviderSettings | RawSettings | Mapping[str, object] | None
else:  # as they are read from JSON, which does not tell such kinds apart
    MediaList = tuple[Media, ...]
    Thread = tuple[Content | ThreadPart, ...]
    Settings = Mapping[str, object] | None


class NewPost(Value, frozen=True, forbid_unknown_fields=True):
    """A post to create: one channel, one text, its media and its thread.

    In JSON, a string is plain text, and other content has a type: `{"type": "markdown",
    "source": ...}`. A part of the thread that has more than a text has `"type": "part"`. Settings
    are as the API names them.

    Args:
        channel: a `Channel`, or its id, or its name or provider where no other channel has
            the same. An id takes precedence over a name, and a name over a provider.
        content: plain text, `Text` with mentions, `Markdown` or `Html`.
        media: uploaded media, in order.
        settings: a struct of `postiz_async.providers`, or the settings as the API names them;
            None for the provider's defaults.
        thread: further parts, in order.
    """

    channel: Channel | str
    content: Content = ""
    media: MediaList = ()
    settings: Settings = None
    thread: Thread = ()

    @property
    def channel_id(self) -> str:
        """The id of the channel, or the name or provider by which it was given."""
        return self.channel if isinstance(self.channel, str) else self.channel.id

    def _for_json(self) -> NewPost:
        said = self.settings
        if not isinstance(said, RawSettings):
            return self
        return replace(self, settings={**said.values, "__type": said.provider})


# ------------------------------------------------------------------ the body of POST /posts

MAX_BODY = 102_400
"""Bytes of a create request that the server reads."""


class MediaRef(Model, frozen=True, kw_only=True):
    """A medium in a create request."""

    id: str
    path: str
    alt: str | UnsetType = UNSET
    thumbnail: str | UnsetType = UNSET


class ContentItem(Model, frozen=True, kw_only=True, gc=False):
    """One part of a post. `image` has to be present, even when empty."""

    content: str
    image: list[MediaRef] = []
    delay: int | UnsetType = UNSET
    """Minutes to wait before this part."""
    id: str | UnsetType = UNSET
    """Id of an existing part to edit."""


class ChannelRef(Model, frozen=True, kw_only=True):
    """The channel of a post in a create request."""

    id: str


class PostItem(Model, frozen=True, kw_only=True, gc=False):
    """One post of a create request. The first `value` is the post, the others its thread."""

    channel: ChannelRef = field(name="integration")
    value: list[ContentItem]
    settings: Mapping[str, object]
    group: str | UnsetType = UNSET
    """The group of an edited post; its other members, such as old thread parts, are deleted."""


class TagRef(Model, frozen=True, kw_only=True):
    """A tag of a create request; only labels that exist in Postiz are attached."""

    value: str
    label: str


class PostRequest(Model, frozen=True, kw_only=True):
    """The body of `POST /posts`. All posts of a request share type, date, tags and repeat."""

    type: PostType
    date: str
    """ISO 8601 in UTC, with milliseconds and `Z`."""
    posts: list[PostItem]
    short_link: bool = False
    tags: list[TagRef] = []
    inter: int | UnsetType = UNSET
    """Repeat after this many days, for ever."""


class Created(Model, frozen=True, kw_only=True):
    """One stored post of a create request. It is stored, but not yet published."""

    post_id: str
    channel: str = field(name="integration")
    """The id of the channel."""


# ------------------------------------------------------------------ the answer of GET /posts


_NAME: dict[str, object] = {"type": "string", "title": "Name"}

if TYPE_CHECKING:
    TagNames: TypeAlias = list[str]
else:  # as they are read, before `Post` takes their names
    TagNames = list[Annotated[object, Meta(extra_json_schema=_NAME)]]


def _tag_name(tag: object) -> str:
    """The name of a tag, which the API wraps in two objects."""
    match tag:
        case (str() as name) | {"tag": {"name": str() as name}}:
            return name
        case _:
            raise ValueError("a tag of the post has no name")


PostState = Literal["QUEUE", "PUBLISHED", "ERROR", "DRAFT"]
"""The state of a post: waits for its date, is published, was refused by its network, is a draft."""


class PostChannel(Model, frozen=True, kw_only=True):
    """The channel of a listed post."""

    id: str
    provider: str = field(name="providerIdentifier", default="")
    name: str = ""
    picture: str | None = None


class Post(Model, frozen=True, kw_only=True):
    """A post as the list returns it. Neither its media nor its thread parts are returned."""

    id: str
    publish_date: DateTime
    content: str = ""
    state: str = ""
    """A `PostState`; newer servers may have others."""
    channel: PostChannel | None = field(name="integration", default=None)
    group: str | None = None
    release_url: str | None = field(name="releaseURL", default=None)
    release_id: str | None = None
    interval_in_days: int | None = None
    actual_date: DateTime | None = None
    """Only on repeated posts: the stored date, while `publish_date` is the occurrence."""
    creation_method: str | None = None
    settings: str | None = None
    """JSON text; servers up to 2.23.0 do not return it."""
    tags: TagNames = []
    """The names of its tags."""

    def __post_init__(self) -> None:
        if self.tags:
            force_setattr(self, "tags", [_tag_name(tag) for tag in self.tags])

    @property
    def text(self) -> str:
        """The plain text of `content`, as a network that takes plain text publishes it.

        Paragraphs and list items are lines, a link is its address, a mention its `@name`; bold
        and underlined letters are those of Unicode.
        """
        return plain_text_of(self.content)


class PublishEvent(Value, frozen=True):
    """An event of `posts.watch`: a post was published, or refused by its network.

    `reason` says why it was refused, as far as a notification says so; empty if it is published.
    """

    post: Post
    reason: str = ""

    @property
    def is_published(self) -> bool:
        """Whether the post was published."""
        return self.post.state == "PUBLISHED"

    @property
    def link(self) -> str:
        """The post's address on the network; empty if it is not published or not known."""
        return self.post.release_url or ""


class MissingRelease(Model, frozen=True, kw_only=True):
    """A recent item of a channel that may be the post whose id on the network is unknown."""

    id: str
    url: str = ""


class ChangedState(Model, frozen=True, kw_only=True):
    """Answer of `PUT /posts/{id}/status`."""

    id: str
    state: str


class UpdatedSettings(Model, frozen=True, kw_only=True):
    """Answer of `PUT /posts/{id}/settings`; the date comes without a zone and means UTC."""

    post_id: str
    publish_date: str


class StoredRelease(Model, frozen=True, kw_only=True):
    """Answer of `PUT /posts/{id}/release-id`: the row; its other columns are not modelled."""

    id: str
    state: str = ""
    release_id: str | None = None
    release_url: str | None = field(name="releaseURL", default=None)


class PostList(Model, frozen=True, kw_only=True):
    """Answer of `GET /posts`."""

    posts: list[Post]
