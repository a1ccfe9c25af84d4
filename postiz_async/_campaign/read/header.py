"""Read the header of a table, and tell for people how the table was understood. PURE."""

from __future__ import annotations

import itertools
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, tzinfo
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from postiz_async._campaign.read.channel_cells import ChannelWords
from postiz_async._campaign.read.columns import (
    COLUMNS,
    LONGEST_NAME,
    column_named,
    column_options,
    is_column,
    meant_columns,
)
from postiz_async._campaign.read.file_formats import Line, NotReadable
from postiz_async._campaign.read.read_options import ReadOptions, Rules, options_path
from postiz_async._campaign.read.rows import Row
from postiz_async._campaign.read.settings_columns import is_setting, network_of
from postiz_async._campaign.read.texts import (
    MAX_COLUMNS,
    Odd,
    cell_text,
    foreign_byte,
    has_halves,
    nearest_second,
    shown,
)
from postiz_async._campaign.read.workbooks import Sheet
from postiz_async._resources.channel_names import folded
from postiz_async._validation.messages import did_you_mean
from postiz_async.errors import CampaignError
from postiz_async.providers import PROVIDERS

_LISTED = 100
"""Columns named in a message, at most."""

_KNOWN = ", ".join(COLUMNS)
_FLAGS = frozenset(name for name, column in COLUMNS.items() if column.is_flag)
_SAMPLED = 50
"""Rows whose cells are used to recognise columns."""


class Columns(NamedTuple):
    """The columns of a table: their names and their meanings."""

    number: int
    width: int
    kept: Sequence[tuple[int, str]]
    unnamed: Sequence[int]
    unknown: Mapping[int, str]
    """The names of unknown columns, by place."""
    meanings: Mapping[str, str]
    """The campaign's column by the file's name in lower case."""
    targets: Sequence[str]
    labels: Mapping[str, str]
    """The file's names of columns, by the campaign's names, where they differ."""
    names: Sequence[str]
    guessed: Mapping[str, str]
    """The guessed meanings of columns by the file's names; empty for what is left out."""
    gone: tuple[str, ...]
    """Columns that a saved reading maps, and that the file has not."""

    def record(self, cells: Sequence[object]) -> dict[str, object] | str:
        """The cells by column, or the problem; empty columns without a name are ignored."""
        count = len(cells)
        if count > self.width and any(cell_text(cell).strip() for cell in cells[self.width :]):
            return f"has {count} cells, the header has {self.width}"
        unnamed = self.unnamed
        if unnamed and any(cell_text(cells[place]).strip() for place in unnamed if place < count):
            return "has text in a column without a name"
        return {
            name: cell if isinstance(cell, str) else self._value(cell, name)
            for place, name in self.kept
            if place < count
            for cell in (cells[place],)
        }

    def _value(self, cell: object, name: str) -> object:
        """The value of a cell other than a plain string: a date or time if expected, else text."""
        target, text = self.meanings[name], cell_text(cell)
        if isinstance(cell, bool) and target not in _FLAGS and not is_setting(target):
            return Odd.of(text, "is TRUE or FALSE, which each program shows in its own words")
        if not isinstance(cell, date | time):
            return text
        if target not in {"date", "time"}:
            return Odd.of(text, f"is a date, which the file has as {text}")
        return nearest_second(cell) if isinstance(cell, datetime) else cell


