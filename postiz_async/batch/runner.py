"""Carries a plan out: uploads ahead, sends, looks up what was lost, writes everything down.

Each request has one task that sees it through to an outcome for every row. A slot among the
senders is held only while a request waits for the quota or is being sent, so other work goes on
while a lost answer is looked up.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import anyio

from postiz_async.batch.bodies import build_body, guilty_places
from postiz_async.batch.lookup import Fence, LookUp
from postiz_async.batch.media import MediaUploads
from postiz_async.batch.outcomes import Outcome, first_error
from postiz_async.batch.plan import PlannedRequest
from postiz_async.delivery.findings import day_and_time
from postiz_async.delivery.journal import SentRequest, State
from postiz_async.delivery.marks import MillisecondMarks
from postiz_async.delivery.patience import patiently
from postiz_async.errors import (
    APIConnectionError,
    BadRequestError,
    DeliveryUnknownError,
    InvalidPostError,
    PayloadTooLargeError,
    PostizError,
    ServerError,
)
from postiz_async.flight import MAX_CREATES
from postiz_async.scheduler import Priority
from postiz_async.wire import parse_date

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from postiz_async.batch.choices import Late, OnDoubt
    from postiz_async.batch.source import Row
    from postiz_async.client import Postiz
    from postiz_async.delivery.journal import Journal
    from postiz_async.delivery.listing import Calendar
    from postiz_async.models.integrations import Integration
    from postiz_async.models.media import Media
    from postiz_async.models.posts import CreatePost
    from postiz_async.uploads import FileFacts

__all__ = ["Job", "Outcome", "Runner"]

T = TypeVar("T")

log = logging.getLogger("postiz_async.batch")


@dataclass(slots=True)
class Job:
    """What a runner works on."""

    postiz: Postiz
    journal: Journal
    folder: Path
    channels: Mapping[str, Integration]
    facts: Mapping[str, FileFacts]
    calendar: Calendar
    late: Late = "skip"
    on_doubt: OnDoubt = "skip"
    media: Mapping[str, Media] = field(default_factory=dict[str, "Media"])
    """Content hash to medium, from earlier runs."""


_NONE: Mapping[str, str] = {}
_NO_ROWS: Mapping[str, Row] = {}


class _LateError(Exception):
    """The request's date has passed; nothing was sent."""


