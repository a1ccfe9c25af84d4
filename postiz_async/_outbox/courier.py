"""Send the hand-overs of an outbox, one organisation after another, for a client or a whole pool.

A turn sends what can leave at once, and ends when nothing is left, when the window of the quota is
used up, when Postiz is away or refuses the key, or when it has had its share. A look-up that has
begun is finished first. The next turn of the organisation begins when there is something to do
again, in this process or in another one. One sender at a time for each organisation saves requests
and slots; no promise depends on it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, cast

import anyio

from postiz_async._concurrency import StrayCancellationError
from postiz_async._delivery.pauses import ask
from postiz_async._logs import log_of
from postiz_async._outbox.forbidden import ForbiddenHandOvers
from postiz_async._outbox.sending import LEASE
from postiz_async._outbox.turn import LONGEST_LOOK, Turn, TurnContext, TurnEnd
from postiz_async._outbox.waiters import follow
from postiz_async.errors import PostizError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import timedelta

    from anyio.abc import TaskGroup

    from postiz_async._outbox.hand_over import HandOver
    from postiz_async._outbox.tickets import OutboxOptions
    from postiz_async._resources.api import OpenClient
    from postiz_async.clock import Clock
    from postiz_async.stores._deliveries import Deliveries, Scope

    ClientOf: TypeAlias = Callable[[Scope], AbstractAsyncContextManager[OpenClient]]
    """The open client of an organisation for a block; where there is none, a `PostizError`."""


log = logging.getLogger("postiz_async.outbox")

SHARE = 100
"""Hand-overs that one turn takes up while other organisations may be waiting."""

SHARE_OF_MANY = 1
"""The same limit while more organisations wait than turns are free, so that none waits long."""

TURNS_AT_ONCE = 100
"""Turns that may work at the same time, not counting those that only wait."""

MOST_TURNS = 2_000
"""Turns that may be open at the same time, including those that only wait."""

SLOW_CLIENT = 1.0
"""Seconds after which a turn that waits for its client no longer counts as working."""

SHORTEST_LOOK = 0.05
"""Seconds between two searches for organisations with work, at least."""

DRAIN_LOOK = 1.0
"""Seconds between two looks at turns that may have come to their end, while closing waits."""

PRUNING = 3_600.0
"""Seconds between two removals of old hand-overs."""


@dataclass(slots=True)
class _Running:
    """A turn that runs in this process."""

    scope: Scope
    began: float
    share: int
    cancel_scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    turn: Turn | None = None
    """None while the turn waits for its client."""
    is_lost: bool = False

    def lose(self) -> None:
        """End the turn, because another sender has the organisation."""
        self.is_lost = True
        self.cancel_scope.cancel()

    def only_waits(self, now: float) -> bool:
        """Whether the turn only waits, so that another one may work in its place."""
        return now - self.began >= SLOW_CLIENT if self.turn is None else self.turn.only_waits


class Courier:
    """The sending task of one process.

    Args:
        deliveries: the store of the hand-overs.
        client_of: finds the client of an organisation.
        options: the options of the outbox.
        clock: the clock of the clients.
        on_step: called with each ticket whose state changed.
        only: the only quota to send for, in one turn that lasts as long as its client; None: all
            quotas with a named organisation.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        client_of: ClientOf,
        options: OutboxOptions,
        clock: Clock,
        on_step: Callable[[str], None],
        *,
        only: str | None = None,
    ) -> None:
        self._trouble = ""
        """The reason why nothing can be sent for any organisation; empty if something can."""
        self._deliveries = deliveries
        self._client_of = client_of
        self._options = options
        self._clock = clock
        self._only = only
        self._running: dict[str, _Running] = {}
        self._forbidden = defaultdict[str, ForbiddenHandOvers](lambda: ForbiddenHandOvers(clock))
        """Forbidden hand-overs by quota; they are kept from one turn of the quota to the next."""
        self._troubles: dict[str, str] = {}
        """The error that ended the last turn, by quota."""
        self._context = TurnContext(
            deliveries=deliveries,
            holder=uuid.uuid4().hex,
            options=options,
            unreadable={},
            on_step=on_step,
            on_idle=self._look_again,
        )
        self._work = anyio.Event()
        self._drains_until = -math.inf
        self._is_idle = anyio.Event()

    def wake(self, quota: str | None = None) -> None:
        """Look for new work soon.

        Args:
            quota: the name of the quota that has a new hand-over, if that is known.
        """
        self._work.set()
        for running in tuple(self._running.values()):
            if running.turn is not None and quota in {None, running.scope.name}:
                running.turn.look()

    def forget(self, hand_over: HandOver) -> None:
        """Forget the pause of a hand-over that was withdrawn."""
        if hand_over.scope in self._forbidden:
            self._forbidden[hand_over.scope].forget(hand_over.id)
        self.wake(hand_over.scope)

    def _look_again(self) -> None:
        if self._drains_until > -math.inf:
            self._work.set()

    async def until_idle(self, seconds: float) -> None:
        """Wait until nothing is left that this process could send within so many seconds."""
        self._is_idle = anyio.Event()
        self._drains_until = self._clock.monotonic() + seconds
        self.wake()
        await self._is_idle.wait()

    def turn_of(self, quota: str) -> Turn | None:
        """The current turn of a quota; None: it has no turn in this process."""
        running = self._running.get(quota)
        return None if running is None else running.turn

    def trouble_of(self, quota: str | None) -> str:
        """The reason why a quota, or all of them, cannot send; empty if it can."""
        if self._trouble or quota is None:
            return self._trouble
        turn = self.turn_of(quota)
        forbidden = self._forbidden[quota].trouble if quota in self._forbidden else ""
        met = turn.outage.trouble if turn else self._troubles.get(quota, "")
        return met or forbidden

    def pauses_for(self, quota: str) -> float:
        """Seconds during which nothing is sent for a quota."""
        turn = self.turn_of(quota)
        return 0.0 if turn is None else turn.outage.pauses_for

    async def run(self) -> None:
        """Send until cancelled, then finish the requests whose first byte is out."""
        holding = anyio.CancelScope(shield=True)  # holds are renewed until all turns end
        async with anyio.create_task_group() as group:
            group.start_soon(self._hold, holding)
            try:
                await self._take_all_turns()
            finally:
                holding.cancel()
        raise StrayCancellationError  # a task beside the turns was cancelled

    async def _take_all_turns(self) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(follow, self._deliveries.changes, self._clock, self._heard)
            group.start_soon(self._prune)
            while True:
                self._work = anyio.Event()
                wait = 0.0
                with anyio.CancelScope(shield=True):  # taken scopes have to get a turn
                    wait = await self._take_turns(group)
                with self._clock.move_on_after(wait):
                    await self._work.wait()

    async def _take_turns(self, group: TaskGroup) -> float:
        """Begin a turn for each scope that is ready. Returns the seconds until the next search."""
        now = self._clock.monotonic()
        active = sum(not each.only_waits(now) for each in self._running.values())
        free = min(TURNS_AT_ONCE - active, MOST_TURNS - len(self._running))
        if free <= 0:
            return SLOW_CLIENT
        try:
            taken = await self._deliveries.line(self._context.holder, LEASE, free, self._only)
            next_in = math.inf
            if not taken:
                next_in = await self._look_if_idle(await self._deliveries.next_in(self._only))
        except StoreError as error:
            self._is_away(error)
            return LONGEST_LOOK / 4
        self._is_back()
        share = SHARE if len(taken) < free else SHARE_OF_MANY
        new = [scope for scope in taken if scope.name not in self._running]
        for scope in new:
            if scope.was_left:
                log_of(log, scope.organization).info("taken over from a sender that is gone")
            running = _Running(scope, now, share)
            self._running[scope.name] = running
            group.start_soon(self._serve, running)
        if taken:
            return 0.0 if new else LEASE / 3  # a hold of a running turn had expired
        return min(max(next_in, SHORTEST_LOOK), LONGEST_LOOK)

    async def _look_if_idle(self, next_in: float) -> float:
        """Set the event of `until_idle` when nothing is left that can be sent in time.

        Args:
            next_in: seconds until an organisation may be ready.

        Returns:
            Seconds until something can be sent by this process.
        """
        left = self._drains_until - self._clock.monotonic()
        if left < 0:
            return next_in
        turns = [each.turn.next_in if each.turn else 0.0 for each in self._running.values()]
        if self._only in self._running:
            next_in = math.inf
        if min(turns, default=math.inf) >= left and (
            next_in >= left < math.inf
            or not await self._deliveries.has_work(
                self._context.holder, self._only, self._context.unreadable
            )
        ):
            self._is_idle.set()
        return min([next_in, *(max(each, DRAIN_LOOK) for each in turns)])

    def _is_away(self, error: StoreError) -> None:
        first = str(error).partition("\n")[0]
        if not self._trouble:
            log.warning("nothing is sent until the outbox can be used again: %s", first)
        self._trouble = first

    def _is_back(self) -> None:
        if self._trouble:
            log.warning("the outbox can be used again")
        self._trouble = ""

    # -------------------------------------------------------------- beside the turns

    def _heard(self, quotas: Sequence[str]) -> None:
        """Look for work at a hint of the store; without hints, `run` polls."""
        if not quotas:
            self.wake()
        for quota in quotas:
            if self._only in {None, quota}:
                self.wake(quota)

    async def _hold(self, scope: anyio.CancelScope) -> None:
        """Renew the leases of the organisations whose turns go on."""
        with scope:
            while True:
                await self._clock.sleep(LEASE / 3)
                running = dict(self._running)
                if not running:
                    continue
                try:
                    held = await self._deliveries.hold(running, self._context.holder, LEASE)
                except StoreError as error:
                    self._is_away(error)
                else:
                    for name in running.keys() - held:
                        running[name].lose()

    async def _prune(self) -> None:
        keep = cast("timedelta", self._options.keep)  # the options have made it one
        while True:
            try:
                removed = await self._deliveries.prune(keep)
            except StoreError as error:
                log.debug("old hand-overs could not be removed: %s", error)
            else:
                if removed:
                    log.info("removed hand-overs that were over: %d", removed)
            await self._clock.sleep(PRUNING)

    # -------------------------------------------------------------- a turn

    async def _serve(self, running: _Running) -> None:
        """Run one turn from beginning to end."""
        scope, whose = running.scope, log_of(log, running.scope.organization)
        end = TurnEnd(failures=scope.failures, trouble=scope.trouble)
        try:
            with running.cancel_scope:
                end = await self._sent(running)
        except PostizError as error:
            end = TurnEnd.in_trouble(error, scope.failures)
            is_news = end.trouble != scope.trouble
            whose.log(logging.WARNING if is_news else logging.INFO, "%s", end.trouble)
        except (Exception, asyncio.CancelledError) as error:  # an error must not end other turns
            is_asked_for = anyio.current_effective_deadline() == -math.inf
            if is_asked_for and isinstance(error, asyncio.CancelledError):
                end = end if running.turn is None else running.turn.broken_off()
                raise
            whose.exception("sending broke off")
            end = TurnEnd.in_trouble(_broken_off(error), scope.failures)
        finally:
            del self._running[scope.name]
            self._troubles[scope.name] = end.trouble
            if not end.trouble:
                del self._troubles[scope.name]
            if not self._forbidden[scope.name]:
                del self._forbidden[scope.name]
            with anyio.CancelScope(shield=True):
                await self._end(running, end)
            self._work.set()

    async def _sent(self, running: _Running) -> TurnEnd:
        scope = running.scope
        async with self._client_of(scope) as client:
            client.scheduler.witness = partial(has_stored, self._deliveries, scope.name)
            if scope.failures:
                await client.scheduler.refuse_if_halted()
                await ask(client.once)
            running.turn = Turn(
                scope,
                client,
                self._context,
                self._forbidden[scope.name],
                on_lost=running.lose,
                share=running.share if self._only is None else None,
            )
            return await running.turn.run()

    async def _end(self, running: _Running, end: TurnEnd) -> None:
        if running.is_lost:
            log_of(log, running.scope.organization).warning(
                "another sender took over, because this one stood still or could not reach the "
                "outbox for longer than %g s",
                LEASE,
            )
            return
        try:
            await self._deliveries.rest(
                running.scope.name,
                self._context.holder,
                end.rest,
                failures=end.failures,
                trouble=end.trouble,
            )
        except StoreError as error:  # the hold expires by itself
            self._is_away(error)


async def has_stored(deliveries: Deliveries, quota: str) -> bool:
    """Whether Postiz has stored a delivery of a quota."""
    return bool((await deliveries.counts(quota)).get("stored"))


def _broken_off(error: BaseException) -> PostizError:
    """The message for a turn that ended with an unexpected error."""
    while isinstance(error, ExceptionGroup):
        error = cast("tuple[Exception, ...]", error.exceptions)[0]
    return PostizError(f"sending broke off with {type(error).__name__}; the log has all of it")
