"""Closing a client or a pool: whatever is cancelled or comes twice, nothing stays open."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from postiz_async import (
    AdvancedOptions,
    ConfigurationError,
    NewPost,
    Postiz,
    PostizPool,
    UsageError,
)
from postiz_async._resources.api import opened
from postiz_async._sandbox import MemoryServer
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.clock import JumpingClock
from postiz_async.errors import StoreError
from postiz_async.models.posts import Created
from postiz_async.stores import sqlite
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing import Sandbox
from postiz_async.testing._transport import SandboxTransport

URL = "http://sandbox.invalid"


@pytest.fixture
def sandbox() -> MemoryServer:
    return MemoryServer(clock=JumpingClock(), limit=1)


def client_of(sandbox: MemoryServer, **options: object) -> Postiz:
    return Postiz(
        api_key=sandbox.organization.api_key,
        base_url=URL,
        advanced=AdvancedOptions(
            clock=sandbox.clock, transport=SandboxTransport(sandbox, latency=0.1)
        ),
        **options,
    )


async def waiting(sandbox: MemoryServer, postiz: Postiz) -> asyncio.Task[list[Created]]:
    """A call that waits for the next window."""
    at = Sandbox().in_an_hour() + timedelta(days=2)
    channel = sandbox.add_channel("mastodon").id
    await postiz.posts.schedule(NewPost(channel, "first"), at=at)
    call = asyncio.create_task(postiz.posts.schedule(NewPost(channel, "x"), at=at))
    await sandbox.clock.sleep(1)
    assert opened(postiz).scheduler.under_way == 1
    return call


async def cancelled_while_it_drains(work: Awaitable[None]) -> None:
    task = asyncio.ensure_future(work)
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_closing_that_is_cancelled_closes_at_once(sandbox: MemoryServer) -> None:
    async with sandbox:
        postiz = await client_of(sandbox).open()
        call = await waiting(sandbox, postiz)
        await cancelled_while_it_drains(postiz.aclose(drain=math.inf))
        assert not postiz.is_open
        with pytest.raises(ConfigurationError, match="closed while this call waited"):
            await call


async def test_whoever_is_in_a_hurry_ends_a_closing_that_drains(sandbox: MemoryServer) -> None:
    async with sandbox:
        postiz = await client_of(sandbox).open()
        call = await waiting(sandbox, postiz)
        patient = asyncio.create_task(postiz.aclose(drain=math.inf))
        await asyncio.sleep(0)
        await postiz.aclose()
        with pytest.raises(ConfigurationError, match="closed while this call waited"):
            await call
        await patient
        assert not postiz.is_open
        assert sandbox.clock.monotonic() < 10


class Counting:
    """A transport of the client's own, that takes a while to close."""

    def __init__(self) -> None:
        self.closed = 0

    async def send(self, request: WireRequest) -> WireResponse:
        raise AssertionError(f"nothing is sent: {request}")

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.closed += 1


@pytest.mark.parametrize("cancel", ["task", "scope"])
@pytest.mark.parametrize("kind", ["client", "pool"])
async def test_connections_are_closed_whoever_cancels(
    monkeypatch: pytest.MonkeyPatch, kind: str, cancel: str
) -> None:
    made = Counting()
    monkeypatch.setattr("postiz_async._client.make_transport", lambda *_: made)
    monkeypatch.setattr("postiz_async._pool.make_transport", lambda *_: made)
    it = Postiz(api_key="k", base_url=URL) if kind == "client" else PostizPool(base_url=URL)
    await it.open()
    if cancel == "task":
        task = asyncio.create_task(it.aclose())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    else:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await it.aclose()
    assert made.closed == 1


async def test_an_opening_that_fails_closes_what_it_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = Counting()
    monkeypatch.setattr("postiz_async._client.make_transport", lambda *_: made)
    postiz = Postiz(api_key="k", base_url=URL, store=MemoryStore(), outbox=tmp_path)
    with pytest.raises(StoreError, match="outbox"):
        await postiz.open()
    assert made.closed == 1
    assert not postiz.is_open


