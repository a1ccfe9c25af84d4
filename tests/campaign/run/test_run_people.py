"""People in the web page while a job runs, while an answer is looked up, and between two runs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import START, Lab, Watched, at, rows
from spread import spread

from postiz_async import NewPost
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._delivery.outcomes import FOUND_UNSURE, RowState
from postiz_async._sandbox import Fault, StoredPost
from postiz_async.errors import CampaignError

RELEASES = ["HEAD", "v2.23.0", "v2.20.0"]


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def lab(tmp_path: Path, release: str) -> AsyncIterator[Lab]:
    made = Lab(tmp_path, release=release)
    async with made.sandbox:
        yield made


def drag(lab: Lab, content: str, hours: float) -> None:
    """Move a post in the calendar, where dates have no milliseconds."""
    (post,) = (post for post in lab.sandbox.posts if post.content == content)
    then = (post.date + timedelta(hours=hours)).replace(microsecond=0)
    lab.sandbox.change_post(post.id, date=round(then.timestamp() * 1000))


async def lost(lab: Lab, then: Callable[[], None], **options: Any) -> None:
    """Run a campaign whose first answer is lost; a person does something five seconds later."""
    lab.sandbox.faults.add(Fault("drop_answer", route="create_post"))
    running = asyncio.create_task(lab.run(**options))
    await lab.clock.sleep(5)
    assert lab.sandbox.posts
    then()
    await running


async def test_a_post_that_is_dragged_while_it_is_looked_up_is_not_sent_again(
    lab: Lab, channels: list[str], release: str
) -> None:
    records = rows(channels, 6)
    records[5]["content"] = records[4]["content"] = "good morning"  # on two channels
    lab.write(records)
    await lost(lab, lambda: drag(lab, "post 2", hours=100))
    lab.assert_each_once([record["content"] for record in records])
    records_now = {row.number: row for row in read_summary(lab.journal).rows}
    if release == "HEAD":
        assert records_now[3].state is RowState.STORED
        assert records_now[3].finding is Finding.EDITED
    else:
        assert_in_doubt(lab, records_now[3], "post 2")
    assert [row.finding for n, row in records_now.items() if n != 3] == [Finding.NOTHING] * 5


def assert_in_doubt(lab: Lab, row: RowRecord, content: str) -> None:
    """Servers before that list no marks: a text proves nothing, but nothing is sent again."""
    (post,) = (post for post in lab.sandbox.posts if post.content == content)
    assert row.state is RowState.UNDECIDED
    assert f"post {post.id}, which has its channel and text, may be it" in row.note


async def test_a_lost_post_and_its_like_of_somebody_else_are_not_taken_for_one(
    lab: Lab, channels: list[str], release: str
) -> None:
    """Nobody hears of the only create, and a person makes an equal post on another day."""
    lab.write(rows(channels, 1))
    lab.sandbox.faults.add(Fault("reset", route="create_post"))
    async with lab.client() as person:
        running = asyncio.create_task(lab.run())
        await lab.clock.sleep(5)
        assert not lab.sandbox.posts
        await person.posts.schedule(NewPost(channels[0], "post 0"), at=START + timedelta(days=8))
        drag(lab, "post 0", hours=1)  # without the milliseconds of a program
        report = await running
    (row,) = report.rows
    if release == "HEAD":
        assert row.state is RowState.STORED
        assert len(lab.sandbox.posts) == 2
    else:
        assert_in_doubt(lab, row, "post 0")


async def test_an_equal_post_of_the_same_second_is_the_row_of_another_host(
    lab: Lab, channels: list[str], release: str
) -> None:
    """Of one that has a journal of its own; where marks are listed they say so."""
    lab.write(rows(channels, 1))
    lab.sandbox.faults.add(Fault("reset", route="create_post"))
    async with lab.client() as other:
        running = asyncio.create_task(lab.run())
        await lab.clock.sleep(5)
        at = datetime.fromisoformat(str(rows(channels, 1)[0]["date"])).replace(microsecond=777_000)
        [made] = await other.posts.schedule(NewPost(channels[0], "post 0"), at=at)
        if release == "HEAD":
            with pytest.raises(CampaignError, match="1 row is in Postiz already"):
                await running
        else:
            (row,) = (await running).rows
            assert (row.state, row.post_id) == (RowState.STORED, made.post_id)
            assert row.note == FOUND_UNSURE
    assert len(lab.sandbox.posts) == 1


async def test_equal_posts_of_other_days_are_not_taken_for_a_lost_one(
    lab: Lab, channels: list[str]
) -> None:
    """Good morning, every day: from another campaign, from people, and from this campaign."""
    morning = [
        {
            "channel": channels[0],
            "date": at(24 * day),
            "content": "good morning",
            "ref": f"{day}",
        }
        for day in range(2, 6)
    ]
    async with lab.client() as person:
        for day in (8, 9):
            await person.posts.schedule(
                NewPost(channels[0], "good morning"), at=START + timedelta(days=day)
            )
    await lab.clock.sleep(600)
    lab.write(morning)
    for _ in range(3):
        lab.sandbox.faults.add(Fault("reset", route="create_post"))
    report = await lab.run()
    assert report.complete
    assert len(lab.sandbox.posts) == 6
    assert len({post.date for post in lab.sandbox.posts}) == 6


async def test_a_channel_that_is_deleted_while_a_post_is_looked_up_gets_nothing_more(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 6))
    now = round(lab.clock.time() * 1000)
    await lost(lab, lambda: lab.sandbox.change_channel(channels[1], deleted_at=now) and None)
    records = read_summary(lab.journal).rows
    states = [row.state for row in records]
    assert states == [RowState.STORED, RowState.UNDECIDED, RowState.STORED] * 2
    assert all("its channel is gone" in row.note for row in records if row.channel == channels[1])
    assert len(lab.sandbox.posts) == 6
    await lab.run()
    assert len(lab.sandbox.posts) == 6


async def test_a_channel_that_is_deleted_while_the_job_runs_is_named(
    lab: Lab, channels: list[str]
) -> None:
    """Postiz takes posts for it all the same, but lists none of them."""
    lab.write(rows(channels, 36))
    lab.clock.call_at(
        lab.clock.monotonic() + 0.5,
        lambda: lab.sandbox.change_channel(channels[1], deleted_at=1),
    )
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        report = await campaign.run()
        assert (await campaign.status()).report.touched == 12
    for row in report.rows:
        is_gone = row.channel == channels[1]
        assert row.state is RowState.STORED
        assert row.finding is (Finding.HIDDEN if is_gone else Finding.NOTHING)
    assert max(lab.contents().values()) == 1


async def test_a_post_that_is_edited_while_it_is_looked_up_is_known_by_its_mark(
    tmp_path: Path,
) -> None:
    """Servers that list settings only; with others nothing tells it from a stranger's."""
    lab = Lab(tmp_path)
    async with lab.sandbox:
        lab.write(rows([lab.channel("mastodon"), lab.channel("telegram")], 4))

        def edit() -> None:
            post = lab.sandbox.posts[0]
            second = post.date.replace(microsecond=0)
            lab.sandbox.change_post(
                post.id, content="edited", date=round(second.timestamp() * 1000)
            )

        await lost(lab, edit)
        assert (await lab.run()).complete
        lab.assert_each_once(["edited", "post 1", "post 2", "post 3"])


