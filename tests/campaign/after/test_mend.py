"""What people do in the web page meanwhile: reported, never undone, never sent again."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from campaign_lab import START, Lab, at, rows, swept
from msgspec import structs

from postiz_async import CampaignStatus, NewPost
from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._cli.results import report_result
from postiz_async._delivery.outcomes import RowState
from postiz_async._sandbox import Fault
from postiz_async.errors import CampaignError


async def look(lab: Lab) -> tuple[dict[str, int], dict[str, RowRecord]]:
    """A sweep on demand, and the rows by content."""
    creates = len(lab.sandbox.creates)
    async with lab.client() as postiz:
        found = await swept(postiz, lab)
    assert len(lab.sandbox.creates) == creates
    records = read_summary(lab.journal).rows
    return found, {f"post {record.number - 1}": record for record in records}


def ids(lab: Lab) -> dict[str, str]:
    return {post.content: post.id for post in lab.sandbox.posts}


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000)


async def test_tags_that_postiz_does_not_know_are_reported(tmp_path: Path) -> None:
    lab = Lab(tmp_path, tags=["news"])
    async with lab.sandbox:
        channel = lab.channel("mastodon")
        records = rows([channel], 3)
        records[0]["tags"], records[1]["tags"] = "news;nwes", "nwes"
        lab.write(records)
        async with lab.client() as postiz, lab.campaign(postiz) as campaign:
            assert (await campaign.run()).complete
        found, after = await look(lab)
        assert found == {"untagged": 2, "fine": 1}
        assert [row.finding for row in after.values()] == ["untagged", "untagged", ""]
        remark = (
            "stored without the tag 'nwes': Postiz does not seem to know it; make it there and add "
            "it to the post"
        )
        assert [row.remark for row in after.values()] == [remark, remark, ""]
        lab.sandbox.add_tag("nwes")  # and somebody adds it to one of the posts
        tags = tuple(lab.sandbox.organization.tags)
        lab.sandbox.change_post(after["post 0"].post_id or "", tags=tags)
        found, after = await look(lab)
        assert found == {"untagged": 1, "fine": 2}
        assert [row.finding for row in after.values()] == ["", "untagged", ""]


async def test_a_row_without_its_tag_is_told_wherever_its_result_is(tmp_path: Path) -> None:
    evil = "=1+1<b>;x\x1b[31m"
    lab = Lab(tmp_path)
    async with lab.sandbox:
        records = rows([lab.channel("mastodon")], 3)
        records[1]["tags"] = [evil]
        lab.write(records)
        report = await lab.run()
        status = CampaignStatus.read(lab.path, journal=lab.journal)
    assert report.complete
    assert [row.number for row in report.troubles()] == [2]
    (line,) = [line for line in report.to_records() if line["reason"]]
    assert line["reason"] == report_result(report)["rows"][1]["remark"]
    assert (line["number"], line["state"]) == (2, "stored")
    page = status.html_report()
    assert ">1 untagged</span> Postiz leaves out tags" in page
    assert "&lt;b&gt;" in page
    assert "<b>;" not in page
    assert "\x1b" not in page


async def test_a_tag_that_is_corrected_in_the_file_is_put_right_by_a_run(
    tmp_path: Path,
) -> None:
    lab = Lab(tmp_path, tags=["news"])
    async with lab.sandbox:
        records = rows([lab.channel("mastodon")], 2)
        records[0] |= {"tags": "nwes", "ref": "a"}
        lab.write(records)
        await lab.run()
        lab.write([records[0] | {"tags": "news"}, records[1]])
        report = await lab.run()
    assert [row.finding for row in report.rows] == ["", ""]


async def test_what_nobody_touched_is_fine(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 12))
    report = await lab.run()
    assert report.troubles() == []
    found, _ = await look(lab)
    assert found == {"fine": 12}


@pytest.mark.parametrize("release", ["HEAD", "v2.20.0"])
async def test_what_people_delete_move_and_edit_is_reported_and_left(
    tmp_path: Path, release: str
) -> None:
    lab = Lab(tmp_path, release=release)
    async with lab.sandbox:
        channels = [lab.channel(provider) for provider in ("mastodon", "telegram", "threads")]
        lab.write(rows(channels, 12))
        await lab.run()
        known = ids(lab)
        async with lab.client() as person:
            await person.posts.delete(known["post 3"])
        there = datetime.fromisoformat(at(5_000))
        lab.sandbox.change_post(known["post 4"], date=milliseconds(there))
        second = datetime.fromisoformat(at(24))
        lab.sandbox.change_post(known["post 5"], date=milliseconds(second), content="edited")
        for _ in range(2):  # the same at each look
            found, records = await look(lab)
            assert found == {"fine": 9, "edited": 2, "deleted": 1}
            assert records["post 3"].finding is Finding.DELETED
            assert records["post 4"].finding is Finding.EDITED
            assert "to 2027-07-28 16:00 UTC; it is left there" in records["post 4"].remark
            assert records["post 4"].seconds == there.timestamp()
            assert records["post 5"].remark == "edited in Postiz; it is left as it is"
            assert {record.state for record in records.values()} == {RowState.STORED}
        report = await lab.run()
        assert len(report.troubles()) == 3
        assert Counter(row.finding for row in report.rows)[Finding.NOTHING] == 9
        assert "deleted,deleted in Postiz" in report.to_csv()
    contents = [f"post {n}" for n in range(12) if n not in {3, 5}]
    lab.assert_each_once([*contents, "edited"])


async def test_what_somebody_makes_a_draft_is_not_called_fine(
    lab: Lab, channels: list[str]
) -> None:
    records = rows(channels, 4)
    records[3] |= {"type": "draft"}
    lab.write(records)
    await lab.run()
    lab.sandbox.change_post(ids(lab)["post 1"], state="DRAFT")
    found, after = await look(lab)
    assert found == {"fine": 3, "draft": 1}
    assert [row.finding for row in after.values()] == ["", "draft", "", ""]
    assert "made a draft in Postiz" in after["post 1"].remark
    lab.sandbox.change_post(ids(lab)["post 1"], state="QUEUE")
    found, after = await look(lab)
    assert found == {"fine": 4}
    assert after["post 1"].finding == ""


async def test_a_draft_that_is_adopted_is_told_as_one(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 3))
    await lab.run()
    lab.sandbox.change_post(ids(lab)["post 1"], state="DRAFT")
    lab.journal.unlink()
    await lab.run(existing="adopt")
    _, after = await look(lab)
    assert [row.finding for row in after.values()] == ["", "draft", ""]


async def test_the_run_itself_ends_with_a_look(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 36))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        seen = 0
        async for outcome in campaign.run():
            seen += 1
            if seen == 1:
                lab.sandbox.change_post(outcome.post_id or "", deleted_at=1)
    assert seen == 36
    report = await campaign.report()
    assert [row.finding for row in report.troubles()] == [Finding.DELETED]
    assert len(lab.sandbox.posts) == 35


async def test_a_move_that_is_undone_is_forgotten(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 3))
    await lab.run()
    post = lab.sandbox.posts[0]
    lab.sandbox.change_post(post.id, date=milliseconds(post.date + timedelta(hours=3)))
    assert (await look(lab))[0] == {"fine": 2, "edited": 1}
    lab.sandbox.change_post(post.id, date=milliseconds(post.date))
    found, records = await look(lab)
    assert found == {"fine": 3}
    assert {(r.finding, r.remark) for r in records.values()} == {(Finding.NOTHING, "")}
    assert records[post.content].seconds == START.timestamp() + 86_400


async def test_of_a_deleted_channel_nothing_is_said_but_its_name(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 12))
    await lab.run()
    async with lab.client() as person:
        await person.channels.delete(channels[1])
    found, records = await look(lab)
    assert found == {"fine": 8, "hidden": 4}
    hidden = [record for record in records.values() if record.finding is Finding.HIDDEN]
    assert {record.channel for record in hidden} == {channels[1]}
    assert (await lab.run()).counts == {"stored": 12}


def copy(lab: Lab, post_id: str, **changes: object) -> str:
    """A row beside another, as a request that was carried out twice leaves it."""
    posts = lab.sandbox.organization.posts
    double = structs.replace(posts.get(post_id), id="z" + post_id, **changes)
    posts.put(double)
    return double.id


async def test_a_double_of_ours_is_deleted_by_its_own_group(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 6))
    await lab.run()
    copy(lab, ids(lab)["post 2"], group="another")
    found, records = await look(lab)
    assert found == {"fine": 5, "deduplicated": 1}
    assert "was deleted" in records["post 2"].remark
    lab.assert_each_once(f"post {n}" for n in range(6))
    assert (await look(lab))[0] == {"fine": 6}


@pytest.mark.parametrize(
    "changes",
    [
        {"content": "edited", "group": "another"},
        {"state": "PUBLISHED", "group": "another"},
        {},  # of the same group: deleting it would delete both
    ],
)
async def test_a_double_that_may_be_more_than_that_is_reported(
    lab: Lab, channels: list[str], changes: dict[str, object]
) -> None:
    lab.write(rows(channels, 6))
    await lab.run()
    double = copy(lab, ids(lab)["post 2"], **changes)
    found, records = await look(lab)
    assert found == {"fine": 5, "doubled": 1}
    assert f"is stored twice, as {double} too" in records["post 2"].remark
    assert len(lab.sandbox.posts) == 7


async def test_a_double_that_is_due_soon_is_reported(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 3))
    await lab.run()
    copy(lab, ids(lab)["post 2"], group="another")
    await lab.clock.sleep(24 * 3_600 - 300)
    found, _ = await look(lab)
    assert found == {"fine": 2, "doubled": 1}
    assert len(lab.sandbox.posts) == 4


async def test_another_hosts_earlier_double_stays_and_becomes_the_rows(
    lab: Lab, channels: list[str]
) -> None:
    """So that no two hosts delete each other's: the one that was stored first stays."""
    lab.write(rows(channels, 6))
    await lab.run()
    own = ids(lab)["post 2"]
    earlier = earlier_copy(lab, own)
    found, records = await look(lab)
    assert found == {"fine": 5, "deduplicated": 1}
    assert records["post 2"].post_id == earlier
    assert records["post 2"].finding is Finding.DEDUPLICATED
    assert f"{own} was deleted" in records["post 2"].remark
    lab.assert_each_once(f"post {n}" for n in range(6))
    assert (await look(lab))[0] == {"fine": 6}


