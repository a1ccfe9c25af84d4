"""Every endpoint as data: method, path, quota cost, replay safety, reply, first release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import NoneType
from typing import TYPE_CHECKING, Generic, TypeVar, cast

import msgspec

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
from postiz_async.models.media import Media
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

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable


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


_CHANNEL_UNKNOWN = {
    (500, CRASH): (
        "This server fails in this way when it has no channel with this id: "
        "`postiz-async channels` lists those it has."
    )
}


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
    since: str
    quota: bool = False
    """Whether a call costs one of the hourly create requests."""
    timeout: float | None = 30.0
    max_body: int = MIB
    """Largest size in bytes of an answer, unpacked; a longer one is not an answer of this route."""
    meanings: Mapping[tuple[int, str], str] = field(default_factory=dict[tuple[int, str], str])
    """Hints for refusals whose message is unclear, by status and full message."""


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


CREATE_POST: Endpoint[list[Created]] = Endpoint(
    "create_post",
    "POST",
    "/posts",
    list[Created],
    Replay.ONCE,
    "v1.11.1",
    quota=True,
    meanings={
        (500, CRASH): (
            "This server fails in this way when `posts` is not a list, or a tag or the date is "
            "none; or its database failed."
        )
    },
)
LIST_POSTS = Endpoint(
    "list_posts",
    "GET",
    "/posts",
    PostList,
    Replay.SAFE,
    "v2.0.2",
    timeout=60.0,
    max_body=128 * MIB,  # 60 posts that are repeated daily for five years make 80
)
DELETE_POST: Endpoint[None] = Endpoint(
    "delete_post", "DELETE", "/posts/{id}", NoneType, Replay.IDEMPOTENT, "v1.26.1"
)
DELETE_POST_GROUP: Endpoint[None] = Endpoint(
    "delete_post_group", "DELETE", "/posts/group/{group}", NoneType, Replay.IDEMPOTENT, "v2.18.0"
)
LIST_MISSING: Endpoint[list[MissingRelease]] = Endpoint(
    "get_missing_content",
    "GET",
    "/posts/{id}/missing",
    list[MissingRelease],
    Replay.SAFE,
    "v2.19.0",
)
SET_RELEASE_ID = Endpoint(
    "update_release_id",
    "PUT",
    "/posts/{id}/release-id",
    StoredRelease,
    Replay.ONCE,
    "v2.19.0",
    meanings={
        (500, CRASH): (
            "This server fails in this way when there is no post with this id, and when the post "
            "has an id on its network already: only one that lacks it takes one."
        )
    },
)
SET_STATUS = Endpoint(
    "change_post_status", "PUT", "/posts/{id}/status", ChangedState, Replay.ONCE, "v2.21.7"
)
UPDATE_SETTINGS = Endpoint(
    "update_post_settings",
    "PUT",
    "/posts/{id}/settings",
    UpdatedSettings,
    Replay.IDEMPOTENT,
    "a release after v2.23.0",
)
UPLOAD_FILE = Endpoint(
    "upload_file", "POST", "/upload", Media, Replay.IDEMPOTENT, "v1.11.1", timeout=None
)
UPLOAD_FROM_URL = Endpoint(
    "upload_from_url", "POST", "/upload-from-url", Media, Replay.IDEMPOTENT, "v2.8.0", timeout=600.0
)
GENERATE_VIDEO = Endpoint(
    "generate_video",
    "POST",
    "/generate-video",
    Media,
    Replay.ONCE,
    "v1.64.0",
    timeout=2100.0,
    meanings={
        (400, "type must be any of:"): (
            "This server has no video generator: whoever runs it has to set up the keys of one."
        )
    },
)
VIDEO_FUNCTION = Endpoint(
    "video_function",
    "POST",
    "/video/function",
    object,
    Replay.SAFE,
    "v1.64.0",
    max_body=UNTYPED,
    meanings={
        (500, CRASH): (
            "This server fails in this way when it has no video generator of this name, or lacks "
            "the key of the service that the generator asks."
        )
    },
)
LIST_CHANNELS: Endpoint[list[Channel]] = Endpoint(
    "list_channels",
    "GET",
    "/integrations",
    list[Channel],
    Replay.SAFE,
    "v1.11.1",
    max_body=16 * MIB,
)
LIST_GROUPS: Endpoint[list[Group]] = Endpoint(
    "list_groups", "GET", "/groups", list[Group], Replay.SAFE, "v2.21.9", max_body=4 * MIB
)
IS_CONNECTED = Endpoint("is_connected", "GET", "/is-connected", Connected, Replay.SAFE, "v1.62.0")
CHANNEL_SETTINGS = Endpoint(
    "get_channel_settings",
    "GET",
    "/integration-settings/{id}",
    SettingsOutput,
    Replay.SAFE,
    "v2.18.0",
    meanings=_CHANNEL_UNKNOWN,  # a server before v2.21.9
)
TRIGGER_TOOL = Endpoint(
    "trigger_tool",
    "POST",
    "/integration-trigger/{id}",
    ToolOutput,
    Replay.SAFE,
    "v2.18.0",
    timeout=60.0,
    max_body=UNTYPED,
    meanings={
        (500, "Unexpected error"): (
            "The network refused what the tool asked, or did not answer. `postiz-async "
            "channels settings` shows what the tool takes; else try again later."
        ),
    },
)
NOT_CONNECTABLE = "Integration not allowed"
"""The server's message about a provider that it does not have."""

