"""The asyncio client for the Postiz public API, with a scheduler that respects its quota.

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postiz_async import providers, texts
    from postiz_async.batch.read_options import ReadOptions
    from postiz_async.batch.rows import CampaignRow
    from postiz_async.client import Postiz
    from postiz_async.errors import (
        APIConnectionError,
        APIStatusError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        BatchError,
        ConfigurationError,
        DeliveryUnknownError,
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
    from postiz_async.outbox.tickets import OutboxOptions, Ticket
    from postiz_async.pool import PostizPool
    from postiz_async.quota.view import Quota
    from postiz_async.scheduler.bound import RawAnswer
    from postiz_async.scheduler.calls import Priority
    from postiz_async.scheduler.hooks import Attempt
    from postiz_async.validation import MediaFacts, validate
    from postiz_async.wire.secrets import Secret

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "Attempt",
    "AuthenticationError",
    "BadRequestError",
    "BatchError",
    "CampaignRow",
    "ConfigurationError",
    "CreatePost",
    "Created",
    "DeliveryUnknownError",
    "Html",
    "Integration",
    "InvalidPostError",
    "Markdown",
    "Marks",
    "Media",
    "MediaFacts",
    "Mention",
    "NewPost",
    "NotFoundError",
    "OutboxOptions",
    "PayloadTooLargeError",
    "PermissionDeniedError",
    "PlanLimitError",
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
    "Secret",
    "ServerError",
    "StoreError",
    "Text",
    "ThreadPart",
    "Ticket",
    "UnexpectedAnswerError",
    "UploadError",
    "providers",
    "texts",
    "validate",
]

_HOMES = {
    "batch.read_options": ("ReadOptions",),
    "batch.rows": ("CampaignRow",),
    "scheduler.bound": ("RawAnswer",),
    "client": ("Postiz",),
    "errors": (
        "APIConnectionError",
        "APIStatusError",
        "APITimeoutError",
        "AuthenticationError",
        "BadRequestError",
        "BatchError",
        "ConfigurationError",
        "DeliveryUnknownError",
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
    ),
    "scheduler.hooks": ("Attempt",),
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
    "outbox.tickets": ("OutboxOptions", "Ticket"),
    "pool": ("PostizPool",),
    "wire.secrets": ("Secret",),
    "scheduler.calls": ("Priority",),
    "quota.view": ("Quota",),
    "validation": ("MediaFacts", "validate"),
}

_MODULES = ("providers", "texts")


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"postiz_async.{name}")
    for module, names in _HOMES.items():
        if name in names:
            value: object = getattr(import_module(f"postiz_async.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
