"""A plan, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta, tzinfo
from typing import TYPE_CHECKING

from postiz_async import Forecast, Postiz
from postiz_async._cli.edits import say_edits
from postiz_async._cli.output import (
    Output,
    command_on,
    count,
    date_range,
    moment,
    near_moment,
    short_moment,
)
from postiz_async.errors import Problem, describe_rows, describe_seconds, group_problems, row_ranges
from postiz_async.models._durations import write_duration
from postiz_async.types import Estimate, Late

_NAMED = 5
"""Warnings that are said before a run; `validate` has them all."""

if TYPE_CHECKING:
    from postiz_async import Batch


def show_plan(
    output: Output, postiz: Postiz, batch: Batch, forecast: Forecast, zone: tzinfo
) -> None:
    """What a campaign costs and when it is done."""
    say_left_out(output, batch)
    say_warnings(output, batch)
    if batch.is_resumed:
        say_edits(output, batch.edits, batch.path, zone)
    say_adopted(output, batch)
    if forecast.requests:
        say_headline(output, postiz, batch, forecast, zone)
    _show_channels(output, batch, zone)
    if not forecast.requests:
        output.say("Nothing is left to send.")
        return
    say_late(output, forecast)
    believed = "" if forecast.limit_known else " (assumed until the first answer)"
    wait = forecast.finish.timestamp() - postiz.clock.time()
    when = (
        f"{moment(forecast.finish, zone)}, in {describe_seconds(wait)}" if wait > 1 else "at once"
    )
    output.say(f"{count(forecast.windows, 'window')} of {forecast.limit:,} requests{believed}")
    output.say(f"done {when}")
    _say_gain(output, forecast, zone)


def _show_channels(output: Output, batch: Batch, zone: tzinfo) -> None:
    """For each channel, what is in Postiz, what is still to be sent, and its dates."""
    rows = [
        [
            each.channel.name,
            f"{each.in_postiz:,}",
            f"{each.posts:,}",
            *(short_moment(at, zone) if at else "-" for at in (each.first, each.last)),
        ]
        for each in batch.by_channel
    ]
    output.table(
        ["channel", "in Postiz", "to send", "first", "last"],
        rows,
        numbers=["in Postiz", "to send"],
        whole=["first", "last"],
    )


def say_adopted(output: Output, batch: Batch) -> None:
    """Which rows are in Postiz already, so that they are not sent."""
    if adopted := batch.adopted:
        rows = describe_rows(row.number for row in adopted)
        are = "is" if len(adopted) == 1 else "are"
        output.say(f"{rows} {are} in Postiz already and {are} adopted, not sent.")


def _say_gain(output: Output, forecast: Forecast, zone: tzinfo) -> None:
    """What it brings that dates move, or what it would bring."""
    as_written, moved = forecast.estimates[0], forecast.estimates[-1]
    if moved.requests >= as_written.requests:
        return
    limits = sorted({each.limit for each in forecast.estimates})
    rows: list[list[str]] = []
    for align in (None, moved.align):
        cells = [each for each in forecast.estimates if each.align == align]
        name = "as written" if align is None else f"moved by {write_duration(align)}"
        name = "moved by tolerances" if align == timedelta(0) else name
        rows.append([name, f"{cells[0].requests:,}", *(_cost(cell, zone) for cell in cells)])
    output.say("")
    heads = [f"done at {limit:,} an hour" for limit in limits]
    output.table(["dates", "requests", *heads], rows, numbers={"requests"})
    if forecast.moved:
        output.say(f"{count(forecast.moved, 'post')} move so that they share requests.")
    elif moved.align:
        by = write_duration(moved.align)
        output.say(f"To let dates move by up to {by}: --align {by}")


def _cost(each: Estimate, zone: tzinfo) -> str:
    late = f", {each.late:,} late" if each.late else ""
    _weekday, _, done = near_moment(each.finish.timestamp(), zone).partition(" ")
    return f"{done}, {count(each.windows, 'window')}{late}"


def say_left_out(output: Output, batch: Batch) -> None:
    """With --skip-invalid: which rows are not sent, and why."""
    if batch.problems:
        rows = len({problem.row for problem in batch.problems})
        output.say(f"{count(rows, 'row')} left out:", "bold yellow")
        output.say_some(list(map(str, group_problems(batch.problems))))


def say_warnings(output: Output, batch: Batch, told: Sequence[Problem] = ()) -> None:
    """What the server accepts and may be regretted; `validate` shows where else.

    Args:
        output: where it is said.
        batch: the campaign.
        told: what was said before.
    """
    lines = group_problems([each for each in batch.warnings if each not in told])
    for line in lines[:_NAMED]:
        output.say(f"warning: {line}", "yellow")
    more = len(lines) - _NAMED
    if more > 0:
        output.say(f"... and {count(more, 'warning')} more: {command_on(batch.path, 'validate')}")


def say_headline(
    output: Output, postiz: Postiz, batch: Batch, forecast: Forecast, zone: tzinfo
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
    rows = row_ranges(row.number for row in forecast.late)
    what = f"{count(len(forecast.late), 'post')} would be late (rows {rows}): the quota has"
    fate = "They are sent anyway." if late == "send" else "They get a later date."
    if late == "skip":
        fate = "Move them, or run with --late send or --late shift=15m."
    output.say(f"{what} no slot before their date. {fate}", "bold yellow")
