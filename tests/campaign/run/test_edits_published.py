"""Rows without a date of their own that change after their posts were published."""

from __future__ import annotations

from pathlib import Path

import pytest
from slots_lab import SlotsLab, nth, slots


@pytest.fixture
def lab(tmp_path: Path) -> SlotsLab:
    return SlotsLab(tmp_path, limit=300)


async def test_a_published_slot_row_is_not_sent_again_when_its_channel_or_text_is_written_anew(
    lab: SlotsLab,
) -> None:
    lab.channel("x", name="News")
    row = {"channel": "News", "content": "our new opening hours"}
    lab.write([row, *slots(["x"], 3)])
    await lab.run()
    await lab.clock.sleep(2 * 86_400)
    before = lab.dates()
    for edit in ({}, {"channel": "x"}, {"channel": "twitter", "content": "Our new opening hours!"}):
        lab.write([row | edit, *slots(["X"], 3)])
        report = await lab.run()
        assert lab.dates() == before
        assert len(report.rows) == 4
    lab.write([row | {"content": "Our new opening hours!"}, *slots(["X"], 5)])
    await lab.run()
    assert lab.dates() == before | {"slot 3": [nth(4)], "slot 4": [nth(5)]}
    await lab.run(as_new=True)
    assert lab.dates()["Our new opening hours!"] == [nth(6)]


async def test_another_zone_sends_no_published_words_again(lab: SlotsLab) -> None:
    lab.channel("mastodon")
    lab.write([{"channel": "mastodon", "date": "friday 14:00", "content": "a"}])
    await lab.run(timezone="Europe/Berlin")
    await lab.clock.sleep(2 * 86_400)
    before = lab.dates()
    await lab.run(timezone="Asia/Tokyo")
    assert lab.dates() == before
