"""A plan, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async.cli.output import Output, count, date_range, moment, problem_objects
from postiz_async.errors import describe_seconds

if TYPE_CHECKING:
    from datetime import tzinfo

    from postiz_async.batch.choices import Late
    from postiz_async.batch.plan import Forecast
    from postiz_async.batch.session import Batch
    from postiz_async.client import Postiz

__all__ = ["plan_object", "say_headline", "say_late", "say_left_out", "show_plan"]


def plan_object(batch: Batch, forecast: Forecast) -> dict[str, object]:
    """A plan for programs."""
    return {
        "problems": problem_objects(batch.problems),
        "rows": len(batch.rows),
        "posts": forecast.posts,
        "requests": forecast.requests,
        "lower_bound": batch.lower_bound,
        "limit": forecast.limit,
        "limit_known": forecast.limit_known,
        "windows": forecast.windows,
        "finish": forecast.finish,
        "late_rows": [row.number for row in forecast.late],
        "media_files": batch.media_files,
        "resumed": batch.is_resumed,
    }


def show_plan(
    output: Output, postiz: Postiz, batch: Batch, forecast: Forecast, zone: tzinfo | None
) -> None:
    """What a campaign costs and when it is done."""
    say_left_out(output, batch)
    if not forecast.requests:
        output.say("Nothing is left to send.")
        return
    say_headline(output, postiz, batch, forecast, zone)
    say_late(output, forecast)
    believed = "" if forecast.limit_known else " (assumed until the first answer)"
    wait = forecast.finish.timestamp() - postiz.clock.time()
    when = (
        f"{moment(forecast.finish, zone)}, in {describe_seconds(wait)}" if wait > 1 else "at once"
    )
    output.say(f"{count(forecast.windows, 'window')} of {forecast.limit:,} requests{believed}")
    output.say(f"done {when}")


def say_left_out(output: Output, batch: Batch) -> None:
    """With --skip-invalid: which rows are not sent, and why."""
    if batch.problems:
        rows = len({problem.row for problem in batch.problems})
        output.say(f"{count(rows, 'row')} left out:", "bold yellow")
        for problem in batch.problems:
            output.say(f"  {problem}")


def say_headline(
    output: Output, postiz: Postiz, batch: Batch, forecast: Forecast, zone: tzinfo | None
) -> None:
    """Server, channels, first and last date, cost: what a person has to see before sending."""
    server = postiz.base_url.removesuffix("/public/v1")
    dates = [row.date for request in batch.requests for row in request.rows]
    output.say(
        f"{server}, {count(len(batch.channels), 'channel')}, "
        f"{date_range(min(dates), max(dates), zone)}"
    )
    output.say(
        f"{'still to send: ' if batch.is_resumed else ''}{count(forecast.posts, 'post')} in "
        f"{count(forecast.requests, 'create request')}, {count(batch.media_files, 'media file')}"
    )


def say_late(output: Output, forecast: Forecast, late: Late = "skip") -> None:
    """Which posts the quota has no slot for before their date, and what becomes of them."""
    if not forecast.late:
        return
    rows = ", ".join(str(row.number) for row in forecast.late[:12])
    more = " ..." if len(forecast.late) > 12 else ""
    what = f"{count(len(forecast.late), 'post')} would be late (rows {rows}{more}): the quota has"
    fate = "They are sent anyway." if late == "send" else "They get a later date."
    if late == "skip":
        fate = "Move them, or run with --late send or --late shift=15m."
    output.say(f"{what} no slot before their date. {fate}", "bold yellow")
