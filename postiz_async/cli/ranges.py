"""From when to when: what the commands that list posts have in common."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from postiz_async.client import Postiz

__all__ = ["EndOption", "Start", "StateOption", "aware", "day_range"]

Start = Annotated[
    datetime | None, Parameter(help="First moment (UTC unless it has a zone); today.")
]
EndOption = Annotated[datetime | None, Parameter(help="Last moment; 30 days after the first.")]
StateOption = Annotated[
    Literal["QUEUE", "PUBLISHED", "ERROR", "DRAFT"] | None, Parameter(help="Only in this state.")
]


def day_range(
    postiz: Postiz, start: datetime | None, end: datetime | None
) -> tuple[datetime, datetime]:
    """The moments that are meant; from today on if nothing is said."""
    today = datetime.fromtimestamp(postiz.clock.time(), UTC).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    first = aware(start) if start is not None else today
    return first, aware(end) if end is not None else first + timedelta(days=30)


def aware(moment: datetime) -> datetime:
    """The moment, in UTC if it says nothing else."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
