"""Read spreadsheet files: zip files of XML parts, read in a stream with limits.

A small file can unpack to gigabytes, or contain endless nesting. So a reader keeps only the
elements it needs, and limits are checked before memory is used.
"""

from __future__ import annotations

import io
import itertools
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import NoReturn, TypeAlias
from xml.parsers import expat

from postiz_async._campaign.read.texts import MAX_COLUMNS, MAX_ROW_TEXT, MAX_TEXT, Odd
from postiz_async.errors import CampaignError

Cell: TypeAlias = str | float | bool | datetime | date | time | timedelta

ChooseSheet: TypeAlias = "Callable[[Sequence[tuple[str, bool]]], str]"
"""Chooses a sheet, given their names and whether each is visible."""

DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, RuntimeError),  # raised by zipfile
    *(expat.ExpatError, LookupError, ValueError, OverflowError),
)
"""Exceptions that a broken spreadsheet may cause."""

_SMALL, _RATIO = 20_000_000, 50
"""Bytes that any file may unpack to; a larger result may be this many times the file's size."""

_CHUNK = 1 << 16
_MAX_DIRECTORY = 4_000_000
_MAX_TAG = 1_000_000
_MAX_NAMES = 2_000
_MAX_DEPTH = 200
_MAX_ELEMENTS = 100_000
_MAX_ROW = 1 << 24
_COPY = "Copy its cells into a new spreadsheet, or save it as .csv."


@dataclass(slots=True)
class SheetFacts:
    """What is known of a sheet: whether it was guessed; once it is read, its name and comments.

    `visible` are the sheets beside which it stands.
    """

    name: str = ""
    comments: int = 0
    is_guessed: bool = False
    visible: Sequence[str] = ()


