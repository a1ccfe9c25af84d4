"""The arguments of tools. What they say is checked by msgspec, and unknown fields are refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, cast

from msgspec import UNSET, Meta, Struct, UnsetType, json

from postiz_async import Markdown, Media, NewPost
from postiz_async.types import PostState

MOST_LISTED = 50
"""Items of a list that are returned unless another limit is given."""

When = Annotated[datetime, Meta(tz=True)]
Days = Annotated[int, Meta(ge=1, le=365)]
Limit = Annotated[int, Meta(ge=1, le=500)]
Again = Annotated[int, Meta(ge=0, le=100)]


class Input(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all arguments."""


class NoArgs(Input, frozen=True, kw_only=True):
    """No arguments."""


class StoredMedium(Input, frozen=True, kw_only=True):
    """A medium that `upload` returned."""

    id: str
    path: str


class PostInput(Input, frozen=True, kw_only=True):
    """A post on one channel."""

    channel: str
    text: str = ""
    markdown: bool = False
    media: tuple[StoredMedium, ...] = ()
    thread: tuple[str, ...] = ()
    settings: dict[str, Any] | UnsetType = UNSET

    def as_post(self) -> NewPost:
        """The post as the library takes it."""
        made = Markdown if self.markdown else str
        return NewPost(
            self.channel,
            made(self.text),
            media=[Media(id=each.id, path=each.path) for each in self.media],
            settings=None if isinstance(self.settings, UnsetType) else self.settings,
            thread=[made(each) for each in self.thread],
        )


class PlannedArgs(Input, frozen=True, kw_only=True):
    """Arguments of work that is planned first: everything, or only the id of its plan."""

    confirm: Annotated[str, Meta(description="Only this: the id of the plan to carry out.")] = ""


class CreateArgs(PlannedArgs, frozen=True, kw_only=True):
    """Posts to create with one request."""

    posts: tuple[PostInput, ...] = ()
    tags: tuple[str, ...] = ()
    key: Annotated[str, Meta(max_length=200)] = ""
    again: Annotated[Again, Meta(description="Count of equal posts wanted besides.")] = 0


class DatedCreateArgs(CreateArgs, frozen=True, kw_only=True):
    """Posts to create with one request, for a date."""

    at: When | UnsetType = UNSET


class ReplaceArgs(PlannedArgs, frozen=True, kw_only=True):
    """A post and its whole new content."""

    post: str = ""
    new: PostInput | UnsetType = UNSET
    at: When | UnsetType = UNSET
    tags: tuple[str, ...] = ()


class DeleteArgs(PlannedArgs, frozen=True, kw_only=True):
    """The ids of posts."""

    posts: tuple[str, ...] = ()


class CheckArgs(Input, frozen=True, kw_only=True):
    """Posts to check."""

    posts: tuple[PostInput, ...]
    at: When | UnsetType = UNSET


class PreviewArgs(Input, frozen=True, kw_only=True):
    """A text, and where it is for."""

    text: str
    provider: str
    markdown: bool = False


class ChannelArgs(Input, frozen=True, kw_only=True):
    """A channel."""

    channel: str


class RulesArgs(Input, frozen=True, kw_only=True):
    """A network, or a channel of it."""

    provider: str = ""
    channel: str = ""


class TriggerArgs(Input, frozen=True, kw_only=True):
    """A look-up of a network, see `rules`."""

    channel: str
    tool: str
    data: Mapping[str, str] = {}


class ListPostsArgs(Input, frozen=True, kw_only=True):
    """Which posts to list; by default those of the next 30 days."""

    start: When | UnsetType = UNSET
    end: When | UnsetType = UNSET
    state: PostState | UnsetType = UNSET
    channel: str = ""
    text: Annotated[str, Meta(description="Only posts that contain this.")] = ""
    limit: Limit = MOST_LISTED
    details: bool = False


class PostArgs(Input, frozen=True, kw_only=True):
    """A post."""

    post: str


class SetStatusArgs(Input, frozen=True, kw_only=True):
    """A post and its new status."""

    post: str
    status: Literal["draft", "schedule"]


class AnalyticsArgs(Input, frozen=True, kw_only=True):
    """A channel or a post."""

    channel: str = ""
    post: str = ""
    days: Days = 30


class NotificationsArgs(Input, frozen=True, kw_only=True):
    """Since when, and how many."""

    since: When | UnsetType = UNSET
    limit: Limit = MOST_LISTED


class TicketArgs(Input, frozen=True, kw_only=True):
    """A ticket of the outbox."""

    ticket: str


class CampaignArgs(Input, frozen=True, kw_only=True):
    """A campaign's file, and the zone of its dates without one."""

    file: str
    timezone: Annotated[str, Meta(description="Of dates without a zone: Europe/Berlin")] = ""


class CampaignRunArgs(PlannedArgs, frozen=True, kw_only=True):
    """The same, for work that is planned."""

    file: str = ""
    timezone: str = ""


class FixedCampaign(Input, frozen=True, kw_only=True):
    """A campaign as it was planned: its real path, and the digest of what it said."""

    file: str
    timezone: str = ""
    digest: str = ""


class UploadArgs(Input, frozen=True, kw_only=True):
    """A file below the media root, or a public https address."""

    source: str


def schema_of(kind: type[Input]) -> dict[str, Any]:
    """The JSON schema of arguments, without what a model does not need.

    Args:
        kind: the arguments.
    """
    schema = json.schema(kind)
    named = schema.pop("$defs")
    root = named.pop(kind.__name__)
    found: dict[str, Any] = _slim({**root, **({"$defs": named} if named else {})})
    return found


def _slim(schema: object) -> Any:
    """A schema without titles and defaults, and without descriptions of whole objects."""
    if isinstance(schema, list):
        return [_slim(each) for each in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    said = cast("dict[str, object]", schema)
    left_out = {"title", "default"} | ({"description"} if "properties" in said else set[str]())
    return {
        name: {key: _slim(each) for key, each in cast("dict[str, object]", value).items()}
        if name in {"properties", "$defs"}
        else _slim(value)
        for name, value in said.items()
        if name not in left_out and value != []
    }
