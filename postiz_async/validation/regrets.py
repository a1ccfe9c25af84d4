"""What the server accepts and the user regrets: the request as a whole. PURE."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Literal

from postiz_async.errors import Problem
from postiz_async.validation.dates import crashes, has_zone, is_clear, is_iso_date, moment
from postiz_async.validation.hints import closest, shown
from postiz_async.validation.javascript import as_list, is_list, is_number, is_object
from postiz_async.validation.losses import content_warnings
from postiz_async.validation.oddities import (
    read_as_true,
    unknown_key_warnings,
    unknown_keys,
    warning,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from postiz_async.validation.body import Body

__all__ = ["request_warnings"]

_TYPES = ("draft", "schedule", "now", "update")
_KEYS = frozenset(
    {
        *("type", "date", "shortLink", "tags", "posts"),
        *("order", "inter", "republish", "creationMethod"),
    }
)


def request_warnings(
    body: Body, now: datetime | None, past: Literal["error", "warning"]
) -> Iterator[Problem]:
    """Advice about a request and each of its posts."""
    given = body.given
    if not given.keys() <= _KEYS:
        yield from unknown_keys(given, _KEYS, "", "a request")
    kind = given.get("type")
    if given and kind not in _TYPES:
        yield from _type(given)
    yield from _date(body, now, past)
    for name in ("shortLink", "republish"):
        if isinstance(given.get(name), str):
            yield from read_as_true(given[name], name)
    if "inter" in given:
        yield from _repeat(body.values["inter"])
    if given.get("tags"):
        yield from _tags(body.values["tags"])
    for post in body.posts:
        yield from unknown_key_warnings(post, is_update=kind == "update")
        yield from content_warnings(post)


def _type(given: Mapping[str, object]) -> Iterator[Problem]:
    what = f"{shown(given['type'])} is no type" if "type" in given else "is missing"
    hint = closest(given["type"], _TYPES) if "type" in given else f"one of {', '.join(_TYPES)}"
    yield warning("type", f"{what}: the server schedules the post", hint)


def _date(body: Body, now: datetime | None, past: Literal["error", "warning"]) -> Iterator[Problem]:
    date = body.values.get("date")
    if not isinstance(date, str):
        return
    at = moment(date)
    if at is None and (not is_iso_date(date) or crashes(date)):
        return
    if at is None and not is_clear(date):
        message = f"{shown(date)} is read in the server's own way"
        yield warning("date", message, "write it as 2030-03-01T10:00:00Z")
    elif at is None:
        message = f"{shown(date)} is not in the calendar: the server takes a later day"
        yield warning("date", message)
    elif not has_zone(date):
        yield warning("date", f"{shown(date)} has no zone: the server takes it for UTC", "add Z")
    is_published_at_date = body.given.get("type") not in ("draft", "now", "update")
    if at and now and is_published_at_date and at < _aware(now):
        message = "is in the past: the server publishes at once"
        yield Problem("date", message, hint="type now says so openly", severity=past)


def _aware(now: datetime) -> datetime:
    return now if now.tzinfo else now.replace(tzinfo=UTC)


def _repeat(days: object) -> Iterator[Problem]:
    if is_number(days) and (days < 1 or days != int(days)):
        yield warning("inter", f"{days} is no number of whole days")


def _tags(tags: object) -> Iterator[Problem]:
    for place, tag in enumerate(as_list(tags)):
        if is_list(tag) or (is_object(tag) and not isinstance(tag.get("label"), str)):
            message = "has no text as label, by which tags are found: the server ignores it"
            yield warning(f"tags.{place}.label", message)
