"""Convert calls to HTTP requests; requests and responses as data. PURE."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias, TypeVar, cast
from urllib.parse import quote

import msgspec

from postiz_async._wire.endpoints import MIB, Call, FilePart
from postiz_async._wire.secrets import Secret
from postiz_async.errors import InvalidInputError, Problem, UsageError
from postiz_async.models._base import DATETIME, describe_json_error


class WireRequest(msgspec.Struct, frozen=True, gc=False):
    """An HTTP request as data; the body of a file is opened anew for each attempt.

    The transport reveals a secret in headers or body only when it writes to the connection.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str | Secret], ...]
    body: bytes | FilePart | Secret | None
    timeout: float | None
    """Seconds from sending to the whole answer; None: only a stalled transfer ends the request."""
    max_body: int = MIB
    """Largest number of bytes that are read of the answer's body, unpacked."""
    expires: float | None = None
    """The moment from which the request must not be begun, on the clock's `monotonic()`."""
    leaves: Callable[[], None] | None = None
    """Called once connected, before the head is written; an exception ends the request."""
    secrets: tuple[Secret, ...] = ()
    """The secrets in the body."""

    def __repr__(self) -> str:
        return f"WireRequest({self.method} {self.url})"


class WireResponse(msgspec.Struct, frozen=True, gc=False):
    """An HTTP response as data."""

    status: int
    headers: Mapping[str, str]
    """The headers; look them up by their names in lower case."""
    body: bytes
    is_cut: bool = False
    """Whether the body was longer than `max_body`, and only its beginning was read."""

    def __repr__(self) -> str:
        return f"WireResponse({self.status}, {len(self.body)} bytes)"


def is_web_page(response: WireResponse) -> bool:
    """Whether a web server or a proxy answered instead of the API."""
    kind = response.headers.get("content-type", "")
    if kind.startswith("application/json"):  # as the API nearly always answers
        return False
    kind = kind.lower()
    if "html" in kind:
        return True
    return "json" not in kind and response.body[:200].lstrip()[:1] == b"<"


T = TypeVar("T")

_encoder = msgspec.json.Encoder()


def encode_body(body: object) -> msgspec.Raw:
    """Encode a request body as JSON."""
    try:
        return msgspec.Raw(_encoder.encode(body))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        problem = Problem("body", f"cannot be written as JSON: {describe_json_error(error)}")
        raise InvalidInputError([problem]) from error


Fields: TypeAlias = "tuple[tuple[str, str | Secret], ...]"
"""Headers in the form in which they are sent."""

_ACCEPT = ("Accept", "application/json")
_IN_JSON = ("Content-Type", "application/json")


def own_headers(key: Secret | None, user_agent: str) -> Fields:
    """The client's own headers of each request: key, user agent, accepted answer."""
    own: Fields = (("User-Agent", user_agent), _ACCEPT)
    return own if key is None else (("Authorization", key), *own)


def encode(
    call: Call[T],
    *,
    root: str,
    headers: Fields,
    timeout: float | None,
    expires: float | None = None,
    leaves: Callable[[], None] | None = None,
) -> WireRequest:
    """The HTTP request of a call; `headers` are those of `own_headers` and the user's.

    Raises:
        UsageError: a path parameter is not a text.
        InvalidInputError: a path parameter is empty, a dot segment or has control characters.
    """
    path = call.endpoint.path
    for name, value in call.params.items():
        path = path.replace("{" + name + "}", _segment(name, value))
    url = f"{root}{path}{_in_url(call.query)}" if call.query else f"{root}{path}"
    body: bytes | FilePart | None = call.file
    if call.body is not None:
        body = bytes(call.body)
        headers = (*headers, _IN_JSON)
    end = call.endpoint
    return WireRequest(end.method, url, headers, body, timeout, end.max_body, expires, leaves)


@lru_cache(maxsize=1024)
def _quoted(text: str) -> str:
    return quote(text, safe=":")


def _in_url(query: tuple[tuple[str, str], ...]) -> str:
    """A query as a part of the URL. Its names are the API's and need no quoting."""
    text = ""
    for name, value in query:
        try:
            text = f"{text}&{name}={_quoted(value)}" if text else f"?{name}={_quoted(value)}"
        except UnicodeEncodeError:
            problem = Problem(name, f"{value!r} is not valid Unicode text")
            raise InvalidInputError([problem]) from None
    return text


def _segment(name: str, value: str) -> str:
    """A path parameter, quoted as exactly one segment."""
    check_id(name, value)
    if value in {"", ".", ".."} or any(ord(char) < 0x20 or ord(char) == 0x7F for char in value):
        wrong = f"{value!r} cannot be an id: it is empty, dots or has control characters"
        raise InvalidInputError([Problem(name, wrong)])
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise InvalidInputError([Problem(name, f"{value!r} is not valid Unicode text")]) from None


def check_id(name: str, value: object) -> None:
    """Refuse an id that is not a text, such as the post itself.

    Raises:
        UsageError: it is not a text.
    """
    if not isinstance(value, str):
        raise UsageError(f"{name} must be a string, not {type(value).__name__}. Give the id.")


POST_YEARS = range(1_000, 9_000)
"""Years in which posts may be dated, with room to search before and after each."""


def format_date(moment: datetime, name: str = "date") -> str:
    """A date as it is sent: UTC with milliseconds and `Z`. `name` is the name of the argument.

    Raises:
        InvalidInputError: it is not a datetime, or has no zone, so that the moment is not known.
    """
    if type(moment) in DATETIME and moment.tzinfo is UTC:  # the usual case
        text: str = msgspec.to_builtins(moment)  # ten times as fast as `isoformat`
        return f"{text[:23]}Z" if moment.microsecond else f"{text[:19]}.000Z"
    if not isinstance(cast("object", moment), datetime):
        hint = "a datetime with a time zone is expected"
        raise InvalidInputError([Problem(name, f"is of type {type(moment).__name__}", hint=hint)])
    if moment.utcoffset() is None:
        wrong = f"{moment.isoformat(sep=' ')} has no time zone"
        hint = "for example datetime.now(UTC) + timedelta(hours=1)"
        raise InvalidInputError([Problem(name, wrong, hint=hint)])
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:
        raise InvalidInputError([Problem(name, f"{moment} is out of range")]) from None
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
