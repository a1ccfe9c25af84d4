"""An outbox goes on after what goes wrong, and says what it was."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from outbox_lab import OutboxLab
from pool_lab import PoolLab

from postiz_async import ConfigurationError, NewPost
from postiz_async._outbox.base import close_outbox
from postiz_async._sandbox import Fault
from postiz_async.clock import AcceleratedClock, Anchor
from postiz_async.errors import StoreError
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing._transport import SandboxTransport

if TYPE_CHECKING:
    from pathlib import Path

    from postgres_lab import Place

    from postiz_async._wire import WireRequest, WireResponse


@pytest.mark.parametrize(
    ("lab", "hours"),
    [
        ("file", 2),
        pytest.param("file", 24, marks=pytest.mark.exhaustive),
        pytest.param("postgres", 24, marks=pytest.mark.exhaustive),
    ],
    indirect=["lab"],
)
async def test_postiz_may_be_away_for_a_day(lab: OutboxLab, hours: int) -> None:
    async with lab.client(store=MemoryStore()) as postiz:
        first = await postiz.outbox.put(lab.post(0), at=lab.at(48))
        assert (await postiz.outbox.wait(first)).state == "stored"
        lab.sandbox.faults.add(Fault("reset", times=None))
        ticket = await postiz.outbox.put(lab.post(1), at=lab.at(48))
        waiting = await postiz.outbox.wait(ticket, timeout=hours * 3_600)
        assert waiting.state == "planned"
        assert waiting.reason == postiz.outbox.trouble != ""
        lab.sandbox.faults.clear()
        assert (await postiz.outbox.wait(ticket)).state == "stored"
        assert postiz.outbox.trouble == ""
    lab.assert_each_once([0, 1])


async def test_after_a_statement_that_failed_others_are_carried_out(file_lab: OutboxLab) -> None:
    async with file_lab.client() as postiz:
        await postiz.outbox.counts()
        with closing(sqlite3.connect(file_lab.path)) as other:
            other.execute(
                "CREATE TRIGGER full BEFORE INSERT ON deliveries "
                "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
            )
            with pytest.raises(StoreError, match="the disk is full"):
                await postiz.outbox.put(file_lab.post(0), at=file_lab.at(24))
            other.execute("DROP TRIGGER full")
        ticket = await postiz.outbox.put(file_lab.post(1), at=file_lab.at(24))
        assert (await postiz.outbox.wait(ticket)).state == "stored"
    file_lab.assert_each_once([1])


class Watched(SandboxTransport):
    """Counts what deletes posts."""

    deletions = 0

    async def send(self, request: WireRequest) -> WireResponse:
        self.deletions += request.method == "DELETE"
        return await super().send(request)


async def test_a_thread_that_another_process_sent_is_not_deleted_shortly_before_its_date(
    lab: OutboxLab,
) -> None:
    """Nobody said that the server failed at it."""
    lab.lose("drop_answer")
    async with lab.client() as postiz:
        thread = NewPost(lab.channel, "post 0", thread=("more",))
        ticket = await postiz.outbox.put(thread, at=lab.at(0.28))
        while (await postiz.outbox.get(ticket)).state != "unknown":
            await lab.clock.sleep(0.1)
    transport = Watched(lab.sandbox, latency=0.1)
    async with lab.client(transport=transport) as postiz:
        ended = await postiz.outbox.wait(ticket)
    assert ended.state == "stored"
    assert "it may lack its thread" in ended.reason
    assert transport.deletions == 0
    assert len(lab.statuses) == 1


# ------------------------------------------------------------------ of a pool


async def test_a_ticket_of_another_version_holds_up_no_other(place: Place) -> None:
    async with PoolLab(place, "acme", "globex").running() as lab:
        async with lab.pool(sends=False) as web:
            slow, odd = await lab.put(web, "acme", 2)
            place.run(f"UPDATE deliveries SET body = '[]' WHERE id = '{odd.id}'")
        lab.boxes["acme"].faults.add(Fault("hang", route="create_post", delay=20.0))
        async with lab.pool(store=MemoryStore()) as pool:
            while (await pool.outbox.get(slow)).state != "sending":
                await lab.clock.sleep(0.1)
            for name in ("acme", "globex"):  # also in a turn in which it was met
                ticket = await pool.outbox.put(lab.post(name, 2), organization=name, at=lab.at())
                assert (await pool.outbox.wait(ticket.id, timeout=60)).state == "stored"
            assert (await pool.outbox.wait(slow)).state == "stored"
            while "acme" not in await pool.outbox.troubles():
                await lab.clock.sleep(1)
            assert "another version" in (await pool.outbox.troubles())["acme"]
        assert place.run(f"SELECT state, body FROM deliveries WHERE id = '{odd.id}'") == [
            ("planned", b"[]")
        ]


@pytest.mark.exhaustive
async def test_organisations_in_doubt_leave_room_for_others(place: Place) -> None:
    """For the twelve minutes in which it is not certain what became of a request of each."""
    names = [f"doubtful-{n}" for n in range(101)]
    async with PoolLab(place, *names, "acme").running() as lab:
        async with lab.pool(sends=False) as web:
            for name in names:
                lab.boxes[name].faults.add(Fault("reset", route="create_post"))
                await lab.put(web, name)
        async with lab.pool(store=MemoryStore()) as pool:
            while await pool.outbox.counts() != {"unknown": len(names)}:
                await lab.clock.sleep(1)
            while place.run("SELECT count(holder) FROM scopes") != [(len(names),)]:
                await lab.clock.sleep(1)
            [ticket] = await lab.put(pool, "acme")
            assert (await pool.outbox.wait(ticket.id, timeout=60)).state == "stored"


async def test_what_waits_for_credentials_is_not_taken_by_a_pool_that_closes(place: Place) -> None:
    async with PoolLab(place, "acme").running() as lab:
        asked, answered = asyncio.Event(), asyncio.Event()

        async def credentials(organization: str) -> str:
            asked.set()
            await answered.wait()
            return await lab.credentials(organization)

        async with lab.pool(sends=False, credentials=credentials) as pool:
            put = asyncio.create_task(lab.put(pool, "acme"))
            await asked.wait()
            closing_it = asyncio.create_task(close_outbox(pool.outbox))
            await asyncio.sleep(0)
            answered.set()
            with pytest.raises(ConfigurationError, match="closed or closing"):
                await put
            await closing_it
        assert place.run("SELECT * FROM deliveries") == []


async def test_a_wait_is_told_in_seconds_of_the_clients_clock(place: Place) -> None:
    """The database's clock, by which pauses are kept, is the slower one."""
    clock = AcceleratedClock(10, anchor=Anchor(time.time(), 1_800_000_000.0))
    async with PoolLab(place, "acme", clock=clock).running() as lab, lab.pool() as pool:
        [first] = await lab.put(pool, "acme")
        assert (await pool.outbox.wait(first.id)).state == "stored"
        lab.boxes["acme"].organization.api_key = "another"
        [ticket] = await lab.put(pool, "acme")
        while "acme" not in await pool.outbox.troubles():
            await clock.sleep(1)
        acme = await pool.client(lab.keys["acme"], organization="acme")
        for outbox in (pool.outbox, acme.outbox):
            assert 31 < (await outbox.get(ticket.id)).leaves_in <= 300


