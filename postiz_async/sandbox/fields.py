"""What the settings of a network consist of: fields, and the checks of each in the server's order.

A value has been converted to the declared type of its field before it is checked.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeGuard

from postiz_async.sandbox.rules import (
    MISSING,
    is_list,
    is_mapping,
    nested_value,
    to_boolean,
    to_number,
    to_text,
)
from postiz_async.sandbox.urls import is_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from postiz_async.sandbox.releases import Release, Version

__all__ = [
    "BOOLEAN",
    "DEFINED",
    "LIST",
    "NUMBER",
    "NUMBERS",
    "TEXT",
    "TOTAL_OF_LABELS",
    "URL",
    "FieldCheck",
    "FieldRule",
    "FieldType",
    "at_least",
    "at_most",
    "length",
    "matches",
    "max_items",
    "max_length",
    "min_items",
    "min_length",
    "one_of",
]

FieldType = Literal["text", "number", "boolean", "object", "list", "media", "any"]

_BEGINNING: Version = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class FieldCheck:
    """One rule on a value.

    Attributes:
        holds: Whether a value keeps the rule.
        words: What is wrong otherwise; `{}` stands for the name of the field.
        schema: What the rule adds to the JSON schema of the field.
        needs_value: Comes first, wherever it is declared.
    """

    holds: Callable[[object], bool]
    words: str
    schema: dict[str, object]
    needs_value: bool = False


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A field of the settings, or of an object within them.

    Attributes:
        name: Its key.
        checks: The rules, in the order of the server's declaration.
        type: What values are converted to; `any` leaves them alone, `media` is a media object.
        optional: Whether null and a missing key are accepted unchecked.
        when: Says by all settings whether the field is checked at all.
        fields: Those of the object, or of each object of the list.
        is_many: Whether its object is declared as a list of objects.
        since: First release with the field.
        until: First release without it.
        default: What a missing key becomes.
    """

    name: str
    checks: tuple[FieldCheck, ...] = ()
    type: FieldType = "text"
    optional: bool = False
    when: Callable[[Mapping[str, object]], bool] | None = None
    fields: tuple[FieldRule, ...] = ()
    is_many: bool = False
    since: Version = _BEGINNING
    until: Version | None = None
    default: object = MISSING

    def is_in(self, release: Release) -> bool:
        """Whether a release has the field."""
        return release.since(self.since) and (self.until is None or not release.since(self.until))

    def applies(self, value: object, settings: Mapping[str, object]) -> bool:
        """Whether the value is checked."""
        if self.optional and (value is None or value is MISSING):
            return False
        return self.when is None or self.when(settings)

    def broken(self, value: object) -> list[str]:
        """The words of the checks that fail, those on missing values first."""
        failed = [check for check in self.checks if not check.holds(value)]
        failed.sort(key=lambda check: not check.needs_value)
        return [check.words.replace("{}", self.name) for check in failed]

    def convert(self, value: object) -> object:
        """The value in its declared type; null and a missing key stay, lists in lists too."""
        if self.fields:
            return _convert_nested(value, self.fields)
        if is_list(value):
            return [item if is_list(item) else self.convert(item) for item in value]
        if self.type == "media":
            return _convert_nested(value, _MEDIA)
        conversion = _CONVERSIONS.get(self.type)
        return value if conversion is None else conversion(value)


def _convert_nested(value: object, fields: tuple[FieldRule, ...]) -> object:
    if is_list(value):
        return [item if is_list(item) else _convert_nested(item, fields) for item in value]
    if not is_mapping(value):
        return value
    known = {field.name: field for field in fields}
    return {key: known[key].convert(item) if key in known else item for key, item in value.items()}


_CONVERSIONS: dict[str, Callable[[object], object]] = {
    "text": to_text,
    "number": to_number,
    "boolean": to_boolean,
}
_MEDIA = tuple(map(FieldRule, ("id", "path", "alt", "thumbnail")))


def length(value: str) -> int:
    """Length in UTF-16 code units."""
    return len(value) if value.isascii() else len(value.encode("utf-16-le", "surrogatepass")) // 2


