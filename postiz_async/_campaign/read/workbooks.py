"""Read workbooks (.xlsx, .xls, .ods) in a process of its own, whose death is a sentence."""

from __future__ import annotations

import itertools
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NamedTuple, NoReturn, TypeAlias

import msgspec

from postiz_async._campaign.read.file_formats import Line, campaign_file
from postiz_async._campaign.read.sheet_reader import folded
from postiz_async._campaign.read.texts import SHEET_AS_TEXT, Odd
from postiz_async._validation.messages import did_you_mean
from postiz_async.errors import CampaignError

_NEEDED = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""The environment that an interpreter needs to start; the other process gets nothing else."""
_START = (
    f"import sys; sys.path[:] = sys.argv.pop(1).split({os.pathsep!r}); "
    "from postiz_async._campaign.read import sheet_reader; sheet_reader.main()"
)
_LISTED = 20
"""Sheets named in a message, at most."""
ODD = {
    "error": ("is {1}, an error of the spreadsheet", "repair the formula, or write the text"),
    "format": ("is {0} in the file, which the spreadsheet shows as {1!r}", SHEET_AS_TEXT),
    "formula": (
        "is a formula without a value",
        "open the file in the spreadsheet program and save it, or copy the values",
    ),
    "merged": ("is merged with the cell above", "split the merged cells, and fill in each"),
    "signs": ("has a tab or a line break that is not read here", "save the file as CSV"),
    "unread": ("is {1}, which is no date or time that can be read", SHEET_AS_TEXT),
}
"""Problems of cells that people see differently: `{0}` is stored, `{1}` is shown."""
_DATES: dict[str, Callable[[str], object]] = {
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "datetime": datetime.fromisoformat,
}


_Cell: TypeAlias = str | bool | tuple[str, ...]


class _SheetLine(msgspec.Struct):
    """A line of the other process."""

    sheets: list[tuple[str, bool]] | None = None
    sheet: str | None = None
    row: int = 0
    cells: list[_Cell] = []
    refused: str | None = None


class Sheet(NamedTuple):
    """A sheet: its name, the names of all visible ones, and its rows that are not blank."""

    name: str
    visible: Sequence[str]
    lines: Iterator[Line]


@contextmanager
def open_sheet(
    path: Path,
    name: str | None,
    is_header: Callable[[Sequence[object]], bool],
    seconds: float = 30.0,
) -> Generator[Sheet]:
    """Open a sheet: the one with this name, the only visible one, or the first with a header.

    Args:
        path: the workbook.
        name: the name of the sheet; None if it is not given.
        is_header: whether a row has the columns that a campaign needs.
        seconds: how long reading may take.

    Raises:
        CampaignError: there is no such sheet, or the file cannot be read.
    """
    with campaign_file(path) as file, TemporaryFile() as said:
        if not file.peek(1):
            raise CampaignError(f"{path} is empty (0 bytes).")
        _read(path, name, file, said, seconds)
        said.seek(0)
        sheets = _decoded(path, said.readline()).sheets or []
        visible = [each for each, is_visible in sheets if is_visible]
        groups = itertools.groupby(_rows(path, said), itemgetter(0))
        for found, rows in groups:
            lines = map(itemgetter(1), rows)
            first = list(itertools.islice(lines, 1))
            if name or len(visible) == 1 or any(is_header(line.cells) for line in first):
                yield Sheet(found, visible, itertools.chain(first, lines))
                return
        _refuse(path, name, [each for each, _ in sheets], visible)


def _read(path: Path, name: str | None, file: IO[bytes], said: IO[bytes], seconds: float) -> None:
    """Let another process write the rows of a file.

    Raises:
        CampaignError: it could not, whatever the reason.
    """
    places = os.pathsep.join(map(os.path.abspath, sys.path))
    command = [sys.executable, "-I", "-c", _START, places, *([] if name is None else [name])]
    try:
        subprocess.run(  # noqa: S603  (this interpreter)
            command,
            stdin=file,
            stdout=said,
            stderr=subprocess.DEVNULL,
            env={each: os.environ[each] for each in _NEEDED if each in os.environ},
            timeout=seconds,
            check=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise _unreadable(path) from error


def _unreadable(path: Path, why: str = "") -> CampaignError:
    return CampaignError(
        f"{path} cannot be read{why or ': it is damaged, too large, no workbook or has a password'}"
        ". Save it as CSV (UTF-8), and use that."
    )


def _decoded(path: Path, line: bytes) -> _SheetLine:
    try:
        return msgspec.json.decode(line, type=_SheetLine)
    except msgspec.DecodeError as error:
        raise _unreadable(path) from error


def _rows(path: Path, said: IO[bytes]) -> Iterator[tuple[str, Line]]:
    """Yield the rows, each with the name of its sheet."""
    sheet = ""
    for text in said:
        line = _decoded(path, text)
        if line.refused is not None:
            raise _unreadable(path, f": {line.refused}")
        if line.sheet is None:
            yield sheet, Line(line.row, [_cell(each) for each in line.cells])
        else:
            sheet = line.sheet


def _cell(said: _Cell) -> object:
    """A cell: a text, a truth value, a date or time, or one that people see differently."""
    if not isinstance(said, tuple):
        return said
    kind, *texts = said
    if kind in _DATES:
        return _DATES[kind](*texts)
    why, hint = ODD[kind]
    return Odd.of(texts[0], why.format(*texts), hint)


def _refuse(path: Path, name: str | None, names: Sequence[str], visible: Sequence[str]) -> NoReturn:
    if name is not None and all(folded(each) != folded(name) for each in names):
        meant = did_you_mean(name, names, " Did you mean {!r}?")
        raise CampaignError(f"{path} has no sheet {name!r}.{meant} It has: {_some(names, ', ')}.")
    if name is not None or len(visible) == 1:
        raise CampaignError(f"{path} is empty: it has no header.")
    options = _some([f"--sheet {shlex.quote(each)}" for each in visible or names], " or ")
    raise CampaignError(
        f"{path} has {len(visible)} sheets, and none begins with the columns of a campaign. Say "
        f"which one: {options}."
    )


def _some(names: Sequence[str], between: str) -> str:
    """Some of the names, shortened, for a message."""
    listed = between.join(name[:200] for name in names[:_LISTED])
    return listed if len(names) <= _LISTED else f"{listed}{between}..."
