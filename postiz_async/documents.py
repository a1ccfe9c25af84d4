"""JSON documents: the types of what commands print with `--json`, and functions that make them.

A program that reads version 1 goes on working while keys are only added; `version` grows when one
is renamed, removed or means something else. What Postiz itself calls a post, a channel, a medium or
a message is printed as the API has it, without a version of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal, NotRequired, TypeAlias, TypedDict

import msgspec

from postiz_async._quota.view import Quota
from postiz_async.errors import (
    APIConnectionError,
    APIStatusError,
    DeliveryUnknownError,
    IdempotencyError,
    InvalidPostError,
    Problem,
    PublishError,
    QuotaError,
)
from postiz_async.models._durations import write_duration
from postiz_async.models.posts import Post
from postiz_async.providers import Limit

if TYPE_CHECKING:
    from postiz_async._campaign.after.reconcile import Reconciled
    from postiz_async._campaign.after.report import Report
    from postiz_async._campaign.batch import Batch
    from postiz_async._campaign.journal.rows import RowRecord
    from postiz_async._campaign.plan.plan import Forecast
    from postiz_async._campaign.run.edits import Edits
    from postiz_async._campaign.run.resume import FileComparison
    from postiz_async._campaign.run.undo import Undone
    from postiz_async._campaign.run.update_plan import Updated
    from postiz_async._campaign.status import CampaignStatus
    from postiz_async.models.insights import Figures

VERSION: Final = 1


Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class Document(TypedDict):
    """What a command prints. `version` is that of its form."""

    version: Literal[1]


class ProblemObject(TypedDict):
    """Something that is wrong with the input, or may be regretted. `column` may be a path."""

    row: int | None
    column: str
    message: str
    hint: str


class ErrorObject(TypedDict):
    """Why a command failed.

    `type` is a class of `postiz_async.errors`, `UsageError`, `Interrupted`, `OutputError` or
    `MissingExtra`.
    """

    type: str
    message: str
    exit_code: int
    problems: NotRequired[list[ProblemObject]]
    """Of an `InvalidPostError`."""
    retry_after: NotRequired[float]
    """Seconds after which the same command may succeed."""
    status_code: NotRequired[int]
    """The HTTP status, where the server refused something."""
    provider: NotRequired[str]
    channel: NotRequired[str]
    """The name of the channel that the server complained about."""
    delivery: NotRequired[str]
    """Without an answer: `not sent`, or `unknown` when it may have been carried out."""
    date: NotRequired[Moment]
    """With `channels`: by what posts can be found whose answer was lost."""
    channels: NotRequired[list[str]]
    differs: NotRequired[list[str]]
    """Of an `IdempotencyError`: the paths of what is not the same."""
    post_id: NotRequired[str]


class ErrorDocument(Document):
    """The last line of standard error when a command with `--json` fails."""

    error: ErrorObject


# ------------------------------------------------------------------ single calls


class ConnectedDocument(Document):
    """Whether the server accepts the key."""

    connected: bool


class SlotDocument(Document):
    """The next free posting time of a channel."""

    channel: str
    date: Moment


class PublishLine(Document):
    """What became of a post, in one line as it happens."""

    post: Post
    published: bool
    link: str
    reason: str


class StateDocument(Document):
    """The state that a post has now."""

    id: str
    state: str


class DeletedDocument(Document):
    """Posts that were deleted, and ids of which there is no post, now or ever."""

    deleted: list[str]
    gone: list[str]


class UploadFailure(TypedDict):
    """Stands for a medium in the list of uploads when it failed."""

    source: str
    error: ErrorObject


class QuotaDocument(Document):
    """The quota as it was last seen, and where the key came from."""

    quota: Quota
    seen_at: Moment | None
    key_from: str
    explanation: NotRequired[list[str]]


class ProfileObject(TypedDict):
    """A profile. `key_from` is `key` or `key_command`; empty where it says neither."""

    name: str
    url: str
    zone: str | None
    key_from: str
    in_use: bool


class ProfilesDocument(Document):
    """The profiles of a file, and whether POSTIZ_PROFILE names them; `faulty` says why by name."""

    path: str
    profiles: list[ProfileObject]
    faulty: Mapping[str, str]


class OutboxObject(TypedDict):
    """How an outbox stands. `tickets` counts them by state, `troubles` is by organisation."""

    tickets: Mapping[str, int]
    organizations: int
    in_turn: int
    waiting: int
    oldest: Moment | None
    troubles: Mapping[str, str]


class OutboxDocument(Document):
    """How an outbox in PostgreSQL stands."""

    outbox: OutboxObject


class SettingObject(TypedDict):
    """A setting of a network; `needed` is `yes`, `no`, or when."""

    name: str
    kind: str
    needed: str
    limits: str
    meaning: str


class ProviderObject(TypedDict):
    """What a network takes."""

    identifier: str
    name: str
    limits: Sequence[Limit]
    counts: str
    editor: str
    parts: str
    partMedia: str
    settings: list[SettingObject]
    leastSettings: Mapping[str, object]
    media: Sequence[str]
    notes: Sequence[str]
    tools: Sequence[str]
    since: str


# ------------------------------------------------------------------ campaigns


class FieldObject(TypedDict):
    """What a row says differently; `before` is null where the journal does not tell it."""

    field: str
    before: object
    after: object


class ChangedObject(TypedDict):
    """A row whose post says something else. Not `sure`: it is only probably that row's post."""

    row: int
    ref: str
    post_id: str | None
    sure: bool
    fields: list[FieldObject]


