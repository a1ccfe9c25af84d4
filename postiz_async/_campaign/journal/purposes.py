"""Purposes of requests (new posts or changes), and their effects on rows.

Each step of a request is written in one transaction with what follows from it for its rows:

| step             | rows of new posts                    | rows whose posts are changed          |
|------------------|--------------------------------------|---------------------------------------|
| it leaves        | were planned, are sending            | stay as they are; what they become is |
|                  |                                      | written down beside them              |
| its answer is    | unknown                              | stay as they are                      |
| lost             |                                      |                                       |
| it ends, a post  | stored                               | become that, and go with this request |
| is there         |                                      | from now on                           |
| it is not there  | as the sender says, mostly planned   | stay as they are: the campaign still  |
|                  |                                      | says something else                   |

A row is in one request at most that has not ended: a request that would be its second is not
written. So whoever comes after a crash, or works at the same time, finds each row either planned,
or with an outcome, or in a request whose outcome has to be looked up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, Protocol, TypeAlias

import msgspec

from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._campaign.journal.tables import Tables, put_rows, rows_of
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.record import DeliveryPost
from postiz_async.stores import in_micros, new_version

Kind: TypeAlias = Literal["create", "replace"]


class RowsTakenError(Exception):
    """Rows of a request are in another one, or have ended. Nothing was written.

    Attributes:
        rows: the states of the rows, by ref.
    """

    def __init__(self, rows: Mapping[str, str]) -> None:
        super().__init__(", ".join(f"row {ref} is {what}" for ref, what in rows.items()))
        self.rows = rows


class RowEnd(NamedTuple):
    """The final state and note of a row whose post is not stored."""

    state: RowState = RowState.PLANNED
    note: str = ""


class RequestRows(Protocol):
    """The rows of a request, and what becomes of them.

    `refs` are in the order of the request. The rows leave with `date`, in seconds since the epoch;
    None: with their own dates. When the request ends, `notes` are the notes on stored rows by
    place, and `ends` the states of other rows; rows without one are planned again.
    """

    number: int
    refs: tuple[str, ...]
    date: float | None
    notes: Mapping[int, str]
    ends: Mapping[int, RowEnd]


class Purpose(ABC):
    """The effects of a request on its rows, by what the request is for."""

    kind: Kind

    @abstractmethod
    def leave(self, t: Tables, request: RequestRows, version: int) -> None:
        """Write down that a request leaves.

        Raises:
            RowsTakenError: the request must not leave.
        """

    @abstractmethod
    def lose(self, t: Tables, request: RequestRows, version: int, note: str) -> None:
        """Write down that the answer of a request was lost."""

    @abstractmethod
    def end(
        self, t: Tables, request: RequestRows, version: int, posts: Sequence[DeliveryPost]
    ) -> None:
        """Write the outcome of the rows; a post without an id is not stored."""

    @abstractmethod
    def knows(self, t: Tables, post_id: str) -> bool:
        """Whether this post is recorded as being as it should be."""

    @abstractmethod
    def turn_away(self, t: Tables, refs: Iterable[str], end: RowEnd) -> None:
        """Write down why rows are not sent."""

    @abstractmethod
    def plan_again(self, t: Tables, rows: Iterable[RowRecord]) -> None:
        """Plan rows again, as the campaign has them now."""


class NewPosts(Purpose):
    """Requests for new posts."""

    kind: Kind = "create"

    def leave(self, t: Tables, request: RequestRows, version: int) -> None:
        values = [
            {"ref": ref, "request": request.number, "version": version} for ref in request.refs
        ]
        if t.each(_LEAVE, values) < len(values):
            raise RowsTakenError(_others(t, request, version))
        if request.date is not None:
            date = in_micros(request.date)
            t.each(MOVE, ({**each, "date": date} for each in values))

    def lose(self, t: Tables, request: RequestRows, version: int, note: str) -> None:
        t.execute(_LOSE, request=request.number, note=note, version=version)

    def end(
        self, t: Tables, request: RequestRows, version: int, posts: Sequence[DeliveryPost]
    ) -> None:
        values: list[dict[str, object]] = []
        for place, post in enumerate(posts):
            state, note = request.ends.get(place, RowEnd())
            if post.id:
                state, note = RowState.STORED, request.notes.get(place, "")
            columns = {"state": state.value, "note": note, "post_id": post.id or None}
            values.append(
                {"ref": post.ref, "request": request.number, "version": version, **columns}
            )
        t.each(_END, values)

    def knows(self, t: Tables, post_id: str) -> bool:
        query = "SELECT 1 FROM {s}campaign_rows WHERE campaign = :campaign AND post_id = :post_id"
        return t.execute(query, post_id=post_id).fetchone() is not None

    def turn_away(self, t: Tables, refs: Iterable[str], end: RowEnd) -> None:
        columns = {"state": end.state.value, "note": end.note, "version": new_version()}
        t.each(_TURN_AWAY, [{"ref": ref, **columns} for ref in refs])

    def plan_again(self, t: Tables, rows: Iterable[RowRecord]) -> None:
        put_rows(t, rows)


_LEAVE = """
UPDATE {s}campaign_rows SET state = 'sending', request = :request, note = '', version = :version
WHERE campaign = :campaign AND ref = :ref
    AND (state = 'planned' OR (state = 'sending' AND request = :request))
