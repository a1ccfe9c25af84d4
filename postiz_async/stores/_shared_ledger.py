"""A ledger in a store, which other processes share.

The scheduler uses every kind of ledger through `LedgerHandle`. All times are on the clock of
the handle, `now()`: this process's monotonic clock, or the store's time.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

import anyio
from msgspec.structs import replace

from postiz_async import _quota as quota
from postiz_async._concurrency import run_to_completion
from postiz_async._logs import Log
from postiz_async._quota import Grant, Ledger, Wait, shared_state
from postiz_async._quota.shared_state import SharedState
from postiz_async.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from postiz_async.clock import Clock
    from postiz_async.stores import Kept, Records
    from postiz_async.stores._local_ledger import LocalLedger

    LedgerHandle: TypeAlias = "LocalLedger | SharedLedger"
    _Note = tuple[Callable[[Ledger, float], Ledger], float]


log = logging.getLogger("postiz_async.quota")

POLL = 0.25
"""Seconds between two reads of a shared state while other processes have calls in flight."""


class SharedLedger:
    """A ledger in a store, changed by compare-and-swap.

    Without contention a create costs two round trips: one swap to reserve, one to settle. Where the
    store has a clock, all times are its, made as fast as the client's clock; else they are the
    host's monotonic clock, which all processes of a host share until it is started again.

    When the store fails, no create is sent.

    Args:
        store: the store of the state.
        name: the name of the record; it reveals neither server nor key.
        ledger: the initial state, for a store that has none.
        clock: tells the time.
    """

    def __init__(
        self,
        store: Records,
        name: str,
        ledger: Ledger,
        clock: Clock,
    ) -> None:
        self._store = store
        self._name = name
        self._clock = clock
        self.log: Log = log
        """Can be replaced by the logger of an organisation."""
        self._speed = clock.speed if math.isfinite(clock.speed) else 1.0
        self._writer = secrets.token_hex(8)
        self._turn = anyio.Lock()
        self._offset = 0.0
        self._version: int | None = None
        self._state = self._begun(ledger)
        self._written: SharedState | None = None
        """The last state known to have been in the store."""
        self._mine: set[int] = set()
        self._unnoted: list[_Note] = []
        """Events that could not be written to the store yet."""

    # -------------------------------------------------------------- what is seen

    @property
    def ledger(self) -> Ledger:
        """The state as last seen."""
        return quota.expire(self._current(), self.now())

    @property
    def changed_at(self) -> float | None:
        """Wall time, in seconds since the epoch, of the last change; None if there was none."""
        return self._state.wall if self._written is not None else None

    def now(self) -> float:
        return self._clock.monotonic() + self._offset

    def look_again_in(self) -> float:
        """Seconds until another process may have given a slot back; infinity: none can.

        Without calls in flight the number of free slots only falls, which the next swap shows.
        """
        now = self.now()
        flights = [flight for flight in self._state.ledger.flights.open if flight.expires > now]
        if any(flight.token not in self._mine for flight in flights):
            return POLL
        # a call of ours with an unwritten end expires
        return max(POLL, min((flight.expires for flight in flights), default=math.inf) - now)

    def listen(self, changed: Callable[[], object]) -> bool:
        """Call `changed` in the running event loop when another client changes the state.

        Returns:
            True if the subscription is new, so that an earlier change may have been missed. False
            here: stores send no notifications, and `look_again_in` says when to read.
        """
        del changed
        return False

    def unlisten(self) -> None:
        """Do nothing: there is no subscription to end."""

    async def refresh(self) -> None:
        """Read the state from the store."""
        async with self._turn:
            await self._read()

    def restore(self, ledger: Ledger) -> None:
        """Start from a state saved elsewhere, if no better state is known."""
        if not self._version and self._written is None:
            self._state = self._begun(ledger)

    # -------------------------------------------------------------- taking and settling

    def take_at_once(
        self,
        _ask: Callable[[Ledger, float], Grant | Wait],
        *,
        lifetime: float,
        urgent: bool = False,
    ) -> None:
        """Reserve a slot like `take`, but only if this needs no wait for the store; else None."""

    async def take(
        self,
        ask: Callable[[Ledger, float], Grant | Wait],
        *,
        lifetime: float,
        urgent: bool = False,
    ) -> int | Wait:
        """Reserve a slot if `ask` grants it. Returns a token, or the decision to wait.

        The slot of a holder that dies counts as spent after `lifetime` seconds. An `urgent` call is
        remembered, because more may come.
        """
        async with self._turn:
            if self._version is None:
                await self._read()
            while True:
                now = self.now()
                current = quota.expire(self._current(), now)
                decision = ask(current, now)
                if isinstance(decision, Wait):
                    return decision
                expires = now + lifetime
                reserved, token = quota.acquired(current, now, expires=expires, urgent=urgent)
                if await self._taken(reserved, token):
                    return token

    async def _taken(self, reserved: Ledger, token: int) -> bool:
        """Write a reservation; if the caller was cancelled meanwhile, give the slot back."""
        try:
            done = await self._swap(reserved)
        except asyncio.CancelledError:
            if self._state.ledger is reserved:
                await run_to_completion(self._give_back(token))
            raise
        if done:
            self._mine.add(token)
        return done

    async def _give_back(self, token: int) -> None:
        note: _Note = (lambda ledger, _: quota.released(ledger, token)), self.now()
        self._unnoted.append(note)
        await self._note(note)

    async def settle(self, event: Callable[[Ledger, float], Ledger]) -> None:
        """End a reservation: change the state by `event`.

        If the store fails, this is logged, and the next write of this process includes the event.
        """
        note = event, self.now()
        self._unnoted.append(note)

        async def work() -> None:
            async with self._turn:
                await self._note(note)

        await run_to_completion(work())

    async def change(self, event: Callable[[Ledger, float], Ledger]) -> None:
        """Change the state by an event that is no end of a reservation.

        Raises:
            StoreError: it is not known whether the state is changed.
        """

        async def work() -> None:
            async with self._turn:
                await self._read()
                while not await self._swap(event(self._current(), self.now())):
                    pass

        await run_to_completion(work())

    async def _note(self, note: _Note) -> None:
        """Write an event and all others that are not written yet."""
        try:
            while note in self._unnoted:
                event, then = note
                event(self._state.ledger, then)
                await self._swap(self._current())
        except StoreError as error:
            self.log.warning("a create could not be noted, it counts as spent for now: %s", error)
        except LookupError:
            self._unnoted.remove(note)
            self.log.warning("a create took longer than its reservation and counts as spent")
        self._mine.intersection_update(flight.token for flight in self._state.ledger.flights.open)

    # -------------------------------------------------------------- the store

    def _begun(self, ledger: Ledger) -> SharedState:
        """An initial state; its tokens are different from those of any other state."""
        lineage = secrets.randbits(48)
        flights = replace(ledger.flights, tokens=lineage)
        return SharedState(ledger=replace(ledger, flights=flights), lineage=lineage)

    def _current(self) -> Ledger:
        """The last state with the events that could not be written yet."""
        ledger = self._state.ledger
        for event, then in self._unnoted:
            with suppress(LookupError):  # it was written, but the store's answer was lost
                ledger = event(ledger, then)
        return ledger

    def _next(self, ledger: Ledger) -> SharedState:
        return SharedState(
            ledger=ledger,
            lineage=self._state.lineage,
            writer=self._writer,
            boot=self._clock.boot_id,
            monotonic=self._clock.monotonic(),
            wall=self._clock.time(),
        )

    async def _read(self) -> None:
        self._saw(await self._store.get(self._name, ""))

    async def _swap(self, ledger: Ledger) -> bool:
        """Write a state made from the last one seen; if another was quicker, see its state."""
        state = self._next(ledger)
        noted = tuple(self._unnoted)
        value, version = shared_state.encode(state), self._version or 0

        async def work() -> bool:
            done, kept = await self._store.swap(self._name, "", version, value, keep=None)
            if done or kept.value == value:  # done, and repeated by the store
                self._wrote(state, kept)
                self._unnoted = [note for note in self._unnoted if note not in noted]
                return True
            self._saw(kept)
            return False

        return await run_to_completion(work())

    def _wrote(self, state: SharedState, kept: Kept) -> None:
        self._state = self._written = state
        self._version = kept.version
        self._tell_time(kept)

    def _saw(self, kept: Kept) -> None:
        """Take over what the store returned."""
        self._tell_time(kept)
        if kept.value is None:
            self._lost()
        else:
            self._found(shared_state.decode(self._name, kept.value), self._time(kept))
        self._version = kept.version

    def _found(self, state: SharedState, time: float | None) -> None:
        if time is not None:
            state = shared_state.not_ahead(state, time)
        else:
            now, wall = self._clock.monotonic(), self._clock.time()
            state = shared_state.on_this_clock(state, self._clock.boot_id, now, wall)
        if self._written is None or self._written.lineage == state.lineage:
            if self._written is not None:
                state = shared_state.still_halted(self._written, state)
            self._state = self._written = state
            return
        if self._state.lineage != state.lineage:
            self.log.warning(
                "the store lost the quota's state, and another process wrote it anew; what this "
                "one knows is added. See that the store evicts nothing."
            )
        self._state = shared_state.reunited(self._written, state, self._mine)

    def _lost(self) -> None:
        """Recover from a store that lost the state: prepare to write the last one again."""
        if not self._version or self._written is None:
            return
        self.log.warning(
            "the store lost the quota's state; it is written again from what was seen last. See "
            "that the store evicts nothing."
        )
        self._state = shared_state.written_again(self._written, secrets.randbits(48))

    def _tell_time(self, kept: Kept) -> None:
        time = self._time(kept)
        if time is not None:
            self._offset = time - self._clock.monotonic()

    def _time(self, kept: Kept) -> float | None:
        return None if kept.time is None else kept.time * self._speed
