"""Sends what an outbox holds, under the quota and with the exactness of a batch.

The file is the memory: a task takes one entry one step further, writes the outcome down and ends.
What a step leaves open is found in the file again, by this process or by its successor.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import anyio

from postiz_async.delivery.journal_file import RowState, SentRequest
from postiz_async.delivery.lookup import Fence, LookUp
from postiz_async.delivery.pauses import Outage, PausedError
from postiz_async.errors import (
    BadRequestError,
    ConfigurationError,
    DeliveryUnknownError,
    InvalidPostError,
    PayloadTooLargeError,
    PostizError,
    QuotaError,
    ServerError,
)
from postiz_async.resources.matching import stored_at
from postiz_async.scheduler.calls import Priority
from postiz_async.wire.endpoints import LIST_POSTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from postiz_async.delivery.client import OutboxClient
    from postiz_async.delivery.pauses import Departure
    from postiz_async.models.posts import Created, CreatePost
    from postiz_async.outbox.file import OutboxFile
    from postiz_async.outbox.tickets import OutboxEntry, OutboxOptions

__all__ = ["OutboxSender"]

log = logging.getLogger("postiz_async.outbox")

FIRST_LOOK, LAST_LOOK = 5.0, 20.0
"""Seconds between two looks for what a dead worker left; longer while there is nothing to do."""

AT_THE_GATE = 100
"""Entries that wait for the quota at once; others that are due earlier join them."""

_OF_THE_POST = (InvalidPostError, BadRequestError, PayloadTooLargeError, DeliveryUnknownError)
"""Errors that say something of one hand-over; any other would meet every one and is waited out."""

_IN_DOUBT = (
    "its answer was lost, and its date passed before it was certain that it is not stored; "
    "look for it in Postiz, and hand it over again only if it is not there"
)


_HIDDEN = (
    "its answer was lost, and its channel is gone from Postiz, which lists nothing of it; "
    "it is not sent again"
)


class _LateError(Exception):
    """Its date has passed; nothing was sent."""


class _NotNowError(Exception):
    """It is not to be sent: the hand-over was withdrawn."""


class OutboxSender:
    """Works for one worker of an outbox.

    Args:
        postiz: the client.
        file: of this worker.
        options: what is done in doubt.
        on_step: told of each ticket of which something new is known.
    """

    def __init__(
        self,
        postiz: OutboxClient,
        file: OutboxFile,
        options: OutboxOptions,
        on_step: Callable[[str], None],
    ) -> None:
        self._postiz = postiz
        self.clock = postiz.clock
        self._file = file
        self._options = options
        self._on_step = on_step
        self.outage = Outage.of(postiz, log=log, waits_for=self.waits_for, gives_up=False)
        self._fence = Fence(postiz, self.outage)
        self._look_up = LookUp(postiz, file, self._fence, self.outage)
        self._active: set[int] = set()
        self._work = anyio.Event()
        self._idle = anyio.Event()

    def wake(self) -> None:
        """There is something new to do."""
        self._work.set()

    def waits_for(self, error: PostizError) -> bool:
        """Whether an error is waited out, as it has nothing to do with one hand-over."""
        is_closing = isinstance(error, ConfigurationError) and not self._postiz.is_open
        return not is_closing and not isinstance(error, (*_OF_THE_POST, QuotaError))

    async def until_idle(self) -> None:
        """Wait until everything that this worker owns is over."""
        self._idle = anyio.Event()
        self.wake()
        await self._idle.wait()

    async def run(self) -> None:
        """Send until cancelled; requests whose first byte is out are waited for."""
        look = FIRST_LOOK
        async with anyio.create_task_group() as group:
            while True:
                self._work = anyio.Event()
                entries = await self.outage.read(self._take_stock)
                for entry in entries:
                    self._active.add(entry.number)
                    group.start_soon(self._step, entry)
                look = FIRST_LOOK if entries else min(2 * look, LAST_LOOK)
                with self.clock.move_on_after(look):
                    await self._work.wait()

    async def _take_stock(self) -> list[OutboxEntry]:
        """What is to be begun now."""
        adopted, entries = await self._file.take_stock(frozenset(self._active), AT_THE_GATE)
        if adopted:
            log.info("took over %d hand-overs of workers that are gone", adopted)
        if not entries and not self._active:
            self._idle.set()
        return entries

    async def _step(self, entry: OutboxEntry) -> None:
        """Take one entry one step further; after an error it is found in the file again."""
        try:
            if entry.state is RowState.PLANNED:
                await self._send(entry)
            else:
                await self._find_out(entry)
        except PostizError as error:
            if self.waits_for(error):
                self.outage.failed(error)
        finally:
            self._active.discard(entry.number)
            self._on_step(entry.id)
            self.wake()

    # -------------------------------------------------------------- sending

    async def _send(self, entry: OutboxEntry) -> None:
        """Send it when it is its turn, and write down what comes of it."""
        attempt = _Attempt(entry)
        self._fence.coming += 1
        try:
            created = await self.outage.create(partial(self._make, attempt))
        except _NotNowError:
            await self._set_aside(attempt)
        except _LateError:
            await self._end(attempt.entry, RowState.LATE, "its date passed before a slot was free")
        except InvalidPostError as error:
            await self._end(attempt.entry, RowState.REFUSED, error.problems[0].message)
        except (BadRequestError, PayloadTooLargeError) as error:
            if isinstance(error, BadRequestError):  # too large is said before the server looks
                self._fence.answered(attempt.sent_at)
            await self._end(attempt.entry, RowState.REFUSED, error.text)
        except DeliveryUnknownError as error:
            log.info("the answer to hand-over %s was lost: %s", entry.id, error)
            await self._file.doubt(attempt.entry)
            cause = error.__cause__
            attempt.is_broken = isinstance(cause, ServerError) and cause.status_code == 500
            attempt.is_lost = True
        else:
            self._fence.answered(attempt.sent_at)
            ids = {place: post.post_id for place, post in enumerate(created)}
            await self._end(attempt.entry, RowState.STORED, "", attempt.entry.with_stored(ids))
        finally:
            self._fence.coming -= 1
        if attempt.is_lost:
            await self._find_lost(attempt)

    async def _find_lost(self, attempt: _Attempt) -> None:
        latest = await self._file.get(attempt.entry.id)
        if latest is not None:
            self._on_step(latest.id)
            age = self.clock.monotonic() - attempt.sent_at
            await self._find_out(latest, is_broken=attempt.is_broken, age=age)

    async def _make(self, attempt: _Attempt, departure: Departure) -> list[Created]:
        """One attempt; what was proved not stored can be withdrawn while the outbox pauses."""
        used = await self._moments_around(attempt.entry)

        async def prepare() -> CreatePost:
            departure.check()
            attempt.entry, attempt.request = await self._intent(
                attempt.entry, attempt.request, used
            )
            departure.leave()
            attempt.sent_at = self.clock.monotonic()
            return attempt.request

        try:
            return await self._postiz.posts.create(
                attempt.entry.request(attempt.entry.body.date),
                priority=Priority.BULK,
                validate=False,
                due=datetime.fromtimestamp(attempt.entry.due, UTC),
                finish=True,
                prepare=prepare,
                retry=False,
            )
        except PausedError:
            await self._set_aside(attempt)
            raise
        except PostizError as error:
            if self.waits_for(error):
                await self._set_aside(attempt)
            raise

    async def _intent(
        self, entry: OutboxEntry, request: CreatePost | None, used: Sequence[datetime]
    ) -> tuple[OutboxEntry, CreatePost]:
        """Freeze mark and body with the first intent; a repetition sends the same.

        Raises:
            _LateError: its date has passed.
            _NotNowError: nothing is to be sent.
        """
        if self._is_late(entry):
            entry, request = await self._shifted(entry), None
        wall = self._postiz.scheduler.server_time()
        if request is not None:
            await self._file.repeat(entry, wall)
        else:
            at = datetime.fromtimestamp(self._date_of(entry), UTC)
            request = await self._file.intend(entry, at, used, wall)
            self._on_step(entry.id)
        if request is None:
            raise _NotNowError
        return entry, request

    async def _moments_around(self, entry: OutboxEntry) -> list[datetime]:
        """The moments that others use in the second of its date; looked up while that is free."""
        if not entry.is_dated or self._postiz.scheduler.is_counted(LIST_POSTS.name):
            return []
        second = datetime.fromtimestamp(math.floor(entry.due), UTC)
        last = second + timedelta(milliseconds=999)
        return [stored_at(p) for p in await self._postiz.posts.list(start=second, end=last)]

    def _date_of(self, entry: OutboxEntry) -> float:
        return entry.due if entry.is_dated else self._postiz.scheduler.server_time()

    def _is_late(self, entry: OutboxEntry) -> bool:
        is_over = entry.due <= self._postiz.scheduler.server_time()
        return entry.is_dated and is_over and self._options.late != "send"

    async def _shifted(self, entry: OutboxEntry) -> OutboxEntry:
        """A late entry with its later date, if the user wants that."""
        late = self._options.late
        if not isinstance(late, timedelta):
            raise _LateError
        due = math.ceil(self._postiz.scheduler.server_time() + late.total_seconds())
        await self._file.plan_again(entry, post_ids=entry.post_ids, due=due)
        latest = await self._file.get(entry.id)
        if latest is None or latest.state is not RowState.PLANNED:
            raise _NotNowError
        return latest

    async def _set_aside(self, attempt: _Attempt) -> None:
        """It was proved that the request is not stored."""
        if attempt.request is not None:
            await self._file.plan_again(attempt.entry, post_ids=attempt.entry.post_ids)
            attempt.request = None

    async def _end(
        self,
        entry: OutboxEntry,
        state: RowState,
        note: str,
        ids: tuple[str | None, ...] | None = None,
    ) -> None:
        now = self.clock.time()
        await self._file.end(entry, state, note, entry.post_ids if ids is None else ids, now)

    # -------------------------------------------------------------- lost answers

    async def _find_out(
        self, entry: OutboxEntry, *, is_broken: bool = False, age: float | None = None
    ) -> None:
        """Find out what became of a request; adopt what is stored, plan the rest again."""
        assert entry.sent is not None  # noqa: S101  (as the file's states promise)
        refs = tuple(f"{entry.id}.{place}" for place in entry.places)
        sent = SentRequest(entry.number, entry.sent, refs, entry.sent_at or 0.0)
        hurry = self._options.on_doubt == "send"
        found = await self._look_up.find(sent, age=age, is_broken=is_broken, hurry=hurry)
        ids = entry.with_stored(dict(found.stored))
        note = "; ".join(found.notes.values())
        if None not in ids:
            await self._end(entry, RowState.STORED, note, ids)
        elif found.gone:
            await self._end(entry, RowState.UNDECIDED, _HIDDEN, ids)
        elif self._look_up.is_over(sent) and not hurry:
            await self._end(entry, RowState.UNDECIDED, _IN_DOUBT, ids)
        else:
            await self._file.plan_again(entry, post_ids=ids)


@dataclass(slots=True)
class _Attempt:
    """A hand-over on its way: its request, once that is written down, and when it left (monotonic).

    With `is_lost` its answer was lost, with `is_broken` because the server failed.
    """

    entry: OutboxEntry
    request: CreatePost | None = None
    sent_at: float = 0.0
    is_lost: bool = False
    is_broken: bool = False
