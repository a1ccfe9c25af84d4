"""A journal as a job sees it that changes posts: its requests make no posts, rows stay stored.

| step    | the request | its rows                                                    |
|---------|-------------|-------------------------------------------------------------|
| intent  | changing    | as they were; what they become is written down beside it    |
| done    | changed     | become that, and go with this request from now on           |
| not done| changed     | as they were: the campaign still says something else        |

So whoever comes after a crash finds posts that are as the journal says, or requests that are
changing. Those are looked up by the ids of their posts and the milliseconds of their date.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._delivery.outcomes import RowState, SentRequest
from postiz_async.errors import BatchError
from postiz_async.stores._sqlite_files import departs

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping

    from postiz_async.models.posts import CreatePost


class _Becomes(msgspec.Struct, frozen=True):
    """What a row is once its post is changed."""

    number: int
    fingerprint: str
    date: float
    name: str
    said: str
    moved_from: float | None


class ChangeJournal(Journal):
    """The same open journal. It is closed by whoever opened it.

    Args:
        journal: that is open.
        becoming: by ref, what rows become; not needed to look requests up.
        on_intent: called with each request that is about to be sent.
    """

    def __init__(
        self,
        journal: Journal,
        becoming: Mapping[str, RowRecord],
        on_intent: Callable[[SentRequest], None],
    ) -> None:
        vars(self).update(vars(journal))
        self._becoming = becoming
        self._on_intent = on_intent

    async def open_requests(self) -> list[SentRequest]:
        """The requests whose outcome is not known."""
        return await self.open_changes()

    async def has_stored(self, post_id: str) -> bool:
        """Whether it is known that this post is as it should be: of none that is changed."""
        del post_id
        return False

    async def put(self, rows: Iterable[RowRecord]) -> None:
        """Rows stay as they are until their posts are changed."""

    async def shift(self, refs: Iterable[str], date: float, remark: str) -> None:
        """Their new date is part of the next intent."""

    async def mark(self, refs: Iterable[str], state: RowState, note: str = "") -> None:
        """Say of rows why their posts were not changed."""
        if state not in {RowState.REFUSED, RowState.LATE}:
            return
        remark = f"the change was not made: {note}"
        values = [(Finding.CHANGED.value, remark, ref) for ref in refs]
        await self._do(
            lambda c: c.executemany("UPDATE rows SET finding = ?, remark = ? WHERE ref = ?", values)
        )

    async def intend(
        self, body: CreatePost, refs: tuple[str, ...], wall: float, *, date: float | None = None
    ) -> int:
        """Write down a request that is about to be sent. Returns its number.

        Raises:
            BatchError: one of its rows is not stored, or is in another such request.
        """
        becomes = [(ref, self._becomes(ref, date)) for ref in refs]

        def work(c: sqlite3.Connection) -> int:
            for ref in refs:
                _check_free(c, ref)
            cursor = c.execute(
                "INSERT INTO requests (body, refs, sent_at, state) VALUES (?, ?, ?, 'changing')",
                (msgspec.json.encode(body), msgspec.json.encode(refs), wall),
            )
            number = int(cursor.lastrowid or 0)
            departs(c, self._clock, number)
            c.executemany(
                "INSERT INTO changes VALUES (?, ?, ?)",
                [(number, ref, msgspec.json.encode(each).decode()) for ref, each in becomes],
            )
            return number

        number = await self._do(work)
        self._on_intent(SentRequest(number, body, refs, wall))
        return number

    async def settle(
        self,
        request: int,
        *,
        stored: Mapping[str, str],
        others: Mapping[str, tuple[RowState, str]],
        notes: Mapping[str, str] | None = None,
    ) -> None:
        """Write down which posts of a request are changed. A second time is not believed."""
        del others
        settle = partial(_settle, request=request, stored=stored, notes=notes or {})
        await self._do(settle, whole=True)

    async def intend_freely(self, ref: str, body: CreatePost, wall: float) -> int:
        """Write down a change by a route that costs nothing, before it leaves.

        Args:
            ref: its row.
            body: a request as it would have been sent for the post to be so.
            wall: now.

        Returns:
            Its number.
        """

        def work(c: sqlite3.Connection) -> int:
            cursor = c.execute(
                "INSERT INTO requests (body, refs, sent_at, state) VALUES (?, ?, ?, 'adopted')",
                (msgspec.json.encode(body), msgspec.json.encode((ref,)), wall),
            )
            return int(cursor.lastrowid or 0)

        number = await self._do(work, whole=True)
        self._on_intent(SentRequest(number, body, (ref,), wall))
        return number

    async def changed_freely(self, number: int, ref: str, body: CreatePost, date: float) -> None:
        """Write down that it was made.

        Args:
            number: of the change.
            ref: its row.
            body: the same request, with the date that the post has now.
            date: of the row, in whole seconds, which stays.
        """
        becomes = self._becomes(ref, date)

        def work(c: sqlite3.Connection) -> None:
            values = (msgspec.json.encode(body), number)
            c.execute("UPDATE requests SET body = ? WHERE id = ?", values)
            _become(c, ref, becomes, number, None, "")

        await self._do(work, whole=True)

    async def not_changed(self, number: int) -> None:
        """Forget a change that was refused."""
        await self._do(lambda c: c.execute("DELETE FROM requests WHERE id = ?", (number,)))

    def _becomes(self, ref: str, date: float | None) -> _Becomes:
        row = self._becoming[ref]
        if date is not None and date != row.date:
            row = replace(row, date=date, moved_from=row.date)
        return _Becomes(row.number, row.fingerprint, row.date, row.name, row.said, row.moved_from)


def _check_free(c: sqlite3.Connection, ref: str) -> None:
    row = c.execute("SELECT state FROM rows WHERE ref = ?", (ref,)).fetchone()
    if row is None or row[0] not in {RowState.STORED.value, RowState.WITHDRAWING.value}:
        what = row[0] if row else "unknown"
        raise BatchError(f"Row {ref} is {what}, not stored; its post is not changed.")
    query = (
        "SELECT 1 FROM changes JOIN requests ON requests.id = changes.request "
        "WHERE changes.ref = ? AND requests.state = 'changing'"
    )
    if c.execute(query, (ref,)).fetchone() is not None:
        raise BatchError(f"Row {ref} is in a request without an answer; it is looked up first.")


def _settle(
    c: sqlite3.Connection, *, request: int, stored: Mapping[str, str], notes: Mapping[str, str]
) -> None:
    settling = "UPDATE requests SET state = 'changed' WHERE id = ? AND state = 'changing'"
    if not c.execute(settling, (request,)).rowcount:
        return
    query = "SELECT ref, becomes FROM changes WHERE request = ?"
    for ref, text in c.execute(query, (request,)).fetchall():
        if ref in stored:
            becomes = msgspec.json.decode(text, type=_Becomes)
            _become(c, ref, becomes, request, stored[ref], notes.get(ref, ""))
    c.execute("DELETE FROM changes WHERE request = ?", (request,))


def _become(
    c: sqlite3.Connection,
    ref: str,
    becomes: _Becomes,
    request: int,
    post_id: str | None,
    note: str,
) -> None:
    values = {**msgspec.structs.asdict(becomes), "request": request, "post_id": post_id}
    c.execute(
        "UPDATE rows SET number = :number, fingerprint = :fingerprint, date = :date, "
        "name = :name, said = :said, moved_from = :moved_from, request = :request, "
        "post_id = coalesce(:post_id, post_id), state = 'stored', note = :note, finding = '', "
        "remark = '' WHERE ref = :ref",
        {**values, "note": note, "ref": ref},
    )
