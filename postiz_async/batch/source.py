"""A campaign file to rows. Everything that is wrong is reported with row and column."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from postiz_async.batch.cells import (
    NO_JSON,
    RowReader,
    find_zone,
    read_json,
    shown,
    unknown_columns,
)
from postiz_async.batch.rows import COLUMNS, Row, with_refs
from postiz_async.errors import BatchError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["COLUMNS", "Campaign", "Row", "read_campaign"]


@dataclass(frozen=True, slots=True)
class Campaign:
    """A file that was read: its rows, and what is wrong with the others."""

    path: Path
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


def read_campaign(path: Path, *, timezone: str | None = None) -> Campaign:
    """Read a CSV or JSONL file.

    Args:
        path: the file; `.jsonl` and `.ndjson` are JSON lines, everything else is CSV.
        timezone: the zone of dates that have neither an offset nor a timezone column.

    Raises:
        BatchError: the file cannot be read at all.
    """
    text = _read_text(path)
    problems: list[Problem] = []
    is_json = path.suffix.lower() in {".jsonl", ".ndjson", ".json"}
    records = _json_records(text, problems) if is_json else _csv_records(text, path, problems)
    zone = find_zone(timezone) if timezone else None
    if timezone and zone is None:
        raise BatchError(f"There is no time zone {timezone!r}. Write it like Europe/Berlin.")
    rows: list[Row] = []
    for number, record in records:
        reader = RowReader(number, record, zone)
        row = reader.read()
        problems.extend(reader.problems)
        if row is not None:
            rows.append(row)
    rows = with_refs(rows, problems)
    if not rows and not problems:
        raise BatchError(f"{path} has no rows.")
    problems.sort(key=lambda problem: problem.row or 0)
    return Campaign(path, tuple(rows), tuple(problems))


# ------------------------------------------------------------------ files


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BatchError(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise BatchError(f"{path} is a directory; a campaign is a CSV or JSONL file.") from None
    except (OSError, ValueError) as error:
        raise BatchError(f"{path} cannot be read: {error}.") from error
    if not data.strip():
        raise BatchError(f"{path} is empty ({len(data)} bytes).")
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8"
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(encoding, "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise BatchError(
            f"{path} is not {encoding.upper()}: byte 0x{data[error.start]:02x} in line {line}, "
            f"column {column}. Save it as UTF-8 (in Excel: CSV UTF-8)."
        ) from None


def _csv_records(
    text: str, path: Path, problems: list[Problem]
) -> Iterator[tuple[int, dict[str, object]]]:
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            if not header:
                header = _header(cells, path)
                problems.extend(unknown_columns(filter(None, header), 1))
            elif cells:
                record = _record(header, cells)
                if isinstance(record, str):
                    problems.append(Problem("columns", record, number, "is a comma not quoted?"))
                else:
                    yield number, record
    except csv.Error as error:
        problems.append(Problem("csv", f"cannot be read from here on: {error}", number + 1))


def _record(header: list[str], cells: list[str]) -> dict[str, object] | str:
    """The cells by column, or what is wrong; spreadsheets add columns without name and text."""
    if any(cell.strip() for cell in cells[len(header) :]):
        return f"has {len(cells)} cells, the header has {len(header)}"
    named = list(zip(header, cells, strict=False))
    if any(cell.strip() for name, cell in named if not name):
        return "has text in a column without a name"
    return {name: cell for name, cell in named if name in COLUMNS}


def _header(cells: list[str], path: Path) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    doubles = [name for name, count in Counter(names).items() if count > 1 and name]
    if doubles:
        raise BatchError(f"{path} has the column {doubles[0]!r} twice (row 1).")
    missing = [name for name in ("integration", "date") if name not in names]
    if missing:
        raise BatchError(
            f"{path} has no column {missing[0]!r} (row 1). It has: {', '.join(names)}. "
            f"A campaign may have: {', '.join(COLUMNS)}."
        )
    return names


def _json_records(text: str, problems: list[Problem]) -> Iterator[tuple[int, dict[str, object]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = read_json(line)
        except NO_JSON as error:
            problems.append(Problem("json", f"is no JSON: {error}", number))
            continue
        if isinstance(value, dict):
            yield number, cast("dict[str, object]", value)
        else:
            problems.append(Problem("json", f"is no JSON object but {shown(value)}", number))
