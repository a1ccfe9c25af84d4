"""Senders of one outbox that come, go, and are slow; and stores that say wrongly whose turn it is.

That an organisation is one sender's at a time saves requests. No promise depends on it.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from outbox_lab import PLACES, SHORT, OutboxLab
from processes import PATIENCE

from postiz_async._outbox.base import close_outbox, open_outbox
from postiz_async._outbox.outbox import Outbox
from postiz_async._outbox.places import deliveries_of
from postiz_async._outbox.sending import LEASE
from postiz_async._resources.api import opened
from postiz_async._scheduler.calls import PREPARED_SECONDS
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
    from pathlib import Path

    from postiz_async._wire import WireRequest, WireResponse
    from postiz_async.stores._deliveries import (
        Deliveries,
        DeliveryColumns,
        KeptDelivery,
        Scope,
    )

FAR = 9 * 10**15
"""A moment that no clock reaches, in microseconds."""


@pytest.fixture(params=PLACES)
async def lab(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OutboxLab]:
    database = request.getfixturevalue("place") if request.param == "postgres" else None
    made = OutboxLab(tmp_path, database=database, window=SHORT)
    async with made.sandbox:
        yield made


def holder(lab: OutboxLab) -> str | None:
    [(name,)] = lab.run("SELECT holder FROM scopes")
    return None if name is None else str(name)


def hold_for(lab: OutboxLab, name: str, until_then: int = FAR) -> None:
    """Let a sender that nobody sees have the organisation."""
    lab.run(f"UPDATE scopes SET holder = '{name}', ready_at = {until_then}")


def hurry(lab: OutboxLab) -> None:
    """Let the organisation, and what was on its way, be others'."""
    lab.run("UPDATE scopes SET ready_at = 0")


async def turns_until(holds: Callable[[], object]) -> None:
    """Wait until something holds, and notice it before the clock can jump further."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0)


class Gate(SandboxTransport):
    """Lets creates through when it is opened."""

    def __init__(self, lab: OutboxLab) -> None:
        super().__init__(lab.sandbox, latency=0.1)
        self.waiting = 0
        self.opened = asyncio.Event()

    async def send(self, request: WireRequest) -> WireResponse:
        if request.method == "POST":
            self.waiting += 1
            await self.opened.wait()
        return await super().send(request)


# ------------------------------------------------------------------ senders that are gone


async def test_what_a_sender_left_that_is_gone_is_taken_over_and_looked_up(lab: OutboxLab) -> None:
    async with lab.gone_sender() as gone:
        untouched = await gone.take_in("untouched")
        arrived, lost = await gone.take_in("arrived"), await gone.take_in("lost")
        await gone.send(arrived, arrives=True)
        await gone.expire()
        await gone.send(lost, arrives=False)
        async with lab.client() as postiz:
            await lab.clock.sleep(10 * LEASE)
            assert (await postiz.outbox.get(untouched)).state == "planned"  # it may be alive
            assert (await postiz.outbox.get(lost)).state == "sending"
            await gone.expire()
            for ticket in (untouched, arrived, lost):
                assert (await postiz.outbox.wait(ticket)).state == "stored"
    lab.assert_each_once(["untouched", "arrived", "lost"])


async def test_many_may_come_to_take_over(lab: OutboxLab) -> None:
    quota = MemoryStore()
    async with lab.gone_sender() as gone:
        tickets = [await gone.take_in(str(number)) for number in range(10)]
        await gone.send(*tickets[::2], arrives=False)
        async with (
            lab.client(store=quota) as one,
            lab.client(store=quota),
            lab.client(store=quota) as other,
        ):
            await gone.expire()
            for number, ticket in enumerate(tickets):
                assert (await (one, other)[number % 2].outbox.wait(ticket)).state == "stored"
    lab.assert_each_once(range(10))


async def test_a_dead_sender_is_followed_within_half_a_minute(file_lab: OutboxLab) -> None:
    """In PostgreSQL too, by the database's clock."""
    lab = file_lab
    async with lab.gone_sender() as gone:
        lost, waits = await gone.take_in("lost"), await gone.take_in("waits")
        await gone.send(lost, arrives=False, hold=LEASE)
        async with lab.client() as postiz:
            assert (await postiz.outbox.wait(waits)).state == "stored"
            assert lab.clock.monotonic() < 1.5 * LEASE
            assert (await postiz.outbox.wait(lost)).state == "stored"
    lab.assert_each_once(["lost", "waits"])


async def test_absence_is_believed_behind_what_was_sent_when_a_stopped_sender_could_send_no_more(
    lab: OutboxLab,
) -> None:
    """It may have been begun minutes after its intent, and so after a create of its successor."""
    async with lab.gone_sender() as gone:
        lost = await gone.take_in("lost")
        await gone.send(lost, arrives=False)
        other = await gone.take_in("other")
        await gone.expire()
        async with lab.client() as postiz:
            assert (await postiz.outbox.wait(other)).state == "stored"
            assert lab.clock.monotonic() < PREPARED_SECONDS
            assert (await postiz.outbox.wait(lost)).state == "stored"
    assert lab.statuses == [201, 400, 201]  # the second is empty and puts up a fence
    lab.assert_each_once(["lost", "other"])


# ------------------------------------------------------------------ leases


async def test_closing_gives_the_organisation_back_at_once(lab: OutboxLab) -> None:
    quota = MemoryStore()  # a database's clock does not jump
    async with lab.client(store=quota) as postiz:
        tickets = await lab.put(postiz, 35)
        await postiz.outbox.wait(tickets[25].id)
        assert holder(lab) is not None
    assert holder(lab) is None
    async with lab.client(store=quota) as postiz:
        assert (await postiz.outbox.wait(tickets[34].id)).state == "stored"
    lab.assert_each_once(range(35))


