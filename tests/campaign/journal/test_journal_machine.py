"""The journal under any order of steps, with crashes in between and in the middle of one."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from journal_lab import ends, is_lost, leaves
from postgres_lab import Place
from postgres_server import why_no_postgres

from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.places import OpenPlace, journal_at
from postiz_async._campaign.journal.purposes import NewPosts, RowEnd, RowsTakenError
from postiz_async._campaign.journal.requests import RequestHandle, open_requests
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._campaign.journal.tables import Tables
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.transitions import OvertakenError
from postiz_async.models.posts import ChannelRef, ContentItem, PostItem, PostRequest

T = TypeVar("T")

REFS = [f"row-{n}" for n in range(8)]
LOST = [RowState.SENDING, RowState.UNKNOWN]
ENDS = [
    *(RowState.STORED, RowState.STORED, RowState.STORED),
    *(RowState.PLANNED, RowState.UNDECIDED, RowState.SKIPPED, RowState.REFUSED),
]
UNSENT_ENDS = [RowState.LATE, RowState.REFUSED, RowState.SKIPPED]
REPLACEABLE = {RowState.PLANNED, *UNSENT_ENDS, RowState.UNDECIDED}


def body(refs: tuple[str, ...]) -> PostRequest:
    items = [
        PostItem(
            channel=ChannelRef(id="c1"),
            value=[ContentItem(content=ref * 200)],  # some pages of the file
            settings={"client_ref": ref},
        )
        for ref in refs
    ]
    return PostRequest(type="schedule", date="2027-01-15T09:00:00.001Z", posts=items)


class JournalMachine(RuleBasedStateMachine):
    """The journal beside a model of it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="postiz-async-journal-"))
        self.lives = 0
        self.rows: dict[str, RowRecord] = {}
        self.open: dict[int, tuple[str, ...]] = {}
        self.settled: list[RequestHandle] = []
        self.former: tuple[dict[str, RowRecord], dict[int, tuple[str, ...]]] = ({}, {})
        self.wal_before = 0
        self.is_whole = False
        """Whether the last step was the outcome of a request, which the journal alone tells of."""
        self.posts = 0

    def do(self, work: Coroutine[object, object, T]) -> T:
        self.former = (dict(self.rows), dict(self.open))
        self.wal_before = self.wal_size
        self.is_whole = False
        return self.loop.run(work)  # type: ignore[arg-type]

    @property
    def path(self) -> Path:
        return self.folder / f"life-{self.lives}.journal"

    @property
    def wal(self) -> Path:
        return self.path.with_name(self.path.name + "-wal")

    @property
    def wal_size(self) -> int:
        return self.wal.stat().st_size if self.wal.exists() else 0

    @initialize()
    def begins(self) -> None:
        self.journal = self._opened()
        self.put(REFS[:5], 1)

    def _opened(self) -> Journal:
        opening = Journal.open(self.path, campaign="c.csv", base_url="http://postiz.invalid")
        return self.loop.run(opening)

    def teardown(self) -> None:
        self.journal.close()
        self.loop.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def some(self, data: st.DataObject, *states: RowState) -> list[str]:
        fits = [ref for ref, row in self.rows.items() if row.state in states]
        return data.draw(st.lists(st.sampled_from(fits), min_size=1, unique=True)) if fits else []

    # ------------------------------------------------------------------ steps

    @rule(refs=st.lists(st.sampled_from(REFS), unique=True), date=st.integers(1, 9))
    def put_rows(self, refs: list[str], date: int) -> None:
        self.put(refs, date)

    def put(self, refs: list[str], date: int) -> None:
        known = self.loop.run(self.journal.rows())
        new = [
            RowRecord(ref, 2, f"{ref}-{date}", "c1", float(date), version=known[ref].version)
            if ref in known
            else RowRecord(ref, 2, f"{ref}-{date}", "c1", float(date))
            for ref in refs
        ]
        self.do(self.journal.put(row for row in new))  # as a plan gives them, one by one
        for row in new:
            if row.ref not in self.rows or self.rows[row.ref].state in REPLACEABLE:
                request = self.rows[row.ref].request if row.ref in self.rows else None
                self.rows[row.ref] = replace(row, request=request)

    @rule(data=st.data())
    def what_was_read_before_a_change_replaces_nothing(self, data: st.DataObject) -> None:
        """Another host read these rows before they ended."""
        refs = self.some(data, *(state for state in RowState if state is not RowState.PLANNED))
        stale = [replace(self.rows[ref], version=1, fingerprint="old") for ref in refs]
        self.do(self.journal.put(stale))
        assert self.do(self.journal.found(stale)) == []

    @rule(data=st.data())
    def intend(self, data: st.DataObject) -> None:
        refs = tuple(self.some(data, RowState.PLANNED))
        if not refs:
            return
        number = self.do(leaves(self.journal, body(refs), refs)).number
        assert number not in self.open
        self.open[number] = refs
        for ref in refs:
            self.rows[ref] = replace(
                self.rows[ref], state=RowState.SENDING, request=number, note=""
            )

    @rule(data=st.data())
    def what_is_not_planned_is_never_sent(self, data: st.DataObject) -> None:
        refs = self.some(data, *(state for state in RowState if state is not RowState.PLANNED))
        if refs:
            others = self.some(data, RowState.PLANNED)
            with pytest.raises(RowsTakenError) as taken:
                self.do(leaves(self.journal, body((*others, *refs)), (*others, *refs)))
            assert taken.value.rows == {ref: self.rows[ref].state.value for ref in refs}

    def some_open(self, data: st.DataObject) -> RequestHandle:
        return data.draw(st.sampled_from(self.loop.run(open_requests(self.journal, NewPosts()))))

    @rule(data=st.data())
    @precondition(lambda self: self.open)
    def answer_is_lost(self, data: st.DataObject) -> None:
        request = self.some_open(data)
        was = request.record.state
        self.do(is_lost(request, "lost"))
        for ref in request.refs if was == "leaving" else ():
            self.rows[ref] = replace(self.rows[ref], state=RowState.UNKNOWN, note="lost")

    @rule(data=st.data())
    @precondition(lambda self: self.open)
    def settle(self, data: st.DataObject) -> None:
        request = self.some_open(data)
        fates = {ref: data.draw(st.sampled_from(ENDS)) for ref in request.refs}
        stored = {ref: self.new_id() for ref, end in fates.items() if end is RowState.STORED}
        others = {ref: RowEnd(end, "n") for ref, end in fates.items() if ref not in stored}
        before = dict(self.rows), dict(self.open)
        self.do(ends(request, stored, others))
        self.former = before
        self.settled.append(request)
        self.is_whole = True
        del self.open[request.number]
        for ref in request.refs:
            state, note = others.get(ref, RowEnd(RowState.STORED))
            self.rows[ref] = replace(
                self.rows[ref], state=state, note=note, post_id=stored.get(ref)
            )

    @rule(data=st.data())
    @precondition(lambda self: self.settled)
    def settling_twice_changes_nothing(self, data: st.DataObject) -> None:
        """A request that has ended says nothing more of its rows, which may be in another."""
        request = data.draw(st.sampled_from(self.settled))
        twin = RequestHandle(self.journal, NewPosts(), request._name)
        twin.body, twin.refs = request.body, request.refs
        twin.number, twin.version, twin.record = request.number, request.version, request.record
        with pytest.raises(OvertakenError):
            self.do(ends(twin, dict.fromkeys(twin.refs, self.new_id())))

    def new_id(self) -> str:
        self.posts += 1
        return f"cm{self.posts}"

    @rule(data=st.data(), state=st.sampled_from(UNSENT_ENDS))
    def turn_away(self, data: st.DataObject, state: RowState) -> None:
        refs = self.some(data, RowState.PLANNED)
        self.do(self.journal.turn_away(NewPosts(), refs, RowEnd(state, "why")))
        for ref in refs:
            self.rows[ref] = replace(self.rows[ref], state=state, note="why")

    @rule(data=st.data(), state=st.sampled_from([RowState.PLANNED, RowState.LATE]))
    def none_is_turned_away_that_left(self, data: st.DataObject, state: RowState) -> None:
        refs = self.some(data, *(each for each in RowState if each is not RowState.PLANNED))
        self.do(self.journal.turn_away(NewPosts(), refs, RowEnd(state, "wrong")))

    @rule(data=st.data(), date=st.integers(10, 19))
    def shift(self, data: st.DataObject, date: int) -> None:
        refs = self.some(data, RowState.PLANNED)
        self.do(self.journal.shift(refs, float(date), "late"))
        for ref in refs:
            row = self.rows[ref]
            wanted = row.seconds if row.asked_seconds is None else row.asked_seconds
            self.rows[ref] = replace(
                row,
                seconds=float(date),
                asked_seconds=wanted if wanted != date else None,
                finding=Finding.SHIFTED,
                remark="late",
            )

    @rule(data=st.data())
    def adopted_by_a_sweep(self, data: st.DataObject) -> None:
        refs = self.some(data, RowState.UNDECIDED)
        known = self.loop.run(self.journal.rows())
        found = [replace(known[ref], state=RowState.STORED, post_id=self.new_id()) for ref in refs]
        assert self.do(self.journal.found(found)) == found
        self.rows |= {row.ref: row for row in found}

    # ------------------------------------------------------------------ crashes

    @rule()
    def crash(self) -> None:
        """The process is gone: what is on the disk is all that the next one has."""
        self._reborn(None)

    @rule(share=st.floats(0, 1, exclude_max=True))
    def crash_in_the_middle_of_a_step(self, share: float) -> None:
        """The last transaction is on the disk in part: it is as if it had never been."""
        size = self.wal_size
        if size > self.wal_before:
            self._reborn(self.wal_before + int((size - self.wal_before) * share))
            self.rows, self.open = self.former
            self.settled.clear()

    @rule()
    @precondition(lambda self: self.is_whole)
    def moved_without_what_lies_beside_it(self) -> None:
        """A kill leaves a `-wal` beside the journal; the journal alone tells of each outcome."""
        self._reborn(0)

    def _reborn(self, wal_size: int | None) -> None:
        old, old_wal = self.path, self.wal
        self.lives += 1
        shutil.copy(old, self.path)
        if old_wal.exists():
            self.wal.write_bytes(old_wal.read_bytes()[:wal_size])
        self.journal.close()
        self.journal = self._opened()
        self.wal_before = self.wal_size + 1  # nothing to tear

    async def _read(self) -> tuple[dict[str, RowRecord], list[RequestHandle]]:
        return await self.journal.rows(), await open_requests(self.journal, NewPosts())

    # ------------------------------------------------------------------ what always holds

    @invariant()
    def it_says_what_happened(self) -> None:
        rows, listed = self.loop.run(self._read())
        assert rows == self.rows
        assert {each.number: each.refs for each in listed} == self.open
        assert all(each.body.posts == body(each.refs).posts for each in listed)

    @invariant()
    def each_row_is_in_one_place(self) -> None:
        under_way = [ref for refs in self.open.values() for ref in refs]
        assert len(under_way) == len(set(under_way))
        assert set(under_way) == {ref for ref, row in self.rows.items() if row.state in LOST}
        for row in self.rows.values():
            assert (row.post_id is not None) == (row.state is RowState.STORED)


