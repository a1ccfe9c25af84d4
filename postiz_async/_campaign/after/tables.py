"""Tables that people open in a spreadsheet: of exports and of results."""

from __future__ import annotations

import locale
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from postiz_async._campaign.read.file_formats import COMMENT, csv_line
from postiz_async._campaign.read.texts import cell_text

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

    def csv(self, separator: str = ",", *, head: Sequence[str] = ()) -> str:
        """The table as CSV, with comments before its header."""
        lines = [f"{COMMENT}{line}\n" for line in head]
        rows = ([_plain(cell, separator) for cell in row] for row in self.rows)
        lines += (csv_line(cells, separator) for cells in (self.columns, *rows))
        return "".join(lines)

    def excel_csv(self) -> str:
        """The table as CSV that Excel opens: with a byte order mark, separated as its locale."""
        return f"\ufeff{self.csv(excel_separator())}"


def _plain(cell: object, separator: str) -> object:
    """A cell of a CSV file: dates as text, numbers with the decimal sign of its locale."""
    if isinstance(cell, float) and not cell.is_integer():
        return _DecimalComma(cell) if separator == ";" else cell
    return int(cell) if isinstance(cell, int | float) else cell_text(cell)
