"""What became of a campaign: as its journal has it, and as Postiz has it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from campaign_lab import Lab, rows

from postiz_async import CampaignError, CampaignStatus, Postiz, ReadOptions
from postiz_async._cli.results import status_result
from postiz_async.types import RowState


@pytest.fixture
async def lab(tmp_path: Path) -> Lab:
    """A campaign of three posts that were stored."""
    lab = Lab(tmp_path)
    lab.write(rows([lab.channel("mastodon")], 3))
    await lab.run()
    return lab


async def test_the_journal_tells_it_while_a_run_holds_it(lab: Lab) -> None:
    async with lab.client() as postiz, postiz.sent_campaign(lab.path):
        status = CampaignStatus.read(lab.path)
    assert {row.state for row in status.report.rows} == {RowState.STORED}
    assert (status.name, status.doubts.requests) == (lab.path.name, 0)
    assert status.quota is not None
    assert status.quota.remaining < status.quota.limit


async def test_the_file_is_compared_with_what_was_sent(lab: Lab) -> None:
    status = CampaignStatus.read(lab.path)
    assert not status.compare().edits.is_open
    text = lab.path.read_text(encoding="utf-8")
    lab.path.write_text(text.replace("post 1", "another text"), encoding="utf-8")
    now = status.compare()
    assert [each.row.content for each in now.edits.changed] == ["another text"]
    assert status_result(status, now)["edits"] is not None


async def test_a_document_has_the_quota_and_what_is_in_doubt(lab: Lab) -> None:
    status = CampaignStatus.read(lab.path)
    said = status_result(status, None)
    assert status.quota is not None
    assert said["quota"] == status.quota._asdict()
    assert said["in_doubt"] is None
    status.doubts.add(2, 1_800_000_000.0)
    date = datetime(2027, 1, 15, 8, tzinfo=UTC)
    said = status_result(status, None)
    assert said["in_doubt"] == {"requests": 1, "posts": 2, "certain_at": date}


async def test_a_file_that_is_gone_cannot_be_compared_but_reported(lab: Lab) -> None:
    status = CampaignStatus.read(lab.path)
    assert "post 1" in status.html_report()
    lab.path.unlink()
    with pytest.raises(CampaignError):
        status.compare(reading=ReadOptions())
    page = status.html_report()
    assert "<html" in page
    assert "post 1" in page


def test_there_has_to_be_a_journal(tmp_path: Path) -> None:
    with pytest.raises(CampaignError, match="no journal"):
        CampaignStatus.read(tmp_path / "never.csv")


def change(lab: Lab, content: str, **changes: object) -> None:
    (post,) = [each for each in lab.sandbox.posts if each.content == content]
    lab.sandbox.change_post(post.id, **changes)


async def asked(lab: Lab) -> CampaignStatus:
    async with lab.client() as postiz:
        return await postiz.sent_campaign(lab.path).status()


async def test_postiz_is_asked_and_nothing_is_changed_there(lab: Lab) -> None:
    change(lab, "post 0", state="DRAFT")
    change(lab, "post 1", deleted_at=1)
    before = lab.sandbox.posts
    status = await asked(lab)
    assert [row.finding for row in status.report.rows] == ["draft", "deleted", ""]
    assert (status.report.touched, status.remarks) == (2, ())
    assert status.asked_at is not None
    assert lab.sandbox.posts == before
    assert {each.method for each in lab.transport.sent} == {"GET"}
    known = CampaignStatus.read(lab.path)
    assert known.report == status.report, "the report of later commands has it too"
    assert known.asked_at is None


async def test_beside_a_run_it_is_shown_and_not_written(lab: Lab) -> None:
    change(lab, "post 0", state="DRAFT")
    async with lab.client() as postiz, postiz.sent_campaign(lab.path):
        status = await asked(lab)
    assert status.report.rows[0].finding == "draft"
    assert status.remarks == (
        "A run is at work, so what was found in Postiz is not written into the journal.",
    )
    assert CampaignStatus.read(lab.path).report.rows[0].finding == ""


async def test_what_is_out_is_published_or_failed_or_stuck(lab: Lab) -> None:
    await lab.clock.sleep(7 * 86_400)
    change(lab, "post 1", state="ERROR")
    change(lab, "post 2", state="QUEUE")
    rows = (await asked(lab)).report.rows
    assert [row.state for row in rows] == ["published", "failed", "stored"]
    assert [row.finding for row in rows] == ["", "", "stuck"]
    assert rows[0].link.startswith("https://")
    assert CampaignStatus.read(lab.path).report.counts == {"published": 1, "failed": 1, "stored": 1}


async def test_a_row_that_is_stored_during_the_look_is_not_called_deleted(lab: Lab) -> None:
    """As by a run of another process, whose posts the list does not have yet."""
    first = [json.loads(line) for line in lab.path.read_text(encoding="utf-8").splitlines()]
    lab.write([*first, *rows([lab.channel("telegram")], 6)])

    async def run_between() -> None:
        async with lab.client() as postiz, lab.campaign(postiz) as campaign:
            await campaign.run()

    async with lab.client() as postiz:
        sent = postiz.sent_campaign(lab.path)
        status, _ = await asyncio.gather(sent.status(), run_between())
    assert {row.finding for row in status.report.rows} == {""}


async def test_another_server_is_not_asked(lab: Lab) -> None:
    async with Postiz(api_key="key", base_url="http://127.0.0.1:9") as postiz:
        status = await postiz.sent_campaign(lab.path).status()
    assert status.asked_at is None
    assert "belongs to http://sandbox.invalid" in status.remarks[0]
    assert status.report.counts == {"stored": 3}
