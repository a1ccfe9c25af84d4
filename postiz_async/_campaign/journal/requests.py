"""What a journal is asked of its requests and the rows in them: a few, or one after the other."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from postiz_async._campaign.journal.tables import SENT_DATE, open_reader, read_rows
from postiz_async._delivery.outcomes import SentRequest
from postiz_async._wire import format_date
from postiz_async.models.posts import CreatePost

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from postiz_async._campaign.journal.rows import RowRecord


def read_requests(
    connection: sqlite3.Connection,
    *,
    only_open: bool,
    adopted: bool = True,
    open_as: str = "open",
) -> list[SentRequest]:
    """The requests, oldest first: all, those that were sent, or those whose outcome is open."""
    where = "" if adopted else "WHERE state != 'adopted'"
    return list(_requests(connection, f"WHERE state = '{open_as}'" if only_open else where))


def each_request(connection: sqlite3.Connection) -> Iterator[SentRequest]:
    """The requests one after the other, oldest first; they need no memory together."""
    return _requests(connection, "")


def sent_between(
    connection: sqlite3.Connection, first: datetime, last: datetime, *, adopted: bool = True
) -> list[SentRequest]:
    """The requests of a range of dates, both ends included, oldest first."""
    dates = format_date(first).encode(), format_date(last).encode()
    where = f"WHERE {SENT_DATE} BETWEEN ? AND ?" + ("" if adopted else " AND state != 'adopted'")
    return list(_requests(connection, where, *dates))


def _requests(connection: sqlite3.Connection, where: str, *values: object) -> Iterator[SentRequest]:
    query = f"SELECT id, body, refs, sent_at, mended_at FROM requests {where} ORDER BY id"  # noqa: S608
    for number, body, refs, *times in connection.execute(query, values):
        yield SentRequest(number, _body.decode(body), _refs.decode(refs), *times)


_body = msgspec.json.Decoder(CreatePost)
_refs = msgspec.json.Decoder(tuple[str, ...])


def read_unanswered(path: Path) -> list[tuple[int, float]]:
    """Of the requests without a known outcome, the number of posts, and when each was sent.

    Args:
        path: of a journal that can be read, also while a run is working on it.
    """
    query = "SELECT refs, sent_at FROM requests WHERE state IN ('open', 'changing')"
    with closing(open_reader(path)) as reader:
        return [(len(_refs.decode(refs)), sent_at) for refs, sent_at in reader.execute(query)]


def rows_sent_in(connection: sqlite3.Connection, requests: Iterable[int]) -> list[RowRecord]:
    """The rows that were sent in these requests at last."""
    return [row for each in requests for row in read_rows(connection, "WHERE request = ?", each)]


def rows_of(connection: sqlite3.Connection, refs: Iterable[str]) -> list[RowRecord]:
    """The rows of these refs, as far as they are known."""
    return [row for ref in refs for row in read_rows(connection, "WHERE ref = ?", ref)]


def owners_of(
    connection: sqlite3.Connection, post_ids: Iterable[str]
) -> dict[str, list[tuple[str, int | None]]]:
    """By the ids of posts, the rows that are stored as these and the requests they were in."""
    query = "SELECT ref, request FROM rows WHERE post_id = ? ORDER BY number"
    found = {each: connection.execute(query, (each,)).fetchall() for each in post_ids}
    return {post_id: rows for post_id, rows in found.items() if rows}


def near_posts(
    connection: sqlite3.Connection, posts: Iterable[tuple[str, datetime]]
) -> list[tuple[set[int], set[int]]]:
    """For ids of posts and their dates: the requests of its rows, and those of its second."""
    query = f"SELECT id FROM requests WHERE {SENT_DATE} BETWEEN ? AND ?"  # noqa: S608
    found: list[tuple[set[int], set[int]]] = []
    for post_id, moment in posts:
        owners = owners_of(connection, [post_id]).get(post_id, [])
        second = moment.replace(microsecond=0), moment.replace(microsecond=999_000)
        dates = [format_date(each).encode() for each in second]
        there = {number for (number,) in connection.execute(query, dates)}
        found.append(({number for _, number in owners if number is not None}, there))
    return found


def dates_of_rows(connection: sqlite3.Connection, channels: Collection[str]) -> Iterator[float]:
    """The dates that rows of these channels have and had, as far as they were sent."""
    query = "SELECT channel, date, moved_from FROM rows WHERE request IS NOT NULL"
    for channel, date, moved_from in connection.execute(query):
        if channel in channels:
            yield date
            if moved_from is not None:
                yield moved_from
