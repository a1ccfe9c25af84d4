"""Calls to HTTP requests. PURE."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import msgspec

from postiz_async.errors import (
    ConfigurationError,
    InvalidPostError,
    Problem,
    describe_json_error,
)

if TYPE_CHECKING:
    from postiz_async.endpoints import Call, FilePart
    from postiz_async.redaction import Secret

from postiz_async.wire.messages import WireRequest

__all__ = ["encode", "encode_body", "format_date"]

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
    query = "&".join(f"{_quoted(key)}={_value(key, value)}" for key, value in call.query)
    url = f"{root}{path}?{query}" if query else f"{root}{path}"
    own: list[tuple[str, str | Secret]] = [("Authorization", key)] if key is not None else []
    own += [("User-Agent", user_agent), ("Accept", "application/json")]
    body: bytes | FilePart | None = call.file
    if call.body is not None:
        body = bytes(call.body)
        own.append(("Content-Type", "application/json"))
    sent = (*own, *_added(headers))
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
