"""The error tree. Imports nothing of the package; carries numbers and strings only.

PostizError                       `.retry_after` in seconds, None if another try fails as well
├── ConfigurationError            your settings: key, base URL, proxy
│   ├── UsageError                your program: a closed client, an invalid argument
│   └── ScopeError                what the client is not allowed to do; `.scope`
├── InvalidInputError             what you gave; nothing was sent; `.problems` (also a ValueError)
│   └── InvalidPostError          posts, or what was given with them
│       └── ChannelNotFoundError  no channel, or several, have this name; `.word`, `.close`
├── PostNotFoundError             the post that was looked for is not there
├── UploadError                   a file, stream or URL failed on its way; nothing was stored
├── CampaignError                 your campaign or journal; nothing was sent or changed
│   └── CampaignConflictError     rows are gone, or in Postiz already: say what is meant
├── OAuthError                    the user refused, or the callback cannot be trusted
├── APIConnectionError            no answer; `.delivery` says what is known
│   └── APITimeoutError           (also a TimeoutError)
├── DeliveryUnknownError          a create whose answer was lost; `.marks`
├── IdempotencyError              a key that was used for something else; `.differs`
├── APIStatusError                the server said no; `.status_code`, `.response`
│   ├── BadRequestError           400, 406, 415, 422
│   ├── AuthenticationError       401 with a text
│   ├── ChannelTokenError         401 for a channel that has to be connected again
│   ├── PlanLimitError            402
│   ├── PermissionDeniedError     403
│   ├── NotFoundError             404
│   ├── PayloadTooLargeError      413
│   ├── RateLimitError            429 of a call that costs no quota (also a QuotaError)
│   └── ServerError               5xx, and the empty 401 of a failing key look-up
├── PublishError                  the network refused a post that Postiz had stored; `.reason`
├── APIResponseValidationError    a success that is not what the API promises
├── CursorError                   no events can be read from this cursor on
├── StoreError                    a shared quota or an outbox that cannot be read or written
└── QuotaError                    there is no slot now
    ├── QuotaWaitError            the wait was longer than allowed; nothing was sent
    └── HaltedError               somebody halted all creates; `.by`, `.at`; nothing was sent
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from functools import wraps
from itertools import count as count_from, groupby
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeAlias, cast, get_type_hints

import msgspec


class Delivery(Enum):
    """Whether a request without a usable answer may have reached the server."""

    NOT_SENT = "not sent"
    """No byte reached the server: safe to send again."""
    UNKNOWN = "unknown"
    """The request may have been carried out, or may still be."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the input.

    `where` is a path such as `posts.0.value.0.content`, or a column name in a campaign.
    `row` is the row number in a campaign file, as a spreadsheet counts; None otherwise.
    `severity`: an error is refused; a warning is accepted, but probably a mistake.
    `stage` says which check of the server refuses it: the size of the request, its channels, its
    body, one post after the other; `failure` makes the server fail. Empty: it is our own advice.
    """

    where: str
    message: str
    row: int | None = None
    hint: str = ""
    severity: Literal["error", "warning"] = "error"
    stage: Literal["", "size", "channel", "body", "post", "failure"] = ""

    def __str__(self) -> str:
        where = self.where
        if self.row is not None:
            where = f"row {self.row}" if where == "row" else f"row {self.row}, {where}"
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}: {self.message}{hint}"


@dataclass(frozen=True, slots=True)
class Marks:
    """Date, channels and texts by which to find the posts of a create whose answer was lost.

    `date` is the exact instant that was sent, `channels` the channel ids in request order and
    `contents` their texts as they were sent; empty where they are not known. `kind` is the type
    of the request: the server dates a post of type `now` itself, and `date` is then the moment at
    which it was sent. With `short_link` the links of the texts may have been replaced.
    """

    date: datetime
    channels: tuple[str, ...]
    contents: tuple[str, ...] = ()
    kind: str = "schedule"
    short_link: bool = False


@dataclass(frozen=True, slots=True)
class APIResponse:
    """The HTTP response to which a status error belongs. The key was removed from it.

    `headers` are named in lower case, and empty if the error is repeated from an earlier call.
    `body` has at most 4,096 bytes.
    """

    status_code: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    def __post_init__(self) -> None:
        object.__setattr__(self, "body", self.body[:4096])


_PAUSE = 60.0
"""Seconds after which to try again while Postiz or a store cannot be reached."""

_LONGEST_TEXT = 2_000
"""Characters of the server's text that a message quotes; `.text` has all of them."""


_P = ParamSpec("_P")


