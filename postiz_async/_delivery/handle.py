"""One delivery in its store: read, and changed by compare-and-swap."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from postiz_async._delivery.record import BARE, DeliveryRecord, read_record, write_record
from postiz_async._delivery.transitions import OvertakenError
from postiz_async.clock import run_of
from postiz_async.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from postiz_async.clock import Clock
    from postiz_async.stores import Kept, Records

HOLD = 60.0
"""Seconds beyond the next pause for which a look-up is one caller's alone."""


class Handle(ABC):
    """A delivery in its store.

    Args:
        clock: tells how much has passed, and the time where the store has no clock.
        what: what it is called when it cannot be read.
    """

    def __init__(self, clock: Clock, what: str) -> None:
        self.clock = clock
        self._what = what
        self.record: DeliveryRecord = BARE
        """As it was last seen."""
        self.version: int = 0
        self._ahead: float | None = None
        """Seconds by which the store's clock is ahead of our monotonic one; None: it has none."""

    @abstractmethod
    async def _get(self) -> Kept:
        """What the store has."""

    @abstractmethod
    async def _put(self, delivery: DeliveryRecord, value: bytes) -> tuple[bool, Kept]:
        """Swap it for what has our version. Returns whether that was done, and what is there."""

    def now(self) -> float:
        """The time by the store's clock, or else the monotonic one, which all of a host share."""
        return self.clock.monotonic() + (self._ahead or 0.0)

    async def read(self) -> DeliveryRecord:
        """The delivery now.

        Raises:
            StoreError: it cannot be read.
        """
        if self.saw(await self._get()) and self.clock.boot_id:
            await self._swap(self.record)  # else another process may be at work on it
        return self.record

    async def move(self, event: Callable[[DeliveryRecord], DeliveryRecord]) -> DeliveryRecord:
        """Change it by a transition, as it is when that is written.

        Raises:
            OvertakenError: the event does not fit, also after another look.
            StoreError: it cannot be written, or it was and the store did not say so.
        """
        is_fresh = False
        while True:
            try:
                moved = event(self.record)
            except OvertakenError:
                if is_fresh:
                    raise
                await self.read()
            else:
                if await self._swap(moved):
                    return moved
            is_fresh = True

    async def _swap(self, delivery: DeliveryRecord) -> bool:
        """Put a delivery in the place of that last seen. Returns whether that was done."""
        has_moments = self._ahead is None and delivery.state in {"leaving", "lost"}
        delivery = replace(delivery, run=run_of(self.clock) if has_moments else "")
        value = write_record(delivery)
        done, kept = await self._put(delivery, value)
        if done or kept.value == value:  # a store that asked twice
            self.record, self.version = delivery, kept.version
            self._tell_time(kept)
            return True
        self.saw(kept)
        return False

    def saw(self, kept: Kept) -> bool:
        """Take over what the store has. Returns whether its moments are of another run."""
        self._tell_time(kept)
        if kept.version == self.version:
            return False
        found, run = self._read(kept), run_of(self.clock)
        is_foreign = self._ahead is None and found.state in {"leaving", "lost"} and found.run != run
        if is_foreign:
            found = found.begun_anew(run, self.now(), 2 * HOLD)
        self.record, self.version = found, kept.version
        return is_foreign

    def _read(self, kept: Kept) -> DeliveryRecord:
        try:
            return read_record(kept.value)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self.unreadable(error) from error

    def unreadable(self, error: Exception) -> StoreError:
        """What is said of it when it is damaged, or of another version of the library."""
        return StoreError(
            f"{self._what} in the store cannot be read: {error}. Was it written by another version "
            "of postiz_async? Nothing was sent."
        )

    def _tell_time(self, kept: Kept) -> None:
        if kept.time is not None:
            self._ahead = kept.time - self.clock.monotonic()


class KeyHandle(Handle):
    """The delivery of an idempotency key.

    Args:
        records: where it is.
        scope: the name of the quota that it belongs to.
        key: the key.
        keep: seconds from each change until the store forgets it.
        clock: see `Handle`.
    """

    def __init__(self, records: Records, scope: str, key: str, keep: float, clock: Clock) -> None:
        super().__init__(clock, "The record of an idempotency key")
        self.scope = scope
        self.key = key
        self._records = records
        self._keep = keep

    async def _get(self) -> Kept:
        return self._scaled(await self._records.get(self.scope, self.key))

    async def _put(self, delivery: DeliveryRecord, value: bytes) -> tuple[bool, Kept]:
        del delivery
        done, kept = await self._records.swap(
            self.scope, self.key, self.version, value, keep=self._keep
        )
        return done, self._scaled(kept)

    def _scaled(self, kept: Kept) -> Kept:
        """With the time as fast as ours: an accelerated clock is so for all who share a store."""
        if kept.time is None or not math.isfinite(self.clock.speed):
            return kept
        return kept._replace(time=kept.time * self.clock.speed)
