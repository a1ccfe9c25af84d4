"""The tables of campaigns, and what they are asked. One text of SQL for SQLite and PostgreSQL.

Requests are deliveries (`_delivery.record`) with their bodies; one that has no `sent_at` was never
sent from here, and stands for posts that were taken over or changed freely. `moment` is the date of
a request in milliseconds, `mark` the same while posts with it may be stored, so that no two
requests have one. Copies are posts that equal a row's and stay beside them, because it was to be
sent once more. `contents` tells apart what different files say of one campaign.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from postiz_async._campaign.journal.rows import UNSTORED, Copy, Finding, RowRecord
from postiz_async._delivery.matching import in_milliseconds
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.record import DeliveryRecord, read_record, sent_request
from postiz_async._quota.snapshot import Snapshot
from postiz_async.errors import Problem
from postiz_async.models.posts import CreatePost
from postiz_async.stores import new_version

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from postiz_async._delivery.outcomes import SentRequest


class Cursor(Protocol):
    """What came of a statement."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""
        ...

    def fetchone(self) -> Any:
        """The next row of the answer; None: there is none."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows of the answer."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """The rows of the answer."""
        ...


class Tables(Protocol):
    """The tables of one campaign, for the length of a transaction.

    A statement has `{s}` before the names of tables, and `:name` where a value stands; `:campaign`
    is filled in.
    """

    def execute(self, statement: str, /, **values: object) -> Cursor:
        """Carry a statement out."""
        ...

    def each(self, statement: str, values: Iterable[Mapping[str, object]], /) -> int:
        """Carry a statement out for each of some values. Returns how many rows that changed."""
        ...

    def time(self) -> float:
        """Seconds on the clock of the store."""
        ...

    def kept_time(self) -> float:
        """The same; a store without a clock of its own writes it down, and goes on from it."""
        ...


# ------------------------------------------------------------------ what a campaign is


class Meta(NamedTuple):
    """What a journal is about: a campaign, whose name marks its posts, and the root of the API.

    `contents` are those of its file at the last run; empty: there was none.
    """

    campaign: str
    base_url: str
    contents: str


def read_meta(t: Tables) -> Meta:
    """What the journal is about."""
    return Meta(*t.execute(_META).fetchone())


_META = "SELECT name, base_url, contents FROM {s}campaigns WHERE id = :campaign"


def read_left_out(t: Tables) -> tuple[Problem, ...]:
    """What is wrong with the rows that the last run left out; none where it is not known."""
    kept = t.execute("SELECT left_out FROM {s}campaigns WHERE id = :campaign").fetchone()
    return msgspec.convert(json.loads(kept[0]), tuple[Problem, ...])


def write_left_out(t: Tables, problems: Iterable[Problem]) -> None:
    """Keep them in place of those of the run before; what they quote need not be valid Unicode."""
    said = json.dumps([asdict(problem) for problem in problems])
    t.execute("UPDATE {s}campaigns SET left_out = :said WHERE id = :campaign", said=said)


def read_kept(t: Tables) -> Snapshot | None:
    """The state of the quota, if it was ever kept."""
    [kept] = t.execute("SELECT quota FROM {s}campaigns WHERE id = :campaign").fetchone()
    return None if kept is None else msgspec.json.decode(kept, type=Snapshot)


def read_copies(t: Tables) -> list[Copy]:
    """Posts that equal those of rows and are meant to stay beside them."""
    query = (
        "SELECT post_id, ref, mark FROM {s}campaign_copies WHERE campaign = :campaign"
        " ORDER BY post_id"
    )
    return [Copy(*values) for values in t.execute(query)]


# ------------------------------------------------------------------ rows

_ROWS = f"SELECT {', '.join(RowRecord.__slots__)} FROM {{s}}campaign_rows"  # noqa: S608


def read_rows(t: Tables, where: str = "", /, **values: object) -> Iterator[RowRecord]:
    """Rows, in the order of the campaign: all, or those of a condition (`AND ...`)."""
    query = (
        f"{_ROWS} WHERE campaign = :campaign {where} ORDER BY number, request IS NULL, request, ref"
    )
    return map(_row, t.execute(query, **values))


def _row(values: Sequence[Any]) -> RowRecord:
    """A record of its columns, which are in its order."""
    named: dict[str, Any] = dict(zip(RowRecord.__slots__, values, strict=True))
    named |= {"state": RowState(named["state"]), "finding": Finding(named["finding"])}
    return RowRecord(**named)


def put_rows(t: Tables, rows: Iterable[RowRecord]) -> None:
    """Add rows, or replace what is known of rows that were not sent; others stay.

    What is not planned any more is replaced only as it was read: it has the version of its record.
    """
    version = new_version()
    t.each(_PUT, ({**_columns(row), "was": row.version, "version": version} for row in rows))


def _columns(row: RowRecord) -> dict[str, object]:
    names = ("ref", "number", "fingerprint", "channel", "date", "name", "said", "note")
    return {"state": row.state.value, **{name: getattr(row, name) for name in names}}


_REPLACED = ", ".join(f"'{state}'" for state in sorted((*UNSTORED, RowState.WITHDRAWN)))

_COLUMNS = "campaign, ref, version, number, fingerprint, channel, date, name, said, state, note"
_VALUES = _COLUMNS.replace(", ", ", :")

_PUT = f"""
INSERT INTO {{s}}campaign_rows AS kept ({_COLUMNS}) VALUES (:{_VALUES})
ON CONFLICT (campaign, ref) DO UPDATE SET
    number = excluded.number, fingerprint = excluded.fingerprint, channel = excluded.channel,
    date = excluded.date, name = excluded.name, said = excluded.said, state = excluded.state,
    note = excluded.note, version = excluded.version,
    finding = '', remark = '', moved_from = NULL, post_id = NULL, link = ''
