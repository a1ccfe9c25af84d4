"""SQL tables and queries of campaigns, in one dialect for SQLite and PostgreSQL.

Requests are deliveries (`_delivery.record`) with their bodies; a request without `sent_at` was not
sent by a run of this journal; it stands for adopted or freely changed posts. `moment` is the date
of a request in milliseconds, `mark` the same value while posts with it may be stored, so that it is
unique. Copies are posts that equal a row's and stay beside it, because the row was sent once more
on purpose. `contents` is a fingerprint of the rows, which differs between files of one
campaign.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple, Protocol

import msgspec

from postiz_async._campaign.journal.rows import NOT_BEGUN, Copy, Finding, RowRecord
from postiz_async._delivery.matching import in_milliseconds
from postiz_async._delivery.outcomes import RowState, SentRequest
from postiz_async._delivery.record import DeliveryRecord, read_record, sent_request
from postiz_async._quota.snapshot import Snapshot
from postiz_async.errors import Problem
from postiz_async.models.posts import PostRequest
from postiz_async.stores import in_micros, in_seconds, new_version


class Cursor(Protocol):
    """The result of a statement."""

    @property
    def rowcount(self) -> int:
        """The number of changed rows."""
        ...

    def fetchone(self) -> Any:
        """The next row of the result; None: there is none."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows of the result."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the rows of the result."""
        ...


class Tables(Protocol):
    """The tables of one campaign, for the length of a transaction.

    A statement has `{s}` before the names of tables, and `:name` for each value; `:campaign` is
    filled in.
    """

    def execute(self, statement: str, /, **values: object) -> Cursor:
        """Run a statement."""
        ...

    def each(self, statement: str, values: Iterable[Mapping[str, object]], /) -> int:
        """Run a statement for each of these values. Returns the number of changed rows."""
        ...

    def time(self) -> float:
        """Seconds on the clock of the store."""
        ...

    def kept_time(self) -> float:
        """The time on the clock of the store, written down if the store has no clock of its own."""
        ...


# ------------------------------------------------------------------ what a campaign is


class Meta(NamedTuple):
    """The subject of a journal: a campaign, whose name marks its posts, and the root of the API.

    `contents` is the fingerprint of the rows at the last run; empty: there was none.
    """

    campaign: str
    base_url: str
    contents: str


def read_meta(t: Tables) -> Meta:
    """Read the subject of the journal."""
    return Meta(*t.execute(_META).fetchone())


_META = "SELECT name, base_url, contents FROM {s}campaigns WHERE id = :campaign"


def read_left_out(t: Tables) -> tuple[Problem, ...]:
    """Read the problems of rows that the last run left out; empty if unknown."""
    kept = t.execute("SELECT left_out FROM {s}campaigns WHERE id = :campaign").fetchone()
    return msgspec.convert(json.loads(kept[0]), tuple[Problem, ...])


def write_left_out(t: Tables, problems: Iterable[Problem]) -> None:
    """Replace the problems of left-out rows; their quotations need not be valid Unicode."""
    said = json.dumps([asdict(problem) for problem in problems])
    t.execute("UPDATE {s}campaigns SET left_out = :said WHERE id = :campaign", said=said)


def read_kept(t: Tables) -> Snapshot | None:
    """Read the saved state of the quota, if any."""
    [kept] = t.execute("SELECT quota FROM {s}campaigns WHERE id = :campaign").fetchone()
    return None if kept is None else msgspec.json.decode(kept, type=Snapshot)


def read_copies(t: Tables) -> list[Copy]:
    """Read the posts that equal those of rows and shall stay beside them."""
    query = (
        "SELECT post_id, ref, mark FROM {s}campaign_copies WHERE campaign = :campaign"
        " ORDER BY post_id"
    )
    return [Copy(*values) for values in t.execute(query)]


# ------------------------------------------------------------------ rows

_COLUMN_OF = {"seconds": "date", "asked_seconds": "moved_from"}
_OF_ROWS = ", ".join(_COLUMN_OF.get(name, name) for name in RowRecord.__slots__)
_ROWS = f"SELECT {_OF_ROWS} FROM {{s}}campaign_rows"  # noqa: S608


def read_rows(t: Tables, where: str = "", /, **values: object) -> Iterator[RowRecord]:
    """Read rows, in the order of the campaign: all, or those of a condition (`AND ...`)."""
    query = (
        f"{_ROWS} WHERE campaign = :campaign {where} ORDER BY number, request IS NULL, request, ref"
    )
    return map(_row, t.execute(query, **values))


def _row(values: Sequence[Any]) -> RowRecord:
    """Make a record of the columns of a row, which have the order of its fields."""
    named: dict[str, Any] = dict(zip(RowRecord.__slots__, values, strict=True))
    named |= {"state": RowState(named["state"]), "finding": Finding(named["finding"])}
    named["seconds"] = in_seconds(named["seconds"])
    if (asked := named["asked_seconds"]) is not None:
        named["asked_seconds"] = in_seconds(asked)
    return RowRecord(**named)


def put_rows(t: Tables, rows: Iterable[RowRecord]) -> None:
    """Add rows, or replace unsent ones; others stay.

    A row that is not planned any more is replaced only if it still has the version that was read.
    """
    version = new_version()
    t.each(_PUT, ({**_columns(row), "was": row.version, "version": version} for row in rows))


def _columns(row: RowRecord) -> dict[str, object]:
    names = ("ref", "number", "fingerprint", "channel", "name", "said", "note", "remark")
    same = {name: getattr(row, name) for name in names}
    others = {"state": row.state.value, "finding": row.finding.value}
    return {**same, **others, "date": in_micros(row.seconds)}


_REPLACED = ", ".join(f"'{state}'" for state in sorted(NOT_BEGUN))

_COLUMNS = (
    "campaign, ref, version, number, fingerprint, channel, date, name, said, state, note, finding,"
    " remark"
)
_VALUES = _COLUMNS.replace(", ", ", :")

_PUT = f"""
INSERT INTO {{s}}campaign_rows AS kept ({_COLUMNS}) VALUES (:{_VALUES})
ON CONFLICT (campaign, ref) DO UPDATE SET
    number = excluded.number, fingerprint = excluded.fingerprint, channel = excluded.channel,
    date = excluded.date, name = excluded.name, said = excluded.said, state = excluded.state,
    note = excluded.note, finding = excluded.finding, remark = excluded.remark,
    version = excluded.version, moved_from = NULL, post_id = NULL, link = ''