async def test_a_whole_post_is_not_deleted_for_another_hosts_half_thread(
    lab: Lab, channels: list[str]
) -> None:
    """That host died in the middle of its request: only it could tell that its post is whole."""
    records = rows(channels, 6)
    records[2]["thread"] = ["second"]
    lab.write(records)
    await lab.run()
    own = ids(lab)["post 2"]
    half = earlier_copy(lab, own)
    for _ in range(2):
        found, records = await look(lab)
        assert found["doubled"] == 1
        assert records["post 2"].post_id == own
        assert records["post 2"].finding is Finding.DOUBLED
        assert f"is stored twice, as {half} too" in records["post 2"].remark
        assert len(lab.sandbox.posts) == 7


def earlier_copy(lab: Lab, post_id: str) -> str:
    """What another host stored of the same row a moment before, without a thread."""
    posts = lab.sandbox.organization.posts
    post = posts.get(post_id)
    at = post.date + (1 if post.date % 1_000 < 999 else -1)
    double = structs.replace(post, id="a" + post_id, group="another", date=at)
    posts.put(double)
    return double.id


@pytest.mark.parametrize("milliseconds", [0, 1])
async def test_an_equal_post_of_somebody_else_is_left_alone(
    lab: Lab, channels: list[str], milliseconds: int
) -> None:
    lab.write(rows(channels, 3))
    await lab.run()
    moment = datetime.fromisoformat(at(24)) + timedelta(milliseconds=milliseconds)
    async with lab.client() as person:
        (theirs,) = await person.posts.schedule(NewPost(channels[0], "post 0"), at=moment)
    found, records = await look(lab)
    assert found == {"fine": 2, "equal": 1}
    assert theirs.post_id in records["post 0"].remark
    assert len(lab.sandbox.posts) == 4


