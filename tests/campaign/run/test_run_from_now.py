"""Dates that count from now are chosen once, and the same on each host.

The lab begins on Friday, 1 January 2027, at 9:00 in Berlin.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import Lab, somewhere
from spread import spread

from postiz_async._campaign.campaign import Campaign
from postiz_async._campaign.read.read_options import ReadOptions
from postiz_async._sandbox import Fault
from postiz_async.errors import CampaignError, InvalidPostError

BERLIN = ReadOptions(timezone="Europe/Berlin")


def row(date: str, content: str = "a", **cells: Any) -> dict[str, Any]:
    return {"channel": "mastodon", "date": date, "content": content, **cells}


def dates(lab: Lab) -> list[datetime]:
    return sorted(post.date.replace(microsecond=0) for post in lab.sandbox.posts)


async def planned(lab: Lab, **options: Any) -> Campaign:
    options = {"reading": BERLIN} | options
    async with lab.client() as postiz, lab.campaign(postiz, **options) as campaign:
        await campaign.plan()
        return campaign


def day(number: int, hour: int) -> datetime:
    """A moment in January, in Berlin."""
    return datetime(2027, 1, number, hour - 1, tzinfo=UTC)


WORDS = [
    row("friday 14:00", "today"),
    row("Freitag 8 Uhr", "in a week"),
    row("next friday 14:00", "next"),
    row("tomorrow 9:00", "tomorrow"),
    row("in 2 Wochen 9:00", "in 2 weeks"),
]
MEANT = [day(1, 14), day(2, 9), day(8, 8), day(8, 14), day(15, 9)]


async def test_words_mean_what_they_mean_when_the_campaign_is_planned(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(WORDS)
    campaign = await planned(lab)
    assert sorted(row.date for row in campaign.rows) == MEANT
    await lab.clock.sleep(2 * 3_600)
    assert sorted(row.date for row in (await planned(lab)).rows) == MEANT
    await lab.clock.sleep(6 * 86_400)  # the choice holds, also when it has passed
    campaign = await planned(lab, skip_invalid=True)
    assert sorted(row.date for row in campaign.rows) == MEANT
    assert [(each.row, each.hint) for each in campaign.problems] == [
        (1, "'friday 14:00' was counted from the first plan; write the date itself"),
        (4, "'tomorrow 09:00' was counted from the first plan; write the date itself"),
    ]


async def test_posts_have_the_dates_that_were_planned(lab: Lab, channels: list[str]) -> None:
    lab.write(WORDS)
    await planned(lab)
    await lab.clock.sleep(3_600)
    report = await lab.run(reading=BERLIN)
    assert report.complete
    assert dates(lab) == MEANT
    lab.write([row(each["date"].upper().replace(" ", "  "), each["content"]) for each in WORDS])
    await lab.clock.sleep(7 * 86_400)
    assert (await lab.run(reading=BERLIN)).complete
    assert not (await planned(lab)).edits.is_open
    assert dates(lab) == MEANT


async def test_a_killed_run_goes_on_with_its_dates(lab: Lab, channels: list[str]) -> None:
    lab.write([row(f"+{n}d 9:00", f"{n}") for n in range(1, 12)])

    def arm(transport: Any, die: Any) -> None:
        transport.after[5] = die

    assert await lab.killed(arm, reading=BERLIN)
    await lab.clock.sleep(86_400 / 2)
    assert (await lab.run(reading=BERLIN)).complete
    assert dates(lab) == [day(1 + n, 9) for n in range(1, 12)]


async def test_another_host_a_week_later_finds_the_posts_of_the_first(
    lab: Lab, channels: list[str]
) -> None:
    lab.write([row("next friday 14:00"), row("tomorrow 9:00", "b")])
    other = lab.host("other")
    assert (await lab.run(reading=BERLIN)).complete
    await lab.clock.sleep(7 * 86_400)
    with pytest.raises(CampaignError, match="2 rows are in Postiz already"):
        await other.run(reading=BERLIN)
    assert (await other.run(reading=BERLIN, existing="adopt")).complete
    assert dates(lab) == [day(2, 9), day(8, 14)]


async def test_other_words_or_another_zone_are_chosen_anew(lab: Lab, channels: list[str]) -> None:
    lab.write([row("tomorrow 9:00")])
    await planned(lab)
    await lab.clock.sleep(86_400)
    lab.write([row("tomorrow 10:00")])
    assert [row.date for row in (await planned(lab)).rows] == [day(3, 10)]
    tokyo = await planned(lab, reading=ReadOptions(timezone="Asia/Tokyo"))
    assert [row.date for row in tokyo.rows] == [datetime(2027, 1, 3, 1, tzinfo=UTC)]


async def test_edited_words_move_the_post(lab: Lab, channels: list[str]) -> None:
    lab.write([row("next friday 14:00", ref="a")])
    assert (await lab.run(reading=BERLIN)).complete
    lab.write([row("next saturday 14:00", ref="a")])
    async with lab.client() as postiz, lab.campaign(postiz, reading=BERLIN) as campaign:
        (change,) = campaign.edits.changed
        assert [each.name for each in change.fields] == ["date"]
        await campaign.update()
    assert dates(lab) == [day(2, 14)]


async def test_slots_leave_the_moments_of_words_alone(lab: Lab, channels: list[str]) -> None:
    lab.write([row("tomorrow 9:00", "words"), {"channel": "mastodon", "content": "slot"}])
    reading = ReadOptions(timezone="Europe/Berlin", slots="sat 9:00; sun 9:00")
    assert (await lab.run(reading=reading)).complete
    assert dates(lab) == [day(2, 9), day(3, 9)]


@pytest.mark.parametrize(
    ("cells", "where", "why"),
    [
        (row("friday"), "date", "has no time"),
        (row("di 9:00"), "date", "'di' may mean Tuesday or Sunday"),
        (row("friday 9:00", time="10:00"), "date", "says the time, and so does its own column"),
        (row("friday", time="abends"), "time", "'abends' is not a time of day"),
        (row("today 8:00"), "date", "2027-01-01 08:00 Europe/Berlin has passed"),
        (row("+86d 2:30"), "date", "2027-03-28 02:30 does not exist in Europe/Berlin"),
        (row("someday 9:00"), "date", "'someday 9:00' is not a date this program reads"),
    ],
)
async def test_what_cannot_be_meant_is_a_problem(
    lab: Lab, channels: list[str], cells: dict[str, Any], where: str, why: str
) -> None:
    lab.write([cells])
    with pytest.raises(InvalidPostError) as refused:
        await planned(lab)
    (found,) = refused.value.problems
    assert (found.where, found.row) == (where, 1)
    assert found.message.startswith(why)


async def test_words_without_a_zone_are_refused(lab: Lab, channels: list[str]) -> None:
    lab.write([row("friday 14:00")])
    with pytest.raises(InvalidPostError, match="has no time zone"):
        await planned(lab, reading=ReadOptions())


async def test_a_time_column_completes_words(lab: Lab, channels: list[str]) -> None:
    lab.write([row("nächsten Montag", time="9 Uhr")])
    assert [row.date for row in (await planned(lab)).rows] == [day(4, 9)]


# ------------------------------------------------------------------ hosts with own journals


@pytest.mark.parametrize("release", ["HEAD", "v2.23.0"])
async def test_hosts_on_different_days_store_each_row_once(tmp_path: Path, release: str) -> None:
    """They count from different days; a server without marks makes the second one ask."""
    lab = Lab(tmp_path, release=release)
    lab.channel("mastodon")
    lab.write([row(f"+{n}d 9:00", f"{n}") for n in range(3, 9)])
    other = lab.host("other")
    await planned(lab)
    await lab.clock.sleep(86_400)
    await planned(other)
    assert (await lab.run(reading=BERLIN)).complete
    with pytest.raises(CampaignError, match="6 rows are in Postiz already"):
        await other.run(reading=BERLIN)
    assert (await other.run(reading=BERLIN, existing="adopt")).complete
    assert (await lab.run(reading=BERLIN)).complete
    assert dates(lab) == [day(1 + n, 9) for n in range(3, 9)]


@pytest.mark.parametrize("seed", spread(range(24), every=4))
async def test_kills_on_two_hosts_neither_lose_nor_double_a_row(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    lab = Lab(tmp_path, limit=8, work_per_post=0.02, seed=seed)
    for fault in (
        Fault("drop_answer", route="create_post", times=None, probability=0.1),
        Fault("reset", route="create_post", times=None, probability=0.05),
        Fault("late_work", route="create_post", times=None, probability=0.05, delay=200.0),
    ):
        lab.sandbox.faults.add(fault)
    lab.channel("mastodon")
    lab.write([row(f"in {n} weeks 9:00", f"{n}") for n in range(1, 9)])
    hosts = [lab, lab.host("other")]
    acts: list[Callable[[Campaign], Awaitable[object]]] = [
        lambda campaign: campaign.run(),
        lambda campaign: campaign.plan(),
    ]
    async with lab.sandbox:
        for _ in range(4):
            arm, act = somewhere(dice, within=14), dice.choice(acts)
            host = dice.choice(hosts)
            if not await host.killed(arm, act, existing="adopt", reading=BERLIN):
                await lab.clock.sleep(1_000.0)  # so that it strikes no other
            await lab.clock.sleep(dice.choice([0.0, 60.0, 86_400.0]))
        lab.sandbox.faults.clear()
        for host in [*hosts, lab]:
            report = await host.run(existing="adopt", reading=BERLIN)
            await lab.clock.sleep(3_600)
    assert report.counts == {"stored": 8}
    lab.assert_each_once(f"{n}" for n in range(1, 9))
