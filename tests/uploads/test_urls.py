"""URLs: fetched by the server, else streamed through us, and only from where that is allowed."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import traceback
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

import pytest
from aiohttp import web
from network_lab import authority, ca_file, needs_own_name, server_context
from processes import PATIENCE, until
from samples import MP4, PNG
from upload_lab import sha

from postiz_async._client import Postiz
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async._sandbox.http import serve
from postiz_async._uploads.urls import is_public, shown
from postiz_async.clock import JumpingClock
from postiz_async.errors import AuthenticationError, InvalidInputError, UploadError
from postiz_async.testing._transport import sandbox_client

DATA = PNG + os.urandom(300_000)
SIGNATURE = "signature=s3cret"


class Web:
    """Another web server, which has a picture and bad habits."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: Counter[str] = Counter()
        self.redirect = ""
        self.released = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        name = request.path.strip("/")
        self.seen[name] += 1
        if name == "photo.png":
            assert "Authorization" not in request.headers, "the key is for Postiz alone"
            return web.Response(body=DATA)
        if name == "page.png":
            return web.Response(text="<html></html>", content_type="text/html")
        if name == "redirect":
            return web.Response(status=302, headers={"Location": self.redirect})
        if name == "large.png":
            return web.Response(body=PNG + bytes(10_485_760))
        if name == "missing.png":
            return web.Response(status=404)
        return await self._stream(request, name)

    async def _stream(self, request: web.Request, name: str) -> web.StreamResponse:
        response = web.StreamResponse()
        if name == "cut.png":
            response.content_length = 1_000_000
        await response.prepare(request)
        await response.write(DATA)
        if name == "endless.png":
            while True:
                await response.write(bytes(65_536))
        if name == "stuck.png":
            await self.released.wait()
        while name == "trickle.png" and not self.released.is_set():
            await response.write(b"\0")
            await asyncio.sleep(0.01)
        if name == "cut.png" and request.transport is not None:
            request.transport.abort()
        return response


