"""How the organisations of a pool stand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import msgspec
import pytest
from fastapi import FastAPI
from processes import PATIENCE
from test_pool import URL, Servers, channel_of, pool_of, post
from web_lab import call, serving

from postiz_async import (
    AdvancedOptions,
    AuthenticationError,
    Postiz,
    QuotaWaitError,
    ServerError,
    UsageError,
)
from postiz_async._pool import PostizPool, seen
from postiz_async._quota.view import Queued
from postiz_async._resources import pool_health
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async.contrib.fastapi import postiz_lifespan, postiz_router
from postiz_async.errors import StoreError
from postiz_async.stores import Kept
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing._transport import SandboxTransport

KEYS = ("key-of-acme", "key-of-globex", "key-of-initech", "key-of-hooli")


class AwayStore(MemoryStore):
    """Fails as a database does that is away, or hangs."""

    def __init__(self, failing: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self.failing = failing

    async def get(self, scope: str, key: str, /) -> Kept:
        await self.failing()
        return await super().get(scope, key)


async def gone() -> None:
    raise StoreError("PostgreSQL at 10.0.0.5:5432/d cannot be used: no route.")


async def test_those_in_trouble_come_first_and_the_rest_is_counted() -> None:
    servers = Servers(*KEYS, limit=1)
    channels = {key: channel_of(box) for key, box in servers.sandboxes.items()}
    async with pool_of(servers) as pool:
        clients = {key: await pool.client(key, organization=key.split("-")[-1]) for key in KEYS}
        other = Postiz(
            api_key=KEYS[2],
            base_url=URL,
            store=MemoryStore(),
            advanced=AdvancedOptions(clock=servers.clock, transport=servers),
        )
        async with other:  # a program that shares nothing with the pool
            await post(other, channels[KEYS[2]], "theirs")
        with pytest.raises(QuotaWaitError):
            await post(clients[KEYS[2]], channels[KEYS[2]], "one too many", max_wait=60)
        await post(clients[KEYS[1]], channels[KEYS[1]], "the only slot")
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(post(clients[KEYS[1]], channels[KEYS[1]], "waits"))
            await servers.clock.sleep(1)
            health = await pool.health(most=2)
            waiting.cancel()
    first, second = health.organizations
    assert (first.organization, first.quota.blocked) == ("initech", True)
    assert first.trouble.startswith("locked out by the server for ")
    assert (second.organization, second.calls, second.trouble) == ("globex", 1, "")
    assert second.quota.queued == health.queued == Queued(interactive=1)
    assert (health.total, health.clients, health.calls, health.blocked) == (4, 4, 1, 1)
    assert health.troubles == {"initech": first.trouble}
    assert (health.is_ready, health.outbox) == (True, None)
    assert "key-of" not in msgspec.json.encode(health).decode()


async def test_a_refused_key_is_told_by_the_name_of_its_organisation(
    caplog: pytest.LogCaptureFixture,
) -> None:
    servers = Servers(*KEYS)
    acme = servers.sandboxes[KEYS[0]]
    async with pool_of(servers) as pool:
        client = await pool.client(KEYS[0], organization="acme")
        await (await pool.client(KEYS[1], organization="globex")).channels.list()
        nameless = await pool.client(KEYS[2])
        servers.sandboxes[KEYS[2]].organization.api_key = "another"
        for _ in range(2):
            acme.organization.api_key = "renewed"
            for each in (client, client, nameless):
                with pytest.raises(AuthenticationError):
                    await each.notifications.list()
            acme.faults.add(Fault("empty_401"))
            with pytest.raises(ServerError):  # which says nothing of the key
                await client.with_options(max_retries=0).notifications.list()
            health = await pool.health(most=2)
            first, second = health.organizations
            assert {first.organization, second.organization} == {"acme", ""}
            assert first.trouble == second.trouble == "Postiz refuses its key: Invalid API key"
            assert health.troubles == {"acme": first.trouble}
            assert (health.refused, health.blocked, health.is_ready) == (2, 0, True)
            acme.organization.api_key = KEYS[0]
            await client.notifications.list()
            assert (await pool.health()).refused == 1
    said = [record for record in caplog.messages if "refuses" in record]
    assert said == [f"'acme': Postiz at {URL}/public/v1 refuses its key: Invalid API key"] * 2
    assert "key-of" not in caplog.text + str(health.to_dict())


async def test_a_key_and_a_token_of_one_organisation_are_one_entry() -> None:
    servers = Servers("old", "new")
    async with pool_of(servers) as pool:
        for key in servers.sandboxes:
            await pool.client(key, organization="acme")
        await pool.client("old")
        health = await pool.health()
    assert sorted(each.organization for each in health.organizations) == ["", "acme"]
    assert (health.total, health.clients) == (2, 3)


async def test_clients_that_were_let_go_vanish() -> None:
    servers = Servers(*(f"k{number}" for number in range(12)))
    async with pool_of(servers, keep=10) as pool:
        for key in servers.sandboxes:
            await pool.client(key, organization=f"name of {key}")
        named = {each.organization for each in (await pool.health()).organizations}
    assert len(named) == len(pool) + 10
    assert "name of k0" not in named
    with pytest.raises(UsageError, match="pool is not open"):
        await pool.health()


async def test_a_store_that_is_away_makes_the_pool_not_ready() -> None:
    async with pool_of(Servers("a"), store=AwayStore(gone)) as pool:
        health = await pool.health()
    assert (health.is_ready, health.total) == (False, 0)
    assert health.trouble.startswith("PostgreSQL at 10.0.0.5:5432/d")


async def test_a_store_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_health, "LOOK", 0.05)
    async with pool_of(Servers("a"), store=AwayStore(anyio.sleep_forever)) as pool:
        health = await pool.health()
    assert health.trouble == "the store did not answer within 0.05 s"


async def test_the_route_says_503_and_leaves_the_reason_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with MemoryServer() as sandbox:
        store = AwayStore(gone)
        pool = PostizPool(
            base_url=URL, store=store, advanced=AdvancedOptions(transport=SandboxTransport(sandbox))
        )

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
            async with postiz_lifespan(app, pool):
                yield

        app = FastAPI(lifespan=lifespan)
        app.include_router(postiz_router(health_path="/healthz"))
        async with serving(app) as session:
            status, said = await call(session, "GET", "/healthz")
            assert (status, said["status"], said["ready"]) == (503, "trouble", False)
            assert "10.0.0.5" not in str(said)
            assert "10.0.0.5" in caplog.text
            store.failing = anyio.lowlevel.checkpoint
            status, said = await call(session, "GET", "/healthz")
            assert (status, said["status"], said["organizations"]) == (200, "ok", 0)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread waits for the event loop, however busy the machine."""
    monkeypatch.setattr(pool_health, "TELL", PATIENCE)


@pytest.mark.usefixtures("patient")
async def test_other_threads_may_look() -> None:
    servers = Servers("a")
    async with pool_of(servers) as pool:
        await pool.client("a", organization="acme")
        here = seen(pool)
        there = await asyncio.to_thread(seen, pool)
        assert here is not None
        assert there is not None
        assert [each.organization for each in there.organizations] == ["acme"]
    assert await asyncio.to_thread(seen, pool) is None


async def test_a_thread_does_not_wait_for_a_busy_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_health, "TELL", 0.01)
    async with pool_of(Servers("a")) as pool:
        found: list[object] = []
        thread = threading.Thread(target=lambda: found.append(seen(pool)))
        thread.start()
        thread.join()  # the event loop stands still meanwhile
    assert found == [None]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("error", [RuntimeError("a bug"), TimeoutError("another")])
async def test_what_fails_in_the_loop_is_raised_where_it_was_asked(error: Exception) -> None:
    def fail() -> None:
        raise error

    loop = asyncio.get_running_loop()
    with pytest.raises(type(error), match=str(error)):
        await asyncio.to_thread(pool_health.call_in_loop, loop, fail)


def test_a_loop_that_is_closed_answers_nothing() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    assert pool_health.call_in_loop(loop, lambda: 1) is None
