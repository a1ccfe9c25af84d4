"""Types of public signatures and values, for annotations and comparisons."""

from postiz_async._campaign.after.export import Naming as Naming
from postiz_async._campaign.after.reconcile import Reconciled as Reconciled
from postiz_async._campaign.journal.rows import Finding as Finding, RowRecord as RowRecord
from postiz_async._campaign.options import Existing as Existing
from postiz_async._campaign.plan.plan import (
    ChannelPlan as ChannelPlan,
    Estimate as Estimate,
    PlannedRequest as PlannedRequest,
)
from postiz_async._campaign.read.media_files import MediaRoot as MediaRoot
from postiz_async._campaign.read.read_options import Advice as Advice
from postiz_async._campaign.read.rows import Row as Row
from postiz_async._campaign.read.source import CampaignSource as CampaignSource
from postiz_async._campaign.run.edits import (
    Changed as Changed,
    Edits as Edits,
    FieldChange as FieldChange,
)
from postiz_async._campaign.run.resume import FileComparison as FileComparison
from postiz_async._campaign.status import RecordedQuota as RecordedQuota
from postiz_async._content import Preview as Preview
from postiz_async._delivery.lookup import Doubts as Doubts
from postiz_async._delivery.options import Late as Late, OnDoubt as OnDoubt
from postiz_async._delivery.outcomes import RowState as RowState
from postiz_async._outbox.pool_outbox import (
    CredentialsOf as CredentialsOf,
    PoolOutbox as PoolOutbox,
)
from postiz_async._quota import RateHeaders as RateHeaders
from postiz_async._quota.view import Queued as Queued
from postiz_async._scheduler.hooks import AttemptHook as AttemptHook, CallHook as CallHook
from postiz_async._transport import Transport as Transport
from postiz_async._uploads import Progress as Progress, UploadSource as UploadSource
