"""The state of the server: organisations, settings, OAuth, and delayed jobs.

Delayed jobs wait in a heap, and the next reader of the state runs those that are due. So a
request of a hundred posts waits once instead of a hundred times, and still stores its posts one
after another.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Literal

import msgspec

from postiz_async._content.preview import plain_text
from postiz_async._media_types import media_type, pixels_of
from postiz_async._sandbox.faults import Fault
from postiz_async._sandbox.messages import HttpRequest, UploadedFile
from postiz_async._sandbox.rows import (
    ChannelRow,
    GroupRow,
    IdSource,
    MediaRow,
    MemberRow,
    NotificationRow,
    PostRow,
    Release,
    TagRow,
)
from postiz_async._validation import MediaFacts
from postiz_async.clock import Clock


class PostTable:
    """A table of posts, with an index of their groups."""

    def __init__(self) -> None:
        self._rows: dict[str, PostRow] = {}
        self._groups: dict[str, dict[str, None]] = {}

    def __iter__(self) -> Iterator[PostRow]:
        return iter(self._rows.values())

    def get(self, post_id: str) -> PostRow | None:
        """The row with this id, even if it is deleted."""
        return self._rows.get(post_id)

    def put(self, post: PostRow) -> None:
        """Insert or replace a row."""
        former = self._rows.get(post.id)
        if former is not None:
            del self._groups[former.group][post.id]
        self._rows[post.id] = post
        self._groups.setdefault(post.group, {})[post.id] = None

    def live_in_group(self, group: str) -> list[PostRow]:
        """Posts and comments with this group that are not deleted, by id."""
        rows = (self._rows[post_id] for post_id in sorted(self._groups.get(group, ())))
        return [post for post in rows if post.deleted_at is None]

    def live_roots(self) -> list[PostRow]:
        """All posts that are not deleted, without their comments, by id."""
        roots = (post for post in self if post.deleted_at is None and post.parent_id is None)
        return sorted(roots, key=lambda post: post.id)

    def comments_of(self, post: PostRow) -> list[PostRow]:
        """The comments of a post that are not deleted, in order."""
        return [row for row in self.live_in_group(post.group) if row.parent_id == post.id]


@dataclass(slots=True)
class Organization:
    """One organisation with its key and its rows.

    The limits of its plan can be set at any time.

    Attributes:
        id: Its id.
        name: Its name.
        api_key: Its key.
        posts_per_month: Posts that the plan allows; None without billing.
        subscribed: False if billing is on and nobody pays: the key is then refused.
        channels_allowed: Channels that the plan allows; None without billing.
        video_credits: Videos that can still be made; None without billing.
        session: The value of the `auth` header of a signed-in user.
    """

    id: str
    name: str
    api_key: str
    posts_per_month: int | None = None
    subscribed: bool = True
    channels_allowed: int | None = None
    video_credits: int | None = None
    session: str = ""
    posts: PostTable = field(default_factory=PostTable)
    channels: dict[str, ChannelRow] = field(default_factory=dict[str, ChannelRow])
    groups: dict[str, GroupRow] = field(default_factory=dict[str, GroupRow])
    tags: dict[str, TagRow] = field(default_factory=dict[str, TagRow])
    media: dict[str, MediaRow] = field(default_factory=dict[str, MediaRow])
    webhooks: list[Webhook] = field(default_factory=list["Webhook"])
    notifications: list[NotificationRow] = field(default_factory=list[NotificationRow])
    members: list[MemberRow] = field(default_factory=list[MemberRow])

    def live_channels(self) -> list[ChannelRow]:
        """Channels that are not deleted. For other parts of this package."""
        return [each for each in self.channels.values() if each.deleted_at is None]

    def live_channel(self, channel_id: str) -> ChannelRow | None:
        """A channel that is not deleted. For other parts of this package.

        Args:
            channel_id: Its id.
        """
        found = self.channels.get(channel_id)
        return found if found is not None and found.deleted_at is None else None


class DelayedJobs:
    """Jobs by the time at which they are due."""

    def __init__(self) -> None:
        self._jobs: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()

    def add(self, when: float, job: Callable[[], object]) -> None:
        """Add a job to run at a time."""
        heapq.heappush(self._jobs, (when, next(self._numbers), job))

    def run_due(self, now: float) -> None:
        """Run the jobs that are due, in the order of their times."""
        while self._jobs and self._jobs[0][0] <= now:
            _, _, job = heapq.heappop(self._jobs)
            job()

    @property
    def next_time(self) -> float:
        """The time at which the next job is due; infinity if there is none."""
        return self._jobs[0][0] if self._jobs else math.inf


class OAuthApp(msgspec.Struct, frozen=True, kw_only=True):
    """An application that asks users for access; a public client if it has no secret."""

    client_id: str
    client_secret: str | None
    name: str
    redirect_urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """A code that an app may exchange for a token, once."""

    app: OAuthApp
    organization: Organization
    expires: int
    challenge: str | None
    redirect_url: str


@dataclass(slots=True)
class OAuthState:
    """Apps, unused codes, and valid tokens."""

    apps: dict[str, OAuthApp] = field(default_factory=dict[str, OAuthApp])
    codes: dict[str, AuthorizationCode] = field(default_factory=dict[str, AuthorizationCode])
    tokens: dict[str, tuple[str, Organization]] = field(
        default_factory=dict[str, tuple[str, Organization]]
    )

    def organization_of(self, token: str) -> Organization | None:
        """The organisation to which a token gives access, or None."""
        known = self.tokens.get(token)
        return None if known is None else known[1]

    def revoke(self, client_id: str, organization: Organization) -> None:
        """Revoke the token that an app has for an organisation."""
        self.tokens = {
            token: (owner, whose)
            for token, (owner, whose) in self.tokens.items()
            if owner != client_id or whose is not organization
        }


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address to call for published posts of some channels; if none are given, of all."""

    url: str
    channel_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """One call of a webhook."""

    url: str
    body: bytes


