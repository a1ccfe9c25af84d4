"""Sends what an outbox holds, under the quota and with the exactness of a batch.

What keeps the tickets is the memory: a task takes one entry one step further, writes the outcome
down and ends. What a step leaves open is found there again, by this process or by its successor.
"""

from __future__ import annotations

import logging
import math
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import anyio

from postiz_async._concurrency import StrayCancellationError
from postiz_async._delivery.client import ask
from postiz_async._delivery.journal_file import FOUND, RowState, SentRequest
from postiz_async._delivery.lookup import HIDDEN, IN_DOUBT, Fence, Looks, LookUp
from postiz_async._delivery.matching import CLIENT_REF, listed_ref
from postiz_async._delivery.pauses import Outage, why_lost
from postiz_async._delivery.send import Lost, Refused, Sender, Stored, TooLate
from postiz_async._resources.matching import stored_at
from postiz_async._scheduler.calls import PREPARED_SECONDS
from postiz_async._wire.endpoints import LIST_POSTS
from postiz_async.errors import (
    BadRequestError,
    ConfigurationError,
    DeliveryUnknownError,
    InvalidPostError,
    PayloadTooLargeError,
    PostizError,
    QuotaError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from postiz_async._delivery.client import OutboxClient
    from postiz_async._delivery.send import SendResult, Unsent
    from postiz_async._outbox.forbidden import ForbiddenHandOvers
    from postiz_async._outbox.store import Tickets
    from postiz_async._outbox.tickets import OutboxEntry, OutboxOptions
    from postiz_async.clock import Timer
    from postiz_async.errors import PermissionDeniedError
    from postiz_async.models.posts import CreatePost, Post


log = logging.getLogger("postiz_async.outbox")

SHORTEST_WAIT, LONGEST_WAIT = 5.0, 20.0
"""Seconds between two looks for what a dead worker left; longer while there is nothing to do."""

MAX_WAITING = 100
"""Entries that wait for the quota at once; others that are due earlier join them."""

_OF_THE_POST = (InvalidPostError, BadRequestError, PayloadTooLargeError, DeliveryUnknownError)
"""Errors about one hand-over; any other would meet all of them, and is waited out."""

_UNDECIDED = f"{IN_DOUBT}; look for it in Postiz, and hand it over again only if it is not there"


class OutboxSender:
    """Sends the tickets of one quota.

    Args:
        postiz: the client.
        tickets: what it has to send.
        options: what is done in doubt.
        on_step: is called with each ticket whose state changed.
        forbidden: those that wait alone, of senders before this one too.
    """

    def __init__(
        self,
        postiz: OutboxClient,
        tickets: Tickets,
        options: OutboxOptions,
        on_step: Callable[[str], None],
        forbidden: ForbiddenHandOvers,
    ) -> None:
        self._postiz = postiz
        self.clock = postiz.clock
        self._tickets = tickets
        self._options = options
        self._on_step = on_step
        self._forbidden = forbidden
        self.outage = Outage.of(postiz, log=log, waits_for=self.waits_for, gives_up=False)
        self._fence = Fence(postiz, self.outage)
        self._sender = Sender(
            postiz, self.outage, self._fence, late=options.late, keeps_intents=False
        )
        self._look_up = LookUp(postiz, tickets, self._fence, self.outage, on_doubt=options.on_doubt)
        self._active: set[int] = set()
        self._work = anyio.Event()
        self._idle = anyio.Event()

    def wake(self) -> None:
        """There is something new to do."""
        self._work.set()

    def waits_for(self, error: PostizError) -> bool:
        """Whether a call that fails so is made again later: the fault is not in one hand-over."""
        if isinstance(error, BadRequestError) and error.may_be_stored:  # of a firewall
            return True
        return not (self._is_closed(error) or isinstance(error, (*_OF_THE_POST, QuotaError)))

    def _is_closed(self, error: PostizError) -> bool:
        return isinstance(error, ConfigurationError) and not self._postiz.is_open

    async def until_idle(self) -> None:
        """Wait until everything that this worker owns is over."""
        self._idle = anyio.Event()
        self.wake()
        await self._idle.wait()

    async def run(self) -> None:
        """Send until cancelled; requests whose first byte is out are waited for."""
        look = SHORTEST_WAIT
        try:
            async with anyio.create_task_group() as group:
                while True:
                    self._work = anyio.Event()
                    entries = await self.outage.read(self._take_stock)
                    for entry in entries:
                        self._active.add(entry.number)
                        group.start_soon(self._step, entry)
                    look = SHORTEST_WAIT if entries else min(2 * look, LONGEST_WAIT)
                    with self.clock.move_on_after(look):
                        await self._work.wait()
        finally:
            self._postiz.scheduler.plan(0)
        raise StrayCancellationError  # of a step

    async def _take_stock(self) -> list[OutboxEntry]:
        """What is to be begun now."""
        most = MAX_WAITING + len(self._forbidden)
        adopted, found = await self._tickets.take_stock(frozenset(self._active), most)
        self._postiz.scheduler.plan(self._tickets.planned)
        self._forbidden.keep(self._active | {entry.number for entry in found})
        entries = [entry for entry in found if not self._forbidden.is_waiting(entry.number)]
        if adopted:
            log.info("took over %d hand-overs of workers that are gone", adopted)
        if not entries and not self._active:
            self._idle.set()
        return entries

    async def _step(self, entry: OutboxEntry) -> None:
        """Take one entry one step further; after an error it is found again."""
        try:
            if entry.state is RowState.PLANNED:
                await self._send(entry)
            else:
                await self._find_out_of_another(entry)
        except PostizError as error:  # of a look: what a create meets is an outcome
            if not self._is_closed(error):
                self.outage.failed(error)
        finally:
            self._active.discard(entry.number)
            self._on_step(entry.id)
            self.wake()

    # -------------------------------------------------------------- sending

    async def _send(self, entry: OutboxEntry) -> None:
        """Send it when it is its turn, and look for it if its answer is lost."""
        record = _EntryRecord(entry, self._tickets, self._postiz, self._on_step, self._forbidden)
        result: SendResult = TooLate()
        self._fence.coming += 1
        try:
            around = await self.outage.read(partial(self._posts_around, entry))
            if stored := _stored_of(entry, around):
                await self._adopt(entry, stored)
                return
            record.used = [stored_at(post) for post in around]
            with record.waiting(until_late=self._options.late == "skip") as wait:
                result = await self._sender.send(record)
        finally:
            self._fence.coming -= 1
        if wait.cancel_called:
            await record.settle(TooLate())
            return
        error = result.error if isinstance(result, Refused) else None
        if isinstance(result, Stored) or isinstance(error, BadRequestError):
            self._forbidden.answered()
        if isinstance(result, Lost):
            await self._find_out(
                record.entry, result.sent, age=result.age, is_broken=result.is_broken
            )

    async def _adopt(self, entry: OutboxEntry, stored: dict[int, str]) -> None:
        """What keeps the tickets returned to an older state, or it arrived later than ever seen."""
        log.warning("hand-over %s waits to be sent, but Postiz has posts of it", entry.id)
        ids = entry.with_stored(stored)
        if None in ids:
            await self._tickets.plan_again(entry, post_ids=ids)
        else:
            await self._end(entry, RowState.STORED, FOUND, ids)

    async def _posts_around(self, entry: OutboxEntry) -> list[Post]:
        """What is stored in the second of its date; looked up while that is free.

        What leaves then has the server's time, and not that of a host whose clock is wrong.
        """
        scheduler = self._postiz.scheduler
        if not entry.is_dated or scheduler.is_counted(LIST_POSTS.name):
            if not scheduler.knows_server_time():
                await ask(self._postiz)
            return []
        second = datetime.fromtimestamp(math.floor(entry.due), UTC)
        last = second + timedelta(milliseconds=999)
        return await self._postiz.posts.list(start=second, end=last)

    # -------------------------------------------------------------- lost answers

    async def _find_out_of_another(self, entry: OutboxEntry) -> None:
        """Find out what became of a request of a sender that is gone, or only stands still."""
        age = await self._tickets.age(entry)
        looks = Looks(lost_for=age - PREPARED_SECONDS)
        await self._find_out(entry, as_sent(entry), age=age, looks=looks)

    async def _find_out(
        self,
        entry: OutboxEntry,
        sent: SentRequest,
        *,
        age: float,
        is_broken: bool = False,
        looks: Looks | None = None,
    ) -> None:
        """Find out what became of a request; adopt what is stored, plan the rest again."""
        found = await self._look_up.find(sent, age=age, is_broken=is_broken, looks=looks)
        ids = entry.with_stored(dict(found.stored))
        note = "; ".join(found.notes.values())
        if None not in ids:
            await self._end(entry, RowState.STORED, note, ids)
        elif found.gone:
            await self._end(entry, RowState.UNDECIDED, HIDDEN, ids)
        elif self._look_up.is_in_doubt(sent):
            await self._end(entry, RowState.UNDECIDED, _UNDECIDED, ids)
        else:
            await self._tickets.plan_again(entry, post_ids=ids)

    async def _end(
        self, entry: OutboxEntry, state: RowState, note: str, ids: tuple[str | None, ...]
    ) -> None:
        await self._tickets.end(entry, state, note, ids)


class _EntryRecord:
    """A hand-over, written down in its outbox; see `delivery.send.Record`."""

    def __init__(
        self,
        entry: OutboxEntry,
        tickets: Tickets,
        postiz: OutboxClient,
        on_step: Callable[[str], None],
        forbidden: ForbiddenHandOvers,
    ) -> None:
        self.entry = entry
        self.used: Sequence[datetime] = ()
        """Moments that others use in the second of its date."""
        self._tickets = tickets
        self._postiz = postiz
        self._on_step = on_step
        self._forbidden = forbidden
        self._sent: CreatePost | None = None
        """Its intent, if there is one."""
        self._sent_at = 0.0
        self._waits = True
        """Nothing is written down of it, and no slot is held."""
        self._wait = anyio.CancelScope()

    @contextmanager
    def waiting(self, *, until_late: bool) -> Generator[anyio.CancelScope]:
        """Leave the block when its date passes while it waits; before, the time must be known."""
        clock, scheduler = self._postiz.clock, self._postiz.scheduler
        timer: Timer | None = None

        def look() -> None:
            nonlocal timer
            left = self.entry.due - scheduler.server_time()
            if left <= 0 and self._waits and scheduler.knows_server_time():
                self._wait.cancel()
            timer = clock.call_at(clock.monotonic() + max(left, 1.0), look)

        with self._wait:
            if until_late and self.entry.is_dated:
                look()
            try:
                yield self._wait
            finally:
                if timer is not None:
                    timer.cancel()

    @property
    def due(self) -> datetime:
        return datetime.fromtimestamp(self.entry.due, UTC)

    def is_over(self, now: float) -> bool:
        return self.entry.is_dated and self.entry.due <= now

    def draft(self) -> CreatePost:
        return self.entry.request(self.entry.body.date)

    async def may_leave(self) -> bool:
        """A hand-over that was withdrawn is noticed when its intent is written down."""
        self._waits = False
        return not self._wait.cancel_called

    async def shift(self, date: int) -> bool:
        await self._tickets.plan_again(self.entry, post_ids=self.entry.post_ids, due=date)
        self._sent = None
        self.entry = await self._tickets.get(self.entry.id) or self.entry
        return True

    async def intend(self, now: float) -> CreatePost | None:
        """None: the hand-over was withdrawn."""
        at = datetime.fromtimestamp(self.entry.due if self.entry.is_dated else now, UTC)
        self._sent = await self._tickets.intend(self.entry, at, self.used, now)
        self._sent_at = now
        self._on_step(self.entry.id)
        return self._sent

    async def repeat(self, now: float) -> None:
        await self._tickets.repeat(self.entry, now)
        self._sent_at = now

    async def set_aside(self) -> None:
        if self._sent is not None:
            await self._tickets.plan_again(self.entry, post_ids=self.entry.post_ids)
            self._sent = None
        self._waits = True

    def waits_alone(self, error: PermissionDeniedError) -> bool:
        now = self._postiz.scheduler.server_time()
        return self._forbidden.waits_alone(self.entry, error, now)

    async def lost(self, error: DeliveryUnknownError) -> SentRequest:
        log.info("the answer to hand-over %s was lost: %s", self.entry.id, error)
        await self._tickets.doubt(self.entry, why_lost(error))
        self._on_step(self.entry.id)
        return as_sent(replace(self.entry, sent=self._sent, sent_at=self._sent_at, mended_at=None))

    async def settle(self, result: Stored | Refused | TooLate | Unsent) -> None:
        """What is not sent was withdrawn, which is written down already."""
        if isinstance(result, Stored):
            ids = self.entry.with_stored(dict(enumerate(result.ids)))
            await self._end(RowState.STORED, "", ids)
        elif isinstance(result, Refused):
            await self._end(RowState.REFUSED, result.text, self.entry.post_ids)
        elif isinstance(result, TooLate):
            note = "its date passed before a slot was free"
            await self._end(RowState.LATE, note, self.entry.post_ids)

    async def _end(self, state: RowState, note: str, ids: tuple[str | None, ...]) -> None:
        await self._tickets.end(self.entry, state, note, ids)


def _stored_of(entry: OutboxEntry, listed: Sequence[Post]) -> dict[int, str]:
    """The posts of a hand-over that waits, by place in its request and by their marks."""
    refs: dict[object, str] = {listed_ref(post.settings): post.id for post in listed}
    marks = [entry.body.posts[place].settings.get(CLIENT_REF) for place in entry.places]
    return {place: refs[mark] for place, mark in enumerate(marks) if mark in refs}


def as_sent(entry: OutboxEntry) -> SentRequest:
    """The request of a hand-over whose outcome is open."""
    assert entry.sent is not None  # noqa: S101  (as the states promise)
    refs = tuple(f"{entry.id}.{place}" for place in entry.places)
    times = (entry.sent_at or 0.0, entry.mended_at or 0.0)
    return SentRequest(entry.number, entry.sent, refs, *times)
