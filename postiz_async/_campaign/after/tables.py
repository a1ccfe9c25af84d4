"""Tables that people open in a spreadsheet, as CSV or as a workbook: of exports and of results."""

from __future__ import annotations

import io
import locale
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from postiz_async._campaign.read.file_formats import COMMENT, csv_line, with_escape
from postiz_async._campaign.read.texts import cell_text
from postiz_async._extras import extra_needed
from postiz_async.errors import CampaignError, ConfigurationError

MAX_CELL = 32_767
"""Characters of an Excel cell, at most."""

_WIDTHS = {
    "text": 60,
    "content": 60,
    "note": 45,
    "remark": 45,
    "link": 40,
    "settings": 30,
    "channel": 26,
    "date": 17,
    "moved_from": 17,
    "timezone": 16,
    "row": 6,
}
_WRAPPED = {"text", "content", "note", "remark"}
"""Columns of long texts."""

_LONGEST_LINK, _MOST_LINKS = 2_079, 65_000
"""Links that Excel opens: characters of one, and their number in a sheet."""

_LOCAL_DATE = 22
"""Excel's own format of a date with a time, which each reader sees in the form of their country."""

_COMMA = {"en", "zh", "ch", "ja", "ko", "he", "th", "hi", "es_mx", "es_us"}
"""Languages in which lists are separated by a comma, because it is not the decimal sign."""


def excel_separator() -> str:
    """The separator of CSV files that the user's Excel expects: `,`, or `;` with decimal commas.

    It follows from the locale: LC_ALL, else LC_NUMERIC, else LANG, else that of the system.
    """
    named = (os.environ.get(name) for name in ("LC_ALL", "LC_NUMERIC", "LANG"))
    said = next(filter(None, named), None) or locale.getlocale()[0] or "C"
    place = said.partition(".")[0].lower()
    is_comma = place in {"c", "posix"} or not _COMMA.isdisjoint((place[:2], place[:5]))
    return "," if is_comma else ";"


def local_cell(moment: datetime, zone: tzinfo) -> datetime | str:
    """A local date without its zone; in an hour that exists twice, a text with the offset."""
    local = moment.astimezone(zone).replace(microsecond=0)
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        return local.isoformat()
    return local.replace(tzinfo=None, fold=0)


class _DecimalComma(float):
    """A number that is written with a comma. A text would be escaped where it is negative."""

    def __str__(self) -> str:
        return repr(float(self)).replace(".", ",")


@dataclass(frozen=True, slots=True)
class Table:
    """A table. Dates are local, see `local_cell`; no text is a formula when it is opened."""

    columns: Sequence[str]
    rows: Iterable[Sequence[object]]
    escape: Callable[[object], object] = with_escape
    """Makes a text of a cell that a spreadsheet would run as a formula."""

    def csv(self, separator: str = ",", *, head: Sequence[str] = ()) -> str:
        """The table as CSV, with comments before its header."""
        lines = [f"{COMMENT}{line}\n" for line in head]
        rows = ([_plain(cell, separator) for cell in row] for row in self.rows)
        lines += (csv_line(cells, separator, self.escape) for cells in (self.columns, *rows))
        return "".join(lines)

    def excel_csv(self, separator: str | None = None) -> str:
        """The table as CSV that Excel opens: with a byte order mark, else as the user's locale."""
        return f"\ufeff{self.csv(separator or excel_separator())}"

    def workbook(self) -> bytes:
        """The table as an .xlsx file: one sheet, with dates as dates and links that open.

        Raises:
            CampaignError: a text is too long for a cell.
            ConfigurationError: the extra is not installed.
        """
        try:
            from xlsxwriter import Workbook  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]
        except ImportError:
            message = extra_needed("Files that end in .xlsx need", "xlsx")
            raise ConfigurationError(message) from None
        out = io.BytesIO()
        with Workbook(out, {"in_memory": True}) as opened:
            book: Any = opened  # it has no types
            sheet = book.add_worksheet("Posts")
            sheet.freeze_panes(1, 0)
            top = {"valign": "top"}
            bold, plain = book.add_format({"bold": True}), book.add_format(top)
            wrapped = book.add_format(top | {"text_wrap": True})
            date = book.add_format(top | {"num_format": _LOCAL_DATE, "align": "left"})
            link = book.add_format(top | {"font_color": "#0563c1", "underline": 1})
            for place, name in enumerate(self.columns):
                sheet.set_column(place, place, _WIDTHS.get(name, 12))
                sheet.write_string(0, place, name, bold)
            for number, cells in enumerate(self.rows, 1):
                for place, (name, value) in enumerate(zip(self.columns, cells, strict=True)):
                    cell = self.escape(value)
                    if isinstance(cell, datetime):
                        sheet.write_datetime(number, place, cell, date)
                    elif isinstance(cell, int | float):
                        sheet.write_number(number, place, cell, plain)
                    elif (text := str(cell)) and _may_be_opened(name, text, number):
                        sheet.write_url(number, place, text, link, text)
                    elif len(text) > MAX_CELL:
                        raise CampaignError(
                            f"{name} has {len(text):,} characters in row {number + 1}; a cell of "
                            f"Excel holds {MAX_CELL:,}. Export to .csv or .jsonl."
                        )
                    elif text:
                        sheet.write_string(
                            number, place, text, wrapped if name in _WRAPPED else plain
                        )
        return out.getvalue()


def _plain(cell: object, separator: str) -> object:
    """A cell of a CSV file: dates as text, numbers with the decimal sign of its locale."""
    if isinstance(cell, float) and not cell.is_integer():
        return _DecimalComma(cell) if separator == ";" else cell
    return int(cell) if isinstance(cell, int | float) else cell_text(cell)


def _may_be_opened(column: str, text: str, number: int) -> bool:
    """Whether a cell is a web address that Excel opens."""
    is_web = text.startswith(("https://", "http://")) and text.isprintable() and " " not in text
    return column == "link" and is_web and len(text) <= _LONGEST_LINK and number <= _MOST_LINKS
