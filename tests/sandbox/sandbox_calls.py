"""Requests as a client makes them."""

from __future__ import annotations

import struct
from typing import Any, Protocol

import msgspec

from postiz_async._sandbox import HttpRequest, Response

MASTODON, TELEGRAM = "cmmastodon000000000000001", "cmtelegram000000000000001"


class Send(Protocol):
    async def __call__(
        self, method: str, path: str, body: object = None, **query: str
    ) -> Response: ...


def request(
    method: str, path: str, body: object = None, *, key: str | None = "sandbox", **query: str
) -> HttpRequest:
    headers = {} if key is None else {"authorization": key}
    if body is not None:
        headers["content-type"] = "application/json"
    data = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
    return HttpRequest(method, f"/public/v1{path}", tuple(query.items()), headers, data)


def item(content: str = "hello", **changes: Any) -> dict[str, Any]:
    """One of the posts of a create call."""
    texts = [content, *changes.pop("thread", [])]
    media = changes.pop("image", [])
    value: list[dict[str, Any]] = [{"content": text, "image": media} for text in texts]
    value[0] |= changes.pop("first", {})
    return {"integration": {"id": changes.pop("to", MASTODON)}, "value": value} | changes


def create(*posts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The body of a create call."""
    body = {"type": "schedule", "date": "2030-01-15T10:00:00.000Z", "shortLink": False, "tags": []}
    return body | {"posts": list(posts or [item()])} | changes


def png(width: int, height: int) -> bytes:
    """The beginning of a picture of this size."""
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + bytes(40)


def day(date: str = "2030-01-15") -> dict[str, str]:
    """The range of a list call."""
    return {"startDate": f"{date}T00:00:00Z", "endDate": f"{date}T23:59:59Z"}
