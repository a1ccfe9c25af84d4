"""HTTP requests and responses as data. PURE."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from postiz_async.endpoints import MIB, FilePart
from postiz_async.redaction import Secret

__all__ = ["WireRequest", "WireResponse", "is_web_page"]


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
    """When its caller gives up also while it waits to be sent, on the clock's `monotonic()`."""
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
