"""`update`: stored posts become what the campaign says now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async._cli.after_run import show_report, standing, write_result
from postiz_async._cli.campaigns import (
    BatchFlags,
    CampaignFile,
    open_batch,
    refuse,
    result_path,
    say_result,
)
from postiz_async._cli.connection import Connection, zone_of
from postiz_async._cli.edits import say_edits
from postiz_async._cli.options import Json, ReadAs
from postiz_async._cli.output import Output, ask, command_on, count, near_moment
from postiz_async._cli.progress import CountDisplay
from postiz_async._cli.undo import say_left
from postiz_async.documents import update_document
from postiz_async.errors import BatchError, InvalidPostError, describe_rows

if TYPE_CHECKING:
    from datetime import tzinfo

    from postiz_async import Batch, Postiz, Updated


async def update(
    file: CampaignFile,
    /,
    *,
    prune: bool = False,
    force: bool = False,
    yes: bool = False,
    flags: BatchFlags = BatchFlags(),
    json: Json = False,
    read_as: ReadAs = ReadAs(),
    connection: Connection = Connection(),
) -> int:
    """Apply changes in the file to stored posts, and send new ones. Shows the cost first.

    Posts that people have changed in Postiz are reported and left as they are. Stop it with Ctrl-C
    and run it again at any time.

    Args:
        prune: Delete posts whose row is no longer in the file.
        force: Overwrite posts that people have edited in Postiz, and send those again that they
            deleted.
        yes: Do not ask.
    """
    output = Output(as_json=json)
    async with open_batch(file, flags, read_as, connection) as (postiz, batch):
        if batch.problems and not flags.skip_invalid:
            return refuse(output, batch)
        try:
            would = await batch.update(prune=prune, force=force, dry_run=True)
        except InvalidPostError:
            return refuse(output, batch)
        zone = zone_of(connection, batch.timezone)
        if not json:
            _show(output, batch, would, zone, prune=prune)
        if not would.is_something:
            return await _nothing_to_do(output, batch, would)
        if not (yes or (not json and ask("Do it?"))):
            return _not_done(output, batch, would)
        return await _do(output, postiz, batch, would, zone, prune=prune, force=force)


async def _nothing_to_do(output: Output, batch: Batch, would: Updated) -> int:
    """Say so; rows that were refused, say, are no success because an update cannot help them."""
    report = await batch.report()
    if output.as_json:
        output.json(update_document(batch, would, done=False))
    else:
        what = "There is nothing else to do" if would.left else "Nothing is left to do"
        is_fine = report.complete or would.left  # of what is left it was said why
        why = f": {standing(report)}. Why: {command_on(batch.path, 'status')}"
        output.say(f"{what}." if is_fine else f"{what}{why}")
    return 0 if report.complete and not would.left else 1


def _not_done(output: Output, batch: Batch, would: Updated) -> int:
    if output.as_json:
        output.json(update_document(batch, would, done=False))
    else:
        output.say("Nothing was changed. --yes does it.", "yellow")
    return 1 if would.left else 0


async def _do(
    output: Output,
    postiz: Postiz,
    batch: Batch,
    would: Updated,
    zone: tzinfo,
    *,
    prune: bool,
    force: bool,
) -> int:
    parts = (would.changed, would.moved, would.pruned, would.new, would.unclear)
    total = sum(map(len, parts))
    display = CountDisplay(output, "done", total, zone, batch.doubts, postiz.clock)
    work = batch.update(prune=prune, force=force, on_outcome=display.saw)
    done = await display.run(work, fatal=(BatchError, InvalidPostError))
    if isinstance(done, int):
        if output.as_json:
            finished = sorted({outcome.row for outcome in display.outcomes})
            output.json({**update_document(batch, would, done=False), "finished": finished})
        else:
            told = f"Stopped: {display.done:,} of {total:,} done. The same command goes on."
            output.say(told, "bold yellow")
        return done
    report = await batch.report()
    if output.as_json:
        output.json(update_document(batch, done, done=True))
        return 0 if report.complete and not done.left else 1
    fault = write_result(result_path(batch), report)
    say_left(output, done.left, "--force")
    show_report(output, report, zone)
    say_result(output, batch, fault)
    return 0 if report.complete and not done.left and not fault else 1


def _show(
    output: Output,
    batch: Batch,
    would: Updated,
    zone: tzinfo,
    *,
    prune: bool,
) -> None:
    """What an update would do, and what it costs."""
    say_edits(output, batch.edits, batch.path, zone, is_update=True)
    parts = (
        count(len(would.changed), "change") if would.changed else "",
        f"{len(would.moved):,} deleted and sent again" if would.moved else "",
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
        posts = len(would.changed) + len(would.pruned)
        cost = ", which costs no request" if posts == 1 else ", none costs a request"
        if would.forecast is not None:
            free = f" ({len(would.free):,} cost none)" if would.free else ""
            cost = (
                f": {count(would.forecast.requests, 'create request')}{free}, done about "
                f"{near_moment(would.forecast.finish.timestamp(), zone)}"
            )
        output.say(f"{named}{cost}", "bold")
    if batch.edits.gone and not prune:
        one = len(batch.edits.gone) == 1
        stay, them = ("stays", "it") if one else ("stay", "them")
        rows = count(len(batch.edits.gone), "post")
        output.say(f"{rows} whose row is gone {stay}; --prune deletes {them}.", "yellow")
    if would.forecast is not None and would.forecast.late:
        late = describe_rows(row.number for row in would.forecast.late)
        what = "no slot before their date; they are neither changed nor sent."
        output.say(f"{late}: {what}", "bold yellow")
    say_left(output, would.left, "--force")
