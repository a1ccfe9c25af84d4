"""Field rules in the words of the server's validator, and its conversion of types.

A rule looks at one field and returns what is wrong with it, in the order in which the server
lists it. Messages begin with the field; a caller further out puts the path in front.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = [
    "JS_BLANKS",
    "MISSING",
    "as_mapping",
    "defined",
    "is_list",
    "is_mapping",
    "is_truthy",
    "leaves",
    "nested_value",
    "optional_text",
    "prefixed",
    "required_text",
    "to_boolean",
    "to_number",
    "to_text",
    "whole_numbers",
]


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()
"""Stands for a key that is not there, which is not the same as null."""

JS_BLANKS = (
    " \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What the server's language trims."""

_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_MAX_BITS = 1024
_FIRST_WITH_EXPONENT = 10**21
_OTHER_BASE = re.compile(r"0(?:x[\da-f]+|o[0-7]+|b[01]+)", re.ASCII | re.IGNORECASE)


def is_mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    """Whether the value is a JSON object."""
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[list[object]]:
    """Whether the value is a JSON array."""
    return isinstance(value, list)


def as_mapping(value: object) -> Mapping[str, object]:
    """The JSON object, or an empty one in the place of anything else."""
    return value if is_mapping(value) else {}


def nested_value(value: object, *path: str) -> object:
    """Follow keys; a missing one, or no object on the way, gives MISSING."""
    for key in path:
        if not is_mapping(value):
            return MISSING
        value = value.get(key, MISSING)
    return value


def defined(name: str, value: object) -> list[str]:
    """The field is there and not null."""
    if value is None or value is MISSING:
        return [f"{name} should not be null or undefined"]
    return []


def required_text(name: str, value: object) -> list[str]:
    """The converted field is there and text; of values that are there only lists are none."""
    if isinstance(value, str):
        return []
    return [*defined(name, value), f"{name} must be a string"]


def optional_text(name: str, value: object) -> list[str]:
    """The converted field is text, null or not there."""
    return [] if value is None or value is MISSING else required_text(name, value)


def leaves(path: str, value: object) -> Iterator[tuple[str, object]]:
    """What is in a list, and in the lists in it, each with its path; the value if it is none."""
    waiting = [(path, value)]
    while waiting:
        place, each = waiting.pop()
        if is_list(each):
            waiting += [(f"{place}.{index}", inner) for index, inner in enumerate(each)][::-1]
        else:
            yield place, each


def prefixed(path: str, messages: Sequence[str]) -> list[str]:
    """Put the path of the object in front of what is wrong with its fields."""
    return [f"{path}.{message}" for message in messages]


def to_text(value: object) -> object:
    """Convert to text; null and a missing key stay, a list is converted item by item."""
    return _converted(value, _text)


def to_number(value: object) -> object:
    """Convert to a number, perhaps not a number; what stays is what `to_text` lets be."""
    return _converted(value, _number)


def to_boolean(value: object) -> object:
    """Convert to a boolean: any text but the empty one is true; the rest as with `to_text`."""
    return _converted(value, is_truthy)


def is_truthy(value: object) -> bool:
    """Whether the server's language takes a value for true."""
    return value is not MISSING and (is_list(value) or is_mapping(value) or bool(value))


def _converted(value: object, convert: Callable[[object], object]) -> object:
    if is_list(value):
        return [each if each is None or is_list(each) else convert(each) for each in value]
    return value if value is None or value is MISSING else convert(value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) >= _FIRST_WITH_EXPONENT:
        return str(float(value))
    return "[object Object]" if is_mapping(value) else str(value)


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
    """Numbers are of one kind: a whole one is written without a fraction."""
    return int(value) if value.is_integer() else value