def _or_from_args(init: Callable[_P, None]) -> Callable[_P, None]:
    """A constructor that also takes back `PostizError.args`, as pickle and Celery call it."""

    @wraps(init)
    def either(*args: _P.args, **options: _P.kwargs) -> None:
        error, *given = cast("tuple[Any, ...]", args)
        if [*map(type, given)] != [str, dict]:
            init(*args, **options)
            return
        message, fields = given
        hints = get_type_hints(error.__class__)
        for name, value in fields.items():
            setattr(error, name, msgspec.convert(value, hints.get(name, Any)))
        PostizError.__init__(error, message)

    return either


class PostizError(Exception):
    """Base of everything that this library raises on purpose.

    An error is made again from its `args`, which are its message and its fields as values of JSON.
    So it can be pickled, and arrives whole where only `args` are kept, as by Celery.

    After a create, `may_be_stored` says that the error proves nothing: something in front of
    Postiz answered, or nothing did. Look for the posts before you send them again.
    """

    may_be_stored: bool = False
    _retry_after: float | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__init__" in vars(cls):
            cls.__init__ = _or_from_args(cls.__init__)  # type: ignore[method-assign]

    @_or_from_args
    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        if retry_after is not None:
            self._retry_after = retry_after
        super().__init__(message)

    @property
    def retry_after(self) -> float | None:
        """Seconds after which the same call may succeed; None if another try fails as well."""
        return self._retry_after

    if not TYPE_CHECKING:  # to a type checker, they are those of any exception

        @property
        def args(self) -> tuple[str, dict[str, Any]]:
            """The message, and the fields as values of JSON."""
            return str(self), msgspec.to_builtins(vars(self), enc_hook=repr)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self.args, vars(self)


class ConfigurationError(PostizError):
    """The key, the base URL or a setting is wrong. Nothing was changed on the server."""


class UsageError(ConfigurationError):
    """The program is wrong: a client that is not open, no outbox, an invalid argument.

    Only the author of the program can fix it: a web application answers 500, never 503.
    """


Scope: TypeAlias = Literal["read", "draft", "schedule", "publish", "update", "delete", "media"]
"""What a client can be allowed to do, see `Postiz(allow=)`."""


class ScopeError(ConfigurationError):
    """The client is not allowed to do this. Nothing was sent, nothing was stored for later.

    `scope` is the one that is missing, `allowed` are those that it has, `source` is the setting
    that restricts it.
    """

    allowed: tuple[Scope, ...]

    def __init__(self, scope: Scope, *, allowed: tuple[Scope, ...], source: str) -> None:
        self.scope = scope
        self.allowed = allowed
        self.source = source
        super().__init__(
            f"This needs the scope {scope!r}, but {source} allows only {', '.join(allowed)}; "
            f"nothing was sent. Whoever may decide it adds {scope!r} there."
        )


class InvalidInputError(PostizError, ValueError):
    """A value, file or argument is not valid; `problems` has the reasons. Nothing was sent."""

    problems: list[Problem]

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}, nothing was sent"
        super().__init__("\n".join([count, *(f"  {problem}" for problem in problems)]))


class InvalidPostError(InvalidInputError):
    """Postiz would refuse a post. Every call that sends posts raises it for all it was given."""


class ChannelNotFoundError(InvalidPostError):
    """No channel, or more than one, has this id, name or provider.

    `word` is what was given, the first if there were several. `close` are the names that are
    spelt almost like it, the closest first, or the ids of the channels that it fits.
    """

    close: tuple[str, ...]

    def __init__(self, problems: list[Problem], *, word: str, close: tuple[str, ...] = ()) -> None:
        self.word = word
        self.close = close
        super().__init__(problems)


class PostNotFoundError(PostizError):
    """A post that was looked for, or the ticket of one, is not there. `id` is the one given."""

    def __init__(self, message: str, *, id: str) -> None:  # noqa: A002
        self.id = id
        super().__init__(message)


class UploadError(PostizError):
    """A file or stream could not be read, or changed during its upload. Nothing was stored."""


class CampaignError(PostizError):
    """A campaign or its journal cannot be used. Nothing was sent, nothing was overwritten."""


class CampaignConflictError(CampaignError):
    """A run needs a decision first, and has sent nothing. `rows` are the numbers of the rows.

    Posts are to come whose rows are not in the campaign any more (their numbers before), or rows
    are in Postiz already, as they are or in another version.
    """

    rows: tuple[int, ...]

    def __init__(self, message: str, *, rows: tuple[int, ...]) -> None:
        self.rows = rows
        super().__init__(message)


