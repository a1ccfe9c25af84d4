"""The constraints that the server puts on values, with its texts. PURE.

A constraint is given a converted value and the object that it is in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from postiz_async._content.html import sanitise
from postiz_async._content.length import utf16_length
from postiz_async._validation.formats import (
    characters,
    is_iso_date,
    is_loose_url,
    is_postable,
    is_url,
)
from postiz_async._validation.javascript import (
    ABSENT,
    as_list,
    as_object,
    is_blank,
    is_list,
    is_number,
    is_object,
)
from postiz_async.errors import InvalidPostError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


Passes: TypeAlias = "Callable[[object, Mapping[str, object]], bool]"


_SPACE = re.compile(r"\s")

_PLAIN_PARAGRAPH = re.compile(r"<p>([^<>&\0]*)</p>")
"""Of its text the server removes nothing."""


class Constraint(NamedTuple):
    """One constraint of a field.

    `text` is what the server says: after the path of the field if it begins with `must` or
    `should`, else after the path of the object that the field is in. `known` are good values.
    """

    kind: str
    passes: Passes
    text: str
    known: Sequence[str] = ()


# ------------------------------------------------------------------ what is what


def _is_defined(value: object, _: object) -> bool:
    return value is not None and value is not ABSENT


def _is_text(value: object, _: object) -> bool:
    return type(value) is str


def _is_boolean(value: object, _: object) -> bool:
    return type(value) is bool


def _is_number(value: object, _: object) -> bool:
    return is_number(value)


def _is_list(value: object, _: object) -> bool:
    return type(value) is list


def _is_nested(value: object, _: object) -> bool:
    return value is ABSENT or is_object(value) or is_list(value)


def _are_numbers(value: object, _: object) -> bool:
    return all(map(is_number, value if is_list(value) else [value]))


_NO_NUMBER = "must be a number conforming to the specified constraints"

DEFINED = Constraint("defined", _is_defined, "should not be null or undefined")
TEXT = Constraint("string", _is_text, "must be a string")
BOOLEAN = Constraint("boolean", _is_boolean, "must be a boolean value")
NUMBER = Constraint("number", _is_number, _NO_NUMBER)
LIST = Constraint("list", _is_list, "must be an array")


def nested_text(name: str, *, each: bool) -> str:
    """What the server says about a value that is not an object."""
    every = "each value in " if each else ""
    return f"{every}nested property {name} must be either object or array"


def nested(name: str, *, each: bool) -> Constraint:
    """A value, or each value of a list, is an object; what is inside is looked at elsewhere."""
    return Constraint("nested", _is_nested, nested_text(name, each=each))


def each_number(name: str) -> Constraint:
    """All values of a list are numbers; they are not converted."""
    return Constraint("each_number", _are_numbers, f"each value in {name} {_NO_NUMBER}")


# ------------------------------------------------------------------ bounds


def _of_text(fits: Callable[[str], bool]) -> Passes:
    return lambda value, _: isinstance(value, str) and fits(value)


def _of_number(fits: Callable[[float], bool]) -> Passes:
    return lambda value, _: isinstance(value, int | float) and fits(value)


def min_length(least: float) -> Constraint:
    """A text of at least this many characters."""
    passes = _of_text(lambda text: characters(text) >= least)
    return Constraint("min_length", passes, f"must be longer than or equal to {least} characters")


def max_length(most: float) -> Constraint:
    """A text of at most this many characters."""
    passes = _of_text(lambda text: characters(text) <= most)
    return Constraint("max_length", passes, f"must be shorter than or equal to {most} characters")


def minimum(least: float) -> Constraint:
    """A number that is not less."""
    passes = _of_number(lambda number: number >= least)
    return Constraint("minimum", passes, f"must not be less than {least}")


def maximum(most: float) -> Constraint:
    """A number that is not greater."""
    passes = _of_number(lambda number: number <= most)
    return Constraint("maximum", passes, f"must not be greater than {most}")


def min_items(least: float) -> Constraint:
    """A list of at least this many items."""

    def passes(items: object, _: object) -> bool:
        return is_list(items) and len(items) >= least

    return Constraint("min_items", passes, f"must contain at least {least} elements")


def max_items(most: float) -> Constraint:
    """A list of at most this many items."""

    def passes(items: object, _: object) -> bool:
        return is_list(items) and len(items) <= most

    return Constraint("max_items", passes, f"must contain no more than {most} elements")


NOT_EMPTY = min_items(1)


def max_total(most: float) -> Constraint:
    """The labels of all tags together; a label with white space counts two more."""

    def passes(tags: object, _: object) -> bool:
        return sum(map(_cost, as_list(tags))) <= most

    text = f"The maximum allowed is {most} characters in total for all tags."
    return Constraint("total", passes, text)


def _cost(tag: object) -> int:
    label = as_object(tag).get("label")
    return utf16_length(label) + 2 * bool(_SPACE.search(label)) if isinstance(label, str) else 0


# ------------------------------------------------------------------ formats


def enum(values: Sequence[str]) -> Constraint:
    """One of a closed set of texts."""
    text = f"must be one of the following values: {', '.join(values)}"
    return Constraint("enum", _of_text(frozenset(values).__contains__), text, values)


def pattern(expression: str, name: str) -> Constraint:
    """A text that a regular expression matches."""
    matches = re.compile(expression.removesuffix("$") + r"\Z" * expression.endswith("$")).match
    passes = _of_text(lambda text: matches(text) is not None)
    return Constraint("pattern", passes, f"{name} must match {expression} regular expression")


def _says_something(content: object, entry: Mapping[str, object]) -> bool:
    text = content if isinstance(content, str) else ""
    if text[:1].isalnum():  # as nearly always
        return True
    first = _PLAIN_PARAGRAPH.match(text)
    if first is not None and not is_blank(first[1]):
        return True
    if not is_blank(text.partition("<")[0]) or as_list(entry.get("image")):
        return True
    try:
        return not is_blank(_without_tags(sanitise(text)))
    except InvalidPostError:  # too much of it to be looked at; said where lengths are counted
        return True


def _without_tags(text: str) -> str:
    first, *others = text.split("<")
    return first + "".join(other.rpartition(">")[2] for other in others)


DATE = Constraint("date", _of_text(is_iso_date), "must be a valid ISO 8601 date string")
URL = Constraint("is_url", _of_text(is_url), "must be a URL address")
LOOSE_URL = Constraint("loose_url", _of_text(is_loose_url), "Invalid URL")
EXTENSION = Constraint(
    "extension",
    _of_text(is_postable),
    "File must have a valid extension: .png, .jpg, .jpeg, .gif, .webp, or .mp4",
)
CONTENT = Constraint(
    "content", _says_something, " If images do not exist, content must be a non-empty string."
)
