"""A ledger that lives in a store, which other processes share."""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from msgspec.structs import replace

from postiz_async import quota
from postiz_async.concurrency import run_to_completion
from postiz_async.errors import ConfigurationError, StoreError
from postiz_async.quota import SETTLE, Wait, WaitReason
from postiz_async.quota import shared_state as sharing
from postiz_async.quota.shared_state import Aside, SharedState

if TYPE_CHECKING:
    from collections.abc import Callable

    from postiz_async.clock import Clock
    from postiz_async.quota import Grant, Ledger
    from postiz_async.stores import QuotaStore, Versioned

    _Note = tuple[Callable[[Ledger, float], Ledger], float]

__all__ = ["SharedLedger"]

log = logging.getLogger("postiz_async.quota")

POLL = 0.25
"""Seconds after which a shared state is looked at again while others hold calls."""

RETRY = 5.0
"""Seconds for which a store that failed is left alone while there are slots set aside."""


class SharedLedger:
    """A ledger in a store, changed by compare-and-swap.

    Without contention a create costs two round trips: one swap to reserve, one to land. Where the
    store has a clock, all times are its; else they are the host's monotonic clock, which all
    processes of a host share until it is started again.

    When the store fails, nothing is spent, except for slots that were set aside in it before; see
    `sharing`. They are lost to the others for the rest of the window, also when they are not
    needed.

    Args:
        store: where the state is.
        name: under which name; it tells neither server nor key.
        ledger: the state of a quota that the store knows nothing of.
        clock: tells the time.
        slots_without_store: slots of each window to set aside, as far as there are any: all
            processes together set a third of the limit aside at most. 0: refuse, whatever the
            store's trouble.
        boot_id: what tells one run of the machine from the next; None: ask the machine.
    """

    def __init__(
        self,
        store: QuotaStore,
        name: str,
        ledger: Ledger,
        clock: Clock,
        *,
        slots_without_store: int = 0,
        boot_id: str | None = None,
    ) -> None:
        if slots_without_store < 0:
            raise ConfigurationError("slots_without_store is 0 or more slots of a window.")
        self._store = store
        self._name = name
        self._clock = clock
        self._slots = slots_without_store
        self._boot = _boot_id() if boot_id is None else boot_id
        self._holder = secrets.token_hex(8)
        self._turn = anyio.Lock()
        self._offset = 0.0
        self._version: int | None = None
        self._state = self._begun(ledger)
        self._written: SharedState | None = None
        """The last state of which we know that it was in the store."""
        self._mine: set[int] = set()
        self._unnoted: list[_Note] = []
        """What the store was not told yet."""
        self._lone: Ledger | None = None
        self._outage: StoreError | None = None
        self._retry_at = -math.inf

    # -------------------------------------------------------------- what is seen

    @property
    def ledger(self) -> Ledger:
        """The state as this process may use it: less what the others have set aside."""
        if self._is_paused() and self._lone is not None:
            return self._within(self._lone)
        current = quota.expire(self._current(), self.now())
        return sharing.beside(current, self._spent_asides())

    @property
    def changed_at(self) -> float | None:
        return self._state.wall if self._written is not None else None

    def now(self) -> float:
        return self._clock.monotonic() + self._offset

    def look_again_in(self) -> float:
        if self._is_paused():
            return RETRY
        now = self.now()
        flights = [flight for flight in self._state.ledger.flights if flight.expires > now]
        if any(flight.token not in self._mine for flight in flights):
            return POLL
        # one of ours whose end could not be noted is over when it expires
        return max(POLL, min((flight.expires for flight in flights), default=math.inf) - now)

    def listen(self, changed: Callable[[], object]) -> bool:
        """No store tells of changes."""
        del changed
        return False

    def unlisten(self) -> None:
        """There is nothing to end."""

    async def refresh(self) -> None:
        async with self._turn:
            try:
                await self._read()
            except StoreError as error:
                if not self._slots:
                    raise
                self._fails(error)

    def restore(self, ledger: Ledger) -> None:
        """The store knows better, unless it has nothing yet."""
        if not self._version and self._written is None:
            self._state = self._begun(ledger)

    # -------------------------------------------------------------- taking and landing

    async def take(
        self,
        ask: Callable[[Ledger, float], Grant | Wait],
        *,
        lifetime: float,
        urgent: bool = False,
    ) -> int | Wait:
        async with self._turn:
            if self._outage is not None and self._is_paused():
                with suppress(StoreError):  # nothing is left; the store may be back
                    return self._take_alone(ask, lifetime, self._outage, urgent=urgent)
            try:
                return await self._take(ask, lifetime, urgent=urgent)
            except StoreError as error:
                if not self._slots or _is_cancelled():
                    raise
                self._fails(error)
                return self._take_alone(ask, lifetime, error, urgent=urgent)

    async def _take(
        self, ask: Callable[[Ledger, float], Grant | Wait], lifetime: float, *, urgent: bool
    ) -> int | Wait:
        if self._version is None or self._outage is not None:
            await self._read()
        while True:
            now = self.now()
            current = quota.expire(self._current(), now)
            decision = ask(sharing.beside(current, self._spent_asides()), now)
            if isinstance(decision, Wait):
                return decision
            expires = now + lifetime
            reserved, token = quota.reserve(current, now, expires=expires, urgent=urgent)
            if await self._taken(reserved, token):
                return token

    async def _taken(self, reserved: Ledger, token: int) -> bool:
        """Write a reservation; a caller who was cancelled meanwhile gives it back."""
        try:
            done = await self._swap(reserved)
        except asyncio.CancelledError:
            if self._state.ledger is reserved:
                await run_to_completion(
                    self._change(lambda ledger, _: quota.released(ledger, token))
                )
            raise
        if done:
            self._mine.add(token)
        return done

    def _take_alone(
        self,
        ask: Callable[[Ledger, float], Grant | Wait],
        lifetime: float,
        error: StoreError,
        *,
        urgent: bool,
    ) -> int | Wait:
        """Reserve one of the slots that were set aside, while the store cannot be used."""
        aside, now = self._aside(), self.now()
        if not aside.slots or now + lifetime + SETTLE > aside.until:
            raise error
        if self._lone is None:
            self._lone = sharing.alone(self._current(), aside)
        lone = self._within(self._lone)
        if now >= lone.blocked_until and now >= lone.ends_before:
            raise error
        decision = ask(lone, now)
        if isinstance(decision, Wait):
            if decision.why is WaitReason.WINDOW:
                raise StoreError(f"{error}\n  Nothing is left of the slots set aside for this.")
            return decision
        expires = now + lifetime
        self._lone, token = quota.reserve(lone, now, expires=expires, urgent=urgent)
        return token

    async def settle(self, event: Callable[[Ledger, float], Ledger]) -> None:
        """As `LedgerHome.land`. A store that fails is logged, and told when it is back.

        Whoever of this process writes next writes it too; mostly there is nothing left to do then.
        """
        note = event, self.now()
        is_known = self._lone is None or not self._lone.flights
        if is_known:
            self._unnoted.append(note)

        async def work() -> None:
            async with self._turn:
                if is_known:
                    await self._note(note)
                elif not self._landed_alone(event):
                    await self._change(event)
                elif self._outage is None:
                    await self._change(lambda ledger, _: ledger)

        await run_to_completion(work())

    def _landed_alone(self, event: Callable[[Ledger, float], Ledger]) -> bool:
        """Whether the event was about a call that the store does not know of."""
        if self._lone is None or not self._lone.flights:
            return False
        with suppress(LookupError):  # it is about a call that the store knows of
            lone = event(self._lone, self.now())
            if len(lone.flights) < len(self._lone.flights):
                self._lone = lone
                return True
        return False

    async def _change(self, event: Callable[[Ledger, float], Ledger]) -> None:
        note = event, self.now()
        self._unnoted.append(note)
        await self._note(note)

    async def _note(self, note: _Note) -> None:
        """Write an event down, and with it whatever else there is to tell."""
        was_out = self._outage is not None
        try:
            if was_out:
                await self._read()
            while note in self._unnoted:
                event, then = note
                event(self._state.ledger, then)
                await self._swap(self._current())
        except StoreError as error:
            log.warning("a create could not be noted, it counts as spent for now: %s", error)
            if self._slots:
                self._fails(error)
        except LookupError:
            self._unnoted.remove(note)
            if not was_out:
                log.warning("a create took longer than its reservation and counts as spent")
        self._mine.intersection_update(flight.token for flight in self._state.ledger.flights)

    # -------------------------------------------------------------- the store

    def _begun(self, ledger: Ledger) -> SharedState:
        """A first state. Its tokens are no other state's, so that none can be mistaken."""
        lineage = secrets.randbits(48)
        return SharedState(ledger=replace(ledger, tokens=lineage), lineage=lineage)

    def _current(self) -> Ledger:
        """The state from which the next is made, with what could not be told to the store."""
        ledger = self._state.ledger
        for event, then in self._unnoted:
            with suppress(LookupError):  # it was told, and only the store's answer was lost
                ledger = event(ledger, then)
        if self._lone is not None and not self._lone.flights:
            ledger = sharing.told(ledger, self._lone)
        if ledger.accounted and (self._slots or self._state.asides):
            ledger = replace(ledger, accounted=False)  # some may be spent and not told
        return ledger

    def _within(self, lone: Ledger) -> Ledger:
        blocked_until = max(lone.blocked_until, self._current().blocked_until)
        return replace(sharing.within(lone, self._aside()), blocked_until=blocked_until)

    def _aside(self) -> Aside:
        """What this process holds in the store, as far as is known."""
        asides = self._state.asides if self._state is self._written else ()
        nothing = Aside(self._holder, 0, -math.inf, -math.inf)
        return next((aside for aside in asides if aside.holder == self._holder), nothing)

    def _others(self, ledger: Ledger) -> tuple[Aside, ...]:
        asides = sharing.still_aside(self._state.asides, ledger, self.now())
        return tuple(aside for aside in asides if aside.holder != self._holder)

    def _spent_asides(self) -> tuple[Aside, ...]:
        """What others may spend without the store, and what we do just now."""
        others = self._others(self._state.ledger)
        return (*others, self._aside()) if self._in_use() else others

    def _in_use(self) -> bool:
        return self._lone is not None and bool(self._lone.flights)

    def _next(self, ledger: Ledger) -> SharedState:
        """The state to write, with what this process holds of it."""
        others, mine = self._others(ledger), self._aside()
        if self._slots and not self._in_use():
            mine = sharing.set_aside(ledger, others, mine, self._slots, self.now())
        return SharedState(
            ledger=ledger,
            lineage=self._state.lineage,
            asides=(*others, mine) if mine.slots else others,
            writer=self._holder,
            boot=self._boot,
            monotonic=self._clock.monotonic(),
            wall=self._clock.time(),
        )

    async def _read(self) -> None:
        self._saw(await self._store.read(self._name))
        self._retry_at = -math.inf

    async def _swap(self, ledger: Ledger) -> bool:
        """Write a state made from the one last seen; when somebody was quicker, see theirs."""
        state = self._next(ledger)
        tells = self._lone is not None and not self._lone.flights
        noted = tuple(self._unnoted)
        value, version = sharing.encode(state), self._version or 0

        async def work() -> bool:
            done, kept = await self._store.swap(self._name, version, value)
            if done or kept[:2] == (value, version + 1):  # done, then asked again by the store
                self._wrote(state, kept)
                self._unnoted = [note for note in self._unnoted if note not in noted]
                if tells:
                    self._lone = None
                return True
            self._saw(kept)
            return False

        return await run_to_completion(work())

    def _wrote(self, state: SharedState, kept: Versioned) -> None:
        self._state = self._written = state
        self._version = kept.version
        self._tell_time(kept)
        if self._outage is not None:
            log.warning("the store of the quota can be used again")
        self._outage = None

    def _saw(self, kept: Versioned) -> None:
        """Take over what the store keeps."""
        self._tell_time(kept)
        if kept.value is None:
            self._lost()
        else:
            self._found(sharing.decode(self._name, kept.value), kept.time)
        self._version = kept.version

    def _found(self, state: SharedState, time: float | None) -> None:
        if time is not None:
            state = sharing.not_ahead(state, time)
        else:
            now, wall = self._clock.monotonic(), self._clock.time()
            state = sharing.on_this_clock(state, self._boot, now, wall)
        if self._written is None or self._written.lineage == state.lineage:
            self._state = self._written = state
            return
        if self._state.lineage != state.lineage:
            log.warning(
                "the store lost the quota's state, and another process wrote it anew; what this "
                "one knows is added. See that the store evicts nothing."
            )
        self._state = sharing.reunited(self._written, state, self._mine)

    def _lost(self) -> None:
        """The store has nothing; if it had something before, write again what was there."""
        if not self._version or self._written is None:
            return
        log.warning(
            "the store lost the quota's state; it is written again from what was seen last. See "
            "that the store evicts nothing."
        )
        self._state = sharing.written_again(self._written, secrets.randbits(48))

    def _is_paused(self) -> bool:
        """Whether the store is left alone for a moment, because it failed just now."""
        return self._outage is not None and self._clock.monotonic() < self._retry_at

    def _fails(self, error: StoreError) -> None:
        self._retry_at = self._clock.monotonic() + RETRY
        if self._outage is None:
            slots = self._aside().slots
            log.warning("%s\n  Slots set aside that may be used meanwhile: %d.", error, slots)
        self._outage = error

    def _tell_time(self, kept: Versioned) -> None:
        if kept.time is not None:
            self._offset = kept.time - self._clock.monotonic()


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _boot_id() -> str:
    """What tells one run of this machine from the next; empty where nothing does."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