def read_header(
    lines: Iterator[Line], name: str, rules: Rules, words: ChannelWords
) -> tuple[Columns, Iterator[Line]]:
    """Read the header of a table, which may stand below other rows.

    Args:
        lines: the lines of the table.
        name: the name of the file.
        rules: how the file is read.
        words: the words that mean a channel.

    Returns:
        The columns, and the lines below the header.

    Raises:
        CampaignError: there is no header, or it has a column twice, or lacks a mapped one or that
            of channels or dates.
    """
    number, texts = _first(lines, name)
    written = [text.strip() for text in texts]
    names = [folded(each) for each in written]
    targets = [rules.columns.get(each, rules.other_names.get(each, each)) for each in names]
    absent = sorted(set(rules.columns) - set(names))
    missing = _missing(targets, rules)
    seen: list[Line] = []
    if absent or missing or rules.guesses:
        seen, lines = _sample(lines)
    if absent or missing:
        below = _place_below(seen, rules, names)
        if below is not None:
            return read_header(itertools.chain(seen[below:], lines), name, rules, words)
    _refuse_absent(absent, written, number, name, rules)
    pairs = list(zip(written, targets, strict=True))
    unmapped = [own if folded(own) == to else to for own, to in pairs]
    cells = [line.cells for line in seen]
    meant = meant_columns(unmapped, cells, words) if missing or rules.guesses else {}
    guessed = meant if rules.guesses else {}
    pairs = [(own, guessed.get(own, to)) for own, to in pairs]
    targets = [to for _, to in pairs]
    missing = _missing(targets, rules)
    doubles = [to for to, count in Counter(targets).items() if to and count > 1]
    if doubles:
        raise CampaignError(f"{name} has the column {doubles[0]!r} twice (row {number}).")
    if missing:
        said = f"{name} has no column {missing[0]!r} (row {number}). {_listed(written)}"
        options = column_options({own: to for own, to in meant.items() if to})
        may = f"Say what they are: {options}" if options else f"A campaign may have: {_KNOWN}."
        raise CampaignError(f"{said} {may}")
    kept: list[tuple[int, str]] = []
    unknown: dict[int, str] = {}
    labels: dict[str, str] = {}
    for place, (own, target) in enumerate(pairs):
        if target not in {"", names[place]}:
            labels[target] = own
        if own and is_column(target):
            kept.append((place, names[place]))
        elif own and (target or own in guessed):
            unknown[place] = own
    columns = Columns(
        number,
        len(names),
        kept,
        [place for place, own in enumerate(names) if not own],
        unknown,
        dict(zip(names, targets, strict=True)),
        targets,
        labels,
        written,
        guessed,
        tuple(rules.written[each] for each in absent),
    )
    return columns, itertools.chain(seen, lines)


def _refuse_absent(
    absent: Sequence[str], written: Sequence[str], number: int, name: str, rules: Rules
) -> None:
    """Refuse a mapping of columns that are not there; a guess does without those of a saved one."""
    lost = [each for each in absent if not (rules.guesses and each in rules.kept)]
    if lost:
        meant = did_you_mean(lost[0], written, " Did you mean {!r}?")
        by = f" {options_path(Path(name))} maps it." if lost[0] in rules.kept else ""
        raise CampaignError(
            f"{name} has no column {rules.written[lost[0]]!r}, which was mapped (row {number})."
            f"{meant} {_listed(written)}{by}"
        )


def _missing(targets: Iterable[str], rules: Rules) -> list[str]:
    there = {*targets, *rules.defaults}
    return [column for column in rules.needed if column not in there]


def _sample(lines: Iterator[Line]) -> tuple[list[Line], Iterator[Line]]:
    """Some of the lines, and those after them."""
    seen: list[Line] = []
    try:
        for line in itertools.islice(lines, _SAMPLED):
            seen.append(line)  # noqa: PERF402  (those before an error are kept)
    except NotReadable as error:
        return seen, map(_raised, [error])
    return seen, lines


def _raised(error: NotReadable) -> Line:
    raise error


def _listed(names: Iterable[str]) -> str:
    """The names of the columns, for a message."""
    named = [shown(each) for each in names if each]
    return f"It has: {', '.join(named[:_LISTED])}{', ...' if len(named) > _LISTED else ''}."


def _place_below(seen: Sequence[Line], rules: Rules, names: Sequence[str]) -> int | None:
    """The place of the header below a title, by its names, else by its number of cells."""
    texts = [list(map(cell_text, line.cells)) for line in seen]
    meanings: list[Callable[[str], str]] = [str.strip, column_named]
    for meaning in meanings:
        if _is_header(names, rules, meaning):
            return None
        for place, cells in enumerate(texts):
            if _is_header(cells, rules, meaning):
                return place
    counts = [sum(map(bool, map(str.strip, cells))) for cells in (names, *texts)]
    first = next(place for place, count in enumerate(counts) if count * 2 > max(counts))
    return first - 1 if first else None


def is_header(rules: Rules, cells: Iterable[object]) -> bool:
    """Whether a row of a workbook with several sheets has the columns that a campaign needs."""
    return _is_header(map(cell_text, cells), rules, column_named if rules.guesses else str.strip)


def _is_header(
    names: Iterable[str], rules: Rules, meaning: Callable[[str], str] = str.strip
) -> bool:
    """Whether a row has the columns that a campaign needs."""
    words = [folded(name) for name in names if len(name) <= LONGEST_NAME]
    known = {**rules.other_names, **rules.columns}
    found = {known.get(word) or meaning(word) for word in words}
    return {*rules.needed} <= {*found, *rules.defaults}


