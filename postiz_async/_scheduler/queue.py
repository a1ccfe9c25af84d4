"""The queue of calls that wait for a slot of the quota.

The waiting calls do the work. They stand in one queue, by priority, then by due time, then by
arrival. The head asks the ledger and sleeps until the time that the ledger names, or until an
answer changes the state; all others sleep until they are the head. So there is no background task,
and an idle client costs nothing.

A priority overtakes those below it, but not for ever: a lower one that waits gets one of ten slots
(`OVERTAKES`).
"""

from __future__ import annotations

import asyncio
import itertools
import math
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from sortedcontainers import SortedKeyList

from postiz_async import _quota as quota
from postiz_async._quota import Grant, Ledger, Wait, WaitReason
from postiz_async._quota.explanation import in_short
from postiz_async._quota.view import Queued, Quota, essence, show
from postiz_async._scheduler.calls import Priority, SlotRequest
from postiz_async._scheduler.deadlines import Deadlines, Key, WaitingCall, key_of, wake_all
from postiz_async._scheduler.limits import ConcurrencyLimit, Pacer
from postiz_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from postiz_async.clock import Clock
    from postiz_async.stores._shared_ledger import LedgerHandle


OVERTAKES = 9
"""Slots in a row for calls that overtake another call; the next slot goes to the overtaken one."""
QUIET = 10.0
"""Seconds after the end of a bulk create within which a running job sends its next one."""