class GoneObject(TypedDict):
    """A post still to come whose row is not in the file any more; `row` is that of the last run."""

    row: int
    ref: str
    post_id: str | None
    date: Moment


class EditsObject(TypedDict):
    """What the file says differently than what was sent of it; `new` has numbers of rows.

    While there are rows that cannot be read, `unread`, nothing counts as gone.
    """

    new: list[int]
    changed: list[ChangedObject]
    gone: list[GoneObject]
    unread: list[int]


class RefusedDocument(Document):
    """A campaign with problems, of which nothing was sent."""

    problems: list[ProblemObject]
    warnings: list[ProblemObject]


class EstimateObject(TypedDict):
    """What a campaign would cost with dates moved by `align`, at `limit` requests an hour."""

    align: str | None
    limit: int
    requests: int
    windows: int
    finish: Moment
    late: int


class ChannelObject(TypedDict):
    """What of a channel is in Postiz and what is still to be sent, from the first to the last."""

    id: str
    name: str
    in_postiz: int
    posts: int
    first: Moment | None
    last: Moment | None


class PlanDocument(Document):
    """What is left to send of a campaign, and what it costs.

    `adopted_rows` are in Postiz already, and a run adopts them.
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
    resumed: bool
    moved: int
    estimates: list[EstimateObject]
    edits: EditsObject


class ValidateDocument(Document):
    """What would be refused of a campaign, and what may be regretted."""

    rows: int
    problems: list[ProblemObject]
    warnings: list[ProblemObject]


class RowObject(TypedDict):
    """What became of a row. `moved_from` is the date that the file says, if it was moved."""

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
    """With --analytics: why there are none of a post that is due."""


class ReportDocument(Document):
    """What became of a campaign. `counts` has the rows by state."""

    rows: list[RowObject]
    counts: Mapping[str, int]
    requests: int
    complete: bool
    doubled: int


class RunDocument(ReportDocument):
    """What became of a campaign by a run, which left rows with problems out."""

    problems: list[ProblemObject]
    remarks: list[str]
    edits: EditsObject


class PostOfRow(TypedDict):
    """A post that a row made; `row` is that of the last run."""

    row: int
    ref: str
    post_id: str | None


class UpdateDocument(Document):
    """What an update did, or would do if it is not `done`: rows by what becomes of their posts.

    `free` are those of `changed` that cost no create request, `unclear` rows in requests without an
    answer, which are looked up, `left` rows by why they stay as they are. `requests` are all create
    requests, `requests_that_change` those that change posts; no plan needs fewer of these than
    `lower_bound`. A command that was stopped says what it would do, and of which rows that is
    `finished`.
    """

    done: bool
    changed: list[int]
    free: list[int]
    moved: list[int]
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
    """What was deleted, or would be; `left` are posts by why they stay.

    `unsent` is the number of rows that were not sent yet, `unknown` are numbers of rows that there
    are not. A command that was stopped has both: what it deleted, and what is still to be deleted.
    """

    deleted: NotRequired[list[PostOfRow]]
    would_delete: NotRequired[list[PostOfRow]]
    left: Mapping[str, list[PostOfRow]]
    unsent: int
    unknown: list[int]


class QuotaSeen(TypedDict):
    """The quota when it was last seen."""

    limit: int
    remaining: int
    as_of: Moment


class DoubtObject(TypedDict):
    """Requests whose answers are missing: a run or an update finds out what became of them.

    `certain_at` is the moment from which on it may be certain that their posts are not stored.
    """

    requests: int
    posts: int
    certain_at: Moment


class StatusDocument(ReportDocument):
    """How far a campaign is."""

    server: str
    campaign: str
    in_doubt: DoubtObject | None
    quota: QuotaSeen | None
    edits: EditsObject | None
    """Null where the file as it is now cannot be read."""
    problems: list[ProblemObject]
    """Why rows of the file as it is now cannot be read."""


class ReconcileDocument(ReportDocument):
    """What a campaign stored, held against Postiz. `found` counts rows by what was found."""

    found: Mapping[str, int]
    hidden_channels: list[str]
    lacking_tags: Mapping[str, int]
    doubles_left: int


class SandboxSeen(msgspec.Struct):
    """What the sandbox saw. `hours` are from the first to the last create, on its clock."""

    posts: int
    uploads: int
    creates: int
    refusals: int
    hours: float
    seconds: float


class SandboxDocument(ReportDocument):
    """What became of the sample campaign."""

    sandbox: SandboxSeen


class SandboxChannel(TypedDict):
    """A channel of a sandbox."""

    id: str
    name: str
    provider: str


class SandboxOrganization(TypedDict):
    """An organisation of a sandbox; a client finds it by the variables of `environment`."""

    name: str
    environment: Mapping[str, str]
    channels: list[SandboxChannel]


class SandboxStarted(Document):
    """A sandbox that is ready. Its clock showed `now` then; `limit` is of creates an hour."""

    url: str
    now: Moment
    speed: float
    limit: int
    organizations: list[SandboxOrganization]


# ------------------------------------------------------------------ made of values


def error_object(error: Exception, exit_code: int) -> ErrorObject:
    """An error for programs.

    Args:
        error: of this library, or another.
        exit_code: that of a command: 1 for what may go well later, 2 for what has to be put right.
    """
    said: ErrorObject = {
        "type": type(error).__name__,
        "message": str(error),
        "exit_code": exit_code,
    }
    match error:
        case InvalidPostError():
            said["problems"] = problem_objects(error.problems)
        case QuotaError():
            said["retry_after"] = error.retry_after
        case APIConnectionError():
            said["delivery"] = error.delivery.value
        case DeliveryUnknownError():
            said["date"], said["channels"] = error.marks.date, list(error.marks.channels)
            if error.retry_after is not None:
                said["retry_after"] = error.retry_after
        case IdempotencyError():
            said["differs"] = list(error.differs)
        case APIStatusError():
            _say_refusal(said, error)
        case PublishError():
            said["post_id"] = error.post_id
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
    """Problems for programs.

    Args:
        problems: of a campaign, or of an `InvalidPostError`.
    """
    return [
        {"row": p.row, "column": p.where, "message": p.message, "hint": p.hint} for p in problems
    ]


def refused_document(batch: Batch) -> RefusedDocument:
    """A campaign with problems.

    Args:
        batch: the campaign.
    """
    return {
        "version": VERSION,
        "problems": problem_objects(batch.problems),
        "warnings": problem_objects(batch.warnings),
    }


def report_document(report: Report, figures: Figures | None = None) -> ReportDocument:
    """A report.

    Args:
        report: what became of the rows.
        figures: of their posts, if they were fetched.
    """
    return {
        "version": VERSION,
        "rows": [_row_object(row, figures) for row in report.rows],
        "counts": report.counts,
        "requests": report.requests,
        "complete": report.complete,
        "doubled": report.doubled,
    }


def _row_object(row: RowRecord, figures: Figures | None) -> RowObject:
    said: RowObject = {
        "row": row.number,
        "ref": row.ref,
        "state": row.state.value,
        "post_id": row.post_id,
        "channel": row.channel,
        "name": row.name,
        "date": _utc(row.date),
        "moved_from": None if row.moved_from is None else _utc(row.moved_from),
        "request": row.request,
        "note": row.note,
        "finding": row.finding.value,
        "remark": row.remark,
        "link": row.link,
    }
    if figures is not None and figures.of(row.post_id):
        said["figures"] = figures.of(row.post_id)
    if figures is not None and (row.post_id or "") in figures.missing:
        said["no_figures"] = figures.missing[row.post_id or ""]
    return said


def edits_object(edits: Edits) -> EditsObject:
    """What a file says differently than what was sent of it.

    Args:
        edits: of a campaign.
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
        "gone": [{**post_of_row(record), "date": _utc(record.date)} for record in edits.gone],
        "unread": list(edits.unread),
    }


