"""A campaign to rows. Everything that is wrong is reported with row and column."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

import anyio
import anyio.lowlevel
import anyio.to_thread
from msgspec import structs

from postiz_async._batch.cells import RowReader, foreign_byte, has_halves, shown, unknown_columns
from postiz_async._batch.file_formats import (
    Line,
    NotReadable,
    csv_lines,
    is_json,
    json_records,
    open_campaign,
    without_escape,
)
from postiz_async._batch.read_options import ReadOptions, rules_of
from postiz_async._batch.rows import COLUMNS, EXPORT_ONLY, CampaignRow, Row, with_refs
from postiz_async.errors import BatchError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postiz_async._batch.read_options import Rules

__all__ = [
    "COLUMNS",
    "MAX_ROWS",
    "Campaign",
    "CampaignSource",
    "Row",
    "read_campaign",
    "read_source",
]

Given: TypeAlias = CampaignRow | Mapping[str, object]
Record: TypeAlias = tuple[int, Mapping[str, object]]
CampaignSource: TypeAlias = Path | str | Iterable[Given] | AsyncIterable[Given]
"""Where a campaign comes from: a file, or rows that a program makes."""

MAX_ROWS = 1_000_000
"""Rows of one campaign: what is planned together is held in memory together."""

TOO_MANY_PROBLEMS = 100_000
"""Problems after which a campaign is not read to its end."""

_READ_AT_ONCE = 500
"""Rows of a program that are read before others may work."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """What was read: its rows, and what is wrong with the others."""

    path: Path
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


def read_campaign(
    path: Path, *, timezone: str | None = None, reading: ReadOptions | None = None
) -> Campaign:
    """Read a CSV or JSONL file.

    Args:
        path: the file; `.jsonl`, `.ndjson` and `.json` are JSON lines, everything else is CSV.
        timezone: the zone of dates that have neither an offset nor a timezone column.
        reading: columns, defaults, dates, zones and templates, where they are not the usual ones.

    Raises:
        BatchError: the file cannot be read at all.
    """
    collector = _Collector(str(path), _rules(timezone, reading))
    with open_campaign(path) as file:
        if is_json(path):
            records: Iterator[Record] = json_records(file, collector.problems)
        else:
            records = _csv_records(csv_lines(file, collector.known()), collector)
        for number, record in records:
            collector.take(number, record)
    return collector.campaign(path)


async def read_source(
    source: CampaignSource, path: Path, *, reading: ReadOptions | None = None
) -> Campaign:
    """Read a campaign from wherever it comes; row numbers of a program's rows begin at 1.

    Args:
        source: a file, or rows; those are taken once, in the event loop.
        path: what the campaign is called when it is not a file.
        reading: as `read_campaign` takes it.

    Raises:
        BatchError: the file or a row cannot be read at all.
    """
    if isinstance(source, str | Path):
        return await anyio.to_thread.run_sync(lambda: read_campaign(Path(source), reading=reading))
    collector = _Collector("the campaign", _rules(None, reading))
    if isinstance(source, AsyncIterable):
        async for given in source:
            collector.take_given(given)
    else:
        for given in source:
            collector.take_given(given)
            if collector.taken % _READ_AT_ONCE == 0:
                await anyio.lowlevel.checkpoint()
    return await anyio.to_thread.run_sync(lambda: collector.campaign(path))


def _rules(timezone: str | None, reading: ReadOptions | None) -> Rules:
    said = reading if reading is not None else ReadOptions()
    if timezone and said.timezone and timezone != said.timezone:
        raise BatchError(f"Two time zones are given: {timezone!r} and {said.timezone!r}.")
    return rules_of(structs.replace(said, timezone=timezone or said.timezone))


class _Collector:
    """Takes records one by one and keeps their rows and problems."""

    def __init__(self, name: str, rules: Rules) -> None:
        self.name = name
        self.rules = rules
        self.rows: list[Row] = []
        self.problems: list[Problem] = []
        self.taken = 0
        self._unseen = set(rules.columns)
        self._channels: set[str] = set()

    def known(self) -> set[str]:
        """Names of columns, in small letters."""
        return {*COLUMNS, *self.rules.columns}

    def target(self, name: str) -> str:
        """The campaign's column that a name stands for; empty if it is left out."""
        small = name.strip().lower()
        self._unseen.discard(small)
        return self.rules.columns.get(small, name)

    def check_header(self, names: list[str], number: int) -> list[str]:
        """Refuse a header that names columns twice or lacks some; report unknown ones.

        Returns:
            The campaign's columns that the names mean.
        """
        has = f"It has: {', '.join(filter(None, names))}."
        absent = sorted(set(self.rules.columns) - set(names))
        if absent:
            raise BatchError(
                f"{self.name} has no column {absent[0]!r}, which was mapped (row {number}). {has}"
            )
        targets = [self.target(name) for name in names] if self.rules.columns else names
        doubles = [to for to, count in Counter(targets).items() if to and count > 1]
        if doubles:
            raise BatchError(f"{self.name} has the column {doubles[0]!r} twice (row {number}).")
        missing = {"integration", "date"} - {*targets, *self.rules.defaults}
        if missing:
            raise BatchError(
                f"{self.name} has no column {max(missing)!r} (row {number}). {has} "
                f"A campaign may have: {', '.join(COLUMNS)}."
            )
        if not self.rules.template:
            self.problems.extend(unknown_columns(filter(None, targets), number))
        return targets

    def take_given(self, given: object) -> None:
        """A row that a program made."""
        number = self.taken + 1
        if isinstance(given, CampaignRow):
            self.take(number, structs.asdict(given))
        elif isinstance(given, Mapping):
            named = cast("Mapping[object, object]", given)
            self.take(number, {str(name): value for name, value in named.items()})
        else:
            self.taken = number
            message = f"is neither a CampaignRow nor a mapping but {shown(given)}"
            self.problems.append(Problem("row", message, number))

    def take(self, number: int, values: Mapping[str, object]) -> None:
        """A record as it stands in the file, by the names that the file gives."""
        self.taken += 1
        if self.taken > MAX_ROWS:
            raise BatchError(
                f"{self.name} has more than {MAX_ROWS:,} rows, which is as many as one campaign "
                "may have. Split it: each part is a campaign of its own, and they share the quota."
            )
        record: dict[str, object] = {}
        fields: dict[str, object] = {}
        for name, value in values.items():
            target = self.target(name) if self.rules.columns else name
            if target in record:
                message = f"is given twice, the second time as {shown(name)!r}"
                self.problems.append(Problem(target, message, number))
            if target in COLUMNS or (target and not self.rules.template):
                record[target] = value
            if self.rules.template:
                fields[name.strip().lower()] = value
        if self.rules.template:
            fields = {**record, **fields}
        reader = RowReader(number, record, self.rules, fields)
        row = reader.read()
        self.problems.extend(reader.problems)
        if row is not None:
            self.rows.append(row)
        if self.rules.zones:
            self._channels.add(str(record.get("integration", "")).strip().casefold())
        if len(self.problems) > TOO_MANY_PROBLEMS:
            raise BatchError(
                f"{self.name} has more than {TOO_MANY_PROBLEMS:,} problems; the first is in "
                f"{self.problems[0]}. Are its columns what they should be?"
            )

    def campaign(self, path: Path) -> Campaign:
        """What was taken, with a ref for each row."""
        if not self.rows and not self.problems:
            raise BatchError(f"{self.name} has no rows.")
        self._refuse_unused()
        rows = with_refs(self.rows, self.problems)
        self.problems.sort(key=lambda problem: problem.row or 0)
        return Campaign(path, tuple(rows), tuple(self.problems))

    def _refuse_unused(self) -> None:
        """What was said of columns and channels that do not exist is most likely misspelt."""
        if self._unseen:
            raise BatchError(f"{self.name} has no column {min(self._unseen)!r}, which was mapped.")
        for name in self.rules.zones:
            if name not in self._channels:
                there = ", ".join(sorted(filter(None, self._channels))[:12])
                raise BatchError(
                    f"{self.name} has no row for {name!r}, which was given a time zone. "
                    f"It has rows for: {there}."
                )


