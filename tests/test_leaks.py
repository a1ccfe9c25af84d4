"""The key, proxy passwords and OAuth secrets: nothing that a server can cause leads to them."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import socket
import struct
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from leak_lab import Heard, answering, forms, leaks, listening, repeated
from network_lab import server_context
from processes import PATIENCE
from spread import spread

from postiz_async import AdvancedOptions, NewPost, Postiz, PostizError, PostizPool, UploadError
from postiz_async._scheduler.hooks import Attempt
from postiz_async._transport.http import AiohttpTransport
from postiz_async._wire import WireRequest
from postiz_async._wire.endpoints import FilePart
from postiz_async._wire.secrets import Secret
from postiz_async.clock import AcceleratedClock
from postiz_async.doctor import examine
from postiz_async.errors import (
    APIConnectionError,
    ConfigurationError,
    Delivery,
    NotFoundError,
)
from postiz_async.oauth import OAuth

pytestmark = pytest.mark.usefixtures("no_proxies")

HEX = "4f9c02e7d1b8a3650f4c1e97b2d8a6035e71c94f2a08d6b3"
ODD = 'pos_7x/Q+"9&<z%=~!k#5'
KEYS = pytest.mark.parametrize("key", [HEX, ODD], ids=["hex", "odd"])
CODE = "c0de" + HEX[::-1]
PASSWORD = "hunter2/is:secret"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
STATUSES = [200, 201, 301, 302, 307, 304, 400, 401, 402, 403, 404, 409, 413, 415, 418, 422, 429]
STATUSES += [500, 501, 502, 503, 504, 521, 599]
TYPICAL = [200, 307, 401, 404, 413, 429, 500]


@asynccontextmanager
async def client(
    key: str, url: str, *, hooks: Any = None, **options: object
) -> AsyncGenerator[Postiz]:
    clock = AcceleratedClock(10_000)
    async with Postiz(
        api_key=key, base_url=url, advanced=AdvancedOptions(clock=clock, **(hooks or {})), **options
    ) as postiz:  # type: ignore[arg-type]
        yield postiz


def every_kind_of_call(postiz: Postiz) -> list[Callable[[], Awaitable[object]]]:
    at = datetime.now(UTC) + timedelta(days=90)
    return [
        postiz.channels.list,
        postiz.channels.is_connected,
        lambda: postiz.posts.list(start=at, end=at),
        lambda: postiz.posts.schedule(NewPost("c", "x"), at=at, max_wait=0),
        lambda: postiz.posts.delete("x"),
        lambda: postiz.media.upload(PNG),
    ]


async def outcome_of(call: Callable[[], Awaitable[object]]) -> PostizError | None:
    """The error of a call, if it has one."""
    try:
        await call()
    except PostizError as error:
        logging.getLogger("app").exception("it failed")
        return error
    return None


async def failure_of(call: Callable[[], Awaitable[object]], *secrets: str) -> Exception:
    """The error of a call, which leads nowhere to a secret."""
    with pytest.raises((PostizError, TimeoutError)) as caught:
        await call()
    found = leaks(caught.value, *secrets)
    assert found == []
    return caught.value


# ------------------------------------------------------------------ what servers repeat


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("status", "kind", "key"),
    [
        *((status, "json", HEX) for status in STATUSES),
        *((status, kind, ODD) for status in TYPICAL for kind in ("json", "html", "text")),
    ],
)
async def test_what_a_server_repeats_reaches_nobody(
    status: int, kind: str, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[Attempt] = []
    errors = 0
    async with (
        listening(answering(status, kind)) as url,
        client(key, url, hooks={"on_attempt": seen.append}, validate=False) as postiz,
    ):
        for call in every_kind_of_call(postiz):
            error = await outcome_of(call)
            errors += error is not None
            assert error is None or leaks(error, key) == []
        assert leaks(Exception(seen, await postiz.quota()), key) == []
    assert errors >= 4
    assert not [form for form in forms(key) if form in caplog.text]


@pytest.mark.parametrize(
    ("status", "is_said"),
    spread(
        [*((status, True) for status in TYPICAL), *((status, False) for status in TYPICAL[1:])],
        every=3,
    ),
)
async def test_what_a_server_repeats_of_a_gateways_header_reaches_nobody(
    status: int, caplog: pytest.LogCaptureFixture, *, is_said: bool
) -> None:
    """A success has the user's data and is left alone, unless the header was given as a secret."""
    caplog.set_level(logging.DEBUG)
    headers: dict[str, str | Secret] = {"X-Gateway": Secret(HEX) if is_said else HEX}
    errors = 0
    async with (
        listening(answering(status, "json")) as url,
        client("a-key-of-no-interest", url, validate=False, headers=headers) as postiz,
    ):
        headers.clear()
        for view in (postiz, postiz.with_options(timeout=60)):
            for call in every_kind_of_call(view):
                error = await outcome_of(call)
                errors += error is not None
                assert error is None or leaks(error, HEX) == []
    assert errors >= 8
    assert not [form for form in forms(HEX) if form in caplog.text]


