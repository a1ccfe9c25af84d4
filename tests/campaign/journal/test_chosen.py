"""Dates that are chosen beside what the file says: written down once, and no part of a row."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from campaign_lab import START, Lab, at, rows
from journal_lab import leaves

from postiz_async._campaign.journal.chosen import Choices, read_chosen
from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.purposes import RowsTakenError
from postiz_async._campaign.journal.rows import ChosenDate, RowRecord
from postiz_async._campaign.journal.summary import read_summary
from postiz_async.models.posts import PostRequest

BODY = PostRequest(type="schedule", date="2033-01-01T00:00:00.101Z", posts=[])


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path, limit=300)


async def choose(lab: Lab, by: timedelta, *numbers: int) -> None:
    """Choose dates beside those that the file says, as a shift does."""
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:

        def chosen(_: Choices) -> Iterable[ChosenDate]:
            for row in campaign.rows:
                if row.number in numbers:
                    yield ChosenDate(row.ref, row.says, (row.asked_for + by).timestamp())

        await campaign._dates.choose(chosen)


def dates(lab: Lab) -> dict[str, datetime]:
    return {post.content: post.date.replace(microsecond=0) for post in lab.sandbox.posts}


def written(record: dict[str, str]) -> datetime:
    return datetime.fromisoformat(record["date"])


async def test_a_choice_sees_the_earlier_ones_and_takes_their_place(lab: Lab) -> None:
    seen: list[Choices] = []

    def choose(known: Choices, *, seconds: float) -> list[ChosenDate]:
        seen.append(known)
        return [ChosenDate("a", "slot", seconds)]

    async with await Journal.open(lab.journal, campaign="c", base_url="http://s") as journal:
        await journal.choose(lambda known: choose(known, seconds=10.0))
        await journal.put([RowRecord("a", 1, "f", "c1", 10.0)])
        await leaves(journal, BODY, ("a",))
        last = await journal.choose(lambda known: choose(known, seconds=20.5))
        assert last == await journal.read(read_chosen)
    assert seen == [
        Choices({}, frozenset()),
        Choices({"a": ChosenDate("a", "slot", 10.0)}, frozenset({"a"})),
    ]
    assert read_summary(lab.journal).chosen == {"a": ChosenDate("a", "slot", 20.5)}


@pytest.mark.parametrize(
    ("leaving", "may"),
    [
        (ChosenDate("a", "slot", 10.0), True),
        (ChosenDate("a", "slot", 20.0), False),
        (ChosenDate("a", "2033-01-01T00:00:00+00:00", 20.0), True),
    ],
)
async def test_a_row_leaves_only_with_the_date_that_is_written_down(
    lab: Lab, leaving: ChosenDate, *, may: bool
) -> None:
    async with await Journal.open(lab.journal, campaign="c", base_url="http://s") as journal:
        await journal.choose(lambda _: [ChosenDate("a", "slot", 10.0)])
        await journal.put([RowRecord("a", 1, "f", "c1", 10.0)])
        with nullcontext() if may else pytest.raises(RowsTakenError):
            await leaves(journal, BODY, ("a",), dates={"a": leaving})
        [row] = (await journal.rows()).values()
        assert str(row.state) == ("sending" if may else "planned")


async def test_a_row_is_sent_at_the_chosen_date_and_is_still_the_same_row(lab: Lab) -> None:
    records = rows([lab.channel("telegram")], 4)
    lab.write(records)
    day = timedelta(days=1)
    await choose(lab, day, 2)
    report = await lab.run()
    assert report.counts["stored"] == 4
    expected = {r["content"]: written(r) for r in records}
    expected["post 1"] += day
    assert dates(lab) == expected
    other = lab.host("other")  # which knows nothing of the shift, and does not send it again
    async with other.client() as postiz, other.campaign(postiz, existing="adopt") as campaign:
        forecast = await campaign.plan()
        assert (forecast.posts, len(campaign.adopted)) == (0, 4)


async def test_a_new_choice_for_a_stored_row_is_an_edit_that_update_makes(lab: Lab) -> None:
    records = rows([lab.channel("telegram"), lab.channel("mastodon")], 6)
    lab.write(records)
    await lab.run()
    ids = {post.content: post.id for post in lab.sandbox.posts}
    day = timedelta(days=1)
    await choose(lab, day, 3)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        [changed] = campaign.edits.changed
        [field] = changed.fields
        assert (changed.row.number, field.field, changed.sure) == (3, "date", True)
        assert (field.before, field.after) == (written(records[2]), written(records[2]) + day)
        before = len(lab.creates)
        await campaign.update()
        assert len(lab.creates) == before + 1
        assert not campaign.edits.changed
    expected = {r["content"]: written(r) for r in records}
    expected["post 2"] += day
    assert dates(lab) == expected
    assert {post.content: post.id for post in lab.sandbox.posts} == ids
    report = await lab.run()
    assert report.counts["stored"] == 6
    assert len(lab.sandbox.posts) == 6


async def test_the_file_wins_when_it_says_another_date(lab: Lab) -> None:
    [record] = records = rows([lab.channel("telegram")], 1)
    lab.write(records)
    await choose(lab, timedelta(days=1), 1)
    lab.write([record | {"date": at(72)}])
    await lab.run()
    assert dates(lab) == {"post 0": START + timedelta(hours=72)}
