"""Field rules in the words of the server's validator, and its conversion of types.

A rule looks at one field and returns what is wrong with it, in the order in which the server
lists it. Messages begin with the field; a caller further out puts the path in front.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "MISSING",
    "as_mapping",
    "defined",
    "is_list",
    "is_mapping",
    "nested_value",
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
    """The field is there and text; anything but null and a missing key converts to text."""
    absent = defined(name, value)
    return [*absent, f"{name} must be a string"] if absent else []


def prefixed(path: str, messages: Sequence[str]) -> list[str]:
    """Put the path of the object in front of what is wrong with its fields."""
    return [f"{path}.{message}" for message in messages]


def to_text(value: object) -> object:
    """Convert to text; null and a missing key stay."""
    if value is None or value is MISSING or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_list(value):
        return ",".join("" if item is None else str(to_text(item)) for item in value)
    return "[object Object]" if is_mapping(value) else str(value)


def to_number(value: object) -> object:
    """Convert to a number, perhaps not a number; null and a missing key stay."""
    if value is None or value is MISSING:
        return value
    if isinstance(value, bool | int | float):
        return whole_numbers(float(value))
    text = str(to_text(value)).strip()
    try:
        return whole_numbers(float(text)) if text else 0
    except ValueError:
        return math.nan


def to_boolean(value: object) -> object:
    """Convert to a boolean: any text but the empty one is true; null and a missing key stay."""
    if value is None or value is MISSING or isinstance(value, bool):
        return value
    return True if is_list(value) or is_mapping(value) else bool(value)


def whole_numbers(value: float) -> float:
    """Numbers are of one kind: a whole one is written without a fraction."""
    return int(value) if value.is_integer() else value
