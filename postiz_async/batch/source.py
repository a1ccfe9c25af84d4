"""A campaign file to rows. Everything that is wrong is reported with row and column."""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from postiz_async.errors import BatchError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from postiz_async.models.posts import PostType

__all__ = ["COLUMNS", "Campaign", "Row", "read_campaign"]

COLUMNS = {
    "integration": "the channel: its id, its name, or its provider when there is only one",
    "date": "when, like 2027-01-15 09:00 or 2027-01-15T09:00:00+01:00",
    "timezone": "the zone of a date without an offset, like Europe/Berlin",
    "content": "the text",
    "media": "files relative to the campaign, separated by ;",
    "settings": "the provider's settings as a JSON object",
    "tags": "names of existing tags, separated by ;",
    "type": "schedule (default), draft or now",
    "thread": "further parts as a JSON list of texts",
    "short_link": "true or false (default)",
    "repeat_days": "repeat every so many days, for ever",
    "ref": "a name of your own for the row; made from its content if absent",
}
TYPES: tuple[PostType, ...] = ("schedule", "draft", "now")

_DATE = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.0+)?\s?(Z|[+-]\d{2}:?\d{2})?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One post of a campaign. `number` counts like a spreadsheet; `date` is in UTC."""

    number: int
    ref: str
    integration: str
    date: datetime
    content: str = ""
    media: tuple[str, ...] = ()
    settings: Mapping[str, object] | None = None
    tags: tuple[str, ...] = ()
    type: PostType = "schedule"
    thread: tuple[str, ...] = ()
    short_link: bool = False
    repeat_days: int | None = None

    @property
    def fingerprint(self) -> str:
        """A hash of all that would be sent."""
        parts = (
            self.integration, self.date.isoformat(), self.content, self.media, self.tags,
            self.type, self.thread, self.short_link, self.repeat_days,
            msgspec.json.encode(self.settings, order="deterministic").decode(),
        )  # fmt: skip
        return _hash(*parts)


@dataclass(frozen=True, slots=True)
class Campaign:
    """A file that was read: its rows, and what is wrong with the others."""

    path: Path
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


def read_campaign(path: Path, *, timezone: str | None = None) -> Campaign:
    """Read a CSV or JSONL file.

    Args:
        path: the file; `.jsonl` and `.ndjson` are JSON lines, everything else is CSV.
        timezone: the zone of dates that have neither an offset nor a timezone column.

    Raises:
        BatchError: the file cannot be read at all.
    """
    text = _read_text(path)
    problems: list[Problem] = []
    is_json = path.suffix.lower() in {".jsonl", ".ndjson", ".json"}
    records = _json_records(text, problems) if is_json else _csv_records(text, path, problems)
    zone = _zone(timezone) if timezone else None
    if timezone and zone is None:
        raise BatchError(f"There is no time zone {timezone!r}. Write it like Europe/Berlin.")
    rows: list[Row] = []
    seen_unknown: set[str] = set()
    for number, record in records:
        reader = _RowReader(number, record, zone, seen_unknown)
        row = reader.read()
        problems.extend(reader.problems)
        if row is not None:
            rows.append(row)
    rows = _with_refs(rows, problems)
    if not rows and not problems:
        raise BatchError(f"{path} has no rows.")
    problems.sort(key=lambda problem: problem.row or 0)
    return Campaign(path, tuple(rows), tuple(problems))


# ------------------------------------------------------------------ files


def _read_text(path: Path) -> str:
    if path.is_dir():
        raise BatchError(f"{path} is a directory; a campaign is a CSV or JSONL file.")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BatchError(f"There is no file {path}.") from None
    except OSError as error:
        raise BatchError(f"{path} cannot be read: {error.strerror}.") from error
    if not data.strip():
        raise BatchError(f"{path} is empty ({len(data)} bytes).")
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise BatchError(
            f"{path} is not UTF-8: byte 0x{data[error.start]:02x} in line {line}, column {column}. "
            "Save it as UTF-8 (in Excel: CSV UTF-8)."
        ) from None


def _csv_records(
    text: str, path: Path, problems: list[Problem]
) -> Iterator[tuple[int, dict[str, object]]]:
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            if not header:
                header = _header(cells, path)
            elif cells:
                if len(cells) > len(header):
                    extra = f"has {len(cells)} cells, the header has {len(header)}"
                    problems.append(Problem("columns", extra, number, "is a comma not quoted?"))
                    continue
                yield number, dict(zip(header, cells, strict=False))
    except csv.Error as error:
        problems.append(Problem("csv", f"cannot be read from here on: {error}", number + 1))


def _header(cells: list[str], path: Path) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    doubles = [name for name, count in Counter(names).items() if count > 1]
    if doubles:
        raise BatchError(f"{path} has the column {doubles[0]!r} twice (row 1).")
    missing = [name for name in ("integration", "date") if name not in names]
    if missing:
        raise BatchError(
            f"{path} has no column {missing[0]!r} (row 1). It has: {', '.join(names)}. "
            f"A campaign may have: {', '.join(COLUMNS)}."
        )
    return names


def _json_records(text: str, problems: list[Problem]) -> Iterator[tuple[int, dict[str, object]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield number, msgspec.json.decode(line, type=dict[str, object])
        except msgspec.DecodeError as error:
            problems.append(Problem("json", f"is no JSON object: {error}", number))


# ------------------------------------------------------------------ cells


class _RowReader:
    """Reads the cells of one record; collects problems instead of stopping at the first."""

    def __init__(
        self,
        number: int,
        record: dict[str, object],
        zone: ZoneInfo | None,
        reported: set[str],
    ) -> None:
        self.number = number
        self.record = record
        self.zone = zone
        self.reported = reported
        self.problems: list[Problem] = []

    def read(self) -> Row | None:
        self._unknown_columns()
        if not any(value not in (None, "", [], {}) for value in self.record.values()):
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
        if not row.content.strip() and not row.media:
            self._wrong("content", "has neither text nor media")
        return None if self.problems else row

    def _wrong(self, column: str, message: str, hint: str = "") -> None:
        self.problems.append(Problem(column, message, self.number, hint))

    def _unknown_columns(self) -> None:
        for name in self.record:
            if name in COLUMNS or name in self.reported:
                continue
            self.reported.add(name)
            close = difflib.get_close_matches(name, COLUMNS, 1)
            hint = f"do you mean {close[0]!r}?" if close else f"known: {', '.join(COLUMNS)}"
            self._wrong(name or "(no name)", "is no column of a campaign", hint)

    def _text(self, name: str) -> str:
        value = self.record.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            self._wrong(name, f"must be a text, not {_shown(value)}")
            return ""
        if "\x00" in value or _has_surrogates(value):
            self._wrong(name, "contains characters that are no text (NUL or half a character)")
            return ""
        return value.strip()

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
            wall = datetime.fromisoformat(f"{day}T{time}")
        except ValueError:
            self._wrong("date", f"{raw!r} is no date this program reads", "2027-01-15 09:00")
            return None
        if offset:
            offset = "+00:00" if offset == "Z" else offset
            return datetime.fromisoformat(f"{day}T{time}{offset}").astimezone(UTC)
        name = self._text("timezone")
        zone = _zone(name) if name else self.zone
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
        return tuple(dict.fromkeys(item.strip() for item in names if item.strip()))

    def _json(self, name: str) -> object:
        value = self.record.get(name)
        if not isinstance(value, str):
            return value
        if not value.strip():
            return None
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError as error:
            self._wrong(name, f"is no JSON: {error}")
            return None

    def _settings(self) -> dict[str, object] | None:
        value = self._json("settings")
        if value is None:
            return None
        try:
            return msgspec.convert(value, dict[str, object])
        except msgspec.ValidationError:
            self._wrong("settings", f"must be a JSON object, not {_shown(value)}")
            return None

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
        return parts

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
        text = value if isinstance(value, str) else "" if value is None else str(value)
        if not text.strip():
            return None
        if not text.strip().isascii() or not text.strip().isdigit() or int(text) < 1:
            self._wrong(name, f"{text!r} is not a number of days")
            return None
        return int(text)


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _has_surrogates(text: str) -> bool:
    return any(0xD800 <= ord(char) <= 0xDFFF for char in text)


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _with_refs(rows: list[Row], problems: list[Problem]) -> list[Row]:
    """Give rows without a ref one that their content makes; equal rows are counted."""
    counts: Counter[str] = Counter()
    owners: dict[str, int] = {}
    result: list[Row] = []
    for row in rows:
        if row.ref:
            if row.ref in owners:
                message = f"{row.ref!r} is the ref of row {owners[row.ref]} already"
                problems.append(Problem("ref", message, row.number))
                continue
            owners[row.ref] = row.number
            result.append(row)
            continue
        base = _hash(row.integration, row.date.isoformat(), row.content, row.thread, row.media)
        counts[base] += 1
        result.append(replace(row, ref=base if counts[base] == 1 else f"{base}-{counts[base]}"))
    return result