class Package:
    """The parts of an open spreadsheet file."""

    def __init__(self, file: io.BufferedReader, path: Path) -> None:
        self.path = path
        size = file.seek(0, io.SEEK_END)
        self._zip = zipfile.ZipFile(_Bounded(file))
        parts = self._zip.infolist()
        unpacked = sum(each.file_size for each in parts)
        if unpacked > max(_SMALL, _RATIO * size):
            raise CampaignError(
                f"{path} has {size:,} bytes, and {unpacked:,} without its compression: more than "
                f"{_RATIO} times as many. {_COPY}"
            )
        self._parts = {each.filename.replace("\\", "/").lower(): each for each in parts}

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._parts

    def describe(self) -> str:
        """Describe the kind of a file that is not a spreadsheet."""
        kinds = {"word/": "a Word document", "ppt/": "a presentation", "xl/": "an .xlsb"}
        for folder, kind in kinds.items():
            if any(part.startswith(folder) for part in self._parts):
                return f"is {kind}"
        return "is a zip file, but no spreadsheet"

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of a part."""
        part = self._parts.get(name.lower())
        if part is None:
            raise zipfile.BadZipFile(f"it has no part {name[:100]}")
        if part.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise zipfile.BadZipFile("it is compressed in another way than spreadsheets are")
        with self._zip.open(part) as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    def elements(self, name: str, *wanted: str) -> list[tuple[str, Mapping[str, str]]]:
        """Yield the elements with these names in a part, with their attributes."""
        found = _Elements(self, name, wanted)
        for _ in found.feed():
            pass
        return found.found


class _Bounded:
    """A file in which `zipfile` cannot read a list of parts that would exhaust the memory."""

    def __init__(self, file: io.BufferedReader) -> None:
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self._read = file.read

    def read(self, size: int = -1) -> bytes:
        if size > _MAX_DIRECTORY:
            raise zipfile.BadZipFile("it has too many parts")
        return self._read(size)


class XmlPart:
    """Handles the elements of a part, by their names without a prefix.

    `text` has the collected text in pieces; text beyond the limit of a cell is cut.
    """

    def __init__(self, package: Package, name: str) -> None:
        self.package = package
        self.name = name
        self.text: list[str] = []
        self.depth = 0
        self.takes_text = False
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._refuse_entities

    def start(self, name: str, attributes: Mapping[str, str], /) -> None:
        """Handle the start of an element."""

    def end(self, name: str) -> None:
        """Handle the end of an element."""

    def where(self) -> str:
        """Describe the current place, for messages."""
        return self.name

    def take_text(self, *, takes: bool) -> None:
        """Start or stop collecting text."""
        self.takes_text = takes
        self.parser.CharacterDataHandler = self.text.append if takes else None

    def refuse(self, why: str, advice: str = _COPY) -> NoReturn:
        """Raise an error about the current place."""
        raise CampaignError(f"{self.package.path}: {self.where()} {why}. {advice}")

    def feed(self) -> Iterator[None]:
        """Parse the part, chunk by chunk."""
        parser, fed = self.parser, 0
        for chunk in itertools.chain(self.package.chunks(self.name), [b""]):
            parser.Parse(chunk, not chunk)
            fed += len(chunk)
            if fed - parser.CurrentByteIndex > _MAX_TAG or len(parser.intern) > _MAX_NAMES:
                self.refuse("has names or attributes without end")
            if len(self.text) > 1:
                self.text[:] = ["".join(self.text)[: MAX_TEXT + 1]]
            yield

    def _refuse_entities(self, *_: object) -> None:
        self.refuse("declares XML entities")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            self.refuse(f"has more than {_MAX_DEPTH} elements in each other")
        self.start(name.rpartition(":")[2] if ":" in name else name, attributes)

    def _end(self, name: str) -> None:
        self.depth -= 1
        self.end(name.rpartition(":")[2] if ":" in name else name)


class _Elements(XmlPart):
    def __init__(self, package: Package, name: str, wanted: Sequence[str]) -> None:
        super().__init__(package, name)
        self.found: list[tuple[str, Mapping[str, str]]] = []
        self._wanted = frozenset(wanted)

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in self._wanted:
            self.found.append((name, attributes))
            if len(self.found) > _MAX_ELEMENTS:
                self.refuse(f"has more than {_MAX_ELEMENTS:,} elements")


class SheetPart(XmlPart):
    """Collects the cells of a sheet in rows, each up to its last cell that is not empty."""

    def __init__(self, package: Package, name: str) -> None:
        super().__init__(package, name)
        self.row, self.column = 0, 0
        self.cells: list[Cell] = []
        self.rows: list[tuple[int, list[Cell]]] = []
        self._size = 0

    def begin_row(self, row: int) -> None:
        """Begin the row with this number."""
        self.row, self.column, self.cells, self._size = row, 0, [], 0

    def put(self, cell: Cell, times: int = 1) -> None:
        """Add a cell, or several equal ones, at the next column."""
        column = self.column
        self.column = column + times
        if cell == "" and not isinstance(cell, Odd):
            return
        if isinstance(cell, str):
            self._size += len(cell) * times
        if self._size > MAX_TEXT or self.column > MAX_COLUMNS or self.row > _MAX_ROW:
            self._refuse_cell(cell, column, times)
        if column > len(self.cells):
            self.cells += [""] * (column - len(self.cells))
        self.cells[column : self.column] = [cell] * times

    def _refuse_cell(self, cell: Cell, column: int, times: int) -> None:
        """Refuse a cell that is too long, or in a column too far to the right."""
        self.column = column
        if isinstance(cell, str) and len(cell) > MAX_TEXT:
            self.refuse(f"has more than {MAX_TEXT:,} characters", "Shorten it.")
        if self._size > MAX_ROW_TEXT:
            why = f"is in a row with more than {MAX_ROW_TEXT:,} characters"
            self.refuse(why, "Delete what is not of a post.")
        if column + times > MAX_COLUMNS or self.row > _MAX_ROW:
            self.column = max(column, MAX_COLUMNS if times > 1 else 0)
            advice = "Delete what is beside and below the posts, or save it as .csv."
            self.refuse("is filled, far from the posts", advice)
        self.column = column + times

    def where(self) -> str:
        if not self.row:
            return self.name
        letters, column = "", self.column
        while column >= 0:
            column, letter = divmod(column, 26)
            letters, column = chr(65 + letter) + letters, column - 1
        return f"cell {letters}{self.row}"

    def fill(self, column: int, cell: Cell) -> None:
        """Fill a cell of the row that is covered by a merged one above."""
        if column >= MAX_COLUMNS or cell == "":
            return
        self.cells += [""] * (column + 1 - len(self.cells))
        if self.cells[column] == "":
            self.cells[column] = cell

    def read(self) -> Iterator[tuple[int, list[Cell]]]:
        """Yield the rows that are not blank, with their numbers."""
        for _ in self.feed():
            yield from self.rows
            self.rows.clear()


def count_of(text: str) -> int:
    """Parse a number of repeated cells.

    Raises:
        ValueError: the text is not a number, or the number is too large.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"{text[:20]!r} is not a number of cells")
    return int(text)
