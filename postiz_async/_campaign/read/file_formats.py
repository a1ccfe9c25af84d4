"""Read campaign files in the encodings and delimiters that spreadsheets and programs write.

Files are read in a stream, so that only the rows that were read take memory. Bytes that are not
UTF-8 stay in the cells as surrogates, and their rows are refused.
"""

from __future__ import annotations

import csv
import io
import itertools
import os
import re
import stat
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, TextIO, cast

import msgspec

from postiz_async._campaign.read.columns import LONGEST_NAME, column_named
from postiz_async._campaign.read.sheet_reader import MAX_ROW_TEXT
from postiz_async._campaign.read.texts import NO_JSON, foreign_byte, read_json, shown
from postiz_async._resources.channel_names import folded
from postiz_async.errors import CampaignError, Problem
from postiz_async.models._base import describe_json_error

CAMPAIGNS_ARE = "a campaign is a file of CSV, JSON, .xlsx, .xls or .ods."
"""The advice for a file of an unsupported kind."""


_SHEETS = frozenset((".xlsx", ".xlsm", ".xls", ".ods"))
_FOREIGN = frozenset((".xlsb", ".numbers", ".gsheet"))


def is_json(path: Path) -> bool:
    """Whether a file is JSON, by its name; other texts are CSV."""
    return path.suffix.lower() in {".jsonl", ".ndjson", ".json"}


def is_spreadsheet(path: Path) -> bool:
    """Whether a file is a spreadsheet, by its name.

    Raises:
        CampaignError: the spreadsheet is of an unsupported kind.
    """
    suffix = path.suffix.lower()
    if suffix in _FOREIGN:
        raise CampaignError(f"{path} cannot be read: save the spreadsheet as .xlsx, .ods or .csv.")
    return suffix in _SHEETS


def check_csv_name(path: Path) -> None:
    """Check that CSV can be written to a file, by its name.

    Raises:
        CampaignError: the name is of another format.
    """
    if is_json(path) or is_spreadsheet(path):
        raise CampaignError(f"{path} cannot be written: name it .csv.")


