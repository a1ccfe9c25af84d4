"""Find the cells of a workbook that people see differently from what calamine tells of them.

calamine makes an empty cell of an error and of a formula without a value, and 0.2 of `20%`.
"""

from __future__ import annotations

from collections import defaultdict
from struct import iter_unpack, unpack_from
from typing import TYPE_CHECKING
from xml.parsers import expat
from zipfile import ZipFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from io import BufferedReader

_MOST_CELLS = 16_000_000
_SMALL, _RATIO = 20_000_000, 50
"""Bytes that any file may unpack to; a larger result may be this many times the file's size."""
_FORMATS = {2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00"}
"""Built-in number formats, which have no text in the file."""
_PLAIN = frozenset(("", "general", "0", "@"))
_PLAIN_NUMBERS = frozenset((0, 1, 49))
_ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!"}


class TooLarge(Exception):  # noqa: N818  (never leaves its process)
    """The file has something that no campaign has."""


class Mark:
    """How people see a cell: `kind` is a key of `workbooks.ODD`, `shown` what they see."""

    __slots__ = ("kind", "shown")

    def __init__(self, kind: str, shown: str = "") -> None:
        self.kind, self.shown = kind, shown


class Look:
    """The marks of a sheet by row and column, and its merged cells; all are counted from 0."""

    def __init__(self) -> None:
        self.marks: defaultdict[int, dict[int, Mark]] = defaultdict(dict)
        self.merged: list[tuple[tuple[int, int], tuple[int, int]]] = []
        self._rows = self._columns = 0

    def fills(self, row: int, column: int) -> None:
        """Note a cell with a value.

        Raises:
            TooLarge: it is so far from the others that a table of all has no room.
        """
        self._rows, self._columns = max(self._rows, row + 1), max(self._columns, column + 1)
        if self._rows * self._columns > _MOST_CELLS:
            raise TooLarge(f"cell {place(row, column)} is filled, far from the others")

    def cover(self, last: int, end: int) -> None:
        """Mark the cells that are merged with one above, up to the last row and column."""
        for (top, left), (bottom, right) in self.merged:
            for row in range(top + 1, min(bottom, last) + 1):
                columns = range(left, min(right, end) + 1)
                self.marks[row].update(dict.fromkeys(columns, Mark("merged")))


def place(row: int, column: int) -> str:
    """The name of a cell, like `C2`."""
    letters = ""
    while column >= 0:
        column, letter = divmod(column, 26)
        letters, column = chr(65 + letter) + letters, column - 1
    return f"{letters}{row + 1}"


def look(file: BufferedReader, number: int, name: str) -> Look:
    """Look through the sheet with this number and name.

    Raises:
        TooLarge: the file, or a table of its cells, is too large.
    """
    file.seek(0)
    if file.read(2) != b"PK":
        file.seek(0)
        return _look_xls(file.read(), number)
    with ZipFile(file) as package:
        size = sum(each.file_size for each in package.infolist())
        if size > max(_SMALL, _RATIO * file.seek(0, 2)):
            raise TooLarge(f"it unpacks to {size:,} bytes, more than {_RATIO} times its size")
        if "content.xml" not in package.namelist():
            return _look_xlsx(package, name)
        content = _OdsContent(name)
        content.read(package, "content.xml")
        return content.look


class _Xml:
    """Reads a part of a zip file."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end

    def read(self, package: ZipFile, part: str) -> None:
        with package.open(part) as file:
            self.parser.ParseFile(file)

    def take_text(self, *, takes: bool) -> None:
        self.parser.CharacterDataHandler = self.text.append if takes else None

    def taken(self) -> str:
        text = "".join(self.text)
        self.text.clear()
        return text

    def start(self, name: str, said: Mapping[str, str], /) -> None:
        """Handle the start of an element."""

    def end(self, name: str, /) -> None:
        """Handle the end of an element."""


# ------------------------------------------------------------------ .xlsx


def _look_xlsx(package: ZipFile, name: str) -> Look:
    found = _elements(package, "xl/_rels/workbook.xml.rels", "Relationship")
    links = {said.get("Id"): said for _, said in found}
    sheets = _elements(package, "xl/workbook.xml", "sheet")
    own = next(said for _, said in sheets if said.get("name") == name)
    id_ = next(text for key, text in own.items() if key.endswith(":id"))
    styles = [said for said in links.values() if said.get("Type", "").endswith("/styles")]
    listed = "numFmt", "cellXfs", "xf"
    forms = _forms(_elements(package, _part(styles[0]), *listed)) if styles else []
    sheet = _XlsxSheet(forms)
    sheet.read(package, _part(links[id_]))
    return sheet.look


class _Elements(_Xml):
    def __init__(self, wanted: Sequence[str]) -> None:
        super().__init__()
        self.found: list[tuple[str, Mapping[str, str]]] = []
        self._wanted = wanted

    def start(self, name: str, said: Mapping[str, str]) -> None:
        name = name.rpartition(":")[2]
        if name in self._wanted:
            self.found.append((name, said))


def _elements(package: ZipFile, part: str, *wanted: str) -> list[tuple[str, Mapping[str, str]]]:
    elements = _Elements(wanted)
    elements.read(package, part)
    return elements.found


def _part(link: Mapping[str, str]) -> str:
    target = link["Target"]
    return target[1:] if target.startswith("/") else f"xl/{target}"


def _forms(styles: Iterable[tuple[str, Mapping[str, str]]]) -> list[str]:
    """The number format of each style of cells; empty where it shows numbers as they are."""
    own, forms = dict[int, str](), list[str]()
    for name, said in styles:
        if name == "numFmt":
            own[int(said["numFmtId"])] = said["formatCode"]
        elif name == "cellXfs":
            forms.clear()  # those before it are named styles
        elif name == "xf":
            forms.append(_form(own, int(said.get("numFmtId", 0))))
    return forms


def _form(own: Mapping[int, str], number: int) -> str:
    form = own.get(number, _FORMATS.get(number, f"format {number}"))
    return "" if number in _PLAIN_NUMBERS or form.lower() in _PLAIN else form


class _XlsxSheet(_Xml):
    def __init__(self, forms: list[str]) -> None:
        super().__init__()
        self.look = Look()
        self._forms = forms
        self._row = self._column = -1
        self._cell: Mapping[str, str] = {}
        self._is_formula = self._is_filled = False

    def start(self, name: str, said: Mapping[str, str]) -> None:
        name = name.rpartition(":")[2]
        if name == "c":
            self._column = _column(said["r"]) if "r" in said else self._column + 1
            self._cell, self._is_formula, self._is_filled = said, False, False
        elif name in {"v", "is"}:
            self._is_filled = True
            if self._is_formula or self._cell.get("t") == "e":
                self.take_text(takes=True)
        elif name == "row":
            self._row, self._column = int(said.get("r", self._row + 2)) - 1, -1
        elif name == "f":
            self._is_formula = True

    def end(self, name: str) -> None:
        name = name.rpartition(":")[2]
        if name == "c":
            if self._is_filled:
                self.look.fills(self._row, self._column)
            kind = self._cell.get("t", "n")
            mark = self._mark(kind, self.taken().strip()) if kind in {"n", "e", "d"} else None
            self.text.clear()
            if mark is not None:
                self.look.marks[self._row][self._column] = mark
        elif name == "v":
            self.take_text(takes=False)

    def _mark(self, kind: str, text: str) -> Mark | None:
        if kind == "e":
            return Mark("error", text or "#VALUE!")
        if kind == "d":
            return Mark("unread")
        if self._is_formula and not text:
            return Mark("formula")
        style = int(self._cell.get("s", 0))
        form = self._forms[style] if 0 <= style < len(self._forms) else ""
        return Mark("format", form) if form and self._is_filled else None


def _column(cell: str) -> int:
    number = 0
    for letter in cell.rstrip("0123456789").upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


# ------------------------------------------------------------------ .ods


_CELLS = frozenset(("table:table-cell", "table:covered-table-cell"))


class _OdsContent(_Xml):
    def __init__(self, sheet: str) -> None:
        super().__init__()
        self.look = Look()
        self._sheet = sheet
        self._is_in_sheet = self._has_signs = self._has_text = False
        self._row = self._column = 0
        self._rows = 1
        self._cell: Mapping[str, str] = {}

    def start(self, name: str, said: Mapping[str, str]) -> None:
        if name == "table:table":
            self._is_in_sheet = said.get("table:name") == self._sheet
        elif name == "table:table-row":
            self._rows, self._column = int(said.get("table:number-rows-repeated", 1)), 0
        elif name in _CELLS:
            self._cell, self._has_signs, self._has_text = said, False, False
            self.text.clear()
        elif name == "text:p":
            self._has_text = True
            self.take_text(takes=True)
        elif name in {"text:tab", "text:line-break"}:
            self._has_signs = True

    def end(self, name: str) -> None:
        if name == "text:p":
            self.take_text(takes=False)
        elif name == "table:table":
            self._is_in_sheet = False
        elif name == "table:table-row" and self._is_in_sheet:
            self._row += self._rows
        elif name in _CELLS and self._is_in_sheet:
            times = int(self._cell.get("table:number-columns-repeated", 1))
            self._take(self._cell, self.taken(), times)
            self._column += times

    def _take(self, said: Mapping[str, str], text: str, times: int) -> None:
        bottom, right = self._row + self._rows - 1, self._column + times - 1
        if self._has_text or "office:value-type" in said:
            self.look.fills(bottom, right)
        down = int(said.get("table:number-rows-spanned", 1))
        if down > 1:
            across = int(said.get("table:number-columns-spanned", 1))
            corner = self._row + down - 1, self._column + across - 1
            self.look.merged.append(((self._row, self._column), corner))
        mark = self._mark(said, said.get("office:value-type"), text)
        if mark is not None:
            columns = dict.fromkeys(range(self._column, right + 1), mark)
            for row in range(self._row, bottom + 1):
                self.look.marks[row].update(columns)

    def _mark(self, said: Mapping[str, str], kind: str | None, text: str) -> Mark | None:
        if said.get("calcext:value-type") == "error":
            return Mark("error", text or "#VALUE!")
        if kind is None and "table:formula" in said and not text:
            return Mark("formula")
        if kind in {"float", "percentage", "currency"} and text:
            return Mark("format", text)
        if kind in {"date", "time"}:
            return Mark("unread", text)
        return Mark("signs") if self._has_signs else None


# ------------------------------------------------------------------ .xls

_BOF, _EOF = frozenset((0x809, 0x409)), 0xA
_BOUNDSHEET, _FORMAT, _XF = 0x85, 0x41E, 0xE0
_FORMULA, _NUMBER, _BOOLERR, _RK, _MULRK = 0x6, 0x203, 0x205, 0x27E, 0xBD
_NONE = 0xFFFFFFFA
"""Numbers of sectors from here on are none."""


def _look_xls(data: bytes, number: int) -> Look:
    book, sheet = _stream(data), Look()
    own, starts, forms = dict[int, str](), list[int](), list[str]()
    for kind, record in _records(book, 0):
        if kind == _BOUNDSHEET:
            starts.append(unpack_from("<I", record)[0])
        elif kind == _FORMAT:
            form, count, is_wide = unpack_from("<HHB", record)
            own[form] = record[5 : 5 + count * (1 + is_wide)].decode(
                "utf-16-le" if is_wide else "latin-1"
            )
        elif kind == _XF:
            forms.append(_form(own, unpack_from("<H", record, 2)[0]))
    for kind, record in _records(book, starts[number]):
        if kind in {_FORMULA, _NUMBER, _BOOLERR, _RK, _MULRK}:
            row, column = unpack_from("<HH", record)
            for at, mark in enumerate(_marks_xls(kind, record, forms), column):
                if mark is not None:
                    sheet.marks[row][at] = mark
    return sheet


def _marks_xls(kind: int, record: bytes, forms: list[str]) -> Iterator[Mark | None]:
    """The mark of a cell, or of several numbers."""
    is_failed = kind == _FORMULA and record[12:14] == b"\xff\xff" and record[6] == 2
    if is_failed or (kind == _BOOLERR and record[7]):
        yield Mark("error", _ERRORS.get(record[8 if is_failed else 6], "#N/A"))
        return
    styles = iter_unpack("<H4x", record[4:-2]) if kind == _MULRK else [unpack_from("<4xH", record)]
    for (style,) in styles:
        form = forms[style] if style < len(forms) else ""
        yield Mark("format", form) if form else None


def _records(book: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """The records of one part of a workbook, without those of charts in it."""
    depth = 0
    while at + 4 <= len(book):
        kind, size = unpack_from("<HH", book, at)
        depth += (kind in _BOF) - (kind == _EOF)
        if not depth:
            return
        if depth == 1:
            yield kind, book[at + 4 : at + 4 + size]
        at += 4 + size


def _stream(data: bytes) -> bytes:
    """The workbook in a compound file, which keeps it in sectors.

    Raises:
        ValueError: there is none, as in a file with a password.
    """
    size, small = (1 << each for each in unpack_from("<HH", data, 30))
    first, cutoff, mini, more = unpack_from("<I4xII4xI", data, 48)

    def sector(number: int) -> bytes:
        return data[(number + 1) * size : (number + 2) * size]

    def numbers(block: bytes) -> list[int]:
        return [each for (each,) in iter_unpack("<I", block)]

    def chain(number: int, table: list[int]) -> Iterator[int]:
        while number < _NONE:
            yield number
            number = table[number]

    def joined(number: int) -> bytes:
        return b"".join(map(sector, chain(number, table)))

    listed = numbers(data[76:512])
    while more < _NONE:
        *others, more = numbers(sector(more))
        listed += others
    table = numbers(b"".join(sector(each) for each in listed if each < _NONE))
    entries = joined(first)
    for at in range(0, len(entries), 128):
        name = entries[at : at + 64].decode("utf-16-le", "replace").partition("\0")[0]
        if name.lower() in {"workbook", "book"}:
            start, length = unpack_from("<II", entries, at + 116)
            if length >= cutoff:
                return joined(start)[:length]
            root = joined(unpack_from("<I", entries, 116)[0])
            parts = chain(start, numbers(joined(mini)))
            return b"".join(root[each * small : (each + 1) * small] for each in parts)[:length]
    raise ValueError("it has no workbook")
