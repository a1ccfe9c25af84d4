"""Many organisations in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio
import pytest

from postiz_async import (
    AdvancedOptions,
    APIConnectionError,
    ConfigurationError,
    NewPost,
    Postiz,
    PostizPool,
    QuotaWaitError,
    _pool as pool_module,
)
from postiz_async._resources.api import opened
from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve
from postiz_async._transport import make_transport
from postiz_async._wire import WireRequest, WireResponse
from postiz_async._wire.secrets import Secret
from postiz_async.clock import JumpingClock
from postiz_async.stores import Records
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing._transport import SandboxTransport

URL = "http://sandbox.invalid"
MUCH_LATER = datetime(2099, 1, 1, tzinfo=UTC)


class Servers:
    """A sandbox for each key behind one transport: as many organisations of one server."""

    def __init__(self, *keys: str, limit: int = 3) -> None:
        self.clock = JumpingClock()
        self.sandboxes = {
            key: MemoryServer(api_key=key, clock=self.clock, limit=limit) for key in keys
        }
        self.order: list[str] = []
        self._ways = {
            key: SandboxTransport(box, latency=0.2) for key, box in self.sandboxes.items()
        }

    async def send(self, request: WireRequest) -> WireResponse:
        key = Secret.of(dict(request.headers)["Authorization"]).reveal()
        if request.url.endswith("/posts"):
            self.order.append(key)
        return await self._ways[key].send(request)

    async def aclose(self) -> None:
        """There is nothing to close."""


@asynccontextmanager
async def pool_of(
    servers: Servers,
    *,
    connections: int = 100,
    keep: int = 100,
    store: Records | None = None,
    **hooks: Any,
) -> AsyncGenerator[PostizPool]:
    async with PostizPool(
        base_url=URL,
        connections=connections,
        max_clients=keep,
        store=store,
        advanced=AdvancedOptions(clock=servers.clock, transport=servers, **hooks),
    ) as pool:
        for box in servers.sandboxes.values():
            await box.__aenter__()
        try:
            yield pool
        finally:
            for box in servers.sandboxes.values():
                await box.__aexit__(None, None, None)


def channel_of(box: MemoryServer) -> str:
    return box.add_channel("mastodon").id


async def post(postiz: Postiz, channel: str, text: str, **options: float) -> None:
    await postiz.posts.schedule(NewPost(channel, text), at=MUCH_LATER, **options)  # type: ignore[arg-type]


async def test_each_organisation_has_its_own_quota() -> None:
    servers = Servers("a", "b")
    channels = {key: channel_of(box) for key, box in servers.sandboxes.items()}
    async with pool_of(servers) as pool:
        a, b = await pool.client("a"), await pool.client("b")
        for number in range(3):
            await post(a, channels["a"], f"{number}")
        with pytest.raises(QuotaWaitError):
            await post(a, channels["a"], "one more", max_wait=0)
        await post(b, channels["b"], "b is free", max_wait=0)
        assert (await a.quota()).remaining == 0
        assert (await b.quota()).remaining == 2
        assert len(pool) == 2
        assert repr(pool) == "<PostizPool open, 2 clients>"


async def test_asking_again_gives_the_same_client_and_its_ledger() -> None:
    servers = Servers("a")
    channel = channel_of(servers.sandboxes["a"])
    async with pool_of(servers) as pool:
        first = await pool.client(" Bearer a ")
        await post(first, channel, "x")
        assert await pool.client("a") is first
        assert (await (await pool.client("a")).quota()).remaining == 2


async def test_many_that_ask_for_a_client_at_once_get_the_same_one() -> None:
    servers = Servers("a")
    async with pool_of(servers) as pool:
        keys = [f"key-{number}" for number in range(50)] * 4
        clients = await asyncio.gather(*(pool.client(key) for key in keys))
        assert len({id(client) for client in clients}) == len(pool) == 50


async def test_a_renewed_token_of_an_organisation_spends_the_same_quota() -> None:
    servers = Servers("old", "new")
    channel = channel_of(servers.sandboxes["old"])
    async with pool_of(servers) as pool:
        old = await pool.client("old", organization="acme")
        new = await pool.client("new", organization="acme")
        assert old is not new
        assert opened(old).quota_name == opened(new).quota_name
        await post(old, channel, "1")
        assert (await new.quota()).remaining == 2


async def test_a_backlog_of_one_organisation_keeps_no_other_waiting() -> None:
    servers = Servers("big", "small", limit=200)
    channels = {key: channel_of(box) for key, box in servers.sandboxes.items()}
    async with pool_of(servers, connections=4) as pool:
        big, small = await pool.client("big"), await pool.client("small")
        await post(big, channels["big"], "first")
        await post(small, channels["small"], "first")
        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(post(big, channels["big"], f"{number}"))
            await servers.clock.sleep(1)
            begun = servers.clock.monotonic()
            await post(small, channels["small"], "mine")
            took = servers.clock.monotonic() - begun
        assert took < 1, "a turn comes after at most one call of each other organisation"
        assert all(not box.refusals for box in servers.sandboxes.values())


async def test_the_longest_unused_clients_are_closed_and_their_ledgers_live_on() -> None:
    servers = Servers(*(f"k{number}" for number in range(12)))
    channel = channel_of(servers.sandboxes["k0"])
    async with pool_of(servers, keep=10) as pool:
        first = await pool.client("k0")
        for number in range(3):
            await post(first, channel, f"{number}")
        for number in range(1, 11):
            await pool.client(f"k{number}")
        assert len(pool) == 10
        assert not first.is_open
        again = await pool.client("k0")
        assert again is not first
        with pytest.raises(QuotaWaitError):
            await post(again, channel, "the window is used up", max_wait=0)
        assert not servers.sandboxes["k0"].refusals


async def test_a_pool_on_a_store_shares_with_other_processes() -> None:
    servers, store = Servers("a"), MemoryStore()
    channel = channel_of(servers.sandboxes["a"])
    async with pool_of(servers, store=store) as pool:
        await post(await pool.client("a"), channel, "x")
        async with Postiz(
            api_key="a",
            base_url=URL,
            store=store,
            advanced=AdvancedOptions(clock=servers.clock, transport=servers),
        ) as other:
            assert (await other.quota()).remaining == 2


async def test_closing_a_pool_ends_what_waits_or_waits_for_it() -> None:
    servers = Servers("a", limit=1)
    channel = channel_of(servers.sandboxes["a"])
    async with pool_of(servers) as pool:
        client = await pool.client("a")
        await post(client, channel, "1")
        waiting = asyncio.create_task(post(client, channel, "2"))
        await servers.clock.sleep(1)
        await pool.aclose()
        with pytest.raises(ConfigurationError, match="closed while this call waited"):
            await waiting
        with pytest.raises(ConfigurationError, match="pool is not open"):
            await pool.client("a")
        await pool.open()
        client = await pool.client("a")
        waiting = asyncio.create_task(post(client, channel, "3"))
        await servers.clock.sleep(1)
        await pool.aclose(drain=8000)
        await waiting
        assert len(servers.sandboxes["a"].posts) == 2


async def test_a_pool_that_is_cancelled_while_it_drains_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    transport = make_transport()
    monkeypatch.setattr(pool_module, "make_transport", lambda _: transport)
    async with MemoryServer(limit=1) as sandbox, serve(sandbox) as served:
        channel = sandbox.add_channel("mastodon").id
        pool = await PostizPool(base_url=served.url).open()
        postiz = await pool.client("sandbox")
        await post(postiz, channel, "goes")
        waiting = asyncio.create_task(post(postiz, channel, "waits"))
        await asyncio.sleep(0.02)
        with anyio.move_on_after(0.05):
            await pool.aclose(drain=3600)
        with pytest.raises(ConfigurationError, match="closed"):
            await waiting
    with pytest.raises(APIConnectionError, match="The client is closed"):
        await transport.send(WireRequest("GET", served.url, (), None, 1.0))


async def test_a_pool_forgets_organisations_whose_window_is_over() -> None:
    keys = [f"k{number}" for number in range(6)]
    servers = Servers(*keys)
    channels = {key: channel_of(box) for key, box in servers.sandboxes.items()}
    async with pool_of(servers, keep=2) as pool:
        for key in keys:
            await post(await pool.client(key), channels[key], "x")
        assert len(pool._queues) == 6, "their windows run, and who comes back must know that"
        servers.clock.advance(3610)
        for key in keys[:3]:
            await post(await pool.client(key), channels[key], "x")
        assert len(pool._queues) <= 4
        assert (await (await pool.client(keys[0])).quota()).remaining == 2


async def test_a_pool_without_an_outbox_says_what_to_do() -> None:
    async with pool_of(Servers("a")) as pool:
        client = await pool.client("a")
        assert not hasattr(client, "outbox")
        for each in (pool, client):
            with pytest.raises(ConfigurationError, match="This pool has no open outbox"):
                _ = each.outbox


async def test_a_pool_without_room_is_refused() -> None:
    for name in ("connections", "max_clients"):
        for number in (0, 2.5, True, "3"):
            with pytest.raises(ConfigurationError, match=f"{name} is {number!r}. Give a whole"):
                PostizPool(base_url=URL, **{name: number})  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="no API key"):
        async with PostizPool(base_url=URL, advanced=AdvancedOptions(transport=Servers())) as pool:
            await pool.client("")


def test_a_pool_in_a_second_event_loop_says_so() -> None:
    pool = PostizPool(base_url=URL, advanced=AdvancedOptions(transport=Servers()))

    async def ask() -> None:
        await pool.client("another")

    asyncio.run(_opened(pool))
    with pytest.raises(ConfigurationError, match="opened in another event loop"):
        asyncio.run(ask())


async def _opened(pool: PostizPool) -> None:
    await pool.open()


class Nowhere:
    """A way to a server that nobody asks."""

    async def send(self, request: WireRequest) -> WireResponse:
        raise AssertionError(request.url)

    async def aclose(self) -> None:
        """There is nothing to close."""


@pytest.mark.parametrize("work", ["closing", "letting go"])
async def test_others_run_while_many_clients_are_closed(work: str) -> None:
    async with PostizPool(
        base_url="http://x.invalid",
        max_clients=5_000,
        advanced=AdvancedOptions(transport=Nowhere(), clock=JumpingClock()),
    ) as pool:
        clients = [await pool.client(f"key-{number}") for number in range(5_000)]
        works = {"closing": pool.aclose, "letting go": partial(pool.client, "another")}
        ended, turns = asyncio.create_task(works[work]()), 0
        while not ended.done():
            await asyncio.sleep(0)
            turns += 1
        ended.result()
        closed = sum(not client.is_open for client in clients)
        assert closed == (5_000 if work == "closing" else 500)
        assert turns > closed / 200


@pytest.mark.parametrize("turns", range(6))
async def test_a_closing_that_is_cancelled_closes_all_clients(turns: int) -> None:
    pool = PostizPool(
        base_url="http://x.invalid",
        advanced=AdvancedOptions(transport=Nowhere(), clock=JumpingClock()),
    )
    await pool.open()
    clients = [await pool.client(f"key-{number}") for number in range(300)]
    closing = asyncio.create_task(pool.aclose())
    await asyncio.sleep(0)  # it has begun
    for _ in range(turns):
        await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    assert not any(client.is_open for client in clients)
