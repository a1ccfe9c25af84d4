"""What is common to all answers: fixed headers, who may read them, dates, tags, and compression."""

from __future__ import annotations

import base64
import gzip
import hashlib
import zlib
from email.utils import formatdate
from typing import TYPE_CHECKING

from postiz_async.sandbox.exchange import Response, empty_response

if TYPE_CHECKING:
    from postiz_async.sandbox.exchange import HttpRequest

__all__ = ["compress", "preflight", "wrap"]

_EXPOSED = "reload,onboarding,activate,x-copilotkit-runtime-client-gql-version"
_COMPRESS_FROM = 1024


def preflight(request: HttpRequest) -> Response:
    """What a browser is told before it sends a request of another origin's page."""
    allowed = [("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE")]
    asked = request.headers.get("access-control-request-headers")
    if asked is not None:
        allowed.append(("Access-Control-Allow-Headers", asked))
    return empty_response(204, *allowed, ("Content-Length", "0"))


def wrap(request: HttpRequest, response: Response, now: float, front_end: str) -> Response:
    """Give an answer of the API the headers that all of them have.

    Args:
        request: What was asked.
        response: The answer so far.
        now: Seconds since the epoch.
        front_end: The origin whose pages may read the answer.
    """
    headers = [("X-Powered-By", "Express")]
    if request.headers.get("origin") == front_end:
        headers.append(("Access-Control-Allow-Origin", front_end))
    tag = entity_tag(response.body)
    unchanged = _is_unchanged(request, response, tag)
    has_body = bool(response.body) and not unchanged
    headers += [
        ("Vary", "Origin, Accept-Encoding" if has_body else "Origin"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Expose-Headers", _EXPOSED),
    ]
    headers += [each for each in response.headers if not unchanged or each[0] != "Content-Type"]
    if has_body:
        headers.append(("Content-Length", str(len(response.body))))
    if response.body:
        headers.append(("ETag", tag))
    headers.append(("Date", formatdate(now, usegmt=True)))
    body = response.body if has_body and request.method != "HEAD" else b""
    return Response(304 if unchanged else response.status, tuple(headers), body)


def entity_tag(body: bytes) -> str:
    """The weak tag of a body: its length and the start of its digest."""
    digest = base64.b64encode(hashlib.sha1(body, usedforsecurity=False).digest())
    return f'W/"{len(body):x}-{digest[:27].decode()}"'


def _is_unchanged(request: HttpRequest, response: Response, tag: str) -> bool:
    known = request.headers.get("if-none-match")
    if known is None or request.method not in {"GET", "HEAD"} or response.status != 200:
        return False
    return known == "*" or tag in {each.strip() for each in known.split(",")}


def compress(request: HttpRequest, response: Response) -> Response:
    """Compress a body that is worth it, when the client accepts it."""
    accepted = request.headers.get("accept-encoding", "").lower()
    if len(response.body) < _COMPRESS_FROM:
        return response
    if "gzip" in accepted:
        encoding, body = "gzip", gzip.compress(response.body, 6)
    elif "deflate" in accepted:
        encoding, body = "deflate", zlib.compress(response.body, 6)
    else:
        return response
    headers = [each for each in response.headers if each[0] != "Content-Length"]
    return Response(response.status, (*headers, ("Content-Encoding", encoding)), body)
