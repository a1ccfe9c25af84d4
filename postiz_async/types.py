"""Types of public signatures and values, for annotations and comparisons."""

from postiz_async._campaign.after.export import ExportResult, Naming
from postiz_async._campaign.after.reconcile import ReconcileResult
from postiz_async._campaign.after.report import Report
from postiz_async._campaign.after.wait_published import WaitResult
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._campaign.options import Existing
from postiz_async._campaign.outcomes import CampaignRun
from postiz_async._campaign.plan.plan import ChannelPlan, Estimate, Forecast, PlannedRequest
from postiz_async._campaign.read.media_files import MediaRoot
from postiz_async._campaign.read.read_options import Advice
from postiz_async._campaign.read.rows import CampaignSource, EditedField, Row
from postiz_async._campaign.run.edits import Changed, Edits, FieldChange
from postiz_async._campaign.run.job import Outcome, RunProgress
from postiz_async._campaign.run.resume import FileComparison
from postiz_async._campaign.run.undo import UndoResult
from postiz_async._campaign.run.update_plan import UpdateResult
from postiz_async._campaign.sent import SentCampaign
from postiz_async._campaign.status import RecordedQuota
from postiz_async._content import Preview
from postiz_async._delivery.lookup import Doubts
from postiz_async._delivery.options import Late, OnDoubt
from postiz_async._delivery.outcomes import RowState
from postiz_async._outbox.outbox import Outbox
from postiz_async._outbox.pool_outbox import CredentialsOf, PoolOutbox
from postiz_async._quota import RateHeaders
from postiz_async._quota.view import Queued
from postiz_async._resources.channels import Channels
from postiz_async._resources.insights import Analytics, Notifications, Users
from postiz_async._resources.listing import Listing
from postiz_async._resources.media import MediaResource
from postiz_async._resources.pool_health import OrganizationHealth, PoolHealth
from postiz_async._resources.posts import Posts
from postiz_async._scheduler.calls import RawAnswer
from postiz_async._scheduler.hooks import Attempt, AttemptHook, CallEnded, CallHook, CallStarted
from postiz_async._transport import Transport
from postiz_async._uploads import Progress, UploadSource
from postiz_async._validation import MediaFacts
from postiz_async._wire.endpoints import FilePart
from postiz_async.errors import Marks
from postiz_async.models._base import Names
from postiz_async.models.posts import PostState, PostType

__all__ = [
    "Advice",
    "Analytics",
    "Attempt",
    "AttemptHook",
    "CallEnded",
    "CallHook",
    "CallStarted",
    "CampaignRun",
    "CampaignSource",
    "Changed",
    "ChannelPlan",
    "Channels",
    "CredentialsOf",
    "Doubts",
    "EditedField",
    "Edits",
    "Estimate",
    "Existing",
    "ExportResult",
    "FieldChange",
    "FileComparison",
    "FilePart",
    "Finding",
    "Forecast",
    "Late",
    "Listing",
    "Marks",
    "MediaFacts",
    "MediaResource",
    "MediaRoot",
    "Names",
    "Naming",
    "Notifications",
    "OnDoubt",
    "OrganizationHealth",
    "Outbox",
    "Outcome",
    "PlannedRequest",
    "PoolHealth",
    "PoolOutbox",
    "PostState",
    "PostType",
    "Posts",
    "Preview",
    "Progress",
    "Queued",
    "RateHeaders",
    "RawAnswer",
    "ReconcileResult",
    "RecordedQuota",
    "Report",
    "Row",
    "RowRecord",
    "RowState",
    "RunProgress",
    "SentCampaign",
    "Transport",
    "UndoResult",
    "UpdateResult",
    "UploadSource",
    "Users",
    "WaitResult",
]
