"""Campaign files as spreadsheets and programs write them: encodings, delimiters, comments.

Files are read in a stream, so that only the rows that were read take memory. A byte that is no
UTF-8 does not end the reading: it stays in its cell as a half character, and the row is refused.
"""

from __future__ import annotations

import csv
import io
import itertools
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TextIO, cast

from postiz_async._batch.cells import NO_JSON, foreign_byte, read_json, shown
from postiz_async.errors import BatchError, Problem, describe_json_error

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

__all__ = [
    "COMMENT",
    "MAX_FILE",
    "Line",
    "NotReadable",
    "csv_line",
    "csv_lines",
    "is_json",
    "json_records",
    "open_campaign",
    "without_escape",
]

MAX_FILE = 1_000_000_000
"""Bytes of a file that is read as one campaign."""

MAX_LINE = 2_000_000
"""Characters of one line; a request has room for 102,400 bytes."""

COMMENT = "# "
"""How a line begins that says something about a CSV file, before its header."""

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_SEP = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_HEAD = 200
"""Lines among which the header has to be."""


class NotReadable(Exception):  # noqa: N818  (never leaves the package)
    """A file cannot be read from here on."""


class Line(NamedTuple):
    """The cells of one line of a CSV file; `number` counts as a spreadsheet does."""

    number: int
    cells: list[str]


def is_json(path: Path) -> bool:
    """Whether a file is JSON lines, by its name; everything else is CSV."""
    return path.suffix.lower() in {".jsonl", ".ndjson", ".json"}


@contextmanager
def open_campaign(path: Path) -> Generator[TextIO]:
    """The text of a campaign file: UTF-8, or UTF-16 that says so.

    Raises:
        BatchError: there is no such file, or it is empty, too large or unreadable.
    """
    try:
        with _binary(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_FILE:
                raise BatchError(
                    f"{path} has {size / 1e9:,.1f} GB; one campaign may have "
                    f"{MAX_FILE / 1e9:,.0f} GB. Split it into several files: each is a campaign "
                    "of its own, and they share the quota."
                )
            encoding = _encoding(file.peek(4)[:4], path)
            errors = "surrogateescape" if encoding.startswith("utf-8") else "surrogatepass"
            newline = "\n" if is_json(path) else ""
            with io.TextIOWrapper(file, encoding, errors, newline) as text:
                yield text
    except OSError as error:
        raise BatchError(f"{path} cannot be read: {error}.") from error


def _binary(path: Path) -> io.BufferedReader:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise BatchError(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise BatchError(f"{path} is a directory; a campaign is a CSV or JSONL file.") from None
    except ValueError as error:  # a name that no file can have
        raise BatchError(f"{path} cannot be read: {error}.") from error


def _encoding(start: bytes, path: Path) -> str:
    if not start:
        raise BatchError(f"{path} is empty (0 bytes).")
    for bom, encoding in _BOMS:
        if start.startswith(bom):
            return encoding
    if start[1:2] == b"\0" and start[:1] != b"\0":
        return "utf-16-le"
    return "utf-16-be" if start[:1] == b"\0" and start[1:2] != b"\0" else "utf-8"


def _lines(file: TextIO) -> Iterator[str]:
    while True:
        try:
            line = file.readline(MAX_LINE)
        except UnicodeDecodeError as error:
            raise NotReadable(f"is not {error.encoding.upper()} from here on") from None
        if not line:
            return
        if len(line) == MAX_LINE and line[-1] not in "\r\n":
            raise NotReadable(f"has a line of more than {MAX_LINE:,} characters")
        yield line


# ------------------------------------------------------------------ CSV


def csv_lines(file: TextIO, known: Iterable[str]) -> Iterator[Line]:
    """The header and the rows of a CSV file.

    The delimiter is what an Excel line `sep=;` says, else that of comma, semicolon and tab which
    finds most of the known columns. Lines before the header may be blank, or comments.

    Args:
        file: its text.
        known: names of columns, in small letters.

    Raises:
        NotReadable: what follows is not CSV.
    """
    lines = _lines(file)
    head: list[str] = []
    for line in itertools.islice(lines, _HEAD):
        head.append(line)
        if line.strip() and not _is_comment(line) and not (len(head) == 1 and _SEP.fullmatch(line)):
            break
    said = _SEP.fullmatch(head[0]) if head else None
    delimiter = said[1] if said else _delimiter(head[-1] if head else "", set(known))
    text = itertools.chain(head[1:] if said else head, lines)
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    is_head = True
    try:
        for number, cells in enumerate(reader, 1):
            if is_head and (not any(map(str.strip, cells)) or _is_comment(cells[0])):
                continue
            is_head = False
            if cells:
                yield Line(number, cells)
    except csv.Error as error:
        raise NotReadable(f"cannot be read from here on: {error}") from None


# A spreadsheet runs a cell that begins like a formula, also from a file of a stranger's words. An
# apostrophe before it makes it a text. Quotes and spaces may stand between, because an apostrophe
# or a quote that was there before must not look like one of ours when it is read back.
_RUNS = re.compile(r"""['"\s]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]""")


def csv_line(cells: Iterable[object]) -> str:
    """A line of a CSV file that is written here; no cell of it runs in a spreadsheet."""
    out = io.StringIO(newline="")
    csv.writer(out).writerow([_escaped(cell) for cell in cells])
    return out.getvalue().removesuffix("\r\n") + "\n"


def _escaped(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and _RUNS.match(cell) else cell


def without_escape(cell: str) -> str:
    """The text of a cell that `csv_line` wrote."""
    return cell[1:] if cell.startswith("'") and _RUNS.match(cell, 1) else cell


def _is_comment(text: str) -> bool:
    return text.lstrip('"').startswith(COMMENT)


def _delimiter(header: str, known: set[str]) -> str:
    def found(delimiter: str) -> tuple[int, int]:
        none: list[str] = []
        cells = next(csv.reader([header], delimiter=delimiter), none)
        return len({cell.strip().lower() for cell in cells} & known), len(cells)

    try:
        return max(",;\t", key=found)
    except csv.Error:  # the reading meets it too, and says where
        return ","


# ------------------------------------------------------------------ JSON lines


def json_records(file: TextIO, problems: list[Problem]) -> Iterator[tuple[int, dict[str, object]]]:
    """The objects of a JSON lines file; one whose only name is `#` is a comment."""
    number = 0
    try:
        for number, line in enumerate(_lines(file), 1):
            record = _json_record(number, line, problems) if line.strip() else None
            if record is not None and record.keys() != {"#"}:
                yield number, record
    except NotReadable as error:
        problems.append(Problem("json", str(error), number + 1))


def _json_record(number: int, line: str, problems: list[Problem]) -> dict[str, object] | None:
    foreign = foreign_byte(line)
    if foreign is not None:
        problems.append(Problem("json", foreign.message, number, foreign.hint))
        return None
    try:
        value = read_json(line)
    except NO_JSON as error:
        problems.append(Problem("json", f"is no JSON: {describe_json_error(error)}", number))
        return None
    if not isinstance(value, dict):
        problems.append(Problem("json", f"is not a JSON object but {shown(value)}", number))
        return None
    return cast("dict[str, object]", value)
