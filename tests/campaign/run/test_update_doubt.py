"""An update, or an undo, of which one answer was lost: only what depends on it waits."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import Lab, Watched, at, rows

from postiz_async import Campaign
from postiz_async.testing import Fault
from postiz_async.types import CampaignChanges, UndoResult

CERTAIN = 720.0
"""Seconds after which absence may be certain."""


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path, limit=30)


@pytest.fixture
def channels(lab: Lab) -> list[str]:
    return [lab.channel("telegram"), lab.channel("mastodon", name="News")]


async def changes(lab: Lab, *, is_run: bool = True, **options: Any) -> CampaignChanges:
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        report = await (
            campaign.run(prune=True, **options) if is_run else campaign.plan(prune=True, **options)
        )
        return report.changes


async def undo(lab: Lab) -> UndoResult:
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        return await campaign.undo()


def elapsed(lab: Lab, since: float) -> float:
    return lab.clock.monotonic() - since


def without_slots(folder: Path) -> tuple[Lab, list[str]]:
    """A server of whose hour nothing is left once four posts are sent."""
    lab = Lab(folder, limit=4)
    return lab, [lab.channel("telegram"), lab.channel("mastodon", name="News")]


async def sent(lab: Lab, channels: list[str]) -> list[dict[str, Any]]:
    """Four posts, the first of them with a thread."""
    records = [
        {"ref": f"r{n}", "channel": channels[0], "date": at(24 + n), "content": f"post {n}"}
        for n in range(4)
    ]
    records[0]["thread"] = ["more"]
    lab.write(records)
    await lab.run()
    return records


def edited(records: list[dict[str, Any]], channels: list[str]) -> list[dict[str, Any]]:
    """The thread is changed, a row is gone, one goes to another channel, and one is new."""
    new = {"ref": "new", "channel": channels[1], "date": at(40), "content": "new"}
    return [
        records[0] | {"content": "post 0!"},
        records[2] | {"channel": channels[1]},
        records[3],
        new,
    ]


ENDED = Counter({"post 0!": 1, "post 2": 1, "post 3": 1, "new": 1})


@pytest.mark.parametrize("kind", ["drop_answer", "reset"])
async def test_only_what_depends_on_a_lost_answer_waits(
    lab: Lab, channels: list[str], kind: Any
) -> None:
    records = await sent(lab, channels)
    lab.write(edited(records, channels))
    lab.sandbox.faults.add(Fault(kind, route="create_post"))
    began = lab.clock.monotonic()
    task = asyncio.create_task(changes(lab))
    await lab.clock.sleep(60)
    assert not task.done()
    there = {(post.content, post.channel_id) for post in lab.sandbox.posts}
    assert ("post 1", channels[0]) not in there
    assert {("post 2", channels[1]), ("new", channels[1])} <= there
    assert ("post 2", channels[0]) not in there
    done = await task
    assert CERTAIN <= elapsed(lab, began) < 1.3 * CERTAIN
    assert done.left == {}
    assert lab.contents() == ENDED
    assert all(post.has_job for post in lab.sandbox.posts)
    assert 400 not in lab.creates  # what else was sent tells that the lost one came to its end
    assert not (await changes(lab, is_run=False)).is_something


async def test_nor_after_a_kill(lab: Lab, channels: list[str]) -> None:
    records = await sent(lab, channels)
    lab.write(edited(records, channels))
    lab.sandbox.faults.add(Fault("reset", route="create_post"))

    def arm(transport: Watched, die: Callable[[], None]) -> None:
        def judge(posts: list[dict[str, Any]]) -> None:
            del posts
            transport.after[len(transport.sent) + 1] = die

        transport.judge = judge

    async def act(campaign: Campaign) -> None:
        await campaign.run(prune=True)

    assert await lab.killed(arm, act)
    began = lab.clock.monotonic()
    task = asyncio.create_task(changes(lab))
    await lab.clock.sleep(60)
    assert not task.done()
    there = {(post.content, post.channel_id) for post in lab.sandbox.posts}
    assert ("post 1", channels[0]) not in there
    assert {("post 2", channels[1]), ("new", channels[1])} <= there
    done = await task
    assert elapsed(lab, began) < 1.3 * CERTAIN
    assert done.left == {}
    assert {row.ref for row in done.changed} == {"r0"}
    assert lab.contents() == ENDED
    assert not (await changes(lab, is_run=False)).is_something


async def test_a_post_is_absent_only_while_its_create_is_on_its_way(tmp_path: Path) -> None:
    """Where no slot is free, what goes to another channel stays until there is one."""
    lab, channels = without_slots(tmp_path)
    records = await sent(lab, channels)
    for place in (0, 1):
        records[place] |= {"channel": channels[1]}
    lab.write(records)
    task = asyncio.create_task(changes(lab))
    for _ in range(30):
        await lab.clock.sleep(100)
        assert lab.contents().total() == 4
        assert not task.done()
    assert (await task).left == {}
    assert lab.contents() == Counter({f"post {n}": 1 for n in range(4)})
    moved = {post.content for post in lab.sandbox.posts if post.channel_id == channels[1]}
    assert moved == {"post 0", "post 1"}


async def test_there_are_never_two(lab: Lab, channels: list[str]) -> None:
    records = await sent(lab, channels)
    records = [record | {"channel": channels[1]} for record in records]
    lab.write(records)
    seen: list[int] = []

    def judge(posts: list[dict[str, Any]]) -> None:
        there = lab.contents()
        seen.extend(there[item["value"][0]["content"]] for item in posts)

    lab.judge = judge
    assert (await changes(lab)).left == {}
    assert seen == [0] * 4
    assert lab.contents() == Counter({f"post {n}": 1 for n in range(4)})


async def test_what_people_edit_while_it_waits_is_neither_deleted_nor_sent(tmp_path: Path) -> None:
    lab, channels = without_slots(tmp_path)
    records = await sent(lab, channels)
    records[1] |= {"channel": channels[1]}
    lab.write(records)
    task = asyncio.create_task(changes(lab))
    await lab.clock.sleep(600)
    (post,) = (post for post in lab.sandbox.posts if post.content == "post 1")
    lab.sandbox.change_post(post.id, content="their words")
    done = await task
    assert done.left == {"edited": (2,)}
    assert done.resent == ()
    assert lab.contents()["their words"] == 1
    assert lab.contents()["post 1"] == 0


async def test_what_becomes_too_late_stays_where_it_is(tmp_path: Path) -> None:
    """Nothing is deleted whose create might come after its date."""
    lab = Lab(tmp_path, limit=1)
    channels = [lab.channel("telegram"), lab.channel("mastodon", name="News")]
    records = [{"ref": "r", "channel": channels[0], "date": at(24), "content": "post"}]
    lab.write(records)
    await lab.run()
    records[0] |= {"channel": channels[1], "date": at(1 + 50 / 3_600)}
    lab.write(records)
    done = await changes(lab)
    assert (done.resent, done.left) == ((), {"no_slot": (1,)})
    assert elapsed(lab, 0) > 3_600
    (post,) = lab.sandbox.posts
    assert post.channel_id == channels[0]


async def test_an_undo_deletes_what_no_answer_is_missing_of(lab: Lab, channels: list[str]) -> None:
    lab.write(rows([channels[0]], 8))
    lab.sandbox.faults.add(Fault("reset", route="create_post"))

    def arm(transport: Watched, die: Callable[[], None]) -> None:
        asyncio.get_running_loop().create_task(_die_later(lab, die))

    assert await lab.killed(arm)
    there = len(lab.sandbox.posts)
    assert there >= 4
    began = lab.clock.monotonic()
    task = asyncio.create_task(undo(lab))
    await lab.clock.sleep(60)
    assert lab.sandbox.posts == ()
    assert not task.done()
    undone = await task
    assert CERTAIN / 2 < elapsed(lab, began) < 1.3 * CERTAIN
    assert len(undone.rows) == there


async def _die_later(lab: Lab, die: Callable[[], None]) -> None:
    await lab.clock.sleep(30)
    die()
