"""Send the requests of a campaign by the rules of `_delivery.send`: bodies, marks, the journal."""

from __future__ import annotations

import logging
import random
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from msgspec import UNSET
from msgspec.structs import replace

from postiz_async._campaign.journal.purposes import RowsTakenError
from postiz_async._campaign.journal.requests import RequestHandle
from postiz_async._campaign.journal.rows import day_and_time
from postiz_async._campaign.plan.plan import PlannedRequest
from postiz_async._campaign.read.rows import Row
from postiz_async._campaign.run.job import Job
from postiz_async._delivery import transitions
from postiz_async._delivery.delivery import DeliverySending
from postiz_async._delivery.matching import (
    CLIENT_REF,
    MillisecondMarks,
    from_milliseconds,
    in_milliseconds,
)
from postiz_async._delivery.outcomes import SentRequest
from postiz_async._delivery.record import DeliveryPost, DeliveryRecord, State
from postiz_async._delivery.send import Refused, Sender, SendResult, Stored, Unsent
from postiz_async._resources.create_body import build_item
from postiz_async._scheduler.calls import PREPARED_SECONDS
from postiz_async._wire import format_date
from postiz_async.errors import (
    APIConnectionError,
    BadRequestError,
    DeliveryUnknownError,
    InvalidInputError,
    PayloadTooLargeError,
    PermissionDeniedError,
    ServerError,
    StoreError,
)
from postiz_async.models.channels import Channel
from postiz_async.models.media import Media
from postiz_async.models.posts import NewPost, Post, PostItem, PostRequest, TagRef
from postiz_async.stores._deliveries import TakenError

_POST_INDEX = re.compile(r"\bposts\.(\d+)\b")


