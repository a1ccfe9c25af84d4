"""Values as in the server's language, JavaScript: types, conversions, conditions. PURE.

The server converts each field to its declared type before it tests it, so `"false"` becomes true
and 7 becomes `"7"`. A list is converted element by element and stays a list.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final, Self, TypeGuard

from msgspec import UNSET

from postiz_async.providers._schema import Condition

ABSENT: Final = UNSET
"""The value of a key that is not there."""

_BLANK = "\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)

_MAX_BITS = 1024
"""The most bits of an integer; with more it is infinite."""

_FIRST_WITH_EXPONENT = 10**21

OBJECT_AS_TEXT = "[object Object]"
"""What an object becomes in a field that is declared as text."""

_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_RADIX = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")


class NotANumber(float):
    """Not a number, with the value that was given for one."""

    given: object

    def __new__(cls, given: object) -> Self:
        """Make a float that is `nan`."""
        number = super().__new__(cls, math.nan)
        number.given = given
        return number


def is_object(value: object) -> TypeGuard[dict[str, object]]:
    """Whether a value is an object."""
    return type(value) is dict


def is_list(value: object) -> TypeGuard[list[object]]:
    """Whether a value is a list."""
    return type(value) is list


def as_object(value: object) -> dict[str, object]:
    """An object; an empty one for anything else."""
    return value if type(value) is dict else {}  # pyright: ignore[reportUnknownVariableType]


def as_list(value: object) -> list[object]:
    """A list; an empty one for anything else."""
    return value if type(value) is list else []  # pyright: ignore[reportUnknownVariableType]


def is_blank(text: str) -> bool:
    """Whether a text is only white space; a zero-width space does not count as such."""
    return not text.strip(_BLANK)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a finite number."""
    if isinstance(value, int):
        return not isinstance(value, bool) and value.bit_length() <= _MAX_BITS
    return isinstance(value, float) and math.isfinite(value)


def is_truthy(value: object) -> bool:
    """Whether a value counts as true; empty lists and objects do."""
    if is_list(value) or is_object(value):
        return True
    return value is not ABSENT and bool(value) and value == value  # noqa: PLR0124 - not a number


def same(left: object, right: object) -> bool:
    """Equality without conversion: true is not 1."""
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def to_text(value: object) -> object:
    """Convert a value for a field that is declared as text."""
    return _converted(value, _text)


def to_content(value: object) -> str:
    """Convert a value for the content of a part; one that cannot be a text counts as empty."""
    text = to_text(value)
    return text if isinstance(text, str) else ""


def as_given(value: object) -> object:
    """Leave a value as it is."""
    return value


def to_list(value: object) -> object:
    """Convert a value for a field that is declared as a list: an object becomes an empty one."""
    return [] if is_object(value) else value


def to_number(value: object) -> object:
    """Convert a value for a field that is declared as a number; may be a `NotANumber`."""
    return _converted(value, _number)


def to_boolean(value: object) -> object:
    """Convert a value for a field that is declared as a boolean."""
    return _converted(value, is_truthy)


def _converted(value: object, convert: Callable[[object], object]) -> object:
    if is_list(value):
        return [each if each is None or is_list(each) else convert(each) for each in value]
    return value if value is None or value is ABSENT else convert(value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return OBJECT_AS_TEXT
    if isinstance(value, int) and abs(value) >= _FIRST_WITH_EXPONENT:
        return str(float(value)) if is_number(value) else "Infinity"
    if isinstance(value, float) and value.is_integer() and abs(value) < _FIRST_WITH_EXPONENT:
        return str(int(value))
    return str(value)


def _number(value: object) -> float:
    if isinstance(value, int | float):
        return float(value) if isinstance(value, bool) else value
    number = _parsed(value.strip(_BLANK)) if isinstance(value, str) else math.nan
    return NotANumber(value) if math.isnan(number) else number


def _parsed(text: str) -> float:
    if not text:
        return 0
    if _RADIX.fullmatch(text):
        number = int(text, 0)
        return number if number.bit_length() <= _MAX_BITS else math.inf
    return float(text) if _DECIMAL.fullmatch(text) and text.isascii() else math.nan


def holds(condition: Condition, values: Mapping[str, object]) -> bool:
    """Whether a condition holds for an object; an absent value is null."""
    field = condition.field
    found = list(_at(values, _steps(field))) if "." in field else [values.get(field)]
    value = found[0] if found else None
    match condition.op:
        case "eq":
            return same(value, condition.value)
        case "ne":
            return not same(value, condition.value)
        case "truthy":
            return is_truthy(value)
        case "flag":
            return value is True or (isinstance(value, str) and value.lower() == "true")
        case "any_eq":
            return any(same(each, condition.value) for each in found)


@cache
def _steps(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def _at(value: object, steps: Sequence[str]) -> Iterator[object]:
    for place, step in enumerate(steps):
        if step == "*":
            for each in as_list(value):
                yield from _at(each, steps[place + 1 :])
            return
        value = as_object(value).get(step)
    yield value
