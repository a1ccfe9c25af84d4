"""Wherever the outbox is: what fits leaves, and what cannot leave in time is late at its date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from postiz_async import NewPost
from postiz_async._sandbox import Fault
from postiz_async.stores.memory import MemoryStore

if TYPE_CHECKING:
    from outbox_lab import OutboxLab

    from postiz_async import Postiz


def at(lab: OutboxLab, seconds: float) -> datetime:
    return datetime.fromtimestamp(lab.clock.time(), UTC) + timedelta(seconds=seconds)


async def use_up(lab: OutboxLab, postiz: Postiz) -> None:
    """Leave no slot of the window."""
    for number in range(30):
        await postiz.posts.schedule(lab.post(number), at=lab.at(24))


async def test_a_hand_over_that_joins_those_that_wait_keeps_none_of_them(lab: OutboxLab) -> None:
    async with lab.client(store=MemoryStore()) as postiz:
        tickets = await lab.put(postiz, 25)
        for number in range(25, 28):
            await lab.clock.sleep(3)
            tickets.append(await postiz.outbox.put(lab.post(number), at=lab.at(24)))
        for ticket in tickets:
            assert (await postiz.outbox.wait(ticket.id, timeout=60)).state == "stored"
    lab.assert_each_once(range(28))


async def test_what_has_no_slot_until_its_date_is_late_at_its_date(lab: OutboxLab) -> None:
    async with lab.client(store=MemoryStore()) as postiz:
        await use_up(lab, postiz)
        soon = await postiz.outbox.put(lab.post("soon"), at=at(lab, 600))
        later = await postiz.outbox.put(lab.post("later"), at=at(lab, 7_200))
        assert soon.leaves_in > 3_000
        assert (await postiz.outbox.wait(soon.id, timeout=590)).state == "planned"
        ended = await postiz.outbox.wait(soon.id, timeout=20)
        assert (ended.state, ended.reason) == ("late", "its date passed before a slot was free")
        assert (await postiz.outbox.wait(later.id)).state == "stored"
    lab.assert_each_once([*range(30), "later"])


async def test_what_may_leave_late_waits_beyond_its_date(lab: OutboxLab) -> None:
    async with lab.client(store=MemoryStore(), late="send") as postiz:
        await use_up(lab, postiz)
        soon = await postiz.outbox.put(lab.post("soon"), at=at(lab, 600))
        assert (await postiz.outbox.wait(soon.id, timeout=1_200)).state == "planned"
        assert (await postiz.outbox.wait(soon.id)).state == "stored"
    lab.assert_each_once([*range(30), "soon"])


async def test_what_is_on_its_way_at_its_date_is_not_late(lab: OutboxLab) -> None:
    lab.lose("hang", delay=20.0)
    async with lab.client(store=MemoryStore()) as postiz:
        ticket = await postiz.outbox.put(lab.post(0), at=at(lab, 10))
        assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once([0])


async def test_what_waits_for_a_slot_is_late_at_its_date_while_postiz_is_away(
    lab: OutboxLab,
) -> None:
    async with lab.client(store=MemoryStore()) as postiz:
        await use_up(lab, postiz)
        ticket = await postiz.outbox.put(lab.post(30), at=at(lab, 600))
        await lab.clock.sleep(60)
        lab.sandbox.faults.add(Fault("reset", times=None))
        assert (await postiz.outbox.wait(ticket.id, timeout=530)).state == "planned"
        assert (await postiz.outbox.wait(ticket.id, timeout=30)).state == "late"
    lab.assert_each_once(range(30))


async def test_nothing_is_late_before_the_server_has_said_what_time_it_is(lab: OutboxLab) -> None:
    async with lab.client(sends=False) as web:
        channel = (await web.channels.list())[0]
    lab.sandbox.faults.add(Fault("reset", times=None))
    async with lab.client(store=MemoryStore()) as postiz:
        ticket = await postiz.outbox.put(NewPost(channel, "post 0"), at=at(lab, 60))
        assert (await postiz.outbox.wait(ticket.id, timeout=1_200)).state == "planned"
        lab.sandbox.faults.clear()
        assert (await postiz.outbox.wait(ticket.id, timeout=3_600)).state == "late"
    assert not lab.sandbox.posts
