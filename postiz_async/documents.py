"""JSON documents: the types of what commands print with `--json`, and functions that make them.

A program that reads version 1 goes on working while keys are only added; `version` grows when one
is renamed, removed or means something else. What Postiz itself calls a post, a channel, a medium or
a message is printed as the API has it, without a version of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Annotated, Final, Literal, NotRequired, TypedDict, TypeVar, cast

import msgspec
from msgspec import inspect

from postiz_async._quota.view import Quota
from postiz_async.errors import (
    APIConnectionError,
    APIStatusError,
    DeliveryUnknownError,
    IdempotencyError,
    InvalidInputError,
    PostizError,
    Problem,
    PublishError,
)
from postiz_async.models._durations import write_duration
from postiz_async.models.posts import Post, PostFinding
from postiz_async.providers import FieldLine, Limit

if TYPE_CHECKING:
    from postiz_async._campaign.after.copy import CopyResult
    from postiz_async._campaign.after.reconcile import ReconcileResult
    from postiz_async._campaign.after.report import Report
    from postiz_async._campaign.campaign import Campaign
    from postiz_async._campaign.journal.rows import RowRecord
    from postiz_async._campaign.plan.plan import Forecast
    from postiz_async._campaign.read.rows import Row
    from postiz_async._campaign.run.bulk import PostChanges
    from postiz_async._campaign.run.edits import Edits
    from postiz_async._campaign.run.resume import FileComparison
    from postiz_async._campaign.run.undo import UndoResult
    from postiz_async._campaign.run.update_plan import UpdateResult
    from postiz_async._campaign.status import CampaignStatus
    from postiz_async.models.insights import Figures
    from postiz_async.providers import Guide

VERSION: Final = 1


_T = TypeVar("_T", bound=Mapping[str, object])
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Document(TypedDict):
    """The JSON output of a command. `version` is the version of its format."""

    version: Literal[1]


class ProblemObject(TypedDict):
    """A problem with the input, or a warning about it. `column` may be a path."""

    row: int | None
    column: str
    message: str
    hint: str


class ErrorObject(TypedDict):
    """Why a command failed.

    `type` is a class of `postiz_async.errors`, `UsageError`, `Interrupted` or `OutputError`.
    """

    type: str
    message: str
    exit_code: int
    problems: NotRequired[list[ProblemObject]]
    """The problems of an `InvalidInputError`."""
    retry_after: NotRequired[float]
    """Seconds after which the same command may succeed."""
    status_code: NotRequired[int]
    """The HTTP status, if the server refused the request."""
    provider: NotRequired[str]
    channel: NotRequired[str]
    """The name of the channel that the server complained about."""
    delivery: NotRequired[str]
    """If there was no answer: `not sent`, or `unknown` if the request may have been carried out."""
    date: NotRequired[Moment]
    """With `channels`, identifies posts whose answer was lost."""
    channels: NotRequired[list[str]]
    differs: NotRequired[list[str]]
    """The paths of the arguments that differ, for an `IdempotencyError`."""
    post_id: NotRequired[str]
    reason: NotRequired[str]
    """Why the network did not publish the post `post_id`."""


class ErrorDocument(Document):
    """The last line of standard error when a command with `--json` fails."""

    error: ErrorObject


# ------------------------------------------------------------------ single calls


class SlotDocument(Document):
    """The next free posting time of a channel."""

    channel: str
    date: Moment


class PublishLine(Document):
    """A post that was published or refused; one line for each, as it happens."""

    post: Post
    published: bool
    link: str
    reason: str


class StateDocument(Document):
    """The current state of a post."""

    id: str
    state: str


class DueDocument(Document):
    """The date of a post whose settings were changed."""

    id: str
    date: Moment


class ReleaseDocument(Document):
    """The id on the network of a post."""

    id: str
    release_id: str


class UrlDocument(Document):
    """An address where a person goes on. `state` is to be compared when they come back."""

    url: str
    state: NotRequired[str]


class RemovedDocument(Document):
    """The number of tickets that were removed."""

    removed: int


class DeletedDocument(Document):
    """What was deleted, by its id, and ids for which there is nothing."""

    deleted: list[str]
    gone: list[str]


class PostChangesDocument(Document):
    """Stored posts that were deleted or edited, or would be if it is not `done`.

    `left` are posts that stay as they are, by reason, and `notes` say more about posts, by id.
    `requests` is the number of create requests. A command that was stopped has the whole plan, and
    in `finished` the ids of the posts that are done.
    """

    done: bool
    posts: Sequence[Post]
    left: Mapping[str, Sequence[Post]]
    notes: Mapping[str, str]
    requests: Literal[0]
    finished: NotRequired[list[str]]


class CheckDocument(Document):
    """Findings about stored posts; `fails` if some of the posts fail."""

    fails: bool
    findings: Sequence[PostFinding]


class UploadFailure(TypedDict):
    """An upload that failed, in the place of its medium in the list of uploads."""

    source: str
    error: ErrorObject


class QuotaDocument(Document):
    """The quota as it was last seen, and where the key came from."""

    quota: Quota
    seen_at: Moment | None
    key_from: str
    explanation: NotRequired[list[str]]


class OutboxObject(TypedDict):
    """The state of an outbox. `tickets` are counted by state, `troubles` are by organisation."""

    tickets: Mapping[str, int]
    organizations: int
    in_turn: int
    waiting: int
    oldest: Moment | None
    troubles: Mapping[str, str]


class OutboxDocument(Document):
    """The state of an outbox in PostgreSQL."""

    outbox: OutboxObject


class ProviderObject(TypedDict):
    """The settings and limits of a network."""

    identifier: str
    name: str
    limits: Sequence[Limit]
    counts: str
    editor: str
    parts: str
    partMedia: str
    settings: Sequence[FieldLine]
    leastSettings: Mapping[str, object]
    media: Sequence[str]
    notes: Sequence[str]
    tools: Mapping[str, Sequence[str]]
    since: str


# ------------------------------------------------------------------ campaigns


class FieldObject(TypedDict):
    """A changed field of a row; `before` is null if the journal does not have it."""

    field: str
    before: object
    after: object


class ChangedObject(TypedDict):
    """A row that differs from its post. If not `sure`, the post is only probably that row's."""

    row: int
    ref: str
    post_id: str | None
    sure: bool
    fields: list[FieldObject]


