"""Send a hand-over and write down each step; see `delivery.send.Record`."""

from __future__ import annotations

import logging
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from postiz_async._delivery import transitions
from postiz_async._delivery.delivery import DeliverySending
from postiz_async._delivery.matching import from_milliseconds
from postiz_async._delivery.send import Refused, TooLate
from postiz_async._delivery.transitions import OvertakenError
from postiz_async._logs import log_of
from postiz_async._scheduler.calls import PREPARED_SECONDS
from postiz_async._wire import format_date
from postiz_async.stores._deliveries import TakenError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from postiz_async._delivery.matching import MillisecondMarks
    from postiz_async._delivery.record import DeliveryRecord, State
    from postiz_async._delivery.send import SendResult
    from postiz_async._outbox.forbidden import ForbiddenHandOvers
    from postiz_async._outbox.hand_over import HandOver
    from postiz_async._resources.api import OpenClient
    from postiz_async.clock import Timer
    from postiz_async.errors import PermissionDeniedError, StoreError
    from postiz_async.models.posts import PostRequest
    from postiz_async.stores._deliveries import Deliveries


log = logging.getLogger("postiz_async.outbox")

LEASE = 20.0
"""Seconds for which an organisation, and a request on its way, belong to one sender."""

_LATE = "its date passed before a slot was free"


class HandOverSending(DeliverySending):
    """The sending of one hand-over, from the wait for a slot to its outcome.

    Args:
        hand_over: the hand-over to send.
        deliveries: its store.
        postiz: the client.
        marks: marks in use by the organisation, as far as this process knows.
        forbidden: the refused hand-overs that wait alone.
        on_step: called after each step that was written down.
    """

    def __init__(
        self,
        hand_over: HandOver,
        deliveries: Deliveries,
        postiz: OpenClient,
        marks: MillisecondMarks,
        forbidden: ForbiddenHandOvers,
        on_step: Callable[[], None],
    ) -> None:
        what = f"hand-over {hand_over.id}"
        whose = log_of(log, postiz.organization)
        super().__init__(hand_over, uuid.uuid4().hex, hand_over.request, what=what, log=whose)
        self.hand_over = hand_over
        self._deliveries = deliveries
        self._postiz = postiz
        self._marks = marks
        self._forbidden = forbidden
        self._on_step = on_step
        self._waits = True
        """True while no step is written down and no slot is held."""
        self._wait = anyio.CancelScope()

    @contextmanager
    def waiting(self, *, until_late: bool) -> Generator[anyio.CancelScope]:
        """Cancel the block when the date passes while it waits and the server's time is known."""
        clock, scheduler = self._postiz.clock, self._postiz.scheduler
        timer: Timer | None = None

        def look() -> None:
            nonlocal timer
            left = self.hand_over.record.due - scheduler.server_time()
            if left <= 0 and self._waits and scheduler.knows_server_time():
                self._wait.cancel()
            timer = clock.call_at(clock.monotonic() + max(left, 1.0), look)

        with self._wait:
            if until_late and self.hand_over.record.is_dated:
                look()
            try:
                yield self._wait
            finally:
                if timer is not None:
                    timer.cancel()

    @property
    def due(self) -> datetime:
        return self.hand_over.at

    def is_over(self, now: float) -> bool:
        return self.hand_over.record.is_dated and self.hand_over.record.due <= now

    def draft(self) -> PostRequest:
        return self.request(self.hand_over.body.date)

    async def may_leave(self) -> bool:
        """False if the wait was cancelled; a withdrawal is noticed when the intent is written."""
        self._waits = False
        return not self._wait.cancel_called

    async def shift(self, date: int) -> bool:
        try:
            await self.move(lambda was: transitions.shifted(was, self.attempt, date))
        except OvertakenError:
            return False
        self.is_sending = False
        return True

    async def intend(self, now: float) -> PostRequest | None:
        """Write the intent; None: the hand-over was withdrawn, or another sender has it."""
        kept = self.hand_over.record
        at = datetime.fromtimestamp(kept.due if kept.is_dated else now, UTC)
        while True:
            marked = self._marks.mark(at)
            try:
                await self.leave(format_date(marked), now)
            except OvertakenError:
                return None
            except TakenError:
                await self._take_used(marked)
            else:
                return self.request(self.hand_over.record.date)

    def left(self, was: DeliveryRecord, date: str, now: float) -> DeliveryRecord:
        return transitions.left(
            was,
            self.attempt,
            posts=was.posts,
            fingerprint=was.fingerprint,
            date=date,
            now=self.hand_over.now(),
            served_at=now,
            seconds=PREPARED_SECONDS,
            hold=LEASE,
        )

    async def _take_used(self, moment: datetime) -> None:
        """Note the marks of other processes in one second, which this process did not know."""
        second = 1000 * int(moment.timestamp())
        _, used = await self._deliveries.known(
            self.hand_over.scope, (), range(second + 1, second + 1000)
        )
        for mark in used:
            self._marks.take(from_milliseconds(mark))

    async def set_aside(self) -> None:
        await super().set_aside()
        self._waits = True

    def waits_alone(self, error: PermissionDeniedError) -> bool:
        now = self._postiz.scheduler.server_time()
        return self._forbidden.waits_alone(self.hand_over, error, now, self._log)

    async def settle(self, result: SendResult) -> None:
        """Write the outcome; an unsent hand-over was withdrawn, which is written already."""
        await super().settle(result)
        if isinstance(result, Refused):
            note = result.text
            await self.end(
                "refused", lambda was: transitions.refused(was, self.attempt, None, note)
            )
        elif isinstance(result, TooLate):
            await self.end("late", lambda was: transitions.late(was, _LATE))

    async def move(self, event: Callable[[DeliveryRecord], DeliveryRecord]) -> None:
        await super().move(event)
        self._on_step()

    def unwritten(self, error: StoreError, state: State) -> None:
        """Raise: a later turn finds the hand-over, and looks it up if it may have left."""
        del state
        raise error
