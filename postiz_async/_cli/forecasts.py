"""Show people the plan of a campaign, and how its file differs from what was sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import takewhile
from typing import cast

import msgspec

from postiz_async import Campaign, Postiz
from postiz_async._cli.output import (
    MAX_SHOWN,
    Output,
    bare_moment,
    command_on,
    count,
    date_range,
    moment,
    near_moment,
    short_moment,
)
from postiz_async._cli.problems import problem_lines
from postiz_async.errors import Problem, describe_rows, row_ranges
from postiz_async.models._durations import (
    describe_seconds,
    describe_span,
    write_duration,
)
from postiz_async.types import (
    CampaignChanges,
    Changed,
    Edits,
    Estimate,
    FieldChange,
    Forecast,
    Late,
    Plan,
    Reason,
)

SHOWN_AT_ONCE = 5
"""Most warnings that are shown before a run; `plan` has them all."""
WHY: Mapping[Reason, str] = {
    Reason.PUBLISHED: "published already",
    Reason.FAILED: "refused by the network",
    Reason.EDITED: "edited in Postiz",
    Reason.DUE: "due too soon",
    Reason.SHARED: "in one group with another post",
    Reason.HIDDEN: "on a channel that is gone",
    Reason.GONE: "deleted or moved in Postiz",
    Reason.INVALID: "the row has problems",
    Reason.NO_SLOT: "no create request is free before the date, so it stays on its channel",
    Reason.LATE: "the date has passed; give the row a new one",
    Reason.REFUSED: "Postiz refused the change; the reason: postiz-async status",
    Reason.NOW: "of type now: what was published is not changed",
    Reason.BEGUN: "to be deleted, and it is not certain that it is; postiz-async undo continues",
    Reason.ELSEWHERE: "another host is working on it; try again",
    Reason.REPEATS: "repeating: delete it by its id, for all of its dates",
    Reason.NO_DRAFT: "no draft any more",
    Reason.OURS: "still there, though Postiz was asked to delete it; try again",
}
"""Why a post stays as it is, by the reason."""
LEFT_BY_PEOPLE = frozenset(
    {Reason.PUBLISHED, Reason.FAILED, Reason.EDITED, Reason.GONE, Reason.HIDDEN}
)
"""Reasons that are no failure: what people and networks did to a post."""
_SHOWN = 8
"""Most edits that are shown one by one; the others are counted."""
_NAMED = 20
"""Most posts that are named one by one whose rows are gone, and that would be deleted."""
_WIDTH = 28
"""Characters of an old and of a new value that fit on a line of 80."""
_CONTEXT = 8
"""Characters that are shown before the place where two texts begin to differ."""


def show_plan(
    output: Output, postiz: Postiz, campaign: Campaign, forecast: Plan, zone: tzinfo
) -> None:
    """Show what a run would change and send, its cost, and when it is done."""
    say_left_out(output, campaign)
    say_warnings(output, campaign)
    if campaign.is_resumed:
        say_edits(output, campaign.edits, zone)
        say_in_the_way(output, campaign.edits, is_decided=bool(forecast.changes.pruned))
        say_changes(output, forecast.changes)
    say_adopted(output, campaign)
    if forecast.requests:
        say_headline(output, postiz, campaign, forecast, zone)
    _show_channels(output, campaign, zone)
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


def _show_channels(output: Output, campaign: Campaign, zone: tzinfo) -> None:
    """Show for each channel the posts in Postiz, those still to be sent, and their dates."""
    rows = [
        [
            each.channel.name,
            f"{each.in_postiz:,}",
            f"{each.posts:,}",
            *(short_moment(at, zone) if at else "-" for at in (each.first, each.last)),
        ]
        for each in campaign.by_channel
    ]
    output.table(
        ["channel", "in Postiz", "to send", "first", "last"],
        rows,
        numbers=["in Postiz", "to send"],
        whole=["first", "last"],
    )


def say_adopted(output: Output, campaign: Campaign) -> None:
    """Show which rows are in Postiz already, and so are not sent."""
    if adopted := campaign.adopted:
        rows = describe_rows(row.number for row in adopted)
        are = "is" if len(adopted) == 1 else "are"
        output.say(f"{rows} {are} in Postiz already and {are} adopted, not sent.")


def _say_gain(output: Output, forecast: Forecast, zone: tzinfo) -> None:
    """Show the requests that moved dates save, or would save."""
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
        output.say(f"{count(len(forecast.moved), 'post')} move so that they share requests.")
    elif moved.align:
        by = write_duration(moved.align)
        output.say(f"To let dates move by up to {by}: --align {by}")


def _cost(each: Estimate, zone: tzinfo) -> str:
    late = f", {each.late:,} late" if each.late else ""
    _weekday, _, done = near_moment(each.finish.timestamp(), zone).partition(" ")
    return f"{done}, {count(each.windows, 'window')}{late}"


def say_left_out(output: Output, campaign: Campaign) -> None:
    """With --skip-invalid, show which rows are not sent, and why."""
    if campaign.problems:
        rows = len({problem.row for problem in campaign.problems})
        output.say(f"{count(rows, 'row')} left out:", "bold yellow")
        output.say_some(list(problem_lines(campaign, campaign.problems)))


def say_warnings(
    output: Output, campaign: Campaign, told: Sequence[Problem] = (), *, most: int = MAX_SHOWN
) -> None:
    """Show warnings about a campaign.

    Args:
        output: where to show them.
        campaign: the campaign.
        told: warnings that were shown before.
        most: how many are shown.
    """
    new = [each for each in campaign.warnings if each not in told]
    lines = list(problem_lines(campaign, new))
    for line in lines[:most]:
        output.say(f"warning: {line}", "yellow")
    if len(lines) > most:
        all_of_them = f"{command_on(campaign.path, 'plan')}{' --json' * (most == MAX_SHOWN)}"
        output.say(f"... and {count(len(lines) - most, 'warning')} more: {all_of_them}")


def say_headline(
    output: Output, postiz: Postiz, campaign: Campaign, forecast: Plan, zone: tzinfo
) -> None:
    """Show the server, channels, first and last date and cost, before anything is sent."""
    server = postiz.base_url.removesuffix("/public/v1")
    changes = forecast.changes
    sent = (row for request in campaign.requests for row in request.rows)
    dates = [row.date for row in (*sent, *changes.changed, *changes.resent)]
    output.say(
        f"{server}, {count(len(campaign.channels), 'channel')}, "
        f"{date_range(min(dates), max(dates), zone)}"
    )
    output.say(
        f"{'still to send: ' if campaign.is_resumed else ''}{count(forecast.posts, 'post')} in "
        f"{count(forecast.requests, 'create request')}, {count(forecast.media_files, 'media file')}"
    )


def say_late(output: Output, forecast: Forecast, late: Late = "skip") -> None:
    """Show which posts have no slot of the quota before their date, and what happens to them."""
    if not forecast.late:
        return
    fate = "They are sent anyway." if late == "send" else "They get a later date."
    if late == "skip":
        fate = "Move them, or run with --late send or --late 15m."
    rows = row_ranges(row.number for row in forecast.late)
    what = f"{count(len(forecast.late), 'post')} would be late (rows {rows}):"
    output.say(f"{what} the quota has no slot before their date. {fate}", "bold yellow")


def say_edits(
    output: Output,
    edits: Edits,
    zone: tzinfo,
) -> None:
    """Show new, changed and removed rows."""
    if edits.unread:
        rows = describe_rows(edits.unread)
        output.say(f"{rows}: cannot be read, so nothing counts as gone.", "yellow")
    if not edits.is_open:
        return
    parts = (
        (len(edits.new), "new"),
        (len(edits.changed), "changed"),
        (len(edits.gone), "gone"),
    )
    named = ", ".join(f"{number:,} {what}" for number, what in parts if number)
    output.say(f"The file differs from what was sent: {named}", "bold yellow")
    output.say_some(list(_changed(edits.changed, zone)), _SHOWN)
    output.say_some(list(_gone(edits, zone)), _NAMED)


def say_in_the_way(output: Output, edits: Edits, *, is_decided: bool = False) -> None:
    """Show that a run stops before posts whose rows are gone, unless they are deleted."""
    gone = edits.in_the_way
    if gone and not is_decided:
        are, them = ("is", "it") if len(gone) == 1 else ("are", "them")
        output.say(
            f"{count(len(gone), 'post')} whose row is gone {are} to come, and stop a run: --prune "
            f"deletes {them}, --keep keeps {them}.",
            "yellow",
        )


def describe_changes(changes: CampaignChanges) -> str:
    """What a run would change of stored posts; empty if nothing."""
    posts, free = len(changes.changed), len(changes.free)
    cost = "no request" if free == posts else count(changes.requests, "create request")
    both = f" ({free:,} for nothing)" if 0 < free < posts else ""
    parts = (
        f"{count(posts, 'post')} changed for {cost}{both}" if posts else "",
        f"{len(changes.resent):,} deleted and sent again" if changes.resent else "",
        f"{len(changes.pruned):,} deleted" if changes.pruned else "",
        f"{count(len(changes.if_stored), 'post')} whose answer was lost, if it is stored"
        if changes.if_stored
        else "",
    )
    return ", ".join(filter(None, parts))


def say_changes(output: Output, changes: CampaignChanges) -> None:
    """Show what a run would change of stored posts, and what it would leave."""
    if changes.is_something:
        output.say(f"A run changes stored posts: {describe_changes(changes)}", "bold")
    say_left(output, changes.left, resends=True)


def say_left(
    output: Output, left: Mapping[Reason, Iterable[int]], *, resends: bool = False
) -> None:
    """Show which posts stay as they are, and why; `resends`: --force sends deleted ones anew."""
    for why, rows in left.items():
        is_forced = why is Reason.EDITED or (resends and why is Reason.GONE)
        hint = " (--force does it anyway)" if is_forced else ""
        output.say(f"left: {describe_rows(rows)}: {WHY[why]}{hint}", "yellow")


def _changed(changed: Sequence[Changed], zone: tzinfo) -> Iterable[str]:
    """One line for each change, or for all rows with the same change."""
    groups: defaultdict[tuple[str, ...], list[tuple[Changed, FieldChange]]] = defaultdict(list)
    for each in changed:
        for change in each.fields:
            groups[_kind(change, zone)].append((each, change))
    for (name, *_), group in groups.items():
        rows = describe_rows(each.row.number for each, _ in group)
        alike = {_pair(change, zone) for _, change in group}
        first = group[0][1]
        if len(alike) == 1:
            (pair,) = alike
            what = " -> ".join(pair)
        else:
            what = _by(first, zone)
        yield f"{rows}: {name} {what}"


def _kind(change: FieldChange, zone: tzinfo) -> tuple[str, ...]:
    """A key for changes that share a line: dates that move by as much, or equal changes."""
    moved = _moved(change, zone)
    return (change.name, str(moved)) if moved is not None else (change.name, *_pair(change, UTC))


def _moved(change: FieldChange, zone: tzinfo) -> timedelta | None:
    """How far a date moves, by local time; None: the field is no date."""
    before, after = change.before, change.after
    if not (isinstance(before, datetime) and isinstance(after, datetime)):
        return None
    before, after = (at.astimezone(zone).replace(tzinfo=None) for at in (before, after))
    return after - before


def _pair(change: FieldChange, zone: tzinfo) -> tuple[str, str]:
    """The old and the new value; for long texts, from the place where they begin to differ."""
    before, after = change.before, change.after
    if isinstance(before, str) and isinstance(after, str):
        before, after = (" ".join(text.split()) for text in (before, after))
        same = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False))
        )
        if same > _WIDTH // 2 and max(len(before), len(after)) > _WIDTH:
            start = before.rfind(" ", 0, same - _CONTEXT) + 1
            before, after = (f"…{text[start:]}" for text in (before, after))
    return _shown(before, zone), _shown(after, zone)


def _by(change: FieldChange, zone: tzinfo) -> str:
    span = _moved(change, zone) or timedelta()
    return f"{describe_span(abs(span))} {'later' if span > timedelta() else 'earlier'}"


def _gone(edits: Edits, zone: tzinfo) -> Iterable[str]:
    for record in edits.gone:
        text = _shortened(edits.content_of(record))
        what = "kept" if record.stays == "gone" else "gone"
        yield f"{what} (was row {record.number}): {bare_moment(record.seconds, zone)} {text}"


def _shown(value: object, zone: tzinfo) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, datetime):
        return bare_moment(value, zone)
    if isinstance(value, str):
        return _shortened(value)
    if isinstance(value, tuple):
        return _shortened("; ".join(map(str, cast("tuple[object, ...]", value))))
    if isinstance(value, bool | int):
        return str(value).lower()
    return _shortened(msgspec.json.encode(value, order="deterministic").decode())


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    cut = line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…"
    return f'"{cut}"'