@asynccontextmanager
async def served_web() -> AsyncGenerator[Web]:
    made = Web()
    application = web.Application()
    application.router.add_get("/{path:.*}", made.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        made.released.set()
        await runner.cleanup()


@pytest.fixture
async def other() -> AsyncIterator[Web]:
    async with served_web() as made:
        yield made


# ------------------------------------------------------------------ who fetches


async def test_the_server_fetches_what_it_can(
    sandbox_in_memory: MemoryServer, local: Postiz
) -> None:
    url = "https://pictures.example.com/photo.png?size=large"
    sandbox_in_memory.add_remote_file(url, DATA)
    told: list[int] = []
    await local.media.upload(url, progress=lambda sent, _: told.append(sent))
    (stored,) = sandbox_in_memory.uploads
    assert (stored.sha256, sandbox_in_memory.requests, told) == (sha(DATA), 1, [])


async def test_what_the_server_would_not_fetch_is_streamed_through_us(
    sandbox: MemoryServer, postiz: Postiz, other: Web
) -> None:
    """It takes https alone, and a path with a suffix: it is not even asked."""
    told: list[tuple[int, int | None]] = []
    media = await postiz.media.upload(
        f"{other.url}/photo.png", allow_private=True, progress=lambda *now: told.append(now)
    )
    assert [stored.sha256 for stored in sandbox.uploads] == [sha(DATA)]
    assert (media.size, media.width) == (len(DATA), 1)
    assert (told[0], told[-1]) == ((0, len(DATA)), (len(DATA), len(DATA)))
    assert sandbox.requests == 1


@pytest.mark.parametrize(
    "refusal",
    [
        "refused",
        "old",
        Fault(kind="error_before", route="upload_from_url"),
        Fault(kind="error_before", status=503, route="upload_from_url"),
        Fault(kind="drop_answer", route="upload_from_url"),
    ],
)
async def test_when_the_server_refuses_or_fails_we_try(refusal: Fault | str) -> None:
    """Nobody listens at the address: that is said by us, after the server was asked."""
    release = "v2.7.0" if refusal == "old" else "HEAD"
    async with MemoryServer(release=release) as sandbox, serve(sandbox) as served:
        if isinstance(refusal, Fault):
            sandbox.faults.add(refusal)
        async with Postiz(api_key="sandbox", base_url=served.url) as postiz:
            with pytest.raises(UploadError, match=r"https://127\.1:9/a\.png could not be fetched"):
                await postiz.media.upload("https://127.1:9/a.png", allow_private=True)
        assert (sandbox.requests, sandbox.uploads) == (1, ())


async def test_a_key_that_is_refused_is_not_tried_around(sandbox: MemoryServer) -> None:
    async with (
        serve(sandbox) as served,
        Postiz(api_key="another", base_url=served.url) as postiz,
    ):
        with pytest.raises(AuthenticationError):
            await postiz.media.upload("https://pictures.example.com/photo.png")


CHILD = """
import asyncio, sys
from postiz_async import Postiz
async def main():
    async with Postiz(api_key="sandbox", base_url=sys.argv[1]) as postiz:
        print((await postiz.media.upload(sys.argv[2], allow_private={"127.0.0.1"})).path)
asyncio.run(main())
"""


async def test_what_has_a_private_address_arrives_through_us(
    sandbox: MemoryServer, tmp_path: Path
) -> None:
    """With TLS, in a process of its own that trusts our certificate."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(DATA) + DATA)
        await writer.drain()
        writer.close()

    context = server_context(authority().issue_cert("127.0.0.1"))
    async with (
        serve(sandbox) as served,
        await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server,
    ):
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/photo.png"
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-c", CHILD, served.url, url,
            env=os.environ | {"SSL_CERT_FILE": str(ca_file(tmp_path))},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await child.communicate()
    assert child.returncode == 0, out.decode()
    assert out.decode().strip().endswith(".png")
    assert [stored.sha256 for stored in sandbox.uploads] == [sha(DATA)]
    assert sandbox.requests == 1, "the server is not told of the address"


# ------------------------------------------------------------------ where to

LOCALHOST = pytest.param("localhost", marks=needs_own_name)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", LOCALHOST, "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"],  # noqa: S104
)
async def test_private_addresses_are_not_fetched(
    sandbox: MemoryServer, postiz: Postiz, other: Web, host: str
) -> None:
    port = other.url.rpartition(":")[2]
    with pytest.raises(UploadError) as caught:
        await postiz.media.upload(f"http://{host}:{port}/photo.png")
    assert "an address of a private network or of this machine, and was not" in str(caught.value)
    assert "allow_private=True" in str(caught.value)
    assert (other.seen, sandbox.requests) == (Counter(), 0)


async def test_other_ways_to_write_a_private_address_do_not_help(
    postiz: Postiz, other: Web
) -> None:
    port = other.url.rpartition(":")[2]
    for host in ("2130706433", "127.1", "0x7f000001", "017700000001"):
        with pytest.raises(UploadError):
            await postiz.media.upload(f"http://{host}:{port}/photo.png")
    assert other.seen == Counter()


@pytest.mark.parametrize(
    "host", [LOCALHOST, "127.0.0.2", "[::ffff:127.0.0.1]", "127.0.0.1@127.0.0.2"]
)
async def test_a_redirect_to_a_private_address_is_not_followed(
    postiz: Postiz, other: Web, host: str
) -> None:
    """The first host is trusted by name; what it points to is not."""
    port = other.url.rpartition(":")[2]
    other.redirect = f"http://{host}:{port}/photo.png"
    with pytest.raises(UploadError, match="an address of a private network or of this machine"):
        await postiz.media.upload(f"{other.url}/redirect", allow_private=["127.0.0.1"])
    assert other.seen == Counter({"redirect": 1})


async def test_redirects_are_followed_and_counted(
    sandbox: MemoryServer, postiz: Postiz, other: Web
) -> None:
    other.redirect = "/photo.png"
    await postiz.media.upload(f"{other.url}/redirect", allow_private=["127.0.0.1"])
    assert [stored.sha256 for stored in sandbox.uploads] == [sha(DATA)]
    other.redirect = "redirect"
    with pytest.raises(UploadError, match="redirects more than 5 times"):
        await postiz.media.upload(f"{other.url}/redirect", allow_private=True)
    for target in ("file:///etc/passwd", "ftp://127.0.0.1/a.png", "http://[::1"):
        other.redirect = target
        with pytest.raises(InvalidInputError, match="is not the address of a file on the web"):
            await postiz.media.upload(f"{other.url}/redirect", allow_private=True)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("127.8.8.8", False),
        ("0.0.0.0", False),  # noqa: S104
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff0e::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("2002:7f00:1::", False),
        ("64:ff9b:1::a00:1", False),
        ("::7f00:1", False),
        ("::ffff:0:a00:1", False),
        ("fec0::1", False),
        ("5f00::1", False),
        ("nonsense", False),
    ],
)
def test_what_a_public_address_is(address: str, *, public: bool) -> None:
    assert is_public(address) is public


SPECIAL_V4 = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 172.16.0.0/12
    192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16
    192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
"""
"""IANA's special-purpose registry of IPv4, its multicast, and Azure's wire server."""

SPECIAL_V6 = """
    ::/128 ::1/128 ::/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001::/32 2001:1::1/128
    2001:2::/48 2001:3::/32 2001:4:112::/48 2001:10::/28 2001:20::/28 2001:30::/28 2001:db8::/32
    2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
"""


def edges(block: str) -> list[IPv4Address | IPv6Address]:
    network = ip_network(block)
    return [network[0], network[network.num_addresses // 2], network[-1]]


@pytest.mark.parametrize("block", SPECIAL_V4.split())
def test_no_special_address_of_ipv4_is_public_nor_what_stands_for_it(block: str) -> None:
    for address in edges(block):
        a, b = divmod(int(address), 1 << 16)
        assert not is_public(str(address))
        assert not is_public(f"::ffff:{address}")
        assert not is_public(f"64:ff9b::{address}")
        assert not is_public(f"2002:{a:x}:{b:x}::1"), "6to4"


@pytest.mark.parametrize("block", SPECIAL_V6.split())
def test_no_special_address_of_ipv6_is_public(block: str) -> None:
    assert not any(is_public(str(address)) for address in edges(block))


def test_what_lies_beside_a_special_block_is_public() -> None:
    for block in SPECIAL_V4.split():
        network = ip_network(block)
        for number in (int(network[0]) - 1, int(network[-1]) + 1):
            beside = ip_address(max(0, min(number, (1 << 32) - 1)))
            assert is_public(str(beside)) is not any(
                beside in ip_network(other) for other in SPECIAL_V4.split()
            )
    for address in ("2001:200::1", "2001:db7::1", "2001:db9::1", "2620:4f:8001::1", "3ffe::1"):
        assert is_public(address)
    assert is_public("2002:808:808::1")


# ------------------------------------------------------------------ what comes


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.png", "answered 404, not with a file"),
        ("page.png", "of an unknown kind by its content"),
        ("large.png", "has 10,485,793 bytes; the server accepts 10,485,760"),
        ("endless.png", "more than 10,485,760 bytes, which is all that the server accepts"),
        ("cut.png", "could not be fetched: its answer broke off"),
        ("stuck.png", "could not be fetched: it gave no byte for 0.1 s"),
    ],
)
async def test_what_is_no_picture_of_a_sensible_size_is_not_stored(
    sandbox: MemoryServer, postiz: Postiz, other: Web, name: str, words: str
) -> None:
    patience = 0.1 if name == "stuck.png" else PATIENCE
    with pytest.raises((UploadError, InvalidInputError)) as caught:
        await postiz.media.upload(f"{other.url}/{name}", allow_private=True, stall_timeout=patience)
    assert words in str(caught.value)
    assert f"/{name}" in str(caught.value)
    assert (sandbox.uploads, other.seen[name]) == ((), 1)


async def test_what_trickles_is_ended_by_the_patience_of_its_caller(
    sandbox: MemoryServer, other: Web
) -> None:
    async with (
        serve(sandbox) as served,
        Postiz(api_key="sandbox", base_url=served.url) as postiz,
    ):
        url = f"{other.url}/trickle.png"
        upload = asyncio.create_task(
            postiz.media.upload(url, allow_private=True, stall_timeout=PATIENCE)
        )
        await until(lambda: other.seen)
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload
        with pytest.raises(TimeoutError):
            await postiz.with_options(timeout=0.3).media.upload(url, allow_private=True)
    assert sandbox.uploads == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("trickle.png", ("is too slow", "At least 1,024 a second are expected")),
        ("drip.png", ("is too slow", "At least 1,024 a second are expected")),
        ("drip-head.png", ("had not begun to answer after 120 s",)),
        ("slow.png", ("is too slow", "the whole file within 1 h")),
    ],
)
async def test_a_stranger_who_drips_is_given_up(name: str, words: tuple[str, ...]) -> None:
    """The stranger moves the clock."""
    clock = JumpingClock()
    async with MemoryServer(clock=clock) as sandbox, sandbox_client(sandbox) as postiz:
        with clock.hold():
            async with dripping(name, clock) as url:
                with pytest.raises(UploadError) as caught:
                    await postiz.media.upload(url, allow_private=True)
    for word in (*words, url):
        assert word in str(caught.value)
    if "too slow" in str(caught.value):
        assert re.search(
            r" [\d,]+ bytes in 1 (min|h) of waiting, given up after \d", str(caught.value)
        )
    assert clock.monotonic() >= 60
    assert caught.value.__cause__ is not caught.value
    assert sandbox.uploads == ()


