"""What is done with a campaign after it was sent, with or without its file."""

from __future__ import annotations

from pathlib import Path

import pytest
from campaign_lab import Lab, rows

from postiz_async import CampaignError, ConfigurationError


@pytest.fixture
async def lab(tmp_path: Path) -> Lab:
    """A campaign of four posts that were stored."""
    lab = Lab(tmp_path)
    lab.write(rows([lab.channel("mastodon")], 4))
    await lab.run()
    return lab


async def test_what_is_left_is_undone_without_the_file(lab: Lab) -> None:
    lab.path.unlink()
    async with lab.client() as postiz, postiz.sent_campaign(lab.journal) as sent:
        would = await sent.undo(rows="2-3", dry_run=True)
        assert len(lab.sandbox.posts) == 4
        undone = await sent.undo(rows="2-3")
    assert [row.number for row in undone.rows] == [row.number for row in would.rows] == [2, 3]
    assert len(lab.sandbox.posts) == 2


async def test_rows_are_numbered_as_the_file_has_them_now(lab: Lab) -> None:
    lines = lab.path.read_text(encoding="utf-8").splitlines()
    lab.path.write_text("\n".join(reversed(lines)), encoding="utf-8")
    async with lab.client() as postiz, postiz.sent_campaign(lab.path) as sent:
        last = await sent.undo(rows=[2], dry_run=True)
    async with lab.client() as postiz, postiz.sent_campaign(lab.journal) as sent:
        first = await sent.undo(rows=[2], dry_run=True)
    assert [row.ref for row in last.rows] != [row.ref for row in first.rows]


async def test_rows_that_cannot_be_read_are_not_undone(lab: Lab) -> None:
    text = lab.path.read_text(encoding="utf-8")
    lab.path.write_text(text.replace("2027-", "not a date ", 1), encoding="utf-8")
    async with lab.client() as postiz, postiz.sent_campaign(lab.path) as sent:
        with pytest.raises(CampaignError, match="cannot be read, so it is not certain which posts"):
            await sent.undo(rows="1-4")
    assert len(lab.sandbox.posts) == 4


async def test_rows_are_written_like_this(lab: Lab) -> None:
    async with lab.client() as postiz, postiz.sent_campaign(lab.path) as sent:
        with pytest.raises(ConfigurationError, match="say rows like 3-9 or 2,5,12-14"):
            await sent.undo(rows="all")


async def test_no_other_process_works_with_it_meanwhile(lab: Lab) -> None:
    async with lab.client() as postiz, postiz.sent_campaign(lab.path):
        with pytest.raises(CampaignError):
            async with postiz.sent_campaign(lab.journal):
                raise AssertionError("the journal is locked")


async def test_there_has_to_be_a_journal(tmp_path: Path) -> None:
    async with Lab(tmp_path).client() as postiz:
        with pytest.raises(CampaignError, match="no journal"):
            async with postiz.sent_campaign(tmp_path / "never.csv"):
                raise AssertionError("there is none")
