"""What a campaign says of a date, as a moment; JSON; texts with `{name}` fields. PURE."""

from __future__ import annotations

import difflib
import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from postiz_async._campaign.read.cell_errors import Odd
from postiz_async._resources.channel_names import folded
from postiz_async._wire import POST_YEARS
from postiz_async.errors import BatchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import tzinfo


_DATE = re.compile(
    r"(?:(\d{4}-\d{2}-\d{2})[T ]|(\d{1,2}\.\d{1,2}\.\d{4}) )"
    r"(\d{1,2})(:\d{2}(?::\d{2}(?:\.\d+)?)?)\s?(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_DAY = re.compile(r"(?:(\d{4}-\d{2}-\d{2})|(\d{1,2}\.\d{1,2}\.\d{4}))", re.ASCII)

MAX_DEPTH = 60
"""Levels of lists and objects in a cell."""

NO_JSON = (msgspec.DecodeError, ValueError, RecursionError)
"""What reading a JSON text may raise."""


class DateProblem(NamedTuple):
    """What is wrong with a cell, and what to do."""

    message: str
    hint: str


def read_json(text: str) -> object:
    """A JSON text as a value. Raises one of `NO_JSON`."""
    value: object = msgspec.json.decode(text)
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(value, MAX_DEPTH):
        raise ValueError("it is nested too deeply")
    return value


@lru_cache(maxsize=1000)
def read_shared_json(text: str) -> object:
    """As `read_json`, but equal texts are one value: of many rows it is large. Only to be read."""
    return read_json(text)


def _is_deep(value: object, levels: int) -> bool:
    """Whether lists and objects lie in each other more than `levels` deep."""
    inner: Iterable[object] = ()
    if isinstance(value, dict):
        inner = cast("dict[str, object]", value).values()
    elif isinstance(value, list):
        inner = cast("list[object]", value)
    return levels < 0 or any(_is_deep(item, levels - 1) for item in inner)


def find_zone(name: str) -> ZoneInfo | None:
    """The time zone of this name, or None."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def no_such_zone(name: str) -> str:
    """What an error says about a name that `find_zone` does not know."""
    return f"There is no time zone {name!r}. Write it like Europe/Berlin."


def check_date_format(form: str) -> None:
    """Refuse a format that does not say year, month and day, or a time but not the hour.

    One of days alone is for files that have the time in a column of its own.

    Args:
        form: as `strptime` takes it.

    Raises:
        BatchError: it does not, or it is not a format.
    """
    written = _SAMPLE.strftime(form)
    vague = [word for word, other in _OTHERS.items() if other.strftime(form) == written]
    if vague == ["hour"] and _SAMPLE.replace(hour=10, minute=30).strftime(form) == written:
        vague = []
    if vague:
        raise BatchError(
            f"The date format {form!r} does not say the {vague[0]}. Write it like %d.%m.%Y %H:%M, "
            "with %p beside %I."
        )
    try:
        datetime.strptime(written, form)  # noqa: DTZ007  (the format need not name a zone)
    except ValueError as error:
        raise BatchError(f"The date format {form!r} cannot be read: {error}.") from None


def says_hour(form: str) -> bool:
    """Whether a format of dates has the hour."""
    return _OTHERS["hour"].strftime(form) != _SAMPLE.strftime(form)


_SAMPLE = datetime(2027, 1, 15, 9, tzinfo=UTC)
_OTHERS = {
    "year": _SAMPLE.replace(year=2028),
    "month": _SAMPLE.replace(month=2),
    "day": _SAMPLE.replace(day=16),
    "hour": _SAMPLE.replace(hour=21),
}


def read_wall(raw: str, form: str | None) -> datetime | None:
    """The date as it is written, aware if it has an offset; None if it is not a date.

    Args:
        raw: the cell.
        form: the format as `strptime` takes it; None for `2027-01-15 09:00` and its variants, and
            for `15.1.2027 09:00`: with dots nobody writes the month first.
    """
    try:
        if form is not None:
            return datetime.strptime(raw, form)  # noqa: DTZ007
        match = _DATE.fullmatch(raw)
        if match is None:
            return None
        iso, dotted, hour, rest, offset = match.groups()
        return datetime.fromisoformat(f"{_iso_day(iso, dotted)}T{hour:0>2}{rest}{offset or ''}")
    except ValueError:
        return None


def read_time(raw: str) -> time | None:
    """A time of day as people write it: `9:00`, `09:00:30`, `9.30`, `9h30`, `9:30 pm`, `9 Uhr`."""
    found = _CLOCK.fullmatch(raw.strip().casefold())
    if found is None or not (found[2] or found[4]):
        return None
    hour = int(found[1])
    if found[4] in {"am", "pm"}:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found[4] == "pm" else 0)
    try:
        return time(hour, int(found[2] or 0), int(found[3] or 0))
    except ValueError:
        return None


_CLOCK = re.compile(r"(\d{1,2})(?:[:.h](\d{2})(?:[:.](\d{2}))?)?\s*(am|pm|uhr|h)?", re.ASCII)


def read_day(raw: str, form: str | None) -> date | None:
    """A day without its time; None if it is not one. `form` as for `read_wall`."""
    try:
        if form is None:
            match = _DAY.fullmatch(raw)
            return date.fromisoformat(_iso_day(*match.groups())) if match else None
        return datetime.strptime(raw, form).date()  # noqa: DTZ007
    except ValueError:
        return None


def _iso_day(iso: str | None, dotted: str | None) -> str:
    return iso or "-".join(f"{part:0>2}" for part in reversed(str(dotted).split(".")))


def describe_absence(raw: str, form: str | None) -> str:
    """What is not there of a date that is written well: `February 2027 has no day 30`.

    Empty if it is not that. A date is written well if it can be read with another number in place
    of one of its own. `form` as for `read_wall`.
    """
    if len(raw) > _LONGEST or _read_date(raw, form) is not None:
        return ""
    found: dict[str, str] = {}
    for number in _NUMBER.finditer(raw):
        first, second = (
            _read_date(f"{raw[: number.start()]}{other}{raw[number.end() :]}", form)
            for other in ("01", "03")  # months of 31 days
        )
        if first is None or second is None:
            continue
        for part in ("day", "month", "hour", "minute", "second"):
            if getattr(first, part) != getattr(second, part):
                whose = f"{first:%B %Y} has" if part == "day" else "there is"
                found[part] = f"{whose} no {part} {number[0]}"
    return found.get("day") or next(iter(found.values()), "")


_LONGEST = 60
_NUMBER = re.compile(r"(?<!\d)\d{1,2}(?!\d)", re.ASCII)


def _read_date(raw: str, form: str | None) -> datetime | None:
    day = read_day(raw, None) if form is None else None
    return datetime.combine(day, time()) if day is not None else read_wall(raw, form)


def to_moment(wall: datetime, zone: tzinfo | None) -> datetime | DateProblem:
    """A wall-clock time in a zone; a time that the clocks skip or repeat is refused."""
    if wall.tzinfo is None and zone is None:
        return DateProblem("has no time zone", "add an offset, a timezone column, or --timezone")
    if wall.year not in POST_YEARS:
        return _TOO_FAR
    if wall.tzinfo is not None:
        return wall.astimezone(UTC)
    first, second = wall.replace(tzinfo=zone, fold=0), wall.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    back = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    what = "exists twice" if back == wall else "does not exist"
    return DateProblem(
        f"{what} in {zone}, because the clocks change",
        "choose another time, or write it in UTC, with UTC in a timezone column",
    )


def describe_drift(moment: datetime, zone: tzinfo) -> str:
    """How a date that is repeated every few days moves when the clocks change; empty if not."""
    try:
        first = moment.astimezone(zone)
        days = (moment.astimezone(zone) + timedelta(days=n) for n in range(1, 366))
        change = next((day for day in days if day.utcoffset() != first.utcoffset()), None)
    except OverflowError:
        return ""
    if change is None:
        return ""
    moved = moment + timedelta(days=(change.date() - first.date()).days)
    return (
        f"repeats at {first:%H:%M} in {zone}, and at {moved.astimezone(zone):%H:%M} "
        f"from {change.day} {change:%B %Y} on, when the clocks change"
    )


_TOO_FAR = DateProblem("is too far away", "")


def describe_lost_letters(text: str) -> str:
    """What shows that some letters of a text were lost on its way; empty if nothing does."""
    if not text.isascii():
        if "\ufffd" in text:
            return "has \ufffd where a letter was"
        for found in _MOJIBAKE.finditer(text):
            with suppress(UnicodeError):
                return f"has {found[0]!r} where {_bytes(found[0]).decode()!r} was meant"
    return "has ?? where an emoji may have been" if "??" in text and _NO_EMOJI.search(text) else ""


_CONT = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xC0))
_MOJIBAKE = re.compile(
    f"[\u00c2\u00c3][{re.escape(_CONT)}]"
    # quotation marks and dashes may stand behind these
    f"|[\u00c4\u00c5\u00ce-\u00d1](?![\u2013-\u2026\u00a0\u00ab\u00bb])[{re.escape(_CONT)}]"
    f"|[\u00e2\u00ef][{re.escape(_CONT)}]{{2}}|\u00f0[{re.escape(_CONT)}]{{3}}"
)
"""Letters of UTF-8 (Latin, Greek, Cyrillic, signs, emoji) that were read as Windows-1252."""
_NO_EMOJI = re.compile(r"(?<!\S)\?\?(?:\?\?)*(?=\s|$)")
"""An emoji that was saved as Windows-1252: nobody asks so after a space."""


def _bytes(text: str) -> bytes:
    return b"".join(
        letter.encode("latin-1") if letter in _C1 else letter.encode("cp1252") for letter in text
    )


_C1 = "\x81\x8d\x8f\x90\x9d"
"""What Windows-1252 has no letter for."""


_SIGN = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}|\{")


class Template:
    """Fills the fields of one row into its texts; collects faults instead of stopping.

    `{{` and `}}` are braces. What is filled in is not looked at again.

    Args:
        fields: value by name of column, in small letters.
    """

    def __init__(self, fields: Mapping[str, object]) -> None:
        self.fields = fields
        self.faults: list[DateProblem] = []

    def fill(self, text: str) -> str:
        """The text with its fields filled in."""
        return _SIGN.sub(self._value, text) if "{" in text or "}" in text else text

    def fill_all(self, value: object) -> object:
        """A JSON value with all its texts filled in; names of settings stay as they are."""
        if isinstance(value, str):
            return self.fill(value)
        if isinstance(value, dict):
            mapping = cast("dict[str, object]", value)
            return {name: self.fill_all(each) for name, each in mapping.items()}
        if isinstance(value, list | tuple):
            return [self.fill_all(each) for each in cast("list[object]", value)]
        return value

    def _value(self, found: re.Match[str]) -> str:
        if found[0] in {"{{", "}}"}:
            return found[0][0]
        if found[1] is None:
            return self._wrong("has a { that begins no field", "write {{ for a brace")
        name = folded(found[1])
        if name not in self.fields:
            return self._wrong(f"has the field {found[0]}, which no column has", self._hint(name))
        value = self.fields[name]
        if isinstance(value, Odd):
            return self._wrong(f"has the field {found[0]}, which {value.why}", value.hint)
        if isinstance(value, dict | list | tuple):
            return self._wrong(f"has the field {found[0]}, which is not text", "")
        return "" if value is None else str(value)

    def _hint(self, name: str) -> str:
        close = difflib.get_close_matches(name, self.fields, 1)
        return f"did you mean {{{close[0]}}}?" if close else f"columns: {', '.join(self.fields)}"

    def _wrong(self, message: str, hint: str) -> str:
        self.faults.append(DateProblem(message, hint))
        return ""
