"""The asyncio client for the Postiz public API, with a scheduler that respects its quota.

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postiz_async import providers, texts
    from postiz_async._api import Api
    from postiz_async._campaign.after.export import Exported
    from postiz_async._campaign.after.report import Report
    from postiz_async._campaign.after.wait_published import Waited
    from postiz_async._campaign.batch import Batch
    from postiz_async._campaign.plan.plan import Forecast
    from postiz_async._campaign.read.file_options import FileOptions
    from postiz_async._campaign.read.read_options import ReadOptions
    from postiz_async._campaign.read.rows import CampaignRow
    from postiz_async._campaign.run.job import Outcome
    from postiz_async._campaign.run.undo import Undone
    from postiz_async._campaign.run.update_plan import Updated
    from postiz_async._campaign.sent import SentCampaign
    from postiz_async._campaign.status import CampaignStatus
    from postiz_async._client import Postiz
    from postiz_async._outbox.outbox import Outbox
    from postiz_async._outbox.tickets import OutboxOptions, Ticket
    from postiz_async._pool import PostizPool
    from postiz_async._quota.view import Quota
    from postiz_async._resources.pool_health import OrganizationHealth, PoolHealth
    from postiz_async._scheduler.calls import Priority, RawAnswer
    from postiz_async._scheduler.hooks import Attempt, CallEnded, CallStarted
    from postiz_async._validation import MediaFacts, validate
    from postiz_async._wire.secrets import Secret
    from postiz_async.errors import (
        APIConnectionError,
        APIStatusError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        BatchError,
        ConfigurationError,
        DeliveryUnknownError,
        IdempotencyError,
        InvalidPostError,
        Marks,
        NotFoundError,
        PayloadTooLargeError,
        PermissionDeniedError,
        PlanLimitError,
        PostizError,
        Problem,
        PublishError,
        QuotaError,
        QuotaWaitError,
        RateLimitError,
        ServerError,
        StoreError,
        UnexpectedAnswerError,
        UploadError,
        UsageError,
    )
    from postiz_async.models.integrations import Integration
    from postiz_async.models.media import Media
    from postiz_async.models.posts import (
        Created,
        CreatePost,
        Html,
        Markdown,
        Mention,
        NewPost,
        Post,
        Text,
        ThreadPart,
    )
    from postiz_async.models.settings import RawSettings

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "Api",
    "Attempt",
    "AuthenticationError",
    "BadRequestError",
    "Batch",
    "BatchError",
    "CallEnded",
    "CallStarted",
    "CampaignRow",
    "CampaignStatus",
    "ConfigurationError",
    "CreatePost",
    "Created",
    "DeliveryUnknownError",
    "Exported",
    "FileOptions",
    "Forecast",
    "Html",
    "IdempotencyError",
    "Integration",
    "InvalidPostError",
    "Markdown",
    "Marks",
    "Media",
    "MediaFacts",
    "Mention",
    "NewPost",
    "NotFoundError",
    "OrganizationHealth",
    "Outbox",
    "OutboxOptions",
    "Outcome",
    "PayloadTooLargeError",
    "PermissionDeniedError",
    "PlanLimitError",
    "PoolHealth",
    "Post",
    "Postiz",
    "PostizError",
    "PostizPool",
    "Priority",
    "Problem",
    "PublishError",
    "Quota",
    "QuotaError",
    "QuotaWaitError",
    "RateLimitError",
    "RawAnswer",
    "RawSettings",
    "ReadOptions",
    "Report",
    "Secret",
    "SentCampaign",
    "ServerError",
    "StoreError",
    "Text",
    "ThreadPart",
    "Ticket",
    "Undone",
    "UnexpectedAnswerError",
    "Updated",
    "UploadError",
    "UsageError",
    "Waited",
    "providers",
    "texts",
    "validate",
]

_MODULES_OF = {
    "_campaign.read.file_options": ("FileOptions",),
    "_campaign.sent": ("SentCampaign",),
    "_campaign.status": ("CampaignStatus",),
    "_outbox.outbox": ("Outbox",),
    "_campaign.run.undo": ("Undone",),
    "_campaign.run.update_plan": ("Updated",),
    "_campaign.after.wait_published": ("Waited",),
    "_campaign.after.report": ("Report",),
    "_campaign.run.job": ("Outcome",),
    "_campaign.plan.plan": ("Forecast",),
    "_campaign.after.export": ("Exported",),
    "_campaign.batch": ("Batch",),
    "_campaign.read.read_options": ("ReadOptions",),
    "_campaign.read.rows": ("CampaignRow",),
    "_scheduler.calls": ("Priority", "RawAnswer"),
    "_api": ("Api",),
    "_client": ("Postiz",),
    "errors": (
        "APIConnectionError",
        "APIStatusError",
        "APITimeoutError",
        "AuthenticationError",
        "BadRequestError",
        "BatchError",
        "ConfigurationError",
        "DeliveryUnknownError",
        "IdempotencyError",
        "InvalidPostError",
        "Marks",
        "NotFoundError",
        "PayloadTooLargeError",
        "PermissionDeniedError",
        "PlanLimitError",
        "PostizError",
        "Problem",
        "PublishError",
        "QuotaError",
        "QuotaWaitError",
        "RateLimitError",
        "ServerError",
        "StoreError",
        "UnexpectedAnswerError",
        "UploadError",
        "UsageError",
    ),
    "_scheduler.hooks": ("Attempt", "CallEnded", "CallStarted"),
    "models.integrations": ("Integration",),
    "models.media": ("Media",),
    "models.posts": (
        "CreatePost",
        "Created",
        "Html",
        "Markdown",
        "Mention",
        "NewPost",
        "Post",
        "Text",
        "ThreadPart",
    ),
    "models.settings": ("RawSettings",),
    "_outbox.tickets": ("OutboxOptions", "Ticket"),
    "_pool": ("PostizPool",),
    "_resources.pool_health": ("OrganizationHealth", "PoolHealth"),
    "_wire.secrets": ("Secret",),
    "_quota.view": ("Quota",),
    "_validation": ("MediaFacts", "validate"),
}

_MODULES = ("providers", "texts")


if not TYPE_CHECKING:  # or every name would be one, for a type checker

    def __getattr__(name: str) -> object:
        if name in _MODULES:
            return import_module(f"postiz_async.{name}")
        for module, names in _MODULES_OF.items():
            if name in names:
                value: object = getattr(import_module(f"postiz_async.{module}"), name)
                globals()[name] = value
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
