"""Fill the empty dates of a table with the next free times of its channels.

A time of a channel is free if no row of the table and no post in Postiz has its minute. Rows choose
in the order of the table. Cells that are filled stay as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from itertools import chain, takewhile
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from postiz_async._campaign.after.tables import excel_separator
from postiz_async._campaign.plan.plan import AHEAD
from postiz_async._campaign.read.cells import RowReader, is_filled
from postiz_async._campaign.read.channel_cells import ChannelWords
from postiz_async._campaign.read.dates import NO_ZONE, read_wall
from postiz_async._campaign.read.file_formats import Line, NotReadable, csv_line, is_json
from postiz_async._campaign.read.header import Columns, read_header
from postiz_async._campaign.read.read_options import (
    FileOptions,
    ReadOptions,
    Rules,
    merged_reading,
    rules_of,
)
from postiz_async._campaign.read.slots import SLOTS_LIKE, Slots, read_slots
from postiz_async._campaign.read.source import cell_problems, labelled, odd_cells, open_table
from postiz_async._campaign.read.texts import cell_text, describe_unstorable, is_storable
from postiz_async._concurrency import in_thread
from postiz_async._delivery.listing import Calendar
from postiz_async._resources.channel_names import Resolver, folded
from postiz_async._resources.listing import ListPosts
from postiz_async._resources.matching import stored_at
from postiz_async.errors import (
    CampaignError,
    ChannelNotFoundError,
    ConfigurationError,
    InvalidInputError,
    Problem,
)
from postiz_async.models.channels import Channel
from postiz_async.models.posts import Post

_AROUND = timedelta(days=31)
"""How far before the first and after the last new date posts are looked for."""
_FURTHEST = timedelta(days=3_653)
"""How far ahead a free time is looked for: repeated posts may take all of them."""
_DAY = 24 * 60
"""Minutes of a day."""
_NO_SLOTS = f'--slots "{SLOTS_LIKE}", or --channel-slots for the channel'


class FilledRow(NamedTuple):
    """A row that got a date: its number, its channels as written, and the date in its zone."""

    number: int
    channel: str
    date: datetime


@dataclass(frozen=True, slots=True)
class Filled:
    """A table with dates: as CSV, which rows got one, and warnings about the table."""

    csv: str
    rows: tuple[FilledRow, ...]
    warnings: tuple[Problem, ...]


async def fill_dates(
    path: Path,
    reading: ReadOptions,
    slots: Mapping[str, str],
    *,
    list_channels: Callable[[], Awaitable[Sequence[Channel]]],
    list_posts: ListPosts,
    now: datetime,
    start: datetime | None = None,
) -> Filled:
    """Fill the empty dates of a table. Writes nothing, neither a file nor in Postiz.

    Args:
        path: a CSV file or a spreadsheet.
        reading: how it is read, besides what is saved next to it.
        slots: when posts are published, by channel (its id, name or provider), with "" for others.
        list_channels: `postiz.channels.list`.
        list_posts: `postiz.posts.list`.
        now: the time.
        start: no row gets an earlier date.

    Raises:
        ConfigurationError: slots cannot be read, or there are none.
        CampaignError: the table cannot be read at all.
        InvalidInputError: it has a cell that is needed and cannot be read.
        ChannelNotFoundError: `slots` has a channel that does not exist.
        PostizError: channels or posts could not be listed.
    """
    if is_json(path):
        raise CampaignError(f"{path} is no table: dates are filled into CSV or a spreadsheet.")
    if not slots:
        raise ConfigurationError(f'Say when posts are published: --slots "{SLOTS_LIKE}".')
    times = {word: read_slots(text) for word, text in slots.items()}
    kept = await in_thread(partial(FileOptions.saved, path))
    rules = rules_of(merged_reading(reading, kept), kept.columns)
    listed = await list_channels()
    by_channel: dict[str, Slots] = {}
    for word, each in times.items():
        channel = Resolver(listed).match(word, "--channel-slots") if word else None
        if isinstance(channel, ChannelNotFoundError):
            raise channel
        by_channel[channel.id if channel else ""] = each
    table = await in_thread(partial(_Table.read, path, rules, listed, by_channel))
    first = max(now + AHEAD, start or now)
    calendar, seen_to = Calendar(list_posts), first
    dates = table.choose((), first)
    while dates and (last := max(dates.values())) >= seen_to:
        await calendar.span(first - _AROUND if seen_to == first else seen_to, last + _AROUND)
        seen_to = last + _AROUND
        dates = table.choose(calendar.posts.values(), first)
    return table.filled(dates)


@dataclass(slots=True)
class _Row:
    """A row of the table; `dates` are those that it has on its channels, by their ids."""

    number: int
    cells: list[str]
    channel: str = ""
    ids: tuple[str, ...] = ()
    dates: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    zone: ZoneInfo | None = None
    slots: Slots | None = None
    repeat_days: int | None = None


class _TakenTimes:
    """The minutes of channels that have a post, which may be repeated after some days."""

    def __init__(self) -> None:
        self._minutes: defaultdict[str, set[int]] = defaultdict(set)
        self._repeated: defaultdict[str, dict[tuple[int, int], int]] = defaultdict(dict)
        """The first minute by period and by minute of the period."""

    def add(self, channels: Iterable[str], moment: datetime, days: int | None) -> None:
        """Note a post of each of these channels."""
        minute = _minute(moment)
        for channel in channels:
            self._minutes[channel].add(minute)
            if days:
                firsts, key = self._repeated[channel], (days * _DAY, minute % (days * _DAY))
                firsts[key] = min(minute, firsts.get(key, minute))

    def has(self, channel: str, moment: datetime) -> bool:
        """Whether a post has the minute of a moment."""
        minute, firsts = _minute(moment), self._repeated[channel]
        return minute in self._minutes[channel] or any(
            firsts.get((period, minute % period), minute + 1) <= minute
            for period in {period for period, _ in firsts}
        )


def _minute(moment: datetime) -> int:
    return int(moment.timestamp()) // 60


@dataclass(slots=True)
class _Table:
    path: Path
    rules: Rules
    header: list[str]
    date: int
    """The place of the column of dates."""
    time: int | None
    """The place of the column of times, if there is one that dates need."""
    rows: list[_Row] = field(default_factory=list[_Row])
    warnings: list[Problem] = field(default_factory=list[Problem])

    @classmethod
    def read(
        cls, path: Path, rules: Rules, listed: Sequence[Channel], slots: Mapping[str, Slots]
    ) -> _Table:
        """Read a table; all that is wrong with it is one error."""
        rules = replace(rules, needed=("channel",))
        warnings: list[Problem] = []
        reader, number = _Reader(rules, listed, slots), 0
        with open_table(path, rules, warnings) as lines:
            head, whole = _peeked(lines)
            columns = read_header(whole, str(path), rules)
            header = list(map(cell_text, head))
            targets = list(rules.meanings(list(map(folded, header))))
            for needed in ("date", "time") if rules.is_day_format else ("date",):
                if needed not in targets:
                    header.append(needed)
                    targets.append(needed)
            has_times = "time" in targets and (rules.date_format is None or rules.is_day_format)
            times = targets.index("time") if has_times else None
            table = cls(path, rules, header, targets.index("date"), times, [], warnings)
            try:
                for line in whole:
                    number = line.number
                    cells = [table.text(place, cell) for place, cell in enumerate(line.cells)]
                    cells = [*cells[: len(header)], *[""] * (len(header) - len(cells))]
                    for name, text in zip(header, cells, strict=True):
                        if not is_storable(text):
                            reader.wrong(number, name, *describe_unstorable(text))
                    if row := reader.read(_Row(number, cells), line, columns):
                        table.rows.append(row)
            except NotReadable as error:
                reader.wrong(number + 1, "csv", str(error))
        if reader.problems:
            raise InvalidInputError(list(labelled(reader.problems, columns.labels)))
        return table

    def text(self, place: int, cell: object) -> str:
        """A cell as text; a date of a spreadsheet in the format of the others."""
        form = self.rules.date_format
        if place == self.date and form is not None and isinstance(cell, date):
            return f"{cell:{form}}"
        return cell_text(cell)

    def choose(self, posts: Iterable[Post], first: datetime) -> dict[int, datetime]:
        """The dates of rows that have none, from `first` on, by number of the row."""
        taken = self._taken(posts)
        coming: dict[tuple[object, ...], Iterator[datetime]] = {}
        dates: dict[int, datetime] = {}
        for row in self.rows:
            if row.slots is None or row.zone is None:
                continue
            key = row.ids, row.slots, row.zone
            if key not in coming:
                after = row.slots.after(first - timedelta(microseconds=1), row.zone)
                coming[key] = takewhile(lambda at: at < first + _FURTHEST, after)
            free = (at for at in coming[key] if not any(taken.has(id_, at) for id_ in row.ids))
            slot = next(free, None)
            if slot is None:
                raise CampaignError(f"Row {row.number} gets no date: all its times are taken.")
            dates[row.number] = slot
            taken.add(row.ids, slot, row.repeat_days)
        return dates

    def _taken(self, posts: Iterable[Post]) -> _TakenTimes:
        """The minutes that posts in Postiz and rows with a date have; failed posts have none."""
        taken = _TakenTimes()
        for post in posts:
            if post.channel is not None and post.state != "ERROR":
                taken.add([post.channel.id], stored_at(post), post.interval_in_days)
        for row in self.rows:
            for id_, at in row.dates.items():
                taken.add([id_], at, row.repeat_days)
        return taken

    def filled(self, dates: Mapping[int, datetime]) -> Filled:
        """The table with dates."""
        separator, done = excel_separator(), list[FilledRow]()
        lines = [csv_line(self.header, separator, _as_it_is)]
        for row in self.rows:
            if row.number in dates:
                at = dates[row.number].astimezone(row.zone)
                done.append(FilledRow(row.number, row.channel, at))
                row.cells[self.date] = self._written(at)
                if self.time is not None:
                    row.cells[self.time] = f"{at:%H:%M}"
            lines.append(csv_line(row.cells, separator, _as_it_is))
        return Filled("\ufeff" + "".join(lines), tuple(done), tuple(self.warnings))

    def _written(self, at: datetime) -> str:
        """A date as the table writes dates."""
        form = self.rules.date_format
        if self.time is not None:
            return f"{at:{form or '%Y-%m-%d'}}"
        text = f"{at:{form or '%Y-%m-%d %H:%M'}}"
        read = read_wall(text, form)
        if read != (at if read is not None and read.tzinfo else at.replace(tzinfo=None)):
            raise CampaignError(f"The date format {form!r} cannot say {at:%Y-%m-%d %H:%M}.")
        return text


def _as_it_is(cell: object) -> object:
    return cell


def _peeked(lines: Iterator[Line]) -> tuple[Sequence[object], Iterator[Line]]:
    """The cells of the first line, and all lines."""
    try:
        first = next(lines, None)
    except NotReadable as error:
        raise CampaignError(f"The table {error} (row 1).") from None
    return (first.cells, chain([first], lines)) if first is not None else ((), lines)


class _Reader:
    """Reads what choosing a date takes of a row, and collects problems."""

    def __init__(self, rules: Rules, listed: Sequence[Channel], slots: Mapping[str, Slots]) -> None:
        self._rules = rules
        self._slots = slots
        self._channels = Resolver(listed)
        self._words = ChannelWords.of((each.name, each.id, each.provider) for each in listed)
        self.problems: list[Problem] = []

    def wrong(self, number: int, column: str, message: str, hint: str = "") -> None:
        """Note a problem."""
        self.problems.append(Problem(column, message, number, hint))

    def read(self, row: _Row, line: Line, columns: Columns) -> _Row | None:
        """Complete a row with what its cells say; None if they do not fit the header."""
        found = columns.record(line.cells)
        if isinstance(found, str):
            self.wrong(row.number, "columns", found)
            return None
        self.problems += cell_problems(odd_cells(found), columns, row.number)
        record = {columns.meanings[name]: cell for name, cell in found.items()}
        reader = RowReader(row.number, record, self._rules)
        reader.fill_in()
        row.channel = cell_text(record.get("channel") or "").strip()
        names = [name for name in self._words.split(row.channel).values() if name]
        channels = [self._channels.match(name) for name in names]
        for each in channels:
            if isinstance(each, ChannelNotFoundError):
                self.problems += [replace(problem, row=row.number) for problem in each.problems]
        row.ids = tuple(each.id for each in channels if isinstance(each, Channel))
        days = cell_text(record.get("repeat_days") or "").strip()
        row.repeat_days = int(days) if days.isascii() and days.isdigit() else None
        if not names:
            self.wrong(row.number, "channel", "is missing")
        elif is_filled(record.get("date")):
            dates = {id_: reader.moment(name) for id_, name in zip(row.ids, names, strict=False)}
            row.dates = {id_: at for id_, at in dates.items() if at is not None}
        elif is_filled(time := record.get("time")) and time != self._rules.defaults.get("time"):
            self.wrong(row.number, "time", "is filled, and the date is empty", "empty it, too")
        elif len(row.ids) == len(names):
            self._find_slots(row, reader, names)
        self.problems += dict.fromkeys(reader.problems)  # what several channels have is one
        return row

    def _find_slots(self, row: _Row, reader: RowReader, names: Sequence[str]) -> None:
        """Give a row without a date its zone and its slots."""
        zones = {reader.find_zone(name, is_needed=True) for name in names}
        slots = {self._slots.get(id_) or self._slots.get("") for id_ in row.ids}
        row.zone, row.slots = zones.pop(), slots.pop()
        if zones or slots:
            what = "time zones" if zones else "slots"
            self.wrong(row.number, "channel", f"has {what} that differ", "make it several rows")
        elif row.slots is None:
            self.wrong(row.number, "date", "is empty, and its channel has no slots", _NO_SLOTS)
        elif row.zone is None and not reader.problems:
            self.wrong(row.number, "date", *NO_ZONE)
