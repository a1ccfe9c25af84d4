"""Reading the body of a request, before anything else about the request is looked at."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from postiz_async.sandbox.json_text import MalformedJSONError, read_json
from postiz_async.sandbox.refusals import bad_request, internal_error, status_only

if TYPE_CHECKING:
    from postiz_async.sandbox.exchange import HttpRequest

__all__ = ["BODY_LIMIT", "is_parsed", "read_body"]

BODY_LIMIT = 102_400
"""Bytes of a body that is parsed, after decompression."""

_FORM = "application/x-www-form-urlencoded"
_CHARSET = re.compile(r'charset="?([^";\s]+)', re.IGNORECASE)
_CODECS = {
    "utf-8": "utf-8",
    "utf-16": "utf-16-le",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}


def is_parsed(request: HttpRequest) -> bool:
    """Whether the server looks at a body of this type at all."""
    return request.media_type in {"application/json", _FORM}


def read_body(request: HttpRequest) -> object:
    """Decode the body.

    Returns:
        The decoded JSON, the fields of a form, or None where there is nothing to read.

    Raises:
        Refusal: The body is too large, in an unknown charset, or malformed.
    """
    if not is_parsed(request) or not request.body:
        return None
    data = _inflate(request)
    if len(data) > BODY_LIMIT:
        raise status_only(413, "request entity too large")
    text = data.decode(_codec(request), errors="replace")
    if request.media_type == _FORM:
        return dict(parse_qsl(text, keep_blank_values=True))
    try:
        return read_json(text)
    except MalformedJSONError as error:
        raise bad_request(str(error)) from error
    except RecursionError as error:
        raise internal_error() from error


def _inflate(request: HttpRequest) -> bytes:
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        return request.body
    if encoding not in {"gzip", "deflate"}:
        raise status_only(415, f'unsupported content encoding "{encoding}"')
    # 32 lets zlib see by itself whether the stream has a gzip or a zlib header
    inflater = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)
    try:
        return inflater.decompress(request.body, BODY_LIMIT + 1)
    except zlib.error as error:
        raise bad_request(str(error)) from error


def _codec(request: HttpRequest) -> str:
    found = _CHARSET.search(request.headers.get("content-type", ""))
    charset = found.group(1).lower() if found else "utf-8"
    if charset not in _CODECS:
        raise status_only(415, f'unsupported charset "{charset.upper()}"')
    return _CODECS[charset]