def _first(lines: Iterator[Line], name: str) -> tuple[int, list[str]]:
    """The number and the texts of the first row of a table."""
    try:
        header = next(lines, Line(0, []))
    except NotReadable as error:
        raise CampaignError(f"{name} {error} (row 1).") from None
    if not header.cells:
        raise CampaignError(f"{name} is empty: it has no header.")
    if len(header.cells) > MAX_COLUMNS:
        raise CampaignError(
            f"{name} has {len(header.cells):,} columns (row {header.number}); a campaign may have "
            f"{MAX_COLUMNS:,}. Is row {header.number} its header?"
        )
    texts = list(map(cell_text, header.cells))
    text = "\n".join(texts)
    foreign = foreign_byte(text)
    if foreign is not None:
        raise CampaignError(f"{name} {foreign.message} of row {header.number}; {foreign.hint}.")
    if has_halves(text):
        raise CampaignError(f"{name} is not UTF-16: row {header.number} has half a character.")
    return header.number, texts


# ------------------------------------------------------------------ how it was understood

_SEEN = 1_000
"""Rows in which the first value of a column is looked for."""


@dataclass(frozen=True, slots=True)
class UnderstoodColumn:
    """A column of a file: its name, its meaning (empty: not sent) and its first value."""

    name: str
    meaning: str
    value: str

    @property
    def label(self) -> str:
        """The meaning for people: `YouTube: title`."""
        if not is_setting(self.meaning) or not network_of(self.meaning):
            return self.meaning or "not sent"
        return f"{PROVIDERS[network_of(self.meaning)].name}: {self.meaning.rpartition('.')[2]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """How a file was understood: its columns, and where they stand.

    `sheet` is empty for a file that has none, `header` is the row with the names of the columns.
    `is_guessed` is whether any of it
    was neither given nor saved; then `new` and `gone` name the columns that differ from what is
    saved, if anything is.
    """

    sheet: str
    header: int
    columns: tuple[UnderstoodColumn, ...]
    posts: int
    channels: tuple[str, ...]
    timezone: str
    is_guessed: bool
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    @property
    def options(self) -> str:
        """The options of the command line that say the same."""
        sheet = [f"--sheet {shlex.quote(self.sheet)}"] if self.sheet else []
        columns = column_options({each.name: each.meaning for each in self.columns})
        return " ".join((*sheet, columns))


@dataclass(slots=True)
class ReadTable:
    """A table that was read: its header, and what its first rows have."""

    columns: Columns
    sheet: Sheet | None
    is_kept: bool
    """Whether the meaning of columns is saved next to the file."""
    filled: set[str] = field(default_factory=set[str])
    """Columns with text that were guessed to be left out."""
    _firsts: dict[int, str] = field(default_factory=dict[int, str])
    _first_row: int = 0
    _seen: int = 0

    def saw(self, number: int, cells: Sequence[object]) -> None:
        """Note the first values of columns."""
        self._seen += 1
        self._first_row = self._first_row or number
        if self._seen > _SEEN or len(self._firsts) == self.columns.width:
            return
        for place, cell in enumerate(cells[: self.columns.width]):
            text = " ".join(cell_text(cell).split())
            if text:
                self._firsts.setdefault(place, text)

    @property
    def guessed(self) -> dict[str, str]:
        """The columns that were guessed, without those that are left out and have no text."""
        found = self.columns.guessed.items()
        return {own: to for own, to in found if to or own in self.filled}

    def completed(self, reading: ReadOptions) -> ReadOptions:
        """The options with which the file was read, with what was guessed."""
        gone = set(map(folded, self.columns.gone))
        columns = {own: to for own, to in reading.columns.items() if folded(own) not in gone}
        sheet = reading.sheet or (self.sheet.name if self.sheet else None)
        return structs.replace(reading, columns=columns | self.guessed, sheet=sheet)

    def understood(
        self, rows: Sequence[Row], name_of: Callable[[str], str], zone: tzinfo
    ) -> Understood:
        """How it was understood.

        Args:
            rows: the rows that were read.
            name_of: the name of a channel, given the word of a cell.
            zone: the zone in which dates are shown.
        """
        channels = tuple(dict.fromkeys(name_of(row.channel) for row in rows))
        first = [row for row in rows if row.number == self._first_row]
        values: dict[str, str] = {}
        if first:
            names = dict.fromkeys(name_of(row.channel) for row in first)
            values["channel"] = " + ".join(names)
            if not first[0].written:
                values["date"] = f"{first[0].date.astimezone(zone):%a %d %b %Y %H:%M}"
        columns, guessed = self.columns, self.guessed
        return Understood(
            sheet=self.sheet.name if self.sheet else "",
            header=columns.number,
            columns=tuple(
                UnderstoodColumn(own, to, values.get(to, self._firsts.get(place, "")))
                for place, (own, to) in enumerate(zip(columns.names, columns.targets, strict=True))
                if own and (to or place in self._firsts)
            ),
            posts=len(rows),
            channels=channels,
            timezone=str(zone),
            is_guessed=bool(guessed or columns.gone),
            new=tuple(guessed) if self.is_kept else (),
            gone=columns.gone,
        )