"""

_LOSE = """
UPDATE {s}campaign_rows SET state = 'unknown', note = :note, version = :version
WHERE campaign = :campaign AND request = :request AND state = 'sending'
"""

_END = """
UPDATE {s}campaign_rows SET state = :state, note = :note, post_id = :post_id, version = :version
WHERE campaign = :campaign AND ref = :ref AND request = :request
    AND state IN ('sending', 'unknown')
"""

_TURN_AWAY = """
UPDATE {s}campaign_rows SET state = :state, note = :note, version = :version
WHERE campaign = :campaign AND ref = :ref AND state = 'planned'
"""

MOVE = """
UPDATE {s}campaign_rows
SET moved_from = nullif(coalesce(moved_from, date), :date), date = :date, version = :version
WHERE campaign = :campaign AND ref = :ref AND date != :date
"""
"""Gives a row another date; `moved_from` keeps the date that the campaign asks for."""


class Becomes(msgspec.Struct, frozen=True):
    """The new state of a row once its post is changed."""

    number: int
    fingerprint: str
    date: float
    name: str
    said: str
    moved_from: float | None

    @classmethod
    def of(cls, row: RowRecord, date: float | None) -> Becomes:
        """The new state of a row that is sent with `date`; None: with its own date."""
        if date is not None and date != row.seconds:
            row = replace(row, seconds=date, asked_seconds=row.seconds)
        return cls(row.number, row.fingerprint, row.seconds, row.name, row.said, row.asked_seconds)

    def write(self, t: Tables, ref: str, *, request: int, post_id: str | None, note: str) -> None:
        """Write the new state and the post's request; without an id the post stays the same."""
        asked = None if self.moved_from is None else in_micros(self.moved_from)
        dates = {"date": in_micros(self.date), "moved_from": asked}
        columns = {**msgspec.structs.asdict(self), **dates, "version": new_version()}
        t.execute(_BECOME, **columns, ref=ref, request=request, post_id=post_id, note=note)


class Changes(Purpose):
    """Requests that change stored posts.

    Args:
        becoming: the new state of rows, by ref; not needed for look-ups.
    """

    kind: Kind = "replace"

    def __init__(self, becoming: Mapping[str, RowRecord] | None = None) -> None:
        self.becoming: Mapping[str, RowRecord] = becoming or {}

    def leave(self, t: Tables, request: RequestRows, version: int) -> None:
        columns = {"request": request.number, "version": version}
        values: list[dict[str, object]] = []
        for ref in request.refs:
            becomes = msgspec.json.encode(Becomes.of(self.becoming[ref], request.date)).decode()
            values.append({"ref": ref, "becomes": becomes, **columns})
        if t.each(_CHANGE, values) < len(values):
            raise RowsTakenError(_others(t, request, version))

    def lose(self, t: Tables, request: RequestRows, version: int, note: str) -> None:
        """Change nothing: the posts exist, either changed or not."""

    def end(
        self, t: Tables, request: RequestRows, version: int, posts: Sequence[DeliveryPost]
    ) -> None:
        stored = {post.ref: (place, post.id) for place, post in enumerate(posts) if post.id}
        for ref, becomes in t.execute(_BECOMES, request=request.number).fetchall():
            if ref in stored:
                place, post_id = stored[ref]
                said = msgspec.json.decode(becomes, type=Becomes)
                note = request.notes.get(place, "")
                said.write(t, ref, request=request.number, post_id=post_id, note=note)
        t.execute(_CHANGED, request=request.number, version=version)

    def knows(self, t: Tables, post_id: str) -> bool:
        """Always False: changes are re-checked."""
        del t, post_id
        return False

    def turn_away(self, t: Tables, refs: Iterable[str], end: RowEnd) -> None:
        if end.state is not RowState.PLANNED:
            remark = f"the change was not made: {end.note}"
            columns = {"finding": Finding.CHANGED.value, "remark": remark}
            t.each(REMARK, [{"ref": ref, "version": new_version(), **columns} for ref in refs])

    def plan_again(self, t: Tables, rows: Iterable[RowRecord]) -> None:
        """Change nothing: the rows stay as they are until their posts are changed."""


_CHANGE = """
UPDATE {s}campaign_rows SET change = :request, becomes = :becomes, version = :version
WHERE campaign = :campaign AND ref = :ref AND state IN ('stored', 'withdrawing')
    AND (change IS NULL OR change = :request)
"""

_BECOMES = """
SELECT ref, becomes FROM {s}campaign_rows WHERE campaign = :campaign AND change = :request
"""

_CHANGED = """
UPDATE {s}campaign_rows SET change = NULL, becomes = '', version = :version
WHERE campaign = :campaign AND change = :request
"""

_BECOME = """
UPDATE {s}campaign_rows SET number = :number, fingerprint = :fingerprint, date = :date,
    name = :name, said = :said, moved_from = :moved_from, request = :request,
    post_id = coalesce(:post_id, post_id), state = 'stored', note = :note, finding = '',
    remark = '', may_say = '', version = :version
WHERE campaign = :campaign AND ref = :ref
"""

REMARK = """
UPDATE {s}campaign_rows SET finding = :finding, remark = :remark, version = :version
WHERE campaign = :campaign AND ref = :ref
"""
"""Sets a finding and a remark of a row, which do not affect its state."""


def _others(t: Tables, request: RequestRows, version: int) -> dict[str, str]:
    """The states of a request's rows that could not be written with this `version`."""
    known = {row.ref: row for row in rows_of(t, request.refs)}
    taken = {ref: known.get(ref) for ref in request.refs}
    return {
        ref: "unknown" if row is None else str(row.state)
        for ref, row in taken.items()
        if row is None or row.version != version
    }
