"""What Postiz sends to a webhook when posts were published."""

from __future__ import annotations

from datetime import datetime

from msgspec import field

from postiz_async.models._base import Model
from postiz_async.models.posts import PostIntegration

__all__ = ["WebhookPost"]


class WebhookPost(Model, frozen=True, kw_only=True):
    """A published post."""

    id: str
    content: str = ""
    publish_date: datetime | None = None
    release_url: str | None = field(name="releaseURL", default=None)
    state: str = ""
    integration: PostIntegration | None = None