WHERE kept.state = 'planned' OR (kept.version = :was AND kept.state IN ({_REPLACED}))
"""  # noqa: S608


def take_over(t: Tables, row: RowRecord, request: int | None) -> None:
    """Put a row that is stored already, in the place of what is not."""
    columns = {"post_id": row.post_id, "moved_from": row.moved_from, "request": request}
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
    """The rows that were sent in these requests at last."""
    return [row for some in _some(requests) for row in read_rows(t, _IN.format("request"), **some)]


def rows_of(t: Tables, refs: Iterable[str]) -> list[RowRecord]:
    """The rows of these refs, as far as they are known."""
    return [row for some in _some(refs) for row in read_rows(t, _IN.format("ref"), **some)]


def owners_of(t: Tables, post_ids: Iterable[str]) -> dict[str, list[tuple[str, int | None]]]:
    """By the ids of posts, the rows that are stored as these and the requests they were in."""
    found: dict[str, list[tuple[str, int | None]]] = {}
    for some in _some(post_ids):
        for row in read_rows(t, _IN.format("post_id"), **some):
            found.setdefault(row.post_id or "", []).append((row.ref, row.request))
    return found


def dates_of_rows(t: Tables, channels: Collection[str]) -> Iterator[float]:
    """The dates that rows of these channels have and had, as far as they were sent."""
    query = (
        "SELECT channel, date, moved_from FROM {s}campaign_rows"
        " WHERE campaign = :campaign AND request IS NOT NULL"
    )
    for channel, date, moved_from in t.execute(query):
        if channel in channels:
            yield date
            if moved_from is not None:
                yield moved_from


_MANY = 200
_IN = f"AND {{}} IN ({', '.join(f':v{n}' for n in range(_MANY))})"
"""One statement, whatever the number of values: it is prepared once."""


def _some(values: Iterable[object]) -> Iterator[dict[str, object]]:
    """Values for `_IN`, so many at a time as it takes; the rest are nobody's."""
    rest = iter(values)
    while some := list(islice(rest, _MANY)):
        yield {f"v{n}": some[n] if n < len(some) else None for n in range(_MANY)}


# ------------------------------------------------------------------ requests

OPEN = "AND state IN ('leaving', 'lost')"
"""Of requests whose outcome is not known."""

SENT = "AND sent_at IS NOT NULL"
"""Of requests that were sent from here."""

_body = msgspec.json.Decoder(CreatePost)


class KeptRequest(NamedTuple):
    """A request as its journal has it."""

    number: int
    id: str
    version: int
    record: DeliveryRecord
    body: CreatePost

    @property
    def sent(self) -> SentRequest:
        """The request as it was sent."""
        refs = tuple(post.ref for post in self.record.posts)
        return sent_request(self.record, self.body, self.number, refs)


def read_requests(t: Tables, where: str = "", /, **values: object) -> Iterator[KeptRequest]:
    """Requests, oldest first: all, or those of a condition (`AND ...`)."""
    query = (
        "SELECT number, id, version, value, body FROM {s}campaign_requests"  # noqa: S608
        f" WHERE campaign = :campaign {where} ORDER BY number"
    )
    for number, name, version, value, body in t.execute(query, **values):
        yield KeptRequest(number, name, version, read_record(value), _body.decode(body))


def each_request(t: Tables, where: str = "", /, **values: object) -> Iterator[SentRequest]:
    """The same, as they were sent; they need no memory together."""
    return (kept.sent for kept in read_requests(t, where, **values))


def sent_between(
    t: Tables, first: datetime, last: datetime, *, adopted: bool = True
) -> list[SentRequest]:
    """The requests of a range of dates, both ends included, oldest first.

    Args:
        t: the tables.
        first: the first date.
        last: the last one.
        adopted: also what was never sent from here.
    """
    where = "AND moment BETWEEN :first AND :last" + ("" if adopted else f" {SENT}")
    return list(each_request(t, where, first=in_milliseconds(first), last=in_milliseconds(last)))


def near_posts(t: Tables, posts: Iterable[tuple[str, datetime]]) -> list[tuple[set[int], set[int]]]:
    """For ids of posts and their dates: the requests of its rows, and those of its second."""
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
