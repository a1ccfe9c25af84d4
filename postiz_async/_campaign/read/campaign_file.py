"""Open the file of a campaign, whatever its format."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from postiz_async.errors import BatchError

if TYPE_CHECKING:
    import io
    from collections.abc import Generator
    from pathlib import Path

CAMPAIGNS_ARE = "a campaign is a file of CSV, JSON, .xlsx or .ods."
"""What to say of what can be none."""

MAX_TEXT = 131_072
"""Characters of one cell; a request has room for 102,400 bytes."""

MAX_ROW_TEXT = 2_000_000
"""Characters of one row."""

MAX_COLUMNS = 1_024
"""Columns that may have text."""


_SHEETS = frozenset((".xlsx", ".xlsm", ".ods"))
"""Suffixes of spreadsheets that are read. An .xls does not tell an error from an empty cell."""

_FOREIGN = frozenset((".xls", ".xlsb", ".numbers", ".gsheet"))


def is_json(path: Path) -> bool:
    """Whether a file is JSON lines, by its name; everything else is CSV."""
    return path.suffix.lower() in {".jsonl", ".ndjson", ".json"}


def is_spreadsheet(path: Path) -> bool:
    """Whether a file is a spreadsheet, by its name.

    Raises:
        BatchError: it is one of a kind that is not read.
    """
    suffix = path.suffix.lower()
    if suffix in _FOREIGN:
        raise BatchError(f"{path} cannot be read: save the spreadsheet as .xlsx, .ods or .csv.")
    return suffix in _SHEETS


@contextmanager
def campaign_file(path: Path) -> Generator[io.BufferedReader]:
    """Open a regular file for reading; at the end it has to be what it was at the beginning.

    Raises:
        BatchError: it cannot be opened, or somebody wrote to it meanwhile.
    """
    try:
        file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115
    except FileNotFoundError:
        raise BatchError(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise BatchError(f"{path} is a directory; {CAMPAIGNS_ARE}") from None
    except (OSError, ValueError) as error:  # no file can have such a name
        raise BatchError(f"{path} cannot be read: {error}.") from error
    with file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise BatchError(
                f"{path} is a pipe or a device. Save what comes from it in a file; {CAMPAIGNS_ARE}"
            )
        try:
            yield file
        except OSError as error:
            raise BatchError(f"{path} cannot be read: {error}.") from error
        after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise BatchError(
                f"{path} was changed while it was read. Wait until it is saved, and run the "
                "command again."
            )


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting for the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
