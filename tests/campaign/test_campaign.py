"""A plan looks in Postiz as a run does, and says what is there already."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import WITH_DOUBLES, Lab, at

from postiz_async._campaign.campaign import Campaign
from postiz_async._campaign.plan.plan import Forecast
from postiz_async.errors import CampaignError


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    async with made.sandbox:
        made.channel("mastodon", id="c1", name="Our page")
        made.channel("telegram", id="c2")
        made.channel("discord", id="c3")
        yield made


def row(hours: float, content: str, channel: str = "c1", **cells: Any) -> dict[str, Any]:
    return {"channel": channel, "date": at(hours), "content": content} | cells


async def planned(lab: Lab, **options: Any) -> tuple[Forecast, Campaign]:
    async with lab.client() as postiz, lab.campaign(postiz, **options) as campaign:
        return await campaign.plan(), campaign


async def stored_elsewhere(lab: Lab, rows: list[dict[str, Any]]) -> None:
    """By another campaign, of which there is no journal here."""
    other = Lab.host(lab, "elsewhere") if lab.path.exists() else None
    if other is None:
        lab.write([])
        other = lab.host("elsewhere")
    other.write(rows)
    assert (await other.run(name="theirs")).complete


def lists(lab: Lab) -> int:
    return sum("/posts?" in request.url for request in lab.transport.sent)


ROWS = [row(24, "one"), row(25, "two", "c2"), row(26, "three"), row(300, "four")]


async def test_a_plan_refuses_what_a_run_refuses(lab: Lab) -> None:
    await stored_elsewhere(lab, ROWS[:2])
    lab.write(ROWS)
    refusals: list[str] = []
    for name in ("plan", "run"):
        with pytest.raises(
            CampaignError, match=r"^2 rows are in Postiz already \(1, 2:"
        ) as refused:
            async with lab.client() as postiz, lab.campaign(postiz) as campaign:
                await getattr(campaign, name)()
        refusals.append(str(refused.value))
    assert refusals[0] == refusals[1]
    assert not lab.journal.exists()

    forecast, campaign = await planned(lab, existing="adopt")
    assert (forecast.posts, forecast.requests) == (2, 2)
    assert [row.number for row in campaign.adopted] == [1, 2]
    said = [(c.channel.id, c.in_postiz, c.posts, c.first, c.last) for c in campaign.by_channel]
    dates = [request.date for request in campaign.requests]
    assert said == [("c1", 1, 2, *dates), ("c2", 1, 0, None, None)]
    creates = len(lab.creates)
    assert (await lab.run(existing="adopt")).complete
    assert len(lab.creates) == creates + forecast.requests

    forecast, campaign = await planned(lab)
    assert (forecast.posts, campaign.adopted) == (0, [])
    assert [(each.in_postiz, each.posts) for each in campaign.by_channel] == [(3, 0), (1, 0)]


async def test_a_plan_says_what_is_sent_once_more(lab: Lab) -> None:
    await stored_elsewhere(lab, ROWS[:1])
    lab.write(ROWS)
    forecast, campaign = await planned(lab, existing="again")
    (warning,) = campaign.warnings
    assert (warning.row, forecast.posts) == (1, 4)
    assert warning.message.startswith("is in Postiz already, and is sent once more")


async def test_a_plan_with_an_old_journal_adopts_as_a_run_does(lab: Lab) -> None:
    """What another host stored of this campaign is known by its mark, and not planned again."""
    lab.write([row(24, "first"), *ROWS])
    assert (await lab.run(skip_invalid=True)).complete
    old = lab.journal.read_bytes()
    lab.write([row(24, "first"), *ROWS, row(27, "five"), row(28, "six")])
    assert (await lab.run()).complete
    lab.journal.write_bytes(old)
    lab.write([row(24, "first"), *ROWS, row(27, "five"), row(28, "six"), row(29, "seven")])
    with pytest.raises(CampaignError, match=r"^2 rows are in Postiz already"):
        await planned(lab)
    forecast, campaign = await planned(lab, existing="adopt")
    assert (forecast.posts, [each.number for each in campaign.adopted]) == (1, [6, 7])
    assert lab.journal.read_bytes() == old


async def test_the_same_text_in_postiz_within_a_day_is_a_warning(lab: Lab) -> None:
    theirs = [row(24, "Good <b>morning</b> & hello"), row(24, "other", "c2")]
    theirs += [row(24, "to a forum", "c3", settings={"channel": "general"})]
    await stored_elsewhere(lab, theirs)
    ours = [
        row(47.5, "Good <b>morning</b> & hello"),
        row(48, "Good <b>morning</b> & hello"),
        row(26, "other"),
        row(26, "Other", "c2"),
        row(26, "to a forum", "c3", settings={"channel": "news"}),
    ]
    lab.write(ours)
    _, campaign = await planned(lab)
    first = next(post for post in lab.sandbox.posts if post.content.startswith("<p>Good"))
    told = [(each.row, each.message) for each in campaign.warnings if "Postiz" in each.message]
    when = "23 h 30 min earlier on the same channel"
    assert told == [(1, f"has the same text as the post {first.id} in Postiz, {when}")]
    _, campaign = await planned(lab, reading=WITH_DOUBLES)
    assert campaign.warnings == ()
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert (await campaign.run()).complete
        assert any("in Postiz" in each.message for each in campaign.warnings)


async def test_a_repeating_post_in_postiz_is_seen_on_each_of_its_days(lab: Lab) -> None:
    await stored_elsewhere(lab, [row(24, "daily", repeat_days=1)])
    lab.write([row(24 * 5 + 2, "daily"), row(24 * 7, "daily"), row(0.5, "daily")])
    _, campaign = await planned(lab)
    assert [each.message.partition(" in Postiz, ")[2] for each in campaign.warnings] == [
        "2 h earlier on the same channel",
        "at the same moment on the same channel",
        "23 h 30 min later on the same channel",
    ]


async def test_many_repetitions_are_told_on_one_line(lab: Lab) -> None:
    await stored_elsewhere(lab, [row(24 + n, f"text {n}") for n in range(5)])
    lab.write([row(34 + n, f"text {n}") for n in range(5)])
    _, campaign = await planned(lab)
    assert {each.message for each in campaign.warnings} == {
        "has the same text as a post in Postiz within a day on the same channel"
    }
    assert [each.row for each in campaign.warnings] == [1, 2, 3, 4, 5]


async def test_a_year_is_looked_through_with_few_lists(lab: Lab) -> None:
    """And a run right after its plan does not ask again."""
    lab.write([row(24 * (n + 1), f"day {n}") for n in range(365)])
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        creates = len(lab.creates)
        await campaign.plan()
        assert 0 < lists(lab) <= 12
        assert len(lab.creates) == creates
        after_plan = lists(lab)
        async for _ in campaign.run():
            break
        assert lists(lab) - after_plan <= len(lab.creates) + 5
