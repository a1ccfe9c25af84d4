"""A job and a script: campaigns with `await`, and the same without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async import CampaignError, CampaignRow, InvalidPostError, Postiz, blocking

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from postiz_async.types import Forecast, Outcome, Report

__all__ = ["rows", "run", "run_blocking", "texts"]


def rows(channel: str, at: datetime, words: list[str]) -> Iterator[CampaignRow]:
    """A row for each word."""
    for number, word in enumerate(words):
        yield CampaignRow(ref=f"word-{number}", channel=channel, at=at, content=word)


async def run(
    postiz: Postiz, rows: list[CampaignRow], journal: Path
) -> tuple[Forecast, list[Outcome]]:
    """Plan and run, and tell what became of each row."""
    outcomes: list[Outcome] = []
    async with postiz.campaign(rows, journal=journal) as campaign:
        plan = await campaign.plan()
        async for outcome in campaign.run():
            outcomes.append(outcome)  # noqa: PERF401  (as people write it)
    return plan, outcomes


def run_blocking(client: blocking.Postiz, file: Path) -> Report | list[str]:
    """The same in a script: the report, or what is wrong."""
    try:
        with client.campaign(file) as campaign:
            return campaign.run()
    except InvalidPostError as error:
        return [str(problem) for problem in error.problems]
    except CampaignError as error:
        return [str(error)]


async def texts(postiz: Postiz, start: datetime, end: datetime) -> dict[str, str]:
    """Plain texts by id; a client or one with other options will do."""
    return {post.id: post.text async for post in postiz.posts.list(start=start, end=end)}
