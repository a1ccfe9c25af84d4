"""Figures from the networks, and the notifications of an organisation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

from postiz_async.models._base import DateTime, Model, Value


class MetricPoint(Model, frozen=True, kw_only=True):
    """One day of a metric. `date` is usually `YYYY-MM-DD`; the network decides."""

    total: str | int | float
    date: str

    @property
    def value(self) -> float | None:
        """`total` as a finite number, or None where the network sent something else."""
        try:
            number = float(self.total)
        except (ValueError, OverflowError):
            return None
        return number if math.isfinite(number) else None


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


_NOTHING: Mapping[str, float] = {}


class Figures(Value, frozen=True):
    """The newest figures of several posts, by post id: a number for each of the network's names.

    `missing` gives the reason for each post without figures, by post id.
    """

    by_post: Mapping[str, Mapping[str, float]]
    missing: Mapping[str, str] = {}

    def of(self, post_id: str | None) -> Mapping[str, float]:
        """The figures of a post; empty if there are none.

        Args:
            post_id: the post's id.
        """
        return self.by_post.get(post_id or "", _NOTHING)

    @property
    def names(self) -> list[str]:
        """All names of figures, those of the most posts first."""
        named = Counter(name for figures in self.by_post.values() for name in figures)
        return [name for name, _ in named.most_common()]

    @property
    def notes(self) -> list[str]:
        """Sentences about the posts without figures."""
        told: list[str] = []
        for why, number in self.reasons.items():
            posts = f"{number:,} post{'' if number == 1 else 's'}"
            skipped = why.removeprefix("skipped: ")
            is_skipped = skipped != why
            told.append(
                f"Skipped {posts}: {skipped}." if is_skipped else f"{posts} without figures: {why}."
            )
        return told

    @property
    def reasons(self) -> dict[str, int]:
        """Why posts have no figures, with their number, the most frequent first."""
        return dict(Counter(self.missing.values()).most_common())


class Notification(Model, frozen=True, kw_only=True):
    """One message, newest first in a page."""

    id: str
    content: str
    created_at: DateTime
    link: str | None = None


class NotificationPage(Model, frozen=True, kw_only=True):
    """Up to 100 messages. Pages are numbered from 0 and shift when new messages arrive."""

    notifications: list[Notification]
    total: int = 0
    page: int = 0
    limit: int = 100
    has_more: bool = False
