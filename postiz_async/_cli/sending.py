"""Sending a campaign with everything that a person wants to see meanwhile."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from postiz_async._cli.after_run import standing
from postiz_async._cli.forecasts import say_adopted, say_headline, say_late, say_warnings
from postiz_async._cli.output import PASSING, Output, command_on, count, exit_code_of
from postiz_async._cli.progress import RunDisplay
from postiz_async._cli.signals import SIGNAL_EXIT, run_until_stopped
from postiz_async.errors import BatchError, PostizError
from postiz_async.types import RowState

if TYPE_CHECKING:
    from datetime import tzinfo

    from postiz_async import Batch, Outcome, Postiz, Report
    from postiz_async._cli.publishing import PublishLines
    from postiz_async.types import Late


async def run_if_open(
    output: Output,
    postiz: Postiz,
    batch: Batch,
    zone: tzinfo,
    late: Late,
    lines: PublishLines | None = None,
) -> int | None:
    """Run what is left of a batch, and say so when it is nothing.

    Returns:
        The exit code of a run that was stopped, 0 if there was nothing to do, None if it ended.
    """
    looked_up = 0
    if batch.is_resumed:
        report = await batch.report()
        unclear = (RowState.SENDING, RowState.UNKNOWN)
        looked_up = sum(report.counts.get(state.value, 0) for state in unclear)
        if not (batch.requests or report.open or batch.has_news):
            if not report.complete or report.doubled:
                report = await _looked_again(batch)
            is_fine = report.complete and not report.doubled
            why = "" if is_fine else f" Why: {command_on(batch.path, 'status')}"
            output.result(f"Nothing is left to send: {standing(report)}.{why}")
            say_withdrawn(output, batch, report)
            return 0
    if looked_up:
        output.say(
            f"{count(looked_up, 'post')} in requests without an answer: they are looked up, "
            "not sent again, if they are stored"
        )
    display = RunDisplay(
        output,
        postiz,
        batch,
        open_rows=looked_up + sum(len(request.rows) for request in batch.requests),
        zone=zone,
    )
    try:
        signal = await run_until_stopped(
            run_batch(output, postiz, batch, display, zone, late=late, lines=lines),
            display.stopping,
        )
    except PostizError as error:
        if isinstance(error, BatchError):
            raise
        code = exit_code_of(error)
        output.error(error, code)
    else:
        if signal is None:
            return None
        code = SIGNAL_EXIT + signal
    if not batch.journal_path.exists():
        return code
    where = standing(await batch.report())
    output.result(f"Stopped: {where}. Run the same command again to go on.", "bold yellow")
    return code


def say_withdrawn(output: Output, batch: Batch, report: Report) -> None:
    """Rows of the file whose posts `undo` deleted; they are sent only with --again."""
    here = {row.ref for row in batch.rows}
    back = sum(row.state is RowState.WITHDRAWN and row.ref in here for row in report.rows)
    if back:
        output.say(f"{count(back, 'row')} withdrawn by undo: --again sends them once more.")


async def _looked_again(batch: Batch) -> Report:
    """The report of a batch that has nothing to send, after a look at what others did since."""
    with suppress(*PASSING):  # what was known before is told then
        await batch.run_all()
    return await batch.report()


async def run_batch(
    output: Output,
    postiz: Postiz,
    batch: Batch,
    display: RunDisplay,
    zone: tzinfo,
    *,
    late: Late = "skip",
    lines: PublishLines | None = None,
) -> None:
    """Run a checked batch with everything that a person wants to see meanwhile."""

    async def saw(outcome: Outcome) -> None:
        await display.saw(outcome)
        if lines is not None:
            await lines.stored(outcome)

    if batch.requests:
        told = batch.warnings
        forecast = await batch.plan()
        say_warnings(output, batch, told)
        say_adopted(output, batch)
        if forecast.requests:
            say_headline(output, postiz, batch, forecast, zone)
            say_late(output, forecast, late)
    async with display:
        await batch.run_all(on_outcome=saw)
