"""Ledgers in memory, which the clients of one process share.

They serve clients without a store, in any thread or event loop: a web handler that opens a client
for each request must not forget the window each time.

A change is made under a lock that is held for microseconds. Nothing waits, logs or calls another
event loop meanwhile. Clients that wait for a change are woken after it; none polls.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import threading
import weakref
from functools import cache
from typing import TYPE_CHECKING

from msgspec.structs import replace

from postiz_async import _quota as quota
from postiz_async._logs import Log
from postiz_async._quota import WINDOW, Grant, Ledger, Wait
from postiz_async.clock import Clock, SystemClock
from postiz_async.stores.memory import Guard, MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    _Key = tuple[str, float]
    _Listener = tuple[asyncio.AbstractEventLoop, Callable[[], object]]


log = logging.getLogger("postiz_async.quota")

_SERVERLESS = ("AWS_LAMBDA_FUNCTION_NAME", "FUNCTIONS_WORKER_RUNTIME", "K_SERVICE", "VERCEL")
"""Variables of AWS Lambda, Azure Functions, Cloud Run and Vercel, where processes come and go."""


@cache
def _warn_where_processes_are_short() -> None:
    """Say once, with the first create, that nobody remembers it where processes come and go."""
    if found := [name for name in _SERVERLESS if name in os.environ]:
        log.warning(
            "a create without a store in a serverless environment (%s is set): other invocations "
            "do not know of it, and together they exceed the hourly quota and are locked out. Give "
            "the client store='postgresql://...', which they share",
            found[0],
        )


class _Entry:
    """The ledger of one route of one organisation, and the listeners for its changes."""

    __slots__ = ("__weakref__", "changed_at", "key", "ledger", "listeners")

    def __init__(self, key: _Key, ledger: Ledger) -> None:
        self.key: _Key = key
        self.ledger: Ledger = ledger
        self.changed_at: float | None = None
        self.listeners: dict[LocalLedger, _Listener] = {}


class LocalLedgers:
    """The ledgers of this process that share one clock.

    An unused ledger is kept while its window, lock-out or log matters, or while a burst by other
    clients may repeat, and is then dropped at the next occasion. Beside them are the records of
    idempotency keys.
    """

    def __init__(self) -> None:
        self.records: MemoryStore = MemoryStore()
        self._known: weakref.WeakValueDictionary[_Key, _Entry] = weakref.WeakValueDictionary()
        self._kept: dict[_Key, _Entry] = {}
        self._tidy_at = -math.inf

    def __len__(self) -> int:
        return len(self._known)

    def handle(self, name: str, fresh: Ledger, clock: Clock) -> LocalLedger:
        """The ledger with this name; `fresh` is its state if nothing is known."""
        key = name, fresh.window.length
        with Guard.lock:
            entry = self._known.get(key)
            if entry is None:
                entry = self._known[key] = _Entry(key, fresh)
        return LocalLedger(self, entry, clock, fresh.reserve)

    def keep(self, entry: _Entry, now: float) -> None:
        """Keep a changed entry, even after its last client is gone. The lock is held."""
        self._kept[entry.key] = entry
        if now >= self._tidy_at:
            self._tidy_at = now + WINDOW
            kept = self._kept.items()
            self._kept = {key: each for key, each in kept if not each.ledger.is_forgettable(now)}

    def forget(self) -> None:
        """Drop all ledgers that no client uses, as a new process would."""
        with Guard.lock:
            self._kept.clear()
            self.records = MemoryStore()

    def forked(self) -> None:
        """Drop all listeners in a child process after a fork: they are in the parent."""
        for entry in self._known.values():
            entry.listeners.clear()


class LocalLedger:
    """One client's handle of a ledger in this process."""

    def __init__(
        self, ledgers: LocalLedgers, entry: _Entry, clock: Clock, reserve: int | None
    ) -> None:
        self._ledgers = ledgers
        self._entry = entry
        self._clock = clock
        self._reserve = reserve
        self.log: Log = log
        """Can be replaced by the logger of an organisation."""

    @property
    def ledger(self) -> Ledger:
        return self._as_ours(self._entry.ledger)

    @property
    def changed_at(self) -> float | None:
        return self._entry.changed_at

    def now(self) -> float:
        return self._clock.monotonic()

    def look_again_in(self) -> float:
        """Seconds until the next call whose client never reported its end is taken for dead."""
        return max(0.0, self._entry.ledger.flights.first_expiry - self.now())

    def listen(self, changed: Callable[[], object]) -> bool:
        if self in self._entry.listeners:
            return False
        with Guard.lock:
            self._entry.listeners[self] = asyncio.get_running_loop(), changed
        return True

    def unlisten(self) -> None:
        with Guard.lock:
            self._entry.listeners.pop(self, None)

    async def refresh(self) -> None:
        with Guard.lock:
            self._entry.ledger = quota.expire(self._entry.ledger, self.now())

    def restore(self, ledger: Ledger) -> None:
        entry = self._entry
        with Guard.lock:
            if not entry.ledger.is_at_rest(self.now()):
                return
            entry.ledger = ledger
            self._ledgers.keep(entry, self.now())
            others = self._others()
        self._tell(others)

    async def take(
        self,
        ask: Callable[[Ledger, float], Grant | Wait],
        *,
        lifetime: float,
        urgent: bool = False,
    ) -> int | Wait:
        return self.take_at_once(ask, lifetime=lifetime, urgent=urgent)

    def take_at_once(
        self,
        ask: Callable[[Ledger, float], Grant | Wait],
        *,
        lifetime: float,
        urgent: bool = False,
    ) -> int | Wait:
        entry = self._entry
        with Guard.lock:
            now = self._clock.monotonic()
            current = entry.ledger
            if current.flights.open:
                current = entry.ledger = quota.expire(current, now)
            decision = ask(self._as_ours(current), now)
            if isinstance(decision, Wait):
                return decision
            entry.ledger, token = quota.acquired(
                current, now, expires=now + lifetime, urgent=urgent
            )
            self._ledgers.keep(entry, now)
            others = self._others() if entry.listeners else ()
        if others:
            self._tell(others)
        _warn_where_processes_are_short()
        return token

    async def settle(self, event: Callable[[Ledger, float], Ledger]) -> None:
        entry = self._entry
        try:
            with Guard.lock:
                now = self._clock.monotonic()
                entry.ledger = event(entry.ledger, now)
                entry.changed_at = self._clock.time()
                others = self._others() if entry.listeners else ()
        except LookupError:
            self.log.warning("a create took longer than its reservation and counts as spent")
        else:
            if others:
                self._tell(others)

    async def change(self, event: Callable[[Ledger, float], Ledger]) -> None:
        """Change the state by an event that is no end of a reservation."""
        await self.settle(event)
        with Guard.lock:
            self._ledgers.keep(self._entry, self.now())

    def _as_ours(self, ledger: Ledger) -> Ledger:
        """The ledger with this client's `reserve`, which is each client's own choice."""
        if ledger.reserve == self._reserve:
            return ledger
        return replace(ledger, reserve=self._reserve)

    def _others(self) -> tuple[tuple[LocalLedger, _Listener], ...]:
        """The other listeners for changes. The lock is held."""
        listeners = self._entry.listeners.items()
        return tuple(listener for listener in listeners if listener[0] is not self)

    def _tell(self, others: tuple[tuple[LocalLedger, _Listener], ...]) -> None:
        for handle, (loop, changed) in others:
            try:
                loop.call_soon_threadsafe(changed)
            except RuntimeError:  # its event loop has ended, and so have its waiting calls
                handle.unlisten()


