"""Every endpoint as data: method, path, quota cost, replay safety, reply, first release."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import NoneType
from typing import TYPE_CHECKING, Generic, TypeVar

from postiz_async.models.integrations import Connected, FreeSlot, Integration
from postiz_async.models.media import Media
from postiz_async.models.posts import Created, PostList
from postiz_async.retry import Replay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    import msgspec

__all__ = [
    "CREATE_POST",
    "DELETE_POST",
    "DELETE_POST_GROUP",
    "FIND_SLOT",
    "IS_CONNECTED",
    "LIST_INTEGRATIONS",
    "LIST_POSTS",
    "UPLOAD_FILE",
    "Call",
    "Endpoint",
    "FilePart",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[T]):
    """One route of the API.

    `reply` is the type of a success body, `NoneType` where the body says nothing. `timeout` is in
    seconds; None means that a moving transfer may take as long as it needs.
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


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file to be sent as multipart. `open` yields its bytes anew for each attempt."""

    filename: str
    content_type: str
    size: int
    open: Callable[[], AsyncIterator[bytes]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """An endpoint with its arguments."""

    endpoint: Endpoint[T]
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    query: tuple[tuple[str, str], ...] = ()
    body: msgspec.Raw | None = None
    file: FilePart | None = None
    posts: int = 0
    """How many posts a create carries; sets its time-out and its share of the flight."""


CREATE_POST: Endpoint[list[Created]] = Endpoint(
    "create_post", "POST", "/posts", list[Created], Replay.ONCE, "v1.11.1", quota=True
)
LIST_POSTS = Endpoint("list_posts", "GET", "/posts", PostList, Replay.SAFE, "v2.0.2", timeout=60.0)
DELETE_POST: Endpoint[None] = Endpoint(
    "delete_post", "DELETE", "/posts/{id}", NoneType, Replay.IDEMPOTENT, "v1.26.1"
)
DELETE_POST_GROUP: Endpoint[None] = Endpoint(
    "delete_post_group", "DELETE", "/posts/group/{group}", NoneType, Replay.IDEMPOTENT, "v2.18.0"
)
UPLOAD_FILE = Endpoint(
    "upload_file", "POST", "/upload", Media, Replay.IDEMPOTENT, "v1.11.1", timeout=None
)
LIST_INTEGRATIONS: Endpoint[list[Integration]] = Endpoint(
    "list_integrations", "GET", "/integrations", list[Integration], Replay.SAFE, "v1.11.1"
)
IS_CONNECTED = Endpoint("is_connected", "GET", "/is-connected", Connected, Replay.SAFE, "v1.62.0")
FIND_SLOT = Endpoint(
    "find_slot", "GET", "/find-slot/{id}", FreeSlot, Replay.ONCE, "v2.7.0", timeout=10.0
)
