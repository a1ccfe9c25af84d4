"""Send the request of an idempotency key, and look it up if its answer is lost.

A request that has left is not cancelled. The hold of a look-up is renewed before each
pause and before anything is mended: a dead caller does not renew it, and a slow one notices that
somebody else has it, because the delivery has changed.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from postiz_async._concurrency import ended, run_to_completion
from postiz_async._delivery import transitions
from postiz_async._delivery.delivery import DeliveryLookUp, DeliverySending, FoundPosts
from postiz_async._delivery.handle import HOLD
from postiz_async._delivery.key_call import KeyedCall, known_in
from postiz_async._delivery.lookup import IN_DOUBT, LookUp
from postiz_async._delivery.matching import says, with_marks
from postiz_async._delivery.outcomes import Account, SentRequest
from postiz_async._delivery.pauses import ask, trouble_of, why_lost
from postiz_async._delivery.record import DeliveryRecord, Refusal, State, sent_request
from postiz_async._delivery.send import Refused, Sender, SendResult, Stored
from postiz_async._delivery.transitions import OvertakenError
from postiz_async._resources.listing import list_posts
from postiz_async._scheduler.calls import LONGEST_JOB_CREATE, time_out
from postiz_async._wire import parse_date
from postiz_async._wire.endpoints import CREATE_POST, Call
from postiz_async.errors import BadRequestError, IdempotencyError, PostizError, StoreError
from postiz_async.models.posts import Created, Post, PostRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postiz_async.errors import DeliveryUnknownError, PermissionDeniedError


FIRST_RECORD_LOOK, LAST_RECORD_LOOK = 0.25, 15.0
"""Seconds between two looks at a record that another call may change; doubled each time."""

QUICK = 5.0
"""Seconds from the change of the record to the first byte, at most; a process may be suspended."""

OVER_AFTER = 15.0
"""Seconds after the time-out of a request from which nobody can still be sending it."""

STEP = 60.0
"""Seconds of a pause after which the hold is renewed."""


class KeyedSending(DeliverySending):
    """Sends the request of a call, in a task of its own.

    Args:
        call: the call whose request is built.
    """

    due = None  # the call has its own

    def __init__(self, call: KeyedCall) -> None:
        what = f"the idempotency key {call.handle.key!r}"
        super().__init__(call.handle, call.name, call.request, what=what, log=call.outage.log)
        self._call = call
        self._clock = call.client.clock
        self._time = call.keyed.call.bound.time
        self._posts = call.posts
        """The posts of the call as known at the beginning."""
        self._has_left = False
        """Whether the record says that the request leaves; from then on it is not cancelled."""
        self._is_unwanted = False
        """Whether the caller is gone, so that no further attempt is made."""
        self._timeout = self._time.timeout
        self._kept_back = 0.0
        """Seconds of the call's time withheld from this attempt, which holds the key for its whole
        time."""

    async def run(self) -> list[Created] | None:
        """Send; return the answer, or None if the record has to be read again.

        Raises:
            PostizError: nothing is stored, and the key is free, or the request was refused.
        """
        task = asyncio.create_task(self._sent(), name="postiz_async.idempotency")
        try:
            with suppress(StoreError):  # if the store is still away, the next read raises again
                await self._watch(task)
        finally:  # finish this attempt, and begin no other
            self._is_unwanted = True
            if not self._has_left:
                task.cancel()
            await ended(task)
            if not task.cancelled():
                task.exception()  # else asyncio warns of an unread exception
        return None if task.cancelled() else task.result()

    async def _watch(self, task: asyncio.Task[list[Created] | None]) -> None:
        """Wait until the task ends, or another call takes the key before the task has a slot."""
        pause = FIRST_RECORD_LOOK
        while not task.done():
            with self._clock.move_on_after(pause):
                await asyncio.wait([task])
            pause = min(2 * pause, LAST_RECORD_LOOK)
            if task.done() or self._has_left:
                continue
            kept = await self.handle.read()
            is_as_found = kept.state == "planned" and self._call.posts == self._posts
            if not (self._has_left or is_as_found or kept.attempt == self.attempt):
                return

    # -------------------------------------------------------------- in the task

    async def _sent(self) -> list[Created] | None:
        call = self._call
        sender = Sender(
            call.client,
            call.outage,
            call.fence,
            late="skip",
            keeps_intents=False,
            call=replace(call.keyed.call, finish=False),  # this task does
        )
        call.fence.coming += 1
        try:
            result = await sender.send(self)
        except PostizError:
            if call.lost is None:
                raise
            return None  # a firewall's answer; raised once nothing is certainly stored
        finally:
            self._unbound()
            call.fence.coming -= 1
        if isinstance(result, Refused):
            raise result.error
        if not isinstance(result, Stored):
            return None
        ids = iter(result.ids)
        return [Created(post_id=post.id or next(ids), channel=post.channel) for post in self._posts]

    def is_over(self, now: float) -> bool:
        """Never: a late post gets the time of sending as its date."""
        del now
        return False

    async def shift(self, date: int) -> bool:
        del date
        return False

    def draft(self) -> PostRequest:
        return self.request(self._date())

    async def may_leave(self) -> bool:
        """True, once Postiz itself answers, if somebody in front of it did so last."""
        if self._call.client.scheduler.is_hidden():
            await ask(self._call.client.once)
        self._has_left = True
        return True

    async def intend(self, now: float) -> PostRequest | None:
        """Take the key while a slot is held, so that other calls know that the request leaves."""
        while True:
            began, date = self._clock.monotonic(), self._date()
            self._bound()
            try:
                await self.leave(date, now)
            except OvertakenError:
                return None
            if self._clock.monotonic() - began <= QUICK:
                return self.request(date)
            now = self._call.client.scheduler.server_time()

    def left(self, was: DeliveryRecord, date: str, now: float) -> DeliveryRecord:
        self.is_sending = True  # also where the store does not say whether it wrote it down
        seconds = max(0.0, self._time.left) + OVER_AFTER
        return self._call.left(was, self._posts, date, now, seconds)

    def _bound(self) -> None:
        """Limit the time of the attempt, the wait for a connection included."""
        self._unbound()
        create = Call(CREATE_POST, posts=len(self._call.missing))
        most = min(time_out(create, self._time) or 0.0, LONGEST_JOB_CREATE)
        surplus = self._time.left - most
        if surplus > 0:
            self._kept_back = surplus
            self._time.timeout, self._time.until = most, self._clock.monotonic() + most

    def _unbound(self) -> None:
        self._time.timeout = self._timeout
        self._time.until += self._kept_back
        self._kept_back = 0.0

    def _date(self) -> str:
        """The marked date of the posts; the time of sending if they are late or have no date."""
        scheduler, body = self._call.client.scheduler, self._call.body
        now = scheduler.server_now()
        due = now if body.type == "now" else parse_date(body.date)
        is_late = body.type == "schedule" and scheduler.knows_server_time() and due < now
        return self._call.marks.date(now if is_late else due)

    async def set_aside(self) -> None:
        self._unbound()
        await super().set_aside()
        self._has_left = False
        if self._is_unwanted:
            raise asyncio.CancelledError

    def waits_alone(self, error: PermissionDeniedError) -> bool:
        del error
        return False

    async def lost(self, error: DeliveryUnknownError) -> SentRequest:
        self._call.lost = error
        return await super().lost(error)

    async def settle(self, result: SendResult) -> None:
        await super().settle(result)
        if isinstance(result, Refused):
            if isinstance(result.error, BadRequestError):
                refusal = Refusal.of(result.error)
                await self.end(
                    "refused", lambda was: transitions.refused(was, self.attempt, refusal)
                )
            else:
                await self.set_aside()

    def unwritten(self, error: StoreError, state: State) -> None:
        """Log the error; the caller gets the answer, and the next call looks the request up."""
        if state == "planned":
            self._log.warning("%s stays taken for a while: %s", self.what, error)
        else:
            self._log.warning("what became of %s is not written down: %s", self.what, error)


# ------------------------------------------------------------------ looking up


class WaitOverError(Exception):
    """The remaining wait of a caller is too short for this pause. Never leaves `_delivery`."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class KeyLookUp(DeliveryLookUp):
    """The look-up of a lost request by one of the calls with its key.

    Args:
        call: the call that looks; its request is no longer being sent.
    """

    def __init__(self, call: KeyedCall) -> None:
        super().__init__(call.handle, call.name, HOLD)
        self._call = call
        self._pauses = 0
        self._sent: PostRequest | None = None

    async def run(self) -> list[Created] | None:
        """Look up; return the answer, or None if the delivery has changed and has to be read again.

        Raises:
            DeliveryUnknownError: the outcome cannot be known yet, or not at all.
            StoreError: the delivery cannot be changed.
        """
        try:
            await self.claim()
            return await self._look()
        except OvertakenError:
            return None
        finally:
            await run_to_completion(self._release())

    async def _look(self) -> list[Created] | None:
        call = self._call
        why = why_lost(call.lost)
        try:
            found = await self._found()
        except WaitOverError as error:
            why += ", and it is too early to be certain"
            worth_in = max(error.seconds, known_in(call.age) if self._pauses else 0.0)
            raise call.unknown(why, retry_after=worth_in, sent=self._sent) from None
        except StoreError:
            raise
        except PostizError as error:
            why += f", and it cannot be looked up ({trouble_of(error).rstrip('.')})"
            raise call.unknown(why, retry_after=known_in(call.age), sent=self._sent) from error
        if found.note:
            call.outage.log.warning(
                "the create with the idempotency key %r: %s", call.handle.key, found.note
            )
        is_again = call.keyed.kind == "now" and found.doubt == IN_DOUBT  # whatever the time is
        if found.doubt and not is_again and len(found.ids) < len(call.missing):
            raise call.unknown(found.doubt, retry_after=None, sent=self._sent)
        await self.handle.move(lambda was: transitions.found(was, self.holder, found.ids))
        return call.answer

    async def _found(self) -> FoundPosts:
        call, kept = self._call, self.handle.record
        call.body = await call.keyed.rebuild()
        self._sent = call.request(kept.date)
        look_up = LookUp(
            call.client, self, call.fence, call.outage, on_doubt="skip", is_one_of_many=True
        )
        return await self.find(look_up, sent_request(kept, self._sent), sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        """Pause, and renew the hold meanwhile."""
        if seconds > self._call.wait.left:
            raise WaitOverError(seconds)
        self._pauses += 1
        while seconds > 0:
            step = min(STEP, seconds)
            await self._hold(step)
            if step > self._call.wait.left:
                raise WaitOverError(seconds)
            await self._call.wait.sleep(step)
            seconds -= step

    async def _hold(self, seconds: float = 0.0) -> None:
        """Renew the hold of the look-up, for these seconds and some more.

        Raises:
            OvertakenError: another call holds the look-up.
            StoreError: the hold cannot be written.
        """
        await self.handle.move(lambda was: self.held(was, seconds))

    async def _release(self) -> None:
        """End the hold, so that another call can go on with the look-up."""
        if self.handle.record.holder != self.holder:
            return
        try:
            await self.handle.move(lambda was: transitions.released(self.held(was), self.holder))
        except OvertakenError:
            self._call.outage.log.debug(
                "an idempotency key was looked up by somebody else meanwhile"
            )
        except StoreError as error:
            self._call.outage.log.warning(
                "nobody looks an idempotency key up for %g s: %s", HOLD, error
            )

    # ---------- what is known to be stored; see `outcomes.Accounts`. The hold has to last.

    async def account(self, posts: Iterable[Post]) -> Account:
        """The posts and the date of the delivery itself, after renewing the hold."""
        del posts
        await self._hold()
        kept = self.handle.record
        return Account(frozenset(kept.stored.values()), frozenset({parse_date(kept.date)}))

    async def has_stored(self, post_id: str) -> bool:
        await self._hold()
        return post_id in self.handle.record.stored.values()

    async def mends(self, request: int, wall: float) -> None:
        del request, wall
        await self.mended()


async def adopt_forgotten(call: KeyedCall) -> bool:
    """Write down stored posts of a call whose record was forgotten. Returns whether there are any.

    Args:
        call: a call without a record. Posts that are published at once have no date to find them
            by.

    Raises:
        IdempotencyError: the stored posts differ from the arguments.
    """
    scheduler, body = call.client.scheduler, call.body
    if body.type == "now":
        return False
    date = call.marks.date(parse_date(body.date))
    listed = await list_posts(call.keyed.call.bound, start=parse_date(date), end=parse_date(date))
    found = with_marks(listed, {place: call.marks.ref(place) for place in call.missing})
    if not found:
        return False
    short = body.short_link
    others = [n for n, post in found.items() if not says(body.posts[n], post, short=short)]
    if others:
        raise IdempotencyError(call.handle.key, tuple(f"posts.{n}.content" for n in others))
    call.outage.log.warning(
        "the store forgot the idempotency key %r; Postiz has posts of it", call.handle.key
    )
    ids = {place: post.id for place, post in found.items()}

    def remembered(was: DeliveryRecord) -> DeliveryRecord:
        """The record as if it were sent now, because the other posts may still be on their way."""
        sent = call.left(was, call.posts, date, scheduler.server_time(), 0.0)
        is_whole = len(ids) == len(sent.posts)
        return transitions.answered(sent, call.name, ids) if is_whole else sent

    with suppress(OvertakenError):  # another call was quicker
        await call.handle.move(remembered)
    return True
