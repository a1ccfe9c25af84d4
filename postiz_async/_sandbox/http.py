"""Serve a sandbox over HTTP: the API, forms, and routes for tests in another process.

The only module of the sandbox that needs aiohttp. Only the beginning of an uploaded file is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from importlib.resources import files
from ipaddress import ip_address
from urllib.parse import urlsplit

import aiohttp
import anyio
import msgspec
from aiohttp import web
from aiohttp.http import HttpProcessingError
from multidict import CIMultiDict

from postiz_async._sandbox.faults import Fault
from postiz_async._sandbox.messages import (
    ConnectionLost,
    FormError,
    HttpRequest,
    Response,
    UploadedFile,
    UploadReader,
    empty_response,
    json_response,
)
from postiz_async._sandbox.pipeline import BODY_LIMIT
from postiz_async._sandbox.server import MemoryServer as MemoryServer  # noqa: PLC0414  (for commands)
from postiz_async.clock import AcceleratedClock

_CHUNK = 64 * 1024
_FOREIGN = (
    "only this machine's own programs may do this; for others start the sandbox with --host 0.0.0.0"
)
_OPENAPI = files("postiz_async._sandbox") / "openapi.json"


async def read_form(
    headers: Mapping[str, str], content: aiohttp.StreamReader
) -> UploadedFile | FormError | None:
    """The file of a form, the error if the form is invalid, or None if it has no file.

    Args:
        headers: Headers of the request, one of which names the boundary.
        content: The body.
    """
    try:
        reader = aiohttp.MultipartReader(headers, content)
    except ValueError:
        return FormError("Multipart: Boundary not found")
    file: UploadedFile | None = None
    try:
        while (part := await reader.next()) is not None:
            if isinstance(part, aiohttp.MultipartReader) or not part.filename:
                continue
            if file is not None:
                return FormError(f"Unexpected field - {_decode(part.name)}")
            file = await _read_file(part)
    except (HttpProcessingError, ValueError, RuntimeWarning):  # where warnings are made errors
        return FormError("Multipart: Unexpected end of form")
    return file


async def _read_file(part: aiohttp.BodyPartReader) -> UploadedFile:
    reader = UploadReader()
    while not part.at_eof():
        reader.add(await part.read_chunk(_CHUNK))
    return reader.file(_decode(part.name), _decode(part.filename))


def _decode(name: str | None) -> str:
    """A name with U+FFFD for each byte that is not UTF-8, which aiohttp keeps as a surrogate."""
    return (name or "").encode(errors="surrogateescape").decode(errors="replace")


def control(sandbox: MemoryServer, method: str, path: str, body: str = "") -> Response:
    """Answer a request below `/sandbox/`."""
    try:
        match ("GET" if method == "HEAD" else method, path.removeprefix("/sandbox/")):
            case ("GET", "clock"):
                return json_response(200, _clock(sandbox))
            case ("GET", "state"):
                return json_response(200, _counts(sandbox))
            case ("GET", "posts"):
                return json_response(200, {"posts": sandbox.posts})
            case ("GET", "faults"):
                return json_response(200, {"struck": sandbox.faults.struck})
            case ("GET", "openapi.json"):
                return json_response(200, msgspec.Raw(_OPENAPI.read_bytes()))
            case ("POST", "faults"):
                sandbox.faults.add(Fault.parse(body))
            case ("POST", "lock-out"):
                sandbox.lock_out(seconds=float(body) if body else None)
            case ("POST", "publish"):
                sandbox.publish(body or None)
            case _:
                return json_response(404, {"msg": "the sandbox has no such page"})
    except (LookupError, ValueError) as error:
        return json_response(400, {"msg": str(error)})
    return empty_response(204)


def _clock(sandbox: MemoryServer) -> dict[str, float]:
    """The values with which another process can show the same time."""
    clock = sandbox.clock
    if isinstance(clock, AcceleratedClock):
        anchor = clock.anchor
        return {"speed": clock.speed, "real": anchor.real, "shown": anchor.shown}
    return {"speed": 1.0, "real": time.time(), "shown": clock.time()}


def _counts(sandbox: MemoryServer) -> dict[str, int]:
    return {
        "posts": len(sandbox.posts),
        "requests": sandbox.requests,
        "creates": len(sandbox.creates),
        "refusals": sandbox.refusals,
        "uploads": len(sandbox.uploads),
    }


def _is_own(name: str) -> bool:
    """Whether the name of a host means this machine."""
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def _is_foreign(request: web.Request) -> bool:
    """Whether somebody else's web page may be behind a request, by its host or its origin."""
    asked = [f"//{request.host}", *request.headers.getall("Origin", ())]
    try:
        return not all(_is_own(urlsplit(each).hostname or "") for each in asked)
    except ValueError:  # half a bracket
        return True


