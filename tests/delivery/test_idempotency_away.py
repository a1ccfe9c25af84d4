"""Keys whose store is away, or slow, in the middle of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from key_lab import KeyLab, Process, ids

from postiz_async import APIConnectionError, BadRequestError, DeliveryUnknownError
from postiz_async._resources.api import opened
from postiz_async._sandbox import Fault
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


async def test_a_key_meets_a_page_where_the_api_has_answered_and_is_free_after_it() -> None:
    """In a fresh process, which only the store tells that the address is right."""
    lab = KeyLab()
    async with lab.sandbox, lab.process() as one:
        await lab.schedule(one, key="first")
        lab.sandbox.faults.add(Fault("html", times=None))
        async with lab.process() as two:
            with pytest.raises(APIConnectionError, match="Somebody in front of Postiz") as caught:
                await lab.schedule(two)
            assert caught.value.retry_after
            lab.sandbox.faults.clear()
            await lab.schedule(two)
    assert lab.statuses == [201, 201]


async def test_no_further_key_sends_after_a_page_until_postiz_answers() -> None:
    lab = KeyLab()
    keys = [f"order-{n}" for n in range(6)]
    async with lab.sandbox, lab.process() as one:
        await lab.schedule(one, key="first")
        for route in ("create_post", "is_connected"):
            lab.fault("html", route=route, times=None)
        calls = [lab.schedule(one, key=key, max_wait=5) for key in keys]
        errors = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(each) for each in errors] == [
            *2 * [DeliveryUnknownError],  # as many leave at once after one answer
            *4 * [APIConnectionError],
        ]
        assert creates_of(one) == 1 + 2
        assert lab.sandbox.faults.struck["html"] == 2 + 4, "each of the others asks once"
        lab.sandbox.faults.clear()
        for key in keys[2:]:
            await lab.schedule(one, key=key)
    assert lab.statuses == [201] * 5


def creates_of(process: Process) -> int:
    return sum(each.method == "POST" for each in process.sent)