class GoneObject(TypedDict):
    """A post still to be published, whose row was removed; `row` is its number in the last run."""

    row: int
    ref: str
    post_id: str | None
    date: Moment


class EditsObject(TypedDict):
    """Differences between the file and what was sent; `new` has row numbers.

    If some rows cannot be read (`unread`), no post counts as gone.
    """

    new: list[int]
    changed: list[ChangedObject]
    gone: list[GoneObject]
    unread: list[int]


class RefusedDocument(Document):
    """A campaign with problems, of which nothing was sent. `rows` are those of the file."""

    rows: int
    problems: list[ProblemObject]
    warnings: list[ProblemObject]


class EstimateObject(TypedDict):
    """The cost of a campaign with dates moved by `align`, at `limit` requests an hour."""

    align: str | None
    limit: int
    requests: int
    windows: int
    finish: Moment
    late: int


class ChannelObject(TypedDict):
    """A channel's numbers of posts in Postiz and still to be sent, with first and last date."""

    id: str
    name: str
    in_postiz: int
    posts: int
    first: Moment | None
    last: Moment | None


class SeriesObject(TypedDict):
    """The posts of a row that repeats, on all its channels."""

    row: int
    posts: int
    first: Moment
    last: Moment


class ShiftedRows(TypedDict):
    """Rows whose dates were shifted by so many seconds of local time, beside the file."""

    seconds: float
    rows: list[int]


class ChosenObject(TypedDict):
    """The date of a row still to be sent; `written` are its words, empty for the next slot."""

    row: int
    channel: str
    written: str
    date: Moment


