"""The rows of a spreadsheet (.xlsx, .ods) as it stores them: texts, numbers, dates.

`python-calamine` reads an .xlsx in a sixth of the time of `openpyxl`. It gives an error like
`#NAME?` as an empty cell, and takes memory for the whole rectangle of the cells that are not empty:
one stray cell in the last corner ends the process. So the XML is looked through before, for errors
and for the corner. An .ods is read without it. PURE, but for the files.
"""

from __future__ import annotations

import difflib
import io
import re
import shlex
import zipfile
import zlib
from collections import defaultdict
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, cast
from xml.etree import ElementTree as ET

from postiz_async._batch.open_document import ods_rows
from postiz_async._extras import extra_needed
from postiz_async.errors import BatchError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from postiz_async._batch.open_document import Cell, ChooseSheet

__all__ = [
    "Merged",
    "cell_text",
    "is_spreadsheet",
    "nearest_second",
    "sheet_rows",
    "workbook",
]

_SHEETS = frozenset((".xlsx", ".xlsm", ".ods"))
"""Suffixes of spreadsheets that are read. An .xls does not tell an error from an empty cell."""

_FOREIGN = frozenset((".xls", ".xlsb", ".numbers", ".gsheet"))
_MAX_UNPACKED = 2_000_000_000
"""Bytes of a spreadsheet without its compression: what one may take of the memory."""

_MAX_AREA = 20_000_000
"""Cells of the rectangle around all that is written in a sheet; each takes 32 bytes."""

_CHUNK = 1 << 22
_LONGEST_CELL = 256_000
"""Bytes of a cell in the XML of a sheet, at most: 32,767 characters, some as `&#128512;`."""

_CELL = re.compile(rb"""<(?:\w+:)?c\s[^>]*?\br=["']([A-Z]+)(\d+)["'][^>]*>""")
_WIDE = re.compile(rb"""<(?:\w+:)?c\s[^>]*?\br=["']([A-Z]{2,})\d+["'][^>]*(?<!/)>""")
_ERROR = re.compile(
    rb"""<(?:\w+:)?c\s(?=[^>]*\bt=["']e["'])[^>]*?\br=["']([A-Z]+)(\d+)["'][^>]*(?<!/)>"""
    rb"""(?:(?!</(?:\w+:)?c>).)*?<(?:\w+:)?v>([^<]*)<""",
    re.DOTALL,
)
_RELATIONS = (
    "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id",
    "{http://purl.oclc.org/ooxml/officeDocument/relationships}id",
)


class Merged(str):
    """An empty cell that is merged with the one above it."""

    __slots__ = ()


def is_spreadsheet(path: Path) -> bool:
    """Whether a file is a spreadsheet, by its name.

    Raises:
        BatchError: it is one of a kind that is not read.
    """
    suffix = path.suffix.lower()
    if suffix in _FOREIGN:
        raise BatchError(f"{path} cannot be read: save the spreadsheet as .xlsx, .ods or .csv.")
    return suffix in _SHEETS


def sheet_rows(path: Path, name: str | None) -> Iterator[tuple[int, list[Cell]]]:
    """The rows of a sheet that are not blank, with their numbers.

    Args:
        path: the spreadsheet.
        name: of the sheet; None for the only visible one.

    Raises:
        BatchError: it cannot be read, or it has several sheets and none is named.
        ConfigurationError: the extra is not installed.
    """
    _refuse_odd(path)
    read = ods_rows if path.suffix.lower() == ".ods" else _xlsx_rows
    try:
        yield from read(path, lambda sheets: _chosen(path, sheets, name))
    except OSError as error:
        raise _unreadable(path, error) from error
    except _DAMAGE as error:
        raise _broken(path, error) from error


_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, RuntimeError),  # of zipfile
    *(ET.ParseError, KeyError, ValueError),
)


def _broken(path: Path, error: Exception) -> BatchError:
    why = str(error) or "it ends too early"
    return BatchError(
        f"{path} cannot be read as a spreadsheet: {why}. Open it and save it once more."
    )