@KEYS
async def test_what_a_server_repeats_is_not_in_its_data_either(key: str) -> None:
    async def handler(heard: Heard, writer: asyncio.StreamWriter) -> None:
        names = repeated(heard)
        body = json.dumps(
            [{"id": f"c{n}", "name": name, "identifier": "x"} for n, name in enumerate(names)]
        )
        head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}"
        head += f"\r\nX-Was: {key}\r\nX-{HEX}: 1"
        writer.write(f"{head}\r\n\r\n{body}".encode())

    async with listening(handler) as url, client(key, url) as postiz:
        found = await postiz.channels.list()
        raw = await postiz.with_raw_response(postiz.channels.list())
    assert len(found) > 10
    assert leaks(Exception(found, raw), key, *([HEX] if key == HEX else [])) == []
    assert "***" in {channel.name for channel in found}
    assert raw.headers["x-was"] == "***"


@KEYS
async def test_what_a_server_repeats_is_not_in_the_response_of_an_error(key: str) -> None:
    async def handler(heard: Heard, writer: asyncio.StreamWriter) -> None:
        body = json.dumps({"msg": "\n".join(repeated(heard))})
        head = f"HTTP/1.1 404 No\r\nConnection: close\r\nContent-Length: {len(body)}"
        head += f"\r\nX-Was: {key}\r\nX-Id: 7"
        writer.write(f"{head}\r\n\r\n{body}".encode())

    async with listening(handler) as url, client(key, url) as postiz:
        with pytest.raises(NotFoundError) as caught:
            await postiz.channels.list()
    response = pickle.loads(pickle.dumps(caught.value)).response  # noqa: S301
    assert response == caught.value.response
    assert (response.status_code, response.headers["x-id"]) == (404, "7")
    assert response.headers["x-was"] == "***"
    assert b"***" in response.body
    assert leaks(caught.value, key) == []


@pytest.mark.parametrize("size", [100, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 100_000])
async def test_a_repeated_secret_is_found_in_bodies_of_any_length(size: int) -> None:
    async def handler(heard: Heard, writer: asyncio.StreamWriter) -> None:
        body = b"x" * (size - len(HEX)) + HEX.encode()
        head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {size}\r\n"
        if heard.path == "/header":
            body, head = b"x" * size, f"{head}X-Was: {HEX}\r\n"
        writer.write(f"{head}\r\n".encode() + body)

    transport = AiohttpTransport()
    async with listening(handler) as url:
        for path in ("/body", "/header"):
            sent = WireRequest("GET", url + path, (("Authorization", Secret(HEX)),), None, 60.0)
            answer = await transport.send(sent)
            told = str(dict(answer.headers)) + answer.body.decode()
            assert "***" in told
            assert HEX not in told
    await transport.aclose()


async def test_an_answer_without_the_secret_is_handed_on_to_the_letter() -> None:
    body = bytes(range(256)) * 50 + b'{"a": "%41\\u0041 &amp; ' + HEX[:-1].encode() + b'"}'

    async def handler(_: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)

    transport = AiohttpTransport()
    async with listening(handler) as url:
        sent = WireRequest("GET", url, (("Authorization", Secret(HEX)),), None, 60.0)
        assert (await transport.send(sent)).body == body
        word = WireRequest("GET", url, (("Authorization", Secret("amp")),), None, 60.0)
        assert (await transport.send(word)).body == body
    await transport.aclose()