# ------------------------------------------------------------------ the default of all clients

_ledgers: dict[tuple[int, int], LocalLedgers] = {}
"""Ledgers by the identities of clock and transport; those of `SystemClock` and None are kept for
ever."""


def ledgers_of_process(clock: Clock, transport: object = None) -> LocalLedgers:
    """The ledgers that clients of this process share if they have no store.

    Args:
        clock: all system clocks are one; beside them each clock has ledgers of its own, because
            their times mean nothing to one another.
        transport: the transport that a client was given, which may lead to another server than its
            address says, such as a sandbox in memory. None: none was given.
    """
    shown: object = SystemClock if type(clock) is SystemClock else clock
    key = id(shown), id(transport)
    if key not in _ledgers:
        try:
            for owner in (shown, transport):
                if owner is not None:
                    weakref.finalize(owner, _ledgers.pop, key, None).atexit = False
        except TypeError:  # without weak references its id might be reused
            return LocalLedgers()
    return _ledgers.setdefault(key, LocalLedgers())


def records_of_process(clock: Clock, transport: object = None) -> MemoryStore:
    """The records of idempotency keys that clients of this process share if they have no store.

    Args:
        clock: as for `ledgers_of_process`.
        transport: as for `ledgers_of_process`.
    """
    return ledgers_of_process(clock, transport).records


def _after_fork() -> None:
    """Replace the lock in a child process: a thread of the parent may have held it."""
    Guard.lock = threading.RLock()
    for ledgers in _ledgers.values():
        ledgers.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
