"""The server's constraints on values and formats, with its messages. PURE.

A constraint gets a converted value and the object that contains it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from postiz_async._content.html import sanitise
from postiz_async._content.length import utf16_length
from postiz_async._validation.javascript import (
    ABSENT,
    OBJECT_AS_TEXT,
    as_list,
    as_object,
    is_blank,
    is_list,
    is_number,
    is_object,
)
from postiz_async.errors import InvalidInputError

_LONGEST_URL = 2_084

LOOSE_URL_PATTERN = (
    r"(?:https?://(?:www\.|(?!www))|www\.)"
    r"(?:[A-Za-z0-9]+|[A-Za-z0-9][A-Za-z0-9-]+[A-Za-z0-9])\.\S{2,}"
)
_LOOSE_URL = re.compile(LOOSE_URL_PATTERN)
_NOT_IN_URL = re.compile(r"[\s<>]")
# Compiled when first used, for wide ranges take a millisecond or two.
_LABEL = r"[A-Za-z0-9\u00a1-\uffff-]{1,63}"
_TOP = r"[A-Za-z\u00a1-\ud7ff\uf900-\uffef]{2,}|[Xx][Nn][A-Za-z0-9-]{2,}"
_WIDE = re.compile(r"[\uff01-\uff5e]")

_DATE = r"""
    [+-]? \d{4} (?! \d\d \b)
    (?:
        (?P<dash>-?) (?: (?:0[1-9]|1[0-2]) (?: (?P=dash) (?:0[1-9]|[12]\d|3[01]) )? )
      | -? W (?:[0-4]\d|5[0-3]) (?: -? [1-7] )?
      | -? (?: 00[1-9] | 0[1-9]\d | [12]\d\d | 3[0-5]\d | 36[0-6] )
    )?
"""
_TIME = r"""
    (?: (?:[01]\d|2[0-3]) (?: (?P<colon>:?) [0-5]\d )? | 24:?00 )
    (?: [.,]\d+ (?!:) )?
    (?: (?(colon)(?P=colon)) [0-5]\d (?: [.,]\d+ )? )?
"""
_ZONE = r"(?: [zZ] | [+-] (?:[01]\d|2[0-3]) :? (?:[0-5]\d)? )"
_ISO = re.compile(rf"{_DATE} (?: [T\s] (?:{_TIME})? {_ZONE}? )?", re.VERBOSE | re.ASCII)

_POSTABLE = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".mp4")
_WITH_SELECTOR = re.compile("[^\ufe0e\ufe0f][\ufe0e\ufe0f]")


def characters(text: str) -> int:
    """The length of a text in settings: code points without variation selectors."""
    return len(text) - (0 if text.isascii() else len(_WITH_SELECTOR.findall(text)))


def is_postable(path: str) -> bool:
    """Whether a path ends, before any `?`, with a suffix that the server accepts for media."""
    return path.partition("?")[0].endswith(_POSTABLE)


def is_loose_url(text: str) -> bool:
    """Whether a text passes the server's plain pattern for URLs: empty, or with scheme or www."""
    return not text or _LOOSE_URL.fullmatch(text) is not None


def is_url(text: str) -> bool:
    """Whether a text passes the server's strict test for URLs; the scheme may be missing."""
    if not text or len(text) > _LONGEST_URL or _NOT_IN_URL.search(text):
        return False
    rest = re.split(r"[#?]", text, maxsplit=1)[0]
    scheme, mark, after = rest.partition("://")
    if mark:
        rest = after
    if (mark and scheme.lower() not in {"http", "https", "ftp"}) or rest.startswith(
        ("//", "mailto:")
    ):
        return False
    user, at, host = rest.partition("/")[0].rpartition("@")
    is_user = user not in {"", ":"} and user.count(":") <= 1
    return (not at or is_user) and _is_address(host)


def _is_address(address: str) -> bool:
    if address.startswith("["):
        host, bracket, port = address[1:].partition("]")
        return bool(bracket) and _is_ip(host, 6) and (not port or _is_port(port[1:]))
    host, colon, port = address.partition(":")
    return (not colon or not port or _is_port(port)) and (_is_ip(host, 4) or _is_domain(host))


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10 and 0 < int(text) <= 65_535


