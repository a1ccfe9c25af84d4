"""The sending of a create with an idempotency key, which no cancellation cuts off once it left."""

from __future__ import annotations

import asyncio
import logging
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio
from msgspec.structs import replace

from postiz_async._delivery.key_record import FREE, KeyRecord, Refusal, marked
from postiz_async._delivery.pauses import has_crashed
from postiz_async._scheduler.calls import LONGEST_JOB_CREATE, CallTime, time_out
from postiz_async._wire import parse_date
from postiz_async._wire.endpoints import CREATE_POST, Call
from postiz_async.errors import (
    BadRequestError,
    DeliveryUnknownError,
    PostizError,
    StoreError,
)
from postiz_async.models.posts import Created

if TYPE_CHECKING:
    from postiz_async._delivery.key_call import KeyedCall
    from postiz_async._delivery.key_handle import SeenRecord
    from postiz_async.models.posts import CreatePost

__all__ = ["FIRST_RECORD_LOOK", "LAST_RECORD_LOOK", "KeyedSending"]

log = logging.getLogger("postiz_async")

FIRST_RECORD_LOOK, LAST_RECORD_LOOK = 0.25, 15.0
"""Seconds between two looks at a record that another call may change; doubled each time."""

QUICK = 5.0
"""Seconds from a change of the record to the first byte, at most; a process may be stopped."""

OVER_AFTER = 15.0
"""Seconds beyond its time-out after which nobody is sending a request any more."""


class _BeatenError(Exception):
    """Another call has the key; the slot is given back."""


class _UnwantedError(Exception):
    """Its caller was cancelled, and what was prepared was not carried out."""