class OAuthError(PostizError):
    """A user was not connected: begin again with `authorize_url`.

    They refused (`is_refusal`), the state of the callback does not match, the code was used or is
    too old, or the answer with the token was lost.
    """

    def __init__(self, message: str, *, is_refusal: bool = False) -> None:
        self.is_refusal: bool = is_refusal
        super().__init__(message)


class APIConnectionError(PostizError):
    """No answer came back. `delivery` says whether the request can have been carried out.

    `message` says what happened and `hint` what to do next; the text of the error has both.
    """

    delivery: Delivery
    _retry_after = _PAUSE

    def __init__(
        self, message: str, *, delivery: Delivery = Delivery.UNKNOWN, hint: str = ""
    ) -> None:
        self.message = message
        self.delivery = delivery
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class APITimeoutError(APIConnectionError, TimeoutError):
    """The server did not answer in time."""


class DeliveryUnknownError(PostizError):
    """A create request was sent and its answer is lost: the posts may or may not be stored.

    Do not send it again blindly. `marks` tells what to look for: `posts.find(marks)` says which
    of the posts are stored by now.

    A call with an idempotency key can be repeated after `retry_after` seconds, which finds out
    whether the posts are stored. None: there is no key, or a person has to look.
    """

    marks: Marks
    may_be_stored = True

    def __init__(self, message: str, *, marks: Marks, retry_after: float | None = None) -> None:
        self.marks = marks
        super().__init__(message, retry_after=retry_after)


class IdempotencyError(PostizError):
    """The idempotency key was already used for another call. Nothing was sent.

    `differs` are the paths of what differs, such as `at` or `posts.0.content`.
    """

    differs: tuple[str, ...]

    def __init__(self, key: str, differs: tuple[str, ...]) -> None:
        self.key = key
        self.differs = differs
        super().__init__(
            f"The idempotency key {key!r} was used for something else; nothing was sent. What "
            f"differs: {', '.join(differs)}.\n"
            "  Take a new key for another post, or repeat the call with the very same arguments."
        )


