"""Send a campaign until its posts are published, and show the progress."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import tzinfo
from typing import NamedTuple

from postiz_async import Campaign, Postiz
from postiz_async._cli.after_run import standing
from postiz_async._cli.display import StatusDisplay
from postiz_async._cli.forecasts import (
    SHOWN_AT_ONCE,
    say_adopted,
    say_headline,
    say_late,
    say_warnings,
)
from postiz_async._cli.output import (
    PASSING,
    UNDECIDED,
    Output,
    command_on,
    count,
    exit_code_of,
    near_moment,
)
from postiz_async._cli.progress import RunDisplay
from postiz_async._cli.signals import SIGNAL_EXIT, run_until_stopped
from postiz_async.errors import CampaignError, PostizError
from postiz_async.types import (
    CampaignChanges,
    CampaignRun,
    Late,
    Outcome,
    Plan,
    Report,
    RowState,
    SentCampaign,
    WaitResult,
)


class Sending(NamedTuple):
    """How a campaign is sent: options of `Campaign.run`, and its plan, if it was made before."""

    late: Late = "skip"
    prune: bool = False
    keep: bool = False
    force: bool = False
    plan: Plan | None = None

    @property
    def changes(self) -> CampaignChanges:
        """What is changed of stored posts."""
        return CampaignChanges() if self.plan is None else self.plan.changes

    def run(
        self, campaign: Campaign, saw: Callable[[Outcome], Awaitable[None]] | None = None
    ) -> CampaignRun:
        """Run a campaign so."""
        return campaign.run(saw, prune=self.prune, keep=self.keep, force=self.force)


async def run_if_open(
    output: Output, postiz: Postiz, campaign: Campaign, zone: tzinfo, how: Sending
) -> int | None:
    """Run the rest of a campaign, or say that there is nothing left to do.

    Returns:
        The exit code of a run that was stopped, 0 if there was nothing to do, None if it ended.
    """
    looked_up = 0
    if campaign.is_resumed:
        report = await campaign.report()
        unclear = (RowState.SENDING, RowState.UNKNOWN)
        looked_up = sum(report.counts.get(state.value, 0) for state in unclear)
        if campaign.is_done and not how.changes.is_something:
            with suppress(*PASSING):  # then the report has the earlier results
                await how.run(campaign)
            report = await campaign.report()
            why = f" Why: {command_on(campaign.path, 'status')}" if report.troubles() else ""
            output.result(f"Nothing is left to send: {standing(report)}.{why}")
            say_withdrawn(output, campaign, report)
            return 0
    if looked_up:
        output.say(
            f"{count(looked_up, 'post')} in requests without an answer: they are looked up, "
            "not sent again, if they are stored"
        )
    display = RunDisplay(
        output,
        postiz,
        campaign,
        open_rows=looked_up + sum(len(request.rows) for request in campaign.requests),
        zone=zone,
        changes=how.changes,
    )
    work = run_campaign(output, postiz, campaign, display, zone, how)
    code = await _run(output, work, display.stopping, exit_code_of)
    if code in {None, UNDECIDED} or not await campaign.has_journal():
        return code
    where = standing(await campaign.report())
    if how.changes.is_something and (changed := len(campaign.edits.changed)):
        where += f", and {count(changed, 'post')} to change"
    output.result(f"Stopped: {where}. Run the same command again to go on.", "bold yellow")
    return code


def say_withdrawn(output: Output, campaign: Campaign, report: Report) -> None:
    """Show how many rows of the file `undo` has withdrawn; they are sent only with --again."""
    here = {row.ref for row in campaign.rows}
    back = sum(row.state is RowState.WITHDRAWN and row.ref in here for row in report.rows)
    if back:
        output.say(f"{count(back, 'row')} withdrawn by undo: --again sends them once more.")


async def run_campaign(
    output: Output,
    postiz: Postiz,
    campaign: Campaign,
    display: RunDisplay,
    zone: tzinfo,
    how: Sending,
) -> None:
    """Run a checked campaign and show its warnings and progress."""
    if campaign.requests or how.plan is not None:
        told = campaign.warnings
        forecast = how.plan or await campaign.plan()
        display.media = forecast.media_files
        say_warnings(output, campaign, told, most=SHOWN_AT_ONCE)
        say_adopted(output, campaign)
        if forecast.requests:
            say_headline(output, postiz, campaign, forecast, zone)
            say_late(output, forecast, how.late)
    async with display:
        await how.run(campaign, display.saw)


async def wait_until_published(output: Output, campaign: SentCampaign, zone: tzinfo) -> int | None:
    """Wait until stored posts are published on their networks.

    Returns:
        The exit code of a wait that was stopped, None if it came to its end.
    """

    async def work() -> None:
        async with _WaitDisplay(output, zone) as display:
            await campaign.wait_published(on_look=display.saw)

    code = await _run(output, work(), lambda: None, lambda _: 1)
    if code is not None:
        output.say(
            "Stopped waiting; nothing is lost. Run the same command again to go on.", "bold yellow"
        )
    return code


async def _run(
    output: Output,
    work: Coroutine[object, object, object],
    notice: Callable[[], object],
    code_of: Callable[[PostizError], int],
) -> int | None:
    """Work until it is done, or until a signal or an error stops it, which is shown.

    Returns:
        The exit code if it was stopped, None if it came to its end.

    Raises:
        CampaignError: something is wrong with the campaign itself.
    """
    try:
        signal = await run_until_stopped(work, notice)
    except CampaignError:
        raise
    except PostizError as error:
        code = code_of(error)
        output.error(error, code)
        return code
    return None if signal is None else SIGNAL_EXIT + signal


class _WaitDisplay(StatusDisplay):
    """The display of a wait for posts to be published."""

    def __init__(self, output: Output, zone: tzinfo) -> None:
        super().__init__(output)
        self._zone = zone
        self._waited = WaitResult()
        self._has_begun = self._is_over = False
        self._said_at = -math.inf  # the first line is said at once

    async def saw(self, waited: WaitResult) -> None:
        """Show the progress of the wait."""
        self._waited, self._is_over = waited, not waited.waiting
        if waited.waiting and not self._has_begun:
            self._has_begun = True
            with self._guarded():
                self._begin()
        await self.show()

    async def _show(self) -> None:
        if self._has_begun:
            await super()._show()

    async def _close(self) -> None:
        await super()._close()
        if self._is_over:
            style = "green" if self._waited.is_fine else "yellow"
            self._output.say(_standing(self._waited), style)

    def _begin(self) -> None:
        are = "is" if self._waited.waiting == 1 else "are"
        self._output.say(
            f"Waiting until {count(self._waited.waiting, 'post')} {are} out. "
            "Ctrl-C stops waiting; run again to go on."
        )

    def _news(self) -> object:
        return self._said if self._is_over else _standing(self._waited)

    async def _line(self) -> str:
        waited = self._waited
        parts = [_standing(waited), f"{waited.waiting:,} to come"]
        if waited.next_look is not None:
            parts.append(f"next look {near_moment(waited.next_look, self._zone)}")
        if waited.ends is not None:
            parts.append(f"ends by {near_moment(waited.ends, self._zone)}")
        return ", ".join(parts)


def _standing(waited: WaitResult) -> str:
    """The numbers of a wait: `12 published, 1 failed`."""
    others = ((waited.failed, "failed"), (waited.stuck, "stuck"), (waited.gone, "gone"))
    return ", ".join(
        [f"{waited.published:,} published", *(f"{n:,} {what}" for n, what in others if n)]
    )
