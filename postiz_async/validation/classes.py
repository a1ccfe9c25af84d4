"""The request classes that all posts share: the body, its entries and their media. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async.validation.constraints import (
    BOOLEAN,
    CONTENT,
    DATE,
    DEFINED,
    EXTENSION,
    LIST,
    NOT_EMPTY,
    NUMBER,
    TEXT,
    URL,
    nested,
)
from postiz_async.validation.javascript import is_truthy
from postiz_async.validation.shapes import AS_BOOLEAN, AS_CONTENT, AS_NUMBER, AS_TEXT, Field, Shape

if TYPE_CHECKING:
    from postiz_async.validation.constraints import Constraint

__all__ = ["ENTRY", "MEDIA", "POST", "ROOT"]


def _is_null(value: object, _: object) -> bool:
    return value is None


def _is_falsy(value: object, _: object) -> bool:
    return not is_truthy(value)


def _objects(name: str, *constraints: Constraint, inside: Shape) -> Field:
    every = (*constraints, nested(name, each=True))
    return Field(name, every, optional=False, inside=inside, each=True)


MEDIA = Shape(
    Field("id", (DEFINED, TEXT), AS_TEXT, optional=False),
    Field("path", (DEFINED, EXTENSION, TEXT), AS_TEXT, optional=False),
    Field("alt", (TEXT,), AS_TEXT, skips=_is_null),
    Field("thumbnail", (URL,), AS_TEXT, skips=_is_falsy),
)

ENTRY = Shape(
    Field("content", (DEFINED, CONTENT, TEXT), AS_CONTENT, optional=False),
    Field("id", (TEXT,), AS_TEXT, skips=_is_null),
    Field("delay", (NUMBER,), AS_NUMBER, skips=_is_null),
    _objects("image", LIST, inside=MEDIA),
)

POST = Shape(
    _objects("value", DEFINED, LIST, NOT_EMPTY, inside=ENTRY),
    Field("group", (TEXT,), AS_TEXT, skips=_is_null),
)
"""Without the channel, which was looked up before, and the settings, which depend on it."""

ROOT = Shape(
    Field("order", (TEXT,), AS_TEXT, skips=_is_null),
    Field("shortLink", (DEFINED, BOOLEAN), AS_BOOLEAN, optional=False),
    Field("inter", (NUMBER,), AS_NUMBER, skips=_is_null),
    Field("republish", (BOOLEAN,), AS_BOOLEAN, skips=_is_null),
    Field("date", (DEFINED, DATE), AS_TEXT, optional=False),
    _objects("tags", DEFINED, LIST, inside=Shape()),
)
"""Without the posts, of which at least one is wanted."""
