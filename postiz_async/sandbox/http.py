"""Serving a sandbox over HTTP: API, forms, and routes for tests of another process.

The only module of the sandbox that needs aiohttp. Of an uploaded file only the beginning is kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio
from aiohttp import ClientError, ClientSession, ClientTimeout, web
from multidict import CIMultiDict

from postiz_async.clock import AcceleratedClock
from postiz_async.sandbox.messages import (
    ConnectionLost,
    FormError,
    HttpRequest,
    Response,
    UploadedFile,
    compress,
    json_response,
)
from postiz_async.sandbox.pipeline import BODY_LIMIT

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from postiz_async.sandbox.server import Sandbox

__all__ = [
    "FormReader",
    "Served",
    "control",
    "serve",
]


_HEAD = 8 * 1024
"""Bytes that are kept of a file."""

_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)
_DISPOSITION = re.compile(rb"^content-disposition:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_PARAMETER = re.compile(r';\s*(\w+)\*?=(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))')


class _ReceivedFile:
    def __init__(self, field: str, filename: str) -> None:
        self.field = field
        self._filename = filename
        self._head = b""
        self._size = 0
        self._digest = hashlib.sha256()

    def add(self, data: bytes) -> None:
        self._head += data[: _HEAD - len(self._head)]
        self._size += len(data)
        self._digest.update(data)

    def uploaded(self) -> UploadedFile:
        return UploadedFile(
            self.field, self._filename, self._size, self._digest.hexdigest(), self._head
        )


class FormReader:
    """Takes the body of a form in pieces of any size.

    Args:
        content_type: The header of the request, which names the boundary.
    """

    def __init__(self, content_type: str) -> None:
        found = _BOUNDARY.search(content_type)
        self._error = None if found else FormError("Multipart: Boundary not found")
        boundary = (found[1] or found[2]) if found else ""
        self._delimiter = b"\r\n--" + boundary.encode("latin-1")
        # the first delimiter may stand at the very beginning, without a line before it
        self._buffer = b"\r\n"
        self._step: Callable[[], bool] = self._read_part
        self._part: _ReceivedFile | None = None
        self._file: _ReceivedFile | None = None
        self._ended = False

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        if self._error is None and not self._ended:
            self._buffer += data
            while self._error is None and not self._ended and self._step():
                pass

    def finish(self) -> UploadedFile | FormError | None:
        """The file of the form, what is wrong with the form, or None where no file is in it."""
        if self._error is not None:
            return self._error
        if not self._ended:
            return FormError("Multipart: Unexpected end of form")
        return self._file.uploaded() if self._file is not None else None

    def _read_part(self) -> bool:
        """Read up to the next delimiter; what comes before the first one belongs to no part."""
        end = self._buffer.find(self._delimiter)
        if end < 0:
            safe = len(self._buffer) - len(self._delimiter) + 1
            if safe > 0:
                self._take(safe)
            return False
        self._take(end)
        self._buffer = self._buffer[len(self._delimiter) :]
        self._part = None
        self._step = self._read_delimiter_end
        return True

    def _take(self, count: int) -> None:
        if self._part is not None:
            self._part.add(self._buffer[:count])
        self._buffer = self._buffer[count:]

    def _read_delimiter_end(self) -> bool:
        if len(self._buffer) < len(b"--"):
            return False
        if self._buffer.startswith(b"--"):
            self._ended = True
        self._step = self._read_headers
        return True

    def _read_headers(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        self._open_part(self._buffer[:end])
        self._buffer = self._buffer[end + len(b"\r\n\r\n") :]
        self._step = self._read_part
        return True

    def _open_part(self, headers: bytes) -> None:
        disposition = _DISPOSITION.search(headers)
        text = disposition[1].decode(errors="replace") if disposition else ""
        parameters = {
            found[1].lower(): re.sub(r"\\(.)", r"\1", found[2] or found[3] or "")
            for found in _PARAMETER.finditer(text)
        }
        if not parameters.get("filename"):
            return
        self._part = _ReceivedFile(parameters.get("name", ""), parameters["filename"])
        if self._file is not None:
            self._error = FormError(f"Unexpected field - {self._part.field}")
        self._file = self._part


def control(sandbox: Sandbox, path: str) -> Response:
    """Answer a request below `/sandbox/`."""
    if path == "/sandbox/clock":
        return json_response(200, _clock(sandbox))
    if path == "/sandbox/state":
        return json_response(200, _counts(sandbox))
    if path == "/sandbox/posts":
        return json_response(200, {"posts": sandbox.posts})
    if path == "/sandbox/faults":
        return json_response(200, {"struck": sandbox.faults.struck})
    return json_response(404, {"msg": "the sandbox has no such page"})


def _clock(sandbox: Sandbox) -> dict[str, float]:
    """What another process needs to show the same time."""
    clock = sandbox.clock
    if isinstance(clock, AcceleratedClock):
        anchor = clock.anchor
        return {"speed": clock.speed, "real": anchor.real, "shown": anchor.shown}
    return {"speed": 1.0, "real": time.time(), "shown": clock.time()}


def _counts(sandbox: Sandbox) -> dict[str, int]:
    return {
        "posts": len(sandbox.posts),
        "requests": sandbox.requests,
        "creates": len(sandbox.creates),
        "refusals": sandbox.refusals,
        "uploads": len(sandbox.uploads),
    }


_KEEP_ALIVE = 5.0
_CHUNK = 64 * 1024
_WEBHOOK_TIMEOUT = ClientTimeout(total=5.0)


@dataclass(frozen=True, slots=True)
class Served:
    """A sandbox that is reachable.

    Attributes:
        url: Root of the server, without the path of the API.
        api_url: What a client takes as its base URL.
    """

    url: str
    api_url: str


@asynccontextmanager
async def serve(sandbox: Sandbox, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[Served]:
    """Serve a sandbox until the block ends.

    Args:
        sandbox: What to serve; its paths of uploaded files begin with the address from now on.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
    """
    runner = web.AppRunner(
        _application(sandbox),
        access_log=None,
        keepalive_timeout=_KEEP_ALIVE,
        auto_decompress=False,
        shutdown_timeout=0.1,
    )
    await runner.setup()
    webhooks = asyncio.create_task(_call_webhooks(sandbox))
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        address = runner.addresses[0]
        url = f"http://{address[0]}:{address[1]}"
        sandbox.host = url
        prefix = "/api" if sandbox.base == "container" else ""
        yield Served(url, f"{url}{prefix}/public/v1")
    finally:
        webhooks.cancel()
        try:
            with anyio.CancelScope(shield=True):
                await runner.cleanup()
        finally:
            await asyncio.wait([webhooks])
            if not webhooks.cancelled():
                webhooks.result()  # raises what stopped it


async def _call_webhooks(sandbox: Sandbox) -> None:
    """Publish in time and call webhooks; nobody looks at their answers, as on the server."""
    async with ClientSession(timeout=_WEBHOOK_TIMEOUT) as session:
        while True:
            for delivery in sandbox.take_deliveries():
                headers = {"Content-Type": "application/json"}
                with suppress(ClientError, TimeoutError):
                    async with session.post(delivery.url, data=delivery.body, headers=headers):
                        pass
            await sandbox.wait_for_publication()


def _application(sandbox: Sandbox) -> web.Application:
    async def answer(http_request: web.Request) -> web.StreamResponse:
        if http_request.path.startswith("/sandbox/"):
            return _to_http(control(sandbox, http_request.path))
        try:
            request = await _from_http(http_request)
            response = await sandbox.handle(request)
        except (ConnectionLost, ConnectionResetError):  # of a fault, or of a client that gave up
            if http_request.transport is not None:
                http_request.transport.abort()
            return web.Response()  # goes nowhere
        return _to_http(compress(request, response))

    application = web.Application(client_max_size=0)
    application.router.add_route("*", "/{path:.*}", answer)
    application.on_response_prepare.append(_hide_framework)
    return application


async def _hide_framework(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop("Server", None)


def _to_http(response: Response) -> web.Response:
    connection = (("Connection", "keep-alive"), ("Keep-Alive", f"timeout={_KEEP_ALIVE:.0f}"))
    headers = CIMultiDict((*response.headers, *connection))
    return web.Response(status=response.status, headers=headers, body=response.body)


async def _from_http(http_request: web.Request) -> HttpRequest:
    headers = {name.lower(): value for name, value in http_request.headers.items()}
    request = HttpRequest(
        method=http_request.method,
        path=http_request.rel_url.raw_path,
        query=tuple(http_request.rel_url.query.items()),
        headers=headers,
    )
    if request.media_type == "multipart/form-data":
        form = FormReader(headers["content-type"])
        async for chunk in http_request.content.iter_chunked(_CHUNK):
            form.feed(chunk)
        return replace(request, file=form.finish())
    return replace(request, body=await _read_body(http_request))


async def _read_body(http_request: web.Request) -> bytes:
    """Read to the end, but keep no more than it takes to see that a body is too large."""
    kept = bytearray()
    async for chunk in http_request.content.iter_chunked(_CHUNK):
        kept += chunk[: BODY_LIMIT + 1 - len(kept)]
    return bytes(kept)
