"""Read a campaign into rows, and report every problem with row and column."""

from __future__ import annotations

import math
from collections.abc import AsyncIterable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache, partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, cast

import anyio.lowlevel
import anyio.to_thread
from msgspec import structs

from postiz_async._campaign.read.cells import NO_CLOCK, NO_TIME, RowReader
from postiz_async._campaign.read.channel_cells import ChannelWords
from postiz_async._campaign.read.columns import is_column, numbered
from postiz_async._campaign.read.dates import describe_drift
from postiz_async._campaign.read.file_formats import (
    Line,
    NotReadable,
    csv_lines,
    is_json,
    is_spreadsheet,
    json_records,
    open_campaign,
)
from postiz_async._campaign.read.header import Columns, is_header, read_header
from postiz_async._campaign.read.read_options import Advice, ReadOptions, Rules, rules_of, warning
from postiz_async._campaign.read.rows import (
    CampaignRow,
    Row,
    record_of,
    ref_on,
    with_refs,
)
from postiz_async._campaign.read.settings_columns import field_of, is_setting
from postiz_async._campaign.read.texts import (
    BEGINNINGS,
    Odd,
    describe_lost_letters,
    is_cell_error,
    shown,
    tidied,
)
from postiz_async._campaign.read.workbooks import open_sheet
from postiz_async._resources.channel_names import folded
from postiz_async._resources.create_body import input_type_problems
from postiz_async.errors import CampaignError, Problem, UsageError
from postiz_async.models.posts import NewPost

if TYPE_CHECKING:
    from postiz_async._campaign.read.rows import CampaignSource, Given, PandasFrame, PolarsFrame


MAX_ROWS = 1_000_000
"""Rows of one campaign, at most: they are planned together in memory."""

TOO_MANY_PROBLEMS = 100_000
"""Number of problems after which reading stops."""

_READ_AT_ONCE = 500
"""Rows of a program that are read before other tasks may run."""


@dataclass(frozen=True, slots=True)
class ReadCampaign:
    """The result of reading: the rows, and the problems of the others."""

    path: Path
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """The file's names of columns, by the campaign's names, where they differ."""

    @property
    def unread(self) -> tuple[int, ...]:
        """The rows that could not be read, by number."""
        read = {row.number for row in self.rows}
        wrong = {problem.row for problem in self.problems if problem.row is not None}
        return tuple(sorted(wrong - read))


def labelled(problems: Iterable[Problem], labels: Mapping[str, str]) -> Iterator[Problem]:
    """Replace the column names in problems by the names in the file."""
    fields = {to: own for to, own in labels.items() if is_setting(to)}
    for problem in problems:
        column, dot, rest = problem.where.partition(".")
        said = [own for to, own in fields.items() if dot and field_of(to) == rest.lower()]
        if len(said) == 1:
            yield replace(problem, where=said[0])
        elif column in labels:
            yield replace(problem, where=f"{labels[column]}{dot}{rest}")
        else:
            yield problem


def read_campaign(
    path: Path, *, reading: ReadOptions | None = None, words: ChannelWords | None = None
) -> ReadCampaign:
    """Read a CSV file, a spreadsheet or JSON.

    Args:
        path: the file; `.jsonl`, `.ndjson` and `.json` are JSON lines or an array, `.xlsx`,
            `.xlsm` and `.ods` spreadsheets, everything else is CSV.
        reading: columns, defaults, dates and zones, where they are not the usual ones.
        words: the words that mean a channel; None: only the names of providers.

    Raises:
        CampaignError: the file cannot be read at all.
    """
    return _read_file(path, rules_of(reading or ReadOptions()), words or ChannelWords.of())


def _read_file(path: Path, rules: Rules, words: ChannelWords) -> ReadCampaign:
    collector = _Collector(str(path), rules, words)
    if not is_json(path):
        with open_table(path, rules, collector.warnings) as lines:
            collector.take_table(lines)
        return collector.campaign(path)
    _refuse_sheet(path, rules)
    with open_campaign(path, rules.encoding) as file:
        for number, record in json_records(file, collector.problems):
            collector.take(number, record)
    return collector.campaign(path)


