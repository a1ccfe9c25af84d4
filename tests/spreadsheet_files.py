"""Spreadsheets for tests: .xlsx by xlsxwriter, .ods as the standard has it."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from xml.sax.saxutils import escape, quoteattr

import xlsxwriter

__all__ = [
    "COVERED",
    "LINE_BREAK",
    "Down",
    "Error",
    "Noted",
    "NumberError",
    "Shown",
    "Uncalculated",
    "write_ods",
    "write_xlsx",
]

Sheets: TypeAlias = "dict[str, Iterable[Sequence[object]]]"


class Error(str):
    """What a formula became, like `#NAME?`."""

    __slots__ = ()


class NumberError(Error):
    """The same where OpenOffice wrote it."""

    __slots__ = ()


class Shown(NamedTuple):
    """A value, and how a spreadsheet shows it: by which format, and as which text."""

    value: float | bool | datetime
    form: str
    text: str


class Uncalculated(str):
    """A formula as a program writes it, without its value."""

    __slots__ = ()


class Down(NamedTuple):
    """A cell that is merged with those below it, which are `COVERED`."""

    value: object
    rows: int


class Noted(NamedTuple):
    """A cell with a comment."""

    value: object
    comment: str


COVERED = None
"""A cell that is merged with the one above."""


LINE_BREAK = "\x0b"
"""A line break within a paragraph of an .ods."""

_NO_VALUE = 8.75e-300


def write_xlsx(
    path: Path,
    rows: Iterable[Sequence[object]] = (),
    *,
    sheets: Sheets | None = None,
    hidden: str = "",
) -> Path:
    """A workbook with a sheet `Plan`, or with the named ones."""
    with xlsxwriter.Workbook(path) as book:
        formats = {
            datetime: book.add_format({"num_format": "dd.mm.yyyy hh:mm"}),
            date: book.add_format({"num_format": "dd.mm.yyyy"}),
            time: book.add_format({"num_format": "hh:mm"}),
        }
        for name, lines in (sheets or {"Plan": rows}).items():
            sheet = book.add_worksheet(name)
            for number, line in enumerate(lines):
                for column, cell in enumerate(line):
                    _write_cell(book, sheet, (number, column), cell, formats)
            if name == hidden:
                sheet.hide()
    _drop_values(path)
    return path


def _write_cell(
    book: Any, sheet: Any, place: tuple[int, int], cell: object, formats: Mapping[type, Any]
) -> None:
    if isinstance(cell, Down):
        row, column = place
        sheet.merge_range(row, column, row + cell.rows - 1, column, "")
        _write_cell(book, sheet, place, cell.value, formats)
    elif isinstance(cell, Noted):
        _write_cell(book, sheet, place, cell.value, formats)
        sheet.write_comment(*place, cell.comment)
    elif isinstance(cell, Error):
        sheet.write_formula(*place, "=foo()", None, cell)
    elif isinstance(cell, Uncalculated):
        sheet.write_formula(*place, cell, None, _NO_VALUE)
    elif isinstance(cell, Shown):
        sheet.write(*place, cell.value, book.add_format({"num_format": cell.form}))
    elif isinstance(cell, date | time):
        sheet.write_datetime(*place, cell, formats[type(cell)])
    elif isinstance(cell, str):
        sheet.write_string(*place, cell)
    elif cell is not None:
        sheet.write(*place, cell)


def _drop_values(path: Path) -> None:
    """Leave formulas without values, as openpyxl does."""
    with zipfile.ZipFile(path) as packed:
        parts = {each.filename: packed.read(each) for each in packed.infolist()}
    if any(str(_NO_VALUE).encode() in part for part in parts.values()):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, part in parts.items():
                packed.writestr(name, part.replace(str(_NO_VALUE).encode(), b""))


def write_ods(path: Path, rows: Iterable[Sequence[object]]) -> Path:
    """A document with one sheet, as LibreOffice writes it."""
    lines, merged = "", dict[int, int]()
    for line in rows:
        cells = ""
        for column, cell in enumerate(line):
            if merged.get(column, 0) and cell is COVERED:
                merged[column] -= 1
                cells += "<table:covered-table-cell/>"
            else:
                merged[column] = cell.rows - 1 if isinstance(cell, Down) else 0
                cells += _ods_cell(cell)
        lines += f"<table:table-row>{cells}</table:table-row>"
    names = {
        "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
        "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
        "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
        "calcext": "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0",
    }
    spaces = " ".join(f'xmlns:{name}="{uri}"' for name, uri in names.items())
    blank = (
        '<table:table-row table:number-rows-repeated="1040000">'
        '<table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {spaces}><office:body>'
        f'<office:spreadsheet><table:table table:name="Plan">{lines}{blank}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        packed.writestr("content.xml", content)
        packed.writestr("META-INF/manifest.xml", "<manifest/>")
    return path


def _ods_cell(cell: object) -> str:
    if isinstance(cell, Down):
        spanned = f'<table:table-cell table:number-rows-spanned="{cell.rows}"'
        return _ods_value(cell.value).replace("<table:table-cell", spanned, 1)
    if isinstance(cell, Noted):
        note = f"<office:annotation><text:p>{escape(cell.comment)}</text:p></office:annotation>"
        return _ods_value(cell.value).replace(">", f">{note}", 1)
    return _ods_value(cell)


def _ods_value(cell: object) -> str:
    if cell is None or cell == "" or isinstance(cell, Uncalculated):
        formula = f" table:formula={quoteattr(f'of:{cell}')}" if cell else ""
        return f"<table:table-cell{formula}/>"
    kind, value = "string", ""
    if isinstance(cell, Shown):
        kind = "percentage" if "%" in cell.form else "currency" if "€" in cell.form else "float"
        value, cell = f' office:value="{cell.value}"', cell.text
    elif isinstance(cell, NumberError):
        kind, value = "float", ' office:value="0"'
    elif isinstance(cell, Error):
        value = ' office:string-value="" calcext:value-type="error"'
    elif isinstance(cell, bool):
        kind, value = "boolean", f' office:boolean-value="{str(cell).lower()}"'
    elif isinstance(cell, int | float):
        kind, value = "float", f' office:value="{cell}"'
    elif isinstance(cell, date):
        kind, value = "date", f' office:date-value="{cell.isoformat()}"'
    elif isinstance(cell, time):
        kind, value = "time", f' office:time-value="PT{cell:%HH%MM%SS}"'
    elif isinstance(cell, timedelta):
        minutes, seconds = divmod(int(cell.total_seconds()), 60)
        kind, value = (
            "time",
            f' office:time-value="PT{minutes // 60}H{minutes % 60:02}M{seconds:02}S"',
        )
    lines = "".join(f"<text:p>{_ods_text(line)}</text:p>" for line in str(cell).split("\n"))
    return (
        f"<table:table-cell office:value-type={quoteattr(kind)}{value}>{lines}</table:table-cell>"
    )


def _ods_text(text: str) -> str:
    """A line, with runs of spaces as the standard writes them."""
    return (
        escape(text)
        .replace("  ", ' <text:s text:c="1"/>')
        .replace("\t", "<text:tab/>")
        .replace(LINE_BREAK, "<text:line-break/>")
    )