async def test_a_lost_request_is_left_to_the_next_run(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 6))
    lab.sandbox.faults.add(Fault("drop_answer", route="create_post"))

    assert await lab.killed(lambda _, die: lab.clock.call_at(lab.clock.monotonic() + 5, die))
    assert {record.state for record in read_summary(lab.journal).rows} == {RowState.UNKNOWN}
    found, records = await look(lab)
    assert found == {}
    assert {record.state for record in records.values()} == {RowState.UNKNOWN}
    assert (await lab.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(6))


async def test_a_half_made_post_is_made_whole_beside_rows_in_doubt(
    lab: Lab, channels: list[str]
) -> None:
    """A run that begins with a sweep leaves what is to be looked up to the look-up."""
    records = rows(channels, 6)
    records[5]["thread"] = ["second", "third"]
    lab.write(records)
    lab.sandbox.faults.add(Fault("stop", route="create_post", after_items=5, half=True))
    assert await lab.killed(lambda _, die: lab.clock.call_at(lab.clock.monotonic() + 5, die))
    async with await Journal.open(
        lab.journal, campaign=str(lab.path), base_url="http://sandbox.invalid/public/v1"
    ) as journal:
        (row, *_) = (await journal.rows()).values()
        ghost = replace(row, ref="in doubt", number=99, state=RowState.UNDECIDED)
        await journal.put([ghost])
    assert await lab.killed(lambda _, die: lab.clock.call_at(lab.clock.monotonic() + 5, die))
    await lab.run()
    lab.assert_each_once(f"post {n}" for n in range(6))
    posts = {post.content: post for post in lab.sandbox.posts}
    assert len(posts["post 5"].thread) == 2
    assert all(post.has_job for post in posts.values())


async def test_it_needs_a_journal_that_nobody_works_on(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 3))
    async with lab.client() as postiz:
        with pytest.raises(CampaignError, match="has not been run"):
            await swept(postiz, lab)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.run()
        with pytest.raises(CampaignError, match="Another process"):
            await swept(postiz, lab)
        assert {row.finding for row in (await campaign.status()).report.rows} == {""}


async def test_a_look_that_fails_does_not_undo_the_run(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 3))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        async for _ in campaign.run():
            lab.sandbox.faults.add(Fault("error_before", route="list_posts", times=None))
    assert (await campaign.report()).complete
    assert campaign.remarks[0] == (
        "What people did to the posts since could not be looked at; look later with postiz-async "
        "status. The reason: 500: Internal server error"
    )
