"""Rules for the fields of settings, with the messages and the order of the server's validator.

A value is converted to the declared type of its field before it is checked. A rule checks one
field and returns its violations; messages begin with the field, and the caller puts the path in
front.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeGuard

from postiz_async._sandbox.rows import Release, Version
from postiz_async._sandbox.rules.formats import is_url


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()
"""The value of a missing key, which is not the same as null."""

JS_BLANKS = (
    " \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""The characters that JavaScript trims."""

_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_MAX_BITS = 1024
_FIRST_WITH_EXPONENT = 10**21
_OBJECT = "[object Object]"
_OTHER_BASE = re.compile(r"0(?:x[\da-f]+|o[0-7]+|b[01]+)", re.ASCII | re.IGNORECASE)


def is_mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    """Whether the value is a JSON object."""
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[list[object]]:
    """Whether the value is a JSON array."""
    return isinstance(value, list)


def as_mapping(value: object) -> Mapping[str, object]:
    """The JSON object, or an empty one for any other value."""
    return value if is_mapping(value) else {}


def nested_value(value: object, *path: str) -> object:
    """The value at nested keys; MISSING if a key is missing or there is no object."""
    for key in path:
        if not is_mapping(value):
            return MISSING
        value = value.get(key, MISSING)
    return value


def defined(name: str, value: object) -> list[str]:
    """Check that the field is present and not null."""
    if value is None or value is MISSING:
        return [f"{name} should not be null or undefined"]
    return []


def required_text(name: str, value: object) -> list[str]:
    """Check that the converted field is present and text; any present value but a list is."""
    if isinstance(value, str):
        return []
    return [*defined(name, value), f"{name} must be a string"]


def optional_text(name: str, value: object) -> list[str]:
    """Check that the converted field is text, null or missing."""
    return [] if value is None or value is MISSING else required_text(name, value)


def leaves(path: str, value: object) -> Iterator[tuple[str, object]]:
    """The items of a list and of nested lists, each with its path; any other value as it is."""
    waiting = [(path, value)]
    while waiting:
        place, each = waiting.pop()
        if is_list(each):
            waiting += [(f"{place}.{index}", inner) for index, inner in enumerate(each)][::-1]
        else:
            yield place, each


def nested_violations(
    name: str,
    value: object,
    rules: Callable[[Mapping[str, object]], list[str]],
    *,
    is_many: bool = True,
) -> tuple[list[str], list[str]]:
    """The violations of the value itself, and those inside of its objects.

    An object instead of a list of objects is checked too, and so are objects in nested lists.
    """
    each = "each value in " if is_many else ""
    complaint = f"{each}nested property {name} must be either object or array"
    if value is MISSING:
        return [], []
    if not is_list(value) and not is_mapping(value):
        return [complaint], []
    nested: list[str] = []
    for path, item in leaves(name, value):
        if is_mapping(item):
            nested += prefixed(path, rules(item))
        else:
            nested.append(f"{path.rpartition('.')[0]}.{complaint}")
    return [], nested


def prefixed(path: str, messages: Sequence[str]) -> list[str]:
    """Put the path of the object in front of the violations of its fields."""
    return [f"{path}.{message}" for message in messages]


def to_text(value: object) -> object:
    """Convert to text; null and a missing key stay, a list is converted item by item."""
    return _converted(value, _text)


def to_number(value: object) -> object:
    """Convert to a number, which may be NaN; the same values stay as in `to_text`."""
    return _converted(value, _number)


def to_boolean(value: object) -> object:
    """Convert to a boolean: any text but the empty one is true; the rest as in `to_text`."""
    return _converted(value, is_truthy)


def is_truthy(value: object) -> bool:
    """Whether a value is truthy in JavaScript."""
    return value is not MISSING and (is_list(value) or is_mapping(value) or bool(value))


def _converted(value: object, convert: Callable[[object], object]) -> object:
    if is_list(value):
        return [each if each is None or is_list(each) else convert(each) for each in value]
    return value if value is None or value is MISSING else convert(value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, int) and abs(value) >= _FIRST_WITH_EXPONENT:
        return str(float(value))
    return _OBJECT if is_mapping(value) else str(value)


def _number(value: object) -> float:
    if isinstance(value, bool | int | float):
        return whole_numbers(float(value))
    text = _text(value).strip(JS_BLANKS)
    if not text:
        return 0
    if _OTHER_BASE.fullmatch(text):
        number = int(text, 0)
        return number if number.bit_length() <= _MAX_BITS else math.inf
    return whole_numbers(float(text)) if _DECIMAL.fullmatch(text) else math.nan


