"""The asyncio client for the Postiz public API, with a scheduler that respects its quota.

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postiz_async import providers as providers, texts as texts
    from postiz_async._campaign.campaign import Campaign as Campaign
    from postiz_async._campaign.read.read_options import (
        FileOptions as FileOptions,
        ReadOptions as ReadOptions,
    )
    from postiz_async._campaign.read.rows import CampaignRow as CampaignRow
    from postiz_async._campaign.status import CampaignStatus as CampaignStatus
    from postiz_async._client import Postiz as Postiz
    from postiz_async._outbox.tickets import (
        OutboxOptions as OutboxOptions,
        Ticket as Ticket,
        TicketEvent as TicketEvent,
    )
    from postiz_async._pool import PostizPool as PostizPool
    from postiz_async._quota.view import Quota as Quota
    from postiz_async._scheduler.calls import Priority as Priority
    from postiz_async._settings import AdvancedOptions as AdvancedOptions
    from postiz_async._validation import validate as validate
    from postiz_async._wire.secrets import Secret as Secret
    from postiz_async.errors import (
        APIConnectionError as APIConnectionError,
        APIResponseValidationError as APIResponseValidationError,
        APIStatusError as APIStatusError,
        APITimeoutError as APITimeoutError,
        AuthenticationError as AuthenticationError,
        BadRequestError as BadRequestError,
        CampaignConflictError as CampaignConflictError,
        CampaignError as CampaignError,
        ChannelNotFoundError as ChannelNotFoundError,
        ChannelTokenError as ChannelTokenError,
        ConfigurationError as ConfigurationError,
        DeliveryUnknownError as DeliveryUnknownError,
        HaltedError as HaltedError,
        IdempotencyError as IdempotencyError,
        InvalidInputError as InvalidInputError,
        InvalidPostError as InvalidPostError,
        NotFoundError as NotFoundError,
        PermissionDeniedError as PermissionDeniedError,
        PostizError as PostizError,
        PostNotFoundError as PostNotFoundError,
        Problem as Problem,
        PublishError as PublishError,
        QuotaError as QuotaError,
        QuotaWaitError as QuotaWaitError,
        RateLimitError as RateLimitError,
        ScopeError as ScopeError,
        ServerError as ServerError,
        UploadError as UploadError,
        UsageError as UsageError,
    )
    from postiz_async.models.channels import Channel as Channel
    from postiz_async.models.media import Media as Media
    from postiz_async.models.posts import (
        Created as Created,
        Html as Html,
        Markdown as Markdown,
        Mention as Mention,
        NewPost as NewPost,
        Post as Post,
        PostRequest as PostRequest,
        Text as Text,
        ThreadPart as ThreadPart,
    )
    from postiz_async.models.settings import RawSettings as RawSettings

_NAMES = {
    "_campaign.status": "CampaignStatus",
    "_campaign.campaign": "Campaign",
    "_campaign.read.read_options": "FileOptions ReadOptions",
    "_campaign.read.rows": "CampaignRow",
    "_scheduler.calls": "Priority",
    "_client": "Postiz",
    "_settings": "AdvancedOptions",
    "errors": (
        "APIConnectionError APIResponseValidationError APIStatusError APITimeoutError "
        "AuthenticationError BadRequestError CampaignConflictError "
        "CampaignError ChannelNotFoundError ChannelTokenError "
        "ConfigurationError DeliveryUnknownError HaltedError IdempotencyError InvalidInputError "
        "InvalidPostError NotFoundError PermissionDeniedError PostNotFoundError PostizError "
        "Problem PublishError QuotaError QuotaWaitError RateLimitError ScopeError ServerError "
        "UploadError UsageError"
    ),
    "models.channels": "Channel",
    "models.media": "Media",
    "models.posts": "Created Html Markdown Mention NewPost Post PostRequest Text ThreadPart",
    "models.settings": "RawSettings",
    "_outbox.tickets": "OutboxOptions Ticket TicketEvent",
    "_pool": "PostizPool",
    "_wire.secrets": "Secret",
    "_quota.view": "Quota",
    "_validation": "validate",
}
"""The names of each module."""
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}

_MODULES = ("providers", "texts")


if not TYPE_CHECKING:  # or every name would be one, for a type checker
    __all__ = list(chain(_MODULES, _MODULE_OF))

    def __getattr__(name: str) -> object:
        if name in _MODULES:
            return import_module(f"postiz_async.{name}")
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value: object = getattr(import_module(f"postiz_async.{_MODULE_OF[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
