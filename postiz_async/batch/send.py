"""Sends one request of a job: its body and mark, what is written down, what became of it."""

from __future__ import annotations

import logging
import math
import random
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from msgspec.structs import replace

from postiz_async.batch.plan import PlannedRequest
from postiz_async.delivery.findings import day_and_time
from postiz_async.delivery.journal import RowState
from postiz_async.delivery.matching import CLIENT_REF, MillisecondMarks
from postiz_async.errors import (
    APIConnectionError,
    BadRequestError,
    DeliveryUnknownError,
    InvalidPostError,
    PayloadTooLargeError,
    PostizError,
    ServerError,
)
from postiz_async.models.posts import CreatePost, NewPost, TagRef
from postiz_async.resources.create_body import build_item
from postiz_async.scheduler.calls import Priority
from postiz_async.wire import format_date, parse_date

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from postiz_async.batch.job import Job
    from postiz_async.batch.rows import Row
    from postiz_async.delivery.journal import SentRequest
    from postiz_async.delivery.lookup import Fence
    from postiz_async.delivery.pauses import Departure
    from postiz_async.models.integrations import Integration
    from postiz_async.models.media import Media
    from postiz_async.models.posts import Created

__all__ = [
    "Lost",
    "Marking",
    "Refused",
    "RequestSender",
    "SendResult",
    "Stored",
    "TooLate",
    "build_body",
    "guilty_places",
    "may_return",
]


_POST_INDEX = re.compile(r"\bposts\.(\d+)\b")


def build_body(
    request: PlannedRequest,
    moment: datetime,
    *,
    client_ref: Callable[[Row], str],
    channels: Mapping[str, Integration],
    medium: Callable[[str], Media],
) -> CreatePost:
    """The create request of planned rows, with the date and the marks it is known by.

    Args:
        request: the rows.
        moment: the marked date.
        client_ref: the mark of a row's post.
        channels: by ref.
        medium: the uploaded medium of a name in the campaign.
    """

    def new_post(row: Row) -> NewPost:
        media = tuple(medium(name) for name in row.media)
        return NewPost(channels[row.ref], row.body, media, row.settings, row.parts)

    first = request.rows[0]
    body = CreatePost(
        type="schedule" if first.type == "now" else first.type,
        date=format_date(moment),
        posts=[
            build_item(
                new_post(row),
                channels[row.ref],
                extra_settings=[(CLIENT_REF, client_ref(row))],
            )
            for row in request.rows
        ],
        short_link=first.short_link,
        tags=[TagRef(value=tag, label=tag) for tag in first.tags],
    )
    return body if first.repeat_days is None else replace(body, inter=first.repeat_days)


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


_OF_POSTS = {400, 406, 413, 415, 422}
"""Statuses that say something of the posts; any other refusal would meet every request."""

log = logging.getLogger("postiz_async.batch")


@dataclass(frozen=True, slots=True)
class Stored:
    """All its posts are stored: ref to post id."""

    request: PlannedRequest
    ids: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing is stored: the server's words, and the places that they name."""

    request: PlannedRequest
    text: str
    guilty: frozenset[int] = frozenset()
    is_size: bool = False
    """It was too large, which says nothing of its posts."""


@dataclass(frozen=True, slots=True)
class TooLate:
    """It was not sent, because its date had passed."""

    request: PlannedRequest


@dataclass(frozen=True, slots=True)
class Lost:
    """The answer was lost; with `is_broken` the server said that it failed.

    `age` is how many seconds ago the last attempt was sent.
    """

    request: PlannedRequest
    sent: SentRequest
    age: float
    is_broken: bool


SendResult: TypeAlias = Stored | Refused | TooLate | Lost


class _UnsentError(Exception):
    """A request must not leave any more; nothing was sent."""

    def __init__(self, result: SendResult | None) -> None:
        super().__init__()
        self.result = result


