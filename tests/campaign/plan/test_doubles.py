"""Rows that say what another row says on the same channel: in the file and in the journal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import START, WITH_DOUBLES, Lab, Watched, at
from work import counted_calls

from postiz_async.errors import InvalidPostError, Problem


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    made.channel("mastodon", id="c1", name="Our page")
    made.channel("telegram", id="c2")
    made.channel("discord", id="c3")
    async with made.sandbox:
        yield made


def row(hours: float, content: str, channel: str = "c1", **cells: Any) -> dict[str, Any]:
    return {"channel": channel, "date": at(hours), "content": content} | cells


async def checked(
    lab: Lab, records: list[dict[str, Any]], **options: Any
) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    lab.write(records)
    async with lab.client() as postiz, lab.campaign(postiz, **options) as campaign:
        return campaign.problems, campaign.warnings


async def test_a_row_pasted_before_the_first_run_is_refused(lab: Lab) -> None:
    rows = [row(24, "one"), row(25, "other"), row(24, "one")]
    lab.write(rows)
    with pytest.raises(InvalidPostError) as caught:
        await lab.run()
    (problem,) = caught.value.problems
    assert str(problem) == (
        "row 3: says the same as row 1, on the same channel at the same moment (delete one, or "
        "send both with --ignore doubles)"
    )
    assert not lab.sandbox.posts
    report = await lab.run(skip_invalid=True)
    assert report.counts == {"stored": 2}
    assert [problem.row for problem in report.left_out] == [3]
    lab.assert_each_once(["one", "other"])


async def test_a_row_pasted_after_the_run_is_refused(lab: Lab) -> None:
    rows = [row(24, "one"), row(25, "other")]
    lab.write(rows)
    await lab.run()
    lab.write([*rows, row(24, "one"), row(26, "new")])
    for name in ("plan", "run"):
        with pytest.raises(InvalidPostError) as caught:
            async with lab.client() as postiz, lab.campaign(postiz) as campaign:
                await getattr(campaign, name)()
        (problem,) = caught.value.problems
        assert problem.row == 3
        assert problem.message == (
            "says the same as row 1, which was sent already, on the same channel at the same moment"
        )
    lab.assert_each_once(["one", "other"])
    assert (await lab.run(reading=WITH_DOUBLES)).complete
    assert lab.contents() == {"one": 2, "other": 1, "new": 1}


@pytest.mark.parametrize("own_ref", [False, True])
async def test_a_row_pasted_above_the_sent_one_is_the_repetition(
    lab: Lab, *, own_ref: bool
) -> None:
    first = row(24, "one", **({"ref": "a"} if own_ref else {}))
    lab.write([first])
    await lab.run()
    (problem,), _ = await checked(lab, [row(24, "one"), first])
    assert problem.row == (1 if own_ref else 2)
    assert "which was sent already" in problem.message


async def test_a_row_in_doubt_counts_as_sent(lab: Lab) -> None:
    lab.write([row(24, "one")])

    def die_at_the_create(transport: Watched, die: Callable[[], None]) -> None:
        def judge(_: object) -> None:
            die()

        transport.judge = judge

    assert await lab.killed(die_at_the_create)
    (problem,), _ = await checked(lab, [row(24, "one", ref="mine"), row(24, "one")])
    assert problem.row == 1


@pytest.mark.parametrize(
    "cells",
    [
        {"thread": ["and more"]},
        {"type": "draft"},
        {"channel": "c2"},
        {"channel": "c3", "settings": {"channel": "news"}},
    ],
)
async def test_what_is_no_repetition(lab: Lab, cells: dict[str, Any]) -> None:
    rows = [row(24, "one"), row(24, "one", "c3", settings={"channel": "general"})]
    assert await checked(lab, [*rows, row(24, "one", **cells)]) == ((), ())


async def test_a_deleted_or_withdrawn_row_may_be_sent_again(lab: Lab) -> None:
    rows = [row(24, "one", ref="a"), row(25, "other", ref="b")]
    lab.write(rows)
    await lab.run()
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.undo(rows=[1])
    assert await checked(lab, [*rows, row(24, "one", ref="c")]) == ((), ())


async def test_an_edited_row_is_compared_as_it_is_and_as_it_was_sent(lab: Lab) -> None:
    lab.write([row(24, "one", ref="a")])
    await lab.run()
    edited = row(24, "two", ref="a")
    said = ("does in Postiz, on the same channel", "which was sent already, on the same channel")
    for text, expected in zip(("one", "two"), said, strict=True):
        (problem,), _ = await checked(lab, [edited, row(24, text, ref="b")])
        assert problem.row == 2
        assert expected in problem.message
    assert (await checked(lab, [edited, row(24, "three", ref="b")]))[0] == ()
    lab.write([edited, row(24, "one", ref="b")])
    async with lab.client() as postiz, lab.campaign(postiz, skip_invalid=True) as campaign:
        await campaign.run()
    assert (await lab.run()).complete
    lab.assert_each_once(["one", "two"])


async def test_a_row_that_was_moved_in_postiz_is_compared_where_it_is(lab: Lab) -> None:
    sent = row(24, "one", ref="a")
    lab.write([sent])
    (first,) = (await lab.run()).rows
    assert first.post_id is not None
    lab.sandbox.change_post(
        first.post_id, date=int((START + timedelta(hours=27)).timestamp() * 1_000)
    )
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.status()
    (problem,), _ = await checked(lab, [sent, row(27, "one", ref="b")])
    assert problem.row == 2


async def test_an_update_stores_no_row_twice(lab: Lab) -> None:
    rows = [row(24, "one", ref="a"), row(24, "two", ref="b")]
    lab.write(rows)
    await lab.run()
    lab.write([rows[0], row(24, "one", ref="b")])
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        with pytest.raises(InvalidPostError, match="says the same as row 1, which was sent"):
            await campaign.run()
    lab.write([row(24, "two", ref="a"), row(24, "one", ref="b")])  # they change places
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert len((await campaign.run()).changes.changed) == 2
    lab.assert_each_once(["one", "two"])


async def test_the_same_text_within_a_day_is_a_warning(lab: Lab) -> None:
    rows = [row(24, "one"), row(30, "one"), row(53.9, "one", "c2"), row(54, "one")]
    problems, warnings = await checked(lab, rows)
    assert problems == ()
    (warning,) = warnings
    assert str(warning) == (
        "row 2: has the same text as row 1, 6 h earlier on the same channel (delete one if it is "
        "a mistake; --ignore doubles)"
    )
    assert await checked(lab, rows, reading=WITH_DOUBLES) == ((), ())
    await lab.run()
    _, (warning,) = await checked(lab, [*rows, row(23, "one")])
    assert warning.row == 5
    assert warning.message == "has the same text as row 1, 1 h later on the same channel"
    many = [row(24 + hours, "often") for hours in range(8)]
    _, warnings = await checked(lab, [*rows, *many])
    assert {warning.message for warning in warnings} == {
        "has the same text as another row within a day on the same channel"
    }
    assert [warning.row for warning in warnings] == [*range(6, 13)]


async def test_many_rows_are_compared_with_little_work(lab: Lab) -> None:
    """All of one text at one moment, and of one text an hour apart: no pairs are made."""
    calls: list[int] = []
    for count in (100, 100, 400):  # the first fills caches
        once = [row(24, "one", ref=f"a{n}") for n in range(count)]
        often = [row(25 + n, "often", ref=f"b{n}") for n in range(count)]
        with counted_calls() as counted:
            problems, warnings = await checked(lab, [*once, *often])
        assert (len(problems), len(warnings)) == (count - 1, count - 1)
        calls.append(counted.count)
    assert calls[2] <= 5 * calls[1]
