"""What commands on campaigns print with `--json`. PURE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NotRequired, TypedDict

import msgspec

from postiz_async._cli.documents import Document, Moment, ProblemObject


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
