"""What a run works on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from postiz_async.batch.choices import BatchOptions
    from postiz_async.batch.other_runs import OtherRuns
    from postiz_async.batch.rows import Row
    from postiz_async.client import Postiz
    from postiz_async.delivery.journal import Journal
    from postiz_async.delivery.listing import Calendar
    from postiz_async.delivery.patience import Outage
    from postiz_async.models.integrations import Integration
    from postiz_async.models.media import Media
    from postiz_async.uploads import FileFacts

__all__ = ["Job"]


@dataclass(slots=True)
class Job:
    """What a runner works on; `channels` by ref, `facts` by the name of a file."""

    postiz: Postiz
    journal: Journal
    channels: Mapping[str, Integration]
    facts: Mapping[str, FileFacts]
    calendar: Calendar
    outage: Outage
    size_of: Callable[[Row], int]
    choices: BatchOptions
    others: OtherRuns
    media: Mapping[str, Media] = field(default_factory=dict[str, "Media"])
    """Content hash to medium, from earlier runs."""
