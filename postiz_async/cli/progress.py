"""What a person sees while a campaign runs: three bars and the quota."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from postiz_async.cli.output import Output, clock_time, moment
from postiz_async.delivery.journal import State

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from postiz_async.batch.plan import Forecast
    from postiz_async.batch.runner import Outcome
    from postiz_async.batch.session import Batch
    from postiz_async.client import Postiz
    from postiz_async.quota import Quota

__all__ = ["RunDisplay"]

_REFRESH = 0.1
_LINE_EVERY = 10.0
"""Real seconds between two lines where no terminal shows bars."""


class RunDisplay:
    """Bars on a terminal, a line now and then elsewhere."""

    def __init__(
        self, output: Output, postiz: Postiz, batch: Batch, forecast: Forecast, zone: tzinfo = UTC
    ) -> None:
        self._output = output
        self._postiz = postiz
        self._batch = batch
        self._zone = zone
        self._forecast = forecast
        self._states: Counter[State] = Counter()
        self._requests = len(batch.requests)
        self._media = batch.media_files
        self._open = {
            row.ref: i for i, request in enumerate(batch.requests) for row in request.rows
        }
        self._left = Counter(self._open.values())
        self._live: Live | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._rows = max(1, forecast.posts)

    async def __aenter__(self) -> Self:
        if self._output.notes.is_terminal and not self._output.as_json:
            self._live = Live(await self._picture(), console=self._output.notes, auto_refresh=False)
            self._live.start()
        self._ticker = asyncio.create_task(self._tick())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
        if self._live is not None:
            self._live.update(await self._picture(), refresh=True)
            self._live.stop()

    async def saw(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self._states[outcome.state] += 1
        request = self._open.pop(outcome.ref, None)
        if request is not None:
            self._left[request] -= 1

    @property
    def _requests_done(self) -> int:
        return self._requests - sum(1 for left in self._left.values() if left > 0)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH if self._live is not None else _LINE_EVERY)
            if self._live is not None:
                self._live.update(await self._picture(), refresh=True)
            else:
                self._output.say(await self._line())

    async def _line(self) -> str:
        quota = await self._postiz.quota()
        return (
            f"{self._requests_done}/{self._requests} requests, "
            f"{self._states[State.STORED]:,} posts stored; {_quota_text(quota)}"
        )

    async def _picture(self) -> Table:
        quota = await self._postiz.quota()
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="bold")
        grid.add_column(width=24)
        grid.add_column()
        uploads = self._batch.uploads_done
        grid.add_row("uploads", _bar(uploads, self._media), f"{uploads}/{self._media} files")
        done = self._requests_done
        grid.add_row("requests", _bar(done, self._requests), f"{done}/{self._requests}")
        grid.add_row("posts", _bar(sum(self._states.values()), self._rows), self._posts_text())
        grid.add_row("quota", _gauge(quota), _quota_text(quota))
        return grid

    def _posts_text(self) -> Text:
        text = Text(f"{self._states[State.STORED]:,} stored", style="green")
        for state in (State.REFUSED, State.LATE, State.UNDECIDED):
            if self._states[state]:
                text.append(f"   {self._states[state]:,} {state.value}", style="red")
        if sum(self._states.values()) < self._rows:
            finish = max(self._forecast.finish.timestamp(), self._postiz.clock.time())
            text.append(f"   done about {moment(finish, self._zone)}", style="dim")
        else:
            now = datetime.fromtimestamp(self._postiz.clock.time(), self._zone)
            text.append(f"   {moment(now, self._zone)}", style="dim")
        return text


def _bar(done: int, total: int) -> ProgressBar:
    return ProgressBar(
        total=max(1, total),
        completed=done if total else 1,
        width=24,
        complete_style="cyan",
        finished_style="green",
    )


def _gauge(quota: Quota) -> ProgressBar:
    limit, remaining = quota.limit or 1, quota.remaining or 0
    style = "red" if quota.blocked else "yellow"
    return ProgressBar(
        total=limit,
        completed=remaining,
        width=24,
        complete_style=style,
        finished_style=style,
    )


def _quota_text(quota: Quota) -> str:
    if quota.blocked:
        return f"locked out, next request in {clock_time(quota.blocked_for)}"
    if quota.limit is None:
        return "quota not read yet"
    window = ""
    if quota.resets_in is not None:
        window = f", next window in {clock_time(quota.resets_in)}"
    return f"{quota.remaining} of {quota.limit} requests left{window}"
