"""Carry out a plan: upload in advance, send, look up lost answers, and write everything down.

Each request has one task that sees it through to an outcome for every row. A slot among the
senders is held only while a request waits for the quota or is being sent, so other work goes on
while a lost answer is looked up.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import anyio
from anyio.abc import TaskGroup

from postiz_async._campaign.journal.purposes import RowEnd
from postiz_async._campaign.journal.requests import RequestHandle
from postiz_async._campaign.plan.packing import Limits
from postiz_async._campaign.plan.plan import PlannedRequest, plan
from postiz_async._campaign.plan.row_state import new_records
from postiz_async._campaign.read.rows import Row
from postiz_async._campaign.run.isolate import Bisection, Refusals
from postiz_async._campaign.run.job import Job, Outcome, outcome_of, task_group
from postiz_async._campaign.run.look_ups import UNREACHED, LookUps
from postiz_async._campaign.run.media import MediaUploads
from postiz_async._campaign.run.send import RequestSender, SentRows, may_return
from postiz_async._delivery.lookup import IN_DOUBT
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.send import Lost, Refused, Stored, TooLate
from postiz_async._delivery.transitions import OvertakenError
from postiz_async._resources.matching import stored_at
from postiz_async._scheduler.limits import MAX_CREATES
from postiz_async._wire import parse_date

_FRUITLESS = 2
"""Searches in a row without a stored post, after which few rows are sent at a time."""

_NO_ROWS: Mapping[str, Row] = {}


class Runner:
    """Runs one job, once.

    Args:
        job: the input of the run.
        on_outcome: called with the outcome of each row.
    """

    def __init__(self, job: Job, on_outcome: Callable[[Outcome], Awaitable[None]]) -> None:
        self.job = job
        self._on_outcome = on_outcome
        self._senders = anyio.Semaphore(MAX_CREATES)
        self._fence = job.fence
        self._refusals = Refusals()
        self.all_sent = anyio.Event()
        """Set once only look-ups of lost requests are left."""
        self._to_send = 0
        self._unsent: Counter[str] = Counter()
        """The number of posts that were not sent because their channel is paused, by channel id."""
        self._look_ups = LookUps(job, job.purpose, job.options.on_doubt)
        self._media = MediaUploads(job, job.checked.facts)
        self._sender = RequestSender(job, self._media.medium)

    def another(self) -> Runner:
        """A new runner for the same job."""
        return Runner(self.job, self._on_outcome)

    async def run(
        self,
        requests: deque[PlannedRequest],
        lost: Sequence[RequestHandle] = (),
        rows: Mapping[str, Row] = _NO_ROWS,
    ) -> None:
        """Send what is planned and look up lost requests.

        Args:
            requests: the planned requests, removed as they are sent to free memory.
            lost: requests of earlier runs whose outcome is unknown.
            rows: rows of the lost requests, by ref.

        Raises:
            PostizError: the job has to stop; the journal says how far it came.
        """
        await self._learn_marks(requests, lost)
        self._media.need(row for request in requests for row in request.rows)
        self._media.need(rows[ref] for each in lost for ref in each.refs if ref in rows)
        with self.job.postiz.scheduler.job(self.job.journal) as expect:
            expect(len(requests))
            self._fence.coming += len(requests)
            self._counted(len(requests))
            async with task_group() as group:
                group.start_soon(self._media.run)
                for each in lost:
                    group.start_soon(self._look_up_and_go_on, each, rows)
                while requests:
                    await self._senders.acquire()
                    group.start_soon(self._deliver, requests.popleft(), expect)
        self._look_ups.taken.clear()  # free it: large for many rows, and not needed any more

    @property
    def uploads_done(self) -> int:
        """The number of media whose upload is done."""
        return self._media.done

    def remarks(self) -> list[str]:
        """Notes on channels that were paused."""
        names = {channel.id: channel.name for channel in self.job.channels.values()}
        return self._refusals.remarks(names, self._unsent)

    # -------------------------------------------------------------- sending

    async def _deliver(
        self, request: PlannedRequest, expect: Callable[[int], None] | None = None
    ) -> None:
        """Send a request and handle its outcome. Called with a sender's slot, which it gives back.

        Args:
            request: the request to send.
            expect: takes the request off the announced ones, if it was announced.
        """
        try:
            request = await self._without_paused(await self._with_media(request))
            most = self.job.postiz.scheduler.budget.request_posts  # stored in time
            request, rest = PlannedRequest(request.rows[:most]), request.rows[most:]
            if expect is not None:
                expect(-1)
            sent = await self._send(request) if request.rows else None
        finally:
            self._senders.release()
            self._fence.coming -= 1
        if sent is not None:
            await self._go_on(sent)
        if rest:
            await self._replan(rest)
        self._counted(-1)

    def _counted(self, requests: int) -> None:
        """Count requests that have still to be sent; lost ones do not count."""
        self._to_send += requests
        if not self._to_send:
            self.all_sent.set()

    async def _go_on(self, sent: SentRows) -> None:
        """Handle the outcome of a request after the sender's slot was given back."""
        result, rows = sent.result, sent.request.rows
        if isinstance(result, Stored):
            await self._stored(rows, result)
        elif isinstance(result, Refused):
            await self._isolate(sent, result)
        elif isinstance(result, TooLate):
            await self._too_late(rows)
        elif isinstance(result, Lost):
            self._counted(-1)
            await self._look_up_and_go_on(sent.kept, {row.ref: row for row in rows})
            self._counted(1)

    async def _with_media(self, request: PlannedRequest) -> PlannedRequest:
        """Wait for the media of a request; rows whose media were refused end here."""
        good: list[Row] = []
        for row in request.rows:
            refusal = await self._media.refusal(row)
            if refusal is None:
                good.append(row)
            else:
                await self._end([row], RowState.REFUSED, refusal)
        return PlannedRequest(tuple(good))

    async def _without_paused(self, request: PlannedRequest) -> PlannedRequest:
        """The request without rows of paused channels; a later run tries those again."""
        paused = self._refusals.paused
        stay = [row for row in request.rows if self.job.channels[row.ref].id in paused]
        if not stay:
            return request
        self._unsent.update(self.job.channels[row.ref].id for row in stay)
        await self._end(stay, RowState.PLANNED, _PAUSED)
        return PlannedRequest(tuple(row for row in request.rows if row not in stay))

    async def _stored(self, rows: Sequence[Row], result: Stored) -> None:
        self._look_ups.taken.update(result.ids)
        self._refusals.stored(self.job.channels[row.ref].id for row in rows)
        for row, post_id in zip(rows, result.ids, strict=True):
            await self._on_outcome(Outcome(row.number, row.ref, RowState.STORED, post_id))

    async def _send(self, request: PlannedRequest) -> SentRows:
        sent = await self._sender.send(request)
        await self.report_adopted()
        return sent

    async def report_adopted(self) -> None:
        """Report rows whose posts were found in Postiz."""
        records = self.job.adopted[:]
        self.job.adopted.clear()
        self._look_ups.taken.update(r.post_id for r in records if r.post_id is not None)
        for record in records:
            await self._on_outcome(outcome_of(record))

    async def _too_late(self, rows: Sequence[Row]) -> None:
        """Plan late rows again; rows that had moved to an earlier date get back their own."""
        now = self.job.postiz.scheduler.server_time()
        back = tuple(
            row.at(row.asked_for) for row in rows if row.type == "draft" or may_return(row, now)
        )
        gone = tuple(row for row in rows if row.type != "draft" and not may_return(row, now))
        if gone and self.job.options.late_rule == "skip":
            await self._end(gone, RowState.LATE, "its date passed before a slot was free")
            gone = ()
        await self._replan((*back, *gone))

    # -------------------------------------------------------------- refused

    async def _isolate(self, sent: SentRows, refused: Refused) -> None:
        """Find the bad post that made a whole request fail: by the message, else by bisection."""
        rows, guilty = sent.request.rows, sent.guilty
        if len(rows) == 1 or len(guilty) == len(rows):
            await self._refuse(rows, refused.text)
        elif guilty:
            await self._refuse([rows[place] for place in sorted(guilty)], refused.text)
            await self._replan(tuple(r for place, r in enumerate(rows) if place not in guilty))
        elif refused.is_size:
            half = len(rows) // 2
            await self._replan(rows[:half])
            await self._replan(rows[half:])
        else:
            await self._search(rows, refused.text)

    async def _search(self, rows: tuple[Row, ...], text: str) -> None:
        """Find all guilty rows of a refused request one by one, and send the others."""
        fruitless = 0
        rest: tuple[Row, ...] = ()
        async with anyio.create_task_group() as tasks:
            while rows:
                search = await self._halve(rows, text, tasks)
                rest = (*search.unknown, *rest)
                fruitless = 0 if search.is_fruitful else fruitless + 1
                size = len(rest) if fruitless < _FRUITLESS else 1
                rows, text, rest = await self._send_growing(rest, size, tasks)

    async def _halve(self, rows: tuple[Row, ...], text: str, tasks: TaskGroup) -> Bisection:
        """Find one guilty row; other kinds of results are handled in separate tasks."""
        search = Bisection(rows)
        while search.group:
            sent = await self._attempt(search.group)
            refusal = _unnamed(sent)
            if refusal is not None:
                text = refusal
                search.refused()
            elif isinstance(sent.result, Stored):
                await self._go_on(sent)
                search.stored()
            else:
                tasks.start_soon(self._go_on, sent)
                tasks.start_soon(self._replan, search.others)
                return Bisection(())
        await self._refuse(search.suspects, text)
        return search

    async def _send_growing(
        self, rows: tuple[Row, ...], size: int, tasks: TaskGroup
    ) -> tuple[tuple[Row, ...], str, tuple[Row, ...]]:
        """Send rows of unknown quality in growing groups, as long as they are stored.

        Returns:
            The rows of the first refused request with several rows, the reason, and the unsent
            rows.
        """
        while rows := (await self._without_paused(PlannedRequest(rows))).rows:
            group, rows = rows[:size], rows[size:]
            sent = await self._attempt(group)
            size = 2 * size if isinstance(sent.result, Stored) else 1
            refusal = _unnamed(sent)
            if refusal is not None and len(group) > 1:
                return sent.request.rows, refusal, rows
            if isinstance(sent.result, Stored | Refused):
                await self._go_on(sent)
            else:
                tasks.start_soon(self._go_on, sent)
        return (), "", ()

    async def _attempt(self, rows: tuple[Row, ...]) -> SentRows:
        """Send rows as one request when a sender is free."""
        self._fence.coming += 1
        await self._senders.acquire()
        try:
            return await self._send(PlannedRequest(rows))
        finally:
            self._senders.release()
            self._fence.coming -= 1

    async def _refuse(self, rows: Sequence[Row], text: str) -> None:
        await self._end(rows, RowState.REFUSED, text)
        self._refusals.refused([self.job.channels[row.ref].id for row in rows], text)

    async def _replan(self, rows: tuple[Row, ...]) -> None:
        """Plan and send rows of an earlier request; their dates may differ now."""
        limits = Limits(posts=self.job.postiz.scheduler.budget.request_posts)
        requests = plan(rows, self.job.size_of, limits)
        self._fence.coming += len(requests)
        self._counted(len(requests))
        async with anyio.create_task_group() as group:
            for request in requests:
                await self._senders.acquire()
                group.start_soon(self._deliver, request)

    # -------------------------------------------------------------- lost answers

    async def _look_up_and_go_on(self, request: RequestHandle, rows: Mapping[str, Row]) -> None:
        """Look up a lost request, adopt stored posts, and send the rest again."""

        def end_of(ref: str, doubt: str) -> RowEnd:
            if doubt not in {"", IN_DOUBT, UNREACHED}:
                return RowEnd(RowState.UNDECIDED, doubt)
            if ref not in rows:
                return RowEnd(RowState.SKIPPED, _NOT_IN_FILE)
            return RowEnd(RowState.UNDECIDED, f"{doubt}; {_WHAT_TO_DO}") if doubt else RowEnd()

        try:
            await self._look_ups.find_out(request, end_of)
        except OvertakenError:
            self.job.elsewhere.update(request.refs)
            return
        finally:
            if request.record.is_over:
                await self._report(request, rows)
        again = [
            rows[request.refs[place]]
            for place, end in request.ends.items()
            if end.state is RowState.PLANNED
        ]
        if again:
            fresh = new_records(again, self.job.channels)
            await self.job.journal.plan_again(self.job.purpose, fresh)
            await self._replan(tuple(again))

    async def _report(self, request: RequestHandle, rows: Mapping[str, Row]) -> None:
        """Report the outcomes of a lost request's rows."""
        for place, (ref, post) in enumerate(zip(request.refs, request.record.posts, strict=True)):
            state, note = request.ends.get(place, RowEnd())
            if post.id:
                state, note = RowState.STORED, request.notes.get(place, "")
            if state in {RowState.STORED, RowState.UNDECIDED}:
                number = rows[ref].number if ref in rows else 0
                await self._on_outcome(Outcome(number, ref, state, post.id or None, note))

    # -------------------------------------------------------------- writing down

    async def _learn_marks(
        self, requests: Iterable[PlannedRequest], lost: Sequence[RequestHandle]
    ) -> None:
        """Note which moments are in use on the days of the campaign, by one list each."""
        calendar = self.job.calendar
        lost_dates = {parse_date(each.body.date) for each in lost}
        await calendar.look([*(request.date for request in requests), *lost_dates])
        for post in calendar.posts.values():
            self._sender.marks.take(stored_at(post))
            if stored_at(post) not in lost_dates:
                self._look_ups.taken.add(post.id)
        for each in lost:
            self._sender.marks.take(parse_date(each.sent.body.date))
        calendar.posts.clear()

    async def _end(self, rows: Sequence[Row], state: RowState, note: str) -> None:
        refs = [row.ref for row in rows]
        await self.job.journal.turn_away(self.job.purpose, refs, RowEnd(state, note))
        for row in rows:
            await self._on_outcome(Outcome(row.number, row.ref, state, None, note))


_NOT_IN_FILE = "not in the campaign file any more"
_WHAT_TO_DO = (
    "look for it in Postiz: if it is not there, give the row a later date, or take it out of the "
    "file, and run again"
)


_PAUSED = "not sent: its channel was refused again and again; run again to go on"


def _unnamed(sent: SentRows) -> str | None:
    """The reason of a refusal that does not say which post is at fault; else None."""
    refused = sent.result
    if isinstance(refused, Refused) and not sent.guilty and not refused.is_size:
        return refused.text
    return None
