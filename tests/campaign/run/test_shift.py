"""Shift: dates move beside the file, once however often the command is killed."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from campaign_lab import Lab, Watched, rows
from spread import spread

from postiz_async import CampaignStatus, ReadOptions
from postiz_async._campaign.campaign import Campaign
from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.state import read_state
from postiz_async._campaign.run.update_plan import UpdateResult
from postiz_async._delivery.outcomes import RowState
from postiz_async._sandbox.faults import Fault
from postiz_async.errors import (
    CampaignChangedError,
    CampaignError,
    ConfigurationError,
    InvalidPostError,
    ScopeError,
)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path, limit=300)


@pytest.fixture
def channels(lab: Lab) -> list[str]:
    return [lab.channel("telegram"), lab.channel("mastodon", name="News")]


async def do(lab: Lab, verb: str, *arguments: object, **options: Any) -> UpdateResult:
    reading = options.pop("reading", None)
    async with lab.client() as postiz, lab.campaign(postiz, reading=reading) as campaign:
        return await getattr(campaign, verb)(*arguments, **options)


def dates(lab: Lab) -> dict[str, datetime]:
    return {post.content: post.date.replace(microsecond=0) for post in lab.sandbox.posts}


def meant(records: list[dict[str, Any]], *, days: float = 0) -> dict[str, datetime]:
    span = timedelta(days=days)
    return {each["content"]: datetime.fromisoformat(each["date"]) + span for each in records}


async def test_dates_move_and_the_file_stays(lab: Lab, channels: list[str]) -> None:
    records = rows(channels, 16)
    lab.write(records[:12])
    await lab.run()
    lab.write(records)
    text, creates = lab.path.read_bytes(), len(lab.creates)
    would = await do(lab, "shift", "1d", dry_run=True)
    assert (len(would.changed), len(would.new), would.requests) == (12, 4, 3)
    assert dates(lab) == meant(records[:12])
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        tried = await campaign.shift("1d", dry_run=True)
        assert {each.names for each in tried.edits.changed} == {frozenset({"date"})}
        assert (campaign.shifted, campaign.unfinished_shift) == ({}, None)
        done = await campaign.shift("1d")
    assert (done.left, done.requests) == ({}, 3)
    assert len(lab.creates) == creates + 4
    assert lab.path.read_bytes() == text
    assert dates(lab) == meant(records, days=1)
    status = CampaignStatus.read(lab.path, journal=lab.journal)
    now = status.compare()
    assert (now.shifted, status.unfinished_shift) == ({timedelta(days=1): [*range(1, 17)]}, None)
    assert not now.edits.is_open
    await do(lab, "shift", timedelta(days=1))  # a second one moves them once more
    await do(lab, "shift", "-12h")
    assert dates(lab) == meant(records, days=1.5)
    assert (await lab.run()).complete
    assert len(lab.sandbox.posts) == 16


async def test_local_times_stay_where_the_clocks_change(tmp_path: Path) -> None:
    lab, zone = Lab(tmp_path, limit=300), ZoneInfo("Europe/Berlin")
    channel = lab.channel("telegram")
    lab.write([{"channel": channel, "date": "2027-03-20 09:00", "content": "spring"}])
    reading = ReadOptions(timezone=zone.key)
    async with lab.client() as postiz, lab.campaign(postiz, reading=reading) as campaign:
        await campaign.run()
    await do(lab, "shift", "2w", reading=reading)
    assert dates(lab)["spring"].astimezone(zone).isoformat() == "2027-04-03T09:00:00+02:00"
    await do(lab, "shift", "-7h", reading=reading)
    assert dates(lab)["spring"].astimezone(zone).isoformat() == "2027-04-03T02:00:00+02:00"


async def test_only_what_is_asked_for_moves(lab: Lab, channels: list[str]) -> None:
    records = rows(channels, 8)
    lab.write(records)
    await lab.run()
    await do(lab, "shift", "1d", rows="2-4,7", channel="News")
    moved = {f"post {n}" for n in (1, 3)}  # rows 2 and 4 are the channel's
    assert dates(lab) == {
        name: date + timedelta(days=name in moved) for name, date in meant(records).items()
    }
    assert (await do(lab, "shift", "1d", rows="3,99", dry_run=True)).left == {"unknown": (99,)}
    with pytest.raises(ConfigurationError, match="not in this campaign"):
        await do(lab, "shift", "1d", rows=[99])
    for wrong in ("0", "soon", "1y", timedelta(0), 3):
        with pytest.raises(ConfigurationError, match="say how far"):
            await do(lab, "shift", wrong)
    lab.write([*records, {"channel": "nowhere", "date": "soon", "content": ""}])
    for verb in ("shift", "resume"):
        with pytest.raises(InvalidPostError):  # as a command says it, before what `by` says
            await do(lab, verb, by="soon")
    far = {"channel": channels[0], "date": "8999-12-31T12:00:00+00:00", "content": "far"}
    lab.write([*records, far])
    with pytest.raises(InvalidPostError, match="too far away"):
        await do(lab, "shift", "1d")


async def test_an_edited_date_in_the_file_wins(lab: Lab, channels: list[str]) -> None:
    records = [each | {"ref": f"r{n}"} for n, each in enumerate(rows(channels, 4))]
    lab.write(records)
    await lab.run()
    await do(lab, "shift", "1d")
    records[0]["date"] = (datetime.fromisoformat(records[0]["date"]) + timedelta(hours=3)).isoformat()  # fmt: skip  # noqa: E501
    lab.write(records)
    await do(lab, "update")
    assert dates(lab) == meant(records, days=1) | meant(records[:1])


async def test_what_cannot_be_moved_keeps_its_date(lab: Lab, channels: list[str]) -> None:
    records = rows(channels, 8, hours=24)
    lab.write(records)
    ids = [str(row.post_id) for row in (await lab.run()).rows]
    lab.sandbox.change_post(ids[0], content="<p>better</p>", group="other")
    done = await do(lab, "shift", "1d")
    assert done.left == {"edited": (1,)}
    assert dates(lab) == meant(records[1:], days=1) | {"<p>better</p>": meant(records)["post 0"]}
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert campaign.shifted == {timedelta(days=1): [*range(2, 9)]}
        assert not campaign.edits.is_open  # so that no update nags about the first
    await lab.clock.sleep(25 * 3600)
    done = await do(lab, "shift", "1d", rows="1-8")
    assert (done.left, len(done.changed)) == ({}, 7)
    await lab.clock.sleep(50 * 3600)
    assert (await do(lab, "shift", "1d")).is_something is False


async def test_a_shift_is_ended_before_another_begins(lab: Lab, channels: list[str]) -> None:
    records = rows(channels, 16)
    lab.write(records)
    await lab.run()
    assert await lab.killed(at_create(1), partial(shift, by="1d"))
    status = CampaignStatus.read(lab.path, journal=lab.journal)
    assert status.unfinished_shift == timedelta(days=1)
    would = await do(lab, "shift", "2w", rows="1", dry_run=True)
    assert 0 < len(would.changed) <= 16
    await do(lab, "shift", "2w", rows="1")  # ends the first one, and says so beforehand
    assert dates(lab) == meant(records, days=1)
    await do(lab, "shift", "2w", rows="1")
    assert dates(lab) == meant(records, days=1) | meant(records[:1], days=15)


async def test_what_was_shown_is_not_done_after_another_shift(
    lab: Lab, channels: list[str]
) -> None:
    records = rows(channels, 4)
    lab.write(records)
    await lab.run()
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.shift("1d", dry_run=True)
        journal = campaign._journal.opened
        assert isinstance(journal, Journal)
        await journal.change_state(await journal.read(read_state))  # as another host does
        with pytest.raises(CampaignChangedError):
            await campaign.shift("1d")
        assert dates(lab) == meant(records)
        await campaign.shift("1d")
    assert dates(lab) == meant(records, days=1)


@pytest.mark.parametrize("seed", spread(range(12), every=3))
async def test_it_is_killed_anywhere_and_moves_once(
    lab: Lab, channels: list[str], seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311
    records = rows(channels, 24, step=3)
    lab.write(records[: dice.choice([12, 24])])
    await lab.run()
    lab.write(records)
    if dice.random() < 0.5:
        kind = dice.choice(["drop_answer", "late_work"])
        lab.sandbox.faults.add(Fault(kind, route="create_post", times=1, delay=100))  # type: ignore[arg-type]
    others = dice.choice([[], ["pause", "resume"], ["update"]])
    for _ in range(4):
        await lab.killed(near(dice), partial(shift, by="1d"))
        for verb in others:
            await lab.killed(near(dice), partial(change, verb=verb))
        if is_over(lab):  # an update ends a shift, too
            break
    if not is_over(lab):
        await do(lab, "shift", "1d")
    await do(lab, "resume")
    await do(lab, "update")
    assert dates(lab) == meant(records, days=1)
    assert len(lab.sandbox.posts) == 24
    assert {post.state for post in lab.sandbox.posts} == {"QUEUE"}
    assert {row.state for row in (await lab.run()).rows} == {RowState.STORED}


async def test_a_campaign_that_was_never_run_says_what_to_do(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 4))
    for verb, given in (("shift", ("1d",)), ("pause", ()), ("resume", ())):
        with pytest.raises(CampaignError, match="has not been run"):
            await do(lab, verb, *given)
    await lab.run()
    async with lab.client(allow=["read", "schedule"]) as postiz, lab.campaign(postiz) as campaign:
        for work in (campaign.pause, campaign.resume, partial(campaign.shift, "1d")):
            with pytest.raises(ScopeError):
                await work()
            await work(dry_run=True)


def is_over(lab: Lab) -> bool:
    status = CampaignStatus.read(lab.path, journal=lab.journal)
    return status.unfinished_shift is None and bool(status.compare().shifted)


async def shift(campaign: Campaign, by: str) -> object:
    return await campaign.shift(by)


async def change(campaign: Campaign, verb: str) -> object:
    return await getattr(campaign, verb)()


def at_create(number: int) -> Callable[[Watched, Callable[[], None]], None]:
    """Dies before the create of this number is sent."""

    def arm(transport: Watched, die: Callable[[], None]) -> None:
        send, count = transport.send, 0

        async def watched(request: Any) -> Any:
            nonlocal count
            count += request.method == "POST"
            if count == number:
                die()
            return await send(request)

        transport.send = watched  # type: ignore[method-assign]

    return arm


def near(dice: random.Random) -> Callable[[Watched, Callable[[], None]], None]:
    """Dies before or after the answer to one of the next requests."""

    def arm(transport: Watched, die: Callable[[], None]) -> None:
        moments = dice.choice([transport.before, transport.after])
        moments[len(transport.sent) + dice.randint(1, 20)] = die

    return arm
