"""Every endpoint as data: method, path, quota cost, replay safety, reply, first release."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import NoneType
from typing import Generic, TypeVar, cast

import msgspec

from postiz_async.errors import Scope
from postiz_async.models.channels import (
    Channel,
    Connected,
    ConnectUrl,
    DeletedChannel,
    FreeSlot,
    Group,
    SettingsOutput,
    ToolOutput,
)
from postiz_async.models.insights import Metric, Missing, NotificationPage
from postiz_async.models.media import Media, MediaPage
from postiz_async.models.oauth import Token
from postiz_async.models.posts import (
    ChangedState,
    Created,
    MissingRelease,
    PostList,
    StoredRelease,
    UpdatedSettings,
)
from postiz_async.models.users import Membership

T = TypeVar("T")

MIB = 1 << 20

UNTYPED = 4 * MIB
"""The size limit of untyped answers: a decoded body of `{}` takes 24 times its length."""
CRASH = "Internal server error"
"""The server's only message when it fails internally, or for an unknown id."""


class Replay(Enum):
    """The effect of repeating a call."""

    SAFE = "safe"
    """None: the call only reads."""
    IDEMPOTENT = "idempotent"
    """None beyond the first call: the end state is the same."""
    ONCE = "once"
    """Possibly a second effect: never repeated blindly."""


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[T]):
    """One route of the API.

    `reply` is the type of a success body, `NoneType` if the body is not used. `timeout` is in
    seconds; None means that a transfer may take as long as it makes progress.
    """

    name: str
    method: str
    path: str
    reply: type[T]
    replay: Replay
    scope: Scope | None
    """What a client must be allowed to do, see `scopes`; None: the body says."""
    since: str
    quota: bool = False
    """Whether a call costs one of the hourly create requests."""
    timeout: float | None = 30.0
    max_body: int = MIB
    """Largest size in bytes of an answer, unpacked; a longer one is not an answer of this route."""

    @property
    def meanings(self) -> Mapping[tuple[int, str], str]:
        """Hints for refusals whose message is unclear, by status and full message."""
        return _MEANINGS.get((self.method, self.path), {})


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file to be sent in a multipart form.

    `open` yields its bytes anew for each attempt, as long as `can_repeat` says so. `size` is in
    bytes, None if it is not known before the end. A transfer fails if no byte moves for
    `stall_timeout` seconds.
    """

    filename: str
    content_type: str
    size: int | None
    open: Callable[[], AsyncGenerator[bytes]] = field(repr=False)
    can_repeat: Callable[[], bool] = field(default=lambda: True, repr=False)
    stall_timeout: float = 60.0


class Call(msgspec.Struct, Generic[T], frozen=True):
    """An endpoint with its arguments."""

    endpoint: Endpoint[T]
    params: Mapping[str, str] = {}
    query: tuple[tuple[str, str], ...] = ()
    body: msgspec.Raw | None = None
    file: FilePart | None = None
    posts: int = 0
    """Number of posts in a create; determines its time-out and its share of the posts in flight."""

    def can_repeat(self) -> bool:
        """Whether the call can be sent again: a source of bytes may be used up."""
        return self.file is None or self.file.can_repeat()


_AFTER = "a release after v2.23.0"


def _reads(
    name: str,
    path: str,
    reply: type[T],
    since: str,
    *,
    method: str = "GET",
    timeout: float = 30.0,
    max_body: int = MIB,
) -> Endpoint[T]:
    """An endpoint that changes nothing."""
    safe = Endpoint(name, method, path, reply, Replay.SAFE, "read", since)
    return replace(safe, timeout=timeout, max_body=max_body)


CREATE_POST: Endpoint[list[Created]] = Endpoint(
    "create_post", "POST", "/posts", list[Created], Replay.ONCE, None, "v1.11.1", quota=True
)
LIST_POSTS = _reads(
    "list_posts",
    "/posts",
    PostList,
    "v2.0.2",
    timeout=60.0,
    max_body=128 * MIB,  # 60 posts that are repeated daily for five years make 80
)
DELETE_POST: Endpoint[None] = Endpoint(
    "delete_post", "DELETE", "/posts/{id}", NoneType, Replay.IDEMPOTENT, "delete", "v1.26.1"
)
DELETE_POST_GROUP: Endpoint[None] = Endpoint(
    "delete_post_group",
    "DELETE",
    "/posts/group/{group}",
    NoneType,
    Replay.IDEMPOTENT,
    "delete",
    "v2.18.0",
)
LIST_MISSING: Endpoint[list[MissingRelease]] = _reads(
    "get_missing_content", "/posts/{id}/missing", list[MissingRelease], "v2.19.0"
)
SET_RELEASE_ID = Endpoint(
    "update_release_id",
    "PUT",
    "/posts/{id}/release-id",
    StoredRelease,
    Replay.ONCE,
    "update",
    "v2.19.0",
)
SET_STATUS = Endpoint(
    "change_post_status", "PUT", "/posts/{id}/status", ChangedState, Replay.ONCE, None, "v2.21.7"
)
UPDATE_SETTINGS = Endpoint(
    "update_post_settings",
    "PUT",
    "/posts/{id}/settings",
    UpdatedSettings,
    Replay.IDEMPOTENT,
    "update",
    _AFTER,
)
UPLOAD_FILE = Endpoint(
    "upload_file", "POST", "/upload", Media, Replay.IDEMPOTENT, "media", "v1.11.1", timeout=None
)
UPLOAD_FROM_URL = replace(
    UPLOAD_FILE, name="upload_from_url", path="/upload-from-url", since="v2.8.0", timeout=600.0
)
LIST_MEDIA = _reads("list_media", "/media", MediaPage, _AFTER)
GENERATE_VIDEO = Endpoint(
    "generate_video",
    "POST",
    "/generate-video",
    Media,
    Replay.ONCE,
    "media",
    "v1.64.0",
    timeout=2100.0,
)
VIDEO_FUNCTION = _reads(
    "video_function", "/video/function", object, "v1.64.0", method="POST", max_body=UNTYPED
)
LIST_CHANNELS: Endpoint[list[Channel]] = _reads(
    "list_channels", "/integrations", list[Channel], "v1.11.1", max_body=16 * MIB
)
LIST_GROUPS: Endpoint[list[Group]] = _reads(
    "list_groups", "/groups", list[Group], "v2.21.9", max_body=4 * MIB
)
IS_CONNECTED = _reads("is_connected", "/is-connected", Connected, "v1.62.0")
CHANNEL_SETTINGS = _reads(
    "get_channel_settings", "/integration-settings/{id}", SettingsOutput, "v2.18.0"
)
TRIGGER_TOOL = _reads(
    "trigger_tool",
    "/integration-trigger/{id}",
    ToolOutput,
    "v2.18.0",
    method="POST",
    timeout=60.0,
    max_body=UNTYPED,
)
NOT_CONNECTABLE = "Integration not allowed"
"""The server's message about a provider that it does not have."""

