"""Show the progress of a campaign while it runs, and until its posts are published."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Coroutine, Sequence
from datetime import tzinfo
from logging import LogRecord
from typing import Self, TypeVar

from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from postiz_async import Campaign, Postiz, Quota
from postiz_async._cli.display import LINE_EVERY, StatusDisplay
from postiz_async._cli.output import Output, count, exit_code_of, near_moment
from postiz_async._cli.signals import SIGNAL_EXIT, run_until_stopped
from postiz_async._cli.waiting import doubt_text, held_for, quota_text, seen_quota
from postiz_async._resources.api import opened
from postiz_async.clock import Clock, SystemClock
from postiz_async.errors import PostizError
from postiz_async.models._durations import describe_seconds
from postiz_async.types import CampaignChanges, Doubts, Outcome, Row, RowState

_NONE = CampaignChanges()

T = TypeVar("T")

_OUTAGES = logging.getLogger("postiz_async.campaign.outage")
RARER = 30
"""While a run only waits for the quota, lines are this many times as rare."""
_LABEL = 8
_BAR = 20
_ROOM_FOR_BARS = 80
"""The width of a line with room for bars and the texts next to them."""


class RunDisplay(StatusDisplay):
    """The display of a run: bars on a terminal, or else an occasional line.

    Args:
        output: where to show it.
        postiz: the client whose quota is shown.
        campaign: the campaign.
        open_rows: rows without an outcome yet.
        zone: the zone of the dates.
        changes: what is changed of stored posts.
        line_every: seconds between two lines at least, if there is no terminal.
    """

    def __init__(
        self,
        output: Output,
        postiz: Postiz,
        campaign: Campaign,
        *,
        open_rows: int,
        zone: tzinfo,
        changes: CampaignChanges = _NONE,
        line_every: float = LINE_EVERY,
    ) -> None:
        super().__init__(output, line_every)
        self._said, self._repeats = (0, 0), RARER
        self._postiz = postiz
        self._campaign = campaign
        self._zone = zone
        self._states: Counter[RowState] = Counter()
        groups = [*(request.rows for request in campaign.requests), *_in_place(changes)]
        self._requests, self._requests_done = len(groups), 0
        self.media: int = 0
        """The number of media files to upload."""
        self._open = {row.ref: i for i, rows in enumerate(groups) for row in rows}
        self._left = Counter(self._open.values())
        self._rows = open_rows + len(changes.changed) + len(changes.pruned)
        self._stopping = False
        self._trouble, self._away_since = "", 0.0

    async def __aenter__(self) -> Self:
        _OUTAGES.addFilter(self._on_outage)
        return await super().__aenter__()

    async def _close(self) -> None:
        _OUTAGES.removeFilter(self._on_outage)
        self._watch_outage()
        if self._live is not None:
            self._stopping, self._trouble = False, ""
            self._live.update(await self._picture(), refresh=True)
        await super()._close()

    async def saw(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self._states[outcome.state] += 1
        request = self._open.pop(outcome.ref, None)
        if request is not None:
            self._left[request] -= 1
            self._requests_done += not self._left[request]

    def stopping(self) -> None:
        """Show that the run waits for the requests in flight before it stops."""
        self._stopping = True
        if self._live is None:
            with self._guarded():
                self._output.say(_STOPPING)

    async def _show(self) -> None:
        self._watch_outage()
        await super()._show()

    def _news(self) -> object:
        return self._states.total(), self._campaign.doubts.requests

    def _on_outage(self, _record: LogRecord) -> bool:
        """A log filter that drops records of outages, and shows them in the display instead."""
        with self._guarded():
            self._watch_outage()
        return False

    def _watch_outage(self) -> None:
        """Report an outage once: at its end if bars are shown, else at its beginning."""
        before, trouble = self._trouble, self._campaign.progress.trouble
        self._trouble = trouble
        now = self._postiz.clock.time()
        if trouble and not before:
            self._away_since = now
            if self._live is None:
                self._output.say(_AWAY.format(trouble), "yellow")
        elif before and not trouble and self._live is not None:
            lasted = describe_seconds(now - self._away_since)
            self._output.say(f"Postiz was unavailable for {lasted}: {before}", "yellow")

    async def _line(self) -> str:
        quota = await seen_quota(self._postiz)
        parts = [
            *([f"{self._requests_done}/{count(self._requests, 'request')}"] * bool(self._requests)),
            f"{count(self._states[RowState.STORED], 'post')} stored",
            *(f"{number:,} {state.value}" for state, number in self._troubles()),
        ]
        if doubt := self._doubt():
            parts.append(f"in doubt: {doubt}")
        held = f" ({held})" if (held := held_for(quota)) else ""
        return f"{', '.join(parts)}; quota: {quota_text(quota)}{held}; {self._finish()}"

    async def _picture(self) -> Table:
        quota = await seen_quota(self._postiz)
        done, uploads = self._requests_done, self._campaign.progress.uploads
        requests = Text(f"{done}/{self._requests}   " if self._requests else "")
        requests.append(self._finish(), style="dim")
        lines: list[tuple[str, ProgressBar | str, Text]] = [
            ("uploads", _bar(uploads, self.media), Text(f"{uploads}/{self.media} files")),
            ("requests", _bar(done, self._requests), requests),
            ("posts", _bar(self._states.total(), self._rows), self._posts_text()),
            ("quota", _gauge(quota), Text(quota_text(quota))),
        ]
        if doubt := self._doubt():
            lines.insert(3, ("in doubt", "", Text(doubt, "yellow")))
        if held := held_for(quota):
            lines.append(("", "", Text(held, "dim")))
        has_bars = self._output.notes.width >= _ROOM_FOR_BARS
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="bold", width=_LABEL, no_wrap=True)
        if has_bars:
            grid.add_column(width=_BAR)
        grid.add_column(no_wrap=has_bars, overflow="ellipsis" if has_bars else "fold")
        for name, bar, text in lines:
            grid.add_row(name, *([bar] if has_bars else []), text)
        whole = Table.grid()
        whole.add_row(grid)
        if self._trouble:
            whole.add_row(Text(_AWAY.format(self._trouble), "yellow"))
        if self._stopping:
            whole.add_row(Text(_STOPPING, "bold yellow"))
        return whole

    def _finish(self) -> str:
        """A text for when the last request leaves, as far as the quota is known."""
        left = self._requests - self._requests_done - self._campaign.doubts.requests
        now = self._postiz.clock.time()
        if left <= 0:
            return "all sent" if self._requests else "nothing new to send"
        seconds = opened(self._postiz).scheduler.leaves_in(left)
        return f"done about {near_moment(now + seconds, self._zone)}"

    def _doubt(self) -> str:
        return doubt_text(self._campaign.doubts, self._postiz.clock.time(), self._zone)

    def _troubles(self) -> list[tuple[RowState, int]]:
        states = (RowState.REFUSED, RowState.LATE, RowState.UNDECIDED)
        return [(state, self._states[state]) for state in states if self._states[state]]

    def _posts_text(self) -> Text:
        text = Text(f"{self._states[RowState.STORED]:,} stored", style="green")
        for state, number in self._troubles():
            text.append(f"   {number:,} {state.value}", style="red")
        return text


def _in_place(changes: CampaignChanges) -> list[Sequence[Row]]:
    """The rows that create requests change, in as many groups, though not in those of requests."""
    free = {row.ref for row in changes.free}
    rows = [row for row in changes.changed if row.ref not in free]
    return [rows[n :: changes.requests] for n in range(changes.requests)]


_AWAY = "Postiz is away; the run goes on by itself when it is back: {}"
_STOPPING = "Stopping: requests in flight end first. Ctrl-C again ends at once."


def _bar(done: int, total: int, style: str = "cyan", finished: str = "green") -> ProgressBar:
    done, total = (done, total) if total else (1, 1)
    return ProgressBar(total, done, _BAR, complete_style=style, finished_style=finished)


def _gauge(quota: Quota) -> ProgressBar:
    style = "red" if quota.blocked else "yellow"
    return _bar(quota.remaining or 0, quota.limit or 1, style, style)


class CountDisplay(StatusDisplay):
    """The display of a number of things done: a bar on a terminal, or else an occasional line.

    Args:
        output: where to show it.
        what: the past participle for them, such as `deleted`.
        total: their number, as far as it is known.
        zone: the zone of dates.
        doubts: lost answers that are looked up meanwhile.
        clock: the clock for the time that this takes; None: nothing is in doubt.
        line_every: seconds between two lines at least, if there is no terminal.
    """

    def __init__(
        self,
        output: Output,
        what: str,
        total: int,
        zone: tzinfo,
        doubts: Doubts | None = None,
        clock: Clock | None = None,
        *,
        line_every: float = LINE_EVERY,
    ) -> None:
        self.outcomes: list[Outcome] = []
        """The outcomes of those that are done."""
        super().__init__(output, line_every, is_transient=True)
        self._what = what
        self._total = total
        self._doubts = doubts or Doubts()
        self._clock = clock or SystemClock()
        self._zone = zone

    async def run(
        self, work: Coroutine[object, object, T], fatal: tuple[type[PostizError], ...]
    ) -> T | int:
        """Do the work while it is displayed, until a signal stops it.

        Args:
            work: a coroutine that calls `saw`.
            fatal: errors that are raised if nothing was done yet; others are shown.

        Returns:
            The result of the work, or the exit code with which it stopped.
        """
        results: list[T] = []

        async def noted() -> None:
            results.append(await work)

        try:
            async with self:
                signal = await run_until_stopped(noted(), self.stopping)
        except PostizError as error:
            if isinstance(error, fatal) and not self.outcomes:
                raise
            code = exit_code_of(error)
            self._output.error(error, code)
            return code
        return results[0] if signal is None else SIGNAL_EXIT + signal

    @property
    def done(self) -> int:
        """The number of those that are done."""
        return len(self.outcomes)

    async def saw(self, outcome: Outcome) -> None:
        """Count an outcome and show it."""
        self.outcomes.append(outcome)
        await self.show()

    def stopping(self) -> None:
        """Show that the command waits for requests in progress before it stops."""
        with self._guarded():
            self._output.say("Stopping. Ctrl-C again ends at once.")

    def _news(self) -> str:
        doubt = doubt_text(self._doubts, self._clock.time(), self._zone)
        in_doubt = f"; in doubt: {doubt}" if doubt else ""
        return f"{self.done:,} of {self._total:,} {self._what}{in_doubt}"

    async def _line(self) -> str:
        return self._news()

    async def _picture(self) -> Table:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_row(_bar(self.done, self._total), self._news())
        return grid
