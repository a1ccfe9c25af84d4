"""What a run works on, what becomes of its rows, and which error stopped it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

from postiz_async._delivery.journal_file import RowState
from postiz_async._delivery.lookup import Doubts
from postiz_async.errors import PostizError
from postiz_async.models._base import Value

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from postiz_async._campaign.options import BatchOptions
    from postiz_async._campaign.plan.plan import PlannedRequest
    from postiz_async._campaign.read.rows import Row
    from postiz_async._campaign.run.already_stored import ClientRefs
    from postiz_async._delivery.client import BatchClient
    from postiz_async._delivery.journal import Journal
    from postiz_async._delivery.journal_file import RowRecord
    from postiz_async._delivery.listing import Calendar
    from postiz_async._delivery.pauses import Outage
    from postiz_async._uploads import FileFacts
    from postiz_async.models.integrations import Integration
    from postiz_async.models.media import Media
    from postiz_async.models.posts import Post


class BesidesRun(Protocol):
    """What others do in Postiz to the rows of a job while it runs; see `OtherRuns`."""

    on_taken: Callable[[Sequence[RowRecord]], Awaitable[None]]

    @property
    def client_refs(self) -> ClientRefs:
        """The marks of the rows."""
        ...

    async def give_way(self, request: PlannedRequest) -> PlannedRequest:
        """The request without what others see to, once it may be sent."""
        ...

    async def before(self, request: PlannedRequest) -> PlannedRequest:
        """The request without rows that must not leave; called when a slot is free."""
        ...

    def comes_first(self, request: PlannedRequest) -> bool:
        """Whether others come first."""
        ...

    async def answered(self, request: PlannedRequest, ids: Mapping[str, str]) -> None:
        """The request was answered."""
        ...

    async def report(self) -> None:
        """Tell what was taken over, or left."""
        ...

    def over(self) -> None:
        """The request has ended, however it did."""
        ...


@dataclass(slots=True)
class Job:
    """What a runner works on; `channels` by ref, `facts` by the name of a file."""

    postiz: BatchClient
    journal: Journal
    channels: Mapping[str, Integration]
    facts: Mapping[str, FileFacts]
    calendar: Calendar
    outage: Outage
    size_of: Callable[[Row], int]
    options: BatchOptions
    others: BesidesRun
    doubts: Doubts = field(default_factory=Doubts)
    """What it looks up."""
    media: Mapping[str, Media] = field(default_factory=dict[str, "Media"])
    """Content hash to medium, from earlier runs."""
    targets: Mapping[str, Post] | None = None
    """By ref, the posts that become what the rows say; None: new ones are made."""


class Outcome(Value, frozen=True):
    """What became of one row. `post_id` is set when it is stored, `note` when it is not.

    `link` is the address of a post that is published.
    """

    row: int
    ref: str
    state: RowState
    post_id: str | None = None
    note: str = ""
    link: str = ""


def outcome_of(record: RowRecord) -> Outcome:
    """What became of a row, as the journal knows it."""
    return Outcome(record.number, record.ref, record.state, record.post_id, record.note)


def first_error(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that stopped the job, out of the group that its tasks raised."""
    causes = list(_leaves(errors))
    return next((error for error in causes if isinstance(error, PostizError)), causes[0])


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(cast("BaseExceptionGroup[BaseException]", error))
        else:
            yield error
