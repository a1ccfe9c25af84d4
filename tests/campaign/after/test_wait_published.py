"""Waiting until what was stored is out: published, failed with a reason, or named as stuck."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from campaign_lab import START, Lab, at, rows

from postiz_async._campaign.after.wait_published import WaitResult
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._campaign.run.job import Outcome
from postiz_async._delivery.outcomes import RowState
from postiz_async._sandbox import Fault
from postiz_async.errors import CampaignError


def records(lab: Lab) -> dict[str, RowRecord]:
    return {f"post {row.number - 1}": row for row in read_summary(lab.journal).rows}


def by_content(lab: Lab, content: str) -> str:
    return next(post.id for post in lab.sandbox.posts if post.content == content)


def lists(lab: Lab) -> int:
    return sum("/posts?" in request.url for request in lab.transport.sent)


async def wait(lab: Lab, **options: object) -> WaitResult:
    """A wait of a process of its own."""
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        return await campaign.wait_published(**options)  # type: ignore[arg-type]


async def test_all_are_waited_for_until_they_are_out(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 12))
    seen: list[Outcome] = []
    looks: list[WaitResult] = []

    async def saw(outcome: Outcome) -> None:
        seen.append(outcome)

    async def looked(waited: WaitResult) -> None:
        looks.append(waited)

    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.run()
        before = lists(lab)
        waited = await campaign.wait_published(on_outcome=saw, on_look=looked)
        report = await campaign.report()
    assert waited == looks[-1] == WaitResult(published=12)
    assert waited.is_fine
    assert report.counts == {"published": 12}
    assert (report.complete, report.troubles()) == (True, [])
    assert all(row.link.startswith("https://") for row in report.rows)
    assert {outcome.state for outcome in seen} == {RowState.PUBLISHED}
    last = datetime.fromisoformat(at(25)).timestamp()
    assert looks[0].next_look == START + timedelta(days=1)
    assert looks[0].ends == datetime.fromtimestamp(last + 900, UTC)
    assert last <= lab.clock.time() < last + 60
    assert lists(lab) - before <= 6, "two dates, each looked at once or twice"
    assert ",published," in report.to_csv()
    assert "https://" in report.to_csv()


async def test_a_network_that_refuses_is_named_with_its_reason(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 6))
    await lab.run()
    lab.sandbox.change_channel(channels[1], failure="the token has expired")
    waited = await wait(lab)
    assert waited == WaitResult(published=4, failed=2)
    assert not waited.is_fine
    failed = [row for row in records(lab).values() if row.state is RowState.FAILED]
    assert {row.channel for row in failed} == {channels[1]}
    assert all("the token has expired" in row.note for row in failed)
    report = await lab.run()
    assert report.counts == {"published": 4, "failed": 2}, "a further run sends nothing"
    assert not report.complete
    assert len(report.troubles()) == 2
    assert len(lab.sandbox.posts) == 6


async def test_what_the_server_forgets_is_stuck_and_ends_the_wait(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 6))
    await lab.run()
    post = by_content(lab, "post 2")
    lab.sandbox.change_post(post, has_job=False)
    waited = await wait(lab, patience=timedelta(minutes=5))
    assert waited == WaitResult(published=5, stuck=1)
    stuck = records(lab)["post 2"]
    assert (stuck.state, stuck.finding) == (RowState.STORED, Finding.STUCK)
    assert stuck.remark.startswith("still QUEUE 5 min")
    over = lab.clock.time() - datetime.fromisoformat(at(24)).timestamp()
    assert 300 <= over < 340
    lab.sandbox.change_post(post, state="PUBLISHED")
    assert await wait(lab) == WaitResult(published=6), "a later look finds it"
    after = records(lab)["post 2"]
    assert (after.state, after.finding, after.remark) == (RowState.PUBLISHED, Finding.NOTHING, "")


async def test_what_people_moved_or_deleted(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 6))
    await lab.run()
    there = datetime.fromisoformat(at(100))
    lab.sandbox.change_post(by_content(lab, "post 1"), deleted_at=1)
    async with lab.client() as person:
        posts = {post.content: post for post in await person.posts.list(start=START, end=there)}
        await person.posts.set_status(posts["post 3"].id, "draft")
    lab.sandbox.change_post(by_content(lab, "post 2"), date=round(there.timestamp() * 1000))
    lab.sandbox.change_post(by_content(lab, "post 2"), has_job=False)
    waited = await wait(lab)
    assert waited == WaitResult(published=3, stuck=1, gone=1)
    known = records(lab)
    assert known["post 1"].finding is Finding.DELETED
    assert known["post 2"].seconds == there.timestamp()
    assert known["post 2"].finding is Finding.STUCK, "waited for where it was moved to"
    assert known["post 3"].state is RowState.STORED, "nobody publishes a draft"
    assert lab.clock.time() >= there.timestamp() + 900


async def test_posts_of_a_deleted_channel_are_not_waited_for(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 6))
    await lab.run()
    async with lab.client() as person:
        await person.channels.delete(channels[1])
    assert await wait(lab) == WaitResult(published=4, gone=2)
    hidden = [row for row in records(lab).values() if row.finding is Finding.HIDDEN]
    assert {row.channel for row in hidden} == {channels[1]}
    assert await wait(lab) == WaitResult(published=4, gone=2), "and it is known the next time"


async def test_an_outage_is_waited_out(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 6))
    await lab.run()
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        lab.sandbox.faults.add(Fault("reset", times=20, route="list_posts"))
        assert await campaign.wait_published() == WaitResult(published=6)


async def test_drafts_are_not_waited_for(lab: Lab, channels: list[str]) -> None:
    lab.write([row | {"type": "draft"} for row in rows(channels, 6)])
    await lab.run()
    before = lab.clock.time()
    assert await wait(lab) == WaitResult()
    assert lab.clock.time() - before < 10


async def test_drafts_that_are_scheduled_again_are_waited_for(
    lab: Lab, channels: list[str]
) -> None:
    """By an update of their rows, or after a pause of all posts."""
    sent = rows(channels[:2], 4)
    for kind in ("schedule", "draft", "schedule"):
        lab.write([{**row, "type": kind} for row in sent])
        async with lab.client() as postiz, lab.campaign(postiz) as campaign:
            await campaign.run()
    async with lab.client() as postiz:
        await postiz.stored_posts().pause(lab.folder / "paused.jsonl")
        await lab.run()  # which says that they are drafts
        await postiz.stored_posts().resume(lab.folder / "paused.jsonl")
    lab.sandbox.change_channel(channels[1], failure="no such page")
    assert await wait(lab) == WaitResult(published=2, failed=2)


async def test_an_interrupted_wait_goes_on(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 12))
    await lab.run()
    first = asyncio.Event()

    async def saw(_outcome: Outcome) -> None:
        first.set()

    task = asyncio.create_task(wait(lab, on_outcome=saw))
    await first.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    states = [row.state for row in read_summary(lab.journal).rows]
    assert states.count(RowState.PUBLISHED) == 6
    assert await wait(lab) == WaitResult(published=12)


async def test_a_campaign_that_was_never_run_has_nothing_to_wait_for(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 3))
    with pytest.raises(CampaignError, match="has not been run"):
        await wait(lab)