def build_body(
    request: PlannedRequest,
    moment: datetime,
    *,
    client_ref: Callable[[Row], str],
    channels: Mapping[str, Channel],
    medium: Callable[[str], Media],
    targets: Mapping[str, Post] | None = None,
) -> PostRequest:
    """Build the create request for planned rows, with its marked date and marks.

    Args:
        request: the rows.
        moment: the marked date.
        client_ref: returns the mark of a row's post.
        channels: the channels, by ref.
        medium: returns the uploaded medium for a name in the campaign.
        targets: the stored posts that become what the rows say, by ref; None: new posts are
            created.
    """

    def new_post(row: Row) -> NewPost:
        media = row.described(medium(name) for name in row.media)
        return NewPost(channels[row.ref], row.body, media, row.settings, row.parts)

    first = request.rows[0]
    body = PostRequest(
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
    """A post that replaces a stored one; its old thread is removed with its group."""
    if post is None:
        return item
    first = replace(item.value[0], id=post.id)
    group = UNSET if post.group is None else post.group
    return replace(item, value=[first, *item.value[1:]], group=group)


def guilty_places(
    request: PlannedRequest,
    channels: Mapping[str, Channel],
    error: BadRequestError | PayloadTooLargeError,
) -> set[int]:
    """The places that a refusal names: by `posts.N`, or by a channel with only one post."""
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


log = logging.getLogger("postiz_async.campaign")


@dataclass(frozen=True, slots=True)
class SentRows:
    """A request as sent last, and its outcome.

    `guilty` are the places of the posts that a refusal names; `kept` is its record in the journal.
    """

    request: PlannedRequest
    result: SendResult
    guilty: frozenset[int]
    kept: RequestHandle


class RequestSender:
    """Sends the requests of one job.

    Args:
        job: the input of the run.
        medium: returns the uploaded medium for a name in the campaign.
    """

    def __init__(self, job: Job, medium: Callable[[str], Media]) -> None:
        first = random.randint(1, 999)  # noqa: S311
        self.marks = MillisecondMarks(first=first)
        self._job = job
        self._medium = medium
        self._sender = Sender(
            job.postiz,
            job.outage,
            job.fence,
            late=job.options.late_rule,
            keeps_intents=job.targets is None,  # while a change waits, its post may be published
        )

    async def send(self, request: PlannedRequest) -> SentRows:
        """Send a request, and write down the outcome as far as it is known.

        Rows that another run has stored meanwhile are adopted and are not in the result.

        Raises:
            PostizError: the job has to stop.
        """
        while True:
            sending = _CampaignSending(self._job, self.marks, self._medium, request)
            result = await self._sender.send(sending) if request.rows else Stored(())
            request = sending.planned
            if not isinstance(result, Unsent):
                return SentRows(request, result, self._guilty(request, result), sending.handle)

    def _guilty(self, request: PlannedRequest, result: SendResult) -> frozenset[int]:
        """The posts that a refusal names."""
        if not isinstance(result, Refused) or isinstance(result.error, InvalidInputError):
            return frozenset()
        return frozenset(guilty_places(request, self._job.channels, result.error))


class _CampaignSending(DeliverySending):
    """The sending of a request of planned rows; see `_delivery.send.Record`."""

    handle: RequestHandle

    def __init__(
        self,
        job: Job,
        marks: MillisecondMarks,
        medium: Callable[[str], Media],
        request: PlannedRequest,
    ) -> None:
        name = uuid.uuid4().hex
        handle = RequestHandle(job.journal, job.purpose, name)
        super().__init__(handle, name, self._sent, what="a request", log=log)
        self.planned = request
        self._job = job
        self._marks = marks
        self._medium = medium

    def _sent(self, date: str) -> PostRequest:
        del date
        return self.handle.body

    @property
    def due(self) -> datetime | None:
        return None if self.planned.rows[0].type == "draft" else self.planned.date

    def is_over(self, now: float) -> bool:
        return self.planned.rows[0].type != "now" and self.planned.deadline <= now

    def draft(self) -> PostRequest:
        return self._body(self.planned.date)

    async def may_leave(self) -> bool:
        """Leave out rows that must not leave; False if none is left."""
        try:
            for look in self._job.looks:
                self.planned = await look(self.planned)
        except (APIConnectionError, ServerError) as error:
            self._job.outage.failed(error)  # nothing leaves before the outage is over
        return bool(self.planned.rows)

    async def shift(self, date: int) -> bool:
        """Move late rows; False if one can have its own date back."""
        now = self._job.postiz.scheduler.server_time()
        if any(may_return(row, now) for row in self.planned.rows):
            return False
        await self.set_aside()
        moment = datetime.fromtimestamp(date, UTC)
        before, after = day_and_time(self.planned.date), day_and_time(moment)
        remark = f"was late; moved from {before} to {after}"
        await self._job.journal.shift(self._refs, date, remark)
        self.planned = PlannedRequest(tuple(row.at(moment) for row in self.planned.rows))
        return True

    async def intend(self, now: float) -> PostRequest | None:
        """Write the intent; None: other runs have some rows, and the rest is planned again."""
        rows = self.planned.rows
        moment = datetime.fromtimestamp(now, UTC) if rows[0].type == "now" else self.planned.date
        while True:
            marked = self._marks.mark(moment)
            self._begin(self._body(marked))
            try:
                await self.leave(self.handle.body.date, now)
            except TakenError:
                await self._take_used(marked)
            except RowsTakenError as taken:
                log.info("at work elsewhere, or ended: %s", taken)
                self._job.elsewhere.update(taken.rows)
                self.planned = PlannedRequest(tuple(r for r in rows if r.ref not in taken.rows))
                return None
            else:
                if self._job.on_left is not None:
                    self._job.on_left(self.handle.sent)
                return self.handle.body

    def _begin(self, body: PostRequest) -> None:
        """Make a new request for each attempt, once an earlier one was written down."""
        if self.handle.version:
            self.attempt = uuid.uuid4().hex
            self.handle = RequestHandle(self._job.journal, self._job.purpose, self.attempt)
        self.handle.body, self.handle.refs = body, self._refs
        self.handle.date = self.planned.date.timestamp()

    def left(self, was: DeliveryRecord, date: str, now: float) -> DeliveryRecord:
        return transitions.left(
            was,
            self.attempt,
            posts=tuple(
                DeliveryPost(item.channel.id, ref=ref)
                for item, ref in zip(self.handle.body.posts, self.handle.refs, strict=True)
            ),
            fingerprint={},
            date=date,
            now=self.handle.now(),
            served_at=now,
            seconds=PREPARED_SECONDS,
            hold=self._job.journal.hold,
        )

    async def _take_used(self, moment: datetime) -> None:
        """Note the marks of other processes in one second, which this process did not know."""
        first = in_milliseconds(moment.replace(microsecond=0))
        for mark in await self._job.journal.marks(first, first + 999):
            self._marks.take(from_milliseconds(mark))

    async def set_aside(self) -> None:
        """End the request and plan its rows again."""
        if self.is_sending:
            await self.end("withdrawn", self._set_aside)

    def _set_aside(self, was: DeliveryRecord) -> DeliveryRecord:
        return transitions.withdrawn(transitions.set_aside(was, self.attempt))

    async def lost(self, error: DeliveryUnknownError) -> SentRequest:
        await super().lost(error)
        return self.handle.sent

    def waits_alone(self, error: PermissionDeniedError) -> bool:
        """Never: a campaign stops, and reports the reason."""
        del error
        return False

    async def settle(self, result: SendResult) -> None:
        """Write the outcome; refused and late rows are planned again, for the job to decide."""
        await super().settle(result)
        if isinstance(result, Refused) and self.is_sending:
            await self.end("refused", partial(self._refused, note=result.text))
        elif not isinstance(result, Stored):
            await self.set_aside()

    def _refused(self, was: DeliveryRecord, note: str) -> DeliveryRecord:
        return transitions.refused(was, self.attempt, None, note)

    def unwritten(self, error: StoreError, state: State) -> None:
        """Raise: without the journal the job has to stop."""
        del state
        raise error

    @property
    def _refs(self) -> tuple[str, ...]:
        return tuple(row.ref for row in self.planned.rows)

    def _body(self, moment: datetime) -> PostRequest:
        return build_body(
            self.planned,
            moment,
            client_ref=self._job.client_refs,
            channels=self._job.channels,
            medium=self._medium,
            targets=self._job.targets,
        )


def may_return(row: Row, now: float) -> bool:
    """Whether a row was moved to an earlier date, and its own date is still to come."""
    return row.moved_from is not None and row.moved_from.timestamp() > now
