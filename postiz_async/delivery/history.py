"""When a job sent its requests, and the windows of the quota that they fell into."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from postiz_async.delivery.records import open_reader
from postiz_async.errors import BatchError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Sent", "Window", "read_history", "windows"]


class Sent(NamedTuple):
    """A create request: when it was sent (seconds since the epoch), and for how many rows."""

    at: float
    rows: int


class Window(NamedTuple):
    """What was sent from `start` (seconds since the epoch) until the window's end."""

    start: float
    requests: int
    rows: int


def read_history(path: Path) -> tuple[Sent, ...]:
    """The create requests of all runs of a journal, oldest first.

    Raises:
        BatchError: there is no journal, or it cannot be read.
    """
    asking = (
        "SELECT sent_at, json_array_length(CAST(refs AS TEXT)) FROM requests "
        "WHERE state != 'adopted' ORDER BY sent_at"
    )
    try:
        with closing(open_reader(path)) as reader:
            return tuple(Sent(float(at), int(rows)) for at, rows in reader.execute(asking))
    except sqlite3.Error as error:
        raise BatchError(f"The journal {path} cannot be read: {error}.") from error


def windows(sent: Iterable[Sent], length: float) -> list[Window]:
    """The windows in which requests were sent, oldest first.

    The server opens a window with the first request after the one before is over, so they follow
    from the moments of sending, as far as nobody else used the quota.

    Args:
        sent: oldest first.
        length: of a window, in seconds.
    """
    found: list[Window] = []
    for request in sent:
        if not found or request.at >= found[-1].start + length:
            found.append(Window(request.at, 0, 0))
        start, requests, rows = found[-1]
        found[-1] = Window(start, requests + 1, rows + request.rows)
    return found
