"""Calls to HTTP requests, and requests and responses as data. PURE."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import msgspec

from postiz_async._wire.endpoints import MIB, FilePart
from postiz_async._wire.secrets import Secret
from postiz_async.errors import ConfigurationError, InvalidPostError, Problem, describe_json_error

if TYPE_CHECKING:
    from postiz_async._wire.endpoints import Call

__all__ = [
    "WireRequest",
    "WireResponse",
    "encode",
    "encode_body",
    "format_date",
    "is_web_page",
]


class WireRequest(msgspec.Struct, frozen=True, gc=False):
    """An HTTP request as data; the body of a file is opened anew for each attempt.

    A secret in headers or body is revealed by the transport, on its way into the connection.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str | Secret], ...]
    body: bytes | FilePart | Secret | None
    timeout: float | None
    """Seconds from sending to the whole answer; None: only a stalled transfer ends it."""
    max_body: int = MIB
    """Bytes of the answer's body that are read, unpacked."""
    expires: float | None = None
    """When it must not be begun any more, on the clock's `monotonic()`."""
    secrets: tuple[Secret, ...] = ()
    """What is secret in its body."""

    def carried(self) -> list[Secret]:
        """The secrets in it, which an answer must not repeat to anybody."""
        in_headers = (value for _, value in self.headers if isinstance(value, Secret))
        return [*in_headers, *self.secrets]

    def __repr__(self) -> str:
        return f"WireRequest({self.method} {self.url})"


class WireResponse(msgspec.Struct, frozen=True, gc=False):
    """An HTTP response as data. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_cut: bool = False
    """Whether the body was longer than `max_body`, and only its beginning was read."""

    def __repr__(self) -> str:
        return f"WireResponse({self.status}, {len(self.body)} bytes)"


def is_web_page(response: WireResponse) -> bool:
    """Whether a web server or a proxy answered, and not the API."""
    kind = response.headers.get("content-type", "").lower()
    if "html" in kind:
        return True
    return "json" not in kind and response.body[:200].lstrip()[:1] == b"<"


T = TypeVar("T")

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")

_encoder = msgspec.json.Encoder()


def encode_body(body: msgspec.Struct) -> msgspec.Raw:
    """A request body as JSON."""
    try:
        return msgspec.Raw(_encoder.encode(body))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        problem = Problem("body", f"cannot be written as JSON: {describe_json_error(error)}")
        raise InvalidPostError([problem]) from error


def encode(
    call: Call[T],
    *,
    root: str,
    key: Secret | None,
    user_agent: str,
    timeout: float | None,
    headers: tuple[tuple[str, str], ...] = (),
    expires: float | None = None,
) -> WireRequest:
    """The HTTP request of a call. `headers` are added to our own and cannot replace them.

    Raises:
        InvalidPostError: a path parameter is empty, a dot segment or has control characters.
        ConfigurationError: a header that was added cannot be sent.
    """
    path = call.endpoint.path
    for name, value in call.params.items():
        path = path.replace("{" + name + "}", _segment(name, value))
    url = f"{root}{path}"
    if call.query:
        url += "?" + "&".join(f"{_quoted(key)}={_value(key, value)}" for key, value in call.query)
    own: list[tuple[str, str | Secret]] = [("Authorization", key)] if key is not None else []
    own += [("User-Agent", user_agent), ("Accept", "application/json")]
    body: bytes | FilePart | None = call.file
    if call.body is not None:
        body = bytes(call.body)
        own.append(("Content-Type", "application/json"))
    sent = (*own, *_added(headers)) if headers else tuple(own)
    end = call.endpoint
    return WireRequest(end.method, url, sent, body, timeout, end.max_body, expires)


_OUR_HEADERS = {
    "accept",
    "authorization",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "user-agent",
}


def _added(headers: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """The headers of a caller without those that are ours."""
    for name, value in headers:
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ConfigurationError(
                f"The header {name!r} cannot be sent: its name or its value has characters that "
                "no header can carry."
            )
    return [(name, value) for name, value in headers if name.lower() not in _OUR_HEADERS]


@lru_cache(maxsize=1024)
def _quoted(text: str) -> str:
    return quote(text, safe=":")


def _value(name: str, value: str) -> str:
    try:
        return _quoted(value)
    except UnicodeEncodeError:
        raise InvalidPostError([Problem(name, f"{value!r} is not valid Unicode text")]) from None


def _segment(name: str, value: str) -> str:
    """A path parameter as exactly one segment."""
    if value in {"", ".", ".."} or any(ord(char) < 0x20 or ord(char) == 0x7F for char in value):
        raise InvalidPostError(
            [
                Problem(
                    name, f"{value!r} cannot be an id: it is empty, dots or has control characters"
                )
            ]
        )
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise InvalidPostError([Problem(name, f"{value!r} is not valid Unicode text")]) from None


def format_date(moment: datetime) -> str:
    """A date as it is sent: UTC with milliseconds and `Z`.

    Raises:
        InvalidPostError: it has no zone, so nobody can know which moment is meant.
    """
    if moment.utcoffset() is None:
        raise InvalidPostError(
            [
                Problem(
                    "date",
                    f"{moment.isoformat(sep=' ')} has no time zone",
                    hint="for example datetime.now(UTC) + timedelta(hours=1)",
                )
            ]
        )
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:
        raise InvalidPostError([Problem("date", f"{moment} is out of range")]) from None
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
