"""Sends the requests of a campaign by the law of `delivery.send`: bodies, marks, the journal."""

from __future__ import annotations

import logging
import random
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import UNSET
from msgspec.structs import replace

from postiz_async._campaign.journal.rows import day_and_time
from postiz_async._campaign.plan.plan import PlannedRequest
from postiz_async._delivery.matching import CLIENT_REF, MillisecondMarks
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.pauses import why_lost
from postiz_async._delivery.send import Refused, Sender, Stored, Unsent
from postiz_async._resources.create_body import build_item
from postiz_async._wire import format_date, parse_date
from postiz_async.errors import InvalidPostError
from postiz_async.models.posts import CreatePost, NewPost, TagRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from postiz_async._campaign.read.rows import Row
    from postiz_async._campaign.run.job import Job
    from postiz_async._delivery.lookup import Fence
    from postiz_async._delivery.outcomes import SentRequest
    from postiz_async._delivery.send import SendResult, TooLate
    from postiz_async.errors import (
        BadRequestError,
        DeliveryUnknownError,
        PayloadTooLargeError,
        PermissionDeniedError,
    )
    from postiz_async.models.integrations import Integration
    from postiz_async.models.media import Media
    from postiz_async.models.posts import Post, PostItem


_POST_INDEX = re.compile(r"\bposts\.(\d+)\b")


def build_body(
    request: PlannedRequest,
    moment: datetime,
    *,
    client_ref: Callable[[Row], str],
    channels: Mapping[str, Integration],
    medium: Callable[[str], Media],
    targets: Mapping[str, Post] | None = None,
) -> CreatePost:
    """The create request of planned rows, with the date and the marks it is known by.

    Args:
        request: the rows.
        moment: the marked date.
        client_ref: the mark of a row's post.
        channels: by ref.
        medium: the uploaded medium of a name in the campaign.
        targets: by ref, the posts that become what the rows say; None: new ones are made.
    """

    def new_post(row: Row) -> NewPost:
        media = row.described(medium(name) for name in row.media)
        return NewPost(channels[row.ref], row.body, media, row.settings, row.parts)

    first = request.rows[0]
    body = CreatePost(
        type="schedule" if first.type == "now" else first.type,
        date=format_date(moment),
        posts=[
            _in_place(
                build_item(
                    new_post(row),
                    channels[row.ref],
                    extra_settings=[(CLIENT_REF, client_ref(row))],
                ),
                None if targets is None else targets[row.ref],
            )
            for row in request.rows
        ],
        short_link=first.short_link,
        tags=[TagRef(value=tag, label=tag) for tag in first.tags],
    )
    return body if first.repeat_days is None else replace(body, inter=first.repeat_days)


def _in_place(item: PostItem, post: Post | None) -> PostItem:
    """A post in the place of one that is stored; its old thread goes with its group."""
    if post is None:
        return item
    first = replace(item.value[0], id=post.id)
    group = UNSET if post.group is None else post.group
    return replace(item, value=[first, *item.value[1:]], group=group)


def guilty_places(
    request: PlannedRequest,
    channels: Mapping[str, Integration],
    error: BadRequestError | PayloadTooLargeError,
) -> set[int]:
    """The places that a refusal names: by `posts.N`, by a channel, by its only post there."""
    named = {int(index[:9]) for index in _POST_INDEX.findall(error.text)}
    if named:
        return {place for place in named if place < len(request.rows)}
    by_id = {n for n, row in enumerate(request.rows) if channels[row.ref].id in error.text}
    if by_id or error.provider is None:
        return by_id
    places = {
        place
        for place, row in enumerate(request.rows)
        if channels[row.ref].provider == error.provider
        and channels[row.ref].name == error.channel_name
    }
    return places if len(places) == 1 else set()


class Marking:
    """Gives each request its date.

    With exact seconds a request goes without a mark, unless one of its posts says what another
    of the same second says: then their posts could not be told apart.

    Args:
        exact_seconds: see above.
        first: the milliseconds to begin with, other ones on each host.
    """

    def __init__(self, *, exact_seconds: bool, first: int) -> None:
        self._exact = exact_seconds
        self._marks = MillisecondMarks(first=first)
        self._said: set[tuple[datetime, str, str]] = set()

    def take(self, moment: datetime) -> None:
        """Note that an exact moment is in use."""
        self._marks.take(moment)

    def lost(self, sent: SentRequest) -> None:
        """Note a request of an earlier run whose outcome is not known."""
        moment = parse_date(sent.body.date)
        self.take(moment)
        second = moment.replace(microsecond=0)
        self._said.update((second, p.integration.id, p.value[0].content) for p in sent.body.posts)

    def mark(self, moment: datetime, posts: Iterable[tuple[Row, Integration]]) -> datetime:
        """The date of a request.

        Args:
            moment: when its posts go out.
            posts: its rows and their channels.
        """
        if not self._exact:
            return self._marks.mark(moment)
        second = moment.replace(microsecond=0)
        says = {(second, channel.id, row.content) for row, channel in posts}
        is_alone = says.isdisjoint(self._said)
        self._said |= says
        return second if is_alone else self._marks.mark(moment)


log = logging.getLogger("postiz_async.batch")


@dataclass(frozen=True, slots=True)
class SentRows:
    """A request as it was sent at last, and what became of it.

    `guilty` are the places of the posts that a refusal names.
    """

    request: PlannedRequest
    result: SendResult
    guilty: frozenset[int] = frozenset()


