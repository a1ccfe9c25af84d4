"""Requests that change posts in a journal: rows stay stored, and become what was sent, or not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from postiz_async._campaign.journal.changes import ChangeJournal
from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._delivery.outcomes import RowState
from postiz_async.errors import BatchError
from postiz_async.models.posts import ContentItem, CreatePost, IntegrationRef, PostItem

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from postiz_async._delivery.outcomes import SentRequest

SERVER = "http://localhost/public/v1"
REFS = ("a", "b", "c")


def body(*refs: str) -> CreatePost:
    posts = [
        PostItem(
            integration=IntegrationRef(id="ch"),
            value=[ContentItem(content=f"new {ref}", id=f"post {ref}")],
            settings={},
        )
        for ref in refs
    ]
    return CreatePost(type="schedule", date="2027-01-15T09:00:00.007Z", posts=posts)


def becoming(ref: str) -> RowRecord:
    return RowRecord(ref, 9, f"new {ref}", "ch", 2_000.0, name="News", said="{}")


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncGenerator[Journal]:
    made = await Journal.open(tmp_path / "c.journal", campaign="c", base_url=SERVER)
    async with made:
        await made.put([RowRecord(ref, n, f"old {ref}", "ch", 1_000.0) for n, ref in
                        enumerate(REFS)])  # fmt: skip
        number = await made.intend(body(*REFS), REFS, 1.0)
        await made.settle(number, stored={ref: f"post {ref}" for ref in REFS}, others={})
        yield made


@pytest.fixture
def heard() -> list[SentRequest]:
    return []


@pytest.fixture
def changes(journal: Journal, heard: list[SentRequest]) -> ChangeJournal:
    return ChangeJournal(journal, {ref: becoming(ref) for ref in REFS}, heard.append)


async def test_what_was_changed_becomes_what_was_sent_and_the_rest_stays(
    journal: Journal, changes: ChangeJournal, heard: list[SentRequest]
) -> None:
    before = await journal.rows()
    number = await changes.intend(body("a", "b"), ("a", "b"), 5.0, date=3_000.0)
    assert await journal.rows() == before
    assert [sent.id for sent in await changes.open_requests()] == [number]
    assert await journal.open_requests() == []
    assert [sent.refs for sent in heard] == [("a", "b")]
    await changes.settle(number, stored={"a": "post a"}, others={"b": (RowState.PLANNED, "")})
    rows = await journal.rows()
    expected = replace(
        becoming("a"),
        state=RowState.STORED,
        request=number,
        post_id="post a",
        date=3_000.0,
        moved_from=2_000.0,
    )
    assert rows == {**before, "a": expected}
    assert await changes.open_requests() == []
    await changes.settle(number, stored={"b": "post b"}, others={})
    assert await journal.rows() == rows, "a second outcome is not believed"


async def test_a_row_is_in_one_open_change_at_most(changes: ChangeJournal) -> None:
    await changes.intend(body("a"), ("a",), 5.0)
    with pytest.raises(BatchError, match="without an answer"):
        await changes.intend(body("b", "a"), ("b", "a"), 6.0)
    await changes.intend(body("b"), ("b",), 7.0)
    assert len(await changes.open_requests()) == 2


@pytest.mark.parametrize("state", [RowState.WITHDRAWN, RowState.PUBLISHED, RowState.PLANNED])
async def test_only_the_post_of_a_stored_row_is_changed(
    journal: Journal, changes: ChangeJournal, state: RowState
) -> None:
    await journal.found([replace((await journal.rows())["a"], state=state)])
    with pytest.raises(BatchError, match=f"Row a is {state.value}, not stored"):
        await changes.intend(body("a"), ("a",), 5.0)


async def test_what_was_refused_is_told_and_stays_stored(
    journal: Journal, changes: ChangeJournal
) -> None:
    await changes.mark(["a"], RowState.REFUSED, "too long")
    await changes.mark(["b"], RowState.UNKNOWN, "its answer was lost")
    rows = await journal.rows()
    assert (rows["a"].state, rows["a"].finding) == (RowState.STORED, Finding.CHANGED)
    assert rows["a"].remark == "the change was not made: too long"
    assert rows["b"].finding is Finding.NOTHING


async def test_a_free_change_costs_no_request(journal: Journal, changes: ChangeJournal) -> None:
    spent = len(await journal.requests(adopted=False))
    number = await changes.intend_freely("a", body("a"), 5.0)
    assert (await journal.rows())["a"].fingerprint != "new a"
    await changes.changed_freely(number, "a", body("a"), 2_000.0)
    rows = await journal.rows()
    assert (rows["a"].fingerprint, rows["a"].post_id) == ("new a", "post a")
    assert len(await journal.requests(adopted=False)) == spent
    assert len(await journal.requests()) == spent + 1
    refused = await changes.intend_freely("b", body("b"), 5.0)
    await changes.not_changed(refused)
    assert len(await journal.requests()) == spent + 1


@given(st.lists(st.tuples(st.sets(st.sampled_from(REFS), min_size=1), st.booleans()), max_size=6))
async def test_rows_are_as_the_last_change_that_was_made(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[set[str], bool]]
) -> None:
    path = tmp_path_factory.mktemp("j") / "c.journal"
    async with await Journal.open(path, campaign="c", base_url=SERVER) as journal:
        await journal.put([RowRecord(ref, 1, "0", "ch", 1_000.0) for ref in REFS])
        first = await journal.intend(body(*REFS), REFS, 1.0)
        await journal.settle(first, stored={ref: f"post {ref}" for ref in REFS}, others={})
        expected = dict.fromkeys(REFS, "0")
        for number, (refs, is_made) in enumerate(steps, start=1):
            news = {ref: replace(becoming(ref), fingerprint=str(number)) for ref in refs}
            changes = ChangeJournal(journal, news, lambda _: None)
            named = tuple(sorted(refs))
            request = await changes.intend(body(*named), named, 1.0)
            stored = {ref: f"post {ref}" for ref in named} if is_made else {}
            await changes.settle(request, stored=stored, others={})
            expected |= dict.fromkeys(stored, str(number))
        rows = await journal.rows()
        assert {ref: row.fingerprint for ref, row in rows.items()} == expected
        assert all(row.state is RowState.STORED for row in rows.values())
        assert await changes_open(journal) == []


async def changes_open(journal: Journal) -> list[SentRequest]:
    return await journal.open_changes()
