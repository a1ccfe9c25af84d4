"""Check URLs as the server does; validate, read and write dates.

Two different readers of dates are at work. The validator accepts any ISO 8601 form, week dates
included. What passed is then read by a date library: a text that ends in `Z` or carries an
offset strictly, any other text by a loose pattern of digit groups, as UTC. A value that passes
the first and not the second causes an unhandled exception.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

EXTENSION_RULE = "File must have a valid extension: .png, .jpg, .jpeg, .gif, .webp, or .mp4"

LOOSE_URL = re.compile(
    r"(?:|(?:https?://(?:www\.|(?!www))|www\.)"
    r"(?:[A-Za-z0-9]+|[A-Za-z0-9][A-Za-z0-9-]+[A-Za-z0-9])\.\S{2,})"
)
"""Links as some settings accept them; the empty text is one too."""

_MEDIA_EXTENSIONS = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".mp4")

_MAX_LENGTH = 2084
_SCHEME = re.compile(r"(?:https?|ftp)://", re.IGNORECASE)
_PORT = re.compile(r":(\d{1,5})$")
_LABEL = re.compile(r"(?!-)[-\w\u00a1-\uffff]{1,63}(?<!-)")
_TOP_LEVEL = re.compile(r"(?:[a-z\u00a1-\uffff]{2,}|xn[-a-z0-9]{2,})", re.IGNORECASE)
_MAX_PORT = 65_535


def has_media_extension(path: object) -> bool:
    """Whether the part before any `?` has the extension of a file that a post may contain."""
    return isinstance(path, str) and path.partition("?")[0].endswith(_MEDIA_EXTENSIONS)


def is_url(value: object) -> bool:
    """Whether the validator accepts a value as a URL: it needs a dot, but not a scheme."""
    if not isinstance(value, str) or not value or len(value) > _MAX_LENGTH:
        return False
    if re.search(r"[\s<>]", value) or value.lower().startswith("mailto:"):
        return False
    scheme = _SCHEME.match(value)
    if scheme is None and ("://" in value or value.startswith("//")):
        return False
    rest = value[scheme.end() if scheme else 0 :]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    host = authority.rpartition("@")[2]
    port = _PORT.search(host)
    if port is not None:
        host = host[: port.start()]
        if not 0 < int(port[1]) <= _MAX_PORT:
            return False
    return _is_address(host.strip("[]")) or _is_domain(host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_domain(host: str) -> bool:
    labels = host.split(".")
    if len(labels) < 2 or not _TOP_LEVEL.fullmatch(labels[-1]):
        return False
    return all(_LABEL.fullmatch(label) and "_" not in label for label in labels)


_ISO_8601 = re.compile(
    r"""
    [+-]?\d{4}(?!\d\d\b)                                         # year
    (?:
      (?:
        (?P<dash>-?)(?:0[1-9]|1[0-2])                            # month
        (?:(?P=dash)(?:[12]\d|0[1-9]|3[01]))?                    # day
        | -?W(?:[0-4]\d|5[0-3])(?:-?[1-7])?                      # week, day of the week
        | -?(?:00[1-9]|0[1-9]\d|[12]\d\d|3(?:[0-5]\d|6[1-6]))    # day of the year
      )
      (?:
        [T\s]
        (?:
          (?:
            (?:(?:[01]\d|2[0-3])(?:(?P<colon>:?)[0-5]\d)?|24:?00)(?:[.,]\d+(?!:))?
          )?
          (?:(?P=colon)[0-5]\d(?:[.,]\d+)?)?
          (?:[zZ]|[+-](?:[01]\d|2[0-3]):?(?:[0-5]\d)?)?
        )?
      )?
    )?
    """,
    re.VERBOSE | re.ASCII,
)

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

MINUTE, DAY = 60_000, 86_400_000
"""Durations in milliseconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def is_iso8601(value: object) -> bool:
    """Whether the validator accepts a value as a date."""
    return isinstance(value, str) and _ISO_8601.fullmatch(value) is not None


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
