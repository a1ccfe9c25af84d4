"""The sending of a create with an idempotency key, which no cancellation cuts off once it left."""

from __future__ import annotations

import asyncio
import logging
import math
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import anyio
from msgspec.structs import replace

from postiz_async._delivery import transitions
from postiz_async._delivery.pauses import has_crashed
from postiz_async._delivery.record import Refusal, marked
from postiz_async._delivery.transitions import OvertakenError
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
    from collections.abc import Callable

    from postiz_async._delivery.key_call import KeyedCall
    from postiz_async._delivery.record import DeliveryRecord
    from postiz_async.models.posts import CreatePost


log = logging.getLogger("postiz_async")

FIRST_RECORD_LOOK, LAST_RECORD_LOOK = 0.25, 15.0
"""Seconds between two looks at a record that another call may change; doubled each time."""

QUICK = 5.0
"""Seconds from a change of the record to the first byte, at most; a process may be stopped."""

OVER_AFTER = 15.0
"""Seconds beyond its time-out after which nobody is sending a request any more."""


class _UnwantedError(Exception):
    """Its caller was cancelled, and what was prepared was not carried out."""


class KeyedSending:
    """Sends what a call makes, in a task of its own.

    Args:
        call: the call.
        body: the request, with all posts of the call.
    """

    def __init__(self, call: KeyedCall, body: CreatePost) -> None:
        self._call = call
        self._clock = call.client.clock
        self._time = call.keyed.call.bound.time
        self._body = body
        self._posts = call.posts
        """As they are known when it begins."""
        self._places = call.missing
        self._draft = self._marked(self._moment())
        self._is_written = False
        """Whether it is written down that it leaves, or was about to be."""
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
            kept = await self._call.handle.read()
            if not self._has_left and not self._is_mine(kept):
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
        except (OvertakenError, _UnwantedError):
            return None
        except DeliveryUnknownError as error:
            await self._lost(error)
            return None
        except BadRequestError as error:
            self._call.fence.answered(self._left_at)
            refusal = Refusal.of(error)
            await self._settle(
                "refused", lambda was: transitions.refused(was, self._call.name, refusal)
            )
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
            began = self._clock.monotonic()
            body = self._marked(self._moment())
            await self._call.handle.move(partial(self._leaves, body.date, self._bound(body)))
            self._left_at = self._clock.monotonic()
            if self._left_at - began <= QUICK:
                return body

    def _leaves(self, date: str, seconds: float, was: DeliveryRecord) -> DeliveryRecord:
        self._is_written = True
        return transitions.left(
            was,
            self._call.name,
            posts=self._posts,
            fingerprint=self._call.fingerprint,
            date=date,
            now=self._call.handle.now(),
            served_at=self._call.client.scheduler.server_time(),
            seconds=seconds + OVER_AFTER,
        )

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

    def _is_mine(self, kept: DeliveryRecord) -> bool:
        """Whether a delivery is as this call found it, or as it wrote it itself."""
        known = {place: post.id for place, post in enumerate(self._posts) if post.id}
        is_unchanged = kept.state == "planned" and kept.stored == known
        return is_unchanged or kept.attempt == self._call.name

    async def _settle(self, state: str, event: Callable[[DeliveryRecord], DeliveryRecord]) -> None:
        """Write down how it ended; where that fails, the next call looks it up."""
        key = self._call.handle.key
        try:
            await self._call.handle.move(event)
        except StoreError as error:
            log.warning("what became of the idempotency key %r is not written down: %s", key, error)
        except OvertakenError:
            if self._call.handle.record.state != state:
                log.warning("the idempotency key %r was taken over while its create was sent", key)

    async def _give_back(self) -> None:
        """Free the key, if it was taken: what was written down was not carried out."""
        if not self._is_written:
            return
        try:
            await self._call.handle.read()
            await self._call.handle.move(lambda was: transitions.set_aside(was, self._call.name))
        except OvertakenError:
            log.debug("another call took an idempotency key while it was given back")
        except StoreError as error:
            key = self._call.handle.key
            log.warning("the idempotency key %r stays taken for a while: %s", key, error)

    async def _lost(self, error: DeliveryUnknownError) -> None:
        """Nobody sends it any more; whoever comes next may look it up."""
        self._call.lost = error
        now, is_broken = self._call.handle.now(), has_crashed(error)
        await self._settle(
            "lost", lambda was: transitions.lost(was, self._call.name, now=now, is_broken=is_broken)
        )

    async def _answered(self, created: list[Created]) -> list[Created]:
        sent = dict(zip(self._places, created, strict=True))
        ids = {place: each.post_id for place, each in sent.items()}
        await self._settle("stored", lambda was: transitions.answered(was, self._call.name, ids))
        return [
            sent[place] if place in sent else Created(post_id=post.id, integration=post.channel)
            for place, post in enumerate(self._posts)
        ]