def _refuse_odd(path: Path) -> None:
    """Refuse what is not a spreadsheet, or one that is locked or takes too much memory."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
        if start.startswith(b"\xd0\xcf\x11\xe0"):
            raise BatchError(
                f"{path} has a password, or is an old .xls under another name. Save it as .xlsx "
                "without a password."
            )
        if not start.startswith(b"PK"):
            what = f"{path} is empty (0 bytes)." if not start else f"{path} is not a spreadsheet"
            raise BatchError(f"{what}; if it is text, name it .csv." if start else what)
        with zipfile.ZipFile(path) as packed:
            unpacked = sum(each.file_size for each in packed.infolist())
            names = set(packed.namelist())
            if "META-INF/manifest.xml" in names and b"encryption-data" in packed.read(
                "META-INF/manifest.xml"
            ):
                raise BatchError(f"{path} has a password. Save it without one.")
    except OSError as error:
        raise _unreadable(path, error) from error
    except _DAMAGE as error:
        raise _broken(path, error) from error
    if not names & {"xl/workbook.xml", "content.xml", "_rels/.rels"}:
        raise BatchError(f"{path} is a zip file, but no spreadsheet.")
    if unpacked > _MAX_UNPACKED:
        raise BatchError(
            f"{path} has {unpacked / 1e9:,.1f} GB without its compression; "
            f"{_MAX_UNPACKED / 1e9:,.0f} GB are read. Split it, or save it as .csv."
        )


def _unreadable(path: Path, error: OSError) -> BatchError:
    if isinstance(error, FileNotFoundError):
        return BatchError(f"There is no file {path}.")
    return BatchError(f"{path} cannot be read: {error}.")


def _chosen(path: Path, sheets: Sequence[tuple[str, bool]], name: str | None) -> str:
    """The sheet that is meant, of those there are; each with whether it is visible."""
    names = [each for each, _ in sheets]
    if name is not None:
        wanted = name.strip().casefold()
        for each in names:
            if each.strip().casefold() == wanted:
                return each
        close = difflib.get_close_matches(name, names, 1)
        meant = f" Did you mean {close[0]!r}?" if close else ""
        raise BatchError(f"{path} has no sheet {name!r}.{meant} It has: {', '.join(names)}.")
    visible = [each for each, is_visible in sheets if is_visible]
    if len(visible) != 1:
        options = " or ".join(f"--sheet {shlex.quote(each)}" for each in visible or names)
        raise BatchError(f"{path} has {len(visible)} sheets. Say which one: {options}.")
    return visible[0]


def cell_text(cell: object) -> str:
    """The text of a cell as people see it."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        whole = nearest_second(cell)
        return f"{whole:%Y-%m-%d %H:%M:%S}" if whole.second else f"{whole:%Y-%m-%d %H:%M}"
    if isinstance(cell, time):
        return f"{cell:%H:%M:%S}" if cell.second else f"{cell:%H:%M}"
    return str(cell)


def nearest_second(moment: datetime) -> datetime:
    """A date without the error of a spreadsheet, which counts in days."""
    return (moment + timedelta(milliseconds=500)).replace(microsecond=0)


# ------------------------------------------------------------------ Excel


def _xlsx_rows(path: Path, choose: ChooseSheet) -> Iterator[tuple[int, list[Cell]]]:
    try:
        from python_calamine import (  # noqa: PLC0415  (an extra)
            CalamineError,
            CalamineWorkbook,
            SheetTypeEnum,
            SheetVisibleEnum,
        )
    except ImportError:
        raise _extra_missing() from None
    try:
        with CalamineWorkbook.from_path(path) as book:  # pyright: ignore[reportUnknownMemberType]
            sheets = [
                (each.name, each.visible == SheetVisibleEnum.Visible)
                for each in book.sheets_metadata
                if each.typ == SheetTypeEnum.WorkSheet
            ]
            chosen = choose(sheets)
            errors = _xlsx_errors(path, chosen)
            sheet = book.get_sheet_by_name(chosen)
            if sheet.start is None or sheet.end is None:
                return
            left, height = sheet.start[1], sheet.end[0] + 1
            for row, column in _merged(sheet.merged_cell_ranges or (), height):
                errors[row].setdefault(column, Merged())
            for number, cells in enumerate(cast("Iterable[list[Cell]]", sheet.iter_rows()), 1):
                _mark(cells, errors.get(number, {}), left)
                yield number, cells
    except CalamineError as error:
        raise _broken(path, error) from error


