"""Answers that get lost: looked up, adopted, sent again, never doubled."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from campaign_lab import WITH_DOUBLES, Lab, Watched, at, rows
from gateways import Gateway, name, page
from samples import PNG

from postiz_async import NewPost
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._delivery.outcomes import RowState
from postiz_async._sandbox import Fault
from postiz_async.errors import (
    APIConnectionError,
    BadRequestError,
    NotFoundError,
    PermissionDeniedError,
)
from postiz_async.testing._transport import sandbox_client

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from postiz_async._sandbox.faults import FaultKind
    from postiz_async.errors import PostizError
    from postiz_async.testing import WireResponse


def fault(kind: FaultKind, **options: object) -> Fault:
    return Fault(kind, route="create_post", **options)  # type: ignore[arg-type]


async def test_a_lost_answer_is_adopted_without_a_second_request(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 6))
    lab.sandbox.faults.add(fault("drop_answer"))
    report = await lab.run()
    assert report.complete
    assert lab.creates == [201]
    ids = {record.post_id for record in report.rows}
    assert ids == {post.id for post in lab.sandbox.posts}


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("reset", {}),
        ("error_before", {"status": 500}),
        ("error_before", {"status": 502}),
        ("error_after", {"status": 500}),
        ("error_after", {"status": 504}),
        ("late_answer", {"delay": 300.0}),
        ("late_work", {"delay": 50.0}),
        ("late_work", {"delay": 300.0}),
        ("late_work", {"delay": 600.0}),
        ("hang", {"delay": 50.0}),
        ("hang", {"delay": 300.0}),
        ("hang", {"delay": 600.0}),
        ("stop", {"after_items": 0}),
        ("stop", {"after_items": 1}),
        ("stop", {"after_items": 5}),
        ("empty_401", {}),
        ("strip_headers", {}),
    ],
)
@pytest.mark.parametrize("count", [6, 18])
async def test_whatever_happens_to_one_request_each_row_is_stored_once(
    lab: Lab, channels: list[str], kind: FaultKind, options: dict[str, object], count: int
) -> None:
    lab.write(rows(channels, count))
    lab.sandbox.faults.add(fault(kind, **options))
    report = await lab.run()
    assert report.counts == {"stored": count}
    await lab.clock.sleep(3_600)
    lab.assert_each_once(f"post {n}" for n in range(count))
    assert {record.post_id for record in report.rows} == {post.id for post in lab.sandbox.posts}


@pytest.mark.parametrize(
    "status", [200, 302, 401, 402, pytest.param(304, marks=pytest.mark.exhaustive), 408, 409, 429]
)
async def test_a_page_in_the_place_of_an_answer_says_nothing(
    lab: Lab, channels: list[str], status: int
) -> None:
    lab.write(rows(channels, 18))
    lab.sandbox.faults.add(fault("error_after", status=status))
    assert (await lab.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(18))
    assert len(lab.creates) == 3


@pytest.mark.parametrize("answer", [page(200), page(302), page(403), page(408)], ids=name)
async def test_a_server_that_is_late_behind_a_page_stores_each_row_once(
    lab: Lab, channels: list[str], answer: WireResponse
) -> None:
    lab.write(rows(channels, 6))
    lab.sandbox.faults.add(fault("late_work", delay=60.0))
    gateway = Gateway(lab.sandbox, answer, patience=20.0)
    async with sandbox_client(lab.sandbox, transport=gateway) as postiz:
        if answer.status == 403:
            async with lab.campaign(postiz) as campaign:
                with pytest.raises(PermissionDeniedError):
                    await campaign.run()
        async with lab.campaign(postiz) as campaign:
            assert (await campaign.run()).complete
    await lab.clock.sleep(3_600)
    lab.assert_each_once(f"post {n}" for n in range(6))
    assert lab.creates == [201]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, BadRequestError), (403, PermissionDeniedError), (404, NotFoundError)],
)
@pytest.mark.parametrize("fault_kind", ["error_before", "error_after"])
async def test_a_firewall_stops_a_run_and_the_next_one_looks_first(
    lab: Lab,
    channels: list[str],
    status: int,
    kind: type[PostizError],
    fault_kind: FaultKind,
) -> None:
    lab.write(rows(channels, 60))
    lab.sandbox.faults.add(fault(fault_kind, status=status, times=None))
    with pytest.raises(kind):
        await lab.run()
    lab.sandbox.faults.clear()
    assert len(lab.creates) <= 4, "it does not burn the quota"
    states = Counter(row.state for row in read_summary(lab.journal).rows)
    assert states[RowState.UNKNOWN] >= 6
    assert states.keys() == {RowState.UNKNOWN, RowState.PLANNED}
    (note, *_) = {r.note for r in read_summary(lab.journal).rows if r.state is RowState.UNKNOWN}
    assert str(status) in note
    began = lab.clock.monotonic()
    assert (await lab.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(60))
    if fault_kind == "error_before":
        assert lab.clock.monotonic() - began > 700, "it was looked for until that was certain"


async def test_absence_is_not_believed_before_a_later_create_was_answered(
    lab: Lab, channels: list[str]
) -> None:
    """With nothing else to send, one empty create is spent on it; it stores nothing."""
    lab.write(rows(channels, 6))
    lab.sandbox.faults.add(fault("reset"))
    assert (await lab.run()).complete
    assert lab.creates == [400, 201]


async def test_other_work_goes_on_while_a_lost_answer_is_looked_up(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 60))
    lab.sandbox.faults.add(fault("reset"))
    assert (await lab.run()).complete
    moments = [create.at for create in lab.sandbox.creates]
    assert moments[-2] - moments[0] < 120
    assert 600 < moments[-1] - moments[0] < 1_200
    assert set(lab.creates) == {201}, "the next planned request serves as well as an empty one"


async def test_an_answer_of_a_proxy_is_no_sign_that_the_server_got_over_the_lost_request(
    lab: Lab, channels: list[str]
) -> None:
    later = rows(channels[1:2], 1, hours=50.0)
    lab.write(rows(channels[:1], 2) + [row | {"media": "a.png"} for row in later])
    (lab.folder / "a.png").write_bytes(PNG)
    lab.judge = lambda posts: (
        {"statusCode": 413, "message": "too large"}
        if posts and posts[0]["integration"]["id"] == channels[1]
        else None
    )
    lab.sandbox.faults.add(fault("reset"))
    lab.sandbox.faults.add(Fault("late_answer", route="upload_file", delay=30.0))
    assert (await lab.run()).counts == {"stored": 2, "refused": 1}
    assert lab.creates == [400, 201]  # the empty create stands in for the next one


async def test_a_row_whose_date_passes_while_it_is_looked_up_ends_undecided(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 6, hours=0.05))
    lab.sandbox.faults.add(fault("reset"))
    report = await lab.run()
    assert report.counts == {"undecided": 6}
    assert "give the row a later date" in report.troubles()[0].note
    assert lab.contents() == Counter()


# ------------------------------------------------------------------ half-made posts


async def published(lab: Lab) -> Counter[str]:
    """Let all dates pass; what was published then."""
    await lab.clock.sleep(40 * 3_600)
    return Counter(post.content for post in lab.sandbox.posts if post.state == "PUBLISHED")


@pytest.mark.parametrize("after", [0, 2, 5])
async def test_a_post_that_was_stored_without_its_publishing_job_gets_one(
    lab: Lab, channels: list[str], after: int
) -> None:
    lab.write(rows(channels, 6))
    lab.sandbox.faults.add(fault("stop", after_items=after, half=True))
    assert (await lab.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(6))
    assert await published(lab) == Counter(f"post {n}" for n in range(6))


@pytest.mark.parametrize("release", ["HEAD", "v2.20.0"])
@pytest.mark.parametrize("after", [0, 2, 5])
async def test_half_a_thread_is_replaced_by_the_whole(
    tmp_path: Path, after: int, release: str
) -> None:
    lab = Lab(tmp_path, release=release, limit=90)
    async with lab.sandbox:
        channels = [lab.channel(provider) for provider in ("mastodon", "telegram", "threads")]
        lab.write([row | {"thread": ["second", "third"]} for row in rows(channels, 6)])
        lab.sandbox.faults.add(fault("stop", after_items=after, half=True))
        assert (await lab.run()).complete
        lab.assert_each_once(f"post {n}" for n in range(6))
        for post in lab.sandbox.posts:
            assert [part.content for part in post.thread] == ["second", "third"]
        assert await published(lab) == Counter(f"post {n}" for n in range(6))


async def test_a_suspect_post_that_is_due_soon_is_left_alone_and_reported(
    lab: Lab, channels: list[str]
) -> None:
    lab.write([row | {"thread": ["second"]} for row in rows(channels, 6, hours=0.15)])
    lab.sandbox.faults.add(fault("stop", after_items=5, half=True))
    report = await lab.run()
    assert report.counts == {"stored": 6}
    assert [("may lack" in record.note) for record in report.rows] == [False] * 5 + [True]
    lab.assert_each_once(f"post {n}" for n in range(6))


async def test_drafts_need_no_publishing_job(lab: Lab, channels: list[str]) -> None:
    lab.write([row | {"type": "draft"} for row in rows(channels, 6)])
    lab.sandbox.faults.add(fault("stop", after_items=3, half=True))
    assert (await lab.run()).complete
    assert {post.state for post in lab.sandbox.posts} == {"DRAFT"}
    lab.assert_each_once(f"post {n}" for n in range(6))


# ------------------------------------------------------------------ old servers


@pytest.mark.parametrize("release", ["v2.23.0", "v2.20.0"])
@pytest.mark.parametrize("kind", ["drop_answer", "reset", "stop"])
async def test_servers_that_list_no_settings_do_too(
    tmp_path: Path, release: str, kind: FaultKind
) -> None:
    lab = Lab(tmp_path, release=release)
    async with lab.sandbox:
        channels = [lab.channel("mastodon"), lab.channel("telegram")]
        records = rows(channels, 8)
        records[2] |= {"content": records[0]["content"]}  # equal posts on one channel
        records[3] |= {"content": "a < b & c"}
        records[5] |= {"repeat_days": 7}
        lab.write(records)
        lab.sandbox.faults.add(fault(kind, **({"after_items": 1} if kind == "stop" else {})))
        assert (await lab.run(reading=WITH_DOUBLES)).complete
        contents = [record["content"] for record in records]
        contents[3] = "<p>a &lt; b &amp; c</p>"
        lab.assert_each_once(contents)


async def test_a_repeated_post_whose_answer_was_lost_is_recognised(
    lab: Lab, channels: list[str]
) -> None:
    lab.write([rows(channels, 1)[0] | {"repeat_days": 1}])
    lab.sandbox.faults.add(fault("drop_answer"))
    assert (await lab.run()).complete
    assert lab.creates == [201]


@pytest.mark.parametrize("release", ["HEAD", "v2.23.0"])
async def test_posts_of_others_at_our_very_instant_are_not_ours(
    tmp_path: Path, release: str
) -> None:
    lab = Lab(tmp_path, release=release)
    async with lab.sandbox:
        channel = lab.channel("mastodon")
        lab.write(rows([channel], 1))
        lab.sandbox.faults.add(fault("reset"))
        running = asyncio.create_task(lab.run())
        await lab.clock.sleep(5)
        async with lab.client() as other:
            moment = datetime.fromisoformat(at(24)) + timedelta(milliseconds=1)
            (theirs,) = await other.posts.schedule(NewPost(channel, "theirs"), at=moment)
        report = await running
    assert report.complete
    assert report.rows[0].post_id != theirs.post_id
    lab.assert_each_once(["post 0", "theirs"])


@pytest.mark.parametrize("release", ["HEAD", "v2.23.0"])
async def test_a_post_beside_which_a_row_is_sent_again_never_becomes_the_rows(
    tmp_path: Path, release: str
) -> None:
    """An old server shows no marks, and the other post was stored seconds before."""
    lab = Lab(tmp_path, release=release)
    async with lab.sandbox:
        lab.write(rows([lab.channel("mastodon")], 1))
        (theirs,) = (await lab.run()).rows
        lab.journal.unlink()
        lab.sandbox.faults.add(fault("reset"))
        report = await lab.run(existing="again")
    assert report.complete
    assert report.rows[0].post_id != theirs.post_id
    assert len(lab.sandbox.posts) == 2


# ------------------------------------------------------------------ outages


async def test_an_outage_without_end_stops_the_job_which_can_go_on(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 12))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        lab.transport.after[len(lab.transport.sent) + 2] = lambda: lab.sandbox.faults.add(
            Fault("reset", times=None)
        )
        with pytest.raises(APIConnectionError):
            await campaign.run()
    left = {record.state for record in read_summary(lab.journal).rows}
    assert left <= {RowState.STORED, RowState.PLANNED, RowState.UNKNOWN, RowState.SENDING}
    lab.sandbox.faults.clear()
    assert (await lab.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(12))


@pytest.mark.parametrize(("kind", "state"), [("drop_answer", "stored"), ("reset", "skipped")])
async def test_rows_removed_while_their_request_was_lost_are_adopted_or_skipped(
    lab: Lab, channels: list[str], kind: FaultKind, state: str
) -> None:
    lab.write(rows(channels, 6))
    lab.sandbox.faults.add(fault(kind))

    def in_five_seconds(_: Watched, die: Callable[[], None]) -> None:
        lab.clock.call_at(lab.clock.monotonic() + 5, die)

    assert await lab.killed(in_five_seconds)
    assert {r.state for r in read_summary(lab.journal).rows} == {RowState.UNKNOWN}
    lab.write(rows(channels, 6)[:2])
    report = await lab.run()
    assert [record.state for record in report.rows[:2]] == ["stored"] * 2
    assert [record.state for record in report.rows[2:]] == [state] * 4
    count = 6 if state == "stored" else 2
    lab.assert_each_once(f"post {n}" for n in range(count))


async def test_half_a_thread_that_is_out_is_not_called_whole(lab: Lab, channels: list[str]) -> None:
    """Nothing can be sent after it, and nobody but the server knows what it lacks."""
    lab.write([row | {"thread": ["second"]} for row in rows(channels[:1], 1)])
    lab.sandbox.faults.add(fault("stop", after_items=0, half=True))
    assert await lab.killed(lambda _, die: lab.clock.call_at(lab.clock.monotonic() + 5, die))
    (post,) = lab.sandbox.posts
    lab.sandbox.change_post(post.id, state="PUBLISHED")
    report = await lab.run()
    assert [row.post_id for row in report.rows] == [post.id]
    assert "it may lack its thread" in report.rows[0].note
    assert len(lab.sandbox.posts) == 1
