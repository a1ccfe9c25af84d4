"""Where a ledger lives: in this process, or in a store that others share.

The scheduler asks, reserves and lands through one of two homes; the ledger itself stays pure. All
times of a home are on the home's own clock, `now()`: this process's monotonic clock, or the time
of the store.
"""

from __future__ import annotations

import asyncio
import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import anyio
import msgspec

from postiz_async import quota
from postiz_async.errors import StoreError
from postiz_async.quota import Ledger, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from postiz_async.clock import Clock
    from postiz_async.quota import Grant
    from postiz_async.stores import QuotaStore, Versioned

__all__ = ["LedgerHome", "OwnLedger", "SharedLedger", "to_the_end"]

T = TypeVar("T")

log = logging.getLogger("postiz_async.quota")

POLL = 0.25
"""Seconds after which a shared state is looked at again while others hold calls."""

SCHEMA = 1


class LedgerHome(Protocol):
    """Holds one ledger."""

    @property
    def ledger(self) -> Ledger:
        """The state as it was last seen."""
        ...

    def now(self) -> float:
        """Seconds of the home's clock, the clock of all times in its ledger."""
        ...

    def look_again_in(self) -> float:
        """Seconds after which somebody else may have given a slot back; infinity: nobody can.

        Without calls in flight a state only gets worse, which the next swap finds out.
        """
        ...

    @property
    def changed_at(self) -> float | None:
        """Wall time, in seconds since the epoch, of the last change; None if there was none."""
        ...

    async def refresh(self) -> None:
        """Look at the state again."""
        ...

    def recall(self, ledger: Ledger) -> None:
        """Start from a state that was written down elsewhere, if nothing newer is known."""
        ...

    async def take(
        self,
        ask: Callable[[Ledger, float], Grant | Wait],
        *,
        lifetime: float,
        urgent: bool = False,
    ) -> int | Wait:
        """Reserve a slot if `ask` grants it. Returns a token, or the verdict to wait.

        A holder that dies keeps its slot for `lifetime` seconds; then it counts as spent. That
        an interactive call was `urgent` is remembered, for more may come.
        """
        ...

    async def land(self, event: Callable[[Ledger, float], Ledger]) -> None:
        """End a reservation: change the state by `event`."""
        ...


class OwnLedger:
    """The ledger of a client that shares it with nobody."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self.ledger = ledger
        self.changed_at: float | None = None
        self._clock = clock

    def now(self) -> float:
        return self._clock.monotonic()

    def look_again_in(self) -> float:
        return math.inf

    async def refresh(self) -> None:
        """There is nobody else."""

    def recall(self, ledger: Ledger) -> None:
        self.ledger = ledger

    async def take(
        self,
        ask: Callable[[Ledger, float], Grant | Wait],
        *,
        lifetime: float,
        urgent: bool = False,
    ) -> int | Wait:
        del lifetime  # this process is the only holder
        verdict = ask(self.ledger, self.now())
        if isinstance(verdict, Wait):
            return verdict
        self.ledger, token = quota.reserve(self.ledger, self.now(), urgent=urgent)
        return token

    async def land(self, event: Callable[[Ledger, float], Ledger]) -> None:
        self.ledger = event(self.ledger, self.now())
        self.changed_at = self._clock.time()


class _State(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a store: the ledger, and by whose clocks its times were taken."""

    schema: int = SCHEMA
    ledger: Ledger
    boot: str = ""
    monotonic: float = 0.0
    wall: float = 0.0


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_State)