def _mark(cells: list[Cell], marks: Mapping[int, Cell], left: int) -> None:
    """Put marks, by column, in the place of what a row from column `left` on has there."""
    for column, mark in marks.items():
        if 0 <= column - left < len(cells):
            cells[column - left] = mark


def _merged(
    ranges: Iterable[tuple[tuple[int, int], tuple[int, int]]], height: int
) -> Iterator[tuple[int, int]]:
    """Row (from 1) and column (from 0) of the cells that are merged with one above."""
    for (top, left), (bottom, right) in ranges:
        for row in range(top + 1, min(bottom + 1, height)):
            yield from ((row + 1, column) for column in range(left, min(right, left + 50) + 1))


def _xlsx_errors(path: Path, sheet: str) -> defaultdict[int, dict[int, str]]:
    """The errors in a sheet by row (from 1) and column (from 0).

    Raises:
        BatchError: a cell is too far from the others.
    """
    found: defaultdict[int, dict[int, str]] = defaultdict(dict)
    last, widest = 1, b"Z"
    with zipfile.ZipFile(path) as packed, packed.open(_xlsx_part(packed, sheet)) as file:
        kept = b""
        while chunk := file.read(_CHUNK):
            text = kept + chunk
            if b'"e"' in text or b"'e'" in text:
                for match in _ERROR.finditer(text):
                    error = match[3].decode("utf-8", "replace")
                    found[int(match[2])][_column(match[1])] = error
            for match in _WIDE.finditer(text):
                widest = max(widest, match[1], key=_column)
            filled = text.rfind(b"v>")
            cell = _CELL.match(text, text.rfind(b"<c ", 0, filled)) if filled >= 0 else None
            last = max(last, int(cell[2])) if cell else last
            if last * (_column(widest) + 1) > 1.4 * _MAX_AREA:
                raise BatchError(
                    f"{path} has something in row {last:,} or column {widest.decode()}, far from "
                    "the rest. Delete the rows and columns after the last post, or save as .csv."
                )
            kept = text[-_LONGEST_CELL:]
    return found


def _xlsx_part(packed: zipfile.ZipFile, sheet: str) -> str:
    """The file of a sheet within an .xlsx."""
    book = ET.fromstring(packed.read("xl/workbook.xml"))  # noqa: S314  (expat bounds entities)
    relations = ET.fromstring(packed.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    targets = {each.get("Id"): each.get("Target", "") for each in relations}
    for each in book.iter():
        if each.tag.rpartition("}")[2] == "sheet" and each.get("name") == sheet:
            target = next(targets[id_] for name in _RELATIONS if (id_ := each.get(name)))
            return target[1:] if target.startswith("/") else f"xl/{target}"
    raise KeyError(sheet)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


# ------------------------------------------------------------------ writing

MAX_CELL = 32_767
"""Characters that a cell of Excel holds."""

_WIDTHS = {"content": 60, "settings": 30, "integration": 26, "date": 17, "timezone": 16}


def workbook(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """An .xlsx of one sheet, with texts as texts and dates as dates.

    Raises:
        BatchError: a text is too long for a cell.
        ConfigurationError: the extra is not installed.
    """
    try:
        from xlsxwriter import Workbook  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]
    except ImportError:
        raise _extra_missing() from None
    out = io.BytesIO()
    with Workbook(out, {"in_memory": True}) as opened:
        book: Any = opened  # it has no types
        sheet = book.add_worksheet("Posts")
        sheet.freeze_panes(1, 0)
        form = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        bold = book.add_format({"bold": True})
        for column, name in enumerate(head):
            sheet.set_column(column, column, _WIDTHS.get(name, 12))
            sheet.write_string(0, column, name, bold)
        for number, cells in enumerate(rows, 1):
            for column, cell in enumerate(cells):
                if isinstance(cell, datetime):
                    sheet.write_datetime(number, column, cell, form)
                elif len(str(cell)) > MAX_CELL:
                    raise BatchError(
                        f"{head[column]} has {len(str(cell)):,} characters in row {number + 1}; a "
                        f"cell of Excel holds {MAX_CELL:,}. Export to .csv or .jsonl."
                    )
                elif cell != "":
                    sheet.write_string(number, column, str(cell))
    return out.getvalue()


def _extra_missing() -> ConfigurationError:
    return ConfigurationError(extra_needed("Files that end in .xlsx need", "xlsx"))
