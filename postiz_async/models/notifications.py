"""What Postiz told the organisation: published, failed, disconnected."""

from __future__ import annotations

from datetime import datetime

from postiz_async.models._base import Model

__all__ = ["Notification", "NotificationPage"]


class Notification(Model, frozen=True, kw_only=True):
    """One message, newest first in a page."""

    id: str
    content: str
    created_at: datetime
    link: str | None = None


class NotificationPage(Model, frozen=True, kw_only=True):
    """Up to 100 messages. Pages are numbered from 0 and shift when new messages arrive."""

    notifications: list[Notification]
    total: int = 0
    page: int = 0
    limit: int = 100
    has_more: bool = False
