"""While all creates are halted, an outbox takes tickets and waits; it refuses none."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from outbox_lab import OutboxLab

from postiz_async._resources.api import opened
from postiz_async.errors import HaltedError
from postiz_async.stores.memory import MemoryStore

if TYPE_CHECKING:
    from postiz_async import Postiz


async def resume(postiz: Postiz) -> None:
    scheduler = opened(postiz).scheduler
    await scheduler.end_halt(scheduler.ledger.halt)


async def test_tickets_wait_for_the_end_of_a_halt(
    lab: OutboxLab, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryStore()
    caplog.set_level(logging.WARNING)
    async with lab.client(store=store) as postiz, lab.client(store=store, sends=False) as other:
        await opened(other).scheduler.halt("anna@desk")
        tickets = await lab.put(postiz, 30, hours=48)
        waiting = await postiz.outbox.wait(tickets[-1], timeout=7_200)
        assert waiting.state == "planned"
        assert waiting.reason == postiz.outbox.trouble
        assert "All creates have been halted since" in waiting.reason
        assert "by anna@desk" in waiting.reason
        assert "posts resume" in waiting.reason
        assert not lab.sandbox.creates
        told = [each for each in caplog.messages if "All creates have been halted" in each]
        assert len(told) == 1, "it is news once"
        await resume(other)
        began = lab.clock.monotonic()
        assert (await postiz.outbox.wait(tickets[0])).state == "stored"
        assert lab.clock.monotonic() - began < 90
        for ticket in tickets:
            assert (await postiz.outbox.wait(ticket)).state == "stored"
        assert postiz.outbox.trouble == ""
    lab.assert_each_once(range(30))


async def test_a_halt_in_the_middle_loses_and_doubles_nothing(lab: OutboxLab) -> None:
    store = MemoryStore()
    async with lab.client(store=store) as postiz:
        tickets = await lab.put(postiz, 40, hours=48)
        await lab.clock.sleep(600)
        sent = len(lab.sandbox.creates)
        assert 0 < sent < 40
        await opened(postiz).scheduler.halt("anna")
        with pytest.raises(HaltedError):
            await postiz.posts.schedule(lab.post("now"), at=lab.at(48))
        await lab.clock.sleep(6 * 3600)
        assert len(lab.sandbox.creates) == sent
        assert {(await postiz.outbox.get(each)).state for each in tickets} == {"stored", "planned"}
        await resume(postiz)
        for ticket in tickets:
            assert (await postiz.outbox.wait(ticket)).state == "stored"
    lab.assert_each_once(range(40))


async def test_a_new_sender_asks_before_it_lists_posts(file_lab: OutboxLab) -> None:
    """Its first turn lists the posts around each ticket; later ones look at the store alone."""
    store = MemoryStore()
    async with file_lab.client(store=store) as postiz:
        await opened(postiz).scheduler.halt("anna")
        await file_lab.put(postiz, 20, hours=48)
        await file_lab.clock.sleep(600)
        before = file_lab.sandbox.requests
        await file_lab.clock.sleep(3600)
        assert file_lab.sandbox.requests == before