class RequestSender:
    """Sends the requests of one job.

    Args:
        job: what is worked on.
        fence: is told of answers.
        medium: the uploaded medium of a name in the campaign.
    """

    def __init__(self, job: Job, fence: Fence, medium: Callable[[str], Media]) -> None:
        first = random.randint(1, 999)  # noqa: S311
        self.marks = Marking(exact_seconds=job.choices.exact_seconds, first=first)
        self._job = job
        self._fence = fence
        self._medium = medium

    async def send(self, request: PlannedRequest) -> SendResult:
        """Send a request, and write down what became of it as far as that is known.

        Rows that another run has stored meanwhile are taken over and are not in its result.

        Raises:
            PostizError: the job has to stop.
        """
        others = self._job.others
        result: SendResult | None = None
        try:
            while result is None:
                request = await others.give_way(request)
                result = await self._send(request) if request.rows else Stored(request, {})
        finally:
            others.over()
        await others.tell()
        return result

    async def _send(self, request: PlannedRequest) -> SendResult | None:
        """The same; None if it was not sent because another run comes first."""
        number, sent_at = 0, 0.0
        body: CreatePost | None = None

        async def prepare(departure: Departure) -> CreatePost:
            """Freeze mark and body with the first intent; a repetition sends the same.

            A request is as old as its last attempt: what is late then is late from there.
            """
            nonlocal request, number, body, sent_at
            if body is None:
                request = await self._without_stored(request)
            departure.check()
            if self._is_late(request):
                request = await self._shifted(request, number)
                number, body = 0, None
            sent_at = self._job.postiz.clock.monotonic()
            wall = self._job.postiz.scheduler.server_time()
            if body is None:
                body = self._body(request, self._marked(request))
                date = request.date.timestamp()
                number = await self._job.journal.intend(body, refs_of(request), wall, date=date)
            else:
                await self._job.journal.repeat(number, wall)
            departure.leave()
            return body

        try:
            created = await self._job.outage.create(
                lambda departure: self._create(request, partial(prepare, departure))
            )
        except _UnsentError as end:
            await self._set_aside(request, number)
            return end.result
        except InvalidPostError as error:
            await self._set_aside(request, number)
            return Refused(request, error.problems[0].message, is_size=True)
        except (BadRequestError, PayloadTooLargeError) as error:
            await self._set_aside(request, number)
            return self._refused(request, error, sent_at)
        except DeliveryUnknownError as error:
            return await self._lost(request, number, error, sent_at)
        except PostizError:
            await self._set_aside(request, number)
            raise
        self._fence.answered(sent_at)
        ids = [post.post_id for post in created]
        stored = dict(zip(refs_of(request), ids, strict=True))
        await self._job.journal.settle(number, stored=stored, others={})
        await self._job.others.answered(request, stored)
        return Stored(request, stored)

    async def _without_stored(self, request: PlannedRequest) -> PlannedRequest:
        """A request that may leave now, without what another run has stored of it."""
        request = await self._job.others.before(request)
        if not request.rows:
            raise _UnsentError(Stored(request, {}))
        if self._job.others.comes_first(request):
            raise _UnsentError(None)
        return request

    def _refused(
        self, request: PlannedRequest, error: BadRequestError | PayloadTooLargeError, sent_at: float
    ) -> Refused:
        """Raises the error if it says nothing of the posts."""
        is_size = isinstance(error, PayloadTooLargeError)
        if not is_size:  # too large is said before the server looks
            self._fence.answered(sent_at)
        if error.status_code not in _OF_POSTS:
            raise error
        guilty = guilty_places(request, self._job.channels, error)
        return Refused(request, error.text, frozenset(guilty), is_size=is_size)

    async def _create(
        self, request: PlannedRequest, prepare: Callable[[], Awaitable[CreatePost]]
    ) -> list[Created]:
        return await self._job.postiz.posts.create(
            self._body(request, request.date),
            priority=Priority.BULK,
            validate=False,
            due=None if request.rows[0].type == "draft" else request.date,
            finish=True,
            prepare=prepare,
            retry=False,
        )

    async def _set_aside(self, request: PlannedRequest, number: int) -> None:
        """The request was proved not stored: its rows are planned again."""
        if number:
            others = dict.fromkeys(refs_of(request), (RowState.PLANNED, ""))
            await self._job.journal.settle(number, stored={}, others=others)

    async def _lost(
        self, request: PlannedRequest, number: int, error: DeliveryUnknownError, sent_at: float
    ) -> Lost:
        """Raises the cause when too many answers were lost one after the other."""
        log.info("the answer to request %d was lost: %s", number, error)
        await self._job.journal.mark(refs_of(request), RowState.UNKNOWN, "its answer was lost")
        cause = error.__cause__
        if isinstance(cause, APIConnectionError | ServerError) and self._job.outage.is_lasting:
            raise cause
        sent = next(s for s in await self._job.journal.open_requests() if s.id == number)
        is_broken = isinstance(cause, ServerError) and cause.status_code == 500
        age = self._job.postiz.clock.monotonic() - sent_at
        return Lost(request, sent, age, is_broken)

    # -------------------------------------------------------------- dates

    def _is_late(self, request: PlannedRequest) -> bool:
        """Whether a request must not leave any more as it is."""
        is_over = request.deadline <= self._job.postiz.scheduler.server_time()
        return is_over and request.rows[0].type == "schedule" and self._job.choices.late != "send"

    async def _shifted(self, request: PlannedRequest, number: int) -> PlannedRequest:
        """A late request with its later date, if the user wants that."""
        late, now = self._job.choices.late, self._job.postiz.scheduler.server_time()
        if not isinstance(late, timedelta) or any(may_return(row, now) for row in request.rows):
            raise _UnsentError(TooLate(request))
        await self._set_aside(request, number)
        then = math.ceil(now + late.total_seconds())
        date = datetime.fromtimestamp(then, UTC)
        remark = f"was late; moved from {day_and_time(request.date)} to {day_and_time(date)}"
        await self._job.journal.shift(refs_of(request), then, remark)
        return PlannedRequest(tuple(row.at(date) for row in request.rows))

    def _marked(self, request: PlannedRequest) -> datetime:
        moment = request.date
        if request.rows[0].type == "now":
            moment = datetime.fromtimestamp(self._job.postiz.scheduler.server_time(), UTC)
        channels = self._job.channels
        return self.marks.mark(moment, [(row, channels[row.ref]) for row in request.rows])

    def _body(self, request: PlannedRequest, moment: datetime) -> CreatePost:
        return build_body(
            request,
            moment,
            client_ref=self._job.others.client_refs,
            channels=self._job.channels,
            medium=self._medium,
        )


def may_return(row: Row, now: float) -> bool:
    """Whether a row moved to an earlier date and its own is still to come."""
    return row.moved_from is not None and row.moved_from.timestamp() > now


def refs_of(request: PlannedRequest) -> tuple[str, ...]:
    """Of its rows, in their order."""
    return tuple(row.ref for row in request.rows)
