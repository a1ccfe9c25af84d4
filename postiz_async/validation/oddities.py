"""What the server accepts and the user regrets: keys and values that do not mean what they seem.

PURE.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from postiz_async.errors import Problem
from postiz_async.providers.fields import fields_of
from postiz_async.validation.conditions import holds
from postiz_async.validation.hints import closest, shown
from postiz_async.validation.javascript import as_list, as_object, is_list, is_object, is_truthy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from postiz_async.models.settings import ProviderSettings
    from postiz_async.providers.rules import SettingsField
    from postiz_async.validation.body import JudgedPost

__all__ = ["read_as_true", "unknown_key_warnings", "unknown_keys", "warning"]

_POST_KEYS = frozenset({"integration", "value", "group", "settings", "type"})
_ENTRY_KEYS = frozenset({"content", "image", "delay", "id"})
_OWN_SETTINGS = frozenset({"__type", "client_ref"})
_NO_WORDS = frozenset({"false", "no", "off", "0", "none", "null"})
_TURNS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def warning(where: str, message: str, hint: str = "") -> Problem:
    """Advice."""
    return Problem(where, message, hint=hint, severity="warning")


def unknown_keys(
    given: Mapping[str, object], known: AbstractSet[str], path: str, of: str
) -> Iterator[Problem]:
    """Keys that the server ignores."""
    for name in given:
        if name not in known:
            yield warning(
                f"{path}{name}" or shown(name), f"is no key of {of}: ignored", closest(name, known)
            )


def read_as_true(value: object, where: str) -> Iterator[Problem]:
    """Texts that say no and that the server reads as true."""
    if isinstance(value, str) and value.strip().casefold() in _NO_WORDS:
        yield warning(where, f"{shown(value)} is a text, which the server reads as true")


def unknown_key_warnings(post: JudgedPost, *, is_update: bool) -> Iterator[Problem]:
    """Advice about the keys and the settings of a post."""
    path = post.path
    if not post.given.keys() <= _POST_KEYS:
        yield from unknown_keys(post.given, _POST_KEYS, path, "a post")
    if post.given.get("group") is not None:
        message = "names a group of posts, which are deleted when this one is stored"
        yield warning(f"{path}group", message, "leave it out; copied from a listed post?")
    if post.given.get("type") is not None:
        yield warning(f"{path}type", "belongs to the request, not to a post")
    yield from _entries(post, is_update=is_update)
    yield from _settings(post)


def _entries(post: JudgedPost, *, is_update: bool) -> Iterator[Problem]:
    given = as_list(post.given.get("value"))
    for place, entry in enumerate(post.entries):
        where = f"{post.path}value.{place}"
        if not entry.keys() <= _ENTRY_KEYS:
            yield from unknown_keys(entry, _ENTRY_KEYS, f"{where}.", "a part")
        if entry.get("id") and not is_update:
            message = "is the id of a stored post, which this one replaces"
            yield warning(f"{where}.id", message, "leave it out; copied from a listed post?")
        content, sent = entry["content"], as_object(given[place]).get("content")
        if content is not sent and content != sent:
            message = f"{shown(sent)} is no text: the server takes it for {shown(content)}"
            yield warning(f"{where}.content", message)
        if isinstance(content, str) and not content.isascii() and _TURNS.search(content):
            message = "has characters that turn the direction of the text"
            yield warning(f"{where}.content", message)
        if entry.get("delay"):
            yield from _delay(entry["delay"], f"{where}.delay", is_first=place == 0)


def _delay(delay: object, where: str, *, is_first: bool) -> Iterator[Problem]:
    if not isinstance(delay, int | float):
        return
    if is_first:
        yield warning(where, "of the first part is ignored", "the date says when it is published")
    elif delay < 0:
        yield warning(where, "is negative, which counts as 0")
    elif delay != int(delay):
        yield warning(where, "is no number of whole minutes")


# ------------------------------------------------------------------ settings


def _settings(post: JudgedPost) -> Iterator[Problem]:
    given, path = post.given.get("settings"), f"{post.path}settings"
    if given is not None and not is_object(given):
        yield warning(path, f"{shown(given)} is no object: the server takes it for none")
    if post.provider is None or not is_object(given):
        return
    told = given.get("__type")
    if told is not None and told != post.channel.provider:
        message = f"{shown(told)} is ignored: the channel is one of {post.channel.provider}"
        yield warning(f"{path}.__type", message)
    names = _names(post.provider.settings)
    for name in given.keys() - names if not given.keys() <= names else ():
        if not name.startswith("plug-"):
            message = f"is no setting of {post.provider.name}: ignored"
            yield warning(f"{path}.{name}", message, closest(name, names - _OWN_SETTINGS))
    yield from _fields(fields_of(post.provider.settings), given, f"{path}.")


@cache
def _names(settings: type[ProviderSettings]) -> frozenset[str]:
    return _OWN_SETTINGS | {field.name for field in fields_of(settings)}


def _fields(
    fields: Iterable[SettingsField], given: Mapping[str, object], path: str
) -> Iterator[Problem]:
    for field in fields:
        value = given.get(field.name)
        advised = field.advised_when
        if advised is not None and not is_truthy(value) and holds(advised, given):
            yield warning(f"{path}{field.name}", "is missing: accepted, but it cannot work")
        if value is None:
            continue
        if field.kind == "boolean" and isinstance(value, str):
            yield from read_as_true(value, f"{path}{field.name}")
        if field.known and value not in field.known:
            hint = closest(value, field.known)
            yield warning(f"{path}{field.name}", f"{shown(value)} is not known", hint)
        if field.fields:
            yield from _inside(field, value, f"{path}{field.name}")


def _inside(field: SettingsField, value: object, path: str) -> Iterator[Problem]:
    if is_object(value):
        yield from _fields(field.fields, value, f"{path}.")
    for place, each in enumerate(as_list(value)):
        if is_list(each):
            yield warning(f"{path}.{place}", "is a list where an object belongs")
        yield from _fields(field.fields, as_object(each), f"{path}.{place}.")
