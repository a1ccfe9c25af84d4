"""The sandbox on loopback."""

from __future__ import annotations

import asyncio
import gzip
import io
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import anyio
import pytest
from aiohttp import web
from processes import PATIENCE, until
from sandbox_calls import create, item
from sandbox_lab import read_pieces

from postiz_async._sandbox import Fault, MemoryServer, http as http_module
from postiz_async._sandbox.http import Served, serve
from postiz_async._sandbox.messages import UploadedFile
from postiz_async.clock import AcceleratedClock

KEY = {"Authorization": "sandbox"}
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
async def sandbox() -> AsyncIterator[MemoryServer]:
    async with MemoryServer() as made:
        made.add_channel("mastodon", id="cmmastodon000000000000001")
        yield made


@pytest.fixture
async def server(sandbox: MemoryServer) -> AsyncIterator[Served]:
    async with serve(sandbox) as served:
        yield served


@pytest.fixture
async def http(server: Served) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers=KEY, auto_decompress=False) as session:
        yield session


async def read(http: aiohttp.ClientSession, url: str) -> Any:
    async with http.get(url) as response:
        return await response.json()


async def test_a_call(server: Served, http: aiohttp.ClientSession) -> None:
    async with http.post(f"{server.api_url}/posts", json=create()) as response:
        assert response.status == 201
        assert [each for each in response.headers if each.startswith("X-")] == [
            "X-Powered-By",
            "X-RateLimit-Limit",
            "X-RateLimit-Remaining",
            "X-RateLimit-Reset",
        ]
        assert response.headers["Keep-Alive"] == "timeout=5"
        assert "Server" not in response.headers
    (post,) = (await read(http, f"{server.url}/sandbox/posts"))["posts"]
    assert post["content"] == "hello"


async def test_an_address_of_the_newer_kind(sandbox: MemoryServer) -> None:
    try:
        async with serve(sandbox, "::1") as served, aiohttp.ClientSession() as http:
            assert served.url.startswith("http://[::1]:")
            assert (await read(http, f"{served.url}/sandbox/state"))["requests"] == 0
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")


