"""Update: stored posts become what the campaign says, each once, through anything."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import Lab, Watched, at, rows

from postiz_async._campaign.campaign import Campaign
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._campaign.run.job import Outcome
from postiz_async._campaign.run.update_plan import CampaignChanges
from postiz_async._delivery.outcomes import RowState
from postiz_async._sandbox import StoredPost
from postiz_async._sandbox.faults import Fault, FaultKind
from postiz_async._wire import WireResponse
from postiz_async.errors import (
    BadRequestError,
    CampaignConflictError,
    CampaignError,
    InvalidPostError,
    NotFoundError,
    PermissionDeniedError,
    PostizError,
    QuotaWaitError,
)
from postiz_async.models.posts import NewPost


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path, limit=300)


@pytest.fixture
def channels(lab: Lab) -> list[str]:
    return [lab.channel("telegram"), lab.channel("mastodon", name="News")]


async def changes(lab: Lab, *, is_run: bool = True, **options: Any) -> CampaignChanges:
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        report = await (campaign.run(**options) if is_run else campaign.plan(**options))
        return report.changes


def posts(lab: Lab) -> dict[str, StoredPost]:
    return {post.id: post for post in lab.sandbox.posts}


def said(record: dict[str, Any]) -> tuple[object, ...]:
    """What a post should be, as `is_stored` tells what it is."""
    kind = {"draft": "DRAFT"}.get(record.get("type", ""), "QUEUE")
    date = datetime.fromisoformat(record["date"])
    thread = tuple(record.get("thread", ()))
    return record["channel"], date, record["content"], thread, kind


def is_stored(post: StoredPost) -> tuple[object, ...]:
    date = post.date.replace(microsecond=0)
    thread = tuple(part.content for part in post.thread)
    return post.channel_id, date, post.content, thread, post.state


def assert_as_the_file_says(lab: Lab, records: list[dict[str, Any]]) -> None:
    assert Counter(map(is_stored, lab.sandbox.posts)) == Counter(map(said, records))
    assert all(post.has_job for post in lab.sandbox.posts if post.state == "QUEUE")
    summary = read_summary(lab.journal)
    stored = {row.post_id for row in summary.rows if row.state is RowState.STORED}
    assert stored == posts(lab).keys()
    assert not [row for row in summary.rows if row.finding]


def saved_in_postiz(lab: Lab, post_id: str, **changes: object) -> None:
    """What the web page does when somebody saves a post: another group, no milliseconds."""
    post = posts(lab)[post_id]
    date = int(post.date.replace(microsecond=0).timestamp() * 1000)
    lab.sandbox.change_post(post_id, **{"date": date, "group": f"new {post_id}", **changes})


async def sent(lab: Lab, records: list[dict[str, Any]]) -> list[str]:
    """Run a campaign; the ids of its posts in its order."""
    lab.write(records)
    return [str(row.post_id) for row in (await lab.run()).rows]


# ------------------------------------------------------------------ what changes


EDITS: list[dict[str, Any]] = [
    {"content": "post 0, corrected"},
    {"date": at(50)},
    {"content": "new words", "date": at(50)},
    {"thread": ["and more", "and more"]},
    {"settings": {"anything": 1}},
    {"type": "draft"},
    {"type": "draft", "content": "a draft"},
    {"repeat_days": 3},
    {"short_link": True},
]


@pytest.mark.parametrize(
    ("edit", "ref"),
    # without a ref nothing says that a row with other words at another date is the same
    [
        (each, ref)
        for each in EDITS
        for ref in ("", "mine")
        if ref or each.keys() != {"content", "date"}
    ],
)
async def test_a_post_becomes_what_its_row_says(
    lab: Lab, channels: list[str], edit: dict[str, Any], ref: str
) -> None:
    records = rows(channels, 4)
    records[0] |= {"ref": ref} if ref else {}
    ids = await sent(lab, records)
    after = [records[0] | edit, *records[1:]]
    lab.write(after)
    done = await changes(lab)
    assert ([row.number for row in done.changed], done.left) == ([1], {})
    assert_as_the_file_says(lab, after)
    assert posts(lab).keys() == set(ids)
    post = posts(lab)[ids[0]]
    assert post.interval == edit.get("repeat_days")
    assert "anything" not in edit.get("settings", {}) or post.settings["anything"] == 1
    again = await changes(lab, is_run=False)
    assert (again.is_something, again.left) == (False, {})
    assert lab.sandbox.refusals == 0


async def test_a_thread_gets_shorter(lab: Lab, channels: list[str]) -> None:
    records = [rows(channels, 1)[0] | {"thread": ["two", "three"]}]
    await sent(lab, records)
    after = [records[0] | {"thread": ["two, better"]}]
    lab.write(after)
    await changes(lab)
    assert_as_the_file_says(lab, after)


async def test_another_channel_is_another_post_and_never_two(lab: Lab, channels: list[str]) -> None:
    records = rows(channels, 4)
    records[0] |= {"ref": "mine"}
    ids = await sent(lab, records)
    after = [records[0] | {"channel": channels[1], "content": "post 0"}, *records[1:]]
    lab.write(after)
    done = await changes(lab)
    assert [row.number for row in done.resent] == [1]
    assert_as_the_file_says(lab, after)
    assert ids[0] not in posts(lab)


async def test_what_is_gone_is_deleted_if_that_is_said(lab: Lab, channels: list[str]) -> None:
    records = rows(channels, 6)
    await sent(lab, records)
    lab.write(records[2:])
    with pytest.raises(CampaignConflictError) as stopped:
        await changes(lab)
    assert stopped.value.rows == (1, 2)
    await changes(lab, keep=True)
    assert len(posts(lab)) == 6
    done = await changes(lab, prune=True)
    assert len(done.pruned) == 2
    assert_as_the_file_says(lab, records[2:])


async def test_while_a_row_cannot_be_read_nothing_is_gone(lab: Lab, channels: list[str]) -> None:
    """The row that seems to be gone may be the one with the slip of the pen."""
    records = rows(channels, 6)
    await sent(lab, records)
    lab.write([*records[:2], records[2] | {"date": "20x7-01-26 09:00"}, *records[3:5]])
    async with lab.client() as postiz, lab.campaign(postiz, skip_invalid=True) as campaign:
        assert (campaign.edits.gone, campaign.edits.unread) == ((), (3,))
        done = (await campaign.run(prune=True)).changes
    assert (done.pruned, len(posts(lab))) == ((), 6)
    lab.write(records[:5])
    assert len((await changes(lab, prune=True)).pruned) == 1
    assert_as_the_file_says(lab, records[:5])


async def test_everything_at_once(lab: Lab, channels: list[str]) -> None:
    records = rows(channels, 12)
    await sent(lab, records)
    after = edited(records, channels)
    lab.write(after)
    would = await changes(lab, is_run=False, prune=True)
    assert len(posts(lab)) == 12
    done = await changes(lab, prune=True)
    assert (would.changed, would.resent, would.left) == (done.changed, done.resent, done.left)
    assert_as_the_file_says(lab, after)


def edited(records: list[dict[str, Any]], channels: list[str]) -> list[dict[str, Any]]:
    """A campaign in which all that can happen to a row has happened to one."""
    return [
        records[0] | {"content": "post 0, corrected"},
        records[1] | {"date": at(50)},
        records[2] | {"type": "draft"},
        records[3] | {"channel": channels[0]},
        records[4] | {"thread": ["more"]},
        *records[6:],
        {"channel": channels[0], "date": at(99), "content": "brand new"},
    ]


async def test_a_row_with_problems_changes_nothing(lab: Lab, channels: list[str]) -> None:
    records = [row | {"ref": f"r{n}"} for n, row in enumerate(rows(channels, 4))]
    await sent(lab, records)
    lab.write([records[0] | {"content": "x" * 5000}, *records[1:]])
    with pytest.raises(InvalidPostError):
        await changes(lab)
    assert lab.contents()["post 0"] == 1


async def test_rows_with_problems_may_be_left_out(lab: Lab, channels: list[str]) -> None:
    records = [row | {"ref": f"r{n}"} for n, row in enumerate(rows(channels, 4))]
    await sent(lab, records)
    bad = {"media": "missing.png"}
    lab.write([records[0] | bad, records[1] | {"content": "post 1!"}, *records[2:]])
    async with lab.client() as postiz, lab.campaign(postiz, skip_invalid=True) as campaign:
        done = (await campaign.run()).changes
    assert done.left == {"invalid": (1,)}
    assert sorted(lab.contents()) == ["post 0", "post 1!", "post 2", "post 3"]


# ------------------------------------------------------------------ what it costs


async def test_200_rows_at_one_moment_take_the_fewest_requests(tmp_path: Path) -> None:
    lab = Lab(tmp_path, limit=300)
    channels = [lab.channel("telegram") for _ in range(8)]
    records = [
        {"channel": channels[n % 8], "date": at(24 + n // 8), "content": f"post {n}: hello"}
        for n in range(200)
    ]
    await sent(lab, records)
    after = [row | {"date": at(100)} for row in records]
    lab.write(after)
    before = len(lab.creates)
    done = await changes(lab)
    assert len(lab.creates) - before == done.requests
    assert_as_the_file_says(lab, after)


@pytest.mark.parametrize(
    ("before", "edit"),
    [
        ({}, {"type": "draft"}),
        ({"type": "draft"}, {"type": "schedule"}),
        ({}, {"settings": {"a": 1}}),
    ],
)
async def test_drafts_and_settings_cost_nothing(
    lab: Lab, channels: list[str], before: dict[str, Any], edit: dict[str, Any]
) -> None:
    records = [rows(channels, 1)[0] | before]
    await sent(lab, records)
    after = [records[0] | edit]
    lab.write(after)
    creates = len(lab.creates)
    done = await changes(lab)
    assert (len(done.free), done.requests) == (1, 0)
    assert [row.moved_from for row in read_summary(lab.journal).rows] == [None]
    assert len(lab.creates) == creates
    assert_as_the_file_says(lab, after)


@pytest.mark.parametrize(
    ("before", "edit"),
    [({}, {"type": "draft"}), ({"settings": {"anything": 1}}, {"settings": {"anything": 2}})],
)
async def test_a_free_change_that_was_begun_is_taken_back_with_its_row(
    lab: Lab, channels: list[str], before: dict[str, Any], edit: dict[str, Any]
) -> None:
    """An update is killed once Postiz has made a change, and the file is put back as it was."""
    records = [rows(channels, 1)[0] | before]
    await sent(lab, records)
    then = told(lab)

    def kill_after_change(transport: Watched, die: Callable[[], None]) -> None:
        sending = transport.send

        async def send(request: Any) -> Any:
            answer = await sending(request)
            if told(lab) != then:
                die()
            return answer

        transport.send = send  # type: ignore[method-assign]

    lab.write([records[0] | edit])
    assert await lab.killed(kill_after_change, lambda campaign: campaign.run())
    assert told(lab) != then
    lab.write(records)
    assert len((await changes(lab)).free) == 1
    assert told(lab) == then
    assert not (await changes(lab)).is_something


def told(lab: Lab) -> list[tuple[str, Any]]:
    return [(post.state, post.settings.get("anything")) for post in lab.sandbox.posts]


async def test_a_server_without_the_free_routes_replaces(tmp_path: Path) -> None:
    lab = Lab(tmp_path, release="v2.20.0")
    records = rows([lab.channel("telegram")], 2)
    await sent(lab, records)
    after = [records[0] | {"type": "draft"}, records[1] | {"settings": {"a": 1}}]
    lab.write(after)
    await changes(lab)
    assert_as_the_file_says(lab, after)


@pytest.mark.parametrize("edit", [{"type": "draft"}, {"settings": {"a": 1}}])
async def test_a_free_change_that_is_refused_is_named_and_made_later(
    lab: Lab, channels: list[str], edit: dict[str, Any]
) -> None:
    records = rows(channels, 2)
    ids = await sent(lab, records)
    before = posts(lab)[ids[0]]
    after = [records[0] | edit, records[1] | {"content": "post 1!"}]
    lab.write(after)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        sending = lab.transport.send

        async def send(request: Any) -> Any:
            if request.method == "PUT":
                return WireResponse(400, {}, b'{"message": "not today"}')
            return await sending(request)

        lab.transport.send = send  # type: ignore[method-assign]
        done = (await campaign.run()).changes
    assert done.left == {"refused": (1,)}
    assert posts(lab)[ids[0]] == before
    (row,) = (row for row in read_summary(lab.journal).rows if row.finding)
    assert (row.number, row.state) == (1, RowState.STORED)
    assert "the change was not made: not today" in row.remark
    assert lab.contents() == Counter(["post 0", "post 1!"])
    assert (await changes(lab)).left == {}
    assert_as_the_file_says(lab, after)


async def test_the_file_of_the_journal_alone_tells_of_each_change(
    lab: Lab, channels: list[str]
) -> None:
    """Whoever copies it in the middle of an update has all that is made by then."""
    records = rows(channels, 3)
    await sent(lab, records)
    edits = ({"type": "draft"}, {"settings": {"a": 1}}, {"content": "post 2!"})
    lab.write([row | edit for row, edit in zip(records, edits, strict=True)])
    copied: dict[int, str] = {}

    async def copy(outcome: Outcome) -> None:
        alone = lab.folder / f"copy {outcome.row}.journal"
        shutil.copy(lab.journal, alone)
        [row] = (row for row in read_summary(alone).rows if row.number == outcome.row)
        copied[row.number] = row.fingerprint

    await changes(lab, on_outcome=copy)
    assert copied == {row.number: row.fingerprint for row in read_summary(lab.journal).rows}


async def test_a_draft_that_is_due_when_postiz_is_back_stays_one(
    lab: Lab, channels: list[str]
) -> None:
    """It would be published at once."""
    records = [rows(channels, 1)[0] | {"date": at(1), "type": "draft"}]
    ids = await sent(lab, records)
    lab.write([records[0] | {"type": "schedule"}])
    await lab.clock.sleep(43 * 60)
    fault = Fault("error_before", route="change_post_status", status=502, times=None)
    lab.sandbox.faults.add(fault)
    lab.clock.call_at(lab.clock.monotonic() + 180, lab.sandbox.faults.clear)
    done = await changes(lab)
    assert done.left == {"due": (1,)}
    assert posts(lab)[ids[0]].state == "DRAFT"


# ------------------------------------------------------------------ what is left


@pytest.mark.parametrize(
    "theirs", [{"content": "their words"}, {}, {"date": 1_830_000_000_000}, {"state": "DRAFT"}]
)
async def test_what_people_changed_is_left_unless_forced(
    lab: Lab, channels: list[str], theirs: dict[str, object]
) -> None:
    records = rows(channels, 4)
    ids = await sent(lab, records)
    after = [row | {"content": f"{row['content']}!"} for row in records]
    lab.write(after)
    saved_in_postiz(lab, ids[0], **theirs)
    saved = posts(lab)[ids[0]]
    done = await changes(lab)
    assert done.left == {"edited": (1,)}
    assert posts(lab)[ids[0]] == saved
    done = await changes(lab, force=True)
    assert done.left == {}
    assert_as_the_file_says(lab, after)


async def test_what_people_change_while_it_waits_is_left(lab: Lab, channels: list[str]) -> None:
    records = rows(channels, 4)
    ids = await sent(lab, records)
    lab.write([row | {"content": f"{row['content']}!"} for row in records])
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        looks = 0
        sending = lab.transport.send

        async def send(request: Any) -> Any:
            nonlocal looks
            looks += "startDate" in request.url
            if looks == 4 and posts(lab)[ids[1]].content == "post 1":
                saved_in_postiz(lab, ids[1], content="their words")
            return await sending(request)

        lab.transport.send = send  # type: ignore[method-assign]
        done = (await campaign.run()).changes
    assert done.left in ({"edited": (2,)}, {})
    assert (posts(lab)[ids[1]].content == "their words") == (done.left != {})


async def test_what_people_change_before_its_deletion_is_left(
    lab: Lab, channels: list[str]
) -> None:
    """A row that moves to another channel, and one that is gone from the file."""
    records = [row | {"ref": f"r{n}"} for n, row in enumerate(rows(channels, 4))]
    ids = await sent(lab, records)
    saved_in_postiz(lab, ids[3], content="their words")
    lab.write([records[0] | {"channel": channels[1]}, *records[1:3]])
    async with lab.client() as postiz, lab.campaign(postiz, skip_invalid=True) as campaign:
        sending = lab.transport.send

        async def send(request: Any) -> Any:
            if request.method == "DELETE":
                saved_in_postiz(lab, ids[0], content="their words")
            return await sending(request)

        lab.transport.send = send  # type: ignore[method-assign]
        done = (await campaign.run(prune=True)).changes
    assert {why: set(numbers) for why, numbers in done.left.items()} == {"edited": {1, 4}}
    assert lab.contents() == Counter(["their words", "post 1", "post 2", "their words"])


async def test_a_deletion_that_was_begun_and_not_ended_is_named(
    lab: Lab, channels: list[str]
) -> None:
    """An update that moved a row is killed, and the file is put back as it was."""
    records = [row | {"ref": f"r{n}"} for n, row in enumerate(rows(channels, 4))]
    await sent(lab, records)

    def kill_after_delete(transport: Watched, die: Callable[[], None]) -> None:
        sending = transport.send

        async def send(request: Any) -> Any:
            answer = await sending(request)
            if request.method == "DELETE":
                die()
            return answer

        transport.send = send  # type: ignore[method-assign]

    lab.write([records[0] | {"channel": channels[1]}, *records[1:]])
    assert await lab.killed(kill_after_delete, lambda campaign: campaign.run())
    lab.write(records)
    for is_run in (False, True):
        assert (await changes(lab, is_run=is_run)).left == {"begun": (1,)}
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.undo(rows={1})
    assert (await changes(lab)).left == {}
    await lab.run(existing="again")
    assert_as_the_file_says(lab, records)


async def test_what_people_deleted_is_left_unless_forced(lab: Lab, channels: list[str]) -> None:
    records = rows(channels, 4)
    ids = await sent(lab, records)
    after = [records[0] | {"content": "post 0!"}, *records[1:]]
    lab.write(after)
    lab.sandbox.change_post(ids[0], deleted_at=1)
    assert (await changes(lab)).left == {"gone": (1,)}
    assert len(posts(lab)) == 3
    await changes(lab, force=True)
    assert_as_the_file_says(lab, after)


async def use_up(lab: Lab, channel: str) -> None:
    """Others make posts until nothing is left."""
    async with lab.client() as postiz:
        at_once = postiz.with_options(max_wait=0)
        for n in range(40):
            when = datetime.fromisoformat(at(900 + n))
            await at_once.posts.schedule(NewPost(channel, f"theirs {n}"), at=when, validate=False)


@pytest.mark.parametrize("release", ["v2.20.0", "v2.23.0", "HEAD"])
async def test_what_is_published_while_its_change_waits_is_not_published_again(
    tmp_path: Path, release: str
) -> None:
    """A 429, whoever used the quota up, holds the change back beyond the old date."""
    lab = Lab(tmp_path, release=release)
    channels = [lab.channel("telegram"), lab.channel("mastodon", name="News")]
    records = [row | {"ref": f"r{n}", "date": at(1)} for n, row in enumerate(rows(channels, 4))]
    ids = await sent(lab, records)
    await lab.clock.sleep(20 * 60)
    with pytest.raises(QuotaWaitError):
        await use_up(lab, channels[0])
    lab.write([row | {"date": at(200)} for row in records])
    done = await changes(lab)
    assert sorted(row for left in done.left.values() for row in left) == [1, 2, 3, 4]
    there = [posts(lab)[post_id] for post_id in ids]
    assert {(post.state, post.date.replace(microsecond=0)) for post in there} == {
        ("PUBLISHED", datetime.fromisoformat(at(1)))
    }


async def test_a_post_is_not_deleted_where_none_could_be_sent_in_its_place(
    lab: Lab, channels: list[str]
) -> None:
    """The quota is used up until after the date of the row that moves to another channel."""
    lab = Lab(lab.folder, limit=3)
    channels = [lab.channel("telegram"), lab.channel("mastodon", name="News")]
    records = [
        row | {"ref": f"r{n}", "date": at(hours)}
        for n, (row, hours) in enumerate(zip(rows(channels, 3), (0.7, 8, 9), strict=True))
    ]
    ids = await sent(lab, records)
    after = [row | {"channel": channels[n % 2 - 1]} for n, row in enumerate(records)]
    lab.write(after)
    for is_run in (False, True):
        done = await changes(lab, is_run=is_run)
        assert done.left == {"no_slot": (1,)}
        assert [row.number for row in done.resent] == [2, 3]
    assert posts(lab)[ids[0]].channel_id == channels[0]
    assert_as_the_file_says_of(lab, after[1:])


def assert_as_the_file_says_of(lab: Lab, records: list[dict[str, Any]]) -> None:
    """The same of some rows."""
    assert not Counter(map(said, records)) - Counter(map(is_stored, lab.sandbox.posts))


async def test_what_is_out_due_or_late_is_left(lab: Lab, channels: list[str]) -> None:
    records = [
        row | {"ref": f"r{n}", "date": at(hours)}
        for n, (row, hours) in enumerate(zip(rows(channels, 4), (10, 24.2, 30, 31), strict=True))
    ]
    ids = await sent(lab, records)
    await lab.clock.sleep(24 * 3600)
    before = posts(lab)
    lab.write(
        [row | {"content": "other words"} for row in records[:2]]
        + [records[2] | {"date": at(20)}, records[3]]
    )
    done = await changes(lab)
    assert done.left == {"published": (1,), "due": (2,), "late": (3,)}
    assert posts(lab) == before
    assert before.keys() == set(ids)


async def test_what_postiz_refuses_is_named_and_the_rest_is_changed(
    lab: Lab, channels: list[str]
) -> None:
    records = [row | {"date": at(24)} for row in rows(channels, 6)]
    await sent(lab, records)
    lab.write([row | {"content": f"{row['content']}!"} for row in records])

    def judge(bodies: list[dict[str, Any]]) -> dict[str, Any] | None:
        bad = any(post["value"][0]["content"] == "post 3!" for post in bodies)
        return {"statusCode": 400, "message": "no such words"} if bad else None

    lab.judge = judge
    done = await changes(lab)
    assert done.left == {"refused": (4,)}
    (row,) = (row for row in read_summary(lab.journal).rows if row.finding)
    assert (row.number, row.state) == (4, RowState.STORED)
    assert "the change was not made: no such words" in row.remark
    assert sorted(lab.contents()) == sorted(["post 3", *(f"post {n}!" for n in (0, 1, 2, 4, 5))])


# ------------------------------------------------------------------ through trouble


@pytest.mark.parametrize(
    "fault",
    [
        Fault("drop_answer", route="create_post"),
        Fault("reset", route="create_post"),
        Fault("late_work", route="create_post", delay=60.0),
        Fault("error_before", route="create_post", status=500),
        *(Fault("error_after", route="create_post", status=n) for n in (200, 302, 408, 502)),
        *(Fault("stop", route="create_post", after_items=n, half=True) for n in range(3)),
    ],
    ids=lambda fault: f"{fault.kind}{fault.after_items}",
)
async def test_lost_answers(lab: Lab, channels: list[str], fault: Fault) -> None:
    records = [row | {"date": at(24), "thread": ["more"]} for row in rows(channels, 3)]
    records += rows(channels, 3, hours=30)
    ids = await sent(lab, records)
    after = [row | {"content": f"{row['content']}!"} for row in records]
    lab.write(after)
    lab.sandbox.faults.add(fault)
    done = await changes(lab)
    assert done.left == {}
    assert_as_the_file_says(lab, after)
    assert posts(lab).keys() == set(ids)


@pytest.mark.parametrize("kind", ["error_before", "error_after"])
@pytest.mark.parametrize("status", [400, 403, 404])
async def test_a_firewall_stops_an_update_and_the_next_one_looks_first(
    lab: Lab, channels: list[str], kind: FaultKind, status: int
) -> None:
    both = rows(channels, 3) + rows(channels, 3, hours=30)
    records = [row | {"ref": f"r{n}"} for n, row in enumerate(both)]
    ids = await sent(lab, records)
    after = [
        row | {"content": f"{row['content']}!"} | ({"channel": channels[1]} if n == 5 else {})
        for n, row in enumerate(records)
    ]
    lab.write(after)
    lab.sandbox.faults.add(Fault(kind, route="create_post", status=status))
    kinds = {400: BadRequestError, 403: PermissionDeniedError, 404: NotFoundError}
    with pytest.raises(kinds[status]):
        await changes(lab)
    done = await changes(lab)
    assert done.left == {}
    assert_as_the_file_says(lab, after)
    assert len(posts(lab).keys() - set(ids)) == 1, "the one on another channel"


@pytest.mark.exhaustive
@pytest.mark.parametrize("before", [True, False])
async def test_it_goes_on_wherever_it_died(lab: Lab, channels: list[str], before: bool) -> None:  # noqa: FBT001
    """It dies before each odd one of its requests, and after each even one; foreign posts stay."""
    async with lab.client() as postiz:
        made = await postiz.posts.schedule(
            NewPost(channels[0], "theirs"), at=datetime.fromisoformat(at(24)), validate=False
        )
    foreign = made[0].post_id

    async def act(campaign: Campaign) -> None:
        await campaign.run(prune=True)

    def arm(number: int) -> Callable[[Watched, Callable[[], None]], None]:
        def armed(transport: Watched, die: Callable[[], None]) -> None:
            when = transport.before if before else transport.after
            when[len(transport.sent) + number] = die

        return armed

    number, died = -1 if before else 0, True
    while died:
        number += 2
        records = rows(channels, 12, hours=24.0 * number)
        await sent(lab, records)
        after = edited(records, channels)
        lab.write(after)
        died = await lab.killed(arm(number), act)
        await changes(lab, prune=True)
        mine = [post for post in lab.sandbox.posts if post.id != foreign]
        assert Counter(map(is_stored, mine)) == Counter(map(said, after)), number
        assert foreign in posts(lab)
        for post in mine:
            lab.sandbox.change_post(post.id, deleted_at=1)
        for path in lab.folder.glob("campaign.journal*"):
            path.unlink()
    assert number > 20


async def test_what_a_killed_update_left_without_an_answer_is_left_to_do(
    lab: Lab, channels: list[str]
) -> None:
    records = rows(channels, 4)
    records[3] |= {"ref": "mine"}
    await sent(lab, records)
    after = [*records[:3], records[3] | {"channel": channels[0]}]
    lab.write(after)

    async def act(campaign: Campaign) -> None:
        await campaign.run()

    def arm(transport: Watched, die: Callable[[], None]) -> None:
        def judge(posts: list[dict[str, Any]]) -> None:
            del posts
            transport.after[len(transport.sent)] = die

        transport.judge = judge

    assert await lab.killed(arm, act)
    would = await changes(lab, is_run=False)
    assert would.unclear == (4,)
    await changes(lab)
    assert_as_the_file_says(lab, after)
    assert not (await changes(lab, is_run=False)).is_something


async def test_a_row_in_flight_that_says_something_else_may_be_changed(
    lab: Lab, channels: list[str]
) -> None:
    records = [row | {"ref": f"r{n}"} for n, row in enumerate(rows(channels, 2))]
    await sent(lab, records[1:])
    lab.write(records)
    assert await lab.killed(after_create)
    would = await changes(lab, is_run=False)
    assert (would.unclear, would.if_stored, would.is_something) == ((1,), (), False)
    after = [records[0] | {"content": "corrected"}, records[1]]
    lab.write(after)
    would = await changes(lab, is_run=False)
    assert (would.unclear, would.if_stored, would.is_something) == ((1,), (1,), True)
    lab.write(records[1:])
    assert (await changes(lab, is_run=False)).if_stored == ()
    assert (await changes(lab, is_run=False, prune=True)).if_stored == (1,)
    lab.write(after)
    await changes(lab)
    assert_as_the_file_says(lab, after)


def after_create(transport: Watched, die: Callable[[], None]) -> None:
    sending = transport.send

    async def send(request: Any) -> WireResponse:
        answer = await sending(request)
        if request.method == "POST":
            die()
        return answer

    transport.send = send  # type: ignore[method-assign]


async def test_a_run_between_does_no_harm(lab: Lab, channels: list[str]) -> None:
    """Whatever an update that died left open, a run neither sends again nor calls an edit."""
    records = rows(channels, 12)
    await sent(lab, records)
    after = edited(records, channels)
    lab.write(after)

    def arm(transport: Watched, die: Callable[[], None]) -> None:
        def judge(_: object) -> None:
            die()

        transport.judge = judge

    assert await lab.killed(arm, lambda campaign: campaign.run(prune=True))
    report = await lab.run(keep=True)
    assert {row.finding.value for row in report.rows} <= {"", "changed"}
    await changes(lab, prune=True)
    assert_as_the_file_says(lab, after)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("late_answer", route="list_posts", times=None, delay=60.0),
        Fault("error_before", route="list_posts", times=None, status=502),
        Fault("reset", route="list_posts", times=None),
    ],
    ids=lambda fault: fault.kind,
)
async def test_nothing_leaves_before_its_post_was_looked_at(
    tmp_path: Path, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    """The list fails, or takes its time, at the last look before a change, and people edit then."""
    lab = Lab(tmp_path, limit=2)
    channels = [lab.channel("telegram"), lab.channel("mastodon", name="News")]
    records = rows(channels, 2) + rows(channels, 2, hours=30)
    ids = await sent(lab, records)
    after = [row | {"content": f"{row['content']}!"} for row in records]
    lab.write(after)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        sending = lab.transport.send

        async def send(request: Any) -> Any:
            if "startDate" in request.url and lab.clock.monotonic() > 3_000 and not edits:
                edits.append(lab.clock.monotonic())
                lab.sandbox.faults.add(fault)
                lab.clock.call_at(edits[0] + 12, edit)
            return await sending(request)

        def edit() -> None:
            saved_in_postiz(lab, ids[0], content="their words")
            lab.sandbox.faults.clear()

        edits: list[float] = []
        lab.transport.send = send  # type: ignore[method-assign]
        done = (await campaign.run()).changes
    assert done.left == {"edited": (1,)}
    assert posts(lab)[ids[0]].content == "their words"
    assert_as_the_file_says_of(lab, after[1:])
    (paused, goes) = [text for text in caplog.messages if text.startswith(("paused", "goes"))]
    assert ("The list of posts is slow." in paused) == bool(fault.delay)
    assert goes.startswith("goes on after a pause of ")


async def test_an_outage_stops_it_resumably(lab: Lab, channels: list[str]) -> None:
    records = rows(channels, 4)
    await sent(lab, records)
    after = [row | {"content": f"{row['content']}!"} for row in records]
    lab.write(after)
    lab.sandbox.faults.add(Fault("error_before", route="create_post", times=1000, status=503))
    with pytest.raises(PostizError):
        await changes(lab)
    lab.sandbox.faults.clear()
    await changes(lab)
    assert_as_the_file_says(lab, after)


async def test_an_update_that_its_journal_breaks_off_leaves_the_open_campaign_as_it_was(
    lab: Lab, channels: list[str]
) -> None:
    """A post that moves to another channel is unsent only while its update sends it."""
    records = rows(channels, 3)
    records[0] |= {"ref": "mine"}
    await sent(lab, records)
    after = [records[0] | {"channel": channels[1]}, records[1] | {"type": "draft"}, records[2]]
    lab.write(after)

    def set_state(state: str) -> None:
        with closing(sqlite3.connect(lab.journal)) as journal, journal:
            journal.execute("UPDATE campaign_rows SET state = ? WHERE number = 3", (state,))

    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        with pytest.raises(CampaignError, match="cannot be used"):
            await campaign.run(on_outcome=lambda _: set_state("unreadable"))
        set_state("stored")
        assert campaign.requests == []
        lab.assert_each_once(record["content"] for record in records)
        assert [row.number for row in (await campaign.run()).changes.resent] == [1]
    assert_as_the_file_says(lab, after)
