"""Requests and responses, independent of any web framework."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from urllib.parse import urlencode

import msgspec

from postiz_async._sandbox.json import write_json


class ConnectionLost(ConnectionError):  # noqa: N818 - it is an event of the sandbox, not a defect
    """The connection broke before an answer came; the request may or may not have been handled."""


_HEAD = 8 * 1024
"""Bytes of a file that are kept: enough to find its type, and to measure a picture."""


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


class UploadReader:
    """Reads a file chunk by chunk, and keeps only the facts that a server needs."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._head = b""
        self.size = 0

    def add(self, chunk: bytes) -> None:
        """Take the next chunk."""
        self._digest.update(chunk)
        self._head += chunk[: _HEAD - len(self._head)]
        self.size += len(chunk)

    def file(self, field: str, filename: str) -> UploadedFile:
        """The file of the chunks so far."""
        return UploadedFile(field, filename, self.size, self._digest.hexdigest(), self._head)


@dataclass(frozen=True, slots=True)
class FormError:
    """A multipart form that cannot be read; the text is for the client."""

    message: str


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as received.

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
        """Path and query, as quoted in messages."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def query_values(self) -> dict[str, str | list[str]]:
        """The value of each query parameter, or all values if it is repeated."""
        values: dict[str, list[str]] = {}
        for name, value in self.query:
            values.setdefault(name, []).append(value)
        return {name: each if len(each) > 1 else each[0] for name, each in values.items()}


@dataclass(frozen=True, slots=True)
class Response:
    """A response to send."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The value of a header, whatever the case of its name."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def with_first(self, headers: Iterable[tuple[str, str]]) -> Response:
        """The same response with these headers before its own."""
        return replace(self, headers=(*headers, *self.headers))

    def json(self) -> object:
        """The body, decoded."""
        return msgspec.json.decode(self.body)


def json_response(status: int, value: object) -> Response:
    """A response with a JSON body."""
    content_type = ("Content-Type", "application/json; charset=utf-8")
    try:
        body = msgspec.json.encode(value)
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can say and UTF-8 cannot
        body = write_json(value).encode()
    return Response(status, (content_type,), body)


def empty_response(status: int, *headers: tuple[str, str]) -> Response:
    """A response without a body and without a content type."""
    return Response(status, headers)


_SIGN_IN = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>/auth</body></html>"


def redirect_to_login() -> Response:
    """The front end's answer to clients without a session."""
    headers = (("Location", "/auth"), ("Content-Type", "text/html; charset=utf-8"))
    return Response(307, headers, _SIGN_IN)


def wrap(request: HttpRequest, response: Response, now: float) -> Response:
    """Add the headers that all responses of the API have.

    Args:
        request: The request.
        response: The response so far.
        now: Seconds since the epoch.
    """
    headers = [("X-Powered-By", "Express"), *response.headers]
    if response.body:
        headers.append(("Content-Length", str(len(response.body))))
    headers.append(("Date", formatdate(now, usegmt=True)))
    body = b"" if request.method == "HEAD" else response.body
    return Response(response.status, tuple(headers), body)