async def test_an_id_with_a_line_break_is_unknown(
    server: Served, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{server.api_url}/integration-settings/a%0Ab") as response:
        assert response.status == 404
        assert await response.json() == {"msg": "Integration not found"}


async def test_bodies(server: Served, http: aiohttp.ClientSession) -> None:
    url, kind = f"{server.api_url}/posts", {"Content-Type": "application/json"}
    large = io.BytesIO(b"x" * 5_000_000)
    async with http.post(url, data=large, headers=kind) as response:
        assert response.status == 413
    packed = kind | {"Content-Encoding": "gzip"}
    async with http.post(url, data=gzip.compress(b'{"posts": []}'), headers=packed) as response:
        assert (await response.json())["error"] == "Bad Request"
        assert response.headers["X-RateLimit-Remaining"] == "89"
    async with http.post(url, data=gzip.compress(b" " * 10_000_000), headers=packed) as response:
        assert response.status == 413


async def test_uploads(sandbox: MemoryServer, server: Served, http: aiohttp.ClientSession) -> None:
    form = aiohttp.FormData()
    form.add_field("file", PNG + b"x" * 1_000_000, filename="a.png")
    async with http.post(f"{server.api_url}/upload", data=form) as response:
        media = await response.json()
    assert media["path"].startswith(f"{server.url}/uploads/")
    assert [each.size for each in sandbox.uploads] == [1_000_008]


async def test_a_lost_answer_is_a_broken_connection(
    sandbox: MemoryServer, server: Served, http: aiohttp.ClientSession
) -> None:
    sandbox.faults.add(Fault("drop_answer"))
    with pytest.raises(aiohttp.ClientConnectionError):
        await http.post(f"{server.api_url}/posts", json=create())
    assert len(sandbox.posts) == 1


async def test_who_hangs_up_does_not_stop_the_work(
    sandbox: MemoryServer, server: Served, http: aiohttp.ClientSession
) -> None:
    body = create(*[item() for _ in range(5)])
    asking = asyncio.create_task(http.post(f"{server.api_url}/posts", json=body))
    await until(lambda: sandbox.requests == 1)
    asking.cancel()
    await asyncio.wait([asking])
    await until(lambda: len(sandbox.posts) == 5)


async def test_control(server: Served, http: aiohttp.ClientSession) -> None:
    async with http.post(f"{server.api_url}/posts", json={}):
        pass
    assert await read(http, f"{server.url}/sandbox/state") == {
        "posts": 0,
        "requests": 1,
        "creates": 1,
        "refusals": 0,
        "uploads": 0,
    }
    before = time.time()
    clock = await read(http, f"{server.url}/sandbox/clock")
    assert clock["speed"] == 1
    assert before <= clock["real"] <= clock["shown"] <= time.time()
    assert "msg" in await read(http, f"{server.url}/sandbox/nope")


async def order(http: aiohttp.ClientSession, url: str, said: str = "") -> tuple[int, str]:
    async with http.post(url, data=said) as response:
        return response.status, await response.text()


async def test_a_test_of_another_process_says_what_goes_wrong(
    server: Served, http: aiohttp.ClientSession
) -> None:
    done, control = (204, ""), f"{server.url}/sandbox"
    assert await order(http, f"{control}/faults", "error_before:status=503:times=2\n") == done
    for status in (503, 503, 201):
        async with http.post(f"{server.api_url}/posts", json=create()) as response:
            assert response.status == status
    assert (await read(http, f"{control}/faults"))["struck"] == {"error_before": 2}
    assert await order(http, f"{control}/publish") == done
    assert [each["state"] for each in (await read(http, f"{control}/posts"))["posts"]] == [
        "PUBLISHED"
    ]
    assert await order(http, f"{control}/lock-out", "1800") == done
    async with http.post(f"{server.api_url}/posts", json=create()) as response:
        assert response.status == 429
        assert 1800 - PATIENCE <= int(response.headers["Retry-After"]) <= 1800


@pytest.mark.parametrize(
    ("page", "said", "status", "told"),
    [
        ("faults", "drop", 400, "there is no kind 'drop'"),
        ("lock-out", "soon", 400, "could not convert"),
        ("lock-out", "7200", 400, "a lock lasts up to 3600 s"),
        ("publish", "nope", 400, "nope"),
        ("clock", "", 404, "no such page"),
    ],
)
async def test_what_cannot_be_done_is_refused(
    server: Served, http: aiohttp.ClientSession, page: str, said: str, status: int, told: str
) -> None:
    refused, text = await order(http, f"{server.url}/sandbox/{page}", said)
    assert (refused, told in text) == (status, True), text


async def test_its_own_routes_have_no_other_methods(
    server: Served, http: aiohttp.ClientSession
) -> None:
    for method, page, status in (
        ("DELETE", "posts", 404),
        ("PUT", "faults", 404),
        ("HEAD", "state", 200),
    ):
        async with http.request(method, f"{server.url}/sandbox/{page}") as response:
            assert response.status == status


FOREIGN = [
    {"Host": "evil.example"},
    {"Host": "localhost.evil.example:4007"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Host": "[::1"},
]
OWN = [
    {"Host": "localhost:4007"},
    {"Host": "[::1]:4007", "Origin": "http://[::1]:8000"},
    {"Origin": "http://localhost:8000"},
    {"Origin": "http://127.0.0.1"},
]


async def test_a_page_of_somebody_else_neither_reads_nor_changes_it(
    sandbox: MemoryServer, server: Served, http: aiohttp.ClientSession
) -> None:
    async def ask(headers: dict[str, str]) -> int:
        url = f"{server.url}/sandbox/lock-out"
        async with http.post(url, headers=headers) as ordered:
            pass
        async with http.get(f"{server.url}/sandbox/posts", headers=headers) as read:
            assert read.ok == ordered.ok
            return read.status

    assert [await ask(each) for each in FOREIGN] == [403] * len(FOREIGN)
    async with http.post(f"{server.api_url}/posts", json=create()) as response:
        assert response.status == 201  # not locked out
    assert [await ask(each) for each in OWN] == [200] * len(OWN)


async def test_one_that_others_may_reach_has_any_name(sandbox: MemoryServer) -> None:
    async with serve(sandbox, "0.0.0.0") as served, aiohttp.ClientSession() as http:  # noqa: S104
        headers = {"Host": "postiz:4007", "Origin": "http://app:3000"}
        async with http.get(f"{served.url}/sandbox/state", headers=headers) as response:
            assert response.status == 200


async def test_webhooks_are_called_and_the_clock_is_told() -> None:
    calls: asyncio.Queue[bytes] = asyncio.Queue()

    async def hook(request: web.Request) -> web.Response:
        await calls.put(await request.read())
        return web.Response(status=500)

    application = web.Application()
    application.router.add_post("/hook", hook)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]

    clock = AcceleratedClock(speed=1000)
    async with MemoryServer(clock=clock) as sandbox:
        sandbox.add_channel("mastodon", id="cmmastodon000000000000001")
        sandbox.add_webhook(f"http://{host}:{port}/hook")
        async with serve(sandbox) as server, aiohttp.ClientSession(headers=KEY) as http:
            date = f"{clock.time() + 100:.0f}"
            moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(float(date)))
            async with http.post(f"{server.api_url}/posts", json=create(date=moment)):
                pass
            assert await asyncio.wait_for(calls.get(), PATIENCE) == b"[]"
            told = await read(http, f"{server.url}/sandbox/clock")
            assert told == {"speed": 1000, "real": clock.anchor.real, "shown": clock.anchor.shown}
    await runner.cleanup()


async def test_a_receiver_that_is_slow_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "_WEBHOOK_TIMEOUT", aiohttp.ClientTimeout())
    called: list[str] = []
    may_answer = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        called.append("slow")
        await may_answer.wait()
        return web.Response()

    async def quick(_: web.Request) -> web.Response:
        called.append("quick")
        return web.Response()

    application = web.Application()
    application.router.add_post("/slow", slow)
    application.router.add_post("/quick", quick)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with MemoryServer() as sandbox:
        sandbox.add_channel("mastodon", id="cmmastodon000000000000001")
        sandbox.add_webhook(f"http://{host}:{port}/slow")
        sandbox.add_webhook(f"http://{host}:{port}/quick")
        async with serve(sandbox) as server, aiohttp.ClientSession(headers=KEY) as http:
            for _ in range(3):
                body = create(type="now")
                async with http.post(f"{server.api_url}/posts", json=body) as response:
                    assert response.status == 201
            await until(lambda: called.count("quick") == 3)
            may_answer.set()
            await until(lambda: called.count("slow") == 3)
    await runner.cleanup()