class RequestSender:
    """Sends the requests of one job.

    Args:
        job: what is worked on.
        fence: learns of answers.
        medium: the uploaded medium of a name in the campaign.
    """

    def __init__(self, job: Job, fence: Fence, medium: Callable[[str], Media]) -> None:
        first = random.randint(1, 999)  # noqa: S311
        self.marks = Marking(exact_seconds=job.options.exact_seconds, first=first)
        self._job = job
        self._medium = medium
        self._sender = Sender(
            job.postiz,
            job.outage,
            fence,
            late=job.options.late,
            keeps_intents=job.targets is None,  # while a change waits, its post may be published
        )

    async def send(self, request: PlannedRequest) -> SentRows:
        """Send a request, and write down what became of it as far as that is known.

        Rows that another run has stored meanwhile are taken over and are not in its result.

        Raises:
            PostizError: the job has to stop.
        """
        others = self._job.others
        result: SendResult = Unsent()
        try:
            while isinstance(result, Unsent):
                request = await others.give_way(request)
                record = _JournalRecord(self._job, self.marks, self._medium, request)
                result = await self._sender.send(record) if request.rows else Stored(())
                request = record.request
            guilty = self._guilty(request, result)
        finally:
            others.over()
        await others.report()
        return SentRows(request, result, guilty)

    def _guilty(self, request: PlannedRequest, result: SendResult) -> frozenset[int]:
        """The posts that a refusal names."""
        if not isinstance(result, Refused) or isinstance(result.error, InvalidPostError):
            return frozenset()
        return frozenset(guilty_places(request, self._job.channels, result.error))


class _JournalRecord:
    """A request of planned rows, written down in the journal; see `delivery.send.Record`."""

    def __init__(
        self,
        job: Job,
        marks: Marking,
        medium: Callable[[str], Media],
        request: PlannedRequest,
    ) -> None:
        self.request = request
        self._job = job
        self._marks = marks
        self._medium = medium
        self._number = 0
        """Of its intent in the journal; 0 while there is none."""

    @property
    def due(self) -> datetime | None:
        return None if self.request.rows[0].type == "draft" else self.request.date

    def is_over(self, now: float) -> bool:
        return self.request.rows[0].type == "schedule" and self.request.deadline <= now

    def draft(self) -> CreatePost:
        return self._body(self.request.date)

    async def may_leave(self) -> bool:
        """Leaves out what another run has stored; False if nothing is left, or it comes first."""
        others = self._job.others
        self.request = await others.before(self.request)
        return bool(self.request.rows) and not others.comes_first(self.request)

    async def shift(self, date: int) -> bool:
        """Not where a row that was moved to an earlier date can have its own back."""
        now = self._job.postiz.scheduler.server_time()
        if any(may_return(row, now) for row in self.request.rows):
            return False
        await self.set_aside()
        moment = datetime.fromtimestamp(date, UTC)
        before, after = day_and_time(self.request.date), day_and_time(moment)
        remark = f"was late; moved from {before} to {after}"
        await self._job.journal.shift(self._refs, date, remark)
        self.request = PlannedRequest(tuple(row.at(moment) for row in self.request.rows))
        return True

    async def intend(self, now: float) -> CreatePost:
        rows, channels = self.request.rows, self._job.channels
        moment = datetime.fromtimestamp(now, UTC) if rows[0].type == "now" else self.request.date
        body = self._body(self._marks.mark(moment, [(row, channels[row.ref]) for row in rows]))
        date = self.request.date.timestamp()
        self._number = await self._job.journal.intend(body, self._refs, now, date=date)
        return body

    async def repeat(self, now: float) -> None:
        await self._job.journal.repeat(self._number, now)

    async def set_aside(self) -> None:
        """Its rows are planned again."""
        if self._number:
            others = dict.fromkeys(self._refs, (RowState.PLANNED, ""))
            await self._job.journal.settle(self._number, stored={}, others=others)
            self._number = 0

    async def lost(self, error: DeliveryUnknownError) -> SentRequest:
        log.info("the answer to request %d was lost: %s", self._number, error)
        await self._job.journal.mark(self._refs, RowState.UNKNOWN, why_lost(error))
        sent = await self._job.journal.open_requests()
        return next(each for each in sent if each.id == self._number)

    def waits_alone(self, error: PermissionDeniedError) -> bool:
        """Nothing of a batch: it stops, and says why."""
        del error
        return False

    async def settle(self, result: Stored | Refused | TooLate | Unsent) -> None:
        """What was refused or is late is planned again, for the job to decide about."""
        if not isinstance(result, Stored):
            await self.set_aside()
            return
        stored = dict(zip(self._refs, result.ids, strict=True))
        await self._job.journal.settle(self._number, stored=stored, others={})
        await self._job.others.answered(self.request, stored)

    @property
    def _refs(self) -> tuple[str, ...]:
        return tuple(row.ref for row in self.request.rows)

    def _body(self, moment: datetime) -> CreatePost:
        return build_body(
            self.request,
            moment,
            client_ref=self._job.others.client_refs,
            channels=self._job.channels,
            medium=self._medium,
            targets=self._job.targets,
        )


def may_return(row: Row, now: float) -> bool:
    """Whether a row moved to an earlier date and its own is still to come."""
    return row.moved_from is not None and row.moved_from.timestamp() > now
