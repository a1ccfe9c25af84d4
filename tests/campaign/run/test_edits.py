"""A campaign that changes after it was sent: which row is which, and what is different."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import Lab, at, rows, swept
from hypothesis import given, strategies as st
from msgspec import structs

from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._campaign.read.rows import Row, with_refs
from postiz_async._campaign.run.edits import Edits, find_edits, recognise
from postiz_async._delivery.outcomes import RowState
from postiz_async.errors import CampaignConflictError

NOW = datetime(2027, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HELLO = "Our new opening hours: Monday to Friday from nine to five"


def row(content: str = HELLO, *, channel: str = "a", day: float = 1.0, **more: Any) -> Row:
    date = NOW + day * DAY
    return Row(number=0, ref="", channel=channel, date=date, content=content, **more)


def numbered(given_rows: Iterable[Row]) -> list[Row]:
    return with_refs(
        [structs.replace(each, number=n) for n, each in enumerate(given_rows, start=2)], []
    )


def journal(
    sent: Iterable[Row], state: RowState = RowState.STORED, **more: Any
) -> dict[str, RowRecord]:
    return {
        each.ref: RowRecord(
            each.ref,
            each.number,
            each.fingerprint,
            each.channel,
            each.asked_for.timestamp(),
            state,
            post_id=f"post of {each.ref}",
            name=each.channel,
            said=each.said.write(),
            **more,
        )
        for each in sent
    }


def edits(now_given: Sequence[Row], records: dict[str, RowRecord]) -> Edits:
    known = recognise(now_given, records, channel_of=str, now=NOW)
    return find_edits(known, records, channel_of=str, now=NOW)


def edited(before: Row, after: Row, *others: Row) -> Edits:
    """What is said of a row that became another, beside some that stay."""
    records = journal(numbered([before, *others]))
    return edits(numbered([*others, after]), records)


@pytest.mark.parametrize(
    ("after", "field", "values"),
    [
        (row(day=2), "date", (NOW + DAY, NOW + 2 * DAY)),
        (row(f"{HELLO}!"), "text", (HELLO, f"{HELLO}!")),
        (row(media=("x.png",)), "media", ((), ("x.png",))),
        (row(settings={"title": "T"}), "settings", (None, {"title": "T"})),
        (row(tags=("news",)), "tags", ((), ("news",))),
        (row(type="draft"), "type", ("schedule", "draft")),
        (row(short_link=True), "short_link", (False, True)),
        (row(repeat_days=3), "repeat_days", (None, 3)),
        (row(format="markdown"), "format", ("text", "markdown")),
    ],
)
def test_what_changed_is_named_with_old_beside_new(
    after: Row, field: str, values: tuple[object, object]
) -> None:
    found = edited(row(), after, row("another", day=5))
    (changed,) = found.changed
    (change,) = changed.fields
    assert (change.field, (change.before, change.after)) == (field, values)
    assert (found.new, found.gone) == ((), ())


def test_each_part_of_a_thread_is_named_as_its_column() -> None:
    (changed,) = edited(row(thread=("one", "two")), row(thread=("one", "new", "last"))).changed
    assert changed.names == {"thread"}
    told = [(each.name, each.before, each.after) for each in changed.fields]
    assert told == [("thread 3", "two", "new"), ("thread 4", None, "last")]
    (changed,) = edited(row(thread=("one",)), row(f"{HELLO}!")).changed
    told = [(each.name, each.before, each.after) for each in changed.fields]
    assert told == [("text", HELLO, f"{HELLO}!"), ("thread 2", "one", None)]


def test_a_text_at_the_moment_of_one_that_is_gone_is_its_edit_whatever_it_says() -> None:
    (changed,) = edited(row(), row("zzz 123")).changed
    assert changed.names == {"text"}


def test_of_several_posts_at_one_moment_each_becomes_what_a_row_says() -> None:
    before = numbered([row("stays", tags=("old",)), row("the red house"), row("abc")])
    after = numbered([row("stays", tags=("new",)), row("the blue house"), row("zzz"), row("more")])
    found = edits(after, journal(before))
    pairs = [{change.field for change in each.fields} for each in found.changed]
    assert pairs[0] == {"tags"}
    assert pairs[1:] == [{"text"}, {"text"}]
    assert (len(found.new), found.gone) == (1, ())


@pytest.mark.parametrize(
    "after", [row("other words", day=2), row(channel="b"), row(day=2, channel="b")]
)
def test_a_row_that_shares_only_one_of_channel_moment_and_text_is_another(after: Row) -> None:
    found = edited(row(), after)
    assert (len(found.new), found.changed, len(found.gone)) == (1, (), 1)


def test_one_of_equal_texts_that_moves_keeps_the_others() -> None:
    daily = [row("good morning", day=day) for day in range(1, 8)]
    moved = [*daily[:3], row("good morning", day=3.9), *daily[4:]]
    found = edits(numbered(moved), journal(numbered(daily)))
    (changed,) = found.changed
    assert changed.record.seconds == (NOW + 4 * DAY).timestamp()


def test_of_several_equal_texts_that_move_the_earlier_stays_the_earlier() -> None:
    before = numbered([row("good morning", day=1), row("good morning", day=2)])
    after = numbered([row("good morning", day=3), row("good morning", day=4)])
    found = edits(after, journal(before))
    days = [each.row.date - each.record.at for each in found.changed]
    assert days == [2 * DAY, 2 * DAY]


def test_a_row_that_is_gone_is_named_and_a_further_one_is_new() -> None:
    before = numbered([row(), row("stays", day=2)])
    found = edits(numbered([row("stays", day=2), row("much later", day=9)]), journal(before))
    assert [record.ref for record in found.gone] == [before[0].ref]
    assert [each.content for each in found.new] == ["much later"]


@pytest.mark.parametrize("state", [RowState.PUBLISHED, RowState.FAILED, RowState.REFUSED])
def test_what_is_out_or_was_never_stored_is_no_post_that_could_be_edited(state: RowState) -> None:
    before = numbered([row()])
    found = edits(numbered([row(day=2)]), journal(before, state))
    assert (len(found.new), found.changed, found.gone) == (1, (), ())


@pytest.mark.parametrize("state", [RowState.SENDING, RowState.UNKNOWN, RowState.UNDECIDED])
def test_what_may_be_stored_is_the_same_row_after_its_date(state: RowState) -> None:
    before, after = numbered([row(day=-1)]), numbered([row(day=2)])
    (known,) = recognise(after, journal(before, state), channel_of=str, now=NOW)
    assert known.ref == before[0].ref != after[0].ref


@pytest.mark.parametrize("state", [RowState.STORED, RowState.PUBLISHED])
def test_an_edit_that_was_named_is_none_of_a_new_post_once_it_is_out(state: RowState) -> None:
    before, after = numbered([row(day=-1)]), numbered([row(day=2)])
    out = journal(before, state)
    (other,) = recognise(after, out, channel_of=str, now=NOW)
    assert other.ref == after[0].ref
    named = journal(before, state, finding=Finding.CHANGED)
    (known,) = recognise(after, named, channel_of=str, now=NOW)
    assert known.ref == before[0].ref


def test_rows_that_move_to_where_others_were_are_moved_and_not_edited() -> None:
    """As a whole plan that moves by a day."""
    before = numbered(row(f"words {n}", day=1 + n) for n in range(5))
    after = numbered(row(f"words {n}", day=2 + n) for n in range(5))
    found = edits(after, journal(before))
    assert (found.new, found.gone) == ((), ())
    assert [each.names for each in found.changed] == [{"date"}] * 5


def test_what_is_due_already_is_not_missed() -> None:
    before = numbered([row(day=-1)])
    assert edits(numbered([row(day=30)]), journal(before)).gone == ()


def test_a_draft_of_the_past_is_still_there() -> None:
    before = numbered([row(day=-1, type="draft")])
    assert len(edits(numbered([row("more", day=30)]), journal(before)).gone) == 1


def test_a_row_with_a_ref_of_its_own_is_known_by_it_alone() -> None:
    before = [structs.replace(row(), ref="mine", number=2)]
    after = [structs.replace(row("else", channel="b", day=7), ref="mine", number=9)]
    (changed,) = edits(after, journal(before)).changed
    assert changed.names == {"text", "date", "channel"}
    other = [structs.replace(row(), ref="other", number=2)]
    found = edits(other, journal(before))
    assert (len(found.new), len(found.gone)) == (1, 1)


def test_an_edit_that_was_carried_out_is_known_by_what_was_sent() -> None:
    (before,), (after,) = numbered([row()]), numbered([row(day=2)])
    (record,) = journal([before]).values()
    done = journal([structs.replace(after, ref=record.ref)])
    assert edits([after], done) == Edits()
    assert recognise([after], done, channel_of=str, now=NOW)[0].ref == before.ref


@pytest.mark.parametrize("hours", [1, -1])
@pytest.mark.parametrize("kept", [12, 20, 9])
def test_rows_of_one_text_that_are_partly_published_move_with_their_posts_to_come(
    hours: int, kept: int
) -> None:
    days = [day + 0.5 for day in range(-8, 12)]
    before = numbered(row("a tip", day=day) for day in days)
    out = journal(before[:6], RowState.PUBLISHED) | journal(before[6:8], RowState.UNDECIDED)
    after = numbered(row("a tip", day=day + hours / 24) for day in days[:kept])
    found = edits(after, out | journal(before[8:]))
    to_come = max(0, kept - 8)
    assert len(found.changed) == to_come
    moved = {each.row.date - each.record.at for each in found.changed}
    assert moved == {timedelta(hours=hours)}
    assert all(each.date <= NOW for each in found.new)
    assert len(found.gone) == 12 - to_come


# ------------------------------------------------------------------ properties

TEXTS = st.sampled_from(["good morning", "good morning all", "offer of the day", "x", ""])
DATED = st.builds(
    row,
    TEXTS,
    channel=st.sampled_from("ab"),
    day=st.integers(-1, 4).map(float),
    media=st.sampled_from([(), ("a.png",)]),
)
FILES = st.lists(DATED, max_size=12)


def key(each: Row) -> tuple[object, ...]:
    return each.channel, each.date, each.content, each.media, each.tags


def sent(file: Iterable[Row]) -> dict[str, RowRecord]:
    """What the journal has of a file that was sent."""
    return journal(numbered(file))


@given(FILES, FILES)
def test_each_row_is_in_one_class_and_each_post_has_one_row(
    before: list[Row], after: list[Row]
) -> None:
    records, rows_now = sent(before), numbered(after)
    found = recognise(rows_now, records, channel_of=str, now=NOW)
    refs = [each.ref for each in found]
    assert [each.number for each in found] == [each.number for each in rows_now]
    assert len(set(refs)) == len(refs)
    said = find_edits(found, records, channel_of=str, now=NOW)
    new, changed = {r.ref for r in said.new}, {c.row.ref for c in said.changed}
    gone = {record.ref for record in said.gone}
    same = set(refs) - new - changed
    assert not new & changed
    assert not gone & set(refs)
    assert new == set(refs) - records.keys()
    assert all(
        records[ref].fingerprint == r.fingerprint for r in found for ref in [r.ref] if ref in same
    )


@given(FILES, FILES, st.randoms())
def test_the_order_of_the_file_changes_nothing(
    before: list[Row], after: list[Row], dice: random.Random
) -> None:
    records = sent(before)

    def said(order: list[Row]) -> tuple[object, ...]:
        found = edits(numbered(order), records)
        changed = sorted((repr(key(c.row)), c.record.ref) for c in found.changed)
        new = sorted(repr(key(each)) for each in found.new)
        return new, changed, [record.ref for record in found.gone]

    shuffled = list(after)
    dice.shuffle(shuffled)
    assert said(after) == said(shuffled)


@given(FILES, st.randoms())
def test_a_file_that_did_not_change_has_no_edits(before: list[Row], dice: random.Random) -> None:
    records = sent(before)
    again = list(before)
    dice.shuffle(again)
    assert edits(numbered(again), records) == Edits()


# ------------------------------------------------------------------ in a run


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


async def test_a_run_sends_what_is_new_and_changes_what_differs(lab: Lab) -> None:
    channels = [lab.channel("telegram"), lab.channel("mastodon")]
    records = rows(channels, 6)
    lab.write(records)
    await lab.run()
    edited_rows = [
        records[0] | {"date": at(50)},
        records[1] | {"content": "post 1, corrected"},
        *records[2:5],
        {"channel": channels[0], "date": at(99), "content": "new"},
    ]
    lab.write(edited_rows)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        found = campaign.edits
        assert [sorted(each.names) for each in found.changed] == [["date"], ["text"]]
        assert (len(found.new), len(found.gone)) == (1, 1)
        with pytest.raises(CampaignConflictError):
            await campaign.run()
        lab.assert_each_once([f"post {n}" for n in range(6)])
        changes = (await campaign.run(keep=True)).changes
    assert ([row.number for row in changes.changed], changes.left) == ([1, 2], {})
    texts = ["post 0", "post 1, corrected", *(f"post {n}" for n in range(2, 6)), "new"]
    lab.assert_each_once(texts)


async def test_a_row_whose_text_and_date_were_edited_does_not_come_out_twice(lab: Lab) -> None:
    records = rows([lab.channel("telegram")], 3)
    lab.write(records)
    await lab.run()
    lab.write([records[0] | {"content": "anew", "date": at(50)}, *records[1:]])
    with pytest.raises(CampaignConflictError, match=r"row 1 before.*prune=.*keep=True") as found:
        await lab.run()
    assert found.value.rows == (1,)
    lab.assert_each_once([f"post {n}" for n in range(3)])
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert not campaign.is_done
        await campaign.run(prune=True)
    lab.assert_each_once(["anew", "post 1", "post 2"])


async def test_what_is_kept_is_not_asked_about_again(lab: Lab) -> None:
    records = rows([lab.channel("telegram")], 3)
    lab.write(records)
    await lab.run()
    lab.write(records[1:])
    await lab.run(keep=True)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert campaign.is_done
        assert len(campaign.edits.gone) == 1
    lab.write(records[2:])
    with pytest.raises(CampaignConflictError) as asked:
        await lab.run()
    assert asked.value.rows == (1,)
    lab.assert_each_once([f"post {n}" for n in range(3)])


async def test_a_kept_row_that_came_back_is_asked_about_when_it_goes_again(lab: Lab) -> None:
    records = rows([lab.channel("telegram")], 3)
    lab.write(records)
    await lab.run()
    lab.write(records[1:])
    await lab.run(keep=True)
    lab.write(records)
    await lab.run()
    lab.write(records[1:])
    with pytest.raises(CampaignConflictError):
        await lab.run()


async def test_what_is_due_or_edited_by_people_stops_no_run(lab: Lab) -> None:
    records = rows([lab.channel("telegram")], 3)
    lab.write(records)
    by_number = {row.number: row for row in (await lab.run()).rows}
    edited_by_hand = str(by_number[2].post_id)
    lab.sandbox.change_post(edited_by_hand, content="by hand", group="another")
    async with lab.client() as postiz:
        await swept(postiz, lab)
    await lab.clock.sleep(by_number[1].seconds - lab.clock.time() - 30)
    lab.write([records[2], {**records[2], "content": "new", "date": at(200)}])
    assert (await lab.run()).complete


# ------------------------------------------------------------------ what somebody made a draft


async def drafts(lab: Lab, numbers: Sequence[int], state: str = "DRAFT") -> None:
    for post in lab.sandbox.posts:
        if post.content in {f"post {number}" for number in numbers}:
            lab.sandbox.change_post(post.id, state=state)


async def test_a_run_sends_nothing_beside_drafts_that_somebody_made(lab: Lab) -> None:
    records = rows([lab.channel("telegram"), lab.channel("mastodon")], 8)
    lab.write(records[:6])
    await lab.run()
    await drafts(lab, [1, 3, 5])  # all of one channel
    assert (await lab.run()).counts == {"stored": 6}, "nothing is to be sent"
    lab.write(records)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.plan()
        told = [each.row for each in campaign.warnings if "is a draft" in each.message]
        assert told == [2, 4, 6]
        with pytest.raises(CampaignConflictError, match=r"3 posts .* \(rows 2, 4, 6\)") as asked:
            await campaign.run()
    assert asked.value.rows == (2, 4, 6)
    assert len(lab.sandbox.posts) == 6
    await lab.run(keep=True)
    lab.assert_each_once([f"post {n}" for n in range(8)])
    assert [post.state for post in lab.sandbox.posts].count("DRAFT") == 3


async def test_drafts_that_are_kept_are_asked_about_once_until_they_are_scheduled(lab: Lab) -> None:
    records = rows([lab.channel("telegram")], 6)
    lab.write(records[:3])
    await lab.run()
    await drafts(lab, [0, 2])
    lab.write(records[:4])
    await lab.run(keep=True)
    lab.write(records[:5])
    assert (await lab.run()).complete
    await drafts(lab, [0, 2], "QUEUE")
    lab.write(records)
    assert (await lab.run()).complete
    await drafts(lab, [0])
    lab.write([*records, *rows([records[0]["channel"]], 7)[6:]])
    with pytest.raises(
        CampaignConflictError, match="1 post that was scheduled is a draft"
    ) as asked:
        await lab.run()
    assert asked.value.rows == (1,)


async def test_drafts_that_are_adopted_stop_what_is_new(lab: Lab) -> None:
    """As on another laptop, while everything is paused."""
    records = rows([lab.channel("telegram")], 4)
    lab.write(records[:3])
    await lab.run()
    lab.journal.unlink()
    await drafts(lab, [0, 1, 2])
    lab.write(records)
    with pytest.raises(CampaignConflictError) as asked:
        await lab.run(existing="adopt")
    assert asked.value.rows == (1, 2, 3)
    assert len(lab.sandbox.posts) == 3
    await drafts(lab, [0, 1, 2], "QUEUE")
    assert (await lab.run()).complete
    lab.assert_each_once([f"post {n}" for n in range(4)])


async def test_the_own_drafts_of_a_campaign_stop_nothing(lab: Lab) -> None:
    records = rows([lab.channel("telegram")], 4)
    records[0]["type"] = "draft"
    lab.write(records[:3])
    await lab.run()
    lab.write(records)
    assert (await lab.run()).complete
