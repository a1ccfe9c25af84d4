"""The rules of sending: how a request of a job is stored once, whatever breaks.

| step    | what happens                                              | what is written down     |
|---------|-----------------------------------------------------------|--------------------------|
| wait    | Postiz is away, or the quota has no slot                  | nothing; it is planned   |
| look    | the job may find that there is nothing to send any more   | what it found            |
| late    | its date has passed: it ends, or is moved, to this moment | the end, or the new date |
|         | where it is to leave all the same                         |                          |
| intent  | mark and body are settled, before the first byte          | both                     |
| send    | one attempt, which no cancellation cuts off; it is begun  |                          |
|         | within minutes of the intent, or not at all               |                          |
| repeat  | proved not carried out (a 429, no connection, not begun   | when it leaves now       |
|         | in time): the same body leaves again. The outbox takes    | (outbox: planned again)  |
|         | the intent back, so that what waits can be withdrawn      |                          |
| stored  | it was answered                                           | the ids of its posts     |
| refused | it was answered; nothing of it is stored                  | that, for the job to act |
| lost    | there was no answer, or one that is not Postiz's word. If | that it is unknown       |
|         | a firewall refuses (400, 403, 404), a campaign stops, and |                          |
|         | the outbox tries it later, alone where that may help      |                          |

So after a crash each request is found planned (it is sent), with an outcome (it is done), or with
an intent or as unknown: then it is looked up (`lookup`) and never simply sent again.

An answer also tells look-ups that the server is past what was sent before (`Fence`). That a request
is too large tells them nothing, because it is refused before the server looks at it.

A single call (`posts.schedule`) is not resumed by another. It keeps no record, and a lost answer is
raised as `DeliveryUnknownError`, with the marks to look for. With an idempotency key a repeated
call resumes it: see `idempotency`, which follows the same rules.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeAlias

from msgspec.structs import replace

from postiz_async._delivery.lookup import Fence
from postiz_async._delivery.options import Late
from postiz_async._delivery.outcomes import SentRequest
from postiz_async._delivery.pauses import Departure, Outage, PausedError, has_crashed
from postiz_async._resources.api import OpenClient
from postiz_async._resources.builder import CreateCall
from postiz_async._resources.create import job_call
from postiz_async._wire import parse_date
from postiz_async.errors import (
    BadRequestError,
    DeliveryUnknownError,
    InvalidInputError,
    PayloadTooLargeError,
    PermissionDeniedError,
    PostizError,
)
from postiz_async.models.posts import Created, PostRequest


@dataclass(frozen=True, slots=True)
class Stored:
    """All posts are stored, with these ids, in the order of the request."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing is stored, and another attempt would be refused as well."""

    error: InvalidInputError | BadRequestError | PayloadTooLargeError

    @property
    def text(self) -> str:
        """The reason, usually in the server's words."""
        if isinstance(self.error, InvalidInputError):
            return self.error.problems[0].message
        return self.error.text

    @property
    def is_size(self) -> bool:
        """Whether the request was too large, which says nothing about its posts."""
        return not isinstance(self.error, BadRequestError)


@dataclass(frozen=True, slots=True)
class TooLate:
    """The request was not sent, because its date had passed."""


@dataclass(frozen=True, slots=True)
class Unsent:
    """The request was not sent, because there is nothing to send, or not now."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The answer was lost; with `is_broken` the server reported a failure.

    `age` is how many seconds ago the last attempt was sent.
    """

    sent: SentRequest
    age: float
    is_broken: bool


SendResult: TypeAlias = Stored | Refused | TooLate | Unsent | Lost


