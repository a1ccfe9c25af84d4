"""Old servers count other routes too, each for itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest
from samples import PNG

from postiz_async import AdvancedOptions, Postiz, PostizError, QuotaWaitError
from postiz_async._resources.api import opened
from postiz_async._sandbox import MemoryServer
from postiz_async._wire import WireRequest, WireResponse
from postiz_async._wire.endpoints import CREATE_POST, LIST_POSTS, UPLOAD_FILE
from postiz_async.clock import JumpingClock
from postiz_async.stores.memory import MemoryStore
from postiz_async.testing._transport import SandboxTransport, sandbox_client

START, END = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC)


@asynccontextmanager
async def old_server(
    release: str = "v2.18.0", limit: int = 5
) -> AsyncGenerator[tuple[MemoryServer, Postiz]]:
    async with (
        MemoryServer(clock=JumpingClock(), limit=limit, release=release) as sandbox,
        sandbox_client(sandbox, latency=0.1) as postiz,
    ):
        yield sandbox, postiz


async def look(postiz: Postiz) -> None:
    await postiz.posts.list(start=START, end=END)


@pytest.mark.parametrize("at_once", [1, 20])
async def test_a_read_that_the_server_counts_waits_for_its_own_window(at_once: int) -> None:
    async with old_server(limit=30) as (sandbox, postiz):
        looks = [asyncio.create_task(look(postiz)) for _ in range(at_once)]
        await asyncio.gather(*looks)
        for _ in range(60 - at_once):
            await look(postiz)
        assert not sandbox.refusals
        assert 3600 < sandbox.clock.monotonic() < 3660, "two windows of 30"
        await postiz.channels.list()  # not counted at this release: no wait
        assert sandbox.clock.monotonic() < 3660


async def test_reads_and_creates_have_counters_of_their_own() -> None:
    async with old_server(limit=5) as (sandbox, postiz):
        for _ in range(5):
            await look(postiz)
        await postiz.posts.probe()
        assert (await postiz.quota()).remaining == 4
        assert not sandbox.refusals


async def test_max_wait_holds_for_counted_reads() -> None:
    async with old_server(limit=5) as (_, postiz):
        for _ in range(5):
            await look(postiz)
        with pytest.raises(QuotaWaitError) as caught:
            await postiz.with_options(max_wait=5).posts.list(start=START, end=END)
        assert 3500 < caught.value.retry_after < 3610


async def test_the_counter_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with old_server() as (_, postiz):
            for _ in range(4):
                await look(postiz)
    (record,) = caplog.records
    assert LIST_POSTS.name in record.message
    assert "counted by this server too" in record.message


async def test_an_updated_server_that_counts_no_more_is_noticed() -> None:
    clock = JumpingClock()
    old = MemoryServer(clock=clock, limit=5, release="v2.18.0")
    new = MemoryServer(clock=clock, limit=5)

    class Updated:
        """The server is updated after four requests."""

        asked = 0

        async def send(self, request: WireRequest) -> WireResponse:
            self.asked += 1
            box = old if self.asked <= 4 else new
            return await SandboxTransport(box, latency=0.1).send(request)

        async def aclose(self) -> None:
            """There is nothing to close."""

    async with (
        old,
        new,
        Postiz(
            api_key="sandbox",
            base_url="http://sandbox.invalid",
            advanced=AdvancedOptions(clock=clock, transport=Updated()),
        ) as postiz,
    ):
        for _ in range(4):
            await look(postiz)
        await asyncio.gather(*(look(postiz) for _ in range(40)))
        assert clock.monotonic() < 10, "nobody waited for a window"


async def test_a_counted_upload_may_take_minutes(caplog: pytest.LogCaptureFixture) -> None:
    clock = JumpingClock()
    async with MemoryServer(clock=clock, limit=30, release="v2.18.0") as sandbox:
        way = SandboxTransport(sandbox, latency=100.0)
        async with sandbox_client(sandbox, transport=way) as postiz:

            async def upload(number: int, after: float) -> None:
                await clock.sleep(after)
                await postiz.media.upload(PNG + bytes([number]), stall_timeout=200.0)

            await upload(0, 0)
            await upload(1, 0)
            began = clock.monotonic()
            await asyncio.gather(*(upload(number, 40.0 * number) for number in (2, 3, 4)))
            assert clock.monotonic() < began + 700
            queue = opened(postiz).scheduler._routes[UPLOAD_FILE.name].queue
            assert queue is not None
            ledger = queue.handle.ledger
            assert ledger.neighbours.own == 5
            assert (ledger.flights.unseen, ledger.flights.open) == ((), ())
    assert "longer than its reservation" not in caplog.text


@pytest.mark.parametrize(("status", "is_counted"), [(200, False), (400, True)])
async def test_only_a_success_without_rate_headers_shows_that_a_route_is_free(
    status: int, *, is_counted: bool
) -> None:
    """A refusal may come from a proxy, which knows nothing of the throttle behind it."""
    async with MemoryServer(clock=JumpingClock(), limit=5, release="v2.18.0") as sandbox:

        class Beyond:
            """The second answer is somebody else's."""

            asked = 0

            async def send(self, request: WireRequest) -> WireResponse:
                self.asked += 1
                if self.asked == 2:
                    return WireResponse(status, {"content-type": "application/json"}, b"[]")
                return await SandboxTransport(sandbox).send(request)

            async def aclose(self) -> None:
                """There is nothing to close."""

        async with Postiz(
            api_key="sandbox",
            base_url="http://sandbox.invalid",
            advanced=AdvancedOptions(clock=sandbox.clock, transport=Beyond()),
        ) as postiz:
            await look(postiz)
            assert opened(postiz).scheduler.is_counted(LIST_POSTS.name)
            with suppress(PostizError):
                await look(postiz)
            assert opened(postiz).scheduler.is_counted(LIST_POSTS.name) is is_counted