CONNECT_URL = Endpoint(
    "get_connect_url",
    "GET",
    "/social/{provider}",
    ConnectUrl,
    Replay.SAFE,
    "v2.20.0",
    meanings={
        (500, "Failed to generate auth URL"): (
            "Mostly this server lacks the keys of an application on this network: whoever runs it "
            "has to set them up."
        )
    },
)
DELETE_CHANNEL = Endpoint(
    "delete_channel",
    "DELETE",
    "/integrations/{id}",
    DeletedChannel,
    Replay.IDEMPOTENT,
    "v2.20.0",
    meanings=_CHANNEL_UNKNOWN,
)
FIND_SLOT = Endpoint(
    "find_slot", "GET", "/find-slot/{id}", FreeSlot, Replay.ONCE, "v2.7.0", timeout=10.0
)
CHANNEL_ANALYTICS: Endpoint[list[Metric]] = Endpoint(
    "get_analytics",
    "GET",
    "/analytics/{id}",
    list[Metric],
    Replay.SAFE,
    "v2.18.0",
    timeout=60.0,
    max_body=4 * MIB,
    meanings=_CHANNEL_UNKNOWN,
)
POST_ANALYTICS: Endpoint[list[Metric] | Missing] = Endpoint(
    "get_post_analytics",
    "GET",
    "/analytics/post/{id}",
    cast("type[list[Metric] | Missing]", list[Metric] | Missing),
    Replay.SAFE,
    "v2.18.0",
    timeout=60.0,
    max_body=4 * MIB,
)
LIST_NOTIFICATIONS = Endpoint(
    "list_notifications",
    "GET",
    "/notifications",
    NotificationPage,
    Replay.SAFE,
    "v2.18.0",
    max_body=8 * MIB,
)
SEARCH_USERS: Endpoint[list[Membership]] = Endpoint(
    "search_users",
    "GET",
    "/users",
    list[Membership],
    Replay.SAFE,
    "a release after v2.23.0",
    meanings={
        (403, "Unauthorized"): (
            "Postiz tells its users only to the keys of organisations with a super-admin of the "
            "instance. Whoever runs it makes somebody one; the key is fine for everything else."
        )
    },
)
OAUTH_TOKEN = Endpoint(
    "oauth_token",
    "POST",
    "/oauth/token",
    Token,
    Replay.ONCE,
    "v2.20.0",
    meanings={
        (401, "invalid_client"): (
            "The client id (pca_...) or the client secret (pcs_...) of the application is wrong, "
            "or its secret was made anew. An API key has no part in this."
        ),
        (400, "invalid_grant"): (
            "The code is unknown, was used before or is older than ten minutes. Send the user to "
            "authorize_url again."
        ),
    },
)

ENDPOINTS: tuple[Endpoint[object], ...] = tuple(
    cast("Endpoint[object]", value)
    for value in list(globals().values())
    if isinstance(value, Endpoint)
)
"""All endpoints, for tests and tables."""