# ------------------------------------------------------------------ CSV


def _csv_records(lines: Iterator[Line], collector: _Collector) -> Iterator[Record]:
    """The cells of each line by the names of the header."""
    number, names = _header(lines, collector)
    targets = collector.check_header(names, number)
    kept = {
        name
        for name, target in zip(names, targets, strict=True)
        if name and (collector.rules.template or target in COLUMNS)
    }
    is_export = not EXPORT_ONLY.isdisjoint(targets)
    try:
        for number, cells in lines:
            texts = [without_escape(cell) for cell in cells] if is_export else cells
            record = _record(names, kept, texts)
            if isinstance(record, str):
                problem = Problem("columns", record, number, "is a comma or semicolon not quoted?")
                collector.problems.append(problem)
            else:
                yield number, record
    except NotReadable as error:
        collector.problems.append(Problem("csv", str(error), number + 1))


def _header(lines: Iterator[Line], collector: _Collector) -> Line:
    """The header, with its names in small letters."""
    try:
        number, cells = next(lines, Line(0, []))
    except NotReadable as error:
        raise BatchError(f"{collector.name} {error} (row 1).") from None
    if not cells:
        raise BatchError(f"{collector.name} is empty: it has no header.")
    text = "\n".join(cells)
    foreign = foreign_byte(text)
    if foreign is not None:
        raise BatchError(f"{collector.name} {foreign.message} of row {number}; {foreign.hint}.")
    if has_halves(text):
        raise BatchError(f"{collector.name} is not UTF-16: row {number} has half a character.")
    return Line(number, [cell.strip().lower() for cell in cells])


def _record(names: list[str], kept: set[str], cells: list[str]) -> dict[str, object] | str:
    """The cells by column, or what is wrong; spreadsheets add columns without name and text."""
    if any(cell.strip() for cell in cells[len(names) :]):
        return f"has {len(cells)} cells, the header has {len(names)}"
    named = list(zip(names, cells, strict=False))
    if any(cell.strip() for name, cell in named if not name):
        return "has text in a column without a name"
    return {name: cell for name, cell in named if name in kept}