def plan_document(batch: Batch, forecast: Forecast) -> PlanDocument:
    """A plan.

    Args:
        batch: the campaign.
        forecast: what its `plan` returned.
    """
    return {
        **refused_document(batch),
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
        "adopted_rows": [row.number for row in batch.adopted],
        "channels": [
            {
                "id": each.channel.id,
                "name": each.channel.name,
                "in_postiz": each.in_postiz,
                "posts": each.posts,
                "first": each.first,
                "last": each.last,
            }
            for each in batch.by_channel
        ],
        "resumed": batch.is_resumed,
        "moved": forecast.moved,
        "edits": edits_object(batch.edits),
        "estimates": [
            {
                "align": None if each.align is None else write_duration(each.align),
                "limit": each.limit,
                "requests": each.requests,
                "windows": each.windows,
                "finish": each.finish,
                "late": each.late,
            }
            for each in forecast.estimates
        ],
    }


def update_document(batch: Batch, updated: Updated, *, done: bool) -> UpdateDocument:
    """An update.

    Args:
        batch: the campaign.
        updated: what its `update` returned.
        done: whether it was more than a dry run.
    """
    forecast = updated.forecast
    return {
        "version": VERSION,
        "done": done,
        "changed": [row.number for row in updated.changed],
        "free": [row.number for row in updated.free],
        "moved": [row.number for row in updated.moved],
        "pruned": list(map(post_of_row, updated.pruned)),
        "new": [row.number for row in updated.new],
        "unclear": list(updated.unclear),
        "left": {why: list(rows) for why, rows in updated.left.items()},
        "requests": 0 if forecast is None else forecast.requests,
        "requests_that_change": updated.requests,
        "lower_bound": updated.lower_bound,
        "finish": None if forecast is None else forecast.finish,
        "edits": edits_object(batch.edits),
    }