class PlanDocument(Document):
    """The part of a campaign that is still to be sent, and its cost.

    `adopted_rows` are in Postiz already; a run adopts them.
    """

    problems: list[ProblemObject]
    warnings: list[ProblemObject]
    rows: int
    posts: int
    requests: int
    lower_bound: int
    limit: int
    limit_known: bool
    windows: int
    finish: Moment
    late_rows: list[int]
    media_files: int
    adopted_rows: list[int]
    channels: list[ChannelObject]
    series: list[SeriesObject]
    chosen: list[ChosenObject]
    resumed: bool
    moved: int
    estimates: list[EstimateObject]
    edits: EditsObject
    paused: Moment | None
    shifted: list[ShiftedRows]


class RowObject(TypedDict):
    """The result of a row. `moved_from` is the date in the file, if the row was moved."""

    row: int
    ref: str
    state: str
    post_id: str | None
    channel: str
    name: str
    date: Moment
    moved_from: Moment | None
    request: int | None
    note: str
    finding: str
    remark: str
    link: str
    figures: NotRequired[Mapping[str, float]]
    """With --analytics: the newest number by the network's name for it."""
    no_figures: NotRequired[str]
    """With --analytics: why a post that is due has no figures."""


class ReportDocument(Document):
    """The result of a campaign. `counts` has the number of rows by state."""

    rows: list[RowObject]
    counts: Mapping[str, int]
    requests: int
    complete: bool
    doubled: int


class RunDocument(ReportDocument):
    """The result of a run, with the problems of rows that it left out."""

    problems: list[ProblemObject]
    remarks: list[str]
    edits: EditsObject
    paused: Moment | None
    """Since when the campaign is paused."""


class FailureDocument(Document):
    """What `--on-failure` tells, beside all that the command prints with `--json`."""

    text: str
    """What happened, in one sentence."""
    command: str
    campaign: str
    """The path of the campaign."""
    exit_code: int
    error: NotRequired[ErrorObject]
    """What stopped the command; absent if it came to its end."""


class PostOfRow(TypedDict):
    """A post and the row that made it; `row` is its number in the last run."""

    row: int
    ref: str
    post_id: str | None


class UpdateDocument(Document):
    """The result of an update, or its plan if it is not `done`: rows by the change to their posts.

    `free` are those of `changed` that cost no create request, `unclear` rows in requests without
    an answer, which are looked up, `left` rows by the reason why they stay as they are. `requests`
    are all create requests, `requests_that_change` those that change posts; no plan needs fewer of
    these than `lower_bound`. A command that was stopped has the whole plan, and in `finished` the
    rows that are done.
    """

    done: bool
    changed: list[int]
    free: list[int]
    resent: list[int]
    pruned: list[PostOfRow]
    new: list[int]
    unclear: list[int]
    left: Mapping[str, list[int]]
    requests: int
    requests_that_change: int
    lower_bound: int
    finish: Moment | None
    edits: EditsObject
    finished: NotRequired[list[int]]


class UndoDocument(Document):
    """Posts that were deleted, or would be; `left` are posts by the reason why they stay.

    `unsent` is the number of rows that were not sent yet, `unknown` are row numbers that do not
    exist. A command that was stopped has both: what it deleted, and what is still to be deleted.
    """

    deleted: NotRequired[list[PostOfRow]]
    would_delete: NotRequired[list[PostOfRow]]
    left: Mapping[str, list[PostOfRow]]
    unsent: int
    unknown: list[int]


class MovedRow(TypedDict):
    """A row with a fifth weekday that its new month does not have, and its date in the copy."""

    row: int
    date: Moment


class CopyDocument(Document):
    """The copy of a campaign: its file, its number of rows, and their first and last date."""

    path: str
    rows: int
    first: Moment
    last: Moment
    fifth: list[MovedRow]


class QuotaSeen(TypedDict):
    """The quota when it was last seen."""

    limit: int
    remaining: int
    as_of: Moment


class DoubtObject(TypedDict):
    """Requests whose answers are missing: a run or an update finds out whether they are stored.

    `certain_at` is the earliest moment at which it can be certain that their posts are not stored.
    """

    requests: int
    posts: int
    certain_at: Moment


