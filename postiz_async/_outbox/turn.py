"""One turn of an organisation: send its hand-overs, and look up those whose answers were lost.

All state is in the store: a task takes one hand-over one step further, writes the outcome down and
ends. An open hand-over is found there again, by this process or by another.
"""

from __future__ import annotations

import asyncio
import logging
import math
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import anyio

from postiz_async._concurrency import StrayCancellationError
from postiz_async._delivery import transitions
from postiz_async._delivery.delivery import DeliveryLookUp
from postiz_async._delivery.lookup import IN_DOUBT, Fence, LookUp
from postiz_async._delivery.matching import (
    MillisecondMarks,
    from_milliseconds,
    in_milliseconds,
    with_marks,
)
from postiz_async._delivery.options import checked_late
from postiz_async._delivery.outcomes import FOUND, Account
from postiz_async._delivery.pauses import Outage, ask, pause_after, trouble_of
from postiz_async._delivery.record import sent_request
from postiz_async._delivery.send import Lost, Refused, Sender, Stored, TooLate
from postiz_async._delivery.transitions import OvertakenError
from postiz_async._outbox.hand_over import HandOver
from postiz_async._outbox.sending import LEASE, HandOverSending
from postiz_async._resources.matching import stored_at
from postiz_async.errors import (
    BadRequestError,
    ConfigurationError,
    DeliveryUnknownError,
    InvalidInputError,
    PayloadTooLargeError,
    PostizError,
    QuotaError,
    StoreError,
)
from postiz_async.stores._deliveries import TakenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from anyio.abc import TaskGroup

    from postiz_async._delivery.record import DeliveryRecord
    from postiz_async._delivery.send import SendResult
    from postiz_async._outbox.forbidden import ForbiddenHandOvers
    from postiz_async._outbox.tickets import OutboxOptions
    from postiz_async._resources.api import OpenClient
    from postiz_async.models.posts import Post
    from postiz_async.stores._deliveries import Deliveries, KeptDelivery, Scope


log = logging.getLogger("postiz_async.outbox")

MAX_WAITING = 100
"""Hand-overs that wait for the quota at once; those that are due earlier may join them."""

JOINING = 10
"""Hand-overs that may join in one look at the store."""

LONGEST_LOOK = 20.0
"""Seconds between two looks for new hand-overs in a store without notifications."""

LONGEST_SLOT_WAIT = 15.0
"""Seconds that a turn waits for a slot of the quota; for a longer wait the turn ends."""

LONGEST_REST = 300.0
"""Seconds after which an organisation without slots gets its next turn in any case."""

UNREADABLE_PAUSE = 60.0
"""Seconds until the next turn of an organisation with a hand-over of another library version."""

_OF_THE_POST = (InvalidInputError, BadRequestError, PayloadTooLargeError, DeliveryUnknownError)
"""Errors that concern one hand-over only; any other would meet all, and is waited out."""