def whole_numbers(value: float) -> float:
    """A number as JavaScript writes it: a whole one without a fraction."""
    return int(value) if value.is_integer() else value


FieldType = Literal["text", "number", "boolean", "object", "list", "media", "any"]

_BEGINNING: Version = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class FieldCheck:
    """One rule on a value.

    Attributes:
        holds: Whether a value satisfies the rule.
        words: The message if not; `{}` stands for the name of the field.
        schema: The keys that the rule adds to the JSON schema of the field.
        needs_value: Whether its message comes first, wherever it is declared.
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
        type: The type to which values are converted; `any`: none, `media`: a media object.
        optional: Whether null and a missing key are accepted unchecked.
        when: Decides from all settings whether the field is checked at all.
        fields: The fields of the object, or of each object of the list.
        is_many: Whether its object is declared as a list of objects.
        since: First release with the field.
        until: First release without it.
        default: The value of a missing key.
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
        """The messages of the checks that fail, those on missing values first."""
        failed = [check for check in self.checks if not check.holds(value)]
        if self.type == "text" and TEXT not in self.checks and is_list(value):
            failed += [TEXT] * (_OBJECT in value)
        failed.sort(key=lambda check: not check.needs_value)
        return [check.words.replace("{}", self.name) for check in failed]

    def convert(self, value: object) -> object:
        """Convert a value to its declared type; null, a missing key and nested lists stay."""
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


_SELECTORS = "\ufe0e\ufe0f"


def _letters(text: str) -> int:
    """Length in settings: a surrogate pair counts as one, a variation selector as none."""
    return len(text) - sum(b in _SELECTORS and a not in _SELECTORS for a, b in pairwise(text))


def _is_there(value: object) -> bool:
    return value is not None and value is not MISSING


def _is_finite(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _are_numbers(value: object) -> bool:
    return all(map(_is_finite, value)) if is_list(value) else _is_finite(value)


def _is_short_enough(tags: object) -> bool:
    """Whether tags are short enough; labels with a blank are quoted, which adds two characters."""
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
    """A check for one of several texts."""
    words = f"{{}} must be one of the following values: {', '.join(values)}"
    return FieldCheck(
        lambda value: value in values, words, {"type": "string", "enum": list(values)}
    )


def min_length(limit: int, words: str = "") -> FieldCheck:
    """A check for a text of at least `limit` characters."""
    return FieldCheck(
        lambda value: isinstance(value, str) and _letters(value) >= limit,
        words or f"{{}} must be longer than or equal to {limit} characters",
        {"minLength": limit, "type": "string"},
    )


def max_length(limit: int) -> FieldCheck:
    """A check for a text of at most `limit` characters."""
    return FieldCheck(
        lambda value: isinstance(value, str) and _letters(value) <= limit,
        f"{{}} must be shorter than or equal to {limit} characters",
        {"maxLength": limit, "type": "string"},
    )


def matches(pattern: re.Pattern[str], words: str) -> FieldCheck:
    """A check for a text that a pattern matches as a whole."""
    return FieldCheck(
        lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None,
        words,
        {"pattern": pattern.pattern.replace("/", r"\/"), "type": "string"},
    )


def at_least(limit: int) -> FieldCheck:
    """A check for a number of at least `limit`."""
    return FieldCheck(
        lambda value: isinstance(value, int | float) and value >= limit,
        f"{{}} must not be less than {limit}",
        {"minimum": limit, "type": "number"},
    )


def at_most(limit: int) -> FieldCheck:
    """A check for a number of at most `limit`."""
    return FieldCheck(
        lambda value: isinstance(value, int | float) and value <= limit,
        f"{{}} must not be greater than {limit}",
        {"maximum": limit, "type": "number"},
    )


def min_items(limit: int) -> FieldCheck:
    """A check for a list of at least `limit` items."""
    return FieldCheck(
        lambda value: is_list(value) and len(value) >= limit,
        f"{{}} must contain at least {limit} elements",
        {"minItems": limit, "type": "array"},
    )


def max_items(limit: int) -> FieldCheck:
    """A check for a list of at most `limit` items."""
    return FieldCheck(
        lambda value: is_list(value) and len(value) <= limit,
        f"{{}} must contain no more than {limit} elements",
        {"maxItems": limit, "type": "array"},
    )
