"""Types of public signatures and values, for annotations and comparisons."""

from postiz_async._campaign.after.report import Report as Report
from postiz_async._campaign.after.wait_published import WaitResult as WaitResult
from postiz_async._campaign.journal.rows import Finding as Finding, RowRecord as RowRecord
from postiz_async._campaign.options import Existing as Existing
from postiz_async._campaign.outcomes import CampaignRun as CampaignRun
from postiz_async._campaign.plan.plan import (
    ChannelPlan as ChannelPlan,
    Estimate as Estimate,
    Forecast as Forecast,
    PlannedRequest as PlannedRequest,
)
from postiz_async._campaign.read.media_files import MediaRoot as MediaRoot
from postiz_async._campaign.read.read_options import Advice as Advice
from postiz_async._campaign.read.rows import (
    CampaignSource as CampaignSource,
    EditedField as EditedField,
    Row as Row,
)
from postiz_async._campaign.run.bulk import PostChanges as PostChanges
from postiz_async._campaign.run.conditions import Reason as Reason
from postiz_async._campaign.run.edits import (
    Changed as Changed,
    Edits as Edits,
    FieldChange as FieldChange,
)
from postiz_async._campaign.run.job import Outcome as Outcome, RunProgress as RunProgress
from postiz_async._campaign.run.resume import FileComparison as FileComparison
from postiz_async._campaign.run.undo import UndoResult as UndoResult
from postiz_async._campaign.run.update_plan import CampaignChanges as CampaignChanges, Plan as Plan
from postiz_async._campaign.selection import PostSelection as PostSelection
from postiz_async._campaign.sent import SentCampaign as SentCampaign
from postiz_async._campaign.status import RecordedQuota as RecordedQuota
from postiz_async._content import Preview as Preview
from postiz_async._delivery.lookup import Doubts as Doubts
from postiz_async._delivery.options import Late as Late, OnDoubt as OnDoubt
from postiz_async._delivery.outcomes import RowState as RowState
from postiz_async._outbox.outbox import Outbox as Outbox
from postiz_async._outbox.pool_outbox import (
    CredentialsOf as CredentialsOf,
    PoolOutbox as PoolOutbox,
)
from postiz_async._quota import RateHeaders as RateHeaders
from postiz_async._quota.view import Queued as Queued
from postiz_async._resources.channels import Channels as Channels
from postiz_async._resources.insights import (
    Analytics as Analytics,
    Notifications as Notifications,
    Users as Users,
)
from postiz_async._resources.listing import Listing as Listing, PostFilter as PostFilter
from postiz_async._resources.media import MediaResource as MediaResource
from postiz_async._resources.pool_health import (
    OrganizationHealth as OrganizationHealth,
    PoolHealth as PoolHealth,
)
from postiz_async._resources.posts import Posts as Posts
from postiz_async._scheduler.calls import RawAnswer as RawAnswer
from postiz_async._scheduler.hooks import (
    Attempt as Attempt,
    AttemptHook as AttemptHook,
    CallEnded as CallEnded,
    CallHook as CallHook,
    CallStarted as CallStarted,
)
from postiz_async._transport import Transport as Transport
from postiz_async._uploads import Progress as Progress, UploadSource as UploadSource
from postiz_async._validation import MediaFacts as MediaFacts
from postiz_async._wire.endpoints import FilePart as FilePart
from postiz_async.errors import Marks as Marks, Scope as Scope
from postiz_async.models._base import Names as Names
from postiz_async.models.posts import (
    PostState as PostState,
    PostType as PostType,
    StoredType as StoredType,
)