class Runner:
    """Runs one job once."""

    def __init__(self, job: Job, on_outcome: Callable[[Outcome], Awaitable[None]]) -> None:
        self.job = job
        self._expected = 0
        self._on_outcome = on_outcome
        self._marks = MillisecondMarks()
        self._senders = anyio.Semaphore(MAX_CREATES)
        self._fence = Fence(job.postiz)
        self._look_up = LookUp(job.postiz, job.journal, self._fence)
        self._media = MediaUploads(job.postiz, job.journal, job.folder, job.facts, job.media)

    async def run(
        self,
        requests: Sequence[PlannedRequest],
        lost: Sequence[SentRequest],
        rows: Mapping[str, Row],
    ) -> None:
        """Send what is planned and look up what was lost.

        Raises:
            PostizError: the job has to stop; the journal says how far it came.
        """
        scheduler = self.job.postiz.scheduler
        lost_dates = [parse_date(sent.body.date) for sent in lost]
        await self._learn_marks([*(request.date for request in requests), *lost_dates])
        for date in lost_dates:
            self._marks.take(date)
        self._media.need(row for request in requests for row in request.rows)
        self._media.need(rows[ref] for sent in lost for ref in sent.refs if ref in rows)
        scheduler.keepers.append(self.job.journal)
        self._expect(len(requests))
        self._fence.coming = len(requests)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._media.run)
                for sent in lost:
                    group.start_soon(self._look_up_and_go_on, sent, rows)
                for request in requests:
                    await self._senders.acquire()
                    group.start_soon(self._deliver, request, True)  # noqa: FBT003
        except BaseExceptionGroup as errors:
            raise first_error(errors) from errors
        finally:
            self._expect(-self._expected)
            scheduler.keepers.remove(self.job.journal)

    @property
    def uploads_done(self) -> int:
        """Media that are uploaded."""
        return self._media.done

    # -------------------------------------------------------------- sending

    async def _deliver(self, request: PlannedRequest, planned: bool = False) -> None:  # noqa: FBT001, FBT002
        """See a request through. Entered with a sender's slot held; gives it back."""
        try:
            request = await self._with_media(request)
            request, rest = self._cut(request)
            if planned:
                self._expect(-1)
            then = await self._send_once(request) if request.rows else _nothing
        finally:
            self._senders.release()
            self._fence.coming -= 1
        await then()
        if rest:
            await self._again(rest)

    def _expect(self, creates: int) -> None:
        """Tell the scheduler how many creates are still to come, so that it sees the backlog."""
        self._expected += creates
        self.job.postiz.scheduler.gate.expect(creates)

    def _cut(self, request: PlannedRequest) -> tuple[PlannedRequest, tuple[Row, ...]]:
        """What the server can do in the time of one request, and the rest."""
        most = self.job.postiz.scheduler.gate.budget.request_posts
        return PlannedRequest(request.rows[:most]), request.rows[most:]

    async def _with_media(self, request: PlannedRequest) -> PlannedRequest:
        """Wait for the media of a request; rows whose media were refused end here."""
        good: list[Row] = []
        for row in request.rows:
            refusal = await self._media.refusal(row)
            if refusal is None:
                good.append(row)
            else:
                await self._end([row], State.REFUSED, refusal)
        return PlannedRequest(tuple(good))

    async def _send_once(self, request: PlannedRequest) -> Callable[[], Awaitable[None]]:
        """Send a request; return what is to be done when the slot is given back."""
        number, sent_at = 0, 0.0
        body: CreatePost | None = None

        async def prepare() -> CreatePost:
            """Freeze mark and body with the first intent; a repetition sends the same.

            A request is as old as its last attempt: what is late then is late from there.
            """
            nonlocal request, number, body, sent_at
            if self._is_late(request):
                request = await self._shifted(request, number)
                number, body = 0, None
            sent_at = self.job.postiz.clock.monotonic()
            wall = self.job.postiz.scheduler.server_time()
            if body is None:
                body = self._body(request, self._marked(request))
                number = await self.job.journal.intend(body, _refs(request), wall)
            else:
                await self.job.journal.repeat(number, wall)
            return body

        try:
            created = await self._patiently(
                lambda: self.job.postiz.posts.create(
                    self._body(request, request.date),
                    priority=Priority.BULK,
                    validate=False,
                    due=None if request.rows[0].type == "draft" else request.date,
                    finish=True,
                    prepare=prepare,
                )
            )
        except _LateError:
            await self._set_aside(request, number)
            await self._end(request.rows, State.LATE, "its date passed before a slot was free")
            return _nothing
        except InvalidPostError as error:
            await self._set_aside(request, number)
            return await self._isolate(request, error.problems[0].message, set())
        except (BadRequestError, PayloadTooLargeError) as error:
            if isinstance(error, BadRequestError):  # too large is said before the server looks
                self._fence.answered(sent_at)
            await self._set_aside(request, number)
            guilty = guilty_places(request, self.job.channels, error)
            return await self._isolate(request, error.text, guilty)
        except DeliveryUnknownError as error:
            log.info("the answer to request %d was lost: %s", number, error)
            await self.job.journal.mark(_refs(request), State.UNKNOWN, "its answer was lost")
            sent = next(s for s in await self.job.journal.open_requests() if s.id == number)
            rows = {row.ref: row for row in request.rows}
            cause = error.__cause__
            broken = isinstance(cause, ServerError) and cause.status_code == 500
            age = self.job.postiz.clock.monotonic() - sent_at
            return lambda: self._look_up_and_go_on(sent, rows, age=age, is_broken=broken)
        except PostizError:
            await self._set_aside(request, number)
            raise
        self._fence.answered(sent_at)
        ids = [post.post_id for post in created]
        await self._stored(number, dict(zip(_refs(request), ids, strict=True)), request.rows)
        return _nothing

    def _is_late(self, request: PlannedRequest) -> bool:
        """Whether a request must not leave any more as it is."""
        is_over = request.deadline <= self.job.postiz.scheduler.server_time()
        return is_over and request.rows[0].type == "schedule" and self.job.late != "send"

    async def _shifted(self, request: PlannedRequest, number: int) -> PlannedRequest:
        """A late request with its later date, if the user wants that."""
        if not isinstance(self.job.late, timedelta):
            raise _LateError
        await self._set_aside(request, number)
        then = math.ceil(self.job.postiz.scheduler.server_time() + self.job.late.total_seconds())
        date = datetime.fromtimestamp(then, UTC)
        remark = f"was late; moved from {day_and_time(request.date)} to {day_and_time(date)}"
        await self.job.journal.shift(_refs(request), then, remark)
        return PlannedRequest(tuple(replace(row, date=date) for row in request.rows))

    def _marked(self, request: PlannedRequest) -> datetime:
        moment = request.date
        if request.rows[0].type == "now":
            moment = datetime.fromtimestamp(self.job.postiz.scheduler.server_time(), UTC)
        return self._marks.mark(moment)

    def _body(self, request: PlannedRequest, moment: datetime) -> CreatePost:
        job = self.job
        return build_body(
            request,
            moment,
            campaign=job.journal.campaign_id,
            channels=job.channels,
            medium=self._media.medium,
        )

    async def _set_aside(self, request: PlannedRequest, number: int) -> None:
        """The request was proved not stored: its rows are planned again."""
        if number:
            others = dict.fromkeys(_refs(request), (State.PLANNED, ""))
            await self.job.journal.settle(number, stored={}, others=others)

    async def _isolate(
        self, request: PlannedRequest, text: str, guilty: set[int]
    ) -> Callable[[], Awaitable[None]]:
        """One bad post sinks its whole request: find it by the message, else by halving."""
        if len(request.rows) == 1 or len(guilty) == len(request.rows):
            await self._end(request.rows, State.REFUSED, text)
            return _nothing
        if guilty:
            bad = [row for place, row in enumerate(request.rows) if place in guilty]
            rest = tuple(row for place, row in enumerate(request.rows) if place not in guilty)
            await self._end(bad, State.REFUSED, text)
            return lambda: self._again(rest)
        half = len(request.rows) // 2

        async def both() -> None:
            await self._again(request.rows[:half])
            await self._again(request.rows[half:])

        return both

    async def _again(self, rows: tuple[Row, ...]) -> None:
        self._fence.coming += 1
        await self._senders.acquire()
        await self._deliver(PlannedRequest(rows))

    # -------------------------------------------------------------- lost answers

    async def _look_up_and_go_on(
        self,
        sent: SentRequest,
        rows: Mapping[str, Row],
        *,
        age: float | None = None,
        is_broken: bool = False,
    ) -> None:
        """Find out what became of a request, adopt what is stored, send the rest again."""
        hurry = self.job.on_doubt == "send"
        try:
            found = await self._look_up.find(sent, age=age, is_broken=is_broken, hurry=hurry)
        except (APIConnectionError, ServerError):
            if self._is_in_doubt(sent):
                await self._settle(sent, dict.fromkeys(sent.refs, (State.UNDECIDED, _UNSEEN)))
            raise
        stored = {sent.refs[place]: post_id for place, post_id in found.stored.items()}
        notes = {sent.refs[place]: note for place, note in found.notes.items()}
        fate = (State.UNDECIDED, _IN_DOUBT) if self._is_in_doubt(sent) else (State.PLANNED, "")
        others = {
            ref: fate if ref in rows else (State.SKIPPED, _GONE)
            for ref in sent.refs
            if ref not in stored
        }
        others |= {sent.refs[place]: (State.UNDECIDED, _HIDDEN) for place in found.gone}
        await self._settle(sent, others, stored, notes, rows)
        again = tuple(rows[ref] for ref, (state, _) in others.items() if state is State.PLANNED)
        if again:
            await self._again(again)

    def _is_in_doubt(self, sent: SentRequest) -> bool:
        """Whether a request's date passed before its absence was proved, and nobody said send."""
        return self.job.on_doubt == "skip" and self._look_up.is_over(sent)

    async def _settle(
        self,
        sent: SentRequest,
        others: Mapping[str, tuple[State, str]],
        stored: Mapping[str, str] = _NONE,
        notes: Mapping[str, str] = _NONE,
        rows: Mapping[str, Row] = _NO_ROWS,
    ) -> None:
        """Write down what became of a lost request, and tell of all that has ended."""
        await self.job.journal.settle(sent.id, stored=stored, others=others, notes=notes)
        ended = {ref: (State.STORED, notes.get(ref, "")) for ref in stored}
        ended |= {ref: end for ref, end in others.items() if end[0] is State.UNDECIDED}
        for ref, (state, note) in ended.items():
            number = rows[ref].number if ref in rows else 0
            await self._on_outcome(Outcome(number, ref, state, stored.get(ref), note))

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        return await patiently(self.job.postiz.clock, call)

    # -------------------------------------------------------------- writing down

    async def _learn_marks(self, moments: Sequence[datetime]) -> None:
        """See which milliseconds are in use on the days of the campaign; a free list each."""
        calendar = self.job.calendar
        await calendar.look(moments)
        for moment in calendar.moments():
            self._marks.take(moment)
        calendar.posts.clear()

    async def _stored(self, number: int, stored: Mapping[str, str], rows: Sequence[Row]) -> None:
        await self.job.journal.settle(number, stored=stored, others={})
        for row in rows:
            await self._on_outcome(Outcome(row.number, row.ref, State.STORED, stored[row.ref]))

    async def _end(self, rows: Sequence[Row], state: State, note: str) -> None:
        await self.job.journal.mark([row.ref for row in rows], state, note)
        for row in rows:
            await self._on_outcome(Outcome(row.number, row.ref, state, None, note))


_GONE = "not in the campaign file any more"
_WHAT_TO_DO = "look for it in Postiz: if it is not there, give the row a later date and run again"
_IN_DOUBT = (
    "its answer was lost, and its date passed before it was certain that it is not stored; "
    f"{_WHAT_TO_DO}"
)
_HIDDEN = (
    "its answer was lost, and its channel is gone from Postiz, which lists nothing of it; "
    "it is not sent again"
)
_UNSEEN = f"its answer was lost, and Postiz could not be reached until its date; {_WHAT_TO_DO}"


async def _nothing() -> None:
    """Nothing is left to do."""


def _refs(request: PlannedRequest) -> tuple[str, ...]:
    return tuple(row.ref for row in request.rows)
