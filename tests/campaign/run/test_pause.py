"""Pause and resume: posts become drafts and are scheduled again, and nothing is sent meanwhile."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import Lab, Watched, rows
from spread import spread

from postiz_async import CampaignStatus
from postiz_async._campaign.campaign import Campaign
from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.state import read_state
from postiz_async._campaign.run.job import Outcome
from postiz_async._campaign.run.pause import paused
from postiz_async._campaign.run.update_plan import UpdateResult
from postiz_async._delivery.outcomes import RowState
from postiz_async._sandbox.faults import Fault
from postiz_async.errors import CampaignChangedError, InvalidPostError


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path, limit=300)


@pytest.fixture
def channels(lab: Lab) -> list[str]:
    return [lab.channel("telegram"), lab.channel("mastodon", name="News")]


async def do(lab: Lab, verb: str, *arguments: object, **options: Any) -> UpdateResult:
    skips = options.pop("skip_invalid", False)
    async with lab.client() as postiz, lab.campaign(postiz, skip_invalid=skips) as campaign:
        return await getattr(campaign, verb)(*arguments, **options)


def states(lab: Lab) -> Counter[str]:
    return Counter(post.state for post in lab.sandbox.posts)


def told(lab: Lab) -> list[tuple[object, ...]]:
    """Everything of the posts that a pause and a resumption leave as it was."""
    return sorted(
        (post.id, post.date, post.content, post.state, post.has_job, post.tags)
        for post in lab.sandbox.posts
    )


def edited(lab: Lab, post_id: str, **changes: object) -> None:
    """What the web page does when somebody saves a post: another group, no milliseconds."""
    [post] = [post for post in lab.sandbox.posts if post.id == post_id]
    date = int(post.date.replace(microsecond=0).timestamp() * 1000)
    lab.sandbox.change_post(post_id, **{"date": date, "group": f"new {post_id}", **changes})


# ------------------------------------------------------------------ what happens


async def test_posts_are_drafts_until_it_is_resumed(lab: Lab, channels: list[str]) -> None:
    records = rows(channels, 8)
    records[2]["type"] = "draft"
    lab.write(records)
    await lab.run()
    before, creates = told(lab), len(lab.creates)
    would = await do(lab, "pause", dry_run=True)
    assert (len(would.changed), len(would.free), would.forecast) == (7, 7, None)
    assert told(lab) == before
    done = await do(lab, "pause")
    assert (len(done.changed), done.left) == (7, {})
    assert states(lab) == {"DRAFT": 8}
    assert not any(post.has_job for post in lab.sandbox.posts)
    assert (await do(lab, "pause")).is_something is False
    would = await do(lab, "resume", dry_run=True)
    assert (len(would.changed), would.new, states(lab)) == (7, (), {"DRAFT": 8})
    await do(lab, "resume")
    assert told(lab) == before
    assert len(lab.creates) == creates  # none of it costs a request
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert (campaign.paused_at, campaign.is_held, campaign.is_done) == (None, False, True)
        assert not campaign.edits.is_open


async def test_what_is_not_sent_yet_is_held_back(lab: Lab, channels: list[str]) -> None:
    records = rows(channels, 8)
    lab.write(records[:4])
    await lab.run()
    await do(lab, "pause")
    lab.write(records)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert campaign.paused_at is not None
        assert campaign.requests == []
        assert (await campaign.plan()).requests == 0
        report = await campaign.run()
        assert not campaign.edits.changed  # the pause is no edit of the file
        assert report.counts == {"stored": 4}
    assert states(lab) == {"DRAFT": 4}
    status = CampaignStatus.read(lab.path, journal=lab.journal)
    assert status.paused_at is not None
    assert not status.compare().edits.changed
    done = await do(lab, "resume")
    assert (len(done.changed), len(done.new)) == (4, 4)
    assert states(lab) == {"QUEUE": 8}
    lab.assert_each_once(record["content"] for record in records)


async def test_what_people_changed_is_left_and_reported(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 4))
    ids = [str(row.post_id) for row in (await lab.run()).rows]
    edited(lab, ids[0], content="<p>better</p>")
    async with lab.client() as postiz:
        await postiz.posts.delete(ids[1])
    done = await do(lab, "pause")
    assert done.left == {"edited": (1,), "gone": (2,)}
    assert states(lab) == {"QUEUE": 1, "DRAFT": 2}
    edited(lab, ids[2], content="<p>another</p>")
    done = await do(lab, "resume")
    assert done.left == {"edited": (3,)}
    assert states(lab) == {"QUEUE": 2, "DRAFT": 1}
    assert (await do(lab, "resume", force=True)).left == {}
    assert states(lab) == {"QUEUE": 3}
    assert lab.contents()["<p>another</p>"] == 1
    assert (await do(lab, "resume", force=True)).is_something is False
    assert (await do(lab, "pause", force=True)).left == {"gone": (2,)}
    assert states(lab) == {"DRAFT": 3}
    await do(lab, "resume", force=True)
    assert states(lab) == {"QUEUE": 3}
    assert {"<p>better</p>", "<p>another</p>"} < lab.contents().keys()  # and they stay as they are


async def test_a_draft_that_somebody_made_before_stays_one(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 4))
    ids = [str(row.post_id) for row in (await lab.run()).rows]
    lab.sandbox.change_post(ids[0], state="DRAFT")
    for _ in range(2):
        assert (await do(lab, "pause")).left == {"edited": (1,)}
    assert states(lab) == {"DRAFT": 4}
    assert (await do(lab, "resume")).left == {"edited": (1,)}
    assert states(lab) == {"DRAFT": 1, "QUEUE": 3}


async def test_a_channel_whose_word_names_no_other_is_paused(lab: Lab) -> None:
    channels = ["telegram", "News"]
    lab.channel("telegram", name="One")
    news = lab.channel("mastodon", name="News")
    lab.write(rows(channels, 4))
    await lab.run()
    lab.channel("telegram", name="Two")
    lab.sandbox.change_channel(news, name="Old")
    assert (await do(lab, "pause")).left == {}
    assert states(lab) == {"DRAFT": 4}


async def test_a_post_whose_date_passed_stays_a_draft(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 4, hours=2, step=48))
    await lab.run()
    await do(lab, "pause")
    await lab.clock.sleep(4 * 3600)
    would = await do(lab, "resume", dry_run=True)
    assert (would.left, len(would.changed)) == ({"late": (1, 2, 3, 4)}, 0)
    lab.write(rows(channels, 8, hours=2, step=48))
    await do(lab, "resume")
    assert states(lab) == {"DRAFT": 4, "QUEUE": 4}
    lab.write([*rows(channels, 4, hours=26, step=48), *rows(channels, 8, hours=2, step=48)[4:]])
    assert (await do(lab, "update")).left == {}
    assert states(lab) == {"QUEUE": 8}


@pytest.mark.parametrize("hours", [0, 4])
async def test_a_post_that_was_deleted_does_not_keep_a_resumption_open(
    lab: Lab, channels: list[str], hours: int
) -> None:
    lab.write(rows(channels, 4, hours=2, step=48))
    ids = [str(row.post_id) for row in (await lab.run()).rows]
    await do(lab, "pause")
    async with lab.client() as postiz:
        for post_id in ids[:3]:
            await postiz.posts.delete(post_id)
    edited(lab, ids[3], content="<p>another</p>")
    await lab.clock.sleep(hours * 3600)
    await do(lab, "resume")
    assert CampaignStatus.read(lab.path, journal=lab.journal).is_held  # because of the fourth
    lab.write(rows(channels, 4, hours=26, step=48)[3:])
    await do(lab, "update", force=True)
    await do(lab, "resume", force=True)
    assert states(lab) == {"QUEUE": 1}
    assert not CampaignStatus.read(lab.path, journal=lab.journal).is_held


@pytest.mark.parametrize("hours", [0, 4])
async def test_a_draft_that_somebody_published_does_not_keep_a_resumption_open(
    lab: Lab, channels: list[str], hours: int
) -> None:
    lab.write(rows(channels, 4, hours=2, step=1))
    ids = [str(row.post_id) for row in (await lab.run()).rows]
    await do(lab, "pause")
    lab.sandbox.change_post(ids[0], state="PUBLISHED")
    await lab.clock.sleep(hours * 3600)
    lab.write(rows(channels, 4, hours=26, step=1))
    assert (await do(lab, "update")).left == {"published": (1,)}
    await do(lab, "resume")
    assert states(lab) == {"PUBLISHED": 1, "QUEUE": 3}
    assert not CampaignStatus.read(lab.path, journal=lab.journal).is_held


@pytest.mark.parametrize("number", range(1, 26, 3))
async def test_a_killed_resumption_ends_once(lab: Lab, channels: list[str], number: int) -> None:
    records = rows(channels, 8)
    lab.write(records[:6])
    await lab.run()
    lab.write(records)
    await do(lab, "pause")

    async def later(campaign: Campaign) -> object:
        return await campaign.resume()

    def arm(transport: Watched, die: Callable[[], None]) -> None:
        transport.after[number] = die

    await lab.killed(arm, later)
    await do(lab, "resume")
    lab.assert_each_once(record["content"] for record in records)
    assert states(lab) == {"QUEUE": 8}


async def test_published_posts_and_the_next_ones_are_left(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 8, hours=2, step=1))
    await lab.run()
    await lab.clock.sleep(3 * 3600 - 300)  # four are due in five minutes
    done = await do(lab, "pause")
    assert (done.left, done.changed) == ({"due": (5, 6, 7, 8)}, ())
    assert states(lab) == {"PUBLISHED": 4, "QUEUE": 4}


async def test_what_is_still_to_come_of_passed_rows_is_named(lab: Lab, channels: list[str]) -> None:
    records = rows(channels, 4, hours=2)
    records[0]["repeat_days"] = 7
    lab.write(records)
    ids = [str(row.post_id) for row in (await lab.run()).rows]
    later = datetime.fromisoformat(records[1]["date"]) + timedelta(days=3)
    edited(lab, ids[1], date=int(later.timestamp() * 1000))
    await lab.clock.sleep(4 * 3600)
    for _ in range(2):
        assert (await do(lab, "pause")).left == {"edited": (2,), "repeats": (1,)}
    assert (await do(lab, "pause", force=True)).left == {"repeats": (1,)}
    assert states(lab)["DRAFT"] == 1
    assert (await do(lab, "resume", force=True)).left == {"late": (2,)}


async def test_a_broken_file_does_not_keep_posts_from_being_paused(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 4))
    await lab.run()
    lab.write([*rows(channels, 3), {"channel": "nowhere", "date": "soon", "content": ""}])
    await do(lab, "pause")
    assert states(lab) == {"DRAFT": 4}
    with pytest.raises(InvalidPostError):
        await do(lab, "resume")
    await do(lab, "resume", skip_invalid=True)
    assert states(lab) == {"QUEUE": 4}


async def test_edits_of_the_file_wait_for_an_update(lab: Lab, channels: list[str]) -> None:
    records = [record | {"ref": f"r{n}"} for n, record in enumerate(rows(channels, 4))]
    lab.write(records)
    await lab.run()
    records[0]["content"] = "corrected"
    records[1]["channel"] = channels[0]
    records[2]["type"] = "draft"
    lab.write(records)
    creates = len(lab.creates)
    await do(lab, "pause")
    assert (len(lab.creates), states(lab)) == (creates, {"DRAFT": 4})
    assert "corrected" not in lab.contents()
    done = await do(lab, "update")  # while it is paused: texts, but nothing that is sent anew
    assert done.left == {"paused": (2,)}
    assert lab.contents()["corrected"] == 1
    assert states(lab) == {"DRAFT": 4}
    await do(lab, "resume")
    assert states(lab) == {"QUEUE": 3, "DRAFT": 1}  # which the file says of the third
    assert (await do(lab, "update")).left == {}
    lab.assert_each_once(record["content"] for record in records)


async def test_an_older_server_takes_creates_which_the_dry_run_counts(tmp_path: Path) -> None:
    lab = Lab(tmp_path, limit=300, release="v2.20.0")
    lab.write(rows([lab.channel("telegram"), lab.channel("mastodon")], 8))
    await lab.run()
    before, creates = lab.contents(), len(lab.creates)
    would = await do(lab, "pause", dry_run=True)
    assert (would.free, would.requests) == ((), 2)
    await do(lab, "pause")
    assert (states(lab), len(lab.creates)) == ({"DRAFT": 8}, creates + 2)
    await do(lab, "resume")
    assert (states(lab), len(lab.creates)) == ({"QUEUE": 8}, creates + 4)
    assert lab.contents() == before


# ------------------------------------------------------------------ at the same time, and killed


async def test_a_run_stops_at_its_next_request(tmp_path: Path) -> None:
    """Somebody with the same journal pauses the campaign in the middle of a run."""
    lab = Lab(tmp_path, limit=3)
    lab.write(rows([lab.channel("telegram"), lab.channel("mastodon")], 40, hours=72, step=2))
    async with lab.client(reserve=0) as postiz, lab.campaign(postiz) as campaign:

        async def pause(_: Outcome) -> None:
            journal = campaign._journal.opened
            assert isinstance(journal, Journal)
            state = await journal.read(read_state)
            if not state.is_paused:
                await journal.change_state(paused(state, await journal.rows(), 0.0))

        with pytest.raises(CampaignChangedError, match="paused meanwhile"):
            await campaign.run(pause)
    sent = len(lab.creates)
    assert 0 < sent <= 3
    await lab.run()
    assert len(lab.creates) == sent
    done = await do(lab, "pause")
    assert len(done.changed) == len(lab.sandbox.posts)
    assert set(states(lab)) == {"DRAFT"}
    await do(lab, "resume")
    assert states(lab) == {"QUEUE": 40}
    lab.assert_each_once(f"post {n}" for n in range(40))


async def test_a_first_run_finds_that_another_began_and_paused(
    lab: Lab, channels: list[str]
) -> None:
    records = rows(channels, 8)
    lab.write(records)

    async def another() -> None:
        lab.write(records[:4])
        await lab.run()
        await do(lab, "pause")
        lab.write(records)

    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        send, calls = lab.transport.send, iter([another])

        async def watched(request: Any) -> Any:
            answer = await send(request)
            if "/posts?" in request.url:  # the look for rows that are stored
                for call in calls:
                    await call()
            return answer

        lab.transport.send = watched  # type: ignore[method-assign]
        await campaign.run()
        assert campaign.paused_at is not None
    assert states(lab) == {"DRAFT": 4}
    await do(lab, "resume")
    lab.assert_each_once(record["content"] for record in records)


async def test_requests_without_an_answer_are_looked_up_and_paused(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 8))
    fault = Fault("late_work", route="create_post", times=None, delay=400)
    lab.sandbox.faults.add(fault)
    assert await lab.killed(lambda _, die: _later(lab, die))
    lab.sandbox.faults.clear()
    unclear = (await do(lab, "pause", dry_run=True)).unclear
    assert unclear
    assert (await do(lab, "pause")).left == {}
    assert set(states(lab)) == {"DRAFT"}
    await do(lab, "resume")
    assert states(lab) == {"QUEUE": 8}
    lab.assert_each_once(f"post {n}" for n in range(8))


def _later(lab: Lab, die: Callable[[], None]) -> None:
    lab.clock.call_at(lab.clock.monotonic() + 60, die)


@pytest.mark.parametrize("seed", spread(range(12), every=3))
async def test_it_is_killed_anywhere_and_goes_on(lab: Lab, channels: list[str], seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    records = rows(channels, 12, step=3)
    records[5]["type"] = "draft"
    lab.write(records[: dice.choice([6, 12])])
    await lab.run()
    lab.write(records)
    for verb in ("pause", dice.choice(["pause", "resume"]), "resume"):
        await lab.killed(near(dice), partial(change, verb=verb))
        if dice.random() < 0.5:
            await lab.run()
    done = await do(lab, "pause")
    assert done.left == {}
    assert "QUEUE" not in states(lab)
    await do(lab, "resume")
    assert states(lab) == {"QUEUE": 11, "DRAFT": 1}
    lab.assert_each_once(record["content"] for record in records)
    assert {row.state for row in (await lab.run()).rows} == {RowState.STORED}


async def change(campaign: Campaign, verb: str) -> object:
    return await getattr(campaign, verb)()


def near(dice: random.Random) -> Callable[[Watched, Callable[[], None]], None]:
    """Dies before or after the answer to one of the next requests."""

    def arm(transport: Watched, die: Callable[[], None]) -> None:
        moments = dice.choice([transport.before, transport.after])
        moments[len(transport.sent) + dice.randint(1, 25)] = die

    return arm
