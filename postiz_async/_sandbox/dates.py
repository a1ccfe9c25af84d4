"""Read and write dates as the server does.

What the validator accepted, any form of ISO 8601, is read by a date library: strictly if it ends in
`Z` or has an offset, else by a loose pattern of digit groups, as UTC. The server fails on a date
that only the validator accepts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

_LOOSE = re.compile(
    r"(\d{4})[-/]?(\d{1,2})?[-/]?(\d{0,2})"
    r"[Tt\s]*(\d{1,2})?:?(\d{1,2})?:?(\d{1,2})?[.:]?(\d+)?",
    re.ASCII,
)

_STRICT = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?"
    r"(?:[T\s](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?"
    r"(?:[zZ]|([+-])(\d\d):?(\d\d)?)?",
    re.ASCII,
)

MINUTE_MS, DAY_MS = 60_000, 86_400_000
"""Durations in milliseconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def read_date(text: str) -> int | None:
    """Read a date as milliseconds since the epoch; None if only the validator accepts it."""
    if not text.lower().endswith("z"):
        loose = _LOOSE.fullmatch(text)
        if loose is not None:
            *parts, fraction = loose.groups()
            return _moment(parts, int((fraction or "0")[:3]))
    strict = _STRICT.fullmatch(text)
    if strict is None:
        return None
    *parts, fraction, sign, hours, minutes = strict.groups()
    moment = _moment(parts, int(((fraction or "") + "000")[:3]))
    if moment is None or sign is None:
        return moment
    shift = (int(hours) * 60 + int(minutes or 0)) * 60_000
    return moment - shift if sign == "+" else moment + shift


def _moment(parts: Iterable[str | None], milliseconds: int) -> int | None:
    """Combine year to second; days, hours and minutes beyond their range carry over."""
    year, month, day, hour, minute, second = parts
    months = int(year or 0) * 12 + int(month or 1) - 1
    try:
        first = datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
        moment = first + timedelta(
            days=int(day or 1) - 1,
            hours=int(hour or 0),
            minutes=int(minute or 0),
            seconds=int(second or 0),
            milliseconds=milliseconds,
        )
    except (ValueError, OverflowError):
        return None
    return (moment - _EPOCH) // _MILLISECOND


def to_datetime(milliseconds: int) -> datetime:
    """The moment as an aware datetime in UTC."""
    return _EPOCH + milliseconds * _MILLISECOND


def iso(milliseconds: int) -> str:
    """A date with milliseconds and `Z`, as most answers have it."""
    return f"{naive_iso(milliseconds)}.{milliseconds % 1000:03d}Z"


def naive_iso(milliseconds: int) -> str:
    """A date without milliseconds and zone, as few answers have it."""
    moment = to_datetime(milliseconds)
    return moment.replace(microsecond=0, tzinfo=None).isoformat()


def day_of(milliseconds: int) -> str:
    """A date without its time."""
    return to_datetime(milliseconds).date().isoformat()