async def test_a_stranger_who_is_slow_and_not_too_slow_is_listened_to() -> None:
    clock = JumpingClock()
    async with MemoryServer(clock=clock) as sandbox, sandbox_client(sandbox) as postiz:
        with clock.hold():
            async with dripping("fair.png", clock) as url:
                await postiz.media.upload(url, allow_private=True)
    assert [stored.size for stored in sandbox.uploads] == [len(PNG) + 500 * 2_000]
    assert clock.monotonic() >= 499


DRIPS = {  # what comes at once, what comes then, all the time, and in how many seconds
    "trickle.png": (b"Content-Length: 10000000\r\n\r\n" + DATA, b"\0", 1.0),
    "drip.png": (b"\r\n", b"\x89", 1.0),
    "drip-head.png": (b"X-Long: ", b"x", 1.0),
    "slow.png": (b"\r\n" + MP4, bytes(100_000), 50.0),
    "fair.png": (b"Content-Length: %d\r\n\r\n" % (len(PNG) + 1_000_000) + PNG, bytes(2_000), 1.0),
}


@asynccontextmanager
async def dripping(name: str, clock: JumpingClock) -> AsyncGenerator[str]:
    """A server from which some bytes come now and then."""
    start, piece, seconds = DRIPS[name]
    tasks: set[asyncio.Task[object]] = set()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\n" + start)
            while not writer.is_closing():
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.001)
                clock.advance(seconds)
        except OSError:  # the reader has given up
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/{name}"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_repetition_fetches_anew(sandbox: MemoryServer, postiz: Postiz, other: Web) -> None:
    sandbox.faults.add(Fault(kind="drop_answer", route="upload_file", times=2))
    await postiz.media.upload(f"{other.url}/photo.png", allow_private=True)
    assert other.seen == Counter({"photo.png": 3})
    assert {stored.sha256 for stored in sandbox.uploads} == {sha(DATA)}