# ------------------------------------------------------------------ what belongs to whom


@pytest.mark.parametrize("where", ["file", "postgres"])
@pytest.mark.parametrize("is_dragged", [False, True])
async def test_a_post_of_another_ticket_is_not_taken_for_one_that_was_dragged(
    where: str, tmp_path: Path, request: pytest.FixtureRequest, *, is_dragged: bool
) -> None:
    """Where the server lists no settings, and both posts are the same but for their date."""
    database = request.getfixturevalue("place") if where == "postgres" else None
    lab = OutboxLab(tmp_path, database=database, release="v2.23.0")
    async with lab.sandbox, lab.client() as postiz:
        first = await postiz.outbox.put(lab.post(0), at=lab.at(24))
        one = await postiz.outbox.wait(first.id)
        if is_dragged:
            [post] = lab.sandbox.posts
            then = (post.date + timedelta(hours=3)).replace(microsecond=0)
            lab.sandbox.change_post(post.id, date=round(then.timestamp() * 1000))
        lab.lose("reset")
        second = await postiz.outbox.put(lab.post(0), at=lab.at(30))
        other = await postiz.outbox.wait(second.id)
    assert {one.state, other.state} == {"stored"}
    assert one.post_ids != other.post_ids
    assert len(lab.sandbox.posts) == 2
