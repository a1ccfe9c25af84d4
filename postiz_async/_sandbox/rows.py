"""The rows that the sandbox stores, their identifiers, and the releases of the server.

All are immutable: a change makes a new row. The same seed makes the same identifiers.
"""

from __future__ import annotations

import itertools
import random
import string
import uuid
from enum import IntEnum

import msgspec


class GroupRow(msgspec.Struct, frozen=True):
    """A group of channels."""

    id: str
    name: str


class MemberRow(msgspec.Struct, frozen=True, kw_only=True):
    """A user in an organisation, who may be a super-admin of the whole instance."""

    id: str
    user_id: str
    email: str
    name: str | None = None
    role: str = "USER"
    is_super_admin: bool = False


class TagRow(msgspec.Struct, frozen=True):
    """A label that posts may carry; only existing ones can be attached."""

    id: str
    name: str
    color: str
    created_at: int


class ChannelRow(msgspec.Struct, frozen=True, kw_only=True):
    """A channel; times in milliseconds since the epoch, posting times in minutes after midnight."""

    id: str
    provider: str
    name: str
    picture: str | None
    profile: str | None
    internal_id: str
    created_at: int
    updated_at: int
    disabled: bool = False
    group: GroupRow | None = None
    posting_times: tuple[int, ...] = (120, 400, 700)
    refresh_needed: bool = False
    additional_settings: str = "[]"
    deleted_at: int | None = None
    failure: str | None = None
    """The reason why publishing on this channel fails, or None."""


def is_in_group(channel: ChannelRow, group: object) -> bool:
    """Whether a channel belongs to the group with this id; True without an id."""
    return not group or (channel.group is not None and channel.group.id == group)


class PostRow(msgspec.Struct, frozen=True, kw_only=True):
    """A post or, with `parent_id`, one of its comments; times in milliseconds since the epoch."""

    id: str
    channel_id: str
    created_at: int
    content: str = ""
    image: str = "[]"
    """The media as JSON text."""
    settings: str = ""
    """The provider's settings as JSON text."""
    date: int = 0
    state: str = "QUEUE"
    group: str = ""
    updated_at: int = 0
    parent_id: str | None = None
    delay: int = 0
    interval: int | None = None
    tags: tuple[str, ...] = ()
    """The ids of its tags."""
    creation_method: str = "API"
    release_id: str | None = None
    release_url: str | None = None
    error: str | None = None
    deleted_at: int | None = None
    has_job: bool = False
    """Whether a job waits to publish it."""


class MediaRow(msgspec.Struct, frozen=True):
    """An uploaded file."""

    id: str
    name: str
    path: str
    size: int
    sha256: str
    created_at: int = 0
    original_name: str | None = None
    """The name of a file that was uploaded in the web page; uploads by the API have none."""


class NotificationRow(msgspec.Struct, frozen=True):
    """A notification."""

    id: str
    content: str
    link: str | None
    created_at: int


_DIGITS = string.digits + string.ascii_lowercase
_LETTERS = string.ascii_letters + string.digits


class IdSource:
    """Makes ids.

    Ids of rows are 25 characters that sort by the time at which they were made: a `c`, eight digits
    of time, four of a counter, twelve random ones, all to the base 36.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._numbers = itertools.count()
        self._latest = 0

    def row(self, now: float) -> str:
        """A new id of a post or channel made at `now`, in seconds since the epoch."""
        # a clock set back must not break the order, which clients rely on within a request
        self._latest = max(self._latest, int(now * 1000))
        time, count = _base36(self._latest, 8), _base36(next(self._numbers), 4)
        return f"c{time}{count}{''.join(self._rng.choices(_DIGITS, k=12))}"

    def uuid(self) -> str:
        """A new id of a group, an uploaded file, or an organisation."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def file_name(self) -> str:
        """A new name of a stored file, without its extension."""
        return f"{self._rng.getrandbits(132):033x}"

    def letters(self, count: int) -> str:
        """Random letters of both cases and digits, for secrets and states."""
        return "".join(self._rng.choices(_LETTERS, k=count))


def _base36(number: int, width: int) -> str:
    places = (number // 36**place % 36 for place in reversed(range(width)))
    return "".join(_DIGITS[digit] for digit in places)


class Release(IntEnum):
    """A release of the server, as far as they differ."""

    OLDEST = 1
    """The oldest that the client supports."""
    NEWEST = 2
    """The newest one."""
    HEAD = 3
    """The main branch as it was recorded."""
    NEXT = 4
    """With what was merged since, or is proposed."""

    @classmethod
    def parse(cls, name: str) -> Release:
        """Read the name of a release."""
        if name not in RELEASES:
            raise ValueError(f"a release is one of {', '.join(RELEASES)}, not {name!r}")
        return RELEASES[name]


RELEASES = {
    "v2.20.0": Release.OLDEST,
    "v2.23.0": Release.NEWEST,
    "HEAD": Release.HEAD,
    "next": Release.NEXT,
}