async def test_a_pool_whose_closing_is_cancelled_closes_at_once(sandbox: MemoryServer) -> None:
    async with sandbox:
        way = SandboxTransport(sandbox, latency=0.1)
        pool = await PostizPool(
            base_url=URL, advanced=AdvancedOptions(clock=sandbox.clock, transport=way)
        ).open()
        postiz = await pool.client(sandbox.organization.api_key)
        call = await waiting(sandbox, postiz)
        await cancelled_while_it_drains(pool.aclose(drain=math.inf))
        assert not postiz.is_open
        with pytest.raises(ConfigurationError, match="closed while this call waited"):
            await call


# ------------------------------------------------------------------ with an outbox


def senders(outbox: Path) -> list[str]:
    """Senders that seem to be alive: each has an organisation while it is."""
    if not outbox.exists():
        return []
    with closing(sqlite3.connect(outbox)) as connection:
        held = "SELECT holder FROM scopes WHERE holder IS NOT NULL"
        return [holder for (holder,) in connection.execute(held)]


async def stopped_at(turns: int, work: Callable[[], Awaitable[object]]) -> bool:
    """Whether `work` was cancelled, after so many turns of the event loop."""
    task = asyncio.ensure_future(work())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


@pytest.mark.parametrize("turns", [1, 2, 3, 4, 6])
async def test_an_opening_that_is_cancelled_leaves_no_worker(
    sandbox: MemoryServer, tmp_path: Path, turns: int
) -> None:
    async with sandbox:
        path = tmp_path / "outbox.sqlite"
        postiz = client_of(sandbox, outbox=path)
        if not await stopped_at(turns, postiz.open):
            await postiz.aclose()
        assert not postiz.is_open
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert not senders(path)


async def test_a_closing_that_is_cancelled_stops_the_outbox(
    sandbox: MemoryServer, tmp_path: Path
) -> None:
    async with sandbox:
        path = tmp_path / "outbox.sqlite"
        postiz = await client_of(sandbox, outbox=path).open()
        channel = sandbox.add_channel("mastodon").id
        at = Sandbox().in_an_hour() + timedelta(days=2)
        for number in range(3):
            await postiz.outbox.put(NewPost(channel, f"post {number}"), at=at)
        while not senders(path):
            await sandbox.clock.sleep(1)
        assert await stopped_at(6, lambda: postiz.aclose(drain=math.inf))
        assert not postiz.is_open
        assert not senders(path)
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_outbox_that_cannot_be_opened_leaves_no_worker(
    sandbox: MemoryServer, tmp_path: Path
) -> None:
    path = tmp_path / "outbox.sqlite"
    with closing(sqlite3.connect(path)) as connection:  # not as we make it
        connection.execute(f"PRAGMA application_id = {sqlite._APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {sqlite._SCHEMA_VERSION}")
        connection.execute("CREATE TABLE deliveries (ended_at INTEGER)")
    async with sandbox:
        with pytest.raises(StoreError, match="cannot be used: no such "):
            await client_of(sandbox, outbox=path).open()
        assert asyncio.all_tasks() == {asyncio.current_task()}


# ------------------------------------------------------------------ what a closed client has


async def test_hasattr_says_what_a_closed_client_lacks(sandbox: MemoryServer) -> None:
    postiz = client_of(sandbox)
    resources = ("posts", "channels", "media", "analytics", "notifications", "users")
    for _ in range(2):  # before it is opened, and after it was closed
        assert not any(hasattr(postiz, name) for name in (*resources, "outbox", "no_such_name"))
        with pytest.raises(UsageError, match="This client is not open"):
            _ = postiz.posts
        with pytest.raises(UsageError, match="This client has no open outbox"):
            _ = postiz.outbox
        async with postiz:
            assert all(hasattr(postiz, name) for name in resources)
            assert not hasattr(postiz.with_options(timeout=5), "outbox")


async def test_hasattr_says_what_a_pool_and_its_clients_lack() -> None:
    pool = PostizPool(
        base_url=URL,
        advanced=AdvancedOptions(transport=SandboxTransport(MemoryServer(clock=JumpingClock()))),
    )
    assert not hasattr(pool, "outbox")
    async with pool:
        postiz = await pool.client("key")
        assert hasattr(postiz, "posts")
        with pytest.raises(UsageError, match="This pool has no open outbox"):
            _ = postiz.outbox
    assert not any(hasattr(postiz, name) for name in ("posts", "outbox"))
