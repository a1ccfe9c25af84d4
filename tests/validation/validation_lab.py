"""Requests to validate, and what is said about them."""

from __future__ import annotations

from typing import Any

from postiz_async._validation import MediaFacts, validate
from postiz_async._validation.messages import server_message
from postiz_async.models.channels import Channel

PICTURE = {"id": "m1", "path": "https://u.example/a.png"}
VIDEO = {"id": "m2", "path": "https://u.example/v.mp4"}

Body = dict[str, Any]
TIKTOK: dict[str, object] = {
    "privacy_level": "SELF_ONLY",
    "duet": False,
    "stitch": False,
    "comment": False,
    "autoAddMusic": "no",
    "brand_content_toggle": False,
    "brand_organic_toggle": False,
    "content_posting_method": "DIRECT_POST",
}


def channel(provider: str, channel_id: str = "i1", *, disabled: bool = False) -> Channel:
    return Channel(id=channel_id, name="Ann", provider=provider, disabled=disabled)


def entry(content: object = "hello", *media: object) -> Body:
    return {"content": content, "image": list(media)}


def post(*entries: object, settings: object = None, **more: object) -> Body:
    value = list(entries) or [entry()]
    return {"integration": {"id": "i1"}, "value": value, "settings": settings or {}, **more}


def request(*posts: object, **more: object) -> Body:
    body = {"type": "schedule", "date": "2030-01-01T10:00:00Z", "shortLink": False, "tags": []}
    return body | {"posts": list(posts) or [post()]} | more


def errors(provider: str, body: object, **known: Any) -> list[str]:
    """What the server would say: its text for each error."""
    found = validate(body, channels=[channel(provider)], **known)  # type: ignore[arg-type]
    return [server_message(each) for each in found if each.severity == "error"]


def warnings(provider: str, body: object, **known: Any) -> list[tuple[str, str]]:
    """Path and message of each warning."""
    found = validate(body, channels=[channel(provider)], **known)  # type: ignore[arg-type]
    return [(each.where, each.message) for each in found if each.severity == "warning"]


def size(width: int, height: int) -> tuple[dict[str, str], MediaFacts]:
    """A picture and what is known about it."""
    path = f"https://u.example/s{width}x{height}.png"
    return {"id": path, "path": path}, MediaFacts(width=width, height=height)
