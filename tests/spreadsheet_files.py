"""Spreadsheets for tests: .xlsx by xlsxwriter, .ods as the standard has it."""

from __future__ import annotations

import zipfile
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, TypeAlias
from xml.sax.saxutils import escape, quoteattr

import xlsxwriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["Error", "NumberError", "write_ods", "write_xlsx"]

Sheets: TypeAlias = "dict[str, Iterable[Sequence[object]]]"


class Error(str):
    """What a formula became, like `#NAME?`."""

    __slots__ = ()


class NumberError(Error):
    """The same where OpenOffice wrote it."""

    __slots__ = ()


def write_xlsx(
    path: Path,
    rows: Iterable[Sequence[object]] = (),
    *,
    sheets: Sheets | None = None,
    hidden: str = "",
    merged: Sequence[str] = (),
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
                    if isinstance(cell, Error):
                        sheet.write_formula(number, column, "=foo()", None, cell)
                    elif isinstance(cell, date | time):
                        sheet.write_datetime(number, column, cell, formats[type(cell)])
                    elif isinstance(cell, str):
                        sheet.write_string(number, column, cell)
                    elif cell is not None:
                        sheet.write(number, column, cell)
            for span in merged:
                sheet.merge_range(span, "merged")
            if name == hidden:
                sheet.hide()
    return path


def write_ods(path: Path, rows: Iterable[Sequence[object]]) -> Path:
    """A document with one sheet, as LibreOffice writes it."""
    lines = "".join(
        f"<table:table-row>{''.join(map(_ods_cell, line))}</table:table-row>" for line in rows
    )
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
    if cell is None or cell == "":
        return "<table:table-cell/>"
    kind, value = "string", ""
    if isinstance(cell, NumberError):
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
    return escape(text).replace("  ", ' <text:s text:c="1"/>').replace("\t", "<text:tab/>")
