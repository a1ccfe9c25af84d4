"""Read the cells of one record into a row. PURE."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from html import escape
from pathlib import PurePath
from typing import Any, ClassVar, TypeVar, cast, get_args
from zoneinfo import ZoneInfo

import msgspec

from postiz_async._campaign.read.columns import COLUMNS, numbered, unknown_columns
from postiz_async._campaign.read.dates import (
    describe_absence,
    explain_unread,
    find_zone,
    read_day,
    read_time,
    read_wall,
    to_moment,
)
from postiz_async._campaign.read.read_options import Rules
from postiz_async._campaign.read.rows import MAX_ALIGN, Row, TextFormat
from postiz_async._campaign.read.settings_columns import is_setting, network_of, with_setting
from postiz_async._campaign.read.texts import (
    NO_JSON,
    CellProblem,
    cell_text,
    describe_unstorable,
    is_storable,
    read_json,
    read_shared_json,
    shown,
    tidied,
)
from postiz_async._validation.messages import did_you_mean
from postiz_async.errors import Problem
from postiz_async.models._base import describe_json_error
from postiz_async.models._durations import read_duration
from postiz_async.models.posts import NewPost, PostType, ThreadPart
from postiz_async.models.settings import ProviderSettings, RawSettings
from postiz_async.providers import PROVIDERS

Word = TypeVar("Word", bound=str)

FORMATS: tuple[TextFormat, ...] = get_args(TextFormat)
TYPES: tuple[PostType, ...] = ("schedule", "draft", "now")

MAX_REPEAT = 36_500
"""Largest interval of a repeated post, in days."""

NO_TIME = CellProblem(
    "has no time", "write it after the day, add a column of times, or say --default time=09:00"
)
"""The problem of a day without a time."""
FILL_DATES = "give it one; the command postiz-async dates fills in free times"
"""What to do about a row without a date."""
NO_CLOCK = CellProblem("is empty", "fill it in, or say --default time=09:00")
"""The problem of an empty time beside a day."""

_EXAMPLE = datetime(2027, 1, 15, 9, tzinfo=UTC)
_LINK = re.compile(r"https?://[^\s<>\"]+\.[^\s<>\"]+", re.IGNORECASE)


@dataclass(slots=True)
class RowReader:
    """Reads the cells of one record; collects problems instead of stopping at the first."""

    number: int
    record: dict[str, object]
    rules: Rules
    post: NewPost | None = None
    provider: str = ""
    providers: Collection[str] = ("",)
    problems: list[Problem] = field(default_factory=list[Problem])
    zone: ZoneInfo | None = None
    """The time zone of the date, if one is given."""
    has_date: bool = False
    """Whether the date was read, so that at most its zone is wrong."""
    is_day: bool = False
    """Whether the date is a spreadsheet cell without a time, which may mean midnight."""
    has_clock: bool = False
    """Whether the time has a cell of its own."""

    def read(self) -> Row | None:
        has_others = not self.record.keys() <= set(COLUMNS)
        if has_others:
            self.problems.extend(unknown_columns(self.record, self.number))
        if not any(map(is_filled, self.record.values())):
            self._wrong("row", "is empty", "delete it")
            return None
        self.fill_in()
        channel = self._text("channel", is_needed=True)
        date = self.moment(channel)
        values = self._values(has_others=has_others)
        if not (values.get("content") or values.get("media") or (self.post and self.post.media)):
            wrong = {problem.where for problem in self.problems}
            if not wrong & {"content", "media"}:
                self._wrong(
                    "content", "has neither text nor media", "fill it in, or delete the row"
                )
        if date is None or self.problems:
            return None
        return Row(
            number=self.number,
            channel=sys.intern(channel),
            date=date,
            **values,
        )

    def fill_in(self) -> None:
        """Fill empty cells with their defaults."""
        for name, text in self.rules.defaults.items():
            if not is_filled(self.record.get(name)):
                self.record[name] = text

    def _values(self, *, has_others: bool) -> dict[str, Any]:
        """The values of cells that have a reader."""
        said = {name for name, value in self.record.items() if value is not None and value != ""}
        said |= {"content"} if "link" in said else set()
        if has_others:
            said |= {"thread"} | {"settings" for name in said if is_setting(name)}
        values: dict[str, Any] = {"ref": ""}
        values |= {name: read(self, name) for name, read in self._readers.items() if name in said}
        if "media" in said:
            values["own_media"] = self._own_media()
        if "alt" in said:
            files = len(values.get("media", ()))
            values["alt"] = self._alt(files or len(self.post.media if self.post else ()))
        if self.post is not None:
            values["post"] = self.post
            if self.post.media and values.get("media"):
                self._wrong(
                    "media", "mixes files and uploaded media", "upload all of them, or none"
                )
        return values

    def _wrong(self, column: str, message: str, hint: str = "") -> None:
        self.problems.append(Problem(column, message, self.number, hint))

    def _says(self, name: str, word: str) -> bool:
        return str(self.record.get(name)).strip() == word

    def _text(self, name: str, *, is_needed: bool = False, hint: str = "") -> str:
        value = self.record.get(name)
        if value is not None and not isinstance(value, str):
            self._wrong(name, f"must be text, not {shown(value)}")
            return ""
        if value and ("\0" in value or not (value.isascii() or is_storable(value))):
            self._refuse_characters(name, value)
            return ""
        text = value.strip() if value else ""
        if is_needed and not text:
            self._wrong(name, "is missing", hint)
        return text

    def _refuse_characters(self, name: str, value: str) -> None:
        self._wrong(name, *describe_unstorable(value))

    def _content(self, name: str) -> str:
        text = tidied(self._text(name))
        return self._with_link(text) if "link" in self.record else text

    def _with_link(self, text: str) -> str:
        link = self._text("link")
        if link and not _LINK.fullmatch(link):
            self._wrong("link", f"{shown(link)!r} is not a web address", "https://example.com/a")
        if not link or link in text:
            return text
        if self._says("format", "html"):
            return f"{text}<p>{escape(link)}</p>"
        return f"{text}\n\n{link}" if text else link

    def _alt(self, files: int) -> tuple[str, ...]:
        value = self.record.get("alt")
        if isinstance(value, list | tuple):
            texts = [str(each).strip() for each in cast("Sequence[object]", value)]
        else:
            text = self._text("alt")
            texts = [" ".join(text.split())] if files == 1 else text.splitlines()
        for text in itertools.filterfalse(is_storable, texts):
            self._refuse_characters("alt", text)
        if any(texts) and not files:
            self._wrong("alt", "has a text, and the row has no media", "empty it, or name the file")
        elif any(texts) and len(texts) != files:
            texts_ = f"{len(texts)} text{'' if len(texts) == 1 else 's'}"
            self._wrong("alt", f"has {texts_} for {files} files", "write one a line")
        return tuple(texts) if any(texts) else ()

    def moment(self, channel: str) -> datetime | None:
        """The moment of the row, or None with a problem."""
        wall = self._wall()
        if wall is None:
            return None
        wrong = len(self.problems)
        zone = self.find_zone(channel, is_needed=wall.tzinfo is None)
        if len(self.problems) > wrong:
            return None
        self.has_date = True
        moment = to_moment(wall.replace(microsecond=0) if wall.microsecond else wall, zone)
        if isinstance(moment, CellProblem):
            has_no_zone = zone is None and wall.tzinfo is None  # if no row has one: reported once
            raw = "" if has_no_zone else f"{cell_text(wall)} "
            self._wrong("date", f"{raw}{moment.message}", moment.hint)
            return None
        return moment

    def find_zone(self, channel: str, *, is_needed: bool) -> ZoneInfo | None:
        """The zone of the row: its own, else that of its channel or of all rows."""
        name = self._text("timezone") if "timezone" in self.record else ""
        self.zone = find_zone(name) if name else self.rules.zone_of(channel)
        if name and self.zone is None and is_needed:
            self._wrong("timezone", f"{shown(name)!r} is not a time zone", "Europe/Berlin")
        return self.zone

    def _wall(self) -> datetime | None:
        """The date as written, with the time from its own column."""
        value = self.record.get("date")
        hours = self.record.get("time")
        clock = "" if hours is None else hours if isinstance(hours, time) else self._text("time")
        is_default = hours == self.rules.defaults.get("time")
        if not isinstance(value, date):
            raw = self._text("date", is_needed=True, hint=FILL_DATES)
            form, wall = self.rules.date_format, None
            if not self.rules.is_day_format:
                wall = read_wall(f"{raw} {cell_text(clock)}" if clock else raw, form)
                wall = wall or (read_wall(raw, form) if clock and is_default else None)
            if wall is not None or not raw:
                return wall
            return self._day_written(raw, clock)
        if isinstance(value, datetime):
            if clock and not is_default:
                self._wrong("time", f"says the time, and so does the date {cell_text(value)}")
                return None
            return value
        return self._combined(value, clock)

    def _day_written(self, raw: str, clock: time | str) -> datetime | None:
        """Read a day that is text, or say what is wrong with it."""
        form = self.rules.date_format
        day = read_day(raw, form) if self.rules.is_day_format or form is None else None
        if day is not None:
            return self._combined(day, clock)
        if isinstance(clock, str) and clock and read_time(clock) is None:
            self._wrong("time", f"{shown(clock)!r} is not a time of day", "write it like 09:00")
            return None
        if not clock and "time" in self.record and read_wall(f"{raw} 00:00", form) is not None:
            self._wrong("time", *NO_CLOCK)
            return None
        whole = f"{raw} {cell_text(clock)}" if clock else raw
        is_day = self.rules.is_day_format or bool(clock and form is None)
        text = raw if is_day else whole
        absent = describe_absence(text, form)
        if absent:
            self._wrong("date", f"{shown(text)!r} does not exist: {absent}")
            return None
        unread = explain_unread(raw, has_clock=bool(clock)) if form is None else None
        if unread is not None:
            self._wrong("date", *unread)
            return None
        example = f"{_EXAMPLE:{form or ('%Y-%m-%d' if is_day else '%Y-%m-%d %H:%M')}}"
        wrong = f"{shown(text)!r} is not a date this program reads"
        self._wrong("date", wrong, f"write it like {example}")
        return None

    def _combined(self, day: date, clock: time | str) -> datetime | None:
        at = clock if isinstance(clock, time) else read_time(clock)
        if at is not None:
            self.has_clock = True
            return datetime.combine(day, at)
        if clock:
            self._wrong("time", f"{shown(clock)!r} is not a time of day", "write it like 09:00")
        elif isinstance(self.record.get("date"), date):  # so a spreadsheet has midnight, too
            self.is_day = True
            return datetime.combine(day, time())
        elif "time" in self.record:
            self._wrong("time", *NO_CLOCK)
        else:
            self._wrong("date", *NO_TIME)
        return None

    def _one_of(self, name: str, words: Sequence[Word], what: str) -> Word:
        """The word of a cell; the first one of an empty cell."""
        value = self._text(name) or words[0]
        for word in words:
            if value == word:
                return word
        hint = did_you_mean(value, words) or f"one of {', '.join(words)}"
        self._wrong(name, f"{value!r} is not {what}", hint)
        return words[0]

    def _names(self, name: str) -> tuple[str, ...]:
        value = self.record.get(name)
        if value is None or value == "":
            return ()
        if isinstance(value, list | tuple):
            items = cast("Sequence[object]", value)
            names = [str(item) for item in items if isinstance(item, str | PurePath)]
            if len(names) != len(items):
                self._wrong(name, "must be a list of texts")
            for item in itertools.filterfalse(is_storable, names):
                self._refuse_characters(name, item)
        else:
            names = self._text(name).split(";")
        return tuple(dict.fromkeys(item.strip() for item in names if item.strip()))

    def _own_media(self) -> tuple[str, ...]:
        """The media that a program gave as `Path`."""
        value = self.record.get("media")
        items = cast("Sequence[object]", value) if isinstance(value, list | tuple) else ()
        return tuple(str(item).strip() for item in items if isinstance(item, PurePath))

    def _json(self, name: str, read: Callable[[str], object] = read_json) -> object:
        value = self.record.get(name)
        if not isinstance(value, str):
            return value
        if not value.strip():
            return None
        if not is_storable(value):
            self._refuse_characters(name, value)
            return None
        try:
            return read(value)
        except NO_JSON as error:
            self._wrong(name, f"is not JSON: {describe_json_error(error)}")
            return None

    def _settings(self, name: str) -> Mapping[str, object] | None:
        value = self._with_fields(self._json(name, read_shared_json))
        if value is None:
            return None
        if isinstance(value, RawSettings):
            value = {**value.values, "__type": value.provider}
        if isinstance(value, ProviderSettings):
            value = msgspec.to_builtins(value)
        if not isinstance(value, Mapping):
            self._wrong(name, f"must be a JSON object, not {shown(value)}")
            return None
        settings = cast("Mapping[str, object]", value)
        if not isinstance(self.record.get(name), str):
            settings = dict(settings)  # a program may change its own
        try:
            msgspec.json.encode(settings)
        except (TypeError, ValueError, RecursionError) as error:
            self._wrong(name, f"cannot be sent: {describe_json_error(error)}")
            return None
        return settings

    def _with_fields(self, value: object) -> object:
        """The value of the settings with the columns that are one of their fields."""
        if value is not None and not isinstance(value, Mapping):  # which is reported
            return value
        settings = cast("Mapping[str, object] | None", value)
        for column in filter(is_setting, self.record):
            text, network = self._text(column), network_of(column)
            if text and network in {"", self.provider}:
                settings = with_setting(settings or {}, column, text, self.provider)
            elif text and not {"", network} & set(self.providers):
                whose = PROVIDERS[network].name
                self._wrong(column, f"is for {whose}, which is no channel of the row", "empty it")
        return settings

    def _thread(self, name: str) -> tuple[str, ...]:
        others = [each for each in self.record if each not in COLUMNS]
        numbers = {each: n for each in others if (n := numbered(each, "thread")) is not None}
        texts = [self._text(each) for each in sorted(numbers, key=numbers.__getitem__)]
        parts = self._thread_list(name) + tuple(t.replace("\r\n", "\n") for t in texts if t)
        given = () if self.post is None else self.post.thread
        has_media = [isinstance(part, ThreadPart) and bool(part.media) for part in given]
        for part, is_shown in itertools.zip_longest(parts, has_media):
            if not part.strip() and not is_shown:
                self._wrong(name, "has an empty part")
                break
        for part in itertools.filterfalse(is_storable, parts):
            self._refuse_characters(name, part)
        return parts

    def _thread_list(self, name: str) -> tuple[str, ...]:
        given = self.record.get(name)
        text = given.strip() if isinstance(given, str) and is_storable(given) else ""
        if text and not text.startswith(("[", "{")):
            example = msgspec.json.encode([shown(text)]).decode()
            hint = f"write {example}, or use a column thread 2"
            self._wrong(name, "is not a JSON list of texts", hint)
            return ()
        value = self._json(name)
        if value is None:
            return ()
        try:
            return msgspec.convert(value, tuple[str, ...])
        except msgspec.ValidationError:
            self._wrong(name, "must be a JSON list of texts", '["second part", "third"]')
            return ()

    def _yes_no(self, name: str) -> bool:
        value = self.record.get(name)
        if isinstance(value, bool):
            return value
        text = self._text(name).lower()
        if text not in {"", "true", "false"}:
            self._wrong(name, f"{text!r} is neither true nor false")
        return text == "true"

    def _shown(self, name: str) -> str:
        value = self.record.get(name)
        return shown("" if value is None else value).strip()

    def _tolerance(self, name: str) -> timedelta | None:
        value = self.record.get(name)
        said = value.strip() if isinstance(value, str) else value
        if said == "":
            return None
        span = read_duration(said)
        if span is None or not timedelta(0) <= span <= MAX_ALIGN:
            message = f"{shown(said)!r} is not a time up to {MAX_ALIGN.days} days"
            self._wrong(name, message, "15m, 1h or 0")
        return span

    def _repeat_days(self, name: str) -> int | None:
        text = self._shown(name)
        if not text:
            return None
        is_number = text.isascii() and text.isdigit() and len(text) <= 9
        if not is_number or not 1 <= int(text) <= MAX_REPEAT:
            self._wrong(name, f"{text!r} is not a number of days from 1 to {MAX_REPEAT:,}")
            return None
        return int(text)

    _readers: ClassVar[Mapping[str, Callable[[Any, str], object]]] = {
        "ref": _text,
        "content": _content,
        "media": _names,
        "settings": _settings,
        "tags": _names,
        "type": lambda self, name: self._one_of(name, TYPES, "a type of post"),
        "thread": _thread,
        "short_link": _yes_no,
        "repeat_days": _repeat_days,
        "format": lambda self, name: self._one_of(name, FORMATS, "a format"),
        "tolerance": _tolerance,
    }
    """The readers of cells by column."""


def is_filled(value: object) -> bool:
    """Whether a cell has anything but spaces."""
    return bool(value.strip()) if isinstance(value, str) else value not in (None, [], {})