def status_document(status: CampaignStatus, now: FileComparison | None) -> StatusDocument:
    """How far a campaign is.

    Args:
        status: of the campaign.
        now: what its file says now; None if it cannot be compared.
    """
    doubts, quota = status.doubts, status.quota
    in_doubt: DoubtObject | None = None
    if doubts.requests:
        certain_at = _utc(doubts.certain_at)
        in_doubt = {"requests": doubts.requests, "posts": doubts.posts, "certain_at": certain_at}
    seen: QuotaSeen | None = None
    if quota is not None:
        as_of = _utc(quota.as_of)
        seen = {"limit": quota.limit, "remaining": quota.remaining, "as_of": as_of}
    return {
        **report_document(status.report),
        "server": status.base_url,
        "campaign": status.campaign,
        "in_doubt": in_doubt,
        "quota": seen,
        "edits": None if now is None else edits_object(now.edits),
        "problems": [] if now is None else problem_objects(now.problems),
    }


def reconcile_document(report: Report, found: Reconciled) -> ReconcileDocument:
    """What a campaign stored, held against Postiz.

    Args:
        report: after it was held against it.
        found: what `reconcile` returned.
    """
    return {
        **report_document(report),
        "found": found.counts,
        "hidden_channels": list(found.hidden),
        "lacking_tags": found.lacking_tags,
        "doubles_left": found.doubles,
    }


def undo_document(undone: Undone, *, done: bool) -> UndoDocument:
    """An undo.

    Args:
        undone: what `Batch.undo` returned.
        done: whether it was more than a dry run.
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


def post_of_row(row: RowRecord) -> PostOfRow:
    """A post and the row that made it.

    Args:
        row: from a report or an undo.
    """
    return {"row": row.number, "ref": row.ref, "post_id": row.post_id}


def _utc(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)
