"""Rows with slots on several hosts, through kills, lost answers, late requests and old servers."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from campaign_lab import Lab, somewhere
from slots_lab import SlotsLab, nth, slots
from spread import spread

from postiz_async._campaign.campaign import Campaign
from postiz_async._sandbox import Fault
from postiz_async.errors import CampaignError, PostizError
from postiz_async.models.posts import NewPost

COUNT = 12


@pytest.fixture
def lab(tmp_path: Path) -> SlotsLab:
    return SlotsLab(tmp_path, limit=300)


@pytest.fixture
def channels(lab: Lab) -> list[str]:
    return [lab.channel("telegram"), lab.channel("mastodon")]


def assert_each_once(lab: SlotsLab, count: int = COUNT) -> None:
    """Each row once, and no two posts of a channel in one minute."""
    own = [post for post in lab.sandbox.posts if post.content.startswith("slot ")]
    assert Counter(post.content for post in own) == Counter(f"slot {n}" for n in range(count))
    places = Counter((p.channel_id, lab.minute(p.date)) for p in lab.sandbox.posts)
    assert set(places.values()) == {1}


# ------------------------------------------------------------------ hosts with own journals


async def test_a_host_without_a_journal_finds_its_rows_at_any_slot(
    lab: SlotsLab, channels: list[str]
) -> None:
    """Even after some were published, and while others chose differently."""
    lab.write(slots(channels, COUNT))
    await lab.run()
    before = lab.dates()
    await lab.clock.sleep(40 * 3600)
    other = lab.host("other")
    with pytest.raises(CampaignError, match="12 rows are in Postiz already"):
        await other.run()
    async with other.client() as postiz, other.campaign(postiz, existing="adopt") as campaign:
        forecast = await campaign.plan()
        assert (forecast.posts, len(campaign.adopted)) == (0, COUNT)
        report = await campaign.run()
        assert report.counts["stored"] == COUNT
        assert not campaign.edits.is_open
    assert lab.dates() == before
    assert sorted(other.chosen().values()) == sorted(d for [d] in before.values())


async def test_an_edited_row_is_asked_about_where_the_journal_is_lost(
    lab: SlotsLab, channels: list[str]
) -> None:
    """Its post has the mark of what it said before."""
    records = slots(channels[:1], 3)
    lab.write(records)
    await lab.run()
    records[1]["content"] = "slot 1 corrected"
    lab.write(records)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.update()
        await postiz.posts.schedule(NewPost(channels[0], "slot 9"), at=nth(8))
    lab.write([*records, *slots(channels[:1], 1, first=9)])
    other = lab.host("other")
    with pytest.raises(CampaignError, match=r"3 rows are in Postiz already \(1-3:"):
        await other.run()
    assert (await other.run(existing="adopt")).counts == {"stored": 4}
    by_text = Counter(post.content for post in lab.sandbox.posts)
    assert by_text == Counter(["slot 0", "slot 1 corrected", "slot 2", "slot 9", "slot 9"])


async def test_hosts_that_chose_differently_store_each_row_once(
    lab: SlotsLab, channels: list[str]
) -> None:
    """One planned before somebody took slots, the other after that."""
    lab.write(slots(channels, COUNT))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.plan()
        for number in (0, 1, 5):
            await postiz.posts.schedule(NewPost(channels[0], f"by hand {number}"), at=nth(number))
    other = lab.host("other")
    async with other.client() as postiz, other.campaign(postiz) as campaign:
        await campaign.plan()
    assert lab.chosen() != other.chosen()
    await lab.run()
    await other.run(existing="adopt")
    await lab.run()
    assert_each_once(lab)


@pytest.mark.parametrize("seed", range(4))
async def test_hosts_at_the_same_time_store_each_row_once(
    lab: SlotsLab, channels: list[str], seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311
    lab.write(slots(channels, COUNT))
    if seed % 2:  # their choices differ
        async with lab.client() as postiz, lab.campaign(postiz) as campaign:
            await campaign.plan()
            await postiz.posts.schedule(NewPost(channels[0], "by hand"), at=nth(1))
    other = lab.host("other")

    async def run(host: SlotsLab) -> None:
        await host.clock.sleep(dice.uniform(0.0, 2.0))
        await host.run(existing="adopt")

    async with lab.sandbox:
        await asyncio.gather(run(lab), run(other))
        await asyncio.gather(run(lab), run(other))
    assert_each_once(lab)
    assert {**lab.chosen()} == {**other.chosen()}


@pytest.mark.parametrize("lists", ["v2.23.0"])
async def test_an_old_server_shows_no_marks_so_an_equal_text_is_a_reason_to_ask(
    tmp_path: Path, lists: str
) -> None:
    lab = SlotsLab(tmp_path, limit=300, release=lists)
    channels = [lab.channel("telegram"), lab.channel("mastodon")]
    lab.write(slots(channels, 4))
    await lab.run()
    other = lab.host("other")
    async with lab.client() as postiz:  # so that its own choice would be another
        await postiz.posts.schedule(NewPost(channels[0], "by hand"), at=nth(2))
    for act in ("plan", "run"):
        async with other.client() as postiz, other.campaign(postiz) as campaign:
            with pytest.raises(CampaignError, match="4 rows are in Postiz already"):
                await getattr(campaign, act)()
    report = await other.run(existing="adopt")
    assert report.counts["stored"] == 4
    assert_each_once(lab, 4)
    await lab.run()
    assert_each_once(lab, 4)


# ------------------------------------------------------------------ while a run is at work


async def test_a_slot_that_is_taken_right_before_the_request_leaves(
    lab: SlotsLab, channels: list[str]
) -> None:
    lab.write(slots(channels[:1], 6))

    async def other() -> None:
        async with lab.host("people").client() as postiz:
            await postiz.posts.schedule(NewPost(channels[0], "by hand"), at=nth(4))

    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.plan()
        is_taken = False
        async for outcome in campaign.run():
            assert outcome.state == "stored"
            if not is_taken:
                is_taken = True
                await other()
    assert_each_once(lab, 6)
    assert lab.dates()["by hand"] == [nth(4)]


async def test_a_slot_that_passes_while_the_run_waits_for_the_quota_is_chosen_again(
    tmp_path: Path,
) -> None:
    lab = SlotsLab(tmp_path, limit=3)
    channels = [lab.channel("telegram"), lab.channel("mastodon")]
    lab.write(
        [
            *slots(channels[:1], 12),
            {"channel": channels[1], "content": "dated", "date": nth(1).isoformat()},
        ]
    )
    quarter = "daily " + " ".join(
        f"{hour}:{minute:02}" for hour in range(24) for minute in (0, 15, 30, 45)
    )
    async with lab.client() as postiz, lab.campaign(postiz, slots=quarter) as campaign:
        report = await campaign.run()
        assert report.counts == {"stored": 13}
        assert not campaign.edits.is_open
        moved = [row for row in report.rows if row.remark]
        assert moved
        assert all("its slot passed before it was sent" in row.remark for row in moved)
    assert_each_once(lab, 12)
    assert {each for [each] in lab.dates().values()} > set(lab.chosen().values())


async def test_a_clock_that_jumps_over_slots_moves_what_was_not_sent_alone(
    lab: SlotsLab, channels: list[str]
) -> None:
    lab.write(slots(channels, 6))
    await lab.run()
    stored = lab.dates()
    lab.write(slots(channels, 9))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.plan()
    await lab.clock.sleep(3 * 86_400)
    await lab.run()
    assert {text: d for text, d in lab.dates().items() if text in stored} == stored
    assert_each_once(lab, 9)


def later(lab: SlotsLab, number: int) -> datetime:
    """The n-th slot from now on."""
    return nth(number + 2 * ((lab.now - nth(0)).days + 1))


async def survive(lab: SlotsLab, dice: random.Random, *, kills: int) -> None:
    """Runs, plans and updates on two hosts, which are killed, and people who take slots."""
    channels = [lab.channel("telegram"), lab.channel("mastodon")]
    lab.write(slots(channels, COUNT))
    hosts = [lab, lab.host("other")]
    acts: list[Callable[[Campaign], Awaitable[object]]] = [
        lambda campaign: campaign.run(),
        lambda campaign: campaign.plan(),
        lambda campaign: campaign.update(),
    ]
    for number in range(kills):
        is_dead = False
        with suppress(CampaignError):  # there is no journal to update
            arm, act = somewhere(dice, within=14), dice.choice(acts)
            is_dead = await dice.choice(hosts).killed(arm, act, existing="adopt")
        if not is_dead:  # it is to strike no other
            await lab.clock.sleep(1_000.0)
        if dice.random() < 0.5:
            async with lab.client() as postiz:
                with suppress(PostizError):
                    post = NewPost(dice.choice(channels), f"by hand {number}")
                    await postiz.posts.schedule(post, at=later(lab, dice.randint(0, 12)))
        await lab.clock.sleep(dice.choice([0.0, 1.0, 60.0, 30_000.0]))
    lab.sandbox.faults.clear()
    for host in [*hosts, lab]:
        report = await host.run(existing="adopt")
        await lab.clock.sleep(3_600)
    own = {post.id: post for post in lab.sandbox.posts if post.content.startswith("slot ")}
    assert report.counts == {"stored": COUNT}
    assert {row.post_id for row in report.rows} == own.keys()
    assert Counter(p.content for p in own.values()) == Counter(f"slot {n}" for n in range(COUNT))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert not campaign.edits.is_open
    places = Counter((p.channel_id, lab.minute(p.date)) for p in own.values())
    assert set(places.values()) == {1}


@pytest.mark.parametrize("seed", spread(range(24), every=4))
async def test_kills_and_lost_answers_neither_lose_nor_double_a_row_with_a_slot(
    tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311
    release = dice.choice(["HEAD", "v2.23.0"])
    lab = SlotsLab(
        tmp_path, limit=dice.choice([8, 30]), work_per_post=0.02, seed=seed, release=release
    )
    for fault in (
        Fault("drop_answer", route="create_post", times=None, probability=0.1),
        Fault("reset", route="create_post", times=None, probability=0.05),
        Fault("stop", route="create_post", times=None, probability=0.05, after_items=1, half=True),
        Fault("late_work", route="create_post", times=None, probability=0.05, delay=200.0),
        Fault("reset", route="list_posts", times=None, probability=0.05),
    ):
        lab.sandbox.faults.add(fault)
    async with lab.sandbox:
        await survive(lab, dice, kills=dice.randint(1, 5))


# ------------------------------------------------------------------ edits


async def test_update_changes_a_row_with_a_slot_in_its_place(
    lab: SlotsLab, channels: list[str]
) -> None:
    records = slots(channels, 4)
    lab.write(records)
    await lab.run()
    before, ids = lab.dates(), {post.id for post in lab.sandbox.posts}
    records[1]["content"] = "slot 1 corrected"
    lab.write([*records, *slots(channels, 1, first=4)])
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        [changed] = campaign.edits.changed
        assert changed.names == {"text"}
        chosen = lab.chosen()
        would = await campaign.update(dry_run=True)
        assert (len(would.changed), len(would.new)) == (1, 1)
        assert lab.chosen() == chosen
        shown = {row.number: row.date for row in campaign.rows}
        await campaign.update()
        assert not campaign.edits.is_open
    after = lab.dates()
    assert after.pop("slot 1 corrected") == before.pop("slot 1")
    assert after.pop("slot 4") == [shown[5]] == [nth(2)]
    assert after == before
    assert ids < {post.id for post in lab.sandbox.posts}


async def test_a_date_that_is_written_or_taken_out_later_is_an_edit_of_the_row(
    lab: SlotsLab, channels: list[str]
) -> None:
    records = [record | {"ref": record["content"]} for record in slots(channels[:1], 2)]
    lab.write(records)
    await lab.run()
    records[0]["date"] = nth(9).isoformat()
    lab.write(records)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        [changed] = campaign.edits.changed
        [field] = changed.fields
        assert (field.field, field.before, field.after) == ("date", nth(0), nth(9))
        await campaign.update()
    assert lab.dates() == {"slot 0": [nth(9)], "slot 1": [nth(1)]}
    del records[0]["date"]
    lab.write(records)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.update()
        assert not campaign.edits.is_open
    assert lab.dates() == {"slot 0": [nth(0)], "slot 1": [nth(1)]}


async def test_undone_rows_can_be_sent_again_in_other_slots(
    lab: SlotsLab, channels: list[str]
) -> None:
    lab.write(slots(channels[:1], 2))
    await lab.run()
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.undo()
    await lab.clock.sleep(20 * 3600)
    async with lab.client() as postiz, lab.campaign(postiz, existing="again") as campaign:
        assert sorted(row.date for row in campaign.rows) == [nth(2), nth(3)]
    report = await lab.run(existing="again")
    assert report.counts == {"stored": 2}
    assert sorted(d for [d] in lab.dates().values()) == [nth(2), nth(3)]


async def test_rows_behind_a_month_of_full_slots_are_found_without_a_journal(
    lab: SlotsLab, channels: list[str]
) -> None:
    weekly, first = "mon 9:00", nth(0) + timedelta(days=(0 - nth(0).weekday()) % 7)
    async with lab.client() as postiz:
        for week in range(20):
            at = first + timedelta(weeks=week)
            await postiz.posts.schedule(NewPost(channels[0], f"by hand {week}"), at=at)
    lab.write(slots(channels[:1], 10))
    await lab.run(slots=weekly)
    before = lab.dates()
    with pytest.raises(CampaignError, match="10 rows are in Postiz already"):
        await lab.host("other").run(slots=weekly)
    other = lab.host("third")
    assert (await other.run(slots=weekly, existing="adopt")).counts == {"stored": 10}
    assert other.chosen() == lab.chosen()
    other = lab.host("fourth")
    options = {"slots": weekly, "existing": "adopt"}
    async with other.client() as postiz, other.campaign(postiz, **options) as campaign:
        assert (await campaign.plan()).posts == 0
    assert lab.dates() == before


@pytest.mark.parametrize("act", ["plan", "run"])
async def test_a_date_that_is_taken_out_gets_a_slot_beside_what_is_in_postiz(
    lab: SlotsLab, channels: list[str], act: str
) -> None:
    dated = {"channel": channels[0], "content": "slot 0", "ref": "a", "date": nth(9).isoformat()}
    lab.write([dated])
    await lab.run()
    async with lab.client() as postiz:
        await postiz.posts.schedule(NewPost(channels[0], "by hand"), at=nth(0))
    del dated["date"]
    lab.write([dated])
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await getattr(campaign, act)()
    assert list(lab.chosen().values()) == [nth(1)]


async def test_a_slot_of_before_is_not_taken_from_who_has_it_now(
    lab: SlotsLab, channels: list[str]
) -> None:
    """A row that was in a slot, had a date, and has none again; and one that changes channels."""
    first = {"channel": channels[0], "content": "slot 0", "ref": "a"}
    moving = {"channel": channels[1], "content": "slot 1", "ref": "b"}
    lab.write([first, moving])
    await lab.run()
    lab.write([first | {"date": nth(9).isoformat()}, moving])
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.update()
    other = {"channel": channels[0], "content": "slot 2", "ref": "c"}
    lab.write([first | {"date": nth(9).isoformat()}, moving, other])
    await lab.run()
    assert lab.dates()["slot 2"] == lab.dates()["slot 1"] == [nth(0)]
    lab.write([first, moving | {"channel": channels[0]}, other])
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.update()
        assert not campaign.edits.is_open
    assert_each_once(lab, 3)
    assert lab.dates() == {"slot 0": [nth(1)], "slot 1": [nth(2)], "slot 2": [nth(0)]}