def _is_there(value: object) -> bool:
    return value is not None and value is not MISSING


def _is_finite(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _are_numbers(value: object) -> bool:
    return all(map(_is_finite, value)) if is_list(value) else _is_finite(value)


def _is_short_enough(tags: object) -> bool:
    """Labels with a blank are quoted on the way, which costs two characters."""
    labels = [nested_value(tag, "label") for tag in tags] if is_list(tags) else []
    texts = [label for label in labels if isinstance(label, str)]
    return sum(length(text) + 2 * bool(re.search(r"\s", text)) for text in texts) <= _ALL_LABELS


_ALL_LABELS = 500
_NUMBER_WORDS = "must be a number conforming to the specified constraints"

DEFINED = FieldCheck(
    _is_there, "{} should not be null or undefined", {"not": {"type": "null"}}, needs_value=True
)
TEXT = FieldCheck(lambda value: isinstance(value, str), "{} must be a string", {"type": "string"})
BOOLEAN = FieldCheck(
    lambda value: isinstance(value, bool), "{} must be a boolean value", {"type": "boolean"}
)
NUMBER = FieldCheck(_is_finite, f"{{}} {_NUMBER_WORDS}", {"type": "number"})
NUMBERS = FieldCheck(
    _are_numbers,
    f"each value in {{}} {_NUMBER_WORDS}",
    {"items": {"type": "number"}, "type": "array"},
)
LIST = FieldCheck(is_list, "{} must be an array", {"type": "array"})
URL = FieldCheck(is_url, "{} must be a URL address", {"format": "url", "type": "string"})
TOTAL_OF_LABELS = FieldCheck(
    _is_short_enough,
    f"The maximum allowed is {_ALL_LABELS} characters in total for all tags.",
    {"$ref": "#/definitions/Array"},
)


def one_of(*values: str) -> FieldCheck:
    """One of a few texts."""
    words = f"{{}} must be one of the following values: {', '.join(values)}"
    return FieldCheck(
        lambda value: value in values, words, {"type": "string", "enum": list(values)}
    )


def min_length(limit: int, words: str = "") -> FieldCheck:
    """Text of at least so many UTF-16 units."""
    return FieldCheck(
        lambda value: isinstance(value, str) and length(value) >= limit,
        words or f"{{}} must be longer than or equal to {limit} characters",
        {"minLength": limit, "type": "string"},
    )


def max_length(limit: int) -> FieldCheck:
    """Text of at most so many UTF-16 units."""
    return FieldCheck(
        lambda value: isinstance(value, str) and length(value) <= limit,
        f"{{}} must be shorter than or equal to {limit} characters",
        {"maxLength": limit, "type": "string"},
    )


def matches(pattern: re.Pattern[str], words: str) -> FieldCheck:
    """Text that a pattern matches as a whole."""
    return FieldCheck(
        lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None,
        words,
        {"pattern": pattern.pattern.replace("/", r"\/"), "type": "string"},
    )


def at_least(limit: int) -> FieldCheck:
    """A number that is not smaller."""
    return FieldCheck(
        lambda value: _is_finite(value) and value >= limit,
        f"{{}} must not be less than {limit}",
        {"minimum": limit, "type": "number"},
    )


def at_most(limit: int) -> FieldCheck:
    """A number that is not greater."""
    return FieldCheck(
        lambda value: _is_finite(value) and value <= limit,
        f"{{}} must not be greater than {limit}",
        {"maximum": limit, "type": "number"},
    )


def min_items(limit: int) -> FieldCheck:
    """A list of at least so many items."""
    return FieldCheck(
        lambda value: is_list(value) and len(value) >= limit,
        f"{{}} must contain at least {limit} elements",
        {"minItems": limit, "type": "array"},
    )


def max_items(limit: int) -> FieldCheck:
    """A list of at most so many items."""
    return FieldCheck(
        lambda value: is_list(value) and len(value) <= limit,
        f"{{}} must contain no more than {limit} elements",
        {"maxItems": limit, "type": "array"},
    )
