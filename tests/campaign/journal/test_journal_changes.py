"""Requests that change posts in a journal: rows stay stored, and become what was sent, or not."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from journal_lab import ends, leaves

from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.purposes import (
    Becomes,
    Changes,
    NewPosts,
    RowEnd,
    RowsTakenError,
)
from postiz_async._campaign.journal.requests import open_requests
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.transitions import OvertakenError
from postiz_async.models.posts import ChannelRef, ContentItem, PostItem, PostRequest

SERVER = "http://localhost/public/v1"
REFS = ("a", "b", "c")


def body(*refs: str) -> PostRequest:
    posts = [
        PostItem(
            channel=ChannelRef(id="ch"),
            value=[ContentItem(content=f"new {ref}", id=f"post {ref}")],
            settings={},
        )
        for ref in refs
    ]
    return PostRequest(type="schedule", date="2027-01-15T09:00:00.007Z", posts=posts)


def becoming(ref: str) -> RowRecord:
    return RowRecord(ref, 9, f"new {ref}", "ch", 2_000.0, name="News", said="{}")


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncGenerator[Journal]:
    made = await Journal.open(tmp_path / "c.journal", campaign="c", base_url=SERVER)
    async with made:
        rows = [RowRecord(ref, n, f"old {ref}", "ch", 1_000.0) for n, ref in enumerate(REFS)]
        await made.put(rows)
        first = await leaves(made, body(*REFS), REFS)
        await ends(first, {ref: f"post {ref}" for ref in REFS})
        yield made


@pytest.fixture
def changes() -> Changes:
    return Changes({ref: becoming(ref) for ref in REFS})


async def test_what_was_changed_becomes_what_was_sent_and_the_rest_stays(
    journal: Journal, changes: Changes
) -> None:
    before = await journal.rows()
    request = await leaves(journal, body("a", "b"), ("a", "b"), purpose=changes, date=3_000.0)
    during = await journal.rows()
    assert during == {
        "a": replace(before["a"], change=request.number),
        "b": replace(before["b"], change=request.number),
        "c": before["c"],
    }
    (kept,) = await open_requests(journal, changes)
    assert (kept.number, kept.refs) == (request.number, ("a", "b"))
    assert await open_requests(journal, NewPosts()) == []
    await ends(kept, {"a": "post a"})
    rows = await journal.rows()
    expected = replace(
        becoming("a"),
        state=RowState.STORED,
        request=request.number,
        post_id="post a",
        seconds=3_000.0,
        asked_seconds=2_000.0,
    )
    assert rows == {**before, "a": expected}
    assert await open_requests(journal, changes) == []
    with pytest.raises(OvertakenError):  # a second outcome is not believed
        await ends(request, {"b": "post b"})
    assert await journal.rows() == rows


async def test_a_row_is_in_one_open_change_at_most(journal: Journal, changes: Changes) -> None:
    await leaves(journal, body("a"), ("a",), purpose=changes)
    with pytest.raises(RowsTakenError, match=r"^row a is stored$"):
        await leaves(journal, body("b", "a"), ("b", "a"), purpose=changes)
    await leaves(journal, body("b"), ("b",), purpose=changes)
    assert len(await open_requests(journal, changes)) == 2


@pytest.mark.parametrize("state", [RowState.WITHDRAWN, RowState.PUBLISHED, RowState.PLANNED])
async def test_only_the_post_of_a_stored_row_is_changed(
    journal: Journal, changes: Changes, state: RowState
) -> None:
    await journal.found([replace((await journal.rows())["a"], state=state)])
    with pytest.raises(RowsTakenError, match=f"row a is {state.value}"):
        await leaves(journal, body("a"), ("a",), purpose=changes)


async def test_what_was_refused_is_told_and_stays_stored(
    journal: Journal, changes: Changes
) -> None:
    await journal.turn_away(changes, ["a"], RowEnd(RowState.REFUSED, "too long"))
    await journal.turn_away(changes, ["b"], RowEnd(RowState.PLANNED, "its channel is paused"))
    rows = await journal.rows()
    assert (rows["a"].state, rows["a"].finding) == (RowState.STORED, Finding.CHANGED)
    assert rows["a"].remark == "the change was not made: too long"
    assert rows["b"].finding is Finding.NOTHING


async def test_a_free_change_costs_no_request(journal: Journal) -> None:
    spent = len(await journal.requests(adopted=False))
    rows = await journal.rows()
    number = await journal.change_freely(rows["a"], "new words", body("a"))
    begun = (await journal.rows())["a"]
    assert (begun.fingerprint, begun.may_say) == (rows["a"].fingerprint, "new words")
    await journal.changed_freely(number, "a", Becomes.of(becoming("a"), 2_000.0), body("a"))
    now = await journal.rows()
    assert (now["a"].fingerprint, now["a"].post_id) == ("new a", "post a")
    assert now["a"].may_say == ""
    assert len(await journal.requests(adopted=False)) == spent
    assert len(await journal.requests()) == spent + 1
    refused = await journal.change_freely(rows["b"], "new words", body("b"))
    await journal.not_changed(refused, "b")
    assert (await journal.rows())["b"].may_say == ""
    assert len(await journal.requests()) == spent + 1


@given(st.lists(st.tuples(st.sets(st.sampled_from(REFS), min_size=1), st.booleans()), max_size=6))
async def test_rows_are_as_the_last_change_that_was_made(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[set[str], bool]]
) -> None:
    path = tmp_path_factory.mktemp("j") / "c.journal"
    async with await Journal.open(path, campaign="c", base_url=SERVER) as journal:
        await journal.put([RowRecord(ref, 1, "0", "ch", 1_000.0) for ref in REFS])
        first = await leaves(journal, body(*REFS), REFS)
        await ends(first, {ref: f"post {ref}" for ref in REFS})
        expected = dict.fromkeys(REFS, "0")
        for number, (refs, is_made) in enumerate(steps, start=1):
            news = {ref: replace(becoming(ref), fingerprint=str(number)) for ref in refs}
            named = tuple(sorted(refs))
            request = await leaves(journal, body(*named), named, purpose=Changes(news))
            stored = {ref: f"post {ref}" for ref in named} if is_made else {}
            await ends(request, stored)
            expected |= dict.fromkeys(stored, str(number))
        rows = await journal.rows()
        assert {ref: row.fingerprint for ref, row in rows.items()} == expected
        assert all(row.state is RowState.STORED and row.change is None for row in rows.values())
        assert await open_requests(journal, Changes()) == []
