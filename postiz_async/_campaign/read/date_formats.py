"""Which format reads the dates of a column, where it is not known. PURE."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from postiz_async._campaign.read.values import read_wall, says_hour
from postiz_async.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime


class FoundFormat(NamedTuple):
    """A format, and how many of the dates it reads; `first` is the first of these."""

    form: str
    read: int
    first: datetime


_TOKEN = re.compile(r"\d+|[^\W\d_]+|.", re.DOTALL)
_OFFSET = re.compile(r"(?:Z|[+-]\d{2}:?\d{2})$")
_MONTHS = "january february march april may june july august september october november december"
_DAYS = "monday tuesday wednesday thursday friday saturday sunday"
_NAMES = {
    **dict.fromkeys(_MONTHS.split(), "%B"),
    **{name[:3]: "%b" for name in _MONTHS.split() if name != "may"},
    **dict.fromkeys(_DAYS.split(), "%A"),
    **{name[:3]: "%a" for name in _DAYS.split()},
    **dict.fromkeys(("am", "pm"), "%p"),
}
_ORDERS = (("%d", "%m", "%Y"), ("%m", "%d", "%Y"), ("%Y", "%m", "%d"))
_NAMED_ORDERS = (("%d", "%Y"), ("%Y", "%d"))
_LONGEST = 60


def find_formats(dates: Sequence[str]) -> list[FoundFormat]:
    """The formats that read the most of some dates; several if their order can be meant so or so.

    They come from how a few of the dates are written. An order of day and month is kept beside
    another one only where both read as many.
    """
    samples = _samples(dates)
    forms = dict.fromkeys(form for text in samples for form in _forms(text))
    forms = forms or dict.fromkeys(form for text in samples for form in _forms(text, is_day=True))
    found: list[FoundFormat] = []
    for form in forms:
        moments = [moment for text in dates if (moment := read_wall(text, form)) is not None]
        if moments:
            found.append(FoundFormat(form, len(moments), moments[0]))
    most = max((each.read for each in found), default=0)
    best = [each for each in found if each.read == most]
    return [each for place, each in enumerate(best) if _is_new(each, best[:place], dates)]


def explain_dates(undated: Sequence[tuple[int, str]]) -> tuple[Problem, set[int]] | None:
    """What reads the dates of a column of which none was read, if anything reads most of them.

    Args:
        undated: the rows with their dates.

    Returns:
        One problem, and the rows that it is about.
    """
    formats = find_formats([text for _, text in undated])
    if not formats or formats[0].read * 2 < len(undated):
        return None
    rows = {row for row, text in undated if read_wall(text, formats[0].form) is not None}
    number, text = next((row, text) for row, text in undated if row in rows)
    formats = [each for each in formats if read_wall(text, each.form) is not None]
    options = [f"--date-format {each.form!r}" for each in formats]
    hint = f"say {options[0]}"
    if not says_hour(formats[0].form):
        hint += ", and the time by a column, --column NAME=time, or --default time=09:00"
    if len(formats) > 1:
        readings = [
            f"{option} for {each.first.day} {each.first:%B}"
            for option, each in zip(options, formats, strict=True)
        ]
        hint = f"say which is meant: {' or '.join(readings)}"
    if len(rows) < len(undated):
        hint += f"; that reads {len(rows):,} of them"
    one = f"{text!r} is not a date this program reads"
    many = f"none of the {len(undated):,} dates can be read as they are written, like {text!r}"
    return Problem("date", one if len(undated) == 1 else many, number, hint), rows


def looks_like_date(text: str) -> bool:
    """Whether a text is a date in some way, with its time or without."""
    return len(text) <= _LONGEST and any(
        read_wall(text, form) is not None for form in _forms(text, is_day=True)
    )


def _samples(dates: Sequence[str]) -> list[str]:
    """Some of the dates that are written in different ways."""
    ways: dict[str, str] = {}
    for text in dates:
        if len(text) <= _LONGEST:
            ways.setdefault(re.sub(r"\d+", "0", text), text)
        if len(ways) == 3:
            break
    return list(ways.values())


def _is_new(each: FoundFormat, before: Sequence[FoundFormat], dates: Sequence[str]) -> bool:
    """Whether a format reads some date differently than those before it."""
    return all(
        any(read_wall(text, each.form) != read_wall(text, other.form) for text in dates)
        for other in before
    )


def _forms(text: str, *, is_day: bool = False) -> Iterator[str]:
    """The formats that a date may have by how it is written."""
    offset = _OFFSET.search(text)
    tokens = _TOKEN.findall(text[: offset.start()] if offset else text)
    numbers = [place for place, token in enumerate(tokens) if token.isdecimal()]
    names = {place: _NAMES.get(token.casefold()) for place, token in enumerate(tokens)}
    has_month = any(name in {"%B", "%b"} for name in names.values())
    for order in _NAMED_ORDERS if has_month else _ORDERS:
        has_noon = "%p" in names.values()
        clock = ("%I" if has_noon else "%H", "%M", "%S")
        rest = numbers[len(order) :]
        if len(numbers) < len(order) or len(rest) > 3 or not (rest or is_day):
            continue
        signs = dict(zip(numbers, (*order, *clock), strict=False))
        if any(len(tokens[place]) > (4 if sign == "%Y" else 2) for place, sign in signs.items()):
            continue
        year = next(place for place, sign in signs.items() if sign == "%Y")
        if len(tokens[year]) <= 2:
            signs[year] = "%y"
            if order[0] == "%Y":
                continue
        form = "".join(
            signs.get(place) or names[place] or token.replace("%", "%%")
            for place, token in enumerate(tokens)
        ) + ("%z" if offset else "")
        if is_day or says_hour(form):
            yield form
            if "may" in map(str.casefold, tokens):  # which is as long when it is shortened
                yield form.replace("%B", "%b")