async def test_what_may_be_secret_in_a_url_is_not_shown(postiz: Postiz, other: Web) -> None:
    port = other.url.rpartition(":")[2]
    url = f"http://user:password@127.0.0.1:{port}/missing.png?signature=s3cret"
    for allowed in (True, False):
        with pytest.raises(UploadError) as caught:
            await postiz.media.upload(url, allow_private=allowed)
        for secret in ("password", "s3cret", "user"):
            assert secret not in str(caught.value)
    assert shown(url) == f"http://127.0.0.1:{port}/missing.png"


async def test_what_may_be_secret_in_a_url_is_in_no_trace_and_no_note(postiz: Postiz) -> None:
    """Whoever logs the whole traceback shows the causes too, and the notes of `upload_many`."""

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 nonsense\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(nonsense, "127.0.0.1", 0) as server:
        host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        urls = [f"http://user:password@{host}/a.png?signature=s3cret", "http://:80/?s3cret"]
        urls += ["http://user:password@127.0.0.1:9/a.png?s3cret", "http://a..b/?s3cret"]
        failed = await postiz.media.upload_many(urls, allow_private=True, return_exceptions=True)
    with pytest.raises(InvalidInputError) as caught:
        await postiz.media.upload_from_url(f"http://{host}/a?{SIGNATURE}")
    for error in (*failed, caught.value):
        assert isinstance(error, Exception)
        trace = "".join(traceback.format_exception(error))
        assert "s3cret" not in trace
        assert "password" not in trace
    assert failed[0].__notes__ == [f"upload 1 of 4: http://{host}/a.png"]  # type: ignore[union-attr]


async def test_an_address_that_is_none_or_where_nobody_answers(postiz: Postiz) -> None:
    with pytest.raises(
        UploadError, match=r"http://127\.0\.0\.1:9/a\.png could not be fetched: no c"
    ):
        await postiz.media.upload("http://127.0.0.1:9/a.png", allow_private=True)
    with pytest.raises(UploadError, match="could not be fetched"):
        await postiz.media.upload(f"http://{'a' * 70}.invalid/a.png")
    for wrong in ("http://", "http://:80/a.png", "http://a:b/c.png", "http://[::1/a.png"):
        with pytest.raises(InvalidInputError, match="not the address of a file on the web"):
            await postiz.media.upload(wrong)
