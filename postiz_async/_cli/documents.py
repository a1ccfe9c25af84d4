"""What commands print with `--json`: the objects that are ours, and errors. PURE.

A program that reads version 1 goes on working while keys are only added; `version` grows when one
is renamed, removed or means something else. What Postiz itself calls a post, a channel, a medium or
a message is printed as the API has it, without a version of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal, NotRequired, TypeAlias, TypedDict

import msgspec

from postiz_async._quota.view import Quota
from postiz_async.errors import (
    APIConnectionError,
    APIStatusError,
    DeliveryUnknownError,
    IdempotencyError,
    InvalidPostError,
    Problem,
    PublishError,
    QuotaError,
)
from postiz_async.models.posts import Post
from postiz_async.providers._schema import Limit

VERSION: Final = 1

Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class Document(TypedDict):
    """What a command prints. `version` is that of its form."""

    version: Literal[1]


class ProblemObject(TypedDict):
    """Something that is wrong with the input, or may be regretted. `column` may be a path."""

    row: int | None
    column: str
    message: str
    hint: str


class ErrorObject(TypedDict):
    """Why a command failed.

    `type` is a class of `postiz_async.errors`, `UsageError`, `Interrupted`, `OutputError` or
    `MissingExtra`.
    """

    type: str
    message: str
    exit_code: int
    problems: NotRequired[list[ProblemObject]]
    """Of an `InvalidPostError`."""
    retry_after: NotRequired[float]
    """Seconds after which the same command may succeed."""
    status_code: NotRequired[int]
    """The HTTP status, where the server refused something."""
    provider: NotRequired[str]
    channel: NotRequired[str]
    """The name of the channel that the server complained about."""
    delivery: NotRequired[str]
    """Without an answer: `not sent`, or `unknown` when it may have been carried out."""
    date: NotRequired[Moment]
    """With `channels`: by what posts can be found whose answer was lost."""
    channels: NotRequired[list[str]]
    differs: NotRequired[list[str]]
    """Of an `IdempotencyError`: the paths of what is not the same."""
    post_id: NotRequired[str]


class ErrorDocument(Document):
    """The last line of standard error when a command with `--json` fails."""

    error: ErrorObject


def error_object(error: Exception, exit_code: int) -> ErrorObject:
    """An error for programs."""
    said: ErrorObject = {
        "type": type(error).__name__,
        "message": str(error),
        "exit_code": exit_code,
    }
    match error:
        case InvalidPostError():
            said["problems"] = problem_objects(error.problems)
        case QuotaError():
            said["retry_after"] = error.retry_after
        case APIConnectionError():
            said["delivery"] = error.delivery.value
        case DeliveryUnknownError():
            said["date"], said["channels"] = error.marks.date, list(error.marks.channels)
            if error.retry_after is not None:
                said["retry_after"] = error.retry_after
        case IdempotencyError():
            said["differs"] = list(error.differs)
        case APIStatusError():
            _say_refusal(said, error)
        case PublishError():
            said["post_id"] = error.post_id
        case _:
            pass
    return said


def _say_refusal(said: ErrorObject, error: APIStatusError) -> None:
    said["status_code"] = error.status_code
    if error.provider is not None:
        said["provider"] = error.provider
    if error.channel_name is not None:
        said["channel"] = error.channel_name


def problem_objects(problems: Iterable[Problem]) -> list[ProblemObject]:
    """Problems for programs."""
    return [
        {"row": p.row, "column": p.where, "message": p.message, "hint": p.hint} for p in problems
    ]


# ------------------------------------------------------------------ single calls


class ConnectedDocument(Document):
    """Whether the server accepts the key."""

    connected: bool


class SlotDocument(Document):
    """The next free posting time of a channel."""

    channel: str
    date: Moment


class PublishLine(Document):
    """What became of a post, in one line as it happens."""

    post: Post
    published: bool
    link: str
    reason: str


class StateDocument(Document):
    """The state that a post has now."""

    id: str
    state: str


class DeletedDocument(Document):
    """Posts that were deleted, and ids of which there is no post, now or ever."""

    deleted: list[str]
    gone: list[str]


class UploadFailure(TypedDict):
    """Stands for a medium in the list of uploads when it failed."""

    source: str
    error: ErrorObject


class QuotaDocument(Document):
    """The quota as it was last seen, and where the key came from."""

    quota: Quota
    seen_at: Moment | None
    key_from: str
    explanation: NotRequired[list[str]]


class ProfileObject(TypedDict):
    """A profile. `key_from` is `key` or `key_command`; empty where it says neither."""

    name: str
    url: str
    zone: str | None
    key_from: str
    in_use: bool


class ProfilesDocument(Document):
    """The profiles of a file, and whether POSTIZ_PROFILE names them; `faulty` says why by name."""

    path: str
    profiles: list[ProfileObject]
    faulty: Mapping[str, str]


class OutboxObject(TypedDict):
    """How an outbox stands. `tickets` counts them by state, `troubles` is by organisation."""

    tickets: Mapping[str, int]
    organizations: int
    in_turn: int
    waiting: int
    oldest: Moment | None
    troubles: Mapping[str, str]


class OutboxDocument(Document):
    """How an outbox in PostgreSQL stands."""

    outbox: OutboxObject


class SettingObject(TypedDict):
    """A setting of a network; `needed` is `yes`, `no`, or when."""

    name: str
    kind: str
    needed: str
    limits: str
    meaning: str


class ProviderObject(TypedDict):
    """What a network takes."""

    identifier: str
    name: str
    limits: Sequence[Limit]
    counts: str
    editor: str
    parts: str
    partMedia: str
    settings: list[SettingObject]
    leastSettings: Mapping[str, object]
    media: Sequence[str]
    notes: Sequence[str]
    tools: Sequence[str]
    since: str
