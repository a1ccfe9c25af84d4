"""Read one delivery in its store, and change it by compare-and-swap."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from postiz_async._delivery.record import BARE, DeliveryRecord, read_record, write_record
from postiz_async._delivery.transitions import OvertakenError
from postiz_async.clock import Clock, run_of
from postiz_async.errors import StoreError
from postiz_async.stores import Kept, Records

HOLD = 60.0
"""Seconds beyond the next pause for which a look-up belongs to one caller."""


class Handle(ABC):
    """A delivery in its store.

    Args:
        clock: measures durations, and gives the time if the store has no clock.
        what: the subject of the error message if the delivery cannot be read.
    """

    def __init__(self, clock: Clock, what: str) -> None:
        self.clock = clock
        self._what = what
        self.record: DeliveryRecord = BARE
        """The record as last seen."""
        self.version: int = 0
        self._ahead: float | None = None
        """Seconds by which the store's clock is ahead of our monotonic one; None: the store has no
        clock."""

    @abstractmethod
    async def _get(self) -> Kept:
        """Read the value and version from the store."""

    @abstractmethod
    async def _put(self, delivery: DeliveryRecord, value: bytes) -> tuple[bool, Kept]:
        """Swap the value if our version is current. Returns whether it was, and what is stored."""

    def now(self) -> float:
        """The time on the store's clock; without one, on the monotonic clock of the host."""
        return self.clock.monotonic() + (self._ahead or 0.0)

    async def read(self) -> DeliveryRecord:
        """Read the delivery from the store.

        Raises:
            StoreError: the delivery cannot be read.
        """
        if self.saw(await self._get()) and self.clock.boot_id:
            await self._swap(self.record)  # without boot id, another process may be at work on it
        return self.record

    async def move(self, event: Callable[[DeliveryRecord], DeliveryRecord]) -> DeliveryRecord:
        """Apply a transition to the current record and write the result.

        Raises:
            OvertakenError: the event does not fit, also after another look.
            StoreError: the result could not be written, or it is not known whether it was.
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
        """Replace the record last seen. Returns whether that was done."""
        has_moments = self._ahead is None and delivery.state in {"leaving", "lost"}
        delivery = replace(delivery, run=run_of(self.clock) if has_moments else "")
        value = write_record(delivery)
        done, kept = await self._put(delivery, value)
        if done or kept.value == value:  # the store repeated the swap
            self.record, self.version = delivery, kept.version
            self._tell_time(kept)
            return True
        self.saw(kept)
        return False

    def saw(self, kept: Kept) -> bool:
        """Take over the stored record. Returns whether its times are of another boot."""
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
        """The error for a record that is damaged, or of another version of the library."""
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
        records: the store.
        scope: the name of the quota that the key belongs to.
        key: the key.
        keep: seconds from each change until the store forgets the record.
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
        """The stored value with its time scaled to the speed of the client's clock."""
        if kept.time is None or not math.isfinite(self.clock.speed):
            return kept
        return kept._replace(time=kept.time * self.clock.speed)