WHERE kept.state = 'planned' OR (kept.version = :was AND kept.state IN ({_REPLACED}))
"""  # noqa: S608


def take_over(t: Tables, row: RowRecord, request: int | None) -> None:
    """Write a row that is stored already, in the place of an unstored one."""
    asked = None if row.asked_seconds is None else in_micros(row.asked_seconds)
    columns = {"post_id": row.post_id, "moved_from": asked, "request": request}
    t.execute(_DROP, ref=row.ref, post_id=row.post_id)
    t.execute(_TAKE_OVER, **_columns(row), **columns, version=new_version())


_DROP = """
DELETE FROM {s}campaign_rows WHERE campaign = :campaign AND (post_id = :post_id OR ref = :ref)
"""

_TAKE_OVER = f"""
INSERT INTO {{s}}campaign_rows ({_COLUMNS}, request, post_id, moved_from)
VALUES (:{_VALUES}, :request, :post_id, :moved_from)
"""  # noqa: S608


def rows_sent_in(t: Tables, requests: Iterable[int]) -> list[RowRecord]:
    """The rows that were last sent in these requests."""
    return [
        row for some in in_groups(requests) for row in read_rows(t, IN.format("request"), **some)
    ]


def rows_of(t: Tables, refs: Iterable[str]) -> list[RowRecord]:
    """The known rows with these refs."""
    return [row for some in in_groups(refs) for row in read_rows(t, IN.format("ref"), **some)]


def owners_of(t: Tables, post_ids: Iterable[str]) -> dict[str, list[tuple[str, int | None]]]:
    """The rows stored as these posts with their requests, by post id."""
    found: dict[str, list[tuple[str, int | None]]] = {}
    for some in in_groups(post_ids):
        for row in read_rows(t, IN.format("post_id"), **some):
            found.setdefault(row.post_id or "", []).append((row.ref, row.request))
    return found


def dates_of_rows(t: Tables, channels: Collection[str]) -> Iterator[float]:
    """The present and former dates of sent rows on these channels."""
    query = (
        "SELECT channel, date, moved_from FROM {s}campaign_rows"
        " WHERE campaign = :campaign AND request IS NOT NULL"
    )
    for channel, date, moved_from in t.execute(query):
        if channel in channels:
            yield in_seconds(date)
            if moved_from is not None:
                yield in_seconds(moved_from)


_MANY = 200
IN = f"AND {{}} IN ({', '.join(f':v{n}' for n in range(_MANY))})"
"""A condition with a fixed number of values, so that the statement is prepared only once."""


def in_groups(values: Iterable[object]) -> Iterator[dict[str, object]]:
    """Groups of values for `IN`; the last group is filled up with values that match nothing."""
    rest = iter(values)
    while some := list(islice(rest, _MANY)):
        yield {f"v{n}": some[n] if n < len(some) else None for n in range(_MANY)}


# ------------------------------------------------------------------ requests

OPEN = "AND state IN ('leaving', 'lost')"
"""A condition: requests whose outcome is unknown."""

SENT = "AND sent_at IS NOT NULL"
"""A condition: requests that runs of this journal sent."""

_body = msgspec.json.Decoder(PostRequest)


class KeptRequest(NamedTuple):
    """A request as recorded in the journal."""

    number: int
    id: str
    version: int
    record: DeliveryRecord
    body: PostRequest

    @property
    def sent(self) -> SentRequest:
        """The request as it was sent."""
        refs = tuple(post.ref for post in self.record.posts)
        return sent_request(self.record, self.body, self.number, refs)


def read_requests(t: Tables, where: str = "", /, **values: object) -> Iterator[KeptRequest]:
    """Read requests, the oldest first: all, or those of a condition (`AND ...`)."""
    query = (
        "SELECT number, id, version, value, body FROM {s}campaign_requests"  # noqa: S608
        f" WHERE campaign = :campaign {where} ORDER BY number"
    )
    for number, name, version, value, body in t.execute(query, **values):
        yield KeptRequest(number, name, version, read_record(value), _body.decode(body))


def each_request(t: Tables, where: str = "", /, **values: object) -> Iterator[SentRequest]:
    """Yield requests as they were sent, one by one to save memory."""
    return (kept.sent for kept in read_requests(t, where, **values))


def sent_between(
    t: Tables, first: datetime, last: datetime, *, adopted: bool = True
) -> list[SentRequest]:
    """The requests of a range of dates, both ends included, the oldest first.

    Args:
        t: the tables.
        first: the first date.
        last: the last one.
        adopted: include requests that no run of this journal sent.
    """
    where = "AND moment BETWEEN :first AND :last" + ("" if adopted else f" {SENT}")
    return list(each_request(t, where, first=in_milliseconds(first), last=in_milliseconds(last)))


def near_posts(t: Tables, posts: Iterable[tuple[str, datetime]]) -> list[tuple[set[int], set[int]]]:
    """For each post id and date: the requests of the post's rows, and those of that second."""
    query = (
        "SELECT number FROM {s}campaign_requests"
        " WHERE campaign = :campaign AND moment BETWEEN :first AND :last"
    )
    found: list[tuple[set[int], set[int]]] = []
    for post_id, date in posts:
        owners = owners_of(t, [post_id]).get(post_id, [])
        second = in_milliseconds(date.replace(microsecond=0))
        there = {number for (number,) in t.execute(query, first=second, last=second + 999)}
        found.append(({number for _, number in owners if number is not None}, there))
    return found
