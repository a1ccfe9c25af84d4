"""The last post of a request whose answer was lost: it may lack its thread or its publishing job.

The server stopped in the middle of storing it, and nobody heard of that.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import Lab, Watched, rows, swept
from journal_lab import ends

from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.purposes import NewPosts, RowEnd
from postiz_async._campaign.journal.requests import open_requests
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._delivery.outcomes import FOUND_UNSURE, RowState
from postiz_async._delivery.repair import UNSEEN_END
from postiz_async._sandbox import Fault

COUNT = 6
TEXTS = [f"post {n}" for n in range(COUNT)]
THREAD = {"thread": ["second", "third"]}


async def stopped_and_killed(lab: Lab, *, hours: float = 24.0, **more: Any) -> None:
    """One request whose last post is half made; its answer reaches nobody."""
    channels = [lab.channel(provider) for provider in ("mastodon", "telegram", "threads")]
    lab.write([row | more for row in rows(channels, COUNT, hours=hours)])
    lab.sandbox.faults.add(Fault("stop", route="create_post", after_items=COUNT - 1, half=True))

    def with_the_answer(transport: Watched, die: Callable[[], None]) -> None:
        def if_it_is_there() -> None:
            if lab.sandbox.creates:
                die()
            else:
                transport.after[len(transport.sent) + 1] = if_it_is_there

        transport.after[len(transport.sent) + 1] = if_it_is_there

    assert await lab.killed(with_the_answer)
    assert {row.state for row in read_summary(lab.journal).rows} == {RowState.SENDING}
    assert len(lab.sandbox.posts) == COUNT


async def publications(lab: Lab) -> Counter[str]:
    """Let all dates pass; how often each post was published."""
    await lab.clock.sleep(100 * 3_600)
    assert lab.sandbox.posts
    notes = lab.sandbox.organization.notifications
    links = Counter(note.link for note in notes)
    return Counter({post.content: links[post.release_url] for post in lab.sandbox.posts})


async def test_a_post_gets_its_job(lab: Lab) -> None:
    await stopped_and_killed(lab)
    assert (await lab.run()).complete
    assert lab.creates == [500]
    assert await publications(lab) == Counter(TEXTS)


async def test_a_thread_is_replaced_when_the_server_has_surely_ended(lab: Lab) -> None:
    await stopped_and_killed(lab, **THREAD)
    began = lab.clock.time()
    assert (await lab.run()).complete
    assert lab.clock.time() - began > 600
    lab.assert_each_once(TEXTS)
    assert {len(post.thread) for post in lab.sandbox.posts} == {2}
    assert await publications(lab) == Counter(TEXTS)


async def look(lab: Lab) -> dict[str, int]:
    """A sweep on demand."""
    async with lab.client() as postiz:
        return await swept(postiz, lab)


async def test_a_sweep_leaves_a_thread_to_the_look_up(lab: Lab) -> None:
    await stopped_and_killed(lab, **THREAD)
    assert await look(lab) == {}
    assert (await lab.run()).complete
    lab.assert_each_once(TEXTS)
    assert {len(post.thread) for post in lab.sandbox.posts} == {2}
    assert await publications(lab) == Counter(TEXTS)


@pytest.mark.parametrize("state", [RowState.UNDECIDED, RowState.PLANNED, RowState.LATE])
async def test_what_turns_up_after_all_gets_its_job_or_a_word(lab: Lab, state: RowState) -> None:
    """A server that is slower than any we know stores what was proved absent."""
    await stopped_and_killed(lab)
    await _given_up(lab, state)
    assert await look(lab) == {"adopted": COUNT}
    assert await publications(lab) == Counter(TEXTS)


async def test_a_thread_that_turns_up_after_all_is_named(lab: Lab) -> None:
    await stopped_and_killed(lab, **THREAD)
    await _given_up(lab, RowState.UNDECIDED)
    assert await look(lab) == {"adopted": COUNT}
    notes = [row.note for row in read_summary(lab.journal).rows]
    assert notes == ["found in Postiz afterwards"] * (COUNT - 1) + [FOUND_UNSURE]


async def _given_up(lab: Lab, state: RowState) -> None:
    """Rows of which nothing was found when they were looked up."""
    url = "http://sandbox.invalid/public/v1"
    async with await Journal.open(lab.journal, campaign=str(lab.path), base_url=url) as journal:
        (request,) = await open_requests(journal, NewPosts())
        await ends(request, {}, dict.fromkeys(request.refs, RowEnd(state)))


async def test_an_old_server_that_cannot_give_it_a_job_is_left_alone(tmp_path: Path) -> None:
    lab = Lab(tmp_path, release="v2.20.0")
    async with lab.sandbox:
        await stopped_and_killed(lab)
        report = await lab.run()
        assert report.complete
        assert [row.note for row in report.rows] == [""] * (COUNT - 1) + [UNSEEN_END]
        lab.assert_each_once(TEXTS)


async def test_an_old_server_that_said_it_failed_gets_the_post_again(tmp_path: Path) -> None:
    lab = Lab(tmp_path, release="v2.20.0")
    async with lab.sandbox:
        channels = [lab.channel(provider) for provider in ("mastodon", "telegram", "threads")]
        lab.write(rows(channels, COUNT))
        lab.sandbox.faults.add(Fault("stop", route="create_post", after_items=2, half=True))
        assert (await lab.run()).complete
        lab.assert_each_once(TEXTS)
        assert await publications(lab) == Counter(TEXTS)


@pytest.mark.parametrize("more", [{}, THREAD])
async def test_what_is_due_soon_is_named_and_left_alone(lab: Lab, more: dict[str, Any]) -> None:
    await stopped_and_killed(lab, hours=0.15, **more)
    report = await lab.run()
    assert report.complete
    assert [row.note for row in report.rows] == [""] * (COUNT - 1) + [UNSEEN_END]
    assert lab.creates == [500]


@pytest.mark.parametrize("more", [{}, THREAD])
@pytest.mark.parametrize("route", ["change_post_status", "delete_post_group"])
@pytest.mark.parametrize("kind", ["reset", "drop_answer", "late_work"])
async def test_it_is_never_mended_when_it_may_be_published_already(
    lab: Lab, kind: str, route: str, more: dict[str, Any]
) -> None:
    """The server is broken until long after the date; a post must not be published twice."""
    await stopped_and_killed(lab, hours=0.5, **more)
    lab.sandbox.faults.add(Fault(kind, route=route, times=None, delay=1.0))  # type: ignore[arg-type]
    report = await lab.run()
    assert report.open == 0
    assert max((await publications(lab)).values()) == 1
    assert max(lab.contents().values()) == 1


async def test_what_somebody_turned_into_a_draft_stays_one(lab: Lab) -> None:
    await stopped_and_killed(lab)
    for post in lab.sandbox.posts:
        lab.sandbox.change_post(post.id, state="DRAFT", has_job=False)
    assert (await lab.run()).complete
    assert {post.state for post in lab.sandbox.posts} == {"DRAFT"}


async def test_a_server_that_is_still_at_work_on_the_thread_is_waited_for(tmp_path: Path) -> None:
    """A thread must not be deleted while its parts are being stored."""
    lab = Lab(tmp_path, work_per_post=20.0)
    async with lab.sandbox:
        channels = [lab.channel("mastodon")]
        lab.write([row | THREAD for row in rows(channels, 2)])

        def soon(_: Watched, die: Callable[[], None]) -> None:
            lab.clock.call_at(lab.clock.monotonic() + 5, die)

        assert await lab.killed(soon)
        assert (await lab.run()).complete
        lab.assert_each_once(TEXTS[:2])
        assert {len(post.thread) for post in lab.sandbox.posts} == {2}


# ------------------------------------------------------------------ repairs that arrive late

SOON = 740.0
"""Seconds until a post is due: its repair may still leave, and a minute after that none may."""


async def test_what_a_killed_run_is_deleting_is_not_called_stored(lab: Lab) -> None:
    def in_the_repair(transport: Watched, die: Callable[[], None]) -> None:
        async def watch() -> None:
            while not any(request.method == "DELETE" for request in transport.sent):
                await lab.clock.sleep(0.5)
            await lab.clock.sleep(0.5)
            die()

        watching.append(asyncio.create_task(watch()))

    watching: list[asyncio.Task[None]] = []
    _half_a_thread(lab)
    assert await lab.killed(in_the_repair)
    await lab.clock.sleep(240)
    report = await lab.run()
    await lab.clock.sleep(1_000)
    assert [row.state for row in report.rows] == [RowState.UNDECIDED]
    assert not lab.sandbox.posts


async def test_nor_is_what_this_run_deleted_while_postiz_was_away(lab: Lab) -> None:
    """The answer to its repair was lost, and when Postiz is back the date is near."""
    _half_a_thread(lab)
    running = asyncio.create_task(lab.run())
    while not any(request.method == "DELETE" for request in lab.transport.sent):
        await lab.clock.sleep(0.5)
    lab.sandbox.faults.add(Fault("reset", times=None))
    await lab.clock.sleep(200)
    lab.sandbox.faults.clear()
    report = await running
    await lab.clock.sleep(1_000)
    assert [row.state for row in report.rows] == [RowState.UNDECIDED]
    assert not lab.sandbox.posts


def _half_a_thread(lab: Lab) -> None:
    """A campaign of one thread: the server stores a half, says so, and deletes it late."""
    lab.write([rows([lab.channel("mastodon")], 1, hours=SOON / 3_600)[0] | THREAD])
    lab.sandbox.faults.add(Fault("stop", route="create_post", after_items=0, half=True))
    lab.sandbox.faults.add(Fault("late_work", route="delete_post_group", delay=400.0))