class PublishingJobs(DelayedJobs):
    """Posts that wait for their date, in milliseconds, and deliveries that wait to be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.deliveries: list[WebhookDelivery] = []
        self.changed = asyncio.Event()

    def add(self, when: float, job: Callable[[], object]) -> None:
        super().add(when, job)
        self.changed.set()


@dataclass(frozen=True, slots=True)
class TextRule:
    """A rule that refuses posts by their text.

    Attributes:
        words: The words, in upper or lower case; empty: any text.
        because: The reason that is given.
        is_once: Whether it applies to one post only.
    """

    words: str
    because: str
    is_once: bool = False

    def meets(self, content: str) -> bool:
        """Whether the text of a post, without markup, contains the words."""
        return self.words.casefold() in plain_text(content).casefold()


def why_refused(rules: list[TextRule], contents: Iterable[str]) -> str | None:
    """The reason of the first rule that refuses these parts, or None; a one-time rule is used up.

    Social networks do not publish such rules, so a test states them.
    """
    parts = tuple(contents)
    for rule in rules:
        if any(map(rule.meets, parts)):
            if rule.is_once:
                rules.remove(rule)
            return rule.because
    return None


@dataclass(slots=True)
class SandboxState:
    """The operator's settings, the organisations, and the state that they share."""

    clock: Clock
    ids: IdSource
    release: Release
    base: Literal["backend", "container"]
    """The server that clients see: the backend itself, or the official container."""
    limit: float
    window: float
    host: str
    """The start of the paths of uploaded files."""
    work_per_post: float
    """Seconds that storing one post takes."""
    video_types: tuple[str, ...]
    """Generators of videos that are switched on."""
    organizations: list[Organization] = field(default_factory=list[Organization])
    delayed_jobs: DelayedJobs = field(default_factory=DelayedJobs)
    jobs: PublishingJobs = field(default_factory=PublishingJobs)
    oauth: OAuthState = field(default_factory=OAuthState)
    refused_texts: list[TextRule] = field(default_factory=list[TextRule])
    """Rules by which the server refuses to create posts."""
    failing_texts: list[TextRule] = field(default_factory=list[TextRule])
    """Rules by which networks refuse to publish posts."""
    remote_files: dict[str, UploadedFile] = field(default_factory=dict[str, UploadedFile])
    """Files that can be fetched, by URL."""
    pictures: dict[str, MediaFacts] = field(default_factory=dict[str, MediaFacts])
    """What is known of files that can be fetched, by path."""

    def measure(self, path: str, head: bytes) -> None:
        """Store the path of a file, and the size of the picture if its beginning states it."""
        width, height = pixels_of(media_type(head), BytesIO(head))
        self.pictures[path] = MediaFacts(width=width, height=height)

    @property
    def now(self) -> int:
        """The time in milliseconds since the epoch."""
        return int(self.clock.time() * 1000)

    def new_row_id(self) -> str:
        """An id that sorts after all earlier ones."""
        return self.ids.row(self.clock.time())


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A request outside the API with its route; it has access to the whole server."""

    state: SandboxState
    request: HttpRequest
    body: object


@dataclass(frozen=True, slots=True)
class ReceivedCall(OpenCall):
    """A request with its route and its organisation."""

    organization: Organization
    params: Mapping[str, str]
    fault: Fault | None = None
    """The fault that happens while the request is handled."""

    @property
    def release(self) -> Release:
        """The release of the server."""
        return self.state.release
