"""The rows of an .ods, as its standard has them. PURE, but for the file."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import IO, TYPE_CHECKING, TypeAlias
from xml.etree import ElementTree as ET

from postiz_async._batch.cell_errors import is_cell_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Cell", "ChooseSheet", "ods_rows"]

Cell: TypeAlias = str | float | bool | datetime | date | time | timedelta

ChooseSheet: TypeAlias = Callable[[Sequence[tuple[str, bool]]], str]
"""Takes the names of the sheets, each with whether it is visible."""

_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_ERROR_TYPE = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}value-type"
_TIME = re.compile(r"PT(\d+)H(\d+)M(\d+)(?:[.,]\d+)?S")
_SIGNS = {"line-break": "\n", "tab": "\t"}
_MOST_COLUMNS = 16_384


def ods_rows(path: Path, choose: ChooseSheet) -> Iterator[tuple[int, list[Cell]]]:
    """The rows of a sheet that are not blank, with their numbers."""
    with zipfile.ZipFile(path) as packed:
        with packed.open("content.xml") as file:
            chosen = choose(_sheets(file))
        with packed.open("content.xml") as file:
            yield from _rows(file, chosen)


def _rows(file: IO[bytes], sheet: str) -> Iterator[tuple[int, list[Cell]]]:
    number, is_in_sheet = 1, False
    for event, node in ET.iterparse(file, ("start", "end")):  # noqa: S314
        if node.tag == f"{_TABLE}table":
            is_in_sheet = event == "start" and node.get(f"{_TABLE}name") == sheet
        elif event == "end" and node.tag == f"{_TABLE}table-row":
            if is_in_sheet:
                cells, times = _cells(node), int(node.get(f"{_TABLE}number-rows-repeated", "1"))
                for place in range(times if cells else 0):
                    yield number + place, list(cells)
                number += times
            node.clear()  # also of other sheets: what was read is not kept


def _sheets(file: IO[bytes]) -> list[tuple[str, bool]]:
    """The sheets, each with whether it is visible: its style may say that it is not."""
    hidden: set[str | None] = set()
    sheets: list[tuple[str, bool]] = []
    style: str | None = None
    for event, node in ET.iterparse(file, ("start", "end")):  # noqa: S314
        local = node.tag.rpartition("}")[2]
        if event == "end":
            node.clear()
        elif local == "style":
            style = next((value for key, value in node.items() if key.endswith("}name")), None)
        elif node.get(f"{_TABLE}display") == "false":
            hidden.add(style)
        elif local == "table":
            is_visible = node.get(f"{_TABLE}style-name") not in hidden
            sheets.append((node.get(f"{_TABLE}name", ""), is_visible))
    return sheets


def _cells(row: ET.Element) -> list[Cell]:
    """The cells up to the last one that is not empty."""
    cells: list[Cell] = []
    blank = 0
    for node in row:
        times = int(node.get(f"{_TABLE}number-columns-repeated", "1"))
        cell = _cell(node)
        if cell == "":
            blank += times
        else:
            cells += [""] * blank
            cells += [cell] * min(times, _MOST_COLUMNS)
            blank = 0
        if len(cells) + blank > _MOST_COLUMNS:
            break
    return cells


def _cell(node: ET.Element) -> Cell:
    kind = node.get(f"{_OFFICE}value-type")
    text = "\n".join("".join(_texts(line)) for line in node.findall(f"{_TEXT}p"))
    if node.get(_ERROR_TYPE) == "error":
        return text or "#VALUE!"
    if is_cell_error(text):  # OpenOffice calls it a number, 0
        return text
    if kind in {"float", "percentage", "currency"}:
        return float(node.get(f"{_OFFICE}value", ""))
    if kind == "boolean":
        return node.get(f"{_OFFICE}boolean-value") == "true"
    if kind == "date":
        said = node.get(f"{_OFFICE}date-value", "")
        moment = datetime.fromisoformat(said)
        return moment.date() if moment.time() == time() else moment
    if kind == "time":
        parts = _TIME.fullmatch(node.get(f"{_OFFICE}time-value", ""))
        if parts is not None and int(parts[1]) < 24:
            return time(int(parts[1]), int(parts[2]), int(parts[3]))
    return text or node.get(f"{_OFFICE}string-value", "")


def _texts(node: ET.Element) -> Iterator[str]:
    local = node.tag.removeprefix(_TEXT)
    if local == "s":
        yield " " * int(node.get(f"{_TEXT}c", "1"))
    elif local in _SIGNS:
        yield _SIGNS[local]
    yield node.text or ""
    for inner in node:
        yield from _texts(inner)
        yield inner.tail or ""
