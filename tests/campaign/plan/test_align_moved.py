"""Dates that move so that posts share requests: what is sent, resumed, reported; exact seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
from campaign_lab import START, Lab, Watched, at

from postiz_async import CampaignError, ConfigurationError
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._delivery.outcomes import RowState
from postiz_async._sandbox import Fault


def staggered(channels: list[str], rounds: int, **cells: str) -> list[dict[str, Any]]:
    """Each channel posts every hour, five minutes after the one before."""
    return [
        {
            "channel": channel,
            "date": at(24 + hour + n / 12),
            "content": f"post {hour} {n}",
            "ref": f"{hour}-{n}",
        }
        | cells
        for hour in range(rounds)
        for n, channel in enumerate(channels)
    ]


def moves(rows: Iterable[RowRecord]) -> dict[str, float]:
    """Seconds by which the dates of rows differ from what the campaign asks for."""
    return {r.ref: r.seconds - r.asked_seconds for r in rows if r.asked_seconds is not None}


def contents(rounds: int) -> list[str]:
    return [f"post {hour} {n}" for hour in range(rounds) for n in range(3)]


async def test_posts_share_requests_and_both_dates_are_told(lab: Lab, channels: list[str]) -> None:
    lab.write(staggered(channels, 4))
    async with lab.client() as postiz, lab.campaign(postiz, align="15m") as campaign:
        forecast = await campaign.plan()
        assert (forecast.requests, len(forecast.moved)) == (4, 8)
        written, moved = forecast.estimates
        assert (written.align, written.requests) == (None, 12)
        assert (moved.align, moved.requests) == (timedelta(minutes=15), 4)
        report = await campaign.run()
    assert report.complete
    assert lab.creates == [201] * 4
    lab.assert_each_once(contents(4))
    assert len(moves(report.rows)) == len(report.moved) == 8
    assert all(0 < abs(by) <= 900 for by in moves(report.rows).values())
    assert not report.troubles()
    dates = {post.content: post.date.replace(microsecond=0) for post in lab.sandbox.posts}
    for row in report.rows:
        hour, n = row.ref.split("-")
        assert dates[f"post {hour} {n}"] == row.at


async def test_a_row_may_say_itself_how_far(lab: Lab, channels: list[str]) -> None:
    lab.write(staggered(channels, 2, tolerance="10m"))
    report = await lab.run()
    assert report.complete
    assert lab.creates == [201] * 2


async def test_what_was_not_asked_for_is_suggested(lab: Lab, channels: list[str]) -> None:
    lab.write(staggered(channels, 4))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        forecast = await campaign.plan()
    assert (forecast.requests, forecast.moved) == (12, ())
    assert [each.requests for each in forecast.estimates] == [12, 4]


@pytest.mark.parametrize("align", ["8d", "soon", timedelta(seconds=-1)])
async def test_no_date_moves_by_such_a_time(lab: Lab, align: timedelta | str) -> None:
    async with lab.client() as postiz:
        with pytest.raises(ConfigurationError):
            lab.campaign(postiz, align=align)


@pytest.mark.parametrize("kind", ["drop_answer", "reset"])
@pytest.mark.parametrize("again", ["15m", "0"])
async def test_a_date_that_was_sent_stays_whatever_the_next_run_is_told(
    lab: Lab, channels: list[str], kind: Any, again: str
) -> None:
    lab.write(staggered(channels, 1))
    lab.sandbox.faults.add(Fault(kind, route="create_post"))

    def in_five_seconds(_: Watched, die: Callable[[], None]) -> None:
        lab.clock.call_at(lab.clock.monotonic() + 5, die)

    assert await lab.killed(in_five_seconds, align="15m")
    before = read_summary(lab.journal).rows
    assert {row.state for row in before} == {RowState.UNKNOWN}
    assert len(moves(before)) == 2
    report = await lab.run(align=again)
    assert report.complete
    assert moves(report.rows) == moves(before)
    lab.assert_each_once(contents(1))
    assert len({post.date for post in lab.sandbox.posts}) == 1


async def test_a_row_that_was_edited_while_its_request_was_lost_gets_what_it_asks_for(
    lab: Lab, channels: list[str]
) -> None:
    records = staggered(channels, 1)
    lab.write(records)
    lab.sandbox.faults.add(Fault("reset", route="create_post"))

    def in_five_seconds(_: Watched, die: Callable[[], None]) -> None:
        lab.clock.call_at(lab.clock.monotonic() + 5, die)

    assert await lab.killed(in_five_seconds, align="15m")
    records[1] |= {"date": at(48), "content": "edited"}
    lab.write(records)
    report = await lab.run()
    assert report.complete
    assert not [row for row in report.rows if row.finding is Finding.CHANGED]
    edited = next(post for post in lab.sandbox.posts if post.content == "edited")
    assert edited.date.replace(microsecond=0) == START + timedelta(hours=48)
    lab.assert_each_once(["post 0 0", "edited", "post 0 2"])


async def test_a_row_that_missed_its_new_date_goes_at_the_one_it_asks_for(
    lab: Lab, channels: list[str]
) -> None:
    """The server is away until after the date that the rows share, not until their own."""
    lab.write(staggered(channels, 1))
    async with lab.client() as postiz, lab.campaign(postiz, align="15m") as campaign:
        (request,) = campaign.requests
        lab.clock.advance(request.date.timestamp() - lab.clock.time() + 1)
        report = await campaign.run()
    assert {row.ref: row.state for row in report.rows} == {
        "0-0": RowState.LATE,
        "0-1": RowState.LATE,
        "0-2": RowState.STORED,
    }
    assert not moves(report.rows)


@pytest.mark.parametrize("moved", ["15m", "0"])
async def test_without_a_journal_moved_posts_are_recognised_too(
    lab: Lab, channels: list[str], moved: str
) -> None:
    lab.write(staggered(channels, 3))
    await lab.run(align=moved)
    for path in lab.folder.glob("campaign.journal*"):
        path.unlink()
    with pytest.raises(CampaignError, match="9 rows are in Postiz already"):
        await lab.run(align="15m")
    report = await lab.run(align="15m", existing="adopt")
    assert report.complete
    assert len(moves(report.rows)) == (6 if moved == "15m" else 0)
    lab.assert_each_once(contents(3))