@contextmanager
def campaign_file(path: Path) -> Generator[io.BufferedReader]:
    """Open a regular file for reading, and check at the end that it has not changed.

    Raises:
        CampaignError: the file cannot be opened, or was changed meanwhile.
    """
    try:
        file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115
    except FileNotFoundError:
        raise CampaignError(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise CampaignError(f"{path} is a directory; {CAMPAIGNS_ARE}") from None
    except (OSError, ValueError) as error:  # no file can have such a name
        raise CampaignError(f"{path} cannot be read: {error}.") from error
    with file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise CampaignError(
                f"{path} is a pipe or a device. Save what comes from it in a file; {CAMPAIGNS_ARE}"
            )
        try:
            yield file
        except OSError as error:
            raise CampaignError(f"{path} cannot be read: {error}.") from error
        after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise CampaignError(
                f"{path} was changed while it was read. Wait until it is saved, and run the "
                "command again."
            )


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


MAX_FILE = 1_000_000_000
"""Bytes of a campaign file, at most."""

COMMENT = "# "
"""The beginning of a comment line before the header of a CSV file."""

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_SEP = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_HALF = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Lone surrogates that do not stand for an undecodable byte."""
_CHUNK = 1 << 20
_HEAD = 200
"""Lines within which the header has to be."""


class NotReadable(Exception):  # noqa: N818  (never leaves the package)
    """A file cannot be read any further."""


class Line(NamedTuple):
    """The cells of one line of a table; `number` counts like a spreadsheet."""

    number: int
    cells: Sequence[object]


@contextmanager
def open_campaign(path: Path, encoding: str | None = None) -> Generator[TextIO]:
    """Open a campaign file as text: in the given encoding, else UTF-16 by its mark, or UTF-8.

    Raises:
        CampaignError: there is no such file, or it is empty, too large or unreadable.
    """
    with campaign_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_FILE:
            raise CampaignError(
                f"{path} has {size / 1e9:,.1f} GB; one campaign may have "
                f"{MAX_FILE / 1e9:,.0f} GB. Split it into several files: each is a campaign "
                "of its own, and they share the quota."
            )
        _refuse_spreadsheet(file, path)
        found = encoding or _marked_encoding(file.peek(16)[:16], path)
        errors = "surrogateescape" if found.startswith("utf-8") else "surrogatepass"
        if not found.startswith("utf"):
            errors = "strict"
        newline = "\n" if is_json(path) else ""
        text = io.TextIOWrapper(file, found, errors, newline)
        yield text
        text.detach()


def _refuse_spreadsheet(file: io.BufferedReader, path: Path) -> None:
    if file.peek(8)[:8].startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")):
        raise CampaignError(
            f"{path} is not text; {CAMPAIGNS_ARE} Name a spreadsheet .xlsx, .xls or .ods, or save "
            "it as CSV (UTF-8)."
        )


def _marked_encoding(start: bytes, path: Path) -> str:
    if not start:
        raise CampaignError(f"{path} is empty (0 bytes).")
    for bom, encoding in _BOMS:
        if start.startswith(bom):
            return encoding
    if b"\0" in start:
        raise CampaignError(f"{path} is not text; {CAMPAIGNS_ARE}")
    return "utf-8"


def _lines(file: TextIO) -> Iterator[str]:
    while True:
        try:
            line = file.readline(MAX_ROW_TEXT)
        except UnicodeDecodeError as error:
            raise _not_decoded(error) from None
        if not line:
            return
        if len(line) == MAX_ROW_TEXT and line[-1] not in "\r\n":
            raise NotReadable(f"has a line of more than {MAX_ROW_TEXT:,} characters")
        yield line


def _not_decoded(error: UnicodeDecodeError) -> NotReadable:
    return NotReadable(f"is not {error.encoding.upper()} from here on (--encoding says another)")


# ------------------------------------------------------------------ CSV


def csv_lines(file: TextIO, known: Iterable[str]) -> Iterator[Line]:
    """Read the header and the rows of a CSV file.

    The delimiter is given by an Excel line `sep=;`; else it is the one of comma, semicolon and tab
    that finds most of the known columns. Lines before the header may be blank, comments or titles.

    Args:
        file: the text of the file.
        known: known names of columns, in lower case.

    Raises:
        NotReadable: the rest of the file is not CSV.
    """
    lines = _lines(file)
    head, delimiter = _head(lines, set(known))
    text = itertools.chain(head, lines)
    size = 0

    def counted() -> Iterator[str]:
        nonlocal size
        for line in text:
            size += len(line)
            if size > MAX_ROW_TEXT:
                raise NotReadable(f"has a row of more than {MAX_ROW_TEXT:,} characters")
            yield line

    reader = csv.reader(counted(), delimiter=delimiter, strict=True)
    is_head = True
    try:
        for number, cells in enumerate(reader, 1):
            size = 0
            if is_head and (not any(map(str.strip, cells)) or _is_comment(cells[0])):
                continue
            is_head = False
            if any(map(str.strip, cells)):
                yield Line(number, cells)
    except csv.Error as error:
        why = next((text for words, text in _NOT_CSV.items() if words in str(error)), None)
        raise NotReadable(why or f"cannot be read from here on: {error}") from None


_NOT_CSV = {
    "unexpected end of data": "has a quotation mark that is never closed",
    "field limit": f"has a cell of more than {csv.field_size_limit():,} characters; shorten it, or "
    "close the quotation mark before it",
    "expected after": "has text after a closing quotation mark; double those within a text",
}
"""Explanations of Python's CSV errors for the author of a file."""


# A spreadsheet runs a cell that begins like a formula, also from a file of a stranger's words and
# after quotes and spaces. An apostrophe before it makes it a text.
_RUNS = re.compile(r"""['"\s]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]""")


def with_escape(cell: object) -> object:
    """Escape a cell so that a spreadsheet does not run it as a formula."""
    return f"'{cell}" if isinstance(cell, str) and _RUNS.match(cell) else cell


def csv_line(
    cells: Iterable[object],
    delimiter: str = ",",
    escape: Callable[[object], object] = with_escape,
) -> str:
    """A line of a CSV file to be written, without cells that a spreadsheet runs as formulas."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerow([escape(cell) for cell in cells])
    return out.getvalue().removesuffix("\r\n") + "\n"


def readable(name: str) -> str:
    """The name of a file as text that can be stored, without surrogates.

    If the locale or the name is not UTF-8, Python keeps the bytes as surrogates.
    """
    data = _HALF.sub("\ufffd", name).encode("utf-8", "surrogateescape")
    return data.decode("utf-8", "replace")


def _is_comment(text: str) -> bool:
    return text.lstrip('"').startswith(COMMENT)


def _head(lines: Iterator[str], known: set[str]) -> tuple[list[str], str]:
    """Read the lines up to the header; returns them, without that of Excel, and the delimiter."""
    head: list[str] = []
    header, best = "", _Split(0, 0, ",")
    for line in itertools.islice(lines, _HEAD):
        head.append(line)
        if not line.strip() or _is_comment(line) or (len(head) == 1 and _SEP.fullmatch(line)):
            continue
        header, best = (
            line,
            max((_split(line, each, known) for each in ",;\t"), key=itemgetter(0, 1)),
        )
        break
    said = _SEP.fullmatch(head[0]) if head else None
    if said:
        return head[1:], said[1]
    if best.cells == 1 and "|" in header:
        raise NotReadable("separates its columns by |; save it with ; or tabs between them")
    return head, best.delimiter


class _Split(NamedTuple):
    """A line split at a delimiter: the number of cells that name columns, and of all cells."""

    named: int
    cells: int
    delimiter: str


def _split(line: str, delimiter: str, known: set[str]) -> _Split:
    try:
        cells = next(csv.reader([line], delimiter=delimiter), list[str]())
    except csv.Error:  # the CSV reader meets the error too, and reports the line
        return _Split(0, 0, delimiter)
    short = {folded(cell) for cell in cells if len(cell) <= LONGEST_NAME}
    named = sum(name in known or bool(column_named(name)) for name in short)
    return _Split(named, len(cells), delimiter)


# ------------------------------------------------------------------ JSON lines


def json_records(file: TextIO, problems: list[Problem]) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield the objects of JSON lines, or of one array; one whose only name is `#` is a comment."""
    number = 0
    try:
        if is_array(file):
            yield from _array(file, problems)
            return
        for number, line in enumerate(_lines(file), 1):
            record = _json_record(number, line, problems) if line.strip() else None
            if record is not None and record.keys() != {"#"}:
                yield number, record
    except NotReadable as error:
        problems.append(Problem("json", str(error), number + 1))


def is_array(file: TextIO) -> bool:
    """Whether a JSON file is one array; the file stays at its beginning."""
    start = file.tell()
    try:
        head = file.read(_CHUNK).lstrip()
    except UnicodeDecodeError:  # reading the lines meets the error too, and reports where
        head = ""
    file.seek(start)
    return head.startswith("[") and _begins_array(head.partition("\n")[0])


def _begins_array(line: str) -> bool:
    """Whether a line starts an array of objects."""
    try:
        value = read_json(line)
    except NO_JSON:
        return True
    items = cast("list[object]", value) if isinstance(value, list) else []
    return value == [] or any(isinstance(item, dict) for item in items)


def _array(file: TextIO, problems: list[Problem]) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield the objects of one array, numbered from 1.

    Raises:
        NotReadable: the rest of the file is not text.
    """
    try:
        data = file.read().encode("utf-8", "surrogateescape")
    except UnicodeDecodeError as error:
        raise _not_decoded(error) from None
    try:
        items = msgspec.json.decode(data, type=list[msgspec.Raw])
    except NO_JSON as error:
        found = re.search(r"\(byte (\d+)\)", str(error))
        row = data.count(b"\n", 0, int(found[1]) if found else len(data)) + 1
        problems.append(Problem("json", f"is not a JSON array: {describe_json_error(error)}", row))
        return
    if not items:
        problems.append(Problem("json", "is an empty array", 1))
    for number, item in enumerate(items, 1):
        record = _json_record(number, bytes(item).decode("utf-8", "surrogateescape"), problems)
        if record is not None and record.keys() != {"#"}:
            yield number, record


def _json_record(number: int, line: str, problems: list[Problem]) -> dict[str, object] | None:
    foreign = foreign_byte(line)
    if foreign is not None:
        problems.append(Problem("json", foreign.message, number, foreign.hint))
        return None
    try:
        value = read_json(line)
    except NO_JSON as error:
        problems.append(Problem("json", f"is not JSON: {describe_json_error(error)}", number))
        return None
    if not isinstance(value, dict):
        problems.append(Problem("json", f"is not a JSON object but {shown(value)}", number))
        return None
    return cast("dict[str, object]", value)
