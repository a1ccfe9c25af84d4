"""Send and look up a delivery, and write each step to its store by a transition.

This is the common part of outbox and idempotency keys. Each adds the request that leaves, how long
it may take, and how to handle a step that could not be written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import anyio

from postiz_async._delivery import transitions
from postiz_async._delivery.handle import Handle
from postiz_async._delivery.lookup import IN_DOUBT, Looks, LookUp
from postiz_async._delivery.outcomes import SentRequest
from postiz_async._delivery.pauses import has_crashed, why_lost
from postiz_async._delivery.record import DeliveryRecord, State, sent_request
from postiz_async._delivery.send import SendResult, Stored
from postiz_async._delivery.transitions import OvertakenError
from postiz_async._logs import Log
from postiz_async.errors import DeliveryUnknownError, StoreError
from postiz_async.models.posts import PostRequest


class DeliverySending(ABC):
    """The sending of a delivery, from the wait for a slot to its outcome; see `send.Record`.

    Args:
        handle: the delivery.
        attempt: a name for this sending.
        request: makes the request for a marked date.
        what: its name in the log.
        log: the logger for errors.
    """

    def __init__(
        self,
        handle: Handle,
        attempt: str,
        request: Callable[[str], PostRequest],
        *,
        what: str,
        log: Log,
    ) -> None:
        self.is_sending = False
        """Whether the record says that the request leaves."""
        self.handle = handle
        self.attempt = attempt
        self.request = request
        self.what = what
        self._log = log
        self._places: list[int] = []
        """The places of the posts that left."""

    @abstractmethod
    def left(self, was: DeliveryRecord, date: str, now: float) -> DeliveryRecord:
        """The record of the delivery as it leaves."""

    @abstractmethod
    def unwritten(self, error: StoreError, state: State) -> None:
        """Handle an outcome that could not be written: raise `error`, or go on."""

    async def move(self, event: Callable[[DeliveryRecord], DeliveryRecord]) -> None:
        """Write a step to the store."""
        await self.handle.move(event)

    async def leave(self, date: str, now: float) -> None:
        """Write down that the request leaves.

        Raises:
            OvertakenError: another process sends the delivery, or it has ended.
        """
        await self.move(lambda was: self.left(was, date, now))
        self.is_sending, self._places = True, self.handle.record.missing

    async def repeat(self, now: float) -> bool:
        try:
            await self.leave(self.handle.record.date, now)
        except OvertakenError:
            self.is_sending = False
        return self.is_sending

    async def set_aside(self) -> None:
        if self.is_sending:
            await self.end("planned", lambda was: transitions.set_aside(was, self.attempt))

    async def lost(self, error: DeliveryUnknownError) -> SentRequest:
        self._log.info("%s: %s", self.what, error)
        await self.end(
            "lost",
            lambda was: transitions.lost(
                was,
                self.attempt,
                now=self.handle.now(),
                is_broken=has_crashed(error),
                note=why_lost(error),
            ),
        )
        kept = self.handle.record
        return sent_request(kept, self.request(kept.date))

    async def settle(self, result: SendResult) -> None:
        if isinstance(result, Stored):
            ids = dict(zip(self._places, result.ids, strict=True))
            await self.end("stored", lambda was: transitions.answered(was, self.attempt, ids))

    async def end(self, state: State, event: Callable[[DeliveryRecord], DeliveryRecord]) -> None:
        """Write the outcome, also while closing; nothing happens if another process was quicker."""
        try:
            with anyio.CancelScope(shield=True):
                await self.move(event)
        except OvertakenError:
            if self.handle.record.state != state:
                self._log.warning("%s was withdrawn or taken over meanwhile", self.what)
        except StoreError as error:
            self.unwritten(error, state)
            return
        self.is_sending = False


@dataclass(frozen=True, slots=True)
class FoundPosts:
    """The stored posts of a delivery, by place; `doubts` has the reason where this is uncertain."""

    ids: Mapping[int, str]
    notes: Mapping[int, str]
    doubts: Mapping[int, str]

    @property
    def note(self) -> str:
        """The notes on the stored posts, in one line."""
        return "; ".join(self.notes.values())

    @property
    def doubt(self) -> str:
        """Why it is uncertain whether the other posts are stored; empty: it is certain."""
        return max(self.doubts.values(), key=lambda doubt: doubt != IN_DOUBT, default="")


class DeliveryLookUp:
    """The look-up of a delivery whose answer was lost, by one holder at a time.

    Args:
        handle: the delivery; nobody is sending it any more.
        holder: a name for this look-up.
        seconds: for which each step holds the look-up; 0: no hold is needed.
    """

    def __init__(self, handle: Handle, holder: str, seconds: float) -> None:
        self.handle = handle
        self.holder = holder
        self._seconds = seconds
        self._looks = Looks()

    async def claim(self) -> None:
        """Become the only holder of the look-up.

        Raises:
            OvertakenError: another process holds it, or the answer is not lost.
        """
        await self.handle.move(
            lambda was: transitions.claimed(
                was, self.holder, now=self.handle.now(), seconds=self._seconds
            )
        )

    def held(self, was: DeliveryRecord, seconds: float = 0.0) -> DeliveryRecord:
        """The record held for some seconds more, with the posts seen so far."""
        now, looks = self.handle.now(), self._looks
        return transitions.held(
            was,
            self.holder,
            looks.seen,
            seen_at=now - (self.handle.clock.monotonic() - looks.seen_at),
            until=self._until(now + seconds),
        )

    def _until(self, moment: float) -> float:
        return moment + self._seconds if self._seconds else 0.0

    async def find(
        self,
        look_up: LookUp,
        sent: SentRequest,
        *,
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> FoundPosts:
        """Look until it is certain which posts are stored; see `LookUp.find`."""
        kept, now = self.handle.record, self.handle.now()
        seen_at = self.handle.clock.monotonic() - (now - kept.seen_at)
        self._looks = Looks(now - kept.gone_at, kept.seen, seen_at)
        look_up.taken.update(kept.stored.values())
        found = await look_up.find(
            sent,
            age=now - kept.left_at,
            is_broken=kept.is_broken,
            looks=self._looks,
            sleep=sleep,
        )
        places = range(len(sent.refs)) if look_up.is_in_doubt(sent) else ()
        doubts = {place: IN_DOUBT for place in places if place not in found.stored}
        doubts |= found.doubts
        return FoundPosts(*map(kept.placed, (found.stored, found.notes, doubts)))

    async def mended(self) -> None:
        """Write down that a post is about to be repaired: earlier looks no longer count."""
        self._looks.seen = None

        def event(was: DeliveryRecord) -> DeliveryRecord:
            now = self.handle.now()
            return transitions.mended(was, self.holder, now=now, until=self._until(now))

        await self.handle.move(event)