class KeyedSending:
    """Sends what a call makes, in a task of its own.

    Args:
        call: the call.
        seen: the record, which is free.
        body: the request, with all posts of the call.
    """

    def __init__(self, call: KeyedCall, seen: SeenRecord, body: CreatePost) -> None:
        self._call = call
        self._clock = call.client.clock
        self._time = call.keyed.call.bound.time
        self._seen = seen
        self._before = seen.record
        self._body = body
        self._places = call.missing(seen.record.stored)
        self._draft = self._marked(self._moment())
        self._base = KeyRecord(state="sending", fingerprint=dict(call.fingerprint))
        self._record = FREE
        """As it was written last, or was about to be."""
        self._left_at = 0.0
        self._has_left = False
        """Whether the record says that it leaves; it is not cancelled then."""
        self._is_unwanted = False
        self._timeout = self._time.timeout
        self._is_bounded = self._timeout is not None
        self._kept_back = 0.0
        """Seconds of the call that this attempt does not get, whose key would be taken as long."""

    async def run(self) -> list[Created] | None:
        """The answer; None: the record has to be looked at again.

        Raises:
            PostizError: nothing is stored, and the key is free, or it was refused.
        """
        task = asyncio.create_task(self._sent(), name="postiz_async.idempotency")
        try:
            await self._watch(task)
        except StoreError:  # the next look at the record raises it again, if it is still away
            await self._end(task)
        except BaseException:
            await self._end(task)
            raise
        return None if self._is_unwanted and task.cancelled() else task.result()

    async def _watch(self, task: asyncio.Task[list[Created] | None]) -> None:
        """Wait for its end; while it waits for a slot another call may have the answer."""
        pause = FIRST_RECORD_LOOK
        while not task.done():
            with self._clock.move_on_after(pause):
                await asyncio.wait([task])
            pause = min(2 * pause, LAST_RECORD_LOOK)
            if task.done() or self._has_left:
                continue
            seen = await self._call.handle.read()
            if not self._has_left and not self._is_mine(seen.record):
                await self._end(task)

    async def _end(self, task: asyncio.Task[list[Created] | None]) -> None:
        """End it if it has not left; else wait for its end, and not for another attempt."""
        self._is_unwanted = True
        if not self._has_left:
            task.cancel()
        with anyio.CancelScope(shield=True):
            while not task.done():
                try:
                    await asyncio.wait([task])
                except asyncio.CancelledError:
                    log.debug("cancelled again while a create comes to its end")
        if not task.cancelled():
            task.exception()  # asyncio warns of those that nobody looked at

    # -------------------------------------------------------------- in the task

    async def _sent(self) -> list[Created] | None:
        call = replace(
            self._call.keyed.call,
            finish=False,  # this task does
            prepare=self._prepare,
            set_aside=self._set_aside,
        )
        self._call.fence.coming += 1
        try:
            created = await call.send(self._draft)
        except (_BeatenError, _UnwantedError):
            return None
        except DeliveryUnknownError as error:
            await self._lost(error)
            return None
        except BadRequestError as error:
            self._call.fence.answered(self._left_at)
            await self._settle(replace(self._base, state="refused", refusal=Refusal.of(error)))
            raise
        except PostizError:
            await self._give_back()
            raise
        finally:
            self._unbound()
            self._call.fence.coming -= 1
        self._call.fence.answered(self._left_at)
        return await self._answered(created)

    async def _prepare(self) -> CreatePost:
        """Take the key, with a slot held: whoever comes next knows that it leaves now."""
        self._has_left = True
        while True:
            began, moment = self._clock.monotonic(), self._moment()
            body, now = self._marked(moment), self._call.handle.now()
            self._record = replace(
                self._base,
                stored=self._before.stored,
                date=body.date,
                holder=self._call.name,
                sent_at=now,
                served_at=self._call.client.scheduler.server_time(),
                ends_at=now + self._bound(body) + OVER_AFTER,
            )
            await self._swap(self._record)
            self._left_at = self._clock.monotonic()
            if self._left_at - began <= QUICK:
                return body

    async def _set_aside(self) -> None:
        """What was prepared was not carried out: it queues again, and others may have the key."""
        self._unbound()
        await self._give_back()
        self._has_left = False
        if self._is_unwanted:
            raise _UnwantedError

    def _bound(self, body: CreatePost) -> float:
        """Bound the attempt, with its wait for a connection; the seconds that it has."""
        if not self._is_bounded:
            unbounded = CallTime(self._clock, None)
            seconds = time_out(Call(CREATE_POST, posts=len(body.posts)), unbounded) or 0.0
            self._time.timeout, self._time.until = seconds, self._clock.monotonic() + seconds
        elif self._time.left > LONGEST_JOB_CREATE:
            surplus = self._time.left - LONGEST_JOB_CREATE
            self._kept_back += surplus
            self._time.timeout, self._time.until = LONGEST_JOB_CREATE, self._time.until - surplus
        return max(0.0, self._time.left)

    def _unbound(self) -> None:
        self._time.timeout = self._timeout
        self._time.until += self._kept_back if self._is_bounded else math.inf
        self._kept_back = 0.0

    def _moment(self) -> datetime:
        """When the posts are due; what is published at once, or late, is due as it leaves."""
        scheduler = self._call.client.scheduler
        now = datetime.fromtimestamp(scheduler.server_time(), UTC)
        if self._body.type == "now":
            return now
        due = parse_date(self._body.date)
        is_late = self._body.type == "schedule" and scheduler.knows_server_time()
        return max(due, now) if is_late else due

    def _marked(self, moment: datetime) -> CreatePost:
        marks = self._call.marks
        return marked(self._body, marks, marks.date(moment), self._places)

    # -------------------------------------------------------------- what is written down

    def _is_mine(self, record: KeyRecord) -> bool:
        """Whether a record is as this call found it, or as it wrote it itself."""
        return record == self._before or record.holder == self._call.name

    async def _swap(self, record: KeyRecord) -> None:
        """Write a record in the place of what this call found or wrote.

        Raises:
            _BeatenError: there is another one.
            StoreError: it cannot be written, or it was and the store did not say so.
        """
        while True:
            done, self._seen = await self._call.handle.swap(self._seen.version, record)
            if done:
                return
            if not self._is_mine(self._seen.record):
                raise _BeatenError

    async def _settle(self, record: KeyRecord) -> None:
        """Write down how it ended; where that fails, the next call looks it up."""
        key = self._call.handle.key
        try:
            await self._swap(record)
        except StoreError as error:
            log.warning("what became of the idempotency key %r is not written down: %s", key, error)
        except _BeatenError:
            if self._seen.record.state != record.state:
                log.warning("the idempotency key %r was taken over while its create was sent", key)

    async def _give_back(self) -> None:
        """Free the key, if it was taken: what was written down was not carried out."""
        if self._record == FREE:
            return
        try:
            self._seen = await self._call.handle.read()
            if self._seen.record.holder == self._call.name:
                await self._swap(self._before)
        except _BeatenError:
            log.debug("another call took an idempotency key while it was given back")
        except StoreError as error:
            key = self._call.handle.key
            log.warning("the idempotency key %r stays taken for a while: %s", key, error)

    async def _lost(self, error: DeliveryUnknownError) -> None:
        """Nobody sends it any more; whoever comes next may look it up."""
        self._call.lost = error
        now = self._call.handle.now()
        await self._settle(replace(self._record, ends_at=now, is_broken=has_crashed(error)))

    async def _answered(self, created: list[Created]) -> list[Created]:
        sent = dict(zip(self._places, created, strict=True))
        stored = self._before.stored
        answer = [
            sent[place] if place in sent else Created(post_id=stored[place], integration=channel)
            for place, channel in enumerate(self._call.keyed.channels)
        ]
        ids = tuple((each.post_id, each.integration) for each in answer)
        await self._settle(replace(self._base, state="answered", answer=ids))
        return answer
