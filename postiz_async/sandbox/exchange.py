"""What goes in and what comes out: requests and responses without any framework."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from postiz_async.sandbox.json_text import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ConnectionLost",
    "FormError",
    "HttpRequest",
    "Response",
    "UploadedFile",
    "empty_response",
    "json_response",
]


class ConnectionLost(ConnectionError):  # noqa: N818 - it is an event of the sandbox, not a defect
    """The connection broke before an answer came; nothing says whether the work was done."""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """One file of a multipart form, without its bytes.

    Attributes:
        field: Name of the form field.
        filename: Name that the client gave; without one the part is not a file.
        size: Number of bytes.
        sha256: Digest of all bytes, in hex.
        head: The first bytes, enough to tell the type.
    """

    field: str
    filename: str
    size: int
    sha256: str
    head: bytes


@dataclass(frozen=True, slots=True)
class FormError:
    """A multipart form that cannot be read; the text is for the client."""

    message: str


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it arrives.

    Attributes:
        method: In upper case.
        path: As sent, with its percent escapes.
        query: Decoded pairs in their order.
        headers: By lower-case name.
        body: The bytes sent, at most a little more than the server accepts; empty for forms.
        file: The file of a multipart form, or what is wrong with the form.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    file: UploadedFile | FormError | None = None

    @property
    def target(self) -> str:
        """Path and query, as messages quote it."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def query_value(self, name: str) -> str | list[str] | None:
        """The value of a query parameter; when it is repeated, all of them."""
        values = [value for key, value in self.query if key == name]
        return values if len(values) > 1 else next(iter(values), None)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer as it leaves."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The value of a header, whatever the case of its name."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def json(self) -> object:
        """The body, decoded."""
        return msgspec.json.decode(self.body)


def json_response(status: int, value: object) -> Response:
    """An answer with a JSON body."""
    content_type = ("Content-Type", "application/json; charset=utf-8")
    try:
        body = msgspec.json.encode(value)
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can say and UTF-8 cannot
        body = write_json(value).encode()
    return Response(status, (content_type,), body)


def empty_response(status: int, *headers: tuple[str, str]) -> Response:
    """An answer without a body and without a content type."""
    return Response(status, headers)
