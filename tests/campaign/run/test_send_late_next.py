"""Rows that leave late, on a server that refuses dates in the past."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from campaign_lab import START, Lab, at, counted, rows

from postiz_async.testing import Fault, StoredPost

MINUTES = 1 / 60


@pytest.fixture(params=["HEAD", "next"])
async def lab(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    made = Lab(tmp_path, limit=2, release=request.param)
    async with made.sandbox:
        yield made


def written(lab: Lab, *, minutes: float = 5) -> list[dict[str, object]]:
    """Six rows of as many requests, of which two leave in time."""
    channel = lab.channel("mastodon")
    records = rows([channel], 12, hours=minutes * MINUTES, step=MINUTES)[::2]
    lab.write(records)
    return records


def contents(records: list[dict[str, object]]) -> list[str]:
    return [str(record["content"]) for record in records]


def sent_at(post: StoredPost) -> datetime:
    """An id begins with the moment at which it was made."""
    return datetime.fromtimestamp(int(post.id[1:9], 36) / 1000, UTC)


def now(lab: Lab) -> datetime:
    return datetime.fromtimestamp(lab.clock.time(), UTC)


async def test_they_are_sent_and_cost_a_slot_each(lab: Lab) -> None:
    records = written(lab)
    report = await lab.run(late="send")
    assert counted(report) == {"stored": 6}
    lab.assert_each_once(contents(records))
    assert lab.creates == [201] * 6


async def test_they_bear_the_moment_of_sending_and_a_mark(lab: Lab) -> None:
    records = written(lab)
    await lab.run(late="send")
    late = [post for post in lab.sandbox.posts if post.content in contents(records)[2:]]
    assert len(late) == 4
    for post in late:
        assert post.date.microsecond
        assert post.date - START > timedelta(minutes=30)
        assert abs(post.date - sent_at(post)) < timedelta(seconds=5)


async def test_their_lost_answers_are_found_at_that_moment(lab: Lab) -> None:
    records = written(lab)

    def lose_late(_: object) -> None:
        if lab.clock.time() > START.timestamp() + 1_800 and not lab.sandbox.faults.struck:
            lab.sandbox.faults.add(Fault("drop_answer", route="create_post"))

    lab.judge = lose_late
    assert counted(await lab.run(late="send")) == {"stored": 6}
    lab.assert_each_once(contents(records))


async def test_a_killed_run_finds_them_again(lab: Lab) -> None:
    """It dies before the answer to a late one; its date is that which was really sent."""
    records = written(lab)

    def arm(transport: object, die: object) -> None:
        def judge(posts: list[dict[str, object]]) -> None:
            if lab.clock.time() > START.timestamp() + 1_800:
                transport.after[len(transport.sent)] = die  # type: ignore[attr-defined]

        transport.judge = judge  # type: ignore[attr-defined]

    assert await lab.killed(arm, late="send")
    assert counted(await lab.run(late="send")) == {"stored": 6}
    lab.assert_each_once(contents(records))
    assert counted(await lab.run()) == {"stored": 6}


@pytest.mark.parametrize("late", ["send", timedelta(hours=2)])
async def test_another_host_finds_them_though_they_are_not_at_their_date(
    lab: Lab, late: Literal["send"] | timedelta
) -> None:
    records = written(lab)
    lab.sandbox.lock_out(seconds=3_600)
    other = lab.host("other")
    for report in await asyncio.gather(lab.run(), other.run()):
        assert report.counts == {"late": 6}
    await lab.clock.sleep(3 * 86_400)
    for host in (lab, other):
        assert counted(await host.run(late=late)) == {"stored": 6}
    assert lab.contents() == Counter(contents(records))


async def test_a_late_one_that_is_refused_with_429_leaves_with_the_moment_of_its_repetition(
    lab: Lab,
) -> None:
    records = written(lab)
    lab.sandbox.lock_out(seconds=1_200)
    async with lab.client() as postiz, lab.campaign(postiz, late="send") as campaign:
        report = await campaign.run()
    assert counted(report) == {"stored": 6}
    assert lab.contents().total() == 6
    assert set(lab.creates) <= {201, 429}
    assert sorted(lab.contents()) == sorted(contents(records))


async def test_so_does_what_is_for_now(lab: Lab) -> None:
    channel = lab.channel("mastodon")
    records = [
        {"channel": channel, "date": at(24), "type": "now", "content": f"now {n}"} for n in range(2)
    ]
    lab.write(records)
    lab.sandbox.lock_out(seconds=1_200)
    assert counted(await lab.run()) == {"stored": 2}
    assert sorted(lab.contents()) == ["now 0", "now 1"]
    assert set(lab.creates) <= {201, 429}
    for post in lab.sandbox.posts:
        assert now(lab) - post.date < timedelta(hours=1)


async def test_an_update_sends_new_rows_late_too(lab: Lab) -> None:
    channel = lab.channel("mastodon")
    kept = rows([channel], 1, hours=24)
    lab.write(kept)
    await lab.run()
    late = {"channel": channel, "date": at(5 * MINUTES), "content": "new and late"}
    more = {"channel": channel, "date": at(5 * MINUTES + 1), "content": "new"}
    lab.write([*kept, late, more])
    lab.sandbox.lock_out(seconds=1_200)
    async with lab.client() as postiz, lab.campaign(postiz, late="send") as campaign:
        await campaign.run()
    assert set(lab.creates) <= {201, 429}
    assert sorted(lab.contents()) == sorted(["post 0", "new and late", "new"])
