"""Sends the tickets of many organisations from a PostgreSQL outbox, organisation by organisation.

A turn sends what can leave at once, and ends when nothing is left, when the window of the quota is
used up, when Postiz is away or refuses the key, or when it has had its share. What is looked up is
seen through to its end. The next turn of the organisation begins when there is something to do
again, in this process or in another one.
"""

from __future__ import annotations

import asyncio
import logging
import math
import uuid
from collections import defaultdict
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol, cast

import anyio

from postiz_async._concurrency import StrayCancellationError
from postiz_async._delivery.client import ask
from postiz_async._outbox.forbidden import ForbiddenHandOvers
from postiz_async._outbox.postgres_tickets import channel_of
from postiz_async._outbox.running_turn import SLOW_CLIENT, RunningTurn, TurnEnd
from postiz_async._outbox.sender import OutboxSender
from postiz_async._outbox.turn_tickets import TurnTickets
from postiz_async._outbox.turns import LEASE, Turns
from postiz_async.errors import PostizError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from anyio.abc import TaskGroup

    from postiz_async._delivery.client import OutboxClient
    from postiz_async._outbox.tickets import OutboxOptions
    from postiz_async._outbox.turns import Turn
    from postiz_async.clock import Clock
    from postiz_async.stores._postgres import Database


log = logging.getLogger("postiz_async.outbox")

LONGEST_LOOK = 20.0
"""Seconds between two looks for new tickets where no NOTIFY arrives."""

LONGEST_SLOT_WAIT = 15.0
"""Seconds that a turn waits for a slot of the quota; what takes longer is for another turn."""

LONGEST_REST = 300.0
"""Seconds after which an organisation without slots is looked at, whatever its quota said."""

SHARE = 100
"""Tickets of one organisation in one turn while others may be waiting."""

MOST_TURNS = 2_000
"""Turns at the same time, with those that wait for a look-up."""

WATCH = 0.5
"""Seconds between two looks at whether a turn is over, or a row that was busy is free."""

PRUNING = 3_600.0
"""Seconds between two removals of old tickets."""


class ClientOf(Protocol):
    """Finds the open client of an organisation."""

    def __call__(self, turn: Turn) -> AbstractAsyncContextManager[OutboxClient]:
        """The client for the length of the block.

        Raises:
            PostizError: there is none; the organisation is left alone for a while.
        """
        ...


