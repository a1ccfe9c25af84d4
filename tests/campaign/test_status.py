"""How far a campaign is, without a client."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from campaign_lab import Lab, rows

from postiz_async import CampaignError, CampaignStatus, ReadOptions
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
