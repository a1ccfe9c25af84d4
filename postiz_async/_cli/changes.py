"""Commands that change a campaign which was sent."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from postiz_async import Campaign, Postiz
from postiz_async._cli.after_run import show_report, standing, write_result
from postiz_async._cli.campaigns import (
    CampaignFlags,
    open_campaign,
    refuse,
    result_path,
    say_result,
)
from postiz_async._cli.connection import zone_of
from postiz_async._cli.forecasts import say_edits
from postiz_async._cli.options import (
    CampaignFile,
    JournalOptions,
    Json,
    ReadAs,
    Said,
    Yes,
    aware,
    moment_option,
)
from postiz_async._cli.output import (
    Output,
    ask,
    bare_moment,
    command_on,
    count,
    near_moment,
)
from postiz_async._cli.progress import CountDisplay
from postiz_async._cli.results import row_and_post, undo_result, update_result
from postiz_async.errors import CampaignError, ConfigurationError, InvalidInputError, describe_rows
from postiz_async.types import RowRecord, UndoResult, UpdateResult

WHY = {
    "published": "published already",
    "failed": "refused by the network",
    "edited": "edited in Postiz",
    "due": "due too soon",
    "shared": "in one group with another post",
    "hidden": "on a channel that is gone",
    "gone": "deleted or moved in Postiz",
    "invalid": "the row has problems",
    "no_slot": "no create request is free before the date, so it stays on its channel",
    "late": "the date has passed; give the row a new one",
    "refused": "Postiz refused the change; the reason: postiz-async status",
    "now": "of type now: what was published is not changed",
    "begun": "to be deleted, and it is not certain yet that it is; postiz-async undo continues",
    "elsewhere": "another host is working on it; try again",
    "unknown": "not in this campaign",
    "ours": "still there, though Postiz was asked to delete it; try again",
}


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ChangeFlags:
    """Options of commands that change the stored posts of a campaign.

    Args:
        force: Also change posts that people have edited in Postiz: overwrite their edits,
            and send those again that they deleted.
    """

    force: bool = False
    yes: Yes = False
    flags: CampaignFlags = CampaignFlags()
    json: Json = False
    read_as: ReadAs = ReadAs()


async def update(
    file: CampaignFile,
    /,
    *,
    prune: bool = False,
    keep: bool = False,
    how: ChangeFlags = ChangeFlags(),
) -> int:
    """Apply changes in the file to stored posts. Shows the cost first.

    New rows are sent. Posts that people have changed in Postiz are reported and left as they are.
    Stop it with Ctrl-C and run it again at any time.

    Args:
        prune: Delete posts whose row is no longer in the file.
        keep: Keep them.
    """
    output = Output(as_json=how.json, says_results=not how.yes)  # a question is about them
    flags, read_as = how.flags, how.read_as
    async with open_campaign(file, flags, read_as) as (postiz, campaign):
        if campaign.problems and not flags.skip_invalid:
            return refuse(output, campaign)
        work = partial(campaign.update, prune=prune, keep=keep, force=how.force)
        try:
            would = await work(dry_run=True)
        except InvalidInputError:
            if not campaign.problems:  # it is an option that is wrong
                raise
            return refuse(output, campaign)
        zone = zone_of(read_as.connection, campaign.reading.timezone)
        if not output.as_json:
            _show_update(output, campaign, would, zone, gone_stay=not (prune or keep))
        if not would.is_something:
            return await _nothing_to_do(output, campaign, would)
        if not (how.yes or (not output.as_json and ask("Do it?"))):
            return _not_updated(output, campaign, would)
        return await _do(output, postiz, campaign, would, zone, work)


async def _nothing_to_do(output: Output, campaign: Campaign, would: UpdateResult) -> int:
    """Say that there is nothing to do; if there are still refused rows, that is not a success."""
    report = await campaign.report()
    output.document(partial(update_result, campaign, would, done=False))
    if not output.as_json:
        what = "There is nothing else to do" if would.left else "Nothing is left to do"
        is_fine = report.complete or would.left  # the reason for these was shown
        why = f": {standing(report)}. Why: {command_on(campaign.path, 'status')}"
        output.say(f"{what}." if is_fine else f"{what}{why}")
    return 0 if report.complete and not would.left else 1


def _not_updated(output: Output, campaign: Campaign, would: UpdateResult) -> int:
    output.document(partial(update_result, campaign, would, done=False))
    if not output.as_json:
        output.say("Nothing was changed. --yes does it.", "yellow")
    return 1


async def _do(
    output: Output,
    postiz: Postiz,
    campaign: Campaign,
    would: UpdateResult,
    zone: tzinfo,
    work: Callable[..., Coroutine[Any, Any, UpdateResult]],
) -> int:
    parts = (would.changed, would.resent, would.pruned, would.new, would.unclear)
    total = sum(map(len, parts))
    display = CountDisplay(output, "done", total, zone, campaign.doubts, postiz.clock)
    done = await display.run(work(on_outcome=display.saw), fatal=(CampaignError, InvalidInputError))
    if isinstance(done, int):
        finished = sorted({outcome.row for outcome in display.outcomes})
        said = {**update_result(campaign, would, done=False), "finished": finished}
        output.document(lambda: said)
        if not output.as_json:
            then = "The same command goes on"
            output.say(f"Stopped: {display.done:,} of {total:,} done. {then}.", "bold yellow")
        return done
    report = await campaign.report()
    output.document(partial(update_result, campaign, done, done=True))
    if output.as_json:
        return 0 if report.complete and not done.left else 1
    fault = write_result(result_path(campaign), report, zone)
    say_left(output, done.left, resends=True)
    show_report(output, report, zone)
    say_result(output, campaign, fault)
    return 0 if report.complete and not done.left and not fault else 1


def _show_update(
    output: Output,
    campaign: Campaign,
    would: UpdateResult,
    zone: tzinfo,
    *,
    gone_stay: bool,
) -> None:
    """Show the effect of an update, and its cost.

    Args:
        output: where to show it.
        campaign: the campaign.
        would: what would be done.
        zone: the zone of dates.
        gone_stay: whether posts whose rows are gone stay.
    """
    say_edits(output, would.edits, campaign.path, zone, is_update=True)
    posts = len(would.changed)
    parts = (
        count(posts, "change") if posts else "",
        f"{len(would.resent):,} deleted and sent again" if would.resent else "",
        f"{len(would.pruned):,} deleted" if would.pruned else "",
        f"{len(would.new):,} new" if would.new else "",
    )
    named = ", ".join(filter(None, parts))
    if would.unclear:
        output.say(
            f"{count(len(would.unclear), 'post')} in requests without an answer: they would be "
            "looked up, and sent again only if they are not stored"
        )
    if named:
        posts += len(would.pruned)
        cost = ", which costs no request" if posts == 1 else ", none costs a request"
        if would.forecast is not None:
            free = f" ({len(would.free):,} cost none)" if would.free else ""
            cost = (
                f": {count(would.forecast.requests, 'create request')}{free}, done about "
                f"{near_moment(would.forecast.finish.timestamp(), zone)}"
            )
        output.say(f"{named}{cost}", "bold")
    if (gone := would.edits.in_the_way) and gone_stay:
        one = len(gone) == 1
        are, them = ("is", "it") if one else ("are", "them")
        rows = count(len(gone), "post")
        told = (
            f"{rows} whose row is gone {are} to come: --prune deletes {them}, --keep keeps {them}."
        )
        output.say(told, "yellow")
    if would.forecast is not None and would.forecast.late:
        late = describe_rows(row.number for row in would.forecast.late)
        what = "no slot before their date; they are neither changed nor sent."
        output.say(f"{late}: {what}", "bold yellow")
    say_left(output, would.left, resends=True)


async def undo(
    file: Path,
    /,
    *,
    after: Annotated[
        Said | None,
        moment_option(
            "Only from this date on, like 2027-01-15 or '2027-01-15 09:00'.", name="--from"
        ),
    ] = None,
    channel: str | None = None,
    rows: str | None = None,
    force: bool = False,
    yes: Yes = False,
    journal: JournalOptions = JournalOptions(),
    json: Json = False,
    read_as: ReadAs = ReadAs(),
) -> int:
    """Delete the posts that are not published yet. Shows them first.

    Published posts are never deleted. A later run sends these rows with --again, or once they say
    something else. Stop it with Ctrl-C and run it again at any time.

    Args:
        file: The campaign that was run, or its journal.
        channel: Only this channel: its id, name, or provider if no other channel has it.
        rows: Only these rows of the current file, like 3-9 or 2,5,12-14.
        force: Also delete posts that people have edited in Postiz.
    """
    output = Output(as_json=json)
    reading = await read_as.options(file)
    zone = zone_of(read_as.connection, reading.timezone)
    start = None if after is None else aware(after, "--from", zone)
    async with (
        journal.client(read_as.connection) as postiz,
        postiz.sent_campaign(
            file,
            journal=journal.place,
            schema=journal.schema,
            name=journal.name,
            reading=reading,
        ) as sent,
    ):
        undoing = partial(sent.undo, after=start, channel=channel, rows=rows, force=force)
        would = await undoing(dry_run=True)
        if not json:
            _show_undo(output, would, zone)
        if not would.rows and not would.unsent:
            return _undone(output, would, is_done=True)
        agreed = yes or (bool(would.rows) and not json and ask("Delete these posts?"))
        if not agreed:
            if not json:
                deletes = "--yes deletes these posts" if would.rows else "No post is stored"
                output.say(f"Nothing was deleted. {deletes}.", "yellow")
            return _undone(output, would, is_done=False)
        total = len(would.rows)
        display = CountDisplay(output, "deleted", total, zone, sent.doubts, postiz.clock)
        work = undoing(on_outcome=display.saw)
        undone = await display.run(work, fatal=(CampaignError, ConfigurationError))
    if not isinstance(undone, int):
        return _undone(output, undone, is_done=True)
    if not json:
        output.say(f"Stopped: {display.done:,} deleted. The same command goes on.", "yellow")
    else:
        deleted = {each.ref for each in display.outcomes}
        said = undo_result(would, done=False)
        said["deleted"] = [row_and_post(row) for row in would.rows if row.ref in deleted]
        said["would_delete"] = [row_and_post(row) for row in would.rows if row.ref not in deleted]
        output.json(said)
    return undone


def _undone(output: Output, undone: UndoResult, *, is_done: bool) -> int:
    if output.as_json:
        output.json(undo_result(undone, done=is_done))
    elif is_done and not (undone.rows or undone.left or undone.unsent):
        output.say("Nothing is left to delete.")
    elif is_done:
        output.say(f"{count(len(undone.rows), 'post')} deleted.", "bold green")
        say_left(output, _numbers(undone.left))
        if undone.unsent:
            output.say(f"{count(undone.unsent, 'row')} not sent yet; run would send them.")
    is_left = not undone.left.keys() <= {"published", "failed"}
    return 1 if is_done and is_left else 0


def _show_undo(output: Output, would: UndoResult, zone: tzinfo) -> None:
    """Show which posts would be deleted, by channel, and which are left."""
    by_channel: dict[str, list[float]] = {}
    names: dict[str, str] = {}
    for row in would.rows:
        names.setdefault(row.channel, row.name or row.channel)
        by_channel.setdefault(row.channel, []).append(row.seconds)
    if by_channel:
        output.table(
            ["channel", "posts", f"from ({zone})", "to"],
            [
                (
                    names[channel],
                    f"{len(dates):,}",
                    bare_moment(min(dates), zone),
                    bare_moment(max(dates), zone),
                )
                for channel, dates in by_channel.items()
            ],
            numbers=["posts"],
        )
    say_left(output, _numbers(would.left))
    if would.unknown:
        output.say(f"not in this campaign: {describe_rows(would.unknown)}", "yellow")


def say_left(output: Output, left: Mapping[str, Iterable[int]], *, resends: bool = False) -> None:
    """Show which posts stay as they are, and why; `resends`: --force sends deleted ones anew."""
    for why, rows in left.items():
        is_forced = why == "edited" or (resends and why == "gone")
        hint = " (--force does it anyway)" if is_forced else ""
        output.say(f"left: {describe_rows(rows)}: {WHY[why]}{hint}", "yellow")


def _numbers(left: Mapping[str, Sequence[RowRecord]]) -> dict[str, list[int]]:
    return {why: [row.number for row in rows] for why, rows in left.items()}
