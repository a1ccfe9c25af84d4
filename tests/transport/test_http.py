from __future__ import annotations

import asyncio
import gzip
import re
import socket
import traceback
import tracemalloc
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from msgspec import structs
from processes import PATIENCE
from world import VirtualLoop

from postiz_async import Channel, NewPost, Postiz
from postiz_async._transport import http as transport_module
from postiz_async._transport.http import KEEP_ALIVE, AiohttpTransport
from postiz_async._transport.settings import ConnectionSettings
from postiz_async._wire import WireRequest
from postiz_async._wire.endpoints import FilePart
from postiz_async._wire.secrets import Secret
from postiz_async.errors import (
    APIConnectionError,
    APIResponseValidationError,
    APITimeoutError,
    ConfigurationError,
    Delivery,
    DeliveryUnknownError,
    UploadError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

pytestmark = pytest.mark.usefixtures("no_proxies")

KEY = "k3y-" + "7" * 20


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    made = AiohttpTransport()
    yield made
    await made.aclose()


@asynccontextmanager
async def listening(handler: Handler) -> AsyncGenerator[str]:
    """A server on loopback that does with each connection what `handler` does."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"


def request(url: str, *, timeout: float | None = PATIENCE, **changes: object) -> WireRequest:
    method = str(changes.get("method", "GET"))
    body = changes.get("body")
    assert body is None or isinstance(body, bytes | FilePart)
    return WireRequest(method, url, (("Authorization", Secret(KEY)),), body, timeout)


async def read_head(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\r\n\r\n")).decode()


def saying(answer: bytes, heads: list[str] | None = None) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        if heads is not None:
            heads.append(head)
        writer.write(answer)
        await writer.drain()

    return handler


def ok(body: bytes = b"{}", *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address that is taken, where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


async def failure_of(transport: AiohttpTransport, sent: WireRequest) -> APIConnectionError:
    with pytest.raises(APIConnectionError) as caught:
        await transport.send(sent)
    everything = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert KEY not in "".join(everything.format())
    assert KEY not in repr(caught.value.__cause__)
    return caught.value


@pytest.mark.parametrize("body", [b"[]", f'[{{"id": "{KEY}", "name": "n"}}]'.encode()])
async def test_of_a_header_that_is_there_twice_the_first_counts(
    transport: AiohttpTransport, body: bytes
) -> None:
    """The last is that of a gateway; and whether the answer repeats the key is no matter."""
    async with listening(saying(ok(body, "X-RateLimit-Limit: 30", "x-ratelimit-limit: 9"))) as url:
        response = await transport.send(request(url))
        assert response.headers["x-ratelimit-limit"] == "30"
        async with Postiz(api_key=KEY, base_url=url) as postiz:
            raw = await postiz.with_raw_response(postiz.channels.list())
    assert raw.headers["x-ratelimit-limit"] == "30"


async def test_an_answer_comes_back_with_lower_case_names(transport: AiohttpTransport) -> None:
    async with listening(saying(ok(b'{"a":1}', "X-RateLimit-Limit: 30"))) as url:
        response = await transport.send(request(url))
    assert (response.status, response.body) == (200, b'{"a":1}')
    assert response.headers["x-ratelimit-limit"] == "30"


async def test_refused_means_not_sent(transport: AiohttpTransport, nobody: str) -> None:
    error = await failure_of(transport, request(f"{nobody}/x"))
    assert error.delivery is Delivery.NOT_SENT
    assert str(error).startswith("No connection to http://127.0.0.1:")


async def test_a_name_that_is_none_means_not_sent(transport: AiohttpTransport) -> None:
    error = await failure_of(transport, request("http:///x"))
    assert error.delivery is Delivery.NOT_SENT


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1, 2",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 999999 Odd\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_answer_that_breaks_off_means_unknown(
    transport: AiohttpTransport, answer: bytes, method: str
) -> None:
    async with listening(saying(answer)) as url:
        body = b"{}" if method == "POST" else None
        error = await failure_of(transport, request(url, method=method, body=body))
    assert error.delivery is Delivery.UNKNOWN
    assert "broke before the answer" in str(error)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_nothing_is_ever_repeated_below_us(transport: AiohttpTransport, method: str) -> None:
    """A PUT that schedules a published post publishes it again; who may repeat decides above."""
    heads: list[str] = []
    async with listening(saying(b"", heads)) as url:
        body = b"{}" if method in {"POST", "PUT"} else None
        error = await failure_of(transport, request(url, method=method, body=body))
    assert error.delivery is Delivery.UNKNOWN
    assert len(heads) == 1


async def test_time_outs_pass_as_fast_as_the_clock_that_they_are_meant_on() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    transport = AiohttpTransport(ConnectionSettings(speed=60.0))
    async with listening(silent) as url:
        error = await failure_of(transport, request(url, timeout=30.0))
    await transport.aclose()
    assert isinstance(error, APITimeoutError)
    assert error.message.endswith("did not answer within 30 s.")


async def test_no_answer_in_time_is_a_time_out_of_unknown_fate(
    transport: AiohttpTransport,
) -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(silent) as url:
        error = await failure_of(transport, request(url, timeout=0.5))
    assert isinstance(error, APITimeoutError)
    assert error.delivery is Delivery.UNKNOWN
    assert error.message.endswith("did not answer within 0.5 s.")
    assert str(error) == f"{error.message} `postiz-async doctor` looks for the cause."


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> float:
    """Silence of this many seconds ends an answer that has no time-out of its own."""
    monkeypatch.setattr(transport_module, "STALL_TIMEOUT", 0.2)
    return 0.2


def pausing(seconds: float | None) -> Handler:
    """A server that begins its answer and goes on after a while, or never."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        if "multipart" in head:
            await reader.readuntil(b"--\r\n")
        writer.write(ok(b"{}")[:-1])
        await writer.drain()
        await (reader.read() if seconds is None else asyncio.sleep(seconds))
        writer.write(b"}")
        await writer.drain()

    return handler


@pytest.mark.usefixtures("impatient")
async def test_an_answer_without_a_time_out_ends_when_nothing_comes_any_more() -> None:
    transport = AiohttpTransport(
        ConnectionSettings(speed=1.25)
    )  # of no other test, whose time-outs are kept
    async with listening(pausing(None)) as url:
        error = await failure_of(transport, request(url, timeout=None))
        assert isinstance(error, APITimeoutError)
        assert error.message == f"{url} did not answer."
    await transport.aclose()


@pytest.mark.parametrize("has_upload", [False, True])
async def test_silence_is_no_matter_where_something_else_looks_at_the_time(
    impatient: float, *, has_upload: bool
) -> None:
    """A time-out of the call, or of an upload that stalls."""
    transport = AiohttpTransport(ConnectionSettings(speed=1.5))
    body = replace(part([b"bytes"], []), stall_timeout=PATIENCE) if has_upload else None
    timeout = None if has_upload else PATIENCE
    async with listening(pausing(3 * impatient)) as url:
        sent = request(url, timeout=timeout, method="POST" if has_upload else "GET", body=body)
        response = await transport.send(sent)
    await transport.aclose()
    assert (response.status, response.body) == (200, b"{}")


@pytest.mark.parametrize(("connections", "calls"), [(2, 6), (None, 120)])
async def test_no_more_connections_than_asked_for(connections: int | None, calls: int) -> None:
    settings = ConnectionSettings()
    if connections is not None:
        settings = ConnectionSettings(connections=connections)
    transport = AiohttpTransport(settings)
    most = connections or 100
    there, full, rest = 0, asyncio.Event(), asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal there
        await read_head(reader)
        there += 1
        if there >= most:
            full.set()
        await rest.wait()
        writer.write(ok(b"{}", "Connection: close"))
        await writer.drain()

    async with listening(handler) as url:
        sent = [
            asyncio.create_task(transport.send(request(url, timeout=None))) for _ in range(calls)
        ]
        await full.wait()
        for _ in range(1_000):  # whatever else wants to connect has its chance
            await asyncio.sleep(0)
        assert there == most
        rest.set()
        await asyncio.gather(*sent)
    assert there == calls
    await transport.aclose()


async def test_a_redirect_is_handed_up_and_not_followed(transport: AiohttpTransport) -> None:
    heads: list[str] = []
    answer = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /auth\r\nContent-Length: 0\r\n\r\n"
    async with listening(saying(answer, heads)) as url:
        response = await transport.send(request(url))
    assert (response.status, response.headers["location"]) == (307, "/auth")
    assert len(heads) == 1


async def test_an_idle_connection_is_closed_before_the_server_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert KEEP_ALIVE < 5.0
    monkeypatch.setattr(transport_module, "KEEP_ALIVE", 0.05)
    left = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(ok())
        await reader.read()
        left.set()

    transport = AiohttpTransport()
    async with listening(handler) as url:
        await transport.send(request(url))
        await asyncio.wait_for(left.wait(), PATIENCE)
    await transport.aclose()


async def test_compressed_answers_are_unpacked(transport: AiohttpTransport) -> None:
    heads: list[str] = []
    body = gzip.compress(b"[" + b"1," * 5_000 + b"1]")
    async with listening(saying(ok(body, "Content-Encoding: gzip"), heads)) as url:
        response = await transport.send(request(url))
    assert response.body == b"[" + b"1," * 5_000 + b"1]"
    assert "gzip" in heads[0].lower()


@pytest.mark.parametrize(
    "answer",
    [ok(b"0" * 300_000), ok(gzip.compress(b"0" * 300_000), "Content-Encoding: gzip")],
    ids=["plain", "packed"],
)
async def test_an_endless_answer_is_cut(transport: AiohttpTransport, answer: bytes) -> None:
    async with listening(saying(answer)) as url:
        response = await transport.send(structs.replace(request(url), max_body=100_000))
    assert (response.status, response.is_cut) == (200, True)
    assert response.body == b"0" * 100_000


@pytest.mark.parametrize("unpacked", [99_999, 100_000])
async def test_an_answer_of_just_the_length_that_is_read_is_whole(
    transport: AiohttpTransport, unpacked: int
) -> None:
    body = gzip.compress(b"0" * unpacked)
    async with listening(saying(ok(body, "Content-Encoding: gzip"))) as url:
        response = await transport.send(structs.replace(request(url), max_body=100_000))
    assert (len(response.body), response.is_cut) == (unpacked, False)


async def test_a_long_answer_is_in_memory_once(transport: AiohttpTransport) -> None:
    piece, pieces = b"x" * 65_536, 64
    size = len(piece) * pieces

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(pieces):
            writer.write(piece)
            await writer.drain()

    async with listening(answers) as url:
        tracemalloc.start()
        try:
            response = await transport.send(structs.replace(request(url), max_body=size))
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (len(response.body), response.is_cut) == (size, False)
    assert most < 1.5 * size


@pytest.mark.parametrize("place", [100, 4_194_300, 4_194_304, 8_388_600, 9_999_000, None])
async def test_a_secret_is_masked_wherever_it_is_in_a_huge_answer(
    transport: AiohttpTransport, place: int | None
) -> None:
    body = bytearray(b"x" * 10_000_000)
    if place is not None:
        body[place : place + len(KEY)] = KEY.encode()
    async with listening(saying(ok(bytes(body)))) as url:
        response = await transport.send(structs.replace(request(url), max_body=20_000_000))
    assert response.body == bytes(body).replace(KEY.encode(), b"***")


async def test_a_flood_from_a_route_without_a_shape_is_cut_and_not_asked_for_again() -> None:
    heads: list[str] = []
    flood = b"[" + b"{}," * 5_000_000 + b"1]"

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await saying(ok(flood, "Content-Type: application/json"), heads)(reader, writer)

    async with listening(handler) as url, Postiz(api_key=KEY, base_url=url) as postiz:
        with pytest.raises(APIResponseValidationError) as caught:
            await postiz.media.video_function("image-text-slides", "loadVoices")
    assert "POST /video/function" in str(caught.value)
    assert "4,194,304 bytes" in str(caught.value)
    assert len(heads) == 1


async def test_a_create_whose_answer_is_too_long_may_be_stored() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await saying(ok(b"[" + b"1," * 1_000_000 + b"1]"))(reader, writer)

    channel = Channel(id="c", name="us", provider="mastodon")
    async with listening(handler) as url, Postiz(api_key=KEY, base_url=url) as postiz:
        at = datetime.now(UTC) + timedelta(hours=1)
        with pytest.raises(DeliveryUnknownError, match="1,048,576 bytes"):
            await postiz.posts.schedule(NewPost(channel, "x"), at=at, validate=False)


async def test_the_url_arrives_to_the_letter(transport: AiohttpTransport) -> None:
    heads: list[str] = []
    path = "/public/v1/posts/a%2Fb%3Fc%23d%25e%20f%2Bg%2e?customer=x%26y&q=1:2"
    async with listening(saying(ok(), heads)) as url:
        await transport.send(request(url + path))
    assert heads[0].startswith(f"GET {path} HTTP/1.1\r\n")


async def test_a_closed_transport_sends_nothing() -> None:
    transport = AiohttpTransport()
    await transport.aclose()
    error = await failure_of(transport, request("http://127.0.0.1:1/"))
    assert error.delivery is Delivery.NOT_SENT


# ------------------------------------------------------------------ what the environment says


async def test_a_netrc_file_neither_replaces_the_key_nor_breaks_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    heads: list[str] = []
    transport = AiohttpTransport()
    async with listening(saying(ok(), heads)) as url:
        await transport.send(request(url))
    await transport.aclose()
    assert f"\r\nAuthorization: {KEY}\r\n" in heads[0]


@pytest.mark.parametrize("scheme", ["http://", ""])
async def test_a_proxy_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    heads: list[str] = []
    async with listening(saying(ok(), heads)) as url:
        monkeypatch.setenv("http_proxy", scheme + url.removeprefix("http://"))
        transport = AiohttpTransport()
        await transport.send(request("http://postiz.invalid/public/v1/x"))
        await transport.aclose()
    assert heads[0].startswith("GET http://postiz.invalid/public/v1/x HTTP/1.1\r\n")


async def test_no_proxy_goes_around_it(monkeypatch: pytest.MonkeyPatch, nobody: str) -> None:
    monkeypatch.setenv("http_proxy", nobody)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    transport = AiohttpTransport()
    async with listening(saying(ok())) as url:
        assert (await transport.send(request(url))).status == 200
    await transport.aclose()


async def test_a_proxy_that_is_down_or_refuses_means_not_sent(
    monkeypatch: pytest.MonkeyPatch, nobody: str
) -> None:
    monkeypatch.setenv("http_proxy", nobody)
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    async with listening(saying(refusal)) as url:
        monkeypatch.setenv("https_proxy", url)
        transport = AiohttpTransport()
        down = await failure_of(transport, request("http://postiz.invalid/"))
        refused = await failure_of(transport, request("https://postiz.invalid/"))
        await transport.aclose()
    assert "proxy" in str(down)
    assert "proxy on the way to https://postiz.invalid refused: 403" in str(refused)
    assert down.delivery is refused.delivery is Delivery.NOT_SENT


async def test_a_proxy_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1080")
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY is a socks5 proxy"):
        AiohttpTransport()


# ------------------------------------------------------------------ uploads


def part(chunks: list[bytes], opened: list[int]) -> FilePart:
    async def stream() -> AsyncGenerator[bytes]:
        opened.append(1)
        for chunk in chunks:
            yield chunk
            await asyncio.sleep(0)

    return FilePart("upload.png", "image/png", sum(map(len, chunks)), stream, stall_timeout=0.2)


@pytest.mark.parametrize("size_is_known", [True, False])
async def test_an_upload_is_one_part_named_file_and_is_streamed(
    transport: AiohttpTransport, *, size_is_known: bool
) -> None:
    seen: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        end = b"--\r\n" if size_is_known else b"--\r\n\r\n0\r\n\r\n"
        seen.append(await reader.readuntil(end))
        writer.write(ok())

    opened: list[int] = []
    async with listening(handler) as url:
        body = part([b"abc", b"defg"], opened)
        body = body if size_is_known else replace(body, size=None)
        await transport.send(request(url, method="POST", body=body))
    head, multipart = (piece.decode().lower() for piece in seen)
    boundary = re.search(r"content-type: multipart/form-data; boundary=\"?(\w+)", head)
    assert boundary is not None
    length = f"content-length: {len(multipart)}\r\n"
    assert (length if size_is_known else "transfer-encoding: chunked") in head
    assert multipart.count(boundary[1]) == 2
    assert 'content-disposition: form-data; name="file"; filename="upload.png"' in multipart
    assert "content-type: image/png" in multipart
    assert opened == [1]


async def test_a_refusal_in_the_middle_of_an_upload_is_read(transport: AiohttpTransport) -> None:
    answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(10_000)
        writer.write(answer)
        await writer.drain()
        await reader.read()

    opened: list[int] = []
    async with listening(handler) as url:
        body = replace(part([b"x" * 60_000] * 400, opened), stall_timeout=PATIENCE)
        response = await transport.send(request(url, method="POST", body=body, timeout=PATIENCE))
    assert response.status == 413


@pytest.mark.parametrize("size", [100_000, 20_000_000], ids=["answer", "body"])
async def test_an_upload_that_stalls_ends(transport: AiohttpTransport, size: int) -> None:
    """With a small body the answer is missing; a large one does not leave in the first place."""

    over = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await read_head(reader)
        await over.wait()

    async with listening(deaf) as url:
        body = part([b"x" * (size // 2)] * 2, [])
        error = await failure_of(transport, request(url, method="POST", body=body, timeout=None))
        over.set()
    assert isinstance(error, APITimeoutError)
    what = "did not answer" if size < 1_000_000 else "took no byte"
    assert re.search(rf"{what} for 0\.[23]\d* s after [\d,]+ bytes of an upload\.", str(error))


def test_a_slow_reader_is_waited_for() -> None:
    """All of it takes many times as long as a stall may: bytes move all the same."""
    moments: list[float] = []

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        found = re.search(r"content-length: (\d+)", head.lower())
        assert found is not None
        left = int(found[1])
        moments.append(asyncio.get_running_loop().time())
        while left:
            left -= len(await reader.read(250_000))
            await asyncio.sleep(0.02)
        moments.append(asyncio.get_running_loop().time())
        writer.write(ok())

    async def upload() -> None:
        transport = AiohttpTransport()
        async with listening(slow) as url:
            body = part([b"x" * 12_000_000], [])
            response = await transport.send(request(url, method="POST", body=body, timeout=None))
        await transport.aclose()
        assert response.status == 200

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(upload())
    began, ended = moments
    assert ended - began > 4 * 0.2


async def test_a_source_that_stalls_is_named_as_the_cause(transport: AiohttpTransport) -> None:
    async def deaf(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def stuck() -> AsyncGenerator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    async with listening(deaf) as url:
        body = FilePart("upload.png", "image/png", None, stuck, stall_timeout=0.1)
        with pytest.raises(UploadError, match=r"The source of the upload gave nothing for 0\.1 s"):
            await transport.send(request(url, method="POST", body=body, timeout=None))
