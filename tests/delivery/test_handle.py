"""A delivery in its store: changed as it is there, whatever was seen of it before."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from msgspec.structs import replace

from postiz_async._delivery import transitions
from postiz_async._delivery.handle import HOLD, KeyHandle
from postiz_async._delivery.record import BARE, DeliveryPost, DeliveryRecord, write_record
from postiz_async._delivery.transitions import OvertakenError
from postiz_async.clock import Clock, JumpingClock
from postiz_async.stores import Kept
from postiz_async.stores.memory import MemoryStore

POSTS = (DeliveryPost("c1"),)


def handle_of(store: MemoryStore, clock: Clock) -> KeyHandle:
    return KeyHandle(store, "quota", "key", 3_600.0, clock)


def leaves(handle: KeyHandle, attempt: str, was: DeliveryRecord) -> DeliveryRecord:
    return transitions.left(
        was,
        attempt,
        posts=POSTS,
        fingerprint={},
        date="d",
        now=handle.now(),
        served_at=0.0,
        seconds=30.0,
    )


class SlowReads(MemoryStore):
    """Answers a look with what was there when it was asked."""

    go_on: asyncio.Event | None = None

    async def get(self, scope: str, key: str, /) -> Kept:
        kept = await super().get(scope, key)
        if self.go_on is not None:
            await self.go_on.wait()
        return kept


async def test_one_of_two_that_leave_at_once_is_overtaken() -> None:
    store, clock = MemoryStore(), JumpingClock()
    one, two = handle_of(store, clock), handle_of(store, clock)
    await one.move(partial(leaves, one, "a"))
    with pytest.raises(OvertakenError):
        await two.move(partial(leaves, two, "b"))
    assert two.record == one.record


async def test_an_event_that_fits_what_is_there_now_is_applied_to_that() -> None:
    store, clock = MemoryStore(), JumpingClock()
    one, two = handle_of(store, clock), handle_of(store, clock)
    await one.move(partial(leaves, one, "a"))
    await two.read()
    await one.move(partial(transitions.lost, attempt="a", now=one.now(), is_broken=True))
    claimed = await two.move(partial(transitions.claimed, holder="h", now=two.now(), seconds=HOLD))
    assert (claimed.state, claimed.is_broken, claimed.holder) == ("lost", True, "h")
    stored = await one.move(partial(transitions.answered, attempt="a", ids={0: "p1"}))
    assert stored.state == "stored", "whoever sent it may say so while another looks"
    assert await two.read() == stored


async def test_a_look_that_arrives_after_a_change_does_no_harm() -> None:
    store, clock = SlowReads(), JumpingClock()
    handle, other = handle_of(store, clock), handle_of(store, clock)
    store.go_on = asyncio.Event()
    look = asyncio.create_task(handle.read())
    await asyncio.sleep(0)
    await handle.move(partial(leaves, handle, "a"))
    store.go_on.set()
    assert await look == BARE
    await handle.move(partial(transitions.lost, attempt="a", now=handle.now(), is_broken=False))
    assert (await other.read()).state == "lost"


async def test_moments_of_another_run_of_the_machine_begin_anew() -> None:
    store, clock = MemoryStore(), JumpingClock()
    handle = handle_of(store, clock)
    left = await handle.move(partial(leaves, handle, "a"))
    foreign = replace(left, run="another", left_at=9e9, gone_at=9e9 + 30, mended_at=9e9)
    value = write_record(foreign)
    assert (await store.swap("quota", "key", handle.version, value, keep=3_600.0))[0]
    clock.advance(100)
    seen = await handle_of(store, clock).read()
    now = clock.monotonic()
    assert (seen.left_at, seen.gone_at, seen.mended_at) == (now, now + 30, now)