class StatusDocument(ReportDocument):
    """The progress of a campaign."""

    server: str
    campaign: str
    in_doubt: DoubtObject | None
    quota: QuotaSeen | None
    edits: EditsObject | None
    """Null if the file cannot be read now."""
    problems: list[ProblemObject]
    """Why rows of the file cannot be read now."""
    paused: Moment | None
    """Since when the campaign is paused."""
    shifted: list[ShiftedRows]
    chosen: list[ChosenObject]
    warnings: list[ProblemObject]


class ReconcileDocument(ReportDocument):
    """A campaign compared with the posts in Postiz. `found` has the number of rows by finding."""

    found: Mapping[str, int]
    hidden_channels: list[str]
    lacking_tags: Mapping[str, int]
    doubles_left: int


class SandboxSeen(msgspec.Struct):
    """Statistics of a sandbox. `hours` are from the first to the last create, on its clock."""

    posts: int
    uploads: int
    creates: int
    refusals: int
    hours: float
    seconds: float


class SandboxDocument(ReportDocument):
    """The result of the sample campaign."""

    sandbox: SandboxSeen


class SandboxChannel(TypedDict):
    """A channel of a sandbox."""

    id: str
    name: str
    provider: str


class SandboxOrganization(TypedDict):
    """An organisation of a sandbox; `environment` has the variables for its clients."""

    name: str
    environment: Mapping[str, str]
    channels: list[SandboxChannel]


class SandboxStarted(Document):
    """A sandbox that is ready. `now` is the time on its clock, `limit` the creates in a `window`.

    `window` is in seconds.
    """

    url: str
    now: Moment
    speed: float
    limit: int
    window: float
    organizations: list[SandboxOrganization]


# ------------------------------------------------------------------ made of values


def _made(kind: type[_T], value: object, **others: object) -> _T:
    """An object of this kind: its keys are attributes of the value, except those given here."""
    keys = _keys(kind)
    return cast("_T", {key: others[key] if key in others else getattr(value, key) for key in keys})


@cache
def _keys(kind: type[object]) -> tuple[str, ...]:
    """The keys that every object of this kind has."""
    fields = cast("inspect.TypedDictType", inspect.type_info(kind)).fields  # sorted
    required = {field.name for field in fields if field.required}
    return tuple(key for key in kind.__annotations__ if key in required)


def error_object(error: Exception, exit_code: int) -> ErrorObject:
    """The JSON object for an error.

    Args:
        error: an error of this library, or another.
        exit_code: of the command: 1 if it may succeed later, 2 if something has to be corrected.
    """
    said: ErrorObject = {
        "type": type(error).__name__,
        "message": str(error),
        "exit_code": exit_code,
    }
    if isinstance(error, PostizError) and error.retry_after is not None:
        said["retry_after"] = error.retry_after
    match error:
        case InvalidInputError():
            said["problems"] = problem_objects(error.problems)
        case APIConnectionError():
            said["delivery"] = error.delivery.value
        case DeliveryUnknownError():
            said["date"], said["channels"] = error.marks.date, list(error.marks.channels)
        case IdempotencyError():
            said["differs"] = list(error.differs)
        case APIStatusError():
            _say_refusal(said, error)
        case PublishError():
            said["post_id"], said["reason"] = error.post_id, error.reason
        case _:
            pass
    return said


def _say_refusal(said: ErrorObject, error: APIStatusError) -> None:
    said["status_code"] = error.status_code
    if error.provider is not None:
        said["provider"] = error.provider
    if error.channel_name is not None:
        said["channel"] = error.channel_name


def problem_objects(problems: Iterable[Problem]) -> list[ProblemObject]:
    """The JSON objects for problems.

    Args:
        problems: of a campaign, or of an `InvalidInputError`.
    """
    return [
        {"row": p.row, "column": p.where, "message": p.message, "hint": p.hint} for p in problems
    ]