_UNDECIDED = f"{IN_DOUBT}; look for it in Postiz, and hand it over again only if it is not there"


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """The outcome of a turn, as arguments for `Deliveries.rest`."""

    rest: float = 0.0
    failures: int = 0
    trouble: str = ""

    @classmethod
    def in_trouble(cls, error: PostizError, failures: int) -> TurnEnd:
        """A turn that ended with an error, after `failures` other failed turns in a row."""
        return cls(pause_after(error, failures + 1), failures + 1, trouble_of(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnContext:
    """What all turns of a courier share."""

    deliveries: Deliveries
    """The store of the hand-overs."""
    holder: str
    """The name of this sender, which leases organisations."""
    options: OutboxOptions
    unreadable: dict[int, str]
    """Why hand-overs of another library version cannot be read, by their numbers."""
    on_step: Callable[[str], None]
    """Called with the id of each ticket whose state changed."""
    on_idle: Callable[[], None]
    """Called when a turn has nothing to do, or only waits."""


class Turn:
    """One turn, from the lease of the organisation to its end.

    Args:
        scope: the organisation.
        client: the client of the organisation.
        context: what all turns share.
        forbidden: the refused hand-overs that wait alone, those of earlier turns included.
        on_lost: called when another sender has the organisation; has to end the turn.
        share: hand-overs to take up while other organisations may be waiting; None: the turn lasts
            as long as the client, unless there is trouble and no look-up to be finished.
    """

    def __init__(
        self,
        scope: Scope,
        client: OpenClient,
        context: TurnContext,
        forbidden: ForbiddenHandOvers,
        *,
        on_lost: Callable[[], None],
        share: int | None,
    ) -> None:
        self._scope = scope
        self._client = client
        self._clock = client.clock
        self._deliveries = context.deliveries
        self._context = context
        self._holder = context.holder
        self._options = options = context.options
        self._unreadable = context.unreadable
        self._forbidden = forbidden
        self._on_lost = on_lost
        self._share = share
        self._work = anyio.Event()
        self.outage: Outage = Outage.of(
            client,
            log=log,
            waits_for=self._waits_for,
            gives_up=False,
            on_change=self._go_on,
            is_trial=bool(scope.failures),
        )
        self._fence = Fence(client, self.outage)
        self._sender = Sender(
            client, self.outage, self._fence, late=checked_late(options.late), keeps_intents=False
        )
        self._look_up = LookUp(client, self, self._fence, self.outage, on_doubt=options.on_doubt)
        self._marks = MillisecondMarks()
        self._looks_at = -math.inf
        """The time of the next look for hand-overs, on the monotonic clock."""
        self._is_looking = True
        """Whether it is not known yet what there is to do."""
        self._is_full = False
        """Whether the last look left hand-overs behind."""
        self._active: dict[int, HandOver] = {}
        self._sendings: dict[int, HandOverSending] = {}
        self._lookups: dict[int, DeliveryLookUp] = {}
        self._taken = 0
        self._planned = 0
        """Planned hand-overs at the last look, less those that have left since."""
        self._has_ended = False
        """Whether a hand-over reached a final state in this turn."""
        self._waits_for_slot = False

    @property
    def only_waits(self) -> bool:
        """Whether the turn only waits for a slot, or for the outcome of lost requests."""
        return (bool(self._lookups) or self._waits_for_slot) and not self._is_sending

    @property
    def next_in(self) -> float:
        """Seconds until the turn can go on; infinity if it has nothing to do."""
        active = [*self._active.values()]
        is_at_work = self._is_looking or self._is_sending or self._is_due()
        if is_at_work or not all(map(_is_planned, active)):
            return 0.0
        return max(self.outage.pauses_for, self._slot_in(active)) if active else math.inf

    @property
    def _is_sending(self) -> bool:
        return any(each.is_sending for each in self._sendings.values())

    def broken_off(self) -> TurnEnd:
        """How the turn ends when it is cancelled: what it knows of an outage is kept."""
        if self.outage.error is None:
            return TurnEnd(failures=self._failures)
        return TurnEnd(self.outage.pauses_for, self._failures + 1, self.outage.trouble)

    def look(self) -> None:
        """Look for new hand-overs soon."""
        self._looks_at = -math.inf
        self._work.set()

    def _go_on(self) -> None:
        self._work.set()

    async def run(self) -> TurnEnd:
        """Send until the turn is over, then finish the requests whose first byte is out."""
        try:
            async with anyio.create_task_group() as group:
                while True:
                    self._work = anyio.Event()
                    self._is_looking = True
                    end = await self._began_more(group)
                    self._is_looking = False
                    if end is not None:
                        group.cancel_scope.cancel()
                        return end
                    with self._clock.move_on_after(self._looks_at - self._clock.monotonic()):
                        await self._work.wait()
        finally:
            self._client.scheduler.plan(0)
        raise StrayCancellationError  # of a step

    def _waits_for(self, error: PostizError) -> bool:
        """Whether a call with this error is repeated later: the fault is not in one hand-over."""
        if isinstance(error, BadRequestError) and error.may_be_stored:  # refused by a firewall
            return True
        return not (self._is_closed(error) or isinstance(error, (*_OF_THE_POST, QuotaError)))

    def _is_closed(self, error: PostizError) -> bool:
        return isinstance(error, ConfigurationError) and not self._client.is_open

    # -------------------------------------------------------------- what is begun

    async def _began_more(self, group: TaskGroup) -> TurnEnd | None:
        """Begin every step that can begin; return how the turn ends, or None if it goes on."""
        try:
            found = await self._take() if self._is_due() else []
        except PostizError as error:
            return TurnEnd.in_trouble(error, self._failures)
        end = await self._end(found)
        if end is not None:
            return end
        self._client.scheduler.plan(self._planned)
        for hand_over in found:
            self._active[hand_over.number] = hand_over
            group.start_soon(self._step, hand_over)
        if not self._is_sending:
            self._context.on_idle()
        return None

    def _is_due(self) -> bool:
        has_room = self._is_full and len(self._active) <= MAX_WAITING // 2
        return has_room or self._clock.monotonic() >= self._looks_at

    async def _take(self) -> list[HandOver]:
        """Take from the store: all hand-overs in doubt, and of the planned ones those due first."""
        self._looks_at = self._clock.monotonic() + LONGEST_LOOK
        self._forbidden.keep({each.id for each in self._active.values()})
        waiting = [*filter(_is_planned, self._active.values())]
        limit = max(MAX_WAITING - len(waiting), JOINING)
        if self._share is not None:
            limit = min(limit, self._share - self._taken)
        taken = await self._deliveries.take(
            self._scope.name,
            self._holder,
            LEASE,
            limit,
            [*self._active, *self._unreadable],
        )
        if taken is None:
            self._on_lost()
            return []
        self._planned = taken.planned
        read = list(filter(None, map(self._read, taken.deliveries)))
        planned = [*filter(_is_planned, read)]
        first = sorted(waiting + planned, key=lambda each: (each.record.due, each.number))[
            : max(MAX_WAITING, limit)
        ]
        joining = [each for each in planned if each in first]
        self._is_full = len(planned) == limit > 0 or len(joining) < len(planned)
        self._taken += len(joining)
        return [each for each in read if each.record.state != "planned"] + joining

    def _read(self, kept: KeptDelivery) -> HandOver | None:
        try:
            return HandOver(self._deliveries, kept, self._clock)
        except StoreError as error:
            self._unreadable[kept.number] = str(error)
            self.outage.log.warning("%s", error)
            return None

    # -------------------------------------------------------------- how a turn ends

    @property
    def _failures(self) -> int:
        return 0 if self._has_ended else self._scope.failures

    async def _end(self, found: Sequence[HandOver]) -> TurnEnd | None:
        """How the turn ends, given the hand-overs found; None: it goes on."""
        is_at_work = self._is_sending or (self._share is None and bool(self._lookups))
        if self.outage.error is not None and not is_at_work:
            return TurnEnd.in_trouble(self.outage.error, self._failures)
        work = [*self._active.values(), *found]
        if self._share is None and (work or not self._scope.failures):
            return None
        if not self._client.is_open:
            return TurnEnd(failures=self._failures)
        if not work:
            if self._unreadable:
                trouble = next(iter(self._unreadable.values()))
                return TurnEnd(UNREADABLE_PAUSE, trouble=trouble)
            return TurnEnd(trouble=self._forbidden.trouble)
        if self._is_sending:
            return None
        self._waits_for_slot = False
        return await self._end_without_slots(work) if all(map(_is_planned, work)) else None

    def _slot_in(self, planned: Sequence[HandOver]) -> float:
        """Seconds until a slot is free for the first of these."""
        scheduler = self._client.scheduler
        due_in = min(each.record.due for each in planned) - scheduler.server_time()
        return scheduler.bulk_in(due_in, max(self._planned, len(planned)))

    async def _end_without_slots(self, planned: Sequence[HandOver]) -> TurnEnd | None:
        """Decide by the quota whether to wait for a slot (None) or to end the turn."""
        scheduler = self._client.scheduler
        now = scheduler.server_time()
        slot_in = self._slot_in(planned)
        if slot_in > LONGEST_SLOT_WAIT:
            with suppress(StoreError):  # then decide by the last known quota
                await scheduler.refresh()
            slot_in = self._slot_in(planned)
        dated = (each.record.due for each in planned if each.record.is_dated)
        late_in = min(dated, default=math.inf) - now if self._options.late == "skip" else math.inf
        self._waits_for_slot = slot_in > 0
        rest = min(slot_in, late_in, LONGEST_REST)
        return None if rest <= LONGEST_SLOT_WAIT else TurnEnd(rest, self._failures)

    # -------------------------------------------------------------- one step

    async def _step(self, hand_over: HandOver) -> None:
        """Take one hand-over a step further; after an error a later look finds it again."""
        try:
            if hand_over.record.state == "planned":
                await self._send(hand_over)
            else:
                await self._find_out(hand_over)
        except OvertakenError:
            self.outage.log.debug("hand-over %s is at work elsewhere", hand_over.id)
        except PostizError as error:  # of a look: what a create meets is an outcome
            if not self._is_closed(error):
                self.outage.failed(error)
        except asyncio.CancelledError:
            if anyio.current_effective_deadline() > -math.inf:  # not cancelled by this process
                raise StrayCancellationError from None
            raise
        finally:
            del self._active[hand_over.number]
            if hand_over.record.is_over:
                self._has_ended = True
                self._forbidden.forget(hand_over.id)
            if not self._active or not hand_over.record.is_over:
                self._looks_at = -math.inf
            self._context.on_step(hand_over.id)
            self._work.set()

    async def _send(self, hand_over: HandOver) -> None:
        """Send a hand-over when a slot is free, and look it up if its answer is lost."""
        sending = HandOverSending(
            hand_over,
            self._deliveries,
            self._client,
            self._marks,
            self._forbidden,
            partial(self._changed, hand_over),
        )
        self._sendings[hand_over.number] = sending
        result: SendResult = TooLate()
        self._fence.coming += 1
        try:
            around = await self.outage.read(partial(self._posts_around, hand_over))
            marks = {place: hand_over.ref(place) for place in hand_over.record.missing}
            if stored := {place: post.id for place, post in with_marks(around, marks).items()}:
                self.outage.log.warning(
                    "hand-over %s waits, but Postiz has posts of it", hand_over.id
                )
                await hand_over.move(lambda was: transitions.adopted(was, stored, FOUND))
                return
            for post in around:
                self._marks.take(stored_at(post))
            with sending.waiting(until_late=self._options.late == "skip") as wait:
                result = await self._sender.send(sending)
        finally:
            self._fence.coming -= 1
            del self._sendings[hand_over.number]
        if wait.cancel_called:
            await sending.settle(TooLate())
            return
        if isinstance(result, Stored) or (isinstance(result, Refused) and not result.is_size):
            self._forbidden.answered()
        if isinstance(result, Lost):
            await self._find_out(hand_over)

    def _changed(self, hand_over: HandOver) -> None:
        if hand_over.record.state == "leaving":
            self._planned = max(0, self._planned - 1)
        self._context.on_step(hand_over.id)
        self._work.set()

    async def _posts_around(self, hand_over: HandOver) -> list[Post]:
        """List the posts in the second of a hand-over's date; empty without a date.

        What leaves then has the server's time, and not that of a host whose clock is wrong.
        """
        scheduler = self._client.scheduler
        if not hand_over.record.is_dated:
            if not scheduler.knows_server_time():
                await ask(self._client.once)
            return []
        second = hand_over.at.replace(microsecond=0)
        last = second + timedelta(milliseconds=999)
        return await self._client.posts.list(start=second, end=last)

    # -------------------------------------------------------------- lost answers

    async def _find_out(self, hand_over: HandOver) -> None:
        """Find out what became of a lost request: note the stored posts, plan the rest again."""
        held = DeliveryLookUp(hand_over, uuid.uuid4().hex, LEASE)
        await held.claim()
        self._lookups[hand_over.number] = held
        try:
            while not await self._found(hand_over, held):
                log.debug("another hand-over has a post that looks like one of %s", hand_over.id)
        finally:
            del self._lookups[hand_over.number]

    async def _found(self, hand_over: HandOver, held: DeliveryLookUp) -> bool:
        """Look once; False: a post that was found belongs to another hand-over, so look again."""
        kept = hand_over.record
        sent = sent_request(kept, hand_over.request(kept.date), hand_over.number)
        found = await held.find(self._look_up, sent)
        doubt = _UNDECIDED if found.doubt == IN_DOUBT else found.doubt

        def event(was: DeliveryRecord) -> DeliveryRecord:
            known = transitions.found(was, held.holder, found.ids, found.note, doubt=doubt)
            return known if known.is_over else self._forbidden.rested(hand_over.id, known)

        try:
            await hand_over.move(event)
        except TakenError:
            others, _ = await self._deliveries.known(self._scope.name, found.ids.values(), ())
            self._look_up.forget(found.ids.values())
            self._look_up.taken |= others
            return False
        return True

    # ---------- what the hand-overs account for; see `_delivery.outcomes.Accounts`

    async def account(self, posts: Iterable[Post]) -> Account:
        listed = [(post.id, in_milliseconds(stored_at(post))) for post in posts]
        ids, marks = await self._deliveries.known(
            self._scope.name, {post_id for post_id, _ in listed}, {mark for _, mark in listed}
        )
        return Account(frozenset(ids), frozenset(map(from_milliseconds, marks)))

    async def has_stored(self, post_id: str) -> bool:
        known, _ = await self._deliveries.known(self._scope.name, {post_id}, ())
        return post_id in known

    async def mends(self, request: int, wall: float) -> None:
        """Note a repair, timed by the clock of the store."""
        del wall
        await self._lookups[request].mended()


def _is_planned(hand_over: HandOver) -> bool:
    return hand_over.record.state == "planned"