async def test_the_container() -> None:
    async with MemoryServer(base="container") as sandbox, serve(sandbox) as server:
        assert server.api_url == f"{server.url}/api/public/v1"
        async with aiohttp.ClientSession(headers=KEY) as http:
            assert await read(http, f"{server.api_url}/is-connected") == {"connected": True}
            url = f"{server.url}/public/v1/is-connected"
            async with http.get(url, allow_redirects=False) as response:
                assert (response.status, response.headers["Location"]) == (307, "/auth")


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_serving_that_is_cancelled_twice_leaves_no_task() -> None:
    served_at: list[str] = []

    async def served() -> None:
        async with MemoryServer() as sandbox, serve(sandbox) as server:
            served_at.append(server.url)
            await asyncio.Event().wait()

    for turns in range(12):
        served_at.clear()
        task = asyncio.create_task(served())
        await until(lambda: served_at)
        task.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await settled()
        assert asyncio.all_tasks() == {asyncio.current_task()}, turns


async def test_serving_that_runs_out_of_time_closes_its_socket() -> None:
    with anyio.CancelScope() as scope:
        async with MemoryServer() as sandbox, serve(sandbox) as server:
            scope.cancel()
            await anyio.sleep_forever()
    await settled()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get(server.url)


async def test_head(server: Served, http: aiohttp.ClientSession) -> None:
    url = f"{server.api_url}/integrations"
    async with http.get(url) as got, http.head(url) as response:
        body = await got.read()
        assert (response.status, await response.read()) == (200, b"")
        assert response.headers["Content-Length"] == str(len(body))
    async with http.get(url) as response:
        assert response.status == 200, "the connection goes on"


async def test_a_form_that_comes_in_small_and_large_pieces_is_read() -> None:
    """Warnings are errors here, and aiohttp reads it with what it has deprecated itself."""
    file = b"x" * 100_000
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    pieces = (head, file[:1], file[1:5], file[5:], b"\r\n--b--\r\n")
    read = await read_pieces("multipart/form-data; boundary=b", pieces)
    assert isinstance(read, UploadedFile)
    assert read.size == len(file)