def test_any_order_of_steps() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        JournalMachine, settings=settings(stateful_step_count=25)
    )


class _Repeated:
    """A place that carries each transaction out twice; the first time is rolled back."""

    def __init__(self, inner: OpenPlace) -> None:
        self.inner = inner
        self.hold = inner.hold

    def do(self, work: Callable[[Tables], T], *, whole: bool = False) -> T:
        def in_vain(t: Tables) -> None:
            work(t)
            raise _InVainError

        with suppress(_InVainError):
            self.inner.do(in_vain)
        return self.inner.do(work, whole=whole)

    def close(self) -> None:
        self.inner.close()


class _InVainError(Exception):
    """The transaction ran into another one."""


class RepeatedJournalMachine(JournalMachine):
    """The journal in a database whose transactions run into others."""

    async def _open(self) -> Journal:
        opened = await Journal.open(self.path, campaign="c.csv", base_url="http://postiz.invalid")
        opened._opened = _Repeated(opened._opened)
        return opened

    def _opened(self) -> Journal:
        return self.loop.run(self._open())


def test_transactions_may_be_repeated() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        RepeatedJournalMachine, settings=settings(stateful_step_count=25, max_examples=10)
    )


class SharedJournalMachine(JournalMachine):
    """The journal in PostgreSQL, which two hosts have open: each step is one of either."""

    def __init__(self) -> None:
        self.database = Place.made()
        super().__init__()

    @property
    def wal_size(self) -> int:
        return 0

    @initialize()
    def begins(self) -> None:
        self.other = self._opened()
        super().begins()

    def _opened(self) -> Journal:
        url, server = self.database.url, "http://postiz.invalid"
        place = journal_at(url, self.database.schema, "c.csv", server)
        return self.loop.run(Journal.open(place, campaign="c.csv", base_url=server))

    def teardown(self) -> None:
        self.other.close()
        super().teardown()

    @rule()
    def the_other_host_goes_on(self) -> None:
        self.journal, self.other = self.other, self.journal

    def _reborn(self, wal_size: int | None) -> None:
        """A database keeps what was written."""
        del wal_size
        self.journal.close()
        self.journal = self._opened()


@pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())
def test_any_order_of_steps_of_two_hosts() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        SharedJournalMachine,
        settings=settings(stateful_step_count=25, max_examples=settings().max_examples // 2),
    )