@contextmanager
def open_table(path: Path, rules: Rules, warnings: list[Problem]) -> Generator[Iterator[Line]]:
    """Open a CSV file or a spreadsheet: its header and its rows.

    Args:
        path: the file.
        rules: how it is read.
        warnings: gets a warning if the sheet is one of several.

    Raises:
        CampaignError: the file cannot be read at all.
    """
    if is_spreadsheet(path):
        if rules.encoding is not None:
            raise CampaignError(f"{path} is a spreadsheet, which has no encoding. Leave it out.")
        with open_sheet(path, rules.sheet, partial(is_header, rules)) as sheet:
            if rules.sheet is None and len(sheet.visible) > 1:
                message = f"has {len(sheet.visible)} sheets; {sheet.name!r} is read"
                hint = "--sheet names it, or another"
                warnings.append(Problem("file", message, hint=hint, severity="warning"))
            yield sheet.lines
    else:
        _refuse_sheet(path, rules)
        with open_campaign(path, rules.encoding) as file:
            yield csv_lines(file, rules.columns)


def _refuse_sheet(path: Path, rules: Rules) -> None:
    if rules.sheet is not None:
        raise CampaignError(f"{path} is not a spreadsheet, so it has no sheet {rules.sheet!r}.")


async def read_source(
    source: CampaignSource,
    path: Path,
    reading: ReadOptions,
    words: ChannelWords,
    *,
    kept: Iterable[str] = (),
) -> ReadCampaign:
    """Read a campaign from a file or from rows; rows of a program are numbered from 1.

    Args:
        source: a file, or rows; rows are iterated once, in the event loop.
        path: the name of a campaign that is not a file.
        reading: as `read_campaign` takes it.
        words: the words that mean a channel.
        kept: columns that a file next to it maps.

    Raises:
        CampaignError: the file or a row cannot be read at all.
    """
    rules = rules_of(reading, kept)
    if isinstance(source, str | Path):
        return await anyio.to_thread.run_sync(_read_file, Path(source), rules, words)
    collector = _Collector("the campaign", rules, words)
    rows = rows_given(source)
    if isinstance(rows, AsyncIterable):
        async for given in rows:
            collector.take_given(given)
    else:
        for given in rows:
            collector.take_given(given)
            if collector.taken % _READ_AT_ONCE == 0:
                await anyio.lowlevel.checkpoint()
    return await anyio.to_thread.run_sync(lambda: collector.campaign(path))


def rows_given(
    source: Iterable[Given] | AsyncIterable[Given] | PandasFrame | PolarsFrame,
) -> Iterable[Given] | AsyncIterable[Given]:
    """The rows of a source that is not a file; those of a table as mappings.

    Raises:
        UsageError: it has no rows.
    """
    table = cast("Any", source)
    if hasattr(table, "iter_rows"):
        records: Iterable[Mapping[object, object]] = table.iter_rows(named=True)
    elif hasattr(table, "to_dict") and hasattr(table, "columns"):
        records = table.to_dict("records")
    elif isinstance(source, Iterable | AsyncIterable):
        return source
    else:
        raise UsageError(
            f"A campaign is a file, a table or rows; {type(source).__name__} is none of these. A "
            "lazy table has to be collected first."
        )
    return (
        {str(name): _cell(value, str(name)) for name, value in each.items()} for each in records
    )


def _cell(value: Any, column: str) -> object:
    """A cell of a table: None where it is empty (NaN, NaT, NA), text where it is a number."""
    if type(value).__name__ in {"NaTType", "NAType"}:
        return None
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime(warn=False)
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float | Decimal) and math.isnan(value):
        return None
    if column == "tolerance" or isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return f"{value:.0f}" if isinstance(value, int) or value.is_integer() else str(value)


def _type_problems(row: CampaignRow) -> Iterator[Problem]:
    """Problems for values of the wrong type, which no cell of a file can have."""
    media: Any = row.media
    if isinstance(media, list | tuple):
        media = [each for each in row.media if not isinstance(each, str | PurePath)]
    post = NewPost(row.channel, row.content, media, row.settings, row.thread)
    for problem in input_type_problems(post, ""):
        yield replace(problem, where=problem.where.removeprefix("."))
    listed: list[tuple[str, object, tuple[type, ...]]] = [
        ("tags", row.tags, (list, tuple)),
        ("alt", row.alt, (list, tuple, str)),
    ]
    for name, value, kinds in listed:
        if not isinstance(value, kinds):
            yield Problem(name, f"is {shown(value)}", hint="a list of texts is expected")


def _media_in(cell: object) -> list[object]:
    """The media of a cell or of a list."""
    if isinstance(cell, list | tuple):
        return list(cast("Sequence[object]", cell))
    return [*str(cell or "").split(";")]