class Record(Protocol):
    """A request of a job, and its persistent state."""

    @property
    def due(self) -> datetime | None:
        """The time by which the request should have left; None: it can wait."""
        ...

    def is_over(self, now: float) -> bool:
        """Whether the date has passed, so that the server would publish the posts at once."""
        ...

    def draft(self) -> PostRequest:
        """The current request, without a mark."""
        ...

    async def may_leave(self) -> bool:
        """Whether there is still something to send; called when a slot is free."""
        ...

    async def shift(self, date: int) -> bool:
        """Give the request a later date and take its intent back. Returns whether it may have one.

        Args:
            date: in whole seconds since the epoch.
        """
        ...

    async def intend(self, now: float) -> PostRequest | None:
        """Mark the request and write its intent; None: it must not leave any more.

        Args:
            now: on the server's clock, in seconds since the epoch.
        """
        ...

    async def repeat(self, now: float) -> bool:
        """Write down that the same body leaves again. False: another process looks it up."""
        ...

    async def set_aside(self) -> None:
        """Take the intent back, if there is one: the request was proved not carried out."""
        ...

    def waits_alone(self, error: PermissionDeniedError) -> bool:
        """Whether the request is tried again later while others go on."""
        ...

    async def lost(self, error: DeliveryUnknownError) -> SentRequest:
        """Write down that the outcome is unknown; return the request as sent."""
        ...

    async def settle(self, result: Stored | Refused | TooLate | Unsent) -> None:
        """Write down the outcome."""
        ...


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends the requests of one job by the rules above.

    Args:
        client: an open client.
        outage: the outage of the job.
        fence: is told of answers.
        late: how to handle a request whose date has passed.
        keeps_intents: False takes intents back while the job waits for Postiz or for another slot,
            so that waiting requests can be withdrawn; True sends the same body afterwards.
        call: makes one attempt; None: `job_call`.
    """

    client: OpenClient
    outage: Outage
    fence: Fence
    _: KW_ONLY
    late: Late
    keeps_intents: bool = True
    call: CreateCall | None = None

    async def send(self, record: Record) -> SendResult:
        """Send a request and return its outcome.

        Raises:
            PostizError: the error would meet every request, so the job has to stop. Nothing is
                stored, unless too many answers were lost one after the other.
        """
        sending = _Sending(record)
        result: Stored | Refused | TooLate | Unsent
        try:
            created = await self.outage.create(partial(self._attempt, sending))
        except _EndedError as end:
            if isinstance(end.result, Lost):
                return end.result
            result = end.result
        except (InvalidInputError, BadRequestError, PayloadTooLargeError) as error:
            if isinstance(error, BadRequestError):
                self.fence.answered(sending.sent_at)
            result = Refused(error)
        except DeliveryUnknownError as error:
            return await self._lost(sending, error)
        except PostizError:
            await record.set_aside()
            raise
        else:
            self.fence.answered(sending.sent_at)
            result = Stored(tuple(post.post_id for post in created))
        await record.settle(result)
        return result

    async def _attempt(self, sending: _Sending, departure: Departure) -> list[Created]:
        prepare = partial(self._prepare, sending, departure)
        set_aside = None if self.keeps_intents else partial(self._set_aside, sending)
        try:
            call = self.call or job_call(self.client.posts, sending.record.due)
            call = replace(call, prepare=prepare, set_aside=set_aside)
            return await call.send(sending.record.draft())
        except DeliveryUnknownError as error:
            cause = error.__cause__
            if isinstance(cause, PermissionDeniedError) and sending.record.waits_alone(cause):
                raise _EndedError(await self._lost(sending, error)) from None
            raise
        except (PausedError, PostizError) as error:
            if not self.keeps_intents and self.outage.repeats(error):
                await self._set_aside(sending)
            raise

    async def _set_aside(self, sending: _Sending) -> None:
        """Take the intent back while the request waits for Postiz or for another slot."""
        sending.body = None
        await sending.record.set_aside()

    async def _prepare(self, sending: _Sending, departure: Departure) -> PostRequest:
        """Write the intent and return the body to send; called with a slot held."""
        if sending.body is None and not await sending.record.may_leave():
            raise _EndedError(Unsent())
        departure.check()
        await self._check_date(sending)
        now = self.client.scheduler.server_time()
        if sending.body is None:
            sending.body = await sending.record.intend(now)
        elif not await sending.record.repeat(now):
            sending.body = None
        if sending.body is None:
            raise _EndedError(Unsent())
        sending.sent_at = self.client.clock.monotonic()
        departure.leave()
        return sending.body

    async def _check_date(self, sending: _Sending) -> None:
        """Apply the user's choice to a late request: move it, end it, or let it leave.

        A late request that leaves gets the present time as its date: newer servers refuse past
        dates.
        """
        now = self.client.scheduler.server_time()
        if sending.record.is_over(now):
            later = timedelta() if self.late == "send" else self.late
            is_moved = isinstance(later, timedelta) and await sending.record.shift(
                math.ceil(now + later.total_seconds())
            )
            if not is_moved:
                raise _EndedError(TooLate())
            sending.body = None
        elif sending.body is not None and _is_past(sending.body, now):  # it should leave at once
            await self._set_aside(sending)

    async def _lost(self, sending: _Sending, error: DeliveryUnknownError) -> Lost:
        sent = await sending.record.lost(error)
        cause = error.__cause__
        if isinstance(cause, PostizError):
            is_forbidden = cause.may_be_stored and not self.outage.repeats(cause)
            if is_forbidden or self.outage.is_lasting:
                raise cause
        age = self.client.clock.monotonic() - sending.sent_at
        return Lost(sent, age, has_crashed(error))


def _is_past(body: PostRequest, now: float) -> bool:
    return body.type == "schedule" and parse_date(body.date).timestamp() <= now


@dataclass(slots=True)
class _Sending:
    """A request while it is sent: its body once settled, and the time it left (monotonic)."""

    record: Record
    body: PostRequest | None = None
    sent_at: float = 0.0


class _EndedError(Exception):
    """The request does not leave and its slot is returned, or a firewall refuses only this one."""

    def __init__(self, result: TooLate | Unsent | Lost) -> None:
        super().__init__()
        self.result = result