CONNECT_URL = Endpoint(
    "get_connect_url", "GET", "/social/{provider}", ConnectUrl, Replay.SAFE, "update", "v2.20.0"
)
DELETE_CHANNEL = Endpoint(
    "delete_channel",
    "DELETE",
    "/integrations/{id}",
    DeletedChannel,
    Replay.IDEMPOTENT,
    "delete",
    "v2.20.0",
)
FIND_SLOT = Endpoint(
    "find_slot", "GET", "/find-slot/{id}", FreeSlot, Replay.ONCE, "read", "v2.7.0", timeout=10.0
)
CHANNEL_ANALYTICS: Endpoint[list[Metric]] = _reads(
    "get_analytics", "/analytics/{id}", list[Metric], "v2.18.0", timeout=60.0, max_body=4 * MIB
)
POST_ANALYTICS: Endpoint[list[Metric] | Missing] = replace(
    cast("Endpoint[list[Metric] | Missing]", CHANNEL_ANALYTICS),
    name="get_post_analytics",
    path="/analytics/post/{id}",
    reply=cast("type[list[Metric] | Missing]", list[Metric] | Missing),
)
LIST_NOTIFICATIONS = _reads(
    "list_notifications", "/notifications", NotificationPage, "v2.18.0", max_body=8 * MIB
)
SEARCH_USERS: Endpoint[list[Membership]] = _reads(
    "search_users", "/users", list[Membership], _AFTER
)
OAUTH_TOKEN = Endpoint(
    "oauth_token", "POST", "/oauth/token", Token, Replay.ONCE, "update", "v2.20.0"
)

_CHANNEL_UNKNOWN = {
    (500, CRASH): "This server fails in this way when it has no channel with this id: "
    "`postiz-async channels` lists those it has."
}
_MEANINGS: Mapping[tuple[str, str], Mapping[tuple[int, str], str]] = {
    ("POST", "/posts"): {
        (500, CRASH): "This server fails in this way when `posts` is not a list, or a tag or the "
        "date is none; or its database failed."
    },
    ("PUT", "/posts/{id}/release-id"): {
        (500, CRASH): "This server fails in this way when there is no post with this id, and when "
        "the post has an id on its network already: only one that lacks it takes one."
    },
    ("POST", "/generate-video"): {
        (400, "type must be any of:"): "This server has no video generator: whoever runs it has to "
        "set up the keys of one."
    },
    ("POST", "/video/function"): {
        (500, CRASH): "This server fails in this way when it has no video generator of this name, "
        "or lacks the key of the service that the generator asks."
    },
    ("GET", "/integration-settings/{id}"): _CHANNEL_UNKNOWN,  # of a server before v2.21.9
    ("POST", "/integration-trigger/{id}"): {
        (500, "Unexpected error"): "The network refused what the tool asked, or did not answer. "
        "`postiz-async channels settings` shows what the tool takes; else try again later."
    },
    ("GET", "/social/{provider}"): {
        (500, "Failed to generate auth URL"): "Mostly this server lacks the keys of an application "
        "on this network: whoever runs it has to set them up."
    },
    ("DELETE", "/integrations/{id}"): _CHANNEL_UNKNOWN,
    ("GET", "/analytics/{id}"): _CHANNEL_UNKNOWN,
    ("GET", "/users"): {
        (403, "Unauthorized"): "Postiz tells its users only to the keys of organisations with a "
        "super-admin of the instance. Whoever runs it makes somebody one; the key is fine for "
        "everything else."
    },
    ("POST", "/oauth/token"): {
        (401, "invalid_client"): "The client id (pca_...) or the client secret (pcs_...) of the "
        "application is wrong, or its secret was made anew. An API key has no part in this.",
        (400, "invalid_grant"): "The code is unknown, was used before or is older than ten "
        "minutes. Send the user to authorize_url again.",
    },
}
"""Hints for refusals of an endpoint whose message is unclear, by status and full message."""

ENDPOINTS: tuple[Endpoint[object], ...] = tuple(
    cast("Endpoint[object]", value)
    for value in list(globals().values())
    if isinstance(value, Endpoint)
)
"""All endpoints, for tests and tables."""