def refused_document(campaign: Campaign) -> RefusedDocument:
    """The JSON document for a campaign with problems.

    Args:
        campaign: the campaign.
    """
    return {
        "version": VERSION,
        "rows": len(
            {row.number for row in campaign.rows} | {p.row for p in campaign.problems if p.row}
        ),
        "problems": problem_objects(campaign.problems),
        "warnings": problem_objects(campaign.warnings),
    }


def report_document(report: Report, figures: Figures | None = None) -> ReportDocument:
    """The JSON document for a report.

    Args:
        report: the results of the rows.
        figures: the figures of their posts, if they were fetched.
    """
    rows = [_row_object(row, figures) for row in report.rows]
    return _made(ReportDocument, report, version=VERSION, rows=rows)


def _row_object(row: RowRecord, figures: Figures | None) -> RowObject:
    plain = {"state": row.state.value, "finding": row.finding.value}
    said = _made(RowObject, row, row=row.number, date=row.at, **plain)
    if figures is not None and figures.of(row.post_id):
        said["figures"] = figures.of(row.post_id)
    if figures is not None and (row.post_id or "") in figures.missing:
        said["no_figures"] = figures.missing[row.post_id or ""]
    return said


def edits_object(edits: Edits) -> EditsObject:
    """The JSON object for the differences between a file and what was sent.

    Args:
        edits: the differences of a campaign.
    """
    return {
        "new": [row.number for row in edits.new],
        "changed": [
            {
                "row": each.row.number,
                "ref": each.row.ref,
                "post_id": each.record.post_id,
                "sure": each.sure,
                "fields": [
                    {"field": c.name, "before": c.before, "after": c.after} for c in each.fields
                ],
            }
            for each in edits.changed
        ],
        "gone": [{**post_of_row(record), "date": record.at} for record in edits.gone],
        "unread": list(edits.unread),
    }


def plan_document(campaign: Campaign, forecast: Forecast) -> PlanDocument:
    """The JSON document for a plan.

    Args:
        campaign: the campaign.
        forecast: what its `plan` returned.
    """
    return _made(
        PlanDocument,
        forecast,
        version=VERSION,
        problems=problem_objects(campaign.problems),
        warnings=problem_objects(campaign.warnings),
        rows=len(campaign.rows),
        late_rows=[row.number for row in forecast.late],
        adopted_rows=[row.number for row in campaign.adopted],
        channels=[
            _made(ChannelObject, each, id=each.channel.id, name=each.channel.name)
            for each in campaign.by_channel
        ],
        series=[
            {"row": row, "posts": len(dates), "first": min(dates), "last": max(dates)}
            for row, dates in campaign.series.items()
        ],
        chosen=_chosen(campaign.chosen),
        resumed=campaign.is_resumed,
        moved=len(forecast.moved),
        edits=edits_object(campaign.edits),
        paused=campaign.paused_at,
        shifted=_shifted(campaign.shifted),
        estimates=[
            _made(
                EstimateObject,
                each,
                align=None if each.align is None else write_duration(each.align),
            )
            for each in forecast.estimates
        ],
    )


def update_document(campaign: Campaign, updated: UpdateResult, *, done: bool) -> UpdateDocument:
    """The JSON document for an update.

    Args:
        campaign: the campaign.
        updated: what its `update` returned.
        done: False for a dry run.
    """
    forecast = updated.forecast
    return {
        "version": VERSION,
        "done": done,
        "changed": [row.number for row in updated.changed],
        "free": [row.number for row in updated.free],
        "resent": [row.number for row in updated.resent],
        "pruned": list(map(post_of_row, updated.pruned)),
        "new": [row.number for row in updated.new],
        "unclear": list(updated.unclear),
        "left": {why: list(rows) for why, rows in updated.left.items()},
        "requests": 0 if forecast is None else forecast.requests,
        "requests_that_change": updated.requests,
        "lower_bound": updated.lower_bound,
        "finish": None if forecast is None else forecast.finish,
        "edits": edits_object(campaign.edits if done else updated.edits),
    }