class PostgresSender:
    """Sends for one process.

    Args:
        database: has the tickets.
        client_of: finds the client of an organisation.
        options: what is done in doubt.
        clock: of the clients.
        on_step: is called with each ticket whose state changed.
        only: the one quota that it sends for, whose turns last as long as there is something to
            send; None: all.
        at_once: turns at the same time, beside those that only wait.
    """

    def __init__(
        self,
        database: Database,
        client_of: ClientOf,
        options: OutboxOptions,
        clock: Clock,
        on_step: Callable[[str], None],
        *,
        only: str | None = None,
        at_once: int = 100,
    ) -> None:
        self.turns = Turns(database, uuid.uuid4().hex, only=only, speed=clock.speed)
        self.trouble = ""
        """Why nothing is sent for anybody; empty while something could be."""
        self._database = database
        self._client_of = client_of
        self._options = options
        self._clock = clock
        self._on_step = on_step
        self._only = only
        self._at_once = at_once
        self._running: dict[Turn, RunningTurn] = {}
        self._forbidden = defaultdict[str, ForbiddenHandOvers](lambda: ForbiddenHandOvers(clock))
        """Of each quota; they wait through its turns."""
        self._left_alone: dict[str, int] = {}
        """Quotas of which only what cannot be sent now is left, and their `wakes` when that was."""
        self._work = anyio.Event()
        self._drains = anyio.Event()
        self._is_idle = anyio.Event()

    def wake(self, quota: str | None = None) -> None:
        """There may be something new to do.

        Args:
            quota: the name of the quota that has a new ticket, if that is known.
        """
        self._work.set()
        for running in tuple(self._running.values()):
            if running.turn.quota == quota:
                running.wake()

    async def until_idle(self) -> None:
        """Wait until only what is in another sender's turn, or cannot be sent now, is left."""
        self._is_idle = anyio.Event()
        self._drains.set()
        self.wake()
        await self._is_idle.wait()

    def forbids(self, quota: str) -> str:
        """What a firewall does not let through of a quota; empty: nothing."""
        return self._forbidden[quota].trouble if quota in self._forbidden else ""

    def sender_of(self, quota: str) -> OutboxSender | None:
        """Who sends now for the organisation of a quota; None: it is not its turn."""
        return next(
            (each.sender for turn, each in self._running.items() if turn.quota == quota), None
        )

    async def run(self) -> None:
        """Send until cancelled; requests whose first byte is out are waited for."""
        renewing = anyio.CancelScope(shield=True)  # as long as there is a turn
        async with anyio.create_task_group() as group:
            group.start_soon(self._renew, renewing)
            try:
                await self._take_all_turns()
            finally:
                renewing.cancel()
        raise StrayCancellationError  # of what it runs beside the turns

    async def _take_all_turns(self) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(self._listen)
            group.start_soon(self._prune)
            while True:
                self._work = anyio.Event()
                wait = 0.0
                with anyio.CancelScope(shield=True):  # what is claimed is begun, and so ended
                    wait = await self._take_turns(group)
                with self._clock.move_on_after(wait):
                    await self._work.wait()

    async def _take_turns(self, group: TaskGroup) -> float:
        """Begin turns as far as there are any. Returns for how long there is nothing to do."""
        active = sum(not each.only_waits for each in self._running.values())
        free = min(self._at_once - active, MOST_TURNS - len(self._running))
        if free <= 0:
            return SLOW_CLIENT
        asked = self._clock.monotonic()
        try:
            new, left = await self.turns.count_new()
            claimed = await self.turns.claim(free)
            next_in = 0.0 if new else await self.turns.next_in()
            await self._look_if_idle(at_work=bool(claimed or new or left))
        except StoreError as error:
            self._is_away(error)
            return LONGEST_LOOK / 4
        self._is_back()
        if new:  # perhaps of one whose turn it is, where no NOTIFY told
            for running in self._running.values():
                running.wake()
        for turn in claimed:
            if turn.was_left:
                log.info("took the turn of %r over from a sender that is gone", turn.organization)
            running = RunningTurn(turn, self._clock)
            running.has_lease_from(asked)
            self._running[turn] = running
            group.start_soon(self._take, running)
        if claimed or new:
            return 0.0
        return WATCH if left else min(max(next_in, 0.05), LONGEST_LOOK)

    async def _look_if_idle(self, *, at_work: bool) -> None:
        """Tell `until_idle` when nothing is left for which it waits."""
        if at_work or self._running or not self._drains.is_set():
            return
        if not await self.turns.is_anybody_waiting(self._left_alone):
            self._is_idle.set()

    def _is_away(self, error: StoreError) -> None:
        first = str(error).partition("\n")[0]
        if not self.trouble:
            log.warning("nothing is sent until the database is back: %s", first)
        self.trouble = first

    def _is_back(self) -> None:
        if self.trouble:
            log.warning("the database is back")
        self.trouble = ""

    # -------------------------------------------------------------- beside the turns

    async def _listen(self) -> None:
        """Look for work when somebody handed something over; without NOTIFY the looks suffice."""
        while True:
            try:
                await self._hear()
            except StoreError as error:
                log.debug("no NOTIFY is heard: %s", error)
            await self._clock.sleep(LONGEST_LOOK)

    async def _hear(self) -> None:
        """Look for what is told, until the connection ends."""
        async with self._database.listening(channel_of(self._database.schema)) as quotas:
            self.wake()  # what was told before was not heard
            async for quota in quotas:
                if self._only in {None, quota}:
                    self.wake(quota)

    async def _renew(self, scope: anyio.CancelScope) -> None:
        """Keep the leases."""
        with scope:
            while True:
                await self._clock.sleep(LEASE / 3)
                running = [each for each in self._running.values() if not each.is_lost]
                if running:
                    await self._renew_all(running)

    async def _renew_all(self, running: Sequence[RunningTurn]) -> None:
        asked = self._clock.monotonic()
        try:
            kept = await self.turns.renew([each.turn for each in running])
        except StoreError as error:
            self._is_away(error)
        else:
            for each in running:
                if each.turn not in kept:
                    each.lose()
                elif each.turn in self._running:
                    each.has_lease_from(asked)
                    each.compare(kept[each.turn])

    async def _prune(self) -> None:
        while True:
            try:
                removed = await self.turns.prune(self._options.keep)
            except StoreError as error:
                log.debug("old tickets could not be removed: %s", error)
            else:
                if removed:
                    log.info("removed %d tickets that were over", removed)
            await self._clock.sleep(PRUNING)

    # -------------------------------------------------------------- a turn

    async def _take(self, running: RunningTurn) -> None:
        """One turn, from its claim to its end."""
        turn = running.turn
        end = TurnEnd(again_in=0.0, failures=turn.failures, trouble=turn.trouble)
        try:
            with running.scope:
                end = await self._sent(running)
        except PostizError as error:
            end = TurnEnd.in_trouble(error, turn.failures)
            log.warning("%r: %s", turn.organization, end.trouble)
        except (Exception, asyncio.CancelledError) as error:  # it must not end others' turns
            is_asked_for = anyio.current_effective_deadline() == -math.inf
            if is_asked_for and isinstance(error, asyncio.CancelledError):
                raise
            log.exception("the turn of %r broke off", turn.organization)
            end = TurnEnd.in_trouble(_broken_off(error), turn.failures)
        finally:
            del self._running[turn]
            if not self._forbidden[turn.quota]:
                del self._forbidden[turn.quota]
            self._left_alone.pop(turn.quota, None)
            if end.leaves_alone:
                self._left_alone[turn.quota] = end.wakes or 0
            running.forget_lease()
            with anyio.CancelScope(shield=True):
                await self._end(running, end)
            self._work.set()

    async def _end(self, running: RunningTurn, end: TurnEnd) -> None:
        if running.is_lost:
            log.warning(
                "the turn of %r went to another sender, because this one stood still or could not "
                "reach the database for longer than %g s",
                running.turn.organization,
                LEASE,
            )
            return
        say = partial(self.turns.end, running.turn)
        try:
            if end.again_in is not None or not await say(again_in=None, wakes=end.wakes):
                await say(
                    again_in=end.again_in or 0.0,
                    wakes=end.wakes,
                    failures=end.failures,
                    trouble=end.trouble,
                )
        except StoreError as error:  # its lease ends by itself
            self._is_away(error)

    async def _sent(self, running: RunningTurn) -> TurnEnd:
        """Send in a turn until it is over; how it ends."""
        turn = running.turn
        async with self._client_of(turn) as client:
            if turn.failures:
                await ask(client)
            tickets = TurnTickets(
                self._database,
                turn,
                self.turns,
                self._clock,
                running.lose,
                most=SHARE if self._only is None else None,
            )
            end = await self._end_without_slots(client, tickets, turn)
            if end is not None:
                return end
            forbidden = self._forbidden[turn.quota]
            sender = OutboxSender(client, tickets, self._options, self._on_step, forbidden)
            running.sender, running.tickets = sender, tickets
            done = anyio.Event()

            async def note_idle() -> None:
                await sender.until_idle()
                # alone, its turn lasts on
                while forbidden and self._only is not None and not self._drains.is_set():
                    with self._clock.move_on_after(LONGEST_LOOK):
                        await self._drains.wait()
                    await sender.until_idle()
                done.set()

            end = TurnEnd(again_in=0.0)
            async with anyio.create_task_group() as group:
                group.start_soon(sender.run)
                group.start_soon(note_idle)
                end = await self._watched(client, tickets, sender, turn, done)
                group.cancel_scope.cancel()
            return end

    async def _watched(
        self,
        client: OutboxClient,
        tickets: TurnTickets,
        sender: OutboxSender,
        turn: Turn,
        done: anyio.Event,
    ) -> TurnEnd:
        """Wait until a turn is over."""
        watch = WATCH if self._only is None else LONGEST_LOOK  # alone, none waits for its turn
        while True:
            with self._clock.move_on_after(watch):
                await done.wait()
            if done.is_set() and not tickets.is_used_up:
                return TurnEnd.idle(tickets, self._forbidden[turn.quota], LONGEST_LOOK)
            failures = 0 if tickets.ended else turn.failures
            if done.is_set() or not client.is_open:
                return TurnEnd(again_in=0.0, failures=failures)
            if self._only is not None or tickets.sending:
                continue
            error = sender.outage.error
            if error is not None:
                return TurnEnd.in_trouble(error, failures)
            end = await self._end_without_slots(client, tickets, turn)
            if end is not None:
                return end

    async def _end_without_slots(
        self, client: OutboxClient, tickets: TurnTickets, turn: Turn
    ) -> TurnEnd | None:
        """How a turn ends by its tickets and its quota as they are now; None: it goes on."""
        if self._only is not None:
            return None
        try:
            stock = await tickets.stock(self._forbidden[turn.quota].waiting)
        except StoreError:  # which the sender meets as well, and waits for
            return None
        if stock.in_doubt or not stock.planned:
            tickets.only_waits = False
            return None
        now = client.scheduler.server_time()
        slot_in = client.scheduler.bulk_in(stock.due - now, stock.planned)
        if slot_in > LONGEST_SLOT_WAIT:
            with suppress(StoreError):  # then by what this process saw last
                await client.scheduler.refresh()
            slot_in = client.scheduler.bulk_in(stock.due - now, stock.planned)
        late_in = stock.dated - now if self._options.late == "skip" else math.inf
        tickets.only_waits = slot_in > 0
        rest = min(slot_in, late_in, LONGEST_REST)
        if rest <= LONGEST_SLOT_WAIT:
            return None
        failures = 0 if tickets.ended else turn.failures
        return TurnEnd(again_in=rest, wakes=stock.wakes, failures=failures)


def _broken_off(error: BaseException) -> PostizError:
    """What is said of a turn that ended with an error that is none of this library's."""
    while isinstance(error, ExceptionGroup):
        error = cast("tuple[Exception, ...]", error.exceptions)[0]
    return PostizError(f"sending broke off with {type(error).__name__}; the log has all of it")
