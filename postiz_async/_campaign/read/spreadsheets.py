"""Read the rows of a spreadsheet (.xlsx, .ods) as stored: texts, numbers, dates.

Each format has a streaming reader of its own: a library that builds a table of all cells would use
all memory for a file with one cell in the last corner. PURE, but for the files.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from postiz_async._campaign.read.excel import xlsx_rows
from postiz_async._campaign.read.file_formats import CAMPAIGNS_ARE, campaign_file
from postiz_async._campaign.read.open_document import ods_rows
from postiz_async._campaign.read.packages import DAMAGE, Cell, Package, SheetFacts
from postiz_async._resources.channel_names import folded
from postiz_async._validation.messages import did_you_mean
from postiz_async.errors import CampaignError

_LISTED = 20
"""Sheets named in a message, at most."""


def sheet_rows(path: Path, name: str | None, facts: SheetFacts) -> Iterator[tuple[int, list[Cell]]]:
    """Yield the rows of a sheet that are not blank, with their numbers.

    A cell that is merged with others below it stands in each row that it covers.

    Args:
        path: the spreadsheet.
        name: the name of the sheet; None for the only visible one.
        facts: filled in with what else is known of the sheet.

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

            def choose(sheets: Sequence[tuple[str, bool]]) -> str:
                facts.visible = [each for each, is_visible in sheets if is_visible]
                facts.name = _chosen(path, sheets, name)
                return facts.name

            yield from rows(package, choose, facts)
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
        meant = did_you_mean(name, names, " Did you mean {!r}?")
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