def status_document(status: CampaignStatus, now: FileComparison | None) -> StatusDocument:
    """The JSON document for the progress of a campaign.

    Args:
        status: the status of the campaign.
        now: the comparison with its current file; None if it cannot be compared.
    """
    doubts, quota = status.doubts, status.quota
    return {
        **report_document(status.report),
        "server": status.base_url,
        "campaign": status.name,
        "in_doubt": None if doubts.certain_at is None else _made(DoubtObject, doubts),
        "quota": None if quota is None else _made(QuotaSeen, quota),
        "edits": None if now is None else edits_object(now.edits),
        "problems": [] if now is None else problem_objects(now.problems),
        "paused": status.paused_at,
        "shifted": [] if now is None else _shifted(now.shifted),
        "chosen": [] if now is None else _chosen(now.chosen),
        "warnings": [] if now is None else problem_objects(now.warnings),
    }


def _chosen(rows: Iterable[Row]) -> list[ChosenObject]:
    return [_made(ChosenObject, row, row=row.number, written=row.words) for row in rows]


def _shifted(shifted: Mapping[timedelta, Sequence[int]]) -> list[ShiftedRows]:
    return [{"seconds": by.total_seconds(), "rows": list(rows)} for by, rows in shifted.items()]


def reconcile_document(report: Report, found: ReconcileResult) -> ReconcileDocument:
    """The JSON document for a comparison with Postiz.

    Args:
        report: the campaign's report after the comparison.
        found: what `reconcile` returned.
    """
    return {
        **report_document(report),
        "found": found.counts,
        "hidden_channels": list(found.hidden),
        "lacking_tags": found.lacking_tags,
        "doubles_left": found.doubles,
    }


def undo_document(undone: UndoResult, *, done: bool) -> UndoDocument:
    """The JSON document for an undo.

    Args:
        undone: what `Campaign.undo` returned.
        done: False for a dry run.
    """
    posts = list(map(post_of_row, undone.rows))
    said: UndoDocument = {
        "version": VERSION,
        "left": {why: list(map(post_of_row, left)) for why, left in undone.left.items()},
        "unsent": undone.unsent,
        "unknown": list(undone.unknown),
    }
    said["deleted" if done else "would_delete"] = posts
    return said


def changes_document(
    changes: PostChanges, *, done: bool, finished: Sequence[str] | None = None
) -> PostChangesDocument:
    """The JSON document for the deletion or the edit of many posts.

    Args:
        changes: what `PostSelection.delete` or `edit` returned.
        done: False for a dry run.
        finished: the ids of the posts that are done, if the command was stopped.
    """
    said = _made(PostChangesDocument, changes, version=VERSION, done=done, requests=0)
    if finished is not None:
        said["finished"] = list(finished)
    return said


def check_document(found: Sequence[PostFinding]) -> CheckDocument:
    """The JSON document for a check of stored posts.

    Args:
        found: what `PostSelection.check` returned.
    """
    fails = any(each.fails for each in found)
    return {"version": VERSION, "fails": fails, "findings": found}


def copy_document(copied: CopyResult) -> CopyDocument:
    """The JSON document for the copy of a campaign.

    Args:
        copied: what `copy_campaign` returned.
    """
    fifth = [{"row": row, "date": date} for row, date in copied.fifth]
    return _made(CopyDocument, copied, version=VERSION, path=str(copied.path), fifth=fifth)


def provider_object(shown: Guide) -> ProviderObject:
    """The JSON object for the rules of a network.

    Args:
        shown: what `providers.guide` returned.
    """
    return _made(
        ProviderObject,
        shown.provider,
        partMedia=shown.provider.part_media,
        settings=shown.fields,
        leastSettings=shown.settings,
        media=shown.media,
        notes=shown.notes,
    )


def post_of_row(row: RowRecord) -> PostOfRow:
    """The JSON object for a post and the row that made it.

    Args:
        row: from a report or an undo.
    """
    return {"row": row.number, "ref": row.ref, "post_id": row.post_id}
