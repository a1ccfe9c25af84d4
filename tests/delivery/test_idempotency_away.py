"""Keys whose store is away, or slow, in the middle of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from key_lab import KeyLab, ids

from postiz_async import BadRequestError
from postiz_async._resources.api import opened
from postiz_async.clock import Clock
from postiz_async.errors import StoreError
from postiz_async.stores import Kept
from postiz_async.stores.memory import MemoryStore


async def test_a_store_that_goes_while_a_call_waits_for_its_slot_ends_the_wait() -> None:
    lab = KeyLab(limit=1)
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        await lab.schedule(one, key="first")
        waiting = asyncio.create_task(lab.schedule(one))
        await lab.clock.sleep(60)
        one.store_fails = lambda operation, _: operation == "read"
        with pytest.raises(StoreError):
            await waiting
        assert lab.clock.monotonic() < 120
        assert opened(one.postiz).scheduler.queue.waiting == 0
        one.store_fails = lambda _, __: False
        assert await lab.schedule(two) == await lab.schedule(one)
    assert lab.statuses == [201, 201]
    assert len(lab.of_key()) == 1


async def test_a_read_that_fails_once_does_not_end_the_wait() -> None:
    lab = KeyLab(limit=1)
    async with lab.sandbox, lab.process() as one:
        await lab.schedule(one, key="first")
        waiting = asyncio.create_task(lab.schedule(one))
        await lab.clock.sleep(60)
        one.store_fails = fails_once(lambda operation: operation == "read")
        assert ids(await waiting) == [post.id for post in lab.of_key()]
    assert lab.statuses == [201, 201]


def fails_once(at: Callable[[str], bool]) -> Callable[[str, int], bool]:
    failed: list[int] = []

    def fails(operation: str, number: int) -> bool:
        if at(operation) and not failed:
            failed.append(number)
        return failed == [number]

    return fails


async def test_a_key_that_could_not_be_given_back_goes_on_by_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After a 429: the call queues again and sends once, and the log says why others wait."""
    lab = KeyLab(limit=1)
    async with lab.sandbox, lab.process() as one, lab.process() as two:
        async with lab.process(store=MemoryStore()) as stranger:
            await lab.schedule(stranger, key="stranger")
        one.store_fails = fails_once(lambda operation: operation == "swap" and 429 in lab.statuses)
        answer = await lab.schedule(one)
        assert "the idempotency key 'order-123' stays taken for a while" in caplog.text
        assert answer == await lab.schedule(two)
    assert lab.statuses == [201, 429, 201]
    assert len(lab.of_key()) == 1


class SlowStore(MemoryStore):
    """Takes its time to write what comes after a moment, and what it has is another's."""

    def __init__(self, store: MemoryStore, clock: Clock) -> None:
        super().__init__()
        self._store = store
        self._clock = clock
        self.delay = 0.0

    async def get(self, scope: str, key: str, /) -> Kept:
        return await (self._store if key else super()).get(scope, key)

    async def swap(
        self, scope: str, key: str, version: int, value: bytes, /, *, keep: float | None
    ) -> tuple[bool, Kept]:
        if not key:  # the ledger
            return await super().swap(scope, key, version, value, keep=keep)
        await self._clock.sleep(self.delay)
        return await self._store.swap(scope, key, version, value, keep=keep)


async def test_a_refusal_that_is_noted_too_late_is_raised_and_changes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Another call found nothing stored, sent it again, and was not refused."""
    lab = KeyLab()
    store = SlowStore(lab.store, lab.clock)
    async with lab.sandbox, lab.process(store=store) as slow, lab.process() as quick:
        await slow.postiz.channels.list()
        lab.sandbox.change_channel(lab.channel, provider="reddit")
        sending = asyncio.create_task(lab.schedule(slow))
        while not lab.statuses:
            await lab.clock.sleep(0.05)
        store.delay = 2_000.0
        lab.sandbox.change_channel(lab.channel, provider="mastodon")
        answer = await lab.schedule(quick)
        assert lab.clock.monotonic() < 2_000
        with pytest.raises(BadRequestError):
            await sending
        assert "key 'order-123' was withdrawn or taken over meanwhile" in caplog.text
        assert await lab.schedule(slow) == answer
    assert ids(answer) == [post.id for post in lab.sandbox.posts]
