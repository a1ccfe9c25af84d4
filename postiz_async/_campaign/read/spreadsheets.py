"""Read the rows of a spreadsheet (.xlsx, .ods) as stored: texts, numbers, dates.

Each format has a streaming reader of its own: a library that builds a table of all cells would use
all memory for a file with one cell in the last corner. PURE, but for the files.
"""

from __future__ import annotations

import difflib
import io
import shlex
from datetime import datetime
from typing import TYPE_CHECKING, Any

from postiz_async._campaign.read.excel import xlsx_rows
from postiz_async._campaign.read.file_formats import CAMPAIGNS_ARE, campaign_file
from postiz_async._campaign.read.open_document import ods_rows
from postiz_async._campaign.read.packages import DAMAGE, Package
from postiz_async._extras import extra_needed
from postiz_async._resources.channel_names import folded
from postiz_async.errors import CampaignError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from postiz_async._campaign.read.packages import Cell


_LISTED = 20
"""Sheets named in a message, at most."""


def sheet_rows(path: Path, name: str | None) -> Iterator[tuple[int, list[Cell]]]:
    """Yield the rows of a sheet that are not blank, with their numbers.

    Args:
        path: the spreadsheet.
        name: the name of the sheet; None for the only visible one.

    Raises:
        CampaignError: the file cannot be read, or it has several sheets and none is named.
    """
    with campaign_file(path) as file:
        _refuse_odd(path, file.peek(8)[:8])
        try:
            package = Package(file, path)
            if "content.xml" in package:
                _refuse_locked(package)
                rows = ods_rows
            elif "xl/workbook.xml" in package:
                rows = xlsx_rows
            else:
                raise CampaignError(f"{path} {package.describe()}; {CAMPAIGNS_ARE}")
            yield from rows(package, lambda sheets: _chosen(path, sheets, name))
        except DAMAGE as error:
            why = str(error) or "it ends too early"
            raise CampaignError(
                f"{path} cannot be read as a spreadsheet: {why}. Open it and save it once more."
            ) from error


def _refuse_odd(path: Path, start: bytes) -> None:
    """Refuse a file that is not a zip file."""
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise CampaignError(
            f"{path} has a password, or is an old .xls under another name. Save it as .xlsx "
            "without a password."
        )
    if not start.startswith(b"PK"):
        what = f"{path} is empty (0 bytes)." if not start else f"{path} is not a spreadsheet"
        raise CampaignError(f"{what}; if it is text, name it .csv." if start else what)


def _refuse_locked(package: Package) -> None:
    manifest = "META-INF/manifest.xml"
    if manifest in package and package.elements(manifest, "encryption-data"):
        raise CampaignError(f"{package.path} has a password. Save it without one.")


def _chosen(path: Path, sheets: Sequence[tuple[str, bool]], name: str | None) -> str:
    """Choose a sheet by name, or the only visible one."""
    names = [each for each, _ in sheets]
    if name is not None:
        wanted = folded(name)
        for each in names:
            if folded(each) == wanted:
                return each
        close = difflib.get_close_matches(name, names, 1)
        meant = f" Did you mean {close[0]!r}?" if close else ""
        raise CampaignError(f"{path} has no sheet {name!r}.{meant} It has: {_some(names, ', ')}.")
    if not sheets:
        raise CampaignError(f"{path} has no sheets; {CAMPAIGNS_ARE}")
    visible = [each for each, is_visible in sheets if is_visible]
    if len(visible) != 1:
        options = _some([f"--sheet {shlex.quote(each)}" for each in visible or names], " or ")
        raise CampaignError(f"{path} has {len(visible)} sheets. Say which one: {options}.")
    return visible[0]


def _some(names: Sequence[str], between: str) -> str:
    """Some of the names, shortened, for a message."""
    listed = between.join(name[:200] for name in names[:_LISTED])
    return listed if len(names) <= _LISTED else f"{listed}{between}..."


# ------------------------------------------------------------------ writing

MAX_CELL = 32_767
"""Characters of an Excel cell, at most."""

_WIDTHS = {"content": 60, "settings": 30, "channel": 26, "date": 17, "timezone": 16}


def workbook(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Write an .xlsx file of one sheet, with texts as text and dates as dates.

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
                    raise CampaignError(
                        f"{head[column]} has {len(str(cell)):,} characters in row {number + 1}; a "
                        f"cell of Excel holds {MAX_CELL:,}. Export to .csv or .jsonl."
                    )
                elif cell != "":
                    sheet.write_string(number, column, str(cell))
    return out.getvalue()