async def test_counted_reads_of_two_clients_share_a_store() -> None:
    store = MemoryStore()
    async with MemoryServer(clock=JumpingClock(), limit=6, release="v2.18.0") as sandbox:
        async with (
            sandbox_client(sandbox, store=store) as one,
            sandbox_client(sandbox, store=store) as two,
        ):
            await look(one)
            await look(two)  # finds the counter for itself
            for client in (one, two, one, two):
                await look(client)
            with pytest.raises(QuotaWaitError):
                await one.with_options(max_wait=0).posts.list(start=START, end=END)
            with pytest.raises(QuotaWaitError):
                await two.with_options(max_wait=0).posts.list(start=START, end=END)
        assert not sandbox.refusals


class Answering:
    """A transport whose answers are given by the test, in any order."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[WireResponse]] = []

    async def send(self, _: WireRequest) -> WireResponse:
        self.asked.append(asyncio.get_running_loop().create_future())
        return await self.asked[-1]

    async def aclose(self) -> None:
        """There is nothing to close."""

    async def answer(self, number: int, *, counted: bool) -> None:
        names = ("limit", "remaining", "reset") if counted else ()
        headers = {f"x-ratelimit-{name}": "30" for name in names}
        self.asked[number].set_result(WireResponse(200, headers, b'{"posts": []}'))
        await turn()


async def turn() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_servers_that_disagree_whether_they_count_break_no_call() -> None:
    way = Answering()
    async with Postiz(
        api_key="k",
        base_url="http://sandbox.invalid",
        advanced=AdvancedOptions(clock=JumpingClock(), transport=way),
    ) as postiz:

        async def begin(calls: int) -> list[asyncio.Task[None]]:
            begun = [asyncio.create_task(look(postiz)) for _ in range(calls)]
            await turn()
            return begun

        calls = await begin(1)
        await way.answer(0, counted=True)
        calls += await begin(2)  # both under the counter that was found
        await way.answer(1, counted=False)
        calls += await begin(2)  # both without one
        await way.answer(3, counted=True)
        calls += await begin(1)  # waits for the other
        await way.answer(2, counted=False)
        assert len(way.asked) == 5
        await way.answer(4, counted=False)
        await way.answer(5, counted=False)
        await asyncio.gather(*calls)


async def test_today_only_creates_are_counted() -> None:
    async with old_server("HEAD", limit=2) as (sandbox, postiz):
        for _ in range(20):
            await look(postiz)
        assert sandbox.clock.monotonic() == pytest.approx(20 * 0.2)
    assert CREATE_POST.quota
    assert not LIST_POSTS.quota
