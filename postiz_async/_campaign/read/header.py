"""Read the header of a table. PURE."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import NamedTuple

from postiz_async._campaign.read.columns import FLAGS, is_column, unknown_columns
from postiz_async._campaign.read.file_formats import Line, NotReadable
from postiz_async._campaign.read.read_options import Rules, options_path
from postiz_async._campaign.read.settings_columns import is_setting
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
from postiz_async._validation.messages import did_you_mean
from postiz_async.errors import CampaignError

_LISTED = 100
"""Columns named in a message, at most."""


class Columns(NamedTuple):
    """The columns of a table: their names and their meanings."""

    number: int
    width: int
    kept: Sequence[tuple[int, str]]
    unnamed: Sequence[int]
    meanings: Mapping[str, str]
    """The campaign's column by the file's name in lower case."""
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
        if isinstance(cell, bool) and target not in FLAGS and not is_setting(target):
            return Odd.of(text, "is TRUE or FALSE, which each program shows in its own words")
        if not isinstance(cell, date | time):
            return text
        if target not in {"date", "time"}:
            return Odd.of(text, f"is a date, which the file has as {text}")
        return nearest_second(cell) if isinstance(cell, datetime) else cell


def read_header(lines: Iterator[Line], name: str, rules: Rules) -> Columns:
    """Read the header of a table.

    Args:
        lines: the lines of the table.
        name: the name of the file.
        rules: how the file is read.

    Raises:
        CampaignError: there is no header, or it has a column twice or an unknown one, or lacks a
            mapped one or that of channels or dates.
    """
    number, texts = _first(lines, name)
    written = [text.strip() for text in texts]
    names = [folded(each) for each in written]
    targets = rules.meanings(names)
    absent = sorted(set(rules.columns) - set(names))
    if absent:
        meant = did_you_mean(absent[0], written, " Did you mean {!r}?")
        by = f" {options_path(Path(name))} maps it." if absent[0] in rules.kept else ""
        raise CampaignError(
            f"{name} has no column {rules.written[absent[0]]!r}, which was mapped (row {number})."
            f"{meant} {_listed(written)}{by}"
        )
    _refuse_doubles(written, targets, number, name)
    unknown = [own for own, to in zip(written, targets, strict=True) if to and not is_column(to)]
    missing = _missing(targets, rules)
    if missing:
        raise CampaignError(
            f"{name} has no column {missing[0]!r} (row {number}). {_listed(written)} This row has "
            f"to name the columns; say which one is meant: --column NAME={missing[0]}."
        )
    for problem in unknown_columns(unknown, number):
        what = f"{problem.where} {problem.message} (row {number})"
        raise CampaignError(f"{name}: {what}. {problem.hint}")
    return Columns(
        number,
        len(names),
        [(place, names[place]) for place, to in enumerate(targets) if is_column(to)],
        [place for place, own in enumerate(names) if not own],
        dict(zip(names, targets, strict=True)),
        {to: own for own, to in zip(written, targets, strict=True) if to not in {"", folded(own)}},
    )


def _refuse_doubles(written: Sequence[str], targets: Sequence[str], number: int, name: str) -> None:
    for target, count in Counter(targets).items():
        if target and count > 1:
            own = [each for each, to in zip(written, targets, strict=True) if to == target]
            other = f"; leave one out: --column {own[1]}=" if len(set(own)) > 1 else ""
            raise CampaignError(
                f"{name} has the column {target!r} twice (row {number}): {', '.join(own)}{other}."
            )


def is_header(rules: Rules, cells: Iterable[object]) -> bool:
    """Whether a row has the columns that a campaign needs."""
    names = [folded(cell_text(cell)) for cell in cells]
    return not _missing(rules.meanings(names), rules)


def _missing(targets: Iterable[str], rules: Rules) -> list[str]:
    there = {*targets, *rules.defaults}
    return [column for column in rules.needed if column not in there]


def _listed(names: Iterable[str]) -> str:
    """The names of the columns, for a message."""
    named = [shown(each) for each in names if each]
    return f"It has: {', '.join(named[:_LISTED])}{', ...' if len(named) > _LISTED else ''}."


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
