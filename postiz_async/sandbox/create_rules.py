"""The body of a create call: converted to the declared types, and what is wrong with it.

The order of the messages is the server's: fields in the order of their declaration, and
within a field the not-null message first.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from postiz_async.sandbox.dates import is_iso8601
from postiz_async.sandbox.rules import (
    MISSING,
    defined,
    is_list,
    is_mapping,
    nested_value,
    prefixed,
    required_text,
    to_boolean,
    to_number,
    to_text,
)
from postiz_async.sandbox.sanitize import has_text, sanitize
from postiz_async.sandbox.urls import EXTENSION_RULE, has_media_extension, is_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["NewEntry", "NewPost", "read_posts", "violations"]

_EMPTY = " If images do not exist, content must be a non-empty string."


class NewEntry(msgspec.Struct, frozen=True):
    """A post, or one of its comments, as the client wants it stored."""

    content: str
    images: list[object]
    id: str | None
    delay: int


class NewPost(msgspec.Struct, frozen=True):
    """One item of `posts`."""

    integration_id: str
    entries: list[NewEntry]
    settings: object
    group: str | None


def read_posts(body: Mapping[str, object]) -> list[NewPost]:
    """The items of a body without violations."""
    return [_read_post(item) for item in _items(body["posts"])]


def _items(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if is_mapping(item)] if is_list(value) else []


def _read_post(item: Mapping[str, object]) -> NewPost:
    group = to_text(item.get("group"))
    return NewPost(
        integration_id=str(to_text(nested_value(item, "integration", "id"))),
        entries=[_read_entry(entry) for entry in _items(item["value"])],
        settings=item.get("settings"),
        group=group if isinstance(group, str) and group else None,
    )


def _read_entry(entry: Mapping[str, object]) -> NewEntry:
    images = entry["image"]
    given_id = to_text(entry.get("id"))
    delay = to_number(entry.get("delay"))
    return NewEntry(
        content=_content(entry),
        images=images if is_list(images) else [],
        id=given_id if isinstance(given_id, str) and given_id else None,
        delay=int(delay) if isinstance(delay, int | float) else 0,
    )


def _content(entry: Mapping[str, object]) -> str:
    return sanitize(to_text(entry.get("content")))


def violations(body: Mapping[str, object], upload_domain: str | None = None) -> list[str]:
    """Everything that is wrong with the body.

    Args:
        body: The decoded JSON object.
        upload_domain: Text that each media path must contain, where the operator asks for it.
    """
    short_link = body.get("shortLink", MISSING)
    date = to_text(body.get("date", MISSING))
    tags = body.get("tags", MISSING)
    posts = body.get("posts", MISSING)
    messages = defined("shortLink", short_link)
    if not isinstance(to_boolean(short_link), bool):
        messages.append("shortLink must be a boolean value")
    messages += _number("inter", body.get("inter"))
    messages += defined("date", date)
    if not is_iso8601(date):
        messages.append("date must be a valid ISO 8601 date string")
    messages += defined("tags", tags)
    messages += _list("tags", tags)
    messages += _nested("tags", tags, _no_rules)
    messages += defined("posts", posts)
    messages += _list("posts", posts, at_least_one=True)
    messages += _nested("posts", posts, lambda post: _post(post, upload_domain))
    return messages


def _number(name: str, value: object) -> list[str]:
    number = to_number(value)
    if isinstance(number, float) and not math.isfinite(number):
        return [f"{name} must be a number conforming to the specified constraints"]
    return []


def _list(name: str, value: object, *, at_least_one: bool = False) -> list[str]:
    messages = [] if is_list(value) else [f"{name} must be an array"]
    if at_least_one and not (is_list(value) and value):
        messages.append(f"{name} must contain at least 1 elements")
    return messages


def _nested(
    name: str, value: object, rules: Callable[[Mapping[str, object]], list[str]]
) -> list[str]:
    """Check each object of a list; what is neither object nor list is named."""
    complaint = f"each value in nested property {name} must be either object or array"
    if value is MISSING or is_mapping(value):
        return []
    if not is_list(value):
        return [complaint]
    messages: list[str] = []
    for index, item in enumerate(value):
        if is_mapping(item):
            messages += prefixed(f"{name}.{index}", rules(item))
        elif item is not None and not is_list(item):
            messages.append(f"{name}.{complaint}")
    return messages


def _no_rules(_: Mapping[str, object]) -> list[str]:
    return []


def _post(post: Mapping[str, object], upload_domain: str | None) -> list[str]:
    value = post.get("value", MISSING)
    return [
        *defined("value", value),
        *_list("value", value, at_least_one=True),
        *_nested("value", value, lambda entry: _entry(entry, upload_domain)),
    ]


def _entry(entry: Mapping[str, object], upload_domain: str | None) -> list[str]:
    images = entry.get("image", MISSING)
    absent = defined("content", MISSING) if "content" not in entry else []
    messages = list(absent)
    if not has_text(_content(entry)) and not (is_list(images) and images):
        messages.append(_EMPTY)
    if absent:
        messages.append("content must be a string")
    messages += _number("delay", entry.get("delay"))
    messages += _list("image", images)
    messages += _nested("image", images, lambda media: _media(media, upload_domain))
    return messages


def _media(media: Mapping[str, object], upload_domain: str | None) -> list[str]:
    path = to_text(media.get("path", MISSING))
    thumbnail = to_text(media.get("thumbnail"))
    messages = required_text("id", to_text(media.get("id", MISSING)))
    absent = defined("path", path)
    messages += absent
    if not has_media_extension(path):
        messages.append(EXTENSION_RULE)
    if upload_domain is not None and upload_domain not in str(path):
        messages.append(f"URL must contain the domain: {upload_domain}")
    if absent:
        messages.append("path must be a string")
    if thumbnail and not is_url(thumbnail):
        messages.append("thumbnail must be a URL address")
    return messages
