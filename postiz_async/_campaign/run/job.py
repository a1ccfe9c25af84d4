"""The input of a run, the outcomes of its rows, and the error that stops it."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from inspect import signature
from typing import TYPE_CHECKING, TypeVar, cast

import anyio

from postiz_async._campaign.journal.purposes import NewPosts, Purpose
from postiz_async._delivery.lookup import Doubts, Fence
from postiz_async._delivery.outcomes import RowState, SentRequest
from postiz_async._delivery.pauses import Outage
from postiz_async._scheduler.hooks import check_hook, told
from postiz_async.errors import PostizError, UsageError
from postiz_async.models._base import Value

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from anyio.abc import TaskGroup

    from postiz_async._campaign.journal.journal import Journal
    from postiz_async._campaign.journal.rows import RowRecord
    from postiz_async._campaign.options import CampaignOptions
    from postiz_async._campaign.plan.check import Checked
    from postiz_async._campaign.plan.plan import PlannedRequest
    from postiz_async._campaign.read.rows import Row
    from postiz_async._campaign.run.already_stored import ClientRefs
    from postiz_async._delivery.listing import Calendar
    from postiz_async._resources.api import OpenClient
    from postiz_async.models.channels import Channel
    from postiz_async.models.posts import Post


T = TypeVar("T")


async def ignore(_: object) -> None:
    """Ignore the argument."""


@dataclass(slots=True, kw_only=True)
class JobContext:
    """What the parts of a job have in common: its client, its journal, and its pauses."""

    postiz: OpenClient
    journal: Journal
    outage: Outage
    """The pauses while Postiz is away."""
    fence: Fence
    """Is told of answers, and says which absence of a post proves something."""
    doubts: Doubts
    """The requests that are being looked up."""

    @classmethod
    def of(
        cls,
        postiz: OpenClient,
        journal: Journal,
        doubts: Doubts | None = None,
        outage: Outage | None = None,
    ) -> JobContext:
        """A context for a job of its own."""
        outage = Outage.of(postiz) if outage is None else outage
        return JobContext(
            postiz=postiz,
            journal=journal,
            outage=outage,
            fence=Fence(postiz, outage),
            doubts=Doubts() if doubts is None else doubts,
        )

    @property
    def now(self) -> datetime:
        """The server's time."""
        return self.postiz.scheduler.server_now()


@dataclass(slots=True, kw_only=True)
class Job(JobContext):
    """The input of a runner."""

    checked: Checked
    calendar: Calendar
    options: CampaignOptions
    client_refs: ClientRefs
    """The marks of the rows."""
    looks: Sequence[Callable[[PlannedRequest], Awaitable[PlannedRequest]]]
    """The last looks before a request leaves; each returns it without rows that must not leave."""
    adopted: list[RowRecord] = field(default_factory=list["RowRecord"])
    """Rows whose posts the looks found, until they are reported."""
    purpose: Purpose = field(default_factory=NewPosts)
    on_left: Callable[[SentRequest], object] | None = None
    """Called with each request that is about to leave."""
    elsewhere: set[str] = field(default_factory=set[str])
    """Refs of rows that other hosts are working on."""
    targets: Mapping[str, Post] | None = None
    """The stored posts that become what the rows say, by ref; None: new posts are created."""

    @property
    def channels(self) -> Mapping[str, Channel]:
        """The channels by the refs of rows."""
        return self.checked.channels

    def size_of(self, row: Row) -> int:
        """The bytes that a row adds to a request body."""
        return self.checked.size_of(row, is_in_place=self.targets is not None)


@dataclass(frozen=True, slots=True)
class RunProgress:
    """What a run is doing, besides the outcomes of its rows.

    `uploads` counts the media that were uploaded. `trouble` says in one line why the run pauses
    until Postiz is back; it is empty while it does not.
    """

    uploads: int
    trouble: str


class Outcome(Value, frozen=True):
    """The outcome of one row. `post_id` is set when it is stored, `note` when it is not.

    `link` is the address of a post that is published.
    """

    row: int
    ref: str
    state: RowState
    post_id: str | None = None
    note: str = ""
    link: str = ""


def outcome_of(record: RowRecord) -> Outcome:
    """The outcome of a row, from its record in the journal."""
    return Outcome(record.number, record.ref, record.state, record.post_id, record.note)


def checked_hook(
    name: str, hook: Callable[[T], Awaitable[None] | None] | None
) -> Callable[[T], Awaitable[None]]:
    """A hook of the user's, synchronous or asynchronous, as one to await; None: `ignore`.

    Raises:
        UsageError: it is not a function, or does not take one argument.
    """
    if hook is None:
        return ignore
    check_hook(name, hook)
    with suppress(ValueError):  # some functions in C have no signature
        try:
            signature(hook).bind(None)
        except TypeError as error:
            raise UsageError(f"{name} is called with one argument: {error}.") from None
    return lambda value: told(hook, value)


@asynccontextmanager
async def task_group() -> AsyncGenerator[TaskGroup]:
    """A task group that raises the error that stopped the job, not an exception group."""
    try:
        async with anyio.create_task_group() as group:
            yield group
    except BaseExceptionGroup as errors:
        causes = list(_leaves(errors))
        first = next((error for error in causes if isinstance(error, PostizError)), causes[0])
        raise first from errors


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(cast("BaseExceptionGroup[BaseException]", error))
        else:
            yield error