class AdmissionQueue:
    """Admits calls one by one, as the ledger and the pacer allow."""

    def __init__(self, handle: LedgerHandle, clock: Clock, pacer: Pacer | None = None) -> None:
        self.handle = handle
        self.budget: ConcurrencyLimit = ConcurrencyLimit()
        self.expected: int = 0
        """Bulk creates that were announced and are not queued yet; see `expect`."""
        self.announcers: int = 0
        """Jobs that announce their creates."""
        self.planned: int = 0
        """Bulk creates that outboxes hold, including those that wait in this queue."""
        self._quiet_from = math.inf
        """The time from which bulk work counts as finished, if no create joins; infinity: none has
        ended."""
        self._clock = clock
        self._pacer = pacer
        self._state_changes = 0
        self._listens = False
        self._overtakes = 0
        self._queue: SortedKeyList[WaitingCall, Key] = SortedKeyList(key=key_of)
        self._deadlines = Deadlines(clock, self._spare)
        self._shift = 0
        """Places that calls moved up in the queue, in total; see `_lag`."""
        self._watchers: list[asyncio.Event] = []
        self._arrivals = itertools.count()
        self._is_closed = False

    def expect(self, creates: int) -> None:
        """Announce bulk creates, or take announced ones back (negative)."""
        self.expected = max(0, self.expected + creates)
        self.wake_head()

    @contextmanager
    def announced(self) -> Generator[Callable[[int], None]]:
        """Let a job announce creates with the yielded function; at the end none stays announced."""
        left = 0

        def expect(creates: int) -> None:
            nonlocal left
            left += creates
            self.expect(creates)

        self.announcers += 1
        try:
            yield expect
        finally:
            expect(-left)
            self.announcers -= 1

    def bulk_left(self, posts: int) -> None:
        """Note that a bulk create with this many posts was sent."""
        self.budget = self.budget.started(posts)

    def bulk_ended(self, posts: int, seconds: float | None) -> None:
        """Note that a bulk create ended after `seconds`; None: it was lost, or never sent."""
        self.budget = self.budget.ended(posts, seconds)
        self._quiet_from = min(self._quiet_from, self._clock.monotonic() + QUIET)

    @property
    def is_at_rest(self) -> bool:
        """Whether a new queue would do as well: no call waits, and no window runs."""
        return not self._queue and self.handle.ledger.is_at_rest(self.handle.now())

    # -------------------------------------------------------------- showing

    @property
    def waiting(self) -> int:
        """The number of calls that wait for a slot."""
        return len(self._queue)

    @property
    def queued(self) -> Queued:
        """The waiting calls, by priority."""
        urgent = self._before((float(Priority.BULK), -math.inf, 0.0))
        return Queued(interactive=urgent, bulk=len(self._queue) - urgent)

    def view(self) -> Quota:
        """The quota as users see it."""
        queued = self.queued
        return show(
            self.handle.ledger,
            self.handle.now(),
            queued=queued,
            next_in=self.leaves_in(queued.interactive + 1),
            backlog=self._backlog(),
            as_of=self.handle.changed_at,
        )

    def leaves_in(self, place: int) -> float:
        """Seconds until the call at this place of the queue can leave, 1 being its head."""
        return max(0.0, self._leaves_at(max(0, place - 1)) - self._clock.monotonic())

    async def changes(self, *, poll: float | None) -> AsyncGenerator[Quota]:
        """The quota now and after each change; a slow reader gets only the newest.

        Args:
            poll: seconds between two reads of a state that other processes may change; None: no
                reads.
        """
        changed = asyncio.Event()
        self._watchers.append(changed)
        self._listen()
        last: Quota | None = None
        try:
            while not self._is_closed:
                changed.clear()
                view = self.view()
                if last is None or essence(view) != essence(last):
                    last = view
                    yield view
                await self._until_changed(changed, view, poll)
        finally:
            self._watchers.remove(changed)
            self._unlisten()

    async def _until_changed(self, changed: asyncio.Event, view: Quota, poll: float | None) -> None:
        """Sleep until the state or the view changes, or until the next read is due."""
        now = self._clock.monotonic()
        ends = (view.resets_in, view.blocked_for, view.bulk_in)
        until = now + min(filter(None, ends), default=math.inf)
        look = math.inf if poll is None else now + poll
        timer = None
        if min(until, look) < math.inf:
            timer = self._clock.call_at(min(until, look), changed.set)
        try:
            await changed.wait()
        finally:
            if timer is not None:
                timer.cancel()
        if self._clock.monotonic() >= look:
            await self.handle.refresh()

    # -------------------------------------------------------------- waiting

    async def admit(self, request: SlotRequest) -> int:
        """Wait for a slot and take it. If cancelled, the next call gets the place.

        Returns:
            The token of the reservation.

        Raises:
            QuotaWaitError: it cannot leave within its `max_wait` or before its `deadline`.
            HaltedError: somebody halted all creates.
            StoreError: the shared quota cannot be used.
            ConfigurationError: the client was closed meanwhile.
        """
        decision: int | Wait | None = self._at_once(request)
        if isinstance(decision, int):
            return decision
        ticket = self._joined(request)
        try:  # one coroutine, to save memory for each waiting call
            while True:
                self._refuse_closed()
                seen = self._state_changes
                decision = await self._take(ticket)
                if isinstance(decision, int):
                    self._moved_up(ticket)
                    return decision
                if decision.why is WaitReason.HALTED:  # as last seen: it may be over
                    await self.handle.refresh()
                    self.handle.ledger.halt.check()
                    continue
                self._refuse_long_wait(ticket, decision)
                if not self._listen() and self._state_changes == seen:
                    self._tell_watchers()
                    woken, looks = self._fall_asleep(ticket, decision)
                    del decision
                    try:
                        await woken
                    finally:
                        ticket.wakes()
                    if looks:
                        await self.handle.refresh()
        finally:
            self._queue.remove(ticket)
            if ticket.is_watched:
                self._deadlines.left(ticket)
            if self._listens:
                self._unlisten()
            self.wake_head()

    def _at_once(self, request: SlotRequest) -> int | None:
        """Take a slot without waiting, if one is free and no call is in front; else None."""
        if request.priority >= Priority.BULK or (self._queue or self._pacer or self._is_closed):
            return None
        token = self.handle.take_at_once(_decide_urgent, lifetime=request.lifetime, urgent=True)
        if not isinstance(token, int):
            return None
        self._shift, self._overtakes = self._shift + 1, 0
        if self._watchers:
            self._tell_watchers()
        return token

    def _joined(self, request: SlotRequest) -> WaitingCall:
        due = math.inf if request.due is None else request.due
        order = (int(request.priority), due, next(self._arrivals))
        is_bulk = request.priority >= Priority.BULK
        ticket = WaitingCall(order, request, is_bulk, request.give_up_at)
        self._queue.add(ticket)
        if is_bulk:
            self._quiet_from = math.inf
        if len(self._queue) > 1 and self._queue[-1] is not ticket:
            self._shift -= 1
        return ticket

    def _refuse_closed(self) -> None:
        if self._is_closed:
            raise ConfigurationError(
                "The client was closed while this call waited for the quota; nothing was sent."
            )

    def _moved_up(self, ticket: WaitingCall) -> None:
        """Count a call that left the queue with a slot, so that the calls behind it moved up."""
        overtakes = len(self._queue) > 1 and self._priority_below(ticket) is not None
        self._overtakes = self._overtakes + 1 if overtakes else 0
        self._shift += 1

    def _listen(self) -> bool:
        """Subscribe to changes by other clients; True if the subscription is new."""
        begins = not self._listens and self.handle.listen(self.state_changed)
        self._listens |= begins
        return begins

    def _unlisten(self) -> None:
        """End the subscription when no call waits."""
        if self._listens and not (self._queue or self._watchers):
            self._listens = False
            self.handle.unlisten()

    def _head(self) -> WaitingCall:
        """The call whose turn it is: the first of the highest priority, or of the next one.

        The lower priority has its turn if it was overtaken too often, or is urgent and due earlier.
        """
        first = self._queue[0]
        if self._queue[-1].key[0] == first.key[0]:
            return first
        below = self._priority_below(first)
        if below is None or (
            self._overtakes < OVERTAKES
            and (below.key[1] >= first.key[1] or not self._is_due(below))
        ):
            return first
        return below

    def _is_due(self, ticket: WaitingCall) -> bool:
        due_in = ticket.key[1] - self._clock.monotonic()
        return _is_due(self.handle.ledger, self.handle.now() + due_in)

    def _priority_below(self, ticket: WaitingCall) -> WaitingCall | None:
        place = self._queue.bisect_key_right((ticket.key[0], math.inf, math.inf))
        return self._queue[place] if place < len(self._queue) else None

    async def _take(self, ticket: WaitingCall) -> int | Wait:
        """Take a slot for the head of the queue, or return how long to wait; other calls wait."""
        if self._head() is not ticket:
            return Wait(math.inf, WaitReason.IN_FLIGHT)
        if ticket.is_bulk and not self.budget.admits(ticket.request.posts):
            return Wait(math.inf, WaitReason.IN_FLIGHT)
        if self._pacer is not None:
            decision = self._decide(ticket, self.handle.ledger, self.handle.now())
            pause = self._pacer.wait(self.handle.ledger)
            if isinstance(decision, Wait) or pause > 0:
                paced = Wait(self.handle.now() + pause, WaitReason.PACED)
                return paced if isinstance(decision, Grant) else decision
            await self._pacer.use(self.handle.ledger)
        return await self.handle.take(
            partial(self._decide, ticket),
            lifetime=ticket.request.lifetime,
            urgent=not ticket.is_bulk,
        )

    def _decide(self, ticket: WaitingCall, ledger: Ledger, now: float) -> Grant | Wait:
        overtaken = ticket is not self._queue[0]
        due = ticket.key[1] - self._clock.monotonic() + now  # on the clock of the ledger
        urgent = not ticket.is_bulk or overtaken or _is_due(ledger, due)
        known = None if urgent else self._backlog()  # for urgent calls it does not matter
        return quota.decide(ledger, now, urgent=urgent, backlog=known, waiting=len(self._queue))

    def bulk_in(self, due_in: float, planned: int) -> float:
        """Seconds until a bulk create can leave; 0 at once, or with an answer.

        Args:
            due_in: seconds until the create is due.
            planned: bulk creates that the outbox holds, this one included.
        """
        ledger, now = self.handle.ledger, self.handle.now()
        urgent = _is_due(ledger, now + due_in)
        backlog = None if urgent else self._backlog(planned)
        decision = quota.decide(ledger, now, urgent=urgent, backlog=backlog, waiting=planned)
        if isinstance(decision, Grant) or decision.until == math.inf:
            return 0.0
        known_in = self._quiet_from - self._clock.monotonic()
        return max(0.0, min(decision.until - now, known_in if known_in > 0 else math.inf))

    def _backlog(self, planned: int = 0) -> int | None:
        """The number of creates still to come; None if more may come than are known.

        A job that announces nothing and sends its next create after an answer would always seem to
        be at its end; it is only when no create follows an answer. An outbox knows its creates, and
        keeps nothing back for interactive calls that never came.
        """
        planned, ledger = max(planned, self.planned), self.handle.ledger
        is_known = self.announcers or self._clock.monotonic() >= self._quiet_from
        is_known = is_known or (planned > 0 and not ledger.expects_calls(self.handle.now()))
        return max(planned, self.expected + len(self._queue)) if is_known else None

    def _fall_asleep(
        self, ticket: WaitingCall, decision: Wait
    ) -> tuple[asyncio.Future[None], bool]:
        """The future that ends when the call has to ask again; and whether to read the store then.

        Only the head reads the store.
        """
        if ticket.give_up_at < math.inf and not ticket.is_watched:
            self._deadlines.add(ticket, *self._lag())
        until = look = math.inf
        if self._head() is ticket:
            now = self._clock.monotonic()
            look = now + self.handle.look_again_in()
            until = min(decision.until - self.handle.now() + now, look)
            if now < self._quiet_from:
                until = min(until, self._quiet_from)
        ticket.sleep = woken = asyncio.get_running_loop().create_future()
        if until < math.inf:
            ticket.timer = self._clock.call_at(until, ticket.wake)
        return woken, look < math.inf

    def close(self) -> None:
        """Let all waiting calls fail."""
        self._is_closed = True
        wake_all(iter(tuple(self._queue)))
        self._tell_watchers()

    def wake_head(self) -> None:
        """Let the head of the queue ask again, even if it is reading a store right now."""
        self._state_changes += 1
        if self._queue:
            self._head().wake()
        if self._watchers:
            self._tell_watchers()

    def state_changed(self) -> None:
        """Wake the head and the calls that cannot leave in time any more."""
        if self._queue or self._watchers:
            self.wake_head()
        if self._deadlines.waiting:
            self._deadlines.changed(*self._lag())

    def _lag(self) -> tuple[float, float | None]:
        """How late slots come, in slots, and the seconds of a slot; see `Deadlines.changed`.

        A call that moves up by one place has one free slot less in front of it, so the lag usually
        stays the same. Where slots do not come by the window, the lag says nothing.
        """
        seen, slot = quota.outlook(self.handle.ledger, self.handle.now()), self._slot
        if not seen.by_window or self._pacer is not None:
            return 0.0, None
        ends = seen.ends - self.handle.now() + self._clock.monotonic()
        return ends / slot - seen.likely - self._shift, slot

    @property
    def _slot(self) -> float:
        """Average seconds for each slot: a window divided by its limit."""
        window = self.handle.ledger.window
        return (window.length + quota.MARGIN) / window.limit

    def _spare(self, ticket: WaitingCall) -> float:
        """How many slots at least may be lost before a call is late; below 0: it is late."""
        place, slot = self._before(ticket.key), self._slot
        left = ticket.give_up_at - self._leaves_at(place)
        more = int(left / slot / 2)
        while more > 0:
            then = ticket.give_up_at - self._leaves_at(place + more)
            if then >= 0:
                return min(more, then / slot)
            more //= 4
        return min(left, 0.0)

    def _tell_watchers(self) -> None:
        for watcher in self._watchers:
            watcher.set()

    # -------------------------------------------------------------- refusing

    def _leaves_at(self, ahead: int) -> float:
        """When a call with `ahead` others before it can leave, on our monotonic clock."""
        now = self.handle.now()
        wait = quota.forecast(self.handle.ledger, now, ahead) - now
        if self._pacer is not None:
            wait = max(wait, self._pacer.wait(self.handle.ledger, ahead))
        return wait + self._clock.monotonic()

    def _before(self, key: Key) -> int:
        """The number of waiting calls in front of a place in the queue."""
        return self._queue.bisect_key_left(key)

    def _refuse_long_wait(self, ticket: WaitingCall, decision: Wait) -> None:
        """Raise at once if the call cannot leave before it would give up."""
        if ticket.give_up_at == math.inf:
            return
        expected = self._leaves_at(self._before(ticket.key))
        now = self._clock.monotonic()  # measured last, as a free slot may be gone later
        is_answer = decision.why in (WaitReason.IN_FLIGHT, WaitReason.PROBE)  # may come earlier
        if self._head() is ticket and decision.until < math.inf and not is_answer:
            expected = max(expected, decision.until - self.handle.now() + now)
        if expected <= ticket.give_up_at and now < ticket.give_up_at:
            return
        retry_after, answer = expected - now, ""
        if expected <= now:  # a slot is free
            retry_after, answer = self.handle.ledger.flights.latency, decision.why.value
        ahead = self._before(ticket.key)
        behind = min(self.queued.bulk, len(self._queue) - 1 - ahead)
        at = self._clock.time() + retry_after
        state = in_short(self.handle.ledger, self.handle.now(), decision, at)
        raise ticket.request.refused(retry_after, state, answer, ahead=ahead, behind=behind)


_decide_urgent = partial(quota.decide, urgent=True)


def _is_due(ledger: Ledger, due: float) -> bool:
    """Whether a create is due before the window opens again, so that it is urgent."""
    return due < ledger.window.reopens
