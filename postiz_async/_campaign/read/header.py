"""Read the header of a table: the campaign's column for each column of the file. PURE."""

from __future__ import annotations

import itertools
from collections import Counter
from contextlib import suppress
from datetime import date, datetime, time
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from postiz_async._campaign.read.columns import (
    COLUMNS,
    LONGEST_NAME,
    column_named,
    column_options,
    is_column,
    meant_columns,
)
from postiz_async._campaign.read.file_formats import Line, NotReadable
from postiz_async._campaign.read.texts import (
    MAX_COLUMNS,
    Odd,
    cell_text,
    foreign_byte,
    has_halves,
    nearest_second,
    shown,
)
from postiz_async._resources.channel_names import folded
from postiz_async.errors import CampaignError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from postiz_async._campaign.read.read_options import Rules


_LISTED = 100
"""Columns named in a message, at most."""

_FLAGS = frozenset(name for name, column in COLUMNS.items() if column.is_flag)
_SAMPLED = 50
"""Rows whose cells are used to recognise columns."""


class AbsentColumn(Exception):  # noqa: N818  (never leaves the package)
    """A mapped column is missing from the file; `column` is its name in lower case."""

    def __init__(self, said: str, column: str) -> None:
        super().__init__(said)
        self.column = column


class MissingColumns(Exception):  # noqa: N818  (never leaves the package)
    """The file has no column for channels or dates, or names it differently."""

    def __init__(self, said: str, names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        super().__init__(said)
        self.said = said
        self.names = names
        self.rows = rows

    def error(self, channels: Iterable[str] = ()) -> CampaignError:
        """The error, with the likely meaning of columns, given these names of channels."""
        taken = [name.lower() for name in self.names if is_column(name.lower())]
        meant = meant_columns(self.names, self.rows, taken, set(channels))
        meant = {name: to for name, to in meant.items() if to}
        if not meant:
            return CampaignError(f"{self.said} A campaign may have: {', '.join(COLUMNS)}.")
        return CampaignError(f"{self.said} Say what they are: {column_options(meant)}")


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
        if isinstance(cell, bool) and target not in _FLAGS:
            return Odd.of(text, "is TRUE or FALSE, which each program shows in its own words")
        if not isinstance(cell, date | time):
            return text
        if target not in {"date", "time"}:
            return Odd.of(text, f"is a date, which the file has as {text}")
        return nearest_second(cell) if isinstance(cell, datetime) else cell


def read_header(lines: Iterator[Line], name: str, rules: Rules) -> Columns:
    """Read the header of a table, which may stand below other rows.

    Args:
        lines: the lines of the table; those up to the header are consumed.
        name: the name of the file.
        rules: how the file is read.

    Raises:
        CampaignError: there is no header, or it has a column twice.
        AbsentColumn: a mapped column is missing.
        MissingColumns: the column of channels or dates is missing.
    """
    number, texts = _first(lines, name)
    written = [text.strip() for text in texts]
    names = [folded(each) for each in written]
    absent = sorted(set(rules.columns) - set(names))
    targets = [rules.columns.get(each, rules.other_names.get(each, each)) for each in names]
    there = {*targets, *rules.defaults}
    missing = [column for column in ("channel", "date") if column not in there]
    below, seen = _header_below(lines, rules, names) if absent or missing else ([], [])
    if below:
        return read_header(itertools.chain(below, lines), name, rules)
    if absent:
        close = get_close_matches(absent[0], names, 1)
        meant = f" Did you mean {written[names.index(close[0])]!r}?" if close else ""
        raise AbsentColumn(
            f"{name} has no column {rules.written[absent[0]]!r}, which was mapped (row {number})."
            f"{meant} {_listed(written)}",
            absent[0],
        )
    doubles = [to for to, count in Counter(targets).items() if to and count > 1]
    if doubles:
        raise CampaignError(f"{name} has the column {doubles[0]!r} twice (row {number}).")
    pairs = list(zip(written, targets, strict=True))
    if missing:
        said = f"{name} has no column {missing[0]!r} (row {number}). {_listed(written)}"
        unmapped = [own if folded(own) == to else to for own, to in pairs]
        raise MissingColumns(said, unmapped, [line.cells for line in seen])
    kept: list[tuple[int, str]] = []
    unknown: dict[int, str] = {}
    labels: dict[str, str] = {}
    for place, (own, target) in enumerate(pairs):
        if target not in {"", names[place]}:
            labels[target] = own
        if own and (rules.template or is_column(target)):
            kept.append((place, names[place]))
        elif own and target:
            unknown[place] = own
    return Columns(
        number,
        len(names),
        kept,
        [place for place, own in enumerate(names) if not own],
        unknown,
        dict(zip(names, targets, strict=True)),
        targets,
        labels,
    )


def _listed(names: Iterable[str]) -> str:
    """The names of the columns, for a message."""
    named = [shown(each) for each in names if each]
    return f"It has: {', '.join(named[:_LISTED])}{', ...' if len(named) > _LISTED else ''}."


def _header_below(
    lines: Iterator[Line], rules: Rules, names: Iterable[str]
) -> tuple[list[Line], list[Line]]:
    """The header below a title, the rest of the lines, and the rows looked through."""
    seen: list[Line] = []
    with suppress(NotReadable):  # what is wrong with the header comes first
        for line in itertools.islice(lines, _SAMPLED):
            if _is_header(map(cell_text, line.cells), rules):
                return [line], seen
            seen.append(line)
    if not _is_header(names, rules, column_named):
        for place, line in enumerate(seen):
            if _is_header(map(cell_text, line.cells), rules, column_named):
                return seen[place:], seen
    return [], seen


def _is_header(
    names: Iterable[str], rules: Rules, meaning: Callable[[str], str] = str.strip
) -> bool:
    """Whether a row has columns for channels and dates."""
    words = [folded(name) for name in names if len(name) <= LONGEST_NAME]
    known = {**rules.other_names, **rules.columns}
    found = {known.get(word) or meaning(word) for word in words}
    return {"channel", "date"} <= {*found, *rules.defaults}


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
