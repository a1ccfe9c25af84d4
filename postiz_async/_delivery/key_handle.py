"""The record of one idempotency key in its store: read, changed, and claimed to be looked up."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from postiz_async._delivery.key_record import read_record, write_record
from postiz_async._delivery.lookup import Looks
from postiz_async.clock import run_of
from postiz_async.errors import StoreError

if TYPE_CHECKING:
    from postiz_async._delivery.key_record import KeyRecord
    from postiz_async.clock import Clock
    from postiz_async.stores import Kept, Records

__all__ = ["Claim", "ClaimLostError", "KeyHandle", "SeenRecord"]

log = logging.getLogger("postiz_async")

CLAIM = 60.0
"""Seconds beyond the next pause for which a look-up is one caller's alone."""


class SeenRecord(NamedTuple):
    """A record as the store had it, with its version."""

    record: KeyRecord
    version: int


@dataclass(slots=True)
class KeyHandle:
    """The record of one key.

    Args:
        store: where it is.
        quota: the name of the quota that the key belongs to.
        key: the caller's key.
        keep: seconds from each change until the store forgets it.
        clock: tells how much has passed, and the time where the store has no clock.
    """

    store: Records
    quota: str
    key: str
    keep: float
    clock: Clock
    ahead: float | None = None
    """Seconds by which the store's clock is ahead of our monotonic one; None: it has none.

    It is taken to be as fast as ours: an accelerated clock is so for all who share a store.
    """
    _anew: SeenRecord | None = None
    """A record of another run of the machine, from when on it was seen here."""

    def now(self) -> float:
        """The time by the store's clock, or else the monotonic one, which all of a host share."""
        return self.clock.monotonic() + (self.ahead or 0.0)

    async def read(self) -> SeenRecord:
        """The record now.

        Raises:
            StoreError: it cannot be read.
        """
        seen = self._seen(await self.store.get(self.quota, self.key))
        if seen is self._anew and self.clock.boot_id:  # else another process may be at work on it
            _, seen = await self.swap(seen.version, seen.record)
        return seen

    async def swap(self, version: int, record: KeyRecord) -> tuple[bool, SeenRecord]:
        """Put a record in the place of that with a version.

        Returns:
            Whether that was done, and the record as it is then.

        Raises:
            StoreError: it cannot be written, or it was and the store did not say so.
        """
        has_moments = self.ahead is None and record.state == "sending"
        value = write_record(replace(record, run=run_of(self.clock) if has_moments else ""))
        done, kept = await self.store.swap(self.quota, self.key, version, value, keep=self.keep)
        was_done = kept.value == value  # a store that asked twice
        return done or was_done, self._seen(kept)

    def _seen(self, kept: Kept) -> SeenRecord:
        if kept.time is not None:
            speed = self.clock.speed if math.isfinite(self.clock.speed) else 1.0
            self.ahead = kept.time * speed - self.clock.monotonic()
        seen = SeenRecord(read_record(kept.value), kept.version)
        run = run_of(self.clock)
        if self.ahead is not None or seen.record.state != "sending" or seen.record.run == run:
            return seen
        if self._anew is None or self._anew.version != seen.version:
            anew = seen.record.begun_anew(run, self.now(), 2 * CLAIM)
            self._anew = SeenRecord(anew, seen.version)
        return self._anew


class ClaimLostError(Exception):
    """Somebody else changed the record of a look-up. Never leaves `delivery`."""


class Claim:
    """The right to look a lost request up, which one caller has at a time.

    It is renewed before each pause and before anything is mended. A dead caller does not renew it,
    and a slow one notices that somebody else has it, because the record has changed.

    Args:
        handle: of the key.
        seen: the record whose request was lost.
        looker: what tells this caller from all others.
    """

    def __init__(self, handle: KeyHandle, seen: SeenRecord, looker: str) -> None:
        self._handle = handle
        self._seen = seen
        self._looker = looker
        self._is_over = False
        record, now, monotonic = seen.record, handle.now(), handle.clock.monotonic()
        self.looks: Looks = Looks(
            max(0.0, now - record.ends_at), record.seen, monotonic - (now - record.seen_at)
        )

    @property
    def record(self) -> KeyRecord:
        """The record as it was last written."""
        return self._seen.record

    async def renew(self, seconds: float = 0.0) -> None:
        """Have it for this many seconds, and some more.

        Raises:
            ClaimLostError: somebody else changed the record.
            StoreError: it cannot be written.
        """
        until = self._handle.now() + seconds + CLAIM
        await self._write(replace(self._as_seen(), looker=self._looker, looks_until=until))

    async def mend(self) -> None:
        """Write down that a post is about to be repaired; raises what `renew` raises.

        What was seen before does not count any more.
        """
        self.looks.seen, now = None, self._handle.now()
        await self._write(replace(self.record, seen=None, mended_at=now, looks_until=now + CLAIM))

    async def settle(self, record: KeyRecord) -> None:
        """Write down what was found out; raises what `renew` raises."""
        await self._write(record)
        self._is_over = True

    async def release(self) -> None:
        """Let others look, who go on where this caller stopped."""
        if self._is_over or self.record.looker != self._looker:
            return
        try:
            await self._write(replace(self._as_seen(), looker="", looks_until=0.0))
        except ClaimLostError:
            log.debug("an idempotency key was looked up by somebody else meanwhile")
        except StoreError as error:
            log.warning("nobody looks an idempotency key up for %g s: %s", CLAIM, error)

    def _as_seen(self) -> KeyRecord:
        """The record with what was seen so far."""
        if self.looks.seen is None:
            return self.record
        passed = self._handle.clock.monotonic() - self.looks.seen_at
        seen_at = self._handle.now() - passed
        return replace(self.record, seen=dict(self.looks.seen), seen_at=seen_at)

    async def _write(self, record: KeyRecord) -> None:
        done, seen = await self._handle.swap(self._seen.version, record)
        if not done:
            self._is_over = True
            raise ClaimLostError
        self._seen = seen
