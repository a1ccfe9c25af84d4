"""Read the rows of an .xlsx file. PURE, but for the file."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from posixpath import normpath
from typing import TYPE_CHECKING

from postiz_async._campaign.read.packages import SheetPart, XmlPart, count_of
from postiz_async._campaign.read.texts import UNCALCULATED, Odd, tidied
from postiz_async.errors import CampaignError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from postiz_async._campaign.read.packages import Cell, ChooseSheet, Package, SheetFacts

_BOOK = "xl/workbook.xml"
_MERGED = re.compile(
    rb"""mergeCell [^<>]{0,99}?ref=["']([A-Z]{1,3})(\d{1,7}):[A-Z]{1,3}(\d{1,7})["']"""
)
_MOST_MERGED = 100_000
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_NO_FORMAT = re.compile(r'"[^"]*"|[\\_*].|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_LAST_DAY = 2_958_466
"""The serial number of the day after 31 December 9999."""

_FORMATS = (
    dict.fromkeys([*range(14, 18), *range(27, 37), *range(50, 59)], "d")
    | dict.fromkeys([18, 19, 20, 21, 45, 47], "h")
    | {1: "0", 2: "0.00", 3: "#,##0", 9: "0%", 10: "0.00%", 11: "0.00E+00", 22: "d h", 46: "[h]"}
    | dict.fromkeys([4, *range(5, 9), *range(37, 45)], "#,##0.00")
    | dict.fromkeys([12, 13], "# ?/?")
)
"""Built-in number formats, which have no text in the file, abbreviated."""
_PLAIN = frozenset(("", "general", "0", "@"))
"""Formats that show a number as it is stored."""


def xlsx_rows(
    package: Package, choose: ChooseSheet, facts: SheetFacts
) -> Iterator[tuple[int, list[Cell]]]:
    """Yield the rows of a sheet that are not blank, with their numbers."""
    book = package.elements(_BOOK, "sheet", "workbookPr")
    links = [link for _, link in package.elements("xl/_rels/workbook.xml.rels", "Relationship")]
    by_id = {link.get("Id"): link for link in links}
    sheets: dict[str, tuple[bool, Mapping[str, str]]] = {}
    starts = datetime(1899, 12, 30)  # noqa: DTZ001  (the zone is not known)
    for name, attributes in book:
        id_ = next((text for key, text in attributes.items() if key.endswith(":id")), None)
        link = by_id.get(id_, {})
        if name == "workbookPr" and attributes.get("date1904") in {"1", "true"}:
            starts = datetime(1904, 1, 1)  # noqa: DTZ001
        elif name == "sheet" and link.get("Type", "").endswith("/worksheet"):
            is_visible = attributes.get("state", "visible") == "visible"
            sheets[attributes.get("name", "")] = is_visible, link
    chosen = choose([(name, is_visible) for name, (is_visible, _) in sheets.items()])
    part = _part_of(package, sheets[chosen][1])
    parts = {link.get("Type", "").rpartition("/")[2]: link for link in links}
    texts, formats = _SharedTexts(package, "xl/sharedStrings.xml"), []
    if "sharedStrings" in parts:
        texts.name = _part_of(package, parts["sharedStrings"])
        for _ in texts.feed():
            pass
    if "styles" in parts:
        formats = _formats(package, _part_of(package, parts["styles"]))
    facts.comments = _comments(package, part)
    merged = _merged(package, part)
    yield from _XlsxSheet(package, part, texts.found, formats, starts, merged).read()


def _part_of(package: Package, link: Mapping[str, str]) -> str:
    """The name of the part that a link of the workbook points to."""
    target = link.get("Target", "")
    if link.get("TargetMode") == "External":
        raise CampaignError(
            f"{package.path} leads to another file, {target[:100]!r}, which is not opened. Copy "
            "its cells into a new spreadsheet."
        )
    return target[1:] if target.startswith("/") else f"xl/{target}"


def _comments(package: Package, part: str) -> int:
    """The number of comments in the cells of a sheet."""
    folder, _, name = part.rpartition("/")
    links = f"{folder}/_rels/{name}.rels"
    if links not in package:
        return 0
    found = 0
    for _, link in package.elements(links, "Relationship"):
        target = link.get("Target", "")
        place = target[1:] if target.startswith("/") else normpath(f"{folder}/{target}")
        if link.get("Type", "").endswith("/comments") and place in package:
            found += len(package.elements(place, "comment"))
    return found


def _formats(package: Package, part: str) -> list[str]:
    """The number format of each style."""
    own: dict[int, str] = dict(_FORMATS)
    formats: list[str] = []
    for name, attributes in package.elements(part, "numFmt", "cellXfs", "cellStyleXfs", "xf"):
        number = count_of(attributes.get("numFmtId", "0"))
        if name == "numFmt":
            own[number] = attributes.get("formatCode", "")
        elif name == "xf":
            formats.append(own.get(number, ""))
        else:
            formats.clear()
    return formats


def _merged(package: Package, part: str) -> Mapping[int, Mapping[int, int]]:
    """The first row of cells merged with one above, by row and column; at the end of the file."""
    marked: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for row, column, top in itertools.islice(_merged_cells(package, part), _MOST_MERGED):
        marked[row][column] = top
    return marked


def _merged_cells(package: Package, part: str) -> Iterator[tuple[int, int, int]]:
    kept = b""
    for chunk in package.chunks(part):
        kept += chunk
        if b"mergeCell " in kept:
            for left, top, bottom in _MERGED.findall(kept):
                for row in range(int(top), int(bottom) + 1):
                    yield row, _column(left.decode()), int(top)
        kept = kept[-150:]


class _SharedTexts(XmlPart):
    """The shared texts, which cells refer to by number."""

    def __init__(self, package: Package, name: str) -> None:
        super().__init__(package, name)
        self.found: list[str] = []
        self._is_spoken = False

    def start(self, name: str, _: Mapping[str, str], /) -> None:
        if name == "si":
            self.text.clear()
        elif name == "rPh":  # how it is spoken
            self._is_spoken = True
        elif name == "t":
            self.take_text(takes=not self._is_spoken)

    def end(self, name: str) -> None:
        if name == "t":
            self.take_text(takes=False)
        elif name == "rPh":
            self._is_spoken = False
        elif name == "si":
            self.found.append(_unescaped("".join(self.text)))


class _XlsxSheet(SheetPart):
    def __init__(
        self,
        package: Package,
        name: str,
        texts: Sequence[str],
        formats: Sequence[str],
        starts: datetime,
        merged: Mapping[int, Mapping[int, int]],
    ) -> None:
        super().__init__(package, name)
        self._texts = texts
        self._formats = formats
        self._starts = starts
        self._merged = merged
        self._tops: dict[tuple[int, int], Cell] = {}
        self._cell: Mapping[str, str] = {}
        self._is_formula = False
        self._is_spoken = False
        self._take = self.text.append

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "c":
            self._cell, self._is_formula = attributes, False
            self.text.clear()
        elif name == "f":
            self._is_formula = True
        elif name in {"v", "t"}:
            self.parser.CharacterDataHandler = None if self._is_spoken else self._take
        elif name == "row":
            number = attributes.get("r")
            self.begin_row(self.row + 1 if number is None else count_of(number))
        elif name == "rPh":
            self._is_spoken = True

    def end(self, name: str) -> None:
        if name in {"v", "t"}:
            self.parser.CharacterDataHandler = None
        elif name == "c":
            place = self._cell.get("r")
            if place is not None:
                self.column = _column(place.rstrip("0123456789"))
            text, kind = "".join(self.text), self._cell.get("t", "n")
            if kind == "s" and text:
                self.put(self._texts[count_of(text)])
            elif kind in {"str", "inlineStr"}:
                self.put(_unescaped(text) if "_x" in text else text)
            else:
                self.put(self._value(kind, text))
        elif name == "row" and self.cells:
            self._fill_covered()
            self.rows.append((self.row, self.cells))
        elif name == "rPh":
            self._is_spoken = False

    def _fill_covered(self) -> None:
        for column, top in self._merged.get(self.row, {}).items():
            if top < self.row:
                self.fill(column, self._tops.get((top, column), ""))
            elif column < len(self.cells):
                cell = self.cells[column]
                self._tops[top, column] = tidied(cell) if isinstance(cell, str) else cell

    def _value(self, kind: str, text: str) -> Cell:
        if kind == "b":
            return text == "1"
        if kind == "d" and text and text[11:13] != "24":  # the next day to Python since 3.14
            return _shortened(datetime.fromisoformat(text))
        if kind == "n" and self._is_formula and not text.strip():
            return Odd.of("", *UNCALCULATED)
        if kind != "n" or not text.strip():
            return _unescaped(text)
        return self._number(float(text))

    def _number(self, number: float) -> Cell:
        style = count_of(self._cell.get("s", "0"))
        shown = self._formats[style] if style < len(self._formats) else ""
        form = _kind(shown)
        if not form and shown.lower() not in _PLAIN:
            stored = f"{number:.15g}"
            why = f"is {stored} in the file, which the spreadsheet shows as {shown[:40]!r}"
            return Odd.of(stored, why)
        if not form or not 0 <= number < _LAST_DAY:
            return number
        if form == "duration":
            return timedelta(days=number)
        moment = self._starts + timedelta(days=number, milliseconds=500)
        return _shortened(moment.replace(microsecond=0), has_day=number >= 1)


def _shortened(moment: datetime, *, has_day: bool = True) -> datetime | date | time:
    """Only the day of a date at midnight; only the time if there is no day."""
    if not has_day:
        return moment.time()
    return moment if moment.hour or moment.minute or moment.second else moment.date()


@lru_cache(maxsize=1000)
def _kind(form: str) -> str:
    """Whether a number format shows a date or a duration; else empty."""
    letters = _NO_FORMAT.sub("", form.partition(";")[0]).lower()
    if "[" in letters:
        return "duration"
    return "date" if set("dmyhs") & set(letters) else ""


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


@lru_cache(maxsize=20_000)
def _column(letters: str) -> int:
    """The number of a column, from 0.

    Raises:
        ValueError: the letters are not a column.
    """
    if not (letters.isascii() and letters.isalpha() and letters.isupper() and len(letters) <= 3):
        raise ValueError(f"{letters[:20]!r} is not a column")
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1
