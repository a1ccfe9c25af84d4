"""Figures of a channel or a post, as far as the network tells them."""

from __future__ import annotations

from postiz_async.models._base import Model

__all__ = ["Metric", "MetricPoint", "PostAnalytics"]


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
