"""Read a workbook from the standard input, and write its cells as JSON lines.

`workbooks` runs this in a process of its own, with bounds of memory and time: calamine builds a
table of all cells, and a small file can unpack to gigabytes. It imports next to nothing of this
package, so that it starts quickly.
"""

from __future__ import annotations

import json
import sys
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from postiz_async._campaign.read.sheet_look import Look, Mark, TooLarge, look, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from python_calamine import CalamineSheet

MAX_TEXT = 131_072
"""Characters of one cell, at most; a request has room for 102,400 bytes."""
MAX_ROW_TEXT = 2_000_000
"""Characters of one row, at most."""
MOST_SHEETS = 20
"""Sheets in which a campaign is looked for, at most."""
_MEMORY, _OUTPUT = 512_000_000, 1_000_000_000
"""Bytes of memory, and of all lines, at most."""
_EMPTY: Mapping[int, Mark] = {}
_MERGED = "merged", "", ""


def main() -> None:
    """Write the names of the sheets, then the rows of the named one, or of all visible ones."""
    _limit()
    from python_calamine import (  # noqa: PLC0415  (the other process only uses the limits)
        CalamineWorkbook,
        SheetTypeEnum,
        SheetVisibleEnum,
    )

    file = open(0, "rb", closefd=False)  # noqa: SIM115
    file.seek(0)
    wanted = folded(sys.argv[1]) if len(sys.argv) > 1 else None
    book = CalamineWorkbook.from_filelike(file)
    sheets = [
        (number, each.name, each.visible == SheetVisibleEnum.Visible)
        for number, each in enumerate(book.sheets_metadata)
        if each.typ == SheetTypeEnum.WorkSheet
    ]
    _say(sheets=[(name, is_visible) for _, name, is_visible in sheets])
    chosen = [each for each in sheets if (each[2] if wanted is None else folded(each[1]) == wanted)]
    try:
        for number, name, _ in chosen[:MOST_SHEETS]:
            _say(sheet=name)
            found = look(file, number, name)  # before calamine, which has no bound of its own
            _say_rows(book.get_sheet_by_name(name), found)
    except TooLarge as error:
        _say(refused=str(error))
    sys.stdout.flush()


def folded(name: str) -> str:
    """The name of a sheet for comparison."""
    return normalize("NFC", normalize("NFD", " ".join(name.split())).casefold())


def _limit() -> None:
    """Bound the memory and the output, where the system can."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415  (Windows has none)

        for kind, most in ((resource.RLIMIT_AS, _MEMORY), (resource.RLIMIT_FSIZE, _OUTPUT)):
            _, hard = resource.getrlimit(kind)
            is_free = hard == resource.RLIM_INFINITY
            resource.setrlimit(kind, (most if is_free else min(most, hard), hard))


_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode


def _say(**said: object) -> None:
    sys.stdout.buffer.write(f"{_encode(said)}\n".encode())


def _say_rows(sheet: CalamineSheet, found: Look) -> None:
    for row, cells in _rows(sheet, found):
        said = [each if isinstance(each, str) else _written(each) for each in cells]
        for column, mark in found.marks.get(row, _EMPTY).items():
            said += [""] * (column + 1 - len(said))
            cell = cells[column] if column < len(cells) else ""
            said[column] = _marked(mark, cell, said[column])
        sizes = [len(each) if isinstance(each, str) else 0 for each in said]
        if max(sizes, default=0) > MAX_TEXT:
            at = place(row, sizes.index(max(sizes)))
            raise TooLarge(f"cell {at} has more than {MAX_TEXT:,} characters")
        if sum(sizes) > MAX_ROW_TEXT:
            raise TooLarge(f"row {row + 1} has more than {MAX_ROW_TEXT:,} characters")
        if any(each not in ("", _MERGED) for each in said):
            _say(row=row + 1, cells=said)


def _rows(sheet: CalamineSheet, found: Look) -> Iterator[tuple[int, list[Any]]]:
    """The rows of a sheet, and those that have nothing but marks."""
    found.merged += sheet.merged_cell_ranges or ()
    end, right = sheet.end or (-1, -1)
    found.cover(end, right)
    yield from enumerate(sheet.iter_rows())
    yield from ((row, []) for row in sorted(found.marks) if row > end)


def _written(cell: Any) -> object:
    """A cell as JSON: numbers as a person writes them, dates as pairs of kind and text."""
    if isinstance(cell, bool):
        return cell
    if isinstance(cell, int | float):
        is_whole = isinstance(cell, int) or (cell.is_integer() and abs(cell) < 1e21)
        return str(int(cell)) if is_whole else repr(cell)
    if isinstance(cell, datetime):
        cell = (cell + timedelta(milliseconds=500)).replace(microsecond=0)
        cell = cell if cell.time() != time() else cell.date()
    elif isinstance(cell, time):
        cell = (datetime.combine(date(2000, 1, 1), cell) + timedelta(milliseconds=500)).time()
        cell = cell.replace(microsecond=0)
    elif isinstance(cell, timedelta):
        if timedelta() <= cell < timedelta(days=1):
            return _written((datetime(2000, 1, 1) + cell).time())  # noqa: DTZ001
        return "unread", "", str(cell)
    return type(cell).__name__, cell.isoformat()


def _marked(mark: Mark, cell: object, said: object) -> object:
    """A cell with a mark: what it is instead, where people see it differently."""
    is_number = isinstance(cell, int | float) and not isinstance(cell, bool)
    if mark.kind == "format" and (not is_number or _says_same(mark.shown, cell)):
        return said
    if mark.kind == "unread" and not isinstance(cell, str):
        return said
    text = said if isinstance(said, str) else ""
    return mark.kind, text, mark.shown[:40] or text


def _says_same(shown: str, number: object) -> bool:
    """Whether a text is the same number, perhaps with a decimal comma."""
    try:
        return float(shown.replace(",", ".")) == number
    except ValueError:
        return False