@pytest.fixture
def echoing() -> Iterator[str]:
    """A server in a thread that takes campaigns and refuses their posts with all it was sent."""
    started: list[str] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def handler(heard: Heard, writer: asyncio.StreamWriter) -> None:
        said = " ".join(repeated(heard))
        if heard.path.endswith("/integrations"):
            answer: object = [{"id": "c1", "name": f"Me {said}", "identifier": "mastodon"}]
        elif heard.method == "GET":
            answer = {"posts": []}
        else:
            answer = {"statusCode": 400, "message": f"posts.0.value.0.content {said}"}
        status = 400 if heard.method == "POST" else 200
        body = json.dumps(answer)
        head = f"HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Type: application/json"
        head += "\r\nX-RateLimit-Limit: 30\r\nX-RateLimit-Remaining: 9\r\nX-RateLimit-Reset: 99"
        writer.write(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())

    async def serve() -> None:
        async with listening(handler) as url:
            started.append(url)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(PATIENCE)
    yield started[0]
    loop.call_soon_threadsafe(over.set)
    thread.join(PATIENCE)
    loop.close()


@KEYS
def test_what_a_server_repeats_is_in_no_file_of_a_campaign(
    echoing: str,
    key: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from postiz_async._cli.app import run  # noqa: PLC0415  (imports all commands)

    for name, value in {
        "POSTIZ_API_KEY": key,
        "POSTIZ_API_URL": echoing,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "c.csv"
    file.write_text("channel,date,content\nc1,2099-01-20 09:00Z,Hello\n")
    assert run(["run", str(file)]) == 1
    journal = file.with_suffix(".journal")
    assert run(["run", str(file), "--json"]) == 1
    assert run(["report", str(file), "--result", str(tmp_path / "r.csv"), "--json"]) == 0
    assert run(["status", str(file)]) in {0, 1}
    shown = capsys.readouterr()
    everything = {"out": shown.out, "err": shown.err}
    everything |= {
        str(path.relative_to(tmp_path)): path.read_bytes().decode("latin-1")
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    assert journal.name in everything
    assert {"r.csv", "c.report.html"} <= set(everything)
    assert "***" in everything["r.csv"]
    found = {name for name, text in everything.items() for form in forms(key) if form in text}
    assert found == set()


@KEYS
async def test_what_a_server_repeats_is_in_no_span(key: str) -> None:
    trace = pytest.importorskip("opentelemetry.sdk.trace")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    from postiz_async.contrib.opentelemetry import Telemetry  # noqa: PLC0415  (an extra)

    spans = memory.InMemorySpanExporter()
    provider = trace.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(spans))
    telemetry = Telemetry(tracer_provider=provider)
    hooks = {"on_call": telemetry.on_call, "on_attempt": telemetry.on_attempt}
    async with (
        listening(answering(418, "json")) as url,
        client(key, url, validate=False, hooks=hooks) as postiz,
    ):
        for call in every_kind_of_call(postiz):
            with pytest.raises(PostizError):
                await call()
    text = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "list_channels" in text
    assert not [form for form in forms(key) if form in text]


async def test_the_doctor_repeats_nothing() -> None:
    for status in (200, 307, 401, 404, 500):
        transport = AiohttpTransport()
        async with listening(answering(status, "json")) as url:
            found = await examine(
                api_key=HEX, base_url=url, clock=AcceleratedClock(1_000), transport=transport
            )
        await transport.aclose()
        assert leaks(Exception(found), HEX) == []


# ------------------------------------------------------------------ connections that fail


@contextmanager
def in_thread(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that handles one connection in a thread, so that it can act while we do not."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: serve(server))
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(PATIENCE)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@KEYS
async def test_a_connection_that_is_reset_while_we_write_leads_to_no_key(key: str) -> None:
    """The selector's frame has the bytes of the request."""
    gone = threading.Event()

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        assert answered.wait(PATIENCE)
        reset(connection)
        gone.set()

    answered = threading.Event()
    transport = AiohttpTransport()
    with in_thread(serve) as url:
        sent = WireRequest("GET", url, (("Authorization", Secret(key)),), None, 60.0)
        assert (await transport.send(sent)).status == 200
        answered.set()
        assert gone.wait(PATIENCE)  # nobody runs the loop: it believes that it is connected
        error = await failure_of(lambda: transport.send(sent), key)
    await transport.aclose()
    assert isinstance(error, APIConnectionError)
    assert error.delivery is Delivery.UNKNOWN
    assert error.__cause__ is not None


def saying(answer: bytes, *, resets: bool = False) -> Callable[[Heard, object], Awaitable[None]]:
    async def handler(heard: Heard, writer: asyncio.StreamWriter) -> None:
        texts = " ".join(repeated(heard)).encode()
        writer.write(answer.replace(b"ECHO", texts.replace(b"\r", b"").replace(b"\n", b"")))
        if resets:
            await writer.drain()
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return handler  # type: ignore[return-value]


BROKEN = {
    "nothing": b"",
    "half a header": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a header that repeats": b"HTTP/1.1 200 OK\r\nX: ECHO",
    "garbage": b"ECHO\r\n\r\n",
    "status line": b"HTTP/1.1 2x0 ECHO\r\n\r\n",
    "header": b"HTTP/1.1 200 OK\r\nX ECHO\r\n\r\n",
    "long header": b"HTTP/1.1 200 OK\r\nX: ECHO" + b"x" * 20_000 + b"\r\n\r\n",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\nECHO",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nECHO\r\n",
    "gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nECHO",
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: ECHO\r\n\r\n",
    "encoding": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Encoding: ECHO\r\n\r\nabcd",
    "broken JSON": b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[{"id": "ECHO", ECHO',
    "another type": b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"ECHO": 1}',
    "redirect": b"HTTP/1.1 307 ECHO\r\nLocation: https://h/?ECHO\r\nContent-Length: 0\r\n\r\n",
    "page": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<p>ECHO",
    "upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: ECHO\r\n\r\nECHO",
}


@pytest.mark.exhaustive
@KEYS
@pytest.mark.parametrize("resets", [False, True], ids=["", "reset"])
@pytest.mark.parametrize("answer", list(BROKEN.values()), ids=list(BROKEN))
async def test_an_answer_that_breaks_leads_to_no_key(
    answer: bytes, key: str, *, resets: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with (
        listening(saying(answer, resets=resets)) as url,  # type: ignore[arg-type]
        client(key, url, validate=False) as postiz,
    ):
        for call in every_kind_of_call(postiz)[:6]:
            error = await outcome_of(call)
            assert error is None or leaks(error, key) == []
    assert not [form for form in forms(key) if form in caplog.text]


@pytest.mark.parametrize("status", [200, 500])
@KEYS
async def test_an_answer_that_is_cut_in_the_middle_of_the_key_has_no_part_of_it(
    key: str, status: int
) -> None:
    """Also where a form of it that is longer begins before all that is read ends."""
    transport = AiohttpTransport()
    for before in (60, 80, 99, 100, 470):
        body = b"x" * before + key.encode() + b"x" * 9_000

        async def handler(_: Heard, writer: asyncio.StreamWriter, body: bytes = body) -> None:
            writer.write(f"HTTP/1.1 {status} OK\r\nConnection: close\r\n\r\n".encode() + body)

        async with listening(handler) as url:
            sent = WireRequest("GET", url, (("Authorization", Secret(key)),), None, 60.0, 100)
            answer = await transport.send(sent)
        assert answer.is_cut
        assert (b"x" * before + b"***" + b"x" * 99).startswith(answer.body)
        assert 50 <= len(answer.body) <= 100
    await transport.aclose()


@asynccontextmanager
async def silent() -> AsyncGenerator[str]:
    """Takes requests and never answers."""
    over = asyncio.Event()

    async def handler(_: Heard, __: asyncio.StreamWriter) -> None:
        await over.wait()

    async with listening(handler) as url:
        yield url
        over.set()


@KEYS
@pytest.mark.parametrize("whose", ["ours", "the caller's"])
async def test_a_time_out_leads_to_no_key(key: str, whose: str) -> None:
    """Also one of the caller's: what a cancelled task was in the middle of is in its traceback."""
    transport = AiohttpTransport()
    async with silent() as url:
        limit = 0.05 if whose == "ours" else 60.0
        sent = WireRequest("POST", url, (("Authorization", Secret(key)),), b"{}", limit)

        async def call() -> None:
            async with asyncio.timeout(None if whose == "ours" else 0.2):
                await transport.send(sent)

        await failure_of(call, key)
    await transport.aclose()


@KEYS
async def test_a_secret_in_a_body_is_in_no_frame(key: str) -> None:
    """Such as the code and the client's secret that an OAuth token is exchanged for."""
    transport = AiohttpTransport()
    async with silent() as url:
        sent = WireRequest("POST", url, (), Secret(f'{{"client_secret":"{key}"}}'), 0.05)
        await failure_of(lambda: transport.send(sent), key)
    await transport.aclose()


@KEYS
async def test_an_upload_that_stalls_or_whose_source_fails_leads_to_no_key(key: str) -> None:
    async def broken() -> AsyncGenerator[bytes]:
        yield b"x" * 1_000
        raise UploadError("the source broke")

    async def stuck() -> AsyncGenerator[bytes]:
        yield b"x" * 1_000
        await asyncio.Event().wait()

    async def full() -> AsyncGenerator[bytes]:
        for _ in range(400):
            yield b"x" * 60_000

    transport = AiohttpTransport()
    async with silent() as url:
        for source in (broken, stuck, full):
            part = FilePart("a.png", "image/png", None, source, stall_timeout=0.1)
            headers = (("Authorization", Secret(key)),)
            sent = WireRequest("POST", url, headers, part, None)
            await failure_of(lambda sent=sent: transport.send(sent), key)  # type: ignore[misc]
    await transport.aclose()


@KEYS
async def test_an_upload_whose_stream_fails_leads_to_no_key(key: str) -> None:
    """What our caller raised went through the frames that write the request."""

    async def failing() -> AsyncGenerator[bytes]:
        for _ in range(9):
            yield PNG + b"\0" * 60_000
        raise OSError(5, "Input/output error")

    async with silent() as url, client(key, url) as postiz:
        error = await failure_of(lambda: postiz.media.upload(failing()), key)
    assert "Input/output error" in str(error)


@pytest.mark.exhaustive
async def test_tls_that_does_not_match_leads_to_no_key() -> None:
    tls = server_context()  # of an authority that nobody here trusts

    async def handler(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    transport = AiohttpTransport()  # one attempt, which waits for ten seconds
    async with listening(answering(200, "json")) as plain:
        url, key = plain.replace("http:", "https:"), Secret(HEX)
        request = WireRequest("GET", url, (("Authorization", key),), None, 60.0, 100)
        error = await failure_of(lambda: transport.send(request), HEX)
        assert "No connection to" in str(error)
    await transport.aclose()
    async with await asyncio.start_server(handler, "127.0.0.1", 0, ssl=tls) as server:
        port = server.sockets[0].getsockname()[1]
        for url in (f"https://127.0.0.1:{port}", f"http://127.0.0.1:{port}"):
            async with client(HEX, url) as postiz:
                await failure_of(postiz.channels.list, HEX)


async def test_a_server_that_is_not_there_leads_to_no_key() -> None:
    for url in ("http://127.0.0.1:1", "http://nowhere.invalid", "https://127.0.0.1:1"):
        async with client(HEX, url) as postiz:
            await failure_of(postiz.channels.list, HEX)


@pytest.mark.parametrize("key", ["has a space " + HEX, HEX + "ü", HEX + "\n\x00"])
async def test_a_key_that_cannot_be_sent_is_not_among_the_local_variables(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Postiz(api_key=key)
    assert leaks(caught.value, HEX) == []
    async with PostizPool() as pool:
        with pytest.raises(ConfigurationError) as caught:
            await pool.client(key)
        assert leaks(caught.value, HEX) == []
    with pytest.raises(ConfigurationError) as caught:
        Postiz(api_key=HEX, advanced=AdvancedOptions(pacing="wrong"))  # type: ignore[arg-type]
    assert leaks(caught.value, HEX) == []


# ------------------------------------------------------------------ proxies


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("status", [200, 403, 407, 502])
async def test_a_proxy_that_repeats_what_it_is_shown_reaches_nobody(
    scheme: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[Heard] = []
    answer = answering(status, "json")

    async def handler(heard: Heard, writer: asyncio.StreamWriter) -> None:
        heads.append(heard)
        await answer(heard, writer)

    async with listening(handler) as url:
        at = url.replace("http://", "http://me:hunter2%2Fis%3Asecret@")
        monkeypatch.setenv(f"{scheme}_proxy", at)
        async with client(HEX, f"{scheme}://postiz.invalid") as postiz:
            await failure_of(postiz.channels.list, HEX, PASSWORD, f"me:{PASSWORD}")
    assert heads[0].headers["proxy-authorization"] == "Basic bWU6aHVudGVyMi9pczpzZWNyZXQ="
    if scheme == "https":
        assert heads[0].method == "CONNECT"
        assert "authorization" not in heads[0].headers, "the key is for the server"
    else:
        assert heads[0].headers["authorization"] == HEX


async def test_a_proxy_that_is_away_or_breaks_leads_to_no_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with listening(saying(b"")) as url:  # type: ignore[arg-type]
        for proxy in (url, "http://127.0.0.1:1"):
            monkeypatch.setenv("http_proxy", proxy.replace("//", f"//me:{HEX}@"))
            monkeypatch.setenv("https_proxy", proxy.replace("//", f"//me:{HEX}@"))
            for scheme in ("http", "https"):
                async with client(ODD, f"{scheme}://postiz.invalid") as postiz:
                    await failure_of(postiz.channels.list, ODD, HEX)


@pytest.mark.parametrize(
    "proxy", [f"socks5://me:{HEX}@h:1", f"http://me:a/{HEX}@h:1", f"http://me:{HEX}#@h"]
)
async def test_a_proxy_that_cannot_be_used_shows_no_password(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
        AiohttpTransport()
    assert leaks(caught.value, HEX) == []


# ------------------------------------------------------------------ OAuth, stores


@pytest.fixture
def application() -> Callable[[str], OAuth]:
    return lambda url: OAuth(client_id="pca_1", client_secret=f"pcs_{HEX}", base_url=url)


@pytest.mark.parametrize("status", [200, 201, 307, 400, 401, 404, 500, 502])
@pytest.mark.parametrize("kind", ["json", "html", "text"])
async def test_an_exchange_that_fails_leads_neither_to_the_secret_nor_to_the_code(
    status: int, kind: str, application: Callable[[str], OAuth]
) -> None:
    async with listening(answering(status, kind)) as url:
        oauth = application(url)
        await failure_of(lambda: oauth.exchange(CODE), HEX, CODE)


@pytest.mark.parametrize("answer", list(BROKEN.values()), ids=list(BROKEN))
async def test_an_exchange_that_breaks_leads_neither_to_the_secret_nor_to_the_code(
    answer: bytes, application: Callable[[str], OAuth]
) -> None:
    async with listening(saying(answer)) as url:  # type: ignore[arg-type]
        oauth = application(url)
        await failure_of(lambda: oauth.exchange(CODE), HEX, CODE)


async def test_a_token_that_comes_in_a_broken_answer_is_not_shown(
    application: Callable[[str], OAuth],
) -> None:
    body = b'{"access_token": "pos_' + ODD.encode()[:2] + b'the-new-token", "token_type": 7}'
    answer = b"HTTP/1.1 201 OK\r\nConnection: close\r\n\r\n" + body
    async with listening(saying(answer)) as url:  # type: ignore[arg-type]
        oauth = application(url)
        await failure_of(lambda: oauth.exchange("the-code-of-one"), "the-new-token")


async def test_the_exchange_sends_what_the_server_wants(
    application: Callable[[str], OAuth],
) -> None:
    heard: list[Heard] = []

    async def handler(request: Heard, writer: asyncio.StreamWriter) -> None:
        heard.append(request)
        await answering(400, "json")(request, writer)

    async with listening(handler) as url:
        with pytest.raises(PostizError):
            await application(url).exchange("c 1")
    assert heard[0].line.startswith("POST /oauth/token ")
    assert heard[0].headers["content-type"] == "application/json"
    assert json.loads(heard[0].body) == {
        "grant_type": "authorization_code",
        "code": "c 1",
        "client_id": "pca_1",
        "client_secret": f"pcs_{HEX}",
    }


def test_a_free_port_is_what_the_tests_mean() -> None:
    with closing(socket.socket()) as probe:
        assert probe.connect_ex(("127.0.0.1", 1)) != 0
