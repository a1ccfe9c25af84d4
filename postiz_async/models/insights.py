"""Figures from the networks, and what Postiz told the organisation."""

from __future__ import annotations

from datetime import datetime

from postiz_async.models._base import Model

__all__ = [
    "Metric",
    "MetricPoint",
    "Notification",
    "NotificationPage",
    "PostAnalytics",
]


class MetricPoint(Model, frozen=True, kw_only=True):
    """One day of a metric. `date` is usually `YYYY-MM-DD`; the network decides."""

    total: str | int | float
    date: str

    @property
    def value(self) -> float | None:
        """`total` as a number, or None where the network sent something else."""
        try:
            return float(self.total)
        except ValueError:
            return None


class Metric(Model, frozen=True, kw_only=True):
    """A named series. `percentage_change` is often a constant of the server, or absent."""

    label: str
    data: list[MetricPoint] = []
    percentage_change: float | None = None
    average: bool = False


class Missing(Model, frozen=True, kw_only=True):
    """Answer for a post whose id on the network is not known."""

    missing: bool = False


class PostAnalytics(Model, frozen=True, kw_only=True):
    """Figures of one post. `missing`: Postiz does not know its id on the network."""

    metrics: list[Metric] = []
    missing: bool = False


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