async def test_what_was_dragged_between_a_kill_and_the_next_run_is_found(
    lab: Lab, channels: list[str], release: str
) -> None:
    lab.write(rows(channels, 6))
    lab.sandbox.faults.add(Fault("late_answer", route="create_post", delay=20.0))

    def before_the_answer(_: Watched, die: Callable[[], None]) -> None:
        lab.clock.call_at(lab.clock.monotonic() + 10, die)

    assert await lab.killed(before_the_answer)
    drag(lab, "post 1", hours=-3)
    await lab.clock.sleep(3_600)
    report = await lab.run()
    if release == "HEAD":
        assert report.complete
    else:
        assert_in_doubt(lab, report.rows[1], "post 1")
    lab.assert_each_once(f"post {n}" for n in range(6))


class People:
    """Somebody who deletes, drags and edits posts that the job knows as stored."""

    def __init__(self, lab: Lab, rng: random.Random) -> None:
        self.lab = lab
        self.rng = rng
        self.touched: set[str] = set()

    async def work(self) -> None:
        while True:
            await self.lab.clock.sleep(self.rng.choice([1.0, 30.0, 900.0]))
            rows = read_summary(self.lab.journal).rows if self.lab.journal.exists() else ()
            stored = {row.post_id for row in rows} - self.touched
            posts = [post for post in self.lab.sandbox.posts if post.id in stored]
            if posts:
                self._touch(self.rng.choice(posts))

    def _touch(self, post: StoredPost) -> None:
        self.touched.add(post.id)
        match self.rng.choice(["delete", "drag", "edit"]):
            case "delete":
                self.lab.sandbox.change_post(post.id, deleted_at=1, has_job=False)
            case "drag":
                drag(self.lab, post.content, self.rng.choice([-2, 5, 500]))
            case _:
                self.lab.sandbox.change_post(post.id, content=f"{post.content}, edited")


@pytest.mark.parametrize("seed", spread(range(6), every=3))
async def test_nothing_that_people_do_makes_it_send_again(tmp_path: Path, seed: int) -> None:
    """At any time, with kills: each row is there once or was deleted, and all is told."""
    rng = random.Random(seed)  # noqa: S311
    lab = Lab(tmp_path, release=rng.choice(RELEASES), limit=8, work_per_post=0.02)
    people = People(lab, rng)

    def at_some_time(_: Watched, die: Callable[[], None]) -> None:
        lab.clock.call_at(lab.clock.monotonic() + rng.choice([0.3, 5.0, 4_000.0]), die)

    async with lab.sandbox:
        channels = [lab.channel(provider) for provider in ("mastodon", "telegram", "threads")]
        lab.write([row | {"ref": f"r{n}"} for n, row in enumerate(rows(channels, 36))])
        busy = asyncio.create_task(people.work())
        for _ in range(rng.randint(0, 2)):
            await lab.killed(at_some_time)
        await lab.run()
        busy.cancel()
        report = await lab.run()
        assert report.complete
        posts = {post.id: post.content for post in lab.sandbox.posts}
        stems = [content.removesuffix(", edited") for content in posts.values()]
        assert len(stems) == len(set(stems))
        told = {row.post_id for row in report.rows if row.finding is not Finding.NOTHING}
        edited = {post_id for post_id, content in posts.items() if content.endswith("edited")}
        assert people.touched - edited <= told
        assert {row.post_id for row in report.rows} - posts.keys() <= told
