"""One delivery in its store: read, and changed by compare-and-swap."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from postiz_async._delivery.record import BARE, DeliveryRecord, read_record, write_record
from postiz_async._delivery.transitions import OvertakenError
from postiz_async.clock import run_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from postiz_async.clock import Clock
    from postiz_async.stores import Kept, Records

HOLD = 60.0
"""Seconds beyond the next pause for which a look-up is one caller's alone."""


@dataclass(slots=True)
class Handle:
    """A delivery in its store.

    Args:
        records: where it is.
        scope: the name of the quota that it belongs to.
        key: of the delivery.
        keep: seconds from each change until the store forgets it.
        clock: tells how much has passed, and the time where the store has no clock.
    """

    records: Records
    scope: str
    key: str
    keep: float
    clock: Clock
    record: DeliveryRecord = field(default=BARE, init=False)
    """As it was last seen."""
    version: int = field(default=0, init=False)
    _ahead: float | None = field(default=None, init=False)
    """Seconds by which the store's clock is ahead of our monotonic one; None: it has none.

    It is taken to be as fast as ours: an accelerated clock is so for all who share a store.
    """

    def now(self) -> float:
        """The time by the store's clock, or else the monotonic one, which all of a host share."""
        return self.clock.monotonic() + (self._ahead or 0.0)

    async def read(self) -> DeliveryRecord:
        """The delivery now.

        Raises:
            StoreError: it cannot be read.
        """
        if self._saw(await self.records.get(self.scope, self.key)) and self.clock.boot_id:
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
        done, kept = await self.records.swap(
            self.scope, self.key, self.version, value, keep=self.keep
        )
        if done or kept.value == value:  # a store that asked twice
            self.record, self.version = delivery, kept.version
            self._tell_time(kept)
            return True
        self._saw(kept)
        return False

    def _saw(self, kept: Kept) -> bool:
        """Take over what the store has. Returns whether its moments are of another run."""
        self._tell_time(kept)
        if kept.version == self.version:
            return False
        found, run = read_record(kept.value), run_of(self.clock)
        is_foreign = self._ahead is None and found.state in {"leaving", "lost"} and found.run != run
        if is_foreign:
            found = found.begun_anew(run, self.now(), 2 * HOLD)
        self.record, self.version = found, kept.version
        return is_foreign

    def _tell_time(self, kept: Kept) -> None:
        if kept.time is not None:
            speed = self.clock.speed if math.isfinite(self.clock.speed) else 1.0
            self._ahead = kept.time * speed - self.clock.monotonic()