class SharedLedger:
    """A ledger in a store, changed by compare-and-swap.

    Without contention a create costs two round trips: one swap to reserve, one to land. Where the
    store has a clock, all times are its; else they are the host's monotonic clock, which all
    processes of a host share until it is started again.
    """

    def __init__(self, store: QuotaStore, name: str, ledger: Ledger, clock: Clock) -> None:
        self.ledger = ledger
        self.changed_at: float | None = None
        self._store = store
        self._name = name
        self._clock = clock
        self._fresh = ledger
        self._version: int | None = None
        self._offset = 0.0
        self._mine: set[int] = set()
        self._turn = anyio.Lock()
        self._boot = _boot_id()

    def now(self) -> float:
        return self._clock.monotonic() + self._offset

    def look_again_in(self) -> float:
        flights = self.ledger.flights
        if any(flight.token not in self._mine for flight in flights):
            return POLL
        # one of ours whose end could not be noted is over when it expires
        return max(POLL, min((flight.expires for flight in flights), default=math.inf) - self.now())

    async def refresh(self) -> None:
        async with self._turn:
            self._saw(await self._store.read(self._name))

    def recall(self, ledger: Ledger) -> None:
        """The store knows better, unless it has nothing yet."""
        self._fresh = ledger
        if not self._version:
            self.ledger = ledger

    async def take(
        self,
        ask: Callable[[Ledger, float], Grant | Wait],
        *,
        lifetime: float,
        urgent: bool = False,
    ) -> int | Wait:
        async with self._turn:
            if self._version is None:
                self._saw(await self._store.read(self._name))
            while True:
                now = self.now()
                current = quota.expire(self.ledger, now)
                verdict = ask(current, now)
                if isinstance(verdict, Wait):
                    return verdict
                expires = now + lifetime
                reserved, token = quota.reserve(current, now, expires=expires, urgent=urgent)
                if await self._taken(reserved, token):
                    return token

    async def _taken(self, reserved: Ledger, token: int) -> bool:
        """Write a reservation; a caller who was cancelled meanwhile gives it back."""
        try:
            done = await self._swap(reserved)
        except asyncio.CancelledError:
            if self.ledger is reserved:
                await self._change(lambda ledger, _: quota.released(ledger, token))
            raise
        if done:
            self._mine.add(token)
        return done

    async def land(self, event: Callable[[Ledger, float], Ledger]) -> None:
        """As `LedgerHome.land`. A store that fails is logged: the call then counts as spent."""

        async def work() -> None:
            async with self._turn:
                await self._change(event)

        await to_the_end(work())

    async def _change(self, event: Callable[[Ledger, float], Ledger]) -> None:
        try:
            while not await self._swap(event(self.ledger, self.now())):
                pass
        except StoreError as error:
            log.warning("a create could not be noted, it counts as spent: %s", error)
        except LookupError:
            log.warning("a create took longer than its reservation and counts as spent")
        self._mine.intersection_update(flight.token for flight in self.ledger.flights)

    async def _swap(self, ledger: Ledger) -> bool:
        """Write a state made from the one last seen; when somebody was quicker, see theirs."""
        value = _encoder.encode(
            _State(
                ledger=ledger,
                boot=self._boot,
                monotonic=self._clock.monotonic(),
                wall=self._clock.time(),
            )
        )

        async def work() -> bool:
            done, kept = await self._store.swap(self._name, self._version or 0, value)
            if done:
                self.ledger, self._version = ledger, kept.version
                self.changed_at = self._clock.time()
                self._tell_time(kept)
            else:
                self._saw(kept)
            return done

        return await to_the_end(work())

    def _saw(self, kept: Versioned) -> None:
        """Take over what the store keeps."""
        self._tell_time(kept)
        self._version = kept.version
        if kept.value is None:
            self.ledger = self._fresh
            return
        try:
            state = _decoder.decode(kept.value)
        except msgspec.DecodeError as error:
            raise StoreError(
                f"The store has something else under {self._name}: {error}. Nothing is sent; "
                "delete the entry if no other program needs it."
            ) from error
        if state.schema != SCHEMA:
            raise StoreError(
                f"The store was written by another version of this library (schema "
                f"{state.schema}, this one knows {SCHEMA}). Use one version everywhere."
            )
        self.ledger, self.changed_at = state.ledger, state.wall
        if kept.time is None and state.boot != self._boot:
            here = self._clock.monotonic() - self._clock.time()
            self.ledger = quota.shifted(state.ledger, here - state.monotonic + state.wall)

    def _tell_time(self, kept: Versioned) -> None:
        if kept.time is not None:
            self._offset = kept.time - self._clock.monotonic()


async def to_the_end(work: Coroutine[object, object, T]) -> T:
    """Await `work` to its end, also when the caller is cancelled; then let that go on."""
    task = asyncio.get_running_loop().create_task(work)
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is not None and task.exception() is None:
        raise cancelled
    return task.result()


def _boot_id() -> str:
    """What tells one run of this machine from the next; empty where nothing does."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
