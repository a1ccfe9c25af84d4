"""Copy a campaign to other dates: a new file with the same posts, a campaign of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import msgspec
from msgspec import structs

from postiz_async._campaign.after.export import (
    date_cell,
    json_lines,
    refuse_existing,
    write_campaign,
)
from postiz_async._campaign.after.tables import Table
from postiz_async._campaign.read.columns import COLUMNS
from postiz_async._campaign.read.dates import moved_by
from postiz_async._campaign.read.file_formats import (
    Form,
    delimiter_of,
    form_of,
    is_json,
    is_spreadsheet,
    open_campaign,
)
from postiz_async._campaign.read.read_options import (
    FileOptions,
    ReadOptions,
    merged_reading,
    options_path,
    save_options,
)
from postiz_async._campaign.read.rows import Row, has_own_ref
from postiz_async._campaign.read.source import labelled, read_campaign
from postiz_async._campaign.read.texts import cell_text
from postiz_async._uploads import is_url
from postiz_async._wire import POST_YEARS
from postiz_async.errors import (
    CampaignError,
    ConfigurationError,
    InvalidPostError,
    Problem,
    by_reader,
)
from postiz_async.models._durations import read_shift, write_duration


@dataclass(frozen=True, slots=True)
class CopyResult:
    """The copy of a campaign.

    `rows` is their number, `first` and `last` are the first and the last date. `fifth` has the
    numbers of rows on a fifth weekday that the new month does not have, with their new dates.
    """

    path: Path
    rows: int
    first: datetime
    last: datetime
    fifth: tuple[tuple[int, datetime], ...] = ()


def copy_campaign(
    path: Path | str,
    copy: Path | str | None = None,
    *,
    to: date | str | None = None,
    by: timedelta | str | None = None,
    reading: ReadOptions | None = None,
    overwrite: bool = False,
) -> CopyResult:
    """Copy a campaign file to another month, or to dates that are later by a span.

        copy_campaign("campaign.csv", to="2027-01")     # campaign-2027-01.csv

    With `to`, weekdays stay: the second Monday of a month becomes the second Monday of the other.
    A fifth one that the month lacks becomes the one a week after its fourth. If the campaign has
    several months, the first becomes `to`, and the others follow. Times of day stay, also where
    the clocks change. Rows without a date stay so. Texts, media and refs stay; the copy has a name
    of its own, and neither a journal nor results.

    Args:
        path: the campaign.
        copy: the new file, in the format of its name; None: beside the campaign, named after the
            month or the span.
        to: the month, as any day in it or as a text like `2027-01`.
        by: the span, such as `28d` or `4w`; give either this or `to`.
        reading: how to read the file, besides what is saved next to it.
        overwrite: replace the new file, if there is one.

    Raises:
        ConfigurationError: neither `to` nor `by` is given, both are, or one has another form.
        InvalidPostError: rows cannot be read, or have dates that are too far away.
        CampaignError: the campaign cannot be read, or the copy is there already or cannot be
            written, or there is a journal of its name.
    """
    source = Path(path)
    month = None if to is None else _month(to)
    span = None if by is None else read_shift(by_reader("--by", "by="), by)
    if (month is None) == (span is None):
        one = by_reader("--to 2027-01 or --by 28d", 'to="2027-01" or by="28d"')
        raise ConfigurationError(f"Say where the copy goes: {one}.")
    target = Path(copy) if copy is not None else _beside(source, month, span)
    if os.path.realpath(target) == os.path.realpath(source):
        raise CampaignError(f"{target} is the campaign itself. Give the copy another name.")
    for each in (target, options_path(target)):
        refuse_existing(each, overwrite=overwrite)
    if (journal := target.with_suffix(".journal")).exists():  # its rows would count as sent
        raise CampaignError(f"{journal} is there already. Give the copy another name.")
    kept = FileOptions.saved(source)
    said = merged_reading(reading or ReadOptions(), kept)
    campaign = read_campaign(source, reading=said)
    problems = list(labelled(campaign.problems, campaign.labels))
    moved = [] if problems else list(_moved(campaign.rows, month, span))
    rows = [structs.replace(row, media=_found_from(row, source, target)) for row, _ in moved]
    form = form_of(target)
    problems += (problem for row in rows for problem in _problems(row, form))
    if problems:
        raise InvalidPostError(problems)
    if all(row.written for row in rows):
        raise CampaignError(f"{source} has no dates, so its copy would be the same file.")
    if form == "csv" and _is_for_excel(source, said.encoding):
        form = "excel"
    write_campaign(target, _content(rows, form, is_workbook=target.suffix.lower() == ".xlsx"))
    _save_options(source, target, kept)
    dates = [row.date for row in rows if not row.written]
    fifth = tuple((row.number, row.date) for row, is_there in moved if not is_there)
    return CopyResult(target, len(rows), min(dates), max(dates), fifth)


def _month(to: date | str) -> date:
    if isinstance(to, date):
        return to
    try:
        return date.fromisoformat(f"{to.strip()}-01")
    except ValueError:
        option = by_reader("--to", "to=")
        raise ConfigurationError(f"{option} is {to!r}; say a month like 2027-01.") from None


def _beside(source: Path, month: date | None, span: timedelta | None) -> Path:
    """The default path of a copy: `campaign-2027-01.csv`, `campaign-28d-later.csv`."""
    if month is not None:
        named = f"{month:%Y-%m}"
    else:
        span = span or timedelta()
        named = f"{write_duration(abs(span))}-{'later' if span > timedelta() else 'earlier'}"
    suffix = ".xlsx" if not is_json(source) and is_spreadsheet(source) else source.suffix
    return source.with_name(f"{source.stem}-{named}{suffix}")


def _problems(row: Row, form: Form) -> Iterator[Problem]:
    if not row.written and row.date.year not in POST_YEARS:
        yield Problem("date", "is too far away", row.number)
    for column, separator in _LISTS.items() if form != "jsonl" else ():
        if any(separator in each for each in getattr(row, column)):
            message = f"has a {separator!r} in a name, as no cell can"
            yield Problem(column, message, row.number, "copy to .jsonl")


# ------------------------------------------------------------------ dates


def _moved(
    rows: Sequence[Row], month: date | None, span: timedelta | None
) -> Iterator[tuple[Row, bool]]:
    """The rows at their new dates, and whether the new month has this weekday so often."""
    if span is not None:
        for row in rows:
            yield row if row.written else row.at(moved_by(row.date, span, row.zone)), True
    elif month is not None and rows:
        days = [
            None if row.written else row.date.astimezone(row.zone or UTC).date() for row in rows
        ]
        ahead = _months(month) - _months(min(filter(None, days), default=month))
        for row, day in zip(rows, days, strict=True):
            if day is None:
                yield row, True
                continue
            other = _same_weekday(day, _months(day) + ahead)
            moved = row.at(moved_by(row.date, other - day, row.zone))
            yield moved, _months(other) == _months(day) + ahead


def _months(day: date) -> int:
    return day.year * 12 + day.month - 1


def _same_weekday(day: date, months: int) -> date:
    """The day of another month that is the same weekday for the same time, counted from the 1st."""
    year, month = divmod(months, 12)
    first = date(min(max(year, 1), 9998), month + 1, 1)
    weeks = (day.day - 1) // 7
    return first + timedelta(days=(day.weekday() - first.weekday()) % 7, weeks=weeks)


# ------------------------------------------------------------------ the file


_UTC = ZoneInfo("UTC")


def _date_cell(row: Row) -> datetime | str:
    if row.written:
        return row.words
    return date_cell(row.date, row.zone or _UTC)


_CELLS: Mapping[str, Callable[[Row], object]] = {
    "channel": lambda row: row.channel,
    "date": _date_cell,
    "timezone": lambda row: (row.zone or _UTC).key,
    "content": lambda row: row.content,
    "format": lambda row: "" if row.format == "text" else row.format,
    "media": lambda row: row.media,
    "alt": lambda row: row.alt,
    "settings": lambda row: row.settings,
    "tags": lambda row: row.tags,
    "type": lambda row: "" if row.type == "schedule" else row.type,
    "thread": lambda row: row.thread,
    "short_link": lambda row: row.short_link,
    "repeat_days": lambda row: row.repeat_days,
    "tolerance": lambda row: None if row.tolerance is None else write_duration(row.tolerance),
    "ref": lambda row: row.ref if has_own_ref(row.ref) else "",
}


_LISTS = {"media": ";", "tags": ";", "alt": "\n"}
"""The separators of several names or texts in a cell."""


def _content(rows: Sequence[Row], form: Form, *, is_workbook: bool) -> str | bytes:
    """The content of the file, with the columns that some row fills."""
    records = [{name: value for name, of in _CELLS.items() if (value := of(row))} for row in rows]
    if form == "jsonl":
        return json_lines(each | {"date": cell_text(each.get("date", ""))} for each in records)
    used = set[str]().union(*records, ("content",))
    columns = [name for name in _CELLS if name in used]
    cells = ([_cell(name, record.get(name, "")) for name in columns] for record in records)
    table = Table(columns, cells, escape=lambda cell: cell)
    if is_workbook:
        return table.workbook()
    return table.excel_csv(";") if form == "excel" else table.csv()


def _cell(name: str, value: object) -> object:
    """A value as the cell of a table."""
    if name in _LISTS:
        return _LISTS[name].join(cast("Sequence[str]", value))
    return value if isinstance(value, str | datetime) else msgspec.json.encode(value).decode()


def _is_for_excel(source: Path, encoding: str | None) -> bool:
    """Whether a text file has semicolons between its cells, as Excel writes them."""
    if is_json(source) or is_spreadsheet(source):
        return False
    with open_campaign(source, encoding) as opened:
        return delimiter_of(opened.text, COLUMNS) == ";"


def _found_from(row: Row, source: Path, target: Path) -> tuple[str, ...]:
    """The media of a row by names that begin at the folder of the copy."""
    if _is_same_folder(source, target):
        return row.media
    folder = source.parent.absolute()
    return tuple(
        name
        if is_url(name) or Path(name).is_absolute()
        else Path(os.path.relpath(folder / name, target.parent)).as_posix()
        for name in row.media
    )


def _is_same_folder(source: Path, target: Path) -> bool:
    return os.path.realpath(source.parent) == os.path.realpath(target.parent)


def _save_options(source: Path, target: Path, kept: FileOptions) -> None:
    """Save the options that are not about the layout of the file, nor its name."""
    roots = [str(root) for root in kept.media_root]
    if not _is_same_folder(source, target):
        roots.append(str(source.parent.absolute()))
    layout = FileOptions()
    its = structs.replace(
        kept,
        name=None,
        columns=layout.columns,
        defaults=layout.defaults,
        date_format=None,
        encoding=None,
        sheet=None,
        template=None,
    )
    its = structs.replace(its, media_root=tuple(roots))
    if its != layout or options_path(target).exists():
        save_options(target, its)
