"""Serving a sandbox over HTTP. The only module of the sandbox that needs aiohttp."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio
from aiohttp import ClientError, ClientSession, ClientTimeout, web
from multidict import CIMultiDict

from postiz_async.sandbox.body import BODY_LIMIT
from postiz_async.sandbox.control import control
from postiz_async.sandbox.envelope import compress
from postiz_async.sandbox.exchange import ConnectionLost, HttpRequest, Response
from postiz_async.sandbox.forms import FormReader

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from postiz_async.sandbox.server import Sandbox

__all__ = ["Served", "serve"]

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
