"""Several workers of one outbox, and restarts."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import threading
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import pytest
from processes import PATIENCE

from postiz_async import NewPost, Postiz, PostizError
from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve
from postiz_async.stores import sqlite
from postiz_async.stores._sqlite_deliveries import SqliteDeliveries
from postiz_async.stores._sqlite_files import open_shared
from postiz_async.stores.memory import MemoryStore
from postiz_async.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from outbox_lab import OutboxLab

    from postiz_async.testing import Sandbox


async def test_the_sandbox_for_tests_has_an_outbox_too(
    postiz_sandbox: Sandbox, tmp_path: Path
) -> None:
    channel = postiz_sandbox.add_channel("x")
    async with postiz_sandbox.client(outbox=tmp_path / "outbox.sqlite") as postiz:
        ticket = await postiz.outbox.put(NewPost(channel, "hello"))
        assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    assert [post.content for post in postiz_sandbox.posts] == ["hello"]


async def test_a_worker_that_has_sent_nothing_knows_how_long_a_ticket_waits(
    postiz_sandbox: Sandbox, tmp_path: Path
) -> None:
    channel = postiz_sandbox.add_channel("mastodon")
    at = datetime.fromtimestamp(postiz_sandbox.clock.time(), UTC) + timedelta(hours=30)
    place, quota = tmp_path / "outbox.sqlite", tmp_path / "quota.sqlite"
    async with (
        aclosing(SqliteStore(quota)) as one_store,
        aclosing(SqliteStore(quota)) as other_store,
        postiz_sandbox.client(outbox=place, store=one_store) as one,
        postiz_sandbox.client(outbox=place, store=other_store) as other,
    ):
        remaining = 1
        while remaining:
            await one.posts.schedule(NewPost(channel, f"post {remaining}"), at=at, max_wait=0)
            remaining = (await one.quota()).remaining
        ticket = await one.outbox.put(NewPost(channel, "late"), at=at)
        seen = await other.outbox.get(ticket.id)
    assert seen.state == "planned"
    assert 3_000 < seen.leaves_in < 3_610


async def test_what_is_left_at_closing_is_sent_after_the_next_start(lab: OutboxLab) -> None:
    async with lab.client(sends=False) as postiz:
        tickets = await lab.put(postiz, 3)
        assert (await postiz.outbox.wait(tickets[0].id, timeout=60)).state == "planned"
    assert lab.statuses == []
    async with lab.client() as postiz:
        for ticket in tickets:
            assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once(range(3))


async def test_closing_waits_for_what_is_under_way_and_no_longer(lab: OutboxLab) -> None:
    async with lab.client(latency=2.0) as postiz:
        ticket = (await lab.put(postiz, 1))[0]
        await lab.clock.sleep(7)  # it is on its way
        began = lab.clock.monotonic()
    assert 0 < lab.clock.monotonic() - began < 5
    lab.assert_each_once(range(1))
    async with lab.client() as postiz:
        assert (await postiz.outbox.get(ticket.id)).state == "stored"


async def test_a_drain_that_is_over_keeps_the_rest(lab: OutboxLab) -> None:
    async with lab.client(drain=60.0) as postiz:
        tickets = await lab.put(postiz, 40)
    assert len(lab.sandbox.posts) < 31
    async with lab.client(sends=False) as postiz:
        counts = await postiz.outbox.counts()
    assert counts == {"stored": len(lab.sandbox.posts), "planned": 40 - len(lab.sandbox.posts)}
    assert len(tickets) == 40


async def test_a_drain_ends_early_when_no_slot_comes_in_time(lab: OutboxLab) -> None:
    """As in a function that is called each minute, and paid by the second."""
    async with lab.client(sends=False, store=MemoryStore()) as web:
        await lab.put(web, 40)
    store = MemoryStore()
    for _ in range(2):
        began = lab.clock.monotonic()
        async with lab.client(drain=50.0, store=store):
            pass
        assert lab.clock.monotonic() - began < 25
    assert 0 < len(lab.sandbox.posts) <= 30
    await lab.clock.sleep(3_600)
    async with lab.client(drain=50.0, store=store):
        pass
    lab.assert_each_once(range(40))


async def test_a_drain_waits_for_a_look_that_takes_long(
    file_lab: OutboxLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with file_lab.client(sends=False) as web:
        await file_lab.put(web, 1)
    for name, seconds in {"line": 1, "take": 20}.items():
        slow = slowed(getattr(SqliteDeliveries, name), file_lab, seconds)
        monkeypatch.setattr(SqliteDeliveries, name, slow)
    async with file_lab.client(drain=50.0):
        pass
    file_lab.assert_each_once(range(1))


def slowed(method: Callable[..., Any], lab: OutboxLab, seconds: float) -> Callable[..., Any]:
    async def call(*arguments: object) -> object:
        await lab.clock.sleep(seconds)
        return await method(*arguments)

    return call


async def test_a_client_that_only_hands_over_has_nothing_to_drain(file_lab: OutboxLab) -> None:
    async with file_lab.client(drain=math.inf, sends=False) as postiz:
        await file_lab.put(postiz, 1)
    assert not file_lab.sandbox.posts


async def test_a_drain_waits_for_a_slot_that_comes_in_time(lab: OutboxLab) -> None:
    async with lab.client(drain=3_700.0, store=MemoryStore()) as postiz:
        await lab.put(postiz, 40)
    lab.assert_each_once(range(40))


async def test_one_hands_over_and_another_sends(lab: OutboxLab) -> None:
    store = MemoryStore()
    async with lab.client(sends=False, store=store) as web, lab.client(store=store):
        tickets = await lab.put(web, 5)
        for ticket in tickets:
            assert (await web.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once(range(5))


async def test_workers_send_what_they_took_in_under_one_quota(lab: OutboxLab) -> None:
    store = MemoryStore()
    async with lab.client(store=store) as one, lab.client(store=store) as two:
        for number in range(40):
            await (one, two)[number % 2].outbox.put(lab.post(number), at=lab.at(24))
        last = await two.outbox.put(lab.post(40), at=lab.at(25))
        assert (await one.outbox.wait(last.id)).state == "stored"  # asked of another worker
        while (await one.outbox.counts()).get("stored") != 41:  # type: ignore[call-overload]
            await lab.clock.sleep(600)
    lab.assert_each_once(range(41))


async def test_marks_in_one_second_are_all_different(lab: OutboxLab) -> None:
    at = lab.at(24)
    async with lab.client(drain=math.inf) as postiz:
        await postiz.posts.schedule(lab.post("foreign"), at=at + timedelta(milliseconds=1))
        for number in range(5):
            await postiz.outbox.put(lab.post(number), at=at)
    marks = sorted(post.date.microsecond // 1000 for post in lab.sandbox.posts)
    assert marks == [1, 2, 3, 4, 5, 6]


async def test_what_was_handed_over_with_another_key_is_not_forgotten_in_silence(
    lab: OutboxLab, caplog: pytest.LogCaptureFixture
) -> None:
    async with lab.client(sends=False) as postiz:
        await lab.put(postiz, 2)
    lab.sandbox.organization.api_key = "a-new-key"
    async with lab.client() as postiz:
        await lab.clock.sleep(60)
        assert await postiz.outbox.counts() == {}
    assert "which nobody sends: 2" in caplog.text
    assert "say organization=" in caplog.text
    assert lab.statuses == []


async def test_the_quota_is_remembered_beside_the_outbox(lab: OutboxLab) -> None:
    async with lab.client(drain=math.inf) as postiz:
        await lab.put(postiz, 30)
    await lab.clock.sleep(60)  # a database's clock goes on meanwhile
    async with lab.client() as postiz:
        assert (await postiz.quota()).remaining == 0
        ticket = await postiz.outbox.put(lab.post(30), at=lab.at(24))
        assert ticket.leaves_in > 3_000
        assert (await postiz.outbox.wait(ticket.id)).state == "stored"
    lab.assert_each_once(range(31))


# ------------------------------------------------------------------ cancelled


async def test_cancelled_while_its_file_is_opened_it_is_closed(
    file_lab: OutboxLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening, go = threading.Event(), threading.Event()

    def slowly(*arguments: Any, **options: Any) -> object:
        opening.set()
        assert go.wait(PATIENCE)
        return open_shared(*arguments, **options)

    async def start() -> None:
        async with file_lab.client(store=MemoryStore()):
            raise AssertionError("it was cancelled before")

    monkeypatch.setattr(sqlite, "open_shared", slowly)
    task = asyncio.create_task(start())
    await anyio.to_thread.run_sync(opening.wait, PATIENCE)
    task.cancel()
    asyncio.get_running_loop().call_later(0.05, go.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files_beside(file_lab.path) == []


async def test_a_hand_over_that_is_cancelled_is_not_sent(file_lab: OutboxLab) -> None:
    """Nobody has its ticket, so whoever is still interested hands it over once more."""
    async with file_lab.client() as postiz:
        await postiz.channels.list()
        busy = sqlite3.connect(file_lab.path)  # a backup, say
        busy.execute("BEGIN IMMEDIATE")
        handing = asyncio.create_task(postiz.outbox.put(file_lab.post("gone"), at=file_lab.at(24)))
        await asyncio.sleep(0.5)  # until its thread waits for the backup, also on a busy machine
        handing.cancel()
        asyncio.get_running_loop().call_later(0.05, busy.close)
        with pytest.raises(asyncio.CancelledError):
            await handing
        again = await postiz.outbox.put(file_lab.post("again"), at=file_lab.at(24))
        assert (await postiz.outbox.wait(again.id)).state == "stored"
        assert set(await postiz.outbox.counts()) <= {"stored", "withdrawn"}
    file_lab.assert_each_once(["again"])


@pytest.mark.parametrize("waits_for", ["outbox", "call"])
async def test_cancelled_while_it_drains_everything_is_closed(
    tmp_path: Path, waits_for: str
) -> None:
    """A second Ctrl-C, or a shutdown that has a time-out of its own."""
    path = tmp_path / "outbox.sqlite"
    async with MemoryServer(limit=1) as sandbox, serve(sandbox) as served:
        post = NewPost(sandbox.add_channel("mastodon").id, "hello")
        postiz = Postiz(api_key="sandbox", base_url=served.url, outbox=path, drain=math.inf)
        await postiz.open()
        at = datetime.now(UTC) + timedelta(days=1)
        await postiz.posts.schedule(post, at=at)
        calls = [asyncio.create_task(postiz.posts.schedule(post, at=at))]
        if waits_for == "outbox":
            await postiz.outbox.put(post, at=at)
        await asyncio.sleep(0.05)
        closing = asyncio.create_task(postiz.aclose())
        await asyncio.sleep(0.05)
        closing.cancel()
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(asyncio.CancelledError):
                await closing
            with pytest.raises(PostizError):
                await calls[0]
    assert not postiz.is_open
    assert files_beside(path) == []


def files_beside(outbox: Path) -> list[str]:
    """What SQLite leaves in the folder for as long as somebody uses the file."""
    return sorted(path.name for path in outbox.parent.iterdir() if path != outbox)
