"""Halting all creates in a store: every client that shares it stops, in every kind of store."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from ledgers import ledger_of
from world import OnClock, lab

from postiz_async import NewPost, _quota as quota
from postiz_async._quota import Ledger, Wait, WaitReason, decide
from postiz_async._resources.api import opened
from postiz_async._sandbox import MemoryServer
from postiz_async.clock import JumpingClock
from postiz_async.errors import HaltedError, StoreError
from postiz_async.stores._local_ledger import LocalLedgers
from postiz_async.stores._shared_ledger import SharedLedger
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing._transport import sandbox_client

if TYPE_CHECKING:
    from postiz_async.stores import Kept, Records

WALL = 1_924_992_000.0


async def halt(handle: SharedLedger, by: str = "anna", wall: float = WALL) -> None:
    await handle.change(lambda ledger, _: quota.halted(ledger, by, wall))


def handle_of(store: Records) -> SharedLedger:
    """That of a new process."""
    return SharedLedger(store, "name", ledger_of(limit=9), JumpingClock())


async def asked(handle: SharedLedger) -> int | Wait:
    return await handle.take(decide, lifetime=60.0)


async def test_every_client_of_a_store_stops_and_goes_on(store: Records) -> None:
    one, two = handle_of(store), handle_of(store)
    token = await asked(two)
    assert isinstance(token, int)
    await halt(one)
    await two.settle(lambda ledger, _: quota.released(ledger, token))
    for handle in (one, two, handle_of(store)):
        verdict = await asked(handle)
        assert isinstance(verdict, Wait)
        assert verdict.why is WaitReason.HALTED
    await halt(one, "")
    await two.refresh()
    assert isinstance(await asked(two), int)


async def test_a_reservation_is_refused_though_its_client_has_not_looked(store: Records) -> None:
    one, two = handle_of(store), handle_of(store)
    token = await asked(two)
    assert isinstance(token, int)
    await two.settle(lambda ledger, _: quota.released(ledger, token))
    await halt(one)
    assert not two.ledger.halt.by
    assert isinstance(await asked(two), Wait)


class OldStore(MemoryStore):
    """Can lose its state, or go back to an older one, as PostgreSQL does at a fail-over."""

    def keep(self) -> None:
        self.kept = dict(self._records)

    def restore(self) -> None:
        self._records = dict(self.kept)

    def lose(self) -> None:
        self._records.clear()


@pytest.mark.parametrize("loss", ["lost", "lost and written by another", "set back"])
@pytest.mark.parametrize("last", ["anna", ""])
async def test_the_last_word_outlives_what_a_store_loses(loss: str, last: str) -> None:
    store = OldStore()
    one, two = handle_of(store), handle_of(store)
    await halt(one, "" if last else "ben", WALL - 9)
    await two.refresh()
    store.keep()
    await halt(one, last)
    if loss == "set back":
        store.restore()
    else:
        store.lose()
    if loss == "lost and written by another":
        await two.change(lambda ledger, _: ledger)
    await one.change(lambda ledger, _: ledger)
    for handle in (one, two, handle_of(store)):
        await handle.refresh()
        assert handle.ledger.halt.by == last


class Failing(MemoryStore):
    """Fails, before or after it has changed what it has."""

    fails = ""

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        fails, self.fails = self.fails, ""
        if fails == "before":
            raise StoreError("away")
        done = await super().swap(scope, key, version, value, keep=keep)
        if fails:
            raise StoreError("the answer is lost", may_be_done=True)
        return done


@pytest.mark.parametrize("fails", ["before", "after"])
async def test_a_halt_that_may_not_be_written_is_no_halt_and_can_be_repeated(fails: str) -> None:
    store = Failing()
    handle = handle_of(store)
    store.fails = fails
    with pytest.raises(StoreError):
        await halt(handle)
    await halt(handle)
    other = handle_of(store)
    await other.refresh()
    assert other.ledger.halt.by == "anna"


async def test_a_ledger_of_the_process_keeps_its_halt_when_its_clients_are_gone() -> None:
    ledgers, clock = LocalLedgers(), JumpingClock()
    await ledgers.handle("name", Ledger(), clock).change(
        lambda ledger, _: quota.halted(ledger, "anna", WALL)
    )
    clock.advance(86_400)
    await ledgers.handle("another", Ledger(), clock).change(lambda ledger, _: ledger)
    handle = ledgers.handle("name", Ledger(), clock)
    handle.restore(ledger_of(limit=5))  # of the journal of a campaign
    assert handle.ledger.halt.by == "anna"


# ------------------------------------------------------------------ calls that wait


@pytest.mark.parametrize("is_shared", [True, False])
async def test_calls_that_wait_for_a_slot_end_when_somebody_halts(*, is_shared: bool) -> None:
    """At once those of clients that are told; the others at their next look, unsent."""
    store = MemoryStore() if is_shared else None
    async with lab(limit=2, store=store) as it:
        for number in range(2):
            await it.create(number)
        waiting = [asyncio.create_task(it.create(number)) for number in range(2, 6)]
        await it.clock.sleep(60)
        began = it.clock.monotonic()
        await opened(it.postiz).scheduler.halt("anna")
        for call in waiting:
            with pytest.raises(HaltedError) as caught:
                await call
            assert (caught.value.by, caught.value.may_be_stored) == ("anna", False)
        assert it.clock.monotonic() == began
        assert len(it.sandbox.creates) == 2


async def test_a_call_of_another_process_that_waits_does_not_leave(store: Records) -> None:
    async with MemoryServer(clock=JumpingClock(), limit=1) as sandbox:
        channel = sandbox.add_channel("mastodon").id
        at = datetime.fromtimestamp(sandbox.clock.time() + 30 * 86_400, UTC)
        shared = OnClock(store, sandbox.clock, sandbox.clock.hold)
        async with (
            sandbox_client(sandbox, store=shared) as one,
            sandbox_client(sandbox, store=shared) as two,
        ):
            await one.posts.schedule(NewPost(channel, "1"), at=at)
            waiting = asyncio.create_task(one.posts.schedule(NewPost(channel, "2"), at=at))
            await sandbox.clock.sleep(60)
            scheduler = opened(two).scheduler
            await scheduler.halt("anna")
            with pytest.raises(HaltedError):
                await waiting
            with pytest.raises(HaltedError):
                await two.posts.schedule(NewPost(channel, "3"), at=at)
            await scheduler.end_halt(scheduler.ledger.halt)
            await one.posts.schedule(NewPost(channel, "4"), at=at)
        assert [post.content for post in sandbox.posts] == ["1", "4"]


async def test_nobody_takes_back_what_somebody_else_said_later() -> None:
    async with lab(store=MemoryStore()) as it:
        scheduler = opened(it.postiz).scheduler
        await scheduler.halt("anna")
        said = scheduler.ledger.halt
        await scheduler.halt("ben")
        await scheduler.end_halt(said)
        assert scheduler.ledger.halt.by == "ben"


async def test_the_look_for_creates_under_way_ends() -> None:
    """Of a process that died one stays under way for minutes."""
    async with lab(limit=9, store=MemoryStore(), latency=5.0) as it:
        scheduler = opened(it.postiz).scheduler
        creating = asyncio.create_task(it.create(1))
        await it.clock.sleep(0.1)
        assert scheduler.ledger.flights.open
        await scheduler.until_landed(60)
        assert not scheduler.ledger.flights.open
        await creating
        await scheduler.queue.handle.take(decide, lifetime=1e6)
        began = it.clock.monotonic()
        await scheduler.until_landed(60)
        assert it.clock.monotonic() - began == pytest.approx(60, abs=2)
