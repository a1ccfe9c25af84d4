"""A campaign whose rows have no dates, and the slots that they get."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from campaign_lab import START, Lab

from postiz_async._campaign.campaign import Campaign
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._client import Postiz

SLOTS = "daily 9:00 18:00"
DAY = timedelta(days=1)


class SlotsLab(Lab):
    """A lab whose campaign has slots."""

    def campaign(self, postiz: Postiz, **options: Any) -> Campaign:
        options = {"slots": SLOTS, "timezone": "UTC", **options}
        return super().campaign(postiz, **options)

    def chosen(self) -> dict[str, datetime]:
        """The dates that the journal has, by the number of the row."""
        summary = read_summary(self.journal)
        return {ref: each.at for ref, each in summary.chosen.items()}

    @property
    def now(self) -> datetime:
        """The time on the server."""
        return datetime.fromtimestamp(self.clock.time(), UTC)

    @staticmethod
    def minute(moment: datetime) -> datetime:
        """The beginning of the minute of a moment."""
        return moment.replace(second=0, microsecond=0)

    def dates(self) -> dict[str, list[datetime]]:
        """The dates of stored posts, by their text."""
        dates: dict[str, list[datetime]] = {}
        for post in self.sandbox.posts:
            dates.setdefault(post.content, []).append(post.date.replace(microsecond=0))
        return dates


def slots(channels: Iterable[str], count: int, first: int = 0) -> list[dict[str, Any]]:
    names = list(channels)
    return [
        {"channel": names[n % len(names)], "content": f"slot {n}"}
        for n in range(first, first + count)
    ]


def nth(number: int) -> datetime:
    """The n-th slot from the start, which is at 8:00."""
    return START.replace(hour=9) + timedelta(hours=(0, 9)[number % 2]) + DAY * (number // 2)
