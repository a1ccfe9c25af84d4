"""No ticket sleeps beside a free slot, and what a ticket says of its wait is true."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from pool_lab import PoolLab
from postgres_server import why_no_postgres
from spread import spread

from postiz_async._delivery.outcomes import RowState
from postiz_async._outbox.turn import LONGEST_REST
from postiz_async.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from postgres_lab import Place

    from postiz_async import PostizPool, Ticket

pytestmark = pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())

HOUR = 3_600.0


@pytest.fixture
async def lab(place: Place) -> AsyncIterator[PoolLab]:
    """Organisations with 30 creates an hour."""
    async with PoolLab(place, "acme", "globex", window=HOUR).running() as made:
        yield made


@asynccontextmanager
async def pool_of(lab: PoolLab, store: MemoryStore | None = None) -> AsyncGenerator[PostizPool]:
    """A pool whose quota goes by the clock of the test, as a database's does not."""
    async with lab.pool(store=store or MemoryStore()) as pool:
        yield pool


async def put(lab: PoolLab, pool: PostizPool, text: object, seconds: float | None) -> Ticket:
    """Hand one of acme over, due in so many seconds."""
    at = None
    if seconds is not None:
        at = datetime.fromtimestamp(lab.clock.time(), UTC) + timedelta(seconds=seconds)
    return await pool.outbox.put(lab.post("acme", text), organization="acme", at=at)


async def ask(lab: PoolLab, pool: PostizPool, calls: int) -> None:
    """Somebody calls, so that slots are kept for more such calls."""
    acme = await pool.client(lab.keys["acme"], organization="acme")
    for number in range(calls):
        await acme.posts.schedule(lab.post("acme", f"asked {number}"), at=lab.at())


# ------------------------------------------------------------------ what leaves


async def test_all_that_fits_leaves_and_so_does_all_that_follows(lab: PoolLab) -> None:
    async with pool_of(lab) as pool:
        tickets = await lab.put(pool, "acme", 25)
        assert {ticket.leaves_in for ticket in tickets} == {0.0}
        for ticket in tickets:
            assert (await pool.outbox.wait(ticket.id, timeout=60)).state == "stored"
        for text, seconds in ((25, None), (26, 60), (27, 24 * HOUR)):
            ticket = await put(lab, pool, text, seconds)
            assert ticket.leaves_in == 0.0
            assert (await pool.outbox.wait(ticket.id, timeout=30)).state == "stored"
    lab.assert_each_once({"acme": 28})


@pytest.mark.parametrize("seconds", spread([None, 60.0, 1_800.0], every=3))
async def test_what_is_due_before_the_next_window_leaves_while_others_wait(
    lab: PoolLab, seconds: float | None
) -> None:
    async with pool_of(lab) as pool:
        tickets = await lab.put(pool, "acme", 40)
        await lab.clock.sleep(60)
        waiting = [t for t in tickets if (await pool.outbox.get(t.id)).state == "planned"]
        assert 13 < len(waiting) < 25, "slots are kept, and the rest is too much for them"
        urgent = await put(lab, pool, "urgent", seconds)
        assert urgent.leaves_in == 0.0
        ended = await pool.outbox.wait(urgent.id, timeout=20)
        assert ended.state == "stored"
        assert (await pool.outbox.get(waiting[-1].id)).state == "planned"


async def test_a_withdrawal_lets_the_rest_leave_if_that_fits(lab: PoolLab) -> None:
    async with pool_of(lab) as pool:
        tickets = await lab.put(pool, "acme", 40)
        await lab.clock.sleep(60)
        waiting = [t for t in tickets if (await pool.outbox.get(t.id)).state == "planned"]
        for ticket in waiting[10:]:
            assert await pool.outbox.withdraw(ticket.id)
        for ticket in waiting[:10]:
            assert (await pool.outbox.wait(ticket.id, timeout=60)).state == "stored"


async def test_a_ticket_that_another_process_takes_wakes_the_sender(lab: PoolLab) -> None:
    quota = MemoryStore()
    async with pool_of(lab, quota) as pool, lab.pool(sends=False, store=quota) as web:
        await lab.put(pool, "acme", 40)
        await lab.clock.sleep(60)
        ticket = await put(lab, web, "now", None)
        assert ticket.leaves_in == 0.0
        assert (await web.outbox.wait(ticket.id, timeout=40)).state == "stored"


async def test_without_slots_an_organisation_is_not_looked_at_over_and_over(lab: PoolLab) -> None:
    async with pool_of(lab) as pool:
        await lab.put(pool, "acme", 40)
        await lab.clock.sleep(60)
        before = lab.asked.count("acme")
        await lab.clock.sleep(4 * LONGEST_REST)
        assert lab.asked.count("acme") - before <= 4
        for number in range(10):
            await put(lab, pool, f"later {number}", 24 * HOUR)
            await lab.clock.sleep(10)
        assert lab.asked.count("acme") - before <= 4 + 10 + 12, "each hand-over asks too"