class APIStatusError(PostizError):
    """The server answered with an error.

    `response` has the status, headers and body of the answer, `text` is the server's message,
    `provider` and `channel_name` are set where the server named a channel. `hint` says what to do
    where the server's message does not; it is in the text of the error too.
    """

    response: APIResponse

    def __init__(
        self,
        text: str,
        *,
        response: APIResponse,
        provider: str | None = None,
        channel_name: str | None = None,
        hint: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.text = text
        self.response = response
        self.provider = provider
        self.channel_name = channel_name
        self.hint = hint
        super().__init__(text, retry_after=retry_after)

    def __str__(self) -> str:
        where = f" [{self.channel_name or ''} on {self.provider}]" if self.provider else ""
        text = self.text
        words = text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + " ..."
        hint = f"\n  {self.hint}" if self.hint else ""
        return f"{self.status_code}{where}: {words}{hint}"

    @property
    def status_code(self) -> int:
        """The HTTP status."""
        return self.response.status_code

    @property
    def body(self) -> bytes:
        """The body of the answer, at most 4,096 bytes."""
        return self.response.body


class BadRequestError(APIStatusError):
    """The server refused the content of the request."""


class AuthenticationError(APIStatusError):
    """The server does not accept the key, token or OAuth client, or there is no subscription."""


class ChannelTokenError(APIStatusError):
    """The network ended the access of a channel: it has to be connected again. The key is fine."""


class PlanLimitError(APIStatusError):
    """The plan of the organisation does not allow more."""


class PermissionDeniedError(APIStatusError):
    """Something in front of the server, such as a firewall, does not let the request through.

    Postiz itself answers so only to `users.search`, for keys without a super-admin.
    """


class NotFoundError(APIStatusError):
    """The object, or the route on an older server, does not exist."""


class PayloadTooLargeError(APIStatusError):
    """The request is larger than the server or a proxy accepts. It cost no quota."""


class ServerError(APIStatusError):
    """The server failed. A create may have been carried out in part."""

    _retry_after = _PAUSE


class PublishError(PostizError):
    """Postiz could not publish a stored post. `post_id` names it, `reason` says why."""

    def __init__(self, reason: str, *, post_id: str) -> None:
        self.reason = reason
        self.post_id = post_id
        super().__init__(f"post {post_id}: {reason}")


class APIResponseValidationError(PostizError):
    """The server answered with success, but not with what the API promises."""


class CursorError(PostizError):
    """Events cannot be read from this cursor on.

    It is no cursor, or one of another store or of other organisations; or events after it were
    removed, or lost when the store was restored.
    """


class StoreError(PostizError):
    """The store of a shared quota, or the outbox, cannot be used. Nothing was sent.

    With `may_be_done`, the write may have succeeded although its answer was lost.
    """

    _retry_after = _PAUSE

    def __init__(self, message: str, *, may_be_done: bool = False) -> None:
        self.may_be_done = may_be_done
        super().__init__(message)


class QuotaError(PostizError):
    """The hourly quota of create requests, or a rate limit, does not allow the call now."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message, retry_after=retry_after)

    @property
    def retry_after(self) -> float:
        """Seconds after which a slot is expected to be free."""
        return self._retry_after or 0.0


class QuotaWaitError(QuotaError):
    """The next free slot is further away than `max_wait` allows. Nothing was sent."""


class HaltedError(QuotaError):
    """Somebody (`by`) halted all creates of the organisation (`at`). Nothing was sent.

    They go on when `posts resume` takes it back; `retry_after` is when to look again.
    """

    at: datetime

    def __init__(self, *, by: str, at: datetime) -> None:
        self.by = by
        self.at = at
        super().__init__(
            f"All creates have been halted since {at:%Y-%m-%d %H:%M} UTC by {by}; nothing was "
            "sent.\n  They go on after: postiz-async posts resume FILE, with the file of posts "
            "pause.",
            retry_after=_PAUSE,
        )


class RateLimitError(APIStatusError, QuotaError):
    """A call that costs no quota was answered with 429, even after its retries.

    A create never raises it: after a 429 of Postiz it waits for the quota again, see
    `QuotaWaitError`; a 429 of a gateway proves nothing, see `DeliveryUnknownError`.

    If the answer does not say when to come again, `retry_after` is what the client knows: how long
    Postiz locks out, else when the next create could leave; at least a second.
    """

    _retry_after = _PAUSE


IS_COMMAND: ContextVar[bool] = ContextVar("IS_COMMAND", default=False)
"""Whether messages are shown by a command of the command line, not by a program."""


def by_reader(command: str, python: str) -> str:
    """Advice for the command line or for Python, whichever the reader of a message uses."""
    return command if IS_COMMAND.get() else python


_PARTS = 12
"""Row numbers and ranges that are listed; further rows are only counted."""


def row_ranges(numbers: Iterable[int], most: int = _PARTS) -> str:
    """Row numbers in order, consecutive ones as ranges: `3, 4, 7-16`.

    Args:
        numbers: the row numbers; duplicates are listed once.
        most: how many numbers and ranges to list; the rows after them are counted.
    """
    ordered = sorted(set(numbers))
    steps = count_from()
    runs = [list(run) for _, run in groupby(ordered, key=lambda number: number - next(steps))]
    parts: list[tuple[str, int]] = []
    for run in runs:
        if len(run) > 2:
            parts.append((f"{run[0]}-{run[-1]}", len(run)))
        else:
            parts += [(str(number), 1) for number in run]
    named = ", ".join(text for text, _ in parts[:most])
    more = sum(size for _, size in parts[most:])
    return f"{named} and {more:,} more" if more else named


def describe_rows(numbers: Iterable[int], most: int = _PARTS) -> str:
    """`row 3`, or `12 rows (3, 4, 7-16)`.

    Args:
        numbers: the row numbers.
        most: how many numbers and ranges to list.
    """
    found = set(numbers)
    if len(found) == 1:
        return f"row {found.pop()}"
    return f"{len(found):,} rows ({row_ranges(found, most)})"


@dataclass(frozen=True, slots=True)
class ProblemGroup:
    """A problem that one or more rows have. `rows` is empty if it concerns no row."""

    problem: Problem
    rows: tuple[int, ...]

    def __str__(self) -> str:
        said = str(replace(self.problem, row=None))
        if not self.rows:
            return said
        which = describe_rows(self.rows)
        whole = self.problem.where == "row"
        return f"{which}{said.removeprefix('row')}" if whole else f"{which}, {said}"


def group_problems(problems: Iterable[Problem]) -> list[ProblemGroup]:
    """Merge equal problems of several rows, in the order in which they first occur.

    Args:
        problems: such as those of a campaign.
    """
    rows: dict[Problem, list[int]] = {}
    for problem in problems:
        found = rows.setdefault(replace(problem, row=None), [])
        if problem.row is not None:
            found.append(problem.row)
    return [ProblemGroup(problem, tuple(sorted(set(each)))) for problem, each in rows.items()]