_SUSPECT = ("=", *BEGINNINGS)
"""The beginnings of formulas and error values."""


def odd_cells(record: Mapping[str, object]) -> dict[str, str]:
    """The few cells of a record that may be wrong as they stand, whatever their column is."""
    return {
        name: cell
        for name, cell in record.items()
        if isinstance(cell, str) and (cell.startswith(_SUSPECT) or isinstance(cell, Odd))
    }


def cell_problems(odd: Mapping[str, str], columns: Columns, number: int) -> Iterator[Problem]:
    """Error values of formulas, and cells that are shown otherwise than the file has them.

    Args:
        odd: the `odd_cells` of a row.
        columns: the columns.
        number: the number of the row.
    """
    for name, cell in odd.items():
        if isinstance(cell, Odd) and is_column(columns.meanings[name]):
            yield Problem(columns.meanings[name], cell.why, number, cell.hint)
        if is_cell_error(cell):
            message = f"is {cell.strip()}, an error of the spreadsheet"
            hint = "repair the formula, or write the text"
            yield Problem(columns.meanings[name], message, number, hint)


class _Collector:
    """Takes records one by one and collects rows and problems."""

    def __init__(self, name: str, rules: Rules, words: ChannelWords) -> None:
        self.name = name
        self.rules = rules
        self.words = words
        self._channels_of = lru_cache(1_000)(words.split)
        self._provider_of = lru_cache(1_000)(words.provider)
        self.rows: list[Row] = []
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.labels: Mapping[str, str] = {}
        self.taken = 0
        self.dated = 0
        self.days: list[int] = []
        self.clocked = 0
        self._unseen = set(rules.columns)
        self._channels: set[str] = set()

    def warn(self, kind: Advice, column: str, message: str, row: int | None, hint: str) -> None:
        if kind not in self.rules.ignore:
            self.warnings.append(warning(kind, column, message, row, hint))

    def take_table(self, lines: Iterator[Line]) -> None:
        """Take the header and the rows of a table."""
        columns = read_header(lines, self.name, self.rules)
        number = columns.number
        self._unseen.clear()
        self.labels = columns.labels
        try:
            for line in lines:
                number = line.number
                record = columns.record(line.cells)
                if isinstance(record, str):
                    hint = "is a comma or semicolon not quoted?"
                    self.problems.append(Problem("columns", record, number, hint))
                    continue
                odd = odd_cells(record)
                wrong = list(cell_problems(odd, columns, number)) if odd else []
                self.problems += wrong
                if not wrong:
                    self._warn_of_formulas(odd, columns, number)
                    self.take(number, record)
        except NotReadable as error:
            self.problems.append(Problem("csv", str(error), number + 1))

    def _warn_of_formulas(self, odd: Mapping[str, str], columns: Columns, number: int) -> None:
        for name, cell in odd.items():
            if cell.startswith("="):
                message = "begins with =, as a formula does, and is sent as text"
                hint = "copy the values, not the formulas"
                self.warn("formulas", columns.meanings[name], message, number, hint)

    def take_given(self, given: object) -> None:
        """Take a row that a program made."""
        number = self.taken + 1
        if isinstance(given, CampaignRow):
            self.labels = {"date": "at"}
            wrong = [replace(problem, row=number) for problem in _type_problems(given)]
            if wrong:
                self.taken = number
                self.problems += wrong
            else:
                self.take(number, *record_of(given))
        elif isinstance(given, Mapping):
            named = cast("Mapping[object, object]", given)
            self.take(number, {str(name): value for name, value in named.items()})
        else:
            self.taken = number
            message = f"is neither a CampaignRow nor a mapping but {shown(given)}"
            hint = "CampaignRow.of(post, at=...)" if isinstance(given, NewPost) else ""
            self.problems.append(Problem("row", message, number, hint))

    def take(self, number: int, values: dict[str, object], post: NewPost | None = None) -> None:
        """Take a record with the file's names of columns; it may be modified.

        Args:
            number: the number of the row.
            values: the cells by column.
            post: what no cell can say.
        """
        self.taken += 1
        if max(self.taken, len(self.rows)) > MAX_ROWS:
            raise CampaignError(
                f"{self.name} has more than {MAX_ROWS:,} rows, which is as many as one campaign "
                "may have. Split it: each part is a campaign of its own, and they share the quota."
            )
        record = self._renamed(number, values)
        said = record.get("channel") or self.rules.defaults.get("channel")
        channels = self._channels_of(said) if isinstance(said, str) else {"": ""}
        providers = list(map(self._provider_of, channels.values()))
        before, warned = len(self.problems), len(self.warnings)
        several = len(channels) > 1
        if several:
            record = {k: tidied(v) if isinstance(v, str) else v for k, v in record.items()}
        for (id_, channel), provider in zip(channels.items(), providers, strict=True):
            each = {**record, "channel": channel} if several else record
            reader = RowReader(number, each, self.rules, post, provider, providers)
            self._read(reader, id_ if several else "")
        if several:  # what is wrong with each of them is one problem
            self.problems[before:] = dict.fromkeys(self.problems[before:])
            self.warnings[warned:] = dict.fromkeys(self.warnings[warned:])
        if len(self.problems) > TOO_MANY_PROBLEMS:
            raise CampaignError(
                f"{self.name} has more than {TOO_MANY_PROBLEMS:,} problems; the first is in "
                f"{self.problems[0]}. Are its columns what they should be?"
            )

    def _renamed(self, number: int, values: dict[str, object]) -> dict[str, object]:
        """A record with the campaign's names of columns."""
        small = [folded(name) for name in values]
        self._unseen.difference_update(small)
        targets = self.rules.meanings(small)
        record: dict[str, object] = {}
        for (name, value), target in zip(values.items(), targets, strict=True):
            if numbered(target, "media") is not None:
                record["media"] = [*_media_in(record.get("media")), *_media_in(value)]
            elif target in record:
                message = f"is given twice, the second time as {shown(name)!r}"
                self.problems.append(Problem(target, message, number))
            elif target:
                record[target] = value
        return record

    def _read(self, reader: RowReader, id_: str) -> None:
        row = reader.read()
        self.problems.extend(reader.problems)
        if row is not None:
            if id_ and row.ref:
                row = structs.replace(row, ref=ref_on(row.ref, id_))
            self.rows.append(row)
            for place, text in enumerate((row.content, *row.thread)):
                lost = describe_lost_letters(text)
                if lost:
                    hint = "write it anew, or save the file as UTF-8 (in Excel: CSV UTF-8)"
                    where = f"thread {place + 1}" if place else "content"
                    self.warn("encoding", where, lost, row.number, hint)
        self.dated += reader.has_date
        if row is not None and row.repeat_days and reader.zone is not None:
            drift = describe_drift(row.date, reader.zone)
            if drift:
                hint = "Postiz counts days of 24 hours"
                self.warn("repeats", "repeat_days", drift, row.number, hint)
        self.clocked += reader.has_clock
        if reader.is_day:
            self.days.append(reader.number)
        if self.rules.zones:
            self._channels.add(folded(str(reader.record.get("channel", ""))))

    def campaign(self, path: Path) -> ReadCampaign:
        """The campaign, with a ref for each row."""
        if not self.rows and not self.problems:
            raise CampaignError(f"{self.name} has no rows.")
        self._refuse_unused()
        self._explain_days()
        rows = with_refs(self.rows, self.problems)
        self.problems.sort(key=lambda problem: problem.row or 0)
        found, warned = tuple(self.problems), tuple(self.warnings)
        return ReadCampaign(path, tuple(rows), found, warned, self.labels)

    def _explain_days(self) -> None:
        """Handle days without a time: among dates with times they are midnight, else a problem.

        Days beside an empty cell in a column of times lack a time, too.
        """
        if self.dated > len(self.days) and not self.clocked:
            for number in self.days:
                message = "has no time, and is taken for midnight"
                self.warn("midnight", "date", message, number, NO_TIME.hint)
        elif self.days:
            days = set(self.days)
            self.rows = [row for row in self.rows if row.number not in days]
            column, wrong = ("time", NO_CLOCK) if self.clocked else ("date", NO_TIME)
            self.problems += [Problem(column, wrong.message, n, wrong.hint) for n in self.days]

    def _refuse_unused(self) -> None:
        """Report options for columns and channels that do not exist: they are probably misspelt."""
        if self._unseen:
            column = self.rules.written[min(self._unseen)]
            raise CampaignError(f"{self.name} has no column {column!r}, which was mapped.")
        for name in sorted(self.rules.zones):
            if name not in self._channels:
                there = ", ".join(sorted(filter(None, self._channels))[:12])
                raise CampaignError(
                    f"{self.name} has no row for {self.rules.written[name]!r}, which was given a "
                    f"time zone. It has rows for: {there}."
                )
