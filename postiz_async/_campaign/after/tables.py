"""Tables that people open in a spreadsheet."""

from __future__ import annotations

import locale
import os
from collections.abc import Iterable, Sequence

from postiz_async._campaign.read.file_formats import csv_line

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


def csv_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, excel: bool) -> str:
    """A table as CSV, in which no text is a formula when a spreadsheet opens it.

    Args:
        columns: the header.
        rows: the cells.
        excel: with a byte order mark, separated as the user's Excel expects. Else with commas.
    """
    separator = excel_separator() if excel else ","
    mark = "\ufeff" if excel else ""
    return mark + "".join(csv_line(cells, separator) for cells in (columns, *rows))
