"""Rows that repeat are posts of their own, each stored once, however the row changes."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from campaign_lab import Lab

from postiz_async._campaign.read.read_options import ReadOptions

BERLIN = ReadOptions(timezone="Europe/Berlin")
TIPS: dict[str, Any] = {"channel": "mastodon", "ref": "tips", "content": "a tip"}


def tips(start: str, repeat: str, **cells: Any) -> dict[str, Any]:
    return TIPS | {"date": f"{start} 09:00", "repeat": repeat} | cells


def dates(lab: Lab) -> list[str]:
    zone = ZoneInfo("Europe/Berlin")
    return sorted(f"{post.date.astimezone(zone):%m-%d %H:%M}" for post in lab.sandbox.posts)


async def test_a_series_that_goes_on_stores_only_its_new_posts(
    lab: Lab, channels: list[str]
) -> None:
    lab.write([tips("2027-03-15", "mon until 2027-03-29")])
    assert (await lab.run(reading=BERLIN)).complete
    assert dates(lab) == ["03-15 09:00", "03-22 09:00", "03-29 09:00"]

    lab.write([tips("2027-03-22", "mon 4 times")])  # a later start, a later end
    report = await lab.run(reading=BERLIN)
    assert report.complete
    assert dates(lab) == [
        *["03-15 09:00", "03-22 09:00", "03-29 09:00"],
        "04-05 09:00",
        "04-12 09:00",
    ]


async def test_a_series_is_stored_once_though_its_run_is_killed(
    lab: Lab, channels: list[str]
) -> None:
    lab.write([tips("2027-03-15", "daily 20 times", tags=[], tolerance="15m")])
    for number in (3, 4):

        def arm(transport: Any, die: Any, number: int = number) -> None:
            transport.after[number] = die

        assert await lab.killed(arm, reading=BERLIN)
    assert (await lab.run(reading=BERLIN)).complete
    assert len(lab.sandbox.posts) == len(set(dates(lab))) == 20


async def test_an_edited_series_changes_each_of_its_posts(lab: Lab, channels: list[str]) -> None:
    lab.write([tips("2027-03-15", "mon 3 times")])
    await lab.run(reading=BERLIN)
    lab.write([tips("2027-03-15", "mon 3 times", content="another tip")])
    async with lab.client() as postiz, lab.campaign(postiz, reading=BERLIN) as campaign:
        assert {row: len(each) for row, each in campaign.series.items()} == {1: 3}
        assert [change.row.ref for change in campaign.edits.changed] == [
            f"tips@2027-03-{day}" for day in (15, 22, 29)
        ]
        await campaign.update()
    assert lab.contents() == {"another tip": 3}


async def test_a_series_that_gains_or_loses_a_channel_keeps_its_posts(
    lab: Lab, channels: list[str]
) -> None:
    for channel, count in [("mastodon", 3), ("mastodon, telegram", 6), ("telegram", 6)]:
        lab.write([tips("2027-03-15", "mon 3 times", channel=channel)])
        async with lab.client() as postiz, lab.campaign(postiz, reading=BERLIN) as campaign:
            assert not campaign.edits.changed
            await campaign.run()
        assert len(lab.sandbox.posts) == count


async def test_a_series_without_a_ref_that_is_partly_published_moves_its_posts_to_come(
    lab: Lab, channels: list[str]
) -> None:
    stays = TIPS | {"date": "2027-05-01 09:00", "ref": "", "content": "stays"}
    lab.write([stays, tips("2027-01-02", "daily 20 times", ref="")])
    await lab.run(reading=BERLIN)
    await lab.clock.sleep(8 * 86_400)
    lab.write([stays, tips("2027-01-02", "daily 20 times", ref="", date="2027-01-02 10:00")])
    async with lab.client() as postiz, lab.campaign(postiz, reading=BERLIN) as campaign:
        assert len(campaign.edits.changed) == 12
        assert {(each.row, "has passed" in each.message) for each in campaign.problems} == {
            (2, True)
        }
    lab.write([stays, tips("2027-01-10", "daily 12 times", ref="", date="2027-01-10 10:00")])
    async with lab.client() as postiz, lab.campaign(postiz, reading=BERLIN) as campaign:
        await campaign.update()
    moved = [f"01-{day:02} {9 if day < 10 else 10:02}:00" for day in range(2, 22)]
    assert dates(lab) == [*moved, "05-01 09:00"]


async def test_a_daily_series_over_a_clock_change_does_not_warn_of_itself(
    lab: Lab, channels: list[str]
) -> None:
    lab.write([tips("2027-03-26", "daily 4 times")])  # 23 hours on the 28th
    async with lab.client() as postiz, lab.campaign(postiz, reading=BERLIN) as campaign:
        await campaign.plan()
        assert not campaign.warnings