def _is_ip(host: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(host).version == version
    except ValueError:
        return False


def _is_domain(host: str) -> bool:
    labels = host.split(".")
    return (
        len(labels) > 1
        and re.fullmatch(_TOP, labels[-1]) is not None
        and all(_is_label(label) for label in labels)
    )


def _is_label(label: str) -> bool:
    return (
        re.fullmatch(_LABEL, label) is not None
        and not _WIDE.search(label)
        and not label.startswith("-")
        and not label.endswith("-")
    )


_CLEAR = re.compile(
    r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_CRASHES = re.compile(r"[+-]?\d{4}-?W.*|[+-]?\d{7,}.*", re.ASCII)


def is_iso_date(date: str) -> bool:
    """Whether the server accepts a text as an ISO 8601 date; it is not strict."""
    return moment(date) is not None or _ISO.fullmatch(date) is not None


def crashes(date: str) -> bool:
    """Whether the server accepts a date and then fails on it: weeks, and days without dashes."""
    return moment(date) is None and _CRASHES.fullmatch(date) is not None


def is_clear(date: str) -> bool:
    """Whether a date has the unambiguous form."""
    return _CLEAR.fullmatch(date) is not None


def has_zone(date: str) -> bool:
    """Whether an unambiguous date has a zone; otherwise the server assumes UTC."""
    return date.endswith("Z") or ("T" in date and date[-6] in "+-")


@lru_cache(maxsize=256)
def moment(date: str) -> datetime | None:
    """The moment of an unambiguous date; None for other texts, and days that do not exist."""
    if not is_clear(date) or date[11:13] == "24":  # the next day to Python since 3.14
        return None
    try:
        at = datetime.fromisoformat(date)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


Passes: TypeAlias = "Callable[[object, Mapping[str, object]], bool]"


_SPACE = re.compile(r"\s")

_PLAIN_PARAGRAPH = re.compile(r"<p>([^<>&\0]*)</p>")
"""A paragraph from whose text the server removes nothing."""


class Constraint(NamedTuple):
    """One constraint of a field.

    `text` is the server's message: after the path of the field if it begins with `must` or
    `should`, else after the path of the object with the field. `known` are valid values.
    """

    kind: str
    passes: Passes
    text: str
    known: Sequence[str] = ()


# ------------------------------------------------------------------ what is what


def _of_any(fits: Callable[[object], bool]) -> Passes:
    return lambda value, _: fits(value)


_NO_NUMBER = "must be a number conforming to the specified constraints"

DEFINED = Constraint(
    "defined",
    _of_any(lambda value: value is not None and value is not ABSENT),
    "should not be null or undefined",
)
TEXT = Constraint("string", _of_any(lambda value: type(value) is str), "must be a string")
NO_OBJECT = Constraint(
    "string", _of_any(lambda value: OBJECT_AS_TEXT not in as_list(value)), TEXT.text
)
"""Texts without a test of their own for texts refuse a list with an object all the same."""
BOOLEAN = Constraint(
    "boolean", _of_any(lambda value: type(value) is bool), "must be a boolean value"
)
NUMBER = Constraint("number", _of_any(is_number), _NO_NUMBER)
OBJECT = Constraint("object", _of_any(is_object), "must be an object")
LIST = Constraint("list", _of_any(is_list), "must be an array")


def nested_text(name: str, *, each: bool) -> str:
    """The server's message about a value that is not an object."""
    every = "each value in " if each else ""
    return f"{every}nested property {name} must be either object or array"


def nested(name: str, *, each: bool) -> Constraint:
    """A value, or each value of a list, is an object, whose fields are checked elsewhere."""
    passes = _of_any(lambda value: value is ABSENT or is_object(value) or is_list(value))
    return Constraint("nested", passes, nested_text(name, each=each))


def each_number(name: str) -> Constraint:
    """Each value of a list is a number; they are not converted."""
    passes = _of_any(lambda value: all(map(is_number, value if is_list(value) else [value])))
    return Constraint("each_number", passes, f"each value in {name} {_NO_NUMBER}")


# ------------------------------------------------------------------ bounds


def _of_text(fits: Callable[[str], bool]) -> Passes:
    return lambda value, _: isinstance(value, str) and fits(value)


def _of_number(fits: Callable[[float], bool]) -> Passes:
    return lambda value, _: isinstance(value, int | float) and fits(value)


def _of_list(fits: Callable[[list[object]], bool]) -> Passes:
    return lambda value, _: is_list(value) and fits(value)


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
    passes = _of_list(lambda items: len(items) >= least)
    return Constraint("min_items", passes, f"must contain at least {least} elements")


def max_items(most: float) -> Constraint:
    """A list of at most this many items."""
    passes = _of_list(lambda items: len(items) <= most)
    return Constraint("max_items", passes, f"must contain no more than {most} elements")


NOT_EMPTY = min_items(1)


def max_total(most: float) -> Constraint:
    """The labels of all tags together; a label with white space counts two more."""
    passes = _of_any(lambda tags: sum(map(_cost, as_list(tags))) <= most)
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
        plain, *others = sanitise(text).split("<")
        return not is_blank(plain + "".join(other.rpartition(">")[2] for other in others))
    except InvalidInputError:  # too long to be parsed; reported where lengths are counted
        return True


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
