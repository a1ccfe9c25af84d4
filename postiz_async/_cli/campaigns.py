"""The commands `plan` and `run`, for campaign files."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Annotated, TypedDict, Unpack, cast

from cyclopts import Parameter

from postiz_async import Campaign, Postiz
from postiz_async._cli.after_run import (
    say_written,
    show_report,
    write_result,
)
from postiz_async._cli.connection import zone_of
from postiz_async._cli.forecasts import (
    LEFT_BY_PEOPLE,
    SHOWN_AT_ONCE,
    describe_changes,
    say_changes,
    say_edits,
    say_in_the_way,
    say_left,
    say_left_out,
    say_warnings,
    show_plan,
)
from postiz_async._cli.help import FILE, SPECIAL
from postiz_async._cli.options import CampaignFile, JournalOptions, Json, ReadAs, Yes
from postiz_async._cli.output import Output, ask
from postiz_async._cli.problems import problem_lines
from postiz_async._cli.results import (
    Result,
    changes_result,
    edits_result,
    plan_result,
    refused_result,
    report_result,
)
from postiz_async._cli.sending import Sending, run_if_open, say_withdrawn, wait_until_published
from postiz_async.errors import CampaignConflictError, ConfigurationError, InvalidPostError
from postiz_async.models._durations import read_duration
from postiz_async.types import CampaignChanges, Existing, Late, OnDoubt, Report

MediaRoots = Annotated[
    list[Path] | None,
    Parameter(
        name="--media-root",
        group=SPECIAL,
        help="Another folder from which the campaign may take media; can be repeated.",
    ),
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class CampaignFlags:
    """Options of commands that plan a campaign, besides those for reading it.

    Args:
        align: How far dates may move so that more posts share a request, like 15m (s, m, h or d). A
            row's tolerance overrides it.
        skip_invalid: Leave out rows with problems instead of stopping.
    """

    journal: JournalOptions = JournalOptions()
    media_root: MediaRoots = None
    align: str | None = None
    skip_invalid: bool = False


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class PlanFlags(CampaignFlags):
    """Options for posts that are in Postiz already.

    Args:
        prune: Delete posts that are to come and whose row is no longer in the file.
        force: Also change posts that people have edited in Postiz: overwrite their edits, and send
            those again that they deleted.
        adopt: Adopt posts that are in Postiz already but not in the journal.
        again: Send rows once more that are in Postiz already, or that undo has withdrawn.
    """

    prune: bool = False
    force: Annotated[bool, Parameter(group=SPECIAL)] = False
    adopt: Annotated[bool, Parameter(group=SPECIAL)] = False
    again: Annotated[bool, Parameter(group=SPECIAL)] = False

    @property
    def existing(self) -> Existing:
        """The value of `existing` for `Postiz.campaign`.

        Raises:
            ConfigurationError: both options are given.
        """
        if self.adopt and self.again:
            raise ConfigurationError("Say --adopt or --again, not both.")
        if self.adopt:
            return "adopt"
        return "again" if self.again else "refuse"


class _SendingFlags(TypedDict, total=False):
    late: Late
    on_doubt: OnDoubt
    existing: Existing


@asynccontextmanager
async def open_campaign(
    file: Path,
    flags: CampaignFlags,
    read_as: ReadAs,
    **sending: Unpack[_SendingFlags],
) -> AsyncGenerator[tuple[Postiz, Campaign]]:
    """Open the client and the checked campaign of a command.

    Args:
        file: the campaign.
        flags: how it is planned.
        read_as: how it is read.
        **sending: how it is sent.
    """
    reading = await read_as.options(file)
    async with (
        flags.journal.client(read_as.connection) as postiz,
        postiz.campaign(
            file,
            journal=flags.journal.place,
            schema=flags.journal.schema,
            name=flags.journal.name,
            reading=reading,
            media_root=flags.media_root or (),
            align=flags.align,
            skip_invalid=flags.skip_invalid,
            **sending,
        ) as campaign,
    ):
        yield postiz, campaign


async def plan(
    file: CampaignFile,
    /,
    *,
    flags: PlanFlags = PlanFlags(),
    json: Json = False,
    read_as: Annotated[ReadAs, Parameter(name="*", group=FILE)] = ReadAs(),
) -> int:
    """Check each row, and show what a run would send and change, and when it is done."""
    output = Output(as_json=json, says_results=True)
    existing = flags.existing
    async with open_campaign(file, flags, read_as, existing=existing) as (postiz, campaign):
        if campaign.problems and not flags.skip_invalid:
            return refuse(output, campaign)
        try:
            forecast = await campaign.plan(prune=flags.prune, force=flags.force)
        except InvalidPostError:
            if not campaign.problems:
                raise
            return refuse(output, campaign)
        if json:
            output.json(plan_result(campaign, forecast))
        else:
            show_plan(
                output,
                postiz,
                campaign,
                forecast,
                zone_of(read_as.connection, campaign.reading.timezone),
            )
            if campaign.is_resumed:
                say_withdrawn(output, campaign, await campaign.report())
        return 1 if forecast.late or campaign.problems else 0


def refuse(output: Output, campaign: Campaign) -> int:
    """Show the problems of a campaign, and return the exit code."""
    output.document(partial(refused_result, campaign))
    if output.as_json:
        output.error(InvalidPostError(list(campaign.problems)), 2)
        return 2
    say_warnings(output, campaign)
    output.problems(campaign.problems, list(problem_lines(campaign, campaign.problems)))
    wrong = {problem.row for problem in campaign.problems}
    if None not in wrong and any(row.number not in wrong for row in campaign.rows):
        output.err.print("Correct them, or leave these rows out: --skip-invalid")
    return 2


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RunFlags(PlanFlags):
    """Options for late rows, lost answers, and changes.

    Args:
        late: What to do with a post whose date passes before a slot is free: skip it, send it at
            once, or move it, like 15m.
        on_doubt: What to do with a post whose answer was lost and that is due before it is certain
            that it is not stored: skip it, or send it again, perhaps twice.
        keep: Keep posts that are to come and whose row is no longer in the file, and drafts that
            somebody made of posts.
    """

    late: str = "skip"
    on_doubt: Annotated[OnDoubt, Parameter(group=SPECIAL)] = "skip"
    keep: bool = False
    yes: Yes = False

    @property
    def late_rule(self) -> Late:
        """The value of `late` for `Postiz.campaign`, which checks it."""
        return cast("Late", read_duration(self.late) or self.late)


async def run(
    file: CampaignFile,
    /,
    *,
    choices: RunFlags = RunFlags(),
    wait_published: bool = False,
    json: Json = False,
    read_as: ReadAs = ReadAs(),
) -> int:
    """Send a campaign, continue it, or bring its posts up to date. Asks before it changes posts.

    Stop it at any time, and run it again: each row is stored once. What people changed in Postiz
    is reported and left.

    Args:
        wait_published: Then wait until each post is published, has failed, or is a quarter of an
            hour late.
    """
    output = Output(as_json=json)
    sending: _SendingFlags = {
        "late": choices.late_rule,
        "on_doubt": choices.on_doubt,
        "existing": choices.existing,
    }

    async with open_campaign(file, choices, read_as, **sending) as (
        postiz,
        campaign,
    ):
        if campaign.problems and not choices.skip_invalid:
            return refuse(output, campaign)
        if not campaign.is_resumed and not campaign.requests:
            raise InvalidPostError(list(campaign.problems))
        zone = zone_of(read_as.connection, campaign.reading.timezone)
        told = len(campaign.remarks)
        try:
            code = await _send(output, postiz, campaign, zone, choices)
        except InvalidPostError:
            if not campaign.problems:
                raise
            return refuse(output, campaign)
        if not code and wait_published:
            code = await wait_until_published(output, campaign, zone)
        ended = code is None or await campaign.has_journal()
        report = await campaign.report() if ended else Report((), {}, 0)
    fault = "" if output.as_json or code else write_result(result_path(campaign), report, zone)

    def document() -> Result:
        return {
            **report_result(report),
            "problems": campaign.problems,
            "remarks": campaign.remarks,
            "edits": edits_result(campaign.edits),
            "changes": changes_result(report.changes),
        }

    output.document(document)
    if not (output.as_json or code):
        if code is None:
            say_left(output, report.changes.left, resends=True)
            show_report(output, report, zone)
            _say_remarks(output, campaign, told)
        say_result(output, campaign, fault)
    if code:
        return code
    is_fine = report.complete and not report.doubled and not campaign.problems
    is_fine &= report.changes.left.keys() <= LEFT_BY_PEOPLE
    return 0 if is_fine and not fault else 1


def result_path(campaign: Campaign) -> Path:
    """The path of the result CSV: next to the campaign."""
    return campaign.path.with_suffix(".result.csv")


def say_result(output: Output, campaign: Campaign, fault: str) -> None:
    """Say where the result CSV is, or why it was not written and how to get it."""
    to = result_path(campaign)
    say_written(output, to, fault)
    if not fault:
        return
    is_beside = campaign.journal_path == campaign.path.with_suffix(".journal")
    told = (
        "--store ADDRESS" if campaign.journal_path is None else f"--journal {campaign.journal_path}"
    )
    where = "" if is_beside else f" {told}"
    output.result(
        "What was sent is in Postiz, and the journal knows it. Run the same command again to have "
        f"the result there, or write it elsewhere: postiz-async report {campaign.path}{where} "
        f"--result FOLDER/{to.name} --html FOLDER/{to.with_suffix('.html').name}",
        "yellow",
    )


async def _send(
    output: Output, postiz: Postiz, campaign: Campaign, zone: tzinfo, choices: RunFlags
) -> int | None:
    """Show what a checked campaign would change, ask, and carry it out.

    Returns:
        The exit code, as from `run_if_open`.
    """
    say_left_out(output, campaign)
    say_warnings(output, campaign, most=SHOWN_AT_ONCE)
    _say_remarks(output, campaign)
    how = Sending(choices.late_rule, choices.prune, choices.keep, choices.force)
    if campaign.is_resumed:
        say_edits(output, campaign.edits, zone)
        say_in_the_way(output, campaign.edits, is_decided=choices.prune or choices.keep)
        edits = campaign.edits
        if edits.changed or edits.unclear or (choices.prune and edits.gone):
            told = campaign.warnings
            plan = await campaign.plan(prune=choices.prune, force=choices.force)
            say_warnings(output, campaign, told, most=SHOWN_AT_ONCE)
            say_changes(output, plan.changes)
            if not (choices.yes or _agreed(output, plan.changes)):
                output.say("Nothing was changed or sent. --yes does it.", "yellow")
                return 1
            how = how._replace(plan=plan)
    return await run_if_open(output, postiz, campaign, zone, how)


def _agreed(output: Output, changes: CampaignChanges) -> bool:
    """Whether the user agrees to changes of stored posts; without any nobody is asked.

    Raises:
        CampaignConflictError: there is nobody to ask.
    """
    if not changes.is_something:
        return True
    told = describe_changes(changes)
    agreed = None if output.as_json else ask(f"{told}. Do it?")
    if agreed is not None:
        return agreed
    rows = [row.number for row in (*changes.changed, *changes.resent)]
    rows += [record.number for record in changes.pruned]
    rows += changes.if_stored
    raise CampaignConflictError(
        f"The file differs from stored posts: {told}. Nothing was changed or sent, because there "
        "is no terminal to ask on. --yes does it; postiz-async plan shows it.",
        rows=tuple(sorted(rows)),
    )


def _say_remarks(output: Output, campaign: Campaign, told: int = 0) -> None:
    """Show the remarks about the run as a whole, except the first `told`, which were shown."""
    for remark in campaign.remarks[told:]:
        output.say(remark, "yellow")
