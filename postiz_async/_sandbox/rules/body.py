"""Convert the body of a create call to the declared types, and find its violations.

The order of the messages is the server's: fields in the order of their declaration, and
within a field the not-null message first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain

import msgspec

from postiz_async._sandbox.rows import ChannelRow, Release
from postiz_async._sandbox.rules.fields import (
    MISSING,
    as_mapping,
    defined,
    is_list,
    is_mapping,
    nested_value,
    nested_violations,
    optional_text,
    prefixed,
    to_boolean,
    to_number,
    to_text,
)
from postiz_async._sandbox.rules.formats import is_iso8601
from postiz_async._sandbox.rules.networks import network_in, networks_in
from postiz_async._sandbox.rules.settings import converted, media_violations, settings_violations
from postiz_async._sandbox.text.html import has_text, sanitize

_EMPTY = " If images do not exist, content must be a non-empty string."


class NewEntry(msgspec.Struct, frozen=True):
    """A post, or one of its comments, as sent by the client."""

    content: str
    images: list[object]
    id: str | None
    delay: int


class CreateInput(msgspec.Struct, frozen=True):
    """One item of `posts`."""

    channel_id: str
    entries: list[NewEntry]
    settings: dict[str, object]
    group: str | None


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The facts on which the rules of a body depend.

    Attributes:
        release: The release of the server.
        channels: The channels of the organisation, by id.
        upload_domain: Text that each media path must contain, if the operator requires it.
    """

    release: Release
    channels: Mapping[str, ChannelRow]
    upload_domain: str | None = None

    def provider_of(self, item: Mapping[str, object]) -> str:
        """The network of one of the `posts`."""
        return self.channels[_channel_id(item)].provider


def has_lists_within(body: Mapping[str, object]) -> bool:
    """Whether a list replaces a part or a medium, which the rules accept but storing does not."""
    values = [value for post in _items(body["posts"]) if is_list(value := post["value"])]
    return any(map(is_list, chain.from_iterable(values))) or any(
        is_list(images) and any(map(is_list, images))
        for value in values
        for images in (entry["image"] for entry in _items(value))
    )


def read_posts(body: Mapping[str, object], book: Rulebook) -> list[CreateInput]:
    """The items of a body without violations."""
    return [_read_post(item, book) for item in _items(body["posts"])]


def _items(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if is_mapping(item)] if is_list(value) else []


def _channel_id(item: Mapping[str, object]) -> str:
    return str(to_text(nested_value(item, "integration", "id")))


def _read_settings(item: Mapping[str, object], book: Rulebook) -> dict[str, object]:
    """The settings in their declared types, with the type of the channel."""
    given = item.get("settings")
    if isinstance(given, str) or is_list(given):
        given = {str(index): each for index, each in enumerate(given)}
    provider = book.provider_of(item)
    network = network_in(book.release, provider)
    fields = () if network is None else network.fields_in(book.release)
    return converted(as_mapping(given), fields) | {"__type": provider}


def _read_post(item: Mapping[str, object], book: Rulebook) -> CreateInput:
    group = to_text(item.get("group"))
    return CreateInput(
        channel_id=_channel_id(item),
        entries=[_read_entry(entry) for entry in _items(item["value"])],
        settings=_read_settings(item, book),
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


def violations(body: Mapping[str, object], book: Rulebook) -> list[str]:
    """All violations of the decoded body, whose channels are known to exist."""
    short_link = body.get("shortLink", MISSING)
    date = to_text(body.get("date", MISSING))
    tags: object = [] if is_mapping(body.get("tags")) else body.get("tags", MISSING)
    posts = body.get("posts", MISSING)
    messages = optional_text("order", to_text(body.get("order")))
    messages += defined("shortLink", short_link)
    if not isinstance(to_boolean(short_link), bool):
        messages.append("shortLink must be a boolean value")
    messages += _number("inter", body.get("inter"))
    republish = to_boolean(body.get("republish"))
    if republish is not None and not isinstance(republish, bool):
        messages.append("republish must be a boolean value")
    messages += defined("date", date)
    if not is_iso8601(date):
        messages.append("date must be a valid ISO 8601 date string")
    messages += _objects("tags", tags, lambda _: [], [*defined("tags", tags), *_list("tags", tags)])
    messages += _objects("posts", posts, lambda post: _post(post, book), _some("posts", posts))
    return messages


def _number(name: str, value: object) -> list[str]:
    number = to_number(value)
    if is_list(number) or (isinstance(number, float) and not math.isfinite(number)):
        return [f"{name} must be a number conforming to the specified constraints"]
    return []


def _list(name: str, value: object) -> list[str]:
    return [] if is_list(value) else [f"{name} must be an array"]


def _some(name: str, value: object) -> list[str]:
    few = [] if is_list(value) and value else [f"{name} must contain at least 1 elements"]
    return [*defined(name, value), *_list(name, value), *few]


def _objects(
    name: str,
    value: object,
    rules: Callable[[Mapping[str, object]], list[str]],
    own: list[str],
) -> list[str]:
    """The violations inside of each object of a list, followed by those of the list itself."""
    itself, inside = nested_violations(name, value, rules)
    return [*inside, *own, *itself]


def _post(post: Mapping[str, object], book: Rulebook) -> list[str]:
    value = post.get("value", MISSING)
    # a client that calls the item itself a draft skips the rules of its settings
    settings = [] if post.get("type") == "draft" else _settings(post, book)
    return [
        *_objects(
            "value", value, lambda entry: _entry(entry, book.upload_domain), _some("value", value)
        ),
        *optional_text("group", to_text(post.get("group"))),
        *prefixed("settings", settings),
    ]


def _settings(post: Mapping[str, object], book: Rulebook) -> list[str]:
    network = network_in(book.release, book.provider_of(post))
    if network is None:
        return [f'"__type" must be {", ".join(networks_in(book.release))}']
    settings = _read_settings(post, book)
    return settings_violations(settings, network.fields_in(book.release), book.upload_domain)


def _entry(entry: Mapping[str, object], upload_domain: str | None) -> list[str]:
    images = entry.get("image", MISSING)
    absent = defined("content", MISSING) if "content" not in entry else []
    messages = list(absent)
    if not has_text(_content(entry)) and not (is_list(images) and images):
        messages.append(_EMPTY)
    if absent:
        messages.append("content must be a string")
    messages += optional_text("id", to_text(entry.get("id")))
    messages += _number("delay", entry.get("delay"))
    return messages + _objects(
        "image",
        images,
        lambda media: media_violations(media, upload_domain),
        _list("image", images),
    )