_KEEP_ALIVE = 5.0
_WEBHOOK_TIMEOUT = aiohttp.ClientTimeout(total=5.0)


@dataclass(frozen=True, slots=True)
class Served:
    """A sandbox that is served over HTTP.

    Attributes:
        url: Root of the server, without the path of the API.
        api_url: The base URL for a client.
    """

    url: str
    api_url: str


def _root(address: str, port: int) -> str:
    """The URL at which this machine reaches a server, also one that listens on all addresses."""
    ip = ip_address(address)
    if ip.is_unspecified:
        ip = ip_address("127.0.0.1" if ip.version == 4 else "::1")
    return f"http://{ip}:{port}" if ip.version == 4 else f"http://[{ip}]:{port}"


@asynccontextmanager
async def serve(
    sandbox: MemoryServer, host: str = "127.0.0.1", port: int = 0
) -> AsyncGenerator[Served]:
    """Serve a sandbox until the block ends.

    Args:
        sandbox: The sandbox; its paths of uploaded files begin with the address from now on.
        host: Address to listen on. On loopback, `/sandbox/` is only for this machine's own names.
        port: Port to listen on; 0 takes a free one.
    """
    runner = web.AppRunner(
        _application(sandbox, is_private=_is_own(host)),
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
        url = _root(*runner.addresses[0][:2])
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
                webhooks.result()  # raises the error that ended it


async def _call_webhooks(sandbox: MemoryServer) -> None:
    """Publish posts in time and call webhooks: in order for each URL, all URLs at once."""
    receivers: dict[str, asyncio.Queue[bytes]] = {}
    async with (
        aiohttp.ClientSession(timeout=_WEBHOOK_TIMEOUT) as session,
        asyncio.TaskGroup() as group,
    ):
        while True:
            for each in sandbox.take_deliveries():
                if each.url not in receivers:
                    receivers[each.url] = asyncio.Queue()
                    group.create_task(_call_one(session, each.url, receivers[each.url]))
                receivers[each.url].put_nowait(each.body)
            await sandbox.wait_for_publication()


async def _call_one(session: aiohttp.ClientSession, url: str, bodies: asyncio.Queue[bytes]) -> None:
    """Call one webhook; its answers are ignored, as on the server."""
    headers = {"Content-Type": "application/json"}
    while True:
        body = await bodies.get()
        with suppress(aiohttp.ClientError, TimeoutError):
            async with session.post(url, data=body, headers=headers):
                pass


def _application(sandbox: MemoryServer, *, is_private: bool) -> web.Application:
    async def answer(http_request: web.Request) -> web.StreamResponse:
        if http_request.path.startswith("/sandbox/"):
            if is_private and _is_foreign(http_request):
                return _to_http(json_response(403, {"msg": _FOREIGN}))
            body = (await _read_body(http_request)).decode(errors="replace").strip()
            return _to_http(control(sandbox, http_request.method, http_request.path, body))
        try:
            response = await sandbox.handle(await _from_http(http_request))
        except (ConnectionLost, ConnectionResetError):  # of a fault, or of a client that gave up
            if http_request.transport is not None:
                http_request.transport.abort()
            return web.Response()  # goes nowhere
        return _to_http(response)

    application = web.Application(client_max_size=0)
    application.router.add_route("*", r"/{path:[\s\S]*}", answer)  # %0A is a line break
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
        return replace(request, file=await read_form(http_request.headers, http_request.content))
    return replace(request, body=await _read_body(http_request))


async def _read_body(http_request: web.Request) -> bytes:
    """Read a body to the end, but keep only enough to see that it is too large."""
    kept = bytearray()
    async for chunk in http_request.content.iter_chunked(_CHUNK):
        kept += chunk[: BODY_LIMIT + 1 - len(kept)]
    return bytes(kept)