async def test_a_lease_is_renewed_while_closing_waits_for_a_request(lab: OutboxLab) -> None:
    gate = Gate(lab)
    async with lab.client(transport=gate) as postiz:
        ticket = (await lab.put(postiz, 1))[0]
        await turns_until(lambda: gate.waiting)
        closing = asyncio.create_task(postiz.aclose())
        lab.run("UPDATE scopes SET ready_at = 1")
        while lab.run("SELECT ready_at FROM scopes") == [(1,)]:
            await lab.clock.sleep(LEASE / 3)
        gate.opened.set()
        await closing
    async with lab.client(sends=False) as postiz:
        assert (await postiz.outbox.get(ticket.id)).state == "stored"
    lab.assert_each_once(range(1))


async def test_an_organisation_that_was_lost_is_sent_for_no_more(
    lab: OutboxLab, caplog: pytest.LogCaptureFixture
) -> None:
    """A sender that stood still sees that another one has it."""
    async with lab.client(store=MemoryStore()) as slow:
        tickets = await lab.put(slow, 40)  # for ten there is no slot in this window
        await slow.outbox.wait(tickets[25].id)
        sent = len(lab.statuses)
        hold_for(lab, "quick")
        await lab.clock.sleep(2 * SHORT)
        assert len(lab.statuses) == sent
        assert holder(lab) == "quick"
        assert "another sender took over" in caplog.text
        hurry(lab)
        assert (await slow.outbox.wait(tickets[39].id)).state == "stored"
    lab.assert_each_once(range(40))


# ------------------------------------------------------------------ stores that lie


class Odd:
    """A store of deliveries that a test may let say what it likes.

    Args:
        lab: where the deliveries are.
    """

    def __init__(self, lab: OutboxLab) -> None:
        self.lab = lab
        self.real: Deliveries = deliveries_of(lab.options(), lab.host)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    @asynccontextmanager
    async def outbox(self, quota: MemoryStore, **options: Any) -> AsyncGenerator[Outbox]:
        """That of a process which trusts it."""
        async with self.lab.client(store=quota, sends=False, **options) as postiz:
            made = Outbox(opened(postiz), self, self.lab.options())
            await open_outbox(made)
            try:
                yield made
            finally:
                await close_outbox(made)


class HaltsAfterIntent(Odd):
    """A sender on it stands still between its intent and its first byte, and does nothing else."""

    halt = 3_600.0
    """The moment at which it goes on."""
    has_halted = False

    async def stand_still(self) -> None:
        if self.has_halted:
            await self.lab.clock.sleep_until(self.halt)

    async def swap(
        self, number: int, version: int, value: bytes, columns: DeliveryColumns
    ) -> tuple[bool, KeptDelivery | None]:
        done = await self.real.swap(number, version, value, columns)
        if columns.state == "sending" and not self.has_halted:
            self.has_halted = True
            await self.stand_still()
        return done

    async def line(self, *asked: Any) -> list[Scope]:
        await self.stand_still()
        return await self.real.line(*asked)

    async def hold(self, *asked: Any) -> set[str]:
        await self.stand_still()
        return await self.real.hold(*asked)

    async def take(self, *asked: Any) -> Any:
        await self.stand_still()
        return await self.real.take(*asked)


async def test_who_stood_still_before_its_first_byte_sends_nothing_when_it_goes_on(
    file_lab: OutboxLab,
) -> None:
    """Meanwhile the next one believed in absence and sent."""
    lab = file_lab
    odd, quota = HaltsAfterIntent(lab), MemoryStore()
    async with odd.outbox(quota) as slow:
        ticket = await slow.put(lab.post(0), at=lab.at(24))
        await turns_until(lambda: odd.has_halted)
        async with lab.client(store=quota) as quick:
            while (await quick.outbox.get(ticket.id)).state != "stored":
                hurry(lab)
                await lab.clock.sleep(5)
            assert lab.clock.monotonic() < odd.halt
            await lab.clock.sleep(odd.halt)
        assert (await slow.get(ticket.id)).state == "stored"
    lab.assert_each_once(range(1))


class HaltsOnDemand(Odd):
    """A sender on it can be made to renew nothing, and to look for nothing."""

    has_halted = False

    async def line(self, *asked: Any) -> list[Scope]:
        return [] if self.has_halted else await self.real.line(*asked)

    async def hold(self, scopes: Collection[str], holder: str, seconds: float) -> set[str]:
        return {*scopes} if self.has_halted else await self.real.hold(scopes, holder, seconds)

    async def take(self, scope: str, holder: str, seconds: float, *rest: Any) -> Any:
        return await self.real.take(scope, holder, 0.0 if self.has_halted else seconds, *rest)


async def test_the_answer_to_what_another_one_looks_up_is_believed(lab: OutboxLab) -> None:
    odd, gate, quota = HaltsOnDemand(lab), Gate(lab), MemoryStore()
    async with odd.outbox(quota, transport=gate) as slow:
        ticket = await slow.put(lab.post(0), at=lab.at(24))
        await turns_until(lambda: gate.waiting)
        odd.has_halted = True  # else both look at the same moments, and it may always be first
        before = holder(lab)
        async with lab.client(store=quota) as quick:
            while holder(lab) == before:
                hurry(lab)
                await lab.clock.sleep(1)
            gate.opened.set()
            assert (await quick.outbox.wait(ticket.id)).state == "stored"
            assert (await slow.wait(ticket.id)).state == "stored"
    lab.assert_each_once(range(1))
