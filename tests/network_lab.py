"""A company's network on loopback: an authority, TLS in front of a server, and proxies."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import trustme

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
    from pathlib import Path

    Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _own_name() -> str:
    """The name of this machine for itself, its address where no file of hosts has the name."""
    try:
        socket.getaddrinfo("localhost", None)
    except OSError:
        return "127.0.0.1"
    return "localhost"


HOST = _own_name()
needs_own_name = pytest.mark.skipif(HOST != "localhost", reason="this machine has no localhost")


@cache
def _authority(name: str) -> trustme.CA:
    return trustme.CA(organization_name=name)


def authority(name: str = "company") -> trustme.CA:
    """An authority, made once."""
    return _authority(name)


def ca_file(folder: Path, name: str = "company") -> Path:
    path = folder / f"{name}.pem"
    authority(name).cert_pem.write_to_path(str(path))
    return path


def trusting(
    folder: Path, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """What a client trusts the company with, and its own certificate if it has one."""
    context = ssl.create_default_context(cafile=ca_file(folder))
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


def client_files(folder: Path, name: str = "company") -> tuple[Path, Path]:
    """A client's certificate and key."""
    certificate, key = folder / "client.pem", folder / "client.key"
    made = authority(name).issue_cert("agency@example.com")
    made.cert_chain_pems[0].write_to_path(str(certificate))
    made.private_key_pem.write_to_path(str(key))
    return certificate, key


def server_context(
    certificate: trustme.LeafCert | None = None, *, wants_client: bool = False
) -> ssl.SSLContext:
    """What a server speaks TLS with, as `HOST`, of the company's authority if not said."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made = certificate or authority().issue_cert(HOST)
    made.configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    if wants_client:
        authority().configure_trust(context)  # pyright: ignore[reportUnknownMemberType]
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@asynccontextmanager
async def listening(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncGenerator[int]:
    """The port of a server."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await handler(reader, writer)
        tasks.discard(task)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def joined(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int
) -> None:
    """Pass bytes on, both ways, until one side ends."""
    there = await asyncio.open_connection(host, port)

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while piece := await source.read(65_536):
            target.write(piece)
            await target.drain()

    pumps = [
        asyncio.create_task(pump(reader, there[1])),
        asyncio.create_task(pump(there[0], writer)),
    ]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        there[1].close()
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


@asynccontextmanager
async def tls_front(url: str, context: ssl.SSLContext) -> AsyncGenerator[str]:
    """The same server, with TLS in front of it."""
    host, _, port = url.removeprefix("http://").partition("/")[0].partition(":")

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await joined(reader, writer, host, int(port))

    async with listening(handler, context) as own:
        yield f"https://{HOST}:{own}"


@dataclass
class ConnectProxy:
    """A proxy that makes tunnels, and keeps the heads of what it was asked.

    With `status` it refuses; with `wants` only those who say this may pass; with `inspects` it ends
    TLS by itself and shows a certificate of its own authority.
    """

    url: str = ""
    status: int = 0
    wants: str = ""
    inspects: ssl.SSLContext | None = None
    heads: list[str] = field(default_factory=list[str])


@asynccontextmanager
async def connect_proxy(
    proxy: ConnectProxy | None = None, context: ssl.SSLContext | None = None
) -> AsyncGenerator[ConnectProxy]:
    it = proxy or ConnectProxy()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        it.heads.append(head)
        status = it.status
        if it.wants and f"proxy-authorization: {it.wants}".lower() not in head.lower():
            status = 407
        if status:
            writer.write(f"HTTP/1.1 {status} Refused\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return
        host, _, port = head.split()[1].partition(":")
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        if it.inspects is not None:
            await writer.start_tls(it.inspects)
            await reader.read()
            return
        await joined(reader, writer, host, int(port))

    async with listening(handler, context) as port:
        it.url = f"{'http' if context is None else 'https'}://{HOST}:{port}"
        yield it


@contextmanager
def refusing(context: ssl.SSLContext) -> Generator[str]:
    """A server whose handshakes fail, and which says why, as asyncio's does not."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    plain, _ = server.accept()
                except OSError:
                    return
                plain.settimeout(60)
                with (
                    suppress(OSError),
                    context.wrap_socket(
                        plain, server_side=True, do_handshake_on_connect=False
                    ) as secure,
                ):
                    with suppress(OSError):
                        secure.do_handshake()
                    secure.shutdown(socket.SHUT_WR)
                    while secure.recv(65_536):
                        """What the client had sent already: closed over it, nothing is told."""

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"https://{HOST}:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@dataclass
class Recorder:
    """A server in a thread that keeps what it was asked: `(method, path, headers)`.

    It answers as an API with one channel would, unless it has something else to say.
    """

    url: str = ""
    seen: list[tuple[str, str, dict[str, str]]] = field(
        default_factory=list[tuple[str, str, dict[str, str]]]
    )
    status: int = 200
    more: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes | None = None

    def has_seen(self, *texts: str) -> bool:
        """Whether one of the texts came here in any header or path."""
        return any(text in repr(each) for text in texts for each in self.seen)


@contextmanager
def recording(context: ssl.SSLContext | None = None) -> Generator[Recorder]:
    it = Recorder()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            it.seen.append((self.command, self.path, headers))
            self.rfile.read(int(headers.get("content-length", "0")))
            body = it.body
            if body is None:
                body = b'{"connected": true}' if "is-connected" in self.path else b"[]"
            self.send_response(it.status)
            said = {"Content-Type": "application/json", "Content-Length": str(len(body))}
            for name, value in (said | it.more).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_DELETE = do_CONNECT = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        it.url = f"{'http' if context is None else 'https'}://{HOST}:{server.server_port}"
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.02))
        thread.start()
        try:
            yield it
        finally:
            server.shutdown()
            thread.join()
