"""Read the rows of an .ods file. PURE, but for the file.

calamine would make a blank cell of a failed formula, and 0.2 of a cell that shows `20%`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, time

from postiz_async._campaign.read.packages import (
    Cell,
    ChooseSheet,
    Package,
    SheetFacts,
    SheetPart,
    count_of,
)
from postiz_async._campaign.read.texts import MAX_TEXT, UNCALCULATED, Odd, is_cell_error, tidied

_CONTENT = "content.xml"
_TIME = re.compile(r"PT(\d{1,9})H(\d{1,9})M(\d{1,9})(?:[.,]\d+)?S")
_SIGNS = {"line-break": "\n", "tab": "\t"}
_MOST_ALIKE = 1_000
"""Repetitions of one row, at most; each would be a post."""


def ods_rows(
    package: Package, choose: ChooseSheet, facts: SheetFacts
) -> Iterator[tuple[int, list[Cell]]]:
    """Yield the rows of a sheet that are not blank, with their numbers."""
    return _OdsSheet(package, choose(_sheets(package)), facts).read()


def _sheets(package: Package) -> list[tuple[str, bool]]:
    """The sheets, and whether their styles make them visible."""
    hidden: set[str | None] = set()
    sheets: list[tuple[str, bool]] = []
    style: str | None = None
    for name, attributes in package.elements(_CONTENT, "style", "table-properties", "table"):
        if name == "style":
            style = attributes.get("style:name")
        elif attributes.get("table:display") == "false":
            hidden.add(style)
        elif name == "table":
            is_visible = attributes.get("table:style-name") not in hidden
            sheets.append((attributes.get("table:name", ""), is_visible))
    return sheets


class _OdsSheet(SheetPart):
    def __init__(self, package: Package, sheet: str, facts: SheetFacts) -> None:
        super().__init__(package, _CONTENT)
        self._sheet = sheet
        self._facts = facts
        self._merged: dict[int, tuple[Cell, int]] = {}
        """Cells that cover others below them, and the last of these rows, by column."""
        self._is_in_sheet = False
        self._next = 1
        self._times = 1
        self._cell: Mapping[str, str] | None = None
        self._cell_depth = 0
        self._room = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if self._cell is not None:
            self._start_text(name, attributes)
        elif name == "table":
            self._is_in_sheet = attributes.get("table:name", "") == self._sheet
        elif not self._is_in_sheet:
            return
        elif name == "table-row":
            self._times = count_of(attributes.get("table:number-rows-repeated", "1"))
            self.begin_row(self._next)
            self._next += self._times
        elif name in {"table-cell", "covered-table-cell"}:
            self._cell, self._cell_depth, self._room = attributes, self.depth, MAX_TEXT + 1
            self.text.clear()

    def _start_text(self, name: str, attributes: Mapping[str, str]) -> None:
        """Start to collect the text of a cell: its paragraphs, without notes."""
        if name == "p" and self.depth == self._cell_depth + 1:
            if self._room <= MAX_TEXT:
                self.text.append("\n")
            self._room -= 1
            self.take_text(takes=True)
        elif name == "annotation":
            self._facts.comments += 1
        elif not self.takes_text:
            return
        elif name == "s":
            spaces = min(count_of(attributes.get("text:c", "1")), self._room)
            self._room -= spaces
            self.text.append(" " * spaces)
        elif name in _SIGNS:
            self.text.append(_SIGNS[name])

    def end(self, name: str) -> None:
        if self._cell is not None:
            if self.depth == self._cell_depth:
                self.take_text(takes=False)
            elif self.depth == self._cell_depth - 1:
                cell = _value(self._cell, "".join(self.text))
                times = count_of(self._cell.get("table:number-columns-repeated", "1"))
                rows = count_of(self._cell.get("table:number-rows-spanned", "1"))
                if rows > 1:
                    merged = tidied(cell) if isinstance(cell, str) else cell
                    self._merged[self.column] = merged, self.row + rows - 1
                self._cell = None
                self.put(cell, times)
        elif name == "table-row" and self.cells:
            if self._times > _MOST_ALIKE:
                self.column = 0
                why = f"is in a row that stands there {self._times:,} times"
                self.refuse(why, "Delete the rows below the last post.")
            for column, (cell, last) in self._merged.items():
                if self.row <= last:
                    self.fill(column, cell)
            self.rows += [(self.row + place, list(self.cells)) for place in range(self._times)]
        elif name == "table":
            self._is_in_sheet = False


def _value(said: Mapping[str, str], text: str) -> Cell:
    kind = said.get("office:value-type")
    if said.get("calcext:value-type") == "error":
        return text or "#VALUE!"
    if is_cell_error(text):  # OpenOffice calls it a number, 0
        return text
    if kind in {"float", "percentage", "currency"}:
        return _number(float(said.get("office:value", "")), text)
    if kind == "boolean":
        return said.get("office:boolean-value") == "true"
    if kind == "date":
        value = said.get("office:date-value", "")
        if value[11:13] == "24":  # the next day to Python since 3.14
            return value
        moment = datetime.fromisoformat(value)
        return moment.date() if moment.time() == time() else moment
    if kind == "time":
        parts = _TIME.fullmatch(said.get("office:time-value", ""))
        if parts is not None and int(parts[1]) < 24:
            return time(int(parts[1]), int(parts[2]), int(parts[3]))
    is_uncalculated = kind is None and "table:formula" in said
    empty = Odd.of("", *UNCALCULATED) if is_uncalculated else ""
    return text or said.get("office:string-value", empty)


def _number(number: float, text: str) -> float | str:
    """The value of a number cell; its text if it is shown differently."""
    try:
        return number if not text or float(text) == number else text
    except ValueError:
        return text
