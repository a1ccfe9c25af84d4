"""Campaigns: a file below one folder is planned, run in the background, looked at, undone."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import anyio.to_thread

from postiz_async import Campaign, CampaignError, CampaignStatus
from postiz_async.contrib.mcp import _inputs as given
from postiz_async.contrib.mcp._desk import Desk, count_of
from postiz_async.contrib.mcp._files import find_below
from postiz_async.contrib.mcp._plans import Answer, ToolError

log = logging.getLogger("postiz_async.mcp")

SHOWN_PROBLEMS = 10
"""Problems that an answer lists."""


class Campaigns:
    """The tools' work with campaigns.

    Args:
        desk: the client and the options.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._runs: dict[Path, asyncio.Task[None]] = {}

    async def aclose(self) -> None:
        """Stop the runs; what is in flight ends first, and a later run goes on."""
        for task in self._runs.values():
            task.cancel()
        await asyncio.gather(*self._runs.values(), return_exceptions=True)

    def _file(self, name: str) -> Path:
        if not name:
            raise ToolError("Give file, or confirm with the id of a plan.")
        return find_below(self._desk.options.campaigns, name, "--campaigns")

    @asynccontextmanager
    async def _opened(self, file: Path, timezone: str) -> AsyncGenerator[Campaign]:
        root = self._desk.options.media_root
        campaign = self._desk.postiz.campaign(
            file, timezone=timezone or None, media_root=() if root is None else root
        )
        async with campaign:
            usable = await self._desk.usable()
            foreign = [each.id for each in campaign.channels if not usable(each.id)]
            if foreign:
                raise ToolError(f"This server may not use the channel {foreign[0]} of {file.name}.")
            yield campaign

    async def plan(self, args: given.CampaignArgs) -> Answer:
        file = self._file(args.file)
        async with self._opened(file, args.timezone) as campaign:
            if campaign.problems:
                said = [str(each) for each in campaign.problems[:SHOWN_PROBLEMS]]
                number = count_of(len(campaign.problems), "problem")
                raise ToolError(f"{file.name} has {number}: change these.", problems=said)
            forecast = await campaign.plan()
            await self._refuse_more(campaign)
            quota = await self._desk.postiz.quota()
            return {
                "message": f"{count_of(forecast.posts, 'post')} left to send of {file.name}.",
                "posts": forecast.posts,
                "requests": forecast.requests,
                "slots_left": quota.remaining,
                "windows": forecast.windows,
                "finish": forecast.finish,
                "late": len(forecast.late),
                "warnings": [str(each) for each in campaign.warnings[:SHOWN_PROBLEMS]],
            }

    async def _refuse_more(self, campaign: Campaign) -> None:
        """Refuse a campaign with more posts on one day than are allowed."""
        most = self._desk.options.most_posts_a_day
        rows = [row for request in campaign.requests for row in request.rows]
        if most is None or not rows:
            return
        days = Counter(row.date.astimezone(UTC).date() for row in rows)
        start = datetime.combine(min(days), datetime.min.time(), UTC)
        end = datetime.combine(max(days), datetime.max.time(), UTC)
        async for post in self._desk.postiz.posts.list(start=start, end=end):
            days[post.publish_date.astimezone(UTC).date()] += 1
        day, number = max(days.items(), key=lambda each: each[1])
        if number > most:
            raise ToolError(
                f"That would be {number} posts on {day} (UTC), and this server allows {most} a "
                "day; nothing was sent. Spread the dates of the file."
            )

    async def plan_run(self, args: given.CampaignRunArgs) -> tuple[given.FixedCampaign, Answer]:
        """Plan a run; what is confirmed later is the file as it is now."""
        file = self._file(args.file)
        digest = await _digest(file)
        answer = await self.plan(given.CampaignArgs(file=args.file, timezone=args.timezone))
        said = {name: value for name, value in answer.items() if name != "message"}
        return given.FixedCampaign(file=str(file), timezone=args.timezone, digest=digest), said

    async def run(self, args: given.FixedCampaign) -> Answer:
        """Run a campaign in the background; the rows of one that is stopped are sent once."""
        file = Path(args.file)
        task = self._runs.get(file)
        if task is None or task.done():
            if await _digest(file) != args.digest:
                raise ToolError(f"{file.name} was changed since the plan; plan again.")
            self._runs[file] = asyncio.create_task(self._carry_out(file, args.timezone))
        return {
            "message": f"{file.name} is being sent while this server runs; see campaign_status.",
            "running": True,
        }

    async def _carry_out(self, file: Path, timezone: str) -> None:
        try:
            async with self._opened(file, timezone) as campaign:
                await campaign.run()
        except Exception:  # which campaign_status tells too, if it is asked
            log.exception("the run of %s has stopped", file.name)
            raise

    async def status(self, args: given.CampaignArgs) -> Answer:
        file = self._file(args.file)
        task = self._runs.get(file)
        running = task is not None and not task.done()
        failure = task.exception() if task is not None and task.done() else None
        try:
            status = await anyio.to_thread.run_sync(partial(CampaignStatus.read, file))
        except CampaignError:
            if not running and failure is None:
                raise
            counts, requests, complete = {}, 0, False  # it has not begun yet
        else:
            report = status.report
            counts, requests, complete = report.counts, report.requests, report.complete
        said = "being sent" if running else "complete" if complete else "not complete"
        return {
            "message": f"{file.name} is {said}.",
            "running": running,
            "complete": complete,
            "rows": counts,
            "requests": requests,
            "stopped_by": "" if failure is None else " ".join(str(failure).split()),
        }

    async def plan_undo(self, args: given.CampaignRunArgs) -> tuple[given.FixedCampaign, Answer]:
        """Say which posts an undo would delete."""
        file = self._file(args.file)
        self._refuse_running(file)
        async with self._desk.postiz.sent_campaign(file) as campaign:
            undone = await campaign.undo(dry_run=True)
        usable = await self._desk.usable()
        if not all(usable(row.channel) for row in undone.rows):
            raise ToolError(f"{file.name} has posts on channels that this server may not use.")
        return given.FixedCampaign(file=str(file)), {
            "deletes": len(undone.rows),
            "stay": {why: len(rows) for why, rows in undone.left.items()},
            "requests": 0,
        }

    async def undo(self, args: given.FixedCampaign) -> Answer:
        """Delete the posts of a campaign that are still to come."""
        file = Path(args.file)
        self._refuse_running(file)
        async with self._desk.postiz.sent_campaign(file) as campaign:
            undone = await campaign.undo()
        return {
            "message": f"{count_of(len(undone.rows), 'post')} of {file.name} deleted.",
            "deleted": len(undone.rows),
            "stay": {why: len(rows) for why, rows in undone.left.items()},
        }

    def _refuse_running(self, file: Path) -> None:
        task = self._runs.get(file)
        if task is not None and not task.done():
            raise ToolError(f"{file.name} is being sent; wait until campaign_status says it ended.")


async def _digest(file: Path) -> str:
    content = await anyio.to_thread.run_sync(file.read_bytes)
    return hashlib.sha256(content).hexdigest()
