"""Rows without a date: each gets the next free slot of its channel, once, through anything."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import START, at, lists_of
from slots_lab import SlotsLab, nth, slots

from postiz_async import CampaignRow, CampaignStatus
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._sandbox import Fault
from postiz_async.errors import CampaignError, ConfigurationError, InvalidPostError
from postiz_async.models.posts import NewPost


@pytest.fixture
def lab(tmp_path: Path) -> SlotsLab:
    return SlotsLab(tmp_path, limit=300)


async def test_rows_without_a_date_get_the_next_slots_beside_all_that_is_there(
    lab: SlotsLab,
) -> None:
    one, other = lab.channel("telegram"), lab.channel("mastodon")
    async with lab.client() as postiz:
        await postiz.posts.schedule(NewPost(one, "by hand"), at=nth(0))
        await postiz.posts.draft(NewPost(one, "a draft"), at=nth(3) + timedelta(seconds=20))
    dated = {"channel": one, "content": "dated", "date": nth(2).isoformat()}
    lab.write([*slots([one], 2), dated, *slots([one, other], 3, first=2)])
    report = await lab.run()
    assert report.counts["stored"] == 6
    expected = {"slot 0": nth(1), "slot 1": nth(4), "slot 2": nth(5), "slot 3": nth(0)}
    expected |= {"slot 4": nth(6), "dated": nth(2)}
    found = lab.dates()
    assert {text: found[text] for text in expected} == {t: [d] for t, d in expected.items()}
    before = lab.dates()
    report = await lab.run()
    assert (report.complete, lab.dates()) == (True, before)


async def test_a_plan_writes_down_what_it_shows_and_nothing_chooses_again(lab: SlotsLab) -> None:
    channel = lab.channel("telegram")
    lab.write(slots([channel], 4))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.plan()
        assert not campaign.is_resumed
        shown = {row.ref: row.date for row in campaign.rows}
        assert lab.chosen() == shown
        assert sorted(shown.values()) == [nth(n) for n in range(4)]
        async with lab.client() as second, lab.campaign(second, slots="daily 3:00") as again:
            await again.plan()
            assert {row.ref: row.date for row in again.rows} == shown
            assert [
                "dates chosen or shifted before stay for 4 rows (1-4)" in str(w)
                for w in again.warnings
            ] == [True]
    lab.write([*slots([channel], 2, first=4), *slots([channel], 4)])
    await lab.run()
    assert lab.dates() == {f"slot {n}": [nth(n)] for n in range(6)}


async def test_a_plan_without_slots_makes_no_journal(lab: SlotsLab) -> None:
    lab.write([{"channel": lab.channel("telegram"), "content": "dated", "date": at(24)}])
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.plan()
    assert not lab.journal.exists()


async def test_a_file_may_lack_the_column_of_dates(lab: SlotsLab, tmp_path: Path) -> None:
    lab.path = tmp_path / "campaign.csv"
    channel = lab.channel("telegram")
    lab.path.write_text(f"channel,content\n{channel},slot 0\n", encoding="utf-8")
    with pytest.raises(CampaignError, match="no column 'date'"):
        await lab.run(slots="")
    await lab.run()
    assert lab.dates() == {"slot 0": [nth(0)]}


async def test_rows_of_a_program_and_slots_by_channel(lab: SlotsLab) -> None:
    lab.channel("telegram", name="Tele"), lab.channel("mastodon", name="Masto")
    rows = [CampaignRow(name, f"slot {n}", at=None) for n, name in enumerate(["Tele", "Masto"] * 2)]
    draft = CampaignRow("Tele", "slot 4", at=None, type="draft", timezone="Asia/Tokyo")
    async with lab.client() as postiz:
        options = {"slots": {"Masto": "fri 8:15; sat 9:00", "default": "9:00"}, "timezone": "UTC"}
        async with postiz.campaign([*rows, draft], journal=lab.journal, **options) as campaign:
            await campaign.plan()
            assert [row.number for row in campaign.chosen] == [1, 2, 3, 4, 5]
            await campaign.run()
            assert campaign.chosen == []
    expected = [START.replace(hour=9), START.replace(hour=8, minute=15), nth(2), nth(2)]
    expected.append(START + timedelta(hours=16))  # 9:00 in Tokyo
    assert lab.dates() == {f"slot {n}": [at] for n, at in enumerate(expected)}


async def test_what_was_chosen_needs_no_slots_later(lab: SlotsLab) -> None:
    lab.write(slots([lab.channel("telegram")], 2))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.plan()
    await lab.run(slots="", timezone=None)
    assert lab.dates() == {"slot 0": [nth(0)], "slot 1": [nth(1)]}


async def test_a_row_that_lost_its_slot_waits_for_slots(lab: SlotsLab) -> None:
    channel = lab.channel("telegram")
    lab.write(slots([channel], 3))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.plan()
        await postiz.posts.schedule(NewPost(channel, "by hand"), at=nth(1))
    report = await lab.run(slots="")
    assert report.counts == {"stored": 2, "planned": 1}
    [row] = [row for row in report.rows if row.note]
    assert "run again with --slots" in row.note
    assert (await lab.run()).counts == {"stored": 3}
    assert lab.dates()["slot 1"] == [nth(3)]


@pytest.mark.parametrize(
    ("record", "options", "said"),
    [
        ({}, {"slots": ""}, "slots="),
        ({}, {"timezone": None}, "time zone"),
        ({"type": "now"}, {}, "is missing"),
        ({"type": " now "}, {}, "is missing"),
        ({"time": "9:00"}, {}, "is missing"),
        ({"timezone": "Berlin"}, {}, "is not a time zone"),
    ],
)
async def test_a_row_that_can_have_no_slot_is_refused(
    lab: SlotsLab, record: dict[str, str], options: dict[str, Any], said: str
) -> None:
    lab.write([{"channel": lab.channel("telegram"), "content": "a", "date": "", **record}])
    async with lab.client() as postiz, lab.campaign(postiz, **options) as campaign:
        [problem] = campaign.problems
        assert said in str(problem)
        with pytest.raises(InvalidPostError):
            await campaign.run()
    assert not lab.sandbox.posts


def test_slots_are_checked_when_the_campaign_is_made(lab: SlotsLab) -> None:
    postiz = lab.client()
    with pytest.raises(ConfigurationError, match="'25:00' at character 7"):
        lab.campaign(postiz, slots="daily 25:00")


async def test_a_slot_that_somebody_took_is_named_and_the_next_one_is_written_down(
    lab: SlotsLab,
) -> None:
    channel = lab.channel("telegram")
    lab.write(slots([channel], 3))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.plan()
        await postiz.posts.schedule(NewPost(channel, "by hand"), at=nth(1))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.plan()
        [warning] = campaign.warnings
        assert (warning.row, warning.where) == (2, "date")
        assert "taken by a post in Postiz" in warning.message
        status = CampaignStatus.read(lab.path, journal=lab.journal).compare()
        assert [row.date for row in status.chosen] == [nth(0), nth(3), nth(2)]
        assert status.warnings == (warning,)
        assert f"from {nth(1):%Y-%m-%d %H:%M} UTC to {nth(3):%Y-%m-%d %H:%M} UTC" in warning.message
        report = await campaign.run()
    expected = {"slot 0": [nth(0)], "slot 1": [nth(3)], "slot 2": [nth(2)], "by hand": [nth(1)]}
    assert lab.dates() == expected
    [row] = [row for row in report.rows if row.remark]
    assert (row.number, str(row.finding)) == (2, "shifted")
    assert "taken by a post in Postiz" in row.remark


async def test_a_slot_that_passed_before_it_was_sent_is_named_and_chosen_again(
    lab: SlotsLab,
) -> None:
    lab.write(slots([lab.channel("telegram")], 2))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.plan()
    await lab.clock.sleep(3 * 3600)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.plan()
        [warning] = campaign.warnings
        assert "its slot passed before it was sent" in warning.message
        await campaign.run()
    assert lab.dates() == {"slot 0": [nth(2)], "slot 1": [nth(1)]}


async def test_a_repeated_post_has_its_minute_in_each_period(lab: SlotsLab) -> None:
    channel = lab.channel("telegram")
    weekly = {"channel": channel, "content": "weekly", "date": nth(0).isoformat(), "repeat_days": 7}
    lab.write([weekly, *slots([channel], 13)])
    async with lab.client() as postiz:
        [post] = await postiz.posts.schedule(NewPost(channel, "by hand"), at=nth(1))
    lab.sandbox.change_post(post.post_id, interval=2)
    await lab.run()
    taken = {nth(0), nth(14), *(nth(n) for n in range(1, 99, 4))}
    free = [nth(n) for n in range(40) if nth(n) not in taken]
    assert [lab.dates()[f"slot {n}"] for n in range(13)] == [[at] for at in free[:13]]
    lab.write([weekly, *slots([channel], 16)])
    await lab.run()
    assert [lab.dates()[f"slot {n}"] for n in range(16)] == [[at] for at in free[:16]]


async def test_a_row_with_a_slot_that_repeats_has_its_minute_in_each_period(lab: SlotsLab) -> None:
    channel = lab.channel("telegram")
    [first] = slots([channel], 1)
    lab.write([first | {"repeat_days": 1}, *slots([channel], 2, first=1)])
    await lab.run()
    assert lab.dates() == {"slot 0": [nth(0)], "slot 1": [nth(1)], "slot 2": [nth(3)]}


async def test_drafts_wait_for_no_slot_that_has_passed(tmp_path: Path) -> None:
    lab = SlotsLab(tmp_path, limit=3)
    channel = lab.channel("telegram")
    drafts = [row | {"type": "draft"} for row in slots([channel], 9)]
    dated = {"channel": channel, "content": "dated", "type": "draft", "date": at(1)}
    lab.write([*drafts, dated])
    quarters = "8:15 8:30 8:45 9:00 9:15 9:30 9:45 10:00 10:15 10:30"
    async with lab.client() as postiz, lab.campaign(postiz, slots=quarters) as campaign:
        async for outcome in campaign.run():
            [post] = [each for each in lab.sandbox.posts if each.id == outcome.post_id]
            assert post.content == "dated" or post.date > lab.now
        report = await campaign.report()
    assert report.counts == {"stored": 10}
    passed = "its slot passed before it was sent"
    assert [row for row in report.rows if passed in row.remark]


async def test_one_look_finds_slots_for_all_rows_whose_slots_passed(tmp_path: Path) -> None:
    lab = SlotsLab(tmp_path, limit=2)
    lab.write(slots([lab.channel("telegram")], 16))
    quarters = " ".join(f"{hour}:{minute:02}" for hour in (8, 9) for minute in range(10, 60, 7))
    async with (
        lab.sandbox,
        lab.client() as postiz,
        lab.campaign(postiz, slots=quarters) as campaign,
    ):
        report = await campaign.run()
    moved = [row for row in report.rows if row.remark]
    assert (report.counts, len(moved) > 9) == ({"stored": 16}, True)
    assert lists_of(lab) < 105, "one with each row that moved"


async def test_why_a_slot_was_chosen_again_is_known_after_a_lost_answer(tmp_path: Path) -> None:
    lab = SlotsLab(tmp_path, limit=2)
    lab.write(slots([lab.channel("telegram")], 12))
    lab.sandbox.faults.add(Fault("reset", route="create_post", times=None, probability=0.4))
    quarters = " ".join(f"{hour}:{minute:02}" for hour in (8, 9) for minute in range(10, 60, 7))
    async with lab.sandbox:
        report = await lab.run(slots=quarters)
    assert report.counts["stored"] > 9
    why = {ref: each.note for ref, each in read_summary(lab.journal).chosen.items() if each.note}
    assert len(why) > 5
    assert {row.ref: row.remark for row in report.rows if row.remark} == why


@pytest.mark.parametrize(
    ("date", "hours", "again", "hint"),
    [
        ("", 30, {"slots": ""}, "slots= gives it another slot"),
        ("today 9:00", 0, {}, "write a time that is to come"),
        ("today 9:00", 24, {}, "counted from the first plan"),
    ],
)
async def test_what_to_do_about_a_chosen_date_that_passed(
    lab: SlotsLab, date: str, hours: float, again: dict[str, Any], hint: str
) -> None:
    lab.write([{"channel": lab.channel("telegram"), "content": "slot 0", "date": date}])
    if hours:
        async with lab.client() as postiz, lab.campaign(postiz) as campaign:
            await campaign.plan()
    await lab.clock.sleep((hours or 3) * 3_600)
    async with lab.client() as postiz, lab.campaign(postiz, **again) as campaign:
        [problem] = campaign.problems
        assert hint in str(problem)