@pytest.mark.exhaustive
@pytest.mark.parametrize("small", [2, pytest.param(16, marks=pytest.mark.exhaustive)])
async def test_tickets_of_many_organisations_leave_as_soon_as_they_may(
    place: Place, small: int
) -> None:
    """Each has 30 slots: as many as it hands over, or fewer."""
    chance = random.Random(26)  # noqa: S311  (of a simulation)
    counts = {f"small-{n}": 25 for n in range(small)} | {"big-0": 45, "big-1": 55}
    puts = [name for name, count in counts.items() for _ in range(count)]
    chance.shuffle(puts)
    async with PoolLab(place, *counts, window=HOUR).running() as lab, pool_of(lab) as pool:
        tickets: dict[str, tuple[str, float]] = {}
        for number, name in enumerate(puts):
            hours = chance.choice([0.0, 0.3, 0.6, 3.0, 48.0])
            at = lab.at(hours) if hours else None
            ticket = await pool.outbox.put(lab.post(name, number), organization=name, at=at)
            tickets[ticket.id] = name, hours
            if not number % 20:
                await lab.clock.sleep(1)
        await lab.clock.sleep(60)
        while (await pool.outbox.counts()).get(RowState.SENDING):  # the database takes its time
            await lab.clock.sleep(1)
        waiting = [
            (tickets[ticket], await pool.outbox.get(ticket))
            for ticket in tickets
            if not (await pool.outbox.get(ticket)).is_over
        ]
        assert {name for (name, _), _ in waiting} == {"big-0", "big-1"}
        for (name, hours), ticket in waiting:
            free = 30 - len(lab.boxes[name].posts)
            assert not free or hours > 1, "what is due in this window has a slot if there is one"
            assert ticket.leaves_in > 3_000
        assert all(not box.refusals for box in lab.boxes.values())


# ------------------------------------------------------------------ what is said of the wait


async def test_a_ticket_that_waits_for_the_window_says_for_how_long(lab: PoolLab) -> None:
    quota = MemoryStore()
    async with pool_of(lab, quota) as pool:
        await lab.put(pool, "acme", 40)
        await lab.clock.sleep(300)
        last = await put(lab, pool, "last", 48 * HOUR)
        told = [last.leaves_in, (await pool.outbox.get(last.id)).leaves_in]
        async with lab.pool(sends=False, store=quota) as web:  # it has no client yet
            told.append((await web.outbox.get(last.id)).leaves_in)
        acme = await pool.client(lab.keys["acme"], organization="acme")
        told.append((await acme.outbox.get(last.id)).leaves_in)
        assert max(told) - min(told) < 60
        assert 2_900 < min(told) < HOUR
        began = lab.clock.monotonic()
        while (await pool.outbox.get(last.id)).state == "planned":
            await lab.clock.sleep(30)
        assert lab.clock.monotonic() - began == pytest.approx(min(told), abs=400)


async def test_while_callers_come_slots_are_kept_for_them_and_tickets_say_so(
    lab: PoolLab,
) -> None:
    async with pool_of(lab) as pool:
        await ask(lab, pool, 8)
        later = await put(lab, pool, "later", 24 * HOUR)
        assert later.leaves_in > 3_000
        assert (await pool.outbox.wait(later.id, timeout=60)).leaves_in > 3_000
        now = await put(lab, pool, "now", None)
        assert now.leaves_in <= 5.0  # until an answer: its create may be on its way already
        assert (await pool.outbox.wait(now.id, timeout=20)).state == "stored"
        assert (await pool.outbox.get(later.id)).state == "planned"


async def test_a_hand_over_to_an_organisation_in_trouble_is_told_so(lab: PoolLab) -> None:
    async with pool_of(lab) as pool:
        [first] = await lab.put(pool, "acme")
        await pool.outbox.wait(first.id)
        lab.boxes["acme"].organization.api_key = "another"
        await lab.put(pool, "acme")
        await lab.clock.sleep(30)
        ticket = await put(lab, pool, "next", 24 * HOUR)
        assert ticket.leaves_in > 60
        assert "401" in ticket.reason
        before = lab.order.count("acme")
        await lab.clock.sleep(60)
        assert lab.order.count("acme") == before, "a pause is not cut short by a hand-over"


# ------------------------------------------------------------------ what is late


async def test_what_has_no_slot_until_its_date_is_late_at_its_date(lab: PoolLab) -> None:
    async with pool_of(lab) as pool:
        await ask(lab, pool, 30)
        soon = await put(lab, pool, "soon", 600)
        later = await put(lab, pool, "later", 24 * HOUR)
        assert soon.leaves_in > 3_000
        await lab.clock.sleep(590)
        assert (await pool.outbox.get(soon.id)).state == "planned"
        ended = await pool.outbox.wait(soon.id, timeout=30)
        assert (ended.state, ended.reason) == ("late", "its date passed before a slot was free")
        assert (await pool.outbox.get(later.id)).state == "planned"
    assert len(lab.boxes["acme"].posts) == 30


async def test_a_ticket_is_late_while_its_organisation_is_not_in_turn(lab: PoolLab) -> None:
    """By the database's clock it is looked at when the date comes, and not when a slot does."""
    async with pool_of(lab) as pool:
        await ask(lab, pool, 30)
        await put(lab, pool, "soon", 200)
        await lab.clock.sleep(20)
        assert lab.pause("acme") < 201
