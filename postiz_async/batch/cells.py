"""The cells of one record to a row. PURE."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from postiz_async.batch.rows import COLUMNS, Row
from postiz_async.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from postiz_async.models.posts import PostType

__all__ = ["NO_JSON", "RowReader", "find_zone", "read_json", "shown", "unknown_columns"]

TYPES: tuple[PostType, ...] = ("schedule", "draft", "now")

MAX_REPEAT = 36_500
"""Days after which a post may be repeated at most."""

MAX_DEPTH = 60
"""Levels of lists and objects in a cell."""

NO_JSON = (msgspec.DecodeError, ValueError, RecursionError)
"""What reading a JSON text may raise."""

_DATE = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.0+)?\s?(Z|[+-]\d{2}:?\d{2})?"
)


def read_json(text: str) -> object:
    """A JSON text as a value. Raises one of `NO_JSON`."""
    value: object = msgspec.json.decode(text)
    if _is_deep(value, MAX_DEPTH):
        raise ValueError("it is nested too deeply")
    return value


def _is_deep(value: object, levels: int) -> bool:
    """Whether lists and objects lie in each other more than `levels` deep."""
    inner: Iterable[object] = ()
    if isinstance(value, dict):
        inner = cast("dict[str, object]", value).values()
    elif isinstance(value, list):
        inner = cast("list[object]", value)
    return levels < 0 or any(_is_deep(item, levels - 1) for item in inner)


def unknown_columns(names: Iterable[str], number: int) -> Iterator[Problem]:
    """A problem for each name that no column has."""
    for name in names:
        if name not in COLUMNS:
            close = difflib.get_close_matches(name, COLUMNS, 1)
            hint = f"do you mean {close[0]!r}?" if close else f"known: {', '.join(COLUMNS)}"
            yield Problem(shown(name) or "(no name)", "is no column of a campaign", number, hint)


class RowReader:
    """Reads the cells of one record; collects problems instead of stopping at the first."""

    def __init__(self, number: int, record: dict[str, object], zone: ZoneInfo | None) -> None:
        self.number = number
        self.record = record
        self.zone = zone
        self.problems: list[Problem] = []

    def read(self) -> Row | None:
        self.problems.extend(unknown_columns(self.record, self.number))
        if not any(_is_filled(value) for value in self.record.values()):
            self._wrong("row", "is empty", "delete it")
            return None
        date = self._date()
        repeat = self._whole_number("repeat_days")
        row = Row(
            number=self.number,
            ref=self._text("ref"),
            integration=self._needed("integration"),
            date=date or datetime.fromtimestamp(0, UTC),
            content=self._content(),
            media=self._names("media"),
            settings=self._settings(),
            tags=self._names("tags"),
            type=self._type(),
            thread=self._thread(),
            short_link=self._yes_no("short_link"),
            repeat_days=repeat,
        )
        wrong = {problem.where for problem in self.problems}
        if not row.content and not row.media and not wrong & {"content", "media"}:
            self._wrong("content", "has neither text nor media")
        return None if self.problems else row

    def _wrong(self, column: str, message: str, hint: str = "") -> None:
        self.problems.append(Problem(column, message, self.number, hint))

    def _text(self, name: str) -> str:
        value = self.record.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            self._wrong(name, f"must be a text, not {shown(value)}")
            return ""
        return value.strip() if self._is_text(name, value) else ""

    def _is_text(self, name: str, value: str) -> bool:
        """Whether every character can be stored; databases refuse NUL and half characters."""
        is_text = "\x00" not in value and not _has_surrogates(value)
        if not is_text:
            self._wrong(name, "contains characters that are no text (NUL or half a character)")
        return is_text

    def _needed(self, name: str) -> str:
        value = self._text(name)
        if not value and name not in {problem.where for problem in self.problems}:
            self._wrong(name, "is missing")
        return value

    def _content(self) -> str:
        text = self._text("content")
        return text.replace("\r\n", "\n")

    def _date(self) -> datetime | None:
        raw = self._needed("date")
        if not raw:
            return None
        match = _DATE.fullmatch(raw)
        try:
            day, time, offset = match.groups() if match else ("", "", "")
            wall = datetime.fromisoformat(f"{day}T{time}{offset or ''}")
            if wall.tzinfo is not None:
                return wall.astimezone(UTC)
        except (ValueError, OverflowError):
            hint = "2027-01-15 09:00"
            self._wrong("date", f"{shown(raw)!r} is no date this program reads", hint)
            return None
        return self._zoned(wall, raw)

    def _zoned(self, wall: datetime, raw: str) -> datetime | None:
        name = self._text("timezone")
        zone = find_zone(name) if name else self.zone
        if zone is None:
            if name:
                self._wrong("timezone", f"{name!r} is no time zone", "Europe/Berlin")
            else:
                self._wrong(
                    "date",
                    f"{raw!r} has no time zone",
                    "add an offset, a timezone column, or --timezone",
                )
            return None
        return self._moment(wall, zone, raw)

    def _moment(self, wall: datetime, zone: ZoneInfo, raw: str) -> datetime | None:
        """A wall-clock time in a zone; a time that the clocks skip or repeat is refused."""
        first, second = wall.replace(tzinfo=zone), wall.replace(tzinfo=zone, fold=1)
        if not 1 < wall.year < 9999:
            self._wrong("date", f"{raw!r} is too far away")
            return None
        if first.utcoffset() == second.utcoffset():
            return first.astimezone(UTC)
        back = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
        what = "exists twice" if back == wall else "does not exist"
        self._wrong(
            "date",
            f"{raw!r} {what} in {zone.key}, because the clocks change",
            "write it with an offset, like 2027-03-28T01:30:00+01:00",
        )
        return None

    def _type(self) -> PostType:
        value = self._text("type") or "schedule"
        for kind in TYPES:
            if value == kind:
                return kind
        close = difflib.get_close_matches(value.lower(), TYPES, 1)
        hint = f"do you mean {close[0]!r}?" if close else f"one of {', '.join(TYPES)}"
        self._wrong("type", f"{value!r} is no type of post", hint)
        return "schedule"

    def _names(self, name: str) -> tuple[str, ...]:
        value = self.record.get(name)
        if isinstance(value, list):
            items = cast("list[object]", value)
            names = [item for item in items if isinstance(item, str)]
            if len(names) != len(items):
                self._wrong(name, "must be a list of texts")
        else:
            names = self._text(name).split(";")
        names = [item for item in names if self._is_text(name, item)]
        return tuple(dict.fromkeys(item.strip() for item in names if item.strip()))

    def _json(self, name: str) -> object:
        value = self.record.get(name)
        if not isinstance(value, str):
            return value
        if not value.strip():
            return None
        try:
            return read_json(value)
        except NO_JSON as error:
            self._wrong(name, f"is no JSON: {error}")
            return None

    def _settings(self) -> dict[str, object] | None:
        value = self._json("settings")
        if value is None:
            return None
        if not isinstance(value, dict):
            self._wrong("settings", f"must be a JSON object, not {shown(value)}")
            return None
        settings = cast("dict[str, object]", value)
        try:
            msgspec.json.encode(settings)
        except (TypeError, ValueError, RecursionError) as error:
            self._wrong("settings", f"cannot be sent: {error}")
            return None
        return settings

    def _thread(self) -> tuple[str, ...]:
        value = self._json("thread")
        if value is None:
            return ()
        try:
            parts = msgspec.convert(value, tuple[str, ...])
        except msgspec.ValidationError:
            self._wrong("thread", "must be a JSON list of texts", '["second part", "third"]')
            return ()
        if not all(part.strip() for part in parts):
            self._wrong("thread", "has an empty part")
        return tuple(part for part in parts if self._is_text("thread", part))

    def _yes_no(self, name: str) -> bool:
        value = self.record.get(name)
        if isinstance(value, bool):
            return value
        text = self._text(name).lower()
        if text not in {"", "true", "false"}:
            self._wrong(name, f"{text!r} is neither true nor false")
        return text == "true"

    def _whole_number(self, name: str) -> int | None:
        value = self.record.get(name)
        text = shown("" if value is None else value).strip()
        if not text:
            return None
        is_number = text.isascii() and text.isdigit() and len(text) <= 9
        if not is_number or not 1 <= int(text) <= MAX_REPEAT:
            self._wrong(name, f"{text!r} is not a number of days from 1 to {MAX_REPEAT:,}")
            return None
        return int(text)


def _is_filled(value: object) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value not in (None, [], {})


def find_zone(name: str) -> ZoneInfo | None:
    """The time zone of this name, or None."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def shown(value: object) -> str:
    """A value for a message, cut to 40 characters."""
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _has_surrogates(text: str) -> bool:
    return any(0xD800 <= ord(char) <= 0xDFFF for char in text)
