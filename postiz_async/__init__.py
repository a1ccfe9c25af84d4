"""The asyncio client for the Postiz public API, with a scheduler that respects its quota."""

from __future__ import annotations

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
    PlanLimitError,
    PostizError,
    Problem,
    PublishError,
    QuotaError,
    QuotaWaitError,
    RateLimitError,
    ServerError,
    UnexpectedAnswerError,
)
from postiz_async.models.integrations import Integration
from postiz_async.models.media import Media
from postiz_async.models.posts import Created, CreatePost, Html, NewPost, Post, ThreadPart
from postiz_async.quota import Quota
from postiz_async.scheduler import Priority

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "BatchError",
    "ConfigurationError",
    "CreatePost",
    "Created",
    "DeliveryUnknownError",
    "Html",
    "Integration",
    "InvalidPostError",
    "Marks",
    "Media",
    "NewPost",
    "NotFoundError",
    "PayloadTooLargeError",
    "PlanLimitError",
    "Post",
    "Postiz",
    "PostizError",
    "Priority",
    "Problem",
    "PublishError",
    "Quota",
    "QuotaError",
    "QuotaWaitError",
    "RateLimitError",
    "ServerError",
    "ThreadPart",
    "UnexpectedAnswerError",
]
