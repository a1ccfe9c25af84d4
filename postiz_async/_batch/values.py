"""What a campaign says of a date, as a moment, and texts with `{name}` fields. PURE."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from postiz_async.errors import BatchError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

__all__ = [
    "DateProblem",
    "Template",
    "check_date_format",
    "find_zone",
    "read_wall",
    "to_moment",
]


_DATE = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.0+)?\s?(Z|[+-]\d{2}:?\d{2})?"
)


class DateProblem(NamedTuple):
    """What is wrong with a cell, and what to do."""

    message: str
    hint: str


def find_zone(name: str) -> ZoneInfo | None:
    """The time zone of this name, or None."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def check_date_format(form: str) -> None:
    """Refuse a format that does not say year, month, day and hour.

    Raises:
        BatchError: it does not, or it is not a format.
    """
    written = _SAMPLE.strftime(form)
    vague = [word for word, other in _OTHERS.items() if other.strftime(form) == written]
    if vague:
        raise BatchError(
            f"The date format {form!r} does not say the {vague[0]}. Write it like %d.%m.%Y %H:%M, "
            "with %p beside %I."
        )
    try:
        datetime.strptime(written, form)  # noqa: DTZ007  (the format need not name a zone)
    except ValueError as error:
        raise BatchError(f"The date format {form!r} cannot be read: {error}.") from None


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
        form: the format as `strptime` takes it; None for `2027-01-15 09:00` and its variants.
    """
    try:
        if form is not None:
            return datetime.strptime(raw, form)  # noqa: DTZ007
        match = _DATE.fullmatch(raw)
        day, time, offset = match.groups() if match else ("", "", "")
        return datetime.fromisoformat(f"{day}T{time}{offset or ''}")
    except ValueError:
        return None


def to_moment(wall: datetime, zone: tzinfo | None) -> datetime | DateProblem:
    """A wall-clock time in a zone; a time that the clocks skip or repeat is refused."""
    try:
        if wall.tzinfo is not None:
            return wall.astimezone(UTC)
    except OverflowError:
        return _TOO_FAR
    if zone is None:
        return DateProblem("has no time zone", "add an offset, a timezone column, or --timezone")
    if not 1 < wall.year < 9999:
        return _TOO_FAR
    first, second = wall.replace(tzinfo=zone, fold=0), wall.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    back = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    what = "exists twice" if back == wall else "does not exist"
    return DateProblem(
        f"{what} in {zone}, because the clocks change",
        "write it with an offset, like 2027-03-28T01:30:00+01:00",
    )


_TOO_FAR = DateProblem("is too far away", "")


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
        name = found[1].strip().lower()
        if name not in self.fields:
            return self._wrong(f"has the field {found[0]}, which no column has", self._hint(name))
        value = self.fields[name]
        if isinstance(value, dict | list | tuple):
            return self._wrong(f"has the field {found[0]}, which is not text", "")
        return "" if value is None else str(value)

    def _hint(self, name: str) -> str:
        close = difflib.get_close_matches(name, self.fields, 1)
        return f"do you mean {{{close[0]}}}?" if close else f"columns: {', '.join(self.fields)}"

    def _wrong(self, message: str, hint: str) -> str:
        self.faults.append(DateProblem(message, hint))
        return ""
